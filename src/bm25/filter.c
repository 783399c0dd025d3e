/*-------------------------------------------------------------------------
 *
 * filter.c
 *		Filter columns of a segment: their words, and the documents that pass.
 *
 * A search asks for the bits of a window of documents before it computes scores
 * there.  Conditions are tested on the pages, under their locks, 64 words at a
 * time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "bm25/filter.h"

/*
 * gv_bm25_pack_filters
 *		Return the packed words of a row, and lengths of its fields, in the current
 *		memory context.
 *
 * values, isnull: of all columns of the index
 */
const char *
gv_bm25_pack_filters(const GvBm25Index *index, const GvBm25Document *document,
					 const Datum *values, const bool *isnull)
{
	GvAmFilterRow row;
	Datum		all_values[GV_AM_MAX_FILTERS];
	bool		all_nulls[GV_AM_MAX_FILTERS] = {false};
	char	   *packed;

	if (index->filters.n == 0)
		return NULL;
	memcpy(all_values, values + 1, index->n_filters * sizeof(Datum));
	memcpy(all_nulls, isnull + 1, index->n_filters * sizeof(bool));
	for (uint32 i = 0; i < index->meta.fields.n; i++)
		all_values[index->n_filters + i] = Int32GetDatum((int32) document->field_length[i]);
	packed = palloc(index->filters.packed_size);
	gv_am_filter_row(&index->filters, all_values, all_nulls, &row);
	gv_am_filter_pack(&index->filters, &row, packed);
	return packed;
}

/* The bits of nulls of a page of words, and the words after them */
static uint64 *
page_nulls(Page page)
{
	return (uint64 *) gv_bm25_page_bytes(page);
}

static char *
page_words(Page page, int width)
{
	return gv_bm25_page_bytes(page) + GV_BM25_WORDS_PER_PAGE(width) / 8;
}

/*
 * gv_bm25_fill_filters
 *		Write the words of a column into a page.
 *
 * number: of the column, from 0
 * first: document that the page begins with
 */
void
gv_bm25_fill_filters(Page page, const GvAmFilterColumn *column, int number,
					 const GvBm25Documents *documents, uint32 first)
{
	uint32		n = Min(GV_BM25_WORDS_PER_PAGE(column->width), documents->n - first);
	uint64	   *nulls = page_nulls(page);
	char	   *words = page_words(page, column->width);

	memset(gv_bm25_page_bytes(page), 0, GV_BM25_ROOM);
	for (uint32 i = 0; i < n; i++)
	{
		const char *packed = gv_bm25_spill_read(documents->filters, first + i);
		uint32		row_nulls;

		memcpy(&row_nulls, packed, sizeof(row_nulls));
		if (row_nulls >> number & 1)
			nulls[i / 64] |= UINT64CONST(1) << i % 64;
		memcpy(words + i * column->width, packed + column->offset, column->width);
	}
	((PageHeader) page)->pd_lower = words + n * column->width - (char *) page;
}

/* The place of a column's first page */
static uint32
first_place(const GvBm25Segment *segment, int number)
{
	const GvAmFilterColumns *columns = &segment->index->filters;
	uint32		place = segment->head.filters;

	for (int i = 0; i < number; i++)
	{
		uint32		per_page = GV_BM25_WORDS_PER_PAGE(columns->column[i].width);

		place += (segment->head.n_docs + per_page - 1) / per_page;
	}
	return place;
}

/*
 * gv_bm25_read_filters
 *		Read the words of documents.
 *
 * packed: char[n][packed_size], written
 */
