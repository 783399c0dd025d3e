/*-------------------------------------------------------------------------
 *
 * scan.c
 *		Ordered scans.
 *
 * A scan streams: it searches with ef candidates, returns as many of the rows
 * found as the search was for, in exact order, and goes on with a larger ef when
 * asked for more, see aim.c.  When the graph leads to nothing new, or a good part
 * of it was read, the pages are swept for the rows not seen yet, so a scan ends
 * only with the table.
 *
 * Rows leave in the order of their exact distances.  A node's own vector gives
 * an interval that holds the distance; only where the intervals of neighbors
 * in the order overlap is a row fetched from the table to decide.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "access/relscan.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "am/fetch.h"
#include "am/inspect.h"
#include "am/limit.h"
#include "am/sort.h"
#include "base/compat.h"
#include "hnsw/aim.h"
#include "hnsw/bypass.h"
#include "hnsw/entry.h"
#include "hnsw/hnsw.h"
#include "hnsw/options.h"
#include "hnsw/ready.h"
#include "hnsw/search.h"
#include "hnsw/strategy.h"
#include "hnsw/write.h"

/* Blocks of an index that is swept whatever ef is */
#define SMALL_INDEX 16

/* How often a pool that nodes found twice have emptied is filled again */
#define MAX_REFILLS 4

/* A sweep asks the processor for nodes on pages so far ahead */
#define SWEEP_AHEAD 3

typedef GvHnswReadyItem ReadyItem;

typedef struct GvHnswScan
{
	GvHnswIndex ix;
	bool		started;
	int64		limit;			/* rows that will be asked for; 0: not known */
	uint32		left_out;		/* a node that is not to be found; 0: none */
	bool		go_by;			/* it, as if it had never been there */
	MemoryContext context;		/* of one execution; reset by rescan */

	GvHnswSearch search;
	GvHnswStrategy strategy;
	Datum		query;			/* detoasted */
	double		key_offset;		/* exact key -> key of the graph: */
	double		key_factor;		/* key = offset + factor * exact key */
	GvHnswReadyRounding rounding;
	double		radius;			/* no row that is farther passes; infinity: not known */
	double		radius_key;		/* the same in keys */
	int			ef;
	GvHnswAim	aim;
	int64		n_taken;		/* found nodes that are ready or returned */
	int64		n_returned;
	int64		may_return;		/* before the search goes on */
	float		may_return_to;	/* with a filter: rows up to this key */
	bool		exhausted;		/* the graph is */

	/* results by lower bound: a binary heap */
	ReadyItem  *ready;
	int64		n_ready;
	int64		max_ready;
	ReadyItem	last;			/* the one returned last */

	/* rows found too late for strict order */
	ReadyItem  *late;
	int64		n_late;
	int64		max_late;
	bool		late_sorted;

	/* tids of one vector, returned one after another */
	uint32		next_chunk;
	uint32		chunk_owner;	/* id of the node */
	int64		n_chunks;		/* read of the list */
	ItemPointerData tids[GV_HNSW_CHUNK_TIDS];
	int			n_tids;
	bool		recheck;		/* the conditions, by the executor */

	GvAmScanCounts counts;		/* of this execution */

	/* sweep */
	bool		sweeping;
	float		swept_key;		/* all up to here are returned */
	uint32		swept_id;
	bool		sweep_done;
	bool		null_norm_done;

	/* exact distances */
	bool		can_fetch;
	GvAmFetch fetch;
} GvHnswScan;

/* What the scan that ended last has done */
static GvAmScanCounts last_counts;

/*
 * gv_hnsw_begin_scan
 *		ambeginscan
 */
IndexScanDesc
gv_hnsw_begin_scan(Relation index, int n_keys, int n_order_bys)
{
	IndexScanDesc scan = RelationGetIndexScan(index, n_keys, n_order_bys);
	GvHnswScan *so = palloc0(sizeof(GvHnswScan));

	so->context = AllocSetContextCreate(CurrentMemoryContext, "hnsw scan",
										ALLOCSET_DEFAULT_SIZES);
	gv_am_fetch_init(&so->fetch);
	scan->opaque = so;
	return scan;
}

/*
 * gv_hnsw_scan_expect
 *		Tell a scan, not begun, how many rows will be asked for, and which node
 *		it is to leave out, or go by; 0: none.
 */
