/*-------------------------------------------------------------------------
 *
 * check.c
 *		Verifying an index: the tree.
 *
 * A check runs beside readers and writers.  The inner pages are walked while
 * no page can be split or freed, which takes a moment; that tells each page's parent.
 * Then page by page is compared with its box, both pages locked, so what is
 * wrong is wrong.  Should a parent be split meanwhile, all begins anew.
 *
 * Not a problem, because an operation that was cut short may leave it: boxes
 * larger than what is in them, pages of zeros.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "am/testpoint.h"
#include "kdtree/check.h"
#include "kdtree/free.h"
#include "kdtree/kdtree.h"

/* Looks at the tree until one is not disturbed by splits */
#define MAX_LOOKS 5

/* By cosine a box may be off by the rounding of another compiler */
#define COSINE_TOLERANCE 1e-6f

/*
 * gv_kdtree_check_report
 *		Report a problem.
 *
 * item, row_tid: -1 and NULL if there is none
 */
void
gv_kdtree_check_report(GvKdtreeCheck *check, BlockNumber block, int item,
					   ItemPointer row_tid, const char *format,...)
{
	GvAmProblem problem = {.block = block,.item = item};
	char		text[256];
	va_list		args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (row_tid)
		problem.row_tid = *row_tid;
	else
		ItemPointerSetInvalid(&problem.row_tid);
	problem.problem = text;
	check->n_problems++;
	check->report(check->report_arg, &problem);
}

/*
 * gv_kdtree_check_lock_page
 *		Read and lock a page of the tree in share mode.
 *
 * Returns InvalidBuffer, after reporting it, if the page cannot be read so.
 */
Buffer
gv_kdtree_check_lock_page(GvKdtreeCheck *check, BlockNumber blkno, bool report)
{
	Buffer		buf;
	const char *fault;

	CHECK_FOR_INTERRUPTS();
	buf = ReadBufferExtended(check->ix.rel, MAIN_FORKNUM, blkno, RBM_NORMAL, check->strategy);
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	fault = PageIsNew(BufferGetPage(buf)) ? "It is a page of zeros." :
		gv_kdtree_page_fault(&check->ix, BufferGetPage(buf));
	if (fault == NULL)
		return buf;
	UnlockReleaseBuffer(buf);
	if (report)
		gv_kdtree_check_report(check, blkno, -1, NULL, "page cannot be read: %s", fault);
	return InvalidBuffer;
}

/* Note the children of an inner page, and go on below */
static void
walk_page(GvKdtreeCheck *check, BlockNumber blkno, int level)
{
	Buffer		buf = gv_kdtree_check_lock_page(check, blkno, true);
	PGAlignedBlock copy;
	GvKdtreeHead head = gv_kdtree_page_head(copy.data);

	if (!BufferIsValid(buf))
		return;
	check_stack_depth();
	memcpy(copy.data, BufferGetPage(buf), BLCKSZ);
	UnlockReleaseBuffer(buf);
	if (level >= 0 && head->level != level)
	{
		gv_kdtree_check_report(check, blkno, -1, NULL, "page has level %u, its parent says %d",
							   head->level, level);
		return;
	}
	if (head->level == 0)
		return;
	for (int i = 0; i < head->n; i++)
	{
		BlockNumber child = gv_kdtree_inner_children(&check->ix, copy.data)[i];

		if (child <= GV_KDTREE_ROOT_BLKNO || child >= check->n_blocks)
		{
			gv_kdtree_check_report(check, blkno, i, NULL,
								   "child is at block %u, which cannot be", child);
			continue;
		}
		if (check->parents[child] != 0)
		{
			gv_kdtree_check_report(check, blkno, i, NULL,
								   "child at block %u has another parent at block %u", child,
								   check->parents[child]);
			continue;
		}
		check->parents[child] = blkno;
		if (head->level > 1)
			walk_page(check, child, head->level - 1);
	}
}

