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
#include "port/pg_bitutils.h"
#include "utils/float.h"

#include "hnsw/graph.h"

/* Rows from the start of the order that a search looks at first */
#define N_STARTS 64

/* Of those, how many enter the pool */
#define N_SEEDS 4

/* Rows that a search remembers, a power of two: by its candidates, and at least */
#define SEEN_PER_EF 64
#define MIN_SEEN_BITS 10

/* Places of the table of candidates, a power of two: by their number, and at least */
#define PLACES_PER_CANDIDATE 4
#define MIN_PLACE_BITS 6

#define NO_PLACE PG_UINT16_MAX

/*
 * Rows that a search expands at a time: what they link to is fetched together.
 * Nearly all of them would be expanded anyway.
 */
#define EXPANDED_AT_ONCE 4

/* Maxima have so many lanes, which compilers turn into vectors */
#define LANES 4

/* Rows that are offered to a group before its pools change */
#define OFFERED_AT_ONCE (4 * GV_HNSW_PANEL_OTHERS)

/* Bytes of a point that are fetched ahead */
#define MAX_PREFETCH 512
#define MAX_VALUE_PREFETCH 256

/* With fewer others a probe costs more than it saves */
#define MIN_PROBED 3

/*
 * The part of the candidates that a row has in a group, where what the others
 * find is offered to it, too, and of how many of them the links are looked at;
 * and bits by which a group has seen more than a row
 */
#define GROUP_EF_PART 0.73
#define GROUP_EXPANDED_PART 0.4
#define GROUP_SEEN_BITS 1

static inline void
prefetch_value(const GvHnswGraph *graph, uint32 row)
{
	const char *value = graph->values + graph->value_offset[row];

	for (int b = 0; b < MAX_VALUE_PREFETCH; b += 64)
		__builtin_prefetch(value + b);
}

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
		prefetch_value(graph, GV_HNSW_LINK_ROW(others[i]));
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

/*
 * gv_hnsw_graph_has_groups
 *		Are rows linked faster in groups?  It takes a kernel of many keys with many.
 */
bool
gv_hnsw_graph_has_groups(const GvHnswGraph *graph)
{
	return graph->dims > 0 ? gv_kernels->level == GV_SIMD_AVX512 :
		gv_am_panel_pays(graph->opclass);
}

/* Make room for a pool, where cache lines begin and end */
static void
init_pool(GvPool *pool, int capacity, MemoryContext context)
{
	Size		size = TYPEALIGN(GV_POOL_STEP, capacity + 1) * sizeof(uint64);
	char	   *area = MemoryContextAlloc(context, size + GV_HNSW_POINT_ALIGN);

	pool->capacity = capacity;
	pool->element = (uint64 *) TYPEALIGN(GV_HNSW_POINT_ALIGN, area);
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
	init_pool(&worker->pool, ef, context);
	worker->candidates = MemoryContextAlloc(context, sizeof(GvHnswCandidate) * (ef + 1));
	worker->place_bits = MIN_PLACE_BITS;
	while ((1 << worker->place_bits) < PLACES_PER_CANDIDATE * ef)
		worker->place_bits++;
	worker->place = MemoryContextAlloc(context, sizeof(uint16) << worker->place_bits);
	worker->keys = MemoryContextAlloc(context, sizeof(float) *
									  Max(graph->degree * EXPANDED_AT_ONCE, N_STARTS));
	worker->seen_bits = MIN_SEEN_BITS;
	while ((1 << worker->seen_bits) < SEEN_PER_EF * ef)
		worker->seen_bits++;
	if (gv_hnsw_graph_has_groups(graph))
	{
		worker->seen_bits += GROUP_SEEN_BITS;
		worker->expanded = MemoryContextAlloc(context, sizeof(uint16) << worker->seen_bits);
		worker->group_ef = Max((int) (GROUP_EF_PART * ef), Min(ef, graph->degree));
		worker->group_expanded = Max((int) (GROUP_EXPANDED_PART * ef), Min(ef, graph->degree));
		if (graph->dims > 0)
			worker->panel.bytes = MemoryContextAlloc(context, GV_HNSW_PANEL_SIZE(graph->dims));
		else
			gv_am_panel_init(&worker->exact_panel, graph->opclass, context);
		for (int i = 0; i < GV_HNSW_GROUP; i++)
			init_pool(&worker->group_pool[i], worker->group_ef, context);
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
				(place = gv_kernels->pool_insert_new(pool, worker->keys[i],
													  fresh[i])) >= 0 &&
				place < pool->cursor + EXPANDED_AT_ONCE)
				prefetch_links(graph, fresh[i]);
		}
	}
}