void
gv_hnsw_scan_expect(IndexScanDesc scan, int64 limit, uint32 left_out, bool go_by)
{
	GvHnswScan *so = (GvHnswScan *) scan->opaque;

	so->limit = limit;
	so->left_out = left_out;
	so->go_by = go_by;
}

/*
 * gv_hnsw_scan_counts
 *		Tell what an execution of a scan has done so far.
 */
void
gv_hnsw_scan_counts(IndexScanDesc scan, GvAmScanCounts *counts)
{
	GvHnswScan *so = (GvHnswScan *) scan->opaque;

	*counts = so->counts;
	counts->index = so->started ? RelationGetRelid(scan->indexRelation) : InvalidOid;
	counts->target = so->aim.target;
	counts->ef = so->ef;
	counts->expansions += so->search.n_found;
	counts->returned = so->n_returned;
}

/*
 * gv_hnsw_last_scan
 *		Tell what the scan that ended last in this session has done.
 */
void
gv_hnsw_last_scan(GvAmScanCounts *counts)
{
	*counts = last_counts;
}

/* Keep what an execution has done for those who ask when it has ended */
static void
keep_counts(IndexScanDesc scan)
{
	if (((GvHnswScan *) scan->opaque)->started)
		gv_hnsw_scan_counts(scan, &last_counts);
}

/*
 * gv_hnsw_rescan
 *		amrescan
 */
