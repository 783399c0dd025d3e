/*-------------------------------------------------------------------------
 *
 * entry.c
 *		Pages beside the nodes: entry table, chains, tid chunks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "am/xlog.h"
#include "base/compat.h"
#include "base/random.h"
#include "hnsw/entry.h"
#include "hnsw/filter.h"

/*
 * gv_hnsw_fill_chain_page
 *		Write the content of a page of a chain.
 *
 * page: initialized
 */
void
gv_hnsw_fill_chain_page(Page page, BlockNumber next, const char *data, Size n_bytes)
{
	GvHnswChainPage chain = gv_hnsw_page_chain(page);

	Assert(n_bytes <= GV_HNSW_CHAIN_ROOM);
	chain->next = next;
	chain->n_bytes = n_bytes;
	if (n_bytes > 0)
		memcpy(chain + 1, data, n_bytes);
	((PageHeader) page)->pd_lower = (char *) (chain + 1) + n_bytes - (char *) page;
}

/*
 * gv_hnsw_init_tid_page
 *		Make all chunks of a page of tid chunks free.
 *
 * page: initialized
 */
void
gv_hnsw_init_tid_page(Page page)
{
	GvHnswTidChunk chunk = gv_hnsw_page_chunk(page, 0);

	memset(chunk, 0, GV_HNSW_CHUNKS_PER_PAGE * sizeof(GvHnswTidChunkData));
	for (int slot = 0; slot < GV_HNSW_CHUNKS_PER_PAGE; slot++)
		chunk[slot].owner = GV_HNSW_INVALID_ID;
	gv_am_page_special(page)->n_free = GV_HNSW_CHUNKS_PER_PAGE;
	((PageHeader) page)->pd_lower =
		(char *) (chunk + GV_HNSW_CHUNKS_PER_PAGE) - (char *) page;
}

/*
 * gv_hnsw_init_entry_block
 *		Make all lanes of an entry block empty.
 */
void
gv_hnsw_init_entry_block(GvHnswEntryBlock block)
{
	memset(block, 0, sizeof(*block));
	for (int lane = 0; lane < GV_FASTSCAN_LANES; lane++)
		block->node[lane] = GV_HNSW_INVALID_ID;
}

/* Find the page of an entry block; invalid if the table has no such block yet */
static BlockNumber
find_entry_page(GvHnswIndex *index, BlockNumber first, uint32 block, BlockNumber *last)
{
	BlockNumber blkno = first;
	BlockNumber n_blocks = RelationGetNumberOfBlocks(index->rel);

	*last = InvalidBlockNumber;
	for (uint32 page_number = block / index->layout.entry_blocks_per_page;
		 blkno != InvalidBlockNumber; page_number--)
	{
		Buffer		buf;

		GV_TEST_POINT("hnsw-entry-page");
		/* another insert may have added a page meanwhile */
		if (blkno >= n_blocks)
			n_blocks = RelationGetNumberOfBlocks(index->rel);
		if (blkno >= n_blocks)
			gv_hnsw_report_corruption(index->rel, blkno, "The entry table leads nowhere.");
		*last = blkno;
		if (page_number == 0)
			return blkno;
		buf = gv_am_read_buffer(index->hints, index->rel, blkno);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		if (!gv_hnsw_page_is(BufferGetPage(buf), GV_HNSW_PAGE_ENTRY))
			gv_hnsw_report_corruption(index->rel, blkno, "It is not a page of entries.");
		blkno = gv_hnsw_page_chain(BufferGetPage(buf))->next;
		UnlockReleaseBuffer(buf);
	}
	return InvalidBlockNumber;
}

/*
 * Write a lane of the entry table, unless the table has changed.
 *
 * lane: at most n_entries, then the table grows
 *
 * Pages are locked in this order: last entry page, entry page, metapage.
 */
