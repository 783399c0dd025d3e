/*-------------------------------------------------------------------------
 *
 * search_tree.c
 *		Documents of a segment for a query of any form.
 *
 * A document that can be wanted has one of the query's *leads*: parts without
 * which no document matches or reaches the threshold, chosen so that as few
 * documents as possible have them.  Of "+a b" the lead is a, of a phrase its
 * rarest word; once the threshold is above what b adds at most, of "a b" it is a.
 * Only documents of leads are found by going through postings, window by window;
 * the other parts are looked up for them, while they can still be wanted.
 *
 * Whether a document has a phrase its positions tell, which are read last; if the
 * index has none, its row.
 *
 * Bounds are computed as scores are, part by part in the order of the tree, so a
 * bound is never below a score.  A part that stands for several lexemes sums up
 * frequencies; it scores at most what the lexemes would score one by one, which
 * is enlarged by more than rounding can do.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "bm25/cursor.h"
#include "bm25/options.h"
#include "bm25/positions.h"
#include "bm25/search.h"

/* Numbers of a window: documents times leaves */
#define WINDOW_NUMBERS (256 * 1024)

/* More than rounding does to a sum of up to 10,000 numbers */
#define ENLARGED 1.002f

/* With more leaves or lexemes bounds are coarser, and leads are chosen twice at most */
#define MANY_LEAVES 64

/* Looking a document up costs as much as going through so many postings */
#define LOOKUP_POSTINGS 8

/* A lexeme in a part of the query */
typedef struct Member
{
	int			leaf;
	int			place;			/* of a phrase; -1: the leaf is none */
	bool		is_lead;
	GvBm25Cursor *cursor;
	GvBm25PositionsCursor *positions;	/* NULL: not yet needed */
} Member;

/* A part of the query without parts */
typedef struct Leaf
{
	int			first;			/* of its members */
	int			n_members;
	int			n_places;		/* of a phrase, up to 255 */
	uint64		df;				/* of the members together, of a phrase's rarest place */
	int			rarest;			/* this place; -1: it is no phrase */
	float		most;			/* the score that no document of the segment exceeds */
	float		bound;			/* none of the window, or of a document */
	bool		is_coarse;		/* its bound is its weight */
	bool		is_lead;
	bool		is_counted;		/* in the window, for its leads */
} Leaf;

typedef struct TreeSearch
{
	const GvBm25Weighed *weighed;
	const GvBm25Segment *segment;
	GvBm25Search *search;		/* NULL: documents that match, without scores */
	int			n_members;
	Member	   *members;
	Leaf	   *leaves;			/* Leaf[n_leaves] */
	int		   *by_df;			/* int[n_leaves]: leaves, the most frequent first */
	float		least;			/* that leads were chosen for */
	uint32		width;			/* documents of a window */
	float	   *tf;				/* float[width][n_leaves] */
	uint64	   *found;			/* bit for each document */
	uint32		n_found;
	bool		knows_phrases;	/* the index has positions, and the query phrases */
	GvBm25Occurrences occurrences;	/* of a phrase in a document */
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
	member->is_lead = false;
	member->positions = NULL;
	member->cursor = palloc(sizeof(GvBm25Cursor));
	gv_bm25_cursor_begin(member->cursor, tree->segment, entry,
						 tree->weighed->leaves[leaf].weight,
						 gv_bm25_factors_of_leaf(tree->weighed, &tree->weighed->leaves[leaf]));
}

/* The score that a leaf cannot exceed if its members cannot exceed theirs, added up */
static inline float
bound_of_sum(const TreeSearch *tree, int leaf, float sum)
{
	const Leaf *one = &tree->leaves[leaf];

	if (one->n_members == 1)
		return sum;
	return Min(sum * ENLARGED, tree->weighed->leaves[leaf].weight);
}

