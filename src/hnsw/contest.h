/*-------------------------------------------------------------------------
 *
 * contest.h
 *		Links to a node from its neighbors, who may have to give one up.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_CONTEST_H
#define GV_HNSW_CONTEST_H

#include "postgres.h"

#include "hnsw/vectors.h"

extern bool gv_hnsw_offer_link(GvHnswVectors *vectors, uint32 from, GvHnswVector *to,
							   bool may_fill);
extern bool gv_hnsw_force_link(GvHnswVectors *vectors, uint32 from, GvHnswVector *to);

#endif							/* GV_HNSW_CONTEST_H */
