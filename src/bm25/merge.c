/*-------------------------------------------------------------------------
 *
 * merge.c
 *		One segment out of several sources: segments, lanes, runs of a build.
 *
 * Documents get new numbers in the order of their rows; those whose rows are
 * gone are left out.  The caller holds the merge lock, or builds the index.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "am/sort.h"
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

/*
 * gv_bm25_segment_source
 *		Make a source of a segment, in the current memory context.
 */
GvBm25Source *
gv_bm25_segment_source(GvBm25Index *index, const GvBm25SegmentData *entry)
{
	SegmentSource *from = palloc(sizeof(SegmentSource));
	GvBm25Documents *documents = &from->source.documents;
	uint32		n = entry->n_docs;
	uint8	   *dead = MemoryContextAllocHuge(CurrentMemoryContext, ((Size) n + 7) / 8);

	gv_bm25_segment_open(&from->segment, index, entry);
	gv_bm25_terms_begin(&from->scan, &from->segment);
	from->source.next = next_term;
	from->source.read = read_term;
	from->source.has_positions = gv_bm25_has_positions(index);
	/* of rounded lengths the sum would be wrong, and more so with each merge */
	from->source.counts_dead = from->segment.head.norm_size == 1;
	from->source.n_kept = from->source.n_dropped = 0;
	documents->n = n;
	documents->total_length = entry->total_length;
	documents->tids = MemoryContextAllocHuge(CurrentMemoryContext,
											 (Size) n * sizeof(ItemPointerData));
	documents->lengths = MemoryContextAllocHuge(CurrentMemoryContext, (Size) n * sizeof(uint32));
	gv_bm25_read_tids(&from->segment, 0, n, documents->tids);
	for (uint32 i = 1; i < n; i++)
	{
		if (ItemPointerCompare(&documents->tids[i - 1], &documents->tids[i]) >= 0)
			gv_bm25_segment_damaged(&from->segment, from->segment.head.tids,
									"Rows of a segment are not in order.");
	}
	if (from->segment.head.norm_size == 1)
	{
		uint8	   *norms = MemoryContextAllocHuge(CurrentMemoryContext, n);

		gv_bm25_read_norms(&from->segment, 0, n, norms);
		for (uint32 i = 0; i < n; i++)
			documents->lengths[i] = gv_bm25_length_of_norm(norms[i]);
		pfree(norms);
	}
	else
		gv_bm25_read_norms(&from->segment, 0, n, documents->lengths);

	documents->filters_size = index->filters.packed_size;
	documents->filters = MemoryContextAllocHuge(CurrentMemoryContext,
												(Size) n * documents->filters_size + 1);
	gv_bm25_read_filters(&from->segment, 0, n, documents->filters);

	gv_bm25_read_dead(&from->segment, 0, n, dead);
	for (uint32 i = 0; i < n; i++)
	{
		if (dead[i / 8] >> i % 8 & 1)
		{
			if (!from->source.counts_dead)
				documents->total_length -= Min(documents->total_length, documents->lengths[i]);
			documents->lengths[i] = 0;
		}
	}
	pfree(dead);
	return &from->source;
}

/* A source, and its document that has a number next */
typedef struct Numbered
{
	GvBm25Documents *documents;
	uint32	   *map;
	uint32		doc;
} Numbered;

/* Go to the next document that is not gone; false if there is none */
static bool
find_next(Numbered *numbered)
{
	while (numbered->doc < numbered->documents->n)
	{
		if (numbered->documents->lengths[numbered->doc] > 0)
			return true;
		numbered->map[numbered->doc++] = GV_BM25_NO_DOC;
	}
	return false;
}

/* Number the documents of all sources anew, in the order of their rows */
static void
number_documents(GvBm25Source **sources, int n_sources, GvBm25Documents *all)
{
	Numbered   *numbered = palloc0(n_sources * sizeof(Numbered));
	uint64		n = 0;

	memset(all, 0, sizeof(*all));
	for (int i = 0; i < n_sources; i++)
	{
		n += sources[i]->documents.n;
		all->total_length += sources[i]->documents.total_length;
		sources[i]->map = MemoryContextAllocHuge(CurrentMemoryContext,
												 (Size) sources[i]->documents.n * sizeof(uint32));
		numbered[i].documents = &sources[i]->documents;
		numbered[i].map = sources[i]->map;
	}
	if (n >= GV_BM25_NO_DOC)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("bm25 index cannot have more than %u rows", GV_BM25_NO_DOC - 1)));
	all->tids = MemoryContextAllocHuge(CurrentMemoryContext,
									   Max(n, 1) * sizeof(ItemPointerData));
	all->lengths = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(uint32));

	all->filters_size = sources[0]->documents.filters_size;
	all->filters = MemoryContextAllocHuge(CurrentMemoryContext,
										  n * all->filters_size + 1);

	for (;;)
	{
		Numbered   *best = NULL;

		for (int i = 0; i < n_sources; i++)
		{
			if (find_next(&numbered[i]) &&
				(best == NULL ||
				 ItemPointerCompare(&numbered[i].documents->tids[numbered[i].doc],
									&best->documents->tids[best->doc]) < 0))
				best = &numbered[i];
		}
		if (best == NULL)
			break;
		all->tids[all->n] = best->documents->tids[best->doc];
		all->lengths[all->n] = best->documents->lengths[best->doc];
		if (all->filters_size > 0)
			memcpy(all->filters + (Size) all->n * all->filters_size,
				   best->documents->filters + (Size) best->doc * all->filters_size,
				   all->filters_size);
		best->map[best->doc++] = all->n++;
		if (all->n % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
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
	uint32		n;

	stream->n = stream->next = 0;
	while (stream->n == 0 &&
		   (n = gv_bm25_source_read(source, stream->postings, &stream->positions)) > 0)
	{
		uint64		n_kept = 0;
		uint64		n_dropped = 0;

		for (uint32 i = 0; i < n; i++)
		{
			uint32		doc = source->map[stream->postings[i].doc];
			uint32		tf = stream->postings[i].tf;

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
		uint64		length = sources[i]->documents.total_length;
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

/* The documents of the sources, of which the new numbers alone are needed from here on */
static void
free_documents(GvBm25Source **sources, int n_sources)
{
	for (int i = 0; i < n_sources; i++)
	{
		GvBm25Documents *documents = &sources[i]->documents;

		if (documents->n == 0)
			continue;
		pfree(documents->tids);
		pfree(documents->lengths);
		pfree(documents->filters);
	}
}

/*
 * gv_bm25_merge_sources
 *		Write a segment of all that the sources hold, whose documents are freed.
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
	GvBm25Documents documents;
	GvBm25Writer *writer;
	Size		memory;

	number_documents(sources, n_sources, &documents);
	memory = MemoryContextMemAllocated(CurrentMemoryContext, true);
	free_documents(sources, n_sources);
	if (documents.n == 0)
		return false;
	writer = gv_bm25_writer_begin(index, space, &documents);
	merge_terms(index, sources, n_sources, writer);
	drop_lengths(sources, n_sources, &documents);
	gv_bm25_writer_finish(writer, entry);
	memory = Max(memory, MemoryContextMemAllocated(CurrentMemoryContext, true));
	ereport(DEBUG1,
			(errmsg_internal("%u rows of index \"%s\" became a segment with %zu kB of memory",
							 documents.n, RelationGetRelationName(index->rel), memory / 1024)));
	return true;
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
