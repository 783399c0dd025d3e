/*-------------------------------------------------------------------------
 *
 * weigh.c
 *		A query with the weights that an index gives its parts; scores of
 *		documents.
 *
 * The formula is that of Lucene's BM25Similarity, version 8 and later, in float32:
 *
 *		idf = ln(1 + (N - df + 0.5) / (df + 0.5))
 *		score = w - w / (1 + tf / (k1 * (1 - b + b * length / average length)))
 *
 * with w = boost * idf.  N, df and the average length are those of all documents
 * in the index, dead ones included until they are merged away.  Of a word in a
 * field all of these are the field's, N and the average length those of documents
 * that have a lexeme there, so its score is that of an index of the field alone.
 * A prefix or fuzzy
 * word is a term with the lexemes' tf summed up and the largest df of them; a
 * phrase one with the sum of its words' idf.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "bm25/options.h"
#include "bm25/weigh.h"

/* Count the parts of a tree that have none themselves */
static int
count_leaves(const GvBm25Node *node)
{
	int			n = 0;

	if (node->kind != GV_BM25_GROUP)
		return 1;
	check_stack_depth();
	for (int i = 0; i < node->n_children; i++)
		n += count_leaves(node->children[i]);
	return n;
}

static bool
test_fuzzy(void *arg, const char *lexeme, uint32 len)
{
	return gv_bm25_fuzzy_match(arg, lexeme, len);
}

/* Make an array of a list of numbers */
static int *
number_array(List *numbers, int *n)
{
	int		   *result = palloc(Max(list_length(numbers), 1) * sizeof(int));
	ListCell   *cell;

	*n = 0;
	foreach(cell, numbers)
		result[(*n)++] = lfirst_int(cell);
	return result;
}

/* The lexemes that begin so, or that pass a test, in all readers */
static int *
expand(GvBm25Weighed *weighed, GvBm25Reader **readers, int n_readers, const char *prefix,
	   uint32 len, const GvBm25Node *fuzzy, int *n)
{
	List	   *found = NIL;

	for (int i = 0; i < n_readers; i++)
		gv_bm25_reader_expand(readers[i], prefix, len, fuzzy ? test_fuzzy : NULL,
							  (void *) fuzzy, &weighed->lexemes, &found);
	return number_array(found, n);
}

/* The lexemes of a phrase, place by place */
static void
collect_phrase(GvBm25Weighed *weighed, GvBm25Reader **readers, int n_readers, GvBm25Leaf *leaf)
{
	const GvBm25Node *node = leaf->node;

	leaf->n_place = palloc(Max(node->n_terms, 1) * sizeof(int));
	leaf->place = palloc(Max(node->n_terms, 1) * sizeof(int *));
	leaf->offset = palloc(Max(node->n_terms, 1) * sizeof(uint32));
	for (int i = 0; i < node->n_terms;)
	{
		List	   *found = NIL;
		uint32		offset = node->terms[i].offset;

		for (; i < node->n_terms && node->terms[i].offset == offset; i++)
		{
			const GvBm25PhraseTerm *term = &node->terms[i];

			if (!term->partial)
			{
				found = list_append_unique_int(found,
											   gv_bm25_lexemes_add(&weighed->lexemes,
																   term->lexeme, term->len));
				continue;
			}
			for (int j = 0; j < n_readers; j++)
				gv_bm25_reader_expand(readers[j], term->lexeme, term->len, NULL, NULL,
									  &weighed->lexemes, &found);
		}
		leaf->offset[leaf->n_places] = offset;
		leaf->place[leaf->n_places] = number_array(found, &leaf->n_place[leaf->n_places]);
		leaf->n_places++;
	}
}

