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

/* Everything in room the caller has given; ld is dim, rounded up to a panel */
typedef struct Work
{
	const GvPqShape *shape;
	const GvClusterRows *rows;
	int			dim;
	int			ld;
	uint32_t	n_rows;			/* of the sample that are looked at */
	float	   *rotation;		/* float[dim][ld] */
	float	   *panels;			/* float[ld / 16][dim][16] */
	float	   *m;				/* float[dim][ld] */
	float	   *gram;			/* float[dim][ld] */
	float	   *next;			/* float[dim][ld] */
	float	   *codebook;		/* as pq.h has it */
	float	   *sums;			/* the same */
	float	   *kept_rotation;	/* of the start that was tried first */
	float	   *kept_codebook;
	double	   *values;			/* double[4 * dim]: variances, and room to find them */
	double		error;			/* square error of the last round */
	uint32_t   *counts;			/* uint32[m][entries] */
	GvPq	   *pq;
	float	   *tile;			/* float[TILE_ROWS][dim]: rows */
	float	   *rotated;		/* float[TILE_ROWS][ld] */
	float	   *columns;		/* float[dim][TILE_ROWS]: decoded, turned */
	float	   *tile_panels;	/* float[ld / 16][TILE_ROWS][16]: rows */
	float	   *decoded;		/* float[dim] */
	uint8_t    *numbers;		/* uint8[m] */
	const float **pointers;		/* [max(dim, TILE_ROWS)] */
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

static size_t
lay_out(Work *work, const GvPqShape *shape, void *scratch)
{
	size_t		dim = (size_t) shape->dim;
	size_t		ld = (size_t) round_dim(shape->dim);
	size_t		at = 0;

#define TAKE(field, size) \
	do { \
		work->field = (void *) ((uintptr_t) scratch + at); \
		at += gv_panels_round_up(size); \
	} while (0)

	TAKE(rotation, dim * ld * sizeof(float));
	TAKE(panels, dim * ld * sizeof(float));
	TAKE(m, dim * ld * sizeof(float));
	TAKE(gram, dim * ld * sizeof(float));
	TAKE(next, dim * ld * sizeof(float));
	TAKE(codebook, gv_pq_codebook_size(shape) * sizeof(float));
	TAKE(sums, gv_pq_codebook_size(shape) * sizeof(float));
	TAKE(kept_rotation, dim * ld * sizeof(float));
	TAKE(kept_codebook, gv_pq_codebook_size(shape) * sizeof(float));
	TAKE(values, 4 * dim * sizeof(double));
	TAKE(counts, ((size_t) shape->m << shape->bits) * sizeof(uint32_t));
	TAKE(pq, gv_pq_size(shape));
	TAKE(tile, TILE_ROWS * dim * sizeof(float));
	TAKE(rotated, TILE_ROWS * ld * sizeof(float));
	TAKE(columns, TILE_ROWS * dim * sizeof(float));
	TAKE(tile_panels, TILE_ROWS * ld * sizeof(float));
	TAKE(decoded, dim * sizeof(float));
	TAKE(numbers, (size_t) shape->m);
	TAKE(pointers, (dim > TILE_ROWS ? dim : TILE_ROWS) * sizeof(float *));
	TAKE(pq_scratch, gv_pq_train_scratch_size(shape, UINT32_MAX));
#undef TAKE
	return at;
}

/*
 * gv_opq_train_scratch_size
 *		Bytes of memory for gv_opq_train, aligned to 64 bytes.
 *
 * About six square matrices, four codebooks, and some rows.
 */
size_t
gv_opq_train_scratch_size(const GvPqShape *shape)
{
	Work		work;

	return lay_out(&work, shape, NULL);
}

static void
check(const Work *work)
{
	if (work->rows->check)
		work->rows->check(work->rows->check_arg);
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

/* out = a * what the panels hold, all float[dim][ld] */
static void
multiply(Work *work, const float *a, float *out)
{
	for (int i = 0; i < work->dim; i++)
		work->pointers[i] = a + (size_t) i * work->ld;
	for (int i = 0; i < work->dim; i += ROWS_AT_ONCE)
	{
		int			n = work->dim - i < ROWS_AT_ONCE ? work->dim - i : ROWS_AT_ONCE;

		check(work);
		gv_kernels->products_f32(work->pointers + i, n, work->panels,
								 work->ld / GV_PRODUCTS_PANEL, work->dim,
								 out + (size_t) i * work->ld);
	}
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

/* Fetch a tile of the sample; the number of its rows */
static int
fetch_tile(Work *work, uint32_t first)
{
	int			n = work->n_rows - first < TILE_ROWS ? (int) (work->n_rows - first) : TILE_ROWS;

	check(work);
	for (int i = 0; i < n; i++)
	{
		float	   *x = work->tile + (size_t) i * work->dim;

		work->rows->fetch(work->rows->arg,
						  (uint32_t) ((uint64_t) (first + i) * work->rows->n / work->n_rows), x);
		work->pointers[i] = x;
	}
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
	check(work);
	memset(work->tile_panels, 0, (size_t) n * work->ld * sizeof(float));
	for (int i = 0; i < n; i++)
	{
		for (int d = 0; d < work->dim; d++)
			work->tile_panels[((size_t) (d / GV_PRODUCTS_PANEL) * n + i) * GV_PRODUCTS_PANEL +
							  d % GV_PRODUCTS_PANEL] = work->tile[(size_t) i * work->dim + d];
	}
	for (int d = 0; d < work->dim; d++)
		work->pointers[d] = work->columns + (size_t) d * TILE_ROWS;
	gv_kernels->products_f32(work->pointers, work->dim, work->tile_panels,
							 work->ld / GV_PRODUCTS_PANEL, n, work->next);
	for (size_t i = 0; i < (size_t) work->dim * work->ld; i++)
		m[i] += work->next[i];
}

/* Encode and decode a tile; add up the entries' rows, and m */
static void
add_tile(Work *work, int n)
{
	const GvPqShape *shape = work->shape;
	uint8_t    *numbers = work->numbers;
	size_t		entries = (size_t) 1 << shape->bits;

	for (int i = 0; i < n; i++)
	{
		const float *y = work->rotated + (size_t) i * work->ld;

		gv_pq_encode(work->pq, y, numbers);
		gv_pq_decode(work->pq, numbers, work->decoded);
		for (int d = 0; d < work->dim; d++)
		{
			float		lost = y[d] - work->decoded[d];

			work->columns[(size_t) d * TILE_ROWS + i] = work->decoded[d];
			work->error += (double) lost * lost;
		}
		for (int j = 0; j < shape->m; j++)
		{
			int			start = gv_pq_part_start(shape, j);
			int			size = gv_pq_part_start(shape, j + 1) - start;
			float	   *sum = work->sums + start * entries + (size_t) numbers[j] * size;

			work->counts[j * entries + numbers[j]]++;
			for (int d = 0; d < size; d++)
				sum[d] += y[start + d];
		}
	}
	add_products(work, n, work->m);
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
	size_t		n = (size_t) work->dim * work->ld;
	double		m2 = 0;
	float		keep;

	gv_pq_prepare(work->pq, work->shape, work->codebook);
	memset(work->m, 0, n * sizeof(float));
	memset(work->sums, 0, gv_pq_codebook_size(work->shape) * sizeof(float));
	memset(work->counts, 0, ((size_t) work->shape->m << work->shape->bits) * sizeof(uint32_t));
	fill_transposed(work->panels, work->rotation, work->dim, work->ld);
	work->error = 0;
	for (uint32_t i = 0; i < work->n_rows; i += TILE_ROWS)
	{
		int			n_tile = fetch_tile(work, i);

		rotate_tile(work, n_tile);
		add_tile(work, n_tile);
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
	return work->error;
}

/* Begin without a rotation */
static void
start_plain(Work *work, uint64_t seed)
{
	memset(work->rotation, 0, (size_t) work->dim * work->ld * sizeof(float));
	for (int i = 0; i < work->dim; i++)
		work->rotation[(size_t) i * work->ld + i] = 1;
	for (int j = 0; j < work->shape->m; j++)
		gv_pq_train_part(work->shape, work->rows, j, seed, work->codebook, work->pq_scratch);
}

/*
 * Find the principal components of the sample, in the place of gram and next,
 * which lie side by side.  Works in the place of panels and m, which do so, too.
 */
static bool
find_components(Work *work)
{
	int			dim = work->dim;
	float	   *products = work->kept_rotation;
	double	   *a = (double *) work->panels;
	double	   *mean = work->values;

	memset(products, 0, (size_t) dim * work->ld * sizeof(float));
	memset(mean, 0, dim * sizeof(double));
	for (uint32_t i = 0; i < work->n_rows; i += TILE_ROWS)
	{
		int			n = fetch_tile(work, i);

		for (int r = 0; r < n; r++)
		{
			for (int d = 0; d < dim; d++)
			{
				float		element = work->tile[(size_t) r * dim + d];

				work->columns[(size_t) d * TILE_ROWS + r] = element;
				mean[d] += element / (double) work->n_rows;
			}
		}
		add_products(work, n, products);
	}
	for (int i = 0; i < dim; i++)
	{
		for (int j = 0; j < dim; j++)
		{
			double		moment = ((double) products[(size_t) i * work->ld + j] +
								  (double) products[(size_t) j * work->ld + i]) / 2;

			a[(size_t) i * dim + j] = moment / work->n_rows - mean[i] * mean[j];
			if (!(fabs(a[(size_t) i * dim + j]) <= 1e300))
				return false;
		}
	}
	return gv_eigen_symmetric(a, dim, work->values, (double *) work->gram, work->values + dim,
							  work->rows->check, work->rows->check_arg);
}

/* Begin with the principal components; false if there are none */
static bool
start_components(Work *work)
{
	const GvPqShape *shape = work->shape;
	size_t		entries = (size_t) 1 << shape->bits;
	const double *components = (const double *) work->gram;
	double	   *values = work->values;
	double	   *filled = work->values + work->dim;	/* logarithm of each part's product */
	int		   *n_in = (int *) (work->values + 2 * work->dim);
	double		largest = 0;

	if (work->n_rows < entries || !find_components(work))
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
		work->rows->fetch(work->rows->arg, (uint32_t) (k * work->rows->n / entries), work->tile);
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
 *		Find a rotation.
 *
 * rows: residuals, in random order, finite; more than MIN_ROWS, ROWS_PER_DIM a
 *		dimension and ROWS_PER_ENTRY an entry are not looked at
 * rotation: float[dim][dim], written: row i makes element i of a rotated row
 * scratch: gv_opq_train_scratch_size(shape) bytes, aligned to 64 bytes
 *
 * The codebook is to be trained afterwards, of rotated rows.  Rows from which
 * no rotation can be found, as when all are zero, give that of no rotation.
 */
void
gv_opq_train(const GvPqShape *shape, const GvClusterRows *rows, uint64_t seed,
			 float *rotation, void *scratch)
{
	Work		work;
	size_t		rotation_size = (size_t) shape->dim * round_dim(shape->dim) * sizeof(float);
	size_t		codebook_size = gv_pq_codebook_size(shape) * sizeof(float);
	double		error = 0;
	bool		has_components;

	work.shape = shape;
	work.rows = rows;
	work.dim = shape->dim;
	work.ld = round_dim(shape->dim);
	lay_out(&work, shape, scratch);
	work.n_rows = rows->n < max_rows(shape) ? rows->n : max_rows(shape);
	has_components = start_components(&work);
	if (has_components)
	{
		error = train_rounds(&work, TRIAL_ROUNDS);
		memcpy(work.kept_rotation, work.rotation, rotation_size);
		memcpy(work.kept_codebook, work.codebook, codebook_size);
	}
	start_plain(&work, seed);
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
