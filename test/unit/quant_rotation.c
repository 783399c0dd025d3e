/*-------------------------------------------------------------------------
 *
 * quant_rotation.c
 *		The rotation: orthonormal, reproducible, and mixing well.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "distance/distance.h"
#include "quant.h"
#include "quant/rotation.h"
#include "unit.h"

#define MAX_DIM 16000

static const int dims[] = {
	16, 32, 48, 64, 80, 96, 112, 128, 240, 272, 384, 784, 1024, 1536, 2000, 3072, MAX_DIM
};
static const int n_dims = (int) (sizeof(dims) / sizeof(dims[0]));

static double
inner_product(const float *x, const float *y, int n)
{
	double		sum = 0;
	int			i;

	for (i = 0; i < n; i++)
		sum += (double) x[i] * y[i];
	return sum;
}

static void
fill(float *x, int n)
{
	int			i;

	for (i = 0; i < n; i++)
		x[i] = (float) gv_unit_normal();
}

/*
 * Norms and inner products of two vectors are kept.
 *
 * what: names the vectors
 */
static void
check_kept(const float *table, int n, const float *x, const float *y, const char *what)
{
	float	   *rx = gv_unit_at_end(1, n * sizeof(float));
	float	   *ry = gv_unit_at_end(2, n * sizeof(float));
	double		xx = inner_product(x, x, n);
	double		yy = inner_product(y, y, n);
	double		xy = inner_product(x, y, n);

	memcpy(rx, x, n * sizeof(float));
	memcpy(ry, y, n * sizeof(float));
	gv_rotation_apply(table, n, rx);
	gv_rotation_apply(table, n, ry);
	if (!(fabs(inner_product(rx, rx, n) - xx) <= 1e-5 * xx) ||
		!(fabs(inner_product(ry, ry, n) - yy) <= 1e-5 * yy))
		gv_unit_fail("n = %d, %s: squared norm %.9g, not %.9g", n, what,
					 inner_product(rx, rx, n), xx);
	if (!(fabs(inner_product(rx, ry, n) - xy) <= 1e-5 * sqrt(xx * yy)))
		gv_unit_fail("n = %d, %s: inner product %.9g, not %.9g", n, what,
					 inner_product(rx, ry, n), xy);
}

static void
check_orthonormal(int n)
{
	static float x[MAX_DIM];
	static float y[MAX_DIM];
	int			size = gv_rotation_table_size(n);
	float	   *table = gv_unit_at_end(0, size * sizeof(float));
	int			round;
	int			i;

	for (round = 0; round < 4; round++)
	{
		gv_rotation_init(table, n, gv_unit_random());
		fill(x, n);
		fill(y, n);
		check_kept(table, n, x, y, "normal");
		memcpy(y, x, n * sizeof(float));
		for (i = 0; i < n; i++)
			y[i] += 0.01f * (float) gv_unit_normal();
		check_kept(table, n, x, y, "close");
		memset(x, 0, sizeof(x));
		memset(y, 0, sizeof(y));
		x[0] = 1;
		y[n - 1] = 1;
		check_kept(table, n, x, y, "unit vectors");
		for (i = 0; i < n; i++)
			x[i] = y[i] = 1000;
		y[n / 2] = -1000;
		check_kept(table, n, x, y, "constant");
	}
}

/*
 * What is rotated and rotated back is as it was.
 */
static void
check_undo(int n)
{
	int			size = gv_rotation_table_size(n);
	float	   *table = gv_unit_at_end(0, size * sizeof(float));
	float	   *x = gv_unit_at_end(1, n * sizeof(float));
	float	   *y = gv_unit_at_end(2, n * sizeof(float));
	int			i;

	gv_rotation_init(table, n, gv_unit_random());
	fill(x, n);
	memcpy(y, x, n * sizeof(float));
	gv_rotation_apply(table, n, y);
	gv_rotation_undo(table, n, y);
	for (i = 0; i < n; i++)
	{
		if (!(fabs(y[i] - x[i]) <= 2e-5))
		{
			gv_unit_fail("n = %d: element %d is %g, was %g", n, i, y[i], x[i]);
			break;
		}
	}
}

/*
 * The seed makes the rotation; another one makes another.
 */
