/*-------------------------------------------------------------------------
 *
 * quant_pq.c
 *		Product quantizer, its rotation, and the scalar quantizer.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "distance/distance.h"
#include "quant.h"
#include "quant/eigen.h"
#include "quant/opq.h"
#include "quant/pq.h"
#include "quant/sq8.h"
#include "unit.h"

#define MAX_DIM 300

static void *
allocate(size_t size)
{
	void	   *memory = NULL;

	if (posix_memalign(&memory, 64, size > 0 ? size : 1) != 0)
		abort();
	memset(memory, 0xee, size);
	return memory;
}

/* Rows whose elements depend on each other, in pairs, and have unlike sizes */
static float *
make_rows(uint32_t n, int dim)
{
	float	   *rows = malloc((size_t) n * dim * sizeof(float));

	for (uint32_t i = 0; i < n; i++)
	{
		double		common = gv_unit_normal();

		for (int d = 0; d < dim; d++)
		{
			if (d % 2 == 0)
				common = gv_unit_normal();
			rows[(size_t) i * dim + d] =
				(float) ((1 + d % 5) * (0.8 * common + 0.6 * gv_unit_normal()));
		}
	}
	return rows;
}

static GvClusterRows
rows_of(const float *x, uint32_t n, int dim, GvClusterFloats *floats)
{
	GvClusterRows rows = {.dim = dim,.n = n,.fetch = gv_cluster_fetch_floats,.arg = floats};

	floats->rows = x;
	floats->dim = dim;
	return rows;
}

/* Train and prepare; the codebook is the caller's to free */
static GvPq *
train(const GvPqShape *shape, const float *x, uint32_t n, float *codebook)
{
	GvClusterFloats floats;
	GvClusterRows rows = rows_of(x, n, shape->dim, &floats);
	void	   *scratch = allocate(gv_pq_train_scratch_size(shape, n));
	GvPq	   *pq = allocate(gv_pq_size(shape));

	/* parts in any order */
	for (int part = shape->m - 1; part >= 0; part--)
		gv_pq_train_part(shape, &rows, part, 3, codebook, scratch);
	gv_pq_prepare(pq, shape, codebook);
	free(scratch);
	return pq;
}

/* Mean square of what the codes leave of rows */
static double
measure_error(const GvPq *pq, const float *x, uint32_t n)
{
	uint8_t		numbers[MAX_DIM];
	float		y[MAX_DIM];
	double		sum = 0;
	int			dim = pq->shape.dim;

	for (uint32_t i = 0; i < n; i++, x += dim)
	{
		gv_pq_encode(pq, x, numbers);
		gv_pq_decode(pq, numbers, y);
		for (int d = 0; d < dim; d++)
			sum += ((double) x[d] - y[d]) * ((double) x[d] - y[d]);
	}
	return sum / n;
}

/* The entry of a part as the codebook has it */
static const float *
entry_of(const GvPqShape *shape, const float *codebook, int part, int number)
{
	int			start = gv_pq_part_start(shape, part);
	int			size = gv_pq_part_start(shape, part + 1) - start;

	return codebook + ((size_t) start << shape->bits) + (size_t) number * size;
}

