/*-------------------------------------------------------------------------
 *
 * strategy.c
 *		How a scan with conditions on filter columns goes about it.
 *
 * A search begins as without conditions, and looks up the words of the nodes it
 * expands.  So it finds out how many of those around the query pass; a sample of
 * the words tells how many of all do.  By that it goes on in the way that costs
 * least:
 *	- as it began: where many nodes around the query pass;
 *	- sweep the pages of filters; then the search knows of each neighbor whether
 *	  it passes, and those that do not seem farther away than they are;
 *	- sweep the pages of filters, and read all nodes that pass: where few do.
 *	  If even a search that is lucky would cost more, this comes first.
 * A search that has cost as much as the last way would, goes over to it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/relscan.h"
#include "utils/memutils.h"

#include "hnsw/strategy.h"


/* Pages of filters that tell the part of the nodes that pass */
#define N_SAMPLED_PAGES 8

/*
 * By which part ways over nodes that do not pass seem longer.  So many more of
 * those that do are found; with too much of it the search is cut off from them.
 */
#define DETOUR 0.4

/*
 * The same where the nodes around the query do not pass, though others do:
 * where they are, they are among themselves.
 */
#define DETOUR_ELSEWHERE 8

/*
 * A search that starts again elsewhere has so many times the candidates; more
 * where fewer nodes pass than that, since fewer of them are linked directly.
 * Where fewer still pass it does not find its way, and all of them are read.
 */
#define ELSEWHERE_FACTOR 17
#define ELSEWHERE_PART 0.1
#define ELSEWHERE_LEAST_PART 0.05

/* Where LIMIT does not tell them the first rows are this part of the candidates */
#define FIRST_ROWS 0.25

/* A search that finds less than this part of what it should looks elsewhere */
#define FEW_PASSED 0.3

/* What it should find is taken for chance if it is less than this */
#define MANY_EXPECTED 5

/* Reading all nodes that pass at once, if it costs no more than so many times ef */
#define WORTH_OF_PROBE 5

/*
 * A search with detours meets those that pass so many times as often as chance
 * would; measured with a tenth on SIFT descriptors, fewer with less
 */
#define LUCK_OF_DETOURS 4.6

/* All rows that pass, exactly, are worth so many times the cost of a search */
#define WORTH_OF_ALL 1.5

/* Bytes of a node that the processor is asked for */
#define PREFETCH_BYTES 512

/*
 * gv_hnsw_strategy_begin
 *		Compile the conditions of a scan, in the current memory context.
 */
void
gv_hnsw_strategy_begin(GvHnswStrategy *strategy, GvHnswIndex *index, IndexScanDesc scan)
{
	memset(strategy, 0, sizeof(*strategy));
	strategy->index = index;
	strategy->filter = gv_am_filter_compile(&index->filters, scan->keyData,
											scan->numberOfKeys);
}

/* Places for nodes */
static double
n_slots(const GvHnswStrategy *strategy)
{
	return (double) RelationGetNumberOfBlocks(strategy->index->rel) *
		strategy->index->layout.nodes_per_page;
}

/* The cost of a sweep of the pages of filters */
static double
cost_of_sweep(const GvHnswStrategy *strategy)
{
	return n_slots(strategy) *
		(GV_HNSW_COST_OF_WORD +
		 GV_HNSW_COST_OF_FILTER_PAGE / strategy->index->layout.filter_slots);
}

/*
 * gv_hnsw_strategy_know
 *		Find out which nodes pass, unless that is known.
 */
void
gv_hnsw_strategy_know(GvHnswStrategy *strategy)
{
	if (strategy->knows_passing)
		return;
	gv_hnsw_filter_sweep(strategy->index, strategy->filter, &strategy->passing);
	strategy->knows_passing = true;
	strategy->part = Max(strategy->passing.sure_part, 1 / n_slots(strategy));
}

/*
 * gv_hnsw_strategy_next_block
 *		Return the next block from one on that a sweep must read: with a filter,
 *		one that has a node that passes.
 */
