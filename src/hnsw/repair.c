/*-------------------------------------------------------------------------
 *
 * repair.c
 *		Links of live nodes after others have died.
 *
 * A node that loses neighbors looks for new ones like a row that is inserted,
 * but beginning at itself: the dead neighbors lead to what was around them.  It
 * keeps the links that it has, for others may be reached only by them, and asks
 * those of its new neighbors that lie in directions of their own for a link
 * back, as an insert does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "am/routine.h"
#include "am/xlog.h"
#include "base/compat.h"
#include "hnsw/aim.h"
#include "hnsw/contest.h"
#include "hnsw/entry.h"
#include "hnsw/repair.h"

/* Links back that are asked for */
#define MAX_LINKS_BACK 6

/* Of the nearest nodes so many may link to a lost one before the nearest must */
#define TRY_NEAREST 8

/* How often lost nodes are looked for */
#define MAX_LINKINGS 3

/* Places of a node that are enough, as a part of its degree */
#define ENOUGH_PLACES 0.75

/* The part of maintenance_work_mem for vectors, and what suffices */
#define MEMORY_PART 4
#define ENOUGH_BYTES (64 * 1024 * 1024)

/*
 * gv_hnsw_repair_init
 *		Prepare to repair nodes.
 *
 * dead: kept; may still grow
 */
void
gv_hnsw_repair_init(GvHnswRepair *repair, GvHnswIndex *ix, const GvIdset *dead,
					MemoryContext context)
{
	Size		max_bytes = gv_am_maintenance_memory() * (Size) 1024 / MEMORY_PART;

	repair->ix = ix;
	repair->degree = Min(ix->layout.degree, 2 * ix->meta.m);
	repair->dead = dead;
	repair->scratch = AllocSetContextCreate(context, "hnsw repair of a node",
											ALLOCSET_DEFAULT_SIZES);
	gv_hnsw_vectors_init(&repair->vectors, ix,
						 AllocSetContextCreate(context, "hnsw vectors", ALLOCSET_DEFAULT_SIZES),
						 Min(max_bytes, ENOUGH_BYTES));
	repair->vectors.expects_dead = true;
}

/*
 * Search for the surroundings of a node, beginning at itself or at the entries.
 *
 * Returns the best that are live, sorted, n at most.
 */
static GvHnswCandidate *
search_around(GvHnswRepair *repair, const GvHnswVector *own, bool from_entries, int *n)
{
	GvHnswIndex *ix = repair->ix;
	const GvHnswLayout *layout = &ix->layout;
	GvHnswSearch search = {0};
	GvHnswCandidate *candidates;
	int			max = *n;

	/* one place is the node's own */
	gv_hnsw_search_init(&search, ix, CurrentMemoryContext,
						gv_hnsw_aim_linking_ef(ix) + 1);
	if (gv_hnsw_layout_has_codes(layout))
	{
		float	   *z = palloc0(sizeof(float) * layout->padded_dim);

		memcpy(z, own->z, sizeof(float) * layout->own_dims);
		gv_hnsw_search_set_point(&search, z);
	}
	else
		search.value = PointerGetDatum(own->z);
	if (from_entries)
		gv_hnsw_search_seed(&search, gv_hnsw_cache(ix));
	else
		gv_hnsw_search_seed_node(&search, own->id);
	gv_hnsw_search_run(&search);

	*n = 0;
	candidates = palloc(sizeof(GvHnswCandidate) * (search.n_found + max + PG_UINT8_MAX));
	for (int64 i = 0; i < search.n_found; i++)
	{
		GvHnswFound *found = &search.found[i];

		if (found->state != GV_HNSW_NODE_LIVE || found->id == own->id)
			continue;
		candidates[*n].key = found->key - found->key_bias;
		candidates[(*n)++].id = found->id;
	}
	gv_hnsw_sort_candidates(candidates, *n);
	*n = Min(*n, max);
	return candidates;
}

static bool
is_among(uint32 id, const GvHnswCandidate *chosen, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (chosen[i].id == id)
			return true;
	}
	return false;
}

/*
 * Put new links where those to dead nodes were.
 *
 * The page may have changed: links that were added meanwhile stay, and only
 * what is chosen and not there is added.
 *
 * n_diverse: the first of those chosen, by which all links are marked anew; -1:
 * the marks stay
 *
 * Returns how many of those chosen are new and diverse, moved to the front.
 */
