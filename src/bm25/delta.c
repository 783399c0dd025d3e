/*-------------------------------------------------------------------------
 *
 * delta.c
 *		Rows that are in no segment yet: lanes.
 *
 * A lane is a chain of pages to which one backend at a time appends, under the
 * lock of its first page; the backend's number says which lane.  What a row
 * needs stands in one page, or for a long row in pages of its own that are
 * written before, so that a row is there with one record.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

#include "am/sort.h"
#include "am/testpoint.h"
#include "bm25/delta.h"
#include "bm25/invert.h"
#include "bm25/positions.h"

/* Pages of long rows, not yet led to, are known by this lock; see README.md */
#define LONG_ROW_TAG GV_BM25_FREE_BLKNO

/* Bytes that a long row's term takes in memory at most, for its limit */
#define MAX_ROW_SIZE (256 * 1024 * 1024)

static GvBm25LanePage
lane_page(Page page)
{
	return (GvBm25LanePage) gv_bm25_page(page);
}

static char *
lane_bytes(Page page)
{
	return (char *) (lane_page(page) + 1);
}

/* Initialize a page of a lane, or of a long row */
static void
init_lane_page(Page page, GvBm25PageKind kind, uint32 owner, uint32 place)
{
	GvBm25LanePage lane;

	gv_bm25_init_page(page, kind, owner, place);
	lane = lane_page(page);
	lane->next = InvalidBlockNumber;
	lane->tail = InvalidBlockNumber;
	lane->n_pages = 1;
	lane->n_bytes = 0;
	lane->flags = 0;
	((PageHeader) page)->pd_lower = lane_bytes(page) - (char *) page;
}

/* Append bytes to a page with room for them */
static void
append_bytes(Page page, const void *bytes, uint32 n)
{
	GvBm25LanePage lane = lane_page(page);

	Assert(lane->n_bytes + n <= GV_BM25_LANE_ROOM);
	memcpy(lane_bytes(page) + lane->n_bytes, bytes, n);
	lane->n_bytes += n;
	((PageHeader) page)->pd_lower = lane_bytes(page) + lane->n_bytes - (char *) page;
}

static int
compare_hashes(const void *a, const void *b)
{
	uint32		x = (uint32) ((const GvBm25Term *) a)->hash;
	uint32		y = (uint32) ((const GvBm25Term *) b)->hash;

	return x < y ? -1 : x > y;
}

/* Make the bytes of a row, in the current memory context */
static GvBm25Row
make_row(const GvBm25Index *index, const GvBm25Document *document, const char *filters,
		 ItemPointer tid)
{
	int			n = document->n_terms;
	uint32		head_size = sizeof(GvBm25RowData) + gv_bm25_filters_size(index);
	Size		size = head_size + n * sizeof(uint32) + sizeof(uint32);
	GvBm25Term *terms = MemoryContextAllocHuge(CurrentMemoryContext,
											   (Size) n * sizeof(GvBm25Term));
	GvBm25Bytes positions = {0};	/* of all lexemes, and where those of each end */
	Size	   *ends = NULL;
	GvBm25Row	row;
	uint32	   *hashes;
	uint8	   *out;

	memcpy(terms, document->terms, (Size) n * sizeof(GvBm25Term));
	gv_am_sort(terms, n, sizeof(GvBm25Term), compare_hashes);
	if (gv_bm25_has_positions(index))
		ends = MemoryContextAllocHuge(CurrentMemoryContext, (Size) n * sizeof(Size));
	for (int i = 0; i < n; i++)
	{
		size += 2 * GV_BM25_MAX_VARINT + terms[i].len;
		if (ends == NULL)
			continue;
		gv_bm25_append_positions(&positions, &terms[i]);
		ends[i] = positions.n;
	}
	if (ends != NULL)
		size += (Size) n * GV_BM25_MAX_VARINT + positions.n;
	if (size > MAX_ROW_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("row has too many different words for a bm25 index"),
				 errdetail("They take %zu bytes, the limit is %d.", size, MAX_ROW_SIZE)));

	row = palloc0(size);
	row->length = document->length;
	row->n_terms = n;
	row->tid = *tid;
	if (index->filters.n > 0)
		memcpy(row + 1, filters, index->filters.packed_size);
	hashes = (uint32 *) ((char *) row + head_size);
	out = (uint8 *) (hashes + n);
	for (int i = 0; i < n; i++)
	{
		hashes[i] = (uint32) terms[i].hash;
		out = gv_bm25_put_varint(out, terms[i].tf);
		out = gv_bm25_put_varint(out, terms[i].len);
		memcpy(out, terms[i].lexeme, terms[i].len);
		out += terms[i].len;
		if (ends != NULL)
		{
			Size		start = i == 0 ? 0 : ends[i - 1];

			out = gv_bm25_put_varint(out, (uint32) (ends[i] - start));
			memcpy(out, positions.bytes + start, ends[i] - start);
			out += ends[i] - start;
		}
	}
	row->size = TYPEALIGN(sizeof(uint32), out - (uint8 *) row);
	pfree(terms);
	return row;
}

