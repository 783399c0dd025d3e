/*-------------------------------------------------------------------------
 *
 * search_flat.c
 *		The best documents of a segment for a query of words, any of which may
 *		match: block-max MAXSCORE in windows of documents.
 *
 * Terms are ordered by weight, the largest first, and a score is always their
 * sum in this order, so its bits do not depend on what was left out.  For each
 * window, terms at the end whose bounds together do not reach the threshold are
 * not essential: only documents of the others are looked for, and the rest is
 * looked up for those which still can be wanted.  Blocks of essential terms that
 * cannot help to reach the threshold are not read.
 *
 * The best documents for a single word are found by search_best.c.
 *
 * Sums in the order of terms are exact bounds, for addition is monotonic.  Where
 * bounds are added in another order, they are enlarged by more than rounding
 * can do.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "port/pg_bitutils.h"

#include "bm25/options.h"
#include "bm25/search.h"

/* More than rounding does to a sum of up to 10,000 numbers */
#define ENLARGED 1.002f

#define WINDOW_WORDS GV_BM25_WINDOW_WORDS

/* So few documents of a window are looked up one by one */
#define FEW_DOCUMENTS 32

typedef struct FlatSearch
{
	GvBm25Search *search;
	const GvBm25Weighed *weighed;
	const GvBm25Segment *segment;
	int			which;			/* segment */
	int			n;				/* terms that the segment has */
	GvBm25Cursor **cursors;		/* GvBm25Cursor *[n], by weight */
	float	   *bounds;			/* float[n]: in the window */
	float	   *rest;			/* float[n + 1]: of all terms from here on, enlarged */
	int			n_essential;
	float		least;			/* what does not reach this is not wanted */
	GvBm25Mask *mask;			/* NULL: all documents may be returned */

	/* the window */
	uint32		base;			/* its first document by the grid */
	uint32		start;			/* the first that counts */
	uint32		end;			/* past the last */
	const uint64 *allowed;		/* uint64[WINDOW_WORDS]; NULL: all */
	bool		has_norms;
	union
	{
		uint8		byte[GV_BM25_WINDOW];
		uint32		length[GV_BM25_WINDOW];
	}			norms;
	uint64		found[WINDOW_WORDS];
	float		scores[GV_BM25_WINDOW];
} FlatSearch;

/* Note what score is wanted at least; documents come in their order */
static void
set_least(FlatSearch *flat)
{
	const GvBm25Search *search = flat->search;

	flat->least = -1;
	if (!gv_bm25_pruning)
		return;
	if (search->n_hits == search->k)
	{
		/* of equal documents of a segment the first is better */
		flat->least = search->hits[0].segment != flat->which ? search->hits[0].score :
			nextafterf(search->hits[0].score, INFINITY);
	}
}

/* Is a document whose score cannot exceed a bound of no interest? */
static inline bool
is_hopeless(const FlatSearch *flat, float bound)
{
	return bound < flat->least;
}

/* Take a document, if it is wanted */
static void
take_document(FlatSearch *flat, uint32 doc, float score)
{
	gv_bm25_consider(flat->search, flat->which, doc, score);
	set_least(flat);
}

/* The factor of term frequencies of a document of the window */
static inline float
factor_of(FlatSearch *flat, uint32 doc)
{
	if (unlikely(!flat->has_norms))
	{
		gv_bm25_read_norms(flat->segment, flat->base,
						   Min(GV_BM25_WINDOW, flat->segment->head.n_docs - flat->base),
						   &flat->norms);
		flat->has_norms = true;
	}
	if (flat->segment->head.norm_size == 1)
		return flat->weighed->factor[flat->norms.byte[doc - flat->base]];
	return gv_bm25_length_factor(flat->weighed, (float) flat->norms.length[doc - flat->base]);
}

