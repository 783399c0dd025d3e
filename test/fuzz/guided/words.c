/*
 * words.c
 *		What pages of a bm25 index say, for whoever reads them.
 *
 * An input gives the fields of a metapage and of a segment's head, and what the
 * pages of each kind begin and end with; their headers are as they must be, but
 * for one page that an input may choose.  Readers may refuse a page, and never
 * go beyond it or without end.
 */
#include "postgres.h"

#include "bm25/lexemes.h"
#include "bm25/positions.h"
#include "bm25/segment.h"
#include "shim.h"

/* Places of the pages of the segment, whose head is block 0 */
static const uint16 kinds[] = {
	GV_BM25_PAGE_HEAD, GV_BM25_PAGE_TERMS, GV_BM25_PAGE_TERMS, GV_BM25_PAGE_TREE,
	GV_BM25_PAGE_TREE, GV_BM25_PAGE_POSTINGS, GV_BM25_PAGE_SKIPS, GV_BM25_PAGE_NORMS,
	GV_BM25_PAGE_TIDS, GV_BM25_PAGE_DEAD, GV_BM25_PAGE_POSITIONS, GV_BM25_PAGE_POSITIONS,
	GV_BM25_PAGE_SPOTS,
	/* of lanes */
	GV_BM25_PAGE_LANE, GV_BM25_PAGE_LANE, GV_BM25_PAGE_LONG_ROW, GV_BM25_PAGE_LONG_ROW
};

#define N_PLACES 13
#define FIRST_POSITIONS 10
#define N_LANES 2

/* Documents of the segment, at most: their norms are on one page */
#define MAX_DOCS 1000

typedef struct Input
{
	GvBm25Index index;
	GvBm25SegmentData entry;
	uint64		sum;			/* of all that was read, so that reading is not left out */
} Input;

/* Give a page its header, and content from an input */
static void
fill_page(GvFuzzBytes *bytes, int blkno, int kind, uint32 owner, uint32 place)
{
	Page		page = gv_fuzz_page(blkno);
	Size		head = sizeof(GvBm25PageData);

	PageInit(page, BLCKSZ, sizeof(GvAmPageSpecialData));
	gv_am_page_special(page)->page_id = GV_AM_BM25_PAGE_ID;
	gv_am_page_special(page)->kind = kind;
	gv_bm25_page(page)->owner = owner;
	gv_bm25_page(page)->place = place;
	gv_fuzz_take_bytes(bytes, gv_am_page_content(page) + head, GV_AM_PAGE_ROOM - head, false);
	if (kind == GV_BM25_PAGE_TERMS || kind == GV_BM25_PAGE_TREE)
		gv_fuzz_take_bytes(bytes, gv_am_page_content(page) + head, GV_AM_PAGE_ROOM - head, true);
}

static void
fill_head(GvFuzzBytes *bytes, Input *input)
{
	GvBm25HeadPage head = (GvBm25HeadPage) gv_bm25_page(gv_fuzz_page(0));
	uint32		flags = gv_fuzz_take(bytes, 1);

	memset((char *) head + sizeof(GvBm25PageData), 0, GV_AM_PAGE_ROOM - sizeof(GvBm25PageData));
	head->n_docs = MAX_DOCS - gv_fuzz_take(bytes, 2) % MAX_DOCS;
	head->n_pages = N_PLACES;
	head->n_terms = gv_fuzz_take(bytes, 1);
	head->n_skips = PG_UINT16_MAX - gv_fuzz_take(bytes, 2);
	head->height = flags % 4;
	head->root = head->height == 0 ? 1 : 3;
	head->first_terms = 1;
	head->skips = 6;
	head->norms = 7;
	head->tids = 8;
	head->dead = 9;
	head->positions = FIRST_POSITIONS;
	head->spots = FIRST_POSITIONS + 2;
	head->norm_size = flags & 4 ? sizeof(uint32) : 1;
	head->block_bits = gv_fuzz_take(bytes, 1) % 34;
	head->offset_bits = gv_fuzz_take(bytes, 1) % 18;
	head->n_extents = 1;
	head->extent[0].n = N_PLACES;
	/* the head itself may be wrong, too */
	if (flags & 8)
		gv_fuzz_take_bytes(bytes, (char *) head + sizeof(GvBm25PageData),
						   sizeof(GvBm25HeadPageData) + 3 * sizeof(GvBm25ExtentData), false);
	input->entry.id = 1;
	input->entry.n_docs = head->n_docs;
}

