/*-------------------------------------------------------------------------
 *
 * parallel.h
 *		Building an index with parallel workers.
 *
 * What workers do is the access method's own: a function of its library, which
 * is named, gets a part of shared memory that the leader has filled.
 *
 * The leader may hand out jobs, which fall into parts: each process takes one
 * that nobody has, the leader as well, until none is left.  Between jobs the
 * leader works alone, and workers wait.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_PARALLEL_H
#define GV_AM_PARALLEL_H

#include "postgres.h"

#include "access/parallel.h"
#include "access/tableam.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"

typedef struct GvAmParallel
{
	ParallelContext *context;
	Snapshot	snapshot;
	ParallelTableScanDesc scan; /* of the table, shared by all */
	void	   *shared;			/* the access method's part */
	char	   *room;			/* more of it, which nobody has written to, or NULL */
	struct GvAmParallelHead *head;
} GvAmParallel;

/* What a build needs; see gv_am_parallel_begin */
typedef struct GvAmParallelNeeds
{
	Relation	heap;
	Relation	index;
	bool		is_concurrent;
	const char *worker_main;
	int			n_workers;
	Size		shared_size;
	Size		room_size;		/* bytes that are not zero, in all likelihood */
} GvAmParallelNeeds;

/* What a worker finds when it begins */
typedef struct GvAmParallelWorker
{
	Relation	heap;
	Relation	index;
	IndexInfo  *index_info;
	ParallelTableScanDesc scan;
	void	   *shared;
	char	   *room;
	struct GvAmParallelHead *head;
	LOCKMODE	heap_lock;
	LOCKMODE	index_lock;
} GvAmParallelWorker;

/*
 * Do a part of a job, in whichever process it is called.
 *
 * kind: of the job; the access method's own, from 1
 */
typedef void (*GvAmWork) (void *arg, int kind, uint32 part);

extern int	gv_am_parallel_workers(Relation heap, Relation index);
extern bool gv_am_parallel_begin(GvAmParallel *parallel, Relation heap, Relation index,
								 bool is_concurrent, const char *worker_main, int n_workers,
								 Size shared_size);
extern bool gv_am_parallel_begin_with(GvAmParallel *parallel, const GvAmParallelNeeds *needs);
extern int	gv_am_parallel_launch(GvAmParallel *parallel);
extern void gv_am_parallel_begin_job(GvAmParallel *parallel, int kind, uint32 n_parts);
extern void gv_am_parallel_finish_job(GvAmParallel *parallel, int kind, uint32 n_parts,
									  GvAmWork work, void *arg);
extern void gv_am_parallel_run(GvAmParallel *parallel, int kind, uint32 n_parts, GvAmWork work,
							   void *arg);
extern void gv_am_parallel_end(GvAmParallel *parallel, IndexInfo *index_info);
extern void gv_am_parallel_open(GvAmParallelWorker *worker, shm_toc *toc);
extern void gv_am_parallel_serve(GvAmParallelWorker *worker, GvAmWork work, void *arg);
extern void gv_am_parallel_close(GvAmParallelWorker *worker);

#endif							/* GV_AM_PARALLEL_H */
