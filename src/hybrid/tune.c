/*-------------------------------------------------------------------------
 *
 * tune.c
 *		gigavec.tune_fusion: the way of fusing that ranks judged rows best.
 *
 * Each query is searched once; all settings are tried on what was found.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "base/compat.h"
#include "hybrid/search.h"

GV_FUNCTION(gv_hybrid_tune);

/* Arguments by number */
enum
{
	ARG_RELATION,
	ARG_QUERIES,
	ARG_JUDGMENTS,
	ARG_KEY,
	ARG_K,
	ARG_TEXT_INDEX,
	ARG_VECTOR_INDEX,
	ARG_CANDIDATES,
	ARG_FILTER,
	ARG_FILTER_VALUES,
	ARG_VECTOR_COLUMN,
	ARG_METRIC
};

#define DEFAULT_K 10
#define DEFAULT_CANDIDATES 100

/* Weights of the vector that are tried; the text has the rest */
static const double vector_weights[] = {
	0, .05, .1, .15, .2, .25, .3, .35, .4, .45, .5, .55, .6, .65, .7, .75, .8, .85, .9, .95,
	.98, .99, 1
};

static const int rrf_ks[] = {10, 60, 200};

/* A row that was judged */
typedef struct Judgment
{
	char	   *query;
	char	   *document;
	double		grade;
} Judgment;

/* A query that has judgments */
typedef struct TunedQuery
{
	double		ideal;			/* the largest sum there can be */
	GvHybridLists lists;
	double	   *grades;			/* of each row, by number */
} TunedQuery;

typedef struct Setting
{
	GvHybridMethod method;
	double		weights[GV_HYBRID_N_LEGS];
	int			rrf_k;
	int			place;			/* in the order of trying */
	double		mean;
	double		error;			/* of the mean */
} Setting;

typedef struct Tuning
{
	GvHybridTarget target;
	int			k;
	Judgment   *judgments;		/* by query, then by document */
	int			n_judgments;
	TunedQuery *queries;
	int			n_queries;
} Tuning;

static int
compare_judgments(const void *a, const void *b)
{
	const Judgment *x = a;
	const Judgment *y = b;
	int			order = strcmp(x->query, y->query);

	return order != 0 ? order : strcmp(x->document, y->document);
}

static int
compare_grades(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x > y ? -1 : x < y;
}

/* What a grade adds at a rank, from 1 */
static double
discount(double grade, int rank)
{
	return grade / (log(rank + 1.0) / log(2.0));
}

/* Read the judgments: query, document, grade */
static void
read_judgments(Tuning *tuning, const char *sql)
{
	char	   *wrapped = psprintf("SELECT query::pg_catalog.text, document::pg_catalog.text, "
								   "grade::pg_catalog.float8 FROM (%s\n) AS "
								   "judgments (query, document, grade)", sql);
	TupleDesc	desc;

	if (SPI_execute(wrapped, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "judgments are not a SELECT");
	desc = SPI_tuptable->tupdesc;
	tuning->judgments = MemoryContextAllocHuge(CurrentMemoryContext,
											   sizeof(Judgment) * Max(SPI_processed, 1));
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		Judgment   *judgment = &tuning->judgments[tuning->n_judgments];
		bool		isnull;

		judgment->query = SPI_getvalue(tuple, desc, 1);
		judgment->document = SPI_getvalue(tuple, desc, 2);
		judgment->grade = DatumGetFloat8(SPI_getbinval(tuple, desc, 3, &isnull));
		if (isnull || judgment->query == NULL || judgment->document == NULL ||
			!isfinite(judgment->grade))
			continue;
		/* a row that is not worth anything is as good as one that was not judged */
		judgment->grade = Max(judgment->grade, 0);
		tuning->n_judgments++;
	}
	qsort(tuning->judgments, tuning->n_judgments, sizeof(Judgment), compare_judgments);
}

