/*-------------------------------------------------------------------------
 *
 * build.c
 *		Building an index.
 *
 * Train on a sample, then put every row into its list, page by page, as an
 * insert would, but without logging: the finished index is logged as a whole.
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
	MemoryContext row_context;
	int64		n_rows;
} Build;

/* Append a page to the index, to be written; locked */
static Buffer
new_page(Build *build, GvIvfPageKind kind)
{
	Buffer		buf = gv_am_new_buffer(build->ix.rel, MAIN_FORKNUM);

	gv_ivf_init_page(BufferGetPage(buf), kind);
	return buf;
}

static void
finish_page(Buffer buf)
{
	MarkBufferDirty(buf);
	UnlockReleaseBuffer(buf);
}

/* Write data as a chain of pages that follow each other; returns the first */
static BlockNumber
write_chain(Build *build, GvIvfPageKind kind, const void *data, Size n_bytes)
{
	BlockNumber first = InvalidBlockNumber;

	for (Size done = 0; done < n_bytes;)
	{
		Size		room = kind == GV_IVF_PAGE_LISTS ?
			GV_IVF_LISTS_PER_PAGE * sizeof(GvIvfListData) : GV_IVF_CHAIN_ROOM;
		Size		n = Min(n_bytes - done, room);
		Buffer		buf = new_page(build, kind);
		BlockNumber blkno = BufferGetBlockNumber(buf);

		if (first == InvalidBlockNumber)
			first = blkno;
		gv_ivf_fill_chain_page(BufferGetPage(buf),
							   done + n < n_bytes ? blkno + 1 : InvalidBlockNumber,
							   (const char *) data + done, n);
		finish_page(buf);
		done += n;
	}
	return first;
}

/* Write the centroids, and note where they are */
static void
write_centroids(Build *build)
{
	const GvIvfLayout *layout = &build->ix.layout;
	Size		n_bytes = gv_ivf_centroid_bytes(layout);
	int			per_page = layout->centroids_per_page;
	Buffer		buf = InvalidBuffer;

	for (uint32 list = GV_IVF_FIRST_LIST; list < build->training.n_lists; list++)
	{
		const char *centroid = (const char *) build->training.centroids + list * n_bytes;
		int			slot = per_page > 0 ? (list - GV_IVF_FIRST_LIST) % per_page : 0;

		if (slot == 0 && BufferIsValid(buf))
			finish_page(buf);
		for (Size done = 0; done < n_bytes; done += GV_AM_PAGE_ROOM)
		{
			Size		n = Min(n_bytes - done, GV_AM_PAGE_ROOM);
			Page		page;

			if (done > 0)
				finish_page(buf);
			if (slot == 0)
				buf = new_page(build, GV_IVF_PAGE_CENTROIDS);
			page = BufferGetPage(buf);
			memcpy(gv_am_page_content(page) + slot * n_bytes, centroid + done, n);
			((PageHeader) page)->pd_lower =
				gv_am_page_content(page) + slot * n_bytes + n - (char *) page;
			if (done == 0)
				build->lists[list].centroid_blkno = BufferGetBlockNumber(buf);
		}
		build->lists[list].centroid_slot = slot;
	}
	if (BufferIsValid(buf))
		finish_page(buf);
}

/* Write an empty page for each list */
static void
write_heads(Build *build)
{
	for (uint32 list = 0; list < build->training.n_lists; list++)
	{
		Buffer		buf = gv_am_new_buffer(build->ix.rel, MAIN_FORKNUM);

		CHECK_FOR_INTERRUPTS();
		gv_ivf_init_rows_page(BufferGetPage(buf), GV_IVF_PAGE_ROWS, list, 0);
		build->lists[list].head = build->lists[list].tail = BufferGetBlockNumber(buf);
		finish_page(buf);
	}
}

