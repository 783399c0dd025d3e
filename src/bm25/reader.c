/*-------------------------------------------------------------------------
 *
 * reader.c
 *		All that an index holds, open for a query.
 *
 * A merge may overtake whatever is done here: then it begins anew at the caller's
 * index.overtaken, with gv_bm25_reader_refresh.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/memutils.h"

#include "bm25/reader.h"

/*
 * gv_bm25_reader_open
 *		Open an index for a query, in the current memory context.
 *
 * The caller keeps rel open, sets index.overtaken, and refreshes.
 */
GvBm25Reader *
gv_bm25_reader_open(Relation rel)
{
	GvBm25Reader *reader = palloc0(sizeof(GvBm25Reader));

	reader->context = AllocSetContextCreate(CurrentMemoryContext, "bm25 segments",
											ALLOCSET_SMALL_SIZES);
	gv_bm25_open(&reader->index, rel);
	return reader;
}

/* Sort numbers and leave out what comes twice */
static List *
unique_numbers(List *numbers)
{
	List	   *result = NIL;
	ListCell   *cell;

	list_sort(numbers, list_int_cmp);
	foreach(cell, numbers)
	{
		if (result == NIL || llast_int(result) != lfirst_int(cell))
			result = lappend_int(result, lfirst_int(cell));
	}
	list_free(numbers);
	return result;
}

static int
compare_segments(const void *a, const void *b)
{
	const GvBm25SegmentData *x = &((const GvBm25Segment *) a)->entry;
	const GvBm25SegmentData *y = &((const GvBm25Segment *) b)->entry;

	return x->n_docs < y->n_docs ? 1 : x->n_docs > y->n_docs ? -1 : x->id < y->id ? -1 : 1;
}

/*
 * gv_bm25_reader_refresh
 *		Read the metapage, and open the segments it names, the largest first.
 */
void
gv_bm25_reader_refresh(GvBm25Reader *reader)
{
	MemoryContext old;

	MemoryContextReset(reader->context);
	old = MemoryContextSwitchTo(reader->context);
	reader->entries = NULL;
	gv_bm25_read_meta(&reader->index);
	reader->n_segments = reader->index.meta.n_segments;
	reader->segments = palloc(Max(reader->n_segments, 1) * sizeof(GvBm25Segment));
	for (int i = 0; i < reader->n_segments; i++)
		gv_bm25_segment_open(&reader->segments[i], &reader->index,
							 &reader->index.meta.segment[i]);
	if (reader->n_segments > 1)
		qsort(reader->segments, reader->n_segments, sizeof(GvBm25Segment), compare_segments);
	MemoryContextSwitchTo(old);
}

/* Add a lexeme that a prefix or a misspelled word stands for */
static void
add_expansion(GvBm25Lexemes *lexemes, List **found, const char *lexeme, uint32 len)
{
	*found = lappend_int(*found, gv_bm25_lexemes_add(lexemes, lexeme, len));
	if (lexemes->n > GV_BM25_MAX_EXPANSION)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("part of the query stands for more than %d words",
						GV_BM25_MAX_EXPANSION),
				 errhint("Use a longer prefix.")));
}

/*
 * gv_bm25_reader_expand
 *		Find all lexemes that begin so and pass a test.
 *
 * len: of the prefix; may be 0
 * test: NULL: all of them pass
 * found: gets their numbers in lexemes, ascending
 */
