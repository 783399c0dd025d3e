/*-------------------------------------------------------------------------
 *
 * check.c
 *		Verifying an index.
 *
 * A check runs beside readers and writers.  It copies each page under a share
 * lock and judges the copy.  What is wrong within one page is wrong.  What two
 * pages disagree on may be a change between the two reads, so it is reported
 * only if several looks at the index find the same.
 *
 * Not a problem, because an operation that was cut short may leave it: chunks
 * of tids and pages of values that nothing leads to (if they are empty), pages
 * of zeros, DEAD nodes.  VACUUM comes across most of them again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "am/recall.h"
#include "am/sort.h"
#include "am/testpoint.h"
#include "hnsw/calibrate.h"
#include "hnsw/check.h"
#include "hnsw/entry.h"
#include "hnsw/hnsw.h"
#include "hnsw/options.h"
#include "quant/rotation.h"

/* Looks that must agree on a problem of two pages */
#define MAX_LOOKS 3

/* Suspects kept of a look */
#define MAX_SUSPECTS 1000

/*
 * gv_hnsw_check_add_record
 *		Add a record, zeroed, and return it; its address lasts until the next.
 *
 * The records live as long as a look.
 */
void *
gv_hnsw_check_add_record(GvHnswCheck *check, GvHnswRecords *records)
{
	char	   *record;

	if (records->n == records->max)
	{
		records->max = Max(64, records->max * 2);
		if (records->data == NULL)
			records->data = MemoryContextAllocHuge(check->look_context,
												   records->max * records->size);
		else
			records->data = repalloc_huge(records->data, records->max * records->size);
	}
	record = records->data + records->n++ * records->size;
	memset(record, 0, records->size);
	return record;
}

/*
 * gv_hnsw_check_report
 *		Report a problem within one page.
 *
 * item, row_tid: -1 and NULL if there is none
 */
void
gv_hnsw_check_report(GvHnswCheck *check, BlockNumber block, int item,
					 ItemPointer row_tid, const char *format,...)
{
	GvAmProblem problem = {.block = block,.item = item};
	char		text[256];
	va_list		args;

	/* later looks find the same again */
	if (check->look > 0)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (row_tid)
		problem.row_tid = *row_tid;
	else
		ItemPointerSetInvalid(&problem.row_tid);
	problem.problem = text;
	check->report(check->report_arg, &problem);
}

/*
 * gv_hnsw_check_suspect
 *		Note a problem between pages, or between index and table.
 *
 * The text names what changes of the problem if the pages do.
 */
void
gv_hnsw_check_suspect(GvHnswCheck *check, BlockNumber block, int item,
					  ItemPointer row_tid, const char *format,...)
{
	GvHnswSuspect *suspect;
	char		text[256];
	va_list		args;

	if (check->suspects.n >= MAX_SUSPECTS)
	{
		check->too_many = true;
		return;
	}
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	suspect = gv_hnsw_check_add_record(check, &check->suspects);
	suspect->block = block;
	suspect->item = item;
	if (row_tid)
		suspect->row_tid = *row_tid;
	else
		ItemPointerSetInvalid(&suspect->row_tid);
	suspect->problem = MemoryContextStrdup(check->look_context, text);
}

/*
 * gv_hnsw_check_copy_page
 *		Copy a page of the index.
 *
 * copy: BLCKSZ bytes, aligned
 */
void
gv_hnsw_check_copy_page(GvHnswCheck *check, BlockNumber blkno, Page copy)
{
	Buffer		buf;

	CHECK_FOR_INTERRUPTS();
	GV_TEST_POINT("hnsw-check-page");
	buf = ReadBufferExtended(check->ix.rel, MAIN_FORKNUM, blkno, RBM_NORMAL,
							 check->strategy);
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	memcpy(copy, BufferGetPage(buf), BLCKSZ);
	UnlockReleaseBuffer(buf);
}

/* Is the unit a power of two, or zero while there is no row? */
static bool
unit_is_valid(float unit)
{
	int			exponent;

	return unit == 0 || (isfinite(unit) && frexpf(unit, &exponent) == 0.5f);
}

