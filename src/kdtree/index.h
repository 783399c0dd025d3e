/*-------------------------------------------------------------------------
 *
 * index.h
 *		An open kdtree index: metapage, layout of its pages, points.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_KDTREE_INDEX_H
#define GV_KDTREE_INDEX_H

#include "postgres.h"

#include "storage/bufmgr.h"
#include "storage/itemptr.h"
#include "utils/rel.h"

#include "am/buffer.h"
#include "am/filter.h"
#include "am/opclass.h"
#include "base/compat.h"
#include "distance/distance.h"
#include "kdtree/page.h"

#define GV_KDTREE_MAX_DIM GV_COLUMNS_MAX_DIM

/* From here on hnsw is the better choice */
#define GV_KDTREE_LARGE_DIM 13

typedef struct GvKdtreeIndex
{
	Relation	rel;
	const GvAmOpclass *opclass;
	GvAmHints  *hints;
	GvKdtreeMetaPageData meta;
	int			dim;
	int			element_size;
	int			leaf_capacity;
	int			inner_capacity;
	GvAmFilterColumns filters;
	int			null_offset[GV_AM_MAX_FILTERS]; /* from the first column of a leaf */
	int			word_offset[GV_AM_MAX_FILTERS];
	bool		may_reuse;		/* free pages, for splits; see free.c */
} GvKdtreeIndex;

/* A vector on its way into the index, or looked for */
typedef struct GvKdtreePoint
{
	float		x[GV_KDTREE_MAX_DIM];	/* its elements */
	float		place[GV_KDTREE_MAX_DIM];	/* where boxes have it: the same; by
											 * cosine of length 1, or 0 */
	ItemPointerData tid;
	GvAmFilterRow filters;
} GvKdtreePoint;

/* A box, which may be empty: low above high */
typedef struct GvKdtreeBox
{
	float		low[GV_KDTREE_MAX_DIM];
	float		high[GV_KDTREE_MAX_DIM];
} GvKdtreeBox;

/* Columns of a leaf */
static inline char *
gv_kdtree_leaf_elements(Page page)
{
	return (char *) (gv_kdtree_page_head(page) + 1);
}

static inline ItemPointer
gv_kdtree_leaf_tids(const GvKdtreeIndex *ix, Page page)
{
	return (ItemPointer) (gv_kdtree_leaf_elements(page) +
						  (Size) ix->element_size * ix->dim * ix->leaf_capacity);
}

static inline uint64 *
gv_kdtree_leaf_nulls(const GvKdtreeIndex *ix, Page page, int filter)
{
	return (uint64 *) (gv_kdtree_leaf_elements(page) + ix->null_offset[filter]);
}

static inline char *
gv_kdtree_leaf_words(const GvKdtreeIndex *ix, Page page, int filter)
{
	return gv_kdtree_leaf_elements(page) + ix->word_offset[filter];
}

/* Columns of an inner page */
static inline float *
gv_kdtree_inner_low(Page page)
{
	return (float *) (gv_kdtree_page_head(page) + 1);
}

static inline float *
gv_kdtree_inner_high(const GvKdtreeIndex *ix, Page page)
{
	return gv_kdtree_inner_low(page) + ix->dim * ix->inner_capacity;
}

static inline uint32 *
gv_kdtree_inner_children(const GvKdtreeIndex *ix, Page page)
{
	return (uint32 *) (gv_kdtree_inner_low(page) + 2 * ix->dim * ix->inner_capacity);
}

/* index.c */
pg_noreturn extern void gv_kdtree_report_corruption(Relation rel, BlockNumber blkno,
													const char *what);
extern void gv_kdtree_check_dim(const char *column, int dim);
extern void gv_kdtree_set_layout(GvKdtreeIndex *ix, const GvAmOpclass *opclass, int dim);
extern void gv_kdtree_init_meta(GvKdtreeIndex *ix, Relation rel);
extern void gv_kdtree_write_meta(Page page, const GvKdtreeMetaPageData *meta);
extern void gv_kdtree_open(GvKdtreeIndex *ix, Relation rel);
extern void gv_kdtree_init_page(Page page, int level);
extern const char *gv_kdtree_page_fault(const GvKdtreeIndex *ix, Page page);
extern Buffer gv_kdtree_read_page(GvKdtreeIndex *ix, BlockNumber blkno, int lock);

/* point.c */
extern void gv_kdtree_set_place(const GvKdtreeIndex *ix, GvKdtreePoint *point);
extern void gv_kdtree_set_point(const GvKdtreeIndex *ix, Datum value, GvKdtreePoint *point);
extern void gv_kdtree_set_row(const GvKdtreeIndex *ix, const Datum *values, const bool *nulls,
							  ItemPointer tid, GvKdtreePoint *point);
extern void gv_kdtree_put_point(const GvKdtreeIndex *ix, Page page, int i,
								const GvKdtreePoint *point);
extern void gv_kdtree_get_point(const GvKdtreeIndex *ix, Page page, int i,
								GvKdtreePoint *point);
extern void gv_kdtree_put_child(const GvKdtreeIndex *ix, Page page, int i,
								const GvKdtreeBox *box, BlockNumber child);
extern void gv_kdtree_get_box(const GvKdtreeIndex *ix, Page page, int i, GvKdtreeBox *box);
extern void gv_kdtree_box_init(GvKdtreeBox *box, int dim);
extern void gv_kdtree_box_add_point(GvKdtreeBox *box, const float *place, int dim);
extern void gv_kdtree_box_add_box(GvKdtreeBox *box, const GvKdtreeBox *other, int dim);
extern bool gv_kdtree_box_has_point(const GvKdtreeBox *box, const float *place, int dim);
extern bool gv_kdtree_box_has_box(const GvKdtreeBox *box, const GvKdtreeBox *other, int dim);
extern int	gv_kdtree_box_widest(const GvKdtreeBox *box, int dim);
extern void gv_kdtree_page_box(const GvKdtreeIndex *ix, Page page, GvKdtreeBox *box);

#endif							/* GV_KDTREE_INDEX_H */
