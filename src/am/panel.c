/*-------------------------------------------------------------------------
 *
 * panel.c
 *		Keys of sixteen values and many others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/varbit.h"

#include "am/panel.h"

/*
 * gv_am_panel_pays
 *		Is there a panel for an operator class that is faster than a probe of each?
 */
bool
gv_am_panel_pays(const GvAmOpclass *opclass)
{
	switch (opclass->element)
	{
		case GV_AM_ELEMENT_BIT:
			return opclass->metric == GV_AM_METRIC_HAMMING &&
				gv_kernels->level == GV_SIMD_AVX512;
		case GV_AM_ELEMENT_SPARSE:
			return opclass->metric != GV_AM_METRIC_L1;
		default:
			return false;
	}
}

/*
 * gv_am_panel_init
 *		Prepare a panel for an operator class for which it pays.
 *
 * context: of the memory that it needs
 */
void
gv_am_panel_init(GvAmPanel *panel, const GvAmOpclass *opclass, MemoryContext context)
{
	memset(panel, 0, sizeof(GvAmPanel));
	panel->opclass = opclass;
	panel->context = context;
	gv_sparse_panel_init(&panel->sparse, context);
}

static double
square_norm(const GvSparsevec *vector)
{
	const float *values = gv_sparsevec_const_values(vector);
	double		sum = 0;

	for (int i = 0; i < vector->nnz; i++)
		sum += (double) values[i] * values[i];
	return sum;
}

static void
fill_bits(GvAmPanel *panel, const Datum *values, int n)
{
	int			n_bytes = VARBITBYTES((VarBit *) DatumGetPointer(values[0]));
	Size		size = TYPEALIGN(4, n_bytes) * GV_PANEL_ROWS;

	if (n_bytes != panel->n_bytes)
	{
		if (panel->bits)
			pfree(panel->bits);
		panel->bits = NULL;
		panel->bits = MemoryContextAlloc(panel->context, size);
		panel->n_bytes = n_bytes;
	}
	memset(panel->bits, 0, size);
	for (int r = 0; r < n; r++)
	{
		const bits8 *bytes = VARBITS((VarBit *) DatumGetPointer(values[r]));

		for (int i = 0; i < n_bytes; i++)
			panel->bits[(i / 4 * GV_PANEL_ROWS + r) * 4 + i % 4] = bytes[i];
	}
}

/*
 * gv_am_panel_fill
 *		Let a panel be that of n values, GV_PANEL_ROWS at most.
 *
 * values: detoasted, of the same dimensions
 *
 * Returns false if they are too large for that.
 */
bool
gv_am_panel_fill(GvAmPanel *panel, const Datum *values, int n)
{
	const GvSparsevec *vectors[GV_PANEL_ROWS];

	Assert(n > 0 && n <= GV_PANEL_ROWS);
	memset(panel->norm2, 0, sizeof(panel->norm2));
	if (panel->opclass->element == GV_AM_ELEMENT_BIT)
	{
		fill_bits(panel, values, n);
		return true;
	}
	for (int r = 0; r < n; r++)
	{
		vectors[r] = (const GvSparsevec *) DatumGetPointer(values[r]);
		panel->norm2[r] = square_norm(vectors[r]);
	}
	return gv_sparse_panel_fill(&panel->sparse, vectors, n);
}

static void
find_bit_keys(const GvAmPanel *panel, const Datum *others, int n, float *keys)
{
	const uint8_t *bytes[GV_AM_PANEL_OTHERS] = {NULL};

	for (int j = 0; j < n; j++)
		bytes[j] = VARBITS((VarBit *) DatumGetPointer(others[j]));
	gv_kernels->panel_hamming(panel->bits, bytes, n, panel->n_bytes, keys);
}

static void
find_sparse_keys(const GvAmPanel *panel, const GvSparsevec *other, float *keys)
{
	double		products[GV_PANEL_ROWS];
	double		norm2;

	gv_sparse_panel_products(&panel->sparse, other, products);
	if (panel->opclass->metric == GV_AM_METRIC_INNER_PRODUCT)
	{
		for (int r = 0; r < GV_PANEL_ROWS; r++)
			keys[r] = (float) -products[r];
		return;
	}
	norm2 = square_norm(other);
	for (int r = 0; r < GV_PANEL_ROWS; r++)
	{
		if (panel->opclass->metric == GV_AM_METRIC_L2)
			keys[r] = (float) Max(panel->norm2[r] + norm2 - 2 * products[r], 0);
		else
			keys[r] = gv_am_cosine_key(products[r] / sqrt(panel->norm2[r] * norm2));
	}
}

/*
 * gv_am_panel_keys
 *		The sort keys of n values and each of the panel, as gv_am_exact_key.
 *
 * n: GV_AM_PANEL_OTHERS at most
 * keys: float[n][GV_PANEL_ROWS], written
 *
 * Rounding may differ from that.
 */
void
gv_am_panel_keys(const GvAmPanel *panel, const Datum *others, int n, float *keys)
{
	if (panel->opclass->element == GV_AM_ELEMENT_BIT)
	{
		find_bit_keys(panel, others, n, keys);
		return;
	}
	for (int j = 0; j < n; j++)
		find_sparse_keys(panel, (const GvSparsevec *) DatumGetPointer(others[j]),
						 keys + j * GV_PANEL_ROWS);
}
