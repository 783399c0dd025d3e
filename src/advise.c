/*-------------------------------------------------------------------------
 *
 * advise.c
 *		gigavec.advise: which index a column should have, and why.
 *
 * Every way of searching that the column's type allows gets a place, by rules
 * that rest on measurements: README.md of this folder has them, with the commands
 * that measure.  What a build takes is what gigavec.estimate says.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "am/opclass.h"
#include "base/compat.h"
#include "estimate.h"
#include "kdtree/kdtree.h"
#include "survey.h"

GV_FUNCTION(gv_advise_index);

/* Arguments, by number */
enum
{
	ARG_RELATION,
	ARG_COLUMN,
	ARG_OPCLASS,
	ARG_ROWS
};

/* Columns of the result */
enum
{
	COLUMN_RANK,
	COLUMN_METHOD,
	COLUMN_OPTIONS,
	COLUMN_STATEMENT,
	COLUMN_SIZE,
	COLUMN_MEMORY,
	COLUMN_SECONDS,
	COLUMN_REASON,
	N_COLUMNS
};

/*
 * What reading a row for an exact search takes, in seconds: by itself, for a byte
 * of its value, and for a value that is stored out of line; from bench/exact
 */
#define SECONDS_OF_ROW 0.3e-6
#define SECONDS_OF_BYTE 0.15e-9
#define SECONDS_OF_DETOASTING 2.4e-6

/* An exact search that takes less needs no index: those are about as fast, or slower */
#define FAST_ENOUGH_SECONDS 0.5e-3

/* Dimensions in effect up to which kdtree comes before hnsw, from bench/kdtree --beside-hnsw */
#define KDTREE_DIMENSIONS 6.0

/* Of a table that nothing is known of, so many dimensions are surely that few in effect */
#define KDTREE_DIMENSIONS_UNSEEN 4

/* More than a table has: so many pages, and rows on them */
#define MAX_ROWS INT64CONST(1000000000000)

/* Of more partitions than that, those of average size stand for all: each takes milliseconds */
#define MAX_ESTIMATED 16

/* Names of filter columns in a reason, at most */
#define MAX_NAMES 4

/* The ways of searching; the first ones of equal place come first */
typedef enum Way
{
	WAY_NONE,
	WAY_KDTREE,
	WAY_HNSW,
	WAY_HNSW_COMPACT,
	WAY_IVFPQ_FINE,
	WAY_IVFPQ,
	WAY_IVFFLAT,
	N_WAYS
} Way;

static const struct
{
	const char *method;
	const char *option;			/* as the catalog has it */
}			ways[N_WAYS] =
{
	{NULL, NULL},
	{"kdtree", NULL},
	{"hnsw", NULL},
	{"hnsw", "storage=compact"},
	{"ivfpq", "bits=4"},
	{"ivfpq", NULL},
	{"ivfflat", NULL},
};

typedef struct Advice
{
	Way			way;
	bool		is_possible;
	int			place;			/* the least comes first */
	GvAmEstimate estimate;		/* of an index; of all partitions together */
	Oid			opclass;
	StringInfoData reason;
} Advice;

/* What the advice is about */
typedef struct Subject
{
	Relation	heap;
	AttrNumber	attnum;
	const char *column;
	Oid			type;			/* of a domain the one it rests on */
	int32		dim;
	const char *opclass;		/* NULL: the first of the type */
	GvSurvey	survey;
	bool		is_empty;		/* and nobody has said how many rows will come */
	double		scan_seconds;	/* an exact search */
	bool		is_busy;		/* more rows change than searches are made */
	Advice		advices[N_WAYS];
} Subject;

static const char *
pretty_size(double bytes)
{
	Datum		shown = DirectFunctionCall1(pg_size_pretty, Int64GetDatum((int64) bytes));

	return text_to_cstring(DatumGetTextPP(shown));
}

