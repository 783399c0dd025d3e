/*-------------------------------------------------------------------------
 *
 * train.c
 *		Geometry and centroids of an index, from a sample of its rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/tableam.h"
#include "catalog/index.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/varbit.h"

#include "am/progress.h"
#include "am/routine.h"
#include "base/compare.h"
#include "base/compat.h"
#include "base/random.h"
#include "ivf/build.h"
#include "quant/kmeans.h"
#include "quant/rotation.h"
#include "type/vector.h"

/* Pages of the table that are looked at to foretell its number of rows */
#define N_SAMPLED_PAGES 64

/* Lists are chosen as so many times the root of the number of rows */
#define LISTS_FACTOR 4.0

/*
 * A list that was chosen has so many rows at least, and vectors beside them as
 * many as fill this part of its two pages; one that was asked for so many
 */
#define MIN_CHOSEN_ROWS 64
#define MIN_FILLED_PART (1.0 / 3)
#define MIN_NAMED_ROWS 4

/* With fewer rows than this there is one list, unless lists were asked for */
#define MIN_TRAINED_ROWS 1000

/* Room for rows of the sample beyond those that are expected */
#define MIN_SAMPLE_ROOM 1024

/* The largest float16 */
#define MAX_HALF 65504.0f

/* Rows of the sample that tell how near given centroids are */
#define GIVEN_TRIALS 1024

/* k-means wants what it works on to begin at multiples of this */
#define ALIGNMENT 64

/* Rows that lie nearer to their mean are told apart by nothing but rounding: of their length */
#define LEAST_SPREAD 1e-6

/* A sample of the rows */
typedef struct Sample
{
	GvIvfIndex *index;
	GvAmOpclass float_opclass;	/* of values that were widened */
	float	   *rows;			/* float[max][padded_dim] */
	double	   *norm2;			/* double[max] */
	int64		max;
	int64		n;				/* rows kept */
	int64		n_seen;
	const char *given;			/* centroids, as lists keep them, while they are compared */
	GvKmeansShared *kmeans;		/* room behind the rows, in the same piece of memory */
	GvRandom	random;
	MemoryContext row_context;
} Sample;

/* Widen a value to floats; returns its squared norm */
static double
widen(Sample *sample, Datum value, float *out)
{
	GvIvfIndex *index = sample->index;
	double		norm2 = 0;
	int			dim = index->meta.dim;

	if (index->opclass->element == GV_AM_ELEMENT_BIT)
	{
		const bits8 *bits = VARBITS(DatumGetPointer(value));

		for (int i = 0; i < dim; i++)
			out[i] = (bits[i / 8] >> (7 - i % 8)) & 1 ? 1.0f : 0.0f;
	}
	else
		gv_am_value_to_floats(index->opclass, value, out);
	for (int i = 0; i < dim; i++)
		norm2 += (double) out[i] * out[i];
	return norm2;
}

