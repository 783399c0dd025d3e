/*-------------------------------------------------------------------------
 *
 * writer.c
 *		Writing a segment.
 *
 * Lexemes come in order, each with its postings in order.  Pages of terms and of
 * postings are written as they fill; skips, of which there is one for 128
 * postings, wait for the end in the pool of the documents, the tree in memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "bm25/filter.h"
#include "bm25/positions.h"
#include "bm25/writer.h"

/* The first lexeme that a page of terms, or of the tree, can hold */
typedef struct Separator
{
	uint32		place;
	uint32		len;
	char	   *lexeme;
} Separator;

typedef struct Separators
{
	uint32		n;
	uint32		size;
	Separator  *separator;
} Separators;

struct GvBm25Writer
{
	GvBm25Index *index;
	GvBm25Space *space;
	MemoryContext context;
	const GvBm25Documents *documents;
	uint32		head_place;
	int			field;			/* whose lexemes are being written; 0: none */
	GvBm25Spill *field_norms;	/* uint8[documents->n]: its norms */

	/* terms */
	PGAlignedBlock terms;
	uint32		terms_place;
	uint32		first_terms;
	uint32		n_terms;
	uint64		n_postings;
	char		last_lexeme[GV_BM25_MAX_LEXEME];
	uint32		last_len;
	Separators	separators;

	/* postings */
	PGAlignedBlock postings;
	uint32		postings_place;
	uint32		postings_used;	/* bytes */

	GvBm25Spill *skips;			/* GvBm25SkipData[] */

	/* the lexeme being written */
	const char *lexeme;
	uint32		len;
	uint32		df;				/* so far */
	uint32		before;			/* last document of the blocks that were written */
	GvBm25Spill *list_norms;
	GvBm25Spill *list_skips;	/* GvBm25SkipData[], of its blocks */
	GvBm25Pairs super_pairs;	/* of the last superblock */
	GvBm25Spill *supers;		/* GvBm25SkipData[], of its superblocks */

	GvBm25PositionsWriter *positions;	/* NULL: the index has none */
	GvBm25Bytes list_positions; /* of a lexeme with one block */
};

/* Begin a page of postings */
static void
begin_postings(GvBm25Writer *writer)
{
	writer->postings_place = gv_bm25_space_take(writer->space);
	gv_bm25_init_page((Page) writer->postings.data, GV_BM25_PAGE_POSTINGS, writer->space->owner,
					  writer->postings_place);
	writer->postings_used = 0;
}

static void
end_postings(GvBm25Writer *writer)
{
	Page		page = (Page) writer->postings.data;

	((PageHeader) page)->pd_lower =
		gv_bm25_page_bytes(page) + writer->postings_used - (char *) page;
	gv_bm25_space_write(writer->space, writer->postings_place, page);
}

/*
 * Put bytes to the postings, all on one page.
 *
 * Returns their offset; the place is writer->postings_place.
 */
static uint32
put_postings(GvBm25Writer *writer, const uint8 *bytes, uint32 n)
{
	uint32		offset;

	Assert(n <= GV_BM25_ROOM);
	if (writer->postings_used + n > GV_BM25_ROOM)
	{
		end_postings(writer);
		begin_postings(writer);
	}
	offset = writer->postings_used;
	memcpy(gv_bm25_page_bytes((Page) writer->postings.data) + offset, bytes, n);
	writer->postings_used += n;
	return offset;
}

/* Begin a page of terms */
static void
begin_terms(GvBm25Writer *writer, uint32 place)
{
	GvBm25TermsPage terms;

	writer->terms_place = place;
	gv_bm25_init_page((Page) writer->terms.data, GV_BM25_PAGE_TERMS, writer->space->owner, place);
	terms = (GvBm25TermsPage) gv_bm25_page((Page) writer->terms.data);
	terms->next = 0;
	terms->n_entries = 0;
	terms->n_bytes = 0;
}

/* Write a page whose content goes to the end */
static void
write_full_page(GvBm25Writer *writer, uint32 place, Page page)
{
	((PageHeader) page)->pd_lower = gv_am_page_content(page) + GV_AM_PAGE_ROOM - (char *) page;
	gv_bm25_space_write(writer->space, place, page);
}

