/*
 * lists.c
 *		Pages of ivfflat and ivfpq, as searches and gigavec.check read them.
 *
 * An input chooses operator class, dimensions, kind of rows and filter columns,
 * from which a small sound index follows, and then changes bytes of its pages.
 * Readers may refuse a page, and never go beyond it or without end.  A search
 * of what the check finds sound must not fail.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/xlog.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/varbit.h"

#include "am/inspect.h"
#include "am/testpoint.h"
#include "ivf/ivf.h"
#include "ivf/list.h"
#include "ivf/product.h"
#include "ivf/search.h"
#include "type/halfvec.h"
#include "type/vector.h"
#include "shim.h"

/* Longer codebooks are left out: then the index is not trained */
#define MAX_CODEBOOK_PAGES 3

/* Where the sound index has what; a list's second page comes LATER pages after its first */
enum
{
	DIRECTORY = 1,
	CENTROIDS,					/* and the page after it */
	CENTER = CENTROIDS + 2,
	ROWS,
	VECTORS = ROWS + 6,
	CODEBOOK = VECTORS + 4,
	N_PAGES = CODEBOOK + MAX_CODEBOOK_PAGES
};

#define LATER 3
#define MAX_LISTS 3
#define GENERATION 5

/* So that an input takes little time; more than two blocks */
#define MAX_ROWS 70
#define MAX_FOUND 200

typedef struct Input
{
	GvFuzzBytes bytes;
	GvAmOpclass opclass;
	GvAmFilterColumns filters;
	GvIvfIndex	index;
	RelationData rel;
	FormData_pg_class form;
	Datum		query;
	int			n_wanted;
	int			n_problems;
	float		sum;			/* of all that was read, so that reading is not left out */
} Input;

static Input *current;

/* What the catalogs would say */

static Datum
describe_opclass(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(&current->opclass);
}

static Datum
describe_filter(PG_FUNCTION_ARGS)
{
	static const int kind = GV_AM_FILTER_INT4;

	PG_RETURN_POINTER(&kind);
}

FmgrInfo *
index_getprocinfo(Relation rel, AttrNumber column, uint16 number)
{
	static FmgrInfo of_vector = {.fn_addr = describe_opclass};
	static FmgrInfo of_filter = {.fn_addr = describe_filter};

	return column == 1 ? &of_vector : &of_filter;
}

/* One session, alone */

void
gv_am_reach_point(const char *name)
{
}

void
LockPage(Relation relation, BlockNumber blkno, LOCKMODE mode)
{
}

void
UnlockPage(Relation relation, BlockNumber blkno, LOCKMODE mode)
{
}

bool
RecoveryInProgress(void)
{
	return false;
}

Snapshot
GetTransactionSnapshot(void)
{
	return NULL;
}

Snapshot
RegisterSnapshot(Snapshot snapshot)
{
	return snapshot;
}

void
UnregisterSnapshot(Snapshot snapshot)
{
}

/* --- a sound index ----------------------------------------------------------- */

static void
add_list(GvIvfList lists, uint32 list)
{
	GvIvfListData entry = {.head = ROWS + list,.tail = ROWS + LATER + list,
	.generation = GENERATION + list,.centroid_blkno = CENTROIDS};

	if (list == GV_IVF_LOOSE_LIST)
		entry.centroid_blkno = InvalidBlockNumber;
	lists[list] = entry;
}

