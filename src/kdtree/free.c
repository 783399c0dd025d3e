/*-------------------------------------------------------------------------
 *
 * free.c
 *		Leaves that VACUUM has emptied: taken out of the tree, used again.
 *
 * A leaf without points is taken out of its parent, in one record, and notes
 * the next transaction id.  Whoever has read the parent before may still come:
 * the page keeps its link to the right, and has no points that anybody could
 * miss.  When no snapshot is left that is as old, nobody can come any more, and
 * a split may take the page; to a standby the log says so as GiST does, so that
 * older queries there end before.
 *
 * No page is used again while VACUUM or a check reads the blocks in order: both
 * hold the lock of reuse, see README.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "miscadmin.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"

#include "am/testpoint.h"
#include "am/xlog.h"
#include "base/compare.h"
#include "base/compat.h"
#include "kdtree/free.h"

/*
 * gv_kdtree_lock_reuse, gv_kdtree_unlock_reuse
 *		Keep free pages from being used again meanwhile.
 */
void
gv_kdtree_lock_reuse(Relation rel)
{
	LockPage(rel, GV_KDTREE_ROOT_BLKNO, ShareLock);
}

void
gv_kdtree_unlock_reuse(Relation rel)
{
	UnlockPage(rel, GV_KDTREE_ROOT_BLKNO, ShareLock);
}

/*
 * gv_kdtree_begin_reuse, gv_kdtree_end_reuse
 *		Around splits: allow them to use free pages, unless somebody reads blocks.
 */
void
gv_kdtree_begin_reuse(GvKdtreeIndex *ix)
{
	ix->may_reuse = ConditionalLockPage(ix->rel, GV_KDTREE_ROOT_BLKNO, ExclusiveLock);
}

void
gv_kdtree_end_reuse(GvKdtreeIndex *ix)
{
	if (ix->may_reuse)
		UnlockPage(ix->rel, GV_KDTREE_ROOT_BLKNO, ExclusiveLock);
	ix->may_reuse = false;
}

/* Can nobody come to a free page any more? */
static bool
is_forgotten(Page page)
{
	return GlobalVisCheckRemovableFullXid(NULL, gv_kdtree_page_freed_at(page));
}

/*
 * gv_kdtree_note_free
 *		Remember a page for reuse if it is free for good.
 *
 * page: locked
 */
bool
gv_kdtree_note_free(Relation rel, BlockNumber blkno, Page page)
{
	if (!PageIsNew(page) &&
		!(gv_kdtree_page_is(page, GV_KDTREE_PAGE_FREE) && is_forgotten(page)))
		return false;
	RecordFreeIndexPage(rel, blkno);
	return true;
}

/*
 * gv_kdtree_new_buffer
 *		Return a page that is not in use, exclusively locked.
 *
 * What the free space map says is a hint, and it may even be a page that this
 * process has locked: so it waits for none.
 */
Buffer
gv_kdtree_new_buffer(GvKdtreeIndex *ix)
{
	while (ix->may_reuse)
	{
		BlockNumber blkno = GetFreeIndexPage(ix->rel);
		Buffer		buf;
		Page		page;

		if (blkno == InvalidBlockNumber)
			break;
		if (blkno <= GV_KDTREE_ROOT_BLKNO || blkno >= RelationGetNumberOfBlocks(ix->rel))
			continue;
		buf = ReadBuffer(ix->rel, blkno);
		if (!ConditionalLockBuffer(buf))
		{
			ReleaseBuffer(buf);
			continue;
		}
		page = BufferGetPage(buf);
		if (PageIsNew(page))
			return buf;
		if (gv_kdtree_page_is(page, GV_KDTREE_PAGE_FREE) && is_forgotten(page))
		{
			if (XLogStandbyInfoActive() && RelationNeedsWAL(ix->rel))
				gv_base_log_page_reuse(ix->rel, blkno, gv_kdtree_page_freed_at(page));
			return buf;
		}
		UnlockReleaseBuffer(buf);
	}
	return gv_am_new_buffer(ix->rel, MAIN_FORKNUM);
}

/* Take a child out of its parent if it is an empty leaf; both are locked */
static bool
free_child(GvKdtreeIndex *ix, Buffer parent_buf, int place, Buffer buf)
{
	GvXlog	   *xlog;
	Page		parent;
	Page		page = BufferGetPage(buf);
	GvKdtreeHead head;
	GvKdtreeBox box;

	if (!gv_kdtree_page_is(page, GV_KDTREE_PAGE_LEAF) || gv_kdtree_page_head(page)->n > 0)
		return false;
	xlog = gv_xlog_begin(ix->rel);
	parent = gv_xlog_page(xlog, parent_buf);
	page = gv_xlog_page(xlog, buf);
	head = gv_kdtree_page_head(parent);
	head->n--;
	gv_kdtree_get_box(ix, parent, head->n, &box);
	gv_kdtree_put_child(ix, parent, place, &box,
						gv_kdtree_inner_children(ix, parent)[head->n]);
	gv_kdtree_set_page_free(page, ReadNextFullTransactionId());
	gv_xlog_finish(xlog);
	return true;
}

/*
 * gv_kdtree_free_leaves
 *		Take empty leaves out of their parents.
 *
 * parents: blocks that were inner pages above leaves
 * leaves: blocks that were leaves without points; are sorted
 *
 * Each parent keeps a child.  Returns how many leaves were taken out.
 */
BlockNumber
gv_kdtree_free_leaves(GvKdtreeIndex *ix, const BlockNumber *parents, BlockNumber n_parents,
					  BlockNumber *leaves, BlockNumber n_leaves)
{
	BlockNumber n_freed = 0;

	if (n_leaves == 0)
		return 0;
	qsort(leaves, n_leaves, sizeof(BlockNumber), gv_base_compare_uint32);
	for (BlockNumber p = 0; p < n_parents; p++)
	{
		Buffer		parent_buf;
		Page		parent;

		gv_base_vacuum_delay();
		GV_TEST_POINT("kdtree-free-parent");
		/* the lock of splits: nobody has a page in mind to split */
		LockPage(ix->rel, GV_KDTREE_META_BLKNO, ExclusiveLock);
		parent_buf = gv_kdtree_read_page(ix, parents[p], BUFFER_LOCK_EXCLUSIVE);
		parent = BufferGetPage(parent_buf);
		for (int i = gv_kdtree_page_head(parent)->n - 1;
			 gv_kdtree_page_head(parent)->level == 1 && i >= 0; i--)
		{
			BlockNumber child = gv_kdtree_inner_children(ix, parent)[i];
			Buffer		buf;

			if (gv_kdtree_page_head(parent)->n <= 1)
				break;
			if (bsearch(&child, leaves, n_leaves, sizeof(BlockNumber),
						gv_base_compare_uint32) == NULL)
				continue;
			buf = ReadBuffer(ix->rel, child);
			if (!ConditionalLockBuffer(buf))
			{
				ReleaseBuffer(buf);
				continue;
			}
			n_freed += free_child(ix, parent_buf, i, buf);
			UnlockReleaseBuffer(buf);
		}
		UnlockReleaseBuffer(parent_buf);
		UnlockPage(ix->rel, GV_KDTREE_META_BLKNO, ExclusiveLock);
	}
	return n_freed;
}
