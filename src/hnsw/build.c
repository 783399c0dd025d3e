/*-------------------------------------------------------------------------
 *
 * build.c
 *		Building an index, by one process or several.
 *
 * Load the rows into memory, link them batch by batch, write the pages.  The
 * leader hands out jobs, ranges of items that all processes take part by part,
 * itself included; between jobs it works alone.
 *
 * If the rows do not fit into maintenance_work_mem, they are divided into
 * overlapping shards, which are linked one after the other and merged.  Values
 * without codes of which very few fit are inserted one by one instead.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xloginsert.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/smgr.h"
#include "utils/memutils.h"

#include "am/progress.h"
#include "am/sort.h"
#include "am/testpoint.h"
#include "base/compat.h"
#include "hnsw/build_shard.h"
#include "hnsw/calibrate.h"
#include "hnsw/hnsw.h"
#include "hnsw/options.h"
#include "hnsw/repair.h"
#include "hnsw/write.h"
#include "quant/rotation.h"

/*
 * A job has so many parts, within limits: items that follow each other have much
 * in common; and there are many parts, so that no process waits long for another.
 */
#define JOB_PARTS 64
#define MAX_PART_ITEMS 32

/* Links back cost little, so many of them at least */
#define MIN_LINK_BACK_ITEMS 8

/* Rows of the first batches, each twice the one before */
#define FIRST_BATCH 1

PGDLLEXPORT void gv_hnsw_build_worker_main(dsm_segment *segment, shm_toc *toc);

/* How many of a job's items make a part of it */
static uint32
part_items(GvHnswJobKind kind, uint32 n_items)
{
	switch (kind)
	{
		case GV_HNSW_JOB_LOAD:
		case GV_HNSW_JOB_ORDER_CELL:
		case GV_HNSW_JOB_FIND_TRUTH:
		case GV_HNSW_JOB_TRY_QUERY:
			return 1;
		default:
			return Max(Min(n_items / JOB_PARTS, MAX_PART_ITEMS),
					   kind == GV_HNSW_JOB_LINK_BACK ? MIN_LINK_BACK_ITEMS : 1);
	}
}

static uint32
count_parts(GvHnswJobKind kind, uint32 n_items)
{
	uint32		size = part_items(kind, n_items);

	return n_items / size + (n_items % size > 0);
}

/* Load what the other processes leave of the table */
static void
load_share(GvHnswBuild *build)
{
	TableScanDesc scan = table_beginscan_parallel(build->heap, build->scan);
	double		reltuples = gv_hnsw_build_load(build, scan, !IsParallelWorker());

	SpinLockAcquire(&build->shared->mutex);
	build->shared->reltuples += reltuples;
	SpinLockRelease(&build->shared->mutex);
}

/* Do a part of the current job */
static void
work_on_part(void *arg, int kind, uint32 part)
{
	GvHnswBuild *build = arg;
	GvHnswBuildShared *shared = build->shared;
	uint32		first = shared->job_first;
	uint32		size = part_items(kind, shared->job_items);
	uint32		start = part * size;
	uint32		end = Min(start + size, shared->job_items);

	if (build->shards && build->shard != shared->shard)
		gv_hnsw_build_enter_shard(build);
	for (uint32 i = start; i < end; i++)
	{
		switch ((GvHnswJobKind) kind)
		{
			case GV_HNSW_JOB_LOAD:
				load_share(build);
				break;
			case GV_HNSW_JOB_CHOOSE_CELL:
				gv_hnsw_build_choose_cell(build, first + i);
				break;
			case GV_HNSW_JOB_ORDER_CELL:
				gv_hnsw_build_order_cell(build, first, i);
				break;
			case GV_HNSW_JOB_LINK:
				gv_hnsw_graph_link_row(&build->worker, build->graph.order[first + i], first);
				break;
			case GV_HNSW_JOB_LINK_GROUP:
				gv_hnsw_graph_link_group(&build->worker,
										 build->graph.order + first + i * GV_HNSW_GROUP,
										 GV_HNSW_GROUP, first);
				break;
			case GV_HNSW_JOB_LINK_BACK:
				gv_hnsw_graph_link_back(&build->worker, build->targets + i, end - i,
										build->edges);
				break;
			case GV_HNSW_JOB_ENCODE:
				gv_hnsw_build_encode_row(build, first + i);
				break;
			case GV_HNSW_JOB_WRITE:
				gv_hnsw_build_write_node_page(build, first + i);
				if (!IsParallelWorker())
					pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE,
												 Min(shared->n_nodes, (uint64) (first + i) *
													 build->ix.layout.nodes_per_page));
				break;
			case GV_HNSW_JOB_FIND_TRUTH:
				gv_hnsw_calibrate_find_truth(build, i);
				break;
			case GV_HNSW_JOB_TRY_QUERY:
				gv_hnsw_calibrate_try_query(build, i);
				break;
		}
	}
}

