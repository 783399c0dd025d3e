/*-------------------------------------------------------------------------
 *
 * check.h
 *		Verifying an index.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_CHECK_H
#define GV_BM25_CHECK_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/snapshot.h"
#include "utils/tuplesort.h"

#include "am/inspect.h"
#include "bm25/index.h"

/* What is known of a row */
typedef struct GvBm25CheckedRow
{
	ItemPointerData tid;
	uint16		source;			/* what has it: the number of a segment; lanes are above */
	BlockNumber block;			/* where it was found */
	uint32		length;
	uint32		filters;		/* hash of the words of its filter columns, and of the
								 * lengths of its fields */
	uint64		sum;			/* of gv_bm25_check_hash() of its lexemes */
} GvBm25CheckedRow;

typedef struct GvBm25Check
{
	GvBm25Index index;
	GvAmReportProblem report;
	void	   *report_arg;
	uint8	   *claimed;		/* a bit for each page that something leads to */
	BlockNumber n_blocks;		/* of the index, of which there are such bits */

	/* the rows of documents that are not dead, by tid and source */
	Tuplesortstate *rows;		/* NULL: none was begun */
	TupleTableSlot *slot;		/* of one that is put */
} GvBm25Check;

/* Bytes that rows, and what is computed of a segment's documents, may take */
static inline Size
gv_bm25_check_memory(void)
{
	return (Size) maintenance_work_mem * 1024 / 2;
}

/* check.c */
extern void gv_bm25_check_report(GvBm25Check *check, BlockNumber block,
								 const ItemPointerData *tid, const char *problem);
extern uint64 gv_bm25_check_hash(uint32 lexeme_hash, uint32 tf, const uint8 *positions,
								 Size n_bytes);
extern uint32 gv_bm25_check_hash_filters(const GvBm25Check *check, const char *packed);

/* check_heap.c */
extern void gv_bm25_check_begin_rows(GvBm25Check *check);
extern void gv_bm25_check_put_row(GvBm25Check *check, const GvBm25CheckedRow *row);
extern void gv_bm25_check_end_rows(GvBm25Check *check);
extern void gv_bm25_check_heap(GvBm25Check *check, Relation heap, Snapshot snapshot);

#endif							/* GV_BM25_CHECK_H */
