/*-------------------------------------------------------------------------
 *
 * fetch.c
 *		Reading rows of the table for a scan: whether they have a phrase, only the
 *		text itself can tell.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "utils/memutils.h"

#include "am/fetch.h"
#include "bm25/fetch.h"

/*
 * gv_bm25_fetch_init
 *		Prepare to read rows, in the current memory context.
 *
 * The caller sets weighed and tokenizer.
 */
void
gv_bm25_fetch_init(GvBm25Fetch *fetch, IndexScanDesc scan)
{
	memset(fetch, 0, sizeof(*fetch));
	fetch->scan = scan;
	fetch->context = CurrentMemoryContext;
	fetch->value_context = AllocSetContextCreate(CurrentMemoryContext, "bm25 scan value",
												 ALLOCSET_DEFAULT_SIZES);
}

/* The first fetch: make what it needs */
static void
begin_fetch(GvBm25Fetch *fetch)
{
	MemoryContext old = MemoryContextSwitchTo(fetch->context);

	fetch->slot = table_slot_create(fetch->scan->heapRelation, NULL);
	fetch->index_info = BuildIndexInfo(fetch->scan->indexRelation);
	if (fetch->index_info->ii_Expressions != NIL)
	{
		fetch->estate = CreateExecutorState();
		GetPerTupleExprContext(fetch->estate)->ecxt_scantuple = fetch->slot;
	}
	fetch->heap = table_index_fetch_begin(fetch->scan->heapRelation);
	MemoryContextSwitchTo(old);
}

/*
 * gv_bm25_fetch_count
 *		Count how often a row has the parts of a query; a GvBm25RowReader.
 *
 * Returns false if the scan's snapshot does not see the row.
 */
bool
gv_bm25_fetch_count(void *arg, ItemPointer tid, float *tf)
{
	GvBm25Fetch *fetch = arg;
	ItemPointerData fetched = *tid;
	bool		call_again = false;
	bool		all_dead = false;
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];
	MemoryContext old;

	if (fetch->heap == NULL)
		begin_fetch(fetch);
	gv_am_check_tid(&fetch->n_heap_blocks, fetch->scan, tid);
	if (!table_index_fetch_tuple(fetch->heap, &fetched, fetch->scan->xs_snapshot, fetch->slot,
								 &call_again, &all_dead))
		return false;

	old = MemoryContextSwitchTo(fetch->value_context);
	FormIndexDatum(fetch->index_info, fetch->slot, fetch->estate, values, nulls);
	if (nulls[0])
		memset(tf, 0, fetch->weighed->n_leaves * sizeof(float));
	else
		gv_bm25_count_leaves(fetch->weighed,
							 gv_bm25_tokenize_value(fetch->tokenizer,
													fetch->scan->indexRelation->rd_opcintype[0],
													values[0]), tf);
	MemoryContextSwitchTo(old);
	MemoryContextReset(fetch->value_context);
	if (fetch->estate)
		ResetPerTupleExprContext(fetch->estate);
	ExecClearTuple(fetch->slot);
	table_index_fetch_reset(fetch->heap);
	return true;
}

/*
 * gv_bm25_fetch_end
 *		Release all that was taken to read rows.
 */
void
gv_bm25_fetch_end(GvBm25Fetch *fetch)
{
	if (fetch->heap)
		table_index_fetch_end(fetch->heap);
	if (fetch->slot)
		ExecDropSingleTupleTableSlot(fetch->slot);
	if (fetch->estate)
		FreeExecutorState(fetch->estate);
	MemoryContextDelete(fetch->value_context);
}
