/*-------------------------------------------------------------------------
 *
 * calibrate.c
 *		Measuring which ef reaches which recall.
 *
 * Some nodes serve as query vectors, each without itself: it is neither
 * expanded nor counted.  The truth comes from one pass over all nodes.  A
 * search expands the best of the pool first, whatever ef is, so one search
 * until all true neighbors are found tells for each of them the least ef with
 * which it is found.
 *
 * All that is needed is in the index, so no row is fetched, and whose rows are
 * visible does not matter.
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
#include "utils/memutils.h"

#include "am/recall.h"
#include "am/xlog.h"
#include "base/compat.h"
#include "base/random.h"
#include "hnsw/build.h"
#include "hnsw/calibrate.h"
#include "hnsw/contest.h"
#include "hnsw/hnsw.h"
#include "hnsw/node.h"
#include "hnsw/search.h"
#include "quant/rotation.h"

/*
 * Query vectors.  With 256 the recall of the ten nearest is known to about .006
 * at .95; finding the truth for them takes two hundredths of a build's time.
 * Without codes distances cost more.
 */
#define N_QUERIES 256
#define N_EXACT_QUERIES 128

/* Fewer query vectors, or fewer nodes, tell nothing */
#define MIN_QUERIES 24
#define MIN_NODES 256

/* Slots looked at for each query vector, for they may be empty */
#define TRIES_PER_QUERY 64

/* The part of maintenance_work_mem for query vectors is one in so many */
#define MEMORY_PART 4

/*
 * The first and the last ef of a search, each four times the one before; the
 * last is a part of the nodes, for beyond it a scan sweeps
 */
#define FIRST_EF 256
#define LAST_EF 4096
#define SWEEP_FRACTION 8

/*
 * All searches together expand no more than so many nodes for each node of the
 * index, of which linking one takes about 300, and these at first
 */
#define EXPANSIONS_PER_NODE 6
#define FREE_EXPANSIONS 40000

/* One search of three is for all true neighbors, the others for the nearest */
#define MANY_EVERY 3
#define FEW_K 10

/* So many trials make another bucket, four buckets at most */
#define TRIALS_PER_BUCKET 24
#define MAX_BUCKETS 4

/* Nodes compared with all query vectors at a time fit the processor's nearest cache */
#define BATCH 32
#define BATCH_BYTES 16384

/*
 * A distance is given up after a part of the dimensions if that alone is too
 * much: points are rotated, so each part has about as much of it
 */
#define DISTANCE_PARTS 4

/* A calibration is stale when the number of rows has changed by this part */
#define STALE_PART 0.2

/* A query vector and its true neighbors */
typedef struct Question
{
	uint32		id;				/* of the node, 0 if it is none */
	float	   *z;				/* point, with codes */
	Datum		value;			/* without */
	int			n_true;
	uint32	   *true_id;		/* uint32[MAX_K], nearest first */
	float	   *true_key;		/* float[MAX_K] */
} Question;

typedef struct Calibration
{
	GvHnswIndex ix;
	MemoryContext context;		/* of all of it */
	MemoryContext search_context;	/* reset for each search */
	bool		show_progress;
	Question   *question;
	int			n_questions;
	GvAmTrial  *trial;			/* GvAmTrial[n_questions] */
	int			n_trials;
	uint64		n_nodes;		/* counted for the truth */
	int64		may_expand;		/* nodes, in all searches together */

	/* nodes to be compared */
	int			n_batch;
	int			max_batch;		/* 1..BATCH */
	uint32		batch_id[BATCH];
	float		batch_bias[BATCH];
	float	   *batch_own;		/* float[BATCH][own_dims] */
} Calibration;

static void
show_done(const Calibration *calibration, int64 done)
{
	if (calibration->show_progress)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, done);
}

/* --- query vectors ------------------------------------------------------- */

/*
 * Turn a row's point into that of the same value as a query.  By inner product
 * a row has one more element, which a query has not, and another length.
 */
static void
make_query_point(Calibration *calibration, const GvHnswCache *cache, float *z)
{
	GvHnswIndex *ix = &calibration->ix;
	int			dims = ix->layout.padded_dim;
	double		norm2 = 0;
	double		product = 0;
	float	   *extra;

	if (ix->meta.metric != GV_AM_METRIC_INNER_PRODUCT)
		return;
	extra = palloc0(sizeof(float) * dims);
	extra[ix->meta.dim] = 1;
	gv_rotation_apply(cache->rotation, dims, extra);
	for (int i = 0; i < ix->layout.own_dims; i++)
	{
		z[i] += cache->center[i];
		product += (double) z[i] * extra[i];
	}
	for (int i = 0; i < ix->layout.own_dims; i++)
	{
		z[i] -= (float) (product * extra[i]);
		norm2 += (double) z[i] * z[i];
	}
	for (int i = 0; i < ix->layout.own_dims; i++)
		z[i] = (float) (norm2 > 0 ? z[i] / sqrt(norm2) : 0) - cache->center[i];
	pfree(extra);
}

