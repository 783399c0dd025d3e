/*-------------------------------------------------------------------------
 *
 * scan.c
 *		Scans in the exact order of distance.
 *
 * Best first: of all pages and points known, the nearest is next.  A point
 * that is next is returned, a page that is next is read.  Most points of a
 * leaf never come up, so only those enter the queue that are among the nearest
 * wanted so far; the leaf itself waits for the rest, with the key of the
 * nearest of them.  When it comes up again, what was not in the queue is told
 * by its key, whatever became of the page meanwhile.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/relscan.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"

#include "am/fetch.h"
#include "am/limit.h"
#include "am/testpoint.h"
#include "base/compat.h"
#include "kdtree/box.h"
#include "kdtree/kdtree.h"
#include "kdtree/query.h"
#include "kdtree/range.h"
#include "type/halfvec.h"
#include "type/vector.h"

/* Points wanted at first if no LIMIT is known, and at most */
#define FIRST_WANTED 64
#define MAX_WANTED 8192

/* Rows that the processor is asked for before they are fetched */
#define ROWS_ASKED_FOR 16

/* Bounds that are compared at once */
#define BOUNDS_AT_ONCE 16

/* Bytes of the page that may be next that the processor is asked for */
#define BYTES_ASKED_FOR 1024

/* The level of the root, which grows */
#define ANY_LEVEL (-1)

/* A point in the queue */
typedef struct QueuedPoint
{
	double		key;
	ItemPointerData tid;
} QueuedPoint;

/* The children of an inner page that did not come up yet */
typedef struct Frontier
{
	uint32		stamp;			/* of the page */
	int			level;			/* of the children */
	double		after;
	int			n;
	int			nearest;		/* number of the nearest */
	float	   *bounds;			/* float[n] */
	uint32	   *children;		/* uint32[n] */
} Frontier;

/* A page in the queue, or the pages of a frontier */
typedef struct QueuedPage
{
	double		lower;			/* no key is less */
	double		after;			/* points up to this key were in the queue */
	BlockNumber blkno;
	uint32		split;			/* splits after this one are not known of */
	int			level;
	uint32		hops;			/* by links to the right */
	Frontier   *frontier;
} QueuedPage;

typedef struct GvKdtreeScan
{
	GvKdtreeIndex ix;
	MemoryContext context;		/* reset by a rescan */
	bool		started;
	bool		recheck;		/* the executor looks at the conditions again */
	int64		limit;			/* rows that the query wants, 0 if not known */
	GvKdtreeQuery query;

	/* heaps, the least first */
	QueuedPoint *points;
	int			n_points;
	int			max_points;
	QueuedPage *pages;
	int			n_pages;
	int			max_pages;

	GvKdtreeFound found;		/* on the leaf read last */
	GvAmHints  *row_hints;		/* of the table, or NULL */
	BlockNumber n_heap_blocks;	/* of the table, at least */
	bool		asked;			/* for the rows that leave next, all they need? */
} GvKdtreeScan;

/* --- heaps ---------------------------------------------------------------- */

