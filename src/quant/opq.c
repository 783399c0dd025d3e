/*-------------------------------------------------------------------------
 *
 * opq.c
 *		The rotation after which a product quantizer loses least.
 *
 * Rounds over a sample: rows are rotated, encoded and decoded; then each entry
 * moves to the mean of its rows' parts, and the rotation becomes the one that
 * brings the rows nearest to what was decoded.  That is the orthonormal factor
 * of M = sum (decoded row) (row)^T, which iterations of matrix products find:
 * X <- a X + b (X X^T) X + c (X X^T)^2 X brings every singular value to 1.  A
 * little of the last rotation goes into M, which decides where M does not.
 *
 * Rounds end near where they begin.  So some begin without a rotation, others with
 * the principal components, dealt out so that all parts have the same product
 * of variances, and those that lose less go on.
 * Source: Ge, He, Ke, Sun, TPAMI 36(4), 2014, section 3.1 (the rounds) and 3.2
 * (the components); Higham, Functions of Matrices, 2008, section 8.3 (Newton-Schulz).
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "quant/eigen.h"
#include "quant/opq.h"
#include "quant/panels.h"

/* Rounds from each start, and more from the better one */
#define TRIAL_ROUNDS 10
#define ROUNDS 30

/* Rows of the sample: for each entry and each dimension, and at least */
#define ROWS_PER_ENTRY 64
#define ROWS_PER_DIM 8
#define MIN_ROWS 16384

/* Rows that go together */
#define TILE_ROWS 256

/* Rows of matrices that are multiplied between checks for interrupts */
#define ROWS_AT_ONCE 64

/* Products of smaller matrices are not worth sharing */
#define MIN_SHARED_DIM 192

/* Variances are at least this part of the largest */
#define LEAST_VARIANCE 1e-6

/* The part of the last rotation in M, both of norm 1 */
#define KEEP 0.01f

/*
 * The first iterations bring singular values from 1e-4 and more to .7 to 1.2,
 * the others to 1; the coefficients of the first are those of the quintic that
 * rises fastest near zero and stays in that range.
 */
#define RISING_ITERATIONS 9
#define SETTLING_ITERATIONS 6

/* What the parts of a step do */
typedef enum Step
{
	STEP_ENTRIES,				/* a part: the codebook of a part, of rows as they are */
	STEP_MOMENTS,				/* rows: moments */
	STEP_ROUND,					/* rows: encoded and decoded */
	STEP_MULTIPLY				/* rows of a product of matrices */
} Step;

/* What the processes of a training share; its arrays lie behind it */
typedef struct Head
{
	uint64_t	seed;
	uint64_t	left;			/* of a product: where its matrices lie */
	uint64_t	out;
	uint32_t	n_rows;			/* of the sample that are looked at */
	int32_t		step;
} Head;

/* A process's view of a training; ld is dim, rounded up to a panel */
typedef struct Work
{
	const GvOpqTask *task;
	const GvPqShape *shape;
	int			dim;
	int			ld;
	/* shared: what one process writes in one step, others read in the next */
	Head	   *head;
	float	   *rotation;		/* float[dim][ld] */
	float	   *panels;			/* float[ld / 16][dim][16] */
	float	   *m;				/* float[n_slices][dim][ld] */
	float	   *gram;			/* float[dim][ld] */
	float	   *next;			/* float[dim][ld] */
	float	   *codebook;		/* as pq.h has it */
	float	   *sums;			/* the same [n_slices] */
	float	   *kept_rotation;	/* of the start that was tried first */
	float	   *kept_codebook;
	double	   *values;			/* double[4 * dim]: variances, and room to find them */
	double	   *errors;			/* double[n_slices]: square errors */
	double	   *means;			/* double[n_slices][dim] */
	uint32_t   *counts;			/* uint32[n_slices][m][entries] */
	GvPq	   *pq;
	/* the process's own */
	float	   *tile;			/* float[TILE_ROWS][dim]: rows */
	float	   *rotated;		/* float[TILE_ROWS][ld] */
	float	   *columns;		/* float[dim][TILE_ROWS]: decoded, turned */
	float	   *tile_panels;	/* float[ld / 16][TILE_ROWS][16]: rows */
	float	   *products;		/* float[ROWS_AT_ONCE][ld] */
	float	   *decoded;		/* float[dim] */
	uint8_t    *numbers;		/* uint8[m] */
	const float **pointers;		/* [TILE_ROWS] */
	char	   *pq_scratch;
} Work;

