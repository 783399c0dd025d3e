/*-------------------------------------------------------------------------
 *
 * insert.c
 *		Adding a row to an index.
 *
 * Search the graph with ef_construction candidates or more; a node of the same vector
 * gets the row's tid and that is all.  Otherwise choose neighbors, write the
 * node, then ask each neighbor for a link back.  VACUUM frees no node meanwhile:
 * see write.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "storage/freespace.h"
#include "storage/indexfsm.h"
#include "utils/memutils.h"

#include "am/xlog.h"
#include "base/compat.h"
#include "hnsw/aim.h"
#include "hnsw/contest.h"
#include "hnsw/entry.h"
#include "hnsw/filter.h"
#include "hnsw/hnsw.h"
#include "hnsw/node.h"
#include "hnsw/prune.h"
#include "hnsw/write.h"

/*
 * Links that a new node gets, how many of them from nodes to which others lead as
 * well, and how many may log whole pages.  Without codes nobody knows the second.
 */
#define MAX_LINKS_BACK 20
#define MAX_FILLING_LINKS_BACK 10
#define MAX_DEAR_LINKS_BACK 4
#define MAX_LINKS_BACK_WITHOUT_CODES 12

/*
 * A backend keeps so much memory for the vectors that inserts read, and for the
 * rest: given back and asked for again by each row it took a quarter of an
 * insert's time.
 */
#define KEPT_BYTES_OF_VECTORS (1024 * 1024)
#define KEPT_BYTES (128 * 1024)

/* A row on its way into the index */
typedef struct Insertion
{
	GvHnswIndex *ix;
	ItemPointer tid;
	Datum		value;
	const GvAmFilterRow *filters;	/* words of the filter columns */
	float	   *z;				/* float[padded_dim], with codes */
	GvAmRotated rotated;
	uint64		hash;
	GvHnswSearch search;
	GvHnswVectors vectors;		/* of the nodes around */
	GvHnswCandidate *chosen;
	int			n_chosen;
	int			n_diverse;		/* the first of them; the others only fill */
	GvHnswVector vector;		/* of the new node */
	int			n_linked;		/* nodes that link to it */
} Insertion;

/* Search the graph for the row's surroundings */
static void
search_surroundings(Insertion *ins, const GvHnswCache *cache)
{
	GvHnswSearch *search = &ins->search;

	gv_hnsw_search_init(search, ins->ix, CurrentMemoryContext,
						gv_hnsw_aim_linking_ef(ins->ix));
	if (gv_hnsw_layout_has_codes(&ins->ix->layout))
		gv_hnsw_search_set_point(search, ins->z);
	else
		search->value = ins->value;
	gv_hnsw_search_seed(search, cache);
	gv_hnsw_search_run(search);

	/*
	 * Where VACUUM has marked all nodes around, others may have come meanwhile
	 * to which only the entry table leads.
	 */
	if (!gv_hnsw_search_found_live(search))
	{
		gv_hnsw_open(ins->ix, ins->ix->rel);
		gv_hnsw_search_seed_live(search, gv_hnsw_cache(ins->ix));
		gv_hnsw_search_run(search);
	}
}

/* Begin with no vectors of the nodes around, in memory that the backend keeps */
static void
init_vectors(Insertion *ins)
{
	static MemoryContext context = NULL;

	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "hnsw insert vectors",
										KEPT_BYTES_OF_VECTORS, ALLOCSET_DEFAULT_INITSIZE,
										ALLOCSET_DEFAULT_MAXSIZE);
	MemoryContextReset(context);
	gv_hnsw_vectors_init(&ins->vectors, ins->ix, context,
						 Max(work_mem * (Size) 1024, 2 * KEPT_BYTES_OF_VECTORS));
}

/* Choose neighbors among the best of the nodes found */
static void
choose_neighbors(Insertion *ins)
{
	GvHnswSearch *search = &ins->search;
	int			degree = Min(ins->ix->layout.degree, 2 * ins->ix->meta.m);
	int			n = 0;

	ins->chosen = palloc(sizeof(GvHnswCandidate) * (search->n_found + 1));
	for (int64 i = 0; i < search->n_found; i++)
	{
		GvHnswFound *found = &search->found[i];

		if (found->state != GV_HNSW_NODE_LIVE)
			continue;
		ins->chosen[n].key = found->key - found->key_bias;
		ins->chosen[n++].id = found->id;
	}
	gv_hnsw_sort_candidates(ins->chosen, n);
	n = Min(n, gv_hnsw_vectors_max_candidates(&ins->vectors));
	ins->n_chosen = gv_hnsw_vectors_choose(&ins->vectors, ins->chosen, n, degree,
										   &ins->n_diverse);
}