static int
replace_links(GvHnswRepair *repair, const GvHnswVector *own, GvHnswCandidate *chosen,
			  int n_chosen, int n_diverse)
{
	GvHnswIndex *ix = repair->ix;
	const GvHnswLayout *layout = &ix->layout;
	int			is_new[PG_UINT8_MAX];
	int			n_new = 0;
	Buffer		buf;
	GvXlog	   *xlog;
	GvHnswNode	node;

	buf = gv_am_read_buffer(ix->hints, ix->rel, gv_hnsw_id_block(layout, own->id));
	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	xlog = gv_xlog_begin(ix->rel);
	node = gv_hnsw_page_node(ix, gv_xlog_page(xlog, buf), gv_hnsw_id_slot(layout, own->id));
	if (node != NULL && node->state == GV_HNSW_NODE_LIVE)
	{
		for (int lane = node->n_neighbors - 1; lane >= 0; lane--)
		{
			if (gv_idset_contains(repair->dead, gv_hnsw_node_neighbors(layout, node)[lane]))
				gv_hnsw_node_remove_lane(layout, node, lane);
		}
		for (int i = 0; i < n_chosen && node->n_neighbors < repair->degree; i++)
		{
			GvHnswVector *other = gv_hnsw_vectors_read(&repair->vectors, chosen[i].id);
			GvHnswPoint point = {other->z, other->key_bias};

			if (gv_hnsw_node_find_lane(layout, node, other->id) >= 0)
				continue;
			gv_hnsw_node_set_lane(layout, node, node->n_neighbors, other->id, own->z, &point);
			if (i < n_diverse)
				is_new[n_new++] = i;
		}
		for (int lane = 0; lane < node->n_neighbors && n_diverse >= 0; lane++)
			gv_hnsw_node_mark_lane(layout, node, lane,
								   !is_among(gv_hnsw_node_neighbors(layout, node)[lane],
											 chosen, n_diverse));
		for (int i = 0; i < n_new; i++)
			chosen[i] = chosen[is_new[i]];
		gv_xlog_finish(xlog);
	}
	else
		gv_xlog_cancel(xlog);
	UnlockReleaseBuffer(buf);
	return n_new;
}

/* Find new neighbors for a node and link to them, and they back */
static void
find_neighbors(GvHnswRepair *repair, GvHnswVector *own, const GvHnswLinks *links)
{
	int			n = gv_hnsw_vectors_max_candidates(&repair->vectors);
	int			n_diverse;
	GvHnswCandidate *candidates = search_around(repair, own, false, &n);
	GvIdset		known;

	/* its live neighbors compete with those found */
	gv_idset_init(&known, CurrentMemoryContext, 256);
	for (int i = 0; i < n; i++)
		gv_idset_add(&known, candidates[i].id);
	for (int i = 0; i < links->n; i++)
	{
		GvHnswVector *other;

		if (gv_idset_contains(repair->dead, links->id[i]) ||
			!gv_idset_add(&known, links->id[i]))
			continue;
		other = gv_hnsw_vectors_read(&repair->vectors, links->id[i]);
		if (other == NULL)
			continue;
		candidates[n].key = gv_hnsw_vectors_key(&repair->vectors, own, other);
		candidates[n++].id = links->id[i];
	}
	gv_hnsw_sort_candidates(candidates, n);
	n = gv_hnsw_vectors_choose(&repair->vectors, candidates, n, repair->degree, &n_diverse);

	GV_TEST_POINT("hnsw-vacuum-repairing");

	n = replace_links(repair, own, candidates, n, n_diverse);
	for (int i = 0; i < Min(n, MAX_LINKS_BACK); i++)
		(void) gv_hnsw_offer_link(&repair->vectors, candidates[i].id, own, true);
}

/*
 * gv_hnsw_repair_node
 *		See to it that a live node has no links to dead ones.
 *
 * Links that only fill places are dropped, while most places are taken; others
 * need a replacement.
 */