/*
 * gv_hnsw_build_begin_job
 *		Have the other processes begin with a job.
 *
 * Called by the leader, which may do something else before it calls
 * gv_hnsw_build_end_job.
 */
void
gv_hnsw_build_begin_job(GvHnswBuild *build, GvHnswJobKind kind, uint32 first, uint32 n_items)
{
	build->job_kind = kind;
	build->shared->job_first = first;
	build->shared->job_items = n_items;
	gv_am_parallel_begin_job(build->parallel, kind, count_parts(kind, n_items));
}

/*
 * gv_hnsw_build_end_job
 *		Work on a job that was begun, and wait until it is done.
 */
void
gv_hnsw_build_end_job(GvHnswBuild *build)
{
	gv_am_parallel_finish_job(build->parallel, build->job_kind,
							  count_parts(build->job_kind, build->shared->job_items),
							  work_on_part, build);
}

/*
 * gv_hnsw_build_run_job
 *		Have all processes work on a job, and wait until it is done.
 */
void
gv_hnsw_build_run_job(GvHnswBuild *build, GvHnswJobKind kind, uint32 first, uint32 n_items)
{
	gv_hnsw_build_begin_job(build, kind, first, n_items);
	gv_hnsw_build_end_job(build);
}

/*
 * gv_hnsw_build_init_graph
 *		Fill in what the graph in memory takes from layout and metapage.
 */
void
gv_hnsw_build_init_graph(GvHnswBuild *build)
{
	GvHnswGraph *graph = &build->graph;

	graph->opclass = build->ix.opclass;
	graph->dims = build->ix.layout.padded_dim;
	gv_hnsw_points_init(&graph->points, &build->ix.layout);
	/* without codes the slots are not padded to FastScan blocks */
	graph->degree = Min(build->ix.layout.degree, 2 * build->shared->meta.m);
	graph->ef_construction = build->shared->meta.ef_construction;
}

/* Fill in what a process's view of a build has of its own */
static void
init_process(GvHnswBuild *build, Relation heap, Relation index, IndexInfo *index_info,
			 GvHnswBuildShared *shared)
{
	GvHnswGraph *graph = &build->graph;

	build->heap = heap;
	build->index = index;
	build->index_info = index_info;
	build->shared = shared;
	build->ix.rel = index;
	build->ix.opclass = gv_am_opclass(index);
	build->ix.hints = NULL;
	build->ix.meta = shared->meta;
	gv_hnsw_layout_from_meta(&build->ix.layout, &shared->meta);
	gv_am_filter_columns(&build->ix.filters, index);

	gv_hnsw_build_init_graph(build);

	build->row_context = AllocSetContextCreate(CurrentMemoryContext, "hnsw build row",
											   ALLOCSET_DEFAULT_SIZES);
	build->point = palloc(sizeof(float) * (graph->dims + 1));
	build->decoded = palloc(sizeof(float) * (graph->dims + 1));
	build->codes = palloc(gv_rabitq_block_bytes(build->ix.layout.code_dims) + 1);
	build->node_image = palloc0(BLCKSZ);
	if (graph->dims > 0)
	{
		build->rotation = palloc(sizeof(float) * gv_rotation_table_size(graph->dims));
		gv_rotation_init(build->rotation, graph->dims, shared->meta.seed);
	}
}

static void
init_shared(GvHnswBuildShared *shared)
{
	pg_atomic_init_u64(&shared->n_rows, 0);
	pg_atomic_init_u64(&shared->values_used, 0);
	pg_atomic_init_u32(&shared->overflowed, 0);
	SpinLockInit(&shared->mutex);
}

