/*-------------------------------------------------------------------------
 *
 * operator.c
 *		The operators <@> and @@@, computed from a value and the index's counts.
 *
 * What an index scan orders by, these compute for any text in any plan: the
 * text's words with the weights that the index gives to the query.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "nodes/primnodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "bm25/bm25.h"
#include "bm25/corpus.h"

GV_FUNCTION(gv_bm25_text_distance);
GV_FUNCTION(gv_bm25_text_distance_text);
GV_FUNCTION(gv_bm25_array_distance);
GV_FUNCTION(gv_bm25_array_distance_text);
GV_FUNCTION(gv_bm25_text_match);
GV_FUNCTION(gv_bm25_text_match_text);
GV_FUNCTION(gv_bm25_array_match);
GV_FUNCTION(gv_bm25_array_match_text);
GV_FUNCTION(gv_bm25_tsvector_distance);
GV_FUNCTION(gv_bm25_tsvector_distance_text);
GV_FUNCTION(gv_bm25_tsvector_match);
GV_FUNCTION(gv_bm25_tsvector_match_text);

/* A query as a call site knows it */
typedef struct KnownQuery
{
	MemoryContext context;		/* of all this */
	GvBm25Query query;
	TimestampTz statement;		/* when the weights were found out: the statement */
	CommandId	command;		/* and its command */
	GvBm25Weighed *weighed;
	GvBm25Tokenizer *tokenizer;
	float	   *tf;
	MemoryContext row_context;
} KnownQuery;

/* Raise the error for a query that nobody has found an index for */
static void
check_named(FmgrInfo *flinfo, GvBm25Query query)
{
	if (!OidIsValid(query->index))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no bm25 index was found for the operator"),
				 flinfo->fn_expr != NULL && IsA(flinfo->fn_expr, ScalarArrayOpExpr) ?
				 errdetail("None is looked for where the right side is an array.") :
				 errdetail("Its left side is not a column, or an expression, that has one."),
				 errhint("Name the index: to_bm25query('...', 'index_name').")));
	gv_bm25_check_access(query);
}

/* Resolve and weigh a query, in its memory context */
static void
weigh_query(KnownQuery *known, bool with_score)
{
	MemoryContext old = MemoryContextSwitchTo(known->context);
	Relation	rel = gv_bm25_open_first(known->query->index);
	GvBm25Index index;
	GvBm25QueryTree *tree;

	gv_bm25_open(&index, rel);
	known->tokenizer = gv_bm25_tokenizer_of(&index, known->context, 0);
	tree = gv_bm25_query_resolve(known->query, known->tokenizer);
	if (with_score)
		known->weighed = gv_bm25_weigh_for(known->query, tree);
	else
		known->weighed = gv_bm25_weigh(NULL, 0, tree, NULL);
	if (tree->needs_positions)
	{
		gv_bm25_tokenizer_free(known->tokenizer);
		known->tokenizer = gv_bm25_tokenizer_of(&index, known->context, GV_BM25_TOKENS_POSITIONS);
	}
	known->tf = palloc(Max(known->weighed->n_leaves, 1) * sizeof(float));
	known->row_context = AllocSetContextCreate(known->context, "bm25 value",
											   ALLOCSET_DEFAULT_SIZES);
	index_close(rel, AccessShareLock);
	MemoryContextSwitchTo(old);
}

/* The query of a call, kept at the call site as long as it stays the same */
static KnownQuery *
know_query(FmgrInfo *flinfo, GvBm25Query query, bool with_score)
{
	KnownQuery *known = flinfo->fn_extra;
	MemoryContext context;
	TimestampTz statement = GetCurrentStatementStartTimestamp();
	CommandId	command = GetCurrentCommandId(false);

	if (known != NULL && known->statement == statement && known->command == command &&
		VARSIZE(known->query) == VARSIZE(query) &&
		memcmp(known->query, query, VARSIZE(query)) == 0)
		return known;
	check_named(flinfo, query);
	if (known != NULL)
	{
		flinfo->fn_extra = NULL;
		MemoryContextDelete(known->context);
	}
	context = AllocSetContextCreate(flinfo->fn_mcxt, "bm25 query", ALLOCSET_DEFAULT_SIZES);
	known = MemoryContextAllocZero(context, sizeof(KnownQuery));
	known->context = context;
	known->query = MemoryContextAlloc(context, VARSIZE(query));
	memcpy(known->query, query, VARSIZE(query));
	known->statement = statement;
	known->command = command;
	weigh_query(known, with_score);
	flinfo->fn_extra = known;
	return known;
}