/* A page of rows: all have a tid, their codes, factors and places are an input's or zero */
static void
fill_rows(Input *input, Page page, uint32 list, BlockNumber next)
{
	const GvIvfLayout *layout = &input->index.layout;
	GvIvfRowsPage rows = gv_ivf_page_rows(page);
	int			n = gv_fuzz_take(&input->bytes, 1);

	gv_ivf_init_rows_page(page, GV_IVF_PAGE_ROWS, list, GENERATION + list);
	gv_fuzz_take_bytes(&input->bytes, rows + 1, GV_IVF_ROWS_ROOM, false);
	rows->next = next;
	rows->n_rows = n % (Min(layout->rows_per_page, MAX_ROWS) + 1);
	for (int i = 0; i < rows->n_rows; i++)
	{
		char	   *block = gv_ivf_block(layout, rows, i / layout->lanes);
		int			lane = i % layout->lanes;

		ItemPointerSet(&gv_ivf_block_tids(block)[lane], i, 1 + n % 100);
		if (gv_ivf_keeps_values(layout))
		{
			gv_ivf_block_places(layout, block)[lane] = VECTORS + list;
			gv_ivf_block_slots(layout, block)[lane] = i % Max(layout->values_per_page, 1);
		}
	}
	((PageHeader) page)->pd_lower = ((PageHeader) page)->pd_upper;
}

static void
fill_vectors(Input *input, Page page, uint32 list)
{
	const GvIvfLayout *layout = &input->index.layout;
	bool		is_long = layout->values_per_page == 0;
	GvIvfRowsPage rows = gv_ivf_page_rows(page);

	gv_ivf_init_rows_page(page, is_long ? GV_IVF_PAGE_PART : GV_IVF_PAGE_VECTORS, list,
						  GENERATION + list);
	gv_fuzz_take_bytes(&input->bytes, rows + 1, GV_IVF_ROWS_ROOM, false);
	rows->n_rows = is_long ? Min(layout->value_bytes, (int) GV_IVF_ROWS_ROOM) :
		layout->values_per_page;
	if (is_long && layout->value_bytes > GV_IVF_ROWS_ROOM && list == 1)
		rows->next = VECTORS + MAX_LISTS;
}

/* A codebook, of numbers unless the input has others */
static void
fill_codebook(Input *input)
{
	Size		n_bytes = gv_ivf_codebook_bytes(&input->index.layout);

	for (Size i = 0; i * GV_IVF_CHAIN_ROOM < n_bytes; i++)
	{
		Page		page = gv_fuzz_page(CODEBOOK + i);
		Size		n = Min(n_bytes - i * GV_IVF_CHAIN_ROOM, GV_IVF_CHAIN_ROOM);
		char	   *bytes = palloc0(n);

		gv_fuzz_take_bytes(&input->bytes, bytes, n, false);
		gv_ivf_init_page(page, GV_IVF_PAGE_CODEBOOK);
		gv_ivf_fill_chain_page(page, (i + 1) * GV_IVF_CHAIN_ROOM < n_bytes ?
							   (BlockNumber) (CODEBOOK + i + 1) : InvalidBlockNumber,
							   GENERATION, bytes, n);
		input->index.meta.codebook_blkno = CODEBOOK;
	}
}