/*
 * Return a page for a lane or a long row, exclusively locked: a free one if there is
 * any and nobody writes a segment, else a new one.
 *
 * Where the list is damaged its page may be one that the caller has locked, so
 * nothing waits for it.
 *
 * *free_buf: the list of free pages, exclusively locked, whose last page it is,
 *		under the merge lock; InvalidBuffer if it is a new page
 */
static Buffer
take_page(GvBm25Index *index, Buffer *free_buf)
{
	GvBm25FreePage list;

	*free_buf = InvalidBuffer;
	if (!ConditionalLockPage(index->rel, GV_BM25_META_BLKNO, ExclusiveLock))
		return gv_am_new_buffer(index->rel, MAIN_FORKNUM);
	*free_buf = ReadBuffer(index->rel, GV_BM25_FREE_BLKNO);
	LockBuffer(*free_buf, BUFFER_LOCK_EXCLUSIVE);
	list = (GvBm25FreePage) gv_am_page_content(BufferGetPage(*free_buf));
	if (gv_bm25_page_is(BufferGetPage(*free_buf), GV_BM25_PAGE_FREE) &&
		list->n_extents > 0 && list->n_extents <= GV_BM25_MAX_FREE_EXTENTS)
	{
		const GvBm25ExtentData *last = &list->extent[list->n_extents - 1];

		if (last->start > GV_BM25_FREE_BLKNO && last->n > 0 &&
			(uint64) last->start + last->n <= RelationGetNumberOfBlocks(index->rel))
		{
			Buffer		buf = ReadBufferExtended(index->rel, MAIN_FORKNUM,
												 last->start + last->n - 1,
												 RBM_ZERO_ON_ERROR, NULL);

			if (ConditionalLockBuffer(buf))
				return buf;
			ReleaseBuffer(buf);
		}
	}
	UnlockReleaseBuffer(*free_buf);
	*free_buf = InvalidBuffer;
	gv_bm25_unlock_merge(index->rel);
	return gv_am_new_buffer(index->rel, MAIN_FORKNUM);
}

/* Take the page that take_page has returned out of the list of free pages */
static void
drop_from_list(GvXlog *xlog, Buffer free_buf)
{
	Page		page;
	GvBm25FreePage list;

	if (!BufferIsValid(free_buf))
		return;
	page = gv_xlog_page(xlog, free_buf);
	list = (GvBm25FreePage) gv_am_page_content(page);
	if (--list->extent[list->n_extents - 1].n == 0)
		list->n_extents--;
	((PageHeader) page)->pd_lower = (char *) (list->extent + list->n_extents) - (char *) page;
}

/* Release what take_page has locked beside the page */
static void
release_list(GvBm25Index *index, Buffer free_buf)
{
	if (!BufferIsValid(free_buf))
		return;
	UnlockReleaseBuffer(free_buf);
	gv_bm25_unlock_merge(index->rel);
}

