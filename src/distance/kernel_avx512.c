/*-------------------------------------------------------------------------
 *
 * kernel_avx512.c
 *		The kernels for x86-64 with AVX-512 F, BW, DQ, VL, VBMI, VNNI and
 *		VPOPCNTDQ: Intel from Ice Lake, AMD from Zen 4.
 *
 * Compiled with flags of its own (kernels.mk); runs only after dispatch.c has
 * found these instructions.  Empty on other architectures.
 *
 *-------------------------------------------------------------------------
 */
#include "base/pool.h"
#include "distance/kernel.h"

#ifdef GV_DISTANCE_HAVE_X86

#include <immintrin.h>

typedef __m512 Vec;

#define VEC_LANES 16

/* Others beside a panel whose sums are kept in registers */
#define PANEL_TILE 8

GV_DISTANCE_INLINE Vec
vec_zero(void)
{
	return _mm512_setzero_ps();
}

GV_DISTANCE_INLINE Vec
vec_set(float x)
{
	return _mm512_set1_ps(x);
}

GV_DISTANCE_INLINE Vec
vec_keep(Vec x)
{
	__asm__("" : "+v" (x));
	return x;
}

GV_DISTANCE_INLINE Vec
vec_add(Vec x, Vec y)
{
	return _mm512_add_ps(x, y);
}

GV_DISTANCE_INLINE Vec
vec_sub(Vec x, Vec y)
{
	return _mm512_sub_ps(x, y);
}

GV_DISTANCE_INLINE Vec
vec_mul(Vec x, Vec y)
{
	return _mm512_mul_ps(x, y);
}

GV_DISTANCE_INLINE Vec
vec_fma(Vec x, Vec y, Vec z)
{
	return _mm512_fmadd_ps(x, y, z);
}

GV_DISTANCE_INLINE Vec
vec_fnma(Vec x, Vec y, Vec z)
{
	return _mm512_fnmadd_ps(x, y, z);
}

GV_DISTANCE_INLINE Vec
vec_abs(Vec x)
{
	return _mm512_and_ps(x, _mm512_castsi512_ps(_mm512_set1_epi32(0x7fffffff)));
}

/* As integers: the order of bits is the order of values, with NaN on top */
GV_DISTANCE_INLINE Vec
vec_max(Vec x, Vec y)
{
	return _mm512_castsi512_ps(_mm512_max_epi32(_mm512_castps_si512(x),
												_mm512_castps_si512(y)));
}

GV_DISTANCE_INLINE Vec
vec_positive(Vec x)
{
	return _mm512_max_ps(x, _mm512_setzero_ps());
}

GV_DISTANCE_INLINE float
vec_sum(Vec x)
{
	return _mm512_reduce_add_ps(x);
}

GV_DISTANCE_INLINE float
vec_largest(Vec x)
{
	int32_t		bits = _mm512_reduce_max_epi32(_mm512_castps_si512(x));

	return _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(bits)));
}

GV_DISTANCE_INLINE void
vec_store(float *p, Vec x)
{
	_mm512_storeu_ps(p, x);
}

/*
 * Each level adds the lane on the other side of the stride to the lane, which
 * is negated first on the upper side; the product with 1 or -1 is exact.
 */
GV_DISTANCE_INLINE Vec
vec_butterfly(Vec x)
{
	const __m512 sign1 = _mm512_setr_ps(1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1);
	const __m512 sign2 = _mm512_setr_ps(1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1);
	const __m512 sign4 = _mm512_setr_ps(1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1);
	const __m512 sign8 = _mm512_setr_ps(1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1);

	x = _mm512_fmadd_ps(x, sign1, _mm512_permute_ps(x, _MM_SHUFFLE(2, 3, 0, 1)));
	x = _mm512_fmadd_ps(x, sign2, _mm512_permute_ps(x, _MM_SHUFFLE(1, 0, 3, 2)));
	x = _mm512_fmadd_ps(x, sign4, _mm512_shuffle_f32x4(x, x, _MM_SHUFFLE(2, 3, 0, 1)));
	return _mm512_fmadd_ps(x, sign8, _mm512_shuffle_f32x4(x, x, _MM_SHUFFLE(1, 0, 3, 2)));
}

