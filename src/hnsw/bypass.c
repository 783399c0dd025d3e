/*-------------------------------------------------------------------------
 *
 * bypass.c
 *		Searching a graph as if one of its nodes had never been there.
 *
 * A row that serves as a query vector is not to be found.  But while its node is
 * there, those around it do without links to each other: they reach each other by
 * way of it.  Left out only, it leaves a gap, and what lies around it is harder to
 * find than around a query that was never a row.
 *
 * So a node that links to it gets the link that it would have instead: to the
 * nearest of its neighbors to which no shorter link leads.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "am/routine.h"
#include "hnsw/bypass.h"

/* The part of work_mem, or maintenance_work_mem if that is less, for vectors */
#define MEMORY_PART 4

/* A neighbor of the node that expects a link */
typedef struct Neighbor
{
	const GvHnswVector *vector;
	float		edge;			/* to the node */
} Neighbor;

/*
 * gv_hnsw_bypass_begin
 *		Prepare to go by a node; returns NULL where it is only left out.
 *
 * context: lives as long as the result
 *
 * Codes tell distances with errors, which have nodes found in many ways, and by
 * inner product a node is not near what is near to it: there it would make
 * queries seem easier than they are, see MEASUREMENTS.md.
 */
GvHnswBypass *
gv_hnsw_bypass_begin(GvHnswIndex *ix, MemoryContext context, uint32 id)
{
	Size		room = Min(work_mem, gv_am_maintenance_memory()) * (Size) 1024;
	MemoryContext old_context;
	GvHnswBypass *bypass;
	const GvHnswVector *own;

	if (gv_hnsw_layout_has_codes(&ix->layout) ||
		ix->meta.metric == GV_AM_METRIC_INNER_PRODUCT)
		return NULL;
	old_context = MemoryContextSwitchTo(context);
	bypass = palloc0(sizeof(GvHnswBypass));
	bypass->id = id;
	bypass->degree = Min(ix->layout.degree, 2 * ix->meta.m);
	gv_hnsw_vectors_init(&bypass->vectors, ix,
						 AllocSetContextCreate(context, "hnsw bypass", ALLOCSET_DEFAULT_SIZES),
						 room / MEMORY_PART);
	own = gv_hnsw_vectors_read(&bypass->vectors, id);
	if (own != NULL)
		gv_hnsw_vectors_read_links(&bypass->vectors, own, NULL, 0, &bypass->links);
	MemoryContextSwitchTo(old_context);

	/* a link takes the vectors of two nodes' neighbors */
	if (own == NULL || VARSIZE(own->z) > room / (2 * bypass->degree))
		return NULL;
	return bypass;
}

/* Does a shorter link of a node lead to another? */
static bool
is_led_to(GvHnswBypass *bypass, const Neighbor *neighbors, int n, const GvHnswVector *to,
		  float edge)
{
	for (int i = 0; i < n; i++)
	{
		if (neighbors[i].edge <= edge &&
			gv_hnsw_vectors_key(&bypass->vectors, to, neighbors[i].vector) <= edge)
			return true;
	}
	return false;
}

/* To what a node, which links to the one that is not there, would link instead; invalid: nothing */
static uint32
find_link(GvHnswBypass *bypass, uint32 from, const uint32 *ids, int n)
{
	GvHnswVectors *vectors = &bypass->vectors;
	Neighbor	neighbors[PG_UINT8_MAX];
	int			n_neighbors = 0;
	const GvHnswVector *node;
	const GvHnswVector *own;
	uint32		result = GV_HNSW_INVALID_ID;
	float		to_own;
	float		least = INFINITY;
	float		longest = 0;

	gv_hnsw_vectors_trim(vectors);
	node = gv_hnsw_vectors_read(vectors, from);
	own = gv_hnsw_vectors_read(vectors, bypass->id);
	if (node == NULL || own == NULL)
		return GV_HNSW_INVALID_ID;
	to_own = gv_hnsw_vectors_key(vectors, node, own);
	for (int i = 0; i < n; i++)
	{
		Neighbor	neighbor = {NULL, 0};

		if (ids[i] != bypass->id)
			neighbor.vector = gv_hnsw_vectors_read(vectors, ids[i]);
		if (neighbor.vector == NULL)
			continue;
		neighbor.edge = gv_hnsw_vectors_key(vectors, node, neighbor.vector);
		longest = Max(longest, neighbor.edge);
		neighbors[n_neighbors++] = neighbor;
	}
	/* a link that only fills a place makes no other superfluous */
	if (is_led_to(bypass, neighbors, n_neighbors, own, to_own))
		return GV_HNSW_INVALID_ID;
	/* a full node has the nearest */
	if (n >= bypass->degree)
		least = longest;
	for (int i = 0; i < bypass->links.n; i++)
	{
		const GvHnswVector *other = gv_hnsw_vectors_read(vectors, bypass->links.id[i]);
		float		edge;

		if (other == NULL || other == node)
			continue;
		edge = gv_hnsw_vectors_key(vectors, node, other);
		/* neighbors that it has lead to themselves */
		if (edge < to_own || edge >= least ||
			gv_hnsw_vectors_key(vectors, own, other) > edge ||
			is_led_to(bypass, neighbors, n_neighbors, other, edge))
			continue;
		least = edge;
		result = other->id;
	}
	return result;
}

/*
 * gv_hnsw_bypass_replace
 *		Replace the node that is not there, if it is among a node's neighbors.
 *
 * ids: uint32[n], the neighbors
 */
void
gv_hnsw_bypass_replace(GvHnswBypass *bypass, uint32 from, uint32 *ids, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (ids[i] == bypass->id)
		{
			uint32		id = find_link(bypass, from, ids, n);

			if (id != GV_HNSW_INVALID_ID)
				ids[i] = id;
			break;
		}
	}
}