/* Codes of rows: nearest entries, packing, and tables of a query */
static void
check_row(const GvPq *pq, const float *codebook, const float *x, const float *q,
		  const float *c)
{
	const GvPqShape *shape = &pq->shape;
	int			dim = shape->dim;
	size_t		n_table = (size_t) shape->m << shape->bits;
	uint8_t    *numbers = gv_unit_at_end(0, shape->m);
	uint8_t    *code = gv_unit_at_end(1, gv_pq_code_bytes(shape));
	uint8_t    *again = gv_unit_at_end(2, shape->m);
	float	   *y = gv_unit_at_end(3, dim * sizeof(float));
	float	   *table = gv_unit_at_end(4, n_table * sizeof(float));
	long double product = 0;
	long double terms = 0;
	long double direct = 0;
	long double base = 0;
	long double add = 0;
	float		sum;

	gv_pq_encode(pq, x, numbers);
	gv_pq_decode(pq, numbers, y);
	for (int j = 0; j < shape->m; j++)
	{
		int			start = gv_pq_part_start(shape, j);
		int			size = gv_pq_part_start(shape, j + 1) - start;
		double		best = INFINITY;
		double		found = 0;
		double		norm2 = 0;

		if (size < 1 || numbers[j] >= 1 << shape->bits)
			gv_unit_fail("part %d: %d dimensions, number %d", j, size, numbers[j]);
		if (memcmp(y + start, entry_of(shape, codebook, j, numbers[j]),
				   size * sizeof(float)) != 0)
			gv_unit_fail("part %d: decoded to another entry", j);
		for (int k = 0; k < 1 << shape->bits; k++)
		{
			const float *entry = entry_of(shape, codebook, j, k);
			double		square = 0;

			for (int d = 0; d < size; d++)
				square += ((double) x[start + d] - entry[d]) * ((double) x[start + d] - entry[d]);
			best = fmin(best, square);
			if (k == numbers[j])
				found = square;
		}
		for (int d = 0; d < size; d++)
			norm2 += (double) x[start + d] * x[start + d];
		if (found > best + 1e-5 * (best + norm2))
			gv_unit_fail("part %d: entry at %g, not %g", j, found, best);
	}

	gv_pq_pack(shape, numbers, code);
	gv_pq_unpack(shape, code, again);
	if (memcmp(numbers, again, shape->m) != 0)
		gv_unit_fail("a packed code is another one");

	gv_pq_make_table(pq, q, table);
	gv_pq_sum_tables(shape, table, code, 1, &sum);
	for (int d = 0; d < dim; d++)
	{
		product += (long double) q[d] * y[d];
		terms += fabsl((long double) q[d] * y[d]);
		direct += ((long double) q[d] - c[d] - y[d]) * ((long double) q[d] - c[d] - y[d]);
		base += ((long double) q[d] - c[d]) * ((long double) q[d] - c[d]);
		add += (long double) y[d] * y[d] + 2 * (long double) c[d] * y[d];
	}
	if (!(fabsl(sum - product) <= 1e-5L * terms))
		gv_unit_fail("inner product %g, not %Lg", sum, product);
	if (!(fabsl(base + add - 2 * sum - direct) <= 1e-4L * (base + fabsl(add))))
		gv_unit_fail("square distance %Lg, not %Lg", base + add - 2 * sum, direct);
}

/* A block of 32 codes by FastScan against the table */
static void
check_fastscan(const GvPq *pq, const float *x, const float *q)
{
	const GvPqShape *shape = &pq->shape;
	int			groups = gv_pq_groups(shape);
	uint8_t    *block = gv_unit_at_end(0, (size_t) groups * GV_FASTSCAN_GROUP_BYTES);
	uint8_t    *numbers = gv_unit_at_end(1, groups);
	uint8_t    *code = gv_unit_at_end(4, groups / 2);
	float	   *table = gv_unit_at_end(2, (size_t) shape->m * 16 * sizeof(float));
	double		expected[GV_FASTSCAN_LANES];
	uint32_t	sums[GV_FASTSCAN_LANES];
	GvRabitqQuery query;

	query.table = gv_unit_at_end(3, (size_t) groups * GV_FASTSCAN_GROUP_BYTES);
	gv_pq_make_table(pq, q, table);
	gv_pq_prepare_query(&query, shape, table);
	memset(block, 0, (size_t) groups * GV_FASTSCAN_GROUP_BYTES);
	for (int lane = 0; lane < GV_FASTSCAN_LANES; lane++)
	{
		memset(numbers, 5, groups);
		gv_pq_encode(pq, x + (size_t) lane * shape->dim, numbers);
		for (int j = 0; j < groups; j += 2)
			code[j / 2] = (uint8_t) (numbers[j] | numbers[j + 1] << 4);
		gv_rabitq_put_lane(block, lane, code, 4 * groups);
		expected[lane] = 0;
		for (int j = 0; j < shape->m; j++)
			expected[lane] += table[j * 16 + numbers[j]];
	}
	gv_kernels->fastscan(block, query.table, query.n_groups, sums);
	for (int lane = 0; lane < GV_FASTSCAN_LANES; lane++)
	{
		double		found = (double) query.mul * sums[lane] + query.bias;

		if (!(fabs(found - expected[lane]) <=
			  (0.5 + 1e-3) * shape->m * query.mul + 1e-5 * fabs(query.bias)))
			gv_unit_fail("lane %d: %g, not %g, in units of %g", lane, found, expected[lane],
						 query.mul);
	}
}

