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

#include <float.h>
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

/* Keys that are compared at once */
#define POINTS_AT_ONCE 16

/* From here on float32 are NaN, by their bits: of damaged pages, and of no point */
#define NAN_BITS 0x7f800001

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
	query->radius = query->bound = INFINITY;
	query->filter = NULL;
	query->has_box = false;
	query->passing = palloc(sizeof(uint64) * (ix->leaf_capacity / 64 + 1));
	query->best = NULL;
	query->n_best = query->n_wanted = 0;
	query->sums = palloc(sizeof(float) * (2 * ix->leaf_capacity + POINTS_AT_ONCE));
	query->keys = is_null || query->metric == GV_AM_METRIC_COSINE ?
		palloc(sizeof(double) * ix->leaf_capacity) : NULL;
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
 * gv_kdtree_query_set_radius
 *		Want no rows beyond a distance.
 */
void
gv_kdtree_query_set_radius(GvKdtreeQuery *query, double radius)
{
	query->radius = query->bound = radius;
	/* a little more than the square, which is rounded */
	if (query->metric == GV_AM_METRIC_L2 && query->radius > 0)
		query->bound = query->radius * query->radius * (1 + 1e-12) + FLT_MIN;
}

/*
 * gv_kdtree_query_set_filter
 *		Want only rows that pass a filter, which stays the caller's.
 */
void
gv_kdtree_query_set_filter(GvKdtreeQuery *query, const GvAmFilter *filter)
{
	query->filter = filter;
}

/*
 * gv_kdtree_query_set_box
 *		Want only points in a box.
 */
void
gv_kdtree_query_set_box(GvKdtreeQuery *query, const GvKdtreeBox *box)
{
	query->box = *box;
	query->has_box = true;
}

/*
 * gv_kdtree_query_meets_box
 *		Can points be in the box that is wanted, if there is one, and below a
 *		child of an inner page?
 *
 * page: locked
 */
bool
gv_kdtree_query_meets_box(const GvKdtreeQuery *query, const GvKdtreeIndex *ix, Page page,
						  int child)
{
	const float *low = gv_kdtree_inner_low(page) + child;
	const float *high = gv_kdtree_inner_high(ix, page) + child;

	for (int j = 0; query->has_box && j < ix->dim; j++)
	{
		if (low[j * ix->inner_capacity] > query->box.high[j] ||
			high[j * ix->inner_capacity] < query->box.low[j])
			return false;
	}
	return true;
}

/*
 * gv_kdtree_query_is_beyond
 *		Is the distance that belongs to a key beyond the radius?
 */
bool
gv_kdtree_query_is_beyond(const GvKdtreeQuery *query, double key)
{
	return (query->metric == GV_AM_METRIC_L2 ? sqrt(key) : key) > query->radius;
}

/*
 * gv_kdtree_query_want
 *		Want so many points from now on; none is known to be among them.
 */
void
gv_kdtree_query_want(GvKdtreeQuery *query, int n_wanted)
{
	if (query->best == NULL)
		query->best = palloc(sizeof(double) * n_wanted);
	else if (n_wanted > query->n_wanted)
		query->best = repalloc(query->best, sizeof(double) * n_wanted);
	query->n_wanted = n_wanted;
	query->n_best = 0;
}

/*
 * gv_kdtree_query_add_best
 *		Count a key as wanted if it is among the nearest.
 */
void
gv_kdtree_query_add_best(GvKdtreeQuery *query, double key)
{
	double	   *best = query->best;
	int			i;

	if (query->n_best < query->n_wanted)
	{
		i = query->n_best++;
		while (i > 0 && best[(i - 1) / 2] < key)
		{
			best[i] = best[(i - 1) / 2];
			i = (i - 1) / 2;
		}
		best[i] = key;
		return;
	}
	if (key >= best[0])
		return;
	i = 0;
	for (;;)
	{
		int			child = 2 * i + 1;

		if (child >= query->n_best)
			break;
		if (child + 1 < query->n_best && best[child + 1] > best[child])
			child++;
		if (best[child] <= key)
			break;
		best[i] = best[child];
		i = child;
	}
	best[i] = key;
}

/*
 * Drop the candidates that are no longer wanted, with the least of which the
 * rest begins; returns how many are left.
 */
