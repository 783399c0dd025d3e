/*-------------------------------------------------------------------------
 *
 * kernel_avx2.c
 *		The kernels for x86-64 with AVX2, FMA and F16C.
 *
 * Compiled with flags of its own (kernels.mk); runs only after dispatch.c has
 * found these instructions.  Empty on other architectures.
 *
 *-------------------------------------------------------------------------
 */
#include "distance/kernel.h"

#ifdef GV_DISTANCE_HAVE_X86

#include <immintrin.h>

typedef __m256 Vec;

#define VEC_LANES 8

/* FastScan groups after which the 16-bit sums are emptied: 255 * 256 fits */
#define FASTSCAN_FLUSH_GROUPS 256

GV_DISTANCE_INLINE Vec
vec_zero(void)
{
	return _mm256_setzero_ps();
}

GV_DISTANCE_INLINE Vec
vec_set(float x)
{
	return _mm256_set1_ps(x);
}

GV_DISTANCE_INLINE Vec
vec_keep(Vec x)
{
	__asm__("" : "+x" (x));
	return x;
}

GV_DISTANCE_INLINE Vec
vec_add(Vec x, Vec y)
{
	return _mm256_add_ps(x, y);
}

GV_DISTANCE_INLINE Vec
vec_sub(Vec x, Vec y)
{
	return _mm256_sub_ps(x, y);
}

GV_DISTANCE_INLINE Vec
vec_mul(Vec x, Vec y)
{
	return _mm256_mul_ps(x, y);
}

GV_DISTANCE_INLINE Vec
vec_fma(Vec x, Vec y, Vec z)
{
	return _mm256_fmadd_ps(x, y, z);
}

GV_DISTANCE_INLINE Vec
vec_fnma(Vec x, Vec y, Vec z)
{
	return _mm256_fnmadd_ps(x, y, z);
}

GV_DISTANCE_INLINE Vec
vec_abs(Vec x)
{
	return _mm256_and_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff)));
}

/* As integers: the order of bits is the order of values, with NaN on top */
GV_DISTANCE_INLINE Vec
vec_max(Vec x, Vec y)
{
	return _mm256_castsi256_ps(_mm256_max_epi32(_mm256_castps_si256(x),
												_mm256_castps_si256(y)));
}

GV_DISTANCE_INLINE Vec
vec_positive(Vec x)
{
	return _mm256_max_ps(x, _mm256_setzero_ps());
}

GV_DISTANCE_INLINE float
vec_sum(Vec x)
{
	__m128		y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));

	y = _mm_add_ps(y, _mm_movehl_ps(y, y));
	y = _mm_add_ss(y, _mm_movehdup_ps(y));
	return _mm_cvtss_f32(y);
}

GV_DISTANCE_INLINE float
vec_largest(Vec x)
{
	__m256i		v = _mm256_castps_si256(x);
	__m128i		y = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

	y = _mm_max_epi32(y, _mm_shuffle_epi32(y, _MM_SHUFFLE(1, 0, 3, 2)));
	y = _mm_max_epi32(y, _mm_shuffle_epi32(y, _MM_SHUFFLE(2, 3, 0, 1)));
	return _mm_cvtss_f32(_mm_castsi128_ps(y));
}

GV_DISTANCE_INLINE void
vec_store(float *p, Vec x)
{
	_mm256_storeu_ps(p, x);
}

/*
 * Each level adds the lane on the other side of the stride to the lane, which
 * is negated first on the upper side; the product with 1 or -1 is exact.
 */
GV_DISTANCE_INLINE Vec
vec_butterfly(Vec x)
{
	const __m256 sign1 = _mm256_setr_ps(1, -1, 1, -1, 1, -1, 1, -1);
	const __m256 sign2 = _mm256_setr_ps(1, 1, -1, -1, 1, 1, -1, -1);
	const __m256 sign4 = _mm256_setr_ps(1, 1, 1, 1, -1, -1, -1, -1);

	x = _mm256_fmadd_ps(x, sign1, _mm256_permute_ps(x, _MM_SHUFFLE(2, 3, 0, 1)));
	x = _mm256_fmadd_ps(x, sign2, _mm256_permute_ps(x, _MM_SHUFFLE(1, 0, 3, 2)));
	return _mm256_fmadd_ps(x, sign4, _mm256_permute2f128_ps(x, x, 1));
}

