/*-------------------------------------------------------------------------
 *
 * check_heap.c
 *		Verifying an index: against its table.
 *
 * Every row of the table that a snapshot sees must be in the index once, and
 * its node must hold its vector.  The snapshot is taken before the index is
 * read: what it sees, the index has, and VACUUM cannot take away.
 *
 * Rows are compared by parts of the table, so that their places in the index
 * fit into maintenance_work_mem.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "am/sort.h"
#include "base/compat.h"
#include "hnsw/check.h"
#include "hnsw/node.h"

/* Relative rounding errors: float16, and rotations in float32 */
#define HALF_ROUNDING (1.0f / 1024)
#define ROTATION_ROUNDING 2e-6

/* The same of fixed-point numbers in a build, as a part of the largest element */
#define FIXED_ROUNDING(own_kind) \
	((own_kind) == GV_HNSW_OWN_HALF ? 0.51 / 32767 : \
	 (own_kind) == GV_HNSW_OWN_INT12 ? 0.51 / 2047 : 0.51 / 127)

/* A row in the index */
typedef struct IndexedRow
{
	ItemPointerData tid;
	uint32		node;			/* or GV_HNSW_NULL_NORM_OWNER */
} IndexedRow;

/* State of the comparison of one part of the table */
typedef struct HeapCheck
{
	GvHnswCheck *check;
	IndexedRow *rows;			/* by tid */
	uint64		n_rows;
	PGAlignedBlock copy;
} HeapCheck;

/* Collect the rows of a part of the table from the index */
static void
collect_rows(GvHnswCheck *check, BlockNumber first, BlockNumber end, GvHnswRecords *rows)
{
	const GvHnswLayout *layout = &check->ix.layout;
	BlockNumber n_blocks = RelationGetNumberOfBlocks(check->ix.rel);
	PGAlignedBlock copy;

	for (BlockNumber blkno = GV_HNSW_META_BLKNO + 1; blkno < n_blocks; blkno++)
	{
		Page		page = copy.data;

		gv_hnsw_check_copy_page(check, blkno, page);
		for (int slot = 0; slot < layout->nodes_per_page; slot++)
		{
			GvHnswNode	node = gv_hnsw_page_node(&check->ix, page, slot);
			IndexedRow *row;

			if (node == NULL || node->state != GV_HNSW_NODE_LIVE ||
				!ItemPointerIsValid(&node->tid) ||
				ItemPointerGetBlockNumber(&node->tid) < first ||
				ItemPointerGetBlockNumber(&node->tid) >= end)
				continue;
			row = gv_hnsw_check_add_record(check, rows);
			row->tid = node->tid;
			row->node = gv_hnsw_make_id(layout, blkno, slot);
		}
		if (!gv_hnsw_page_is(page, GV_HNSW_PAGE_TIDS))
			continue;
		for (int slot = 0; slot < GV_HNSW_CHUNKS_PER_PAGE; slot++)
		{
			GvHnswTidChunk chunk = gv_hnsw_page_chunk(page, slot);

			if (chunk->owner == GV_HNSW_INVALID_ID)
				continue;
			for (int i = 0; i < Min(chunk->n_tids, GV_HNSW_CHUNK_TIDS); i++)
			{
				IndexedRow *row;

				if (!ItemPointerIsValid(&chunk->tids[i]) ||
					ItemPointerGetBlockNumber(&chunk->tids[i]) < first ||
					ItemPointerGetBlockNumber(&chunk->tids[i]) >= end)
					continue;
				row = gv_hnsw_check_add_record(check, rows);
				row->tid = chunk->tids[i];
				row->node = chunk->owner;
			}
		}
	}
}

static int
compare_rows(const void *a, const void *b)
{
	return ItemPointerCompare((ItemPointer) & ((const IndexedRow *) a)->tid,
							  (ItemPointer) & ((const IndexedRow *) b)->tid);
}

