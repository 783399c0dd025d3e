/*-------------------------------------------------------------------------
 *
 * contest.c
 *		Which link a full node gives up for another.
 *
 * The neighbors of a full node and the new one compete as in a robust prune:
 * in the order of their distances, whoever is nearer to one that was chosen
 * before than to the node is passed over, for that one leads to it.  The
 * farthest of those passed over has to go.
 *
 * With long codes the distances are estimated from the node's page alone:
 * from the node and from the new node by FastScan, between neighbors by the
 * number of signs in which their codes differ.  With short codes, or none, the
 * neighbors' pages are read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "am/xlog.h"
#include "base/compat.h"
#include "hnsw/contest.h"

/* Codes with fewer dimensions say too little of the distance of two neighbors */
#define MIN_CONTEST_CODE_DIMS 128

/* The most nibbles of a code, as in node.c */
#define MAX_NIBBLES (BLCKSZ / 4)

/* A neighbor of a full node, or the new node */
typedef struct Rival
{
	float		edge;			/* to the node */
	int			lane;			/* -1: the new node */
	bool		passed_over;
	float	   *vector;			/* if neighbors are read */
} Rival;

/*
 * gv_hnsw_contest_init
 *		Prepare to decide on links to a new node.
 *
 * search: its query is the new node's point
 */
void
gv_hnsw_contest_init(GvHnswContest *contest, GvHnswIndex *index, GvHnswSearch *search)
{
	int			code_dims = index->layout.code_dims;

	memset(contest, 0, sizeof(*contest));
	contest->index = index;
	contest->search = search;
	contest->by_codes = code_dims >= MIN_CONTEST_CODE_DIMS;
	if (!contest->by_codes)
		return;
	contest->own_query.table = palloc(code_dims / GV_RABITQ_GROUP_DIMS *
									  GV_FASTSCAN_GROUP_BYTES);
	contest->pair_table = palloc(code_dims / GV_RABITQ_GROUP_DIMS * GV_FASTSCAN_GROUP_BYTES);
	contest->cosines = palloc(sizeof(float) * (code_dims + 1));
	for (int i = 0; i <= code_dims; i++)
		contest->cosines[i] = cosf((float) M_PI * i / code_dims);
}

static void
sort_rivals(Rival *rivals, int n)
{
	for (int i = 1; i < n; i++)
	{
		Rival		rival = rivals[i];
		int			j = i;

		for (; j > 0 && rivals[j - 1].edge > rival.edge; j--)
			rivals[j] = rivals[j - 1];
		rivals[j] = rival;
	}
}

/* The rival that has to go */
static int
loser(const Rival *rivals, int n)
{
	for (int i = n - 1; i >= 0; i--)
	{
		if (rivals[i].passed_over)
			return rivals[i].lane;
	}
	return rivals[n - 1].lane;
}

/* Bits set in x ^ y, for nibbles */
static const uint8 nibble_distance[16][16] = {
#define ROW(x) { \
	__builtin_popcount(x ^ 0), __builtin_popcount(x ^ 1), __builtin_popcount(x ^ 2), \
	__builtin_popcount(x ^ 3), __builtin_popcount(x ^ 4), __builtin_popcount(x ^ 5), \
	__builtin_popcount(x ^ 6), __builtin_popcount(x ^ 7), __builtin_popcount(x ^ 8), \
	__builtin_popcount(x ^ 9), __builtin_popcount(x ^ 10), __builtin_popcount(x ^ 11), \
	__builtin_popcount(x ^ 12), __builtin_popcount(x ^ 13), __builtin_popcount(x ^ 14), \
	__builtin_popcount(x ^ 15)}
	ROW(0), ROW(1), ROW(2), ROW(3), ROW(4), ROW(5), ROW(6), ROW(7),
	ROW(8), ROW(9), ROW(10), ROW(11), ROW(12), ROW(13), ROW(14), ROW(15)
#undef ROW
};

/*
 * Estimate the squared distances of one neighbor to all.
 *
 * radius2: float[n_neighbors], squared distances to the center of the codes
 * out: float[n_neighbors], written
 */
static void
estimate_pairs(const GvHnswContest *contest, GvHnswNode node, int from,
			   const float *radius2, float *out)
{
	const GvHnswLayout *layout = &contest->index->layout;
	int			n_groups = layout->code_dims / GV_RABITQ_GROUP_DIMS;
	uint8		nibbles[MAX_NIBBLES];

	gv_rabitq_get_lane(gv_hnsw_node_codes(layout, node, from / GV_FASTSCAN_LANES),
					   from % GV_FASTSCAN_LANES, nibbles, layout->code_dims);
	for (int g = 0; g < n_groups; g++)
		memcpy(contest->pair_table + g * GV_FASTSCAN_GROUP_BYTES,
			   nibble_distance[nibbles[g]], GV_FASTSCAN_GROUP_BYTES);
	for (int base = 0; base < node->n_neighbors; base += GV_FASTSCAN_LANES)
	{
		uint32		n_differ[GV_FASTSCAN_LANES];
		int			n_lanes = Min(GV_FASTSCAN_LANES, node->n_neighbors - base);

		gv_kernels->fastscan(gv_hnsw_node_codes(layout, node, base / GV_FASTSCAN_LANES),
							 contest->pair_table, n_groups, n_differ);
		for (int i = 0; i < n_lanes; i++)
			out[base + i] = radius2[from] + radius2[base + i] -
				2 * sqrtf(radius2[from] * radius2[base + i]) * contest->cosines[n_differ[i]];
	}
}

