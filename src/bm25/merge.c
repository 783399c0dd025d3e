/*-------------------------------------------------------------------------
 *
 * merge.c
 *		One segment out of several sources: segments, lanes, runs of a build.
 *
 * Documents get new numbers in the order of their rows; those whose rows are
 * gone are left out.  What is known of each, and its new number, may go to a
 * temporary file: a merge takes maintenance_work_mem, not more.  The caller holds
 * the merge lock, or builds the index.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "am/routine.h"
#include "bm25/delta.h"
#include "bm25/filter.h"
#include "bm25/invert.h"
#include "bm25/merge.h"
#include "bm25/positions.h"

/* Segments of a tier that are merged, and how much larger those of the next are */
#define TIER 8

/* Pages of segments of the first tier, at most */
#define FIRST_TIER_PAGES 256

/* A segment as a source */
typedef struct SegmentSource
{
	GvBm25Source source;		/* must be first */
	GvBm25Segment segment;
	GvBm25TermScan scan;
	GvBm25PostingScan postings;
	ItemPointerData last_tid;	/* of the documents read last */
} SegmentSource;

static bool
next_term(GvBm25Source *source)
{
	SegmentSource *from = (SegmentSource *) source;

	if (!gv_bm25_terms_next(&from->scan))
		return false;
	source->lexeme = from->scan.lexeme;
	source->len = from->scan.len;
	source->df = from->scan.entry.df;
	gv_bm25_postings_begin(&from->postings, &from->segment, &from->scan.entry);
	return true;
}

static void
read_term(GvBm25Source *source, GvBm25Posting *postings, uint32 n, GvBm25Bytes *positions)
{
	SegmentSource *from = (SegmentSource *) source;

	(void) gv_bm25_postings_next(&from->postings, postings,
								 source->has_positions ? positions : NULL);
}

/* read_documents of GvBm25Source */
static void
read_documents(GvBm25Source *source, uint32 first, uint32 n, GvBm25DocumentBlock *block)
{
	SegmentSource *from = (SegmentSource *) source;
	const GvBm25Segment *segment = &from->segment;
	uint8		dead[GV_BM25_DOCUMENTS_AT_ONCE / 8];

	gv_bm25_read_tids(segment, first, n, block->tids);
	for (uint32 i = 0; i < n; i++)
	{
		if (first + i > 0 &&
			ItemPointerCompare(i > 0 ? &block->tids[i - 1] : &from->last_tid, &block->tids[i]) >= 0)
			gv_bm25_segment_damaged(segment, segment->head.tids,
									"Rows of a segment are not in order.");
	}
	from->last_tid = block->tids[n - 1];
	if (segment->head.norm_size == 1)
	{
		uint8		norms[GV_BM25_DOCUMENTS_AT_ONCE];

		gv_bm25_read_norms(segment, first, n, norms);
		for (uint32 i = 0; i < n; i++)
			block->lengths[i] = gv_bm25_length_of_norm(norms[i]);
	}
	else
		gv_bm25_read_norms(segment, first, n, block->lengths);
	gv_bm25_read_filters(segment, first, n, block->filters);

	gv_bm25_read_dead(segment, first, n, dead);
	for (uint32 i = 0; i < n; i++)
	{
		if (dead[i / 8] >> i % 8 & 1)
		{
			if (!source->counts_dead)
				source->total_length -= Min(source->total_length, block->lengths[i]);
			block->lengths[i] = 0;
		}
	}
}

/*
 * gv_bm25_segment_source
 *		Make a source of a segment, in the current memory context.
 */
GvBm25Source *
gv_bm25_segment_source(GvBm25Index *index, const GvBm25SegmentData *entry)
{
	SegmentSource *from = palloc(sizeof(SegmentSource));

	gv_bm25_segment_open(&from->segment, index, entry);
	gv_bm25_terms_begin(&from->scan, &from->segment);
	from->source.read_documents = read_documents;
	from->source.next = next_term;
	from->source.read = read_term;
	from->source.has_positions = gv_bm25_has_positions(index);
	/* of rounded lengths the sum would be wrong, and more so with each merge */
	from->source.counts_dead = from->segment.head.norm_size == 1;
	from->source.n_kept = from->source.n_dropped = 0;
	from->source.n_docs = entry->n_docs;
	from->source.total_length = entry->total_length;
	from->source.filters_size = index->filters.packed_size;
	return &from->source;
}

