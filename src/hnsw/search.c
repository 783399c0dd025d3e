/*-------------------------------------------------------------------------
 *
 * search.c
 *		Best-first search of the graph.
 *
 * The pool holds the ef best nodes seen.  The best that is not expanded is
 * read: with codes its page gives the distance of its own vector and estimates
 * of all its neighbors; without codes each new neighbor's page is read.  The
 * search ends when all of the pool are expanded.  Nodes that do not fit into
 * the pool are kept aside, so that the search can go on with a larger one.
 *
 * One page is locked at a time, shared, and never across an interrupt check.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "am/sort.h"
#include "base/compare.h"
#include "base/compat.h"
#include "base/random.h"
#include "hnsw/bypass.h"
#include "hnsw/filter.h"
#include "hnsw/node.h"
#include "hnsw/search.h"

/* Entries of the entry table from which a search starts */
#define N_SEEDS 8

/*
 * So many dead nodes are passed for each place of the pool, no more: where
 * nothing is alive, a search need not read the whole index
 */
#define MAX_DEAD_PER_PLACE 8

/*
 * A node found again has a place in the pool until its turn comes, which a
 * smaller pool would have lacked.  So many of them count as one: by measurement,
 * for pools hardly larger than the number of rows.
 */
#define AGAIN_PER_PLACE 16

/* Where products are less they tell no difference any more */
#define LEAST_PRODUCT 0.001f

/*
 * Without codes: the page of a node is asked for so many nodes before it is
 * looked at, the node so many nodes after its page; and bytes of the value, the
 * processor fetches the rest of a long one by itself
 */
#define PAGES_AHEAD 10
#define NODES_BEHIND 5
#define PREFETCH_VALUE_BYTES 256

/* A node that was seen is not expanded again */
static void
leave_out(GvHnswSearch *search)
{
	if (search->left_out != 0)
		gv_idset_add(&search->seen, search->left_out);
}

/*
 * gv_hnsw_search_init
 *		Prepare a search.
 *
 * search: zeroed by the caller but for fields that it sets itself
 * context: lives as long as the search
 */
void
gv_hnsw_search_init(GvHnswSearch *search, GvHnswIndex *index, MemoryContext context,
					int ef)
{
	const GvHnswLayout *layout = &index->layout;

	search->index = index;
	search->context = context;
	search->pool.capacity = ef;
	search->pool.n = 0;
	search->pool.cursor = 0;
	search->pool.element = MemoryContextAllocHuge(context, (Size) (ef + 1) * sizeof(uint64));
	search->max_found = ef + ef / 2 + 16;
	search->found = MemoryContextAllocHuge(context,
										   search->max_found * sizeof(GvHnswFound));
	search->max_spilled = 16 * (int64) ef + layout->degree;
	if (search->keep_spilled)
		search->spilled = MemoryContextAllocHuge(context,
												 search->max_spilled * sizeof(GvHnswSpilled));
	if (search->spilled_limit == 0)
		search->spilled_limit = PG_INT64_MAX;
	if (gv_hnsw_layout_has_codes(layout))
		search->query.table = MemoryContextAlloc(context, layout->code_dims /
												 GV_RABITQ_GROUP_DIMS * GV_FASTSCAN_GROUP_BYTES);
	else
		gv_am_probe_init(&search->probe, index->opclass, context);
	gv_idset_init(&search->seen, context, 4096);
	leave_out(search);
	search->asked.place = NULL;
}

/*
 * gv_hnsw_search_set_point
 *		Set the query of a search in an index with codes.
 *
 * z: float[padded_dim], kept
 */
void
gv_hnsw_search_set_point(GvHnswSearch *search, float *z)
{
	const GvHnswLayout *layout = &search->index->layout;

	search->z = z;
	search->z_norm2 = gv_kernels->inner_product_f32(z, z, layout->padded_dim);
	gv_rabitq_prepare_query(&search->query, z, layout->code_dims);
}

