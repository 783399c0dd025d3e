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

#include "am/attempt.h"
#include "am/fetch.h"
#include "am/routine.h"
#include "am/testpoint.h"
#include "base/compat.h"
#include "ivf/build.h"
#include "ivf/calibrate.h"
#include "ivf/ivf.h"
#include "ivf/renew.h"
#include "ivf/source.h"
#include "ivf/used.h"
#include "quant/rotation.h"
#include "type/halfvec.h"
#include "type/vector.h"

/* VACUUM trains lists anew when there should be so many times as many, or as few */
#define MORE_LISTS 2
#define FEWER_LISTS 4

/*
 * or when so large a part of the rows has come since.  sift-bsds-200k: of 100,000
 * rows half were deleted, others came; recall@10 at 10 of 1,264 lists was .705 with
 * some split and merged, and .729 with a fresh index; after training it is a fresh
 * index's (MEASUREMENTS.md).  What comes before that half is for splits and merges.
 */
#define NEW_ROWS 0.5

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

	IndexInfo  *index_info;
	GvIvfSource source;

	/* the new set */
	const GvIvfPlan *plan;		/* lists that are written; NULL: all */
	GvIvfTraining training;
	GvIvfRoot	root;
	GvIvfLoader loader;
	GvIvfSort	sort;
	bool		is_sorting;		/* else rows are appended */
	GvIvfListData *lists;
	BlockNumber *directory;
	FullTransactionId xid;		/* of this transaction, but in VACUUM */
} Renewal;

/* Put the loader's row into a list of the new set */
static void
put_row(Renewal *renewal, uint32 list)
{
	if (renewal->plan)
		list = renewal->plan->number[list];
	if (renewal->is_sorting)
		gv_ivf_sort_put(&renewal->sort, list, &renewal->loader.row);
	else
	{
		gv_ivf_append(&renewal->after, &renewal->lists[list], list,
					  renewal->directory[list / GV_IVF_LISTS_PER_PAGE], &renewal->loader.row);
		renewal->lists[list].n_rows++;
	}
}

/*
 * Bring over a row whose first list is another.  That stays, or is the nearest
 * of those that are written.
 */
static void
bring_second(Renewal *renewal, uint32 list)
{
	const GvIvfPlan *plan = renewal->plan;
	uint32		first;
	float		distance2;

	gv_ivf_nearest_begin(plan->nearest, renewal->loader.point.z, 1);
	if (gv_ivf_nearest_next(plan->nearest, &first, &distance2) && plan->is_brought[first])
	{
		if (!gv_ivf_loader_take_again(&renewal->loader, &list))
			return;
	}
	else
		renewal->loader.row.tid.ip_posid |= GV_IVF_SECOND;
	put_row(renewal, list);
}

