/*-------------------------------------------------------------------------
 *
 * build.c
 *		Building an index.
 *
 * The rows are loaded into memory and divided at medians, until there is a
 * leaf's worth of them in each part.  All pages of a level but the root are
 * about equally full.  Pages are written without log, and the index is logged
 * as a whole at the end.  Rows that do not fit into maintenance_work_mem are
 * inserted one by one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/tableam.h"
#include "access/xloginsert.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "am/testpoint.h"
#include "am/xlog.h"
#include "kdtree/build.h"
#include "kdtree/descend.h"
#include "kdtree/kdtree.h"

/* Rows for which memory is taken at first */
#define FIRST_ROWS 65536

typedef struct Build
{
	GvKdtreeIndex ix;
	GvKdtreeRows rows;
	uint64		max_rows;		/* that fit into memory */
	uint64		n_inserted;		/* beyond them */
	bool		is_written;
	int			leaf_fill;		/* points of a leaf */
	int			inner_fill;		/* children of an inner page */
	uint64		n_written;		/* points on pages */
	MemoryContext row_context;	/* reset for each row */
} Build;

/* The children of a page that is being made */
typedef struct PageInMaking
{
	Page		page;			/* copy */
	int			level;
} PageInMaking;

static BlockNumber build_subtree(Build *build, uint64 first, uint64 n, int level,
								 bool is_root, GvKdtreeBox *box);

/* Write a page, as a new block or to that of the root */
static BlockNumber
write_page(Build *build, Page page, bool is_root)
{
	Buffer		buf;
	BlockNumber blkno;

	if (is_root)
	{
		buf = ReadBuffer(build->ix.rel, GV_KDTREE_ROOT_BLKNO);
		LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	}
	else
		buf = gv_am_new_buffer(build->ix.rel, MAIN_FORKNUM);
	blkno = BufferGetBlockNumber(buf);
	memcpy(BufferGetPage(buf), page, BLCKSZ);
	MarkBufferDirty(buf);
	UnlockReleaseBuffer(buf);
	return blkno;
}

/* Make a leaf of some rows */
static BlockNumber
build_leaf(Build *build, uint64 first, uint64 n, bool is_root, GvKdtreeBox *box)
{
	GvKdtreeRows *rows = &build->rows;
	PGAlignedBlock copy;
	Page		page = copy.data;

	memset(page, 0, BLCKSZ);
	gv_kdtree_init_page(page, 0);
	gv_kdtree_box_init(box, build->ix.dim);
	for (uint64 i = 0; i < n; i++)
	{
		float	   *row = gv_kdtree_row(rows, first + i);
		GvKdtreePoint point;

		memcpy(point.x, row, sizeof(float) * rows->dim);
		memcpy(&point.tid, row + rows->tid_offset, sizeof(point.tid));
		if (rows->has_filters)
			gv_am_filter_unpack(&build->ix.filters, (char *) (row + rows->filter_offset),
							&point.filters);
		gv_kdtree_put_point(&build->ix, page, i, &point);
		gv_kdtree_box_add_point(box, row + rows->place_offset, rows->dim);
	}
	gv_kdtree_page_head(page)->n = n;
	build->n_written += n;
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, build->n_written);
	return write_page(build, page, is_root);
}

/* Divide rows among some children of a page, and make these */
static void
build_children(Build *build, uint64 first, uint64 n, int n_children, PageInMaking *parent)
{
	int			n_left = n_children / 2;
	uint64		rows_left;

	CHECK_FOR_INTERRUPTS();
	check_stack_depth();
	if (n_children == 1)
	{
		GvKdtreeBox box;
		BlockNumber child = build_subtree(build, first, n, parent->level - 1, false, &box);
		GvKdtreeHead head = gv_kdtree_page_head(parent->page);

		gv_kdtree_put_child(&build->ix, parent->page, head->n++, &box, child);
		return;
	}
	rows_left = (n * n_left + n_children - 1) / n_children;
	gv_kdtree_rows_divide(&build->rows, first, n, rows_left);
	build_children(build, first, rows_left, n_left, parent);
	build_children(build, first + rows_left, n - rows_left, n_children - n_left, parent);
}

