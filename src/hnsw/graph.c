/*-------------------------------------------------------------------------
 *
 * graph.c
 *		The graph in memory, while an index is built.
 *
 * Rows are linked in batches.  Each row of a batch searches the graph as it
 * was before the batch, which nobody changes meanwhile, and chooses its
 * neighbors; then each row that was chosen decides on links back.  Both steps
 * work on rows one by one and depend on nothing but the graph before, so the
 * result is the same for any number of processes.
 * Source: Manohar et al., PPoPP 2024 (ParlayANN).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "hnsw/graph.h"

/* Rows from the start of the order that a search looks at first */
#define N_STARTS 64

/* Of those, how many enter the pool */
#define N_SEEDS 4

/* Rows that a search remembers, a power of two: by its candidates, and at least */
#define SEEN_PER_EF 64
#define MIN_SEEN_BITS 10

/*
 * Rows that a search expands at a time: what they link to is fetched together.
 * Nearly all of them would be expanded anyway.
 */
#define EXPANDED_AT_ONCE 4

/* Bytes of a point that are fetched ahead */
#define MAX_PREFETCH 512
#define MAX_VALUE_PREFETCH 256

/* With fewer others a probe costs more than it saves */
#define MIN_PROBED 3

/*
 * The part of the candidates that a row has in a group, where what the others
 * find is offered to it, too; and bits by which a group has seen more than a row
 */
#define GROUP_EF_PART 0.66
#define GROUP_SEEN_BITS 1

/*
 * gv_hnsw_graph_keys
 *		The keys of a row and n others.
 *
 * keys: float[n], written
 */
void
gv_hnsw_graph_keys(GvHnswGraphWorker *worker, uint32 row, const uint32 *others, int n,
				   float *keys)
{
	const GvHnswGraph *graph = worker->graph;
	Datum		value;

	if (graph->dims > 0)
	{
		gv_hnsw_points_keys(&graph->points, row, others, n, keys);
		return;
	}
	value = gv_hnsw_graph_value(graph, row);
	if (worker->probe.value != value)
	{
		if (n < MIN_PROBED)
		{
			for (int i = 0; i < n; i++)
				keys[i] = gv_am_exact_key(graph->opclass, value,
										  gv_hnsw_graph_value(graph, GV_HNSW_LINK_ROW(others[i])));
			return;
		}
		gv_am_probe_set(&worker->probe, value);
	}
	for (int i = 0; i < n; i++)
	{
		char	   *other = graph->values + graph->value_offset[GV_HNSW_LINK_ROW(others[i])];

		for (int b = 0; b < MAX_VALUE_PREFETCH; b += 64)
			__builtin_prefetch(other + b);
	}
	for (int i = 0; i < n; i++)
		keys[i] = gv_am_probe_key(&worker->probe,
								  gv_hnsw_graph_value(graph, GV_HNSW_LINK_ROW(others[i])));
}

/*
 * gv_hnsw_graph_mean_product
 *		The mean inner product of a row with codes and those it links to, by high planes.
 *
 * From the keys of the links: |a|^2 + |b|^2 - |a - b|^2 is twice the product.
 */
double
gv_hnsw_graph_mean_product(const GvHnswGraph *graph, uint32 row)
{
	const uint32 *links = graph->links + (Size) row * graph->degree;
	const float *keys = graph->link_keys + (Size) row * graph->degree;
	int			n = graph->n_links[row];
	double		sum = 0;

	for (int i = 0; i < n; i++)
		sum += (double) gv_hnsw_point_head(&graph->points, GV_HNSW_LINK_ROW(links[i]))->norm2 -
			keys[i];
	return n > 0 ? (gv_hnsw_point_head(&graph->points, row)->norm2 + sum / n) / 2 : 0;
}

static void
candidate_pair_keys(void *context, const GvHnswCandidate *candidate,
					const GvHnswCandidate *others, int n, float *keys)
{
	uint32		rows[GV_HNSW_PRUNE_STEP];

	for (int i = 0; i < n; i++)
		rows[i] = others[i].id;
	gv_hnsw_graph_keys(context, candidate->id, rows, n, keys);
}

/*
 * gv_hnsw_graph_worker_init
 *		Prepare a process to work on the graph.
 */
