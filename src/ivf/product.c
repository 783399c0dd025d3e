/*-------------------------------------------------------------------------
 *
 * product.c
 *		Codes of a product quantizer, and bounds by them.
 *
 * The quantizer sees residuals with the rotation of points undone, so that the
 * dimensions of a part are those of the column, or with a rotation that it has
 * learned.  Estimates are those of quant/pq.h.  How far below them bounds lie is
 * measured by training, see codebook.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "ivf/product.h"
#include "quant/opq.h"
#include "quant/rotation.h"

/* Factors are rounded to float16: a relative error of 2^-11, here of a sum of two */
#define FACTOR_ROUNDING 1e-3f

/* The same, of the factor that multiplies: half of float16's last digit */
#define RESCALE_ROUNDING 5e-4f

/* Room is aligned by whoever uses it */
#define ALIGNMENT 64

/* A code may be farther off than the best by so much, for rounding, where another CPU made it */
#define CODE_TOLERANCE 1e-4f

static inline Size
codebook_floats(const GvIvfLayout *layout)
{
	return gv_pq_codebook_size(&layout->pq);
}

/*
 * gv_ivf_codebook_bytes
 *		Size of a codebook on its pages; 0 if codes need none.
 */
Size
gv_ivf_codebook_bytes(const GvIvfLayout *layout)
{
	Size		dim = layout->pq.dim;

	if (!gv_ivf_has_product(layout))
		return 0;
	return sizeof(GvIvfCodebookHeadData) + sizeof(float) *
		(codebook_floats(layout) + (layout->has_opq ? dim * dim : 0));
}

/*
 * gv_ivf_codebook_room
 *		Size of a codebook that is ready for use; 0 if codes need none.
 */
Size
gv_ivf_codebook_room(const GvIvfLayout *layout)
{
	if (!gv_ivf_has_product(layout))
		return 0;
	return ALIGNMENT + TYPEALIGN(ALIGNMENT, gv_pq_size(&layout->pq)) +
		(layout->has_opq ? gv_opq_size(layout->pq.dim) * sizeof(float) : 0);
}

/*
 * gv_ivf_codebook_prepare
 *		Make a codebook ready for use.
 *
 * bytes: as pages have it, aligned
 * room: gv_ivf_codebook_room(layout) bytes, written
 *
 * Returns false if it is not of numbers.
 */
bool
gv_ivf_codebook_prepare(GvIvfCodebook *codebook, const GvIvfLayout *layout, const char *bytes,
						char *room)
{
	const GvIvfCodebookHeadData *head = (const GvIvfCodebookHeadData *) bytes;
	const float *entries = (const float *) (head + 1);
	Size		n = (gv_ivf_codebook_bytes(layout) - sizeof(*head)) / sizeof(float);
	GvPq	   *pq = (GvPq *) TYPEALIGN(ALIGNMENT, room);

	if (!isfinite(head->deviations) || head->deviations < 0)
		return false;
	for (Size i = 0; i < n; i++)
	{
		if (!isfinite(entries[i]))
			return false;
	}
	gv_pq_prepare(pq, &layout->pq, entries);
	codebook->pq = pq;
	codebook->opq = NULL;
	codebook->deviations = head->deviations;
	if (layout->has_opq)
	{
		float	   *panels = (float *)
			((char *) pq + TYPEALIGN(ALIGNMENT, gv_pq_size(&layout->pq)));

		gv_opq_prepare(panels, entries + codebook_floats(layout), layout->pq.dim);
		codebook->opq = panels;
	}
	return true;
}

/*
 * gv_ivf_codebook_copy
 *		Read the codebook of an index as its pages have it; NULL: there is none.
 */
char *
gv_ivf_codebook_copy(GvIvfIndex *index)
{
	Size		n_bytes = gv_ivf_codebook_bytes(&index->layout);
	BlockNumber blkno = index->meta.codebook_blkno;
	char	   *bytes;

	if (n_bytes == 0 || blkno == InvalidBlockNumber)
		return NULL;
	bytes = MemoryContextAllocHuge(CurrentMemoryContext, n_bytes);
	if (gv_ivf_read_chain(index, blkno, GV_IVF_PAGE_CODEBOOK, bytes, n_bytes) != n_bytes)
		gv_ivf_report_lost(index, blkno, "The codebook is not as long as it must be.");
	return bytes;
}

/*
 * gv_ivf_codebook_read
 *		Read the codebook of an index and make it ready for use.
 *
 * room: gv_ivf_codebook_room(layout) bytes, written
 */