/* The n lowest bits */
GV_DISTANCE_INLINE __mmask16
low_bits16(int n)
{
	return (__mmask16) ((1u << n) - 1);
}

GV_DISTANCE_INLINE __mmask64
low_bits64(int n)
{
	return (__mmask64) ((UINT64_C(1) << n) - 1);
}

GV_DISTANCE_INLINE Vec
widen_i8(__m128i x)
{
	return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(x));
}

GV_DISTANCE_INLINE Vec
load_f32(const float *p)
{
	return _mm512_loadu_ps(p);
}

GV_DISTANCE_INLINE Vec
load_f16(const GvHalf *p)
{
	return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *) p));
}

GV_DISTANCE_INLINE Vec
load_i8(const int8_t *p)
{
	return widen_i8(_mm_loadu_si128((const __m128i *) p));
}

GV_DISTANCE_INLINE Vec
load_tail_f32(const float *p, int n)
{
	return _mm512_maskz_loadu_ps(low_bits16(n), p);
}

GV_DISTANCE_INLINE Vec
load_tail_f16(const GvHalf *p, int n)
{
	return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(low_bits16(n), p));
}

GV_DISTANCE_INLINE Vec
load_tail_i8(const int8_t *p, int n)
{
	return widen_i8(_mm_maskz_loadu_epi8(low_bits16(n), p));
}

#include "distance/kernel_dense.h"

/* Sixty-four bytes from p + i on, of which those beyond n are zero, not read */
GV_DISTANCE_INLINE __m512i
load_bytes(const void *p, int i, int n)
{
	const uint8_t *from = (const uint8_t *) p + i;

	if (i + 64 <= n)
		return _mm512_loadu_si512(from);
	return _mm512_maskz_loadu_epi8(low_bits64(n - i), from);
}

/* The sums of four registers' lanes */
GV_DISTANCE_INLINE __m128i
four_sums(__m512i x0, __m512i x1, __m512i x2, __m512i x3)
{
	__m512i		x01 = _mm512_add_epi32(_mm512_unpacklo_epi32(x0, x1),
									   _mm512_unpackhi_epi32(x0, x1));
	__m512i		x23 = _mm512_add_epi32(_mm512_unpacklo_epi32(x2, x3),
									   _mm512_unpackhi_epi32(x2, x3));
	__m512i		x = _mm512_add_epi32(_mm512_unpacklo_epi64(x01, x23),
									 _mm512_unpackhi_epi64(x01, x23));
	__m256i		y = _mm256_add_epi32(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));

	return _mm_add_epi32(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
}

/*
 * VNNI multiplies unsigned by signed bytes.  With a + 128 in place of a the
 * sum is too large by 128 * sum(b), and sum(b) comes by the same instruction.
 * All is modulo 2^32, so the difference is exact.
 */
static int32_t
inner_product_i8(const int8_t *a, const int8_t *b, int n)
{
	const __m512i offset = _mm512_set1_epi8((char) 0x80);
	const __m512i one = _mm512_set1_epi8(1);
	__m512i		product0 = _mm512_setzero_si512();
	__m512i		product1 = _mm512_setzero_si512();
	__m512i		excess0 = _mm512_setzero_si512();
	__m512i		excess1 = _mm512_setzero_si512();
	int			i = 0;

	for (; i + 128 <= n; i += 128)
	{
		__m512i		x0 = _mm512_loadu_si512(a + i);
		__m512i		x1 = _mm512_loadu_si512(a + i + 64);
		__m512i		y0 = _mm512_loadu_si512(b + i);
		__m512i		y1 = _mm512_loadu_si512(b + i + 64);

		product0 = _mm512_dpbusd_epi32(product0, _mm512_xor_si512(x0, offset), y0);
		product1 = _mm512_dpbusd_epi32(product1, _mm512_xor_si512(x1, offset), y1);
		excess0 = _mm512_dpbusd_epi32(excess0, one, y0);
		excess1 = _mm512_dpbusd_epi32(excess1, one, y1);
	}
	for (; i < n; i += 64)
	{
		__m512i		x = load_bytes(a, i, n);
		__m512i		y = load_bytes(b, i, n);

		product0 = _mm512_dpbusd_epi32(product0, _mm512_xor_si512(x, offset), y);
		excess0 = _mm512_dpbusd_epi32(excess0, one, y);
	}
	product0 = _mm512_add_epi32(product0, product1);
	excess0 = _mm512_slli_epi32(_mm512_add_epi32(excess0, excess1), 7);
	return _mm512_reduce_add_epi32(_mm512_sub_epi32(product0, excess0));
}

