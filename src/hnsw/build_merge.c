/*-------------------------------------------------------------------------
 *
 * build_merge.c
 *		Builds larger than memory, last step: from the graphs of shards to
 *		pages.
 *
 * Each node has neighbors from some shards.  Those that a shard found diverse
 * come first, the nearest of them; then those that only fill a place.  To ask
 * whether a neighbor from one shard makes one from another superfluous, with
 * distances estimated from their codes, made graphs worse: see MEASUREMENTS.md.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>

#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"

#include "am/progress.h"
#include "hnsw/build_shard.h"
#include "hnsw/entry.h"
#include "hnsw/filter.h"
#include "hnsw/node.h"
#include "quant/rabitq.h"

/* Progress of nodes without codes is told by so many */
#define PROGRESS_NODES 64

/* A neighbor to choose from */
typedef struct Candidate
{
	GvHnswShardLane *lane;
	bool		fills;			/* a place only, in one of the shards at least */
} Candidate;

/* State of merging */
typedef struct Merge
{
	GvHnswBuild *build;
	GvHnswMember *member;		/* of the node in hand */
	int			n_shards;		/* that have it */
	GvHnswShardNode *node[GV_HNSW_COPIES];	/* what they say; its home first */
	Candidate  *candidates;
	char	   *entry_blocks;
	uint32		n_entries;
	uint32		n_chunks;		/* of tids, given so far */
	uint32		n_pages;		/* of nodes and what does not fit into them; chunks follow */
	GvHnswItemWriter items;		/* nodes without codes */
	Buffer		filters;		/* the page of filters in hand, or invalid */
	GvHnswShardEqual equal;		/* the next one of the home in hand */
	bool		has_equal;
} Merge;

static inline GvHnswShardLane *
get_lane(const GvHnswShards *shards, GvHnswShardNode *node, uint32 l)
{
	return (GvHnswShardLane *) ((char *) node + MAXALIGN(sizeof(GvHnswShardNode)) +
								l * shards->lane_size);
}

static int
compare_candidates(const void *a, const void *b)
{
	const GvHnswShardLane *x = ((const Candidate *) a)->lane;
	const GvHnswShardLane *y = ((const Candidate *) b)->lane;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (GV_HNSW_LINK_ROW(x->link) != GV_HNSW_LINK_ROW(y->link))
		return GV_HNSW_LINK_ROW(x->link) < GV_HNSW_LINK_ROW(y->link) ? -1 : 1;
	return 0;
}

/* Collect the neighbors of both shards, nearest first, each once */
static int
collect_candidates(Merge *merge)
{
	const GvHnswShards *shards = merge->build->shards;
	Candidate  *candidates = merge->candidates;
	int			n = 0;
	int			n_kept = 0;

	for (int from = 0; from < merge->n_shards; from++)
	{
		for (uint32 l = 0; l < merge->node[from]->n_lanes; l++)
		{
			candidates[n].lane = get_lane(shards, merge->node[from], l);
			candidates[n].fills = (candidates[n].lane->link & GV_HNSW_LINK_FILL) != 0;
			n++;
		}
	}
	qsort(candidates, n, sizeof(Candidate), compare_candidates);
	for (int i = 0; i < n; i++)
	{
		Candidate  *last = n_kept > 0 ? &candidates[n_kept - 1] : NULL;

		if (last && GV_HNSW_LINK_ROW(last->lane->link) ==
			GV_HNSW_LINK_ROW(candidates[i].lane->link))
			last->fills |= candidates[i].fills;
		else
			candidates[n_kept++] = candidates[i];
	}
	return n_kept;
}

/*
 * Choose the neighbors of a node: they are moved to the front.
 *
 * Returns how many there are.
 */
static int
choose_neighbors(Merge *merge, int n)
{
	Candidate  *candidates = merge->candidates;
	int			degree = merge->build->graph.degree;
	int			n_chosen = 0;

	/* [0, n_chosen) are chosen, [n_chosen, i) only fill, still in order */
	for (int i = 0; i < n && n_chosen < degree; i++)
	{
		Candidate	candidate = candidates[i];

		if (candidate.fills)
			continue;
		memmove(&candidates[n_chosen + 1], &candidates[n_chosen],
				(i - n_chosen) * sizeof(Candidate));
		candidates[n_chosen++] = candidate;
	}
	return Min(n, degree);
}