GV_DISTANCE_INLINE __m128i
load_partial(const void *p, int n_bytes)
{
	uint64_t	words[2];

	read_partial(p, n_bytes, words);
	return _mm_set_epi64x((long long) words[1], (long long) words[0]);
}

GV_DISTANCE_INLINE Vec
load_f32(const float *p)
{
	return _mm256_loadu_ps(p);
}

GV_DISTANCE_INLINE Vec
load_f16(const GvHalf *p)
{
	return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) p));
}

GV_DISTANCE_INLINE Vec
load_i8(const int8_t *p)
{
	return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *) p)));
}

/* Without masked loads, for emulators touch what the mask hides */
GV_DISTANCE_INLINE Vec
load_tail_f32(const float *p, int n)
{
	const int	size = sizeof(float);
	__m128i		low;
	__m128i		high = _mm_setzero_si128();

	if (n < 4)
		low = load_partial(p, n * size);
	else
	{
		low = _mm_loadu_si128((const __m128i *) p);
		if (n > 4)
			high = load_partial(p + 4, (n - 4) * size);
	}
	return _mm256_castsi256_ps(_mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1));
}

GV_DISTANCE_INLINE Vec
load_tail_f16(const GvHalf *p, int n)
{
	return _mm256_cvtph_ps(load_partial(p, n * (int) sizeof(GvHalf)));
}

GV_DISTANCE_INLINE Vec
load_tail_i8(const int8_t *p, int n)
{
	return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(load_partial(p, n)));
}

#include "distance/kernel_dense.h"

GV_DISTANCE_INLINE int32_t
sum_i32(__m256i x)
{
	__m128i		y = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));

	y = _mm_add_epi32(y, _mm_shuffle_epi32(y, _MM_SHUFFLE(1, 0, 3, 2)));
	y = _mm_add_epi32(y, _mm_shuffle_epi32(y, _MM_SHUFFLE(2, 3, 0, 1)));
	return _mm_cvtsi128_si32(y);
}

/* Sixteen int8 as int16; n of them, zero beyond */
GV_DISTANCE_INLINE __m256i
load_i16(const int8_t *p)
{
	return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *) p));
}

GV_DISTANCE_INLINE __m256i
load_tail_i16(const int8_t *p, int n)
{
	return _mm256_cvtepi8_epi16(load_partial(p, n));
}

static int32_t
inner_product_i8(const int8_t *a, const int8_t *b, int n)
{
	__m256i		s0 = _mm256_setzero_si256();
	__m256i		s1 = _mm256_setzero_si256();
	int			i;

	for (i = 0; i + 32 <= n; i += 32)
	{
		s0 = _mm256_add_epi32(s0, _mm256_madd_epi16(load_i16(a + i), load_i16(b + i)));
		s1 = _mm256_add_epi32(s1, _mm256_madd_epi16(load_i16(a + i + 16), load_i16(b + i + 16)));
	}
	if (i + 16 <= n)
	{
		s0 = _mm256_add_epi32(s0, _mm256_madd_epi16(load_i16(a + i), load_i16(b + i)));
		i += 16;
	}
	if (i < n)
		s1 = _mm256_add_epi32(s1, _mm256_madd_epi16(load_tail_i16(a + i, n - i),
													load_tail_i16(b + i, n - i)));
	return sum_i32(_mm256_add_epi32(s0, s1));
}

GV_DISTANCE_INLINE __m256i
square_i16(__m256i x, __m256i y)
{
	__m256i		d = _mm256_sub_epi16(x, y);

	return _mm256_madd_epi16(d, d);
}

static int32_t
l2_squared_i8(const int8_t *a, const int8_t *b, int n)
{
	__m256i		s0 = _mm256_setzero_si256();
	__m256i		s1 = _mm256_setzero_si256();
	int			i;

	for (i = 0; i + 32 <= n; i += 32)
	{
		s0 = _mm256_add_epi32(s0, square_i16(load_i16(a + i), load_i16(b + i)));
		s1 = _mm256_add_epi32(s1, square_i16(load_i16(a + i + 16), load_i16(b + i + 16)));
	}
	if (i + 16 <= n)
	{
		s0 = _mm256_add_epi32(s0, square_i16(load_i16(a + i), load_i16(b + i)));
		i += 16;
	}
	if (i < n)
		s1 = _mm256_add_epi32(s1, square_i16(load_tail_i16(a + i, n - i),
											 load_tail_i16(b + i, n - i)));
	return sum_i32(_mm256_add_epi32(s0, s1));
}

