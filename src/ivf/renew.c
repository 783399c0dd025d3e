/*-------------------------------------------------------------------------
 *
 * renew.c
 *		Training the lists of an index that is in use.
 *
 * A new set of lists is written beside the one in use, of the rows that this
 * has, while others search it and insert into it.  Rows that were inserted
 * meanwhile follow, the last of them while inserts wait.  Then the metapage
 * names the new set, in one record.  The set before stays, untouched, for scans
 * that have begun: VACUUM frees it when no snapshot of that time is left.
 *
 * VACUUM and others who write lists anew hold a lock of the table that keeps
 * all of them apart.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/varbit.h"

#include "am/fetch.h"
#include "am/testpoint.h"
#include "base/compat.h"
#include "ivf/build.h"
#include "ivf/calibrate.h"
#include "ivf/ivf.h"
#include "ivf/renew.h"
#include "ivf/used.h"
#include "quant/rotation.h"
#include "type/halfvec.h"
#include "type/vector.h"

/* VACUUM trains lists anew when there should be so many times as many, or as few */
#define MORE_LISTS 2
#define FEWER_LISTS 4

/*
 * or when so large a part of the rows has come since.  sift-bsds-200k: of 100,000
 * rows half were deleted, others came, of other photographs; recall@10 at 30
 * probes was .894, and .907 with lists trained anew.
 */
#define NEW_ROWS 0.5

/* or when one is so many times as long as the mean, and that has got so much worse */
#define LONGEST_LIST 3.0
#define LONGER_THAN_TRAINED 1.5

/* Inserts wait while so many rows are brought over, or what is left after some rounds */
#define ROWS_AT_END 1000
#define MAX_ROUNDS 8

/* How far a list of the old set has been read */
typedef struct Progress
{
	BlockNumber blkno;
	int			n_rows;
} Progress;

typedef struct Renewal
{
	GvIvfIndex	before;
	GvIvfIndex	after;
	Relation	heap;
	GvIvfUsed	used;
	Progress   *progress;		/* [lists of the old set] */
	uint64		n_rows;			/* brought over */

	/* rows of the table */
	IndexInfo  *index_info;
	IndexFetchTableData *fetch;
	TupleTableSlot *slot;
	EState	   *estate;
	BlockNumber n_heap_blocks;
	SnapshotData snapshot;
	MemoryContext row_context;
	Datum		value;			/* of an index that keeps them */

	/* the new set */
	GvIvfTraining training;
	GvIvfRoot	root;
	GvIvfLoader loader;
	GvIvfSort	sort;
	bool		is_sorting;		/* else rows are appended */
	GvIvfListData *lists;
	BlockNumber *directory;
	FullTransactionId xid;		/* of this transaction, but in VACUUM */
} Renewal;

/* Prepare to fetch rows of the table */
static void
begin_fetch(Renewal *renewal)
{
	Relation	heap = renewal->heap;

	renewal->slot = table_slot_create(heap, NULL);
	renewal->estate = CreateExecutorState();
	GetPerTupleExprContext(renewal->estate)->ecxt_scantuple = renewal->slot;
	renewal->fetch = table_index_fetch_begin(heap);
	/* versions that nobody can see any more may lack what is stored out of line */
	InitNonVacuumableSnapshot(renewal->snapshot, GlobalVisTestFor(heap));
}

static void
end_fetch(Renewal *renewal)
{
	table_index_fetch_end(renewal->fetch);
	ExecDropSingleTupleTableSlot(renewal->slot);
	FreeExecutorState(renewal->estate);
}

/*
 * Fetch the vector of a row from the table, in the current memory context.
 * Returns false if nobody can see the row any more.
 */
