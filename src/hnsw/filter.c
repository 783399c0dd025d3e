/*-------------------------------------------------------------------------
 *
 * filter.c
 *		Pages of filters: the words of the nodes' filter columns.
 *
 * Words lie apart from the nodes, column by column, so that a scan can test
 * those of all nodes at the cost of reading some hundredths of the index; and
 * nodes are as small as without filter columns.
 *
 * Words of a node never change while it has rows.  Rows of one vector share a
 * node; if their words differ the node is marked as mixed, passes every filter,
 * and its rows are looked at in the table.
 *
 * A page of filters is locked after the page of the node.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/bufmgr.h"

#include "hnsw/filter.h"

/* A sweep asks the processor for pages of filters so many ahead */
#define SWEEP_AHEAD 2

/*
 * gv_hnsw_new_buffer
 *		Extend an index by a block for anything but filters; see
 *		gv_am_new_buffer.
 *
 * Blocks for pages of filters on the way stay empty until the first node that
 * they serve is written.
 */
Buffer
gv_hnsw_new_buffer(const GvHnswLayout *layout, Relation rel)
{
	Buffer		buf = gv_am_new_buffer(rel, MAIN_FORKNUM);

	while (gv_hnsw_is_filter_block(layout, BufferGetBlockNumber(buf)))
	{
		UnlockReleaseBuffer(buf);
		buf = gv_am_new_buffer(rel, MAIN_FORKNUM);
	}
	return buf;
}

/*
 * gv_hnsw_filter_init_page
 *		Make a page one of filters, without nodes.
 */
void
gv_hnsw_filter_init_page(const GvHnswLayout *layout, Page page)
{
	gv_hnsw_init_page(page, GV_HNSW_PAGE_FILTERS);
	memset(gv_am_page_content(page), 0, layout->filter_end);
	((PageHeader) page)->pd_lower = gv_am_page_content(page) + layout->filter_end -
		(char *) page;
}

static inline uint64 *
bitmap_at(Page page, int offset)
{
	return (uint64 *) (gv_am_page_content(page) + offset);
}

static inline bool
bit_is_set(const uint64 *bitmap, int bit)
{
	return (bitmap[bit / 64] >> (bit % 64)) & 1;
}

static inline void
set_bit(uint64 *bitmap, int bit, bool value)
{
	if (value)
		bitmap[bit / 64] |= (uint64) 1 << (bit % 64);
	else
		bitmap[bit / 64] &= ~((uint64) 1 << (bit % 64));
}

static inline char *
word_place(const GvHnswLayout *layout, Page page, int column, int slot)
{
	return gv_am_page_content(page) + layout->filter_word[column] +
		slot * layout->filter_width[column];
}

/*
 * gv_hnsw_filter_put
 *		Write the words of a node.
 */
void
gv_hnsw_filter_put(const GvHnswLayout *layout, Page page, int slot,
				   const GvAmFilterRow *row, bool mixed)
{
	set_bit(bitmap_at(page, 0), slot, true);
	set_bit(bitmap_at(page, layout->filter_mixed), slot, mixed);
	for (int i = 0; i < layout->n_filters; i++)
	{
		set_bit(bitmap_at(page, layout->filter_null[i]), slot, (row->nulls >> i) & 1);
		gv_am_filter_put_word(word_place(layout, page, i, slot), layout->filter_width[i],
							  row->word[i]);
	}
}

/*
 * gv_hnsw_filter_get
 *		Read the words of a node; false if the slot has none.
 */
bool
gv_hnsw_filter_get(const GvHnswLayout *layout, Page page, int slot, GvAmFilterRow *row,
				   bool *mixed)
{
	if (!gv_hnsw_page_is(page, GV_HNSW_PAGE_FILTERS) || !bit_is_set(bitmap_at(page, 0), slot))
		return false;
	*mixed = bit_is_set(bitmap_at(page, layout->filter_mixed), slot);
	row->nulls = 0;
	for (int i = 0; i < layout->n_filters; i++)
	{
		if (bit_is_set(bitmap_at(page, layout->filter_null[i]), slot))
			row->nulls |= (uint32) 1 << i;
		row->word[i] = gv_am_filter_get_word(word_place(layout, page, i, slot),
											 layout->filter_width[i]);
	}
	return true;
}

