/*-------------------------------------------------------------------------
 *
 * ready.h
 *		Rows on their way out of a scan, in the order of the least distance
 *		that they may have.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_READY_H
#define GV_HNSW_READY_H

#include "postgres.h"

#include <math.h>

#include "hnsw/search.h"

/* A row, or the rows of a node, on the way out */
typedef struct GvHnswReadyItem
{
	double		lower;			/* bounds of the key */
	double		upper;
	double		key;			/* estimate */
	bool		is_exact;
	bool		is_asked;		/* was the system asked for the row's block? */
	ItemPointerData tid;
	uint32		id;				/* of the node */
	uint32		tid_chunk;		/* further rows of the same vector */
} GvHnswReadyItem;

/*
 * Does an item lie beyond a key for sure?  One that is infinitely far, without a
 * direction, does not: its distance is NaN, and no condition can be told of that.
 */
static inline bool
gv_hnsw_ready_is_beyond(const GvHnswReadyItem *item, double key)
{
	return item->lower > key && !isinf(item->lower);
}

extern void gv_hnsw_ready_push(GvHnswReadyItem **heap, int64 *n, int64 *max,
							   MemoryContext context, const GvHnswReadyItem *item);
extern void gv_hnsw_ready_pop(GvHnswReadyItem *heap, int64 n, GvHnswReadyItem *item);
extern double gv_hnsw_ready_rounding(const GvHnswLayout *layout, const float *center,
									   float query_norm2);
extern void gv_hnsw_ready_set_interval(const GvHnswLayout *layout, double rounding,
									   GvHnswReadyItem *item, const GvHnswFound *found);
extern double gv_hnsw_ready_radius_key(GvAmMetric metric, double radius, double key_offset,
									   double key_factor);
extern int64 gv_hnsw_ready_count_within(const GvHnswReadyItem *heap, int64 n, double key);
extern int	gv_hnsw_ready_compare_found(const void *a, const void *b);
extern int	gv_hnsw_ready_compare_late(const void *a, const void *b);
extern void gv_hnsw_ready_ask(GvHnswReadyItem *heap, int64 n, GvAmHints *hints, Relation table);
extern void gv_hnsw_ready_prefetch(const GvHnswReadyItem *heap, int64 n, GvAmHints *hints);

#endif							/* GV_HNSW_READY_H */
