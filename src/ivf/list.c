/*-------------------------------------------------------------------------
 *
 * list.c
 *		Pages of lists: adding rows, reading their vectors.
 *
 * A list's pages form a chain.  Rows are added to the last; its directory entry
 * names that page, or one before it.  The pages of vectors are reached through
 * the rows only.
 *
 * Locks are taken in the order: page of rows, next page of rows, page of
 * vectors, directory.  A page that was not in use is locked by nobody else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/freespace.h"
#include "storage/indexfsm.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "ivf/list.h"

/* Free pages that are passed by, at most, before the index grows */
#define MAX_PASSED 16

/*
 * gv_ivf_edit_begin
 *		Begin to change pages together.
 *
 * logged: false while an index is built, which is logged as a whole
 */
void
gv_ivf_edit_begin(GvIvfEdit *edit, Relation rel, bool logged)
{
	edit->rel = rel;
	edit->xlog = logged ? gv_xlog_begin(rel) : NULL;
	edit->n = 0;
}

/*
 * gv_ivf_edit_page
 *		Return a page to change; its buffer, locked exclusively, now is the edit's.
 *
 * is_new: its present content does not matter
 */
Page
gv_ivf_edit_page(GvIvfEdit *edit, Buffer buf, bool is_new)
{
	edit->buf[edit->n++] = buf;
	if (edit->xlog == NULL)
		return BufferGetPage(buf);
	return is_new ? gv_xlog_new_page(edit->xlog, buf) : gv_xlog_page(edit->xlog, buf);
}

/*
 * gv_ivf_edit_finish
 *		Log the changes, and release the pages.
 */
void
gv_ivf_edit_finish(GvIvfEdit *edit)
{
	if (edit->xlog)
		gv_xlog_finish(edit->xlog);
	for (int i = 0; i < edit->n; i++)
	{
		if (edit->xlog == NULL)
			MarkBufferDirty(edit->buf[i]);
		UnlockReleaseBuffer(edit->buf[i]);
	}
}

/*
 * gv_ivf_edit_cancel
 *		Forget an edit that has no pages.
 */
void
gv_ivf_edit_cancel(GvIvfEdit *edit)
{
	Assert(edit->n == 0);
	if (edit->xlog)
		gv_xlog_cancel(edit->xlog);
}

/*
 * gv_ivf_init_taken_page
 *		Make a page a free one that was taken from a list in use.
 */
void
gv_ivf_init_taken_page(Page page, uint32 list, uint32 generation)
{
	GvIvfTakenPage taken = (GvIvfTakenPage) gv_ivf_page_rows(page);

	gv_ivf_init_rows_page(page, GV_IVF_PAGE_FREE, list, generation);
	taken->freed_at = U64FromFullTransactionId(ReadNextFullTransactionId());
	((PageHeader) page)->pd_lower = (char *) (taken + 1) - (char *) page;
}

/*
 * May a free page be used for a list?  If it was taken from the list, of this
 * generation, searches may be on their way to it that began before: see squeeze.c.
 */
static bool
may_use(Relation rel, BlockNumber blkno, Page page, uint32 list, uint32 generation)
{
	const GvIvfTakenPageData *taken = (GvIvfTakenPage) gv_ivf_page_rows(page);
	FullTransactionId freed_at;

	if (PageIsNew(page) ||
		((PageHeader) page)->pd_lower < (const char *) (taken + 1) - (const char *) page ||
		taken->page.list != list || taken->page.generation != generation)
		return true;
	freed_at = FullTransactionIdFromU64(taken->freed_at);
	if (!GlobalVisCheckRemovableFullXid(NULL, freed_at))
		return false;
	if (XLogStandbyInfoActive() && RelationNeedsWAL(rel))
		gv_base_log_page_reuse(rel, blkno, freed_at);
	return true;
}

/*
 * gv_ivf_new_buffer
 *		Return a page that is not in use, exclusively locked.
 *
 * list, generation: what it is for; GV_IVF_NO_LIST: for no list
 * look_for_free: among those that VACUUM has left
 */
