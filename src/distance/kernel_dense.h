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
 *	vec_keep(x)			x, in a register: not loaded again for its next use
 *	vec_add, vec_sub, vec_mul	lane by lane, never fused with what follows
 *	vec_fma(x, y, z)	z + x * y, fused where the machine can
 *	vec_fnma(x, y, z)	z - x * y, the same
 *	vec_abs(x)
 *	vec_max(x, y)		of lanes that are not negative; NaN wins
 *	vec_positive(x)		lanes below zero made zero
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

GV_DISTANCE_INLINE VecCosine
add_cosine(VecCosine x, VecCosine y)
{
	VecCosine	sum = {vec_add(x.ab, y.ab), vec_add(x.aa, y.aa), vec_add(x.bb, y.bb)};

	return sum;
}

GV_DISTANCE_INLINE void
store_cosine(VecCosine x, float *sums)
{
	sums[0] = vec_sum(x.ab);
	sums[1] = vec_sum(x.aa);
	sums[2] = vec_sum(x.bb);
}

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
 * The kernels of the table: one block in the usual case, else block by block.
 *
 * name: of the kernel; types: suffix of the loops for its element types A, B
 * finish: turns the lanes into the result
 */
#define DEFINE_KERNEL(name, types, A, B, step, merge, finish) \
GV_DISTANCE_RARE float \
name##_long(const A *a, const B *b, int n) \
{ \
	return finish(fold_##types(a, b, n, vec_zero(), step, merge)); \
} \
\
static float \
name(const A *a, const B *b, int n) \
{ \
	if (n > VEC_BLOCK) \
		return name##_long(a, b, n); \
	return finish(block_##types(a, b, opaque(n), vec_zero(), step, merge)); \
}

/* The same with a scale of b */
#define DEFINE_SCALED_KERNEL(name, types, A, B, step, merge, finish) \
GV_DISTANCE_RARE float \
name##_long(const A *a, const B *b, float scale, int n) \
{ \
	return finish(fold_##types(a, b, n, vec_set(scale), step, merge)); \
} \
\
static float \
name(const A *a, const B *b, float scale, int n) \
{ \
	if (n > VEC_BLOCK) \
		return name##_long(a, b, scale, n); \
	return finish(block_##types(a, b, opaque(n), vec_set(scale), step, merge)); \
}

/* *INDENT-OFF* */
DEFINE_KERNEL(l2_squared_f32, f32, float, float, step_l2, vec_add, vec_sum)
DEFINE_KERNEL(inner_product_f32, f32, float, float, step_product, vec_add, vec_sum)
DEFINE_KERNEL(l1_f32, f32, float, float, step_l1, vec_add, vec_sum)
DEFINE_KERNEL(linf_f32, f32, float, float, step_linf, vec_max, vec_largest)
DEFINE_KERNEL(l2_squared_f16, f16, GvHalf, GvHalf, step_l2, vec_add, vec_sum)
DEFINE_KERNEL(inner_product_f16, f16, GvHalf, GvHalf, step_product, vec_add, vec_sum)
DEFINE_KERNEL(l1_f16, f16, GvHalf, GvHalf, step_l1, vec_add, vec_sum)
DEFINE_KERNEL(linf_f16, f16, GvHalf, GvHalf, step_linf, vec_max, vec_largest)
DEFINE_KERNEL(inner_product_f32_f16, f32_f16, float, GvHalf, step_product, vec_add, vec_sum)
DEFINE_SCALED_KERNEL(l2_squared_f32_f16, f32_f16, float, GvHalf, step_scaled_l2, vec_add, vec_sum)
DEFINE_SCALED_KERNEL(l2_squared_f32_i8, f32_i8, float, int8_t, step_scaled_l2, vec_add, vec_sum)
/* *INDENT-ON* */

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