/* A source, and its document that has a number next */
typedef struct Numbered
{
	GvBm25Source *source;
	uint32		first;			/* document that the block begins with */
	uint32		n;				/* of the block */
	uint32		next;			/* of the block */
	GvBm25DocumentBlock block;
} Numbered;

/* Go to the next document that is not gone; false if there is none */
static bool
find_next(Numbered *numbered)
{
	GvBm25Source *source = numbered->source;

	for (;;)
	{
		for (; numbered->next < numbered->n; numbered->next++)
		{
			uint32		none = GV_BM25_NO_DOC;

			if (numbered->block.lengths[numbered->next] > 0)
				return true;
			gv_bm25_spill_append(source->map, &none);
		}
		numbered->first += numbered->n;
		numbered->n = Min(GV_BM25_DOCUMENTS_AT_ONCE, source->n_docs - numbered->first);
		numbered->next = 0;
		if (numbered->n == 0)
			return false;
		source->read_documents(source, numbered->first, numbered->n, &numbered->block);
		CHECK_FOR_INTERRUPTS();
	}
}

/* Append the document that a source is at */
static void
append_document(GvBm25Documents *all, const Numbered *from)
{
	ItemPointerData tid = from->block.tids[from->next];
	uint32		length = from->block.lengths[from->next];
	uint8		norm = gv_bm25_norm_of_length(length);

	if (all->n == 0)
		all->first_tid = tid;
	all->last_tid = tid;
	gv_bm25_spill_append(all->tids, &tid);
	gv_bm25_spill_append(all->norms, &norm);
	if (all->lengths != NULL)
		gv_bm25_spill_append(all->lengths, &length);
	if (all->filters != NULL)
		gv_bm25_spill_append(all->filters, from->block.filters +
							 (Size) from->next * from->source->filters_size);
	gv_bm25_spill_append(from->source->map, &all->n);
	all->n++;
}

/* Number the documents of all sources anew, in the order of their rows */
static void
number_documents(GvBm25Index *index, GvBm25Source **sources, int n_sources, GvBm25Pool *pool,
				 GvBm25Documents *all)
{
	uint32		filters_size = sources[0]->filters_size;
	Numbered   *numbered = MemoryContextAllocExtended(CurrentMemoryContext,
													  n_sources * sizeof(Numbered),
													  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	uint64		n = 0;

	memset(all, 0, sizeof(*all));
	all->pool = pool;
	for (int i = 0; i < n_sources; i++)
	{
		n += sources[i]->n_docs;
		sources[i]->map = gv_bm25_spill_create(pool, sizeof(uint32), sources[i]->n_docs);
		numbered[i].source = sources[i];
		numbered[i].block.filters = palloc(GV_BM25_DOCUMENTS_AT_ONCE * filters_size + 1);
	}
	if (n >= GV_BM25_NO_DOC)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("bm25 index cannot have more than %u rows", GV_BM25_NO_DOC - 1)));
	all->tids = gv_bm25_spill_create(pool, sizeof(ItemPointerData), (uint32) n);
	all->norms = gv_bm25_spill_create(pool, sizeof(uint8), (uint32) n);
	if (index->meta.flags & GV_BM25_FLAG_EXACT_LENGTH)
		all->lengths = gv_bm25_spill_create(pool, sizeof(uint32), (uint32) n);
	if (filters_size > 0)
		all->filters = gv_bm25_spill_create(pool, filters_size, (uint32) n);

	for (;;)
	{
		Numbered   *best = NULL;

		for (int i = 0; i < n_sources; i++)
		{
			if (find_next(&numbered[i]) &&
				(best == NULL ||
				 ItemPointerCompare(&numbered[i].block.tids[numbered[i].next],
									&best->block.tids[best->next]) < 0))
				best = &numbered[i];
		}
		if (best == NULL)
			break;
		append_document(all, best);
		best->next++;
	}
	for (int i = 0; i < n_sources; i++)
	{
		all->total_length += sources[i]->total_length;
		pfree(numbered[i].block.filters);
	}
	pfree(numbered);
}

/* The postings of a lexeme from one source, a block at a time */
typedef struct Stream
{
	GvBm25Source *source;
	uint32		n;				/* of the block, without those of dead documents */
	uint32		next;
	GvBm25Bytes positions;
	GvBm25Posting postings[GV_BM25_BLOCK];
} Stream;

