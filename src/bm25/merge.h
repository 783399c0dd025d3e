/*-------------------------------------------------------------------------
 *
 * merge.h
 *		One segment out of several sources of lexemes and postings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_MERGE_H
#define GV_BM25_MERGE_H

#include "postgres.h"

#include "bm25/writer.h"

typedef struct GvBm25Source GvBm25Source;

/* Documents that are read at once */
#define GV_BM25_DOCUMENTS_AT_ONCE 128

/* Some documents of a source, in their order */
typedef struct GvBm25DocumentBlock
{
	ItemPointerData tids[GV_BM25_DOCUMENTS_AT_ONCE];	/* ascending */
	uint32		lengths[GV_BM25_DOCUMENTS_AT_ONCE]; /* 0: the row is gone, leave it out */
	char	   *filters;		/* char[GV_BM25_DOCUMENTS_AT_ONCE][packed size] */
} GvBm25DocumentBlock;

/* Documents, then lexemes in order, each with postings that name the source's own documents */
struct GvBm25Source
{
	/* write the next n documents, of which the first has the number given; all, before lexemes */
	void		(*read_documents) (GvBm25Source *source, uint32 first, uint32 n,
								   GvBm25DocumentBlock *block);

	/* go to the next lexeme; false at the end */
	bool		(*next) (GvBm25Source *source);

	/*
	 * write the next n postings of the lexeme, documents ascending: a block, or what is
	 * left of it; with positions these are appended, one posting's after another's
	 */
	void		(*read) (GvBm25Source *source, GvBm25Posting *postings, uint32 n,
						 GvBm25Bytes *positions);

	const char *lexeme;
	uint32		len;
	uint32		df;
	uint32		n_read;			/* of the lexeme's postings; all of them before the next */

	bool		has_positions;
	uint32		n_docs;
	uint64		total_length;	/* true when the documents were read */
	uint32		filters_size;	/* bytes of a document's packed words; 0: no filter columns */
	bool		counts_dead;	/* total_length counts documents of length 0, whose lengths
								 * nobody knows any more */
	uint64		n_kept;			/* occurrences of lexemes: in the new segment */
	uint64		n_dropped;		/* and in documents of length 0 */
	GvBm25Spill *map;			/* uint32[n_docs]: numbers in the new segment */
	bool		at_end;
};

/*
 * gv_bm25_source_next
 *		Go to the next lexeme; false at the end.
 */
static inline bool
gv_bm25_source_next(GvBm25Source *source)
{
	source->n_read = 0;
	return source->next(source);
}

/*
 * gv_bm25_source_read
 *		Read the next postings of the lexeme, as many as a block has, or are left.
 *
 * postings: GvBm25Posting[GV_BM25_BLOCK], written
 * positions: has theirs alone, if there are any
 *
 * Returns how many; 0 at the end.
 */
static inline uint32
gv_bm25_source_read(GvBm25Source *source, GvBm25Posting *postings, GvBm25Bytes *positions)
{
	uint32		n = Min(GV_BM25_BLOCK, source->df - source->n_read);

	positions->n = 0;
	if (n > 0)
		source->read(source, postings, n, positions);
	source->n_read += n;
	return n;
}

extern bool gv_bm25_merge_sources(GvBm25Index *index, GvBm25Source **sources, int n_sources,
								  GvBm25Space *space, GvBm25SegmentData *entry);
extern GvBm25Source *gv_bm25_segment_source(GvBm25Index *index, const GvBm25SegmentData *entry);
extern void gv_bm25_merge_segments(GvBm25Index *index, const int *which, int n,
								   GvBm25Source *further, GvBm25Removal *removal);
extern void gv_bm25_flush(GvBm25Index *index);
extern void gv_bm25_merge_tiers(GvBm25Index *index, uint32 max_pages);

#endif							/* GV_BM25_MERGE_H */