static void
test_codes(void)
{
	static const GvPqShape shapes[] = {
		{1, 1, 4}, {1, 1, 8}, {7, 7, 4}, {16, 4, 8}, {17, 5, 4}, {100, 16, 4}, {100, 16, 8},
		{64, 33, 4}, {MAX_DIM, 75, 4}, {40, 1, 8}
	};

	gv_unit_seed(96);
	gv_unit_begin("%s pq: codes, packing, tables, FastScan, even and uneven parts",
				  gv_kernels->name);
	for (int s = 0; s < 10; s++)
	{
		const GvPqShape *shape = &shapes[s];
		float	   *x = make_rows(1000, shape->dim);
		float	   *q = make_rows(60, shape->dim);
		float	   *codebook = allocate(gv_pq_codebook_size(shape) * sizeof(float));
		GvPq	   *pq = train(shape, x, 1000, codebook);

		for (int i = 0; i < 30; i++)
			check_row(pq, codebook, x + (size_t) i * shape->dim, q + (size_t) i * shape->dim,
					  q + (size_t) (i + 30) * shape->dim);
		for (int i = 0; i < 5 && shape->bits == 4; i++)
			check_fastscan(pq, x + (size_t) i * 32 * shape->dim, q + (size_t) i * shape->dim);
		free(x);
		free(q);
		free(codebook);
		free(pq);
	}
	gv_unit_end();
}

static void
test_training(void)
{
	GvPqShape	line = {8, 8, 4};
	GvPqShape	shape = {6, 2, 8};
	float	   *x = malloc(5000 * 8 * sizeof(float));
	float	   *codebook = allocate(256 * 8 * sizeof(float));
	GvPq	   *pq;
	double		error;

	gv_unit_seed(97);
	gv_unit_begin("%s pq: errors of a uniform line, of few rows, of extremes", gv_kernels->name);
	for (int i = 0; i < 5000 * 8; i++)
		x[i] = (float) gv_unit_uniform();
	pq = train(&line, x, 5000, codebook);
	error = measure_error(pq, x, 5000) / 8 * 12 * 16 * 16;
	if (!(error > 0.9 && error < 1.08))
		gv_unit_fail("error %g of that of equal steps", error);
	free(pq);

	/* as many entries as rows: nothing is left */
	pq = train(&shape, x, 200, codebook);
	error = measure_error(pq, x, 200);
	if (!(error < 1e-10))
		gv_unit_fail("200 rows, 256 entries: error %g", error);
	free(pq);

	for (int kind = 0; kind < 4; kind++)
	{
		static const float sizes[] = {0, 1e-42f, 1e30f, FLT_MAX};

		for (int i = 0; i < 3000; i++)
			x[i] = sizes[kind] * (float) (2 * gv_unit_uniform() - 1);
		pq = train(&shape, x, kind == 0 ? 1 : 500, codebook);
		for (size_t i = 0; i < gv_pq_codebook_size(&shape); i++)
		{
			if (!isfinite(codebook[i]))
				gv_unit_fail("size %g: entry %g", sizes[kind], codebook[i]);
		}
		error = measure_error(pq, x, 100);
		if (!isfinite(error) || (sizes[kind] < 1 && error > 1e-10))
			gv_unit_fail("size %g: error %g", sizes[kind], error);
		free(pq);
	}
	free(x);
	free(codebook);
	gv_unit_end();
}

static void
check_orthonormal(const float *rotation, int dim)
{
	for (int i = 0; i < dim; i++)
	{
		for (int j = 0; j <= i; j++)
		{
			double		product = 0;

			for (int d = 0; d < dim; d++)
				product += (double) rotation[i * dim + d] * rotation[j * dim + d];
			if (!(fabs(product - (i == j)) <= 1e-5))
			{
				gv_unit_fail("dim = %d: product of rows %d and %d is %g", dim, i, j, product);
				return;
			}
		}
	}
}

