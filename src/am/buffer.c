/*-------------------------------------------------------------------------
 *
 * buffer.c
 *		Reading pages of an index through remembered buffers.
 *
 * A search reads a page per hop, and most of what a hop costs is the lookup
 * of the page in the buffer mapping table.  Each backend remembers where it
 * saw a block last; the buffer manager checks under the buffer header lock
 * that the block is still there, so a hint can be stale but never wrong.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/tableam.h"
#include "pgstat.h"
#include "storage/buf_internals.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/spccache.h"

#include "am/buffer.h"
#include "am/page.h"
#include "am/testpoint.h"
#include "base/compat.h"

/* Indexes a backend remembers, and the most blocks of each (4 bytes a block) */
#define MAX_HINTED_INDEXES 8
#define MAX_HINTED_BLOCKS (64 * 1024 * 1024)

struct GvAmHints
{
	GvRelFileLocator locator;
	uint64		last_use;
	BlockNumber n_blocks;		/* length of buffers */
	BlockNumber n_known;		/* blocks that the index has at least */
	int			n_slow;			/* reads to go until lookups count as fast */
	Buffer	   *buffers;		/* InvalidBuffer: not seen */
};

static GvAmHints all_hints[MAX_HINTED_INDEXES];
static uint64 use_counter = 0;

/* Reads through hints that follow one without, until reading ahead ends */
#define READS_AFTER_SLOW 64

/* Blocks to read ahead at least: the default of PostgreSQL 17 is one */
#define MIN_IO_DEPTH 8

/*
 * gv_am_hints
 *		Return what this backend remembers of an index's buffers.
 *
 * The result stays allocated until the backend ends, but may come to serve
 * another index: fetch it anew for each scan, and expect only hints of it.
 */
GvAmHints *
gv_am_hints(Relation rel)
{
	GvRelFileLocator locator = gv_rel_locator(rel);
	GvAmHints  *oldest = &all_hints[0];

	for (int i = 0; i < MAX_HINTED_INDEXES; i++)
	{
		GvAmHints  *hints = &all_hints[i];

		if (hints->last_use != 0 && GvRelFileLocatorEquals(hints->locator, locator))
		{
			hints->last_use = ++use_counter;
			return hints;
		}
		if (hints->last_use < oldest->last_use)
			oldest = hints;
	}

	if (oldest->buffers != NULL)
		pfree(oldest->buffers);
	oldest->buffers = NULL;
	oldest->n_blocks = 0;
	oldest->n_known = 0;
	oldest->n_slow = 0;
	oldest->locator = locator;
	oldest->last_use = ++use_counter;
	return oldest;
}

/* Make room for the hint of a block; false if it has none */
static bool
grow_hints(GvAmHints *hints, BlockNumber blkno)
{
	BlockNumber n_blocks = Max(1024, hints->n_blocks);

	if (blkno >= MAX_HINTED_BLOCKS)
		return false;
	while (n_blocks <= blkno)
		n_blocks *= 2;

	if (hints->buffers == NULL)
		hints->buffers = MemoryContextAllocHuge(TopMemoryContext,
												(Size) n_blocks * sizeof(Buffer));
	else
		hints->buffers = repalloc_huge(hints->buffers, (Size) n_blocks * sizeof(Buffer));
	memset(hints->buffers + hints->n_blocks, 0,
		   (Size) (n_blocks - hints->n_blocks) * sizeof(Buffer));
	hints->n_blocks = n_blocks;
	return true;
}

/*
 * gv_am_check_block
 *		Raise an error if an index has no such block.
 *
 * Block numbers that come from a page may be damaged.
 */
void
gv_am_check_block(Relation rel, BlockNumber blkno)
{
	BlockNumber n_blocks = RelationGetNumberOfBlocks(rel);

	if (blkno >= n_blocks)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" refers to block %u, which does not exist",
						RelationGetRelationName(rel), blkno),
				 errdetail("The index has %u blocks.", n_blocks),
				 errhint("Rebuild the index with REINDEX.")));
}

/*
 * gv_am_read_buffer
 *		Read a block of the main fork, pinned and not locked.
 *
 * Raises an error if there is no such block.
 */
