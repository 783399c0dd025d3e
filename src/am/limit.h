/*-------------------------------------------------------------------------
 *
 * limit.h
 *		What a query asks of the scan below it: its LIMIT, and a radius.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_LIMIT_H
#define GV_AM_LIMIT_H

#include "postgres.h"

#include "access/skey.h"

extern void gv_am_limit_init(void);
extern int64 gv_am_limit_of(const ScanKeyData *order_bys);
extern double gv_am_radius_of(const ScanKeyData *order_bys);

#endif							/* GV_AM_LIMIT_H */
