/*-------------------------------------------------------------------------
 *
 * calibrate.c
 *		Measuring which ef reaches which recall.
 *
 * Some nodes serve as query vectors, each without itself: it is neither
 * expanded nor counted, and the graph is searched as if it had never been there,
 * see bypass.c.  The truth comes from one pass over all nodes.  A search expands
 * the best of the pool first, whatever ef is, so one search until all true
 * neighbors are found tells for each of them the least ef with which it is found.
 *
 * All that is needed is in the index: no row is fetched, whoever sees it.  In a
 * build its processes share the work, nodes first and searches then.  What comes
 * out does not depend on their number.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "commands/progress.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "am/progress.h"
#include "am/recall.h"
#include "am/routine.h"
#include "am/xlog.h"
#include "base/compat.h"
#include "hnsw/aim.h"
#include "hnsw/build.h"
#include "hnsw/bypass.h"
#include "hnsw/calibrate.h"
#include "hnsw/hnsw.h"
#include "hnsw/node.h"
#include "hnsw/question.h"
#include "hnsw/search.h"
#include "hnsw/vectors.h"

/*
 * Query vectors.  With 256 the recall of the ten nearest is known to about .006
 * at .95; finding the truth for them takes two hundredths of a build's time.
 * There are twice as many where they are of two kinds, where vectors are so short
 * that distances cost little, and without codes, where a search finds all or
 * nothing of what lies together more often.
 */
#define N_QUERIES 256
#define SHORT_DIMS 64

/* Fewer query vectors, or fewer nodes, tell nothing */
#define MIN_QUERIES GV_HNSW_MIN_CALIBRATION_QUERIES
#define MIN_NODES 256

/* The part of maintenance_work_mem for query vectors is one in so many */
#define MEMORY_PART 4

/*
 * The last ef of a search, each of which is four times the one before; that, or
 * what a scan sweeps beyond
 */
#define LAST_EF 4096

/*
 * All searches together expand no more than so many nodes for each node of the
 * index, of which linking one takes about 300, and these at first
 */
#define EXPANSIONS_PER_NODE 4
#define FREE_EXPANSIONS 40000

/* One search of six is for all true neighbors, the others for the nearest */
#define MANY_EVERY 6
#define FEW_K 10

/*
 * So many trials make another bucket, four buckets at most; seven where queries
 * are of another kind than rows, and may all be of one of them
 */
#define TRIALS_PER_BUCKET 24
#define MAX_BUCKETS 4
#define MAX_MIXED_BUCKETS 7

/* A calibration is stale when the number of rows has changed by this part */
#define STALE_PART 0.2

/* Blocks of nodes that a process takes at once */
#define BLOCKS_PER_ITEM 32

/*
 * With less maintenance_work_mem the processes of a build do not share the
 * work: what each of them needs for searching comes to what the graph has.
 */
#define MIN_SHARING_MEMORY (32 * 1024)

/* True neighbors, or what a process knows of them, nearest first */
typedef struct Truth
{
	int			n;
	uint32		id[GV_AM_RECALL_MAX_K];
	float		key[GV_AM_RECALL_MAX_K];
} Truth;

/* What the processes of a build share; arrays follow */
typedef struct Shared
{
	int			n_questions;
	int			n_places;		/* for what a process knows of the truth */
	pg_atomic_uint32 n_taken;	/* of them */
	pg_atomic_uint64 n_nodes;	/* counted for the truth */
	pg_atomic_uint64 n_expanded;	/* in all searches that have ended */
} Shared;

typedef struct GvHnswCalibration
{
	GvHnswIndex ix;
	MemoryContext context;		/* of all of it */
	MemoryContext search_context;	/* reset for each search */
	bool		show_progress;
	GvHnswQuestion *question;
	int			n_questions;
	Shared	   *shared;			/* in one process palloc'd */
	float	   *point;			/* float[n_questions][padded_dim], shared */
	uint32	   *question_id;	/* uint32[n_questions], shared */
	Truth	   *truths;			/* Truth[n_places][n_questions], shared */
	Truth	   *truth;			/* Truth[n_questions], of this process; NULL at first */
	GvAmTrial  *trial;			/* GvAmTrial[n_questions], shared */
	int64	   *n_expanded;		/* int64[n_questions], shared: in each search */
	int64		may_expand;		/* nodes, in all searches together */
	int64		max_expand;		/* whatever the number of nodes */

	/* nodes to be compared */
	GvHnswSearch reader;
	GvAmProbe	probe;			/* without codes: of one of them */
	BufferAccessStrategy strategy;
	float	   *own;			/* float[own_dims], of a node */

	/*
	 * Query vectors, and last that node, rounded to bytes: so it is told cheaply
	 * of most nodes that they are too far.
	 */
	GvHnswPoints rounded;
	uint32	   *numbers;		/* uint32[n_questions]: 0, 1, ... */
	float	   *rounded_key;	/* float[n_questions]: of them and the node */
	float	   *error;			/* float[n_questions]: norm of what rounding took */
	float	   *norm2;			/* float[n_questions] */
	float	   *last_key;		/* float[n_questions]: of the last of many true neighbors, or
								 * infinity */
	uint32	   *near;			/* uint32[n_questions + 1]: numbers */
} Calibration;

