/*-------------------------------------------------------------------------
 *
 * prune.c
 *		Choice of a node's neighbors among candidates.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "hnsw/prune.h"

static inline int
compare_candidates(const GvHnswCandidate *x, const GvHnswCandidate *y)
{
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->id < y->id ? -1 : (x->id > y->id ? 1 : 0);
}

/* one of its own: calls of a comparison take about twice the time */
#define ST_SORT sort_candidates
#define ST_ELEMENT_TYPE GvHnswCandidate
#define ST_COMPARE(a, b) compare_candidates(a, b)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * gv_hnsw_sort_candidates
 *		Sort candidates by key, equal keys by id.
 */
void
gv_hnsw_sort_candidates(GvHnswCandidate *candidates, int n)
{
	sort_candidates(candidates, n);
}

/* Pass over those of n candidates that are at most as far from one chosen as from the node */
static void
pass_over(const GvHnswCandidate *chosen, GvHnswCandidate *candidates, int n,
		  GvHnswPairKeys pair_keys, void *context)
{
	const GvHnswCandidate *others[GV_HNSW_PRUNE_STEP];
	GvHnswCandidate *end = candidates + n;

	while (candidates < end)
	{
		GvHnswCandidate *first = candidates;
		float		keys[GV_HNSW_PRUNE_STEP];
		int			n_others = 0;

		for (; candidates < end && n_others < GV_HNSW_PRUNE_STEP; candidates++)
		{
			/* without a branch, which would be mispredicted half of the time */
			others[n_others] = candidates;
			n_others += !candidates->is_passed_over;
		}
		if (n_others == 0)
			return;
		pair_keys(context, chosen, others, n_others, keys);
		n_others = 0;
		for (; first < candidates; first++)
		{
			if (!first->is_passed_over)
				first->is_passed_over = keys[n_others++] <= first->key;
		}
	}
}

/*
 * gv_hnsw_prune
 *		Choose neighbors so that they lie in different directions.
 *
 * candidates: sorted, without the node itself; the chosen ones are moved to
 * the front, in order of choice
 * max_neighbors: how many are chosen at most
 * fill_to: if fewer are chosen, the nearest others make up this number
 * n_diverse: set to how many were chosen before that, if not NULL
 *
 * A candidate is passed over if it is at most as far from one chosen as from
 * the node.  Demanding more than that (alpha > 1) leaves a graph of nearest
 * neighbors where distances concentrate, see MEASUREMENTS.md.
 *
 * Returns how many are chosen.
 * Source: Subramanya et al., NeurIPS 2019 (DiskANN), algorithm 2, alpha = 1.
 */
int
gv_hnsw_prune(GvHnswCandidate *candidates, int n, int max_neighbors, int fill_to,
			  int *n_diverse, GvHnswPairKeys pair_keys, void *context)
{
	int			n_chosen = 0;

	for (int i = 0; i < n; i++)
		candidates[i].is_passed_over = false;

	/*
	 * candidates[0 .. n_chosen) are chosen, [n_chosen .. i) passed over and
	 * still in order.
	 */
	for (int i = 0; i < n && n_chosen < max_neighbors; i++)
	{
		GvHnswCandidate candidate = candidates[i];

		if (candidate.is_passed_over)
			continue;
		memmove(&candidates[n_chosen + 1], &candidates[n_chosen],
				(i - n_chosen) * sizeof(GvHnswCandidate));
		candidates[n_chosen++] = candidate;
		if (n_chosen < max_neighbors)
			pass_over(&candidate, &candidates[i + 1], n - i - 1, pair_keys, context);
	}

	if (n_diverse)
		*n_diverse = n_chosen;
	/* The nearest passed over follow the chosen ones already */
	return Max(n_chosen, Min(Min(n, max_neighbors), fill_to));
}
