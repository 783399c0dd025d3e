/*-------------------------------------------------------------------------
 *
 * aim.c
 *		From the recall that is asked for to ef.
 *
 * The calibration says which ef reaches a recall for a query of a difficulty.
 * A search expands the best of its pool first, whatever ef is; so it begins
 * with the ef of the most difficult queries, and when it has expanded enough
 * nodes to know the difficulty goes on with the ef for that.
 *
 * The first search is for as many rows as LIMIT says, or for ten if it is not
 * known; a scan that is asked for more goes on with the ef for more.  Where it
 * is not known ef is 40 at least, and later twice the rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "storage/bufmgr.h"

#include "am/recall.h"
#include "hnsw/aim.h"
#include "hnsw/write.h"

/* Rows that the first search is for, and the search after it */
#define FIRST_K 10
#define SECOND_K 32

/* A search is for so many rows at most; for more it goes on step by step */
#define LAST_K 1000

/* The least ef of scans that do not know how many rows they are for, or cannot change it */
#define LEAST_PLAIN_EF 40

/* Without a calibration: ef for a recall of .8, and how it grows */
#define RULE_EF 40
#define RULE_EXPONENT 0.7

#define MAX_EF (PG_INT32_MAX / 64)

/*
 * An ef that was set asks for what so many candidates find if their distances
 * are known.  Codes tell them with an error, and more candidates make up for
 * it: so many times the root of ef more, see MEASUREMENTS.md.
 */
#define MORE_BY_CODES 10

/* Places a row are noted in units of this part */
#define PLACE_UNIT 256

/* Rows of one vector are counted when so many nodes are expanded, and at the end */
#define COUNT_EXPANSIONS 8

/* Rows share vectors where there are fewer places a row than this */
#define PLACES_WITHOUT_DUPLICATES 0.8

/*
 * ef grows with a power of the number of rows; where it is large for so many
 * rows, data are hard, and it grows faster.  Fitted to the calibrations of
 * three sets at four sizes each, see MEASUREMENTS.md.
 */
#define GROWTH_EASY_EF 12
#define GROWTH_LEAST_EXPONENT 0.12
#define GROWTH_EXPONENT 2.0
#define GROWTH_MAX_EXPONENT 0.8

/* That is a rule, not measured: searches take so many times more, when rows have grown so */
#define UNMEASURED_MARGIN 1.5

/* The recall that a search for neighbors aims at, and its cost in ef_construction */
#define LINKING_RECALL 0.95
#define MAX_LINKING_FACTOR 4

/*
 * gv_hnsw_aim_count_places
 *		Return how many places for nodes there are a row, as the metapage notes
 *		it with a calibration.
 */
uint16
gv_hnsw_aim_count_places(const GvHnswIndex *index, double n_rows)
{
	double		places = (double) RelationGetNumberOfBlocks(index->rel) *
		index->layout.nodes_per_page;
	double		units = rint(PLACE_UNIT * places / Max(n_rows, 1));

	return units <= PG_UINT16_MAX ? (uint16) units : 0;
}

/*
 * gv_hnsw_aim_rows_now
 *		Return how many rows an index has now, by its calibration.
 *
 * Places tell how many have come: those that others have left are there already.
 */
double
gv_hnsw_aim_rows_now(const GvHnswMetaPageData *meta, Relation rel)
{
	if (meta->calibrated_places == 0)
		return (double) meta->calibrated_rows;
	return (double) RelationGetNumberOfBlocks(rel) * meta->nodes_per_page *
		PLACE_UNIT / meta->calibrated_places;
}

/* How many times the rows of the calibration an index has, 1 at least */
static double
grown_times(const GvHnswMetaPageData *meta, Relation rel)
{
	double		rows = (double) meta->calibrated_rows;

	if (meta->calibration.n_buckets == 0 || rows < 2)
		return 1;
	return Max(gv_hnsw_aim_rows_now(meta, rel) / rows, 1);
}

/* By how much ef grows when the rows are so many times as many */
static double
ef_growth(const GvHnswMetaPageData *meta, double times, double target)
{
	double		exponent;

	if (times <= 1)
		return 1;
	exponent = GROWTH_EXPONENT / log((double) meta->calibrated_rows) *
		log((double) gv_hnsw_aim_mean_ef(meta, target) / GROWTH_EASY_EF);
	exponent = GROWTH_LEAST_EXPONENT + Max(exponent, 0);
	return pow(times, Min(exponent, GROWTH_MAX_EXPONENT));
}

