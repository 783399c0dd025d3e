/*-------------------------------------------------------------------------
 *
 * build.c
 *		Building an index.
 *
 * Train on a sample, find every row's list, sort the rows by it, and write list
 * by list, without logging: the finished index is logged as a whole.  Parallel
 * workers share the training and the rows, see build_parallel.c.
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

#include "am/progress.h"
#include "am/testpoint.h"
#include "base/compat.h"
#include "ivf/build.h"
#include "ivf/calibrate.h"
#include "ivf/ivf.h"
#include "quant/rotation.h"

/* Rows between reports of the progress */
#define ROWS_PER_REPORT 1024

/* Put a row into its list */
static void
load_row(Relation rel, ItemPointer tid, Datum *values, bool *isnull, bool tuple_is_alive,
		 void *state)
{
	GvIvfBuild *build = state;
	MemoryContext old_context;
	GvAmFilterRow filters;
	Datum		value;
	uint32		list;
	uint64		n;

	if (isnull[0])
		return;
	old_context = MemoryContextSwitchTo(build->row_context);
	value = PointerGetDatum(PG_DETOAST_DATUM(values[0]));
	gv_am_check_dim(build->ix.opclass, value, build->ix.meta.dim);
	gv_am_filter_row(&build->ix.filters, values + 1, isnull + 1, &filters);
	list = gv_ivf_loader_take(&build->loader, value, &filters, tid);
	gv_ivf_sort_put(&build->sort, list, &build->loader.row);
	if (gv_ivf_loader_take_again(&build->loader, &list))
		gv_ivf_sort_put(&build->sort, list, &build->loader.row);
	n = pg_atomic_add_fetch_u64(build->n_rows, 1);
	if (build->reports && n / ROWS_PER_REPORT != build->n_reported)
	{
		build->n_reported = n / ROWS_PER_REPORT;
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, n);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(build->row_context);
}

/*
 * gv_ivf_build_begin
 *		Prepare a process for a build, in the current memory context.
 */
void
gv_ivf_build_begin(GvIvfBuild *build, Relation heap, Relation index, IndexInfo *index_info)
{
	build->heap = heap;
	build->index_info = index_info;
	build->row_context = AllocSetContextCreate(CurrentMemoryContext, "ivf build row",
											   ALLOCSET_DEFAULT_SIZES);
	build->ix.rel = index;
	gv_ivf_init_meta(&build->ix.meta, index);
	build->ix.opclass = gv_am_opclass(index);
	build->ix.hints = gv_am_hints(index);
	gv_am_filter_columns(&build->ix.filters, index);
	(void) gv_ivf_layout_set(&build->ix.layout, &build->ix.meta);
	build->rotation = palloc(sizeof(float) *
							 gv_rotation_table_size(build->ix.layout.padded_dim));
	gv_rotation_init(build->rotation, build->ix.layout.padded_dim, build->ix.meta.seed);
}

/*
 * gv_ivf_build_begin_load
 *		Prepare to find the lists of rows, after training.
 *
 * n_rows: a counter, of all processes
 */
void
gv_ivf_build_begin_load(GvIvfBuild *build, pg_atomic_uint64 *n_rows)
{
	float	   *origin = palloc(sizeof(float) * build->ix.layout.padded_dim);

	build->n_rows = n_rows;
	gv_ivf_make_root(&build->ix, &build->training, &build->root);
	gv_ivf_find_origin(&build->ix.layout, build->rotation, build->training.center, origin);
	gv_ivf_loader_init(&build->loader, &build->ix, build->rotation, origin, &build->root);
}

/*
 * gv_ivf_build_load
 *		Read rows of the table and sort them by list; returns the number of tuples.
 *
 * scan: of a share of the table, or NULL: of all of it
 * coordinate: of the sort, see gv_ivf_sort_begin
 */
double
gv_ivf_build_load(GvIvfBuild *build, TableScanDesc scan, int work_kilobytes,
				  SortCoordinate coordinate)
{
	double		heap_tuples;

	gv_ivf_sort_begin(&build->sort, &build->ix, work_kilobytes, coordinate);
	heap_tuples = table_index_build_scan(build->heap, build->ix.rel, build->index_info, true,
										 build->reports, load_row, build, scan);
	gv_ivf_sort_perform(&build->sort);
	return heap_tuples;
}

/* Write the lists and what leads to them */
static void
write_lists(GvIvfBuild *build, int64 n_rows)
{
	GvIvfMetaPageData *meta = &build->ix.meta;
	GvIvfWriter *writer = palloc(sizeof(GvIvfWriter));
	Buffer		buf;

	gv_ivf_report_phase(&build->training, GV_IVF_PHASE_WRITE);
	gv_ivf_writer_init(writer, &build->ix, false);
	gv_ivf_sort_write(&build->sort, writer, build->training.n_lists, NULL, 0, build->lists);
	gv_ivf_sort_end(&build->sort);
	meta->n_lists = build->training.n_lists;
	meta->n_rows_at_build = n_rows;
	meta->directory_blkno = gv_ivf_write_chain(&build->ix, GV_IVF_PAGE_LISTS, 0, build->lists,
											   sizeof(GvIvfListData) * meta->n_lists, false, NULL);
	buf = ReadBuffer(build->ix.rel, GV_IVF_META_BLKNO);
	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	gv_ivf_write_meta(BufferGetPage(buf), meta);
	MarkBufferDirty(buf);
	UnlockReleaseBuffer(buf);
}