static void
add_separator(Separators *separators, uint32 place, const char *lexeme, uint32 len)
{
	Separator  *separator;

	if (separators->n == separators->size)
	{
		separators->size = Max(64, separators->size * 2);
		if (separators->separator == NULL)
			separators->separator = palloc(separators->size * sizeof(Separator));
		else
			separators->separator = repalloc_huge(separators->separator,
												  (Size) separators->size * sizeof(Separator));
	}
	separator = &separators->separator[separators->n++];
	separator->place = place;
	separator->len = len;
	separator->lexeme = palloc(Max(len, 1));
	memcpy(separator->lexeme, lexeme, len);
}

/*
 * gv_bm25_writer_begin
 *		Begin to write a segment in the current memory context.
 *
 * space: begun; it and documents live as long as the writer
 */
GvBm25Writer *
gv_bm25_writer_begin(GvBm25Index *index, GvBm25Space *space, const GvBm25Documents *documents)
{
	GvBm25Writer *writer = palloc0(sizeof(GvBm25Writer));

	writer->index = index;
	writer->space = space;
	writer->context = CurrentMemoryContext;
	writer->documents = documents;
	writer->skips = gv_bm25_spill_create(documents->pool, sizeof(GvBm25SkipData),
										 GV_BM25_SPILL_ANY);
	writer->list_skips = gv_bm25_spill_create(documents->pool, sizeof(GvBm25SkipData),
										 GV_BM25_SPILL_ANY);
	writer->supers = gv_bm25_spill_create(documents->pool, sizeof(GvBm25SkipData),
										 GV_BM25_SPILL_ANY);
	writer->head_place = gv_bm25_space_take(space);
	writer->first_terms = gv_bm25_space_take(space);
	begin_terms(writer, writer->first_terms);
	add_separator(&writer->separators, writer->first_terms, "", 0);
	begin_postings(writer);
	if (gv_bm25_has_positions(index))
		writer->positions = gv_bm25_positions_begin(space, documents->pool);
	return writer;
}

/* The norms that go with a lexeme: of documents, or of a field in them */
static GvBm25Spill *
norms_of(GvBm25Writer *writer, const char *lexeme, uint32 len)
{
	const GvBm25Documents *documents = writer->documents;
	int			field = gv_bm25_field_of(writer->index, lexeme, len);

	if (field == 0)
		return documents->norms;
	if (writer->field_norms == NULL)
		writer->field_norms = gv_bm25_spill_create(documents->pool, sizeof(uint8), documents->n);
	/* lexemes of a field come one after another */
	if (writer->field != field)
	{
		gv_bm25_spill_empty(writer->field_norms);
		for (uint32 i = 0; i < documents->n; i++)
		{
			const char *packed = gv_bm25_spill_read(documents->filters, i);
			uint8		norm = gv_bm25_norm_of_length(gv_bm25_field_length(writer->index, packed,
																		   field));

			gv_bm25_spill_append(writer->field_norms, &norm);
		}
		writer->field = field;
	}
	return writer->field_norms;
}

/* Encode a list of postings; returns the end of the bytes */
static uint8 *
encode_list(const GvBm25Posting *postings, uint32 n, uint32 before, uint8 *out)
{
	for (uint32 i = 0; i < n; i++)
	{
		out = gv_bm25_put_varint(out, postings[i].doc - before);
		out = gv_bm25_put_varint(out, postings[i].tf);
		before = postings[i].doc;
	}
	return out;
}

/* Append a skip to some, with the pairs that bound its postings */
static void
put_skip(GvBm25Spill *skips, GvBm25Skip skip, const GvBm25Pairs *pairs)
{
	memcpy(skip->tf, pairs->tf, pairs->n);
	memcpy(skip->norm, pairs->norm, pairs->n);
	gv_bm25_spill_append(skips, skip);
}