/*
 * Four at a time: a is loaded once for them, their loads overlap, and the
 * excess, that of b + 128 in place of b, is the same for all.
 */
static void
inner_products_i8(const int8_t *a, const int8_t *const *b, int n_b, int n, int32_t *products)
{
	const __m512i offset = _mm512_set1_epi8((char) 0x80);
	int			j = 0;

	for (; j + 4 <= n_b; j += 4)
	{
		__m512i		p0 = _mm512_setzero_si512();
		__m512i		p1 = _mm512_setzero_si512();
		__m512i		p2 = _mm512_setzero_si512();
		__m512i		p3 = _mm512_setzero_si512();
		__m512i		excess = _mm512_setzero_si512();
		__m128i		sums;

		for (int i = 0; i < n; i += 64)
		{
			__m512i		x = load_bytes(a, i, n);

			excess = _mm512_dpbusd_epi32(excess, offset, x);
			p0 = _mm512_dpbusd_epi32(p0, _mm512_xor_si512(load_bytes(b[j], i, n), offset), x);
			p1 = _mm512_dpbusd_epi32(p1, _mm512_xor_si512(load_bytes(b[j + 1], i, n), offset), x);
			p2 = _mm512_dpbusd_epi32(p2, _mm512_xor_si512(load_bytes(b[j + 2], i, n), offset), x);
			p3 = _mm512_dpbusd_epi32(p3, _mm512_xor_si512(load_bytes(b[j + 3], i, n), offset), x);
		}
		sums = four_sums(_mm512_sub_epi32(p0, excess), _mm512_sub_epi32(p1, excess),
						 _mm512_sub_epi32(p2, excess), _mm512_sub_epi32(p3, excess));
		_mm_storeu_si128((__m128i *) (products + j), sums);
	}
	for (; j < n_b; j++)
		products[j] = inner_product_i8(a, b[j], n);
}

/* Four bytes, or those of them that are there */
GV_DISTANCE_INLINE int
four_bytes(const int8_t *b, int n)
{
	int			bytes = 0;

	memcpy(&bytes, b, n < 4 ? n : 4);
	return bytes;
}

/*
 * Some others beside a panel, their number known when this is compiled: a lane
 * belongs to a row, so sums stay where they are.
 */
GV_DISTANCE_INLINE void
panel_tile(const GvPanelI8 *panel, const GvPanelOther *others, const int n_others, int n,
		   float *keys, uint16_t *near)
{
	const __m512 norm2 = _mm512_loadu_ps(panel->norm2);
	const __m512 bias = _mm512_loadu_ps(panel->bias);
	const __m512 factor = _mm512_loadu_ps(panel->factor);
	const __m512 bound = _mm512_loadu_ps(panel->bound);
	const uint8_t *bytes = panel->bytes;
	const int8_t *b[PANEL_TILE];
	__m512i		sum[PANEL_TILE];
	int			i = 0;

	for (int j = 0; j < n_others; j++)
	{
		b[j] = others[j].element;
		/* what products of bytes that are 128 too large have too much */
		sum[j] = _mm512_set1_epi32(-128 * others[j].sum);
	}
	for (; i + 4 <= n; i += 4)
	{
		__m512i		x = _mm512_loadu_si512(bytes + (size_t) i * GV_PANEL_ROWS);

		for (int j = 0; j < n_others; j++)
			sum[j] = _mm512_dpbusd_epi32(sum[j], x, _mm512_set1_epi32(four_bytes(b[j] + i, 4)));
	}
	if (i < n)
	{
		__m512i		x = _mm512_loadu_si512(bytes + (size_t) i * GV_PANEL_ROWS);

		for (int j = 0; j < n_others; j++)
			sum[j] = _mm512_dpbusd_epi32(sum[j], x, _mm512_set1_epi32(four_bytes(b[j] + i, n - i)));
	}
	for (int j = 0; j < n_others; j++)
	{
		const GvPanelOther *other = &others[j];
		__m512		product = _mm512_add_ps(_mm512_cvtepi32_ps(sum[j]),
											_mm512_add_ps(bias, _mm512_set1_ps(other->bias)));
		__m512		scale = _mm512_mul_ps(factor, _mm512_set1_ps(other->unit));
		__m512		key = _mm512_sub_ps(_mm512_add_ps(norm2, _mm512_set1_ps(other->norm2)),
										_mm512_mul_ps(scale, product));

		key = _mm512_max_ps(key, _mm512_setzero_ps());
		_mm512_storeu_ps(keys + (size_t) j * GV_PANEL_ROWS, key);
		near[j] = (uint16_t) _mm512_cmp_ps_mask(key, bound, _CMP_LT_OQ);
	}
}