/* Take a row into the sample, if chance has it */
static void
sample_row(Relation rel, ItemPointer tid, Datum *values, bool *isnull, bool tuple_is_alive,
		   void *state)
{
	Sample	   *sample = state;
	GvIvfIndex *index = sample->index;
	MemoryContext old_context;
	int64		place;

	if (isnull[0])
		return;
	place = sample->n_seen++;
	if (place >= sample->max)
	{
		place = (int64) gv_random_below(&sample->random,
										(uint32) Min(sample->n_seen, PG_UINT32_MAX));
		if (place >= sample->max)
			return;
	}
	old_context = MemoryContextSwitchTo(sample->row_context);
	{
		Datum		value = PointerGetDatum(PG_DETOAST_DATUM(values[0]));

		gv_am_check_dim(index->opclass, value, index->meta.dim);
		sample->norm2[place] = widen(sample, value,
									 sample->rows + place * index->layout.padded_dim);
		sample->n = Max(sample->n, place + 1);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(sample->row_context);
}

/* Count the rows of a page that have a vector */
static void
count_row(Relation rel, ItemPointer tid, Datum *values, bool *isnull, bool tuple_is_alive,
		  void *state)
{
	if (!isnull[0])
		(*(int64 *) state)++;
}

/* Run a callback for the rows of n_taken pages of the table, evenly spread */
static void
scan_pages(Relation heap, Relation index, IndexInfo *index_info, BlockNumber n_taken,
		   IndexBuildCallback callback, void *state)
{
	BlockNumber n_blocks = RelationGetNumberOfBlocks(heap);

	for (BlockNumber i = 0; i < n_taken; i++)
	{
		CHECK_FOR_INTERRUPTS();
		table_index_build_range_scan(heap, index, index_info, false,
									 !index_info->ii_Concurrent, false,
									 (BlockNumber) ((uint64) i * n_blocks / n_taken), 1,
									 callback, state, NULL);
	}
}

/* The square of the mean of the sample's rows */
static double
squared_mean(const Sample *sample)
{
	int			dim = sample->index->meta.dim;
	double	   *sum = palloc0(sizeof(double) * dim);
	double		norm2 = 0;

	for (int64 i = 0; i < sample->n; i++)
	{
		const float *row = sample->rows + i * sample->index->layout.padded_dim;

		for (int d = 0; d < dim; d++)
			sum[d] += row[d];
	}
	for (int d = 0; d < dim; d++)
		norm2 += sum[d] / sample->n * (sum[d] / sample->n);
	pfree(sum);
	return norm2;
}

/*
 * Choose unit and, for the inner product, the length that rows are brought to.
 *
 * The unit by L2 distance is how far rows lie from their mean: in units of their
 * length, what tells apart rows that lie beside each other far away from zero would
 * be too little for factors of float16.
 */
static void
choose_geometry(Sample *sample)
{
	GvIvfMetaPageData *meta = &sample->index->meta;
	double		norm2 = 0;

	for (int64 i = 0; i < sample->n; i++)
		norm2 += sample->norm2[i] / sample->n;
	meta->inverse_unit = 1.0f;
	if (meta->metric == GV_AM_METRIC_L2 && meta->element != GV_AM_ELEMENT_BIT)
		meta->inverse_unit = gv_am_choose_unit(sqrt(Max(norm2 - squared_mean(sample),
														norm2 * LEAST_SPREAD * LEAST_SPREAD)));
	else if (meta->metric == GV_AM_METRIC_INNER_PRODUCT)
		meta->inverse_unit = gv_am_choose_unit(sqrt(norm2));
	if (meta->metric == GV_AM_METRIC_INNER_PRODUCT)
	{
		double	   *sorted = MemoryContextAllocHuge(CurrentMemoryContext,
													sizeof(double) * sample->n);

		memcpy(sorted, sample->norm2, sizeof(double) * sample->n);
		qsort(sorted, sample->n, sizeof(double), gv_base_compare_double);
		/* a row of numbers near the largest is longer than any float32 */
		meta->max_norm = (float) Min(sqrt(sorted[Min((int64) (sample->n * GV_AM_NORM_QUANTILE),
													 sample->n - 1)]), FLT_MAX);
		pfree(sorted);
	}
}

/*
 * Turn a row of floats into a point, before the center is taken off and the point is
 * rotated.  Returns false if it has no direction.
 *
 * value: room for one; not for bits
 * row: may be where the point comes
 */
static bool
make_point(const Sample *sample, GvVector *value, const float *row, float *z)
{
	const GvIvfIndex *index = sample->index;
	int			dims = index->layout.padded_dim;
	int			dim = index->meta.dim;
	GvAmRotated rotated;

	if (index->opclass->element == GV_AM_ELEMENT_BIT)
	{
		memmove(z, row, sizeof(float) * dim);
		memset(z + dim, 0, sizeof(float) * (dims - dim));
		return true;
	}
	memcpy(value->x, row, sizeof(float) * dim);
	gv_am_scale_value(&sample->float_opclass, dim, dims, index->meta.inverse_unit,
					  index->meta.max_norm, PointerGetDatum(value), false, z, &rotated);
	return rotated.has_direction;
}

static void
take_origin_off(float *z, const float *origin, const float *rotation, int dims)
{
	for (int d = 0; d < dims; d++)
		z[d] -= origin[d];
	gv_rotation_apply(rotation, dims, z);
}

/* Room for a value that points are made of */
static GvVector *
make_value(const Sample *sample)
{
	const GvIvfIndex *index = sample->index;

	if (index->opclass->element == GV_AM_ELEMENT_BIT)
		return NULL;
	return (GvVector *) DatumGetPointer(gv_am_zero_value(&sample->float_opclass,
														 index->meta.dim));
}

/*
 * Turn the sample's rows into points, and take their mean off.
 *
 * center: float[padded_dim], written; origin: the same with its rotation undone
 */
static void
make_points(Sample *sample, const float *rotation, float *center, float *origin)
{
	GvIvfIndex *index = sample->index;
	int			dims = index->layout.padded_dim;
	GvVector   *value = make_value(sample);
	double	   *sum = palloc0(sizeof(double) * dims);
	int64		n = 0;

	for (int64 i = 0; i < sample->n; i++)
	{
		float	   *z = sample->rows + n * dims;

		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		if (!make_point(sample, value, sample->rows + i * dims, z))
			continue;
		for (int d = 0; d < dims; d++)
			sum[d] += z[d];
		n++;
	}
	sample->n = n;
	for (int d = 0; d < dims && n > 0; d++)
		center[d] = (float) (sum[d] / n);
	gv_rotation_apply(rotation, dims, center);
	gv_ivf_find_origin(&index->layout, rotation, center, origin);
	for (int64 i = 0; i < n; i++)
		take_origin_off(sample->rows + i * dims, origin, rotation, dims);
	pfree(sum);
}

/*
 * gv_ivf_report_phase
 *		Show where a build is.
 */
void
gv_ivf_report_phase(const GvIvfTraining *training, int64 phase)
{
	if (training->is_build)
		gv_am_report_phase(phase);
}

static void
check_interrupts(void *arg)
{
	CHECK_FOR_INTERRUPTS();
}

/* A point of one length, for k-means of directions */
static void
fetch_direction(const void *arg, uint32_t i, float *x)
{
	const GvIvfTrainer *trainer = arg;
	const float *row = trainer->rows + (Size) i * trainer->dims;

	for (int d = 0; d < trainer->dims; d++)
		x[d] = (row[d] + trainer->center[d]) / trainer->radius;
}

/*
 * gv_ivf_point_length
 *		The length of all points but a few long ones, or 0.
 */
float
gv_ivf_point_length(const GvIvfMetaPageData *meta)
{
	if (meta->element == GV_AM_ELEMENT_BIT)
		return 0;
	if (meta->metric == GV_AM_METRIC_COSINE)
		return meta->inverse_unit;
	if (meta->metric == GV_AM_METRIC_INNER_PRODUCT)
		return meta->max_norm * meta->inverse_unit;
	return 0;
}

/*
 * gv_ivf_trainer_init
 *		Join a training, in the current memory context.
 *
 * index: the geometry is chosen
 * rows: float[n][padded_dim], the sample's points, less the center
 *
 * All these stay where they are as long as the trainer is used.
 */
void
gv_ivf_trainer_init(GvIvfTrainer *trainer, const GvIvfIndex *index, const float *rows,
					const float *center, GvKmeansShared *shared)
{
	trainer->rows = rows;
	trainer->center = center;
	trainer->dims = index->layout.padded_dim;
	trainer->radius = gv_ivf_point_length(&index->meta);
	trainer->floats.rows = rows;
	trainer->floats.dim = trainer->dims;
	trainer->fetch.dim = trainer->dims;
	trainer->fetch.n = shared->n_rows;
	trainer->fetch.fetch = trainer->radius > 0 ? fetch_direction : gv_cluster_fetch_floats;
	trainer->fetch.arg = trainer->radius > 0 ? (void *) trainer : (void *) &trainer->floats;
	trainer->fetch.check = check_interrupts;
	trainer->scratch = MemoryContextAllocHuge(CurrentMemoryContext, ALIGNMENT +
											  gv_kmeans_scratch_size(&shared->options));
	gv_kmeans_attach(&trainer->kmeans, shared, &trainer->fetch,
					 (void *) TYPEALIGN(ALIGNMENT, trainer->scratch));
}

/*
 * gv_ivf_trainer_end
 *		Leave a training.
 */
void
gv_ivf_trainer_end(GvIvfTrainer *trainer)
{
	pfree(trainer->scratch);
}

/* GvAmWork */
static void
work_on_step(void *arg, int kind, uint32 part)
{
	GvIvfTrainer *trainer = arg;

	gv_kmeans_work(&trainer->kmeans, part);
}

/* What k-means is asked for */
static GvKmeansOptions
kmeans_options(const GvIvfIndex *index, uint32 n_lists)
{
	GvIvfOptions *options = (GvIvfOptions *) index->rel->rd_options;
	GvKmeansOptions result = {
		.dim = index->layout.padded_dim,
		.n_centroids = n_lists,
		.seed = index->meta.seed,
		.is_spherical = gv_ivf_point_length(&index->meta) > 0,
		.start_random = gv_ivf_options_init(options) == GV_IVF_INIT_RANDOM
	};

	return result;
}

/*
 * Find the centroids of the sample's points.
 *
 * Points of one length are told apart by direction.  Means of points that
 * have little in common are short, hence nearer to everything than they
 * deserve: centroids get one length.  Which does not matter for the order in
 * which lists are nearest; codes lose least with the mean of <x, c>.
 */
static void
find_centroids(Sample *sample, uint32 n_lists, GvIvfTeam *team, GvIvfTraining *training)
{
	GvIvfIndex *index = sample->index;
	int			dims = index->layout.padded_dim;
	GvKmeansOptions options = kmeans_options(index, n_lists);
	GvKmeansShared *shared = sample->kmeans;
	GvAmParallel *parallel = team ? gv_ivf_team_start(team, index) : NULL;
	GvIvfTrainer trainer;
	float	   *centroids;
	int			n_parts;

	gv_kmeans_begin(shared, &options, (uint32) sample->n);
	gv_ivf_trainer_init(&trainer, index, sample->rows, training->center, shared);
	gv_ivf_report_phase(training, GV_IVF_PHASE_TRAIN);
	while ((n_parts = gv_kmeans_next(&trainer.kmeans)) > 0)
		gv_am_parallel_run(parallel, GV_IVF_JOB_TRAIN, n_parts, work_on_step, &trainer);

	training->n_lists = shared->n_centroids + GV_IVF_FIRST_LIST;
	memset(training->centroids, 0, gv_ivf_centroid_bytes(&index->layout));
	centroids = gv_kmeans_centroids(shared);
	if (options.is_spherical)
	{
		/* of x and c with norm 1: |x - c|^2 = 2 - 2 <x, c> */
		double		length = trainer.radius * Max(1 - shared->mean_square / 2, 0.01);

		for (uint32 i = 0; i < shared->n_centroids; i++)
		{
			for (int d = 0; d < dims; d++)
				centroids[(Size) i * dims + d] = (float) (length * centroids[(Size) i * dims + d] -
														  training->center[d]);
		}
	}
	for (uint32 i = 0; i < shared->n_centroids; i++)
		gv_kernels->f32_to_f16(centroids + (Size) i * dims,
							   training->centroids + (Size) (i + GV_IVF_FIRST_LIST) * dims, dims);
	training->is_trained = true;
	gv_ivf_trainer_end(&trainer);
}

/*
 * The mean of <x, c> of the sample's rows and the nearest of given centroids, as
 * part of that of a row and itself; both have the same length.
 */
static double
measure_nearness(const Sample *sample, const float *points, uint32 n_points, float radius,
				 const float *center)
{
	int			dims = sample->index->layout.padded_dim;
	int64		n = Min(sample->n, GIVEN_TRIALS);
	float	   *x = palloc(sizeof(float) * dims);
	double		sum = 0;

	for (int64 i = 0; i < n; i++)
	{
		const float *row = sample->rows + sample->n / n * i * dims;
		float		best = -FLT_MAX;

		CHECK_FOR_INTERRUPTS();
		for (int d = 0; d < dims; d++)
			x[d] = row[d] + center[d];
		for (uint32 j = 0; j < n_points; j++)
			best = Max(best, gv_kernels->inner_product_f32(x, points + (Size) j * dims, dims));
		sum += best;
	}
	pfree(x);
	return sum / n / ((double) radius * radius);
}

/* qsort_arg comparator of centroids by what they are */
static int
compare_centroids(const void *a, const void *b, void *arg)
{
	const Sample *sample = arg;
	Size		n_bytes = gv_ivf_centroid_bytes(&sample->index->layout);

	return memcmp(sample->given + *(const uint32 *) a * n_bytes,
				  sample->given + *(const uint32 *) b * n_bytes, n_bytes);
}

/* Raise an error if two of the centroids that were given are the same */
static void
check_differ(Sample *sample, const GvIvfTraining *training)
{
	uint32		n = training->n_given;
	uint32	   *order = palloc(sizeof(uint32) * n);

	sample->given = (const char *) training->centroids +
		gv_ivf_centroid_bytes(&sample->index->layout);
	for (uint32 i = 0; i < n; i++)
		order[i] = i;
	qsort_arg(order, n, sizeof(uint32), compare_centroids, sample);
	for (uint32 i = 1; i < n; i++)
	{
		if (compare_centroids(&order[i - 1], &order[i], sample) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("centroids must differ"),
					 errdetail("Centroids %u and %u are the same for the index.",
							   Min(order[i - 1], order[i]) + 1,
							   Max(order[i - 1], order[i]) + 1)));
	}
	pfree(order);
}