/* Write a long row's terms to pages that nothing leads to yet */
static GvBm25Row
write_long_row(GvBm25Index *index, const GvBm25RowData *row)
{
	uint32		head_size = sizeof(GvBm25RowData) + gv_bm25_filters_size(index);
	GvBm25Row	result = palloc0(head_size + sizeof(GvBm25LongRowData));
	GvBm25LongRowData *target = (GvBm25LongRowData *) ((char *) result + head_size);
	const char *bytes = (const char *) row + head_size;
	uint32		n_bytes = row->size - head_size;
	uint32		n_pages = (n_bytes + GV_BM25_LANE_ROOM - 1) / GV_BM25_LANE_ROOM;
	BlockNumber next = InvalidBlockNumber;

	memcpy(result, row, head_size);
	result->size = head_size + sizeof(GvBm25LongRowData);
	result->flags = GV_BM25_ROW_LONG;
	target->id = gv_bm25_take_id(index);
	target->n_bytes = n_bytes;

	/* the last page first, so that each knows the next */
	for (uint32 i = n_pages; i-- > 0;)
	{
		uint32		start = i * GV_BM25_LANE_ROOM;
		Buffer		free_buf;
		Buffer		buf;
		GvXlog	   *xlog;
		Page		page;

		CHECK_FOR_INTERRUPTS();
		buf = take_page(index, &free_buf);
		xlog = gv_xlog_begin(index->rel);
		drop_from_list(xlog, free_buf);
		page = gv_xlog_new_page(xlog, buf);
		init_lane_page(page, GV_BM25_PAGE_LONG_ROW, target->id, i);
		lane_page(page)->next = next;
		append_bytes(page, bytes + start, Min(GV_BM25_LANE_ROOM, n_bytes - start));
		gv_xlog_finish(xlog);
		next = BufferGetBlockNumber(buf);
		UnlockReleaseBuffer(buf);
		release_list(index, free_buf);
	}
	target->first = next;
	return result;
}

/* Begin a lane if there is none; the metapage's copy is read anew */
static void
begin_lane(GvBm25Index *index, int which)
{
	Buffer		meta_buf = ReadBuffer(index->rel, GV_BM25_META_BLKNO);
	GvBm25MetaPage meta;

	LockBuffer(meta_buf, BUFFER_LOCK_EXCLUSIVE);
	meta = (GvBm25MetaPage) gv_am_page_content(BufferGetPage(meta_buf));
	if (meta->lane[which].head == InvalidBlockNumber)
	{
		Buffer		free_buf;
		Buffer		buf = take_page(index, &free_buf);
		GvXlog	   *xlog = gv_xlog_begin(index->rel);
		Page		page;

		drop_from_list(xlog, free_buf);
		meta = (GvBm25MetaPage) gv_am_page_content(gv_xlog_page(xlog, meta_buf));
		page = gv_xlog_new_page(xlog, buf);
		meta->lane[which].head = BufferGetBlockNumber(buf);
		meta->lane[which].id = meta->next_id++;
		init_lane_page(page, GV_BM25_PAGE_LANE, meta->lane[which].id, 0);
		lane_page(page)->tail = BufferGetBlockNumber(buf);
		gv_xlog_finish(xlog);
		UnlockReleaseBuffer(buf);
		release_list(index, free_buf);
	}
	UnlockReleaseBuffer(meta_buf);
	gv_bm25_read_meta(index);
}

/*
 * Append a row to a lane.
 *
 * n_long_pages: of the row's own
 *
 * Returns false if the lane takes no more rows; *n_pages: of the lane and of its
 * long rows, as a query reads all of them
 */
