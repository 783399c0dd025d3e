/*-------------------------------------------------------------------------
 *
 * cost.h
 *		What the planner is told of scans by any access method.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_COST_H
#define GV_AM_COST_H

#include "postgres.h"

#include "nodes/pathnodes.h"

/* Rows that a query without LIMIT is thought to want first */
#define GV_AM_EXPECTED_ROWS 10

extern void gv_am_cost_refuse(IndexPath *path, Cost *startup_cost, Cost *total_cost,
							  Selectivity *selectivity, double *correlation, double *pages);
extern double gv_am_cost_rows_needed(PlannerInfo *root, IndexPath *path, double selectivity);

#endif							/* GV_AM_COST_H */
