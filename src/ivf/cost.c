/*-------------------------------------------------------------------------
 *
 * cost.c
 *		What an ordered scan costs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"

#include "am/cost.h"
#include "ivf/aim.h"
#include "ivf/ivf.h"

/* A row's code, of an operator's cost */
#define COST_OF_CODE 0.1

/*
 * gv_ivf_cost_estimate
 *		amcostestimate
 *
 * The first row costs the lists that a search reads, or as many as hold the
 * rows that are needed; all rows cost all lists.
 */
void
gv_ivf_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count,
					 Cost *startup_cost, Cost *total_cost, Selectivity *selectivity,
					 double *correlation, double *pages)
{
	GenericCosts costs;
	Relation	index;
	double		needed;
	double		part;
	double		n_lists;
	double		tuples = path->indexinfo->tuples;

	/* A scan without an order cannot be done */
	if (path->indexorderbys == NIL)
	{
		gv_am_cost_refuse(path, startup_cost, total_cost, selectivity, correlation, pages);
		return;
	}

	memset(&costs, 0, sizeof(costs));
	genericcostestimate(root, path, loop_count, &costs);
	needed = gv_am_cost_rows_needed(root, path, costs.indexSelectivity);

	index = index_open(path->indexinfo->indexoid, NoLock);
	part = gv_ivf_aim_planned_part(index, needed, &n_lists);
	index_close(index, NoLock);

	/* with conditions, as many lists as hold the rows */
	if (costs.indexSelectivity > 0 && tuples > 0)
		part = Max(part, needed / (costs.indexSelectivity * tuples));
	part = Min(part, 1);

	/* pages of a list are beside each other, or were just written */
	*total_cost = path->indexinfo->pages * seq_page_cost +
		tuples * COST_OF_CODE * cpu_operator_cost + n_lists * COST_OF_CODE * cpu_operator_cost +
		tuples * costs.indexSelectivity * cpu_index_tuple_cost;
	*startup_cost = *total_cost * part + n_lists * COST_OF_CODE * cpu_operator_cost;
	*total_cost = Max(*total_cost, *startup_cost);
	*selectivity = costs.indexSelectivity;
	*correlation = costs.indexCorrelation;
	*pages = costs.numIndexPages;
}