void
gv_ivf_codebook_read(GvIvfIndex *index, GvIvfCodebook *codebook, char *room)
{
	char	   *bytes = gv_ivf_codebook_copy(index);

	memset(codebook, 0, sizeof(*codebook));
	if (bytes == NULL)
		return;
	if (!gv_ivf_codebook_prepare(codebook, &index->layout, bytes, room))
		gv_ivf_report_corruption(index->rel, index->meta.codebook_blkno,
								 "The codebook is not of numbers.");
	pfree(bytes);
}

/*
 * gv_ivf_product_scratch_init
 *		Make room for encoding, in the current memory context.
 */
void
gv_ivf_product_scratch_init(GvIvfProductScratch *scratch, const GvIvfLayout *layout)
{
	scratch->z = palloc(sizeof(float) * layout->padded_dim);
	scratch->p = palloc(sizeof(float) * layout->padded_dim);
	scratch->turned = layout->has_opq ?
		palloc(sizeof(float) * 2 * gv_ivf_turned_dim(layout)) : NULL;
	scratch->y = palloc(sizeof(float) * layout->pq.dim);
	scratch->numbers = palloc(layout->pq.m);
}

/*
 * Bring a residual, x - p, and p to where the quantizer sees them: *e, *c, of
 * pq.dim elements each.
 */
static void
turn(const GvIvfCodebook *codebook, const GvIvfLayout *layout, const float *rotation,
	 const float *z, const float *p, GvIvfProductScratch *scratch, const float **e,
	 const float **c)
{
	int			dims = layout->padded_dim;

	for (int i = 0; i < dims; i++)
		scratch->z[i] = z[i] - p[i];
	memcpy(scratch->p, p, sizeof(float) * dims);
	gv_rotation_undo(rotation, dims, scratch->z);
	gv_rotation_undo(rotation, dims, scratch->p);
	*e = scratch->z;
	*c = scratch->p;
	if (codebook->opq)
	{
		const float *rows[2] = {scratch->z, scratch->p};
		int			n = gv_ivf_turned_dim(layout);

		gv_kernels->products_f32(rows, 2, codebook->opq, n / GV_PRODUCTS_PANEL,
								 layout->pq.dim, scratch->turned);
		*e = scratch->turned;
		*c = scratch->turned + n;
	}
}

/* The factors of a row; n2: |x - p|^2, e and c as turn tells, y: what the code has of e */
static void
find_factors(const GvIvfCodebook *codebook, const GvIvfLayout *layout, float n2, const float *e,
			 const float *c, const float *y, float key_bias, GvIvfFactors *factors)
{
	GvPqFactors found = gv_pq_find_factors(n2, e, c, y, layout->pq.dim, codebook->deviations);
	float		f[3] = {found.add + key_bias, found.rescale, found.error * (1 + FACTOR_ROUNDING)};

	gv_ivf_set_factors(factors, f);
}

/*
 * gv_ivf_product_encode
 *		Compute the code and factors of point z beside centroid p.
 *
 * key_bias: added to all squared distances of the row
 * code: uint8[row_code_bytes], written
 */
void
gv_ivf_product_encode(const GvIvfCodebook *codebook, const GvIvfLayout *layout,
					  const float *rotation, const float *z, const float *p, float key_bias,
					  GvIvfProductScratch *scratch, uint8 *code, GvIvfFactors *factors)
{
	float		n2 = gv_kernels->l2_squared_f32(z, p, layout->padded_dim);
	const float *e;
	const float *c;

	memset(code, 0, layout->row_code_bytes);
	memset(scratch->y, 0, sizeof(float) * layout->pq.dim);
	e = c = scratch->y;
	if (codebook->pq != NULL)
	{
		turn(codebook, layout, rotation, z, p, scratch, &e, &c);
		gv_pq_encode(codebook->pq, e, scratch->numbers);
		gv_pq_decode(codebook->pq, scratch->numbers, scratch->y);
		gv_pq_pack(&layout->pq, scratch->numbers, code);
	}
	find_factors(codebook, layout, n2, e, c, scratch->y, key_bias, factors);
}

/*
 * gv_ivf_product_is_right
 *		Is a code one of point z beside centroid p, as good as can be?
 *
 * factors: written; of that code
 */
