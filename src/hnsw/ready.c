/*-------------------------------------------------------------------------
 *
 * ready.c
 *		Rows on their way out of a scan, in the order of the least distance
 *		that they may have.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "hnsw/ready.h"

/* Relative rounding error of keys computed in float32 */
#define KEY_ROUNDING 1e-5

/* Rounding error of a cosine distance by its operator, whatever that is */
#define COSINE_ROUNDING 1e-6

/* Rounding error of rotating a query and a row, as a part of their length */
#define POINT_ROUNDING 2.5e-7

/* The same of a bias and of a key that it was added to */
#define BIAS_ROUNDING 2.5e-7

/* The square root of FLT_MIN: what is less may vanish when it is squared */
#define LEAST_DISTANCE 1.1e-19

/* Of two vectors the product of whose lengths is less the inner product does not overflow */
#define MAX_PRODUCT 1e38

/* The square of the length of a point that may have been cut, see GV_AM_MAX_ELEMENT */
#define CUT_NORM2 1e28f

/* Integer vectors: this many standard deviations of the error along a direction */
#define ERROR_DEVIATIONS 6.0

/*
 * gv_hnsw_ready_push
 *		Put an item into a binary heap.
 *
 * heap, n, max: the heap, its items, those it has room for; may change
 * context: of the heap
 */
void
gv_hnsw_ready_push(GvHnswReadyItem **heap, int64 *n, int64 *max, MemoryContext context,
				   const GvHnswReadyItem *item)
{
	GvHnswReadyItem *items;
	int64		i;

	if (*n == *max)
	{
		*max = Max(64, *max * 2);
		if (*heap == NULL)
			*heap = MemoryContextAllocHuge(context, *max * sizeof(GvHnswReadyItem));
		else
			*heap = repalloc_huge(*heap, *max * sizeof(GvHnswReadyItem));
	}
	items = *heap;
	for (i = (*n)++; i > 0 && gv_hnsw_ready_is_before(item, &items[(i - 1) / 2]); i = (i - 1) / 2)
		items[i] = items[(i - 1) / 2];
	items[i] = *item;
}

/*
 * gv_hnsw_ready_pop
 *		Take the item with the least lower bound out of a heap of n.
 */
void
gv_hnsw_ready_pop(GvHnswReadyItem *heap, int64 n, GvHnswReadyItem *item)
{
	GvHnswReadyItem last = heap[--n];
	int64		i = 0;

	*item = heap[0];
	for (;;)
	{
		int64		child = 2 * i + 1;

		if (child >= n)
			break;
		if (child + 1 < n && gv_hnsw_ready_is_before(&heap[child + 1], &heap[child]))
			child++;
		if (!gv_hnsw_ready_is_before(&heap[child], &last))
			break;
		heap[i] = heap[child];
		i = child;
	}
	if (n > 0)
		heap[i] = last;
}

/*
 * gv_hnsw_ready_set_rounding
 *		Set how far points of a query and a row may be from where they should be,
 *		because they were rotated before the center was taken off, and how far the
 *		operator's distances may be.
 *
 * query_norm2: squared length of the query's point.  Where that may have been cut,
 * keys say nothing, for then rows that were not seem to be nearer.
 */
void
gv_hnsw_ready_set_rounding(GvHnswReadyRounding *rounding, GvAmMetric metric,
						   const GvHnswLayout *layout, const float *center,
						   float query_norm2)
{
	/* a key is twice a cosine distance */
	rounding->of_keys = metric == GV_AM_METRIC_COSINE ? 2 * COSINE_ROUNDING : 0;
	rounding->least_bias = -GV_AM_MAX_BIAS;
	rounding->of_points = INFINITY;
	if (query_norm2 < CUT_NORM2)
		rounding->of_points = LEAST_DISTANCE * sqrt((double) layout->padded_dim) +
			POINT_ROUNDING *
			sqrt(gv_kernels->inner_product_f32(center, center, layout->padded_dim));
}

/*
 * gv_hnsw_ready_set_longest
 *		Let keys of rows say nothing whose inner product with a query may overflow:
 *		the operator calculates in float32, and says infinity or that it is no number.
 *
 * norm2: squared length of the query
 */
void
gv_hnsw_ready_set_longest(GvHnswReadyRounding *rounding, const GvHnswMetaPageData *meta,
						  double norm2)
{
	double		longest = norm2 > 0 ? MAX_PRODUCT / sqrt(norm2) : INFINITY;
	double		unit2 = (double) meta->inverse_unit * meta->inverse_unit;

	rounding->least_bias =
		Max(rounding->least_bias,
			unit2 * ((double) meta->max_norm * meta->max_norm - longest * longest));
}

/*
 * gv_hnsw_ready_set_interval
 *		Set the interval that holds the exact key of a node: all keys, if the point
 *		was cut, or the bias, see GV_AM_MAX_BIAS.
 */
