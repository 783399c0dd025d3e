/*-------------------------------------------------------------------------
 *
 * vacuum.c
 *		Removing dead rows.
 *
 * Passes over the pages, in physical order:
 *	1. Take out the tids of dead rows.
 *	2. Free pages that belong to nobody: of lists trained before, and what a crash
 *	   or an error has left.  They serve the lists that are written next.
 *	3. Write lists anew that hold many rows that are gone: new pages of the next
 *	   generation first, then the directory's entry, in one record.  The pages
 *	   before serve the next list.  While there are too few free pages for a list, it
 *	   is made shorter where it lies, and gives some; the index grows only when
 *	   nothing else has room.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/freespace.h"
#include "storage/indexfsm.h"
#include "utils/memutils.h"

#include "am/attempt.h"
#include "am/routine.h"
#include "am/testpoint.h"
#include "base/compat.h"
#include "ivf/ivf.h"
#include "ivf/renew.h"
#include "ivf/squeeze.h"
#include "ivf/used.h"
#include "ivf/write.h"

/* A list is written anew when this part of its rows is gone */
#define DEAD_FRACTION 5

/* Rows that were removed are counted when they are more than these, or this part of all */
#define LEAST_NOTED 64
#define NOTED_PART (1.0 / 64)

/* What a vacuum learns of a list */
typedef struct ListCount
{
	uint32		newest;			/* generation of its pages, of those that belong to nobody, too */
	uint32		n_live;
	uint32		n_second;		/* of those, of rows whose first list is another */
	uint32		n_dead;
} ListCount;

/* State of a vacuum of one index */
typedef struct Vacuum
{
	GvIvfIndex	ix;
	IndexBulkDeleteResult *stats;
	double		n_noted;		/* of the rows removed, those that the metapage counts */
	IndexBulkDeleteCallback callback;
	void	   *callback_state;
	BufferAccessStrategy strategy;
	GvIvfUsed	used;
	ListCount  *list;			/* [n_lists] */
	bool		found_orphans;
	double		n_free;			/* pages, as far as is known */
	MemoryContext list_context; /* reset for each list */

	/* pages of the list that is written anew */
	BlockNumber *old;
	uint64		n_old;
	uint64		max_old;
} Vacuum;

static Buffer
read_page(Vacuum *vacuum, BlockNumber blkno, int lock)
{
	Buffer		buf = ReadBufferExtended(vacuum->ix.rel, MAIN_FORKNUM, blkno, RBM_NORMAL,
										 vacuum->strategy);

	LockBuffer(buf, lock);
	return buf;
}

/* Pass 1 for a page: take out dead tids */
static void
remove_dead_tids(Vacuum *vacuum, BlockNumber blkno)
{
	const GvIvfLayout *layout = &vacuum->ix.layout;
	Buffer		buf = read_page(vacuum, blkno, BUFFER_LOCK_EXCLUSIVE);
	Page		page = BufferGetPage(buf);
	GvIvfRowsPage rows = gv_ivf_page_rows(page);
	GvXlog	   *xlog = NULL;
	int			n_removed = 0;
	int			n_rows_removed = 0;

	if (gv_ivf_is_orphan(&vacuum->used, page, blkno))
	{
		vacuum->found_orphans = true;
		if (gv_ivf_page_is(page, GV_IVF_PAGE_ROWS) &&
			rows->list < vacuum->used.current.n_lists)
			vacuum->list[rows->list].newest = Max(vacuum->list[rows->list].newest,
												  rows->generation);
		UnlockReleaseBuffer(buf);
		return;
	}
	if (PageIsNew(page) || gv_ivf_page_is(page, GV_IVF_PAGE_FREE))
	{
		/* a crash may have lost it */
		RecordFreeIndexPage(vacuum->ix.rel, blkno);
		vacuum->n_free++;
		UnlockReleaseBuffer(buf);
		return;
	}
	/* scans of the retired lists do not see rows that take the place of dead ones */
	if (!gv_ivf_page_is(page, GV_IVF_PAGE_ROWS) ||
		rows->list >= vacuum->used.current.n_lists ||
		rows->generation != vacuum->used.current.list[rows->list].generation)
	{
		UnlockReleaseBuffer(buf);
		return;
	}
	if (rows->n_rows > layout->rows_per_page)
		gv_ivf_report_corruption(vacuum->ix.rel, blkno, "A list of rows is damaged.");

	for (int i = 0; i < rows->n_rows; i++)
	{
		ItemPointer tid = &gv_ivf_block_tids(gv_ivf_block(layout, rows, i / layout->lanes))
			[i % layout->lanes];
		ItemPointerData plain = gv_ivf_plain_tid(tid);
		bool		is_second = gv_ivf_is_second(tid);

		if (!ItemPointerIsValid(tid))
			continue;
		if (!vacuum->callback(&plain, vacuum->callback_state))
		{
			vacuum->list[rows->list].n_live++;
			vacuum->list[rows->list].n_second += is_second;
			continue;
		}
		if (xlog == NULL)
		{
			xlog = gv_xlog_begin(vacuum->ix.rel);
			page = gv_xlog_page(xlog, buf);
			rows = gv_ivf_page_rows(page);
			tid = &gv_ivf_block_tids(gv_ivf_block(layout, rows, i / layout->lanes))
				[i % layout->lanes];
		}
		ItemPointerSetInvalid(tid);
		n_removed++;
		n_rows_removed += !is_second;
	}
	if (n_removed > 0)
		rows->n_dead += n_removed;
	vacuum->list[rows->list].n_dead += rows->n_dead;
	vacuum->stats->tuples_removed += n_rows_removed;
	if (xlog != NULL)
		gv_xlog_finish(xlog);
	UnlockReleaseBuffer(buf);
}

