/*-------------------------------------------------------------------------
 *
 * page.h
 *		On-disk format of ivfflat and ivfpq indexes.
 *
 * Block 0 is the metapage.  Every other block is of one of the kinds below;
 * an all-zero block is free.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_IVF_PAGE_H
#define GV_IVF_PAGE_H

#include "postgres.h"

#include "pg_config_manual.h"
#include "storage/itemptr.h"

#include "am/page.h"
#include "distance/distance.h"

#define GV_IVF_MAGIC 0x31465649	/* "IVF1" */
#define GV_IVF_VERSION 6

#define GV_IVF_META_BLKNO 0

/* Kinds of pages */
typedef enum GvIvfPageKind
{
	GV_IVF_PAGE_META = 1,
	GV_IVF_PAGE_LISTS,			/* the directory: where each list begins and ends */
	GV_IVF_PAGE_CENTROIDS,		/* centroids, float16 */
	GV_IVF_PAGE_CENTER,			/* float32 elements of the center */
	GV_IVF_PAGE_ROWS,			/* rows of a list */
	GV_IVF_PAGE_VECTORS,		/* vectors or fine codes of a list's rows, in slots */
	GV_IVF_PAGE_PART,			/* part of one longer than a page */
	GV_IVF_PAGE_FREE,			/* for reuse as any kind; empty, or a GvIvfTakenPageData */
	GV_IVF_PAGE_CODEBOOK		/* GvIvfCodebookHeadData and what follows it */
} GvIvfPageKind;

#define GV_IVF_PAGE_LAST GV_IVF_PAGE_CODEBOOK

/* How rows are kept in lists.  Stored in metapages: never renumber. */
typedef enum GvIvfRowKind
{
	GV_IVF_ROWS_CODES = 1,		/* one-bit codes; exact distances from the table */
	GV_IVF_ROWS_VECTORS,		/* one-bit codes and the vector */
	GV_IVF_ROWS_BITS,			/* the bits of a bit column */
	GV_IVF_ROWS_PLANES,			/* one-bit codes, and further bits as fine codes */
	GV_IVF_ROWS_BYTES,			/* one-bit codes, and a byte a dimension as fine codes */
	GV_IVF_ROWS_PRODUCT			/* codes of a product quantizer; exact distances from the table */
} GvIvfRowKind;

#define GV_IVF_ROWS_LAST GV_IVF_ROWS_PRODUCT

/* The list of rows without direction (zero vectors under cosine); it has no centroid */
#define GV_IVF_LOOSE_LIST 0

/* The first list with a centroid; the only one until the index is trained */
#define GV_IVF_FIRST_LIST 1

/* What has the number of no list */
#define GV_IVF_NO_LIST PG_UINT32_MAX

/* The metapage's content.  What describes the lists changes when they are trained anew. */
typedef struct GvIvfMetaPageData
{
	uint32		magic;
	uint16		version;
	uint16		row_kind;		/* GvIvfRowKind */

	/* what was indexed */
	uint16		metric;			/* GvAmMetric */
	uint16		element;		/* GvAmElement */
	uint32		dim;			/* dimensions of the column */

	/* layout, see layout.h */
	uint32		padded_dim;		/* dimensions after rotation */
	uint32		code_dims;		/* of those, in a one-bit code; 0: there is none */
	uint64		seed;

	/* geometry: z = rotation(x * inverse_unit) - center */
	float4		inverse_unit;	/* a power of two; 0 until the first insert: changes once */
	float4		max_norm;		/* of the rows at build, inner product only */
	uint32		center_blkno;	/* first of the center's pages, or invalid: zero */

	/* lists */
	uint32		directory_blkno;	/* first page of the directory */
	uint32		n_lists;		/* with list 0 */
	uint32		generation;		/* of the set of lists: raised when another takes its place */
	uint64		n_rows_at_build;	/* or when the lists were trained */

	uint8		filter_kind[INDEX_MAX_KEYS];	/* GvAmFilterKind; 0 after the last */

	uint32		n_balanced;		/* times that some lists were split and merged */
	uint16		extra_bits;		/* of a fine code in planes; else 0 */
	uint8		is_given;		/* 1: centroids were given; only who gave them trains anew */
	uint8		spills;			/* 1: rows are in a second list, too */

	/*
	 * the set of lists before, which scans that have begun may still read;
	 * retired_lists 0: there is none
	 */
	uint32		retired_lists;
	uint32		retired_directory_blkno;
	uint32		retired_center_blkno;
	uint32		retired_generation;
	uint64		retired_xid;	/* the next transaction, in full, when it was retired */

	/* the product quantizer's shape; 0 if there is none */
	uint16		pq_parts;
	uint8		pq_bits;
	uint8		has_opq;		/* 1: with a rotation that was learned */
	uint32		codebook_blkno; /* first of the codebook's pages, or invalid: not trained */
	uint32		retired_codebook_blkno;
	uint32		reserved;		/* zero */

	/* probes that reach a recall; changed by VACUUM */
	uint64		calibrated_rows;	/* rows of the index then */
	uint64		removed_rows;	/* since then, by VACUUM */
	uint64		removed_since_build;	/* or since the lists were trained */
	GvAmRecallTable calibration;	/* n_buckets 1, or 0 if there is none */
} GvIvfMetaPageData;

