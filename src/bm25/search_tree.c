/*-------------------------------------------------------------------------
 *
 * search_tree.c
 *		Documents of a segment for a query of any form: all that have one of its
 *		words are looked at.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "bm25/cursor.h"
#include "bm25/search.h"

/* Numbers of a window: documents times leaves */
#define WINDOW_NUMBERS (256 * 1024)

/* A lexeme in a part of the query */
typedef struct Member
{
	int			leaf;
	int			place;			/* of a phrase; -1: the leaf is none */
	GvBm25Cursor *cursor;
} Member;

typedef struct TreeSearch
{
	const GvBm25Weighed *weighed;
	const GvBm25Segment *segment;
	int			n_members;
	Member	   *members;
	uint32		width;			/* documents of a window */
	float	   *tf;				/* float[width][n_leaves] */
	uint64	   *found;			/* bit for each document */
	uint8	   *n_places;		/* uint8[width]: of the phrase being looked at */
	void	   *norms;
	uint32	   *field_lengths[GV_BM25_MAX_FIELDS]; /* uint32[width] of each that a leaf asks for */
	uint32		start;			/* of the window */
	uint32		end;
} TreeSearch;

static void
add_member(TreeSearch *tree, const GvBm25TermEntry *entry, int leaf, int place)
{
	Member	   *member;

	if (entry->df == 0)
		return;
	member = &tree->members[tree->n_members++];
	member->leaf = leaf;
	member->place = place;
	member->cursor = palloc(sizeof(GvBm25Cursor));
	gv_bm25_cursor_begin(member->cursor, tree->segment, entry, 1.0f, tree->weighed->factor);
}