static inline void
spill(GvHnswSearch *search, float key, uint32 id)
{
	if (!search->keep_spilled)
		return;
	if (search->n_spilled >= search->max_spilled)
	{
		search->max_spilled *= 2;
		search->spilled = repalloc_huge(search->spilled,
										search->max_spilled * sizeof(GvHnswSpilled));
	}
	search->spilled[search->n_spilled].key = key;
	search->spilled[search->n_spilled].id = id;
	search->n_spilled++;
}

/* Offer a node to the pool, and keep aside what has no place in it */
static void
insert_into_pool(GvHnswSearch *search, float key, uint32 id)
{
	uint64_t	rejected;

	if (gv_pool_insert(&search->pool, key, id, &rejected))
		spill(search, gv_pool_element_key(rejected), (uint32) rejected);
}

/* The same for several */
static void
insert_all_into_pool(GvHnswSearch *search, const uint64_t *elements, int n)
{
	uint64_t	rejected[GV_POOL_MAX_OFFERED];

	for (int first = 0; first < n; first += GV_POOL_MAX_OFFERED)
	{
		int			n_rejected = gv_pool_insert_all(&search->pool, elements + first,
													Min(n - first, GV_POOL_MAX_OFFERED),
													rejected);

		for (int i = 0; i < n_rejected; i++)
			spill(search, gv_pool_element_key(rejected[i]), (uint32) rejected[i]);
	}
}

/* Add a node to the expanded ones; the caller holds a lock on its page */
static GvHnswFound *
add_found(GvHnswSearch *search, GvHnswNode node, uint32 id, float key, float key_bias)
{
	GvHnswFound *found;

	if (search->n_found >= search->max_found)
	{
		search->max_found *= 2;
		search->found = repalloc_huge(search->found,
									  search->max_found * sizeof(GvHnswFound));
	}
	found = &search->found[search->n_found++];
	found->key = key + key_bias;
	found->key_bias = key_bias;
	found->error = node->own_error;
	found->id = id;
	found->tid_chunk = node->tid_chunk;
	found->version = node->version;
	found->state = node->state;
	found->tid = node->tid;
	found->value_hash = node->value_hash;
	return found;
}

/*
 * A node that is dead leads the search on, but takes no place of a live one.
 * The caller is expanding it, so it is at the cursor.
 */
static inline void
make_room_for_live(GvHnswSearch *search, const GvHnswFound *found)
{
	if (found->state != GV_HNSW_NODE_LIVE &&
		search->n_dead < MAX_DEAD_PER_PLACE * (int64) search->pool.capacity)
	{
		search->n_dead++;
		gv_pool_remove(&search->pool);
	}
}

/* Let nodes that do not pass the filter seem farther than they are */
static inline void
add_detours(GvHnswSearch *search, float *keys, const uint32 *ids, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (!gv_hnsw_passing_has(search->passing, ids[i]))
			keys[i] += search->detour * fabsf(keys[i]);
	}
}

/*
 * Expand a node with codes.
 *
 * next: the element of the pool that comes next, whose node the processor was asked
 * for; PG_UINT64_MAX if none is left
 */
