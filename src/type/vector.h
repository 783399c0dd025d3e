/*-------------------------------------------------------------------------
 *
 * vector.h
 *		The type vector: float32 elements, dense.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_TYPE_VECTOR_H
#define GV_TYPE_VECTOR_H

#include "postgres.h"

#include "fmgr.h"

#define GV_VECTOR_MAX_DIM 16000

typedef struct GvVector
{
	int32		vl_len_;		/* varlena header */
	int16		dim;			/* number of dimensions, 1..GV_VECTOR_MAX_DIM */
	int16		unused;			/* zero */
	float		x[FLEXIBLE_ARRAY_MEMBER];	/* float32[dim] */
} GvVector;

#define GV_VECTOR_SIZE(dim) (offsetof(GvVector, x) + sizeof(float) * (dim))

static inline GvVector *
gv_datum_get_vector(Datum d)
{
	return (GvVector *) PG_DETOAST_DATUM(d);
}

#define GV_GETARG_VECTOR(n) gv_datum_get_vector(PG_GETARG_DATUM(n))

extern GvVector *gv_type_new_vector(int dim);

#endif							/* GV_TYPE_VECTOR_H */
