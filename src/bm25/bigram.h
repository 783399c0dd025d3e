/*-------------------------------------------------------------------------
 *
 * bigram.h
 *		Which characters belong to scripts without blanks between words.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_BIGRAM_H
#define GV_BM25_BIGRAM_H

#include "postgres.h"

/* What a run of characters is */
typedef enum GvBm25RunKind
{
	GV_BM25_RUN_SPACED,			/* for the configuration's parser */
	GV_BM25_RUN_UNSPACED,
	GV_BM25_RUN_SEPARATOR		/* punctuation of unspaced scripts */
} GvBm25RunKind;

extern bool gv_bm25_is_unspaced(uint32 codepoint);
extern Size gv_bm25_find_run(const char *text, Size length, GvBm25RunKind *kind);

#endif							/* GV_BM25_BIGRAM_H */