static void
expand_with_codes(GvHnswSearch *search, uint32 id, uint64_t next)
{
	GvHnswIndex *index = search->index;
	const GvHnswLayout *layout = &index->layout;
	float		keys[PG_UINT8_MAX + 1];
	uint32		ids[PG_UINT8_MAX + 1];
	uint64_t	elements[PG_UINT8_MAX + 1];
	GvHnswSpilled spilled[PG_UINT8_MAX + 1];
	int			n = 0;
	int			n_new = 0;
	int			n_spilled = 0;
	uint64_t	best = PG_UINT64_MAX;
	float		bound;
	Buffer		buf;
	GvHnswNode	node;

	buf = gv_am_read_buffer(index->hints, index->rel, gv_hnsw_id_block(layout, id));
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	node = gv_hnsw_slot_node(layout, BufferGetPage(buf), gv_hnsw_id_slot(layout, id));
	if (gv_hnsw_node_is_valid(layout, node))
	{
		float		key = gv_hnsw_node_key(layout, node, search->z);
		uint32	   *neighbors = gv_hnsw_node_neighbors(layout, node);
		GvHalf	   *add = gv_hnsw_node_add(layout, node);
		GvHalf	   *rescale = gv_hnsw_node_rescale(layout, node);
		float		center_key = gv_hnsw_node_base(node, search->z_norm2, key);
		GvHnswFound *found = add_found(search, node, id, key, node->u.key_bias);

		make_room_for_live(search, found);
		bound = gv_pool_bound(&search->pool);

		for (int base = 0; base < node->n_neighbors; base += GV_FASTSCAN_LANES)
		{
			float		estimates[GV_FASTSCAN_LANES];
			int			n_lanes = Min(GV_FASTSCAN_LANES, node->n_neighbors - base);

			gv_kernels->fastscan_estimate(gv_hnsw_node_codes(layout, node,
															 base / GV_FASTSCAN_LANES),
										  search->query.table, search->query.n_groups,
										  add + base, rescale + base, center_key,
										  node->edge_scale,
										  search->query.mul, search->query.bias, estimates);
			if (search->passing != NULL)
				add_detours(search, estimates, neighbors + base, n_lanes);
			for (int lane = 0; lane < n_lanes; lane++)
			{
				bool		enters = estimates[lane] < bound;

				/* without branches; what is not counted is overwritten */
				keys[n] = spilled[n_spilled].key = estimates[lane];
				ids[n] = spilled[n_spilled].id = neighbors[base + lane];
				n += enters;
				n_spilled += !enters;
			}
		}
	}
	UnlockReleaseBuffer(buf);

	if (search->keep_spilled && n_spilled > 0)
	{
		if (search->n_spilled + n_spilled > search->max_spilled)
		{
			search->max_spilled *= 2;
			search->spilled = repalloc_huge(search->spilled,
											search->max_spilled * sizeof(GvHnswSpilled));
		}
		memcpy(search->spilled + search->n_spilled, spilled,
			   n_spilled * sizeof(GvHnswSpilled));
		search->n_spilled += n_spilled;
	}

	/*
	 * A node may be in the pool more than once: its estimates beside different
	 * nodes err independently, so the best of them finds it more often.
	 */
	for (int i = 0; i < n; i++)
	{
		uint64_t	element = gv_pool_element(keys[i], ids[i]);

		if (gv_idset_contains(&search->seen, ids[i]))
			continue;
		elements[n_new++] = element;
		best = Min(best, element);
	}
	/* it arrives while the pool is put in order */
	if (best < next)
		gv_hnsw_prefetch_node(index, (uint32) best, BLCKSZ);
	insert_all_into_pool(search, elements, n_new);
}

/*
 * gv_hnsw_node_value
 *		Return the value of a node without codes.
 *
 * The caller holds a lock on the node's page; the value lies in the page or
 * in a buffer of the search that the next call uses again.
 */
Datum
gv_hnsw_node_value(GvHnswSearch *search, GvHnswNode node)
{
	GvHnswIndex *index = search->index;
	char	   *start = (char *) node + index->layout.value_offset;
	Size		total = VARSIZE(start);
	Size		done;
	BlockNumber blkno = node->u.vector_blkno;
	BlockNumber n_blocks;

	if (blkno == InvalidBlockNumber)
		return PointerGetDatum(start);

	if (total > MaxAllocSize)
		gv_hnsw_report_corruption(index->rel, blkno, "A value is too long.");
	if (total > search->value_buffer_size)
	{
		if (search->value_buffer)
			pfree(search->value_buffer);
		search->value_buffer = MemoryContextAlloc(search->context, total);
		search->value_buffer_size = total;
	}
	done = Min(total, (Size) index->layout.value_room);
	memcpy(search->value_buffer, start, done);
	n_blocks = RelationGetNumberOfBlocks(index->rel);
	while (done < total)
	{
		Buffer		buf;
		GvHnswChainPage chain;

		if (blkno >= n_blocks)
			gv_hnsw_report_corruption(index->rel, blkno, "A value leads nowhere.");
		buf = gv_am_read_buffer(index->hints, index->rel, blkno);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		chain = gv_hnsw_page_chain(BufferGetPage(buf));
		if (!gv_hnsw_page_is(BufferGetPage(buf), GV_HNSW_PAGE_VECTOR) ||
			chain->n_bytes == 0 || chain->n_bytes > GV_HNSW_CHAIN_ROOM ||
			done + chain->n_bytes > total)
			gv_hnsw_report_corruption(index->rel, blkno, "A page of a value is not of its kind.");
		memcpy(search->value_buffer + done, chain + 1, chain->n_bytes);
		done += chain->n_bytes;
		blkno = chain->next;
		UnlockReleaseBuffer(buf);
	}
	return PointerGetDatum(search->value_buffer);
}

