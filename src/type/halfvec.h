/*-------------------------------------------------------------------------
 *
 * halfvec.h
 *		The type halfvec: float16 elements, dense.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_TYPE_HALFVEC_H
#define GV_TYPE_HALFVEC_H

#include "postgres.h"

#include "fmgr.h"

#include "distance/distance.h"

#define GV_HALFVEC_MAX_DIM 16000

typedef struct GvHalfvec
{
	int32		vl_len_;		/* varlena header */
	int16		dim;			/* number of dimensions, 1..GV_HALFVEC_MAX_DIM */
	int16		unused;			/* zero */
	GvHalf		x[FLEXIBLE_ARRAY_MEMBER];	/* float16[dim] */
} GvHalfvec;

#define GV_HALFVEC_SIZE(dim) (offsetof(GvHalfvec, x) + sizeof(GvHalf) * (dim))

static inline GvHalfvec *
gv_datum_get_halfvec(Datum d)
{
	return (GvHalfvec *) PG_DETOAST_DATUM(d);
}

#define GV_GETARG_HALFVEC(n) gv_datum_get_halfvec(PG_GETARG_DATUM(n))

extern GvHalfvec *gv_type_new_halfvec(int dim);

#endif							/* GV_TYPE_HALFVEC_H */
