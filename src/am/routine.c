/*-------------------------------------------------------------------------
 *
 * routine.c
 *		What the access methods have in common: descriptions, VACUUM.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "postmaster/autovacuum.h"
#include "storage/bufmgr.h"
#include "utils/relcache.h"

#include "am/filter.h"
#include "am/routine.h"
#include "am/validate.h"
#include "base/compat.h"

/*
 * gv_am_make_routine
 *		A description of an access method that orders by an operator and has filter
 *		columns; its functions, but for amvalidate, are not set.
 */
IndexAmRoutine *
gv_am_make_routine(void)
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
	gv_am_set_can_build_parallel(am);
	am->amcaninclude = false;
	/* VACUUM repairs, sorts or merges within it */
	am->amusemaintenanceworkmem = true;
	am->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
	am->amkeytype = InvalidOid;

	am->amcanreturn = NULL;
	am->amproperty = NULL;
	am->amvalidate = gv_am_validate;
	am->amadjustmembers = NULL;
	am->amgetbitmap = NULL;
	am->ammarkpos = NULL;
	am->amrestrpos = NULL;
	am->amestimateparallelscan = NULL;
	am->aminitparallelscan = NULL;
	am->amparallelrescan = NULL;
	return am;
}

/*
 * gv_am_maintenance_memory
 *		The memory, in kB, of what VACUUM does and other statements may do, too.
 *
 * Several processes of autovacuum may be at it, who have a setting of their own.
 */
int
gv_am_maintenance_memory(void)
{
	return MyBackendType == B_AUTOVAC_WORKER && autovacuum_work_mem != -1 ?
		autovacuum_work_mem : maintenance_work_mem;
}

/*
 * gv_am_cleanup_result
 *		What amvacuumcleanup returns: the result of the deletion or, where nothing
 *		was deleted, one with the table's count of rows for that of the index.
 *
 * A partial index has fewer rows than that, and an index that leaves out nulls
 * may have; the planner asks for the number of a partial index only, so that is
 * left as it was.
 */
IndexBulkDeleteResult *
gv_am_cleanup_result(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	if (stats == NULL)
	{
		stats = palloc0(sizeof(IndexBulkDeleteResult));
		stats->num_index_tuples = info->num_heap_tuples;
		stats->estimated_count = info->estimated_count ||
			RelationGetIndexPredicate(info->index) != NIL;
	}
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	return stats;
}
