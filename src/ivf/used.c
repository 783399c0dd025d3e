/*-------------------------------------------------------------------------
 *
 * used.c
 *		Which pages of an index belong to its lists, and freeing the others.
 *
 * Pages belong to nobody when their list was written anew, when the set of
 * lists is gone, and when a crash or an error came before they did.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"
#include "utils/snapmgr.h"

#include "am/testpoint.h"
#include "am/xlog.h"
#include "base/compat.h"
#include "ivf/product.h"
#include "ivf/used.h"

static inline void
mark(GvIvfUsed *used, BlockNumber blkno)
{
	if (blkno < used->n_blocks)
		used->leading[blkno / 8] |= 1 << (blkno % 8);
}

/* Mark the pages of a chain, and copy what they hold */
static void
read_chain(GvIvfUsed *used, BlockNumber blkno, GvIvfPageKind kind, uint32 set, char *out,
		   Size max_bytes)
{
	BlockNumber n_read = 0;
	Size		total = 0;

	while (blkno != InvalidBlockNumber)
	{
		Buffer		buf;
		Page		page;
		GvIvfChainPage chain;

		CHECK_FOR_INTERRUPTS();
		if (blkno >= used->n_blocks || n_read++ >= used->n_blocks)
			gv_ivf_report_corruption(used->index->rel, blkno, "A chain of pages leads nowhere.");
		mark(used, blkno);
		buf = ReadBuffer(used->index->rel, blkno);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		page = BufferGetPage(buf);
		chain = gv_ivf_page_chain(page);
		if (!gv_ivf_page_is(page, kind) || chain->n_bytes > GV_IVF_CHAIN_ROOM ||
			chain->set != (uint16) set || chain->n_bytes > max_bytes - total)
			gv_ivf_report_corruption(used->index->rel, blkno,
									 "A page of a chain is not of its kind.");
		memcpy(out + total, chain + 1, chain->n_bytes);
		total += chain->n_bytes;
		blkno = chain->next;
		UnlockReleaseBuffer(buf);
	}
	if (total != max_bytes)
		gv_ivf_report_corruption(used->index->rel, GV_IVF_META_BLKNO,
								 "A chain of pages is not as long as it must be.");
}

/* Read a set of lists */
static void
read_set(GvIvfUsed *used, GvIvfSet *set, uint32 n_lists, uint32 generation,
		 BlockNumber directory, BlockNumber center, BlockNumber codebook)
{
	const GvIvfLayout *layout = &used->index->layout;
	Size		n_bytes = gv_ivf_centroid_bytes(layout);

	set->n_lists = n_lists;
	set->list = palloc_extended(sizeof(GvIvfListData) * Max(n_lists, 1), MCXT_ALLOC_HUGE);
	if (n_lists == 0)
		return;
	read_chain(used, directory, GV_IVF_PAGE_LISTS, generation, (char *) set->list,
			   sizeof(GvIvfListData) * n_lists);
	if (center != InvalidBlockNumber)
		read_chain(used, center, GV_IVF_PAGE_CENTER, generation,
				   palloc(sizeof(float) * layout->padded_dim), sizeof(float) * layout->padded_dim);
	if (gv_ivf_has_product(layout) && codebook != InvalidBlockNumber)
	{
		char	   *bytes = palloc_extended(gv_ivf_codebook_bytes(layout), MCXT_ALLOC_HUGE);

		read_chain(used, codebook, GV_IVF_PAGE_CODEBOOK, generation, bytes,
				   gv_ivf_codebook_bytes(layout));
		pfree(bytes);
	}
	for (uint32 list = 0; list < n_lists; list++)
	{
		const GvIvfListData *entry = &set->list[list];

		used->newest = Max(used->newest, entry->generation);
		if (entry->centroid_blkno == InvalidBlockNumber)
			continue;
		for (Size done = 0; done < n_bytes; done += GV_AM_PAGE_ROOM)
			mark(used, entry->centroid_blkno + done / GV_AM_PAGE_ROOM);
	}
}

