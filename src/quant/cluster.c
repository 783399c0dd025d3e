/*-------------------------------------------------------------------------
 *
 * cluster.c
 *		k-means of some rows in one process.
 *
 * Lloyd's rounds from a start by k-means++ or from random points.  A centroid
 * that no row is nearest to moves to the row that is farthest from its own, or
 * is dropped when all rows are centroids.
 *
 * The outcome depends on the rows, their order and the seed: every sum is
 * added up in one order, by kernels with the same bits at every level but the
 * scalar one.
 * Source: Arthur, Vassilvitskii, SODA 2007 (k-means++).
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "quant/cluster.h"
#include "quant/panels.h"

/* Rows whose products are computed at once */
#define TILE_ROWS 32

/* Rows that k-means++ chooses from, for each centroid */
#define START_ROWS 32

/* A square distance of nothing, for each dimension; elements are about 1 */
#define NO_DISTANCE 1e-10f

/* Everything in room the caller has given */
typedef struct Work
{
	const GvClusterTask *task;
	GvRandom	random;
	int			dim;
	uint32_t	k;				/* centroids now */
	float		scale;
	float	   *origin;			/* float[dim] */
	float	   *centroids;		/* float[k][dim], shifted and scaled */
	float	   *sums;			/* float[k][dim] */
	float	   *panels;			/* float[panels][dim][16] */
	float	   *half;			/* float[16 * panels] */
	uint32_t   *counts;			/* uint32[k] */
	float	   *tile;			/* float[TILE_ROWS][dim] */
	float	   *products;		/* float[TILE_ROWS][16 * panels] */
	double	   *moments;		/* double[dim] */
} Work;

/* Lay out the scratch memory; the size without it */
static size_t
lay_out(Work *work, void *scratch, int dim, uint32_t max_k)
{
	size_t		lanes = (size_t) gv_panels_count(max_k) * GV_PRODUCTS_PANEL;
	size_t		at = 0;

#define TAKE(field, count) \
	do { \
		work->field = (void *) ((uintptr_t) scratch + at); \
		at += gv_panels_round_up((count) * sizeof(*work->field)); \
	} while (0)

	TAKE(moments, (size_t) dim);
	TAKE(origin, (size_t) dim);
	TAKE(centroids, (size_t) max_k * dim);
	TAKE(sums, (size_t) max_k * dim);
	TAKE(panels, lanes * dim);
	TAKE(half, lanes);
	TAKE(counts, (size_t) max_k);
	TAKE(tile, (size_t) TILE_ROWS * dim);
	TAKE(products, TILE_ROWS * lanes);
#undef TAKE
	return at;
}

/*
 * gv_cluster_scratch_size
 *		Bytes of memory, aligned to 64 bytes, for tasks of up to max_k centroids.
 */
size_t
gv_cluster_scratch_size(int dim, uint32_t max_k)
{
	Work		work;

	return lay_out(&work, NULL, dim, max_k);
}

/*
 * gv_cluster_fetch_floats
 *		Fetch from an array of floats; arg is a GvClusterFloats.
 */
void
gv_cluster_fetch_floats(const void *arg, uint32_t i, float *x)
{
	const GvClusterFloats *floats = arg;

	memcpy(x, floats->rows + (size_t) i * floats->dim, floats->dim * sizeof(float));
}

static void
check(const Work *work)
{
	const GvClusterRows *rows = work->task->rows;

	if (rows->check)
		rows->check(rows->check_arg);
}

/* Fetch the i-th row in hand as it is */
static void
fetch_raw(const Work *work, uint32_t i, float *x)
{
	const GvClusterTask *task = work->task;

	task->rows->fetch(task->rows->arg, task->row ? task->row[i] : i, x);
}

static void
fetch_moved(const Work *work, uint32_t i, float *x)
{
	fetch_raw(work, i, x);
	gv_panels_move(x, work->origin, work->scale, work->dim, x);
}

/* Find the mean of the rows, and the scale of their distances from it */
static void
measure_rows(Work *work)
{
	uint32_t	n = work->task->n;
	float	   *x = work->tile;
	float		largest = 0;

	memset(work->moments, 0, work->dim * sizeof(double));
	for (uint32_t i = 0; i < n; i++)
	{
		if (i % TILE_ROWS == 0)
			check(work);
		fetch_raw(work, i, x);
		for (int d = 0; d < work->dim; d++)
			work->moments[d] += x[d];
	}
	for (int d = 0; d < work->dim; d++)
		work->origin[d] = (float) (work->moments[d] / n);
	for (uint32_t i = 0; i < n; i++)
	{
		if (i % TILE_ROWS == 0)
			check(work);
		fetch_raw(work, i, x);
		for (int d = 0; d < work->dim; d++)
		{
			float		e = fabsf(x[d] * 0.5f - work->origin[d] * 0.5f);

			largest = e > largest ? e : largest;
		}
	}
	work->scale = gv_panels_scale(largest) * 0.5f;
}

