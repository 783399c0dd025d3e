/*-------------------------------------------------------------------------
 *
 * inspect.c
 *		gigavec.check, gigavec.stats, gigavec.last_scan and gigavec.train, for the
 *		indexes of all our access methods.
 *
 * The first two read an index beside its users, under locks that conflict with no
 * reading or writing of rows.  Whoever may read the table may call them: they
 * show nothing of its rows but their number and places.  Under row-level
 * security even that is too much.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/tuplestore.h"

#include "am/inspect.h"
#include "am/upkeep.h"
#include "base/compat.h"
#include "bm25/bm25.h"
#include "hnsw/hnsw.h"
#include "inspect.h"
#include "ivf/ivf.h"
#include "kdtree/kdtree.h"

GV_FUNCTION(gv_check_index);
GV_FUNCTION(gv_show_index_stats);
GV_FUNCTION(gv_show_last_scan);
GV_FUNCTION(gv_train_index);

/* What an access method can tell of its indexes */
struct GvInspector
{
	ambuild_function build;		/* by which its indexes are known */
	void		(*check) (Relation index, Relation heap, GvAmReportProblem report,
						  void *arg);
	void		(*stats) (Relation index, GvAmReportStat report, void *arg);
	/* NULL if its searches miss no rows */
	void		(*measure) (Relation index, Relation heap, const Datum *values,
							int n_queries, int k, GvAmRecall *result);
	void		(*calibrate) (Relation index, Relation heap, const Datum *values,
							  int n_queries);
	/* NULL if there is nothing to train */
	int			(*train) (Relation index, Relation heap, const Datum *given, int n_given);
};

static const GvInspector inspectors[] = {
	{gv_hnsw_build, gv_hnsw_check, gv_hnsw_stats, gv_hnsw_measure, gv_hnsw_calibrate_queries,
	NULL},
	{gv_kdtree_build, gv_kdtree_check, gv_kdtree_stats, NULL, NULL, NULL},
	{gv_ivf_build, gv_ivf_check, gv_ivf_stats, gv_ivf_measure, gv_ivf_calibrate_queries,
	gv_ivf_train_later},
	{gv_bm25_build, gv_bm25_check, gv_bm25_stats, NULL, NULL, NULL},
};

/*
 * gv_inspect_open
 *		Open an index and its table; raises an error if that is not for the caller.
 *
 * lock: on the index
 */
void
gv_inspect_open(GvInspected *inspected, Oid index_oid, LOCKMODE lock)
{
	/* the table is locked first, as everywhere */
	Oid			heap_oid;

	inspected->heap = gv_am_inspect_open_table(index_oid, AccessShareLock);
	inspected->lock = lock;
	inspected->index = gv_am_inspect_open_index(index_oid, lock);
	heap_oid = RelationGetRelid(inspected->heap);
	if (inspected->index->rd_index->indrelid != heap_oid)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("could not find the table of index \"%s\"",
						RelationGetRelationName(inspected->index))));

	inspected->inspector = NULL;
	for (int i = 0; i < lengthof(inspectors); i++)
	{
		if (inspected->index->rd_indam->ambuild == inspectors[i].build)
			inspected->inspector = &inspectors[i];
	}
	if (inspected->inspector == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("index \"%s\" is not of an access method of gigavec",
						RelationGetRelationName(inspected->index))));

	if (pg_class_aclcheck(heap_oid, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE,
					   RelationGetRelationName(inspected->heap));
	if (check_enable_rls(heap_oid, InvalidOid, true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table %s",
						RelationGetRelationName(inspected->heap)),
				 errdetail("Row-level security is in force for the table.")));
	if (RELATION_IS_OTHER_TEMP(inspected->index))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot read temporary index \"%s\" of another session",
						RelationGetRelationName(inspected->index))));
}

/*
 * gv_inspect_has_recall
 *		May searches of an index miss rows, so that their recall can be measured?
 */
