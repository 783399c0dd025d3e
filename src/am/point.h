/*-------------------------------------------------------------------------
 *
 * point.h
 *		From a value of the column to the point that an index of codes knows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_POINT_H
#define GV_AM_POINT_H

#include "postgres.h"

#include "am/opclass.h"

/*
 * Elements beyond this would overflow squared distances.  Only vectors that
 * are unlike all others by many orders of magnitude come here; their distances
 * are taken from the table.
 */
#define GV_AM_MAX_ELEMENT 1e15f

/* Likewise of what is added to squared distances: the sum is no infinity */
#define GV_AM_MAX_BIAS 1e37f

/*
 * Inner product: this part of the rows get the length of the longest of them.
 * Were it all, a few long rows would make the additional element so large that
 * it drowns the others.
 */
#define GV_AM_NORM_QUANTILE 0.98

/* What gv_am_rotate_value finds out about a value beside its point */
typedef struct GvAmRotated
{
	bool		has_direction;	/* false: zero vector, cosine; there is no point */
	float		key_bias;		/* added to squared distances (inner product) */
	double		scale;			/* by which the value was multiplied, queries only */
	double		norm2;			/* inner product: squared norm of the value */
	uint64		hash;			/* of the value, divided by its norm for cosine */
} GvAmRotated;

extern float gv_am_choose_unit(double norm);
extern float gv_am_unit_of(const GvAmOpclass *opclass, Datum value);
extern float gv_am_key_bias(double missing, float inverse_unit, double norm);
extern void gv_am_scale_value(const GvAmOpclass *opclass, int dim, int padded_dim,
							  float inverse_unit, float max_norm, Datum value,
							  bool is_query, float *z, GvAmRotated *rotated);
extern void gv_am_rotate_value(const GvAmOpclass *opclass, int dim, int padded_dim,
							   const float *rotation, float inverse_unit, float max_norm,
							   Datum value, bool is_query, float *z, GvAmRotated *rotated);

#endif							/* GV_AM_POINT_H */