void
gv_hnsw_graph_worker_init(GvHnswGraphWorker *worker, GvHnswGraph *graph,
						  MemoryContext context)
{
	int			ef = graph->ef_construction;

	worker->graph = graph;
	worker->context = context;
	gv_am_probe_init(&worker->probe, graph->opclass, context);
	worker->pool.capacity = ef;
	worker->pool.element = MemoryContextAlloc(context, sizeof(uint64) * (ef + 1));
	worker->max_candidates = ef + graph->degree;
	worker->candidates = MemoryContextAlloc(context, sizeof(GvHnswCandidate) *
											worker->max_candidates);
	worker->keys = MemoryContextAlloc(context, sizeof(float) *
									  Max(graph->degree * EXPANDED_AT_ONCE, N_STARTS));
	worker->seen_bits = MIN_SEEN_BITS;
	while ((1 << worker->seen_bits) < SEEN_PER_EF * ef)
		worker->seen_bits++;
	if (graph->dims > 0)
	{
		worker->seen_bits += GROUP_SEEN_BITS;
		worker->expanded = MemoryContextAlloc(context, sizeof(uint16) << worker->seen_bits);
		worker->group_ef = Max((int) (GROUP_EF_PART * ef), Min(ef, graph->degree));
		for (int i = 0; i < GV_HNSW_GROUP; i++)
			worker->group_pool[i].element =
				MemoryContextAlloc(context, sizeof(uint64) * (worker->group_ef + 1));
	}
	worker->seen = MemoryContextAlloc(context, sizeof(uint16) << worker->seen_bits);
}

/*
 * Have we seen a row in this search?  Now we have.
 *
 * A row forgets another at the same place, which may be seen anew then: that
 * costs a distance, and the pool knows what it contains.  Place and mark
 * together are bits of a hash that differs for any two rows, at least 25 of
 * its 32: so hardly ever is a row taken for another.
 */
static inline bool
see_row(uint16 *seen, int seen_bits, uint32 row)
{
	uint32		hash = row * 0x9E3779B1u;
	uint16	   *place = &seen[hash >> (32 - seen_bits)];
	uint16		mark = (uint16) ((hash << seen_bits) >> 16) | 1;
	bool		is_new = *place != mark;

	*place = mark;
	return is_new;
}

static inline void
prefetch_links(const GvHnswGraph *graph, uint32 row)
{
	char	   *links = (char *) (graph->links + (Size) row * graph->degree);

	__builtin_prefetch(graph->n_links + row);
	for (Size b = 0; b < graph->degree * sizeof(uint32); b += 64)
		__builtin_prefetch(links + b);
}

static inline void
prefetch_keys(const GvHnswGraph *graph, uint32 row)
{
	char	   *keys = (char *) (graph->link_keys + (Size) row * graph->degree);

	for (Size b = 0; b < graph->degree * sizeof(float); b += 64)
		__builtin_prefetch(keys + b);
}

static inline void
prefetch_point(const GvHnswGraph *graph, uint32 row)
{
	char	   *high = (char *) gv_hnsw_point_high(&graph->points, row);

	__builtin_prefetch(gv_hnsw_point_head(&graph->points, row));
	/* the processor fetches the rest of a long one by itself */
	for (int b = 0; b < Min(graph->dims, MAX_PREFETCH); b += 64)
		__builtin_prefetch(high + b);
}

