/*-------------------------------------------------------------------------
 *
 * build_parallel.c
 *		Building an index by several processes.
 *
 * Each process scans its share of the table and writes a tape.  Then the tree is
 * divided into parts, a list in shared memory: a process takes the largest part
 * that nobody has, and either divides it in two, which go back to the list, or
 * makes its pages.  A part is divided by one process; so the first division is
 * done by one, the next by two.  Blocks of pages are known beforehand, so none
 * waits for another to write.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/wait_event.h"

#include "am/parallel.h"
#include "am/progress.h"
#include "base/compat.h"
#include "kdtree/build.h"

/* Parts that each process makes at least, so that none waits long for the last */
#define PARTS_PER_PROCESS 4

/* Parts are not divided among processes below this number of rows */
#define MIN_PART_ROWS 8192

/* Parts in the list at most */
#define MAX_PARTS 512

/* What all processes do; GvAmWork */
enum
{
	JOB_LOAD = 1,				/* a part: a share of the table, onto the tape of this number */
	JOB_WRITE					/* a part: a process, until nothing is left */
};

typedef enum PartState
{
	PART_READY = 1,
	PART_TAKEN,
	PART_DONE
} PartState;

typedef struct SharedPart
{
	GvKdtreePart part;
	PartState	state;
	uint32		first_tape;		/* numbers of the tapes with its rows */
	int			n_tapes;
} SharedPart;

struct GvKdtreeBuildShared
{
	SharedFileSet tapes;
	int			n_processes;
	pg_atomic_uint64 n_written; /* points on pages */
	ConditionVariable changed;
	slock_t		mutex;			/* of all below */
	double		heap_tuples;
	uint64		n_rows;
	uint32		n_tapes;
	int			n_parts;
	SharedPart	parts[MAX_PARTS];
};

/* A process's view */
typedef struct Process
{
	GvKdtreeBuild *build;
	Relation	heap;
	IndexInfo  *index_info;
	ParallelTableScanDesc scan;
	bool		reports;		/* progress */
} Process;

PGDLLEXPORT void gv_kdtree_build_worker_main(dsm_segment *segment, shm_toc *toc);

/*
 * gv_kdtree_build_count
 *		Count points that were written, and report the progress.
 */
void
gv_kdtree_build_count(GvKdtreeBuild *build, uint64 n)
{
	build->n_written += n;
	if (build->shared)
		build->n_written = pg_atomic_add_fetch_u64(&build->shared->n_written, n);
	if (build->reports)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, build->n_written);
}

/* Load a share of the table onto a tape */
static void
load_share(Process *process, uint32 number)
{
	GvKdtreeBuild *build = process->build;
	GvKdtreeBuildShared *shared = build->shared;
	double		heap_tuples;

	gv_kdtree_tape_create(&build->tape, &build->rows, &shared->tapes.fs, number);
	heap_tuples = gv_kdtree_build_load(build, process->heap, process->index_info,
									   table_beginscan_parallel(process->heap, process->scan),
									   process->reports);
	gv_kdtree_tape_finish(&build->tape);
	SpinLockAcquire(&shared->mutex);
	shared->heap_tuples += heap_tuples;
	shared->n_rows += build->tape.n;
	SpinLockRelease(&shared->mutex);
}

/* Add a part to the list; the mutex is held, or nobody else is there */
static void
add_part(GvKdtreeBuildShared *shared, const GvKdtreePart *part, uint32 first_tape, int n_tapes)
{
	SharedPart *added = &shared->parts[shared->n_parts++];

	added->part = *part;
	added->state = PART_READY;
	added->first_tape = first_tape;
	added->n_tapes = n_tapes;
}

/*
 * Take the largest part that nobody has.  Returns NULL if there is none, and
 * sets *is_end if there will be none.
 */
static SharedPart *
take_part(GvKdtreeBuildShared *shared, bool *is_end)
{
	SharedPart *best = NULL;
	int			n_taken = 0;

	SpinLockAcquire(&shared->mutex);
	for (int i = 0; i < shared->n_parts; i++)
	{
		SharedPart *part = &shared->parts[i];

		n_taken += part->state == PART_TAKEN;
		if (part->state == PART_READY && (best == NULL || part->part.n > best->part.n))
			best = part;
	}
	if (best)
		best->state = PART_TAKEN;
	*is_end = best == NULL && n_taken == 0;
	SpinLockRelease(&shared->mutex);
	return best;
}

/* Is a part to be divided?  Turns one with a single child into what is below. */
static bool
is_to_divide(GvKdtreeBuild *build, GvKdtreePart *part)
{
	GvKdtreeBuildShared *shared = build->shared;
	uint64		most = shared->n_rows / (shared->n_processes * PARTS_PER_PROCESS);
	bool		has_room;

	SpinLockAcquire(&shared->mutex);
	has_room = shared->n_parts + 2 <= MAX_PARTS;
	SpinLockRelease(&shared->mutex);
	if (!has_room || part->n <= Max(most, MIN_PART_ROWS))
		return false;
	while (gv_kdtree_build_descend(build, part))
		 /* pass */ ;
	return part->n_children > 1;
}

