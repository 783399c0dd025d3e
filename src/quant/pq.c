/*-------------------------------------------------------------------------
 *
 * pq.c
 *		Product quantizer: a number of 4 or 8 bits for each part of a vector.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "quant/panels.h"
#include "quant/pq.h"

/* Rounds of k-means */
#define TRAIN_ROUNDS 25


static inline float *
panels_of(const GvPq *pq, int part)
{
	float	   *panels = (float *) ((char *) pq + pq->panels);

	return panels + (size_t) gv_pq_part_start(&pq->shape, part) * pq->n_entries;
}

static inline float *
half_of(const GvPq *pq, int part)
{
	return (float *) ((char *) pq + pq->half) + (size_t) part * pq->n_entries;
}

static inline int
part_size(const GvPqShape *shape, int part)
{
	return gv_pq_part_start(shape, part + 1) - gv_pq_part_start(shape, part);
}

/* Rows that training looks at */
static uint32_t
count_trained(const GvPqShape *shape, uint32_t n_rows)
{
	uint32_t	most = GV_PQ_SAMPLE_ROWS(shape->bits);

	return n_rows < most ? n_rows : most;
}

/* The dimensions of the largest part */
static int
largest_part(const GvPqShape *shape)
{
	return (shape->dim + shape->m - 1) / shape->m;
}

/*
 * gv_pq_train_scratch_size
 *		Bytes of memory for gv_pq_train_part, aligned to 64 bytes.
 *
 * Those rows of a part that are looked at, and room for k-means.
 */
size_t
gv_pq_train_scratch_size(const GvPqShape *shape, uint32_t n_rows)
{
	size_t		n = count_trained(shape, n_rows);
	int			size = largest_part(shape);

	return gv_cluster_scratch_size(size, 1u << shape->bits) +
		gv_panels_round_up(shape->dim * sizeof(float)) +
		gv_panels_round_up(n * size * sizeof(float)) +
		gv_panels_round_up(n * sizeof(uint32_t)) + gv_panels_round_up(n * sizeof(float));
}

/*
 * gv_pq_train_part
 *		Make the codebook of one part.
 *
 * rows: residuals, in random order
 * codebook: float[gv_pq_codebook_size(shape)]; the entries of the part are
 *		written, so different processes may train different parts
 * scratch: gv_pq_train_scratch_size(shape, rows->n) bytes, aligned to 64 bytes
 *
 * Where there are fewer different rows than entries, the rest repeat the first.
 */
void
gv_pq_train_part(const GvPqShape *shape, const GvClusterRows *rows, int part, uint64_t seed,
				 float *codebook, void *scratch)
{
	uint32_t	n = count_trained(shape, rows->n);
	uint32_t	n_entries = 1u << shape->bits;
	int			start = gv_pq_part_start(shape, part);
	int			size = part_size(shape, part);
	char	   *at = scratch;
	float	   *x = (float *) at;
	float	   *slice = (float *) (at += gv_panels_round_up(shape->dim * sizeof(float)));
	uint32_t	made;
	GvClusterFloats floats = {slice, size};
	GvClusterRows slices = *rows;
	GvClusterTask task = {.rows = &slices, .n = n, .k = n_entries, .n_rounds = TRAIN_ROUNDS};

	for (uint32_t i = 0; i < n; i++)
	{
		if (rows->check && i % 256 == 0)
			rows->check(rows->check_arg);
		/* spread over all of them */
		rows->fetch(rows->arg, (uint32_t) ((uint64_t) i * rows->n / n), x);
		memcpy(slice + (size_t) i * size, x + start, size * sizeof(float));
	}
	slices.dim = size;
	slices.n = n;
	slices.fetch = gv_cluster_fetch_floats;
	slices.arg = &floats;
	task.seed = gv_random_mix(seed + (uint64_t) part);
	task.centroids = codebook + (size_t) start * n_entries;
	task.assigned = (uint32_t *) (at += gv_panels_round_up((size_t) n * size * sizeof(float)));
	task.distance = (float *) (at += gv_panels_round_up(n * sizeof(uint32_t)));
	made = gv_cluster_rows(&task, at + gv_panels_round_up(n * sizeof(float)));
	if (made == 0)
	{
		memset(task.centroids, 0, size * sizeof(float));
		made = 1;
	}
	for (uint32_t k = made; k < n_entries; k++)
		memcpy(task.centroids + (size_t) k * size, task.centroids, size * sizeof(float));
}

/*
 * gv_pq_size
 *		Bytes of a codebook ready for use, aligned to 64 bytes.
 */
size_t
gv_pq_size(const GvPqShape *shape)
{
	return gv_panels_round_up(sizeof(GvPq)) +
		gv_panels_round_up(gv_pq_codebook_size(shape) * sizeof(float)) +
		gv_panels_round_up(((size_t) shape->m << shape->bits) * sizeof(float));
}