static int
round_dim(int dim)
{
	return (dim + GV_PRODUCTS_PANEL - 1) / GV_PRODUCTS_PANEL * GV_PRODUCTS_PANEL;
}

static uint32_t
max_rows(const GvPqShape *shape)
{
	uint32_t	by_entry = (uint32_t) ROWS_PER_ENTRY << shape->bits;
	uint32_t	by_dim = (uint32_t) ROWS_PER_DIM * shape->dim;
	uint32_t	n = by_entry > by_dim ? by_entry : by_dim;

	return n > MIN_ROWS ? n : MIN_ROWS;
}

#define TAKE(field, size) \
	do { \
		work->field = (void *) ((uintptr_t) start + at); \
		at += gv_panels_round_up(size); \
	} while (0)

static size_t
lay_out_shared(Work *work, const GvPqShape *shape, int n_slices, void *start)
{
	size_t		dim = (size_t) shape->dim;
	size_t		ld = (size_t) round_dim(shape->dim);
	size_t		at = 0;

	TAKE(head, sizeof(Head));
	TAKE(rotation, dim * ld * sizeof(float));
	TAKE(panels, dim * ld * sizeof(float));
	TAKE(m, n_slices * dim * ld * sizeof(float));
	TAKE(gram, dim * ld * sizeof(float));
	TAKE(next, dim * ld * sizeof(float));
	TAKE(codebook, gv_pq_codebook_size(shape) * sizeof(float));
	TAKE(sums, n_slices * gv_pq_codebook_size(shape) * sizeof(float));
	TAKE(kept_rotation, dim * ld * sizeof(float));
	TAKE(kept_codebook, gv_pq_codebook_size(shape) * sizeof(float));
	TAKE(values, 4 * dim * sizeof(double));
	TAKE(errors, n_slices * sizeof(double));
	TAKE(means, n_slices * dim * sizeof(double));
	TAKE(counts, ((size_t) n_slices * shape->m << shape->bits) * sizeof(uint32_t));
	TAKE(pq, gv_pq_size(shape));
	return at;
}

static size_t
lay_out_scratch(Work *work, const GvPqShape *shape, uint32_t n_rows, void *start)
{
	size_t		dim = (size_t) shape->dim;
	size_t		ld = (size_t) round_dim(shape->dim);
	size_t		at = 0;

	TAKE(tile, TILE_ROWS * dim * sizeof(float));
	TAKE(rotated, TILE_ROWS * ld * sizeof(float));
	TAKE(columns, TILE_ROWS * dim * sizeof(float));
	TAKE(tile_panels, TILE_ROWS * ld * sizeof(float));
	TAKE(products, ROWS_AT_ONCE * ld * sizeof(float));
	TAKE(decoded, dim * sizeof(float));
	TAKE(numbers, (size_t) shape->m);
	TAKE(pointers, TILE_ROWS * sizeof(float *));
	TAKE(pq_scratch, gv_pq_train_scratch_size(shape, n_rows));
	return at;
}
#undef TAKE

/*
 * gv_opq_shared_size
 *		Bytes of memory that the processes of a training share, aligned to 64 bytes.
 *
 * About five square matrices and three codebooks, and one of each for a slice.
 */
size_t
gv_opq_shared_size(const GvPqShape *shape, int n_slices)
{
	Work		work;

	return lay_out_shared(&work, shape, n_slices, NULL);
}

/*
 * gv_opq_scratch_size
 *		Bytes of memory that each of them has, aligned to 64 bytes.
 *
 * n_rows: of the sample
 */
size_t
gv_opq_scratch_size(const GvPqShape *shape, uint32_t n_rows)
{
	Work		work;

	return lay_out_scratch(&work, shape, n_rows, NULL);
}

static void
begin_work(Work *work, const GvOpqTask *task)
{
	work->task = task;
	work->shape = &task->shape;
	work->dim = task->shape.dim;
	work->ld = round_dim(task->shape.dim);
	(void) lay_out_shared(work, &task->shape, task->n_slices, task->shared);
	(void) lay_out_scratch(work, &task->shape, task->rows->n, task->scratch);
}

