/*-------------------------------------------------------------------------
 *
 * quant_kmeans.c
 *		k-means: nearest centroids by brute force, balance, the same outcome
 *		for every order of work and level, and data at the edges.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "distance/distance.h"
#include "quant.h"
#include "quant/kmeans.h"
#include "unit.h"

/* Weight of a second choice: none is made, and nothing compared */
#define NO_CHECK -2.0f

/* Everything of one training */
typedef struct Training
{
	GvKmeansOptions options;
	GvClusterFloats floats;
	GvClusterRows rows;
	GvKmeans	kmeans;
	GvKmeansShared *shared;
	void	   *scratch;
	int			n_checks;
} Training;

static void *
allocate(size_t size)
{
	/* to the byte, so that the sanitizers see what goes beyond */
	char	   *memory = NULL;

	if (posix_memalign((void **) &memory, 64, size > 0 ? size : 1) != 0)
		abort();
	memset(memory, 0xee, size);
	return memory;
}

static void
count_check(void *arg)
{
	(*(int *) arg)++;
}

static void
open_training(Training *training, const float *rows, uint32_t n, GvKmeansOptions options)
{
	training->options = options;
	training->floats.rows = rows;
	training->floats.dim = options.dim;
	training->rows.dim = options.dim;
	training->rows.n = n;
	training->rows.fetch = gv_cluster_fetch_floats;
	training->rows.arg = &training->floats;
	training->rows.check = count_check;
	training->rows.check_arg = &training->n_checks;
	training->n_checks = 0;
	training->shared = allocate(gv_kmeans_shared_size(&options, n));
	training->scratch = allocate(gv_kmeans_scratch_size(&options));
	gv_kmeans_begin(training->shared, &options, n);
	gv_kmeans_attach(&training->kmeans, training->shared, &training->rows, training->scratch);
}

static void
close_training(Training *training)
{
	free(training->shared);
	free(training->scratch);
}

/* backwards: do the parts last to first, with scratch memory spoilt between */
static void
run_training(Training *training, bool backwards)
{
	double		progress = 0;
	int			n_parts;

	while ((n_parts = gv_kmeans_next(&training->kmeans)) > 0)
	{
		double		now = gv_kmeans_progress(training->shared);

		if (now < progress || now > 1)
			gv_unit_fail("progress %g after %g", now, progress);
		progress = now;
		for (int part = 0; part < n_parts; part++)
		{
			if (backwards)
				memset(training->scratch, 0x7f, gv_kmeans_scratch_size(&training->options));
			gv_kmeans_work(&training->kmeans, backwards ? n_parts - 1 - part : part);
		}
	}
	if (gv_kmeans_progress(training->shared) != 1)
		gv_unit_fail("progress %g at the end", gv_kmeans_progress(training->shared));
}

/* Clusters of different sizes, with centers around "far" */
static float *
make_rows(uint32_t n, int dim, int n_clusters, double far, double width)
{
	float	   *rows = malloc((size_t) n * dim * sizeof(float));
	float	   *centers = malloc((size_t) n_clusters * dim * sizeof(float));

	for (int i = 0; i < n_clusters * dim; i++)
		centers[i] = (float) (far + gv_unit_normal());
	for (uint32_t i = 0; i < n; i++)
	{
		double		u = gv_unit_uniform();
		int			cluster = (int) (u * u * n_clusters);

		for (int d = 0; d < dim; d++)
			rows[(size_t) i * dim + d] =
				(float) (centers[cluster * dim + d] + width * gv_unit_normal());
	}
	free(centers);
	return rows;
}

static double
exact_square(const float *x, const float *y, int dim)
{
	double		sum = 0;

	for (int d = 0; d < dim; d++)
		sum += ((double) x[d] - y[d]) * ((double) x[d] - y[d]);
	return sum;
}

/* |x - c|^2 + weight * (part of x - c along x - first)^2 */
static double
second_score(const float *x, const float *first, const float *c, int dim, double weight)
{
	double		along = 0;
	double		norm2 = exact_square(x, first, dim);

	for (int d = 0; d < dim; d++)
		along += ((double) x[d] - first[d]) * ((double) x[d] - c[d]);
	return exact_square(x, c, dim) + (norm2 > 0 ? weight * along * along / norm2 : 0);
}

/*
 * Find for all rows, and compare with brute force unless weight is NO_CHECK;
 * rows in other lists.  weight: of the second choice; below zero there is none
 */
