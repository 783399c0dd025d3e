/*-------------------------------------------------------------------------
 *
 * split.c
 *		Splits of full pages.
 *
 * One process splits at a time.  It goes down the way of the new point and
 * splits the topmost full page on it, until the leaf has room: so the parent
 * of a page that is split always has room for another child, and a split is
 * one record of the parent and both halves.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lmgr.h"

#include "am/testpoint.h"
#include "am/xlog.h"
#include "kdtree/descend.h"
#include "kdtree/free.h"

/* An item of a page by its coordinate */
typedef struct PlacedItem
{
	float		key;
	int			item;
} PlacedItem;

static int
compare_items(const void *a, const void *b)
{
	const PlacedItem *x = a;
	const PlacedItem *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->item - y->item;
}

/* How the content of a page is divided: those of an order before a place go left */
typedef struct Division
{
	int			n;
	uint16	   *order;			/* uint16[n] */
	int			n_left;
} Division;

/* Divide a page's content at the median of the dimension where it is widest */
static void
divide_page(const GvKdtreeIndex *ix, Page page, Division *division)
{
	GvKdtreeHead head = gv_kdtree_page_head(page);
	PlacedItem *items = palloc(sizeof(PlacedItem) * head->n);
	float	   *middles = palloc(sizeof(float) * head->n * ix->dim);
	GvKdtreeBox box;
	int			widest;

	gv_kdtree_box_init(&box, ix->dim);
	for (int i = 0; i < head->n; i++)
	{
		float	   *middle = middles + i * ix->dim;

		if (head->level == 0)
		{
			GvKdtreePoint point;

			gv_kdtree_get_point(ix, page, i, &point);
			memcpy(middle, point.place, sizeof(float) * ix->dim);
		}
		else
		{
			GvKdtreeBox child;

			gv_kdtree_get_box(ix, page, i, &child);
			for (int j = 0; j < ix->dim; j++)
				middle[j] = child.low[j] / 2 + child.high[j] / 2;
		}
		gv_kdtree_box_add_point(&box, middle, ix->dim);
	}
	widest = gv_kdtree_box_widest(&box, ix->dim);
	for (int i = 0; i < head->n; i++)
	{
		items[i].key = middles[i * ix->dim + widest];
		items[i].item = i;
	}
	division->n = head->n;
	division->n_left = head->n / 2;
	qsort(items, head->n, sizeof(PlacedItem), compare_items);
	division->order = palloc(sizeof(uint16) * head->n);
	for (int i = 0; i < head->n; i++)
		division->order[i] = items[i].item;
	pfree(items);
	pfree(middles);
}

/* Copy some of a page's content to an empty page of the same level */
static void
copy_part(const GvKdtreeIndex *ix, Page from, const uint16 *items, int n, Page to)
{
	for (int i = 0; i < n; i++)
	{
		if (gv_kdtree_page_head(from)->level == 0)
		{
			GvKdtreePoint point;

			gv_kdtree_get_point(ix, from, items[i], &point);
			gv_kdtree_put_point(ix, to, i, &point);
		}
		else
		{
			GvKdtreeBox box;

			gv_kdtree_get_box(ix, from, items[i], &box);
			gv_kdtree_put_child(ix, to, i, &box,
								gv_kdtree_inner_children(ix, from)[items[i]]);
		}
	}
	gv_kdtree_page_head(to)->n = n;
}

/* Add a child to an inner page that has room */
static void
add_child(const GvKdtreeIndex *ix, Page parent, Page child_page, BlockNumber child)
{
	GvKdtreeBox box;

	gv_kdtree_page_box(ix, child_page, &box);
	gv_kdtree_put_child(ix, parent, gv_kdtree_page_head(parent)->n++, &box, child);
}

/* Split the root: its content goes to two new pages below it */
static void
split_root(GvKdtreeIndex *ix)
{
	Buffer		root_buf = gv_kdtree_read_page(ix, GV_KDTREE_ROOT_BLKNO,
											   BUFFER_LOCK_EXCLUSIVE);
	PGAlignedBlock copy;
	GvKdtreeHead head = gv_kdtree_page_head(copy.data);
	Division	division;
	Buffer		bufs[2];
	Page		pages[2];
	Page		root;
	GvXlog	   *xlog;

	memcpy(copy.data, BufferGetPage(root_buf), BLCKSZ);
	if (head->n < (head->level == 0 ? ix->leaf_capacity : ix->inner_capacity))
	{
		/* VACUUM made room */
		UnlockReleaseBuffer(root_buf);
		return;
	}
	if (head->level >= GV_KDTREE_MAX_LEVEL)
		gv_kdtree_report_corruption(ix->rel, GV_KDTREE_ROOT_BLKNO, "The tree is too high.");
	divide_page(ix, copy.data, &division);
	for (int i = 0; i < 2; i++)
		bufs[i] = gv_kdtree_new_buffer(ix);

	xlog = gv_xlog_begin(ix->rel);
	root = gv_xlog_page(xlog, root_buf);
	for (int i = 0; i < 2; i++)
	{
		pages[i] = gv_xlog_new_page(xlog, bufs[i]);
		gv_kdtree_init_page(pages[i], head->level);
		gv_kdtree_page_head(pages[i])->stamp = head->stamp;
	}
	copy_part(ix, copy.data, division.order, division.n_left, pages[0]);
	copy_part(ix, copy.data, division.order + division.n_left, division.n - division.n_left,
			  pages[1]);
	gv_kdtree_init_page(root, head->level + 1);
	gv_kdtree_page_head(root)->stamp = head->stamp;
	for (int i = 0; i < 2; i++)
		add_child(ix, root, pages[i], BufferGetBlockNumber(bufs[i]));
	gv_xlog_finish(xlog);

	for (int i = 0; i < 2; i++)
		UnlockReleaseBuffer(bufs[i]);
	UnlockReleaseBuffer(root_buf);
	pfree(division.order);
}