/*
 * gv_pq_prepare
 *		Make a codebook ready for use.
 *
 * pq: gv_pq_size(shape) bytes, aligned to 64 bytes, written
 * codebook: float[gv_pq_codebook_size(shape)], finite
 */
void
gv_pq_prepare(GvPq *pq, const GvPqShape *shape, const float *codebook)
{
	pq->shape = *shape;
	pq->n_entries = 1 << shape->bits;
	pq->panels = gv_panels_round_up(sizeof(GvPq));
	pq->half = pq->panels +
		gv_panels_round_up(gv_pq_codebook_size(shape) * sizeof(float));
	for (int j = 0; j < shape->m; j++)
	{
		int			size = part_size(shape, j);
		const float *entries = codebook +
			(size_t) gv_pq_part_start(shape, j) * pq->n_entries;

		for (int k = 0; k < pq->n_entries; k++)
			half_of(pq, j)[k] = gv_panels_put(panels_of(pq, j), (uint32_t) k,
											  entries + (size_t) k * size, size);
	}
}

/*
 * gv_pq_encode
 *		Find the nearest entry of each part.
 *
 * x: float[dim], finite
 * numbers: uint8[m], written; of equally near entries the first
 *
 * Elements so large that their squares overflow get some entry.
 */
void
gv_pq_encode(const GvPq *pq, const float *x, uint8_t *numbers)
{
	float		products[256];

	for (int j = 0; j < pq->shape.m; j++)
	{
		const float *row = x + gv_pq_part_start(&pq->shape, j);

		gv_kernels->products_f32(&row, 1, panels_of(pq, j), pq->n_entries / GV_PRODUCTS_PANEL,
								 part_size(&pq->shape, j), products);
		numbers[j] = (uint8_t) gv_panels_nearest(half_of(pq, j), products,
												 pq->n_entries / GV_PRODUCTS_PANEL).number;
	}
}

/*
 * gv_pq_decode
 *		The entries that a code stands for.
 *
 * y: float[dim], written
 */
void
gv_pq_decode(const GvPq *pq, const uint8_t *numbers, float *y)
{
	for (int j = 0; j < pq->shape.m; j++)
		gv_panels_get(panels_of(pq, j), numbers[j], y + gv_pq_part_start(&pq->shape, j),
					  part_size(&pq->shape, j));
}

/*
 * gv_pq_pack, gv_pq_unpack
 *		A code as it is kept: numbers of 4 bits two in a byte, lower half first.
 *
 * numbers: uint8[m]
 * code: uint8[gv_pq_code_bytes(shape)]
 */
void
gv_pq_pack(const GvPqShape *shape, const uint8_t *numbers, uint8_t *code)
{
	if (shape->bits == 8)
		memcpy(code, numbers, shape->m);
	else
	{
		memset(code, 0, gv_pq_code_bytes(shape));
		for (int j = 0; j < shape->m; j++)
			code[j / 2] |= (uint8_t) (numbers[j] << (j % 2 * 4));
	}
}

void
gv_pq_unpack(const GvPqShape *shape, const uint8_t *code, uint8_t *numbers)
{
	if (shape->bits == 8)
		memcpy(numbers, code, shape->m);
	else
	{
		for (int j = 0; j < shape->m; j++)
			numbers[j] = (code[j / 2] >> (j % 2 * 4)) & 0x0F;
	}
}

/*
 * gv_pq_error_unit
 *		What an estimate would be off by if all directions were alike, by |q - c|.
 *
 * n2: |r|^2; ry: <r, y>; yy: |y|^2
 *
 * Returns a negative number if the code tells nothing.
 */
double
gv_pq_error_unit(double n2, double ry, double yy, int dim)
{
	double		cos2 = ry > 0 && n2 > 0 ? ry * ry / (n2 * yy) : 0;

	if (!(cos2 > 0))
		return -1;
	if (cos2 > 1)
		cos2 = 1;
	return 2 * sqrt(n2 * (1 - cos2) / cos2 / (dim > 1 ? dim - 1 : 1));
}

/*
 * gv_pq_find_factors
 *		The factors of a code.
 *
 * n2: |r|^2, maybe of more dimensions than the code has
 * r, c, y: float[dim]
 * deviations: so many of the above below an estimate lies its bound
 *
 * Where that would be below what is known of any row, |q - x| >= |q - c| - |r|,
 * factors say that.
 */
