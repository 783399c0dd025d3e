/*-------------------------------------------------------------------------
 *
 * nearest.c
 *		The nearest of many centroids, for many rows at once.
 *
 * Rows that look into the same group are multiplied with it together, so that
 * each panel of centroids is read from memory once for a batch of rows.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "quant/nearest.h"
#include "quant/panels.h"

/* Rounds of k-means that make groups */
#define GROUP_ROUNDS 4

/* Rows of a batch, and floats that a batch should not exceed */
#define MAX_BATCH 256
#define MIN_BATCH 16
#define BATCH_FLOATS 262144

/* Panels and rows whose products are computed at once */
#define TILE_PANELS 16
#define TILE_ROWS 64

#define MAX_PROBES 64

static uint32_t
count_groups(uint32_t n)
{
	return n <= GV_NEAREST_MAX_FLAT ? 1 : (uint32_t) sqrt((double) n);
}

/* Take room for n floats, or as many uint32 */
static inline void *
take(char **at, size_t n)
{
	char	   *start = *at;

	*at += gv_panels_round_up(n * sizeof(float));
	return start;
}

static inline void *
part(const GvNearest *nearest, uint64_t offset)
{
	return (char *) nearest + offset;
}

/* Offsets for groups, panels and dimensions that are known; the size */
static size_t
lay_out(GvNearest *nearest)
{
	size_t		lanes = (size_t) nearest->n_panels * GV_PRODUCTS_PANEL;
	size_t		center_lanes = (size_t) gv_panels_count(nearest->n_groups) * GV_PRODUCTS_PANEL;
	size_t		at = gv_panels_round_up(sizeof(GvNearest));

	nearest->origin = at;
	at += gv_panels_round_up(nearest->dim * sizeof(float));
	nearest->centers = at;
	at += gv_panels_round_up(center_lanes * nearest->dim * sizeof(float));
	nearest->center_half = at;
	at += gv_panels_round_up(center_lanes * sizeof(float));
	nearest->first = at;
	at += gv_panels_round_up((nearest->n_groups + 1) * sizeof(uint32_t));
	nearest->panels = at;
	at += gv_panels_round_up(lanes * nearest->dim * sizeof(float));
	nearest->half = at;
	at += gv_panels_round_up(lanes * sizeof(float));
	nearest->number = at;
	at += gv_panels_round_up(lanes * sizeof(uint32_t));
	return at;
}

/*
 * gv_nearest_size
 *		Bytes of prepared centroids, at most, aligned to 64 bytes.
 *
 * About one and a half times the centroids themselves where there are many.
 */
size_t
gv_nearest_size(int dim, uint32_t max_n)
{
	GvNearest	nearest = {0};

	nearest.dim = dim;
	nearest.n_groups = count_groups(max_n);
	/* the last panel of a group may hold one centroid only */
	nearest.n_panels = max_n / GV_PRODUCTS_PANEL + nearest.n_groups;
	return lay_out(&nearest);
}

/*
 * gv_nearest_build_size
 *		Bytes of memory that gv_nearest_build works in, aligned to 64 bytes.
 */
size_t
gv_nearest_build_size(int dim, uint32_t max_n)
{
	uint32_t	n_groups = count_groups(max_n);

	return gv_cluster_scratch_size(dim, n_groups) +
		gv_panels_round_up((size_t) n_groups * dim * sizeof(float)) +
		2 * gv_panels_round_up((size_t) max_n * sizeof(float)) +
		gv_panels_round_up(dim * sizeof(float)) +
		gv_panels_round_up((n_groups + GV_PRODUCTS_PANEL) * sizeof(float));
}

/* Find the centers of groups; how many there are */
static uint32_t
find_centers(const float *centroids, uint32_t n, int dim, uint32_t *assigned, float *distance,
			 float *centers, void *scratch)
{
	GvClusterFloats floats = {centroids, dim};
	GvClusterRows rows = {.dim = dim, .n = n, .fetch = gv_cluster_fetch_floats, .arg = &floats};
	GvClusterTask task = {.rows = &rows, .n = n, .k = count_groups(n), .n_rounds = GROUP_ROUNDS};

	task.centroids = centers;
	task.assigned = assigned;
	task.distance = distance;
	return gv_cluster_rows(&task, scratch);
}