/* Make the leaves of a tree, in its order */
static void
collect_leaves(GvBm25Weighed *weighed, GvBm25Reader **readers, int n_readers,
			   const GvBm25Node *node, bool is_excluded)
{
	GvBm25Leaf *leaf;

	is_excluded ^= node->occur == GV_BM25_EXCLUDED;
	if (node->kind == GV_BM25_GROUP)
	{
		for (int i = 0; i < node->n_children; i++)
			collect_leaves(weighed, readers, n_readers, node->children[i], is_excluded);
		return;
	}
	leaf = &weighed->leaves[weighed->n_leaves++];
	memset(leaf, 0, sizeof(*leaf));
	leaf->node = node;
	leaf->field = node->field;
	if (leaf->field > 0)
	{
		weighed->uses_fields = true;
		weighed->field[leaf->field - 1].is_used = true;
	}
	leaf->is_excluded = is_excluded;
	switch (node->kind)
	{
		case GV_BM25_TERM:
			leaf->n_lexemes = 1;
			leaf->lexemes = palloc(sizeof(int));
			leaf->lexemes[0] = gv_bm25_lexemes_add(&weighed->lexemes, node->lexeme, node->len);
			break;
		case GV_BM25_PREFIX:
			leaf->lexemes = expand(weighed, readers, n_readers, node->lexeme, node->len, NULL,
								   &leaf->n_lexemes);
			break;
		case GV_BM25_FUZZY:
			leaf->lexemes = expand(weighed, readers, n_readers, node->lexeme,
								   node->field > 0 ? 1 : 0, node, &leaf->n_lexemes);
			break;
		case GV_BM25_PHRASE:
			collect_phrase(weighed, readers, n_readers, leaf);
			break;
		case GV_BM25_GROUP:
			break;
	}
}

/* The idf of lexemes, all of one field or none, that are counted as one */
static float
idf_of(const GvBm25Weighed *weighed, int field, const int *lexemes, int n)
{
	uint64		n_docs = field > 0 ? weighed->field[field - 1].n_docs : weighed->n_docs;
	uint64		df = 0;

	for (int i = 0; i < n; i++)
		df = Max(df, weighed->lexemes.lexeme[lexemes[i]].df);
	/* a reader may have counted before a merge, another after it */
	df = Min(df, n_docs);
	return (float) log(1.0 + ((double) (n_docs - df) + 0.5) / ((double) df + 0.5));
}

static int
compare_leaves(const void *a, const void *b)
{
	const GvBm25Leaf *x = a;
	const GvBm25Leaf *y = b;
	int			result;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	result = memcmp(x->node->lexeme, y->node->lexeme, Min(x->node->len, y->node->len));
	if (result != 0)
		return result;
	return x->node->len < y->node->len ? -1 : x->node->len > y->node->len;
}

/* Begin with the lexemes of a tree; see gv_bm25_weigh */
static GvBm25Weighed *
begin_weighing(GvBm25Reader **readers, int n_readers, GvBm25QueryTree *tree)
{
	GvBm25Weighed *weighed = palloc0(sizeof(GvBm25Weighed));

	weighed->tree = tree;
	weighed->leaves = palloc(Max(count_leaves(tree->root), 1) * sizeof(GvBm25Leaf));
	gv_bm25_lexemes_init(&weighed->lexemes);
	collect_leaves(weighed, readers, n_readers, tree->root, false);
	return weighed;
}

/* The factors of term frequencies by norm, for an average length */
static const float *
make_factors(const GvBm25Weighed *weighed, float average_length)
{
	float	   *factors = palloc(256 * sizeof(float));

	for (int i = 0; i < 256; i++)
		factors[i] = gv_bm25_length_factor_of(weighed, (float) gv_bm25_length_of_norm(i),
											  average_length);
	return factors;
}

/* Compute weights, and factors of term frequencies, of what was counted */
static void
finish_weighing(GvBm25Weighed *weighed)
{
	for (int i = 0; weighed->uses_fields && i < GV_BM25_MAX_FIELDS; i++)
		weighed->field[i].factor = weighed->field[i].is_used ?
			make_factors(weighed, weighed->field[i].average_length) : NULL;
	for (int i = 0; i < 256; i++)
		weighed->factor[i] = gv_bm25_length_factor(weighed,
												   (float) gv_bm25_length_of_norm(i));
	for (int i = 0; i < weighed->n_leaves; i++)
	{
		GvBm25Leaf *leaf = &weighed->leaves[i];

		if (leaf->node->kind == GV_BM25_PHRASE)
		{
			leaf->idf = 0;
			for (int j = 0; j < leaf->n_places; j++)
				leaf->idf += idf_of(weighed, leaf->field, leaf->place[j], leaf->n_place[j]);
		}
		else
			leaf->idf = idf_of(weighed, leaf->field, leaf->lexemes, leaf->n_lexemes);
		leaf->weight = leaf->node->weight * leaf->idf;
	}
	if (weighed->tree->is_flat)
		qsort(weighed->leaves, weighed->n_leaves, sizeof(GvBm25Leaf), compare_leaves);
}

static float
average_of(uint64 total_length, uint64 n_docs)
{
	return n_docs > 0 ? (float) ((double) total_length / (double) n_docs) : 1.0f;
}