/* As a search for a phrase reads positions */
static void
find_positions(Input *input, const GvBm25Segment *segment, const GvBm25TermEntry *entry,
			   const GvBm25Posting *postings)
{
	GvBm25PositionsCursor *cursor = gv_bm25_positions_cursor(segment, entry);

	for (uint32 i = 0; i < entry->df; i += 1 + i % 3)
	{
		const uint32 *positions;
		uint32		n = gv_bm25_positions_find(cursor, postings[i].doc, &positions);

		if (n > 0)
			input->sum += positions[0] + positions[n - 1];
	}
	gv_bm25_positions_cursor_end(cursor);
}

/* As gigavec.check reads a segment */
static void
read_segment(void *arg)
{
	Input	   *input = arg;
	GvBm25Segment segment;
	GvBm25TermScan *scan = palloc(sizeof(GvBm25TermScan));
	GvBm25Bytes positions = {0};
	uint32		n;
	char	   *norms;
	uint8	   *dead;
	ItemPointerData *tids;

	gv_bm25_segment_open(&segment, &input->index, &input->entry);
	n = segment.head.n_docs;
	if (n > MAX_DOCS)
		return;
	gv_bm25_terms_begin(scan, &segment);
	for (int i = 0; i < 500 && gv_bm25_terms_next(scan); i++)
	{
		GvBm25TermEntry entry;
		GvBm25Posting *postings;
		GvBm25PostingScan blocks;

		input->sum += gv_bm25_segment_find(&segment, scan->lexeme, scan->len, &entry);
		if (scan->entry.df > n)
			continue;
		postings = palloc(scan->entry.df * sizeof(GvBm25Posting));
		gv_bm25_postings_begin(&blocks, &segment, &scan->entry);
		for (uint32 j = 0; j < scan->entry.df;)
		{
			uint32		end;

			positions.n = 0;
			end = j + gv_bm25_postings_next(&blocks, postings + j,
											gv_bm25_has_positions(&input->index) ?
											&positions : NULL);
			for (; j < end; j++)
			{
				if (postings[j].doc >= n)
					gv_fuzz_fail("document %u of %u", postings[j].doc, n);
				if (j > 0 && postings[j].doc <= postings[j - 1].doc)
					gv_fuzz_fail("document %u after %u", postings[j].doc, postings[j - 1].doc);
				if (postings[j].positions > positions.n)
					gv_fuzz_fail("positions at %zu of %zu", (Size) postings[j].positions,
								 positions.n);
				input->sum += postings[j].tf;
			}
		}
		if (gv_bm25_has_positions(&input->index))
			find_positions(input, &segment, &scan->entry, postings);
	}
	norms = palloc((Size) n * segment.head.norm_size);
	gv_bm25_read_norms(&segment, 0, n, norms);
	dead = palloc((n + 7) / 8);
	gv_bm25_read_dead(&segment, 0, n, dead);
	tids = palloc(n * sizeof(ItemPointerData));
	gv_bm25_read_tids(&segment, 0, n, tids);
	for (uint32 i = 0; i < n; i++)
		input->sum += dead[i / 8] + norms[i] + ItemPointerGetOffsetNumber(&tids[i]);
	input->sum += gv_bm25_is_dead(&segment, n - 1);
}

