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

#include "am/cost.h"
#include "hnsw/aim.h"
#include "hnsw/hnsw.h"
#include "hnsw/options.h"
#include "hnsw/strategy.h"

/* Nodes expanded beyond ef, the way from the entries */
#define EXPANSIONS_ON_THE_WAY 10

/*
 * Nodes expanded for each row beyond the first: half of them leave, and the
 * last doubling finds more than is needed.
 */
#define EXPANSIONS_OF_ROW 3

/*
 * A sweep of the pages of filters, which are not beside each other: part of the
 * cost of a page read at random and, for each word, of an operator's.  Measured
 * beside a bitmap scan and sort, at the selectivity where both take as long.
 */
#define COST_OF_FILTER_PAGE 0.5
#define COST_OF_FILTER_WORD 0.4

/* The bytes of pages of filters for each node */
static double
filter_bytes(Relation index)
{
	GvAmFilterColumns columns;

	gv_am_filter_columns(&columns, index);
	return columns.packed_size + 1;
}

/*
 * The cost of the first rows and of all rows under conditions, as strategy.c
 * will go about it.
 *
 * n_nodes, part: of them that passes
 * expansion: cost of one
 */
static void
cost_with_filter(Relation index, double n_nodes, double part, double needed,
				 double expansion, double random_cost, Cost *first, Cost *all)
{
	double		ef = gv_hnsw_aim_planned_ef(index, needed);
	double		sweep = n_nodes * filter_bytes(index) / GV_AM_PAGE_ROOM * random_cost *
		COST_OF_FILTER_PAGE + n_nodes * COST_OF_FILTER_WORD * cpu_operator_cost;
	double		collect = sweep + n_nodes * part * GV_HNSW_COST_OF_READ * expansion;

	*first = gv_hnsw_strategy_cost(part, n_nodes, sweep / expansion, ef, needed) * expansion;
	*all = Max(collect, *first);
}

/*
 * gv_hnsw_cost_estimate
 *		amcostestimate
 *
 * The first row costs a search: about ef pages, one for each node expanded,
 * or more if the LIMIT asks for more.  Further rows cost a page each, until
 * the sweep reads the rest.
 */
void
gv_hnsw_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count,
					  Cost *startup_cost, Cost *total_cost, Selectivity *selectivity,
					  double *correlation, double *pages)
{
	GenericCosts costs;
	Relation	index;
	double		expansions;
	double		needed;
	double		ratio;
	double		random_cost;
	double		page_cost;
	double		target;

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
	get_tablespace_page_costs(path->indexinfo->reltablespace, &random_cost, &page_cost);
	if (path->indexclauses != NIL && path->indexinfo->tuples > 0)
	{
		double		n_nodes = path->indexinfo->tuples;

		cost_with_filter(index, n_nodes, costs.indexSelectivity, needed,
						 path->indexinfo->pages / n_nodes * random_cost +
						 cpu_operator_cost * 32, random_cost, startup_cost, total_cost);
		index_close(index, NoLock);
		*selectivity = costs.indexSelectivity;
		*correlation = costs.indexCorrelation;
		*pages = costs.numIndexPages;
		return;
	}
	expansions = gv_hnsw_aim_planned_ef(index, needed);
	/* a target beyond is reached by a sweep, which costs as much */
	if (gv_hnsw_iterative_scan != GV_HNSW_ITERATIVE_OFF &&
		gv_hnsw_option_ef_search(index, &target) == 0)
		expansions = Min(expansions, gv_hnsw_aim_largest_ef(path->indexinfo->tuples));
	if (needed > expansions / 2)
		expansions = needed * EXPANSIONS_OF_ROW;
	expansions += EXPANSIONS_ON_THE_WAY;
	index_close(index, NoLock);

	/* the part of the index that the first rows need */
	ratio = path->indexinfo->tuples > 0 ? expansions / path->indexinfo->tuples : 1;
	ratio = Min(ratio, 1);

	/*
	 * The generic estimate takes all pages and tuples.  The pages of a search
	 * are read in no order.
	 */
	*startup_cost = costs.indexTotalCost * ratio;
	*startup_cost += Min(expansions, costs.numIndexPages) * cpu_operator_cost * 32;
	*total_cost = Max(costs.indexTotalCost, *startup_cost);
	*selectivity = costs.indexSelectivity;
	*correlation = costs.indexCorrelation;
	*pages = costs.numIndexPages;
}
