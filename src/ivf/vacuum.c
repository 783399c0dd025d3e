/*-------------------------------------------------------------------------
 *
 * vacuum.c
 *		Removing dead rows.
 *
 * Passes over the pages, in physical order:
 *	1. Take out the tids of dead rows.
 *	2. Write lists anew that hold many rows that are gone: new pages of the next
 *	   generation first, then the directory's entry, in one record.
 *	3. Free pages of earlier generations, or of later ones that a crash has left
 *	   without an entry.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

#include "am/testpoint.h"
#include "base/compat.h"
#include "ivf/calibrate.h"
#include "ivf/ivf.h"
#include "ivf/list.h"

/* A list is written anew when this part of its rows is gone */
#define DEAD_FRACTION 5

/* What a vacuum learns of a list */
typedef struct ListCount
{
	uint32		generation;
	uint32		n_live;
	uint32		n_dead;
} ListCount;

/* State of a vacuum of one index */
typedef struct Vacuum
{
	GvIvfIndex	ix;
	IndexBulkDeleteResult *stats;
	IndexBulkDeleteCallback callback;
	void	   *callback_state;
	BufferAccessStrategy strategy;
	ListCount  *list;			/* [n_lists] */
	bool		found_orphans;
	MemoryContext list_context; /* reset for each list */
} Vacuum;

/* Pages of a list that is written anew, in memory until they are full */
typedef struct Writer
{
	Vacuum	   *vacuum;
	uint32		list;
	uint32		generation;
	BlockNumber rows_blkno;
	PGAlignedBlock rows;
	BlockNumber vectors_blkno;	/* invalid: none yet */
	PGAlignedBlock vectors;
} Writer;

static Buffer
read_page(Vacuum *vacuum, BlockNumber blkno, int lock)
{
	Buffer		buf = ReadBufferExtended(vacuum->ix.rel, MAIN_FORKNUM, blkno, RBM_NORMAL,
										 vacuum->strategy);

	LockBuffer(buf, lock);
	return buf;
}

