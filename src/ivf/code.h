/*-------------------------------------------------------------------------
 *
 * code.h
 *		Codes of rows, and blocks of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_IVF_CODE_H
#define GV_IVF_CODE_H

#include "postgres.h"

#include "ivf/index.h"

/* Estimates of a block's squared distances, and what they may be off by */
typedef struct GvIvfEstimates
{
	float		estimate[GV_FASTSCAN_LANES];
	float		lower[GV_FASTSCAN_LANES];
} GvIvfEstimates;

/* The factors of a code, as blocks keep them */
typedef struct GvIvfFactors
{
	GvHalf		add;
	GvHalf		rescale;
	GvHalf		error;
} GvIvfFactors;

/*
 * A bound is so many deviations below the estimate; one row in 160 is farther
 * off.  sift-bsds-200k, 447 lists, 40 probes, ivfpq: recall@10 and rows taken
 * from the table .9637 and 110 at 1.5, .9767 and 181 at 2, .9793 and 455 at 3
 * (2026-11-21, an AVX-512 machine).
 */
#define GV_IVF_ERROR_DEVIATIONS 2.5f

/* A factor near zero is off by so much for float16's rounding, whatever it is */
#define GV_IVF_LEAST_ROUNDING 3e-8f

/* In few dimensions errors are not normal: so many deviations more, divided by them */
#define GV_IVF_FEW_DIMENSIONS 32.0f

static inline float
gv_ivf_error_deviations(int dims)
{
	return GV_IVF_ERROR_DEVIATIONS + GV_IVF_FEW_DIMENSIONS / dims;
}

extern void gv_ivf_set_factors(GvIvfFactors *factors, const float *f);
extern void gv_ivf_encode(const float *z, const float *p, int dims, int code_dims,
						  float key_bias, uint8 *code, GvIvfFactors *factors);
extern void gv_ivf_estimate(const GvRabitqQuery *query, const uint8 *codes,
							const GvHalf *add, const GvHalf *rescale, const GvHalf *error,
							float base, float slack, GvIvfEstimates *out);

#endif							/* GV_IVF_CODE_H */
