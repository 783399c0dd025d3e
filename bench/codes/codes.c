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
	void	   *scratch = allocate(gv_opq_train_scratch_size(&shape));
	GvClusterFloats floats;
	GvClusterRows rows = rows_of(x, n, dim, &floats);

	gv_opq_train(&shape, &rows, 1, rotation, scratch);
	free(scratch);
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