/* The key of a node without codes, whose page the caller has locked */
static float
exact_node_key(GvHnswSearch *search, GvHnswNode node)
{
	if (search->probe.value != search->value)
		gv_am_probe_set(&search->probe, search->value);
	return gv_am_probe_key(&search->probe, gv_hnsw_node_value(search, node));
}

/* Read a node without codes; false if there is none any more */
static bool
read_exact_key(GvHnswSearch *search, uint32 id, float *key)
{
	GvHnswIndex *index = search->index;
	Buffer		buf;
	GvHnswNode	node;

	buf = gv_am_read_buffer(index->hints, index->rel, gv_hnsw_id_block(&index->layout, id));
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	node = gv_hnsw_page_node(index, BufferGetPage(buf), gv_hnsw_id_slot(&index->layout, id));
	if (node != NULL)
		*key = exact_node_key(search, node);
	UnlockReleaseBuffer(buf);

	if (node != NULL && search->passing != NULL)
		add_detours(search, key, &id, 1);
	return node != NULL;
}

/* Ask the processor for a node without codes, in two steps */
static inline void
prefetch_exact(GvHnswSearch *search, uint32 id, int step)
{
	const GvHnswLayout *layout = &search->index->layout;

	gv_am_prefetch_item(search->index->hints, gv_hnsw_id_block(layout, id),
						gv_hnsw_id_slot(layout, id) + 1, step,
						layout->value_offset + PREFETCH_VALUE_BYTES);
}

/* Ask the system for a node's block, once in a search */
static void
ask_for_node(GvHnswSearch *search, uint32 id)
{
	GvHnswIndex *index = search->index;

	if (search->asked.place == NULL)
		gv_idset_init(&search->asked, search->context, 1024);
	if (gv_idset_add(&search->asked, id))
		gv_am_ask_for_block(index->hints, index->rel, gv_hnsw_id_block(&index->layout, id));
}

/*
 * Ask the system for the nodes that come next.  Few are in vain: a search ends
 * only when all of the pool are expanded.
 */
static void
ask_for_next_nodes(GvHnswSearch *search, int io_depth)
{
	const GvPool *pool = &search->pool;

	for (int i = pool->cursor; i < pool->n && io_depth > 0; i++)
	{
		if (pool->element[i] & GV_POOL_EXPANDED)
			continue;
		ask_for_node(search, (uint32) pool->element[i]);
		io_depth--;
	}
}

