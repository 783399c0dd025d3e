/*-------------------------------------------------------------------------
 *
 * spill.h
 *		Arrays of which a part is in memory and the rest in a temporary file.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_SPILL_H
#define GV_BM25_SPILL_H

#include "postgres.h"

typedef struct GvBm25Pool GvBm25Pool;

/* Nobody knows how many elements there will be */
#define GV_BM25_SPILL_ANY PG_UINT32_MAX

/* A growing array; its pages are in memory while there is room for them */
typedef struct GvBm25Spill
{
	GvBm25Pool *pool;
	uint32		size;			/* bytes of an element, at most BLCKSZ */
	int			shift;			/* a page has 1 << shift elements */
	uint32		n;				/* elements */
	uint32		n_pages;
	uint32		pages_size;		/* of the arrays */
	char	  **page;			/* char *[n_pages]; NULL: in the file */
	uint32	   *slot;			/* uint32[n_pages]: where in the file */
} GvBm25Spill;

extern GvBm25Pool *gv_bm25_pool_create(Size memory);
extern void gv_bm25_pool_free(GvBm25Pool *pool);
extern GvBm25Spill *gv_bm25_spill_create(GvBm25Pool *pool, uint32 size, uint32 n);
extern void gv_bm25_spill_empty(GvBm25Spill *spill);
extern void gv_bm25_spill_append(GvBm25Spill *spill, const void *element);
extern void gv_bm25_spill_move(GvBm25Spill *to, GvBm25Spill *from);
extern void gv_bm25_spill_copy(GvBm25Spill *spill, uint32 first, uint32 n, void *out);
extern char *gv_bm25_spill_load(GvBm25Spill *spill, uint32 number);

/* The shift of an array, which is a constant where the size is one */
static inline int
gv_bm25_spill_shift(uint32 size)
{
	int			shift = 0;

	while ((size << (shift + 1)) <= BLCKSZ)
		shift++;
	return shift;
}

/* A page of an array, valid until the pool is used again */
static inline const char *
gv_bm25_spill_page(GvBm25Spill *spill, uint32 number)
{
	const char *page = spill->page[number];

	return likely(page != NULL) ? page : gv_bm25_spill_load(spill, number);
}

/*
 * gv_bm25_spill_read
 *		An element, valid until the pool is used again.
 */
static inline const char *
gv_bm25_spill_read(GvBm25Spill *spill, uint32 i)
{
	Assert(i < spill->n);
	return gv_bm25_spill_page(spill, i >> spill->shift) +
		(Size) (i & ((1U << spill->shift) - 1)) * spill->size;
}

#endif							/* GV_BM25_SPILL_H */