/*
 * gv_hnsw_filter_clear
 *		Forget the words of a slot that is freed.
 */
void
gv_hnsw_filter_clear(const GvHnswLayout *layout, Page page, int slot)
{
	GvAmFilterRow none = {0};

	gv_hnsw_filter_put(layout, page, slot, &none, false);
	set_bit(bitmap_at(page, 0), slot, false);
}

/*
 * gv_hnsw_filter_lock
 *		Lock the page of filters that serves a block of nodes, exclusively.
 */
Buffer
gv_hnsw_filter_lock(GvHnswIndex *index, BlockNumber blkno)
{
	Buffer		buf = ReadBuffer(index->rel, gv_hnsw_filter_block(&index->layout, blkno));

	if (!gv_am_lock_once(buf) ||
		(!PageIsNew(BufferGetPage(buf)) &&
		 !gv_hnsw_page_is(BufferGetPage(buf), GV_HNSW_PAGE_FILTERS)))
		gv_hnsw_report_corruption(index->rel, BufferGetBlockNumber(buf),
								  "It is not a page of filters.");
	return buf;
}

/*
 * gv_hnsw_filter_write
 *		Write the words of a new node.
 *
 * xlog: the record under way, which covers the node's page
 * buf: locked by gv_hnsw_filter_lock
 */
void
gv_hnsw_filter_write(GvHnswIndex *index, GvXlog *xlog, Buffer buf, uint32 id,
					 const GvAmFilterRow *row)
{
	Page		page;

	if (PageIsNew(BufferGetPage(buf)))
	{
		page = gv_xlog_new_page(xlog, buf);
		gv_hnsw_filter_init_page(&index->layout, page);
	}
	else
		page = gv_xlog_page(xlog, buf);
	gv_hnsw_filter_put(&index->layout, page, gv_hnsw_filter_slot(&index->layout, id), row,
					   false);
}

/*
 * gv_hnsw_filter_note_row
 *		Mark a node as mixed if a row that is about to join it has other words.
 *
 * xlog: the record under way that adds the row: a mixed node has a chunk of tids
 *
 * The caller holds an exclusive lock on the node's page.  Returns the page of
 * filters, locked until the record is written, if it changes, else none.
 */
Buffer
gv_hnsw_filter_note_row(GvHnswIndex *index, GvXlog *xlog, uint32 id,
						const GvAmFilterRow *row)
{
	const GvHnswLayout *layout = &index->layout;
	Buffer		buf = gv_hnsw_filter_lock(index, gv_hnsw_id_block(layout, id));
	int			slot = gv_hnsw_filter_slot(layout, id);
	GvAmFilterRow there;
	bool		mixed;

	if (!gv_hnsw_filter_get(layout, BufferGetPage(buf), slot, &there, &mixed))
		gv_hnsw_report_corruption(index->rel, BufferGetBlockNumber(buf),
								  "A node's filter columns are not there.");
	if (mixed || gv_am_filter_rows_equal(&index->filters, &there, row))
	{
		UnlockReleaseBuffer(buf);
		return InvalidBuffer;
	}
	set_bit(bitmap_at(gv_xlog_page(xlog, buf), layout->filter_mixed), slot, true);
	return buf;
}

/*
 * gv_hnsw_filter_node_passes
 *		Does a node pass a filter?
 *
 * The caller holds no lock.  The slot may have been freed and taken by another
 * node since the caller saw it: then the rows that he saw are dead.
 */