static void
show_done(const Calibration *calibration, int64 done)
{
	if (calibration->show_progress)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, done);
}

/* Choose rows as query vectors */
static void
choose(Calibration *calibration, int n)
{
	calibration->n_questions = gv_hnsw_choose_questions(&calibration->ix, calibration->context,
														calibration->question, n);
}

/* --- truth --------------------------------------------------------------- */

/* Is a node farther than another?  Equal keys are ordered, too. */
static inline bool
is_farther(float key, uint32 id, float other_key, uint32 other_id)
{
	return key > other_key || (key == other_key && id > other_id);
}

/* Offer a node to the true neighbors of a query vector */
static inline void
offer(Truth *truth, uint32 id, float key)
{
	int			last = GV_AM_RECALL_MAX_K - 1;
	int			i;

	if (truth->n > last && !is_farther(truth->key[last], truth->id[last], key, id))
		return;
	i = truth->n > last ? last : truth->n++;
	for (; i > 0 && is_farther(truth->key[i - 1], truth->id[i - 1], key, id); i--)
	{
		truth->key[i] = truth->key[i - 1];
		truth->id[i] = truth->id[i - 1];
	}
	truth->key[i] = key;
	truth->id[i] = id;
}

/*
 * Note the query vectors from which a node with codes may not be too far; returns
 * how many they are.
 *
 * Bounds first, all of them, in a loop that compilers turn into vectors.
 */
static int
find_near(Calibration *calibration, const GvHnswPointHead *head, float bias, float factor)
{
	int			n = calibration->n_questions;
	const float *error = calibration->error;
	const float *norm2 = calibration->norm2;
	const float *last_key = calibration->last_key;
	float	   *key = calibration->rounded_key;
	float		own_error = head->error;
	float		own_norm2 = head->norm2;
	int			n_near = 0;

	for (int i = 0; i < n; i++)
	{
		float		bound = (last_key[i] - bias) / factor;
		float		reach = sqrtf(bound > 0.0f ? bound : 0.0f) + own_error + error[i];

		/* no node is given up that has a place, however sums are rounded */
		key[i] -= reach * reach + (own_norm2 + norm2[i] + reach * reach) * (FLT_EPSILON * 16);
	}
	for (int i = 0; i < n; i++)
	{
		calibration->near[n_near] = i;
		n_near += !(key[i] > 0);
	}
	return n_near;
}

/*
 * Offer a node with codes to all query vectors; its own vector is there already.
 *
 * Points that were rounded are as far from each other as before but for what
 * rounding took from both: a node that is too far even so is looked at no more.
 */
static void
offer_point(Calibration *calibration, uint32 id, float bias)
{
	const GvHnswLayout *layout = &calibration->ix.layout;
	const GvHnswPoints *rounded = &calibration->rounded;
	const GvHnswPointHead *head = gv_hnsw_point_head(rounded, calibration->n_questions);
	float		factor = (float) layout->padded_dim / layout->own_dims;
	int			n_near;

	gv_hnsw_point_encode(rounded, calibration->n_questions, calibration->own);
	gv_hnsw_points_keys(rounded, calibration->n_questions, calibration->numbers,
						calibration->n_questions, calibration->rounded_key);
	n_near = find_near(calibration, head, bias, factor);
	for (int i = 0; i < n_near; i++)
	{
		uint32		number = calibration->near[i];
		const GvHnswQuestion *question = &calibration->question[number];
		Truth	   *truth = &calibration->truth[number];

		if (id == question->id)
			continue;
		offer(truth, id, bias + factor *
			  gv_kernels->l2_squared_f32(question->z, calibration->own, layout->own_dims));
		if (truth->n == GV_AM_RECALL_MAX_K)
			calibration->last_key[number] = truth->key[truth->n - 1];
	}
}

