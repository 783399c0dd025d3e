/*-------------------------------------------------------------------------
 *
 * build_write.c
 *		Last step of a build: from memory to pages.
 *
 * Nodes are numbered in the order of the rows in memory.  Their pages follow the
 * metapage; then come the rest of long values, chunks of further tids, the
 * center and the entry table.  Nothing is logged page by page: the caller logs
 * the whole index at the end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "am/progress.h"
#include "base/compat.h"
#include "hnsw/build.h"
#include "hnsw/entry.h"
#include "hnsw/filter.h"
#include "hnsw/node.h"

#define FIRST_NODE_BLKNO (GV_HNSW_META_BLKNO + 1)

/*
 * gv_hnsw_build_block
 *		Return the block of a page that is none of filters, numbered from 0; the
 *		metapage does not count.
 */
BlockNumber
gv_hnsw_build_block(const GvHnswBuild *build, uint32 page_number)
{
	const GvHnswLayout *layout = &build->ix.layout;

	if (layout->n_filters > 0)
		page_number += page_number / layout->filter_blocks + 1;
	return FIRST_NODE_BLKNO + page_number;
}

/*
 * gv_hnsw_build_append_page
 *		Add a page at the end of the index; the caller fills and releases it.
 */
Buffer
gv_hnsw_build_append_page(GvHnswBuild *build, GvHnswPageKind kind)
{
	Buffer		buf = gv_hnsw_new_buffer(&build->ix.layout, build->index);

	gv_hnsw_init_page(BufferGetPage(buf), kind);
	MarkBufferDirty(buf);
	return buf;
}

/* Fill in what nodes with and without codes have in common */
static void
fill_node_head(GvHnswBuild *build, GvHnswNode node, uint32 row)
{
	node->tid = build->graph.tid[row];
	node->state = GV_HNSW_NODE_LIVE;
	node->mark = GV_HNSW_NODE_MARK;
	node->tid_chunk = build->tid_chunk[row];
	node->value_hash = build->graph.hash[row];
}

/*
 * gv_hnsw_build_key_bias
 *		What is missing of a row's key because it is longer than max_norm.
 *
 * norm: of the row's value, for the inner product
 */
float
gv_hnsw_build_key_bias(const GvHnswBuild *build, float norm)
{
	const GvHnswMetaPageData *meta = &build->shared->meta;
	double		missing;

	if (meta->metric != GV_AM_METRIC_INNER_PRODUCT || build->graph.norm == NULL)
		return 0;
	missing = (double) meta->max_norm * meta->max_norm - (double) norm * norm;
	return missing < 0 ? gv_am_key_bias(missing, meta->inverse_unit, norm) : 0;
}

static float
row_key_bias(const GvHnswBuild *build, uint32 row)
{
	return build->graph.norm ? gv_hnsw_build_key_bias(build, build->graph.norm[row]) : 0;
}

static void
fill_node_with_codes(GvHnswBuild *build, GvHnswNode node, uint32 row)
{
	const GvHnswLayout *layout = &build->ix.layout;
	GvHnswGraph *graph = &build->graph;
	float	   *p = build->point;
	float	   *x = build->decoded;
	uint32	   *links = graph->links + (Size) row * graph->degree;
	int			n_links = graph->n_links[row];
	double		product = gv_hnsw_graph_mean_product(graph, row);
	float		bias = row_key_bias(build, row);

	gv_hnsw_point_decode(&graph->points, row, p);
	gv_hnsw_node_set_own(layout, node, p, graph->dims, bias);
	node->own_error += gv_hnsw_point_head(&graph->points, row)->error;
	gv_hnsw_node_get_own(layout, node, p);
	gv_hnsw_node_choose_center(layout, node, product * layout->own_dims / graph->dims);
	for (int i = 0; i < n_links; i++)
	{
		uint32		neighbor = GV_HNSW_LINK_ROW(links[i]);
		int			lane = i % GV_FASTSCAN_LANES;
		GvRabitqFactors factors;

		if (i + 1 < n_links)
			gv_hnsw_point_prefetch(&graph->points, GV_HNSW_LINK_ROW(links[i + 1]));
		gv_hnsw_point_decode(&graph->points, neighbor, x);
		factors = gv_rabitq_encode(x, p, node->center_weight, layout->own_dims, layout->code_dims,
								   build->codes + (Size) lane * (layout->code_dims / 8));
		factors.add += row_key_bias(build, neighbor);
		gv_hnsw_node_put_lane(layout, node, i, build->row_id[neighbor], &factors, NULL);
		gv_hnsw_node_mark_lane(layout, node, i, (links[i] & GV_HNSW_LINK_FILL) != 0);
		if (lane == GV_FASTSCAN_LANES - 1 || i == n_links - 1)
			gv_rabitq_put_lanes(gv_hnsw_node_codes(layout, node, i / GV_FASTSCAN_LANES),
								build->codes, lane + 1, layout->code_dims);
	}
}

