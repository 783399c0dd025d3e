/*-------------------------------------------------------------------------
 *
 * reach.h
 *		Which nodes the entry table leads to.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_REACH_H
#define GV_HNSW_REACH_H

#include "postgres.h"

#include "storage/bufmgr.h"

#include "hnsw/index.h"

typedef struct GvHnswReach
{
	uint64		n_slots;		/* ids below are looked at */
	uint8	   *reached;		/* a bit for each id */
	uint8	   *linked;			/* likewise, whether or not what links to it is reached */
	uint64		n_reached;
	int			n_entries;		/* different nodes of the entry table */
	bool		is_complete;	/* what is not reached is surely not */

	/* links of nodes not reached yet */
	int			max_links;		/* of a node */
	char	   *records;		/* in the order of their ids */
	Size		record_size;
	uint32		n_records;
	uint32		max_records;
	uint32		due;			/* first of the records whose links are to be followed */
	uint64		n_left_out;		/* nodes for whose links there was no room */
} GvHnswReach;

extern void gv_hnsw_reach_read(GvHnswReach *reach, GvHnswIndex *ix, BlockNumber n_blocks,
							   bool through_dead, BufferAccessStrategy strategy);
extern void gv_hnsw_reach_add(GvHnswReach *reach, uint32 id);
extern void gv_hnsw_reach_end(GvHnswReach *reach);

/* Do the entries lead to a node? */
static inline bool
gv_hnsw_is_reached(const GvHnswReach *reach, uint32 id)
{
	return id >= reach->n_slots || (reach->reached[id / 8] & (1 << (id % 8))) != 0;
}

/* Is a node, if it is live, surely not reached? */
static inline bool
gv_hnsw_is_lost(const GvHnswReach *reach, uint32 id)
{
	return !gv_hnsw_is_reached(reach, id) &&
		(reach->is_complete || (reach->linked[id / 8] & (1 << (id % 8))) == 0);
}

#endif							/* GV_HNSW_REACH_H */