static void
panel_keys_i8(const GvPanelI8 *panel, const GvPanelOther *others, int n_others, int n,
			  float *keys, uint16_t *near)
{
	int			j = 0;

	for (; j + PANEL_TILE <= n_others; j += PANEL_TILE)
		panel_tile(panel, others + j, PANEL_TILE, n, keys + j * GV_PANEL_ROWS, near + j);
	for (; j + PANEL_TILE / 4 <= n_others; j += PANEL_TILE / 4)
		panel_tile(panel, others + j, PANEL_TILE / 4, n, keys + j * GV_PANEL_ROWS, near + j);
	for (; j < n_others; j++)
		panel_tile(panel, others + j, 1, n, keys + j * GV_PANEL_ROWS, near + j);
}

/*
 * With d = |a - b|, an unsigned byte, d * d is d * (d - 128) + 128 * d: two
 * products of an unsigned and a signed byte.
 */
static int32_t
l2_squared_i8(const int8_t *a, const int8_t *b, int n)
{
	const __m512i offset = _mm512_set1_epi8((char) 0x80);
	const __m512i one = _mm512_set1_epi8(1);
	__m512i		product0 = _mm512_setzero_si512();
	__m512i		product1 = _mm512_setzero_si512();
	__m512i		lack0 = _mm512_setzero_si512();
	__m512i		lack1 = _mm512_setzero_si512();
	int			i = 0;

	for (; i + 128 <= n; i += 128)
	{
		__m512i		x0 = _mm512_loadu_si512(a + i);
		__m512i		x1 = _mm512_loadu_si512(a + i + 64);
		__m512i		y0 = _mm512_loadu_si512(b + i);
		__m512i		y1 = _mm512_loadu_si512(b + i + 64);
		__m512i		d0 = _mm512_sub_epi8(_mm512_max_epi8(x0, y0), _mm512_min_epi8(x0, y0));
		__m512i		d1 = _mm512_sub_epi8(_mm512_max_epi8(x1, y1), _mm512_min_epi8(x1, y1));

		product0 = _mm512_dpbusd_epi32(product0, d0, _mm512_xor_si512(d0, offset));
		product1 = _mm512_dpbusd_epi32(product1, d1, _mm512_xor_si512(d1, offset));
		lack0 = _mm512_dpbusd_epi32(lack0, d0, one);
		lack1 = _mm512_dpbusd_epi32(lack1, d1, one);
	}
	for (; i < n; i += 64)
	{
		__m512i		x = load_bytes(a, i, n);
		__m512i		y = load_bytes(b, i, n);
		__m512i		d = _mm512_sub_epi8(_mm512_max_epi8(x, y), _mm512_min_epi8(x, y));

		product0 = _mm512_dpbusd_epi32(product0, d, _mm512_xor_si512(d, offset));
		lack0 = _mm512_dpbusd_epi32(lack0, d, one);
	}
	product0 = _mm512_add_epi32(product0, product1);
	lack0 = _mm512_slli_epi32(_mm512_add_epi32(lack0, lack1), 7);
	return _mm512_reduce_add_epi32(_mm512_add_epi32(product0, lack0));
}

static uint64_t
hamming(const uint8_t *a, const uint8_t *b, int n)
{
	__m512i		sum = _mm512_setzero_si512();
	int			i;

	for (i = 0; i < n; i += 64)
	{
		__m512i		differ = _mm512_xor_si512(load_bytes(a, i, n), load_bytes(b, i, n));

		sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(differ));
	}
	return (uint64_t) _mm512_reduce_add_epi64(sum);
}