/*
 * gv_ivf_build
 *		ambuild: build an index for the rows of a table.
 */
IndexBuildResult *
gv_ivf_build(Relation heap, Relation index, IndexInfo *index_info)
{
	GvIvfBuild *build = palloc0(sizeof(GvIvfBuild));
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));
	MemoryContext context;
	MemoryContext old_context;
	GvIvfTeam  *team;
	pg_atomic_uint64 n_rows;
	bool		is_trained;
	Buffer		buf;

	if (RelationGetNumberOfBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));

	context = AllocSetContextCreate(CurrentMemoryContext, "ivf build",
									ALLOCSET_DEFAULT_SIZES);
	old_context = MemoryContextSwitchTo(context);
	gv_ivf_build_begin(build, heap, index, index_info);
	build->reports = true;
	build->training.is_build = true;
	team = gv_ivf_team_begin(heap, index, index_info);
	gv_ivf_train(&build->ix, heap, index_info, build->rotation, team, &build->training);
	is_trained = build->training.is_trained;
	GV_TEST_POINT("ivf-build-trained");

	/* the metapage is filled in at the end */
	buf = gv_am_new_buffer(index, MAIN_FORKNUM);
	MarkBufferDirty(buf);
	UnlockReleaseBuffer(buf);
	if (build->ix.meta.inverse_unit != 0)
		build->ix.meta.center_blkno =
			gv_ivf_write_chain(&build->ix, GV_IVF_PAGE_CENTER, 0, build->training.center,
							   sizeof(float) * build->ix.layout.padded_dim, false, NULL);
	build->ix.meta.codebook_blkno = gv_ivf_write_codebook(&build->ix, &build->training, false);
	build->lists = palloc_extended(sizeof(GvIvfListData) * build->training.n_lists,
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	gv_ivf_clear_centroids(build->lists, build->training.n_lists);
	if (is_trained)
		gv_ivf_write_centroids(&build->ix, build->training.centroids, build->training.n_lists,
							   build->lists, false);

	gv_ivf_report_phase(&build->training, GV_IVF_PHASE_LOAD);
	pg_atomic_init_u64(&n_rows, 0);
	gv_ivf_build_begin_load(build, team ? &team->shared->n_rows : &n_rows);
	if (team)
		result->heap_tuples = gv_ivf_team_load(team, build);
	else
		result->heap_tuples = gv_ivf_build_load(build, NULL, maintenance_work_mem, NULL);
	result->index_tuples = pg_atomic_read_u64(build->n_rows);
	GV_TEST_POINT("ivf-build-loaded");
	write_lists(build, result->index_tuples);
	if (team)
		gv_ivf_team_end(team, index_info);
	if (RelationNeedsWAL(index))
		log_newpage_range(index, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(index), true);
	GV_TEST_POINT("ivf-build-logged");

	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	gv_am_report_phase(GV_IVF_PHASE_CALIBRATE);
	gv_ivf_calibrate(index, heap, result->index_tuples);
	/* one list was asked for; and one that is emptied at each commit is built as often */
	if (!is_trained && gv_ivf_options_lists((GvIvfOptions *) index->rd_options) != 1 &&
		!(RelationUsesLocalBuffers(index) && result->heap_tuples == 0))
		ereport(NOTICE,
				(errmsg("index \"%s\" was built with too few rows to divide them into lists",
						RelationGetRelationName(index)),
				 errdetail("A search reads all of its rows."),
				 errhint("VACUUM divides them when the table has more rows, gigavec.train() at once.")));
	return result;
}

/* Write a page of the init fork, which is logged even though the index is not */
static void
write_init_page(Relation index, int number, const GvIvfMetaPageData *meta,
				const GvIvfListData *lists)
{
	Buffer		buf = gv_am_new_buffer(index, INIT_FORKNUM);
	Page		page = BufferGetPage(buf);

	START_CRIT_SECTION();
	if (number == 0)
		gv_ivf_write_meta(page, meta);
	else if (number == 1)
	{
		gv_ivf_init_page(page, GV_IVF_PAGE_LISTS);
		gv_ivf_fill_chain_page(page, InvalidBlockNumber, 0, lists,
							   sizeof(GvIvfListData) * meta->n_lists);
	}
	else
		gv_ivf_init_rows_page(page, GV_IVF_PAGE_ROWS, number - 2, 0);
	MarkBufferDirty(buf);
	log_newpage_buffer(buf, true);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buf);
}

/*
 * gv_ivf_build_empty
 *		ambuildempty: write the empty index that an unlogged one is reset to.
 */
void
gv_ivf_build_empty(Relation index)
{
	GvIvfMetaPageData meta;
	GvIvfListData lists[GV_IVF_FIRST_LIST + 1] = {{0}};

	gv_ivf_init_meta(&meta, index);
	meta.n_lists = lengthof(lists);
	meta.directory_blkno = 1;
	for (int i = 0; i < lengthof(lists); i++)
	{
		lists[i].head = lists[i].tail = 2 + i;
		lists[i].centroid_blkno = InvalidBlockNumber;
	}
	for (int number = 0; number < 2 + lengthof(lists); number++)
		write_init_page(index, number, &meta, lists);
	GV_TEST_POINT("ivf-build-empty");
}
