/*-------------------------------------------------------------------------
 *
 * cost.c
 *		What a scan costs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/selfuncs.h"

#include "am/cost.h"
#include "bm25/bm25.h"
#include "bm25/corpus.h"

/*
 * Parts of an index that a search reads, and of its rows that it looks at, when
 * it wants the best only: measured on passages of Windows documentation.
 */
#define PART_OF_PAGES 0.01
#define PART_OF_ROWS 0.002

/* How much more of both it reads at most if few rows pass a filter */
#define MORE_FOR_FILTER 10

/* Testing a word of a filter column, in operators: 64 are tested together */
#define WORD_COST 0.02

/* Pages read in any case: dictionaries, the metapage */
#define PAGES_AT_LEAST 6

/* Does an operator's right side name an index that this one cannot answer for? */
static bool
names_another(PlannerInfo *root, IndexPath *path, Node *operator)
{
	Node	   *right;
	Oid			query_type;
	GvBm25Query query;

	if (!IsA(operator, OpExpr))
		return false;
	right = lsecond(((OpExpr *) operator)->args);
	query_type = exprType(right);
	if (query_type == TEXTOID)
		return false;
	right = estimate_expression_value(root, right);
	/* where the query is not known yet, what binds it to an index names the index */
	if (IsA(right, FuncExpr) && list_length(((FuncExpr *) right)->args) == 2)
		right = lsecond(((FuncExpr *) right)->args);
	if (!IsA(right, Const) || ((Const *) right)->constisnull || exprType(right) != query_type)
		return false;
	query = gv_bm25_query_from_datum(((Const *) right)->constvalue);
	return query->bound == GV_BM25_BOUND_OPEN ||
		(OidIsValid(query->index) && query->index != path->indexinfo->indexoid &&
		 !gv_bm25_is_partition_of(path->indexinfo->indexoid, query->index));
}

/*
 * gv_bm25_cost_estimate
 *		amcostestimate
 *
 * A scan by scores finds its first rows by reading a small part of the index, and
 * more of it the fewer rows pass a filter; one without order reads the postings of
 * the query's words.  Without a query an index cannot be scanned, for it does not
 * have rows without words.
 */
void
gv_bm25_cost_estimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup_cost,
					  Cost *total_cost, Selectivity *selectivity, double *correlation,
					  double *pages)
{
	GenericCosts costs;
	bool		has_match = false;
	bool		is_possible = true;
	int			n_filters = 0;
	ListCell   *cell;

	foreach(cell, path->indexorderbys)
		is_possible &= !names_another(root, path, lfirst(cell));
	foreach(cell, path->indexclauses)
	{
		IndexClause *clause = lfirst_node(IndexClause, cell);
		ListCell   *other;

		n_filters += clause->indexcol != 0;
		if (clause->indexcol != 0 || IsA(clause->rinfo->clause, NullTest))
			continue;
		has_match = true;
		is_possible &= !IsA(clause->rinfo->clause, ScalarArrayOpExpr);
		foreach(other, clause->indexquals)
			is_possible &= !names_another(root, path,
										 (Node *) lfirst_node(RestrictInfo, other)->clause);
	}
	if (!is_possible || (path->indexorderbys == NIL && !has_match))
	{
		gv_am_cost_refuse(path, startup_cost, total_cost, selectivity, correlation, pages);
		return;
	}

	memset(&costs, 0, sizeof(costs));
	genericcostestimate(root, path, loop_count, &costs);
	if (path->indexorderbys != NIL)
	{
		double		more = n_filters == 0 ? 1 :
			Min(MORE_FOR_FILTER, 1 / Max(costs.indexSelectivity, 1e-6));
		double		part = Min(path->indexinfo->pages, PAGES_AT_LEAST +
							   path->indexinfo->pages * PART_OF_PAGES * more);

		costs.indexStartupCost = part * seq_page_cost +
			path->indexinfo->tuples * PART_OF_ROWS * more * cpu_operator_cost +
			path->indexinfo->tuples * n_filters * WORD_COST * cpu_operator_cost;
		costs.indexTotalCost = Max(costs.indexTotalCost, costs.indexStartupCost);
		costs.numIndexPages = path->indexinfo->pages;
	}

	/*
	 * Of an ordered path that does not return all rows the planner makes a bitmap
	 * scan, too, without the order.  With a filter alone that cannot be done.  So
	 * the path says that it returns all of them, and that they lie in the table's
	 * order: reading the table through costs about as much as fetching, one by one,
	 * the few that pass.
	 */
	if (path->indexorderbys != NIL && n_filters > 0 && !has_match)
	{
		costs.indexSelectivity = 1;
		costs.indexCorrelation = 1;
	}
	*startup_cost = costs.indexStartupCost;
	*total_cost = costs.indexTotalCost;
	*selectivity = costs.indexSelectivity;
	*correlation = costs.indexCorrelation;
	*pages = costs.numIndexPages;
}
