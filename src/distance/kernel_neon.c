/*-------------------------------------------------------------------------
 *
 * kernel_neon.c
 *		The kernels for 64-bit ARM with NEON, which its ABI baseline has.
 *
 * Empty on other architectures.
 *
 *-------------------------------------------------------------------------
 */
#include "distance/kernel.h"

#ifdef GV_DISTANCE_HAVE_NEON

#include <arm_neon.h>

typedef float32x4_t Vec;

#define VEC_LANES 4

/* FastScan groups after which the 16-bit sums are emptied: 255 * 256 fits */
#define FASTSCAN_FLUSH_GROUPS 256

GV_DISTANCE_INLINE Vec
vec_zero(void)
{
	return vdupq_n_f32(0.0f);
}

GV_DISTANCE_INLINE Vec
vec_set(float x)
{
	return vdupq_n_f32(x);
}

GV_DISTANCE_INLINE Vec
vec_keep(Vec x)
{
	__asm__("" : "+w" (x));
	return x;
}

GV_DISTANCE_INLINE Vec
vec_add(Vec x, Vec y)
{
	return vaddq_f32(x, y);
}

GV_DISTANCE_INLINE Vec
vec_sub(Vec x, Vec y)
{
	return vsubq_f32(x, y);
}

GV_DISTANCE_INLINE Vec
vec_mul(Vec x, Vec y)
{
	return vmulq_f32(x, y);
}

GV_DISTANCE_INLINE Vec
vec_fma(Vec x, Vec y, Vec z)
{
	return vfmaq_f32(z, x, y);
}

GV_DISTANCE_INLINE Vec
vec_fnma(Vec x, Vec y, Vec z)
{
	return vfmsq_f32(z, x, y);
}

GV_DISTANCE_INLINE Vec
vec_abs(Vec x)
{
	return vabsq_f32(x);
}

/* As integers: the order of bits is the order of values, with NaN on top */
GV_DISTANCE_INLINE Vec
vec_max(Vec x, Vec y)
{
	return vreinterpretq_f32_u32(vmaxq_u32(vreinterpretq_u32_f32(x),
										   vreinterpretq_u32_f32(y)));
}

GV_DISTANCE_INLINE Vec
vec_positive(Vec x)
{
	return vmaxq_f32(x, vdupq_n_f32(0));
}

GV_DISTANCE_INLINE float
vec_sum(Vec x)
{
	return vaddvq_f32(x);
}

GV_DISTANCE_INLINE float
vec_largest(Vec x)
{
	uint32x4_t	largest = vdupq_n_u32(vmaxvq_u32(vreinterpretq_u32_f32(x)));

	return vgetq_lane_f32(vreinterpretq_f32_u32(largest), 0);
}

GV_DISTANCE_INLINE void
vec_store(float *p, Vec x)
{
	vst1q_f32(p, x);
}

/*
 * Each level adds the lane on the other side of the stride to the lane, which
 * is negated first on the upper side; the product with 1 or -1 is exact.
 */
GV_DISTANCE_INLINE Vec
vec_butterfly(Vec x)
{
	const Vec	sign1 = {1, -1, 1, -1};
	const Vec	sign2 = {1, 1, -1, -1};

	x = vfmaq_f32(vrev64q_f32(x), x, sign1);
	return vfmaq_f32(vextq_f32(x, x, 2), x, sign2);
}

GV_DISTANCE_INLINE uint8x16_t
load_partial(const void *p, int n_bytes)
{
	uint64_t	words[2];

	read_partial(p, n_bytes, words);
	return vcombine_u8(vcreate_u8(words[0]), vcreate_u8(words[1]));
}

GV_DISTANCE_INLINE Vec
widen_f16(uint16x4_t x)
{
	return vcvt_f32_f16(vreinterpret_f16_u16(x));
}

/* The four lowest int8 as float32 */
GV_DISTANCE_INLINE Vec
widen_i8(int8x8_t x)
{
	return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(x))));
}

GV_DISTANCE_INLINE Vec
load_f32(const float *p)
{
	return vld1q_f32(p);
}

GV_DISTANCE_INLINE Vec
load_f16(const GvHalf *p)
{
	return widen_f16(vld1_u16(p));
}

