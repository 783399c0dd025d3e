/*-------------------------------------------------------------------------
 *
 * space.h
 *		Pages for segments, and publishing what was written there.
 *
 * Whoever uses this holds the merge lock, or builds the index.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_SPACE_H
#define GV_BM25_SPACE_H

#include "postgres.h"

#include "bm25/index.h"

/* A growing list of extents */
typedef struct GvBm25Extents
{
	uint32		n;
	uint32		size;
	GvBm25ExtentData *extent;
} GvBm25Extents;

/* The pages of a segment that is being written */
typedef struct GvBm25Space
{
	GvBm25Index *index;
	bool		is_logged;		/* false: by a build, which logs at its end */
	uint32		owner;			/* id of the segment */
	uint32		n_pages;
	GvBm25Extents used;			/* the segment's, in the order of places */
	GvBm25Extents free;			/* the index's, and what was allocated in advance */
} GvBm25Space;

/* What a publication takes out of an index */
typedef struct GvBm25Removal
{
	int			n_segments;
	uint32		segment[GV_BM25_MAX_SEGMENTS];	/* ids */
	int			n_lanes;
	uint32		lane[GV_BM25_MAX_SEALED];	/* ids */
	GvBm25Extents pages;		/* that they had */
} GvBm25Removal;

extern void gv_bm25_extents_add(GvBm25Extents *extents, BlockNumber start, uint32 n);
extern void gv_bm25_read_free(GvBm25Index *index, GvBm25Extents *extents);
extern void gv_bm25_space_begin(GvBm25Space *space, GvBm25Index *index, bool is_logged);
extern uint32 gv_bm25_space_take(GvBm25Space *space);
extern void gv_bm25_space_write(GvBm25Space *space, uint32 place, const char *page);
extern uint32 gv_bm25_take_id(GvBm25Index *index);
extern void gv_bm25_publish(GvBm25Index *index, GvBm25Space *space,
							const GvBm25SegmentData *segment, const GvBm25Removal *removal);

#endif							/* GV_BM25_SPACE_H */
