/*-------------------------------------------------------------------------
 *
 * positions.h
 *		Positions of lexemes in the documents of a segment.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_POSITIONS_H
#define GV_BM25_POSITIONS_H

#include "postgres.h"

#include "bm25/cursor.h"
#include "bm25/space.h"
#include "bm25/spill.h"

/* A growing array of numbers */
typedef struct GvBm25Numbers
{
	uint32	   *number;
	Size		size;
} GvBm25Numbers;

/* Writes the positions of a segment */
typedef struct GvBm25PositionsWriter
{
	GvBm25Space *space;
	uint32		first_place;
	uint32		place;			/* of the page being filled */
	uint64		n_bytes;		/* of all positions, inside entries too */
	GvBm25Spill *spots;			/* GvBm25SpotData[], by number of the skip */
	GvBm25Spill *list_spots;	/* GvBm25SpotData[], of the blocks of a lexeme */
	GvBm25Numbers numbers;
	PGAlignedBlock page;
} GvBm25PositionsWriter;

/* Finds the positions of a lexeme in one document after another */
typedef struct GvBm25PositionsCursor
{
	GvBm25Cursor cursor;
	uint32		loaded;			/* block whose positions were read; n_blocks: none */
	uint32		starts[GV_BM25_BLOCK];	/* where those of each posting begin */
	GvBm25Bytes bytes;
	GvBm25Numbers numbers;
} GvBm25PositionsCursor;

extern void gv_bm25_append_bytes(GvBm25Bytes *bytes, const void *from, Size n);
extern void gv_bm25_append_positions(GvBm25Bytes *bytes, const GvBm25Term *term);
extern GvBm25PositionsWriter *gv_bm25_positions_begin(GvBm25Space *space, GvBm25Pool *pool);
extern void gv_bm25_positions_put_list(GvBm25PositionsWriter *writer, const GvBm25Bytes *bytes,
									   GvBm25SpotData *spot);
extern void gv_bm25_positions_put_block(GvBm25PositionsWriter *writer,
										const GvBm25Posting *postings, uint32 n,
										const uint8 *positions);
extern void gv_bm25_positions_end_list(GvBm25PositionsWriter *writer, uint32 n_supers);
extern void gv_bm25_positions_finish(GvBm25PositionsWriter *writer);
extern void gv_bm25_read_positions(const GvBm25Segment *segment, const GvBm25TermEntry *entry,
								   uint32 block, GvBm25Posting *postings, uint32 n,
								   GvBm25Bytes *positions);
extern GvBm25PositionsCursor *gv_bm25_positions_cursor(const GvBm25Segment *segment,
													   const GvBm25TermEntry *entry);
extern void gv_bm25_positions_cursor_end(GvBm25PositionsCursor *cursor);
extern uint32 gv_bm25_positions_find(GvBm25PositionsCursor *cursor, uint32 doc,
									 const uint32 **positions);

#endif							/* GV_BM25_POSITIONS_H */
