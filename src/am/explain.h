/*-------------------------------------------------------------------------
 *
 * explain.h
 *		What EXPLAIN ANALYZE tells of a scan.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_EXPLAIN_H
#define GV_AM_EXPLAIN_H

#include "postgres.h"

#include "access/amapi.h"
#include "access/relscan.h"

#include "am/inspect.h"

typedef void (*GvAmCountScan) (IndexScanDesc scan, GvAmScanCounts *counts);

extern void gv_am_explain_init(void);
extern void gv_am_explain_register(amgettuple_function get_tuple, GvAmCountScan count_scan);

#endif							/* GV_AM_EXPLAIN_H */
