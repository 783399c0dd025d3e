/*-------------------------------------------------------------------------
 *
 * paths.h
 *		Paths that PostgreSQL does not think of, or should not.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_PATHS_H
#define GV_AM_PATHS_H

extern void gv_am_paths_init(void);

#endif							/* GV_AM_PATHS_H */