/* Note a problem of a row */
static void
suspect_row(GvHnswCheck *check, const IndexedRow *row, const char *problem)
{
	ItemPointerData tid = row->tid;

	if (row->node == GV_HNSW_NULL_NORM_OWNER)
		gv_hnsw_check_suspect(check, GV_HNSW_META_BLKNO, -1, &tid, "%s", problem);
	else
		gv_hnsw_check_suspect(check, gv_hnsw_id_block(&check->ix.layout, row->node),
							  gv_hnsw_id_slot(&check->ix.layout, row->node), &tid,
							  "%s", problem);
}

/*
 * Does a node with codes hold the point of a value?
 *
 * Elements may be off by the rounding of the own vector, and by that of the
 * points in a build, which happens before the center is taken off.
 */
static bool
node_holds_point(GvHnswCheck *check, GvHnswNode node, const float *z)
{
	const GvHnswLayout *layout = &check->ix.layout;
	const GvHnswMetaPageData *meta = &check->ix.meta;
	const float *center = check->geometry.center;
	float	   *own = palloc(sizeof(float) * layout->own_dims);
	double		norm2 = 0;
	double		largest = 0;
	double		slack;

	for (int i = 0; i < layout->padded_dim; i++)
	{
		norm2 += (double) z[i] * z[i] + (double) center[i] * center[i];
		largest = Max(largest, fabs(z[i]) + fabs(center[i]));
	}
	slack = ROTATION_ROUNDING * (sqrt(norm2) + largest);
	/* builds round to a part of the largest element, and once more for the added one */
	slack += FIXED_ROUNDING(layout->own_kind) * largest;
	if (meta->metric == GV_AM_METRIC_INNER_PRODUCT)
		slack += (HALF_ROUNDING + FIXED_ROUNDING(layout->own_kind)) *
			(largest + meta->max_norm * meta->inverse_unit);
	if (layout->own_kind != GV_HNSW_OWN_HALF)
		slack += 0.501 * node->own_scale;
	if (!isfinite(slack))
		return true;			/* beyond float32; such rows are compared exactly */

	gv_hnsw_node_get_own(layout, node, own);
	for (int i = 0; i < layout->own_dims; i++)
	{
		double		error = slack + HALF_ROUNDING * (fabs(z[i]) + fabs(center[i]));

		if (!(fabs((double) z[i] - own[i]) <= error))
			return false;
	}
	return true;
}

/* Compare a row's value with its node */
static void
check_row_value(HeapCheck *state, const IndexedRow *row, Datum value,
				const GvAmFilterRow *filters)
{
	GvHnswCheck *check = state->check;
	GvHnswIndex *ix = &check->ix;
	GvAmRotated rotated = {.has_direction = true};
	float	   *z = NULL;
	GvHnswNode	node;

	if (gv_am_value_dim(ix->opclass, value) != ix->meta.dim)
	{
		suspect_row(check, row, "row's vector does not have the dimensions of the index");
		return;
	}
	if (gv_hnsw_layout_has_codes(&ix->layout))
		z = gv_hnsw_transform(ix, &check->geometry, value, false, &rotated);
	else
		rotated.hash = gv_am_value_hash(value);
	if (rotated.has_direction != (row->node != GV_HNSW_NULL_NORM_OWNER))
	{
		suspect_row(check, row, rotated.has_direction ?
					"row is among those without direction, and its vector has one" :
					"row is not among those without direction, and its vector has none");
		return;
	}
	if (!rotated.has_direction)
		return;

	if (gv_hnsw_id_block(&ix->layout, row->node) >= RelationGetNumberOfBlocks(ix->rel))
	{
		suspect_row(check, row, "row's node does not exist");
		return;
	}
	gv_hnsw_check_copy_page(check, gv_hnsw_id_block(&ix->layout, row->node), state->copy.data);
	node = gv_hnsw_page_node(ix, state->copy.data, gv_hnsw_id_slot(&ix->layout, row->node));
	if (node == NULL || node->state != GV_HNSW_NODE_LIVE)
		suspect_row(check, row, "row's node is not live");
	else if (node->value_hash != rotated.hash)
		suspect_row(check, row, "row's vector is not the one of its node: hashes differ");
	else if (z == NULL)
	{
		Datum		own = gv_hnsw_check_value(check, node, row->node);

		if (own != 0 && !gv_am_values_equal(own, value))
			suspect_row(check, row, "row's vector is not the one of its node");
	}
	else if (!node_holds_point(check, node, z))
		suspect_row(check, row, "row's vector is not the one of its node");
	else if (fabs(node->u.key_bias - rotated.key_bias) >
			 1e-5 * ix->meta.max_norm * ix->meta.max_norm *
			 ix->meta.inverse_unit * ix->meta.inverse_unit + 1e-5 * fabs(rotated.key_bias))
		suspect_row(check, row, "bias of the row's node is wrong");
	if (node != NULL)
	{
		ItemPointerData tid = row->tid;

		gv_hnsw_check_row_filters(check, row->node, &tid, filters);
	}
}

