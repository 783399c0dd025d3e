/*-------------------------------------------------------------------------
 *
 * segment.c
 *		Reading segments: lexemes, postings, lengths and rows of documents.
 *
 * Segments never change but for the bits of dead documents, yet a merge may free
 * their pages and something else be written there: so each page is looked at
 * under a lock, its owner checked, and what is needed copied or decoded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "bm25/positions.h"
#include "bm25/segment.h"

/*
 * gv_bm25_segment_damaged
 *		Raise the error for a page of a segment.
 */
void
gv_bm25_segment_damaged(const GvBm25Segment *segment, uint32 place, const char *detail)
{
	BlockNumber blkno = InvalidBlockNumber;

	for (uint32 i = 0; i < segment->head.n_extents; i++)
	{
		if (place >= segment->first_place[i] &&
			place - segment->first_place[i] < segment->extents[i].n)
			blkno = segment->extents[i].start + (place - segment->first_place[i]);
	}
	gv_bm25_report_corruption(segment->index->rel, blkno, detail);
}

/* The block of a page of a segment */
BlockNumber
gv_bm25_segment_block(const GvBm25Segment *segment, uint32 place)
{
	uint32		low = 0;
	uint32		high = segment->head.n_extents - 1;

	if (place >= segment->head.n_pages)
		gv_bm25_report_corruption(segment->index->rel, segment->entry.head,
								  "Its segment has no such page.");
	while (low < high)
	{
		uint32		middle = (low + high + 1) / 2;

		if (segment->first_place[middle] <= place)
			low = middle;
		else
			high = middle - 1;
	}
	return segment->extents[low].start + (place - segment->first_place[low]);
}

/*
 * gv_bm25_segment_lock
 *		Return a page of a segment, pinned and locked for reading.
 */
Buffer
gv_bm25_segment_lock(const GvBm25Segment *segment, uint32 place, GvBm25PageKind kind)
{
	return gv_bm25_lock_page(segment->index, gv_bm25_segment_block(segment, place), kind,
							 segment->entry.id, place);
}

/*
 * gv_bm25_segment_open
 *		Read the head of a segment.
 *
 * segment: all fields written; extents in the current memory context
 */
void
gv_bm25_segment_open(GvBm25Segment *segment, GvBm25Index *index, const GvBm25SegmentData *entry)
{
	PGAlignedBlock copy;
	GvBm25HeadPage head;
	Buffer		buf;
	uint32		n_pages = 0;

	segment->index = index;
	segment->entry = *entry;
	buf = gv_bm25_lock_page(index, entry->head, GV_BM25_PAGE_HEAD, entry->id, 0);
	memcpy(copy.data, BufferGetPage(buf), BLCKSZ);
	UnlockReleaseBuffer(buf);

	head = (GvBm25HeadPage) gv_bm25_page(copy.data);
	segment->head = *head;
	if (head->n_extents == 0 || head->n_extents > GV_BM25_MAX_EXTENTS ||
		head->n_docs != entry->n_docs || head->n_docs == 0 ||
		(head->norm_size != 1 && head->norm_size != sizeof(uint32)) ||
		head->block_bits > 32 || head->offset_bits > 16 || head->height > 16)
		gv_bm25_report_corruption(index->rel, entry->head, "The head of a segment is not valid.");
	for (uint32 i = 0; i < index->meta.fields.n; i++)
	{
		if (head->field[i].n_docs > head->n_docs ||
			head->field[i].total_length < head->field[i].n_docs)
			gv_bm25_report_corruption(index->rel, entry->head,
									  "The head of a segment is not valid.");
	}
	segment->extents = palloc(head->n_extents * sizeof(GvBm25ExtentData));
	segment->first_place = palloc(head->n_extents * sizeof(uint32));
	for (uint32 i = 0; i < head->n_extents; i++)
	{
		segment->extents[i] = head->extent[i];
		segment->first_place[i] = n_pages;
		n_pages += head->extent[i].n;
	}
	if (n_pages != head->n_pages)
		gv_bm25_report_corruption(index->rel, entry->head, "The head of a segment is not valid.");
}