/* May a document of the window be returned, by its place there? */
static inline bool
is_allowed(const FlatSearch *flat, uint32 place)
{
	return flat->allowed == NULL || (flat->allowed[place / 64] >> place % 64 & 1);
}

/* Add the scores of the block where a cursor stands to the window's documents */
static void
add_block(FlatSearch *flat, GvBm25Cursor *cursor)
{
	uint32		i = 0;
	uint32		n;

	gv_bm25_cursor_load(cursor);
	n = cursor->n;
	while (i < n && cursor->docs[i] < flat->start)
		i++;
	while (n > i && cursor->docs[n - 1] >= flat->end)
		n--;
	if (i == n)
		return;
	(void) factor_of(flat, cursor->docs[i]);
	if (flat->segment->head.norm_size == 1)
	{
		const float *factors = flat->weighed->factor;
		const uint8 *norms = flat->norms.byte;

		for (; i < n; i++)
		{
			uint32		place = cursor->docs[i] - flat->base;

			if (!is_allowed(flat, place))
				continue;
			flat->scores[place] += gv_bm25_score(cursor->weight, (float) cursor->tfs[i],
												 factors[norms[place]]);
			flat->found[place / 64] |= UINT64CONST(1) << place % 64;
		}
	}
	else
	{
		for (; i < n; i++)
		{
			uint32		place = cursor->docs[i] - flat->base;

			if (!is_allowed(flat, place))
				continue;
			flat->scores[place] += gv_bm25_score(cursor->weight, (float) cursor->tfs[i],
												 factor_of(flat, cursor->docs[i]));
			flat->found[place / 64] |= UINT64CONST(1) << place % 64;
		}
	}
}

/* Add the scores of an essential term to the window's documents */
static void
add_term(FlatSearch *flat, int term, float others)
{
	GvBm25Cursor *cursor = flat->cursors[term];

	while (cursor->block < cursor->n_blocks && cursor->first_doc < flat->end)
	{
		if (!is_hopeless(flat, (gv_bm25_cursor_block_bound(cursor) + others) * ENLARGED))
			add_block(flat, cursor);
		/* the next window begins in this block */
		if (cursor->last_doc >= flat->end)
			break;
		if (!gv_bm25_cursor_next_block(cursor))
			break;
	}
}

/* Look up the terms that are not essential for a document; false if it is hopeless */
static bool
complete_score(FlatSearch *flat, uint32 doc, float *score)
{
	for (int i = flat->n_essential; i < flat->n; i++)
	{
		GvBm25Cursor *cursor = flat->cursors[i];
		uint32		tf;

		if (is_hopeless(flat, *score * ENLARGED + flat->rest[i]))
			return false;
		if (flat->bounds[i] == 0)
			continue;
		tf = gv_bm25_cursor_find(cursor, doc);
		if (tf > 0)
			*score += gv_bm25_score(cursor->weight, (float) tf, factor_of(flat, doc));
	}
	return true;
}

/* Take the documents found in the window */
static void
take_documents(FlatSearch *flat)
{
	float		rest = flat->rest[flat->n_essential];

	for (int word = 0; word < WINDOW_WORDS; word++)
	{
		uint64		bits = flat->found[word];

		if (bits == 0)
			continue;
		flat->found[word] = 0;
		while (bits != 0)
		{
			uint32		place = word * 64 + pg_rightmost_one_pos64(bits);
			float		score = flat->scores[place];

			bits &= bits - 1;
			flat->scores[place] = 0;
			if (score * ENLARGED + rest < flat->least)
				continue;
			if (complete_score(flat, flat->base + place, &score))
				take_document(flat, flat->base + place, score);
		}
	}
}

/*
 * What term frequency times factor a document of a term needs at least for a
 * score, or less: where this tells, there is no division.
 */
static inline float
least_product(float weight, float score)
{
	if (score <= 0)
		return 0;
	return score >= weight ? INFINITY : score / (weight - score) * (2 - ENLARGED);
}