/*
 * Take the centroids that were given.
 *
 * Where points have one length, centroids get the one that codes lose least with,
 * as those that are found.
 */
static void
take_centroids(Sample *sample, const float *rotation, const float *origin,
			   GvIvfTraining *training)
{
	GvIvfIndex *index = sample->index;
	int			dims = index->layout.padded_dim;
	Size		n_bytes = gv_ivf_centroid_bytes(&index->layout);
	float		radius = gv_ivf_point_length(&index->meta);
	GvVector   *value = make_value(sample);
	float	   *points;
	double		part = 1;

	points = MemoryContextAllocHuge(CurrentMemoryContext,
									sizeof(float) * dims * training->n_given);
	for (uint32 i = 0; i < training->n_given; i++)
	{
		const GvVector *vector = (const GvVector *) DatumGetPointer(training->given[i]);
		float	   *point = points + (Size) i * dims;

		CHECK_FOR_INTERRUPTS();
		if (!make_point(sample, value, vector->x, point))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("centroid %u has no direction", i + 1)));
		take_origin_off(point, origin, rotation, dims);
		/* lengths are measured from zero */
		for (int d = 0; radius > 0 && d < dims; d++)
			point[d] += training->center[d];
	}
	if (radius > 0)
		part = Max(measure_nearness(sample, points, training->n_given, radius,
									training->center), 0.01);
	memset(training->centroids, 0, n_bytes);
	for (uint32 i = 0; i < training->n_given; i++)
	{
		float	   *point = points + (Size) i * dims;

		for (int d = 0; d < dims; d++)
		{
			if (radius > 0)
				point[d] = (float) (part * point[d] - training->center[d]);
			if (!(fabsf(point[d]) <= MAX_HALF))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("centroid %u is too far away from the rows of the index",
								i + 1)));
		}
		gv_kernels->f32_to_f16(point, training->centroids +
							   (Size) (i + GV_IVF_FIRST_LIST) * dims, dims);
	}
	pfree(points);
	check_differ(sample, training);
	training->n_lists = training->n_given + GV_IVF_FIRST_LIST;
	training->is_trained = true;
}

