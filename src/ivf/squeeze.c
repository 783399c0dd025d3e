/*-------------------------------------------------------------------------
 *
 * squeeze.c
 *		Making a list shorter where it lies.
 *
 * Writing a list anew takes pages before it gives any.  Where none is free, VACUUM
 * frees pages of lists without taking one: on a full disk, too, it comes to its
 * end.
 *
 * Rows of two pages that follow each other and fit one are put onto the first;
 * the second is freed in the same record.  A search that was on its way to it
 * finds a free page and begins with the list anew, so it has each row once.  A
 * page may be written anew at any time if all its rows stay on it: it is read
 * under one lock.
 *
 * Vectors go from the pages that have the fewest to slots of rows that are gone.
 * A scan that has found such a row reads the vector of another there, which does
 * not matter: nobody sees the row.  One whose row's vector has moved finds the
 * page free, and takes the vector from the table.  For that, a page that was freed
 * here is not used for the same list and generation as long as there are such
 * scans: the free page tells (gv_ivf_new_buffer).
 *
 * What is known of pages of vectors fits into maintenance_work_mem: of a list that
 * has more of them, windows of block numbers are dealt with one after another.
 *
 * What a crash or an error leaves is a list as good as before.  Pages of vectors
 * to which no row refers are freed when the list is written anew.  No row, not one
 * that is gone either, refers to a page that was freed, which may serve again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/freespace.h"
#include "storage/indexfsm.h"
#include "utils/hsearch.h"

#include "am/routine.h"
#include "am/testpoint.h"
#include "base/compare.h"
#include "base/compat.h"
#include "ivf/squeeze.h"

/* Memory for a page of vectors: its entry in a table, a pointer to that, its number */
#define BYTES_OF_PAGE 96

/* Pages of vectors at once, at most: sorting them cannot be interrupted */
#define MAX_VALUES 262144

/* Pages that are freed before they can be found, at most */
#define MAX_FREED 65536

/* A page of vectors of the list, or the first page of a long one */
typedef struct ValuePage
{
	BlockNumber blkno;
	uint16		n_live;			/* rows whose vectors are there */
	bool		is_source;		/* its vectors move away */
	uint8		used[(PG_UINT8_MAX + 1) / 8];	/* a bit for each slot of theirs */
} ValuePage;

typedef struct Squeeze
{
	GvIvfIndex *index;
	uint32		list;
	BlockNumber directory;		/* page of the list's entry */
	GvIvfListData entry;
	BufferAccessStrategy strategy;
	BlockNumber *freed;			/* [MAX_FREED]: cannot be found yet */
	uint32		n_freed;
	uint32		n_told;			/* freed before these */
	uint8	   *codes;			/* of a block, row by row */
	uint32		n_dead;			/* rows that are gone and keep their places */

	/* pages of vectors in a window */
	HTAB	   *values;			/* ValuePage, by blkno */
	int64		max_values;
	BlockNumber start;			/* first block of the window */
	BlockNumber end;			/* the block after its last; invalid: it has all that are left */

	/* vectors that move */
	BlockNumber last_blkno;		/* last page of rows */
	BlockNumber fill_blkno;		/* page of vectors that inserts fill, named there */
	ValuePage **page;			/* [n_pages]: the fullest first */
	uint32		n_pages;
	uint32		n_targets;		/* of them, that stay, with slots that are free */
	uint32		next_target;
	char	   *value;
} Squeeze;

static Buffer
lock_page(const Squeeze *squeeze, BlockNumber blkno, int lock)
{
	Buffer		buf;

	gv_am_check_block(squeeze->index->rel, blkno);
	buf = ReadBufferExtended(squeeze->index->rel, MAIN_FORKNUM, blkno, RBM_NORMAL,
							 squeeze->strategy);
	LockBuffer(buf, lock);
	return buf;
}

