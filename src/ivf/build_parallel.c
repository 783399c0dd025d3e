/*-------------------------------------------------------------------------
 *
 * build_parallel.c
 *		Building an index by several processes.
 *
 * The leader takes the sample.  All share the steps of k-means, and of the training
 * of a codebook; then each reads a share of the table, finds the rows' lists and
 * sorts them.  The leader merges what they have sorted, and writes.  So the index
 * does not depend on who has done what.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "miscadmin.h"

#include "base/compat.h"
#include "ivf/build.h"

/*
 * The part of maintenance_work_mem that rows are sorted in.  The rest is for what
 * each process has beside it.
 */
#define SORT_PART 0.75

/* A worker */
typedef struct Worker
{
	GvAmParallelWorker parallel;
	GvIvfBuildShared *shared;
	dsm_segment *area[GV_IVF_N_AREAS];
	GvIvfBuild	build;
	GvIvfTrainer trainer;
	GvIvfCoder *coder;			/* or NULL */
	bool		is_loading;
} Worker;

PGDLLEXPORT void gv_ivf_build_worker_main(dsm_segment *segment, shm_toc *toc);

/* Memory in which a process sorts, while the others do, or have not given it back */
static int
sort_kilobytes(const GvIvfBuildShared *shared)
{
	return (int) (maintenance_work_mem * SORT_PART / shared->n_processes);
}

static Sharedsort *
shared_sort(GvIvfBuildShared *shared)
{
	return (Sharedsort *) ((char *) shared + MAXALIGN(sizeof(GvIvfBuildShared)));
}

/*
 * gv_ivf_team_begin
 *		Set up shared memory for a build with workers, in the current memory context.
 *
 * Returns NULL if there are none, or no shared memory for them.
 */
GvIvfTeam *
gv_ivf_team_begin(Relation heap, Relation index, IndexInfo *index_info)
{
	int			n_workers = gv_am_parallel_workers(heap, index);
	GvIvfTeam  *team;
	Size		shared_size;

	if (n_workers == 0)
		return NULL;
	team = palloc0(sizeof(GvIvfTeam));
	team->n_processes = n_workers + 1;
	shared_size = MAXALIGN(sizeof(GvIvfBuildShared)) +
		tuplesort_estimate_shared(team->n_processes);
	if (!gv_am_parallel_begin(&team->parallel, heap, index, index_info->ii_Concurrent,
							  "gv_ivf_build_worker_main", n_workers, shared_size))
		return NULL;
	team->shared = team->parallel.shared;
	team->shared->n_processes = team->n_processes;
	pg_atomic_init_u64(&team->shared->n_rows, 0);
	SpinLockInit(&team->shared->mutex);
	for (int i = 0; i < GV_IVF_N_AREAS; i++)
		team->shared->area[i] = DSM_HANDLE_INVALID;
	tuplesort_initialize_shared(shared_sort(team->shared), team->n_processes,
								team->parallel.context->seg);
	return team;
}

/*
 * gv_ivf_team_area
 *		Make a large area of shared memory.
 */
char *
gv_ivf_team_area(GvIvfTeam *team, GvIvfArea area, Size size)
{
	team->area[area] = dsm_create(size, 0);
	team->shared->area[area] = dsm_segment_handle(team->area[area]);
	return dsm_segment_address(team->area[area]);
}

/*
 * gv_ivf_team_free_area
 *		Give up an area; it is gone when the workers have, too.
 */
void
gv_ivf_team_free_area(GvIvfTeam *team, GvIvfArea area)
{
	dsm_detach(team->area[area]);
	team->area[area] = NULL;
}

/*
 * gv_ivf_team_start
 *		Start the workers, unless they are there.
 *
 * index: what its metapage says of the geometry is known
 */
GvAmParallel *
gv_ivf_team_start(GvIvfTeam *team, const GvIvfIndex *index)
{
	if (!team->is_started)
	{
		team->shared->meta = index->meta;
		(void) gv_am_parallel_launch(&team->parallel);
		team->is_started = true;
	}
	return &team->parallel;
}

/*
 * gv_ivf_team_show
 *		Tell the processes which lists there are.
 */
void
gv_ivf_team_show(GvIvfTeam *team, const GvIvfTraining *training)
{
	team->shared->n_lists = training->n_lists;
	team->shared->is_trained = training->is_trained;
}

/* Load a share of the table, to a tape of the sort */
static void
load_share(GvIvfBuild *build, GvIvfBuildShared *shared, ParallelTableScanDesc scan)
{
	SortCoordinateData coordinate = {
		.isWorker = true,
		.nParticipants = -1,
		.sharedsort = shared_sort(shared)
	};
	double		heap_tuples;

	heap_tuples = gv_ivf_build_load(build, table_beginscan_parallel(build->heap, scan),
									sort_kilobytes(shared), &coordinate);
	gv_ivf_sort_end(&build->sort);
	SpinLockAcquire(&shared->mutex);
	shared->heap_tuples += heap_tuples;
	SpinLockRelease(&shared->mutex);
}

/* What the leader's GvAmWork needs for loading */
typedef struct Share
{
	GvIvfTeam  *team;
	GvIvfBuild *build;
} Share;

static void
work_as_leader(void *arg, int kind, uint32 part)
{
	Share	   *share = arg;

	load_share(share->build, share->team->shared, share->team->parallel.scan);
}

