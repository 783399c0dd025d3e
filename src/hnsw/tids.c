/*-------------------------------------------------------------------------
 *
 * tids.c
 *		Small additions: tids of equal vectors, rests of long values, the unit.
 *
 * Locks are taken in this order: node page, tid page, metapage.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/freespace.h"

#include "am/testpoint.h"
#include "base/compat.h"
#include "hnsw/entry.h"
#include "hnsw/filter.h"
#include "hnsw/write.h"

/*
 * gv_hnsw_unlock_pages
 *		Release what a step has locked.
 */
void
gv_hnsw_unlock_pages(GvHnswLockedPages *locked)
{
	for (int i = 0; i < locked->n; i++)
		UnlockReleaseBuffer(locked->buf[i]);
	locked->n = 0;
}

static Buffer
lock_page(GvHnswIndex *index, BlockNumber blkno, GvHnswLockedPages *locked)
{
	Buffer		buf;

	gv_am_check_block(index->rel, blkno);
	buf = ReadBuffer(index->rel, blkno);
	if (!gv_am_lock_once(buf))
		gv_hnsw_report_corruption(index->rel, blkno, "It is not a page of tids.");
	locked->buf[locked->n++] = buf;
	return buf;
}

/*
 * A page for anything but nodes and filters, exclusively locked, to be written as
 * a new one: one that the free space map knows of, or else one that is added to
 * the index.
 *
 * per_block: places on it that must have numbers; 0: none
 *
 * The caller may have locked others, so a page that is locked is passed over.
 */
static Buffer
take_page(GvHnswIndex *index, uint32 per_block)
{
	Relation	rel = index->rel;
	BlockNumber blkno = GetPageWithFreeSpace(rel, gv_hnsw_fsm_request(GV_AM_PAGE_ROOM));
	BlockNumber last = per_block > 0 ? gv_hnsw_last_block(per_block) : MaxBlockNumber;

	if (blkno <= last && blkno < RelationGetNumberOfBlocks(rel))
	{
		Buffer		buf = ReadBuffer(rel, blkno);

		RecordPageWithFreeSpace(rel, blkno, 0);
		if (ConditionalLockBuffer(buf))
		{
			if (!gv_hnsw_is_filter_block(&index->layout, blkno) &&
				(PageIsNew(BufferGetPage(buf)) ||
				 gv_hnsw_page_is(BufferGetPage(buf), GV_HNSW_PAGE_FREE)))
				return buf;
			LockBuffer(buf, BUFFER_LOCK_UNLOCK);
		}
		ReleaseBuffer(buf);
	}
	if (per_block > 0)
		gv_hnsw_check_places(rel, RelationGetNumberOfBlocks(rel), per_block);
	return gv_hnsw_new_buffer(&index->layout, rel);
}

/*
 * Find the first chunk with room, from one of a page on, along the part of the
 * list that lies on the page.
 *
 * *chunk_id: written: where the list goes on, if there is none
 */
static GvHnswTidChunk
find_room(Page page, uint32 *chunk_id, uint32 owner)
{
	BlockNumber blkno = gv_hnsw_chunk_block(*chunk_id);

	for (int i = 0; i < GV_HNSW_CHUNKS_PER_PAGE &&
		 *chunk_id != GV_HNSW_INVALID_ID && gv_hnsw_chunk_block(*chunk_id) == blkno; i++)
	{
		GvHnswTidChunk chunk = gv_hnsw_page_chunk(page, gv_hnsw_chunk_slot(*chunk_id));

		if (chunk->owner != owner)
			*chunk_id = GV_HNSW_INVALID_ID;
		else if (chunk->n_tids < GV_HNSW_CHUNK_TIDS)
			return chunk;
		else
			*chunk_id = chunk->next;
	}
	return NULL;
}

/* Add a tid to a chunk of a list, the first of the owner's that has room */
static bool
add_to_list(GvHnswIndex *index, GvXlog *xlog, uint32 chunk_id, uint32 owner,
			ItemPointer tid, GvHnswLockedPages *locked)
{
	for (int i = 0; i < GV_HNSW_MAX_TRIED_PAGES && chunk_id != GV_HNSW_INVALID_ID; i++)
	{
		Buffer		buf = lock_page(index, gv_hnsw_chunk_block(chunk_id), locked);

		if (!gv_hnsw_page_is(BufferGetPage(buf), GV_HNSW_PAGE_TIDS))
			chunk_id = GV_HNSW_INVALID_ID;
		else if (find_room(BufferGetPage(buf), &chunk_id, owner) != NULL)
		{
			GvHnswTidChunk chunk = gv_hnsw_page_chunk(gv_xlog_page(xlog, buf),
													  gv_hnsw_chunk_slot(chunk_id));

			chunk->tids[chunk->n_tids++] = *tid;
			return true;
		}
		gv_hnsw_unlock_pages(locked);
	}
	return false;
}