/* Some others beside a panel of bits, their number known when this is compiled */
GV_DISTANCE_INLINE void
hamming_tile(const uint8_t *panel, const uint8_t *const *b, const int n_b, int n, float *counts)
{
	__m512i		sum[PANEL_TILE];
	int			i = 0;

	for (int j = 0; j < n_b; j++)
		sum[j] = _mm512_setzero_si512();
	for (; i + 4 <= n; i += 4)
	{
		__m512i		x = _mm512_loadu_si512(panel + (size_t) i * GV_PANEL_ROWS);

		for (int j = 0; j < n_b; j++)
		{
			__m512i		y = _mm512_set1_epi32(four_bytes((const int8_t *) b[j] + i, 4));

			sum[j] = _mm512_add_epi32(sum[j], _mm512_popcnt_epi32(_mm512_xor_si512(x, y)));
		}
	}
	if (i < n)
	{
		__m512i		x = _mm512_loadu_si512(panel + (size_t) i * GV_PANEL_ROWS);

		for (int j = 0; j < n_b; j++)
		{
			__m512i		y = _mm512_set1_epi32(four_bytes((const int8_t *) b[j] + i, n - i));

			sum[j] = _mm512_add_epi32(sum[j], _mm512_popcnt_epi32(_mm512_xor_si512(x, y)));
		}
	}
	for (int j = 0; j < n_b; j++)
		_mm512_storeu_ps(counts + (size_t) j * GV_PANEL_ROWS, _mm512_cvtepi32_ps(sum[j]));
}

static void
panel_hamming(const uint8_t *panel, const uint8_t *const *b, int n_b, int n, float *counts)
{
	int			j = 0;

	for (; j + PANEL_TILE / 2 <= n_b; j += PANEL_TILE / 2)
		hamming_tile(panel, b + j, PANEL_TILE / 2, n, counts + j * GV_PANEL_ROWS);
	for (; j < n_b; j++)
		hamming_tile(panel, b + j, 1, n, counts + j * GV_PANEL_ROWS);
}

/* Two floats' product is exact in double, so that it may be fused with the sum */
static void
panel_sums_f32(const float *const *rows, const float *weights, int n, double *sums)
{
	__m512d		low = _mm512_loadu_pd(sums);
	__m512d		high = _mm512_loadu_pd(sums + 8);

	for (int i = 0; i < n; i++)
	{
		__m512d		weight = _mm512_set1_pd((double) weights[i]);

		low = _mm512_fmadd_pd(_mm512_cvtps_pd(_mm256_loadu_ps(rows[i])), weight, low);
		high = _mm512_fmadd_pd(_mm512_cvtps_pd(_mm256_loadu_ps(rows[i] + 8)), weight, high);
	}
	_mm512_storeu_pd(sums, low);
	_mm512_storeu_pd(sums + 8, high);
}

static void
panel_below_f32(const float *x, const float *bounds, int n, uint16_t *below)
{
	__m512		bound = _mm512_loadu_ps(bounds);

	for (int j = 0; j < n; j++)
		below[j] = (uint16_t) _mm512_cmp_ps_mask(_mm512_loadu_ps(x + (size_t) j * GV_PANEL_ROWS),
												 bound, _CMP_LT_OQ);
}

/* Elements of a pool that are looked at all together */
#define POOL_AT_ONCE 128

/* The lowest n bits, 8 at most */
GV_DISTANCE_INLINE __mmask8
low_bits8(int n)
{
	return (__mmask8) (n < 8 ? (1u << n) - 1 : 0xFF);
}

/*
 * Eight elements at a time, all of them: so there are no branches that depend on
 * the place, and an insertion reads by the same eight what the one before wrote.
 */
