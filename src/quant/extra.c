/*-------------------------------------------------------------------------
 *
 * extra.c
 *		Further bits of one-bit codes: finer estimates for few rows.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "quant/extra.h"
#include "quant/panels.h"

/*
 * Steps of the best uniform quantizer of a normal number with 2 to 8 bits, in
 * deviations: those of rotated elements are nearly normal.
 * Source: Max, IRE Trans. Inf. Theory 6(1), 1960, table II.
 */
static const float normal_step[GV_EXTRA_MAX_BITS + 1] = {
	1.596f, 0.9957f, 0.5860f, 0.3352f, 0.1881f, 0.1041f, 0.0569f, 0.0308f
};

/* Steps tried, in multiples of that: few dimensions are not normal */
static const float step_factor[] = {0.55f, 0.7f, 0.82f, 0.91f, 1.0f, 1.1f, 1.22f, 1.4f, 1.7f};

#define N_STEPS ((int) (sizeof(step_factor) / sizeof(step_factor[0])))

/* Lanes whose sums are kept apart, so that the compiler may compute them at once */
#define SUM_LANES 8

/* <e, y> and |y|^2 where the magnitudes of e become whole numbers of steps */
typedef struct Sums
{
	float		product;
	float		norm2;
} Sums;

static Sums
sum_steps(const float *magnitude, int n, float per_step, float top)
{
	float		product[SUM_LANES] = {0};
	float		norm2[SUM_LANES] = {0};
	Sums		sums = {0, 0};

	/* n is a multiple of 16 */
	for (int i = 0; i < n; i += SUM_LANES)
	{
		for (int l = 0; l < SUM_LANES; l++)
		{
			float		steps = magnitude[i + l] * per_step;
			float		y;

			steps = steps < top ? steps : top;
			y = (float) (int) steps + 0.5f;
			product[l] += magnitude[i + l] * y;
			norm2[l] += y * y;
		}
	}
	for (int l = 0; l < SUM_LANES; l++)
	{
		sums.product += product[l];
		sums.norm2 += norm2[l];
	}
	return sums;
}

/* The steps per unit with which y points most nearly where e does */
static float
choose_steps(const float *magnitude, int n, int n_bits, double norm2)
{
	float		top = (float) ((1 << n_bits) - 1);
	float		deviation = (float) sqrt(norm2 / n);
	float		best = 0;
	float		best_cosine = -1;

	for (int s = 0; s < N_STEPS; s++)
	{
		float		per_step = 1.0f / (normal_step[n_bits] * step_factor[s] * deviation);
		Sums		sums = sum_steps(magnitude, n, per_step, top);
		float		cosine = sums.product / sqrtf(sums.norm2);

		if (cosine > best_cosine)
		{
			best_cosine = cosine;
			best = per_step;
		}
	}
	return best;
}

/*
 * gv_extra_encode
 *		Compute the planes and factors of row x beside center p.
 *
 * x, p: float[dims], rotated, finite
 * dims: dimensions of x and p, at least code_dims; both multiples of 16
 * n_bits: 0 to GV_EXTRA_MAX_BITS, besides the sign
 * planes: uint8[n_bits + 1][code_dims / 8], written; the last has the signs, as
 *		gv_rabitq_encode finds them with weight 1
 * scratch: float[code_dims]
 *
 * A row that is its center, or so near or far that its factors are no numbers,
 * gets factors of zero and an infinite error, unless it is the center: then its
 * error is zero.
 */
GvExtraFactors
gv_extra_encode(const float *x, const float *p, int dims, int code_dims, int n_bits,
				uint8_t *planes, float *scratch)
{
	GvExtraFactors factors = {0, 0, 0};
	size_t		stride = (size_t) code_dims / 8;
	uint32_t	top = (1u << n_bits) - 1;
	double		n2 = 0;
	double		coded2 = 0;
	double		xy = 0;
	double		py = 0;
	double		yy = 0;
	float		largest = 0;
	float		per_step = 0;
	float		scale;

	for (int i = 0; i < dims; i++)
	{
		float		e = fabsf(x[i] * 0.5f - p[i] * 0.5f);

		largest = e > largest ? e : largest;
	}
	/* magnitudes about 1, so that their squares are normal numbers */
	scale = gv_panels_scale(largest) * 0.5f;
	for (int i = 0; i < dims; i++)
	{
		double		e = (double) x[i] - p[i];

		n2 += e * e;
		if (i >= code_dims)
			continue;
		scratch[i] = (float) (fabs(e) * scale);
		coded2 += (double) scratch[i] * scratch[i];
	}
	memset(planes, 0, stride * (n_bits + 1));
	if (coded2 > 0)
		per_step = choose_steps(scratch, code_dims, n_bits, coded2);
	for (int i = 0; i < code_dims; i++)
	{
		/* as the kernel sign_code rounds it */
		float		e = x[i] - p[i];
		float		steps = scratch[i] * per_step;
		uint32_t	m = steps < (float) top ? (uint32_t) steps : top;
		uint32_t	u = e > 0 ? top + 1 + m : top - m;
		double		y = u - (top + 0.5);

		for (int b = 0; b <= n_bits; b++)
			planes[b * stride + i / 8] |= (uint8_t) ((u >> b & 1) << (i % 8));
		xy += ((double) x[i] - p[i]) * y;
		py += p[i] * y;
		yy += y * y;
	}
	if (xy > 0)
	{
		double		rest = n2 * yy / (xy * xy) - 1;

		factors.rescale = (float) (-2 * n2 / xy);
		factors.add = (float) (n2 + 2 * n2 / xy * py);
		factors.error = (float) (2 * sqrt(n2) * sqrt(rest > 0 ? rest : 0) /
								 sqrt(dims > 1 ? dims - 1 : 1));
	}
	if ((n2 > 0 && !(xy > 0)) || !isfinite(factors.add) || !isfinite(factors.rescale) ||
		!isfinite(factors.error))
	{
		factors.add = factors.rescale = 0;
		factors.error = INFINITY;
	}
	return factors;
}