/*
 * gv_hnsw_build_worker_main
 *		Entry point of a parallel worker.
 */
void
gv_hnsw_build_worker_main(dsm_segment *segment, shm_toc *toc)
{
	GvAmParallelWorker worker;
	GvHnswBuildShared *shared;
	GvHnswBuild build = {0};

	gv_am_parallel_open(&worker, toc);
	shared = worker.shared;
	init_process(&build, worker.heap, worker.index, worker.index_info, shared);
	gv_hnsw_build_place_arrays(&build, worker.room);
	if (shared->in_shards)
	{
		build.shards = palloc0(sizeof(GvHnswShards));
		gv_hnsw_build_plan_staging(&build);
	}
	gv_hnsw_graph_worker_init(&build.worker, &build.graph, CurrentMemoryContext);

	build.scan = worker.scan;
	gv_am_parallel_serve(&worker, work_on_part, &build);
	gv_am_parallel_close(&worker);
}

/*
 * Set up shared memory and workers.  On return build->parallel is NULL if
 * there are none.
 */
static void
begin_parallel(GvHnswBuild *build, GvHnswBuildShared *local, int n_workers)
{
	GvAmParallel *parallel = palloc(sizeof(GvAmParallel));
	GvAmParallelNeeds needs = {
		.heap = build->heap,
		.index = build->index,
		.is_concurrent = build->index_info->ii_Concurrent,
		.worker_main = "gv_hnsw_build_worker_main",
		.n_workers = n_workers,
		.shared_size = sizeof(GvHnswBuildShared),
		.room_size = gv_hnsw_build_place_arrays(build, NULL),
	};
	GvHnswBuildShared *shared;

	/* no shared memory segment is to be had: go on alone */
	if (!gv_am_parallel_begin_with(parallel, &needs))
		return;
	shared = parallel->shared;
	memcpy(shared, local, sizeof(GvHnswBuildShared));
	init_shared(shared);
	build->shared = shared;
	gv_hnsw_build_place_arrays(build, parallel->room);
	build->parallel = parallel;
	build->scan = parallel->scan;
	if (build->graph.dims > 0)
		memcpy(build->center, build->sampled_center, sizeof(float) * build->graph.dims);
	gv_am_parallel_launch(parallel);
}

static void
end_parallel(GvHnswBuild *build)
{
	gv_am_parallel_end(build->parallel, build->index_info);
	build->parallel = NULL;
}

/*
 * gv_hnsw_compare_rows
 *		qsort comparator of rows' numbers.
 */
int
gv_hnsw_compare_rows(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return x < y ? -1 : (x > y ? 1 : 0);
}