static bool
append_row(GvBm25Index *index, const GvBm25LaneData *lane, const GvBm25RowData *row,
		   uint32 n_long_pages, uint32 *n_pages)
{
	Buffer		head_buf = gv_am_read_buffer(index->hints, index->rel, lane->head);
	Page		head = BufferGetPage(head_buf);
	Buffer		tail_buf = head_buf;
	GvXlog	   *xlog;

	LockBuffer(head_buf, BUFFER_LOCK_EXCLUSIVE);
	if (!gv_bm25_page_is(head, GV_BM25_PAGE_LANE) || gv_bm25_page(head)->owner != lane->id ||
		(lane_page(head)->flags & GV_BM25_LANE_SEALED))
	{
		UnlockReleaseBuffer(head_buf);
		return false;
	}
	if (lane_page(head)->tail != lane->head)
	{
		tail_buf = gv_am_read_buffer(index->hints, index->rel, lane_page(head)->tail);
		LockBuffer(tail_buf, BUFFER_LOCK_EXCLUSIVE);
		if (!gv_bm25_page_is(BufferGetPage(tail_buf), GV_BM25_PAGE_LANE) ||
			gv_bm25_page(BufferGetPage(tail_buf))->owner != lane->id)
			gv_bm25_report_corruption(index->rel, lane_page(head)->tail,
									  "It is not the last page of a lane.");
	}
	*n_pages = lane_page(head)->n_pages + n_long_pages;

	if (lane_page(BufferGetPage(tail_buf))->n_bytes + row->size <= GV_BM25_LANE_ROOM)
	{
		xlog = gv_xlog_begin(index->rel);
		if (n_long_pages > 0)
			lane_page(gv_xlog_page(xlog, head_buf))->n_pages = *n_pages;
		append_bytes(gv_xlog_page(xlog, tail_buf), row, row->size);
		gv_xlog_finish(xlog);
	}
	else
	{
		Buffer		free_buf;
		Buffer		buf = take_page(index, &free_buf);
		Page		page;

		xlog = gv_xlog_begin(index->rel);
		drop_from_list(xlog, free_buf);
		head = gv_xlog_page(xlog, head_buf);
		lane_page(head)->tail = BufferGetBlockNumber(buf);
		lane_page(head)->n_pages = ++*n_pages;
		page = tail_buf == head_buf ? head : gv_xlog_page(xlog, tail_buf);
		lane_page(page)->next = BufferGetBlockNumber(buf);
		page = gv_xlog_new_page(xlog, buf);
		init_lane_page(page, GV_BM25_PAGE_LANE, lane->id, 0);
		append_bytes(page, row, row->size);
		gv_xlog_finish(xlog);
		UnlockReleaseBuffer(buf);
		release_list(index, free_buf);
	}
	if (tail_buf != head_buf)
		UnlockReleaseBuffer(tail_buf);
	UnlockReleaseBuffer(head_buf);
	return true;
}

/*
 * gv_bm25_delta_insert
 *		Add a row to a lane.
 *
 * filters: packed words of its filter columns
 *
 * Returns true if the lane should become a segment.
 */
bool
gv_bm25_delta_insert(GvBm25Index *index, const GvBm25Document *document, const char *filters,
					 ItemPointer tid)
{
	GvBm25Row	row = make_row(index, document, filters, tid);
	int			which = MyProcPid % GV_BM25_LANES;
	bool		is_long = row->size > GV_BM25_LANE_ROOM;
	uint32		n_long_pages = 0;
	uint32		n_pages;

	if (is_long)
	{
		LockPage(index->rel, LONG_ROW_TAG, ShareLock);
		n_long_pages = row->size / GV_BM25_LANE_ROOM;
		row = write_long_row(index, row);
		GV_TEST_POINT("bm25-long-row");
	}
	GV_TEST_POINT("bm25-insert-lane");
	while (index->meta.lane[which].head == InvalidBlockNumber ||
		   !append_row(index, &index->meta.lane[which], row, n_long_pages, &n_pages))
	{
		GvBm25LaneData lane = index->meta.lane[which];

		CHECK_FOR_INTERRUPTS();
		gv_bm25_read_meta(index);
		if (index->meta.lane[which].head == InvalidBlockNumber)
			begin_lane(index, which);
		else if (index->meta.lane[which].head == lane.head &&
				 index->meta.lane[which].id == lane.id)
			gv_bm25_report_corruption(index->rel, lane.head,
									  "It is not the first page of a lane.");
	}
	if (is_long)
		UnlockPage(index->rel, LONG_ROW_TAG, ShareLock);
	return n_pages >= GV_BM25_LANE_PAGES;
}

