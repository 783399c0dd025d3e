/*-------------------------------------------------------------------------
 *
 * positions.c
 *		Positions of lexemes in the documents of a segment.
 *
 * They stand on pages of their own, block by block, so that nobody reads them who
 * asks for no phrase.  The numbers of a full block are packed by 128, each pack
 * after a byte with its bits, and what is left of them are varints.  A spot says
 * where the numbers of a block are; they go on from one page to the next.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "bm25/positions.h"

/* No byte holds more numbers: 128 of one bit take 17 of them */
#define NUMBERS_PER_BYTE 8

/* A position that is none */
#define NO_POSITION PG_UINT32_MAX

/* Make room for further bytes */
static inline void
grow_bytes(GvBm25Bytes *bytes, Size n)
{
	if (likely(n <= bytes->size - bytes->n))
		return;
	bytes->size = Max(Max(1024, bytes->size * 2), bytes->n + n);
	bytes->bytes = bytes->bytes == NULL ?
		MemoryContextAllocHuge(CurrentMemoryContext, bytes->size) :
		repalloc_huge(bytes->bytes, bytes->size);
}

/*
 * gv_bm25_append_bytes
 *		Append bytes to a growing array, whose memory is of the context that was
 *		current the first time.
 */
void
gv_bm25_append_bytes(GvBm25Bytes *bytes, const void *from, Size n)
{
	grow_bytes(bytes, n);
	memcpy(bytes->bytes + bytes->n, from, n);
	bytes->n += n;
}

/*
 * gv_bm25_append_positions
 *		Append the positions of a lexeme of a document, as codec.h tells.
 */
void
gv_bm25_append_positions(GvBm25Bytes *bytes, const GvBm25Term *term)
{
	grow_bytes(bytes, (Size) term->tf * GV_BM25_MAX_VARINT);
	bytes->n = gv_bm25_put_positions(bytes->bytes + bytes->n, term->positions, term->tf) -
		bytes->bytes;
}

/* Make room for so many numbers; those that are there are forgotten */
static void
make_room(GvBm25Numbers *numbers, Size n)
{
	if (n <= numbers->size)
		return;
	if (numbers->number != NULL)
		pfree(numbers->number);
	numbers->size = Max(Max(256, numbers->size * 2), n);
	numbers->number = MemoryContextAllocHuge(CurrentMemoryContext, numbers->size * sizeof(uint32));
}

static GvBm25PositionsPage
positions_page(Page page)
{
	return (GvBm25PositionsPage) gv_bm25_page(page);
}

/* Begin a page of positions */
static void
begin_page(GvBm25PositionsWriter *writer, uint32 place)
{
	writer->place = place;
	gv_bm25_init_page((Page) writer->page.data, GV_BM25_PAGE_POSITIONS, writer->space->owner,
					  place);
	positions_page((Page) writer->page.data)->next = 0;
	positions_page((Page) writer->page.data)->n_bytes = 0;
}

static void
end_page(GvBm25PositionsWriter *writer, uint32 next)
{
	GvBm25PositionsPage page = positions_page((Page) writer->page.data);

	page->next = next;
	((PageHeader) writer->page.data)->pd_lower =
		(char *) (page + 1) + page->n_bytes - writer->page.data;
	gv_bm25_space_write(writer->space, writer->place, writer->page.data);
}

/* Append bytes, over as many pages as it takes */
static void
put_bytes(GvBm25PositionsWriter *writer, const uint8 *bytes, Size n)
{
	while (n > 0)
	{
		GvBm25PositionsPage page = positions_page((Page) writer->page.data);
		Size		part = Min(n, GV_BM25_POSITIONS_ROOM - page->n_bytes);

		memcpy((char *) (page + 1) + page->n_bytes, bytes, part);
		page->n_bytes += part;
		bytes += part;
		n -= part;
		writer->n_bytes += part;
		if (page->n_bytes == GV_BM25_POSITIONS_ROOM)
		{
			uint32		next = gv_bm25_space_take(writer->space);

			end_page(writer, next);
			begin_page(writer, next);
		}
	}
}

/*
 * gv_bm25_positions_begin
 *		Begin to write positions, in the current memory context.
 *
 * pool: of the spots
 */