/* Write a block of postings; skip gets its place */
static void
write_block(GvBm25Writer *writer, const GvBm25Posting *postings, uint32 n, uint32 before,
			GvBm25Skip skip)
{
	uint8		bytes[GV_BM25_BLOCK * 2 * GV_BM25_MAX_VARINT];
	uint32		docs[GV_BM25_BLOCK];
	uint32		tfs[GV_BM25_BLOCK];
	uint32		all_docs = 0;
	uint32		all_tfs = 0;
	uint32		size;

	skip->last_doc = postings[n - 1].doc;
	if (n < GV_BM25_BLOCK)
		size = encode_list(postings, n, before, bytes) - bytes;
	else
	{
		for (int i = 0; i < GV_BM25_BLOCK; i++)
		{
			docs[i] = postings[i].doc - before - 1;
			tfs[i] = postings[i].tf - 1;
			before = postings[i].doc;
			all_docs |= docs[i];
			all_tfs |= tfs[i];
		}
		skip->doc_bits = gv_bm25_bits_of(all_docs);
		skip->tf_bits = gv_bm25_bits_of(all_tfs);
		gv_bm25_pack(docs, skip->doc_bits, bytes);
		gv_bm25_pack(tfs, skip->tf_bits, bytes + GV_BM25_PACKED_SIZE(skip->doc_bits));
		size = GV_BM25_PACKED_SIZE(skip->doc_bits + skip->tf_bits);
	}
	skip->offset = put_postings(writer, bytes, size);
	skip->place = writer->postings_place;
}

/* End a superblock of the lexeme */
static void
end_superblock(GvBm25Writer *writer)
{
	GvBm25SkipData skip;

	memset(&skip, 0, sizeof(skip));
	skip.last_doc = writer->before;
	put_skip(writer->supers, &skip, &writer->super_pairs);
	writer->super_pairs.n = 0;
}

/*
 * gv_bm25_writer_put
 *		Write a block of postings of the lexeme begun last; a further one follows, or
 *		came before.
 *
 * postings: GvBm25Posting[n], documents ascending; n: GV_BM25_BLOCK, unless it is the last
 * positions: bytes with theirs, if the index has positions
 */
void
gv_bm25_writer_put(GvBm25Writer *writer, const GvBm25Posting *postings, uint32 n,
				   const uint8 *positions)
{
	const int	shift = gv_bm25_spill_shift(sizeof(uint8));
	uint32		number = PG_UINT32_MAX;
	const uint8 *page = NULL;	/* that page of the norms */
	GvBm25SkipData skip;
	GvBm25Pairs pairs;

	if (writer->df == 0)
	{
		writer->before = GV_BM25_NO_DOC;
		writer->list_norms = norms_of(writer, writer->lexeme, writer->len);
	}
	memset(&skip, 0, sizeof(skip));
	pairs.n = 0;
	for (uint32 i = 0; i < n; i++)
	{
		uint32		doc = postings[i].doc;

		if (doc >> shift != number)
		{
			number = doc >> shift;
			page = (const uint8 *) gv_bm25_spill_page(writer->list_norms, number);
		}
		gv_bm25_pairs_add(&pairs, postings[i].tf, page[doc & ((1U << shift) - 1)]);
	}
	for (int i = 0; i < pairs.n; i++)
		gv_bm25_pairs_add(&writer->super_pairs, pairs.tf[i], pairs.norm[i]);
	write_block(writer, postings, n, writer->before, &skip);
	put_skip(writer->list_skips, &skip, &pairs);
	if (writer->positions != NULL)
		gv_bm25_positions_put_block(writer->positions, postings, n, positions);
	writer->before = skip.last_doc;
	writer->df += n;
	if (writer->list_skips->n % GV_BM25_SUPERBLOCK == 0)
		end_superblock(writer);
}

/* Append the skips of the lexeme's superblocks, and those of its blocks, to those of all */
static void
end_skips(GvBm25Writer *writer)
{
	if (writer->list_skips->n % GV_BM25_SUPERBLOCK != 0)
		end_superblock(writer);
	Assert(writer->supers->n == gv_bm25_n_superblocks(writer->df));
	if (writer->positions != NULL)
		gv_bm25_positions_end_list(writer->positions, writer->supers->n);
	gv_bm25_spill_move(writer->skips, writer->supers);
	gv_bm25_spill_move(writer->skips, writer->list_skips);
}

/*
 * Encode the positions of at most GV_BM25_BLOCK postings in their entry; they are
 * written if they are too many for that.
 */
