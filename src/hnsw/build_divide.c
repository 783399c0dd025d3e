/*-------------------------------------------------------------------------
 *
 * build_divide.c
 *		Builds larger than memory, first step: from the table to shards.
 *
 * The rows are sorted by a seeded hash of their vectors, which brings equal
 * vectors together and puts the others in random order, the order in which
 * they will be linked.  From the first of them k-means makes cells, which
 * form as many shards as memory asks for; then each row goes to the two
 * shards whose cells are nearest.  No shard takes more rows than fit into
 * memory: when it is full, rows go to the next.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "commands/progress.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

#include "base/random.h"
#include "hnsw/build_shard.h"
#include "hnsw/entry.h"
#include "quant/rotation.h"

/* Columns of the sort */
#define COLUMN_ORDER 1
#define COLUMN_TID 2
#define COLUMN_MEMBER 3

/* Cells of a shard, and of all shards where a shard can have fewer */
#define CELLS_PER_SHARD 16
#define MAX_CELLS 1024

/* Rows that k-means looks at for each cell, at most and at least */
#define MAX_ROWS_PER_CELL 64
#define MIN_ROWS_PER_CELL 8

#define KMEANS_ROUNDS 6
#define BALANCE_ROUNDS 40

/* Inner product: see build_load.c */
#define NORM_QUANTILE 0.98

/* State of the division */
typedef struct Division
{
	GvHnswBuild *build;
	GvHnswShards *shards;
	Tuplesortstate *sort;
	TupleTableSlot *slot;
	uint64		n_sorted;
	GvHnswPoints one;			/* room for one point */
	float	   *direction;		/* inner product: of the additional element */

	/* the first rows */
	char	   *sample;			/* members */
	uint32		n_sample;

	/* cells */
	int			n_cells;
	float	   *centroid;		/* float[n_cells][dims] */
	uint32	   *cell_rows;		/* of the sample */
	uint32	   *cell_shard;
	float	   *penalty;		/* by shard: factor of distances */
	float	   *distance;		/* by shard: of the row in hand */
} Division;

static inline GvHnswMember *
sample_member(Division *division, uint32 i)
{
	return (GvHnswMember *) (division->sample + i * division->shards->member_size);
}

static inline float *
cell_centroid(const Division *division, int cell)
{
	return division->centroid + (Size) cell * division->one.dims;
}

/* Let the room for one point be that of a member */
static GvHnswPoints *
member_point(Division *division, GvHnswMember *member)
{
	GvHnswPoints *points = &division->one;

	points->head = &member->head;
	points->high = (int8 *) (member + 1);
	points->rest = (uint8 *) (member + 1) + points->dims;
	return points;
}

