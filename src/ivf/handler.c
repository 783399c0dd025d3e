/*-------------------------------------------------------------------------
 *
 * handler.c
 *		The access methods ivfflat and ivfpq: their description for PostgreSQL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/progress.h"

#include "am/explain.h"
#include "am/plan.h"
#include "am/routine.h"
#include "base/compat.h"
#include "ivf/build.h"
#include "ivf/ivf.h"
#include "ivf/options.h"

GV_FUNCTION(gv_ivfflat_handler);
GV_FUNCTION(gv_ivfpq_handler);

/* ambuildphasename: names for pg_stat_progress_create_index */
static char *
phase_name(int64 phase)
{
	switch (phase)
	{
		case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
			return "initializing";
		case GV_IVF_PHASE_SAMPLE:
			return "sampling table";
		case GV_IVF_PHASE_TRAIN:
			return "performing k-means";
		case GV_IVF_PHASE_ROTATION:
			return "training rotation";
		case GV_IVF_PHASE_CODEBOOK:
			return "training codebooks";
		case GV_IVF_PHASE_LOAD:
			return "assigning rows to lists";
		case GV_IVF_PHASE_WRITE:
			return "writing lists";
		case GV_IVF_PHASE_CALIBRATE:
			return "calibrating recall";
		default:
			return NULL;
	}
}

/*
 * gv_ivf_init
 *		Define what the access methods add to the server; called once.
 */
void
gv_ivf_init(void)
{
	gv_ivf_define_settings();
	gv_am_plan_register(gv_ivf_get_tuple);
	gv_am_explain_register(gv_ivf_get_tuple, gv_ivf_scan_counts);
}

/* What both have in common */
static IndexAmRoutine *
make_routine(void)
{
	IndexAmRoutine *am = gv_am_make_routine();

	am->ambuild = gv_ivf_build;
	am->ambuildempty = gv_ivf_build_empty;
	am->aminsert = gv_ivf_insert;
	am->ambulkdelete = gv_ivf_bulk_delete;
	am->amvacuumcleanup = gv_ivf_vacuum_cleanup;
	am->amcostestimate = gv_ivf_cost_estimate;
	am->ambuildphasename = phase_name;
	am->ambeginscan = gv_ivf_begin_scan;
	am->amrescan = gv_ivf_rescan;
	am->amgettuple = gv_ivf_get_tuple;
	am->amendscan = gv_ivf_end_scan;
	return am;
}

/*
 * gv_ivfflat_handler, gv_ivfpq_handler
 *		Return the access method's description.
 */
Datum
gv_ivfflat_handler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *am = make_routine();

	am->amoptions = gv_ivfflat_reloptions;
	PG_RETURN_POINTER(am);
}

Datum
gv_ivfpq_handler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *am = make_routine();

	am->amoptions = gv_ivfpq_reloptions;
	PG_RETURN_POINTER(am);
}