/*
 * Number of set bits in each 64-bit lane, by two lookups a byte.
 * Source: Mula, Kurz, Lemire, Computer Journal 61(1), 2018, section 3.
 */
GV_DISTANCE_INLINE __m256i
count_lane_bits(__m256i x)
{
	const __m256i nibble_bits = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
												 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
	const __m256i low = _mm256_set1_epi8(0x0f);
	__m256i		bits;

	bits = _mm256_add_epi8(_mm256_shuffle_epi8(nibble_bits, _mm256_and_si256(x, low)),
						   _mm256_shuffle_epi8(nibble_bits,
											   _mm256_and_si256(_mm256_srli_epi16(x, 4), low)));
	return _mm256_sad_epu8(bits, _mm256_setzero_si256());
}

GV_DISTANCE_INLINE uint64_t
sum_u64(__m256i x)
{
	__m128i		y = _mm_add_epi64(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));

	return (uint64_t) _mm_cvtsi128_si64(y) + (uint64_t) _mm_extract_epi64(y, 1);
}

/* Thirty-two bytes from p + i on, of which those beyond n are zero, not read */
GV_DISTANCE_INLINE __m256i
load_bytes(const uint8_t *p, int i, int n)
{
	__m128i		low;
	__m128i		high = _mm_setzero_si128();

	p += i;
	n -= i;
	if (n >= 32)
		return _mm256_loadu_si256((const __m256i *) p);
	if (n < 16)
		low = load_partial(p, n);
	else
	{
		low = _mm_loadu_si128((const __m128i *) p);
		if (n > 16)
			high = load_partial(p + 16, n - 16);
	}
	return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

static uint64_t
hamming(const uint8_t *a, const uint8_t *b, int n)
{
	__m256i		sum = _mm256_setzero_si256();
	int			i;

	for (i = 0; i < n; i += 32)
	{
		__m256i		differ = _mm256_xor_si256(load_bytes(a, i, n), load_bytes(b, i, n));

		sum = _mm256_add_epi64(sum, count_lane_bits(differ));
	}
	return sum_u64(sum);
}

static void
jaccard(const uint8_t *a, const uint8_t *b, int n, uint64_t *counts)
{
	__m256i		both = _mm256_setzero_si256();
	__m256i		in_a = _mm256_setzero_si256();
	__m256i		in_b = _mm256_setzero_si256();
	int			i;

	for (i = 0; i < n; i += 32)
	{
		__m256i		x = load_bytes(a, i, n);
		__m256i		y = load_bytes(b, i, n);

		both = _mm256_add_epi64(both, count_lane_bits(_mm256_and_si256(x, y)));
		in_a = _mm256_add_epi64(in_a, count_lane_bits(x));
		in_b = _mm256_add_epi64(in_b, count_lane_bits(y));
	}
	counts[0] = sum_u64(both);
	counts[1] = sum_u64(in_a);
	counts[2] = sum_u64(in_b);
}

static void
f32_to_f16(const float *a, GvHalf *out, int n)
{
	int			i;

	for (i = 0; i + 8 <= n; i += 8)
		_mm_storeu_si128((__m128i *) (out + i),
						 _mm256_cvtps_ph(_mm256_loadu_ps(a + i), _MM_FROUND_TO_NEAREST_INT));
	if (i < n)
	{
		__m128i		half = _mm256_cvtps_ph(load_tail_f32(a + i, n - i),
										   _MM_FROUND_TO_NEAREST_INT);

		memcpy((void *) (out + i), &half, (n - i) * sizeof(GvHalf));
	}
}

static void
f16_to_f32(const GvHalf *a, float *out, int n)
{
	int			i;

	for (i = 0; i + 8 <= n; i += 8)
		_mm256_storeu_ps(out + i, load_f16(a + i));
	if (i < n)
	{
		Vec			wide = load_tail_f16(a + i, n - i);

		memcpy((void *) (out + i), &wide, (n - i) * sizeof(float));
	}
}

/* The sums of a FastScan block: sums[k] are those of lanes 8k to 8k + 7 */
typedef struct BlockSums
{
	__m256i		sums[4];
} BlockSums;

/*
 * The bytes of eight lanes, four a lane, those with the same number side by
 * side: in each half, four lanes of byte 0, of byte 1 and so on.
 */
GV_DISTANCE_INLINE __m256i
gather_bytes(__m256i code)
{
	const __m256i by_byte = _mm256_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15,
											 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);

	return _mm256_shuffle_epi8(code, by_byte);
}