void
gv_hnsw_repair_node(GvHnswRepair *repair, uint32 id)
{
	MemoryContext old_context = MemoryContextSwitchTo(repair->scratch);
	GvHnswVector *own;

	CHECK_FOR_INTERRUPTS();
	gv_hnsw_vectors_trim(&repair->vectors);
	own = gv_hnsw_vectors_read(&repair->vectors, id);
	if (own != NULL)
	{
		GvHnswLinks links;
		int			n_live = 0;
		bool		may_drop = true;

		gv_hnsw_vectors_read_links(&repair->vectors, own, NULL, 0, &links);
		may_drop = links.has_marks;
		for (int i = 0; i < links.n; i++)
		{
			if (!gv_idset_contains(repair->dead, links.id[i]))
				n_live++;
			else if (may_drop)
				may_drop = links.fills[i];
		}
		if (may_drop && n_live >= repair->degree * ENOUGH_PLACES)
			(void) replace_links(repair, own, NULL, 0, -1);
		else
			find_neighbors(repair, own, &links);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(repair->scratch);
}

/*
 * Make the nearest of the nodes that are reached link to one that is not, or
 * else the entry table.
 */
static void
repair_lost_node(GvHnswRepair *repair, uint32 id, const GvHnswReach *reach)
{
	GvHnswIndex *ix = repair->ix;
	MemoryContext old_context = MemoryContextSwitchTo(repair->scratch);
	GvHnswVector *own;
	bool		done = false;

	CHECK_FOR_INTERRUPTS();
	gv_hnsw_vectors_trim(&repair->vectors);
	own = gv_hnsw_vectors_read(&repair->vectors, id);
	if (own != NULL)
	{
		GvHnswPoint point = {own->z, own->key_bias};
		GvHnswLinks links;
		int			n = ix->meta.ef_construction;
		GvHnswCandidate *candidates = search_around(repair, own, true, &n);

		/* it may link to some that the search has not come to */
		gv_hnsw_vectors_read_links(&repair->vectors, own, NULL, 0, &links);
		for (int i = 0; i < links.n; i++)
		{
			GvHnswVector *other;

			if (!gv_hnsw_is_reached(reach, links.id[i]))
				continue;
			other = gv_hnsw_vectors_read(&repair->vectors, links.id[i]);
			if (other == NULL)
				continue;
			candidates[n].id = links.id[i];
			candidates[n++].key = gv_hnsw_vectors_key(&repair->vectors, own, other);
		}
		gv_hnsw_sort_candidates(candidates, n);
		/* a link that has to be given up may be another node's only one */
		for (int i = 0; i < Min(n, TRY_NEAREST) && !done; i++)
		{
			GvHnswVector *other = gv_hnsw_vectors_read(&repair->vectors, candidates[i].id);

			if (other == NULL)
				continue;
			gv_hnsw_vectors_read_links(&repair->vectors, other, NULL, 0, &links);
			done = links.n < repair->degree &&
				gv_hnsw_force_link(&repair->vectors, other->id, own);
		}
		for (int i = 0; i < n && !done; i++)
			done = gv_hnsw_force_link(&repair->vectors, candidates[i].id, own);
		if (!done)
			gv_hnsw_consider_entry(ix, id, &point, true);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(repair->scratch);
}

static bool
is_live(GvHnswRepair *repair, BlockNumber blkno, int slot)
{
	GvHnswIndex *ix = repair->ix;
	Buffer		buf = gv_am_read_buffer(ix->hints, ix->rel, blkno);
	GvHnswNode	node;
	bool		result;

	LockBuffer(buf, BUFFER_LOCK_SHARE);
	node = gv_hnsw_page_node(ix, BufferGetPage(buf), slot);
	result = node != NULL && node->state == GV_HNSW_NODE_LIVE;
	UnlockReleaseBuffer(buf);
	return result;
}

/* Once; returns whether there were any */
static bool
link_lost_nodes(GvHnswRepair *repair, BlockNumber n_blocks, BufferAccessStrategy strategy)
{
	GvHnswIndex *ix = repair->ix;
	GvHnswReach reach;
	bool		found_any = false;

	gv_hnsw_reach_read(&reach, ix, n_blocks, false, strategy);
	for (BlockNumber blkno = GV_HNSW_META_BLKNO + 1; blkno < n_blocks; blkno++)
	{
		for (int slot = 0; slot < ix->layout.nodes_per_page; slot++)
		{
			uint32		id = gv_hnsw_make_id(&ix->layout, blkno, slot);

			if (!gv_hnsw_is_lost(&reach, id))
				continue;
			gv_base_vacuum_delay();
			if (!is_live(repair, blkno, slot))
				continue;
			repair_lost_node(repair, id, &reach);
			gv_hnsw_reach_add(&reach, id);
			found_any = true;
		}
	}
	gv_hnsw_reach_end(&reach);
	return found_any;
}

/*
 * gv_hnsw_repair_lost_nodes
 *		Link to the live nodes to which the entries do not lead: single ones, and
 *		groups that link to each other only, of which one link reaches all.
 *
 * n_blocks: of the index, so many are looked at
 *
 * A node that is inserted meanwhile may look like one; another link to it does
 * no harm.
 */
void
gv_hnsw_repair_lost_nodes(GvHnswRepair *repair, BlockNumber n_blocks,
						  BufferAccessStrategy strategy)
{
	/* for a link, another may have been given up */
	for (int i = 0; i < MAX_LINKINGS && link_lost_nodes(repair, n_blocks, strategy); i++)
		;
}
