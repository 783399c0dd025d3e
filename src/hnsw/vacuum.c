/*-------------------------------------------------------------------------
 *
 * vacuum.c
 *		Removing dead rows.
 *
 * Three passes over the pages, in physical order:
 *	1. Take out dead tids.  A node without tids becomes DEAD: it still leads
 *	   searches on, but nobody links to it any more.
 *	2. Repair each live node that links to a DEAD one, see repair.c.  Then see to
 *	   it that the entries lead to each live node, see reach.c.
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

#include "am/routine.h"
#include "am/xlog.h"
#include "base/compat.h"
#include "base/idset.h"
#include "base/random.h"
#include "hnsw/calibrate.h"
#include "hnsw/entry.h"
#include "hnsw/filter.h"
#include "hnsw/hnsw.h"
#include "hnsw/node.h"
#include "hnsw/repair.h"
#include "hnsw/write.h"

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
	GvIdset		entries;		/* live nodes of the entry table */
	uint64		n_live;
	GvRandom	random;
	BufferAccessStrategy strategy;
	GvHnswRepair repair;
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

/* Read the page of a chunk, which must be one of its node's */
static Buffer
read_chunk(Vacuum *vacuum, uint32 chunk_id, uint32 owner, int64 n_before, int lock)
{
	Relation	rel = vacuum->ix.rel;
	BlockNumber blkno = gv_hnsw_chunk_block(chunk_id);
	BlockNumber n_blocks = RelationGetNumberOfBlocks(rel);
	GvHnswTidChunk chunk;
	Buffer		buf;

	if (blkno >= n_blocks || n_before > (int64) n_blocks * GV_HNSW_CHUNKS_PER_PAGE)
		gv_hnsw_report_corruption(rel, blkno, "A list of rows leads nowhere.");
	buf = read_page(vacuum, blkno, lock);
	if (!gv_hnsw_page_is(BufferGetPage(buf), GV_HNSW_PAGE_TIDS))
		gv_hnsw_report_corruption(rel, blkno, "It is not a page of tids.");
	chunk = gv_hnsw_page_chunk(BufferGetPage(buf), gv_hnsw_chunk_slot(chunk_id));
	if (chunk->owner != owner || chunk->n_tids > GV_HNSW_CHUNK_TIDS)
		gv_hnsw_report_corruption(rel, blkno, "A chunk of tids is not its node's.");
	return buf;
}

/*
 * Take dead tids out of a chain of chunks; true if any are left.
 *
 * The caller holds no lock: there may be many.  What an insert adds meanwhile may
 * be overlooked, see has_new_tids.
 */
static bool
vacuum_chunks(Vacuum *vacuum, uint32 chunk_id, uint32 owner)
{
	GvHnswIndex *ix = &vacuum->ix;
	bool		has_left = false;

	for (int64 n = 0; chunk_id != GV_HNSW_INVALID_ID; n++)
	{
		Buffer		buf;
		GvHnswTidChunk chunk;
		GvHnswTidChunkData kept;

		gv_base_vacuum_delay();
		buf = read_chunk(vacuum, chunk_id, owner, n, BUFFER_LOCK_EXCLUSIVE);
		chunk = gv_hnsw_page_chunk(BufferGetPage(buf), gv_hnsw_chunk_slot(chunk_id));

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
		has_left |= kept.n_tids > 0;
		chunk_id = kept.next;
		UnlockReleaseBuffer(buf);
	}
	return has_left;
}

/*
 * Have inserts added tids to a chain of chunks that had none?
 *
 * The caller holds the lock of the node's page, so that nobody adds any now.  An
 * insert puts a chunk before the others, or a tid on one of the first pages.
 */