static bool
fetch_value(Renewal *renewal, ItemPointerData tid, Datum *value)
{
	bool		call_again = false;
	bool		all_dead = false;
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];

	gv_am_check_tid_of(&renewal->n_heap_blocks, renewal->before.rel, renewal->heap, &tid);
	if (!table_index_fetch_tuple(renewal->fetch, &tid, &renewal->snapshot, renewal->slot,
								 &call_again, &all_dead))
		return false;
	ResetPerTupleExprContext(renewal->estate);
	FormIndexDatum(renewal->index_info, renewal->slot, renewal->estate, values, nulls);
	if (nulls[0])
		return false;
	*value = PointerGetDatum(PG_DETOAST_DATUM_COPY(values[0]));
	gv_am_check_dim(renewal->before.opclass, *value, renewal->before.meta.dim);
	ExecClearTuple(renewal->slot);
	return true;
}

/* The vector of a row that the index keeps; false if nobody can see the row any more */
static bool
read_value(Renewal *renewal, GvIvfRowsPage rows, const GvIvfRow *row, const GvIvfPlace *place,
		   Datum *value)
{
	GvIvfIndex *ix = &renewal->before;
	const GvIvfLayout *layout = &ix->layout;
	char	   *elements;

	if (gv_ivf_has_codes(layout) && !gv_ivf_keeps_vectors(layout))
		return fetch_value(renewal, row->tid, value);
	*value = renewal->value;
	elements = (char *) gv_ivf_value_elements(ix->opclass, *value);
	if (!gv_ivf_keeps_vectors(layout))
		memcpy(elements, row->code, layout->row_code_bytes);
	else if (!gv_ivf_read_value(ix, rows->list, rows->generation, place->blkno, place->slot,
								elements))
		gv_ivf_report_corruption(ix->rel, place->blkno, "The vector of a row is not there.");
	return true;
}

/* Bring a row of a page of the old set over to the new one */
static void
bring_row(Renewal *renewal, GvIvfRowsPage rows, int i, uint8 *codes)
{
	const GvIvfLayout *layout = &renewal->before.layout;
	char	   *block = gv_ivf_block(layout, rows, i / layout->lanes);
	int			lane = i % layout->lanes;
	GvAmFilterRow filters;
	GvIvfPlace	place = {InvalidBlockNumber, 0};
	GvIvfRow	row = {.filters = &filters, .code = codes + lane * layout->row_code_bytes};
	Datum		value;
	uint32		list;

	if (!ItemPointerIsValid(&gv_ivf_block_tids(block)[lane]))
		return;
	gv_ivf_get_row(layout, block, lane, &row, &place);
	if (!read_value(renewal, rows, &row, &place, &value))
		return;
	list = gv_ivf_loader_take(&renewal->loader, value, &filters, &row.tid);
	if (renewal->is_sorting)
		gv_ivf_sort_put(&renewal->sort, list, &renewal->loader.row);
	else
	{
		gv_ivf_append(&renewal->after, &renewal->lists[list], list,
					  renewal->directory[list / GV_IVF_LISTS_PER_PAGE], &renewal->loader.row);
		renewal->lists[list].n_rows++;
	}
	renewal->n_rows++;
}

/* Bring over the rows of a page that were not yet; returns the next page */
static BlockNumber
bring_page(Renewal *renewal, uint32 list, BlockNumber blkno, int n_done, int *n_rows)
{
	GvIvfIndex *ix = &renewal->before;
	const GvIvfLayout *layout = &ix->layout;
	PGAlignedBlock copy;
	GvIvfRowsPage rows = gv_ivf_page_rows((Page) copy.data);
	uint8	   *codes = palloc(layout->lanes * Max(layout->row_code_bytes, 1));
	Buffer		buf;

	gv_base_vacuum_delay();
	gv_am_check_block(ix->rel, blkno);
	buf = ReadBuffer(ix->rel, blkno);
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	memcpy(&copy, BufferGetPage(buf), BLCKSZ);
	UnlockReleaseBuffer(buf);
	if (!gv_ivf_page_is((Page) copy.data, GV_IVF_PAGE_ROWS) || rows->list != list ||
		rows->generation != renewal->used.current.list[list].generation ||
		rows->n_rows > layout->rows_per_page)
		gv_ivf_report_corruption(ix->rel, blkno, "It is not a page of its list.");
	for (int i = n_done; i < rows->n_rows; i++)
	{
		MemoryContext old_context;

		CHECK_FOR_INTERRUPTS();
		if (!gv_ivf_has_codes(layout) && (i == n_done || i % layout->lanes == 0))
			gv_ivf_block_rows(layout, gv_ivf_block(layout, rows, i / layout->lanes),
							  Min(rows->n_rows - i / layout->lanes * layout->lanes,
								  layout->lanes), codes);
		old_context = MemoryContextSwitchTo(renewal->row_context);
		bring_row(renewal, rows, i, codes);
		MemoryContextSwitchTo(old_context);
		MemoryContextReset(renewal->row_context);
	}
	*n_rows = rows->n_rows;
	pfree(codes);
	return rows->next;
}

