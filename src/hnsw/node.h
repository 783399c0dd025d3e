/*-------------------------------------------------------------------------
 *
 * node.h
 *		Writing nodes: own vector, neighbors and their codes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_NODE_H
#define GV_HNSW_NODE_H

#include "postgres.h"

#include "hnsw/layout.h"
#include "hnsw/page.h"
#include "quant/rabitq.h"

/* The largest code of a neighbor: a block of them fits a page */
#define GV_HNSW_MAX_CODE_BYTES (BLCKSZ / GV_FASTSCAN_LANES)

/* A point to be put into a node or beside it */
typedef struct GvHnswPoint
{
	const float *z;				/* float[own_dims] */
	float		key_bias;
} GvHnswPoint;

extern void gv_hnsw_node_set_own(const GvHnswLayout *layout, GvHnswNode node,
								 const float *z, int n_dims, float key_bias);
extern float gv_hnsw_node_key(const GvHnswLayout *layout, GvHnswNode node, const float *z);
extern void gv_hnsw_node_choose_center(const GvHnswLayout *layout, GvHnswNode node,
									   double mean_product);
extern void gv_hnsw_node_get_own(const GvHnswLayout *layout, GvHnswNode node, float *z);
extern void gv_hnsw_node_set_lane(const GvHnswLayout *layout, GvHnswNode node, int lane,
								  uint32 id, const float *p, const GvHnswPoint *point);
extern void gv_hnsw_node_put_lane(const GvHnswLayout *layout, GvHnswNode node, int lane,
								  uint32 id, const GvRabitqFactors *factors,
								  const uint8 *code);
extern void gv_hnsw_node_remove_lane(const GvHnswLayout *layout, GvHnswNode node, int lane);
extern int	gv_hnsw_node_find_lane(const GvHnswLayout *layout, GvHnswNode node, uint32 id);
extern void gv_hnsw_entry_set_lane(const GvHnswLayout *layout, GvHnswEntryBlock block,
								   int lane, uint32 id, const GvHnswPoint *point);

/*
 * Does a link only fill a place?  A shorter link leads to its node as well, so
 * that it goes first when another comes.  The lowest bit of the factor that has
 * room for it says so: it is advice, nodes written before there was a mark have
 * any.  Links without codes have none.
 */
static inline bool
gv_hnsw_node_lane_fills(const GvHnswLayout *layout, GvHnswNode node, int lane)
{
	return gv_hnsw_layout_has_codes(layout) &&
		(gv_hnsw_node_rescale(layout, node)[lane] & 1) != 0;
}

static inline void
gv_hnsw_node_mark_lane(const GvHnswLayout *layout, GvHnswNode node, int lane, bool fills)
{
	GvHalf	   *rescale = &gv_hnsw_node_rescale(layout, node)[lane];

	if (gv_hnsw_layout_has_codes(layout))
		*rescale = (GvHalf) ((*rescale & ~1) | (fills ? 1 : 0));
}

/*
 * The squared distance of a query to the center of a node's codes, from its
 * squared norm and its squared distance to the node's own vector.
 */
static inline float
gv_hnsw_node_base(GvHnswNode node, float query_norm2, float own_key)
{
	float		weight = node->center_weight;

	return (1 - weight) * query_norm2 + weight * own_key -
		weight * (1 - weight) * node->own_norm2;
}

#endif							/* GV_HNSW_NODE_H */
