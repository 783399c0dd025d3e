/*-------------------------------------------------------------------------
 *
 * build.c
 *		Building an index.
 *
 * The rows are loaded into memory, or into a temporary file if they are too
 * many, and divided at medians, until there is a leaf's worth of them in each
 * part.  All pages of a level but the root are about equally full.  Pages are
 * written without log, and the index is logged as a whole at the end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xloginsert.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "am/parallel.h"
#include "am/progress.h"
#include "am/testpoint.h"
#include "am/xlog.h"
#include "kdtree/build.h"
#include "kdtree/kdtree.h"

/* Rows for which memory is taken at first */
#define FIRST_ROWS 65536

/* Make room for one more row in memory; false if there is none */
static bool
grow_rows(GvKdtreeBuild *build)
{
	GvKdtreeRows *rows = &build->rows;
	Size		row_bytes = sizeof(float) * rows->record_size;
	uint64		max;

	if (rows->n < rows->max)
		return true;
	if (rows->max >= build->max_rows)
		return false;
	max = Min(rows->max == 0 ? FIRST_ROWS : rows->max * 2, build->max_rows);
	if (rows->data == NULL)
		rows->data = MemoryContextAllocHuge(CurrentMemoryContext, max * row_bytes);
	else
		rows->data = repalloc_huge(rows->data, max * row_bytes);
	rows->max = max;
	return true;
}

/* Move the rows from memory to a tape */
static void
spill_rows(GvKdtreeBuild *build)
{
	GvKdtreeRows *rows = &build->rows;

	gv_kdtree_tape_create(&build->tape, rows, NULL, 0);
	for (uint64 i = 0; i < rows->n; i++)
	{
		if (i % GV_KDTREE_ROWS_PER_INTERRUPT == 0)
			CHECK_FOR_INTERRUPTS();
		gv_kdtree_tape_write(&build->tape, gv_kdtree_row(rows, i));
	}
	pfree(rows->data);
	rows->data = NULL;
	rows->n = rows->max = 0;
}

/* Write a point as a row */
static void
set_row(const GvKdtreeBuild *build, const GvKdtreePoint *point, float *row)
{
	const GvKdtreeRows *rows = &build->rows;

	/* what is between the parts is zero, too */
	memset(row + rows->tid_offset, 0,
		   sizeof(float) * (rows->record_size - rows->tid_offset));
	memcpy(row, point->x, sizeof(float) * rows->dim);
	if (rows->place_offset > 0)
		memcpy(row + rows->place_offset, point->place, sizeof(float) * rows->dim);
	memcpy(row + rows->tid_offset, &point->tid, sizeof(point->tid));
	if (rows->has_filters)
		gv_am_filter_pack(&build->ix.filters, &point->filters,
						  (char *) (row + rows->filter_offset));
}