/* Ask for the points or values of some rows */
static inline void
prefetch_rows(const GvHnswGraph *graph, const uint32 *rows, int n)
{
	if (graph->dims > 0)
	{
		for (int i = 0; i < n; i++)
			prefetch_point(graph, rows[i]);
	}
	else
	{
		for (int i = 0; i < n; i++)
			prefetch_value(graph, rows[i]);
	}
}

/* Put a group of rows into the panel; false if there is no panel of that size */
static bool
fill_panel(GvHnswGraphWorker *worker, const uint32 *rows, int n_rows)
{
	const GvHnswGraph *graph = worker->graph;
	Datum		values[GV_HNSW_GROUP];

	if (graph->dims > 0)
	{
		gv_hnsw_points_fill_panel(&graph->points, rows, n_rows, &worker->panel);
		return true;
	}
	for (int r = 0; r < n_rows; r++)
		values[r] = gv_hnsw_graph_value(graph, rows[r]);
	return gv_am_panel_fill(&worker->exact_panel, values, n_rows);
}

/* The keys of others and the rows in the panel; near: which are below its bounds */
static void
find_panel_keys(GvHnswGraphWorker *worker, const uint32 *others, int n, float *keys, uint16 *near)
{
	const GvHnswGraph *graph = worker->graph;
	Datum		values[GV_HNSW_PANEL_OTHERS];

	if (graph->dims > 0)
	{
		gv_hnsw_points_panel_keys(&graph->points, &worker->panel, others, n, keys, near);
		return;
	}
	for (int i = 0; i < n; i++)
		values[i] = gv_hnsw_graph_value(graph, others[i]);
	gv_am_panel_keys(&worker->exact_panel, values, n, keys);
	gv_kernels->panel_below_f32(keys, worker->panel.bound, n, near);
}

/* Offer others to each row of a group, whose points are in the panel */
static void
offer_to_group(GvHnswGraphWorker *worker, const uint32 *rows, int n_rows,
			   const uint32 *others, int n)
{
	const GvHnswGraph *graph = worker->graph;
	float	   *bound = worker->panel.bound;
	float		keys[OFFERED_AT_ONCE * GV_PANEL_ROWS];
	uint16		near[OFFERED_AT_ONCE];

	prefetch_rows(graph, others, Min(n, GV_HNSW_PANEL_OTHERS));
	for (int done = 0; done < n; done += OFFERED_AT_ONCE)
	{
		int			end = Min(n - done, OFFERED_AT_ONCE);
		uint8		offered[GV_PANEL_ROWS][OFFERED_AT_ONCE];
		int			n_offered[GV_PANEL_ROWS] = {0};

		for (int r = 0; r < GV_PANEL_ROWS; r++)
			bound[r] = r < n_rows ? gv_pool_bound(&worker->group_pool[r]) : 0;
		for (int i = 0; i < end; i += GV_HNSW_PANEL_OTHERS)
		{
			int			now = Min(end - i, GV_HNSW_PANEL_OTHERS);
			int			next = Min(n - done - i - now, GV_HNSW_PANEL_OTHERS);

			prefetch_rows(graph, others + done + i + now, next);
			find_panel_keys(worker, others + done + i, now, keys + i * GV_PANEL_ROWS, near + i);
		}
		for (int i = 0; i < end; i++)
		{
			for (uint32 rest = near[i]; rest != 0; rest &= rest - 1)
			{
				int			r = pg_rightmost_one_pos32(rest);

				offered[r][n_offered[r]++] = (uint8) i;
			}
		}
		/* row by row, so that a pool is in the cache */
		for (int r = 0; r < n_rows; r++)
		{
			GvPool	   *pool = &worker->group_pool[r];

			for (int i = 0; i < n_offered[r]; i++)
			{
				uint32		other = others[done + offered[r][i]];
				float		key = keys[offered[r][i] * GV_PANEL_ROWS + r];

				if (key < gv_pool_bound(pool) && other != rows[r])
					gv_kernels->pool_insert_new(pool, key, other);
			}
		}
	}
}