Buffer
gv_ivf_new_buffer(GvIvfIndex *index, uint32 list, uint32 generation, bool look_for_free)
{
	BlockNumber passed[MAX_PASSED];
	int			n_passed = 0;
	Buffer		result = InvalidBuffer;

	while (look_for_free && n_passed < MAX_PASSED)
	{
		BlockNumber blkno = GetFreeIndexPage(index->rel);
		Buffer		buf;

		if (blkno == InvalidBlockNumber)
			break;
		/* the map is not logged: it may name pages that are in use, or are not there */
		if (blkno >= RelationGetNumberOfBlocks(index->rel))
			continue;
		buf = ReadBuffer(index->rel, blkno);
		if (ConditionalLockBuffer(buf))
		{
			bool		is_free = PageIsNew(BufferGetPage(buf)) ||
				gv_ivf_page_is(BufferGetPage(buf), GV_IVF_PAGE_FREE);

			if (is_free && may_use(index->rel, blkno, BufferGetPage(buf), list, generation))
			{
				result = buf;
				break;
			}
			UnlockReleaseBuffer(buf);
			if (is_free)
				passed[n_passed++] = blkno;
		}
		else
			ReleaseBuffer(buf);
	}
	/* others may use them */
	for (int i = 0; i < n_passed; i++)
		RecordFreeIndexPage(index->rel, passed[i]);
	return BufferIsValid(result) ? result : gv_am_new_buffer(index->rel, MAIN_FORKNUM);
}

/*
 * gv_ivf_init_rows_page
 *		Make a page an empty page of rows or of vectors.
 */
void
gv_ivf_init_rows_page(Page page, GvIvfPageKind kind, uint32 list, uint32 generation)
{
	GvIvfRowsPage rows = gv_ivf_page_rows(page);

	gv_ivf_init_page(page, kind);
	memset(rows, 0, sizeof(*rows));
	rows->next = InvalidBlockNumber;
	rows->list = list;
	rows->generation = generation;
	rows->vectors_blkno = InvalidBlockNumber;
	((PageHeader) page)->pd_lower = (char *) (rows + 1) - (char *) page;
}

/*
 * gv_ivf_write_long_value
 *		Write a vector longer than a page; returns the first of its pages, to
 *		which nothing refers yet.
 */
BlockNumber
gv_ivf_write_long_value(GvIvfIndex *index, const char *value, uint32 list, uint32 generation,
						bool is_logged)
{
	Size		n_bytes = index->layout.value_bytes;
	Size		n_pages = (n_bytes + GV_IVF_ROWS_ROOM - 1) / GV_IVF_ROWS_ROOM;
	BlockNumber next = InvalidBlockNumber;

	/* the last page first, so that each knows the next */
	for (Size i = n_pages; i > 0; i--)
	{
		Size		start = (i - 1) * GV_IVF_ROWS_ROOM;
		Size		n = Min(n_bytes - start, GV_IVF_ROWS_ROOM);
		GvIvfEdit	edit;
		Buffer		buf = gv_ivf_new_buffer(index, list, generation, is_logged);
		Page		page;
		GvIvfRowsPage part;

		gv_ivf_edit_begin(&edit, index->rel, is_logged);
		page = gv_ivf_edit_page(&edit, buf, true);
		gv_ivf_init_rows_page(page, GV_IVF_PAGE_PART, list, generation);
		part = gv_ivf_page_rows(page);
		part->next = next;
		part->n_rows = n;
		memcpy(part + 1, value + start, n);
		((PageHeader) page)->pd_lower = (char *) (part + 1) + n - (char *) page;
		next = BufferGetBlockNumber(buf);
		gv_ivf_edit_finish(&edit);
	}
	return next;
}

/*
 * gv_ivf_put_value
 *		Write a vector into the next slot of a page, which has one; returns it.
 */
int
gv_ivf_put_value(const GvIvfLayout *layout, Page page, const char *value)
{
	GvIvfRowsPage vectors = gv_ivf_page_rows(page);
	int			slot = vectors->n_rows++;

	memcpy(gv_ivf_value_slot(layout, vectors, slot), value, layout->value_bytes);
	((PageHeader) page)->pd_lower =
		gv_ivf_value_slot(layout, vectors, vectors->n_rows) - (char *) page;
	return slot;
}

