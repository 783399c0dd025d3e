/*-------------------------------------------------------------------------
 *
 * vectors.h
 *		Vectors of nodes, each read once for a piece of work.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_VECTORS_H
#define GV_HNSW_VECTORS_H

#include "postgres.h"

#include "hnsw/node.h"
#include "hnsw/prune.h"
#include "hnsw/search.h"

/* A node's vector */
typedef struct GvHnswVector
{
	uint32		id;
	uint16		version;		/* of the node */
	float		key_bias;
	float	   *z;				/* float[own_dims], with codes; else the value */
} GvHnswVector;

/* Vectors that were read; nobody may free their nodes meanwhile, see write.h */
typedef struct GvHnswVectors
{
	GvHnswIndex *ix;
	GvHnswSearch reader;		/* for values of several pages */
	GvRabitqQuery query;		/* to estimate keys of links */
	GvRabitqQuery to_query;		/* the same for the node that is linked to */
	uint32		to_id;			/* which that is */
	float		to_norm2;
	GvAmProbe	probe;			/* without codes: of the vector compared last */
	MemoryContext context;		/* of all that is read */
	Size		max_bytes;
	bool		expects_dead;	/* links to dead nodes are to be found, set by the caller */
	GvHnswVector **place;		/* by id, open addressing; at most half are taken */
	uint32		mask;
	uint32		n;
} GvHnswVectors;

/* The links of a node */
typedef struct GvHnswLinks
{
	int			n;				/* 0 if the node is not live */
	uint32		id[PG_UINT8_MAX];
	bool		has_marks;		/* there are codes: the rest is written */
	bool		fills[PG_UINT8_MAX];	/* see gv_hnsw_node_lane_fills */
	/* estimates of the neighbors' keys to the node, with their key_bias */
	float		key[PG_UINT8_MAX + GV_FASTSCAN_LANES];
	bool		has_to_keys;
	/* the same to the node to link to; never by inner product, so without key_bias */
	float		to_key[PG_UINT8_MAX + GV_FASTSCAN_LANES];
} GvHnswLinks;

extern float *gv_hnsw_copy_vector(GvHnswIndex *ix, GvHnswSearch *search, uint32 id,
								  float *key_bias, uint16 *version);
extern void gv_hnsw_vectors_init(GvHnswVectors *vectors, GvHnswIndex *ix,
								 MemoryContext context, Size max_bytes);
extern void gv_hnsw_vectors_trim(GvHnswVectors *vectors);
extern bool gv_hnsw_vectors_has(const GvHnswVectors *vectors, uint32 id);
extern GvHnswVector *gv_hnsw_vectors_read(GvHnswVectors *vectors, uint32 id);
extern void gv_hnsw_vectors_read_links(GvHnswVectors *vectors, const GvHnswVector *own,
									   const GvHnswVector *to, float to_key,
									   GvHnswLinks *links);
extern void gv_hnsw_vectors_fetch_ahead(GvHnswVectors *vectors, uint32 id);
extern void gv_hnsw_vectors_ask(GvHnswVectors *vectors, const uint32 *ids, int n);
extern float gv_hnsw_vectors_key(GvHnswVectors *vectors, const GvHnswVector *a,
								 const GvHnswVector *b);
extern int	gv_hnsw_vectors_max_candidates(const GvHnswVectors *vectors);
extern int	gv_hnsw_vectors_choose(GvHnswVectors *vectors, GvHnswCandidate *candidates,
								   int n, int degree, int *n_diverse);

#endif							/* GV_HNSW_VECTORS_H */
