/*-------------------------------------------------------------------------
 *
 * codebook.c
 *		Training of a product quantizer, after that of the lists.
 *
 * The sample's points become their residuals from the nearest centroids, as the
 * quantizer is to see them, in place.  Then pairs of rows that are near each
 * other tell how far below an estimate a bound must lie: one of each is the
 * query, the other the row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "ivf/build.h"
#include "quant/opq.h"
#include "quant/rotation.h"

/* Rows that tell how far estimates are off, and how many of them each has as queries */
#define N_TRIALS 512
#define N_NEAR 8

/* Of estimates of neighbors so large a part may be farther off than the bound, as with signs */
#define PART_BEYOND (1.0 / 160)

#define ALIGNMENT 64

/* The sample while a codebook is trained */
typedef struct Sample
{
	const GvIvfIndex *index;
	const float *rotation;		/* of points */
	int			dims;			/* of points */
	float	   *rows;			/* float[n][dims] */
	uint32		n;
	uint32	   *list;			/* [n] */
	float	   *centroid;		/* float[dims], room for one */
	const GvHalf *centroids;
	GvIvfCodebook codebook;		/* when it is made */
	GvClusterRows fetch;
} Sample;

static void
check_interrupts(void *arg)
{
	CHECK_FOR_INTERRUPTS();
}

/* GvClusterRows: a residual */
static void
fetch_residual(const void *arg, uint32_t i, float *x)
{
	const Sample *sample = arg;

	memcpy(x, sample->rows + (Size) i * sample->dims,
		   sizeof(float) * sample->index->layout.pq.dim);
}

/* Bring what has the dimensions of the column to where the quantizer sees it */
static void
turn(const Sample *sample, float *z)
{
	const GvIvfLayout *layout = &sample->index->layout;
	float	   *turned;

	if (sample->codebook.opq == NULL)
		return;
	turned = palloc(sizeof(float) * gv_ivf_turned_dim(layout));
	gv_opq_apply(sample->codebook.opq, layout->pq.dim, z, turned);
	memcpy(z, turned, sizeof(float) * layout->pq.dim);
	pfree(turned);
}

/* Turn the points of the sample into residuals, some of them if they are more than it takes */
static void
take_residuals(Sample *sample, const GvIvfTraining *training, uint32 n_rows)
{
	GvIvfIndex	ix = *sample->index;
	int			dims = sample->dims;
	GvIvfTraining lists = *training;
	GvIvfNearest nearest;
	GvIvfRoot	root;

	/* lists alone: the codebook is not made yet */
	ix.layout.row_kind = GV_IVF_ROWS_CODES;
	gv_ivf_make_root(&ix, &lists, &root);
	gv_ivf_nearest_init(&nearest, &ix, &root);
	for (uint32 i = 0; i < sample->n; i++)
	{
		const float *row = sample->rows + (Size) ((uint64) i * n_rows / sample->n) * dims;
		float	   *out = sample->rows + (Size) i * dims;
		float		distance2;

		CHECK_FOR_INTERRUPTS();
		gv_ivf_nearest_begin(&nearest, row, 1);
		if (!gv_ivf_nearest_next(&nearest, &sample->list[i], &distance2))
			elog(ERROR, "index \"%s\" has no lists", RelationGetRelationName(ix.rel));
		gv_kernels->f16_to_f32(gv_ivf_nearest_centroid(&nearest, sample->list[i]),
							   sample->centroid, dims);
		for (int d = 0; d < dims; d++)
			out[d] = row[d] - sample->centroid[d];
		gv_rotation_undo(sample->rotation, dims, out);
	}
	gv_ivf_nearest_end(&nearest);
}