/*
 * gv_hnsw_build_write_node_page
 *		Fill one page of nodes with codes.
 *
 * page_number: 0 is the first; the page exists
 */
void
gv_hnsw_build_write_node_page(GvHnswBuild *build, uint32 page_number)
{
	const GvHnswLayout *layout = &build->ix.layout;
	uint32		first = page_number * layout->nodes_per_page;
	Buffer		buf;
	Page		page;

	CHECK_FOR_INTERRUPTS();
	buf = ReadBuffer(build->index, gv_hnsw_build_block(build, page_number));
	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	page = BufferGetPage(buf);
	gv_hnsw_init_page(page, GV_HNSW_PAGE_NODES);
	((PageHeader) page)->pd_lower = gv_am_page_content(page) - (char *) page +
		layout->nodes_per_page * layout->node_size;
	for (int slot = 0; slot < layout->nodes_per_page; slot++)
	{
		GvHnswNode	node = (GvHnswNode) (gv_am_page_content(page) + slot * layout->node_size);

		if (first + slot < build->shared->n_nodes)
		{
			uint32		row = build->node_row[first + slot];

			fill_node_head(build, node, row);
			fill_node_with_codes(build, node, row);
		}
		else
			gv_am_page_special(page)->n_free++;
	}
	MarkBufferDirty(buf);
	UnlockReleaseBuffer(buf);
}

/*
 * gv_hnsw_build_node_id
 *		The id of a node with codes, by its number in the order of pages.
 */
uint32
gv_hnsw_build_node_id(const GvHnswBuild *build, uint32 number)
{
	const GvHnswLayout *layout = &build->ix.layout;

	return gv_hnsw_make_id(layout, gv_hnsw_build_block(build, number / layout->nodes_per_page),
						   number % layout->nodes_per_page);
}

/* Give all rows that are nodes with codes their ids; returns the pages needed */
static BlockNumber
number_nodes_with_codes(GvHnswBuild *build)
{
	const GvHnswLayout *layout = &build->ix.layout;
	uint32		n = build->shared->n_nodes;

	for (uint32 i = 0; i < n; i++)
		build->row_id[build->node_row[i]] = gv_hnsw_build_node_id(build, i);
	return (n + layout->nodes_per_page - 1) / layout->nodes_per_page;
}

/*
 * gv_hnsw_build_item_size
 *		The size of a node without codes, and of what it keeps elsewhere.
 */
Size
gv_hnsw_build_item_size(const GvHnswLayout *layout, Size value_size, Size *rest)
{
	Size		inside = Min(value_size, layout->value_room);

	*rest = value_size - inside;
	return MAXALIGN(layout->value_offset + inside);
}

/*
 * gv_hnsw_build_place_item
 *		Find the place of the next node without codes.
 *
 * place: of the node before; changed
 */
void
gv_hnsw_build_place_item(const GvHnswLayout *layout, GvHnswItemPlace *place, Size value_size)
{
	Size		rest;
	Size		size = gv_hnsw_build_item_size(layout, value_size, &rest) + sizeof(ItemIdData);

	if (place->slot >= 0 && (place->used + size > GV_AM_PAGE_ROOM ||
							 place->slot + 1 == layout->nodes_per_page))
	{
		place->page_number++;
		place->slot = -1;
		place->used = 0;
	}
	place->slot++;
	place->used += size;
}

