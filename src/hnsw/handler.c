/*-------------------------------------------------------------------------
 *
 * handler.c
 *		The access method hnsw: its description for PostgreSQL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/progress.h"

#include "am/explain.h"
#include "am/plan.h"
#include "am/routine.h"
#include "base/compat.h"
#include "hnsw/build.h"
#include "hnsw/hnsw.h"
#include "hnsw/options.h"

GV_FUNCTION(gv_hnsw_handler);

/* ambuildphasename: names for pg_stat_progress_create_index */
static char *
phase_name(int64 phase)
{
	switch (phase)
	{
		case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
			return "initializing";
		case GV_HNSW_PHASE_LOAD:
			return "loading vectors";
		case GV_HNSW_PHASE_DIVIDE:
			return "dividing vectors";
		case GV_HNSW_PHASE_LINK:
			return "linking nodes";
		case GV_HNSW_PHASE_WRITE:
			return "writing pages";
		case GV_HNSW_PHASE_INSERT:
			return "inserting the rows that did not fit into memory";
		case GV_HNSW_PHASE_CALIBRATE:
			return "calibrating recall";
		default:
			return NULL;
	}
}

/*
 * gv_hnsw_init
 *		Define what the access method adds to the server; called once.
 */
void
gv_hnsw_init(void)
{
	gv_hnsw_define_settings();
	gv_am_plan_register(gv_hnsw_get_tuple);
	gv_am_explain_register(gv_hnsw_get_tuple, gv_hnsw_scan_counts);
}

/*
 * gv_hnsw_handler
 *		Return the access method's description.
 */
Datum
gv_hnsw_handler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *am = gv_am_make_routine();

	am->ambuild = gv_hnsw_build;
	am->ambuildempty = gv_hnsw_build_empty;
	am->aminsert = gv_hnsw_insert;
	am->ambulkdelete = gv_hnsw_bulk_delete;
	am->amvacuumcleanup = gv_hnsw_vacuum_cleanup;
	am->amcostestimate = gv_hnsw_cost_estimate;
	am->amoptions = gv_hnsw_reloptions;
	am->ambuildphasename = phase_name;
	am->ambeginscan = gv_hnsw_begin_scan;
	am->amrescan = gv_hnsw_rescan;
	am->amgettuple = gv_hnsw_get_tuple;
	am->amendscan = gv_hnsw_end_scan;
	PG_RETURN_POINTER(am);
}
