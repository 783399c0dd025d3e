/*-------------------------------------------------------------------------
 *
 * hnsw_layout.c
 *		Every layout of nodes that can be chosen fits its page.
 *
 * Compiled with PostgreSQL's headers, and linked with nothing of PostgreSQL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "hnsw/layout.h"
#include "hnsw/options.h"
#include "quant/rabitq.h"
#include "quant/rotation.h"
#include "type/halfvec.h"
#include "type/vector.h"
#include "unit.h"

/* An assertion of the file under test fails the case */
#undef Assert
#define Assert(condition) \
	((condition) ? (void) 0 : gv_unit_fail("assertion failed: %s", #condition))

#include "hnsw/layout.c"

static int	shown_dim;
static int	shown_m;

static void
expect(bool condition, const char *what)
{
	if (!condition)
		gv_unit_fail("%d dimensions, m = %d: %s", shown_dim, shown_m, what);
}

/*
 * What is stored in the metapage gives the same layout back.
 */
static void
check_meta(const GvHnswLayout *layout, const GvAmFilterColumns *filters)
{
	GvHnswMetaPageData meta;
	GvHnswLayout back;

	memset(&meta, 0, sizeof(meta));
	gv_hnsw_layout_to_meta(layout, &meta);
	for (int i = 0; i < filters->n; i++)
		meta.filter_kind[i] = filters->column[i].kind;
	gv_hnsw_layout_from_meta(&back, &meta);
	expect(memcmp(layout, &back, sizeof(back)) == 0, "the metapage changes the layout");
}

/*
 * The parts of a node follow one another without overlap, each aligned, and
 * so many nodes fit the page.
 */
static void
check_codes(const GvHnswLayout *layout, int dim, int m)
{
	int			own = 0;

	expect(layout->padded_dim == gv_rotation_padded_dim(dim), "padded dimensions");
	expect(layout->own_dims >= GV_ROTATION_ALIGN && layout->own_dims <= layout->padded_dim &&
		   layout->own_dims % GV_ROTATION_ALIGN == 0, "dimensions of the own vector");
	expect(layout->code_dims >= GV_RABITQ_ALIGN && layout->code_dims <= layout->own_dims &&
		   layout->code_dims % GV_RABITQ_ALIGN == 0, "dimensions of codes");
	expect(layout->degree >= 2 * m && layout->degree < 2 * m + GV_FASTSCAN_LANES &&
		   layout->degree <= PG_UINT8_MAX, "degree");
	expect(layout->n_blocks * GV_FASTSCAN_LANES == layout->degree, "blocks");
	expect(layout->block_bytes * 2 == layout->code_dims * 8, "32 lanes of one bit a dimension");

	switch (layout->own_kind)
	{
		case GV_HNSW_OWN_HALF:
			own = 2 * layout->own_dims;
			break;
		case GV_HNSW_OWN_INT12:
			/* the low nibbles of the last 32 elements take 16 bytes */
			own = layout->own_dims + (layout->own_dims + 31) / 32 * 16;
			break;
		case GV_HNSW_OWN_INT8:
			own = layout->own_dims;
			break;
		default:
			expect(false, "kind of own vector");
	}
	if (layout->own_kind != GV_HNSW_OWN_INT8)
		expect(layout->own_dims == layout->padded_dim, "dimensions are dropped before bits are");

	expect(layout->own_offset >= (int) sizeof(GvHnswNodeData) &&
		   layout->neighbor_offset >= layout->own_offset + own &&
		   layout->add_offset >= layout->neighbor_offset + 4 * layout->degree &&
		   layout->rescale_offset >= layout->add_offset + 2 * layout->degree &&
		   layout->codes_offset >= layout->rescale_offset + 2 * layout->degree &&
		   layout->node_size >= layout->codes_offset + layout->n_blocks * layout->block_bytes,
		   "parts of a node overlap");
	expect(layout->own_offset % 8 == 0 && layout->neighbor_offset % 4 == 0 &&
		   layout->add_offset % 2 == 0 && layout->rescale_offset % 2 == 0 &&
		   layout->node_size % MAXIMUM_ALIGNOF == 0, "parts of a node are not aligned");
	expect(layout->nodes_per_page >= 1 &&
		   MAXALIGN(SizeOfPageHeaderData) + layout->node_size * layout->nodes_per_page <=
		   BLCKSZ - sizeof(GvAmPageSpecialData), "the nodes do not fit the page");
	expect(layout->entry_block_size % MAXIMUM_ALIGNOF == 0 &&
		   layout->entry_block_size >= (int) sizeof(GvHnswEntryBlockData) + layout->block_bytes,
		   "size of an entry block");
}

static void
check_exact(const GvHnswLayout *layout, int m)
{
	expect(layout->own_kind == GV_HNSW_OWN_EXACT && layout->degree == 2 * m, "kind and degree");
	expect(layout->neighbor_offset >= (int) sizeof(GvHnswNodeData) &&
		   layout->neighbor_offset % 4 == 0, "place of the neighbors");
	expect(layout->value_offset >= layout->neighbor_offset + 4 * layout->degree &&
		   layout->value_offset % MAXIMUM_ALIGNOF == 0, "place of the value");
	expect(layout->value_room > 0 &&
		   MAXALIGN(SizeOfPageHeaderData) + sizeof(ItemIdData) +
		   MAXALIGN(layout->value_offset + layout->value_room) <=
		   BLCKSZ - sizeof(GvAmPageSpecialData), "the node does not fit the page");
	expect(layout->nodes_per_page >= 1 &&
		   layout->nodes_per_page <= GV_AM_PAGE_ROOM / (int) sizeof(ItemIdData),
		   "line pointers of a page");
}

/* The parts of a page of filters: bits of the slots, then each column's */
static void
check_filters(const GvHnswLayout *layout, const GvAmFilterColumns *filters)
{
	int			end = 2 * MAXALIGN((layout->filter_slots + 7) / 8);

	expect(layout->n_filters == filters->n, "filter columns");
	expect((layout->filter_blocks > 0) == (filters->n > 0), "blocks that a page of filters serves");
	if (filters->n == 0)
		return;
	expect(layout->filter_blocks * layout->nodes_per_page <= layout->filter_slots,
		   "slots of a page of filters");
	expect(layout->filter_mixed >= end / 2, "bits of mixed nodes");
	for (int i = 0; i < filters->n; i++)
	{
		expect(layout->filter_null[i] >= end && layout->filter_null[i] % 8 == 0, "bits of nulls");
		end = layout->filter_null[i] + MAXALIGN((layout->filter_slots + 7) / 8);
		expect(layout->filter_word[i] >= end && layout->filter_word[i] % 8 == 0, "words");
		end = layout->filter_word[i] + layout->filter_slots * filters->column[i].width;
	}
	expect(layout->filter_end >= end && layout->filter_end <= GV_AM_PAGE_ROOM,
		   "end of a page of filters");
}

/* Returns the nodes of a page */
static int
check_one_layout(const GvAmOpclass *opclass, int dim, int m, bool compact,
				 const GvAmFilterColumns *filters)
{
	GvHnswLayout layout;

	gv_hnsw_layout_choose(&layout, opclass, dim, m, compact, filters);
	check_filters(&layout, filters);
	if (gv_hnsw_layout_has_codes(&layout))
		check_codes(&layout, dim + (opclass->metric == GV_AM_METRIC_INNER_PRODUCT), m);
	else
		check_exact(&layout, m);
	expect(layout.entry_blocks_per_page >= 1 &&
		   sizeof(GvHnswChainPageData) + layout.entry_blocks_per_page * layout.entry_block_size <=
		   GV_AM_PAGE_ROOM, "the entry blocks do not fit the page");
	check_meta(&layout, filters);
	return layout.nodes_per_page;
}

static void
check_layout(const GvAmOpclass *opclass, int dim, int m, const GvAmFilterColumns *filters)
{
	shown_dim = dim;
	shown_m = m;
	expect(check_one_layout(opclass, dim, m, true, filters) >=
		   check_one_layout(opclass, dim, m, false, filters), "a compact index is larger");
}

int
main(int argc, char **argv)
{
	static const struct
	{
		const char *name;
		GvAmOpclass opclass;
		int			max_dim;
		bool		has_codes;
	}			cases[] = {
		{"vector, L2", {GV_AM_ELEMENT_FLOAT, GV_AM_METRIC_L2}, GV_VECTOR_MAX_DIM, true},
		{"vector, inner product", {GV_AM_ELEMENT_FLOAT, GV_AM_METRIC_INNER_PRODUCT},
		GV_VECTOR_MAX_DIM, true},
		{"vector, cosine", {GV_AM_ELEMENT_FLOAT, GV_AM_METRIC_COSINE}, GV_VECTOR_MAX_DIM, true},
		{"halfvec, L2", {GV_AM_ELEMENT_HALF, GV_AM_METRIC_L2}, GV_HALFVEC_MAX_DIM, true},
		{"vector, L1", {GV_AM_ELEMENT_FLOAT, GV_AM_METRIC_L1}, GV_VECTOR_MAX_DIM, false},
		{"sparsevec, L2", {GV_AM_ELEMENT_SPARSE, GV_AM_METRIC_L2}, 1000, false},
		{"bit, Hamming", {GV_AM_ELEMENT_BIT, GV_AM_METRIC_HAMMING}, 1000, false},
	};
	static GvAmFilterColumns filters[GV_AM_MAX_FILTERS + 1];
	int			i;
	int			dim;
	int			m;

	/* so many columns, of all widths */
	for (int n = 1; n <= GV_AM_MAX_FILTERS; n++)
	{
		filters[n].n = n;
		for (i = 0; i < n; i++)
		{
			filters[n].column[i].kind = GV_AM_FILTER_BOOL + (n + i) % GV_AM_FILTER_LAST;
			filters[n].column[i].width = gv_am_filter_width(filters[n].column[i].kind);
		}
	}
	gv_unit_read_label(argc, argv);
	for (i = 0; i < (int) lengthof(cases); i++)
	{
		gv_unit_begin("hnsw layout: fits the page, %s, 1 to %d dimensions, m = %d to %d",
					  cases[i].name, cases[i].max_dim, GV_HNSW_MIN_M, GV_HNSW_MAX_M);
		if (opclass_has_codes(&cases[i].opclass) != cases[i].has_codes)
			gv_unit_fail("has codes, or not, against what is expected");
		for (m = GV_HNSW_MIN_M; m <= GV_HNSW_MAX_M; m++)
		{
			for (dim = 1; dim <= cases[i].max_dim; dim++)
				check_layout(&cases[i].opclass, dim, m, &filters[0]);
			for (int n = 1; n <= GV_AM_MAX_FILTERS; n++)
				check_layout(&cases[i].opclass, cases[i].max_dim / n, m, &filters[n]);
		}
		gv_unit_end();
	}
	return gv_unit_finish();
}
