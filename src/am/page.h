/*-------------------------------------------------------------------------
 *
 * page.h
 *		What the pages of all access methods share.
 *
 * A page is a standard PostgreSQL page: header, content, special area.
 * pd_lower lies past the content, so that generic WAL keeps it.  The special
 * area ends with the page id, by which tools tell our pages from others'.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_PAGE_H
#define GV_AM_PAGE_H

#include "postgres.h"

#include "storage/bufpage.h"

/* The last two bytes of each page, by access method */
#define GV_AM_HNSW_PAGE_ID 0xFE91
#define GV_AM_KDTREE_PAGE_ID 0xFE93
#define GV_AM_IVF_PAGE_ID 0xFE92
#define GV_AM_BM25_PAGE_ID 0xFE95

/* The special area, 8 bytes */
typedef struct GvAmPageSpecialData
{
	uint16		kind;			/* kind of page, defined by the access method */
	uint16		n_free;			/* slots without an element; 0 if the kind has none */
	uint16		reserved;		/* zero */
	uint16		page_id;		/* GV_AM_..._PAGE_ID */
} GvAmPageSpecialData;

typedef GvAmPageSpecialData *GvAmPageSpecial;

static inline GvAmPageSpecial
gv_am_page_special(Page page)
{
	return (GvAmPageSpecial) ((char *) page + BLCKSZ - sizeof(GvAmPageSpecialData));
}

/* First byte of the content */
static inline char *
gv_am_page_content(Page page)
{
	return (char *) page + MAXALIGN(SizeOfPageHeaderData);
}

/* Bytes between the header and the special area */
#define GV_AM_PAGE_ROOM \
	(BLCKSZ - MAXALIGN(SizeOfPageHeaderData) - MAXALIGN(sizeof(GvAmPageSpecialData)))

/* Numbers of rows asked for that are calibrated: 1, 10 and 100 */
#define GV_AM_RECALL_N_KS 3

/* Recalls that are calibrated, see recall.c */
#define GV_AM_RECALL_N_LEVELS 10

/* Classes of queries by their difficulty, at most */
#define GV_AM_RECALL_MAX_BUCKETS 8

/*
 * The ef that reaches a recall, part of metapages.  Easier queries are in the
 * buckets before; what is beyond n_buckets is zero.
 */
typedef struct GvAmRecallTable
{
	uint16		n_buckets;		/* 0: there is no calibration */
	uint16		n_trials;		/* query vectors it was measured with */
	/* difficulty where the next bucket begins; the last that one row in 20 exceeds, or zero */
	float4		bound[GV_AM_RECALL_MAX_BUCKETS - 1];
	uint16		ef[GV_AM_RECALL_N_KS][GV_AM_RECALL_N_LEVELS][GV_AM_RECALL_MAX_BUCKETS];
} GvAmRecallTable;

#endif							/* GV_AM_PAGE_H */
