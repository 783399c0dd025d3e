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
	int			field;			/* that it must stand in, from 1; 0: any */
	bool		is_excluded;	/* below an odd number of excluded parts */
	int			n_lexemes;		/* that it stands for; of a phrase: 0 */
	int		   *lexemes;		/* int[n_lexemes]: numbers in GvBm25Weighed.lexemes */

	/* of a phrase, place by place */
	int			n_places;
	int		   *n_place;		/* int[n_places]: lexemes of each place */
	int		  **place;			/* int *[n_places] */
	uint32	   *offset;			/* uint32[n_places]: positions after the first place */
} GvBm25Leaf;

/* Most places of a phrase that an index answers by its positions */
#define GV_BM25_MAX_PLACES 255

/* A word of a phrase where a document has it */
typedef struct GvBm25Occurrence
{
	int64		start;			/* where the phrase would begin, if it is in place */
	uint32		position;
	int			place;			/* of the phrase, from 0 */
} GvBm25Occurrence;

typedef struct GvBm25Occurrences
{
	Size		n;
	Size		size;
	GvBm25Occurrence *occurrence;
} GvBm25Occurrences;

/* What is known of a field */
typedef struct GvBm25FieldLengths
{
	bool		is_used;		/* by a leaf */
	uint64		n_docs;			/* documents that have a lexeme there */
	float		average_length; /* of the field in these */
	const float *factor;		/* float[256], by the field's norm; NULL if not used */
} GvBm25FieldLengths;

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
	bool		uses_fields;	/* of these: */
	GvBm25FieldLengths field[GV_BM25_MAX_FIELDS];
} GvBm25Weighed;

/* What was counted for a query whose lexemes are all given in its tree */
typedef struct GvBm25Counts
{
	uint64		n_docs;
	float		average_length;
	GvBm25FieldLengths field[GV_BM25_MAX_FIELDS];
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

/* The same by the length of a field and the average of it */
static inline float
gv_bm25_length_factor_of(const GvBm25Weighed *weighed, float length, float average_length)
{
	return 1.0f / (weighed->k1 * ((1.0f - weighed->b) + weighed->b * length / average_length));
}

/* The factors of a leaf's term frequencies, by norm */
static inline const float *
gv_bm25_factors_of_leaf(const GvBm25Weighed *weighed, const GvBm25Leaf *leaf)
{
	return leaf->field > 0 ? weighed->field[leaf->field - 1].factor : weighed->factor;
}

/* The same of a flat query, whose leaves are of one field or of none */
static inline const float *
gv_bm25_flat_factors(const GvBm25Weighed *weighed)
{
	int			field = weighed->tree->field;

	return field > 0 ? weighed->field[field - 1].factor : weighed->factor;
}

static inline float
gv_bm25_flat_length_factor(const GvBm25Weighed *weighed, uint32 length)
{
	int			field = weighed->tree->field;

	return gv_bm25_length_factor_of(weighed, (float) length,
									field > 0 ? weighed->field[field - 1].average_length :
									weighed->average_length);
}

/* By a document's length: the factor of its term frequencies */
static inline float
gv_bm25_length_factor(const GvBm25Weighed *weighed, float length)
{
	return gv_bm25_length_factor_of(weighed, length, weighed->average_length);
}

/* Factors of a document's term frequencies: of all, then by field */
#define GV_BM25_FACTORS (1 + GV_BM25_MAX_FIELDS)

extern GvBm25Weighed *gv_bm25_weigh(GvBm25Reader **readers, int n_readers,
									GvBm25QueryTree *tree, Relation options_of);
extern GvBm25Weighed *gv_bm25_weigh_counted(GvBm25QueryTree *tree, const GvBm25Counts *counts);
extern bool gv_bm25_has_expansion(const GvBm25Node *node);
extern float gv_bm25_factor(const GvBm25Weighed *weighed, uint32 length);
extern float gv_bm25_field_factor(const GvBm25Weighed *weighed, int field, uint32 length);
extern void gv_bm25_factors(const GvBm25Weighed *weighed, const GvBm25Document *document,
							float *factors);
extern bool gv_bm25_evaluate(const GvBm25Weighed *weighed, const float *tf, const float *factors,
							 float *score);
extern bool gv_bm25_matches(const GvBm25Weighed *weighed, const float *tf);
extern void gv_bm25_count_leaves(const GvBm25Weighed *weighed, const GvBm25Document *document,
								 float *tf);
extern bool gv_bm25_fuzzy_match(const GvBm25Node *node, const char *lexeme, uint32 len);
extern bool gv_bm25_knows_phrases(const GvBm25Index *index, const GvBm25Weighed *weighed);
extern void gv_bm25_occurrences_add(GvBm25Occurrences *all, const uint32 *positions, uint32 n,
									uint32 offset, int place);
extern float gv_bm25_occurrences_count(GvBm25Occurrences *all, int n_places, int slop);
extern float gv_bm25_phrase_frequency(const GvBm25Node *node, const GvBm25Document *document);

#endif							/* GV_BM25_WEIGH_H */