/* The same for nodes without codes, which have different sizes */
static BlockNumber
number_exact_nodes(GvHnswBuild *build)
{
	const GvHnswLayout *layout = &build->ix.layout;
	GvHnswItemPlace place = {.slot = -1};

	for (uint32 i = 0; i < build->shared->n_nodes; i++)
	{
		uint32		row = build->node_row[i];

		gv_hnsw_build_place_item(layout, &place,
								 VARSIZE(DatumGetPointer(gv_hnsw_graph_value(&build->graph, row))));
		build->row_id[row] = gv_hnsw_make_id(layout, gv_hnsw_build_block(build, place.page_number),
											 place.slot);
	}
	return build->shared->n_nodes > 0 ? place.page_number + 1 : 0;
}

/* Write the part of a value that does not fit into its node; returns its first page */
static BlockNumber
write_rest_of_value(GvHnswBuild *build, const char *data, Size n_bytes)
{
	BlockNumber next = InvalidBlockNumber;
	Size		n_pages = (n_bytes + GV_HNSW_CHAIN_ROOM - 1) / GV_HNSW_CHAIN_ROOM;

	/* the last page first, so that each knows the next */
	for (Size i = n_pages; i > 0; i--)
	{
		Size		start = (i - 1) * GV_HNSW_CHAIN_ROOM;
		Buffer		buf = gv_hnsw_build_append_page(build, GV_HNSW_PAGE_VECTOR);

		gv_hnsw_fill_chain_page(BufferGetPage(buf), next, data + start,
								Min(n_bytes - start, GV_HNSW_CHAIN_ROOM));
		next = BufferGetBlockNumber(buf);
		UnlockReleaseBuffer(buf);
	}
	return next;
}

/*
 * gv_hnsw_build_put_item
 *		Add a node without codes to its page.
 *
 * node: complete but for its value
 * id: those of a page come in the order of slots
 */
void
gv_hnsw_build_put_item(GvHnswItemWriter *writer, GvHnswNode node, uint32 id, const char *value)
{
	GvHnswBuild *build = writer->build;
	const GvHnswLayout *layout = &build->ix.layout;
	Size		rest;
	Size		size = gv_hnsw_build_item_size(layout, VARSIZE(value), &rest);

	memcpy((char *) node + layout->value_offset, value, VARSIZE(value) - rest);
	node->u.vector_blkno = rest == 0 ? InvalidBlockNumber :
		write_rest_of_value(build, value + VARSIZE(value) - rest, rest);
	if (gv_hnsw_id_slot(layout, id) == 0)
	{
		gv_hnsw_build_finish_items(writer);
		writer->buf = ReadBuffer(build->index, gv_hnsw_id_block(layout, id));
		LockBuffer(writer->buf, BUFFER_LOCK_EXCLUSIVE);
		gv_hnsw_init_page(BufferGetPage(writer->buf), GV_HNSW_PAGE_ITEMS);
		MarkBufferDirty(writer->buf);
	}
	if (PageAddItem(BufferGetPage(writer->buf), (Item) node, size,
					gv_hnsw_id_slot(layout, id) + 1, false, false) == InvalidOffsetNumber)
		elog(ERROR, "could not add a node to block %u of index \"%s\"",
			 gv_hnsw_id_block(layout, id), RelationGetRelationName(build->index));
}

/*
 * gv_hnsw_build_finish_items
 *		Release the page of the last node.
 */
void
gv_hnsw_build_finish_items(GvHnswItemWriter *writer)
{
	if (BufferIsValid(writer->buf))
		UnlockReleaseBuffer(writer->buf);
	writer->buf = InvalidBuffer;
}

/* Write all pages of nodes without codes; they exist */
static void
write_exact_nodes(GvHnswBuild *build)
{
	const GvHnswLayout *layout = &build->ix.layout;
	GvHnswGraph *graph = &build->graph;
	GvHnswItemWriter writer = {build, InvalidBuffer};
	GvHnswNode	node = (GvHnswNode) build->node_image;

	for (uint32 i = 0; i < build->shared->n_nodes; i++)
	{
		uint32		row = build->node_row[i];

		CHECK_FOR_INTERRUPTS();
		memset(node, 0, BLCKSZ);
		fill_node_head(build, node, row);
		for (int l = 0; l < graph->n_links[row]; l++)
		{
			uint32		link = graph->links[(Size) row * graph->degree + l];

			gv_hnsw_node_set_lane(layout, node, l, build->row_id[GV_HNSW_LINK_ROW(link)],
								  NULL, NULL);
		}
		gv_hnsw_build_put_item(&writer, node, build->row_id[row],
							   DatumGetPointer(gv_hnsw_graph_value(graph, row)));
	}
	gv_hnsw_build_finish_items(&writer);
}

