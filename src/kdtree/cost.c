/*-------------------------------------------------------------------------
 *
 * cost.c
 *		What a scan costs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"

#include "base/compat.h"
#include "kdtree/index.h"
#include "kdtree/kdtree.h"

/* Rows that a query without LIMIT is thought to want first */
#define EXPECTED_ROWS 10

/* Distances that a leaf computes at once, part of an operator's cost for each */
#define COST_OF_POINT 0.02

/*
 * Leaves that a search for some rows reads.
 *
 * A ball around the query with so many points has the volume of as many
 * points' cells.  It touches the leaves whose cubes, of the volume of a leaf's
 * points, are no farther than its radius: (1 + radius / side * 2) ^ dim.  That
 * is 64 leaves at 8 dimensions, where 80 were measured.  Data of many dimensions
 * lie on fewer, so ten are counted at most; hnsw costs less then.
 */
static double
leaves_read(int dim, int leaf_points, double n_leaves, double rows)
{
	double		dims = Min(dim, 10);
	double		leaves = pow(1 + pow(rows / leaf_points, 1 / dims), dims);

	return Min(leaves, n_leaves);
}

/*
 * gv_kdtree_cost_estimate
 *		amcostestimate
 */
void
gv_kdtree_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count,
						Cost *startup_cost, Cost *total_cost, Selectivity *selectivity,
						double *correlation, double *pages)
{
	GenericCosts costs;
	GvKdtreeIndex ix;
	Relation	index;
	double		limit = root->limit_tuples > 0 ? root->limit_tuples : EXPECTED_ROWS;
	double		from_index;
	double		rows = path->indexinfo->rel->rows;
	double		n_leaves = Max(path->indexinfo->pages, 1);
	double		leaf_cost;
	double		random_cost;
	double		page_cost;
	int			dim;

	/* A scan of everything cannot be done, and rows without a point would be missing */
	if (path->indexorderbys == NIL && path->indexclauses == NIL)
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
	*selectivity = costs.indexSelectivity;
	*correlation = costs.indexCorrelation;
	*pages = costs.numIndexPages;
	*total_cost = costs.indexTotalCost;
	*startup_cost = 0;
	if (path->indexorderbys == NIL)
		return;

	/* conditions outside the index make more rows of each */
	from_index = path->indexinfo->tuples * costs.indexSelectivity;
	if (rows > 0 && from_index > rows)
		limit *= from_index / rows;

	index = index_open(path->indexinfo->indexoid, NoLock);
	dim = TupleDescAttr(index->rd_att, 0)->atttypmod;
	gv_kdtree_set_layout(&ix, gv_am_opclass(index), dim > 0 ? dim : 1);
	index_close(index, NoLock);
	get_tablespace_page_costs(path->indexinfo->reltablespace, &random_cost, &page_cost);
	leaf_cost = random_cost + ix.leaf_capacity * COST_OF_POINT * cpu_operator_cost;
	*startup_cost = leaves_read(ix.dim, ix.leaf_capacity, n_leaves, limit) * leaf_cost;
	*total_cost = Max(costs.indexTotalCost, *startup_cost);
}
