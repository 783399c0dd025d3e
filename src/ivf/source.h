/*-------------------------------------------------------------------------
 *
 * source.h
 *		The rows of lists in use, with their vectors.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_IVF_SOURCE_H
#define GV_IVF_SOURCE_H

#include "postgres.h"

#include "access/tableam.h"
#include "nodes/execnodes.h"
#include "utils/snapmgr.h"

#include "ivf/list.h"

typedef struct GvIvfSource
{
	GvIvfIndex *index;
	Relation	heap;
	IndexInfo  *index_info;
	IndexFetchTableData *fetch;
	TupleTableSlot *slot;
	EState	   *estate;
	BlockNumber n_heap_blocks;
	SnapshotData snapshot;
	MemoryContext row_context;	/* reset after each row */
	Datum		value;			/* of an index that keeps them */
	bool		skips_seconds;	/* rows are handed over once */
} GvIvfSource;

/*
 * Called for each row, in a context that is reset after it.
 *
 * row: its tid and code as the list has them; no value
 * value: its vector, detoasted
 */
typedef void (*GvIvfTakeRow) (void *arg, uint32 list, const GvIvfRow *row, Datum value);

extern void gv_ivf_source_begin(GvIvfSource *source, GvIvfIndex *index, Relation heap,
								IndexInfo *index_info);
extern void gv_ivf_source_end(GvIvfSource *source);
extern BlockNumber gv_ivf_source_page(GvIvfSource *source, uint32 list, uint32 generation,
									  BlockNumber blkno, int n_done, int *n_rows,
									  GvIvfTakeRow take, void *arg);

#endif							/* GV_IVF_SOURCE_H */
