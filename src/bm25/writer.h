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

/* The documents of a segment, by their numbers */
typedef struct GvBm25Documents
{
	uint32		n;
	uint64		total_length;
	ItemPointerData *tids;		/* ItemPointerData[n], ascending */
	uint32	   *lengths;		/* uint32[n]; 0: the row is gone, leave it out */
	uint32		filters_size;	/* bytes of a row's packed words; 0: no filter columns */
	char	   *filters;		/* char[n][filters_size] */
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
