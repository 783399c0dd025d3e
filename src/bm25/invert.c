/*-------------------------------------------------------------------------
 *
 * invert.c
 *		Documents in memory, turned into lexemes with postings.
 *
 * Lexemes are found by a table of open addressing; the postings of each are
 * varints in chunks that double in size, the first in the entry itself, with the
 * positions of each after its tf.  All of it comes from large pieces of memory that
 * are freed together.
 *
 * A build sees rows in the order of their pages, but not within a page that was
 * updated (HOT), and may begin anywhere.  Documents are then numbered anew, and the
 * postings of one lexeme at a time sorted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "am/sort.h"
#include "bm25/codec.h"
#include "bm25/invert.h"
#include "bm25/positions.h"

#define PIECE_SIZE (256 * 1024)
#define FIRST_TABLE 4096
#define FIRST_CHUNK 12
#define MIN_CHUNK 16
#define MAX_CHUNK 1024

typedef struct Chunk
{
	struct Chunk *next;
	uint32		size;
	uint8		bytes[FLEXIBLE_ARRAY_MEMBER];
} Chunk;

typedef struct Entry
{
	uint32		hash;
	uint32		len;
	const char *lexeme;
	uint32		df;
	uint32		last_doc;
	uint8	   *out;			/* where the next byte goes */
	uint8	   *end;
	Chunk	   *first;			/* after the bytes here */
	Chunk	   *last;
	uint8		bytes[FIRST_CHUNK];
} Entry;

/* Where numbers of an entry are read */
typedef struct EntryReader
{
	const Entry *entry;
	const Chunk *chunk;			/* NULL: the bytes of the entry */
	const uint8 *in;
	const uint8 *end;
	uint32		doc;			/* of the posting read last */
} EntryReader;

struct GvBm25Invert
{
	GvBm25Source source;		/* must be first */
	MemoryContext context;
	Size		memory;
	char	   *piece;			/* memory to be given out */
	Size		piece_left;
	Entry	  **table;			/* Entry *[mask + 1]; NULL: empty */
	uint32		mask;
	uint32		n_entries;
	ItemPointerData *tids;		/* ItemPointerData[source.n_docs] */
	uint32	   *lengths;		/* uint32[source.n_docs] */
	char	   *filters;		/* char[source.n_docs][source.filters_size] */
	uint32		docs_size;		/* of these arrays */
	uint32		next_entry;		/* of the sorted table */
	EntryReader reader;			/* of the entry before it */
	uint32	   *numbers;		/* uint32[source.n_docs]: of documents by their rows, as they came;
								 * NULL: they came so */
	GvBm25Posting *sorted;		/* all postings of the entry, if so */
	Size		sorted_size;
	GvBm25Bytes sorted_positions;
};

static void *
take_memory(GvBm25Invert *invert, Size size)
{
	void	   *result;

	size = MAXALIGN(size);
	if (unlikely(size > invert->piece_left))
	{
		Size		piece = Max(size, PIECE_SIZE);

		invert->piece = MemoryContextAlloc(invert->context, piece);
		invert->piece_left = piece;
		invert->memory += piece;
	}
	result = invert->piece;
	invert->piece += size;
	invert->piece_left -= size;
	return result;
}

/* read_documents of GvBm25Source */
static void
read_documents(GvBm25Source *source, uint32 first, uint32 n, GvBm25DocumentBlock *block)
{
	const GvBm25Invert *invert = (const GvBm25Invert *) source;

	memcpy(block->tids, invert->tids + first, n * sizeof(ItemPointerData));
	memcpy(block->lengths, invert->lengths + first, n * sizeof(uint32));
	if (source->filters_size > 0)
		memcpy(block->filters, invert->filters + (Size) first * source->filters_size,
			   (Size) n * source->filters_size);
}

/* next of GvBm25Source, after sorting */
static bool
next_entry(GvBm25Source *source)
{
	GvBm25Invert *invert = (GvBm25Invert *) source;
	Entry	   *entry;

	if (invert->next_entry >= invert->n_entries)
		return false;
	entry = invert->table[invert->next_entry++];
	source->lexeme = entry->lexeme;
	source->len = entry->len;
	source->df = entry->df;
	invert->reader.entry = entry;
	invert->reader.chunk = NULL;
	invert->reader.in = entry->bytes;
	invert->reader.end = entry->bytes + FIRST_CHUNK;
	invert->reader.doc = 0;
	return true;
}