/* Link all rows in memory, batch by batch */
static void
link_rows(GvHnswBuild *build)
{
	GvHnswBuildShared *shared = build->shared;
	GvHnswGraph *graph = &build->graph;
	uint32		n_order = shared->n_order;
	uint32		batch = FIRST_BATCH;
	uint64		n_before = build->shards ? build->shards->n_linked : 0;
	BlockNumber n_blocks = gv_hnsw_build_count_blocks(build);

	gv_am_report_phase(GV_HNSW_PHASE_LINK);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL,
								 build->shards ? build->shards->n_members : n_order);
	for (uint32 done = Min(n_order, 1); done < n_order; done += batch)
	{
		uint32		n_edges = 0;
		uint32		n_targets = 0;

		batch = Min(Min(batch * 2, Max(done / 50, 1)), Min(shared->max_batch, n_order - done));
		if (done < shared->n_alone)
			batch = Min(batch, shared->n_alone - done);
		else
			batch = Max(batch / GV_HNSW_GROUP, 1) * GV_HNSW_GROUP;

		/*
		 * Rows that follow each other are near each other and look at the same
		 * points; those of a shard are not numbered so.
		 */
		if (build->shards == NULL)
			qsort(graph->order + done, batch, sizeof(uint32), gv_hnsw_compare_rows);
		if (done < shared->n_alone)
			gv_hnsw_build_begin_job(build, GV_HNSW_JOB_LINK, done, batch);
		else
			gv_hnsw_build_begin_job(build, GV_HNSW_JOB_LINK_GROUP, done, batch / GV_HNSW_GROUP);
		/* what one process does alone is done while the others link */
		if (build->shards == NULL && graph->dims > 0)
			gv_hnsw_build_extend(build, (BlockNumber) ((uint64) n_blocks * (done + batch) /
													   n_order));
		gv_hnsw_build_end_job(build);

		/* collect the links by target */
		for (uint32 i = done; i < done + batch; i++)
		{
			uint32		row = graph->order[i];

			for (int l = 0; l < graph->n_links[row]; l++)
			{
				uint32	   *link = &graph->links[(Size) row * graph->degree + l];
				uint32		target = GV_HNSW_LINK_ROW(*link);
				uint32		fills = (*link & GV_HNSW_LINK_BACK_FILLS) ? GV_HNSW_LINK_FILL : 0;

				*link &= ~GV_HNSW_LINK_BACK_FILLS;
				if (graph->incoming[target] == GV_HNSW_NO_ROW)
					build->targets[n_targets++] = target;
				build->edges[n_edges].source = row | fills;
				build->edges[n_edges].key = graph->link_keys[(Size) row * graph->degree + l];
				build->edges[n_edges].next = graph->incoming[target];
				graph->incoming[target] = n_edges++;
			}
		}
		gv_hnsw_build_run_job(build, GV_HNSW_JOB_LINK_BACK, 0, n_targets);
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, n_before + done + batch);
	}
}

/* Insert a row that did not fit into memory; those that did are skipped */
static void
insert_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		   bool tuple_is_alive, void *state)
{
	GvHnswBuild *build = state;
	GvAmFilterRow filters;
	MemoryContext old_context;

	if (isnull[0] || bsearch(tid, build->loaded, build->n_loaded, sizeof(ItemPointerData),
							 (int (*) (const void *, const void *)) ItemPointerCompare))
		return;

	old_context = MemoryContextSwitchTo(build->row_context);
	gv_am_filter_row(&build->ix.filters, values + 1, isnull + 1, &filters);
	(void) gv_hnsw_insert_value(index, PointerGetDatum(PG_DETOAST_DATUM(values[0])), &filters, tid);
	build->n_tuples++;
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(build->row_context);
}

/* Insert the rows that did not fit into memory */
static void
insert_remaining_rows(GvHnswBuild *build)
{
	GvHnswBuildShared *shared = build->shared;
	uint64		n_rows = Min(pg_atomic_read_u64(&shared->n_rows), shared->capacity);

	ereport(NOTICE,
			(errmsg("hnsw graph no longer fits into maintenance_work_mem after " UINT64_FORMAT " rows",
					n_rows),
			 errdetail("Building will take significantly more time."),
			 errhint("Increase \"maintenance_work_mem\" to speed up builds.")));
	gv_am_report_phase(GV_HNSW_PHASE_INSERT);

	build->loaded = MemoryContextAllocHuge(CurrentMemoryContext,
										   n_rows * sizeof(ItemPointerData));
	build->n_loaded = 0;
	for (uint64 i = 0; i < n_rows; i++)
	{
		if (ItemPointerIsValid(&build->graph.tid[i]))
			build->loaded[build->n_loaded++] = build->graph.tid[i];
	}
	gv_am_sort(build->loaded, build->n_loaded, sizeof(ItemPointerData),
		  (int (*) (const void *, const void *)) ItemPointerCompare);
	table_index_build_scan(build->heap, build->index, build->index_info, true, true,
						   insert_row, build, NULL);
	pfree(build->loaded);
}

/*
 * Decide on the number of workers.
 *
 * PostgreSQL goes by the size of the table, which says little where vectors
 * are stored out of line.  What counts is the number of rows to link.
 */
static int
plan_workers(GvHnswBuild *build)
{
	int			n_workers;

	if (RelationGetNumberOfBlocks(build->heap) == 0)
		return 0;
	n_workers = gv_am_parallel_workers(build->heap, build->index);
	if (n_workers == 0 && build->shared->capacity >= GV_HNSW_MIN_PARALLEL_ROWS &&
		build->index_info->ii_Expressions == NIL &&
		build->index_info->ii_Predicate == NIL &&
		build->heap->rd_rel->relpersistence != RELPERSISTENCE_TEMP)
		n_workers = RelationGetParallelWorkers(build->heap, max_parallel_maintenance_workers);
	return Min(n_workers, max_parallel_maintenance_workers);
}