/* Offer the nodes of a page, a copy, to all query vectors; returns how many there are */
static int
offer_page(Calibration *calibration, Page page, BlockNumber blkno)
{
	GvHnswIndex *ix = &calibration->ix;
	const GvHnswLayout *layout = &ix->layout;
	int			n_nodes = 0;

	for (int slot = 0; slot < layout->nodes_per_page; slot++)
	{
		GvHnswNode	node = gv_hnsw_page_node(ix, page, slot);
		uint32		id = gv_hnsw_make_id(layout, blkno, slot);

		if (node == NULL || node->state != GV_HNSW_NODE_LIVE)
			continue;
		n_nodes++;
		if (gv_hnsw_layout_has_codes(layout))
		{
			gv_hnsw_node_get_own(layout, node, calibration->own);
			offer_point(calibration, id, node->u.key_bias);
		}
		else
		{
			gv_am_probe_set(&calibration->probe,
							gv_hnsw_node_value(&calibration->reader, node));
			for (int i = 0; i < calibration->n_questions; i++)
			{
				GvHnswQuestion *question = &calibration->question[i];

				if (id != question->id)
					offer(&calibration->truth[i], id,
						  gv_am_probe_key(&calibration->probe, question->value));
			}
		}
	}
	return n_nodes;
}

/* Prepare a process for finding the true neighbors */
static void
begin_truth(Calibration *calibration)
{
	int			own_dims = calibration->ix.layout.own_dims;
	int			n = calibration->n_questions;
	uint32		place = pg_atomic_fetch_add_u32(&calibration->shared->n_taken, 1);

	Assert(place < calibration->shared->n_places);
	calibration->truth = calibration->truths + (Size) place * n;
	for (int i = 0; i < n; i++)
		calibration->truth[i].n = 0;
	gv_hnsw_search_init(&calibration->reader, &calibration->ix, calibration->context, 1);
	gv_am_probe_init(&calibration->probe, calibration->ix.opclass, calibration->context);
	calibration->strategy = GetAccessStrategy(BAS_BULKREAD);
	if (own_dims == 0)
		return;
	calibration->own = palloc(sizeof(float) * own_dims);
	calibration->rounded.dims = own_dims;
	gv_hnsw_points_place(&calibration->rounded, palloc(GV_HNSW_POINTS_SIZE(n + 1, own_dims)),
						 n + 1);
	calibration->numbers = palloc(sizeof(uint32) * n);
	calibration->rounded_key = palloc(sizeof(float) * n);
	calibration->error = palloc(sizeof(float) * n);
	calibration->norm2 = palloc(sizeof(float) * n);
	calibration->last_key = palloc(sizeof(float) * n);
	calibration->near = palloc(sizeof(uint32) * (n + 1));
	for (int i = 0; i < n; i++)
	{
		const GvHnswPointHead *head = gv_hnsw_point_head(&calibration->rounded, i);

		calibration->numbers[i] = i;
		gv_hnsw_point_encode(&calibration->rounded, i, calibration->question[i].z);
		calibration->error[i] = head->error;
		calibration->norm2[i] = head->norm2;
		calibration->last_key[i] = get_float4_infinity();
	}
}

static uint32
count_truth_items(const Calibration *calibration)
{
	return (RelationGetNumberOfBlocks(calibration->ix.rel) + BLOCKS_PER_ITEM - 1) /
		BLOCKS_PER_ITEM;
}

/* Compare the nodes of some blocks with all query vectors */
static void
find_truth(Calibration *calibration, uint32 item)
{
	GvHnswIndex *ix = &calibration->ix;
	BlockNumber n_blocks = RelationGetNumberOfBlocks(ix->rel);
	BlockNumber first = item * BLOCKS_PER_ITEM;
	GvHnswPageKind kind = gv_hnsw_layout_has_codes(&ix->layout) ? GV_HNSW_PAGE_NODES :
		GV_HNSW_PAGE_ITEMS;
	PGAlignedBlock copy;
	int			n_nodes = 0;

	if (calibration->truth == NULL)
		begin_truth(calibration);
	for (BlockNumber blkno = Max(first, GV_HNSW_META_BLKNO + 1);
		 blkno < Min(first + BLOCKS_PER_ITEM, n_blocks); blkno++)
	{
		Buffer		buf;

		gv_base_vacuum_delay();
		buf = ReadBufferExtended(ix->rel, MAIN_FORKNUM, blkno, RBM_NORMAL, calibration->strategy);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		memcpy(copy.data, BufferGetPage(buf), BLCKSZ);
		UnlockReleaseBuffer(buf);
		if (gv_hnsw_page_is(copy.data, kind))
			n_nodes += offer_page(calibration, copy.data, blkno);
	}
	pg_atomic_fetch_add_u64(&calibration->shared->n_nodes, n_nodes);
	show_done(calibration, (int64) calibration->n_questions * first / n_blocks);
}

