/*-------------------------------------------------------------------------
 *
 * ready.h
 *		Rows on their way out of a scan, in the order of the least distance
 *		that they may have.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_READY_H
#define GV_HNSW_READY_H

#include "postgres.h"

#include "hnsw/search.h"

/* A row, or the rows of a node, on the way out */
typedef struct GvHnswReadyItem
{
	double		lower;			/* bounds of the key */
	double		upper;
	double		key;			/* estimate */
	bool		is_exact;
	bool		is_asked;		/* was the system asked for the row's block? */
	ItemPointerData tid;
	uint32		id;				/* of the node */
	uint32		tid_chunk;		/* further rows of the same vector */
} GvHnswReadyItem;

extern void gv_hnsw_ready_push(GvHnswReadyItem **heap, int64 *n, int64 *max,
							   MemoryContext context, const GvHnswReadyItem *item);
extern void gv_hnsw_ready_pop(GvHnswReadyItem *heap, int64 n, GvHnswReadyItem *item);
extern void gv_hnsw_ready_set_interval(const GvHnswLayout *layout, GvHnswReadyItem *item,
									   const GvHnswFound *found);
extern void gv_hnsw_ready_ask(GvHnswReadyItem *heap, int64 n, GvAmHints *hints, Relation table);
extern void gv_hnsw_ready_prefetch(const GvHnswReadyItem *heap, int64 n, GvAmHints *hints);

#endif							/* GV_HNSW_READY_H */