void
gv_hnsw_rescan(IndexScanDesc scan, ScanKey keys, int n_keys, ScanKey order_bys,
			   int n_order_bys)
{
	GvHnswScan *so = (GvHnswScan *) scan->opaque;

	keep_counts(scan);
	memset(&so->counts, 0, sizeof(so->counts));
	so->started = false;
	so->limit = gv_am_limit_of(order_bys);
	so->radius = gv_am_radius_of(order_bys);
	MemoryContextReset(so->context);
	if (keys && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
	if (order_bys && scan->numberOfOrderBys > 0)
		memmove(scan->orderByData, order_bys, scan->numberOfOrderBys * sizeof(ScanKeyData));
}

/*
 * gv_hnsw_end_scan
 *		amendscan
 */
void
gv_hnsw_end_scan(IndexScanDesc scan)
{
	GvHnswScan *so = (GvHnswScan *) scan->opaque;

	keep_counts(scan);
	gv_am_fetch_end(&so->fetch);
	MemoryContextDelete(so->context);
	pfree(so);
	scan->opaque = NULL;
}

/* --- results in order ---------------------------------------------------- */

static void
push_ready(GvHnswScan *so, const ReadyItem *item)
{
	gv_hnsw_ready_push(&so->ready, &so->n_ready, &so->max_ready, so->context, item);
}

static void
pop_ready(GvHnswScan *so, ReadyItem *item)
{
	gv_hnsw_ready_pop(so->ready, so->n_ready--, item);
}

/* Make a node that was found ready */
static void
push_found(GvHnswScan *so, const GvHnswFound *found)
{
	ReadyItem	item;

	item.key = found->key;
	item.is_asked = false;
	item.tid = found->tid;
	item.id = found->id;
	item.tid_chunk = found->tid_chunk;
	gv_hnsw_ready_set_interval(&so->ix.layout, &so->rounding, &item, found);
	push_ready(so, &item);
}

/* Make the nodes found since the last call ready */
static void
take_found(GvHnswScan *so)
{
	GvHnswSearch *search = &so->search;

	for (; so->n_taken < search->n_found; so->n_taken++)
	{
		GvHnswFound *found = &search->found[so->n_taken];

		if (so->strategy.filter &&
			!gv_hnsw_strategy_passes(&so->strategy, found->id, found->key))
			continue;
		if (found->state == GV_HNSW_NODE_LIVE)
			push_found(so, found);
	}
}

/*
 * How many rows may leave before the search goes on: the better half of the
 * nodes found, which can be fewer than ef since a node may be in the pool more
 * than once.
 */
static int64
better_half(const GvHnswScan *so)
{
	return Min(so->ef, so->search.n_found) / 2;
}

/* The same with a filter, where nodes that do not pass count as well */
static int64
leaving(const GvHnswScan *so)
{
	return (int64) (so->search.n_found * GV_HNSW_LEAVING_PART);
}

/* --- exact distances ------------------------------------------------------ */

/*
 * Fetch an item's exact distance from the table, and its key in units of the graph's.
 *
 * Returns false if the scan's snapshot does not see the row.
 */
static bool
fetch_exact_key(IndexScanDesc scan, GvHnswScan *so, ItemPointer tid, ReadyItem *item)
{
	if (!gv_am_fetch_key(&so->fetch, scan, so->ix.opclass, so->ix.meta.dim, so->query,
						 tid, &item->distance))
		return false;
	item->key = isnan(item->distance) ? INFINITY :
		so->key_offset + so->key_factor * item->distance;
	return true;
}

/* --- starting and going on ------------------------------------------------ */

/* Put what a sweep has found in order; returns how many of it are kept */
static int64
keep_nearest(GvHnswFound *swept, int64 n, int64 limit)
{
	gv_am_sort(swept, n, sizeof(GvHnswFound), gv_hnsw_ready_compare_found);
	return Min(n, limit);
}

/*
 * Note the nodes of a page that pass and have not been returned.
 *
 * swept: GvHnswFound[nodes_per_page], written
 *
 * Returns how many there are.
 */
static int
sweep_page(GvHnswScan *so, Page page, BlockNumber blkno, GvHnswFound *swept)
{
	GvHnswIndex *ix = &so->ix;
	int			n = 0;

	for (int slot = 0; slot < ix->layout.nodes_per_page; slot++)
	{
		uint32		id = gv_hnsw_make_id(&ix->layout, blkno, slot);
		GvHnswFound *f = &swept[n];
		GvHnswNode	node;

		/* nothing is read of nodes that do not pass: it is not in the caches */
		if (so->strategy.filter && !gv_hnsw_passing_has(&so->strategy.passing, id))
			continue;
		node = so->strategy.filter ? gv_hnsw_known_node(ix, page, slot) :
			gv_hnsw_page_node(ix, page, slot);
		if (node == NULL || node->state != GV_HNSW_NODE_LIVE ||
			gv_idset_contains(&so->search.seen, id))
			continue;
		memset(f, 0, sizeof(*f));
		if (gv_hnsw_layout_has_codes(&ix->layout))
		{
			f->key_bias = node->u.key_bias;
			f->key = gv_hnsw_node_key(&ix->layout, node, so->search.z) + f->key_bias;
			f->error = node->own_error;
		}
		else
			f->key = gv_am_exact_key(ix->opclass, so->query,
									 gv_hnsw_node_value(&so->search, node));
		if (so->sweeping &&
			(f->key < so->swept_key || (f->key == so->swept_key && id <= so->swept_id)))
			continue;
		if (so->radius_key < INFINITY)
		{
			ReadyItem	item;

			gv_hnsw_ready_set_interval(&ix->layout, &so->rounding, &item, f);
			if (gv_hnsw_ready_is_beyond(&item, so->radius_key))
				continue;
		}
		f->id = id;
		f->state = node->state;
		f->tid = node->tid;
		f->tid_chunk = node->tid_chunk;
		n++;
	}
	return n;
}

/*
 * Sweep the pages for nodes not expanded, and make the nearest of them ready,
 * as many as work_mem allows.
 *
 * Returns false if there are none.
 */
static bool
sweep(GvHnswScan *so)
{
	GvHnswIndex *ix = &so->ix;
	BlockNumber n_blocks = RelationGetNumberOfBlocks(ix->rel);
	int64		limit = Max((int64) (work_mem * 1024.0 * gv_hnsw_scan_mem_multiplier / 2 /
									 sizeof(GvHnswFound)), 64);
	GvHnswFound *swept;
	int64		n = 0;
	bool		truncated = false;
	BlockNumber next;
	BlockNumber ahead = n_blocks;

	if (so->strategy.filter)
	{
		gv_hnsw_strategy_know(&so->strategy);
		limit = Min(limit, so->strategy.passing.n_passing + 1);
		ahead = gv_hnsw_strategy_next_block(&so->strategy, GV_HNSW_META_BLKNO + 1, n_blocks);
		for (int i = 0; i < SWEEP_AHEAD && ahead < n_blocks; i++)
		{
			gv_hnsw_strategy_prefetch(&so->strategy, ahead);
			ahead = gv_hnsw_strategy_next_block(&so->strategy, ahead + 1, n_blocks);
		}
	}
	swept = MemoryContextAllocHuge(so->context, (2 * limit + ix->layout.nodes_per_page) *
								   sizeof(GvHnswFound));
	for (BlockNumber blkno = gv_hnsw_strategy_next_block(&so->strategy, GV_HNSW_META_BLKNO + 1,
														 n_blocks);
		 blkno < n_blocks; blkno = next)
	{
		Buffer		buf;

		CHECK_FOR_INTERRUPTS();
		next = gv_hnsw_strategy_next_block(&so->strategy, blkno + 1, n_blocks);
		if (ahead < n_blocks)
		{
			gv_hnsw_strategy_prefetch(&so->strategy, ahead);
			ahead = gv_hnsw_strategy_next_block(&so->strategy, ahead + 1, n_blocks);
		}
		buf = gv_am_read_buffer(ix->hints, ix->rel, blkno);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		n += sweep_page(so, BufferGetPage(buf), blkno, &swept[n]);
		UnlockReleaseBuffer(buf);
		if (n >= 2 * limit)
		{
			n = keep_nearest(swept, n, limit);
			truncated = true;
		}
	}

	if (n == 0)
	{
		pfree(swept);
		return false;
	}
	if (truncated)
	{
		n = keep_nearest(swept, n, limit);
		so->swept_key = swept[n - 1].key;
		so->swept_id = swept[n - 1].id;
		so->sweeping = true;
	}
	for (int64 i = 0; i < n; i++)
		push_found(so, &swept[i]);
	pfree(swept);
	so->counts.swept += n;
	so->sweep_done = !truncated;
	return true;
}

/* Make all nodes that pass ready, as many as work_mem allows */
static void
collect(GvHnswScan *so)
{
	if (!so->sweep_done && !sweep(so))
		so->sweep_done = true;
}

/* Run a search whose pool was filled, and fill it again where nodes found twice emptied it */
static void
run_search(GvHnswScan *so)
{
	gv_hnsw_search_run(&so->search);
	for (int i = 0; i < MAX_REFILLS; i++)
	{
		/* an answer of ten rows is common, so do not go on for want of one */
		if (so->search.n_found >= Max(Min(so->ef, 10), so->ef / 4 * 3) ||
			!gv_hnsw_search_resume(&so->search, so->ef))
			break;
		gv_hnsw_search_run(&so->search);
	}
	if (!gv_hnsw_search_found_live(&so->search))
	{
		gv_hnsw_search_seed_live(&so->search, gv_hnsw_cache(&so->ix));
		gv_hnsw_search_run(&so->search);
	}
	take_found(so);
}

/* The search is over: for the sweep, "seen" must be the nodes taken */
static void
end_search(GvHnswScan *so)
{
	gv_idset_clear(&so->search.seen);
	if (so->left_out != 0)
		gv_idset_add(&so->search.seen, so->left_out);
	for (int64 i = 0; i < so->n_taken; i++)
		gv_idset_add(&so->search.seen, so->search.found[i].id);
	so->exhausted = true;
}

/* Go on at once where the query is unlike the rows */
static void
widen_search(GvHnswScan *so)
{
	int			ef = gv_hnsw_aim_widen(&so->aim, &so->ix.meta, &so->search, so->ef);

	if (ef == so->ef)
		return;
	if (gv_hnsw_aim_needs_sweep(&so->aim, &so->ix, ef))
	{
		end_search(so);
		return;
	}
	so->ef = ef;
	if (gv_hnsw_search_resume(&so->search, ef))
		run_search(so);
}

/* Start again where the rows that pass are */
static void
search_elsewhere(GvHnswScan *so, const GvHnswCache *cache)
{
	so->n_ready = so->n_taken = 0;
	so->counts.expansions += so->search.n_found;
	gv_hnsw_strategy_forget(&so->strategy);
	gv_hnsw_search_restart(&so->search, so->ef);
	gv_hnsw_strategy_direct(&so->strategy, &so->search);
	gv_hnsw_search_seed(&so->search, cache);
	run_search(so);
}

/* Search the graph for the first rows that pass */
static void
search_with_filter(GvHnswScan *so, const GvHnswCache *cache)
{
	GvHnswStrategy *strategy = &so->strategy;
	int			first_ef = so->ef;
	int			ef = 0;

	so->sweep_done = so->null_norm_done = strategy->filter->never;
	if (gv_hnsw_strategy_probe(strategy, so->ef, so->limit))
	{
		gv_hnsw_search_seed(&so->search, cache);
		run_search(so);
		ef = gv_hnsw_strategy_decide(strategy, so->ef);
	}
	if (ef > 0)
	{
		so->ef = ef;
		if (strategy->revised)
			search_elsewhere(so, cache);
		else if (strategy->knows_passing)
		{
			/* all found so far is judged again */
			so->n_ready = so->n_taken = 0;
			gv_hnsw_strategy_forget(strategy);
			gv_hnsw_strategy_direct(strategy, &so->search);
			(void) gv_hnsw_search_redirect(&so->search, so->ef);
			run_search(so);
		}
		else if (gv_hnsw_search_resume(&so->search, so->ef))
			run_search(so);
		if (gv_hnsw_strategy_revise(strategy))
		{
			ef = gv_hnsw_strategy_elsewhere(strategy, first_ef);
			if (ef > 0)
			{
				so->ef = ef;
				search_elsewhere(so, cache);
			}
		}
	}
	if (ef == 0)
	{
		end_search(so);
		collect(so);
	}
}

/* Beyond so many expansions a sweep is cheaper */
static int64
sweep_from(const GvHnswScan *so)
{
	return (int64) RelationGetNumberOfBlocks(so->ix.rel) * so->ix.layout.nodes_per_page /
		GV_HNSW_SWEEP_FRACTION;
}

/* Is it worth a sweep to find all rows within the radius? */
static bool
may_sweep_radius(const GvHnswScan *so)
{
	return gv_hnsw_iterative_scan != GV_HNSW_ITERATIVE_OFF &&
		(double) RelationGetNumberOfBlocks(so->ix.rel) * so->ix.layout.nodes_per_page <=
		gv_hnsw_max_scan_tuples;
}

/* How many of the rows that a first search found may leave */
static void
set_may_return(GvHnswScan *so)
{
	so->may_return_to = INFINITY;
	if (so->limit > 0 && so->radius_key < INFINITY && may_sweep_radius(so) &&
		gv_hnsw_ready_count_within(so->ready, so->n_ready, so->radius_key) <
		Min(so->limit, so->n_ready))
		so->may_return = 0;		/* it will come to a sweep: then nothing is late */
	else if (so->strategy.filter)
	{
		so->may_return = PG_INT64_MAX;
		if (!so->exhausted)
			so->may_return_to = gv_hnsw_strategy_limit(&so->strategy, leaving(so));
	}
	else if (gv_hnsw_iterative_scan == GV_HNSW_ITERATIVE_OFF)
		so->may_return = PG_INT64_MAX;
	else if (so->exhausted)
		so->may_return = 0;		/* a sweep comes next, so what was found so far waits */
	else if (RelationGetNumberOfBlocks(so->ix.rel) <= Max(so->ef, SMALL_INDEX))
		so->may_return = 0;		/* a sweep costs no more, and misses nothing */
	else if (so->limit > so->aim.k &&
			 gv_hnsw_aim_ef(&so->aim, &so->ix.meta, so->limit) > sweep_from(so))
		so->may_return = 0;		/* it will come to one: then nothing is late */
	else if (so->aim.target > 0)
		so->may_return = so->aim.k;
	else
		so->may_return = Max(10, better_half(so));
}

/* Fetch the cache, and make of the query what the graph knows */
static const GvHnswCache *
set_query(GvHnswScan *so)
{
	GvHnswIndex *ix = &so->ix;
	GvHnswCache *cache = gv_hnsw_cache(ix);

	so->key_offset = 0;
	so->key_factor = 1;
	if (gv_hnsw_layout_has_codes(&ix->layout))
	{
		GvAmRotated rotated;
		double		unit2 = (double) cache->inverse_unit * cache->inverse_unit;

		gv_hnsw_search_set_point(&so->search,
								 gv_hnsw_transform(ix, cache, so->query, true, &rotated));
		gv_hnsw_ready_set_rounding(&so->rounding, ix->meta.metric, &ix->layout, cache->center,
								   so->search.z_norm2);

		/* how exact keys translate into squared distances of points */
		if (ix->meta.metric == GV_AM_METRIC_L2)
			so->key_factor = unit2;
		else if (ix->meta.metric == GV_AM_METRIC_COSINE)
			so->key_factor = 2;
		else
		{
			gv_hnsw_ready_set_longest(&so->rounding, &ix->meta, rotated.norm2);
			/* the query was multiplied by a scale */
			so->key_factor = 2 * unit2 * rotated.scale;
			so->key_offset = unit2 * (rotated.scale * rotated.scale * rotated.norm2 +
									  (double) ix->meta.max_norm * ix->meta.max_norm);
		}
	}
	else
		so->search.value = so->query;
	so->radius_key = gv_hnsw_ready_radius_key(ix->meta.metric, so->radius, so->key_offset,
											  so->key_factor);
	return cache;
}

/* Begin a scan: the first search */
static void
start_scan(IndexScanDesc scan, GvHnswScan *so)
{
	MemoryContext old_context;
	GvHnswIndex *ix = &so->ix;
	const GvHnswCache *cache;
	Datum		value;
	bool		is_null;

	if (scan->numberOfOrderBys == 0 || scan->orderByData == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot scan hnsw index \"%s\" without an order",
						RelationGetRelationName(scan->indexRelation)),
				 errhint("Order the query by the distance of the indexed column.")));
	if (!IsMVCCSnapshot(scan->xs_snapshot))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot scan hnsw index \"%s\" with a snapshot that is not MVCC",
						RelationGetRelationName(scan->indexRelation))));
	pgstat_count_index_scan(scan->indexRelation);
	gv_base_count_search(scan);

	/* Anything that looks at the catalogs comes before the cache is fetched */
	old_context = MemoryContextSwitchTo(so->context);
	is_null = (scan->orderByData->sk_flags & SK_ISNULL) != 0;
	value = is_null ? (Datum) 0 :
		PointerGetDatum(PG_DETOAST_DATUM(scan->orderByData->sk_argument));
	gv_hnsw_open(ix, scan->indexRelation);
	gv_hnsw_strategy_begin(&so->strategy, ix, scan);
	if (is_null)
		value = gv_am_zero_value(ix->opclass, ix->meta.dim);
	else
		gv_am_check_query_dim(ix->opclass, gv_am_value_dim(ix->opclass, value), ix->meta.dim);

	memset(&so->search, 0, sizeof(so->search));
	so->query = value;
	so->n_taken = 0;
	so->n_returned = 0;
	so->exhausted = false;
	so->ready = NULL;
	so->n_ready = so->max_ready = 0;
	so->late = NULL;
	so->n_late = so->max_late = 0;
	so->late_sorted = false;
	so->last.key = so->last.upper = so->last.distance = -INFINITY;
	so->last.is_exact = true;
	so->next_chunk = GV_HNSW_INVALID_ID;
	so->n_tids = 0;
	so->recheck = false;
	so->sweeping = so->sweep_done = so->null_norm_done = false;
	so->can_fetch = scan->heapRelation != NULL;
	so->fetch.hints = so->can_fetch ? gv_am_hints(scan->heapRelation) : NULL;

	so->ef = gv_hnsw_aim_begin(&so->aim, ix, so->limit, so->strategy.filter ||
							   gv_hnsw_iterative_scan == GV_HNSW_ITERATIVE_OFF);
	so->search.left_out = so->left_out;
	so->search.keep_spilled = true;
	so->search.spilled_limit = Max((int64) (work_mem * 1024.0 * gv_hnsw_scan_mem_multiplier /
											sizeof(GvHnswSpilled) / 2), 1024);
	gv_hnsw_search_init(&so->search, ix, so->context, so->ef);
	if (so->left_out != 0 && so->go_by)
		so->search.bypass = gv_hnsw_bypass_begin(ix, so->context, so->left_out);

	cache = set_query(so);
	if (so->strategy.filter)
		search_with_filter(so, cache);
	else
	{
		gv_hnsw_search_seed(&so->search, cache);
		so->ef = gv_hnsw_aim_narrow(&so->aim, &so->ix.meta, &so->search, so->ef);
		if (gv_hnsw_aim_needs_sweep(&so->aim, ix, so->ef))
			end_search(so);
		else
		{
			run_search(so);
			widen_search(so);
		}
	}
	set_may_return(so);

	so->started = true;
	MemoryContextSwitchTo(old_context);
}