/* What was freed can be found from now on */
static void
tell_free(Squeeze *squeeze)
{
	Relation	rel = squeeze->index->rel;
	BlockNumber first = InvalidBlockNumber;
	BlockNumber end = 0;

	for (uint32 i = 0; i < squeeze->n_freed; i++)
	{
		RecordFreeIndexPage(rel, squeeze->freed[i]);
		first = Min(first, squeeze->freed[i]);
		end = Max(end, squeeze->freed[i] + 1);
	}
	if (first < end)
		FreeSpaceMapVacuumRange(rel, first, end);
	squeeze->n_told += squeeze->n_freed;
	squeeze->n_freed = 0;
}

/* Between two steps, no page is locked */
static void
pause_between(Squeeze *squeeze)
{
	gv_base_vacuum_delay();
	if (squeeze->n_freed == MAX_FREED)
		tell_free(squeeze);
}

/* Copy a page of rows of the list */
static void
copy_page(Squeeze *squeeze, BlockNumber blkno, PGAlignedBlock *copy)
{
	GvIvfRowsPage rows = gv_ivf_page_rows((Page) copy->data);
	Buffer		buf;

	pause_between(squeeze);
	buf = lock_page(squeeze, blkno, BUFFER_LOCK_SHARE);
	memcpy(copy->data, BufferGetPage(buf), BLCKSZ);
	UnlockReleaseBuffer(buf);
	if (!gv_ivf_page_is((Page) copy->data, GV_IVF_PAGE_ROWS) || rows->list != squeeze->list ||
		rows->generation != squeeze->entry.generation ||
		rows->n_rows > squeeze->index->layout.rows_per_page || rows->n_dead > rows->n_rows)
		gv_ivf_report_corruption(squeeze->index->rel, blkno, "It is not a page of its list.");
}

/* A block of a page, and where a row is in it */
static inline char *
block_of(const Squeeze *squeeze, PGAlignedBlock *copy, int i, int *lane)
{
	const GvIvfLayout *layout = &squeeze->index->layout;

	*lane = i % layout->lanes;
	return gv_ivf_block(layout, gv_ivf_page_rows((Page) copy->data), i / layout->lanes);
}

/* A chain of more pages than the index has leads in a circle */
static void
check_length(const Squeeze *squeeze, BlockNumber blkno, BlockNumber n_read)
{
	if (n_read > RelationGetNumberOfBlocks(squeeze->index->rel))
		gv_ivf_report_corruption(squeeze->index->rel, blkno, "A list leads nowhere.");
}

/* --- freeing --------------------------------------------------------------- */

/* Make a page a free one, in an edit, which has its buffer from here on */
static void
free_in_edit(Squeeze *squeeze, GvIvfEdit *edit, Buffer buf)
{
	BlockNumber blkno = BufferGetBlockNumber(buf);

	gv_ivf_init_taken_page(gv_ivf_edit_page(edit, buf, true), squeeze->list,
						   squeeze->entry.generation);
	Assert(squeeze->n_freed < MAX_FREED);	/* one at most since pause_between */
	squeeze->freed[squeeze->n_freed++] = blkno;
}

/* Free a page of vectors or a part of one, to which nothing leads; returns the next */
static BlockNumber
free_values(Squeeze *squeeze, BlockNumber blkno, GvIvfPageKind kind)
{
	Buffer		buf = lock_page(squeeze, blkno, BUFFER_LOCK_EXCLUSIVE);
	GvIvfRowsPage rows = gv_ivf_page_rows(BufferGetPage(buf));
	BlockNumber next = rows->next;
	GvIvfEdit	edit;

	if (!gv_ivf_page_is(BufferGetPage(buf), kind) || rows->list != squeeze->list ||
		rows->generation != squeeze->entry.generation)
	{
		/* an attempt before has freed it */
		UnlockReleaseBuffer(buf);
		return InvalidBlockNumber;
	}
	gv_ivf_edit_begin(&edit, squeeze->index->rel, true);
	free_in_edit(squeeze, &edit, buf);
	gv_ivf_edit_finish(&edit);
	return next;
}

/* --- rows ------------------------------------------------------------------ */