/* Put one row of the table into the sort */
static void
sort_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		 bool tuple_is_alive, void *state)
{
	Division   *division = state;
	GvHnswBuild *build = division->build;
	GvHnswShards *shards = division->shards;
	GvHnswBuildShared *shared = build->shared;
	MemoryContext old_context;
	GvAmRotated rotated;
	Datum		value;

	if (isnull[0])
		return;
	old_context = MemoryContextSwitchTo(build->row_context);
	value = PointerGetDatum(PG_DETOAST_DATUM(values[0]));
	gv_am_check_dim(build->graph.opclass, value, shared->meta.dim);
	gv_am_rotate_value(build->graph.opclass, shared->meta.dim, build->graph.dims, build->rotation,
				   shared->meta.inverse_unit, -1.0f, value, false, build->point, &rotated);
	shards->n_tuples++;
	if (!rotated.has_direction)
	{
		if (shards->null_tids == NULL)
		{
			MemoryContextSwitchTo(old_context);
			shards->null_tids = BufFileCreateTemp(false);
		}
		gv_hnsw_shard_write(shards->null_tids, tid, sizeof(ItemPointerData));
		shards->n_null_tids++;
	}
	else
	{
		const GvAmFilterColumns *columns = &build->ix.filters;
		GvAmFilterRow filters;
		bytea	   *record = palloc0(VARHDRSZ + 4 + shards->member_size);
		GvHnswMember *member = palloc0(shards->member_size);
		TupleTableSlot *slot = division->slot;

		for (int i = 0; i < build->graph.dims; i++)
			build->point[i] -= build->sampled_center[i];
		gv_hnsw_point_encode(member_point(division, member), 0, build->point);
		member->hash = rotated.hash;
		member->norm = (float) Min(sqrt(rotated.norm2), FLT_MAX);
		member->tid = *tid;
		gv_am_filter_row(columns, values + 1, isnull + 1, &filters);
		gv_am_filter_pack(columns, &filters, (char *) (member + 1) + shards->point_size);
		SET_VARSIZE(record, VARHDRSZ + shards->member_size);
		memcpy(VARDATA(record), member, shards->member_size);

		ExecClearTuple(slot);
		slot->tts_values[COLUMN_ORDER - 1] =
			Int64GetDatum((int64) gv_random_mix(rotated.hash ^
												gv_random_mix(shared->meta.seed)));
		slot->tts_values[COLUMN_TID - 1] =
			Int64GetDatum(((int64) ItemPointerGetBlockNumber(tid) << 16) |
						  ItemPointerGetOffsetNumber(tid));
		slot->tts_values[COLUMN_MEMBER - 1] = PointerGetDatum(record);
		memset(slot->tts_isnull, 0, 3 * sizeof(bool));
		ExecStoreVirtualTuple(slot);
		tuplesort_puttupleslot(division->sort, slot);
		ExecClearTuple(slot);
		division->n_sorted++;
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(build->row_context);
}

/* Sort the rows of the table */
static void
sort_rows(Division *division)
{
	GvHnswBuild *build = division->build;
	AttrNumber	columns[] = {COLUMN_ORDER, COLUMN_TID};
	Oid			operators[] = {Int8LessOperator, Int8LessOperator};
	Oid			collations[] = {InvalidOid, InvalidOid};
	bool		nulls_first[] = {false, false};
	TupleDesc	desc = CreateTemplateTupleDesc(3);

	TupleDescInitEntry(desc, COLUMN_ORDER, "order", INT8OID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_TID, "tid", INT8OID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_MEMBER, "member", BYTEAOID, -1, 0);
	division->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	division->sort = tuplesort_begin_heap(desc, 2, columns, operators, collations, nulls_first,
										  Max(maintenance_work_mem / 2, 64), NULL,
										  TUPLESORT_NONE);
	build->shared->reltuples =
		table_index_build_scan(build->heap, build->index, build->index_info, true, true,
							   sort_row, division, NULL);
	tuplesort_performsort(division->sort);
	ExecDropSingleTupleTableSlot(division->slot);
	division->slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
}

/* Give a member's point its additional element, now that norms are known */
static void
add_missing_norm(Division *division, GvHnswMember *member)
{
	GvHnswBuild *build = division->build;
	GvHnswMetaPageData *meta = &build->shared->meta;
	double		missing = (double) meta->max_norm * meta->max_norm -
		(double) member->norm * member->norm;
	float		e = (float) Min(sqrt(Max(missing, 0)) * meta->inverse_unit,
								GV_AM_MAX_ELEMENT);
	float		error = member->head.error;
	GvHnswPoints *point = member_point(division, member);

	gv_hnsw_point_decode(point, 0, build->point);
	for (int d = 0; d < point->dims; d++)
		build->point[d] += e * division->direction[d];
	gv_hnsw_point_encode(point, 0, build->point);
	member->head.error += error;
}

/* Fetch the next row of the sort; false if there is none */
static bool
next_sorted(Division *division, GvHnswMember *member)
{
	bool		is_null;
	Datum		record;

	CHECK_FOR_INTERRUPTS();
	if (!tuplesort_gettupleslot(division->sort, true, false, division->slot, NULL))
		return false;
	record = slot_getattr(division->slot, COLUMN_MEMBER, &is_null);
	memcpy(member, VARDATA_ANY(DatumGetPointer(record)), division->shards->member_size);
	return true;
}

static int
compare_floats(const void *a, const void *b)
{
	float		x = *(const float *) a;
	float		y = *(const float *) b;

	return x < y ? -1 : (x > y ? 1 : 0);
}

/* Keep the first rows of the sort, which are a random sample */
static void
take_sample(Division *division, uint32 n_max)
{
	GvHnswBuild *build = division->build;
	GvHnswMetaPageData *meta = &build->shared->meta;

	division->sample = MemoryContextAllocHuge(CurrentMemoryContext,
											  (n_max + 1) * division->shards->member_size);
	while (division->n_sample < n_max &&
		   next_sorted(division, sample_member(division, division->n_sample)))
		division->n_sample++;

	if (meta->metric == GV_AM_METRIC_INNER_PRODUCT)
	{
		uint32		n = division->n_sample;
		float	   *norms = palloc(n * sizeof(float));

		for (uint32 i = 0; i < n; i++)
			norms[i] = sample_member(division, i)->norm;
		qsort(norms, n, sizeof(float), compare_floats);
		meta->max_norm = norms[(uint32) (n * NORM_QUANTILE)];
		pfree(norms);
		division->direction = palloc0(sizeof(float) * build->graph.dims);
		division->direction[meta->dim] = 1;
		gv_rotation_apply(build->rotation, build->graph.dims, division->direction);
		for (uint32 i = 0; i < n; i++)
			add_missing_norm(division, sample_member(division, i));
	}
}

/* Cells by k-means of the sample */
static void
make_cells(Division *division)
{
	GvHnswBuild *build = division->build;
	int			dims = build->graph.dims;
	int			n_cells = division->n_cells;
	float	   *sum;

	division->centroid = palloc_extended(sizeof(float) * n_cells * dims, MCXT_ALLOC_HUGE);
	division->cell_rows = palloc0(sizeof(uint32) * n_cells);
	sum = palloc_extended(sizeof(float) * n_cells * dims, MCXT_ALLOC_HUGE);

	for (int c = 0; c < n_cells; c++)
		gv_hnsw_point_decode(member_point(division, sample_member(division, c)), 0,
							 cell_centroid(division, c));
	for (int round = 0; round < KMEANS_ROUNDS; round++)
	{
		memset(sum, 0, sizeof(float) * n_cells * dims);
		memset(division->cell_rows, 0, sizeof(uint32) * n_cells);
		for (uint32 i = 0; i < division->n_sample; i++)
		{
			float		best = FLT_MAX;
			int			cell = 0;

			CHECK_FOR_INTERRUPTS();
			gv_hnsw_point_decode(member_point(division, sample_member(division, i)), 0,
								 build->point);
			for (int c = 0; c < n_cells; c++)
			{
				float		distance =
					gv_kernels->l2_squared_f32(build->point, cell_centroid(division, c), dims);

				if (distance < best)
				{
					best = distance;
					cell = c;
				}
			}
			division->cell_rows[cell]++;
			for (int d = 0; d < dims; d++)
				sum[(Size) cell * dims + d] += build->point[d];
		}
		/* a cell without rows stays where it is */
		for (int c = 0; c < n_cells; c++)
		{
			for (int d = 0; d < dims && division->cell_rows[c] > 0; d++)
				cell_centroid(division, c)[d] =
					sum[(Size) c * dims + d] / division->cell_rows[c];
		}
	}
	pfree(sum);
}

/*
 * Group cells to shards: k-means of the cells, each shard with not much more
 * than its part of the rows.
 */
static void
group_cells(Division *division)
{
	int			dims = division->build->graph.dims;
	int			n_shards = division->shards->n_shards;
	int			n_cells = division->n_cells;
	uint32		room = (uint32) (1.2 * division->n_sample / n_shards) + 1;
	float	   *middle = palloc_extended(sizeof(float) * n_shards * dims, MCXT_ALLOC_HUGE);
	uint32	   *used = palloc(sizeof(uint32) * n_shards);
	float	   *nearest = palloc(sizeof(float) * n_cells);
	int			start = 0;

	division->cell_shard = palloc0(sizeof(uint32) * n_cells);

	/* start with cells far from each other */
	for (int c = 0; c < n_cells; c++)
		nearest[c] = FLT_MAX;
	for (int s = 0; s < n_shards; s++)
	{
		memcpy(middle + (Size) s * dims, cell_centroid(division, start),
			   sizeof(float) * dims);
		for (int c = 0, farthest = start; c < n_cells; c++)
		{
			nearest[c] = Min(nearest[c],
							 gv_kernels->l2_squared_f32(cell_centroid(division, c),
														middle + (Size) s * dims, dims));
			if (nearest[c] > nearest[farthest])
				farthest = c;
			if (c == n_cells - 1)
				start = farthest;
		}
	}
	for (int round = 0; round < 2 * KMEANS_ROUNDS; round++)
	{
		CHECK_FOR_INTERRUPTS();
		memset(used, 0, sizeof(uint32) * n_shards);
		for (int c = 0; c < n_cells; c++)
		{
			float		best = FLT_MAX;
			int			shard = 0;

			for (int s = 0; s < n_shards; s++)
			{
				float		distance =
					gv_kernels->l2_squared_f32(cell_centroid(division, c),
											   middle + (Size) s * dims, dims);

				if (used[s] < room && distance < best)
				{
					best = distance;
					shard = s;
				}
			}
			division->cell_shard[c] = shard;
			used[shard] += division->cell_rows[c];
		}
		memset(middle, 0, sizeof(float) * n_shards * dims);
		for (int c = 0; c < n_cells; c++)
		{
			int			s = division->cell_shard[c];

			for (int d = 0; d < dims && used[s] > 0; d++)
				middle[(Size) s * dims + d] += cell_centroid(division, c)[d] *
					division->cell_rows[c] / used[s];
		}
	}
	pfree(middle);
	pfree(used);
	pfree(nearest);
}

/* Distances of a member to the nearest cell of each shard */
static void
measure_shards(Division *division, GvHnswMember *member, float *distance)
{
	GvHnswBuild *build = division->build;
	int			dims = build->graph.dims;

	for (int s = 0; s < division->shards->n_shards; s++)
		distance[s] = FLT_MAX;
	gv_hnsw_point_decode(member_point(division, member), 0, build->point);
	for (int c = 0; c < division->n_cells; c++)
	{
		float		d = gv_kernels->l2_squared_f32(build->point,
												   cell_centroid(division, c), dims);
		uint32		s = division->cell_shard[c];

		distance[s] = Min(distance[s], d);
	}
}

/* The nearest shard that has room and is none of those taken */
static uint32
nearest_shard(Division *division, const float *distance, const uint32 *taken, int n_taken,
			  uint32 capacity)
{
	GvHnswShards *shards = division->shards;
	uint32		nearest = GV_HNSW_NO_ROW;
	double		best = 0;

	for (uint32 s = 0; s < shards->n_shards; s++)
	{
		double		d = (double) distance[s] * division->penalty[s];
		bool		is_taken = false;

		for (int i = 0; i < n_taken; i++)
			is_taken |= taken[i] == s;
		if (!is_taken && shards->shard[s].n_members < capacity &&
			(nearest == GV_HNSW_NO_ROW || d < best))
		{
			nearest = s;
			best = d;
		}
	}
	if (nearest == GV_HNSW_NO_ROW)
		elog(ERROR, "no shard has room");
	return nearest;
}

/* Find factors of distances with which all shards get about as many rows */
static void
balance_shards(Division *division, Size memory)
{
	GvHnswShards *shards = division->shards;
	int			n_shards = shards->n_shards;
	uint32		n = (uint32) Min(division->n_sample,
								 memory / (n_shards * sizeof(float)) + 1);
	float	   *distance = palloc_extended(sizeof(float) * n * n_shards, MCXT_ALLOC_HUGE);

	division->penalty = palloc(sizeof(float) * n_shards);
	for (int s = 0; s < n_shards; s++)
		division->penalty[s] = 1;
	for (uint32 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		measure_shards(division, sample_member(division, i), distance + (Size) i * n_shards);
	}
	for (int round = 0; round < BALANCE_ROUNDS; round++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int s = 0; s < n_shards; s++)
			shards->shard[s].n_members = 0;
		for (uint32 i = 0; i < n; i++)
		{
			float	   *d = distance + (Size) i * n_shards;
			uint32		taken[GV_HNSW_COPIES];

			for (int c = 0; c < GV_HNSW_COPIES; c++)
			{
				taken[c] = nearest_shard(division, d, taken, c, PG_UINT32_MAX);
				shards->shard[taken[c]].n_members++;
			}
		}
		for (int s = 0; s < n_shards; s++)
		{
			double		mean = (double) GV_HNSW_COPIES * n / n_shards;
			double		part = shards->shard[s].n_members / mean;

			/* a shard without cells is left for what finds no other */
			division->penalty[s] *= 1 + 0.1 * (Min(part, 2) - 1);
		}
	}
	for (int s = 0; s < n_shards; s++)
		shards->shard[s].n_members = 0;
	pfree(distance);
}

