/*-------------------------------------------------------------------------
 *
 * vacuum.c
 *		VACUUM: take out what is dead.
 *
 * Pages are read in physical order.  A split moves points to a new block at
 * the end of the index only, since free pages are not used again meanwhile; so
 * what VACUUM has not seen lies before it.  Boxes stay as they are.  Leaves that
 * are empty then are taken out of the tree, and used again when nobody can come
 * to them any more, see free.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"

#include "am/routine.h"
#include "am/testpoint.h"
#include "am/xlog.h"
#include "base/compat.h"
#include "kdtree/free.h"
#include "kdtree/kdtree.h"

/* A list of blocks */
typedef struct Blocks
{
	BlockNumber *blkno;
	Size		n;
	Size		max;
} Blocks;

typedef struct Vacuum
{
	GvKdtreeIndex ix;
	IndexVacuumInfo *info;
	IndexBulkDeleteResult *stats;
	IndexBulkDeleteCallback callback;
	void	   *callback_state;
	uint16	   *kept;			/* uint16[leaf_capacity] */
	Blocks		parents;		/* inner pages above leaves */
	Blocks		empty;			/* leaves without points */
	BlockNumber n_free;			/* pages that were free for good */
} Vacuum;

static void
add_block(Blocks *blocks, BlockNumber blkno)
{
	if (blocks->n == blocks->max)
	{
		blocks->max = Max(blocks->max * 2, 256);
		blocks->blkno = blocks->blkno == NULL ?
			palloc(sizeof(BlockNumber) * blocks->max) :
			repalloc_huge(blocks->blkno, sizeof(BlockNumber) * blocks->max);
	}
	blocks->blkno[blocks->n++] = blkno;
}

/* Take the dead points out of a leaf, locked exclusively */
static void
vacuum_leaf(Vacuum *vacuum, Buffer buf)
{
	GvKdtreeIndex *ix = &vacuum->ix;
	Page		page = BufferGetPage(buf);
	int			n = gv_kdtree_page_head(page)->n;
	ItemPointer tids = gv_kdtree_leaf_tids(ix, page);
	int			n_kept = 0;
	GvXlog	   *xlog;

	for (int i = 0; i < n; i++)
	{
		if (!vacuum->callback(&tids[i], vacuum->callback_state))
			vacuum->kept[n_kept++] = i;
	}
	vacuum->stats->num_index_tuples += n_kept;
	if (n_kept == n)
		return;

	xlog = gv_xlog_begin(ix->rel);
	page = gv_xlog_page(xlog, buf);
	for (int i = 0; i < n_kept; i++)
	{
		GvKdtreePoint point;

		if (vacuum->kept[i] == i)
			continue;
		gv_kdtree_get_point(ix, page, vacuum->kept[i], &point);
		gv_kdtree_put_point(ix, page, i, &point);
	}
	gv_kdtree_page_head(page)->n = n_kept;
	gv_xlog_finish(xlog);
	vacuum->stats->tuples_removed += n - n_kept;
}

static void
vacuum_block(Vacuum *vacuum, BlockNumber blkno)
{
	Buffer		buf = ReadBufferExtended(vacuum->ix.rel, MAIN_FORKNUM, blkno, RBM_NORMAL,
										 vacuum->info->strategy);
	Page		page = BufferGetPage(buf);
	const char *fault;

	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	fault = PageIsNew(page) ? NULL : gv_kdtree_page_fault(&vacuum->ix, page);
	if (fault != NULL)
		gv_kdtree_report_corruption(vacuum->ix.rel, blkno, fault);
	if (PageIsNew(page) || gv_kdtree_page_is(page, GV_KDTREE_PAGE_FREE))
		vacuum->n_free += gv_kdtree_note_free(vacuum->ix.rel, blkno, page);
	else if (gv_kdtree_page_head(page)->level == 0)
	{
		vacuum_leaf(vacuum, buf);
		if (gv_kdtree_page_head(BufferGetPage(buf))->n == 0 && blkno != GV_KDTREE_ROOT_BLKNO)
			add_block(&vacuum->empty, blkno);
	}
	else if (gv_kdtree_page_head(page)->level == 1)
		add_block(&vacuum->parents, blkno);
	UnlockReleaseBuffer(buf);
}

/*
 * gv_kdtree_bulk_delete
 *		ambulkdelete
 */
IndexBulkDeleteResult *
gv_kdtree_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
					  IndexBulkDeleteCallback callback, void *callback_state)
{
	Vacuum		vacuum = {.info = info,.callback = callback,.callback_state = callback_state};
	BlockNumber blkno = GV_KDTREE_ROOT_BLKNO;
	BlockNumber n_freed;

	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	stats->num_index_tuples = 0;
	vacuum.stats = stats;
	gv_kdtree_open(&vacuum.ix, info->index);
	vacuum.kept = palloc(sizeof(uint16) * vacuum.ix.leaf_capacity);
	gv_kdtree_lock_reuse(info->index);
	GV_TEST_POINT("kdtree-vacuum-begun");
	for (;;)
	{
		BlockNumber n_blocks;

		/* with the lock, no block is counted that a split has not locked yet */
		LockRelationForExtension(info->index, ExclusiveLock);
		n_blocks = RelationGetNumberOfBlocks(info->index);
		UnlockRelationForExtension(info->index, ExclusiveLock);
		if (blkno >= n_blocks)
			break;
		for (; blkno < n_blocks; blkno++)
		{
			gv_base_vacuum_delay();
			GV_TEST_POINT("kdtree-vacuum-block");
			vacuum_block(&vacuum, blkno);
		}
	}
	n_freed = gv_kdtree_free_leaves(&vacuum.ix, vacuum.parents.blkno, vacuum.parents.n,
									vacuum.empty.blkno, vacuum.empty.n);
	gv_kdtree_unlock_reuse(info->index);
	if (vacuum.n_free > 0)
		IndexFreeSpaceMapVacuum(info->index);
	stats->pages_newly_deleted += n_freed;
	stats->pages_deleted += n_freed;
	stats->pages_free = vacuum.n_free;
	if (vacuum.parents.blkno)
		pfree(vacuum.parents.blkno);
	if (vacuum.empty.blkno)
		pfree(vacuum.empty.blkno);
	pfree(vacuum.kept);
	return stats;
}

/*
 * gv_kdtree_vacuum_cleanup
 *		amvacuumcleanup
 */
IndexBulkDeleteResult *
gv_kdtree_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	if (info->analyze_only)
		return stats;
	return gv_am_cleanup_result(info, stats);
}
