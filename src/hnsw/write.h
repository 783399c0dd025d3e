/*-------------------------------------------------------------------------
 *
 * write.h
 *		Adding a row to an index.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_WRITE_H
#define GV_HNSW_WRITE_H

#include "postgres.h"

#include "storage/lmgr.h"

#include "am/xlog.h"
#include "hnsw/index.h"
#include "hnsw/search.h"

/*
 * Pages of a list on which a tid may find room.  VACUUM leaves room in all of
 * them; without a limit an insert would read the whole list.  Mostly the chunks
 * of a list follow each other on a page, so that these are some 37,000 tids.
 */
#define GV_HNSW_MAX_TRIED_PAGES 32

/* Pages to unlock after the record that changes them is written */
typedef struct GvHnswLockedPages
{
	Buffer		buf[MAX_GENERIC_XLOG_PAGES];
	int			n;
} GvHnswLockedPages;

/*
 * What to ask the free space map for, to find pages where just so much is
 * free: it rounds down what a page has, and up what is asked for.
 */
static inline Size
gv_hnsw_fsm_request(Size size)
{
	return size - size % (BLCKSZ / 256);
}

/*
 * An insert holds a share lock from before it looks at a node until all links
 * of the new node are made.  VACUUM, when it has marked nodes as dead, takes the
 * exclusive lock for a moment before it repairs the others: later inserts see
 * the marks, and the links of earlier ones are where it repairs them.  So no
 * link is left to a node that it frees, however an insert has ended.
 *
 * The lock has the tag of a tuple of the metapage.
 */
static inline void
gv_hnsw_lock_nodes(Relation rel, LOCKMODE mode)
{
	ItemPointerData tag;

	ItemPointerSet(&tag, GV_HNSW_META_BLKNO, FirstOffsetNumber);
	LockTuple(rel, &tag, mode);
}

static inline void
gv_hnsw_unlock_nodes(Relation rel, LOCKMODE mode)
{
	ItemPointerData tag;

	ItemPointerSet(&tag, GV_HNSW_META_BLKNO, FirstOffsetNumber);
	UnlockTuple(rel, &tag, mode);
}

extern void gv_hnsw_unlock_pages(GvHnswLockedPages *locked);
extern BlockNumber gv_hnsw_insert_value(Relation rel, Datum value,
										const GvAmFilterRow *filters, ItemPointer tid);

/* outgrow.c */
extern void gv_hnsw_outgrow(Relation rel, BlockNumber blkno, Size value_bytes);

/* tids.c */
extern void gv_hnsw_add_tid(GvHnswIndex *index, GvXlog *xlog, uint32 *first_chunk,
							uint32 owner, ItemPointer tid, GvHnswLockedPages *locked);
extern void gv_hnsw_add_null_norm_tid(GvHnswIndex *index, ItemPointer tid);
extern BlockNumber gv_hnsw_write_rest(GvHnswIndex *index, const char *data, Size n_bytes);
extern void gv_hnsw_set_unit(GvHnswIndex *index, Datum value);
extern int	gv_hnsw_read_chunk(GvHnswIndex *ix, int64 *n_chunks, uint32 *chunk_id,
							   uint32 owner, ItemPointerData *tids);

#endif							/* GV_HNSW_WRITE_H */
