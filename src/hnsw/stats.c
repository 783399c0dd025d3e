/*-------------------------------------------------------------------------
 *
 * stats.c
 *		What an index holds and what it costs.
 *
 * Three passes over the pages, each page copied under a share lock, or locked:
 * writers go on meanwhile, so the numbers need not be of one moment.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/bufmgr.h"

#include "hnsw/aim.h"
#include "hnsw/calibrate.h"
#include "hnsw/entry.h"
#include "hnsw/hnsw.h"
#include "hnsw/index.h"
#include "hnsw/reach.h"

/* What is known of a node slot */
#define SLOT_STATE 0x03			/* GvHnswNodeState */
#define SLOT_LINKED 0x04		/* a live node links to it */

typedef struct GvHnswCounts
{
	uint64		pages[GV_HNSW_PAGE_LAST + 1];	/* by kind */
	uint64		pages_new;		/* of zeros */
	uint64		pages_other;	/* of no known kind */
	uint64		rows;
	uint64		rows_null_norm;
	uint64		nodes_live;
	uint64		nodes_dead;
	uint64		slots_free;
	uint64		links;			/* of live nodes */
	uint64		links_to_dead;
	uint64		links_to_free;
	uint64		nodes_not_linked;
	uint64		nodes_not_reached;
	int			entries;		/* different ones */
	uint64		value_bytes;	/* in nodes without codes */
} GvHnswCounts;

static void
copy_page(Relation index, BlockNumber blkno, BufferAccessStrategy strategy, Page copy)
{
	Buffer		buf;

	CHECK_FOR_INTERRUPTS();
	buf = ReadBufferExtended(index, MAIN_FORKNUM, blkno, RBM_NORMAL, strategy);
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	memcpy(copy, BufferGetPage(buf), BLCKSZ);
	UnlockReleaseBuffer(buf);
}

/* Count the nodes of a page and their rows */
static void
count_nodes(GvHnswIndex *ix, Page page, BlockNumber blkno, uint8 *slots,
			GvHnswCounts *counts)
{
	const GvHnswLayout *layout = &ix->layout;

	for (int slot = 0; slot < layout->nodes_per_page; slot++)
	{
		GvHnswNode	node = gv_hnsw_page_node(ix, page, slot);

		if (node == NULL)
			continue;
		if (slots != NULL)
			slots[gv_hnsw_make_id(layout, blkno, slot)] = node->state & SLOT_STATE;
		if (node->state == GV_HNSW_NODE_DEAD)
		{
			counts->nodes_dead++;
			continue;
		}
		counts->nodes_live++;
		counts->links += node->n_neighbors;
		if (ItemPointerIsValid(&node->tid))
			counts->rows++;
		if (!gv_hnsw_layout_has_codes(layout))
			counts->value_bytes += ItemIdGetLength(PageGetItemId(page, slot + 1)) -
				layout->value_offset;
	}
	if (gv_hnsw_layout_has_codes(layout))
		counts->slots_free += gv_am_page_special(page)->n_free;
}

static void
count_chunks(Page page, GvHnswCounts *counts)
{
	for (int slot = 0; slot < GV_HNSW_CHUNKS_PER_PAGE; slot++)
	{
		GvHnswTidChunk chunk = gv_hnsw_page_chunk(page, slot);

		if (chunk->owner == GV_HNSW_INVALID_ID)
			continue;
		counts->rows += chunk->n_tids;
		if (chunk->owner == GV_HNSW_NULL_NORM_OWNER)
			counts->rows_null_norm += chunk->n_tids;
	}
}

/*
 * gv_hnsw_count_rows
 *		The rows of an index.
 */
double
gv_hnsw_count_rows(GvHnswIndex *ix, BufferAccessStrategy strategy)
{
	BlockNumber n_blocks = RelationGetNumberOfBlocks(ix->rel);
	GvHnswCounts counts = {{0}};
	PGAlignedBlock copy;

	for (BlockNumber blkno = GV_HNSW_META_BLKNO + 1; blkno < n_blocks; blkno++)
	{
		copy_page(ix->rel, blkno, strategy, copy.data);
		if (gv_hnsw_page_is(copy.data, GV_HNSW_PAGE_TIDS))
			count_chunks(copy.data, &counts);
		else if (gv_hnsw_page_is(copy.data, GV_HNSW_PAGE_NODES) ||
				 gv_hnsw_page_is(copy.data, GV_HNSW_PAGE_ITEMS))
			count_nodes(ix, copy.data, blkno, NULL, &counts);
	}
	return (double) counts.rows;
}