Buffer
gv_am_read_buffer(GvAmHints *hints, Relation rel, BlockNumber blkno)
{
	Buffer		buf;

	/* other scans under way may have taken the hints for their index */
	if (unlikely(!GvRelFileLocatorEquals(hints->locator, gv_rel_locator(rel))))
	{
		gv_am_check_block(rel, blkno);
		return ReadBuffer(rel, blkno);
	}

	if (likely(blkno < hints->n_blocks))
	{
		buf = hints->buffers[blkno];
		if (BufferIsValid(buf) &&
			ReadRecentBuffer(hints->locator, MAIN_FORKNUM, blkno, buf))
		{
			/* ReadRecentBuffer tells the buffer manager, not the table's counters */
			pgstat_count_buffer_read(rel);
			pgstat_count_buffer_hit(rel);
			if (unlikely(hints->n_slow > 0))
				hints->n_slow--;
			return buf;
		}
	}
	hints->n_slow = READS_AFTER_SLOW;

	/* an index never shrinks, so its length is rarely asked for */
	if (blkno >= hints->n_known)
	{
		gv_am_check_block(rel, blkno);
		hints->n_known = RelationGetNumberOfBlocks(rel);
	}
	buf = ReadBuffer(rel, blkno);
	if (blkno < hints->n_blocks || grow_hints(hints, blkno))
		hints->buffers[blkno] = buf;
	return buf;
}

/*
 * gv_am_has_block
 *		Does a relation, which never shrinks, have a block?
 */
bool
gv_am_has_block(GvAmHints *hints, Relation rel, BlockNumber blkno)
{
	if (!GvRelFileLocatorEquals(hints->locator, gv_rel_locator(rel)))
		return blkno < RelationGetNumberOfBlocks(rel);
	if (blkno >= hints->n_known)
		hints->n_known = RelationGetNumberOfBlocks(rel);
	return blkno < hints->n_known;
}

/*
 * gv_am_known_blocks
 *		Blocks that a relation is known to have had, without a look at its file.
 */
BlockNumber
gv_am_known_blocks(const GvAmHints *hints, Relation rel)
{
	return GvRelFileLocatorEquals(hints->locator, gv_rel_locator(rel)) ? hints->n_known : 0;
}

/*
 * gv_am_io_depth
 *		How many blocks to ask the operating system for ahead; 0: none.
 *
 * None while all blocks were where they had been, that is, in memory, so a
 * search of an index that fits into shared_buffers pays nothing for this.
 */
int
gv_am_io_depth(const GvAmHints *hints, Relation rel)
{
	int			depth;

	if (likely(hints->n_slow == 0))
		return 0;
	depth = get_tablespace_io_concurrency(rel->rd_rel->reltablespace);
	return depth > 0 ? Max(depth, MIN_IO_DEPTH) : 0;
}

/*
 * gv_am_ask_for_block
 *		Ask the operating system to read a block, unless it is in a buffer.
 *
 * A block number that comes from a damaged page is left to who reads it.
 */
void
gv_am_ask_for_block(GvAmHints *hints, Relation rel, BlockNumber blkno)
{
	PrefetchBufferResult result;

	if (!GvRelFileLocatorEquals(hints->locator, gv_rel_locator(rel)) ||
		!gv_am_has_block(hints, rel, blkno))
		return;
	GV_TEST_POINT("am-ask-for-block");
	result = PrefetchBuffer(rel, MAIN_FORKNUM, blkno);
	if (BufferIsValid(result.recent_buffer) &&
		(blkno < hints->n_blocks || grow_hints(hints, blkno)))
		hints->buffers[blkno] = result.recent_buffer;
}

/*
 * gv_am_prefetch
 *		Ask the processor for part of a block if it is where it was.
 *
 * offset, n_bytes: the part of the page
 */
void
gv_am_prefetch(GvAmHints *hints, BlockNumber blkno, int offset, int n_bytes)
{
	if (blkno < hints->n_blocks)
	{
		Buffer		buf = hints->buffers[blkno];

		if (BufferIsValid(buf) && !BufferIsLocal(buf))
		{
			char	   *page = (char *) BufferGetBlock(buf);

			__builtin_prefetch(GetBufferDescriptor(buf - 1));
			for (int i = 0; i < n_bytes; i += 64)
				__builtin_prefetch(page + offset + i);
		}
	}
}

