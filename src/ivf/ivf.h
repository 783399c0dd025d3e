/*-------------------------------------------------------------------------
 *
 * ivf.h
 *		The door to the access methods ivfflat and ivfpq.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_IVF_IVF_H
#define GV_IVF_IVF_H

#include "postgres.h"

#include "access/genam.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"

#include "am/inspect.h"
#include "am/opclass.h"

extern void gv_ivf_init(void);

/* the access methods' functions, see handler.c */
extern IndexBuildResult *gv_ivf_build(Relation heap, Relation index, IndexInfo *index_info);
extern void gv_ivf_build_empty(Relation index);
extern bool gv_ivf_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid,
						  Relation heap, IndexUniqueCheck unique_check,
						  bool index_unchanged, IndexInfo *index_info);
extern IndexBulkDeleteResult *gv_ivf_bulk_delete(IndexVacuumInfo *info,
												 IndexBulkDeleteResult *stats,
												 IndexBulkDeleteCallback callback,
												 void *callback_state);
extern IndexBulkDeleteResult *gv_ivf_vacuum_cleanup(IndexVacuumInfo *info,
													IndexBulkDeleteResult *stats);
extern void gv_ivf_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count,
								 Cost *startup_cost, Cost *total_cost,
								 Selectivity *selectivity, double *correlation,
								 double *pages);
extern IndexScanDesc gv_ivf_begin_scan(Relation index, int n_keys, int n_order_bys);
extern void gv_ivf_rescan(IndexScanDesc scan, ScanKey keys, int n_keys,
						  ScanKey order_bys, int n_order_bys);
extern bool gv_ivf_get_tuple(IndexScanDesc scan, ScanDirection direction);
extern void gv_ivf_end_scan(IndexScanDesc scan);

/* for EXPLAIN */
extern void gv_ivf_scan_counts(IndexScanDesc scan, GvAmScanCounts *counts);

/* for gigavec.recall */
extern void gv_ivf_measure(Relation index, Relation heap, const Datum *values, int n_queries,
						   int k, GvAmRecall *result);
extern void gv_ivf_calibrate_queries(Relation index, Relation heap, const Datum *values,
									 int n_queries);

/* for gigavec.train */
extern int	gv_ivf_train_later(Relation index, Relation heap, const Datum *given,
							   int n_given);

/* for gigavec.estimate */
extern void gv_ivf_estimate_build(const GvAmOpclass *opclass, bool is_flat, int dim, double n_rows,
								  Datum options, GvAmEstimate *estimate);

/* for gigavec.check and gigavec.stats */
extern void gv_ivf_check(Relation index, Relation heap, GvAmReportProblem report, void *arg);
extern void gv_ivf_stats(Relation index, GvAmReportStat report, void *arg);

#endif							/* GV_IVF_IVF_H */
