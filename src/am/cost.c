/*-------------------------------------------------------------------------
 *
 * cost.c
 *		What the planner is told of scans by any access method.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"

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

/* Walker: has an expression a parameter of the query, as in a generic plan? */
static bool
has_parameter(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
		return ((Param *) node)->paramkind == PARAM_EXTERN;
	return expression_tree_walker(node, has_parameter, context);
}

/* Is a condition a range of which the query tells an end only when it is executed? */
static bool
is_unknown_range(RestrictInfo *rinfo)
{
	RegProcedure estimator;

	if (!IsA(rinfo->clause, OpExpr) || !has_parameter((Node *) rinfo->clause, NULL))
		return false;
	estimator = get_oprrest(((OpExpr *) rinfo->clause)->opno);
	return estimator == F_SCALARLTSEL || estimator == F_SCALARLESEL ||
		estimator == F_SCALARGTSEL || estimator == F_SCALARGESEL;
}

/* Is a condition one that the index looks at? */
static bool
is_index_condition(IndexPath *path, RestrictInfo *rinfo)
{
	ListCell   *lc;

	foreach(lc, path->indexclauses)
	{
		if (lfirst_node(IndexClause, lc)->rinfo == rinfo)
			return true;
	}
	return false;
}

/*
 * The part of the rows that ranges outside the index let pass of those that the
 * planner takes for granted, if it does not know their ends.
 *
 * It thinks that a range with one end has a third of the rows.  Rows in order of
 * distance cost as much as 1 in so many passes; a third is next to the best case,
 * and a generic plan would always seem better than one that knows the ends, though
 * it may have to look at the whole table.  So they have as many as a range with two
 * ends that are not known.
 */
static double
part_of_unknown_ranges(PlannerInfo *root, IndexPath *path)
{
	List	   *ranges = NIL;
	double		part;
	ListCell   *lc;

	foreach(lc, path->indexinfo->rel->baserestrictinfo)
	{
		RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc);

		if (is_unknown_range(rinfo) && !is_index_condition(path, rinfo))
			ranges = lappend(ranges, rinfo);
	}
	if (ranges == NIL)
		return 1;
	part = clauselist_selectivity(root, ranges, path->indexinfo->rel->relid, JOIN_INNER, NULL);
	list_free(ranges);
	return part > DEFAULT_RANGE_INEQ_SEL ? DEFAULT_RANGE_INEQ_SEL / part : 1;
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
	double		rows = path->indexinfo->rel->rows * part_of_unknown_ranges(root, path);

	return rows > 0 && from_index > rows ? limit * (from_index / rows) : limit;
}
