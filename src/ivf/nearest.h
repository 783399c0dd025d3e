/*-------------------------------------------------------------------------
 *
 * nearest.h
 *		The lists nearest to a point, one after the other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_IVF_NEAREST_H
#define GV_IVF_NEAREST_H

#include "postgres.h"

#include "ivf/index.h"

/* A list that may be the next; exact or a bound */
typedef struct GvIvfNear
{
	float		lower;
	uint32		list;
	bool		is_exact;
} GvIvfNear;

typedef struct GvIvfNearest
{
	GvIvfIndex *index;
	GvIvfRoot	root;			/* its arrays belong to the caller */
	GvRabitqQuery query;		/* the point's table, of all dimensions */
	const float *z;
	float		norm;			/* of the point */
	GvIvfNear  *heap;			/* [n_lists + 1] */
	uint32		n;
	GvHalf	   *centroid;		/* scratch */
} GvIvfNearest;

extern void gv_ivf_nearest_init(GvIvfNearest *nearest, GvIvfIndex *index, const GvIvfRoot *root);
extern void gv_ivf_nearest_begin(GvIvfNearest *nearest, const float *z, uint32 n_wanted);
extern bool gv_ivf_nearest_next(GvIvfNearest *nearest, uint32 *list, float *distance2);
extern void gv_ivf_nearest_end(GvIvfNearest *nearest);
extern const GvHalf *gv_ivf_nearest_centroid(GvIvfNearest *nearest, uint32 list);

#endif							/* GV_IVF_NEAREST_H */