/* Expand a node without codes */
static void
expand_exact(GvHnswSearch *search, uint32 id)
{
	GvHnswIndex *index = search->index;
	uint32		ids[PG_UINT8_MAX];
	uint64_t	elements[PG_UINT8_MAX];
	int			n = 0;
	int			n_new = 0;
	int			n_elements = 0;
	float		bound;
	Buffer		buf;
	GvHnswNode	node;

	buf = gv_am_read_buffer(index->hints, index->rel, gv_hnsw_id_block(&index->layout, id));
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	node = gv_hnsw_page_node(index, BufferGetPage(buf), gv_hnsw_id_slot(&index->layout, id));
	if (node != NULL)
	{
		GvHnswFound *found;

		/* the pool rounds keys, so compute it again */
		found = add_found(search, node, id, exact_node_key(search, node), 0);
		found->error = 0;
		make_room_for_live(search, found);
		n = node->n_neighbors;
		memcpy(ids, gv_hnsw_node_neighbors(&index->layout, node), n * sizeof(uint32));
	}
	UnlockReleaseBuffer(buf);
	if (unlikely(search->bypass != NULL))
		gv_hnsw_bypass_replace(search->bypass, id, ids, n);

	if (gv_am_io_depth(index->hints, index->rel) > 0)
	{
		for (int i = 0; i < n; i++)
		{
			if (!gv_idset_contains(&search->seen, ids[i]))
				ask_for_node(search, ids[i]);
		}
	}
	for (int i = 0; i < n; i++)
	{
		if (gv_idset_add(&search->seen, ids[i]))
			ids[n_new++] = ids[i];
	}
	bound = gv_pool_bound(&search->pool);
	/* most of the time goes into waiting for memory: pages first, nodes then */
	for (int i = 0; i < n_new + PAGES_AHEAD; i++)
	{
		uint32		other;
		float		key;

		if (i < n_new)
			prefetch_exact(search, ids[i], 0);
		if (i >= NODES_BEHIND && i - NODES_BEHIND < n_new)
			prefetch_exact(search, ids[i - NODES_BEHIND], 1);
		if (i < PAGES_AHEAD)
			continue;
		other = ids[i - PAGES_AHEAD];
		if (!read_exact_key(search, other, &key))
			continue;
		if (key < bound)
			elements[n_elements++] = gv_pool_element(key, other);
		else
			spill(search, key, other);
	}
	insert_all_into_pool(search, elements, n_elements);
}

/* Replace estimates of a block of entries by keys of their own vectors, where they are known */
static void
measure_entries(const GvHnswSearch *search, const GvHnswCache *cache, int block, float *estimates)
{
	int			dims = search->index->layout.padded_dim;

	for (int i = 0; i < GV_FASTSCAN_LANES; i++)
	{
		int			lane = block * GV_FASTSCAN_LANES + i;
		float		bias = cache->entry_biases[lane];

		if (!isnan(bias))
			estimates[i] = bias +
				gv_kernels->l2_squared_f32(search->z, cache->entry_points + (Size) lane * dims,
										   dims);
	}
}

/*
 * gv_hnsw_search_seed
 *		Put the best entries of the entry table into the pool.
 */
void
gv_hnsw_search_seed(GvHnswSearch *search, const GvHnswCache *cache)
{
	const GvHnswLayout *layout = &search->index->layout;
	float		best_key[N_SEEDS];
	uint32		best_id[N_SEEDS];
	int			n_best = 0;

	for (int b = 0; b < cache->n_entry_blocks; b++)
	{
		GvHnswEntryBlock block = (GvHnswEntryBlock)
			(cache->entry_blocks + (Size) b * layout->entry_block_size);
		float		estimates[GV_FASTSCAN_LANES];

		if (!gv_hnsw_layout_has_codes(layout))
		{
			/* few: take them all */
			for (int lane = 0; lane < GV_FASTSCAN_LANES; lane++)
			{
				float		key;

				if (block->node[lane] == GV_HNSW_INVALID_ID ||
					!gv_idset_add(&search->seen, block->node[lane]) ||
					!read_exact_key(search, block->node[lane], &key))
					continue;
				if (key < gv_pool_bound(&search->pool))
					insert_into_pool(search, key, block->node[lane]);
				else
					spill(search, key, block->node[lane]);
			}
			continue;
		}

		gv_kernels->fastscan_estimate(gv_hnsw_entry_codes(block), search->query.table,
									  search->query.n_groups, block->add, block->rescale,
									  search->z_norm2, block->edge_scale,
									  search->query.mul, search->query.bias, estimates);
		if (cache->entry_points != NULL)
			measure_entries(search, cache, b, estimates);
		if (search->passing != NULL)
			add_detours(search, estimates, block->node, GV_FASTSCAN_LANES);
		for (int lane = 0; lane < GV_FASTSCAN_LANES; lane++)
		{
			int			place;

			if (block->node[lane] == GV_HNSW_INVALID_ID ||
				(n_best == N_SEEDS && estimates[lane] >= best_key[N_SEEDS - 1]))
				continue;
			place = n_best < N_SEEDS ? n_best++ : N_SEEDS - 1;
			for (; place > 0 && best_key[place - 1] > estimates[lane]; place--)
			{
				best_key[place] = best_key[place - 1];
				best_id[place] = best_id[place - 1];
			}
			best_key[place] = estimates[lane];
			best_id[place] = block->node[lane];
		}
	}

	for (int i = 0; i < n_best; i++)
		insert_into_pool(search, best_key[i], best_id[i]);
}

