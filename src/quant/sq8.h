/*-------------------------------------------------------------------------
 *
 * sq8.h
 *		Scalar quantizer: one byte a dimension.
 *
 * Row x becomes p + scale * code, code being int8[dims] and scale the row's
 * own, so that its largest element fits.  After a rotation elements are alike,
 * and one scale is as good as one for each dimension.  With y the row as its
 * code has it and error = |x - y|
 *
 *		| |q - x| - |q - y| | <= error
 *
 * and |q - y|^2 is l2_squared_f32_i8(q - p, code, scale, dims).
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_QUANT_SQ8_H
#define GV_QUANT_SQ8_H

#include <math.h>
#include <stdint.h>

#include "distance/distance.h"

/* The factors of one code */
typedef struct GvSq8Factors
{
	float		scale;
	float		error;			/* rounded up; infinite if it is no number */
} GvSq8Factors;

/* A square distance and a bound below the true one */
typedef struct GvSq8Estimate
{
	float		estimate;
	float		lower;
} GvSq8Estimate;

/* Relative error of the kernel, and of rounding q - p: see distance.h */
static inline float
gv_sq8_rounding(int dims)
{
	return 1e-6f * (2 + dims / 1000.0f);
}

/*
 * Estimate a square distance.
 *
 * e: float[dims], q - p
 * norm: |e|
 */
static inline GvSq8Estimate
gv_sq8_estimate(const float *e, float norm, const int8_t *code, int dims,
				const GvSq8Factors *factors)
{
	GvSq8Estimate out;
	float		least;
	float		slack;

	out.estimate = gv_kernels->l2_squared_f32_i8(e, code, factors->scale, dims);
	/* what the kernel may be off by, in terms of |e| + |y - p| */
	slack = (2 * norm + sqrtf(out.estimate)) * sqrtf(gv_sq8_rounding(dims));
	least = sqrtf(out.estimate) - factors->error;
	out.lower = least > 0 ? least * least - slack * slack : 0;
	if (!(out.lower > 0))
		out.lower = 0;			/* also of what is no number */
	return out;
}

extern GvSq8Factors gv_sq8_encode(const float *x, const float *p, int dims, int8_t *code);

#endif							/* GV_QUANT_SQ8_H */
