/*-------------------------------------------------------------------------
 *
 * words.h
 *		What words of texts became, kept for the next time they come.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_WORDS_H
#define GV_BM25_WORDS_H

#include "postgres.h"

/* Longer words are not kept */
#define GV_BM25_MAX_KEPT_WORD 64

/* A lexeme that a word became */
typedef struct GvBm25WordLexeme
{
	const char *lexeme;
	uint32		len;
	bool		partial;
	uint32		advance;		/* positions after the lexeme before; of a word's
								 * first lexeme 1 or more */
	uint64		hash;
} GvBm25WordLexeme;

/* What a word became */
typedef struct GvBm25Word
{
	uint32		hash;
	int			type;			/* of token, by the parser */
	uint32		len;
	int			n_lexemes;
	uint32		advance;		/* positions that the word takes; 0: no word */
	GvBm25WordLexeme *lexemes;
	char		word[FLEXIBLE_ARRAY_MEMBER];
} GvBm25Word;

/* A token of the parser */
typedef struct GvBm25RawToken
{
	int			type;
	int			len;
	char	   *word;
} GvBm25RawToken;

/* Words seen before */
typedef struct GvBm25Words
{
	MemoryContext context;
	uint64		generation;		/* of text search objects when it was begun */
	GvBm25Word **slot;			/* GvBm25Word *[n_slots] or NULL; by hash */
	uint32		n_slots;		/* a power of two, more than twice n_words */
	uint32		n_words;
	Size		n_bytes;
} GvBm25Words;

extern void gv_bm25_words_init(GvBm25Words *words, MemoryContext parent);
extern void gv_bm25_words_begin(GvBm25Words *words);
extern GvBm25Word **gv_bm25_words_find(GvBm25Words *words, const GvBm25RawToken *token,
									   uint32 hash);
extern void gv_bm25_words_keep(GvBm25Words *words, const GvBm25RawToken *token,
							   const GvBm25Word *word, uint32 hash);

#endif							/* GV_BM25_WORDS_H */