/* The next number, which may go on in the next chunk */
static inline uint32
read_number(EntryReader *reader)
{
	uint32		value = 0;
	int			shift = 0;
	uint8		byte;

	do
	{
		if (reader->in == reader->end)
		{
			reader->chunk = reader->chunk == NULL ? reader->entry->first : reader->chunk->next;
			reader->in = reader->chunk->bytes;
			reader->end = reader->in + reader->chunk->size;
		}
		byte = *reader->in++;
		value |= (uint32) (byte & 0x7F) << shift;
		shift += 7;
	} while (byte >= 0x80);
	return value;
}

/* Read the next postings of the entry, in the order in which they came */
static void
read_postings(GvBm25Invert *invert, GvBm25Posting *postings, uint32 n, GvBm25Bytes *positions)
{
	EntryReader *reader = &invert->reader;

	for (uint32 i = 0; i < n; i++)
	{
		reader->doc += read_number(reader);
		postings[i].doc = reader->doc;
		postings[i].tf = read_number(reader);
		postings[i].positions = 0;
		if (!invert->source.has_positions)
			continue;
		postings[i].positions = positions->n;
		for (uint32 j = 0; j < postings[i].tf; j++)
		{
			uint8		varint[GV_BM25_MAX_VARINT];
			uint8	   *end = gv_bm25_put_varint(varint, read_number(reader));

			gv_bm25_append_bytes(positions, varint, end - varint);
		}
	}
}

static int
compare_postings(const void *a, const void *b)
{
	uint32		x = ((const GvBm25Posting *) a)->doc;
	uint32		y = ((const GvBm25Posting *) b)->doc;

	return x < y ? -1 : x > y;
}

/* Read all postings of the entry, and put them into the order of rows */
static void
sort_postings(GvBm25Invert *invert)
{
	uint32		df = invert->source.df;

	if (df > invert->sorted_size)
	{
		if (invert->sorted != NULL)
			pfree(invert->sorted);
		invert->sorted_size = Max(df, invert->sorted_size * 2);
		invert->sorted = MemoryContextAllocHuge(invert->context,
												invert->sorted_size * sizeof(GvBm25Posting));
	}
	invert->sorted_positions.n = 0;
	read_postings(invert, invert->sorted, df, &invert->sorted_positions);
	for (uint32 i = 0; i < df; i++)
		invert->sorted[i].doc = invert->numbers[invert->sorted[i].doc];
	gv_am_sort(invert->sorted, df, sizeof(GvBm25Posting), compare_postings);
}

/* read of GvBm25Source */
static void
read_entry(GvBm25Source *source, GvBm25Posting *postings, uint32 n, GvBm25Bytes *positions)
{
	GvBm25Invert *invert = (GvBm25Invert *) source;

	if (invert->numbers == NULL)
	{
		read_postings(invert, postings, n, positions);
		return;
	}
	if (source->n_read == 0)
		sort_postings(invert);
	memcpy(postings, invert->sorted + source->n_read, n * sizeof(GvBm25Posting));
	for (uint32 i = 0; i < n && source->has_positions; i++)
	{
		const uint8 *first = invert->sorted_positions.bytes + postings[i].positions;
		const uint8 *end = invert->sorted_positions.bytes + invert->sorted_positions.n;

		postings[i].positions = positions->n;
		gv_bm25_append_bytes(positions, first,
							 gv_bm25_skip_varints(first, end, postings[i].tf) - first);
	}
}

/*
 * gv_bm25_invert_create
 *		Begin with no documents, in a memory context of its own below the current.
 */
