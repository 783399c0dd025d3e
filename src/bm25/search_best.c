/*-------------------------------------------------------------------------
 *
 * search_best.c
 *		The best documents of a segment for one word: its blocks of postings in
 *		the order of their bounds, until no further one can hold a better document.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "bm25/cursor.h"
#include "bm25/options.h"
#include "bm25/search.h"

/* Blocks, or superblocks, by bound */
typedef struct Ranked
{
	float		bound;
	uint32		number;
} Ranked;

static int
compare_ranked(const void *a, const void *b)
{
	const Ranked *x = a;
	const Ranked *y = b;

	if (x->bound != y->bound)
		return x->bound > y->bound ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* Can no document from one on be wanted whose score does not exceed a bound? */
static inline bool
is_hopeless(const GvBm25Search *search, int which, float bound, uint32 first_doc)
{
	const GvBm25Hit *worst = &search->hits[0];

	if (search->n_hits < search->k || !gv_bm25_pruning)
		return false;
	return bound < worst->score ||
		(bound == worst->score && worst->segment == which && first_doc > worst->doc);
}

/*
 * gv_bm25_compute_factors
 *		Compute the factors of term frequencies of a block's documents, ascending.
 */
void
gv_bm25_compute_factors(const GvBm25Weighed *weighed, const GvBm25Segment *segment,
						const uint32 *docs, uint32 n, float *factors)
{
	union
	{
		uint8		byte[GV_BM25_BLOCK];
		uint32		length[GV_BM25_BLOCK];
	}			norms;

	gv_bm25_gather_norms_of(segment, weighed->tree->field, docs, n, &norms);
	if (segment->head.norm_size == 1)
	{
		const float *of_norm = gv_bm25_flat_factors(weighed);

		for (uint32 i = 0; i < n; i++)
			factors[i] = of_norm[norms.byte[i]];
	}
	else
	{
		for (uint32 i = 0; i < n; i++)
			factors[i] = gv_bm25_flat_length_factor(weighed, norms.length[i]);
	}
}

/* Take the documents of the block where the cursor stands */
static void
take_block(GvBm25Search *search, int which, GvBm25Cursor *cursor)
{
	float		scores[GV_BM25_BLOCK];
	float		least = gv_bm25_threshold(search);

	gv_bm25_cursor_load(cursor);
	gv_bm25_compute_factors(search->weighed, cursor->segment, cursor->docs, cursor->n, scores);
	for (uint32 i = 0; i < cursor->n; i++)
		scores[i] = gv_bm25_score(cursor->weight, (float) cursor->tfs[i], scores[i]);
	for (uint32 i = 0; i < cursor->n; i++)
	{
		if (scores[i] < least)
			continue;
		gv_bm25_consider(search, which, cursor->docs[i], scores[i]);
		least = gv_bm25_threshold(search);
	}
}

/*
 * gv_bm25_search_best
 *		Take the best documents of a lexeme by its scores alone.
 *
 * cursor: at its first block; anywhere after this
 */
void
gv_bm25_search_best(GvBm25Search *search, int which, GvBm25Cursor *cursor)
{
	Ranked	   *supers = palloc(cursor->n_supers * sizeof(Ranked));
	Ranked		blocks[GV_BM25_SUPERBLOCK];

	if (cursor->supers == NULL)
	{
		if (!is_hopeless(search, which, cursor->weight, cursor->first_doc))
			take_block(search, which, cursor);
		pfree(supers);
		return;
	}
	for (uint32 i = 0; i < cursor->n_supers; i++)
		supers[i] = (Ranked) {gv_bm25_cursor_bound_of_super(cursor, i), i};
	qsort(supers, cursor->n_supers, sizeof(Ranked), compare_ranked);
	for (uint32 i = 0; i < cursor->n_supers; i++)
	{
		uint32		first = supers[i].number * GV_BM25_SUPERBLOCK;
		uint32		n = Min(GV_BM25_SUPERBLOCK, cursor->n_blocks - first);

		if (is_hopeless(search, which, supers[i].bound,
						supers[i].number == 0 ? 0 :
						cursor->supers[supers[i].number - 1].last_doc + 1))
			break;
		CHECK_FOR_INTERRUPTS();
		gv_bm25_cursor_enter_super(cursor, supers[i].number);
		for (uint32 j = 0; j < n; j++)
		{
			gv_bm25_cursor_enter_block(cursor, first + j);
			blocks[j] = (Ranked) {gv_bm25_cursor_block_bound(cursor), first + j};
		}
		qsort(blocks, n, sizeof(Ranked), compare_ranked);
		for (uint32 j = 0; j < n; j++)
		{
			gv_bm25_cursor_enter_block(cursor, blocks[j].number);
			if (is_hopeless(search, which, blocks[j].bound, cursor->first_doc))
				break;
			take_block(search, which, cursor);
		}
	}
	pfree(supers);
}
