/*-------------------------------------------------------------------------
 *
 * build.c
 *		CREATE INDEX.
 *
 * Documents are collected in memory, and written to sorted temporary files when
 * maintenance_work_mem is full; all of it becomes one segment.  Its pages are
 * logged at the end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xloginsert.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "bm25/bm25.h"
#include "bm25/build.h"

/* Part of maintenance_work_mem that documents may take, the rest is for merging */
#define MEMORY_PART 0.75

typedef struct BuildState
{
	GvBm25Index *index;
	Oid			type;			/* of the operator class */
	GvBm25Tokenizer *tokenizer;
	MemoryContext row_context;
	MemoryContext context;
	GvBm25Invert *invert;
	List	   *runs;			/* of GvBm25Source * */
	Size		limit;			/* bytes */
	double		n_rows;
} BuildState;

/* Begin collecting in memory anew */
static void
begin_documents(BuildState *state)
{
	MemoryContext old = MemoryContextSwitchTo(state->context);

	state->invert = gv_bm25_invert_create();
	MemoryContextSwitchTo(old);
}

/* Write what is in memory to a file */
static void
write_run(BuildState *state)
{
	MemoryContext old = MemoryContextSwitchTo(state->context);

	state->runs = lappend(state->runs, gv_bm25_run_write(state->invert));
	gv_bm25_invert_free(state->invert);
	MemoryContextSwitchTo(old);
	begin_documents(state);
}

/* Take a row of the table */
static void
add_row(Relation rel, ItemPointer tid, Datum *values, bool *isnull, bool is_alive, void *arg)
{
	BuildState *state = arg;
	const GvBm25Document *document;
	MemoryContext old;

	if (isnull[0])
		return;
	old = MemoryContextSwitchTo(state->row_context);
	document = gv_bm25_tokenize_value(state->tokenizer, state->type, values[0]);
	if (document->length > 0)
	{
		gv_bm25_invert_document(state->invert, tid, document->length);
		for (int i = 0; i < document->n_terms; i++)
		{
			const GvBm25Term *term = &document->terms[i];

			gv_bm25_invert_term(state->invert, term->lexeme, term->len, (uint32) term->hash,
								term->tf);
		}
		state->n_rows++;
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(state->row_context);
	if (gv_bm25_invert_memory(state->invert) > state->limit)
		write_run(state);
}

/* Add an empty page to the relation, and write it */
static void
write_new_page(Relation index, ForkNumber fork, BlockNumber blkno, const char *content)
{
	Buffer		buf = gv_am_new_buffer(index, fork);

	if (BufferGetBlockNumber(buf) != blkno)
		elog(ERROR, "index \"%s\" is not empty", RelationGetRelationName(index));
	START_CRIT_SECTION();
	memcpy(BufferGetPage(buf), content, BLCKSZ);
	MarkBufferDirty(buf);
	if (fork == INIT_FORKNUM)
		log_newpage_buffer(buf, true);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buf);
}

/* Write the metapage and the list of free pages of an empty index */
static void
write_empty(Relation index, ForkNumber fork, const GvBm25MetaPageData *meta)
{
	PGAlignedBlock page;

	gv_bm25_write_meta((Page) page.data, meta);
	write_new_page(index, fork, GV_BM25_META_BLKNO, page.data);
	gv_bm25_write_free((Page) page.data, NULL, 0);
	write_new_page(index, fork, GV_BM25_FREE_BLKNO, page.data);
}

/* Change the metapage and the list of free pages to what was built */
static void
write_result(GvBm25Index *index, const GvBm25Space *space, const GvBm25SegmentData *entry)
{
	PGAlignedBlock page;
	Buffer		buf;

	index->meta.segment[0] = *entry;
	index->meta.n_segments = 1;
	gv_bm25_write_meta((Page) page.data, &index->meta);
	buf = ReadBuffer(index->rel, GV_BM25_META_BLKNO);
	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	START_CRIT_SECTION();
	memcpy(BufferGetPage(buf), page.data, BLCKSZ);
	MarkBufferDirty(buf);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buf);

	gv_bm25_write_free((Page) page.data, space->free.extent,
					   Min(space->free.n, GV_BM25_MAX_FREE_EXTENTS));
	buf = ReadBuffer(index->rel, GV_BM25_FREE_BLKNO);
	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	START_CRIT_SECTION();
	memcpy(BufferGetPage(buf), page.data, BLCKSZ);
	MarkBufferDirty(buf);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buf);
}

/* Write the segment of all documents */
static void
write_segment(BuildState *state)
{
	int			n_sources = 0;
	GvBm25Source **sources = palloc((list_length(state->runs) + 1) * sizeof(GvBm25Source *));
	GvBm25Space space;
	GvBm25SegmentData entry;
	ListCell   *cell;

	if (state->runs != NIL)
		write_run(state);
	foreach(cell, state->runs)
		sources[n_sources++] = lfirst(cell);
	if (n_sources == 0)
		sources[n_sources++] = gv_bm25_invert_source(state->invert);
	else
		gv_bm25_invert_free(state->invert);

	gv_bm25_space_begin(&space, state->index, false);
	if (gv_bm25_merge_sources(state->index, sources, n_sources, &space, &entry))
		write_result(state->index, &space, &entry);
}

/*
 * gv_bm25_build
 *		ambuild
 */
IndexBuildResult *
gv_bm25_build(Relation heap, Relation index_rel, IndexInfo *index_info)
{
	IndexBuildResult *result = palloc(sizeof(IndexBuildResult));
	GvBm25Index index = {0};
	BuildState	state = {0};
	MemoryContext old;

	if (RelationGetNumberOfBlocks(index_rel) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index_rel));
	index.rel = index_rel;
	gv_bm25_init_meta(&index.meta, index_rel);
	write_empty(index_rel, MAIN_FORKNUM, &index.meta);
	index.hints = gv_am_hints(index_rel);

	state.index = &index;
	state.type = index_rel->rd_opcintype[0];
	state.context = AllocSetContextCreate(CurrentMemoryContext, "bm25 build",
										  ALLOCSET_DEFAULT_SIZES);
	state.row_context = AllocSetContextCreate(state.context, "bm25 row", ALLOCSET_DEFAULT_SIZES);
	state.tokenizer = gv_bm25_tokenizer_of(&index, state.context, 0);
	state.limit = (Size) (maintenance_work_mem * MEMORY_PART * 1024);
	begin_documents(&state);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, GV_BM25_PHASE_SCAN);
	result->heap_tuples = table_index_build_scan(heap, index_rel, index_info, false, true,
												 add_row, &state, NULL);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, GV_BM25_PHASE_MERGE);
	old = MemoryContextSwitchTo(state.context);
	write_segment(&state);
	MemoryContextSwitchTo(old);
	gv_bm25_tokenizer_free(state.tokenizer);
	MemoryContextDelete(state.context);

	if (RelationNeedsWAL(index_rel))
		log_newpage_range(index_rel, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(index_rel), true);
	result->index_tuples = state.n_rows;
	return result;
}

/*
 * gv_bm25_build_empty
 *		ambuildempty: what an unlogged index is after a crash
 */
void
gv_bm25_build_empty(Relation index)
{
	GvBm25MetaPageData meta;

	gv_bm25_init_meta(&meta, index);
	write_empty(index, INIT_FORKNUM, &meta);
}
