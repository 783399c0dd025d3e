/*-------------------------------------------------------------------------
 *
 * descend.h
 *		The way of a new point down the tree, and splits of full pages.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_KDTREE_DESCEND_H
#define GV_KDTREE_DESCEND_H

#include "kdtree/index.h"

/* insert.c */
extern int	gv_kdtree_choose_child(const GvKdtreeIndex *ix, Page page,
								   const GvKdtreePoint *point, bool *is_inside);
extern void gv_kdtree_insert_point(GvKdtreeIndex *ix, const GvKdtreePoint *point);

/* split.c */
extern void gv_kdtree_make_room(GvKdtreeIndex *ix, const GvKdtreePoint *point);

#endif							/* GV_KDTREE_DESCEND_H */
