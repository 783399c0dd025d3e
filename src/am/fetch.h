/*-------------------------------------------------------------------------
 *
 * fetch.h
 *		Exact distances of rows, from the table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_FETCH_H
#define GV_AM_FETCH_H

#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "access/tableam.h"
#include "nodes/execnodes.h"

#include "am/buffer.h"
#include "am/opclass.h"

/* What a scan needs to read rows */
typedef struct GvAmFetch
{
	MemoryContext context;		/* of what is made at the first fetch */
	MemoryContext value_context;	/* of one row's value */
	BlockNumber n_heap_blocks;	/* that the table has at least */
	GvAmHints  *hints;			/* where the table's blocks are, or NULL */
	IndexFetchTableData *heap;	/* NULL before the first fetch */
	TupleTableSlot *slot;
	IndexInfo  *index_info;
	EState	   *estate;			/* if the index is on an expression */
} GvAmFetch;

extern void gv_am_fetch_init(GvAmFetch *fetch);
extern void gv_am_fetch_end(GvAmFetch *fetch);
extern void gv_am_check_tid_of(BlockNumber *n_heap_blocks, Relation index, Relation heap,
							   ItemPointer tid);
extern void gv_am_check_tid(BlockNumber *n_heap_blocks, IndexScanDesc scan, ItemPointer tid);
extern bool gv_am_fetch_key(GvAmFetch *fetch, IndexScanDesc scan, const GvAmOpclass *opclass,
							int dim, Datum query, ItemPointer tid, double *key);

#endif							/* GV_AM_FETCH_H */
