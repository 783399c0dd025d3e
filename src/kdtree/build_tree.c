/*-------------------------------------------------------------------------
 *
 * build_tree.c
 *		From rows to the pages of a tree.
 *
 * The number of rows tells the form of the whole tree and the block of each
 * page: children come before their parent, in order, so leaves follow each other
 * on disk as they do in space.  The rows are divided at exact medians, equal
 * ones by their tids, so that the tree depends on the rows alone, neither on
 * the memory there is nor on the processes that build it.
 *
 * Parts of the tree whose rows fit into memory are made there.  The inner pages
 * above are filled at the end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "am/sort.h"
#include "base/compare.h"
#include "kdtree/build.h"

/* Children of an inner page below which fewer save nothing */
#define FEW_CHILDREN 32

/* An inner page that is being made, and the least box of what is on it */
typedef struct PageInMaking
{
	PGAlignedBlock copy;
	GvKdtreeBox box;
} PageInMaking;

/* Children of a page of a level with the rows of a part below it */
static int
count_children(const GvKdtreeBuild *build, const GvKdtreePart *part, int level)
{
	return (int) ceil(part->n / (build->leaf_fill * pow(part->inner_fill, level - 1)));
}

/* The pages of a part */
static BlockNumber
count_pages(const GvKdtreeBuild *build, const GvKdtreePart *part)
{
	GvKdtreePart below = *part;
	GvKdtreePart left;
	GvKdtreePart right;

	if (part->level == 0)
		return part->n_children;
	if (gv_kdtree_build_descend(build, &below))
		return 1 + count_pages(build, &below);
	gv_kdtree_build_halve(build, part, &left, &right);
	return right.first_block - left.first_block + count_pages(build, &right);
}

/*
 * gv_kdtree_build_descend
 *		Turn a part of one child that is no leaf into the children of that child;
 *		false, and nothing is done, if it is another.
 */
bool
gv_kdtree_build_descend(const GvKdtreeBuild *build, GvKdtreePart *part)
{
	if (part->n_children > 1 || part->level == 0)
		return false;
	part->n_children = count_children(build, part, part->level);
	part->level--;
	return true;
}

/*
 * gv_kdtree_build_halve
 *		Divide the children of a page, two at least, among two parts.
 */
void
gv_kdtree_build_halve(const GvKdtreeBuild *build, const GvKdtreePart *part, GvKdtreePart *left,
					  GvKdtreePart *right)
{
	Assert(part->n_children > 1);
	*left = *right = *part;
	left->n_children = part->n_children / 2;
	left->n = (part->n * left->n_children + part->n_children - 1) / part->n_children;
	right->n_children = part->n_children - left->n_children;
	right->n = part->n - left->n;
	right->first_block = left->first_block + count_pages(build, left);
}

/*
 * gv_kdtree_build_height
 *		Inner levels of the tree of so many rows, and how many children each of
 *		its inner pages gets at most.
 *
 * leaf_fill: rows of a leaf
 * *inner_fill: children that a page may get; lowered
 *
 * Of a page that is read all boxes are looked at, so they are no more than that
 * height needs.
 */
int
gv_kdtree_build_height(double n, int leaf_fill, int *inner_fill)
{
	int			level = 0;

	for (double capacity = leaf_fill; capacity < n; capacity *= *inner_fill)
		level++;
	if (level > 0)
		*inner_fill = Min(*inner_fill,
						  Max(FEW_CHILDREN, (int) ceil(pow(n / leaf_fill, 1.0 / level))));
	return level;
}

/*
 * gv_kdtree_build_plan
 *		The form of the tree of so many rows.
 *
 * root: set to the children of the root; of a single leaf, to that leaf
 */
void
gv_kdtree_build_plan(const GvKdtreeBuild *build, uint64 n, GvKdtreePart *root)
{
	int			level;

	root->n = n;
	root->inner_fill = build->inner_fill;
	level = gv_kdtree_build_height(n, build->leaf_fill, &root->inner_fill);
	root->level = Max(level - 1, 0);
	root->n_children = level == 0 ? 1 : count_children(build, root, level);
	root->first_block = level == 0 ? GV_KDTREE_ROOT_BLKNO : GV_KDTREE_ROOT_BLKNO + 1;
}

/* Is the tree the root alone? */
static bool
is_leaf_only(const GvKdtreePart *root)
{
	return root->first_block == GV_KDTREE_ROOT_BLKNO;
}

/*
 * gv_kdtree_build_extend
 *		Make the metapage, and all other pages as pages of zeros.
 */
