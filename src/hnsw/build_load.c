/*-------------------------------------------------------------------------
 *
 * build_load.c
 *		First step of a build: the table's rows into memory.
 *
 * Rows get their place as they come, in any order; what follows works in the
 * order of their tids, so that the result does not depend on timing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/tableam.h"
#include "catalog/index.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "base/random.h"
#include "hnsw/build.h"
#include "quant/rotation.h"

/* Pages of the table that are looked at to foretell its number of rows */
#define N_SAMPLED_PAGES 64

/* A batch holds at most this part of the rows linked before it */
#define BATCH_FRACTION 50

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
	if (graph->dims > 0)
	{
		graph->point = (GvHalf *) place(&next, n * graph->dims * sizeof(GvHalf));
		graph->scale = (float *) place(&next, n * sizeof(float));
		if (graph->opclass->metric == GV_AM_METRIC_INNER_PRODUCT)
			graph->norm2 = (float *) place(&next, n * sizeof(float));
	}
	else
	{
		graph->values = place(&next, shared->values_capacity);
		graph->value_offset = (uint64 *) place(&next, n * sizeof(uint64));
	}
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
	return next - area;
}

/* Foretell the number of rows of the table from some of its pages */
static double
estimate_rows(Relation heap)
{
	BlockNumber n_blocks = RelationGetNumberOfBlocks(heap);
	BlockNumber n_sampled = Min(n_blocks, N_SAMPLED_PAGES);
	double		n_rows = 0;

	for (BlockNumber i = 0; i < n_sampled; i++)
	{
		BlockNumber blkno = (BlockNumber) ((uint64) i * n_blocks / n_sampled);
		Buffer		buf;
		Page		page;

		CHECK_FOR_INTERRUPTS();
		buf = ReadBuffer(heap, blkno);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		page = BufferGetPage(buf);
		if (!PageIsNew(page))
		{
			for (OffsetNumber o = FirstOffsetNumber; o <= PageGetMaxOffsetNumber(page); o++)
				n_rows += ItemIdIsNormal(PageGetItemId(page, o));
		}
		UnlockReleaseBuffer(buf);
	}
	return n_sampled > 0 ? n_rows / n_sampled * n_blocks : 0;
}

/*
 * gv_hnsw_build_plan_memory
 *		Decide how many rows the build takes into memory.
 *
 * Sets capacity, values_capacity and max_batch of the shared state.
 */
