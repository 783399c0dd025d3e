/*-------------------------------------------------------------------------
 *
 * reader.h
 *		All that an index holds, open for a query.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_READER_H
#define GV_BM25_READER_H

#include "postgres.h"

#include "bm25/lexemes.h"
#include "bm25/segment.h"

/* Lexemes that a prefix, or a misspelled word, may stand for */
#define GV_BM25_MAX_EXPANSION 10000

/* An open index with its segments */
typedef struct GvBm25Reader
{
	GvBm25Index index;
	MemoryContext context;		/* of the following, freed by a refresh */
	int			n_segments;
	GvBm25Segment *segments;	/* GvBm25Segment[n_segments] */
	GvBm25TermEntry **entries;	/* GvBm25TermEntry[n_lexemes] of each; df 0: it is
								 * not there */
	uint64		n_docs;			/* in segments and lanes, the dead included */
	uint64		total_length;
	uint64		field_docs[GV_BM25_MAX_FIELDS]; /* that have a lexeme in a field */
	uint64		field_length[GV_BM25_MAX_FIELDS];
} GvBm25Reader;

/* Is a lexeme wanted? */
typedef bool (*GvBm25LexemeTest) (void *arg, const char *lexeme, uint32 len);

extern GvBm25Reader *gv_bm25_reader_open(Relation rel);
extern void gv_bm25_reader_refresh(GvBm25Reader *reader);
extern void gv_bm25_reader_expand(GvBm25Reader *reader, const char *prefix, uint32 len,
								  GvBm25LexemeTest test, void *arg, GvBm25Lexemes *lexemes,
								  List **found);
extern void gv_bm25_reader_find(GvBm25Reader *reader, GvBm25Lexemes *lexemes, bool count);

#endif							/* GV_BM25_READER_H */
