/*-------------------------------------------------------------------------
 *
 * build_load.c
 *		First step of a build: the table's rows into memory.
 *
 * Rows get their place as they come, in any order; what follows numbers them by
 * tid and then by neighborhood, so that the result does not depend on timing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/tableam.h"
#include "catalog/index.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "am/sort.h"
#include "base/compare.h"
#include "base/random.h"
#include "hnsw/build_shard.h"
#include "quant/rotation.h"

/* Pages of the table that are looked at to foretell its number of rows */
#define N_SAMPLED_PAGES 64

/* A batch holds at most this part of the rows linked before it */
#define BATCH_FRACTION 50

/*
 * In a build larger than memory each row goes to two shards, which together
 * have this much more room than that needs, so that few rows find one full.
 */
#define SHARD_SLACK 1.1

/* With two, each shard would have all rows */
#define MIN_SHARDS (GV_HNSW_COPIES + 1)
#define MAX_SHARDS 4096

/*
 * With fewer rows a shard without codes finds too few neighbors: recall@10 at
 * ef_search 40 and 100 .821 and .881 instead of .856 and .907 with 1,000 rows
 * (splade-v3-sparse), .968 and .990 instead of .985 and .995 with 2,400
 * (hiv-morgan-1024bit).
 */
#define MIN_SHARD_ROWS 1024

/* Memory for what processes keep beside the arrays */
#define SCRATCH_MEMORY ((Size) 2 * 1024 * 1024)

/*
 * From so many rows on, with codes and without, most are linked in groups, which
 * pays where there is a kernel of many keys with many; the first ones are linked
 * one by one, since all searches begin among them
 */
#define MIN_GROUPED_ROWS 20480
#define MIN_GROUPED_EXACT 2048
#define ROWS_ALONE 1024

/* Sums have so many lanes; points have a multiple of them */
#define LANES 8

/* Open files of a shard, each with a buffer of a block */
#define FILES_PER_SHARD 3

static inline char *
place(char **next, Size size)
{
	char	   *start = *next;

	*next += MAXALIGN(size);
	return start;
}

/*
 * gv_hnsw_build_place_arrays
 *		Lay out the arrays of a build in an area of memory.
 *
 * area: NULL to learn the size
 */
Size
gv_hnsw_build_place_arrays(GvHnswBuild *build, char *area)
{
	GvHnswGraph *graph = &build->graph;
	GvHnswBuildShared *shared = build->shared;
	Size		n = shared->capacity;
	char	   *next = area;

	graph->tid = (ItemPointerData *) place(&next, n * sizeof(ItemPointerData));
	graph->hash = (uint64 *) place(&next, n * sizeof(uint64));
	build->filters = place(&next, n * build->ix.filters.packed_size);
	if (graph->dims > 0)
	{
		gv_hnsw_points_place(&graph->points, place(&next, GV_HNSW_POINTS_SIZE(n, graph->dims)), n);
		graph->points.rest = (uint8 *) place(&next, n * graph->points.rest_bytes);
		build->center = (float *) place(&next, graph->dims * sizeof(float));
		if (graph->opclass->metric == GV_AM_METRIC_INNER_PRODUCT)
			graph->norm = (float *) place(&next, n * sizeof(float));
	}
	else
	{
		graph->values = place(&next, shared->values_capacity);
		graph->value_offset = (uint64 *) place(&next, n * sizeof(uint64));
	}
	/* where cache lines begin */
	next = (char *) TYPEALIGN(GV_HNSW_POINT_ALIGN, next);
	graph->links = (uint32 *) place(&next, n * graph->degree * sizeof(uint32));
	graph->link_keys = (float *) place(&next, n * graph->degree * sizeof(float));
	graph->n_links = (uint8 *) place(&next, n);
	graph->order = (uint32 *) place(&next, n * sizeof(uint32));
	graph->incoming = (uint32 *) place(&next, n * sizeof(uint32));
	build->node_row = (uint32 *) place(&next, n * sizeof(uint32));
	build->row_id = (uint32 *) place(&next, n * sizeof(uint32));
	build->same_next = (uint32 *) place(&next, n * sizeof(uint32));
	build->tid_chunk = (uint32 *) place(&next, n * sizeof(uint32));
	build->edges = (GvHnswEdge *) place(&next, (Size) shared->max_batch * graph->degree *
										sizeof(GvHnswEdge));
	build->targets = (uint32 *) place(&next, (Size) shared->max_batch * graph->degree *
									  sizeof(uint32));
	if (area)
	{
		build->area = area;
		build->area_size = next - area;
	}
	/* the area may begin anywhere in a cache line */
	return next - area + GV_HNSW_POINT_ALIGN;
}

