/*-------------------------------------------------------------------------
 *
 * vacuum.c
 *		Removing dead rows.
 *
 * Three passes over the pages, in physical order:
 *	1. Take out dead tids.  A node without tids becomes DEAD: it still leads
 *	   searches on, but nobody links to it any more.
 *	2. Repair each live node that links to a DEAD one: drop the link, and fill
 *	   the place with the best of the neighbors' neighbors.  Then see to it that
 *	   each live node has a link to it.
 *	3. Free the slots of DEAD nodes.  By now no live node links to them.
 *
 * One page is locked at a time, but for tid chunks under their node.  Between
 * the first two passes VACUUM waits for the inserts under way, see write.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/generic_xlog.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/freespace.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

#include "am/xlog.h"
#include "base/compat.h"
#include "base/idset.h"
#include "base/random.h"
#include "hnsw/calibrate.h"
#include "hnsw/contest.h"
#include "hnsw/entry.h"
#include "hnsw/filter.h"
#include "hnsw/hnsw.h"
#include "hnsw/node.h"
#include "hnsw/prune.h"
#include "hnsw/write.h"

/* Candidates for a repaired node's new links whose vectors are read */
#define N_REPAIR_READS 48

/* The same without codes, where there are no estimates to go by */
#define N_EXACT_REPAIR_READS 256

/* Live nodes kept to stand in for dead entries: as many as the table has */
#define N_STAND_INS GV_HNSW_MAX_ENTRIES

/* State of a vacuum of one index */
typedef struct Vacuum
{
	GvHnswIndex ix;
	IndexVacuumInfo *info;
	IndexBulkDeleteResult *stats;
	IndexBulkDeleteCallback callback;
	void	   *callback_state;
	GvIdset		dead;			/* ids of DEAD nodes */
	uint32	   *stand_in;		/* uint32[N_STAND_INS], a random sample of the live nodes */
	int			n_stand_ins;
	int			n_stood_in;		/* used of them */
	uint64		n_live;
	GvRandom	random;
	BufferAccessStrategy strategy;
	MemoryContext context;		/* reset for each node repaired */
} Vacuum;

static Buffer
read_page(Vacuum *vacuum, BlockNumber blkno, int lock)
{
	Buffer		buf = ReadBufferExtended(vacuum->ix.rel, MAIN_FORKNUM, blkno, RBM_NORMAL,
										 vacuum->strategy);

	LockBuffer(buf, lock);
	return buf;
}

static bool
tid_is_dead(Vacuum *vacuum, ItemPointer tid)
{
	if (!vacuum->callback(tid, vacuum->callback_state))
	{
		vacuum->stats->num_index_tuples++;
		return false;
	}
	vacuum->stats->tuples_removed++;
	return true;
}

/*
 * Take dead tids out of a chain of chunks.
 *
 * The caller holds the lock of the node's page, so that nobody adds chunks.
 * Returns the number of tids left.
 */
static int64
vacuum_chunks(Vacuum *vacuum, uint32 chunk_id, uint32 owner)
{
	GvHnswIndex *ix = &vacuum->ix;
	int64		left = 0;
	int64		n_chunks = 0;

	while (chunk_id != GV_HNSW_INVALID_ID)
	{
		Buffer		buf;
		GvHnswTidChunk chunk;
		GvHnswTidChunkData kept;

		if (gv_hnsw_chunk_block(chunk_id) >= RelationGetNumberOfBlocks(ix->rel) ||
			n_chunks++ > (int64) RelationGetNumberOfBlocks(ix->rel) * GV_HNSW_CHUNKS_PER_PAGE)
			gv_hnsw_report_corruption(ix->rel, gv_hnsw_chunk_block(chunk_id),
									  "A list of rows leads nowhere.");
		buf = read_page(vacuum, gv_hnsw_chunk_block(chunk_id), BUFFER_LOCK_EXCLUSIVE);
		if (!gv_hnsw_page_is(BufferGetPage(buf), GV_HNSW_PAGE_TIDS))
			gv_hnsw_report_corruption(ix->rel, gv_hnsw_chunk_block(chunk_id),
									  "It is not a page of tids.");
		chunk = gv_hnsw_page_chunk(BufferGetPage(buf), gv_hnsw_chunk_slot(chunk_id));
		if (chunk->owner != owner || chunk->n_tids > GV_HNSW_CHUNK_TIDS)
			gv_hnsw_report_corruption(ix->rel, gv_hnsw_chunk_block(chunk_id),
									  "A chunk of tids is not its node's.");

		memset(&kept, 0, sizeof(kept));
		kept.next = chunk->next;
		kept.owner = chunk->owner;
		for (int i = 0; i < chunk->n_tids; i++)
		{
			if (!tid_is_dead(vacuum, &chunk->tids[i]))
				kept.tids[kept.n_tids++] = chunk->tids[i];
		}
		GV_TEST_POINT("hnsw-vacuum-chunk");
		if (kept.n_tids < chunk->n_tids)
		{
			GvXlog	   *xlog = gv_xlog_begin(ix->rel);

			chunk = gv_hnsw_page_chunk(gv_xlog_page(xlog, buf), gv_hnsw_chunk_slot(chunk_id));
			*chunk = kept;
			gv_xlog_finish(xlog);
		}
		left += kept.n_tids;
		chunk_id = kept.next;
		UnlockReleaseBuffer(buf);
	}
	return left;
}