/* Does the node hold exactly the row's vector?  Caller holds its page's lock. */
static bool
node_has_vector(Insertion *ins, GvHnswNode node)
{
	const GvHnswLayout *layout = &ins->ix->layout;

	if (node->state != GV_HNSW_NODE_LIVE || node->value_hash != ins->hash)
		return false;
	if (gv_hnsw_layout_has_codes(layout))
	{
		float		key = gv_hnsw_node_key(layout, node, ins->z);

		/* equal hashes of unequal vectors are next to impossible, but cheap to rule out */
		return isinf(node->own_error) ||
			sqrtf(key) <= node->own_error * 1.01f + 1e-4f * sqrtf(ins->search.z_norm2);
	}
	return gv_am_values_equal(gv_hnsw_node_value(&ins->search, node), ins->value);
}

/* Add the tid to a node of the same vector, if there is one */
static bool
join_equal_node(Insertion *ins)
{
	GvHnswIndex *ix = ins->ix;

	for (int64 i = 0; i < ins->search.n_found; i++)
	{
		GvHnswFound *found = &ins->search.found[i];
		Buffer		buf;
		GvXlog	   *xlog;
		Page		page;
		GvHnswNode	node;
		bool		done = false;
		GvHnswLockedPages locked = {.n = 0};
		Buffer		filter_buf = InvalidBuffer;

		if (found->value_hash != ins->hash || found->state != GV_HNSW_NODE_LIVE)
			continue;
		buf = gv_am_read_buffer(ix->hints, ix->rel, gv_hnsw_id_block(&ix->layout, found->id));
		LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
		xlog = gv_xlog_begin(ix->rel);
		page = gv_xlog_page(xlog, buf);
		node = gv_hnsw_page_node(ix, page, gv_hnsw_id_slot(&ix->layout, found->id));
		if (node != NULL && node_has_vector(ins, node))
		{
			if (ix->filters.n > 0)
				filter_buf = gv_hnsw_filter_note_row(ix, xlog, found->id, ins->filters);
			if (!ItemPointerIsValid(&node->tid))
				node->tid = *ins->tid;
			else
				gv_hnsw_add_tid(ix, xlog, &node->tid_chunk, found->id, ins->tid, &locked);
			done = true;
		}
		if (done)
			gv_xlog_finish(xlog);
		else
			gv_xlog_cancel(xlog);
		gv_hnsw_unlock_pages(&locked);
		if (BufferIsValid(filter_buf))
			UnlockReleaseBuffer(filter_buf);
		UnlockReleaseBuffer(buf);
		if (done)
			return true;
	}
	return false;
}

/* Build the image of the new node */
static GvHnswNode
make_node(Insertion *ins, Size *size)
{
	const GvHnswLayout *layout = &ins->ix->layout;
	GvHnswNode	node;

	if (gv_hnsw_layout_has_codes(layout))
	{
		float	   *p = palloc(sizeof(float) * layout->own_dims);
		double		product = 0;

		*size = layout->node_size;
		node = palloc0(*size);
		gv_hnsw_node_set_own(layout, node, ins->z, layout->padded_dim,
							 ins->rotated.key_bias);
		gv_hnsw_node_get_own(layout, node, p);
		for (int i = 0; i < ins->n_chosen; i++)
		{
			const float *q = gv_hnsw_vectors_read(&ins->vectors, ins->chosen[i].id)->z;

			product += gv_kernels->inner_product_f32(p, q, layout->own_dims);
		}
		gv_hnsw_node_choose_center(layout, node, ins->n_chosen > 0 ? product / ins->n_chosen : 0);
		for (int i = 0; i < ins->n_chosen; i++)
		{
			GvHnswVector *other = gv_hnsw_vectors_read(&ins->vectors, ins->chosen[i].id);
			GvHnswPoint point = {other->z, other->key_bias};

			gv_hnsw_node_set_lane(layout, node, i, other->id, p, &point);
			gv_hnsw_node_mark_lane(layout, node, i, i >= ins->n_diverse);
		}
	}
	else
	{
		Size		value_size = VARSIZE(DatumGetPointer(ins->value));
		Size		inside = Min(value_size, layout->value_room);

		*size = MAXALIGN(layout->value_offset + inside);
		node = palloc0(*size);
		memcpy((char *) node + layout->value_offset, DatumGetPointer(ins->value), inside);
		node->u.vector_blkno = InvalidBlockNumber;
		if (inside < value_size)
			node->u.vector_blkno =
				gv_hnsw_write_rest(ins->ix, (char *) DatumGetPointer(ins->value) + inside,
								   value_size - inside);
		for (int i = 0; i < ins->n_chosen; i++)
			gv_hnsw_node_set_lane(layout, node, i, ins->chosen[i].id, NULL, NULL);
	}
	node->tid = *ins->tid;
	node->state = GV_HNSW_NODE_LIVE;
	node->mark = GV_HNSW_NODE_MARK;
	node->tid_chunk = GV_HNSW_INVALID_ID;
	node->value_hash = ins->hash;
	return node;
}

