/*-------------------------------------------------------------------------
 *
 * layout.h
 *		Where things lie in a node, and the choice of code sizes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_LAYOUT_H
#define GV_HNSW_LAYOUT_H

#include "postgres.h"

#include "am/filter.h"
#include "am/opclass.h"
#include "hnsw/page.h"

typedef struct GvHnswLayout
{
	GvHnswOwnKind own_kind;
	int			degree;			/* neighbors of a node, at most */
	int			n_blocks;		/* FastScan blocks of a node */
	int			padded_dim;		/* dimensions after rotation */
	int			own_dims;
	int			code_dims;
	int			block_bytes;	/* bytes of one FastScan block */
	int			node_size;
	int			nodes_per_page;
	/* offsets in a node */
	int			own_offset;
	int			neighbor_offset;
	int			add_offset;
	int			rescale_offset;
	int			codes_offset;
	/* exact vectors only */
	int			value_offset;
	int			value_room;		/* bytes of the value in the node, at most */
	/* entry table */
	int			entry_block_size;
	int			entry_blocks_per_page;
	/* filter columns; all 0 if there are none */
	int			n_filters;
	int			filter_blocks;	/* blocks of nodes that a page of filters serves */
	int			filter_slots;	/* slots of a page of filters */
	uint8		filter_width[GV_AM_MAX_FILTERS];	/* bytes of a word */
	/* offsets in the content of such a page; its used bits are at 0 */
	int			filter_mixed;
	int			filter_null[GV_AM_MAX_FILTERS];
	int			filter_word[GV_AM_MAX_FILTERS];
	int			filter_end;
} GvHnswLayout;

static inline bool
gv_hnsw_layout_has_codes(const GvHnswLayout *layout)
{
	return layout->own_kind != GV_HNSW_OWN_EXACT;
}

static inline uint32 *
gv_hnsw_node_neighbors(const GvHnswLayout *layout, GvHnswNode node)
{
	return (uint32 *) ((char *) node + layout->neighbor_offset);
}

static inline GvHalf *
gv_hnsw_node_add(const GvHnswLayout *layout, GvHnswNode node)
{
	return (GvHalf *) ((char *) node + layout->add_offset);
}

static inline GvHalf *
gv_hnsw_node_rescale(const GvHnswLayout *layout, GvHnswNode node)
{
	return (GvHalf *) ((char *) node + layout->rescale_offset);
}

static inline uint8 *
gv_hnsw_node_codes(const GvHnswLayout *layout, GvHnswNode node, int block)
{
	return (uint8 *) node + layout->codes_offset + block * layout->block_bytes;
}

static inline void *
gv_hnsw_node_own(const GvHnswLayout *layout, GvHnswNode node)
{
	return (char *) node + layout->own_offset;
}

/* The codes of an entry block follow its head */
static inline uint8 *
gv_hnsw_entry_codes(GvHnswEntryBlock block)
{
	return (uint8 *) block + sizeof(GvHnswEntryBlockData);
}

/* Is a block kept for a page of filters? */
static inline bool
gv_hnsw_is_filter_block(const GvHnswLayout *layout, BlockNumber blkno)
{
	return layout->n_filters > 0 && blkno >= GV_HNSW_FIRST_FILTER_BLKNO &&
		(blkno - GV_HNSW_FIRST_FILTER_BLKNO) % (layout->filter_blocks + 1) == 0;
}

/* The page of filters that serves a block of nodes */
static inline BlockNumber
gv_hnsw_filter_block(const GvHnswLayout *layout, BlockNumber blkno)
{
	return blkno - (blkno - GV_HNSW_FIRST_FILTER_BLKNO) % (layout->filter_blocks + 1);
}

extern void gv_hnsw_layout_choose(GvHnswLayout *layout, const GvAmOpclass *opclass,
								  int dim, int m, bool compact,
								  const GvAmFilterColumns *filters);
extern void gv_hnsw_layout_from_meta(GvHnswLayout *layout, const GvHnswMetaPageData *meta);
extern void gv_hnsw_layout_to_meta(const GvHnswLayout *layout, GvHnswMetaPageData *meta);

#endif							/* GV_HNSW_LAYOUT_H */
