/*-------------------------------------------------------------------------
 *
 * routine.h
 *		What the descriptions of the access methods have in common.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_ROUTINE_H
#define GV_AM_ROUTINE_H

#include "postgres.h"

#include "access/amapi.h"

extern IndexAmRoutine *gv_am_make_routine(void);

#endif							/* GV_AM_ROUTINE_H */
