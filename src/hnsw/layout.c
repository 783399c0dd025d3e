/*-------------------------------------------------------------------------
 *
 * layout.c
 *		Where things lie in a node, and the choice of code sizes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "hnsw/layout.h"
#include "quant/rabitq.h"
#include "quant/rotation.h"

/*
 * Codes with this many dimensions guide a search well enough that more nodes
 * on a page are worth more than longer codes.
 */
#define ENOUGH_CODE_DIMS 576

/* The part of that with which a small index makes do */
#define COMPACT_CODE_PART 0.625

/* No vector is cut to fewer rotated dimensions than this */
#define MIN_OWN_DIMS 512

/* A page of nodes with exact vectors keeps this many bytes of a long value */
#define EXACT_PAGE_SLACK 64

/* The metrics for which codes have an estimate */
static bool
opclass_has_codes(const GvAmOpclass *opclass)
{
	return (opclass->element == GV_AM_ELEMENT_FLOAT ||
			opclass->element == GV_AM_ELEMENT_HALF) &&
		(opclass->metric == GV_AM_METRIC_L2 ||
		 opclass->metric == GV_AM_METRIC_INNER_PRODUCT ||
		 opclass->metric == GV_AM_METRIC_COSINE);
}

static int
own_bytes(const GvHnswLayout *layout)
{
	switch (layout->own_kind)
	{
		case GV_HNSW_OWN_HALF:
			return layout->own_dims * sizeof(GvHalf);
		case GV_HNSW_OWN_INT12:
			return GV_INT12_BYTES(layout->own_dims);
		case GV_HNSW_OWN_INT8:
			return layout->own_dims;
		case GV_HNSW_OWN_EXACT:
			break;
	}
	return 0;
}

/* Fill in all that follows from the widths of the filter columns' words */
static void
derive_filter_offsets(GvHnswLayout *layout)
{
	int			row_bytes = 0;
	int			bitmap_bytes;
	int			offset;

	if (layout->n_filters == 0)
		return;
	for (int i = 0; i < layout->n_filters; i++)
		row_bytes += layout->filter_width[i];

	/* the most slots that fit, a multiple of 64, or of 8 if they are fewer */
	layout->filter_slots = GV_AM_PAGE_ROOM / row_bytes / 8 * 8;
	for (;;)
	{
		if (layout->filter_slots > 64)
			layout->filter_slots = layout->filter_slots / 64 * 64;
		bitmap_bytes = (layout->filter_slots + 63) / 64 * sizeof(uint64);
		if ((layout->n_filters + 2) * bitmap_bytes +
			layout->filter_slots * row_bytes <= GV_AM_PAGE_ROOM)
			break;
		layout->filter_slots -= 8;
	}

	layout->filter_mixed = bitmap_bytes;
	offset = 2 * bitmap_bytes;
	for (int i = 0; i < layout->n_filters; i++)
	{
		layout->filter_null[i] = offset;
		layout->filter_word[i] = offset + bitmap_bytes;
		offset = layout->filter_word[i] + layout->filter_slots * layout->filter_width[i];
	}
	layout->filter_end = offset;
}

/* Fill in all that follows from kind, degree, dimensions and node size */
static void
derive_offsets(GvHnswLayout *layout)
{
	layout->own_offset = sizeof(GvHnswNodeData);
	layout->block_bytes = gv_hnsw_layout_has_codes(layout) ?
		gv_rabitq_block_bytes(layout->code_dims) : 0;
	layout->entry_block_size = sizeof(GvHnswEntryBlockData) + layout->block_bytes;
	layout->entry_blocks_per_page =
		(GV_AM_PAGE_ROOM - MAXALIGN(sizeof(GvHnswChainPageData))) / layout->entry_block_size;
	if (!gv_hnsw_layout_has_codes(layout))
	{
		layout->neighbor_offset = layout->own_offset;
		layout->value_offset = layout->neighbor_offset +
			MAXALIGN(layout->degree * sizeof(uint32));
		layout->value_room = GV_AM_PAGE_ROOM - sizeof(ItemIdData) -
			layout->value_offset - EXACT_PAGE_SLACK;
		return;
	}

	layout->n_blocks = layout->degree / GV_FASTSCAN_LANES;
	layout->neighbor_offset = layout->own_offset + MAXALIGN(own_bytes(layout));
	layout->add_offset = layout->neighbor_offset + layout->degree * sizeof(uint32);
	layout->rescale_offset = layout->add_offset + layout->degree * sizeof(GvHalf);
	layout->codes_offset = layout->rescale_offset + layout->degree * sizeof(GvHalf);
}

