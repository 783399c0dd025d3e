/*-------------------------------------------------------------------------
 *
 * limit.c
 *		The LIMIT of a query, for the scan below it.
 *
 * An executor does not tell an index scan how many rows will be asked for.
 * When a query starts, its plan is searched for a LIMIT right above an ordered
 * scan of ours.  The scan's order-by keys, which amrescan gets by their address,
 * tell later which scan it is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"
#include "utils/rel.h"

#include "am/limit.h"
#include "am/plan.h"

/* A scan whose LIMIT is known */
typedef struct KnownLimit
{
	const ScanKeyData *order_bys;
	int64		limit;
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

static void
remember_limit(EState *estate, const ScanKeyData *order_bys, int64 limit)
{
	KnownLimit *known = MemoryContextAlloc(estate->es_query_cxt, sizeof(KnownLimit));
	MemoryContextCallback *callback = MemoryContextAlloc(estate->es_query_cxt,
														 sizeof(MemoryContextCallback));

	known->order_bys = order_bys;
	known->limit = limit;
	known->next = known_limits;
	callback->func = forget_limit;
	callback->arg = known;
	MemoryContextRegisterResetCallback(estate->es_query_cxt, callback);
	known_limits = known;
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
	if (planstate == NULL || planstate->plan->qual != NIL)
		return;
	switch (nodeTag(planstate))
	{
		case T_IndexScanState:
			{
				IndexScanState *scan = (IndexScanState *) planstate;

				if (scan->iss_NumOrderByKeys > 0 && scan->iss_RelationDesc != NULL &&
					gv_am_plan_is_scan(scan->iss_RelationDesc->rd_indam->amgettuple))
					remember_limit(planstate->state, scan->iss_OrderByKeys, limit);
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
 * gv_am_limit_init
 *		Set the hook; called once.
 */
void
gv_am_limit_init(void)
{
	previous_start_hook = ExecutorStart_hook;
	ExecutorStart_hook = start_query;
}
