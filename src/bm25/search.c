/*-------------------------------------------------------------------------
 *
 * search.c
 *		The best documents of an index for a query.
 *
 * Segments first, the largest before the others, then the lanes.  The best k so
 * far are a heap with the worst of them on top: its score is the threshold that a
 * further document must reach.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "am/testpoint.h"
#include "bm25/codec.h"
#include "bm25/search.h"

/* Hits that there is room for at first */
#define FIRST_SIZE 128

/*
 * gv_bm25_is_worse
 *		Does a come after b?
 */
bool
gv_bm25_is_worse(const GvBm25Hit *a, const GvBm25Hit *b)
{
	if (a->score != b->score)
		return a->score < b->score;
	return ItemPointerCompare((ItemPointer) &a->tid, (ItemPointer) &b->tid) > 0;
}

/* Let the hit on top of the heap sink to its place */
static void
sink(GvBm25Hit *hits, uint64 n, uint64 i)
{
	GvBm25Hit	moved = hits[i];

	for (;;)
	{
		uint64		child = 2 * i + 1;

		if (child >= n)
			break;
		if (child + 1 < n && gv_bm25_is_worse(&hits[child + 1], &hits[child]))
			child++;
		if (!gv_bm25_is_worse(&hits[child], &moved))
			break;
		hits[i] = hits[child];
		i = child;
	}
	hits[i] = moved;
}

/* Add a hit, and drop the worst if there are too many */
static void
add_hit(GvBm25Search *search, const GvBm25Hit *hit)
{
	uint64		i;

	if (search->n_hits == search->k)
	{
		if (gv_bm25_is_worse(&search->hits[0], hit))
		{
			search->hits[0] = *hit;
			sink(search->hits, search->n_hits, 0);
		}
		return;
	}
	if (search->n_hits == search->size)
	{
		search->size = Max(FIRST_SIZE, search->size * 2);
		if (search->hits == NULL)
			search->hits = palloc(search->size * sizeof(GvBm25Hit));
		else
			search->hits = repalloc_huge(search->hits, search->size * sizeof(GvBm25Hit));
	}
	for (i = search->n_hits++; i > 0 && gv_bm25_is_worse(hit, &search->hits[(i - 1) / 2]);
		 i = (i - 1) / 2)
		search->hits[i] = search->hits[(i - 1) / 2];
	search->hits[i] = *hit;
}

/*
 * gv_bm25_consider
 *		Take a document of a segment that matches, if it is wanted.
 *
 * Documents of a segment are numbered in the order of their rows.
 */
void
gv_bm25_consider(GvBm25Search *search, int which, uint32 doc, float score)
{
	const GvBm25Segment *segment = &search->reader->segments[which];
	GvBm25Hit	hit;

	if (search->n_hits == search->k)
	{
		const GvBm25Hit *worst = &search->hits[0];

		if (score < worst->score ||
			(score == worst->score && worst->segment == which && doc > worst->doc))
			return;
	}
	if (search->has_bound && score > search->bound.score)
		return;
	if (search->allowed != NULL && !gv_bm25_mask_has(gv_bm25_mask_of(search, which), doc))
		return;
	if (segment->entry.n_dead > 0 && gv_bm25_is_dead(segment, doc))
		return;
	hit.score = score;
	hit.tid = gv_bm25_tid_of(segment, doc);
	hit.doc = doc;
	hit.segment = which;
	if (search->has_bound && !gv_bm25_is_worse(&hit, &search->bound))
		return;
	add_hit(search, &hit);
}

/* Add the occurrences of a lexeme in a row of a lane */
static void
add_occurrences(GvBm25Occurrences *all, const GvBm25DeltaScan *delta, const GvBm25RowTerm *term,
				uint32 offset, int place)
{
	const uint8 *in = term->positions;
	const uint8 *end = in + term->n_position_bytes;
	uint32		position = 0;

	gv_bm25_delta_check_positions(delta, term);
	for (uint32 i = 0; i < term->tf; i++)
	{
		uint32		step;

		in = gv_bm25_get_varint(in, end, &step);
		if (in == NULL || (i == 0 && step == 0))
			return;
		position += i == 0 ? step - 1 : step;
		gv_bm25_occurrences_add(all, &position, 1, offset, place);
	}
}