static void
make_index(Input *input)
{
	GvIvfIndex *index = &input->index;
	GvIvfMetaPageData *meta = &index->meta;
	uint32		flags = gv_fuzz_take(&input->bytes, 1);
	uint32		dim = gv_fuzz_take(&input->bytes, 2);
	GvIvfListData lists[MAX_LISTS];
	float	   *center;
	Page		page;

	/* few dimensions as a rule, which take less time, too */
	if ((dim & 0xC000) == 0xC000)
		dim %= 5000;
	else
		dim %= dim & 0x8000 ? 1000 : 150;
	gv_ivf_fill_meta(meta, &input->opclass, 1 + dim, &input->filters, flags & 1, NULL);
	if (input->opclass.element != GV_AM_ELEMENT_BIT && (flags & 7) == 6)
	{
		meta->pq_bits = flags & 8 ? 8 : 4;
		meta->has_opq = (flags & 16) != 0 && dim < 40;
		gv_ivf_layout_choose(meta, GV_IVF_ROWS_PRODUCT, 0);
		if (flags & 32)
			meta->pq_parts = 1 + dim % meta->pq_parts;
	}
	else if (input->opclass.element != GV_AM_ELEMENT_BIT && (flags & 1) == 0 && (flags & 6) != 0)
		gv_ivf_layout_choose(meta, flags & 2 ? GV_IVF_ROWS_PLANES : GV_IVF_ROWS_BYTES,
							 flags & 2 ? 1 + flags / 8 % 7 : 0);
	meta->n_lists = GV_IVF_FIRST_LIST + 1 + (flags >> 7);
	meta->generation = GENERATION;
	meta->directory_blkno = DIRECTORY;
	meta->inverse_unit = flags & 64 ? .5f : 0;
	meta->max_norm = flags & 32 ? 2 : 0;
	if (!gv_ivf_layout_set(&index->layout, meta))
		gv_fuzz_fail("a layout that was chosen cannot be");

	for (int i = N_PAGES - 1; i >= 0; i--)
		(void) gv_fuzz_page(i);
	for (uint32 i = 0; i < MAX_LISTS; i++)
		add_list(lists, i);
	page = gv_fuzz_page(DIRECTORY);
	gv_ivf_init_page(page, GV_IVF_PAGE_LISTS);
	gv_ivf_fill_chain_page(page, InvalidBlockNumber, GENERATION, lists,
						   meta->n_lists * sizeof(GvIvfListData));
	for (int i = 0; i < 2; i++)
	{
		page = gv_fuzz_page(CENTROIDS + i);
		gv_ivf_init_page(page, GV_IVF_PAGE_CENTROIDS);
		gv_fuzz_take_bytes(&input->bytes, gv_am_page_content(page), GV_AM_PAGE_ROOM, false);
	}
	if (flags & 16)
	{
		center = palloc0(GV_IVF_CHAIN_ROOM);
		gv_fuzz_take_bytes(&input->bytes, center, GV_IVF_CHAIN_ROOM, false);
		page = gv_fuzz_page(CENTER);
		gv_ivf_init_page(page, GV_IVF_PAGE_CENTER);
		gv_ivf_fill_chain_page(page, InvalidBlockNumber, GENERATION, center,
							   Min(sizeof(float) * meta->padded_dim, GV_IVF_CHAIN_ROOM));
		meta->center_blkno = CENTER;
	}
	if (gv_ivf_codebook_bytes(&index->layout) <= MAX_CODEBOOK_PAGES * GV_IVF_CHAIN_ROOM)
		fill_codebook(input);
	for (uint32 i = 0; i < MAX_LISTS; i++)
	{
		fill_rows(input, gv_fuzz_page(ROWS + i), i, ROWS + LATER + i);
		fill_rows(input, gv_fuzz_page(ROWS + LATER + i), i, InvalidBlockNumber);
		fill_vectors(input, gv_fuzz_page(VECTORS + i), i);
	}
	fill_vectors(input, gv_fuzz_page(VECTORS + MAX_LISTS), 1);
	gv_ivf_write_meta(gv_fuzz_page(GV_IVF_META_BLKNO), meta);
}

/* Change bytes of pages: of each the block, the place from its head on, and what comes there */
static void
change_pages(Input *input)
{
	GvFuzzBytes *bytes = &input->bytes;

	while (bytes->at < bytes->end)
	{
		char	   *page = (char *) gv_fuzz_page(gv_fuzz_take(bytes, 1) % N_PAGES);
		uint32		place = gv_fuzz_take(bytes, 1);

		/* most of what leads on is at the beginning, and a page's kind at its end */
		if (place >= 0xF0)
			place = BLCKSZ - 16 + place % 16;
		else if (place >= 0xE0)
			place = (gv_fuzz_take(bytes, 2) + place) % BLCKSZ;
		gv_fuzz_take_bytes(bytes, page + place, Min(BLCKSZ - place, 16), false);
	}
}