/* Is a box where its parent's entry says? */
static bool
box_fits(const GvKdtreeCheck *check, const GvKdtreeBox *outer, const GvKdtreeBox *inner)
{
	GvKdtreeBox wider = *outer;

	if (check->ix.opclass->metric == GV_AM_METRIC_COSINE)
	{
		for (int j = 0; j < check->ix.dim; j++)
		{
			wider.low[j] -= COSINE_TOLERANCE;
			wider.high[j] += COSINE_TOLERANCE;
		}
	}
	return gv_kdtree_box_has_box(&wider, inner, check->ix.dim);
}

/*
 * Compare a page with what its parent says of it.  Returns false if the parent
 * has it no longer.
 */
static bool
compare_page(GvKdtreeCheck *check, BlockNumber blkno)
{
	Buffer		parent_buf = gv_kdtree_check_lock_page(check, check->parents[blkno], false);
	Page		parent;
	Buffer		buf;
	GvKdtreeHead head;
	GvKdtreeBox outer;
	GvKdtreeBox inner;
	int			place = 0;

	if (!BufferIsValid(parent_buf))
		return true;			/* was reported */
	parent = BufferGetPage(parent_buf);
	while (place < gv_kdtree_page_head(parent)->n &&
		   gv_kdtree_inner_children(&check->ix, parent)[place] != blkno)
		place++;
	if (gv_kdtree_page_head(parent)->level == 0 || place == gv_kdtree_page_head(parent)->n)
	{
		UnlockReleaseBuffer(parent_buf);
		return false;
	}
	buf = gv_kdtree_check_lock_page(check, blkno, false);
	if (!BufferIsValid(buf))
	{
		UnlockReleaseBuffer(parent_buf);
		/* inner pages were reported by the walk */
		if (gv_kdtree_page_head(parent)->level == 1)
		{
			buf = gv_kdtree_check_lock_page(check, blkno, true);
			if (BufferIsValid(buf))
				UnlockReleaseBuffer(buf);
		}
		return true;
	}
	head = gv_kdtree_page_head(BufferGetPage(buf));
	gv_kdtree_get_box(&check->ix, parent, place, &outer);
	gv_kdtree_page_box(&check->ix, BufferGetPage(buf), &inner);
	if (head->level + 1 != gv_kdtree_page_head(parent)->level)
		gv_kdtree_check_report(check, blkno, -1, NULL,
							   "page is not of the level below its parent's");
	else if (gv_kdtree_page_is(BufferGetPage(buf), GV_KDTREE_PAGE_FREE))
		gv_kdtree_check_report(check, blkno, -1, NULL, "page is free and has a parent");
	else if (!box_fits(check, &outer, &inner))
		gv_kdtree_check_report(check, check->parents[blkno], place, NULL,
							   "box does not hold all of its child at block %u", blkno);
	if (head->split > gv_kdtree_page_head(parent)->stamp)
		gv_kdtree_check_report(check, blkno, -1, NULL, "page was split after its parent");
	if (head->split > 0 && (!BlockNumberIsValid(head->right) || head->right >=
							RelationGetNumberOfBlocks(check->ix.rel)))
		gv_kdtree_check_report(check, blkno, -1, NULL, "link to the right leads nowhere");
	UnlockReleaseBuffer(buf);
	UnlockReleaseBuffer(parent_buf);
	return true;
}