static bool
has_new_tids(Vacuum *vacuum, uint32 chunk_id, uint32 owner)
{
	for (int i = 0; i < GV_HNSW_MAX_TRIED_PAGES && chunk_id != GV_HNSW_INVALID_ID; i++)
	{
		Buffer		buf = read_chunk(vacuum, chunk_id, owner, 0, BUFFER_LOCK_SHARE);
		BlockNumber blkno = BufferGetBlockNumber(buf);
		bool		result = false;

		for (int n = 0; n < GV_HNSW_CHUNKS_PER_PAGE && !result &&
			 chunk_id != GV_HNSW_INVALID_ID && gv_hnsw_chunk_block(chunk_id) == blkno; n++)
		{
			GvHnswTidChunk chunk = gv_hnsw_page_chunk(BufferGetPage(buf),
													  gv_hnsw_chunk_slot(chunk_id));

			result = chunk->n_tids > 0;
			chunk_id = chunk->next;
		}
		UnlockReleaseBuffer(buf);
		if (result)
			return true;
	}
	return false;
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

/*
 * Take dead tids out of the chunks of a page's nodes.
 *
 * buf: of the page, locked; is unlocked meanwhile
 * has_left: bool[nodes_per_page], set to whether there are others
 */
static void
vacuum_chunks_of_page(Vacuum *vacuum, Buffer buf, bool *has_left)
{
	GvHnswIndex *ix = &vacuum->ix;
	int			n_nodes = ix->layout.nodes_per_page;
	BlockNumber blkno = BufferGetBlockNumber(buf);
	uint32	   *chunks = palloc(sizeof(uint32) * n_nodes);
	bool		has_chunks = false;

	for (int slot = 0; slot < n_nodes; slot++)
	{
		GvHnswNode	node = gv_hnsw_page_node(ix, BufferGetPage(buf), slot);

		has_left[slot] = false;
		chunks[slot] = node != NULL && node->state == GV_HNSW_NODE_LIVE ?
			node->tid_chunk : GV_HNSW_INVALID_ID;
		has_chunks |= chunks[slot] != GV_HNSW_INVALID_ID;
	}
	if (has_chunks)
	{
		LockBuffer(buf, BUFFER_LOCK_UNLOCK);
		for (int slot = 0; slot < n_nodes; slot++)
			has_left[slot] = vacuum_chunks(vacuum, chunks[slot],
										   gv_hnsw_make_id(&ix->layout, blkno, slot));
		LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	}
	pfree(chunks);
}

/* Pass 1 for a page of nodes */
static void
remove_dead_tids(Vacuum *vacuum, BlockNumber blkno)
{
	GvHnswIndex *ix = &vacuum->ix;
	Buffer		buf = read_page(vacuum, blkno, BUFFER_LOCK_EXCLUSIVE);
	bool	   *has_left = palloc(sizeof(bool) * ix->layout.nodes_per_page);
	Page		page = BufferGetPage(buf);
	GvXlog	   *xlog = NULL;

	vacuum_chunks_of_page(vacuum, buf, has_left);
	for (int slot = 0; slot < ix->layout.nodes_per_page; slot++)
	{
		GvHnswNode	node = gv_hnsw_page_node(ix, page, slot);
		uint32		id = gv_hnsw_make_id(&ix->layout, blkno, slot);
		bool		tid_dead;
		bool		is_live;

		if (node == NULL)
			continue;
		if (node->state == GV_HNSW_NODE_DEAD)
		{
			/* left by a VACUUM that did not finish */
			gv_idset_add(&vacuum->dead, id);
			continue;
		}

		GV_TEST_POINT("hnsw-vacuum-node");
		tid_dead = ItemPointerIsValid(&node->tid) && tid_is_dead(vacuum, &node->tid);
		is_live = (ItemPointerIsValid(&node->tid) && !tid_dead) || has_left[slot] ||
			has_new_tids(vacuum, node->tid_chunk, id);
		if (is_live)
			note_live_node(vacuum, id);
		if (!tid_dead && is_live)
			continue;

		if (xlog == NULL)
		{
			xlog = gv_xlog_begin(ix->rel);
			page = gv_xlog_page(xlog, buf);
			node = gv_hnsw_page_node(ix, page, slot);
		}
		if (tid_dead)
			ItemPointerSetInvalid(&node->tid);
		if (!is_live)
		{
			node->state = GV_HNSW_NODE_DEAD;
			gv_idset_add(&vacuum->dead, id);
		}
	}
	if (xlog != NULL)
		gv_xlog_finish(xlog);
	UnlockReleaseBuffer(buf);
	pfree(has_left);
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
			gv_hnsw_repair_node(&vacuum->repair, gv_hnsw_make_id(&ix->layout, blkno, slot));
	}
}