/*
 * Search the rows linked so far for a group of rows near each other, which are
 * in the panel; the pools hold the results.
 *
 * Each row's best candidate is expanded in turn, unless it was for another, and
 * what it links to is offered to all: so a point is fetched once for them, and
 * half as many candidates a row find as much.  The last of a row's candidates are
 * not expanded, but may be chosen.
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

			while (!is_new && gv_pool_advance(&pools[r]) &&
				   pools[r].cursor < worker->group_expanded)
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

/* Where the search for a row in the table of candidates begins */
static inline uint32
place_hash(const GvHnswGraphWorker *worker, uint32 row)
{
	return (row * 0x9E3779B1u) >> (32 - worker->place_bits);
}

/* Enter the candidates of a pool into the table */
static void
enter_places(GvHnswGraphWorker *worker, const GvPool *pool)
{
	uint32		mask = (1u << worker->place_bits) - 1;

	memset(worker->place, 0xFF, sizeof(uint16) << worker->place_bits);
	for (int i = 0; i < pool->n; i++)
	{
		uint32		at = place_hash(worker, (uint32) pool->element[i]);

		while (worker->place[at] != NO_PLACE)
			at = (at + 1) & mask;
		worker->place[at] = (uint16) i;
	}
}

/* The place of a row in a pool, or NO_PLACE */
static inline uint32
find_place(const GvHnswGraphWorker *worker, const GvPool *pool, uint32 row)
{
	uint32		mask = (1u << worker->place_bits) - 1;
	uint32		at = place_hash(worker, row);

	while (worker->place[at] != NO_PLACE && (uint32) pool->element[worker->place[at]] != row)
		at = (at + 1) & mask;
	return worker->place[at];
}

static void
candidate_pair_keys(void *context, const GvHnswCandidate *candidate,
					const GvHnswCandidate *const *others, int n, float *keys)
{
	uint32		rows[GV_HNSW_PRUNE_STEP];

	for (int i = 0; i < n; i++)
		rows[i] = others[i]->id;
	gv_hnsw_graph_keys(context, candidate->id, rows, n, keys);
}

/*
 * Would a link back only fill a place, because a shorter one leads to the row?
 *
 * Where such a link leads is nearer to the row than the target is, and was seen
 * when the target was expanded: so it is in the pool.
 */