/*
 * Put the node into a page if the page has room.  If not, returns false and
 * corrects the free space map.
 *
 * buf: locked exclusively; released in either case
 */
static bool
put_node(Insertion *ins, Buffer buf, GvHnswNode image, Size size)
{
	GvHnswIndex *ix = ins->ix;
	const GvHnswLayout *layout = &ix->layout;
	bool		has_codes = gv_hnsw_layout_has_codes(layout);
	GvHnswPageKind kind = has_codes ? GV_HNSW_PAGE_NODES : GV_HNSW_PAGE_ITEMS;
	Page		page = BufferGetPage(buf);
	BlockNumber blkno = BufferGetBlockNumber(buf);
	bool		is_new = (PageIsNew(page) || gv_hnsw_page_is(page, GV_HNSW_PAGE_FREE)) &&
		!gv_hnsw_is_filter_block(layout, blkno);
	GvXlog	   *xlog;
	Buffer		filter_buf = InvalidBuffer;
	Size		left;
	int			slot = -1;

	if (!is_new && !gv_hnsw_page_is(page, kind))
	{
		UnlockReleaseBuffer(buf);
		RecordPageWithFreeSpace(ix->rel, blkno, 0);
		return false;
	}

	xlog = gv_xlog_begin(ix->rel);
	if (is_new)
	{
		page = gv_xlog_new_page(xlog, buf);
		gv_hnsw_init_page(page, kind);
		if (has_codes)
		{
			memset(gv_am_page_content(page), 0, GV_AM_PAGE_ROOM);
			((PageHeader) page)->pd_lower = gv_am_page_content(page) - (char *) page;
			gv_am_page_special(page)->n_free = layout->nodes_per_page;
		}
	}
	else
		page = gv_xlog_page(xlog, buf);

	if (has_codes)
	{
		for (int i = 0; i < layout->nodes_per_page; i++)
		{
			GvHnswNode	node = (GvHnswNode) (gv_am_page_content(page) + i * layout->node_size);

			if (node->state == GV_HNSW_NODE_FREE)
			{
				image->version = node->version;
				memcpy(node, image, size);
				/* slots never used are left to the hole, which is not logged */
				((PageHeader) page)->pd_lower = Max(((PageHeader) page)->pd_lower,
													(char *) node + size - (char *) page);
				gv_am_page_special(page)->n_free--;
				slot = i;
				break;
			}
		}
		left = gv_am_page_special(page)->n_free * layout->node_size;
	}
	else
	{
		OffsetNumber offno = InvalidOffsetNumber;

		if (PageGetMaxOffsetNumber(page) < layout->nodes_per_page ||
			PageHasFreeLinePointers(page))
			offno = PageAddItemExtended(page, (Item) image, size, InvalidOffsetNumber, 0);
		if (offno != InvalidOffsetNumber && offno > layout->nodes_per_page)
			offno = InvalidOffsetNumber;	/* the copy is thrown away */
		if (offno != InvalidOffsetNumber)
			slot = offno - 1;
		left = PageGetFreeSpace(page);
	}

	if (slot < 0)
	{
		gv_xlog_cancel(xlog);
		left = has_codes ? 0 : PageGetFreeSpace(BufferGetPage(buf));
		UnlockReleaseBuffer(buf);
		/* smaller nodes may fit in; this one must not be led here again */
		RecordPageWithFreeSpace(ix->rel, blkno, Min(left, gv_hnsw_fsm_request(size) - 1));
		return false;
	}
	ins->vector.id = gv_hnsw_make_id(layout, blkno, slot);
	if (ix->filters.n > 0)
	{
		filter_buf = gv_hnsw_filter_lock(ix, blkno);
		gv_hnsw_filter_write(ix, xlog, filter_buf, ins->vector.id, ins->filters);
	}
	gv_xlog_finish(xlog);
	if (BufferIsValid(filter_buf))
		UnlockReleaseBuffer(filter_buf);
	UnlockReleaseBuffer(buf);
	RecordPageWithFreeSpace(ix->rel, blkno, left);
	RelationSetTargetBlock(ix->rel, left >= size ? blkno : InvalidBlockNumber);
	return true;
}