/* The first judgment of a query; NULL if it has none */
static Judgment *
find_judgments(const Tuning *tuning, const char *query, int *n)
{
	int			low = 0;
	int			high = tuning->n_judgments;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (strcmp(tuning->judgments[middle].query, query) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (*n = 0; low + *n < tuning->n_judgments; (*n)++)
	{
		if (strcmp(tuning->judgments[low + *n].query, query) != 0)
			break;
	}
	return *n > 0 ? &tuning->judgments[low] : NULL;
}

/* The grade of each row found */
static void
grade_rows(TunedQuery *query, const Judgment *judgments, int n)
{
	query->grades = palloc0(sizeof(double) * Max(query->lists.n_rows, 1));
	for (int i = 0; i < GV_HYBRID_N_LEGS; i++)
	{
		for (int j = 0; j < query->lists.n_found[i]; j++)
		{
			Judgment	key = {judgments[0].query, query->lists.found[i][j].key, 0};
			const Judgment *judgment;

			if (key.document == NULL)
				continue;
			judgment = bsearch(&key, judgments, n, sizeof(Judgment), compare_judgments);
			if (judgment)
				query->grades[query->lists.rows[i][j]] = judgment->grade;
		}
	}
}

/* The largest sum that the judgments of a query allow */
static double
find_ideal(const Tuning *tuning, const Judgment *judgments, int n)
{
	double	   *grades = palloc(sizeof(double) * n);
	double		ideal = 0;

	for (int i = 0; i < n; i++)
		grades[i] = judgments[i].grade;
	qsort(grades, n, sizeof(double), compare_grades);
	for (int i = 0; i < Min(n, tuning->k); i++)
		ideal += discount(grades[i], i + 1);
	pfree(grades);
	return ideal;
}

/* Search with the queries that have judgments: name, text, vector */
static void
search_queries(Tuning *tuning, const char *sql, const char *key)
{
	Oid			vector_type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
											  CStringGetDatum("vector"),
											  ObjectIdGetDatum(tuning->target.schema));
	char	   *wrapped = psprintf("SELECT id::pg_catalog.text, query_text::pg_catalog.text, "
								   "query_vector::%s FROM (%s\n) AS "
								   "queries (id, query_text, query_vector)",
								   format_type_extended(vector_type, -1, FORMAT_TYPE_FORCE_QUALIFY),
								   sql);
	Oid			types[GV_HYBRID_N_LEGS];
	SPITupleTable *table;
	uint64		n;

	if (SPI_execute(wrapped, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "queries are not a SELECT");
	table = SPI_tuptable;
	n = SPI_processed;
	types[GV_HYBRID_TEXT] = TEXTOID;
	types[GV_HYBRID_VECTOR] = vector_type;
	tuning->queries = palloc0(sizeof(TunedQuery) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
	{
		TunedQuery *query = &tuning->queries[tuning->n_queries];
		char	   *name = SPI_getvalue(table->vals[i], table->tupdesc, 1);
		Judgment   *judgments;
		int			n_judgments;

		judgments = name ? find_judgments(tuning, name, &n_judgments) : NULL;
		if (judgments == NULL)
			continue;
		query->ideal = find_ideal(tuning, judgments, n_judgments);
		if (query->ideal <= 0)
			continue;
		for (int j = 0; j < GV_HYBRID_N_LEGS; j++)
		{
			bool		isnull;
			Datum		value = SPI_getbinval(table->vals[i], table->tupdesc, j + 2, &isnull);

			if (isnull)
				continue;
			query->lists.n_found[j] = gv_hybrid_search_leg(&tuning->target, j, key, value,
														   types[j], &query->lists.found[j]);
		}
		gv_hybrid_number_rows(&query->lists);
		grade_rows(query, judgments, n_judgments);
		tuning->n_queries++;
	}
}

/* Measure a setting: the mean over the queries of nDCG at k */
static void
try_setting(const Tuning *tuning, Setting *setting)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hybrid setting",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	double		sum = 0;
	double		sum2 = 0;
	int			n = tuning->n_queries;

	for (int i = 0; i < n; i++)
	{
		const TunedQuery *query = &tuning->queries[i];
		GvHybridLeg legs[GV_HYBRID_N_LEGS];
		GvHybridRow *rows;
		double		gain = 0;
		int			n_rows;

		CHECK_FOR_INTERRUPTS();
		gv_hybrid_make_legs(&tuning->target, &query->lists, setting->method, setting->weights,
							legs);
		gv_hybrid_weigh(legs, GV_HYBRID_N_LEGS, query->lists.n_rows, setting->method,
						setting->rrf_k);
		n_rows = gv_hybrid_fuse(legs, GV_HYBRID_N_LEGS, query->lists.n_rows, &rows);
		for (int j = 0; j < Min(n_rows, tuning->k); j++)
			gain += discount(query->grades[rows[j].row], j + 1);
		gain /= query->ideal;
		sum += gain;
		sum2 += gain * gain;
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	setting->mean = sum / n;
	setting->error = n > 1 ? sqrt(Max(sum2 - sum * sum / n, 0) / (n - 1) / n) : 0;
}

/* The best first; of equally good ones the first that was tried */
static int
compare_settings(const void *a, const void *b)
{
	const Setting *x = a;
	const Setting *y = b;

	if (x->mean != y->mean)
		return x->mean > y->mean ? -1 : 1;
	return x->place - y->place;
}

/* Try all settings; returns how many there are */
static int
try_settings(const Tuning *tuning, Setting **result)
{
	Setting    *settings = palloc0(sizeof(Setting) * GV_HYBRID_N_METHODS *
								   lengthof(vector_weights) * lengthof(rrf_ks));
	int			n = 0;

	for (int method = 0; method < GV_HYBRID_N_METHODS; method++)
	{
		for (int i = 0; i < lengthof(vector_weights); i++)
		{
			for (int j = 0; j < (method == GV_HYBRID_RRF ? lengthof(rrf_ks) : 1); j++)
			{
				Setting    *setting = &settings[n];

				setting->method = (GvHybridMethod) method;
				/* to hundredths, so that it can be typed */
				setting->weights[GV_HYBRID_TEXT] = rint(100 - 100 * vector_weights[i]) / 100;
				setting->weights[GV_HYBRID_VECTOR] = vector_weights[i];
				setting->rrf_k = rrf_ks[j];
				setting->place = n++;
				try_setting(tuning, setting);
			}
		}
	}
	qsort(settings, n, sizeof(Setting), compare_settings);
	*result = settings;
	return n;
}

/* Return a setting */
static void
return_setting(ReturnSetInfo *result, const Setting *setting, int n_queries)
{
	Datum		values[6];
	bool		nulls[6] = {false};
	Datum		weights[GV_HYBRID_N_LEGS];

	for (int i = 0; i < GV_HYBRID_N_LEGS; i++)
		weights[i] = Float8GetDatum(setting->weights[i]);
	values[0] = CStringGetTextDatum(gv_hybrid_method_names[setting->method]);
	values[1] = PointerGetDatum(construct_array(weights, GV_HYBRID_N_LEGS, FLOAT8OID,
												sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[2] = Int32GetDatum(setting->rrf_k);
	nulls[2] = setting->method != GV_HYBRID_RRF;
	values[3] = Float8GetDatum(setting->mean);
	values[4] = Float8GetDatum(setting->error);
	values[5] = Int32GetDatum(n_queries);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Read the arguments, but for the two SELECTs and the key */
static void
read_arguments(FunctionCallInfo fcinfo, Tuning *tuning)
{
	const bool	wanted[GV_HYBRID_N_LEGS] = {true, true};

	for (int i = ARG_RELATION; i <= ARG_KEY; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("\"relation\", \"queries\", \"judgments\" and \"key\" must not be null")));
	}
	tuning->target.relation = PG_GETARG_OID(ARG_RELATION);
	tuning->k = PG_ARGISNULL(ARG_K) ? DEFAULT_K : PG_GETARG_INT32(ARG_K);
	(void) gv_hybrid_check_number("k", tuning->k, GV_HYBRID_MAX_CANDIDATES);
	tuning->target.candidates =
		gv_hybrid_check_number("candidates", PG_ARGISNULL(ARG_CANDIDATES) ? DEFAULT_CANDIDATES :
							   PG_GETARG_INT32(ARG_CANDIDATES), GV_HYBRID_MAX_CANDIDATES);
	gv_hybrid_set_filter(&tuning->target,
						 gv_hybrid_get_text(fcinfo, ARG_FILTER),
						 PG_ARGISNULL(ARG_FILTER_VALUES) ? NULL :
						 PG_GETARG_ARRAYTYPE_P(ARG_FILTER_VALUES));
	gv_hybrid_find_target(&tuning->target,
						  gv_hybrid_get_oid(fcinfo, ARG_TEXT_INDEX),
						  gv_hybrid_get_oid(fcinfo, ARG_VECTOR_INDEX),
						  gv_hybrid_get_name(fcinfo, ARG_VECTOR_COLUMN),
						  gv_hybrid_get_text(fcinfo, ARG_METRIC), wanted);
}

/*
 * gv_hybrid_tune
 *		gigavec.tune_fusion(relation, queries, judgments, key, ...)
 */
Datum
gv_hybrid_tune(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Tuning		tuning = {0};
	Setting    *settings;
	int			n;

	InitMaterializedSRF(fcinfo, 0);
	read_arguments(fcinfo, &tuning);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	read_judgments(&tuning, text_to_cstring(PG_GETARG_TEXT_PP(ARG_JUDGMENTS)));
	search_queries(&tuning, text_to_cstring(PG_GETARG_TEXT_PP(ARG_QUERIES)),
				   NameStr(*PG_GETARG_NAME(ARG_KEY)));
	if (tuning.n_queries == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("none of the queries has a judgment with a grade above zero")));
	n = try_settings(&tuning, &settings);
	for (int i = 0; i < n; i++)
		return_setting(result, &settings[i], tuning.n_queries);
	SPI_finish();
	return (Datum) 0;
}
