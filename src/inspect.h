/*-------------------------------------------------------------------------
 *
 * inspect.h
 *		Opening an index for functions that tell of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_INSPECT_H
#define GV_INSPECT_H

#include "postgres.h"

#include "utils/rel.h"

#include "am/inspect.h"

typedef struct GvInspector GvInspector;

/* An index opened for inspection, and its table */
typedef struct GvInspected
{
	const GvInspector *inspector;
	Relation	index;
	Relation	heap;
	LOCKMODE	lock;			/* on the index */

	/* whose rights and settings come back, while those of the table's owner hold */
	Oid			caller;
	int			caller_context;
	int			guc_level;
} GvInspected;

extern void gv_inspect_open(GvInspected *inspected, Oid index_oid, LOCKMODE lock);
extern bool gv_inspect_has_recall(const GvInspected *inspected);
extern void gv_inspect_measure(const GvInspected *inspected, const Datum *values,
							   int n_queries, int k, GvAmRecall *result);
extern void gv_inspect_calibrate(const GvInspected *inspected, const Datum *values,
								 int n_queries);
extern void gv_inspect_begin_as_owner(GvInspected *inspected);
extern void gv_inspect_end_as_owner(const GvInspected *inspected);
extern void gv_inspect_close(GvInspected *inspected);

#endif							/* GV_INSPECT_H */