/* Copy a page of the lane being read */
static void
copy_lane_page(GvBm25DeltaScan *scan, BlockNumber blkno)
{
	Buffer		buf = gv_bm25_lock_page(scan->index, blkno, GV_BM25_PAGE_LANE, scan->owner, 0);
	Page		page = BufferGetPage(buf);
	uint32		n_bytes = lane_page(page)->n_bytes;
	bool		is_valid = n_bytes <= GV_BM25_LANE_ROOM;

	if (is_valid)
		memcpy(scan->page.data, page, lane_bytes(page) + n_bytes - (char *) page);
	UnlockReleaseBuffer(buf);
	if (!is_valid)
		gv_bm25_report_corruption(scan->index->rel, blkno, "A page of a lane is not valid.");
	scan->block = blkno;
	scan->offset = 0;
	if (++scan->n_pages > RelationGetNumberOfBlocks(scan->index->rel))
		gv_bm25_report_corruption(scan->index->rel, blkno, "A lane has no end.");
}

/* Go to the next lane; false if there is none */
static bool
begin_next_lane(GvBm25DeltaScan *scan)
{
	const GvBm25MetaPageData *meta = &scan->index->meta;

	while (++scan->lane < scan->n_lanes)
	{
		const GvBm25LaneData *lane = scan->lane < meta->n_sealed ? &meta->sealed[scan->lane] :
			&meta->lane[scan->lane - meta->n_sealed];

		if (lane->head == InvalidBlockNumber)
			continue;
		scan->owner = lane->id;
		scan->head = lane->head;
		scan->n_pages = 0;
		scan->n_long_pages = 0;
		copy_lane_page(scan, lane->head);
		scan->least_pages = lane_page((Page) scan->page.data)->n_pages;
		return true;
	}
	return false;
}

/*
 * At the end of a lane: it has as many pages as it had when it was begun, or
 * more.  One that leaves some out may lose rows that are dead alone, which
 * count in scores.
 */
static void
end_lane(const GvBm25DeltaScan *scan)
{
	if ((uint64) scan->n_pages + scan->n_long_pages < scan->least_pages)
		gv_bm25_report_corruption(scan->index->rel, scan->head,
								  "A lane has fewer pages than its first page says.");
}

/*
 * gv_bm25_delta_begin
 *		Begin to read the rows of all lanes, by the metapage's copy.
 */
void
gv_bm25_delta_begin(GvBm25DeltaScan *scan, GvBm25Index *index)
{
	scan->index = index;
	scan->lane = -1;
	scan->n_lanes = index->meta.n_sealed + GV_BM25_LANES;
	scan->block = InvalidBlockNumber;
	scan->long_row = NULL;
	scan->long_size = 0;
}

/* Where the pages of a long row are, and how many bytes they hold */
static const GvBm25LongRowData *
long_row_of(const GvBm25DeltaScan *scan)
{
	return (const GvBm25LongRowData *) (scan->filters + gv_bm25_filters_size(scan->index));
}

