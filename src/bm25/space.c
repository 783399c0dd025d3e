/*-------------------------------------------------------------------------
 *
 * space.c
 *		Pages for segments, and publishing what was written there.
 *
 * A segment is written to free pages, or to pages added to the relation, that
 * nothing leads to.  The list of free pages stays as it was meanwhile, so a
 * crash leaves it true; pages added and not published are found by VACUUM.  One
 * record then changes the metapage and the list.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

#include "bm25/space.h"

/* Pages by which a relation grows: so that a segment's lie together, not too many in vain */
#define MIN_CHUNK 1
#define MAX_CHUNK 1024

/* From so many extents on a segment takes only free extents of some length */
#define FEW_EXTENTS 256
#define LONG_EXTENT 64

/*
 * gv_bm25_extents_add
 *		Add pages to a list.
 */
void
gv_bm25_extents_add(GvBm25Extents *extents, BlockNumber start, uint32 n)
{
	if (extents->n > 0 &&
		extents->extent[extents->n - 1].start + extents->extent[extents->n - 1].n == start)
	{
		extents->extent[extents->n - 1].n += n;
		return;
	}
	if (extents->n == extents->size)
	{
		extents->size = Max(16, extents->size * 2);
		if (extents->extent == NULL)
			extents->extent = palloc(extents->size * sizeof(GvBm25ExtentData));
		else
			extents->extent = repalloc_huge(extents->extent,
											(Size) extents->size * sizeof(GvBm25ExtentData));
	}
	extents->extent[extents->n++] = (GvBm25ExtentData) {start, n};
}

static int
compare_starts(const void *a, const void *b)
{
	BlockNumber x = ((const GvBm25ExtentData *) a)->start;
	BlockNumber y = ((const GvBm25ExtentData *) b)->start;

	return x < y ? -1 : x > y;
}

static int
compare_lengths(const void *a, const void *b)
{
	uint32		x = ((const GvBm25ExtentData *) a)->n;
	uint32		y = ((const GvBm25ExtentData *) b)->n;

	return x < y ? -1 : x > y;
}

/* Sort a list, and join extents that touch */
static void
join_extents(GvBm25Extents *extents)
{
	uint32		n = 0;

	qsort(extents->extent, extents->n, sizeof(GvBm25ExtentData), compare_starts);
	for (uint32 i = 0; i < extents->n; i++)
	{
		GvBm25ExtentData *last = n > 0 ? &extents->extent[n - 1] : NULL;

		if (last != NULL && last->start + last->n >= extents->extent[i].start)
			last->n = Max(last->start + last->n,
						  extents->extent[i].start + extents->extent[i].n) - last->start;
		else
			extents->extent[n++] = extents->extent[i];
	}
	extents->n = n;
}

/*
 * gv_bm25_read_free
 *		Read the list of free pages.
 */
void
gv_bm25_read_free(GvBm25Index *index, GvBm25Extents *extents)
{
	Buffer		buf = gv_am_read_buffer(index->hints, index->rel, GV_BM25_FREE_BLKNO);
	Page		page = BufferGetPage(buf);
	GvBm25FreePage list = (GvBm25FreePage) gv_am_page_content(page);
	BlockNumber n_blocks = RelationGetNumberOfBlocks(index->rel);
	bool		is_valid;

	LockBuffer(buf, BUFFER_LOCK_SHARE);
	is_valid = gv_bm25_page_is(page, GV_BM25_PAGE_FREE) &&
		list->n_extents <= GV_BM25_MAX_FREE_EXTENTS;
	if (is_valid)
	{
		extents->n = list->n_extents;
		extents->size = GV_BM25_MAX_FREE_EXTENTS;
		extents->extent = palloc(extents->size * sizeof(GvBm25ExtentData));
		memcpy(extents->extent, list->extent, extents->n * sizeof(GvBm25ExtentData));
	}
	UnlockReleaseBuffer(buf);
	if (!is_valid)
		gv_bm25_report_corruption(index->rel, GV_BM25_FREE_BLKNO,
								  "It is not a list of free pages.");
	for (uint32 i = 0; i < extents->n; i++)
	{
		if (extents->extent[i].start <= GV_BM25_FREE_BLKNO || extents->extent[i].n == 0 ||
			(uint64) extents->extent[i].start + extents->extent[i].n > n_blocks)
			gv_bm25_report_corruption(index->rel, GV_BM25_FREE_BLKNO,
									  "The list of free pages is not valid.");
	}
}