/*
 * gv_bm25_weigh
 *		Find out what the words of a query are worth, in the current memory
 *		context.
 *
 * readers: refreshed; all that is to be counted together.  With none of them the
 *		result says only what matches
 * tree: of the query; lives as long as the result
 * options_of: the index whose k1 and b count, or NULL
 */
GvBm25Weighed *
gv_bm25_weigh(GvBm25Reader **readers, int n_readers, GvBm25QueryTree *tree, Relation options_of)
{
	const GvBm25Options *options = options_of ? (GvBm25Options *) options_of->rd_options : NULL;
	GvBm25Weighed *weighed = begin_weighing(readers, n_readers, tree);
	uint64		total_length = 0;
	uint64		field_length[GV_BM25_MAX_FIELDS] = {0};

	for (int i = 0; i < n_readers; i++)
	{
		gv_bm25_reader_find(readers[i], &weighed->lexemes, true);
		weighed->n_docs += readers[i]->n_docs;
		total_length += readers[i]->total_length;
		for (int j = 0; j < GV_BM25_MAX_FIELDS; j++)
		{
			weighed->field[j].n_docs += readers[i]->field_docs[j];
			field_length[j] += readers[i]->field_length[j];
		}
		weighed->exact = (readers[i]->index.meta.flags & GV_BM25_FLAG_EXACT_LENGTH) != 0;
	}
	weighed->k1 = (float) gv_bm25_options_k1(options);
	weighed->b = (float) gv_bm25_options_b(options);
	weighed->average_length = average_of(total_length, weighed->n_docs);
	for (int i = 0; i < GV_BM25_MAX_FIELDS; i++)
		weighed->field[i].average_length = average_of(field_length[i], weighed->field[i].n_docs);
	finish_weighing(weighed);
	return weighed;
}

/*
 * gv_bm25_weigh_counted
 *		The same with what was counted before, for the same query.
 */
GvBm25Weighed *
gv_bm25_weigh_counted(GvBm25QueryTree *tree, const GvBm25Counts *counts)
{
	GvBm25Weighed *weighed = begin_weighing(NULL, 0, tree);

	if (weighed->lexemes.n != counts->n)
		elog(ERROR, "query has %d lexemes, of which %d were counted", weighed->lexemes.n,
			 counts->n);
	for (int i = 0; i < counts->n; i++)
		weighed->lexemes.lexeme[i].df = counts->df[i];
	weighed->n_docs = counts->n_docs;
	weighed->average_length = counts->average_length;
	memcpy(weighed->field, counts->field, sizeof(weighed->field));
	weighed->exact = counts->exact;
	weighed->k1 = counts->k1;
	weighed->b = counts->b;
	finish_weighing(weighed);
	return weighed;
}

/*
 * gv_bm25_has_expansion
 *		Does a part of a query stand for lexemes that only an index can tell?
 */
bool
gv_bm25_has_expansion(const GvBm25Node *node)
{
	bool		result = node->kind == GV_BM25_PREFIX || node->kind == GV_BM25_FUZZY;

	check_stack_depth();
	for (int i = 0; i < node->n_terms; i++)
		result |= node->terms[i].partial;
	for (int i = 0; i < node->n_children; i++)
		result |= gv_bm25_has_expansion(node->children[i]);
	return result;
}

/*
 * gv_bm25_knows_phrases
 *		Can an index tell by itself which documents have the phrases of a query?
 */
bool
gv_bm25_knows_phrases(const GvBm25Index *index, const GvBm25Weighed *weighed)
{
	bool		result = gv_bm25_has_positions(index);

	for (int i = 0; i < weighed->n_leaves; i++)
		result &= weighed->leaves[i].n_places <= GV_BM25_MAX_PLACES;
	return result;
}

/*
 * gv_bm25_factor
 *		The factor of term frequencies in a document of some length, as an index
 *		keeps it.
 */
float
gv_bm25_factor(const GvBm25Weighed *weighed, uint32 length)
{
	if (weighed->exact)
		return gv_bm25_length_factor(weighed, (float) length);
	return weighed->factor[gv_bm25_norm_of_length(length)];
}

/*
 * gv_bm25_field_factor
 *		The same of a field, from 1, that a leaf asks for.
 */
