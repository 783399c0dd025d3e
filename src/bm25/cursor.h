/*-------------------------------------------------------------------------
 *
 * cursor.h
 *		Going through the postings of a lexeme in a segment, by blocks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_CURSOR_H
#define GV_BM25_CURSOR_H

#include "postgres.h"

#include "bm25/weigh.h"

typedef struct GvBm25Cursor
{
	const GvBm25Segment *segment;
	const GvBm25TermEntry *entry;
	const float *factor;		/* float[256], by norm */
	float		weight;
	uint32		n_blocks;
	uint32		n_supers;
	GvBm25SkipData *supers;		/* GvBm25SkipData[n_supers]; NULL: one block only */
	float	   *super_bounds;	/* float[n_supers]; < 0: not yet computed */
	uint32		first_skip;		/* of the blocks */

	/* the superblock read last */
	uint32		super;			/* n_supers: none */
	GvBm25SkipData skips[GV_BM25_SUPERBLOCK];
	float		bounds[GV_BM25_SUPERBLOCK]; /* < 0: not yet computed */

	/* where it is */
	uint32		block;			/* n_blocks at the end */
	uint32		first_doc;		/* the least that the block can have */
	uint32		last_doc;		/* of the block */

	/* the block read last */
	uint32		loaded;			/* its number; n_blocks: none */
	uint32		n;
	uint32		pos;			/* where a search in it ended */
	uint32		docs[GV_BM25_BLOCK];
	uint32		tfs[GV_BM25_BLOCK];
} GvBm25Cursor;

extern void gv_bm25_cursor_begin(GvBm25Cursor *cursor, const GvBm25Segment *segment,
								 const GvBm25TermEntry *entry, float weight,
								 const float *factor);
extern void gv_bm25_cursor_end(GvBm25Cursor *cursor);
extern void gv_bm25_cursor_return(GvBm25Cursor *cursor, uint32 block);
extern float gv_bm25_cursor_most(GvBm25Cursor *cursor);
extern void gv_bm25_cursor_seek(GvBm25Cursor *cursor, uint32 doc);
extern void gv_bm25_cursor_enter_super(GvBm25Cursor *cursor, uint32 super);
extern void gv_bm25_cursor_enter_block(GvBm25Cursor *cursor, uint32 block);
extern float gv_bm25_cursor_super_bound(GvBm25Cursor *cursor);
extern float gv_bm25_cursor_bound_of_super(GvBm25Cursor *cursor, uint32 super);
extern uint32 gv_bm25_cursor_super_last(const GvBm25Cursor *cursor);
extern float gv_bm25_cursor_block_bound(GvBm25Cursor *cursor);
extern float gv_bm25_cursor_bound(GvBm25Cursor *cursor, uint32 end);
extern bool gv_bm25_cursor_next_block(GvBm25Cursor *cursor);
extern void gv_bm25_cursor_load(GvBm25Cursor *cursor);
extern uint32 gv_bm25_cursor_find(GvBm25Cursor *cursor, uint32 doc);

#endif							/* GV_BM25_CURSOR_H */