GV_DISTANCE_INLINE Vec
load_i8(const int8_t *p)
{
	return widen_i8(vcreate_s8(read_u32((const uint8_t *) p)));
}

GV_DISTANCE_INLINE Vec
load_tail_f32(const float *p, int n)
{
	return vreinterpretq_f32_u8(load_partial(p, n * (int) sizeof(float)));
}

GV_DISTANCE_INLINE Vec
load_tail_f16(const GvHalf *p, int n)
{
	return widen_f16(vreinterpret_u16_u8(vget_low_u8(
		load_partial(p, n * (int) sizeof(GvHalf)))));
}

GV_DISTANCE_INLINE Vec
load_tail_i8(const int8_t *p, int n)
{
	return widen_i8(vreinterpret_s8_u8(vget_low_u8(load_partial(p, n))));
}

#include "distance/kernel_dense.h"

/* vaddvq_f32 adds neighbors */
#define VEC_SUM_NEIGHBORS

/* Sixteen bytes from p + i on, of which those beyond n are zero, not read */
GV_DISTANCE_INLINE uint8x16_t
load_bytes(const void *p, int i, int n)
{
	const uint8_t *from = (const uint8_t *) p + i;

	if (i + 16 <= n)
		return vld1q_u8(from);
	return load_partial(from, n - i);
}

static int32_t
inner_product_i8(const int8_t *a, const int8_t *b, int n)
{
	int32x4_t	s0 = vdupq_n_s32(0);
	int32x4_t	s1 = vdupq_n_s32(0);
	int			i;

	for (i = 0; i < n; i += 16)
	{
		int8x16_t	x = vreinterpretq_s8_u8(load_bytes(a, i, n));
		int8x16_t	y = vreinterpretq_s8_u8(load_bytes(b, i, n));

		s0 = vpadalq_s16(s0, vmull_s8(vget_low_s8(x), vget_low_s8(y)));
		s1 = vpadalq_s16(s1, vmull_high_s8(x, y));
	}
	return vaddvq_s32(vaddq_s32(s0, s1));
}

static int32_t
l2_squared_i8(const int8_t *a, const int8_t *b, int n)
{
	uint32x4_t	s0 = vdupq_n_u32(0);
	uint32x4_t	s1 = vdupq_n_u32(0);
	int			i;

	for (i = 0; i < n; i += 16)
	{
		int8x16_t	x = vreinterpretq_s8_u8(load_bytes(a, i, n));
		int8x16_t	y = vreinterpretq_s8_u8(load_bytes(b, i, n));
		uint8x16_t	d = vreinterpretq_u8_s8(vabdq_s8(x, y));

		s0 = vpadalq_u16(s0, vmull_u8(vget_low_u8(d), vget_low_u8(d)));
		s1 = vpadalq_u16(s1, vmull_high_u8(d, d));
	}
	return (int32_t) vaddvq_u32(vaddq_u32(s0, s1));
}

/* Add the number of set bits to the 64-bit lanes of the sum */
GV_DISTANCE_INLINE uint64x2_t
add_bits(uint64x2_t sum, uint8x16_t x)
{
	return vpadalq_u32(sum, vpaddlq_u16(vpaddlq_u8(vcntq_u8(x))));
}

static uint64_t
hamming(const uint8_t *a, const uint8_t *b, int n)
{
	uint64x2_t	sum = vdupq_n_u64(0);
	int			i;

	for (i = 0; i < n; i += 16)
		sum = add_bits(sum, veorq_u8(load_bytes(a, i, n), load_bytes(b, i, n)));
	return vaddvq_u64(sum);
}

static void
jaccard(const uint8_t *a, const uint8_t *b, int n, uint64_t *counts)
{
	uint64x2_t	both = vdupq_n_u64(0);
	uint64x2_t	in_a = vdupq_n_u64(0);
	uint64x2_t	in_b = vdupq_n_u64(0);
	int			i;

	for (i = 0; i < n; i += 16)
	{
		uint8x16_t	x = load_bytes(a, i, n);
		uint8x16_t	y = load_bytes(b, i, n);

		both = add_bits(both, vandq_u8(x, y));
		in_a = add_bits(in_a, x);
		in_b = add_bits(in_b, y);
	}
	counts[0] = vaddvq_u64(both);
	counts[1] = vaddvq_u64(in_a);
	counts[2] = vaddvq_u64(in_b);
}