/*
 * gv_ivf_choose_lists
 *		How many lists, for so many rows?
 */
int64
gv_ivf_choose_lists(const GvIvfLayout *layout, const GvIvfOptions *options, double n_rows)
{
	int64		lists = gv_ivf_options_lists(options);
	double		least = MIN_CHOSEN_ROWS;

	if (lists > 0)
		return Min(lists, (int64) (n_rows / MIN_NAMED_ROWS));
	if (n_rows < MIN_TRAINED_ROWS)
		return 1;
	if (gv_ivf_keeps_vectors(layout) && layout->values_per_page > 0)
		least = Max(least, 2 * MIN_FILLED_PART /
					(1.0 / layout->rows_per_page + 1.0 / layout->values_per_page));
	lists = (int64) Min(LISTS_FACTOR * sqrt(n_rows), n_rows / least);
	return Min(lists, GV_IVF_MAX_LISTS);
}

/*
 * gv_ivf_sample_rows
 *		How many rows does a sample have, for so many lists, if there are enough?
 */
int64
gv_ivf_sample_rows(const GvIvfLayout *layout, int64 lists)
{
	int64		for_codebook = gv_ivf_has_product(layout) ?
		GV_PQ_SAMPLE_ROWS(layout->pq.bits) : 0;

	return Max(Max(lists, 16) * GV_KMEANS_SAMPLE_ROWS, for_codebook);
}