static int
pool_insert_new(GvPool *pool, float key, uint32_t id)
{
	uint64_t   *element = pool->element;
	uint64_t	new_element = gv_pool_element(key, id);
	const __m512i x = _mm512_set1_epi64((long long) new_element);
	const __m512i least = _mm512_set1_epi64((long long) (new_element >> 33 << 33));
	__m512i		before = _mm512_setzero_si512();
	int			n = pool->n;
	int			place = 0;

	if (n > POOL_AT_ONCE)
		return gv_pool_insert_new(pool, key, id);
	for (int i = 0; i < n; i += GV_POOL_STEP)
	{
		__m512i		known = _mm512_loadu_si512(element + i);

		place += __builtin_popcount(low_bits8(n - i) & _mm512_cmplt_epu64_mask(known, least));
	}
	if (place == pool->capacity)
		return -1;
	/* among others of the same key */
	if (place < n && (element[place] >> 33) == (new_element >> 33))
		return gv_pool_insert_new(pool, key, id);

	if (n < pool->capacity)
		pool->n++;
	for (int i = 0; i < pool->n; i += GV_POOL_STEP)
	{
		__m512i		known = _mm512_loadu_si512(element + i);
		__m512i		shifted = _mm512_alignr_epi64(known, before, 7);
		__mmask8	moves = (__mmask8) (_mm512_cmpgt_epu64_mask(known, x) | ~low_bits8(n - i));

		/* those that are greater make room: the first of them for the new one */
		_mm512_storeu_si512(element + i, _mm512_mask_max_epu64(known, moves, shifted, x));
		before = known;
	}
	if (place < pool->cursor)
		pool->cursor = place;
	return place;
}

static void
jaccard(const uint8_t *a, const uint8_t *b, int n, uint64_t *counts)
{
	__m512i		both = _mm512_setzero_si512();
	__m512i		in_a = _mm512_setzero_si512();
	__m512i		in_b = _mm512_setzero_si512();
	int			i;

	for (i = 0; i < n; i += 64)
	{
		__m512i		x = load_bytes(a, i, n);
		__m512i		y = load_bytes(b, i, n);

		both = _mm512_add_epi64(both, _mm512_popcnt_epi64(_mm512_and_si512(x, y)));
		in_a = _mm512_add_epi64(in_a, _mm512_popcnt_epi64(x));
		in_b = _mm512_add_epi64(in_b, _mm512_popcnt_epi64(y));
	}
	counts[0] = (uint64_t) _mm512_reduce_add_epi64(both);
	counts[1] = (uint64_t) _mm512_reduce_add_epi64(in_a);
	counts[2] = (uint64_t) _mm512_reduce_add_epi64(in_b);
}

static void
f32_to_f16(const float *a, GvHalf *out, int n)
{
	int			i;

	for (i = 0; i + 16 <= n; i += 16)
		_mm256_storeu_si256((__m256i *) (out + i),
							_mm512_cvtps_ph(load_f32(a + i), _MM_FROUND_TO_NEAREST_INT));
	if (i < n)
		_mm256_mask_storeu_epi16(out + i, low_bits16(n - i),
								 _mm512_cvtps_ph(load_tail_f32(a + i, n - i),
												 _MM_FROUND_TO_NEAREST_INT));
}

static void
f16_to_f32(const GvHalf *a, float *out, int n)
{
	int			i;

	for (i = 0; i + 16 <= n; i += 16)
		_mm512_storeu_ps(out + i, load_f16(a + i));
	if (i < n)
		_mm512_mask_storeu_ps(out + i, low_bits16(n - i), load_tail_f16(a + i, n - i));
}

/* The sums of a FastScan block: of lanes 0 to 15, and of lanes 16 to 31 */
typedef struct BlockSums
{
	__m512i		low;
	__m512i		high;
} BlockSums;

/*
 * Add the entries of sixteen lanes, four bytes a lane, to their sums: the byte
 * permutation takes the number of the byte in its lane as bits 4 and 5 of the
 * index into four tables, and ignores bits 6 and 7; the dot product with ones
 * adds the four entries.
 *
 * low, high: the tables of the low and of the high nibbles
 */
GV_DISTANCE_INLINE void
add_entries(__m512i code, __m512i low, __m512i high, __m512i *low_sums, __m512i *high_sums)
{
	const __m512i table = _mm512_set1_epi32(0x30201000);
	const __m512i nibble = _mm512_set1_epi8(0x0f);
	const __m512i one = _mm512_set1_epi8(1);
	__m512i		i;

	/* (code and nibble) or table */
	i = _mm512_ternarylogic_epi32(code, nibble, table, 0xea);
	*low_sums = _mm512_dpbusd_epi32(*low_sums, _mm512_permutexvar_epi8(i, low), one);
	i = _mm512_ternarylogic_epi32(_mm512_srli_epi16(code, 4), nibble, table, 0xea);
	*high_sums = _mm512_dpbusd_epi32(*high_sums, _mm512_permutexvar_epi8(i, high), one);
}