/*
 * Find more rows.  Returns false if there are no more, or may be no more.
 */
static bool
go_on(GvHnswScan *so)
{
	if (gv_hnsw_iterative_scan == GV_HNSW_ITERATIVE_OFF ||
		so->search.n_found >= gv_hnsw_max_scan_tuples ||
		so->n_returned >= gv_hnsw_max_scan_tuples)
	{
		so->may_return = PG_INT64_MAX;
		return false;
	}

	if (!so->exhausted)
	{
		so->ef = gv_hnsw_aim_raise(&so->aim, &so->ix.meta, so->ef);
		if (so->may_return == 0 ||
			(so->strategy.filter &&
			 gv_hnsw_strategy_should_collect(&so->strategy, so->search.n_found + so->ef)) ||
			so->search.n_found + so->ef > sweep_from(so) ||
			!gv_hnsw_search_resume(&so->search, so->ef))
			end_search(so);
		else
		{
			gv_hnsw_search_run(&so->search);
			take_found(so);
			if (so->strategy.filter)
				so->may_return_to = gv_hnsw_strategy_limit(&so->strategy, leaving(so));
			else if (so->aim.target > 0)
				so->may_return = so->aim.k;
			else
				so->may_return = better_half(so);
			return true;
		}
	}

	so->may_return = PG_INT64_MAX;
	so->may_return_to = INFINITY;
	if (so->sweep_done)
		return false;
	/* a sweep makes many rows ready; the limit counts those returned */
	if (gv_hnsw_max_scan_tuples < INT_MAX)
		so->may_return = gv_hnsw_max_scan_tuples;
	if (!sweep(so))
	{
		so->sweep_done = true;
		return false;
	}
	return true;
}

