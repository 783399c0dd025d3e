/*-------------------------------------------------------------------------
 *
 * inspect.h
 *		How access methods report what they find in an index.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_INSPECT_H
#define GV_AM_INSPECT_H

#include "postgres.h"

#include "access/tableam.h"
#include "storage/itemptr.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

/* A problem found by gigavec.check */
typedef struct GvAmProblem
{
	BlockNumber block;			/* of the index, or invalid */
	int			item;			/* in the block, from 0; -1 if none */
	ItemPointerData row_tid;	/* row of the table, or invalid */
	const char *problem;
} GvAmProblem;

typedef void (*GvAmReportProblem) (void *arg, const GvAmProblem *problem);

/* A line of gigavec.stats; precision: digits after the point */
typedef void (*GvAmReportStat) (void *arg, const char *name, double value,
								int precision, const char *description);

/* What a scan of an index has done */
typedef struct GvAmScanCounts
{
	Oid			index;			/* invalid: there was none */
	double		target;			/* recall; 0: ef was fixed */
	int64		ef;				/* the largest */
	int64		expansions;
	int64		swept;			/* nodes read by a sweep */
	int64		reranked;		/* rows fetched for their exact distances */
	int64		returned;		/* nodes whose rows were returned */
	int64		probes;			/* lists read; 0: there are none */
	int64		rows;			/* of lists, by their codes */
} GvAmScanCounts;

/* What gigavec.recall has measured; numbers of a query are means */
typedef struct GvAmRecall
{
	int			n_queries;
	double		recall;			/* mean */
	double		error;			/* standard error of the mean */
	double		target;			/* recall; 0: ef was fixed */
	double		ef;
	double		expansions;
	double		reranked;
	double		milliseconds;
} GvAmRecall;

/* What gigavec.estimate foretells of a build */
typedef struct GvAmEstimate
{
	double		rows;
	double		memory;			/* bytes: maintenance_work_mem with which all fits */
	int			parts;			/* with maintenance_work_mem as it is; 0: rows one by one */
	double		bytes;			/* size of the index */
	double		seconds;		/* with maintenance_work_mem as it is */
} GvAmEstimate;

extern char *gv_am_inspect_name(Oid oid);
extern Relation gv_am_inspect_open(Oid oid, LOCKMODE lock);
extern void gv_am_inspect_require_index(Oid oid);
extern Oid	gv_am_inspect_table_of(Oid index_oid);
extern Relation gv_am_inspect_open_table(Oid index_oid, LOCKMODE lock);
extern Relation gv_am_inspect_open_index(Oid index_oid, LOCKMODE lock);
extern void gv_am_inspect_may_compare(Relation index, Snapshot snapshot);
extern void gv_am_inspect_rows(Relation heap, Relation index, Snapshot snapshot,
							   BlockNumber first, BlockNumber n_blocks,
							   IndexBuildCallback callback, void *arg);

#endif							/* GV_AM_INSPECT_H */
