/*-------------------------------------------------------------------------
 *
 * quant_extra.c
 *		Further bits: planes, the best steps, estimates with the error stated.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "distance/distance.h"
#include "quant.h"
#include "quant/extra.h"
#include "quant/rabitq.h"
#include "unit.h"

#define MAX_DIM 16000

/* Everything of one row, against pages that cannot be touched */
typedef struct Row
{
	float	   *x;
	float	   *p;
	float	   *scratch;
	uint8_t    *planes;
	GvExtraFactors factors;
} Row;

static void
make_row(Row *row, int dims, int code_dims, int n_bits, double far, double width)
{
	row->x = gv_unit_at_end(0, dims * sizeof(float));
	row->p = gv_unit_at_end(1, dims * sizeof(float));
	row->scratch = gv_unit_at_end(2, code_dims * sizeof(float));
	row->planes = gv_unit_at_end(3, gv_extra_bytes(code_dims, n_bits + 1));
	for (int i = 0; i < dims; i++)
	{
		row->p[i] = (float) (far * gv_unit_normal());
		row->x[i] = (float) (row->p[i] + width * gv_unit_normal());
	}
	row->factors = gv_extra_encode(row->x, row->p, dims, code_dims, n_bits, row->planes,
								   row->scratch);
}

/* Element i of the code: y of extra.h */
static double
value_of(const Row *row, int i, int code_dims, int n_bits)
{
	int			u = 0;

	for (int b = 0; b <= n_bits; b++)
		u |= (row->planes[(size_t) b * (code_dims / 8) + i / 8] >> (i % 8) & 1) << b;
	return u - ((1 << n_bits) - 0.5);
}

/* The cosine of x - p and its code, of the dimensions in the code */
static double
cosine_of(const Row *row, int code_dims, int n_bits)
{
	double		xx = 0;
	double		xy = 0;
	double		yy = 0;

	for (int i = 0; i < code_dims; i++)
	{
		double		e = (double) row->x[i] - row->p[i];
		double		y = value_of(row, i, code_dims, n_bits);

		xx += e * e;
		xy += e * y;
		yy += y * y;
	}
	return xy / sqrt(xx * yy);
}

/* The best cosine by steps of one size, of many sizes */
static double
best_cosine(const Row *row, int code_dims, int n_bits)
{
	double		top = (1 << n_bits) - 1;
	double		best = 0;
	double		norm2 = 0;

	for (int i = 0; i < code_dims; i++)
		norm2 += ((double) row->x[i] - row->p[i]) * ((double) row->x[i] - row->p[i]);
	for (double step = 0.01 * sqrt(norm2 / code_dims); step < 4 * sqrt(norm2 / code_dims);
		 step *= 1.01)
	{
		double		xy = 0;
		double		yy = 0;

		for (int i = 0; i < code_dims; i++)
		{
			double		e = fabs((double) row->x[i] - row->p[i]);
			double		y = fmin(floor(e / step), top) + 0.5;

			xy += e * y;
			yy += y * y;
		}
		best = fmax(best, xy / sqrt(yy * norm2));
	}
	return best;
}

/* With the product with the signs known, the estimate is the same */
static void
check_after(const float *q, const Row *row, int code_dims, int n_bits, float base)
{
	float		sum = gv_extra_query_sum(q, code_dims);
	const uint8_t *signs = row->planes + gv_extra_bytes(code_dims, n_bits);
	double		product = 0;
	double		size = 0;
	float		whole = gv_extra_estimate(q, sum, row->planes, n_bits, code_dims, &row->factors,
										  base);
	float		after;

	for (int i = 0; i < code_dims; i++)
	{
		product += signs[i / 8] >> (i % 8) & 1 ? q[i] : -q[i];
		size += fabs(q[i]);
	}
	after = gv_extra_estimate_after(q, sum, row->planes, n_bits, code_dims, &row->factors, base,
									(float) product);
	if (!(fabs(after - whole) <= 1e-5 * (base + fabsf(row->factors.add) +
										 fabsf(row->factors.rescale) * (1 << n_bits) * size)))
		gv_unit_fail("%d dimensions, %d bits: %g after the signs, %g at once", code_dims, n_bits,
					 after, whole);
}

/*
 * Estimates of random queries are off by the deviation that is stated, and have
 * no bias.
 */
