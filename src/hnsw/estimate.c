/*-------------------------------------------------------------------------
 *
 * estimate.c
 *		What a build would take: memory, time, size.
 *
 * Memory and size follow from the layout.  Time is that of the distances a
 * build computes, measured on this machine with points of its size.  It is a
 * guess: see MEASUREMENTS.md.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/memutils.h"

#include "base/random.h"
#include "hnsw/build_shard.h"
#include "hnsw/entry.h"
#include "hnsw/hnsw.h"

/* Points among which distances are measured: more than caches near the core hold */
#define MEASURED_BYTES (8 * 1024 * 1024)
#define MEASURED_ROUNDS 10
#define MEASURED_POINTS 125
#define MEASURED_TOGETHER 16	/* distances, as linking does */

/*
 * Distances where memory is slow that linking a row takes, of half of those that
 * a search with ef_construction candidates might: neighbors seen before take
 * none.  Fitted to sift-bsds-200k and imdb-lsa-768.
 */
#define FRESH_PART 0.75

/* What a distance costs beside itself: pools, sets, links; in seconds */
#define OVERHEAD_PER_DISTANCE 60e-9

/* What an element costs apart from linking: loading, writing, logging, calibrating */
#define SECONDS_PER_ELEMENT 100e-9

/* A build in shards takes about so many times as long as one in memory, see MEASUREMENTS.md */
#define SHARDS_FACTOR 2.0

/* Seconds that the distance of two points takes, where memory is slow */
static double
measure_distance(const GvHnswLayout *layout)
{
	GvHnswPoints points;
	uint32		n;
	GvRandom	random = {1};
	instr_time	start;
	instr_time	end;
	volatile float sum = 0;
	double		best = 1;

	gv_hnsw_points_init(&points, layout);
	n = MEASURED_BYTES / (sizeof(GvHnswPointHead) + points.dims);
	gv_hnsw_points_place(&points, palloc0(GV_HNSW_POINTS_SIZE(n, points.dims)), n);
	for (uint32 i = 0; i < n; i++)
	{
		for (int d = 0; d < points.dims; d++)
			gv_hnsw_point_high(&points, i)[d] = (int8) ((i + d) * 37);
	}

	/* the best round, since others may use the processor, too */
	for (int round = 0; round < MEASURED_ROUNDS; round++)
	{
		INSTR_TIME_SET_CURRENT(start);
		for (int i = 0; i < MEASURED_POINTS; i++)
		{
			uint32		others[MEASURED_TOGETHER];
			float		keys[MEASURED_TOGETHER];

			for (int j = 0; j < MEASURED_TOGETHER; j++)
				others[j] = gv_random_below(&random, n);
			gv_hnsw_points_keys(&points, gv_random_below(&random, n), others, MEASURED_TOGETHER,
								keys);
			sum = sum + keys[0];
		}
		INSTR_TIME_SET_CURRENT(end);
		INSTR_TIME_SUBTRACT(end, start);
		best = Min(best, INSTR_TIME_GET_DOUBLE(end));
	}
	pfree(points.head);
	return best / (MEASURED_POINTS * MEASURED_TOGETHER);
}

/* The same of values without codes: as a rule, by their size */
static double
guess_distance(double value_bytes)
{
	return 100e-9 + value_bytes * 0.3e-9;
}

/*
 * gv_hnsw_estimate
 *		Foretell what building an index takes.
 *
 * value_bytes: size of a value, on average
 * options: storage parameters as the catalog has them, or 0
 */
void
gv_hnsw_estimate(const GvAmOpclass *opclass, int dim, double n_rows, double value_bytes,
				 Datum options, GvAmEstimate *estimate)
{
	GvHnswBuildShared *shared = palloc0(sizeof(GvHnswBuildShared));
	GvHnswBuild *build = palloc0(sizeof(GvHnswBuild));
	GvHnswMetaPageData *meta = &shared->meta;
	const GvHnswLayout *layout = &build->ix.layout;
	double		distance;
	double		distances;
	double		node_pages;
	double		value_room;

	gv_hnsw_fill_meta(meta, opclass, dim, &build->ix.filters,
					  (GvHnswOptions *) gv_hnsw_reloptions(options, true));
	build->shared = shared;
	build->ix.opclass = opclass;
	build->value_bytes = value_bytes;
	build->expected_rows = n_rows;
	gv_hnsw_layout_from_meta(&build->ix.layout, meta);
	gv_hnsw_build_init_graph(build);

	estimate->rows = n_rows;
	estimate->memory = (double) gv_hnsw_build_memory(build, (uint64) n_rows);
	estimate->parts = 1;
	if (!gv_hnsw_build_plan_memory(build))
		estimate->parts = 0;
	if (estimate->parts == 0 && gv_hnsw_build_may_shard(build))
	{
		GvHnswShards shards = {0};
		Size		value_size = build->graph.dims == 0 ? MAXALIGN((Size) value_bytes) : 0;

		gv_hnsw_build_plan_shards(build, &shards, (uint64) n_rows, n_rows * value_size, value_size);
		estimate->parts = shards.n_shards;
	}

	if (build->graph.dims > 0)
	{
		node_pages = ceil(n_rows / layout->nodes_per_page);
		distance = measure_distance(layout);
	}
	else
	{
		/* what does not fit into the node takes pages of its own */
		value_room = layout->value_room;
		node_pages = n_rows * (layout->value_offset + Min(value_bytes, value_room) + 8) /
			GV_AM_PAGE_ROOM;
		if (value_bytes > value_room)
			node_pages = n_rows * (1 + ceil((value_bytes - value_room) / GV_HNSW_CHAIN_ROOM));
		distance = guess_distance(value_bytes);
	}
	estimate->bytes = (node_pages + 2 +
					   ceil((double) gv_hnsw_entry_target(layout, (uint64) n_rows) /
							GV_FASTSCAN_LANES / layout->entry_blocks_per_page)) * BLCKSZ;

	distances = Min(FRESH_PART * meta->ef_construction * build->graph.degree / 2, n_rows);
	estimate->seconds = n_rows * (distances * (distance + OVERHEAD_PER_DISTANCE) +
								  SECONDS_PER_ELEMENT * build->graph.dims);
	if (estimate->parts > 1)
		estimate->seconds *= SHARDS_FACTOR;
	estimate->seconds /= 1 + (n_rows > GV_HNSW_MIN_PARALLEL_ROWS ?
							  Min(max_parallel_maintenance_workers, max_parallel_workers) : 0);
	pfree(build);
	pfree(shared);
}