/* Read what its shards say of the next node */
static void
read_node(Merge *merge, uint32 s, uint32 number)
{
	GvHnswShards *shards = merge->build->shards;

	gv_hnsw_shard_read(shards->shard[s].nodes, merge->node[0], shards->node_size);
	gv_hnsw_read_member(shards->shard[s].nodes, shards, merge->member);
	merge->n_shards = 1;
	for (int i = 0; i < GV_HNSW_COPIES - 1; i++)
	{
		uint32		other = merge->member->others[i];

		if (other < shards->n_shards)
			gv_hnsw_shard_read(shards->shard[other].nodes, merge->node[merge->n_shards++],
							   shards->node_size);
	}
	for (int i = 0; i < merge->n_shards; i++)
	{
		if (merge->node[i]->number != number)
			elog(ERROR, "shards do not agree on node %u", number);
	}
}

static void
read_equal(Merge *merge, uint32 s)
{
	BufFile    *file = merge->build->shards->shard[s].equals;

	merge->has_equal = file != NULL &&
		BufFileRead(file, &merge->equal, sizeof(merge->equal)) == sizeof(merge->equal);
}

/*
 * The id of a node by its number.  Those without codes have different sizes: it
 * is on the last page whose first node comes no later.
 */
static uint32
node_id(const GvHnswBuild *build, uint32 number)
{
	const GvHnswShards *shards = build->shards;
	uint32		low = 0;
	uint32		high = shards->n_pages;

	if (build->graph.dims > 0)
		return gv_hnsw_build_node_id(build, number);
	while (high - low > 1)
	{
		uint32		middle = low + (high - low) / 2;

		if (shards->page_first[middle] <= number)
			low = middle;
		else
			high = middle;
	}
	return gv_hnsw_make_id(&build->ix.layout, gv_hnsw_build_block(build, low),
						   number - shards->page_first[low]);
}

/* Give chunks to the further rows of a node; returns the first, that is the last given */
static uint32
give_chunks(Merge *merge, uint64 n_tids)
{
	if (n_tids == 0)
		return GV_HNSW_INVALID_ID;
	merge->n_chunks += (n_tids + GV_HNSW_CHUNK_TIDS - 1) / GV_HNSW_CHUNK_TIDS;
	return gv_hnsw_make_chunk_id(gv_hnsw_build_block(merge->build, merge->n_pages +
													 (merge->n_chunks - 1) /
													 (uint32) GV_HNSW_CHUNKS_PER_PAGE),
								 (merge->n_chunks - 1) % (uint32) GV_HNSW_CHUNKS_PER_PAGE);
}

/* Write the words of the node in hand; its page of filters lies before its own */
static void
write_filters(Merge *merge, bool mixed)
{
	GvHnswBuild *build = merge->build;
	const GvHnswLayout *layout = &build->ix.layout;
	uint32		id = node_id(build, merge->node[0]->number);
	BlockNumber blkno = gv_hnsw_filter_block(layout, gv_hnsw_id_block(layout, id));
	GvAmFilterRow words;

	if (!BufferIsValid(merge->filters) || BufferGetBlockNumber(merge->filters) != blkno)
	{
		if (BufferIsValid(merge->filters))
			ReleaseBuffer(merge->filters);
		merge->filters = ReadBuffer(build->index, blkno);
		LockBuffer(merge->filters, BUFFER_LOCK_EXCLUSIVE);
		gv_hnsw_filter_init_page(layout, BufferGetPage(merge->filters));
	}
	else
		LockBuffer(merge->filters, BUFFER_LOCK_EXCLUSIVE);
	gv_am_filter_unpack(&build->ix.filters, (char *) (merge->member + 1) +
						build->shards->point_size, &words);
	gv_hnsw_filter_put(layout, BufferGetPage(merge->filters), gv_hnsw_filter_slot(layout, id),
					   &words, mixed);
	MarkBufferDirty(merge->filters);
	LockBuffer(merge->filters, BUFFER_LOCK_UNLOCK);
}

/* Fill in what nodes with and without codes have in common, and write the node's words */
static void
fill_head(Merge *merge, GvHnswNode node, uint32 s)
{
	GvHnswBuild *build = merge->build;
	const GvHnswMember *member = merge->member;
	uint64		n_equal = 0;
	bool		mixed = false;

	for (; merge->has_equal && merge->equal.position == member->position; n_equal++)
	{
		mixed |= merge->equal.differs;
		read_equal(merge, s);
	}
	if (build->ix.filters.n > 0)
		write_filters(merge, mixed);
	node->tid = member->tid;
	node->state = GV_HNSW_NODE_LIVE;
	node->mark = GV_HNSW_NODE_MARK;
	node->tid_chunk = give_chunks(merge, n_equal);
	node->value_hash = member->hash;
}