/* Get memory for the arrays, and workers if there are to be some */
static void
begin_processes(GvHnswBuild *build, GvHnswBuildShared *local)
{
	int			n_workers = plan_workers(build);

	if (n_workers > 0)
		begin_parallel(build, local, n_workers);
	if (build->parallel == NULL)
	{
		Size		size = gv_hnsw_build_place_arrays(build, NULL);

		gv_hnsw_build_place_arrays(build, MemoryContextAllocHuge(CurrentMemoryContext, size));
		if (build->graph.dims > 0)
			memcpy(build->center, build->sampled_center, sizeof(float) * build->graph.dims);
	}
	gv_hnsw_graph_worker_init(&build->worker, &build->graph, CurrentMemoryContext);
}

/*
 * Log the index that was written, since what was written bypassed the log.  The
 * other processes begin to calibrate it meanwhile, and all finish that.
 */
static void
finish_index(GvHnswBuild *build, const IndexBuildResult *result)
{
	build->is_calibrated = gv_hnsw_calibrate_begin(build);
	if (RelationNeedsWAL(build->index))
		log_newpage_range(build->index, MAIN_FORKNUM, 0,
						  RelationGetNumberOfBlocks(build->index), true);
	if (build->is_calibrated)
		gv_hnsw_calibrate_finish(build, result->index_tuples, result->heap_tuples);
}

/*
 * Build with all rows in memory.  Of those that do not fit the rest is inserted
 * one by one if it is not to go into shards; else it returns false.
 */
static bool
build_in_memory(GvHnswBuild *build, GvHnswBuildShared *local, IndexBuildResult *result)
{
	bool		overflowed;

	begin_processes(build, local);
	GV_TEST_POINT("hnsw-build-begun");
	gv_am_report_phase(GV_HNSW_PHASE_LOAD);
	if (build->parallel)
		gv_hnsw_build_run_job(build, GV_HNSW_JOB_LOAD, 0,
							  build->parallel->context->nworkers_launched + 1);
	else
		build->shared->reltuples = gv_hnsw_build_load(build, NULL, true);

	overflowed = pg_atomic_read_u32(&build->shared->overflowed) != 0;
	if (overflowed && gv_hnsw_build_may_shard(build))
	{
		if (build->parallel)
			end_parallel(build);
		return false;
	}

	GV_TEST_POINT("hnsw-build-loaded");
	gv_hnsw_build_finish_rows(build);
	link_rows(build);
	GV_TEST_POINT("hnsw-build-linked");
	gv_hnsw_build_write_index(build);
	GV_TEST_POINT("hnsw-build-written");

	result->heap_tuples = build->shared->reltuples;
	result->index_tuples = Min(pg_atomic_read_u64(&build->shared->n_rows),
							   build->shared->capacity);

	finish_index(build, result);
	GV_TEST_POINT("hnsw-build-logged");
	if (overflowed)
	{
		build->n_tuples = result->index_tuples;
		insert_remaining_rows(build);
		result->index_tuples = build->n_tuples;
	}
	if (build->parallel)
		end_parallel(build);
	return true;
}

