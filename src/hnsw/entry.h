/*-------------------------------------------------------------------------
 *
 * entry.h
 *		Pages beside the nodes: entry table, chains, tid chunks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_ENTRY_H
#define GV_HNSW_ENTRY_H

#include "postgres.h"

#include "hnsw/index.h"
#include "hnsw/node.h"

/* Entries of a large index; a small one has one for this many nodes */
#define GV_HNSW_MAX_ENTRIES 1024
#define GV_HNSW_NODES_PER_ENTRY 16

/* Without codes each entry costs a page read; groups of rows without one may not be found */
#define GV_HNSW_MAX_EXACT_ENTRIES 128

/* The number of entries that an index of this many nodes should have */
static inline uint32
gv_hnsw_entry_target(const GvHnswLayout *layout, uint64 n_nodes)
{
	return Min(n_nodes / GV_HNSW_NODES_PER_ENTRY + 1,
			   gv_hnsw_layout_has_codes(layout) ? GV_HNSW_MAX_ENTRIES :
			   GV_HNSW_MAX_EXACT_ENTRIES);
}

static inline uint32
gv_hnsw_make_chunk_id(BlockNumber blkno, int slot)
{
	return blkno * (uint32) GV_HNSW_CHUNKS_PER_PAGE + slot;
}

static inline BlockNumber
gv_hnsw_chunk_block(uint32 chunk)
{
	return chunk / (uint32) GV_HNSW_CHUNKS_PER_PAGE;
}

static inline int
gv_hnsw_chunk_slot(uint32 chunk)
{
	return chunk % (uint32) GV_HNSW_CHUNKS_PER_PAGE;
}

extern void gv_hnsw_fill_chain_page(Page page, BlockNumber next, const char *data,
									Size n_bytes);
extern void gv_hnsw_init_tid_page(Page page);
extern void gv_hnsw_init_entry_block(GvHnswEntryBlock block);
extern void gv_hnsw_consider_entry(GvHnswIndex *index, uint32 id, const GvHnswPoint *point,
								   bool must_be);

#endif							/* GV_HNSW_ENTRY_H */