/*
 * gv_hnsw_contest_by_codes
 *		Choose the neighbor that a full node gives up for the new node.
 *
 * own: float[own_dims], the node's own vector decoded
 * key: squared distance of node and new node
 *
 * The caller holds the lock of the node's page.  Returns a lane, or -1 if the
 * new node has to go.
 */
int
gv_hnsw_contest_by_codes(GvHnswContest *contest, GvHnswNode node, const float *own,
						 float key)
{
	const GvHnswLayout *layout = &contest->index->layout;
	const GvHnswSearch *search = contest->search;
	Rival		rivals[PG_UINT8_MAX + 1];
	float		edge[PG_UINT8_MAX + GV_FASTSCAN_LANES];
	float		to_new[PG_UINT8_MAX + GV_FASTSCAN_LANES];
	float		radius2[PG_UINT8_MAX + GV_FASTSCAN_LANES];
	float		pair[PG_UINT8_MAX + GV_FASTSCAN_LANES];
	int			n = node->n_neighbors;

	Assert(contest->by_codes);
	gv_rabitq_prepare_query(&contest->own_query, own, layout->code_dims);
	for (int base = 0; base < n; base += GV_FASTSCAN_LANES)
	{
		uint8	   *codes = gv_hnsw_node_codes(layout, node, base / GV_FASTSCAN_LANES);
		GvHalf	   *add = gv_hnsw_node_add(layout, node) + base;
		GvHalf	   *rescale = gv_hnsw_node_rescale(layout, node) + base;

		gv_kernels->fastscan_estimate(codes, contest->own_query.table,
									  contest->own_query.n_groups, add, rescale,
									  gv_hnsw_node_base(node, node->own_norm2, 0),
									  node->edge_scale, contest->own_query.mul,
									  contest->own_query.bias, edge + base);
		gv_kernels->fastscan_estimate(codes, search->query.table, search->query.n_groups,
									  add, rescale,
									  gv_hnsw_node_base(node, search->z_norm2, key),
									  node->edge_scale, search->query.mul,
									  search->query.bias, to_new + base);
	}
	for (int lane = 0; lane < n; lane++)
	{
		radius2[lane] = gv_hnsw_node_lane_distance2(layout, node, lane);
		rivals[lane] = (Rival) {.edge = edge[lane], .lane = lane};
	}
	rivals[n] = (Rival) {.edge = key, .lane = -1};
	n++;
	sort_rivals(rivals, n);

	for (int i = 0; i < n; i++)
	{
		int			lane = rivals[i].lane;

		if (rivals[i].passed_over)
			continue;
		if (lane >= 0)
			estimate_pairs(contest, node, lane, radius2, pair);
		for (int j = i + 1; j < n; j++)
		{
			float		distance = lane < 0 ? to_new[rivals[j].lane] :
				rivals[j].lane < 0 ? to_new[lane] : pair[rivals[j].lane];

			if (distance <= rivals[j].edge)
				rivals[j].passed_over = true;
		}
	}
	return loser(rivals, n);
}

/* The key of two vectors as copied from nodes */
static float
vector_key(const GvHnswIndex *ix, const float *a, const float *b)
{
	if (!gv_hnsw_layout_has_codes(&ix->layout))
		return gv_am_exact_key(ix->opclass, PointerGetDatum(a), PointerGetDatum(b));
	return gv_kernels->l2_squared_f32(a, b, ix->layout.own_dims);
}

/*
 * gv_hnsw_copy_vector
 *		Copy the vector of a node, in the current memory context.
 *
 * search: for values of more than one page
 * key_bias, version: of the node, written if there is one
 * neighbors: its links, PG_UINT8_MAX at most, written; may be NULL
 *
 * The result is float[own_dims], with codes, or the value; NULL if the node is
 * not live.
 */
float *
gv_hnsw_copy_vector(GvHnswIndex *ix, GvHnswSearch *search, uint32 id, float *key_bias,
					uint16 *version, uint32 *neighbors, int *n_neighbors)
{
	Buffer		buf;
	GvHnswNode	node;
	float	   *vector = NULL;

	if (gv_hnsw_id_block(&ix->layout, id) >= RelationGetNumberOfBlocks(ix->rel))
		return NULL;
	buf = gv_am_read_buffer(ix->hints, ix->rel, gv_hnsw_id_block(&ix->layout, id));
	LockBuffer(buf, BUFFER_LOCK_SHARE);
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
		if (neighbors)
		{
			*n_neighbors = node->n_neighbors;
			memcpy(neighbors, gv_hnsw_node_neighbors(&ix->layout, node),
				   node->n_neighbors * sizeof(uint32));
		}
	}
	UnlockReleaseBuffer(buf);
	return vector;
}

