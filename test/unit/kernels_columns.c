/*-------------------------------------------------------------------------
 *
 * kernels_columns.c
 *		Distances over columns: equal to the kernels of two arrays, bit by bit;
 *		boxes never farther than the points in them; which numbers are in an
 *		interval.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "distance/distance.h"
#include "kernels.h"
#include "unit.h"

/* Points: more than a register of any level, and not a multiple of one */
#define MAX_POINTS 71

/* Columns are apart by more than the points, and what lies between is NaN */
#define STRIDE 77

typedef struct Points
{
	float		query[GV_COLUMNS_MAX_DIM];
	float		columns[GV_COLUMNS_MAX_DIM * STRIDE];
	float		low[GV_COLUMNS_MAX_DIM * STRIDE];
	float		high[GV_COLUMNS_MAX_DIM * STRIDE];
} Points;

/* A number of any size and sign, often equal to another */
static float
pick(float scale)
{
	float		x = (float) (gv_unit_random() % 2001) / 1000.0f - 1.0f;

	if (gv_unit_random() % 8 == 0)
		x = 0;
	return gv_unit_random() % 16 == 0 ? x * 1e-3f * scale : x * scale;
}

static void
fill(Points *points, int dim, int n, float scale)
{
	for (int i = 0; i < dim; i++)
	{
		points->query[i] = pick(scale);
		for (int p = 0; p < STRIDE; p++)
		{
			float	   *x = &points->columns[i * STRIDE + p];
			float	   *low = &points->low[i * STRIDE + p];
			float	   *high = &points->high[i * STRIDE + p];

			*x = *low = *high = NAN;
			if (p >= n)
				continue;
			*x = pick(scale);
			*low = fminf(*x, pick(scale));
			*high = fmaxf(*x, pick(scale));
		}
	}
}

/* The same number, or both none */
static bool
same(float a, float b)
{
	return a == b || (isnan(a) && isnan(b));
}

/* Compare the kernels over columns with those of two arrays for one shape */
static int
count_differences(const GvKernels *k, const Points *points, int dim, int n, int *farther)
{
	float		out[3][MAX_POINTS + 1];
	float		box[3][MAX_POINTS + 1];
	float		ab[MAX_POINTS + 1];
	float		bb[MAX_POINTS + 1];
	int			wrong = 0;

	for (int m = 0; m < 3; m++)
		out[m][n] = box[m][n] = 42;
	ab[n] = bb[n] = 42;
	k->columns_l2_squared(points->columns, STRIDE, points->query, dim, n, out[0]);
	k->columns_l1(points->columns, STRIDE, points->query, dim, n, out[1]);
	k->columns_linf(points->columns, STRIDE, points->query, dim, n, out[2]);
	k->columns_cosine(points->columns, STRIDE, points->query, dim, n, ab, bb);
	k->boxes_l2_squared(points->low, points->high, STRIDE, points->query, dim, n, box[0]);
	k->boxes_l1(points->low, points->high, STRIDE, points->query, dim, n, box[1]);
	k->boxes_linf(points->low, points->high, STRIDE, points->query, dim, n, box[2]);

	for (int p = 0; p < n; p++)
	{
		float		x[GV_COLUMNS_MAX_DIM];
		float		sums[3];

		for (int i = 0; i < dim; i++)
			x[i] = points->columns[i * STRIDE + p];
		k->cosine_f32(points->query, x, dim, sums);
		wrong += !same(out[0][p], k->l2_squared_f32(points->query, x, dim));
		wrong += !same(out[1][p], k->l1_f32(points->query, x, dim));
		wrong += !same(out[2][p], k->linf_f32(points->query, x, dim));
		wrong += !same(ab[p], sums[0]) || !same(bb[p], sums[2]);
		for (int m = 0; m < 3; m++)
			*farther += !(box[m][p] >= 0 && box[m][p] <= out[m][p]);
	}
	/* nothing was written beyond */
	for (int m = 0; m < 3; m++)
		wrong += out[m][n] != 42 || box[m][n] != 42;
	return wrong + (ab[n] != 42 || bb[n] != 42);
}

/* A box around the query is at no distance, and one beside it at that of its edge */
static int
count_wrong_boxes(const GvKernels *k)
{
	const float low[2] = {1, 5};
	const float high[2] = {2, 7};
	const float query[4] = {1.5f, 0.25f, 9, 5};
	const float expected[4] = {0, 0.75f, 7, 3};
	int			wrong = 0;

	for (int i = 0; i < 4; i++)
	{
		float		l2;
		float		l1;
		float		linf;

		k->boxes_l2_squared(low, high, 2, query + i, 1, 1, &l2);
		k->boxes_l1(low, high, 2, query + i, 1, 1, &l1);
		k->boxes_linf(low, high, 2, query + i, 1, 1, &linf);
		wrong += l2 != expected[i] * expected[i] || l1 != expected[i] || linf != expected[i];
	}
	return wrong;
}