/* Called for each row of the table */
static void
load_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		 bool tuple_is_alive, void *arg)
{
	GvKdtreeBuild *build = arg;
	MemoryContext old_context;
	GvKdtreePoint point;

	if (isnull[0])
		return;
	if (build->tape.file == NULL && !grow_rows(build))
		spill_rows(build);

	old_context = MemoryContextSwitchTo(build->row_context);
	gv_kdtree_set_row(&build->ix, values, isnull, tid, &point);
	if (build->tape.file == NULL)
		set_row(build, &point, gv_kdtree_row(&build->rows, build->rows.n++));
	else
	{
		set_row(build, &point, build->row);
		gv_kdtree_tape_write(&build->tape, build->row);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(build->row_context);
}

/*
 * gv_kdtree_build_init
 *		Prepare a process for a build.
 *
 * n_processes: that share maintenance_work_mem
 */
void
gv_kdtree_build_init(GvKdtreeBuild *build, Relation index, int n_processes)
{
	GvKdtreeIndex *ix = &build->ix;

	gv_kdtree_init_meta(ix, index);
	build->leaf_fill = Max(1, ix->leaf_capacity * ix->meta.fill_factor / 100);
	build->inner_fill = Max(2, ix->inner_capacity * ix->meta.fill_factor / 100);
	gv_kdtree_rows_init(&build->rows, ix);
	/* a leaf's rows are in memory together in any case */
	build->max_rows = Max((uint64) maintenance_work_mem * 1024 / n_processes /
						  (sizeof(float) * build->rows.record_size), build->leaf_fill);
	build->order = palloc(sizeof(uint64) * ix->leaf_capacity);
	build->row = palloc(sizeof(float) * build->rows.record_size);
	build->row_context = AllocSetContextCreate(CurrentMemoryContext, "kdtree row",
											   ALLOCSET_DEFAULT_SIZES);
}

/*
 * gv_kdtree_build_load
 *		Load the rows that a scan gives, onto the tape if there is one.
 *
 * scan: NULL for the whole table
 *
 * Returns the number of rows of the table.
 */
double
gv_kdtree_build_load(GvKdtreeBuild *build, Relation heap, IndexInfo *index_info,
					 TableScanDesc scan, bool progress)
{
	return table_index_build_scan(heap, build->ix.rel, index_info, true, progress, load_row,
								  build, scan);
}

/* Build in this process alone, up to the log */
static void
build_alone(GvKdtreeBuild *build, Relation heap, IndexInfo *index_info,
			IndexBuildResult *result)
{
	GvKdtreePart root;
	uint64		n;

	result->heap_tuples = gv_kdtree_build_load(build, heap, index_info, NULL, true);
	n = build->tape.file ? build->tape.n : build->rows.n;
	gv_am_report_phase(GV_KDTREE_PHASE_WRITE);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, n);
	gv_kdtree_build_plan(build, n, &root);
	gv_kdtree_build_extend(build, &root);
	if (build->tape.file)
	{
		gv_kdtree_tape_finish(&build->tape);
		gv_kdtree_build_tapes(build, &build->tape, 1, root);
	}
	else
	{
		gv_kdtree_build_rows(build, &root);
		if (build->rows.data)
			pfree(build->rows.data);
	}
	gv_kdtree_build_finish(build, &root);
	result->index_tuples = n;
}

/* Tell who would be better served by another index */
static void
check_dim(Relation index, int dim)
{
	if (dim >= GV_KDTREE_LARGE_DIM)
		ereport(NOTICE,
				(errmsg("index \"%s\" has %d dimensions, with which a kdtree index reads large parts of itself",
						RelationGetRelationName(index), dim),
				 errhint("Beyond %d dimensions an hnsw index is faster, and nearly exact.",
						 GV_KDTREE_LARGE_DIM - 1)));
}

/*
 * gv_kdtree_build
 *		ambuild
 */
IndexBuildResult *
gv_kdtree_build(Relation heap, Relation index, IndexInfo *index_info)
{
	IndexBuildResult *result = palloc(sizeof(IndexBuildResult));
	GvKdtreeBuild *build = palloc0(sizeof(GvKdtreeBuild));
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "kdtree build",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context;
	int			n_workers;

	if (RelationGetNumberOfBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));
	old_context = MemoryContextSwitchTo(context);
	gv_kdtree_build_init(build, index, 1);
	check_dim(index, build->ix.dim);
	build->reports = true;

	gv_am_report_phase(GV_KDTREE_PHASE_LOAD);
	n_workers = gv_am_parallel_workers(heap, index);
	if (n_workers == 0 ||
		!gv_kdtree_build_in_parallel(build, heap, index_info, n_workers, result))
		build_alone(build, heap, index_info, result);
	if (RelationNeedsWAL(index))
		log_newpage_range(index, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(index), true);
	GV_TEST_POINT("kdtree-build-written");
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	pfree(build);
	return result;
}

/*
 * gv_kdtree_build_empty
 *		ambuildempty: write the empty index that an unlogged one is reset to.
 */
void
gv_kdtree_build_empty(Relation index)
{
	GvKdtreeIndex ix;
	Buffer		bufs[2];

	gv_kdtree_init_meta(&ix, index);
	bufs[0] = gv_am_new_buffer(index, INIT_FORKNUM);
	bufs[1] = gv_am_new_buffer(index, INIT_FORKNUM);
	START_CRIT_SECTION();
	gv_kdtree_write_meta(BufferGetPage(bufs[0]), &ix.meta);
	gv_kdtree_init_page(BufferGetPage(bufs[1]), 0);
	for (int i = 0; i < 2; i++)
	{
		MarkBufferDirty(bufs[i]);
		/* the init fork is logged even though the index is not */
		log_newpage_buffer(bufs[i], true);
	}
	END_CRIT_SECTION();
	UnlockReleaseBuffer(bufs[1]);
	UnlockReleaseBuffer(bufs[0]);
	GV_TEST_POINT("kdtree-build-empty");
}