/* Is a page one of those that an edit has locked? */
static bool
has_page(const GvIvfEdit *edit, BlockNumber blkno)
{
	for (int i = 0; i < edit->n; i++)
	{
		if (BufferGetBlockNumber(edit->buf[i]) == blkno)
			return true;
	}
	return false;
}

/*
 * Put a row's vector into the list's page of vectors, or a new one.
 *
 * rows: the page of the row, whose page of vectors may change
 */
static GvIvfPlace
add_value(GvIvfIndex *index, GvIvfEdit *edit, GvIvfRowsPage rows, const char *value)
{
	const GvIvfLayout *layout = &index->layout;
	Buffer		buf = InvalidBuffer;
	GvIvfRowsPage vectors;
	Page		page;
	GvIvfPlace	result;

	if (rows->vectors_blkno != InvalidBlockNumber)
	{
		/* waiting for a page that this process has locked would never end */
		if (has_page(edit, rows->vectors_blkno))
			gv_ivf_report_corruption(index->rel, rows->vectors_blkno,
									 "It is a page of rows and of their vectors.");
		gv_am_check_block(index->rel, rows->vectors_blkno);
		buf = gv_am_read_buffer(index->hints, index->rel, rows->vectors_blkno);
		LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
		page = BufferGetPage(buf);
		vectors = gv_ivf_page_rows(page);
		if (!gv_ivf_page_is(page, GV_IVF_PAGE_VECTORS) || vectors->list != rows->list ||
			vectors->generation != rows->generation || vectors->n_rows >= layout->values_per_page)
		{
			UnlockReleaseBuffer(buf);
			buf = InvalidBuffer;
		}
	}
	if (BufferIsValid(buf))
		page = gv_ivf_edit_page(edit, buf, false);
	else
	{
		buf = gv_ivf_new_buffer(index, rows->list, rows->generation, true);
		page = gv_ivf_edit_page(edit, buf, true);
		gv_ivf_init_rows_page(page, GV_IVF_PAGE_VECTORS, rows->list, rows->generation);
		rows->vectors_blkno = BufferGetBlockNumber(buf);
	}
	result.blkno = BufferGetBlockNumber(buf);
	result.slot = gv_ivf_put_value(layout, page, value);
	return result;
}

/*
 * gv_ivf_put_row
 *		Write a row into the next lane of a page of rows, which has one.
 */
void
gv_ivf_put_row(const GvIvfIndex *index, Page page, const GvIvfRow *row, GvIvfPlace place)
{
	const GvIvfLayout *layout = &index->layout;
	GvIvfRowsPage rows = gv_ivf_page_rows(page);
	int			lane = rows->n_rows % layout->lanes;
	char	   *block = gv_ivf_block(layout, rows, rows->n_rows / layout->lanes);
	uint8	   *codes = gv_ivf_block_codes(layout, block);

	if (lane == 0)
		memset(block, 0, layout->block_size);
	gv_ivf_block_tids(block)[lane] = row->tid;
	memcpy(codes + lane * layout->row_code_bytes, row->code, layout->row_code_bytes);
	if (gv_ivf_has_codes(layout))
	{
		gv_ivf_block_add(layout, block)[lane] = row->factors.add;
		gv_ivf_block_rescale(layout, block)[lane] = row->factors.rescale;
		gv_ivf_block_error(layout, block)[lane] = row->factors.error;
	}
	if (gv_ivf_keeps_values(layout))
	{
		gv_ivf_block_places(layout, block)[lane] = place.blkno;
		gv_ivf_block_slots(layout, block)[lane] = place.slot;
	}
	for (int i = 0; i < layout->n_filters; i++)
	{
		uint64	   *nulls = (uint64 *) (block + layout->null_offset[i]);
		int			width = layout->filter_width[i];

		if (row->filters->nulls & ((uint32) 1 << i))
			*nulls |= UINT64CONST(1) << lane;
		gv_am_filter_put_word(block + layout->word_offset[i] + lane * width, width,
							  row->filters->word[i]);
	}
	rows->n_rows++;

	/* a full block is made one for FastScan */
	if (layout->code_dims > 0 && lane == layout->lanes - 1)
	{
		uint8	   *copy = palloc(layout->lanes * layout->row_code_bytes);

		memcpy(copy, codes, layout->lanes * layout->row_code_bytes);
		gv_rabitq_put_lanes(codes, copy, layout->lanes, layout->code_dims);
		pfree(copy);
	}
	((PageHeader) page)->pd_lower = block + layout->block_size - (char *) page;
}

