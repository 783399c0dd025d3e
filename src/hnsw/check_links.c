/*-------------------------------------------------------------------------
 *
 * check_links.c
 *		Verifying an index: what nodes and entries say of other nodes.
 *
 * A neighbor's code and factors are computed anew from the own vectors of
 * both nodes.  These are rounded, and the code may come from the vector before
 * it was rounded: so a sign is wrong only if rounding cannot turn it, and
 * a factor only if it lies outside the interval that rounding allows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "hnsw/check.h"
#include "hnsw/node.h"

/* Relative rounding errors: float16, and sums in float32 */
#define HALF_ROUNDING (1.0f / 1024)
#define FLOAT_ROUNDING 1e-6f

/* Factors are computed in float32 and stored, more than once, in float16 */
#define FACTOR_ROUNDING 0.02

/* A vector, and how far each element may be off */
typedef struct RoundedVector
{
	uint8		state;			/* GvHnswNodeState of its node */
	float		key_bias;
	float	   *x;				/* float[own_dims] */
	float	   *error;			/* float[own_dims] */
} RoundedVector;

/* One neighbor as a node or an entry block describes it */
typedef struct Lane
{
	BlockNumber block;			/* where it is */
	int			item;
	int			number;
	uint32		id;				/* the neighbor */
	const uint8 *codes;			/* of the block of 32 lanes */
	float		add;
	float		rescale;
	float		unit;			/* of both */
} Lane;

static void
alloc_vector(GvHnswCheck *check, RoundedVector *v)
{
	v->x = palloc(sizeof(float) * check->ix.layout.own_dims);
	v->error = palloc(sizeof(float) * check->ix.layout.own_dims);
}

/* Decode a node's own vector */
static void
decode_vector(GvHnswCheck *check, GvHnswNode node, RoundedVector *v)
{
	const GvHnswLayout *layout = &check->ix.layout;

	v->state = node->state;
	v->key_bias = node->u.key_bias;
	gv_hnsw_node_get_own(layout, node, v->x);
	for (int i = 0; i < layout->own_dims; i++)
	{
		if (layout->own_kind != GV_HNSW_OWN_HALF)
			v->error[i] = 0.501f * node->own_scale;
		else
			v->error[i] = HALF_ROUNDING * fabsf(v->x[i]) + FLOAT_ROUNDING * node->own_scale;
	}
}

/*
 * Read the own vector of another node; its state is FREE if there is none.
 *
 * Returns false if it cannot be told, because its page is new.
 */
static bool
read_vector(GvHnswCheck *check, uint32 id, RoundedVector *v)
{
	GvHnswIndex *ix = &check->ix;
	BlockNumber blkno = gv_hnsw_id_block(&ix->layout, id);
	Buffer		buf;
	GvHnswNode	node;

	v->state = GV_HNSW_NODE_FREE;
	if (blkno >= check->n_blocks)
		return blkno < RelationGetNumberOfBlocks(ix->rel);

	buf = gv_am_read_buffer(ix->hints, ix->rel, blkno);
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	node = gv_hnsw_page_node(ix, BufferGetPage(buf), gv_hnsw_id_slot(&ix->layout, id));
	if (node != NULL)
		decode_vector(check, node, v);
	UnlockReleaseBuffer(buf);
	return true;
}

/* Is a value outside lower .. upper, or not a number? */
static inline bool
is_outside(double value, double lower, double upper, double slack)
{
	return !(value >= lower - slack && value <= upper + slack);
}

/*
 * Check the code and the factors of a lane.
 *
 * weight, p: the center of the codes is their product; p may be NULL for zero
 * x: the neighbor
 */
