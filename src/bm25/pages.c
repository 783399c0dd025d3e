/*-------------------------------------------------------------------------
 *
 * pages.c
 *		Which pages of an index are in use.
 *
 * Pages that nothing leads to are left behind by a crash or a cancelled merge.
 * VACUUM finds them, when the numbers do not add up, by following everything.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "bm25/delta.h"
#include "bm25/pages.h"

/* Mark pages as used; returns how many were not */
static BlockNumber
mark_pages(uint8 *used, BlockNumber n_blocks, BlockNumber start, uint32 n)
{
	BlockNumber result = 0;

	for (uint32 i = 0; i < n; i++)
	{
		BlockNumber blkno = start + i;

		if (blkno >= n_blocks || (used[blkno / 8] >> blkno % 8 & 1))
			continue;
		used[blkno / 8] |= 1 << blkno % 8;
		result++;
	}
	return result;
}

/* Mark the pages of lanes and their long rows */
static BlockNumber
mark_lanes(GvBm25Index *index, uint8 *used, BlockNumber n_blocks)
{
	GvBm25DeltaScan *scan = palloc(sizeof(GvBm25DeltaScan));
	BlockNumber result = 0;

	for (int i = 0; i < index->meta.n_sealed; i++)
		result += mark_pages(used, n_blocks, index->meta.sealed[i].head, 1);
	for (int i = 0; i < GV_BM25_LANES; i++)
	{
		if (index->meta.lane[i].head != InvalidBlockNumber)
			result += mark_pages(used, n_blocks, index->meta.lane[i].head, 1);
	}
	gv_bm25_delta_begin(scan, index);
	while (gv_bm25_delta_next(scan))
	{
		GvBm25Extents pages = {0};

		result += mark_pages(used, n_blocks, scan->row_block, 1);
		if (!(scan->row->flags & GV_BM25_ROW_LONG))
			continue;
		gv_bm25_long_row_pages(scan, &pages);
		for (uint32 i = 0; i < pages.n; i++)
			result += mark_pages(used, n_blocks, pages.extent[i].start, pages.extent[i].n);
		pfree(pages.extent);
	}
	pfree(scan);
	return result;
}

/*
 * gv_bm25_recover_pages
 *		Add pages that nothing leads to to the list of free ones; the caller holds
 *		the merge lock.
 *
 * Returns how many are free then.
 *
 * An insert holds the lock of a lane's first page, or of the metapage, from when
 * it adds a page until something leads to it; one that writes a long row holds a
 * heavyweight lock.  So whatever was added before the number of blocks was read
 * is led to when lanes are read after that.
 */
BlockNumber
gv_bm25_recover_pages(GvBm25Index *index)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "bm25 pages",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	GvBm25Removal removal;
	BlockNumber n_blocks;
	BlockNumber n_used;
	BlockNumber n_free = 0;
	GvBm25Extents free = {0};
	uint8	   *used;

	LockPage(index->rel, GV_BM25_FREE_BLKNO, ExclusiveLock);
	n_blocks = RelationGetNumberOfBlocks(index->rel);
	UnlockPage(index->rel, GV_BM25_FREE_BLKNO, ExclusiveLock);
	gv_bm25_read_meta(index);
	used = MemoryContextAllocExtended(context, (Size) n_blocks / 8 + 1,
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	n_used = mark_pages(used, n_blocks, GV_BM25_META_BLKNO, 2);
	for (int i = 0; i < index->meta.n_segments; i++)
	{
		GvBm25Segment segment;

		gv_base_vacuum_delay();
		gv_bm25_segment_open(&segment, index, &index->meta.segment[i]);
		for (uint32 j = 0; j < segment.head.n_extents; j++)
			n_used += mark_pages(used, n_blocks, segment.extents[j].start, segment.extents[j].n);
	}
	n_used += mark_lanes(index, used, n_blocks);
	gv_bm25_read_free(index, &free);
	for (uint32 i = 0; i < free.n; i++)
		n_free += mark_pages(used, n_blocks, free.extent[i].start, free.extent[i].n);

	if (n_used + n_free < n_blocks)
	{
		memset(&removal, 0, sizeof(removal));
		for (BlockNumber blkno = 0; blkno < n_blocks; blkno++)
		{
			if (!(used[blkno / 8] >> blkno % 8 & 1))
				gv_bm25_extents_add(&removal.pages, blkno, 1);
		}
		gv_bm25_publish(index, NULL, NULL, &removal);
		n_free = n_blocks - n_used;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return n_free;
}