/* Is a node one that this VACUUM is to free? */
static bool
is_dead_node(const Vacuum *vacuum, GvHnswNode node, uint32 id)
{
	return node->state == GV_HNSW_NODE_DEAD && gv_idset_contains(&vacuum->dead, id);
}

/* Is a page of chunks that is all free the one that inserts fill? */
static bool
is_page_to_fill(Vacuum *vacuum, BlockNumber blkno)
{
	Buffer		buf = read_page(vacuum, GV_HNSW_META_BLKNO, BUFFER_LOCK_SHARE);
	bool		result = gv_hnsw_page_meta(BufferGetPage(buf))->tid_blkno == blkno;

	UnlockReleaseBuffer(buf);
	return result;
}

/*
 * Free the chunks of a DEAD node that lie on the page of its first one, and let
 * the node begin with the next, in one record: whoever is cut off leaves no chunk
 * that belongs to nobody.  The page is freed if it has no others.
 *
 * Returns whether the node has more.
 */
static bool
free_chunks(Vacuum *vacuum, uint32 id)
{
	GvHnswIndex *ix = &vacuum->ix;
	Buffer		buf = read_page(vacuum, gv_hnsw_id_block(&ix->layout, id),
								BUFFER_LOCK_EXCLUSIVE);
	GvXlog	   *xlog = gv_xlog_begin(ix->rel);
	GvHnswNode	node = gv_hnsw_page_node(ix, gv_xlog_page(xlog, buf),
										 gv_hnsw_id_slot(&ix->layout, id));
	uint32		chunk_id = node->tid_chunk;
	BlockNumber blkno = gv_hnsw_chunk_block(chunk_id);
	Buffer		chunk_buf = read_chunk(vacuum, chunk_id, id, 0, BUFFER_LOCK_EXCLUSIVE);
	Page		page = gv_xlog_page(xlog, chunk_buf);
	bool		is_free;

	GV_TEST_POINT("hnsw-vacuum-free");
	while (chunk_id != GV_HNSW_INVALID_ID && gv_hnsw_chunk_block(chunk_id) == blkno)
	{
		GvHnswTidChunk chunk = gv_hnsw_page_chunk(page, gv_hnsw_chunk_slot(chunk_id));

		if (chunk->owner != id)
			gv_hnsw_report_corruption(ix->rel, blkno, "A chunk of tids is not its node's.");
		chunk_id = chunk->next;
		chunk->owner = GV_HNSW_INVALID_ID;
		chunk->n_tids = 0;
		gv_am_page_special(page)->n_free++;
	}
	node->tid_chunk = chunk_id;
	is_free = gv_am_page_special(page)->n_free == GV_HNSW_CHUNKS_PER_PAGE &&
		!is_page_to_fill(vacuum, blkno);
	if (is_free)
		gv_hnsw_init_page(page, GV_HNSW_PAGE_FREE);
	gv_xlog_finish(xlog);
	UnlockReleaseBuffer(chunk_buf);
	UnlockReleaseBuffer(buf);
	if (is_free)
		RecordPageWithFreeSpace(ix->rel, blkno, GV_AM_PAGE_ROOM);
	return chunk_id != GV_HNSW_INVALID_ID;
}