/*
 * gv_ivf_get_row
 *		Read a row of a block, all but its code and value.
 *
 * row: its filters have room
 */
void
gv_ivf_get_row(const GvIvfLayout *layout, char *block, int lane, GvIvfRow *row,
			   GvIvfPlace *place)
{
	GvAmFilterRow *filters = (GvAmFilterRow *) row->filters;

	row->tid = gv_ivf_block_tids(block)[lane];
	if (gv_ivf_has_codes(layout))
	{
		row->factors.add = gv_ivf_block_add(layout, block)[lane];
		row->factors.rescale = gv_ivf_block_rescale(layout, block)[lane];
		row->factors.error = gv_ivf_block_error(layout, block)[lane];
	}
	if (gv_ivf_keeps_values(layout))
	{
		place->blkno = gv_ivf_block_places(layout, block)[lane];
		place->slot = gv_ivf_block_slots(layout, block)[lane];
	}
	filters->nulls = 0;
	for (int i = 0; i < layout->n_filters; i++)
	{
		int			width = layout->filter_width[i];

		if (*(uint64 *) (block + layout->null_offset[i]) & (UINT64CONST(1) << lane))
			filters->nulls |= (uint32) 1 << i;
		filters->word[i] = gv_am_filter_get_word(block + layout->word_offset[i] + lane * width,
												 width);
	}
}

/*
 * gv_ivf_block_rows
 *		Read the codes of a block row by row.
 *
 * n: rows of the block
 * codes: uint8[lanes][row_code_bytes], written
 */
void
gv_ivf_block_rows(const GvIvfLayout *layout, char *block, int n, uint8 *codes)
{
	if (layout->code_dims > 0 && n == layout->lanes)
	{
		for (int lane = 0; lane < n; lane++)
			gv_rabitq_get_lane(gv_ivf_block_codes(layout, block), lane,
							   codes + (Size) lane * layout->row_code_bytes, layout->code_dims);
	}
	else
		memcpy(codes, gv_ivf_block_codes(layout, block), n * layout->row_code_bytes);
}

