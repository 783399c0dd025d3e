/*-------------------------------------------------------------------------
 *
 * used.h
 *		Which pages of an index belong to its lists.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_IVF_USED_H
#define GV_IVF_USED_H

#include "postgres.h"

#include "ivf/index.h"

/* A set of lists, as its directory has them */
typedef struct GvIvfSet
{
	uint32		n_lists;
	GvIvfListData *list;		/* [n_lists] */
} GvIvfSet;

typedef struct GvIvfUsed
{
	GvIvfIndex *index;
	GvIvfSet	current;
	GvIvfSet	retired;		/* which scans that have begun may still read */
	BlockNumber n_blocks;
	uint8	   *leading;		/* a bit for each block: it leads to lists of one of the sets */
	uint32		newest;			/* the highest generation of a list */
} GvIvfUsed;

extern void gv_ivf_used_read(GvIvfUsed *used, GvIvfIndex *index);
extern bool gv_ivf_is_orphan(const GvIvfUsed *used, Page page, BlockNumber blkno);
extern bool gv_ivf_free_orphan(GvIvfUsed *used, BlockNumber blkno,
							   BufferAccessStrategy strategy);
extern BlockNumber gv_ivf_free_orphans(GvIvfUsed *used, BufferAccessStrategy strategy);
extern BlockNumber gv_ivf_count_free(const GvIvfUsed *used, BufferAccessStrategy strategy);
extern double gv_ivf_count_rows(const GvIvfUsed *used, BufferAccessStrategy strategy);
extern void gv_ivf_drop_retired(GvIvfIndex *index);

#endif							/* GV_IVF_USED_H */
