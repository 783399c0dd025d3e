/*-------------------------------------------------------------------------
 *
 * relink.c
 *		Linking to a node that nothing links to.
 *
 * A graph search finds a node by a link to it.  Where every neighbor prefers
 * the links it has, or the nodes that linked have been deleted, one neighbor
 * has to give up a link: the one that it can do without best.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "am/xlog.h"
#include "base/compat.h"
#include "hnsw/node.h"
#include "hnsw/write.h"

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
