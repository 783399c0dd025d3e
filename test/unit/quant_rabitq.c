/*-------------------------------------------------------------------------
 *
 * quant_rabitq.c
 *		One-bit codes: lanes, query tables, factors, and their estimates.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "distance/distance.h"
#include "quant.h"
#include "quant/rabitq.h"
#include "quant/rotation.h"
#include "unit.h"

#define MAX_DIM 2000

/* Sign of a dimension in a code: 1 or -1 */
static int
sign_of(const uint8_t *code, int i)
{
	return code[i / 8] >> (i % 8) & 1 ? 1 : -1;
}

static void
fill(float *x, int n)
{
	int			i;

	for (i = 0; i < n; i++)
		x[i] = (float) gv_unit_normal();
}

/* Bytes of a lane's code as the FastScan kernels read them */
static int
byte_at(const uint8_t *block, int code_dims, int lane, int i)
{
	int			first = i - i % 4;
	int			lane_bytes = first + 4 <= code_dims / 8 ? 4 : 2;

	return block[first * GV_FASTSCAN_LANES + lane * lane_bytes + i % 4];
}

/*
 * Lanes written in any order keep what was written, and leave the others.
 */
static void
check_lanes(int code_dims)
{
	static uint8_t expected[GV_FASTSCAN_LANES][MAX_DIM / 8];
	int			n_bytes = code_dims / 8;
	int			size = gv_rabitq_block_bytes(code_dims);
	uint8_t    *block = gv_unit_at_end(0, size);
	uint8_t    *code = gv_unit_at_end(1, n_bytes);
	int			op;
	int			i;
	int			lane;

	for (i = 0; i < size; i++)
		block[i] = (uint8_t) gv_unit_random();
	for (lane = 0; lane < GV_FASTSCAN_LANES; lane++)
	{
		for (i = 0; i < n_bytes; i++)
			expected[lane][i] = (uint8_t) byte_at(block, code_dims, lane, i);
	}

	/* first every pair of lanes, then any */
	for (op = 0; op < GV_FASTSCAN_LANES * GV_FASTSCAN_LANES; op++)
	{
		int			to = op / GV_FASTSCAN_LANES;
		int			from = op % GV_FASTSCAN_LANES;

		for (i = 0; i < n_bytes; i++)
			code[i] = expected[from][i] = (uint8_t) gv_unit_random();
		gv_rabitq_put_lane(block, from, code, code_dims);
		memcpy(expected[to], expected[from], n_bytes);
		gv_rabitq_put_lane(block, to, code, code_dims);

		for (lane = 0; lane < GV_FASTSCAN_LANES; lane++)
		{
			memset(code, 0xee, n_bytes);
			gv_rabitq_get_lane(block, lane, code, code_dims);
			if (memcmp(code, expected[lane], n_bytes) != 0)
				gv_unit_fail("%d dimensions, lanes %d and %d written: lane %d changed",
							 code_dims, from, to, lane);
			for (i = 0; i < n_bytes; i++)
			{
				if (byte_at(block, code_dims, lane, i) != expected[lane][i])
					gv_unit_fail("%d dimensions: lane %d is not in its place", code_dims, lane);
			}
		}
	}
}

/*
 * Lanes written together are those written one by one.
 */
static void
check_many_lanes(int code_dims)
{
	int			n_bytes = code_dims / 8;
	int			size = gv_rabitq_block_bytes(code_dims);
	uint8_t    *block = gv_unit_at_end(0, size);
	uint8_t    *expected = gv_unit_at_end(2, size);

	for (int n = 0; n <= GV_FASTSCAN_LANES; n++)
	{
		uint8_t    *codes = gv_unit_at_end(1, n * n_bytes);

		for (int i = 0; i < n * n_bytes; i++)
			codes[i] = (uint8_t) gv_unit_random();
		for (int i = 0; i < size; i++)
			block[i] = (uint8_t) gv_unit_random();
		memset(expected, 0, size);
		for (int lane = 0; lane < n; lane++)
			gv_rabitq_put_lane(expected, lane, codes + lane * n_bytes, code_dims);
		gv_rabitq_put_lanes(block, codes, n, code_dims);
		if (memcmp(block, expected, size) != 0)
			gv_unit_fail("%d dimensions, %d lanes together are others than one by one",
						 code_dims, n);
	}
}

