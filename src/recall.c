/*-------------------------------------------------------------------------
 *
 * recall.c
 *		gigavec.recall: how many of the nearest rows an index finds, and how fast.
 *
 * Whoever may read the table may ask, but not under row-level security: how
 * near the rows are that he may not see would show.  Keeping the result as the
 * index's calibration is for its owner.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "am/recall.h"
#include "base/compat.h"
#include "inspect.h"

GV_FUNCTION(gv_recall_of_rows);
GV_FUNCTION(gv_recall_of_queries);

#define MAX_K 10000
#define MAX_QUERIES 10000

/* Arguments of both functions, by number */
enum
{
	ARG_INDEX,
	ARG_K,
	ARG_QUERIES,
	ARG_TARGET,
	ARG_STORE
};

/* Refuse a number of rows, or of queries, that is out of range */
static void
check_number(const char *name, int value, int max)
{
	if (value < 1 || value > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must be between 1 and %d", name, max),
				 errdetail("\"%s\" is %d.", name, value)));
}

/* The query vectors of an array; raises an error unless the index can take them */
static Datum *
get_queries(ArrayType *array, Relation index, int *n)
{
	Oid			type = ARR_ELEMTYPE(array);
	Oid			column_type = TupleDescAttr(RelationGetDescr(index), 0)->atttypid;
	int16		length;
	bool		by_value;
	char		align;
	Datum	   *values;
	bool	   *nulls;

	if (type != column_type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("queries have type %s, the column of index \"%s\" has type %s",
						format_type_be(type), RelationGetRelationName(index),
						format_type_be(column_type)),
				 errhint("Cast the array to %s[].", format_type_be(column_type))));
	get_typlenbyvalalign(type, &length, &by_value, &align);
	deconstruct_array(array, type, length, by_value, align, &values, &nulls, n);
	if (*n < 1 || *n > MAX_QUERIES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of queries must be between 1 and %d", MAX_QUERIES),
				 errdetail("The array has %d.", *n)));
	for (int i = 0; i < *n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("queries must not contain nulls")));
		values[i] = PointerGetDatum(PG_DETOAST_DATUM(values[i]));
	}
	return values;
}

/* Let scans aim at a recall, until the level of settings ends */
static void
set_target(double target)
{
	static const char *const fixed[] = {"hnsw.ef_search", "ivfflat.probes", "ivfpq.probes"};
	char	   *text = psprintf("%.17g", target);

	/* whatever the range is, the setting's own message tells it */
	(void) set_config_option("gigavec.target_recall", text, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	for (int i = 0; i < lengthof(fixed); i++)
		(void) set_config_option(fixed[i], "0", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	pfree(text);
}

/* Refuse to keep the result if that is not for the caller */
static void
check_store(Relation index)
{
	PreventCommandIfReadOnly("gigavec.recall()");
	PreventCommandDuringRecovery("gigavec.recall()");
	if (!gv_base_owns_relation(RelationGetRelid(index), GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_INDEX, RelationGetRelationName(index));
}

/* gigavec.recall; array: the query vectors, or NULL for n_queries rows */
static Datum
recall(FunctionCallInfo fcinfo, ArrayType *array, int n_queries)
{
	int			k = PG_GETARG_INT32(ARG_K);
	bool		store = PG_GETARG_BOOL(ARG_STORE);
	Datum	   *queries = NULL;
	GvInspected inspected;
	GvAmRecall	result;
	TupleDesc	desc;
	Datum		values[9];
	bool		nulls[9] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != lengthof(values))
		elog(ERROR, "return type must be a row of %d columns", (int) lengthof(values));
	check_number("k", k, MAX_K);
	gv_inspect_open(&inspected, PG_GETARG_OID(ARG_INDEX),
					store ? RowExclusiveLock : AccessShareLock);
	if (!gv_inspect_has_recall(&inspected))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot measure the recall of index \"%s\"",
						RelationGetRelationName(inspected.index)),
				 errdetail("Its access method is exact: every search finds all rows.")));
	if (!inspected.index->rd_index->indisvalid)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot measure the recall of index \"%s\"",
						RelationGetRelationName(inspected.index)),
				 errdetail("The index is not valid."),
				 errhint("Rebuild the index with REINDEX, or drop it.")));
	if (store)
		check_store(inspected.index);
	if (array)
		queries = get_queries(array, inspected.index, &n_queries);
	else
		check_number("queries", n_queries, MAX_QUERIES);

	gv_inspect_begin_as_owner(&inspected);
	if (!PG_ARGISNULL(ARG_TARGET))
		set_target(PG_GETARG_FLOAT8(ARG_TARGET));
	if (store)
		gv_inspect_calibrate(&inspected, queries, n_queries);
	gv_inspect_measure(&inspected, queries, n_queries, k, &result);
	gv_inspect_end_as_owner(&inspected);
	gv_inspect_close(&inspected);

	values[0] = Int32GetDatum(result.n_queries);
	values[1] = Float8GetDatum(result.recall);
	values[2] = Float8GetDatum(result.error);
	values[3] = Float8GetDatum(result.target);
	nulls[3] = result.target == 0;
	values[4] = Float8GetDatum(result.ef);
	values[5] = Float8GetDatum(result.expansions);
	values[6] = Float8GetDatum(result.reranked);
	values[7] = Float8GetDatum(result.milliseconds);
	values[8] = Float8GetDatum(result.milliseconds > 0 ? 1000 / result.milliseconds : 0);
	nulls[8] = result.milliseconds <= 0;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* Is an argument that must not be NULL? */
static bool
lacks_arguments(FunctionCallInfo fcinfo)
{
	return PG_ARGISNULL(ARG_INDEX) || PG_ARGISNULL(ARG_K) || PG_ARGISNULL(ARG_QUERIES) ||
		PG_ARGISNULL(ARG_STORE);
}

/*
 * gv_recall_of_rows
 *		gigavec.recall(index, k, queries, target, store), so many rows as queries
 */
Datum
gv_recall_of_rows(PG_FUNCTION_ARGS)
{
	if (lacks_arguments(fcinfo))
		PG_RETURN_NULL();
	return recall(fcinfo, NULL, PG_GETARG_INT32(ARG_QUERIES));
}

/*
 * gv_recall_of_queries
 *		The same with an array of query vectors.
 */
Datum
gv_recall_of_queries(PG_FUNCTION_ARGS)
{
	if (lacks_arguments(fcinfo))
		PG_RETURN_NULL();
	return recall(fcinfo, PG_GETARG_ARRAYTYPE_P(ARG_QUERIES), 0);
}
