/*-------------------------------------------------------------------------
 *
 * extra.h
 *		Further bits of one-bit codes: finer estimates for few rows.
 *
 * With the sign of each element of x - p, as in rabitq.h, go n_bits of its
 * magnitude: together the element becomes y = u - (2^n_bits - 1/2), where u
 * has n_bits + 1 bits, the highest of them the sign.  With n2 = |x - p|^2
 *
 *		|q - x|^2  ~  |q - p|^2 + add + rescale * <q, y>
 *		rescale = -2 n2 / <x - p, y>,  add = n2 - rescale * <p, y>
 *
 * has no bias over rotations, as the estimate by signs has none, and is off by
 * a nearly normal number of deviation error * |q - p|.  The bits lie in planes
 * (see inner_product_f32_planes); that of the signs is the one-bit code itself,
 * eight to a byte, hence not kept again.
 * Source: Gao, Gou, Xu, Yang, Long, Wong, SIGMOD 2025 (RaBitQ with more bits).
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_QUANT_EXTRA_H
#define GV_QUANT_EXTRA_H

#include <stddef.h>
#include <stdint.h>

#include "distance/distance.h"

/* Most further bits */
#define GV_EXTRA_MAX_BITS 7

/* The factors of one code */
typedef struct GvExtraFactors
{
	float		add;
	float		rescale;
	float		error;
} GvExtraFactors;

/* Bytes of the planes of further bits, without or with that of the signs */
static inline size_t
gv_extra_bytes(int code_dims, int n_planes)
{
	return (size_t) n_planes * (code_dims / 8);
}

/* Sum of the elements of a rotated query, for gv_extra_estimate */
static inline float
gv_extra_query_sum(const float *q, int code_dims)
{
	double		sum = 0;

	for (int i = 0; i < code_dims; i++)
		sum += q[i];
	return (float) sum;
}

/*
 * Estimate a square distance.
 *
 * q: float[code_dims], rotated; sum of its elements
 * planes: uint8[n_bits + 1][code_dims / 8], that of the signs last
 * base: |q - p|^2
 */
static inline float
gv_extra_estimate(const float *q, float sum, const uint8_t *planes, int n_bits, int code_dims,
				  const GvExtraFactors *factors, float base)
{
	float		product = gv_kernels->inner_product_f32_planes(q, planes, n_bits + 1, code_dims);

	product -= ((float) (1 << n_bits) - 0.5f) * sum;
	return base + (factors->add + factors->rescale * product);
}

/*
 * The same, with the inner product of q and the signs, +1 and -1, known.
 *
 * planes: uint8[n_bits][code_dims / 8], without that of the signs
 */
static inline float
gv_extra_estimate_after(const float *q, float sum, const uint8_t *planes, int n_bits,
						int code_dims, const GvExtraFactors *factors, float base,
						float sign_product)
{
	float		product = gv_kernels->inner_product_f32_planes(q, planes, n_bits, code_dims);
	float		half_top = (float) (1 << n_bits) * 0.5f;

	/* a sign's bit is (sign + 1) / 2, and y = u - (2 half_top - 1/2) */
	product += half_top * sign_product - (half_top - 0.5f) * sum;
	return base + (factors->add + factors->rescale * product);
}

extern GvExtraFactors gv_extra_encode(const float *x, const float *p, int dims, int code_dims,
									  int n_bits, uint8_t *planes, float *scratch);

#endif							/* GV_QUANT_EXTRA_H */