/* Copy a page of terms or of the tree */
static void
copy_page(const GvBm25Segment *segment, uint32 place, GvBm25PageKind kind, char *copy)
{
	Buffer		buf = gv_bm25_segment_lock(segment, place, kind);

	memcpy(copy, BufferGetPage(buf), BLCKSZ);
	UnlockReleaseBuffer(buf);
}

static inline int
compare_lexemes(const char *a, uint32 a_len, const char *b, uint32 b_len)
{
	int			result = memcmp(a, b, Min(a_len, b_len));

	if (result != 0)
		return result;
	return a_len < b_len ? -1 : a_len > b_len;
}

/* The uint16 numbers at the end of a page's content, the first one last */
static inline uint16
number_at_end(Page page, int i)
{
	uint16		result;

	memcpy(&result, gv_am_page_content(page) + GV_AM_PAGE_ROOM - (i + 1) * sizeof(uint16),
		   sizeof(result));
	return result;
}

/* From the root to the page of terms where a lexeme would be */
static uint32
descend(const GvBm25Segment *segment, const char *lexeme, uint32 len)
{
	uint32		place = segment->head.root;

	for (uint32 level = segment->head.height; level > 0; level--)
	{
		Buffer		buf = gv_bm25_segment_lock(segment, place, GV_BM25_PAGE_TREE);
		Page		page = BufferGetPage(buf);
		GvBm25TreePage tree = (GvBm25TreePage) gv_bm25_page(page);
		const char *entries = (const char *) (tree + 1);
		int			low = 0;
		int			high = tree->n_entries - 1;

		if (high < 0 || tree->n_entries * sizeof(uint16) > GV_BM25_TREE_ROOM)
			gv_bm25_segment_damaged(segment, place, "A page of the tree is not valid.");
		while (low < high)
		{
			int			middle = (low + high + 1) / 2;
			uint16		offset = number_at_end(page, middle);
			uint16		size;

			if (offset + sizeof(uint32) + sizeof(uint16) > GV_BM25_TREE_ROOM)
				gv_bm25_segment_damaged(segment, place, "A page of the tree is not valid.");
			memcpy(&size, entries + offset + sizeof(uint32), sizeof(size));
			if (offset + sizeof(uint32) + sizeof(uint16) + size > GV_BM25_TREE_ROOM)
				gv_bm25_segment_damaged(segment, place, "A page of the tree is not valid.");
			if (compare_lexemes(entries + offset + sizeof(uint32) + sizeof(uint16), size,
								lexeme, len) <= 0)
				low = middle;
			else
				high = middle - 1;
		}
		if (number_at_end(page, low) + sizeof(uint32) > GV_BM25_TREE_ROOM)
			gv_bm25_segment_damaged(segment, place, "A page of the tree is not valid.");
		memcpy(&place, entries + number_at_end(page, low), sizeof(place));
		UnlockReleaseBuffer(buf);
	}
	return place;
}

/* Read where the list of an entry is, or the list; NULL if it is not valid */
static const uint8 *
read_list_place(const uint8 *in, const uint8 *end, GvBm25TermEntry *entry)
{
	uint32		df;

	in = gv_bm25_get_varint(in, end, &df);
	if (in == NULL || df / 2 == 0)
		return NULL;
	entry->df = df / 2;
	entry->n_inline = 0;
	if (df % 2 == 1)
	{
		in = gv_bm25_get_varint(in, end, &entry->n_inline);
		if (in == NULL || entry->n_inline == 0 || entry->n_inline > GV_BM25_MAX_INLINE ||
			end - in < entry->n_inline || entry->df > GV_BM25_BLOCK)
			return NULL;
		memcpy(entry->inline_list, in, entry->n_inline);
		return in + entry->n_inline;
	}
	if (entry->df > GV_BM25_BLOCK)
		return gv_bm25_get_varint(in, end, &entry->first_skip);
	in = gv_bm25_get_varint(in, end, &entry->place);
	if (in == NULL)
		return NULL;
	return gv_bm25_get_varint(in, end, &entry->offset);
}