/* Count where the links of a page's nodes lead */
static void
count_links(GvHnswIndex *ix, Page page, uint8 *slots, uint64 n_slots, GvHnswCounts *counts)
{
	for (int slot = 0; slot < ix->layout.nodes_per_page; slot++)
	{
		GvHnswNode	node = gv_hnsw_page_node(ix, page, slot);
		uint32	   *neighbors;

		if (node == NULL || node->state != GV_HNSW_NODE_LIVE)
			continue;
		neighbors = gv_hnsw_node_neighbors(&ix->layout, node);
		for (int i = 0; i < node->n_neighbors; i++)
		{
			if (neighbors[i] >= n_slots)
				continue;
			switch (slots[neighbors[i]] & SLOT_STATE)
			{
				case GV_HNSW_NODE_FREE:
					counts->links_to_free++;
					break;
				case GV_HNSW_NODE_DEAD:
					counts->links_to_dead++;
					break;
			}
			slots[neighbors[i]] |= SLOT_LINKED;
		}
	}
}

static void
count_all(GvHnswIndex *ix, BlockNumber n_blocks, GvHnswCounts *counts)
{
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	uint64		n_slots = (uint64) n_blocks * ix->layout.nodes_per_page;
	uint8	   *slots = palloc_extended(n_slots, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	PGAlignedBlock copy;
	Page		page = copy.data;
	GvHnswReach reach;

	for (BlockNumber blkno = 0; blkno < n_blocks; blkno++)
	{
		copy_page(ix->rel, blkno, strategy, page);
		if (PageIsNew(page))
			counts->pages_new++;
		else if (PageGetSpecialSize(page) != MAXALIGN(sizeof(GvAmPageSpecialData)) ||
				 gv_am_page_special(page)->page_id != GV_AM_HNSW_PAGE_ID ||
				 gv_am_page_special(page)->kind > GV_HNSW_PAGE_LAST)
			counts->pages_other++;
		else
		{
			counts->pages[gv_am_page_special(page)->kind]++;
			if (gv_hnsw_page_is(page, GV_HNSW_PAGE_NODES) ||
				gv_hnsw_page_is(page, GV_HNSW_PAGE_ITEMS))
				count_nodes(ix, page, blkno, slots, counts);
			else if (gv_hnsw_page_is(page, GV_HNSW_PAGE_TIDS))
				count_chunks(page, counts);
		}
	}
	for (BlockNumber blkno = GV_HNSW_META_BLKNO + 1; blkno < n_blocks; blkno++)
	{
		copy_page(ix->rel, blkno, strategy, page);
		count_links(ix, page, slots, n_slots, counts);
	}
	gv_hnsw_reach_read(&reach, ix, n_blocks, true, strategy);
	for (uint64 i = 0; i < n_slots; i++)
	{
		counts->nodes_not_linked += slots[i] == GV_HNSW_NODE_LIVE;
		counts->nodes_not_reached += (slots[i] & SLOT_STATE) == GV_HNSW_NODE_LIVE &&
			gv_hnsw_is_lost(&reach, (uint32) i);
	}
	counts->entries = reach.n_entries;
	gv_hnsw_reach_end(&reach);
	pfree(slots);
	FreeAccessStrategy(strategy);
}

/* What a node costs, by component */
static void
report_node(const GvHnswLayout *layout, const GvHnswCounts *counts, GvAmReportStat report,
			void *arg)
{
	report(arg, "node_head_bytes", sizeof(GvHnswNodeData), 0, "of a node: its head");
	report(arg, "node_link_bytes", layout->degree * sizeof(uint32), 0,
		   "of a node: links to neighbors");
	if (gv_hnsw_layout_has_codes(layout))
	{
		report(arg, "node_vector_bytes", layout->neighbor_offset - layout->own_offset, 0,
			   "of a node: its own vector");
		report(arg, "node_factor_bytes", 2 * layout->degree * sizeof(GvHalf), 0,
			   "of a node: factors of the neighbors' codes");
		report(arg, "node_code_bytes", layout->n_blocks * layout->block_bytes, 0,
			   "of a node: codes of the neighbors");
		report(arg, "node_bytes", layout->node_size, 0, "of a node: all");
	}
	else
		report(arg, "node_vector_bytes", counts->nodes_live == 0 ? 0 :
			   (double) counts->value_bytes / counts->nodes_live, 1,
			   "of a node: its own vector, on average, without pages_values");
	report(arg, "nodes_per_page", layout->nodes_per_page, 0, "nodes of a page, at most");
}

/* What searches know of the recall that they reach */
static void
report_calibration(const GvHnswIndex *ix, GvAmReportStat report, void *arg)
{
	const GvHnswMetaPageData *meta = &ix->meta;

	report(arg, "calibration", meta->calibration_source, 0,
		   "of recall, by 1: rows of the index, 2: queries given to gigavec.recall; 0: none");
	report(arg, "calibrated_rows", meta->calibrated_rows, 0, "rows of the index then");
	report(arg, "calibrated_queries", meta->calibration.n_trials, 0,
		   "query vectors it was measured with");
	report(arg, "calibrated_ef_90", gv_hnsw_aim_mean_ef(meta, .90), 0,
		   "candidates for a recall of .90 of ten rows, on average");
	report(arg, "calibrated_ef_95", gv_hnsw_aim_mean_ef(meta, .95), 0, "the same for .95");
	report(arg, "calibrated_ef_99", gv_hnsw_aim_mean_ef(meta, .99), 0, "the same for .99");
	report(arg, "ef_growth", gv_hnsw_aim_growth(meta, ix->rel, .95), 2,
		   "times the ef for .95 that scans have for the rows that came since");
}

/*
 * gv_hnsw_stats
 *		Report what an index holds and what it costs.
 */
void
gv_hnsw_stats(Relation index, GvAmReportStat report, void *arg)
{
	GvHnswIndex ix;
	GvHnswCounts counts = {{0}};
	BlockNumber n_blocks;
	double		bytes;

	gv_hnsw_open(&ix, index);
	n_blocks = RelationGetNumberOfBlocks(index);
	count_all(&ix, n_blocks, &counts);
	bytes = (double) n_blocks * BLCKSZ;

	report(arg, "format_version", ix.meta.version, 0, "version of the pages");
	report(arg, "dimensions", ix.meta.dim, 0, "dimensions of the column");
	report(arg, "m", ix.meta.m, 0, "option at build");
	report(arg, "ef_construction", ix.meta.ef_construction, 0, "option at build");
	report(arg, "seed", (double) ix.meta.seed, 0, "option at build");
	report(arg, "degree", ix.layout.degree, 0, "neighbors for which a node has room");
	report(arg, "vector_bits", ix.layout.own_kind == GV_HNSW_OWN_HALF ? 16 :
		   ix.layout.own_kind == GV_HNSW_OWN_INT12 ? 12 :
		   ix.layout.own_kind == GV_HNSW_OWN_INT8 ? 8 : 0, 0,
		   "bits of an element of a node's own vector; 0: as in the table");
	report(arg, "vector_dimensions", ix.layout.own_kind == GV_HNSW_OWN_EXACT ?
		   ix.meta.dim : ix.layout.own_dims, 0, "dimensions of a node's own vector");
	report(arg, "code_dimensions", ix.layout.code_dims, 0,
		   "dimensions of a neighbor's code; 0: no codes");

	report(arg, "filter_columns", ix.filters.n, 0, "columns after the vector");
	report(arg, "rows", counts.rows, 0, "rows of the table, dead ones until VACUUM included");
	report(arg, "rows_without_direction", counts.rows_null_norm, 0,
		   "of these, zero vectors by cosine distance, kept apart");
	report(arg, "nodes_live", counts.nodes_live, 0, "nodes: vectors that differ");
	report(arg, "nodes_dead", counts.nodes_dead, 0, "nodes without rows, until VACUUM frees them");
	report(arg, "slots_free", counts.slots_free, 0, "places for nodes on pages of nodes");
	report(arg, "entries", counts.entries, 0, "nodes of the entry table");
	report(arg, "average_neighbors", counts.nodes_live == 0 ? 0 :
		   (double) counts.links / counts.nodes_live, 2, "of a live node");
	report(arg, "links_to_dead", counts.links_to_dead, 0, "links of live nodes to dead ones");
	report(arg, "links_to_free", counts.links_to_free, 0, "links of live nodes to free places");
	report(arg, "nodes_not_linked", counts.nodes_not_linked, 0,
		   "live nodes that are no live node's neighbor");
	report(arg, "nodes_not_reached", counts.nodes_not_reached, 0,
		   "live nodes that the entry table does not lead to");

	report_calibration(&ix, report, arg);
	report(arg, "bytes", bytes, 0, "size of the index");
	report(arg, "bytes_per_row", counts.rows == 0 ? 0 : bytes / counts.rows, 1,
		   "size of the index divided by its rows");
	report_node(&ix.layout, &counts, report, arg);
	report(arg, "pages", n_blocks, 0, "all pages");
	report(arg, "pages_nodes", counts.pages[GV_HNSW_PAGE_NODES] +
		   counts.pages[GV_HNSW_PAGE_ITEMS], 0, "pages of nodes");
	report(arg, "pages_values", counts.pages[GV_HNSW_PAGE_VECTOR], 0,
		   "pages of vectors too long for their nodes");
	report(arg, "pages_rows", counts.pages[GV_HNSW_PAGE_TIDS], 0,
		   "pages of rows beyond the first of a node");
	report(arg, "pages_entries", counts.pages[GV_HNSW_PAGE_ENTRY], 0, "pages of the entry table");
	report(arg, "pages_center", counts.pages[GV_HNSW_PAGE_CENTER], 0, "pages of the center");
	report(arg, "pages_filters", counts.pages[GV_HNSW_PAGE_FILTERS], 0,
		   "pages of filter columns");
	report(arg, "pages_free", counts.pages[GV_HNSW_PAGE_FREE] + counts.pages_new, 0,
		   "empty pages");
	report(arg, "pages_damaged", counts.pages_other, 0, "pages of no known kind");
}