BlockNumber
gv_hnsw_strategy_next_block(const GvHnswStrategy *strategy, BlockNumber blkno,
							BlockNumber n_blocks)
{
	const GvHnswLayout *layout;
	uint64		id;

	if (strategy->filter == NULL || blkno >= n_blocks)
		return blkno;
	layout = &strategy->index->layout;
	id = gv_hnsw_passing_next(&strategy->passing, gv_hnsw_make_id(layout, blkno, 0));
	return id < strategy->passing.n_ids ? gv_hnsw_id_block(layout, (uint32) id) : n_blocks;
}

/*
 * gv_hnsw_strategy_prefetch
 *		Ask the processor for the nodes of a block that pass.
 */
void
gv_hnsw_strategy_prefetch(const GvHnswStrategy *strategy, BlockNumber blkno)
{
	const GvHnswIndex *ix = strategy->index;
	const GvHnswLayout *layout = &ix->layout;

	if (!gv_hnsw_layout_has_codes(layout))
	{
		/* what tells the kind of page */
		gv_am_prefetch(ix->hints, blkno, 0, 1);
		gv_am_prefetch(ix->hints, blkno, BLCKSZ - 1, 1);
	}
	for (int slot = 0; slot < layout->nodes_per_page; slot++)
	{
		uint32		id = gv_hnsw_make_id(layout, blkno, slot);

		if (gv_hnsw_passing_has(&strategy->passing, id))
			gv_hnsw_prefetch_node(ix, id, Min(layout->neighbor_offset, PREFETCH_BYTES));
	}
}

/*
 * gv_hnsw_strategy_expansions
 *		Return how many nodes a first search should expand.
 *
 * part: of the nodes that pass
 * ef: of a search without conditions
 * rows: that are wanted first
 * knows_passing: the search knows who passes
 *
 * Fitted to recall@10 of at least .95 at the default ef on SIFT descriptors and
 * on images of digits, filters of .5 to .01, whatever they have to do with the
 * vectors.
 */
double
gv_hnsw_strategy_expansions(double part, double ef, double rows, bool knows_passing)
{
	if (knows_passing)
		return ef + 2 * rows * pow(part, -0.8);
	return ef + 2.2 * rows / part;
}

/*
 * gv_hnsw_strategy_elsewhere
 *		Return how many candidates a search has that starts again where the nodes
 *		that pass are; 0 if all of them are to be read.
 *
 * ef: of a search without conditions
 */
int
gv_hnsw_strategy_elsewhere(GvHnswStrategy *strategy, int ef)
{
	double		n = (double) ef * ELSEWHERE_FACTOR;

	if (strategy->part < ELSEWHERE_LEAST_PART)
		return 0;
	if (strategy->part < ELSEWHERE_PART)
		n *= sqrt(ELSEWHERE_PART / strategy->part);
	return gv_hnsw_strategy_should_collect(strategy, n) ? 0 : Min(n, PG_INT32_MAX / 64);
}

/* The cost of a search that looks up the words of the nodes it expands */
static double
cost_of_looking_up(double part, double ef, double rows)
{
	return gv_hnsw_strategy_expansions(part, ef, rows, false) * (1 + GV_HNSW_COST_OF_LOOKUP);
}

/*
 * The cost of a sweep, and of what is done then
 *
 * to_read: the part of the nodes that passes
 * around: the same of those around the query
 */
static double
cost_of_knowing(double to_read, double around, double slots, double sweep, double ef,
				double rows)
{
	double		search = gv_hnsw_strategy_expansions(around, ef, rows, true);
	double		collect = slots * to_read * GV_HNSW_COST_OF_READ;

	return sweep + (search * WORTH_OF_ALL > collect ? collect : search);
}

/*
 * gv_hnsw_strategy_cost
 *		Return what the first rows cost, in expansions.
 *
 * part: of the nodes that pass, those around the query as all others
 * slots: places for nodes
 * sweep: the cost of sweeping the pages of filters
 * ef: of a search without conditions
 * rows: that pass and are wanted
 */
