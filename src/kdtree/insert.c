/*-------------------------------------------------------------------------
 *
 * insert.c
 *		Adding a row to an index.
 *
 * Down from the root to the child whose box is nearest, one page locked at a
 * time; a box that does not hold the point is enlarged before its page is
 * read.  If a page was split since its parent was read, the point may belong
 * elsewhere, and the way begins anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "am/testpoint.h"
#include "am/xlog.h"
#include "kdtree/descend.h"
#include "kdtree/kdtree.h"

/* Free pages that an insert may come upon; there may be one if VACUUM is quick */
#define MAX_FREE_PAGES 100

/* How much room a box takes: the sum of its sides orders boxes of any dimensions */
static double
box_size(const GvKdtreeIndex *ix, Page page, int i)
{
	GvKdtreeBox box;
	double		size = 0;

	gv_kdtree_get_box(ix, page, i, &box);
	for (int j = 0; j < ix->dim; j++)
		size += (double) box.high[j] - box.low[j];
	return size;
}

/*
 * gv_kdtree_choose_child
 *		The child of an inner page for a new point: the nearest, of several that
 *		hold it the smallest.
 *
 * page: locked
 * is_inside: set to whether its box holds the point
 */
int
gv_kdtree_choose_child(const GvKdtreeIndex *ix, Page page, const GvKdtreePoint *point,
					   bool *is_inside)
{
	int			n = gv_kdtree_page_head(page)->n;
	float		distances[GV_KDTREE_ROOM / (3 * sizeof(float))];
	double		least_size = 0;
	int			best = 0;
	bool		has_size = false;
	GvKdtreeBox box;

	gv_kernels->boxes_l2_squared(gv_kdtree_inner_low(page), gv_kdtree_inner_high(ix, page),
								 ix->inner_capacity, point->place, ix->dim, n, distances);
	for (int i = 1; i < n; i++)
	{
		double		size;

		if (distances[i] > distances[best])
			continue;
		if (distances[i] < distances[best])
		{
			best = i;
			has_size = false;
			continue;
		}
		if (!has_size)
			least_size = box_size(ix, page, best);
		has_size = true;
		size = box_size(ix, page, i);
		if (size < least_size)
		{
			best = i;
			least_size = size;
		}
	}
	/* a distance of 0 may have been too small for float32 */
	gv_kdtree_get_box(ix, page, best, &box);
	*is_inside = gv_kdtree_box_has_point(&box, point->place, ix->dim);
	return best;
}

/* Enlarge a child's box to hold a point; the page is locked exclusively */
static void
enlarge_child(GvKdtreeIndex *ix, Buffer buf, int child, const GvKdtreePoint *point)
{
	GvXlog	   *xlog = gv_xlog_begin(ix->rel);
	Page		page = gv_xlog_page(xlog, buf);
	GvKdtreeBox box;

	gv_kdtree_get_box(ix, page, child, &box);
	gv_kdtree_box_add_point(&box, point->place, ix->dim);
	gv_kdtree_put_child(ix, page, child, &box, gv_kdtree_inner_children(ix, page)[child]);
	gv_xlog_finish(xlog);
}

/* Put a point on a leaf that has room and is locked exclusively */
static void
add_to_leaf(GvKdtreeIndex *ix, Buffer buf, const GvKdtreePoint *point)
{
	GvXlog	   *xlog = gv_xlog_begin(ix->rel);
	Page		page = gv_xlog_page(xlog, buf);

	gv_kdtree_put_point(ix, page, gv_kdtree_page_head(page)->n++, point);
	gv_xlog_finish(xlog);
}

/* Why a point found no place */
typedef enum Outcome
{
	INSERTED,
	LEAF_IS_FULL,
	PAGE_WAS_SPLIT,
	PAGE_WAS_FREED
} Outcome;

/* Go down once, and put the point onto the leaf there */
static Outcome
try_insert(GvKdtreeIndex *ix, const GvKdtreePoint *point)
{
	BlockNumber blkno = GV_KDTREE_ROOT_BLKNO;
	uint32		split = 0;
	int			level = -1;		/* of the page; -1 of the root */
	int			lock = BUFFER_LOCK_SHARE;

	for (;;)
	{
		Buffer		buf;
		Page		page;
		GvKdtreeHead head;
		Outcome		outcome = INSERTED;
		int			child;
		bool		is_inside;

		CHECK_FOR_INTERRUPTS();
		GV_TEST_POINT("kdtree-insert-page");
		buf = gv_kdtree_read_page(ix, blkno, lock);
		page = BufferGetPage(buf);
		head = gv_kdtree_page_head(page);
		if (level >= 0 && head->level != level)
			gv_kdtree_report_corruption(ix->rel, blkno, "A page is not of its level.");
		if (blkno != GV_KDTREE_ROOT_BLKNO && head->split > split)
		{
			UnlockReleaseBuffer(buf);
			return PAGE_WAS_SPLIT;
		}

		if (head->level == 0)
		{
			if (lock == BUFFER_LOCK_SHARE)
			{
				/* the root, and it may not be a leaf when it is locked again */
				UnlockReleaseBuffer(buf);
				lock = BUFFER_LOCK_EXCLUSIVE;
				continue;
			}
			if (gv_kdtree_page_is(page, GV_KDTREE_PAGE_FREE))
				outcome = PAGE_WAS_FREED;
			else if (head->n >= ix->leaf_capacity)
				outcome = LEAF_IS_FULL;
			else
				add_to_leaf(ix, buf, point);
			UnlockReleaseBuffer(buf);
			return outcome;
		}

		child = gv_kdtree_choose_child(ix, page, point, &is_inside);
		if (!is_inside)
		{
			if (lock == BUFFER_LOCK_SHARE)
			{
				/* the page may change between the locks, so look again */
				UnlockReleaseBuffer(buf);
				lock = BUFFER_LOCK_EXCLUSIVE;
				continue;
			}
			enlarge_child(ix, buf, child, point);
			page = BufferGetPage(buf);
			head = gv_kdtree_page_head(page);
		}
		blkno = gv_kdtree_inner_children(ix, page)[child];
		split = head->stamp;
		level = head->level - 1;
		lock = level == 0 ? BUFFER_LOCK_EXCLUSIVE : BUFFER_LOCK_SHARE;
		UnlockReleaseBuffer(buf);
	}
}

/*
 * gv_kdtree_insert_point
 *		Add a point to the tree.
 */
void
gv_kdtree_insert_point(GvKdtreeIndex *ix, const GvKdtreePoint *point)
{
	Outcome		outcome;
	int			n_free = 0;

	while ((outcome = try_insert(ix, point)) != INSERTED)
	{
		GV_TEST_POINT("kdtree-insert-again");
		if (outcome == LEAF_IS_FULL)
			gv_kdtree_make_room(ix, point);
		/* it has left the tree meanwhile, unless the tree is damaged */
		else if (outcome == PAGE_WAS_FREED && ++n_free > MAX_FREE_PAGES)
			gv_kdtree_report_corruption(ix->rel, GV_KDTREE_ROOT_BLKNO,
										"The tree leads to a free page.");
	}
}

/*
 * gv_kdtree_insert
 *		aminsert
 */
bool
gv_kdtree_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid,
				 Relation heap, IndexUniqueCheck unique_check, bool index_unchanged,
				 IndexInfo *index_info)
{
	GvKdtreeIndex ix;
	GvKdtreePoint point;

	if (isnull[0])
		return false;
	gv_kdtree_open(&ix, index);
	gv_kdtree_set_row(&ix, values, isnull, tid, &point);
	gv_kdtree_insert_point(&ix, &point);
	return false;
}
