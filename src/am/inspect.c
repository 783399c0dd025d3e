/*-------------------------------------------------------------------------
 *
 * inspect.c
 *		What the functions that work on an index do alike: finding and reading its table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "utils/lsyscache.h"

#include "am/inspect.h"
#include "base/compat.h"

pg_noreturn static void
report_gone(Oid oid)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("relation with OID %u does not exist", oid)));
}

/*
 * gv_am_inspect_name
 *		The name of a relation that nobody has locked; raises an error if it is gone.
 */
char *
gv_am_inspect_name(Oid oid)
{
	char	   *name = get_rel_name(oid);

	if (name == NULL)
		report_gone(oid);
	return name;
}

/*
 * gv_am_inspect_open
 *		Open a relation of any kind; raises an error if it is gone.
 */
Relation
gv_am_inspect_open(Oid oid, LOCKMODE lock)
{
	Relation	rel = try_relation_open(oid, lock);

	if (rel == NULL)
		report_gone(oid);
	return rel;
}

/*
 * gv_am_inspect_require_index
 *		Raise an error if a relation is no index, or gone; a partitioned one will do.
 */
void
gv_am_inspect_require_index(Oid oid)
{
	char		kind = get_rel_relkind(oid);
	char	   *name = gv_am_inspect_name(oid);

	if (kind == RELKIND_INDEX || kind == RELKIND_PARTITIONED_INDEX)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("\"%s\" is not an index", name),
			 kind == RELKIND_RELATION || kind == RELKIND_MATVIEW ||
			 kind == RELKIND_PARTITIONED_TABLE ?
			 errhint("Name one of its indexes.") : 0));
}

/*
 * gv_am_inspect_table_of
 *		The table of an index; raises an error if it is none.
 */
Oid
gv_am_inspect_table_of(Oid index_oid)
{
	char		kind = get_rel_relkind(index_oid);
	char	   *name = gv_am_inspect_name(index_oid);
	Oid			heap_oid;

	if (kind == RELKIND_PARTITIONED_INDEX)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a partitioned index", name),
				 errhint("Name the index of one partition.")));
	gv_am_inspect_require_index(index_oid);
	heap_oid = IndexGetRelation(index_oid, true);
	if (!OidIsValid(heap_oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("could not find the table of index \"%s\"", name)));
	return heap_oid;
}

/*
 * gv_am_inspect_open_table, gv_am_inspect_open_index
 *		Open an index's table, then the index, which may have been dropped since
 *		somebody named it; raises an error then.
 *
 * CREATE INDEX CONCURRENTLY shows an index before there is a page of it: such a
 * one is refused.
 */
Relation
gv_am_inspect_open_table(Oid index_oid, LOCKMODE lock)
{
	return gv_am_inspect_open(gv_am_inspect_table_of(index_oid), lock);
}

Relation
gv_am_inspect_open_index(Oid index_oid, LOCKMODE lock)
{
	Relation	index = gv_am_inspect_open(index_oid, lock);

	if (!index->rd_index->indisready && !index->rd_index->indisvalid)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" is not ready", RelationGetRelationName(index)),
				 errdetail("It is being built, or building it has failed."),
				 errhint("If nobody is building it, rebuild it with REINDEX, or drop it.")));
	return index;
}

/*
 * gv_am_inspect_may_compare
 *		Raise an error if a snapshot sees rows of the table that the index need not
 *		have right.
 */
void
gv_am_inspect_may_compare(Relation index, Snapshot snapshot)
{
	/* such an index may lead an old snapshot to versions it must not see */
	if (IsolationUsesXactSnapshot() && index->rd_index->indcheckxmin &&
		!TransactionIdPrecedes(HeapTupleHeaderGetXmin(index->rd_indextuple->t_data),
							   snapshot->xmin))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("cannot check index \"%s\" in this transaction",
						RelationGetRelationName(index)),
				 errdetail("The index is newer than the transaction's snapshot.")));
}

/*
 * gv_am_inspect_rows
 *		Call a function for each row that a snapshot sees in some blocks of the
 *		table, with what the index should have of it.
 */
void
gv_am_inspect_rows(Relation heap, Relation index, Snapshot snapshot, BlockNumber first,
				   BlockNumber n_blocks, IndexBuildCallback callback, void *arg)
{
	IndexInfo  *index_info = BuildIndexInfo(index);
	TableScanDesc scan;

	/* no waiting for other transactions, and no checks of uniqueness */
	index_info->ii_Concurrent = true;
	index_info->ii_Unique = false;
	scan = table_beginscan_strat(heap, snapshot, 0, NULL, true, false);
	(void) table_index_build_range_scan(heap, index, index_info, false, false, false,
										first, n_blocks, callback, arg, scan);
}
