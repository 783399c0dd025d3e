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
 * code: uint8[code_dims / 8], written
 */
void
gv_ivf_encode(const float *z, const float *p, int dims, int code_dims, float key_bias,
			  uint8 *code, GvIvfFactors *factors)
{
	float		sums[3];
	float		f[3] = {key_bias, 0, 0};

	gv_kernels->sign_code(z, p, 1.0f, dims, code_dims, code, sums);
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
