/*-------------------------------------------------------------------------
 *
 * plan.h
 *		Plans without distances that nobody looks at.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_PLAN_H
#define GV_AM_PLAN_H

#include "postgres.h"

#include "access/amapi.h"

extern void gv_am_plan_init(void);
extern void gv_am_plan_register(amgettuple_function get_tuple);
extern bool gv_am_plan_is_ours(Oid index_oid);
extern bool gv_am_plan_is_scan(amgettuple_function get_tuple);

#endif							/* GV_AM_PLAN_H */