/* As a search reads it */
static void
find_lexemes(void *arg)
{
	Input	   *input = arg;
	GvBm25Segment segment;
	GvBm25TermEntry entry;
	GvBm25TermScan *scan = palloc(sizeof(GvBm25TermScan));
	static const char *const lexemes[] = {"", "a", "b", "ab", "zz", "\377\377"};

	gv_bm25_segment_open(&segment, &input->index, &input->entry);
	for (int i = 0; i < lengthof(lexemes); i++)
	{
		char	   *lexeme = pnstrdup(lexemes[i], 10);

		input->sum += gv_bm25_segment_find(&segment, lexeme, strlen(lexeme), &entry);
		gv_bm25_terms_seek(scan, &segment, lexeme, strlen(lexeme));
		for (int j = 0; j < 100 && gv_bm25_terms_next(scan); j++)
			input->sum += scan->lexeme[0];
	}
}

static void
read_lanes(void *arg)
{
	Input	   *input = arg;
	GvBm25DeltaScan *scan = palloc(sizeof(GvBm25DeltaScan));
	GvBm25Lexemes lexemes;

	gv_bm25_lexemes_init(&lexemes);
	(void) gv_bm25_lexemes_add(&lexemes, "ab", 2);
	gv_bm25_delta_begin(scan, &input->index);
	for (int i = 0; i < 1000 && gv_bm25_delta_next(scan); i++)
	{
		const uint8 *in = scan->terms;
		GvBm25RowTerm term;
		GvBm25Lookup lookup;

		/* a lexeme with a hash that the row has, right or wrong */
		memset(lexemes.table, 0xFF, 2 * lexemes.size * sizeof(int));
		lexemes.lexeme[0].hash = scan->hashes[0];
		lexemes.table[scan->hashes[0] % (2 * lexemes.size)] = 0;
		gv_bm25_lookup_begin(&lookup, &lexemes);

		/* the terms of one row follow each other, those of a long row too */
		input->sum += gv_bm25_lookup_row(&lookup, scan);
		for (int j = 0; j < lookup.n_found; j++)
			input->sum += lookup.term[lookup.found[j]].tf;
		for (uint32 j = 0; j < scan->row->n_terms; j++)
		{
			in = gv_bm25_delta_term(scan, in, &term);
			gv_bm25_delta_check_positions(scan, &term);
			input->sum += scan->hashes[j] + (uint8) term.lexeme[term.len - 1];
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	GvFuzzBytes bytes = {data, data + size};
	RelationData rel = {0};
	FormData_pg_class form = {0};
	Input	   *input = palloc0(sizeof(Input));
	uint32		wrong = gv_fuzz_take(&bytes, 1);
	uint32		choice = gv_fuzz_take(&bytes, 1);
	bool		lanes = choice % 2 == 1;

	rel.rd_rel = &form;
	input->index.rel = &rel;
	if (choice & 2)
		input->index.meta.flags |= GV_BM25_FLAG_POSITIONS;
	for (int i = 0; i < lengthof(kinds); i++)
	{
		/* those that are not read get no bytes */
		if (i > 0 && lanes == (i >= N_PLACES) && (i < FIRST_POSITIONS || lanes))
			fill_page(&bytes, i, kinds[i], i >= N_PLACES ? 2 + (kinds[i] != GV_BM25_PAGE_LANE) : 1,
					  kinds[i] == GV_BM25_PAGE_LONG_ROW ? i - N_PLACES - N_LANES :
					  i < N_PLACES ? i : 0);
		else
			fill_page(&(GvFuzzBytes) {0}, i, kinds[i], 1, i);
	}
	if (!lanes)
		fill_head(&bytes, input);
	for (int i = FIRST_POSITIONS; i < N_PLACES && !lanes; i++)
		fill_page(&bytes, i, kinds[i], 1, i);
	for (int i = 0; i < GV_BM25_LANES; i++)
		input->index.meta.lane[i] = (GvBm25LaneData) {InvalidBlockNumber, 0};
	if (lanes)
		input->index.meta.lane[0] = (GvBm25LaneData) {N_PLACES, 2};
	if (wrong > 0 && wrong <= lengthof(kinds))
		gv_am_page_special(gv_fuzz_page(wrong - 1))->kind ^= 1;

	if (lanes)
		gv_fuzz_try(read_lanes, input);
	else
	{
		gv_fuzz_try(read_segment, input);
		gv_fuzz_try(find_lexemes, input);
	}
	gv_fuzz_finish();
	return 0;
}