/* Enter the node in hand into the entry table, if it is to be there */
static void
put_entry(Merge *merge, const GvHnswPoint *entry)
{
	const GvHnswLayout *layout = &merge->build->ix.layout;
	uint32		lane = merge->member->entry;

	if (lane < merge->n_entries)
		gv_hnsw_entry_set_lane(layout, (GvHnswEntryBlock)
							   (merge->entry_blocks + lane / GV_FASTSCAN_LANES *
								layout->entry_block_size), lane % GV_FASTSCAN_LANES,
							   node_id(merge->build, merge->node[0]->number), entry);
}

static void
fill_node_with_codes(Merge *merge, GvHnswNode node)
{
	GvHnswBuild *build = merge->build;
	const GvHnswLayout *layout = &build->ix.layout;
	const GvHnswMember *member = merge->member;
	GvHnswPoints point;
	GvHnswPoint entry = {build->point, gv_hnsw_build_key_bias(build, member->norm)};
	int			n;

	gv_hnsw_points_init(&point, layout);
	point.head = &merge->member->head;
	point.high = (int8 *) (merge->member + 1);
	point.rest = (uint8 *) point.high + point.dims;
	gv_hnsw_point_decode(&point, 0, build->point);
	gv_hnsw_node_set_own(layout, node, build->point, point.dims, entry.key_bias);
	node->own_error += member->head.error;
	node->center_weight = merge->node[0]->center_weight;
	put_entry(merge, &entry);

	n = choose_neighbors(merge, collect_candidates(merge));
	for (int i = 0; i < n; i++)
	{
		const GvHnswShardLane *lane = merge->candidates[i].lane;
		const uint8 *code = (const uint8 *) (lane + 1);
		GvRabitqFactors factors = {lane->add, lane->rescale};

		gv_hnsw_node_put_lane(layout, node, i,
							  node_id(build, GV_HNSW_LINK_ROW(lane->link)), &factors, code);
		gv_hnsw_node_mark_lane(layout, node, i, merge->candidates[i].fills);
	}
}

/* Write the node in hand, which has no codes, to its page */
static void
write_item(Merge *merge, uint32 s)
{
	GvHnswBuild *build = merge->build;
	GvHnswNode	node = (GvHnswNode) build->node_image;
	int			n;

	memset(node, 0, BLCKSZ);
	fill_head(merge, node, s);
	put_entry(merge, NULL);
	n = choose_neighbors(merge, collect_candidates(merge));
	for (int i = 0; i < n; i++)
		gv_hnsw_node_set_lane(&build->ix.layout, node, i,
							  node_id(build, GV_HNSW_LINK_ROW(merge->candidates[i].lane->link)),
							  NULL, NULL);
	gv_hnsw_build_put_item(&merge->items, node, node_id(build, merge->node[0]->number),
						   gv_hnsw_member_value(build->shards, merge->member));
}

/* Write all nodes without codes to their pages, which exist */
static void
write_items(Merge *merge)
{
	GvHnswShards *shards = merge->build->shards;
	uint32		number = 0;

	for (uint32 s = 0; s < shards->n_shards; s++)
	{
		read_equal(merge, s);
		for (uint32 i = 0; i < shards->shard[s].n_nodes; i++, number++)
		{
			CHECK_FOR_INTERRUPTS();
			if (number % PROGRESS_NODES == 0)
				pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, number);
			read_node(merge, s, number);
			write_item(merge, s);
		}
	}
	gv_hnsw_build_finish_items(&merge->items);
}

/* Write the pages of nodes with codes, one after the other */
static void
write_nodes(Merge *merge)
{
	GvHnswBuild *build = merge->build;
	GvHnswShards *shards = build->shards;
	const GvHnswLayout *layout = &build->ix.layout;
	Buffer		buf = InvalidBuffer;
	int			slot = 0;
	uint32		number = 0;

	for (uint32 s = 0; s < shards->n_shards; s++)
	{
		read_equal(merge, s);
		for (uint32 i = 0; i < shards->shard[s].n_nodes; i++, number++)
		{
			Page		page;
			GvHnswNode	node;

			if (number % layout->nodes_per_page == 0)
			{
				if (BufferIsValid(buf))
					UnlockReleaseBuffer(buf);
				CHECK_FOR_INTERRUPTS();
				pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, number);
				buf = gv_hnsw_build_append_page(build, GV_HNSW_PAGE_NODES);
				page = BufferGetPage(buf);
				memset(gv_am_page_content(page), 0, GV_AM_PAGE_ROOM);
				((PageHeader) page)->pd_lower = gv_am_page_content(page) - (char *) page +
					layout->nodes_per_page * layout->node_size;
				gv_am_page_special(page)->n_free = layout->nodes_per_page;
				slot = 0;
			}
			page = BufferGetPage(buf);
			read_node(merge, s, number);
			node = gv_hnsw_slot_node(layout, page, slot++);
			fill_head(merge, node, s);
			fill_node_with_codes(merge, node);
			gv_am_page_special(page)->n_free--;
		}
	}
	if (BufferIsValid(buf))
		UnlockReleaseBuffer(buf);
}