/* Split a page that is not the root */
static void
split_page(GvKdtreeIndex *ix, BlockNumber parent_blkno, BlockNumber blkno)
{
	Buffer		parent_buf = gv_kdtree_read_page(ix, parent_blkno, BUFFER_LOCK_EXCLUSIVE);
	Buffer		left_buf = gv_kdtree_read_page(ix, blkno, BUFFER_LOCK_EXCLUSIVE);
	GvKdtreeHead parent_head = gv_kdtree_page_head(BufferGetPage(parent_buf));
	uint32	   *children = gv_kdtree_inner_children(ix, BufferGetPage(parent_buf));
	PGAlignedBlock copy;
	GvKdtreeHead head = gv_kdtree_page_head(copy.data);
	Division	division;
	GvKdtreeBox box;
	Buffer		right_buf;
	Page		parent;
	Page		left;
	Page		right;
	GvXlog	   *xlog;
	int			place = 0;

	memcpy(copy.data, BufferGetPage(left_buf), BLCKSZ);
	if (head->n < (head->level == 0 ? ix->leaf_capacity : ix->inner_capacity))
	{
		UnlockReleaseBuffer(left_buf);
		UnlockReleaseBuffer(parent_buf);
		return;
	}
	while (place < parent_head->n && children[place] != blkno)
		place++;
	if (place == parent_head->n || parent_head->level != head->level + 1 ||
		parent_head->n >= ix->inner_capacity)
		gv_kdtree_report_corruption(ix->rel, parent_blkno,
									"A page has no place for the halves of its child.");
	divide_page(ix, copy.data, &division);
	right_buf = gv_kdtree_new_buffer(ix);

	xlog = gv_xlog_begin(ix->rel);
	parent = gv_xlog_page(xlog, parent_buf);
	left = gv_xlog_page(xlog, left_buf);
	right = gv_xlog_new_page(xlog, right_buf);
	gv_kdtree_init_page(right, head->level);
	copy_part(ix, copy.data, division.order + division.n_left, division.n - division.n_left,
			  right);
	copy_part(ix, copy.data, division.order, division.n_left, left);
	gv_kdtree_page_head(right)->right = head->right;
	gv_kdtree_page_head(right)->split = head->split;
	gv_kdtree_page_head(right)->stamp = head->stamp;
	gv_kdtree_page_head(left)->right = BufferGetBlockNumber(right_buf);
	gv_kdtree_page_head(left)->split = ++gv_kdtree_page_head(parent)->stamp;
	gv_kdtree_page_box(ix, left, &box);
	gv_kdtree_put_child(ix, parent, place, &box, blkno);
	add_child(ix, parent, right, BufferGetBlockNumber(right_buf));
	gv_xlog_finish(xlog);

	UnlockReleaseBuffer(right_buf);
	UnlockReleaseBuffer(left_buf);
	UnlockReleaseBuffer(parent_buf);
	pfree(division.order);
}

/*
 * Split the topmost full page on a point's way.  Returns false if the leaf at
 * its end has room.
 *
 * Nobody else splits meanwhile, so the pages stay where they are.
 */
static bool
split_topmost(GvKdtreeIndex *ix, const GvKdtreePoint *point)
{
	BlockNumber parent = InvalidBlockNumber;
	BlockNumber blkno = GV_KDTREE_ROOT_BLKNO;
	BlockNumber full = InvalidBlockNumber;
	BlockNumber full_parent = InvalidBlockNumber;
	int			level = -1;

	while (level != 0)
	{
		Buffer		buf;
		Page		page;
		GvKdtreeHead head;
		bool		is_inside;
		bool		is_full;

		CHECK_FOR_INTERRUPTS();
		buf = gv_kdtree_read_page(ix, blkno, BUFFER_LOCK_SHARE);
		page = BufferGetPage(buf);
		head = gv_kdtree_page_head(page);
		if (level >= 0 && head->level != level - 1)
			gv_kdtree_report_corruption(ix->rel, blkno, "A page is not of its level.");
		level = head->level;
		/* none is freed while splits are locked */
		if (gv_kdtree_page_is(page, GV_KDTREE_PAGE_FREE))
			gv_kdtree_report_corruption(ix->rel, blkno, "A free page has a parent.");
		is_full = head->n >= (level == 0 ? ix->leaf_capacity : ix->inner_capacity);
		if (is_full && !BlockNumberIsValid(full))
		{
			full = blkno;
			full_parent = parent;
		}
		if (level == 0)
		{
			UnlockReleaseBuffer(buf);
			if (!is_full)
				return false;
			break;
		}
		parent = blkno;
		blkno = gv_kdtree_inner_children(ix, page)[gv_kdtree_choose_child(ix, page, point,
																		  &is_inside)];
		UnlockReleaseBuffer(buf);
	}
	GV_TEST_POINT("kdtree-split");
	if (full == GV_KDTREE_ROOT_BLKNO)
		split_root(ix);
	else
		split_page(ix, full_parent, full);
	return true;
}

/*
 * gv_kdtree_make_room
 *		See to it that the leaf at the end of a point's way has room.
 */
void
gv_kdtree_make_room(GvKdtreeIndex *ix, const GvKdtreePoint *point)
{
	LockPage(ix->rel, GV_KDTREE_META_BLKNO, ExclusiveLock);
	gv_kdtree_begin_reuse(ix);
	while (split_topmost(ix, point))
		CHECK_FOR_INTERRUPTS();
	gv_kdtree_end_reuse(ix);
	UnlockPage(ix->rel, GV_KDTREE_META_BLKNO, ExclusiveLock);
}