/* Storage parameters as the catalog has them, or 0 */
static Datum
make_options(const char *option)
{
	Datum		value;

	if (option == NULL)
		return (Datum) 0;
	value = CStringGetTextDatum(option);
	return PointerGetDatum(construct_array(&value, 1, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Add the estimate of an index to that of all, for so many tables of the size */
static void
add_estimate(const Subject *subject, const GvAmOpclass *opclass, double n_rows, double n_tables,
			 Advice *advice)
{
	GvEstimateColumn column = {subject->column, subject->dim, n_rows,
	subject->survey.value_bytes > 0 ? subject->survey.value_bytes : subject->dim * sizeof(float)};
	GvAmEstimate *all = &advice->estimate;
	GvAmEstimate one;

	CHECK_FOR_INTERRUPTS();
	gv_estimate_method(ways[advice->way].method, opclass, &column,
					   make_options(ways[advice->way].option), &one);
	all->memory = Max(all->memory, one.memory);
	if (one.parts != 1 && all->parts != 0)
		all->parts = one.parts == 0 ? 0 : Max(all->parts, one.parts);
	all->bytes += one.bytes * n_tables;
	all->seconds += one.seconds * n_tables;
}

/* Foretell a build: of a partitioned table that of all indexes, one after the other */
static void
estimate_way(const Subject *subject, const GvAmOpclass *opclass, Advice *advice)
{
	const GvSurvey *survey = &subject->survey;
	int			n_tables = list_length(survey->leaves);
	double		largest = 0;
	ListCell   *cell;

	memset(&advice->estimate, 0, sizeof(GvAmEstimate));
	advice->estimate.parts = 1;
	foreach(cell, survey->leaves)
	{
		double		n_rows = ((GvSurveyLeaf *) lfirst(cell))->n_rows;

		largest = Max(largest, n_rows);
		if (n_tables <= MAX_ESTIMATED)
			add_estimate(subject, opclass, n_rows, 1, advice);
	}
	if (n_tables > MAX_ESTIMATED)
	{
		/* the largest for its memory only */
		add_estimate(subject, opclass, largest, 0, advice);
		add_estimate(subject, opclass, survey->n_rows / n_tables, n_tables, advice);
	}
}

/* Which ways the column's type and operator class allow; foretell them */
static void
find_ways(Subject *subject)
{
	bool		is_any = false;

	for (Way way = 0; way < N_WAYS; way++)
	{
		Advice	   *advice = &subject->advices[way];
		const GvAmOpclass *opclass;

		advice->way = way;
		initStringInfo(&advice->reason);
		if (way == WAY_NONE)
		{
			advice->is_possible = true;
			continue;
		}
		opclass = gv_estimate_find_opclass(get_index_am_oid(ways[way].method, false),
										   subject->type, subject->opclass, &advice->opclass);
		if (opclass == NULL || (way == WAY_KDTREE && !gv_kdtree_takes_dim(subject->dim)))
			continue;
		/* nothing would be smaller where there are no codes */
		if (way == WAY_HNSW_COMPACT &&
			(opclass->element == GV_AM_ELEMENT_SPARSE || opclass->element == GV_AM_ELEMENT_BIT ||
			 opclass->metric == GV_AM_METRIC_L1))
			continue;
		gv_estimate_check_dim(opclass, ways[way].method, subject->column, subject->dim);
		advice->is_possible = true;
		is_any = true;
		estimate_way(subject, opclass, advice);
	}
	if (!is_any)
		gv_estimate_refuse_opclass(InvalidOid, subject->opclass, subject->column, subject->type);
}

/* Would an index stay in memory, as far as the planner is told? */
static bool
fits_cache(const Subject *subject, Way way)
{
	return subject->advices[way].estimate.bytes <= effective_cache_size * (double) BLCKSZ;
}

/* Are there few enough dimensions in effect for kdtree? */
static bool
is_flat(const Subject *subject)
{
	if (subject->survey.dimension > 0)
		return subject->survey.dimension <= KDTREE_DIMENSIONS;
	return subject->dim <= KDTREE_DIMENSIONS_UNSEEN;
}

/* Order the ways */
static void
place_ways(Subject *subject)
{
	Advice	   *advices = subject->advices;
	bool		prefers_lists = subject->is_busy || !fits_cache(subject, WAY_HNSW);

	advices[WAY_NONE].place =
		!subject->is_empty && subject->scan_seconds < FAST_ENOUGH_SECONDS ? 0 : 90;
	advices[WAY_KDTREE].place = is_flat(subject) ? 10 : 80;
	advices[WAY_HNSW].place = fits_cache(subject, WAY_HNSW) ? 30 : 60;
	advices[WAY_HNSW_COMPACT].place = fits_cache(subject, WAY_HNSW) || subject->is_busy ? 50 :
		fits_cache(subject, WAY_HNSW_COMPACT) ? 15 : 70;
	advices[WAY_IVFPQ_FINE].place = prefers_lists ? 20 : 40;
	advices[WAY_IVFPQ].place = prefers_lists ? 35 : 60;
	advices[WAY_IVFFLAT].place = prefers_lists && !advices[WAY_IVFPQ].is_possible ? 20 : 75;
}

/* Say what memory a build wants, if it does not get it */
static void
explain_memory(const GvAmEstimate *estimate, const char *method, StringInfo reason)
{
	if (estimate->parts == 1 || strcmp(method, "hnsw") != 0)
		return;
	if (estimate->parts == 0)
		appendStringInfo(reason, " Set maintenance_work_mem to %s or more before it is built: rows"
						 " that do not fit are inserted one by one, which is slow.",
						 pretty_size(estimate->memory));
	else
		appendStringInfo(reason, " With maintenance_work_mem of %s or more it is built at once, not"
						 " in %d parts, in about half the time.",
						 pretty_size(estimate->memory), estimate->parts);
}

static void
explain_kdtree(const Subject *subject, StringInfo reason)
{
	if (subject->survey.dimension > 0)
		appendStringInfo(reason, "Exact, and faster than hnsw up to about %g dimensions in effect;"
						 " this column has %d, in effect %.1f.",
						 KDTREE_DIMENSIONS, subject->dim, subject->survey.dimension);
	else
		appendStringInfo(reason, "Exact, and faster than hnsw up to about %g dimensions in effect;"
						 " this column has %d, and too few different values to see how many they are in effect.",
						 KDTREE_DIMENSIONS, subject->dim);
}

static void
explain_hnsw(const Subject *subject, StringInfo reason)
{
	if (!fits_cache(subject, WAY_HNSW))
		appendStringInfo(reason, "Larger than effective_cache_size (%s): searches would wait for"
						 " the disk at each step.",
						 pretty_size(effective_cache_size * (double) BLCKSZ));
	else if (subject->is_busy)
		appendStringInfoString(reason, "The fastest searches at a recall of choice, but each row that"
							   " comes costs many times what it costs in lists.");
	else
		appendStringInfoString(reason, "The fastest searches at a recall of choice, and the index fits"
							   " into effective_cache_size.");
}

static void
explain_compact(const Subject *subject, StringInfo reason)
{
	double		part = subject->advices[WAY_HNSW_COMPACT].estimate.bytes /
		subject->advices[WAY_HNSW].estimate.bytes;

	if (part < 0.99)
		appendStringInfo(reason, "%.0f %% smaller than without the option, and searches do more work for"
						 " the same recall.", 100 - 100 * part);
	else
		appendStringInfoString(reason, "Hardly smaller than without the option.");
}

static void
explain_lists(const Subject *subject, Way way, StringInfo reason)
{
	double		times = subject->advices[WAY_HNSW].estimate.bytes /
		Max(subject->advices[way].estimate.bytes, 1);
	const char *size = times < 1.5 ? "" :
		psprintf(", %.1f times smaller than hnsw", times);

	if (subject->is_busy && subject->advices[way].place == 20)
		appendStringInfo(reason, "Rows change more often than they are searched for (%.0f times,"
						 " %.0f searches), and an insert into lists writes one page or two. ",
						 subject->survey.n_changes, subject->survey.n_searches);
	if (way == WAY_IVFFLAT)
		appendStringInfoString(reason, "Lists with the vectors in them: searches read nothing else of"
							   " the table than the rows that are returned.");
	else if (way == WAY_IVFPQ_FINE)
		appendStringInfo(reason, "Lists with codes of four bits%s: quick to build, and searches look at"
						 " few rows of the table but those that are returned.", size);
	else
		appendStringInfo(reason, "Lists with codes of one bit%s: searches look at hundreds of rows"
						 " of the table, so that should be in memory.", size);
}

static void
explain_way(const Subject *subject, Way way, StringInfo reason)
{
	switch (way)
	{
		case WAY_NONE:
			if (subject->is_empty)
				appendStringInfoString(reason, "Reading all rows is exact, and enough for some"
									   " hundreds of rows.");
			else
				appendStringInfo(reason, "Reading all %.0f rows is exact and takes about %.*f ms.",
								 subject->survey.n_rows, subject->scan_seconds < 0.01 ? 1 : 0,
								 Max(subject->scan_seconds * 1000, 0.1));
			break;
		case WAY_KDTREE:
			explain_kdtree(subject, reason);
			break;
		case WAY_HNSW:
			explain_hnsw(subject, reason);
			break;
		case WAY_HNSW_COMPACT:
			explain_compact(subject, reason);
			break;
		default:
			explain_lists(subject, way, reason);
	}
	if (ways[way].method)
		explain_memory(&subject->advices[way].estimate, ways[way].method, reason);
}

/* Columns that other indexes begin with, quoted, and an index of ours that there is already */
static void
explain_indexes(const Subject *subject, const char *method, StringInfo reason)
{
	List	   *oids = RelationGetIndexList(subject->heap);
	Oid			am_oid = get_index_am_oid(method, false);
	StringInfoData names;
	Bitmapset  *seen = NULL;
	ListCell   *cell;

	initStringInfo(&names);
	foreach(cell, oids)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);
		AttrNumber	first = index->rd_index->indkey.values[0];

		if (first == subject->attnum && index->rd_rel->relam != BTREE_AM_OID &&
			index->rd_rel->relam != HASH_AM_OID)
			appendStringInfo(reason, " There is an index already: \"%s\" (%s).",
							 RelationGetRelationName(index), get_am_name(index->rd_rel->relam));
		else if (first > 0 && first != subject->attnum &&
				 index->rd_rel->relam == BTREE_AM_OID && !index->rd_index->indisunique &&
				 !bms_is_member(first, seen) && bms_num_members(seen) < MAX_NAMES &&
				 OidIsValid(GetDefaultOpClass(get_atttype(RelationGetRelid(subject->heap), first),
											  am_oid)))
		{
			seen = bms_add_member(seen, first);
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
							 quote_identifier(get_attname(RelationGetRelid(subject->heap), first,
														  false)));
		}
		index_close(index, AccessShareLock);
	}
	if (names.len > 0)
		appendStringInfo(reason, " If searches have conditions on %s, add %s to the index after \"%s\".",
						 names.data, bms_num_members(seen) > 1 ? "these" : "it", subject->column);
}