/* Points that cannot be: tids of no row, elements that are no numbers */
static void
check_points(GvKdtreeCheck *check, BlockNumber blkno)
{
	Buffer		buf = gv_kdtree_check_lock_page(check, blkno, false);
	PGAlignedBlock copy;

	if (!BufferIsValid(buf))
		return;
	memcpy(copy.data, BufferGetPage(buf), BLCKSZ);
	UnlockReleaseBuffer(buf);
	if (gv_kdtree_page_head(copy.data)->level != 0)
		return;
	for (int i = 0; i < gv_kdtree_page_head(copy.data)->n; i++)
	{
		GvKdtreePoint point;

		gv_kdtree_get_point(&check->ix, copy.data, i, &point);
		if (!ItemPointerIsValid(&point.tid))
			gv_kdtree_check_report(check, blkno, i, NULL, "point has no row");
		for (int j = 0; j < check->ix.dim; j++)
		{
			if (!isfinite(point.x[j]))
			{
				gv_kdtree_check_report(check, blkno, i, NULL, "element %d is not finite", j + 1);
				break;
			}
		}
		check->n_points++;
	}
}

/* Look at the whole tree; false if a split disturbed that */
static bool
look_at_tree(GvKdtreeCheck *check)
{
	/* the lock of splits, see split.c */
	LockPage(check->ix.rel, GV_KDTREE_META_BLKNO, ExclusiveLock);
	check->n_blocks = RelationGetNumberOfBlocks(check->ix.rel);
	check->parents = palloc_extended(sizeof(BlockNumber) * check->n_blocks,
									 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	if (check->n_blocks <= GV_KDTREE_ROOT_BLKNO)
		gv_kdtree_check_report(check, GV_KDTREE_ROOT_BLKNO, -1, NULL, "there is no root");
	else
		walk_page(check, GV_KDTREE_ROOT_BLKNO, -1);
	UnlockPage(check->ix.rel, GV_KDTREE_META_BLKNO, ExclusiveLock);
	if (check->n_problems > 0)
		return true;			/* boxes of a broken tree tell nothing more */
	GV_TEST_POINT("kdtree-check-walked");

	for (BlockNumber blkno = GV_KDTREE_ROOT_BLKNO; blkno < check->n_blocks; blkno++)
	{
		CHECK_FOR_INTERRUPTS();
		if (check->parents[blkno] != 0 && !compare_page(check, blkno))
			return false;
		if (blkno > GV_KDTREE_ROOT_BLKNO && check->parents[blkno] == 0)
		{
			Buffer		buf = ReadBufferExtended(check->ix.rel, MAIN_FORKNUM, blkno,
												 RBM_NORMAL, check->strategy);

			GV_TEST_POINT("kdtree-check-block");
			LockBuffer(buf, BUFFER_LOCK_SHARE);
			if (!PageIsNew(BufferGetPage(buf)) &&
				!gv_kdtree_page_is(BufferGetPage(buf), GV_KDTREE_PAGE_FREE))
				gv_kdtree_check_report(check, blkno, -1, NULL, "page has no parent");
			UnlockReleaseBuffer(buf);
		}
	}
	return true;
}

/*
 * gv_kdtree_check
 *		Report what is wrong with an index and, unless heap is NULL, what differs
 *		from its table.
 */
void
gv_kdtree_check(Relation index, Relation heap, GvAmReportProblem report, void *arg)
{
	GvKdtreeCheck check = {.report = report,.report_arg = arg,.heap = heap};
	Snapshot	snapshot = NULL;

	/* what the snapshot sees is in the index before the index is looked at */
	if (heap != NULL)
		snapshot = RegisterSnapshot(GetLatestSnapshot());
	gv_kdtree_open(&check.ix, index);
	gv_kdtree_lock_reuse(index);
	check.strategy = GetAccessStrategy(BAS_BULKREAD);
	for (int look = 0; look < MAX_LOOKS; look++)
	{
		if (look_at_tree(&check))
			break;
		pfree(check.parents);
	}
	for (BlockNumber blkno = GV_KDTREE_ROOT_BLKNO; blkno < check.n_blocks; blkno++)
		check_points(&check, blkno);
	if (heap != NULL)
	{
		gv_kdtree_check_heap(&check, snapshot);
		UnregisterSnapshot(snapshot);
	}
	gv_kdtree_unlock_reuse(index);
	FreeAccessStrategy(check.strategy);
}
