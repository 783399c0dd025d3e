/*-------------------------------------------------------------------------
 *
 * stats.c
 *		What an index holds and what it costs.
 *
 * One pass over the pages: writers go on meanwhile, so the numbers need not be
 * of one moment.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/bufmgr.h"

#include "kdtree/index.h"
#include "kdtree/kdtree.h"

typedef struct Counts
{
	uint64		rows;
	uint64		children;
	uint64		leaves;
	uint64		leaves_empty;
	uint64		inner;
	uint64		pages_free;		/* pages of zeros, too */
	uint64		pages_damaged;
	int			levels;
} Counts;

static void
count_page(GvKdtreeIndex *ix, Page page, Counts *counts)
{
	GvKdtreeHead head = gv_kdtree_page_head(page);

	if (PageIsNew(page))
		counts->pages_free++;
	else if (gv_kdtree_page_fault(ix, page) != NULL)
		counts->pages_damaged++;
	else
	{
		if (gv_kdtree_page_is(page, GV_KDTREE_PAGE_FREE))
		{
			counts->pages_free++;
			return;
		}
		counts->levels = Max(counts->levels, head->level + 1);
		if (head->level == 0)
		{
			counts->leaves++;
			counts->leaves_empty += head->n == 0;
			counts->rows += head->n;
		}
		else
		{
			counts->inner++;
			counts->children += head->n;
		}
	}
}

/*
 * gv_kdtree_stats
 *		Report what an index holds and what it costs.
 */
void
gv_kdtree_stats(Relation index, GvAmReportStat report, void *arg)
{
	GvKdtreeIndex ix;
	Counts		counts = {0};
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	BlockNumber n_blocks;
	double		bytes;

	gv_kdtree_open(&ix, index);
	n_blocks = RelationGetNumberOfBlocks(index);
	bytes = (double) n_blocks * BLCKSZ;
	for (BlockNumber blkno = GV_KDTREE_ROOT_BLKNO; blkno < n_blocks; blkno++)
	{
		Buffer		buf;

		CHECK_FOR_INTERRUPTS();
		buf = ReadBufferExtended(index, MAIN_FORKNUM, blkno, RBM_NORMAL, strategy);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		count_page(&ix, BufferGetPage(buf), &counts);
		UnlockReleaseBuffer(buf);
	}
	FreeAccessStrategy(strategy);

	report(arg, "format_version", ix.meta.version, 0, "version of the pages");
	report(arg, "dimensions", ix.dim, 0, "dimensions of the column");
	report(arg, "fillfactor", ix.meta.fill_factor, 0, "option at build, percent");
	report(arg, "rows_at_build", (double) ix.meta.n_rows_at_build, 0,
		   "rows when the index was built");
	report(arg, "rows", (double) counts.rows, 0,
		   "rows of the table, dead ones until VACUUM included");
	report(arg, "levels", counts.levels, 0, "of the tree, leaves included");
	report(arg, "leaf_capacity", ix.leaf_capacity, 0, "rows of a leaf, at most");
	report(arg, "inner_capacity", ix.inner_capacity, 0, "children of an inner page, at most");
	report(arg, "leaf_fill", counts.leaves == 0 ? 0 :
		   100.0 * counts.rows / ((double) counts.leaves * ix.leaf_capacity), 1,
		   "how full leaves are, percent");
	report(arg, "inner_fill", counts.inner == 0 ? 0 :
		   100.0 * counts.children / ((double) counts.inner * ix.inner_capacity), 1,
		   "how full inner pages are, percent");
	report(arg, "bytes", bytes, 0, "size of the index");
	report(arg, "bytes_per_row", counts.rows == 0 ? 0 : bytes / counts.rows, 1,
		   "size of the index divided by its rows");
	report(arg, "pages", n_blocks, 0, "all pages");
	report(arg, "pages_leaf", (double) counts.leaves, 0, "leaves");
	report(arg, "pages_leaf_empty", (double) counts.leaves_empty, 0, "of these, without rows");
	report(arg, "pages_inner", (double) counts.inner, 0, "inner pages");
	report(arg, "pages_free", (double) counts.pages_free, 0, "pages out of the tree, for new ones");
	report(arg, "pages_damaged", (double) counts.pages_damaged, 0, "pages of no known kind");
}