/* Origin and scale: the mean, and the size of what is left */
static void
choose_scale(GvNearest *nearest, const float *centroids, float *mean)
{
	float		largest = 0;

	for (int d = 0; d < nearest->dim; d++)
	{
		double		sum = 0;

		for (uint32_t c = 0; c < nearest->n; c++)
			sum += centroids[(size_t) c * nearest->dim + d];
		mean[d] = (float) (sum / nearest->n);
		for (uint32_t c = 0; c < nearest->n; c++)
		{
			float		e = fabsf(centroids[(size_t) c * nearest->dim + d] * 0.5f -
								  mean[d] * 0.5f);

			largest = e > largest ? e : largest;
		}
	}
	nearest->scale = gv_panels_scale(largest) * 0.5f;
}

/* Write the centers; then the group of each centroid, uint32[n] */
static void
make_groups(GvNearest *nearest, const float *centroids, const float *centers, float *moved,
			float *products, uint32_t *group)
{
	const float *origin = part(nearest, nearest->origin);
	float	   *panels = part(nearest, nearest->centers);
	float	   *half = part(nearest, nearest->center_half);
	int			dim = nearest->dim;
	int			n_panels = gv_panels_count(nearest->n_groups);

	for (uint32_t g = 0; g < (uint32_t) n_panels * GV_PRODUCTS_PANEL; g++)
	{
		half[g] = GV_PANELS_NO_SCORE;
		if (g >= nearest->n_groups)
			continue;
		gv_panels_move(centers + (size_t) g * dim, origin, nearest->scale, dim, moved);
		half[g] = gv_panels_put(panels, g, moved, dim);
	}
	for (uint32_t c = 0; c < nearest->n; c++)
	{
		const float *row = moved;

		gv_panels_move(centroids + (size_t) c * dim, origin, nearest->scale, dim, moved);
		gv_kernels->products_f32(&row, 1, panels, n_panels, dim, products);
		group[c] = gv_panels_nearest(half, products, n_panels).number;
	}
}

/*
 * gv_nearest_build
 *		Prepare centroids.
 *
 * nearest: gv_nearest_size(dim, n) bytes, aligned to 64 bytes, written
 * centroids: float[n][dim], finite, n > 0
 * scratch: gv_nearest_build_size(dim, n) bytes, aligned to 64 bytes
 */
void
gv_nearest_build(GvNearest *nearest, const float *centroids, uint32_t n, int dim,
				 void *scratch)
{
	uint32_t	max_groups = count_groups(n);
	char	   *at = (char *) scratch + gv_cluster_scratch_size(dim, max_groups);
	float	   *centers = take(&at, (size_t) max_groups * dim);
	uint32_t   *group = take(&at, n);
	float	   *distance = take(&at, n);
	float	   *moved = take(&at, dim);
	float	   *products = take(&at, max_groups + GV_PRODUCTS_PANEL);
	size_t		size = gv_nearest_size(dim, n);
	uint32_t	lane = 0;
	uint32_t   *first;
	float	   *half;
	uint32_t   *number;

	memset(nearest, 0, size);
	nearest->n = n;
	nearest->dim = dim;
	nearest->n_groups = find_centers(centroids, n, dim, group, distance, centers, scratch);
	lay_out(nearest);
	choose_scale(nearest, centroids, part(nearest, nearest->origin));
	make_groups(nearest, centroids, centers, moved, products, group);
	for (uint32_t g = 0; g < nearest->n_groups; g++)
	{
		uint32_t	in_group = 0;

		for (uint32_t c = 0; c < n; c++)
			in_group += group[c] == g;
		nearest->n_panels += (uint32_t) gv_panels_count(in_group);
	}
	/* what comes before the panels stays where it is */
	nearest->size = lay_out(nearest);

	first = part(nearest, nearest->first);
	half = part(nearest, nearest->half);
	number = part(nearest, nearest->number);
	for (uint32_t g = 0; g < nearest->n_groups; g++)
	{
		first[g] = lane / GV_PRODUCTS_PANEL;
		for (uint32_t c = 0; c < n; c++)
		{
			if (group[c] != g)
				continue;
			gv_panels_move(centroids + (size_t) c * dim, part(nearest, nearest->origin),
						   nearest->scale, dim, moved);
			half[lane] = gv_panels_put(part(nearest, nearest->panels), lane, moved, dim);
			number[lane++] = c;
		}
		for (; lane % GV_PRODUCTS_PANEL != 0; lane++)
		{
			half[lane] = GV_PANELS_NO_SCORE;
			number[lane] = GV_NEAREST_NONE;
		}
	}
	first[nearest->n_groups] = lane / GV_PRODUCTS_PANEL;
}