static void
check(const Work *work)
{
	const GvClusterRows *rows = work->task->rows;

	if (rows->check)
		rows->check(rows->check_arg);
}

/* Have all processes work on a step */
static void
run(Work *work, Step step, int n_parts)
{
	const GvOpqTask *task = work->task;

	work->head->step = step;
	if (task->run)
		task->run(task->run_arg, (uint32_t) n_parts);
	else
	{
		for (int part = 0; part < n_parts; part++)
			gv_opq_work(task, (uint32_t) part);
	}
}

/* Put the columns of a into panels, for products with a: float[dim][ld] */
static void
fill_panels(float *panels, const float *a, int dim, int ld)
{
	for (int p = 0; p < ld / GV_PRODUCTS_PANEL; p++)
	{
		for (int i = 0; i < dim; i++)
			memcpy(panels + ((size_t) p * dim + i) * GV_PRODUCTS_PANEL,
				   a + (size_t) i * ld + p * GV_PRODUCTS_PANEL,
				   GV_PRODUCTS_PANEL * sizeof(float));
	}
}

/* Put the rows of a into panels, for products with its transpose */
static void
fill_transposed(float *panels, const float *a, int dim, int ld)
{
	memset(panels, 0, (size_t) dim * ld * sizeof(float));
	for (int i = 0; i < dim; i++)
	{
		float	   *to = panels + (size_t) (i / GV_PRODUCTS_PANEL) * dim * GV_PRODUCTS_PANEL +
			i % GV_PRODUCTS_PANEL;

		for (int d = 0; d < dim; d++)
			to[(size_t) d * GV_PRODUCTS_PANEL] = a[(size_t) i * ld + d];
	}
}

/* Rows of a product, of which the panels hold the right side */
static void
multiply_rows(Work *work, uint32_t part)
{
	const float *left = (float *) ((char *) work->head + work->head->left);
	float	   *out = (float *) ((char *) work->head + work->head->out);
	int			first = (int) part * ROWS_AT_ONCE;
	int			n = work->dim - first < ROWS_AT_ONCE ? work->dim - first : ROWS_AT_ONCE;

	check(work);
	for (int i = 0; i < n; i++)
		work->pointers[i] = left + (size_t) (first + i) * work->ld;
	gv_kernels->products_f32(work->pointers, n, work->panels, work->ld / GV_PRODUCTS_PANEL,
							 work->dim, out + (size_t) first * work->ld);
}