void
gv_bm25_read_filters(const GvBm25Segment *segment, uint32 first, uint32 n, char *packed)
{
	const GvAmFilterColumns *columns = &segment->index->filters;
	Size		size = columns->packed_size;

	if (columns->n == 0)
		return;
	memset(packed, 0, n * size);
	for (int number = 0; number < columns->n; number++)
	{
		const GvAmFilterColumn *column = &columns->column[number];
		uint32		per_page = GV_BM25_WORDS_PER_PAGE(column->width);
		uint32		place = first_place(segment, number) + first / per_page;
		uint32		offset = first % per_page;
		char	   *row = packed;

		for (uint32 left = n; left > 0; place++)
		{
			uint32		part = Min(left, per_page - offset);
			Buffer		buf = gv_bm25_segment_lock(segment, place, GV_BM25_PAGE_FILTERS);
			const uint64 *nulls = page_nulls(BufferGetPage(buf));
			const char *words = page_words(BufferGetPage(buf), column->width);

			for (uint32 i = offset; i < offset + part; i++)
			{
				uint32		row_nulls;

				memcpy(&row_nulls, row, sizeof(row_nulls));
				row_nulls |= (uint32) (nulls[i / 64] >> i % 64 & 1) << number;
				memcpy(row, &row_nulls, sizeof(row_nulls));
				memcpy(row + column->offset, words + i * column->width, column->width);
				row += size;
			}
			UnlockReleaseBuffer(buf);
			left -= part;
			offset = 0;
		}
	}
}

/*
 * gv_bm25_read_field_lengths
 *		Read the lengths of a field in documents.
 *
 * field: from 1; if the index has not so many, all lengths are 0
 * lengths: uint32[n], written
 */
void
gv_bm25_read_field_lengths(const GvBm25Segment *segment, int field, uint32 first, uint32 n,
						   uint32 *lengths)
{
	uint32		per_page = GV_BM25_WORDS_PER_PAGE(sizeof(uint32));
	int			number = segment->index->n_filters + field - 1;
	uint32		place;

	if (field > (int) segment->index->meta.fields.n)
	{
		memset(lengths, 0, n * sizeof(uint32));
		return;
	}
	place = first_place(segment, number) + first / per_page;
	while (n > 0)
	{
		uint32		offset = first % per_page;
		uint32		part = Min(n, per_page - offset);
		Buffer		buf = gv_bm25_segment_lock(segment, place++, GV_BM25_PAGE_FILTERS);

		memcpy(lengths, page_words(BufferGetPage(buf), sizeof(uint32)) + offset * sizeof(uint32),
			   part * sizeof(uint32));
		UnlockReleaseBuffer(buf);
		lengths += part;
		first += part;
		n -= part;
	}
}

/* Turn lengths into norms, as the segment has them */
static void
lengths_to_norms(const GvBm25Segment *segment, const uint32 *lengths, uint32 n, void *norms)
{
	if (segment->head.norm_size != 1)
		memcpy(norms, lengths, n * sizeof(uint32));
	else
	{
		for (uint32 i = 0; i < n; i++)
			((uint8 *) norms)[i] = gv_bm25_norm_of_length(lengths[i]);
	}
}

/*
 * gv_bm25_read_norms_of
 *		Read the norms of a field in documents, up to GV_BM25_WINDOW of them.
 *
 * field: from 1; 0: those of the documents
 * norms: see gv_bm25_read_norms
 */
void
gv_bm25_read_norms_of(const GvBm25Segment *segment, int field, uint32 first, uint32 n,
					  void *norms)
{
	uint32		lengths[GV_BM25_WINDOW];

	Assert(n <= GV_BM25_WINDOW);
	if (field == 0)
	{
		gv_bm25_read_norms(segment, first, n, norms);
		return;
	}
	gv_bm25_read_field_lengths(segment, field, first, n, lengths);
	lengths_to_norms(segment, lengths, n, norms);
}

/*
 * gv_bm25_gather_norms_of
 *		The same of documents in any places, up to GV_BM25_BLOCK of them.
 *
 * docs: uint32[n], ascending
 */
void
gv_bm25_gather_norms_of(const GvBm25Segment *segment, int field, const uint32 *docs, uint32 n,
						void *norms)
{
	uint32		per_page = GV_BM25_WORDS_PER_PAGE(sizeof(uint32));
	uint32		lengths[GV_BM25_BLOCK];
	uint32		place;
	uint32		i = 0;

	Assert(n <= GV_BM25_BLOCK);
	if (field == 0)
	{
		gv_bm25_gather_norms(segment, docs, n, norms);
		return;
	}
	if (field > (int) segment->index->meta.fields.n)
	{
		memset(norms, 0, n * segment->head.norm_size);
		return;
	}
	place = first_place(segment, segment->index->n_filters + field - 1);
	while (i < n)
	{
		uint32		page = docs[i] / per_page;
		Buffer		buf = gv_bm25_segment_lock(segment, place + page, GV_BM25_PAGE_FILTERS);
		const char *words = page_words(BufferGetPage(buf), sizeof(uint32));

		for (; i < n && docs[i] / per_page == page; i++)
			memcpy(&lengths[i], words + docs[i] % per_page * sizeof(uint32), sizeof(uint32));
		UnlockReleaseBuffer(buf);
	}
	lengths_to_norms(segment, lengths, n, norms);
}

