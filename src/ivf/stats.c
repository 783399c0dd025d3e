/*-------------------------------------------------------------------------
 *
 * stats.c
 *		What an index holds and what it costs.
 *
 * One pass over the pages, each copied under a share lock: writers go on
 * meanwhile, so the numbers need not be of one moment.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "storage/bufmgr.h"

#include "am/recall.h"
#include "ivf/aim.h"
#include "ivf/index.h"
#include "ivf/ivf.h"

typedef struct Counts
{
	uint64		pages[GV_IVF_PAGE_LAST + 1];	/* by kind; 0: of zeros or unknown */
	uint64		rows;
	uint64		rows_second;	/* beside those */
	uint64		rows_dead;
	uint64		retired;		/* pages of lists of the retired set */
	uint32	   *generation;		/* [n_lists] */
	uint32	   *list_rows;		/* [n_lists] */
} Counts;

/* Is a page one of a list as the directory has it? */
static bool
is_current(const GvIvfIndex *ix, const Counts *counts, GvIvfRowsPage rows)
{
	return rows->list < ix->meta.n_lists && rows->generation >= counts->generation[rows->list];
}

/* Rows of a page whose first list is another */
static uint32
count_second(const GvIvfIndex *ix, GvIvfRowsPage rows)
{
	const GvIvfLayout *layout = &ix->layout;
	uint32		n = 0;

	for (int i = 0; i < Min(rows->n_rows, layout->rows_per_page); i++)
	{
		const ItemPointerData *tid =
			&gv_ivf_block_tids(gv_ivf_block(layout, rows, i / layout->lanes))[i % layout->lanes];

		n += ItemPointerIsValid(tid) && gv_ivf_is_second(tid);
	}
	return n;
}

static void
count_pages(GvIvfIndex *ix, Counts *counts)
{
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	BlockNumber n_blocks = RelationGetNumberOfBlocks(ix->rel);

	for (BlockNumber blkno = 0; blkno < n_blocks; blkno++)
	{
		Buffer		buf;
		Page		page;
		int			kind = 0;

		CHECK_FOR_INTERRUPTS();
		buf = ReadBufferExtended(ix->rel, MAIN_FORKNUM, blkno, RBM_NORMAL, strategy);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		page = BufferGetPage(buf);
		for (int k = 1; k <= GV_IVF_PAGE_LAST; k++)
		{
			if (gv_ivf_page_is(page, (GvIvfPageKind) k))
				kind = k;
		}
		if ((kind == GV_IVF_PAGE_ROWS || kind == GV_IVF_PAGE_VECTORS ||
			 kind == GV_IVF_PAGE_PART) && !is_current(ix, counts, gv_ivf_page_rows(page)))
			counts->retired++;
		else
			counts->pages[kind]++;
		if (kind == GV_IVF_PAGE_ROWS && is_current(ix, counts, gv_ivf_page_rows(page)))
		{
			GvIvfRowsPage rows = gv_ivf_page_rows(page);
			uint32		n_second = count_second(ix, rows);

			counts->rows_second += n_second;
			counts->rows -= n_second;
			counts->rows += rows->n_rows - rows->n_dead;
			counts->rows_dead += rows->n_dead;
			counts->list_rows[rows->list] += rows->n_rows - rows->n_dead;
		}
		UnlockReleaseBuffer(buf);
	}
	FreeAccessStrategy(strategy);
}

/*
 * gv_ivf_stats
 *		Report the state of an index.
 */