static uint32_t
check_nearest(const float *rows, uint32_t n, const float *centroids, uint32_t k, int dim,
			  int n_probes, float weight, uint32_t *counts)
{
	GvNearest  *nearest = allocate(gv_nearest_size(dim, k));
	void	   *build = allocate(gv_nearest_build_size(dim, k));
	void	   *scratch = allocate(gv_nearest_scratch_size(dim, k));
	int			batch = gv_nearest_batch(dim);
	uint32_t   *first = malloc(batch * sizeof(uint32_t));
	uint32_t   *second = malloc(batch * sizeof(uint32_t));
	float	   *distance = malloc(batch * sizeof(float));
	uint32_t	n_others = 0;

	gv_nearest_build(nearest, centroids, k, dim, build);
	if (nearest->size > gv_nearest_size(dim, k))
		gv_unit_fail("%zu bytes, not %zu", (size_t) nearest->size, gv_nearest_size(dim, k));
	memset(counts, 0, k * sizeof(uint32_t));
	for (uint32_t i = 0; i < n; i += batch)
	{
		GvNearestTask task = {
			.rows = rows + (size_t) i * dim,.n = n - i < (uint32_t) batch ? (int) (n - i) : batch,
			.n_probes = n_probes,.first = first,.distance = distance,
			.second = weight >= 0 ? second : NULL,.second_weight = weight
		};

		gv_nearest_find(nearest, &task, scratch);
		for (int j = 0; j < task.n; j++)
		{
			const float *x = task.rows + (size_t) j * dim;
			double		best = INFINITY;
			double		best_second = INFINITY;
			double		found;

			if (first[j] >= k)
			{
				gv_unit_fail("row %u: centroid %u of %u", i + j, first[j], k);
				continue;
			}
			counts[first[j]]++;
			if (weight == NO_CHECK)
				continue;
			found = exact_square(x, centroids + (size_t) first[j] * dim, dim);
			for (uint32_t c = 0; c < k; c++)
			{
				double		square = exact_square(x, centroids + (size_t) c * dim, dim);

				best = square < best ? square : best;
				if (weight >= 0 && c != first[j])
					best_second = fmin(best_second,
									   second_score(x, centroids + (size_t) first[j] * dim,
													centroids + (size_t) c * dim, dim, weight));
			}
			if (!(fabs(distance[j] - found) <= 1e-4 * found + 1e-7))
				gv_unit_fail("row %u: square distance %g, not %g", i + j, distance[j], found);
			if (found > best * (1 + 1e-4) + 1e-10)
				n_others++;
			if (weight >= 0 && k > 1)
			{
				double		score;

				if (second[j] >= k || second[j] == first[j])
				{
					gv_unit_fail("row %u: second %u beside %u", i + j, second[j], first[j]);
					continue;
				}
				score = second_score(x, centroids + (size_t) first[j] * dim,
									 centroids + (size_t) second[j] * dim, dim, weight);
				if (!(score <= best_second * (1 + 1e-3) + 1e-10))
					gv_unit_fail("row %u: second %g, not %g", i + j, score, best_second);
			}
			else if (weight >= 0 && second[j] != GV_NEAREST_NONE)
				gv_unit_fail("row %u: a second centroid of one", i + j);
		}
	}
	free(nearest);
	free(build);
	free(scratch);
	free(first);
	free(second);
	free(distance);
	return n_others;
}

static void
test_nearest(void)
{
	static const int dims[] = {1, 2, 7, 16, 33, 96};
	static const uint32_t ks[] = {1, 2, 15, 16, 17, 100, 256, 257, 700};
	uint32_t	counts[700];

	gv_unit_seed(91);
	gv_unit_begin("%s nearest: one and two centroids, by brute force", gv_kernels->name);
	for (int d = 0; d < 6; d++)
	{
		for (int k = 0; k < 9; k++)
		{
			float	   *rows = make_rows(300, dims[d], 20, d == 3 ? 1000 : 0, 0.3);
			float	   *centroids = make_rows(ks[k], dims[d], 20, d == 3 ? 1000 : 0, 1);
			uint32_t	n_others = check_nearest(rows, 300, centroids, ks[k], dims[d], 64,
												 k % 2 ? 1.0f : -1.0f, counts);

			if (n_others > 0)
				gv_unit_fail("dim = %d, k = %u: %u rows elsewhere", dims[d], ks[k], n_others);
			free(rows);
			free(centroids);
		}
	}
	gv_unit_end();

	gv_unit_begin("%s nearest: few groups find nearly all", gv_kernels->name);
	{
		float	   *rows = make_rows(2000, 32, 50, 0, 0.4);
		uint32_t	n_others = check_nearest(rows, 2000, rows, 600, 32, 0, -1, counts);

		if (n_others > 40)
			gv_unit_fail("%u of 2000 rows elsewhere", n_others);
		free(rows);
	}
	gv_unit_end();
}

