/*-------------------------------------------------------------------------
 *
 * vectors.c
 *		Vectors of nodes, each read once for a piece of work.
 *
 * Choosing links compares nodes around one place with each other again and
 * again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "hnsw/aim.h"
#include "hnsw/vectors.h"

/* Vectors that the processor fetches ahead, and bytes of them */
#define N_AHEAD 2
#define MAX_BYTES_AHEAD 2048

/* Places of a new table, a power of two */
#define MIN_PLACES 512

/*
 * gv_hnsw_copy_vector
 *		Copy the vector of a node, in the current memory context.
 *
 * search: for values of more than one page
 * key_bias, version: of the node, written if there is one
 *
 * The result is float[own_dims], with codes, or the value; NULL if the node is
 * not live.
 */
float *
gv_hnsw_copy_vector(GvHnswIndex *ix, GvHnswSearch *search, uint32 id, float *key_bias,
					uint16 *version)
{
	Buffer		buf;
	GvHnswNode	node;
	float	   *vector = NULL;

	if (!gv_am_has_block(ix->hints, ix->rel, gv_hnsw_id_block(&ix->layout, id)))
		return NULL;
	buf = gv_am_read_buffer(ix->hints, ix->rel, gv_hnsw_id_block(&ix->layout, id));
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	if (gv_hnsw_layout_has_codes(&ix->layout))
	{
		/* as in a search, without a look at the page's header */
		node = gv_hnsw_slot_node(&ix->layout, BufferGetPage(buf),
								 gv_hnsw_id_slot(&ix->layout, id));
		if (!gv_hnsw_node_is_valid(&ix->layout, node))
			node = NULL;
	}
	else
		node = gv_hnsw_page_node(ix, BufferGetPage(buf), gv_hnsw_id_slot(&ix->layout, id));
	if (node != NULL && node->state == GV_HNSW_NODE_LIVE)
	{
		*key_bias = 0;
		*version = node->version;
		if (gv_hnsw_layout_has_codes(&ix->layout))
		{
			vector = palloc(sizeof(float) * ix->layout.own_dims);
			gv_hnsw_node_get_own(&ix->layout, node, vector);
			*key_bias = node->u.key_bias;
		}
		else
		{
			Datum		value = gv_hnsw_node_value(search, node);

			vector = palloc(VARSIZE(DatumGetPointer(value)));
			memcpy(vector, DatumGetPointer(value), VARSIZE(DatumGetPointer(value)));
		}
	}
	UnlockReleaseBuffer(buf);
	return vector;
}

static void
make_places(GvHnswVectors *vectors, uint32 n_places)
{
	vectors->mask = n_places - 1;
	vectors->place = MemoryContextAllocZero(vectors->context,
											sizeof(GvHnswVector *) * n_places);
}

/*
 * gv_hnsw_vectors_init
 *		Begin with no vectors.
 *
 * context: that holds them, and is reset whenever they are forgotten
 * max_bytes: what gv_hnsw_vectors_trim lets them take
 *
 * What is needed longer is in the current memory context.
 */
void
gv_hnsw_vectors_init(GvHnswVectors *vectors, GvHnswIndex *ix, MemoryContext context,
					 Size max_bytes)
{
	memset(vectors, 0, sizeof(*vectors));
	vectors->ix = ix;
	vectors->max_bytes = max_bytes;
	vectors->context = context;
	vectors->reader.index = ix;
	vectors->reader.context = vectors->context;
	if (gv_hnsw_layout_has_codes(&ix->layout))
	{
		Size		table_bytes = ix->layout.code_dims / GV_RABITQ_GROUP_DIMS *
			GV_FASTSCAN_GROUP_BYTES;

		vectors->query.table = palloc(table_bytes);
		vectors->to_query.table = palloc(table_bytes);
	}
	gv_am_probe_init(&vectors->probe, ix->opclass, context);
	vectors->to_id = GV_HNSW_INVALID_ID;
	make_places(vectors, MIN_PLACES);
}

/*
 * gv_hnsw_vectors_trim
 *		Forget all vectors if they take too much memory.
 *
 * Called between pieces of work: what was read before is gone then.
 */
void
gv_hnsw_vectors_trim(GvHnswVectors *vectors)
{
	if (MemoryContextMemAllocated(vectors->context, true) <= vectors->max_bytes)
		return;
	MemoryContextReset(vectors->context);
	vectors->reader.value_buffer = NULL;
	vectors->reader.value_buffer_size = 0;
	vectors->n = 0;
	vectors->to_id = GV_HNSW_INVALID_ID;
	gv_am_probe_init(&vectors->probe, vectors->ix->opclass, vectors->context);
	make_places(vectors, MIN_PLACES);
}