/* Kinds of queries */
typedef enum Query
{
	NORMAL,
	ONE_GROUP,					/* one group has all */
	CONSTANT,					/* sums reach both ends of every table */
	NEGATIVE,
	HUGE_ELEMENTS,
	TINY,
	DENORMAL,
	ZERO,
	N_QUERIES
} Query;

static const char *const query_names[N_QUERIES] = {
	"normal", "one group", "constant", "negative", "huge", "tiny", "denormal", "zero"
};

static void
fill_query(Query kind, float *q, int n)
{
	int			i;

	fill(q, n);
	for (i = 0; i < n; i++)
	{
		switch (kind)
		{
			case ONE_GROUP:
				q[i] = i / 4 == n / 8 ? q[i] : 0;
				break;
			case CONSTANT:
				q[i] = 0.3f;
				break;
			case NEGATIVE:
				q[i] = i % 2 ? -0.3f : -0.1f;
				break;
			case HUGE_ELEMENTS:
				q[i] *= 1e30f;
				break;
			case TINY:
				q[i] *= 1e-34f;
				break;
			case DENORMAL:
				q[i] *= 1e-40f;
				break;
			case ZERO:
				q[i] = i % 2 ? -0.0f : 0.0f;
				break;
			default:
				break;
		}
	}
}

/*
 * Every entry of the tables, then sums of 32 random codes by the kernel: half
 * a unit a group is lost at most.
 */
static void
check_query(Query kind, int code_dims)
{
	int			n_groups = code_dims / GV_RABITQ_GROUP_DIMS;
	int			size = gv_rabitq_block_bytes(code_dims);
	float	   *q = gv_unit_at_end(0, code_dims * sizeof(float));
	uint8_t    *code = gv_unit_at_end(1, code_dims / 8);
	uint8_t    *block = gv_unit_at_end(2, size);
	uint32_t	sums[GV_FASTSCAN_LANES];
	double		expected[GV_FASTSCAN_LANES];
	double		total = 0;
	double		lost;
	GvRabitqQuery query;
	int			lane;
	int			g;
	int			i;

	query.table = gv_unit_at_end(3, size);
	fill_query(kind, q, code_dims);
	memset(block, 0, size);
	for (lane = 0; lane < GV_FASTSCAN_LANES; lane++)
	{
		expected[lane] = 0;
		for (i = 0; i < code_dims / 8; i++)
			code[i] = (uint8_t) gv_unit_random();
		for (i = 0; i < code_dims; i++)
			expected[lane] += sign_of(code, i) * (double) q[i];
		gv_rabitq_put_lane(block, lane, code, code_dims);
	}
	gv_rabitq_prepare_query(&query, q, code_dims);
	if (query.n_groups != n_groups)
		gv_unit_fail("%d groups, not %d", query.n_groups, n_groups);

	for (g = 0; g < n_groups; g++)
	{
		double		least = 0;

		for (i = 0; i < 4; i++)
			least -= fabs((double) q[4 * g + i]);
		total -= least;
		for (i = 0; i < 16; i++)
		{
			double		entry = query.table[GV_FASTSCAN_GROUP_BYTES *
											gv_fastscan_table_place(g, n_groups) + i];
			double		sum = 0;
			int			j;

			for (j = 0; j < 4; j++)
				sum += i >> j & 1 ? q[4 * g + j] : -q[4 * g + j];
			if (query.mul == 0 ? entry != 0 :
				!(fabs(query.mul * entry + least - sum) <= 0.5001 * query.mul))
				gv_unit_fail("%s, %d dimensions, group %d: entry %d is %g, which is %g, not %g",
							 query_names[kind], code_dims, g, i, entry,
							 query.mul * entry + least, sum);
		}
	}

	gv_kernels->fastscan(block, query.table, n_groups, sums);
	for (lane = 0; lane < GV_FASTSCAN_LANES; lane++)
	{
		double		sum = (double) query.mul * sums[lane] + query.bias;

		/* a tiny query counts as zero; the second part: rounding of the bias */
		lost = n_groups * (query.mul > 0 ? 0.5001 * query.mul : 128 * (double) FLT_MIN) +
			1e-5 * total;
		if (!(fabs(sum - expected[lane]) <= lost))
			gv_unit_fail("%s, %d dimensions: sum %g, not %g (%g may be lost)", query_names[kind],
						 code_dims, sum, expected[lane], lost);
	}
}

