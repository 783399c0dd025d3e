/*-------------------------------------------------------------------------
 *
 * testpoint.h
 *		Places where a test can stop a process, fail it or kill it.
 *
 * They exist in builds with assertions only, where gigavec.test_point says
 * what happens at which.  Each record that is written to the log is a point
 * before and after it, without being declared: see xlog.h.
 *
 * A process may be stopped, "wait", only where it holds no buffer lock, unless
 * that lock is what the test is about.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_TESTPOINT_H
#define GV_AM_TESTPOINT_H

#include "postgres.h"

#ifdef USE_ASSERT_CHECKING

extern void gv_am_testpoint_init(void);
extern void gv_am_reach_point(const char *name);
extern void gv_am_reach_record(const char *when, const char *file, int line);

/* The name, a string, is unique and tells access method, operation and place */
#define GV_TEST_POINT(name) gv_am_reach_point(name)

#else

#define GV_TEST_POINT(name) ((void) 0)

static inline void
gv_am_testpoint_init(void)
{
}

#endif							/* USE_ASSERT_CHECKING */

#endif							/* GV_AM_TESTPOINT_H */