static uint8 *
encode_positions(GvBm25Writer *writer, const GvBm25Posting *postings, uint32 df,
				 const uint8 *positions, uint8 *out)
{
	GvBm25Bytes *all = &writer->list_positions;
	GvBm25SpotData spot;

	/* those of a posting are together, not those of all */
	all->n = 0;
	for (uint32 i = 0; i < df; i++)
	{
		const uint8 *first = positions + postings[i].positions;

		gv_bm25_append_bytes(all, first,
							 gv_bm25_skip_varints(first, first + (uint64) postings[i].tf *
												  GV_BM25_MAX_VARINT, postings[i].tf) - first);
	}
	if (all->n <= GV_BM25_MAX_INLINE)
	{
		out = gv_bm25_put_varint(out, (uint32) all->n);
		memcpy(out, all->bytes, all->n);
		writer->positions->n_bytes += all->n;
		return out + all->n;
	}
	gv_bm25_positions_put_list(writer->positions, all, &spot);
	out = gv_bm25_put_varint(out, 0);
	out = gv_bm25_put_varint(out, spot.place);
	out = gv_bm25_put_varint(out, spot.offset);
	return gv_bm25_put_varint(out, spot.n_bytes);
}

/* Encode a list of postings, or where it is written */
static uint8 *
encode_list_place(GvBm25Writer *writer, const GvBm25Posting *postings, uint32 df, uint8 *out)
{
	uint8		list[GV_BM25_BLOCK * 2 * GV_BM25_MAX_VARINT];
	uint32		size = encode_list(postings, df, 0, list) - list;
	uint32		offset;

	if (size <= GV_BM25_MAX_INLINE)
	{
		out = gv_bm25_put_varint(out, df * 2 + 1);
		out = gv_bm25_put_varint(out, size);
		memcpy(out, list, size);
		return out + size;
	}
	offset = put_postings(writer, list, size);
	out = gv_bm25_put_varint(out, df * 2);
	out = gv_bm25_put_varint(out, writer->postings_place);
	return gv_bm25_put_varint(out, offset);
}

/* Encode what follows the lexeme in its entry, and write its last, or only, block */
static uint8 *
encode_entry(GvBm25Writer *writer, const GvBm25Posting *postings, uint32 n,
			 const uint8 *positions, uint8 *out)
{
	if (writer->df > 0)
	{
		uint32		first_skip = writer->skips->n;

		gv_bm25_writer_put(writer, postings, n, positions);
		end_skips(writer);
		out = gv_bm25_put_varint(out, writer->df * 2);
		return gv_bm25_put_varint(out, first_skip);
	}
	writer->df = n;
	out = encode_list_place(writer, postings, n, out);
	if (writer->positions != NULL)
		out = encode_positions(writer, postings, n, positions, out);
	return out;
}

/* Bytes that two lexemes have in common at their beginning */
static uint32
shared_bytes(const char *a, uint32 a_len, const char *b, uint32 b_len)
{
	uint32		n = 0;

	while (n < a_len && n < b_len && a[n] == b[n])
		n++;
	return n;
}

/*
 * gv_bm25_writer_begin_list
 *		Begin to write a lexeme, which comes after the one before.
 *
 * lexeme: lives until the list ends
 */
void
gv_bm25_writer_begin_list(GvBm25Writer *writer, const char *lexeme, uint32 len)
{
	Assert(len > 0 && len <= GV_BM25_MAX_LEXEME);
	writer->lexeme = lexeme;
	writer->len = len;
	writer->df = 0;
}

/*
 * gv_bm25_writer_end_list
 *		End a lexeme.
 *
 * postings: GvBm25Posting[n], 1..GV_BM25_BLOCK, its last ones, or all of them
 * positions: bytes with theirs, if the index has positions
 */
