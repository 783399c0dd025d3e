/*-------------------------------------------------------------------------
 *
 * calibrate.h
 *		Measuring which ef reaches which recall.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_CALIBRATE_H
#define GV_HNSW_CALIBRATE_H

#include "postgres.h"

#include "access/genam.h"

#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "hnsw/index.h"

/* A calibration with fewer query vectors tells nothing */
#define GV_HNSW_MIN_CALIBRATION_QUERIES 24

struct GvHnswBuild;

extern bool gv_hnsw_calibrate_begin(struct GvHnswBuild *build);
extern void gv_hnsw_calibrate_find_truth(struct GvHnswBuild *build, uint32 item);
extern void gv_hnsw_calibrate_try_query(struct GvHnswBuild *build, uint32 item);
extern void gv_hnsw_calibrate_finish(struct GvHnswBuild *build, double n_rows,
									 double n_table_rows);
extern void gv_hnsw_calibrate_build(Relation index, double n_rows, double n_table_rows);
extern void gv_hnsw_calibrate_grown(Relation index, int max_queries, int64 max_expand);
extern void gv_hnsw_calibrate_stale(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);
extern uint32 gv_hnsw_calibration_hash(const GvHnswMetaPageData *meta);

/* stats.c */
extern double gv_hnsw_count_rows(GvHnswIndex *ix, BufferAccessStrategy strategy);

#endif							/* GV_HNSW_CALIBRATE_H */