/* Make the directory in memory, and the root to find lists by */
static void
begin_lists(Build *build)
{
	GvIvfTraining *training = &build->training;
	Size		size;

	build->lists = palloc_extended(sizeof(GvIvfListData) * training->n_lists,
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint32 list = 0; list < training->n_lists; list++)
		build->lists[list].centroid_blkno = InvalidBlockNumber;

	size = gv_ivf_root_size(&build->ix.layout, training->n_lists, NULL, &build->root);
	gv_ivf_root_size(&build->ix.layout, training->n_lists,
					 palloc_extended(size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO), &build->root);
	if (!training->is_trained)
	{
		GvHalf	   *zero = palloc0(gv_ivf_centroid_bytes(&build->ix.layout));

		build->root.centroid_blkno[GV_IVF_FIRST_LIST] = InvalidBlockNumber;
		gv_ivf_root_set(&build->root, &build->ix.layout, GV_IVF_FIRST_LIST, zero);
		return;
	}
	write_centroids(build);
	for (uint32 list = GV_IVF_FIRST_LIST; list < training->n_lists; list++)
	{
		CHECK_FOR_INTERRUPTS();
		build->root.centroid_blkno[list] = build->lists[list].centroid_blkno;
		build->root.centroid_slot[list] = build->lists[list].centroid_slot;
		gv_ivf_root_set(&build->root, &build->ix.layout, list, training->centroids +
						(Size) list * build->ix.layout.padded_dim);
	}
}

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
	gv_ivf_append(&build->ix, &build->lists[list], list, InvalidBlockNumber,
				  &build->loader.row);
	build->lists[list].n_rows++;
	build->n_rows++;
	if (build->n_rows % 1024 == 0)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, build->n_rows);
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(build->row_context);
}

/* Write what the lists hold, and the metapage */
static void
finish_lists(Build *build)
{
	GvIvfMetaPageData *meta = &build->ix.meta;
	Buffer		buf;

	meta->n_lists = build->training.n_lists;
	meta->n_rows_at_build = build->n_rows;
	meta->directory_blkno = write_chain(build, GV_IVF_PAGE_LISTS, build->lists,
										sizeof(GvIvfListData) * meta->n_lists);
	buf = ReadBuffer(build->ix.rel, GV_IVF_META_BLKNO);
	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	gv_ivf_write_meta(BufferGetPage(buf), meta);
	finish_page(buf);
}

/* Build an index */
static IndexBuildResult *
build_index(Relation heap, Relation index, IndexInfo *index_info)
{
	Build	   *build = palloc0(sizeof(Build));
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));
	MemoryContext context;
	MemoryContext old_context;
	bool		is_trained;

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

	gv_ivf_train(&build->ix, heap, index_info, build->rotation, &build->training);
	is_trained = build->training.is_trained;
	GV_TEST_POINT("ivf-build-trained");

	/* the metapage is filled in at the end */
	finish_page(new_page(build, GV_IVF_PAGE_META));
	if (build->ix.meta.inverse_unit != 0)
		build->ix.meta.center_blkno =
			write_chain(build, GV_IVF_PAGE_CENTER, build->training.center,
						sizeof(float) * build->ix.layout.padded_dim);
	begin_lists(build);
	write_heads(build);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, GV_IVF_PHASE_LOAD);
	gv_ivf_loader_init(&build->loader, &build->ix, build->rotation, build->training.center,
					   &build->root);
	result->heap_tuples = table_index_build_scan(heap, index, index_info, true, true, load_row,
												 build, NULL);
	result->index_tuples = build->n_rows;
	GV_TEST_POINT("ivf-build-loaded");
	finish_lists(build);
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
				 errhint("REINDEX it when the table has more rows.")));
	return result;
}

/*
 * gv_ivfflat_build, gv_ivfpq_build
 *		ambuild: build an index for the rows of a table.
 */
IndexBuildResult *
gv_ivfflat_build(Relation heap, Relation index, IndexInfo *index_info)
{
	return build_index(heap, index, index_info);
}

IndexBuildResult *
gv_ivfpq_build(Relation heap, Relation index, IndexInfo *index_info)
{
	/* not the same as above, so that the address tells the access method */
	IndexBuildResult *result = build_index(heap, index, index_info);

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
		gv_ivf_fill_chain_page(page, InvalidBlockNumber, lists,
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