/* Add a leaf and its members */
static void
add_leaf(TreeSearch *tree, const GvBm25TermEntry *entries, int number)
{
	const GvBm25Leaf *weighed = &tree->weighed->leaves[number];
	Leaf	   *leaf = &tree->leaves[number];

	leaf->first = tree->n_members;
	leaf->n_places = Min(weighed->n_places, GV_BM25_MAX_PLACES);
	leaf->df = 0;
	leaf->rarest = weighed->node->kind == GV_BM25_PHRASE ? 0 : -1;
	for (int i = 0; i < weighed->n_lexemes; i++)
	{
		const GvBm25TermEntry *entry = &entries[weighed->lexemes[i]];

		add_member(tree, entry, number, -1);
		leaf->df += entry->df;
	}
	for (int place = 0; place < leaf->n_places; place++)
	{
		uint64		df = 0;

		for (int i = 0; i < weighed->n_place[place]; i++)
		{
			const GvBm25TermEntry *entry = &entries[weighed->place[place][i]];

			add_member(tree, entry, number, place);
			df += entry->df;
		}
		if (place == 0 || df < leaf->df)
		{
			leaf->df = df;
			leaf->rarest = place;
		}
	}
	leaf->n_members = tree->n_members - leaf->first;
	leaf->is_lead = false;

	leaf->is_coarse = leaf->rarest >= 0 || leaf->n_members > MANY_LEAVES;
	if (leaf->df == 0)
		leaf->most = -1;
	else if (leaf->is_coarse)
		leaf->most = weighed->weight;
	else
	{
		float		sum = 0;

		for (int i = leaf->first; i < tree->n_members; i++)
			sum += gv_bm25_cursor_most(tree->members[i].cursor);
		leaf->most = bound_of_sum(tree, number, sum);
	}
}

/* Compare leaves' numbers, the most frequent first; arg: Leaf[] */
static int
compare_frequency(const void *a, const void *b, void *arg)
{
	int			x = *(const int *) a;
	int			y = *(const int *) b;
	const Leaf *leaves = arg;

	if (leaves[x].df != leaves[y].df)
		return leaves[x].df > leaves[y].df ? -1 : 1;
	return x - y;
}