/* Do all rows of a node have the same words? */
static bool
rows_differ(GvHnswBuild *build, uint32 row)
{
	Size		size = build->ix.filters.packed_size;
	char	   *first = gv_hnsw_build_filters(build, row);

	while ((row = build->same_next[row]) != GV_HNSW_NO_ROW)
	{
		if (memcmp(first, gv_hnsw_build_filters(build, row), size) != 0)
			return true;
	}
	return false;
}

/* Write the pages of filters; they exist, and all nodes have their ids */
static void
write_filters(GvHnswBuild *build)
{
	const GvHnswLayout *layout = &build->ix.layout;
	Buffer		buf = InvalidBuffer;

	for (uint32 i = 0; i < build->shared->n_nodes; i++)
	{
		uint32		row = build->node_row[i];
		uint32		id = build->row_id[row];
		BlockNumber blkno = gv_hnsw_filter_block(layout, gv_hnsw_id_block(layout, id));
		GvAmFilterRow words;

		CHECK_FOR_INTERRUPTS();
		if (!BufferIsValid(buf) || BufferGetBlockNumber(buf) != blkno)
		{
			if (BufferIsValid(buf))
				UnlockReleaseBuffer(buf);
			buf = ReadBuffer(build->index, blkno);
			LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
			gv_hnsw_filter_init_page(layout, BufferGetPage(buf));
			MarkBufferDirty(buf);
		}
		gv_am_filter_unpack(&build->ix.filters, gv_hnsw_build_filters(build, row), &words);
		gv_hnsw_filter_put(layout, BufferGetPage(buf), gv_hnsw_filter_slot(layout, id),
						   &words, rows_differ(build, row));
	}
	if (BufferIsValid(buf))
		UnlockReleaseBuffer(buf);
}

/*
 * gv_hnsw_build_write_tid
 *		Add a tid to a chain of chunks.
 *
 * writer: its chunk is NULL for the first tid of a chain
 * first: first chunk of the chain, invalid at its start; changed
 */
void
gv_hnsw_build_write_tid(GvHnswChunkWriter *writer, uint32 *first, uint32 owner,
						ItemPointer tid)
{
	if (writer->chunk == NULL || writer->chunk->n_tids == GV_HNSW_CHUNK_TIDS)
	{
		if (writer->buf == InvalidBuffer || writer->slot == GV_HNSW_CHUNKS_PER_PAGE)
		{
			if (BufferIsValid(writer->buf))
				UnlockReleaseBuffer(writer->buf);
			gv_hnsw_check_places(writer->build->index,
								 RelationGetNumberOfBlocks(writer->build->index),
								 GV_HNSW_CHUNKS_PER_PAGE);
			writer->buf = gv_hnsw_build_append_page(writer->build, GV_HNSW_PAGE_TIDS);
			gv_hnsw_init_tid_page(BufferGetPage(writer->buf));
			writer->slot = 0;
		}
		writer->chunk = gv_hnsw_page_chunk(BufferGetPage(writer->buf), writer->slot);
		writer->chunk->next = *first;
		writer->chunk->owner = owner;
		gv_am_page_special(BufferGetPage(writer->buf))->n_free--;
		*first = gv_hnsw_make_chunk_id(BufferGetBlockNumber(writer->buf), writer->slot);
		writer->slot++;
	}
	writer->chunk->tids[writer->chunk->n_tids++] = *tid;
}

/*
 * gv_hnsw_build_finish_tids
 *		Release the last page of chunks; the metapage will lead there.
 */
void
gv_hnsw_build_finish_tids(GvHnswChunkWriter *writer)
{
	if (!BufferIsValid(writer->buf))
		return;
	writer->build->shared->meta.tid_blkno = BufferGetBlockNumber(writer->buf);
	UnlockReleaseBuffer(writer->buf);
}