/* |x - y|^2, with additions in an order of their own */
static float
square_distance(const float *x, const float *y, int dim)
{
	float		sum[8] = {0};
	float		total = 0;
	int			d = 0;

	for (; d + 8 <= dim; d += 8)
	{
		for (int l = 0; l < 8; l++)
		{
			float		e = x[d + l] - y[d + l];

			sum[l] += e * e;
		}
	}
	for (; d < dim; d++)
	{
		float		e = x[d] - y[d];

		total += e * e;
	}
	for (int l = 0; l < 8; l++)
		total += sum[l];
	return total;
}

static double
random_uniform(GvRandom *random)
{
	return (double) (gv_random_next(random) >> 11) * 0x1p-53;
}

/*
 * Start at rows: each the next with a probability that grows as the square of
 * its distance from those that are chosen.
 */
static void
start_at_rows(Work *work)
{
	const GvClusterTask *task = work->task;
	uint64_t	many = (uint64_t) work->k * START_ROWS;
	uint32_t	n = many < task->n ? (uint32_t) many : task->n;
	float	   *x = work->tile;
	uint32_t	chosen = gv_random_below(&work->random, n);

	for (uint32_t c = 0; c < work->k; c++)
	{
		float	   *centroid = work->centroids + (size_t) c * work->dim;
		double		total = 0;
		double		left;

		fetch_moved(work, (uint32_t) ((uint64_t) chosen * task->n / n), centroid);
		for (uint32_t i = 0; i < n; i++)
		{
			float		distance;

			if (i % TILE_ROWS == 0)
				check(work);
			/* the i-th of n rows spread over those in hand */
			fetch_moved(work, (uint32_t) ((uint64_t) i * task->n / n), x);
			distance = square_distance(x, centroid, work->dim);
			if (c == 0 || distance < task->distance[i])
				task->distance[i] = distance;
			total += task->distance[i];
		}
		if (!(total > 0))
		{
			/* all these are chosen; the others find rows, or go, after a round */
			for (c++; c < work->k; c++)
				memcpy(work->centroids + (size_t) c * work->dim, centroid,
					   work->dim * sizeof(float));
			return;
		}
		left = random_uniform(&work->random) * total;
		chosen = n;
		for (uint32_t i = 0; i < n; i++)
		{
			if (task->distance[i] > 0)
			{
				chosen = i;
				left -= task->distance[i];
				if (left < 0)
					break;
			}
		}
	}
}

/* Start at points with the mean and deviation of the rows, element by element */
static void
start_anywhere(Work *work)
{
	uint32_t	n = work->task->n;
	float	   *x = work->tile;

	memset(work->moments, 0, work->dim * sizeof(double));
	for (uint32_t i = 0; i < n; i++)
	{
		if (i % TILE_ROWS == 0)
			check(work);
		fetch_moved(work, i, x);
		for (int d = 0; d < work->dim; d++)
			work->moments[d] += (double) x[d] * x[d];
	}
	for (uint32_t c = 0; c < work->k; c++)
	{
		for (int d = 0; d < work->dim; d++)
		{
			double		normal = -2;

			for (int i = 0; i < 4; i++)
				normal += random_uniform(&work->random);
			/* a uniform number has variance 1/12 */
			work->centroids[(size_t) c * work->dim + d] =
				(float) (normal * sqrt(3 * work->moments[d] / n));
		}
	}
}

/* Give a centroid, shifted and scaled, norm 1 where rows are; not one of zero */
static void
normalize_centroid(Work *work, float *c)
{
	double		norm2 = 0;
	double		inverse;

	for (int d = 0; d < work->dim; d++)
	{
		double		e = (double) c[d] / work->scale + work->origin[d];

		norm2 += e * e;
	}
	if (!(norm2 > 0))
		return;
	inverse = 1 / sqrt(norm2);
	for (int d = 0; d < work->dim; d++)
	{
		double		e = (double) c[d] / work->scale + work->origin[d];

		c[d] = (float) ((e * inverse - work->origin[d]) * work->scale);
	}
}

static void
fill_panels(Work *work)
{
	int			lanes = gv_panels_count(work->k) * GV_PRODUCTS_PANEL;

	/* lanes that hold none are multiplied all the same */
	memset(work->panels, 0, (size_t) lanes * work->dim * sizeof(float));
	for (int c = 0; c < lanes; c++)
	{
		if (c < (int) work->k)
			work->half[c] = gv_panels_put(work->panels, c,
										  work->centroids + (size_t) c * work->dim, work->dim);
		else
			work->half[c] = GV_PANELS_NO_SCORE;
	}
}

