/*-------------------------------------------------------------------------
 *
 * halfvec.c
 *		The type halfvec: float16 elements, dense.
 *
 * Nearly everything is in the files dense_*.h, shared with vector; here is
 * what they must know about float16 elements, and the casts between the two.
 *
 * Arithmetic converts to float32, computes there and rounds to float16.  That
 * gives the correctly rounded float16 result of +, - and *, because float32
 * has more than twice the digits of float16 and two to spare.
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
#include "type/halfvec.h"
#include "type/vector.h"

#define DENSE_NAME halfvec
#define DENSE_STRUCT GvHalfvec
#define DENSE_ELEMENT GvHalf
#define DENSE_FLAG uint16
#define DENSE_MAX_DIM GV_HALFVEC_MAX_DIM
#define DENSE_GETARG(n) GV_GETARG_HALFVEC(n)
#define DENSE_NEW(dim) gv_type_new_halfvec(dim)
#define DENSE_KERNEL(k) gv_kernels->k ## _f16

/* Everything but the sign, and the bits of infinity */
#define HALF_MAGNITUDE 0x7FFF
#define HALF_INFINITY 0x7C00

/*
 * gv_type_new_halfvec
 *		A new halfvec, all zero, in the current memory context.
 *
 * dim: 1..GV_HALFVEC_MAX_DIM, checked by the caller
 */
GvHalfvec *
gv_type_new_halfvec(int dim)
{
	Size		size = GV_HALFVEC_SIZE(dim);
	GvHalfvec  *result = palloc0(size);

	SET_VARSIZE(result, size);
	result->dim = (int16) dim;
	return result;
}

static inline const float *
dense_floats(const GvHalfvec *value)
{
	float	   *x = palloc(sizeof(float) * value->dim);

	gv_kernels->f16_to_f32(value->x, x, value->dim);
	return x;
}

static inline float *
dense_room(GvHalfvec *value)
{
	return palloc(sizeof(float) * value->dim);
}

static inline void
dense_store(const float *x, GvHalfvec *value)
{
	gv_kernels->f32_to_f16(x, value->x, value->dim);
}

static inline bool
dense_is_inf(GvHalf element)
{
	return (element & HALF_MAGNITUDE) == HALF_INFINITY;
}

static inline bool
dense_is_zero(GvHalf element)
{
	return (element & HALF_MAGNITUDE) == 0;
}

/*
 * A number that orders as the element does; both zeros get the same.
 */
static inline int
rank_half(GvHalf element)
{
	int			magnitude = element & HALF_MAGNITUDE;

	return element == magnitude ? magnitude : -magnitude;
}

static inline int
dense_compare(GvHalf a, GvHalf b)
{
	int			rank_a = rank_half(a);
	int			rank_b = rank_half(b);

	return (rank_a > rank_b) - (rank_a < rank_b);
}

static inline void
dense_send(StringInfo buf, GvHalf element)
{
	pq_writeint16(buf, element);
}

static inline GvHalf
dense_receive(const char *raw)
{
	uint16		bits;

	memcpy(&bits, raw, sizeof(bits));
	return pg_ntoh16(bits);
}

#include "type/dense_access.h"
#include "type/dense_aggregate.h"
#include "type/dense_compare.h"
#include "type/dense_distance.h"
#include "type/dense_io.h"
#include "type/dense_math.h"

/*
 * halfvec to vector.
 */
GV_FUNCTION(gv_type_halfvec_to_vector);
Datum
gv_type_halfvec_to_vector(PG_FUNCTION_ARGS)
{
	GvHalfvec  *value = GV_GETARG_HALFVEC(0);
	GvVector   *result;

	gv_type_check_typmod(PG_GETARG_INT32(1), value->dim, "vector", NULL);
	result = gv_type_new_vector(value->dim);
	gv_kernels->f16_to_f32(value->x, result->x, value->dim);
	PG_RETURN_POINTER(result);
}

/*
 * vector to halfvec.
 */
GV_FUNCTION(gv_type_vector_to_halfvec);
Datum
gv_type_vector_to_halfvec(PG_FUNCTION_ARGS)
{
	GvVector   *value = GV_GETARG_VECTOR(0);

	gv_type_check_typmod(PG_GETARG_INT32(1), value->dim, "halfvec", NULL);
	PG_RETURN_POINTER(make_value(value->x, value->dim, NULL));
}
