/*-------------------------------------------------------------------------
 *
 * sq8.c
 *		Scalar quantizer: one byte a dimension.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "quant/sq8.h"

/* Largest magnitude of a code: both signs alike */
#define LARGEST_CODE 127

/*
 * gv_sq8_encode
 *		Compute the code and factors of row x beside center p.
 *
 * x, p: float[dims], finite
 * code: int8[dims], written: -127 to 127
 *
 * A row at its center, or so near that the scale is no normal number, has
 * scale 0.  A row too far for a finite scale has scale 0 and an infinite
 * error: it must be looked at.
 */
GvSq8Factors
gv_sq8_encode(const float *x, const float *p, int dims, int8_t *code)
{
	GvSq8Factors factors = {0, 0};
	double		largest = 0;
	double		error2 = 0;
	double		inverse;

	for (int i = 0; i < dims; i++)
	{
		double		e = fabs((double) x[i] - p[i]);

		largest = e > largest ? e : largest;
	}
	factors.scale = (float) (largest / LARGEST_CODE);
	if (!(factors.scale >= FLT_MIN))
		factors.scale = 0;
	inverse = factors.scale > 0 ? 1 / (double) factors.scale : 0;
	for (int i = 0; i < dims; i++)
	{
		double		e = (double) x[i] - p[i];
		double		steps = e * inverse;
		int			c = (int) (steps < 0 ? steps - 0.5 : steps + 0.5);

		/* the scale was rounded, maybe down */
		c = c > LARGEST_CODE ? LARGEST_CODE : (c < -LARGEST_CODE ? -LARGEST_CODE : c);
		code[i] = (int8_t) c;
		e -= (double) factors.scale * c;
		error2 += e * e;
	}
	/* upwards, among denormal numbers too */
	factors.error = (float) (sqrt(error2) * (1 + 1e-6) + (error2 > 0 ? FLT_MIN : 0));
	if (!(factors.scale <= FLT_MAX) || !(factors.error <= FLT_MAX))
	{
		memset(code, 0, dims);
		factors.scale = 0;
		factors.error = INFINITY;
	}
	return factors;
}