/* Learn a rotation, and turn the residuals by it; matrix: float[pq.dim][pq.dim], written */
static void
train_rotation(Sample *sample, float *matrix)
{
	const GvPqShape *shape = &sample->index->layout.pq;
	void	   *scratch = MemoryContextAllocHuge(CurrentMemoryContext, ALIGNMENT +
												 gv_opq_train_scratch_size(shape));
	float	   *panels = MemoryContextAllocHuge(CurrentMemoryContext,
												sizeof(float) * gv_opq_size(shape->dim));

	gv_opq_train(shape, &sample->fetch, sample->index->meta.seed, matrix,
				 (void *) TYPEALIGN(ALIGNMENT, scratch));
	pfree(scratch);
	gv_opq_prepare(panels, matrix, shape->dim);
	sample->codebook.opq = panels;
	for (uint32 i = 0; i < sample->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		turn(sample, sample->rows + (Size) i * sample->dims);
	}
}

/* Train the codebook; entries: written */
static void
train_entries(Sample *sample, float *entries)
{
	const GvPqShape *shape = &sample->index->layout.pq;
	void	   *scratch = MemoryContextAllocHuge(CurrentMemoryContext, ALIGNMENT +
												 gv_pq_train_scratch_size(shape, sample->n));

	for (int part = 0; part < shape->m; part++)
		gv_pq_train_part(shape, &sample->fetch, part, sample->index->meta.seed, entries,
						 (void *) TYPEALIGN(ALIGNMENT, scratch));
	pfree(scratch);
}

/* A row of the sample and its code, as estimates see them */
typedef struct Trial
{
	float	   *e;				/* float[dims]: the residual */
	float	   *p;				/* float[dims]: the centroid */
	float	   *y;				/* float[pq.dim]: what the code has of e */
} Trial;

/* The nearest trials of each, nearest last: number[N_NEAR], fewer if there are */
static int
find_near(const Trial *trial, int n, int dims, int i, int *number)
{
	float		distance[N_NEAR];
	float	   *x = palloc(sizeof(float) * dims);
	float	   *other = palloc(sizeof(float) * dims);
	int			n_near = 0;

	for (int d = 0; d < dims; d++)
		x[d] = trial[i].e[d] + trial[i].p[d];
	for (int j = 0; j < n; j++)
	{
		float		d2;
		int			at;

		if (j == i)
			continue;
		for (int d = 0; d < dims; d++)
			other[d] = trial[j].e[d] + trial[j].p[d];
		d2 = gv_kernels->l2_squared_f32(x, other, dims);
		if (n_near == N_NEAR && !(d2 < distance[0]))
			continue;
		if (n_near < N_NEAR)
		{
			for (at = n_near++; at > 0 && distance[at - 1] < d2; at--)
			{
				distance[at] = distance[at - 1];
				number[at] = number[at - 1];
			}
		}
		else
		{
			for (at = 0; at + 1 < N_NEAR && distance[at + 1] > d2; at++)
			{
				distance[at] = distance[at + 1];
				number[at] = number[at + 1];
			}
		}
		distance[at] = d2;
		number[at] = j;
	}
	pfree(x);
	pfree(other);
	return n_near;
}

/*
 * How far an estimate of the distance of q and x is too large, in terms of what
 * it would be off by if all directions were alike.  Returns false if it is exact.
 */
static bool
measure_error(const Sample *sample, const Trial *x, const Trial *q, double *error)
{
	int			dim = sample->index->layout.pq.dim;
	int			dims = sample->dims;
	double		n2 = gv_kernels->inner_product_f32(x->e, x->e, dims);
	double		ey = gv_kernels->inner_product_f32(x->e, x->y, dim);
	double		yy = gv_kernels->inner_product_f32(x->y, x->y, dim);
	double		unit = gv_pq_error_unit(n2, ey, yy, dim);
	double		base = 0;
	double		ue = 0;
	double		uy = 0;

	for (int d = 0; d < dims; d++)
	{
		/* the query as seen from the row's centroid */
		double		u = (double) q->e[d] + q->p[d] - x->p[d];

		base += u * u;
		ue += u * x->e[d];
		if (d < dim)
			uy += u * x->y[d];
	}
	if (!(unit > 0) || !(base > 0))
		return false;
	*error = 2 * (ue - n2 / ey * uy) / (unit * sqrt(base));
	return isfinite(*error);
}

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : (x > y ? 1 : 0);
}

