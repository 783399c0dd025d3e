/*-------------------------------------------------------------------------
 *
 * codes.c
 *		src/quant for bench/quant: whole data sets in one call.
 *
 * Built by the Makefile beside it as a library that Python loads.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "distance/distance.h"
#include "quant/extra.h"
#include "quant/kmeans.h"
#include "quant/opq.h"
#include "quant/pq.h"
#include "quant/sq8.h"

static void *
allocate(size_t size)
{
	void	   *memory = NULL;

	if (posix_memalign(&memory, 64, size > 0 ? size : 1) != 0)
		abort();
	return memory;
}

static GvClusterRows
rows_of(const float *x, int n, int dim, GvClusterFloats *floats)
{
	GvClusterRows rows = {.dim = dim, .n = (uint32_t) n, .fetch = gv_cluster_fetch_floats};

	floats->rows = x;
	floats->dim = dim;
	rows.arg = floats;
	return rows;
}

void
bench_begin(void)
{
	gv_distance_init();
}

/* centroids: float[k][dim]; returns how many, and the longest list of the sample */
int
bench_kmeans(const float *x, int n, int dim, int k, int is_spherical, float *centroids,
			 int *longest)
{
	GvKmeansOptions options = {dim, (uint32_t) k, 1, is_spherical, false};
	GvKmeansShared *shared = allocate(gv_kmeans_shared_size(&options, (uint32_t) n));
	void	   *scratch = allocate(gv_kmeans_scratch_size(&options));
	GvClusterFloats floats;
	GvClusterRows rows = rows_of(x, n, dim, &floats);
	GvKmeans	kmeans;
	int			n_parts;

	gv_kmeans_begin(shared, &options, (uint32_t) n);
	gv_kmeans_attach(&kmeans, shared, &rows, scratch);
	while ((n_parts = gv_kmeans_next(&kmeans)) > 0)
	{
		for (int part = 0; part < n_parts; part++)
			gv_kmeans_work(&kmeans, part);
	}
	k = (int) shared->n_centroids;
	*longest = (int) shared->longest;
	memcpy(centroids, gv_kmeans_centroids(shared), (size_t) k * dim * sizeof(float));
	free(shared);
	free(scratch);
	return k;
}

/* first: uint32[n], the nearest centroids; n_probes as in nearest.h */
void
bench_nearest(const float *x, int n, int dim, const float *centroids, int k, int n_probes,
			  uint32_t *first)
{
	GvNearest  *nearest = allocate(gv_nearest_size(dim, (uint32_t) k));
	void	   *build = allocate(gv_nearest_build_size(dim, (uint32_t) k));
	void	   *scratch = allocate(gv_nearest_scratch_size(dim, (uint32_t) k));
	int			batch = gv_nearest_batch(dim);
	float	   *distance = allocate(batch * sizeof(float));

	gv_nearest_build(nearest, centroids, (uint32_t) k, dim, build);
	for (int i = 0; i < n; i += batch)
	{
		GvNearestTask task = {
			.rows = x + (size_t) i * dim,.n = n - i < batch ? n - i : batch,
			.n_probes = n_probes,.first = first + i,.distance = distance
		};

		gv_nearest_find(nearest, &task, scratch);
	}
	free(nearest);
	free(build);
	free(scratch);
	free(distance);
}

void
bench_pq_train(const float *x, int n, int dim, int m, int bits, float *codebook)
{
	GvPqShape	shape = {dim, m, bits};
	void	   *scratch = allocate(gv_pq_train_scratch_size(&shape, (uint32_t) n));
	GvClusterFloats floats;
	GvClusterRows rows = rows_of(x, n, dim, &floats);

	for (int part = 0; part < m; part++)
		gv_pq_train_part(&shape, &rows, part, 1, codebook, scratch);
	free(scratch);
}

/* rotation: float[dim][dim], written */
void
bench_opq_train(const float *x, int n, int dim, int m, int bits, float *rotation)
{
	GvPqShape	shape = {dim, m, bits};
	GvClusterFloats floats;
	GvClusterRows rows = rows_of(x, n, dim, &floats);
	GvOpqTask	task = {.shape = shape, .rows = &rows, .n_slices = 1};

	task.shared = allocate(gv_opq_shared_size(&shape, task.n_slices));
	task.scratch = allocate(gv_opq_scratch_size(&shape, rows.n));
	gv_opq_train(&task, 1, rotation);
	free(task.shared);
	free(task.scratch);
}

/* y: float[n][dim], the rows as their codes have them */
void
bench_pq_decode(const float *x, int n, int dim, int m, int bits, const float *codebook, float *y)
{
	GvPqShape	shape = {dim, m, bits};
	GvPq	   *pq = allocate(gv_pq_size(&shape));
	uint8_t    *numbers = malloc(m);

	gv_pq_prepare(pq, &shape, codebook);
	for (int i = 0; i < n; i++)
	{
		gv_pq_encode(pq, x + (size_t) i * dim, numbers);
		gv_pq_decode(pq, numbers, y + (size_t) i * dim);
	}
	free(pq);
	free(numbers);
}

/* y: float[n][dim], the rows as their codes have them; c: float[dim] their centroid */
void
bench_sq8_decode(const float *x, int n, int dim, const float *c, float *y)
{
	int8_t	   *code = malloc(dim);

	for (int i = 0; i < n; i++)
	{
		GvSq8Factors factors = gv_sq8_encode(x + (size_t) i * dim, c, dim, code);

		for (int d = 0; d < dim; d++)
			y[(size_t) i * dim + d] = c[d] + factors.scale * code[d];
	}
	free(code);
}