GvBm25PositionsWriter *
gv_bm25_positions_begin(GvBm25Space *space, GvBm25Pool *pool)
{
	GvBm25PositionsWriter *writer = palloc0(sizeof(GvBm25PositionsWriter));

	writer->space = space;
	writer->spots = gv_bm25_spill_create(pool, sizeof(GvBm25SpotData), GV_BM25_SPILL_ANY);
	writer->list_spots = gv_bm25_spill_create(pool, sizeof(GvBm25SpotData), GV_BM25_SPILL_ANY);
	writer->first_place = gv_bm25_space_take(space);
	begin_page(writer, writer->first_place);
	return writer;
}

/* Say where the bytes put next begin */
static void
begin_spot(const GvBm25PositionsWriter *writer, GvBm25SpotData *spot)
{
	spot->place = writer->place;
	spot->offset = positions_page((Page) writer->page.data)->n_bytes;
}

/* Say how many they were, by the number of all before */
static void
end_spot(const GvBm25PositionsWriter *writer, GvBm25SpotData *spot, uint64 before)
{
	if (writer->n_bytes - before > PG_UINT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("rows have too many words for a bm25 index with positions")));
	spot->n_bytes = (uint32) (writer->n_bytes - before);
}

/*
 * gv_bm25_positions_put_list
 *		Write the positions of the only block of a lexeme, as they are.
 *
 * spot: written
 */
void
gv_bm25_positions_put_list(GvBm25PositionsWriter *writer, const GvBm25Bytes *bytes,
						   GvBm25SpotData *spot)
{
	uint64		start = writer->n_bytes;

	begin_spot(writer, spot);
	put_bytes(writer, bytes->bytes, bytes->n);
	end_spot(writer, spot, start);
}

/* Bits that the largest of some numbers takes, at least one */
static int
bits_of(const uint32 *numbers, int n)
{
	uint32		all = 1;

	for (int i = 0; i < n; i++)
		all |= numbers[i];
	return gv_bm25_bits_of(all);
}

/* Write numbers by packs of GV_BM25_BLOCK; returns the end of what is left */
static uint64
put_packs(GvBm25PositionsWriter *writer, const uint32 *numbers, uint64 n)
{
	uint8		pack[1 + GV_BM25_PACKED_SIZE(32)];
	uint64		i = 0;

	for (; i + GV_BM25_BLOCK <= n; i += GV_BM25_BLOCK)
	{
		int			bits = bits_of(numbers + i, GV_BM25_BLOCK);

		pack[0] = (uint8) bits;
		gv_bm25_pack(numbers + i, bits, pack + 1);
		put_bytes(writer, pack, 1 + GV_BM25_PACKED_SIZE(bits));
	}
	return i;
}

/*
 * gv_bm25_positions_put_block
 *		Write the positions of a block of a lexeme that has several.
 *
 * positions: bytes that the postings' positions are places in
 */
void
gv_bm25_positions_put_block(GvBm25PositionsWriter *writer, const GvBm25Posting *postings,
							uint32 n, const uint8 *positions)
{
	GvBm25SpotData spot;
	uint64		start = writer->n_bytes;
	uint64		total = 0;
	uint64		n_numbers = 0;

	begin_spot(writer, &spot);
	for (uint32 i = 0; i < n; i++)
		total += postings[i].tf;
	make_room(&writer->numbers, total);
	for (uint32 i = 0; i < n; i++)
	{
		const uint8 *in = positions + postings[i].positions;

		for (uint32 j = 0; j < postings[i].tf; j++)
			in = gv_bm25_get_varint(in, in + GV_BM25_MAX_VARINT,
									&writer->numbers.number[n_numbers++]);
	}
	n_numbers = n < GV_BM25_BLOCK ? 0 : put_packs(writer, writer->numbers.number, total);
	for (; n_numbers < total; n_numbers++)
	{
		uint8		bytes[GV_BM25_MAX_VARINT];

		put_bytes(writer, bytes,
				  gv_bm25_put_varint(bytes, writer->numbers.number[n_numbers]) - bytes);
	}
	end_spot(writer, &spot, start);
	gv_bm25_spill_append(writer->list_spots, &spot);
}

/*
 * gv_bm25_positions_end_list
 *		End a lexeme of several blocks, whose spots follow empty ones of its superblocks.
 */
void
gv_bm25_positions_end_list(GvBm25PositionsWriter *writer, uint32 n_supers)
{
	GvBm25SpotData none = {0};

	for (uint32 i = 0; i < n_supers; i++)
		gv_bm25_spill_append(writer->spots, &none);
	gv_bm25_spill_move(writer->spots, writer->list_spots);
}