/* Check what gv_hnsw_open has not */
static void
check_meta(GvHnswCheck *check)
{
	const GvHnswMetaPageData *meta = &check->ix.meta;
	const GvHnswLayout *layout = &check->ix.layout;
	int			dim = TupleDescAttr(check->ix.rel->rd_att, 0)->atttypmod;

	if (meta->reserved != 0 || meta->reserved_option != 0)
		gv_hnsw_check_report(check, GV_HNSW_META_BLKNO, -1, NULL,
							 "reserved fields of the metapage are not zero");
	/* none: a domain, or a column that lost its dimensions */
	if (dim > 0 && meta->dim != dim)
		gv_hnsw_check_report(check, GV_HNSW_META_BLKNO, -1, NULL,
							 "metapage is for %u dimensions, the column has %d", meta->dim, dim);
	if (meta->m < GV_HNSW_MIN_M || meta->m > GV_HNSW_MAX_M ||
		meta->ef_construction < GV_HNSW_MIN_EF_CONSTRUCTION ||
		meta->ef_construction > GV_HNSW_MAX_EF_CONSTRUCTION)
		gv_hnsw_check_report(check, GV_HNSW_META_BLKNO, -1, NULL,
							 "options in the metapage are out of range: m %u, ef_construction %u",
							 meta->m, meta->ef_construction);
	else if (layout->degree < 2 * meta->m)
		gv_hnsw_check_report(check, GV_HNSW_META_BLKNO, -1, NULL,
							 "nodes have room for %d neighbors, not for %d", layout->degree,
							 2 * meta->m);
	if (!unit_is_valid(meta->inverse_unit))
		gv_hnsw_check_report(check, GV_HNSW_META_BLKNO, -1, NULL,
							 "unit in the metapage is no power of two: %g", meta->inverse_unit);
	if (!isfinite(meta->max_norm) || meta->max_norm < 0)
		gv_hnsw_check_report(check, GV_HNSW_META_BLKNO, -1, NULL,
							 "largest norm in the metapage is not valid: %g", meta->max_norm);
	if (!gv_am_recall_is_valid(&meta->calibration) ||
		meta->calibration_source > GV_HNSW_CALIBRATION_QUERIES ||
		(meta->calibration_source == GV_HNSW_CALIBRATION_NONE) !=
		(meta->calibration.n_buckets == 0) ||
		(meta->calibration_source == GV_HNSW_CALIBRATION_NONE && meta->calibrated_places != 0) ||
		meta->calibration_hash != (meta->calibration_source == GV_HNSW_CALIBRATION_NONE ? 0 :
								   gv_hnsw_calibration_hash(meta)))
		gv_hnsw_check_report(check, GV_HNSW_META_BLKNO, -1, NULL,
							 "calibration in the metapage is not valid");
	if (gv_hnsw_layout_has_codes(layout) &&
		layout->padded_dim < gv_rotation_padded_dim(meta->dim))
		gv_hnsw_check_report(check, GV_HNSW_META_BLKNO, -1, NULL,
							 "points of %d dimensions cannot hold vectors of %u",
							 layout->padded_dim, meta->dim);
}

/*
 * Follow a chain of pages; returns the bytes it holds.
 *
 * out: up to max_bytes of the content are written
 */
static Size
check_chain(GvHnswCheck *check, BlockNumber blkno, GvHnswPageKind kind, const char *name,
			char *out, Size max_bytes)
{
	Size		n_bytes = 0;
	PGAlignedBlock copy;
	GvHnswChainPage chain;

	while (blkno != InvalidBlockNumber)
	{
		if (blkno >= check->n_blocks || check->page_kind[blkno] != kind)
		{
			gv_hnsw_check_suspect(check, blkno, -1, NULL,
								  "%s leads to a page that is none of its kind", name);
			break;
		}
		if (check->page_uses[blkno]++ > 0)
		{
			gv_hnsw_check_suspect(check, blkno, -1, NULL, "%s leads to a page twice", name);
			break;
		}
		gv_hnsw_check_copy_page(check, blkno, copy.data);
		if (!gv_hnsw_page_is(copy.data, kind))
			break;
		chain = gv_hnsw_page_chain(copy.data);
		if (n_bytes < max_bytes)
			memcpy(out + n_bytes, chain + 1, Min(chain->n_bytes, max_bytes - n_bytes));
		n_bytes += chain->n_bytes;
		blkno = chain->next;
	}
	return n_bytes;
}

/* Read rotation and center, as gv_hnsw_cache does, but from the pages */
static void
check_geometry(GvHnswCheck *check)
{
	const GvHnswLayout *layout = &check->ix.layout;
	GvHnswCache *geometry = &check->geometry;
	Size		size = sizeof(float) * layout->padded_dim;
	Size		n_bytes;

	memset(geometry, 0, sizeof(*geometry));
	geometry->inverse_unit = check->ix.meta.inverse_unit;
	geometry->rotation = palloc(sizeof(float) * gv_rotation_table_size(layout->padded_dim));
	gv_rotation_init(geometry->rotation, layout->padded_dim, check->ix.meta.seed);
	geometry->center = palloc0(size);
	n_bytes = check_chain(check, check->ix.meta.center_blkno, GV_HNSW_PAGE_CENTER,
						  "center", (char *) geometry->center, size);
	if (check->ix.meta.center_blkno != InvalidBlockNumber && n_bytes != size)
		gv_hnsw_check_suspect(check, GV_HNSW_META_BLKNO, -1, NULL,
							  "center has %zu bytes, not %zu", n_bytes, size);
	for (int i = 0; i < layout->padded_dim; i++)
	{
		if (!isfinite(geometry->center[i]))
		{
			gv_hnsw_check_suspect(check, check->ix.meta.center_blkno, -1, NULL,
								  "element %d of the center is not finite", i);
			break;
		}
	}
}

