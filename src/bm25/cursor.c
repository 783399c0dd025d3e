/*-------------------------------------------------------------------------
 *
 * cursor.c
 *		Going through the postings of a lexeme in a segment, by blocks.
 *
 * A cursor stands at a block, which need not be read: skips tell its documents
 * and the score that none of it exceeds.  Bounds are computed with the very
 * operations that compute scores, and these are monotonic, so a bound is never
 * below a score, not by the last bit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "bm25/cursor.h"

/* The score that no posting bounded by pairs exceeds */
static float
bound_of(const GvBm25Cursor *cursor, const GvBm25SkipData *skip)
{
	float		bound = 0;

	for (int i = 0; i < GV_BM25_PAIRS && skip->tf[i] > 0; i++)
	{
		float		score = skip->tf[i] == GV_BM25_PAIR_MAX_TF ? cursor->weight :
			gv_bm25_score(cursor->weight, (float) skip->tf[i], cursor->factor[skip->norm[i]]);

		bound = Max(bound, score);
	}
	return bound;
}

/*
 * gv_bm25_cursor_begin
 *		Stand at the first block of a lexeme; memory is of the current context.
 *
 * entry: lives as long as the cursor
 */
void
gv_bm25_cursor_begin(GvBm25Cursor *cursor, const GvBm25Segment *segment,
					 const GvBm25TermEntry *entry, float weight, const float *factor)
{
	cursor->segment = segment;
	cursor->entry = entry;
	cursor->factor = factor;
	cursor->weight = weight;
	cursor->block = 0;
	cursor->first_doc = 0;
	if (entry->df <= GV_BM25_BLOCK)
	{
		cursor->n_blocks = 1;
		cursor->n_supers = 1;
		cursor->supers = NULL;
		cursor->super = 0;
		gv_bm25_read_list(segment, entry, cursor->docs, cursor->tfs);
		cursor->loaded = 0;
		cursor->n = entry->df;
		cursor->pos = 0;
		cursor->first_doc = cursor->docs[0];
		cursor->last_doc = cursor->docs[entry->df - 1];
		return;
	}
	cursor->n_blocks = gv_bm25_n_blocks(entry->df);
	cursor->n_supers = gv_bm25_n_superblocks(entry->df);
	cursor->first_skip = entry->first_skip + cursor->n_supers;
	cursor->supers = palloc(cursor->n_supers * sizeof(GvBm25SkipData));
	cursor->super_bounds = palloc(cursor->n_supers * sizeof(float));
	gv_bm25_read_skips(segment, entry->first_skip, cursor->n_supers, cursor->supers);
	for (uint32 i = 0; i < cursor->n_supers; i++)
	{
		cursor->super_bounds[i] = -1;
		if (i > 0 && cursor->supers[i].last_doc <= cursor->supers[i - 1].last_doc)
			gv_bm25_segment_damaged(segment, segment->head.skips, "Skips are not in order.");
	}
	if (cursor->supers[cursor->n_supers - 1].last_doc >= segment->head.n_docs)
		gv_bm25_segment_damaged(segment, segment->head.skips, "Skips are not in order.");
	cursor->super = cursor->n_supers;
	cursor->loaded = cursor->n_blocks;
	gv_bm25_cursor_seek(cursor, 0);
}

/*
 * gv_bm25_cursor_end
 *		Free what a cursor holds, but not the cursor.
 */
void
gv_bm25_cursor_end(GvBm25Cursor *cursor)
{
	if (cursor->supers == NULL)
		return;
	pfree(cursor->supers);
	pfree(cursor->super_bounds);
}

/* Read the skips of a superblock */
static void
load_super(GvBm25Cursor *cursor, uint32 super)
{
	uint32		first = super * GV_BM25_SUPERBLOCK;
	uint32		n = Min(GV_BM25_SUPERBLOCK, cursor->n_blocks - first);
	uint32		before = super == 0 ? 0 : cursor->supers[super - 1].last_doc + 1;

	gv_bm25_read_skips(cursor->segment, cursor->first_skip + first, n, cursor->skips);
	for (uint32 i = 0; i < n; i++)
	{
		if (cursor->skips[i].last_doc < before)
			gv_bm25_segment_damaged(cursor->segment, cursor->segment->head.skips,
									"Skips are not in order.");
		before = cursor->skips[i].last_doc + 1;
		cursor->bounds[i] = -1;
	}
	if (cursor->skips[n - 1].last_doc != cursor->supers[super].last_doc)
		gv_bm25_segment_damaged(cursor->segment, cursor->segment->head.skips,
								"Skips are not in order.");
	cursor->super = super;
}