/* out = left * what the panels hold, all float[dim][ld] in shared memory */
static void
multiply(Work *work, const float *left, float *out)
{
	int			n_parts = (work->dim + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE;

	work->head->left = (const char *) left - (const char *) work->head;
	work->head->out = (char *) out - (char *) work->head;
	if (work->dim >= MIN_SHARED_DIM)
	{
		run(work, STEP_MULTIPLY, n_parts);
		return;
	}
	for (int part = 0; part < n_parts; part++)
		multiply_rows(work, (uint32_t) part);
}

/* x <- a x + b (x x^T) x + c (x x^T)^2 x */
static void
iterate(Work *work, float *x, float a, float b, float c)
{
	size_t		n = (size_t) work->dim * work->ld;

	fill_transposed(work->panels, x, work->dim, work->ld);
	multiply(work, x, work->gram);
	if (c != 0)
	{
		fill_panels(work->panels, work->gram, work->dim, work->ld);
		multiply(work, work->gram, work->next);
		for (size_t i = 0; i < n; i++)
			work->gram[i] = b * work->gram[i] + c * work->next[i];
	}
	else
	{
		for (size_t i = 0; i < n; i++)
			work->gram[i] *= b;
	}
	fill_panels(work->panels, x, work->dim, work->ld);
	multiply(work, work->gram, work->next);
	for (size_t i = 0; i < n; i++)
		x[i] = a * x[i] + work->next[i];
}

/* Replace x by its orthonormal factor; whether it has one */
static bool
make_orthonormal(Work *work, float *x)
{
	size_t		n = (size_t) work->dim * work->ld;
	double		norm2 = 0;
	float		inverse;

	for (size_t i = 0; i < n; i++)
		norm2 += (double) x[i] * x[i];
	if (!(norm2 > 0) || !(norm2 <= 1e300))
		return false;
	inverse = (float) (1 / sqrt(norm2));
	for (size_t i = 0; i < n; i++)
		x[i] *= inverse;
	for (int i = 0; i < RISING_ITERATIONS; i++)
		iterate(work, x, 3.4445f, -4.7750f, 2.0315f);
	for (int i = 0; i < SETTLING_ITERATIONS; i++)
		iterate(work, x, 1.5f, -0.5f, 0);
	return true;
}

/* Fetch a tile of the sample's rows up to `end`; the number of its rows */
static int
fetch_tile(Work *work, uint32_t first, uint32_t end)
{
	const GvClusterRows *rows = work->task->rows;
	int			n = end - first < TILE_ROWS ? (int) (end - first) : TILE_ROWS;

	check(work);
	for (int i = 0; i < n; i++)
		rows->fetch(rows->arg, (uint32_t) ((uint64_t) (first + i) * rows->n / work->head->n_rows),
					work->tile + (size_t) i * work->dim);
	return n;
}

/* Rotate a tile; the panels hold the transposed rotation */
static void
rotate_tile(Work *work, int n)
{
	for (int i = 0; i < n; i++)
		work->pointers[i] = work->tile + (size_t) i * work->dim;
	gv_kernels->products_f32(work->pointers, n, work->panels, work->ld / GV_PRODUCTS_PANEL,
							 work->dim, work->rotated);
}

/* Add the products of the columns with the tile: m[i][j] += sum of columns[i] and elements j */
static void
add_products(Work *work, int n, float *m)
{
	memset(work->tile_panels, 0, (size_t) n * work->ld * sizeof(float));
	for (int i = 0; i < n; i++)
	{
		for (int d = 0; d < work->dim; d++)
			work->tile_panels[((size_t) (d / GV_PRODUCTS_PANEL) * n + i) * GV_PRODUCTS_PANEL +
							  d % GV_PRODUCTS_PANEL] = work->tile[(size_t) i * work->dim + d];
	}
	for (int first = 0; first < work->dim; first += ROWS_AT_ONCE)
	{
		int			n_once = work->dim - first < ROWS_AT_ONCE ? work->dim - first : ROWS_AT_ONCE;
		float	   *to = m + (size_t) first * work->ld;

		check(work);
		for (int d = 0; d < n_once; d++)
			work->pointers[d] = work->columns + (size_t) (first + d) * TILE_ROWS;
		gv_kernels->products_f32(work->pointers, n_once, work->tile_panels,
								 work->ld / GV_PRODUCTS_PANEL, n, work->products);
		for (size_t i = 0; i < (size_t) n_once * work->ld; i++)
			to[i] += work->products[i];
	}
}

/* The first row of a slice of the sample; of that after the last, their number */
static uint32_t
slice_start(const Work *work, uint32_t slice)
{
	return (uint32_t) ((uint64_t) work->head->n_rows * slice / work->task->n_slices);
}

/* Encode and decode a tile; add up the entries' rows, and m */
static void
add_tile(Work *work, int n, uint32_t slice)
{
	const GvPqShape *shape = work->shape;
	uint8_t    *numbers = work->numbers;
	size_t		entries = (size_t) 1 << shape->bits;
	float	   *sums = work->sums + slice * gv_pq_codebook_size(shape);
	uint32_t   *counts = work->counts + slice * shape->m * entries;

	for (int i = 0; i < n; i++)
	{
		const float *y = work->rotated + (size_t) i * work->ld;

		gv_pq_encode(work->pq, y, numbers);
		gv_pq_decode(work->pq, numbers, work->decoded);
		for (int d = 0; d < work->dim; d++)
		{
			float		lost = y[d] - work->decoded[d];

			work->columns[(size_t) d * TILE_ROWS + i] = work->decoded[d];
			work->errors[slice] += (double) lost * lost;
		}
		for (int j = 0; j < shape->m; j++)
		{
			int			start = gv_pq_part_start(shape, j);
			int			size = gv_pq_part_start(shape, j + 1) - start;
			float	   *sum = sums + start * entries + (size_t) numbers[j] * size;

			counts[j * entries + numbers[j]]++;
			for (int d = 0; d < size; d++)
				sum[d] += y[start + d];
		}
	}
	add_products(work, n, work->m + (size_t) slice * work->dim * work->ld);
}

/* A slice's share of a round */
static void
work_on_round(Work *work, uint32_t slice)
{
	const GvPqShape *shape = work->shape;
	size_t		n_matrix = (size_t) work->dim * work->ld;
	size_t		n_counts = (size_t) shape->m << shape->bits;
	uint32_t	end = slice_start(work, slice + 1);

	memset(work->m + slice * n_matrix, 0, n_matrix * sizeof(float));
	memset(work->sums + slice * gv_pq_codebook_size(shape), 0,
		   gv_pq_codebook_size(shape) * sizeof(float));
	memset(work->counts + slice * n_counts, 0, n_counts * sizeof(uint32_t));
	work->errors[slice] = 0;
	for (uint32_t i = slice_start(work, slice); i < end; i += TILE_ROWS)
	{
		int			n = fetch_tile(work, i, end);

		rotate_tile(work, n);
		add_tile(work, n, slice);
	}
}

/* A slice's share of the moments of the sample */
static void
add_moments(Work *work, uint32_t slice)
{
	size_t		n_matrix = (size_t) work->dim * work->ld;
	float	   *moments = work->m + slice * n_matrix;
	double	   *mean = work->means + (size_t) slice * work->dim;
	uint32_t	end = slice_start(work, slice + 1);

	memset(moments, 0, n_matrix * sizeof(float));
	memset(mean, 0, work->dim * sizeof(double));
	for (uint32_t i = slice_start(work, slice); i < end; i += TILE_ROWS)
	{
		int			n = fetch_tile(work, i, end);

		for (int r = 0; r < n; r++)
		{
			for (int d = 0; d < work->dim; d++)
			{
				float		element = work->tile[(size_t) r * work->dim + d];

				work->columns[(size_t) d * TILE_ROWS + r] = element;
				mean[d] += element / (double) work->head->n_rows;
			}
		}
		add_products(work, n, moments);
	}
}

/* Add what the slices have: each float[n], into the first */
static void
add_slices(const Work *work, float *sums, size_t n)
{
	for (int slice = 1; slice < work->task->n_slices; slice++)
	{
		for (size_t i = 0; i < n; i++)
			sums[i] += sums[slice * n + i];
	}
}

/*
 * gv_opq_work
 *		Do a part of a step, in whichever process.
 *
 * The outcome does not depend on which process that is.
 */
void
gv_opq_work(const GvOpqTask *task, uint32_t part)
{
	Work		work;

	begin_work(&work, task);
	switch ((Step) work.head->step)
	{
		case STEP_ENTRIES:
			gv_pq_train_part(work.shape, task->rows, (int) part, work.head->seed, work.codebook,
							 work.pq_scratch);
			break;
		case STEP_MOMENTS:
			add_moments(&work, part);
			break;
		case STEP_ROUND:
			work_on_round(&work, part);
			break;
		case STEP_MULTIPLY:
			multiply_rows(&work, part);
			break;
	}
}

/* Move each entry to the mean of its rows */
static void
move_entries(Work *work)
{
	const GvPqShape *shape = work->shape;
	size_t		entries = (size_t) 1 << shape->bits;

	for (int j = 0; j < shape->m; j++)
	{
		int			start = gv_pq_part_start(shape, j);
		int			size = gv_pq_part_start(shape, j + 1) - start;

		for (size_t k = 0; k < entries; k++)
		{
			uint32_t	count = work->counts[j * entries + k];
			size_t		at = start * entries + k * size;

			for (int d = 0; d < size && count > 0; d++)
				work->codebook[at + d] = work->sums[at + d] / (float) count;
		}
	}
}

/* One round over the sample; false if no rotation comes of it */
static bool
train_round(Work *work)
{
	const GvPqShape *shape = work->shape;
	size_t		n = (size_t) work->dim * work->ld;
	size_t		n_counts = (size_t) shape->m << shape->bits;
	double		m2 = 0;
	float		keep;

	gv_pq_prepare(work->pq, shape, work->codebook);
	fill_transposed(work->panels, work->rotation, work->dim, work->ld);
	run(work, STEP_ROUND, work->task->n_slices);
	add_slices(work, work->m, n);
	add_slices(work, work->sums, gv_pq_codebook_size(shape));
	for (int slice = 1; slice < work->task->n_slices; slice++)
	{
		for (size_t i = 0; i < n_counts; i++)
			work->counts[i] += work->counts[slice * n_counts + i];
		work->errors[0] += work->errors[slice];
	}
	move_entries(work);

	/* a rotation has norm sqrt(dim) */
	for (size_t i = 0; i < n; i++)
		m2 += (double) work->m[i] * work->m[i];
	if (!(m2 > 0) || !(m2 <= 1e300))
		return false;
	keep = (float) (KEEP * sqrt(m2 / work->dim));
	for (size_t i = 0; i < n; i++)
		work->m[i] += keep * work->rotation[i];
	if (!make_orthonormal(work, work->m))
		return false;
	memcpy(work->rotation, work->m, n * sizeof(float));
	return true;
}

/* So many rounds; what is lost before the last of them */
static double
train_rounds(Work *work, int n_rounds)
{
	for (int round = 0; round < n_rounds; round++)
	{
		if (!train_round(work))
			break;
	}
	return work->errors[0];
}

/* Begin without a rotation */
static void
start_plain(Work *work)
{
	memset(work->rotation, 0, (size_t) work->dim * work->ld * sizeof(float));
	for (int i = 0; i < work->dim; i++)
		work->rotation[(size_t) i * work->ld + i] = 1;
	run(work, STEP_ENTRIES, work->shape->m);
}

/*
 * Find the principal components of the sample, in the place of gram and next,
 * which lie side by side.  Works in the place of panels and m, which do so, too.
 */
static bool
find_components(Work *work)
{
	int			dim = work->dim;
	uint32_t	n_rows = work->head->n_rows;
	float	   *moments = work->kept_rotation;
	double	   *a = (double *) work->panels;
	double	   *mean = work->means;

	run(work, STEP_MOMENTS, work->task->n_slices);
	add_slices(work, work->m, (size_t) dim * work->ld);
	memcpy(moments, work->m, (size_t) dim * work->ld * sizeof(float));
	for (int slice = 1; slice < work->task->n_slices; slice++)
	{
		for (int d = 0; d < dim; d++)
			mean[d] += work->means[(size_t) slice * dim + d];
	}
	for (int i = 0; i < dim; i++)
	{
		for (int j = 0; j < dim; j++)
		{
			double		moment = ((double) moments[(size_t) i * work->ld + j] +
								  (double) moments[(size_t) j * work->ld + i]) / 2;

			a[(size_t) i * dim + j] = moment / n_rows - mean[i] * mean[j];
			if (!(fabs(a[(size_t) i * dim + j]) <= 1e300))
				return false;
		}
	}
	return gv_eigen_symmetric(a, dim, work->values, (double *) work->gram, work->values + dim,
							  work->task->rows->check, work->task->rows->check_arg);
}

/* Begin with the principal components; false if there are none */
static bool
start_components(Work *work)
{
	const GvPqShape *shape = work->shape;
	const GvClusterRows *rows = work->task->rows;
	size_t		entries = (size_t) 1 << shape->bits;
	const double *components = (const double *) work->gram;
	double	   *values = work->values;
	double	   *filled = work->values + work->dim;	/* logarithm of each part's product */
	int		   *n_in = (int *) (work->values + 2 * work->dim);
	double		largest = 0;

	if (work->head->n_rows < entries || !find_components(work))
		return false;
	for (int i = 0; i < work->dim; i++)
		largest = values[i] > largest ? values[i] : largest;
	if (largest == 0)
		return false;
	for (int j = 0; j < shape->m; j++)
	{
		filled[j] = 0;
		n_in[j] = 0;
	}
	memset(work->rotation, 0, (size_t) work->dim * work->ld * sizeof(float));
	for (int n = 0; n < work->dim; n++)
	{
		int			next = 0;
		int			part = -1;
		float	   *row;

		for (int i = 1; i < work->dim; i++)
			next = values[i] > values[next] ? i : next;
		for (int j = 0; j < shape->m; j++)
		{
			if (n_in[j] < gv_pq_part_start(shape, j + 1) - gv_pq_part_start(shape, j) &&
				(part < 0 || filled[j] < filled[part]))
				part = j;
		}
		filled[part] += log(fmax(values[next] / largest, LEAST_VARIANCE) / LEAST_VARIANCE);
		row = work->rotation +
			(size_t) (gv_pq_part_start(shape, part) + n_in[part]++) * work->ld;
		for (int d = 0; d < work->dim; d++)
			row[d] = (float) components[(size_t) next * work->dim + d];
		values[next] = -INFINITY;
	}

	/* rows of the sample serve as entries */
	fill_transposed(work->panels, work->rotation, work->dim, work->ld);
	for (size_t k = 0; k < entries; k++)
	{
		rows->fetch(rows->arg, (uint32_t) (k * rows->n / entries), work->tile);
		rotate_tile(work, 1);
		for (int j = 0; j < shape->m; j++)
		{
			int			start = gv_pq_part_start(shape, j);
			int			size = gv_pq_part_start(shape, j + 1) - start;

			memcpy(work->codebook + start * entries + k * size, work->rotated + start,
				   size * sizeof(float));
		}
	}
	return true;
}

/*
 * gv_opq_train
 *		Find a rotation, in the process that leads.
 *
 * Of the rows more than MIN_ROWS, ROWS_PER_DIM a dimension and ROWS_PER_ENTRY an
 * entry are not looked at.
 * rotation: float[dim][dim], written: row i makes element i of a rotated row
 *
 * The codebook is to be trained afterwards, of rotated rows.  Rows from which
 * no rotation can be found, as when all are zero, give that of no rotation.
 */
void
gv_opq_train(const GvOpqTask *task, uint64_t seed, float *rotation)
{
	Work		work;
	const GvPqShape *shape = &task->shape;
	size_t		rotation_size = (size_t) shape->dim * round_dim(shape->dim) * sizeof(float);
	size_t		codebook_size = gv_pq_codebook_size(shape) * sizeof(float);
	double		error = 0;
	bool		has_components;

	begin_work(&work, task);
	work.head->seed = seed;
	work.head->n_rows = task->rows->n < max_rows(shape) ? task->rows->n : max_rows(shape);
	has_components = start_components(&work);
	if (has_components)
	{
		error = train_rounds(&work, TRIAL_ROUNDS);
		memcpy(work.kept_rotation, work.rotation, rotation_size);
		memcpy(work.kept_codebook, work.codebook, codebook_size);
	}
	start_plain(&work);
	if (train_rounds(&work, TRIAL_ROUNDS) > error && has_components)
	{
		memcpy(work.rotation, work.kept_rotation, rotation_size);
		memcpy(work.codebook, work.kept_codebook, codebook_size);
	}
	(void) train_rounds(&work, ROUNDS);
	for (int i = 0; i < work.dim; i++)
		memcpy(rotation + (size_t) i * work.dim, work.rotation + (size_t) i * work.ld,
			   work.dim * sizeof(float));
}

/*
 * gv_opq_size
 *		Floats of a rotation ready for use.
 */
size_t
gv_opq_size(int dim)
{
	return (size_t) dim * round_dim(dim);
}

/*
 * gv_opq_prepare
 *		Make a rotation ready for use.
 *
 * panels: float[gv_opq_size(dim)], written
 * rotation: float[dim][dim]
 */
void
gv_opq_prepare(float *panels, const float *rotation, int dim)
{
	memset(panels, 0, gv_opq_size(dim) * sizeof(float));
	for (int i = 0; i < dim; i++)
		(void) gv_panels_put(panels, (uint32_t) i, rotation + (size_t) i * dim, dim);
}

/*
 * gv_opq_apply
 *		Rotate a row.
 *
 * x: float[dim]
 * y: float[dim rounded up to 16], written; what is beyond dim is zero
 */
void
gv_opq_apply(const float *panels, int dim, const float *x, float *y)
{
	gv_kernels->products_f32(&x, 1, panels, round_dim(dim) / GV_PRODUCTS_PANEL, dim, y);
}
