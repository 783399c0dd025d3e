/*-------------------------------------------------------------------------
 *
 * prune.h
 *		Choice of a node's neighbors among candidates.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_PRUNE_H
#define GV_HNSW_PRUNE_H

#include "postgres.h"

/* A candidate for a node's neighbors */
typedef struct GvHnswCandidate
{
	float		key;			/* to the node */
	uint32		id;
	uint32		source;			/* meaning left to the caller */
} GvHnswCandidate;

/* The key of two candidates, named by their places in the array */
typedef float (*GvHnswPairKey) (void *context, const GvHnswCandidate *a,
								const GvHnswCandidate *b);

extern void gv_hnsw_sort_candidates(GvHnswCandidate *candidates, int n);
extern int	gv_hnsw_prune(GvHnswCandidate *candidates, int n, int max_neighbors,
						  int fill_to, int *n_diverse, GvHnswPairKey pair_key,
						  void *context);

#endif							/* GV_HNSW_PRUNE_H */