/* The longest codes with which so many nodes fit on a page; may be negative */
static int
code_dims_for(const GvHnswLayout *layout, int nodes_per_page)
{
	int			node_size = GV_AM_PAGE_ROOM / nodes_per_page / 8 * 8;
	int			room = node_size - (int) sizeof(GvHnswNodeData) -
		MAXALIGN(own_bytes(layout)) -
		layout->degree * (int) (sizeof(uint32) + 2 * sizeof(GvHalf));
	int			dims = room * 8 / layout->degree / GV_RABITQ_ALIGN * GV_RABITQ_ALIGN;

	return Min(dims, layout->own_dims);
}

/* The most nodes a page can have with codes of enough dimensions */
static int
most_nodes(const GvHnswLayout *layout, int enough)
{
	int			n = 0;

	while (code_dims_for(layout, n + 1) >= Min(enough, layout->own_dims))
		n++;
	return n;
}

/*
 * Choose the kind of own vector for codes of enough dimensions; returns the
 * nodes on a page, 0 if not even one has room.
 */
static int
choose_own_kind(GvHnswLayout *layout, int enough, bool compact)
{
	int			n_half;
	int			n_int12;
	int			n_int8;

	layout->own_dims = layout->padded_dim;
	layout->own_kind = GV_HNSW_OWN_HALF;
	n_half = most_nodes(layout, enough);
	layout->own_kind = GV_HNSW_OWN_INT8;
	n_int8 = most_nodes(layout, enough);
	layout->own_kind = GV_HNSW_OWN_INT12;
	n_int12 = most_nodes(layout, enough);

	/* where codes are short, what float16 would take is better given to them */
	if (n_int12 == 0 || (compact && n_int8 > n_int12))
	{
		layout->own_kind = GV_HNSW_OWN_INT8;
		return n_int8;
	}
	if (compact ? n_half > n_int12 : n_half >= n_int12)
	{
		layout->own_kind = GV_HNSW_OWN_HALF;
		return n_half;
	}
	return n_int12;
}

/*
 * gv_hnsw_layout_choose
 *		Choose the layout for a column.
 *
 * Nodes with codes: as many nodes on a page as leave room for long enough
 * codes.  The own vector is float16; 12-bit integers where that puts more nodes
 * on a page; int8 where even one node would not fit, and of the first rotated
 * dimensions only if that does not do either.
 *
 * compact: make do with shorter codes, and int8 where that puts more nodes on a
 * page
 */