void
gv_hnsw_build_plan_memory(GvHnswBuild *build, int n_workers)
{
	GvHnswBuildShared *shared = build->shared;
	Size		limit = (Size) maintenance_work_mem * 1024;
	double		expected = estimate_rows(build->heap) * 1.1 + 1000;
	Size		per_row;
	Size		value_size = 0;
	uint64		capacity;

	shared->capacity = 1024;
	shared->values_capacity = 0;
	shared->max_batch = 1024 / BATCH_FRACTION + 1;
	per_row = gv_hnsw_build_place_arrays(build, NULL) / 1024 + 1;

	if (build->graph.dims == 0)
	{
		/* dense values are of one size; sparse ones have at most this many elements */
		switch (build->ix.opclass->element)
		{
			case GV_AM_ELEMENT_FLOAT:
				value_size = 16 + sizeof(float) * shared->meta.dim;
				break;
			case GV_AM_ELEMENT_HALF:
				value_size = 16 + sizeof(GvHalf) * shared->meta.dim;
				break;
			case GV_AM_ELEMENT_BIT:
				value_size = 16 + shared->meta.dim / 8;
				break;
			case GV_AM_ELEMENT_SPARSE:
				/* a guess: the table's bytes hold them all */
				value_size = 64 + (Size) ((double) RelationGetNumberOfBlocks(build->heap) *
										  BLCKSZ / expected);
				break;
		}
	}

	/* some room stays for the processes' own scratch memory */
	limit -= Min(limit / 4, (Size) (n_workers + 1) * 256 * 1024);
	capacity = (uint64) Min(expected, (double) (limit / (per_row + value_size)));
	capacity = Max(Min(capacity, (uint64) PG_INT32_MAX), 16);
	shared->capacity = capacity;
	shared->values_capacity = capacity * value_size;
	shared->max_batch = Max(capacity / BATCH_FRACTION, 64);
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
	if (row >= shared->capacity)
		pg_atomic_write_u32(&shared->overflowed, 1);
	else if (graph->dims > 0)
	{
		GvHnswRotated rotated;
		float		largest = 0;
		float		scale = 1;

		gv_hnsw_rotate(graph->opclass, shared->meta.dim, graph->dims, build->rotation,
					   1.0f, -1.0f, value, false, build->point, &rotated);
		for (int i = 0; i < graph->dims; i++)
			largest = Max(largest, fabsf(build->point[i]));
		if (largest > 0 && (largest > 16384 || largest < 1.0f / 64))
			scale = 1.0f / gv_hnsw_choose_unit(largest);
		for (int i = 0; i < graph->dims; i++)
			build->point[i] /= scale;
		gv_kernels->f32_to_f16(build->point, gv_hnsw_graph_point(graph, row), graph->dims);
		/* a scale of zero marks vectors without direction */
		graph->scale[row] = rotated.has_direction ? scale : 0;
		graph->hash[row] = rotated.hash;
		if (graph->norm2)
			graph->norm2[row] = (float) rotated.norm2;
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
	return graph->scale[a] == graph->scale[b] &&
		memcmp(gv_hnsw_graph_point(graph, a), gv_hnsw_graph_point(graph, b),
			   graph->dims * sizeof(GvHalf)) == 0;
}

/*
 * Find rows of the same vector.  Of each such set the row with the lowest tid
 * stays in rows[]; the others hang from it by same_next, ascending.
 *
 * rows: sorted by tid, before and after
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
	qsort_arg(by_hash, n, sizeof(uint32), compare_rows_by_hash, graph);
	for (uint32 i = 0; i < n; i++)
	{
		build->same_next[by_hash[i]] = GV_HNSW_NO_ROW;
		build->row_id[by_hash[i]] = GV_HNSW_INVALID_ID;
	}
	for (uint32 i = 0; i < n;)
	{
		uint32		last = by_hash[i];
		uint32		j;

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

/* Choose the geometry, and bring all points into it */
static void
transform_points(GvHnswBuild *build, const uint32 *rows, uint32 n, float *center)
{
	GvHnswGraph *graph = &build->graph;
	GvHnswMetaPageData *meta = &build->shared->meta;
	int			dims = graph->dims;
	float	   *z = build->point;
	float	   *extra = palloc0(sizeof(float) * dims);
	double	   *sum = palloc0(sizeof(double) * dims);
	double		norm2 = 0;
	double		max_norm2 = 0;

	for (uint32 i = 0; i < n; i++)
	{
		double		row_norm2 = 0;

		CHECK_FOR_INTERRUPTS();
		gv_hnsw_graph_decode(graph, rows[i], z);
		for (int d = 0; d < dims; d++)
		{
			sum[d] += z[d];
			row_norm2 += (double) z[d] * z[d];
		}
		norm2 += row_norm2;
		if (graph->norm2)
			max_norm2 = Max(max_norm2, graph->norm2[rows[i]]);
	}

	meta->max_norm = (float) sqrt(max_norm2);
	meta->inverse_unit = meta->metric == GV_AM_METRIC_COSINE ? 1.0f :
		(n > 0 ? gv_hnsw_choose_unit(sqrt(norm2 / n)) : 0.0f);
	if (n == 0)
		return;

	/* the direction of the inner product's additional element */
	if (graph->norm2)
	{
		extra[meta->dim] = 1;
		gv_rotation_apply(build->rotation, dims, extra);
		for (uint32 i = 0; i < n; i++)
		{
			double		e = sqrt(Max(max_norm2 - graph->norm2[rows[i]], 0));

			for (int d = 0; d < dims; d++)
				sum[d] += e * extra[d];
		}
	}
	for (int d = 0; d < dims; d++)
		center[d] = (float) (sum[d] / n * meta->inverse_unit);

	for (uint32 i = 0; i < n; i++)
	{
		float		e = 0;
		float		largest = 0;
		float		scale = 1;

		CHECK_FOR_INTERRUPTS();
		if (graph->norm2)
			e = (float) sqrt(Max(max_norm2 - graph->norm2[rows[i]], 0));
		gv_hnsw_graph_decode(graph, rows[i], z);
		for (int d = 0; d < dims; d++)
		{
			z[d] = (z[d] + e * extra[d]) * meta->inverse_unit - center[d];
			largest = Max(largest, fabsf(z[d]));
		}
		if (largest > 0 && (largest > 16384 || largest < 1.0f / 64))
			scale = 1.0f / gv_hnsw_choose_unit(largest);
		for (int d = 0; d < dims; d++)
			z[d] /= scale;
		gv_kernels->f32_to_f16(z, gv_hnsw_graph_point(graph, rows[i]), dims);
		graph->scale[rows[i]] = scale;
	}
}

/*
 * gv_hnsw_build_finish_rows
 *		Turn the rows loaded into nodes and decide on their order.
 *
 * Sets the geometry in the shared metapage content, and build->center.  Rows
 * without direction form a list of their own, from build->null_row on.
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

	build->null_row = GV_HNSW_NO_ROW;
	build->center = palloc0(sizeof(float) * (graph->dims + 1));
	for (uint32 row = 0; row < n_rows; row++)
	{
		if (!ItemPointerIsValid(&graph->tid[row]))
			continue;
		if (graph->dims > 0 && graph->scale[row] == 0)
		{
			build->same_next[row] = build->null_row;
			build->null_row = row;
		}
		else
			rows[n++] = row;
	}
	qsort_arg(rows, n, sizeof(uint32), compare_rows_by_tid, graph);
	n = chain_equal_rows(build, rows, n);
	if (graph->dims > 0)
		transform_points(build, rows, n, build->center);

	memcpy(graph->order, rows, n * sizeof(uint32));
	for (uint32 i = n; i > 1; i--)
	{
		uint32		j = gv_random_below(&random, i);
		uint32		row = graph->order[i - 1];

		graph->order[i - 1] = graph->order[j];
		graph->order[j] = row;
	}
	for (uint32 i = 0; i < n_rows; i++)
	{
		graph->n_links[i] = 0;
		graph->incoming[i] = GV_HNSW_NO_ROW;
	}
	shared->n_order = n;
	shared->n_nodes = n;
}