/*
 * gv_hnsw_search_seed_node
 *		Begin at a node: it is expanded first, whatever its key.
 */
void
gv_hnsw_search_seed_node(GvHnswSearch *search, uint32 id)
{
	if (!gv_hnsw_layout_has_codes(&search->index->layout))
		gv_idset_add(&search->seen, id);
	insert_into_pool(search, -INFINITY, id);
}

/*
 * gv_hnsw_search_found_live
 *		Has a search found nodes other than dead ones?
 */
bool
gv_hnsw_search_found_live(const GvHnswSearch *search)
{
	for (int64 i = 0; i < search->n_found; i++)
	{
		if (search->found[i].state == GV_HNSW_NODE_LIVE)
			return true;
	}
	return false;
}

/*
 * gv_hnsw_search_seed_live
 *		Put the entries that are live into the pool, though they may be far.
 *
 * For a search that has found dead nodes only.
 */
void
gv_hnsw_search_seed_live(GvHnswSearch *search, const GvHnswCache *cache)
{
	GvHnswIndex *index = search->index;
	const GvHnswLayout *layout = &index->layout;

	search->n_dead = 0;
	for (int i = 0; i < cache->n_entry_blocks * GV_FASTSCAN_LANES; i++)
	{
		GvHnswEntryBlock block = (GvHnswEntryBlock)
			(cache->entry_blocks + (Size) (i / GV_FASTSCAN_LANES) * layout->entry_block_size);
		uint32		id = block->node[i % GV_FASTSCAN_LANES];
		float		key = 0;
		bool		is_live;
		Buffer		buf;
		GvHnswNode	node;

		if (id == GV_HNSW_INVALID_ID)
			continue;
		CHECK_FOR_INTERRUPTS();
		buf = gv_am_read_buffer(index->hints, index->rel, gv_hnsw_id_block(layout, id));
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		node = gv_hnsw_page_node(index, BufferGetPage(buf), gv_hnsw_id_slot(layout, id));
		is_live = node != NULL && node->state == GV_HNSW_NODE_LIVE;
		if (is_live && gv_hnsw_layout_has_codes(layout))
			key = gv_hnsw_node_key(layout, node, search->z) + node->u.key_bias;
		else if (is_live)
			key = exact_node_key(search, node);
		UnlockReleaseBuffer(buf);
		if (is_live)
			insert_into_pool(search, key, id);
	}
}

/*
 * gv_hnsw_search_run_until
 *		Expand nodes until so many were found, or all of the pool are expanded.
 *
 * Returns false if all of the pool are expanded.
 */