void
gv_kdtree_build_extend(GvKdtreeBuild *build, const GvKdtreePart *root)
{
	BlockNumber n_blocks = root->first_block + count_pages(build, root);
	Buffer		buf;

	for (BlockNumber blkno = 0; blkno < n_blocks; blkno++)
	{
		CHECK_FOR_INTERRUPTS();
		buf = gv_am_new_buffer(build->ix.rel, MAIN_FORKNUM);
		Assert(BufferGetBlockNumber(buf) == blkno);
		if (blkno == GV_KDTREE_META_BLKNO)
		{
			build->ix.meta.n_rows_at_build = root->n;
			gv_kdtree_write_meta(BufferGetPage(buf), &build->ix.meta);
			MarkBufferDirty(buf);
		}
		UnlockReleaseBuffer(buf);
	}
}

static void
write_page(GvKdtreeBuild *build, BlockNumber blkno, Page page)
{
	Buffer		buf = ReadBuffer(build->ix.rel, blkno);

	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	memcpy(BufferGetPage(buf), page, BLCKSZ);
	MarkBufferDirty(buf);
	UnlockReleaseBuffer(buf);
}

static void
begin_page(GvKdtreeBuild *build, PageInMaking *making, int level)
{
	memset(making->copy.data, 0, BLCKSZ);
	gv_kdtree_init_page(making->copy.data, level);
	gv_kdtree_box_init(&making->box, build->ix.dim);
}

static void
add_child(GvKdtreeBuild *build, PageInMaking *making, const GvKdtreeBox *box, BlockNumber blkno)
{
	gv_kdtree_put_child(&build->ix, making->copy.data,
						gv_kdtree_page_head(making->copy.data)->n++, box, blkno);
	gv_kdtree_box_add_box(&making->box, box, build->ix.dim);
}

/* --- in memory ------------------------------------------------------------- */

/* Make a leaf of rows in memory, in the order of their tids */
static void
build_leaf(GvKdtreeBuild *build, uint64 first, uint64 n, BlockNumber blkno, GvKdtreeBox *box)
{
	GvKdtreeRows *rows = &build->rows;
	PageInMaking making;
	Page		page = making.copy.data;

	begin_page(build, &making, 0);
	for (uint64 i = 0; i < n; i++)
		build->order[i] = gv_kdtree_row_tid(rows, gv_kdtree_row(rows, first + i)) << 16 | i;
	gv_am_sort(build->order, n, sizeof(uint64), gv_base_compare_uint64);
	for (uint64 i = 0; i < n; i++)
	{
		float	   *row = gv_kdtree_row(rows, first + (build->order[i] & 0xFFFF));
		GvKdtreePoint point;

		memcpy(point.x, row, sizeof(float) * rows->dim);
		memcpy(&point.tid, row + rows->tid_offset, sizeof(point.tid));
		if (rows->has_filters)
			gv_am_filter_unpack(&build->ix.filters, (char *) (row + rows->filter_offset),
								&point.filters);
		gv_kdtree_put_point(&build->ix, page, i, &point);
		gv_kdtree_box_add_point(&making.box, row + rows->place_offset, rows->dim);
	}
	gv_kdtree_page_head(page)->n = n;
	write_page(build, blkno, page);
	gv_kdtree_build_count(build, n);
	*box = making.box;
}

/*
 * Make the pages of a part of rows in memory.
 *
 * parent: of its children; NULL: it is filled later
 */
static void
build_part(GvKdtreeBuild *build, uint64 first, const GvKdtreePart *part, PageInMaking *parent)
{
	GvKdtreePart below = *part;
	GvKdtreePart left;
	GvKdtreePart right;
	GvKdtreeBox box;

	CHECK_FOR_INTERRUPTS();
	check_stack_depth();
	if (part->n_children > 1)
	{
		gv_kdtree_build_halve(build, part, &left, &right);
		gv_kdtree_rows_divide(&build->rows, first, part->n, left.n);
		build_part(build, first, &left, parent);
		build_part(build, first + left.n, &right, parent);
		return;
	}
	if (part->level == 0)
	{
		build_leaf(build, first, part->n, part->first_block, &box);
		if (parent)
			add_child(build, parent, &box, part->first_block);
	}
	else
	{
		PageInMaking *making = palloc(sizeof(PageInMaking));
		BlockNumber blkno = part->first_block + count_pages(build, part) - 1;

		begin_page(build, making, part->level);
		gv_kdtree_build_descend(build, &below);
		build_part(build, first, &below, making);
		write_page(build, blkno, making->copy.data);
		if (parent)
			add_child(build, parent, &making->box, blkno);
		pfree(making);
	}
}

/*
 * gv_kdtree_build_rows
 *		Make the pages of a part, whose rows are all that are in memory.
 */
void
gv_kdtree_build_rows(GvKdtreeBuild *build, const GvKdtreePart *part)
{
	Assert(build->rows.n == part->n);
	build_part(build, 0, part, NULL);
}

