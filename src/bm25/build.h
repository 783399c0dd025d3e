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

#include "access/genam.h"
#include "access/tableam.h"
#include "nodes/execnodes.h"
#include "storage/buffile.h"
#include "storage/fileset.h"

#include "bm25/invert.h"

/* Phases for pg_stat_progress_create_index, from 2 on */
#define GV_BM25_PHASE_SCAN 2
#define GV_BM25_PHASE_MERGE 3

/* A process's part of a build */
typedef struct GvBm25Build
{
	GvBm25Index *index;
	Oid			type;			/* of the operator class */
	GvBm25Tokenizer *tokenizer;
	MemoryContext row_context;
	MemoryContext context;
	GvBm25Invert *invert;
	List	   *runs;			/* of GvBm25Source * */
	FileSet    *files;			/* of a worker, for the leader to read; else NULL */
	int			number;			/* of the share of the table */
	int			n_files;		/* of it */
	Size		limit;			/* bytes */
	double		n_rows;
} GvBm25Build;

/* build.c */
extern void gv_bm25_build_begin(GvBm25Build *build, GvBm25Index *index, int n_processes);
extern double gv_bm25_build_load(GvBm25Build *build, Relation heap, IndexInfo *index_info,
								 TableScanDesc scan, bool progress);
extern void gv_bm25_build_write_run(GvBm25Build *build);
extern void gv_bm25_build_write_segment(GvBm25Build *build);
extern void gv_bm25_build_end(GvBm25Build *build);

/* build_parallel.c */
extern bool gv_bm25_build_in_parallel(GvBm25Build *build, Relation heap, IndexInfo *index_info,
									  int n_workers, IndexBuildResult *result);

/* run.c */
extern GvBm25Source *gv_bm25_run_write(GvBm25Invert *invert);
extern void gv_bm25_run_export(GvBm25Invert *invert, FileSet *files, const char *name);
extern GvBm25Source *gv_bm25_run_open(FileSet *files, const char *name);

/* The name of a file of a share of the table; name: char[MAXPGPATH] */
static inline void
gv_bm25_run_name(char *name, int share, int file)
{
	snprintf(name, MAXPGPATH, "bm25.%d.%d", share, file);
}

#endif							/* GV_BM25_BUILD_H */
