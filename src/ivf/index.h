/*-------------------------------------------------------------------------
 *
 * index.h
 *		An open index: metapage, layout, geometry, directory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_IVF_INDEX_H
#define GV_IVF_INDEX_H

#include "postgres.h"

#include "utils/rel.h"

#include "am/buffer.h"
#include "am/filter.h"
#include "am/opclass.h"
#include "am/point.h"
#include "base/compat.h"
#include "ivf/layout.h"
#include "ivf/options.h"
#include "ivf/page.h"
#include "quant/rabitq.h"

/* An index as one operation sees it */
typedef struct GvIvfIndex
{
	Relation	rel;
	const GvAmOpclass *opclass;
	GvAmHints  *hints;
	GvIvfMetaPageData meta;
	GvIvfLayout layout;
	GvAmFilterColumns filters;
} GvIvfIndex;

/* What codes of a product quantizer are made with; see product.h */
typedef struct GvIvfCodebook
{
	const GvPq *pq;				/* NULL: there is none, or none yet */
	const float *opq;			/* panels of a rotation, or NULL */
	float		deviations;		/* so many below an estimate lies its bound */
} GvIvfCodebook;

/*
 * The centroids by their codes, for finding the nearest.  A block holds those
 * of 32 lists; list i is lane i % 32 of block i / 32.
 */
typedef struct GvIvfRoot
{
	uint32		n_lists;
	int			code_dims;
	GvHalf	   *add;			/* float16[n_blocks][32] */
	GvHalf	   *rescale;
	GvHalf	   *error;
	uint8	   *codes;			/* n_blocks FastScan blocks */
	BlockNumber *centroid_blkno;	/* [n_lists] */
	uint16	   *centroid_slot;
	const GvHalf *centroids;	/* float16[n_lists][padded_dim], or NULL: on their pages */
	GvIvfCodebook codebook;		/* of the rows' codes, for whoever makes them */
} GvIvfRoot;

/*
 * What a backend keeps of an index.  One chunk in rd_amcache: it may vanish
 * whenever the catalogs are looked at, so it serves only the start of an
 * operation.
 */
typedef struct GvIvfCache
{
	uint32		generation;
	float4		inverse_unit;
	float	   *rotation;		/* float[GV_ROTATION_ROUNDS][padded_dim] */
	float	   *center;			/* float[padded_dim] */
	float	   *origin;			/* the same, with its rotation undone */
	uint32		n_directory;
	BlockNumber *directory;		/* pages of the directory */
	GvIvfRoot	root;
} GvIvfCache;

/* A value as a point */
typedef struct GvIvfPoint
{
	float	   *z;				/* float[padded_dim] */
	GvAmRotated rotated;
} GvIvfPoint;

static inline GvIvfMetaPage
gv_ivf_page_meta(Page page)
{
	return (GvIvfMetaPage) gv_am_page_content(page);
}

static inline GvIvfChainPage
gv_ivf_page_chain(Page page)
{
	return (GvIvfChainPage) gv_am_page_content(page);
}

static inline GvIvfRowsPage
gv_ivf_page_rows(Page page)
{
	return (GvIvfRowsPage) gv_am_page_content(page);
}

/* Is the page one of ours, of this kind? */
static inline bool
gv_ivf_page_is(Page page, GvIvfPageKind kind)
{
	return !PageIsNew(page) &&
		PageGetSpecialSize(page) == MAXALIGN(sizeof(GvAmPageSpecialData)) &&
		gv_am_page_special(page)->page_id == GV_AM_IVF_PAGE_ID &&
		gv_am_page_special(page)->kind == kind;
}

/* index.c */
extern void gv_ivf_open(GvIvfIndex *index, Relation rel);
extern bool gv_ivf_peek_meta(Relation rel, GvIvfMetaPageData *meta);
extern void gv_ivf_check_meta(Relation rel, const GvIvfMetaPageData *meta);
extern void gv_ivf_init_page(Page page, GvIvfPageKind kind);
extern void gv_ivf_fill_meta(GvIvfMetaPageData *meta, const GvAmOpclass *opclass, int dim,
							 const GvAmFilterColumns *filters, bool is_flat,
							 const GvIvfOptions *options);
extern void gv_ivf_init_meta(GvIvfMetaPageData *meta, Relation rel);
extern void gv_ivf_write_meta(Page page, const GvIvfMetaPageData *meta);
extern void gv_ivf_fill_chain_page(Page page, BlockNumber next, uint32 set, const void *data,
								   Size n_bytes);
extern Size gv_ivf_read_chain(GvIvfIndex *index, BlockNumber blkno, GvIvfPageKind kind,
							  void *out, Size max_bytes);
pg_noreturn extern void gv_ivf_report_corruption(Relation rel, BlockNumber blkno,
												 const char *what);
extern bool gv_ivf_is_replaced(const GvIvfIndex *index);
pg_noreturn extern void gv_ivf_report_lost(const GvIvfIndex *index, BlockNumber blkno,
										   const char *what);

/* root.c */
extern GvIvfCache *gv_ivf_cache(GvIvfIndex *index);
extern void gv_ivf_read_centroid(GvIvfIndex *index, BlockNumber blkno, int slot, GvHalf *out);
extern void gv_ivf_read_list(GvIvfIndex *index, const GvIvfCache *cache, uint32 list,
							 GvIvfListData *entry);
extern Size gv_ivf_root_size(const GvIvfLayout *layout, uint32 n_lists, char *area,
							 GvIvfRoot *root, char **room);
extern void gv_ivf_root_set(GvIvfRoot *root, const GvIvfLayout *layout, uint32 list,
							const GvHalf *centroid);

/* point.c */
extern void gv_ivf_make_point(const GvIvfIndex *index, const float *rotation,
							  const float *origin, Datum value, bool is_query,
							  GvIvfPoint *point);
extern void gv_ivf_find_origin(const GvIvfLayout *layout, const float *rotation,
							   const float *center, float *origin);

#endif							/* GV_IVF_INDEX_H */
