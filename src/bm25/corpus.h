/*-------------------------------------------------------------------------
 *
 * corpus.h
 *		The indexes whose documents a score counts: one, or all partitions'.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_CORPUS_H
#define GV_BM25_CORPUS_H

#include "postgres.h"

#include "bm25/weigh.h"

typedef struct GvBm25Corpus
{
	int			n;				/* > 0 */
	Relation   *rels;			/* Relation[n] */
	GvBm25Reader **readers;		/* GvBm25Reader *[n] */
} GvBm25Corpus;

extern GvBm25Corpus *gv_bm25_corpus_open(Oid index);
extern void gv_bm25_corpus_close(GvBm25Corpus *corpus);
extern GvBm25Weighed *gv_bm25_corpus_weigh(GvBm25Corpus *corpus, GvBm25QueryTree *tree);
extern GvBm25Weighed *gv_bm25_weigh_for(GvBm25Query query, GvBm25QueryTree *tree);
extern Relation gv_bm25_open_first(Oid index);
extern void gv_bm25_check_access(GvBm25Query query);
extern bool gv_bm25_is_partition_of(Oid index, Oid ancestor);

#endif							/* GV_BM25_CORPUS_H */
