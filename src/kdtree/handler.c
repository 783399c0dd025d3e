/*-------------------------------------------------------------------------
 *
 * handler.c
 *		The access method kdtree: its description for PostgreSQL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/amapi.h"
#include "commands/progress.h"
#include "commands/vacuum.h"

#include "am/filter.h"
#include "am/plan.h"
#include "am/validate.h"
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
	IndexAmRoutine *am = makeNode(IndexAmRoutine);

	am->amstrategies = 0;
	am->amsupport = GV_AM_FILTER_PROC;
	am->amoptsprocnum = 0;
	am->amcanorder = false;
	am->amcanorderbyop = true;
	am->amcanbackward = false;
	am->amcanunique = false;
	am->amcanmulticol = true;
	am->amoptionalkey = true;
	am->amsearcharray = true;
	am->amsearchnulls = true;
	am->amstorage = false;
	am->amclusterable = false;
	am->ampredlocks = false;
	am->amcanparallel = false;
	am->amcaninclude = false;
	am->amusemaintenanceworkmem = false;
	am->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
	am->amkeytype = InvalidOid;

	am->ambuild = gv_kdtree_build;
	am->ambuildempty = gv_kdtree_build_empty;
	am->aminsert = gv_kdtree_insert;
	am->ambulkdelete = gv_kdtree_bulk_delete;
	am->amvacuumcleanup = gv_kdtree_vacuum_cleanup;
	am->amcanreturn = NULL;
	am->amcostestimate = gv_kdtree_cost_estimate;
	am->amoptions = gv_kdtree_reloptions;
	am->amproperty = NULL;
	am->ambuildphasename = phase_name;
	am->amvalidate = gv_am_validate;
	am->amadjustmembers = NULL;
	am->ambeginscan = gv_kdtree_begin_scan;
	am->amrescan = gv_kdtree_rescan;
	am->amgettuple = gv_kdtree_get_tuple;
	am->amgetbitmap = gv_kdtree_get_bitmap;
	am->amendscan = gv_kdtree_end_scan;
	am->ammarkpos = NULL;
	am->amrestrpos = NULL;
	am->amestimateparallelscan = NULL;
	am->aminitparallelscan = NULL;
	am->amparallelrescan = NULL;

	gv_am_set_can_build_parallel(am);
	PG_RETURN_POINTER(am);
}
