/*-------------------------------------------------------------------------
 *
 * fetch.c
 *		Exact distances of rows, from the table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/relscan.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "utils/memutils.h"

#include "am/fetch.h"

/*
 * gv_am_fetch_init
 *		Prepare to read rows, in the current memory context.
 *
 * fetch: zeroed by the caller
 */
void
gv_am_fetch_init(GvAmFetch *fetch)
{
	fetch->context = CurrentMemoryContext;
	fetch->value_context = AllocSetContextCreate(CurrentMemoryContext, "scan value",
												 ALLOCSET_DEFAULT_SIZES);
}

/*
 * gv_am_fetch_end
 *		Release all that was taken to read rows.
 */
void
gv_am_fetch_end(GvAmFetch *fetch)
{
	if (fetch->heap)
		table_index_fetch_end(fetch->heap);
	if (fetch->slot)
		ExecDropSingleTupleTableSlot(fetch->slot);
	if (fetch->estate)
		FreeExecutorState(fetch->estate);
	MemoryContextDelete(fetch->value_context);
}

/* The first fetch: make what it needs */
static void
begin_fetch(GvAmFetch *fetch, IndexScanDesc scan)
{
	MemoryContext old_context = MemoryContextSwitchTo(fetch->context);

	fetch->heap = table_index_fetch_begin(scan->heapRelation);
	fetch->slot = table_slot_create(scan->heapRelation, NULL);
	fetch->index_info = BuildIndexInfo(scan->indexRelation);
	if (fetch->index_info->ii_Expressions != NIL)
	{
		fetch->estate = CreateExecutorState();
		GetPerTupleExprContext(fetch->estate)->ecxt_scantuple = fetch->slot;
	}
	MemoryContextSwitchTo(old_context);
}

/*
 * gv_am_check_tid_of
 *		Raise an error if the table has no block for a row: the tid is damaged.
 *
 * n_heap_blocks: that the table has at least; brought up to date
 */
void
gv_am_check_tid_of(BlockNumber *n_heap_blocks, Relation index, Relation heap, ItemPointer tid)
{
	BlockNumber blkno = ItemPointerGetBlockNumberNoCheck(tid);

	if (blkno < *n_heap_blocks)
		return;
	*n_heap_blocks = RelationGetNumberOfBlocks(heap);
	if (blkno >= *n_heap_blocks)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" refers to a row in block %u, which table \"%s\" does not have",
						RelationGetRelationName(index), blkno, RelationGetRelationName(heap)),
				 errhint("Rebuild the index with REINDEX.")));
}

/*
 * gv_am_check_tid
 *		The same for a row that a scan has found.
 */
void
gv_am_check_tid(BlockNumber *n_heap_blocks, IndexScanDesc scan, ItemPointer tid)
{
	if (scan->heapRelation != NULL)
		gv_am_check_tid_of(n_heap_blocks, scan->indexRelation, scan->heapRelation, tid);
}

/*
 * gv_am_fetch_key
 *		Compute the exact key of a row; infinity if it has no vector.
 *
 * opclass, dim: of the index
 * query: detoasted
 * key: written
 *
 * Returns false if the scan's snapshot does not see the row.
 */
bool
gv_am_fetch_key(GvAmFetch *fetch, IndexScanDesc scan, const GvAmOpclass *opclass, int dim,
				Datum query, ItemPointer tid, double *key)
{
	ItemPointerData fetched = *tid;
	bool		call_again = false;
	bool		all_dead = false;
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];
	MemoryContext old_context;

	if (fetch->heap == NULL)
		begin_fetch(fetch, scan);
	gv_am_check_tid(&fetch->n_heap_blocks, scan, tid);
	gv_am_pin_row(fetch->heap, fetch->hints, tid);
	if (!table_index_fetch_tuple(fetch->heap, &fetched, scan->xs_snapshot, fetch->slot,
								 &call_again, &all_dead))
		return false;

	*key = INFINITY;
	old_context = MemoryContextSwitchTo(fetch->value_context);
	FormIndexDatum(fetch->index_info, fetch->slot, fetch->estate, values, nulls);
	if (!nulls[0])
	{
		Datum		value = PointerGetDatum(PG_DETOAST_DATUM(values[0]));

		if (gv_am_value_dim(opclass, value) == dim)
			*key = gv_am_exact_key(opclass, query, value);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(fetch->value_context);
	if (fetch->estate)
		ResetPerTupleExprContext(fetch->estate);
	ExecClearTuple(fetch->slot);
	table_index_fetch_reset(fetch->heap);
	return true;
}