/* Assign all rows and add them up; whether any has moved */
static bool
assign_rows(Work *work)
{
	const GvClusterTask *task = work->task;
	int			n_panels = gv_panels_count(work->k);
	bool		has_moved = false;

	memset(work->sums, 0, (size_t) work->k * work->dim * sizeof(float));
	memset(work->counts, 0, work->k * sizeof(uint32_t));
	for (uint32_t first = 0; first < task->n; first += TILE_ROWS)
	{
		const float *row[TILE_ROWS];
		int			n = task->n - first < TILE_ROWS ? (int) (task->n - first) : TILE_ROWS;

		check(work);
		for (int i = 0; i < n; i++)
		{
			row[i] = work->tile + (size_t) i * work->dim;
			fetch_moved(work, first + i, work->tile + (size_t) i * work->dim);
		}
		gv_kernels->products_f32(row, n, work->panels, n_panels, work->dim, work->products);
		for (int i = 0; i < n; i++)
		{
			GvPanelsBest best = gv_panels_nearest(work->half,
												  work->products +
												  (size_t) i * n_panels * GV_PRODUCTS_PANEL,
												  n_panels);
			float	   *sum = work->sums + (size_t) best.number * work->dim;

			has_moved |= task->assigned[first + i] != best.number;
			task->assigned[first + i] = best.number;
			task->distance[first + i] =
				square_distance(row[i], work->centroids + (size_t) best.number * work->dim,
								work->dim);
			work->counts[best.number]++;
			for (int d = 0; d < work->dim; d++)
				sum[d] += row[i][d];
		}
	}
	return has_moved;
}

/*
 * The row farthest from its centroid; n if every row is a centroid, but for
 * the rounding of means.
 */
static uint32_t
farthest_row(const GvClusterTask *task)
{
	uint32_t	farthest = task->n;
	float		most = NO_DISTANCE * task->rows->dim;

	for (uint32_t i = 0; i < task->n; i++)
	{
		if (task->distance[i] > most)
		{
			most = task->distance[i];
			farthest = i;
		}
	}
	return farthest;
}

/*
 * Move the centroids to the means of their rows.  Those without rows come to
 * lie on far rows, or go.
 */
static void
move_centroids(Work *work)
{
	const GvClusterTask *task = work->task;
	uint32_t	n_kept = 0;

	for (uint32_t c = 0; c < work->k; c++)
	{
		float	   *centroid = work->centroids + (size_t) n_kept * work->dim;
		const float *sum = work->sums + (size_t) c * work->dim;

		if (work->counts[c] == 0)
		{
			uint32_t	far = farthest_row(task);

			if (far == task->n)
				continue;
			fetch_moved(work, far, centroid);
			/* its like are no farther now */
			for (uint32_t i = 0; i < task->n; i++)
			{
				if (task->distance[i] == task->distance[far] && i != far)
				{
					fetch_moved(work, i, work->tile);
					if (memcmp(work->tile, centroid, work->dim * sizeof(float)) == 0)
						task->distance[i] = 0;
				}
			}
			task->distance[far] = 0;
		}
		else
		{
			float		part = 1.0f / (float) work->counts[c];

			for (int d = 0; d < work->dim; d++)
				centroid[d] = sum[d] * part;
		}
		if (task->is_spherical)
			normalize_centroid(work, centroid);
		n_kept++;
	}
	work->k = n_kept;
}

/*
 * gv_cluster_rows
 *		Find centroids of rows.
 *
 * task: see there; its centroids are written
 * scratch: gv_cluster_scratch_size(dim, k) bytes or more, aligned to 64 bytes
 *
 * Returns the number of centroids: fewer than asked for where there are fewer
 * different rows.  All are finite.  Raises no error.
 */
uint32_t
gv_cluster_rows(const GvClusterTask *task, void *scratch)
{
	Work		work;

	work.task = task;
	work.random.state = task->seed;
	work.dim = task->rows->dim;
	work.k = task->k < task->n ? task->k : task->n;
	if (work.k == 0)
		return 0;
	lay_out(&work, scratch, work.dim, work.k);
	measure_rows(&work);
	if (task->start_random)
		start_anywhere(&work);
	else
		start_at_rows(&work);
	if (task->is_spherical)
	{
		for (uint32_t c = 0; c < work.k; c++)
			normalize_centroid(&work, work.centroids + (size_t) c * work.dim);
	}
	for (uint32_t i = 0; i < task->n; i++)
		task->assigned[i] = UINT32_MAX;
	for (int round = 0; round < task->n_rounds; round++)
	{
		fill_panels(&work);
		if (!assign_rows(&work))
			break;
		move_centroids(&work);
	}
	for (size_t i = 0; i < (size_t) work.k * work.dim; i++)
	{
		double		e = (double) work.centroids[i] / work.scale + work.origin[i % work.dim];

		task->centroids[i] = (float) (e > FLT_MAX ? FLT_MAX : (e < -FLT_MAX ? -FLT_MAX : e));
	}
	return work.k;
}
