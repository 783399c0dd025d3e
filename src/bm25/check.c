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
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "catalog/index.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "bm25/bm25.h"
#include "bm25/delta.h"
#include "bm25/filter.h"
#include "bm25/pages.h"
#include "bm25/positions.h"

/* What is said of a page that two lead to */
#define USED_TWICE "Two lead to a page."

/* What is known of a row */
typedef struct Document
{
	ItemPointerData tid;		/* key */
	uint32		length;
	uint64		sum;
	uint32		filters;		/* hash of the words of its filter columns, and of the
								 * lengths of its fields */
} Document;

typedef struct CheckState
{
	GvBm25Index index;
	GvAmReportProblem report;
	void	   *arg;
	HTAB	   *documents;		/* those that are not dead */
	uint8	   *claimed;		/* a bit for each page that something leads to */
	BlockNumber n_blocks;		/* of the index, of which there are such bits */
	GvBm25Tokenizer *tokenizer;
	MemoryContext row_context;
	Oid			type;
} CheckState;

static void
report_problem(CheckState *state, BlockNumber block, const ItemPointerData *tid, const char *text)
{
	GvAmProblem problem;

	problem.block = block;
	problem.item = -1;
	if (tid != NULL)
		problem.row_tid = *tid;
	else
		ItemPointerSetInvalid(&problem.row_tid);
	problem.problem = text;
	state->report(state->arg, &problem);
}

/* What a lexeme adds to the sum of a document; positions: NULL, or as codec.h tells */
static uint64
hash_posting(uint32 lexeme_hash, uint32 tf, const uint8 *positions, Size n_bytes)
{
	uint64		result = hash_bytes_uint32_extended(tf, lexeme_hash);

	if (positions != NULL)
		result = hash_bytes_extended(positions, (int) n_bytes, result);
	return result;
}

static uint32
hash_filters(const CheckState *state, const char *packed)
{
	if (state->index.filters.n == 0)
		return 0;
	return hash_bytes((const unsigned char *) packed, state->index.filters.packed_size);
}

/* Note that something leads to pages; nothing else must */
static void
claim_pages(CheckState *state, BlockNumber start, uint32 n, const char *problem)
{
	for (uint32 i = 0; i < n && start + i < state->n_blocks; i++)
	{
		uint8	   *byte = &state->claimed[(start + i) / 8];
		uint8		bit = 1 << (start + i) % 8;

		if (*byte & bit)
		{
			report_problem(state, start + i, NULL, problem);
			return;
		}
		*byte |= bit;
	}
}

static void
claim_extents(CheckState *state, const GvBm25ExtentData *extents, uint32 n, const char *problem)
{
	for (uint32 i = 0; i < n; i++)
		claim_pages(state, extents[i].start, extents[i].n, problem);
}

