/*-------------------------------------------------------------------------
 *
 * reach.c
 *		Which nodes the entry table leads to.
 *
 * Links are read page by page, in physical order, and not in the order of a
 * search.  What a node links to is reached if the node is.  If it is not yet,
 * its links are kept, and followed as soon as something leads to it.  So one
 * pass tells all, unless so many links wait that memory is full: then some nodes
 * are left out and need another pass.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "am/routine.h"
#include "base/compat.h"
#include "hnsw/node.h"
#include "hnsw/reach.h"

#define NO_RECORD PG_UINT32_MAX

/*
 * The part of maintenance_work_mem for links that wait, and how often all links
 * are read at most where that is too little
 */
#define MEMORY_PART 4
#define MAX_PASSES 4

/* Nodes to leave out before room is made again */
#define TRY_AGAIN_AFTER 1024

/* The links of a node that is not reached yet */
typedef struct Record
{
	uint32		id;
	uint32		next_due;		/* another record whose links are to be followed */
	uint32		n_links;
	uint32		link[FLEXIBLE_ARRAY_MEMBER];
} Record;

static inline Record *
get_record(const GvHnswReach *reach, uint32 i)
{
	return (Record *) (reach->records + i * reach->record_size);
}

/* Begin with nothing reached, in the current memory context */
static void
init_reach(GvHnswReach *reach, GvHnswIndex *ix, BlockNumber n_blocks)
{
	Size		max_bytes = gv_am_maintenance_memory() * (Size) 1024 / MEMORY_PART;

	memset(reach, 0, sizeof(*reach));
	reach->n_slots = (uint64) n_blocks * ix->layout.nodes_per_page;
	reach->max_links = ix->layout.degree;
	reach->reached = palloc_extended(reach->n_slots / 8 + 1,
									 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	reach->linked = palloc_extended(reach->n_slots / 8 + 1,
									MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	reach->record_size = offsetof(Record, link) + sizeof(uint32) * reach->max_links;
	reach->max_records = (uint32) Min(Min(max_bytes / reach->record_size + 1, reach->n_slots),
									  NO_RECORD - 1);
	reach->records = palloc_extended(reach->record_size * Max(reach->max_records, 1),
									 MCXT_ALLOC_HUGE);
	reach->due = NO_RECORD;
}

/* Find the record of an id */
static uint32
find_record(const GvHnswReach *reach, uint32 id)
{
	uint32		low = 0;
	uint32		high = reach->n_records;

	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;

		if (get_record(reach, middle)->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < reach->n_records && get_record(reach, low)->id == id ? low : NO_RECORD;
}

/* Something leads to a node */
static void
mark_reached(GvHnswReach *reach, uint32 id)
{
	uint32		i;

	if (gv_hnsw_is_reached(reach, id))
		return;
	reach->reached[id / 8] |= 1 << (id % 8);
	reach->n_reached++;
	i = find_record(reach, id);
	if (i != NO_RECORD)
	{
		get_record(reach, i)->next_due = reach->due;
		reach->due = i;
	}
}

/*
 * gv_hnsw_reach_add
 *		Something leads to a node, and so to what it leads to.
 */
void
gv_hnsw_reach_add(GvHnswReach *reach, uint32 id)
{
	mark_reached(reach, id);
	while (reach->due != NO_RECORD)
	{
		Record *record = get_record(reach, reach->due);

		reach->due = record->next_due;
		for (uint32 i = 0; i < record->n_links; i++)
			mark_reached(reach, record->link[i]);
	}
}

/* Forget the links that need not wait any longer */
static void
make_room(GvHnswReach *reach)
{
	uint32		n_kept = 0;

	for (uint32 i = 0; i < reach->n_records; i++)
	{
		Record *record = get_record(reach, i);

		if (gv_hnsw_is_reached(reach, record->id))
			continue;
		if (n_kept != i)
			memcpy(get_record(reach, n_kept), record, reach->record_size);
		n_kept++;
	}
	reach->n_records = n_kept;
}

/* Note what a node links to; its id is above all before it in this pass */
static void
note_links(GvHnswReach *reach, uint32 id, const uint32 *links, int n)
{
	Record	   *record;

	for (int i = 0; i < n; i++)
	{
		if (links[i] < reach->n_slots)
			reach->linked[links[i] / 8] |= 1 << (links[i] % 8);
	}
	if (gv_hnsw_is_reached(reach, id))
	{
		for (int i = 0; i < n; i++)
			gv_hnsw_reach_add(reach, links[i]);
		return;
	}
	/* where that was in vain, it is not worth the time for each node */
	if (reach->n_records == reach->max_records && reach->n_left_out % TRY_AGAIN_AFTER == 0)
		make_room(reach);
	if (reach->n_records == reach->max_records)
	{
		reach->n_left_out++;
		return;
	}
	record = get_record(reach, reach->n_records++);
	record->id = id;
	record->n_links = Min(n, reach->max_links);
	memcpy(record->link, links, record->n_links * sizeof(uint32));
}

/*
 * gv_hnsw_reach_read
 *		Learn which nodes the entry table leads to.
 *
 * n_blocks: of the index, so many are looked at
 * through_dead: also by way of dead nodes
 *
 * With links that change meanwhile, nodes may seem lost that are not.
 */
void
gv_hnsw_reach_read(GvHnswReach *reach, GvHnswIndex *ix, BlockNumber n_blocks,
				   bool through_dead, BufferAccessStrategy strategy)
{
	const GvHnswLayout *layout = &ix->layout;
	GvHnswCache *cache;
	uint64		n_before;
	int			n_passes = 0;

	init_reach(reach, ix, n_blocks);
	/* the entries as they are by now */
	gv_hnsw_open(ix, ix->rel);
	cache = gv_hnsw_cache(ix);
	for (int i = 0; i < cache->n_entry_blocks * GV_FASTSCAN_LANES; i++)
	{
		GvHnswEntryBlock block = (GvHnswEntryBlock)
			(cache->entry_blocks + (Size) (i / GV_FASTSCAN_LANES) * layout->entry_block_size);

		gv_hnsw_reach_add(reach, block->node[i % GV_FASTSCAN_LANES]);
	}
	reach->n_entries = (int) reach->n_reached;

	do
	{
		n_before = reach->n_reached;
		reach->n_records = 0;
		reach->n_left_out = 0;
		for (BlockNumber blkno = GV_HNSW_META_BLKNO + 1; blkno < n_blocks; blkno++)
		{
			Buffer		buf;

			gv_base_vacuum_delay();
			buf = ReadBufferExtended(ix->rel, MAIN_FORKNUM, blkno, RBM_NORMAL, strategy);
			LockBuffer(buf, BUFFER_LOCK_SHARE);
			for (int slot = 0; slot < layout->nodes_per_page; slot++)
			{
				GvHnswNode	node = gv_hnsw_page_node(ix, BufferGetPage(buf), slot);

				if (node != NULL && (node->state == GV_HNSW_NODE_LIVE || through_dead))
					note_links(reach, gv_hnsw_make_id(layout, blkno, slot),
							   gv_hnsw_node_neighbors(layout, node), node->n_neighbors);
			}
			UnlockReleaseBuffer(buf);
		}
		reach->is_complete = reach->n_left_out == 0 || reach->n_reached == n_before;
	} while (!reach->is_complete && ++n_passes < MAX_PASSES);
}

/*
 * gv_hnsw_reach_end
 *		Give the memory back.
 */
void
gv_hnsw_reach_end(GvHnswReach *reach)
{
	pfree(reach->records);
	pfree(reach->linked);
	pfree(reach->reached);
}
