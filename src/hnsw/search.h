/*-------------------------------------------------------------------------
 *
 * search.h
 *		Best-first search of the graph.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_SEARCH_H
#define GV_HNSW_SEARCH_H

#include "postgres.h"

#include "am/probe.h"
#include "base/idset.h"
#include "base/pool.h"
#include "hnsw/index.h"

/* A query's difficulty shows after so many expansions */
#define GV_HNSW_PROBE_EXPANSIONS 16

/* A query's difficulty is the key of this rank of the nodes expanded */
#define GV_HNSW_DIFFICULTY_RANK 5

/* A node that was expanded */
typedef struct GvHnswFound
{
	float		key;			/* of the node's own vector */
	float		error;			/* bound of |z - own vector|; 0: the key is exact */
	float		key_bias;		/* part of key that is no squared distance */
	uint32		id;
	uint32		tid_chunk;
	uint16		version;
	uint8		state;
	ItemPointerData tid;
	uint64		value_hash;
} GvHnswFound;

/* A node seen beside a neighbor, not expanded */
typedef struct GvHnswSpilled
{
	float		key;
	uint32		id;
} GvHnswSpilled;

typedef struct GvHnswSearch
{
	GvHnswIndex *index;
	MemoryContext context;		/* all of the search's memory */

	/* the query */
	float	   *z;				/* float[padded_dim], if there are codes */
	float		z_norm2;		/* |z|^2 */
	GvRabitqQuery query;
	Datum		value;			/* the value, if there are no codes */
	GvAmProbe	probe;			/* of it, once it was compared with another */
	bool		keep_spilled;	/* the search may be resumed */
	const struct GvHnswPassing *passing;	/* nodes whose way is a detour are not in it */
	float		detour;			/* the part by which a detour is longer */

	uint32		left_out;		/* a node that is not found; 0: none */
	struct GvHnswBypass *bypass;	/* links instead of those to it, or NULL */

	GvPool		pool;			/* the ef best seen */
	GvIdset		seen;			/* ids that are or were in the pool */
	GvIdset		asked;			/* ids whose blocks the system was asked for */

	/* expanded nodes, in the order of expansion */
	GvHnswFound *found;
	int64		n_found;
	int64		max_found;
	int			ef_needed;		/* the least ef that would have expanded them all */
	int			n_again;		/* that came up again, and left the pool */
	int64		n_dead;			/* of them, that left the pool for being dead */

	/* what did not fit into the pool */
	GvHnswSpilled *spilled;
	int64		n_spilled;
	int64		max_spilled;
	int64		spilled_limit;	/* forget the farthest beyond this many */
	bool		forgot;			/* some were forgotten */

	char	   *value_buffer;	/* a value read from several pages */
	Size		value_buffer_size;
} GvHnswSearch;

extern void gv_hnsw_search_init(GvHnswSearch *search, GvHnswIndex *index,
								MemoryContext context, int ef);
extern void gv_hnsw_search_set_point(GvHnswSearch *search, float *z);
extern void gv_hnsw_search_seed(GvHnswSearch *search, const GvHnswCache *cache);
extern void gv_hnsw_search_seed_node(GvHnswSearch *search, uint32 id);
extern bool gv_hnsw_search_found_live(const GvHnswSearch *search);
extern void gv_hnsw_search_seed_live(GvHnswSearch *search, const GvHnswCache *cache);
extern bool gv_hnsw_search_run_until(GvHnswSearch *search, int64 n_found);
extern void gv_hnsw_search_run(GvHnswSearch *search);
extern float gv_hnsw_search_key_difficulty(const GvHnswIndex *index, float key);
extern float gv_hnsw_search_difficulty(const GvHnswSearch *search, int64 n_found);
extern float gv_hnsw_search_probe(GvHnswSearch *search);
extern void gv_hnsw_search_narrow(GvHnswSearch *search, int ef);
extern void gv_hnsw_search_restart(GvHnswSearch *search, int ef);
extern bool gv_hnsw_search_resume(GvHnswSearch *search, int ef);
extern bool gv_hnsw_search_redirect(GvHnswSearch *search, int ef);
extern Datum gv_hnsw_node_value(GvHnswSearch *search, GvHnswNode node);

#endif							/* GV_HNSW_SEARCH_H */