/*
 * Take the documents of the only essential term in the window, without adding
 * up scores by document.
 */
static void
take_term(FlatSearch *flat)
{
	GvBm25Cursor *cursor = flat->cursors[0];
	float		rest = flat->rest[1];
	float		least = -1;
	float		product = 0;

	for (;;)
	{
		if (!is_hopeless(flat, gv_bm25_cursor_block_bound(cursor) * ENLARGED + rest))
		{
			gv_bm25_cursor_load(cursor);
			for (uint32 i = 0; i < cursor->n && cursor->docs[i] < flat->end; i++)
			{
				uint32		doc = cursor->docs[i];
				float		factor;
				float		score;

				if (doc < flat->start || !is_allowed(flat, doc - flat->base))
					continue;
				factor = factor_of(flat, doc);
				if (least != flat->least)
				{
					least = flat->least;
					product = least_product(cursor->weight, (least - rest) / ENLARGED);
				}
				if ((float) cursor->tfs[i] * factor < product)
					continue;
				score = gv_bm25_score(cursor->weight, (float) cursor->tfs[i], factor);
				if (score * ENLARGED + rest >= least && complete_score(flat, doc, &score))
					take_document(flat, doc, score);
			}
		}
		/* the next window begins in this block */
		if (cursor->last_doc >= flat->end || !gv_bm25_cursor_next_block(cursor) ||
			cursor->first_doc >= flat->end)
			break;
	}
}

/*
 * Begin the window at a document, or a later one if none of those before it can
 * be wanted; false at the end of the segment.
 */
static bool
begin_window(FlatSearch *flat, uint32 start)
{
	uint32		n_docs = flat->segment->head.n_docs;

	for (;;)
	{
		uint32		next = n_docs;	/* the least document that a cursor can have */
		uint32		last = n_docs;	/* of the superblocks, the first to end */
		float		bound = 0;

		for (int i = 0; i < flat->n; i++)
		{
			GvBm25Cursor *cursor = flat->cursors[i];

			gv_bm25_cursor_seek(cursor, start);
			if (cursor->block == cursor->n_blocks)
				continue;
			next = Min(next, cursor->first_doc);
			last = Min(last, gv_bm25_cursor_super_last(cursor));
			bound += gv_bm25_cursor_super_bound(cursor);
		}
		if (next == n_docs)
			return false;
		if (next > start)
		{
			start = next;
			continue;
		}
		if (!is_hopeless(flat, bound))
			break;
		start = last + 1;
		if (start >= n_docs)
			return false;
	}
	flat->start = start;
	flat->base = start - start % GV_BM25_WINDOW;
	flat->end = Min(flat->base + GV_BM25_WINDOW, n_docs);
	flat->has_norms = false;
	return true;
}

/* How many documents of the window may be returned? */
static uint32
count_allowed(const FlatSearch *flat)
{
	uint32		n = 0;

	for (int word = (flat->start - flat->base) / 64; word < WINDOW_WORDS; word++)
		n += pg_popcount64(flat->allowed[word]);
	return n;
}

/* Look up the few documents of the window that may be returned, one by one */
static void
look_up_documents(FlatSearch *flat)
{
	for (uint32 doc = gv_bm25_mask_next(flat->mask, flat->start); doc < flat->end;
		 doc = gv_bm25_mask_next(flat->mask, doc + 1))
	{
		float		score = 0;
		bool		is_found = false;
		int			i;

		for (i = 0; i < flat->n; i++)
		{
			uint32		tf;

			if (is_hopeless(flat, score * ENLARGED + flat->rest[i]))
				break;
			if (flat->bounds[i] == 0)
				continue;
			tf = gv_bm25_cursor_find(flat->cursors[i], doc);
			if (tf == 0)
				continue;
			score += gv_bm25_score(flat->cursors[i]->weight, (float) tf, factor_of(flat, doc));
			is_found = true;
		}
		if (is_found && i == flat->n)
			take_document(flat, doc, score);
	}
}