/* Pass 2: free the pages that belong to nobody; what is free can be found from now on */
static void
free_orphans(Vacuum *vacuum)
{
	if (vacuum->found_orphans)
		vacuum->n_free += gv_ivf_free_orphans(&vacuum->used, vacuum->strategy);
	vacuum->found_orphans = false;
	IndexFreeSpaceMapVacuum(vacuum->ix.rel);
}

/* Note a page of the list that is written anew */
static void
note_old(Vacuum *vacuum, BlockNumber blkno)
{
	if (vacuum->n_old > 0 && vacuum->old[vacuum->n_old - 1] == blkno)
		return;
	if (vacuum->n_old == vacuum->max_old)
	{
		vacuum->max_old = vacuum->max_old * 2 + 64;
		vacuum->old = vacuum->old == NULL ?
			palloc(sizeof(BlockNumber) * vacuum->max_old) :
			repalloc_huge(vacuum->old, sizeof(BlockNumber) * vacuum->max_old);
	}
	vacuum->old[vacuum->n_old++] = blkno;
}

/* Free the pages of the list that was written anew, so that the next one takes them */
static void
free_old(Vacuum *vacuum)
{
	Relation	rel = vacuum->ix.rel;
	BlockNumber n_blocks = RelationGetNumberOfBlocks(rel);
	BlockNumber first = n_blocks;
	BlockNumber end = 0;

	for (uint64 i = 0; i < vacuum->n_old; i++)
	{
		BlockNumber blkno = vacuum->old[i];

		gv_base_vacuum_delay();
		if (blkno >= n_blocks)
			continue;
		vacuum->n_free += gv_ivf_free_orphan(&vacuum->used, blkno, vacuum->strategy);
		first = Min(first, blkno);
		end = Max(end, blkno + 1);
	}
	if (first < end)
		FreeSpaceMapVacuumRange(rel, first, end);
}

/* Copy the rows of a page that are there to the new pages */
static void
copy_rows(Vacuum *vacuum, GvIvfWriter *writer, Page page)
{
	GvIvfIndex *ix = &vacuum->ix;
	const GvIvfLayout *layout = &ix->layout;
	GvIvfRowsPage old = gv_ivf_page_rows(page);
	uint8	   *codes = palloc(layout->lanes * Max(layout->row_code_bytes, 1));
	char	   *value = palloc(Max(layout->value_bytes, 1));

	for (int i = 0; i < old->n_rows; i++)
	{
		int			lane = i % layout->lanes;
		char	   *block = gv_ivf_block(layout, old, i / layout->lanes);
		GvAmFilterRow filters;
		GvIvfPlace	place = {InvalidBlockNumber, 0};
		GvIvfRow	row = {.value = value, .filters = &filters};

		if (lane == 0)
			gv_ivf_block_rows(layout, block, Min(old->n_rows - i, layout->lanes), codes);
		if (gv_ivf_keeps_values(layout))
			note_old(vacuum, gv_ivf_block_places(layout, block)[lane]);
		if (!ItemPointerIsValid(&gv_ivf_block_tids(block)[lane]))
			continue;
		gv_ivf_get_row(layout, block, lane, &row, &place);
		row.code = codes + lane * layout->row_code_bytes;
		if (gv_ivf_keeps_values(layout) &&
			!gv_ivf_read_value(ix, old->list, old->generation, place.blkno, place.slot, value))
			gv_ivf_report_corruption(ix->rel, place.blkno, "The vector of a row is not there.");
		gv_ivf_writer_put(writer, &row);
	}
	pfree(value);
	pfree(codes);
}