/* Write a list of rows as a chain of tid chunks; returns the first chunk */
static uint32
write_tid_chunks(GvHnswChunkWriter *writer, uint32 row, uint32 owner)
{
	GvHnswBuild *build = writer->build;
	uint32		first = GV_HNSW_INVALID_ID;

	writer->chunk = NULL;
	for (; row != GV_HNSW_NO_ROW; row = build->same_next[row])
	{
		CHECK_FOR_INTERRUPTS();
		gv_hnsw_build_write_tid(writer, &first, owner, &build->graph.tid[row]);
	}
	return first;
}

/*
 * gv_hnsw_build_write_center
 *		Write the center, the last page first.
 */
void
gv_hnsw_build_write_center(GvHnswBuild *build)
{
	GvHnswMetaPageData *meta = &build->shared->meta;
	Size		n_bytes = sizeof(float) * build->graph.dims;
	Size		n_pages = (n_bytes + GV_HNSW_CHAIN_ROOM - 1) / GV_HNSW_CHAIN_ROOM;

	for (Size i = n_pages; i > 0; i--)
	{
		Size		start = (i - 1) * GV_HNSW_CHAIN_ROOM;
		Buffer		buf = gv_hnsw_build_append_page(build, GV_HNSW_PAGE_CENTER);

		gv_hnsw_fill_chain_page(BufferGetPage(buf), meta->center_blkno,
								(char *) build->sampled_center + start,
								Min(n_bytes - start, GV_HNSW_CHAIN_ROOM));
		meta->center_blkno = BufferGetBlockNumber(buf);
		UnlockReleaseBuffer(buf);
	}
}

/*
 * gv_hnsw_build_entry_blocks
 *		Return empty blocks for the entry table of the index's nodes.
 *
 * n_entries: set to how many entries it should have
 */
char *
gv_hnsw_build_entry_blocks(GvHnswBuild *build, uint32 *n_entries)
{
	const GvHnswLayout *layout = &build->ix.layout;
	Size		n_blocks;
	char	   *blocks;

	*n_entries = Min(build->shared->n_nodes,
					 gv_hnsw_entry_target(layout, build->shared->n_nodes));
	n_blocks = (*n_entries + GV_FASTSCAN_LANES - 1) / GV_FASTSCAN_LANES;
	blocks = palloc0(n_blocks * layout->entry_block_size + 1);
	for (Size b = 0; b < n_blocks; b++)
		gv_hnsw_init_entry_block((GvHnswEntryBlock) (blocks + b * layout->entry_block_size));
	return blocks;
}

/*
 * gv_hnsw_build_write_entry_pages
 *		Write the entry table, the last page first.
 */
void
gv_hnsw_build_write_entry_pages(GvHnswBuild *build, const char *blocks, uint32 n_entries)
{
	const GvHnswLayout *layout = &build->ix.layout;
	GvHnswMetaPageData *meta = &build->shared->meta;
	Size		n_blocks = (n_entries + GV_FASTSCAN_LANES - 1) / GV_FASTSCAN_LANES;
	Size		per_page = layout->entry_blocks_per_page;

	for (Size i = (n_blocks + per_page - 1) / per_page; i > 0; i--)
	{
		Size		start = (i - 1) * per_page;
		Buffer		buf = gv_hnsw_build_append_page(build, GV_HNSW_PAGE_ENTRY);

		gv_hnsw_fill_chain_page(BufferGetPage(buf), meta->entry_blkno,
								blocks + start * layout->entry_block_size,
								Min(n_blocks - start, per_page) * layout->entry_block_size);
		meta->entry_blkno = BufferGetBlockNumber(buf);
		UnlockReleaseBuffer(buf);
	}
	meta->n_entries = n_entries;
	meta->entry_generation = 1;
}

