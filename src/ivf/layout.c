/*-------------------------------------------------------------------------
 *
 * layout.c
 *		Where things are in a block of rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "ivf/fine.h"
#include "quant/rabitq.h"
#include "quant/rotation.h"

/* Most parts of a product quantizer; and bits a dimension if they are not told */
#define GV_IVF_MAX_PARTS 4096
#define GV_IVF_DEFAULT_BITS 0.5

/*
 * gv_ivf_padded_dim
 *		Return the dimensions of the points of values.
 */
int
gv_ivf_padded_dim(const GvAmOpclass *opclass, int dim)
{
	/* the inner product takes an element more, see am/point.c */
	return gv_rotation_padded_dim(opclass->metric == GV_AM_METRIC_INNER_PRODUCT ? dim + 1 : dim);
}

/* The bytes of a value without its length word */
static int
value_bytes(const GvIvfMetaPageData *meta)
{
	switch (meta->element)
	{
		case GV_AM_ELEMENT_FLOAT:
			return meta->dim * sizeof(float);
		case GV_AM_ELEMENT_HALF:
			return meta->dim * sizeof(GvHalf);
		case GV_AM_ELEMENT_BIT:
			return (meta->dim + 7) / 8;
		default:
			return 0;
	}
}

/* Place what a block holds; returns its size */
static int
place_block(GvIvfLayout *layout)
{
	int			lanes = layout->lanes;
	int			next = MAXALIGN(lanes * sizeof(ItemPointerData));

	if (gv_ivf_has_codes(layout))
	{
		layout->add_offset = next;
		layout->rescale_offset = next += lanes * sizeof(GvHalf);
		layout->error_offset = next += lanes * sizeof(GvHalf);
		next = MAXALIGN(next + lanes * sizeof(GvHalf));
	}
	if (gv_ivf_keeps_values(layout))
	{
		layout->place_offset = next;
		layout->slot_offset = next += lanes * sizeof(uint32);
		next = MAXALIGN(next + lanes);
	}
	for (int i = 0; i < layout->n_filters; i++)
	{
		layout->null_offset[i] = next;
		layout->word_offset[i] = next += sizeof(uint64);
		next = MAXALIGN(next + lanes * layout->filter_width[i]);
	}
	layout->code_offset = next;
	return MAXALIGN(next + lanes * layout->row_code_bytes);
}

/* Codes of a product quantizer: numbers of 4 bits in FastScan blocks, bytes row by row */
static void
set_product(GvIvfLayout *layout, const GvIvfMetaPageData *meta)
{
	layout->pq.dim = meta->dim + (meta->metric == GV_AM_METRIC_INNER_PRODUCT ? 1 : 0);
	layout->pq.m = meta->pq_parts;
	layout->pq.bits = meta->pq_bits;
	layout->has_opq = meta->has_opq != 0;
	if (meta->pq_bits == 4)
		layout->code_dims = gv_pq_groups(&layout->pq) * GV_RABITQ_GROUP_DIMS;
	layout->row_code_bytes = meta->pq_bits == 4 ? layout->code_dims / 8 : meta->pq_parts;
}

/*
 * gv_ivf_layout_set
 *		Fill in the layout that a metapage says.
 *
 * Returns false if it cannot be: the metapage is damaged.
 */
bool
gv_ivf_layout_set(GvIvfLayout *layout, const GvIvfMetaPageData *meta)
{
	memset(layout, 0, sizeof(*layout));
	layout->row_kind = (GvIvfRowKind) meta->row_kind;
	layout->padded_dim = meta->padded_dim;
	layout->code_dims = meta->code_dims;
	layout->extra_bits = meta->extra_bits;
	for (int i = 0; i < INDEX_MAX_KEYS - 1 && meta->filter_kind[i] != GV_AM_FILTER_NONE; i++)
		layout->filter_width[layout->n_filters++] =
			gv_am_filter_width((GvAmFilterKind) meta->filter_kind[i]);

	if (gv_ivf_has_product(layout))
		set_product(layout, meta);
	else
		layout->row_code_bytes = gv_ivf_has_codes(layout) ? layout->code_dims / 8 :
			value_bytes(meta);
	layout->lanes = GV_FASTSCAN_LANES;
	layout->block_size = place_block(layout);
	while (layout->code_dims == 0 && layout->lanes > 1 &&
		   layout->block_size > GV_IVF_ROWS_ROOM)
	{
		layout->lanes--;
		layout->block_size = place_block(layout);
	}
	if (layout->block_size > GV_IVF_ROWS_ROOM)
		return false;
	layout->blocks_per_page = GV_IVF_ROWS_ROOM / layout->block_size;
	layout->rows_per_page = layout->blocks_per_page * layout->lanes;

	if (gv_ivf_keeps_values(layout))
	{
		layout->value_bytes = gv_ivf_has_fine_codes(layout) ? gv_ivf_fine_bytes(layout) :
			value_bytes(meta);
		layout->values_per_page = Min(GV_IVF_ROWS_ROOM / MAXALIGN(layout->value_bytes),
									  PG_UINT8_MAX);
	}
	layout->centroids_per_page = GV_AM_PAGE_ROOM / gv_ivf_centroid_bytes(layout);
	return true;
}

