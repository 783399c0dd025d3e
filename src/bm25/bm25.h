/*-------------------------------------------------------------------------
 *
 * bm25.h
 *		The door to the access method bm25.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_BM25_H
#define GV_BM25_BM25_H

#include "postgres.h"

#include "access/genam.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "nodes/tidbitmap.h"

#include "am/inspect.h"

extern void gv_bm25_init(void);

/* the access method's functions, see handler.c */
extern IndexBuildResult *gv_bm25_build(Relation heap, Relation index, IndexInfo *index_info);
extern void gv_bm25_build_empty(Relation index);
extern bool gv_bm25_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid,
						   Relation heap, IndexUniqueCheck unique_check, bool index_unchanged,
						   IndexInfo *index_info);
extern IndexBulkDeleteResult *gv_bm25_bulk_delete(IndexVacuumInfo *info,
												  IndexBulkDeleteResult *stats,
												  IndexBulkDeleteCallback callback,
												  void *callback_state);
extern IndexBulkDeleteResult *gv_bm25_vacuum_cleanup(IndexVacuumInfo *info,
													 IndexBulkDeleteResult *stats);
extern void gv_bm25_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count,
								  Cost *startup_cost, Cost *total_cost,
								  Selectivity *selectivity, double *correlation, double *pages);
extern bool gv_bm25_validate(Oid opclass_oid);
extern IndexScanDesc gv_bm25_begin_scan(Relation index, int n_keys, int n_order_bys);
extern void gv_bm25_rescan(IndexScanDesc scan, ScanKey keys, int n_keys, ScanKey order_bys,
						   int n_order_bys);
extern bool gv_bm25_get_tuple(IndexScanDesc scan, ScanDirection direction);
extern int64 gv_bm25_get_bitmap(IndexScanDesc scan, TIDBitmap *bitmap);
extern void gv_bm25_end_scan(IndexScanDesc scan);

/* for gigavec.check and gigavec.stats */
extern void gv_bm25_check(Relation index, Relation heap, GvAmReportProblem report, void *arg);
extern void gv_bm25_stats(Relation index, GvAmReportStat report, void *arg);

#endif							/* GV_BM25_BM25_H */
