/*-------------------------------------------------------------------------
 *
 * check_page.c
 *		Verifying an index: what one page must be by itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "storage/bufpage.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "hnsw/check.h"
#include "hnsw/entry.h"
#include "hnsw/node.h"

/* Relative rounding error of a squared norm computed in float32 */
#define NORM_ROUNDING 1e-3f

static bool
half_is_finite(GvHalf h)
{
	return (h & 0x7C00) != 0x7C00;
}

/* Check a tid of the table for form */
static bool
row_tid_is_valid(const ItemPointerData *tid)
{
	return ItemPointerIsValid(tid) &&
		ItemPointerGetBlockNumberNoCheck(tid) != InvalidBlockNumber &&
		ItemPointerGetOffsetNumberNoCheck(tid) <= MaxOffsetNumber;
}

/* Check the header; false if the rest cannot be read */
static bool
check_header(GvHnswCheck *check, Page page, BlockNumber blkno)
{
	PageHeader	header = (PageHeader) page;
	GvAmPageSpecial special = gv_am_page_special(page);
	uint16		special_offset = BLCKSZ - MAXALIGN(sizeof(GvAmPageSpecialData));

	if (PageGetPageSize(page) != BLCKSZ ||
		PageGetPageLayoutVersion(page) != PG_PAGE_LAYOUT_VERSION ||
		header->pd_special != special_offset ||
		header->pd_lower < SizeOfPageHeaderData || header->pd_lower > header->pd_upper ||
		header->pd_upper > header->pd_special)
	{
		gv_hnsw_check_report(check, blkno, -1, NULL, "page header is not valid");
		return false;
	}
	if (special->page_id != GV_AM_HNSW_PAGE_ID)
	{
		gv_hnsw_check_report(check, blkno, -1, NULL, "page is not marked as one of an hnsw index");
		return false;
	}
	if (special->kind < GV_HNSW_PAGE_META || special->kind > GV_HNSW_PAGE_LAST ||
		(special->kind == GV_HNSW_PAGE_META) != (blkno == GV_HNSW_META_BLKNO) ||
		(special->kind == GV_HNSW_PAGE_FILTERS) !=
		gv_hnsw_is_filter_block(&check->ix.layout, blkno))
	{
		gv_hnsw_check_report(check, blkno, -1, NULL, "page is of a wrong kind: %u",
							 special->kind);
		return false;
	}
	if (special->reserved != 0)
		gv_hnsw_check_report(check, blkno, -1, NULL, "reserved field of the page is not zero");
	return true;
}

/* Content must end where the header says */
static void
check_end(GvHnswCheck *check, Page page, BlockNumber blkno, Size end)
{
	if (((PageHeader) page)->pd_lower != end)
		gv_hnsw_check_report(check, blkno, -1, NULL,
							 "content ends at byte %zu, the page header says %u",
							 end, ((PageHeader) page)->pd_lower);
}

static void
check_free_count(GvHnswCheck *check, Page page, BlockNumber blkno, int n_free)
{
	if (gv_am_page_special(page)->n_free != n_free)
		gv_hnsw_check_report(check, blkno, -1, NULL,
							 "page has %d free places, its count says %u", n_free,
							 gv_am_page_special(page)->n_free);
}

