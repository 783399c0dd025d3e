/*-------------------------------------------------------------------------
 *
 * contest.h
 *		Which link a full node gives up for another.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_CONTEST_H
#define GV_HNSW_CONTEST_H

#include "postgres.h"

#include "hnsw/node.h"
#include "hnsw/search.h"

typedef struct GvHnswContest
{
	GvHnswIndex *index;
	GvHnswSearch *search;		/* its query is the new node's point */
	bool		by_codes;		/* the codes are long enough */
	GvRabitqQuery own_query;	/* of the node that decides */
	uint8	   *pair_table;		/* uint8[code_dims / 4][16] */
	float	   *cosines;		/* float[code_dims + 1]: of the angle of two
								 * vectors, by the number of signs that differ */
} GvHnswContest;

extern void gv_hnsw_contest_init(GvHnswContest *contest, GvHnswIndex *index,
								 GvHnswSearch *search);
extern int	gv_hnsw_contest_by_codes(GvHnswContest *contest, GvHnswNode node,
									 const float *own, float key);
extern int	gv_hnsw_contest_by_vectors(GvHnswContest *contest, const float *own,
									   const uint32 *neighbors, int n,
									   float *new_vector, float key);
extern float *gv_hnsw_copy_vector(GvHnswIndex *ix, GvHnswSearch *search, uint32 id,
								  float *key_bias, uint16 *version, uint32 *neighbors,
								  int *n_neighbors);
extern bool gv_hnsw_force_link(GvHnswIndex *ix, GvHnswSearch *search, uint32 from,
							   uint32 to, const GvHnswPoint *point);

#endif							/* GV_HNSW_CONTEST_H */
