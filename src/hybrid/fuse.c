/*-------------------------------------------------------------------------
 *
 * fuse.c
 *		gigavec.fuse: any number of ranked lists, wherever they come from.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"

#include "am/sort.h"
#include "base/compat.h"
#include "hybrid/fusion.h"

GV_FUNCTION(gv_hybrid_fuse_lists);

/* Arguments by number */
enum
{
	ARG_IDS,
	ARG_SCORES,
	ARG_LEGS,
	ARG_FUSION,
	ARG_WEIGHTS,
	ARG_RRF_K,
	ARG_ASCENDING
};

/* Their names, as SQL has them */
static const char *const names[] = {
	"ids", "scores", "legs", "fusion", "weights", "rrf_k", "ascending"
};

/* What the arrays say of a row */
typedef struct Entry
{
	Datum		id;
	int			leg;			/* from 0 */
	double		raw;
	int			row;
} Entry;

/* How ids are compared */
typedef struct IdOrder
{
	FmgrInfo   *compare;
	Oid			collation;
} IdOrder;

/* The elements of an array argument; none if it is NULL */
static int
get_elements(FunctionCallInfo fcinfo, int arg, Datum **values, bool **nulls)
{
	ArrayType  *array;
	int16		length;
	bool		by_value;
	char		align;
	int			n;

	if (PG_ARGISNULL(arg))
		return 0;
	array = PG_GETARG_ARRAYTYPE_P(arg);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("\"%s\" must be an array of one dimension", names[arg]),
				 errdetail("It has %d dimensions.", ARR_NDIM(array))));
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, align, values, nulls, &n);
	return n;
}

static int
compare_entries(const void *a, const void *b, void *arg)
{
	const Entry *x = a;
	const Entry *y = b;
	IdOrder    *order = arg;

	return DatumGetInt32(FunctionCall2Coll(order->compare, order->collation, x->id, y->id));
}

/* Number the rows in the order of their ids; returns how many there are */
static int
number_rows(FunctionCallInfo fcinfo, Entry *entries, int n)
{
	Oid			type = get_base_element_type(get_fn_expr_argtype(fcinfo->flinfo, ARG_IDS));
	TypeCacheEntry *cache = lookup_type_cache(type, TYPECACHE_CMP_PROC_FINFO);
	IdOrder		order;
	int			n_rows = 0;

	if (!OidIsValid(cache->cmp_proc_finfo.fn_oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("could not identify a comparison function for type %s",
						format_type_be(type))));
	order.compare = &cache->cmp_proc_finfo;
	order.collation = OidIsValid(PG_GET_COLLATION()) ? PG_GET_COLLATION() : cache->typcollation;
	gv_am_sort_arg(entries, n, sizeof(Entry), compare_entries, &order);
	for (int i = 0; i < n; i++)
	{
		if (i == 0 || compare_entries(&entries[i - 1], &entries[i], &order) != 0)
			n_rows++;
		entries[i].row = n_rows - 1;
	}
	return n_rows;
}

/* Read the arrays of ids, scores and legs; returns the number of entries */
static int
read_entries(FunctionCallInfo fcinfo, Entry **entries, int *n_legs)
{
	Datum	   *ids = NULL,
			   *scores = NULL,
			   *legs = NULL;
	bool	   *no_ids = NULL,
			   *no_scores = NULL,
			   *no_legs = NULL;
	int			n_ids = get_elements(fcinfo, ARG_IDS, &ids, &no_ids);
	int			n_scores = get_elements(fcinfo, ARG_SCORES, &scores, &no_scores);
	int			n = get_elements(fcinfo, ARG_LEGS, &legs, &no_legs);
	int			n_entries = 0;

	if (n_ids != n_scores || n_ids != n)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("arrays of ids, scores and legs must have the same number of elements"),
				 errdetail("They have %d, %d and %d.", n_ids, n_scores, n)));
	*entries = palloc(sizeof(Entry) * Max(n, 1));
	*n_legs = 0;
	for (int i = 0; i < n; i++)
	{
		int			leg = no_legs[i] ? 0 : DatumGetInt32(legs[i]);

		if (leg < 1 || leg > GV_HYBRID_MAX_LEGS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("legs must be numbers between 1 and %d", GV_HYBRID_MAX_LEGS)));
		*n_legs = Max(*n_legs, leg);
		if (no_ids[i] || no_scores[i] || !isfinite(DatumGetFloat8(scores[i])))
			continue;
		(*entries)[n_entries].id = ids[i];
		(*entries)[n_entries].leg = leg - 1;
		(*entries)[n_entries].raw = DatumGetFloat8(scores[i]);
		n_entries++;
	}
	return n_entries;
}