/* Choose live nodes at random */
static void
choose_nodes(Calibration *calibration, int n_wanted)
{
	GvHnswIndex *ix = &calibration->ix;
	uint64		n_slots = (uint64) RelationGetNumberOfBlocks(ix->rel) *
		ix->layout.nodes_per_page;
	GvRandom	random = {ix->meta.seed};
	GvHnswSearch search = {0};
	GvIdset		known;

	gv_hnsw_search_init(&search, ix, calibration->context, 1);
	gv_idset_init(&known, calibration->context, 1024);
	for (int i = 0; i < n_wanted * TRIES_PER_QUERY && calibration->n_questions < n_wanted; i++)
	{
		Question   *question = &calibration->question[calibration->n_questions];
		uint32		id = gv_random_below(&random, (uint32) Min(n_slots, PG_UINT32_MAX));
		uint16		version;
		float		bias;
		float	   *vector;

		gv_base_vacuum_delay();
		if (gv_hnsw_id_block(&ix->layout, id) == GV_HNSW_META_BLKNO ||
			!gv_idset_add(&known, id))
			continue;
		vector = gv_hnsw_copy_vector(ix, &search, id, &bias, &version, NULL, NULL);
		if (vector == NULL)
			continue;
		if (gv_hnsw_layout_has_codes(&ix->layout))
		{
			question->z = palloc0(sizeof(float) * ix->layout.padded_dim);
			memcpy(question->z, vector, sizeof(float) * ix->layout.own_dims);
			pfree(vector);
			make_query_point(calibration, gv_hnsw_cache(ix), question->z);
		}
		else
			question->value = PointerGetDatum(vector);
		question->id = id;
		calibration->n_questions++;
	}
}

/* --- truth --------------------------------------------------------------- */

/* Offer a node to the true neighbors of a query vector */
static inline void
offer(Question *question, uint32 id, float key)
{
	int			i;

	if (question->n_true == GV_AM_RECALL_MAX_K &&
		key >= question->true_key[GV_AM_RECALL_MAX_K - 1])
		return;
	if (id == question->id)
		return;
	i = question->n_true < GV_AM_RECALL_MAX_K ? question->n_true++ : GV_AM_RECALL_MAX_K - 1;
	for (; i > 0 && question->true_key[i - 1] > key; i--)
	{
		question->true_key[i] = question->true_key[i - 1];
		question->true_id[i] = question->true_id[i - 1];
	}
	question->true_key[i] = key;
	question->true_id[i] = id;
}

/* Offer the nodes of the batch to all query vectors */
static void
offer_batch(Calibration *calibration)
{
	const GvHnswLayout *layout = &calibration->ix.layout;
	float		factor = (float) layout->padded_dim / layout->own_dims;
	int			step = TYPEALIGN(GV_ROTATION_ALIGN, layout->own_dims / DISTANCE_PARTS + 1);

	for (int i = 0; i < calibration->n_questions; i++)
	{
		Question   *question = &calibration->question[i];
		const float *own = calibration->batch_own;

		for (int j = 0; j < calibration->n_batch; j++, own += layout->own_dims)
		{
			float		bias = calibration->batch_bias[j];
			float		bound = question->n_true < GV_AM_RECALL_MAX_K ? INFINITY :
				(question->true_key[GV_AM_RECALL_MAX_K - 1] - bias) / factor;
			float		key = 0;
			int			dims = 0;

			for (; dims < layout->own_dims && !(key > bound); dims += step)
				key += gv_kernels->l2_squared_f32(question->z + dims, own + dims,
												  Min(step, layout->own_dims - dims));
			if (dims >= layout->own_dims)
				offer(question, calibration->batch_id[j], key * factor + bias);
		}
	}
	calibration->n_batch = 0;
}

/* Offer the nodes of a page, a copy, to all query vectors */
static void
offer_page(Calibration *calibration, GvHnswSearch *search, Page page, BlockNumber blkno)
{
	GvHnswIndex *ix = &calibration->ix;
	const GvHnswLayout *layout = &ix->layout;

	for (int slot = 0; slot < layout->nodes_per_page; slot++)
	{
		GvHnswNode	node = gv_hnsw_page_node(ix, page, slot);
		uint32		id = gv_hnsw_make_id(layout, blkno, slot);

		if (node == NULL || node->state != GV_HNSW_NODE_LIVE)
			continue;
		calibration->n_nodes++;
		if (gv_hnsw_layout_has_codes(layout))
		{
			int			n = calibration->n_batch++;

			calibration->batch_id[n] = id;
			calibration->batch_bias[n] = node->u.key_bias;
			gv_hnsw_node_get_own(layout, node,
								 calibration->batch_own + (Size) n * layout->own_dims);
			if (calibration->n_batch == calibration->max_batch)
				offer_batch(calibration);
		}
		else
		{
			Datum		value = gv_hnsw_node_value(search, node);

			for (int i = 0; i < calibration->n_questions; i++)
				offer(&calibration->question[i], id,
					  gv_am_exact_key(ix->opclass, calibration->question[i].value, value));
		}
	}
}

