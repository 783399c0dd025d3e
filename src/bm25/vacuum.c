/*-------------------------------------------------------------------------
 *
 * vacuum.c
 *		VACUUM: mark documents whose rows are gone, write segments anew without
 *		them, find lost pages.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "bm25/bm25.h"
#include "bm25/delta.h"
#include "bm25/pages.h"

/* A segment with this part of its documents dead is written anew */
#define MAX_DEAD_PART 0.2

/* What VACUUM asks about rows */
typedef struct Deletion
{
	IndexBulkDeleteCallback callback;
	void	   *callback_state;
	IndexBulkDeleteResult *stats;
} Deletion;

/* Mark the rows of a page of a lane that are gone */
static void
delete_in_page(GvBm25Index *index, BlockNumber blkno, uint32 owner, const uint32 *offsets, int n)
{
	Buffer		buf;
	GvXlog	   *xlog;
	char	   *bytes;

	buf = ReadBuffer(index->rel, blkno);
	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	/* the merge lock is held: nobody frees it */
	if (!gv_bm25_page_is(BufferGetPage(buf), GV_BM25_PAGE_LANE) ||
		gv_bm25_page(BufferGetPage(buf))->owner != owner)
		gv_bm25_report_corruption(index->rel, blkno, "It is not the page that others lead to.");
	xlog = gv_xlog_begin(index->rel);
	bytes = (char *) ((GvBm25LanePage) gv_bm25_page(gv_xlog_page(xlog, buf)) + 1);
	for (int i = 0; i < n; i++)
		((GvBm25Row) (bytes + offsets[i]))->flags |= GV_BM25_ROW_DEAD;
	gv_xlog_finish(xlog);
	UnlockReleaseBuffer(buf);
}

/* Mark the rows of the lanes that are gone; the caller holds the merge lock */
static void
delete_in_lanes(GvBm25Index *index, Deletion *deletion)
{
	GvBm25DeltaScan *scan = palloc(sizeof(GvBm25DeltaScan));
	uint32		offsets[BLCKSZ / sizeof(GvBm25RowData)];
	int			n = 0;
	BlockNumber blkno = InvalidBlockNumber;
	uint32		owner = 0;
	bool		found;

	gv_bm25_delta_begin(scan, index);
	do
	{
		found = gv_bm25_delta_next(scan);
		if (n > 0 && (!found || scan->row_block != blkno))
		{
			delete_in_page(index, blkno, owner, offsets, n);
			n = 0;
		}
		if (!found)
			break;
		if (scan->row_block != blkno)
			gv_base_vacuum_delay();
		blkno = scan->row_block;
		owner = scan->owner;
		if (scan->row->flags & GV_BM25_ROW_DEAD)
			continue;
		if (deletion->callback(&scan->row->tid, deletion->callback_state))
		{
			offsets[n++] = scan->row_offset;
			deletion->stats->tuples_removed++;
		}
	} while (found);
	pfree(scan);
}

/* Note in the metapage how many documents of a segment are dead */
static void
write_n_dead(GvBm25Index *index, uint32 id, uint32 n_dead)
{
	Buffer		buf = ReadBuffer(index->rel, GV_BM25_META_BLKNO);
	GvXlog	   *xlog;
	GvBm25MetaPage meta;

	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	xlog = gv_xlog_begin(index->rel);
	meta = (GvBm25MetaPage) gv_am_page_content(gv_xlog_page(xlog, buf));
	for (int i = 0; i < meta->n_segments; i++)
	{
		if (meta->segment[i].id == id)
			meta->segment[i].n_dead = n_dead;
	}
	gv_xlog_finish(xlog);
	UnlockReleaseBuffer(buf);
}

/* Set bits of a page of dead documents; documents of the page begin with first */
static void
write_dead(GvBm25Index *index, const GvBm25Segment *segment, uint32 first, const uint8 *dead)
{
	uint32		place = segment->head.dead + first / GV_BM25_DEAD_PER_PAGE;
	uint32		n = Min(GV_BM25_DEAD_PER_PAGE, segment->head.n_docs - first);
	Buffer		buf = ReadBuffer(index->rel, gv_bm25_segment_block(segment, place));
	GvXlog	   *xlog;

	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	if (!gv_bm25_page_is(BufferGetPage(buf), GV_BM25_PAGE_DEAD) ||
		gv_bm25_page(BufferGetPage(buf))->owner != segment->entry.id)
		gv_bm25_segment_damaged(segment, place, "It is not the page that others lead to.");
	xlog = gv_xlog_begin(index->rel);
	memcpy(gv_bm25_page_bytes(gv_xlog_page(xlog, buf)), dead + first / 8, (n + 7) / 8);
	gv_xlog_finish(xlog);
	UnlockReleaseBuffer(buf);
}

