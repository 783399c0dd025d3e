/*-------------------------------------------------------------------------
 *
 * inspect.c
 *		gigavec.check and gigavec.stats, for the indexes of all our access
 *		methods.
 *
 * Both read an index beside its users, under locks that conflict with no
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
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/tuplestore.h"

#include "am/inspect.h"
#include "base/compat.h"
#include "hnsw/hnsw.h"

GV_FUNCTION(gv_check_index);
GV_FUNCTION(gv_show_index_stats);

/* What an access method can tell of its indexes */
typedef struct Inspector
{
	ambuild_function build;		/* by which its indexes are known */
	void		(*check) (Relation index, Relation heap, GvAmReportProblem report,
						  void *arg);
	void		(*stats) (Relation index, GvAmReportStat report, void *arg);
} Inspector;

static const Inspector inspectors[] = {
	{gv_hnsw_build, gv_hnsw_check, gv_hnsw_stats},
};

/* An index opened for inspection, and its table */
typedef struct Inspected
{
	const Inspector *inspector;
	Relation	index;
	Relation	heap;
} Inspected;

/* Open an index and its table; raises an error if that is not for the caller */
static void
open_index(Inspected *inspected, Oid index_oid)
{
	char		kind = get_rel_relkind(index_oid);
	char	   *name = get_rel_name(index_oid);
	Oid			heap_oid;

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", index_oid)));
	if (kind == RELKIND_PARTITIONED_INDEX)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a partitioned index", name),
				 errhint("Name the index of one partition.")));
	if (kind != RELKIND_INDEX)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an index", name)));

	/* the table is locked first, as everywhere */
	heap_oid = IndexGetRelation(index_oid, true);
	if (!OidIsValid(heap_oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("could not find the table of index \"%s\"", name)));
	inspected->heap = table_open(heap_oid, AccessShareLock);
	inspected->index = index_open(index_oid, AccessShareLock);
	if (inspected->index->rd_index->indrelid != heap_oid)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("could not find the table of index \"%s\"", name)));

	inspected->inspector = NULL;
	for (int i = 0; i < lengthof(inspectors); i++)
	{
		if (inspected->index->rd_indam->ambuild == inspectors[i].build)
			inspected->inspector = &inspectors[i];
	}
	if (inspected->inspector == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("index \"%s\" is not an hnsw index",
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

static void
close_index(Inspected *inspected)
{
	index_close(inspected->index, AccessShareLock);
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
 *
 * The index's expressions and predicate run as the table's owner and in a
 * restricted operation, for they may be anybody's.
 */
Datum
gv_check_index(PG_FUNCTION_ARGS)
{
	bool		with_heap = PG_GETARG_BOOL(1);
	Inspected	inspected;
	Oid			save_userid;
	int			save_sec_context;
	int			save_nestlevel;

	InitMaterializedSRF(fcinfo, 0);
	open_index(&inspected, PG_GETARG_OID(0));
	if (with_heap && !inspected.index->rd_index->indisvalid)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot check index \"%s\" against its table",
						RelationGetRelationName(inspected.index)),
				 errdetail("The index is not valid."),
				 errhint("Rebuild the index with REINDEX, or drop it.")));

	GetUserIdAndSecContext(&save_userid, &save_sec_context);
	SetUserIdAndSecContext(inspected.heap->rd_rel->relowner,
						   save_sec_context | SECURITY_RESTRICTED_OPERATION);
	save_nestlevel = NewGUCNestLevel();
	gv_base_restrict_search_path();

	inspected.inspector->check(inspected.index, with_heap ? inspected.heap : NULL,
							   report_problem, fcinfo->resultinfo);

	AtEOXact_GUC(false, save_nestlevel);
	SetUserIdAndSecContext(save_userid, save_sec_context);
	close_index(&inspected);
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
	Inspected	inspected;

	InitMaterializedSRF(fcinfo, 0);
	open_index(&inspected, PG_GETARG_OID(0));
	inspected.inspector->stats(inspected.index, report_stat, fcinfo->resultinfo);
	close_index(&inspected);
	return (Datum) 0;
}