/* Count how often a row of a lane has a phrase, by its positions */
static float
count_phrase(const GvBm25Lookup *lookup, const GvBm25DeltaScan *delta, const GvBm25Leaf *leaf)
{
	GvBm25Occurrences all = {0};
	bool		is_complete = leaf->n_places > 0;
	float		result;

	for (int place = 0; place < leaf->n_places && is_complete; place++)
	{
		Size		n_before = all.n;

		for (int i = 0; i < leaf->n_place[place]; i++)
		{
			const GvBm25RowTerm *term = &lookup->term[leaf->place[place][i]];

			if (term->tf > 0)
				add_occurrences(&all, delta, term, leaf->offset[place], place);
		}
		is_complete = all.n > n_before;
	}
	result = is_complete ? gv_bm25_occurrences_count(&all, leaf->n_places, leaf->node->slop) : 0;
	if (all.occurrence != NULL)
		pfree(all.occurrence);
	return result;
}

/*
 * Count how often a row of a lane has the leaves.
 *
 * lookup: of the weighed lexemes, in this row
 * with_phrases: by their positions, else they are taken for their words
 */
static void
count_in_row(const GvBm25Weighed *weighed, const GvBm25Lookup *lookup,
			 const GvBm25DeltaScan *delta, bool with_phrases, float *tf)
{
	for (int i = 0; i < weighed->n_leaves; i++)
	{
		const GvBm25Leaf *leaf = &weighed->leaves[i];
		int			n_found = 0;

		tf[i] = 0;
		for (int j = 0; j < leaf->n_lexemes; j++)
			tf[i] += (float) lookup->term[leaf->lexemes[j]].tf;
		if (with_phrases && leaf->n_places > 0)
		{
			tf[i] = count_phrase(lookup, delta, leaf);
			continue;
		}
		for (int place = 0; place < leaf->n_places && n_found == place; place++)
		{
			for (int j = 0; j < leaf->n_place[place] && n_found == place; j++)
				n_found += lookup->term[leaf->place[place][j]].tf > 0;
		}
		if (leaf->n_places > 0 && n_found == leaf->n_places && !leaf->is_excluded)
			tf[i] = 1;
	}
}

/* May the row of a lane match?  Phrases may be taken for their words. */
static bool
match_row(const GvBm25Weighed *weighed, GvBm25Lookup *lookup, const GvBm25DeltaScan *delta)
{
	float	   *tf;
	bool		result;

	/* nothing matches without a word */
	if (gv_bm25_lookup_row(lookup, delta) == 0)
		return false;
	if (weighed->tree->is_flat)
		return true;
	tf = palloc(Max(weighed->n_leaves, 1) * sizeof(float));
	count_in_row(weighed, lookup, delta, gv_bm25_knows_phrases(delta->index, weighed), tf);
	result = gv_bm25_matches(weighed, tf);
	pfree(tf);
	return result;
}

/*
 * gv_bm25_allows_row
 *		May the row of a lane be returned?  Phrases may be taken for their words.
 *
 * delta_scan: GvBm25DeltaScan *, at the row
 */
bool
gv_bm25_allows_row(const GvBm25Allowed *allowed, const void *delta_scan)
{
	const GvBm25DeltaScan *delta = delta_scan;

	if (allowed->filter != NULL)
	{
		GvAmFilterRow row;

		gv_am_filter_unpack(&delta->index->filters, delta->filters, &row);
		if (!gv_am_filter_passes(allowed->filter, &row))
			return false;
	}
	for (int i = 0; i < allowed->n_conditions; i++)
	{
		if (!match_row(allowed->conditions[i], &allowed->lookups[i], delta))
			return false;
	}
	return true;
}

/* The factors of term frequencies in a row of a lane; see gv_bm25_factors */
static void
factors_of_row(const GvBm25Weighed *weighed, const GvBm25DeltaScan *delta, float *factors)
{
	factors[0] = gv_bm25_factor(weighed, delta->row->length);
	for (uint32 i = 0; weighed->uses_fields && i < delta->index->meta.fields.n; i++)
	{
		if (weighed->field[i].is_used)
			factors[i + 1] =
				gv_bm25_field_factor(weighed, i + 1,
									 gv_bm25_field_length(delta->index, delta->filters, i + 1));
	}
}

/* The leaves of a flat query, of which no two have the same lexeme */
typedef struct FlatLeaves
{
	int		   *of_lexeme;		/* int[n_lexemes] */
	uint64	   *bits;			/* of the leaves that a row has, for use here */
} FlatLeaves;

static void
make_flat_leaves(FlatLeaves *flat, const GvBm25Weighed *weighed)
{
	Assert(weighed->lexemes.n == weighed->n_leaves);
	flat->of_lexeme = palloc(weighed->n_leaves * sizeof(int));
	flat->bits = palloc0((weighed->n_leaves / 64 + 1) * sizeof(uint64));
	for (int i = 0; i < weighed->n_leaves; i++)
		flat->of_lexeme[weighed->leaves[i].lexemes[0]] = i;
}