/* Read what follows the lexeme of an entry; NULL if it is not valid */
static const uint8 *
read_entry(const uint8 *in, const uint8 *end, bool has_positions, GvBm25TermEntry *entry)
{
	in = read_list_place(in, end, entry);
	entry->n_inline_positions = 0;
	if (in == NULL || !has_positions || entry->df > GV_BM25_BLOCK)
		return in;
	in = gv_bm25_get_varint(in, end, &entry->n_inline_positions);
	if (in != NULL && entry->n_inline_positions > 0)
	{
		if (entry->n_inline_positions > GV_BM25_MAX_INLINE ||
			end - in < entry->n_inline_positions)
			return NULL;
		memcpy(entry->inline_positions, in, entry->n_inline_positions);
		return in + entry->n_inline_positions;
	}
	if (in != NULL)
		in = gv_bm25_get_varint(in, end, &entry->spot.place);
	if (in != NULL)
		in = gv_bm25_get_varint(in, end, &entry->spot.offset);
	return in == NULL ? NULL : gv_bm25_get_varint(in, end, &entry->spot.n_bytes);
}

/* Read the lexeme of an entry, over the one before it; NULL if it is not valid */
static const uint8 *
read_lexeme(const uint8 *in, const uint8 *end, char *lexeme, uint32 *len)
{
	uint32		shared;
	uint32		further;

	in = gv_bm25_get_varint(in, end, &shared);
	if (in == NULL)
		return NULL;
	in = gv_bm25_get_varint(in, end, &further);
	if (in == NULL || shared > *len || further > end - in ||
		shared + further > GV_BM25_MAX_LEXEME)
		return NULL;
	memcpy(lexeme + shared, in, further);
	*len = shared + further;
	return in + further;
}

/*
 * Find a lexeme in a locked page of terms.
 *
 * Returns 1 if it is there, 0 if not, -1 if the page is not valid.
 */
static int
find_in_page(Page page, const char *lexeme, uint32 len, bool has_positions,
			 GvBm25TermEntry *entry)
{
	GvBm25TermsPage terms = (GvBm25TermsPage) gv_bm25_page(page);
	const uint8 *first = (const uint8 *) (terms + 1);
	const uint8 *end = first + terms->n_bytes;
	const uint8 *in;
	char		found[GV_BM25_MAX_LEXEME];
	uint32		found_len = 0;
	int			n_restarts = (terms->n_entries + GV_BM25_RESTART - 1) / GV_BM25_RESTART;
	int			low = 0;
	int			high = n_restarts - 1;

	if (n_restarts == 0)
		return 0;
	if (terms->n_bytes + n_restarts * sizeof(uint16) > GV_BM25_TERMS_ROOM)
		return -1;
	while (low < high)
	{
		int			middle = (low + high + 1) / 2;
		uint16		offset = number_at_end(page, middle);

		found_len = 0;
		if (offset >= terms->n_bytes ||
			read_lexeme(first + offset, end, found, &found_len) == NULL)
			return -1;
		if (compare_lexemes(found, found_len, lexeme, len) <= 0)
			low = middle;
		else
			high = middle - 1;
	}

	if (number_at_end(page, low) >= terms->n_bytes)
		return -1;
	in = first + number_at_end(page, low);
	found_len = 0;
	for (int i = low * GV_BM25_RESTART;
		 i < Min((low + 1) * GV_BM25_RESTART, terms->n_entries); i++)
	{
		int			comparison;

		in = read_lexeme(in, end, found, &found_len);
		if (in != NULL)
			in = read_entry(in, end, has_positions, entry);
		if (in == NULL)
			return -1;
		comparison = compare_lexemes(found, found_len, lexeme, len);
		if (comparison >= 0)
			return comparison == 0;
	}
	return 0;
}

/*
 * gv_bm25_segment_find
 *		Find a lexeme; false if the segment does not have it.
 */
bool
gv_bm25_segment_find(const GvBm25Segment *segment, const char *lexeme, uint32 len,
					 GvBm25TermEntry *entry)
{
	uint32		place = descend(segment, lexeme, len);
	Buffer		buf = gv_bm25_segment_lock(segment, place, GV_BM25_PAGE_TERMS);
	int			found = find_in_page(BufferGetPage(buf), lexeme, len,
									 gv_bm25_has_positions(segment->index), entry);

	UnlockReleaseBuffer(buf);
	if (found < 0)
		gv_bm25_segment_damaged(segment, place, "A page of terms is not valid.");
	return found > 0;
}

