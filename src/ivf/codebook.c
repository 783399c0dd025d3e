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
 * All processes of a build work on slices of the rows, on the rotation, and on
 * the codebooks of parts, with the same outcome whatever their number.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "am/routine.h"
#include "base/compare.h"
#include "ivf/build.h"
#include "quant/opq.h"
#include "quant/rotation.h"

/* Rows that tell how far estimates are off, and how many of them each has as queries */
#define N_TRIALS 512
#define N_NEAR 8

/* Of estimates of neighbors so large a part may be farther off than the bound, as with signs */
#define PART_BEYOND (1.0 / 160)

/* Rows that a process takes at once */
#define SLICE_ROWS 512

/* The part of maintenance_work_mem that processes may share while a rotation is trained */
#define ROTATION_FRACTION 4

#define ALIGNMENT 64

/* A process's view of the training */
struct GvIvfCoder
{
	const GvIvfIndex *index;
	const float *rotation;		/* of points */
	const GvIvfTraining *training;
	MemoryContext context;
	GvAmParallel *parallel;		/* of who leads, or NULL */
	int			dims;			/* of points */
	float	   *rows;			/* float[n][dims] */
	uint32		n;
	float	   *centroid;		/* float[dims], room for one */
	GvIvfIndex	lists;			/* the index without codes, as the codebook is not made yet */
	GvIvfRoot	root;
	GvIvfNearest nearest;		/* of lists.rel, when it is in use */
	GvIvfCodebook codebook;		/* its rotation, when that is made; then all of it */
	GvClusterRows fetch;
	GvOpqTask	opq;
	void	   *scratch;		/* for a part's codebook, or NULL */
};

static void
check_interrupts(void *arg)
{
	CHECK_FOR_INTERRUPTS();
}

/* GvClusterRows: a residual */
static void
fetch_residual(const void *arg, uint32_t i, float *x)
{
	const GvIvfCoder *coder = arg;

	memcpy(x, coder->rows + (Size) i * coder->dims,
		   sizeof(float) * coder->index->layout.pq.dim);
}

/* Bring what has the dimensions of the column to where the quantizer sees it */
static void
turn(const GvIvfCoder *coder, float *z)
{
	const GvIvfLayout *layout = &coder->index->layout;
	float	   *turned;

	if (coder->codebook.opq == NULL)
		return;
	turned = palloc(sizeof(float) * gv_ivf_turned_dim(layout));
	gv_opq_apply(coder->codebook.opq, layout->pq.dim, z, turned);
	memcpy(z, turned, sizeof(float) * layout->pq.dim);
	pfree(turned);
}

static void *
allocate_aligned(Size size)
{
	return (void *) TYPEALIGN(ALIGNMENT, MemoryContextAllocHuge(CurrentMemoryContext,
																ALIGNMENT + size));
}

/* The nearest list of a point of the sample */
static uint32
find_list(GvIvfCoder *coder, const float *row)
{
	uint32		list;
	float		distance2;

	if (coder->lists.rel == NULL)
	{
		coder->lists = *coder->index;
		coder->lists.layout.row_kind = GV_IVF_ROWS_CODES;
		gv_ivf_make_root(&coder->lists, coder->training, &coder->root);
		gv_ivf_nearest_init(&coder->nearest, &coder->lists, &coder->root);
	}
	gv_ivf_nearest_begin(&coder->nearest, row, 1);
	if (!gv_ivf_nearest_next(&coder->nearest, &list, &distance2))
		elog(ERROR, "index \"%s\" has no lists", RelationGetRelationName(coder->index->rel));
	return list;
}

/* Turn a point of the sample into a residual */
static void
take_residual(GvIvfCoder *coder, float *row)
{
	uint32		list = find_list(coder, row);

	gv_kernels->f16_to_f32(gv_ivf_nearest_centroid(&coder->nearest, list), coder->centroid,
						   coder->dims);
	for (int d = 0; d < coder->dims; d++)
		row[d] -= coder->centroid[d];
	gv_rotation_undo(coder->rotation, coder->dims, row);
}

/* The rotation that was learned, as pages have it: float[pq.dim][pq.dim] */
static float *
rotation_matrix(const GvIvfCoder *coder)
{
	return (float *) ((GvIvfCodebookHeadData *) coder->training->codebook + 1) +
		gv_pq_codebook_size(&coder->index->layout.pq);
}

/* Rotate a residual as was learned */
static void
turn_residual(GvIvfCoder *coder, float *row)
{
	if (coder->codebook.opq == NULL)
	{
		int			dim = coder->index->layout.pq.dim;
		float	   *panels = MemoryContextAllocHuge(CurrentMemoryContext,
													sizeof(float) * gv_opq_size(dim));

		gv_opq_prepare(panels, rotation_matrix(coder), dim);
		coder->codebook.opq = panels;
	}
	turn(coder, row);
}