/* Called for each row of the table, by its place in indexes */
static void
check_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
		  bool tuple_is_alive, void *arg)
{
	HeapCheck  *state = arg;
	IndexedRow	key = {.tid = *tid};
	IndexedRow *row;
	GvAmFilterRow filters;
	MemoryContext old_context;

	CHECK_FOR_INTERRUPTS();
	row = state->n_rows == 0 ? NULL :
		bsearch(&key, state->rows, state->n_rows, sizeof(IndexedRow), compare_rows);
	if (isnull[0])
	{
		if (row != NULL)
			suspect_row(state->check, row, "row is in the index, and its vector is null");
		return;
	}
	if (row == NULL)
	{
		gv_hnsw_check_suspect(state->check, InvalidBlockNumber, -1, tid,
							  "row is not in the index");
		return;
	}

	old_context = MemoryContextSwitchTo(state->check->item_context);
	gv_am_filter_row(&state->check->ix.filters, values + 1, isnull + 1, &filters);
	check_row_value(state, row, PointerGetDatum(PG_DETOAST_DATUM(values[0])), &filters);
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(state->check->item_context);
}

/* Compare a part of the table with the index */
static void
check_part(GvHnswCheck *check, Snapshot snapshot, BlockNumber first, BlockNumber n_blocks,
		   GvHnswRecords *rows)
{
	HeapCheck	state = {.check = check};

	rows->n = 0;
	collect_rows(check, first, first + n_blocks, rows);
	state.rows = (IndexedRow *) rows->data;
	state.n_rows = rows->n;
	if (state.n_rows > 0)
		gv_am_sort(state.rows, state.n_rows, sizeof(IndexedRow), compare_rows);
	for (uint64 i = 1; i < state.n_rows; i++)
	{
		if (ItemPointerEquals(&state.rows[i].tid, &state.rows[i - 1].tid))
			suspect_row(check, &state.rows[i], "row is in the index more than once");
	}

	gv_am_inspect_rows(check->heap, check->ix.rel, snapshot, first, n_blocks, check_row, &state);
}

/*
 * gv_hnsw_check_heap
 *		Check that the index has the table's rows, and has them right.
 *
 * snapshot: registered, taken before the index was looked at
 */
void
gv_hnsw_check_heap(GvHnswCheck *check, Snapshot snapshot)
{
	BlockNumber n_blocks = RelationGetNumberOfBlocks(check->heap);
	uint64		n_parts = check->n_tids * sizeof(IndexedRow) /
		((uint64) maintenance_work_mem * 1024) + 1;
	BlockNumber per_part = (BlockNumber) (n_blocks / n_parts + 1);
	GvHnswRecords rows = {.size = sizeof(IndexedRow)};

	gv_am_inspect_may_compare(check->ix.rel, snapshot);
	/* values are read once more for each row, and not counted */
	pfree(check->page_uses);
	check->page_uses = NULL;
	for (BlockNumber first = 0; first < n_blocks; first += per_part)
		check_part(check, snapshot, first, Min(per_part, n_blocks - first), &rows);

	/* rows that lie where the table has no pages */
	rows.n = 0;
	collect_rows(check, n_blocks, InvalidBlockNumber, &rows);
	n_blocks = RelationGetNumberOfBlocks(check->heap);
	for (uint64 i = 0; i < rows.n; i++)
	{
		IndexedRow *row = (IndexedRow *) rows.data + i;

		if (ItemPointerGetBlockNumber(&row->tid) >= n_blocks)
			suspect_row(check, row, "row lies beyond the end of the table");
	}
}
