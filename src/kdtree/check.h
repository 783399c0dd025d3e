/*-------------------------------------------------------------------------
 *
 * check.h
 *		Verifying an index.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_KDTREE_CHECK_H
#define GV_KDTREE_CHECK_H

#include "postgres.h"

#include "utils/snapshot.h"

#include "am/inspect.h"
#include "kdtree/index.h"

typedef struct GvKdtreeCheck
{
	GvKdtreeIndex ix;
	Relation	heap;			/* or NULL */
	GvAmReportProblem report;
	void	   *report_arg;
	BufferAccessStrategy strategy;
	int64		n_problems;
	BlockNumber n_blocks;		/* when the tree was walked */
	BlockNumber *parents;		/* BlockNumber[n_blocks], 0 if there is none */
	uint64		n_points;
} GvKdtreeCheck;

/* check.c */
extern void gv_kdtree_check_report(GvKdtreeCheck *check, BlockNumber block, int item,
								   ItemPointer row_tid, const char *format,...)
			pg_attribute_printf(5, 6);
extern Buffer gv_kdtree_check_lock_page(GvKdtreeCheck *check, BlockNumber blkno, bool report);

/* check_heap.c */
extern void gv_kdtree_check_heap(GvKdtreeCheck *check, Snapshot snapshot);

#endif							/* GV_KDTREE_CHECK_H */
