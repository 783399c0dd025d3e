/*-------------------------------------------------------------------------
 *
 * code.c
 *		Codes of rows, and blocks of them.
 *
 * A code is what quant/rabitq.h says, centred on the centroid of the list.  A
 * third factor bounds the error of an estimate: with r = l1 / sqrt(n2
 * code_dims), the part of x - p that its code keeps, the estimate of
 * |q - x|^2 is off by a normal number of deviation
 *
 *		2 |q - p| |x - p| sqrt(1 - r^2) / r / sqrt(dims - 1)
 *
 * Source: Gao, Long, SIGMOD 2024, theorem 3.2.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "ivf/code.h"

/* Factors beyond this have no float16; such rows are always looked at */
#define MAX_FACTOR 60000.0f

/* Infinity as float16 */
#define HALF_INFINITY 0x7C00

/* Factors are rounded to float16: a relative error of 2^-11, here of a sum of two */
#define FACTOR_ROUNDING 1e-3f

/*
 * gv_ivf_set_factors
 *		Round factors, f: add, rescale, error.
 */
void
gv_ivf_set_factors(GvIvfFactors *factors, const float *f)
{
	if (fabsf(f[0]) <= MAX_FACTOR && fabsf(f[1]) <= MAX_FACTOR && f[2] <= MAX_FACTOR)
	{
		GvHalf		half[3];

		gv_kernels->f32_to_f16(f, half, 3);
		factors->add = half[0];
		factors->rescale = half[1];
		factors->error = half[2];
	}
	else
	{
		factors->add = factors->rescale = 0;
		factors->error = HALF_INFINITY;
	}
}

/*
 * gv_ivf_encode
 *		Compute the code and factors of point z beside centroid p.
 *
 * z, p: float[dims]; code_dims of them are in the code
 * key_bias: added to all squared distances of the row
 * nibbles: uint8[code_dims / 4], written
 */
void
gv_ivf_encode(const float *z, const float *p, int dims, int code_dims, float key_bias,
			  uint8 *nibbles, GvIvfFactors *factors)
{
	float		sums[3];
	float		f[3] = {key_bias, 0, 0};

	gv_kernels->sign_code(z, p, 1.0f, dims, code_dims, nibbles, sums);
	if (sums[1] > 0)
	{
		double		n2 = sums[0];
		double		ratio = n2 / sums[1];
		double		r2 = (double) sums[1] * sums[1] / (n2 * code_dims);

		r2 = Max(Min(r2, 1.0), 1e-6);
		f[0] = (float) (n2 + 2 * ratio * sums[2] + key_bias);
		f[1] = (float) (-2 * ratio);
		f[2] = (float) (2 * sqrt(n2) * sqrt((1 - r2) / r2 / Max(dims - 1, 1)) *
						gv_ivf_error_deviations(dims));
	}
	gv_ivf_set_factors(factors, f);
}

/* gv_ivf_pack_nibbles, gv_ivf_unpack_nibbles: a code by itself has two in a byte */
void
gv_ivf_pack_nibbles(const uint8 *nibbles, int code_dims, uint8 *code)
{
	for (int i = 0; i < code_dims / 8; i++)
		code[i] = nibbles[2 * i] | (nibbles[2 * i + 1] << 4);
}

void
gv_ivf_unpack_nibbles(const uint8 *code, int code_dims, uint8 *nibbles)
{
	for (int i = 0; i < code_dims / 8; i++)
	{
		nibbles[2 * i] = code[i] & 0x0F;
		nibbles[2 * i + 1] = code[i] >> 4;
	}
}

/*
 * Turn eight words of eight bytes by their diagonal: byte j of word i becomes
 * byte i of word j.
 */
static inline void
transpose_bytes(uint64 *w)
{
	for (int i = 0; i < 4; i++)
	{
		uint64		t = ((w[i] >> 32) ^ w[i + 4]) & UINT64CONST(0x00000000FFFFFFFF);

		w[i + 4] ^= t;
		w[i] ^= t << 32;
	}
	for (int i = 0; i < 8; i += (i & 1) ? 3 : 1)
	{
		uint64		t = ((w[i] >> 16) ^ w[i + 2]) & UINT64CONST(0x0000FFFF0000FFFF);

		w[i + 2] ^= t;
		w[i] ^= t << 16;
	}
	for (int i = 0; i < 8; i += 2)
	{
		uint64		t = ((w[i] >> 8) ^ w[i + 1]) & UINT64CONST(0x00FF00FF00FF00FF);

		w[i + 1] ^= t;
		w[i] ^= t << 8;
	}
}