/*
 * gv_bm25_mask_begin
 *		Prepare to find out which documents may be returned, in the current memory
 *		context.
 *
 * filter: NULL if all pass
 * matches: bits of those that meet other conditions, or NULL; the mask keeps it
 */
void
gv_bm25_mask_begin(GvBm25Mask *mask, const GvBm25Segment *segment, const GvAmFilter *filter,
				   uint8 *matches)
{
	Size		n_windows = (segment->head.n_docs + GV_BM25_WINDOW - 1) / GV_BM25_WINDOW;

	mask->segment = segment;
	mask->filter = filter;
	mask->matches = matches;
	mask->n_windows = n_windows;
	mask->bits = MemoryContextAllocHuge(CurrentMemoryContext, n_windows *
										GV_BM25_WINDOW_WORDS * sizeof(uint64));
	mask->is_known = MemoryContextAllocExtended(CurrentMemoryContext, n_windows * sizeof(bool),
												MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* Test a condition for documents, a multiple of 64 from the segment's first */
static void
test_key(const GvBm25Segment *segment, const GvAmFilterKey *key, uint32 first, uint32 n,
		 uint64 *passing)
{
	int			width = segment->index->filters.column[key->column].width;
	uint32		per_page = GV_BM25_WORDS_PER_PAGE(width);
	uint32		place = first_place(segment, key->column) + first / per_page;

	for (; n > 0; place++)
	{
		uint32		offset = first % per_page;
		uint32		part = Min(n, per_page - offset);
		Buffer		buf = gv_bm25_segment_lock(segment, place, GV_BM25_PAGE_FILTERS);
		Page		page = BufferGetPage(buf);

		gv_am_filter_test_words(key, width, page_words(page, width) + (Size) offset * width,
								page_nulls(page) + offset / 64, part, passing);
		UnlockReleaseBuffer(buf);
		passing += part / 64;
		first += part;
		n -= part;
	}
}

/*
 * gv_bm25_mask_learn
 *		Find out the bits of a window.
 */
void
gv_bm25_mask_learn(GvBm25Mask *mask, uint32 window)
{
	uint32		first = window * GV_BM25_WINDOW;
	uint32		n = Min(GV_BM25_WINDOW, mask->segment->head.n_docs - first);
	uint64	   *bits = mask->bits + (Size) window * GV_BM25_WINDOW_WORDS;
	uint64		any = 0;

	memset(bits, 0, GV_BM25_WINDOW_WORDS * sizeof(uint64));
	for (uint32 i = 0; i < (n + 7) / 8; i++)
	{
		uint8		eight = mask->matches ? mask->matches[first / 8 + i] : 0xFF;

		if (i == n / 8)
			eight &= (1 << n % 8) - 1;
		bits[i / 8] |= (uint64) eight << i % 8 * 8;
		any |= eight;
	}
	if (mask->filter != NULL && mask->filter->never)
		memset(bits, 0, GV_BM25_WINDOW_WORDS * sizeof(uint64));
	else if (mask->filter != NULL && any != 0)
	{
		for (int i = 0; i < mask->filter->n_keys; i++)
			test_key(mask->segment, &mask->filter->key[i], first, n, bits);
	}
	mask->is_known[window] = true;
}

/*
 * gv_bm25_mask_next
 *		Return the first document from one on that may be returned; the segment's
 *		number of documents if there is none.
 */
uint32
gv_bm25_mask_next(GvBm25Mask *mask, uint32 doc)
{
	uint32		n_docs = mask->segment->head.n_docs;

	while (doc < n_docs)
	{
		uint32		place = doc % GV_BM25_WINDOW;
		const uint64 *bits = gv_bm25_mask_window(mask, doc - place);
		uint64		word = bits[place / 64] >> place % 64;

		if (word != 0)
			return doc + pg_rightmost_one_pos64(word);
		doc += 64 - place % 64;
	}
	return n_docs;
}