/*
 * gv_nearest_batch
 *		Largest number of rows of a task.
 */
int
gv_nearest_batch(int dim)
{
	int			n = BATCH_FLOATS / (dim > 0 ? dim : 1);

	return n > MAX_BATCH ? MAX_BATCH : (n < MIN_BATCH ? MIN_BATCH : n);
}

/* Everything in room the caller has given */
typedef struct Work
{
	const GvNearest *nearest;
	const GvNearestTask *task;
	int			n_probes;
	float	   *rows;			/* float[n][dim], shifted and scaled */
	float	   *residuals;		/* float[n][dim]: less the nearest centroid */
	float	   *norm2;			/* float[n], of the residuals */
	float	   *row_products;	/* float[n]: <residual, row> */
	float	   *products;		/* float[TILE_ROWS][16 * TILE_PANELS] */
	float	   *second_products;	/* the same, of residuals */
	float	   *center_products;	/* float[16 * center panels] */
	GvPanelsBest *best;			/* GvPanelsBest[n], by lane */
	uint32_t   *probes;			/* uint32[n][n_probes] */
	uint32_t   *members;		/* uint32[n]: rows that look into a group */
} Work;

static size_t
lay_out_work(Work *work, void *scratch, int dim, uint32_t max_n)
{
	size_t		batch = (size_t) gv_nearest_batch(dim);
	size_t		at = 0;

#define TAKE(field, count) \
	do { \
		work->field = (void *) ((uintptr_t) scratch + at); \
		at += gv_panels_round_up((count) * sizeof(*work->field)); \
	} while (0)

	TAKE(rows, batch * dim);
	TAKE(residuals, batch * dim);
	TAKE(norm2, batch);
	TAKE(row_products, batch);
	TAKE(products, (size_t) TILE_ROWS * TILE_PANELS * GV_PRODUCTS_PANEL);
	TAKE(second_products, (size_t) TILE_ROWS * TILE_PANELS * GV_PRODUCTS_PANEL);
	TAKE(center_products, (size_t) gv_panels_count(count_groups(max_n)) * GV_PRODUCTS_PANEL);
	TAKE(best, batch);
	TAKE(probes, batch * MAX_PROBES);
	TAKE(members, batch);
#undef TAKE
	return at;
}

/*
 * gv_nearest_scratch_size
 *		Bytes of memory that gv_nearest_find works in, aligned to 64 bytes.
 */
size_t
gv_nearest_scratch_size(int dim, uint32_t max_n)
{
	Work		work;

	return lay_out_work(&work, NULL, dim, max_n);
}

/* Find the groups that a row looks into, nearest first */
static void
choose_probes(Work *work, int i)
{
	const GvNearest *nearest = work->nearest;
	const float *row = work->rows + (size_t) i * nearest->dim;
	const float *half = part(nearest, nearest->center_half);
	uint32_t   *probes = work->probes + (size_t) i * work->n_probes;
	float		scores[MAX_PROBES];
	int			n = 0;

	if (nearest->n_groups == 1)
	{
		probes[0] = 0;
		return;
	}
	gv_kernels->products_f32(&row, 1, part(nearest, nearest->centers),
							 gv_panels_count(nearest->n_groups), nearest->dim,
							 work->center_products);
	for (uint32_t g = 0; g < nearest->n_groups; g++)
	{
		float		score = half[g] - work->center_products[g];
		int			at = n;

		if (n == work->n_probes && !(score < scores[n - 1]))
			continue;
		if (n < work->n_probes)
			n++;
		else
			at--;
		for (; at > 0 && score < scores[at - 1]; at--)
		{
			scores[at] = scores[at - 1];
			probes[at] = probes[at - 1];
		}
		scores[at] = score;
		probes[at] = g;
	}
}