/*
 * gv_hnsw_aim_growth
 *		Return by how much the ef of searches must be larger for the rows that have
 *		come since the calibration.
 */
double
gv_hnsw_aim_growth(const GvHnswMetaPageData *meta, Relation rel, double target)
{
	double		times = grown_times(meta, rel);

	return ef_growth(meta, times, target) * Min(times, UNMEASURED_MARGIN);
}

/*
 * The ef that reaches a recall for the k nearest rows.
 *
 * bucket: of the query
 *
 * Without a calibration a rule must do, on the safe side for most data.
 */
static double
measured_ef(const GvHnswMetaPageData *meta, double target, int k, int bucket)
{
	if (meta->calibration.n_buckets > 0)
		return gv_am_recall_ef(&meta->calibration, target, k, bucket);
	return RULE_EF * pow(0.2 / (1 - target), RULE_EXPONENT) * Max(k, FIRST_K) / FIRST_K;
}

/*
 * The ef of a search for the k nearest rows.
 *
 * growth: see gv_hnsw_aim_growth
 */
static int
ef_for(const GvHnswMetaPageData *meta, double target, int k, int bucket, double growth)
{
	double		ef = ceil(measured_ef(meta, target, k, bucket) * growth);

	return (int) Min(Max(ef, k), MAX_EF);
}

/* The same for queries of all buckets: the least ef, the largest, the mean */
static void
ef_for_all(const GvHnswMetaPageData *meta, double target, int k, double growth,
		   int *least, int *largest, int *mean)
{
	int			n_buckets = Max(meta->calibration.n_buckets, 1);
	int64		sum = 0;

	*least = MAX_EF;
	*largest = 0;
	for (int b = 0; b < n_buckets; b++)
	{
		int			ef = ef_for(meta, target, k, b, growth);

		*least = Min(*least, ef);
		*largest = Max(*largest, ef);
		sum += ef;
	}
	*mean = (int) (sum / n_buckets);
}

/* The candidates of a search for which ef was set */
static int
widen_set_ef(const GvHnswMetaPageData *meta, int ef)
{
	return meta->padded_dim == 0 ? ef : ef + (int) (MORE_BY_CODES * sqrt(ef));
}

/* Places for nodes that an index has, about */
static double
count_slots(const GvHnswIndex *index)
{
	return (double) RelationGetNumberOfBlocks(index->rel) * index->layout.nodes_per_page;
}

/*
 * gv_hnsw_aim_begin
 *		Set what a scan aims at; returns its first ef.
 *
 * limit: rows that will be asked for; 0: not known
 * be_plain: the scan cannot change ef by a calibration
 */
int
gv_hnsw_aim_begin(GvHnswAim *aim, const GvHnswIndex *index, int64 limit, bool be_plain)
{
	int			ef = gv_hnsw_option_ef_search(index->rel, &aim->target);
	int			least;
	int			largest;
	int			mean;

	aim->k = aim->n_rows = (int) (limit > 0 ? Min(limit, LAST_K) : FIRST_K);
	aim->bucket = 0;
	aim->least_ef = 0;
	if (ef > 0)
	{
		aim->target = 0;
		aim->k = Min(aim->k, ef);
		return widen_set_ef(&index->meta, ef);
	}
	aim->growth = gv_hnsw_aim_growth(&index->meta, index->rel, aim->target);
	ef_for_all(&index->meta, aim->target, aim->k, aim->growth, &least, &largest, &mean);
	aim->least_ef = limit > 0 && !be_plain ? 0 : LEAST_PLAIN_EF;
	if (!be_plain)
	{
		double		sweep_ef = floor(gv_hnsw_aim_largest_ef(count_slots(index))) + 1;

		/* no pool is larger: a query that needs more takes a sweep */
		return Max((int) Min(largest, sweep_ef), aim->least_ef);
	}
	aim->target = 0;
	return Max(mean, aim->least_ef);
}

/* Do many rows have the vector of another? */
static bool
has_duplicates(const GvHnswMetaPageData *meta)
{
	return meta->calibrated_places > 0 &&
		meta->calibrated_places < PLACES_WITHOUT_DUPLICATES * PLACE_UNIT;
}

/* Count the rows of a node, no more than are wanted */
static int
count_rows(GvHnswIndex *ix, const GvHnswFound *found, int n_wanted)
{
	ItemPointerData tids[GV_HNSW_CHUNK_TIDS];
	uint32		chunk = found->tid_chunk;
	int64		n_chunks = 0;
	int			n = ItemPointerIsValid(&found->tid) ? 1 : 0;

	while (n < n_wanted && chunk != GV_HNSW_INVALID_ID)
		n += gv_hnsw_read_chunk(ix, &n_chunks, &chunk, found->id, tids);
	return Min(n, n_wanted);
}