/*
 * Turn the bytes of 32 lanes, four a lane, into vectors of the bytes of one
 * number: the low half has the first four lanes of each eight, the high half
 * the others.
 */
GV_DISTANCE_INLINE void
turn_square(__m256i *code)
{
	__m256i		gathered[4];
	__m256i		low[2];
	__m256i		high[2];
	int			k;

	for (k = 0; k < 4; k++)
		gathered[k] = gather_bytes(code[k]);
	for (k = 0; k < 2; k++)
	{
		low[k] = _mm256_unpacklo_epi32(gathered[2 * k], gathered[2 * k + 1]);
		high[k] = _mm256_unpackhi_epi32(gathered[2 * k], gathered[2 * k + 1]);
	}
	code[0] = _mm256_unpacklo_epi64(low[0], low[1]);
	code[1] = _mm256_unpackhi_epi64(low[0], low[1]);
	code[2] = _mm256_unpacklo_epi64(high[0], high[1]);
	code[3] = _mm256_unpackhi_epi64(high[0], high[1]);
}

/*
 * Add the entries of one byte of 32 lanes.
 *
 * low, high: the tables of its nibbles, 16 bytes each
 * words: the sums as 16-bit lanes, so those of even bytes plus 256 times those
 * of odd bytes, modulo 2^16
 * odd: the sums of odd bytes
 */
GV_DISTANCE_INLINE void
add_entries(__m256i code, const uint8_t *low, const uint8_t *high, __m256i *words, __m256i *odd)
{
	const __m256i nibble = _mm256_set1_epi8(0x0f);
	__m256i		x;
	__m256i		y;

	x = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *) low)),
							_mm256_and_si256(code, nibble));
	y = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *) high)),
							_mm256_and_si256(_mm256_srli_epi16(code, 4), nibble));
	*words = _mm256_add_epi16(*words, _mm256_add_epi16(x, y));
	*odd = _mm256_add_epi16(*odd, _mm256_add_epi16(_mm256_srli_epi16(x, 8),
												   _mm256_srli_epi16(y, 8)));
}

/* Add what add_entries has added up to the sums of the lanes */
GV_DISTANCE_INLINE void
flush_words(__m256i words, __m256i odd, BlockSums *result)
{
	const __m256i zero = _mm256_setzero_si256();
	__m256i		even = _mm256_sub_epi16(words, _mm256_slli_epi16(odd, 8));
	__m256i		low = _mm256_unpacklo_epi16(even, odd);
	__m256i		high = _mm256_unpackhi_epi16(even, odd);

	result->sums[0] = _mm256_add_epi32(result->sums[0], _mm256_unpacklo_epi16(low, zero));
	result->sums[1] = _mm256_add_epi32(result->sums[1], _mm256_unpackhi_epi16(low, zero));
	result->sums[2] = _mm256_add_epi32(result->sums[2], _mm256_unpacklo_epi16(high, zero));
	result->sums[3] = _mm256_add_epi32(result->sums[3], _mm256_unpackhi_epi16(high, zero));
}

GV_DISTANCE_INLINE BlockSums
sum_block(const uint8_t *codes, const uint8_t *table, int n_groups)
{
	BlockSums	result;
	int			end = n_groups * GV_FASTSCAN_GROUP_BYTES;
	int			i = 0;
	int			k;

	for (k = 0; k < 4; k++)
		result.sums[k] = _mm256_setzero_si256();
	while (i < end)
	{
		__m256i		words = _mm256_setzero_si256();
		__m256i		odd = _mm256_setzero_si256();
		__m256i		code[4];
		int			stop = i + FASTSCAN_FLUSH_GROUPS * GV_FASTSCAN_GROUP_BYTES;

		if (stop > end)
			stop = end;
		for (; i + GV_FASTSCAN_SQUARE_BYTES <= stop; i += GV_FASTSCAN_SQUARE_BYTES)
		{
			for (k = 0; k < 4; k++)
				code[k] = _mm256_loadu_si256((const __m256i *) (codes + i + 32 * k));
			turn_square(code);
			for (k = 0; k < 4; k++)
				add_entries(code[k], table + i + 16 * k, table + i + 64 + 16 * k, &words, &odd);
		}
		if (i < stop)
		{
			/* four groups left over: bytes 2 and 3 of each lane are none */
			for (k = 0; k < 4; k++)
				code[k] = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)
																(codes + i + 16 * k)));
			turn_square(code);
			for (k = 0; k < 2; k++)
				add_entries(code[k], table + i + 16 * k, table + i + 32 + 16 * k, &words, &odd);
			i = stop;
		}
		flush_words(words, odd, &result);
	}
	return result;
}