/* Begin to read a page of terms */
static void
begin_terms_page(GvBm25TermScan *scan, uint32 place)
{
	GvBm25TermsPage terms;

	copy_page(scan->segment, place, GV_BM25_PAGE_TERMS, scan->page.data);
	terms = (GvBm25TermsPage) gv_bm25_page(scan->page.data);
	if (terms->n_bytes > GV_BM25_TERMS_ROOM)
		gv_bm25_segment_damaged(scan->segment, place, "A page of terms is not valid.");
	scan->n_left = terms->n_entries;
	scan->in = (const uint8 *) (terms + 1);
	scan->end = scan->in + terms->n_bytes;
	scan->next_place = terms->next;
	scan->len = 0;
	/* or a chain might have no end */
	if (terms->next != 0 && terms->next <= place)
		gv_bm25_segment_damaged(scan->segment, place, "Pages of terms are not in order.");
}

/*
 * gv_bm25_terms_begin
 *		Begin to read the lexemes of a segment in their order.
 */
void
gv_bm25_terms_begin(GvBm25TermScan *scan, GvBm25Segment *segment)
{
	scan->segment = segment;
	begin_terms_page(scan, segment->head.first_terms);
}

/*
 * gv_bm25_terms_seek
 *		Begin to read lexemes not after the first that begins so.
 */
void
gv_bm25_terms_seek(GvBm25TermScan *scan, GvBm25Segment *segment, const char *prefix, uint32 len)
{
	scan->segment = segment;
	begin_terms_page(scan, descend(segment, prefix, len));
}

/*
 * gv_bm25_terms_next
 *		Go to the next lexeme; false at the end.
 */
bool
gv_bm25_terms_next(GvBm25TermScan *scan)
{
	while (scan->n_left == 0)
	{
		if (scan->next_place == 0)
			return false;
		CHECK_FOR_INTERRUPTS();
		begin_terms_page(scan, scan->next_place);
	}
	scan->n_left--;
	scan->in = read_lexeme(scan->in, scan->end, scan->lexeme, &scan->len);
	if (scan->in != NULL)
		scan->in = read_entry(scan->in, scan->end, gv_bm25_has_positions(scan->segment->index),
							  &scan->entry);
	if (scan->in == NULL)
		gv_bm25_segment_damaged(scan->segment, gv_bm25_page(scan->page.data)->place,
								"A page of terms is not valid.");
	return true;
}

/*
 * Decode a list of postings.
 *
 * before: document that the first counts from
 *
 * Returns false if it is not valid.
 */
static bool
decode_list(const uint8 *in, const uint8 *end, uint32 n, uint32 before, uint32 n_docs,
			uint32 *docs, uint32 *tfs)
{
	uint32		doc = before;

	for (uint32 i = 0; i < n; i++)
	{
		uint32		step;

		in = gv_bm25_get_varint(in, end, &step);
		if (in == NULL)
			return false;
		doc += step;
		in = gv_bm25_get_varint(in, end, &tfs[i]);
		if (in == NULL || doc >= n_docs || (i > 0 && step == 0))
			return false;
		docs[i] = doc;
	}
	return true;
}

/*
 * gv_bm25_read_list
 *		Read the postings of a lexeme that has at most GV_BM25_BLOCK of them.
 *
 * docs, tfs: uint32[entry->df], written
 */
