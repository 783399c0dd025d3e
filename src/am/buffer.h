/*-------------------------------------------------------------------------
 *
 * buffer.h
 *		Reading pages of an index through remembered buffers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_BUFFER_H
#define GV_AM_BUFFER_H

#include "postgres.h"

#include "access/relscan.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"

typedef struct GvAmHints GvAmHints;

extern GvAmHints *gv_am_hints(Relation rel);
extern void gv_am_check_block(Relation rel, BlockNumber blkno);
extern Buffer gv_am_read_buffer(GvAmHints *hints, Relation rel, BlockNumber blkno);
extern bool gv_am_has_block(GvAmHints *hints, Relation rel, BlockNumber blkno);
extern BlockNumber gv_am_known_blocks(const GvAmHints *hints, Relation rel);
extern int	gv_am_io_depth(const GvAmHints *hints, Relation rel);
extern void gv_am_ask_for_block(GvAmHints *hints, Relation rel, BlockNumber blkno);
extern void gv_am_prefetch(GvAmHints *hints, BlockNumber blkno, int offset, int n_bytes);
extern void gv_am_prefetch_item(GvAmHints *hints, BlockNumber blkno, OffsetNumber offset,
								int step, int n_bytes);
extern void gv_am_prefetch_row(GvAmHints *hints, const ItemPointerData *tid, int step);
extern void gv_am_pin_row(IndexFetchTableData *fetch, GvAmHints *hints, ItemPointer tid);
extern bool gv_am_lock_once(Buffer buf);
extern Buffer gv_am_new_buffer(Relation rel, ForkNumber fork);

#endif							/* GV_AM_BUFFER_H */
