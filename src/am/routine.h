/*-------------------------------------------------------------------------
 *
 * routine.h
 *		What the access methods have in common: descriptions, VACUUM.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_ROUTINE_H
#define GV_AM_ROUTINE_H

#include "postgres.h"

#include "access/amapi.h"
#include "access/genam.h"

extern int	gv_am_maintenance_memory(void);
extern IndexAmRoutine *gv_am_make_routine(void);
extern IndexBulkDeleteResult *gv_am_cleanup_result(IndexVacuumInfo *info,
												   IndexBulkDeleteResult *stats);

#endif							/* GV_AM_ROUTINE_H */
