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
	float	   *sums;			/* float[2][leaf_capacity] */
} GvKdtreeQuery;

extern void gv_kdtree_query_init(GvKdtreeQuery *query, const GvKdtreeIndex *ix, Datum value,
								 bool is_null);
extern void gv_kdtree_query_leaf(GvKdtreeQuery *query, const GvKdtreeIndex *ix, Page page,
								 double *keys);
extern void gv_kdtree_query_boxes(const GvKdtreeQuery *query, const GvKdtreeIndex *ix,
								  Page page, float *bounds);
extern double gv_kdtree_query_lower(const GvKdtreeQuery *query, float bound);

#endif							/* GV_KDTREE_QUERY_H */