static void
check_lane(GvHnswCheck *check, const Lane *lane, float weight, const float *p,
		   const RoundedVector *x)
{
	const GvHnswLayout *layout = &check->ix.layout;
	uint8		code[GV_HNSW_MAX_CODE_BYTES];
	double		n2 = 0;
	double		n2_error = 0;
	double		l1 = 0;
	double		l1_error = 0;
	double		signed_sum = 0;
	double		n2_lower;
	double		n2_upper;
	double		ratio_lower;
	double		ratio_upper;
	int			n_wrong = 0;

	gv_rabitq_get_lane(lane->codes, lane->number % GV_FASTSCAN_LANES, code,
					   layout->code_dims);
	for (int i = 0; i < layout->own_dims; i++)
	{
		double		c = p ? weight * p[i] : 0;
		double		e = x->x[i] - c;
		double		error = x->error[i] + FLOAT_ROUNDING * fabs(c);

		n2 += e * e;
		n2_error += error * error;
		if (i < layout->code_dims)
		{
			bool		positive = (code[i / 8] >> (i % 8)) & 1;

			l1 += fabs(e);
			l1_error += error;
			signed_sum += positive ? c : -c;
			if (positive ? e < -error : e > error)
				n_wrong++;
		}
	}
	if (!isfinite(n2) || n2 > 1e30)
		return;					/* beyond float32; such rows are compared exactly */
	if (n_wrong > 0)
		gv_hnsw_check_suspect(check, lane->block, lane->item, NULL,
							  "%d signs of the code of neighbor %d, node %u, are wrong",
							  n_wrong, lane->number, lane->id);

	/* the interval of n2 / l1; nothing can be said of neighbors too near */
	if (l1 <= 2 * l1_error)
		return;
	n2_lower = Max(sqrt(n2) - sqrt(n2_error), 0);
	n2_lower *= n2_lower;
	n2_upper = (sqrt(n2) + sqrt(n2_error)) * (sqrt(n2) + sqrt(n2_error));
	ratio_lower = n2_lower / (l1 + l1_error);
	ratio_upper = n2_upper / (l1 - l1_error);
	if (is_outside(lane->rescale, -2 * ratio_upper, -2 * ratio_lower,
				   FACTOR_ROUNDING * 2 * ratio_upper + FLOAT_ROUNDING * lane->unit))
		gv_hnsw_check_suspect(check, lane->block, lane->item, NULL,
							  "factor of neighbor %d, node %u, is wrong: %g instead of %g",
							  lane->number, lane->id, lane->rescale, -2 * n2 / l1);
	if (is_outside(lane->add,
				   n2_lower + x->key_bias +
				   2 * (signed_sum >= 0 ? ratio_lower : ratio_upper) * signed_sum,
				   n2_upper + x->key_bias +
				   2 * (signed_sum >= 0 ? ratio_upper : ratio_lower) * signed_sum,
				   FACTOR_ROUNDING * (n2_upper + fabs(x->key_bias) +
									  2 * ratio_upper * fabs(signed_sum)) +
				   FLOAT_ROUNDING * lane->unit))
		gv_hnsw_check_suspect(check, lane->block, lane->item, NULL,
							  "addend of neighbor %d, node %u, is wrong: %g instead of %g",
							  lane->number, lane->id, lane->add,
							  n2 + x->key_bias + 2 * n2 / l1 * signed_sum);
}

static float
half_to_float(GvHalf h)
{
	float		f;

	gv_kernels->f16_to_f32(&h, &f, 1);
	return f;
}

/* Check the links of a node with codes */
static void
check_coded_node(GvHnswCheck *check, GvHnswNode node, BlockNumber blkno, int slot,
				 RoundedVector *own, RoundedVector *neighbor)
{
	const GvHnswLayout *layout = &check->ix.layout;

	decode_vector(check, node, own);
	for (int i = 0; i < node->n_neighbors; i++)
	{
		Lane		lane = {.block = blkno,.item = slot,.number = i};

		lane.id = gv_hnsw_node_neighbors(layout, node)[i];
		lane.codes = gv_hnsw_node_codes(layout, node, i / GV_FASTSCAN_LANES);
		lane.unit = node->edge_scale;
		lane.add = half_to_float(gv_hnsw_node_add(layout, node)[i]) * lane.unit;
		lane.rescale = half_to_float(gv_hnsw_node_rescale(layout, node)[i]) * lane.unit;
		if (!read_vector(check, lane.id, neighbor))
			gv_hnsw_check_suspect(check, blkno, slot, NULL,
								  "neighbor %d, node %u, is beyond the end of the index",
								  i, lane.id);
		/* dead nodes are a bridge that may lead to slots used again */
		else if (node->state == GV_HNSW_NODE_LIVE && neighbor->state == GV_HNSW_NODE_FREE)
			gv_hnsw_check_suspect(check, blkno, slot, NULL,
								  "neighbor %d, node %u, does not exist", i, lane.id);
		else if (node->state == GV_HNSW_NODE_LIVE)
			check_lane(check, &lane, node->center_weight, own->x, neighbor);
	}
}