/* The pages that the metapage itself leads to, but for those of segments */
static void
claim_heads(CheckState *state)
{
	const GvBm25MetaPageData *meta = &state->index.meta;

	state->n_blocks = RelationGetNumberOfBlocks(state->index.rel);
	state->claimed = palloc_extended((Size) state->n_blocks / 8 + 1,
									 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	claim_pages(state, GV_BM25_META_BLKNO, 2, USED_TWICE);
	for (int i = 0; i < meta->n_sealed; i++)
		claim_pages(state, meta->sealed[i].head, 1, USED_TWICE);
	for (int i = 0; i < GV_BM25_LANES; i++)
	{
		if (meta->lane[i].head != InvalidBlockNumber)
			claim_pages(state, meta->lane[i].head, 1, USED_TWICE);
	}
}

/*
 * Compare the list of free pages with the pages that something leads to.  It is
 * read last: a page of a lane may have been taken from it meanwhile, but only a
 * change of the segments puts pages there, which on a standby may have been.
 */
static void
check_free_pages(CheckState *state)
{
	GvBm25Extents free = {0};
	uint64		generation = state->index.meta.generation;

	gv_bm25_read_free(&state->index, &free);
	gv_bm25_read_meta(&state->index);
	if (state->index.meta.generation != generation)
		siglongjmp(*state->index.overtaken, 1);
	claim_extents(state, free.extent, free.n, "A free page is in use.");
	if (free.extent != NULL)
		pfree(free.extent);
	pfree(state->claimed);
}

/* Note a document; a row must not be in the index twice */
static void
add_document(CheckState *state, BlockNumber block, const ItemPointerData *tid, uint32 length,
			 uint64 sum, const char *filters)
{
	bool		found;
	Document   *document = hash_search(state->documents, tid, HASH_ENTER, &found);

	if (found)
		report_problem(state, block, tid, "The index has the row twice.");
	document->length = length;
	document->sum = sum;
	document->filters = hash_filters(state, filters);
}

/* Check the postings of a lexeme against the skips' bounds, and add them to the sums */
static void
check_postings(CheckState *state, GvBm25Segment *segment, const GvBm25TermScan *scan,
			   const GvBm25Posting *postings, const GvBm25Bytes *positions,
			   const uint8 *norms, uint64 *sums)
{
	uint32		df = scan->entry.df;
	uint32		hash = (uint32) gv_bm25_hash_lexeme(scan->lexeme, scan->len);

	for (uint32 i = 0; i < df; i++)
	{
		Size		end = i + 1 < df ? postings[i + 1].positions : positions->n;

		sums[postings[i].doc] +=
			hash_posting(hash, postings[i].tf,
						 gv_bm25_has_positions(&state->index) ?
						 positions->bytes + postings[i].positions : NULL,
						 end - postings[i].positions);
		if (i > 0 && postings[i].doc <= postings[i - 1].doc)
			report_problem(state, segment->entry.head, NULL, "Postings are not in order.");
	}
	if (df <= GV_BM25_BLOCK)
		return;
	for (uint32 block = 0; block < gv_bm25_n_blocks(df); block++)
	{
		GvBm25SkipData skips[2];

		gv_bm25_read_skips(segment, scan->entry.first_skip + block / GV_BM25_SUPERBLOCK, 1,
						   &skips[0]);
		gv_bm25_read_skips(segment, scan->entry.first_skip + gv_bm25_n_superblocks(df) + block, 1,
						   &skips[1]);
		for (uint32 i = block * GV_BM25_BLOCK; i < Min(df, (block + 1) * GV_BM25_BLOCK); i++)
		{
			for (int level = 0; level < 2; level++)
			{
				bool		is_bounded = false;

				for (int pair = 0; pair < GV_BM25_PAIRS; pair++)
					is_bounded |= skips[level].tf[pair] >= Min(postings[i].tf,
															   GV_BM25_PAIR_MAX_TF) &&
						skips[level].norm[pair] <= norms[postings[i].doc];
				if (!is_bounded || skips[level].last_doc < postings[i].doc)
				{
					report_problem(state, segment->entry.head, NULL,
								   "A skip does not bound the postings of its block.");
					return;
				}
			}
		}
	}
}

/* Read the norms of a field in all documents, and check what the head counts of it */
static void
check_field(CheckState *state, GvBm25Segment *segment, int field, uint8 *norms)
{
	uint32		n = segment->head.n_docs;
	uint32	   *lengths = MemoryContextAllocHuge(CurrentMemoryContext, (Size) n * sizeof(uint32));
	uint64		total_length = 0;
	uint32		n_docs = 0;

	gv_bm25_read_field_lengths(segment, field, 0, n, lengths);
	for (uint32 i = 0; i < n; i++)
	{
		norms[i] = gv_bm25_norm_of_length(lengths[i]);
		total_length += lengths[i];
		n_docs += lengths[i] > 0;
	}
	if (segment->head.field[field - 1].n_docs != n_docs ||
		segment->head.field[field - 1].total_length != total_length)
		report_problem(state, segment->entry.head, NULL,
					   "The head of a segment has other lengths of a field.");
	pfree(lengths);
}

/* Read the lexemes of a segment; sums: of its documents, written */
static void
check_terms(CheckState *state, GvBm25Segment *segment, const uint8 *norms, uint64 *sums)
{
	uint8	  **field_norms = palloc(GV_BM25_MAX_FIELDS * sizeof(uint8 *));
	GvBm25TermScan *scan = palloc(sizeof(GvBm25TermScan));
	GvBm25Posting *postings = NULL;
	GvBm25Bytes positions = {0};
	uint32		size = 0;
	char		last[GV_BM25_MAX_LEXEME];
	uint32		last_len = 0;
	uint64		n_terms = 0;
	uint64		n_postings = 0;

	for (uint32 i = 0; i < state->index.meta.fields.n; i++)
	{
		field_norms[i] = MemoryContextAllocHuge(CurrentMemoryContext, segment->head.n_docs);
		check_field(state, segment, i + 1, field_norms[i]);
	}
	gv_bm25_terms_begin(scan, segment);
	while (gv_bm25_terms_next(scan))
	{
		int			field = gv_bm25_field_of(&state->index, scan->lexeme, scan->len);
		GvBm25TermEntry entry;
		int			comparison = memcmp(last, scan->lexeme, Min(last_len, scan->len));

		if (n_terms > 0 && (comparison > 0 || (comparison == 0 && last_len >= scan->len)))
			report_problem(state, segment->entry.head, NULL, "Lexemes are not in order.");
		memcpy(last, scan->lexeme, scan->len);
		last_len = scan->len;
		if (!gv_bm25_segment_find(segment, scan->lexeme, scan->len, &entry) ||
			entry.df != scan->entry.df)
			report_problem(state, segment->entry.head, NULL, "A lexeme is not found.");
		if (scan->entry.df > segment->head.n_docs)
		{
			report_problem(state, segment->entry.head, NULL,
						   "A lexeme is in more documents than there are.");
			break;
		}
		if (scan->entry.df > size)
		{
			if (postings != NULL)
				pfree(postings);
			size = Max(scan->entry.df, size * 2);
			postings = MemoryContextAllocHuge(CurrentMemoryContext,
											  (Size) size * sizeof(GvBm25Posting));
		}
		positions.n = 0;
		gv_bm25_read_postings(segment, &scan->entry, postings,
							  gv_bm25_has_positions(&state->index) ? &positions : NULL);
		if (field > (int) state->index.meta.fields.n)
			report_problem(state, segment->entry.head, NULL, "A lexeme is of no field.");
		else
			check_postings(state, segment, scan, postings, &positions,
						   field > 0 ? field_norms[field - 1] : norms, sums);
		n_terms++;
		n_postings += scan->entry.df;
	}
	if (n_terms != segment->head.n_terms || n_postings != segment->head.n_postings)
		report_problem(state, segment->entry.head, NULL,
					   "The head of a segment has other numbers of lexemes and postings.");
}

/* Check a segment, and note its documents */
static void
check_segment(CheckState *state, const GvBm25SegmentData *entry)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "bm25 check",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	uint32		n = entry->n_docs;
	GvBm25Segment segment;
	uint64	   *sums;
	uint8	   *norms;
	uint32	   *lengths = NULL;
	uint8	   *dead;
	ItemPointerData *tids;
	Size		filters_size = state->index.filters.packed_size;
	char	   *filters;
	uint32		n_dead = 0;

	gv_bm25_segment_open(&segment, &state->index, entry);
	claim_extents(state, segment.extents, segment.head.n_extents, USED_TWICE);
	sums = MemoryContextAllocExtended(context, (Size) n * sizeof(uint64),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	norms = MemoryContextAllocHuge(context, n);
	if (segment.head.norm_size == 1)
		gv_bm25_read_norms(&segment, 0, n, norms);
	else
	{
		lengths = MemoryContextAllocHuge(context, (Size) n * sizeof(uint32));
		gv_bm25_read_norms(&segment, 0, n, lengths);
		for (uint32 i = 0; i < n; i++)
			norms[i] = gv_bm25_norm_of_length(lengths[i]);
	}
	check_terms(state, &segment, norms, sums);

	dead = MemoryContextAllocHuge(context, (n + 7) / 8);
	gv_bm25_read_dead(&segment, dead);
	tids = MemoryContextAllocHuge(context, (Size) n * sizeof(ItemPointerData));
	gv_bm25_read_tids(&segment, 0, n, tids);
	filters = MemoryContextAllocHuge(context, n * filters_size + 1);
	gv_bm25_read_filters(&segment, filters);
	for (uint32 i = 0; i < n; i++)
	{
		if (i > 0 && ItemPointerCompare(&tids[i - 1], &tids[i]) >= 0)
			report_problem(state, entry->head, &tids[i], "Rows of a segment are not in order.");
		if (dead[i / 8] >> i % 8 & 1)
			n_dead++;
		else
			add_document(state, entry->head, &tids[i],
						 lengths ? lengths[i] : gv_bm25_length_of_norm(norms[i]), sums[i],
						 filters + i * filters_size);
	}
	/* VACUUM tells the number first and sets the bits then */
	if (n_dead > entry->n_dead)
		report_problem(state, entry->head, NULL, "More documents are dead than the metapage says.");
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* Note the rows of the lanes */
static void
check_lanes(CheckState *state)
{
	GvBm25DeltaScan *scan = palloc(sizeof(GvBm25DeltaScan));
	bool		exact = (state->index.meta.flags & GV_BM25_FLAG_EXACT_LENGTH) != 0;
	BlockNumber last = InvalidBlockNumber;

	gv_bm25_delta_begin(scan, &state->index);
	while (gv_bm25_delta_next(scan))
	{
		const uint8 *in = scan->terms;
		uint64		sum = 0;

		/* the first page was claimed with all heads */
		if (scan->row_block != last && scan->n_pages > 1)
			claim_pages(state, scan->row_block, 1, USED_TWICE);
		last = scan->row_block;
		if (scan->row->flags & GV_BM25_ROW_LONG)
		{
			GvBm25Extents pages = {0};

			gv_bm25_long_row_pages(scan, &pages);
			claim_extents(state, pages.extent, pages.n, USED_TWICE);
			pfree(pages.extent);
		}
		for (uint32 i = 0; i < scan->row->n_terms; i++)
		{
			GvBm25RowTerm term;
			uint32		hash;

			in = gv_bm25_delta_term(scan, in, &term);
			hash = (uint32) gv_bm25_hash_lexeme(term.lexeme, term.len);
			if (hash != scan->hashes[i] || (i > 0 && hash < scan->hashes[i - 1]))
				report_problem(state, scan->row_block, &scan->row->tid,
							   "A hash of a new row is wrong.");
			gv_bm25_delta_check_positions(scan, &term);
			sum += hash_posting(hash, term.tf,
								gv_bm25_has_positions(&state->index) ? term.positions : NULL,
								term.n_position_bytes);
		}
		if (!(scan->row->flags & GV_BM25_ROW_DEAD))
			add_document(state, scan->row_block, &scan->row->tid,
						 exact ? scan->row->length :
						 gv_bm25_length_of_norm(gv_bm25_norm_of_length(scan->row->length)), sum,
						 scan->filters);
	}
	pfree(scan);
}

/* Compare a row of the table with the index */
static void
check_row(Relation rel, ItemPointer tid, Datum *values, bool *isnull, bool is_alive, void *arg)
{
	CheckState *state = arg;
	MemoryContext old;
	const GvBm25Document *document;
	Document   *known;
	GvBm25Bytes positions = {0};
	uint64		sum = 0;

	known = hash_search(state->documents, tid, HASH_FIND, NULL);
	if (isnull[0])
	{
		if (known != NULL)
			report_problem(state, InvalidBlockNumber, tid,
						   "The index has the row, and its text is null.");
		return;
	}
	old = MemoryContextSwitchTo(state->row_context);
	document = gv_bm25_tokenize_value(state->tokenizer, state->type, values[0]);
	if (document->length == 0 && known != NULL)
		report_problem(state, InvalidBlockNumber, tid,
					   "The index has the row, and its text has no words.");
	else if (document->length > 0 && known == NULL)
		report_problem(state, InvalidBlockNumber, tid, "The index does not have the row.");
	else if (document->length > 0)
	{
		uint32		length = document->length;

		for (int i = 0; i < document->n_terms; i++)
		{
			positions.n = 0;
			if (gv_bm25_has_positions(&state->index))
				gv_bm25_append_positions(&positions, &document->terms[i]);
			sum += hash_posting((uint32) document->terms[i].hash, document->terms[i].tf,
								positions.bytes, positions.n);
		}
		if (!(state->index.meta.flags & GV_BM25_FLAG_EXACT_LENGTH))
			length = gv_bm25_length_of_norm(gv_bm25_norm_of_length(length));
		if (sum != known->sum)
			report_problem(state, InvalidBlockNumber, tid,
						   gv_bm25_has_positions(&state->index) ?
						   "The index has other words of the row, or in other places, than the table." :
						   "The index has other words of the row than the table.");
		else if (length != known->length)
			report_problem(state, InvalidBlockNumber, tid,
						   "The index has another length of the row than the table.");
		else if (known->filters !=
				 hash_filters(state, gv_bm25_pack_filters(&state->index, document, values,
												   isnull)))
			report_problem(state, InvalidBlockNumber, tid,
						   state->index.n_filters > 0 ?
						   "The index has other values of filter columns than the table." :
						   "The index has other lengths of fields than the table.");
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(state->row_context);
}

/*
 * Compare the table with the index.
 *
 * Rows that a snapshot from before the index was read sees must be there.
 */
static void
check_heap(CheckState *state, Relation heap, Snapshot snapshot)
{
	IndexInfo  *info = BuildIndexInfo(state->index.rel);
	TableScanDesc scan;
	HASH_SEQ_STATUS all;
	Document   *document;
	BlockNumber n_blocks;

	/* as CREATE INDEX CONCURRENTLY: only what a snapshot sees */
	info->ii_Concurrent = true;
	info->ii_Unique = false;
	info->ii_ExclusionOps = NULL;
	scan = table_beginscan_strat(heap, snapshot, 0, NULL, true, false);
	table_index_build_scan(heap, state->index.rel, info, false, false, check_row, state, scan);

	/* nobody truncates the table meanwhile, for that takes a lock which our caller's keeps off */
	n_blocks = RelationGetNumberOfBlocks(heap);
	hash_seq_init(&all, state->documents);
	while ((document = hash_seq_search(&all)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (ItemPointerGetBlockNumberNoCheck(&document->tid) >= n_blocks)
			report_problem(state, InvalidBlockNumber, &document->tid,
						   "The row lies beyond the end of the table.");
	}
}

/*
 * gv_bm25_check
 *		Verify an index, and it against its table unless that is NULL.
 */
void
gv_bm25_check(Relation rel, Relation heap, GvAmReportProblem report, void *arg)
{
	CheckState	state;
	HASHCTL		ctl;
	Snapshot	snapshot = NULL;
	MemoryContext context = CurrentMemoryContext;
	sigjmp_buf	overtaken;

	memset(&state, 0, sizeof(state));
	state.report = report;
	state.arg = arg;
	state.type = rel->rd_opcintype[0];
	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = sizeof(ItemPointerData);
	ctl.entrysize = sizeof(Document);

	if (heap != NULL)
		snapshot = RegisterSnapshot(GetLatestSnapshot());
	gv_bm25_lock_merge(rel);
	gv_bm25_open(&state.index, rel);
	/* on a standby the lock holds nobody up */
	(void) sigsetjmp(overtaken, 0);
	MemoryContextSwitchTo(context);
	CHECK_FOR_INTERRUPTS();
	gv_bm25_read_meta(&state.index);
	ctl.hcxt = context;
	state.documents = hash_create("bm25 check", 1024, &ctl,
								  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	state.index.overtaken = &overtaken;
	claim_heads(&state);
	for (int i = 0; i < state.index.meta.n_segments; i++)
		check_segment(&state, &state.index.meta.segment[i]);
	check_lanes(&state);
	check_free_pages(&state);
	state.index.overtaken = NULL;
	gv_bm25_unlock_merge(rel);

	if (heap != NULL)
	{
		state.tokenizer = gv_bm25_tokenizer_of(&state.index, CurrentMemoryContext,
											   gv_bm25_document_flags(&state.index));
		state.row_context = AllocSetContextCreate(CurrentMemoryContext, "bm25 row",
												  ALLOCSET_DEFAULT_SIZES);
		check_heap(&state, heap, snapshot);
		UnregisterSnapshot(snapshot);
	}
	hash_destroy(state.documents);
}
