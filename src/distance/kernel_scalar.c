/*-------------------------------------------------------------------------
 *
 * kernel_scalar.c
 *		The kernels in plain C: the reference, and the choice of last resort.
 *
 * Vectors of four floats are written with the compilers' vector extension,
 * which every machine compiles: to SSE2 or AltiVec registers where the ABI has
 * them, to single floats elsewhere.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "distance/kernel.h"

typedef float Vec __attribute__((vector_size(16)));
typedef int32_t VecInt __attribute__((vector_size(16)));
typedef uint16_t VecHalf __attribute__((vector_size(16)));
typedef uint64_t VecWord __attribute__((vector_size(16)));

#define VEC_LANES 4

/* The lower four 16-bit lanes of x and of y in turn */
#ifdef __clang__
#define INTERLEAVE_LOW(x, y) __builtin_shufflevector(x, y, 0, 8, 1, 9, 2, 10, 3, 11)
#else
#define INTERLEAVE_LOW(x, y) __builtin_shuffle(x, y, (VecHalf) {0, 8, 1, 9, 2, 10, 3, 11})
#endif

GV_DISTANCE_INLINE Vec
vec_set(float x)
{
	return (Vec)
	{
		x, x, x, x
	};
}

GV_DISTANCE_INLINE Vec
vec_zero(void)
{
	return vec_set(0.0f);
}

GV_DISTANCE_INLINE Vec
vec_keep(Vec x)
{
	return x;
}

GV_DISTANCE_INLINE Vec
vec_add(Vec x, Vec y)
{
	return x + y;
}

GV_DISTANCE_INLINE Vec
vec_sub(Vec x, Vec y)
{
	return x - y;
}

GV_DISTANCE_INLINE Vec
vec_mul(Vec x, Vec y)
{
	return x * y;
}

GV_DISTANCE_INLINE Vec
vec_fma(Vec x, Vec y, Vec z)
{
	return z + x * y;
}

GV_DISTANCE_INLINE Vec
vec_fnma(Vec x, Vec y, Vec z)
{
	return z - x * y;
}

GV_DISTANCE_INLINE Vec
vec_abs(Vec x)
{
	return (Vec) ((VecInt) x & 0x7fffffff);
}

/* As integers: the order of bits is the order of values, with NaN on top */
GV_DISTANCE_INLINE Vec
vec_max(Vec x, Vec y)
{
	VecInt		greater = (VecInt) x > (VecInt) y;

	return (Vec) ((greater & (VecInt) x) | (~greater & (VecInt) y));
}

GV_DISTANCE_INLINE Vec
vec_positive(Vec x)
{
	return (Vec) ((VecInt) x & ((VecInt) x > 0));
}

GV_DISTANCE_INLINE float
vec_sum(Vec x)
{
	return (x[0] + x[2]) + (x[1] + x[3]);
}

GV_DISTANCE_INLINE float
vec_largest(Vec x)
{
	Vec			y = {x[2], x[3], x[0], x[1]};
	Vec			z;

	x = vec_max(x, y);
	z = (Vec)
	{
		x[1], x[0], x[3], x[2]
	};
	return vec_max(x, z)[0];
}

GV_DISTANCE_INLINE void
vec_store(float *p, Vec x)
{
	memcpy((void *) p, &x, sizeof(x));
}

GV_DISTANCE_INLINE Vec
vec_butterfly(Vec x)
{
	float		a = x[0] + x[1];
	float		b = x[0] - x[1];
	float		c = x[2] + x[3];
	float		d = x[2] - x[3];

	return (Vec)
	{
		a + c, b + d, a - c, b - d
	};
}

/*
 * Four float16, each in the low half of a lane.
 */
GV_DISTANCE_INLINE VecInt
load_halves(const GvHalf *p)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	GvHalf		x[VEC_LANES];

	memcpy(x, (const void *) p, sizeof(x));
	return (VecInt)
	{
		x[0], x[1], x[2], x[3]
	};
#else
	uint64_t	word;

	/* one instruction interleaves them with zeros */
	memcpy(&word, (const void *) p, sizeof(word));
	return (VecInt) INTERLEAVE_LOW((VecHalf) ((VecWord) {word, 0}), ((VecHalf) {0}));
