/*-------------------------------------------------------------------------
 *
 * check_heap.c
 *		Verifying an index: against its table.
 *
 * Every row of the table that a snapshot sees must be in the index once, with
 * its vector.  The snapshot is taken before the index is read: what it sees,
 * the index has, and VACUUM cannot take away.  A split moves points to a new
 * block only, so none is missed by reading the blocks in order, though some may
 * be read twice.
 *
 * Rows are compared by parts of the table, so that their places in the index
 * fit into maintenance_work_mem.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "am/sort.h"
#include "kdtree/check.h"

/* A row in the index */
typedef struct IndexedRow
{
	ItemPointerData tid;
	uint16		item;
	BlockNumber blkno;
	uint32		hash;			/* of the elements */
	uint32		filter_hash;	/* of the filter columns' words */
} IndexedRow;

typedef struct HeapCheck
{
	GvKdtreeCheck *check;
	MemoryContext row_context;
	BlockNumber n_old_blocks;	/* blocks from here on are new */
	IndexedRow *rows;			/* by tid */
	uint64		n_rows;
	uint64		max_rows;
} HeapCheck;

static uint32
hash_elements(const GvKdtreeIndex *ix, const float *x)
{
	return hash_bytes((const unsigned char *) x, sizeof(float) * ix->dim);
}

static uint32
hash_filters(const GvKdtreeIndex *ix, const GvAmFilterRow *filters)
{
	char		packed[sizeof(GvAmFilterRow)];

	if (ix->filters.n == 0)
		return 0;
	gv_am_filter_pack(&ix->filters, filters, packed);
	return hash_bytes((const unsigned char *) packed, ix->filters.packed_size);
}

static int
compare_rows(const void *a, const void *b)
{
	const IndexedRow *x = a;
	const IndexedRow *y = b;
	int			order = ItemPointerCompare((ItemPointer) &x->tid, (ItemPointer) &y->tid);

	return order != 0 ? order : (x->blkno > y->blkno) - (x->blkno < y->blkno);
}

/* Collect the rows of a part of the table from the points of a leaf */
static void
collect_leaf(HeapCheck *state, BlockNumber blkno, Page page, BlockNumber first,
			 BlockNumber end)
{
	GvKdtreeIndex *ix = &state->check->ix;
	int			n = gv_kdtree_page_head(page)->n;

	for (int i = 0; i < n; i++)
	{
		BlockNumber row_block = ItemPointerGetBlockNumberNoCheck(&gv_kdtree_leaf_tids(ix, page)[i]);
		GvKdtreePoint point;
		IndexedRow *row;

		if (row_block < first || row_block >= end)
			continue;
		if (state->n_rows == state->max_rows)
		{
			state->max_rows *= 2;
			state->rows = repalloc_huge(state->rows, state->max_rows * sizeof(IndexedRow));
		}
		gv_kdtree_get_point(ix, page, i, &point);
		row = &state->rows[state->n_rows++];
		row->tid = point.tid;
		row->item = i;
		row->blkno = blkno;
		row->hash = hash_elements(ix, point.x);
		row->filter_hash = hash_filters(ix, &point.filters);
	}
}

/* Collect the rows of a part of the table from the index, in the order of tids */
static void
collect_rows(HeapCheck *state, BlockNumber first, BlockNumber end)
{
	GvKdtreeCheck *check = state->check;
	BlockNumber blkno = GV_KDTREE_ROOT_BLKNO;
	BlockNumber n_blocks = RelationGetNumberOfBlocks(check->ix.rel);

	state->n_rows = 0;
	state->n_old_blocks = n_blocks;
	while (blkno < n_blocks)
	{
		for (; blkno < n_blocks; blkno++)
		{
			Buffer		buf = gv_kdtree_check_lock_page(check, blkno, false);
			PGAlignedBlock copy;

			if (!BufferIsValid(buf))
				continue;
			memcpy(copy.data, BufferGetPage(buf), BLCKSZ);
			UnlockReleaseBuffer(buf);
			if (gv_kdtree_page_head(copy.data)->level == 0)
				collect_leaf(state, blkno, copy.data, first, end);
		}
		n_blocks = RelationGetNumberOfBlocks(check->ix.rel);
	}
	if (state->n_rows > 0)
		gv_am_sort(state->rows, state->n_rows, sizeof(IndexedRow), compare_rows);
}