/* Rounds by the mode in FPCR, which is to nearest even unless a thread asks */
static void
f32_to_f16(const float *a, GvHalf *out, int n)
{
	int			i;

	for (i = 0; i + 4 <= n; i += 4)
		vst1_u16(out + i, vreinterpret_u16_f16(vcvt_f16_f32(load_f32(a + i))));
	if (i < n)
	{
		uint16x4_t	half = vreinterpret_u16_f16(vcvt_f16_f32(load_tail_f32(a + i, n - i)));

		memcpy((void *) (out + i), &half, (n - i) * sizeof(GvHalf));
	}
}

static void
f16_to_f32(const GvHalf *a, float *out, int n)
{
	int			i;

	for (i = 0; i + 4 <= n; i += 4)
		vst1q_f32(out + i, load_f16(a + i));
	if (i < n)
	{
		Vec			x = load_tail_f16(a + i, n - i);

		memcpy((void *) (out + i), &x, (n - i) * sizeof(float));
	}
}

/* The sums of a FastScan block: sums[k] are those of lanes 4k to 4k + 3 */
typedef struct BlockSums
{
	uint32x4_t	sums[8];
} BlockSums;

/* Add sixteen 16-bit sums to four vectors of 32-bit sums */
GV_DISTANCE_INLINE void
flush_words(uint16x8_t low, uint16x8_t high, uint32x4_t *sums)
{
	sums[0] = vaddw_u16(sums[0], vget_low_u16(low));
	sums[1] = vaddw_high_u16(sums[1], low);
	sums[2] = vaddw_u16(sums[2], vget_low_u16(high));
	sums[3] = vaddw_high_u16(sums[3], high);
}

/*
 * Add the entries of one byte of sixteen lanes.
 *
 * low, high: the tables of its nibbles, 16 bytes each
 */
GV_DISTANCE_INLINE void
add_entries(uint8x16_t code, const uint8_t *low, const uint8_t *high, uint16x8_t *words)
{
	uint8x16_t	x = vqtbl1q_u8(vld1q_u8(low), vandq_u8(code, vdupq_n_u8(0x0f)));
	uint8x16_t	y = vqtbl1q_u8(vld1q_u8(high), vshrq_n_u8(code, 4));

	words[0] = vaddq_u16(words[0], vaddl_u8(vget_low_u8(x), vget_low_u8(y)));
	words[1] = vaddq_u16(words[1], vaddl_high_u8(x, y));
}

/* The loads turn the bytes of sixteen lanes into vectors of the bytes of one number */
GV_DISTANCE_INLINE BlockSums
sum_block(const uint8_t *codes, const uint8_t *table, int n_groups)
{
	BlockSums	result;
	int			end = n_groups * GV_FASTSCAN_GROUP_BYTES;
	int			i = 0;
	int			k;

	for (k = 0; k < 8; k++)
		result.sums[k] = vdupq_n_u32(0);

	while (i < end)
	{
		uint16x8_t	words[4] = {vdupq_n_u16(0), vdupq_n_u16(0), vdupq_n_u16(0), vdupq_n_u16(0)};
		int			stop = i + FASTSCAN_FLUSH_GROUPS * GV_FASTSCAN_GROUP_BYTES;
		int			half;

		if (stop > end)
			stop = end;
		for (; i + GV_FASTSCAN_SQUARE_BYTES <= stop; i += GV_FASTSCAN_SQUARE_BYTES)
		{
			for (half = 0; half < 2; half++)
			{
				uint8x16x4_t code = vld4q_u8(codes + i + 64 * half);

				for (k = 0; k < 4; k++)
					add_entries(code.val[k], table + i + 16 * k, table + i + 64 + 16 * k,
								words + 2 * half);
			}
		}
		if (i < stop)
		{
			for (half = 0; half < 2; half++)
			{
				uint8x16x2_t code = vld2q_u8(codes + i + 32 * half);

				for (k = 0; k < 2; k++)
					add_entries(code.val[k], table + i + 16 * k, table + i + 32 + 16 * k,
								words + 2 * half);
			}
			i = stop;
		}
		flush_words(words[0], words[1], result.sums);
		flush_words(words[2], words[3], result.sums + 4);
	}
	return result;
}