GvPqFactors
gv_pq_find_factors(float n2, const float *r, const float *c, const float *y, int dim,
				   float deviations)
{
	double		ry = gv_kernels->inner_product_f32(r, y, dim);
	double		yy = gv_kernels->inner_product_f32(y, y, dim);
	double		unit = gv_pq_error_unit(n2, ry, yy, dim);
	GvPqFactors factors = {n2, 0, 2 * sqrtf(n2)};

	if (unit >= 0 && unit * deviations < factors.error)
	{
		double		ratio = n2 / ry;

		factors.add = (float) (n2 + 2 * ratio * gv_kernels->inner_product_f32(c, y, dim));
		factors.rescale = (float) (-2 * ratio);
		factors.error = (float) (unit * deviations);
	}
	return factors;
}

/*
 * gv_pq_make_table
 *		Inner products of a query's parts with all entries.
 *
 * q: float[dim]
 * table: float[m][n_entries], written
 */
void
gv_pq_make_table(const GvPq *pq, const float *q, float *table)
{
	for (int j = 0; j < pq->shape.m; j++)
	{
		const float *row = q + gv_pq_part_start(&pq->shape, j);

		gv_kernels->products_f32(&row, 1, panels_of(pq, j), pq->n_entries / GV_PRODUCTS_PANEL,
								 part_size(&pq->shape, j), table + (size_t) j * pq->n_entries);
	}
}

/*
 * gv_pq_sum_tables
 *		Sum up the table for some codes by themselves.
 *
 * table: float[m][n_entries]
 * codes: uint8[n][gv_pq_code_bytes(shape)], packed
 * sums: float[n], written
 */
void
gv_pq_sum_tables(const GvPqShape *shape, const float *table, const uint8_t *codes, int n,
				 float *sums)
{
	size_t		stride = gv_pq_code_bytes(shape);

	for (int i = 0; i < n; i++)
	{
		const uint8_t *code = codes + i * stride;
		const float *entries = table;
		float		sum[4] = {0, 0, 0, 0};
		int			j = 0;

		if (shape->bits == 8)
		{
			for (; j + 4 <= shape->m; j += 4, entries += 4 * 256)
			{
				for (int l = 0; l < 4; l++)
					sum[l] += entries[l * 256 + code[j + l]];
			}
			for (; j < shape->m; j++, entries += 256)
				sum[0] += entries[code[j]];
		}
		else
		{
			for (; j + 2 <= shape->m; j += 2, entries += 2 * 16)
			{
				sum[j / 2 % 2] += entries[code[j / 2] & 0x0F];
				sum[2 + j / 2 % 2] += entries[16 + (code[j / 2] >> 4)];
			}
			if (j < shape->m)
				sum[0] += entries[code[j / 2] & 0x0F];
		}
		sums[i] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
	}
}

/*
 * gv_pq_prepare_query
 *		Turn a table for numbers of 4 bits into one for FastScan.
 *
 * query: its table has room for uint8[gv_pq_groups(shape)][16]; all written
 * table: float[m][16]
 *
 * A block holds the numbers two a byte (gv_rabitq_put_lane with
 * 4 * gv_pq_groups(shape) dimensions); those beyond m count nothing.  A sum is
 * off by m * mul / 2 at most, sqrt(m / 12) * mul in the mean.  A table so
 * narrow that mul would be no normal number counts as constant.
 */
void
gv_pq_prepare_query(GvRabitqQuery *query, const GvPqShape *shape, const float *table)
{
	float		range = 0;
	double		bias = 0;
	float		inverse;

	for (int j = 0; j < shape->m; j++)
	{
		const float *entries = table + j * 16;
		float		least = entries[0];
		float		most = entries[0];

		for (int k = 1; k < 16; k++)
		{
			least = entries[k] < least ? entries[k] : least;
			most = entries[k] > most ? entries[k] : most;
		}
		bias += least;
		range = most - least > range ? most - least : range;
	}
	query->n_groups = gv_pq_groups(shape);
	query->mul = range * (1.0f / 255.0f);
	query->bias = (float) bias;
	if (!(query->mul >= FLT_MIN))
		query->mul = 0;
	inverse = query->mul > 0 ? 1.0f / query->mul : 0.0f;
	memset(query->table, 0, (size_t) query->n_groups * GV_FASTSCAN_GROUP_BYTES);
	for (int j = 0; j < shape->m; j++)
	{
		const float *entries = table + j * 16;
		uint8_t    *numbers = query->table +
			gv_fastscan_table_place(j, query->n_groups) * GV_FASTSCAN_GROUP_BYTES;
		float		least = entries[0];

		for (int k = 1; k < 16; k++)
			least = entries[k] < least ? entries[k] : least;
		for (int k = 0; k < 16; k++)
		{
			float		units = (entries[k] - least) * inverse + 0.5f;

			numbers[k] = (uint8_t) (units < 255 ? units : 255);
		}
	}
}
