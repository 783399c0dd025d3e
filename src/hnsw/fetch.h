/*-------------------------------------------------------------------------
 *
 * fetch.h
 *		Exact distances of rows, from the table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_FETCH_H
#define GV_HNSW_FETCH_H

#include "postgres.h"

#include "access/relscan.h"
#include "access/tableam.h"
#include "nodes/execnodes.h"

#include "am/buffer.h"
#include "hnsw/index.h"

/* What a scan needs to read rows */
typedef struct GvHnswFetch
{
	MemoryContext context;		/* of what is made at the first fetch */
	MemoryContext value_context;	/* of one row's value */
	BlockNumber n_heap_blocks;	/* that the table has at least */
	GvAmHints  *hints;			/* where the table's blocks are, or NULL */
	IndexFetchTableData *heap;	/* NULL before the first fetch */
	TupleTableSlot *slot;
	IndexInfo  *index_info;
	EState	   *estate;			/* if the index is on an expression */
} GvHnswFetch;

extern void gv_hnsw_fetch_init(GvHnswFetch *fetch);
extern void gv_hnsw_fetch_end(GvHnswFetch *fetch);
extern void gv_hnsw_fetch_check_tid(GvHnswFetch *fetch, IndexScanDesc scan, ItemPointer tid);
extern bool gv_hnsw_fetch_key(GvHnswFetch *fetch, IndexScanDesc scan, GvHnswIndex *index,
							  Datum query, ItemPointer tid, double *key);

#endif							/* GV_HNSW_FETCH_H */