/* Processes of a training, each with a scratch of its own, which take turns */
typedef struct Processes
{
	GvOpqTask	task[3];
	uint32_t	n_parts;		/* of all steps */
} Processes;

/* GvOpqTask: the parts in an order of its own, by one process after the other */
static void
run_backwards(void *arg, uint32_t n_parts)
{
	Processes  *processes = arg;

	processes->n_parts += n_parts;
	for (uint32_t part = n_parts; part-- > 0;)
		gv_opq_work(&processes->task[part % 3], part);
}

/* The rotation must be the same to the bit whoever does the parts */
static void
check_opq_processes(const GvPqShape *shape, const GvClusterRows *rows, int n_slices,
					const float *expected)
{
	size_t		size = (size_t) shape->dim * shape->dim * sizeof(float);
	float	   *rotation = allocate(size);
	void	   *shared = allocate(gv_opq_shared_size(shape, n_slices));
	Processes	processes = {.n_parts = 0};

	memset(shared, 0x7f, gv_opq_shared_size(shape, n_slices));
	for (int i = 0; i < 3; i++)
	{
		GvOpqTask	task = {*shape, rows, n_slices, shared, NULL, run_backwards, &processes};

		task.scratch = allocate(gv_opq_scratch_size(shape, rows->n));
		memset(task.scratch, 0x7f, gv_opq_scratch_size(shape, rows->n));
		processes.task[i] = task;
	}
	gv_opq_train(&processes.task[0], 1, rotation);
	if (processes.n_parts < (uint32_t) n_slices)
		gv_unit_fail("dim = %d: nothing is shared", shape->dim);
	if (memcmp(rotation, expected, size) != 0)
		gv_unit_fail("dim = %d, m = %d, %d slices: another rotation by three processes",
					 shape->dim, shape->m, n_slices);
	for (int i = 0; i < 3; i++)
		free(processes.task[i].scratch);
	free(shared);
	free(rotation);
}

/* Train a rotation of rows and check it; what the codes leave with and without */
static void
check_opq(const GvPqShape *shape, const float *x, uint32_t n, double *with, double *without)
{
	int			dim = shape->dim;
	GvClusterFloats floats;
	GvClusterRows rows = rows_of(x, n, dim, &floats);
	GvOpqTask	task = {.shape = *shape, .rows = &rows, .n_slices = 1 + dim % 3};
	float	   *rotation = allocate((size_t) dim * dim * sizeof(float));
	float	   *panels = allocate(gv_opq_size(dim) * sizeof(float));
	float	   *codebook = allocate(gv_pq_codebook_size(shape) * sizeof(float));
	float	   *rotated = malloc((size_t) n * dim * sizeof(float));
	float		y[MAX_DIM + GV_PRODUCTS_PANEL];
	GvPq	   *pq;

	task.shared = allocate(gv_opq_shared_size(shape, task.n_slices));
	task.scratch = allocate(gv_opq_scratch_size(shape, n));
	gv_opq_train(&task, 1, rotation);
	check_orthonormal(rotation, dim);
	check_opq_processes(shape, &rows, task.n_slices, rotation);
	gv_opq_prepare(panels, rotation, dim);
	for (uint32_t i = 0; i < n; i++)
	{
		gv_opq_apply(panels, dim, x + (size_t) i * dim, y);
		memcpy(rotated + (size_t) i * dim, y, dim * sizeof(float));
		for (int d = 0; d < dim && i < 10; d++)
		{
			double		expected = 0;
			double		terms = 0;

			for (int e = 0; e < dim; e++)
			{
				expected += (double) rotation[d * dim + e] * x[(size_t) i * dim + e];
				terms += fabs((double) rotation[d * dim + e] * x[(size_t) i * dim + e]);
			}
			if (!(fabs(y[d] - expected) <= 1e-5 * terms + 1e-40))
				gv_unit_fail("row %u, element %d: %g, not %g", i, d, y[d], expected);
		}
	}
	if (with)
	{
		pq = train(shape, x, n, codebook);
		*without = measure_error(pq, x, n);
		free(pq);
		pq = train(shape, rotated, n, codebook);
		*with = measure_error(pq, rotated, n);
		free(pq);
	}
	free(task.shared);
	free(task.scratch);
	free(rotation);
	free(panels);
	free(codebook);
	free(rotated);
}

