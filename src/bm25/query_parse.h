/*-------------------------------------------------------------------------
 *
 * query_parse.h
 *		The query language, before words become lexemes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_QUERY_PARSE_H
#define GV_BM25_QUERY_PARSE_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "bm25/query.h"

typedef enum GvBm25ClauseKind
{
	GV_BM25_CLAUSE_TEXT,		/* words without operators */
	GV_BM25_CLAUSE_PREFIX,		/* word* */
	GV_BM25_CLAUSE_FUZZY,		/* word~1 */
	GV_BM25_CLAUSE_PHRASE,		/* "words"~2 */
	GV_BM25_CLAUSE_GROUP		/* (clauses)~2 */
} GvBm25ClauseKind;

typedef struct GvBm25Clause
{
	GvBm25ClauseKind kind;
	GvBm25Occur occur;
	float		boost;
	int			number;			/* edits, slop or minimum match; 0: none given */
	int			field;			/* that it must stand in, from 1; 0: any */
	bool		is_named;		/* the field's name stands before it */
	const char *text;			/* of all but groups; in the query's text */
	Size		len;
	List	   *clauses;		/* of GvBm25Clause; of a group */
} GvBm25Clause;

extern GvBm25Clause *gv_bm25_query_parse(const char *text, Size length,
										 const GvBm25Fields *fields, bool strict);

#endif							/* GV_BM25_QUERY_PARSE_H */