static Datum
take_query(Input *input, int dim)
{
	switch (input->opclass.element)
	{
		case GV_AM_ELEMENT_FLOAT:
			{
				GvVector   *v = gv_type_new_vector(dim);

				for (int i = 0; i < Min(dim, 8); i++)
					v->x[i] = (float) (int8) gv_fuzz_take(&input->bytes, 1);
				return PointerGetDatum(v);
			}
		case GV_AM_ELEMENT_HALF:
			{
				GvHalfvec  *v = gv_type_new_halfvec(dim);

				/* a half below infinity */
				for (int i = 0; i < Min(dim, 8); i++)
					v->x[i] = gv_fuzz_take(&input->bytes, 1) << 6;
				return PointerGetDatum(v);
			}
		default:
			return gv_am_zero_value(&input->opclass, dim);
	}
}

/* --- who reads it ------------------------------------------------------------ */

static void
note_problem(void *arg, const GvAmProblem *problem)
{
	((Input *) arg)->n_problems++;
}

static void
check_index(void *arg)
{
	Input	   *input = arg;

	GvIvfIndex *index = palloc0(sizeof(GvIvfIndex));

	gv_ivf_check(&input->rel, NULL, note_problem, input);
	/* what it does before it looks at the table */
	gv_ivf_open(index, &input->rel);
	(void) gv_ivf_cache(index);
}

/* As a scan does that reads all, but for rows' exact distances */
static void
search_index(void *arg)
{
	Input	   *input = arg;
	GvIvfIndex *index = palloc0(sizeof(GvIvfIndex));
	GvIvfSearch *search = palloc(sizeof(GvIvfSearch));
	GvIvfFound	found;
	int			n = 0;

	gv_ivf_open(index, &input->rel);
	gv_ivf_search_begin(search, index, input->query, NULL, input->n_wanted);
	while (gv_ivf_search_lists(search, 1))
		;
	gv_ivf_search_loose(search);
	while (gv_ivf_search_next(search, &found) && n++ < MAX_FOUND)
	{
		if (isnan(found.key) || !ItemPointerIsValid(&found.tid))
			gv_fuzz_fail("a row that is none was found");
		if (found.is_exact)
			input->sum += found.key;
		else if (gv_ivf_search_refine(search, &found) || gv_ivf_search_exact(search, &found))
		{
			if (isnan(found.key))
				found.key = INFINITY;
			gv_ivf_search_put(search, &found);
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	static const GvAmMetric metrics[] = {
		GV_AM_METRIC_L2, GV_AM_METRIC_INNER_PRODUCT, GV_AM_METRIC_COSINE
	};
	static const GvAmElement elements[] = {
		GV_AM_ELEMENT_FLOAT, GV_AM_ELEMENT_HALF, GV_AM_ELEMENT_BIT
	};
	Input	   *input = calloc(1, sizeof(Input));
	uint32		choice;

	current = input;
	input->bytes = (GvFuzzBytes) {data, data + size};
	choice = gv_fuzz_take(&input->bytes, 1);
	input->opclass.element = elements[choice % lengthof(elements)];
	input->opclass.metric = input->opclass.element == GV_AM_ELEMENT_BIT ? GV_AM_METRIC_HAMMING :
		metrics[choice / 3 % lengthof(metrics)];
	input->n_wanted = choice & 64 ? 0 : 3;
	input->rel.rd_rel = &input->form;
	input->rel.rd_att = palloc0(sizeof(struct TupleDescData) + 4 * sizeof(FormData_pg_attribute));
	input->rel.rd_att->natts = 1 + (choice >> 7);
	input->rel.rd_indcollation = palloc0(2 * sizeof(Oid));
	gv_am_filter_columns(&input->filters, &input->rel);
	make_index(input);
	input->query = take_query(input, input->index.meta.dim);
	change_pages(input);

	if (gv_fuzz_try(check_index, input) && input->n_problems == 0)
	{
		if (!gv_fuzz_try(search_index, input))
			gv_fuzz_fail("a search fails of what was found sound");
	}
	else
		gv_fuzz_try(search_index, input);
	free(input);
	gv_fuzz_finish();
	return 0;
}