/* Find the true neighbors of all query vectors in one pass over the nodes */
static void
find_truth(Calibration *calibration)
{
	GvHnswIndex *ix = &calibration->ix;
	BlockNumber n_blocks = RelationGetNumberOfBlocks(ix->rel);
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	GvHnswSearch search = {0};
	PGAlignedBlock copy;
	Size		n_bytes;

	gv_hnsw_search_init(&search, ix, calibration->context, 1);
	n_bytes = sizeof(float) * Max(ix->layout.own_dims, 1);
	calibration->max_batch = Max(Min(BATCH, BATCH_BYTES / n_bytes), 1);
	calibration->batch_own = palloc(n_bytes * calibration->max_batch);
	for (int i = 0; i < calibration->n_questions; i++)
	{
		calibration->question[i].true_id = palloc(sizeof(uint32) * GV_AM_RECALL_MAX_K);
		calibration->question[i].true_key = palloc(sizeof(float) * GV_AM_RECALL_MAX_K);
	}
	for (BlockNumber blkno = GV_HNSW_META_BLKNO + 1; blkno < n_blocks; blkno++)
	{
		Buffer		buf;

		gv_base_vacuum_delay();
		buf = ReadBufferExtended(ix->rel, MAIN_FORKNUM, blkno, RBM_NORMAL, strategy);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		memcpy(copy.data, BufferGetPage(buf), BLCKSZ);
		UnlockReleaseBuffer(buf);
		if (gv_hnsw_page_is(copy.data, gv_hnsw_layout_has_codes(&ix->layout) ?
							GV_HNSW_PAGE_NODES : GV_HNSW_PAGE_ITEMS))
			offer_page(calibration, &search, copy.data, blkno);
		show_done(calibration, (int64) calibration->n_questions * blkno / n_blocks);
	}
	if (calibration->n_batch > 0)
		offer_batch(calibration);
	FreeAccessStrategy(strategy);
}

/* --- searches ------------------------------------------------------------ */

/* The rank of a node among the true neighbors, from 0, or -1 */
static int
true_rank(const Question *question, uint32 id, float key)
{
	/* kernels differ in their last bits */
	if (key > question->true_key[question->n_true - 1] * (1 + FLT_EPSILON * 64) &&
		question->true_key[question->n_true - 1] > 0)
		return -1;
	for (int i = 0; i < question->n_true; i++)
	{
		if (question->true_id[i] == id)
			return i;
	}
	return -1;
}

/*
 * Search for the max_k nearest of the true neighbors of a query vector; notes
 * for each the least ef that finds it.  Returns the number of expansions.
 */
