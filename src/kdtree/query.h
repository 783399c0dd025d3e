/*-------------------------------------------------------------------------
 *
 * query.h
 *		Distances from a query: of the points of a leaf, of boxes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_KDTREE_QUERY_H
#define GV_KDTREE_QUERY_H

#include "postgres.h"

#include "utils/float.h"

#include "kdtree/index.h"

/* Keys are never below zero */
#define GV_KDTREE_BEFORE_ALL (-1.0)

typedef struct GvKdtreeQuery
{
	const GvKernels *kernels;	/* the same for the whole scan */
	GvAmMetric	metric;
	bool		is_null;		/* all distances are equal */
	bool		has_direction;	/* by cosine; else all are NaN */
	float		norm2;			/* by cosine: sum of squares, as the operator has it */
	GvKdtreePoint point;
	float	   *widened;		/* room for the elements of a leaf of float16 */
	float	   *sums;			/* float[2][leaf_capacity], and some more */
	double	   *keys;			/* double[leaf_capacity], where keys are in double */

	double		radius;			/* no row beyond this distance is wanted */
	double		bound;			/* the keys of all others are at most this */

	/* conditions on points beside their distance */
	const GvAmFilter *filter;	/* or NULL */
	bool		has_box;
	GvKdtreeBox box;			/* of elements */
	uint64	   *passing;		/* a bit for each point of a leaf, and room to fill up */

	/* keys of the nearest wanted, the greatest first */
	double	   *best;			/* double[n_wanted] */
	int			n_best;
	int			n_wanted;
} GvKdtreeQuery;

/* What is found on a leaf */
typedef struct GvKdtreeFound
{
	double		after;			/* only points with greater keys count */
	double		limit;			/* set: points up to this key were found */
	double		rest;			/* set: the least key beyond it */
	bool		has_rest;		/* set: is there one? */
	double	   *keys;			/* double[leaf_capacity], written */
	uint16	   *items;			/* uint16[leaf_capacity], written: their numbers */
} GvKdtreeFound;

/* The key beyond which no point is wanted yet */
static inline double
gv_kdtree_query_limit(const GvKdtreeQuery *query)
{
	return query->n_best < query->n_wanted ? query->bound : Min(query->best[0], query->bound);
}

extern void gv_kdtree_query_init(GvKdtreeQuery *query, const GvKdtreeIndex *ix, Datum value,
								 bool is_null);
extern int	gv_kdtree_query_leaf(GvKdtreeQuery *query, const GvKdtreeIndex *ix, Page page,
								 GvKdtreeFound *found);
extern void gv_kdtree_query_set_radius(GvKdtreeQuery *query, double radius);
extern void gv_kdtree_query_set_filter(GvKdtreeQuery *query, const GvAmFilter *filter);
extern void gv_kdtree_query_set_box(GvKdtreeQuery *query, const GvKdtreeBox *box);
extern bool gv_kdtree_query_meets_box(const GvKdtreeQuery *query, const GvKdtreeIndex *ix,
									  Page page, int child);
extern bool gv_kdtree_query_is_beyond(const GvKdtreeQuery *query, double key);
extern void gv_kdtree_query_want(GvKdtreeQuery *query, int n_wanted);
extern void gv_kdtree_query_add_best(GvKdtreeQuery *query, double key);
extern void gv_kdtree_query_boxes(const GvKdtreeQuery *query, const GvKdtreeIndex *ix,
								  Page page, float *bounds);
extern double gv_kdtree_query_lower(const GvKdtreeQuery *query, float bound);

#endif							/* GV_KDTREE_QUERY_H */