GvBm25Invert *
gv_bm25_invert_create(const GvBm25Index *index)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "bm25 documents",
												  ALLOCSET_DEFAULT_SIZES);
	GvBm25Invert *invert = MemoryContextAllocZero(context, sizeof(GvBm25Invert));

	invert->context = context;
	invert->source.filters_size = index->filters.packed_size;
	invert->source.has_positions = gv_bm25_has_positions(index);
	invert->source.read_documents = read_documents;
	invert->source.next = next_entry;
	invert->source.read = read_entry;
	invert->table = MemoryContextAllocZero(context, FIRST_TABLE * sizeof(Entry *));
	invert->mask = FIRST_TABLE - 1;
	invert->memory = FIRST_TABLE * sizeof(Entry *);
	return invert;
}

/*
 * gv_bm25_invert_document
 *		Begin a document, whose row comes after that of the one before.
 *
 * filters: packed words of its filter columns
 *
 * Returns its number.
 */
uint32
gv_bm25_invert_document(GvBm25Invert *invert, ItemPointer tid, uint32 length,
						const char *filters)
{
	GvBm25Source *source = &invert->source;
	Size		filters_size = source->filters_size;

	if (source->n_docs == invert->docs_size)
	{
		uint32		size = Max(1024, invert->docs_size * 2);

		if (invert->tids == NULL)
		{
			invert->tids = MemoryContextAlloc(invert->context, size * sizeof(ItemPointerData));
			invert->lengths = MemoryContextAlloc(invert->context, size * sizeof(uint32));
			invert->filters = MemoryContextAlloc(invert->context, size * filters_size + 1);
		}
		else
		{
			invert->tids = repalloc_huge(invert->tids, (Size) size * sizeof(ItemPointerData));
			invert->lengths = repalloc_huge(invert->lengths, (Size) size * sizeof(uint32));
			invert->filters = repalloc_huge(invert->filters, size * filters_size + 1);
		}
		invert->memory += (Size) (size - invert->docs_size) *
			(sizeof(ItemPointerData) + sizeof(uint32) + filters_size);
		invert->docs_size = size;
	}
	invert->tids[source->n_docs] = *tid;
	invert->lengths[source->n_docs] = length;
	if (filters_size > 0)
		memcpy(invert->filters + source->n_docs * filters_size, filters, filters_size);
	source->total_length += length;
	return source->n_docs++;
}

/* Put a byte to an entry's postings */
static inline void
put_byte(GvBm25Invert *invert, Entry *entry, uint8 byte)
{
	if (unlikely(entry->out == entry->end))
	{
		uint32		size = entry->last == NULL ? MIN_CHUNK : Min(entry->last->size * 2, MAX_CHUNK);
		Chunk	   *chunk = take_memory(invert, offsetof(Chunk, bytes) + size);

		chunk->next = NULL;
		chunk->size = size;
		if (entry->last == NULL)
			entry->first = chunk;
		else
			entry->last->next = chunk;
		entry->last = chunk;
		entry->out = chunk->bytes;
		entry->end = entry->out + size;
	}
	*entry->out++ = byte;
}

static inline void
put_number(GvBm25Invert *invert, Entry *entry, uint32 value)
{
	while (value >= 0x80)
	{
		put_byte(invert, entry, (uint8) (value | 0x80));
		value >>= 7;
	}
	put_byte(invert, entry, (uint8) value);
}

