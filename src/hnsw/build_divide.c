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
 * Values without codes have no means.  Their cells are what is nearest to one
 * of the first rows, a pivot, and shards are evened out by amounts added to
 * keys, which may be negative.
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
#include "utils/float.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

#include "am/progress.h"
#include "am/sort.h"
#include "base/compare.h"
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

/* State of the division */
typedef struct Division
{
	GvHnswBuild *build;
	GvHnswShards *shards;
	Tuplesortstate *sort;
	TupleTableSlot *slot;
	uint64		n_sorted;
	GvHnswPoints one;			/* room for one point */
	GvAmProbe	probe;			/* without codes: of the row in hand */
	double		value_bytes;	/* without codes: of all values */
	float	   *direction;		/* inner product: of the additional element */

	/* the first rows */
	GvHnswMember **sample;
	uint32		n_sample;

	/* cells */
	int			n_cells;
	float	   *centroid;		/* float[n_cells][dims]; without codes NULL */
	uint32	   *pivot;			/* without codes: rows of the sample */
	uint32	   *cell_rows;		/* of the sample */
	uint32	   *cell_shard;
	float	   *middle;			/* of each shard's cells: float[n_shards][dims] */
	uint32	   *middle_cell;	/* without codes: a cell */
	float	   *penalty;		/* by shard: factor of distances; without codes, addend */
	double		penalty_unit;	/* without codes */
	float	   *distance;		/* by shard: of the row in hand */
} Division;

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

/* Let a member be the row that cells are compared with */
static void
take_in_hand(Division *division, GvHnswMember *member)
{
	if (division->one.dims > 0)
		gv_hnsw_point_decode(member_point(division, member), 0, division->build->point);
	else
		gv_am_probe_set(&division->probe,
						PointerGetDatum(gv_hnsw_member_value(division->shards, member)));
}