void
gv_hnsw_layout_choose(GvHnswLayout *layout, const GvAmOpclass *opclass, int dim, int m,
					  bool compact, const GvAmFilterColumns *filters)
{
	int			degree = 2 * m;
	int			enough;
	int			n_fast;

	memset(layout, 0, sizeof(*layout));
	layout->n_filters = filters->n;
	for (int i = 0; i < filters->n; i++)
		layout->filter_width[i] = filters->column[i].width;
	derive_filter_offsets(layout);
	if (!opclass_has_codes(opclass))
	{
		layout->own_kind = GV_HNSW_OWN_EXACT;
		layout->degree = degree;
		derive_offsets(layout);
		/* ids number the line pointers a page can have at most */
		layout->nodes_per_page = GV_AM_PAGE_ROOM /
			(layout->value_offset + sizeof(ItemIdData));
		if (filters->n > 0)
		{
			/* a page of filters serves one block of nodes at least */
			layout->nodes_per_page = Min(layout->nodes_per_page, layout->filter_slots);
			layout->filter_blocks = layout->filter_slots / layout->nodes_per_page;
		}
		return;
	}

	/* inner product has one dimension more, see transform.c */
	if (opclass->metric == GV_AM_METRIC_INNER_PRODUCT)
		dim++;
	layout->padded_dim = gv_rotation_padded_dim(dim);
	layout->degree = (degree + GV_FASTSCAN_LANES - 1) / GV_FASTSCAN_LANES * GV_FASTSCAN_LANES;

	enough = Min(layout->padded_dim, ENOUGH_CODE_DIMS);
	/* with many neighbors less must do */
	if (layout->degree > GV_FASTSCAN_LANES)
		enough = Min(enough, Max(GV_RABITQ_ALIGN,
								 ENOUGH_CODE_DIMS * GV_FASTSCAN_LANES / layout->degree));

	n_fast = choose_own_kind(layout, enough, false);
	if (compact)
	{
		int			less = Max(GV_RABITQ_ALIGN, (int) (COMPACT_CODE_PART * enough) /
							   GV_RABITQ_ALIGN * GV_RABITQ_ALIGN);

		if (choose_own_kind(layout, less, true) > n_fast)
			enough = less;
		else
			(void) choose_own_kind(layout, enough, false);
	}

	/* very long vectors keep a part of their rotated dimensions */
	while (most_nodes(layout, enough) == 0)
	{
		if (layout->own_dims > MIN_OWN_DIMS)
			layout->own_dims = layout->own_dims / 2 / GV_ROTATION_ALIGN * GV_ROTATION_ALIGN;
		else
			enough -= GV_RABITQ_ALIGN;
	}
	layout->nodes_per_page = most_nodes(layout, enough);
	layout->code_dims = code_dims_for(layout, layout->nodes_per_page);

	Assert(layout->code_dims >= GV_RABITQ_ALIGN);
	derive_offsets(layout);
	layout->node_size = MAXALIGN(layout->codes_offset + layout->n_blocks * layout->block_bytes);
	Assert(layout->node_size * layout->nodes_per_page <= GV_AM_PAGE_ROOM);
	layout->filter_blocks = layout->filter_slots / layout->nodes_per_page;
	Assert(filters->n == 0 || layout->filter_blocks > 0);
}

void
gv_hnsw_layout_to_meta(const GvHnswLayout *layout, GvHnswMetaPageData *meta)
{
	meta->own_kind = layout->own_kind;
	meta->degree = layout->degree;
	meta->padded_dim = layout->padded_dim;
	meta->own_dims = layout->own_dims;
	meta->code_dims = layout->code_dims;
	meta->node_size = layout->node_size;
	meta->nodes_per_page = layout->nodes_per_page;
	meta->blocks_per_node = layout->n_blocks;
}

void
gv_hnsw_layout_from_meta(GvHnswLayout *layout, const GvHnswMetaPageData *meta)
{
	memset(layout, 0, sizeof(*layout));
	layout->own_kind = meta->own_kind;
	layout->degree = meta->degree;
	layout->padded_dim = meta->padded_dim;
	layout->own_dims = meta->own_dims;
	layout->code_dims = meta->code_dims;
	layout->node_size = meta->node_size;
	layout->nodes_per_page = meta->nodes_per_page;
	derive_offsets(layout);
	while (layout->n_filters < GV_AM_MAX_FILTERS && meta->filter_kind[layout->n_filters] != 0)
	{
		layout->filter_width[layout->n_filters] =
			gv_am_filter_width(meta->filter_kind[layout->n_filters]);
		layout->n_filters++;
	}
	derive_filter_offsets(layout);
	layout->filter_blocks = layout->filter_slots / layout->nodes_per_page;
}