#endif
}

/*
 * Widen them to float32, without a branch; a NaN may remain a signalling one.
 *
 * A denormal plus the smallest normal, less that normal, is a normal float32.
 * No step makes a denormal float32, so it does not matter whether the thread
 * flushes those to zero.
 */
GV_DISTANCE_INLINE Vec
widen_halves(VecInt h)
{
	VecInt		sign = (h & 0x8000) << 16;
	VecInt		rest = (h & 0x7fff) << 13;
	VecInt		is_denormal = rest < (1 << 23);
	VecInt		is_special = rest >= (31 << 23);
	VecInt		normal = rest + (112 << 23) + (is_special & (112 << 23));
	VecInt		denormal = (VecInt) ((Vec) (rest + (113 << 23)) - vec_set(0x1p-14f));

	return (Vec) (sign | (is_denormal & denormal) | (~is_denormal & normal));
}

GV_DISTANCE_INLINE Vec
load_f32(const float *p)
{
	Vec			x;

	memcpy(&x, (const void *) p, sizeof(x));
	return x;
}

GV_DISTANCE_INLINE Vec
load_f16(const GvHalf *p)
{
	return widen_halves(load_halves(p));
}

GV_DISTANCE_INLINE Vec
load_i8(const int8_t *p)
{
	VecInt		x = {p[0], p[1], p[2], p[3]};

	return __builtin_convertvector(x, Vec);
}

GV_DISTANCE_RARE Vec
load_tail_f32(const float *p, int n)
{
	float		x[VEC_LANES] = {0};

	memcpy(x, (const void *) p, n * sizeof(float));
	return load_f32(x);
}

GV_DISTANCE_RARE Vec
load_tail_f16(const GvHalf *p, int n)
{
	GvHalf		x[VEC_LANES] = {0};

	memcpy(x, (const void *) p, n * sizeof(GvHalf));
	return load_f16(x);
}

GV_DISTANCE_RARE Vec
load_tail_i8(const int8_t *p, int n)
{
	int8_t		x[VEC_LANES] = {0};

	memcpy(x, p, n);
	return load_i8(x);
}

#include "distance/kernel_dense.h"

static int32_t
inner_product_i8(const int8_t *a, const int8_t *b, int n)
{
	int32_t		sum = 0;
	int			i;

	for (i = 0; i < n; i++)
		sum += (int16_t) (a[i] * b[i]);
	return sum;
}

static int32_t
l2_squared_i8(const int8_t *a, const int8_t *b, int n)
{
	int32_t		sum = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		int16_t		d = a[i] - b[i];

		sum += d * d;
	}
	return sum;
}

/*
 * Number of set bits.  Without a machine instruction the builtin is a call to
 * a table lookup, so the classic sums within the word do better.
 */
GV_DISTANCE_INLINE uint64_t
count_bits(uint64_t x)
{
#if defined(__x86_64__) && !defined(__POPCNT__)
	x = x - ((x >> 1) & UINT64_C(0x5555555555555555));
	x = (x & UINT64_C(0x3333333333333333)) + ((x >> 2) & UINT64_C(0x3333333333333333));
	x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (x * UINT64_C(0x0101010101010101)) >> 56;
#else
	return (uint64_t) __builtin_popcountll(x);
#endif
}

/*
 * Read the bits from byte i on, at most a word of them, zero beyond n bytes.
 */
GV_DISTANCE_INLINE uint64_t
read_bits(const uint8_t *p, int i, int n)
{
	uint64_t	word = 0;

	memcpy(&word, p + i, n - i < 8 ? n - i : 8);
	return word;
}

static uint64_t
hamming(const uint8_t *a, const uint8_t *b, int n)
{
	uint64_t	sum = 0;
	int			i;

	for (i = 0; i + 8 <= n; i += 8)
		sum += count_bits(read_bits(a, i, i + 8) ^ read_bits(b, i, i + 8));
	if (i < n)
		sum += count_bits(read_bits(a, i, n) ^ read_bits(b, i, n));
	return sum;
}