void
gv_bm25_writer_end_list(GvBm25Writer *writer, const GvBm25Posting *postings, uint32 n,
						const uint8 *positions)
{
	const char *lexeme = writer->lexeme;
	uint32		len = writer->len;
	uint8		entry[8 * GV_BM25_MAX_VARINT + 2 * GV_BM25_MAX_INLINE];
	uint32		entry_size = encode_entry(writer, postings, n, positions, entry) - entry;
	GvBm25TermsPage terms = (GvBm25TermsPage) gv_bm25_page((Page) writer->terms.data);
	uint32		shared = shared_bytes(writer->last_lexeme, writer->last_len, lexeme, len);
	uint32		n_restarts = terms->n_entries / GV_BM25_RESTART + 1;
	uint8	   *out;

	Assert(n > 0 && n <= GV_BM25_BLOCK);
	if (terms->n_bytes + 2 * GV_BM25_MAX_VARINT + len + entry_size +
		n_restarts * sizeof(uint16) > GV_BM25_TERMS_ROOM)
	{
		uint32		next = gv_bm25_space_take(writer->space);

		terms->next = next;
		write_full_page(writer, writer->terms_place, (Page) writer->terms.data);
		begin_terms(writer, next);
		add_separator(&writer->separators, next, lexeme, shared + 1);
	}
	if (terms->n_entries % GV_BM25_RESTART == 0)
	{
		char	   *end = gv_am_page_content((Page) writer->terms.data) + GV_AM_PAGE_ROOM;
		uint16		offset = terms->n_bytes;

		shared = 0;
		memcpy(end - (terms->n_entries / GV_BM25_RESTART + 1) * sizeof(uint16), &offset,
			   sizeof(offset));
	}

	out = (uint8 *) (terms + 1) + terms->n_bytes;
	out = gv_bm25_put_varint(out, shared);
	out = gv_bm25_put_varint(out, len - shared);
	memcpy(out, lexeme + shared, len - shared);
	out += len - shared;
	memcpy(out, entry, entry_size);
	out += entry_size;
	terms->n_bytes = out - (uint8 *) (terms + 1);
	terms->n_entries++;

	memcpy(writer->last_lexeme, lexeme, len);
	writer->last_len = len;
	writer->n_terms++;
	writer->n_postings += writer->df;
}

/*
 * Write a level of the tree.
 *
 * below: the pages below; above: set to the pages written
 */
static void
write_tree_level(GvBm25Writer *writer, const Separators *below, Separators *above)
{
	PGAlignedBlock block;
	Page		page = (Page) block.data;
	GvBm25TreePage tree = (GvBm25TreePage) gv_bm25_page(page);
	uint32		place = 0;
	bool		is_open = false;

	memset(above, 0, sizeof(*above));
	for (uint32 i = 0; i < below->n; i++)
	{
		const Separator *separator = &below->separator[i];
		uint32		size = sizeof(uint32) + sizeof(uint16) + separator->len;
		uint16		len = separator->len;
		uint16		offset;
		char	   *out;

		if (is_open && tree->n_bytes + size + (tree->n_entries + 1) * sizeof(uint16) >
			GV_BM25_TREE_ROOM)
		{
			write_full_page(writer, place, page);
			is_open = false;
		}
		if (!is_open)
		{
			place = gv_bm25_space_take(writer->space);
			gv_bm25_init_page(page, GV_BM25_PAGE_TREE, writer->space->owner, place);
			add_separator(above, place, separator->lexeme, separator->len);
			is_open = true;
		}
		out = (char *) (tree + 1) + tree->n_bytes;
		memcpy(out, &separator->place, sizeof(uint32));
		memcpy(out + sizeof(uint32), &len, sizeof(len));
		memcpy(out + sizeof(uint32) + sizeof(uint16), separator->lexeme, len);
		offset = tree->n_bytes;
		tree->n_bytes += size;
		tree->n_entries++;
		memcpy(gv_am_page_content(page) + GV_AM_PAGE_ROOM - tree->n_entries * sizeof(uint16),
			   &offset, sizeof(offset));
	}
	write_full_page(writer, place, page);
}

/*
 * Write an array to pages of its own; returns the place of the first.
 *
 * elements: NULL: zeros
 * n_bytes: of all; per_page: bytes, whole elements
 */
static uint32
write_array(GvBm25Writer *writer, GvBm25PageKind kind, GvBm25Spill *elements, Size n_bytes,
			uint32 per_page)
{
	PGAlignedBlock block;
	Page		page = (Page) block.data;
	uint32		first = writer->space->n_pages;
	uint32		n_done = 0;

	do
	{
		Size		part = Min(n_bytes, per_page);
		uint32		place = gv_bm25_space_take(writer->space);

		gv_bm25_init_page(page, kind, writer->space->owner, place);
		if (elements != NULL)
		{
			gv_bm25_spill_copy(elements, n_done, part / elements->size, gv_bm25_page_bytes(page));
			n_done += part / elements->size;
		}
		((PageHeader) page)->pd_lower = gv_bm25_page_bytes(page) + part - (char *) page;
		gv_bm25_space_write(writer->space, place, page);
		n_bytes -= part;
	} while (n_bytes > 0);
	return first;
}

