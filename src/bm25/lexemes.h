/*-------------------------------------------------------------------------
 *
 * lexemes.h
 *		The lexemes of a query, and which of them rows of lanes have.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_LEXEMES_H
#define GV_BM25_LEXEMES_H

#include "postgres.h"

#include "bm25/delta.h"

/* A lexeme of a query */
typedef struct GvBm25Lexeme
{
	const char *lexeme;
	uint32		len;
	uint32		hash;			/* the lower half of gv_bm25_hash_lexeme */
	uint64		df;				/* in all that was read, the dead included */
} GvBm25Lexeme;

/* Lexemes, all different */
typedef struct GvBm25Lexemes
{
	MemoryContext context;		/* of what follows */
	int			n;
	int			size;
	GvBm25Lexeme *lexeme;
	int		   *table;			/* int[2 * size]: which; -1: none */
} GvBm25Lexemes;

/* Looks for all lexemes of a query in one row after another */
typedef struct GvBm25Lookup
{
	const GvBm25Lexemes *lexemes;
	uint32		mask;			/* number of bits, less one */
	uint64	   *bits;			/* of the lower bits of the lexemes' hashes */

	/* what the row has */
	int			n_found;
	int		   *found;			/* int[n_found]: numbers of lexemes */
	GvBm25RowTerm *term;		/* GvBm25RowTerm[lexemes->n]; tf 0: it is not there */
} GvBm25Lookup;

extern void gv_bm25_lexemes_init(GvBm25Lexemes *lexemes);
extern int	gv_bm25_lexemes_add(GvBm25Lexemes *lexemes, const char *lexeme, uint32 len);
extern void gv_bm25_lookup_begin(GvBm25Lookup *lookup, const GvBm25Lexemes *lexemes);
extern int	gv_bm25_lookup_row(GvBm25Lookup *lookup, const GvBm25DeltaScan *scan);

#endif							/* GV_BM25_LEXEMES_H */
