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

#include "am/cost.h"
#include "kdtree/index.h"
#include "kdtree/kdtree.h"

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
 * The selectivity of the conditions on the vector, which a scan need not read
 * beyond, and of those on filter columns, which it tests point by point.
 * Returns whether there is one of the vector that the index can be asked.
 */
static bool
split_selectivity(PlannerInfo *root, IndexPath *path, Selectivity *region, Selectivity *filters)
{
	List	   *on_vector = NIL;
	List	   *on_filters = NIL;
	bool		is_bounded = false;
	ListCell   *cell;

	foreach(cell, path->indexclauses)
	{
		IndexClause *clause = lfirst_node(IndexClause, cell);

		if (clause->indexcol > 0)
			on_filters = lappend(on_filters, clause->rinfo);
		else
			on_vector = lappend(on_vector, clause->rinfo);
		if (clause->indexcol == 0 && !IsA(clause->rinfo->clause, NullTest))
			is_bounded = true;
	}
	*region = clauselist_selectivity(root, on_vector, path->indexinfo->rel->relid, JOIN_INNER,
									 NULL);
	*filters = clauselist_selectivity(root, on_filters, path->indexinfo->rel->relid, JOIN_INNER,
									  NULL);
	return is_bounded;
}

/* Is a condition of a path that the vector is null?  The index has no such rows. */
static bool
wants_nulls(IndexPath *path)
{
	ListCell   *cell;

	foreach(cell, path->indexclauses)
	{
		IndexClause *clause = lfirst_node(IndexClause, cell);

		if (clause->indexcol == 0 && IsA(clause->rinfo->clause, NullTest) &&
			((NullTest *) clause->rinfo->clause)->nulltesttype == IS_NULL)
			return true;
	}
	return false;
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
	double		limit = root->limit_tuples > 0 ? root->limit_tuples : GV_AM_EXPECTED_ROWS;
	double		from_index;
	double		rows = path->indexinfo->rel->rows;
	double		n_leaves = Max(path->indexinfo->pages, 1);
	double		n_points;
	double		leaf_cost;
	double		pages_cost;
	double		random_cost;
	double		page_cost;
	Selectivity region;
	Selectivity filters;
	int			dim;
	bool		is_bounded = split_selectivity(root, path, &region, &filters);

	/* A scan of everything would miss rows without a point */
	if ((path->indexorderbys == NIL && !is_bounded) || wants_nulls(path))
	{
		gv_am_cost_refuse(path, startup_cost, total_cost, selectivity, correlation, pages);
		return;
	}

	memset(&costs, 0, sizeof(costs));
	n_points = path->indexinfo->tuples * region;
	costs.numIndexTuples = Max(rint(n_points), 1);
	genericcostestimate(root, path, loop_count, &costs);
	*selectivity = costs.indexSelectivity;
	*correlation = costs.indexCorrelation;
	*pages = costs.numIndexPages;
	*startup_cost = 0;

	/* pages that are near each other in space are so on disk; points cost little */
	get_tablespace_page_costs(path->indexinfo->reltablespace, &random_cost, &page_cost);
	pages_cost = Min(costs.numIndexPages * random_cost, n_leaves * page_cost);
	*total_cost = pages_cost + n_points * (1 + list_length(path->indexclauses)) *
		COST_OF_POINT * cpu_operator_cost +
		n_points * filters * cpu_index_tuple_cost;
	/* repeated scans find most pages cached, which is reckoned there */
	if (loop_count > 1)
		*total_cost = Min(*total_cost, costs.indexTotalCost);
	if (path->indexorderbys == NIL)
		return;

	/* conditions outside the index make more rows of each, and so do filters */
	from_index = path->indexinfo->tuples * costs.indexSelectivity;
	if (rows > 0 && from_index > rows)
		limit *= from_index / rows;
	if (filters > 0)
		limit = Min(limit / filters, Max(path->indexinfo->tuples, 1));

	index = index_open(path->indexinfo->indexoid, NoLock);
	dim = TupleDescAttr(index->rd_att, 0)->atttypmod;
	gv_am_filter_columns(&ix.filters, index);
	gv_kdtree_set_layout(&ix, gv_am_opclass(index), dim > 0 ? dim : 1);
	index_close(index, NoLock);
	leaf_cost = random_cost + ix.leaf_capacity * COST_OF_POINT * cpu_operator_cost;
	*startup_cost = leaves_read(ix.dim, ix.leaf_capacity, n_leaves, limit) * leaf_cost;
	/* it ends where the region does */
	*startup_cost = Min(*startup_cost, *total_cost);

	/* less would allow a bitmap scan by the filters only, where rows without a point are missing */
	if (!is_bounded)
		*selectivity = 1;
}
