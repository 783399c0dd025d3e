/*-------------------------------------------------------------------------
 *
 * kernels_hadamard.c
 *		The Hadamard transform.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "distance/distance.h"
#include "kernels.h"
#include "unit.h"

#define MAX_N (1 << 20)

/* Largest n of the transform by definition, which takes n * n additions */
#define MAX_NAIVE_N 1024

/*
 * Entry (i, j) of the matrix is -1 to the number of common bits of i and j.
 */
static void
check_naive(const GvKernels *kernels, const float *source, int n)
{
	float	   *x = gv_unit_at_end(0, n * sizeof(float));
	int			i;
	int			j;

	memcpy(x, source, n * sizeof(float));
	kernels->hadamard(x, n);
	for (i = 0; i < n; i++)
	{
		long double expected = 0;
		long double terms = 0;
		long double bound;

		for (j = 0; j < n; j++)
		{
			expected += __builtin_parity(i & j) ? -source[j] : source[j];
			terms += fabsl((long double) source[j]);
		}
		bound = 1e-6L * (1 + n / 1000.0L) * terms;
		if (!(fabsl(x[i] - expected) <= bound))
			gv_unit_fail("n = %d: element %d is %.9g, not %.9Lg", n, i, x[i], expected);
	}
}

/*
 * gv_unit_test_hadamard
 *		By definition, its own inverse, and the same bits at every level.
 */
void
gv_unit_test_hadamard(const GvKernels *kernels)
{
	const GvKernels *scalar = gv_distance_kernels(GV_SIMD_SCALAR);
	float	   *source = malloc(MAX_N * sizeof(float));
	int			n;
	int			i;

	gv_unit_seed(7);
	for (i = 0; i < MAX_N; i++)
		source[i] = (float) gv_unit_normal();

	gv_unit_begin("%s hadamard: as defined, n = 1 to %d", kernels->name, MAX_NAIVE_N);
	for (n = 1; n <= MAX_NAIVE_N; n *= 2)
		check_naive(kernels, source, n);
	gv_unit_end();

	gv_unit_begin("%s hadamard: twice gives n times the input, n = 1 to %d", kernels->name, MAX_N);
	for (n = 1; n <= MAX_N; n *= 2)
	{
		float	   *x = gv_unit_at_end(0, n * sizeof(float));

		memcpy(x, source, n * sizeof(float));
		kernels->hadamard(x, n);
		kernels->hadamard(x, n);
		for (i = 0; i < n; i++)
		{
			if (!(fabs((double) x[i] / n - source[i]) <= 1e-5))
				gv_unit_fail("n = %d: element %d is %g, not %g", n, i, x[i] / n, source[i]);
		}
	}
	gv_unit_end();

	gv_unit_begin("%s hadamard: the bits of the scalar level, unaligned", kernels->name);
	for (n = 1; n <= MAX_N; n *= 2)
	{
		float	   *x = gv_unit_at_start(0, n * sizeof(float), 4 * (n % 3));
		float	   *y = gv_unit_at_end(1, n * sizeof(float));

		memcpy(x, source, n * sizeof(float));
		memcpy(y, source, n * sizeof(float));
		kernels->hadamard(x, n);
		scalar->hadamard(y, n);
		if (memcmp(x, y, n * sizeof(float)) != 0)
			gv_unit_fail("n = %d: bits differ", n);
	}
	gv_unit_end();
	free(source);
}