/* Find a place for the new node and write it */
static void
write_node(Insertion *ins)
{
	GvHnswIndex *ix = ins->ix;
	Size		size;
	GvHnswNode	image = make_node(ins, &size);
	BlockNumber blkno = RelationGetTargetBlock(ix->rel);
	BlockNumber n_blocks = RelationGetNumberOfBlocks(ix->rel);
	Size		request = gv_hnsw_fsm_request(size);

	if (blkno == InvalidBlockNumber)
		blkno = GetPageWithFreeSpace(ix->rel, request);
	while (blkno != InvalidBlockNumber && blkno < n_blocks)
	{
		Buffer		buf;

		CHECK_FOR_INTERRUPTS();
		buf = ReadBuffer(ix->rel, blkno);
		LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
		if (put_node(ins, buf, image, size))
			return;
		RelationSetTargetBlock(ix->rel, InvalidBlockNumber);
		blkno = GetPageWithFreeSpace(ix->rel, request);
	}

	gv_hnsw_check_places(ix->rel, n_blocks, ix->layout.nodes_per_page);
	if (!put_node(ins, gv_hnsw_new_buffer(&ix->layout, ix->rel), image, size))
		elog(ERROR, "could not add a node to index \"%s\"", RelationGetRelationName(ix->rel));
}

/* Would changing a neighbor of the new node log no whole page? */
static bool
neighbor_is_cheap(Insertion *ins, const GvHnswCandidate *candidate)
{
	GvHnswIndex *ix = ins->ix;
	Buffer		buf;
	bool		is_cheap;

	buf = gv_am_read_buffer(ix->hints, ix->rel, gv_hnsw_id_block(&ix->layout, candidate->id));
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	is_cheap = gv_xlog_is_cheap(ix->rel, BufferGetPage(buf));
	UnlockReleaseBuffer(buf);
	return is_cheap;
}

/*
 * Make the nearest neighbor link back though it prefers others.  Without any
 * link to it no search would find the new node.
 */
static void
force_link_back(Insertion *ins)
{
	for (int i = 0; i < ins->n_chosen && ins->n_linked == 0; i++)
		ins->n_linked = gv_hnsw_force_link(&ins->vectors, ins->chosen[i].id, &ins->vector);
}

/*
 * Have the new node's neighbors link back to it, as many as are needed.
 *
 * The diverse ones come first, the nearest of them before the others, and a few
 * links from those make a node as easy to find as links from all.  Each costs
 * the change of another page, so there are fewer where that logs the whole page,
 * and then, or when there are some, none that would only fill a place.  The
 * nearest of all nodes takes one that does not: none leads to the new node better.
 */
static void
link_neighbors(Insertion *ins)
{
	int			n_dear = 0;
	int			max_links = gv_hnsw_layout_has_codes(&ins->ix->layout) ?
		MAX_LINKS_BACK : MAX_LINKS_BACK_WITHOUT_CODES;

	for (int i = 0; i < ins->n_chosen && ins->n_linked < max_links; i++)
	{
		bool		is_cheap;
		bool		may_fill;

		CHECK_FOR_INTERRUPTS();
		is_cheap = neighbor_is_cheap(ins, &ins->chosen[i]);
		if (!is_cheap && n_dear >= MAX_DEAR_LINKS_BACK)
			continue;
		gv_hnsw_vectors_trim(&ins->vectors);
		may_fill = is_cheap && ins->n_linked < MAX_FILLING_LINKS_BACK;
		if (gv_hnsw_offer_link(&ins->vectors, ins->chosen[i].id, &ins->vector, may_fill))
		{
			ins->n_linked++;
			n_dear += !is_cheap;
		}
		GV_TEST_POINT("hnsw-insert-linked-back");
	}
}