/*
 * Estimates of square distances by codes around p with n_bits after the sign.
 *
 * dim: a multiple of 16, of rotated rows; estimates: float[n_q][n]
 */
void
bench_extra_estimate(const float *x, int n, int dim, const float *p, int n_bits, const float *q,
					 int n_q, float *estimates)
{
	uint8_t    *planes = malloc(gv_extra_bytes(dim, n_bits + 1));
	float	   *scratch = malloc(dim * sizeof(float));

	for (int i = 0; i < n; i++)
	{
		GvExtraFactors factors = gv_extra_encode(x + (size_t) i * dim, p, dim, dim, n_bits,
												 planes, scratch);

		for (int j = 0; j < n_q; j++)
		{
			const float *query = q + (size_t) j * dim;

			estimates[(size_t) j * n + i] =
				gv_extra_estimate(query, gv_extra_query_sum(query, dim), planes, n_bits, dim,
								  &factors, gv_kernels->l2_squared_f32(query, p, dim));
		}
	}
	free(planes);
	free(scratch);
}

/* A row by what estimates its distance */
typedef struct Near
{
	float		estimate;
	uint32_t	row;
} Near;

/* Keep the k nearest, farthest last */
static int
keep_near(Near *near, int n, int k, float estimate, uint32_t row)
{
	int			i;

	if (n == k && !(estimate < near[n - 1].estimate))
		return n;
	for (i = n < k ? n++ : n - 1; i > 0 && near[i - 1].estimate > estimate; i--)
		near[i] = near[i - 1];
	near[i].estimate = estimate;
	near[i].row = row;
	return n;
}

/*
 * The rows nearest to queries by codes of their residuals alone.
 *
 * centroids: float[n_lists][dim]; list: uint32[n], of each row
 * probes: uint32[n_q][n_probes], the lists that a query reads
 * with_factors: the estimates of ivfpq, which keeps factors beside a code; else
 * the distances of what codes stand for
 * found: uint32[n_q][k], written; UINT32_MAX where there are no more
 */
void
bench_pq_search(const float *x, int n, int dim, int m, int bits, const float *codebook,
				const float *centroids, int n_lists, const uint32_t *list, const float *q,
				int n_q, const uint32_t *probes, int n_probes, int with_factors, int k,
				uint32_t *found)
{
	GvPqShape	shape = {dim, m, bits};
	GvPq	   *pq = allocate(gv_pq_size(&shape));
	size_t		code_bytes = gv_pq_code_bytes(&shape);
	uint8_t    *codes = malloc(n * code_bytes);
	GvPqFactors *factors = malloc(n * sizeof(GvPqFactors));
	uint32_t   *row = malloc(n * sizeof(uint32_t));
	int		   *start = calloc(n_lists + 2, sizeof(int));
	uint8_t    *numbers = malloc(m);
	float	   *e = malloc(dim * sizeof(float));
	float	   *y = malloc(dim * sizeof(float));
	float	   *table = malloc(((size_t) m << bits) * sizeof(float));
	float	   *sums = malloc(n * sizeof(float));
	Near	   *near = malloc(k * sizeof(Near));

	gv_pq_prepare(pq, &shape, codebook);
	/* rows by their lists: those of list i from start[i] on */
	for (int i = 0; i < n; i++)
		start[list[i] + 2]++;
	for (int i = 2; i < n_lists + 2; i++)
		start[i] += start[i - 1];
	for (int i = 0; i < n; i++)
	{
		const float *c = centroids + (size_t) list[i] * dim;
		int			at = start[list[i] + 1]++;

		for (int d = 0; d < dim; d++)
			e[d] = x[(size_t) i * dim + d] - c[d];
		gv_pq_encode(pq, e, numbers);
		gv_pq_pack(&shape, numbers, codes + at * code_bytes);
		gv_pq_decode(pq, numbers, y);
		row[at] = (uint32_t) i;
		if (with_factors)
			factors[at] = gv_pq_find_factors(gv_kernels->inner_product_f32(e, e, dim), e, c, y,
											 dim, 2.5f);
		else
		{
			factors[at].add = gv_kernels->inner_product_f32(y, y, dim) +
				2 * gv_kernels->inner_product_f32(c, y, dim);
			factors[at].rescale = -2;
		}
	}
	for (int i = 0; i < n_q; i++)
	{
		const float *query = q + (size_t) i * dim;
		int			n_near = 0;

		gv_pq_make_table(pq, query, table);
		for (int j = 0; j < n_probes; j++)
		{
			uint32_t	probe = probes[(size_t) i * n_probes + j];
			int			first = start[probe];
			int			n_rows = start[probe + 1] - first;
			float		base = gv_kernels->l2_squared_f32(query, centroids + (size_t) probe * dim,
														  dim);

			gv_pq_sum_tables(&shape, table, codes + first * code_bytes, n_rows, sums);
			for (int r = 0; r < n_rows; r++)
				n_near = keep_near(near, n_near, k, base + factors[first + r].add +
								   factors[first + r].rescale * sums[r], row[first + r]);
		}
		for (int j = 0; j < k; j++)
			found[(size_t) i * k + j] = j < n_near ? near[j].row : UINT32_MAX;
	}
	free(pq);
	free(codes);
	free(factors);
	free(row);
	free(start);
	free(numbers);
	free(e);
	free(y);
	free(table);
	free(sums);
	free(near);
}