/* Read the rest of a node's value; false if its pages are not there */
static bool
read_rest(GvHnswCheck *check, BlockNumber blkno, char *out, Size n_bytes)
{
	PGAlignedBlock copy;

	while (blkno != InvalidBlockNumber)
	{
		GvHnswChainPage chain = gv_hnsw_page_chain(copy.data);

		if (blkno >= RelationGetNumberOfBlocks(check->ix.rel))
			return false;
		gv_hnsw_check_copy_page(check, blkno, copy.data);
		if (!gv_hnsw_page_is(copy.data, GV_HNSW_PAGE_VECTOR) ||
			chain->n_bytes == 0 || chain->n_bytes > Min(n_bytes, GV_HNSW_CHAIN_ROOM))
			return false;
		if (check->page_uses && blkno < check->n_blocks && check->page_uses[blkno]++ > 0)
			return false;
		memcpy(out, chain + 1, chain->n_bytes);
		out += chain->n_bytes;
		n_bytes -= chain->n_bytes;
		blkno = chain->next;
	}
	return n_bytes == 0;
}

/*
 * gv_hnsw_check_value
 *		Return the value of a node without codes, in the current memory context.
 *
 * node: in a copy of its page, which was found sound
 *
 * Returns 0 and notes a problem if the value is not what the node's hash says.
 */
Datum
gv_hnsw_check_value(GvHnswCheck *check, GvHnswNode node, uint32 id)
{
	const GvHnswLayout *layout = &check->ix.layout;
	char	   *start = (char *) node + layout->value_offset;
	Size		size = VARSIZE(start);
	Size		inside = Min(size, layout->value_room);
	char	   *value = palloc_extended(size, MCXT_ALLOC_NO_OOM);

	if (value == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("Failed on a value of %zu bytes.", size)));
	memcpy(value, start, inside);
	if (!read_rest(check, node->u.vector_blkno, value + inside, size - inside))
		gv_hnsw_check_suspect(check, gv_hnsw_id_block(layout, id), gv_hnsw_id_slot(layout, id),
							  NULL, "pages of the node's value are not there");
	else if (gv_am_value_hash(PointerGetDatum(value)) != node->value_hash)
		gv_hnsw_check_suspect(check, gv_hnsw_id_block(layout, id), gv_hnsw_id_slot(layout, id),
							  NULL, "node's value is not the one of its hash");
	else
		return PointerGetDatum(value);
	pfree(value);
	return (Datum) 0;
}

/* Check the links and the value of a node without codes */
static void
check_exact_node(GvHnswCheck *check, GvHnswNode node, BlockNumber blkno, int slot)
{
	const GvHnswLayout *layout = &check->ix.layout;
	uint32	   *neighbors = gv_hnsw_node_neighbors(layout, node);
	Datum		value;

	for (int i = 0; i < node->n_neighbors; i++)
	{
		if (gv_hnsw_id_block(layout, neighbors[i]) >= check->n_blocks &&
			gv_hnsw_id_block(layout, neighbors[i]) >= RelationGetNumberOfBlocks(check->ix.rel))
			gv_hnsw_check_suspect(check, blkno, slot, NULL,
								  "neighbor %d, node %u, is beyond the end of the index",
								  i, neighbors[i]);
		else if (node->state == GV_HNSW_NODE_LIVE &&
				 gv_hnsw_id_block(layout, neighbors[i]) < check->n_blocks &&
				 check->node_state[neighbors[i]] == GV_HNSW_NODE_FREE)
			gv_hnsw_check_suspect(check, blkno, slot, NULL,
								  "neighbor %d, node %u, does not exist", i, neighbors[i]);
	}

	value = gv_hnsw_check_value(check, node, gv_hnsw_make_id(layout, blkno, slot));
	if (value != 0 && gv_am_value_dim(check->ix.opclass, value) != check->ix.meta.dim)
		gv_hnsw_check_report(check, blkno, slot, NULL, "node's value has %d dimensions, not %u",
							 gv_am_value_dim(check->ix.opclass, value), check->ix.meta.dim);
}

/*
 * gv_hnsw_check_links
 *		Check what nodes say of each other.
 */