/* Check the parts that only nodes with codes have */
static void
check_codes(GvHnswCheck *check, GvHnswNode node, BlockNumber blkno, int slot)
{
	const GvHnswLayout *layout = &check->ix.layout;
	bool		has_bias = check->ix.meta.metric == GV_AM_METRIC_INNER_PRODUCT;
	float	   *z;
	float		norm2;

	if (!isfinite(node->own_scale) || node->own_scale <= 0)
	{
		gv_hnsw_check_report(check, blkno, slot, NULL, "scale of the own vector is not valid: %g",
							 node->own_scale);
		return;
	}
	if (layout->own_kind == GV_HNSW_OWN_HALF)
	{
		GvHalf	   *own = gv_hnsw_node_own(layout, node);

		for (int i = 0; i < layout->own_dims; i++)
		{
			if (!half_is_finite(own[i]))
			{
				gv_hnsw_check_report(check, blkno, slot, NULL,
									 "element %d of the own vector is not finite", i);
				return;
			}
		}
	}
	if (!(node->own_error >= 0))
		gv_hnsw_check_report(check, blkno, slot, NULL, "error bound is not valid: %g",
							 node->own_error);
	if (!(node->center_weight >= 0 && node->center_weight <= 1))
		gv_hnsw_check_report(check, blkno, slot, NULL, "weight of the center is not valid: %g",
							 node->center_weight);
	if (!isfinite(node->u.key_bias) || node->u.key_bias > 0 ||
		(node->u.key_bias != 0 && !has_bias))
		gv_hnsw_check_report(check, blkno, slot, NULL, "bias is not valid: %g",
							 node->u.key_bias);

	z = MemoryContextAlloc(check->item_context, sizeof(float) * layout->own_dims);
	gv_hnsw_node_get_own(layout, node, z);
	norm2 = gv_kernels->inner_product_f32(z, z, layout->own_dims);
	if (isfinite(norm2) && !(fabsf(norm2 - node->own_norm2) <= NORM_ROUNDING * norm2))
		gv_hnsw_check_report(check, blkno, slot, NULL,
							 "squared norm of the own vector is %g, the node says %g",
							 norm2, node->own_norm2);

	if (node->n_neighbors > 0 && !(isfinite(node->edge_scale) && node->edge_scale > 0))
		gv_hnsw_check_report(check, blkno, slot, NULL, "scale of the factors is not valid: %g",
							 node->edge_scale);
	for (int lane = 0; lane < node->n_neighbors; lane++)
	{
		if (!half_is_finite(gv_hnsw_node_add(layout, node)[lane]) ||
			!half_is_finite(gv_hnsw_node_rescale(layout, node)[lane]))
			gv_hnsw_check_report(check, blkno, slot, NULL,
								 "factors of neighbor %d are not finite", lane);
	}
}

/* Check the list of neighbors by itself */
static void
check_neighbors(GvHnswCheck *check, GvHnswNode node, BlockNumber blkno, int slot)
{
	const GvHnswLayout *layout = &check->ix.layout;
	uint32	   *neighbors = gv_hnsw_node_neighbors(layout, node);
	uint32		self = gv_hnsw_make_id(layout, blkno, slot);

	for (int i = 0; i < node->n_neighbors; i++)
	{
		if (neighbors[i] == self)
			gv_hnsw_check_report(check, blkno, slot, NULL, "node is its own neighbor");
		if (neighbors[i] == GV_HNSW_INVALID_ID ||
			gv_hnsw_id_block(layout, neighbors[i]) == GV_HNSW_META_BLKNO)
			gv_hnsw_check_report(check, blkno, slot, NULL,
								 "neighbor %d is no node: %u", i, neighbors[i]);
		for (int j = 0; j < i; j++)
		{
			if (neighbors[i] == neighbors[j])
			{
				gv_hnsw_check_report(check, blkno, slot, NULL,
									 "neighbor %d is there twice", i);
				break;
			}
		}
	}
}

/* Check a node that is not free, and note what it refers to */
static void
check_node(GvHnswCheck *check, GvHnswNode node, BlockNumber blkno, int slot)
{
	const GvHnswLayout *layout = &check->ix.layout;
	int			degree = Min(layout->degree, 2 * check->ix.meta.m);
	uint32		id = gv_hnsw_make_id(layout, blkno, slot);

	if (node->state != GV_HNSW_NODE_LIVE && node->state != GV_HNSW_NODE_DEAD)
	{
		gv_hnsw_check_report(check, blkno, slot, NULL, "node has a wrong state: %u",
							 node->state);
		return;
	}
	if (node->n_neighbors > degree)
	{
		gv_hnsw_check_report(check, blkno, slot, NULL,
							 "node has %u neighbors, more than %d", node->n_neighbors, degree);
		return;
	}
	if (node->mark != GV_HNSW_NODE_MARK)
		gv_hnsw_check_report(check, blkno, slot, NULL, "node does not bear the mark of a node");

	check->node_state[id] = node->state;
	if (node->state == GV_HNSW_NODE_LIVE)
	{
		check->n_live++;
		if (ItemPointerIsValid(&node->tid))
		{
			check->n_tids++;
			if (!row_tid_is_valid(&node->tid))
				gv_hnsw_check_report(check, blkno, slot, &node->tid,
									 "place of the row is not valid");
		}
		else if (node->tid_chunk == GV_HNSW_INVALID_ID)
			gv_hnsw_check_report(check, blkno, slot, NULL, "live node has no row");
	}
	else if (ItemPointerIsValid(&node->tid))
		gv_hnsw_check_report(check, blkno, slot, &node->tid, "dead node has a row");

	if (node->tid_chunk != GV_HNSW_INVALID_ID)
	{
		GvHnswSeenList *list = gv_hnsw_check_add_record(check, &check->lists);

		list->owner = id;
		list->first_chunk = node->tid_chunk;
	}
	check_neighbors(check, node, blkno, slot);
	if (gv_hnsw_layout_has_codes(layout))
		check_codes(check, node, blkno, slot);
}