/* Pass 3 for a list: write it anew, without the rows that are gone */
static void
rewrite_list(Vacuum *vacuum, uint32 list)
{
	GvIvfIndex *ix = &vacuum->ix;
	GvIvfCache *cache = gv_ivf_cache(ix);
	BlockNumber directory = cache->directory[list / GV_IVF_LISTS_PER_PAGE];
	GvIvfWriter *writer = palloc(sizeof(GvIvfWriter));
	GvIvfListData entry;
	GvIvfListData written;
	GvIvfList	changed;
	GvIvfEdit	edit;
	Buffer		buf;
	BlockNumber n_blocks;
	BlockNumber n_read = 0;
	PGAlignedBlock *copy = palloc(sizeof(PGAlignedBlock));

	gv_ivf_read_list(ix, cache, list, &entry);
	gv_ivf_lock_list(ix->rel, list, ExclusiveLock);
	n_blocks = RelationGetNumberOfBlocks(ix->rel);
	vacuum->old = NULL;
	vacuum->n_old = vacuum->max_old = 0;
	gv_ivf_writer_init(writer, ix, true);
	gv_ivf_writer_begin(writer, list, Max(entry.generation, vacuum->list[list].newest) + 1);
	for (BlockNumber blkno = entry.head; blkno != InvalidBlockNumber; n_read++)
	{
		GvIvfRowsPage rows = gv_ivf_page_rows((Page) copy->data);

		gv_base_vacuum_delay();
		gv_am_check_block(ix->rel, blkno);
		buf = read_page(vacuum, blkno, BUFFER_LOCK_SHARE);
		memcpy(copy, BufferGetPage(buf), BLCKSZ);
		UnlockReleaseBuffer(buf);
		if (!gv_ivf_page_is((Page) copy->data, GV_IVF_PAGE_ROWS) || rows->list != list ||
			rows->generation != entry.generation || rows->n_rows > ix->layout.rows_per_page ||
			n_read > n_blocks)
			gv_ivf_report_corruption(ix->rel, blkno, "It is not a page of its list.");
		copy_rows(vacuum, writer, (Page) copy->data);
		note_old(vacuum, blkno);
		blkno = rows->next;
	}
	gv_ivf_writer_end(writer, &written);

	GV_TEST_POINT("ivf-vacuum-swap");
	buf = read_page(vacuum, directory, BUFFER_LOCK_EXCLUSIVE);
	gv_ivf_edit_begin(&edit, ix->rel, true);
	changed = (GvIvfList) (gv_ivf_page_chain(gv_ivf_edit_page(&edit, buf, false)) + 1) +
		list % GV_IVF_LISTS_PER_PAGE;
	changed->head = written.head;
	changed->tail = written.tail;
	changed->generation = written.generation;
	changed->n_rows = written.n_rows;
	gv_ivf_edit_finish(&edit);
	vacuum->used.current.list[list].generation = written.generation;
	gv_ivf_unlock_list(ix->rel, list, ExclusiveLock);
	free_old(vacuum);
	/* of vectors longer than a page, the first of their pages are known */
	if (gv_ivf_keeps_values(&ix->layout) && ix->layout.values_per_page == 0)
		vacuum->found_orphans = true;
}

/* Does a list hold so many rows that are gone that it is to be written anew? */
static bool
is_due(const ListCount *count)
{
	return count->n_dead > 0 &&
		count->n_dead >= (count->n_live + count->n_dead) / DEAD_FRACTION;
}

/* Make a list shorter where it lies, unless scans may read the same pages as another set's */
static void
squeeze_list(Vacuum *vacuum, uint32 list)
{
	const GvIvfUsed *used = &vacuum->used;

	if (list < used->retired.n_lists &&
		used->retired.list[list].generation == used->current.list[list].generation)
		return;
	gv_ivf_lock_list(vacuum->ix.rel, list, ExclusiveLock);
	vacuum->n_free += gv_ivf_squeeze_list(&vacuum->ix, list, vacuum->strategy,
										  &vacuum->list[list].n_dead);
	gv_ivf_unlock_list(vacuum->ix.rel, list, ExclusiveLock);
}

/*
 * Pass 3: write lists anew for which there are pages.  Returns whether there were any.
 *
 * may_squeeze: others are made shorter
 * may_grow: the index grows for others
 */