/* Eigenvectors of sums of `rank` squares, and of random symmetric matrices */
static void
test_eigen(void)
{
	static const int dims[] = {1, 2, 3, 17, 60};

	gv_unit_seed(97);
	gv_unit_begin("eigenvectors of symmetric matrices");
	for (int trial = 0; trial < 30; trial++)
	{
		int			n = dims[trial % 5];
		int			rank = trial < 10 ? -1 : (trial - 10) * n / 20;
		double	   *a = calloc(n * n, sizeof(double));
		double	   *destroyed = malloc(n * n * sizeof(double));
		double	   *vectors = malloc(n * n * sizeof(double));
		double	   *values = malloc(4 * n * sizeof(double));
		double		scale = trial % 3 == 0 ? 1e-20 : 1e10;
		double		size = 0;

		for (int i = 0; i < n && rank < 0; i++)
		{
			for (int j = i; j < n; j++)
				a[i * n + j] = a[j * n + i] = scale * gv_unit_normal();
		}
		for (int r = 0; r < rank; r++)
		{
			double		x[60];

			for (int i = 0; i < n; i++)
				x[i] = gv_unit_normal();
			for (int i = 0; i < n * n; i++)
				a[i] += scale * x[i / n] * x[i % n];
		}
		for (int i = 0; i < n * n; i++)
			size = fmax(size, fabs(a[i]));
		memcpy(destroyed, a, n * n * sizeof(double));
		if (!gv_eigen_symmetric(destroyed, n, values, vectors, values + n, NULL, NULL))
			gv_unit_fail("%d dimensions, rank %d: no end", n, rank);
		for (int i = 0; i < n; i++)
		{
			for (int j = 0; j < n; j++)
			{
				double		turned = 0;
				double		product = 0;

				for (int k = 0; k < n; k++)
				{
					turned += a[j * n + k] * vectors[i * n + k];
					product += vectors[i * n + k] * vectors[j * n + k];
				}
				if (!(fabs(turned - values[i] * vectors[i * n + j]) <= 1e-12 * n * size))
					gv_unit_fail("%d dimensions, rank %d: %d is no eigenvector", n, rank, i);
				if (!(fabs(product - (i == j)) <= 1e-12 * n))
					gv_unit_fail("%d dimensions, rank %d: %d and %d: %g", n, rank, i, j, product);
			}
		}
		free(a);
		free(destroyed);
		free(vectors);
		free(values);
	}
	gv_unit_end();
}

static void
test_opq(void)
{
	static const GvPqShape shapes[] = {{1, 1, 4}, {15, 3, 4}, {17, 4, 4}, {50, 10, 4}};
	GvPqShape	mixed = {32, 8, 4};
	float	   *x = make_rows(2000, 64);
	double		with;
	double		without;

	gv_unit_seed(98);
	gv_unit_begin("%s opq: a rotation, whatever the rows", gv_kernels->name);
	for (int s = 0; s < 4; s++)
	{
		check_opq(&shapes[s], x, 600, NULL, NULL);
		check_opq(&shapes[s], x, 3, NULL, NULL);
	}
	for (int kind = 0; kind < 3; kind++)
	{
		static const float sizes[] = {0, 1e-25f, 1e12f};
		float	   *rows = calloc(500 * 17, sizeof(float));

		/* all but four dimensions constant */
		for (int i = 0; i < 500 * 17; i++)
			rows[i] = sizes[kind] * (i % 17 < 4 ? (float) gv_unit_normal() : 1);
		check_opq(&shapes[2], rows, 500, NULL, NULL);
		free(rows);
	}
	gv_unit_end();

	gv_unit_begin("%s opq: less is lost after the rotation", gv_kernels->name);
	for (uint32_t i = 0; i < 2000; i++)
	{
		/* one element in four has most of the variance, and eight lie in two parts */
		for (int d = 0; d < 32; d++)
			x[i * 32 + d] = (float) ((d < 8 ? 4 : 0.3) * gv_unit_normal());
	}
	check_opq(&mixed, x, 2000, &with, &without);
	if (!(with < 0.7 * without))
		gv_unit_fail("%g is lost with it, %g without", with, without);
	gv_unit_end();

	/* rounds alone do not get there from where they begin without a rotation */
	gv_unit_begin("%s opq: variances are dealt out to all parts", gv_kernels->name);
	for (uint32_t i = 0; i < 2000; i++)
	{
		for (int d = 0; d < 32; d++)
			x[i * 32 + d] = (float) (pow(0.7, d) * gv_unit_normal());
	}
	check_opq(&mixed, x, 2000, &with, &without);
	if (!(with < 0.1 * without))
		gv_unit_fail("%g is lost with it, %g without", with, without);
	free(x);
	gv_unit_end();
}