/* --- from files ------------------------------------------------------------ */

/* Read all rows into memory, and close the tapes */
static void
load_tapes(GvKdtreeBuild *build, GvKdtreeTape *tapes, int n_tapes, uint64 n)
{
	GvKdtreeRows *rows = &build->rows;

	Assert(rows->data == NULL);
	rows->data = MemoryContextAllocHuge(CurrentMemoryContext,
										(n + 1) * sizeof(float) * rows->record_size);
	rows->max = n;
	rows->n = 0;
	for (int t = 0; t < n_tapes; t++)
	{
		for (uint64 i = 0; i < tapes[t].n; i++)
		{
			if (i % GV_KDTREE_ROWS_PER_INTERRUPT == 0)
				CHECK_FOR_INTERRUPTS();
			gv_kdtree_tape_read(&tapes[t], gv_kdtree_row(rows, rows->n++));
		}
		gv_kdtree_tape_close(&tapes[t]);
	}
}

/*
 * gv_kdtree_build_tapes
 *		Make the pages of a part, whose rows are those of some tapes.
 *
 * tapes: open; are closed
 *
 * Parents of what does not fit into memory at once are left for
 * gv_kdtree_build_finish.
 */
void
gv_kdtree_build_tapes(GvKdtreeBuild *build, GvKdtreeTape *tapes, int n_tapes,
					  GvKdtreePart part)
{
	GvKdtreePart left;
	GvKdtreePart right;
	GvKdtreeTape halves[2];

	check_stack_depth();
	if (part.n <= build->max_rows)
	{
		load_tapes(build, tapes, n_tapes, part.n);
		gv_kdtree_build_rows(build, &part);
		pfree(build->rows.data);
		build->rows.data = NULL;
		return;
	}
	while (gv_kdtree_build_descend(build, &part))
		 /* pass */ ;
	gv_kdtree_build_halve(build, &part, &left, &right);
	for (int i = 0; i < 2; i++)
		gv_kdtree_tape_create(&halves[i], tapes->rows, NULL, 0);
	gv_kdtree_tapes_divide(tapes, n_tapes, left.n, build->max_rows, &halves[0], &halves[1]);
	for (int t = 0; t < n_tapes; t++)
		gv_kdtree_tape_close(&tapes[t]);
	for (int i = 0; i < 2; i++)
		gv_kdtree_tape_finish(&halves[i]);
	gv_kdtree_build_tapes(build, &halves[0], 1, left);
	gv_kdtree_build_tapes(build, &halves[1], 1, right);
}

/* --- pages above ----------------------------------------------------------- */

static void finish_page(GvKdtreeBuild *build, BlockNumber blkno, GvKdtreePart part);

/* Add the children of a part to their parent */
static void
finish_part(GvKdtreeBuild *build, const GvKdtreePart *part, PageInMaking *parent)
{
	GvKdtreePart left;
	GvKdtreePart right;
	GvKdtreePart below = *part;
	BlockNumber blkno = part->first_block;
	GvKdtreeBox box;
	Buffer		buf;

	CHECK_FOR_INTERRUPTS();
	check_stack_depth();
	if (part->n_children > 1)
	{
		gv_kdtree_build_halve(build, part, &left, &right);
		finish_part(build, &left, parent);
		finish_part(build, &right, parent);
		return;
	}
	if (gv_kdtree_build_descend(build, &below))
	{
		blkno += count_pages(build, part) - 1;
		finish_page(build, blkno, below);
	}
	buf = ReadBuffer(build->ix.rel, blkno);
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	gv_kdtree_page_box(&build->ix, BufferGetPage(buf), &box);
	UnlockReleaseBuffer(buf);
	add_child(build, parent, &box, blkno);
}

/* Make an inner page if it was left out */
static void
finish_page(GvKdtreeBuild *build, BlockNumber blkno, GvKdtreePart part)
{
	Buffer		buf = ReadBuffer(build->ix.rel, blkno);
	bool		is_new;
	PageInMaking *making;

	LockBuffer(buf, BUFFER_LOCK_SHARE);
	is_new = PageIsNew(BufferGetPage(buf));
	UnlockReleaseBuffer(buf);
	if (!is_new)
		return;
	making = palloc(sizeof(PageInMaking));
	begin_page(build, making, part.level + 1);
	finish_part(build, &part, making);
	write_page(build, blkno, making->copy.data);
	pfree(making);
}

/*
 * gv_kdtree_build_finish
 *		Make the pages whose children's rows were not in memory together.
 */
void
gv_kdtree_build_finish(GvKdtreeBuild *build, const GvKdtreePart *root)
{
	if (!is_leaf_only(root))
		finish_page(build, GV_KDTREE_ROOT_BLKNO, *root);
}
