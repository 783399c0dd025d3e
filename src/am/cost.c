/*-------------------------------------------------------------------------
 *
 * cost.c
 *		What the planner is told of scans by any access method.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "am/cost.h"
#include "base/compat.h"

/*
 * gv_am_cost_refuse
 *		Tell the planner that a scan cannot be done.
 *
 * All but path are written, as amcostestimate does.
 */
void
gv_am_cost_refuse(IndexPath *path, Cost *startup_cost, Cost *total_cost,
				  Selectivity *selectivity, double *correlation, double *pages)
{
	*startup_cost = gv_disabled_cost(path);
	*total_cost = *startup_cost;
	*selectivity = 0;
	*correlation = 0;
	*pages = 0;
}

/*
 * gv_am_cost_rows_needed
 *		How many rows a query takes from an index before it ends: its LIMIT, and
 *		for each row as many as conditions outside the index make of it.
 *
 * selectivity: of the conditions that the index has
 */
double
gv_am_cost_rows_needed(PlannerInfo *root, IndexPath *path, double selectivity)
{
	double		limit = root->limit_tuples > 0 ? root->limit_tuples : GV_AM_EXPECTED_ROWS;
	double		from_index = path->indexinfo->tuples * selectivity;
	double		rows = path->indexinfo->rel->rows;

	return rows > 0 && from_index > rows ? limit * (from_index / rows) : limit;
}