/* Begin with a segment, in the current memory context */
static TreeSearch *
begin_tree(GvBm25Reader *reader, int which, const GvBm25Weighed *weighed)
{
	TreeSearch *tree = palloc0(sizeof(TreeSearch));
	const GvBm25TermEntry *entries = reader->entries[which];
	int			n_members = 0;
	uint32		n_leaves = Max(weighed->n_leaves, 1);

	tree->weighed = weighed;
	tree->segment = &reader->segments[which];
	for (int i = 0; i < weighed->n_leaves; i++)
	{
		n_members += weighed->leaves[i].n_lexemes;
		for (int j = 0; j < weighed->leaves[i].n_places; j++)
			n_members += weighed->leaves[i].n_place[j];
	}
	tree->members = MemoryContextAllocHuge(CurrentMemoryContext,
										   Max(n_members, 1) * sizeof(Member));
	for (int i = 0; i < weighed->n_leaves; i++)
	{
		const GvBm25Leaf *leaf = &weighed->leaves[i];

		for (int j = 0; j < leaf->n_lexemes; j++)
			add_member(tree, &entries[leaf->lexemes[j]], i, -1);
		for (int place = 0; place < leaf->n_places; place++)
		{
			for (int j = 0; j < leaf->n_place[place]; j++)
				add_member(tree, &entries[leaf->place[place][j]], i, place);
		}
	}
	tree->width = Max(64, Min(GV_BM25_WINDOW, WINDOW_NUMBERS / n_leaves / 64 * 64));
	tree->tf = MemoryContextAllocExtended(CurrentMemoryContext,
										  (Size) tree->width * n_leaves * sizeof(float),
										  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	tree->found = palloc0(tree->width / 8);
	tree->n_places = palloc(tree->width);
	tree->norms = palloc(tree->width * sizeof(uint32));
	for (int i = 0; i < GV_BM25_MAX_FIELDS; i++)
		tree->field_lengths[i] = weighed->field[i].is_used ?
			palloc(tree->width * sizeof(uint32)) : NULL;
	return tree;
}

/*
 * Find the window that has the next document, of those that may be returned;
 * false at the end.
 */
static bool
begin_window(TreeSearch *tree, GvBm25Mask *mask)
{
	uint32		next = tree->segment->head.n_docs;

	if (mask != NULL)
		tree->end = gv_bm25_mask_next(mask, tree->end);

	for (int i = 0; i < tree->n_members; i++)
	{
		GvBm25Cursor *cursor = tree->members[i].cursor;

		gv_bm25_cursor_seek(cursor, tree->end);
		if (cursor->block < cursor->n_blocks)
			next = Min(next, Max(cursor->first_doc, tree->end));
	}
	if (next >= tree->segment->head.n_docs)
		return false;
	tree->start = next;
	tree->end = Min(next + tree->width, tree->segment->head.n_docs);
	return true;
}

/*
 * Go through the postings of a lexeme in the window.
 *
 * With a place of a phrase, documents that have all places before this count it.
 */
static void
add_postings(TreeSearch *tree, const Member *member)
{
	GvBm25Cursor *cursor = member->cursor;
	int			n_leaves = tree->weighed->n_leaves;

	while (cursor->block < cursor->n_blocks && cursor->first_doc < tree->end)
	{
		gv_bm25_cursor_load(cursor);
		for (uint32 i = 0; i < cursor->n && cursor->docs[i] < tree->end; i++)
		{
			uint32		doc = cursor->docs[i] - tree->start;

			if (cursor->docs[i] < tree->start)
				continue;
			if (member->place < 0)
			{
				tree->tf[(Size) doc * n_leaves + member->leaf] += (float) cursor->tfs[i];
				tree->found[doc / 64] |= UINT64CONST(1) << doc % 64;
			}
			else if (tree->n_places[doc] == (uint8) member->place)
				tree->n_places[doc] = (uint8) member->place + 1;
		}
		if (cursor->last_doc >= tree->end || !gv_bm25_cursor_next_block(cursor))
			break;
	}
}

/*
 * Mark the documents that have all places of a phrase, up to 255 of them, as
 * having the phrase.  One that is excluded nobody is said to have: rows that do
 * are left out when they are looked at.
 */
static void
end_phrase(TreeSearch *tree, int leaf)
{
	uint8		n_places = (uint8) Min(tree->weighed->leaves[leaf].n_places, PG_UINT8_MAX);

	if (tree->weighed->leaves[leaf].is_excluded)
		return;
	for (uint32 doc = 0; doc < tree->end - tree->start; doc++)
	{
		if (n_places > 0 && tree->n_places[doc] == n_places)
		{
			tree->tf[(Size) doc * tree->weighed->n_leaves + leaf] = 1;
			tree->found[doc / 64] |= UINT64CONST(1) << doc % 64;
		}
	}
}

/* Count the leaves in the documents of the window */
static void
count_window(TreeSearch *tree)
{
	int			phrase = -1;

	for (int i = 0; i < tree->n_members; i++)
	{
		const Member *member = &tree->members[i];

		if (phrase >= 0 && member->leaf != phrase)
		{
			end_phrase(tree, phrase);
			phrase = -1;
		}
		if (member->place >= 0 && phrase < 0)
		{
			phrase = member->leaf;
			memset(tree->n_places, 0, tree->width);
		}
		if (member->place < PG_UINT8_MAX)
			add_postings(tree, member);
	}
	if (phrase >= 0)
		end_phrase(tree, phrase);
}

/* The next document found in the window, from it on; the window's width if none */
static uint32
next_found(const TreeSearch *tree, uint32 doc)
{
	while (doc < tree->width)
	{
		uint64		bits = tree->found[doc / 64] >> doc % 64;

		if (bits != 0)
			return doc + pg_rightmost_one_pos64(bits);
		doc += 64 - doc % 64;
	}
	return tree->width;
}

/* Forget a document of the window */
static inline void
forget(TreeSearch *tree, uint32 doc)
{
	int			n_leaves = tree->weighed->n_leaves;

	memset(&tree->tf[(Size) doc * n_leaves], 0, n_leaves * sizeof(float));
	tree->found[doc / 64] &= ~(UINT64CONST(1) << doc % 64);
}

static void
end_tree(TreeSearch *tree)
{
	for (int i = 0; i < tree->n_members; i++)
	{
		GvBm25Cursor *cursor = tree->members[i].cursor;

		if (cursor->supers != NULL)
		{
			pfree(cursor->supers);
			pfree(cursor->super_bounds);
		}
		pfree(cursor);
	}
	pfree(tree->members);
	pfree(tree->tf);
	pfree(tree->found);
	pfree(tree->n_places);
	pfree(tree->norms);
	for (int i = 0; i < GV_BM25_MAX_FIELDS; i++)
	{
		if (tree->field_lengths[i] != NULL)
			pfree(tree->field_lengths[i]);
	}
	pfree(tree);
}

/* Read the lengths of the window's documents */
static void
read_lengths(TreeSearch *tree)
{
	uint32		n = tree->end - tree->start;

	gv_bm25_read_norms(tree->segment, tree->start, n, tree->norms);
	for (int i = 0; i < GV_BM25_MAX_FIELDS; i++)
	{
		if (tree->field_lengths[i] != NULL)
			gv_bm25_read_field_lengths(tree->segment, i + 1, tree->start, n,
									   tree->field_lengths[i]);
	}
}

/* The factors of term frequencies in a document of the window; see gv_bm25_factors */
static void
factors_of(const TreeSearch *tree, uint32 doc, float *factors)
{
	const GvBm25Weighed *weighed = tree->weighed;

	factors[0] = tree->segment->head.norm_size == 1 ?
		weighed->factor[((uint8 *) tree->norms)[doc]] :
		gv_bm25_length_factor(weighed, (float) ((uint32 *) tree->norms)[doc]);
	for (int i = 0; weighed->uses_fields && i < GV_BM25_MAX_FIELDS; i++)
	{
		if (tree->field_lengths[i] != NULL)
			factors[i + 1] = gv_bm25_field_factor(weighed, i + 1, tree->field_lengths[i][doc]);
	}
}

/* Does a document match, all of whose leaves are counted but phrases? */
static bool
score_document(GvBm25Search *search, int which, uint32 doc, float *tf, const float *factors,
			   float *score)
{
	const GvBm25Weighed *weighed = search->weighed;
	const GvBm25Segment *segment = &search->reader->segments[which];
	ItemPointerData tid;

	if (!gv_bm25_evaluate(weighed, tf, factors, score))
		return false;
	if (!weighed->tree->needs_positions || search->read_row == NULL)
		return true;
	if (segment->entry.n_dead > 0 && gv_bm25_is_dead(segment, doc))
		return false;
	tid = gv_bm25_tid_of(segment, doc);
	return search->read_row(search->row_arg, &tid, tf) &&
		gv_bm25_evaluate(weighed, tf, factors, score);
}

/*
 * gv_bm25_search_tree
 *		Search a segment for a query of any form.
 */
void
gv_bm25_search_tree(GvBm25Search *search, int which)
{
	const GvBm25Weighed *weighed = search->weighed;
	TreeSearch *tree = begin_tree(search->reader, which, weighed);
	GvBm25Mask *mask = gv_bm25_mask_of(search, which);

	while (begin_window(tree, mask))
	{
		CHECK_FOR_INTERRUPTS();
		count_window(tree);
		read_lengths(tree);
		for (uint32 doc = next_found(tree, 0); doc < tree->width; doc = next_found(tree, doc))
		{
			float		factors[GV_BM25_FACTORS];
			float		score;

			factors_of(tree, doc, factors);
			if ((mask == NULL || gv_bm25_mask_has(mask, tree->start + doc)) &&
				score_document(search, which, tree->start + doc,
							   &tree->tf[(Size) doc * weighed->n_leaves], factors, &score))
				gv_bm25_consider(search, which, tree->start + doc, score);
			forget(tree, doc);
		}
	}
	end_tree(tree);
}

/*
 * gv_bm25_match_segment
 *		Return a bit for each document of a segment that may match, the lowest of a
 *		byte first.  Phrases are taken for their words.
 */
uint8 *
gv_bm25_match_segment(GvBm25Reader *reader, int which, const GvBm25Weighed *weighed)
{
	TreeSearch *tree = begin_tree(reader, which, weighed);
	uint8	   *bits = MemoryContextAllocExtended(CurrentMemoryContext,
												  ((Size) tree->segment->head.n_docs + 7) / 8,
												  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	while (begin_window(tree, NULL))
	{
		CHECK_FOR_INTERRUPTS();
		count_window(tree);
		for (uint32 doc = next_found(tree, 0); doc < tree->width; doc = next_found(tree, doc))
		{
			uint32		number = tree->start + doc;

			if (gv_bm25_matches(weighed, &tree->tf[(Size) doc * weighed->n_leaves]))
				bits[number / 8] |= 1 << number % 8;
			forget(tree, doc);
		}
	}
	end_tree(tree);
	return bits;
}
