/*-------------------------------------------------------------------------
 *
 * cost.c
 *		What an ordered scan costs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/genam.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"

#include "base/compat.h"
#include "hnsw/hnsw.h"
#include "hnsw/options.h"

/* Nodes expanded beyond ef, the way from the entries */
#define EXPANSIONS_ON_THE_WAY 10

/*
 * gv_hnsw_cost_estimate
 *		amcostestimate
 *
 * The first row costs a search: about ef pages, one for each node expanded.
 * Further rows cost a page each, until the sweep reads the rest.
 */
void
gv_hnsw_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count,
					  Cost *startup_cost, Cost *total_cost, Selectivity *selectivity,
					  double *correlation, double *pages)
{
	GenericCosts costs;
	Relation	index;
	double		expansions;
	double		ratio;
	double		random_cost;

	/* A scan without an order cannot be done */
	if (path->indexorderbys == NIL)
	{
		*startup_cost = gv_disabled_cost(path);
		*total_cost = *startup_cost;
		*selectivity = 0;
		*correlation = 0;
		*pages = 0;
		return;
	}

	memset(&costs, 0, sizeof(costs));
	genericcostestimate(root, path, loop_count, &costs);

	index = index_open(path->indexinfo->indexoid, NoLock);
	expansions = gv_hnsw_option_ef_search(index) + EXPANSIONS_ON_THE_WAY;
	index_close(index, NoLock);

	/* the part of the index that the first rows need */
	ratio = path->indexinfo->tuples > 0 ? expansions / path->indexinfo->tuples : 1;
	ratio = Min(ratio, 1);

	/*
	 * The generic estimate takes all pages and tuples.  The pages of a search
	 * are read in no order.
	 */
	get_tablespace_page_costs(path->indexinfo->reltablespace, &random_cost, NULL);
	*startup_cost = costs.indexTotalCost * ratio;
	*startup_cost += Min(expansions, costs.numIndexPages) * cpu_operator_cost * 32;
	*total_cost = Max(costs.indexTotalCost, *startup_cost);
	*selectivity = costs.indexSelectivity;
	*correlation = costs.indexCorrelation;
	*pages = costs.numIndexPages;
}
