/*-------------------------------------------------------------------------
 *
 * kdtree.h
 *		The door to the access method kdtree.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_KDTREE_KDTREE_H
#define GV_KDTREE_KDTREE_H

#include "postgres.h"

#include "access/genam.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "nodes/tidbitmap.h"

#include "am/inspect.h"
#include "am/opclass.h"

extern void gv_kdtree_init(void);

/* the access method's functions, see handler.c */
extern IndexBuildResult *gv_kdtree_build(Relation heap, Relation index,
										 IndexInfo *index_info);
extern void gv_kdtree_build_empty(Relation index);
extern bool gv_kdtree_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid,
							 Relation heap, IndexUniqueCheck unique_check,
							 bool index_unchanged, IndexInfo *index_info);
extern IndexBulkDeleteResult *gv_kdtree_bulk_delete(IndexVacuumInfo *info,
													IndexBulkDeleteResult *stats,
													IndexBulkDeleteCallback callback,
													void *callback_state);
extern IndexBulkDeleteResult *gv_kdtree_vacuum_cleanup(IndexVacuumInfo *info,
													   IndexBulkDeleteResult *stats);
extern void gv_kdtree_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count,
									Cost *startup_cost, Cost *total_cost,
									Selectivity *selectivity, double *correlation,
									double *pages);
extern IndexScanDesc gv_kdtree_begin_scan(Relation index, int n_keys, int n_order_bys);
extern void gv_kdtree_rescan(IndexScanDesc scan, ScanKey keys, int n_keys,
							 ScanKey order_bys, int n_order_bys);
extern bool gv_kdtree_get_tuple(IndexScanDesc scan, ScanDirection direction);
extern int64 gv_kdtree_get_bitmap(IndexScanDesc scan, TIDBitmap *bitmap);
extern void gv_kdtree_end_scan(IndexScanDesc scan);

/* for gigavec.check, gigavec.stats, gigavec.estimate and gigavec.advise */
extern void gv_kdtree_check(Relation index, Relation heap, GvAmReportProblem report,
							void *arg);
extern void gv_kdtree_stats(Relation index, GvAmReportStat report, void *arg);
extern void gv_kdtree_estimate(const GvAmOpclass *opclass, const char *column, int dim,
							   double n_rows, Datum options, GvAmEstimate *estimate);
extern bool gv_kdtree_takes_dim(int dim);

#endif							/* GV_KDTREE_KDTREE_H */