/* Eight groups at a time; the tables that four groups do not have hold zeros */
GV_DISTANCE_INLINE BlockSums
sum_block(const uint8_t *codes, const uint8_t *table, int n_groups)
{
	__m512i		low_sums[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
	__m512i		high_sums[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
	BlockSums	result;
	int			end = n_groups * GV_FASTSCAN_GROUP_BYTES;
	int			i;

	for (i = 0; i + GV_FASTSCAN_SQUARE_BYTES <= end; i += GV_FASTSCAN_SQUARE_BYTES)
	{
		__m512i		low = _mm512_loadu_si512(table + i);
		__m512i		high = _mm512_loadu_si512(table + i + 64);

		add_entries(_mm512_loadu_si512(codes + i), low, high, &low_sums[0], &high_sums[0]);
		add_entries(_mm512_loadu_si512(codes + i + 64), low, high, &low_sums[1], &high_sums[1]);
	}
	if (i < end)
	{
		__m512i		low = _mm512_maskz_loadu_epi64(0x0f, table + i);
		__m512i		high = _mm512_maskz_loadu_epi64(0x0f, table + i + 32);

		for (int k = 0; k < 2; k++)
		{
			__m256i		code = _mm256_loadu_si256((const __m256i *) (codes + i + 32 * k));

			add_entries(_mm512_cvtepu16_epi32(code), low, high, &low_sums[k], &high_sums[k]);
		}
	}
	result.low = _mm512_add_epi32(low_sums[0], high_sums[0]);
	result.high = _mm512_add_epi32(low_sums[1], high_sums[1]);
	return result;
}

static void
fastscan(const uint8_t *codes, const uint8_t *table, int n_groups, uint32_t *sums)
{
	BlockSums	block = sum_block(codes, table, n_groups);

	_mm512_storeu_si512(sums, block.low);
	_mm512_storeu_si512(sums + 16, block.high);
}

static void
fastscan_estimate(const uint8_t *codes, const uint8_t *table, int n_groups,
				  const GvHalf *add, const GvHalf *rescale, float base, float scale,
				  float mul, float bias, float *out)
{
	BlockSums	block = sum_block(codes, table, n_groups);

	store_estimates(_mm512_cvtepi32_ps(block.low), 0, add, rescale,
					base, scale, mul, bias, out);
	store_estimates(_mm512_cvtepi32_ps(block.high), 16, add, rescale,
					base, scale, mul, bias, out);
}

/* Sixteen 12-bit integers, from their high bytes and low nibbles */
GV_DISTANCE_INLINE __m512
join_int12(const uint8_t *high, __m128i low)
{
	__m512i		h = _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *) high));

	return _mm512_cvtepi32_ps(_mm512_or_si512(_mm512_slli_epi32(h, 4),
											  _mm512_cvtepu8_epi32(low)));
}

/* Most elements folded before the sums are emptied; see kernel_int12.h */
#define INT12_BLOCK 256

static float
l2_squared_f32_i12(const float *a, const uint8_t *b, float scale, int n)
{
	const uint8_t *low = b + n;
	const __m128i mask = _mm_set1_epi8(15);
	__m512		scales = _mm512_set1_ps(scale);
	__m512		total = _mm512_setzero_ps();

	for (int i = 0; i < n;)
	{
		int			end = i + INT12_BLOCK < n ? i + INT12_BLOCK : n;
		__m512		sum0 = _mm512_setzero_ps();
		__m512		sum1 = _mm512_setzero_ps();

		for (; i < end; i += 32, low += 16)
		{
			__m128i		nibbles = _mm_loadu_si128((const __m128i *) low);
			__m512		d = _mm512_fnmadd_ps(scales,
											 join_int12(b + i, _mm_and_si128(nibbles, mask)),
											 _mm512_loadu_ps(a + i));

			sum0 = _mm512_fmadd_ps(d, d, sum0);
			if (i + 16 < n)
			{
				nibbles = _mm_and_si128(_mm_srli_epi16(nibbles, 4), mask);
				d = _mm512_fnmadd_ps(scales, join_int12(b + i + 16, nibbles),
									 _mm512_loadu_ps(a + i + 16));
				sum1 = _mm512_fmadd_ps(d, d, sum1);
			}
		}
		total = _mm512_add_ps(total, _mm512_add_ps(sum0, sum1));
	}
	return _mm512_reduce_add_ps(total);
}