/* Bring over the rows of all lists that were not yet; returns their number */
static uint64
bring_rows(Renewal *renewal)
{
	uint64		n_before = renewal->n_rows;
	BlockNumber n_read = 0;

	for (uint32 list = 0; list < renewal->used.current.n_lists; list++)
	{
		Progress   *progress = &renewal->progress[list];

		for (;;)
		{
			BlockNumber next = bring_page(renewal, list, progress->blkno, progress->n_rows,
										  &progress->n_rows);

			if (next == InvalidBlockNumber)
				break;
			if (n_read++ > RelationGetNumberOfBlocks(renewal->before.rel))
				gv_ivf_report_corruption(renewal->before.rel, next, "A list leads nowhere.");
			progress->blkno = next;
			progress->n_rows = 0;
		}
	}
	return renewal->n_rows - n_before;
}

/* Learn the centroids; returns false if there are too few rows */
static bool
train(Renewal *renewal)
{
	GvIvfIndex *after = &renewal->after;
	int			dims = after->layout.padded_dim;
	float	   *rotation = palloc(sizeof(float) * gv_rotation_table_size(dims));

	renewal->index_info = BuildIndexInfo(after->rel);
	/* see the rows that a snapshot sees, and wait for nobody */
	renewal->index_info->ii_Concurrent = true;
	after->meta.seed = gv_ivf_options_seed((GvIvfOptions *) after->rel->rd_options);
	gv_rotation_init(rotation, dims, after->meta.seed);
	gv_ivf_train(after, renewal->heap, renewal->index_info, rotation, NULL,
				 &renewal->training);
	if (!renewal->training.is_trained)
		return false;
	GV_TEST_POINT("ivf-renew-trained");
	gv_ivf_make_root(after, &renewal->training, &renewal->root);
	gv_ivf_loader_init(&renewal->loader, after, rotation, renewal->training.center,
					   &renewal->root);
	return true;
}

