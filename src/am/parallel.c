/*-------------------------------------------------------------------------
 *
 * parallel.c
 *		Building an index with parallel workers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "storage/bufmgr.h"
#include "storage/condition_variable.h"
#include "storage/spin.h"
#include "tcop/tcopprot.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

#include "am/parallel.h"

/* Keys of the shared memory */
#define KEY_HEAD UINT64CONST(0xFE90000000000001)
#define KEY_SHARED UINT64CONST(0xFE90000000000002)
#define KEY_SCAN UINT64CONST(0xFE90000000000003)
#define KEY_QUERY_TEXT UINT64CONST(0xFE90000000000004)
#define KEY_ROOM UINT64CONST(0xFE90000000000005)

/* Kinds of jobs that are not the access method's: there is none, and no other will come */
#define JOB_NONE 0
#define JOB_END (-1)

/* What a worker must know to open the relations, and what it leaves behind */
typedef struct GvAmParallelHead
{
	Oid			heap_oid;
	Oid			index_oid;
	bool		is_concurrent;
	pg_atomic_uint32 has_broken_chain;	/* see IndexInfo */
	pg_atomic_uint32 next_part; /* of the job that nobody has */
	ConditionVariable changed;
	slock_t		mutex;			/* of all below */
	int			job_kind;
	uint32		job_parts;
	uint64		job_number;
	int			n_working;		/* processes, on the job */
} GvAmParallelHead;

/*
 * gv_am_parallel_workers
 *		The number of workers that PostgreSQL's settings give to a build.
 */
int
gv_am_parallel_workers(Relation heap, Relation index)
{
	if (RelationGetNumberOfBlocks(heap) == 0)
		return 0;
	return Min(plan_create_index_workers(RelationGetRelid(heap), RelationGetRelid(index)),
			   max_parallel_maintenance_workers);
}

/*
 * gv_am_parallel_begin_with
 *		The same as gv_am_parallel_begin, with room that nobody writes to before the
 *		access method does.
 */
bool
gv_am_parallel_begin_with(GvAmParallel *parallel, const GvAmParallelNeeds *needs)
{
	Relation	heap = needs->heap;
	Size		shared_size = needs->shared_size;
	ParallelContext *context;
	Snapshot	snapshot;
	Size		scan_size;
	GvAmParallelHead *head;

	snapshot = needs->is_concurrent ? RegisterSnapshot(GetTransactionSnapshot()) : SnapshotAny;
	EnterParallelMode();
	context = CreateParallelContext("gigavec", needs->worker_main, needs->n_workers);
	scan_size = table_parallelscan_estimate(heap, snapshot);
	shm_toc_estimate_chunk(&context->estimator, sizeof(GvAmParallelHead));
	shm_toc_estimate_chunk(&context->estimator, BUFFERALIGN(shared_size));
	shm_toc_estimate_chunk(&context->estimator, BUFFERALIGN(scan_size));
	shm_toc_estimate_keys(&context->estimator, 3);
	if (needs->room_size > 0)
	{
		shm_toc_estimate_chunk(&context->estimator, BUFFERALIGN(needs->room_size));
		shm_toc_estimate_keys(&context->estimator, 1);
	}
	if (debug_query_string)
	{
		shm_toc_estimate_chunk(&context->estimator, strlen(debug_query_string) + 1);
		shm_toc_estimate_keys(&context->estimator, 1);
	}
	InitializeParallelDSM(context);
	if (context->seg == NULL)
	{
		if (IsMVCCSnapshot(snapshot))
			UnregisterSnapshot(snapshot);
		DestroyParallelContext(context);
		ExitParallelMode();
		return false;
	}

	head = shm_toc_allocate(context->toc, sizeof(GvAmParallelHead));
	head->heap_oid = RelationGetRelid(heap);
	head->index_oid = RelationGetRelid(needs->index);
	head->is_concurrent = needs->is_concurrent;
	pg_atomic_init_u32(&head->has_broken_chain, 0);
	pg_atomic_init_u32(&head->next_part, 0);
	ConditionVariableInit(&head->changed);
	SpinLockInit(&head->mutex);
	head->job_kind = JOB_NONE;
	head->job_number = 0;
	head->n_working = 0;
	parallel->head = head;
	parallel->context = context;
	parallel->snapshot = snapshot;
	parallel->shared = shm_toc_allocate(context->toc, BUFFERALIGN(shared_size));
	memset(parallel->shared, 0, shared_size);
	parallel->scan = shm_toc_allocate(context->toc, BUFFERALIGN(scan_size));
	table_parallelscan_initialize(heap, parallel->scan, snapshot);
	shm_toc_insert(context->toc, KEY_HEAD, head);
	shm_toc_insert(context->toc, KEY_SHARED, parallel->shared);
	shm_toc_insert(context->toc, KEY_SCAN, parallel->scan);
	parallel->room = NULL;
	if (needs->room_size > 0)
	{
		parallel->room = shm_toc_allocate(context->toc, BUFFERALIGN(needs->room_size));
		shm_toc_insert(context->toc, KEY_ROOM, parallel->room);
	}
	if (debug_query_string)
	{
		char	   *text = shm_toc_allocate(context->toc, strlen(debug_query_string) + 1);

		strcpy(text, debug_query_string);
		shm_toc_insert(context->toc, KEY_QUERY_TEXT, text);
	}
	return true;
}