static int
compare_chunks(const void *key, const void *chunk)
{
	uint32		a = *(const uint32 *) key;
	uint32		b = ((const GvHnswSeenChunk *) chunk)->id;

	return a < b ? -1 : (a > b ? 1 : 0);
}

/* Follow the lists of tid chunks */
static void
check_lists(GvHnswCheck *check)
{
	const GvHnswLayout *layout = &check->ix.layout;
	GvHnswSeenList *lists = (GvHnswSeenList *) check->lists.data;
	GvHnswSeenChunk *chunks = (GvHnswSeenChunk *) check->chunks.data;

	for (uint64 i = 0; i < check->lists.n; i++)
	{
		bool		is_null_norm = lists[i].owner == GV_HNSW_NULL_NORM_OWNER;
		BlockNumber blkno = is_null_norm ? GV_HNSW_META_BLKNO :
			gv_hnsw_id_block(layout, lists[i].owner);
		int			slot = is_null_norm ? -1 : gv_hnsw_id_slot(layout, lists[i].owner);
		uint32		id = lists[i].first_chunk;

		CHECK_FOR_INTERRUPTS();
		while (id != GV_HNSW_INVALID_ID)
		{
			GvHnswSeenChunk *chunk = chunks == NULL ? NULL :
				bsearch(&id, chunks, check->chunks.n, sizeof(GvHnswSeenChunk), compare_chunks);

			if (chunk == NULL || chunk->owner != lists[i].owner)
			{
				gv_hnsw_check_suspect(check, blkno, slot, NULL,
									  "list of rows leads to chunk %d of block %u, not its own",
									  gv_hnsw_chunk_slot(id), gv_hnsw_chunk_block(id));
				break;
			}
			if (chunk->n_lists > 0)
			{
				gv_hnsw_check_suspect(check, blkno, slot, NULL,
									  "list of rows leads to chunk %d of block %u a second time",
									  gv_hnsw_chunk_slot(id), gv_hnsw_chunk_block(id));
				break;
			}
			chunk->n_lists++;
			id = chunk->next;
		}
	}

	for (uint64 i = 0; i < check->chunks.n; i++)
	{
		if (chunks[i].n_lists == 0 && chunks[i].n_tids > 0)
			gv_hnsw_check_suspect(check, gv_hnsw_chunk_block(chunks[i].id),
								  gv_hnsw_chunk_slot(chunks[i].id), NULL,
								  "chunk holds rows, and no list leads to it");
	}
}