/* Write the new set of lists, with the rows that there are by now */
static void
write_set(Renewal *renewal)
{
	GvIvfIndex *after = &renewal->after;
	GvIvfMetaPageData *meta = &after->meta;
	GvIvfWriter *writer = palloc(sizeof(GvIvfWriter));
	uint32		n_lists = renewal->training.n_lists;

	meta->generation++;
	meta->n_lists = n_lists;
	meta->center_blkno =
		gv_ivf_write_chain(after, GV_IVF_PAGE_CENTER, meta->generation, renewal->training.center,
						   sizeof(float) * after->layout.padded_dim, true, NULL);
	renewal->lists = palloc_extended(sizeof(GvIvfListData) * n_lists,
									 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	gv_ivf_write_centroids(after, &renewal->training, renewal->lists, true);

	gv_ivf_sort_begin(&renewal->sort, after, maintenance_work_mem, NULL);
	renewal->is_sorting = true;
	(void) bring_rows(renewal);
	renewal->is_sorting = false;
	gv_ivf_sort_perform(&renewal->sort);
	gv_ivf_writer_init(writer, after, true);
	/* no page of the index has had this generation */
	gv_ivf_sort_write(&renewal->sort, writer, n_lists, renewal->used.newest + 1, renewal->lists);
	gv_ivf_sort_end(&renewal->sort);
	meta->longest_at_build = gv_ivf_longest_list(renewal->lists, n_lists);
	meta->is_given = renewal->training.given != NULL;

	renewal->directory = palloc(sizeof(BlockNumber) *
								(n_lists / GV_IVF_LISTS_PER_PAGE + 1));
	meta->directory_blkno =
		gv_ivf_write_chain(after, GV_IVF_PAGE_LISTS, meta->generation, renewal->lists,
						   sizeof(GvIvfListData) * n_lists, true, renewal->directory);
	GV_TEST_POINT("ivf-renew-written");
}

/* Put the new set in place of the old one */
static void
publish(Renewal *renewal)
{
	GvIvfMetaPageData *after = &renewal->after.meta;
	const GvIvfMetaPageData *before = &renewal->before.meta;
	Relation	rel = renewal->before.rel;
	Buffer		buf;
	GvXlog	   *xlog;
	GvIvfMetaPage meta;

	after->n_rows_at_build = renewal->n_rows;
	memset(&after->calibration, 0, sizeof(after->calibration));
	after->calibrated_rows = 0;
	after->removed_rows = 0;
	after->removed_since_build = 0;
	after->retired_lists = before->n_lists;
	after->retired_directory_blkno = before->directory_blkno;
	after->retired_center_blkno = before->center_blkno;
	after->retired_generation = before->generation;

	GV_TEST_POINT("ivf-renew-publish");
	buf = ReadBuffer(rel, GV_IVF_META_BLKNO);
	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);

	/*
	 * Snapshots that are taken from here on are of scans that find the new set.
	 * To all before, this transaction is running, if snapshots look at it: so it
	 * tells them from later ones as soon as it has ended.
	 */
	after->retired_xid = U64FromFullTransactionId(FullTransactionIdIsValid(renewal->xid) ?
												  renewal->xid : ReadNextFullTransactionId());
	xlog = gv_xlog_begin(rel);
	meta = gv_ivf_page_meta(gv_xlog_page(xlog, buf));
	*meta = *after;
	gv_xlog_finish(xlog);
	UnlockReleaseBuffer(buf);
}

/* Bring over what was inserted meanwhile, and put the new set in place */
static void
finish_set(Renewal *renewal)
{
	Relation	rel = renewal->before.rel;

	for (int round = 0; round < MAX_ROUNDS && bring_rows(renewal) > ROWS_AT_END; round++)
		;
	LockPage(rel, GV_IVF_SET_LOCK, ExclusiveLock);
	GV_TEST_POINT("ivf-renew-locked");
	(void) bring_rows(renewal);
	publish(renewal);
	UnlockPage(rel, GV_IVF_SET_LOCK, ExclusiveLock);
}

/*
 * Train the lists of an index anew.  Returns false if there are too few rows.
 *
 * index: its retired set is gone
 * given: centroids, or NULL: they are found
 * xid: of this transaction; invalid in VACUUM, which snapshots do not look at
 *
 * The caller keeps all others away who write lists anew.
 */
