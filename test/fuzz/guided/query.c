/*
 * query.c
 *		The language of bm25 queries, and the type bm25query.
 *
 * Every text is a query.  What the strict form accepts must be read alike by the
 * other one, and a value must be the same after its text and its binary form.
 */
#include "postgres.h"

#include <math.h>

#include "access/transam.h"
#include "catalog/pg_class.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

#include "bm25/query_parse.h"
#include "shim.h"

extern Datum gv_bm25_query_in(PG_FUNCTION_ARGS);
extern Datum gv_bm25_query_out(PG_FUNCTION_ARGS);
extern Datum gv_bm25_query_recv(PG_FUNCTION_ARGS);
extern Datum gv_bm25_query_send(PG_FUNCTION_ARGS);

/* No catalog: a name is of an index if it is "i", and tsqueries are any text */
Datum
regclassin(PG_FUNCTION_ARGS)
{
	if (strcmp(PG_GETARG_CSTRING(0), "i") != 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("no such relation")));
	PG_RETURN_OID(FirstNormalObjectId);
}

Datum
regclassout(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING("i");
}

char
get_rel_relkind(Oid relid)
{
	return RELKIND_INDEX;
}

char *
get_rel_name(Oid relid)
{
	return "i";
}

Datum
tsqueryin(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(NULL);
}

typedef struct Input
{
	char	   *text;
	Size		len;
	char	   *copy;			/* without a zero at the end, as a value has it */
	GvBm25Clause *clause;
	Datum		value;
} Input;

/* Names that may stand before a clause */
static const GvBm25Fields fields = {.n = 2,.name = {"t", "body"}};

static void
parse_loosely(void *arg)
{
	Input	   *input = arg;

	input->clause = gv_bm25_query_parse(input->copy, input->len, &fields, false);
}

static void
parse_strictly(void *arg)
{
	Input	   *input = arg;

	input->clause = gv_bm25_query_parse(input->copy, input->len, &fields, true);
}

/* A clause is within the text and its limits */
static void
check_clause(const Input *input, const GvBm25Clause *clause, int depth)
{
	ListCell   *cell;

	if (depth > GV_BM25_MAX_DEPTH + 1)
		gv_fuzz_fail("groups are nested too deeply");
	if (!(clause->boost > 0 && clause->boost <= GV_BM25_MAX_BOOST) || clause->number < 0 ||
		clause->number > GV_BM25_MAX_MIN_MATCH || clause->field < 0 || clause->field > fields.n)
		gv_fuzz_fail("a number is out of its limits: %g, %d", clause->boost, clause->number);
	if (clause->kind != GV_BM25_CLAUSE_GROUP &&
		(clause->text < input->copy || clause->len > input->len ||
		 clause->text + clause->len > input->copy + input->len))
		gv_fuzz_fail("a clause is not in the text");
	foreach(cell, clause->clauses)
		check_clause(input, lfirst(cell), depth + 1);
}

static void
compare_clauses(const GvBm25Clause *a, const GvBm25Clause *b)
{
	if (a->kind != b->kind || a->occur != b->occur || a->boost != b->boost ||
		a->number != b->number || a->field != b->field || a->text != b->text || a->len != b->len ||
		list_length(a->clauses) != list_length(b->clauses))
		gv_fuzz_fail("the strict form is another query");
	for (int i = 0; i < list_length(a->clauses); i++)
		compare_clauses(list_nth(a->clauses, i), list_nth(b->clauses, i));
}

static void
read_value(void *arg)
{
	Input	   *input = arg;

	input->value = gv_fuzz_call(gv_bm25_query_in, CStringGetDatum(input->text), (Datum) 0,
								(Datum) 0);
}

static void
compare(Datum a, Datum b, const char *form)
{
	if (VARSIZE(DatumGetPointer(a)) != VARSIZE(DatumGetPointer(b)) ||
		memcmp(DatumGetPointer(a), DatumGetPointer(b), VARSIZE(DatumGetPointer(a))) != 0)
		gv_fuzz_fail("the value is another after its %s form", form);
}

static void
write_value(void *arg)
{
	Input	   *input = arg;
	Datum		text = gv_fuzz_call(gv_bm25_query_out, input->value, (Datum) 0, (Datum) 0);
	bytea	   *bytes = DatumGetByteaPP(gv_fuzz_call(gv_bm25_query_send, input->value,
													 (Datum) 0, (Datum) 0));
	StringInfoData message = {.data = VARDATA(bytes),.len = VARSIZE(bytes) - VARHDRSZ};

	compare(input->value, gv_fuzz_call(gv_bm25_query_in, text, (Datum) 0, (Datum) 0), "text");
	compare(input->value,
			gv_fuzz_call(gv_bm25_query_recv, PointerGetDatum(&message), (Datum) 0, (Datum) 0),
			"binary");
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	GvFuzzBytes bytes = {data, data + size};
	Input		input = {0};
	GvBm25Clause *loosely;

	input.text = gv_fuzz_take_text(&bytes);
	input.len = strlen(input.text);
	input.copy = palloc(Max(input.len, 1));
	memcpy(input.copy, input.text, input.len);
	if (!gv_fuzz_try(parse_loosely, &input))
		gv_fuzz_fail("a text is not a query");
	check_clause(&input, input.clause, 0);
	loosely = input.clause;
	if (gv_fuzz_try(parse_strictly, &input))
		compare_clauses(loosely, input.clause);
	if (gv_fuzz_try(read_value, &input) && !gv_fuzz_try(write_value, &input))
		gv_fuzz_fail("what was accepted is refused");
	gv_fuzz_finish();
	return 0;
}