/*
 * gv_ivf_used_read
 *		Learn which pages are in use, in the current memory context.
 *
 * The caller keeps others from putting another set of lists in place, and
 * tells used->current.list when it writes a list anew.
 */
void
gv_ivf_used_read(GvIvfUsed *used, GvIvfIndex *index)
{
	const GvIvfMetaPageData *meta = &index->meta;

	memset(used, 0, sizeof(*used));
	used->index = index;
	/* with the lock, no page is counted that is just being added and not locked yet */
	LockRelationForExtension(index->rel, ExclusiveLock);
	used->n_blocks = RelationGetNumberOfBlocks(index->rel);
	UnlockRelationForExtension(index->rel, ExclusiveLock);
	used->leading = palloc_extended(used->n_blocks / 8 + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	read_set(used, &used->current, meta->n_lists, meta->generation, meta->directory_blkno,
			 meta->center_blkno, meta->codebook_blkno);
	read_set(used, &used->retired, meta->retired_lists, meta->retired_generation,
			 meta->retired_directory_blkno, meta->retired_center_blkno,
			 meta->retired_codebook_blkno);
}

/*
 * gv_ivf_is_orphan
 *		Does a page, of those there were when used was read, belong to nobody?
 */
bool
gv_ivf_is_orphan(const GvIvfUsed *used, Page page, BlockNumber blkno)
{
	GvIvfRowsPage rows = gv_ivf_page_rows(page);

	if (gv_ivf_page_is(page, GV_IVF_PAGE_LISTS) || gv_ivf_page_is(page, GV_IVF_PAGE_CENTER) ||
		gv_ivf_page_is(page, GV_IVF_PAGE_CENTROIDS) || gv_ivf_page_is(page, GV_IVF_PAGE_CODEBOOK))
		return (used->leading[blkno / 8] & (1 << (blkno % 8))) == 0;
	if (!gv_ivf_page_is(page, GV_IVF_PAGE_ROWS) && !gv_ivf_page_is(page, GV_IVF_PAGE_VECTORS) &&
		!gv_ivf_page_is(page, GV_IVF_PAGE_PART))
		return false;
	return !(rows->list < used->current.n_lists &&
			 rows->generation == used->current.list[rows->list].generation) &&
		!(rows->list < used->retired.n_lists &&
		  rows->generation == used->retired.list[rows->list].generation);
}

/*
 * gv_ivf_free_orphan
 *		Free a page if it belongs to nobody; returns whether it did.
 */
bool
gv_ivf_free_orphan(GvIvfUsed *used, BlockNumber blkno, BufferAccessStrategy strategy)
{
	Relation	rel = used->index->rel;
	Buffer		buf = ReadBufferExtended(rel, MAIN_FORKNUM, blkno, RBM_NORMAL, strategy);
	bool		is_free = false;

	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	if (gv_ivf_is_orphan(used, BufferGetPage(buf), blkno))
	{
		GvXlog	   *xlog = gv_xlog_begin(rel);

		gv_ivf_init_page(gv_xlog_new_page(xlog, buf), GV_IVF_PAGE_FREE);
		gv_xlog_finish(xlog);
		is_free = true;
	}
	UnlockReleaseBuffer(buf);
	if (is_free)
		RecordFreeIndexPage(rel, blkno);
	return is_free;
}

/*
 * gv_ivf_free_orphans
 *		Free the pages that belong to nobody; returns their number.
 *
 * Pages that were added since used was read are of lists as they are now.
 */
BlockNumber
gv_ivf_free_orphans(GvIvfUsed *used, BufferAccessStrategy strategy)
{
	BlockNumber n_freed = 0;

	for (BlockNumber blkno = GV_IVF_META_BLKNO + 1; blkno < used->n_blocks; blkno++)
	{
		gv_base_vacuum_delay();
		n_freed += gv_ivf_free_orphan(used, blkno, strategy);
	}
	return n_freed;
}

/*
 * gv_ivf_count_free
 *		Count the pages that are free, of those there were when used was read.
 */
BlockNumber
gv_ivf_count_free(const GvIvfUsed *used, BufferAccessStrategy strategy)
{
	BlockNumber n_free = 0;

	for (BlockNumber blkno = GV_IVF_META_BLKNO + 1; blkno < used->n_blocks; blkno++)
	{
		Buffer		buf;

		gv_base_vacuum_delay();
		buf = ReadBufferExtended(used->index->rel, MAIN_FORKNUM, blkno, RBM_NORMAL, strategy);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		n_free += PageIsNew(BufferGetPage(buf)) ||
			gv_ivf_page_is(BufferGetPage(buf), GV_IVF_PAGE_FREE);
		UnlockReleaseBuffer(buf);
	}
	return n_free;
}

/* The rows of a page of the set in use, those that it is the first list of */
static int
count_page_rows(const GvIvfUsed *used, Page page, BlockNumber blkno)
{
	const GvIvfLayout *layout = &used->index->layout;
	GvIvfRowsPage rows = gv_ivf_page_rows(page);
	int			n = 0;

	if (!gv_ivf_page_is(page, GV_IVF_PAGE_ROWS) || rows->list >= used->current.n_lists ||
		rows->generation != used->current.list[rows->list].generation)
		return 0;
	if (rows->n_rows > layout->rows_per_page)
		gv_ivf_report_corruption(used->index->rel, blkno, "A list of rows is damaged.");
	for (int i = 0; i < rows->n_rows; i++)
	{
		ItemPointer tid = &gv_ivf_block_tids(gv_ivf_block(layout, rows, i / layout->lanes))
			[i % layout->lanes];

		n += ItemPointerIsValid(tid) && !gv_ivf_is_second(tid);
	}
	return n;
}

/*
 * gv_ivf_count_rows
 *		Count the rows of an index.
 */
double
gv_ivf_count_rows(const GvIvfUsed *used, BufferAccessStrategy strategy)
{
	double		n = 0;

	for (BlockNumber blkno = GV_IVF_META_BLKNO + 1; blkno < used->n_blocks; blkno++)
	{
		Buffer		buf;

		gv_base_vacuum_delay();
		buf = ReadBufferExtended(used->index->rel, MAIN_FORKNUM, blkno, RBM_NORMAL, strategy);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		n += count_page_rows(used, BufferGetPage(buf), blkno);
		UnlockReleaseBuffer(buf);
	}
	return n;
}

/*
 * gv_ivf_drop_retired
 *		Forget the set of lists before, if no scan can be reading it any more.
 *
 * Whoever may read it has a snapshot from before it was retired.
 */
void
gv_ivf_drop_retired(GvIvfIndex *index)
{
	Buffer		buf;
	GvXlog	   *xlog;
	GvIvfMetaPage meta;

	if (index->meta.retired_lists == 0 ||
		!GlobalVisCheckRemovableFullXid(NULL,
										FullTransactionIdFromU64(index->meta.retired_xid)))
		return;
	GV_TEST_POINT("ivf-drop-retired");
	buf = ReadBuffer(index->rel, GV_IVF_META_BLKNO);
	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	xlog = gv_xlog_begin(index->rel);
	meta = gv_ivf_page_meta(gv_xlog_page(xlog, buf));
	meta->retired_lists = 0;
	meta->retired_directory_blkno = meta->retired_center_blkno = InvalidBlockNumber;
	meta->retired_codebook_blkno = InvalidBlockNumber;
	meta->retired_generation = 0;
	meta->retired_xid = 0;
	gv_xlog_finish(xlog);
	UnlockReleaseBuffer(buf);
	index->meta.retired_lists = 0;
}