/* Read the next block that is not empty, by new numbers; false at the end */
static bool
load_block(Stream *stream, bool is_of_field)
{
	GvBm25Source *source = stream->source;
	const int	shift = gv_bm25_spill_shift(sizeof(uint32));
	uint32		n;

	stream->n = stream->next = 0;
	while (stream->n == 0 &&
		   (n = gv_bm25_source_read(source, stream->postings, &stream->positions)) > 0)
	{
		uint64		n_kept = 0;
		uint64		n_dropped = 0;
		uint32		number = PG_UINT32_MAX;
		const uint32 *page = NULL;	/* that page of the map */

		for (uint32 i = 0; i < n; i++)
		{
			uint32		doc = stream->postings[i].doc;
			uint32		tf = stream->postings[i].tf;

			if (doc >> shift != number)
			{
				number = doc >> shift;
				page = (const uint32 *) gv_bm25_spill_page(source->map, number);
			}
			doc = page[doc & ((1U << shift) - 1)];
			if (unlikely(doc == GV_BM25_NO_DOC))
			{
				n_dropped += tf;
				continue;
			}
			n_kept += tf;
			if (stream->n < i)
				stream->postings[stream->n] = stream->postings[i];
			stream->postings[stream->n++].doc = doc;
		}
		/* those of fields are there once more, and not counted */
		if (!is_of_field)
		{
			source->n_kept += n_kept;
			source->n_dropped += n_dropped;
		}
		CHECK_FOR_INTERRUPTS();
	}
	return stream->n > 0;
}

/* A stream in a heap, by the document that it is at */
typedef struct Head
{
	uint32		doc;
	Stream	   *stream;
} Head;

/* Let a place of a heap have the stream that belongs there */
static void
sink(Head *heap, int n, int i)
{
	Head		head = heap[i];

	for (;;)
	{
		int			child = 2 * i + 1;

		if (child + 1 < n && heap[child + 1].doc < heap[child].doc)
			child++;
		if (child >= n || head.doc < heap[child].doc)
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = head;
}

/* The postings of a lexeme on their way to the writer */
typedef struct Output
{
	GvBm25Writer *writer;
	bool		has_positions;
	uint32		n;				/* of the block, which is written when there is a further one */
	GvBm25Bytes positions;
	GvBm25Posting postings[GV_BM25_BLOCK];
} Output;

/* Write the block */
static void
write_block(Output *output)
{
	gv_bm25_writer_put(output->writer, output->postings, output->n, output->positions.bytes);
	output->n = 0;
	output->positions.n = 0;
}

/* Append the positions of the posting that a stream is at, as the next one's */
static void
append_positions(Output *output, const Stream *stream)
{
	const GvBm25Posting *posting = &stream->postings[stream->next];
	Size		end = stream->next + 1 < stream->n ? posting[1].positions : stream->positions.n;

	/* those of dead documents in between do no harm */
	output->postings[output->n].positions = output->positions.n;
	gv_bm25_append_bytes(&output->positions, stream->positions.bytes + posting->positions,
						 end - posting->positions);
}

/* Move the postings of a stream that come before a document to the output */
static inline void
move_postings(Output *output, Stream *stream, uint32 before)
{
	do
	{
		if (output->n == GV_BM25_BLOCK)
			write_block(output);
		output->postings[output->n] = stream->postings[stream->next];
		if (output->has_positions)
			append_positions(output, stream);
		output->n++;
		stream->next++;
	} while (stream->next < stream->n && stream->postings[stream->next].doc < before);
}

/*
 * Write the postings of a lexeme.
 *
 * which: Stream *[n], of the sources that have it
 * heap: Head[n], for use here
 */
static void
merge_postings(Stream **which, int n, bool is_of_field, Head *heap, Output *output)
{
	int			n_heap = 0;

	for (int i = 0; i < n; i++)
	{
		if (load_block(which[i], is_of_field))
			heap[n_heap++] = (Head) {which[i]->postings[0].doc, which[i]};
	}
	for (int i = n_heap / 2; i-- > 0;)
		sink(heap, n_heap, i);
	while (n_heap > 0)
	{
		Stream	   *stream = heap[0].stream;
		uint32		before = GV_BM25_NO_DOC;

		if (n_heap > 1)
			before = heap[1].doc;
		if (n_heap > 2)
			before = Min(before, heap[2].doc);
		move_postings(output, stream, before);
		if (stream->next < stream->n || load_block(stream, is_of_field))
			heap[0].doc = stream->postings[stream->next].doc;
		else
			heap[0] = heap[--n_heap];
		if (n_heap > 1)
			sink(heap, n_heap, 0);
	}
}

/* Do a's lexeme and b's differ, and which comes first? */
static int
compare_sources(const GvBm25Source *a, const GvBm25Source *b)
{
	int			result = memcmp(a->lexeme, b->lexeme, Min(a->len, b->len));

	if (result != 0)
		return result;
	return a->len < b->len ? -1 : a->len > b->len;
}

/* Write all lexemes of the sources */
static void
merge_terms(GvBm25Index *index, GvBm25Source **sources, int n_sources, GvBm25Writer *writer)
{
	Stream	   *streams = MemoryContextAllocHuge(CurrentMemoryContext,
												 n_sources * sizeof(Stream));
	Stream	  **which = palloc(n_sources * sizeof(Stream *));
	Head	   *heap = palloc(n_sources * sizeof(Head));
	Output	   *output = palloc0(sizeof(Output));

	output->writer = writer;
	output->has_positions = gv_bm25_has_positions(index);
	for (int i = 0; i < n_sources; i++)
	{
		streams[i].source = sources[i];
		memset(&streams[i].positions, 0, sizeof(GvBm25Bytes));
		sources[i]->at_end = !gv_bm25_source_next(sources[i]);
	}
	for (;;)
	{
		const GvBm25Source *first = NULL;
		int			n_which = 0;

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < n_sources; i++)
		{
			int			comparison;

			/* those that had the lexeme before */
			if (!sources[i]->at_end && sources[i]->n_read > 0)
				sources[i]->at_end = !gv_bm25_source_next(sources[i]);
			if (sources[i]->at_end)
				continue;
			comparison = first == NULL ? -1 : compare_sources(sources[i], first);
			if (comparison < 0)
			{
				first = sources[i];
				n_which = 0;
			}
			if (comparison <= 0)
				which[n_which++] = &streams[i];
		}
		if (first == NULL)
			break;
		gv_bm25_writer_begin_list(writer, first->lexeme, first->len);
		merge_postings(which, n_which,
					   gv_bm25_field_of(index, first->lexeme, first->len) > 0, heap, output);
		if (output->n > 0)
			gv_bm25_writer_end_list(writer, output->postings, output->n,
									output->positions.bytes);
		output->n = 0;
		output->positions.n = 0;
	}
}