static int64
search_for(Calibration *calibration, const Question *question, int max_k,
		   GvAmTrial *trial)
{
	GvHnswIndex *ix = &calibration->ix;
	const GvHnswLayout *layout = &ix->layout;
	GvHnswSearch search = {0};
	int			ef = FIRST_EF;
	int			last_ef = (int) Max(Min(calibration->n_nodes / SWEEP_FRACTION, LAST_EF), FIRST_EF);
	int			n_true_found = 0;
	int64		n_seen = 0;

	trial->n_true = Min(question->n_true, max_k);
	trial->max_k = max_k;
	for (int i = 0; i < GV_AM_RECALL_MAX_K; i++)
		trial->needed[i] = GV_AM_RECALL_NOT_FOUND;
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
	gv_hnsw_search_seed(&search, gv_hnsw_cache(ix));
	trial->difficulty = gv_hnsw_search_probe(&search);
	while (n_true_found < trial->n_true)
	{
		bool		more = true;

		for (; n_seen < search.n_found; n_seen++)
		{
			int			rank = true_rank(question, search.found[n_seen].id,
										 search.found[n_seen].key);

			if (rank >= 0 && rank < trial->n_true)
			{
				trial->needed[rank] = (uint16) Min(search.ef_needed,
												   GV_AM_RECALL_NOT_FOUND - 1);
				n_true_found++;
			}
		}
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
	return search.n_found;
}

/* Search for all query vectors, or as many as the cost allows */
static void
try_queries(Calibration *calibration)
{
	GV_TEST_POINT("hnsw-calibrating");
	calibration->trial = palloc(sizeof(GvAmTrial) * calibration->n_questions);
	for (int i = 0; i < calibration->n_questions; i++)
	{
		MemoryContext old_context;

		if (calibration->may_expand <= 0 && i >= MIN_QUERIES)
			break;
		gv_base_vacuum_delay();
		MemoryContextReset(calibration->search_context);
		old_context = MemoryContextSwitchTo(calibration->search_context);
		/* the last of many neighbors take longest */
		calibration->may_expand -= search_for(calibration, &calibration->question[i],
											  i % MANY_EVERY == 0 ? GV_AM_RECALL_MAX_K : FEW_K,
											  &calibration->trial[calibration->n_trials]);
		MemoryContextSwitchTo(old_context);
		calibration->n_trials++;
		show_done(calibration, calibration->n_questions + i + 1);
	}
	show_done(calibration, 2 * (int64) calibration->n_questions);
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
	if (meta->version < GV_HNSW_VERSION)
	{
		Size		size = gv_hnsw_meta_size(meta->version);

		memset((char *) meta + size, 0, sizeof(*meta) - size);
		meta->version = GV_HNSW_VERSION;
		((PageHeader) page)->pd_lower = (char *) (meta + 1) - (char *) page;
	}
	meta->calibration_source = source;
	meta->calibrated_rows = (uint64) Max(n_rows, 0);
	meta->calibrated_table_rows = (uint64) Max(n_table_rows, 0);
	meta->calibration = *table;
	meta->calibration_hash = gv_hnsw_calibration_hash(meta);
	gv_xlog_finish(xlog);
	UnlockReleaseBuffer(buf);
}

/* Calibrate with the query vectors that were chosen */
static void
measure(Calibration *calibration, bool bound_cost, GvAmRecallTable *table)
{
	memset(table, 0, sizeof(*table));
	if (calibration->show_progress)
	{
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL,
									 2 * (int64) calibration->n_questions);
	}
	if (calibration->n_questions < MIN_QUERIES)
		return;
	find_truth(calibration);
	if (calibration->n_nodes < MIN_NODES)
		return;
	if (bound_cost)
		calibration->may_expand = FREE_EXPANSIONS +
			(int64) calibration->n_nodes * EXPANSIONS_PER_NODE;
	try_queries(calibration);
	gv_am_recall_fit(calibration->trial, calibration->n_trials,
					 Max(Min(calibration->n_trials / TRIALS_PER_BUCKET, MAX_BUCKETS), 1),
					 table);
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
	calibration->may_expand = PG_INT64_MAX;
	return calibration;
}

/* Calibrate with rows of the index */
static void
calibrate_rows(Relation index, bool show_progress, double n_rows, double n_table_rows)
{
	Calibration *calibration = begin_calibration(index, show_progress);
	MemoryContext old_context = MemoryContextSwitchTo(calibration->context);
	const GvHnswLayout *layout = &calibration->ix.layout;
	bool		has_codes = gv_hnsw_layout_has_codes(layout);
	Size		size = sizeof(Question) + sizeof(GvAmTrial) +
		GV_AM_RECALL_MAX_K * (sizeof(uint32) + sizeof(float)) +
		(has_codes ? layout->padded_dim * sizeof(float) : BLCKSZ / 4);
	int			n = has_codes ? N_QUERIES : N_EXACT_QUERIES;
	GvAmRecallTable table;

	n = Max(Min((Size) n, maintenance_work_mem * (Size) 1024 / MEMORY_PART / size), MIN_QUERIES);
	calibration->question = palloc0(sizeof(Question) * n);
	if ((uint64) RelationGetNumberOfBlocks(index) * layout->nodes_per_page >= MIN_NODES)
		choose_nodes(calibration, n);
	measure(calibration, true, &table);
	if (table.n_buckets > 0)
		store(&calibration->ix, GV_HNSW_CALIBRATION_ROWS, &table, n_rows, n_table_rows);
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
	calibration->question = palloc0(sizeof(Question) * Max(n_queries, MIN_QUERIES));
	if (values == NULL)
		choose_nodes(calibration, Max(n_queries, MIN_QUERIES));
	for (int i = 0; values && i < n_queries; i++)
	{
		Question   *question = &calibration->question[calibration->n_questions++];
		GvHnswRotated rotated;

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
 *		Calibrate an index that was just built.
 */
void
gv_hnsw_calibrate_build(Relation index, double n_rows, double n_table_rows)
{
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, GV_HNSW_PHASE_CALIBRATE);
	calibrate_rows(index, true, n_rows, n_table_rows);
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
	if (ix.meta.calibration_source == GV_HNSW_CALIBRATION_NONE ||
		has_moved(n_rows, ix.meta.calibrated_rows))
		calibrate_rows(info->index, false, n_rows, info->num_heap_tuples);
}