/*
 * A code and its factors against their definition; estimates are exact on the
 * line from the center through the point.
 */
static void
check_encode(int n, int code_dims, float weight)
{
	float	   *x = gv_unit_at_end(0, n * sizeof(float));
	float	   *p = gv_unit_at_end(1, n * sizeof(float));
	uint8_t    *code = gv_unit_at_end(2, code_dims / 8);
	uint8_t		scalar_code[MAX_DIM / 8];
	GvSimdLevel level = gv_kernels->level;
	GvRabitqFactors factors;
	double		n2 = 0;
	double		l1 = 0;
	double		cs = 0;
	double		magnitude = 0;
	double		ratio;
	double		t;
	int			i;

	fill(x, n);
	fill(p, n);
	memset(code, 0xee, code_dims / 8);
	factors = gv_rabitq_encode(x, p, weight, n, code_dims, code);
	gv_distance_set_level(GV_SIMD_SCALAR);
	gv_rabitq_encode(x, p, weight, n, code_dims, scalar_code);
	gv_distance_set_level(level);
	if (memcmp(code, scalar_code, code_dims / 8) != 0)
		gv_unit_fail("%d of %d dimensions: not the code of the scalar level", code_dims, n);
	for (i = 0; i < n; i++)
	{
		double		c = (double) weight * p[i];
		double		e = x[i] - c;

		n2 += e * e;
		if (i >= code_dims)
			continue;
		if (sign_of(code, i) != (e > 0 ? 1 : -1) && fabs(e) > 1e-6)
			gv_unit_fail("%d of %d dimensions: sign %d is wrong", code_dims, n, i);
		l1 += fabs(e);
		cs += sign_of(code, i) * c;
		magnitude += fabs(c);
	}
	ratio = n2 / l1;
	if (!(fabs(factors.rescale + 2 * ratio) <= 1e-5 * ratio))
		gv_unit_fail("%d of %d dimensions: rescale %.9g, not %.9g", code_dims, n,
					 factors.rescale, -2 * ratio);
	if (!(fabs(factors.add - (n2 + 2 * ratio * cs)) <= 1e-5 * (n2 + 2 * ratio * magnitude)))
		gv_unit_fail("%d of %d dimensions: add %.9g, not %.9g", code_dims, n,
					 factors.add, n2 + 2 * ratio * cs);

	for (t = -1; t <= 2; t += 0.5)
	{
		double		qs = 0;
		double		terms = 0;
		double		base = 0;
		double		exact = 0;
		double		estimate;

		for (i = 0; i < n; i++)
		{
			double		c = (double) weight * p[i];
			double		q = c + t * (x[i] - c);

			base += (q - c) * (q - c);
			exact += (q - x[i]) * (q - x[i]);
			if (i < code_dims)
			{
				qs += sign_of(code, i) * q;
				terms += fabs(q);
			}
		}
		estimate = base + factors.add + factors.rescale * qs;
		if (!(fabs(estimate - exact) <= 1e-5 * (n2 + base + 2 * ratio * (magnitude + terms))))
			gv_unit_fail("%d of %d dimensions, at %g: estimate %.9g, not %.9g", code_dims, n,
						 t, estimate, exact);
	}
}

/*
 * A point in the center has a code that estimates zero; one that differs only
 * past the code's dimensions has the distance to its center.
 */
