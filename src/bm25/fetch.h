/*-------------------------------------------------------------------------
 *
 * fetch.h
 *		Reading rows of the table for a scan.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_FETCH_H
#define GV_BM25_FETCH_H

#include "postgres.h"

#include "access/relscan.h"
#include "nodes/execnodes.h"

#include "bm25/weigh.h"

typedef struct GvBm25Fetch
{
	IndexScanDesc scan;
	MemoryContext context;
	MemoryContext value_context;
	const GvBm25Weighed *weighed;
	GvBm25Tokenizer *tokenizer;
	BlockNumber n_heap_blocks;	/* that the table has at least */
	IndexFetchTableData *heap;	/* NULL: nothing was fetched yet */
	TupleTableSlot *slot;
	IndexInfo  *index_info;
	EState	   *estate;			/* for expressions */
} GvBm25Fetch;

extern void gv_bm25_fetch_init(GvBm25Fetch *fetch, IndexScanDesc scan);
extern bool gv_bm25_fetch_count(void *fetch, ItemPointer tid, float *tf);
extern void gv_bm25_fetch_end(GvBm25Fetch *fetch);

#endif							/* GV_BM25_FETCH_H */
