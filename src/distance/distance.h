/*-------------------------------------------------------------------------
 *
 * distance.h
 *		Contract of the distance kernels.
 *
 * Plain C: no PostgreSQL header, no allocation, no error.  Every kernel takes
 * pointers and a length.  Input may be unaligned and is never read beyond n
 * elements.  Lengths may be zero.  An output overlaps no input.
 *
 * Numeric contract, for every instruction set:
 *	- float32 input is accumulated in float32, in any order; the result is
 *	  within 1e-6 * (1 + n / 1000) * sum |term| of the long double result.
 *	- float16 input is widened to float32 exactly, then treated the same way.
 *	- the scaled kernels round the product before or after the difference, so
 *	  there |term| stands for (|a[i]| + |scale * b[i]|)^2.  The scale is finite.
 *	- integer and bit kernels are exact.
 *	- NaN in gives NaN out; overflow gives infinity, and NaN where infinities of
 *	  both signs meet.  Cosine kernels return sums, so the caller decides what a
 *	  zero norm means; equal vectors give three equal sums.
 *	- conversions, fastscan_estimate and hadamard are bit-identical at every
 *	  level, but for the payload of a NaN that arithmetic makes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_DISTANCE_H
#define GV_DISTANCE_H

#include <stdbool.h>
#include <stdint.h>

/* IEEE 754 binary16, as bits */
typedef uint16_t GvHalf;

/* Instruction sets, in rising order within one architecture */
typedef enum GvSimdLevel
{
	GV_SIMD_SCALAR = 0,
	GV_SIMD_AVX2,				/* AVX2, FMA and F16C */
	GV_SIMD_AVX512,				/* AVX-512 F, BW, DQ, VL, VBMI, VNNI, VPOPCNTDQ */
	GV_SIMD_NEON
} GvSimdLevel;

/* Lanes of one FastScan block */
#define GV_FASTSCAN_LANES 32

/* Bytes of one FastScan group: 32 lanes of 4 bits, or a table of 16 entries */
#define GV_FASTSCAN_GROUP_BYTES 16

/* Groups whose codes and tables lie together, and the bytes of either */
#define GV_FASTSCAN_SQUARE_GROUPS 8
#define GV_FASTSCAN_SQUARE_BYTES (GV_FASTSCAN_SQUARE_GROUPS * GV_FASTSCAN_GROUP_BYTES)

/* Largest number of groups the FastScan kernel takes */
#define GV_FASTSCAN_MAX_GROUPS 16384

/* Vectors of one panel of products_f32 */
#define GV_PRODUCTS_PANEL 16

/* Largest number of dimensions of the kernels over columns */
#define GV_COLUMNS_MAX_DIM 64

/* Bytes of n 12-bit integers as l2_squared_f32_i12 takes them */
#define GV_INT12_BYTES(n) ((n) + ((n) + 31) / 32 * 16)

/* Points that lie side by side in a panel */
#define GV_PANEL_ROWS 16

struct GvPool;

/* Sixteen points of int8, and what else belongs to their keys; see panel_keys_i8 */
typedef struct GvPanelI8
{
	uint8_t    *bytes;			/* uint8[(n + 3) / 4][16][4]: element + 128, those after
								 * the last any */
	float		norm2[GV_PANEL_ROWS];
	float		bias[GV_PANEL_ROWS];
	float		factor[GV_PANEL_ROWS];
	float		bound[GV_PANEL_ROWS];
} GvPanelI8;

/* A point beside a panel */
typedef struct GvPanelOther
{
	const int8_t *element;
	int32_t		sum;			/* of its elements */
	float		unit;
	float		norm2;
	float		bias;
} GvPanelOther;

/*
 * The table of kernels of one instruction set.
 *
 * a, b: n elements each
 */