/* Search the rows linked so far; the pool holds the result */
static void
search_graph(GvHnswGraphWorker *worker, uint32 row, uint32 n_linked)
{
	const GvHnswGraph *graph = worker->graph;
	GvPool	   *pool = &worker->pool;
	uint64_t	rejected;
	int			n_starts = Min(n_linked, N_STARTS);

	memset(worker->seen, 0, sizeof(uint16) << worker->seen_bits);

	/* the nearest of the starts */
	pool->n = 0;
	pool->cursor = 0;
	pool->capacity = N_SEEDS;
	gv_hnsw_graph_keys(worker, row, graph->order, n_starts, worker->keys);
	for (int i = 0; i < n_starts; i++)
		gv_pool_insert(pool, worker->keys[i], graph->order[i], &rejected);
	for (int i = 0; i < pool->n; i++)
		see_row(worker->seen, worker->seen_bits, (uint32) pool->element[i]);
	pool->capacity = graph->ef_construction;

	while (gv_pool_advance(pool))
	{
		uint32		next[EXPANDED_AT_ONCE];
		int			n_next = 0;
		uint32		fresh[EXPANDED_AT_ONCE * PG_UINT8_MAX];
		int			n_fresh = 0;
		int			place;

		for (place = pool->cursor; place < pool->n && n_next < EXPANDED_AT_ONCE; place++)
		{
			if (!(pool->element[place] & GV_POOL_EXPANDED))
			{
				next[n_next++] = (uint32) pool->element[place];
				pool->element[place] |= GV_POOL_EXPANDED;
			}
		}
		/* most often among the next to expand, as it is not yet known to be */
		for (int ahead = 0; ahead < EXPANDED_AT_ONCE && place < pool->n; ahead++)
			prefetch_links(graph, (uint32) pool->element[place++]);
		for (int j = 1; j < n_next; j++)
			prefetch_links(graph, next[j]);
		for (int j = 0; j < n_next; j++)
		{
			uint32	   *links = graph->links + (Size) next[j] * graph->degree;
			int			n_links = graph->n_links[next[j]];

			for (int i = 0; i < n_links; i++)
			{
				uint32		neighbor = GV_HNSW_LINK_ROW(links[i]);

				/* without a branch, which would be mispredicted half of the time */
				fresh[n_fresh] = neighbor;
				n_fresh += see_row(worker->seen, worker->seen_bits, neighbor);
			}
		}
		if (graph->dims > 0)
		{
			for (int i = 0; i < n_fresh; i++)
				prefetch_point(graph, fresh[i]);
		}
		gv_hnsw_graph_keys(worker, row, fresh, n_fresh, worker->keys);
		for (int i = 0; i < n_fresh; i++)
		{
			if (worker->keys[i] < gv_pool_bound(pool) &&
				(place = gv_pool_insert_new(pool, worker->keys[i], fresh[i])) >= 0 &&
				place < pool->cursor + EXPANDED_AT_ONCE)
				prefetch_links(graph, fresh[i]);
		}
	}
}

/* Offer others to each row of a group */
static void
offer_to_group(GvHnswGraphWorker *worker, const uint32 *rows, int n_rows,
			   const uint32 *others, int n)
{
	const GvHnswGraph *graph = worker->graph;
	float		keys[GV_HNSW_GROUP * GV_HNSW_CROSS_KEYS];

	for (int i = 0; i < Min(n, GV_HNSW_CROSS_KEYS); i++)
		prefetch_point(graph, others[i]);
	for (int done = 0; done < n; done += GV_HNSW_CROSS_KEYS)
	{
		int			now = Min(n - done, GV_HNSW_CROSS_KEYS);
		int			next = Min(n - done - now, GV_HNSW_CROSS_KEYS);

		for (int i = 0; i < next; i++)
			prefetch_point(graph, others[done + now + i]);
		gv_hnsw_points_cross_keys(&graph->points, rows, n_rows, others + done, now, keys);
		for (int r = 0; r < n_rows; r++)
		{
			GvPool	   *pool = &worker->group_pool[r];
			const float *key = keys + r * now;
			float		bound = gv_pool_bound(pool);
			int			near[GV_HNSW_CROSS_KEYS];
			int			n_near = 0;

			/* without a branch, which would be mispredicted as often as not */
			for (int i = 0; i < now; i++)
			{
				near[n_near] = i;
				n_near += key[i] < bound;
			}
			for (int i = 0; i < n_near; i++)
			{
				uint32		other = others[done + near[i]];

				if (key[near[i]] < gv_pool_bound(pool) && other != rows[r])
					gv_pool_insert_new(pool, key[near[i]], other);
			}
		}
	}
}

/*
 * Search the rows linked so far for a group of rows near each other; the pools
 * hold the results.
 *
 * Each row's best candidate is expanded in turn, unless it was for another, and
 * what it links to is offered to all: so a point is fetched once for them, and
 * half as many candidates a row find as much.
 */