/* What is learned from a sample of the table */
typedef struct Sample
{
	GvHnswBuild *build;
	double	   *sum;			/* double[dims], of the points before rotation */
	double		norm2;			/* sum of their squared norms */
	double		value_bytes;	/* sum of the values' sizes */
	int64		n_values;
} Sample;

static void
sample_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		   bool tuple_is_alive, void *state)
{
	Sample	   *sample = state;
	GvHnswBuild *build = sample->build;
	int			dims = build->graph.dims;
	MemoryContext old_context;
	GvAmRotated rotated;
	double		norm2[LANES] = {0};
	Datum		value;

	if (isnull[0])
		return;
	old_context = MemoryContextSwitchTo(build->row_context);
	value = PointerGetDatum(PG_DETOAST_DATUM(values[0]));
	gv_am_check_dim(build->ix.opclass, value, build->shared->meta.dim);
	sample->value_bytes += MAXALIGN(VARSIZE(DatumGetPointer(value)));
	sample->n_values++;
	if (dims > 0)
	{
		gv_am_scale_value(build->ix.opclass, build->shared->meta.dim, dims, 1.0f, -1.0f, value,
						  false, build->point, &rotated);
		for (int d = 0; d < dims; d++)
			sample->sum[d] += build->point[d];
		/* in double and in lanes, which compilers turn into vectors */
		for (int d = 0; d < dims; d += LANES)
		{
			for (int lane = 0; lane < LANES; lane++)
				norm2[lane] += (double) build->point[d + lane] * build->point[d + lane];
		}
		for (int lane = 0; lane < LANES; lane++)
			sample->norm2 += norm2[lane];
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(build->row_context);
}

/*
 * gv_hnsw_build_choose_geometry
 *		Choose unit and center, and foretell the number of rows, from some
 *		pages of the table.
 */
void
gv_hnsw_build_choose_geometry(GvHnswBuild *build)
{
	GvHnswMetaPageData *meta = &build->shared->meta;
	BlockNumber n_blocks = RelationGetNumberOfBlocks(build->heap);
	BlockNumber n_sampled = Min(n_blocks, N_SAMPLED_PAGES);
	int			dims = build->graph.dims;
	Sample		sample = {build, palloc0(sizeof(double) * (dims + 1))};

	for (BlockNumber i = 0; i < n_sampled; i++)
	{
		CHECK_FOR_INTERRUPTS();
		table_index_build_range_scan(build->heap, build->index, build->index_info, false,
									 !build->index_info->ii_Concurrent, false,
									 (BlockNumber) ((uint64) i * n_blocks / n_sampled), 1,
									 sample_row, &sample, NULL);
	}
	build->expected_rows = n_sampled > 0 ? (double) sample.n_values / n_sampled * n_blocks : 0;
	build->value_bytes = sample.n_values > 0 ? sample.value_bytes / sample.n_values : 0;

	if (dims == 0)
		return;
	build->sampled_center = palloc0(sizeof(float) * dims);
	meta->inverse_unit = meta->metric == GV_AM_METRIC_COSINE || sample.n_values == 0 ? 1.0f :
		gv_am_choose_unit(sqrt(sample.norm2 / sample.n_values));
	for (int d = 0; d < dims && sample.n_values > 0; d++)
		build->sampled_center[d] = (float) (sample.sum[d] / sample.n_values * meta->inverse_unit);
	/* the mean of points rotated is their mean, rotated */
	gv_rotation_apply(build->rotation, dims, build->sampled_center);
	build->ix.meta = *meta;
}

/* Bytes that the arrays have for a value without codes: some more, as sizes differ */
static Size
value_room(const GvHnswBuild *build)
{
	return build->graph.dims == 0 ? (Size) (build->value_bytes * 1.25) + 64 : 0;
}

/* Bytes that the arrays of a build need for a row, without values */
static Size
bytes_per_row(GvHnswBuild *build)
{
	GvHnswBuildShared *shared = build->shared;

	shared->capacity = 1024;
	shared->values_capacity = 0;
	shared->max_batch = 1024 / BATCH_FRACTION + 1;
	return gv_hnsw_build_place_arrays(build, NULL) / 1024 + 1;
}

/*
 * What maintenance_work_mem leaves for arrays beside processes' scratch memory.
 *
 * It must not depend on their number, since the graph depends on it.
 */
static Size
array_memory(void)
{
	Size		limit = (Size) maintenance_work_mem * 1024;

	return limit - Min(limit / 4, SCRATCH_MEMORY);
}

/*
 * gv_hnsw_build_size_arrays
 *		Let the arrays be of so many rows and bytes of values.
 *
 * Sets capacity, values_capacity and max_batch of the shared state.
 */
void
gv_hnsw_build_size_arrays(GvHnswBuild *build, uint64 n_rows, Size value_bytes)
{
	GvHnswBuildShared *shared = build->shared;

	shared->capacity = Max(Min(n_rows, (uint64) GV_HNSW_MAX_GRAPH_ROWS), 16);
	shared->values_capacity = value_bytes;
	shared->max_batch = Max(shared->capacity / BATCH_FRACTION, 64);
}

/*
 * gv_hnsw_build_plan_memory
 *		Decide how many rows the build takes into memory.
 *
 * Sizes the arrays for that.
 *
 * Returns whether the rows that are expected fit.
 */
bool
gv_hnsw_build_plan_memory(GvHnswBuild *build)
{
	Size		value_size = value_room(build);
	uint64		fit = array_memory() / (bytes_per_row(build) + value_size);
	uint64		n_rows = (uint64) Min(build->expected_rows * 1.2 + 1000, (double) fit);

	gv_hnsw_build_size_arrays(build, n_rows, n_rows * value_size);
	return build->expected_rows <= fit;
}

/*
 * gv_hnsw_build_memory
 *		Return the maintenance_work_mem, in bytes, with which a number of rows
 *		fit into memory.
 */
Size
gv_hnsw_build_memory(GvHnswBuild *build, uint64 n_rows)
{
	Size		needed = (n_rows + 1) * (bytes_per_row(build) + value_room(build));

	return Min(needed / 3 * 4, needed + SCRATCH_MEMORY);
}

/*
 * gv_hnsw_build_may_shard
 *		Are rows beyond memory to go into shards?  Else they are inserted one by
 *		one.
 *
 * Called when the memory is planned.
 */
bool
gv_hnsw_build_may_shard(const GvHnswBuild *build)
{
	return build->graph.dims > 0 || build->shared->capacity >= MIN_SHARD_ROWS;
}

/*
 * gv_hnsw_build_plan_shards
 *		Decide on the number of shards, and the memory that each may take.
 *
 * shards: n_shards, room and row_size are set
 * n_rows: of all shards together, each counted once
 * value_bytes: of their values, without codes; else 0
 * largest: of these
 */
void
gv_hnsw_build_plan_shards(GvHnswBuild *build, GvHnswShards *shards, uint64 n_rows,
						  double value_bytes, Size largest)
{
	Size		memory = array_memory();
	Size		per_row = bytes_per_row(build);
	double		mean = per_row + value_bytes / Max(n_rows, 1);
	double		room = GV_HNSW_COPIES * SHARD_SLACK * mean * n_rows;
	double		n_shards = MIN_SHARDS;

	for (;;)
	{
		/* each shard has some open files; each row a byte all the time, at most */
		double		beside = Min(n_shards * FILES_PER_SHARD * BLCKSZ + n_rows, memory / 4.0);
		double		needed = ceil(room / Max(memory - beside - largest, 16 * mean));

		if (needed <= n_shards)
			break;
		n_shards = needed;
	}
	if (n_shards > MAX_SHARDS)
		n_shards = MAX_SHARDS;
	shards->n_shards = (int) n_shards;
	shards->room = (Size) (room / n_shards + 16 * mean) + largest;
	shards->row_size = per_row;
}

/* Keep the words of a row's filter columns */
static void
load_filters(GvHnswBuild *build, uint64 row, const Datum *values, const bool *isnull)
{
	const GvAmFilterColumns *columns = &build->ix.filters;
	GvAmFilterRow filters;

	if (columns->n == 0)
		return;
	gv_am_filter_row(columns, values, isnull, &filters);
	gv_am_filter_pack(columns, &filters, gv_hnsw_build_filters(build, row));
}

/* Keep one row of the table */
static void
load_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		 bool tuple_is_alive, void *state)
{
	GvHnswBuild *build = state;
	GvHnswBuildShared *shared = build->shared;
	GvHnswGraph *graph = &build->graph;
	MemoryContext old_context;
	Datum		value;
	uint64		row;

	if (isnull[0])
		return;

	old_context = MemoryContextSwitchTo(build->row_context);
	value = PointerGetDatum(PG_DETOAST_DATUM(values[0]));
	gv_am_check_dim(graph->opclass, value, shared->meta.dim);

	row = pg_atomic_fetch_add_u64(&shared->n_rows, 1);
	if (row < shared->capacity)
		load_filters(build, row, values + 1, isnull + 1);
	if (row >= shared->capacity)
		pg_atomic_write_u32(&shared->overflowed, 1);
	else if (graph->dims > 0)
	{
		GvAmRotated rotated;

		gv_am_rotate_value(graph->opclass, shared->meta.dim, graph->dims, build->rotation,
					   shared->meta.inverse_unit, -1.0f, value, false, build->point,
					   &rotated);
		for (int i = 0; i < graph->dims; i++)
			build->point[i] -= build->center[i];
		gv_hnsw_point_encode(&graph->points, row, build->point);
		/* a scale of zero marks vectors without direction */
		if (!rotated.has_direction)
			gv_hnsw_point_head(&graph->points, row)->scale = 0;
		graph->hash[row] = rotated.hash;
		if (graph->norm)
			graph->norm[row] = (float) Min(sqrt(rotated.norm2), FLT_MAX);
		graph->tid[row] = *tid;
	}
	else
	{
		Size		size = MAXALIGN(VARSIZE(DatumGetPointer(value)));
		uint64		offset = pg_atomic_fetch_add_u64(&shared->values_used, size);

		if (offset + size > shared->values_capacity)
		{
			/* the place stays unused */
			pg_atomic_write_u32(&shared->overflowed, 1);
			ItemPointerSetInvalid(&graph->tid[row]);
		}
		else
		{
			memcpy(graph->values + offset, DatumGetPointer(value),
				   VARSIZE(DatumGetPointer(value)));
			graph->value_offset[row] = offset;
			graph->hash[row] = gv_am_value_hash(value);
			graph->tid[row] = *tid;
		}
	}
	build->n_tuples++;

	MemoryContextSwitchTo(old_context);
	MemoryContextReset(build->row_context);
}