/* What holds for the table, whatever index it gets */
static void
explain_table(const Subject *subject, StringInfo reason)
{
	const GvSurvey *survey = &subject->survey;

	if (subject->is_empty)
		appendStringInfoString(reason, " The column is empty: sizes are those of an empty index, unless"
							   " expected_rows tells how many rows will come.");
	else if (survey->n_sampled > 1 && survey->n_distinct * 2 < survey->n_sampled)
		appendStringInfo(reason, " Only %d of %d values looked at are distinct.",
						 survey->n_distinct, survey->n_sampled);
}

/* The statement that creates an index; opclass: InvalidOid for the default */
static char *
make_statement(const Subject *subject, const char *method, const char *option, Oid opclass)
{
	const char *schema = get_namespace_name(RelationGetNamespace(subject->heap));
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE INDEX ON %s USING %s (%s",
					 quote_qualified_identifier(schema, RelationGetRelationName(subject->heap)),
					 quote_identifier(method), quote_identifier(subject->column));
	if (OidIsValid(opclass))
	{
		HeapTuple	tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclass));
		Form_pg_opclass form;

		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for operator class %u", opclass);
		form = (Form_pg_opclass) GETSTRUCT(tuple);
		appendStringInfo(&sql, " %s",
						 quote_qualified_identifier(OpclassIsVisible(opclass) ? NULL :
													get_namespace_name(form->opcnamespace),
													NameStr(form->opcname)));
		ReleaseSysCache(tuple);
	}
	appendStringInfoChar(&sql, ')');
	if (option)
		appendStringInfo(&sql, " WITH (%s)", option);
	return sql.data;
}