void
gv_bm25_read_list(const GvBm25Segment *segment, const GvBm25TermEntry *entry,
				  uint32 *docs, uint32 *tfs)
{
	uint32		place = 0;
	bool		is_valid;

	Assert(entry->df <= GV_BM25_BLOCK);
	if (entry->n_inline > 0)
		is_valid = decode_list(entry->inline_list, entry->inline_list + entry->n_inline,
							   entry->df, 0, segment->head.n_docs, docs, tfs);
	else
	{
		Buffer		buf;
		const uint8 *first;

		place = entry->place;
		buf = gv_bm25_segment_lock(segment, place, GV_BM25_PAGE_POSTINGS);
		first = (const uint8 *) gv_bm25_page_bytes(BufferGetPage(buf));
		is_valid = entry->offset < GV_BM25_ROOM &&
			decode_list(first + entry->offset, first + GV_BM25_ROOM, entry->df, 0,
						segment->head.n_docs, docs, tfs);
		UnlockReleaseBuffer(buf);
	}
	if (!is_valid)
		gv_bm25_segment_damaged(segment, place, "A list of postings is not valid.");
}

/*
 * gv_bm25_read_block
 *		Read a block of postings.
 *
 * before: last document of the block before; 0 for a first block that is a list
 *		or GV_BM25_NO_DOC for one that is packed, that is, one less than 0
 * n: number of postings
 * docs, tfs: uint32[GV_BM25_BLOCK], written
 */
void
gv_bm25_read_block(const GvBm25Segment *segment, GvBm25Skip skip, uint32 before, uint32 n,
				   uint32 *docs, uint32 *tfs)
{
	Buffer		buf = gv_bm25_segment_lock(segment, skip->place, GV_BM25_PAGE_POSTINGS);
	const uint8 *first = (const uint8 *) gv_bm25_page_bytes(BufferGetPage(buf));
	const uint8 *in = first + skip->offset;
	bool		is_valid;

	if (n < GV_BM25_BLOCK)
	{
		is_valid = skip->offset < GV_BM25_ROOM &&
			decode_list(in, first + GV_BM25_ROOM, n, before, segment->head.n_docs, docs, tfs);
		UnlockReleaseBuffer(buf);
	}
	else
	{
		uint32		doc = before;

		is_valid = skip->doc_bits <= 32 && skip->tf_bits <= 32 &&
			skip->offset + GV_BM25_PACKED_SIZE(skip->doc_bits + skip->tf_bits) <= GV_BM25_ROOM;
		if (is_valid)
		{
			gv_bm25_unpack(in, skip->doc_bits, docs);
			gv_bm25_unpack(in + GV_BM25_PACKED_SIZE(skip->doc_bits), skip->tf_bits, tfs);
		}
		UnlockReleaseBuffer(buf);
		if (is_valid)
		{
			uint32		largest = 0;

			for (int i = 0; i < GV_BM25_BLOCK; i++)
			{
				doc += docs[i] + 1;
				docs[i] = doc;
				largest = Max(largest, doc);
				tfs[i]++;
			}
			is_valid = doc == skip->last_doc && doc == largest && doc < segment->head.n_docs;
		}
	}
	if (!is_valid)
		gv_bm25_segment_damaged(segment, skip->place, "A block of postings is not valid.");
}

/*
 * gv_bm25_read_skips
 *		Read skips of a segment.
 */
void
gv_bm25_read_skips(const GvBm25Segment *segment, uint32 first, uint32 n, GvBm25SkipData *skips)
{
	if (first > segment->head.n_skips || n > segment->head.n_skips - first)
		gv_bm25_segment_damaged(segment, segment->head.skips, "There are no such skips.");
	while (n > 0)
	{
		uint32		place = segment->head.skips + first / GV_BM25_SKIPS_PER_PAGE;
		uint32		offset = first % GV_BM25_SKIPS_PER_PAGE;
		uint32		part = Min(n, GV_BM25_SKIPS_PER_PAGE - offset);
		Buffer		buf = gv_bm25_segment_lock(segment, place, GV_BM25_PAGE_SKIPS);

		memcpy(skips, (GvBm25Skip) gv_bm25_page_bytes(BufferGetPage(buf)) + offset,
			   part * sizeof(GvBm25SkipData));
		UnlockReleaseBuffer(buf);
		skips += part;
		first += part;
		n -= part;
	}
}

/*
 * gv_bm25_postings_begin
 *		Begin to read all postings of a lexeme, by blocks.
 *
 * entry: lives as long as the scan
 */