static bool
write_entry(GvHnswIndex *index, const GvHnswMetaPageData *seen, uint32 lane, uint32 id,
			const GvHnswPoint *point)
{
	const GvHnswLayout *layout = &index->layout;
	uint32		block = lane / GV_FASTSCAN_LANES;
	BlockNumber last;
	BlockNumber blkno = find_entry_page(index, seen->entry_blkno, block, &last);
	Buffer		last_buf = InvalidBuffer;
	Buffer		buf;
	Buffer		meta_buf;
	GvXlog	   *xlog;
	Page		page;
	GvHnswMetaPage meta;
	GvHnswChainPage chain;
	GvHnswEntryBlock entry_block;
	uint32		in_page = block % layout->entry_blocks_per_page;
	bool		is_new = blkno == InvalidBlockNumber;
	bool		done = false;

	if (is_new && last != InvalidBlockNumber)
	{
		last_buf = ReadBuffer(index->rel, last);
		LockBuffer(last_buf, BUFFER_LOCK_EXCLUSIVE);
	}
	if (is_new)
		buf = gv_hnsw_new_buffer(layout, index->rel);
	else
	{
		buf = ReadBuffer(index->rel, blkno);
		LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	}
	meta_buf = ReadBuffer(index->rel, GV_HNSW_META_BLKNO);
	LockBuffer(meta_buf, BUFFER_LOCK_EXCLUSIVE);

	xlog = gv_xlog_begin(index->rel);
	meta = gv_hnsw_page_meta(gv_xlog_page(xlog, meta_buf));
	if (meta->entry_generation == seen->entry_generation)
	{
		page = is_new ? gv_xlog_new_page(xlog, buf) : gv_xlog_page(xlog, buf);
		if (is_new)
		{
			gv_hnsw_init_page(page, GV_HNSW_PAGE_ENTRY);
			gv_hnsw_fill_chain_page(page, InvalidBlockNumber, NULL, 0);
			if (BufferIsValid(last_buf))
				gv_hnsw_page_chain(gv_xlog_page(xlog, last_buf))->next =
					BufferGetBlockNumber(buf);
			else
				meta->entry_blkno = BufferGetBlockNumber(buf);
		}
		chain = gv_hnsw_page_chain(page);
		entry_block = (GvHnswEntryBlock) ((char *) (chain + 1) +
										  in_page * layout->entry_block_size);
		if ((in_page + 1) * layout->entry_block_size > chain->n_bytes)
		{
			chain->n_bytes = (in_page + 1) * layout->entry_block_size;
			((PageHeader) page)->pd_lower = (char *) (chain + 1) + chain->n_bytes - (char *) page;
			memset(entry_block, 0, layout->entry_block_size);
			gv_hnsw_init_entry_block(entry_block);
		}
		gv_hnsw_entry_set_lane(layout, entry_block, lane % GV_FASTSCAN_LANES, id, point);
		meta->n_entries = Max(meta->n_entries, lane + 1);
		meta->entry_generation++;
		done = true;
	}
	if (done)
		gv_xlog_finish(xlog);
	else
		gv_xlog_cancel(xlog);

	UnlockReleaseBuffer(meta_buf);
	UnlockReleaseBuffer(buf);
	if (BufferIsValid(last_buf))
		UnlockReleaseBuffer(last_buf);
	return done;
}

/* A lane of the entry table that VACUUM has left empty; n_entries if there is none */
static uint32
find_empty_lane(GvHnswIndex *index)
{
	const GvHnswLayout *layout = &index->layout;
	GvHnswCache *cache = gv_hnsw_cache(index);

	for (uint32 lane = 0; lane < index->meta.n_entries; lane++)
	{
		GvHnswEntryBlock block = (GvHnswEntryBlock)
			(cache->entry_blocks + (Size) (lane / GV_FASTSCAN_LANES) * layout->entry_block_size);

		if (block->node[lane % GV_FASTSCAN_LANES] == GV_HNSW_INVALID_ID)
			return lane;
	}
	return index->meta.n_entries;
}

/*
 * gv_hnsw_consider_entry
 *		Let a new node become an entry, with the probability that keeps the
 *		table a random sample of the nodes.
 *
 * point: the node's, unused without codes
 * must_be: nothing else leads to the node, as in an index whose nodes are all
 * dead
 */
void
gv_hnsw_consider_entry(GvHnswIndex *index, uint32 id, const GvHnswPoint *point,
					   bool must_be)
{
	for (;;)
	{
		uint64		n_nodes = (uint64) RelationGetNumberOfBlocks(index->rel) *
			index->layout.nodes_per_page;
		GvRandom	random = {gv_random_mix(((uint64) id << 32) | (uint32) n_nodes)};
		uint32		target;
		uint32		lane;
		Buffer		buf;

		CHECK_FOR_INTERRUPTS();
		buf = gv_am_read_buffer(index->hints, index->rel, GV_HNSW_META_BLKNO);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		memcpy(&index->meta, gv_hnsw_page_meta(BufferGetPage(buf)), sizeof(index->meta));
		UnlockReleaseBuffer(buf);

		target = gv_hnsw_entry_target(&index->layout, n_nodes);
		if (index->meta.n_entries < target)
		{
			/* not more than one in so many, but the first at once */
			if (index->meta.n_entries > 0 && !must_be &&
				gv_random_below(&random, GV_HNSW_NODES_PER_ENTRY) != 0)
				return;
			lane = index->meta.n_entries;
		}
		else if ((must_be || gv_random_below(&random, GV_HNSW_NODES_PER_ENTRY) == 0) &&
				 (lane = find_empty_lane(index)) < index->meta.n_entries)
		{
			/* take that */
		}
		else
		{
			/* reservoir sampling; n_nodes counts this one */
			lane = gv_random_below(&random, must_be ? index->meta.n_entries :
								   (uint32) Min(n_nodes, PG_UINT32_MAX));
			if (!must_be && (lane >= index->meta.n_entries ||
							 gv_hnsw_entry_target(&index->layout, PG_UINT32_MAX) > target))
				return;
		}
		GV_TEST_POINT("hnsw-entry-chosen");
		if (write_entry(index, &index->meta, lane, id, point))
			return;
	}
}