/* Read the terms of a long row */
static void
read_long_row(GvBm25DeltaScan *scan, const GvBm25LongRowData *from)
{
	BlockNumber blkno = from->first;
	uint32		n = 0;

	if (scan->long_size < from->n_bytes)
	{
		if (scan->long_row != NULL)
			pfree(scan->long_row);
		scan->long_row = palloc(from->n_bytes);
		scan->long_size = from->n_bytes;
	}
	for (uint32 place = 0; n < from->n_bytes; place++, scan->n_long_pages++)
	{
		Buffer		buf = gv_bm25_lock_page(scan->index, blkno, GV_BM25_PAGE_LONG_ROW,
											from->id, place);
		Page		page = BufferGetPage(buf);
		uint32		n_bytes = lane_page(page)->n_bytes;
		bool		is_valid = n_bytes > 0 && n_bytes <= GV_BM25_LANE_ROOM &&
			n_bytes <= from->n_bytes - n;

		if (is_valid)
			memcpy(scan->long_row + n, lane_bytes(page), n_bytes);
		n += n_bytes;
		blkno = lane_page(page)->next;
		UnlockReleaseBuffer(buf);
		if (!is_valid)
			gv_bm25_report_corruption(scan->index->rel, blkno, "A long row is not valid.");
		CHECK_FOR_INTERRUPTS();
	}
	scan->hashes = (const uint32 *) scan->long_row;
	scan->end = (const uint8 *) scan->long_row + from->n_bytes;
}

/*
 * gv_bm25_delta_next
 *		Go to the next row, dead ones too; false at the end.
 */
bool
gv_bm25_delta_next(GvBm25DeltaScan *scan)
{
	GvBm25LanePage lane = lane_page((Page) scan->page.data);
	GvBm25Row	row;
	uint32		head_size = sizeof(GvBm25RowData) + gv_bm25_filters_size(scan->index);
	uint32		payload;

	while (scan->block == InvalidBlockNumber || scan->offset >= lane->n_bytes)
	{
		CHECK_FOR_INTERRUPTS();
		if (scan->block != InvalidBlockNumber && lane->next != InvalidBlockNumber)
		{
			copy_lane_page(scan, lane->next);
			continue;
		}
		if (scan->block != InvalidBlockNumber)
			end_lane(scan);
		if (!begin_next_lane(scan))
			return false;
	}

	row = (GvBm25Row) ((char *) (lane + 1) + scan->offset);
	if (lane->n_bytes - scan->offset < head_size ||
		row->size > lane->n_bytes - scan->offset || row->size < head_size ||
		row->size % sizeof(uint32) != 0 || row->n_terms == 0 || row->length == 0 ||
		((row->flags & GV_BM25_ROW_LONG) &&
		 row->size != head_size + sizeof(GvBm25LongRowData)) ||
		!ItemPointerIsValid(&row->tid))
		gv_bm25_report_corruption(scan->index->rel, scan->block, "A new row is not valid.");
	scan->row = row;
	scan->row_block = scan->block;
	scan->row_offset = scan->offset;
	scan->filters = (const char *) (row + 1);
	scan->offset += row->size;

	if (row->flags & GV_BM25_ROW_LONG)
	{
		const GvBm25LongRowData *from = long_row_of(scan);

		payload = from->n_bytes;
		if (payload == 0 || payload > MAX_ROW_SIZE)
			gv_bm25_report_corruption(scan->index->rel, scan->block, "A new row is not valid.");
		read_long_row(scan, from);
	}
	else
	{
		payload = row->size - head_size;
		scan->hashes = (const uint32 *) ((const char *) row + head_size);
		scan->end = (const uint8 *) row + row->size;
	}
	if (row->n_terms > payload / sizeof(uint32))
		gv_bm25_report_corruption(scan->index->rel, scan->block, "A new row is not valid.");
	scan->terms = (const uint8 *) (scan->hashes + row->n_terms);
	return true;
}

/*
 * gv_bm25_delta_term
 *		Read a lexeme of the row.
 *
 * in: scan->terms for the first, else what the call before returned
 */