static void
check_center(int n, int code_dims, float weight)
{
	float	   *x = gv_unit_at_end(0, n * sizeof(float));
	float	   *p = gv_unit_at_end(1, n * sizeof(float));
	uint8_t    *code = gv_unit_at_end(2, code_dims / 8);
	GvRabitqFactors factors;
	int			i;

	fill(p, n);
	for (i = 0; i < n; i++)
		x[i] = weight * p[i];
	factors = gv_rabitq_encode(x, p, weight, n, code_dims, code);
	if (factors.add != 0 || factors.rescale != 0)
		gv_unit_fail("%d of %d dimensions, weight %g: add %g and rescale %g, not zero",
					 code_dims, n, weight, factors.add, factors.rescale);
	if (n == code_dims)
		return;
	x[n - 1] += 2;
	factors = gv_rabitq_encode(x, p, weight, n, code_dims, code);
	if (!(fabsf(factors.add - 4) <= 1e-5f) || factors.rescale != 0)
		gv_unit_fail("%d of %d dimensions, weight %g: add %g and rescale %g, not 4 and 0",
					 code_dims, n, weight, factors.add, factors.rescale);
}

/*
 * gv_unit_test_rabitq
 *		Lanes, tables and factors, at the level in use.
 */
void
gv_unit_test_rabitq(void)
{
	static const int code_dims[] = {16, 32, 48, 128, 576, 768, MAX_DIM};
	static const float weights[] = {0.0f, 0.5f, 1.0f, 0.3f};
	const int	n = (int) (sizeof(code_dims) / sizeof(code_dims[0]));
	int			kind;
	int			i;
	int			w;

	gv_unit_seed(10);
	gv_unit_begin("%s rabitq: put, copy and get each lane", gv_kernels->name);
	for (i = 0; i < 5; i++)
		check_lanes(code_dims[i]);
	gv_unit_end();

	gv_unit_begin("%s rabitq: put lanes together, 0 to %d, before a guard page", gv_kernels->name,
				  GV_FASTSCAN_LANES);
	for (i = 0; i < 5; i++)
		check_many_lanes(code_dims[i]);
	gv_unit_end();

	for (kind = 0; kind < N_QUERIES; kind++)
	{
		gv_unit_begin("%s rabitq: sums with a query within half a unit a group, %s",
					  gv_kernels->name, query_names[kind]);
		for (i = 0; i < n; i++)
			check_query((Query) kind, code_dims[i]);
		gv_unit_end();
	}

	gv_unit_begin("%s rabitq: codes and factors as defined, exact on their line",
				  gv_kernels->name);
	for (i = 0; i < n; i++)
	{
		for (w = 0; w < 4; w++)
		{
			check_encode(code_dims[i], code_dims[i], weights[w]);
			if (code_dims[i] + 16 <= MAX_DIM)
				check_encode(code_dims[i] + 16, code_dims[i], weights[w]);
			check_encode(MAX_DIM, code_dims[i], weights[w]);
		}
	}
	gv_unit_end();

	/* by weights that round nothing */
	gv_unit_begin("%s rabitq: a point in the center", gv_kernels->name);
	for (i = 0; i < n; i++)
	{
		for (w = 0; w < 3; w++)
		{
			check_center(code_dims[i], code_dims[i], weights[w]);
			check_center(MAX_DIM, code_dims[i], weights[w]);
		}
	}
	gv_unit_end();
}

/* A case of the estimates' error */
typedef struct ErrorCase
{
	int			n;				/* dimensions */
	int			code_dims;
	float		weight;
	bool		sparse;			/* points of two nonzero elements each */
} ErrorCase;

static void
fill_point(float *x, int n, bool sparse)
{
	if (!sparse)
	{
		fill(x, n);
		return;
	}
	memset(x, 0, n * sizeof(float));
	x[gv_unit_random() % n] += 1.0f;
	x[gv_unit_random() % n] += 0.5f;
}