/*
 * All that is found lies beyond the radius: what lies within it and was not
 * found, a sweep finds.
 */
static void
end_within_radius(GvHnswScan *so)
{
	int64		n = 0;

	for (int64 i = 0; i < so->n_ready; i++)
	{
		if (!gv_hnsw_ready_is_beyond(&so->ready[i], so->radius_key))
			so->ready[n++] = so->ready[i];
	}
	so->n_ready = n;
	if (!so->exhausted)
		end_search(so);
	so->may_return = PG_INT64_MAX;
	so->may_return_to = INFINITY;
	so->sweep_done |= !may_sweep_radius(so);
}

/* --- returning rows ------------------------------------------------------- */

/*
 * Replace an item's bounds by its exact key.
 *
 * All rows of an item have the same vector, so the first that the snapshot
 * sees will do.  Returns false if it sees none.
 */
static bool
make_exact(IndexScanDesc scan, GvHnswScan *so, ReadyItem *item)
{
	ItemPointerData tids[GV_HNSW_CHUNK_TIDS];
	uint32		chunk = item->tid_chunk;
	int			n = 0;
	bool		found = false;

	so->n_chunks = 0;
	if (ItemPointerIsValid(&item->tid))
		found = fetch_exact_key(scan, so, &item->tid, item);
	while (!found && chunk != GV_HNSW_INVALID_ID)
	{
		n = gv_hnsw_read_chunk(&so->ix, &so->n_chunks, &chunk, item->id, tids);
		for (int i = 0; i < n && !found; i++)
			found = fetch_exact_key(scan, so, &tids[i], item);
	}
	item->lower = item->upper = item->key;
	item->is_exact = true;
	so->counts.reranked++;
	return found;
}

