/*-------------------------------------------------------------------------
 *
 * pages.h
 *		Which pages of an index are in use.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_PAGES_H
#define GV_BM25_PAGES_H

#include "postgres.h"

#include "bm25/space.h"

extern BlockNumber gv_bm25_recover_pages(GvBm25Index *index);

#endif							/* GV_BM25_PAGES_H */
