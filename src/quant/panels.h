/*-------------------------------------------------------------------------
 *
 * panels.h
 *		Centroids in panels of 16, and the nearest of them.
 *
 * Centroids and rows are shifted and scaled first: x' = scale * (x - origin),
 * origin near the middle of the centroids, scale a power of two that makes
 * their elements about 1.  So |c'|^2 / 2 - <x', c'>, whose order is that of
 * |x - c|^2, keeps its precision far from zero, and overflows for no input.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_QUANT_PANELS_H
#define GV_QUANT_PANELS_H

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "distance/distance.h"

/* Shifted and scaled elements are cut off here: their squares stay finite */
#define GV_PANELS_MAX_ELEMENT 1e15f

/* Score of a lane that holds no centroid */
#define GV_PANELS_NO_SCORE FLT_MAX

/* The nearest found so far */
typedef struct GvPanelsBest
{
	float		score;			/* |c'|^2 / 2 - <x', c'> */
	uint32_t	number;
} GvPanelsBest;

/* Bytes of memory for "size" bytes and what aligns the next to 64 */
static inline size_t
gv_panels_round_up(size_t size)
{
	return (size + 63) / 64 * 64;
}

/* Panels that hold n centroids */
static inline int
gv_panels_count(uint32_t n)
{
	return (int) ((n + GV_PRODUCTS_PANEL - 1) / GV_PRODUCTS_PANEL);
}

/* The power of two that brings elements up to "largest" near 1 */
static inline float
gv_panels_scale(float largest)
{
	int			exponent;

	if (!(largest > 0))
		return 1.0f;
	frexpf(largest, &exponent);
	if (exponent > 125)
		exponent = 125;
	if (exponent < -125)
		exponent = -125;
	return ldexpf(1.0f, -exponent);
}

/*
 * Shift and scale a row.
 *
 * x, out: float[dim]; may be the same
 */
static inline void
gv_panels_move(const float *x, const float *origin, float scale, int dim, float *out)
{
	for (int d = 0; d < dim; d++)
	{
		float		e = x[d] * scale - origin[d] * scale;

		e = e > GV_PANELS_MAX_ELEMENT ? GV_PANELS_MAX_ELEMENT : e;
		out[d] = e < -GV_PANELS_MAX_ELEMENT ? -GV_PANELS_MAX_ELEMENT : e;
	}
}

/*
 * Put a centroid into a lane of panels.
 *
 * c: float[dim], shifted and scaled
 * panels: float[][dim][16]
 *
 * Returns half its squared norm, in a fixed order of additions.
 */
static inline float
gv_panels_put(float *panels, uint32_t lane, const float *c, int dim)
{
	float	   *to = panels + (size_t) (lane / GV_PRODUCTS_PANEL) * dim * GV_PRODUCTS_PANEL +
		lane % GV_PRODUCTS_PANEL;
	double		norm2 = 0;

	for (int d = 0; d < dim; d++)
	{
		to[(size_t) d * GV_PRODUCTS_PANEL] = c[d];
		norm2 += (double) c[d] * c[d];
	}
	return (float) (norm2 / 2);
}

/* Read a centroid from a lane of panels */
static inline void
gv_panels_get(const float *panels, uint32_t lane, float *c, int dim)
{
	const float *from = panels +
		(size_t) (lane / GV_PRODUCTS_PANEL) * dim * GV_PRODUCTS_PANEL + lane % GV_PRODUCTS_PANEL;

	for (int d = 0; d < dim; d++)
		c[d] = from[(size_t) d * GV_PRODUCTS_PANEL];
}

/*
 * The nearest lane by a row's scores; of equal ones the first.
 *
 * half: float[16 * n_panels], half the squared norms, or GV_PANELS_NO_SCORE
 * products: float[16 * n_panels] of the row
 */
static inline GvPanelsBest
gv_panels_nearest(const float *half, const float *products, int n_panels)
{
	GvPanelsBest best;

	best.number = (uint32_t) gv_kernels->lowest_difference_f32(half, products,
															   n_panels * GV_PRODUCTS_PANEL,
															   &best.score);
	return best;
}

#endif							/* GV_QUANT_PANELS_H */