/* Keep an item for the end of the scan */
static void
keep_late(GvHnswScan *so, const ReadyItem *item)
{
	if (so->n_late == so->max_late)
	{
		Size		size = (so->max_late = Max(64, so->max_late * 2)) * sizeof(ReadyItem);

		so->late = so->late ? repalloc_huge(so->late, size) :
			MemoryContextAllocHuge(so->context, size);
	}
	so->late[so->n_late++] = *item;
}

/* When nothing else is left: the late ones, then vectors without direction */
static bool
next_at_end(GvHnswScan *so, ReadyItem *item)
{
	if (gv_hnsw_iterative_scan == GV_HNSW_ITERATIVE_OFF)
		return false;
	if (so->n_late > 0)
	{
		if (!so->late_sorted)
			gv_am_sort(so->late, so->n_late, sizeof(ReadyItem), gv_hnsw_ready_compare_late);
		so->late_sorted = true;
		*item = so->late[--so->n_late];
		return true;
	}
	if (!so->null_norm_done)
	{
		so->null_norm_done = true;
		if (so->ix.meta.null_norm_chunk != GV_HNSW_INVALID_ID)
		{
			memset(item, 0, sizeof(*item));
			item->id = GV_HNSW_NULL_NORM_OWNER;
			item->tid_chunk = so->ix.meta.null_norm_chunk;
			ItemPointerSetInvalid(&item->tid);
			return true;
		}
	}
	return false;
}

