/*-------------------------------------------------------------------------
 *
 * build.c
 *		Building an index.
 *
 * Train on a sample, find every row's list, sort the rows by it, and write list
 * by list, without logging: the finished index is logged as a whole.
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

#include "am/testpoint.h"
#include "base/compat.h"
#include "ivf/build.h"
#include "ivf/calibrate.h"
#include "ivf/ivf.h"
#include "quant/rotation.h"

typedef struct Build
{
	GvIvfIndex	ix;
	Relation	heap;
	IndexInfo  *index_info;
	float	   *rotation;
	GvIvfTraining training;
	GvIvfRoot	root;
	GvIvfListData *lists;		/* the directory */
	GvIvfLoader loader;
	GvIvfSort	sort;
	MemoryContext row_context;
	int64		n_rows;
} Build;

/* Put a row into its list */
static void
load_row(Relation rel, ItemPointer tid, Datum *values, bool *isnull, bool tuple_is_alive,
		 void *state)
{
	Build	   *build = state;
	MemoryContext old_context;
	GvAmFilterRow filters;
	Datum		value;
	uint32		list;

	if (isnull[0])
		return;
	old_context = MemoryContextSwitchTo(build->row_context);
	value = PointerGetDatum(PG_DETOAST_DATUM(values[0]));
	gv_am_check_dim(build->ix.opclass, value, build->ix.meta.dim);
	gv_am_filter_row(&build->ix.filters, values + 1, isnull + 1, &filters);
	list = gv_ivf_loader_take(&build->loader, value, &filters, tid);
	gv_ivf_sort_put(&build->sort, list, &build->loader.row);
	build->n_rows++;
	if (build->n_rows % 1024 == 0)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, build->n_rows);
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(build->row_context);
}

/* Write the lists and what leads to them */
static void
write_lists(Build *build)
{
	GvIvfMetaPageData *meta = &build->ix.meta;
	GvIvfWriter *writer = palloc(sizeof(GvIvfWriter));
	Buffer		buf;

	gv_ivf_report_phase(&build->training, GV_IVF_PHASE_WRITE);
	gv_ivf_writer_init(writer, &build->ix, false);
	gv_ivf_sort_write(&build->sort, writer, build->training.n_lists, 0, build->lists);
	gv_ivf_sort_end(&build->sort);
	meta->n_lists = build->training.n_lists;
	meta->n_rows_at_build = build->n_rows;
	meta->longest_at_build = gv_ivf_longest_list(build->lists, meta->n_lists);
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
	Build	   *build = palloc0(sizeof(Build));
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));
	MemoryContext context;
	MemoryContext old_context;
	bool		is_trained;
	Buffer		buf;

	if (RelationGetNumberOfBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));

	context = AllocSetContextCreate(CurrentMemoryContext, "ivf build",
									ALLOCSET_DEFAULT_SIZES);
	old_context = MemoryContextSwitchTo(context);
	build->row_context = AllocSetContextCreate(context, "ivf build row",
											   ALLOCSET_DEFAULT_SIZES);
	build->heap = heap;
	build->index_info = index_info;
	build->ix.rel = index;
	gv_ivf_init_meta(&build->ix.meta, index);
	build->ix.opclass = gv_am_opclass(index);
	build->ix.hints = gv_am_hints(index);
	gv_am_filter_columns(&build->ix.filters, index);
	(void) gv_ivf_layout_set(&build->ix.layout, &build->ix.meta);
	build->rotation = palloc(sizeof(float) *
							 gv_rotation_table_size(build->ix.layout.padded_dim));
	gv_rotation_init(build->rotation, build->ix.layout.padded_dim, build->ix.meta.seed);

	build->training.is_build = true;
	gv_ivf_train(&build->ix, heap, index_info, build->rotation, &build->training);
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
	build->lists = palloc_extended(sizeof(GvIvfListData) * build->training.n_lists,
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	gv_ivf_write_centroids(&build->ix, &build->training, build->lists, false);
	gv_ivf_make_root(&build->ix, &build->training, &build->root);

	gv_ivf_report_phase(&build->training, GV_IVF_PHASE_LOAD);
	gv_ivf_sort_begin(&build->sort, &build->ix, maintenance_work_mem, NULL);
	gv_ivf_loader_init(&build->loader, &build->ix, build->rotation, build->training.center,
					   &build->root);
	result->heap_tuples = table_index_build_scan(heap, index, index_info, true, true, load_row,
												 build, NULL);
	gv_ivf_sort_perform(&build->sort);
	result->index_tuples = build->n_rows;
	GV_TEST_POINT("ivf-build-loaded");
	write_lists(build);
	if (RelationNeedsWAL(index))
		log_newpage_range(index, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(index), true);
	GV_TEST_POINT("ivf-build-logged");

	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, GV_IVF_PHASE_CALIBRATE);
	gv_ivf_calibrate(index, heap, result->index_tuples);
	if (!is_trained)
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