/* The place of an id, or the empty one where it belongs */
static inline uint32
find_place(const GvHnswVectors *vectors, uint32 id)
{
	uint32		i = (id * 0x9E3779B1u) & vectors->mask;

	while (vectors->place[i] != NULL && vectors->place[i]->id != id)
		i = (i + 1) & vectors->mask;
	return i;
}

static void
grow_places(GvHnswVectors *vectors)
{
	GvHnswVector **old = vectors->place;
	uint32		n_old = vectors->mask + 1;

	make_places(vectors, n_old * 2);
	for (uint32 i = 0; i < n_old; i++)
	{
		if (old[i] != NULL)
			vectors->place[find_place(vectors, old[i]->id)] = old[i];
	}
	pfree(old);
}

/*
 * gv_hnsw_vectors_has
 *		Was the vector of a node read already?
 */
bool
gv_hnsw_vectors_has(const GvHnswVectors *vectors, uint32 id)
{
	return vectors->place[find_place(vectors, id)] != NULL;
}

/*
 * gv_hnsw_vectors_read
 *		Return the vector of a node; NULL if the node is not live.
 */
GvHnswVector *
gv_hnsw_vectors_read(GvHnswVectors *vectors, uint32 id)
{
	uint32		i = find_place(vectors, id);
	MemoryContext old_context;
	GvHnswVector *vector;

	if (vectors->place[i] != NULL)
		return vectors->place[i];

	old_context = MemoryContextSwitchTo(vectors->context);
	vector = palloc(sizeof(GvHnswVector));
	vector->id = id;
	vector->z = gv_hnsw_copy_vector(vectors->ix, &vectors->reader, id, &vector->key_bias,
									&vector->version);
	MemoryContextSwitchTo(old_context);
	if (vector->z == NULL)
	{
		pfree(vector);
		return NULL;
	}
	vectors->place[i] = vector;
	if (++vectors->n * 2 > vectors->mask)
		grow_places(vectors);
	return vector;
}

/* Estimate the keys of a node's neighbors to a query vector */
static void
estimate_keys(const GvHnswLayout *layout, GvHnswNode node, const GvRabitqQuery *query,
			  float base_key, int n, float *keys)
{
	for (int base = 0; base < n; base += GV_FASTSCAN_LANES)
		gv_kernels->fastscan_estimate(gv_hnsw_node_codes(layout, node, base / GV_FASTSCAN_LANES),
									  query->table, query->n_groups,
									  gv_hnsw_node_add(layout, node) + base,
									  gv_hnsw_node_rescale(layout, node) + base,
									  base_key, node->edge_scale, query->mul, query->bias,
									  keys + base);
}

/*
 * gv_hnsw_vectors_read_links
 *		Read the links of a node whose vector was read.
 *
 * to: the node to link to, NULL if what the neighbors are to it is not asked for
 * to_key: its key to the node
 */
void
gv_hnsw_vectors_read_links(GvHnswVectors *vectors, const GvHnswVector *own,
						   const GvHnswVector *to, float to_key, GvHnswLinks *links)
{
	GvHnswIndex *ix = vectors->ix;
	const GvHnswLayout *layout = &ix->layout;
	Buffer		buf = gv_am_read_buffer(ix->hints, ix->rel, gv_hnsw_id_block(layout, own->id));
	GvHnswNode	node;

	links->n = 0;
	links->has_marks = gv_hnsw_layout_has_codes(layout);
	if (links->has_marks)
		gv_rabitq_prepare_query(&vectors->query, own->z, layout->code_dims);
	links->has_to_keys = links->has_marks && to != NULL &&
		ix->opclass->metric != GV_AM_METRIC_INNER_PRODUCT;
	if (links->has_to_keys && vectors->to_id != to->id)
	{
		gv_rabitq_prepare_query(&vectors->to_query, to->z, layout->code_dims);
		vectors->to_norm2 = gv_kernels->inner_product_f32(to->z, to->z, layout->own_dims);
		vectors->to_id = to->id;
	}
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	node = gv_hnsw_page_node(ix, BufferGetPage(buf), gv_hnsw_id_slot(layout, own->id));
	if (node != NULL && node->state == GV_HNSW_NODE_LIVE)
	{
		links->n = node->n_neighbors;
		memcpy(links->id, gv_hnsw_node_neighbors(layout, node), links->n * sizeof(uint32));
	}
	if (links->n > 0 && links->has_marks)
	{
		estimate_keys(layout, node, &vectors->query,
					  gv_hnsw_node_base(node, node->own_norm2, 0), links->n, links->key);
		if (links->has_to_keys)
			estimate_keys(layout, node, &vectors->to_query,
						  gv_hnsw_node_base(node, vectors->to_norm2, to_key), links->n,
						  links->to_key);
		for (int lane = 0; lane < links->n; lane++)
			links->fills[lane] = gv_hnsw_node_lane_fills(layout, node, lane);
	}
	UnlockReleaseBuffer(buf);
}