/* Begin with a segment, in the current memory context; search: NULL: without scores */
static TreeSearch *
begin_tree(GvBm25Reader *reader, int which, const GvBm25Weighed *weighed, GvBm25Search *search)
{
	TreeSearch *tree = palloc0(sizeof(TreeSearch));
	int			n_members = 0;
	uint32		n_leaves = Max(weighed->n_leaves, 1);

	tree->weighed = weighed;
	tree->segment = &reader->segments[which];
	tree->search = search;
	tree->least = -2;			/* none were chosen */
	tree->knows_phrases = weighed->tree->needs_positions &&
		gv_bm25_knows_phrases(&reader->index, weighed);
	for (int i = 0; i < weighed->n_leaves; i++)
	{
		n_members += weighed->leaves[i].n_lexemes;
		for (int j = 0; j < weighed->leaves[i].n_places; j++)
			n_members += weighed->leaves[i].n_place[j];
	}
	tree->members = MemoryContextAllocHuge(CurrentMemoryContext,
										   Max(n_members, 1) * sizeof(Member));
	tree->leaves = palloc(n_leaves * sizeof(Leaf));
	tree->by_df = palloc(n_leaves * sizeof(int));
	for (int i = 0; i < weighed->n_leaves; i++)
	{
		add_leaf(tree, reader->entries[which], i);
		tree->by_df[i] = i;
	}
	qsort_arg(tree->by_df, weighed->n_leaves, sizeof(int), compare_frequency, tree->leaves);
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

static void
end_tree(TreeSearch *tree)
{
	for (int i = 0; i < tree->n_members; i++)
	{
		gv_bm25_cursor_end(tree->members[i].cursor);
		pfree(tree->members[i].cursor);
		if (tree->members[i].positions != NULL)
			gv_bm25_positions_cursor_end(tree->members[i].positions);
	}
	if (tree->occurrences.occurrence != NULL)
		pfree(tree->occurrences.occurrence);
	pfree(tree->members);
	pfree(tree->leaves);
	pfree(tree->by_df);
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

/*
 * The score that documents do not exceed in a part of the tree; false if they
 * cannot match it.
 *
 * leaf: number of its first leaf, set past its last
 * without_leads: documents that have none of the leads
 */
static bool
bound_node(const TreeSearch *tree, const GvBm25Node *node, int *leaf, bool without_leads,
		   float *bound)
{
	int			n_matches = 0;
	int			n_optional = 0;
	bool		can_match = true;

	*bound = 0;
	if (node->kind != GV_BM25_GROUP)
	{
		const Leaf *one = &tree->leaves[(*leaf)++];

		if (one->bound < 0 || (without_leads && one->is_lead))
			return false;
		*bound = one->bound;
		return true;
	}
	for (int i = 0; i < node->n_children; i++)
	{
		const GvBm25Node *child = node->children[i];
		float		part;
		bool		possible = bound_node(tree, child, leaf, without_leads, &part);

		/* who does not have it can match */
		if (child->occur == GV_BM25_EXCLUDED)
			continue;
		if (child->occur == GV_BM25_REQUIRED)
			can_match &= possible;
		else
			n_optional += possible;
		n_matches += possible;
		if (possible)
			*bound += part;
	}
	return can_match && n_matches > 0 && n_optional >= node->min_match;
}

/* Is no document wanted, by the bounds of leaves? */
static bool
is_hopeless(const TreeSearch *tree, bool without_leads)
{
	int			leaf = 0;
	float		bound;

	if (!bound_node(tree, tree->weighed->tree->root, &leaf, without_leads, &bound))
		return true;
	return tree->search != NULL && bound < gv_bm25_threshold(tree->search);
}

/*
 * Try to do without some leads, the more frequent ones first; of many all these
 * together, so that it does not take long.
 */
static void
drop_leads(TreeSearch *tree)
{
	int			n_leaves = tree->weighed->n_leaves;
	int			n = 1;

	for (int i = 0; i < n_leaves; i += n)
	{
		n = n_leaves <= MANY_LEAVES ? 1 : Min(Max(i, 1), n_leaves - i);
		for (int j = i; j < i + n; j++)
			tree->leaves[tree->by_df[j]].is_lead = false;
		if (!is_hopeless(tree, true))
		{
			for (int j = i; j < i + n; j++)
				tree->leaves[tree->by_df[j]].is_lead =
					!tree->weighed->leaves[tree->by_df[j]].is_excluded;
		}
	}
}

/* Choose leads anew, if the threshold has become such that there may be fewer */
static void
renew_leads(TreeSearch *tree)
{
	int			n_leaves = tree->weighed->n_leaves;
	float		least = tree->search && gv_bm25_pruning ? gv_bm25_threshold(tree->search) : -1;

	if (least == tree->least || (tree->least > 0 && n_leaves > MANY_LEAVES))
		return;
	tree->least = least;
	for (int i = 0; i < n_leaves; i++)
	{
		tree->leaves[i].bound = tree->leaves[i].most;
		tree->leaves[i].is_lead = !gv_bm25_pruning || !tree->weighed->leaves[i].is_excluded;
	}
	if (gv_bm25_pruning)
		drop_leads(tree);
	for (int i = 0; i < tree->n_members; i++)
	{
		const Leaf *leaf = &tree->leaves[tree->members[i].leaf];

		tree->members[i].is_lead = leaf->is_lead && tree->members[i].place == leaf->rarest;
	}
}

/* The first document from one on that a cursor may have; PG_UINT32_MAX if none */
static uint32
next_document(GvBm25Cursor *cursor, uint32 doc)
{
	uint32		i = 0;

	gv_bm25_cursor_seek(cursor, doc);
	if (cursor->block == cursor->n_blocks)
		return PG_UINT32_MAX;
	if (cursor->loaded != cursor->block)
		return Max(cursor->first_doc, doc);
	while (cursor->docs[i] < doc)
		i++;
	return cursor->docs[i];
}

/*
 * Find the window that has the next document of a lead, of those that may be
 * returned; false at the end.
 */
static bool
begin_window(TreeSearch *tree, GvBm25Mask *mask)
{
	uint32		next = tree->segment->head.n_docs;

	if (mask != NULL)
		tree->end = gv_bm25_mask_next(mask, tree->end);

	for (int i = 0; i < tree->n_members; i++)
	{
		if (tree->members[i].is_lead)
			next = Min(next, next_document(tree->members[i].cursor, tree->end));
	}
	if (next >= tree->segment->head.n_docs)
		return false;
	tree->start = next;
	tree->end = Min(next + tree->width, tree->segment->head.n_docs);
	return true;
}

/* Find the bounds of leaves in the window; false if no document there is wanted */
static bool
bound_window(TreeSearch *tree)
{
	if (!gv_bm25_pruning)
		return true;
	for (int number = 0; number < tree->weighed->n_leaves; number++)
	{
		Leaf	   *leaf = &tree->leaves[number];
		float		sum = 0;
		int			n_places = 0;

		for (int i = leaf->first; i < leaf->first + leaf->n_members; i++)
		{
			Member	   *member = &tree->members[i];

			gv_bm25_cursor_seek(member->cursor, tree->start);
			if (member->cursor->block == member->cursor->n_blocks ||
				member->cursor->first_doc >= tree->end)
				continue;
			if (member->place >= 0)
				n_places += n_places == member->place;
			else
			{
				n_places = 1;
				if (!leaf->is_coarse)
					sum += gv_bm25_cursor_bound(member->cursor, tree->end);
			}
		}
		if (n_places < Max(leaf->n_places, 1))
			leaf->bound = -1;
		else if (leaf->is_coarse)
			leaf->bound = leaf->most;
		else
			leaf->bound = bound_of_sum(tree, number, sum);
	}
	return !is_hopeless(tree, false);
}

/* Is a document found? */
static inline bool
is_found(const TreeSearch *tree, uint32 doc)
{
	return tree->found[doc / 64] >> doc % 64 & 1;
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

/* Count a posting; with a place of a phrase, for documents that have all places before */
static inline void
count_posting(TreeSearch *tree, const Member *member, uint32 doc, uint32 tf)
{
	if (member->place < 0)
		tree->tf[(Size) doc * tree->weighed->n_leaves + member->leaf] += (float) tf;
	else if (tree->n_places[doc] == (uint8) member->place)
		tree->n_places[doc] = (uint8) member->place + 1;
}

/*
 * Go through the postings of a lexeme in the window.
 *
 * find: these are documents of a lead, else only those found are of interest
 */
static void
add_postings(TreeSearch *tree, const Member *member, bool find)
{
	GvBm25Cursor *cursor = member->cursor;

	gv_bm25_cursor_seek(cursor, tree->start);
	while (cursor->block < cursor->n_blocks && cursor->first_doc < tree->end)
	{
		gv_bm25_cursor_load(cursor);
		for (uint32 i = 0; i < cursor->n && cursor->docs[i] < tree->end; i++)
		{
			uint32		doc = cursor->docs[i] - tree->start;

			if (cursor->docs[i] < tree->start)
				continue;
			if (find)
				tree->found[doc / 64] |= UINT64CONST(1) << doc % 64;
			else if (!is_found(tree, doc))
				continue;
			/* phrases are counted when all documents are found */
			if (!find || member->place < 0)
				count_posting(tree, member, doc, cursor->tfs[i]);
		}
		if (cursor->last_doc >= tree->end || !gv_bm25_cursor_next_block(cursor))
			break;
	}
}

/* Find the documents of the window that have a lead */
static void
find_documents(TreeSearch *tree)
{
	for (int i = 0; i < tree->weighed->n_leaves; i++)
		tree->leaves[i].is_counted = tree->leaves[i].is_lead && tree->leaves[i].rarest < 0;
	for (int i = 0; i < tree->n_members; i++)
	{
		Member	   *member = &tree->members[i];
		GvBm25Cursor *cursor = member->cursor;
		uint32		block;

		if (!member->is_lead)
			continue;
		gv_bm25_cursor_seek(cursor, tree->start);
		block = cursor->block;
		add_postings(tree, member, true);
		if (member->place >= 0 && block < cursor->n_blocks)
			gv_bm25_cursor_return(cursor, block);
	}
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

/* Can a document not be wanted, by the leaves that are counted and bounds of the others? */
static bool
is_document_hopeless(TreeSearch *tree, const float *tf, const float *factors)
{
	for (int i = 0; i < tree->weighed->n_leaves; i++)
	{
		const GvBm25Leaf *leaf = &tree->weighed->leaves[i];

		if (tree->leaves[i].is_counted)
			tree->leaves[i].bound = tf[i] <= 0 ? -1 : tree->leaves[i].rarest >= 0 ?
				leaf->weight : gv_bm25_score(leaf->weight, tf[i], factors[leaf->field]);
	}
	return is_hopeless(tree, false);
}

/* Leave out documents found that cannot be wanted, and count the others */
static void
drop_documents(TreeSearch *tree, GvBm25Mask *mask)
{
	bool		has_least = tree->search && gv_bm25_pruning &&
		gv_bm25_threshold(tree->search) > 0;

	tree->n_found = 0;
	for (uint32 doc = next_found(tree, 0); doc < tree->width; doc = next_found(tree, doc + 1))
	{
		bool		is_wanted = mask == NULL || gv_bm25_mask_has(mask, tree->start + doc);

		if (is_wanted && has_least)
		{
			float		factors[GV_BM25_FACTORS];

			factors_of(tree, doc, factors);
			is_wanted = !is_document_hopeless(tree,
											  &tree->tf[(Size) doc * tree->weighed->n_leaves],
											  factors);
		}
		if (is_wanted)
			tree->n_found++;
		else
			forget(tree, doc);
	}
}

/* Count a member that is no lead in the documents found */
static void
count_member(TreeSearch *tree, const Member *member)
{
	GvBm25Cursor *cursor = member->cursor;
	double		n_postings = (double) cursor->entry->df * tree->width /
		tree->segment->head.n_docs;

	if (n_postings < (double) tree->n_found * LOOKUP_POSTINGS)
	{
		add_postings(tree, member, false);
		return;
	}
	for (uint32 doc = next_found(tree, 0); doc < tree->width; doc = next_found(tree, doc + 1))
	{
		uint32		tf;

		if (member->place > 0 && tree->n_places[doc] != (uint8) member->place)
			continue;
		tf = gv_bm25_cursor_find(cursor, tree->start + doc);
		if (tf > 0)
			count_posting(tree, member, doc, tf);
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
	if (tree->weighed->leaves[leaf].is_excluded || tree->leaves[leaf].n_places == 0)
		return;
	for (uint32 doc = next_found(tree, 0); doc < tree->width; doc = next_found(tree, doc + 1))
	{
		if (tree->n_places[doc] == (uint8) tree->leaves[leaf].n_places)
			tree->tf[(Size) doc * tree->weighed->n_leaves + leaf] = 1;
	}
}

/* Count the leaves that are not counted yet in the documents found */
static void
count_leaves(TreeSearch *tree)
{
	for (int number = 0; number < tree->weighed->n_leaves; number++)
	{
		Leaf	   *leaf = &tree->leaves[number];

		if (leaf->is_counted)
			continue;
		if (leaf->rarest >= 0)
			memset(tree->n_places, 0, tree->width);
		for (int i = leaf->first; i < leaf->first + leaf->n_members; i++)
			count_member(tree, &tree->members[i]);
		if (leaf->rarest >= 0)
			end_phrase(tree, number);
		leaf->is_counted = true;
	}
}

/*
 * Find the next window with documents that may be wanted, and count their leaves;
 * false at the end.
 */
static bool
search_window(TreeSearch *tree, GvBm25Mask *mask)
{
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		renew_leads(tree);
		if (!begin_window(tree, mask))
			return false;
		if (!bound_window(tree))
			continue;
		find_documents(tree);
		if (next_found(tree, 0) == tree->width)
			continue;
		if (tree->search != NULL)
			read_lengths(tree);
		drop_documents(tree, mask);
		if (tree->n_found > 0)
			break;
	}
	count_leaves(tree);
	return true;
}

/* Count how often a document has a phrase, by its positions */
static float
count_phrase(TreeSearch *tree, int number, uint32 doc)
{
	const GvBm25Leaf *weighed = &tree->weighed->leaves[number];
	const Leaf *leaf = &tree->leaves[number];
	int			n_places = 0;

	tree->occurrences.n = 0;
	for (int i = leaf->first; i < leaf->first + leaf->n_members; i++)
	{
		Member	   *member = &tree->members[i];
		const uint32 *positions;
		uint32		n;

		/* members are in the order of places */
		if (member->place > n_places)
			return 0;
		if (member->positions == NULL)
			member->positions = gv_bm25_positions_cursor(tree->segment, member->cursor->entry);
		n = gv_bm25_positions_find(member->positions, doc, &positions);
		if (n == 0)
			continue;
		gv_bm25_occurrences_add(&tree->occurrences, positions, n, weighed->offset[member->place],
								member->place);
		n_places = member->place + 1;
	}
	if (n_places < weighed->n_places || n_places == 0)
		return 0;
	return gv_bm25_occurrences_count(&tree->occurrences, n_places, weighed->node->slop);
}

/* Count how often a document has the phrases whose words it has */
static void
count_phrases(TreeSearch *tree, uint32 doc, float *tf)
{
	for (int i = 0; i < tree->weighed->n_leaves; i++)
	{
		const GvBm25Leaf *leaf = &tree->weighed->leaves[i];

		if (leaf->node->kind == GV_BM25_PHRASE && (leaf->is_excluded || tf[i] > 0))
			tf[i] = count_phrase(tree, i, tree->start + doc);
	}
}

/* Does a document match, all of whose leaves are counted but phrases? */
static bool
score_document(TreeSearch *tree, uint32 doc, float *tf, float *score)
{
	const GvBm25Weighed *weighed = tree->weighed;
	const GvBm25Search *search = tree->search;
	float		factors[GV_BM25_FACTORS];
	ItemPointerData tid;

	factors_of(tree, doc, factors);
	if (!gv_bm25_evaluate(weighed, tf, factors, score))
		return false;
	if (!tree->knows_phrases && (!weighed->tree->needs_positions || search->read_row == NULL))
		return true;
	if (gv_bm25_pruning && is_document_hopeless(tree, tf, factors))
		return false;
	if (tree->segment->entry.n_dead > 0 && gv_bm25_is_dead(tree->segment, tree->start + doc))
		return false;
	if (tree->knows_phrases)
	{
		count_phrases(tree, doc, tf);
		return gv_bm25_evaluate(weighed, tf, factors, score);
	}
	tid = gv_bm25_tid_of(tree->segment, tree->start + doc);
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
	TreeSearch *tree = begin_tree(search->reader, which, search->weighed, search);

	while (search_window(tree, gv_bm25_mask_of(search, which)))
	{
		for (uint32 doc = next_found(tree, 0); doc < tree->width; doc = next_found(tree, doc))
		{
			float		score;

			if (score_document(tree, doc, &tree->tf[(Size) doc * search->weighed->n_leaves],
							   &score))
				gv_bm25_consider(search, which, tree->start + doc, score);
			forget(tree, doc);
		}
	}
	end_tree(tree);
}

/*
 * gv_bm25_match_segment
 *		Return a bit for each document of a segment that may match, the lowest of a
 *		byte first.  Phrases are taken for their words, if the index has no positions.
 */
uint8 *
gv_bm25_match_segment(GvBm25Reader *reader, int which, const GvBm25Weighed *weighed)
{
	TreeSearch *tree = begin_tree(reader, which, weighed, NULL);
	uint8	   *bits = MemoryContextAllocExtended(CurrentMemoryContext,
												  ((Size) tree->segment->head.n_docs + 7) / 8,
												  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	while (search_window(tree, NULL))
	{
		for (uint32 doc = next_found(tree, 0); doc < tree->width; doc = next_found(tree, doc))
		{
			uint32		number = tree->start + doc;
			float	   *tf = &tree->tf[(Size) doc * weighed->n_leaves];

			if (tree->knows_phrases)
				count_phrases(tree, doc, tf);
			if (gv_bm25_matches(weighed, tf))
				bits[number / 8] |= 1 << number % 8;
			forget(tree, doc);
		}
	}
	end_tree(tree);
	return bits;
}