/*
 * gv_hnsw_contest_by_vectors
 *		The same by reading the neighbors.
 *
 * own, new_vector: of the node and the new node: float[own_dims], with codes,
 * or values
 * neighbors: uint32[n], the node's links
 */
int
gv_hnsw_contest_by_vectors(GvHnswContest *contest, const float *own,
						   const uint32 *neighbors, int n, float *new_vector, float key)
{
	GvHnswIndex *ix = contest->index;
	Rival		rivals[PG_UINT8_MAX + 1];

	for (int lane = 0; lane < n; lane++)
	{
		float		bias;
		uint16		version;

		rivals[lane] = (Rival) {.lane = lane};
		rivals[lane].vector = gv_hnsw_copy_vector(ix, contest->search, neighbors[lane],
												  &bias, &version, NULL, NULL);
		if (rivals[lane].vector == NULL)
			return lane;
		rivals[lane].edge = vector_key(ix, own, rivals[lane].vector);
	}
	rivals[n] = (Rival) {.edge = key, .lane = -1, .vector = new_vector};
	n++;
	sort_rivals(rivals, n);

	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j < i && !rivals[i].passed_over; j++)
			rivals[i].passed_over = !rivals[j].passed_over &&
				vector_key(ix, rivals[j].vector, rivals[i].vector) <= rivals[i].edge;
	}
	return loser(rivals, n);
}

/*
 * Which of a node's neighbors can it do without?
 *
 * The one that another, nearer neighbor leads to best, as compared with the
 * direct link.  Reads the neighbors' pages.
 */
static int
most_redundant_neighbor(GvHnswIndex *ix, GvHnswSearch *search, const float *vector,
						const uint32 *neighbors, int n)
{
	/* these keys can be negative, so they have no ratio */
	bool		by_ratio = gv_hnsw_layout_has_codes(&ix->layout) ||
		ix->opclass->metric != GV_AM_METRIC_INNER_PRODUCT;
	float	   *other[PG_UINT8_MAX];
	float		edge[PG_UINT8_MAX];
	float		least = INFINITY;
	int			result = 0;

	for (int i = 0; i < n; i++)
	{
		float		bias;
		uint16		version;

		other[i] = gv_hnsw_copy_vector(ix, search, neighbors[i], &bias, &version, NULL, NULL);
		if (other[i] == NULL)
			return i;
		edge[i] = vector_key(ix, vector, other[i]);
	}
	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j < n; j++)
		{
			float		detour;

			if (j == i || edge[j] > edge[i])
				continue;
			detour = vector_key(ix, other[i], other[j]);
			detour = by_ratio && edge[i] > 0 ? detour / edge[i] : detour - edge[i];
			if (detour < least)
			{
				least = detour;
				result = i;
			}
		}
	}
	return result;
}

/*
 * gv_hnsw_force_link
 *		Make a node link to another, whatever its links.
 *
 * to, point: the other node; without codes point is unused
 *
 * Returns false if the first is not live, or has changed meanwhile.
 */
bool
gv_hnsw_force_link(GvHnswIndex *ix, GvHnswSearch *search, uint32 from, uint32 to,
				   const GvHnswPoint *point)
{
	const GvHnswLayout *layout = &ix->layout;
	int			degree = Min(layout->degree, 2 * ix->meta.m);
	uint32		neighbors[PG_UINT8_MAX];
	int			n_neighbors;
	int			given_up = -1;
	float		bias;
	uint16		version;
	float	   *vector;
	bool		done = false;
	Buffer		buf;
	GvHnswNode	node;

	CHECK_FOR_INTERRUPTS();
	vector = gv_hnsw_copy_vector(ix, search, from, &bias, &version, neighbors, &n_neighbors);
	if (vector == NULL)
		return false;
	if (n_neighbors >= degree)
		given_up = most_redundant_neighbor(ix, search, vector, neighbors, n_neighbors);

	buf = gv_am_read_buffer(ix->hints, ix->rel, gv_hnsw_id_block(layout, from));
	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	node = gv_hnsw_page_node(ix, BufferGetPage(buf), gv_hnsw_id_slot(layout, from));
	if (node != NULL && node->state == GV_HNSW_NODE_LIVE && node->version == version)
	{
		int			lane = -1;

		done = gv_hnsw_node_find_lane(layout, node, to) >= 0;
		if (node->n_neighbors < degree)
			lane = node->n_neighbors;
		else if (given_up >= 0)
			lane = gv_hnsw_node_find_lane(layout, node, neighbors[given_up]);
		if (!done && lane >= 0)
		{
			GvXlog	   *xlog = gv_xlog_begin(ix->rel);

			node = gv_hnsw_page_node(ix, gv_xlog_page(xlog, buf),
									 gv_hnsw_id_slot(layout, from));
			gv_hnsw_node_set_lane(layout, node, lane, to, vector, point);
			gv_xlog_finish(xlog);
			done = true;
		}
	}
	UnlockReleaseBuffer(buf);
	return done;
}
