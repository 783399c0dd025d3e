/*-------------------------------------------------------------------------
 *
 * limit.c
 *		What a query asks of the scan below it: its LIMIT, and a radius.
 *
 * An executor does not tell an index scan how many rows will be asked for, nor
 * beyond which distance no row passes the conditions.  When a query starts, its
 * plan is searched for a LIMIT right above an ordered scan of ours, and for
 * conditions that compare what a scan orders by with a number.  The scan's
 * order-by keys, which amrescan gets by their address, tell later which scan it
 * is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "am/limit.h"
#include "am/plan.h"

/* A scan of which something is known */
typedef struct KnownLimit
{
	const ScanKeyData *order_bys;
	int64		limit;			/* 0: not known */
	double		radius;			/* infinity: not known */
	struct KnownLimit *next;
} KnownLimit;

/* Of all queries under way, the latest first; each lives as long as its query */
static KnownLimit *known_limits = NULL;

static ExecutorStart_hook_type previous_start_hook = NULL;

/* Forget a limit; called when the memory of its query is freed */
static void
forget_limit(void *arg)
{
	for (KnownLimit **place = &known_limits; *place != NULL; place = &(*place)->next)
	{
		if (*place == arg)
		{
			*place = (*place)->next;
			return;
		}
	}
}

/* What is known of a scan, of which nothing was known before or something */
static KnownLimit *
know_scan(EState *estate, const ScanKeyData *order_bys)
{
	KnownLimit *known;
	MemoryContextCallback *callback;

	for (known = known_limits; known != NULL; known = known->next)
	{
		if (known->order_bys == order_bys)
			return known;
	}
	known = MemoryContextAlloc(estate->es_query_cxt, sizeof(KnownLimit));
	callback = MemoryContextAlloc(estate->es_query_cxt, sizeof(MemoryContextCallback));
	known->order_bys = order_bys;
	known->limit = 0;
	known->radius = INFINITY;
	known->next = known_limits;
	callback->func = forget_limit;
	callback->arg = known;
	MemoryContextRegisterResetCallback(estate->es_query_cxt, callback);
	known_limits = known;
	return known;
}

/* Is a scan ordered, and ours? */
static bool
is_ours(const IndexScanState *scan)
{
	return scan->iss_NumOrderByKeys > 0 && scan->iss_RelationDesc != NULL &&
		gv_am_plan_is_scan(scan->iss_RelationDesc->rd_indam->amgettuple);
}

/* The value of a number that is known from the start */
static bool
known_float(EState *estate, Node *node, double *value)
{
	if (IsA(node, Const))
	{
		Const	   *constant = (Const *) node;

		if (constant->consttype != FLOAT8OID || constant->constisnull)
			return false;
		*value = DatumGetFloat8(constant->constvalue);
		return true;
	}
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN)
	{
		ParamListInfo params = estate->es_param_list_info;
		int			id = ((Param *) node)->paramid;
		ParamExternData space;
		ParamExternData *param;

		if (params == NULL || id < 1 || id > params->numParams)
			return false;
		param = params->paramFetch ? params->paramFetch(params, id, false, &space) :
			&params->params[id - 1];
		if (param->ptype != FLOAT8OID || param->isnull)
			return false;
		*value = DatumGetFloat8(param->value);
		return true;
	}
	return false;
}

/*
 * The radius that a condition sets, if it is one of
 *
 *		distance < number, 1 - distance > number
 *
 * or the same with <= and >=, or the other way round; infinity if it is not.
 */
static double
radius_of_condition(EState *estate, const Node *distance, Node *condition)
{
	OpExpr	   *op = (OpExpr *) condition;
	Node	   *left;
	Node	   *right;
	Oid			function;
	double		number;
	double		whole;

	if (!IsA(condition, OpExpr) || list_length(op->args) != 2)
		return INFINITY;
	function = get_opcode(op->opno);
	left = linitial(op->args);
	right = lsecond(op->args);
	if (function == F_FLOAT8GT || function == F_FLOAT8GE)
	{
		Node	   *swapped = left;

		left = right;
		right = swapped;
	}
	else if (function != F_FLOAT8LT && function != F_FLOAT8LE)
		return INFINITY;

	/* the left is less now */
	if (equal(left, distance) && known_float(estate, right, &number))
		return number;
	if (IsA(right, OpExpr) && known_float(estate, left, &number) &&
		get_opcode(((OpExpr *) right)->opno) == F_FLOAT8MI &&
		equal(lsecond(((OpExpr *) right)->args), distance) &&
		known_float(estate, linitial(((OpExpr *) right)->args), &whole))
		return whole - number + (fabs(whole) + fabs(number)) * DBL_EPSILON;
	return INFINITY;
}

/*
 * The radius of a scan, infinity if it has none.
 *
 * has_others: set to whether there are conditions besides
 */