/* Add the rows of a page that are there to another */
static void
add_rows(Squeeze *squeeze, Page image, PGAlignedBlock *copy)
{
	GvIvfIndex *ix = squeeze->index;
	const GvIvfLayout *layout = &ix->layout;
	int			n_rows = gv_ivf_page_rows((Page) copy->data)->n_rows;

	for (int i = 0; i < n_rows; i++)
	{
		int			lane;
		char	   *block = block_of(squeeze, copy, i, &lane);
		GvAmFilterRow filters;
		GvIvfPlace	place = {InvalidBlockNumber, 0};
		GvIvfRow	row = {.filters = &filters};

		if (lane == 0)
			gv_ivf_block_rows(layout, block, Min(n_rows - i, layout->lanes), squeeze->codes);
		if (!ItemPointerIsValid(&gv_ivf_block_tids(block)[lane]))
			continue;
		gv_ivf_get_row(layout, block, lane, &row, &place);
		row.code = squeeze->codes + lane * layout->row_code_bytes;
		gv_ivf_put_row(ix, image, &row, place);
	}
}

/*
 * Write a page anew without the rows that are gone, and with those of the next,
 * which is freed.
 *
 * copy: of the page; becomes what it is now
 * next: a copy of the next page, or NULL: the page has its own rows only
 */
static void
pack_page(Squeeze *squeeze, BlockNumber blkno, PGAlignedBlock *copy, PGAlignedBlock *next)
{
	GvIvfRowsPage rows = gv_ivf_page_rows((Page) copy->data);
	BlockNumber next_blkno = rows->next;
	PGAlignedBlock image;
	GvIvfRowsPage packed = gv_ivf_page_rows((Page) image.data);
	GvIvfRowsPage last = next ? gv_ivf_page_rows((Page) next->data) : rows;
	GvIvfEdit	edit;

	GV_TEST_POINT("ivf-squeeze-page");
	gv_ivf_init_rows_page((Page) image.data, GV_IVF_PAGE_ROWS, squeeze->list,
						  squeeze->entry.generation);
	add_rows(squeeze, (Page) image.data, copy);
	if (next)
		add_rows(squeeze, (Page) image.data, next);
	packed->next = last->next;
	packed->vectors_blkno = last->vectors_blkno;

	gv_ivf_edit_begin(&edit, squeeze->index->rel, true);
	memcpy(gv_ivf_edit_page(&edit, lock_page(squeeze, blkno, BUFFER_LOCK_EXCLUSIVE), true),
		   image.data, BLCKSZ);
	if (next)
		free_in_edit(squeeze, &edit, lock_page(squeeze, next_blkno, BUFFER_LOCK_EXCLUSIVE));
	if (next && next_blkno == squeeze->entry.tail)
	{
		Page		page = gv_ivf_edit_page(&edit, lock_page(squeeze, squeeze->directory,
															 BUFFER_LOCK_EXCLUSIVE), false);

		((GvIvfList) (gv_ivf_page_chain(page) + 1))[squeeze->list % GV_IVF_LISTS_PER_PAGE].tail =
			blkno;
		squeeze->entry.tail = blkno;
	}
	gv_ivf_edit_finish(&edit);
	memcpy(copy->data, image.data, BLCKSZ);
}

/* Put rows of pages that follow each other onto one where they fit */
static void
squeeze_rows(Squeeze *squeeze)
{
	const GvIvfLayout *layout = &squeeze->index->layout;
	PGAlignedBlock *copy = palloc(2 * sizeof(PGAlignedBlock));
	PGAlignedBlock *next = copy + 1;
	GvIvfRowsPage rows = gv_ivf_page_rows((Page) copy->data);
	GvIvfRowsPage next_rows = gv_ivf_page_rows((Page) next->data);
	BlockNumber blkno = squeeze->entry.head;
	BlockNumber n_read = 0;

	copy_page(squeeze, blkno, copy);
	for (;;)
	{
		bool		is_last = rows->next == InvalidBlockNumber;

		check_length(squeeze, blkno, n_read++);
		if (!is_last)
		{
			copy_page(squeeze, rows->next, next);
			if (rows->n_rows - rows->n_dead + next_rows->n_rows - next_rows->n_dead <=
				layout->rows_per_page)
			{
				pack_page(squeeze, blkno, copy, next);
				continue;
			}
		}
		/* rows that are gone from other pages let the list be written anew another time */
		if (rows->n_dead > 0 && (is_last || gv_ivf_keeps_values(layout)))
			pack_page(squeeze, blkno, copy, NULL);
		squeeze->n_dead += rows->n_dead;
		if (is_last)
			break;
		blkno = rows->next;
		memcpy(copy->data, next->data, BLCKSZ);
	}
	squeeze->last_blkno = blkno;
	squeeze->fill_blkno = rows->vectors_blkno;
	pfree(copy);
}