/* Note the limits of the block where the cursor stands, whose skip is read */
static void
enter_block(GvBm25Cursor *cursor)
{
	uint32		i = cursor->block % GV_BM25_SUPERBLOCK;

	if (i > 0)
		cursor->first_doc = cursor->skips[i - 1].last_doc + 1;
	else
		cursor->first_doc = cursor->super == 0 ? 0 :
			cursor->supers[cursor->super - 1].last_doc + 1;
	cursor->last_doc = cursor->skips[i].last_doc;
}

/*
 * gv_bm25_cursor_seek
 *		Go forward to the block that has a document or a later one.
 */
void
gv_bm25_cursor_seek(GvBm25Cursor *cursor, uint32 doc)
{
	uint32		super;

	if (cursor->block == cursor->n_blocks)
		return;
	if (cursor->supers == NULL)
	{
		if (cursor->last_doc < doc)
			cursor->block = cursor->n_blocks;
		return;
	}
	if (cursor->super < cursor->n_supers && cursor->last_doc >= doc)
		return;
	super = cursor->block / GV_BM25_SUPERBLOCK;
	while (cursor->supers[super].last_doc < doc)
	{
		if (++super == cursor->n_supers)
		{
			cursor->block = cursor->n_blocks;
			return;
		}
	}
	if (super != cursor->super)
	{
		load_super(cursor, super);
		cursor->block = super * GV_BM25_SUPERBLOCK;
	}
	while (cursor->skips[cursor->block % GV_BM25_SUPERBLOCK].last_doc < doc)
		cursor->block++;
	enter_block(cursor);
}

/*
 * gv_bm25_cursor_enter_super
 *		Stand at the first block of a superblock, of which there are some.
 */
void
gv_bm25_cursor_enter_super(GvBm25Cursor *cursor, uint32 super)
{
	if (super != cursor->super)
		load_super(cursor, super);
	cursor->block = super * GV_BM25_SUPERBLOCK;
	enter_block(cursor);
}

/*
 * gv_bm25_cursor_enter_block
 *		Stand at a block of the superblock where the cursor stands.
 */
void
gv_bm25_cursor_enter_block(GvBm25Cursor *cursor, uint32 block)
{
	Assert(block / GV_BM25_SUPERBLOCK == cursor->super && block < cursor->n_blocks);
	cursor->block = block;
	enter_block(cursor);
}

/*
 * gv_bm25_cursor_return
 *		Stand at a block again where the cursor stood before.
 */
void
gv_bm25_cursor_return(GvBm25Cursor *cursor, uint32 block)
{
	cursor->pos = 0;
	if (cursor->supers != NULL)
		gv_bm25_cursor_enter_super(cursor, block / GV_BM25_SUPERBLOCK);
	cursor->block = block;
	if (cursor->supers != NULL)
		enter_block(cursor);
}

/* The bound of a superblock */
float
gv_bm25_cursor_bound_of_super(GvBm25Cursor *cursor, uint32 super)
{
	if (cursor->supers == NULL)
		return cursor->weight;
	if (cursor->super_bounds[super] < 0)
		cursor->super_bounds[super] = bound_of(cursor, &cursor->supers[super]);
	return cursor->super_bounds[super];
}

/*
 * gv_bm25_cursor_most
 *		The score that no document of the segment exceeds.
 */
float
gv_bm25_cursor_most(GvBm25Cursor *cursor)
{
	float		most = 0;

	for (uint32 i = 0; i < cursor->n_supers; i++)
		most = Max(most, gv_bm25_cursor_bound_of_super(cursor, i));
	return most;
}

/* The bound of the superblock where the cursor stands */
float
gv_bm25_cursor_super_bound(GvBm25Cursor *cursor)
{
	if (cursor->block == cursor->n_blocks)
		return 0;
	return gv_bm25_cursor_bound_of_super(cursor, cursor->super);
}