/* The next item in order; false at the end of the scan */
static bool
next_item(IndexScanDesc scan, GvHnswScan *so, ReadyItem *item)
{
	for (;;)
	{
		if (so->n_ready > 0 && gv_hnsw_ready_is_beyond(&so->ready[0], so->radius_key))
			end_within_radius(so);
		if (so->n_ready == 0 || so->n_returned >= so->may_return ||
			so->ready[0].lower > so->may_return_to)
		{
			if (go_on(so))
				continue;
			if (so->n_returned >= gv_hnsw_max_scan_tuples)
				return false;
			if (so->n_ready == 0)
				return next_at_end(so, item);
		}

		if (so->fetch.hints)
			gv_hnsw_ready_ask(so->ready, so->n_ready, so->fetch.hints, scan->heapRelation);
		pop_ready(so, item);
		if (!item->is_exact && so->can_fetch &&
			((so->n_ready > 0 && item->upper > so->ready[0].lower) ||
			 item->lower <= so->last.upper || isinf(item->upper)))
		{
			if (make_exact(scan, so, item))
				push_ready(so, item);
			continue;
		}

		so->n_returned++;
		if (item->lower <= so->last.upper &&
			gv_hnsw_iterative_scan == GV_HNSW_ITERATIVE_STRICT)
		{
			/* the bounds of the last one did not tell; a row that is gone will do */
			if (!so->last.is_exact && so->can_fetch)
				(void) make_exact(scan, so, &so->last);
			if (gv_hnsw_ready_is_nearer(item, &so->last))
			{
				keep_late(so, item);
				continue;
			}
		}
		so->last = *item;
		return true;
	}
}