static void
check_seed(int n)
{
	static float x[MAX_DIM];
	static float first[MAX_DIM];
	int			size = gv_rotation_table_size(n);
	float	   *table = gv_unit_at_end(0, size * sizeof(float));
	float	   *again = gv_unit_at_end(3, size * sizeof(float));
	float	   *y = gv_unit_at_end(1, n * sizeof(float));
	uint64_t	seed = gv_unit_random();
	double		cosine;

	fill(x, n);
	gv_rotation_init(table, n, seed);
	memcpy(first, x, n * sizeof(float));
	gv_rotation_apply(table, n, first);

	gv_rotation_init(again, n, seed);
	memcpy(y, x, n * sizeof(float));
	gv_rotation_apply(again, n, y);
	if (memcmp(table, again, size * sizeof(float)) != 0 ||
		memcmp(first, y, n * sizeof(float)) != 0)
		gv_unit_fail("n = %d: the same seed gives another rotation", n);

	gv_rotation_init(again, n, seed + 1);
	memcpy(y, x, n * sizeof(float));
	gv_rotation_apply(again, n, y);
	cosine = inner_product(first, y, n) / inner_product(x, x, n);
	if (memcmp(first, y, n * sizeof(float)) == 0)
		gv_unit_fail("n = %d: another seed gives the same rotation", n);
	if (fabs(cosine) > 5 / sqrt(n))
		gv_unit_fail("n = %d: cosine %g between the rotations of two seeds", n, cosine);
}

/*
 * Every unit vector is spread over all dimensions: an element of a random
 * direction passes 7 / sqrt(n) once in 4e11 times.  Unless n is a power of two
 * the windows and butterflies make a direction that is not quite as random.
 */
static void
check_spread(int n)
{
	int			size = gv_rotation_table_size(n);
	float	   *table = gv_unit_at_end(0, size * sizeof(float));
	float	   *x = gv_unit_at_end(1, n * sizeof(float));
	int			step = n > 512 ? n / 61 : 1;
	double		limit = ((n & (n - 1)) == 0 ? 7 : 9) / sqrt(n);
	int			at;
	int			i;

	gv_rotation_init(table, n, gv_unit_random());
	for (at = 0; at < n; at += step)
	{
		float		largest = 0;

		memset(x, 0, n * sizeof(float));
		x[at] = 1;
		gv_rotation_apply(table, n, x);
		for (i = 0; i < n; i++)
			largest = fmaxf(largest, fabsf(x[i]));
		if (largest > limit)
			gv_unit_fail("n = %d: an element of %g from unit vector %d", n, largest, at);
	}
}

/*
 * The same bits whatever kernel transforms: an index is read on other CPUs.
 */
static void
check_bits(int n)
{
	GvSimdLevel level = gv_kernels->level;
	int			size = gv_rotation_table_size(n);
	float	   *table = gv_unit_at_end(0, size * sizeof(float));
	float	   *x = gv_unit_at_end(1, n * sizeof(float));
	float	   *y = gv_unit_at_end(2, n * sizeof(float));

	gv_rotation_init(table, n, gv_unit_random());
	fill(x, n);
	memcpy(y, x, n * sizeof(float));
	gv_rotation_apply(table, n, x);
	gv_distance_set_level(GV_SIMD_SCALAR);
	gv_rotation_apply(table, n, y);
	gv_distance_set_level(level);
	if (memcmp(x, y, n * sizeof(float)) != 0)
		gv_unit_fail("n = %d: bits differ from those of the scalar level", n);
}

/*
 * gv_unit_test_rotation
 *		At the level in use.
 */
void
gv_unit_test_rotation(void)
{
	int			i;

	gv_unit_seed(9);
	gv_unit_begin("%s rotation: padded dimensions", gv_kernels->name);
	for (i = 1; i <= MAX_DIM; i++)
	{
		int			padded = gv_rotation_padded_dim(i);

		if (padded < i || padded >= i + GV_ROTATION_ALIGN || padded % GV_ROTATION_ALIGN != 0)
			gv_unit_fail("%d dimensions become %d", i, padded);
	}
	gv_unit_end();

	gv_unit_begin("%s rotation: keeps norms and inner products", gv_kernels->name);
	for (i = 0; i < n_dims; i++)
		check_orthonormal(dims[i]);
	gv_unit_end();

	gv_unit_begin("%s rotation: can be undone", gv_kernels->name);
	for (i = 0; i < n_dims; i++)
		check_undo(dims[i]);
	gv_unit_end();

	gv_unit_begin("%s rotation: one for each seed", gv_kernels->name);
	for (i = 0; i < n_dims; i++)
		check_seed(dims[i]);
	gv_unit_end();

	gv_unit_begin("%s rotation: spreads unit vectors", gv_kernels->name);
	for (i = 0; i < n_dims; i++)
		check_spread(dims[i]);
	gv_unit_end();

	gv_unit_begin("%s rotation: the bits of the scalar level", gv_kernels->name);
	for (i = 0; i < n_dims; i++)
		check_bits(dims[i]);
	gv_unit_end();
}