float
gv_bm25_field_factor(const GvBm25Weighed *weighed, int field, uint32 length)
{
	const GvBm25FieldLengths *lengths = &weighed->field[field - 1];

	if (weighed->exact)
		return gv_bm25_length_factor_of(weighed, (float) length, lengths->average_length);
	return lengths->factor[gv_bm25_norm_of_length(length)];
}

/*
 * gv_bm25_factors
 *		The factors of term frequencies in a document.
 *
 * factors: float[GV_BM25_FACTORS], written as far as they are needed
 */
void
gv_bm25_factors(const GvBm25Weighed *weighed, const GvBm25Document *document, float *factors)
{
	factors[0] = gv_bm25_factor(weighed, document->length);
	for (int field = 1; weighed->uses_fields && field <= GV_BM25_MAX_FIELDS; field++)
	{
		if (weighed->field[field - 1].is_used)
			factors[field] = gv_bm25_field_factor(weighed, field,
												  document->field_length[field - 1]);
	}
}

/* Evaluate a part of the tree; *leaf: number of its first leaf, set past its last */
static bool
evaluate_node(const GvBm25Weighed *weighed, const GvBm25Node *node, int *leaf, const float *tf,
			  const float *factors, float *score)
{
	int			n_matches = 0;
	int			n_optional = 0;
	bool		matches = true;

	*score = 0;
	if (node->kind != GV_BM25_GROUP)
	{
		int			i = (*leaf)++;

		if (tf[i] <= 0)
			return false;
		*score = gv_bm25_score(weighed->leaves[i].weight, tf[i],
							   factors[weighed->leaves[i].field]);
		return true;
	}
	for (int i = 0; i < node->n_children; i++)
	{
		const GvBm25Node *child = node->children[i];
		float		part;
		bool		found = evaluate_node(weighed, child, leaf, tf, factors, &part);

		if (child->occur == GV_BM25_EXCLUDED)
		{
			matches &= !found;
			continue;
		}
		if (child->occur == GV_BM25_REQUIRED)
			matches &= found;
		else
			n_optional += found;
		n_matches += found;
		if (found)
			*score += part;
	}
	return matches && n_matches > 0 && n_optional >= node->min_match;
}

/*
 * gv_bm25_evaluate
 *		Does a document match, and what is its score?
 *
 * tf: float[n_leaves], how often it has each leaf
 * factors: see gv_bm25_factors; if no leaf asks for a field, the first one counts only
 */
bool
gv_bm25_evaluate(const GvBm25Weighed *weighed, const float *tf, const float *factors,
				 float *score)
{
	int			leaf = 0;

	if (!weighed->tree->is_flat)
		return evaluate_node(weighed, weighed->tree->root, &leaf, tf, factors, score);

	*score = 0;
	for (int i = 0; i < weighed->n_leaves; i++)
	{
		if (tf[i] > 0)
		{
			*score += gv_bm25_score(weighed->leaves[i].weight, tf[i],
									factors[weighed->tree->field]);
			leaf++;
		}
	}
	return leaf > 0;
}

/*
 * gv_bm25_matches
 *		Does a document match, whatever its score?
 */
bool
gv_bm25_matches(const GvBm25Weighed *weighed, const float *tf)
{
	static const float factors[GV_BM25_FACTORS];
	float		score;

	return gv_bm25_evaluate(weighed, tf, factors, &score);
}

/*
 * gv_bm25_count_leaves
 *		Count how often a document has each leaf.
 *
 * document: with positions if the tree needs them
 * tf: float[n_leaves], written
 */
void
gv_bm25_count_leaves(const GvBm25Weighed *weighed, const GvBm25Document *document, float *tf)
{
	for (int i = 0; i < weighed->n_leaves; i++)
	{
		const GvBm25Node *node = weighed->leaves[i].node;

		tf[i] = 0;
		if (node->kind == GV_BM25_PHRASE)
		{
			tf[i] = gv_bm25_phrase_frequency(node, document);
			continue;
		}
		for (int j = 0; j < document->n_terms; j++)
		{
			const GvBm25Term *term = &document->terms[j];
			bool		found;

			if (node->kind == GV_BM25_TERM)
				found = term->hash == node->hash && term->len == node->len &&
					memcmp(term->lexeme, node->lexeme, node->len) == 0;
			else if (node->kind == GV_BM25_PREFIX)
				found = term->len >= node->len &&
					memcmp(term->lexeme, node->lexeme, node->len) == 0;
			else
				found = gv_bm25_fuzzy_match(node, term->lexeme, term->len);
			if (found)
				tf[i] += (float) term->tf;
		}
	}
}
