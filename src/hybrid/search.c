/*-------------------------------------------------------------------------
 *
 * search.c
 *		gigavec.hybrid_search and gigavec.hybrid_plan.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

#include "base/compat.h"
#include "hybrid/search.h"

GV_FUNCTION(gv_hybrid_search);
GV_FUNCTION(gv_hybrid_plan);

/* Arguments of both functions, by number */
enum
{
	ARG_RELATION,
	ARG_QUERY_TEXT,
	ARG_QUERY_VECTOR,
	ARG_K,
	ARG_TEXT_INDEX,
	ARG_VECTOR_INDEX,
	ARG_FUSION,
	ARG_WEIGHTS,
	ARG_RRF_K,
	ARG_CANDIDATES,
	ARG_FILTER,
	ARG_FILTER_VALUES,
	ARG_MIN_TEXT_SCORE,
	ARG_MAX_DISTANCE,
	ARG_VECTOR_COLUMN,
	ARG_METRIC,
	ARG_EXECUTE					/* of the plan */
};

#define DEFAULT_K 10
#define DEFAULT_WEIGHT 0.5

/* Candidates of a leg, if nobody says */
#define MIN_CANDIDATES 100
#define CANDIDATES_PER_ROW 10

/* Longest line of a plan that is shown, in bytes */
#define MAX_PLAN_LINE 300

/* A search that is asked for */
typedef struct Request
{
	GvHybridTarget target;
	int			k;
	GvHybridMethod method;
	int			rrf_k;
	double		weights[GV_HYBRID_N_LEGS];
	bool		wanted[GV_HYBRID_N_LEGS];	/* is the leg searched? */
	Datum		queries[GV_HYBRID_N_LEGS];
	Oid			query_types[GV_HYBRID_N_LEGS];
} Request;

/* A row with the place of its number */
typedef struct Numbered
{
	const GvHybridFound *found;
	int		   *row;
} Numbered;

static int
compare_places(const void *a, const void *b)
{
	const GvHybridFound *x = ((const Numbered *) a)->found;
	const GvHybridFound *y = ((const Numbered *) b)->found;

	if (x->relation != y->relation)
		return x->relation < y->relation ? -1 : 1;
	return ItemPointerCompare(unconstify(ItemPointerData *, &x->tid),
							  unconstify(ItemPointerData *, &y->tid));
}

/*
 * gv_hybrid_number_rows
 *		Number the rows that any leg found, in the order of their places.
 */
void
gv_hybrid_number_rows(GvHybridLists *lists)
{
	int			n = lists->n_found[GV_HYBRID_TEXT] + lists->n_found[GV_HYBRID_VECTOR];
	Numbered   *all = palloc(sizeof(Numbered) * Max(n, 1));

	n = 0;
	for (int i = 0; i < GV_HYBRID_N_LEGS; i++)
	{
		lists->rows[i] = palloc(sizeof(int) * Max(lists->n_found[i], 1));
		for (int j = 0; j < lists->n_found[i]; j++)
		{
			all[n].found = &lists->found[i][j];
			all[n++].row = &lists->rows[i][j];
		}
	}
	qsort(all, n, sizeof(Numbered), compare_places);
	lists->n_rows = 0;
	for (int i = 0; i < n; i++)
	{
		if (i == 0 || compare_places(&all[i - 1], &all[i]) != 0)
			lists->n_rows++;
		*all[i].row = lists->n_rows - 1;
	}
	pfree(all);
}

/*
 * gv_hybrid_make_legs
 *		Make ranked lists of what was found; a leg without weight has none.
 */
void
gv_hybrid_make_legs(const GvHybridTarget *target, const GvHybridLists *lists,
					GvHybridMethod method, const double *weights, GvHybridLeg *legs)
{
	for (int i = 0; i < GV_HYBRID_N_LEGS; i++)
	{
		GvHybridLeg *leg = &legs[i];

		leg->weight = weights[i];
		leg->n_hits = weights[i] > 0 ? lists->n_found[i] : 0;
		leg->hits = palloc0(sizeof(GvHybridHit) * Max(leg->n_hits, 1));
		for (int j = 0; j < leg->n_hits; j++)
		{
			leg->hits[j].row = lists->rows[i][j];
			leg->hits[j].raw = lists->found[i][j].raw;
			leg->hits[j].good = gv_hybrid_goodness(target, i, leg->hits[j].raw, method);
		}
		gv_hybrid_rank(leg);
	}
}

/*
 * gv_hybrid_check_number
 *		Refuse a number that is not from 1 to max; returns it.
 */
int
gv_hybrid_check_number(const char *name, int value, int max)
{
	if (value < 1 || value > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must be between %d and %d", name, 1, max),
				 errdetail("\"%s\" is %d.", name, value)));
	return value;
}

