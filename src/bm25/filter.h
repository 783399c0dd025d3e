/*-------------------------------------------------------------------------
 *
 * filter.h
 *		Filter columns of a segment: their words, and the documents that pass.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_FILTER_H
#define GV_BM25_FILTER_H

#include "postgres.h"

#include "bm25/segment.h"
#include "bm25/writer.h"

#define GV_BM25_WINDOW_WORDS (GV_BM25_WINDOW / 64)

/*
 * The documents of a segment that may be returned: a bit for each, the lowest of
 * a word first, found out window by window.
 */
typedef struct GvBm25Mask
{
	const GvBm25Segment *segment;
	const GvAmFilter *filter;	/* NULL: all pass */
	uint8	   *matches;		/* bits of those that meet conditions on the text; NULL: all */
	uint32		n_windows;
	uint64	   *bits;			/* uint64[n_windows][GV_BM25_WINDOW_WORDS] */
	bool	   *is_known;		/* bool[n_windows] */
} GvBm25Mask;

extern const char *gv_bm25_pack_filters(const GvBm25Index *index, const GvBm25Document *document,
										const Datum *values, const bool *isnull);
extern void gv_bm25_read_field_lengths(const GvBm25Segment *segment, int field, uint32 first,
									   uint32 n, uint32 *lengths);
extern void gv_bm25_read_norms_of(const GvBm25Segment *segment, int field, uint32 first,
								  uint32 n, void *norms);
extern void gv_bm25_gather_norms_of(const GvBm25Segment *segment, int field, const uint32 *docs,
									uint32 n, void *norms);
extern void gv_bm25_fill_filters(Page page, const GvAmFilterColumn *column, int number,
								 const GvBm25Documents *documents, uint32 first);
extern void gv_bm25_read_filters(const GvBm25Segment *segment, uint32 first, uint32 n,
								 char *packed);
extern void gv_bm25_mask_begin(GvBm25Mask *mask, const GvBm25Segment *segment,
							   const GvAmFilter *filter, uint8 *matches);
extern void gv_bm25_mask_learn(GvBm25Mask *mask, uint32 window);
extern uint32 gv_bm25_mask_next(GvBm25Mask *mask, uint32 doc);

/* The bits of a window, GV_BM25_WINDOW_WORDS words; first: its first document */
static inline const uint64 *
gv_bm25_mask_window(GvBm25Mask *mask, uint32 first)
{
	uint32		window = first / GV_BM25_WINDOW;

	Assert(first % GV_BM25_WINDOW == 0);
	if (!mask->is_known[window])
		gv_bm25_mask_learn(mask, window);
	return mask->bits + (Size) window * GV_BM25_WINDOW_WORDS;
}

/* May a document be returned? */
static inline bool
gv_bm25_mask_has(GvBm25Mask *mask, uint32 doc)
{
	uint32		place = doc % GV_BM25_WINDOW;

	return gv_bm25_mask_window(mask, doc - place)[place / 64] >> place % 64 & 1;
}

#endif							/* GV_BM25_FILTER_H */
