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

extern bool gv_bm25_is_unspaced(uint32 codepoint);
extern Size gv_bm25_find_run(const char *text, Size length, bool *unspaced);

#endif							/* GV_BM25_BIGRAM_H */