/*
 * gv_am_parallel_begin
 *		Set up shared memory for a build.
 *
 * worker_main: a function of this library, called with what CreateParallelContext says
 * shared_size: bytes of the access method's part, which is zero
 *
 * Returns false, and has done nothing, if there is no shared memory to be had.
 */
bool
gv_am_parallel_begin(GvAmParallel *parallel, Relation heap, Relation index, bool is_concurrent,
					 const char *worker_main, int n_workers, Size shared_size)
{
	GvAmParallelNeeds needs = {heap, index, is_concurrent, worker_main, n_workers, shared_size, 0};

	return gv_am_parallel_begin_with(parallel, &needs);
}

/*
 * gv_am_parallel_launch
 *		Start the workers, after the access method's part of memory is filled.
 *
 * Returns their number, which may be 0.
 */
int
gv_am_parallel_launch(GvAmParallel *parallel)
{
	LaunchParallelWorkers(parallel->context);
	ereport(DEBUG1, (errmsg_internal("using %d parallel workers",
									 parallel->context->nworkers_launched)));
	WaitForParallelWorkersToAttach(parallel->context);
	return parallel->context->nworkers_launched;
}

/* Have the workers begin with a job */
static void
begin_job(GvAmParallelHead *head, int kind, uint32 n_parts)
{
	SpinLockAcquire(&head->mutex);
	head->job_kind = kind;
	head->job_parts = n_parts;
	head->job_number++;
	pg_atomic_write_u32(&head->next_part, 0);
	SpinLockRelease(&head->mutex);
	ConditionVariableBroadcast(&head->changed);
}

/* Take part after part of a job, until none is left */
static void
work_on_job(GvAmParallelHead *head, int kind, uint32 n_parts, GvAmWork work, void *arg)
{
	uint32		part;

	while ((part = pg_atomic_fetch_add_u32(&head->next_part, 1)) < n_parts)
	{
		CHECK_FOR_INTERRUPTS();
		work(arg, kind, part);
	}
}

/*
 * gv_am_parallel_begin_job
 *		Have the workers begin with a job.
 *
 * The leader may do something else before it calls gv_am_parallel_finish_job.
 */
void
gv_am_parallel_begin_job(GvAmParallel *parallel, int kind, uint32 n_parts)
{
	if (parallel)
		begin_job(parallel->head, kind, n_parts);
}

/*
 * gv_am_parallel_finish_job
 *		Work on a job that was begun, and wait until it is done.
 */