/* Write a row to its shards */
static void
assign_member(Division *division, GvHnswMember *member)
{
	GvHnswShards *shards = division->shards;
	uint32		capacity = (uint32) division->build->shared->capacity;
	uint32		taken[GV_HNSW_COPIES];

	measure_shards(division, member, division->distance);
	for (int c = 0; c < GV_HNSW_COPIES; c++)
		taken[c] = nearest_shard(division, division->distance, taken, c, capacity);
	member->home = taken[0];
	memcpy(member->others, taken + 1, sizeof(member->others));
	member->position = shards->shard[member->home].n_nodes++;
	member->entry = shards->n_nodes < GV_HNSW_MAX_ENTRIES ? shards->n_nodes : GV_HNSW_NO_ROW;
	shards->n_nodes++;
	for (int c = 0; c < GV_HNSW_COPIES; c++)
	{
		GvHnswShard *shard = &shards->shard[taken[c]];

		if (shard->members == NULL)
			shard->members = BufFileCreateTemp(false);
		gv_hnsw_shard_write(shard->members, member, shards->member_size);
		shard->n_members++;
		shards->n_members++;
	}
}

/* Write a further row of a member's vector */
static void
assign_equal(Division *division, const GvHnswMember *member, const GvHnswMember *row)
{
	GvHnswShard *shard = &division->shards->shard[member->home];
	GvHnswShardEqual equal = {member->position, row->tid};
	Size		point_size = division->shards->point_size;

	equal.differs = memcmp((char *) (member + 1) + point_size, (char *) (row + 1) + point_size,
						   division->build->ix.filters.packed_size) != 0;

	if (shard->equals == NULL)
		shard->equals = BufFileCreateTemp(false);
	gv_hnsw_shard_write(shard->equals, &equal, sizeof(equal));
}