/* The first of the collected rows with a tid, or NULL */
static IndexedRow *
find_row(HeapCheck *state, ItemPointer tid)
{
	uint64		low = 0;
	uint64		high = state->n_rows;

	while (low < high)
	{
		uint64		middle = (low + high) / 2;

		if (ItemPointerCompare(&state->rows[middle].tid, tid) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == state->n_rows || !ItemPointerEquals(&state->rows[low].tid, tid))
		return NULL;
	return &state->rows[low];
}

/* Called for each row of the table, by its place in indexes */
static void
check_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		  bool tuple_is_alive, void *arg)
{
	HeapCheck  *state = arg;
	GvKdtreeCheck *check = state->check;
	IndexedRow *row = find_row(state, tid);
	MemoryContext old_context;
	GvKdtreePoint point;

	CHECK_FOR_INTERRUPTS();
	if (isnull[0])
	{
		if (row != NULL)
			gv_kdtree_check_report(check, row->blkno, row->item, tid,
								   "row is in the index, and its vector is null");
		return;
	}
	if (row == NULL)
	{
		gv_kdtree_check_report(check, InvalidBlockNumber, -1, tid, "row is not in the index");
		return;
	}
	old_context = MemoryContextSwitchTo(state->row_context);
	gv_kdtree_set_row(&check->ix, values, isnull, tid, &point);
	if (row->hash != hash_elements(&check->ix, point.x))
		gv_kdtree_check_report(check, row->blkno, row->item, tid,
							   "row's vector is not the one in the index");
	else if (row->filter_hash != hash_filters(&check->ix, &point.filters))
		gv_kdtree_check_report(check, row->blkno, row->item, tid,
							   "row's filter columns are not as the table has them");
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(state->row_context);
}

/* Compare a part of the table with the index */
static void
check_part(HeapCheck *state, Snapshot snapshot, BlockNumber first, BlockNumber n_blocks)
{
	GvKdtreeCheck *check = state->check;

	collect_rows(state, first, first + n_blocks);
	for (uint64 i = 1; i < state->n_rows; i++)
	{
		IndexedRow *row = &state->rows[i];

		/* one that was read twice is in a new block the second time */
		if (ItemPointerEquals(&row->tid, &row[-1].tid) && row->blkno < state->n_old_blocks)
			gv_kdtree_check_report(check, row->blkno, row->item, &row->tid,
								   "row is in the index more than once");
	}

	gv_am_inspect_rows(check->heap, check->ix.rel, snapshot, first, n_blocks, check_row, state);
}

/*
 * gv_kdtree_check_heap
 *		Check that the index has the table's rows, and has them right.
 *
 * snapshot: registered, taken before the index was looked at
 */
void
gv_kdtree_check_heap(GvKdtreeCheck *check, Snapshot snapshot)
{
	BlockNumber n_blocks = RelationGetNumberOfBlocks(check->heap);
	uint64		n_parts = check->n_points * sizeof(IndexedRow) /
		((uint64) maintenance_work_mem * 1024) + 1;
	BlockNumber per_part = (BlockNumber) (n_blocks / n_parts + 1);
	HeapCheck	state = {.check = check,.max_rows = 1024};

	gv_am_inspect_may_compare(check->ix.rel, snapshot);
	state.row_context = AllocSetContextCreate(CurrentMemoryContext, "kdtree check",
											  ALLOCSET_DEFAULT_SIZES);
	state.rows = palloc(state.max_rows * sizeof(IndexedRow));
	for (BlockNumber first = 0; first < n_blocks; first += per_part)
		check_part(&state, snapshot, first, Min(per_part, n_blocks - first));

	/* rows that lie where the table has no pages */
	collect_rows(&state, n_blocks, InvalidBlockNumber);
	n_blocks = RelationGetNumberOfBlocks(check->heap);
	for (uint64 i = 0; i < state.n_rows; i++)
	{
		IndexedRow *row = &state.rows[i];

		if (ItemPointerGetBlockNumberNoCheck(&row->tid) >= n_blocks)
			gv_kdtree_check_report(check, row->blkno, row->item, &row->tid,
								   "row lies beyond the end of the table");
	}
	MemoryContextDelete(state.row_context);
}
