/*-------------------------------------------------------------------------
 *
 * plan.c
 *		Plans without distances that nobody looks at.
 *
 * SELECT id FROM items ORDER BY embedding <-> $1 LIMIT 10 has the distance as
 * a hidden column.  When an ordered index scan delivers the order nobody reads
 * it, yet PostgreSQL computes it for each row, and for that fetches vectors
 * stored out of line.  After planning, such a column of an ordered scan of
 * ours, alone or under a LIMIT, is replaced by a null.
 *
 * The hook is set when the library is loaded, so the first query of a session
 * may still be planned without it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/plannodes.h"
#include "optimizer/planner.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "am/plan.h"
#include "base/compat.h"

#define MAX_ACCESS_METHODS 8

static amgettuple_function access_methods[MAX_ACCESS_METHODS];
static int	n_access_methods = 0;
static planner_hook_type previous_planner_hook = NULL;

/*
 * gv_am_plan_register
 *		Make an access method's ordered scans known, by their amgettuple.
 */
void
gv_am_plan_register(amgettuple_function get_tuple)
{
	Assert(n_access_methods < MAX_ACCESS_METHODS);
	access_methods[n_access_methods++] = get_tuple;
}

/*
 * gv_am_plan_is_scan
 *		Is an amgettuple that of an access method that is registered?
 */
bool
gv_am_plan_is_scan(amgettuple_function get_tuple)
{
	for (int i = 0; i < n_access_methods; i++)
	{
		if (access_methods[i] == get_tuple)
			return true;
	}
	return false;
}

/*
 * gv_am_plan_is_ours
 *		Is the index of an access method that is registered?
 */
bool
gv_am_plan_is_ours(Oid index_oid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(index_oid));
	IndexAmRoutine *am;

	if (!HeapTupleIsValid(tuple))
		return false;
	am = GetIndexAmRoutineByAmId(((Form_pg_class) GETSTRUCT(tuple))->relam, true);
	ReleaseSysCache(tuple);
	return am != NULL && gv_am_plan_is_scan(am->amgettuple);
}

/* Replace the expression of a column that is a distance the scan orders by */
static void
remove_distance(IndexScan *scan, TargetEntry *column)
{
	ListCell   *cell;

	foreach(cell, scan->indexorderbyorig)
	{
		if (equal(lfirst(cell), column->expr))
		{
			column->expr = (Expr *) makeNullConst(exprType((Node *) column->expr),
												  exprTypmod((Node *) column->expr),
												  exprCollation((Node *) column->expr));
			return;
		}
	}
}

/* The column of the plan below that a column just passes on, or 0 */
static AttrNumber
passed_on_column(const TargetEntry *column)
{
	const Var  *var = (const Var *) column->expr;

	return IsA(var, Var) && var->varno == OUTER_VAR ? var->varattno : 0;
}

/* Treat a plan whose hidden columns nobody reads */
static void
remove_unread_distances(Plan *plan)
{
	Plan	   *below;
	ListCell   *cell;

	if (IsA(plan, IndexScan))
	{
		if (((IndexScan *) plan)->indexorderby == NIL ||
			!gv_am_plan_is_ours(((IndexScan *) plan)->indexid))
			return;
		foreach(cell, plan->targetlist)
		{
			TargetEntry *column = lfirst_node(TargetEntry, cell);

			if (column->resjunk)
				remove_distance((IndexScan *) plan, column);
		}
		return;
	}

	/* WITH TIES compares the hidden columns */
	if (!IsA(plan, Limit) || ((Limit *) plan)->limitOption != LIMIT_OPTION_COUNT)
		return;
	below = outerPlan(plan);
	if (below == NULL || !IsA(below, IndexScan) ||
		((IndexScan *) below)->indexorderby == NIL ||
		!gv_am_plan_is_ours(((IndexScan *) below)->indexid))
		return;

	foreach(cell, plan->targetlist)
	{
		TargetEntry *column = lfirst_node(TargetEntry, cell);
		AttrNumber	number = passed_on_column(column);
		bool		is_read = false;
		ListCell   *other_cell;

		if (!column->resjunk || number == 0)
			continue;
		foreach(other_cell, plan->targetlist)
		{
			TargetEntry *other = lfirst_node(TargetEntry, other_cell);

			if (!other->resjunk && passed_on_column(other) == number)
				is_read = true;
		}
		if (!is_read)
			remove_distance((IndexScan *) below,
							list_nth_node(TargetEntry, below->targetlist, number - 1));
	}
}

/* Find the plans of subqueries, whose hidden columns nobody reads either */
static void
walk_plan(Plan *plan)
{
	ListCell   *cell;

	if (plan == NULL)
		return;
	check_stack_depth();
	switch (nodeTag(plan))
	{
		case T_SubqueryScan:
			remove_unread_distances(((SubqueryScan *) plan)->subplan);
			walk_plan(((SubqueryScan *) plan)->subplan);
			break;
		case T_Limit:
			/* below a join it is a subquery that hands its columns on as they are */
			remove_unread_distances(plan);
			break;
		case T_Append:
			foreach(cell, ((Append *) plan)->appendplans)
				walk_plan(lfirst(cell));
			break;
		case T_MergeAppend:
			foreach(cell, ((MergeAppend *) plan)->mergeplans)
				walk_plan(lfirst(cell));
			break;
		default:
			break;
	}
	walk_plan(outerPlan(plan));
	walk_plan(innerPlan(plan));
}

static PlannedStmt *
plan_query(Query *parse, const char *query_string, int cursor_options,
		   ParamListInfo bound_params)
{
	PlannedStmt *result;
	ListCell   *cell;

	if (previous_planner_hook)
		result = previous_planner_hook(parse, query_string, cursor_options, bound_params);
	else
		result = standard_planner(parse, query_string, cursor_options, bound_params);

	if (result->commandType == CMD_SELECT && result->rowMarks == NIL)
		remove_unread_distances(result->planTree);
	walk_plan(result->planTree);
	foreach(cell, result->subplans)
	{
		Plan	   *plan = lfirst(cell);

		if (plan != NULL)
		{
			remove_unread_distances(plan);
			walk_plan(plan);
		}
	}
	return result;
}

/*
 * gv_am_plan_init
 *		Set the hook; called once.
 */
void
gv_am_plan_init(void)
{
	previous_planner_hook = planner_hook;
	planner_hook = plan_query;
}