/* Assign all rows, those of the sample first */
static void
assign_rows(Division *division)
{
	Size		size = division->shards->member_size;
	GvHnswMember *last = palloc0(size);
	GvHnswMember *member = palloc0(size);
	bool		has_last = false;

	for (uint64 i = 0; i < division->n_sorted; i++)
	{
		if (i < division->n_sample)
			memcpy(member, sample_member(division, i), size);
		else
		{
			if (!next_sorted(division, member))
				break;
			if (division->direction)
				add_missing_norm(division, member);
		}
		/* the points follow the head of a member */
		if (has_last && member->hash == last->hash &&
			member->head.scale == last->head.scale &&
			memcmp(member + 1, last + 1, division->shards->point_size) == 0)
			assign_equal(division, last, member);
		else
		{
			GvHnswMember *swap = last;

			assign_member(division, member);
			last = member;
			member = swap;
			has_last = true;
		}
		if (i % 128 == 0)
			pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, i);
	}
	pfree(last);
	pfree(member);
}

/*
 * gv_hnsw_build_divide
 *		Write the rows of the table to the files of shards.
 *
 * Sets build->shards, and the shared capacity to that of a shard.
 */
void
gv_hnsw_build_divide(GvHnswBuild *build)
{
	Division	division = {build};
	GvHnswShards *shards = palloc0(sizeof(GvHnswShards));
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hnsw build division",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context;
	int			dims = build->graph.dims;
	Size		limit = (Size) maintenance_work_mem * 1024;
	uint32		first = 0;
	double		n;

	build->shards = shards;
	division.shards = shards;
	gv_hnsw_points_init(&division.one, &build->ix.layout);
	gv_hnsw_build_plan_staging(build);

	sort_rows(&division);
	n = (double) division.n_sorted;
	shards->n_shards = gv_hnsw_build_plan_shards(build, division.n_sorted);
	shards->shard = palloc0(sizeof(GvHnswShard) * shards->n_shards);

	old_context = MemoryContextSwitchTo(context);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, GV_HNSW_PHASE_DIVIDE);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, (int64) n);
	division.n_cells = Max(Min(shards->n_shards * CELLS_PER_SHARD, MAX_CELLS),
						   shards->n_shards);
	division.n_cells = Max(Min(division.n_cells, limit / 8 / (2 * sizeof(float) * dims)),
						   shards->n_shards);
	take_sample(&division,
				(uint32) Max(Min((double) limit / 4 / shards->member_size,
								 Min(n, (double) division.n_cells * MAX_ROWS_PER_CELL)), 1));
	division.n_cells = Max(Min(division.n_cells, division.n_sample / MIN_ROWS_PER_CELL), 1);
	division.distance = palloc(sizeof(float) * shards->n_shards);
	if (division.n_sample > 0)
	{
		make_cells(&division);
		group_cells(&division);
		balance_shards(&division, limit / 8);
	}
	MemoryContextSwitchTo(old_context);
	assign_rows(&division);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, (int64) n);

	ExecDropSingleTupleTableSlot(division.slot);
	tuplesort_end(division.sort);
	MemoryContextDelete(context);
	for (int s = 0; s < shards->n_shards; s++)
	{
		shards->shard[s].first_node = first;
		first += shards->shard[s].n_nodes;
	}
	shards->weight = palloc_extended(shards->n_nodes + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}