/* Does a value match, and what is its score? */
static bool
evaluate_value(KnownQuery *known, Oid type, Datum value, float *score)
{
	MemoryContext old = MemoryContextSwitchTo(known->row_context);
	const GvBm25Document *document = gv_bm25_tokenize_value(known->tokenizer, type, value);
	float		factors[GV_BM25_FACTORS];
	bool		result;

	gv_bm25_count_leaves(known->weighed, document, known->tf);
	gv_bm25_factors(known->weighed, document, factors);
	result = gv_bm25_evaluate(known->weighed, known->tf, factors, score);
	MemoryContextSwitchTo(old);
	MemoryContextReset(known->row_context);
	return result;
}

/* The negative score of a value; 0 if it does not match */
static Datum
distance_of(FunctionCallInfo fcinfo, Oid type, GvBm25Query query)
{
	KnownQuery *known = know_query(fcinfo->flinfo, query, true);
	float		score;

	if (!evaluate_value(known, type, PG_GETARG_DATUM(0), &score))
		PG_RETURN_FLOAT8(0);
	PG_RETURN_FLOAT8(-(double) score);
}

static Datum
match_of(FunctionCallInfo fcinfo, Oid type, GvBm25Query query)
{
	KnownQuery *known = know_query(fcinfo->flinfo, query, false);
	float		score;

	PG_RETURN_BOOL(evaluate_value(known, type, PG_GETARG_DATUM(0), &score));
}

/* A query in the query language, for no index */
static GvBm25Query
query_of_text(Datum value)
{
	text	   *string = DatumGetTextPP(value);

	return gv_bm25_query_from_text(VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string), InvalidOid);
}

/*
 * gv_bm25_text_distance
 *		text <@> bm25query
 */
Datum
gv_bm25_text_distance(PG_FUNCTION_ARGS)
{
	return distance_of(fcinfo, TEXTOID, PG_GETARG_BM25QUERY(1));
}

/*
 * gv_bm25_text_distance_text
 *		text <@> text; called where the planner has found no index
 */
Datum
gv_bm25_text_distance_text(PG_FUNCTION_ARGS)
{
	return distance_of(fcinfo, TEXTOID, query_of_text(PG_GETARG_DATUM(1)));
}

/*
 * gv_bm25_array_distance
 *		text[] <@> bm25query
 */
Datum
gv_bm25_array_distance(PG_FUNCTION_ARGS)
{
	return distance_of(fcinfo, TEXTARRAYOID, PG_GETARG_BM25QUERY(1));
}

/*
 * gv_bm25_array_distance_text
 *		text[] <@> text
 */
Datum
gv_bm25_array_distance_text(PG_FUNCTION_ARGS)
{
	return distance_of(fcinfo, TEXTARRAYOID, query_of_text(PG_GETARG_DATUM(1)));
}

/*
 * gv_bm25_text_match
 *		text @@@ bm25query
 */
Datum
gv_bm25_text_match(PG_FUNCTION_ARGS)
{
	return match_of(fcinfo, TEXTOID, PG_GETARG_BM25QUERY(1));
}

/*
 * gv_bm25_text_match_text
 *		text @@@ text
 */
Datum
gv_bm25_text_match_text(PG_FUNCTION_ARGS)
{
	return match_of(fcinfo, TEXTOID, query_of_text(PG_GETARG_DATUM(1)));
}

/*
 * gv_bm25_array_match
 *		text[] @@@ bm25query
 */
Datum
gv_bm25_array_match(PG_FUNCTION_ARGS)
{
	return match_of(fcinfo, TEXTARRAYOID, PG_GETARG_BM25QUERY(1));
}

/*
 * gv_bm25_array_match_text
 *		text[] @@@ text
 */
Datum
gv_bm25_array_match_text(PG_FUNCTION_ARGS)
{
	return match_of(fcinfo, TEXTARRAYOID, query_of_text(PG_GETARG_DATUM(1)));
}

/*
 * gv_bm25_tsvector_distance
 *		tsvector <@> bm25query
 */
Datum
gv_bm25_tsvector_distance(PG_FUNCTION_ARGS)
{
	return distance_of(fcinfo, TSVECTOROID, PG_GETARG_BM25QUERY(1));
}

/*
 * gv_bm25_tsvector_distance_text
 *		tsvector <@> text
 */
Datum
gv_bm25_tsvector_distance_text(PG_FUNCTION_ARGS)
{
	return distance_of(fcinfo, TSVECTOROID, query_of_text(PG_GETARG_DATUM(1)));
}

/*
 * gv_bm25_tsvector_match
 *		tsvector @@@ bm25query
 */
Datum
gv_bm25_tsvector_match(PG_FUNCTION_ARGS)
{
	return match_of(fcinfo, TSVECTOROID, PG_GETARG_BM25QUERY(1));
}

/*
 * gv_bm25_tsvector_match_text
 *		tsvector @@@ text
 */
Datum
gv_bm25_tsvector_match_text(PG_FUNCTION_ARGS)
{
	return match_of(fcinfo, TSVECTOROID, query_of_text(PG_GETARG_DATUM(1)));
}