/*
 * gv_ivf_coder_begin
 *		Join the training of a codebook, in a memory context of its own.
 *
 * rotation: of points
 * training: its lists are trained
 * rows: float[n][padded_dim], the points that are looked at
 */
GvIvfCoder *
gv_ivf_coder_begin(const GvIvfIndex *index, const float *rotation, const GvIvfTraining *training,
				   float *rows, uint32 n)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf codebook",
												  ALLOCSET_DEFAULT_SIZES);
	GvIvfCoder *coder = MemoryContextAllocZero(context, sizeof(GvIvfCoder));

	coder->context = context;
	coder->index = index;
	coder->rotation = rotation;
	coder->training = training;
	coder->dims = index->layout.padded_dim;
	coder->rows = rows;
	coder->n = n;
	coder->centroid = MemoryContextAlloc(context, sizeof(float) * coder->dims);
	coder->fetch.dim = index->layout.pq.dim;
	coder->fetch.n = n;
	coder->fetch.fetch = fetch_residual;
	coder->fetch.arg = coder;
	coder->fetch.check = check_interrupts;
	coder->opq.shape = index->layout.pq;
	coder->opq.rows = &coder->fetch;
	return coder;
}

/*
 * gv_ivf_coder_end
 *		Leave it.
 */
void
gv_ivf_coder_end(GvIvfCoder *coder)
{
	MemoryContextDelete(coder->context);
}

/*
 * gv_ivf_coder_share
 *		Say where the processes have what they share of the training of a rotation.
 *
 * area: gv_opq_shared_size bytes for so many slices, and those that align it
 */
void
gv_ivf_coder_share(GvIvfCoder *coder, int n_slices, char *area)
{
	coder->opq.n_slices = n_slices;
	coder->opq.shared = (void *) TYPEALIGN(ALIGNMENT, area);
}

/*
 * gv_ivf_coder_work
 *		GvAmWork of the jobs of a codebook's training.
 */
void
gv_ivf_coder_work(void *arg, int kind, uint32 part)
{
	GvIvfCoder *coder = arg;
	const GvPqShape *shape = &coder->index->layout.pq;
	MemoryContext old_context = MemoryContextSwitchTo(coder->context);
	uint32		end = (uint32) Min((uint64) (part + 1) * SLICE_ROWS, coder->n);
	float	   *entries;

	switch (kind)
	{
		case GV_IVF_JOB_RESIDUALS:
		case GV_IVF_JOB_TURN:
			for (uint32 i = part * SLICE_ROWS; i < end; i++)
			{
				float	   *row = coder->rows + (Size) i * coder->dims;

				CHECK_FOR_INTERRUPTS();
				if (kind == GV_IVF_JOB_RESIDUALS)
					take_residual(coder, row);
				else
					turn_residual(coder, row);
			}
			break;
		case GV_IVF_JOB_ROTATION:
			if (coder->opq.scratch == NULL)
				coder->opq.scratch = allocate_aligned(gv_opq_scratch_size(shape, coder->n));
			gv_opq_work(&coder->opq, part);
			break;
		case GV_IVF_JOB_CODEBOOK:
			if (coder->scratch == NULL)
				coder->scratch = allocate_aligned(gv_pq_train_scratch_size(shape, coder->n));
			entries = (float *) ((GvIvfCodebookHeadData *) coder->training->codebook + 1);
			gv_pq_train_part(shape, &coder->fetch, (int) part, coder->index->meta.seed, entries,
							 coder->scratch);
			break;
		default:
			elog(ERROR, "unrecognized job: %d", kind);
	}
	MemoryContextSwitchTo(old_context);
}

/* Have the rows worked on, slice by slice */
static void
run_slices(GvIvfCoder *coder, int kind)
{
	gv_am_parallel_run(coder->parallel, kind, (coder->n + SLICE_ROWS - 1) / SLICE_ROWS,
					   gv_ivf_coder_work, coder);
}

/* GvOpqTask */
static void
run_rotation(void *arg, uint32_t n_parts)
{
	GvIvfCoder *coder = arg;

	gv_am_parallel_run(coder->parallel, GV_IVF_JOB_ROTATION, n_parts, gv_ivf_coder_work, coder);
}

/*
 * gv_ivf_count_rotation_slices
 *		Into how many slices do rows fall while a rotation is trained?
 *
 * As many as memory has room for, whatever the number of processes.
 */
int
gv_ivf_count_rotation_slices(const GvIvfLayout *layout)
{
	Size		most = (Size) gv_am_maintenance_memory() * 1024 / ROTATION_FRACTION;
	int			n = GV_OPQ_MAX_SLICES;

	while (n > 1 && gv_opq_shared_size(&layout->pq, n) > most)
		n--;
	return n;
}