/*
 * gv_am_prefetch_item
 *		Ask the processor for what reading an item of a page will touch, if the
 *		block is where it was.
 *
 * n_bytes: of the item
 *
 * In two steps, the first for all items before the second: that asks for the
 * page's header and line pointer, and for its special area if it is ours; this
 * follows the line pointer.  The page is neither pinned nor locked, so what is
 * read may be anything; it only says where to look ahead.
 */
static inline void
prefetch_item(GvAmHints *hints, BlockNumber blkno, OffsetNumber offset, int step, int n_bytes,
			  bool is_ours)
{
	Buffer		buf;
	char	   *page;
	Size		place = offsetof(PageHeaderData, pd_linp) + (offset - 1) * sizeof(ItemIdData);

	if (blkno >= hints->n_blocks || place >= BLCKSZ)
		return;
	buf = hints->buffers[blkno];
	if (!BufferIsValid(buf) || BufferIsLocal(buf))
		return;
	page = (char *) BufferGetBlock(buf);
	if (step == 0)
	{
		__builtin_prefetch(GetBufferDescriptor(buf - 1));
		__builtin_prefetch(page);
		__builtin_prefetch(page + place);
		if (is_ours)
			__builtin_prefetch(gv_am_page_special(page));
	}
	else
	{
		ItemIdData	item = *(volatile ItemIdData *) (page + place);
		int			start = item.lp_off % BLCKSZ;

		for (int i = 0; i < n_bytes && start + i < BLCKSZ; i += 64)
			__builtin_prefetch(page + start + i);
	}
}

void
gv_am_prefetch_item(GvAmHints *hints, BlockNumber blkno, OffsetNumber offset, int step,
					int n_bytes)
{
	prefetch_item(hints, blkno, offset, step, n_bytes, true);
}

/*
 * gv_am_prefetch_row
 *		The same for a row of a table.
 *
 * hints: of the table
 */
void
gv_am_prefetch_row(GvAmHints *hints, const ItemPointerData *tid, int step)
{
	prefetch_item(hints, ItemPointerGetBlockNumberNoCheck(tid),
				  ItemPointerGetOffsetNumberNoCheck(tid), step, 1, false);
}

/*
 * gv_am_pin_row
 *		Pin the block of a row for table_index_fetch_tuple.
 *
 * hints: of the table
 *
 * The heap keeps the block it fetched from last pinned, and looks no block up
 * that it has.  So a block found through its hint saves the lookup.  Where the
 * page may have something to prune it is offered for that, as the heap would.
 */
void
gv_am_pin_row(IndexFetchTableData *fetch, GvAmHints *hints, ItemPointer tid)
{
	IndexFetchHeapData *heap = (IndexFetchHeapData *) fetch;
	BlockNumber blkno = ItemPointerGetBlockNumber(tid);
	Buffer		buf;

	if (fetch->rel->rd_tableam != GetHeapamTableAmRoutine())
		return;
	if (BufferIsValid(heap->xs_cbuf))
	{
		if (BufferGetBlockNumber(heap->xs_cbuf) == blkno)
			return;
		ReleaseBuffer(heap->xs_cbuf);
		heap->xs_cbuf = InvalidBuffer;
	}
	buf = gv_am_read_buffer(hints, fetch->rel, blkno);
	heap->xs_cbuf = buf;
	if (TransactionIdIsValid(((PageHeader) BufferGetPage(buf))->pd_prune_xid))
		heap_page_prune_opt(fetch->rel, buf);
}

/*
 * gv_am_lock_once
 *		Lock a page exclusively; false if this process has it locked already.
 *
 * A damaged index may name a page twice, and waiting for oneself has no end.
 */
bool
gv_am_lock_once(Buffer buf)
{
	if (!BufferIsLocal(buf) &&
		LWLockHeldByMe(BufferDescriptorGetContentLock(GetBufferDescriptor(buf - 1))))
		return false;
	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	return true;
}

/*
 * gv_am_new_buffer
 *		Extend a relation by a block and return it, exclusively locked.
 *
 * The page is not initialized.
 */
Buffer
gv_am_new_buffer(Relation rel, ForkNumber fork)
{
	Buffer		buf;

	/* The lock keeps two backends from being given the same new block */
	LockRelationForExtension(rel, ExclusiveLock);
	buf = ReadBufferExtended(rel, fork, P_NEW, RBM_NORMAL, NULL);
	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	UnlockRelationForExtension(rel, ExclusiveLock);
	return buf;
}