static bool
renew(const GvIvfIndex *index, Relation heap, BufferAccessStrategy strategy,
	  const Datum *given, uint32 n_given, FullTransactionId xid)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf training",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	Renewal    *renewal = palloc0(sizeof(Renewal));
	bool		is_trained;

	renewal->before = *index;
	renewal->after = *index;
	renewal->heap = heap;
	renewal->training.given = given;
	renewal->training.n_given = n_given;
	renewal->xid = xid;
	renewal->row_context = AllocSetContextCreate(context, "ivf training row",
												 ALLOCSET_DEFAULT_SIZES);
	is_trained = train(renewal);
	if (is_trained)
	{
		/* what an earlier attempt has left could be taken for the new set */
		gv_ivf_used_read(&renewal->used, &renewal->before);
		gv_ivf_free_orphans(&renewal->used, strategy);
		renewal->progress = palloc_extended(sizeof(Progress) * renewal->used.current.n_lists,
											MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		for (uint32 list = 0; list < renewal->used.current.n_lists; list++)
			renewal->progress[list].blkno = renewal->used.current.list[list].head;
		renewal->value = gv_am_zero_value(index->opclass, index->meta.dim);
		begin_fetch(renewal);
		write_set(renewal);
		finish_set(renewal);
		end_fetch(renewal);
		IndexFreeSpaceMapVacuum(index->rel);
		gv_ivf_calibrate(index->rel, heap, (double) renewal->n_rows);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	return is_trained;
}

/* Count the rows of all lists, and those of the longest */
static double
count_rows(GvIvfIndex *index, uint32 *longest)
{
	GvIvfCache *cache = gv_ivf_cache(index);
	GvIvfListData *lists = palloc_extended(sizeof(GvIvfListData) * index->meta.n_lists,
										   MCXT_ALLOC_HUGE);
	double		n_rows = 0;
	BlockNumber n_read = 0;

	*longest = 0;
	for (uint32 list = 0; list < index->meta.n_lists; list++)
		gv_ivf_read_list(index, cache, list, &lists[list]);
	for (uint32 list = GV_IVF_FIRST_LIST; list < index->meta.n_lists; list++)
	{
		uint32		n = 0;

		for (BlockNumber blkno = lists[list].head; blkno != InvalidBlockNumber;)
		{
			Buffer		buf;
			GvIvfRowsPage rows;

			gv_base_vacuum_delay();
			gv_am_check_block(index->rel, blkno);
			buf = ReadBuffer(index->rel, blkno);
			LockBuffer(buf, BUFFER_LOCK_SHARE);
			rows = gv_ivf_page_rows(BufferGetPage(buf));
			if (!gv_ivf_page_is(BufferGetPage(buf), GV_IVF_PAGE_ROWS) || rows->list != list ||
				rows->generation != lists[list].generation ||
				n_read++ > RelationGetNumberOfBlocks(index->rel))
				gv_ivf_report_corruption(index->rel, blkno, "It is not a page of its list.");
			n += rows->n_rows - rows->n_dead;
			blkno = rows->next;
			UnlockReleaseBuffer(buf);
		}
		n_rows += n;
		*longest = Max(*longest, n);
	}
	pfree(lists);
	return n_rows;
}

/* Have lists become too long beside the others since they were trained? */
static bool
is_unbalanced(GvIvfIndex *index)
{
	const GvIvfMetaPageData *meta = &index->meta;
	double		n_lists = meta->n_lists - GV_IVF_FIRST_LIST;
	uint32		longest;
	double		mean = count_rows(index, &longest) / n_lists;
	double		mean_at_build = Max((double) meta->n_rows_at_build / n_lists, 1);

	return longest > LONGEST_LIST * mean &&
		longest / Max(mean, 1) > LONGER_THAN_TRAINED * meta->longest_at_build / mean_at_build;
}

/* Should the lists of an index be trained anew? */
static bool
is_due(GvIvfIndex *index, double n_rows)
{
	double		n_lists = index->meta.n_lists - GV_IVF_FIRST_LIST;
	const GvIvfOptions *options = (GvIvfOptions *) index->rel->rd_options;
	double		wanted = (double) gv_ivf_choose_lists(options, n_rows);
	double		n_new = n_rows + (double) index->meta.removed_since_build -
		(double) index->meta.n_rows_at_build;

	if (wanted <= 1 || index->meta.is_given)
		return false;
	if (wanted >= MORE_LISTS * n_lists || wanted * FEWER_LISTS <= n_lists ||
		n_new >= NEW_ROWS * n_rows)
		return true;
	return n_lists > 1 && gv_ivf_calibration_is_stale(&index->meta, n_rows) &&
		is_unbalanced(index);
}

/*
 * gv_ivf_maintain
 *		Train or calibrate an index anew if its rows ask for it, at the end of VACUUM.
 *
 * n_rows: of the index
 */
void
gv_ivf_maintain(Relation rel, double n_rows, BufferAccessStrategy strategy)
{
	GvIvfIndex	index;
	Relation	heap = table_open(IndexGetRelation(RelationGetRelid(rel), false),
								  AccessShareLock);
	bool		is_new = false;

	gv_ivf_open(&index, rel);
	if (index.meta.retired_lists > 0)
	{
		gv_ivf_drop_retired(&index);
		if (index.meta.retired_lists == 0)
		{
			GvIvfUsed	used;

			gv_ivf_used_read(&used, &index);
			gv_ivf_free_orphans(&used, strategy);
			IndexFreeSpaceMapVacuum(rel);
		}
	}
	/* who reads all lists is not waited for: the next VACUUM may do it */
	if (index.meta.retired_lists == 0 && is_due(&index, n_rows) &&
		ConditionalLockPage(rel, GV_IVF_TRAIN_LOCK, ExclusiveLock))
	{
		is_new = renew(&index, heap, strategy, NULL, 0, InvalidFullTransactionId);
		UnlockPage(rel, GV_IVF_TRAIN_LOCK, ExclusiveLock);
	}
	if (!is_new && gv_ivf_calibration_is_stale(&index.meta, n_rows))
		gv_ivf_calibrate(rel, heap, n_rows);
	table_close(heap, AccessShareLock);
}

/* Raise an error if vectors cannot be the centroids of an index */
static void
check_given(const GvIvfIndex *index, const Datum *given, int n_given)
{
	if (n_given < 1 || n_given > GV_IVF_MAX_LISTS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of centroids must be between 1 and %d, not %d",
						GV_IVF_MAX_LISTS, n_given)));
	for (int i = 0; i < n_given; i++)
	{
		int			dim = ((GvVector *) DatumGetPointer(given[i]))->dim;

		if (dim != (int) index->meta.dim)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("centroids of index \"%s\" must have %u dimensions",
							RelationGetRelationName(index->rel), index->meta.dim),
					 errdetail("Centroid %d has %d dimensions.", i + 1, dim)));
	}
}

