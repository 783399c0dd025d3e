/*-------------------------------------------------------------------------
 *
 * inspect.c
 *		What the checks of all access methods do alike: reading the table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/index.h"

#include "am/inspect.h"

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