/*
 * gv_hnsw_build_load
 *		Read the table, or a part of it, into the arrays.
 *
 * scan: a parallel scan, or NULL
 *
 * Returns the number of tuples of the table that were seen.
 */
double
gv_hnsw_build_load(GvHnswBuild *build, TableScanDesc scan, bool progress)
{
	return table_index_build_scan(build->heap, build->index, build->index_info,
								  true, progress, load_row, build, scan);
}

/* qsort_arg comparators */
static int
compare_rows_by_tid(const void *a, const void *b, void *arg)
{
	GvHnswGraph *graph = arg;

	return ItemPointerCompare(&graph->tid[*(const uint32 *) a],
							  &graph->tid[*(const uint32 *) b]);
}

static int
compare_rows_by_hash(const void *a, const void *b, void *arg)
{
	GvHnswGraph *graph = arg;
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	if (graph->hash[x] != graph->hash[y])
		return graph->hash[x] < graph->hash[y] ? -1 : 1;
	return ItemPointerCompare(&graph->tid[x], &graph->tid[y]);
}

static bool
rows_equal(const GvHnswGraph *graph, uint32 a, uint32 b)
{
	if (graph->hash[a] != graph->hash[b])
		return false;
	if (graph->dims == 0)
		return gv_am_values_equal(gv_hnsw_graph_value(graph, a),
								  gv_hnsw_graph_value(graph, b));
	return gv_hnsw_points_equal(&graph->points, a, b);
}