typedef struct GvKernels
{
	GvSimdLevel level;
	const char *name;			/* "scalar", "avx2", "avx512" or "neon" */

	/* float32 */
	float		(*l2_squared_f32) (const float *a, const float *b, int n);
	float		(*inner_product_f32) (const float *a, const float *b, int n);
	float		(*l1_f32) (const float *a, const float *b, int n);
	float		(*linf_f32) (const float *a, const float *b, int n);
	/* sums[0] = <a,b>, sums[1] = <a,a>, sums[2] = <b,b> */
	void		(*cosine_f32) (const float *a, const float *b, int n, float *sums);

	/*
	 * Products of many vectors with many others, which lie in panels of 16,
	 * element by element
	 *
	 * a: float32[n_a][n], by pointers
	 * b: float32[n_panels][n][16]
	 * products: float32[n_a][16 * n_panels], written
	 *
	 * Within 1e-6 * (4 + n / 1000) * sum |term|.  Each product is added up in
	 * the order of its elements, so it has the same bits whatever n_a and
	 * n_panels, and at every level but the scalar one, which cannot fuse.
	 */
	void		(*products_f32) (const float *const *a, int n_a, const float *b,
								 int n_panels, int n, float *products);

	/*
	 * Distances of n points, kept column by column, from one query; each equals
	 * that of the kernel of two arrays at the same level, to the last bit but
	 * the sign of a zero.
	 *
	 * columns: float32[dim][stride], the first n of each row count
	 * query: float32[dim], 1 <= dim <= GV_COLUMNS_MAX_DIM
	 * out: float32[n], written; ab = <query, point>, bb = <point, point>
	 */
	void		(*columns_l2_squared) (const float *columns, int stride, const float *query,
									   int dim, int n, float *out);
	void		(*columns_l1) (const float *columns, int stride, const float *query,
							   int dim, int n, float *out);
	void		(*columns_linf) (const float *columns, int stride, const float *query,
								 int dim, int n, float *out);
	void		(*columns_cosine) (const float *columns, int stride, const float *query,
								   int dim, int n, float *ab, float *bb);

	/*
	 * Distances of n boxes from a query, 0 inside.  low and high are columns as
	 * above.  Every operation is monotone, so none is greater than what the
	 * kernels above give for a point of the box at the same level.
	 */
	void		(*boxes_l2_squared) (const float *low, const float *high, int stride,
									 const float *query, int dim, int n, float *out);
	void		(*boxes_l1) (const float *low, const float *high, int stride,
							 const float *query, int dim, int n, float *out);
	void		(*boxes_linf) (const float *low, const float *high, int stride,
							   const float *query, int dim, int n, float *out);

	/*
	 * The lowest of the differences a[i] - b[i], n a multiple of 16 above 0;
	 * returns the first place it is at.  Differences that are NaN or above
	 * FLT_MAX are passed over; with none left, place 0 and FLT_MAX.
	 */
	int			(*lowest_difference_f32) (const float *a, const float *b, int n, float *lowest);

	/*
	 * Of numbers that are not negative, n a multiple of 16, those in an interval
	 * of their bits, which order as they do: above after and up to limit.  -1 is
	 * below all.  NaN is above all, or below if it has a sign.
	 *
	 * leasts_f32: leasts[j] is the least above after of all x[i], i % 16 = j;
	 * INT32_MAX if there is none.
	 * between_f32: writes the places of those in the interval, in order, and
	 * returns how many; *rest is the least above limit, INT32_MAX if there is none.
	 */
	void		(*leasts_f32) (const float *x, int n, int32_t after, int32_t *leasts);
	int			(*between_f32) (const float *x, int n, int32_t after, int32_t limit,
								uint16_t *places, int32_t *rest);

	/* float16 */
	float		(*l2_squared_f16) (const GvHalf *a, const GvHalf *b, int n);
	float		(*inner_product_f16) (const GvHalf *a, const GvHalf *b, int n);
	float		(*l1_f16) (const GvHalf *a, const GvHalf *b, int n);
	float		(*linf_f16) (const GvHalf *a, const GvHalf *b, int n);
	void		(*cosine_f16) (const GvHalf *a, const GvHalf *b, int n, float *sums);

	/* float32 query a against scaled float16 b: sum (a[i] - scale * b[i])^2 */
	float		(*l2_squared_f32_f16) (const float *a, const GvHalf *b, float scale, int n);
	/* float32 query a against float16 b: sum a[i] * b[i] (unscaled) */
	float		(*inner_product_f32_f16) (const float *a, const GvHalf *b, int n);
	/* float32 query a against scaled int8 b: sum (a[i] - scale * b[i])^2 */
	float		(*l2_squared_f32_i8) (const float *a, const int8_t *b, float scale, int n);

	/*
	 * float32 query a against scaled 12-bit integers b: sum (a[i] - scale *
	 * b[i])^2, n a multiple of 16.
	 *
	 * b: int8 high[n], then the low four bits in blocks of 16 bytes for 32
	 * elements, byte j those of element j (lower half) and j + 16; element i is
	 * 16 * high[i] + low[i].  GV_INT12_BYTES(n) bytes in all.
	 */
	float		(*l2_squared_f32_i12) (const float *a, const uint8_t *b, float scale, int n);

	/*
	 * float32 query a against integers of n_planes bits: sum a[i] * b[i], n a
	 * multiple of 16, n_planes 0 to 8
	 *
	 * planes: uint8[n_planes][n / 8]; bit i of plane p, lowest first in each
	 * byte, is worth 2^p in b[i]
	 */
	float		(*inner_product_f32_planes) (const float *a, const uint8_t *planes, int n_planes,
											 int n);

	/*
	 * int8 products in int32, exact where the result fits: for every input up
	 * to n = 131071 and 33025; without -128, up to 133144 and 33286
	 */
	int32_t		(*inner_product_i8) (const int8_t *a, const int8_t *b, int n);
	int32_t		(*l2_squared_i8) (const int8_t *a, const int8_t *b, int n);

	/*
	 * The same products of a with n_b others at once
	 *
	 * b: int8[n_b][n], by pointers
	 * products: int32[n_b], written
	 */
	void		(*inner_products_i8) (const int8_t *a, const int8_t *const *b, int n_b, int n,
									  int32_t *products);

	/*
	 * The keys of n_others points with each of sixteen that lie side by side:
	 * norm2 + norm2' - factor * unit' * (product + bias + bias'), no less than
	 * 0; one of n elements in each
	 *
	 * keys: float[n_others][16], written
	 * near: uint16[n_others], written: bit r says that the key is below bound[r]
	 *
	 * The products are exact up to n = 33025; what follows is float arithmetic.
	 */
	void		(*panel_keys_i8) (const GvPanelI8 *panel, const GvPanelOther *others,
								  int n_others, int n, float *keys, uint16_t *near);

	/*
	 * Bits, n bytes: the number of those that differ from each of sixteen that
	 * lie side by side
	 *
	 * panel: uint8[(n + 3) / 4][16][4], those after the last zero
	 * b: uint8[n_b][n], by pointers
	 * counts: float[n_b][16], written; exact up to n = 2097152
	 */
	void		(*panel_hamming) (const uint8_t *panel, const uint8_t *const *b, int n_b, int n,
								  float *counts);

	/*
	 * sums[r] += rows[0][r] * weights[0], then that of 1 and so on, the same at
	 * every level to the last bit
	 *
	 * rows: float[n][16], by pointers
	 * sums: double[16]
	 */
	void		(*panel_sums_f32) (const float *const *rows, const float *weights, int n,
								   double *sums);

	/*
	 * Which of sixteen numbers are below bounds: bit r of below[j] says that
	 * x[j][r] < bounds[r]
	 *
	 * x: float[n][16]
	 * bounds: float[16]
	 * below: uint16[n], written
	 */
	void		(*panel_below_f32) (const float *x, const float *bounds, int n, uint16_t *below);

	/*
	 * gv_pool_insert_new of base/pool.h, the same at every level; element has
	 * room for a multiple of GV_POOL_STEP numbers, what is beyond the pool's is
	 * written, too
	 */
	int			(*pool_insert_new) (struct GvPool *pool, float key, uint32_t id);

	/* bits, n bytes: number of differing bits */
	uint64_t	(*hamming) (const uint8_t *a, const uint8_t *b, int n);
	/* counts[0] = |a and b|, counts[1] = |a|, counts[2] = |b| */
	void		(*jaccard) (const uint8_t *a, const uint8_t *b, int n, uint64_t *counts);

	/* conversions; to float16 rounds to nearest even, overflow to infinity */
	void		(*f32_to_f16) (const float *a, GvHalf *out, int n);
	void		(*f16_to_f32) (const GvHalf *a, float *out, int n);

	/*
	 * Integers in two planes to float32: out[i] = scale * (16 * high[i] +
	 * low[i]), low in blocks as in l2_squared_f32_i12, n a multiple of 16; and
	 * scale * (256 * high[i] + low[i]), a byte each
	 */
	void		(*i12_to_f32) (const int8_t *high, const uint8_t *low, float scale,
							   float *out, int n);
	void		(*i16_to_f32) (const int8_t *high, const uint8_t *low, float scale,
							   float *out, int n);

	/*
	 * FastScan: sums of table entries for a block of 32 codes.
	 *
	 * codes: uint8[n_groups * 16]: of each eight groups uint8[32][4], four
	 * bytes a lane, byte b with the numbers of groups 2b (low nibble) and
	 * 2b + 1 (high); of four groups left over uint8[32][2] likewise
	 * table: uint8[n_groups][16], tables of 16 entries, that of a group at
	 * gv_fastscan_table_place
	 * sums: uint32[32], written: sums[lane] = sum over groups of the entry of
	 * the lane's number in the group's table
	 *
	 * n_groups is a multiple of 4, at most GV_FASTSCAN_MAX_GROUPS.
	 * Source: Andre, Kermarrec, Le Scouarnec, VLDB 9(4), 2015.
	 */
	void		(*fastscan) (const uint8_t *codes, const uint8_t *table,
							 int n_groups, uint32_t *sums);

	/*
	 * One FastScan block turned into distance estimates.
	 *
	 * add, rescale: float16[32], the factors of each lane
	 * out: float32[32], written:
	 * out[lane] = base + scale * (add[lane] + rescale[lane] *
	 * (mul * sums[lane] + bias)), the sums as in fastscan
	 */
	void		(*fastscan_estimate) (const uint8_t *codes, const uint8_t *table,
									  int n_groups, const GvHalf *add,
									  const GvHalf *rescale, float base, float scale,
									  float mul, float bias, float *out);

	/*
	 * One-bit code of x around a center, weight * p: with e = x - weight * p,
	 * bit i is e[i] > 0, for the first code_dims elements.
	 *
	 * x, p: float32[dims]; dims and code_dims are multiples of 16, code_dims at
	 * most dims
	 * code: uint8[code_dims / 8], written: eight bits each, lowest first
	 * sums: written: sum e[i]^2 over dims; sum |e[i]| over code_dims; sum of
	 * weight * p[i] with the sign of the bit over code_dims; these within 1e-6 *
	 * (1 + dims / 100) * sum |term|
	 */
	void		(*sign_code) (const float *x, const float *p, float weight, int dims,
							  int code_dims, uint8_t *code, float *sums);

	/*
	 * Unnormalised fast Walsh-Hadamard transform in place.
	 *
	 * x: float32[n], n a power of two from 1 to 2^20
	 */
	void		(*hadamard) (float *x, int n);
} GvKernels;

/*
 * Which of the tables of n_groups groups is that of one: of the eight groups
 * whose codes lie together, or the four left over, first those in low nibbles.
 */
static inline int
gv_fastscan_table_place(int group, int n_groups)
{
	int			first = group - group % GV_FASTSCAN_SQUARE_GROUPS;
	int			n_low = n_groups - first < GV_FASTSCAN_SQUARE_GROUPS ?
		(n_groups - first) / 2 : GV_FASTSCAN_SQUARE_GROUPS / 2;

	return first + group % 2 * n_low + (group - first) / 2;
}

/* The kernels in use; never NULL, the scalar table before gv_distance_init */
extern const GvKernels *gv_kernels;

extern void gv_distance_init(void);
extern bool gv_distance_level_supported(GvSimdLevel level);
extern const GvKernels *gv_distance_kernels(GvSimdLevel level);
extern bool gv_distance_set_level(GvSimdLevel level);
extern GvSimdLevel gv_distance_best_level(void);

#endif							/* GV_DISTANCE_H */