/*
 * gv_bm25_take_id
 *		Take an id for a segment, a lane or a long row.
 */
uint32
gv_bm25_take_id(GvBm25Index *index)
{
	Buffer		buf = ReadBuffer(index->rel, GV_BM25_META_BLKNO);
	GvXlog	   *xlog;
	GvBm25MetaPage meta;
	uint32		id;

	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	xlog = gv_xlog_begin(index->rel);
	meta = (GvBm25MetaPage) gv_am_page_content(gv_xlog_page(xlog, buf));
	id = meta->next_id++;
	gv_xlog_finish(xlog);
	UnlockReleaseBuffer(buf);
	return id;
}

/*
 * gv_bm25_space_begin
 *		Begin to write a segment.
 *
 * is_logged: false for a build; the metapage's copy in index has the next id then
 */
void
gv_bm25_space_begin(GvBm25Space *space, GvBm25Index *index, bool is_logged)
{
	memset(space, 0, sizeof(*space));
	space->index = index;
	space->is_logged = is_logged;
	if (is_logged)
	{
		space->owner = gv_bm25_take_id(index);
		gv_bm25_read_free(index, &space->free);
		/* the longest are taken first, from the end */
		qsort(space->free.extent, space->free.n, sizeof(GvBm25ExtentData), compare_lengths);
	}
	else
		space->owner = index->meta.next_id++;
}

/* Add pages to the relation, and to the free ones */
static void
add_pages(GvBm25Space *space)
{
	Relation	rel = space->index->rel;
	uint32		n = Min(Max(space->n_pages / 16, MIN_CHUNK), MAX_CHUNK);
	GvBm25Extents added = {0};

	LockRelationForExtension(rel, ExclusiveLock);
	for (uint32 i = 0; i < n; i++)
	{
		Buffer		buf = ReadBufferExtended(rel, MAIN_FORKNUM, P_NEW, RBM_NORMAL, NULL);

		gv_bm25_extents_add(&added, BufferGetBlockNumber(buf), 1);
		ReleaseBuffer(buf);
	}
	UnlockRelationForExtension(rel, ExclusiveLock);
	for (uint32 i = 0; i < added.n; i++)
		gv_bm25_extents_add(&space->free, added.extent[i].start, added.extent[i].n);
	pfree(added.extent);
}

/*
 * gv_bm25_space_take
 *		Return the place of a further page.
 */
uint32
gv_bm25_space_take(GvBm25Space *space)
{
	GvBm25Extents *free = &space->free;
	GvBm25ExtentData *extent;

	if (free->n == 0 ||
		(space->used.n >= FEW_EXTENTS && free->extent[free->n - 1].n < LONG_EXTENT &&
		 free->extent[free->n - 1].start !=
		 space->used.extent[space->used.n - 1].start + space->used.extent[space->used.n - 1].n))
		add_pages(space);
	extent = &free->extent[free->n - 1];
	gv_bm25_extents_add(&space->used, extent->start, 1);
	if (space->used.n > GV_BM25_MAX_EXTENTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("free pages of index \"%s\" are too scattered",
						RelationGetRelationName(space->index->rel)),
				 errhint("Rebuild the index with REINDEX.")));
	extent->start++;
	if (--extent->n == 0)
		free->n--;
	return space->n_pages++;
}

/* The block of a place, which is likely one of the last */
static BlockNumber
block_of(const GvBm25Space *space, uint32 place)
{
	uint32		end = space->n_pages;

	for (uint32 i = space->used.n; i-- > 0;)
	{
		end -= space->used.extent[i].n;
		if (place >= end)
			return space->used.extent[i].start + (place - end);
	}
	elog(ERROR, "segment has no page %u", place);
}

/*
 * gv_bm25_space_write
 *		Write a page of the segment.
 *
 * page: as it shall be, with pd_lower past its content
 */