/* Read the rows of a group of documents; returns how many */
static uint32
read_group(const GvBm25Documents *documents, uint32 first, uint32 *blocks, uint32 *offsets,
		   uint32 *base)
{
	ItemPointerData tids[GV_BM25_TID_GROUP];
	uint32		n = Min(GV_BM25_TID_GROUP, documents->n - first);

	gv_bm25_spill_copy(documents->tids, first, n, tids);
	*base = ItemPointerGetBlockNumber(&tids[0]);
	for (uint32 i = 0; i < n; i++)
	{
		blocks[i] = ItemPointerGetBlockNumber(&tids[i]) - *base;
		offsets[i] = ItemPointerGetOffsetNumber(&tids[i]);
	}
	return n;
}

/* Write the rows of the documents, and say in the head how */
static void
write_tids(GvBm25Writer *writer, GvBm25HeadPage head)
{
	const GvBm25Documents *documents = writer->documents;
	uint32		blocks[GV_BM25_TID_GROUP];
	uint32		offsets[GV_BM25_TID_GROUP];
	uint32		base;
	uint32		all_blocks = 0;
	uint32		all_offsets = 0;
	uint32		size;
	PGAlignedBlock block;
	Page		page = (Page) block.data;
	uint64		doc;

	for (doc = 0; doc < documents->n; doc += GV_BM25_TID_GROUP)
	{
		uint32		n = read_group(documents, doc, blocks, offsets, &base);

		for (uint32 i = 0; i < n; i++)
		{
			all_blocks |= blocks[i];
			all_offsets |= offsets[i];
		}
	}
	head->block_bits = gv_bm25_bits_of(all_blocks);
	head->offset_bits = gv_bm25_bits_of(all_offsets);
	head->tids = writer->space->n_pages;
	size = GV_BM25_TID_GROUP_SIZE(head->block_bits + head->offset_bits);
	for (doc = 0; doc < documents->n;)
	{
		uint32		place = gv_bm25_space_take(writer->space);
		char	   *out;

		gv_bm25_init_page(page, GV_BM25_PAGE_TIDS, writer->space->owner, place);
		out = gv_bm25_page_bytes(page);
		for (uint32 i = 0; i < GV_BM25_ROOM / size && doc < documents->n; i++)
		{
			memset(blocks, 0, sizeof(blocks));
			memset(offsets, 0, sizeof(offsets));
			(void) read_group(documents, doc, blocks, offsets, &base);
			memcpy(out, &base, sizeof(base));
			gv_bm25_pack(blocks, head->block_bits, (uint8 *) out + sizeof(base));
			gv_bm25_pack(offsets, head->offset_bits,
						 (uint8 *) out + sizeof(base) + GV_BM25_PACKED_SIZE(head->block_bits));
			out += size;
			doc += GV_BM25_TID_GROUP;
		}
		((PageHeader) page)->pd_lower = out - (char *) page;
		gv_bm25_space_write(writer->space, place, page);
	}
}

/* Count what documents have in each field */
static void
count_fields(const GvBm25Writer *writer, GvBm25HeadPage head)
{
	const GvBm25Documents *documents = writer->documents;

	for (uint32 field = 1; field <= writer->index->meta.fields.n; field++)
	{
		GvBm25FieldCountData *count = &head->field[field - 1];

		for (uint32 i = 0; i < documents->n; i++)
		{
			uint32		length = gv_bm25_field_length(writer->index,
													  gv_bm25_spill_read(documents->filters, i),
													  field);

			count->total_length += length;
			count->n_docs += length > 0;
		}
	}
}