/* Sample the live nodes */
static void
note_live_node(Vacuum *vacuum, uint32 id)
{
	vacuum->n_live++;
	if (vacuum->n_stand_ins < N_STAND_INS)
		vacuum->stand_in[vacuum->n_stand_ins++] = id;
	else
	{
		uint32		place = gv_random_below(&vacuum->random,
											(uint32) Min(vacuum->n_live, PG_UINT32_MAX));

		if (place < N_STAND_INS)
			vacuum->stand_in[place] = id;
	}
}

/* Pass 1 for a page of nodes */
static void
remove_dead_tids(Vacuum *vacuum, BlockNumber blkno)
{
	GvHnswIndex *ix = &vacuum->ix;
	Buffer		buf = read_page(vacuum, blkno, BUFFER_LOCK_EXCLUSIVE);
	Page		page = BufferGetPage(buf);
	GvXlog	   *xlog = NULL;

	for (int slot = 0; slot < ix->layout.nodes_per_page; slot++)
	{
		GvHnswNode	node = gv_hnsw_page_node(ix, page, slot);
		uint32		id = gv_hnsw_make_id(&ix->layout, blkno, slot);
		bool		tid_dead;
		int64		left;

		if (node == NULL)
			continue;
		if (node->state == GV_HNSW_NODE_DEAD)
		{
			/* left by a VACUUM that did not finish */
			gv_idset_add(&vacuum->dead, id);
			continue;
		}

		tid_dead = ItemPointerIsValid(&node->tid) && tid_is_dead(vacuum, &node->tid);
		left = ItemPointerIsValid(&node->tid) && !tid_dead ? 1 : 0;
		left += vacuum_chunks(vacuum, node->tid_chunk, id);
		if (left > 0)
			note_live_node(vacuum, id);
		if (!tid_dead && left > 0)
			continue;

		if (xlog == NULL)
		{
			xlog = gv_xlog_begin(ix->rel);
			page = gv_xlog_page(xlog, buf);
			node = gv_hnsw_page_node(ix, page, slot);
		}
		if (tid_dead)
			ItemPointerSetInvalid(&node->tid);
		if (left == 0)
		{
			node->state = GV_HNSW_NODE_DEAD;
			gv_idset_add(&vacuum->dead, id);
		}
	}
	if (xlog != NULL)
		gv_xlog_finish(xlog);
	UnlockReleaseBuffer(buf);
}

/* A candidate for a new link of a node under repair */
typedef struct RepairCandidate
{
	float	   *vector;
	float		key_bias;
} RepairCandidate;

typedef struct Repair
{
	Vacuum	   *vacuum;
	RepairCandidate *candidate;
} Repair;

static void
repair_pair_keys(void *context, const GvHnswCandidate *candidate,
				 const GvHnswCandidate *others, int n, float *keys)
{
	Repair	   *repair = context;
	GvHnswIndex *ix = &repair->vacuum->ix;
	float	   *va = repair->candidate[candidate->source].vector;

	for (int i = 0; i < n; i++)
	{
		float	   *vb = repair->candidate[others[i].source].vector;

		keys[i] = gv_hnsw_layout_has_codes(&ix->layout) ?
			gv_kernels->l2_squared_f32(va, vb, ix->layout.own_dims) :
			gv_am_exact_key(ix->opclass, PointerGetDatum(va), PointerGetDatum(vb));
	}
}

/* Copy the own vector of a node that is read; NULL if it is not live */
static float *
copy_vector(Vacuum *vacuum, GvHnswSearch *search, uint32 id, float *key_bias)
{
	GvHnswIndex *ix = &vacuum->ix;
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
		if (gv_hnsw_layout_has_codes(&ix->layout))
		{
			vector = palloc(sizeof(float) * ix->layout.padded_dim);
			memset(vector, 0, sizeof(float) * ix->layout.padded_dim);
			gv_hnsw_node_get_own(&ix->layout, node, vector);
			*key_bias = node->u.key_bias;
		}
		else
		{
			Datum		value = gv_hnsw_node_value(search, node);
			Size		size = VARSIZE(DatumGetPointer(value));

			vector = palloc(size);
			memcpy(vector, DatumGetPointer(value), size);
			*key_bias = 0;
		}
	}
	UnlockReleaseBuffer(buf);
	return vector;
}