const uint8 *
gv_bm25_delta_term(const GvBm25DeltaScan *scan, const uint8 *in, GvBm25RowTerm *term)
{
	in = gv_bm25_get_varint(in, scan->end, &term->tf);
	if (in != NULL)
		in = gv_bm25_get_varint(in, scan->end, &term->len);
	if (in == NULL || term->len == 0 || term->len > GV_BM25_MAX_LEXEME ||
		term->len > scan->end - in || term->tf == 0)
		gv_bm25_report_corruption(scan->index->rel, scan->row_block, "A new row is not valid.");
	term->lexeme = (const char *) in;
	in += term->len;
	term->positions = in;
	term->n_position_bytes = 0;
	if (!gv_bm25_has_positions(scan->index))
		return in;
	in = gv_bm25_get_varint(in, scan->end, &term->n_position_bytes);
	if (in == NULL || term->n_position_bytes > scan->end - in)
		gv_bm25_report_corruption(scan->index->rel, scan->row_block, "A new row is not valid.");
	term->positions = in;
	return in + term->n_position_bytes;
}

/*
 * gv_bm25_delta_check_positions
 *		Raise an error unless a lexeme of the row has as many positions as it
 *		should, if the index has any.
 */
void
gv_bm25_delta_check_positions(const GvBm25DeltaScan *scan, const GvBm25RowTerm *term)
{
	const uint8 *end = term->positions + term->n_position_bytes;

	if (gv_bm25_has_positions(scan->index) &&
		gv_bm25_skip_varints(term->positions, end, term->tf) != end)
		gv_bm25_report_corruption(scan->index->rel, scan->row_block, "A new row is not valid.");
}

/*
 * gv_bm25_seal_lanes
 *		Let the lanes take no more rows; the caller holds the merge lock.
 *
 * As many as the metapage has room for; the metapage's copy is read anew.
 */
void
gv_bm25_seal_lanes(GvBm25Index *index)
{
	for (int i = 0; i < GV_BM25_LANES; i++)
	{
		Buffer		meta_buf = ReadBuffer(index->rel, GV_BM25_META_BLKNO);
		GvBm25MetaPage meta;

		LockBuffer(meta_buf, BUFFER_LOCK_EXCLUSIVE);
		meta = (GvBm25MetaPage) gv_am_page_content(BufferGetPage(meta_buf));
		if (meta->lane[i].head != InvalidBlockNumber && meta->n_sealed < GV_BM25_MAX_SEALED)
		{
			Buffer		buf = ReadBuffer(index->rel, meta->lane[i].head);
			GvXlog	   *xlog;
			Page		page;

			LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
			if (!gv_bm25_page_is(BufferGetPage(buf), GV_BM25_PAGE_LANE) ||
				gv_bm25_page(BufferGetPage(buf))->owner != meta->lane[i].id)
				gv_bm25_report_corruption(index->rel, meta->lane[i].head,
										  "It is not the first page of a lane.");
			xlog = gv_xlog_begin(index->rel);
			meta = (GvBm25MetaPage) gv_am_page_content(gv_xlog_page(xlog, meta_buf));
			page = gv_xlog_page(xlog, buf);
			lane_page(page)->flags |= GV_BM25_LANE_SEALED;
			meta->sealed[meta->n_sealed++] = meta->lane[i];
			meta->lane[i].head = InvalidBlockNumber;
			meta->lane[i].id = 0;
			gv_xlog_finish(xlog);
			UnlockReleaseBuffer(buf);
		}
		UnlockReleaseBuffer(meta_buf);
	}
	gv_bm25_read_meta(index);
}

/*
 * gv_bm25_long_row_pages
 *		Add the pages of the scan's row, a long one, to a list.
 */
void
gv_bm25_long_row_pages(const GvBm25DeltaScan *scan, GvBm25Extents *pages)
{
	GvBm25Index *index = scan->index;
	const GvBm25LongRowData *row = long_row_of(scan);
	uint32		n_pages = (row->n_bytes + GV_BM25_LANE_ROOM - 1) / GV_BM25_LANE_ROOM;
	BlockNumber blkno = row->first;

	for (uint32 place = 0; place < n_pages; place++)
	{
		Buffer		buf = gv_bm25_lock_page(index, blkno, GV_BM25_PAGE_LONG_ROW, row->id, place);

		gv_bm25_extents_add(pages, blkno, 1);
		blkno = lane_page(BufferGetPage(buf))->next;
		UnlockReleaseBuffer(buf);
	}
}