/* Read the weights: of text, of vectors */
static void
read_weights(FunctionCallInfo fcinfo, Request *request)
{
	ArrayType  *array;
	Datum	   *values;
	bool	   *nulls;
	int			n;

	for (int i = 0; i < GV_HYBRID_N_LEGS; i++)
		request->weights[i] = DEFAULT_WEIGHT;
	if (PG_ARGISNULL(ARG_WEIGHTS))
		return;
	array = PG_GETARG_ARRAYTYPE_P(ARG_WEIGHTS);
	deconstruct_array(array, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &values, &nulls, &n);
	if (ARR_NDIM(array) != 1 || n != GV_HYBRID_N_LEGS || nulls[0] || nulls[1])
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"weights\" must be two numbers: of the text and of the vector")));
	for (int i = 0; i < GV_HYBRID_N_LEGS; i++)
	{
		request->weights[i] = DatumGetFloat8(values[i]);
		gv_hybrid_check_weight(request->weights[i]);
	}
	if (request->weights[0] == 0 && request->weights[1] == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("one of \"weights\" must be greater than zero")));
}

/* Read how many rows, and of how many candidates */
static void
read_numbers(FunctionCallInfo fcinfo, Request *request)
{
	int			k = PG_ARGISNULL(ARG_K) ? DEFAULT_K : PG_GETARG_INT32(ARG_K);
	int			candidates;

	request->k = gv_hybrid_check_number("k", k, GV_HYBRID_MAX_CANDIDATES);
	if (PG_ARGISNULL(ARG_CANDIDATES))
	{
		int64		wanted = Max(MIN_CANDIDATES, (int64) CANDIDATES_PER_ROW * k);

		request->target.candidates = (int) Min(wanted, GV_HYBRID_MAX_CANDIDATES);
		return;
	}
	candidates = gv_hybrid_check_number("candidates", PG_GETARG_INT32(ARG_CANDIDATES),
										GV_HYBRID_MAX_CANDIDATES);
	if (candidates < k)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"candidates\" must be at least \"k\""),
				 errdetail("\"candidates\" is %d, \"k\" is %d.", candidates, k)));
	request->target.candidates = candidates;
}

/*
 * gv_hybrid_get_text, gv_hybrid_get_name, gv_hybrid_get_oid
 *		Arguments that may be NULL; then NULL, or InvalidOid.
 */
char *
gv_hybrid_get_text(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

char *
gv_hybrid_get_name(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : NameStr(*PG_GETARG_NAME(arg));
}

Oid
gv_hybrid_get_oid(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? InvalidOid : PG_GETARG_OID(arg);
}

/* Read the arguments, which are the same of both functions */
static void
read_request(FunctionCallInfo fcinfo, Request *request)
{
	memset(request, 0, sizeof(Request));
	if (PG_ARGISNULL(ARG_RELATION))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("\"relation\" must not be null")));
	request->target.relation = PG_GETARG_OID(ARG_RELATION);
	request->method = PG_ARGISNULL(ARG_FUSION) ? GV_HYBRID_MINMAX :
		gv_hybrid_find_method(gv_hybrid_get_text(fcinfo, ARG_FUSION));
	request->rrf_k = PG_ARGISNULL(ARG_RRF_K) ? GV_HYBRID_DEFAULT_RRF_K :
		PG_GETARG_INT32(ARG_RRF_K);
	gv_hybrid_check_rrf_k(request->rrf_k);
	read_weights(fcinfo, request);
	read_numbers(fcinfo, request);

	/* a leg without query, or without weight, leaves the search to the other */
	request->wanted[GV_HYBRID_TEXT] = !PG_ARGISNULL(ARG_QUERY_TEXT) &&
		request->weights[GV_HYBRID_TEXT] > 0;
	request->wanted[GV_HYBRID_VECTOR] = !PG_ARGISNULL(ARG_QUERY_VECTOR) &&
		request->weights[GV_HYBRID_VECTOR] > 0;
	request->queries[GV_HYBRID_TEXT] = PG_GETARG_DATUM(ARG_QUERY_TEXT);
	request->queries[GV_HYBRID_VECTOR] = PG_GETARG_DATUM(ARG_QUERY_VECTOR);
	request->query_types[GV_HYBRID_TEXT] = TEXTOID;
	request->query_types[GV_HYBRID_VECTOR] = get_fn_expr_argtype(fcinfo->flinfo, ARG_QUERY_VECTOR);
	gv_hybrid_set_filter(&request->target, gv_hybrid_get_text(fcinfo, ARG_FILTER),
						 PG_ARGISNULL(ARG_FILTER_VALUES) ? NULL :
						 PG_GETARG_ARRAYTYPE_P(ARG_FILTER_VALUES));
	gv_hybrid_find_target(&request->target,
						  gv_hybrid_get_oid(fcinfo, ARG_TEXT_INDEX),
						  gv_hybrid_get_oid(fcinfo, ARG_VECTOR_INDEX),
						  gv_hybrid_get_name(fcinfo, ARG_VECTOR_COLUMN),
						  gv_hybrid_get_text(fcinfo, ARG_METRIC), request->wanted);
}