/*
 * Collect the neighbors of a dead node as candidates, with estimates of their
 * keys to the node under repair.
 */
static int
collect_neighbors(Vacuum *vacuum, GvHnswSearch *search, uint32 dead_id,
				  GvHnswCandidate *candidates, int n, GvIdset *known)
{
	GvHnswIndex *ix = &vacuum->ix;
	const GvHnswLayout *layout = &ix->layout;
	Buffer		buf;
	GvHnswNode	node;

	if (gv_hnsw_id_block(layout, dead_id) >= RelationGetNumberOfBlocks(ix->rel))
		return n;
	buf = gv_am_read_buffer(ix->hints, ix->rel, gv_hnsw_id_block(layout, dead_id));
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	node = gv_hnsw_page_node(ix, BufferGetPage(buf), gv_hnsw_id_slot(layout, dead_id));
	if (node != NULL)
	{
		uint32	   *neighbors = gv_hnsw_node_neighbors(layout, node);

		for (int base = 0; base < node->n_neighbors; base += GV_FASTSCAN_LANES)
		{
			float		estimates[GV_FASTSCAN_LANES] = {0};
			int			n_lanes = Min(GV_FASTSCAN_LANES, node->n_neighbors - base);

			if (gv_hnsw_layout_has_codes(layout))
				gv_kernels->fastscan_estimate(gv_hnsw_node_codes(layout, node,
																 base / GV_FASTSCAN_LANES),
											  search->query.table, search->query.n_groups,
											  gv_hnsw_node_add(layout, node) + base,
											  gv_hnsw_node_rescale(layout, node) + base,
											  gv_hnsw_node_base(node, search->z_norm2,
																gv_hnsw_node_key(layout, node,
																				 search->z)),
											  node->edge_scale, search->query.mul,
											  search->query.bias, estimates);
			for (int lane = 0; lane < n_lanes; lane++)
			{
				uint32		id = neighbors[base + lane];

				if (gv_idset_contains(&vacuum->dead, id) || !gv_idset_add(known, id))
					continue;
				candidates[n].id = id;
				candidates[n++].key = estimates[lane];
			}
		}
	}
	UnlockReleaseBuffer(buf);
	return n;
}

/*
 * Repair a live node: replace its links to dead nodes.
 *
 * neighbors: its links when its page was looked at
 */