/*
 * Find rows of the same vector.  Of each such set the row with the lowest tid
 * stays in rows[]; the others hang from it by same_next, ascending.
 *
 * rows: ascending, before and after
 *
 * Returns how many stay.
 */
static uint32
chain_equal_rows(GvHnswBuild *build, uint32 *rows, uint32 n)
{
	GvHnswGraph *graph = &build->graph;
	uint32	   *by_hash = build->graph.order;	/* not in use yet */
	uint32		n_kept = 0;

	memcpy(by_hash, rows, n * sizeof(uint32));
	gv_am_sort_arg(by_hash, n, sizeof(uint32), compare_rows_by_hash, graph);
	for (uint32 i = 0; i < n; i++)
	{
		build->same_next[by_hash[i]] = GV_HNSW_NO_ROW;
		build->row_id[by_hash[i]] = GV_HNSW_INVALID_ID;
	}
	for (uint32 i = 0; i < n;)
	{
		uint32		last = by_hash[i];
		uint32		j;

		CHECK_FOR_INTERRUPTS();
		for (j = i + 1; j < n && rows_equal(graph, by_hash[i], by_hash[j]); j++)
		{
			build->same_next[last] = by_hash[j];
			last = by_hash[j];
			/* marks the row as not a node */
			build->row_id[by_hash[j]] = 0;
		}
		i = j;
	}
	for (uint32 i = 0; i < n; i++)
	{
		if (build->row_id[rows[i]] == GV_HNSW_INVALID_ID)
			rows[n_kept++] = rows[i];
	}
	return n_kept;
}

