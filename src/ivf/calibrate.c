/*-------------------------------------------------------------------------
 *
 * calibrate.c
 *		How many lists reach which recall.
 *
 * Rows of the table serve as query vectors.  A scan that reads all lists finds
 * the true neighbors, and where the list of each is among those that the query
 * would read: so one scan tells the recall of every number of lists.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "am/recall.h"
#include "am/testpoint.h"
#include "am/xlog.h"
#include "base/compat.h"
#include "ivf/calibrate.h"
#include "ivf/index.h"
#include "ivf/ivf.h"

/* Query vectors, at most */
#define N_QUERIES 128

/* Rows read by all scans together, at most, and queries at least */
#define MAX_ROWS_READ 2e8
#define MIN_QUERIES 16

/* Fewer lists than this need no calibration */
#define MIN_LISTS 4

/* The mean recall, less so many standard errors, must reach the level */
#define STANDARD_ERRORS 1.0

/* Calibrate anew when the rows have changed by this part */
#define STALE_FRACTION 0.2

/* A query and where its neighbors are */
typedef struct Trial
{
	Datum		value;
	ItemPointerData tid;		/* of its row, which is left out */
	int			n_true;
	uint32		place[GV_AM_RECALL_MAX_K];	/* by rank: of the neighbor's list */
} Trial;

typedef struct Calibration
{
	Trial	   *trial;
	int			n;
	int			n_left;			/* to be taken from the page that is read */
	MemoryContext context;
	const GvAmOpclass *opclass;
	int			dim;
} Calibration;

/* Take the first rows of a page as query vectors */
static void
take_query(Relation rel, ItemPointer tid, Datum *values, bool *isnull, bool tuple_is_alive,
		   void *state)
{
	Calibration *calibration = state;
	MemoryContext old_context;
	Trial	   *trial;

	if (isnull[0] || !tuple_is_alive || calibration->n_left == 0)
		return;
	old_context = MemoryContextSwitchTo(calibration->context);
	trial = &calibration->trial[calibration->n];
	trial->value = PointerGetDatum(PG_DETOAST_DATUM_COPY(values[0]));
	trial->tid = *tid;
	trial->n_true = 0;
	if (gv_am_value_dim(calibration->opclass, trial->value) == calibration->dim)
	{
		calibration->n++;
		calibration->n_left--;
	}
	MemoryContextSwitchTo(old_context);
}

/* Choose n_wanted rows at most, of pages evenly spread */
static void
choose_queries(Calibration *calibration, Relation index, Relation heap, int n_wanted)
{
	BlockNumber n_blocks = RelationGetNumberOfBlocks(heap);
	BlockNumber n_taken = Min(n_blocks, n_wanted);
	IndexInfo  *index_info = BuildIndexInfo(index);

	/* see the rows that a snapshot sees, and wait for nobody */
	index_info->ii_Concurrent = true;
	for (BlockNumber i = 0; i < n_taken; i++)
	{
		CHECK_FOR_INTERRUPTS();
		calibration->n_left = n_wanted / n_taken;
		table_index_build_range_scan(heap, index, index_info, false, false, false,
									 (BlockNumber) ((uint64) i * n_blocks / n_taken), 1,
									 take_query, calibration, NULL);
	}
}

/* Find a query's neighbors */
static void
run_trial(IndexScanDesc scan, Trial *trial)
{
	ScanKeyData key;

	memset(&key, 0, sizeof(key));
	key.sk_argument = trial->value;
	gv_ivf_rescan(scan, NULL, 0, &key, 1);
	gv_ivf_scan_read_all(scan, GV_AM_RECALL_MAX_K + 1);
	while (trial->n_true < GV_AM_RECALL_MAX_K && gv_ivf_get_tuple(scan, ForwardScanDirection))
	{
		CHECK_FOR_INTERRUPTS();
		if (!ItemPointerEquals(&scan->xs_heaptid, &trial->tid))
			trial->place[trial->n_true++] = gv_ivf_scan_place(scan);
	}
}

/* The least number of lists whose recall of k rows reaches a level */
static int
fit_level(const Calibration *calibration, int k, double level, int n_lists, int least)
{
	for (int probes = least; probes < n_lists; probes = Max(probes + 1, probes * 1.05))
	{
		double		sum = 0;
		double		sum2 = 0;
		int			n = 0;
		double		mean;
		double		variance;

		for (int i = 0; i < calibration->n; i++)
		{
			const Trial *trial = &calibration->trial[i];
			int			n_found = 0;
			double		recall;

			if (trial->n_true < k)
				continue;
			for (int j = 0; j < k; j++)
				n_found += trial->place[j] < (uint32) probes;
			recall = (double) n_found / k;
			sum += recall;
			sum2 += recall * recall;
			n++;
		}
		if (n == 0)
			break;
		mean = sum / n;
		variance = Max(sum2 / n - mean * mean, 0);
		if (mean - STANDARD_ERRORS * sqrt(variance / n) >= level)
			return probes;
	}
	return n_lists;
}