static void
jaccard(const uint8_t *a, const uint8_t *b, int n, uint64_t *counts)
{
	uint64_t	both = 0;
	uint64_t	in_a = 0;
	uint64_t	in_b = 0;
	int			i = 0;

	while (i < n)
	{
		int			end = n - i < 8 ? n : i + 8;
		uint64_t	x = read_bits(a, i, end);
		uint64_t	y = read_bits(b, i, end);

		both += count_bits(x & y);
		in_a += count_bits(x);
		in_b += count_bits(y);
		i = end;
	}
	counts[0] = both;
	counts[1] = in_a;
	counts[2] = in_b;
}

/*
 * Round one float32, given as bits, to float16: to nearest, ties to even.
 */
GV_DISTANCE_INLINE GvHalf
narrow_bits(uint32_t bits)
{
	uint32_t	sign = (bits >> 16) & 0x8000;
	uint32_t	x = bits & 0x7fffffff;

	if (x >= 0x38800000)		/* 2^-14, the smallest normal float16 */
	{
		if (x > 0x7f800000)		/* NaN: quiet, with what fits of its payload */
			return (GvHalf) (sign | 0x7e00 | ((x >> 13) & 0x3ff));
		if (x >= 0x477ff000)	/* 65520: half way from the largest to 2^16 */
			return (GvHalf) (sign | 0x7c00);
		x -= 112 << 23;
		return (GvHalf) (sign | ((x + 0xfff + ((x >> 13) & 1)) >> 13));
	}
	else
	{
		/* denormal: count units of 2^-24 */
		int			shift = 126 - (int) (x >> 23);
		uint32_t	mantissa = (x & 0x7fffff) | 0x800000;
		uint32_t	units;
		uint32_t	rest;

		if (shift > 24)			/* below half a unit */
			return (GvHalf) sign;
		units = mantissa >> shift;
		rest = mantissa << (32 - shift);
		if (rest > 0x80000000 || (rest == 0x80000000 && (units & 1)))
			units++;
		return (GvHalf) (sign | units);
	}
}

static void
f32_to_f16(const float *a, GvHalf *out, int n)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		uint32_t	bits;
		GvHalf		half;

		memcpy(&bits, (const void *) (a + i), sizeof(bits));
		half = narrow_bits(bits);
		memcpy((void *) (out + i), &half, sizeof(half));
	}
}

/* A signalling NaN becomes quiet, as by the instructions of other levels */
GV_DISTANCE_INLINE Vec
quiet_nan(Vec x)
{
	VecInt		is_nan = ((VecInt) x & 0x7fffffff) > 0x7f800000;

	return (Vec) ((VecInt) x | (is_nan & (1 << 22)));
}

static void
f16_to_f32(const GvHalf *a, float *out, int n)
{
	int			i;

	for (i = 0; i + VEC_LANES <= n; i += VEC_LANES)
		vec_store(out + i, quiet_nan(load_f16(a + i)));
	if (i < n)
	{
		Vec			x = quiet_nan(load_tail_f16(a + i, n - i));

		memcpy((void *) (out + i), &x, (n - i) * sizeof(float));
	}
}

/*
 * The sum of the entries of n bytes of a code, the tables of their low nibbles
 * before those of the high ones
 */
GV_DISTANCE_INLINE uint32_t
sum_entries(const uint8_t *code, const uint8_t *table, int n)
{
	uint32_t	sum = 0;
	int			i;

	for (i = 0; i < n; i++)
		sum += (uint32_t) table[i * GV_FASTSCAN_GROUP_BYTES + (code[i] & 0x0f)] +
			table[(n + i) * GV_FASTSCAN_GROUP_BYTES + (code[i] >> 4)];
	return sum;
}

static void
fastscan(const uint8_t *codes, const uint8_t *table, int n_groups, uint32_t *sums)
{
	int			end = n_groups * GV_FASTSCAN_GROUP_BYTES;
	int			lane;

	for (lane = 0; lane < GV_FASTSCAN_LANES; lane++)
	{
		uint32_t	sum = 0;
		int			i;

		for (i = 0; i + GV_FASTSCAN_SQUARE_BYTES <= end; i += GV_FASTSCAN_SQUARE_BYTES)
			sum += sum_entries(codes + i + 4 * lane, table + i, 4);
		if (i < end)
			sum += sum_entries(codes + i + 2 * lane, table + i, 2);
		sums[lane] = sum;
	}
}