bool
gv_hnsw_search_run_until(GvHnswSearch *search, int64 n_found)
{
	GvHnswIndex *index = search->index;
	GvPool	   *pool = &search->pool;
	bool		has_codes = gv_hnsw_layout_has_codes(&index->layout);

	while (search->n_found < n_found)
	{
		uint32		id;
		uint64_t	next;
		int			io_depth;

		if (!gv_pool_advance(pool))
			return false;

		CHECK_FOR_INTERRUPTS();

		io_depth = gv_am_io_depth(index->hints, index->rel);
		if (unlikely(io_depth > 0))
			ask_for_next_nodes(search, io_depth);
		id = (uint32) pool->element[pool->cursor];
		pool->element[pool->cursor] |= GV_POOL_EXPANDED;
		if (!has_codes)
		{
			search->ef_needed = Max(search->ef_needed, pool->cursor + 1);
			expand_exact(search, id);
			continue;
		}

		if (!gv_idset_add(&search->seen, id))
		{
			gv_pool_remove(pool);
			search->n_again++;
			continue;
		}
		search->ef_needed = Max(search->ef_needed,
								pool->cursor + 1 + search->n_again / AGAIN_PER_PLACE);

		/* the node that comes next, unless this one leads to a better */
		next = PG_UINT64_MAX;
		for (int i = pool->cursor + 1; i < pool->n; i++)
		{
			if (!(pool->element[i] & GV_POOL_EXPANDED))
			{
				next = pool->element[i];
				gv_hnsw_prefetch_node(index, (uint32) next, BLCKSZ);
				break;
			}
		}
		expand_with_codes(search, id, next);
	}
	return true;
}

/*
 * gv_hnsw_search_run
 *		Expand nodes until all of the pool are expanded.
 */
void
gv_hnsw_search_run(GvHnswSearch *search)
{
	(void) gv_hnsw_search_run_until(search, PG_INT64_MAX);
}

/*
 * gv_hnsw_search_key_difficulty
 *		Return the difficulty of a query whose fifth best node has such a key.
 *
 * By inner product keys of queries that have little to do with any row come near
 * to a limit; how little, the inverse of the product tells, that of a unit query
 * with a row of unit length.
 */
float
gv_hnsw_search_key_difficulty(const GvHnswIndex *index, float key)
{
	double		norm = (double) index->meta.max_norm * index->meta.inverse_unit;

	if (index->meta.metric != GV_AM_METRIC_INNER_PRODUCT ||
		!gv_hnsw_layout_has_codes(&index->layout))
		return key;
	return norm > 0 ? norm / Max((1 + norm * norm - key) / 2, norm * LEAST_PRODUCT) : 0;
}

/*
 * gv_hnsw_search_difficulty
 *		Return the difficulty of the query by the first so many nodes expanded: the
 *		larger, the more ef it takes.
 *
 * That is the key of the fifth best of them: where rows are sparse, or far from
 * the query, the graph leads less well.
 */
float
gv_hnsw_search_difficulty(const GvHnswSearch *search, int64 n_found)
{
	float		best[GV_HNSW_DIFFICULTY_RANK];
	int			n = 0;

	for (int64 i = 0; i < Min(search->n_found, n_found); i++)
	{
		float		key = search->found[i].key;
		int			place;

		if (n == GV_HNSW_DIFFICULTY_RANK && !(key < best[n - 1]))
			continue;
		place = n < GV_HNSW_DIFFICULTY_RANK ? n++ : GV_HNSW_DIFFICULTY_RANK - 1;
		for (; place > 0 && best[place - 1] > key; place--)
			best[place] = best[place - 1];
		best[place] = key;
	}
	return gv_hnsw_search_key_difficulty(search->index, n > 0 ? best[n - 1] : 0);
}

/*
 * gv_hnsw_search_probe
 *		Expand a few nodes and return the difficulty of the query.
 *
 * Of a dozen numbers that such a beginning tells, it says most about the rest of
 * the search.
 */
float
gv_hnsw_search_probe(GvHnswSearch *search)
{
	(void) gv_hnsw_search_run_until(search, GV_HNSW_PROBE_EXPANSIONS);
	return gv_hnsw_search_difficulty(search, GV_HNSW_PROBE_EXPANSIONS);
}

/*
 * gv_hnsw_search_narrow
 *		Go on with a smaller ef.
 *
 * A search expands the best of the pool first, whatever its size, so the result
 * is that of a search that had this ef from the start.
 */
void
gv_hnsw_search_narrow(GvHnswSearch *search, int ef)
{
	GvPool	   *pool = &search->pool;

	Assert(ef <= pool->capacity);
	pool->capacity = ef;
	while (pool->n > ef)
	{
		uint64		element = pool->element[--pool->n];

		if (!(element & GV_POOL_EXPANDED))
			spill(search, gv_pool_element_key(element), (uint32) element);
	}
}