GvHnswPasses
gv_hnsw_filter_node_passes(GvHnswIndex *index, const GvAmFilter *filter, uint32 id)
{
	BlockNumber blkno = gv_hnsw_filter_block(&index->layout,
											 gv_hnsw_id_block(&index->layout, id));
	GvAmFilterRow row;
	bool		mixed;
	bool		found;
	Buffer		buf = gv_am_read_buffer(index->hints, index->rel, blkno);

	LockBuffer(buf, BUFFER_LOCK_SHARE);
	found = gv_hnsw_filter_get(&index->layout, BufferGetPage(buf),
							   gv_hnsw_filter_slot(&index->layout, id), &row, &mixed);
	UnlockReleaseBuffer(buf);
	if (!found)
		return GV_HNSW_PASSES_NOT;
	if (mixed)
		return GV_HNSW_PASSES_MAYBE;
	return gv_am_filter_passes(filter, &row) ? GV_HNSW_PASSES : GV_HNSW_PASSES_NOT;
}

/* Nodes of pages of filters that were tested */
typedef struct TestCounts
{
	int64		used;			/* slots that hold a node */
	int64		mixed;			/* of these */
	int64		sure;			/* that are not mixed and pass */
} TestCounts;

/* The part of the nodes that are not mixed that passes; 1 if there are none */
static double
get_sure_part(const TestCounts *counts)
{
	return counts->used > counts->mixed ?
		(double) counts->sure / (counts->used - counts->mixed) : 1;
}

/*
 * Test all nodes of a page of filters; false if it has none.
 *
 * passing: uint64[(filter_slots + 63) / 64], written
 * counts: added to
 */
static bool
test_page(GvHnswIndex *index, const GvAmFilter *filter, BlockNumber blkno, uint64 *passing,
		  TestCounts *counts)
{
	const GvHnswLayout *layout = &index->layout;
	int			n_words = (layout->filter_slots + 63) / 64;
	Buffer		buf = gv_am_read_buffer(index->hints, index->rel, blkno);
	Page		page;
	uint64	   *used;
	uint64	   *mixed;

	LockBuffer(buf, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buf);
	if (!gv_hnsw_page_is(page, GV_HNSW_PAGE_FILTERS))
	{
		bool		is_new = PageIsNew(page);

		UnlockReleaseBuffer(buf);
		if (!is_new)
			gv_hnsw_report_corruption(index->rel, blkno, "It is not a page of filters.");
		return false;
	}
	used = bitmap_at(page, 0);
	mixed = bitmap_at(page, layout->filter_mixed);
	for (int i = 0; i < n_words; i++)
	{
		passing[i] = used[i] & ~mixed[i];
		counts->used += pg_popcount64(used[i]);
		counts->mixed += pg_popcount64(used[i] & mixed[i]);
	}
	for (int i = 0; i < filter->n_keys; i++)
	{
		const GvAmFilterKey *key = &filter->key[i];

		gv_am_filter_test_words(key, layout->filter_width[key->column],
								word_place(layout, page, key->column, 0),
								bitmap_at(page, layout->filter_null[key->column]),
								layout->filter_slots, passing);
	}
	for (int i = 0; i < n_words; i++)
	{
		counts->sure += pg_popcount64(passing[i]);
		passing[i] |= used[i] & mixed[i];
	}
	UnlockReleaseBuffer(buf);
	return true;
}

/*
 * gv_hnsw_filter_sample
 *		Estimate the part of the nodes that pass a filter from some pages.
 *
 * sure_part: set to that of the nodes that are not mixed
 */