static void
test_sq8(void)
{
	static const int dims[] = {1, 5, 16, 100, MAX_DIM};
	static const double sizes[] = {0, 1e-42, 1e-30, 1, 1e15, 1e18, 3e38};

	gv_unit_seed(99);
	gv_unit_begin("%s sq8: bounds hold, extremes give no NaN", gv_kernels->name);
	for (int k = 0; k < 5 * 7 * 20; k++)
	{
		int			dim = dims[k % 5];
		double		size = sizes[k / 5 % 7];
		float	   *x = gv_unit_at_end(0, dim * sizeof(float));
		float	   *p = gv_unit_at_end(1, dim * sizeof(float));
		float	   *e = gv_unit_at_end(2, dim * sizeof(float));
		int8_t	   *code = gv_unit_at_end(3, dim);
		GvSq8Factors factors;
		GvSq8Estimate estimate;
		double		exact = 0;
		double		norm2 = 0;
		double		left2 = 0;

		for (int d = 0; d < dim; d++)
		{
			float		q = (float) (size * (2 * gv_unit_uniform() - 1));

			p[d] = (float) (size * (2 * gv_unit_uniform() - 1));
			x[d] = k % 2 ? (float) (q + 0.001 * size * gv_unit_uniform()) :
				(float) (size * (2 * gv_unit_uniform() - 1));
			if (!isfinite(x[d]))
				x[d] = FLT_MAX;
			e[d] = q - p[d];
			exact += ((double) q - x[d]) * ((double) q - x[d]);
			norm2 += (double) e[d] * e[d];
		}
		factors = gv_sq8_encode(x, p, dim, code);
		for (int d = 0; d < dim; d++)
		{
			double		left = (double) x[d] - p[d] - (double) factors.scale * code[d];

			left2 += left * left;
		}
		if (!(factors.scale >= 0) || !isfinite(factors.scale) ||
			!(sqrt(left2) <= factors.error) ||
			(size >= 1e-30 && isfinite(factors.error) &&
			 factors.error > 0.51 * factors.scale * sqrt(dim)))
			gv_unit_fail("size %g: scale %g, error %g of %g", size, factors.scale,
						 factors.error, sqrt(left2));
		estimate = gv_sq8_estimate(e, (float) sqrt(norm2), code, dim, &factors);
		if (isnan(estimate.lower) || estimate.lower < 0 ||
			estimate.lower > exact * (1 + 1e-6) + 1e-6 * 1e-40)
			gv_unit_fail("size %g: bound %g of %g", size, estimate.lower, exact);
		if (size == 1 && dim >= 16 && k % 2 == 0 &&
			!(fabs(estimate.estimate - exact) <= 0.02 * exact && estimate.lower > 0.9 * exact))
			gv_unit_fail("estimate %g, bound %g of %g", estimate.estimate, estimate.lower, exact);
	}
	gv_unit_end();
}

#define BOUND_DIM 64

