/*-------------------------------------------------------------------------
 *
 * measure.h
 *		Measuring the recall and the time of an index, for gigavec.recall.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_MEASURE_H
#define GV_AM_MEASURE_H

#include "postgres.h"

#include "access/relscan.h"
#include "utils/rel.h"

#include "am/explain.h"
#include "am/inspect.h"
#include "am/opclass.h"

/* What an access method says of an index that is measured */
typedef struct GvAmMeasured
{
	const GvAmOpclass *opclass;
	int			dim;
	uint64		seed;
	/* rows are chosen by places, 1 .. n_places - 1, that have a row or not */
	uint64		n_places;
	bool		(*find_row) (void *arg, uint32 place, ItemPointer tid);
	void	   *arg;
	/* tell a scan, not begun, how many rows will be asked for, and which to leave out */
	void		(*expect) (IndexScanDesc scan, int64 limit, uint64 place, ItemPointer tid,
							  bool for_time);
	GvAmCountScan count_scan;
} GvAmMeasured;

extern void gv_am_measure(const GvAmMeasured *of, Relation index, Relation heap,
						  const Datum *values, int n_queries, int k, GvAmRecall *result);

#endif							/* GV_AM_MEASURE_H */
