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

#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/condition_variable.h"
#include "storage/sharedfileset.h"
#include "storage/spin.h"
#include "utils/backend_progress.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "am/parallel.h"
#include "base/compat.h"
#include "bm25/build.h"

typedef struct BuildShared
{
	SharedFileSet files;
	int			n_processes;
	ConditionVariable changed;
	slock_t		mutex;			/* of all below */
	int			n_loading;		/* processes */
	bool		is_over;		/* the leader counts on nobody else */
	double		heap_tuples;
	double		index_tuples;
	int			n_workers;		/* that have loaded, or do */
	int			n_files[FLEXIBLE_ARRAY_MEMBER];	/* int[n_processes - 1]: of each */
} BuildShared;

PGDLLEXPORT void gv_bm25_build_worker_main(dsm_segment *segment, shm_toc *toc);

/* Note that a process begins to load; returns its number, or -1 if it is too late */
static int
begin_loading(BuildShared *shared, bool is_leader)
{
	int			number = -1;

	SpinLockAcquire(&shared->mutex);
	if (!shared->is_over)
	{
		number = is_leader ? 0 : shared->n_workers++;
		shared->n_loading++;
	}
	SpinLockRelease(&shared->mutex);
	return number;
}

/* Note that a process has loaded its share */
static void
end_loading(BuildShared *shared, const GvBm25Build *build, double heap_tuples)
{
	SpinLockAcquire(&shared->mutex);
	shared->heap_tuples += heap_tuples;
	shared->index_tuples += build->n_rows;
	if (build->files != NULL)
		shared->n_files[build->number] = build->n_files;
	shared->n_loading--;
	SpinLockRelease(&shared->mutex);
	ConditionVariableBroadcast(&shared->changed);
}

/* Wait until all have loaded their share; who comes later has none */
static void
wait_for_loading(BuildShared *shared)
{
	ConditionVariablePrepareToSleep(&shared->changed);
	for (;;)
	{
		bool		is_over;

		SpinLockAcquire(&shared->mutex);
		shared->is_over = shared->n_loading == 0;
		is_over = shared->is_over;
		SpinLockRelease(&shared->mutex);
		if (is_over)
			break;
		ConditionVariableSleep(&shared->changed, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	}
	ConditionVariableCancelSleep();
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
	BuildShared *shared;

	gv_am_parallel_open(&worker, toc);
	shared = worker.shared;
	SharedFileSetAttach(&shared->files, segment);
	build.number = begin_loading(shared, false);
	if (build.number >= 0)
	{
		double		heap_tuples;

		gv_bm25_open(&index, worker.index);
		gv_bm25_build_begin(&build, &index, shared->n_processes);
		build.files = &shared->files.fs;
		heap_tuples = gv_bm25_build_load(&build, worker.heap, worker.index_info,
										 table_beginscan_parallel(worker.heap, worker.scan),
										 false);
		gv_bm25_build_write_run(&build);
		end_loading(shared, &build, heap_tuples);
		gv_bm25_build_end(&build);
	}
	gv_am_parallel_close(&worker);
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
	double		heap_tuples;
	MemoryContext old;

	if (!gv_am_parallel_begin(&parallel, heap, build->index->rel, index_info->ii_Concurrent,
							  "gv_bm25_build_worker_main", n_workers,
							  offsetof(BuildShared, n_files) + n_workers * sizeof(int)))
		return false;
	shared = parallel.shared;
	SharedFileSetInit(&shared->files, parallel.context->seg);
	SpinLockInit(&shared->mutex);
	ConditionVariableInit(&shared->changed);
	shared->n_processes = n_workers + 1;
	(void) begin_loading(shared, true);
	(void) gv_am_parallel_launch(&parallel);

	gv_bm25_build_begin(build, build->index, shared->n_processes);
	heap_tuples = gv_bm25_build_load(build, heap, index_info,
									 table_beginscan_parallel(heap, parallel.scan), true);
	end_loading(shared, build, heap_tuples);
	wait_for_loading(shared);

	old = MemoryContextSwitchTo(build->context);
	for (int i = 0; i < shared->n_workers; i++)
	{
		for (int j = 0; j < shared->n_files[i]; j++)
		{
			char		name[MAXPGPATH];

			gv_bm25_run_name(name, i, j);
			build->runs = lappend(build->runs, gv_bm25_run_open(&shared->files.fs, name));
		}
	}
	MemoryContextSwitchTo(old);
	gv_bm25_build_write_segment(build);
	result->heap_tuples = shared->heap_tuples;
	result->index_tuples = shared->index_tuples;
	gv_bm25_build_end(build);
	gv_am_parallel_end(&parallel, index_info);
	return true;
}