/* Hand a row to the executor */
static bool
return_tid(IndexScanDesc scan, GvHnswScan *so, const ItemPointerData *tid)
{
	scan->xs_heaptid = *tid;
	gv_am_check_tid(&so->fetch.n_heap_blocks, scan, &scan->xs_heaptid);
	if (so->fetch.hints && scan->xs_heapfetch)
		gv_am_pin_row(scan->xs_heapfetch, so->fetch.hints, &scan->xs_heaptid);
	return true;
}

/*
 * gv_hnsw_get_tuple
 *		amgettuple: return the next row in the order of distance.
 */
bool
gv_hnsw_get_tuple(IndexScanDesc scan, ScanDirection direction)
{
	GvHnswScan *so = (GvHnswScan *) scan->opaque;
	ReadyItem	item;

	Assert(ScanDirectionIsForward(direction));
	if (!so->started)
		start_scan(scan, so);

	scan->xs_recheck = so->recheck;
	scan->xs_recheckorderby = false;
	for (;;)
	{
		/* further rows of the vector returned last */
		if (so->n_tids > 0)
			return return_tid(scan, so, &so->tids[--so->n_tids]);
		if (so->next_chunk != GV_HNSW_INVALID_ID)
		{
			so->n_tids = gv_hnsw_read_chunk(&so->ix, &so->n_chunks, &so->next_chunk,
											so->chunk_owner, so->tids);
			continue;
		}

		if (!next_item(scan, so, &item))
			return false;

		/* rows of one vector may differ in their filter columns */
		so->recheck = so->strategy.filter != NULL &&
			(so->strategy.filter->recheck || item.tid_chunk != GV_HNSW_INVALID_ID);
		scan->xs_recheck = so->recheck;
		so->next_chunk = item.tid_chunk;
		so->chunk_owner = item.id;
		so->n_chunks = 0;
		if (ItemPointerIsValid(&item.tid))
		{
			if (so->fetch.hints)
				gv_hnsw_ready_prefetch(so->ready, so->n_ready, so->fetch.hints);
			return return_tid(scan, so, &item.tid);
		}
	}
}