/*
 * gv_ivf_sample_bytes
 *		Memory of a row of a sample, which all may take half of
 *		maintenance_work_mem.
 */
Size
gv_ivf_sample_bytes(const GvIvfLayout *layout)
{
	return sizeof(float) * layout->padded_dim + sizeof(double);
}

/* Take a large piece of memory, which the processes of a build share if there are more */
static char *
take_area(GvIvfTeam *team, GvIvfArea area, Size size)
{
	return team ? gv_ivf_team_area(team, area, size) :
		MemoryContextAllocHuge(CurrentMemoryContext, size);
}

/* Find room for the sample and for what training finds */
static void
begin_sample(Sample *sample, uint32 n_lists, GvIvfTeam *team, GvIvfTraining *training)
{
	GvIvfIndex *index = sample->index;
	int			dims = index->layout.padded_dim;
	GvKmeansOptions options = kmeans_options(index, n_lists);
	Size		kmeans_offset = TYPEALIGN(ALIGNMENT, sizeof(float) * dims * sample->max);

	sample->rows = (float *) take_area(team, GV_IVF_AREA_SAMPLE, ALIGNMENT + kmeans_offset +
									   gv_kmeans_shared_size(&options, (uint32) sample->max));
	sample->kmeans = (GvKmeansShared *)
		TYPEALIGN(ALIGNMENT, (char *) sample->rows + kmeans_offset);
	gv_ivf_training_place(training, &index->layout,
						  take_area(team, GV_IVF_AREA_LISTS,
									gv_ivf_training_bytes(&index->layout,
														  n_lists + GV_IVF_FIRST_LIST)));
	memset(training->center, 0, sizeof(float) * dims);
	if (team)
		team->shared->kmeans_offset = (char *) sample->kmeans - (char *) sample->rows;
	sample->norm2 = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(double) * sample->max);
	sample->random.state = index->meta.seed;
	sample->row_context = AllocSetContextCreate(CurrentMemoryContext, "ivf sample row",
											   ALLOCSET_DEFAULT_SIZES);
}

