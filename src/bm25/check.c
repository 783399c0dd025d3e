/*-------------------------------------------------------------------------
 *
 * check.c
 *		gigavec.check for a bm25 index.
 *
 * All lexemes and postings are read under the merge lock.  For each document
 * there is a sum over its postings of what lexeme, frequency and positions hash to,
 * which the table's row must have as well: so no posting is missing, wrong or too
 * many.  And no page may be led to twice, nor be in the list of free pages as well.
 *
 * A segment with more documents than there is memory for their sums is read part
 * by part: all its lexemes each time, but only the blocks of postings that have
 * documents of the part.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "am/testpoint.h"
#include "bm25/bm25.h"
#include "bm25/check.h"
#include "bm25/delta.h"
#include "bm25/filter.h"
#include "bm25/pages.h"
#include "bm25/positions.h"

/* What is said of a page that two lead to */
#define USED_TWICE "Two lead to a page."

/* Documents of which all is read at once; a multiple of 8 */
#define AT_ONCE 1024

/* The source of rows of lanes */
#define OF_LANES PG_UINT16_MAX

/* A segment, and a part of its documents */
typedef struct SegmentCheck
{
	GvBm25Check *check;
	GvBm25Segment segment;
	uint16		source;
	uint32		first;			/* document of the part */
	uint32		end;
	uint64	   *sums;			/* uint64[end - first] */
	uint8	   *norms[1 + GV_BM25_MAX_FIELDS];	/* uint8[end - first] of documents and fields */
	GvBm25FieldCountData counts[GV_BM25_MAX_FIELDS];	/* of all parts up to this */
	ItemPointerData last_tid;	/* of the part before, if there is one */
	uint32		n_dead;			/* of all parts up to this */
	GvBm25Bytes positions;
} SegmentCheck;

/*
 * gv_bm25_check_report
 *		Report a problem.
 *
 * block: of the index, or InvalidBlockNumber
 * tid: of a row, or NULL
 */
void
gv_bm25_check_report(GvBm25Check *check, BlockNumber block, const ItemPointerData *tid,
					 const char *text)
{
	GvAmProblem problem;

	problem.block = block;
	problem.item = -1;
	if (tid != NULL)
		problem.row_tid = *tid;
	else
		ItemPointerSetInvalid(&problem.row_tid);
	problem.problem = text;
	check->report(check->report_arg, &problem);
}

/*
 * gv_bm25_check_hash
 *		What a lexeme adds to the sum of a document.
 *
 * positions: as codec.h tells, or NULL
 */
uint64
gv_bm25_check_hash(uint32 lexeme_hash, uint32 tf, const uint8 *positions, Size n_bytes)
{
	uint64		result = hash_bytes_uint32_extended(tf, lexeme_hash);

	if (positions != NULL)
		result = hash_bytes_extended(positions, (int) n_bytes, result);
	return result;
}

/*
 * gv_bm25_check_hash_filters
 *		Hash the packed words of a row.
 */
uint32
gv_bm25_check_hash_filters(const GvBm25Check *check, const char *packed)
{
	if (check->index.filters.n == 0)
		return 0;
	return hash_bytes((const unsigned char *) packed, check->index.filters.packed_size);
}

/* Note that something leads to pages; nothing else must */
static void
claim_pages(GvBm25Check *check, BlockNumber start, uint32 n, const char *problem)
{
	for (uint32 i = 0; i < n && start + i < check->n_blocks; i++)
	{
		uint8	   *byte = &check->claimed[(start + i) / 8];
		uint8		bit = 1 << (start + i) % 8;

		if (*byte & bit)
		{
			gv_bm25_check_report(check, start + i, NULL, problem);
			return;
		}
		*byte |= bit;
	}
}

static void
claim_extents(GvBm25Check *check, const GvBm25ExtentData *extents, uint32 n, const char *problem)
{
	for (uint32 i = 0; i < n; i++)
		claim_pages(check, extents[i].start, extents[i].n, problem);
}