/* Divide a part, or make its pages */
static void
work_on_part(GvKdtreeBuild *build, SharedPart *shared_part)
{
	GvKdtreeBuildShared *shared = build->shared;
	GvKdtreePart part = shared_part->part;
	int			n_tapes = shared_part->n_tapes;
	GvKdtreeTape *tapes = palloc(sizeof(GvKdtreeTape) * n_tapes);
	bool		divide = is_to_divide(build, &part);

	for (int t = 0; t < n_tapes; t++)
		gv_kdtree_tape_open(&tapes[t], &build->rows, &shared->tapes.fs,
							shared_part->first_tape + t);
	if (divide)
	{
		GvKdtreeTape halves[2];
		GvKdtreePart left;
		GvKdtreePart right;
		uint32		first;

		SpinLockAcquire(&shared->mutex);
		first = shared->n_tapes;
		shared->n_tapes += 2;
		SpinLockRelease(&shared->mutex);
		gv_kdtree_build_halve(build, &part, &left, &right);
		for (int i = 0; i < 2; i++)
			gv_kdtree_tape_create(&halves[i], &build->rows, &shared->tapes.fs, first + i);
		gv_kdtree_tapes_divide(tapes, n_tapes, left.n, build->max_rows, &halves[0], &halves[1]);
		for (int t = 0; t < n_tapes; t++)
			gv_kdtree_tape_close(&tapes[t]);
		for (int i = 0; i < 2; i++)
			gv_kdtree_tape_finish(&halves[i]);
		SpinLockAcquire(&shared->mutex);
		add_part(shared, &left, first, 1);
		add_part(shared, &right, first + 1, 1);
		shared_part->state = PART_DONE;
		SpinLockRelease(&shared->mutex);
	}
	else
	{
		gv_kdtree_build_tapes(build, tapes, n_tapes, part);
		SpinLockAcquire(&shared->mutex);
		shared_part->state = PART_DONE;
		SpinLockRelease(&shared->mutex);
	}
	pfree(tapes);
	ConditionVariableBroadcast(&shared->changed);
}

/* Work on parts until all are done */
static void
work_on_parts(GvKdtreeBuild *build)
{
	GvKdtreeBuildShared *shared = build->shared;

	ConditionVariablePrepareToSleep(&shared->changed);
	for (;;)
	{
		bool		is_end;
		SharedPart *part = take_part(shared, &is_end);

		CHECK_FOR_INTERRUPTS();
		if (part != NULL)
		{
			ConditionVariableCancelSleep();
			work_on_part(build, part);
			ConditionVariablePrepareToSleep(&shared->changed);
		}
		else if (is_end)
			break;
		else
			ConditionVariableSleep(&shared->changed, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	}
	ConditionVariableCancelSleep();
}

/* GvAmWork */
static void
work(void *arg, int kind, uint32 part)
{
	Process    *process = arg;

	if (kind == JOB_LOAD)
		load_share(process, part);
	else
		work_on_parts(process->build);
}

/*
 * gv_kdtree_build_worker_main
 *		Entry point of a parallel worker.
 */
void
gv_kdtree_build_worker_main(dsm_segment *segment, shm_toc *toc)
{
	GvAmParallelWorker worker;
	GvKdtreeBuild build = {0};
	Process		process = {.build = &build};

	gv_am_parallel_open(&worker, toc);
	build.shared = worker.shared;
	SharedFileSetAttach(&build.shared->tapes, segment);
	gv_kdtree_build_init(&build, worker.index, build.shared->n_processes);
	process.heap = worker.heap;
	process.index_info = worker.index_info;
	process.scan = worker.scan;
	gv_am_parallel_serve(&worker, work, &process);
	gv_am_parallel_close(&worker);
}

/*
 * gv_kdtree_build_in_parallel
 *		Build an index with workers, up to its log.
 *
 * result: the counts are set
 *
 * Returns false, and has done nothing, if there is no shared memory for that.
 */
bool
gv_kdtree_build_in_parallel(GvKdtreeBuild *build, Relation heap, IndexInfo *index_info,
							int n_workers, IndexBuildResult *result)
{
	GvAmParallel parallel;
	GvKdtreeBuildShared *shared;
	GvKdtreePart root;
	Process		process = {build, heap, index_info, NULL, true};

	if (!gv_am_parallel_begin(&parallel, heap, build->ix.rel, index_info->ii_Concurrent,
							  "gv_kdtree_build_worker_main", n_workers,
							  sizeof(GvKdtreeBuildShared)))
		return false;
	shared = parallel.shared;
	SharedFileSetInit(&shared->tapes, parallel.context->seg);
	SpinLockInit(&shared->mutex);
	ConditionVariableInit(&shared->changed);
	pg_atomic_init_u64(&shared->n_written, 0);
	shared->n_processes = n_workers + 1;
	build->shared = shared;
	gv_kdtree_build_init(build, build->ix.rel, shared->n_processes);
	(void) gv_am_parallel_launch(&parallel);

	process.scan = parallel.scan;
	gv_am_parallel_run(&parallel, JOB_LOAD, shared->n_processes, work, &process);
	gv_am_report_phase(GV_KDTREE_PHASE_WRITE);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, shared->n_rows);
	gv_kdtree_build_plan(build, shared->n_rows, &root);
	gv_kdtree_build_extend(build, &root);
	shared->n_tapes = shared->n_processes;
	add_part(shared, &root, 0, shared->n_processes);
	gv_am_parallel_run(&parallel, JOB_WRITE, shared->n_processes, work, &process);
	gv_kdtree_build_finish(build, &root);

	result->heap_tuples = shared->heap_tuples;
	result->index_tuples = shared->n_rows;
	gv_am_parallel_end(&parallel, index_info);
	build->shared = NULL;
	return true;
}
