/*-------------------------------------------------------------------------
 *
 * stats.c
 *		gigavec.stats for a bm25 index.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "bm25/bm25.h"
#include "bm25/delta.h"
#include "bm25/options.h"
#include "bm25/pages.h"

/* Pages by what they hold, and postings */
typedef struct Counts
{
	uint64		n_docs;
	uint64		n_dead;
	uint64		total_length;
	uint64		n_postings;
	uint64		n_terms;
	uint64		n_new;
	uint64		segment_pages;
	uint64		position_bytes;
	uint64		free_pages;
} Counts;

/* Count what the index holds; begins anew if a merge overtakes it */
static void
count_index(GvBm25Index *index, Counts *counts)
{
	GvBm25DeltaScan *delta = palloc(sizeof(GvBm25DeltaScan));
	GvBm25Extents free = {0};
	sigjmp_buf	overtaken;

	(void) sigsetjmp(overtaken, 0);
	CHECK_FOR_INTERRUPTS();
	index->overtaken = &overtaken;
	gv_bm25_read_meta(index);
	memset(counts, 0, sizeof(*counts));
	for (int i = 0; i < index->meta.n_segments; i++)
	{
		GvBm25Segment segment;

		gv_bm25_segment_open(&segment, index, &index->meta.segment[i]);
		counts->n_docs += segment.entry.n_docs;
		counts->n_dead += segment.entry.n_dead;
		counts->total_length += segment.entry.total_length;
		counts->n_postings += segment.head.n_postings;
		counts->n_terms += segment.head.n_terms;
		counts->segment_pages += segment.head.n_pages;
		counts->position_bytes += segment.head.position_bytes;
	}
	gv_bm25_delta_begin(delta, index);
	while (gv_bm25_delta_next(delta))
	{
		counts->n_docs++;
		counts->n_new++;
		counts->n_dead += (delta->row->flags & GV_BM25_ROW_DEAD) != 0;
		counts->total_length += delta->row->length;
		counts->n_postings += delta->row->n_terms;
	}
	index->overtaken = NULL;
	gv_bm25_read_free(index, &free);
	for (uint32 i = 0; i < free.n; i++)
		counts->free_pages += free.extent[i].n;
}

/*
 * gv_bm25_stats
 *		Report what an index holds.
 */
void
gv_bm25_stats(Relation rel, GvAmReportStat report, void *arg)
{
	const GvBm25Options *options = (GvBm25Options *) rel->rd_options;
	BlockNumber n_pages = RelationGetNumberOfBlocks(rel);
	GvBm25Index index;
	Counts		counts;

	gv_bm25_open(&index, rel);
	count_index(&index, &counts);
	report(arg, "rows", (double) (counts.n_docs - counts.n_dead), 0,
		   "rows that are indexed and not known to be gone");
	report(arg, "dead_rows", (double) counts.n_dead, 0,
		   "rows that VACUUM has found to be gone; they count in scores until a merge");
	report(arg, "new_rows", (double) counts.n_new, 0, "rows that are in no segment yet");
	report(arg, "segments", index.meta.n_segments, 0,
		   "parts of the index that are searched one by one");
	report(arg, "lexemes", (double) counts.n_terms, 0,
		   "different lexemes, counted in each segment");
	report(arg, "postings", (double) counts.n_postings, 0, "different lexemes of all rows");
	report(arg, "average_length",
		   counts.n_docs > 0 ? (double) counts.total_length / counts.n_docs : 0, 2,
		   "mean number of words of a row");
	report(arg, "filter_columns", index.n_filters, 0, "columns after the text");
	report(arg, "fields", index.meta.fields.n, 0,
		   "elements of an array whose words can be asked for by name");
	report(arg, "pages", n_pages, 0, "pages of the index");
	report(arg, "segment_pages", (double) counts.segment_pages, 0, "pages of segments");
	report(arg, "free_pages", (double) counts.free_pages, 0, "pages that can be used again");
	report(arg, "bytes_per_row",
		   counts.n_docs > 0 ? (double) n_pages * BLCKSZ / counts.n_docs : 0, 1,
		   "size of the index for each row");
	report(arg, "bytes_per_posting",
		   counts.n_postings > 0 ? (double) n_pages * BLCKSZ / counts.n_postings : 0, 2,
		   "size of the index for each posting");
	report(arg, "positions", gv_bm25_has_positions(&index), 0,
		   "1: the index knows where words stand; 0: phrases are looked up in texts");
	report(arg, "position_bytes", (double) counts.position_bytes, 0,
		   "bytes of positions in segments");
	report(arg, "k1", gv_bm25_options_k1(options), 3, "how much further occurrences count");
	report(arg, "b", gv_bm25_options_b(options), 3, "how much the length of a row counts");
	report(arg, "exact_length", (index.meta.flags & GV_BM25_FLAG_EXACT_LENGTH) != 0, 0,
		   "1: lengths are exact; 0: rounded to one byte");
	report(arg, "config_changed",
		   index.meta.fingerprint != gv_bm25_config_fingerprint(gv_bm25_config_of(&index)), 0,
		   "1: the text search configuration is not what it was when the index was built");
}