static bool
rewrite_lists(Vacuum *vacuum, bool may_squeeze, bool may_grow)
{
	bool		result = false;

	for (uint32 list = 0; list < vacuum->ix.meta.n_lists; list++)
	{
		ListCount  *count = &vacuum->list[list];
		double		n_pages = gv_ivf_pages_of(&vacuum->ix.layout, count->n_live, 1);
		MemoryContext old_context;

		if (!is_due(count))
			continue;
		old_context = MemoryContextSwitchTo(vacuum->list_context);
		if (may_grow || vacuum->n_free >= n_pages)
		{
			vacuum->n_free = Max(vacuum->n_free - n_pages, 0);
			rewrite_list(vacuum, list);
			count->n_dead = 0;
			result = true;
		}
		else if (may_squeeze)
			squeeze_list(vacuum, list);
		MemoryContextSwitchTo(old_context);
		MemoryContextReset(vacuum->list_context);
	}
	return result;
}

/* Pass 3: the index grows for lists only at last */
static void
rewrite_all_lists(void *arg)
{
	(void) rewrite_lists(arg, true, false);
	while (rewrite_lists(arg, false, false))
		;
	(void) rewrite_lists(arg, false, true);
}

/*
 * Count the rows that were removed since it was done last: they tell how many have
 * come.  Nobody else would count them if this VACUUM is cancelled.
 */
static void
note_removed(Vacuum *vacuum)
{
	double		n_removed = vacuum->stats->tuples_removed - vacuum->n_noted;
	Buffer		buf;
	GvXlog	   *xlog;
	GvIvfMetaPage meta;

	if (n_removed == 0)
		return;
	vacuum->n_noted = vacuum->stats->tuples_removed;
	buf = ReadBuffer(vacuum->ix.rel, GV_IVF_META_BLKNO);
	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	xlog = gv_xlog_begin(vacuum->ix.rel);
	meta = gv_ivf_page_meta(gv_xlog_page(xlog, buf));
	meta->removed_rows += (uint64) n_removed;
	meta->removed_since_build += (uint64) n_removed;
	gv_xlog_finish(xlog);
	UnlockReleaseBuffer(buf);
}

/*
 * gv_ivf_bulk_delete
 *		ambulkdelete
 */
IndexBulkDeleteResult *
gv_ivf_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
				   IndexBulkDeleteCallback callback, void *callback_state)
{
	Vacuum	   *vacuum = palloc0(sizeof(Vacuum));
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf vacuum",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context;
	double		least_noted;

	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	stats->num_index_tuples = 0;

	old_context = MemoryContextSwitchTo(context);
	gv_ivf_open(&vacuum->ix, info->index);
	vacuum->stats = stats;
	vacuum->callback = callback;
	vacuum->callback_state = callback_state;
	vacuum->strategy = info->strategy;
	vacuum->list_context = AllocSetContextCreate(context, "ivf vacuum list",
												 ALLOCSET_DEFAULT_SIZES);
	vacuum->n_noted = stats->tuples_removed;
	least_noted = Max((double) vacuum->ix.meta.calibrated_rows * NOTED_PART, LEAST_NOTED);
	gv_ivf_drop_retired(&vacuum->ix);
	gv_ivf_used_read(&vacuum->used, &vacuum->ix);
	vacuum->list = palloc_extended(sizeof(ListCount) * vacuum->ix.meta.n_lists,
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	GV_TEST_POINT("ivf-vacuum-begun");
	for (BlockNumber blkno = GV_IVF_META_BLKNO + 1; blkno < vacuum->used.n_blocks; blkno++)
	{
		gv_base_vacuum_delay();
		remove_dead_tids(vacuum, blkno);
		if (stats->tuples_removed - vacuum->n_noted > least_noted)
			note_removed(vacuum);
	}
	note_removed(vacuum);
	GV_TEST_POINT("ivf-vacuum-removed");
	/* or a VACUUM that never comes to its end would take more pages each time */
	free_orphans(vacuum);
	for (uint32 list = 0; list < vacuum->ix.meta.n_lists; list++)
	{
		const ListCount *count = &vacuum->list[list];

		stats->num_index_tuples += count->n_live - count->n_second;
	}
	/* rows that are gone keep their places until a VACUUM has room */
	if (!gv_am_attempt(rewrite_all_lists, vacuum, gv_am_forgives_shortage,
					   psprintf("could not write lists of index \"%s\" anew",
								RelationGetRelationName(info->index))))
		vacuum->found_orphans = true;
	GV_TEST_POINT("ivf-vacuum-rewritten");
	free_orphans(vacuum);

	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	pfree(vacuum);
	return stats;
}

/*
 * gv_ivf_vacuum_cleanup
 *		amvacuumcleanup
 */
IndexBulkDeleteResult *
gv_ivf_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	bool		is_guess = stats == NULL;

	if (info->analyze_only)
		return stats;
	gv_ivf_maintain(info->index, is_guess ? info->num_heap_tuples : stats->num_index_tuples,
					is_guess, info->strategy);
	return gv_am_cleanup_result(info, stats);
}