bool
gv_ivf_product_is_right(const GvIvfCodebook *codebook, const GvIvfLayout *layout,
						const float *rotation, const float *z, const float *p, float key_bias,
						const uint8 *code, GvIvfFactors *factors)
{
	GvIvfProductScratch scratch;
	float		n2 = gv_kernels->l2_squared_f32(z, p, layout->padded_dim);
	const float *e;
	const float *c;
	float		best;
	float		found;

	gv_ivf_product_scratch_init(&scratch, layout);
	memset(scratch.y, 0, sizeof(float) * layout->pq.dim);
	if (codebook->pq == NULL)
	{
		find_factors(codebook, layout, n2, scratch.y, scratch.y, scratch.y, key_bias, factors);
		for (int i = 0; i < layout->row_code_bytes; i++)
		{
			if (code[i] != 0)
				return false;
		}
		return true;
	}
	turn(codebook, layout, rotation, z, p, &scratch, &e, &c);
	gv_pq_encode(codebook->pq, e, scratch.numbers);
	gv_pq_decode(codebook->pq, scratch.numbers, scratch.y);
	best = gv_kernels->l2_squared_f32(e, scratch.y, layout->pq.dim);
	gv_pq_unpack(&layout->pq, code, scratch.numbers);
	gv_pq_decode(codebook->pq, scratch.numbers, scratch.y);
	found = gv_kernels->l2_squared_f32(e, scratch.y, layout->pq.dim);
	find_factors(codebook, layout, n2, e, c, scratch.y, key_bias, factors);
	return found - best <= CODE_TOLERANCE * (n2 + best);
}

/*
 * gv_ivf_product_prepare
 *		Prepare for estimates, in the current memory context.
 *
 * query: its table is made, if codes lie in FastScan blocks
 * z: float[padded_dim]
 */
void
gv_ivf_product_prepare(GvIvfProductQuery *product, GvRabitqQuery *query,
					   const GvIvfCodebook *codebook, const GvIvfLayout *layout,
					   const float *rotation, const float *z)
{
	float	   *turned;

	product->table = NULL;
	product->table_error = 0;
	query->n_groups = layout->code_dims / GV_RABITQ_GROUP_DIMS;
	query->table = palloc0(query->n_groups * GV_FASTSCAN_GROUP_BYTES + 1);
	query->mul = query->bias = 0;
	if (codebook->pq == NULL)
		return;

	turned = palloc(sizeof(float) * Max(layout->padded_dim, gv_ivf_turned_dim(layout)));
	memcpy(turned, z, sizeof(float) * layout->padded_dim);
	gv_rotation_undo(rotation, layout->padded_dim, turned);
	if (codebook->opq)
	{
		float	   *undone = turned;

		turned = palloc(sizeof(float) * gv_ivf_turned_dim(layout));
		gv_opq_apply(codebook->opq, layout->pq.dim, undone, turned);
		pfree(undone);
	}
	product->table = palloc(sizeof(float) * layout->pq.m << layout->pq.bits);
	gv_pq_make_table(codebook->pq, turned, product->table);
	pfree(turned);
	if (layout->code_dims > 0)
	{
		gv_pq_prepare_query(query, &layout->pq, product->table);
		/* an entry of the table is rounded to a whole number of mul */
		product->table_error = GV_IVF_ERROR_DEVIATIONS * query->mul * sqrtf(layout->pq.m / 12.0f);
	}
}

/*
 * gv_ivf_product_estimate
 *		Estimate the squared distances of a block, and bounds below them.
 *
 * codes: a FastScan block of numbers of 4 bits, else n codes row by row
 * base: squared distance of query and centroid
 */
void
gv_ivf_product_estimate(const GvIvfLayout *layout, const GvIvfProductQuery *product,
						const GvRabitqQuery *query, const uint8 *codes, int n,
						const GvHalf *add, const GvHalf *rescale, const GvHalf *error,
						float base, GvIvfEstimates *out)
{
	float		rescales[GV_FASTSCAN_LANES];
	float		adds[GV_FASTSCAN_LANES];
	float		slack = sqrtf(base) + 1e-20f;

	gv_kernels->f16_to_f32(rescale, rescales, n);
	gv_kernels->f16_to_f32(add, adds, n);
	if (layout->code_dims > 0)
		gv_ivf_estimate(query, codes, add, rescale, error, base, slack, out);
	else
	{
		float		sums[GV_FASTSCAN_LANES] = {0};
		float		errors[GV_FASTSCAN_LANES];

		if (product->table != NULL)
			gv_pq_sum_tables(&layout->pq, product->table, codes, n, sums);
		gv_kernels->f16_to_f32(error, errors, n);
		for (int i = 0; i < n; i++)
		{
			out->estimate[i] = base + adds[i] + rescales[i] * sums[i];
			out->lower[i] = out->estimate[i] - errors[i] * slack -
				FACTOR_ROUNDING * (base + fabsf(adds[i])) - GV_IVF_LEAST_ROUNDING;
		}
	}
	for (int i = 0; i < n; i++)
		out->lower[i] -= product->table_error * fabsf(rescales[i]) +
			RESCALE_ROUNDING * fabsf(out->estimate[i] - base - adds[i]);
}
