/*-------------------------------------------------------------------------
 *
 * kernel_dense.h
 *		The float kernels, written once over a vector of VEC_LANES floats.
 *
 * A kernel file defines the vector and then includes this file, which defines
 * the static functions of the table.  It provides:
 *
 *	Vec					a register of float32
 *	VEC_LANES			floats in a Vec, a power of two
 *	vec_zero()			all lanes zero
 *	vec_set(x)			all lanes x
 *	vec_add, vec_sub, vec_mul	lane by lane, never fused with what follows
 *	vec_fma(x, y, z)	z + x * y, fused where the machine can
 *	vec_fnma(x, y, z)	z - x * y, the same
 *	vec_abs(x)
 *	vec_max(x, y)		of lanes that are not negative; NaN wins
 *	vec_sum(x)			sum of the lanes
 *	vec_largest(x)		largest of the lanes, as by vec_max
 *	vec_store(p, x)		write VEC_LANES floats
 *	vec_butterfly(x)	Hadamard transform of the lanes, strides rising
 *	load_T(p)			read VEC_LANES elements of type T as float32
 *	load_tail_T(p, n)	read n < VEC_LANES of them, zero the rest
 *						(T: f32, f16, i8)
 *
 * Rounding: a block of VEC_BLOCK elements gives each accumulator 16 terms.
 * With u = 2^-24 and VEC_LANES >= 4 a sum is then off by at most about
 * (16 + n / VEC_BLOCK + log2(VEC_LANES) + 4) * u times the sum of |term|, which
 * is within the bound in distance.h for every n, whatever the input.
 *
 * No include guard: a kernel file includes it once.
 *
 *-------------------------------------------------------------------------
 */

/* Most elements folded before the accumulators are emptied */
#define VEC_BLOCK (64 * VEC_LANES)

typedef Vec (*VecStep) (Vec acc, Vec x, Vec y, Vec scale);
typedef Vec (*VecMerge) (Vec x, Vec y);

/* The three running sums of the cosine distance */
typedef struct VecCosine
{
	Vec			ab;
	Vec			aa;
	Vec			bb;
} VecCosine;

/*
 * Steps: what one pair of elements adds to the accumulator.
 */
static inline Vec
step_l2(Vec acc, Vec x, Vec y, Vec scale)
{
	Vec			d = vec_sub(x, y);

	(void) scale;
	return vec_fma(d, d, acc);
}

static inline Vec
step_product(Vec acc, Vec x, Vec y, Vec scale)
{
	(void) scale;
	return vec_fma(x, y, acc);
}

static inline Vec
step_l1(Vec acc, Vec x, Vec y, Vec scale)
{
	(void) scale;
	return vec_add(acc, vec_abs(vec_sub(x, y)));
}

static inline Vec
step_linf(Vec acc, Vec x, Vec y, Vec scale)
{
	(void) scale;
	return vec_max(acc, vec_abs(vec_sub(x, y)));
}

static inline Vec
step_scaled_l2(Vec acc, Vec x, Vec y, Vec scale)
{
	Vec			d = vec_fnma(scale, y, x);

	return vec_fma(d, d, acc);
}

#define FOLD_NAME(verb) verb##_f32
#define FOLD_A float
#define FOLD_B float
#define FOLD_LOAD_A load_f32
#define FOLD_LOAD_B load_f32
#define FOLD_LOAD_TAIL_A load_tail_f32
#define FOLD_LOAD_TAIL_B load_tail_f32
#include "distance/kernel_fold.h"

#define FOLD_NAME(verb) verb##_f16
#define FOLD_A GvHalf
#define FOLD_B GvHalf
#define FOLD_LOAD_A load_f16
#define FOLD_LOAD_B load_f16
#define FOLD_LOAD_TAIL_A load_tail_f16
#define FOLD_LOAD_TAIL_B load_tail_f16
#include "distance/kernel_fold.h"

#define FOLD_NAME(verb) verb##_f32_f16
#define FOLD_A float
#define FOLD_B GvHalf
#define FOLD_LOAD_A load_f32
#define FOLD_LOAD_B load_f16
#define FOLD_LOAD_TAIL_A load_tail_f32
#define FOLD_LOAD_TAIL_B load_tail_f16
#include "distance/kernel_fold.h"

#define FOLD_NAME(verb) verb##_f32_i8
#define FOLD_A float
#define FOLD_B int8_t
#define FOLD_LOAD_A load_f32
#define FOLD_LOAD_B load_i8
#define FOLD_LOAD_TAIL_A load_tail_f32
#define FOLD_LOAD_TAIL_B load_tail_i8
#include "distance/kernel_fold.h"

#define COSINE_NAME(verb) verb##_f32
#define COSINE_ELEM float
#define COSINE_LOAD load_f32
#define COSINE_LOAD_TAIL load_tail_f32
#include "distance/kernel_cosine.h"

#define COSINE_NAME(verb) verb##_f16
#define COSINE_ELEM GvHalf
#define COSINE_LOAD load_f16
#define COSINE_LOAD_TAIL load_tail_f16
#include "distance/kernel_cosine.h"

/*
 * The kernels of the table.
 */
static float
l2_squared_f32(const float *a, const float *b, int n)
{
	return vec_sum(fold_f32(a, b, n, vec_zero(), step_l2, vec_add));
}

