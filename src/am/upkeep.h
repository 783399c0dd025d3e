/*-------------------------------------------------------------------------
 *
 * upkeep.h
 *		Locking a table for work on one of its indexes beside its users.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_UPKEEP_H
#define GV_AM_UPKEEP_H

#include "postgres.h"

extern void gv_am_upkeep_lock(Oid heap_oid, const char *function);

#endif							/* GV_AM_UPKEEP_H */