static int
compare_found(const void *a, const void *b)
{
	const GvHnswFound *x = *(GvHnswFound *const *) a;
	const GvHnswFound *y = *(GvHnswFound *const *) b;

	return x->key < y->key ? -1 : (x->key > y->key ? 1 : 0);
}

/*
 * How many nodes have the rows that a scan is for, by those found.
 *
 * The calibration counts nodes, a query rows.
 */
static int
count_nodes(const GvHnswAim *aim, const GvHnswSearch *search)
{
	GvHnswIndex *ix = search->index;
	const GvHnswFound **found;
	int64		n_found = 0;
	int			n_rows = 0;
	int			n = 0;

	if (aim->n_rows > GV_AM_RECALL_MAX_K)
		return aim->n_rows;
	found = palloc(sizeof(GvHnswFound *) * Max(search->n_found, 1));
	for (int64 i = 0; i < search->n_found; i++)
	{
		if (search->found[i].state == GV_HNSW_NODE_LIVE)
			found[n_found++] = &search->found[i];
	}
	qsort(found, n_found, sizeof(GvHnswFound *), compare_found);
	while (n < n_found && n_rows < aim->n_rows)
		n_rows += count_rows(ix, found[n++], aim->n_rows - n_rows);
	pfree(found);
	if (n_rows == 0)
		return aim->n_rows;
	return (int) Min((int64) n * aim->n_rows / n_rows, aim->n_rows);
}

/*
 * gv_hnsw_aim_narrow
 *		Find out how difficult the query is; returns the ef to go on with.
 *
 * search: seeded, nothing is expanded
 * ef: of the search
 */
int
gv_hnsw_aim_narrow(GvHnswAim *aim, const GvHnswMetaPageData *meta, GvHnswSearch *search,
				   int ef)
{
	int			least;
	int			largest;
	int			mean;

	if (aim->target == 0 || meta->calibration.n_buckets < 2)
		return ef;
	if (has_duplicates(meta))
	{
		(void) gv_hnsw_search_run_until(search, COUNT_EXPANSIONS);
		aim->k = count_nodes(aim, search);
	}
	ef_for_all(meta, aim->target, aim->k, aim->growth, &least, &largest, &mean);
	if (least < largest && largest > GV_HNSW_PROBE_EXPANSIONS)
	{
		aim->bucket = gv_am_recall_bucket(&meta->calibration, gv_hnsw_search_probe(search));
		largest = ef_for(meta, aim->target, aim->k, aim->bucket, aim->growth);
	}
	ef = Min(Max(largest, aim->least_ef), ef);
	if (ef < search->pool.capacity)
		gv_hnsw_search_narrow(search, ef);
	return ef;
}

/*
 * gv_hnsw_aim_widen
 *		Find out whether the query is unlike the rows; returns the ef to go on with.
 *
 * search: has run
 * ef: of the search
 *
 * How far its neighbors are is known now, while the first nodes expanded may be
 * on the way yet.
 */
int
gv_hnsw_aim_widen(GvHnswAim *aim, const GvHnswMetaPageData *meta,
				  const GvHnswSearch *search, int ef)
{
	double		factor;

	if (aim->target == 0)
		return ef;
	if (has_duplicates(meta))
		aim->k = Max(aim->k, count_nodes(aim, search));
	factor = gv_am_recall_strangeness(&meta->calibration,
									  gv_hnsw_search_difficulty(search, search->n_found));
	aim->growth *= factor;
	return Max(ef, ef_for(meta, aim->target, aim->k, aim->bucket, aim->growth));
}

/*
 * gv_hnsw_aim_ef
 *		Return the ef that so many rows take.
 */
int
gv_hnsw_aim_ef(const GvHnswAim *aim, const GvHnswMetaPageData *meta, int64 n_rows)
{
	int			k = (int) Min(n_rows, MAX_EF / 2);

	return aim->target > 0 ? ef_for(meta, aim->target, k, aim->bucket, aim->growth) : 2 * k;
}

/*
 * gv_hnsw_aim_raise
 *		Return the ef for more rows.
 *
 * ef: the present one
 */