static void
repair_node(Vacuum *vacuum, uint32 id, const uint32 *neighbors, int n_neighbors)
{
	GvHnswIndex *ix = &vacuum->ix;
	const GvHnswLayout *layout = &ix->layout;
	int			degree = Min(layout->degree, 2 * ix->meta.m);
	GvHnswSearch search = {0};
	GvHnswCandidate *candidates = palloc(sizeof(GvHnswCandidate) *
										 ((Size) (n_neighbors + 1) * (layout->degree + 1)));
	Repair		repair = {vacuum, NULL};
	GvIdset		known;
	int			n = 0;
	int			n_read = 0;
	int			n_chosen;
	float		bias;
	float	   *vector;
	Buffer		buf;
	GvXlog	   *xlog;
	GvHnswNode	node;

	gv_hnsw_search_init(&search, ix, CurrentMemoryContext, 1);
	vector = copy_vector(vacuum, &search, id, &bias);
	if (vector == NULL)
		return;
	if (gv_hnsw_layout_has_codes(layout))
		gv_hnsw_search_set_point(&search, vector);

	gv_idset_init(&known, CurrentMemoryContext, 256);
	gv_idset_add(&known, id);
	for (int i = 0; i < n_neighbors; i++)
	{
		if (!gv_idset_contains(&vacuum->dead, neighbors[i]))
			gv_idset_add(&known, neighbors[i]);
	}
	for (int i = 0; i < n_neighbors; i++)
	{
		if (gv_idset_contains(&vacuum->dead, neighbors[i]))
			n = collect_neighbors(vacuum, &search, neighbors[i], candidates, n, &known);
	}

	/* the nearest by estimate are read; the live neighbors compete with them */
	gv_hnsw_sort_candidates(candidates, n);
	n = Min(n, gv_hnsw_layout_has_codes(layout) ? N_REPAIR_READS : N_EXACT_REPAIR_READS);
	for (int i = 0; i < n_neighbors; i++)
	{
		if (!gv_idset_contains(&vacuum->dead, neighbors[i]))
			candidates[n++].id = neighbors[i];
	}
	repair.candidate = palloc0(sizeof(RepairCandidate) * (n + 1));
	for (int i = 0; i < n; i++)
	{
		RepairCandidate *c = &repair.candidate[n_read];

		c->vector = copy_vector(vacuum, &search, candidates[i].id, &c->key_bias);
		if (c->vector == NULL)
			continue;
		candidates[n_read].id = candidates[i].id;
		candidates[n_read].source = n_read;
		candidates[n_read].key = gv_hnsw_layout_has_codes(layout) ?
			gv_kernels->l2_squared_f32(vector, c->vector, layout->own_dims) :
			gv_am_exact_key(ix->opclass, PointerGetDatum(vector), PointerGetDatum(c->vector));
		n_read++;
	}
	gv_hnsw_sort_candidates(candidates, n_read);
	n_chosen = gv_hnsw_prune(candidates, n_read, degree, degree, NULL, repair_pair_keys,
							 &repair);

	GV_TEST_POINT("hnsw-vacuum-repairing");

	/*
	 * The page may have changed: links that were added meanwhile stay, and
	 * only what is chosen and not there is added.
	 */
	buf = read_page(vacuum, gv_hnsw_id_block(layout, id), BUFFER_LOCK_EXCLUSIVE);
	xlog = gv_xlog_begin(ix->rel);
	node = gv_hnsw_page_node(ix, gv_xlog_page(xlog, buf), gv_hnsw_id_slot(layout, id));
	if (node != NULL && node->state == GV_HNSW_NODE_LIVE)
	{
		uint32	   *now = gv_hnsw_node_neighbors(layout, node);

		for (int lane = node->n_neighbors - 1; lane >= 0; lane--)
		{
			if (gv_idset_contains(&vacuum->dead, now[lane]))
				gv_hnsw_node_remove_lane(layout, node, lane);
		}
		for (int i = 0; i < n_chosen && node->n_neighbors < degree; i++)
		{
			RepairCandidate *c = &repair.candidate[candidates[i].source];
			GvHnswPoint point = {c->vector, c->key_bias};

			if (gv_hnsw_node_find_lane(layout, node, candidates[i].id) < 0)
				gv_hnsw_node_set_lane(layout, node, node->n_neighbors, candidates[i].id,
									  vector, &point);
		}
		gv_xlog_finish(xlog);
	}
	else
		gv_xlog_cancel(xlog);
	UnlockReleaseBuffer(buf);
}

/* Pass 2 for a page of nodes */
static void
repair_page(Vacuum *vacuum, BlockNumber blkno)
{
	GvHnswIndex *ix = &vacuum->ix;

	for (int slot = 0; slot < ix->layout.nodes_per_page; slot++)
	{
		uint32		neighbors[PG_UINT8_MAX];
		int			n = 0;
		bool		needs_repair = false;
		Buffer		buf = read_page(vacuum, blkno, BUFFER_LOCK_SHARE);
		GvHnswNode	node = gv_hnsw_page_node(ix, BufferGetPage(buf), slot);

		if (node != NULL && node->state == GV_HNSW_NODE_LIVE)
		{
			n = node->n_neighbors;
			memcpy(neighbors, gv_hnsw_node_neighbors(&ix->layout, node), n * sizeof(uint32));
		}
		UnlockReleaseBuffer(buf);

		for (int i = 0; i < n && !needs_repair; i++)
			needs_repair = gv_idset_contains(&vacuum->dead, neighbors[i]);
		if (needs_repair)
		{
			MemoryContext old_context = MemoryContextSwitchTo(vacuum->context);

			CHECK_FOR_INTERRUPTS();
			repair_node(vacuum, gv_hnsw_make_id(&ix->layout, blkno, slot), neighbors, n);
			MemoryContextSwitchTo(old_context);
			MemoryContextReset(vacuum->context);
		}
	}
}

/* Note which nodes the live nodes of a page link to */
static void
note_links(Vacuum *vacuum, BlockNumber blkno, uint8 *linked, uint64 n_slots)
{
	GvHnswIndex *ix = &vacuum->ix;
	Buffer		buf = read_page(vacuum, blkno, BUFFER_LOCK_SHARE);

	for (int slot = 0; slot < ix->layout.nodes_per_page; slot++)
	{
		GvHnswNode	node = gv_hnsw_page_node(ix, BufferGetPage(buf), slot);

		if (node == NULL || node->state != GV_HNSW_NODE_LIVE)
			continue;
		for (int i = 0; i < node->n_neighbors; i++)
		{
			uint32		id = gv_hnsw_node_neighbors(&ix->layout, node)[i];

			if (id < n_slots)
				linked[id / 8] |= 1 << (id % 8);
		}
	}
	UnlockReleaseBuffer(buf);
}

