/*-------------------------------------------------------------------------
 *
 * kernels_planes.c
 *		Products of floats with integers in planes of bits.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>

#include "distance/distance.h"
#include "kernels.h"
#include "unit.h"

static void
check_planes(const GvKernels *kernels, int n_planes, int n, double spread)
{
	float	   *a = gv_unit_at_end(0, n * sizeof(float));
	uint8_t    *planes = gv_unit_at_end(1, (size_t) n_planes * n / 8);
	long double sum = 0;
	long double terms = 0;
	float		found;

	for (int i = 0; i < n; i++)
		a[i] = (float) (gv_unit_normal() * exp2(spread * gv_unit_normal()));
	for (int i = 0; i < n_planes * n / 8; i++)
		planes[i] = (uint8_t) gv_unit_random();
	for (int i = 0; i < n; i++)
	{
		int			b = 0;

		for (int p = 0; p < n_planes; p++)
			b |= (planes[p * (n / 8) + i / 8] >> (i % 8) & 1) << p;
		sum += (long double) a[i] * b;
		terms += fabsl((long double) a[i] * b);
	}
	found = kernels->inner_product_f32_planes(a, planes, n_planes, n);
	if (!(fabsl(found - sum) <= 1e-6L * (1 + n / 1000.0L) * terms))
		gv_unit_fail("%d planes, n = %d: %.9g, not %.9Lg", n_planes, n, found, sum);
}

/*
 * gv_unit_test_planes
 *		Within the bound, nothing read beyond the arrays.
 */
void
gv_unit_test_planes(const GvKernels *kernels)
{
	gv_unit_seed(9);
	gv_unit_begin("%s inner_product_f32_planes: 0 to 8 planes, n = 0 to 16000", kernels->name);
	for (int n_planes = 0; n_planes <= 8; n_planes++)
	{
		for (int n = 0; n <= 1024; n += 16)
			check_planes(kernels, n_planes, n, n % 96 / 32.0);
		check_planes(kernels, n_planes, 16000, 0);
		check_planes(kernels, n_planes, 16000, 4);
	}
	gv_unit_end();
}