static float
inner_product_f32(const float *a, const float *b, int n)
{
	return vec_sum(fold_f32(a, b, n, vec_zero(), step_product, vec_add));
}

static float
l1_f32(const float *a, const float *b, int n)
{
	return vec_sum(fold_f32(a, b, n, vec_zero(), step_l1, vec_add));
}

static float
linf_f32(const float *a, const float *b, int n)
{
	return vec_largest(fold_f32(a, b, n, vec_zero(), step_linf, vec_max));
}

static float
l2_squared_f16(const GvHalf *a, const GvHalf *b, int n)
{
	return vec_sum(fold_f16(a, b, n, vec_zero(), step_l2, vec_add));
}

static float
inner_product_f16(const GvHalf *a, const GvHalf *b, int n)
{
	return vec_sum(fold_f16(a, b, n, vec_zero(), step_product, vec_add));
}

static float
l1_f16(const GvHalf *a, const GvHalf *b, int n)
{
	return vec_sum(fold_f16(a, b, n, vec_zero(), step_l1, vec_add));
}

static float
linf_f16(const GvHalf *a, const GvHalf *b, int n)
{
	return vec_largest(fold_f16(a, b, n, vec_zero(), step_linf, vec_max));
}

static float
l2_squared_f32_f16(const float *a, const GvHalf *b, float scale, int n)
{
	return vec_sum(fold_f32_f16(a, b, n, vec_set(scale), step_scaled_l2, vec_add));
}

static float
inner_product_f32_f16(const float *a, const GvHalf *b, int n)
{
	return vec_sum(fold_f32_f16(a, b, n, vec_zero(), step_product, vec_add));
}

static float
l2_squared_f32_i8(const float *a, const int8_t *b, float scale, int n)
{
	return vec_sum(fold_f32_i8(a, b, n, vec_set(scale), step_scaled_l2, vec_add));
}

/*
 * Turn FastScan sums into estimates, for the VEC_LANES lanes from "lane" on.
 * The operations are not fused and in the same order everywhere: a node must
 * get the same estimate on every machine.
 */
GV_DISTANCE_INLINE void
store_estimates(Vec sums, int lane, const GvHalf *add, const GvHalf *rescale,
				float base, float scale, float mul, float bias, float *out)
{
	Vec			product = vec_add(vec_mul(vec_set(mul), sums), vec_set(bias));
	Vec			inner = vec_add(load_f16(add + lane),
								vec_mul(load_f16(rescale + lane), product));

	vec_store(out + lane, vec_add(vec_set(base), vec_mul(vec_set(scale), inner)));
}

/*
 * The butterflies of one stride over a whole array.
 */
GV_DISTANCE_INLINE void
hadamard_stride(float *x, int n, int stride)
{
	int			i;
	int			j;

	for (i = 0; i < n; i += 2 * stride)
	{
		for (j = i; j < i + stride; j++)
		{
			float		low = x[j];
			float		high = x[j + stride];

			x[j] = low + high;
			x[j + stride] = low - high;
		}
	}
}

/*
 * Two levels at once, strides s and 2s, on four vectors s apart.
 */
GV_DISTANCE_INLINE void
hadamard_four(Vec *v)
{
	Vec			a = vec_add(v[0], v[1]);
	Vec			b = vec_sub(v[0], v[1]);
	Vec			c = vec_add(v[2], v[3]);
	Vec			d = vec_sub(v[2], v[3]);

	v[0] = vec_add(a, c);
	v[1] = vec_add(b, d);
	v[2] = vec_sub(a, c);
	v[3] = vec_sub(b, d);
}

/*
 * Strides rise from 1 to n / 2 at every level of SIMD, so that the additions
 * are the same and the result is bit-identical.
 */
static void
hadamard(float *x, int n)
{
	int			stride;
	int			i;
	int			j;
	int			k;

	if (n < 4 * VEC_LANES)
	{
		for (stride = 1; stride < n; stride *= 2)
			hadamard_stride(x, n, stride);
		return;
	}

	/* strides up to 2 * VEC_LANES, within registers */
	for (i = 0; i < n; i += 4 * VEC_LANES)
	{
		Vec			v[4];

		for (k = 0; k < 4; k++)
			v[k] = vec_butterfly(load_f32(x + i + k * VEC_LANES));
		hadamard_four(v);
		for (k = 0; k < 4; k++)
			vec_store(x + i + k * VEC_LANES, v[k]);
	}

	/* the others two by two, which halves the passes over memory */
	for (stride = 4 * VEC_LANES; 2 * stride < n; stride *= 4)
	{
		for (i = 0; i < n; i += 4 * stride)
		{
			for (j = i; j < i + stride; j += VEC_LANES)
			{
				Vec			v[4];

				for (k = 0; k < 4; k++)
					v[k] = load_f32(x + j + k * stride);
				hadamard_four(v);
				for (k = 0; k < 4; k++)
					vec_store(x + j + k * stride, v[k]);
			}
		}
	}

	/* and the one that may be left */
	if (stride < n)
	{
		for (j = 0; j < stride; j += VEC_LANES)
		{
			Vec			low = load_f32(x + j);
			Vec			high = load_f32(x + j + stride);

			vec_store(x + j, vec_add(low, high));
			vec_store(x + j + stride, vec_sub(low, high));
		}
	}
}