static void
push_point(GvKdtreeScan *so, double key, ItemPointer tid)
{
	int			i = so->n_points++;

	if (i == so->max_points)
	{
		so->max_points *= 2;
		so->points = repalloc_huge(so->points, sizeof(QueuedPoint) * so->max_points);
	}
	while (i > 0 && so->points[(i - 1) / 2].key > key)
	{
		so->points[i] = so->points[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	so->points[i].key = key;
	so->points[i].tid = *tid;
}

static void
pop_point(GvKdtreeScan *so, QueuedPoint *result)
{
	QueuedPoint last = so->points[--so->n_points];
	int			i = 0;

	*result = so->points[0];
	for (;;)
	{
		int			child = 2 * i + 1;

		if (child >= so->n_points)
			break;
		if (child + 1 < so->n_points && so->points[child + 1].key < so->points[child].key)
			child++;
		if (so->points[child].key >= last.key)
			break;
		so->points[i] = so->points[child];
		i = child;
	}
	so->points[i] = last;
}

static void
push_page(GvKdtreeScan *so, const QueuedPage *page)
{
	int			i = so->n_pages++;

	if (i == so->max_pages)
	{
		so->max_pages *= 2;
		so->pages = repalloc_huge(so->pages, sizeof(QueuedPage) * so->max_pages);
	}
	while (i > 0 && so->pages[(i - 1) / 2].lower > page->lower)
	{
		so->pages[i] = so->pages[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	so->pages[i] = *page;
}

static void
pop_page(GvKdtreeScan *so, QueuedPage *result)
{
	QueuedPage	last = so->pages[--so->n_pages];
	int			i = 0;

	*result = so->pages[0];
	for (;;)
	{
		int			child = 2 * i + 1;

		if (child >= so->n_pages)
			break;
		if (child + 1 < so->n_pages && so->pages[child + 1].lower < so->pages[child].lower)
			child++;
		if (so->pages[child].lower >= last.lower)
			break;
		so->pages[i] = so->pages[child];
		i = child;
	}
	so->pages[i] = last;
}

/* All that were wanted have left: want more, beside what is in the queue */
static void
want_more(GvKdtreeScan *so)
{
	gv_kdtree_query_want(&so->query, Min(so->query.n_wanted * 2, MAX_WANTED));
	for (int i = 0; i < so->n_points; i++)
		gv_kdtree_query_add_best(&so->query, so->points[i].key);
}

/* --- pages ---------------------------------------------------------------- */

/*
 * The number of the least bound.  Bounds are not negative, so they order as
 * their bits do, which the compiler compares many at a time.
 */
static int
find_least(const float *bounds, int n)
{
	const int32 *bits = (const int32 *) bounds;
	int32		leasts[BOUNDS_AT_ONCE];
	int32		least = PG_INT32_MAX;
	int			i;

	for (int j = 0; j < BOUNDS_AT_ONCE; j++)
		leasts[j] = PG_INT32_MAX;
	for (i = 0; i + BOUNDS_AT_ONCE <= n; i += BOUNDS_AT_ONCE)
	{
		for (int j = 0; j < BOUNDS_AT_ONCE; j++)
			leasts[j] = bits[i + j] < leasts[j] ? bits[i + j] : leasts[j];
	}
	for (; i < n; i++)
		least = Min(least, bits[i]);
	for (int j = 0; j < BOUNDS_AT_ONCE; j++)
		least = Min(least, leasts[j]);
	for (i = 0; i + BOUNDS_AT_ONCE < n; i += BOUNDS_AT_ONCE)
	{
		int32		any = 0;

		for (int j = 0; j < BOUNDS_AT_ONCE; j++)
			any |= bits[i + j] == least;
		if (any)
			break;
	}
	while (i < n - 1 && bits[i] != least)
		i++;
	return i;
}

/* Find the nearest of a frontier's children, and queue the frontier by it */
static void
push_frontier(GvKdtreeScan *so, Frontier *frontier)
{
	QueuedPage	entry = {.frontier = frontier};

	frontier->nearest = find_least(frontier->bounds, frontier->n);
	entry.lower = gv_kdtree_query_lower(&so->query, frontier->bounds[frontier->nearest]);
	push_page(so, &entry);
}

/* Take the nearest child out of a frontier */
static void
take_child(GvKdtreeScan *so, Frontier *frontier, QueuedPage *entry)
{
	int			i = frontier->nearest;

	entry->blkno = frontier->children[i];
	entry->split = frontier->stamp;
	entry->level = frontier->level;
	entry->after = frontier->after;
	entry->hops = 0;
	entry->frontier = NULL;
	frontier->n--;
	frontier->bounds[i] = frontier->bounds[frontier->n];
	frontier->children[i] = frontier->children[frontier->n];
	if (frontier->n > 0)
		push_frontier(so, frontier);
	else
		pfree(frontier);
}

/* Drop the children that lie outside the box that is wanted */
static void
keep_children_in_box(GvKdtreeScan *so, Page page, Frontier *frontier)
{
	int			n_all = frontier->n;

	frontier->n = 0;
	for (int i = 0; i < n_all; i++)
	{
		if (!gv_kdtree_query_meets_box(&so->query, &so->ix, page, i))
			continue;
		frontier->bounds[frontier->n] = frontier->bounds[i];
		frontier->children[frontier->n++] = frontier->children[i];
	}
}

/* Queue the children of an inner page */
static void
read_inner(GvKdtreeScan *so, Page page, const QueuedPage *entry)
{
	GvKdtreeHead head = gv_kdtree_page_head(page);
	int			n = head->n;
	Frontier   *frontier = MemoryContextAlloc(so->context,
											  MAXALIGN(sizeof(Frontier)) +
											  (sizeof(float) + sizeof(uint32)) * n);

	frontier->stamp = head->stamp;
	frontier->level = head->level - 1;
	frontier->after = entry->after;
	frontier->n = n;
	frontier->bounds = (float *) ((char *) frontier + MAXALIGN(sizeof(Frontier)));
	frontier->children = (uint32 *) (frontier->bounds + n);
	gv_kdtree_query_boxes(&so->query, &so->ix, page, frontier->bounds);
	memcpy(frontier->children, gv_kdtree_inner_children(&so->ix, page), sizeof(uint32) * n);
	if (so->query.has_box)
		keep_children_in_box(so, page, frontier);
	if (frontier->n > 0)
		push_frontier(so, frontier);
	else
		pfree(frontier);
}

/*
 * Ask the processor for the rows that leave next, in two steps: when their leaf
 * is read, and when the first leaves.  Other pages may be read between these.
 */
static void
ask_for_rows(GvKdtreeScan *so, int step)
{
	/* the head of a binary heap is about what leaves it first */
	for (int i = 0; so->row_hints && i < Min(so->n_points, ROWS_ASKED_FOR); i++)
		gv_am_prefetch_row(so->row_hints, &so->points[i].tid, step);
	so->asked = step > 0;
}

/* Queue the points of a leaf that are wanted, and the leaf for the others */
static void
read_leaf(GvKdtreeScan *so, Page page, const QueuedPage *entry)
{
	ItemPointer tids = gv_kdtree_leaf_tids(&so->ix, page);
	int			n;

	so->found.after = entry->after;
	n = gv_kdtree_query_leaf(&so->query, &so->ix, page, &so->found);
	for (int i = 0; i < n; i++)
		push_point(so, so->found.keys[i], &tids[so->found.items[i]]);
	if (n > 0)
		ask_for_rows(so, 0);
	if (so->found.has_rest && so->found.rest <= so->query.bound)
	{
		QueuedPage	again = {.lower = so->found.rest,.after = so->found.limit};

		again.blkno = entry->blkno;
		again.split = gv_kdtree_page_head(page)->split;
		again.level = entry->level;
		push_page(so, &again);
	}
}

/* Read the nearest page */
static void
read_next_page(GvKdtreeScan *so)
{
	QueuedPage	entry;
	Buffer		buf;
	Page		page;
	GvKdtreeHead head;

	CHECK_FOR_INTERRUPTS();
	pop_page(so, &entry);
	if (entry.frontier != NULL)
		take_child(so, entry.frontier, &entry);
	GV_TEST_POINT("kdtree-scan-page");
	if (so->n_pages > 0)
	{
		QueuedPage *next = &so->pages[0];

		gv_am_prefetch(so->ix.hints, next->frontier ?
					   next->frontier->children[next->frontier->nearest] : next->blkno,
					   0, BYTES_ASKED_FOR);
	}

	buf = gv_kdtree_read_page(&so->ix, entry.blkno, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buf);
	head = gv_kdtree_page_head(page);
	if (entry.level != ANY_LEVEL && head->level != entry.level)
		gv_kdtree_report_corruption(so->ix.rel, entry.blkno, "A page is not of its level.");

	/* part of what the parent promised, or of what waited, is elsewhere now */
	if (entry.blkno != GV_KDTREE_ROOT_BLKNO && head->split > entry.split)
	{
		QueuedPage	right = entry;

		right.blkno = head->right;
		right.hops++;
		if (!BlockNumberIsValid(head->right) ||
			right.hops > RelationGetNumberOfBlocks(so->ix.rel))
			gv_kdtree_report_corruption(so->ix.rel, entry.blkno,
										"A page's link to the right leads nowhere.");
		push_page(so, &right);
	}

	if (head->level == 0)
		read_leaf(so, page, &entry);
	else
		read_inner(so, page, &entry);
	UnlockReleaseBuffer(buf);
}

/* --- the access method's functions ---------------------------------------- */

/*
 * gv_kdtree_begin_scan
 *		ambeginscan
 */
IndexScanDesc
gv_kdtree_begin_scan(Relation index, int n_keys, int n_order_bys)
{
	IndexScanDesc scan = RelationGetIndexScan(index, n_keys, n_order_bys);
	GvKdtreeScan *so = palloc0(sizeof(GvKdtreeScan));

	so->context = AllocSetContextCreate(CurrentMemoryContext, "kdtree scan",
										ALLOCSET_DEFAULT_SIZES);
	scan->opaque = so;
	return scan;
}

/*
 * gv_kdtree_rescan
 *		amrescan
 */
void
gv_kdtree_rescan(IndexScanDesc scan, ScanKey keys, int n_keys, ScanKey order_bys,
				 int n_order_bys)
{
	GvKdtreeScan *so = (GvKdtreeScan *) scan->opaque;

	if (n_keys > 0 && keys != NULL)
		memmove(scan->keyData, keys, n_keys * sizeof(ScanKeyData));
	if (n_order_bys > 0 && order_bys != NULL)
		memmove(scan->orderByData, order_bys, n_order_bys * sizeof(ScanKeyData));
	so->limit = gv_am_limit_of(order_bys);
	so->started = false;
	MemoryContextReset(so->context);
}

/* The value of the column's type that has some elements */
static Datum
make_value(const GvKdtreeIndex *ix, const float *x)
{
	Datum		value = gv_am_zero_value(ix->opclass, ix->dim);

	if (ix->opclass->element == GV_AM_ELEMENT_HALF)
		gv_kernels->f32_to_f16(x, ((GvHalfvec *) DatumGetPointer(value))->x, ix->dim);
	else
		memcpy(((GvVector *) DatumGetPointer(value))->x, x, sizeof(float) * ix->dim);
	return value;
}

/* What the conditions on the vector say of it */
typedef struct Region
{
	double		radius;			/* of a ball around the query; infinity: all rows are in it */
	bool		has_ball;
	bool		has_box;
	GvKdtreeBox box;
} Region;

/*
 * Take a ball that bounds the scan: of those around the query, or around the
 * center of the first if there is none, the least.  The others are left to the
 * executor, which looks at all balls again.
 *
 * value: the query, or 0 and then set
 */
static void
add_ball(IndexScanDesc scan, GvKdtreeScan *so, ScanKey key, Datum *value, Region *region)
{
	float		center[GV_KDTREE_MAX_DIM];
	float8		radius;
	int			dim = gv_kdtree_read_ball(key->sk_argument, &radius, center);
	Datum		around;

	gv_am_check_query_dim(so->ix.opclass, dim, so->ix.dim);
	region->has_ball = true;
	around = make_value(&so->ix, center);
	if (*value == (Datum) 0 && scan->numberOfOrderBys == 0)
		*value = around;
	if (*value == (Datum) 0 || !gv_am_values_equal(around, *value))
		return;
	/* NaN is greater than all distances */
	if (!isnan(radius))
		region->radius = Min(region->radius, radius);
}

/* Take a box that bounds the scan, within those before */
static void
add_box(GvKdtreeScan *so, ScanKey key, Region *region)
{
	GvKdtreeBox box;
	int			dim = gv_kdtree_read_box(so->ix.opclass, key->sk_argument, &box);

	if (dim == 0)
	{
		region->radius = -1;
		return;
	}
	if (dim != so->ix.dim)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected %d dimensions, not %d", so->ix.dim, dim)));
	for (int j = 0; region->has_box && j < dim; j++)
	{
		box.low[j] = Max(box.low[j], region->box.low[j]);
		box.high[j] = Min(box.high[j], region->box.high[j]);
	}
	region->box = box;
	region->has_box = true;
}

/* Find out what the conditions on the vector say */
static void
choose_region(IndexScanDesc scan, GvKdtreeScan *so, Datum *value, Region *region)
{
	region->radius = INFINITY;
	region->has_ball = region->has_box = false;
	for (int i = 0; i < scan->numberOfKeys; i++)
	{
		ScanKey		key = &scan->keyData[i];

		/* filters, among them that the vector is null or not */
		if (key->sk_attno > 1 || (key->sk_flags & (SK_SEARCHNULL | SK_SEARCHNOTNULL)) != 0)
			continue;
		/* no row is within a distance, or a box, that is not known */
		if (key->sk_flags & SK_ISNULL)
			region->radius = -1;
		else if (key->sk_strategy == GV_AM_OPCLASS_IN_BOX)
			add_box(so, key, region);
		else
			add_ball(scan, so, key, value, region);
	}
}

/* Prepare the query and queue the root */
static void
start_scan(IndexScanDesc scan, GvKdtreeScan *so)
{
	QueuedPage	root = {.after = GV_KDTREE_BEFORE_ALL,.blkno = GV_KDTREE_ROOT_BLKNO};
	MemoryContext old_context;
	bool		is_null;
	Datum		value = (Datum) 0;
	Region		region;
	GvAmFilter *filter;

	if (!IsMVCCSnapshot(scan->xs_snapshot))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot scan kdtree index \"%s\" with a snapshot that is not MVCC",
						RelationGetRelationName(scan->indexRelation))));
	pgstat_count_index_scan(scan->indexRelation);
	gv_base_count_search(scan);

	old_context = MemoryContextSwitchTo(so->context);
	gv_kdtree_open(&so->ix, scan->indexRelation);
	is_null = scan->numberOfOrderBys > 0 && (scan->orderByData->sk_flags & SK_ISNULL) != 0;
	if (scan->numberOfOrderBys > 0 && !is_null)
	{
		value = PointerGetDatum(PG_DETOAST_DATUM(scan->orderByData->sk_argument));
		gv_am_check_query_dim(so->ix.opclass, gv_am_value_dim(so->ix.opclass, value), so->ix.dim);
	}
	choose_region(scan, so, &value, &region);
	filter = gv_am_filter_compile(&so->ix.filters, scan->keyData, scan->numberOfKeys);
	so->recheck = region.has_ball || (filter != NULL && filter->recheck);
	gv_kdtree_query_init(&so->query, &so->ix, value, value == (Datum) 0);

	if (region.radius < INFINITY)
		gv_kdtree_query_set_radius(&so->query, region.radius);
	if (region.has_box)
		gv_kdtree_query_set_box(&so->query, &region.box);
	gv_kdtree_query_set_filter(&so->query, filter);
	gv_kdtree_query_want(&so->query, so->limit > 0 ? Min(so->limit, MAX_WANTED) : FIRST_WANTED);
	so->max_points = 64;
	so->points = palloc(sizeof(QueuedPoint) * so->max_points);
	so->n_points = 0;
	so->max_pages = 64;
	so->pages = palloc(sizeof(QueuedPage) * so->max_pages);
	so->n_pages = 0;
	so->found.keys = palloc(sizeof(double) * so->ix.leaf_capacity);
	so->found.items = palloc(sizeof(uint16) * so->ix.leaf_capacity);
	so->row_hints = scan->heapRelation ? gv_am_hints(scan->heapRelation) : NULL;
	so->n_heap_blocks = so->row_hints ?
		gv_am_known_blocks(so->row_hints, scan->heapRelation) : 0;
	so->asked = true;
	root.level = ANY_LEVEL;
	push_page(so, &root);
	so->started = true;
	MemoryContextSwitchTo(old_context);
}

/* Take the next point out of the queue; false if there is none */
static bool
next_point(IndexScanDesc scan, GvKdtreeScan *so, QueuedPoint *point)
{
	while (so->n_points == 0 || (so->n_pages > 0 && so->pages[0].lower < so->points[0].key))
	{
		if (so->n_pages == 0 || so->pages[0].lower > so->query.bound)
			return false;
		if (so->pages[0].lower > gv_kdtree_query_limit(&so->query))
			want_more(so);
		read_next_page(so);
	}
	if (!so->asked)
		ask_for_rows(so, 1);
	pop_point(so, point);
	return !gv_kdtree_query_is_beyond(&so->query, point->key);
}

/*
 * gv_kdtree_get_tuple
 *		amgettuple: return the next row in the order of distance.
 */
bool
gv_kdtree_get_tuple(IndexScanDesc scan, ScanDirection direction)
{
	GvKdtreeScan *so = (GvKdtreeScan *) scan->opaque;
	QueuedPoint point;

	Assert(ScanDirectionIsForward(direction));
	if (!so->started)
		start_scan(scan, so);
	if (!next_point(scan, so, &point))
		return false;
	scan->xs_heaptid = point.tid;
	gv_am_check_tid(&so->n_heap_blocks, scan, &scan->xs_heaptid);
	if (so->row_hints && scan->xs_heapfetch)
		gv_am_pin_row(scan->xs_heapfetch, so->row_hints, &scan->xs_heaptid);
	scan->xs_recheck = so->recheck;
	scan->xs_recheckorderby = false;
	return true;
}

/*
 * gv_kdtree_get_bitmap
 *		amgetbitmap: collect all rows.
 */
int64
gv_kdtree_get_bitmap(IndexScanDesc scan, TIDBitmap *bitmap)
{
	GvKdtreeScan *so = (GvKdtreeScan *) scan->opaque;
	QueuedPoint point;
	int64		n = 0;

	if (!so->started)
		start_scan(scan, so);
	/* all are wanted at once */
	gv_kdtree_query_want(&so->query, MAX_WANTED);
	so->row_hints = NULL;
	while (next_point(scan, so, &point))
	{
		tbm_add_tuples(bitmap, &point.tid, 1, so->recheck);
		n++;
	}
	return n;
}

/*
 * gv_kdtree_end_scan
 *		amendscan
 */
void
gv_kdtree_end_scan(IndexScanDesc scan)
{
	GvKdtreeScan *so = (GvKdtreeScan *) scan->opaque;

	MemoryContextDelete(so->context);
	pfree(so);
}