/* Make the nearest of a node's neighbors link to it, or else the entry table */
static void
link_node(Vacuum *vacuum, uint32 id)
{
	GvHnswIndex *ix = &vacuum->ix;
	GvHnswSearch search = {0};
	GvHnswPoint point = {NULL, 0};
	GvHnswCandidate candidates[PG_UINT8_MAX];
	uint32		neighbors[PG_UINT8_MAX];
	int			n_neighbors = 0;
	int			n = 0;
	uint16		version;
	float	   *vector;
	bool		done = false;

	gv_hnsw_search_init(&search, ix, CurrentMemoryContext, 1);
	vector = gv_hnsw_copy_vector(ix, &search, id, &point.key_bias, &version, neighbors,
								 &n_neighbors);
	if (vector == NULL)
		return;
	point.z = vector;
	for (int i = 0; i < n_neighbors; i++)
	{
		float		bias;
		float	   *other = gv_hnsw_copy_vector(ix, &search, neighbors[i], &bias, &version,
												NULL, NULL);

		if (other == NULL)
			continue;
		candidates[n].id = neighbors[i];
		candidates[n++].key = gv_hnsw_layout_has_codes(&ix->layout) ?
			gv_kernels->l2_squared_f32(vector, other, ix->layout.own_dims) :
			gv_am_exact_key(ix->opclass, PointerGetDatum(vector), PointerGetDatum(other));
	}
	gv_hnsw_sort_candidates(candidates, n);
	for (int i = 0; i < n && !done; i++)
		done = gv_hnsw_force_link(ix, &search, candidates[i].id, id, &point);
	if (!done)
		gv_hnsw_consider_entry(ix, id, &point, true);
}

/*
 * Link to the live nodes that no live node links to any more.
 *
 * A node that is inserted meanwhile may look like one; another link to it does
 * no harm.
 */