/* Put together what the processes know of the true neighbors of a query vector */
static void
gather_truth(const Calibration *calibration, int i, Truth *truth)
{
	uint32		n_taken = pg_atomic_read_u32(&calibration->shared->n_taken);

	truth->n = 0;
	for (uint32 place = 0; place < n_taken; place++)
	{
		const Truth *part = calibration->truths + (Size) place * calibration->n_questions + i;

		for (int t = 0; t < part->n; t++)
			offer(truth, part->id[t], part->key[t]);
	}
}

/* --- searches ------------------------------------------------------------ */

/*
 * The key of a node that was found, as its true neighbor has it if it is one: kernels
 * differ in their last bits
 */
static float
true_key(const Truth *truth, const GvHnswFound *found)
{
	for (int i = 0; i < truth->n; i++)
	{
		if (truth->id[i] == found->id)
			return truth->key[i];
	}
	return found->key;
}

/*
 * Search for the max_k nearest of the true neighbors of a query vector; notes
 * for each the least ef that finds it.  Returns the number of expansions.
 */
static int64
search_for(Calibration *calibration, const GvHnswQuestion *question, const Truth *truth, int max_k,
		   GvAmTrial *trial)
{
	GvHnswIndex *ix = &calibration->ix;
	const GvHnswLayout *layout = &ix->layout;
	GvHnswSearch search = {0};
	uint64		n_nodes = pg_atomic_read_u64(&calibration->shared->n_nodes);
	int			ef = GV_HNSW_CALIBRATION_FIRST_EF;
	int			last_ef = (int) Min(gv_hnsw_aim_largest_ef(n_nodes), LAST_EF);
	bool		wanted = truth->n > 0;
	int64		n_seen = 0;

	gv_am_recall_begin_trial(trial, truth->key, truth->n, max_k);
	trial->is_moved = question->is_moved;
	if (truth->n > 0)
		trial->last_difficulty = truth->key[Min(truth->n, GV_HNSW_DIFFICULTY_RANK) - 1];
	trial->last_difficulty = gv_hnsw_search_key_difficulty(ix, trial->last_difficulty);
	search.keep_spilled = true;
	search.value = question->value;
	search.left_out = question->id;
	gv_hnsw_search_init(&search, ix, CurrentMemoryContext, ef);
	if (question->z != NULL)
	{
		gv_hnsw_search_set_point(&search, question->z);
		/* of a part of the dimensions */
		if (question->id != 0)
			search.z_norm2 *= (float) layout->padded_dim / layout->own_dims;
	}
	if (question->id != 0)
		search.bypass = gv_hnsw_bypass_begin(ix, CurrentMemoryContext, question->id);
	gv_hnsw_search_seed(&search, gv_hnsw_cache(ix));
	while (wanted)
	{
		bool		more = true;

		for (; n_seen < search.n_found && wanted; n_seen++)
			wanted = gv_am_recall_note(trial, truth->key, truth->n,
									   true_key(truth, &search.found[n_seen]), search.ef_needed);
		if (!wanted)
			break;
		more = gv_hnsw_search_run_until(&search, search.n_found + 1);
		if (!more && search.n_found == n_seen)
		{
			if (ef >= last_ef)
				break;
			ef = Min(ef * 4, last_ef);
			if (!gv_hnsw_search_resume(&search, ef))
				break;
		}
	}
	/* last, so that what the first nodes expanded take is known of each of them */
	trial->difficulty = gv_hnsw_search_probe(&search);
	return search.n_found;
}

/*
 * Search for a query vector, if the cost allows.
 *
 * Called in their order: what has been expanded for others, when this one is
 * left, was for those before.
 */
static void
try_query(Calibration *calibration, int i)
{
	MemoryContext old_context;
	Truth	   *truth;

	if ((int64) pg_atomic_read_u64(&calibration->shared->n_expanded) >= calibration->may_expand &&
		i >= MIN_QUERIES)
		return;
	gv_base_vacuum_delay();
	MemoryContextReset(calibration->search_context);
	old_context = MemoryContextSwitchTo(calibration->search_context);
	truth = palloc(sizeof(Truth));
	gather_truth(calibration, i, truth);
	/* the last of many neighbors take longest */
	calibration->n_expanded[i] = search_for(calibration, &calibration->question[i], truth,
											i % MANY_EVERY == 0 ? GV_AM_RECALL_MAX_K : FEW_K,
											&calibration->trial[i]);
	pg_atomic_fetch_add_u64(&calibration->shared->n_expanded, calibration->n_expanded[i]);
	MemoryContextSwitchTo(old_context);
	show_done(calibration, calibration->n_questions + i + 1);
}