void
gv_ivf_stats(Relation index, GvAmReportStat report, void *arg)
{
	GvIvfIndex	ix;
	Counts		counts = {{0}};
	double		bytes = (double) RelationGetNumberOfBlocks(index) * BLCKSZ;
	double		n_lists;
	uint32		longest = 0;
	uint32		n_empty = 0;
	GvIvfCache *cache;

	gv_ivf_open(&ix, index);
	n_lists = ix.meta.n_lists - GV_IVF_FIRST_LIST;
	counts.list_rows = palloc_extended(sizeof(uint32) * ix.meta.n_lists,
									   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	counts.generation = palloc_extended(sizeof(uint32) * ix.meta.n_lists, MCXT_ALLOC_HUGE);
	cache = gv_ivf_cache(&ix);
	for (uint32 list = 0; list < ix.meta.n_lists; list++)
	{
		GvIvfListData entry;

		gv_ivf_read_list(&ix, cache, list, &entry);
		counts.generation[list] = entry.generation;
	}
	count_pages(&ix, &counts);
	for (uint32 list = GV_IVF_FIRST_LIST; list < ix.meta.n_lists; list++)
	{
		longest = Max(longest, counts.list_rows[list]);
		if (counts.list_rows[list] == 0)
			n_empty++;
	}

	report(arg, "rows", (double) counts.rows, 0, "rows in the index");
	report(arg, "rows_second", (double) counts.rows_second, 0,
		   "of these, kept in a second list as well");
	report(arg, "rows_null_norm", counts.list_rows[GV_IVF_LOOSE_LIST], 0,
		   "rows without direction, which come last");
	report(arg, "rows_dead", (double) counts.rows_dead, 0,
		   "places of rows that VACUUM has taken out");
	report(arg, "lists", n_lists, 0, "lists with a centroid");
	report(arg, "trainings", ix.meta.generation - ix.meta.n_balanced, 0,
		   "times that all lists were trained since the build");
	report(arg, "balancings", ix.meta.n_balanced, 0,
		   "times that VACUUM has split and merged lists");
	report(arg, "lists_empty", n_empty, 0, "of these, without rows");
	report(arg, "longest_list", longest, 0, "rows of the longest list");
	report(arg, "mean_list", (counts.rows + counts.rows_second) / Max(n_lists, 1), 1,
		   "rows of a list on average");
	report(arg, "bytes", bytes, 0, "size of the index");
	report(arg, "bytes_per_row", bytes / Max(counts.rows, 1), 1, "the same for a row");
	report(arg, "pages_rows", (double) counts.pages[GV_IVF_PAGE_ROWS], 0, "pages of rows");
	report(arg, "pages_vectors", (double) (counts.pages[GV_IVF_PAGE_VECTORS] +
										   counts.pages[GV_IVF_PAGE_PART]), 0,
		   "pages of vectors or fine codes");
	report(arg, "pages_centroids", (double) counts.pages[GV_IVF_PAGE_CENTROIDS], 0,
		   "pages of centroids");
	report(arg, "pages_codebook", (double) counts.pages[GV_IVF_PAGE_CODEBOOK], 0,
		   "pages of the codebook of a product quantizer");
	report(arg, "pages_free", (double) (counts.pages[GV_IVF_PAGE_FREE] + counts.pages[0]), 0,
		   "pages for reuse");
	report(arg, "pages_retired", (double) counts.retired, 0,
		   "pages of lists that were trained or written anew; VACUUM frees them");
	report(arg, "dimensions", ix.meta.dim, 0, "dimensions of the column");
	report(arg, "code_dimensions",
		   gv_ivf_has_product(&ix.layout) ? ix.layout.pq.dim : ix.layout.code_dims, 0,
		   "dimensions of a row's code");
	report(arg, "code_parts", ix.layout.pq.m, 0,
		   "numbers of a row's code by a product quantizer; 0: it has none");
	report(arg, "fine_code_bytes",
		   gv_ivf_has_fine_codes(&ix.layout) ? ix.layout.value_bytes : 0, 0,
		   "bytes of a row's fine code; 0: there is none");
	report(arg, "rows_per_page", ix.layout.rows_per_page, 0, "rows that fit on a page");
	report(arg, "rows_at_build", (double) ix.meta.n_rows_at_build, 0,
		   "rows when the lists were trained or the index was built");
	report(arg, "calibrated_rows", (double) ix.meta.calibrated_rows, 0,
		   "rows when the probes were calibrated; 0: never");
	report(arg, "probes", gv_ivf_aim_probes(&ix.meta, gv_am_target_recall, 10), 0,
		   "lists that a search for ten rows reads for gigavec.target_recall");
}
