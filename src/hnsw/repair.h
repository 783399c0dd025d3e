/*-------------------------------------------------------------------------
 *
 * repair.h
 *		Links of live nodes after others have died.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_REPAIR_H
#define GV_HNSW_REPAIR_H

#include "postgres.h"

#include "base/idset.h"
#include "hnsw/reach.h"
#include "hnsw/vectors.h"

typedef struct GvHnswRepair
{
	GvHnswIndex *ix;
	int			degree;			/* links of a node, at most */
	const GvIdset *dead;		/* ids of the nodes that have died */
	GvHnswVectors vectors;
	MemoryContext scratch;		/* reset for each node */
} GvHnswRepair;

extern void gv_hnsw_repair_init(GvHnswRepair *repair, GvHnswIndex *ix, const GvIdset *dead,
								MemoryContext context);
extern void gv_hnsw_repair_node(GvHnswRepair *repair, uint32 id);
extern void gv_hnsw_repair_lost_nodes(GvHnswRepair *repair, BlockNumber n_blocks,
									  BufferAccessStrategy strategy);

#endif							/* GV_HNSW_REPAIR_H */
