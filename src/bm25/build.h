/*-------------------------------------------------------------------------
 *
 * build.h
 *		CREATE INDEX: what the parts of a build share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_BUILD_H
#define GV_BM25_BUILD_H

#include "postgres.h"

#include "storage/buffile.h"

#include "bm25/invert.h"

/* Phases for pg_stat_progress_create_index, from 2 on */
#define GV_BM25_PHASE_SCAN 2
#define GV_BM25_PHASE_MERGE 3

extern GvBm25Source *gv_bm25_run_write(GvBm25Invert *invert);

#endif							/* GV_BM25_BUILD_H */