void
gv_am_parallel_finish_job(GvAmParallel *parallel, int kind, uint32 n_parts, GvAmWork work,
						  void *arg)
{
	GvAmParallelHead *head;

	if (parallel == NULL)
	{
		for (uint32 part = 0; part < n_parts; part++)
		{
			CHECK_FOR_INTERRUPTS();
			work(arg, kind, part);
		}
		return;
	}

	head = parallel->head;
	work_on_job(head, kind, n_parts, work, arg);
	ConditionVariablePrepareToSleep(&head->changed);
	for (;;)
	{
		bool		is_done;

		SpinLockAcquire(&head->mutex);
		is_done = head->n_working == 0;
		/* who comes from here on finds nothing to do */
		if (is_done)
			head->job_kind = JOB_NONE;
		SpinLockRelease(&head->mutex);
		if (is_done)
			break;
		ConditionVariableSleep(&head->changed, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
	}
	ConditionVariableCancelSleep();
}

/*
 * gv_am_parallel_run
 *		Have all processes work on a job, and wait until it is done.
 *
 * parallel: after its workers were started; or NULL, if this process is alone
 * work: as that which workers serve with; for the parts that the leader does
 */
void
gv_am_parallel_run(GvAmParallel *parallel, int kind, uint32 n_parts, GvAmWork work, void *arg)
{
	gv_am_parallel_begin_job(parallel, kind, n_parts);
	gv_am_parallel_finish_job(parallel, kind, n_parts, work, arg);
}

/*
 * gv_am_parallel_serve
 *		Work on the leader's jobs, as a worker, until there will be none.
 */
void
gv_am_parallel_serve(GvAmParallelWorker *worker, GvAmWork work, void *arg)
{
	GvAmParallelHead *head = worker->head;
	uint64		last_job = 0;

	for (;;)
	{
		int			kind;
		uint32		n_parts;

		ConditionVariablePrepareToSleep(&head->changed);
		for (;;)
		{
			bool		is_new;

			SpinLockAcquire(&head->mutex);
			kind = head->job_kind;
			n_parts = head->job_parts;
			is_new = kind != JOB_NONE && head->job_number != last_job;
			last_job = head->job_number;
			if (is_new && kind != JOB_END)
				head->n_working++;
			SpinLockRelease(&head->mutex);
			if (is_new)
				break;
			ConditionVariableSleep(&head->changed, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
		}
		ConditionVariableCancelSleep();
		if (kind == JOB_END)
			return;

		work_on_job(head, kind, n_parts, work, arg);
		SpinLockAcquire(&head->mutex);
		head->n_working--;
		SpinLockRelease(&head->mutex);
		ConditionVariableBroadcast(&head->changed);
	}
}

/*
 * gv_am_parallel_end
 *		Wait until the workers have ended, and give up shared memory.
 *
 * index_info: the leader's
 */
void
gv_am_parallel_end(GvAmParallel *parallel, IndexInfo *index_info)
{
	begin_job(parallel->head, JOB_END, 0);
	WaitForParallelWorkersToFinish(parallel->context);
	if (pg_atomic_read_u32(&parallel->head->has_broken_chain))
		index_info->ii_BrokenHotChain = true;
	if (IsMVCCSnapshot(parallel->snapshot))
		UnregisterSnapshot(parallel->snapshot);
	DestroyParallelContext(parallel->context);
	ExitParallelMode();
}

/*
 * gv_am_parallel_open
 *		Open the relations as a worker.
 */
void
gv_am_parallel_open(GvAmParallelWorker *worker, shm_toc *toc)
{
	GvAmParallelHead *head = shm_toc_lookup(toc, KEY_HEAD, false);

	debug_query_string = shm_toc_lookup(toc, KEY_QUERY_TEXT, true);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
	worker->heap_lock = head->is_concurrent ? ShareUpdateExclusiveLock : ShareLock;
	worker->index_lock = head->is_concurrent ? RowExclusiveLock : AccessExclusiveLock;
	worker->heap = table_open(head->heap_oid, worker->heap_lock);
	worker->index = index_open(head->index_oid, worker->index_lock);
	worker->index_info = BuildIndexInfo(worker->index);
	worker->index_info->ii_Concurrent = head->is_concurrent;
	worker->head = head;
	worker->scan = shm_toc_lookup(toc, KEY_SCAN, false);
	worker->shared = shm_toc_lookup(toc, KEY_SHARED, false);
	worker->room = shm_toc_lookup(toc, KEY_ROOM, true);
}

/*
 * gv_am_parallel_close
 *		Close the relations as a worker.
 */
void
gv_am_parallel_close(GvAmParallelWorker *worker)
{
	if (worker->index_info->ii_BrokenHotChain)
		pg_atomic_write_u32(&worker->head->has_broken_chain, 1);
	index_close(worker->index, worker->index_lock);
	table_close(worker->heap, worker->heap_lock);
}