/* Learn a rotation, and turn the residuals by it */
static void
train_rotation(GvIvfCoder *coder, GvIvfTeam *team)
{
	const GvPqShape *shape = &coder->index->layout.pq;
	int			n_slices = gv_ivf_count_rotation_slices(&coder->index->layout);
	Size		size = ALIGNMENT + gv_opq_shared_size(shape, n_slices);
	char	   *area;

	area = team ? gv_ivf_team_area(team, GV_IVF_AREA_ROTATION, size) :
		MemoryContextAllocHuge(CurrentMemoryContext, size);
	if (team)
		team->shared->n_slices = n_slices;
	gv_ivf_coder_share(coder, n_slices, area);
	coder->opq.scratch = allocate_aligned(gv_opq_scratch_size(shape, coder->n));
	coder->opq.run = run_rotation;
	coder->opq.run_arg = coder;
	gv_opq_train(&coder->opq, coder->index->meta.seed, rotation_matrix(coder));
	if (team)
		gv_ivf_team_free_area(team, GV_IVF_AREA_ROTATION);
	else
		pfree(area);
	run_slices(coder, GV_IVF_JOB_TURN);
}

/* A row of the sample and its code, as estimates see them */
typedef struct Trial
{
	float	   *e;				/* float[dims]: the residual */
	float	   *p;				/* float[dims]: the centroid */
	float	   *y;				/* float[pq.dim]: what the code has of e */
	float	   *q;				/* float[dims]: the row as a query, less the center */
} Trial;

/* What makes a query of a row of the inner product, both float[dims]; or NULL */
typedef struct Asking
{
	float	   *center;
	float	   *extra;			/* the direction of the additional element */
} Asking;

/* See where the additional element lies for the quantizer; none: queries are as rows */
static void
begin_asking(const GvIvfCoder *coder, Asking *asking)
{
	const GvIvfMetaPageData *meta = &coder->index->meta;

	asking->center = asking->extra = NULL;
	if (meta->metric != GV_AM_METRIC_INNER_PRODUCT)
		return;
	asking->center = palloc(sizeof(float) * coder->dims);
	memcpy(asking->center, coder->training->center, sizeof(float) * coder->dims);
	gv_rotation_undo(coder->rotation, coder->dims, asking->center);
	turn(coder, asking->center);
	asking->extra = palloc0(sizeof(float) * coder->dims);
	asking->extra[meta->dim] = 1;
	turn(coder, asking->extra);
}

/*
 * Make trial->q.  Queries of the inner product have length 1 and nothing in the
 * additional element, in which rows have more the shorter they are.
 */
static void
make_query(const GvIvfCoder *coder, const Asking *asking, Trial *trial)
{
	int			dims = coder->dims;
	float	   *q = trial->q = palloc(sizeof(float) * dims);
	float		along;
	double		norm2;

	for (int d = 0; d < dims; d++)
		q[d] = trial->e[d] + trial->p[d];
	if (asking->extra == NULL)
		return;
	for (int d = 0; d < dims; d++)
		q[d] += asking->center[d];
	along = gv_kernels->inner_product_f32(q, asking->extra, dims);
	for (int d = 0; d < dims; d++)
		q[d] -= along * asking->extra[d];
	norm2 = gv_kernels->inner_product_f32(q, q, dims);
	for (int d = 0; d < dims; d++)
		q[d] = (norm2 > 0 ? (float) (q[d] / sqrt(norm2)) : 0) - asking->center[d];
}

