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
	bool		is_passed_over; /* by gv_hnsw_prune */
} GvHnswCandidate;

/* Candidates whose keys to another are wanted at once, at most */
#define GV_HNSW_PRUNE_STEP 32

/* Write the keys of a candidate and n others, 1 <= n <= GV_HNSW_PRUNE_STEP */
typedef void (*GvHnswPairKeys) (void *context, const GvHnswCandidate *candidate,
								const GvHnswCandidate *const *others, int n, float *keys);

extern void gv_hnsw_sort_candidates(GvHnswCandidate *candidates, int n);
extern int	gv_hnsw_prune(GvHnswCandidate *candidates, int n, int max_neighbors,
						  int fill_to, int *n_diverse, GvHnswPairKeys pair_keys,
						  void *context);

#endif							/* GV_HNSW_PRUNE_H */