static int
keep_wanted(GvKdtreeFound *found, int n_candidates)
{
	int			n = 0;

	for (int i = 0; i < n_candidates; i++)
	{
		if (found->keys[i] > found->limit)
		{
			found->rest = found->has_rest ? Min(found->rest, found->keys[i]) : found->keys[i];
			found->has_rest = true;
			continue;
		}
		found->keys[n] = found->keys[i];
		found->items[n++] = found->items[i];
	}
	return n;
}

/* Find points by keys in double */
static int
find_doubles(GvKdtreeQuery *query, const double *keys, int n, GvKdtreeFound *found)
{
	double		limit = gv_kdtree_query_limit(query);
	double		rest = INFINITY;
	int			n_found = 0;

	found->has_rest = false;
	for (int i = 0; i < n; i++)
	{
		if (keys[i] > limit)
		{
			found->has_rest = true;
			rest = Min(rest, keys[i]);
		}
		if (!(keys[i] <= limit && keys[i] > found->after))
			continue;
		found->keys[n_found] = keys[i];
		found->items[n_found++] = i;
		gv_kdtree_query_add_best(query, keys[i]);
		limit = gv_kdtree_query_limit(query);
	}
	found->limit = limit;
	found->rest = rest;
	return keep_wanted(found, n_found);
}