/*
 * Take the lengths of documents that are gone from the sum.
 *
 * Where each position holds one lexeme they are as many as their lexemes occur; else
 * the rest of the source tells how many occur at a position.
 */
static void
drop_lengths(GvBm25Source **sources, int n_sources, GvBm25Documents *all)
{
	for (int i = 0; i < n_sources; i++)
	{
		uint64		length = sources[i]->total_length;
		uint64		n = sources[i]->n_kept + sources[i]->n_dropped;
		uint64		dropped = sources[i]->n_dropped;

		if (!sources[i]->counts_dead || dropped == 0)
			continue;
		if (n != length)
			dropped = (uint64) rint((double) length * dropped / n);
		all->total_length -= Min(all->total_length, dropped);
	}
	all->total_length = Max(all->total_length, all->n);
}

/* Bytes that documents and blocks may take, beside what is there and a place in each source */
static Size
memory_left(int n_sources)
{
	Size		taken = MemoryContextMemAllocated(CurrentMemoryContext, true) +
		n_sources * (sizeof(Stream) + sizeof(Numbered));
	Size		all = (Size) gv_am_maintenance_memory() * 1024;

	return all > taken ? all - taken : 0;
}

/*
 * gv_bm25_merge_sources
 *		Write a segment of all that the sources hold.
 *
 * space: begun
 * entry: written, if there is a document
 *
 * Returns false if there is none; then nothing was written.
 */