/* Find the documents of the window */
static void
search_window(FlatSearch *flat)
{
	int			n = flat->n;
	uint32		n_allowed = PG_UINT32_MAX;
	float		total = 0;

	flat->allowed = flat->mask ? gv_bm25_mask_window(flat->mask, flat->base) : NULL;
	if (flat->allowed)
		n_allowed = count_allowed(flat);
	if (n_allowed == 0)
		return;

	for (int i = 0; i < n; i++)
	{
		flat->bounds[i] = gv_bm25_cursor_bound(flat->cursors[i], flat->end);
		total += flat->bounds[i];
	}
	if (is_hopeless(flat, total))
		return;
	flat->rest[n] = 0;
	for (int i = n - 1; i >= 0; i--)
		flat->rest[i] = flat->rest[i + 1] + flat->bounds[i] * ENLARGED;
	if (n_allowed <= FEW_DOCUMENTS)
	{
		look_up_documents(flat);
		return;
	}
	flat->n_essential = n;
	while (flat->n_essential > 0 && is_hopeless(flat, flat->rest[flat->n_essential - 1]))
		flat->n_essential--;
	if (flat->n_essential == 1)
	{
		take_term(flat);
		return;
	}

	for (int i = 0; i < flat->n_essential; i++)
	{
		float		others = 0;

		if (flat->bounds[i] == 0)
			continue;
		for (int j = 0; j < n; j++)
		{
			if (j != i)
				others += flat->bounds[j];
		}
		add_term(flat, i, others);
	}
	take_documents(flat);
}

/*
 * gv_bm25_search_flat
 *		Search a segment for a flat query.
 */
void
gv_bm25_search_flat(GvBm25Search *search, int which)
{
	const GvBm25Weighed *weighed = search->weighed;
	FlatSearch *flat = palloc(sizeof(FlatSearch));
	uint32		start = 0;

	flat->search = search;
	flat->weighed = weighed;
	flat->segment = &search->reader->segments[which];
	flat->which = which;
	flat->mask = gv_bm25_mask_of(search, which);
	flat->n = 0;
	flat->cursors = palloc(weighed->n_leaves * sizeof(GvBm25Cursor *));
	flat->bounds = palloc(weighed->n_leaves * sizeof(float));
	flat->rest = palloc((weighed->n_leaves + 1) * sizeof(float));
	memset(flat->found, 0, sizeof(flat->found));
	memset(flat->scores, 0, sizeof(flat->scores));
	for (int i = 0; i < weighed->n_leaves; i++)
	{
		const GvBm25Leaf *leaf = &weighed->leaves[i];
		const GvBm25TermEntry *entry = &search->reader->entries[which][leaf->lexemes[0]];

		if (entry->df == 0)
			continue;
		flat->cursors[flat->n] = palloc(sizeof(GvBm25Cursor));
		gv_bm25_cursor_begin(flat->cursors[flat->n++], flat->segment, entry, leaf->weight,
							 weighed->factor);
	}

	if (flat->n == 1 && flat->mask == NULL)
		gv_bm25_search_best(search, which, flat->cursors[0]);
	else
	{
		set_least(flat);
		for (;;)
		{
			CHECK_FOR_INTERRUPTS();
			if (flat->mask)
				start = gv_bm25_mask_next(flat->mask, start);
			if (!begin_window(flat, start))
				break;
			search_window(flat);
			start = flat->end;
		}
	}

	for (int i = 0; i < flat->n; i++)
	{
		if (flat->cursors[i]->supers != NULL)
		{
			pfree(flat->cursors[i]->supers);
			pfree(flat->cursors[i]->super_bounds);
		}
		pfree(flat->cursors[i]);
	}
	pfree(flat->cursors);
	pfree(flat->bounds);
	pfree(flat->rest);
	pfree(flat);
}