double
gv_hnsw_filter_sample(GvHnswIndex *index, const GvAmFilter *filter, int n_pages,
					  double *sure_part)
{
	const GvHnswLayout *layout = &index->layout;
	BlockNumber step = layout->filter_blocks + 1;
	BlockNumber n_blocks = RelationGetNumberOfBlocks(index->rel);
	BlockNumber n_there = n_blocks > GV_HNSW_FIRST_FILTER_BLKNO ?
		(n_blocks - GV_HNSW_FIRST_FILTER_BLKNO + step - 1) / step : 0;
	uint64	   *passing = palloc(BLCKSZ);
	TestCounts	counts = {0};

	n_pages = Min(n_pages, n_there);
	for (int i = 0; i < n_pages; i++)
	{
		BlockNumber number = (BlockNumber) ((uint64) i * n_there / n_pages);

		CHECK_FOR_INTERRUPTS();
		(void) test_page(index, filter, GV_HNSW_FIRST_FILTER_BLKNO + number * step, passing,
						 &counts);
	}
	pfree(passing);
	*sure_part = get_sure_part(&counts);
	return counts.used > 0 ? (double) (counts.sure + counts.mixed) / counts.used : 0;
}

/* Ask the processor for what testing a page of filters will read */
static void
prefetch_page(GvHnswIndex *index, const GvAmFilter *filter, BlockNumber blkno)
{
	const GvHnswLayout *layout = &index->layout;
	int			content = MAXALIGN(SizeOfPageHeaderData);
	int			bitmap_bytes = layout->filter_mixed;

	/* the header, the bitmaps of slots; what tells the kind of page */
	gv_am_prefetch(index->hints, blkno, 0, content + 2 * bitmap_bytes);
	gv_am_prefetch(index->hints, blkno, BLCKSZ - 1, 1);
	for (int i = 0; i < filter->n_keys; i++)
	{
		int			column = filter->key[i].column;

		gv_am_prefetch(index->hints, blkno, content + layout->filter_null[column],
					   bitmap_bytes + layout->filter_slots * layout->filter_width[column]);
	}
}

/* Copy bits to another place of a bitmap that has zeros there */
static void
copy_bits(uint64 *to, uint64 start, const uint64 *from, int n_bits)
{
	int			shift = start % 64;

	to += start / 64;
	for (int i = 0; i * 64 < n_bits; i++)
	{
		uint64		bits = from[i];

		if (n_bits - i * 64 < 64)
			bits &= ((uint64) 1 << (n_bits - i * 64)) - 1;
		to[i] |= bits << shift;
		if (shift > 0 && bits >> (64 - shift) != 0)
			to[i + 1] |= bits >> (64 - shift);
	}
}

/*
 * gv_hnsw_filter_sweep
 *		Find all nodes that pass a filter.
 *
 * passing: written; its bits are in the current memory context
 *
 * Nodes that come meanwhile may be missing: their rows are not visible to a
 * snapshot taken before.
 */
void
gv_hnsw_filter_sweep(GvHnswIndex *index, const GvAmFilter *filter, GvHnswPassing *passing)
{
	const GvHnswLayout *layout = &index->layout;
	BlockNumber n_blocks = RelationGetNumberOfBlocks(index->rel);
	BlockNumber step = layout->filter_blocks + 1;
	int			n_bits = layout->filter_blocks * layout->nodes_per_page;
	uint64	   *of_page = palloc(BLCKSZ);
	TestCounts	counts = {0};
	uint64		n_words;

	passing->n_ids = (uint64) n_blocks * layout->nodes_per_page;
	/* the last page may serve blocks that are not there yet */
	n_words = (passing->n_ids + n_bits) / 64 + 2;
	passing->bits = palloc_extended(n_words * sizeof(uint64),
									MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	passing->n_passing = 0;
	for (BlockNumber blkno = GV_HNSW_FIRST_FILTER_BLKNO; blkno < n_blocks; blkno += step)
	{
		CHECK_FOR_INTERRUPTS();
		prefetch_page(index, filter, blkno + SWEEP_AHEAD * step);
		if (test_page(index, filter, blkno, of_page, &counts))
			copy_bits(passing->bits, (uint64) (blkno + 1) * layout->nodes_per_page, of_page,
					  n_bits);
	}
	pfree(of_page);
	passing->sure_part = get_sure_part(&counts);
	for (uint64 i = 0; i < n_words; i++)
		passing->n_passing += pg_popcount64(passing->bits[i]);
}