/* Centroids are finite and all different, lists not too long; their number */
static uint32_t
check_training(Training *training, uint32_t n, double longest)
{
	uint32_t	k = training->shared->n_centroids;
	int			dim = training->options.dim;
	const float *centroids = gv_kmeans_centroids(training->shared);
	uint32_t   *counts = malloc((k + 1) * sizeof(uint32_t));

	for (size_t i = 0; i < (size_t) k * dim; i++)
	{
		if (!isfinite(centroids[i]))
			gv_unit_fail("centroid %zu: element %g", i / dim, centroids[i]);
	}
	if (k == 0 || k > training->options.n_centroids)
		gv_unit_fail("%u centroids", k);
	else if (longest > 0)
	{
		check_nearest(training->floats.rows, n, centroids, k, dim, 64, NO_CHECK, counts);
		for (uint32_t c = 0; c < k; c++)
		{
			if (counts[c] > longest * n / k + 2)
				gv_unit_fail("list %u of %u has %u of %u rows", c, k, counts[c], n);
		}
	}
	free(counts);
	return k;
}

static void
test_balance(void)
{
	static const uint32_t ks[] = {10, 64, 65, 200, 500};
	static const int dims[] = {2, 16, 48, 24, 12};

	gv_unit_seed(92);
	gv_unit_begin("%s kmeans: no list longer than 3 times the mean, error near the best",
				  gv_kernels->name);
	for (int i = 0; i < 5; i++)
	{
		for (int kind = 0; kind < 4; kind++)
		{
			uint32_t	n = ks[i] * 40;
			float	   *rows = make_rows(n, dims[i], 30, kind == 3 ? 1000 : 0, 0.2);
			GvKmeansOptions options = {dims[i], ks[i], 7, kind == 2, kind == 1};
			Training	training;

			if (kind == 2)
			{
				for (uint32_t r = 0; r < n; r++)
				{
					float	   *x = rows + (size_t) r * dims[i];
					double		norm = 0;

					for (int d = 0; d < dims[i]; d++)
						norm += (double) x[d] * x[d];
					for (int d = 0; d < dims[i]; d++)
						x[d] = (float) (x[d] / sqrt(norm));
				}
			}
			open_training(&training, rows, n, options);
			run_training(&training, false);
			if (check_training(&training, n, 3) != ks[i])
				gv_unit_fail("%u centroids, not %u", training.shared->n_centroids, ks[i]);
			if (training.n_checks < 100)
				gv_unit_fail("interrupts looked for %d times", training.n_checks);
			/* normal clusters: a quarter of their spread is far too much to be left */
			if (dims[i] > 2 && kind != 2 &&
				training.shared->mean_square > 1.1 * 0.04 * dims[i])
				gv_unit_fail("k = %u, kind %d: mean square %g", ks[i], kind,
							 training.shared->mean_square);
			for (uint32_t c = 0; kind == 2 && c < ks[i]; c++)
			{
				static const float zero[48];
				double		norm2 = exact_square(gv_kmeans_centroids(training.shared) +
												 (size_t) c * dims[i], zero, dims[i]);

				if (!(fabs(norm2 - 1) < 1e-5))
					gv_unit_fail("centroid %u has norm %g", c, sqrt(norm2));
			}
			close_training(&training);
			free(rows);
		}
	}
	gv_unit_end();
}

static void
test_same(void)
{
	GvKmeansOptions options = {20, 300, 5, false, false};
	uint32_t	n = 6000;
	size_t		size = 300 * 20 * sizeof(float);
	GvSimdLevel level = gv_kernels->level;
	Training	first;
	Training	again;
	float	   *rows;

	gv_unit_seed(93);
	rows = make_rows(n, 20, 40, 3, 0.5);
	gv_unit_begin("%s kmeans: the same for any order of parts and level, not for any seed",
				  gv_kernels->name);
	open_training(&first, rows, n, options);
	run_training(&first, false);
	open_training(&again, rows, n, options);
	run_training(&again, true);
	if (first.shared->n_centroids != 300 || again.shared->n_centroids != 300 ||
		memcmp(gv_kmeans_centroids(first.shared), gv_kmeans_centroids(again.shared), size) != 0)
		gv_unit_fail("parts in another order: other centroids");
	close_training(&again);
	for (int l = GV_SIMD_AVX2; l <= GV_SIMD_NEON && level != GV_SIMD_SCALAR; l++)
	{
		if (!gv_distance_set_level((GvSimdLevel) l))
			continue;
		open_training(&again, rows, n, options);
		run_training(&again, false);
		if (again.shared->n_centroids != 300 ||
			memcmp(gv_kmeans_centroids(first.shared), gv_kmeans_centroids(again.shared), size) != 0)
			gv_unit_fail("level %s: other centroids", gv_kernels->name);
		close_training(&again);
	}
	gv_distance_set_level(level);
	options.seed = 6;
	open_training(&again, rows, n, options);
	run_training(&again, false);
	if (memcmp(gv_kmeans_centroids(first.shared), gv_kmeans_centroids(again.shared), size) == 0)
		gv_unit_fail("another seed: the same centroids");
	close_training(&again);
	close_training(&first);
	free(rows);
	gv_unit_end();
}