/* Make a page of a level, and all below it, of some rows */
static BlockNumber
build_subtree(Build *build, uint64 first, uint64 n, int level, bool is_root,
			  GvKdtreeBox *box)
{
	PGAlignedBlock copy;
	PageInMaking making = {.page = copy.data,.level = level};
	double		child_rows = build->leaf_fill * pow(build->inner_fill, level - 1);

	if (level == 0)
		return build_leaf(build, first, n, is_root, box);
	memset(copy.data, 0, BLCKSZ);
	gv_kdtree_init_page(copy.data, level);
	build_children(build, first, n, (int) ceil(n / child_rows), &making);
	gv_kdtree_page_box(&build->ix, copy.data, box);
	return write_page(build, copy.data, is_root);
}

/* Make the metapage and an empty root */
static void
write_first_pages(Build *build)
{
	PGAlignedBlock copy;
	BlockNumber blkno;

	gv_kdtree_write_meta((memset(copy.data, 0, BLCKSZ), copy.data), &build->ix.meta);
	blkno = write_page(build, copy.data, false);
	Assert(blkno == GV_KDTREE_META_BLKNO);
	memset(copy.data, 0, BLCKSZ);
	gv_kdtree_init_page(copy.data, 0);
	blkno = write_page(build, copy.data, false);
	Assert(blkno == GV_KDTREE_ROOT_BLKNO);
	(void) blkno;
}

/* Write all rows that are in memory, and log the index */
static void
write_tree(Build *build)
{
	int			level = 0;
	double		capacity = build->leaf_fill;
	GvKdtreeBox box;

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, GV_KDTREE_PHASE_WRITE);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, build->rows.n);
	while (capacity < build->rows.n)
	{
		capacity *= build->inner_fill;
		level++;
	}
	build->ix.meta.n_rows_at_build = build->rows.n;
	write_first_pages(build);
	(void) build_subtree(build, 0, build->rows.n, level, true, &box);
	if (RelationNeedsWAL(build->ix.rel))
		log_newpage_range(build->ix.rel, MAIN_FORKNUM, 0,
						  RelationGetNumberOfBlocks(build->ix.rel), true);
	build->is_written = true;
	if (build->rows.data)
		pfree(build->rows.data);
	build->rows.data = NULL;
}

/* Make room for one more row in memory; false if there is none */
static bool
grow_rows(Build *build)
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

/* Called for each row of the table */
static void
load_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		 bool tuple_is_alive, void *arg)
{
	Build	   *build = arg;
	GvKdtreeRows *rows = &build->rows;
	MemoryContext old_context;
	GvKdtreePoint point;

	if (isnull[0])
		return;
	if (!build->is_written && !grow_rows(build))
	{
		write_tree(build);
		pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, GV_KDTREE_PHASE_INSERT);
	}

	old_context = MemoryContextSwitchTo(build->row_context);
	gv_kdtree_set_row(&build->ix, values, isnull, tid, &point);
	if (build->is_written)
	{
		gv_kdtree_insert_point(&build->ix, &point);
		build->n_inserted++;
	}
	else
	{
		float	   *row = gv_kdtree_row(rows, rows->n++);

		memcpy(row, point.x, sizeof(float) * rows->dim);
		if (rows->place_offset > 0)
			memcpy(row + rows->place_offset, point.place, sizeof(float) * rows->dim);
		memcpy(row + rows->tid_offset, &point.tid, sizeof(point.tid));
		if (rows->has_filters)
			gv_am_filter_pack(&build->ix.filters, &point.filters,
						  (char *) (row + rows->filter_offset));
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(build->row_context);
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
	Build	   *build = palloc0(sizeof(Build));
	GvKdtreeRows *rows = &build->rows;
	GvKdtreeIndex *ix = &build->ix;

	if (RelationGetNumberOfBlocks(index) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));
	gv_kdtree_init_meta(ix, index);
	check_dim(index, ix->dim);
	build->leaf_fill = Max(1, ix->leaf_capacity * ix->meta.fill_factor / 100);
	build->inner_fill = Max(2, ix->inner_capacity * ix->meta.fill_factor / 100);
	gv_kdtree_rows_init(rows, ix);
	build->max_rows = Max((uint64) maintenance_work_mem * 1024 /
						  (sizeof(float) * rows->record_size), 1);
	build->row_context = AllocSetContextCreate(CurrentMemoryContext, "kdtree row",
											   ALLOCSET_DEFAULT_SIZES);

	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, GV_KDTREE_PHASE_LOAD);
	result->heap_tuples = table_index_build_scan(heap, index, index_info, true, true,
												 load_row, build, NULL);
	if (!build->is_written)
		write_tree(build);
	result->index_tuples = rows->n + build->n_inserted;
	GV_TEST_POINT("kdtree-build-written");
	MemoryContextDelete(build->row_context);
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
