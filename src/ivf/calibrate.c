/*-------------------------------------------------------------------------
 *
 * calibrate.c
 *		How many lists reach which recall.
 *
 * Rows of the table serve as query vectors.  A scan that reads all lists finds
 * the true neighbors, and where the list of each is among those that the query
 * would read: so one scan tells the recall of every number of lists.
 *
 * Copies of a query's row are no neighbors, for they lie in its list: where most
 * rows have copies, such queries would make up for those that are not in the table.
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

/* Copies of a query's row that are passed over, at most; from there on they are its neighbors */
#define MAX_COPIES 1000

/* Rows at the distance of the last neighbor that are looked at beside it, at most */
#define MAX_TIES 100

/* Keys are the same that differ by so much */
#define KEY_TOLERANCE 1e-9

/* A query and where its neighbors are */
typedef struct Trial
{
	Datum		value;
	ItemPointerData tid;		/* of its row, which is left out */
	int			n_true;
	uint32		place[GV_AM_RECALL_MAX_K];	/* by rank: of the neighbor's list */
} Trial;

/* A row that a trial finds */
typedef struct Neighbor
{
	double		key;
	uint32		place;			/* of its list */
} Neighbor;

typedef struct Calibration
{
	Trial	   *trial;
	int			n;
	bool		takes_copies;	/* of query vectors that there are */
	int			n_left;			/* to be taken from the page that is read */
	MemoryContext context;
	const GvAmOpclass *opclass;
	int			dim;
} Calibration;

/* Is a value that of a query vector? */
static bool
is_known(const Calibration *calibration, Datum value)
{
	for (int i = 0; i < calibration->n; i++)
	{
		if (gv_am_values_equal(calibration->trial[i].value, value))
			return true;
	}
	return false;
}

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
	if (gv_am_value_dim(calibration->opclass, trial->value) == calibration->dim &&
		(calibration->takes_copies || !is_known(calibration, trial->value)))
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
	if (calibration->n < MIN_QUERIES && !calibration->takes_copies)
	{
		calibration->takes_copies = true;
		calibration->n = 0;
		choose_queries(calibration, index, heap, n_wanted);
	}
}

static int
compare_neighbors(const void *a, const void *b)
{
	const Neighbor *x = a;
	const Neighbor *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->place < y->place ? -1 : (x->place > y->place ? 1 : 0);
}

/*
 * Find a query's neighbors.
 *
 * Of those at one distance the one whose list comes first is the nearer: any will
 * do for who asks for as many rows as come before the others.
 */
static void
run_trial(IndexScanDesc scan, Trial *trial)
{
	ScanKeyData key;
	Neighbor	found[GV_AM_RECALL_MAX_K + MAX_TIES];
	Neighbor	copy[GV_AM_RECALL_MAX_K];
	int			n = 0;
	int			n_copies = 0;

	memset(&key, 0, sizeof(key));
	key.sk_argument = trial->value;
	gv_ivf_rescan(scan, NULL, 0, &key, 1);
	gv_ivf_scan_read_all(scan, GV_AM_RECALL_MAX_K + 2);
	while (n < lengthof(found) && n_copies < MAX_COPIES &&
		   gv_ivf_get_tuple(scan, ForwardScanDirection))
	{
		Neighbor	neighbor;
		double		own_key;

		CHECK_FOR_INTERRUPTS();
		if (ItemPointerEquals(&scan->xs_heaptid, &trial->tid))
			continue;
		neighbor.place = gv_ivf_scan_place(scan, &neighbor.key, &own_key);
		if (ItemPointerIsValid(&trial->tid) &&
			fabs(neighbor.key - own_key) <= KEY_TOLERANCE * Max(fabs(own_key), 1))
		{
			if (n_copies < lengthof(copy))
				copy[n_copies] = neighbor;
			n_copies++;
			continue;
		}
		if (n >= GV_AM_RECALL_MAX_K && neighbor.key > found[n - 1].key)
			break;
		found[n++] = neighbor;
	}
	if (n_copies >= MAX_COPIES)
		memcpy(found, copy, sizeof(Neighbor) * (n = lengthof(copy)));
	qsort(found, n, sizeof(Neighbor), compare_neighbors);
	trial->n_true = Min(n, GV_AM_RECALL_MAX_K);
	for (int i = 0; i < trial->n_true; i++)
		trial->place[i] = found[i].place;
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