double
gv_hnsw_strategy_cost(double part, double slots, double sweep, double ef, double rows)
{
	double		first_rows = Min(rows, ef);
	double		more = Max(rows - first_rows, 0) / GV_HNSW_LEAVING_PART;
	double		look_up;
	double		known;

	part = Max(part, 1 / slots);
	look_up = cost_of_looking_up(part, ef, first_rows) + more / part * (1 + GV_HNSW_COST_OF_LOOKUP);
	known = cost_of_knowing(part, part, slots, sweep, ef, first_rows) +
		more / Min(part * LUCK_OF_DETOURS, 1);
	return Min(Min(look_up, known), sweep + slots * part * GV_HNSW_COST_OF_READ);
}

/*
 * gv_hnsw_strategy_probe
 *		Should a search begin as without conditions?  If not, all nodes that pass
 *		are to be read.
 *
 * ef: of a search without conditions
 * limit: rows that will be asked for; 0: not known
 */
bool
gv_hnsw_strategy_probe(GvHnswStrategy *strategy, int ef, int64 limit)
{
	double		slots = n_slots(strategy);

	if (strategy->filter->never)
		return false;
	strategy->rows = limit > 0 ? Min(limit, ef) : ef * FIRST_ROWS;
	strategy->part_to_read = gv_hnsw_filter_sample(strategy->index, strategy->filter,
												   N_SAMPLED_PAGES, &strategy->part);
	strategy->part = Max(strategy->part, 1 / slots);
	if (cost_of_sweep(strategy) + slots * strategy->part_to_read * GV_HNSW_COST_OF_READ >
		WORTH_OF_PROBE * (double) ef)
		return true;

	/* nodes lie beside their neighbors, so pages that others pass may be missing in the sample */
	gv_hnsw_strategy_know(strategy);
	strategy->part_to_read = strategy->passing.n_passing / slots;
	return strategy->passing.n_passing * GV_HNSW_COST_OF_READ > WORTH_OF_PROBE * (double) ef;
}

/*
 * gv_hnsw_strategy_decide
 *		Decide how a search goes on that began as without conditions.
 *
 * Returns how many candidates it should have; 0 if all nodes that pass are to
 * be read.
 *
 * ef: of a search without conditions
 */
int
gv_hnsw_strategy_decide(GvHnswStrategy *strategy, int ef)
{
	double		slots = n_slots(strategy);
	double		around = (double) strategy->n_passed / Max(strategy->n_keys, 1);
	double		expected = strategy->part * strategy->n_keys;
	double		dense = Max((strategy->n_passed - 1.0) / Max(strategy->n_keys, 1), strategy->part);
	double		n;

	if (expected >= MANY_EXPECTED && strategy->n_passed < FEW_PASSED * expected)
	{
		gv_hnsw_strategy_know(strategy);
		strategy->revised = true;
		return gv_hnsw_strategy_elsewhere(strategy, ef);
	}
	if (around > 0 && cost_of_looking_up(around, ef, strategy->rows) <=
		cost_of_knowing(strategy->part_to_read, dense, slots, cost_of_sweep(strategy), ef,
						strategy->rows))
	{
		strategy->part = around;
		return Min(gv_hnsw_strategy_expansions(around, ef, strategy->rows, false),
				   PG_INT32_MAX / 64);
	}
	gv_hnsw_strategy_know(strategy);
	if (strategy->passing.n_passing == 0)
		return 0;
	n = gv_hnsw_strategy_expansions(Max(dense, strategy->part), ef, strategy->rows, true);
	if (gv_hnsw_strategy_should_collect(strategy, n))
		return 0;
	return Min(n, PG_INT32_MAX / 64);
}

/*
 * gv_hnsw_strategy_direct
 *		Tell a search which nodes it should prefer.
 */
void
gv_hnsw_strategy_direct(GvHnswStrategy *strategy, GvHnswSearch *search)
{
	if (!strategy->knows_passing)
		return;
	strategy->detour = strategy->revised ? DETOUR_ELSEWHERE : DETOUR;
	search->passing = &strategy->passing;
	search->detour = strategy->detour;
}

