/*
 * nodes.c
 *		Pages of hnsw and kdtree indexes, before anything in them is believed.
 *
 * An input chooses operator class, dimensions, options and filter columns, from
 * which the layout of a page follows, and writes the page.  What finds a page
 * fit to be read may read no byte beyond it, and neither may who reads it then.
 */
#include "postgres.h"

#include "hnsw/check.h"
#include "hnsw/entry.h"
#include "hnsw/node.h"
#include "kdtree/index.h"
#include "shim.h"

/* The check of an hnsw page tells what it found */
void *
gv_hnsw_check_add_record(GvHnswCheck *check, GvHnswRecords *records)
{
	return palloc0(64);
}

void
gv_hnsw_check_report(GvHnswCheck *check, BlockNumber block, int item, ItemPointer row_tid,
					 const char *format,...)
{
	va_list		args;
	char		text[256];

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
}

typedef struct Input
{
	GvFuzzBytes bytes;
	GvAmOpclass opclass;
	GvAmFilterColumns filters;
	int			dim;
	float		sum;			/* of all that was read, so that reading is not left out */
} Input;

/* A page with a header, that a byte may take away */
static Page
take_page(Input *input, int page_id, int n_kinds)
{
	Page		page = gv_fuzz_page(0);
	uint32		kind = gv_fuzz_take(&input->bytes, 1);

	PageInit(page, BLCKSZ, sizeof(GvAmPageSpecialData));
	gv_am_page_special(page)->page_id = page_id;
	gv_am_page_special(page)->kind = kind % (n_kinds + 2);
	gv_am_page_special(page)->n_free = gv_fuzz_take(&input->bytes, 1);
	((PageHeader) page)->pd_lower = SizeOfPageHeaderData + gv_fuzz_take(&input->bytes, 2) % BLCKSZ;
	if (kind >= 0xF0)
		gv_fuzz_take_bytes(&input->bytes, page, SizeOfPageHeaderData, false);
	gv_fuzz_take_bytes(&input->bytes, gv_am_page_content(page), GV_AM_PAGE_ROOM, false);
	gv_fuzz_take_bytes(&input->bytes, gv_am_page_content(page), GV_AM_PAGE_ROOM, true);
	return page;
}

static void
check_hnsw(void *arg)
{
	Input	   *input = arg;
	GvHnswCheck *check = palloc0(sizeof(GvHnswCheck));
	uint32		flags = gv_fuzz_take(&input->bytes, 1);
	BlockNumber blkno = gv_fuzz_take(&input->bytes, 1) % 8;

	check->ix.meta.version = GV_HNSW_VERSION;
	check->ix.meta.metric = input->opclass.metric;
	check->ix.meta.m = 2 + flags % 64;
	gv_hnsw_layout_choose(&check->ix.layout, &input->opclass, input->dim, check->ix.meta.m,
						  flags >= 128, &input->filters);
	check->node_state = palloc0(8 * check->ix.layout.nodes_per_page);
	gv_hnsw_check_page(check, take_page(input, GV_AM_HNSW_PAGE_ID, GV_HNSW_PAGE_LAST), blkno);
}

static void
check_kdtree(void *arg)
{
	Input	   *input = arg;
	GvKdtreeIndex *ix = palloc0(sizeof(GvKdtreeIndex));
	Page		page = take_page(input, GV_AM_KDTREE_PAGE_ID, GV_KDTREE_PAGE_FREE);
	GvKdtreeBox box;

	input->dim = 1 + input->dim % GV_KDTREE_MAX_DIM;
	ix->filters = input->filters;
	gv_kdtree_set_layout(ix, &input->opclass, input->dim);
	if (gv_kdtree_page_fault(ix, page) != NULL)
		return;
	gv_kdtree_box_init(&box, input->dim);
	gv_kdtree_page_box(ix, page, &box);
	for (int i = 0; i < gv_kdtree_page_head(page)->n; i++)
	{
		GvKdtreePoint point;

		if (gv_kdtree_page_is(page, GV_KDTREE_PAGE_LEAF))
		{
			gv_kdtree_get_point(ix, page, i, &point);
			input->sum += point.place[0] + ItemPointerGetBlockNumberNoCheck(&point.tid);
		}
		else
		{
			gv_kdtree_get_box(ix, page, i, &box);
			input->sum += box.low[0] + gv_kdtree_inner_children(ix, page)[i];
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	static const GvAmMetric metrics[] = {
		GV_AM_METRIC_L2, GV_AM_METRIC_INNER_PRODUCT, GV_AM_METRIC_COSINE, GV_AM_METRIC_L1
	};
	Input		input = {.bytes = {data, data + size}};
	uint32		choice = gv_fuzz_take(&input.bytes, 1);

	input.opclass.element = choice & 2 ? GV_AM_ELEMENT_HALF : GV_AM_ELEMENT_FLOAT;
	input.opclass.metric = metrics[choice / 4 % lengthof(metrics)];
	input.dim = 1 + gv_fuzz_take(&input.bytes, 2) % 2000;
	input.filters.n = choice / 16 % 4;
	for (int i = 0; i < input.filters.n; i++)
	{
		GvAmFilterColumn *column = &input.filters.column[i];

		column->kind = 1 + gv_fuzz_take(&input.bytes, 1) % GV_AM_FILTER_LAST;
		column->width = gv_am_filter_width(column->kind);
	}
	gv_fuzz_try(choice & 1 ? check_kdtree : check_hnsw, &input);
	gv_fuzz_finish();
	return 0;
}