/* Look at the whole index, and at the table */
static void
take_look(GvHnswCheck *check)
{
	GvHnswIndex *ix = &check->ix;
	Snapshot	snapshot = NULL;
	PGAlignedBlock copy;

	/* what the snapshot sees was in the index before */
	if (check->heap)
		snapshot = RegisterSnapshot(GetTransactionSnapshot());

	gv_hnsw_open(ix, ix->rel);
	check_meta(check);
	check->n_blocks = RelationGetNumberOfBlocks(ix->rel);
	check->page_kind = palloc_extended(check->n_blocks, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	check->page_uses = palloc_extended(check->n_blocks, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	check->node_state = palloc_extended((Size) check->n_blocks * ix->layout.nodes_per_page,
										MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	check->n_live = 0;
	check->n_tids = 0;

	for (BlockNumber blkno = 0; blkno < check->n_blocks; blkno++)
	{
		gv_hnsw_check_copy_page(check, blkno, copy.data);
		if (gv_hnsw_check_page(check, copy.data, blkno) && !PageIsNew(copy.data))
			check->page_kind[blkno] = gv_am_page_special(copy.data)->kind;
	}
	if (ix->meta.null_norm_chunk != GV_HNSW_INVALID_ID)
	{
		GvHnswSeenList *list = gv_hnsw_check_add_record(check, &check->lists);

		list->owner = GV_HNSW_NULL_NORM_OWNER;
		list->first_chunk = ix->meta.null_norm_chunk;
	}
	if (ix->meta.tid_blkno != InvalidBlockNumber &&
		(ix->meta.tid_blkno >= check->n_blocks ||
		 check->page_kind[ix->meta.tid_blkno] != GV_HNSW_PAGE_TIDS))
		gv_hnsw_check_suspect(check, GV_HNSW_META_BLKNO, -1, NULL,
							  "page for further rows, block %u, is none of rows",
							  ix->meta.tid_blkno);

	check_lists(check);
	(void) check_chain(check, ix->meta.entry_blkno, GV_HNSW_PAGE_ENTRY, "entry table",
					   NULL, 0);
	if (gv_hnsw_layout_has_codes(&ix->layout))
		check_geometry(check);
	gv_hnsw_check_filters(check);
	gv_hnsw_check_entries(check);
	gv_hnsw_check_links(check);

	if (check->heap)
	{
		gv_hnsw_check_heap(check, snapshot);
		UnregisterSnapshot(snapshot);
	}
}

static int
compare_suspects(const void *a, const void *b)
{
	const GvHnswSuspect *x = a;
	const GvHnswSuspect *y = b;

	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	if (x->item != y->item)
		return x->item < y->item ? -1 : 1;
	if (memcmp(&x->row_tid, &y->row_tid, sizeof(ItemPointerData)) != 0)
		return memcmp(&x->row_tid, &y->row_tid, sizeof(ItemPointerData));
	return strcmp(x->problem, y->problem);
}

/*
 * Keep, of what was suspected before, what the last look found again.
 *
 * kept: MAX_SUSPECTS places, sorted; n is their number, or -1 before the
 * first look
 *
 * Returns the new number.
 */
static int
keep_confirmed(GvHnswCheck *check, GvHnswSuspect *kept, int n)
{
	GvHnswSuspect *found = (GvHnswSuspect *) check->suspects.data;
	int			n_found = (int) check->suspects.n;
	int			n_kept = 0;

	if (n_found > 0)
		gv_am_sort(found, n_found, sizeof(GvHnswSuspect), compare_suspects);
	if (n < 0)
	{
		for (int i = 0; i < n_found; i++)
		{
			kept[i] = found[i];
			kept[i].problem = pstrdup(found[i].problem);
		}
		return n_found;
	}
	for (int i = 0; i < n; i++)
	{
		if (n_found > 0 && bsearch(&kept[i], found, n_found, sizeof(GvHnswSuspect),
								   compare_suspects) != NULL)
			kept[n_kept++] = kept[i];
	}
	return n_kept;
}

/*
 * gv_hnsw_check
 *		Verify every invariant of an index, and report each that is broken.
 *
 * heap: the index's table, to verify that the index has each of its rows once
 * and with its vector; NULL for the index alone
 *
 * The caller holds a lock on both that keeps them from being dropped, and has
 * the rights of the table's owner.  A metapage that cannot be read raises an
 * error.
 */
void
gv_hnsw_check(Relation index, Relation heap, GvAmReportProblem report, void *arg)
{
	GvHnswCheck check = {.ix = {.rel = index},.heap = heap,.report = report,.report_arg = arg};
	GvHnswSuspect *kept = palloc(sizeof(GvHnswSuspect) * MAX_SUSPECTS);
	int			n = -1;

	check.strategy = GetAccessStrategy(BAS_BULKREAD);
	check.look_context = AllocSetContextCreate(CurrentMemoryContext, "hnsw check",
											   ALLOCSET_DEFAULT_SIZES);
	check.item_context = AllocSetContextCreate(CurrentMemoryContext, "hnsw check item",
											   ALLOCSET_DEFAULT_SIZES);
	for (check.look = 0; check.look < MAX_LOOKS && n != 0; check.look++)
	{
		MemoryContext old_context = MemoryContextSwitchTo(check.look_context);

		memset(&check.suspects, 0, sizeof(GvHnswRecords));
		check.suspects.size = sizeof(GvHnswSuspect);
		memset(&check.chunks, 0, sizeof(GvHnswRecords));
		check.chunks.size = sizeof(GvHnswSeenChunk);
		memset(&check.lists, 0, sizeof(GvHnswRecords));
		check.lists.size = sizeof(GvHnswSeenList);
		take_look(&check);
		MemoryContextSwitchTo(old_context);
		n = keep_confirmed(&check, kept, n);
		MemoryContextReset(check.look_context);
	}

	check.look = 0;
	for (int i = 0; i < n; i++)
		gv_hnsw_check_report(&check, kept[i].block, kept[i].item,
							 ItemPointerIsValid(&kept[i].row_tid) ? &kept[i].row_tid : NULL,
							 "%s", kept[i].problem);
	if (n > 0 && check.too_many)
		gv_hnsw_check_report(&check, InvalidBlockNumber, -1, NULL,
							 "there are more than %d such problems", MAX_SUSPECTS);

	FreeAccessStrategy(check.strategy);
	MemoryContextDelete(check.item_context);
	MemoryContextDelete(check.look_context);
}