static void
fastscan(const uint8_t *codes, const uint8_t *table, int n_groups, uint32_t *sums)
{
	BlockSums	block = sum_block(codes, table, n_groups);
	int			k;

	for (k = 0; k < 8; k++)
		vst1q_u32(sums + 4 * k, block.sums[k]);
}

static void
fastscan_estimate(const uint8_t *codes, const uint8_t *table, int n_groups,
				  const GvHalf *add, const GvHalf *rescale, float base, float scale,
				  float mul, float bias, float *out)
{
	BlockSums	block = sum_block(codes, table, n_groups);
	int			k;

	for (k = 0; k < 8; k++)
		store_estimates(vcvtq_f32_u32(block.sums[k]), 4 * k, add, rescale,
						base, scale, mul, bias, out);
}

#include "distance/kernel_code.h"
#include "distance/kernel_columns.h"
#include "distance/kernel_int12.h"
#include "distance/kernel_int8.h"
#include "distance/kernel_panel.h"
#include "distance/kernel_pool.h"
#include "distance/kernel_widen.h"

typedef uint32x4_t VecBits;

GV_DISTANCE_INLINE VecBits
bits_zero(void)
{
	return vdupq_n_u32(0);
}

GV_DISTANCE_INLINE VecBits
bits_add(VecBits x, uint32_t word, uint32_t value)
{
	const uint32x4_t lane = {1, 2, 4, 8};

	return vorrq_u32(x, vandq_u32(vtstq_u32(vdupq_n_u32(word), lane), vdupq_n_u32(value)));
}

GV_DISTANCE_INLINE Vec
bits_to_vec(VecBits x)
{
	return vcvtq_f32_u32(x);
}

#include "distance/kernel_planes.h"

GV_DISTANCE_INLINE Vec
vec_lower(Vec x, Vec y)
{
	return vbslq_f32(vcltq_f32(x, y), x, y);
}

GV_DISTANCE_INLINE float
vec_lowest(Vec x)
{
	return vminvq_f32(x);
}

GV_DISTANCE_INLINE int
vec_find(Vec x, Vec y)
{
	uint16x4_t	equal = vmovn_u32(vceqq_f32(x, y));
	uint64_t	bits = vget_lane_u64(vreinterpret_u64_u16(equal), 0);

	return bits ? __builtin_ctzll(bits) / 16 : -1;
}

#include "distance/kernel_lowest.h"

GV_DISTANCE_INLINE Vec
vec_set_bits(int32_t x)
{
	return vreinterpretq_f32_s32(vdupq_n_s32(x));
}

GV_DISTANCE_INLINE uint32_t
vec_above(Vec x, Vec y)
{
	const uint32x4_t lane = {1, 2, 4, 8};

	return vaddvq_u32(vandq_u32(vcgtq_s32(vreinterpretq_s32_f32(x), vreinterpretq_s32_f32(y)),
								lane));
}

GV_DISTANCE_INLINE Vec
vec_least_above(Vec x, Vec y, Vec z)
{
	int32x4_t	a = vreinterpretq_s32_f32(x);
	int32x4_t	c = vreinterpretq_s32_f32(z);
	uint32x4_t	above = vcgtq_s32(a, vreinterpretq_s32_f32(y));

	return vreinterpretq_f32_s32(vbslq_s32(above, vminq_s32(a, c), c));
}

#include "distance/kernel_between.h"

#define PRODUCTS_ROWS 4
#define PRODUCTS_VECS 4
#define PRODUCTS_LONE_VECS 8
#include "distance/kernel_products.h"

#define TABLE_NAME gv_distance_table_neon
#define TABLE_LEVEL GV_SIMD_NEON
#define TABLE_LABEL "neon"
#include "distance/kernel_table.h"

#else

/* ISO C wants a declaration in every file */
typedef int GvKernelNeonUnused;

#endif