/*
 * gv_hnsw_vectors_fetch_ahead
 *		Have the processor fetch a vector that will be read.
 */
void
gv_hnsw_vectors_fetch_ahead(GvHnswVectors *vectors, uint32 id)
{
	const GvHnswLayout *layout = &vectors->ix->layout;

	if (gv_hnsw_layout_has_codes(layout) && !gv_hnsw_vectors_has(vectors, id))
		gv_hnsw_prefetch_node(vectors->ix, id, Min(layout->neighbor_offset, MAX_BYTES_AHEAD));
}

/*
 * gv_hnsw_vectors_ask
 *		Ask the system for the blocks of vectors that will be read, if those read
 *		of late were not in memory.
 */
void
gv_hnsw_vectors_ask(GvHnswVectors *vectors, const uint32 *ids, int n)
{
	GvHnswIndex *ix = vectors->ix;

	if (likely(gv_am_io_depth(ix->hints, ix->rel) == 0))
		return;
	for (int i = 0; i < n; i++)
	{
		if (!gv_hnsw_vectors_has(vectors, ids[i]))
			gv_am_ask_for_block(ix->hints, ix->rel, gv_hnsw_id_block(&ix->layout, ids[i]));
	}
}

/*
 * gv_hnsw_vectors_key
 *		Return the key of two vectors, without key_bias.
 *
 * Calls for the same a are best made one after the other.
 */
float
gv_hnsw_vectors_key(GvHnswVectors *vectors, const GvHnswVector *a, const GvHnswVector *b)
{
	const GvHnswIndex *ix = vectors->ix;

	if (!gv_hnsw_layout_has_codes(&ix->layout))
		return gv_am_probe_pair_key(&vectors->probe, PointerGetDatum(a->z),
									PointerGetDatum(b->z));
	return gv_kernels->l2_squared_f32(a->z, b->z, ix->layout.own_dims);
}

/* What the choice of neighbors looks at */
typedef struct Choice
{
	GvHnswVectors *vectors;
	GvHnswVector **vector;
} Choice;

static void
choice_pair_keys(void *context, const GvHnswCandidate *candidate,
				 const GvHnswCandidate *const *others, int n, float *keys)
{
	Choice	   *choice = context;

	for (int i = 0; i < n; i++)
		keys[i] = gv_hnsw_vectors_key(choice->vectors, choice->vector[candidate->source],
									  choice->vector[others[i]->source]);
}

/*
 * gv_hnsw_vectors_max_candidates
 *		Return among how many candidates neighbors are chosen: as many as a search
 *		for them has, if there is room for their vectors, and ef_construction at
 *		least.
 */
int
gv_hnsw_vectors_max_candidates(const GvHnswVectors *vectors)
{
	const GvHnswIndex *ix = vectors->ix;
	int			ef = gv_hnsw_aim_linking_ef(ix);
	Size		room;

	if (!gv_hnsw_layout_has_codes(&ix->layout))
		return ef;
	room = vectors->max_bytes / (sizeof(GvHnswVector) + sizeof(float) * ix->layout.own_dims);
	return Max(ix->meta.ef_construction, (int) Min((Size) ef, room));
}

/*
 * gv_hnsw_vectors_choose
 *		Choose a node's neighbors among n sorted candidates, see gv_hnsw_prune.
 *
 * candidates: those that are not live are left out; source is overwritten
 */
int
gv_hnsw_vectors_choose(GvHnswVectors *vectors, GvHnswCandidate *candidates, int n,
					   int degree, int *n_diverse)
{
	Choice		choice = {vectors, palloc(sizeof(GvHnswVector *) * (n + 1))};
	int			n_live = 0;

	for (int i = 0; i < n; i++)
	{
		GvHnswVector *vector;

		if (i + N_AHEAD < n)
			gv_hnsw_vectors_fetch_ahead(vectors, candidates[i + N_AHEAD].id);
		vector = gv_hnsw_vectors_read(vectors, candidates[i].id);
		if (vector == NULL)
			continue;
		candidates[n_live] = candidates[i];
		candidates[n_live].source = n_live;
		choice.vector[n_live++] = vector;
	}
	n = gv_hnsw_prune(candidates, n_live, degree, degree, n_diverse, choice_pair_keys, &choice);
	pfree(choice.vector);
	return n;
}