/*
 * The error of one estimate, in units of its standard deviation.
 *
 * Over random rotations, with u the direction of x - c, w the part of q - c
 * across u, d the dimensions and k those of the code: l1 is near
 * sqrt(2 / pi) |x - c| k / sqrt(d), and <w, s> has variance
 * |w|^2 / d * (k - 2 k^2 / (pi d)), so the estimate, off by
 * 2 |x - c|^2 / l1 * <w, s>, has standard deviation
 * 2 |x - c| |w| sqrt(pi / 2 * (1 - 2 k / (pi d)) / k).
 */
static double
measure_error(const ErrorCase *c, const float *q, const float *x, const float *p)
{
	uint8_t		code[MAX_DIM / 8];
	GvRabitqFactors factors = gv_rabitq_encode(x, p, c->weight, c->n, c->code_dims, code);
	double		xx = 0;
	double		qq = 0;
	double		qx = 0;
	double		qs = 0;
	double		exact = 0;
	double		across;
	double		deviation;
	int			i;

	for (i = 0; i < c->n; i++)
	{
		double		center = (double) c->weight * p[i];

		xx += (x[i] - center) * (x[i] - center);
		qq += (q[i] - center) * (q[i] - center);
		qx += (q[i] - center) * (x[i] - center);
		exact += ((double) q[i] - x[i]) * ((double) q[i] - x[i]);
		if (i < c->code_dims)
			qs += sign_of(code, i) * (double) q[i];
	}
	across = qq - qx * qx / xx;
	deviation = 2 * sqrt(xx * across * M_PI_2 *
						 (1 - 2 * c->code_dims / (M_PI * c->n)) / c->code_dims);
	return (qq + factors.add + factors.rescale * qs - exact) / deviation;
}

/*
 * gv_unit_test_rabitq_error
 *		Estimates have no bias, and the spread that theory gives.
 */
void
gv_unit_test_rabitq_error(void)
{
	static const ErrorCase cases[] = {
		{128, 128, 1.0f, false}, {128, 128, 0.5f, false}, {128, 128, 0.0f, false},
		{384, 384, 1.0f, false}, {784, 784, 0.5f, false}, {768, 576, 1.0f, false},
		{1536, 128, 0.5f, false}, {384, 384, 1.0f, true}, {768, 576, 0.0f, true},
	};
	const int	n_points = 30;
	const int	n_rotations = 30;
	static float points[3][MAX_DIM];
	static float rotated[3][MAX_DIM];
	int			i;

	gv_unit_seed(11);
	for (i = 0; i < (int) (sizeof(cases) / sizeof(cases[0])); i++)
	{
		const ErrorCase *c = &cases[i];
		float	   *table = gv_unit_at_end(0, gv_rotation_table_size(c->n) * sizeof(float));
		double		sum = 0;
		double		squares = 0;
		double		mean;
		double		rms;
		int			point;
		int			rotation;
		int			j;

		gv_unit_begin("rabitq: no bias and the expected error, %s points, %d of %d dimensions, "
					  "weight %g", c->sparse ? "sparse" : "normal", c->code_dims, c->n,
					  c->weight);
		for (point = 0; point < n_points; point++)
		{
			for (j = 0; j < 3; j++)
				fill_point(points[j], c->n, c->sparse);
			for (rotation = 0; rotation < n_rotations; rotation++)
			{
				double		error;

				gv_rotation_init(table, c->n, gv_unit_random());
				for (j = 0; j < 3; j++)
				{
					memcpy(rotated[j], points[j], c->n * sizeof(float));
					gv_rotation_apply(table, c->n, rotated[j]);
				}
				error = measure_error(c, rotated[0], rotated[1], rotated[2]);
				sum += error;
				squares += error * error;
			}
		}
		mean = sum / (n_points * n_rotations);
		rms = sqrt(squares / (n_points * n_rotations));
		/* the mean of 900 errors has deviation 1/30 */
		if (!(fabs(mean) <= 3.5 / 30))
			gv_unit_fail("mean error of %.3f deviations", mean);
		if (!(rms >= 0.9 && rms <= 1.1))
			gv_unit_fail("root mean square error of %.3f deviations", rms);
		gv_unit_end();
	}
}