static void
fastscan(const uint8_t *codes, const uint8_t *table, int n_groups, uint32_t *sums)
{
	BlockSums	block = sum_block(codes, table, n_groups);
	int			k;

	for (k = 0; k < 4; k++)
		_mm256_storeu_si256((__m256i *) (sums + 8 * k), block.sums[k]);
}

static void
fastscan_estimate(const uint8_t *codes, const uint8_t *table, int n_groups,
				  const GvHalf *add, const GvHalf *rescale, float base, float scale,
				  float mul, float bias, float *out)
{
	BlockSums	block = sum_block(codes, table, n_groups);
	int			k;

	for (k = 0; k < 4; k++)
		store_estimates(_mm256_cvtepi32_ps(block.sums[k]), 8 * k, add, rescale,
						base, scale, mul, bias, out);
}

/* Eight 12-bit integers, from their high bytes and low nibbles */
GV_DISTANCE_INLINE __m256
join_int12(const uint8_t *high, __m128i low)
{
	__m256i		h = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *) high));

	return _mm256_cvtepi32_ps(_mm256_or_si256(_mm256_slli_epi32(h, 4),
											  _mm256_cvtepu8_epi32(low)));
}

/* Most elements folded before the sums are emptied; see kernel_int12.h */
#define INT12_BLOCK 128