/*
 * Mark the documents of a segment whose rows are gone; the caller holds the merge
 * lock.
 *
 * The metapage tells first that there are dead documents, for searches look at
 * their bits only then.
 */
static void
delete_in_segment(GvBm25Index *index, const GvBm25SegmentData *entry, Deletion *deletion)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "bm25 vacuum",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	GvBm25Segment segment;
	uint8	   *dead = MemoryContextAllocHuge(context, ((Size) entry->n_docs + 7) / 8);
	uint32		n_dead = 0;
	uint32		n_marked = 0;

	gv_bm25_segment_open(&segment, index, entry);
	gv_bm25_read_dead(&segment, 0, entry->n_docs, dead);
	for (uint32 first = 0; first < entry->n_docs; first += GV_BM25_TID_GROUP)
	{
		ItemPointerData tids[GV_BM25_TID_GROUP];
		uint32		n = Min(GV_BM25_TID_GROUP, entry->n_docs - first);

		if (first % 8192 == 0)
			gv_base_vacuum_delay();
		gv_bm25_read_tids(&segment, first, n, tids);
		for (uint32 i = 0; i < n; i++)
		{
			uint32		doc = first + i;

			if (!(dead[doc / 8] >> doc % 8 & 1) &&
				deletion->callback(&tids[i], deletion->callback_state))
			{
				dead[doc / 8] |= 1 << doc % 8;
				n_marked++;
			}
			n_dead += dead[doc / 8] >> doc % 8 & 1;
		}
	}
	deletion->stats->tuples_removed += n_marked;
	if (n_marked > 0)
	{
		write_n_dead(index, entry->id, n_dead);
		for (uint32 first = 0; first < entry->n_docs; first += GV_BM25_DEAD_PER_PAGE)
			write_dead(index, &segment, first, dead);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/*
 * gv_bm25_bulk_delete
 *		ambulkdelete
 *
 * Segments one after another, each under the merge lock.  A merge in between
 * makes a segment that was not looked at; so it goes on until there is none.
 */
IndexBulkDeleteResult *
gv_bm25_bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
					IndexBulkDeleteCallback callback, void *callback_state)
{
	GvBm25Index index;
	Deletion	deletion = {callback, callback_state, stats};
	List	   *done = NIL;
	bool		found = true;

	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	deletion.stats = stats;

	gv_bm25_lock_merge(info->index);
	gv_bm25_open(&index, info->index);
	delete_in_lanes(&index, &deletion);
	gv_bm25_unlock_merge(info->index);
	while (found)
	{
		found = false;
		GV_TEST_POINT("bm25-vacuum-between");
		gv_bm25_lock_merge(info->index);
		gv_bm25_read_meta(&index);
		for (int i = 0; i < index.meta.n_segments && !found; i++)
		{
			if (list_member_int(done, (int) index.meta.segment[i].id))
				continue;
			GV_TEST_POINT("bm25-vacuum-segment");
			delete_in_segment(&index, &index.meta.segment[i], &deletion);
			done = lappend_int(done, (int) index.meta.segment[i].id);
			found = true;
		}
		gv_bm25_unlock_merge(info->index);
	}
	list_free(done);
	return stats;
}

/* Write segments anew that have many dead documents; one at a time */
static void
merge_dead(GvBm25Index *index)
{
	for (int i = 0; i < index->meta.n_segments;)
	{
		const GvBm25SegmentData *segment = &index->meta.segment[i];
		GvBm25Removal removal;

		if (segment->n_dead <= segment->n_docs * MAX_DEAD_PART)
		{
			i++;
			continue;
		}
		memset(&removal, 0, sizeof(removal));
		gv_bm25_merge_segments(index, &i, 1, NULL, &removal);
		i = 0;
	}
}

/*
 * gv_bm25_vacuum_cleanup
 *		amvacuumcleanup
 */
IndexBulkDeleteResult *
gv_bm25_vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	GvBm25Index index;
	BlockNumber n_free;

	if (info->analyze_only)
		return stats;
	gv_bm25_lock_merge(info->index);
	gv_bm25_open(&index, info->index);
	if (index.meta.n_segments < GV_BM25_MAX_SEGMENTS)
		gv_bm25_flush(&index);
	merge_dead(&index);
	gv_bm25_merge_tiers(&index, PG_UINT32_MAX);
	n_free = gv_bm25_recover_pages(&index);
	if (stats == NULL)
	{
		stats = palloc0(sizeof(IndexBulkDeleteResult));
		stats->estimated_count = true;
	}
	/* now, for merges in between let the deletion see documents twice */
	stats->num_index_tuples = 0;
	for (int i = 0; i < index.meta.n_segments; i++)
		stats->num_index_tuples += index.meta.segment[i].n_docs - index.meta.segment[i].n_dead;
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	stats->pages_free = n_free;
	gv_bm25_unlock_merge(info->index);
	return stats;
}
