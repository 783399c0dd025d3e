/*-------------------------------------------------------------------------
 *
 * query.c
 *		Distances from a query: of the points of a leaf, of boxes.
 *
 * A key orders as the operator's distance does, ties included: squared L2, L1
 * and L-infinity as the operator's kernel has them in float32, which loses no
 * tie by the square root; cosine distance in double, with infinity for NaN,
 * which comes last.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "kdtree/query.h"
#include "type/dense.h"

/*
 * By cosine boxes are of vectors of length 1, rounded to float32, and the
 * operator's sums are rounded as well.  With 64 dimensions and sums over four
 * lanes, nine additions follow each other, so a cosine is off by 1.1e-6 at
 * most, and a squared distance of boxes by 5.4e-7 of itself.
 */
#define PLACE_ROUNDING 2e-7
#define BOUND_ROUNDING 1e-6
#define COSINE_ROUNDING 2e-6

/*
 * gv_kdtree_query_init
 *		Prepare a query.
 *
 * value: detoasted; not looked at if is_null
 *
 * Allocates in the current memory context.
 */
void
gv_kdtree_query_init(GvKdtreeQuery *query, const GvKdtreeIndex *ix, Datum value, bool is_null)
{
	query->kernels = gv_kernels;
	query->metric = ix->opclass->metric;
	query->is_null = is_null;
	query->has_direction = true;
	query->sums = palloc(sizeof(float) * 2 * ix->leaf_capacity);
	query->widened = ix->element_size == sizeof(float) ? NULL :
		palloc(sizeof(float) * ix->dim * ix->leaf_capacity);
	if (is_null)
	{
		memset(&query->point, 0, sizeof(query->point));
		return;
	}
	gv_kdtree_set_point(ix, value, &query->point);
	if (query->metric == GV_AM_METRIC_COSINE)
	{
		float		sums[3];

		query->kernels->cosine_f32(query->point.x, query->point.x, ix->dim, sums);
		query->norm2 = sums[1];
		query->has_direction = gv_type_sum_squares(query->point.x, ix->dim) > 0;
	}
}

/* Key of a point whose sums are known, by the operator's arithmetic */
static double
cosine_key(const GvKdtreeQuery *query, const GvKdtreeIndex *ix, const float *columns,
		   int i, float ab, float bb)
{
	float		sums[3] = {ab, query->norm2, bb};
	double		key;

	if (likely(gv_type_sums_in_range(sums)))
		key = gv_type_distance_from_cosine(gv_type_cosine_from_sums(sums));
	else
	{
		float		x[GV_KDTREE_MAX_DIM];

		for (int j = 0; j < ix->dim; j++)
			x[j] = columns[j * ix->leaf_capacity + i];
		key = gv_type_distance_from_cosine(gv_type_cosine_similarity(query->point.x, x,
																	 ix->dim));
	}
	return isnan(key) ? INFINITY : key;
}

/*
 * gv_kdtree_query_leaf
 *		Compute the keys of all points of a leaf.
 *
 * page: locked
 * keys: double[n], written
 */
void
gv_kdtree_query_leaf(GvKdtreeQuery *query, const GvKdtreeIndex *ix, Page page, double *keys)
{
	int			n = gv_kdtree_page_head(page)->n;
	const float *columns = (const float *) gv_kdtree_leaf_elements(page);
	const float *x = query->point.x;
	float	   *out = query->sums;

	if (query->is_null)
	{
		memset(keys, 0, sizeof(double) * n);
		return;
	}
	if (query->widened != NULL)
	{
		query->kernels->f16_to_f32((const GvHalf *) columns, query->widened,
								   (ix->dim - 1) * ix->leaf_capacity + n);
		columns = query->widened;
	}
	switch (query->metric)
	{
		case GV_AM_METRIC_L2:
			query->kernels->columns_l2_squared(columns, ix->leaf_capacity, x, ix->dim, n, out);
			break;
		case GV_AM_METRIC_L1:
			query->kernels->columns_l1(columns, ix->leaf_capacity, x, ix->dim, n, out);
			break;
		case GV_AM_METRIC_LINF:
			query->kernels->columns_linf(columns, ix->leaf_capacity, x, ix->dim, n, out);
			break;
		case GV_AM_METRIC_COSINE:
			query->kernels->columns_cosine(columns, ix->leaf_capacity, x, ix->dim, n, out,
										   out + ix->leaf_capacity);
			for (int i = 0; i < n; i++)
				keys[i] = cosine_key(query, ix, columns, i, out[i], out[ix->leaf_capacity + i]);
			return;
		default:
			elog(ERROR, "unrecognized metric: %d", (int) query->metric);
	}
	for (int i = 0; i < n; i++)
		keys[i] = out[i];
}

/*
 * gv_kdtree_query_boxes
 *		Compute the bounds of all children of an inner page.
 *
 * page: locked
 * bounds: float[n], written; they order as the keys that
 * gv_kdtree_query_lower makes of them
 */
void
gv_kdtree_query_boxes(const GvKdtreeQuery *query, const GvKdtreeIndex *ix, Page page,
					  float *bounds)
{
	int			n = gv_kdtree_page_head(page)->n;
	const float *low = gv_kdtree_inner_low(page);
	const float *high = gv_kdtree_inner_high(ix, page);
	const float *place = query->point.place;

	if (query->is_null || !query->has_direction)
	{
		memset(bounds, 0, sizeof(float) * n);
		return;
	}
	switch (query->metric)
	{
		case GV_AM_METRIC_L1:
			query->kernels->boxes_l1(low, high, ix->inner_capacity, place, ix->dim, n, bounds);
			break;
		case GV_AM_METRIC_LINF:
			query->kernels->boxes_linf(low, high, ix->inner_capacity, place, ix->dim, n,
									   bounds);
			break;
		default:
			query->kernels->boxes_l2_squared(low, high, ix->inner_capacity, place, ix->dim, n,
											 bounds);
	}
}

/*
 * gv_kdtree_query_lower
 *		The least key that a point of a box can have, from the box's bound.
 */
double
gv_kdtree_query_lower(const GvKdtreeQuery *query, float bound)
{
	double		distance;
	double		lower;

	if (query->metric != GV_AM_METRIC_COSINE)
		return bound;
	/* of vectors of length 1, 1 - cosine is half of the squared distance */
	distance = sqrt((double) bound) * (1 - BOUND_ROUNDING) - PLACE_ROUNDING;
	if (distance <= 0)
		return 0;
	lower = distance * distance / 2 - COSINE_ROUNDING;
	return Max(lower, 0);
}