void
gv_bm25_space_write(GvBm25Space *space, uint32 place, const char *page)
{
	Relation	rel = space->index->rel;
	Buffer		buf;

	CHECK_FOR_INTERRUPTS();
	buf = ReadBufferExtended(rel, MAIN_FORKNUM, block_of(space, place), RBM_ZERO_AND_LOCK, NULL);
	Assert(gv_bm25_page((Page) page)->place == place &&
		   gv_bm25_page((Page) page)->owner == space->owner);
	if (space->is_logged)
	{
		GvXlog	   *xlog = gv_xlog_begin(rel);

		memcpy(gv_xlog_new_page(xlog, buf), page, BLCKSZ);
		gv_xlog_finish(xlog);
	}
	else
	{
		START_CRIT_SECTION();
		memcpy(BufferGetPage(buf), page, BLCKSZ);
		MarkBufferDirty(buf);
		END_CRIT_SECTION();
	}
	UnlockReleaseBuffer(buf);
}

/* Take segments and lanes out of a metapage */
static void
remove_from_meta(GvBm25MetaPage meta, const GvBm25Removal *removal)
{
	int			n = 0;

	for (int i = 0; i < meta->n_segments; i++)
	{
		bool		is_removed = false;

		for (int j = 0; j < removal->n_segments; j++)
			is_removed |= removal->segment[j] == meta->segment[i].id;
		if (!is_removed)
			meta->segment[n++] = meta->segment[i];
	}
	memset(&meta->segment[n], 0, (meta->n_segments - n) * sizeof(GvBm25SegmentData));
	meta->n_segments = n;

	n = 0;
	for (int i = 0; i < meta->n_sealed; i++)
	{
		bool		is_removed = false;

		for (int j = 0; j < removal->n_lanes; j++)
			is_removed |= removal->lane[j] == meta->sealed[i].id;
		if (!is_removed)
			meta->sealed[n++] = meta->sealed[i];
	}
	memset(&meta->sealed[n], 0, (meta->n_sealed - n) * sizeof(GvBm25LaneData));
	meta->n_sealed = n;
}

/*
 * gv_bm25_publish
 *		Let a segment take the place of others and of lanes.
 *
 * space, segment: NULL if nothing takes their place
 * removal: NULL if it comes in addition
 *
 * Readers see all of it or nothing.
 */
void
gv_bm25_publish(GvBm25Index *index, GvBm25Space *space, const GvBm25SegmentData *segment,
				const GvBm25Removal *removal)
{
	GvBm25Extents free = {0};
	Buffer		meta_buf;
	Buffer		free_buf;
	GvXlog	   *xlog;
	GvBm25MetaPage meta;

	if (space != NULL)
	{
		for (uint32 i = 0; i < space->free.n; i++)
			gv_bm25_extents_add(&free, space->free.extent[i].start, space->free.extent[i].n);
	}
	else
		gv_bm25_read_free(index, &free);
	if (removal != NULL)
	{
		for (uint32 i = 0; i < removal->pages.n; i++)
			gv_bm25_extents_add(&free, removal->pages.extent[i].start,
								removal->pages.extent[i].n);
	}
	if (free.n > 0)
		join_extents(&free);
	if (free.n > GV_BM25_MAX_FREE_EXTENTS)
	{
		/* the shortest are left out; VACUUM finds them again */
		qsort(free.extent, free.n, sizeof(GvBm25ExtentData), compare_lengths);
		memmove(free.extent, free.extent + (free.n - GV_BM25_MAX_FREE_EXTENTS),
				GV_BM25_MAX_FREE_EXTENTS * sizeof(GvBm25ExtentData));
		free.n = GV_BM25_MAX_FREE_EXTENTS;
		join_extents(&free);
	}

	GV_TEST_POINT("bm25-publish");
	meta_buf = ReadBuffer(index->rel, GV_BM25_META_BLKNO);
	LockBuffer(meta_buf, BUFFER_LOCK_EXCLUSIVE);
	free_buf = ReadBuffer(index->rel, GV_BM25_FREE_BLKNO);
	LockBuffer(free_buf, BUFFER_LOCK_EXCLUSIVE);
	xlog = gv_xlog_begin(index->rel);
	meta = (GvBm25MetaPage) gv_am_page_content(gv_xlog_page(xlog, meta_buf));
	if (removal != NULL)
		remove_from_meta(meta, removal);
	if (segment != NULL)
		meta->segment[meta->n_segments++] = *segment;
	meta->generation++;
	gv_bm25_write_free(gv_xlog_page(xlog, free_buf), free.extent, free.n);
	gv_xlog_finish(xlog);
	UnlockReleaseBuffer(free_buf);
	UnlockReleaseBuffer(meta_buf);
	gv_bm25_read_meta(index);
}
