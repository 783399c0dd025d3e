/*-------------------------------------------------------------------------
 *
 * hnsw.h
 *		The door to the access method hnsw.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_HNSW_H
#define GV_HNSW_HNSW_H

#include "postgres.h"

#include "access/genam.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

#include "am/inspect.h"
#include "am/opclass.h"

extern void gv_hnsw_init(void);

/* the access method's functions, see handler.c */
extern IndexBuildResult *gv_hnsw_build(Relation heap, Relation index,
									   IndexInfo *index_info);
extern void gv_hnsw_build_empty(Relation index);
extern bool gv_hnsw_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid,
						   Relation heap, IndexUniqueCheck unique_check,
						   bool index_unchanged, IndexInfo *index_info);
extern IndexBulkDeleteResult *gv_hnsw_bulk_delete(IndexVacuumInfo *info,
												  IndexBulkDeleteResult *stats,
												  IndexBulkDeleteCallback callback,
												  void *callback_state);
extern IndexBulkDeleteResult *gv_hnsw_vacuum_cleanup(IndexVacuumInfo *info,
													 IndexBulkDeleteResult *stats);
extern void gv_hnsw_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count,
								  Cost *startup_cost, Cost *total_cost,
								  Selectivity *selectivity, double *correlation,
								  double *pages);
extern IndexScanDesc gv_hnsw_begin_scan(Relation index, int n_keys, int n_order_bys);
extern void gv_hnsw_rescan(IndexScanDesc scan, ScanKey keys, int n_keys,
						   ScanKey order_bys, int n_order_bys);
extern bool gv_hnsw_get_tuple(IndexScanDesc scan, ScanDirection direction);
extern void gv_hnsw_end_scan(IndexScanDesc scan);

/* for EXPLAIN and gigavec.last_scan */
extern void gv_hnsw_scan_counts(IndexScanDesc scan, GvAmScanCounts *counts);
extern void gv_hnsw_last_scan(GvAmScanCounts *counts);

/* for gigavec.recall */
extern void gv_hnsw_scan_expect(IndexScanDesc scan, int64 limit, uint32 left_out,
								bool go_by);
extern void gv_hnsw_measure(Relation index, Relation heap, const Datum *values,
							int n_queries, int k, GvAmRecall *result);
extern void gv_hnsw_calibrate_queries(Relation index, Relation heap, const Datum *values,
									  int n_queries);

/* for gigavec.check, gigavec.stats and gigavec.estimate */
extern void gv_hnsw_check(Relation index, Relation heap, GvAmReportProblem report,
						  void *arg);
extern void gv_hnsw_stats(Relation index, GvAmReportStat report, void *arg);
extern void gv_hnsw_estimate(const GvAmOpclass *opclass, int dim, double n_rows,
							 double value_bytes, Datum options, GvAmEstimate *estimate);

#endif							/* GV_HNSW_HNSW_H */