void
gv_bm25_postings_begin(GvBm25PostingScan *scan, const GvBm25Segment *segment,
					   const GvBm25TermEntry *entry)
{
	scan->segment = segment;
	scan->entry = entry;
	scan->block = 0;
	scan->before = GV_BM25_NO_DOC;
}

/*
 * gv_bm25_postings_next
 *		Read the next block of postings, of which there is one.
 *
 * postings: GvBm25Posting[GV_BM25_BLOCK], written
 * positions: theirs are appended; NULL: are not read
 *
 * Returns how many there are.
 */
uint32
gv_bm25_postings_next(GvBm25PostingScan *scan, GvBm25Posting *postings, GvBm25Bytes *positions)
{
	const GvBm25TermEntry *entry = scan->entry;
	uint32		docs[GV_BM25_BLOCK];
	uint32		tfs[GV_BM25_BLOCK];
	uint32		n = Min(GV_BM25_BLOCK, entry->df - scan->block * GV_BM25_BLOCK);

	Assert(scan->block < gv_bm25_n_blocks(entry->df));
	if (entry->df <= GV_BM25_BLOCK)
		gv_bm25_read_list(scan->segment, entry, docs, tfs);
	else
	{
		GvBm25Skip	skip = &scan->skips[scan->block % GV_BM25_SUPERBLOCK];

		if (scan->block % GV_BM25_SUPERBLOCK == 0)
		{
			CHECK_FOR_INTERRUPTS();
			gv_bm25_read_skips(scan->segment,
							   entry->first_skip + gv_bm25_n_superblocks(entry->df) + scan->block,
							   Min(GV_BM25_SUPERBLOCK,
								   gv_bm25_n_blocks(entry->df) - scan->block), scan->skips);
		}
		gv_bm25_read_block(scan->segment, skip, scan->before, n, docs, tfs);
		scan->before = skip->last_doc;
	}
	for (uint32 i = 0; i < n; i++)
		postings[i] = (GvBm25Posting) {docs[i], tfs[i], 0};
	if (positions != NULL)
		gv_bm25_read_positions(scan->segment, entry, scan->block, postings, n, positions);
	scan->block++;
	return n;
}

/*
 * gv_bm25_read_norms
 *		Read the norms of documents.
 *
 * norms: uint8[n], or uint32[n] with exact lengths
 */
void
gv_bm25_read_norms(const GvBm25Segment *segment, uint32 first, uint32 n, void *norms)
{
	uint32		size = segment->head.norm_size;
	uint32		per_page = GV_BM25_NORMS_PER_PAGE(size);
	char	   *out = norms;

	Assert(first + n <= segment->head.n_docs);
	while (n > 0)
	{
		uint32		offset = first % per_page;
		uint32		part = Min(n, per_page - offset);
		Buffer		buf = gv_bm25_segment_lock(segment, segment->head.norms + first / per_page,
											   GV_BM25_PAGE_NORMS);

		memcpy(out, gv_bm25_page_bytes(BufferGetPage(buf)) + (Size) offset * size,
			   (Size) part * size);
		UnlockReleaseBuffer(buf);
		out += (Size) part * size;
		first += part;
		n -= part;
	}
}

/*
 * gv_bm25_gather_norms
 *		Read the norms of documents in any places.
 *
 * docs: uint32[n], ascending
 * norms: uint8[n], or uint32[n] with exact lengths
 */
void
gv_bm25_gather_norms(const GvBm25Segment *segment, const uint32 *docs, uint32 n, void *norms)
{
	uint32		size = segment->head.norm_size;
	uint32		per_page = GV_BM25_NORMS_PER_PAGE(size);
	uint32		i = 0;

	Assert(n == 0 || docs[n - 1] < segment->head.n_docs);
	while (i < n)
	{
		uint32		page = docs[i] / per_page;
		uint32		first = page * per_page;
		Buffer		buf = gv_bm25_segment_lock(segment, segment->head.norms + page,
											   GV_BM25_PAGE_NORMS);
		const char *bytes = gv_bm25_page_bytes(BufferGetPage(buf));

		if (size == 1)
		{
			for (; i < n && docs[i] - first < per_page; i++)
				((uint8 *) norms)[i] = (uint8) bytes[docs[i] - first];
		}
		else
		{
			for (; i < n && docs[i] - first < per_page; i++)
				((uint32 *) norms)[i] = ((const uint32 *) bytes)[docs[i] - first];
		}
		UnlockReleaseBuffer(buf);
	}
}