/*
 * Put a tid into a new chunk, on the page that is being filled or a new one.
 *
 * *is_new_page: set if the metapage must come to name the page
 */
static uint32
add_chunk(GvHnswIndex *index, GvXlog *xlog, uint32 next, uint32 owner, ItemPointer tid,
		  GvHnswLockedPages *locked, bool *is_new_page)
{
	BlockNumber blkno = index->meta.tid_blkno;
	Buffer		buf = InvalidBuffer;
	Page		page;

	*is_new_page = false;
	if (blkno != InvalidBlockNumber)
	{
		buf = lock_page(index, blkno, locked);
		if (!gv_hnsw_page_is(BufferGetPage(buf), GV_HNSW_PAGE_TIDS) ||
			gv_am_page_special(BufferGetPage(buf))->n_free == 0)
		{
			gv_hnsw_unlock_pages(locked);
			buf = InvalidBuffer;
		}
	}
	if (buf == InvalidBuffer)
	{
		buf = take_page(index, GV_HNSW_CHUNKS_PER_PAGE);
		locked->buf[locked->n++] = buf;
		page = gv_xlog_new_page(xlog, buf);
		gv_hnsw_init_page(page, GV_HNSW_PAGE_TIDS);
		gv_hnsw_init_tid_page(page);
		*is_new_page = true;
	}
	else
		page = gv_xlog_page(xlog, buf);

	for (int slot = 0; slot < GV_HNSW_CHUNKS_PER_PAGE; slot++)
	{
		GvHnswTidChunk chunk = gv_hnsw_page_chunk(page, slot);

		if (chunk->owner == GV_HNSW_INVALID_ID)
		{
			chunk->next = next;
			chunk->owner = owner;
			chunk->n_tids = 1;
			chunk->tids[0] = *tid;
			gv_am_page_special(page)->n_free--;
			return gv_hnsw_make_chunk_id(BufferGetBlockNumber(buf), slot);
		}
	}
	gv_hnsw_report_corruption(index->rel, BufferGetBlockNumber(buf),
							  "The number of free chunks is wrong.");
}

/*
 * gv_hnsw_add_tid
 *		Add a row to a node of the same vector.
 *
 * xlog: the record under way, which covers the node's page
 * first_chunk: in the node
 * locked: pages to unlock when the record is written
 */
void
gv_hnsw_add_tid(GvHnswIndex *index, GvXlog *xlog, uint32 *first_chunk, uint32 owner,
				ItemPointer tid, GvHnswLockedPages *locked)
{
	bool		is_new_page;

	if (add_to_list(index, xlog, *first_chunk, owner, tid, locked))
		return;
	*first_chunk = add_chunk(index, xlog, *first_chunk, owner, tid, locked, &is_new_page);
	if (is_new_page)
	{
		Buffer		meta_buf = lock_page(index, GV_HNSW_META_BLKNO, locked);

		gv_hnsw_page_meta(gv_xlog_page(xlog, meta_buf))->tid_blkno =
			gv_hnsw_chunk_block(*first_chunk);
	}
}

/*
 * gv_hnsw_add_null_norm_tid
 *		Add a row whose vector has no direction.
 */
void
gv_hnsw_add_null_norm_tid(GvHnswIndex *index, ItemPointer tid)
{
	for (;;)
	{
		GvHnswLockedPages locked = {.n = 0};
		GvXlog	   *xlog = gv_xlog_begin(index->rel);
		uint32		first = index->meta.null_norm_chunk;
		GvHnswMetaPage meta;
		Buffer		meta_buf;
		uint32		chunk;
		bool		is_new_page;
		bool		done = false;

		CHECK_FOR_INTERRUPTS();
		GV_TEST_POINT("hnsw-insert-null-norm");
		if (add_to_list(index, xlog, first, GV_HNSW_NULL_NORM_OWNER, tid, &locked))
		{
			gv_xlog_finish(xlog);
			gv_hnsw_unlock_pages(&locked);
			return;
		}
		chunk = add_chunk(index, xlog, first, GV_HNSW_NULL_NORM_OWNER, tid, &locked,
						  &is_new_page);
		meta_buf = lock_page(index, GV_HNSW_META_BLKNO, &locked);
		meta = gv_hnsw_page_meta(gv_xlog_page(xlog, meta_buf));
		if (meta->null_norm_chunk == first)
		{
			meta->null_norm_chunk = chunk;
			if (is_new_page)
				meta->tid_blkno = gv_hnsw_chunk_block(chunk);
			done = true;
		}
		else
			memcpy(&index->meta, meta, sizeof(*meta));
		if (done)
			gv_xlog_finish(xlog);
		else
			gv_xlog_cancel(xlog);
		gv_hnsw_unlock_pages(&locked);
		if (done)
			return;
	}
}