/* How many of the query vectors the cost allows: as if one process had searched */
static int
count_trials(const Calibration *calibration)
{
	int64		n_expanded = 0;
	int			n;

	for (n = 0; n < calibration->n_questions; n++)
	{
		if (n_expanded >= calibration->may_expand && n >= MIN_QUERIES)
			break;
		n_expanded += calibration->n_expanded[n];
	}
	return n;
}

/* --- the calibration ----------------------------------------------------- */

/*
 * gv_hnsw_calibration_hash
 *		Return what tells a calibration from a damaged one.
 */
uint32
gv_hnsw_calibration_hash(const GvHnswMetaPageData *meta)
{
	Size		start = offsetof(GvHnswMetaPageData, calibrated_rows);

	return hash_bytes((const unsigned char *) meta + start, sizeof(*meta) - start);
}

/* Write the calibration into the metapage */
static void
store(GvHnswIndex *ix, GvHnswCalibrationSource source, const GvAmRecallTable *table,
	  double n_rows, double n_table_rows)
{
	Buffer		buf = ReadBuffer(ix->rel, GV_HNSW_META_BLKNO);
	GvXlog	   *xlog;
	Page		page;
	GvHnswMetaPage meta;

	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	xlog = gv_xlog_begin(ix->rel);
	page = gv_xlog_page(xlog, buf);
	meta = gv_hnsw_page_meta(page);
	meta->calibration_source = source;
	meta->calibrated_rows = (uint64) Max(n_rows, 0);
	meta->calibrated_table_rows = (uint64) Max(n_table_rows, 0);
	meta->calibrated_places = gv_hnsw_aim_count_places(ix, n_rows);
	meta->calibration = *table;
	meta->calibration_hash = gv_hnsw_calibration_hash(meta);
	gv_xlog_finish(xlog);
	UnlockReleaseBuffer(buf);
}

static char *
place(char **next, Size size)
{
	char	   *start = *next;

	*next += MAXALIGN(size);
	return start;
}

/*
 * Lay out what processes share for n query vectors in an area of memory.
 *
 * area: NULL to learn the size
 * with_points: with room for the points of the query vectors
 */
static Size
place_shared(Calibration *calibration, char *area, int n, int n_places, bool with_points)
{
	char	   *next = area;

	calibration->shared = (Shared *) place(&next, sizeof(Shared));
	calibration->question_id = (uint32 *) place(&next, n * sizeof(uint32));
	calibration->trial = (GvAmTrial *) place(&next, n * sizeof(GvAmTrial));
	calibration->n_expanded = (int64 *) place(&next, n * sizeof(int64));
	calibration->truths = (Truth *) place(&next, (Size) n_places * n * sizeof(Truth));
	if (with_points)
		calibration->point = (float *) place(&next, (Size) n * sizeof(float) *
											 calibration->ix.layout.padded_dim);
	return next - area;
}

/* Begin with the query vectors that were chosen */
static void
init_shared(Calibration *calibration, int n_places)
{
	Shared	   *shared = calibration->shared;

	shared->n_questions = calibration->n_questions;
	shared->n_places = n_places;
	pg_atomic_init_u32(&shared->n_taken, 0);
	pg_atomic_init_u64(&shared->n_nodes, 0);
	pg_atomic_init_u64(&shared->n_expanded, 0);
	if (calibration->show_progress)
	{
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL,
									 2 * (int64) calibration->n_questions);
	}
}

/* All searches together cost no more than a part of a build */
static void
bound_cost(Calibration *calibration)
{
	int64		n = FREE_EXPANSIONS +
		(int64) pg_atomic_read_u64(&calibration->shared->n_nodes) * EXPANSIONS_PER_NODE;

	/* twice as many query vectors */
	if (!gv_hnsw_layout_has_codes(&calibration->ix.layout))
		n *= 2;
	calibration->may_expand = Min(n, calibration->max_expand);
}