/* The queries nearest to a row, nearest last: number[N_NEAR], fewer if there are */
static int
find_near(const Trial *trial, int n, int dims, int i, int *number)
{
	float		distance[N_NEAR];
	float	   *x = palloc(sizeof(float) * dims);
	int			n_near = 0;

	for (int d = 0; d < dims; d++)
		x[d] = trial[i].e[d] + trial[i].p[d];
	for (int j = 0; j < n; j++)
	{
		float		d2;
		int			at;

		if (j == i)
			continue;
		d2 = gv_kernels->l2_squared_f32(x, trial[j].q, dims);
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
	return n_near;
}

/*
 * How far an estimate of the distance of q and x is too large, in terms of what
 * it would be off by if all directions were alike.  Returns false if it is exact.
 */
static bool
measure_error(const GvIvfCoder *coder, const Trial *x, const Trial *q, double *error)
{
	int			dim = coder->index->layout.pq.dim;
	int			dims = coder->dims;
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
		double		u = (double) q->q[d] - x->p[d];

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

/* Rows of the sample that serve as trials */
static uint32
count_trials(const GvIvfCoder *coder)
{
	return Min(coder->n, N_TRIALS);
}

/* The number of such a row */
static uint32
trial_row(const GvIvfCoder *coder, uint32 i)
{
	return (uint32) ((uint64) i * coder->n / count_trials(coder));
}

/* So many deviations below an estimate lies its bound; list: of each trial */
static float
measure_deviations(const GvIvfCoder *coder, const uint32 *list)
{
	const GvIvfLayout *layout = &coder->index->layout;
	int			dims = coder->dims;
	int			n = (int) count_trials(coder);
	Trial	   *trial = palloc(sizeof(Trial) * Max(n, 1));
	double	   *errors = palloc(sizeof(double) * Max(n * N_NEAR, 1));
	uint8	   *numbers = palloc(layout->pq.m);
	int			n_errors = 0;
	double		sum = 0;
	double		result = GV_IVF_ERROR_DEVIATIONS;
	Asking		asking;

	begin_asking(coder, &asking);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		trial[i].e = coder->rows + (Size) trial_row(coder, i) * dims;
		trial[i].p = palloc(sizeof(float) * dims);
		gv_kernels->f16_to_f32(coder->training->centroids + (Size) list[i] * dims, trial[i].p,
							   dims);
		gv_rotation_undo(coder->rotation, dims, trial[i].p);
		turn(coder, trial[i].p);
		trial[i].y = palloc(sizeof(float) * layout->pq.dim);
		gv_pq_encode(coder->codebook.pq, trial[i].e, numbers);
		gv_pq_decode(coder->codebook.pq, numbers, trial[i].y);
		make_query(coder, &asking, &trial[i]);
	}
	for (int i = 0; i < n; i++)
	{
		int			near[N_NEAR];
		int			n_near = find_near(trial, n, dims, i, near);

		CHECK_FOR_INTERRUPTS();
		for (int j = 0; j < n_near; j++)
		{
			if (measure_error(coder, &trial[i], &trial[near[j]], &errors[n_errors]))
			{
				sum += errors[n_errors] * errors[n_errors];
				n_errors++;
			}
		}
	}
	if (n_errors > 0)
	{
		/* as a normal number of their deviation, or as they are */
		qsort(errors, n_errors, sizeof(double), gv_base_compare_double);
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
 * team: of the processes of a build, which have the rows and the training; or NULL
 * training: its lists are trained; the codebook is written
 */
void
gv_ivf_codebook_train(const GvIvfIndex *index, const float *rotation, float *rows, uint32 n_rows,
					  GvIvfTeam *team, GvIvfTraining *training)
{
	const GvIvfLayout *layout = &index->layout;
	uint32		n = Min(n_rows, GV_PQ_SAMPLE_ROWS(layout->pq.bits));
	GvIvfCoder *coder = gv_ivf_coder_begin(index, rotation, training, rows, n);
	MemoryContext old_context = MemoryContextSwitchTo(coder->context);
	GvIvfCodebookHeadData *head = (GvIvfCodebookHeadData *) training->codebook;
	uint32	   *list = palloc(sizeof(uint32) * N_TRIALS);

	memset(head, 0, gv_ivf_codebook_bytes(layout));
	if (team)
	{
		coder->parallel = gv_ivf_team_start(team, index);
		gv_ivf_team_show(team, training);
		team->shared->n_coded = n;
	}
	/* some of them if they are more than it takes */
	for (uint32 i = 0; i < n && n < n_rows; i++)
		memmove(rows + (Size) i * coder->dims,
				rows + (Size) ((uint64) i * n_rows / n) * coder->dims,
				sizeof(float) * coder->dims);
	for (uint32 i = 0; i < count_trials(coder); i++)
		list[i] = find_list(coder, rows + (Size) trial_row(coder, i) * coder->dims);
	gv_ivf_report_phase(training, layout->has_opq ? GV_IVF_PHASE_ROTATION :
						GV_IVF_PHASE_CODEBOOK);
	run_slices(coder, GV_IVF_JOB_RESIDUALS);
	if (layout->has_opq)
		train_rotation(coder, team);
	gv_ivf_report_phase(training, GV_IVF_PHASE_CODEBOOK);
	gv_am_parallel_run(coder->parallel, GV_IVF_JOB_CODEBOOK, layout->pq.m, gv_ivf_coder_work,
					   coder);
	if (!gv_ivf_codebook_prepare(&coder->codebook, layout, training->codebook,
								 palloc_extended(gv_ivf_codebook_room(layout), MCXT_ALLOC_HUGE)))
		elog(ERROR, "codebook of index \"%s\" is not of numbers",
			 RelationGetRelationName(index->rel));
	head->deviations = measure_deviations(coder, list);
	MemoryContextSwitchTo(old_context);
	gv_ivf_coder_end(coder);
}
