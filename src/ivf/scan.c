/*-------------------------------------------------------------------------
 *
 * scan.c
 *		Ordered scans.
 *
 * Rows leave in the order of their exact distances, as far as the lists read
 * go: the row of the least bound is looked at, in the index or in the table,
 * and put back with its distance, until the least is a distance.  The bounds of
 * codes are wrong now and then, so rows are taken some at a time, all that LIMIT
 * asks for if it is known, else more each time, and sorted before they leave.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/relscan.h"
#include "catalog/pg_am.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "am/fetch.h"
#include "am/limit.h"
#include "am/sort.h"
#include "ivf/aim.h"
#include "ivf/calibrate.h"
#include "ivf/ivf.h"
#include "ivf/options.h"
#include "ivf/search.h"

/* Rows that a scan is thought to be for if its LIMIT is not known */
#define FIRST_K 10

/* A scan that is asked for more rows goes on with the lists for so many times as many */
#define GROWTH 3

/* Rows that the processor is asked for ahead, and bytes of a vector of the index */
#define ROWS_AHEAD 5
#define VALUE_AHEAD 512

/* Beyond what the recall needs, lists are read in rounds of this part of those read */
#define ROUND_FRACTION 2

typedef struct GvIvfScan
{
	MemoryContext context;		/* reset by a rescan */
	bool		started;
	GvIvfIndex	ix;
	GvIvfSearch search;
	GvAmFetch	fetch;
	GvAmFilter *filter;
	int64		limit;			/* rows asked for; 0: not known */
	double		target;			/* recall; 0: the number of lists was set */
	int64		k;				/* rows that the lists read are enough for */
	int			n_probes;		/* lists that a search reads first */
	int			max_probes;		/* and the most that it goes on to */
	bool		exhausted;		/* all lists were read */
	bool		read_all;		/* read them at once: see gv_ivf_scan_place */
	uint32		place;			/* of the list of the row returned last */
	double		key;			/* of that row */
	GvIvfFound *taken;			/* rows on their way out, the nearest last */
	int64		n_taken;
	int64		n_held;			/* of these, the last ones, which wait for more */
	int64		max_taken;
	HTAB	   *known;			/* Known: of an index whose rows are in two lists */
	ItemPointerData left_out;	/* a row that is not returned, or invalid */
	bool		can_fetch;
	GvAmScanCounts counts;
} GvIvfScan;

/* A row that was looked at, by its tid */
typedef struct Known
{
	ItemPointerData tid;
	uint32		place;			/* of the nearest list in which it was found */
} Known;

/*
 * gv_ivf_begin_scan
 *		ambeginscan
 */
IndexScanDesc
gv_ivf_begin_scan(Relation index, int n_keys, int n_order_bys)
{
	IndexScanDesc scan = RelationGetIndexScan(index, n_keys, n_order_bys);
	GvIvfScan  *so = palloc0(sizeof(GvIvfScan));

	so->context = AllocSetContextCreate(CurrentMemoryContext, "ivf scan",
										ALLOCSET_DEFAULT_SIZES);
	gv_am_fetch_init(&so->fetch);
	scan->opaque = so;
	return scan;
}

/*
 * gv_ivf_rescan
 *		amrescan
 */
