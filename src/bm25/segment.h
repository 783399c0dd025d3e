/*-------------------------------------------------------------------------
 *
 * segment.h
 *		Reading segments: lexemes, postings, lengths and rows of documents.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_SEGMENT_H
#define GV_BM25_SEGMENT_H

#include "postgres.h"

#include "bm25/codec.h"
#include "bm25/index.h"

/* No document */
#define GV_BM25_NO_DOC PG_UINT32_MAX

typedef struct GvBm25Posting
{
	uint32		doc;
	uint32		tf;				/* > 0 */
	uint64		positions;		/* where they begin in bytes beside; 0: there are none */
} GvBm25Posting;

/* A growing array of bytes */
typedef struct GvBm25Bytes
{
	uint8	   *bytes;
	Size		n;
	Size		size;
} GvBm25Bytes;

/* An open segment */
typedef struct GvBm25Segment
{
	GvBm25Index *index;
	GvBm25SegmentData entry;	/* as the metapage has it */
	GvBm25HeadPageData head;	/* without extents */
	GvBm25ExtentData *extents;	/* GvBm25ExtentData[head.n_extents] */
	uint32	   *first_place;	/* uint32[head.n_extents]: places before each extent */
} GvBm25Segment;

/* Where the postings of a lexeme are */
typedef struct GvBm25TermEntry
{
	uint32		df;				/* > 0 */
	uint32		n_inline;		/* bytes; 0: not inline */
	uint32		place;			/* of a list */
	uint32		offset;
	uint32		first_skip;		/* if df > GV_BM25_BLOCK */
	uint32		n_inline_positions; /* bytes; 0: not inline */
	GvBm25SpotData spot;		/* of positions, if df <= GV_BM25_BLOCK */
	uint8		inline_list[GV_BM25_MAX_INLINE];
	uint8		inline_positions[GV_BM25_MAX_INLINE];
} GvBm25TermEntry;

/* All lexemes of a segment in their order */
typedef struct GvBm25TermScan
{
	GvBm25Segment *segment;
	uint32		next_place;		/* of the next page of terms, 0 at the end */
	uint32		n_left;			/* entries of this page */
	const uint8 *in;
	const uint8 *end;
	char		lexeme[GV_BM25_MAX_LEXEME];
	uint32		len;
	GvBm25TermEntry entry;
	PGAlignedBlock page;
} GvBm25TermScan;

/* All postings of a lexeme, block by block */
typedef struct GvBm25PostingScan
{
	const GvBm25Segment *segment;
	const GvBm25TermEntry *entry;
	uint32		block;			/* the next one */
	uint32		before;			/* last document of the block before */
	GvBm25SkipData skips[GV_BM25_SUPERBLOCK];
} GvBm25PostingScan;

/* Blocks of a lexeme with more than GV_BM25_BLOCK postings */
static inline uint32
gv_bm25_n_blocks(uint32 df)
{
	return (df + GV_BM25_BLOCK - 1) / GV_BM25_BLOCK;
}

static inline uint32
gv_bm25_n_superblocks(uint32 df)
{
	return (gv_bm25_n_blocks(df) + GV_BM25_SUPERBLOCK - 1) / GV_BM25_SUPERBLOCK;
}

extern void gv_bm25_segment_open(GvBm25Segment *segment, GvBm25Index *index,
								 const GvBm25SegmentData *entry);
extern BlockNumber gv_bm25_segment_block(const GvBm25Segment *segment, uint32 place);
extern Buffer gv_bm25_segment_lock(const GvBm25Segment *segment, uint32 place,
								   GvBm25PageKind kind);
pg_noreturn extern void gv_bm25_segment_damaged(const GvBm25Segment *segment, uint32 place,
												const char *detail);
extern bool gv_bm25_segment_find(const GvBm25Segment *segment, const char *lexeme, uint32 len,
								 GvBm25TermEntry *entry);
extern void gv_bm25_terms_begin(GvBm25TermScan *scan, GvBm25Segment *segment);
extern void gv_bm25_terms_seek(GvBm25TermScan *scan, GvBm25Segment *segment,
									const char *prefix, uint32 len);
extern bool gv_bm25_terms_next(GvBm25TermScan *scan);
extern void gv_bm25_postings_begin(GvBm25PostingScan *scan, const GvBm25Segment *segment,
								   const GvBm25TermEntry *entry);
extern uint32 gv_bm25_postings_next(GvBm25PostingScan *scan, GvBm25Posting *postings,
									GvBm25Bytes *positions);
extern void gv_bm25_read_skips(const GvBm25Segment *segment, uint32 first, uint32 n,
							   GvBm25SkipData *skips);
extern void gv_bm25_read_list(const GvBm25Segment *segment, const GvBm25TermEntry *entry,
							  uint32 *docs, uint32 *tfs);
extern void gv_bm25_read_block(const GvBm25Segment *segment, GvBm25Skip skip, uint32 before,
							   uint32 n, uint32 *docs, uint32 *tfs);
extern void gv_bm25_read_norms(const GvBm25Segment *segment, uint32 first, uint32 n,
							   void *norms);
extern void gv_bm25_gather_norms(const GvBm25Segment *segment, const uint32 *docs, uint32 n,
								 void *norms);
extern void gv_bm25_read_tids(const GvBm25Segment *segment, uint32 first, uint32 n,
							  ItemPointerData *tids);
extern bool gv_bm25_is_dead(const GvBm25Segment *segment, uint32 doc);
extern void gv_bm25_read_dead(const GvBm25Segment *segment, uint32 first, uint32 n, uint8 *bits);

/* The row of a document */
static inline ItemPointerData
gv_bm25_tid_of(const GvBm25Segment *segment, uint32 doc)
{
	ItemPointerData tid;

	gv_bm25_read_tids(segment, doc, 1, &tid);
	return tid;
}

#endif							/* GV_BM25_SEGMENT_H */