/*
 * gv_bm25_positions_finish
 *		Write the last page.
 */
void
gv_bm25_positions_finish(GvBm25PositionsWriter *writer)
{
	end_page(writer, 0);
}

/* Read the bytes at a spot */
static void
read_bytes(const GvBm25Segment *segment, const GvBm25SpotData *spot, GvBm25Bytes *bytes)
{
	uint32		place = spot->place;
	uint32		offset = spot->offset;
	uint32		left = spot->n_bytes;

	bytes->n = 0;
	while (left > 0)
	{
		PGAlignedBlock copy;
		Buffer		buf = gv_bm25_segment_lock(segment, place, GV_BM25_PAGE_POSITIONS);
		GvBm25PositionsPage page = positions_page(BufferGetPage(buf));
		uint32		n_bytes = page->n_bytes;
		uint32		next = page->next;
		uint32		part = 0;

		if (n_bytes <= GV_BM25_POSITIONS_ROOM && offset <= n_bytes)
		{
			part = Min(left, n_bytes - offset);
			memcpy(copy.data, (char *) (page + 1) + offset, part);
		}
		UnlockReleaseBuffer(buf);
		/* or a chain might have no end */
		if ((part == 0 && offset > 0) || (part < left && next <= place))
			gv_bm25_segment_damaged(segment, place, "A page of positions is not valid.");
		gv_bm25_append_bytes(bytes, copy.data, part);
		left -= part;
		place = next;
		offset = 0;
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * Read the positions of a block, as numbers.
 *
 * tfs: uint32[n]
 * starts: uint32[n], written: where the numbers of each posting begin
 *
 * Returns false if they are not valid.
 */
static bool
decode_block(const uint8 *in, Size n_bytes, const uint32 *tfs, uint32 n, bool is_packed,
			 uint32 *starts, GvBm25Numbers *numbers)
{
	const uint8 *end = in + n_bytes;
	uint64		total = 0;
	uint64		i = 0;

	for (uint32 j = 0; j < n; j++)
	{
		starts[j] = (uint32) total;
		total += tfs[j];
	}
	if (total > (uint64) n_bytes * NUMBERS_PER_BYTE || total > PG_UINT32_MAX)
		return false;
	make_room(numbers, total);
	while (is_packed && i + GV_BM25_BLOCK <= total)
	{
		if (in >= end || *in == 0 || *in > 32 || end - in <= GV_BM25_PACKED_SIZE(*in))
			return false;
		gv_bm25_unpack(in + 1, *in, numbers->number + i);
		in += 1 + GV_BM25_PACKED_SIZE(*in);
		i += GV_BM25_BLOCK;
	}
	for (; i < total && in != NULL; i++)
		in = gv_bm25_get_varint(in, end, &numbers->number[i]);
	return in == end;
}

/* Raise the error for positions of a block */
pg_noreturn static void
report_positions(const GvBm25Segment *segment)
{
	gv_bm25_segment_damaged(segment, segment->head.positions,
							"Positions of a block are not valid.");
}

/* Read where the positions of a block are */
static void
read_spot(const GvBm25Segment *segment, uint32 skip, GvBm25SpotData *spot)
{
	Buffer		buf;

	if (skip >= segment->head.n_skips)
		gv_bm25_segment_damaged(segment, segment->head.spots, "There is no such spot.");
	buf = gv_bm25_segment_lock(segment, segment->head.spots + skip / GV_BM25_SPOTS_PER_PAGE,
							   GV_BM25_PAGE_SPOTS);
	*spot = ((GvBm25SpotData *) gv_bm25_page_bytes(BufferGetPage(buf)))[skip %
																		GV_BM25_SPOTS_PER_PAGE];
	UnlockReleaseBuffer(buf);
}

/* Read the bytes of a block's positions */
static const uint8 *
read_block(const GvBm25Segment *segment, const GvBm25TermEntry *entry, uint32 block,
		   GvBm25Bytes *bytes, Size *n_bytes)
{
	GvBm25SpotData spot = entry->spot;

	if (entry->n_inline_positions > 0)
	{
		*n_bytes = entry->n_inline_positions;
		return entry->inline_positions;
	}
	if (entry->df > GV_BM25_BLOCK)
		read_spot(segment, entry->first_skip + gv_bm25_n_superblocks(entry->df) + block, &spot);
	if (spot.n_bytes == 0)
		report_positions(segment);
	read_bytes(segment, &spot, bytes);
	*n_bytes = bytes->n;
	return bytes->bytes;
}

/*
 * gv_bm25_read_positions
 *		Append the positions of a block's postings to bytes.
 *
 * postings: GvBm25Posting[n] of the block; positions are set
 */
void
gv_bm25_read_positions(const GvBm25Segment *segment, const GvBm25TermEntry *entry, uint32 block,
					   GvBm25Posting *postings, uint32 n, GvBm25Bytes *positions)
{
	GvBm25Bytes bytes = {0};
	GvBm25Numbers numbers = {0};
	uint32		tfs[GV_BM25_BLOCK] = {0};
	uint32		starts[GV_BM25_BLOCK];
	Size		n_bytes;
	const uint8 *in = read_block(segment, entry, block, &bytes, &n_bytes);

	for (uint32 i = 0; i < n; i++)
		tfs[i] = postings[i].tf;
	if (!decode_block(in, n_bytes, tfs, n, n == GV_BM25_BLOCK && entry->df > GV_BM25_BLOCK,
					  starts, &numbers))
		report_positions(segment);
	for (uint32 i = 0; i < n; i++)
	{
		uint8	   *out;

		postings[i].positions = positions->n;
		/* in a broken block only: there may be no bytes yet */
		if (tfs[i] == 0)
			continue;
		grow_bytes(positions, (Size) tfs[i] * GV_BM25_MAX_VARINT);
		out = positions->bytes + positions->n;
		for (uint32 j = 0; j < tfs[i]; j++)
			out = gv_bm25_put_varint(out, numbers.number[starts[i] + j]);
		positions->n = out - positions->bytes;
	}
	if (bytes.bytes != NULL)
		pfree(bytes.bytes);
	if (numbers.number != NULL)
		pfree(numbers.number);
}

/*
 * gv_bm25_positions_cursor
 *		Begin to look positions of a lexeme up, in the current memory context.
 *
 * entry: lives as long as the cursor
 */
GvBm25PositionsCursor *
gv_bm25_positions_cursor(const GvBm25Segment *segment, const GvBm25TermEntry *entry)
{
	GvBm25PositionsCursor *cursor = palloc0(sizeof(GvBm25PositionsCursor));

	gv_bm25_cursor_begin(&cursor->cursor, segment, entry, 0, NULL);
	cursor->loaded = cursor->cursor.n_blocks;
	return cursor;
}

void
gv_bm25_positions_cursor_end(GvBm25PositionsCursor *cursor)
{
	gv_bm25_cursor_end(&cursor->cursor);
	if (cursor->bytes.bytes != NULL)
		pfree(cursor->bytes.bytes);
	if (cursor->numbers.number != NULL)
		pfree(cursor->numbers.number);
	pfree(cursor);
}

/* Read the positions of the block where the cursor stands, whose postings are read */
static void
load_positions(GvBm25PositionsCursor *cursor)
{
	const GvBm25Cursor *at = &cursor->cursor;
	Size		n_bytes;
	const uint8 *in = read_block(at->segment, at->entry, at->block, &cursor->bytes, &n_bytes);

	if (!decode_block(in, n_bytes, at->tfs, at->n,
					  at->n == GV_BM25_BLOCK && at->entry->df > GV_BM25_BLOCK,
					  cursor->starts, &cursor->numbers))
		report_positions(at->segment);
	for (uint32 i = 0; i < at->n; i++)
	{
		uint32	   *number = &cursor->numbers.number[cursor->starts[i]];

		/* the first one is a position plus one, and 0 of no position */
		if (at->tfs[i] > 0)
			number[0]--;
		for (uint32 j = 1; j < at->tfs[i]; j++)
			number[j] += number[j - 1];
	}
	cursor->loaded = at->block;
}

/*
 * gv_bm25_positions_find
 *		Find the positions of the lexeme in a document, which is not before that
 *		asked for last.
 *
 * Returns how many there are; *positions: ascending, valid until the next call
 */
uint32
gv_bm25_positions_find(GvBm25PositionsCursor *cursor, uint32 doc, const uint32 **positions)
{
	uint32		tf = gv_bm25_cursor_find(&cursor->cursor, doc);

	if (tf == 0)
		return 0;
	if (cursor->loaded != cursor->cursor.block)
		load_positions(cursor);
	*positions = &cursor->numbers.number[cursor->starts[cursor->cursor.pos]];
	return **positions == NO_POSITION ? 0 : tf;
}