/* Does a page belong to a list as the directory has it? */
static bool
is_current(const Vacuum *vacuum, GvIvfRowsPage rows)
{
	return rows->list < vacuum->ix.meta.n_lists &&
		rows->generation == vacuum->list[rows->list].generation;
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

	if (gv_ivf_page_is(page, GV_IVF_PAGE_VECTORS) || gv_ivf_page_is(page, GV_IVF_PAGE_PART))
	{
		if (!is_current(vacuum, rows))
			vacuum->found_orphans = true;
		UnlockReleaseBuffer(buf);
		return;
	}
	if (PageIsNew(page) || gv_ivf_page_is(page, GV_IVF_PAGE_FREE))
	{
		/* a crash may have lost it */
		RecordFreeIndexPage(vacuum->ix.rel, blkno);
		UnlockReleaseBuffer(buf);
		return;
	}
	if (!gv_ivf_page_is(page, GV_IVF_PAGE_ROWS))
	{
		UnlockReleaseBuffer(buf);
		return;
	}
	if (!is_current(vacuum, rows))
	{
		vacuum->found_orphans = true;
		UnlockReleaseBuffer(buf);
		return;
	}
	if (rows->n_rows > layout->rows_per_page)
		gv_ivf_report_corruption(vacuum->ix.rel, blkno, "A list of rows is damaged.");

	for (int i = 0; i < rows->n_rows; i++)
	{
		ItemPointer tid = &gv_ivf_block_tids(gv_ivf_block(layout, rows, i / layout->lanes))
			[i % layout->lanes];

		if (!ItemPointerIsValid(tid))
			continue;
		if (!vacuum->callback(tid, vacuum->callback_state))
		{
			vacuum->list[rows->list].n_live++;
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
	}
	if (n_removed > 0)
		rows->n_dead += n_removed;
	vacuum->list[rows->list].n_dead += rows->n_dead;
	vacuum->stats->tuples_removed += n_removed;
	if (xlog != NULL)
		gv_xlog_finish(xlog);
	UnlockReleaseBuffer(buf);
}

/* Log a page that was filled in memory */
static void
flush_page(Writer *writer, BlockNumber blkno, const PGAlignedBlock *image)
{
	GvIvfEdit	edit;
	Buffer		buf = read_page(writer->vacuum, blkno, BUFFER_LOCK_EXCLUSIVE);

	gv_ivf_edit_begin(&edit, writer->vacuum->ix.rel, true);
	memcpy(gv_ivf_edit_page(&edit, buf, true), image->data, BLCKSZ);
	gv_ivf_edit_finish(&edit);
}

/* Take a page into use, and begin to fill it in memory */
static BlockNumber
begin_page(Writer *writer, GvIvfPageKind kind, PGAlignedBlock *image)
{
	GvIvfEdit	edit;
	Buffer		buf = gv_ivf_new_buffer(&writer->vacuum->ix, true);
	BlockNumber blkno = BufferGetBlockNumber(buf);

	gv_ivf_edit_begin(&edit, writer->vacuum->ix.rel, true);
	gv_ivf_init_rows_page(gv_ivf_edit_page(&edit, buf, true), kind, writer->list,
						  writer->generation);
	gv_ivf_edit_finish(&edit);
	gv_ivf_init_rows_page((Page) image->data, kind, writer->list, writer->generation);
	return blkno;
}

/* Copy the vector of a row; false if it is not where it must be */
static bool
copy_value(Writer *writer, uint32 old_generation, GvIvfPlace *place)
{
	GvIvfIndex *ix = &writer->vacuum->ix;
	const GvIvfLayout *layout = &ix->layout;
	char	   *value = palloc(layout->value_bytes);

	if (!gv_ivf_read_value(ix, writer->list, old_generation, place->blkno, place->slot, value))
		return false;
	if (layout->values_per_page == 0)
	{
		place->blkno = gv_ivf_write_long_value(ix, value, writer->list, writer->generation, false);
		place->slot = 0;
		return true;
	}
	if (writer->vectors_blkno == InvalidBlockNumber ||
		gv_ivf_page_rows((Page) writer->vectors.data)->n_rows >= layout->values_per_page)
	{
		if (writer->vectors_blkno != InvalidBlockNumber)
			flush_page(writer, writer->vectors_blkno, &writer->vectors);
		writer->vectors_blkno = begin_page(writer, GV_IVF_PAGE_VECTORS, &writer->vectors);
		gv_ivf_page_rows((Page) writer->rows.data)->vectors_blkno = writer->vectors_blkno;
	}
	place->blkno = writer->vectors_blkno;
	place->slot = gv_ivf_put_value(layout, (Page) writer->vectors.data, value);
	return true;
}

/* Copy the rows of a page that are there to the new pages; returns their number */
static uint32
copy_rows(Writer *writer, Page page)
{
	GvIvfIndex *ix = &writer->vacuum->ix;
	const GvIvfLayout *layout = &ix->layout;
	GvIvfRowsPage old = gv_ivf_page_rows(page);
	uint8	   *codes = palloc(layout->lanes * Max(layout->row_code_bytes, 1));
	uint32		n = 0;

	for (int i = 0; i < old->n_rows; i++)
	{
		int			lane = i % layout->lanes;
		char	   *block = gv_ivf_block(layout, old, i / layout->lanes);
		GvAmFilterRow filters;
		GvIvfPlace	place = {InvalidBlockNumber, 0};
		GvIvfRow	row = {.filters = &filters};

		if (lane == 0)
			gv_ivf_block_rows(layout, block, Min(old->n_rows - i, layout->lanes), codes);
		if (!ItemPointerIsValid(&gv_ivf_block_tids(block)[lane]))
			continue;
		gv_ivf_get_row(layout, block, lane, &row, &place);
		row.code = codes + lane * layout->row_code_bytes;
		if (gv_ivf_keeps_vectors(layout) && !copy_value(writer, old->generation, &place))
			gv_ivf_report_corruption(ix->rel, place.blkno, "The vector of a row is not there.");
		if (gv_ivf_page_rows((Page) writer->rows.data)->n_rows >= layout->rows_per_page)
		{
			BlockNumber vectors_blkno = writer->vectors_blkno;
			BlockNumber blkno = writer->rows_blkno;
			PGAlignedBlock *full = palloc(sizeof(PGAlignedBlock));

			memcpy(full, &writer->rows, BLCKSZ);
			writer->rows_blkno = begin_page(writer, GV_IVF_PAGE_ROWS, &writer->rows);
			gv_ivf_page_rows((Page) full->data)->next = writer->rows_blkno;
			gv_ivf_page_rows((Page) writer->rows.data)->vectors_blkno = vectors_blkno;
			flush_page(writer, blkno, full);
			pfree(full);
		}
		gv_ivf_put_row(ix, (Page) writer->rows.data, &row, place);
		n++;
	}
	pfree(codes);
	return n;
}

/* Pass 2 for a list: write it anew, without the rows that are gone */
static void
rewrite_list(Vacuum *vacuum, uint32 list)
{
	GvIvfIndex *ix = &vacuum->ix;
	GvIvfCache *cache = gv_ivf_cache(ix);
	BlockNumber directory = cache->directory[list / GV_IVF_LISTS_PER_PAGE];
	Writer	   *writer = palloc0(sizeof(Writer));
	GvIvfListData entry;
	GvIvfList	changed;
	GvIvfEdit	edit;
	Buffer		buf;
	BlockNumber head;
	uint32		n_rows = 0;
	PGAlignedBlock *copy = palloc(sizeof(PGAlignedBlock));

	gv_ivf_read_list(ix, cache, list, &entry);
	gv_ivf_lock_list(ix->rel, list, ExclusiveLock);
	writer->vacuum = vacuum;
	writer->list = list;
	writer->generation = entry.generation + 1;
	writer->vectors_blkno = InvalidBlockNumber;
	head = writer->rows_blkno = begin_page(writer, GV_IVF_PAGE_ROWS, &writer->rows);
	for (BlockNumber blkno = entry.head; blkno != InvalidBlockNumber;)
	{
		GvIvfRowsPage rows = gv_ivf_page_rows((Page) copy->data);

		gv_base_vacuum_delay();
		gv_am_check_block(ix->rel, blkno);
		buf = read_page(vacuum, blkno, BUFFER_LOCK_SHARE);
		memcpy(copy, BufferGetPage(buf), BLCKSZ);
		UnlockReleaseBuffer(buf);
		if (!gv_ivf_page_is((Page) copy->data, GV_IVF_PAGE_ROWS) || rows->list != list ||
			rows->generation != entry.generation || rows->n_rows > ix->layout.rows_per_page)
			gv_ivf_report_corruption(ix->rel, blkno, "It is not a page of its list.");
		n_rows += copy_rows(writer, (Page) copy->data);
		blkno = rows->next;
	}
	if (writer->vectors_blkno != InvalidBlockNumber)
		flush_page(writer, writer->vectors_blkno, &writer->vectors);
	flush_page(writer, writer->rows_blkno, &writer->rows);

	GV_TEST_POINT("ivf-vacuum-swap");
	buf = read_page(vacuum, directory, BUFFER_LOCK_EXCLUSIVE);
	gv_ivf_edit_begin(&edit, ix->rel, true);
	changed = (GvIvfList) (gv_ivf_page_chain(gv_ivf_edit_page(&edit, buf, false)) + 1) +
		list % GV_IVF_LISTS_PER_PAGE;
	changed->head = head;
	changed->tail = writer->rows_blkno;
	changed->generation = writer->generation;
	changed->n_rows = n_rows;
	gv_ivf_edit_finish(&edit);
	vacuum->list[list].generation = writer->generation;
	vacuum->found_orphans = true;
	gv_ivf_unlock_list(ix->rel, list, ExclusiveLock);
}

/* Pass 3 for a page: free it if its list has none such */
static void
free_orphan(Vacuum *vacuum, BlockNumber blkno)
{
	Buffer		buf = read_page(vacuum, blkno, BUFFER_LOCK_EXCLUSIVE);
	Page		page = BufferGetPage(buf);
	bool		is_free = false;

	if ((gv_ivf_page_is(page, GV_IVF_PAGE_ROWS) || gv_ivf_page_is(page, GV_IVF_PAGE_VECTORS) ||
		 gv_ivf_page_is(page, GV_IVF_PAGE_PART)) && !is_current(vacuum, gv_ivf_page_rows(page)))
	{
		GvXlog	   *xlog = gv_xlog_begin(vacuum->ix.rel);

		gv_ivf_init_page(gv_xlog_new_page(xlog, buf), GV_IVF_PAGE_FREE);
		gv_xlog_finish(xlog);
		is_free = true;
	}
	UnlockReleaseBuffer(buf);
	if (is_free)
		RecordFreeIndexPage(vacuum->ix.rel, blkno);
}

/* Read the generations of all lists */
static void
begin_lists(Vacuum *vacuum)
{
	GvIvfCache *cache = gv_ivf_cache(&vacuum->ix);

	vacuum->list = palloc_extended(sizeof(ListCount) * vacuum->ix.meta.n_lists,
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint32 list = 0; list < vacuum->ix.meta.n_lists; list++)
	{
		GvIvfListData entry;

		gv_ivf_read_list(&vacuum->ix, cache, list, &entry);
		vacuum->list[list].generation = entry.generation;
	}
}

/*
 * The number of pages.  With the lock, no page is counted that is just being
 * added and not locked yet.
 */
static BlockNumber
count_pages(Relation index)
{
	BlockNumber n_blocks;

	LockRelationForExtension(index, ExclusiveLock);
	n_blocks = RelationGetNumberOfBlocks(index);
	UnlockRelationForExtension(index, ExclusiveLock);
	return n_blocks;
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
	BlockNumber n_blocks;

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
	begin_lists(vacuum);

	n_blocks = count_pages(info->index);
	GV_TEST_POINT("ivf-vacuum-begun");
	for (BlockNumber blkno = GV_IVF_META_BLKNO + 1; blkno < n_blocks; blkno++)
	{
		gv_base_vacuum_delay();
		remove_dead_tids(vacuum, blkno);
	}
	GV_TEST_POINT("ivf-vacuum-removed");
	for (uint32 list = 0; list < vacuum->ix.meta.n_lists; list++)
	{
		ListCount  *count = &vacuum->list[list];

		stats->num_index_tuples += count->n_live;
		if (count->n_dead == 0 ||
			count->n_dead < (count->n_live + count->n_dead) / DEAD_FRACTION)
			continue;
		MemoryContextSwitchTo(vacuum->list_context);
		rewrite_list(vacuum, list);
		MemoryContextSwitchTo(context);
		MemoryContextReset(vacuum->list_context);
	}
	GV_TEST_POINT("ivf-vacuum-rewritten");
	if (vacuum->found_orphans)
	{
		/* pages added meanwhile are of lists as they are now */
		for (BlockNumber blkno = GV_IVF_META_BLKNO + 1; blkno < n_blocks; blkno++)
		{
			gv_base_vacuum_delay();
			free_orphan(vacuum, blkno);
		}
	}
	IndexFreeSpaceMapVacuum(info->index);

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
	if (info->analyze_only)
		return stats;
	/* nothing was deleted: the table's count serves as ours */
	if (stats == NULL)
	{
		stats = palloc0(sizeof(IndexBulkDeleteResult));
		stats->num_index_tuples = info->num_heap_tuples;
		stats->estimated_count = info->estimated_count;
	}
	gv_ivf_calibrate_stale(info->index, stats->num_index_tuples);
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	return stats;
}