/* Write the chunks of tids, in the order in which they were given */
static void
write_chunks(Merge *merge)
{
	GvHnswBuild *build = merge->build;
	GvHnswShards *shards = build->shards;
	GvHnswChunkWriter writer = {build, InvalidBuffer, 0};

	for (uint32 s = 0; s < shards->n_shards; s++)
	{
		BufFile    *file = shards->shard[s].equals;
		uint32		first = GV_HNSW_INVALID_ID;
		uint32		position = GV_HNSW_NO_ROW;
		GvHnswShardEqual equal;

		if (file == NULL)
			continue;
		gv_hnsw_shard_rewind(file);
		while (BufFileRead(file, &equal, sizeof(equal)) == sizeof(equal))
		{
			CHECK_FOR_INTERRUPTS();
			if (equal.position != position)
			{
				first = GV_HNSW_INVALID_ID;
				position = equal.position;
				writer.chunk = NULL;
			}
			gv_hnsw_build_write_tid(&writer, &first,
									node_id(build, shards->shard[s].first_node + position),
									&equal.tid);
		}
	}
	if (shards->null_tids)
	{
		uint32		first = GV_HNSW_INVALID_ID;
		ItemPointerData tid;

		writer.chunk = NULL;
		gv_hnsw_shard_rewind(shards->null_tids);
		for (uint64 i = 0; i < shards->n_null_tids; i++)
		{
			CHECK_FOR_INTERRUPTS();
			gv_hnsw_shard_read(shards->null_tids, &tid, sizeof(tid));
			gv_hnsw_build_write_tid(&writer, &first, GV_HNSW_NULL_NORM_OWNER, &tid);
		}
		build->shared->meta.null_norm_chunk = first;
	}
	gv_hnsw_build_finish_tids(&writer);
}

/* An error closes them by itself */
static void
close_files(GvHnswShards *shards)
{
	for (int s = 0; s < shards->n_shards; s++)
	{
		BufFileClose(shards->shard[s].nodes);
		if (shards->shard[s].equals)
			BufFileClose(shards->shard[s].equals);
	}
	if (shards->null_tids)
		BufFileClose(shards->null_tids);
}

/*
 * gv_hnsw_build_merge
 *		Write the index from the files of the shards.
 */
void
gv_hnsw_build_merge(GvHnswBuild *build)
{
	GvHnswShards *shards = build->shards;
	const GvHnswLayout *layout = &build->ix.layout;
	Merge		merge = {build, .items = {build}};
	Buffer		buf;

	gv_am_report_phase(GV_HNSW_PHASE_WRITE);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, shards->n_nodes);
	build->shared->n_nodes = shards->n_nodes;
	for (int s = 0; s < shards->n_shards; s++)
	{
		gv_hnsw_shard_rewind(shards->shard[s].nodes);
		if (shards->shard[s].equals)
			gv_hnsw_shard_rewind(shards->shard[s].equals);
	}

	merge.member = gv_hnsw_alloc_member(shards);
	for (int i = 0; i < GV_HNSW_COPIES; i++)
		merge.node[i] = palloc(shards->node_size);
	merge.candidates = palloc(sizeof(Candidate) * GV_HNSW_COPIES * build->graph.degree);
	merge.entry_blocks = gv_hnsw_build_entry_blocks(build, &merge.n_entries);
	merge.n_pages = build->graph.dims == 0 ? shards->n_pages + shards->n_rest_pages :
		(shards->n_nodes + layout->nodes_per_page - 1) / layout->nodes_per_page;

	buf = gv_hnsw_build_append_page(build, GV_HNSW_PAGE_META);
	UnlockReleaseBuffer(buf);
	if (build->graph.dims > 0)
		write_nodes(&merge);
	else
	{
		/* they get their places before what does not fit into them */
		if (shards->n_pages > 0)
			gv_hnsw_build_extend(build, gv_hnsw_build_block(build, shards->n_pages - 1) + 1);
		write_items(&merge);
	}
	if (BufferIsValid(merge.filters))
		ReleaseBuffer(merge.filters);
	write_chunks(&merge);
	if (shards->n_nodes > 0 && build->graph.dims > 0)
		gv_hnsw_build_write_center(build);
	gv_hnsw_build_write_entry_pages(build, merge.entry_blocks, merge.n_entries);
	gv_hnsw_build_write_meta(build);
	close_files(shards);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, shards->n_nodes);
}