/*
 * gv_hnsw_strategy_revise
 *		Did the first search find so few nodes that pass that it should start
 *		again where they are?
 */
bool
gv_hnsw_strategy_revise(GvHnswStrategy *strategy)
{
	double		expected = strategy->part * strategy->n_keys;

	/* a search that prefers those that pass finds more of them than chance would */
	if (strategy->revised ||
		(strategy->knows_passing ? strategy->n_passed >= 2 * strategy->rows :
		 strategy->n_passed >= Min(strategy->rows, FEW_PASSED * expected)))
		return false;
	gv_hnsw_strategy_know(strategy);
	strategy->revised = true;
	return true;
}

/*
 * gv_hnsw_strategy_forget
 *		Forget about the nodes found.
 */
void
gv_hnsw_strategy_forget(GvHnswStrategy *strategy)
{
	strategy->n_keys = 0;
	strategy->n_passed = 0;
}

/*
 * gv_hnsw_strategy_passes
 *		Does a node that was found pass?  Notes its key for the limit.
 */
bool
gv_hnsw_strategy_passes(GvHnswStrategy *strategy, uint32 id, float key)
{
	GvHnswPasses passes = GV_HNSW_PASSES_NOT;

	if (!strategy->knows_passing)
		passes = gv_hnsw_filter_node_passes(strategy->index, strategy->filter, id);
	else if (gv_hnsw_passing_has(&strategy->passing, id))
		passes = GV_HNSW_PASSES;
	strategy->n_passed += passes == GV_HNSW_PASSES;
	if (passes == GV_HNSW_PASSES_NOT)
		key += strategy->detour * fabsf(key);

	if (strategy->n_keys == strategy->max_keys)
	{
		strategy->max_keys = Max(1024, strategy->max_keys * 2);
		if (strategy->keys == NULL)
			strategy->keys = palloc_extended(strategy->max_keys * sizeof(float), MCXT_ALLOC_HUGE);
		else
			strategy->keys = repalloc_huge(strategy->keys, strategy->max_keys * sizeof(float));
	}
	strategy->keys[strategy->n_keys++] = key;
	return passes != GV_HNSW_PASSES_NOT;
}

/* The n-th smallest of an array, from 0, which is put in another order */
static float
select_nth(float *x, int64 length, int64 n)
{
	int64		left = 0;
	int64		right = length - 1;

	while (left < right)
	{
		float		pivot = x[left + (right - left) / 2];
		int64		i = left;
		int64		j = right;

		while (i <= j)
		{
			while (x[i] < pivot)
				i++;
			while (x[j] > pivot)
				j--;
			if (i <= j)
			{
				float		t = x[i];

				x[i++] = x[j];
				x[j--] = t;
			}
		}
		if (n <= j)
			right = j;
		else if (n >= i)
			left = i;
		else
			break;
	}
	return x[n];
}

/*
 * gv_hnsw_strategy_limit
 *		Return the key up to which the n nearest of the nodes found go.
 */
float
gv_hnsw_strategy_limit(GvHnswStrategy *strategy, int64 n)
{
	float	   *keys;
	float		limit;

	if (n >= strategy->n_keys)
		return INFINITY;
	keys = palloc_extended(strategy->n_keys * sizeof(float), MCXT_ALLOC_HUGE);
	memcpy(keys, strategy->keys, strategy->n_keys * sizeof(float));
	limit = select_nth(keys, strategy->n_keys, n);
	pfree(keys);
	return limit;
}

/*
 * gv_hnsw_strategy_should_collect
 *		Would reading all nodes that pass cost less than so many expansions?
 */
bool
gv_hnsw_strategy_should_collect(GvHnswStrategy *strategy, int64 n_expansions)
{
	double		cost = strategy->knows_passing ?
		strategy->passing.n_passing * GV_HNSW_COST_OF_READ :
		cost_of_sweep(strategy) +
		n_slots(strategy) * strategy->part_to_read * GV_HNSW_COST_OF_READ;

	return n_expansions * WORTH_OF_ALL > cost;
}