/*
 * gv_hnsw_search_restart
 *		Forget all that was found, for a larger ef; seeds come next.
 */
void
gv_hnsw_search_restart(GvHnswSearch *search, int ef)
{
	search->pool.capacity = Max(ef, search->pool.capacity);
	search->pool.element = repalloc_huge(search->pool.element,
										 (Size) (search->pool.capacity + 1) * sizeof(uint64));
	search->pool.n = 0;
	search->pool.cursor = 0;
	search->n_found = 0;
	search->ef_needed = 0;
	search->n_again = 0;
	search->n_spilled = 0;
	search->forgot = false;
	gv_idset_clear(&search->seen);
	leave_out(search);
	if (search->asked.place != NULL)
		gv_idset_clear(&search->asked);
}

static int
compare_spilled(const void *a, const void *b)
{
	const GvHnswSpilled *x = a;
	const GvHnswSpilled *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->id < y->id ? -1 : (x->id > y->id ? 1 : 0);
}

/*
 * gv_hnsw_search_resume
 *		Refill the pool from what was kept aside, for a larger ef.
 *
 * Returns false if nothing is left; else the caller goes on with
 * gv_hnsw_search_run.
 */
bool
gv_hnsw_search_resume(GvHnswSearch *search, int ef)
{
	GvPool	   *pool = &search->pool;
	bool		has_codes = gv_hnsw_layout_has_codes(&search->index->layout);
	int64		kept = 0;
	int64		i;

	Assert(search->keep_spilled);

	/* without codes: from now on the nodes expanded, or in the pool */
	if (!has_codes)
	{
		gv_idset_clear(&search->seen);
		leave_out(search);
		for (i = 0; i < search->n_found; i++)
			gv_idset_add(&search->seen, search->found[i].id);
	}

	pool->capacity = Max(ef, pool->n);
	pool->element = repalloc_huge(pool->element,
								  (Size) (pool->capacity + 1) * sizeof(uint64));

	/* the best new ones into the pool, the others stay */
	for (i = 0; i < search->n_spilled; i++)
	{
		GvHnswSpilled s = search->spilled[i];
		uint64_t	rejected;

		CHECK_FOR_INTERRUPTS();
		if (gv_idset_contains(&search->seen, s.id))
			continue;
		if (s.key >= gv_pool_bound(pool))
		{
			search->spilled[kept++] = s;
			continue;
		}
		/* with codes, being in the pool is not being expanded */
		if (!has_codes)
			gv_idset_add(&search->seen, s.id);
		if (gv_pool_insert(pool, s.key, s.id, &rejected))
		{
			search->spilled[kept].key = gv_pool_element_key(rejected);
			search->spilled[kept++].id = (uint32) rejected;
		}
	}
	if (kept > search->spilled_limit)
	{
		gv_am_sort(search->spilled, kept, sizeof(GvHnswSpilled), compare_spilled);
		kept = search->spilled_limit;
		search->forgot = true;
	}
	search->n_spilled = kept;

	return gv_pool_advance(pool);
}

/*
 * gv_hnsw_search_redirect
 *		Let nodes that do not pass the filter seem farther than they are, from
 *		now on; else as gv_hnsw_search_resume.
 */
bool
gv_hnsw_search_redirect(GvHnswSearch *search, int ef)
{
	GvPool	   *pool = &search->pool;

	for (int i = 0; i < pool->n; i++)
	{
		uint64		element = pool->element[i];
		uint32		id = (uint32) element;
		float		key = gv_pool_element_key(element);

		add_detours(search, &key, &id, 1);
		pool->element[i] = gv_pool_element(key, id) | (element & GV_POOL_EXPANDED);
	}
	qsort(pool->element, pool->n, sizeof(uint64), gv_base_compare_uint64);
	pool->cursor = 0;
	for (int64 i = 0; i < search->n_spilled; i++)
		add_detours(search, &search->spilled[i].key, &search->spilled[i].id, 1);
	return gv_hnsw_search_resume(search, ef);
}