static void
fit(Calibration *calibration, GvAmRecallTable *table)
{
	int			n_trials = count_trials(calibration);
	int			max_buckets = MAX_BUCKETS;

	for (int i = 0; i < n_trials; i++)
	{
		if (calibration->trial[i].is_moved)
			max_buckets = MAX_MIXED_BUCKETS;
	}
	show_done(calibration, 2 * (int64) calibration->n_questions);
	gv_am_recall_fit(calibration->trial, n_trials,
					 Max(Min(n_trials / TRIALS_PER_BUCKET, max_buckets), 1),
					 GV_HNSW_PROBE_EXPANSIONS, table);
}

/* Calibrate with the query vectors that were chosen, in one process */
static void
measure(Calibration *calibration, bool is_bounded, GvAmRecallTable *table)
{
	int			n = calibration->n_questions;
	uint32		n_items = count_truth_items(calibration);

	memset(table, 0, sizeof(*table));
	if (n < MIN_QUERIES)
		return;
	place_shared(calibration, palloc(place_shared(calibration, NULL, n, 1, false)), n, 1, false);
	init_shared(calibration, 1);
	for (uint32 item = 0; item < n_items; item++)
		find_truth(calibration, item);
	if (pg_atomic_read_u64(&calibration->shared->n_nodes) < MIN_NODES)
		return;
	if (is_bounded)
		bound_cost(calibration);
	GV_TEST_POINT("hnsw-calibrating");
	for (int i = 0; i < n; i++)
		try_query(calibration, i);
	fit(calibration, table);
}

/* Prepare a calibration, in a context of its own */
static Calibration *
begin_calibration(Relation index, bool show_progress)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hnsw calibration",
												  ALLOCSET_DEFAULT_SIZES);
	Calibration *calibration = MemoryContextAllocZero(context, sizeof(Calibration));

	gv_hnsw_open(&calibration->ix, index);
	calibration->context = context;
	calibration->search_context = AllocSetContextCreate(context, "hnsw calibration search",
														ALLOCSET_DEFAULT_SIZES);
	calibration->show_progress = show_progress;
	calibration->may_expand = calibration->max_expand = PG_INT64_MAX;
	return calibration;
}

/* How many rows of the index are to be query vectors */
static int
count_wanted(const Calibration *calibration)
{
	const GvHnswLayout *layout = &calibration->ix.layout;
	bool		has_codes = gv_hnsw_layout_has_codes(layout);
	Size		size = sizeof(GvHnswQuestion) + sizeof(GvAmTrial) + sizeof(Truth) +
		(has_codes ? layout->padded_dim * (sizeof(float) + sizeof(int8)) : BLCKSZ / 4);
	int			n = N_QUERIES;

	if (!has_codes || layout->padded_dim <= SHORT_DIMS ||
		calibration->ix.meta.metric == GV_AM_METRIC_INNER_PRODUCT)
		n *= 2;
	if ((uint64) RelationGetNumberOfBlocks(calibration->ix.rel) * layout->nodes_per_page <
		MIN_NODES)
		return 0;
	return Max(Min((Size) n, gv_am_maintenance_memory() * (Size) 1024 / MEMORY_PART / size),
			   MIN_QUERIES);
}

/* Calibrate with rows of the index */
static void
calibrate_rows(Relation index, bool show_progress, double n_rows, double n_table_rows)
{
	Calibration *calibration = begin_calibration(index, show_progress);
	MemoryContext old_context = MemoryContextSwitchTo(calibration->context);
	int			n = count_wanted(calibration);
	GvAmRecallTable table;

	calibration->question = palloc0(sizeof(GvHnswQuestion) * (n + 1));
	choose(calibration, n);
	measure(calibration, true, &table);
	if (table.n_buckets > 0)
		store(&calibration->ix, GV_HNSW_CALIBRATION_ROWS, &table, n_rows, n_table_rows);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(calibration->context);
}

/*
 * gv_hnsw_calibrate_grown
 *		Calibrate an index that inserts have made grow, at a cost that is bounded.
 *
 * max_queries: at least GV_HNSW_MIN_CALIBRATION_QUERIES
 * max_expand: nodes, in all searches together
 *
 * The nodes are counted, the rows of the table are not.
 */
void
gv_hnsw_calibrate_grown(Relation index, int max_queries, int64 max_expand)
{
	Calibration *calibration = begin_calibration(index, false);
	MemoryContext old_context = MemoryContextSwitchTo(calibration->context);
	int			n = Min(count_wanted(calibration), max_queries);
	GvAmRecallTable table;

	calibration->max_expand = max_expand;
	calibration->question = palloc0(sizeof(GvHnswQuestion) * (n + 1));
	choose(calibration, n);
	measure(calibration, true, &table);
	if (table.n_buckets > 0)
		store(&calibration->ix, GV_HNSW_CALIBRATION_ROWS, &table,
			  (double) pg_atomic_read_u64(&calibration->shared->n_nodes), 0);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(calibration->context);
}