static void
fit_table(const Calibration *calibration, int n_lists, GvAmRecallTable *table)
{
	memset(table, 0, sizeof(*table));
	table->n_buckets = 1;
	table->n_trials = calibration->n;
	for (int i = 0; i < GV_AM_RECALL_N_KS; i++)
	{
		int			least = 1;

		for (int level = 0; level < GV_AM_RECALL_N_LEVELS; level++)
		{
			least = fit_level(calibration, gv_am_recall_k[i], gv_am_recall_level[level],
							  n_lists, least);
			table->ef[i][level][0] = (uint16) Min(least, PG_UINT16_MAX);
		}
	}
}

static void
store_table(Relation index, const GvAmRecallTable *table, double n_rows)
{
	Buffer		buf = ReadBuffer(index, GV_IVF_META_BLKNO);
	GvXlog	   *xlog;
	GvIvfMetaPage meta;

	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	xlog = gv_xlog_begin(index);
	meta = gv_ivf_page_meta(gv_xlog_page(xlog, buf));
	meta->calibration = *table;
	meta->calibrated_rows = (uint64) n_rows;
	meta->removed_rows = 0;
	gv_xlog_finish(xlog);
	UnlockReleaseBuffer(buf);
}

/* Run the trials, and keep what they tell; false if there are too few */
static bool
finish_calibration(Calibration *calibration, GvIvfIndex *ix, Relation heap, double n_rows)
{
	GvAmRecallTable table;
	IndexScanDesc scan;

	if (calibration->n < MIN_QUERIES)
		return false;
	scan = gv_ivf_begin_scan(ix->rel, 0, 1);
	scan->heapRelation = heap;
	scan->xs_snapshot = RegisterSnapshot(GetTransactionSnapshot());
	for (int i = 0; i < calibration->n; i++)
		run_trial(scan, &calibration->trial[i]);
	UnregisterSnapshot(scan->xs_snapshot);
	gv_ivf_end_scan(scan);
	fit_table(calibration, ix->meta.n_lists - GV_IVF_FIRST_LIST, &table);
	GV_TEST_POINT("ivf-calibrate-store");
	store_table(ix->rel, &table, n_rows);
	return true;
}

/*
 * gv_ivf_calibrate
 *		Measure how many lists reach which recall, and keep it in the metapage.
 *
 * n_rows: of the index
 */
void
gv_ivf_calibrate(Relation index, Relation heap, double n_rows)
{
	GvIvfIndex	ix;
	Calibration calibration = {0};
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf calibration",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	int			n_lists;
	int			n_wanted;

	gv_ivf_open(&ix, index);
	n_lists = ix.meta.n_lists - GV_IVF_FIRST_LIST;
	n_wanted = (int) Max(Min(MAX_ROWS_READ / Max(n_rows, 1), N_QUERIES), MIN_QUERIES);
	if (n_lists >= MIN_LISTS)
	{
		calibration.trial = palloc(sizeof(Trial) * N_QUERIES);
		calibration.context = context;
		calibration.opclass = ix.opclass;
		calibration.dim = ix.meta.dim;
		choose_queries(&calibration, index, heap, n_wanted);
	}
	(void) finish_calibration(&calibration, &ix, heap, n_rows);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
}

/*
 * gv_ivf_calibrate_queries
 *		Calibrate an index with a user's queries.
 *
 * values: Datum[n_queries], detoasted; NULL: rows of the index
 */
void
gv_ivf_calibrate_queries(Relation index, Relation heap, const Datum *values, int n_queries)
{
	GvIvfIndex	ix;
	Calibration calibration = {0};
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf calibration",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);

	gv_ivf_open(&ix, index);
	if (values && n_queries < MIN_QUERIES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot calibrate index \"%s\" with fewer than %d queries",
						RelationGetRelationName(index), MIN_QUERIES),
				 errdetail_plural("There is %d query vector.", "There are %d query vectors.",
								  n_queries, n_queries)));
	n_queries = Max(n_queries, MIN_QUERIES);
	calibration.trial = palloc0(sizeof(Trial) * n_queries);
	calibration.context = context;
	calibration.opclass = ix.opclass;
	calibration.dim = ix.meta.dim;
	if (values == NULL)
		choose_queries(&calibration, index, heap, n_queries);
	for (int i = 0; values && i < n_queries; i++)
	{
		gv_am_check_dim(ix.opclass, values[i], ix.meta.dim);
		calibration.trial[i].value = values[i];
		ItemPointerSetInvalid(&calibration.trial[i].tid);
		calibration.n++;
	}
	if (!finish_calibration(&calibration, &ix, heap, index->rd_rel->reltuples))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" has too few rows to be calibrated",
						RelationGetRelationName(index)),
				 errdetail("It takes %d rows.", MIN_QUERIES)));
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
}

/*
 * gv_ivf_calibration_is_stale
 *		Have the rows of an index changed much since it was calibrated?
 */
bool
gv_ivf_calibration_is_stale(const GvIvfMetaPageData *meta, double n_rows)
{
	double		before = (double) meta->calibrated_rows;

	return meta->calibration.n_buckets == 0 ||
		fabs(n_rows - before) + (double) meta->removed_rows > STALE_FRACTION * before;
}