static void
link_lost_nodes(Vacuum *vacuum, BlockNumber n_blocks)
{
	GvHnswIndex *ix = &vacuum->ix;
	uint64		n_slots = (uint64) n_blocks * ix->layout.nodes_per_page;
	uint8	   *linked = palloc_extended(n_slots / 8 + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (BlockNumber blkno = GV_HNSW_META_BLKNO + 1; blkno < n_blocks; blkno++)
	{
		gv_base_vacuum_delay();
		note_links(vacuum, blkno, linked, n_slots);
	}
	for (BlockNumber blkno = GV_HNSW_META_BLKNO + 1; blkno < n_blocks; blkno++)
	{
		for (int slot = 0; slot < ix->layout.nodes_per_page; slot++)
		{
			uint32		id = gv_hnsw_make_id(&ix->layout, blkno, slot);
			Buffer		buf;
			GvHnswNode	node;
			bool		is_lost;

			if (linked[id / 8] & (1 << (id % 8)))
				continue;
			gv_base_vacuum_delay();
			buf = read_page(vacuum, blkno, BUFFER_LOCK_SHARE);
			node = gv_hnsw_page_node(ix, BufferGetPage(buf), slot);
			is_lost = node != NULL && node->state == GV_HNSW_NODE_LIVE;
			UnlockReleaseBuffer(buf);
			if (is_lost)
			{
				MemoryContext old_context = MemoryContextSwitchTo(vacuum->context);

				link_node(vacuum, id);
				MemoryContextSwitchTo(old_context);
				MemoryContextReset(vacuum->context);
			}
		}
	}
	pfree(linked);
}

/* Free the chunks of a dead node */
static void
free_chunks(Vacuum *vacuum, uint32 chunk_id, uint32 owner)
{
	GvHnswIndex *ix = &vacuum->ix;

	while (chunk_id != GV_HNSW_INVALID_ID)
	{
		Buffer		buf = read_page(vacuum, gv_hnsw_chunk_block(chunk_id), BUFFER_LOCK_EXCLUSIVE);
		uint32		next = GV_HNSW_INVALID_ID;

		if (gv_hnsw_page_is(BufferGetPage(buf), GV_HNSW_PAGE_TIDS))
		{
			GvXlog	   *xlog = gv_xlog_begin(ix->rel);
			Page		page = gv_xlog_page(xlog, buf);
			GvHnswTidChunk chunk = gv_hnsw_page_chunk(page, gv_hnsw_chunk_slot(chunk_id));

			if (chunk->owner == owner)
			{
				next = chunk->next;
				/* next stays for scans that are on their way through */
				chunk->owner = GV_HNSW_INVALID_ID;
				chunk->n_tids = 0;
				gv_am_page_special(page)->n_free++;
				gv_xlog_finish(xlog);
			}
			else
				gv_xlog_cancel(xlog);
		}
		UnlockReleaseBuffer(buf);
		chunk_id = next;
	}
}

/* Free the pages with the rest of a dead node's value */
static void
free_rest(Vacuum *vacuum, BlockNumber blkno)
{
	GvHnswIndex *ix = &vacuum->ix;

	while (blkno != InvalidBlockNumber && blkno < RelationGetNumberOfBlocks(ix->rel))
	{
		Buffer		buf = read_page(vacuum, blkno, BUFFER_LOCK_EXCLUSIVE);
		BlockNumber next = InvalidBlockNumber;

		if (gv_hnsw_page_is(BufferGetPage(buf), GV_HNSW_PAGE_VECTOR))
		{
			GvXlog	   *xlog = gv_xlog_begin(ix->rel);

			next = gv_hnsw_page_chain(BufferGetPage(buf))->next;
			gv_hnsw_init_page(gv_xlog_new_page(xlog, buf), GV_HNSW_PAGE_FREE);
			gv_xlog_finish(xlog);
			RecordPageWithFreeSpace(ix->rel, blkno, GV_AM_PAGE_ROOM);
		}
		UnlockReleaseBuffer(buf);
		blkno = next;
	}
}

static bool
has_no_items(Page page)
{
	for (OffsetNumber off = FirstOffsetNumber; off <= PageGetMaxOffsetNumber(page); off++)
	{
		if (ItemIdIsUsed(PageGetItemId(page, off)))
			return false;
	}
	return true;
}

/* Pass 3 for a page of nodes */
static void
free_dead_nodes(Vacuum *vacuum, BlockNumber blkno)
{
	GvHnswIndex *ix = &vacuum->ix;
	const GvHnswLayout *layout = &ix->layout;
	bool		has_codes = gv_hnsw_layout_has_codes(layout);
	Buffer		buf = read_page(vacuum, blkno, BUFFER_LOCK_EXCLUSIVE);
	Page		page = BufferGetPage(buf);
	uint32	   *chunks = palloc(sizeof(uint32) * layout->nodes_per_page);
	BlockNumber *rests = palloc(sizeof(BlockNumber) * layout->nodes_per_page);
	uint32	   *ids = palloc(sizeof(uint32) * layout->nodes_per_page);
	int			n = 0;
	GvXlog	   *xlog = NULL;
	Buffer		filter_buf = InvalidBuffer;
	Page		filter_page = NULL;
	Size		room = 0;
	bool		is_nodes = gv_hnsw_page_is(page, GV_HNSW_PAGE_NODES) ||
		gv_hnsw_page_is(page, GV_HNSW_PAGE_ITEMS);
	bool		is_empty = PageIsNew(page) || gv_hnsw_page_is(page, GV_HNSW_PAGE_FREE);

	for (int slot = 0; slot < layout->nodes_per_page; slot++)
	{
		GvHnswNode	node = gv_hnsw_page_node(ix, page, slot);
		uint32		id = gv_hnsw_make_id(layout, blkno, slot);

		if (node == NULL || node->state != GV_HNSW_NODE_DEAD ||
			!gv_idset_contains(&vacuum->dead, id))
			continue;
		if (xlog == NULL)
		{
			xlog = gv_xlog_begin(ix->rel);
			page = gv_xlog_page(xlog, buf);
			node = gv_hnsw_page_node(ix, page, slot);
			if (ix->filters.n > 0)
			{
				filter_buf = gv_hnsw_filter_lock(ix, blkno);
				filter_page = gv_xlog_page(xlog, filter_buf);
			}
		}
		if (filter_page != NULL && !PageIsNew(filter_page))
			gv_hnsw_filter_clear(layout, filter_page, gv_hnsw_filter_slot(layout, id));
		ids[n] = id;
		chunks[n] = node->tid_chunk;
		rests[n] = has_codes ? InvalidBlockNumber : node->u.vector_blkno;
		n++;
		if (has_codes)
		{
			uint16		version = node->version + 1;

			memset(node, 0, layout->node_size);
			node->version = version;
			gv_am_page_special(page)->n_free++;
		}
		else
		{
			PageIndexTupleDeleteNoCompact(page, slot + 1);
			/* or its line pointer would not be used again */
			PageSetHasFreeLinePointers(page);
		}
	}
	if (n > 0 && !has_codes && has_no_items(page))
	{
		/* so that it can be of any kind */
		gv_hnsw_init_page(page, GV_HNSW_PAGE_FREE);
		is_empty = true;
	}
	if (is_empty)
		room = GV_AM_PAGE_ROOM;
	else if (is_nodes)
		room = has_codes ? (Size) gv_am_page_special(page)->n_free * layout->node_size :
			PageGetFreeSpace(page);
	if (xlog != NULL)
		gv_xlog_finish(xlog);
	if (BufferIsValid(filter_buf))
		UnlockReleaseBuffer(filter_buf);
	UnlockReleaseBuffer(buf);

	/* the chunks and rests belong to nobody now */
	for (int i = 0; i < n; i++)
	{
		free_chunks(vacuum, chunks[i], ids[i]);
		free_rest(vacuum, rests[i]);
	}
	/* of empty pages, too: a crash may have lost it */
	if (is_nodes || is_empty)
		RecordPageWithFreeSpace(ix->rel, blkno, room);
	pfree(ids);
	pfree(chunks);
	pfree(rests);
}

/*
 * A live node that can stand in for a dead entry: one of its neighbors, or
 * any if they are dead as well.  Without entries nothing would be found.
 */
static uint32
find_stand_in(Vacuum *vacuum, uint32 dead_id)
{
	GvHnswIndex *ix = &vacuum->ix;
	Buffer		buf = read_page(vacuum, gv_hnsw_id_block(&ix->layout, dead_id),
								BUFFER_LOCK_SHARE);
	GvHnswNode	node = gv_hnsw_page_node(ix, BufferGetPage(buf),
										 gv_hnsw_id_slot(&ix->layout, dead_id));
	uint32		result = GV_HNSW_INVALID_ID;

	if (node != NULL)
	{
		for (int i = 0; i < node->n_neighbors && result == GV_HNSW_INVALID_ID; i++)
		{
			uint32		id = gv_hnsw_node_neighbors(&ix->layout, node)[i];

			if (!gv_idset_contains(&vacuum->dead, id))
				result = id;
		}
	}
	UnlockReleaseBuffer(buf);
	if (result == GV_HNSW_INVALID_ID && vacuum->n_stand_ins > 0)
		result = vacuum->stand_in[vacuum->n_stood_in++ % vacuum->n_stand_ins];
	return result;
}

/* Replace the entries that are dead */
static void
repair_entries(Vacuum *vacuum)
{
	GvHnswIndex *ix = &vacuum->ix;
	const GvHnswLayout *layout = &ix->layout;
	GvHnswSearch search = {0};
	BlockNumber blkno;
	BlockNumber n_pages = 0;

	gv_hnsw_open(ix, ix->rel);
	gv_hnsw_search_init(&search, ix, CurrentMemoryContext, 1);
	for (blkno = ix->meta.entry_blkno; blkno != InvalidBlockNumber;)
	{
		Buffer		buf;
		GvHnswChainPage chain;
		BlockNumber next;
		char	   *copy;
		Size		n_bytes;
		bool		changed = false;

		gv_am_check_block(ix->rel, blkno);
		if (n_pages++ > GV_HNSW_MAX_ENTRIES)
			gv_hnsw_report_corruption(ix->rel, blkno, "The entry table has no end.");
		buf = read_page(vacuum, blkno, BUFFER_LOCK_SHARE);
		chain = gv_hnsw_page_chain(BufferGetPage(buf));
		if (!gv_hnsw_page_is(BufferGetPage(buf), GV_HNSW_PAGE_ENTRY) ||
			chain->n_bytes > GV_HNSW_CHAIN_ROOM)
			gv_hnsw_report_corruption(ix->rel, blkno, "It is not a page of entries.");
		next = chain->next;
		n_bytes = chain->n_bytes;
		copy = palloc(n_bytes + 1);
		memcpy(copy, chain + 1, n_bytes);
		UnlockReleaseBuffer(buf);

		for (Size b = 0; b + layout->entry_block_size <= n_bytes; b += layout->entry_block_size)
		{
			GvHnswEntryBlock block = (GvHnswEntryBlock) (copy + b);

			for (int lane = 0; lane < GV_FASTSCAN_LANES; lane++)
			{
				uint32		old_id = block->node[lane];
				uint32		id;
				GvHnswPoint point = {NULL, 0};
				float	   *vector = NULL;
				Buffer		meta_buf;
				GvXlog	   *xlog;
				GvHnswEntryBlock b_now;

				if (old_id == GV_HNSW_INVALID_ID || !gv_idset_contains(&vacuum->dead, old_id))
					continue;
				id = find_stand_in(vacuum, old_id);
				if (id != GV_HNSW_INVALID_ID)
					vector = copy_vector(vacuum, &search, id, &point.key_bias);
				point.z = vector;

				GV_TEST_POINT("hnsw-vacuum-entry");
				buf = read_page(vacuum, blkno, BUFFER_LOCK_EXCLUSIVE);
				meta_buf = read_page(vacuum, GV_HNSW_META_BLKNO, BUFFER_LOCK_EXCLUSIVE);
				xlog = gv_xlog_begin(ix->rel);
				b_now = (GvHnswEntryBlock)
					((char *) (gv_hnsw_page_chain(gv_xlog_page(xlog, buf)) + 1) + b);
				/* an insert may have replaced it meanwhile */
				if (b_now->node[lane] == old_id)
				{
					if (vector != NULL)
						gv_hnsw_entry_set_lane(layout, b_now, lane, id, &point);
					else
						b_now->node[lane] = GV_HNSW_INVALID_ID;
					gv_hnsw_page_meta(gv_xlog_page(xlog, meta_buf))->entry_generation++;
					gv_xlog_finish(xlog);
				}
				else
					gv_xlog_cancel(xlog);
				UnlockReleaseBuffer(meta_buf);
				UnlockReleaseBuffer(buf);
				changed = true;
				if (vector)
					pfree(vector);
			}
		}
		(void) changed;
		pfree(copy);
		blkno = next;
	}
}

/*
 * gv_hnsw_bulk_delete
 *		ambulkdelete
 */
IndexBulkDeleteResult *
gv_hnsw_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
					IndexBulkDeleteCallback callback, void *callback_state)
{
	Vacuum	   *vacuum = palloc0(sizeof(Vacuum));
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hnsw vacuum",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context;
	BlockNumber n_blocks;

	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	stats->num_index_tuples = 0;

	old_context = MemoryContextSwitchTo(context);
	gv_hnsw_open(&vacuum->ix, info->index);
	vacuum->info = info;
	vacuum->stats = stats;
	vacuum->callback = callback;
	vacuum->callback_state = callback_state;
	vacuum->strategy = info->strategy;
	vacuum->context = AllocSetContextCreate(context, "hnsw vacuum node",
											ALLOCSET_DEFAULT_SIZES);
	gv_idset_init(&vacuum->dead, context, 1024);
	vacuum->stand_in = palloc(sizeof(uint32) * N_STAND_INS);
	vacuum->random.state = vacuum->ix.meta.seed;

	n_blocks = RelationGetNumberOfBlocks(info->index);
	GV_TEST_POINT("hnsw-vacuum-begun");
	for (BlockNumber blkno = GV_HNSW_META_BLKNO + 1; blkno < n_blocks; blkno++)
	{
		gv_base_vacuum_delay();
		remove_dead_tids(vacuum, blkno);
	}
	if (vacuum->ix.meta.null_norm_chunk != GV_HNSW_INVALID_ID)
		vacuum_chunks(vacuum, vacuum->ix.meta.null_norm_chunk, GV_HNSW_NULL_NORM_OWNER);

	GV_TEST_POINT("hnsw-vacuum-marked");

	if (vacuum->dead.n > 0)
	{
		gv_hnsw_lock_nodes(info->index, ExclusiveLock);
		gv_hnsw_unlock_nodes(info->index, ExclusiveLock);
		GV_TEST_POINT("hnsw-vacuum-waited");

		/*
		 * Those may have added pages.  With the lock, no page is counted that
		 * is just being added and not locked yet.
		 */
		LockRelationForExtension(info->index, ExclusiveLock);
		n_blocks = RelationGetNumberOfBlocks(info->index);
		UnlockRelationForExtension(info->index, ExclusiveLock);
		for (BlockNumber blkno = GV_HNSW_META_BLKNO + 1; blkno < n_blocks; blkno++)
		{
			gv_base_vacuum_delay();
			repair_page(vacuum, blkno);
		}
		GV_TEST_POINT("hnsw-vacuum-repaired");
		repair_entries(vacuum);
		GV_TEST_POINT("hnsw-vacuum-entries");
		link_lost_nodes(vacuum, n_blocks);
		GV_TEST_POINT("hnsw-vacuum-linked");
		for (BlockNumber blkno = GV_HNSW_META_BLKNO + 1; blkno < n_blocks; blkno++)
		{
			gv_base_vacuum_delay();
			free_dead_nodes(vacuum, blkno);
		}
		GV_TEST_POINT("hnsw-vacuum-freed");
		FreeSpaceMapVacuum(info->index);
	}

	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	return stats;
}

/*
 * gv_hnsw_vacuum_cleanup
 *		amvacuumcleanup
 */
IndexBulkDeleteResult *
gv_hnsw_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	if (info->analyze_only)
		return stats;
	gv_hnsw_calibrate_stale(info, stats);
	/* nothing was deleted: the table's count serves as ours */
	if (stats == NULL)
	{
		stats = palloc0(sizeof(IndexBulkDeleteResult));
		stats->num_index_tuples = info->num_heap_tuples;
		stats->estimated_count = info->estimated_count;
	}
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	return stats;
}