/* Write the words of the filter columns, and lengths of fields, column by column */
static void
write_filters(GvBm25Writer *writer, GvBm25HeadPage head)
{
	const GvAmFilterColumns *columns = &writer->index->filters;
	PGAlignedBlock block;
	Page		page = (Page) block.data;

	head->filters = columns->n > 0 ? writer->space->n_pages : 0;
	for (int i = 0; i < columns->n; i++)
	{
		uint32		per_page = GV_BM25_WORDS_PER_PAGE(columns->column[i].width);

		for (uint32 first = 0; first < writer->documents->n; first += per_page)
		{
			uint32		place = gv_bm25_space_take(writer->space);

			gv_bm25_init_page(page, GV_BM25_PAGE_FILTERS, writer->space->owner, place);
			gv_bm25_fill_filters(page, &columns->column[i], i, writer->documents, first);
			gv_bm25_space_write(writer->space, place, page);
		}
	}
}

/* Write the head, whose fields are set but for the pages */
static void
write_head(GvBm25Writer *writer, Page page, GvBm25HeadPage head)
{
	GvBm25Space *space = writer->space;

	head->n_pages = space->n_pages;
	head->n_extents = space->used.n;
	memcpy(head->extent, space->used.extent, space->used.n * sizeof(GvBm25ExtentData));
	((PageHeader) page)->pd_lower = (char *) (head->extent + head->n_extents) - (char *) page;
	gv_bm25_space_write(space, writer->head_place, page);
}

/*
 * gv_bm25_writer_finish
 *		Write what is left of a segment.
 *
 * entry: all fields written, to be published
 */
void
gv_bm25_writer_finish(GvBm25Writer *writer, GvBm25SegmentData *entry)
{
	const GvBm25Documents *documents = writer->documents;
	GvBm25Space *space = writer->space;
	PGAlignedBlock block;
	Page		page = (Page) block.data;
	GvBm25HeadPage head = (GvBm25HeadPage) gv_bm25_page(page);
	Separators	level = writer->separators;

	end_postings(writer);
	write_full_page(writer, writer->terms_place, (Page) writer->terms.data);

	gv_bm25_init_page(page, GV_BM25_PAGE_HEAD, space->owner, writer->head_place);
	head->n_docs = documents->n;
	head->n_terms = writer->n_terms;
	head->n_skips = writer->skips->n;
	head->total_length = documents->total_length;
	head->n_postings = writer->n_postings;
	head->first_terms = writer->first_terms;
	head->height = 0;
	while (level.n > 1)
	{
		Separators	above;

		write_tree_level(writer, &level, &above);
		level = above;
		head->height++;
	}
	head->root = level.separator[0].place;
	head->skips = write_array(writer, GV_BM25_PAGE_SKIPS, writer->skips,
							  (Size) head->n_skips * sizeof(GvBm25SkipData),
							  GV_BM25_SKIPS_PER_PAGE * sizeof(GvBm25SkipData));
	if (writer->index->meta.flags & GV_BM25_FLAG_EXACT_LENGTH)
	{
		head->norm_size = sizeof(uint32);
		head->norms = write_array(writer, GV_BM25_PAGE_NORMS, documents->lengths,
								  (Size) documents->n * sizeof(uint32),
								  GV_BM25_NORMS_PER_PAGE(sizeof(uint32)) * sizeof(uint32));
	}
	else
	{
		head->norm_size = 1;
		head->norms = write_array(writer, GV_BM25_PAGE_NORMS, documents->norms, documents->n,
								  GV_BM25_NORMS_PER_PAGE(1));
	}
	if (writer->positions != NULL)
	{
		gv_bm25_positions_finish(writer->positions);
		head->position_bytes = writer->positions->n_bytes;
		head->positions = writer->positions->first_place;
		head->spots = write_array(writer, GV_BM25_PAGE_SPOTS, writer->positions->spots,
								  (Size) head->n_skips * sizeof(GvBm25SpotData),
								  GV_BM25_SPOTS_PER_PAGE * sizeof(GvBm25SpotData));
	}
	write_tids(writer, head);
	head->dead = write_array(writer, GV_BM25_PAGE_DEAD, NULL, ((Size) documents->n + 7) / 8,
							 GV_BM25_ROOM);
	write_filters(writer, head);
	count_fields(writer, head);
	write_head(writer, page, head);

	memset(entry, 0, sizeof(*entry));
	entry->id = space->owner;
	entry->head = space->used.extent[0].start;
	entry->n_docs = documents->n;
	entry->total_length = documents->total_length;
	entry->n_pages = space->n_pages;
	entry->n_terms = writer->n_terms;
	entry->first_tid = documents->first_tid;
	entry->last_tid = documents->last_tid;
}
