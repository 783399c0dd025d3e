/*-------------------------------------------------------------------------
 *
 * index.h
 *		An open hnsw index: metapage, layout, cached parts, nodes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_INDEX_H
#define GV_HNSW_INDEX_H

#include "postgres.h"

#include "utils/rel.h"

#include "am/buffer.h"
#include "am/filter.h"
#include "am/opclass.h"
#include "am/point.h"
#include "base/compat.h"
#include "hnsw/layout.h"
#include "hnsw/options.h"
#include "hnsw/page.h"
#include "quant/rabitq.h"

/* An index as one operation sees it */
typedef struct GvHnswIndex
{
	Relation	rel;
	const GvAmOpclass *opclass;
	GvAmHints  *hints;
	GvHnswMetaPageData meta;
	GvHnswLayout layout;
	GvAmFilterColumns filters;
} GvHnswIndex;

/*
 * What a backend keeps of an index.  One chunk in rd_amcache: it may vanish
 * whenever the catalogs are looked at, so it serves only the start of an
 * operation.
 */
typedef struct GvHnswCache
{
	uint32		entry_generation;
	float4		inverse_unit;
	int			n_entry_blocks;
	float	   *rotation;		/* float[GV_ROTATION_ROUNDS][padded_dim] */
	float	   *center;			/* float[padded_dim] */
	char	   *entry_blocks;	/* n_entry_blocks of layout.entry_block_size */

	/*
	 * Where codes of entries are short: their own vectors, float[padded_dim] of
	 * each lane, and biases of their keys, not a number if unknown.  Else NULL.
	 */
	float	   *entry_points;
	float	   *entry_biases;
} GvHnswCache;

static inline BlockNumber
gv_hnsw_id_block(const GvHnswLayout *layout, uint32 id)
{
	return id / (uint32) layout->nodes_per_page;
}

static inline int
gv_hnsw_id_slot(const GvHnswLayout *layout, uint32 id)
{
	return id % (uint32) layout->nodes_per_page;
}

static inline uint32
gv_hnsw_make_id(const GvHnswLayout *layout, BlockNumber blkno, int slot)
{
	return blkno * (uint32) layout->nodes_per_page + slot;
}

extern void gv_hnsw_open(GvHnswIndex *index, Relation rel);
extern GvHnswCache *gv_hnsw_cache(GvHnswIndex *index);
extern BlockNumber gv_hnsw_last_block(uint32 per_block);
extern void gv_hnsw_check_places(Relation rel, BlockNumber n_blocks, uint32 per_block);
extern void gv_hnsw_check_meta(Relation rel, const GvHnswMetaPageData *meta);
extern void gv_hnsw_init_page(Page page, GvHnswPageKind kind);
extern void gv_hnsw_fill_meta(GvHnswMetaPageData *meta, const GvAmOpclass *opclass,
							  int dim, const GvAmFilterColumns *filters,
							  const GvHnswOptions *options);
extern void gv_hnsw_init_meta(GvHnswMetaPageData *meta, Relation rel);
extern void gv_hnsw_write_meta(Page page, const GvHnswMetaPageData *meta);

static inline GvHnswMetaPage
gv_hnsw_page_meta(Page page)
{
	return (GvHnswMetaPage) gv_am_page_content(page);
}

static inline GvHnswChainPage
gv_hnsw_page_chain(Page page)
{
	return (GvHnswChainPage) gv_am_page_content(page);
}

static inline GvHnswTidChunk
gv_hnsw_page_chunk(Page page, int slot)
{
	return (GvHnswTidChunk) gv_am_page_content(page) + slot;
}

/* Is the page one of ours, of this kind? */
static inline bool
gv_hnsw_page_is(Page page, GvHnswPageKind kind)
{
	return !PageIsNew(page) &&
		PageGetSpecialSize(page) == MAXALIGN(sizeof(GvAmPageSpecialData)) &&
		gv_am_page_special(page)->page_id == GV_AM_HNSW_PAGE_ID &&
		gv_am_page_special(page)->kind == kind;
}

/* A slot of a page of nodes with codes */
static inline GvHnswNode
gv_hnsw_slot_node(const GvHnswLayout *layout, Page page, int slot)
{
	return (GvHnswNode) (gv_am_page_content(page) + slot * layout->node_size);
}

/*
 * Does a place that should hold a node do so?  Its mark tells a node from other
 * content, so that a search need not look at the page's header and special
 * area, two more cache lines.
 */
static inline bool
gv_hnsw_node_is_valid(const GvHnswLayout *layout, GvHnswNode node)
{
	return node->mark == GV_HNSW_NODE_MARK && node->state != GV_HNSW_NODE_FREE &&
		node->n_neighbors <= layout->degree;
}

extern GvHnswNode gv_hnsw_page_node(const GvHnswIndex *index, Page page, int slot);

/* The same for a page that is known to hold nodes: a mark is enough to see if they are whole */
static inline GvHnswNode
gv_hnsw_known_node(const GvHnswIndex *index, Page page, int slot)
{
	GvHnswNode	node;

	if (!gv_hnsw_layout_has_codes(&index->layout))
		return gv_hnsw_page_node(index, page, slot);
	node = gv_hnsw_slot_node(&index->layout, page, slot);
	return gv_hnsw_node_is_valid(&index->layout, node) ? node : NULL;
}

/*
 * Ask the processor for the first bytes of a node with codes, at most so many.  A
 * search reads all of a node, and what it has to wait for at the end of a long one
 * costs as much as at its start.
 */
static inline void
gv_hnsw_prefetch_node(const GvHnswIndex *index, uint32 id, int n_bytes)
{
	const GvHnswLayout *layout = &index->layout;

	gv_am_prefetch(index->hints, gv_hnsw_id_block(layout, id),
				   MAXALIGN(SizeOfPageHeaderData) +
				   gv_hnsw_id_slot(layout, id) * layout->node_size,
				   Min((int) layout->node_size, n_bytes));
}

pg_noreturn extern void gv_hnsw_report_corruption(Relation rel, BlockNumber blkno,
												  const char *what);

/* transform.c */
extern float *gv_hnsw_transform(GvHnswIndex *index, const GvHnswCache *cache,
								Datum value, bool is_query, GvAmRotated *rotated);

#endif							/* GV_HNSW_INDEX_H */