static bool
link_back_fills(const GvHnswGraphWorker *worker, const GvPool *pool, uint32 target, float key)
{
	const GvHnswGraph *graph = worker->graph;
	const uint32 *links = graph->links + (Size) target * graph->degree;
	const float *keys = graph->link_keys + (Size) target * graph->degree;

	for (int i = 0; i < graph->n_links[target]; i++)
	{
		uint32		place;

		if ((links[i] & GV_HNSW_LINK_FILL) || keys[i] > key)
			continue;
		place = find_place(worker, pool, GV_HNSW_LINK_ROW(links[i]));
		if (place != NO_PLACE && gv_pool_element_key(pool->element[place]) <= key)
			return true;
	}
	return false;
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

	enter_places(worker, pool);
	for (int i = 0; i < n; i++)
	{
		worker->candidates[i].id = (uint32) pool->element[i];
		worker->candidates[i].key = gv_pool_element_key(pool->element[i]);
		/* most will be links */
		if (i < graph->degree)
		{
			prefetch_links(graph, worker->candidates[i].id);
			prefetch_keys(graph, worker->candidates[i].id);
		}
	}
	n = gv_hnsw_prune(worker->candidates, n, graph->degree, graph->degree, &n_diverse,
					  candidate_pair_keys, worker);
	for (int i = 0; i < n; i++)
	{
		uint32		target = worker->candidates[i].id;
		float		key = worker->candidates[i].key;

		links[i] = target | (i < n_diverse ? 0 : GV_HNSW_LINK_FILL) |
			(link_back_fills(worker, pool, target, key) ? GV_HNSW_LINK_BACK_FILLS : 0);
		keys[i] = key;
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
	if (!fill_panel(worker, rows, n_rows))
	{
		for (int r = 0; r < n_rows; r++)
			gv_hnsw_graph_link_row(worker, rows[r], n_linked);
		return;
	}
	search_group(worker, rows, n_rows, n_linked);
	for (int r = 0; r < n_rows; r++)
		link_from_pool(worker, rows[r], &worker->group_pool[r]);
}

/* Does one of the links that the batch brought lead to a row on a shorter way? */
static bool
is_led_to(GvHnswGraphWorker *worker, const uint32 *links, const float *link_keys,
		  const bool *is_new, int n, uint32 row, float key)
{
	uint32		shorter[PG_UINT8_MAX + 1];
	float		keys[PG_UINT8_MAX];
	int			n_shorter = 0;

	for (int i = 0; i < n; i++)
	{
		shorter[n_shorter] = links[i];
		n_shorter += is_new[i] && !(links[i] & GV_HNSW_LINK_FILL) && link_keys[i] <= key;
	}
	if (n_shorter > 0)
		gv_hnsw_graph_keys(worker, row, shorter, n_shorter, keys);
	for (int i = 0; i < n_shorter; i++)
	{
		if (keys[i] <= key)
			return true;
	}
	return false;
}

/* Mark the longer links that a row makes superfluous as such that only fill */
static void
mark_longer(GvHnswGraphWorker *worker, uint32 *links, const float *link_keys, int n,
			uint32 row, float key)
{
	int			longer[PG_UINT8_MAX + 1];
	uint32		rows[PG_UINT8_MAX + 1];
	float		keys[PG_UINT8_MAX];
	int			n_longer = 0;

	for (int i = 0; i < n; i++)
	{
		longer[n_longer] = i;
		rows[n_longer] = links[i];
		n_longer += !(links[i] & GV_HNSW_LINK_FILL) && link_keys[i] > key;
	}
	if (n_longer > 0)
		gv_hnsw_graph_keys(worker, row, rows, n_longer, keys);
	for (int i = 0; i < n_longer; i++)
	{
		if (keys[i] <= link_keys[longer[i]])
			links[longer[i]] |= GV_HNSW_LINK_FILL;
	}
}

/*
 * Find the longest link that only fills, or else the longest of all; returns
 * whether one fills.
 */
static bool
find_longest(const uint32 *links, const float *keys, int n, int *place)
{
	const float least = -get_float4_infinity();
	float		longest_fill[LANES];
	float		longest[LANES];
	int			i = 0;
	bool		has_fill;

	for (int lane = 0; lane < LANES; lane++)
		longest[lane] = longest_fill[lane] = least;
	for (; i + LANES <= n; i += LANES)
	{
		for (int lane = 0; lane < LANES; lane++)
		{
			float		key = keys[i + lane];
			float		fill_key = (int32) links[i + lane] < 0 ? key : least;

			longest[lane] = longest[lane] < key ? key : longest[lane];
			longest_fill[lane] = longest_fill[lane] < fill_key ? fill_key : longest_fill[lane];
		}
	}
	for (; i < n; i++)
	{
		longest[0] = Max(longest[0], keys[i]);
		if (links[i] & GV_HNSW_LINK_FILL)
			longest_fill[0] = Max(longest_fill[0], keys[i]);
	}
	for (int lane = 1; lane < LANES; lane++)
	{
		longest[0] = Max(longest[0], longest[lane]);
		longest_fill[0] = Max(longest_fill[0], longest_fill[lane]);
	}
	has_fill = longest_fill[0] > least;
	for (i = 0; i + 1 < n; i++)
	{
		if (has_fill ? (links[i] & GV_HNSW_LINK_FILL) && keys[i] == longest_fill[0] :
			keys[i] == longest[0])
			break;
	}
	*place = i;
	return has_fill;
}

/*
 * Add a link to a row: it replaces the longest that only fills a place, or
 * else the longest of all, if that is longer.
 *
 * source: with the mark if a link from before the batch leads there
 * is_new: bool[degree]: which links the batch brought; changed
 */
static void
add_link(GvHnswGraphWorker *worker, uint32 target, uint32 source, float key, bool *is_new)
{
	GvHnswGraph *graph = worker->graph;
	uint32	   *links = graph->links + (Size) target * graph->degree;
	float	   *keys = graph->link_keys + (Size) target * graph->degree;
	int			n = graph->n_links[target];
	int			place = n;
	uint32		fill = source & GV_HNSW_LINK_FILL;

	source = GV_HNSW_LINK_ROW(source);
	for (int i = 0; i < n; i++)
	{
		if (GV_HNSW_LINK_ROW(links[i]) == source)
			return;
	}

	if (fill == 0 && is_led_to(worker, links, keys, is_new, n, source, key))
		fill = GV_HNSW_LINK_FILL;
	if (fill == 0)
		mark_longer(worker, links, keys, n, source, key);

	if (n == graph->degree)
	{
		bool		has_fill = find_longest(links, keys, n, &place);

		/* a diverse link is worth more than any that fills */
		if ((fill != 0 || !has_fill) && keys[place] <= key)
			return;
		if (fill != 0 && !has_fill)
			return;
	}
	links[place] = source | fill;
	keys[place] = key;
	is_new[place] = true;
	if (place == n)
		graph->n_links[target]++;
}

/* Ask for the points that the answers to a row's incoming links look at */
static void
prefetch_answers(const GvHnswGraph *graph, uint32 target, const GvHnswEdge *edges)
{
	const uint32 *links = graph->links + (Size) target * graph->degree;
	const float *keys = graph->link_keys + (Size) target * graph->degree;
	float		least = get_float4_infinity();

	for (uint32 e = graph->incoming[target]; e != GV_HNSW_NO_ROW; e = edges[e].next)
	{
		if (edges[e].source & GV_HNSW_LINK_FILL)
			continue;
		prefetch_point(graph, edges[e].source);
		least = Min(least, edges[e].key);
	}
	for (int i = 0; i < graph->n_links[target]; i++)
	{
		if (!(links[i] & GV_HNSW_LINK_FILL) && keys[i] > least)
			prefetch_point(graph, links[i]);
	}
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
	bool		is_new[PG_UINT8_MAX] = {false};

	CHECK_FOR_INTERRUPTS();
	if (n > 2)
	{
		prefetch_links(graph, targets[2]);
		prefetch_keys(graph, targets[2]);
	}
	if (n > 1 && graph->dims > 0)
		prefetch_answers(graph, targets[1], edges);
	for (uint32 e = graph->incoming[target]; e != GV_HNSW_NO_ROW; e = edges[e].next)
		add_link(worker, target, edges[e].source, edges[e].key, is_new);
	graph->incoming[target] = GV_HNSW_NO_ROW;
}