static void
check_nodes_page(GvHnswCheck *check, Page page, BlockNumber blkno)
{
	const GvHnswLayout *layout = &check->ix.layout;
	char	   *content = gv_am_page_content(page);
	int			n_free = 0;
	int			n_used = 0;		/* up to the last slot ever used */
	int			lower = ((PageHeader) page)->pd_lower - (content - (char *) page);

	for (int slot = 0; slot < layout->nodes_per_page; slot++)
	{
		GvHnswNode	node = (GvHnswNode) (content + slot * layout->node_size);

		if (node->state == GV_HNSW_NODE_FREE)
		{
			n_free++;
			/* freed, or the header says that it was in use */
			if (node->version > 0 || lower >= (slot + 1) * layout->node_size)
				n_used = slot + 1;
			continue;
		}
		n_used = slot + 1;
		check_node(check, node, blkno, slot);
	}
	check_free_count(check, page, blkno, n_free);
	check_end(check, page, blkno, content - (char *) page + n_used * layout->node_size);
}

static void
check_items_page(GvHnswCheck *check, Page page, BlockNumber blkno)
{
	const GvHnswLayout *layout = &check->ix.layout;
	PageHeader	header = (PageHeader) page;
	int			n_items = PageGetMaxOffsetNumber(page);

	if (n_items > layout->nodes_per_page)
	{
		gv_hnsw_check_report(check, blkno, -1, NULL, "page has %d nodes, more than %d",
							 n_items, layout->nodes_per_page);
		return;
	}
	for (int slot = 0; slot < n_items; slot++)
	{
		ItemId		item = PageGetItemId(page, slot + 1);
		Size		offset = ItemIdGetOffset(item);
		Size		length = ItemIdGetLength(item);
		GvHnswNode	node;

		if (!ItemIdIsUsed(item))
			continue;
		if (!ItemIdIsNormal(item) || length < layout->value_offset + VARHDRSZ ||
			offset != MAXALIGN(offset) || length != MAXALIGN(length) ||
			offset < header->pd_upper || offset + length > header->pd_special)
		{
			gv_hnsw_check_report(check, blkno, slot, NULL, "line pointer is not valid");
			continue;
		}
		node = (GvHnswNode) PageGetItem(page, item);
		if (node->state == GV_HNSW_NODE_FREE)
			gv_hnsw_check_report(check, blkno, slot, NULL, "node in use is marked free");
		else
		{
			char	   *value = (char *) node + layout->value_offset;
			Size		size = VARATT_IS_4B_U(value) ? VARSIZE(value) : 0;
			Size		inside = Min(size, layout->value_room);

			if (size < VARHDRSZ ||
				length != MAXALIGN(layout->value_offset + inside) ||
				(size > layout->value_room) != (node->u.vector_blkno != InvalidBlockNumber))
			{
				gv_hnsw_check_report(check, blkno, slot, NULL,
									 "size of the node's value is not valid");
				continue;
			}
			check_node(check, node, blkno, slot);
		}
	}
	check_free_count(check, page, blkno, 0);
}