bool
gv_inspect_has_recall(const GvInspected *inspected)
{
	return inspected->inspector->measure != NULL;
}

/*
 * gv_inspect_measure, gv_inspect_calibrate
 *		Measure the recall of an index that has one, or keep what queries tell.
 */
void
gv_inspect_measure(const GvInspected *inspected, const Datum *values, int n_queries, int k,
				   GvAmRecall *result)
{
	inspected->inspector->measure(inspected->index, inspected->heap, values, n_queries, k,
								  result);
}

void
gv_inspect_calibrate(const GvInspected *inspected, const Datum *values, int n_queries)
{
	inspected->inspector->calibrate(inspected->index, inspected->heap, values, n_queries);
}

/*
 * gv_inspect_begin_as_owner, gv_inspect_end_as_owner
 *		Go on as the table's owner and in a restricted operation, for an index's
 *		expressions and predicate may be anybody's; and no longer so.
 *
 * Settings that are changed between the two are as they were then.
 */
void
gv_inspect_begin_as_owner(GvInspected *inspected)
{
	GetUserIdAndSecContext(&inspected->caller, &inspected->caller_context);
	SetUserIdAndSecContext(inspected->heap->rd_rel->relowner,
						   inspected->caller_context | SECURITY_RESTRICTED_OPERATION);
	inspected->guc_level = NewGUCNestLevel();
	gv_base_restrict_search_path();
}

void
gv_inspect_end_as_owner(const GvInspected *inspected)
{
	AtEOXact_GUC(false, inspected->guc_level);
	SetUserIdAndSecContext(inspected->caller, inspected->caller_context);
}

/*
 * gv_inspect_close
 *		Close both; the lock of the index stays if it is of a writer.
 */
void
gv_inspect_close(GvInspected *inspected)
{
	index_close(inspected->index,
				inspected->lock == AccessShareLock ? AccessShareLock : NoLock);
	table_close(inspected->heap, AccessShareLock);
}

static void
report_problem(void *arg, const GvAmProblem *problem)
{
	ReturnSetInfo *result = arg;
	ItemPointerData row_tid = problem->row_tid;
	Datum		values[4] = {0};
	bool		nulls[4];

	values[0] = Int64GetDatum((int64) problem->block);
	nulls[0] = !BlockNumberIsValid(problem->block);
	values[1] = Int32GetDatum(problem->item);
	nulls[1] = problem->item < 0;
	values[2] = PointerGetDatum(&row_tid);
	nulls[2] = !ItemPointerIsValid(&row_tid);
	values[3] = CStringGetTextDatum(problem->problem);
	nulls[3] = false;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	pfree(DatumGetPointer(values[3]));
}

/*
 * gv_check_index
 *		gigavec.check(index, heap)
 */
Datum
gv_check_index(PG_FUNCTION_ARGS)
{
	bool		with_heap = PG_GETARG_BOOL(1);
	GvInspected inspected;

	InitMaterializedSRF(fcinfo, 0);
	gv_inspect_open(&inspected, PG_GETARG_OID(0), AccessShareLock);
	if (with_heap && !inspected.index->rd_index->indisvalid)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot check index \"%s\" against its table",
						RelationGetRelationName(inspected.index)),
				 errdetail("The index is not valid."),
				 errhint("Rebuild the index with REINDEX, or drop it.")));

	gv_inspect_begin_as_owner(&inspected);
	inspected.inspector->check(inspected.index, with_heap ? inspected.heap : NULL,
							   report_problem, fcinfo->resultinfo);
	gv_inspect_end_as_owner(&inspected);
	gv_inspect_close(&inspected);
	return (Datum) 0;
}