/* Write the entry table: the first rows of the random order */
static void
write_entries(GvHnswBuild *build)
{
	const GvHnswLayout *layout = &build->ix.layout;
	uint32		n_entries;
	char	   *blocks = gv_hnsw_build_entry_blocks(build, &n_entries);

	for (uint32 i = 0; i < n_entries; i++)
	{
		uint32		row = build->graph.order[i];
		GvHnswPoint point = {build->point, row_key_bias(build, row)};

		if (build->graph.dims > 0)
			gv_hnsw_point_decode(&build->graph.points, row, build->point);
		gv_hnsw_entry_set_lane(layout, (GvHnswEntryBlock)
							   (blocks + i / GV_FASTSCAN_LANES * layout->entry_block_size),
							   i % GV_FASTSCAN_LANES, build->row_id[row], &point);
	}
	gv_hnsw_build_write_entry_pages(build, blocks, n_entries);
	pfree(blocks);
}

/*
 * gv_hnsw_build_write_meta
 *		Write the metapage, which exists.
 */
void
gv_hnsw_build_write_meta(GvHnswBuild *build)
{
	GvHnswMetaPageData *meta = &build->shared->meta;
	Buffer		buf = ReadBuffer(build->index, GV_HNSW_META_BLKNO);

	meta->n_rows_at_build = build->shared->n_nodes;
	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	gv_hnsw_write_meta(BufferGetPage(buf), meta);
	MarkBufferDirty(buf);
	UnlockReleaseBuffer(buf);
}

/*
 * gv_hnsw_build_count_blocks
 *		How many blocks the metapage and all nodes with codes take.
 */
BlockNumber
gv_hnsw_build_count_blocks(const GvHnswBuild *build)
{
	uint32		per_page = build->ix.layout.nodes_per_page;
	uint32		n_pages = (build->shared->n_nodes + per_page - 1) / per_page;

	return n_pages == 0 ? 1 : gv_hnsw_build_block(build, n_pages - 1) + 1;
}

/*
 * gv_hnsw_build_extend
 *		Make the index so many blocks long, for pages that are filled later.
 *
 * All but the metapage are zeros until then.
 */
void
gv_hnsw_build_extend(GvHnswBuild *build, BlockNumber n_blocks)
{
	BlockNumber i = RelationGetNumberOfBlocks(build->index);

	if (i == GV_HNSW_META_BLKNO && n_blocks > 0)
	{
		Buffer		buf = gv_am_new_buffer(build->index, MAIN_FORKNUM);

		gv_hnsw_write_meta(BufferGetPage(buf), &build->shared->meta);
		MarkBufferDirty(buf);
		UnlockReleaseBuffer(buf);
		i++;
	}
	while (i < n_blocks)
	{
		CHECK_FOR_INTERRUPTS();
		i += gv_base_extend(build->index, n_blocks - i);
	}
}

/*
 * gv_hnsw_build_write_index
 *		Write the graph to the index, which has empty pages at most.
 */
void
gv_hnsw_build_write_index(GvHnswBuild *build)
{
	bool		has_codes = gv_hnsw_layout_has_codes(&build->ix.layout);
	GvHnswMetaPageData *meta = &build->shared->meta;
	BlockNumber n_node_pages;
	GvHnswChunkWriter writer = {build, InvalidBuffer, 0};

	n_node_pages = has_codes ? number_nodes_with_codes(build) : number_exact_nodes(build);
	gv_am_report_phase(GV_HNSW_PHASE_WRITE);

	/* the metapage and the node pages get their places before others come */
	gv_hnsw_build_extend(build, n_node_pages == 0 ? 1 :
						 gv_hnsw_build_block(build, n_node_pages - 1) + 1);

	if (build->ix.filters.n > 0)
		write_filters(build);

	/* nodes refer to their tid chunks */
	for (uint32 i = 0; i < build->shared->n_nodes; i++)
	{
		uint32		row = build->node_row[i];

		build->tid_chunk[row] = write_tid_chunks(&writer, build->same_next[row],
												   build->row_id[row]);
	}
	meta->null_norm_chunk = write_tid_chunks(&writer, build->null_row, GV_HNSW_NULL_NORM_OWNER);
	gv_hnsw_build_finish_tids(&writer);

	if (has_codes)
	{
		gv_hnsw_build_run_job(build, GV_HNSW_JOB_WRITE, 0, n_node_pages);
		if (build->shared->n_nodes > 0)
			gv_hnsw_build_write_center(build);
	}
	else
		write_exact_nodes(build);
	write_entries(build);
	gv_hnsw_build_write_meta(build);
}
