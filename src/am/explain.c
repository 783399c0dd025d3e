/*-------------------------------------------------------------------------
 *
 * explain.c
 *		What EXPLAIN ANALYZE tells of a scan.
 *
 * PostgreSQL lets extensions add to it since 18; gigavec.last_scan() tells the
 * same in all versions.  Of a scan that was executed more than once the last
 * time is told.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/compat.h"

#if GV_BASE_HAS_EXPLAIN_HOOK

#include "commands/explain.h"
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"

#include "am/explain.h"

#define MAX_ACCESS_METHODS 8

static struct
{
	amgettuple_function get_tuple;
	GvAmCountScan count_scan;
}			access_methods[MAX_ACCESS_METHODS];

static int	n_access_methods = 0;
static explain_per_node_hook_type previous_hook = NULL;

static void
explain_scan(const GvAmScanCounts *counts, ExplainState *es)
{
	if (counts->target > 0)
		ExplainPropertyFloat("Target Recall", NULL, counts->target, 3, es);
	if (counts->probes > 0)
	{
		ExplainPropertyInteger("Lists", NULL, counts->probes, es);
		ExplainPropertyInteger("Scanned Codes", NULL, counts->rows, es);
	}
	else
	{
		ExplainPropertyInteger("Search Candidates", NULL, counts->ef, es);
		ExplainPropertyInteger("Expanded Nodes", NULL, counts->expansions, es);
	}
	if (counts->swept > 0)
		ExplainPropertyInteger("Swept Nodes", NULL, counts->swept, es);
	ExplainPropertyInteger("Reranked Rows", NULL, counts->reranked, es);
}

static void
explain_node(PlanState *planstate, List *ancestors, const char *relationship,
			 const char *plan_name, ExplainState *es)
{
	IndexScanState *scan = (IndexScanState *) planstate;

	if (previous_hook)
		previous_hook(planstate, ancestors, relationship, plan_name, es);
	if (!es->analyze || !IsA(planstate, IndexScanState) || scan->iss_ScanDesc == NULL)
		return;
	for (int i = 0; i < n_access_methods; i++)
	{
		GvAmScanCounts counts;

		if (scan->iss_RelationDesc->rd_indam->amgettuple != access_methods[i].get_tuple)
			continue;
		access_methods[i].count_scan(scan->iss_ScanDesc, &counts);
		if (OidIsValid(counts.index))
			explain_scan(&counts, es);
	}
}

/*
 * gv_am_explain_register
 *		Make an access method's scans known, by their amgettuple.
 *
 * count_scan: tells what a scan has done
 */
void
gv_am_explain_register(amgettuple_function get_tuple, GvAmCountScan count_scan)
{
	Assert(n_access_methods < MAX_ACCESS_METHODS);
	access_methods[n_access_methods].get_tuple = get_tuple;
	access_methods[n_access_methods++].count_scan = count_scan;
}

/*
 * gv_am_explain_init
 *		Set the hook, if PostgreSQL has it; called once.
 */
void
gv_am_explain_init(void)
{
	previous_hook = explain_per_node_hook;
	explain_per_node_hook = explain_node;
}

#else							/* GV_BASE_HAS_EXPLAIN_HOOK */

#include "am/explain.h"

void
gv_am_explain_register(amgettuple_function get_tuple, GvAmCountScan count_scan)
{
}

void
gv_am_explain_init(void)
{
}

#endif							/* GV_BASE_HAS_EXPLAIN_HOOK */
