/*-------------------------------------------------------------------------
 *
 * build_parallel.c
 *		CREATE INDEX by several processes.
 *
 * Each process collects its share of the table's rows.  Workers write theirs to
 * files that the leader merges with its own; documents are numbered by their
 * rows, so the segment does not depend on who has read what.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/sharedfileset.h"
#include "storage/spin.h"
#include "utils/memutils.h"

#include "am/parallel.h"
#include "bm25/build.h"

/* What all processes do; GvAmWork.  A part: a share of the table */
#define JOB_LOAD 1

typedef struct BuildShared
{
	SharedFileSet files;
	int			n_shares;
	slock_t		mutex;			/* of all below */
	double		heap_tuples;
	double		index_tuples;
	int			n_files[FLEXIBLE_ARRAY_MEMBER]; /* int[n_shares]: of each, 0 of the leader's */
} BuildShared;

/* A process's view */
typedef struct Process
{
	GvBm25Build *build;
	BuildShared *shared;
	Relation	heap;
	IndexInfo  *index_info;
	ParallelTableScanDesc scan;
	bool		is_leader;
} Process;

PGDLLEXPORT void gv_bm25_build_worker_main(dsm_segment *segment, shm_toc *toc);

/* Collect a share of the table, into memory or, in a worker, into files; GvAmWork */
static void
load_share(void *arg, int kind, uint32 share)
{
	Process    *process = arg;
	GvBm25Build *build = process->build;
	BuildShared *shared = process->shared;
	double		n_before = build->n_rows;
	double		heap_tuples;

	build->number = (int) share;
	build->n_files = 0;
	heap_tuples = gv_bm25_build_load(build, process->heap, process->index_info,
									 table_beginscan_parallel(process->heap, process->scan),
									 process->is_leader);
	/* who comes late has found nothing */
	if (!process->is_leader && build->n_rows > n_before)
		gv_bm25_build_write_run(build);
	SpinLockAcquire(&shared->mutex);
	shared->heap_tuples += heap_tuples;
	shared->index_tuples += build->n_rows - n_before;
	shared->n_files[share] = build->n_files;
	SpinLockRelease(&shared->mutex);
}

/*
 * gv_bm25_build_worker_main
 *		Entry point of a parallel worker.
 */
void
gv_bm25_build_worker_main(dsm_segment *segment, shm_toc *toc)
{
	GvAmParallelWorker worker;
	GvBm25Index index;
	GvBm25Build build = {0};
	Process		process = {0};

	gv_am_parallel_open(&worker, toc);
	process.build = &build;
	process.shared = worker.shared;
	process.heap = worker.heap;
	process.index_info = worker.index_info;
	process.scan = worker.scan;
	SharedFileSetAttach(&process.shared->files, segment);
	gv_bm25_open(&index, worker.index);
	gv_bm25_build_begin(&build, &index, process.shared->n_shares);
	build.files = &process.shared->files.fs;
	gv_am_parallel_serve(&worker, load_share, &process);
	gv_bm25_build_end(&build);
	gv_am_parallel_close(&worker);
}

/* Open the files that workers have written, as sources of the leader */
static void
open_runs(GvBm25Build *build, BuildShared *shared)
{
	MemoryContext old = MemoryContextSwitchTo(build->context);

	for (int share = 0; share < shared->n_shares; share++)
	{
		for (int i = 0; i < shared->n_files[share]; i++)
		{
			char		name[MAXPGPATH];

			gv_bm25_run_name(name, share, i);
			build->runs = lappend(build->runs, gv_bm25_run_open(&shared->files.fs, name));
		}
	}
	MemoryContextSwitchTo(old);
}

/*
 * gv_bm25_build_in_parallel
 *		Build an index with workers, up to its log.
 *
 * build: index is set
 * result: the counts are set
 *
 * Returns false, and has done nothing, if there is no shared memory for that.
 */
bool
gv_bm25_build_in_parallel(GvBm25Build *build, Relation heap, IndexInfo *index_info,
						  int n_workers, IndexBuildResult *result)
{
	GvAmParallel parallel;
	BuildShared *shared;
	Process		process = {build, NULL, heap, index_info, NULL, true};

	if (!gv_am_parallel_begin(&parallel, heap, build->index->rel, index_info->ii_Concurrent,
							  "gv_bm25_build_worker_main", n_workers,
							  offsetof(BuildShared, n_files) + (n_workers + 1) * sizeof(int)))
		return false;
	shared = parallel.shared;
	SharedFileSetInit(&shared->files, parallel.context->seg);
	SpinLockInit(&shared->mutex);
	shared->n_shares = n_workers + 1;
	process.shared = shared;
	process.scan = parallel.scan;
	(void) gv_am_parallel_launch(&parallel);

	gv_bm25_build_begin(build, build->index, shared->n_shares);
	gv_am_parallel_run(&parallel, JOB_LOAD, shared->n_shares, load_share, &process);
	open_runs(build, shared);
	gv_bm25_build_write_segment(build);
	result->heap_tuples = shared->heap_tuples;
	result->index_tuples = shared->index_tuples;
	gv_bm25_build_end(build);
	gv_am_parallel_end(&parallel, index_info);
	return true;
}