/*
 * gv_ivf_make_block
 *		Make a FastScan block of codes that lie row by row.
 *
 * codes: uint8[n][code_dims / 8], n at most 32; lanes beyond are zero
 * block: uint8[code_dims / 4][16], written; does not overlap
 */
void
gv_ivf_make_block(const uint8 *codes, int n, int code_dims, uint8 *block)
{
	int			n_bytes = code_dims / 8;

	for (int base = 0; base < n_bytes; base += 8)
	{
		int			width = Min(8, n_bytes - base);
		uint8		column[8][GV_FASTSCAN_LANES];

		/* eight lanes and eight bytes at a time */
		for (int lanes = 0; lanes < GV_FASTSCAN_LANES; lanes += 8)
		{
			uint64		w[8] = {0};

			for (int j = 0; j < 8 && lanes + j < n; j++)
				memcpy(&w[j], codes + (Size) (lanes + j) * n_bytes + base, width);
#ifdef WORDS_BIGENDIAN
			for (int i = 0; i < 8; i++)
			{
				for (int j = 0; j < 8; j++)
					column[i][lanes + j] = ((uint8 *) &w[j])[i];
			}
#else
			transpose_bytes(w);
			for (int i = 0; i < 8; i++)
				memcpy(&column[i][lanes], &w[i], 8);
#endif
		}
		for (int i = 0; i < width; i++)
		{
			uint8	   *group = block + (base + i) * 2 * GV_FASTSCAN_GROUP_BYTES;
			const uint8 *c = column[i];

			for (int j = 0; j < 16; j++)
				group[j] = (uint8) ((c[j] & 0x0F) | (c[j + 16] << 4));
			for (int j = 0; j < 16; j++)
				group[16 + j] = (uint8) ((c[j] >> 4) | (c[j + 16] & 0xF0));
		}
	}
}

/*
 * gv_ivf_split_block
 *		The reverse: the 32 codes of a FastScan block row by row.
 */
void
gv_ivf_split_block(const uint8 *block, int code_dims, uint8 *codes)
{
	int			n_bytes = code_dims / 8;

	for (int i = 0; i < n_bytes; i++)
	{
		const uint8 *group = block + i * 2 * GV_FASTSCAN_GROUP_BYTES;

		for (int j = 0; j < 16; j++)
		{
			codes[(Size) j * n_bytes + i] =
				(uint8) ((group[j] & 0x0F) | (group[16 + j] << 4));
			codes[(Size) (j + 16) * n_bytes + i] =
				(uint8) ((group[j] >> 4) | (group[16 + j] & 0xF0));
		}
	}
}

/*
 * gv_ivf_estimate
 *		Estimate the squared distances of a block, and bounds below them.
 *
 * codes: a FastScan block
 * base: squared distance of query and centroid
 * slack: their distance, and a little of the query's length, for the rounding of
 * the query's table
 */
void
gv_ivf_estimate(const GvRabitqQuery *query, const uint8 *codes, const GvHalf *add,
				const GvHalf *rescale, const GvHalf *error, float base, float slack,
				GvIvfEstimates *out)
{
	float		adds[GV_FASTSCAN_LANES];
	float		errors[GV_FASTSCAN_LANES];

	gv_kernels->fastscan_estimate(codes, query->table, query->n_groups, add, rescale, base,
								  1.0f, query->mul, query->bias, out->estimate);
	gv_kernels->f16_to_f32(add, adds, GV_FASTSCAN_LANES);
	gv_kernels->f16_to_f32(error, errors, GV_FASTSCAN_LANES);
	for (int i = 0; i < GV_FASTSCAN_LANES; i++)
		out->lower[i] = out->estimate[i] - errors[i] * slack -
			FACTOR_ROUNDING * (base + fabsf(adds[i])) - GV_IVF_LEAST_ROUNDING;
}