/* Bring a row of the old set over to the new one; GvIvfTakeRow */
static void
bring_row(void *arg, uint32 old_list, const GvIvfRow *row, Datum value)
{
	Renewal    *renewal = arg;
	ItemPointerData tid = gv_ivf_plain_tid(&row->tid);
	uint32		list = gv_ivf_loader_take(&renewal->loader, value, row->filters, &tid);

	renewal->n_rows++;
	if (gv_ivf_is_second(&row->tid))
	{
		bring_second(renewal, list);
		return;
	}
	put_row(renewal, list);
	/* where lists stay, rows that are in two of them remain so */
	if (renewal->plan == NULL && gv_ivf_loader_take_again(&renewal->loader, &list))
		put_row(renewal, list);
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

		if (renewal->plan && !renewal->plan->is_brought[list])
			continue;
		for (;;)
		{
			BlockNumber next = gv_ivf_source_page(&renewal->source, list,
												  renewal->used.current.list[list].generation,
												  progress->blkno, progress->n_rows,
												  &progress->n_rows, bring_row, renewal);

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

	after->meta.spills = gv_ivf_options_spill((GvIvfOptions *) after->rel->rd_options);
	after->meta.seed = gv_ivf_options_seed((GvIvfOptions *) after->rel->rd_options);
	gv_rotation_init(rotation, dims, after->meta.seed);
	gv_ivf_train(after, renewal->heap, renewal->index_info, rotation, NULL,
				 &renewal->training);
	return renewal->training.is_trained;
}

/* Prepare to find the lists of rows */
static void
begin_load(Renewal *renewal)
{
	GvIvfIndex *after = &renewal->after;
	int			dims = after->layout.padded_dim;
	float	   *rotation = palloc(sizeof(float) * gv_rotation_table_size(dims));
	float	   *origin = palloc(sizeof(float) * dims);

	gv_rotation_init(rotation, dims, after->meta.seed);
	gv_ivf_make_root(after, &renewal->training, &renewal->root);
	gv_ivf_find_origin(&after->layout, rotation, renewal->training.center, origin);
	gv_ivf_loader_init(&renewal->loader, after, rotation, origin, &renewal->root);
}

/* Prepare the directory of the new set, and write the centroids */
static void
begin_lists(Renewal *renewal, uint32 n_lists)
{
	const GvIvfPlan *plan = renewal->plan;

	renewal->lists = palloc_extended(sizeof(GvIvfListData) * n_lists,
									 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	if (plan)
		memcpy(renewal->lists, plan->lists, sizeof(GvIvfListData) * n_lists);
	else
		gv_ivf_clear_centroids(renewal->lists, n_lists);
	gv_ivf_write_centroids(&renewal->after,
						   plan ? plan->centroids : renewal->training.centroids, n_lists,
						   renewal->lists, true);
}

/* Write the new set of lists, with the rows that there are by now */
static void
write_set(Renewal *renewal)
{
	GvIvfIndex *after = &renewal->after;
	GvIvfMetaPageData *meta = &after->meta;
	GvIvfWriter *writer = palloc(sizeof(GvIvfWriter));
	const GvIvfPlan *plan = renewal->plan;
	uint32		n_lists = plan ? plan->n_lists : renewal->training.n_lists;

	meta->generation++;
	meta->n_lists = n_lists;
	meta->center_blkno =
		gv_ivf_write_chain(after, GV_IVF_PAGE_CENTER, meta->generation, renewal->training.center,
						   sizeof(float) * after->layout.padded_dim, true, NULL);
	meta->codebook_blkno = gv_ivf_write_codebook(after, &renewal->training, true);
	begin_lists(renewal, n_lists);

	gv_ivf_sort_begin(&renewal->sort, after, gv_am_maintenance_memory(), NULL);
	renewal->is_sorting = true;
	(void) bring_rows(renewal);
	renewal->is_sorting = false;
	gv_ivf_sort_perform(&renewal->sort);
	gv_ivf_writer_init(writer, after, true);
	/* no page of the index has had this generation */
	gv_ivf_sort_write(&renewal->sort, writer, renewal->training.n_lists,
					  plan ? plan->number : NULL, renewal->used.newest + 1, renewal->lists);
	gv_ivf_sort_end(&renewal->sort);
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

	if (renewal->plan)
		after->n_balanced++;
	else
	{
		after->n_rows_at_build = renewal->n_rows;
		memset(&after->calibration, 0, sizeof(after->calibration));
		after->calibrated_rows = 0;
		after->removed_rows = 0;
		after->removed_since_build = 0;
	}
	after->retired_lists = before->n_lists;
	after->retired_directory_blkno = before->directory_blkno;
	after->retired_center_blkno = before->center_blkno;
	after->retired_codebook_blkno = before->codebook_blkno;
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
 * Make the index as long as the new set asks for, before any page is written: an
 * attempt that finds the disk full has not used up the free pages then.
 */
static void
make_room(const Renewal *renewal, BufferAccessStrategy strategy)
{
	const GvIvfUsed *used = &renewal->used;
	Relation	rel = renewal->before.rel;
	uint32		n_lists = renewal->training.n_lists;
	double		n_rows = renewal->plan ? renewal->plan->n_rows : gv_ivf_count_rows(used, strategy);
	double		n_missing;

	n_missing = gv_ivf_pages_of(&renewal->after.layout, n_rows, n_lists) -
		gv_ivf_count_free(used, strategy);
	for (; n_missing > 0; n_missing--)
	{
		Buffer		buf;
		BlockNumber blkno;

		gv_base_vacuum_delay();
		buf = gv_am_new_buffer(rel, MAIN_FORKNUM);
		blkno = BufferGetBlockNumber(buf);
		UnlockReleaseBuffer(buf);
		RecordFreeIndexPage(rel, blkno);
	}
	IndexFreeSpaceMapVacuum(rel);
}

/*
 * Write a new set of lists, and put it in place.  Returns false if there are too
 * few rows.
 *
 * index: its retired set is gone
 * plan: what is written, or NULL: lists are trained, and all are written
 * given: centroids, or NULL: they are found
 * xid: of this transaction; invalid in VACUUM, which snapshots do not look at
 *
 * The caller keeps all others away who write lists anew.
 */
static bool
renew(const GvIvfIndex *index, Relation heap, BufferAccessStrategy strategy,
	  const GvIvfPlan *plan, const Datum *given, uint32 n_given, FullTransactionId xid)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf training",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	Renewal    *renewal = palloc0(sizeof(Renewal));
	bool		is_trained = true;

	renewal->before = *index;
	renewal->after = *index;
	renewal->heap = heap;
	renewal->plan = plan;
	renewal->index_info = BuildIndexInfo(index->rel);
	/* see the rows that a snapshot sees, and wait for nobody */
	renewal->index_info->ii_Concurrent = true;
	renewal->xid = xid;
	if (plan)
		renewal->training = plan->training;
	else
	{
		renewal->training.given = given;
		renewal->training.n_given = n_given;
		is_trained = train(renewal);
	}
	if (is_trained)
	{
		GV_TEST_POINT("ivf-renew-trained");
		begin_load(renewal);
		/* what an earlier attempt has left could be taken for the new set */
		gv_ivf_used_read(&renewal->used, &renewal->before);
		(void) gv_ivf_free_orphans(&renewal->used, strategy);
		make_room(renewal, strategy);
		renewal->progress = palloc_extended(sizeof(Progress) * renewal->used.current.n_lists,
											MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		for (uint32 list = 0; list < renewal->used.current.n_lists; list++)
			renewal->progress[list].blkno = renewal->used.current.list[list].head;
		gv_ivf_source_begin(&renewal->source, &renewal->before, heap, renewal->index_info);
		renewal->source.skips_seconds = plan == NULL;
		write_set(renewal);
		finish_set(renewal);
		gv_ivf_source_end(&renewal->source);
		IndexFreeSpaceMapVacuum(index->rel);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	return is_trained;
}

/* Should the lists of an index be trained anew? */
static bool
is_due(GvIvfIndex *index, double n_rows)
{
	double		n_lists = index->meta.n_lists - GV_IVF_FIRST_LIST;
	const GvIvfOptions *options = (GvIvfOptions *) index->rel->rd_options;
	double		wanted = (double) gv_ivf_choose_lists(&index->layout, options, n_rows);
	double		n_new = n_rows + (double) index->meta.removed_since_build -
		(double) index->meta.n_rows_at_build;

	if (wanted <= 1 || index->meta.is_given)
		return false;
	return wanted >= MORE_LISTS * n_lists || wanted * FEWER_LISTS <= n_lists ||
		n_new >= NEW_ROWS * n_rows;
}

/* Free what belongs to no set */
static void
free_orphans(GvIvfIndex *index, BufferAccessStrategy strategy)
{
	GvIvfUsed	used;

	gv_ivf_used_read(&used, index);
	gv_ivf_free_orphans(&used, strategy);
	IndexFreeSpaceMapVacuum(index->rel);
}

/* Lists to be written anew */
typedef struct Due
{
	GvIvfIndex *index;
	Relation	heap;
	double		n_rows;
	BufferAccessStrategy strategy;
	bool		is_all;
	bool		is_new;			/* it was done */
} Due;

/* Write lists anew, all of them or some */
static void
renew_due(void *arg)
{
	Due		   *due = arg;
	GvIvfIndex *index = due->index;
	GvIvfPlan	plan;

	/* who reads all lists is not waited for: the next VACUUM may do it */
	if (!ConditionalLockPage(index->rel, GV_IVF_TRAIN_LOCK, ExclusiveLock))
		return;
	if (due->is_all)
		due->is_new = renew(index, due->heap, due->strategy, NULL, NULL, 0,
							InvalidFullTransactionId);
	else
	{
		bool		has_plan = gv_ivf_plan_balance(&plan, index, due->heap, due->n_rows);

		GV_TEST_POINT("ivf-balance-planned");
		due->is_new = has_plan &&
			renew(index, due->heap, due->strategy, &plan, NULL, 0, InvalidFullTransactionId);
	}
	UnlockPage(index->rel, GV_IVF_TRAIN_LOCK, ExclusiveLock);
}

/*
 * Write lists anew, all of them or some, if their rows ask for it.  Where there is
 * no room for that it is left to another VACUUM: this one comes to its end.
 */
static void
renew_if_due(GvIvfIndex *index, Relation heap, double n_rows, BufferAccessStrategy strategy)
{
	Due			due = {index, heap, n_rows, strategy, is_due(index, n_rows)};

	/* those that were measured lately are left as they are */
	if (index->meta.retired_lists > 0 ||
		(!due.is_all && !gv_ivf_calibration_is_stale(&index->meta, n_rows)))
		return;
	if (!gv_am_attempt(renew_due, &due, gv_am_forgives_shortage,
					   psprintf(due.is_all ? "could not train the lists of index \"%s\"" :
								"could not split and merge lists of index \"%s\"",
								RelationGetRelationName(index->rel))))
	{
		gv_ivf_open(index, index->rel);
		free_orphans(index, strategy);
	}
	else if (due.is_new)
		gv_ivf_open(index, index->rel);
}

/*
 * gv_ivf_maintain
 *		Train, balance or calibrate an index if its rows ask for it, at the end of
 *		VACUUM.
 *
 * n_rows: of the index
 * is_guess: it may have fewer
 */
void
gv_ivf_maintain(Relation rel, double n_rows, bool is_guess, BufferAccessStrategy strategy)
{
	GvIvfIndex	index;
	Relation	heap = table_open(IndexGetRelation(RelationGetRelid(rel), false),
								  AccessShareLock);

	gv_ivf_open(&index, rel);
	if (index.meta.retired_lists > 0)
	{
		gv_ivf_drop_retired(&index);
		if (index.meta.retired_lists == 0)
			free_orphans(&index, strategy);
	}
	/* a partial index, or one of a column with nulls, would be trained each time */
	if (is_guess && (is_due(&index, n_rows) || gv_ivf_calibration_is_stale(&index.meta, n_rows)))
	{
		GvIvfUsed	used;

		gv_ivf_used_read(&used, &index);
		n_rows = gv_ivf_count_rows(&used, strategy);
	}
	renew_if_due(&index, heap, n_rows, strategy);
	if (gv_ivf_calibration_is_stale(&index.meta, n_rows))
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
	bool		is_new;

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
	is_new = renew(&index, heap, strategy, NULL, given, n_given, xid);
	gv_ivf_open(&index, rel);
	if (is_new)
		gv_ivf_calibrate(rel, heap, (double) index.meta.n_rows_at_build);
	else
		ereport(NOTICE,
				(errmsg("index \"%s\" has too few rows to divide them into lists",
						RelationGetRelationName(rel)),
				 errdetail("A search reads all of its rows.")));
	FreeAccessStrategy(strategy);
	UnlockPage(rel, GV_IVF_TRAIN_LOCK, ExclusiveLock);
	return (int) (index.meta.n_lists - GV_IVF_FIRST_LIST);
}