/* The distance of the row in hand to a cell */
static float
cell_distance(Division *division, int cell)
{
	GvHnswMember *pivot;
	float		key;

	if (division->one.dims > 0)
		return gv_kernels->l2_squared_f32(division->build->point, cell_centroid(division, cell),
										  division->one.dims);
	pivot = division->sample[division->pivot[cell]];
	key = gv_am_probe_key(&division->probe,
						  PointerGetDatum(gv_hnsw_member_value(division->shards, pivot)));
	/* far, if it is not a number */
	return key < FLT_MAX ? key : FLT_MAX;
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
	int			dims = build->graph.dims;
	GvAmRotated rotated = {.has_direction = true};
	Datum		value;

	if (isnull[0])
		return;
	old_context = MemoryContextSwitchTo(build->row_context);
	value = PointerGetDatum(PG_DETOAST_DATUM(values[0]));
	gv_am_check_dim(build->graph.opclass, value, shared->meta.dim);
	if (dims == 0)
		rotated.hash = gv_am_value_hash(value);
	else
		gv_am_rotate_value(build->graph.opclass, shared->meta.dim, dims, build->rotation,
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
		uint32		value_size = dims == 0 ? MAXALIGN(VARSIZE(DatumGetPointer(value))) : 0;
		Size		size = shards->member_size + value_size;
		bytea	   *record = palloc0(VARHDRSZ + 4 + size);
		GvHnswMember *member = palloc0(size);
		TupleTableSlot *slot = division->slot;

		for (int i = 0; i < dims; i++)
			build->point[i] -= build->sampled_center[i];
		if (dims > 0)
			gv_hnsw_point_encode(member_point(division, member), 0, build->point);
		else
			memcpy(gv_hnsw_member_value(shards, member), DatumGetPointer(value),
				   VARSIZE(DatumGetPointer(value)));
		member->value_size = value_size;
		division->value_bytes += value_size;
		shards->largest = Max(shards->largest, value_size);
		member->hash = rotated.hash;
		member->norm = (float) Min(sqrt(rotated.norm2), FLT_MAX);
		member->tid = *tid;
		if (columns->n > 0)
		{
			gv_am_filter_row(columns, values + 1, isnull + 1, &filters);
			gv_am_filter_pack(columns, &filters, (char *) (member + 1) + shards->point_size);
		}
		SET_VARSIZE(record, VARHDRSZ + size);
		memcpy(VARDATA(record), member, size);

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
	memcpy(member, VARDATA_ANY(DatumGetPointer(record)),
		   VARSIZE_ANY_EXHDR(DatumGetPointer(record)));
	return true;
}

/* Keep the first rows of the sort, which are a random sample: so many and in so much memory */
static void
take_sample(Division *division, uint32 n_max, Size room)
{
	GvHnswBuild *build = division->build;
	GvHnswShards *shards = division->shards;
	GvHnswMetaPageData *meta = &build->shared->meta;
	Size		largest = shards->member_size + shards->largest;
	char	   *next;
	char	   *end;

	room = Max(Min(room, n_max * largest), largest);
	division->sample = MemoryContextAllocHuge(CurrentMemoryContext,
											  n_max * sizeof(GvHnswMember *));
	next = MemoryContextAllocHuge(CurrentMemoryContext, room);
	end = next + room;
	while (division->n_sample < n_max && end - next >= largest &&
		   next_sorted(division, (GvHnswMember *) next))
	{
		division->sample[division->n_sample] = (GvHnswMember *) next;
		next += shards->member_size + division->sample[division->n_sample]->value_size;
		division->n_sample++;
	}

	if (meta->metric == GV_AM_METRIC_INNER_PRODUCT)
	{
		uint32		n = division->n_sample;
		float	   *norms = palloc(n * sizeof(float));

		for (uint32 i = 0; i < n; i++)
			norms[i] = division->sample[i]->norm;
		gv_am_sort(norms, n, sizeof(float), gv_base_compare_float);
		meta->max_norm = norms[(uint32) (n * GV_AM_NORM_QUANTILE)];
		pfree(norms);
		division->direction = palloc0(sizeof(float) * build->graph.dims);
		division->direction[meta->dim] = 1;
		gv_rotation_apply(build->rotation, build->graph.dims, division->direction);
		for (uint32 i = 0; i < n; i++)
			add_missing_norm(division, division->sample[i]);
	}
}

/* The cell of a row of the sample, which is then in hand */
static int
nearest_cell(Division *division, uint32 i)
{
	float		best = FLT_MAX;
	int			cell = 0;

	CHECK_FOR_INTERRUPTS();
	take_in_hand(division, division->sample[i]);
	for (int c = 0; c < division->n_cells; c++)
	{
		float		distance = cell_distance(division, c);

		if (distance < best)
		{
			best = distance;
			cell = c;
		}
	}
	return cell;
}

/* Cells around pivots, which are different as long as equal rows follow each other */
static void
choose_pivots(Division *division)
{
	int			n = 0;

	division->pivot = palloc(sizeof(uint32) * division->n_cells);
	division->cell_rows = palloc0(sizeof(uint32) * division->n_cells);
	for (uint32 i = 0; i < division->n_sample && n < division->n_cells; i++)
	{
		if (i == 0 || division->sample[i]->hash != division->sample[i - 1]->hash)
			division->pivot[n++] = i;
	}
	division->n_cells = n;
	for (uint32 i = 0; i < division->n_sample; i++)
		division->cell_rows[nearest_cell(division, i)]++;
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
		gv_hnsw_point_decode(member_point(division, division->sample[c]), 0,
							 cell_centroid(division, c));
	for (int round = 0; round < KMEANS_ROUNDS; round++)
	{
		memset(sum, 0, sizeof(float) * n_cells * dims);
		memset(division->cell_rows, 0, sizeof(uint32) * n_cells);
		for (uint32 i = 0; i < division->n_sample; i++)
		{
			int			cell = nearest_cell(division, i);

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

/* The distance of a cell and the middle of a shard; without codes the cell's pivot is in hand */
static float
middle_distance(Division *division, int cell, int s)
{
	int			dims = division->one.dims;

	if (dims == 0)
		return cell_distance(division, division->middle_cell[s]);
	return gv_kernels->l2_squared_f32(cell_centroid(division, cell),
									  division->middle + (Size) s * dims, dims);
}

/* Let a shard's middle be a cell */
static void
set_middle(Division *division, int s, int cell)
{
	int			dims = division->one.dims;

	if (dims == 0)
		division->middle_cell[s] = cell;
	else
		memcpy(division->middle + (Size) s * dims, cell_centroid(division, cell),
			   sizeof(float) * dims);
}

/* Middles of shards: the means of their cells */
static void
average_cells(Division *division, const uint32 *used)
{
	int			dims = division->one.dims;

	memset(division->middle, 0, sizeof(float) * division->shards->n_shards * dims);
	for (int c = 0; c < division->n_cells; c++)
	{
		int			s = division->cell_shard[c];

		for (int d = 0; d < dims && used[s] > 0; d++)
			division->middle[(Size) s * dims + d] += cell_centroid(division, c)[d] *
				division->cell_rows[c] / used[s];
	}
}

/* The same without codes: of its cells the one that is nearest to the rows of all */
static void
choose_middles(Division *division)
{
	int			n_shards = division->shards->n_shards;
	double	   *best = palloc(sizeof(double) * n_shards);

	for (int s = 0; s < n_shards; s++)
		best[s] = get_float8_infinity();
	for (int c = 0; c < division->n_cells; c++)
	{
		int			s = division->cell_shard[c];
		double		sum = 0;

		CHECK_FOR_INTERRUPTS();
		take_in_hand(division, division->sample[division->pivot[c]]);
		for (int other = 0; other < division->n_cells; other++)
		{
			if (division->cell_shard[other] == s)
				sum += (double) cell_distance(division, other) * division->cell_rows[other];
		}
		if (sum < best[s])
		{
			best[s] = sum;
			division->middle_cell[s] = c;
		}
	}
	pfree(best);
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
	uint32	   *used = palloc(sizeof(uint32) * n_shards);
	float	   *nearest = palloc(sizeof(float) * n_cells);
	int			start = 0;

	division->cell_shard = palloc0(sizeof(uint32) * n_cells);
	if (dims > 0)
		division->middle = palloc_extended(sizeof(float) * n_shards * dims, MCXT_ALLOC_HUGE);
	else
		division->middle_cell = palloc(sizeof(uint32) * n_shards);

	/* start with cells far from each other */
	for (int c = 0; c < n_cells; c++)
		nearest[c] = FLT_MAX;
	for (int s = 0; s < n_shards; s++)
	{
		CHECK_FOR_INTERRUPTS();
		set_middle(division, s, start);
		if (dims == 0)
			take_in_hand(division, division->sample[division->pivot[start]]);
		for (int c = 0, farthest = start; c < n_cells; c++)
		{
			nearest[c] = Min(nearest[c], dims == 0 ? cell_distance(division, c) :
							 middle_distance(division, c, s));
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

			if (dims == 0)
				take_in_hand(division, division->sample[division->pivot[c]]);
			for (int s = 0; s < n_shards; s++)
			{
				float		distance = middle_distance(division, c, s);

				if (used[s] < room && distance < best)
				{
					best = distance;
					shard = s;
				}
			}
			division->cell_shard[c] = shard;
			used[shard] += division->cell_rows[c];
		}
		if (dims > 0)
			average_cells(division, used);
		else
			choose_middles(division);
	}
	pfree(used);
	pfree(nearest);
}

/* Distances of a member to the nearest cell of each shard */
static void
measure_shards(Division *division, GvHnswMember *member, float *distance)
{
	for (int s = 0; s < division->shards->n_shards; s++)
		distance[s] = FLT_MAX;
	take_in_hand(division, member);
	for (int c = 0; c < division->n_cells; c++)
	{
		float		d = cell_distance(division, c);
		uint32		s = division->cell_shard[c];

		distance[s] = Min(distance[s], d);
	}
}

/* What a member takes of a shard's room */
static inline Size
member_cost(const GvHnswShards *shards, const GvHnswMember *member)
{
	return shards->row_size + member->value_size;
}

/*
 * The nearest shard that has so much room and is none of those taken, if there is
 * one.  Of equally near ones that with most room.
 */
static uint32
nearest_shard(Division *division, const float *distance, const uint32 *taken, int n_taken,
			  Size cost)
{
	GvHnswShards *shards = division->shards;
	uint32		nearest = GV_HNSW_NO_ROW;
	double		best = 0;

	for (uint32 s = 0; s < shards->n_shards; s++)
	{
		double		d = division->one.dims > 0 ? (double) distance[s] * division->penalty[s] :
			(double) distance[s] + division->penalty[s];
		bool		is_taken = false;

		for (int i = 0; i < n_taken; i++)
			is_taken |= taken[i] == s;
		if (!is_taken && shards->shard[s].used + cost <= shards->room &&
			(nearest == GV_HNSW_NO_ROW || d < best ||
			 (d == best && shards->shard[s].used < shards->shard[nearest].used)))
		{
			nearest = s;
			best = d;
		}
	}
	return nearest;
}

/* How much farther than the nearest other shards are, on average */
static double
mean_gap(const float *distance, int n_shards, uint32 n)
{
	double		sum = 0;
	uint64		n_summed = 0;

	for (uint32 i = 0; i < n; i++)
	{
		const float *d = distance + (Size) i * n_shards;
		float		least = FLT_MAX;

		for (int s = 0; s < n_shards; s++)
			least = Min(least, d[s]);
		for (int s = 0; s < n_shards; s++)
		{
			if (d[s] < FLT_MAX)
			{
				sum += (double) d[s] - least;
				n_summed++;
			}
		}
	}
	return sum > 0 ? sum / n_summed : 1;
}

/* Find what makes of distances those with which all shards get about as many rows */
static void
balance_shards(Division *division, Size memory)
{
	GvHnswShards *shards = division->shards;
	int			n_shards = shards->n_shards;
	uint32		n = (uint32) Min(division->n_sample,
								 memory / (n_shards * sizeof(float)) + 1);
	float	   *distance = palloc_extended(sizeof(float) * n * n_shards, MCXT_ALLOC_HUGE);
	Size		room = shards->room;

	division->penalty = palloc(sizeof(float) * n_shards);
	for (int s = 0; s < n_shards; s++)
		division->penalty[s] = division->one.dims > 0 ? 1 : 0;
	for (uint32 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		measure_shards(division, division->sample[i], distance + (Size) i * n_shards);
	}
	division->penalty_unit = mean_gap(distance, n_shards, n);
	shards->room = SIZE_MAX;
	for (int round = 0; round < BALANCE_ROUNDS; round++)
	{
		double		sum = 0;

		CHECK_FOR_INTERRUPTS();
		for (int s = 0; s < n_shards; s++)
			shards->shard[s].used = 0;
		for (uint32 i = 0; i < n; i++)
		{
			float	   *d = distance + (Size) i * n_shards;
			Size		cost = member_cost(shards, division->sample[i]);
			uint32		taken[GV_HNSW_COPIES];

			for (int c = 0; c < GV_HNSW_COPIES; c++)
			{
				taken[c] = nearest_shard(division, d, taken, c, cost);
				shards->shard[taken[c]].used += cost;
				sum += cost;
			}
		}
		for (int s = 0; s < n_shards; s++)
		{
			double		part = shards->shard[s].used / (sum / n_shards);
			double		step = 0.1 * (Min(part, 2) - 1);

			/* a shard without cells is left for what finds no other */
			if (division->one.dims > 0)
				division->penalty[s] *= 1 + step;
			else
				division->penalty[s] += step * division->penalty_unit;
		}
	}
	for (int s = 0; s < n_shards; s++)
		shards->shard[s].used = 0;
	shards->room = room;
	pfree(distance);
}

/* Write a row to its shards */
static void
assign_member(Division *division, GvHnswMember *member)
{
	GvHnswShards *shards = division->shards;
	Size		cost = member_cost(shards, member);
	uint32		taken[GV_HNSW_COPIES];
	int			n_taken = 0;

	measure_shards(division, member, division->distance);
	for (int c = 0; c < GV_HNSW_COPIES; c++)
	{
		taken[c] = nearest_shard(division, division->distance, taken, c, cost);
		/* all shards together have room for all rows, but the last of it may be in one */
		n_taken += taken[c] != GV_HNSW_NO_ROW;
	}
	if (n_taken == 0)
		elog(ERROR, "no shard has room");
	member->home = taken[0];
	memcpy(member->others, taken + 1, sizeof(member->others));
	member->position = shards->shard[member->home].n_nodes++;
	member->entry = shards->n_nodes < GV_HNSW_MAX_ENTRIES ? shards->n_nodes : GV_HNSW_NO_ROW;
	shards->n_nodes++;
	for (int c = 0; c < n_taken; c++)
	{
		GvHnswShard *shard = &shards->shard[taken[c]];

		if (shard->members == NULL)
			shard->members = BufFileCreateTemp(false);
		gv_hnsw_write_member(shard->members, shards, member);
		shard->used += cost;
		shard->value_bytes += member->value_size;
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

/* Are two members that follow each other of the same vector? */
static bool
members_equal(const GvHnswShards *shards, const GvHnswMember *a, const GvHnswMember *b)
{
	if (a->hash != b->hash)
		return false;
	if (a->value_size > 0)
		return gv_am_values_equal(PointerGetDatum(gv_hnsw_member_value(shards, a)),
								  PointerGetDatum(gv_hnsw_member_value(shards, b)));
	/* the points follow the head of a member */
	return a->head.scale == b->head.scale && memcmp(a + 1, b + 1, shards->point_size) == 0;
}

/* Assign all rows, those of the sample first */
static void
assign_rows(Division *division)
{
	GvHnswShards *shards = division->shards;
	GvHnswMember *last = gv_hnsw_alloc_member(shards);
	GvHnswMember *member = gv_hnsw_alloc_member(shards);
	bool		has_last = false;

	for (uint64 i = 0; i < division->n_sorted; i++)
	{
		if (i < division->n_sample)
			memcpy(member, division->sample[i],
				   shards->member_size + division->sample[i]->value_size);
		else
		{
			if (!next_sorted(division, member))
				break;
			if (division->direction)
				add_missing_norm(division, member);
		}
		if (has_last && members_equal(shards, last, member))
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
 * Sets build->shards.
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
	gv_am_probe_init(&division.probe, build->graph.opclass, context);
	gv_hnsw_build_plan_staging(build);

	sort_rows(&division);
	n = (double) division.n_sorted;
	gv_hnsw_build_plan_shards(build, shards, division.n_sorted, division.value_bytes,
							  shards->largest);
	shards->shard = palloc0(sizeof(GvHnswShard) * shards->n_shards);

	old_context = MemoryContextSwitchTo(context);
	gv_am_report_phase(GV_HNSW_PHASE_DIVIDE);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, (int64) n);
	division.n_cells = Max(Min(shards->n_shards * CELLS_PER_SHARD, MAX_CELLS),
						   shards->n_shards);
	if (dims > 0)
		division.n_cells = Max(Min(division.n_cells, limit / 8 / (2 * sizeof(float) * dims)),
							   shards->n_shards);
	take_sample(&division, (uint32) Max(Min(n, (double) division.n_cells * MAX_ROWS_PER_CELL), 1),
				limit / 4);
	division.n_cells = Max(Min(division.n_cells, division.n_sample / MIN_ROWS_PER_CELL), 1);
	division.distance = palloc(sizeof(float) * shards->n_shards);
	if (division.n_sample > 0)
	{
		if (dims > 0)
			make_cells(&division);
		else
			choose_pivots(&division);
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
	if (dims > 0)
		shards->weight = palloc_extended(shards->n_nodes + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}