static void
search_group(GvHnswGraphWorker *worker, const uint32 *rows, int n_rows, uint32 n_linked)
{
	const GvHnswGraph *graph = worker->graph;
	GvPool	   *pools = worker->group_pool;
	int			seen_bits = worker->seen_bits;
	int			n_next;

	memset(worker->seen, 0, sizeof(uint16) << seen_bits);
	memset(worker->expanded, 0, sizeof(uint16) << seen_bits);
	for (int r = 0; r < n_rows; r++)
	{
		pools[r].n = 0;
		pools[r].cursor = 0;
		pools[r].capacity = N_SEEDS;
	}
	offer_to_group(worker, rows, n_rows, graph->order, Min(n_linked, N_STARTS));
	for (int r = 0; r < n_rows; r++)
	{
		for (int i = 0; i < pools[r].n; i++)
			see_row(worker->seen, seen_bits, (uint32) pools[r].element[i]);
		pools[r].capacity = worker->group_ef;
	}

	do
	{
		uint32		next[GV_HNSW_GROUP];
		uint32		fresh[GV_HNSW_GROUP * PG_UINT8_MAX];
		int			n_fresh = 0;

		n_next = 0;
		for (int r = 0; r < n_rows; r++)
		{
			bool		is_new = false;

			while (!is_new && gv_pool_advance(&pools[r]))
			{
				uint64_t   *element = &pools[r].element[pools[r].cursor];

				next[n_next] = (uint32) *element;
				*element |= GV_POOL_EXPANDED;
				is_new = see_row(worker->expanded, seen_bits, next[n_next]);
			}
			if (is_new)
				prefetch_links(graph, next[n_next++]);
		}
		for (int j = 0; j < n_next; j++)
		{
			uint32	   *links = graph->links + (Size) next[j] * graph->degree;
			int			n_links = graph->n_links[next[j]];

			for (int i = 0; i < n_links; i++)
			{
				fresh[n_fresh] = GV_HNSW_LINK_ROW(links[i]);
				n_fresh += see_row(worker->seen, seen_bits, fresh[n_fresh]);
			}
		}
		offer_to_group(worker, rows, n_rows, fresh, n_fresh);
	} while (n_next > 0);

	/* nothing links to the rows of the group yet, which are near each other */
	offer_to_group(worker, rows, n_rows, rows, n_rows);
}

/* Choose the neighbors of a row among those in a pool */
static void
link_from_pool(GvHnswGraphWorker *worker, uint32 row, const GvPool *pool)
{
	GvHnswGraph *graph = worker->graph;
	uint32	   *links = graph->links + (Size) row * graph->degree;
	float	   *keys = graph->link_keys + (Size) row * graph->degree;
	int			n = pool->n;
	int			n_diverse;

	for (int i = 0; i < n; i++)
	{
		worker->candidates[i].id = (uint32) pool->element[i];
		worker->candidates[i].key = gv_pool_element_key(pool->element[i]);
	}
	n = gv_hnsw_prune(worker->candidates, n, graph->degree, graph->degree, &n_diverse,
					  candidate_pair_keys, worker);
	for (int i = 0; i < n; i++)
	{
		links[i] = worker->candidates[i].id | (i < n_diverse ? 0 : GV_HNSW_LINK_FILL);
		keys[i] = worker->candidates[i].key;
	}
	graph->n_links[row] = n;
}

/*
 * gv_hnsw_graph_link_row
 *		Choose the neighbors of a row among the first n_linked of the order.
 */
void
gv_hnsw_graph_link_row(GvHnswGraphWorker *worker, uint32 row, uint32 n_linked)
{
	CHECK_FOR_INTERRUPTS();
	search_graph(worker, row, n_linked);
	link_from_pool(worker, row, &worker->pool);
}

/*
 * gv_hnsw_graph_link_group
 *		The same for GV_HNSW_GROUP rows, or fewer, that are near each other.
 */
void
gv_hnsw_graph_link_group(GvHnswGraphWorker *worker, const uint32 *rows, int n_rows,
						 uint32 n_linked)
{
	CHECK_FOR_INTERRUPTS();
	search_group(worker, rows, n_rows, n_linked);
	for (int r = 0; r < n_rows; r++)
		link_from_pool(worker, rows[r], &worker->group_pool[r]);
}

/*
 * Add a link to a row: it replaces the longest that only fills a place, or
 * else the longest of all, if that is longer.
 */
