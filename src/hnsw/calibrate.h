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

#include "utils/rel.h"

extern void gv_hnsw_calibrate_build(Relation index, double n_rows, double n_table_rows);
extern void gv_hnsw_calibrate_stale(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);

#endif							/* GV_HNSW_CALIBRATE_H */