static void
check_tids_page(GvHnswCheck *check, Page page, BlockNumber blkno)
{
	int			n_free = 0;

	for (int slot = 0; slot < GV_HNSW_CHUNKS_PER_PAGE; slot++)
	{
		GvHnswTidChunk chunk = gv_hnsw_page_chunk(page, slot);
		GvHnswSeenChunk *seen;

		if (chunk->n_tids > GV_HNSW_CHUNK_TIDS ||
			(chunk->owner == GV_HNSW_INVALID_ID && chunk->n_tids > 0))
		{
			gv_hnsw_check_report(check, blkno, slot, NULL, "chunk holds %u rows", chunk->n_tids);
			continue;
		}
		if (chunk->reserved != 0)
			gv_hnsw_check_report(check, blkno, slot, NULL,
								 "reserved field of the chunk is not zero");
		if (chunk->owner == GV_HNSW_INVALID_ID)
		{
			n_free++;
			continue;
		}
		for (int i = 0; i < chunk->n_tids; i++)
		{
			if (!row_tid_is_valid(&chunk->tids[i]))
				gv_hnsw_check_report(check, blkno, slot, &chunk->tids[i],
									 "place of row %d of the chunk is not valid", i);
		}
		check->n_tids += chunk->n_tids;
		seen = gv_hnsw_check_add_record(check, &check->chunks);
		seen->id = gv_hnsw_make_chunk_id(blkno, slot);
		seen->next = chunk->next;
		seen->owner = chunk->owner;
		seen->n_tids = chunk->n_tids;
	}
	check_free_count(check, page, blkno, n_free);
	check_end(check, page, blkno,
			  (char *) gv_hnsw_page_chunk(page, GV_HNSW_CHUNKS_PER_PAGE) - (char *) page);
}

/* Returns false if the content cannot be read */
static bool
check_chain_page(GvHnswCheck *check, Page page, BlockNumber blkno)
{
	GvHnswChainPage chain = gv_hnsw_page_chain(page);
	Size		unit = 1;

	if (gv_am_page_special(page)->kind == GV_HNSW_PAGE_ENTRY)
		unit = check->ix.layout.entry_block_size;
	else if (gv_am_page_special(page)->kind == GV_HNSW_PAGE_CENTER)
		unit = sizeof(float);
	if (chain->n_bytes > GV_HNSW_CHAIN_ROOM || chain->n_bytes % unit != 0)
	{
		gv_hnsw_check_report(check, blkno, -1, NULL, "page cannot hold %u bytes", chain->n_bytes);
		return false;
	}
	check_free_count(check, page, blkno, 0);
	check_end(check, page, blkno, (char *) (chain + 1) + chain->n_bytes - (char *) page);
	return true;
}

/*
 * gv_hnsw_check_page
 *		Check a page by itself, and note what it holds and refers to.
 *
 * page: a copy
 *
 * Returns false if it is so broken that its content must not be used.
 */
bool
gv_hnsw_check_page(GvHnswCheck *check, Page page, BlockNumber blkno)
{
	bool		result = true;

	if (PageIsNew(page))
	{
		/* left by an extension that was cut short */
		for (int i = 0; i < BLCKSZ; i++)
		{
			if (page[i] != 0)
			{
				gv_hnsw_check_report(check, blkno, -1, NULL,
									 "page without a header is not empty");
				return false;
			}
		}
		return true;
	}
	if (!check_header(check, page, blkno))
		return false;

	switch ((GvHnswPageKind) gv_am_page_special(page)->kind)
	{
		case GV_HNSW_PAGE_META:
			check_end(check, page, blkno, (char *) (gv_hnsw_page_meta(page) + 1) - (char *) page);
			break;
		case GV_HNSW_PAGE_NODES:
			if (gv_hnsw_layout_has_codes(&check->ix.layout))
				check_nodes_page(check, page, blkno);
			else
				result = false;
			break;
		case GV_HNSW_PAGE_ITEMS:
			if (!gv_hnsw_layout_has_codes(&check->ix.layout))
				check_items_page(check, page, blkno);
			else
				result = false;
			break;
		case GV_HNSW_PAGE_TIDS:
			check_tids_page(check, page, blkno);
			break;
		case GV_HNSW_PAGE_ENTRY:
		case GV_HNSW_PAGE_CENTER:
		case GV_HNSW_PAGE_VECTOR:
			result = check_chain_page(check, page, blkno);
			break;
		case GV_HNSW_PAGE_FILTERS:
			check_free_count(check, page, blkno, 0);
			check_end(check, page, blkno, gv_am_page_content(page) - (char *) page +
					  check->ix.layout.filter_end);
			break;
		case GV_HNSW_PAGE_FREE:
			break;
	}
	if (!result && (gv_am_page_special(page)->kind == GV_HNSW_PAGE_NODES ||
					gv_am_page_special(page)->kind == GV_HNSW_PAGE_ITEMS))
		gv_hnsw_check_report(check, blkno, -1, NULL,
							 "page of nodes is of the kind for other operator classes");
	MemoryContextReset(check->item_context);
	return result;
}