/*
 * gv_ivf_pages_of
 *		Estimate the pages that rows take in so many lists; exact for one list.
 */
double
gv_ivf_pages_of(const GvIvfLayout *layout, double n_rows, double n_lists)
{
	/* the last page of a list is half empty on average */
	double		spare = (n_lists - 1) / 2;
	double		n_pages = Max(ceil(n_rows / layout->rows_per_page + spare), n_lists);

	if (!gv_ivf_keeps_values(layout))
		return n_pages;
	if (layout->values_per_page == 0)
		return n_pages + n_rows * ceil((double) layout->value_bytes / GV_IVF_ROWS_ROOM);
	return n_pages + ceil(n_rows / layout->values_per_page + Min(spare, n_rows));
}

/*
 * Choose the parts of a product quantizer, if they are not given: half a bit a
 * dimension; or see that they fit.
 */
static void
choose_parts(GvIvfMetaPageData *meta)
{
	GvIvfLayout layout;
	int			most;
	int			wanted = meta->pq_parts;

	meta->pq_parts = 1;
	(void) gv_ivf_layout_set(&layout, meta);
	most = Min(layout.pq.dim, GV_IVF_MAX_PARTS);
	meta->pq_parts = most;
	while (!gv_ivf_layout_set(&layout, meta) && most > 1)
		meta->pq_parts = --most;
	if (!gv_ivf_layout_set(&layout, meta))
		return;					/* the caller says what is wrong */
	if (wanted > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("storage parameter \"m\" cannot be more than %d for this index", most),
				 most == layout.pq.dim ?
				 errdetail("A part has one dimension at least.") :
				 errdetail("The codes of 32 rows must fit a page.")));
	if (wanted == 0)
		wanted = TYPEALIGN(4, Max(layout.pq.dim * GV_IVF_DEFAULT_BITS / meta->pq_bits, 1));
	meta->pq_parts = Min(wanted, most);
}

/*
 * gv_ivf_layout_choose
 *		Choose a new index's layout, as far as the metapage tells it.
 *
 * meta: element, metric, dim, filter columns and the product quantizer's options are set
 * extra_bits: of fine codes in planes
 *
 * A code has all dimensions, or as many as let a block fit a page.
 */
void
gv_ivf_layout_choose(GvIvfMetaPageData *meta, GvIvfRowKind row_kind, int extra_bits)
{
	GvAmOpclass opclass = {(GvAmElement) meta->element, (GvAmMetric) meta->metric};
	GvIvfLayout layout;

	meta->row_kind = row_kind;
	meta->extra_bits = extra_bits;
	meta->padded_dim = gv_ivf_padded_dim(&opclass, meta->dim);
	meta->code_dims = row_kind == GV_IVF_ROWS_BITS || row_kind == GV_IVF_ROWS_PRODUCT ? 0 :
		meta->padded_dim;
	if (row_kind == GV_IVF_ROWS_PRODUCT)
		choose_parts(meta);
	while (!gv_ivf_layout_set(&layout, meta) && meta->code_dims > GV_RABITQ_ALIGN)
		meta->code_dims -= GV_RABITQ_ALIGN;
	if (!gv_ivf_layout_set(&layout, meta))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("filter columns do not fit beside the codes of an index"),
				 errdetail("The words of 32 rows must fit a page."),
				 errhint("Create the index with fewer filter columns.")));
}