/* Build shard by shard */
static void
build_in_shards(GvHnswBuild *build, GvHnswBuildShared *local, IndexBuildResult *result)
{
	GvHnswShards *shards;
	double		reltuples;
	uint32		largest = 0;
	Size		size = 0;

	local->in_shards = true;
	gv_am_report_phase(GV_HNSW_PHASE_LOAD);
	gv_hnsw_build_divide(build);
	shards = build->shards;
	reltuples = local->reltuples;
	ereport(NOTICE,
			(errmsg("hnsw graph no longer fits into maintenance_work_mem and is built in %d parts",
					shards->n_shards),
			 errdetail("Building takes about twice the time."),
			 errhint("Increase \"maintenance_work_mem\" to about %zu MB to speed up builds.",
					 gv_hnsw_build_memory(build, shards->n_nodes) / (1024 * 1024) + 1)));

	/* the memory is that of the shard which takes most */
	for (uint32 s = 0; s < shards->n_shards; s++)
	{
		Size		shard_size = gv_hnsw_build_size_shard(build, s);

		if (shard_size > size)
		{
			size = shard_size;
			largest = s;
		}
	}
	gv_hnsw_build_size_shard(build, largest);
	begin_processes(build, local);
	for (uint32 s = 0; s < shards->n_shards; s++)
	{
		gv_hnsw_build_load_shard(build, s);
		link_rows(build);
		gv_hnsw_build_store_shard(build, s);
		shards->n_linked += shards->shard[s].n_members;
	}
	gv_hnsw_build_merge(build);
	GV_TEST_POINT("hnsw-build-merged");
	result->heap_tuples = reltuples;
	result->index_tuples = shards->n_tuples;
	finish_index(build, result);
	GV_TEST_POINT("hnsw-build-merge-logged");
	if (build->parallel)
		end_parallel(build);
}

/*
 * Link to the nodes to which the entries do not lead: where many links are alike,
 * a node's only one may have given way to others.  What changes is logged.
 */
static void
link_lost_nodes(Relation index)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hnsw lost nodes",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	GvHnswIndex ix;
	GvHnswRepair repair;
	GvIdset		dead;

	gv_hnsw_open(&ix, index);
	gv_idset_init(&dead, context, 16);
	gv_hnsw_repair_init(&repair, &ix, &dead, context);
	gv_hnsw_repair_lost_nodes(&repair, RelationGetNumberOfBlocks(index), NULL);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
}

/*
 * gv_hnsw_build
 *		ambuild: build an index for the rows of a table.
 */
IndexBuildResult *
gv_hnsw_build(Relation heap, Relation index, IndexInfo *index_info)
{
	GvHnswBuild *build = palloc0(sizeof(GvHnswBuild));
	GvHnswBuildShared *local = palloc0(sizeof(GvHnswBuildShared));
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));
	MemoryContext context;
	MemoryContext old_context;
	MemoryContext memory_context;
	bool		fit;
	bool		is_calibrated;

	if (RelationGetNumberOfBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));

	context = AllocSetContextCreate(CurrentMemoryContext, "hnsw build",
									ALLOCSET_DEFAULT_SIZES);
	old_context = MemoryContextSwitchTo(context);

	gv_hnsw_init_meta(&local->meta, index);
	init_shared(local);
	init_process(build, heap, index, index_info, local);
	gv_hnsw_build_choose_geometry(build);
	fit = gv_hnsw_build_plan_memory(build);
	if (fit || !gv_hnsw_build_may_shard(build))
	{
		/* of its own, to be freed before another attempt */
		memory_context = AllocSetContextCreate(context, "hnsw build in memory",
											   ALLOCSET_DEFAULT_SIZES);
		MemoryContextSwitchTo(memory_context);
		fit = build_in_memory(build, local, result);
		MemoryContextSwitchTo(context);
		MemoryContextDelete(memory_context);
	}
	if (!fit)
	{
		build->shared = local;
		build_in_shards(build, local, result);
	}
	GV_TEST_POINT("hnsw-build-done");

	is_calibrated = build->is_calibrated;
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	link_lost_nodes(index);
	if (!is_calibrated)
		gv_hnsw_calibrate_build(index, result->index_tuples, result->heap_tuples);
	return result;
}

/*
 * gv_hnsw_build_empty
 *		ambuildempty: write the empty index that an unlogged one is reset to.
 */
void
gv_hnsw_build_empty(Relation index)
{
	GvHnswMetaPageData meta;
	Buffer		buf;

	gv_hnsw_init_meta(&meta, index);
	buf = gv_am_new_buffer(index, INIT_FORKNUM);
	START_CRIT_SECTION();
	gv_hnsw_write_meta(BufferGetPage(buf), &meta);
	MarkBufferDirty(buf);
	/* the init fork is logged even though the index is not */
	log_newpage_buffer(buf, true);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buf);
	GV_TEST_POINT("hnsw-build-empty");
}