/*
 * The score of a row of a lane for a flat query, of which it has a lexeme: that of
 * gv_bm25_evaluate, to the last bit, for its leaves are added in the same order.
 */
static float
score_flat_row(FlatLeaves *flat, const GvBm25Weighed *weighed, const GvBm25Lookup *lookup,
			   float factor)
{
	int			n_words = weighed->n_leaves / 64 + 1;
	float		score = 0;

	for (int i = 0; i < lookup->n_found; i++)
	{
		int			leaf = flat->of_lexeme[lookup->found[i]];

		flat->bits[leaf / 64] |= UINT64CONST(1) << leaf % 64;
	}
	for (int word = 0; word < n_words; word++)
	{
		uint64		bits = flat->bits[word];

		flat->bits[word] = 0;
		for (; bits != 0; bits &= bits - 1)
		{
			const GvBm25Leaf *leaf =
				&weighed->leaves[word * 64 + pg_rightmost_one_pos64(bits)];

			score += gv_bm25_score(leaf->weight,
								   (float) lookup->term[leaf->lexemes[0]].tf, factor);
		}
	}
	return score;
}

/* Search the rows of the lanes */
static void
search_lanes(GvBm25Search *search)
{
	const GvBm25Weighed *weighed = search->weighed;
	GvBm25DeltaScan *delta = palloc(sizeof(GvBm25DeltaScan));
	float	   *tf = palloc(Max(weighed->n_leaves, 1) * sizeof(float));
	bool		with_phrases = gv_bm25_knows_phrases(&search->reader->index, weighed);
	bool		is_flat = weighed->tree->is_flat;
	GvBm25Lookup lookup;
	FlatLeaves	flat = {0};

	gv_bm25_lookup_begin(&lookup, &weighed->lexemes);
	if (is_flat)
		make_flat_leaves(&flat, weighed);
	gv_bm25_delta_begin(delta, &search->reader->index);
	while (gv_bm25_delta_next(delta))
	{
		GvBm25Hit	hit;
		float		factors[GV_BM25_FACTORS];

		/* nothing matches without a word */
		if ((delta->row->flags & GV_BM25_ROW_DEAD) || gv_bm25_lookup_row(&lookup, delta) == 0 ||
			(search->allowed != NULL && !gv_bm25_allows_row(search->allowed, delta)))
			continue;
		hit.tid = delta->row->tid;
		hit.doc = GV_BM25_NO_DOC;
		hit.segment = -1;
		factors_of_row(weighed, delta, factors);
		if (is_flat)
			hit.score = score_flat_row(&flat, weighed, &lookup, factors[weighed->tree->field]);
		else
		{
			count_in_row(weighed, &lookup, delta, with_phrases, tf);
			if (!gv_bm25_evaluate(weighed, tf, factors, &hit.score))
				continue;
		}
		if (weighed->tree->needs_positions && search->read_row != NULL &&
			(!search->read_row(search->row_arg, &hit.tid, tf) ||
			 !gv_bm25_evaluate(weighed, tf, factors, &hit.score)))
			continue;
		if (search->has_bound && !gv_bm25_is_worse(&hit, &search->bound))
			continue;
		add_hit(search, &hit);
	}
	pfree(delta);
	pfree(tf);
}

/*
 * gv_bm25_search
 *		Find the best documents.
 *
 * search: reader, refreshed, with entries of the lexemes; weighed; k; hits and
 *		n_hits zero.  hits are set, in the current memory context, the best first.
 */
void
gv_bm25_search(GvBm25Search *search)
{
	search->n_hits = 0;
	search->size = 0;
	search->hits = NULL;
	if (search->weighed->n_leaves == 0)
		return;
	for (int i = 0; i < search->reader->n_segments; i++)
	{
		CHECK_FOR_INTERRUPTS();
		GV_TEST_POINT("bm25-search-segment");
		if (search->weighed->tree->is_flat)
			gv_bm25_search_flat(search, i);
		else
			gv_bm25_search_tree(search, i);
	}
	GV_TEST_POINT("bm25-search-lanes");
	search_lanes(search);

	/* from a heap to the order of scores, the worst to the end */
	for (uint64 n = search->n_hits; n > 1; n--)
	{
		GvBm25Hit	worst = search->hits[0];

		search->hits[0] = search->hits[n - 1];
		search->hits[n - 1] = worst;
		sink(search->hits, n - 1, 0);
		if (n % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
	}
}
