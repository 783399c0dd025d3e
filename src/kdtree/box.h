/*-------------------------------------------------------------------------
 *
 * box.h
 *		Rows within a box.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_KDTREE_BOX_H
#define GV_KDTREE_BOX_H

#include "kdtree/index.h"

extern int	gv_kdtree_read_box(const GvAmOpclass *opclass, Datum value, GvKdtreeBox *box);

#endif							/* GV_KDTREE_BOX_H */