/*
 * Give all points their additional element, now that the norms are known.
 */
static void
add_missing_norms(GvHnswBuild *build, const uint32 *rows, uint32 n)
{
	GvHnswGraph *graph = &build->graph;
	GvHnswMetaPageData *meta = &build->shared->meta;
	int			dims = graph->dims;
	float	   *z = build->point;
	float	   *direction = palloc0(sizeof(float) * dims);
	float	   *norms;

	if (n == 0)
		return;
	norms = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(float));
	for (uint32 i = 0; i < n; i++)
		norms[i] = graph->norm[rows[i]];
	gv_am_sort(norms, n, sizeof(float), gv_base_compare_float);
	meta->max_norm = norms[(uint32) (n * GV_AM_NORM_QUANTILE)];
	pfree(norms);

	direction[meta->dim] = 1;
	gv_rotation_apply(build->rotation, dims, direction);
	for (uint32 i = 0; i < n; i++)
	{
		double		norm = graph->norm[rows[i]];
		double		missing = (double) meta->max_norm * meta->max_norm - norm * norm;
		float		e = (float) Min(sqrt(Max(missing, 0)) * meta->inverse_unit,
									GV_AM_MAX_ELEMENT);
		float		error;

		CHECK_FOR_INTERRUPTS();
		error = gv_hnsw_point_head(&graph->points, rows[i])->error;
		gv_hnsw_point_decode(&graph->points, rows[i], z);
		for (int d = 0; d < dims; d++)
			z[d] += e * direction[d];
		gv_hnsw_point_encode(&graph->points, rows[i], z);
		gv_hnsw_point_head(&graph->points, rows[i])->error += error;
	}
	pfree(direction);
}