static int
compare_advices(const void *a, const void *b)
{
	const Advice *x = *(Advice *const *) a;
	const Advice *y = *(Advice *const *) b;

	return x->place != y->place ? x->place - y->place : (int) x->way - (int) y->way;
}

/* Return the ways that are possible, the best first */
static void
return_ways(Subject *subject, ReturnSetInfo *result)
{
	Advice	   *order[N_WAYS];
	int			n = 0;

	for (Way way = 0; way < N_WAYS; way++)
	{
		if (subject->advices[way].is_possible)
			order[n++] = &subject->advices[way];
	}
	qsort(order, n, sizeof(Advice *), compare_advices);
	for (int i = 0; i < n; i++)
	{
		Advice	   *advice = order[i];
		const char *method = ways[advice->way].method;
		const char *option = ways[advice->way].option;
		Datum		values[N_COLUMNS];
		bool		nulls[N_COLUMNS] = {false};

		CHECK_FOR_INTERRUPTS();
		explain_way(subject, advice->way, &advice->reason);
		if (i == 0)
		{
			explain_table(subject, &advice->reason);
			explain_indexes(subject, method ? method : "hnsw", &advice->reason);
		}
		values[COLUMN_RANK] = Int32GetDatum(i + 1);
		nulls[COLUMN_OPTIONS] = option == NULL;
		values[COLUMN_OPTIONS] = make_options(option);
		values[COLUMN_REASON] = CStringGetTextDatum(advice->reason.data);
		if (method)
		{
			values[COLUMN_METHOD] = DirectFunctionCall1(namein, CStringGetDatum(method));
			values[COLUMN_STATEMENT] =
				CStringGetTextDatum(make_statement(subject, method, option, advice->opclass));
			values[COLUMN_SIZE] = Int64GetDatum((int64) advice->estimate.bytes);
			values[COLUMN_MEMORY] = Int64GetDatum((int64) advice->estimate.memory);
			values[COLUMN_SECONDS] = Float8GetDatum(advice->estimate.seconds);
		}
		else
			nulls[COLUMN_METHOD] = nulls[COLUMN_STATEMENT] = nulls[COLUMN_SIZE] =
				nulls[COLUMN_MEMORY] = nulls[COLUMN_SECONDS] = true;
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/* Return the one way to search texts by words */
static void
return_text(Subject *subject, ReturnSetInfo *result)
{
	StringInfoData reason;
	Datum		values[N_COLUMNS] = {0};
	bool		nulls[N_COLUMNS] = {false};

	initStringInfo(&reason);
	appendStringInfoString(&reason, "Full-text search by relevance, with the words of"
						   " default_text_search_config unless text_config says otherwise.");
	explain_indexes(subject, "bm25", &reason);
	values[COLUMN_RANK] = Int32GetDatum(1);
	values[COLUMN_METHOD] = DirectFunctionCall1(namein, CStringGetDatum("bm25"));
	values[COLUMN_STATEMENT] =
		CStringGetTextDatum(make_statement(subject, "bm25", NULL, InvalidOid));
	values[COLUMN_REASON] = CStringGetTextDatum(reason.data);
	nulls[COLUMN_OPTIONS] = nulls[COLUMN_SIZE] = nulls[COLUMN_MEMORY] =
		nulls[COLUMN_SECONDS] = true;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Divide the rows that somebody expects among the partitions, as those that are there */
static void
expect_rows(Subject *subject, double expected)
{
	GvSurvey   *survey = &subject->survey;
	ListCell   *cell;

	foreach(cell, survey->leaves)
	{
		GvSurveyLeaf *leaf = lfirst(cell);

		leaf->n_rows = survey->n_rows > 0 ? expected * leaf->n_rows / survey->n_rows :
			expected / list_length(survey->leaves);
	}
	survey->n_rows = expected;
}

/* Is it a type of texts that bm25 indexes? */
static bool
is_text(Oid type)
{
	return type == TEXTOID || type == VARCHAROID || type == TSVECTOROID || type == TEXTARRAYOID;
}

/*
 * gv_advise_index
 *		gigavec.advise(relation, column_name, opclass, expected_rows)
 */
Datum
gv_advise_index(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Subject		subject = {0};
	const GvAmOpclass *opclass;
	Oid			opclass_oid;
	Form_pg_attribute attribute;
	bool		is_dense;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(ARG_RELATION) || PG_ARGISNULL(ARG_COLUMN))
		return (Datum) 0;
	subject.column = NameStr(*PG_GETARG_NAME(ARG_COLUMN));
	subject.opclass = PG_ARGISNULL(ARG_OPCLASS) ? NULL : NameStr(*PG_GETARG_NAME(ARG_OPCLASS));
	if (!PG_ARGISNULL(ARG_ROWS) &&
		(PG_GETARG_INT64(ARG_ROWS) < 0 || PG_GETARG_INT64(ARG_ROWS) > MAX_ROWS))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must be between %d and " INT64_FORMAT, "expected_rows", 0,
						MAX_ROWS),
				 errdetail("\"%s\" is " INT64_FORMAT ".", "expected_rows",
						   PG_GETARG_INT64(ARG_ROWS))));

	subject.attnum = gv_estimate_open_table(PG_GETARG_OID(ARG_RELATION), subject.column, true,
											&subject.heap);
	attribute = TupleDescAttr(RelationGetDescr(subject.heap), subject.attnum - 1);
	subject.dim = attribute->atttypmod;
	subject.type = getBaseTypeAndTypmod(attribute->atttypid, &subject.dim);
	opclass = gv_estimate_find_opclass(get_index_am_oid("hnsw", false), subject.type, NULL,
									   &opclass_oid);
	if (opclass == NULL && !is_text(subject.type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" has type %s, which no access method of gigavec indexes",
						subject.column, format_type_be(subject.type))));
	if (opclass == NULL && subject.opclass)
		gv_estimate_refuse_opclass(InvalidOid, subject.opclass, subject.column, subject.type);
	if (opclass)
		gv_estimate_check_dim(opclass, "hnsw", subject.column, subject.dim);

	is_dense = opclass && (opclass->element == GV_AM_ELEMENT_FLOAT ||
						   opclass->element == GV_AM_ELEMENT_HALF);
	gv_survey_column(subject.heap, subject.attnum, opclass,
					 is_dense && gv_kdtree_takes_dim(subject.dim), &subject.survey);
	/* of a grid, whose neighbors are at equal distances, it tells of more than there are */
	subject.survey.dimension = Min(subject.survey.dimension, subject.dim);
	if (!PG_ARGISNULL(ARG_ROWS))
		expect_rows(&subject, (double) PG_GETARG_INT64(ARG_ROWS));
	subject.is_empty = subject.survey.n_rows == 0;
	subject.is_busy = subject.survey.n_changes > subject.survey.n_rows &&
		subject.survey.n_changes > subject.survey.n_searches;
	subject.scan_seconds = subject.survey.n_rows *
		(SECONDS_OF_ROW + SECONDS_OF_BYTE * subject.survey.value_bytes +
		 (subject.survey.is_apart ? SECONDS_OF_DETOASTING : 0));

	if (opclass)
	{
		find_ways(&subject);
		place_ways(&subject);
		return_ways(&subject, result);
	}
	else
		return_text(&subject, result);
	table_close(subject.heap, AccessShareLock);
	return (Datum) 0;
}