static double
radius_of_scan(IndexScanState *scan, bool *has_others)
{
	IndexScan  *plan = (IndexScan *) scan->ss.ps.plan;
	double		radius = INFINITY;
	ListCell   *cell;

	*has_others = false;
	foreach(cell, plan->scan.plan.qual)
	{
		double		one = list_length(plan->indexorderbyorig) != 1 ? INFINITY :
			radius_of_condition(scan->ss.ps.state, linitial(plan->indexorderbyorig), lfirst(cell));

		if (isinf(one) || isnan(one))
			*has_others = true;
		else
			radius = Min(radius, one);
	}
	return radius;
}

/* The value of LIMIT or OFFSET if it is known from the start; else -1 */
static int64
known_number(LimitState *limit, Node *node, ExprState *expr)
{
	Datum		value;
	bool		isnull;

	if (!IsA(node, Const) &&
		!(IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN))
		return -1;
	value = ExecEvalExprSwitchContext(expr, limit->ps.ps_ExprContext, &isnull);
	return isnull ? -1 : DatumGetInt64(value);
}

/* Remember the limit of scans that hand their rows on as they are */
static void
pass_down(PlanState *planstate, int64 limit)
{
	if (planstate == NULL ||
		(planstate->plan->qual != NIL && !IsA(planstate, IndexScanState)))
		return;
	switch (nodeTag(planstate))
	{
		case T_IndexScanState:
			{
				IndexScanState *scan = (IndexScanState *) planstate;
				bool		has_others;

				/* rows beyond the radius come when all others have left */
				if (!is_ours(scan))
					break;
				(void) radius_of_scan(scan, &has_others);
				if (!has_others)
					know_scan(planstate->state, scan->iss_OrderByKeys)->limit = limit;
				break;
			}
		case T_ResultState:
		case T_LockRowsState:
			pass_down(outerPlanState(planstate), limit);
			break;
		case T_SubqueryScanState:
			pass_down(((SubqueryScanState *) planstate)->subplan, limit);
			break;
		case T_MergeAppendState:
			for (int i = 0; i < ((MergeAppendState *) planstate)->ms_nplans; i++)
				pass_down(((MergeAppendState *) planstate)->mergeplans[i], limit);
			break;
		default:
			break;
	}
}

static bool
find_limits(PlanState *planstate, void *context)
{
	if (planstate == NULL)
		return false;
	check_stack_depth();
	if (IsA(planstate, LimitState))
	{
		LimitState *state = (LimitState *) planstate;
		Limit	   *plan = (Limit *) planstate->plan;
		int64		limit = plan->limitCount ?
			known_number(state, plan->limitCount, state->limitCount) : -1;
		int64		offset = plan->limitOffset ?
			known_number(state, plan->limitOffset, state->limitOffset) : 0;

		if (limit > 0 && offset >= 0 && limit <= PG_INT64_MAX - offset)
			pass_down(outerPlanState(planstate), limit + offset);
	}
	else if (IsA(planstate, IndexScanState) && is_ours((IndexScanState *) planstate))
	{
		IndexScanState *scan = (IndexScanState *) planstate;
		bool		has_others;
		double		radius = radius_of_scan(scan, &has_others);

		if (!isinf(radius))
			know_scan(planstate->state, scan->iss_OrderByKeys)->radius = radius;
	}
	return planstate_tree_walker(planstate, find_limits, context);
}

static void
start_query(QueryDesc *query, int flags)
{
	if (previous_start_hook)
		previous_start_hook(query, flags);
	else
		standard_ExecutorStart(query, flags);
	if (query->planstate != NULL && !(flags & EXEC_FLAG_EXPLAIN_ONLY))
		(void) find_limits(query->planstate, NULL);
}

/*
 * gv_am_limit_of
 *		Return the rows that a query wants of a scan; 0 if that is not known.
 *
 * order_bys: as amrescan gets them
 */
int64
gv_am_limit_of(const ScanKeyData *order_bys)
{
	for (const KnownLimit *known = known_limits; known != NULL; known = known->next)
	{
		if (known->order_bys == order_bys)
			return known->limit;
	}
	return 0;
}

/*
 * gv_am_radius_of
 *		Return the distance beyond which no row passes the conditions of a query;
 *		infinity if that is not known.
 *
 * order_bys: as amrescan gets them
 */
double
gv_am_radius_of(const ScanKeyData *order_bys)
{
	for (const KnownLimit *known = known_limits; known != NULL; known = known->next)
	{
		if (known->order_bys == order_bys)
			return known->radius;
	}
	return INFINITY;
}

/*
 * gv_am_limit_init
 *		Set the hook; called once.
 */
void
gv_am_limit_init(void)
{
	previous_start_hook = ExecutorStart_hook;
	ExecutorStart_hook = start_query;
}