/* --- vectors --------------------------------------------------------------- */

/* Is the vector of a row in the window? */
static bool
is_in_window(const Squeeze *squeeze, char *block, int lane)
{
	BlockNumber blkno = gv_ivf_block_places(&squeeze->index->layout, block)[lane];

	return blkno >= squeeze->start && blkno < squeeze->end;
}

/* End the window where it has half as many pages */
static void
shorten_window(Squeeze *squeeze)
{
	int64		n = hash_get_num_entries(squeeze->values);
	BlockNumber *blknos = palloc(sizeof(BlockNumber) * n);
	HASH_SEQ_STATUS status;
	ValuePage  *values;

	n = 0;
	hash_seq_init(&status, squeeze->values);
	while ((values = hash_seq_search(&status)) != NULL)
		blknos[n++] = values->blkno;
	qsort(blknos, n, sizeof(BlockNumber), gv_base_compare_uint32);
	squeeze->end = blknos[n / 2];
	for (int64 i = n / 2; i < n; i++)
		hash_search(squeeze->values, &blknos[i], HASH_REMOVE, NULL);
	pfree(blknos);
}

/* Note where the vectors of a page's rows are, in the window */
static void
note_values(Squeeze *squeeze, PGAlignedBlock *copy)
{
	const GvIvfLayout *layout = &squeeze->index->layout;

	for (int i = 0; i < gv_ivf_page_rows((Page) copy->data)->n_rows; i++)
	{
		int			lane;
		char	   *block = block_of(squeeze, copy, i, &lane);
		int			slot = gv_ivf_block_slots(layout, block)[lane];
		bool		found;
		ValuePage  *values;

		if (!is_in_window(squeeze, block, lane))
			continue;
		values = hash_search(squeeze->values, &gv_ivf_block_places(layout, block)[lane],
							 HASH_ENTER, &found);
		if (!found)
			memset(&values->n_live, 0, sizeof(ValuePage) - offsetof(ValuePage, n_live));
		if (ItemPointerIsValid(&gv_ivf_block_tids(block)[lane]))
		{
			values->n_live++;
			values->used[slot / 8] |= 1 << (slot % 8);
		}
		if (hash_get_num_entries(squeeze->values) >= squeeze->max_values)
			shorten_window(squeeze);
	}
}

/*
 * Begin with a window: from where the last one ended, as many pages of vectors as
 * memory has room for.
 */
