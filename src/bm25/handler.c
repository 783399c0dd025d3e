/*-------------------------------------------------------------------------
 *
 * handler.c
 *		The access method bm25: its description for PostgreSQL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/progress.h"

#include "am/plan.h"
#include "am/routine.h"
#include "base/compat.h"
#include "bm25/bm25.h"
#include "bm25/build.h"
#include "bm25/options.h"

GV_FUNCTION(gv_bm25_handler);

/* ambuildphasename: names for pg_stat_progress_create_index */
static char *
phase_name(int64 phase)
{
	switch (phase)
	{
		case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
			return "initializing";
		case GV_BM25_PHASE_SCAN:
			return "reading texts";
		case GV_BM25_PHASE_MERGE:
			return "writing postings";
		default:
			return NULL;
	}
}

/*
 * gv_bm25_init
 *		Define what the access method adds to the server; called once.
 */
void
gv_bm25_init(void)
{
	gv_bm25_define_settings();
	gv_am_plan_register(gv_bm25_get_tuple);
}

/*
 * gv_bm25_handler
 *		Return the access method's description.
 */
Datum
gv_bm25_handler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *am = gv_am_make_routine();

	am->ambuild = gv_bm25_build;
	am->ambuildempty = gv_bm25_build_empty;
	am->aminsert = gv_bm25_insert;
	am->ambulkdelete = gv_bm25_bulk_delete;
	am->amvacuumcleanup = gv_bm25_vacuum_cleanup;
	am->amcostestimate = gv_bm25_cost_estimate;
	am->amoptions = gv_bm25_reloptions;
	am->ambuildphasename = phase_name;
	am->amvalidate = gv_bm25_validate;
	am->ambeginscan = gv_bm25_begin_scan;
	am->amrescan = gv_bm25_rescan;
	am->amgettuple = gv_bm25_get_tuple;
	am->amgetbitmap = gv_bm25_get_bitmap;
	am->amendscan = gv_bm25_end_scan;
	PG_RETURN_POINTER(am);
}