/*
 * gv_ivf_team_load
 *		Load all rows, and sort them; returns the number of tuples.
 */
double
gv_ivf_team_load(GvIvfTeam *team, GvIvfBuild *build)
{
	SortCoordinateData coordinate = {
		.isWorker = false,
		.nParticipants = team->n_processes,
		.sharedsort = shared_sort(team->shared)
	};
	Share		share = {team, build};

	gv_ivf_team_show(team, &build->training);
	gv_am_parallel_run(gv_ivf_team_start(team, &build->ix), GV_IVF_JOB_LOAD, team->n_processes,
					   work_as_leader, &share);
	gv_ivf_sort_begin(&build->sort, &build->ix, sort_kilobytes(team->shared), &coordinate);
	gv_ivf_sort_perform(&build->sort);
	return team->shared->heap_tuples;
}

/*
 * gv_ivf_team_end
 *		Wait until the workers have ended, and give up shared memory.
 *
 * What training has left there is gone, too.
 */
void
gv_ivf_team_end(GvIvfTeam *team, IndexInfo *index_info)
{
	gv_am_parallel_end(&team->parallel, index_info);
	for (int i = 0; i < GV_IVF_N_AREAS; i++)
	{
		if (team->area[i])
			gv_ivf_team_free_area(team, i);
	}
}

/* The address of an area of shared memory, for a worker */
static char *
attach_area(Worker *worker, GvIvfArea area)
{
	if (worker->area[area] == NULL)
		worker->area[area] = dsm_attach(worker->shared->area[area]);
	if (worker->area[area] == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not map dynamic shared memory segment")));
	return dsm_segment_address(worker->area[area]);
}

static void
detach_area(Worker *worker, GvIvfArea area)
{
	if (worker->area[area] != NULL)
		dsm_detach(worker->area[area]);
	worker->area[area] = NULL;
}

/* Where training has left its results, for a worker */
static void
find_training(Worker *worker)
{
	GvIvfTraining *training = &worker->build.training;
	char	   *lists = attach_area(worker, GV_IVF_AREA_LISTS);

	worker->build.ix.meta = worker->shared->meta;
	gv_ivf_training_place(training, &worker->build.ix.layout, lists);
	training->n_lists = worker->shared->n_lists;
	training->is_trained = worker->shared->is_trained;
}

/* Leave what works on the sample, but for the codebook's */
static void
end_trainer(Worker *worker)
{
	if (worker->trainer.scratch != NULL)
		gv_ivf_trainer_end(&worker->trainer);
	worker->trainer.scratch = NULL;
}

/* Work on the training of a codebook, as a worker */
static void
work_on_codebook(Worker *worker, int kind, uint32 part)
{
	if (worker->coder == NULL)
	{
		end_trainer(worker);
		find_training(worker);
		worker->coder = gv_ivf_coder_begin(&worker->build.ix, worker->build.rotation,
										   &worker->build.training,
										   (float *) attach_area(worker, GV_IVF_AREA_SAMPLE),
										   worker->shared->n_coded);
	}
	if (kind == GV_IVF_JOB_ROTATION)
		gv_ivf_coder_share(worker->coder, worker->shared->n_slices,
						   attach_area(worker, GV_IVF_AREA_ROTATION));
	else
		detach_area(worker, GV_IVF_AREA_ROTATION);
	gv_ivf_coder_work(worker->coder, kind, part);
}

/* GvAmWork of a worker */
static void
work_as_worker(void *arg, int kind, uint32 part)
{
	Worker	   *worker = arg;
	GvIvfTrainer *trainer = &worker->trainer;

	if (kind == GV_IVF_JOB_TRAIN)
	{
		if (trainer->scratch == NULL)
		{
			char	   *sample = attach_area(worker, GV_IVF_AREA_SAMPLE);

			find_training(worker);
			gv_ivf_trainer_init(trainer, &worker->build.ix, (float *) sample,
								worker->build.training.center,
								(GvKmeansShared *) (sample + worker->shared->kmeans_offset));
		}
		gv_kmeans_work(&trainer->kmeans, part);
		return;
	}
	if (kind != GV_IVF_JOB_LOAD)
	{
		work_on_codebook(worker, kind, part);
		return;
	}
	if (!worker->is_loading)
	{
		if (worker->coder != NULL)
			gv_ivf_coder_end(worker->coder);
		end_trainer(worker);
		detach_area(worker, GV_IVF_AREA_SAMPLE);
		find_training(worker);
		gv_ivf_build_begin_load(&worker->build, &worker->shared->n_rows);
		worker->is_loading = true;
	}
	load_share(&worker->build, worker->shared, worker->parallel.scan);
}

/*
 * gv_ivf_build_worker_main
 *		Entry point of a parallel worker.
 */
void
gv_ivf_build_worker_main(dsm_segment *segment, shm_toc *toc)
{
	Worker	   *worker = palloc0(sizeof(Worker));

	gv_am_parallel_open(&worker->parallel, toc);
	worker->shared = worker->parallel.shared;
	tuplesort_attach_shared(shared_sort(worker->shared), segment);
	gv_ivf_build_begin(&worker->build, worker->parallel.heap, worker->parallel.index,
					   worker->parallel.index_info);
	gv_am_parallel_serve(&worker->parallel, work_as_worker, worker);
	for (int i = 0; i < GV_IVF_N_AREAS; i++)
		detach_area(worker, i);
	gv_am_parallel_close(&worker->parallel);
}
