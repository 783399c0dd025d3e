/*-------------------------------------------------------------------------
 *
 * rotation.c
 *		Fast pseudo-random rotation of vectors.
 *
 * A round flips signs at random and takes a Hadamard transform of the largest
 * power of two that fits: of the first dimensions in even rounds, of the last
 * in odd ones.  When the dimension is no power of two an odd round ends with a
 * butterfly of the two halves, so that the windows mix; after an even round it
 * could undo in part what the windows share, and leave an axis in two elements.
 * Each step is orthonormal, hence distances and inner products are kept.
 * Source: Ailon, Chazelle, SIAM J. Comput. 39(1), 2009 (sign flips and
 * Hadamard); the overlapping windows are the usual way to avoid padding.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdbool.h>

#include "base/random.h"
#include "distance/distance.h"
#include "quant/rotation.h"

static int
largest_power_of_two(int n)
{
	int			p = 1;

	while (p * 2 <= n)
		p *= 2;
	return p;
}

static inline bool
ends_with_butterfly(int round, int window, int padded_dim)
{
	return round % 2 == 1 && window < padded_dim;
}

static inline void
take_butterfly(float *x, int half)
{
	for (int i = 0; i < half; i++)
	{
		float		a = x[i];
		float		b = x[i + half];

		x[i] = a + b;
		x[i + half] = a - b;
	}
}

/*
 * gv_rotation_init
 *		Compute the sign table of a rotation.
 *
 * table: float[GV_ROTATION_ROUNDS][padded_dim], written: signs times the
 * scale that makes the round orthonormal
 */
void
gv_rotation_init(float *table, int padded_dim, uint64_t seed)
{
	GvRandom	random = {seed};
	int			window = largest_power_of_two(padded_dim);
	float		in_window = (float) (1.0 / sqrt((double) window));

	for (int round = 0; round < GV_ROTATION_ROUNDS; round++)
	{
		int			first = (round % 2) ? padded_dim - window : 0;
		float		mixed = ends_with_butterfly(round, window, padded_dim) ?
			(float) sqrt(0.5) : 1.0f;

		for (int i = 0; i < padded_dim; i++)
		{
			float		scale = mixed;

			if (i >= first && i < first + window)
				scale *= in_window;
			table[round * padded_dim + i] =
				(gv_random_next(&random) >> 63) ? -scale : scale;
		}
	}
}

/*
 * gv_rotation_apply
 *		Rotate a vector in place.
 *
 * table: from gv_rotation_init
 * x: float[padded_dim], the dimensions past the vector's own are zero
 */
void
gv_rotation_apply(const float *table, int padded_dim, float *x)
{
	int			window = largest_power_of_two(padded_dim);

	for (int round = 0; round < GV_ROTATION_ROUNDS; round++)
	{
		const float *sign = table + round * padded_dim;

		for (int i = 0; i < padded_dim; i++)
			x[i] *= sign[i];

		gv_kernels->hadamard((round % 2) ? x + padded_dim - window : x, window);

		if (ends_with_butterfly(round, window, padded_dim))
			take_butterfly(x, padded_dim / 2);
	}
}

/*
 * gv_rotation_undo
 *		Rotate a vector back, in place.
 *
 * Each step is its own transpose, hence the steps in reverse.
 */
void
gv_rotation_undo(const float *table, int padded_dim, float *x)
{
	int			window = largest_power_of_two(padded_dim);

	for (int round = GV_ROTATION_ROUNDS - 1; round >= 0; round--)
	{
		const float *sign = table + round * padded_dim;

		if (ends_with_butterfly(round, window, padded_dim))
			take_butterfly(x, padded_dim / 2);
		gv_kernels->hadamard((round % 2) ? x + padded_dim - window : x, window);
		for (int i = 0; i < padded_dim; i++)
			x[i] *= sign[i];
	}
}
