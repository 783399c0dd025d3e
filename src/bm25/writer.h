/*-------------------------------------------------------------------------
 *
 * writer.h
 *		Writing a segment.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_WRITER_H
#define GV_BM25_WRITER_H

#include "postgres.h"

#include "bm25/segment.h"
#include "bm25/space.h"
#include "bm25/spill.h"

/* The documents of a segment that is written, by their numbers */
typedef struct GvBm25Documents
{
	uint32		n;
	uint64		total_length;
	ItemPointerData first_tid;
	ItemPointerData last_tid;
	GvBm25Pool *pool;			/* of these arrays and the writer's */
	GvBm25Spill *tids;			/* ItemPointerData[n], ascending */
	GvBm25Spill *lengths;		/* uint32[n]; NULL: norms tell enough */
	GvBm25Spill *norms;			/* uint8[n] */
	GvBm25Spill *filters;		/* char[n][packed size]: packed words; NULL: no filter columns */
} GvBm25Documents;

typedef struct GvBm25Writer GvBm25Writer;

extern GvBm25Writer *gv_bm25_writer_begin(GvBm25Index *index, GvBm25Space *space,
										  const GvBm25Documents *documents);
extern void gv_bm25_writer_begin_list(GvBm25Writer *writer, const char *lexeme, uint32 len);
extern void gv_bm25_writer_put(GvBm25Writer *writer, const GvBm25Posting *postings, uint32 n,
							   const uint8 *positions);
extern void gv_bm25_writer_end_list(GvBm25Writer *writer, const GvBm25Posting *postings,
									uint32 n, const uint8 *positions);
extern void gv_bm25_writer_finish(GvBm25Writer *writer, GvBm25SegmentData *entry);

#endif							/* GV_BM25_WRITER_H */
