/*-------------------------------------------------------------------------
 *
 * weigh.h
 *		A query with the weights that an index gives its parts; scores of
 *		documents.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_WEIGH_H
#define GV_BM25_WEIGH_H

#include "postgres.h"

#include "bm25/query.h"
#include "bm25/reader.h"

/* A part of a query that has no parts: a term, prefix, fuzzy word or phrase */
typedef struct GvBm25Leaf
{
	const GvBm25Node *node;
	float		weight;			/* boost * idf: what its score stays below */
	float		idf;
	bool		is_excluded;	/* below an odd number of excluded parts */
	int			n_lexemes;		/* that it stands for; of a phrase: 0 */
	int		   *lexemes;		/* int[n_lexemes]: numbers in GvBm25Weighed.lexemes */

	/* of a phrase, place by place */
	int			n_places;
	int		   *n_place;		/* int[n_places]: lexemes of each place */
	int		  **place;			/* int *[n_places] */
} GvBm25Leaf;

/* A query for an index, with weights */
typedef struct GvBm25Weighed
{
	GvBm25QueryTree *tree;
	GvBm25Lexemes lexemes;
	int			n_leaves;
	GvBm25Leaf *leaves;			/* in the order of the tree; if it is flat, by weight,
								 * the largest first */
	bool		exact;			/* lengths are */
	float		k1;
	float		b;
	float		average_length;
	uint64		n_docs;
	float		factor[256];	/* by norm, of the term frequency */
} GvBm25Weighed;

/* What was counted for a query whose lexemes are all given in its tree */
typedef struct GvBm25Counts
{
	uint64		n_docs;
	float		average_length;
	bool		exact;
	float		k1;
	float		b;
	int			n;
	uint64	   *df;				/* uint64[n], in the order of the tree's lexemes */
} GvBm25Counts;

/* Part of the score that a leaf adds */
static inline float
gv_bm25_score(float weight, float tf, float factor)
{
	return weight - weight / (1.0f + tf * factor);
}

/* By a document's length: the factor of its term frequencies */
static inline float
gv_bm25_length_factor(const GvBm25Weighed *weighed, float length)
{
	return 1.0f / (weighed->k1 * ((1.0f - weighed->b) +
								  weighed->b * length / weighed->average_length));
}

extern GvBm25Weighed *gv_bm25_weigh(GvBm25Reader **readers, int n_readers,
									GvBm25QueryTree *tree, Relation options_of);
extern GvBm25Weighed *gv_bm25_weigh_counted(GvBm25QueryTree *tree, const GvBm25Counts *counts);
extern bool gv_bm25_has_expansion(const GvBm25Node *node);
extern float gv_bm25_factor(const GvBm25Weighed *weighed, uint32 length);
extern bool gv_bm25_evaluate(const GvBm25Weighed *weighed, const float *tf, float factor,
							 float *score);
extern void gv_bm25_count_leaves(const GvBm25Weighed *weighed, const GvBm25Document *document,
								 float *tf);
extern bool gv_bm25_fuzzy_match(const GvBm25Node *node, const char *lexeme, uint32 len);
extern float gv_bm25_phrase_frequency(const GvBm25Node *node, const GvBm25Document *document);

#endif							/* GV_BM25_WEIGH_H */