int
gv_hnsw_aim_raise(GvHnswAim *aim, const GvHnswMetaPageData *meta, int ef)
{
	int			next;

	if (aim->target == 0)
		return Min(ef * 2, MAX_EF);

	next = ef_for(meta, aim->target, GV_AM_RECALL_MAX_K, aim->bucket, aim->growth);
	if (aim->k < FIRST_K)
		aim->k = FIRST_K;
	else if (aim->k < SECOND_K && next > 2 * ef)
		aim->k = SECOND_K;
	else if (aim->k < GV_AM_RECALL_MAX_K)
		aim->k = GV_AM_RECALL_MAX_K;
	else
		aim->k = Min(aim->k * 2, MAX_EF);
	next = ef_for(meta, aim->target, aim->k, aim->bucket, aim->growth);

	/* whoever reads on and on minds rows that come late, at the end */
	if (aim->least_ef > 0)
		next = Max(next, Min(aim->k, MAX_EF / 2) * 2);
	return Min(Max(next, ef + ef / 4), MAX_EF);
}

/*
 * gv_hnsw_aim_mean_ef
 *		Return the ef for a recall of the first rows, on average over queries, as
 *		it was calibrated.
 */
int
gv_hnsw_aim_mean_ef(const GvHnswMetaPageData *meta, double target)
{
	int			n_buckets = Max(meta->calibration.n_buckets, 1);
	double		sum = 0;

	for (int b = 0; b < n_buckets; b++)
		sum += Max(measured_ef(meta, target, FIRST_K, b), FIRST_K);
	return (int) (sum / n_buckets);
}

/*
 * gv_hnsw_aim_linking_ef
 *		Return the ef of a search for the neighbors of a new node.
 *
 * A build compares points, an insert goes by codes: where rows are hard to tell
 * apart it must look at more to find as good neighbors.
 */
int
gv_hnsw_aim_linking_ef(const GvHnswIndex *index)
{
	const GvHnswMetaPageData *meta = &index->meta;
	int			ef = meta->ef_construction;
	double		wanted;

	if (meta->calibration.n_buckets == 0 || meta->padded_dim == 0)
		return ef;
	wanted = gv_hnsw_aim_mean_ef(meta, LINKING_RECALL) *
		ef_growth(meta, grown_times(meta, index->rel), LINKING_RECALL);
	return (int) Min(Max(ef, wanted), ef * MAX_LINKING_FACTOR);
}

/*
 * gv_hnsw_aim_planned_ef
 *		Return the ef that scans of an index have on average, for the planner.
 *
 * n_rows: that the scan is for
 */
int
gv_hnsw_aim_planned_ef(Relation index, double n_rows)
{
	double		target;
	int			ef = gv_hnsw_option_ef_search(index, &target);
	GvHnswMetaPageData meta = {0};
	int			least;
	int			largest;
	Buffer		buf;
	Page		page;

	buf = gv_am_read_buffer(gv_am_hints(index), index, GV_HNSW_META_BLKNO);
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buf);
	if (gv_hnsw_page_is(page, GV_HNSW_PAGE_META))
		memcpy(&meta, gv_hnsw_page_meta(page), sizeof(meta));
	UnlockReleaseBuffer(buf);

	/* whoever scans a damaged index is told */
	if (meta.version != GV_HNSW_VERSION ||
		meta.calibration.n_buckets > GV_AM_RECALL_MAX_BUCKETS)
		meta.calibration.n_buckets = 0;
	if (ef > 0)
		return widen_set_ef(&meta, ef);
	ef_for_all(&meta, target, (int) Max(Min(n_rows, LAST_K), 1),
			   gv_hnsw_aim_growth(&meta, index, target), &least, &largest, &ef);
	return ef;
}

/*
 * gv_hnsw_aim_largest_ef
 *		Return the ef beyond which a target is not searched for.
 *
 * n_nodes: of the index, about
 */
double
gv_hnsw_aim_largest_ef(double n_nodes)
{
	return Max(n_nodes / GV_HNSW_SWEEP_FRACTION, GV_HNSW_CALIBRATION_FIRST_EF);
}

/*
 * gv_hnsw_aim_needs_sweep
 *		Whether a scan had better sweep than search for what it aims at: no
 *		calibration has tried such an ef, and a pool so large among so few nodes
 *		holds each of them many times.
 *
 * ef: as the aim has it
 */
bool
gv_hnsw_aim_needs_sweep(const GvHnswAim *aim, const GvHnswIndex *index, int ef)
{
	return aim->target > 0 && ef > gv_hnsw_aim_largest_ef(count_slots(index));
}