static float
l2_squared_f32_i12(const float *a, const uint8_t *b, float scale, int n)
{
	const uint8_t *low = b + n;
	const __m128i mask = _mm_set1_epi8(15);
	__m256		scales = _mm256_set1_ps(scale);
	__m256		total = _mm256_setzero_ps();
	float		lanes[8];

	for (int i = 0; i < n;)
	{
		int			end = i + INT12_BLOCK < n ? i + INT12_BLOCK : n;
		__m256		sum0 = _mm256_setzero_ps();
		__m256		sum1 = _mm256_setzero_ps();

		for (; i < end; i += 16)
		{
			__m128i		nibbles = _mm_loadu_si128((const __m128i *) (low + i / 32 * 16));
			__m256		d;

			if (i & 16)
				nibbles = _mm_srli_epi16(nibbles, 4);
			nibbles = _mm_and_si128(nibbles, mask);
			d = _mm256_fnmadd_ps(scales, join_int12(b + i, nibbles), _mm256_loadu_ps(a + i));
			sum0 = _mm256_fmadd_ps(d, d, sum0);
			d = _mm256_fnmadd_ps(scales, join_int12(b + i + 8, _mm_srli_si128(nibbles, 8)),
								 _mm256_loadu_ps(a + i + 8));
			sum1 = _mm256_fmadd_ps(d, d, sum1);
		}
		total = _mm256_add_ps(total, _mm256_add_ps(sum0, sum1));
	}
	_mm256_storeu_ps(lanes, total);
	return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) +
		((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

GV_DISTANCE_INLINE float
sum_lanes(__m256 x)
{
	float		lanes[8];

	_mm256_storeu_ps(lanes, x);
	return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) +
		((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

static void
sign_code(const float *x, const float *p, float weight, int dims, int code_dims,
		  uint8_t *code, float *sums)
{
	const __m256 sign = _mm256_set1_ps(-0.0f);
	__m256		weights = _mm256_set1_ps(weight);
	__m256		n2 = _mm256_setzero_ps();
	__m256		l1 = _mm256_setzero_ps();
	__m256		signed_sum = _mm256_setzero_ps();
	int			i;

	for (i = 0; i < code_dims; i += 8)
	{
		__m256		c = _mm256_mul_ps(weights, _mm256_loadu_ps(p + i));
		__m256		e = _mm256_sub_ps(_mm256_loadu_ps(x + i), c);
		__m256		positive = _mm256_cmp_ps(e, _mm256_setzero_ps(), _CMP_GT_OQ);

		n2 = _mm256_fmadd_ps(e, e, n2);
		l1 = _mm256_add_ps(l1, _mm256_andnot_ps(sign, e));
		/* flip the sign where not positive */
		signed_sum = _mm256_add_ps(signed_sum,
								   _mm256_xor_ps(c, _mm256_andnot_ps(positive, sign)));
		code[i / 8] = (uint8_t) _mm256_movemask_ps(positive);
	}
	for (; i < dims; i += 8)
	{
		__m256		e = _mm256_fnmadd_ps(weights, _mm256_loadu_ps(p + i),
										 _mm256_loadu_ps(x + i));

		n2 = _mm256_fmadd_ps(e, e, n2);
	}
	sums[0] = sum_lanes(n2);
	sums[1] = sum_lanes(l1);
	sums[2] = sum_lanes(signed_sum);
}

#include "distance/kernel_columns.h"
#include "distance/kernel_int8.h"
#include "distance/kernel_panel.h"
#include "distance/kernel_pool.h"
#include "distance/kernel_widen.h"

typedef __m256i VecBits;

GV_DISTANCE_INLINE VecBits
bits_zero(void)
{
	return _mm256_setzero_si256();
}

GV_DISTANCE_INLINE VecBits
bits_add(VecBits x, uint32_t word, uint32_t value)
{
	const __m256i lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
	__m256i		set = _mm256_and_si256(_mm256_set1_epi32((int) word), lane);

	set = _mm256_cmpeq_epi32(set, lane);
	return _mm256_or_si256(x, _mm256_and_si256(set, _mm256_set1_epi32((int) value)));
}

GV_DISTANCE_INLINE Vec
bits_to_vec(VecBits x)
{
	return _mm256_cvtepi32_ps(x);
}

#include "distance/kernel_planes.h"

GV_DISTANCE_INLINE Vec
vec_lower(Vec x, Vec y)
{
	return _mm256_min_ps(x, y);
}

GV_DISTANCE_INLINE float
vec_lowest(Vec x)
{
	__m128		y = _mm_min_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));

	y = _mm_min_ps(y, _mm_movehl_ps(y, y));
	y = _mm_min_ss(y, _mm_movehdup_ps(y));
	return _mm_cvtss_f32(y);
}

GV_DISTANCE_INLINE int
vec_find(Vec x, Vec y)
{
	uint32_t	equal = (uint32_t) _mm256_movemask_ps(_mm256_cmp_ps(x, y, _CMP_EQ_OQ));

	return equal ? __builtin_ctz(equal) : -1;
}

#include "distance/kernel_lowest.h"

GV_DISTANCE_INLINE Vec
vec_set_bits(int32_t x)
{
	return _mm256_castsi256_ps(_mm256_set1_epi32(x));
}

GV_DISTANCE_INLINE uint32_t
vec_above(Vec x, Vec y)
{
	__m256i		above = _mm256_cmpgt_epi32(_mm256_castps_si256(x), _mm256_castps_si256(y));

	return (uint32_t) _mm256_movemask_ps(_mm256_castsi256_ps(above));
}

GV_DISTANCE_INLINE Vec
vec_least_above(Vec x, Vec y, Vec z)
{
	__m256i		a = _mm256_castps_si256(x);
	__m256i		c = _mm256_castps_si256(z);
	__m256i		above = _mm256_cmpgt_epi32(a, _mm256_castps_si256(y));

	return _mm256_castsi256_ps(_mm256_blendv_epi8(c, _mm256_min_epi32(a, c), above));
}

#include "distance/kernel_between.h"

#define PRODUCTS_ROWS 6
#define PRODUCTS_VECS 2
#define PRODUCTS_LONE_VECS 8
#include "distance/kernel_products.h"

#define TABLE_NAME gv_distance_table_avx2
#define TABLE_LEVEL GV_SIMD_AVX2
#define TABLE_LABEL "avx2"
#include "distance/kernel_table.h"

#else

/* ISO C wants a declaration in every file */
typedef int GvKernelAvx2Unused;

#endif