static void
check_estimates(int dims, int code_dims, int n_bits)
{
	double		sum = 0;
	double		sum2 = 0;
	double		lost = 0;
	double		least = 0;
	int			n = 0;
	int			n_far = 0;
	static float q[MAX_DIM];

	for (int r = 0; r < 60; r++)
	{
		Row			row;

		make_row(&row, dims, code_dims, n_bits, 0.5, 0.3);
		lost += 1 - pow(cosine_of(&row, code_dims, n_bits), 2);
		least += 1 - pow(best_cosine(&row, code_dims, n_bits), 2);
		for (int k = 0; k < 50; k++)
		{
			double		base = 0;
			double		exact = 0;
			double		z;

			for (int i = 0; i < dims; i++)
			{
				q[i] = (float) (row.p[i] + 0.4 * gv_unit_normal());
				base += ((double) q[i] - row.p[i]) * ((double) q[i] - row.p[i]);
				exact += ((double) q[i] - row.x[i]) * ((double) q[i] - row.x[i]);
			}
			check_after(q, &row, code_dims, n_bits, (float) base);
			z = (gv_extra_estimate(q, gv_extra_query_sum(q, code_dims), row.planes, n_bits,
								   code_dims, &row.factors, (float) base) - exact) /
				(row.factors.error * sqrt(base));
			sum += z;
			sum2 += z * z;
			n_far += z > 3;
			n++;
		}
	}
	if (!(fabs(sum / n) < 0.1) || !(fabs(sqrt(sum2 / n) - 1) < 0.1) || n_far > 0.006 * n)
		gv_unit_fail("%d of %d dimensions, %d bits: mean %g, deviation %g, %d of %d beyond 3",
					 code_dims, dims, n_bits, sum / n, sqrt(sum2 / n), n_far, n);
	/* steps are chosen from a few: nearly the best where they are coarse */
	if (!(lost <= (n_bits < 4 ? 1.08 : (code_dims > 64 ? 1.35 : 2.2)) * least))
		gv_unit_fail("%d dimensions, %d bits: %g of the square lost, at best %g", code_dims,
					 n_bits, lost / 60, least / 60);
}

/* The plane of the signs is the one-bit code, and the estimate without bits the same */
static void
check_signs(int dims, int code_dims)
{
	static uint8_t code[MAX_DIM / 8];

	for (int n_bits = 0; n_bits <= GV_EXTRA_MAX_BITS; n_bits++)
	{
		Row			row;
		GvRabitqFactors factors;
		const uint8_t *signs;

		make_row(&row, dims, code_dims, n_bits, 1, 0.5);
		row.x[3] = row.p[3];
		row.factors = gv_extra_encode(row.x, row.p, dims, code_dims, n_bits, row.planes,
									  row.scratch);
		factors = gv_rabitq_encode(row.x, row.p, 1, dims, code_dims, code);
		signs = row.planes + gv_extra_bytes(code_dims, n_bits);
		for (int i = 0; i < code_dims / 8; i++)
		{
			if (signs[i] != code[i])
				gv_unit_fail("%d bits: signs %d are not those of the code", n_bits, i);
		}
		/* y is half a sign */
		if (n_bits == 0 &&
			(fabsf(row.factors.add - factors.add) > 1e-4f * fabsf(factors.add) + 1e-4f ||
			 fabsf(row.factors.rescale - 2 * factors.rescale) > 1e-4f))
			gv_unit_fail("factors %g, %g beside %g, %g", row.factors.add, row.factors.rescale,
						 factors.add, factors.rescale);
	}
}

/* Whatever the row, no NaN, and an error that covers */
static void
check_extremes(int dims)
{
	static const float sizes[] = {0, 1e-45f, 1e-38f, 1e-20f, 1, 1e10f, 1e18f, 1e19f, 3e38f};

	for (int i = 0; i < 9; i++)
	{
		for (int kind = 0; kind < 4; kind++)
		{
			Row			row;

			make_row(&row, dims, dims, kind * 2, 1, 1);
			for (int d = 0; d < dims; d++)
			{
				/* one element, alike ones, at the center, and opposite ends */
				row.x[d] = kind == 0 ? (d == 5 ? sizes[i] : 0) : sizes[i];
				row.p[d] = kind == 2 ? row.x[d] : (kind == 3 ? -row.x[d] : 0);
			}
			row.factors = gv_extra_encode(row.x, row.p, dims, dims, kind * 2, row.planes,
										  row.scratch);
			if (isnan(row.factors.add) || isinf(row.factors.add) || isnan(row.factors.rescale) ||
				isinf(row.factors.rescale) || !(row.factors.error >= 0))
				gv_unit_fail("size %g, kind %d: factors %g, %g, %g", sizes[i], kind,
							 row.factors.add, row.factors.rescale, row.factors.error);
			if ((kind == 2 || sizes[i] == 0) &&
				(row.factors.add != 0 || row.factors.rescale != 0 || row.factors.error != 0))
				gv_unit_fail("a row at its center: factors %g, %g, %g", row.factors.add,
							 row.factors.rescale, row.factors.error);
		}
	}
}

/*
 * gv_unit_test_extra
 *		See the top of this file.
 */
void
gv_unit_test_extra(void)
{
	static const int dims[] = {16, 48, 128, 768};

	gv_unit_seed(95);
	gv_unit_begin("%s extra: signs as in the one-bit code", gv_kernels->name);
	for (int d = 0; d < 4; d++)
		check_signs(dims[d], dims[d]);
	check_signs(96, 64);
	check_signs(MAX_DIM, MAX_DIM);
	gv_unit_end();
	gv_unit_begin("%s extra: no bias, the error stated, steps near the best", gv_kernels->name);
	for (int n_bits = 0; n_bits <= GV_EXTRA_MAX_BITS; n_bits++)
	{
		for (int d = 1; d < (n_bits % 3 == 0 ? 4 : 3); d++)
			check_estimates(dims[d], dims[d], n_bits);
	}
	check_estimates(192, 128, 0);
	check_estimates(192, 128, 3);
	gv_unit_end();
	gv_unit_begin("%s extra: extremes give no NaN", gv_kernels->name);
	check_extremes(16);
	check_extremes(128);
	gv_unit_end();
}
