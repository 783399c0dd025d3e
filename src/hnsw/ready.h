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
	double		distance;		/* if it is exact: what the operator orders by */
	bool		is_exact;
	bool		is_asked;		/* was the system asked for the row's block? */
	ItemPointerData tid;
	uint32		id;				/* of the node */
	uint32		tid_chunk;		/* further rows of the same vector */
} GvHnswReadyItem;

/* How far keys of a query may be from what the operator says */
typedef struct GvHnswReadyRounding
{
	double		of_points;		/* how far points may be from where they should be */
	double		of_keys;		/* the same of keys that the operator's distances become */
	double		least_bias;		/* up to this bias a key says nothing */
} GvHnswReadyRounding;

/*
 * Does an item lie beyond a key for sure?  One that is infinitely far, without a
 * direction, does not: its distance is NaN, and no condition can be told of that.
 */
static inline bool
gv_hnsw_ready_is_beyond(const GvHnswReadyItem *item, double key)
{
	return item->lower > key && !isinf(item->lower);
}

/*
 * Is an item nearer than another?
 *
 * Distances of rows that are shorter than others by many orders of magnitude make no
 * difference to their keys.  A distance that is not a number is that of the last rows.
 */
static inline bool
gv_hnsw_ready_is_nearer(const GvHnswReadyItem *a, const GvHnswReadyItem *b)
{
	if (a->key != b->key || !a->is_exact || !b->is_exact)
		return a->key < b->key;
	return a->distance < b->distance || (isnan(b->distance) && !isnan(a->distance));
}

/* Does an item come before another?  Of equal bounds those that are not exact do. */
static inline bool
gv_hnsw_ready_is_before(const GvHnswReadyItem *a, const GvHnswReadyItem *b)
{
	if (a->lower != b->lower)
		return a->lower < b->lower;
	if (a->is_exact && b->is_exact)
		return gv_hnsw_ready_is_nearer(a, b);
	return b->is_exact && !a->is_exact;
}

extern void gv_hnsw_ready_push(GvHnswReadyItem **heap, int64 *n, int64 *max,
							   MemoryContext context, const GvHnswReadyItem *item);
extern void gv_hnsw_ready_pop(GvHnswReadyItem *heap, int64 n, GvHnswReadyItem *item);
extern void gv_hnsw_ready_set_rounding(GvHnswReadyRounding *rounding, GvAmMetric metric,
									   const GvHnswLayout *layout, const float *center,
									   float query_norm2);
extern void gv_hnsw_ready_set_longest(GvHnswReadyRounding *rounding, const GvHnswMetaPageData *meta,
									  double norm2);
extern void gv_hnsw_ready_set_interval(const GvHnswLayout *layout,
									   const GvHnswReadyRounding *rounding,
									   GvHnswReadyItem *item, const GvHnswFound *found);
extern double gv_hnsw_ready_radius_key(GvAmMetric metric, double radius, double key_offset,
									   double key_factor);
extern int64 gv_hnsw_ready_count_within(const GvHnswReadyItem *heap, int64 n, double key);
extern int	gv_hnsw_ready_compare_found(const void *a, const void *b);
extern int	gv_hnsw_ready_compare_late(const void *a, const void *b);
extern void gv_hnsw_ready_ask(GvHnswReadyItem *heap, int64 n, GvAmHints *hints, Relation table);
extern void gv_hnsw_ready_prefetch(const GvHnswReadyItem *heap, int64 n, GvAmHints *hints);

#endif							/* GV_HNSW_READY_H */
