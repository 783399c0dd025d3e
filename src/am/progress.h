/*-------------------------------------------------------------------------
 *
 * progress.h
 *		What pg_stat_progress_create_index tells of a build.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_PROGRESS_H
#define GV_AM_PROGRESS_H

#include "postgres.h"

#include "commands/progress.h"
#include "utils/backend_progress.h"

/*
 * gv_am_report_phase
 *		Show that a build has come to a phase.
 *
 * The blocks of the scan before are forgotten, as they are in btree builds: a
 * part of them would be taken for that of the build.  A scan in the phase
 * counts its own.
 */
static inline void
gv_am_report_phase(int64 phase)
{
	static const int params[] = {
		PROGRESS_CREATEIDX_SUBPHASE, PROGRESS_SCAN_BLOCKS_TOTAL, PROGRESS_SCAN_BLOCKS_DONE
	};
	const int64 values[] = {phase, 0, 0};

	pgstat_progress_update_multi_param(lengthof(params), params, values);
}

#endif							/* GV_AM_PROGRESS_H */