/* The last document of that superblock */
uint32
gv_bm25_cursor_super_last(const GvBm25Cursor *cursor)
{
	return cursor->supers == NULL ? cursor->last_doc : cursor->supers[cursor->super].last_doc;
}

/* The bound of the block where the cursor stands */
float
gv_bm25_cursor_block_bound(GvBm25Cursor *cursor)
{
	uint32		i = cursor->block % GV_BM25_SUPERBLOCK;

	if (cursor->supers == NULL)
		return cursor->weight;
	if (cursor->bounds[i] < 0)
		cursor->bounds[i] = bound_of(cursor, &cursor->skips[i]);
	return cursor->bounds[i];
}

/*
 * gv_bm25_cursor_bound
 *		The score that no document before an end exceeds, from where the cursor
 *		stands.
 */
float
gv_bm25_cursor_bound(GvBm25Cursor *cursor, uint32 end)
{
	uint32		block = cursor->block;
	float		bound = 0;

	if (block == cursor->n_blocks || cursor->first_doc >= end)
		return 0;
	if (cursor->supers == NULL)
		return cursor->weight;
	for (;; block++)
	{
		uint32		i = block % GV_BM25_SUPERBLOCK;

		if (cursor->bounds[i] < 0)
			cursor->bounds[i] = bound_of(cursor, &cursor->skips[i]);
		bound = Max(bound, cursor->bounds[i]);
		if (cursor->skips[i].last_doc >= end - 1)
			return bound;
		if (i == GV_BM25_SUPERBLOCK - 1 || block + 1 == cursor->n_blocks)
			break;
	}
	/* the rest by superblocks */
	for (uint32 super = cursor->super + 1; super < cursor->n_supers; super++)
	{
		if (cursor->supers[super - 1].last_doc >= end - 1)
			break;
		if (cursor->super_bounds[super] < 0)
			cursor->super_bounds[super] = bound_of(cursor, &cursor->supers[super]);
		bound = Max(bound, cursor->super_bounds[super]);
	}
	return bound;
}

/*
 * gv_bm25_cursor_next_block
 *		Go to the next block; false at the end.
 */
bool
gv_bm25_cursor_next_block(GvBm25Cursor *cursor)
{
	if (cursor->block == cursor->n_blocks || ++cursor->block == cursor->n_blocks)
		return false;
	if (cursor->block / GV_BM25_SUPERBLOCK != cursor->super)
		load_super(cursor, cursor->block / GV_BM25_SUPERBLOCK);
	enter_block(cursor);
	return true;
}

/*
 * gv_bm25_cursor_load
 *		Read the block where the cursor stands, unless it was read.
 */
void
gv_bm25_cursor_load(GvBm25Cursor *cursor)
{
	if (cursor->loaded == cursor->block)
		return;
	cursor->n = Min(GV_BM25_BLOCK, cursor->entry->df - cursor->block * GV_BM25_BLOCK);
	gv_bm25_read_block(cursor->segment, &cursor->skips[cursor->block % GV_BM25_SUPERBLOCK],
					   cursor->first_doc - 1, cursor->n, cursor->docs, cursor->tfs);
	cursor->loaded = cursor->block;
	cursor->pos = 0;
}

/*
 * gv_bm25_cursor_find
 *		How often has a document the lexeme?  It is not before that asked for last.
 */
uint32
gv_bm25_cursor_find(GvBm25Cursor *cursor, uint32 doc)
{
	const uint32 *docs;
	uint32		low;

	gv_bm25_cursor_seek(cursor, doc);
	if (cursor->block == cursor->n_blocks || cursor->first_doc > doc)
		return 0;
	gv_bm25_cursor_load(cursor);
	/* the last of these that is not after doc; without branches to be guessed */
	low = cursor->pos;
	docs = cursor->docs;
	for (uint32 n = cursor->n - low; n > 1; n -= n / 2)
		low += docs[low + n / 2] <= doc ? n / 2 : 0;
	cursor->pos = low;
	return docs[low] == doc ? cursor->tfs[low] : 0;
}