static void
report_stat(void *arg, const char *name, double value, int precision,
			const char *description)
{
	ReturnSetInfo *result = arg;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};
	char	   *text = psprintf("%.*f", precision, value);

	values[0] = CStringGetTextDatum(name);
	values[1] = DirectFunctionCall3(numeric_in, CStringGetDatum(text),
									ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	values[2] = CStringGetTextDatum(description);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * gv_show_index_stats
 *		gigavec.stats(index)
 */
Datum
gv_show_index_stats(PG_FUNCTION_ARGS)
{
	GvInspected inspected;

	InitMaterializedSRF(fcinfo, 0);
	gv_inspect_open(&inspected, PG_GETARG_OID(0), AccessShareLock);
	inspected.inspector->stats(inspected.index, report_stat, fcinfo->resultinfo);
	gv_inspect_close(&inspected);
	return (Datum) 0;
}

/* Take apart an array of vectors */
static Datum *
vectors_of_array(ArrayType *array, int *n)
{
	Datum	   *values;
	bool	   *nulls;
	int16		length;
	bool		by_value;
	char		align;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, align, &values, &nulls, n);
	for (int i = 0; i < *n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("centroid %d is null", i + 1)));
		values[i] = PointerGetDatum(PG_DETOAST_DATUM(values[i]));
	}
	return values;
}

/*
 * gv_train_index
 *		gigavec.train(index), gigavec.train(index, centroids)
 *
 * For the index's owner.  Keeps VACUUM and the like away, as they do each other.
 */
Datum
gv_train_index(PG_FUNCTION_ARGS)
{
	Oid			index_oid = PG_GETARG_OID(0);
	Oid			heap_oid;
	GvInspected inspected;
	int			n_lists;
	Datum	   *given = NULL;
	int			n_given = 0;

	PreventCommandIfReadOnly("gigavec.train()");
	PreventCommandDuringRecovery("gigavec.train()");
	PreventCommandIfParallelMode("gigavec.train()");
	if (PG_NARGS() > 1)
		given = vectors_of_array(PG_GETARG_ARRAYTYPE_P(1), &n_given);
	heap_oid = IndexGetRelation(index_oid, true);
	if (OidIsValid(heap_oid) && !gv_base_owns_relation(index_oid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_INDEX, gv_am_inspect_name(index_oid));
	if (OidIsValid(heap_oid))
		gv_am_upkeep_lock(heap_oid, "gigavec.train()");
	gv_inspect_open(&inspected, index_oid, RowExclusiveLock);
	if (inspected.inspector->train == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot train index \"%s\"",
						RelationGetRelationName(inspected.index)),
				 errdetail("Its access method has no lists.")));
	if (!inspected.index->rd_index->indisvalid)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot train index \"%s\"",
						RelationGetRelationName(inspected.index)),
				 errdetail("The index is not valid."),
				 errhint("Rebuild the index with REINDEX, or drop it.")));

	gv_inspect_begin_as_owner(&inspected);
	n_lists = inspected.inspector->train(inspected.index, inspected.heap, given, n_given);
	gv_inspect_end_as_owner(&inspected);
	gv_inspect_close(&inspected);
	PG_RETURN_INT32(n_lists);
}

/*
 * gv_show_last_scan
 *		gigavec.last_scan()
 */
Datum
gv_show_last_scan(PG_FUNCTION_ARGS)
{
	GvAmScanCounts counts;
	TupleDesc	desc;
	Datum		values[7];
	bool		nulls[7] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
		desc->natts != lengthof(values))
		elog(ERROR, "return type must be a row of %d columns", (int) lengthof(values));
	gv_hnsw_last_scan(&counts);
	if (!OidIsValid(counts.index))
		PG_RETURN_NULL();
	values[0] = ObjectIdGetDatum(counts.index);
	values[1] = Float8GetDatum(counts.target);
	nulls[1] = counts.target == 0;
	values[2] = Int64GetDatum(counts.ef);
	values[3] = Int64GetDatum(counts.expansions);
	values[4] = Int64GetDatum(counts.swept);
	values[5] = Int64GetDatum(counts.reranked);
	values[6] = Int64GetDatum(counts.returned);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