/* Drop what a leg found beyond the cutoffs, which are for that leg only */
static void
cut_off(FunctionCallInfo fcinfo, GvHybridLists *lists)
{
	for (int i = 0; i < GV_HYBRID_N_LEGS; i++)
	{
		int			arg = i == GV_HYBRID_TEXT ? ARG_MIN_TEXT_SCORE : ARG_MAX_DISTANCE;
		int			n = 0;

		if (PG_ARGISNULL(arg))
			continue;
		for (int j = 0; j < lists->n_found[i]; j++)
		{
			double		raw = lists->found[i][j].raw;

			if (i == GV_HYBRID_TEXT ? raw >= PG_GETARG_FLOAT8(arg) : raw <= PG_GETARG_FLOAT8(arg))
				lists->found[i][n++] = lists->found[i][j];
		}
		lists->n_found[i] = n;
	}
}

/* Return a row of the result */
static void
return_row(ReturnSetInfo *result, const GvHybridRow *row, const GvHybridFound **places)
{
	const GvHybridFound *place = places[row->row];
	Datum		values[9];
	bool		nulls[9] = {false};
	int			n = 0;

	values[n++] = ObjectIdGetDatum(place->relation);
	values[n++] = PointerGetDatum(&place->tid);
	values[n++] = Float8GetDatum(row->score);
	for (int i = 0; i < GV_HYBRID_N_LEGS; i++)
	{
		GvHybridHit *hit = row->hits[i];

		nulls[n] = nulls[n + 1] = hit == NULL;
		values[n++] = Int32GetDatum(hit ? hit->rank : 0);
		values[n++] = Float8GetDatum(hit ? hit->raw : 0);
		values[n++] = Float8GetDatum(hit ? hit->part : 0);
	}
	Assert(n == lengthof(values));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * gv_hybrid_search
 *		gigavec.hybrid_search: rows by text and vector together.
 *
 * The snapshot is the caller's, so the tids are those that he sees.
 */
Datum
gv_hybrid_search(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Request		request;
	GvHybridLists lists = {0};
	GvHybridLeg legs[GV_HYBRID_N_LEGS];
	const GvHybridFound **places;
	GvHybridRow *rows;
	int			n;

	InitMaterializedSRF(fcinfo, 0);
	read_request(fcinfo, &request);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	for (int i = 0; i < GV_HYBRID_N_LEGS; i++)
	{
		if (request.wanted[i])
			lists.n_found[i] = gv_hybrid_search_leg(&request.target, i, NULL, request.queries[i],
													request.query_types[i], &lists.found[i]);
	}
	SPI_finish();

	cut_off(fcinfo, &lists);
	gv_hybrid_number_rows(&lists);
	places = palloc(sizeof(GvHybridFound *) * Max(lists.n_rows, 1));
	for (int i = 0; i < GV_HYBRID_N_LEGS; i++)
	{
		for (int j = 0; j < lists.n_found[i]; j++)
			places[lists.rows[i][j]] = &lists.found[i][j];
	}
	gv_hybrid_make_legs(&request.target, &lists, request.method, request.weights, legs);
	gv_hybrid_weigh(legs, GV_HYBRID_N_LEGS, lists.n_rows, request.method, request.rrf_k);
	n = gv_hybrid_fuse(legs, GV_HYBRID_N_LEGS, lists.n_rows, &rows);
	for (int i = 0; i < Min(n, request.k); i++)
		return_row(result, &rows[i], places);
	return (Datum) 0;
}

/* Return a line about a leg; of a longer one, which shows a vector, the beginning */
static void
return_line(ReturnSetInfo *result, int leg, char *line, int max_length)
{
	Datum		values[2];
	bool		nulls[2] = {false, false};
	int			length = strlen(line);

	if (length > max_length)
		line = psprintf("%.*s...", pg_mbcliplen(line, length, max_length), line);
	values[0] = CStringGetTextDatum(leg == GV_HYBRID_TEXT ? "text" : "vector");
	values[1] = CStringGetTextDatum(line);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * gv_hybrid_plan
 *		gigavec.hybrid_plan: the SQL and the plan of each leg of such a search.
 */
Datum
gv_hybrid_plan(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		execute = !PG_ARGISNULL(ARG_EXECUTE) && PG_GETARG_BOOL(ARG_EXECUTE);
	Request		request;

	InitMaterializedSRF(fcinfo, 0);
	read_request(fcinfo, &request);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	for (int i = 0; i < GV_HYBRID_N_LEGS; i++)
	{
		char	   *sql;

		if (!request.wanted[i])
			continue;
		sql = gv_hybrid_leg_sql(&request.target, i, NULL, i != GV_HYBRID_TEXT);
		return_line(result, i, sql, INT_MAX);
		gv_hybrid_run_leg(&request.target,
						  psprintf("EXPLAIN (%s) %s",
								   execute ? "ANALYZE, BUFFERS" : "COSTS", sql),
						  request.queries[i], request.query_types[i], false);
		for (uint64 j = 0; j < SPI_processed; j++)
			return_line(result, i,
						SPI_getvalue(SPI_tuptable->vals[j], SPI_tuptable->tupdesc, 1),
						MAX_PLAN_LINE);
	}
	SPI_finish();
	return (Datum) 0;
}
