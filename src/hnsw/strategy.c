/*-------------------------------------------------------------------------
 *
 * strategy.c
 *		How a scan with conditions on filter columns goes about it.
 *
 * Three ways, by what they cost:
 *	- search the graph as without conditions, and look up the words of each
 *	  node expanded: where many nodes pass;
 *	- sweep the pages of filters first; then the search knows of each neighbor
 *	  whether it passes, and those that do not seem farther away than they are;
 *	- sweep the pages of filters, and read all nodes that pass: where few do.
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

/* A search that finds less than this part of what it should looks elsewhere */
#define FEW_PASSED 0.3

/* All rows that pass, exactly, are worth so many times the cost of a search */
#define WORTH_OF_ALL 2.5

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
}

/* Places for nodes */
static double
n_slots(const GvHnswStrategy *strategy)
{
	return (double) RelationGetNumberOfBlocks(strategy->index->rel) *
		strategy->index->layout.nodes_per_page;
}

/*
 * gv_hnsw_strategy_expansions
 *		Return how many nodes a first search should expand.
 *
 * part: of the nodes that pass
 * ef: of a search without conditions, of which the first rows are a quarter
 * knows_passing: the search knows who passes
 *
 * Fitted to recall@10 of at least .95 at the default ef on SIFT descriptors and
 * on images of digits, filters of .5 to .01, whatever they have to do with the
 * vectors.
 */
double
gv_hnsw_strategy_expansions(double part, double ef, bool knows_passing)
{
	double		rows = ef / 4;

	if (knows_passing)
		return ef + 2 * rows * pow(part, -0.8);
	return 1.5 * (ef + rows / part);
}

/*
 * gv_hnsw_strategy_choose
 *		Return how many candidates a first search should have; 0 if reading all
 *		nodes that pass costs less.
 *
 * ef: what a search without conditions would have
 */
int
gv_hnsw_strategy_choose(GvHnswStrategy *strategy, int ef)
{
	double		slots = n_slots(strategy);
	double		n;

	if (strategy->filter->never)
		return 0;
	strategy->part = gv_hnsw_filter_sample(strategy->index, strategy->filter, N_SAMPLED_PAGES);
	if (strategy->part < GV_HNSW_MANY_PASS)
	{
		gv_hnsw_strategy_know(strategy);
		strategy->part = strategy->passing.n_passing / slots;
		if (strategy->passing.n_passing == 0)
			return 0;
	}
	n = gv_hnsw_strategy_expansions(strategy->part, ef, strategy->knows_passing);
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
	if (strategy->revised || strategy->n_passed >= FEW_PASSED * strategy->part * strategy->n_keys)
		return false;
	gv_hnsw_strategy_know(strategy);
	strategy->part = strategy->passing.n_passing / n_slots(strategy);
	strategy->revised = true;
	strategy->n_keys = 0;
	return true;
}

/*
 * gv_hnsw_strategy_passes
 *		Does a node that was found pass?  Notes its key for the limit.
 */
bool
gv_hnsw_strategy_passes(GvHnswStrategy *strategy, uint32 id, float key)
{
	bool		passes;

	if (strategy->knows_passing)
		passes = gv_hnsw_passing_has(&strategy->passing, id);
	else
		passes = gv_hnsw_filter_node_passes(strategy->index, strategy->filter, id);
	strategy->n_passed += passes;
	if (!passes)
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
	return passes;
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
		n_slots(strategy) * (GV_HNSW_COST_OF_WORD + strategy->part * GV_HNSW_COST_OF_READ);

	return n_expansions * WORTH_OF_ALL > cost;
}
