/*-------------------------------------------------------------------------
 *
 * query.h
 *		Queries: the type bm25query, and what one asks of an index.
 *
 * A value keeps what the user wrote, and the index if he named one.  What its
 * words become depends on the index's configuration, so gv_bm25_query_resolve
 * makes a tree of lexemes of it when a scan begins.
 *
 * The tree: a group matches a document if all its required children and none
 * of its excluded ones do, and at least min_match of the others.  A document's
 * score is the sum over the matching children that are not excluded, in the
 * order of the tree; an excluded child and its subtree score nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_QUERY_H
#define GV_BM25_QUERY_H

#include "postgres.h"

#include "fmgr.h"

#include "bm25/tokens.h"

/* Longest query, in bytes, and deepest nesting of its groups */
#define GV_BM25_MAX_QUERY (1024 * 1024)
#define GV_BM25_MAX_DEPTH 64

/* Limits of numbers in a query */
#define GV_BM25_MAX_SLOP 1000
#define GV_BM25_MAX_EDITS 2
#define GV_BM25_MAX_MIN_MATCH 10000
#define GV_BM25_MAX_BOOST 1e6

/* How the text of a value is to be read */
typedef enum GvBm25QuerySyntax
{
	GV_BM25_SYNTAX_WORDS,		/* the query language, see README.md */
	GV_BM25_SYNTAX_PLAIN,		/* words without operators */
	GV_BM25_SYNTAX_TSQUERY		/* the text form of a tsquery */
} GvBm25QuerySyntax;

/* Has the planner named the index, whose table the query reads? */
typedef enum GvBm25Bound
{
	GV_BM25_NOT_BOUND = 0,
	GV_BM25_BOUND = 1,
	GV_BM25_BOUND_OPEN = 2,		/* and another will count if the query names it; only in
								 * what gigavec.bm25_bind is given */
} GvBm25Bound;

/* A value of type bm25query */
typedef struct GvBm25QueryData
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	Oid			index;			/* InvalidOid if none is named */
	uint8		version;		/* GV_BM25_QUERY_VERSION */
	uint8		syntax;			/* GvBm25QuerySyntax */
	uint16		bound;			/* GvBm25Bound; no input function sets this */
	char		text[FLEXIBLE_ARRAY_MEMBER];	/* not zero-terminated */
} GvBm25QueryData;

typedef GvBm25QueryData *GvBm25Query;

#define GV_BM25_QUERY_VERSION 1

#define PG_GETARG_BM25QUERY(n) gv_bm25_query_from_datum(PG_GETARG_DATUM(n))

/* What a part of a query is */
typedef enum GvBm25NodeKind
{
	GV_BM25_TERM,				/* the documents with a lexeme */
	GV_BM25_PREFIX,				/* with a lexeme that begins so */
	GV_BM25_FUZZY,				/* with a lexeme at most so many edits away */
	GV_BM25_PHRASE,				/* with lexemes in this order */
	GV_BM25_GROUP				/* see above */
} GvBm25NodeKind;

/* What a part of a query does in its group */
typedef enum GvBm25Occur
{
	GV_BM25_OPTIONAL,
	GV_BM25_REQUIRED,
	GV_BM25_EXCLUDED
} GvBm25Occur;

/* A lexeme of a phrase */
typedef struct GvBm25PhraseTerm
{
	const char *lexeme;
	uint32		len;
	uint32		offset;			/* positions after the phrase's first; ascending.
								 * Where several share one, any of them will do */
	uint64		hash;
	bool		partial;		/* any lexeme that begins so */
} GvBm25PhraseTerm;

typedef struct GvBm25Node
{
	GvBm25NodeKind kind;
	GvBm25Occur occur;
	float		weight;			/* query term frequency times boosts, those of the
								 * groups around it included; > 0 */

	int			field;			/* that a leaf must stand in, from 1; 0: any.  Its lexemes
								 * begin with this number */

	/* TERM, PREFIX, FUZZY */
	const char *lexeme;			/* not zero-terminated */
	uint32		len;			/* bytes */
	uint64		hash;			/* gv_bm25_hash_lexeme; of TERM only */
	int			edits;			/* FUZZY: 1..GV_BM25_MAX_EDITS, in characters; an
								 * exchange of neighbors is one */

	/* PHRASE */
	int			n_terms;
	GvBm25PhraseTerm *terms;	/* GvBm25PhraseTerm[n_terms] */
	int			slop;			/* moves that bring the words in place; 0: exact */

	/* GROUP */
	int			n_children;
	struct GvBm25Node **children;	/* GvBm25Node *[n_children] */
	int			min_match;		/* of the optional children; 0 only beside a
								 * required one */
} GvBm25Node;

/* A query for one index */
typedef struct GvBm25QueryTree
{
	GvBm25Node *root;			/* a group; without children if no word is left,
								 * then nothing matches */
	bool		is_flat;		/* all children of root are optional terms, all
								 * different and of one field or none, and one is
								 * enough */
	int			field;			/* of a flat query: that all are of; 0: of none */
	bool		needs_positions;	/* there is a phrase */
} GvBm25QueryTree;

extern GvBm25Query gv_bm25_query_from_datum(Datum value);
extern Oid	gv_bm25_query_index(const char *name);
extern GvBm25Query gv_bm25_query_from_text(const char *text, Size length, Oid index);
extern GvBm25QueryTree *gv_bm25_query_resolve(GvBm25Query query, GvBm25Tokenizer *tokenizer);

#endif							/* GV_BM25_QUERY_H */
