/*-------------------------------------------------------------------------
 *
 * bypass.h
 *		Searching a graph as if one of its nodes had never been there.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_BYPASS_H
#define GV_HNSW_BYPASS_H

#include "hnsw/vectors.h"

/* The node that is not there */
typedef struct GvHnswBypass
{
	uint32		id;
	int			degree;			/* of the graph */
	GvHnswVectors vectors;		/* of nodes around it */
	GvHnswLinks links;			/* its own */
} GvHnswBypass;

extern GvHnswBypass *gv_hnsw_bypass_begin(GvHnswIndex *ix, MemoryContext context, uint32 id);
extern void gv_hnsw_bypass_replace(GvHnswBypass *bypass, uint32 from, uint32 *ids, int n);

#endif							/* GV_HNSW_BYPASS_H */
