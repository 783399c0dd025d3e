/*-------------------------------------------------------------------------
 *
 * invert.h
 *		Documents in memory, turned into lexemes with postings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_INVERT_H
#define GV_BM25_INVERT_H

#include "postgres.h"

#include "bm25/merge.h"

typedef struct GvBm25Invert GvBm25Invert;

extern GvBm25Invert *gv_bm25_invert_create(const GvBm25Index *index);
extern uint32 gv_bm25_invert_document(GvBm25Invert *invert, ItemPointer tid, uint32 length,
									  const char *filters);
extern void gv_bm25_invert_term(GvBm25Invert *invert, const char *lexeme, uint32 len,
								uint32 hash, uint32 tf, const uint8 *positions);
extern Size gv_bm25_invert_memory(const GvBm25Invert *invert);
extern GvBm25Source *gv_bm25_invert_source(GvBm25Invert *invert);
extern void gv_bm25_invert_free(GvBm25Invert *invert);

#endif							/* GV_BM25_INVERT_H */