/* Copy a row of the arrays that loading fills; filters: packed words of each row */
static void
copy_row(GvHnswGraph *to, char *to_filters, uint32 to_row, const GvHnswGraph *from,
		 const char *from_filters, uint32 from_row, Size filters_size)
{
	memcpy(to_filters + to_row * filters_size, from_filters + from_row * filters_size,
		   filters_size);
	to->tid[to_row] = from->tid[from_row];
	to->hash[to_row] = from->hash[from_row];
	if (to->norm)
		to->norm[to_row] = from->norm[from_row];
	if (to->dims == 0)
		to->value_offset[to_row] = from->value_offset[from_row];
	else
	{
		*gv_hnsw_point_head(&to->points, to_row) = *gv_hnsw_point_head(&from->points, from_row);
		memcpy(gv_hnsw_point_high(&to->points, to_row),
			   gv_hnsw_point_high(&from->points, from_row), to->dims);
		memcpy(gv_hnsw_point_rest(&to->points, to_row),
			   gv_hnsw_point_rest(&from->points, from_row), to->points.rest_bytes);
	}
}

/* Number the rows in the order that the graph's order has, which is lost by that */
static void
number_rows(GvHnswBuild *build, uint32 n_rows)
{
	GvHnswGraph *graph = &build->graph;
	uint32	   *from = graph->order;
	GvHnswGraph kept = *graph;	/* one row */
	Size		filters_size = build->ix.filters.packed_size;
	char	   *filters = build->filters;
	char	   *kept_filters = palloc(filters_size + 1);

	kept.tid = palloc(sizeof(ItemPointerData));
	kept.hash = palloc(sizeof(*kept.hash));
	if (graph->norm)
		kept.norm = palloc(sizeof(float));
	if (graph->dims == 0)
		kept.value_offset = palloc(sizeof(uint64));
	else
	{
		gv_hnsw_points_place(&kept.points, palloc(GV_HNSW_POINTS_SIZE(1, graph->dims)), 1);
		kept.points.rest = palloc(graph->points.rest_bytes + 1);
	}
	for (uint32 start = 0; start < n_rows; start++)
	{
		uint32		row = start;

		CHECK_FOR_INTERRUPTS();
		if (from[start] == start)
			continue;
		copy_row(&kept, kept_filters, 0, graph, filters, start, filters_size);
		while (from[row] != start)
		{
			uint32		next = from[row];

			CHECK_FOR_INTERRUPTS();
			copy_row(graph, filters, row, graph, filters, next, filters_size);
			from[row] = row;
			row = next;
		}
		copy_row(graph, filters, row, &kept, kept_filters, 0, filters_size);
		from[row] = row;
	}
}

/*
 * Number the rows by tid: the graph must not depend on who loaded which row
 * when.  Unused places come last.
 */
static void
number_rows_by_tid(GvHnswBuild *build, uint32 n_rows)
{
	GvHnswGraph *graph = &build->graph;

	for (uint32 row = 0; row < n_rows; row++)
		graph->order[row] = row;
	gv_am_sort_arg(graph->order, n_rows, sizeof(uint32), compare_rows_by_tid, graph);
	number_rows(build, n_rows);
}

/* Put n items, of `width` rows each, into a random order */
static void
shuffle(uint32 *rows, uint32 n, int width, GvRandom *random)
{
	uint32		kept[GV_HNSW_GROUP];
	Size		size = width * sizeof(uint32);

	for (uint32 i = n; i > 1; i--)
	{
		uint32	   *last = rows + (Size) (i - 1) * width;
		uint32	   *other = rows + (Size) gv_random_below(random, i) * width;

		CHECK_FOR_INTERRUPTS();
		memcpy(kept, last, size);
		memmove(last, other, size);
		memcpy(other, kept, size);
	}
}