void
gv_hnsw_check_links(GvHnswCheck *check)
{
	const GvHnswLayout *layout = &check->ix.layout;
	bool		has_codes = gv_hnsw_layout_has_codes(layout);
	RoundedVector own = {0};
	RoundedVector neighbor = {0};
	PGAlignedBlock copy;

	if (has_codes)
	{
		alloc_vector(check, &own);
		alloc_vector(check, &neighbor);
	}
	for (BlockNumber blkno = GV_HNSW_META_BLKNO + 1; blkno < check->n_blocks; blkno++)
	{
		if (check->page_kind[blkno] != GV_HNSW_PAGE_NODES &&
			check->page_kind[blkno] != GV_HNSW_PAGE_ITEMS)
			continue;
		gv_hnsw_check_copy_page(check, blkno, copy.data);
		for (int slot = 0; slot < layout->nodes_per_page; slot++)
		{
			GvHnswNode	node = gv_hnsw_page_node(&check->ix, copy.data, slot);
			MemoryContext old_context;

			CHECK_FOR_INTERRUPTS();
			/* the first pass has found it sound */
			if (node == NULL ||
				check->node_state[gv_hnsw_make_id(layout, blkno, slot)] != node->state)
				continue;
			old_context = MemoryContextSwitchTo(check->item_context);
			if (has_codes)
				check_coded_node(check, node, blkno, slot, &own, &neighbor);
			else
				check_exact_node(check, node, blkno, slot);
			MemoryContextSwitchTo(old_context);
			MemoryContextReset(check->item_context);
		}
	}
}

/* Check one block of the entry table */
static void
check_entry_block(GvHnswCheck *check, GvHnswEntryBlock block, BlockNumber blkno,
				  uint32 first_entry, RoundedVector *x)
{
	for (int i = 0; i < GV_FASTSCAN_LANES; i++)
	{
		Lane		lane = {.block = blkno,.item = first_entry + i,.number = i};

		lane.id = block->node[i];
		if (lane.id == GV_HNSW_INVALID_ID)
			continue;
		if (first_entry + i >= check->ix.meta.n_entries)
		{
			gv_hnsw_check_suspect(check, blkno, lane.item, NULL,
								  "entry is beyond the end of the table");
			continue;
		}
		/* a DEAD node still leads searches on; a VACUUM cut short leaves such */
		if (gv_hnsw_id_block(&check->ix.layout, lane.id) >= check->n_blocks ||
			check->node_state[lane.id] == GV_HNSW_NODE_FREE)
		{
			gv_hnsw_check_suspect(check, blkno, lane.item, NULL,
								  "entry leads to node %u, which does not exist", lane.id);
			continue;
		}
		if (gv_hnsw_layout_has_codes(&check->ix.layout))
		{
			lane.codes = gv_hnsw_entry_codes(block);
			lane.unit = block->edge_scale;
			lane.add = half_to_float(block->add[i]) * lane.unit;
			lane.rescale = half_to_float(block->rescale[i]) * lane.unit;
			if (read_vector(check, lane.id, x) && x->state != GV_HNSW_NODE_FREE)
				check_lane(check, &lane, 0, NULL, x);
		}
	}
}

/*
 * gv_hnsw_check_entries
 *		Check the entry table.
 */
void
gv_hnsw_check_entries(GvHnswCheck *check)
{
	const GvHnswLayout *layout = &check->ix.layout;
	uint32		n_seen = 0;
	BlockNumber n_pages = 0;
	BlockNumber blkno = check->ix.meta.entry_blkno;
	RoundedVector x = {0};
	PGAlignedBlock copy;

	if (gv_hnsw_layout_has_codes(layout))
		alloc_vector(check, &x);
	while (blkno < check->n_blocks && check->page_kind[blkno] == GV_HNSW_PAGE_ENTRY &&
		   n_pages++ < check->n_blocks)
	{
		GvHnswChainPage chain = gv_hnsw_page_chain(copy.data);

		gv_hnsw_check_copy_page(check, blkno, copy.data);
		if (!gv_hnsw_page_is(copy.data, GV_HNSW_PAGE_ENTRY) ||
			chain->n_bytes > GV_HNSW_CHAIN_ROOM)
			break;
		for (Size b = 0; b + layout->entry_block_size <= chain->n_bytes;
			 b += layout->entry_block_size)
		{
			check_entry_block(check, (GvHnswEntryBlock) ((char *) (chain + 1) + b), blkno,
							  n_seen, &x);
			n_seen += GV_FASTSCAN_LANES;
		}
		blkno = chain->next;
	}
	if (n_seen < check->ix.meta.n_entries)
		gv_hnsw_check_suspect(check, GV_HNSW_META_BLKNO, -1, NULL,
							  "entry table has room for %u entries, not for %u",
							  n_seen, check->ix.meta.n_entries);
}