static void
begin_window(Squeeze *squeeze)
{
	HASHCTL		control = {.keysize = sizeof(BlockNumber), .entrysize = sizeof(ValuePage),
	.hcxt = CurrentMemoryContext};
	PGAlignedBlock *copy = palloc(sizeof(PGAlignedBlock));
	BlockNumber n_read = 0;

	GV_TEST_POINT("ivf-squeeze-window");
	squeeze->start = squeeze->end;
	squeeze->end = InvalidBlockNumber;
	squeeze->values = hash_create("ivf pages of vectors", 256, &control,
								  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (BlockNumber blkno = squeeze->entry.head; blkno != InvalidBlockNumber;
		 blkno = gv_ivf_page_rows((Page) copy->data)->next)
	{
		check_length(squeeze, blkno, n_read++);
		copy_page(squeeze, blkno, copy);
		note_values(squeeze, copy);
		squeeze->last_blkno = blkno;
		squeeze->fill_blkno = gv_ivf_page_rows((Page) copy->data)->vectors_blkno;
	}
	pfree(copy);
}

/*
 * Let the rows that are gone forget their vectors in the window: the pages are
 * freed before these rows are.
 */
static void
forget_values(Squeeze *squeeze)
{
	const GvIvfLayout *layout = &squeeze->index->layout;
	PGAlignedBlock *copy = palloc(sizeof(PGAlignedBlock));
	BlockNumber n_read = 0;

	for (BlockNumber blkno = squeeze->entry.head; blkno != InvalidBlockNumber;
		 blkno = gv_ivf_page_rows((Page) copy->data)->next)
	{
		bool		is_changed = false;
		GvIvfEdit	edit;

		check_length(squeeze, blkno, n_read++);
		copy_page(squeeze, blkno, copy);
		for (int i = 0; i < gv_ivf_page_rows((Page) copy->data)->n_rows; i++)
		{
			int			lane;
			char	   *block = block_of(squeeze, copy, i, &lane);

			if (ItemPointerIsValid(&gv_ivf_block_tids(block)[lane]) ||
				!is_in_window(squeeze, block, lane))
				continue;
			gv_ivf_block_places(layout, block)[lane] = InvalidBlockNumber;
			is_changed = true;
		}
		if (!is_changed)
			continue;
		gv_ivf_edit_begin(&edit, squeeze->index->rel, true);
		memcpy(gv_ivf_edit_page(&edit, lock_page(squeeze, blkno, BUFFER_LOCK_EXCLUSIVE), false),
			   copy->data, BLCKSZ);
		gv_ivf_edit_finish(&edit);
	}
	pfree(copy);
}

/* qsort comparator: the pages with the most vectors first */
static int
compare_values(const void *a, const void *b)
{
	const ValuePage *x = *(ValuePage *const *) a;
	const ValuePage *y = *(ValuePage *const *) b;

	if (x->n_live != y->n_live)
		return x->n_live > y->n_live ? -1 : 1;
	return x->blkno < y->blkno ? -1 : 1;
}

/*
 * Which pages are to be freed?  The fullest that hold all vectors stay, and that
 * which inserts fill, if it has any; of vectors longer than a page, those of rows
 * that are there.
 */
static void
choose_sources(Squeeze *squeeze)
{
	int			per_page = squeeze->index->layout.values_per_page;
	uint64		n_live = 0;
	ValuePage  *values;
	HASH_SEQ_STATUS status;

	squeeze->page = palloc(sizeof(ValuePage *) * hash_get_num_entries(squeeze->values));
	squeeze->n_pages = 0;
	hash_seq_init(&status, squeeze->values);
	while ((values = hash_seq_search(&status)) != NULL)
	{
		if (values->blkno == squeeze->fill_blkno && values->n_live > 0)
			continue;
		squeeze->page[squeeze->n_pages++] = values;
		n_live += values->n_live;
	}
	qsort(squeeze->page, squeeze->n_pages, sizeof(ValuePage *), compare_values);
	squeeze->next_target = 0;
	squeeze->n_targets = 0;
	if (per_page > 0)
		squeeze->n_targets = (n_live + per_page - 1) / per_page;
	for (uint32 i = squeeze->n_targets; i < squeeze->n_pages; i++)
		squeeze->page[i]->is_source = per_page > 0 || squeeze->page[i]->n_live == 0;
}

/* A slot of a page whose row is gone, or that never had one; -1 if there is none */
static int
free_slot(const Squeeze *squeeze, const ValuePage *values)
{
	for (int slot = 0; slot < squeeze->index->layout.values_per_page; slot++)
	{
		if ((values->used[slot / 8] & (1 << (slot % 8))) == 0)
			return slot;
	}
	return -1;
}

/* Does the vector of a row move away? */
static bool
is_leaving(const Squeeze *squeeze, char *block, int lane)
{
	ValuePage  *values = hash_search(squeeze->values,
									 &gv_ivf_block_places(&squeeze->index->layout, block)[lane],
									 HASH_FIND, NULL);

	return values != NULL && values->is_source &&
		ItemPointerIsValid(&gv_ivf_block_tids(block)[lane]);
}

/*
 * Move vectors of a page of rows to a page that has room for them, in one record.
 * Returns the row from which to go on.
 *
 * copy: of the page of rows, as it is
 */
static int
move_to(Squeeze *squeeze, BlockNumber blkno, PGAlignedBlock *copy, int i, ValuePage *target)
{
	GvIvfIndex *ix = squeeze->index;
	const GvIvfLayout *layout = &ix->layout;
	int			n_rows = gv_ivf_page_rows((Page) copy->data)->n_rows;
	PGAlignedBlock *image = palloc(sizeof(PGAlignedBlock));
	GvIvfRowsPage vectors = gv_ivf_page_rows((Page) image->data);
	GvIvfEdit	edit;
	Buffer		buf;
	int			slot;

	GV_TEST_POINT("ivf-squeeze-vectors");
	buf = lock_page(squeeze, target->blkno, BUFFER_LOCK_SHARE);
	memcpy(image->data, BufferGetPage(buf), BLCKSZ);
	UnlockReleaseBuffer(buf);
	if (!gv_ivf_page_is((Page) image->data, GV_IVF_PAGE_VECTORS) ||
		vectors->list != squeeze->list || vectors->generation != squeeze->entry.generation)
		gv_ivf_report_corruption(ix->rel, target->blkno, "The vector of a row is not there.");
	for (; i < n_rows && (slot = free_slot(squeeze, target)) >= 0; i++)
	{
		int			lane;
		char	   *block = block_of(squeeze, copy, i, &lane);

		if (!is_leaving(squeeze, block, lane))
			continue;
		if (!gv_ivf_read_value(ix, squeeze->list, squeeze->entry.generation,
							   gv_ivf_block_places(layout, block)[lane],
							   gv_ivf_block_slots(layout, block)[lane], squeeze->value))
			gv_ivf_report_corruption(ix->rel, gv_ivf_block_places(layout, block)[lane],
									 "The vector of a row is not there.");
		memcpy(gv_ivf_value_slot(layout, vectors, slot), squeeze->value, layout->value_bytes);
		vectors->n_rows = Max(vectors->n_rows, slot + 1);
		((PageHeader) image->data)->pd_lower =
			gv_ivf_value_slot(layout, vectors, vectors->n_rows) - (char *) image->data;
		target->used[slot / 8] |= 1 << (slot % 8);
		gv_ivf_block_places(layout, block)[lane] = target->blkno;
		gv_ivf_block_slots(layout, block)[lane] = slot;
	}
	gv_ivf_edit_begin(&edit, ix->rel, true);
	memcpy(gv_ivf_edit_page(&edit, lock_page(squeeze, blkno, BUFFER_LOCK_EXCLUSIVE), false),
		   copy->data, BLCKSZ);
	memcpy(gv_ivf_edit_page(&edit, lock_page(squeeze, target->blkno, BUFFER_LOCK_EXCLUSIVE),
							false), image->data, BLCKSZ);
	gv_ivf_edit_finish(&edit);
	pfree(image);
	return i;
}

/* Move the vectors of a page of rows that are on pages to be freed */
static void
move_values(Squeeze *squeeze, BlockNumber blkno, PGAlignedBlock *copy)
{
	int			n_rows = gv_ivf_page_rows((Page) copy->data)->n_rows;

	for (int i = 0; i < n_rows;)
	{
		int			lane;
		char	   *block = block_of(squeeze, copy, i, &lane);

		if (!is_leaving(squeeze, block, lane))
		{
			i++;
			continue;
		}
		while (squeeze->next_target < squeeze->n_targets &&
			   free_slot(squeeze, squeeze->page[squeeze->next_target]) < 0)
			squeeze->next_target++;
		if (squeeze->next_target >= squeeze->n_targets)
			elog(ERROR, "vectors of a list do not fit the pages that they need");
		i = move_to(squeeze, blkno, copy, i, squeeze->page[squeeze->next_target]);
	}
}

/* Free the page of vectors that inserts fill, to which no row leads */
static void
free_fill_page(Squeeze *squeeze)
{
	Buffer		rows_buf;
	Buffer		buf;
	GvIvfRowsPage vectors;
	GvIvfEdit	edit;

	/* waiting for a page that this process has locked would never end */
	if (squeeze->fill_blkno == squeeze->last_blkno)
		gv_ivf_report_corruption(squeeze->index->rel, squeeze->fill_blkno,
								 "It is a page of rows and of their vectors.");
	rows_buf = lock_page(squeeze, squeeze->last_blkno, BUFFER_LOCK_EXCLUSIVE);
	buf = lock_page(squeeze, squeeze->fill_blkno, BUFFER_LOCK_EXCLUSIVE);
	vectors = gv_ivf_page_rows(BufferGetPage(buf));
	if (!gv_ivf_page_is(BufferGetPage(buf), GV_IVF_PAGE_VECTORS) ||
		vectors->list != squeeze->list || vectors->generation != squeeze->entry.generation)
	{
		UnlockReleaseBuffer(buf);
		UnlockReleaseBuffer(rows_buf);
		return;
	}
	gv_ivf_edit_begin(&edit, squeeze->index->rel, true);
	gv_ivf_page_rows(gv_ivf_edit_page(&edit, rows_buf, false))->vectors_blkno =
		InvalidBlockNumber;
	free_in_edit(squeeze, &edit, buf);
	gv_ivf_edit_finish(&edit);
}

/* Free pages of vectors of the window that no row needs, once the others are moved together */
static void
squeeze_values(Squeeze *squeeze)
{
	bool		is_long = squeeze->index->layout.values_per_page == 0;
	PGAlignedBlock *copy = palloc(sizeof(PGAlignedBlock));
	BlockNumber n_read = 0;

	choose_sources(squeeze);
	if (!is_long)
	{
		for (BlockNumber blkno = squeeze->entry.head; blkno != InvalidBlockNumber;
			 blkno = gv_ivf_page_rows((Page) copy->data)->next)
		{
			check_length(squeeze, blkno, n_read++);
			copy_page(squeeze, blkno, copy);
			move_values(squeeze, blkno, copy);
		}
	}
	pfree(copy);
	GV_TEST_POINT("ivf-squeeze-moved");
	for (uint32 i = 0; i < squeeze->n_pages; i++)
	{
		BlockNumber blkno = squeeze->page[i]->blkno;

		if (!squeeze->page[i]->is_source)
			continue;
		pause_between(squeeze);
		if (blkno == squeeze->fill_blkno)
		{
			free_fill_page(squeeze);
			continue;
		}
		while (blkno != InvalidBlockNumber)
		{
			pause_between(squeeze);
			blkno = free_values(squeeze, blkno, is_long ? GV_IVF_PAGE_PART :
								GV_IVF_PAGE_VECTORS);
		}
	}
	pfree(squeeze->page);
	hash_destroy(squeeze->values);
}

/*
 * gv_ivf_squeeze_list
 *		Free pages of a list, without taking one; returns their number.
 *
 * n_dead: rows that are gone and still there, written
 *
 * The caller holds the exclusive lock of the list, which no other set shares.
 */
uint32
gv_ivf_squeeze_list(GvIvfIndex *index, uint32 list, BufferAccessStrategy strategy,
					uint32 *n_dead)
{
	Squeeze    *squeeze = palloc0(sizeof(Squeeze));
	GvIvfCache *cache = gv_ivf_cache(index);

	squeeze->index = index;
	squeeze->list = list;
	squeeze->strategy = strategy;
	squeeze->directory = cache->directory[list / GV_IVF_LISTS_PER_PAGE];
	gv_ivf_read_list(index, cache, list, &squeeze->entry);
	squeeze->codes = palloc(index->layout.lanes * Max(index->layout.row_code_bytes, 1));
	squeeze->value = palloc(Max(index->layout.value_bytes, 1));
	squeeze->freed = palloc(sizeof(BlockNumber) * MAX_FREED);
	squeeze->max_values = Min((int64) gv_am_maintenance_memory() * 1024 / BYTES_OF_PAGE,
								 MAX_VALUES);
	if (gv_ivf_keeps_values(&index->layout))
	{
		begin_window(squeeze);
		while (squeeze->end != InvalidBlockNumber)
		{
			forget_values(squeeze);
			squeeze_values(squeeze);
			begin_window(squeeze);
		}
	}
	squeeze_rows(squeeze);
	if (squeeze->values)
		squeeze_values(squeeze);
	tell_free(squeeze);
	*n_dead = squeeze->n_dead;
	return squeeze->n_told;
}
