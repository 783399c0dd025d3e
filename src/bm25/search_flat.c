/*-------------------------------------------------------------------------
 *
 * search_flat.c
 *		The best documents of a segment for a query of words, any of which may
 *		match: block-max MAXSCORE in windows of documents, or by the blocks of one
 *		term.
 *
 * Terms are ordered by weight, the largest first, and a score is always their
 * sum in this order, so its bits do not depend on what was left out.  For each
 * window, terms at the end whose bounds together do not reach the threshold are
 * not essential: only documents of the others are looked for, and the rest is
 * looked up for those which still can be wanted.  Blocks of essential terms that
 * cannot help to reach the threshold are not read.  As soon as the first term is
 * the only essential one in all that is left of the segment, its blocks are gone
 * through instead of windows.
 *
 * There is a threshold before the first window: what the best documents of a block
 * of a heavy term have by this term alone.  If it leaves one term essential, the
 * search begins with the best block of that term.
 *
 * Where few documents pass a filter, windows are all there is: they look at these
 * documents only.
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

/* So many documents are looked for in a block by noting all of it */
#define MANY_CANDIDATES 4

/* A filter that one of so many documents passes is sparse, as a sample of windows tells */
#define SPARSE 48
#define SAMPLED_WINDOWS 8

/* So many documents are looked for at most before the first window */
#define MAX_SEED 64

typedef struct FlatSearch
{
	GvBm25Search *search;
	const GvBm25Weighed *weighed;
	const GvBm25Segment *segment;
	const float *factor;		/* float[256]: of term frequencies, by norm */
	int			which;			/* segment */
	int			n;				/* terms that the segment has */
	GvBm25Cursor **cursors;		/* GvBm25Cursor *[n], by weight */
	float	   *bounds;			/* float[n]: in the window */
	float	   *rest;			/* float[n + 1]: of all terms from here on, enlarged */
	float	   *most_of;		/* float[n]: bounds in the segment */
	float		most;			/* of all but the first together, enlarged */
	bool		is_ordered;		/* documents are looked at in their order */
	int			n_essential;
	float		seed;			/* that so many documents as are wanted reach; -1: not known */
	float		least;			/* what does not reach this is not wanted */
	GvBm25Mask *mask;			/* NULL: all documents may be returned */
	bool		is_sparse;		/* few pass it */

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

	/* documents that may be wanted, in their order, and room for one more */
	uint32		n_candidates;
	uint32		docs[GV_BM25_WINDOW + 1];
	float		factors[GV_BM25_WINDOW + 1];
	float		sums[GV_BM25_WINDOW + 1];	/* of the scores of terms looked at */
	uint8		posting[GV_BM25_WINDOW];	/* of a block: where a document may be in it */
} FlatSearch;