/* How many of n rows are linked one by one, the first of a random order */
static uint32
count_alone(const GvHnswBuild *build, uint32 n)
{
	if (n < (build->graph.dims > 0 ? MIN_GROUPED_ROWS : MIN_GROUPED_EXACT) ||
		!gv_hnsw_graph_has_groups(&build->graph))
		return n;
	return ROWS_ALONE + (n - ROWS_ALONE) % GV_HNSW_GROUP;
}

/*
 * Decide on the order in which rows are linked: random, but for most of the rows
 * of a large index in groups of rows that follow each other.
 */
static void
choose_order(GvHnswBuild *build, const uint32 *rows, uint32 n, GvRandom *random)
{
	GvHnswBuildShared *shared = build->shared;
	uint32	   *order = build->graph.order;

	memcpy(order, rows, n * sizeof(uint32));
	shuffle(order, n, 1, random);
	shared->n_order = n;
	shared->n_alone = count_alone(build, n);
	order += shared->n_alone;
	n -= shared->n_alone;
	gv_am_sort(order, n, sizeof(uint32), gv_hnsw_compare_rows);
	shuffle(order, n / GV_HNSW_GROUP, GV_HNSW_GROUP, random);
}

/*
 * gv_hnsw_build_choose_shard_order
 *		The same for the n rows of a shard, which are in a random order already.
 */
void
gv_hnsw_build_choose_shard_order(GvHnswBuild *build, uint32 n)
{
	GvHnswBuildShared *shared = build->shared;
	GvHnswGraph *graph = &build->graph;
	GvRandom	random = {shared->meta.seed};
	uint32		n_alone = count_alone(build, n);

	for (uint32 row = 0; row < n_alone; row++)
		graph->order[row] = row;
	gv_hnsw_build_order_rows(build, n_alone, n - n_alone);
	shuffle(graph->order + n_alone, (n - n_alone) / GV_HNSW_GROUP, GV_HNSW_GROUP, &random);
	for (uint32 row = 0; row < n; row++)
		graph->incoming[row] = GV_HNSW_NO_ROW;
	shared->n_order = n;
	shared->n_alone = n_alone;
}

/*
 * gv_hnsw_build_finish_rows
 *		Turn the rows loaded into nodes and decide on their order.
 *
 * Rows without direction form a list of their own, from build->null_row on.
 */
void
gv_hnsw_build_finish_rows(GvHnswBuild *build)
{
	GvHnswGraph *graph = &build->graph;
	GvHnswBuildShared *shared = build->shared;
	uint32		n_rows = (uint32) Min(pg_atomic_read_u64(&shared->n_rows), shared->capacity);
	uint32	   *rows = build->node_row;
	uint32		n = 0;
	GvRandom	random = {shared->meta.seed};

	number_rows_by_tid(build, n_rows);
	while (n_rows > 0 && !ItemPointerIsValid(&graph->tid[n_rows - 1]))
		n_rows--;
	gv_hnsw_build_order_rows(build, 0, n_rows);
	number_rows(build, n_rows);
	build->null_row = GV_HNSW_NO_ROW;
	for (uint32 row = 0; row < n_rows; row++)
	{
		if (!ItemPointerIsValid(&graph->tid[row]))
			continue;
		if (graph->dims > 0 && gv_hnsw_point_head(&graph->points, row)->scale == 0)
		{
			build->same_next[row] = build->null_row;
			build->null_row = row;
		}
		else
			rows[n++] = row;
	}
	n = chain_equal_rows(build, rows, n);
	if (graph->norm)
		add_missing_norms(build, rows, n);
	/* an empty index leaves the unit to its first row */
	if (n == 0)
		shared->meta.inverse_unit = 0;

	choose_order(build, rows, n, &random);
	for (uint32 i = 0; i < n_rows; i++)
	{
		graph->n_links[i] = 0;
		graph->incoming[i] = GV_HNSW_NO_ROW;
	}
	shared->n_nodes = n;
}