typedef GvIvfMetaPageData *GvIvfMetaPage;

/* An entry of the directory */
typedef struct GvIvfListData
{
	uint32		head;			/* first page of rows; there always is one */
	uint32		tail;			/* last page of rows, or one before it */
	uint32		generation;		/* of its pages: raised when they are written anew */
	uint32		n_rows;			/* when they were last counted */
	uint32		centroid_blkno; /* invalid: zero, or none for list 0 */
	uint16		centroid_slot;
	uint16		reserved;		/* zero */
} GvIvfListData;

typedef GvIvfListData *GvIvfList;

/* Head of the content of a page in a chain: directory (GvIvfListData), center (float4), codebook */
typedef struct GvIvfChainPageData
{
	uint32		next;			/* next page, or invalid */
	uint16		n_bytes;		/* that follow this head */
	uint16		set;			/* of lists to which it belongs: low bits of its generation */
} GvIvfChainPageData;

typedef GvIvfChainPageData *GvIvfChainPage;

#define GV_IVF_CHAIN_ROOM (GV_AM_PAGE_ROOM - sizeof(GvIvfChainPageData))

/*
 * The first bytes of a codebook.  After it come the entries, float4, as quant/pq.h
 * has them, and float4[pq dimensions][pq dimensions], the rotation, if there is one.
 */
typedef struct GvIvfCodebookHeadData
{
	float4		deviations;		/* so many below an estimate lies its bound */
	uint32		reserved;		/* zero */
} GvIvfCodebookHeadData;

/* Entries of the directory on a page */
#define GV_IVF_LISTS_PER_PAGE (GV_IVF_CHAIN_ROOM / sizeof(GvIvfListData))

/*
 * Head of a page of rows, of vectors, or of a part of a vector, whose bytes
 * n_rows then tells.  Rows follow in blocks, see layout.h:
 *		ItemPointerData tid[]	lanes; invalid: the row is gone; see GV_IVF_SECOND
 *		GvHalf add[], rescale[], error[]	lanes factors each, unless of bits
 *		uint32 place[]			lanes blocks of the vectors or fine codes, if there are
 *		uint8 slot[]			and their slots there
 *		uint32 nulls, words[]	for each filter column: a bit for each lane, lanes words
 *		uint8 code[]			a full block: one FastScan block; else, and of bits
 *								and of bytes always, row by row
 */
typedef struct GvIvfRowsPageData
{
	uint32		next;			/* next page of the list, or invalid */
	uint32		list;
	uint32		generation;		/* of the list */
	uint32		vectors_blkno;	/* page of vectors to fill next, or invalid */
	uint16		n_rows;			/* lanes or slots in use, with those that are gone */
	uint16		n_dead;			/* of those, gone */
	uint32		reserved;		/* zero */
} GvIvfRowsPageData;

typedef GvIvfRowsPageData *GvIvfRowsPage;

/* What a free page holds that was taken from a list in use */
typedef struct GvIvfTakenPageData
{
	GvIvfRowsPageData page;		/* list and generation count */
	uint64		freed_at;		/* the next transaction, in full, when it was taken */
} GvIvfTakenPageData;

typedef GvIvfTakenPageData *GvIvfTakenPage;

/* Bit of a tid's offset number: the row is in another list as well, which is its first */
#define GV_IVF_SECOND 0x8000

#define GV_IVF_ROWS_ROOM (GV_AM_PAGE_ROOM - sizeof(GvIvfRowsPageData))

#endif							/* GV_IVF_PAGE_H */
