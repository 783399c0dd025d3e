/*-------------------------------------------------------------------------
 *
 * sparsevec_panel.c
 *		Inner products of sixteen sparsevecs with many others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "type/sparsevec_panel.h"

/* There is a bucket for each element, a power of two in all; and times that at most */
#define MIN_BITS 4
#define MAX_DOUBLINGS 2

/* Columns are cache lines */
#define COLUMN_ALIGN 64

/* Elements of another vector that are looked up together */
#define FOUND_AT_ONCE 64

/*
 * gv_sparse_panel_init
 *		Prepare a panel; its memory comes from a context.
 */
void
gv_sparse_panel_init(GvSparsePanel *panel, MemoryContext context)
{
	memset(panel, 0, sizeof(GvSparsePanel));
	panel->context = context;
}

static inline GvSparseColumns *
bucket_of(const GvSparsePanel *panel, uint32 index)
{
	return &panel->bucket[(index * 0x9E3779B1u) >> (32 - panel->bits)];
}

/* Lay out a table of so many bits and columns for so many elements */
static void
place_parts(GvSparsePanel *panel, int bits, int n_elements)
{
	Size		buckets = sizeof(GvSparseColumns) << bits;
	Size		size = COLUMN_ALIGN + buckets + sizeof(float) * GV_PANEL_ROWS * (n_elements + 1);

	if (size > panel->area_size)
	{
		if (panel->area)
			pfree(panel->area);
		panel->area = NULL;
		panel->area_size = 0;
		panel->area = MemoryContextAlloc(panel->context, size);
		panel->area_size = size;
	}
	panel->bits = bits;
	panel->bucket = (GvSparseColumns *) TYPEALIGN(COLUMN_ALIGN, panel->area);
	panel->columns = (float *) (panel->bucket + ((Size) 1 << bits));
	panel->n_columns = 0;
	memset(panel->bucket, 0, buckets);
}

/* The column of an index, made if there is none; NULL if its bucket is full */
static float *
find_or_make_column(GvSparsePanel *panel, uint32 index)
{
	GvSparseColumns *bucket = bucket_of(panel, index);
	float	   *column;

	for (int i = 0; i < GV_SPARSE_BUCKET; i++)
	{
		if (bucket->tag[i] == index + 1)
			return panel->columns + (Size) (bucket->column[i] - 1) * GV_PANEL_ROWS;
		if (bucket->tag[i] == 0)
		{
			column = panel->columns + (Size) panel->n_columns * GV_PANEL_ROWS;
			bucket->tag[i] = index + 1;
			bucket->column[i] = ++panel->n_columns;
			memset(column, 0, sizeof(float) * GV_PANEL_ROWS);
			return column;
		}
	}
	return NULL;
}

/* Enter the elements of n vectors; false if one finds its bucket full */
static bool
enter_vectors(GvSparsePanel *panel, const GvSparsevec *const *vectors, int n)
{
	for (int r = 0; r < n; r++)
	{
		const float *values = gv_sparsevec_const_values(vectors[r]);

		for (int i = 0; i < vectors[r]->nnz; i++)
		{
			float	   *column = find_or_make_column(panel, (uint32) vectors[r]->indices[i]);

			if (column == NULL)
				return false;
			column[r] = values[i];
		}
	}
	return true;
}

/*
 * gv_sparse_panel_fill
 *		Let the panel be that of n vectors, GV_PANEL_ROWS at most.
 *
 * Returns false if they have too many elements, or if too many of them have one
 * hash; then it can only be filled anew.
 */
bool
gv_sparse_panel_fill(GvSparsePanel *panel, const GvSparsevec *const *vectors, int n)
{
	int			n_elements = 0;
	int			bits = MIN_BITS;

	for (int r = 0; r < n; r++)
		n_elements += vectors[r]->nnz;
	if (n_elements > GV_SPARSE_PANEL_MAX_ELEMENTS)
		return false;
	while ((1 << bits) < n_elements)
		bits++;
	for (int i = 0; i <= MAX_DOUBLINGS; i++)
	{
		place_parts(panel, bits + i, n_elements);
		if (enter_vectors(panel, vectors, n))
			return true;
	}
	return false;
}

/*
 * gv_sparse_panel_products
 *		The inner products of another vector with those of the panel.
 *
 * products: double[GV_PANEL_ROWS], written; zero where there is no vector
 */
void
gv_sparse_panel_products(const GvSparsePanel *panel, const GvSparsevec *other, double *products)
{
	const float *values = gv_sparsevec_const_values(other);
	const float *columns[FOUND_AT_ONCE];
	float		weights[FOUND_AT_ONCE];

	memset(products, 0, sizeof(double) * GV_PANEL_ROWS);
	for (int done = 0; done < other->nnz; done += FOUND_AT_ONCE)
	{
		int			end = Min(done + FOUND_AT_ONCE, other->nnz);
		int			n_found = 0;

		for (int i = done; i < end; i++)
		{
			uint32		index = (uint32) other->indices[i];
			const GvSparseColumns *bucket = bucket_of(panel, index);
			GvSparseLanes found = (GvSparseLanes) (bucket->tag == index + 1) & bucket->column;
			uint32		column = (found[0] | found[1]) | (found[2] | found[3]);

			/* without a branch, which would often be mispredicted */
			columns[n_found] = panel->columns + ((Size) column - 1) * GV_PANEL_ROWS;
			weights[n_found] = values[i];
			n_found += column != 0;
		}
		gv_kernels->panel_sums_f32(columns, weights, n_found, products);
	}
}