/* The pages that the metapage itself leads to, but for those of segments */
static void
claim_heads(GvBm25Check *check)
{
	const GvBm25MetaPageData *meta = &check->index.meta;

	check->n_blocks = RelationGetNumberOfBlocks(check->index.rel);
	check->claimed = palloc_extended((Size) check->n_blocks / 8 + 1,
									 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	claim_pages(check, GV_BM25_META_BLKNO, 2, USED_TWICE);
	for (int i = 0; i < meta->n_sealed; i++)
		claim_pages(check, meta->sealed[i].head, 1, USED_TWICE);
	for (int i = 0; i < GV_BM25_LANES; i++)
	{
		if (meta->lane[i].head != InvalidBlockNumber)
			claim_pages(check, meta->lane[i].head, 1, USED_TWICE);
	}
}

/*
 * Compare the list of free pages with the pages that something leads to.  It is
 * read last: a page of a lane may have been taken from it meanwhile, but only a
 * change of the segments puts pages there, which on a standby may have been.
 */
static void
check_free_pages(GvBm25Check *check)
{
	GvBm25Extents free = {0};
	uint64		generation = check->index.meta.generation;

	gv_bm25_read_free(&check->index, &free);
	gv_bm25_read_meta(&check->index);
	if (check->index.meta.generation != generation)
		siglongjmp(*check->index.overtaken, 1);
	claim_extents(check, free.extent, free.n, "A free page is in use.");
	if (free.extent != NULL)
		pfree(free.extent);
	pfree(check->claimed);
}

/* Report a problem of a segment */
static void
report_segment(SegmentCheck *state, const char *problem)
{
	gv_bm25_check_report(state->check, state->segment.entry.head, NULL, problem);
}

/* Read norms, as bytes, of the part's documents, or of a field in them, and count the field */
static void
read_norms(SegmentCheck *state, int field)
{
	uint32		lengths[AT_ONCE];

	for (uint32 first = state->first; first < state->end; first += AT_ONCE)
	{
		uint32		n = Min(AT_ONCE, state->end - first);
		uint8	   *norms = state->norms[field] + (first - state->first);

		if (field == 0 && state->segment.head.norm_size == 1)
		{
			gv_bm25_read_norms(&state->segment, first, n, norms);
			continue;
		}
		if (field == 0)
			gv_bm25_read_norms(&state->segment, first, n, lengths);
		else
			gv_bm25_read_field_lengths(&state->segment, field, first, n, lengths);
		for (uint32 i = 0; i < n; i++)
		{
			norms[i] = gv_bm25_norm_of_length(lengths[i]);
			if (field > 0)
			{
				state->counts[field - 1].total_length += lengths[i];
				state->counts[field - 1].n_docs += lengths[i] > 0;
			}
		}
	}
}

/*
 * Add those postings of a block to the sums that are of the part.
 *
 * before: the last document before the block; GV_BM25_NO_DOC: there is none
 */
static void
add_block(SegmentCheck *state, const GvBm25TermScan *scan, uint32 block,
		  GvBm25Posting *postings, uint32 n, uint32 before)
{
	bool		has_positions = gv_bm25_has_positions(&state->check->index);
	uint32		hash = (uint32) gv_bm25_hash_lexeme(scan->lexeme, scan->len);

	state->positions.n = 0;
	if (has_positions)
		gv_bm25_read_positions(&state->segment, &scan->entry, block, postings, n,
							   &state->positions);
	for (uint32 i = 0; i < n; i++)
	{
		Size		end = i + 1 < n ? postings[i + 1].positions : state->positions.n;
		uint32		doc = postings[i].doc;

		if (before != GV_BM25_NO_DOC && doc <= before && doc >= state->first)
			report_segment(state, "Postings are not in order.");
		before = doc;
		if (doc >= state->first && doc < state->end)
		{
			const uint8 *bytes =
				has_positions ? state->positions.bytes + postings[i].positions : NULL;

			state->sums[doc - state->first] +=
				gv_bm25_check_hash(hash, postings[i].tf, bytes, end - postings[i].positions);
		}
	}
}

/* Do a skip's pairs bound the postings of a block that are of the part? */
static bool
is_bounded(const SegmentCheck *state, const GvBm25SkipData *skip, const uint8 *norms,
		   const GvBm25Posting *postings, uint32 n)
{
	for (uint32 i = 0; i < n; i++)
	{
		uint32		doc = postings[i].doc;
		bool		found = doc < state->first || doc >= state->end;

		for (int pair = 0; pair < GV_BM25_PAIRS && !found; pair++)
			found = skip->tf[pair] >= Min(postings[i].tf, GV_BM25_PAIR_MAX_TF) &&
				skip->norm[pair] <= norms[doc - state->first];
		if (!found || skip->last_doc < doc)
			return false;
	}
	return true;
}

/* Read the blocks of a lexeme that has several */
static void
check_blocks(SegmentCheck *state, const GvBm25TermScan *scan, const uint8 *norms)
{
	const GvBm25Segment *segment = &state->segment;
	uint32		df = scan->entry.df;
	uint32		n_blocks = gv_bm25_n_blocks(df);
	uint32		first_skip = scan->entry.first_skip + gv_bm25_n_superblocks(df);
	GvBm25SkipData above;
	GvBm25SkipData skips[GV_BM25_SUPERBLOCK];
	uint32		before = GV_BM25_NO_DOC;
	bool		are_bounded = true;

	for (uint32 block = 0; block < n_blocks; block++)
	{
		GvBm25Skip	skip = &skips[block % GV_BM25_SUPERBLOCK];
		uint32		n = Min(GV_BM25_BLOCK, df - block * GV_BM25_BLOCK);
		uint32		docs[GV_BM25_BLOCK];
		uint32		tfs[GV_BM25_BLOCK];
		GvBm25Posting postings[GV_BM25_BLOCK];

		if (block % GV_BM25_SUPERBLOCK == 0)
		{
			CHECK_FOR_INTERRUPTS();
			gv_bm25_read_skips(segment, scan->entry.first_skip + block / GV_BM25_SUPERBLOCK, 1,
							   &above);
			gv_bm25_read_skips(segment, first_skip + block,
							   Min(GV_BM25_SUPERBLOCK, n_blocks - block), skips);
		}
		/* where the last document is, each block is read, unless its skip is reported */
		if (skip->last_doc >= state->first &&
			(before == GV_BM25_NO_DOC || before < state->end))
		{
			gv_bm25_read_block(segment, skip, before, n, docs, tfs);
			for (uint32 i = 0; i < n; i++)
				postings[i] = (GvBm25Posting) {docs[i], tfs[i], 0};
			add_block(state, scan, block, postings, n, before);
			are_bounded &= is_bounded(state, skip, norms, postings, n) &&
				is_bounded(state, &above, norms, postings, n);
		}
		if (state->first == 0 && (skip->last_doc >= segment->head.n_docs ||
								  (before != GV_BM25_NO_DOC && skip->last_doc <= before)))
			report_segment(state, "Postings are not in order.");
		before = skip->last_doc;
	}
	if (!are_bounded)
		report_segment(state, "A skip does not bound the postings of its block.");
}

/* Read the postings of a lexeme that are of the part */
static void
check_postings(SegmentCheck *state, const GvBm25TermScan *scan, const uint8 *norms)
{
	uint32		n = scan->entry.df;
	uint32		docs[GV_BM25_BLOCK];
	uint32		tfs[GV_BM25_BLOCK];
	GvBm25Posting postings[GV_BM25_BLOCK];

	if (n > GV_BM25_BLOCK)
	{
		check_blocks(state, scan, norms);
		return;
	}
	gv_bm25_read_list(&state->segment, &scan->entry, docs, tfs);
	for (uint32 i = 0; i < n; i++)
		postings[i] = (GvBm25Posting) {docs[i], tfs[i], 0};
	add_block(state, scan, 0, postings, n, GV_BM25_NO_DOC);
}

/* Check that a lexeme is after the last one, unless that is NULL, and that a search finds it */
static void
check_term(SegmentCheck *state, const GvBm25TermScan *scan, const char *last, uint32 last_len)
{
	GvBm25TermEntry entry;
	int			comparison = last ? memcmp(last, scan->lexeme, Min(last_len, scan->len)) : -1;

	if (comparison > 0 || (comparison == 0 && last_len >= scan->len))
		report_segment(state, "Lexemes are not in order.");
	if (!gv_bm25_segment_find(&state->segment, scan->lexeme, scan->len, &entry) ||
		entry.df != scan->entry.df)
		report_segment(state, "A lexeme is not found.");
}

/* Read the lexemes of a segment; what is not of documents is checked with the first part */
static void
check_terms(SegmentCheck *state)
{
	const GvBm25Index *index = &state->check->index;
	const GvBm25HeadPageData *head = &state->segment.head;
	GvBm25TermScan *scan = palloc(sizeof(GvBm25TermScan));
	char		last[GV_BM25_MAX_LEXEME];
	uint32		last_len = 0;
	uint64		n_terms = 0;
	uint64		n_postings = 0;

	gv_bm25_terms_begin(scan, &state->segment);
	while (gv_bm25_terms_next(scan))
	{
		int			field = gv_bm25_field_of(index, scan->lexeme, scan->len);

		if (state->first == 0)
		{
			check_term(state, scan, n_terms > 0 ? last : NULL, last_len);
			memcpy(last, scan->lexeme, scan->len);
			last_len = scan->len;
			if (scan->entry.df > head->n_docs)
				report_segment(state, "A lexeme is in more documents than there are.");
			if (field > (int) index->meta.fields.n)
				report_segment(state, "A lexeme is of no field.");
		}
		if (scan->entry.df > head->n_docs)
			break;
		if (field <= (int) index->meta.fields.n)
			check_postings(state, scan, state->norms[field]);
		n_terms++;
		n_postings += scan->entry.df;
	}
	if (state->first == 0 && (n_terms != head->n_terms || n_postings != head->n_postings))
		report_segment(state, "The head of a segment has other numbers of lexemes and postings.");
	pfree(scan);
}

/* Note the rows of the part */
static void
put_rows(SegmentCheck *state)
{
	GvBm25Segment *segment = &state->segment;
	bool		is_exact = segment->head.norm_size != 1;
	Size		filters_size = state->check->index.filters.packed_size;
	char	   *filters = palloc(AT_ONCE * filters_size + 1);
	GvBm25CheckedRow row = {.source = state->source,.block = segment->entry.head};
	ItemPointerData tids[AT_ONCE];
	uint32		lengths[AT_ONCE];
	uint8		dead[AT_ONCE / 8];

	for (uint32 first = state->first; first < state->end; first += AT_ONCE)
	{
		uint32		n = Min(AT_ONCE, state->end - first);

		CHECK_FOR_INTERRUPTS();
		gv_bm25_read_tids(segment, first, n, tids);
		gv_bm25_read_dead(segment, first, n, dead);
		gv_bm25_read_filters(segment, first, n, filters);
		if (is_exact)
			gv_bm25_read_norms(segment, first, n, lengths);
		for (uint32 i = 0; i < n; i++)
		{
			uint32		place = first - state->first + i;

			if (first + i > 0 && ItemPointerCompare(&state->last_tid, &tids[i]) >= 0)
				gv_bm25_check_report(state->check, segment->entry.head, &tids[i],
									 "Rows of a segment are not in order.");
			state->last_tid = tids[i];
			if (dead[i / 8] >> i % 8 & 1)
			{
				state->n_dead++;
				continue;
			}
			row.tid = tids[i];
			row.length = is_exact ? lengths[i] : gv_bm25_length_of_norm(state->norms[0][place]);
			row.filters = gv_bm25_check_hash_filters(state->check, filters + i * filters_size);
			row.sum = state->sums[place];
			gv_bm25_check_put_row(state->check, &row);
		}
	}
	pfree(filters);
}

/* Check a segment, and note its rows */
static void
check_segment(GvBm25Check *check, int number)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "bm25 check",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	SegmentCheck *state = palloc0(sizeof(SegmentCheck));
	const GvBm25SegmentData *entry = &check->index.meta.segment[number];
	int			n_fields = check->index.meta.fields.n;
	Size		document_size = sizeof(uint64) + 1 + n_fields;
	uint32		n = entry->n_docs;
	uint32		per_part = (uint32) Min(n, gv_bm25_check_memory() / document_size / 8 * 8);

	state->check = check;
	state->source = (uint16) number;
	gv_bm25_segment_open(&state->segment, &check->index, entry);
	claim_extents(check, state->segment.extents, state->segment.head.n_extents, USED_TWICE);
	state->sums = MemoryContextAllocHuge(context, (Size) per_part * sizeof(uint64));
	for (int i = 0; i <= n_fields; i++)
		state->norms[i] = MemoryContextAllocHuge(context, per_part);
	for (state->first = 0; state->first < n; state->first = state->end)
	{
		state->end = state->first + Min(per_part, n - state->first);
		memset(state->sums, 0, (Size) (state->end - state->first) * sizeof(uint64));
		for (int i = 0; i <= n_fields; i++)
			read_norms(state, i);
		check_terms(state);
		put_rows(state);
	}
	for (int i = 0; i < n_fields; i++)
	{
		if (state->segment.head.field[i].n_docs != state->counts[i].n_docs ||
			state->segment.head.field[i].total_length != state->counts[i].total_length)
			report_segment(state, "The head of a segment has other lengths of a field.");
	}
	/* VACUUM tells the number first and sets the bits then */
	if (state->n_dead > entry->n_dead)
		report_segment(state, "More documents are dead than the metapage says.");
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* Note the rows of the lanes */
static void
check_lanes(GvBm25Check *check)
{
	GvBm25DeltaScan *scan = palloc(sizeof(GvBm25DeltaScan));
	bool		exact = (check->index.meta.flags & GV_BM25_FLAG_EXACT_LENGTH) != 0;
	BlockNumber last = InvalidBlockNumber;

	gv_bm25_delta_begin(scan, &check->index);
	while (gv_bm25_delta_next(scan))
	{
		const uint8 *in = scan->terms;
		uint64		sum = 0;

		/* the first page was claimed with all heads */
		if (scan->row_block != last && scan->n_pages > 1)
			claim_pages(check, scan->row_block, 1, USED_TWICE);
		last = scan->row_block;
		if (scan->row->flags & GV_BM25_ROW_LONG)
		{
			GvBm25Extents pages = {0};

			gv_bm25_long_row_pages(scan, &pages);
			claim_extents(check, pages.extent, pages.n, USED_TWICE);
			pfree(pages.extent);
		}
		for (uint32 i = 0; i < scan->row->n_terms; i++)
		{
			GvBm25RowTerm term;
			uint32		hash;

			in = gv_bm25_delta_term(scan, in, &term);
			hash = (uint32) gv_bm25_hash_lexeme(term.lexeme, term.len);
			if (hash != scan->hashes[i] || (i > 0 && hash < scan->hashes[i - 1]))
				gv_bm25_check_report(check, scan->row_block, &scan->row->tid,
							   "A hash of a new row is wrong.");
			gv_bm25_delta_check_positions(scan, &term);
			sum += gv_bm25_check_hash(hash, term.tf,
								gv_bm25_has_positions(&check->index) ? term.positions : NULL,
								term.n_position_bytes);
		}
		if (!(scan->row->flags & GV_BM25_ROW_DEAD))
		{
			GvBm25CheckedRow row = {.tid = scan->row->tid,.source = OF_LANES,.sum = sum};

			row.block = scan->row_block;
			row.length = exact ? scan->row->length :
				gv_bm25_length_of_norm(gv_bm25_norm_of_length(scan->row->length));
			row.filters = gv_bm25_check_hash_filters(check, scan->filters);
			gv_bm25_check_put_row(check, &row);
		}
	}
	pfree(scan);
}

/*
 * gv_bm25_check
 *		Verify an index, and it against its table unless that is NULL.
 */
void
gv_bm25_check(Relation rel, Relation heap, GvAmReportProblem report, void *arg)
{
	GvBm25Check check;
	Snapshot	snapshot = NULL;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "bm25 check of all",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	sigjmp_buf	overtaken;

	memset(&check, 0, sizeof(check));
	check.report = report;
	check.report_arg = arg;

	if (heap != NULL)
		snapshot = RegisterSnapshot(GetLatestSnapshot());
	gv_bm25_lock_merge(rel);
	gv_bm25_open(&check.index, rel);
	/* on a standby the lock holds nobody up */
	(void) sigsetjmp(overtaken, 0);
	MemoryContextSwitchTo(context);
	CHECK_FOR_INTERRUPTS();
	gv_bm25_read_meta(&check.index);
	gv_bm25_check_end_rows(&check);
	MemoryContextDeleteChildren(context);
	gv_bm25_check_begin_rows(&check);
	check.index.overtaken = &overtaken;
	claim_heads(&check);
	for (int i = 0; i < check.index.meta.n_segments; i++)
	{
		GV_TEST_POINT("bm25-check-segment");
		check_segment(&check, i);
	}
	check_lanes(&check);
	check_free_pages(&check);
	check.index.overtaken = NULL;
	gv_bm25_unlock_merge(rel);

	gv_bm25_check_heap(&check, heap, snapshot);
	gv_bm25_check_end_rows(&check);
	if (heap != NULL)
		UnregisterSnapshot(snapshot);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
