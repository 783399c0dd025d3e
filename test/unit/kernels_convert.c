/*-------------------------------------------------------------------------
 *
 * kernels_convert.c
 *		Conversions between float16 and float32, against arithmetic in double.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "distance/distance.h"
#include "kernels.h"
#include "unit.h"

#define N_HALVES 65536

/* Random floats narrowed at each level */
#define N_RANDOM (1 << 19)

/*
 * gv_unit_half_value
 *		The number that a float16 stands for.
 */
double
gv_unit_half_value(GvHalf h)
{
	int			exponent = h >> 10 & 31;
	double		fraction = h & 1023;
	double		x;

	if (exponent == 31)
		x = fraction == 0 ? INFINITY : NAN;
	else if (exponent == 0)
		x = ldexp(fraction, -24);
	else
		x = ldexp(1024 + fraction, exponent - 25);
	return h & 0x8000 ? -x : x;
}

/*
 * gv_unit_half_nearest
 *		The float16 nearest to a number, on a tie the even one.
 *
 * NaN gives the quiet NaN without payload.
 */
GvHalf
gv_unit_half_nearest(double x)
{
	GvHalf		sign = signbit(x) ? 0x8000 : 0;
	int			exponent;
	double		units;

	x = fabs(x);
	if (isnan(x))
		return (GvHalf) (sign | 0x7e00);
	if (x >= 65520)
		return (GvHalf) (sign | 0x7c00);
	if (x == 0)
		return sign;
	exponent = ilogb(x);
	if (exponent < -14)
		return (GvHalf) (sign | (int) nearbyint(ldexp(x, 24)));
	/* 1024 to 2048 units; a carry into the exponent is as it should be */
	units = nearbyint(ldexp(x, 10 - exponent));
	return (GvHalf) (sign | (((exponent + 14) << 10) + (int) units));
}

static uint32_t
float_bits(float f)
{
	uint32_t	bits;

	memcpy(&bits, &f, sizeof(bits));
	return bits;
}

static float
float_of_bits(uint32_t bits)
{
	float		f;

	memcpy(&f, &bits, sizeof(f));
	return f;
}

/* A NaN keeps sign and payload and becomes quiet */
static uint32_t
expected_wide(GvHalf h)
{
	if ((h & 0x7fff) > 0x7c00)
		return (uint32_t) (h & 0x8000) << 16 | 0x7fc00000 | (uint32_t) (h & 0x3ff) << 13;
	return float_bits((float) gv_unit_half_value(h));
}

static GvHalf
expected_narrow(uint32_t bits)
{
	if ((bits & 0x7fffffff) > 0x7f800000)
		return (GvHalf) ((bits >> 16 & 0x8000) | 0x7e00 | (bits >> 13 & 0x3ff));
	return gv_unit_half_nearest(float_of_bits(bits));
}

/*
 * Narrow n floats from one guard page to another and compare.
 */
static void
check_narrow(const GvKernels *kernels, const float *source, int n)
{
	float	   *a = gv_unit_at_end(0, n * sizeof(float));
	GvHalf	   *out = gv_unit_at_end(1, n * sizeof(GvHalf));
	int			i;

	memcpy(a, source, n * sizeof(float));
	kernels->f32_to_f16(a, out, n);
	for (i = 0; i < n; i++)
	{
		uint32_t	bits = float_bits(source[i]);

		if (out[i] != expected_narrow(bits))
			gv_unit_fail("n = %d: %08x gives %04x, not %04x", n, bits, out[i],
						 expected_narrow(bits));
	}
}

static void
test_narrow(const GvKernels *kernels)
{
	float	   *source = malloc(N_RANDOM * sizeof(float));
	int			n;
	int			h;
	int			i;

	gv_unit_begin("%s f32_to_f16: every float16, the middle to the next, and its neighbors",
				  kernels->name);
	n = 0;
	for (h = 0; h < N_HALVES; h++)
	{
		uint32_t	wide = expected_wide((GvHalf) h);
		uint32_t	middle;

		source[n++] = float_of_bits(wide);
		if ((h & 0x7fff) >= 0x7c00)
			continue;
		if ((h & 0x7fff) == 0x7bff)
			middle = float_bits(copysignf(65520, float_of_bits(wide)));
		else
			middle = float_bits((float) ((gv_unit_half_value((GvHalf) h) +
										  gv_unit_half_value((GvHalf) (h + 1))) / 2));
		source[n++] = float_of_bits(middle - 1);
		source[n++] = float_of_bits(middle);
		source[n++] = float_of_bits(middle + 1);
	}
	check_narrow(kernels, source, n);
	gv_unit_end();

	gv_unit_begin("%s f32_to_f16: random bits, NaN, infinity, denormals", kernels->name);
	gv_unit_seed(5);
	for (i = 0; i < N_RANDOM; i++)
	{
		uint32_t	bits = (uint32_t) gv_unit_random();

		/* half of them in the range of float16, where rounding happens */
		if (i % 2 == 0)
			bits = (bits & 0x807fffff) | (100 + (bits >> 23) % 45) << 23;
		/* some with special exponents */
		else if (i % 16 == 1)
			bits |= 0x7f800000;
		else if (i % 16 == 3)
			bits &= 0x807fffff;
		source[i] = float_of_bits(bits);
	}
	check_narrow(kernels, source, N_RANDOM);
	gv_unit_end();

	gv_unit_begin("%s f32_to_f16: n = 0 to 200, between guard pages", kernels->name);
	for (n = 0; n <= 200; n++)
		check_narrow(kernels, source + n, n);
	gv_unit_end();
	free(source);
}

static void
check_wide(const GvKernels *kernels, const GvHalf *source, int n)
{
	GvHalf	   *a = gv_unit_at_end(0, n * sizeof(GvHalf));
	float	   *out = gv_unit_at_end(1, n * sizeof(float));
	int			i;

	memcpy(a, source, n * sizeof(GvHalf));
	kernels->f16_to_f32(a, out, n);
	for (i = 0; i < n; i++)
	{
		if (float_bits(out[i]) != expected_wide(source[i]))
			gv_unit_fail("n = %d: %04x gives %08x, not %08x", n, source[i],
						 float_bits(out[i]), expected_wide(source[i]));
	}
}

/*
 * gv_unit_test_convert
 *		Both conversions, to the last bit.
 */
void
gv_unit_test_convert(const GvKernels *kernels)
{
	static GvHalf halves[N_HALVES];
	int			n;
	int			i;

	for (i = 0; i < N_HALVES; i++)
		halves[i] = (GvHalf) i;

	gv_unit_begin("%s f16_to_f32: every float16", kernels->name);
	check_wide(kernels, halves, N_HALVES);
	gv_unit_end();

	gv_unit_begin("%s f16_to_f32: n = 0 to 200, between guard pages", kernels->name);
	for (n = 0; n <= 200; n++)
	{
		check_wide(kernels, halves + 0x3c00, n);
		check_wide(kernels, halves + 0x7bc0, n);
		check_wide(kernels, halves, n);
	}
	gv_unit_end();

	test_narrow(kernels);
}