/* Note what score is wanted at least */
static void
set_least(FlatSearch *flat)
{
	const GvBm25Search *search = flat->search;

	flat->least = flat->seed;
	if (!gv_bm25_pruning)
		return;
	if (search->n_hits == search->k)
	{
		/* of equal documents of a segment the first is better */
		flat->least = search->hits[0].segment != flat->which || !flat->is_ordered ?
			search->hits[0].score : nextafterf(search->hits[0].score, INFINITY);
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
		gv_bm25_read_norms_of(flat->segment, flat->weighed->tree->field, flat->base,
							  Min(GV_BM25_WINDOW, flat->segment->head.n_docs - flat->base),
							  &flat->norms);
		flat->has_norms = true;
	}
	if (flat->segment->head.norm_size == 1)
		return flat->factor[flat->norms.byte[doc - flat->base]];
	return gv_bm25_flat_length_factor(flat->weighed, flat->norms.length[doc - flat->base]);
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
		const float *factors = flat->factor;
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

/* Make candidates of the documents found in the window */
static void
gather_found(FlatSearch *flat)
{
	float		rest = flat->rest[flat->n_essential];
	uint32		n = 0;

	for (int word = 0; word < WINDOW_WORDS; word++)
	{
		uint64		bits = flat->found[word];

		flat->found[word] = 0;
		while (bits != 0)
		{
			uint32		place = word * 64 + pg_rightmost_one_pos64(bits);
			float		score = flat->scores[place];

			bits &= bits - 1;
			flat->scores[place] = 0;
			flat->docs[n] = flat->base + place;
			flat->sums[n] = score;
			n += !is_hopeless(flat, score * ENLARGED + rest);
		}
	}
	flat->n_candidates = n;
	if (flat->n_essential < flat->n)
	{
		for (uint32 i = 0; i < n; i++)
			flat->factors[i] = factor_of(flat, flat->docs[i]);
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
 * Make candidates of the documents of the only essential term in the window,
 * without adding up scores by document.
 */
static void
gather_term(FlatSearch *flat)
{
	GvBm25Cursor *cursor = flat->cursors[0];
	float		rest = flat->rest[1];
	float		product = least_product(cursor->weight, (flat->least - rest) / ENLARGED);
	uint32		n = 0;

	for (;;)
	{
		if (!is_hopeless(flat, gv_bm25_cursor_block_bound(cursor) * ENLARGED + rest))
		{
			uint32		first = n;

			gv_bm25_cursor_load(cursor);
			for (uint32 i = 0; i < cursor->n && cursor->docs[i] < flat->end; i++)
			{
				uint32		doc = cursor->docs[i];
				float		tf = (float) cursor->tfs[i];
				float		factor;

				if (doc < flat->start || !is_allowed(flat, doc - flat->base))
					continue;
				factor = factor_of(flat, doc);
				flat->docs[n] = doc;
				flat->sums[n] = tf;
				flat->factors[n] = factor;
				n += tf * factor >= product;
			}
			for (uint32 i = first; i < n; i++)
				flat->sums[i] = gv_bm25_score(cursor->weight, flat->sums[i], flat->factors[i]);
		}
		/* the next window begins in this block */
		if (cursor->last_doc >= flat->end || !gv_bm25_cursor_next_block(cursor) ||
			cursor->first_doc >= flat->end)
			break;
	}
	flat->n_candidates = n;
}

/*
 * Keep those of the candidates from one to another that are not hopeless even
 * with all that a rest of the terms can add, as those from n on; the new n.
 */
static inline uint32
keep_candidates(FlatSearch *flat, uint32 from, uint32 to, uint32 n, float rest)
{
	for (uint32 i = from; i < to; i++)
	{
		float		score = flat->sums[i];

		flat->docs[n] = flat->docs[i];
		flat->sums[n] = score;
		flat->factors[n] = flat->factors[i];
		n += !is_hopeless(flat, score * ENLARGED + rest);
	}
	return n;
}

/* Add the score of a term that is not essential to some candidates of one block */
static void
add_to_candidates(FlatSearch *flat, GvBm25Cursor *cursor, uint32 first, uint32 n)
{
	uint32		base = flat->docs[first];
	uint32		width = flat->docs[first + n - 1] - base;
	bool		is_noted = n >= MANY_CANDIDATES && width < GV_BM25_WINDOW;

	gv_bm25_cursor_load(cursor);
	for (uint32 i = 0; is_noted && i < cursor->n; i++)
	{
		uint32		place = cursor->docs[i] - base;

		if (place <= width)
			flat->posting[place] = (uint8) i;
	}
	for (uint32 i = first; i < first + n; i++)
	{
		uint32		doc = flat->docs[i];
		uint32		tf;

		if (is_noted)
		{
			uint32		posting = flat->posting[doc - base];

			/* another block may have left a note */
			tf = posting < cursor->n && cursor->docs[posting] == doc ? cursor->tfs[posting] : 0;
		}
		else
			tf = gv_bm25_cursor_find(cursor, doc);
		if (tf > 0)
			flat->sums[i] += gv_bm25_score(cursor->weight, (float) tf, flat->factors[i]);
	}
}

/* Add the score of a term that is not essential to the candidates, by its blocks */
static void
add_optional_term(FlatSearch *flat, int term)
{
	GvBm25Cursor *cursor = flat->cursors[term];
	float		rest = flat->rest[term + 1];
	uint32		end = keep_candidates(flat, 0, flat->n_candidates, 0, flat->rest[term]);
	uint32		n = 0;
	uint32		i = 0;

	while (i < end)
	{
		uint32		first = n;
		uint32		from = i;
		uint32		last;
		float		most = rest;
		bool		has_postings = false;

		gv_bm25_cursor_seek(cursor, flat->docs[i]);
		if (cursor->block == cursor->n_blocks)
			last = PG_UINT32_MAX;
		else if (cursor->first_doc > flat->docs[i])
			last = cursor->first_doc - 1;
		else
		{
			last = cursor->last_doc;
			most += gv_bm25_cursor_block_bound(cursor) * ENLARGED;
			has_postings = true;
		}
		while (i < end && flat->docs[i] <= last)
			i++;
		n = keep_candidates(flat, from, i, n, most);
		if (has_postings && n > first)
			add_to_candidates(flat, cursor, first, n - first);
	}
	flat->n_candidates = n;
}

/* Add the terms that are not essential to the candidates, and take those that are wanted */
static void
take_candidates(FlatSearch *flat)
{
	for (int i = flat->n_essential; i < flat->n && flat->n_candidates > 0; i++)
	{
		if (flat->bounds[i] > 0)
			add_optional_term(flat, i);
	}
	for (uint32 i = 0; i < flat->n_candidates; i++)
	{
		if (!is_hopeless(flat, flat->sums[i]))
			take_document(flat, flat->docs[i], flat->sums[i]);
	}
}

/* Take documents of the block where the cursor of the only essential term stands */
static void
take_block(FlatSearch *flat)
{
	GvBm25Cursor *cursor = flat->cursors[0];
	float		rest = flat->rest[1];
	float		product = least_product(cursor->weight, (flat->least - rest) / ENLARGED);
	uint32		n_docs = 0;
	uint32		n = 0;

	gv_bm25_cursor_load(cursor);
	for (uint32 i = 0; i < cursor->n; i++)
	{
		flat->docs[n_docs] = cursor->docs[i];
		flat->sums[n_docs] = (float) cursor->tfs[i];
		n_docs += flat->mask == NULL || gv_bm25_mask_has(flat->mask, cursor->docs[i]);
	}
	gv_bm25_compute_factors(flat->weighed, flat->segment, flat->docs, n_docs, flat->factors);
	for (uint32 i = 0; i < n_docs; i++)
	{
		float		tf = flat->sums[i];
		uint32		doc = flat->docs[i];

		flat->docs[n] = doc;
		flat->sums[n] = tf;
		flat->factors[n] = flat->factors[i];
		n += tf * flat->factors[i] >= product && doc >= flat->start;
	}
	for (uint32 i = 0; i < n; i++)
		flat->sums[i] = gv_bm25_score(cursor->weight, flat->sums[i], flat->factors[i]);
	flat->n_candidates = n;
	take_candidates(flat);
}

/* Let a cursor stand at the block of its term with the largest bound */
static void
enter_best_block(GvBm25Cursor *cursor)
{
	uint32		best = 0;
	uint32		n;
	float		best_bound = -1;

	if (cursor->supers == NULL)
		return;
	for (uint32 i = 1; i < cursor->n_supers; i++)
	{
		if (gv_bm25_cursor_bound_of_super(cursor, i) > gv_bm25_cursor_bound_of_super(cursor, best))
			best = i;
	}
	gv_bm25_cursor_enter_super(cursor, best);
	n = Min(GV_BM25_SUPERBLOCK, cursor->n_blocks - cursor->block);
	for (uint32 block = cursor->block; n > 0; block++, n--)
	{
		gv_bm25_cursor_enter_block(cursor, block);
		if (gv_bm25_cursor_block_bound(cursor) > best_bound)
		{
			best = block;
			best_bound = gv_bm25_cursor_block_bound(cursor);
		}
	}
	gv_bm25_cursor_enter_block(cursor, best);
}

/* Sum up the bounds of terms from the last on */
static void
sum_rest(FlatSearch *flat)
{
	flat->rest[flat->n] = 0;
	for (int i = flat->n - 1; i >= 0; i--)
		flat->rest[i] = flat->rest[i + 1] + flat->bounds[i] * ENLARGED;
}

/*
 * Search what is left of the segment by the blocks of the first term, if all the
 * others cannot make a document be wanted; false if they can.
 *
 * has_best: begin with the block that seems best
 */
static bool
search_blocks(FlatSearch *flat, uint32 start, bool has_best)
{
	GvBm25Cursor *cursor;
	uint32		done;

	if (flat->n == 0)
		return true;
	if (flat->is_sparse || !is_hopeless(flat, flat->most))
		return false;
	cursor = flat->cursors[0];
	done = cursor->n_blocks;
	flat->start = start;
	flat->n_essential = 1;
	memcpy(flat->bounds, flat->most_of, flat->n * sizeof(float));
	sum_rest(flat);
	if (has_best)
	{
		flat->is_ordered = false;
		enter_best_block(cursor);
		done = cursor->block;
		take_block(flat);
		for (int i = 0; i < flat->n; i++)
			gv_bm25_cursor_return(flat->cursors[i], 0);
	}
	gv_bm25_cursor_seek(cursor, start);
	while (cursor->block < cursor->n_blocks)
	{
		CHECK_FOR_INTERRUPTS();
		if (is_hopeless(flat, gv_bm25_cursor_super_bound(cursor) * ENLARGED + flat->rest[1]))
		{
			gv_bm25_cursor_seek(cursor, gv_bm25_cursor_super_last(cursor) + 1);
			continue;
		}
		if (cursor->block != done &&
			!is_hopeless(flat, gv_bm25_cursor_block_bound(cursor) * ENLARGED + flat->rest[1]))
			take_block(flat);
		gv_bm25_cursor_next_block(cursor);
	}
	return true;
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
	sum_rest(flat);
	if (n_allowed <= FEW_DOCUMENTS)
	{
		look_up_documents(flat);
		return;
	}
	flat->n_essential = n;
	while (flat->n_essential > 0 && is_hopeless(flat, flat->rest[flat->n_essential - 1]))
		flat->n_essential--;
	if (flat->n_essential == 1)
		gather_term(flat);
	for (int i = 0; i < flat->n_essential && flat->n_essential > 1; i++)
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
	if (flat->n_essential > 1)
		gather_found(flat);
	take_candidates(flat);
}

/*
 * A score that as many documents as are wanted reach by one term alone: those of
 * the block that seems best.
 */
static float
seed_of(FlatSearch *flat, GvBm25Cursor *cursor)
{
	float		best[MAX_SEED];	/* the largest first */
	uint32		k = (uint32) flat->search->k;
	uint32		n = 0;
	float		factors[GV_BM25_BLOCK];

	if (cursor->entry->df < k)
		return -1;
	enter_best_block(cursor);
	gv_bm25_cursor_load(cursor);
	gv_bm25_compute_factors(flat->weighed, flat->segment, cursor->docs, cursor->n, factors);
	for (uint32 i = 0; i < cursor->n; i++)
	{
		float		score = gv_bm25_score(cursor->weight, (float) cursor->tfs[i], factors[i]);
		uint32		j;

		if ((n == k && score <= best[k - 1]) ||
			(flat->mask != NULL && !gv_bm25_mask_has(flat->mask, cursor->docs[i])) ||
			(flat->segment->entry.n_dead > 0 && gv_bm25_is_dead(flat->segment, cursor->docs[i])))
			continue;
		n = Min(n + 1, k);
		for (j = n - 1; j > 0 && best[j - 1] < score; j--)
			best[j] = best[j - 1];
		best[j] = score;
	}
	gv_bm25_cursor_return(cursor, 0);
	return n < k ? -1 : best[k - 1];
}

/* Do few documents pass a filter? */
static bool
is_mask_sparse(GvBm25Mask *mask)
{
	uint32		step = Max(1, mask->n_windows / SAMPLED_WINDOWS);
	uint64		n_docs = 0;
	uint64		n = 0;

	for (uint32 window = 0; window < mask->n_windows; window += step)
	{
		const uint64 *bits = gv_bm25_mask_window(mask, window * GV_BM25_WINDOW);

		for (int i = 0; i < WINDOW_WORDS; i++)
			n += pg_popcount64(bits[i]);
		n_docs += Min(GV_BM25_WINDOW, mask->segment->head.n_docs - window * GV_BM25_WINDOW);
	}
	return n < n_docs / SPARSE;
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
	bool		is_done;

	flat->search = search;
	flat->weighed = weighed;
	flat->segment = &search->reader->segments[which];
	flat->factor = gv_bm25_flat_factors(weighed);
	flat->which = which;
	flat->mask = gv_bm25_mask_of(search, which);
	flat->is_sparse = flat->mask != NULL && is_mask_sparse(flat->mask);
	flat->n = 0;
	flat->seed = -1;
	flat->cursors = palloc(weighed->n_leaves * sizeof(GvBm25Cursor *));
	flat->bounds = palloc(weighed->n_leaves * sizeof(float));
	flat->rest = palloc((weighed->n_leaves + 1) * sizeof(float));
	flat->most_of = palloc(weighed->n_leaves * sizeof(float));
	flat->most = 0;
	flat->is_ordered = true;
	memset(flat->found, 0, sizeof(flat->found));
	memset(flat->scores, 0, sizeof(flat->scores));
	memset(flat->posting, 0, sizeof(flat->posting));
	for (int i = 0; i < weighed->n_leaves; i++)
	{
		const GvBm25Leaf *leaf = &weighed->leaves[i];
		const GvBm25TermEntry *entry = &search->reader->entries[which][leaf->lexemes[0]];

		if (entry->df == 0)
			continue;
		flat->cursors[flat->n] = palloc(sizeof(GvBm25Cursor));
		gv_bm25_cursor_begin(flat->cursors[flat->n], flat->segment, entry, leaf->weight,
							 flat->factor);
		flat->most_of[flat->n] = gv_bm25_cursor_most(flat->cursors[flat->n]);
		if (flat->n++ > 0)
			flat->most += flat->most_of[flat->n - 1] * ENLARGED;
	}

	if (flat->n == 1 && !flat->is_sparse)
		gv_bm25_search_best(search, which, flat->cursors[0]);
	else
	{
		if (search->n_hits < search->k && search->k <= MAX_SEED && !search->has_bound &&
			!flat->is_sparse && gv_bm25_pruning)
		{
			for (int i = 0; i < Min(flat->n, 2); i++)
				flat->seed = Max(flat->seed, seed_of(flat, flat->cursors[i]));
		}
		set_least(flat);
		is_done = search_blocks(flat, 0, true);
		while (!is_done)
		{
			CHECK_FOR_INTERRUPTS();
			if (flat->mask)
				start = gv_bm25_mask_next(flat->mask, start);
			if (!begin_window(flat, start))
				break;
			search_window(flat);
			start = flat->end;
			is_done = search_blocks(flat, start, false);
		}
	}

	for (int i = 0; i < flat->n; i++)
	{
		gv_bm25_cursor_end(flat->cursors[i]);
		pfree(flat->cursors[i]);
	}
	pfree(flat->cursors);
	pfree(flat->bounds);
	pfree(flat->rest);
	pfree(flat->most_of);
	pfree(flat);
}