/* Where row r and query u are as seen from c: the estimate, and the distance */
static double
estimate_of(const GvPqFactors *factors, const float *u, const float *c, const float *y,
			const float *r, double *exact)
{
	double		base = 0;
	double		product = 0;

	*exact = 0;
	for (int d = 0; d < BOUND_DIM; d++)
	{
		base += (double) u[d] * u[d];
		product += ((double) u[d] + c[d]) * y[d];
		*exact += ((double) u[d] - r[d]) * ((double) u[d] - r[d]);
	}
	return base + factors->add + factors->rescale * product;
}

/* Estimates by codes: exact in their own direction, without bias, and off by what they say */
static void
test_bounds(void)
{
	GvPqShape	shape = {BOUND_DIM, 16, 4};
	float	   *codebook = allocate(gv_pq_codebook_size(&shape) * sizeof(float));
	float	   *rows = malloc(3000 * BOUND_DIM * sizeof(float));
	const float none[BOUND_DIM] = {0};
	GvPq	   *pq;
	double		sum = 0;
	double		sum2 = 0;
	int			n_beyond = 0;
	int			n = 0;

	gv_unit_seed(99);
	gv_unit_begin("%s pq: estimates and bounds", gv_kernels->name);
	for (int i = 0; i < 3000 * BOUND_DIM; i++)
		rows[i] = (float) gv_unit_normal();
	pq = train(&shape, rows, 2000, codebook);
	for (int i = 2000; i < 3000; i++)
	{
		const float *r = rows + i * BOUND_DIM;
		float		c[BOUND_DIM];
		float		u[BOUND_DIM];
		float		y[BOUND_DIM];
		uint8_t		numbers[16];
		float		n2 = gv_kernels->inner_product_f32(r, r, BOUND_DIM);
		GvPqFactors factors;
		GvPqFactors known;
		double		exact;

		gv_pq_encode(pq, r, numbers);
		gv_pq_decode(pq, numbers, y);
		for (int d = 0; d < BOUND_DIM; d++)
			c[d] = 3 * (float) gv_unit_normal();
		factors = gv_pq_find_factors(n2, r, c, y, BOUND_DIM, 2.5f);
		if (!(fabs(estimate_of(&factors, r, c, y, r, &exact)) <= 1e-4 * n2))
			gv_unit_fail("row %d: %g is the estimate of its distance to itself", i,
						 estimate_of(&factors, r, c, y, r, &exact));
		known = gv_pq_find_factors(n2, r, c, i % 2 ? none : y, BOUND_DIM, i % 2 ? 2.5f : 1e6f);
		if (known.rescale != 0)
			gv_unit_fail("row %d: something is known by a code that tells nothing", i);
		for (int j = 0; j < 20; j++)
		{
			double		norm = 0;
			double		off;
			double		size = j % 2 ? 2 : 0.1;

			for (int d = 0; d < BOUND_DIM; d++)
			{
				u[d] = (float) (size * gv_unit_normal()) + (j < 10 ? r[d] : 0);
				norm += (double) u[d] * u[d];
			}
			norm = sqrt(norm);
			off = estimate_of(&factors, u, c, y, r, &exact) - exact;
			n_beyond += off > factors.error * norm;
			off /= factors.error / 2.5 * norm;
			sum += off;
			sum2 += off * off;
			n++;
			off = estimate_of(&known, u, c, y, r, &exact) - known.error * norm;
			if (!(off <= exact * (1 + 1e-5) + 1e-4))
				gv_unit_fail("row %d: bound %g of %g", i, off, exact);
		}
	}
	if (!(fabs(sum / n) <= 0.05) || !(sqrt(sum2 / n) >= 0.5 && sqrt(sum2 / n) <= 1.1))
		gv_unit_fail("estimates are off by %g in the mean, %g in the mean square",
					 sum / n, sqrt(sum2 / n));
	if (n_beyond > n / 100)
		gv_unit_fail("%d of %d are below their bounds", n_beyond, n);
	gv_unit_end();
	free(pq);
	free(codebook);
	free(rows);
}

/*
 * gv_unit_test_pq
 *		See the top of this file.
 */
void
gv_unit_test_pq(void)
{
	test_codes();
	test_bounds();
	test_training();
	test_eigen();
	test_opq();
	test_sq8();
}