/* A row of a sealed lane in memory */
typedef struct SealedRow
{
	ItemPointerData tid;
	uint32		length;
	uint32		n_terms;
	const uint8 *terms;			/* as gv_bm25_delta_term reads them */
	const uint8 *end;
	const uint32 *hashes;
	const char *filters;
} SealedRow;

static int
compare_rows(const void *a, const void *b)
{
	return ItemPointerCompare((ItemPointer) &((const SealedRow *) a)->tid,
							  (ItemPointer) &((const SealedRow *) b)->tid);
}

/*
 * gv_bm25_sealed_source
 *		Make a source of the rows of sealed lanes.
 *
 * removal: gets the lanes and their pages
 */
GvBm25Source *
gv_bm25_sealed_source(GvBm25Index *index, GvBm25Removal *removal)
{
	GvBm25DeltaScan *scan = palloc(sizeof(GvBm25DeltaScan));
	uint32		filters_size = gv_bm25_filters_size(index);
	GvBm25Invert *invert = gv_bm25_invert_create(index);
	BlockNumber last_block = InvalidBlockNumber;
	SealedRow  *rows = NULL;
	int			n_rows = 0;
	int			size = 0;

	for (int i = 0; i < index->meta.n_sealed; i++)
		removal->lane[removal->n_lanes++] = index->meta.sealed[i].id;
	gv_bm25_delta_begin(scan, index);
	scan->n_lanes = index->meta.n_sealed;
	while (gv_bm25_delta_next(scan))
	{
		Size		n_bytes = scan->end - (const uint8 *) scan->hashes;
		char	   *copy;

		if (scan->row_block != last_block)
			gv_bm25_extents_add(&removal->pages, scan->row_block, 1);
		last_block = scan->row_block;
		if (scan->row->flags & GV_BM25_ROW_LONG)
			gv_bm25_long_row_pages(scan, &removal->pages);
		if (scan->row->flags & GV_BM25_ROW_DEAD)
			continue;
		if (n_rows == size)
		{
			size = Max(256, size * 2);
			rows = rows == NULL ? palloc(size * sizeof(SealedRow)) :
				repalloc_huge(rows, (Size) size * sizeof(SealedRow));
		}
		copy = MemoryContextAllocHuge(CurrentMemoryContext, filters_size + n_bytes);
		memcpy(copy, scan->filters, filters_size);
		rows[n_rows].filters = copy;
		copy += filters_size;
		memcpy(copy, scan->hashes, n_bytes);
		rows[n_rows].tid = scan->row->tid;
		rows[n_rows].length = scan->row->length;
		rows[n_rows].n_terms = scan->row->n_terms;
		rows[n_rows].hashes = (const uint32 *) copy;
		rows[n_rows].terms = (const uint8 *) (rows[n_rows].hashes + scan->row->n_terms);
		rows[n_rows++].end = (const uint8 *) copy + n_bytes;
	}
	if (n_rows > 0)
		gv_am_sort(rows, n_rows, sizeof(SealedRow), compare_rows);
	for (int i = 0; i < n_rows; i++)
	{
		const uint8 *in = rows[i].terms;

		scan->end = rows[i].end;
		gv_bm25_invert_document(invert, &rows[i].tid, rows[i].length, rows[i].filters);
		for (uint32 j = 0; j < rows[i].n_terms; j++)
		{
			GvBm25RowTerm term;

			in = gv_bm25_delta_term(scan, in, &term);
			gv_bm25_delta_check_positions(scan, &term);
			gv_bm25_invert_term(invert, term.lexeme, term.len, rows[i].hashes[j], term.tf,
								term.positions);
		}
	}
	return gv_bm25_invert_source(invert);
}
