/*-------------------------------------------------------------------------
 *
 * vector.c
 *		The type vector: float32 elements, dense.
 *
 * Nearly everything is in the files dense_*.h, shared with halfvec; here is
 * what they must know about float32 elements.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "fmgr.h"
#include "libpq/pqformat.h"
#include "port/pg_bswap.h"
#include "utils/array.h"
#include "utils/float.h"
#include "utils/varbit.h"

#include "base/compat.h"
#include "distance/distance.h"
#include "type/dense.h"
#include "type/vector.h"

#define DENSE_NAME vector
#define DENSE_STRUCT GvVector
#define DENSE_ELEMENT float
#define DENSE_FLAG uint32
#define DENSE_MAX_DIM GV_VECTOR_MAX_DIM
#define DENSE_GETARG(n) GV_GETARG_VECTOR(n)
#define DENSE_NEW(dim) gv_type_new_vector(dim)
#define DENSE_KERNEL(k) gv_kernels->k ## _f32

/*
 * gv_type_new_vector
 *		A new vector, all zero, in the current memory context.
 *
 * dim: 1..GV_VECTOR_MAX_DIM, checked by the caller
 */
GvVector *
gv_type_new_vector(int dim)
{
	Size		size = GV_VECTOR_SIZE(dim);
	GvVector   *result = palloc0(size);

	SET_VARSIZE(result, size);
	result->dim = (int16) dim;
	return result;
}

static inline const float *
dense_floats(const GvVector *value)
{
	return value->x;
}

static inline float *
dense_room(GvVector *value)
{
	return value->x;
}

static inline void
dense_store(const float *x, GvVector *value)
{
	if (x != value->x)
		memcpy(value->x, x, sizeof(float) * value->dim);
}

static inline bool
dense_is_inf(float element)
{
	return isinf(element);
}

static inline bool
dense_is_zero(float element)
{
	return element == 0;
}

static inline int
dense_compare(float a, float b)
{
	return (a > b) - (a < b);
}

static inline void
dense_send(StringInfo buf, float element)
{
	uint32		bits;

	memcpy(&bits, &element, sizeof(bits));
	pq_writeint32(buf, bits);
}

static inline float
dense_receive(const char *raw)
{
	uint32		bits;
	float		element;

	memcpy(&bits, raw, sizeof(bits));
	bits = pg_ntoh32(bits);
	memcpy(&element, &bits, sizeof(element));
	return element;
}

#include "type/dense_access.h"
#include "type/dense_aggregate.h"
#include "type/dense_compare.h"
#include "type/dense_distance.h"
#include "type/dense_io.h"
#include "type/dense_math.h"