/* Train on rows at the edges; the number of centroids */
static uint32_t
train_edge(float *rows, uint32_t n, GvKmeansOptions options)
{
	Training	training;
	uint32_t	k;

	open_training(&training, rows, n, options);
	run_training(&training, false);
	k = check_training(&training, n, 0);
	close_training(&training);
	return k;
}

static void
test_edges(void)
{
	static const float sizes[] = {0, 1e-45f, 1e-30f, 1e18f, 1e30f, FLT_MAX};
	uint32_t	n = 1500;
	float	   *rows = malloc(n * 8 * sizeof(float));

	gv_unit_seed(94);
	gv_unit_begin("%s kmeans: zero, tiny and huge rows give finite centroids", gv_kernels->name);
	for (int i = 0; i < 6; i++)
	{
		for (int kind = 0; kind < 4; kind++)
		{
			GvKmeansOptions options = {8, kind < 2 ? 20 : 200, 1, kind % 2, kind == 3};
			GvNearest  *nearest = allocate(gv_nearest_size(8, 300));
			void	   *build = allocate(gv_nearest_build_size(8, 300));
			void	   *scratch = allocate(gv_nearest_scratch_size(8, 300));
			uint32_t	first[100];
			uint32_t	second[100];
			float		distance[100];
			GvNearestTask task = {rows, 100, 0, first, distance, second, 1};

			for (uint32_t j = 0; j < n * 8; j++)
				rows[j] = sizes[i] * (float) (2 * gv_unit_uniform() - 1);
			/* rows of another size than 1 are not for centroids of norm 1 */
			if (train_edge(rows, n, options) < (sizes[i] > 1e-40f && kind % 2 == 0 ? 20 : 1))
				gv_unit_fail("size %g: too few centroids", sizes[i]);
			/* rows far beyond what the centroids have been scaled for, and within */
			for (int far = 0; far < 2; far++)
			{
				gv_nearest_build(nearest, rows + 800, 300, 8, build);
				for (uint32_t j = 0; j < 800; j++)
					rows[j] = far ? FLT_MAX * (j % 3 - 1.0f) : rows[j];
				gv_nearest_find(nearest, &task, scratch);
				for (int j = 0; j < 100; j++)
				{
					if (first[j] >= 300 || second[j] >= 300 || !(distance[j] <= FLT_MAX))
						gv_unit_fail("size %g: row %d in %u, %u at %g", sizes[i], j, first[j],
									 second[j], distance[j]);
				}
			}
			free(nearest);
			free(build);
			free(scratch);
		}
	}
	gv_unit_end();

	gv_unit_begin("%s kmeans: few and equal rows", gv_kernels->name);
	for (uint32_t m = 1; m <= 300; m = m * 2 + 1)
	{
		for (uint32_t k = 1; k <= 600; k = k * 3 + 1)
		{
			for (int random = 0; random < 2; random++)
			{
				GvKmeansOptions options = {3, k, 1, false, random};
				uint32_t	made;

				/* m different rows, many times each */
				for (uint32_t i = 0; i < n; i++)
				{
					for (int d = 0; d < 3; d++)
						rows[3 * i + d] = (float) ((i % m * 7919 + d * 104729) % 1009);
				}
				made = train_edge(rows, n, options);
				if (made > m || (k >= 4 * m && made < m) || (made < k && made < m * 0.6))
					gv_unit_fail("%u different rows: %u centroids of %u", m, made, k);
				made = train_edge(rows, m, options);
				if (made > m || (k > m && made < m * 0.6))
					gv_unit_fail("%u rows: %u centroids of %u", m, made, k);
			}
		}
	}
	gv_unit_end();

	gv_unit_begin("%s kmeans: one dimension, and one vector in half of the rows", gv_kernels->name);
	{
		GvKmeansOptions options = {1, 100, 1, false, false};
		GvKmeansOptions wide = {8, 150, 1, false, false};

		for (uint32_t i = 0; i < n; i++)
			rows[i] = (float) i;
		if (train_edge(rows, n, options) != 100)
			gv_unit_fail("not 100 centroids of a line");
		for (uint32_t i = 0; i < n * 8; i++)
			rows[i] = i < n * 4 ? 1 : (float) gv_unit_normal();
		if (train_edge(rows, n, wide) < 140)
			gv_unit_fail("not 140 centroids");
	}
	gv_unit_end();
	free(rows);
}

/*
 * gv_unit_test_kmeans
 *		See the top of this file.
 */
void
gv_unit_test_kmeans(void)
{
	test_nearest();
	test_balance();
	test_same();
	test_edges();
}