/*
 * gv_hnsw_calibrate_queries
 *		Calibrate an index with a user's queries.
 *
 * values: Datum[n_queries], detoasted, of the index's dimensions; NULL: rows of
 * the index
 */
void
gv_hnsw_calibrate_queries(Relation index, Relation heap, const Datum *values, int n_queries)
{
	Calibration *calibration = begin_calibration(index, false);
	MemoryContext old_context = MemoryContextSwitchTo(calibration->context);
	GvHnswIndex *ix = &calibration->ix;
	GvAmRecallTable table;

	if (values && n_queries < MIN_QUERIES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot calibrate index \"%s\" with fewer than %d queries",
						RelationGetRelationName(index), MIN_QUERIES),
				 errdetail_plural("There is %d query vector.", "There are %d query vectors.",
								  n_queries, n_queries)));
	calibration->question = palloc0(sizeof(GvHnswQuestion) * Max(n_queries, MIN_QUERIES));
	if (values == NULL)
		choose(calibration, Max(n_queries, MIN_QUERIES));
	for (int i = 0; values && i < n_queries; i++)
	{
		GvHnswQuestion *question = &calibration->question[calibration->n_questions++];
		GvAmRotated rotated;

		gv_am_check_dim(ix->opclass, values[i], ix->meta.dim);
		if (gv_hnsw_layout_has_codes(&ix->layout))
			question->z = gv_hnsw_transform(ix, gv_hnsw_cache(ix), values[i], true, &rotated);
		else
			question->value = values[i];
	}
	measure(calibration, false, &table);
	if (table.n_buckets == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" has too few rows to be calibrated",
						RelationGetRelationName(index)),
				 errdetail("It takes %d different vectors.", MIN_NODES)));
	store(ix, values ? GV_HNSW_CALIBRATION_QUERIES : GV_HNSW_CALIBRATION_ROWS, &table,
		  index->rd_rel->reltuples, heap->rd_rel->reltuples);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(calibration->context);
}

/*
 * gv_hnsw_calibrate_build
 *		Calibrate an index that was just built, in one process.
 */
void
gv_hnsw_calibrate_build(Relation index, double n_rows, double n_table_rows)
{
	gv_am_report_phase(GV_HNSW_PHASE_CALIBRATE);
	calibrate_rows(index, true, n_rows, n_table_rows);
}

/* --- in a build ---------------------------------------------------------- */

/* Make room for query vectors; points are in the memory of the arrays */
static void
place_questions(Calibration *calibration, int n)
{
	calibration->question = MemoryContextAllocZero(calibration->context,
												   sizeof(GvHnswQuestion) * n);
	for (int i = 0; i < n && gv_hnsw_layout_has_codes(&calibration->ix.layout); i++)
		calibration->question[i].z = calibration->point + i * calibration->ix.layout.padded_dim;
}

/* Take part in the calibration; without codes each process reads the values of the query vectors */
static Calibration *
join(GvHnswBuild *build)
{
	Calibration *calibration = build->calibration;
	Shared	   *shared = (Shared *) build->area;
	MemoryContext old_context;

	if (calibration == NULL)
	{
		build->calibration = calibration = begin_calibration(build->index, false);
		place_shared(calibration, build->area, shared->n_questions, shared->n_places, true);
		place_questions(calibration, shared->n_questions);
		old_context = MemoryContextSwitchTo(calibration->context);
		if (build->graph.dims == 0)
			choose(calibration, shared->n_questions);
		MemoryContextSwitchTo(old_context);
		calibration->n_questions = shared->n_questions;
		for (int i = 0; i < shared->n_questions; i++)
		{
			calibration->question[i].id = calibration->question_id[i];
			calibration->question[i].is_moved = gv_hnsw_question_is_moved(&calibration->ix.meta, i);
		}
	}
	return calibration;
}

/*
 * gv_hnsw_calibrate_begin
 *		Begin to calibrate an index while all processes of its build are there.
 *
 * The index is written, and the arrays are needed no more: the calibration takes
 * their memory.  The other processes begin with the nodes at once.
 *
 * Returns whether the caller has to call gv_hnsw_calibrate_finish; if not, the
 * calibration is left to one process, as where rows are yet to be inserted.
 */