/*
 * gv_hnsw_write_rest
 *		Write the part of a value that does not fit into its node.
 *
 * Returns the first of its pages.  Nothing refers to them yet.
 */
BlockNumber
gv_hnsw_write_rest(GvHnswIndex *index, const char *data, Size n_bytes)
{
	BlockNumber next = InvalidBlockNumber;
	Size		n_pages = (n_bytes + GV_HNSW_CHAIN_ROOM - 1) / GV_HNSW_CHAIN_ROOM;

	/* the last page first, so that each knows the next */
	for (Size i = n_pages; i > 0; i--)
	{
		Size		start = (i - 1) * GV_HNSW_CHAIN_ROOM;
		Buffer		buf;
		GvXlog	   *xlog;
		Page		page;

		CHECK_FOR_INTERRUPTS();
		buf = take_page(index, 0);
		xlog = gv_xlog_begin(index->rel);
		page = gv_xlog_new_page(xlog, buf);
		gv_hnsw_init_page(page, GV_HNSW_PAGE_VECTOR);
		gv_hnsw_fill_chain_page(page, next, data + start,
								Min(n_bytes - start, GV_HNSW_CHAIN_ROOM));
		gv_xlog_finish(xlog);
		next = BufferGetBlockNumber(buf);
		UnlockReleaseBuffer(buf);
	}
	return next;
}

/*
 * gv_hnsw_set_unit
 *		Choose the unit of an index that was built without rows.
 *
 * value: of the first row
 */
void
gv_hnsw_set_unit(GvHnswIndex *index, Datum value)
{
	Buffer		buf;
	GvXlog	   *xlog;
	GvHnswMetaPage meta;
	float		unit = gv_am_unit_of(index->opclass, value);

	GV_TEST_POINT("hnsw-insert-unit");
	buf = ReadBuffer(index->rel, GV_HNSW_META_BLKNO);
	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	xlog = gv_xlog_begin(index->rel);
	meta = gv_hnsw_page_meta(gv_xlog_page(xlog, buf));
	if (meta->inverse_unit == 0)
	{
		meta->inverse_unit = unit;
		index->meta.inverse_unit = unit;
		gv_xlog_finish(xlog);
	}
	else
	{
		index->meta.inverse_unit = meta->inverse_unit;
		gv_xlog_cancel(xlog);
	}
	UnlockReleaseBuffer(buf);
}

/*
 * gv_hnsw_read_chunk
 *		Read a chunk of tids.
 *
 * n_chunks: read so far, of which there cannot be more than the index has
 * owner: id of the node
 * tids: ItemPointerData[GV_HNSW_CHUNK_TIDS], written
 *
 * Returns the number of tids, and sets *chunk_id to the next.  If the chunk
 * has another owner by now the node was freed: then all its rows are dead, and
 * the chunk may lead to rows of another vector.
 */
int
gv_hnsw_read_chunk(GvHnswIndex *ix, int64 *n_chunks, uint32 *chunk_id, uint32 owner,
				   ItemPointerData *tids)
{
	BlockNumber blkno = gv_hnsw_chunk_block(*chunk_id);
	uint32		next = GV_HNSW_INVALID_ID;
	int			n = 0;
	Buffer		buf;
	Page		page;

	CHECK_FOR_INTERRUPTS();
	GV_TEST_POINT("hnsw-scan-chunk");
	if (blkno >= RelationGetNumberOfBlocks(ix->rel) ||
		(*n_chunks)++ > (int64) RelationGetNumberOfBlocks(ix->rel) * GV_HNSW_CHUNKS_PER_PAGE)
		gv_hnsw_report_corruption(ix->rel, blkno, "A list of rows leads nowhere.");
	buf = gv_am_read_buffer(ix->hints, ix->rel, blkno);
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buf);
	if (gv_hnsw_page_is(page, GV_HNSW_PAGE_TIDS))
	{
		GvHnswTidChunk chunk = gv_hnsw_page_chunk(page, gv_hnsw_chunk_slot(*chunk_id));

		if (chunk->owner == owner)
		{
			n = Min(chunk->n_tids, GV_HNSW_CHUNK_TIDS);
			memcpy(tids, chunk->tids, n * sizeof(ItemPointerData));
			next = chunk->next;
		}
	}
	*chunk_id = next;
	UnlockReleaseBuffer(buf);
	return n;
}
