/*-------------------------------------------------------------------------
 *
 * plain.c
 *		Loops as one would write them, left to the compiler.
 *
 * Compiled for this very CPU and with permission to reorder the additions, as
 * extensions commonly are: what the kernels must not fall behind.
 *
 *-------------------------------------------------------------------------
 */
#include "plain.h"

float
plain_l2_squared(const float *a, const float *b, int n)
{
	float		sum = 0;
	int			i;

	for (i = 0; i < n; i++)
		sum += (a[i] - b[i]) * (a[i] - b[i]);
	return sum;
}

float
plain_inner_product(const float *a, const float *b, int n)
{
	float		sum = 0;
	int			i;

	for (i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

void
plain_cosine(const float *a, const float *b, int n, float *sums)
{
	float		ab = 0;
	float		aa = 0;
	float		bb = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		ab += a[i] * b[i];
		aa += a[i] * a[i];
		bb += b[i] * b[i];
	}
	sums[0] = ab;
	sums[1] = aa;
	sums[2] = bb;
}
