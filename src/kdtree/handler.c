/*-------------------------------------------------------------------------
 *
 * handler.c
 *		The access method kdtree: its description for PostgreSQL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/progress.h"

#include "am/plan.h"
#include "am/routine.h"
#include "base/compat.h"
#include "kdtree/build.h"
#include "kdtree/kdtree.h"
#include "kdtree/options.h"
#include "kdtree/range.h"

GV_FUNCTION(gv_kdtree_handler);

/* ambuildphasename: names for pg_stat_progress_create_index */
static char *
phase_name(int64 phase)
{
	switch (phase)
	{
		case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
			return "initializing";
		case GV_KDTREE_PHASE_LOAD:
			return "loading vectors";
		case GV_KDTREE_PHASE_WRITE:
			return "dividing and writing";
		default:
			return NULL;
	}
}

/*
 * gv_kdtree_init
 *		Define what the access method adds to the server; called once.
 */
void
gv_kdtree_init(void)
{
	gv_kdtree_define_settings();
	gv_am_plan_register(gv_kdtree_get_tuple);
	gv_kdtree_range_init();
}

/*
 * gv_kdtree_handler
 *		Return the access method's description.
 */
Datum
gv_kdtree_handler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *am = gv_am_make_routine();

	am->ambuild = gv_kdtree_build;
	am->ambuildempty = gv_kdtree_build_empty;
	am->aminsert = gv_kdtree_insert;
	am->amusemaintenanceworkmem = false;
	am->ambulkdelete = gv_kdtree_bulk_delete;
	am->amvacuumcleanup = gv_kdtree_vacuum_cleanup;
	am->amcostestimate = gv_kdtree_cost_estimate;
	am->amoptions = gv_kdtree_reloptions;
	am->ambuildphasename = phase_name;
	am->ambeginscan = gv_kdtree_begin_scan;
	am->amrescan = gv_kdtree_rescan;
	am->amgettuple = gv_kdtree_get_tuple;
	am->amgetbitmap = gv_kdtree_get_bitmap;
	am->amendscan = gv_kdtree_end_scan;
	PG_RETURN_POINTER(am);
}