void
gv_ivf_rescan(IndexScanDesc scan, ScanKey keys, int n_keys, ScanKey order_bys,
			  int n_order_bys)
{
	GvIvfScan  *so = (GvIvfScan *) scan->opaque;

	memset(&so->counts, 0, sizeof(so->counts));
	so->started = false;
	so->limit = gv_am_limit_of(order_bys);
	ItemPointerSetInvalid(&so->left_out);
	MemoryContextReset(so->context);
	if (keys && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
	if (order_bys && scan->numberOfOrderBys > 0)
		memmove(scan->orderByData, order_bys, scan->numberOfOrderBys * sizeof(ScanKeyData));
}

/*
 * gv_ivf_end_scan
 *		amendscan
 */
void
gv_ivf_end_scan(IndexScanDesc scan)
{
	GvIvfScan  *so = (GvIvfScan *) scan->opaque;

	gv_am_fetch_end(&so->fetch);
	MemoryContextDelete(so->context);
	pfree(so);
	scan->opaque = NULL;
}

/*
 * gv_ivf_scan_counts
 *		Tell what a scan has done.
 */
void
gv_ivf_scan_counts(IndexScanDesc scan, GvAmScanCounts *counts)
{
	GvIvfScan  *so = (GvIvfScan *) scan->opaque;

	*counts = so->counts;
	counts->index = so->started ? RelationGetRelid(scan->indexRelation) : InvalidOid;
	counts->target = so->target;
	counts->ef = counts->probes = so->started ? so->search.n_probes : 0;
	counts->expansions = counts->rows = so->started ? so->search.n_rows : 0;
}

/*
 * gv_ivf_scan_read_all
 *		Have a scan read all lists at once, for its first rows.
 *
 * n_rows: that will be asked for
 */
void
gv_ivf_scan_read_all(IndexScanDesc scan, int64 n_rows)
{
	GvIvfScan  *so = (GvIvfScan *) scan->opaque;

	so->read_all = true;
	so->limit = n_rows;
}

/*
 * gv_ivf_scan_expect
 *		Tell a scan, not begun, how many rows will be asked for, and which it is
 *		to leave out; invalid: none.
 */
void
gv_ivf_scan_expect(IndexScanDesc scan, int64 limit, ItemPointer left_out)
{
	GvIvfScan  *so = (GvIvfScan *) scan->opaque;

	so->limit = limit;
	so->left_out = *left_out;
}

/*
 * gv_ivf_scan_place
 *		The place of the list of the row returned last, from 0 for the nearest.
 *
 * key: of that row, written
 * own_key: that a row with the query's vector would have, written
 */
uint32
gv_ivf_scan_place(IndexScanDesc scan, double *key, double *own_key)
{
	const GvIvfScan *so = (GvIvfScan *) scan->opaque;

	*key = so->key + so->search.key_offset;
	*own_key = so->search.key_offset + so->search.key_factor *
		gv_am_exact_key(so->ix.opclass, so->search.value, so->search.value);
	return so->place;
}

/* May a scan go on to lists beyond those that a search reads first? */
static bool
may_go_on(const GvIvfScan *so)
{
	const GvIvfSettings *settings = gv_ivf_settings(so->ix.rel);

	return settings->iterative_scan != GV_IVF_ITERATIVE_OFF && !so->exhausted &&
		so->search.n_probes < so->max_probes;
}

/* Read further lists, n at most */
static bool
read_lists(GvIvfScan *so, int64 n)
{
	const GvIvfSettings *settings = gv_ivf_settings(so->ix.rel);

	if (settings->iterative_scan != GV_IVF_ITERATIVE_OFF)
		n = Min(n, Max(so->max_probes - (int64) so->search.n_probes, 1));
	if (gv_ivf_search_lists(&so->search, (uint32) Max(n, 1)))
		return true;
	so->exhausted = true;
	return false;
}

/*
 * How many lists to go on with: part of those read, but no more than whose rows
 * fit into work_mem
 */
static int64
next_round(const GvIvfScan *so)
{
	const GvIvfSearch *search = &so->search;
	double		rows = (double) search->n_rows / Max(search->n_probes, 1) + 1;
	double		room = work_mem * 1024.0 / sizeof(GvIvfFound);

	return (int64) Min(search->n_probes / ROUND_FRACTION, room / rows) + 1;
}

/* The lists that rows beyond those foreseen need */
static void
raise_aim(GvIvfScan *so)
{
	int64		n = next_round(so);

	so->k *= GROWTH;
	if (so->target > 0)
		n = gv_ivf_aim_probes(&so->ix.meta, so->target, (int) Min(so->k, PG_INT32_MAX)) -
			(int64) so->search.n_probes;
	if (n > 0)
		(void) read_lists(so, n);
}

/* Prepare the query and read the first lists */
static void
start_scan(IndexScanDesc scan, GvIvfScan *so)
{
	MemoryContext old_context;
	GvIvfIndex *ix = &so->ix;
	Relation	rel = scan->indexRelation;
	Datum		value;
	bool		is_null;

	if (scan->numberOfOrderBys == 0 || scan->orderByData == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot scan %s index \"%s\" without an order",
						get_am_name(rel->rd_rel->relam), RelationGetRelationName(rel)),
				 errhint("Order the query by the distance of the indexed column.")));
	if (!IsMVCCSnapshot(scan->xs_snapshot))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot scan %s index \"%s\" with a snapshot that is not MVCC",
						get_am_name(rel->rd_rel->relam), RelationGetRelationName(rel))));
	/* a calibration's are no searches of anybody's */
	if (!so->read_all)
	{
		pgstat_count_index_scan(rel);
		gv_base_count_search(scan);
	}

	old_context = MemoryContextSwitchTo(so->context);
	is_null = (scan->orderByData->sk_flags & SK_ISNULL) != 0;
	value = is_null ? (Datum) 0 :
		PointerGetDatum(PG_DETOAST_DATUM(scan->orderByData->sk_argument));
	gv_ivf_open(ix, rel);
	so->filter = scan->numberOfKeys > 0 ?
		gv_am_filter_compile(&ix->filters, scan->keyData, scan->numberOfKeys) : NULL;
	if (is_null)
		value = gv_am_zero_value(ix->opclass, ix->meta.dim);
	else
		gv_am_check_query_dim(ix->opclass, gv_am_value_dim(ix->opclass, value), ix->meta.dim);

	so->k = so->limit > 0 ? so->limit : FIRST_K;
	so->n_probes = gv_ivf_option_probes(rel, &so->target);
	so->max_probes = gv_ivf_aim_share(rel, &ix->meta, gv_ivf_settings(rel)->max_probes);
	if (so->n_probes > 0)
	{
		so->n_probes = gv_ivf_aim_share(rel, &ix->meta, so->n_probes);
		so->target = 0;
	}
	else
		so->n_probes = gv_ivf_aim_probes(&ix->meta, so->target, (int) Min(so->k, PG_INT32_MAX));
	so->taken = NULL;
	so->n_taken = so->n_held = so->max_taken = 0;
	so->known = NULL;
	if (ix->meta.spills)
	{
		HASHCTL		control = {.keysize = sizeof(ItemPointerData), .entrysize = sizeof(Known),
		.hcxt = so->context};

		so->known = hash_create("ivf rows", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	so->exhausted = false;
	so->can_fetch = scan->heapRelation != NULL;
	so->fetch.hints = so->can_fetch ? gv_am_hints(scan->heapRelation) : NULL;

	if (so->read_all)
		so->n_probes = ix->meta.n_lists;
	gv_ivf_search_begin(&so->search, ix, value, so->filter, (int) Min(so->k, PG_INT32_MAX));
	so->started = true;
	(void) read_lists(so, so->n_probes);

	/* with conditions, or where lists are short, the rows may be elsewhere */
	while (so->search.n_ready + so->search.n_late < so->k && may_go_on(so) &&
		   read_lists(so, next_round(so)))
		;
	MemoryContextSwitchTo(old_context);
}

/*
 * Compute a row's exact key, from the index or the table.  Returns false if the
 * snapshot does not see the row.
 */
static bool
make_exact(IndexScanDesc scan, GvIvfScan *so, GvIvfFound *found)
{
	double		exact;

	if (!gv_ivf_search_exact(&so->search, found))
	{
		if (!gv_am_fetch_key(&so->fetch, scan, so->ix.opclass, so->ix.meta.dim,
							 so->search.value, &found->tid, &exact))
			return false;
		gv_ivf_search_set_exact(&so->search, found, exact);
		so->counts.reranked++;
	}
	return true;
}

/* Ask for what the index keeps of the rows that come next */
static void
ask_for_values(GvIvfScan *so)
{
	const GvIvfFound *ready = so->search.ready;
	bool		has_fine = gv_ivf_has_fine_codes(&so->ix.layout);
	int			io_depth = has_fine ? gv_am_io_depth(so->ix.hints, so->ix.rel) : 0;

	for (int64 i = 0; i < Min(so->search.n_ready, io_depth); i++)
	{
		if (!ready[i].is_exact && !ready[i].is_fine)
			gv_am_ask_for_block(so->ix.hints, so->ix.rel, ready[i].place);
	}
	for (int64 i = 0; i < Min(so->search.n_ready, ROWS_AHEAD); i++)
	{
		if (!ready[i].is_exact && !ready[i].is_fine)
			gv_am_prefetch(so->ix.hints, ready[i].place,
						   ready[i].slot * so->ix.layout.value_bytes, VALUE_AHEAD);
	}
}

/*
 * Ask for the rows that come next: the processor, and the system where blocks
 * were not in memory lately.
 */
static void
ask_for_rows(IndexScanDesc scan, GvIvfScan *so)
{
	const GvIvfFound *ready = so->search.ready;
	GvAmHints  *hints = so->fetch.hints;
	int64		n = Min(so->search.n_ready, ROWS_AHEAD);
	bool		has_fine = gv_ivf_has_fine_codes(&so->ix.layout);
	int			io_depth;

	if (gv_ivf_keeps_values(&so->ix.layout))
	{
		ask_for_values(so);
		if (gv_ivf_keeps_vectors(&so->ix.layout))
			return;
	}
	/* the head of a binary heap is about what leaves it first */
	io_depth = gv_am_io_depth(hints, scan->heapRelation);
	for (int64 i = 0; i < Min(so->search.n_ready, io_depth); i++)
	{
		if (!has_fine || ready[i].is_fine)
			gv_am_ask_for_block(hints, scan->heapRelation,
								ItemPointerGetBlockNumber(&ready[i].tid));
	}
	for (int64 i = 0; i < n; i++)
	{
		if (!has_fine || ready[i].is_fine)
			gv_am_prefetch_row(hints, &ready[i].tid, i == 0 ? 1 : 0);
	}
}

/* Was a row that was found looked at before, in its other list? */
static bool
is_known(GvIvfScan *so, GvIvfFound *found)
{
	Known	   *known;
	bool		exists;

	if (so->known == NULL || found->is_known)
		return false;
	known = hash_search(so->known, &found->tid, HASH_ENTER, &exists);
	known->place = exists ? Min(known->place, found->list) : found->list;
	found->is_known = true;
	return exists;
}

/* The place of the nearest list in which a row was found */
static uint32
place_of(GvIvfScan *so, const GvIvfFound *found)
{
	const Known *known = so->known == NULL ? NULL :
		hash_search(so->known, &found->tid, HASH_FIND, NULL);

	return known ? known->place : found->list;
}

/* The next row by its bounds; false at the end of the scan */
static bool
next_found(IndexScanDesc scan, GvIvfScan *so, GvIvfFound *found)
{
	for (;;)
	{
		if (!gv_ivf_search_next(&so->search, found))
		{
			if (may_go_on(so) &&
				read_lists(so, next_round(so)))
				continue;
			if (gv_ivf_settings(so->ix.rel)->iterative_scan != GV_IVF_ITERATIVE_OFF &&
				so->exhausted && gv_ivf_search_loose(&so->search))
				continue;
			return false;
		}
		if (is_known(so, found))
			continue;
		if (!found->is_exact && so->search.has_direction && so->can_fetch)
		{
			CHECK_FOR_INTERRUPTS();
			ask_for_rows(scan, so);
			if (gv_ivf_search_refine(&so->search, found) || make_exact(scan, so, found))
				gv_ivf_search_put(&so->search, found);
			continue;
		}
		if (!ItemPointerIsValid(&so->left_out) || !ItemPointerEquals(&so->left_out, &found->tid))
			return true;
	}
}

/* Farthest first: rows leave from the end */
static int
compare_taken(const void *a, const void *b)
{
	const GvIvfFound *x = a;
	const GvIvfFound *y = b;

	if (x->key != y->key)
		return x->key > y->key ? -1 : 1;
	return ItemPointerCompare(unconstify(ItemPointerData *, &y->tid),
							  unconstify(ItemPointerData *, &x->tid));
}

/*
 * Take the rows that leave next: all that are asked for, if that is known; else
 * those that the lists read are enough for, or as many as have left, and half as
 * many that are held back for rows whose bounds are wrong.  No more than fit into
 * work_mem.
 *
 * Returns false at the end of the scan.
 */
static bool
take_rows(IndexScanDesc scan, GvIvfScan *so)
{
	int64		returned = so->counts.returned;
	int64		n = so->limit > returned ? so->limit - returned :
		(so->k > returned ? so->k - returned : Max(returned, FIRST_K));
	int64		most = Max((int64) (work_mem * 1024.0 / sizeof(GvIvfFound)), FIRST_K);

	so->n_held = so->limit > returned ? 0 : Min(n, most) / 2;
	n = Min(n + so->n_held, most);
	while (so->n_taken < n)
	{
		GvIvfFound	found;

		if (!next_found(scan, so, &found))
		{
			so->n_held = 0;
			break;
		}
		if (so->n_taken == so->max_taken)
		{
			so->max_taken = Max(FIRST_K, 2 * so->max_taken);
			so->taken = so->taken ?
				repalloc_huge(so->taken, so->max_taken * sizeof(GvIvfFound)) :
				MemoryContextAlloc(so->context, so->max_taken * sizeof(GvIvfFound));
		}
		so->taken[so->n_taken++] = found;
	}
	gv_am_sort(so->taken, so->n_taken, sizeof(GvIvfFound), compare_taken);
	return so->n_taken > 0;
}

/*
 * gv_ivf_get_tuple
 *		amgettuple: return the next row in the order of distance.
 */
bool
gv_ivf_get_tuple(IndexScanDesc scan, ScanDirection direction)
{
	GvIvfScan  *so = (GvIvfScan *) scan->opaque;
	const GvIvfFound *found;

	Assert(ScanDirectionIsForward(direction));
	if (!so->started)
		start_scan(scan, so);

	scan->xs_recheckorderby = false;
	scan->xs_recheck = so->filter != NULL && so->filter->recheck;
	if (so->n_taken <= so->n_held)
	{
		if (so->counts.returned >= so->k && so->target > 0 && may_go_on(so))
			raise_aim(so);
		if (!take_rows(scan, so))
			return false;
	}
	found = &so->taken[--so->n_taken];
	so->counts.returned++;
	so->place = place_of(so, found);
	so->key = found->key;
	scan->xs_heaptid = found->tid;
	gv_am_check_tid(&so->fetch.n_heap_blocks, scan, &scan->xs_heaptid);
	if (so->fetch.hints && scan->xs_heapfetch)
		gv_am_pin_row(scan->xs_heapfetch, so->fetch.hints, &scan->xs_heaptid);
	return true;
}