bool
gv_hnsw_calibrate_begin(GvHnswBuild *build)
{
	Calibration *calibration;
	MemoryContext old_context;
	int			n_places;
	int			n;

	if (build->parallel == NULL || maintenance_work_mem < MIN_SHARING_MEMORY ||
		(build->graph.dims == 0 && pg_atomic_read_u32(&build->shared->overflowed) != 0))
		return false;
	n_places = build->parallel->context->nworkers_launched + 1;
	calibration = begin_calibration(build->index, true);
	old_context = MemoryContextSwitchTo(calibration->context);
	n = count_wanted(calibration);
	if (n > 0 && place_shared(calibration, NULL, n, n_places, true) <= build->area_size)
	{
		place_shared(calibration, build->area, n, n_places, true);
		place_questions(calibration, n);
		choose(calibration, n);
	}
	MemoryContextSwitchTo(old_context);
	if (calibration->n_questions < n || n == 0)
	{
		MemoryContextDelete(calibration->context);
		return false;
	}
	for (int i = 0; i < n; i++)
		calibration->question_id[i] = calibration->question[i].id;
	gv_am_report_phase(GV_HNSW_PHASE_CALIBRATE);
	init_shared(calibration, n_places);
	build->calibration = calibration;
	gv_hnsw_build_begin_job(build, GV_HNSW_JOB_FIND_TRUTH, 0, count_truth_items(calibration));
	return true;
}

/*
 * gv_hnsw_calibrate_find_truth, gv_hnsw_calibrate_try_query
 *		Do an item of the two jobs.
 */
void
gv_hnsw_calibrate_find_truth(GvHnswBuild *build, uint32 item)
{
	Calibration *calibration = join(build);
	MemoryContext old_context = MemoryContextSwitchTo(calibration->context);

	find_truth(calibration, item);
	MemoryContextSwitchTo(old_context);
}

void
gv_hnsw_calibrate_try_query(GvHnswBuild *build, uint32 item)
{
	Calibration *calibration = join(build);

	bound_cost(calibration);
	try_query(calibration, item);
}

/*
 * gv_hnsw_calibrate_finish
 *		Take part in what was begun, and finish it.
 */
void
gv_hnsw_calibrate_finish(GvHnswBuild *build, double n_rows, double n_table_rows)
{
	Calibration *calibration = build->calibration;
	GvAmRecallTable table;

	gv_hnsw_build_end_job(build);
	if (pg_atomic_read_u64(&calibration->shared->n_nodes) >= MIN_NODES)
	{
		GV_TEST_POINT("hnsw-calibrating");
		gv_hnsw_build_run_job(build, GV_HNSW_JOB_TRY_QUERY, 0, calibration->n_questions);
		bound_cost(calibration);
		memset(&table, 0, sizeof(table));
		fit(calibration, &table);
		if (table.n_buckets > 0)
			store(&calibration->ix, GV_HNSW_CALIBRATION_ROWS, &table, n_rows, n_table_rows);
	}
	MemoryContextDelete(calibration->context);
	build->calibration = NULL;
}

/* Has a number of rows changed so much that a calibration is stale? */
static bool
has_moved(double now, double then)
{
	return fabs(now - then) > STALE_PART * Max(then, 1);
}

/*
 * gv_hnsw_calibrate_stale
 *		Calibrate an index that VACUUM has cleaned, if its rows have changed.
 *
 * stats: NULL if no row was to be removed
 *
 * A calibration from a user's queries stays: its queries are not to be had.
 */
void
gv_hnsw_calibrate_stale(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	GvHnswIndex ix;
	double		n_rows;

	gv_hnsw_open(&ix, info->index);
	if (ix.meta.calibration_source == GV_HNSW_CALIBRATION_QUERIES)
		return;

	/* the rows of the index are counted only if some were removed */
	if (stats != NULL)
		n_rows = stats->num_index_tuples;
	else if (ix.meta.calibrated_table_rows > 0)
		n_rows = ix.meta.calibrated_rows *
			(info->num_heap_tuples / ix.meta.calibrated_table_rows);
	else
		n_rows = info->num_heap_tuples;
	/* a partial index, or one of a column with nulls, has fewer than its table */
	if (stats == NULL && ix.meta.calibrated_table_rows == 0 &&
		has_moved(n_rows, ix.meta.calibrated_rows))
		n_rows = gv_hnsw_count_rows(&ix, info->strategy);
	if (ix.meta.calibration_source == GV_HNSW_CALIBRATION_NONE ||
		has_moved(n_rows, ix.meta.calibrated_rows))
		calibrate_rows(info->index, false, n_rows, info->num_heap_tuples);
}