/*
 * gv_bm25_read_tids
 *		Read the rows of documents.
 */
void
gv_bm25_read_tids(const GvBm25Segment *segment, uint32 first, uint32 n, ItemPointerData *tids)
{
	int			block_bits = segment->head.block_bits;
	int			offset_bits = segment->head.offset_bits;
	uint32		size = GV_BM25_TID_GROUP_SIZE(block_bits + offset_bits);
	uint32		per_page = GV_BM25_ROOM / size * GV_BM25_TID_GROUP;

	Assert(first + n <= segment->head.n_docs);
	while (n > 0)
	{
		uint32		place = segment->head.tids + first / per_page;
		uint32		i = first % per_page;
		uint32		end = i + Min(n, per_page - i);
		bool		is_valid = true;
		Buffer		buf = gv_bm25_segment_lock(segment, place, GV_BM25_PAGE_TIDS);
		const uint8 *groups = (const uint8 *) gv_bm25_page_bytes(BufferGetPage(buf));

		first += end - i;
		n -= end - i;
		for (; i < end; i++)
		{
			const uint8 *group = groups + (Size) (i / GV_BM25_TID_GROUP) * size;
			const uint8 *numbers = group + sizeof(uint32);
			uint32		blkno;
			uint32		offset;

			memcpy(&blkno, group, sizeof(blkno));
			blkno += gv_bm25_packed_number(numbers, block_bits, i % GV_BM25_TID_GROUP);
			offset = gv_bm25_packed_number(numbers + GV_BM25_PACKED_SIZE(block_bits), offset_bits,
										   i % GV_BM25_TID_GROUP);
			is_valid &= BlockNumberIsValid(blkno) && offset > 0 && offset <= PG_UINT16_MAX;
			ItemPointerSet(tids, blkno, (OffsetNumber) offset);
			tids++;
		}
		UnlockReleaseBuffer(buf);
		if (!is_valid)
			gv_bm25_segment_damaged(segment, place, "A row's place is not valid.");
	}
}

/*
 * gv_bm25_is_dead
 *		Has VACUUM found a document's row to be gone?
 */
bool
gv_bm25_is_dead(const GvBm25Segment *segment, uint32 doc)
{
	uint32		i = doc % GV_BM25_DEAD_PER_PAGE;
	Buffer		buf;
	bool		result;

	buf = gv_bm25_segment_lock(segment, segment->head.dead + doc / GV_BM25_DEAD_PER_PAGE,
							   GV_BM25_PAGE_DEAD);
	result = ((const uint8 *) gv_bm25_page_bytes(BufferGetPage(buf)))[i / 8] >> i % 8 & 1;
	UnlockReleaseBuffer(buf);
	return result;
}

/*
 * gv_bm25_read_dead
 *		Read the bits of documents.
 *
 * first: a multiple of 8
 * bits: uint8[n / 8, rounded up], written; the lowest bit first
 */
void
gv_bm25_read_dead(const GvBm25Segment *segment, uint32 first, uint32 n, uint8 *bits)
{
	Size		n_bytes = ((Size) n + 7) / 8;
	uint32		offset = first % GV_BM25_DEAD_PER_PAGE / 8;

	Assert(first % 8 == 0);
	for (uint32 place = segment->head.dead + first / GV_BM25_DEAD_PER_PAGE; n_bytes > 0; place++)
	{
		Size		part = Min(n_bytes, GV_BM25_DEAD_PER_PAGE / 8 - offset);
		Buffer		buf = gv_bm25_segment_lock(segment, place, GV_BM25_PAGE_DEAD);

		memcpy(bits, gv_bm25_page_bytes(BufferGetPage(buf)) + offset, part);
		UnlockReleaseBuffer(buf);
		bits += part;
		n_bytes -= part;
		offset = 0;
	}
}