/*
 * gv_ivf_train_later
 *		Train the lists of an index now; returns their number.
 *
 * given: vectors that are to be the centroids, or NULL: they are found
 *
 * The caller holds a lock of the table that keeps VACUUM away.
 */
int
gv_ivf_train_later(Relation rel, Relation heap, const Datum *given, int n_given)
{
	GvIvfIndex	index;
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_VACUUM);
	FullTransactionId xid;

	LockPage(rel, GV_IVF_TRAIN_LOCK, ExclusiveLock);
	gv_ivf_open(&index, rel);
	if (given)
		check_given(&index, given, n_given);
	/* if VACUUM has trained, the next try finds a transaction after it */
	xid = GetTopFullTransactionId();
	gv_ivf_drop_retired(&index);
	if (index.meta.retired_lists > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("cannot train index \"%s\" now", RelationGetRelationName(rel)),
				 errdetail("Transactions may still be reading the lists that it had before it was trained last."),
				 errhint("Try again when the transactions that run now have ended.")));
	if (!renew(&index, heap, strategy, given, n_given, xid))
		ereport(NOTICE,
				(errmsg("index \"%s\" has too few rows to divide them into lists",
						RelationGetRelationName(rel)),
				 errdetail("A search reads all of its rows.")));
	FreeAccessStrategy(strategy);
	UnlockPage(rel, GV_IVF_TRAIN_LOCK, ExclusiveLock);
	gv_ivf_open(&index, rel);
	return (int) (index.meta.n_lists - GV_IVF_FIRST_LIST);
}