/*
 * gv_hnsw_insert_value
 *		Add a row to an index.
 *
 * value: detoasted
 * filters: words of the filter columns; unused if there are none
 *
 * Returns the block whose first place the row's node has taken, or none.
 */
BlockNumber
gv_hnsw_insert_value(Relation rel, Datum value, const GvAmFilterRow *filters,
					 ItemPointer tid)
{
	GvHnswIndex ix;
	Insertion	ins = {0};
	GvHnswCache *cache;
	GvHnswPoint point;

	gv_hnsw_open(&ix, rel);
	gv_am_check_dim(ix.opclass, value, ix.meta.dim);
	ins.ix = &ix;
	ins.tid = tid;
	ins.value = value;
	ins.filters = filters;

	if (gv_hnsw_layout_has_codes(&ix.layout))
	{
		if (ix.meta.inverse_unit == 0)
			gv_hnsw_set_unit(&ix, value);
		cache = gv_hnsw_cache(&ix);
		ins.z = gv_hnsw_transform(&ix, cache, value, false, &ins.rotated);
		ins.hash = ins.rotated.hash;
		if (!ins.rotated.has_direction)
		{
			gv_hnsw_add_null_norm_tid(&ix, tid);
			return InvalidBlockNumber;
		}
	}
	else
	{
		cache = gv_hnsw_cache(&ix);
		ins.hash = gv_am_value_hash(value);
	}

	ins.vector.z = ins.z != NULL ? ins.z : (float *) DatumGetPointer(value);
	ins.vector.key_bias = ins.rotated.key_bias;
	search_surroundings(&ins, cache);
	GV_TEST_POINT("hnsw-insert-searched");
	if (join_equal_node(&ins))
		return InvalidBlockNumber;
	init_vectors(&ins);
	choose_neighbors(&ins);
	write_node(&ins);
	GV_TEST_POINT("hnsw-insert-written");
	link_neighbors(&ins);
	if (ins.n_linked == 0)
		force_link_back(&ins);
	GV_TEST_POINT("hnsw-insert-linked");

	point.z = ins.z;
	point.key_bias = ins.rotated.key_bias;
	gv_hnsw_consider_entry(&ix, ins.vector.id, &point, ins.n_linked == 0);
	MemoryContextReset(ins.vectors.context);
	return gv_hnsw_id_slot(&ix.layout, ins.vector.id) == 0 ?
		gv_hnsw_id_block(&ix.layout, ins.vector.id) : InvalidBlockNumber;
}

/*
 * gv_hnsw_insert
 *		aminsert
 */
bool
gv_hnsw_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid,
			   Relation heap, IndexUniqueCheck unique_check, bool index_unchanged,
			   IndexInfo *index_info)
{
	GvAmFilterColumns columns;
	GvAmFilterRow filters;
	static MemoryContext context = NULL;
	MemoryContext old_context;
	Datum		value;
	Size		value_bytes;
	BlockNumber blkno;

	if (isnull[0])
		return false;

	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "hnsw insert", KEPT_BYTES,
										ALLOCSET_DEFAULT_INITSIZE, ALLOCSET_DEFAULT_MAXSIZE);
	/* of an insert that has failed */
	MemoryContextReset(context);
	old_context = MemoryContextSwitchTo(context);
	gv_am_filter_columns(&columns, index);
	gv_am_filter_row(&columns, values + 1, isnull + 1, &filters);
	value = PointerGetDatum(PG_DETOAST_DATUM(values[0]));
	gv_hnsw_lock_nodes(index, ShareLock);
	blkno = gv_hnsw_insert_value(index, value, &filters, tid);
	gv_hnsw_unlock_nodes(index, ShareLock);
	value_bytes = VARSIZE(DatumGetPointer(value));
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(context);
	if (blkno != InvalidBlockNumber)
		gv_hnsw_outgrow(index, blkno, value_bytes);
	return false;
}