/* Compare some rows with some panels of their group */
static void
find_first(Work *work, const uint32_t *members, int n, uint32_t panel, int n_panels)
{
	const GvNearest *nearest = work->nearest;
	const float *half = part(nearest, nearest->half);
	const uint32_t *number = part(nearest, nearest->number);
	const float *rows[TILE_ROWS];

	for (int i = 0; i < n; i++)
		rows[i] = work->rows + (size_t) members[i] * nearest->dim;
	gv_kernels->products_f32(rows, n,
							 (float *) part(nearest, nearest->panels) +
							 (size_t) panel * nearest->dim * GV_PRODUCTS_PANEL,
							 n_panels, nearest->dim, work->products);
	for (int i = 0; i < n; i++)
	{
		GvPanelsBest *best = &work->best[members[i]];
		GvPanelsBest found = gv_panels_nearest(half + (size_t) panel * GV_PRODUCTS_PANEL,
											   work->products +
											   (size_t) i * n_panels * GV_PRODUCTS_PANEL,
											   n_panels);

		found.number += panel * GV_PRODUCTS_PANEL;
		if (best->number == GV_NEAREST_NONE || found.score < best->score ||
			(found.score == best->score && number[found.number] < number[best->number]))
			*best = found;
	}
}

/*
 * The same for the second choice: |x - c|^2 + weight * <r, x - c>^2 / |r|^2
 * with r the residual of the first.
 */
static void
find_second(Work *work, const uint32_t *members, int n, uint32_t panel, int n_panels)
{
	const GvNearest *nearest = work->nearest;
	const float *half = (float *) part(nearest, nearest->half) + panel * GV_PRODUCTS_PANEL;
	const uint32_t *number = (uint32_t *) part(nearest, nearest->number) +
		panel * GV_PRODUCTS_PANEL;
	const float *panels = (float *) part(nearest, nearest->panels) +
		(size_t) panel * nearest->dim * GV_PRODUCTS_PANEL;
	const float *rows[TILE_ROWS];
	const float *residuals[TILE_ROWS];

	for (int i = 0; i < n; i++)
	{
		rows[i] = work->rows + (size_t) members[i] * nearest->dim;
		residuals[i] = work->residuals + (size_t) members[i] * nearest->dim;
	}
	gv_kernels->products_f32(rows, n, panels, n_panels, nearest->dim, work->products);
	gv_kernels->products_f32(residuals, n, panels, n_panels, nearest->dim,
							 work->second_products);
	for (int i = 0; i < n; i++)
	{
		uint32_t	m = members[i];
		GvPanelsBest *best = &work->best[m];
		const float *product = work->products + (size_t) i * n_panels * GV_PRODUCTS_PANEL;
		const float *residual_product = work->second_products +
			(size_t) i * n_panels * GV_PRODUCTS_PANEL;
		float		weight = work->norm2[m] > 0 ?
			0.5f * work->task->second_weight / work->norm2[m] : 0;

		for (int l = 0; l < n_panels * GV_PRODUCTS_PANEL; l++)
		{
			float		along = work->row_products[m] - residual_product[l];
			float		score = half[l] - product[l] + weight * along * along;

			if (number[l] == GV_NEAREST_NONE || number[l] == work->task->first[m])
				continue;
			if (best->number == GV_NEAREST_NONE || score < best->score ||
				(score == best->score && number[l] < best->number))
			{
				best->score = score;
				best->number = number[l];
			}
		}
	}
}

typedef void (*Finder) (Work *work, const uint32_t *members, int n, uint32_t panel,
						int n_panels);