static void
add_link(GvHnswGraphWorker *worker, uint32 target, uint32 source, float key)
{
	GvHnswGraph *graph = worker->graph;
	uint32	   *links = graph->links + (Size) target * graph->degree;
	float	   *keys = graph->link_keys + (Size) target * graph->degree;
	int			n = graph->n_links[target];
	int			place = n;
	uint32		fill = 0;
	uint32		shorter_rows[PG_UINT8_MAX + 1];
	int			n_shorter = 0;
	int			longer[PG_UINT8_MAX];
	uint32		longer_rows[PG_UINT8_MAX];
	float		longer_keys[PG_UINT8_MAX];
	int			n_longer = 0;

	for (int i = 0; i < n; i++)
	{
		if (GV_HNSW_LINK_ROW(links[i]) == source)
			return;
	}

	/* does a shorter link lead there? */
	for (int i = 0; i < n; i++)
	{
		shorter_rows[n_shorter] = links[i];
		n_shorter += !(links[i] & GV_HNSW_LINK_FILL) && keys[i] <= key;
	}
	for (int done = 0; done < n_shorter && fill == 0; done += GV_HNSW_PRUNE_STEP)
	{
		float		shorter_keys[GV_HNSW_PRUNE_STEP];
		int			now = Min(n_shorter - done, GV_HNSW_PRUNE_STEP);

		gv_hnsw_graph_keys(worker, source, shorter_rows + done, now, shorter_keys);
		for (int i = 0; i < now; i++)
		{
			if (shorter_keys[i] <= key)
				fill = GV_HNSW_LINK_FILL;
		}
	}
	/* which longer ones does it make superfluous? */
	if (fill == 0)
	{
		for (int i = 0; i < n; i++)
		{
			if ((links[i] & GV_HNSW_LINK_FILL) || keys[i] <= key)
				continue;
			longer[n_longer] = i;
			longer_rows[n_longer++] = links[i];
		}
		if (n_longer > 0)
			gv_hnsw_graph_keys(worker, source, longer_rows, n_longer, longer_keys);
		for (int i = 0; i < n_longer; i++)
		{
			if (longer_keys[i] <= keys[longer[i]])
				links[longer[i]] |= GV_HNSW_LINK_FILL;
		}
	}

	if (n == graph->degree)
	{
		int			longest_fill = -1;
		int			longest = 0;

		for (int i = 0; i < n; i++)
		{
			if ((links[i] & GV_HNSW_LINK_FILL) &&
				(longest_fill < 0 || keys[i] > keys[longest_fill]))
				longest_fill = i;
			if (keys[i] > keys[longest])
				longest = i;
		}
		place = longest_fill >= 0 ? longest_fill : longest;
		/* a diverse link is worth more than any that fills */
		if ((fill != 0 || longest_fill < 0) && keys[place] <= key)
			return;
		if (fill != 0 && longest_fill < 0)
			return;
	}
	links[place] = source | fill;
	keys[place] = key;
	if (place == n)
		graph->n_links[target]++;
}

/*
 * gv_hnsw_graph_link_back
 *		Let the first of n rows answer the links of a batch; the others are to
 *		follow.
 *
 * edges: of the batch; those to the row form a list
 */
void
gv_hnsw_graph_link_back(GvHnswGraphWorker *worker, const uint32 *targets, uint32 n,
						const GvHnswEdge *edges)
{
	GvHnswGraph *graph = worker->graph;
	uint32		target = targets[0];
	const uint32 *links = graph->links + (Size) target * graph->degree;

	CHECK_FOR_INTERRUPTS();
	if (n > 1)
	{
		prefetch_links(graph, targets[1]);
		prefetch_keys(graph, targets[1]);
	}
	for (int i = 0; i < graph->n_links[target] && graph->dims > 0; i++)
	{
		if (!(links[i] & GV_HNSW_LINK_FILL))
			prefetch_point(graph, links[i]);
	}
	for (uint32 e = graph->incoming[target]; e != GV_HNSW_NO_ROW; e = edges[e].next)
		add_link(worker, target, edges[e].source, edges[e].key);
	graph->incoming[target] = GV_HNSW_NO_ROW;
}