static void
end_sample(Sample *sample, GvIvfTeam *team)
{
	MemoryContextDelete(sample->row_context);
	pfree(sample->norm2);
	if (team)
		gv_ivf_team_free_area(team, GV_IVF_AREA_SAMPLE);
	else
		pfree(sample->rows);
}

/*
 * gv_ivf_train
 *		Choose geometry and centroids for the rows of a table.
 *
 * index: what its metapage says of the geometry is written
 * team: of the processes of a build, which then has what training finds; or NULL
 * training: written, in the current memory context, but for is_build and what was
 * given
 */
void
gv_ivf_train(GvIvfIndex *index, Relation heap, IndexInfo *index_info, const float *rotation,
			 GvIvfTeam *team, GvIvfTraining *training)
{
	BlockNumber n_blocks = RelationGetNumberOfBlocks(heap);
	BlockNumber n_taken = Min(n_blocks, N_SAMPLED_PAGES);
	int64		n_counted = 0;
	int64		lists;
	double		n_rows;
	float	   *origin;
	Size		room = (Size) gv_am_maintenance_memory() * 1024 / GV_IVF_SAMPLE_FRACTION;
	Sample		sample = {.index = index, .float_opclass = {GV_AM_ELEMENT_FLOAT,
	(GvAmMetric) index->meta.metric}};

	gv_ivf_report_phase(training, GV_IVF_PHASE_SAMPLE);
	training->n_lists = GV_IVF_FIRST_LIST + 1;
	training->is_trained = false;

	scan_pages(heap, index->rel, index_info, n_taken, count_row, &n_counted);
	n_rows = n_taken == 0 ? 0 : (double) n_counted / n_taken * n_blocks;
	lists = training->given ? training->n_given :
		gv_ivf_choose_lists(&index->layout, (GvIvfOptions *) index->rel->rd_options, n_rows);
	sample.max = Min((int64) (n_rows * 1.1 + MIN_SAMPLE_ROOM),
					 gv_ivf_sample_rows(&index->layout, lists));
	sample.max = Max(Min(sample.max, (int64) (room / gv_ivf_sample_bytes(&index->layout))), 64);
	begin_sample(&sample, (uint32) Max(lists, 1), team, training);
	if (n_counted == 0)
	{
		end_sample(&sample, team);
		return;
	}
	/* twice the pages that it takes, so that rows beside each other are not all taken */
	n_taken = (BlockNumber) Min((double) n_blocks,
								2 * ceil(sample.max / Max(n_rows / n_blocks, 1e-3)));
	scan_pages(heap, index->rel, index_info, n_taken, sample_row, &sample);
	origin = palloc(sizeof(float) * index->layout.padded_dim);
	if (sample.n > 0)
	{
		choose_geometry(&sample);
		make_points(&sample, rotation, training->center, origin);
	}
	lists = Min(lists, sample.n);
	if (training->given && sample.n > 0)
		take_centroids(&sample, rotation, origin, training);
	else if (lists > 1)
		find_centroids(&sample, (uint32) lists, team, training);
	if (training->is_trained && gv_ivf_has_product(&index->layout))
		gv_ivf_codebook_train(index, rotation, sample.rows, (uint32) sample.n, team,
							  training);
	end_sample(&sample, team);
}
