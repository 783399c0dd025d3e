/*-------------------------------------------------------------------------
 *
 * delta.h
 *		Rows that are in no segment yet: lanes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_DELTA_H
#define GV_BM25_DELTA_H

#include "postgres.h"

#include "bm25/merge.h"

/* Pages of a lane and its long rows from which on it should become a segment */
#define GV_BM25_LANE_PAGES 32

/* Reads all rows of the lanes that the metapage names */
typedef struct GvBm25DeltaScan
{
	GvBm25Index *index;
	int			lane;			/* sealed ones first */
	int			n_lanes;		/* 0: those being written, too */
	uint32		owner;
	BlockNumber block;			/* of the page, which has been copied */
	BlockNumber head;
	uint32		n_pages;		/* read of the lane */
	uint32		n_long_pages;	/* and of its long rows */
	uint32		least_pages;	/* that both must be in the end */
	uint32		offset;			/* of the next row in it */

	/* the row */
	GvBm25Row	row;
	BlockNumber row_block;
	uint32		row_offset;		/* in bytes after GvBm25LanePageData */
	const char *filters;		/* packed words of its filter columns */
	const uint32 *hashes;		/* uint32[row->n_terms] */
	const uint8 *terms;
	const uint8 *end;

	char	   *long_row;		/* memory for it */
	Size		long_size;
	PGAlignedBlock page;
} GvBm25DeltaScan;

/* A lexeme of a row */
typedef struct GvBm25RowTerm
{
	const char *lexeme;
	uint32		len;
	uint32		tf;
	const uint8 *positions;		/* as codec.h tells, if the index has any */
	uint32		n_position_bytes;
} GvBm25RowTerm;

extern bool gv_bm25_delta_insert(GvBm25Index *index, const GvBm25Document *document,
								 const char *filters, ItemPointer tid);
extern void gv_bm25_delta_begin(GvBm25DeltaScan *scan, GvBm25Index *index);
extern bool gv_bm25_delta_next(GvBm25DeltaScan *scan);
extern const uint8 *gv_bm25_delta_term(const GvBm25DeltaScan *scan, const uint8 *in,
									   GvBm25RowTerm *term);
extern void gv_bm25_delta_check_positions(const GvBm25DeltaScan *scan,
										  const GvBm25RowTerm *term);
extern void gv_bm25_seal_lanes(GvBm25Index *index);
extern GvBm25Source *gv_bm25_sealed_source(GvBm25Index *index, GvBm25Removal *removal);
extern void gv_bm25_long_row_pages(const GvBm25DeltaScan *scan, GvBm25Extents *pages);

#endif							/* GV_BM25_DELTA_H */
