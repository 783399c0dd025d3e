/*-------------------------------------------------------------------------
 *
 * insert.c
 *		INSERT: a row goes to a lane, and a full lane to a segment.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "bm25/bm25.h"
#include "bm25/delta.h"
#include "bm25/filter.h"

/* Pages of segments that an insert merges at once, at most; VACUUM merges more */
#define MAX_MERGED_PAGES 4096

/* What a command that inserts keeps */
typedef struct InsertState
{
	GvBm25Tokenizer *tokenizer;
	MemoryContext row_context;
} InsertState;

/* What the command keeps, made for its first row */
static InsertState *
get_state(const GvBm25Index *index, IndexInfo *index_info)
{
	InsertState *state = index_info->ii_AmCache;
	MemoryContext old;

	if (state != NULL)
		return state;
	old = MemoryContextSwitchTo(index_info->ii_Context);
	state = palloc(sizeof(InsertState));
	state->tokenizer = gv_bm25_tokenizer_of(index, index_info->ii_Context,
											gv_bm25_document_flags(index));
	state->row_context = AllocSetContextCreate(index_info->ii_Context, "bm25 row",
											   ALLOCSET_DEFAULT_SIZES);
	index_info->ii_AmCache = state;
	MemoryContextSwitchTo(old);
	return state;
}

/*
 * gv_bm25_insert
 *		aminsert
 */
bool
gv_bm25_insert(Relation index_rel, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
			   IndexUniqueCheck unique_check, bool index_unchanged, IndexInfo *index_info)
{
	GvBm25Index index;
	InsertState *state;
	const GvBm25Document *document;
	MemoryContext old;

	if (isnull[0])
		return false;
	gv_bm25_open(&index, index_rel);
	state = get_state(&index, index_info);
	old = MemoryContextSwitchTo(state->row_context);
	document = gv_bm25_tokenize_value(state->tokenizer, index_rel->rd_opcintype[0], values[0]);
	if (document->length > 0 &&
		gv_bm25_delta_insert(&index, document,
							 gv_bm25_pack_filters(&index, document, values, isnull), tid) &&
		ConditionalLockPage(index_rel, GV_BM25_META_BLKNO, ExclusiveLock))
	{
		gv_bm25_read_meta(&index);
		if (index.meta.n_segments < GV_BM25_MAX_SEGMENTS)
			gv_bm25_flush(&index);
		gv_bm25_merge_tiers(&index, MAX_MERGED_PAGES);
		gv_bm25_unlock_merge(index_rel);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(state->row_context);
	return false;
}