static int32_t
bits_of(float x)
{
	int32_t		bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

/* A number that is not negative, often equal to another; of one in 16, what is none */
static float
pick_number(void)
{
	switch (gv_unit_random() % 64)
	{
		case 0:
			return NAN;
		case 1:
			return copysignf(NAN, -1);
		case 2:
			return INFINITY;
		case 3:
			return 0;
		default:
			return (float) (gv_unit_random() % 200) / 7.0f;
	}
}

/* Compare the choice among n numbers with a loop over them */
static void
check_between(const GvKernels *k, int n, int32_t after, int32_t limit)
{
	float	   *x = gv_unit_at_end(0, n * sizeof(float));
	uint16_t   *places = gv_unit_at_end(1, n * sizeof(uint16_t));
	int32_t		leasts[16];
	int32_t		rest;
	int32_t		expected_rest = INT32_MAX;
	int			n_found;
	int			n_expected = 0;

	for (int i = 0; i < n; i++)
		x[i] = pick_number();
	k->leasts_f32(x, n, after, leasts);
	n_found = k->between_f32(x, n, after, limit, places, &rest);
	for (int j = 0; j < 16; j++)
	{
		int32_t		least = INT32_MAX;

		for (int i = j; i < n; i += 16)
		{
			if (bits_of(x[i]) > after && bits_of(x[i]) < least)
				least = bits_of(x[i]);
		}
		if (leasts[j] != least)
			gv_unit_fail("n = %d, after %d: least %d is %d, not %d", n, after, j, leasts[j], least);
	}
	for (int i = 0; i < n; i++)
	{
		int32_t		bits = bits_of(x[i]);

		if (bits > limit && bits < expected_rest)
			expected_rest = bits;
		if (!(bits > after && bits <= limit))
			continue;
		if (n_expected >= n_found || places[n_expected] != i)
			gv_unit_fail("n = %d, %d to %d: place %d is missing", n, after, limit, i);
		n_expected++;
	}
	if (n_expected != n_found || rest != expected_rest)
		gv_unit_fail("n = %d, %d to %d: %d found, not %d; rest %d, not %d", n, after, limit,
					 n_found, n_expected, rest, expected_rest);
}

/*
 * gv_unit_test_columns
 *		Check the kernels over columns of one level.
 */
void
gv_unit_test_columns(const GvKernels *kernels)
{
	static const float scales[] = {1, 0.01f, 100, 1e-20f, 1e19f};
	static Points points;
	int			wrong = 0;
	int			farther = 0;

	gv_unit_seed(31);
	gv_unit_begin("%s columns: equal to the kernels of two arrays, d = 1 to %d; boxes not "
				  "farther than their points", kernels->name, GV_COLUMNS_MAX_DIM);
	for (int dim = 1; dim <= GV_COLUMNS_MAX_DIM; dim++)
	{
		for (int s = 0; s < (int) (sizeof(scales) / sizeof(scales[0])); s++)
		{
			for (int n = 1; n <= MAX_POINTS; n += n < 20 ? 1 : 17)
			{
				fill(&points, dim, n, scales[s]);
				wrong += count_differences(kernels, &points, dim, n, &farther);
			}
		}
	}
	if (wrong > 0)
		gv_unit_fail("%d results differ", wrong);
	if (farther > 0)
		gv_unit_fail("%d boxes are farther than a point in them", farther);
	gv_unit_end();

	gv_unit_begin("%s boxes: distance of the edge, 0 inside", kernels->name);
	if (count_wrong_boxes(kernels) > 0)
		gv_unit_fail("a box is at the wrong distance");
	gv_unit_end();

	gv_unit_begin("%s numbers in an interval: as a loop, n = 0 to 592", kernels->name);
	for (int n = 0; n <= 592; n += 16)
	{
		for (int i = 0; i < 10; i++)
		{
			int32_t		after = i < 3 ? -1 : bits_of((float) (gv_unit_random() % 20));
			int32_t		limit = i == 4 ? bits_of(INFINITY) :
				(i == 5 ? -1 : bits_of((float) (gv_unit_random() % 30)));

			check_between(kernels, n, after, limit);
		}
	}
	gv_unit_end();
}
