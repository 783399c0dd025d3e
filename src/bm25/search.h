/*-------------------------------------------------------------------------
 *
 * search.h
 *		The best documents of an index for a query, and all that match.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_SEARCH_H
#define GV_BM25_SEARCH_H

#include "postgres.h"

#include "bm25/cursor.h"
#include "bm25/filter.h"

/* A document found; better is a larger score, or the same and a smaller tid */
typedef struct GvBm25Hit
{
	float		score;
	ItemPointerData tid;
	uint32		doc;
	int			segment;		/* of the reader, -1: a lane's */
} GvBm25Hit;

/* Counts how often a row has the phrases of a query; false if nobody sees the row */
typedef bool (*GvBm25RowReader) (void *arg, ItemPointer tid, float *tf);

/* Rows that may be returned */
typedef struct GvBm25Allowed
{
	GvBm25Mask *masks;			/* by segment */
	const GvAmFilter *filter;	/* that rows of lanes must pass; NULL: none */
	GvBm25Weighed **conditions; /* and conditions that they must meet */
	GvBm25Lookup *lookups;		/* GvBm25Lookup[n_conditions]: of their lexemes */
	int			n_conditions;
} GvBm25Allowed;

typedef struct GvBm25Search
{
	GvBm25Reader *reader;
	const GvBm25Weighed *weighed;
	const GvBm25Allowed *allowed;	/* NULL: all */
	GvBm25RowReader read_row;	/* for phrases; NULL: take all rows with their words */
	void	   *row_arg;

	uint64		k;				/* as many as are wanted */
	bool		has_bound;
	GvBm25Hit	bound;			/* only what is worse is wanted */

	uint64		n_hits;
	uint64		size;
	GvBm25Hit  *hits;			/* while searching a heap, the worst first */
} GvBm25Search;

extern void gv_bm25_search(GvBm25Search *search);
extern bool gv_bm25_allows_row(const GvBm25Allowed *allowed, const void *delta_scan);
extern uint8 *gv_bm25_match_segment(GvBm25Reader *reader, int which,
									const GvBm25Weighed *weighed);
extern void gv_bm25_search_tree(GvBm25Search *search, int which);
extern void gv_bm25_search_flat(GvBm25Search *search, int which);
extern void gv_bm25_search_best(GvBm25Search *search, int which, GvBm25Cursor *cursor);
extern void gv_bm25_compute_factors(const GvBm25Weighed *weighed, const GvBm25Segment *segment,
									const uint32 *docs, uint32 n, float *factors);
extern void gv_bm25_consider(GvBm25Search *search, int which, uint32 doc, float score);
extern bool gv_bm25_is_worse(const GvBm25Hit *a, const GvBm25Hit *b);

/* The mask of a segment; NULL: all documents may be returned */
static inline GvBm25Mask *
gv_bm25_mask_of(const GvBm25Search *search, int which)
{
	return search->allowed == NULL ? NULL : &search->allowed->masks[which];
}

/* The score below which nothing is wanted any more; -1 while all is */
static inline float
gv_bm25_threshold(const GvBm25Search *search)
{
	return search->n_hits < search->k ? -1.0f : search->hits[0].score;
}

#endif							/* GV_BM25_SEARCH_H */