void
gv_hnsw_ready_set_interval(const GvHnswLayout *layout, const GvHnswReadyRounding *rounding,
						   GvHnswReadyItem *item, const GvHnswFound *found)
{
	double		squared = Max((double) found->key - found->key_bias, 0);
	double		distance = sqrt(squared);
	double		error = found->error + rounding->of_points;
	double		key_error = BIAS_ROUNDING * fabs(found->key_bias) + rounding->of_keys;
	double		lower;
	double		upper;

	if (layout->own_kind == GV_HNSW_OWN_EXACT)
	{
		item->lower = item->upper = item->distance = found->key;
		item->is_exact = true;
		return;
	}
	item->is_exact = false;
	item->distance = NAN;
	if (isinf(error) || found->key_bias <= rounding->least_bias)
	{
		item->lower = -INFINITY;
		item->upper = INFINITY;
		return;
	}
	if (layout->own_kind != GV_HNSW_OWN_HALF && distance > 0)
		error = Min(error, ERROR_DEVIATIONS * error / sqrt((double) layout->own_dims) +
					error * error / (2 * distance));
	/* before the error is taken off, which is all of the distance of a row from itself */
	lower = Max(distance * (1 - KEY_ROUNDING / 2) - error, 0);
	upper = distance * (1 + KEY_ROUNDING / 2) + error;
	item->lower = lower * lower + found->key_bias - key_error;
	item->upper = upper * upper + found->key_bias + key_error;
}

/*
 * gv_hnsw_ready_radius_key
 *		Return the key beyond which no row lies within a distance; infinity for an
 *		infinite one.
 *
 * Rounding is allowed for: the executor looks at the distance again.
 */
double
gv_hnsw_ready_radius_key(GvAmMetric metric, double radius, double key_offset, double key_factor)
{
	double		key;

	if (isinf(radius))
		return INFINITY;
	if (metric == GV_AM_METRIC_L2)
		radius = radius < 0 ? 0 : radius * radius;
	key = key_offset + key_factor * radius;
	key += (fabs(key_offset) + fabs(key)) * KEY_ROUNDING;
	return metric == GV_AM_METRIC_COSINE ? key + key_factor * COSINE_ROUNDING : key;
}

/*
 * gv_hnsw_ready_count_within
 *		Return how many items may lie within a key.
 */
int64
gv_hnsw_ready_count_within(const GvHnswReadyItem *heap, int64 n, double key)
{
	int64		n_within = 0;

	for (int64 i = 0; i < n; i++)
		n_within += heap[i].lower <= key;
	return n_within;
}

/*
 * gv_hnsw_ready_compare_found, gv_hnsw_ready_compare_late
 *		For qsort: nodes found, the nearest first; items, the farthest first, since
 *		they are taken from the end.
 */
int
gv_hnsw_ready_compare_found(const void *a, const void *b)
{
	const GvHnswFound *x = a;
	const GvHnswFound *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->id < y->id ? -1 : (x->id > y->id ? 1 : 0);
}

int
gv_hnsw_ready_compare_late(const void *a, const void *b)
{
	const GvHnswReadyItem *x = a;
	const GvHnswReadyItem *y = b;

	if (gv_hnsw_ready_is_nearer(x, y) || gv_hnsw_ready_is_nearer(y, x))
		return gv_hnsw_ready_is_nearer(y, x) ? -1 : 1;
	return x->id > y->id ? -1 : (x->id < y->id ? 1 : 0);
}

/*
 * gv_hnsw_ready_ask
 *		Ask the system for the blocks of the rows that come next, if blocks of the
 *		table were not in memory lately.
 *
 * hints: of the table
 */
void
gv_hnsw_ready_ask(GvHnswReadyItem *heap, int64 n, GvAmHints *hints, Relation table)
{
	int			io_depth = gv_am_io_depth(hints, table);

	/* the head of a binary heap is about what leaves it first */
	for (int64 i = 0; i < Min(n, io_depth); i++)
	{
		if (heap[i].is_asked || !ItemPointerIsValid(&heap[i].tid))
			continue;
		heap[i].is_asked = true;
		gv_am_ask_for_block(hints, table, ItemPointerGetBlockNumber(&heap[i].tid));
	}
}

/*
 * gv_hnsw_ready_prefetch
 *		Ask the processor for the rows that come next.
 *
 * hints: of the table
 */
void
gv_hnsw_ready_prefetch(const GvHnswReadyItem *heap, int64 n, GvAmHints *hints)
{
	if (n > 0)
		gv_am_prefetch_row(hints, &heap[0].tid, 1);
	for (int64 i = 1; i < Min(n, 3); i++)
		gv_am_prefetch_row(hints, &heap[i].tid, 0);
}