/* Let all rows look into their groups */
static void
look(Work *work, Finder find)
{
	const GvNearest *nearest = work->nearest;
	const uint32_t *first = part(nearest, nearest->first);

	for (int i = 0; i < work->task->n; i++)
		work->best[i].number = GV_NEAREST_NONE;
	for (uint32_t g = 0; g < nearest->n_groups; g++)
	{
		int			n_members = 0;

		for (int i = 0; i < work->task->n; i++)
		{
			const uint32_t *probes = work->probes + (size_t) i * work->n_probes;

			for (int p = 0; p < work->n_probes; p++)
			{
				if (probes[p] == g)
					work->members[n_members++] = (uint32_t) i;
			}
		}
		for (int m = 0; m < n_members; m += TILE_ROWS)
		{
			int			n = n_members - m < TILE_ROWS ? n_members - m : TILE_ROWS;

			for (uint32_t p = first[g]; p < first[g + 1]; p += TILE_PANELS)
				find(work, work->members + m, n, p,
					 first[g + 1] - p < TILE_PANELS ? (int) (first[g + 1] - p) : TILE_PANELS);
		}
	}
}

/* Note the nearest centroid of row i, its distance and the residual */
static void
finish_first(Work *work, int i)
{
	const GvNearest *nearest = work->nearest;
	const uint32_t *number = part(nearest, nearest->number);
	uint32_t	lane = work->best[i].number;
	const float *row = work->rows + (size_t) i * nearest->dim;
	float	   *residual = work->residuals + (size_t) i * nearest->dim;
	double		square;

	work->task->first[i] = number[lane];
	gv_panels_get(part(nearest, nearest->panels), lane, residual, nearest->dim);
	for (int d = 0; d < nearest->dim; d++)
		residual[d] = row[d] - residual[d];
	work->norm2[i] = gv_kernels->inner_product_f32(residual, residual, nearest->dim);
	work->row_products[i] = gv_kernels->inner_product_f32(residual, row, nearest->dim);
	square = (double) work->norm2[i] / nearest->scale / nearest->scale;
	work->task->distance[i] = square < FLT_MAX ? (float) square : FLT_MAX;
}

/*
 * gv_nearest_find
 *		Find the nearest centroid of each row, or the two best to keep it under.
 *
 * task: see there; rows are finite
 * scratch: gv_nearest_scratch_size(dim, n) bytes, aligned to 64 bytes
 *
 * With more than GV_NEAREST_MAX_FLAT centroids only those of n_probes groups
 * are compared; n_probes at or above the number of groups finds the nearest of
 * all.  Of equally near ones the smallest number is taken.  Distances are
 * finite: at most FLT_MAX.  Raises no error.
 *
 * The second centroid is the one that makes |x - c|^2 + second_weight * (the
 * part of x - c along x - first)^2 smallest, so that a query to which the first
 * is misleading is not misled by both; GV_NEAREST_NONE where there is none.
 * Source: Sun, Simcha, Dopson, Guo, Kumar, NeurIPS 2023 (SOAR), theorem 3.1.
 */
void
gv_nearest_find(const GvNearest *nearest, const GvNearestTask *task, void *scratch)
{
	Work		work;

	work.nearest = nearest;
	work.task = task;
	work.n_probes = task->n_probes > 0 ? task->n_probes : GV_NEAREST_PROBES;
	if (work.n_probes > MAX_PROBES)
		work.n_probes = MAX_PROBES;
	if ((uint32_t) work.n_probes > nearest->n_groups)
		work.n_probes = (int) nearest->n_groups;
	lay_out_work(&work, scratch, nearest->dim, nearest->n);
	for (int i = 0; i < task->n; i++)
	{
		gv_panels_move(task->rows + (size_t) i * nearest->dim, part(nearest, nearest->origin),
					   nearest->scale, nearest->dim, work.rows + (size_t) i * nearest->dim);
		choose_probes(&work, i);
	}
	look(&work, find_first);
	for (int i = 0; i < task->n; i++)
		finish_first(&work, i);
	if (task->second == NULL)
		return;
	look(&work, find_second);
	for (int i = 0; i < task->n; i++)
		task->second[i] = work.best[i].number;
}
