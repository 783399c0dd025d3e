/*-------------------------------------------------------------------------
 *
 * xlog.h
 *		Changing pages of an index: the only door to write-ahead logging.
 *
 * Between gv_xlog_begin and gv_xlog_finish pages are changed in copies, and
 * an error leaves them as they were.  One record covers at most
 * MAX_GENERIC_XLOG_PAGES pages, all locked exclusively by the caller.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_XLOG_H
#define GV_AM_XLOG_H

#include "postgres.h"

#include "access/generic_xlog.h"
#include "access/xlog.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "am/testpoint.h"

typedef struct GvXlog GvXlog;

extern GvXlog *gv_xlog_begin(Relation rel);
extern Page gv_xlog_page(GvXlog *xlog, Buffer buf);
extern Page gv_xlog_new_page(GvXlog *xlog, Buffer buf);
extern void gv_xlog_finish(GvXlog *xlog);
extern void gv_xlog_cancel(GvXlog *xlog);

#ifdef USE_ASSERT_CHECKING
/* Tests come between records without anybody declaring a point */
#define gv_xlog_finish(xlog) \
	(gv_am_reach_record("before", __FILE__, __LINE__), gv_xlog_finish(xlog), \
	 gv_am_reach_record("after", __FILE__, __LINE__))
#endif

/*
 * Will changing a page, locked by the caller, log its changes only?  The first
 * change after a checkpoint logs all of it.
 */
static inline bool
gv_xlog_is_cheap(Relation rel, Page page)
{
	XLogRecPtr	redo;
	bool		full_page_writes;

	if (!RelationNeedsWAL(rel))
		return true;
	GetFullPageWriteInfo(&redo, &full_page_writes);
	return !full_page_writes || PageGetLSN(page) > redo;
}

#endif							/* GV_AM_XLOG_H */