/* Lock the last page of a list for writing; entry's tail becomes that page */
static Buffer
lock_tail(GvIvfIndex *index, GvIvfListData *entry, uint32 list)
{
	for (BlockNumber n_read = 0;; n_read++)
	{
		Buffer		buf;
		Page		page;
		GvIvfRowsPage rows;

		gv_am_check_block(index->rel, entry->tail);
		buf = gv_am_read_buffer(index->hints, index->rel, entry->tail);
		LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
		page = BufferGetPage(buf);
		rows = gv_ivf_page_rows(page);
		if (!gv_ivf_page_is(page, GV_IVF_PAGE_ROWS) || rows->list != list ||
			rows->generation != entry->generation || rows->n_rows > index->layout.rows_per_page ||
			(n_read > 1000 && n_read > RelationGetNumberOfBlocks(index->rel)))
			gv_ivf_report_corruption(index->rel, entry->tail, "It is not a page of its list.");
		if (rows->next == InvalidBlockNumber)
			return buf;
		entry->tail = rows->next;
		UnlockReleaseBuffer(buf);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * gv_ivf_append
 *		Add a row to a list.
 *
 * entry: of the directory; its tail becomes the page of the row
 * directory: page of the list's entry
 *
 * The caller holds the lock of the list, or writes the whole index anew.
 */
void
gv_ivf_append(GvIvfIndex *index, GvIvfListData *entry, uint32 list, BlockNumber directory,
			  const GvIvfRow *row)
{
	const GvIvfLayout *layout = &index->layout;
	GvIvfPlace	place = {InvalidBlockNumber, 0};
	bool		is_long = gv_ivf_keeps_values(layout) && layout->values_per_page == 0;
	GvIvfEdit	edit;
	Buffer		buf;
	Page		page;

	if (is_long)
		place.blkno = gv_ivf_write_long_value(index, row->value, list, entry->generation, true);

	buf = lock_tail(index, entry, list);
	gv_ivf_edit_begin(&edit, index->rel, true);
	page = gv_ivf_edit_page(&edit, buf, false);
	if (gv_ivf_page_rows(page)->n_rows >= layout->rows_per_page)
	{
		Buffer		next_buf = gv_ivf_new_buffer(index, list, entry->generation, true);
		Page		next_page = gv_ivf_edit_page(&edit, next_buf, true);
		Buffer		list_buf;
		GvIvfChainPage chain;

		gv_ivf_init_rows_page(next_page, GV_IVF_PAGE_ROWS, list, entry->generation);
		gv_ivf_page_rows(next_page)->vectors_blkno = gv_ivf_page_rows(page)->vectors_blkno;
		gv_ivf_page_rows(page)->next = BufferGetBlockNumber(next_buf);
		entry->tail = BufferGetBlockNumber(next_buf);
		if (gv_ivf_keeps_values(layout) && !is_long)
			place = add_value(index, &edit, gv_ivf_page_rows(next_page), row->value);
		gv_ivf_put_row(index, next_page, row, place);
		list_buf = ReadBuffer(index->rel, directory);
		LockBuffer(list_buf, BUFFER_LOCK_EXCLUSIVE);
		chain = gv_ivf_page_chain(gv_ivf_edit_page(&edit, list_buf, false));
		((GvIvfList) (chain + 1))[list % GV_IVF_LISTS_PER_PAGE].tail = entry->tail;
	}
	else
	{
		if (gv_ivf_keeps_values(layout) && !is_long)
			place = add_value(index, &edit, gv_ivf_page_rows(page), row->value);
		gv_ivf_put_row(index, page, row, place);
	}
	gv_ivf_edit_finish(&edit);
}

/* Read a vector longer than a page; false if its pages are others' by now */
static bool
read_long_value(GvIvfIndex *index, uint32 list, uint32 generation, BlockNumber blkno, char *out)
{
	Size		n_bytes = index->layout.value_bytes;

	for (Size done = 0; done < n_bytes;)
	{
		Buffer		buf;
		GvIvfRowsPage part;
		bool		is_valid;

		if (!gv_am_has_block(index->hints, index->rel, blkno))
			return false;
		buf = gv_am_read_buffer(index->hints, index->rel, blkno);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		part = gv_ivf_page_rows(BufferGetPage(buf));
		is_valid = gv_ivf_page_is(BufferGetPage(buf), GV_IVF_PAGE_PART) && part->list == list &&
			part->generation == generation &&
			part->n_rows == Min(n_bytes - done, GV_IVF_ROWS_ROOM);
		if (is_valid)
		{
			memcpy(out + done, part + 1, part->n_rows);
			done += part->n_rows;
			blkno = part->next;
		}
		UnlockReleaseBuffer(buf);
		if (!is_valid)
			return false;
	}
	return true;
}

/*
 * gv_ivf_read_value
 *		Read the vector of a row that was found in a list.
 *
 * generation: of the list when the row was found
 * out: char[value_bytes], written
 *
 * Returns false if it is not there any more, since the list was written anew.
 */
bool
gv_ivf_read_value(GvIvfIndex *index, uint32 list, uint32 generation, BlockNumber blkno,
				  int slot, char *out)
{
	const GvIvfLayout *layout = &index->layout;
	Buffer		buf;
	Page		page;
	GvIvfRowsPage rows;
	bool		is_valid;

	if (!gv_am_has_block(index->hints, index->rel, blkno))
		return false;
	if (layout->values_per_page == 0)
		return read_long_value(index, list, generation, blkno, out);
	buf = gv_am_read_buffer(index->hints, index->rel, blkno);
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buf);
	rows = gv_ivf_page_rows(page);
	is_valid = gv_ivf_page_is(page, GV_IVF_PAGE_VECTORS) && rows->list == list &&
		rows->generation == generation && slot < rows->n_rows &&
		rows->n_rows <= layout->values_per_page;
	if (is_valid)
		memcpy(out, gv_ivf_value_slot(layout, rows, slot), layout->value_bytes);
	UnlockReleaseBuffer(buf);
	return is_valid;
}