/* A float32 that is not negative orders as its bits do */
static inline int32
float_bits(float x)
{
	int32		bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

/* The greatest float32 that is not beyond a limit; -1, less than all, if none is */
static inline int32
bits_of_limit(double limit)
{
	float		x = (float) limit;

	if (limit < 0)
		return -1;
	return float_bits((double) x > limit ? nextafterf(x, 0) : x);
}

/*
 * A limit that is not below the n-th of the keys after a bound, 1 <= n <= 16:
 * that of the least ones of sixteen parts.
 */
static int32
estimate_limit(const GvKdtreeQuery *query, const float *keys, int n_keys, int32 after, int n)
{
	int32		leasts[POINTS_AT_ONCE];
	int32		limit = PG_INT32_MAX;

	query->kernels->leasts_f32(keys, n_keys, after, leasts);
	for (int i = 0; i < POINTS_AT_ONCE; i++)
	{
		int			n_up_to = 0;

		for (int j = 0; j < POINTS_AT_ONCE; j++)
			n_up_to += leasts[j] <= leasts[i];
		if (n_up_to >= n)
			limit = Min(limit, leasts[i]);
	}
	return limit;
}

/*
 * The same by keys in float32; most leaves have few points that are wanted.
 *
 * keys: room for a multiple of POINTS_AT_ONCE
 */
static int
find_floats(GvKdtreeQuery *query, float *keys, int n, GvKdtreeFound *found)
{
	int32		after = bits_of_limit(found->after);
	int32		limit = bits_of_limit(gv_kdtree_query_limit(query));
	int32		rest;
	int			n_found;
	int			end = (n + POINTS_AT_ONCE - 1) / POINTS_AT_ONCE * POINTS_AT_ONCE;

	for (int i = n; i < end; i++)
		keys[i] = NAN;
	/* the first leaf fills the wanted alone, so what is beyond is not among them */
	if (query->n_best == 0 && query->n_wanted <= POINTS_AT_ONCE)
		limit = Min(limit, estimate_limit(query, keys, end, after, query->n_wanted));
	n_found = query->kernels->between_f32(keys, end, after, limit, found->items, &rest);
	for (int i = 0; i < n_found; i++)
	{
		found->keys[i] = keys[found->items[i]];
		gv_kdtree_query_add_best(query, found->keys[i]);
	}
	found->has_rest = rest < NAN_BITS;
	if (found->has_rest)
	{
		float		key;

		memcpy(&key, &rest, sizeof(key));
		found->rest = key;
	}
	found->limit = gv_kdtree_query_limit(query);
	return keep_wanted(found, n_found);
}

/*
 * Find the points of a leaf that meet the conditions beside the distance; false
 * if none does.
 *
 * columns: float32
 */
static bool
find_passing(GvKdtreeQuery *query, const GvKdtreeIndex *ix, Page page, const float *columns,
			 int n)
{
	uint64	   *passing = query->passing;
	uint64		any = 0;

	if (query->filter && query->filter->never)
		return false;
	for (int i = 0; i < n; i += 64)
		passing[i / 64] = n - i >= 64 ? PG_UINT64_MAX : (UINT64CONST(1) << (n - i)) - 1;
	for (int k = 0; query->filter && k < query->filter->n_keys; k++)
	{
		const GvAmFilterKey *key = &query->filter->key[k];

		gv_am_filter_test_words(key, ix->filters.column[key->column].width,
								gv_kdtree_leaf_words(ix, page, key->column),
								gv_kdtree_leaf_nulls(ix, page, key->column), n, passing);
	}
	for (int j = 0; query->has_box && j < ix->dim; j++)
	{
		const float *x = columns + j * ix->leaf_capacity;
		float		low = query->box.low[j];
		float		high = query->box.high[j];

		for (int i = 0; i < n; i += 64)
		{
			uint64		bits = 0;

			if (passing[i / 64] == 0)
				continue;
			for (int k = 0; k < Min(n - i, 64); k++)
				bits |= (uint64) ((x[i + k] >= low) & (x[i + k] <= high)) << k;
			passing[i / 64] &= bits;
		}
	}
	for (int i = 0; i < n; i += 64)
		any |= passing[i / 64];
	return any != 0;
}

static inline bool
passes(const GvKdtreeQuery *query, int i)
{
	return (query->passing[i / 64] >> (i % 64)) & 1;
}

/* Make keys of points that fail the conditions NaN: no search finds these */
static void
drop_failing_floats(const GvKdtreeQuery *query, float *keys, int n)
{
	for (int i = 0; i < n; i++)
		keys[i] = passes(query, i) ? keys[i] : NAN;
}

static void
drop_failing_doubles(const GvKdtreeQuery *query, double *keys, int n)
{
	for (int i = 0; i < n; i++)
		keys[i] = passes(query, i) ? keys[i] : NAN;
}

/* Compute the keys of all points of a leaf by cosine distance */
static void
compute_cosines(GvKdtreeQuery *query, const GvKdtreeIndex *ix, const float *columns, int n)
{
	float	   *sums = query->sums;

	query->kernels->columns_cosine(columns, ix->leaf_capacity, query->point.x, ix->dim, n,
								   sums, sums + ix->leaf_capacity);
	for (int i = 0; i < n; i++)
		query->keys[i] = cosine_key(query, ix, columns, i, sums[i],
									sums[ix->leaf_capacity + i]);
}

/*
 * gv_kdtree_query_leaf
 *		Find the points of a leaf that are among the nearest wanted.
 *
 * page: locked
 * found: after is set by the caller
 *
 * Returns their number.  Which points are found is told by their keys: those
 * after found->after, up to found->limit.
 */
int
gv_kdtree_query_leaf(GvKdtreeQuery *query, const GvKdtreeIndex *ix, Page page,
					 GvKdtreeFound *found)
{
	int			n = gv_kdtree_page_head(page)->n;
	const float *columns = (const float *) gv_kdtree_leaf_elements(page);
	const float *x = query->point.x;
	float	   *out = query->sums;
	bool		has_conditions = query->filter != NULL || query->has_box;

	if (query->widened != NULL && (!query->is_null || query->has_box))
	{
		query->kernels->f16_to_f32((const GvHalf *) columns, query->widened,
								   (ix->dim - 1) * ix->leaf_capacity + n);
		columns = query->widened;
	}
	if (has_conditions && !find_passing(query, ix, page, columns, n))
	{
		found->has_rest = false;
		return 0;
	}
	if (query->is_null)
	{
		memset(query->keys, 0, sizeof(double) * n);
		if (has_conditions)
			drop_failing_doubles(query, query->keys, n);
		return find_doubles(query, query->keys, n, found);
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
			compute_cosines(query, ix, columns, n);
			if (has_conditions)
				drop_failing_doubles(query, query->keys, n);
			return find_doubles(query, query->keys, n, found);
		default:
			elog(ERROR, "unrecognized metric: %d", (int) query->metric);
	}
	if (has_conditions)
		drop_failing_floats(query, out, n);
	return find_floats(query, out, n, found);
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
