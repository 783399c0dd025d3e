/*-------------------------------------------------------------------------
 *
 * dense.h
 *		What the dense types, vector and halfvec, share.
 *
 * The functions here take float32 arrays and the name of the type, which goes
 * into messages.  The parts that differ in the element type are in the files
 * dense_*.h, which vector.c and halfvec.c include after defining:
 *
 *	DENSE_NAME		name of the type in SQL, a bare word
 *	DENSE_STRUCT	the struct of a value
 *	DENSE_ELEMENT	the type of an element
 *	DENSE_FLAG		an unsigned integer as wide as an element
 *	DENSE_MAX_DIM	the largest number of dimensions
 *	DENSE_GETARG(n)	argument n, detoasted
 *	DENSE_NEW(dim)	a new value, all zero
 *	DENSE_KERNEL(k)	the distance kernel k for this element type
 *
 * and these static inline functions:
 *
 *	dense_floats	the elements as float32, converted to palloc'd memory when
 *					the elements are not float32 already
 *	dense_room		where to compute the float32 elements of a new value
 *	dense_store		put what dense_room got into the value; overflow becomes
 *					infinity
 *	dense_is_inf, dense_is_zero
 *					properties of an element
 *	dense_compare	-1, 0 or 1, the order of two elements
 *	dense_send, dense_receive
 *					one element to and from network byte order
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_TYPE_DENSE_H
#define GV_TYPE_DENSE_H

#include "postgres.h"

#include <float.h>
#include <math.h>

#include "utils/array.h"

#include "base/compat.h"

/* Names of the functions of one type, and its name as a string */
#define DENSE_CONCAT(a, b, c, d) a ## b ## c ## d
#define DENSE_EXPAND(a, b, c, d) DENSE_CONCAT(a, b, c, d)
#define DENSE_FUNCTION(verb) DENSE_EXPAND(gv_type_, DENSE_NAME, _, verb)
#define DENSE_TYPE CppAsString2(DENSE_NAME)

/* Text */
extern int	gv_type_parse_dense(const char *str, const char *type, int max_dim,
								float *x, struct Node *escontext);
extern char *gv_type_make_excerpt(const char *str, size_t length);
extern char *gv_type_print_dense(const float *x, int dim);

/* Type modifiers and checks */
extern int32 gv_type_read_dense_typmod(ArrayType *modifiers, const char *type,
									   int max_dim);
extern bool gv_type_check_dim(int dim, const char *type, int max_dim,
							  struct Node *escontext);
extern bool gv_type_refuse_typmod(int32 typmod, int dim, const char *type,
								  struct Node *escontext);
extern void gv_type_check_state_dim(int state_dim, int dim);
extern void gv_type_refuse_different_dims(int dim1, int dim2,
										  const char *type);
extern bool gv_type_check_finite(const float *x, int dim, const char *type,
								 struct Node *escontext);
extern bool gv_type_refuse_range(float value, const char *type,
								 struct Node *escontext);

/* Arrays */
extern int	gv_type_check_array(ArrayType *array, const char *type, int max_dim);
extern void gv_type_read_array(ArrayType *array, float *x, int dim,
							   const char *type);
extern ArrayType *gv_type_new_float4_array(int dim);

/* Arithmetic in double */
extern double gv_type_sum_squares(const float *x, int dim);
extern double gv_type_cosine_similarity(const float *a, const float *b, int dim);

/* Aggregate states */
extern float8 *gv_type_open_state(ArrayType *state, const char *type,
								  int max_dim, int *dim);
extern ArrayType *gv_type_new_state(int dim);
extern void gv_type_check_sums(const float8 *sums, int dim);

/*
 * gv_type_sums_in_range
 *		Have the sums of squares of a cosine kernel lost nothing to the range of
 *		float32?
 */
static inline bool
gv_type_sums_in_range(const float *sums)
{
	return sums[1] >= 1e-30f && sums[1] <= FLT_MAX &&
		sums[2] >= 1e-30f && sums[2] <= FLT_MAX;
}

/*
 * gv_type_cosine_from_sums
 *		Cosine from such sums.
 */
static inline double
gv_type_cosine_from_sums(const float *sums)
{
	return (double) sums[0] / sqrt((double) sums[1] * (double) sums[2]);
}

/*
 * gv_type_distance_from_cosine
 *		1 - cosine, from 0 to 2 whatever rounding did; NaN of NaN.
 */
static inline double
gv_type_distance_from_cosine(double cosine)
{
	if (cosine > 1)
		cosine = 1;
	else if (cosine < -1)
		cosine = -1;
	return 1 - cosine;
}

/*
 * gv_type_check_typmod
 *		Check the number of dimensions against the type modifier.
 *
 * typmod: the number of dimensions asked for, or -1 for any
 *
 * Errors: 22000.  Returns false when the error was saved in escontext.
 */
static inline bool
gv_type_check_typmod(int32 typmod, int dim, const char *type,
					 struct Node *escontext)
{
	if (likely(typmod == -1 || typmod == dim))
		return true;
	return gv_type_refuse_typmod(typmod, dim, type, escontext);
}

/*
 * gv_type_check_same_dims
 *		Check that two values have the same number of dimensions.
 *
 * Errors: 22000.
 */
static inline void
gv_type_check_same_dims(int dim1, int dim2, const char *type)
{
	if (unlikely(dim1 != dim2))
		gv_type_refuse_different_dims(dim1, dim2, type);
}

#endif							/* GV_TYPE_DENSE_H */