static void
fastscan_estimate(const uint8_t *codes, const uint8_t *table, int n_groups,
				  const GvHalf *add, const GvHalf *rescale, float base, float scale,
				  float mul, float bias, float *out)
{
	uint32_t	sums[GV_FASTSCAN_LANES];
	int			lane;

	fastscan(codes, table, n_groups, sums);
	for (lane = 0; lane < GV_FASTSCAN_LANES; lane += VEC_LANES)
	{
		/* the sums are below 2^23, so signed is as good and quicker */
		Vec			x = {(float) (int32_t) sums[lane], (float) (int32_t) sums[lane + 1],
		(float) (int32_t) sums[lane + 2], (float) (int32_t) sums[lane + 3]};

		store_estimates(x, lane, add, rescale, base, scale, mul, bias, out);
	}
}

#include "distance/kernel_code.h"
#include "distance/kernel_columns.h"
#include "distance/kernel_int12.h"
#include "distance/kernel_int8.h"
#include "distance/kernel_panel.h"
#include "distance/kernel_pool.h"
#include "distance/kernel_widen.h"

typedef VecInt VecBits;

GV_DISTANCE_INLINE VecBits
bits_zero(void)
{
	return (VecBits) {0, 0, 0, 0};
}

GV_DISTANCE_INLINE VecBits
bits_add(VecBits x, uint32_t word, uint32_t value)
{
	const VecInt lane = {1, 2, 4, 8};

	return x | (((lane & (int32_t) word) == lane) & (int32_t) value);
}

GV_DISTANCE_INLINE Vec
bits_to_vec(VecBits x)
{
	return (Vec) {(float) x[0], (float) x[1], (float) x[2], (float) x[3]};
}

#include "distance/kernel_planes.h"

GV_DISTANCE_INLINE Vec
vec_lower(Vec x, Vec y)
{
	VecInt		is_lower = x < y;

	return (Vec) ((is_lower & (VecInt) x) | (~is_lower & (VecInt) y));
}

GV_DISTANCE_INLINE float
vec_lowest(Vec x)
{
	float		a = x[1] < x[0] ? x[1] : x[0];
	float		b = x[3] < x[2] ? x[3] : x[2];

	return b < a ? b : a;
}

GV_DISTANCE_INLINE int
vec_find(Vec x, Vec y)
{
	for (int i = 0; i < VEC_LANES; i++)
	{
		if (x[i] == y[i])
			return i;
	}
	return -1;
}

#include "distance/kernel_lowest.h"

GV_DISTANCE_INLINE Vec
vec_set_bits(int32_t x)
{
	return (Vec) (VecInt) {x, x, x, x};
}

GV_DISTANCE_INLINE uint32_t
vec_above(Vec x, Vec y)
{
	VecWord		above = (VecWord) ((VecInt) x > (VecInt) y);

	/* mostly none is, or all are */
	if ((above[0] | above[1]) == 0)
		return 0;
	if ((above[0] & above[1]) == UINT64_MAX)
		return 15;
	return (uint32_t) (((VecInt) above)[0] & 1) | (uint32_t) (((VecInt) above)[1] & 2) |
		(uint32_t) (((VecInt) above)[2] & 4) | (uint32_t) (((VecInt) above)[3] & 8);
}

GV_DISTANCE_INLINE Vec
vec_least_above(Vec x, Vec y, Vec z)
{
	VecInt		less = ((VecInt) x > (VecInt) y) & ((VecInt) x < (VecInt) z);

	return (Vec) ((less & (VecInt) x) | (~less & (VecInt) z));
}

#include "distance/kernel_between.h"

#define PRODUCTS_ROWS 2
#define PRODUCTS_VECS 4
#define PRODUCTS_LONE_VECS 8
#include "distance/kernel_products.h"

#define TABLE_NAME gv_distance_table_scalar
#define TABLE_LEVEL GV_SIMD_SCALAR
#define TABLE_LABEL "scalar"
#include "distance/kernel_table.h"