static void
sign_code(const float *x, const float *p, float weight, int dims, int code_dims,
		  uint8_t *code, float *sums)
{
	__m512		weights = _mm512_set1_ps(weight);
	__m512		n2 = _mm512_setzero_ps();
	__m512		l1 = _mm512_setzero_ps();
	__m512		signed_sum = _mm512_setzero_ps();
	int			i;

	for (i = 0; i < code_dims; i += 16)
	{
		__m512		c = _mm512_mul_ps(weights, _mm512_loadu_ps(p + i));
		__m512		e = _mm512_sub_ps(_mm512_loadu_ps(x + i), c);
		__mmask16	positive = _mm512_cmp_ps_mask(e, _mm512_setzero_ps(), _CMP_GT_OQ);

		n2 = _mm512_fmadd_ps(e, e, n2);
		l1 = _mm512_add_ps(l1, _mm512_abs_ps(e));
		signed_sum = _mm512_add_ps(signed_sum,
								   _mm512_mask_sub_ps(c, (__mmask16) ~positive,
													  _mm512_setzero_ps(), c));
		memcpy(code + i / 8, &positive, sizeof(positive));
	}
	for (; i < dims; i += 16)
	{
		__m512		e = _mm512_fnmadd_ps(weights, _mm512_loadu_ps(p + i),
										 _mm512_loadu_ps(x + i));

		n2 = _mm512_fmadd_ps(e, e, n2);
	}
	sums[0] = _mm512_reduce_add_ps(n2);
	sums[1] = _mm512_reduce_add_ps(l1);
	sums[2] = _mm512_reduce_add_ps(signed_sum);
}

#include "distance/kernel_columns.h"
#include "distance/kernel_widen.h"

typedef __m512i VecBits;

GV_DISTANCE_INLINE VecBits
bits_zero(void)
{
	return _mm512_setzero_si512();
}

GV_DISTANCE_INLINE VecBits
bits_add(VecBits x, uint32_t word, uint32_t value)
{
	return _mm512_mask_or_epi32(x, (__mmask16) word, x, _mm512_set1_epi32((int) value));
}

GV_DISTANCE_INLINE Vec
bits_to_vec(VecBits x)
{
	return _mm512_cvtepi32_ps(x);
}

#include "distance/kernel_planes.h"

GV_DISTANCE_INLINE Vec
vec_lower(Vec x, Vec y)
{
	return _mm512_min_ps(x, y);
}

GV_DISTANCE_INLINE float
vec_lowest(Vec x)
{
	return _mm512_reduce_min_ps(x);
}

GV_DISTANCE_INLINE int
vec_find(Vec x, Vec y)
{
	uint32_t	equal = _mm512_cmp_ps_mask(x, y, _CMP_EQ_OQ);

	return equal ? __builtin_ctz(equal) : -1;
}

#include "distance/kernel_lowest.h"

GV_DISTANCE_INLINE Vec
vec_set_bits(int32_t x)
{
	return _mm512_castsi512_ps(_mm512_set1_epi32(x));
}

GV_DISTANCE_INLINE uint32_t
vec_above(Vec x, Vec y)
{
	return _mm512_cmpgt_epi32_mask(_mm512_castps_si512(x), _mm512_castps_si512(y));
}

GV_DISTANCE_INLINE Vec
vec_least_above(Vec x, Vec y, Vec z)
{
	__m512i		a = _mm512_castps_si512(x);
	__m512i		c = _mm512_castps_si512(z);

	return _mm512_castsi512_ps(_mm512_mask_min_epi32(c, (__mmask16) vec_above(x, y), a, c));
}

#include "distance/kernel_between.h"

#define PRODUCTS_ROWS 8
#define PRODUCTS_VECS 2
#define PRODUCTS_LONE_VECS 4
#include "distance/kernel_products.h"

#define TABLE_NAME gv_distance_table_avx512
#define TABLE_LEVEL GV_SIMD_AVX512
#define TABLE_LABEL "avx512"
#include "distance/kernel_table.h"

#else

/* ISO C wants a declaration in every file */
typedef int GvKernelAvx512Unused;

#endif
