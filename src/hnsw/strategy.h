/*-------------------------------------------------------------------------
 *
 * strategy.h
 *		How a scan with conditions on filter columns goes about it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_STRATEGY_H
#define GV_HNSW_STRATEGY_H

#include "postgres.h"

#include "access/relscan.h"

#include "hnsw/filter.h"
#include "hnsw/search.h"

/* Costs, in expansions of a node; measured on one core, pages in memory */
#define GV_HNSW_COST_OF_WORD 0.0003 /* testing one word in a sweep */
#define GV_HNSW_COST_OF_FILTER_PAGE 0.1 /* reading the page of filters that it is on */
#define GV_HNSW_COST_OF_READ 0.25	/* the distance of one node that is collected */
#define GV_HNSW_COST_OF_LOOKUP 0.15 /* the words of one node that was expanded */

/* With conditions, this part of the nodes found is sure enough to leave */
#define GV_HNSW_LEAVING_PART 0.5

typedef struct GvHnswStrategy
{
	GvHnswIndex *index;
	GvAmFilter *filter;			/* NULL: all nodes pass, the rest is unused */
	double		part;			/* estimate of the part of the nodes that pass; of
								 * those that are not mixed, as of rows */
	double		part_to_read;	/* the same of all nodes */
	double		rows;			/* that pass are the first rows */
	bool		knows_passing;	/* the filters were swept: */
	GvHnswPassing passing;

	/* keys of the nodes found, of those that do not pass with their detour */
	float	   *keys;
	int64		n_keys;
	int64		n_passed;		/* of these nodes */
	float		detour;
	bool		revised;
	int64		max_keys;
} GvHnswStrategy;

extern void gv_hnsw_strategy_begin(GvHnswStrategy *strategy, GvHnswIndex *index,
								   IndexScanDesc scan);
extern double gv_hnsw_strategy_expansions(double part, double ef, double rows,
										  bool knows_passing);
extern int	gv_hnsw_strategy_elsewhere(GvHnswStrategy *strategy, int ef);
extern double gv_hnsw_strategy_cost(double part, double slots, double sweep, double ef,
									double rows);
extern bool gv_hnsw_strategy_probe(GvHnswStrategy *strategy, int ef, int64 limit);
extern int	gv_hnsw_strategy_decide(GvHnswStrategy *strategy, int ef);
extern void gv_hnsw_strategy_direct(GvHnswStrategy *strategy, GvHnswSearch *search);
extern bool gv_hnsw_strategy_revise(GvHnswStrategy *strategy);
extern void gv_hnsw_strategy_know(GvHnswStrategy *strategy);
extern BlockNumber gv_hnsw_strategy_next_block(const GvHnswStrategy *strategy,
											   BlockNumber blkno, BlockNumber n_blocks);
extern void gv_hnsw_strategy_prefetch(const GvHnswStrategy *strategy, BlockNumber blkno);
extern void gv_hnsw_strategy_forget(GvHnswStrategy *strategy);
extern bool gv_hnsw_strategy_passes(GvHnswStrategy *strategy, uint32 id, float key);
extern float gv_hnsw_strategy_limit(GvHnswStrategy *strategy, int64 n);
extern bool gv_hnsw_strategy_should_collect(GvHnswStrategy *strategy, int64 n_expansions);

#endif							/* GV_HNSW_STRATEGY_H */
