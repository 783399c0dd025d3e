/*-------------------------------------------------------------------------
 *
 * page.h
 *		On-disk format of a kdtree index.
 *
 * Block 0 is the metapage, block 1 the root, which never moves.  Every other
 * block is a page of the tree; an all-zero block is free.
 *
 * A page of the tree has a head and columns.  The places of the columns follow
 * from the dimensions and the type of the elements, see index.h:
 *
 *		leaf	elements [dim][leaf_capacity]	float32 or float16, as in the table
 *				tids [leaf_capacity]			ItemPointerData
 *				for each filter column, aligned to 8 bytes:
 *				nulls [leaf_capacity]			bits, a uint64 for 64 points
 *				words [leaf_capacity]			as wide as am/filter.h says
 *		inner	low [dim][inner_capacity]		float32, the boxes of the children
 *				high [dim][inner_capacity]
 *				child [inner_capacity]			uint32, their blocks
 *
 *		free	xid						FullTransactionId, the next one when it was freed
 *
 * A free page is a leaf that was emptied and has no parent any more; it keeps
 * its head.  Of each column the first n count; what follows is of no meaning.
 *
 * History of versions: 1, the first; 2, filter columns, free pages.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_KDTREE_PAGE_H
#define GV_KDTREE_PAGE_H

#include "postgres.h"

#include "access/transam.h"

#include "am/filter.h"
#include "am/page.h"

#define GV_KDTREE_MAGIC 0x3154444B	/* "KDT1" */
#define GV_KDTREE_VERSION 2

#define GV_KDTREE_META_BLKNO 0
#define GV_KDTREE_ROOT_BLKNO 1

/* Kinds of pages */
typedef enum GvKdtreePageKind
{
	GV_KDTREE_PAGE_META = 1,
	GV_KDTREE_PAGE_LEAF,
	GV_KDTREE_PAGE_INNER,
	GV_KDTREE_PAGE_FREE
} GvKdtreePageKind;

/* No tree of 2^32 blocks is as high: three children an inner page are the least */
#define GV_KDTREE_MAX_LEVEL 32

/* The metapage's content, frozen at build */
typedef struct GvKdtreeMetaPageData
{
	uint32		magic;
	uint16		version;
	uint16		reserved;		/* zero */

	/* what was indexed */
	uint16		metric;			/* GvAmMetric */
	uint16		element;		/* GvAmElement */
	uint32		dim;			/* dimensions of the column */

	/* options */
	uint16		fill_factor;	/* percent */

	/* layout, for comparison */
	uint16		leaf_capacity;	/* points of a leaf */
	uint16		inner_capacity; /* children of an inner page */
	uint16		reserved_layout;	/* zero */
	uint64		n_rows_at_build;
	uint8		filter_kind[INDEX_MAX_KEYS];	/* GvAmFilterKind; 0 after the last */
} GvKdtreeMetaPageData;

typedef GvKdtreeMetaPageData *GvKdtreeMetaPage;

/* Head of a page of the tree */
typedef struct GvKdtreeHeadData
{
	uint32		right;			/* page that took over part of this one at its last
								 * split, or invalid */
	uint32		split;			/* the parent's stamp at the last split, see README */
	uint32		stamp;			/* inner: raised by the split of a child */
	uint16		n;				/* points or children */
	uint16		level;			/* 0: leaf */
} GvKdtreeHeadData;

typedef GvKdtreeHeadData *GvKdtreeHead;

/* Bytes for the columns */
#define GV_KDTREE_ROOM (GV_AM_PAGE_ROOM - sizeof(GvKdtreeHeadData))

static inline GvKdtreeMetaPage
gv_kdtree_page_meta(Page page)
{
	return (GvKdtreeMetaPage) gv_am_page_content(page);
}

static inline GvKdtreeHead
gv_kdtree_page_head(Page page)
{
	return (GvKdtreeHead) gv_am_page_content(page);
}

/* Is the page of a kind? */
static inline bool
gv_kdtree_page_is(Page page, GvKdtreePageKind kind)
{
	return !PageIsNew(page) &&
		PageGetSpecialSize(page) == MAXALIGN(sizeof(GvAmPageSpecialData)) &&
		gv_am_page_special(page)->page_id == GV_AM_KDTREE_PAGE_ID &&
		gv_am_page_special(page)->kind == kind;
}

/* The next transaction id when a page was freed */
static inline FullTransactionId
gv_kdtree_page_freed_at(Page page)
{
	FullTransactionId xid;

	memcpy(&xid, gv_kdtree_page_head(page) + 1, sizeof(xid));
	return xid;
}

/* Turn a leaf without points into a free page */
static inline void
gv_kdtree_set_page_free(Page page, FullTransactionId xid)
{
	gv_am_page_special(page)->kind = GV_KDTREE_PAGE_FREE;
	memcpy(gv_kdtree_page_head(page) + 1, &xid, sizeof(xid));
}

#endif							/* GV_KDTREE_PAGE_H */