/* Make the table twice as large */
static void
grow_table(GvBm25Invert *invert)
{
	Size		size = ((Size) invert->mask + 1) * 2;
	Entry	  **table = MemoryContextAllocExtended(invert->context, size * sizeof(Entry *),
												   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (uint32 i = 0; i <= invert->mask; i++)
	{
		uint32		place;

		if (invert->table[i] == NULL)
			continue;
		place = invert->table[i]->hash & (size - 1);
		while (table[place] != NULL)
			place = (place + 1) & (size - 1);
		table[place] = invert->table[i];
	}
	pfree(invert->table);
	invert->table = table;
	invert->memory += size / 2 * sizeof(Entry *);
	invert->mask = size - 1;
}

/*
 * gv_bm25_invert_term
 *		Add a lexeme of the document begun last, once for each.
 *
 * hash: any of the lexeme, the same each time
 * positions: as codec.h tells, if the index has any
 */
void
gv_bm25_invert_term(GvBm25Invert *invert, const char *lexeme, uint32 len, uint32 hash, uint32 tf,
					const uint8 *positions)
{
	uint32		doc = invert->source.n_docs - 1;
	uint32		place = hash & invert->mask;
	Entry	   *entry;

	while ((entry = invert->table[place]) != NULL &&
		   (entry->hash != hash || entry->len != len || memcmp(entry->lexeme, lexeme, len) != 0))
		place = (place + 1) & invert->mask;
	if (entry == NULL)
	{
		char	   *copy;

		entry = take_memory(invert, sizeof(Entry) + len);
		copy = (char *) (entry + 1);
		memcpy(copy, lexeme, len);
		entry->hash = hash;
		entry->len = len;
		entry->lexeme = copy;
		entry->df = 0;
		entry->last_doc = 0;
		entry->out = entry->bytes;
		entry->end = entry->bytes + FIRST_CHUNK;
		entry->first = NULL;
		entry->last = NULL;
		invert->table[place] = entry;
		if (++invert->n_entries > invert->mask / 2)
			grow_table(invert);
	}
	put_number(invert, entry, doc - entry->last_doc);
	put_number(invert, entry, tf);
	for (uint32 n = invert->source.has_positions ? tf : 0; n > 0; positions++)
	{
		put_byte(invert, entry, *positions);
		n -= *positions < 0x80;
	}
	entry->last_doc = doc;
	entry->df++;
}

/*
 * gv_bm25_invert_memory
 *		Bytes that it takes.
 */
Size
gv_bm25_invert_memory(const GvBm25Invert *invert)
{
	return invert->memory;
}

static int
compare_entries(const void *a, const void *b)
{
	const Entry *x = *(Entry *const *) a;
	const Entry *y = *(Entry *const *) b;
	int			result = memcmp(x->lexeme, y->lexeme, Min(x->len, y->len));

	if (result != 0)
		return result;
	return x->len < y->len ? -1 : x->len > y->len;
}

static int
compare_rows(const void *a, const void *b, void *arg)
{
	ItemPointer tids = arg;

	return ItemPointerCompare(&tids[*(const uint32 *) a], &tids[*(const uint32 *) b]);
}

/* Put elements of an array into an order */
static void *
permute(GvBm25Invert *invert, void *elements, Size size, const uint32 *order)
{
	uint32		n = invert->source.n_docs;
	char	   *result = MemoryContextAllocHuge(invert->context, n * size + 1);

	for (uint32 i = 0; i < n; i++)
		memcpy(result + i * size, (char *) elements + order[i] * size, size);
	pfree(elements);
	return result;
}

/* Number documents in the order of their rows, if they did not come in it */
static void
order_documents(GvBm25Invert *invert)
{
	uint32	   *order;
	uint32		n = invert->source.n_docs;
	uint32		i = 1;

	while (i < n && ItemPointerCompare(&invert->tids[i - 1], &invert->tids[i]) < 0)
		i++;
	if (i >= n)
		return;
	order = MemoryContextAllocHuge(invert->context, n * sizeof(uint32));
	for (i = 0; i < n; i++)
		order[i] = i;
	gv_am_sort_arg(order, n, sizeof(uint32), compare_rows, invert->tids);
	invert->tids = permute(invert, invert->tids, sizeof(ItemPointerData), order);
	invert->lengths = permute(invert, invert->lengths, sizeof(uint32), order);
	invert->filters = permute(invert, invert->filters, invert->source.filters_size, order);
	invert->numbers = MemoryContextAllocHuge(invert->context, n * sizeof(uint32));
	for (i = 0; i < n; i++)
		invert->numbers[order[i]] = i;
	pfree(order);
}

/*
 * gv_bm25_invert_source
 *		Return what was added as a source; nothing can be added after that.
 */
GvBm25Source *
gv_bm25_invert_source(GvBm25Invert *invert)
{
	uint32		n = 0;

	for (uint32 i = 0; i <= invert->mask; i++)
	{
		if (invert->table[i] != NULL)
			invert->table[n++] = invert->table[i];
	}
	Assert(n == invert->n_entries);
	gv_am_sort(invert->table, n, sizeof(Entry *), compare_entries);
	invert->next_entry = 0;
	order_documents(invert);
	return &invert->source;
}

void
gv_bm25_invert_free(GvBm25Invert *invert)
{
	MemoryContextDelete(invert->context);
}