void
gv_bm25_reader_expand(GvBm25Reader *reader, const char *prefix, uint32 len,
					  GvBm25LexemeTest test, void *arg, GvBm25Lexemes *lexemes, List **found)
{
	GvBm25DeltaScan *delta = palloc(sizeof(GvBm25DeltaScan));
	GvBm25TermScan *scan = palloc(sizeof(GvBm25TermScan));

	for (int i = 0; i < reader->n_segments; i++)
	{
		gv_bm25_terms_seek(scan, &reader->segments[i], prefix, len);
		while (gv_bm25_terms_next(scan))
		{
			int			comparison = memcmp(scan->lexeme, prefix, Min(scan->len, len));

			if (comparison > 0)
				break;
			if (comparison == 0 && scan->len >= len &&
				(test == NULL || test(arg, scan->lexeme, scan->len)))
				add_expansion(lexemes, found, scan->lexeme, scan->len);
		}
	}
	gv_bm25_delta_begin(delta, &reader->index);
	while (gv_bm25_delta_next(delta))
	{
		const uint8 *in = delta->terms;

		for (uint32 i = 0; i < delta->row->n_terms; i++)
		{
			GvBm25RowTerm term;

			in = gv_bm25_delta_term(delta, in, &term);
			if (term.len >= len && memcmp(term.lexeme, prefix, len) == 0 &&
				(test == NULL || test(arg, term.lexeme, term.len)))
				add_expansion(lexemes, found, term.lexeme, term.len);
		}
	}
	pfree(scan);
	pfree(delta);
	*found = unique_numbers(*found);
}

/*
 * gv_bm25_reader_find
 *		Find the postings of lexemes in all segments.
 *
 * count: add to their df and to the reader's counts of documents and lengths, for
 *		which the lanes are read as well
 */
void
gv_bm25_reader_find(GvBm25Reader *reader, GvBm25Lexemes *lexemes, bool count)
{
	MemoryContext old = MemoryContextSwitchTo(reader->context);

	reader->entries = palloc(Max(reader->n_segments, 1) * sizeof(GvBm25TermEntry *));
	reader->n_docs = 0;
	reader->total_length = 0;
	memset(reader->field_docs, 0, sizeof(reader->field_docs));
	memset(reader->field_length, 0, sizeof(reader->field_length));
	for (int i = 0; i < reader->n_segments; i++)
	{
		GvBm25Segment *segment = &reader->segments[i];

		for (uint32 j = 0; j < reader->index.meta.fields.n; j++)
		{
			reader->field_docs[j] += segment->head.field[j].n_docs;
			reader->field_length[j] += segment->head.field[j].total_length;
		}
		reader->entries[i] = MemoryContextAllocHuge(CurrentMemoryContext,
													Max(lexemes->n, 1) * sizeof(GvBm25TermEntry));
		reader->n_docs += segment->entry.n_docs;
		reader->total_length += segment->entry.total_length;
		for (int j = 0; j < lexemes->n; j++)
		{
			GvBm25TermEntry *entry = &reader->entries[i][j];

			if (!gv_bm25_segment_find(segment, lexemes->lexeme[j].lexeme,
									  lexemes->lexeme[j].len, entry))
				entry->df = 0;
			else if (entry->df > segment->entry.n_docs)
				gv_bm25_segment_damaged(segment, segment->head.first_terms,
										"A lexeme is in more documents than there are.");
			else if (count)
				lexemes->lexeme[j].df += entry->df;
		}
		CHECK_FOR_INTERRUPTS();
	}
	if (count)
	{
		GvBm25DeltaScan *delta = palloc(sizeof(GvBm25DeltaScan));
		GvBm25Lookup lookup;

		gv_bm25_lookup_begin(&lookup, lexemes);
		gv_bm25_delta_begin(delta, &reader->index);
		while (gv_bm25_delta_next(delta))
		{
			reader->n_docs++;
			reader->total_length += delta->row->length;
			for (uint32 j = 0; j < reader->index.meta.fields.n; j++)
			{
				uint32		length = gv_bm25_field_length(&reader->index, delta->filters, j + 1);

				reader->field_docs[j] += length > 0;
				reader->field_length[j] += length;
			}
			for (int j = gv_bm25_lookup_row(&lookup, delta); j-- > 0;)
				lexemes->lexeme[lookup.found[j]].df++;
		}
		pfree(delta);
	}
	MemoryContextSwitchTo(old);
}