bool
gv_bm25_merge_sources(GvBm25Index *index, GvBm25Source **sources, int n_sources,
					  GvBm25Space *space, GvBm25SegmentData *entry)
{
	GvBm25Pool *pool = gv_bm25_pool_create(memory_left(n_sources));
	GvBm25Documents documents;
	GvBm25Writer *writer;
	Size		memory;

	number_documents(index, sources, n_sources, pool, &documents);
	memory = MemoryContextMemAllocated(CurrentMemoryContext, true);
	if (documents.n > 0)
	{
		writer = gv_bm25_writer_begin(index, space, &documents);
		merge_terms(index, sources, n_sources, writer);
		drop_lengths(sources, n_sources, &documents);
		gv_bm25_writer_finish(writer, entry);
		memory = Max(memory, MemoryContextMemAllocated(CurrentMemoryContext, true));
		ereport(DEBUG1,
				(errmsg_internal("%u rows of index \"%s\" became a segment with %zu kB of memory",
								 documents.n, RelationGetRelationName(index->rel),
								 memory / 1024)));
	}
	gv_bm25_pool_free(pool);
	return documents.n > 0;
}

/*
 * gv_bm25_merge_segments
 *		Put a segment in the place of others, and of lanes.
 *
 * which: int[n], places in the metapage's list
 * further: NULL, or a source of the rows of the lanes in removal
 * removal: names those lanes and their pages; the segments are added
 */
void
gv_bm25_merge_segments(GvBm25Index *index, const int *which, int n, GvBm25Source *further,
					   GvBm25Removal *removal)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "bm25 merge",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	GvBm25Source **sources = palloc((n + 1) * sizeof(GvBm25Source *));
	GvBm25SegmentData entry;
	GvBm25Space space;
	int			n_sources = 0;
	bool		is_written;

	for (int i = 0; i < n; i++)
	{
		SegmentSource *source = (SegmentSource *)
			gv_bm25_segment_source(index, &index->meta.segment[which[i]]);

		removal->segment[removal->n_segments++] = source->segment.entry.id;
		for (uint32 j = 0; j < source->segment.head.n_extents; j++)
			gv_bm25_extents_add(&removal->pages, source->segment.extents[j].start,
								source->segment.extents[j].n);
		sources[n_sources++] = &source->source;
	}
	if (further != NULL)
		sources[n_sources++] = further;

	gv_bm25_space_begin(&space, index, true);
	is_written = gv_bm25_merge_sources(index, sources, n_sources, &space, &entry);
	gv_bm25_publish(index, &space, is_written ? &entry : NULL, removal);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* The tier of a segment by its size, from 0 */
static int
tier_of(const GvBm25SegmentData *segment)
{
	uint64		limit = FIRST_TIER_PAGES;
	int			tier = 0;

	while (segment->n_pages > limit)
	{
		limit *= TIER;
		tier++;
	}
	return tier;
}

/* Choose segments to be merged; returns how many */
static int
choose_segments(const GvBm25MetaPageData *meta, uint32 max_pages, int *which)
{
	bool		is_full = meta->n_segments > GV_BM25_MAX_SEGMENTS - TIER;

	for (int tier = 0; tier < 12; tier++)
	{
		uint64		n_pages = 0;
		int			n = 0;

		for (int i = 0; i < meta->n_segments && n < TIER; i++)
		{
			if (tier_of(&meta->segment[i]) == tier ||
				(is_full && tier_of(&meta->segment[i]) < tier))
			{
				which[n++] = i;
				n_pages += meta->segment[i].n_pages;
			}
		}
		if (n == TIER && (is_full || n_pages <= max_pages))
			return n;
	}
	return 0;
}

/*
 * gv_bm25_merge_tiers
 *		Merge segments while there are too many of one size.
 *
 * max_pages: of segments merged at once, unless the list of segments is full
 */
void
gv_bm25_merge_tiers(GvBm25Index *index, uint32 max_pages)
{
	int			which[TIER];
	int			n;

	while ((n = choose_segments(&index->meta, max_pages, which)) > 0)
	{
		GvBm25Removal removal;

		memset(&removal, 0, sizeof(removal));
		gv_bm25_merge_segments(index, which, n, NULL, &removal);
	}
}

/*
 * gv_bm25_flush
 *		Make a segment of the rows in the lanes.
 */
void
gv_bm25_flush(GvBm25Index *index)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "bm25 flush",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	GvBm25Removal removal;
	GvBm25Source *source;

	memset(&removal, 0, sizeof(removal));
	gv_bm25_seal_lanes(index);
	source = gv_bm25_sealed_source(index, &removal);
	if (removal.n_lanes > 0)
		gv_bm25_merge_segments(index, NULL, 0, source, &removal);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
