/*-------------------------------------------------------------------------
 *
 * range.h
 *		Rows within a distance.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_KDTREE_RANGE_H
#define GV_KDTREE_RANGE_H

#include "postgres.h"

#include "kdtree/index.h"

extern void gv_kdtree_range_init(void);
extern int	gv_kdtree_read_ball(Datum value, float8 *radius, float *center);

#endif							/* GV_KDTREE_RANGE_H */