/* So many deviations below an estimate lies its bound */
static float
measure_deviations(Sample *sample)
{
	const GvIvfLayout *layout = &sample->index->layout;
	int			dims = sample->dims;
	int			n = (int) Min(sample->n, N_TRIALS);
	Trial	   *trial = palloc(sizeof(Trial) * Max(n, 1));
	double	   *errors = palloc(sizeof(double) * Max(n * N_NEAR, 1));
	uint8	   *numbers = palloc(layout->pq.m);
	int			n_errors = 0;
	double		sum = 0;
	double		result = GV_IVF_ERROR_DEVIATIONS;

	for (int i = 0; i < n; i++)
	{
		uint32		row = (uint32) ((uint64) i * sample->n / n);

		CHECK_FOR_INTERRUPTS();
		trial[i].e = sample->rows + (Size) row * dims;
		trial[i].p = palloc(sizeof(float) * dims);
		gv_kernels->f16_to_f32(sample->centroids + (Size) sample->list[row] * dims,
							   trial[i].p, dims);
		gv_rotation_undo(sample->rotation, dims, trial[i].p);
		turn(sample, trial[i].p);
		trial[i].y = palloc(sizeof(float) * layout->pq.dim);
		gv_pq_encode(sample->codebook.pq, trial[i].e, numbers);
		gv_pq_decode(sample->codebook.pq, numbers, trial[i].y);
	}
	for (int i = 0; i < n; i++)
	{
		int			near[N_NEAR];
		int			n_near = find_near(trial, n, dims, i, near);

		CHECK_FOR_INTERRUPTS();
		for (int j = 0; j < n_near; j++)
		{
			if (measure_error(sample, &trial[i], &trial[near[j]], &errors[n_errors]))
			{
				sum += errors[n_errors] * errors[n_errors];
				n_errors++;
			}
		}
	}
	if (n_errors > 0)
	{
		/* as a normal number of their deviation, or as they are */
		qsort(errors, n_errors, sizeof(double), compare_doubles);
		result *= sqrt(sum / n_errors);
		result = Max(result, errors[(int) ((n_errors - 1) * (1 - PART_BEYOND))]);
	}
	result += GV_IVF_FEW_DIMENSIONS / layout->pq.dim;
	return (float) Min(result, FLT_MAX);
}

/*
 * gv_ivf_codebook_train
 *		Train the product quantizer of an index.
 *
 * rows: float[n_rows][padded_dim], a sample of points, less the center; what is
 * there after is of no use
 * training: its lists are trained; the codebook is written
 */
void
gv_ivf_codebook_train(const GvIvfIndex *index, const float *rotation, float *rows, uint32 n_rows,
					  GvIvfTraining *training)
{
	const GvIvfLayout *layout = &index->layout;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf codebook",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	Sample		sample = {.index = index, .rotation = rotation, .rows = rows};
	GvIvfCodebookHeadData *head = (GvIvfCodebookHeadData *) training->codebook;
	float	   *entries;

	sample.dims = layout->padded_dim;
	sample.n = Min(n_rows, GV_PQ_SAMPLE_ROWS(layout->pq.bits));
	sample.list = palloc(sizeof(uint32) * Max(sample.n, 1));
	sample.centroid = palloc(sizeof(float) * sample.dims);
	sample.centroids = training->centroids;
	sample.fetch.dim = layout->pq.dim;
	sample.fetch.n = sample.n;
	sample.fetch.fetch = fetch_residual;
	sample.fetch.arg = &sample;
	sample.fetch.check = check_interrupts;
	memset(head, 0, gv_ivf_codebook_bytes(layout));
	take_residuals(&sample, training, n_rows);
	entries = (float *) (head + 1);
	if (layout->has_opq)
		train_rotation(&sample, entries + gv_pq_codebook_size(&layout->pq));
	train_entries(&sample, entries);
	if (!gv_ivf_codebook_prepare(&sample.codebook, layout, training->codebook,
								 palloc_extended(gv_ivf_codebook_room(layout), MCXT_ALLOC_HUGE)))
		elog(ERROR, "codebook of index \"%s\" is not of numbers",
			 RelationGetRelationName(index->rel));
	head->deviations = measure_deviations(&sample);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
}
