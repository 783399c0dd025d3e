/*-------------------------------------------------------------------------
 *
 * filter.h
 *		Pages of filters: the words of the nodes' filter columns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_FILTER_H
#define GV_HNSW_FILTER_H

#include "postgres.h"

#include "port/pg_bitutils.h"

#include "am/filter.h"
#include "am/xlog.h"
#include "hnsw/index.h"

/* The nodes that pass a filter: a bit for each id */
typedef struct GvHnswPassing
{
	uint64	   *bits;
	uint64		n_ids;			/* ids from here on were not there */
	int64		n_passing;
	double		sure_part;		/* of the nodes that are not mixed, those that pass */
} GvHnswPassing;

/* Does a node pass?  Of a mixed one, only its rows can tell. */
typedef enum GvHnswPasses
{
	GV_HNSW_PASSES_NOT,
	GV_HNSW_PASSES_MAYBE,
	GV_HNSW_PASSES
} GvHnswPasses;

static inline bool
gv_hnsw_passing_has(const GvHnswPassing *passing, uint32 id)
{
	return id < passing->n_ids && ((passing->bits[id / 64] >> (id % 64)) & 1) != 0;
}

/* The first node that passes from an id on; n_ids or more if there is none */
static inline uint64
gv_hnsw_passing_next(const GvHnswPassing *passing, uint64 id)
{
	uint64		word;

	if (id >= passing->n_ids)
		return id;
	word = passing->bits[id / 64] >> (id % 64);
	if (word != 0)
		return id + pg_rightmost_one_pos64(word);
	for (id = (id / 64 + 1) * 64; id < passing->n_ids; id += 64)
	{
		if (passing->bits[id / 64] != 0)
			return id + pg_rightmost_one_pos64(passing->bits[id / 64]);
	}
	return id;
}

/* The slot of a node on its page of filters */
static inline int
gv_hnsw_filter_slot(const GvHnswLayout *layout, uint32 id)
{
	BlockNumber blkno = gv_hnsw_id_block(layout, id);

	return (blkno - gv_hnsw_filter_block(layout, blkno) - 1) * layout->nodes_per_page +
		gv_hnsw_id_slot(layout, id);
}

extern Buffer gv_hnsw_new_buffer(const GvHnswLayout *layout, Relation rel);
extern void gv_hnsw_filter_init_page(const GvHnswLayout *layout, Page page);
extern void gv_hnsw_filter_put(const GvHnswLayout *layout, Page page, int slot,
							   const GvAmFilterRow *row, bool mixed);
extern bool gv_hnsw_filter_get(const GvHnswLayout *layout, Page page, int slot,
							   GvAmFilterRow *row, bool *mixed);
extern Buffer gv_hnsw_filter_lock(GvHnswIndex *index, BlockNumber blkno);
extern void gv_hnsw_filter_write(GvHnswIndex *index, GvXlog *xlog, Buffer buf, uint32 id,
								 const GvAmFilterRow *row);
extern void gv_hnsw_filter_clear(const GvHnswLayout *layout, Page page, int slot);
extern Buffer gv_hnsw_filter_note_row(GvHnswIndex *index, GvXlog *xlog, uint32 id,
									  const GvAmFilterRow *row);
extern GvHnswPasses gv_hnsw_filter_node_passes(GvHnswIndex *index, const GvAmFilter *filter,
											   uint32 id);
extern double gv_hnsw_filter_sample(GvHnswIndex *index, const GvAmFilter *filter,
									int n_pages, double *sure_part);
extern void gv_hnsw_filter_sweep(GvHnswIndex *index, const GvAmFilter *filter,
								 GvHnswPassing *passing);

#endif							/* GV_HNSW_FILTER_H */
