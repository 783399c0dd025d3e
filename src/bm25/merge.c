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
	return true;
}

static void
read_term(GvBm25Source *source, GvBm25Posting *postings, GvBm25Bytes *positions)
{
	SegmentSource *from = (SegmentSource *) source;

	gv_bm25_read_postings(&from->segment, &from->scan.entry, postings,
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

static int
compare_tids(const void *a, const void *b, void *arg)
{
	ItemPointer tids = arg;

	return ItemPointerCompare(&tids[*(const uint32 *) a], &tids[*(const uint32 *) b]);
}

/* The documents of a source in the order of their rows; NULL if they are in it */
static uint32 *
order_documents(const GvBm25Documents *documents)
{
	uint32	   *order;
	uint32		i = 1;

	while (i < documents->n &&
		   ItemPointerCompare(&documents->tids[i - 1], &documents->tids[i]) < 0)
		i++;
	if (i >= documents->n)
		return NULL;
	order = MemoryContextAllocHuge(CurrentMemoryContext, (Size) documents->n * sizeof(uint32));
	for (i = 0; i < documents->n; i++)
		order[i] = i;
	gv_am_sort_arg(order, documents->n, sizeof(uint32), compare_tids, documents->tids);
	return order;
}

/* A source, and its document that has a number next */
typedef struct Numbered
{
	GvBm25Documents *documents;
	uint32	   *map;
	uint32	   *order;			/* NULL: as they are */
	uint32		next;			/* in the order */
	uint32		doc;
} Numbered;

/* Go to the next document that is not gone; false if there is none */
static bool
find_next(Numbered *numbered)
{
	while (numbered->next < numbered->documents->n)
	{
		numbered->doc = numbered->order ? numbered->order[numbered->next] : numbered->next;
		if (numbered->documents->lengths[numbered->doc] > 0)
			return true;
		numbered->map[numbered->doc] = GV_BM25_NO_DOC;
		numbered->next++;
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
		numbered[i].order = order_documents(&sources[i]->documents);
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
		best->map[best->doc] = all->n++;
		best->next++;
		if (all->n % 4096 == 0)
			CHECK_FOR_INTERRUPTS();
	}
	pfree(numbered);
}

static int
compare_postings(const void *a, const void *b)
{
	uint32		x = ((const GvBm25Posting *) a)->doc;
	uint32		y = ((const GvBm25Posting *) b)->doc;

	return x < y ? -1 : x > y;
}

/* Postings in memory, as many as a lexeme has needed */
typedef struct PostingBuffer
{
	GvBm25Posting *postings;
	GvBm25Posting *other;		/* as many, once they had to be merged */
	Size		size;
	GvBm25Bytes positions;
	uint32	   *starts;			/* uint32[sources + 1]: where each source's begin */
} PostingBuffer;

/* Merge two ascending lists */
static void
merge_two(const GvBm25Posting *a, uint32 n_a, const GvBm25Posting *b, uint32 n_b,
		  GvBm25Posting *out)
{
	const GvBm25Posting *end_a = a + n_a;
	const GvBm25Posting *end_b = b + n_b;

	while (a < end_a && b < end_b)
		*out++ = a->doc < b->doc ? *a++ : *b++;
	while (a < end_a)
		*out++ = *a++;
	while (b < end_b)
		*out++ = *b++;
}

/* Merge the lists of n_parts sources, each ascending, two by two */
static void
merge_parts(PostingBuffer *buffer, int n_parts)
{
	uint32	   *starts = buffer->starts;

	if (buffer->other == NULL)
		buffer->other = MemoryContextAllocHuge(CurrentMemoryContext,
											   buffer->size * sizeof(GvBm25Posting));
	while (n_parts > 1)
	{
		GvBm25Posting *from = buffer->postings;
		int			n = 0;

		for (int i = 0; i < n_parts; i += 2)
		{
			uint32		middle = starts[i + 1];
			uint32		end = starts[Min(i + 2, n_parts)];

			merge_two(from + starts[i], middle - starts[i], from + middle, end - middle,
					  buffer->other + starts[i]);
			starts[n++] = starts[i];
			CHECK_FOR_INTERRUPTS();
		}
		starts[n] = starts[n_parts];
		n_parts = n;
		buffer->postings = buffer->other;
		buffer->other = from;
	}
}

/*
 * Collect the postings of a lexeme, by their new numbers; returns how many.
 *
 * is_of_field: they are there once more, and not counted
 */
static uint32
collect_postings(GvBm25Source **sources, const int *which, int n_which, bool is_of_field,
				 PostingBuffer *buffer)
{
	uint64		total = 0;
	uint32		n = 0;
	bool		is_sorted = true;
	bool		are_parts_sorted = true;

	for (int i = 0; i < n_which; i++)
		total += sources[which[i]]->df;
	if (total > buffer->size)
	{
		if (buffer->postings != NULL)
			pfree(buffer->postings);
		if (buffer->other != NULL)
			pfree(buffer->other);
		buffer->other = NULL;
		buffer->size = Max(total, buffer->size * 2);
		buffer->postings = MemoryContextAllocHuge(CurrentMemoryContext,
												  buffer->size * sizeof(GvBm25Posting));
	}
	buffer->positions.n = 0;
	for (int i = 0; i < n_which; i++)
	{
		GvBm25Source *source = sources[which[i]];
		GvBm25Posting *in = buffer->postings + n;

		buffer->starts[i] = n;
		source->read(source, in, &buffer->positions);
		for (uint32 j = 0; j < source->df; j++)
		{
			uint32		doc = source->map[in[j].doc];
			uint32		tf = in[j].tf;

			if (!is_of_field)
				*(doc == GV_BM25_NO_DOC ? &source->n_dropped : &source->n_kept) += tf;
			if (doc == GV_BM25_NO_DOC)
				continue;
			if (n > 0 && doc < buffer->postings[n - 1].doc)
			{
				is_sorted = false;
				are_parts_sorted &= n == buffer->starts[i];
			}
			buffer->postings[n++] = (GvBm25Posting) {doc, tf, in[j].positions};
		}
	}
	buffer->starts[n_which] = n;
	if (!is_sorted && are_parts_sorted)
		merge_parts(buffer, n_which);
	else if (!is_sorted)
		gv_am_sort(buffer->postings, n, sizeof(GvBm25Posting), compare_postings);
	return n;
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
	PostingBuffer buffer = {0};
	int		   *which = palloc(n_sources * sizeof(int));

	buffer.starts = palloc((n_sources + 1) * sizeof(uint32));
	for (int i = 0; i < n_sources; i++)
		sources[i]->at_end = !sources[i]->next(sources[i]);
	for (;;)
	{
		int			n_which = 0;
		uint32		df;

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < n_sources; i++)
		{
			int			comparison;

			if (sources[i]->at_end)
				continue;
			comparison = n_which == 0 ? 0 : compare_sources(sources[i], sources[which[0]]);
			if (comparison < 0)
				n_which = 0;
			if (comparison <= 0)
				which[n_which++] = i;
		}
		if (n_which == 0)
			break;
		df = collect_postings(sources, which, n_which,
							  gv_bm25_field_of(index, sources[which[0]]->lexeme,
											   sources[which[0]]->len) > 0, &buffer);
		if (df > 0)
			gv_bm25_writer_add(writer, sources[which[0]]->lexeme, sources[which[0]]->len,
							   buffer.postings, df, buffer.positions.bytes);
		for (int i = 0; i < n_which; i++)
			sources[which[i]]->at_end = !sources[which[i]]->next(sources[which[i]]);
	}
	if (buffer.postings != NULL)
		pfree(buffer.postings);
	if (buffer.other != NULL)
		pfree(buffer.other);
	if (buffer.positions.bytes != NULL)
		pfree(buffer.positions.bytes);
	pfree(buffer.starts);
	pfree(which);
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
	GvBm25Documents documents;
	GvBm25Writer *writer;

	number_documents(sources, n_sources, &documents);
	if (documents.n == 0)
		return false;
	writer = gv_bm25_writer_begin(index, space, &documents);
	merge_terms(index, sources, n_sources, writer);
	drop_lengths(sources, n_sources, &documents);
	gv_bm25_writer_finish(writer, entry);
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
