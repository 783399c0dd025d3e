/*-------------------------------------------------------------------------
 *
 * free.h
 *		Leaves that VACUUM has emptied: taken out of the tree, used again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_KDTREE_FREE_H
#define GV_KDTREE_FREE_H

#include "kdtree/index.h"

extern void gv_kdtree_lock_reuse(Relation rel);
extern void gv_kdtree_unlock_reuse(Relation rel);
extern void gv_kdtree_begin_reuse(GvKdtreeIndex *ix);
extern void gv_kdtree_end_reuse(GvKdtreeIndex *ix);
extern bool gv_kdtree_note_free(Relation rel, BlockNumber blkno, Page page);
extern Buffer gv_kdtree_new_buffer(GvKdtreeIndex *ix);
extern BlockNumber gv_kdtree_free_leaves(GvKdtreeIndex *ix, const BlockNumber *parents,
										 BlockNumber n_parents, BlockNumber *leaves,
										 BlockNumber n_leaves);

#endif							/* GV_KDTREE_FREE_H */