/* Make the legs of the entries; in each a row once, with the best that is said of it */
static GvHybridLeg *
make_legs(FunctionCallInfo fcinfo, Entry *entries, int n_entries, int *n_legs, int n_rows,
		  GvHybridMethod method)
{
	Datum	   *weights = NULL,
			   *ascending = NULL;
	bool	   *no_weights = NULL,
			   *no_ascending = NULL;
	int			n_weights = get_elements(fcinfo, ARG_WEIGHTS, &weights, &no_weights);
	int			n_ascending = get_elements(fcinfo, ARG_ASCENDING, &ascending, &no_ascending);
	GvHybridLeg *legs;
	int		   *last;

	if ((n_weights > 0 && n_weights < *n_legs) || (n_ascending > 0 && n_ascending < *n_legs))
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("\"%s\" must have an element for each leg",
						n_weights > 0 && n_weights < *n_legs ? "weights" : "ascending"),
				 errdetail("There are %d legs.", *n_legs)));
	*n_legs = Min(Max(*n_legs, n_weights), GV_HYBRID_MAX_LEGS);
	legs = palloc0(sizeof(GvHybridLeg) * Max(*n_legs, 1));
	last = palloc(sizeof(int) * Max(n_rows, 1));
	for (int i = 0; i < *n_legs; i++)
	{
		bool		is_ascending = i < n_ascending && !no_ascending[i] &&
			DatumGetBool(ascending[i]);
		GvHybridLeg *leg = &legs[i];
		int			n_unique = 0;

		leg->weight = i < n_weights && !no_weights[i] ? DatumGetFloat8(weights[i]) : 1;
		gv_hybrid_check_weight(leg->weight);
		if (is_ascending && method == GV_HYBRID_LINEAR)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("fusion \"%s\" needs scores of which the largest is best", "linear"),
					 errhint("Make similarities of the distances.")));
		leg->hits = palloc(sizeof(GvHybridHit) * Max(n_entries, 1));
		for (int j = 0; j < n_entries; j++)
		{
			GvHybridHit *hit = &leg->hits[leg->n_hits];

			if (entries[j].leg != i)
				continue;
			hit->row = entries[j].row;
			hit->raw = entries[j].raw;
			hit->good = is_ascending ? -hit->raw : hit->raw;
			leg->n_hits++;
		}
		gv_hybrid_rank(leg);
		memset(last, 0, sizeof(int) * n_rows);
		for (int j = 0; j < leg->n_hits; j++)
		{
			if (last[leg->hits[j].row]++ == 0)
				leg->hits[n_unique++] = leg->hits[j];
		}
		leg->n_hits = n_unique;
		gv_hybrid_rank(leg);
	}
	return legs;
}

/* An array with an element for each leg, NULL where a row is missing */
static Datum
make_array(Datum *values, bool *nulls, int n, Oid type, int length)
{
	int			dims[1] = {n};
	int			lower[1] = {1};
	bool		is_int = length == sizeof(int32);
	ArrayType  *array = construct_md_array(values, nulls, 1, dims, lower, type, length,
										   is_int || FLOAT8PASSBYVAL,
										   is_int ? TYPALIGN_INT : TYPALIGN_DOUBLE);

	return PointerGetDatum(array);
}

/*
 * gv_hybrid_fuse_lists
 *		gigavec.fuse(ids, scores, legs, fusion, weights, rrf_k, ascending)
 */
Datum
gv_hybrid_fuse_lists(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	GvHybridMethod method = GV_HYBRID_MINMAX;
	int			rrf_k = GV_HYBRID_DEFAULT_RRF_K;
	Entry	   *entries;
	GvHybridLeg *legs;
	GvHybridRow *rows;
	Datum	   *ids;
	int			n_entries;
	int			n_legs;
	int			n_rows;
	int			n;

	InitMaterializedSRF(fcinfo, 0);
	if (!PG_ARGISNULL(ARG_FUSION))
		method = gv_hybrid_find_method(text_to_cstring(PG_GETARG_TEXT_PP(ARG_FUSION)));
	if (!PG_ARGISNULL(ARG_RRF_K))
		rrf_k = PG_GETARG_INT32(ARG_RRF_K);
	gv_hybrid_check_rrf_k(rrf_k);
	n_entries = read_entries(fcinfo, &entries, &n_legs);
	n_rows = number_rows(fcinfo, entries, n_entries);
	legs = make_legs(fcinfo, entries, n_entries, &n_legs, n_rows, method);
	gv_hybrid_weigh(legs, n_legs, n_rows, method, rrf_k);
	n = gv_hybrid_fuse(legs, n_legs, n_rows, &rows);

	ids = palloc(sizeof(Datum) * Max(n_rows, 1));
	for (int i = 0; i < n_entries; i++)
		ids[entries[i].row] = entries[i].id;
	for (int i = 0; i < n; i++)
	{
		Datum		values[5];
		bool		nulls[5] = {false};
		Datum		ranks[GV_HYBRID_MAX_LEGS];
		Datum		raws[GV_HYBRID_MAX_LEGS];
		Datum		parts[GV_HYBRID_MAX_LEGS];
		bool		missing[GV_HYBRID_MAX_LEGS];
		bool		none[GV_HYBRID_MAX_LEGS] = {false};

		CHECK_FOR_INTERRUPTS();
		for (int j = 0; j < n_legs; j++)
		{
			GvHybridHit *hit = rows[i].hits[j];

			missing[j] = hit == NULL;
			ranks[j] = Int32GetDatum(hit ? hit->rank : 0);
			raws[j] = Float8GetDatum(hit ? hit->raw : 0);
			parts[j] = Float8GetDatum(hit ? hit->part : 0);
		}
		values[0] = ids[rows[i].row];
		values[1] = Float8GetDatum(rows[i].score);
		values[2] = make_array(ranks, missing, n_legs, INT4OID, sizeof(int32));
		values[3] = make_array(raws, missing, n_legs, FLOAT8OID, sizeof(float8));
		values[4] = make_array(parts, none, n_legs, FLOAT8OID, sizeof(float8));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