/* Free the chunks of a page's DEAD nodes */
static void
free_chunks_of_page(Vacuum *vacuum, BlockNumber blkno)
{
	GvHnswIndex *ix = &vacuum->ix;
	uint32	   *ids = palloc(sizeof(uint32) * ix->layout.nodes_per_page);
	int			n = 0;
	Buffer		buf = read_page(vacuum, blkno, BUFFER_LOCK_SHARE);

	for (int slot = 0; slot < ix->layout.nodes_per_page; slot++)
	{
		GvHnswNode	node = gv_hnsw_page_node(ix, BufferGetPage(buf), slot);
		uint32		id = gv_hnsw_make_id(&ix->layout, blkno, slot);

		if (node != NULL && node->tid_chunk != GV_HNSW_INVALID_ID && is_dead_node(vacuum, node, id))
			ids[n++] = id;
	}
	UnlockReleaseBuffer(buf);
	for (int i = 0; i < n; i++)
	{
		while (free_chunks(vacuum, ids[i]))
			gv_base_vacuum_delay();
	}
	pfree(ids);
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
	Buffer		buf;
	Page		page;
	BlockNumber *rests = palloc(sizeof(BlockNumber) * layout->nodes_per_page);
	int			n = 0;
	GvXlog	   *xlog = NULL;
	Buffer		filter_buf = InvalidBuffer;
	Page		filter_page = NULL;
	Size		room = 0;
	bool		is_nodes;
	bool		is_empty;

	free_chunks_of_page(vacuum, blkno);
	buf = read_page(vacuum, blkno, BUFFER_LOCK_EXCLUSIVE);
	page = BufferGetPage(buf);
	is_nodes = gv_hnsw_page_is(page, GV_HNSW_PAGE_NODES) ||
		gv_hnsw_page_is(page, GV_HNSW_PAGE_ITEMS);
	is_empty = (PageIsNew(page) || gv_hnsw_page_is(page, GV_HNSW_PAGE_FREE)) &&
		!gv_hnsw_is_filter_block(layout, blkno);
	for (int slot = 0; slot < layout->nodes_per_page; slot++)
	{
		GvHnswNode	node = gv_hnsw_page_node(ix, page, slot);
		uint32		id = gv_hnsw_make_id(layout, blkno, slot);

		if (node == NULL || !is_dead_node(vacuum, node, id))
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

	/* the rests belong to nobody now */
	for (int i = 0; i < n; i++)
		free_rest(vacuum, rests[i]);
	/* of empty pages, too: a crash may have lost it */
	if (is_nodes || is_empty)
		RecordPageWithFreeSpace(ix->rel, blkno, room);
	pfree(rests);
}

/*
 * A live node that can stand in for an entry: one of its neighbors, so that
 * entries stay where they were, or any if they are dead or entries themselves.
 * Were two entries to become the same, wave after wave of deletions would leave
 * regions without any, and what lies there would not be found.
 */
static uint32
find_stand_in(Vacuum *vacuum, uint32 id)
{
	GvHnswIndex *ix = &vacuum->ix;
	uint32		result = GV_HNSW_INVALID_ID;

	if (id != GV_HNSW_INVALID_ID)
	{
		Buffer		buf = read_page(vacuum, gv_hnsw_id_block(&ix->layout, id),
									BUFFER_LOCK_SHARE);
		GvHnswNode	node = gv_hnsw_page_node(ix, BufferGetPage(buf),
											 gv_hnsw_id_slot(&ix->layout, id));

		for (int i = 0; node != NULL && i < node->n_neighbors; i++)
		{
			uint32		neighbor = gv_hnsw_node_neighbors(&ix->layout, node)[i];

			if (gv_idset_contains(&vacuum->dead, neighbor) ||
				gv_idset_contains(&vacuum->entries, neighbor))
				continue;
			result = neighbor;
			break;
		}
		UnlockReleaseBuffer(buf);
	}
	while (result == GV_HNSW_INVALID_ID && vacuum->n_stand_ins > 0)
	{
		uint32		place = gv_random_below(&vacuum->random, vacuum->n_stand_ins);
		uint32		any = vacuum->stand_in[place];

		vacuum->stand_in[place] = vacuum->stand_in[--vacuum->n_stand_ins];
		if (!gv_idset_contains(&vacuum->entries, any))
			result = any;
	}
	if (result != GV_HNSW_INVALID_ID)
		gv_idset_add(&vacuum->entries, result);
	return result;
}

/* Learn which live nodes are entries */
static void
read_entries(Vacuum *vacuum)
{
	const GvHnswLayout *layout = &vacuum->ix.layout;
	GvHnswCache *cache = gv_hnsw_cache(&vacuum->ix);

	for (int i = 0; i < cache->n_entry_blocks * GV_FASTSCAN_LANES; i++)
	{
		GvHnswEntryBlock block = (GvHnswEntryBlock)
			(cache->entry_blocks + (Size) (i / GV_FASTSCAN_LANES) * layout->entry_block_size);
		uint32		id = block->node[i % GV_FASTSCAN_LANES];

		if (id != GV_HNSW_INVALID_ID && !gv_idset_contains(&vacuum->dead, id))
			gv_idset_add(&vacuum->entries, id);
	}
}

/*
 * Put another node into a lane of the entry table, or none.
 *
 * offset: of the block on its page
 */
static void
replace_entry(Vacuum *vacuum, GvHnswSearch *search, BlockNumber blkno, Size offset, int lane,
			  uint32 old_id, uint32 id)
{
	GvHnswIndex *ix = &vacuum->ix;
	GvHnswPoint point = {NULL, 0};
	float	   *vector = NULL;
	uint16		version;
	Buffer		buf;
	Buffer		meta_buf;
	GvXlog	   *xlog;
	GvHnswEntryBlock block;

	if (id != GV_HNSW_INVALID_ID)
		vector = gv_hnsw_copy_vector(ix, search, id, &point.key_bias, &version);
	point.z = vector;

	GV_TEST_POINT("hnsw-vacuum-entry");
	buf = read_page(vacuum, blkno, BUFFER_LOCK_EXCLUSIVE);
	meta_buf = read_page(vacuum, GV_HNSW_META_BLKNO, BUFFER_LOCK_EXCLUSIVE);
	xlog = gv_xlog_begin(ix->rel);
	block = (GvHnswEntryBlock)
		((char *) (gv_hnsw_page_chain(gv_xlog_page(xlog, buf)) + 1) + offset);
	/* an insert may have replaced it meanwhile */
	if (block->node[lane] == old_id)
	{
		if (vector != NULL)
			gv_hnsw_entry_set_lane(&ix->layout, block, lane, id, &point);
		else
			block->node[lane] = GV_HNSW_INVALID_ID;
		gv_hnsw_page_meta(gv_xlog_page(xlog, meta_buf))->entry_generation++;
		gv_xlog_finish(xlog);
	}
	else
		gv_xlog_cancel(xlog);
	UnlockReleaseBuffer(meta_buf);
	UnlockReleaseBuffer(buf);
	if (vector)
		pfree(vector);
}

/* Replace the entries that are dead, and those that are not there or there twice */
static void
repair_entries(Vacuum *vacuum)
{
	GvHnswIndex *ix = &vacuum->ix;
	const GvHnswLayout *layout = &ix->layout;
	GvHnswSearch search = {0};
	GvIdset		seen;
	BlockNumber blkno;
	BlockNumber n_pages = 0;
	uint32		n_lanes = 0;

	gv_hnsw_open(ix, ix->rel);
	gv_hnsw_search_init(&search, ix, CurrentMemoryContext, 1);
	gv_idset_init(&seen, CurrentMemoryContext, 64);
	read_entries(vacuum);
	for (blkno = ix->meta.entry_blkno; blkno != InvalidBlockNumber;)
	{
		Buffer		buf;
		GvHnswChainPage chain;
		BlockNumber next;
		char	   *copy;
		Size		n_bytes;

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
				bool		is_there = old_id != GV_HNSW_INVALID_ID;
				bool		is_dead = is_there && gv_idset_contains(&vacuum->dead, old_id);
				uint32		id;

				if (n_lanes++ >= ix->meta.n_entries ||
					(is_there && !is_dead && gv_idset_add(&seen, old_id)))
					continue;
				id = find_stand_in(vacuum, old_id);
				if (id != GV_HNSW_INVALID_ID || is_dead)
					replace_entry(vacuum, &search, blkno, b, lane, old_id, id);
			}
		}
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
	gv_idset_init(&vacuum->dead, context, 1024);
	gv_hnsw_repair_init(&vacuum->repair, &vacuum->ix, &vacuum->dead, context);
	gv_idset_init(&vacuum->entries, context, 64);
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
		(void) vacuum_chunks(vacuum, vacuum->ix.meta.null_norm_chunk, GV_HNSW_NULL_NORM_OWNER);

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
		gv_hnsw_repair_lost_nodes(&vacuum->repair, n_blocks, vacuum->strategy);
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
	return gv_am_cleanup_result(info, stats);
}
