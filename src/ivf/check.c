/*-------------------------------------------------------------------------
 *
 * check.c
 *		gigavec.check: is an index sound, and does it have the table's rows?
 *
 * Each list is walked under the share lock that inserts take, so that nobody
 * writes it anew meanwhile; VACUUM may take out rows, and inserts add some.  On
 * a standby there are no such locks: a list that was written anew, or has lost
 * pages, is walked again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "am/sort.h"
#include "am/testpoint.h"
#include "base/compat.h"
#include "ivf/build.h"
#include "ivf/fine.h"
#include "ivf/ivf.h"
#include "ivf/list.h"
#include "ivf/product.h"
#include "quant/rotation.h"

/* Factors computed anew may be off by so much, and signs of so small a part of a point */
#define FACTOR_TOLERANCE (1.0f / 256)
#define SIGN_TOLERANCE 1e-4f

/* How often a list is walked again, on a standby, that does not seem to be written anew */
#define MAX_WALKS 10

/* A row in the index */
typedef struct IndexedRow
{
	ItemPointerData tid;
	uint16		item;			/* lane on its page */
	BlockNumber blkno;
	uint32		list;
	bool		is_second;		/* the row's first list is another */
} IndexedRow;

typedef struct Check
{
	GvIvfIndex	ix;
	Relation	heap;			/* NULL: the index alone */
	GvAmReportProblem report;
	void	   *report_arg;
	BufferAccessStrategy strategy;
	MemoryContext item_context; /* reset after each row */
	float	   *rotation;
	float	   *origin;
	GvIvfCodebook codebook;
	uint32		n_lists;		/* that the directory has */
	bool		is_first_look;	/* pages are checked, rows counted; else collected */
	bool		has_damage;		/* the lists cannot be followed */
	bool		must_walk_again;	/* the list that is walked has changed */
	int			n_walks;		/* so often, of this list */
	uint64		n_rows;

	/* rows of the part of the table that is compared */
	BlockNumber first_block;
	BlockNumber end_block;
	IndexedRow *rows;
	uint64		max_rows;
} Check;

static void
report_problem(Check *check, BlockNumber block, int item, ItemPointer tid, const char *problem)
{
	GvAmProblem found = {.block = block, .item = item, .problem = problem};

	if (tid)
		found.row_tid = *tid;
	else
		ItemPointerSetInvalid(&found.row_tid);
	check->report(check->report_arg, &found);
}

static bool
copy_page(Check *check, BlockNumber blkno, Page copy)
{
	Buffer		buf;

	CHECK_FOR_INTERRUPTS();
	if (blkno >= RelationGetNumberOfBlocks(check->ix.rel))
		return false;
	buf = ReadBufferExtended(check->ix.rel, MAIN_FORKNUM, blkno, RBM_NORMAL, check->strategy);
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	memcpy(copy, BufferGetPage(buf), BLCKSZ);
	UnlockReleaseBuffer(buf);
	return true;
}

/* Read a list's entry; false if the directory has none */
static bool
read_entry(Check *check, uint32 list, GvIvfListData *entry)
{
	BlockNumber blkno = check->ix.meta.directory_blkno;
	PGAlignedBlock copy;

	for (uint32 i = 0;; i++)
	{
		GvIvfChainPage chain = gv_ivf_page_chain((Page) copy.data);

		if (!copy_page(check, blkno, (Page) copy.data) ||
			!gv_ivf_page_is((Page) copy.data, GV_IVF_PAGE_LISTS) ||
			chain->n_bytes > GV_IVF_CHAIN_ROOM || chain->set != (uint16) check->ix.meta.generation)
			break;
		if (i == list / GV_IVF_LISTS_PER_PAGE)
		{
			if ((list % GV_IVF_LISTS_PER_PAGE + 1) * sizeof(GvIvfListData) > chain->n_bytes)
				break;
			*entry = ((GvIvfList) (chain + 1))[list % GV_IVF_LISTS_PER_PAGE];
			return true;
		}
		blkno = chain->next;
	}
	if (RecoveryInProgress() && gv_ivf_is_replaced(&check->ix))
		gv_ivf_report_lost(&check->ix, blkno, "The directory lacks a list.");
	if (check->is_first_look)
		report_problem(check, blkno, -1, NULL, "directory lacks a list");
	check->has_damage = true;
	return false;
}

/*
 * May a list have changed since its entry was read, so that it is to be walked
 * again?  That can be on a standby only, where it is not locked: it was written
 * anew, or has lost pages, see squeeze.c.
 */
static bool
may_have_changed(Check *check, uint32 list, uint32 generation)
{
	GvIvfListData entry;

	if (!RecoveryInProgress() || !read_entry(check, list, &entry))
		return false;
	return entry.generation != generation || check->n_walks++ < MAX_WALKS;
}

/* Check where a row's vector or fine code is */
static void
check_place(Check *check, const IndexedRow *row, uint32 generation, BlockNumber place, int slot)
{
	const GvIvfLayout *layout = &check->ix.layout;
	char	   *value = palloc(layout->value_bytes);
	ItemPointerData tid = row->tid;
	bool		is_vector = gv_ivf_keeps_vectors(layout);

	if (!gv_ivf_read_value(&check->ix, row->list, generation, place, slot, value))
	{
		if (may_have_changed(check, row->list, generation))
			check->must_walk_again = true;
		else
			report_problem(check, row->blkno, row->item, &tid, is_vector ?
						   "vector of a row is not there" : "fine code of a row is not there");
	}
	else if (!is_vector && !gv_ivf_fine_is_number(layout, value))
		report_problem(check, row->blkno, row->item, &tid,
					   "factors of a row's fine code are not numbers");
	pfree(value);
}

/* Check the factors of a row */
static void
check_factors(Check *check, const IndexedRow *row, char *block, int lane)
{
	const GvIvfLayout *layout = &check->ix.layout;
	GvHalf		half[3] = {gv_ivf_block_add(layout, block)[lane],
	gv_ivf_block_rescale(layout, block)[lane], gv_ivf_block_error(layout, block)[lane]};
	ItemPointerData tid = row->tid;
	float		f[3];

	gv_kernels->f16_to_f32(half, f, 3);
	if (!isfinite(f[0]) || !isfinite(f[1]) || isnan(f[2]) || f[2] < 0)
		report_problem(check, row->blkno, row->item, &tid, "factors of a row are not numbers");
}

/* Check the rows of a page, or collect them */
static void
look_at_rows(Check *check, GvIvfRowsPage rows, BlockNumber blkno)
{
	const GvIvfLayout *layout = &check->ix.layout;
	int			n_dead = 0;

	for (int i = 0; i < rows->n_rows; i++)
	{
		char	   *block = gv_ivf_block(layout, rows, i / layout->lanes);
		int			lane = i % layout->lanes;
		const ItemPointerData *tid = &gv_ivf_block_tids(block)[lane];
		IndexedRow	row = {.tid = gv_ivf_plain_tid(tid), .item = i, .blkno = blkno,
		.list = rows->list, .is_second = gv_ivf_is_second(tid)};

		if (!ItemPointerIsValid(&row.tid))
		{
			n_dead++;
			continue;
		}
		if (!check->is_first_look)
		{
			BlockNumber heap_block = ItemPointerGetBlockNumber(&row.tid);

			if (heap_block < check->first_block || heap_block >= check->end_block)
				continue;
			if (check->n_rows == check->max_rows)
			{
				check->max_rows *= 2;
				check->rows = repalloc_huge(check->rows, check->max_rows * sizeof(IndexedRow));
			}
			check->rows[check->n_rows++] = row;
			continue;
		}
		check->n_rows++;
		if (gv_ivf_has_codes(layout))
			check_factors(check, &row, block, lane);
		if (gv_ivf_keeps_values(layout))
			check_place(check, &row, rows->generation, gv_ivf_block_places(layout, block)[lane],
						gv_ivf_block_slots(layout, block)[lane]);
	}
	if (check->is_first_look && n_dead != rows->n_dead)
		report_problem(check, blkno, -1, NULL,
					   "page does not have as many rows that are gone as it says");
}

/*
 * Follow a list from its entry of the directory.  Returns false if it has
 * changed meanwhile.
 */
static bool
follow_list(Check *check, uint32 list, const GvIvfListData *entry)
{
	BlockNumber blkno = entry->head;
	BlockNumber n_read = 0;
	BlockNumber n_blocks = RelationGetNumberOfBlocks(check->ix.rel);
	bool		has_tail = false;
	PGAlignedBlock copy;

	while (blkno != InvalidBlockNumber)
	{
		Page		page = (Page) copy.data;
		GvIvfRowsPage rows = gv_ivf_page_rows(page);
		const char *problem = NULL;

		n_blocks = Max(n_blocks, RelationGetNumberOfBlocks(check->ix.rel));
		if (n_read++ > n_blocks || !copy_page(check, blkno, page))
			problem = "list leads nowhere";
		else if (!gv_ivf_page_is(page, GV_IVF_PAGE_ROWS) || rows->list != list ||
				 rows->generation != entry->generation)
			problem = "page is not one of the list that leads to it";
		else if (rows->n_rows > check->ix.layout.rows_per_page ||
				 rows->n_dead > rows->n_rows ||
				 ((PageHeader) page)->pd_lower > ((PageHeader) page)->pd_special)
			problem = "page has more rows than it has room for";
		if (problem)
		{
			if (may_have_changed(check, list, entry->generation))
				return false;
			check->has_damage = true;
			if (check->is_first_look)
				report_problem(check, blkno, -1, NULL, problem);
			return true;
		}
		has_tail |= blkno == entry->tail;
		check->must_walk_again = false;
		look_at_rows(check, rows, blkno);
		if (check->must_walk_again)
			return false;
		blkno = rows->next;
	}
	if (!has_tail && may_have_changed(check, list, entry->generation))
		return false;
	if (check->is_first_look && !has_tail)
		report_problem(check, entry->tail, -1, NULL, "last page of a list is not one of its pages");
	return true;
}

/* Check the centroid of a list */
static void
check_centroid(Check *check, const GvIvfListData *entry)
{
	const GvIvfLayout *layout = &check->ix.layout;
	PGAlignedBlock copy;

	if (entry->centroid_blkno == InvalidBlockNumber)
		return;
	if (!copy_page(check, entry->centroid_blkno, (Page) copy.data) ||
		!gv_ivf_page_is((Page) copy.data, GV_IVF_PAGE_CENTROIDS) ||
		entry->centroid_slot >= Max(layout->centroids_per_page, 1))
	{
		report_problem(check, entry->centroid_blkno, -1, NULL, "page is not one of centroids");
		check->has_damage = true;
		return;
	}
	{
		GvHalf	   *half = palloc(gv_ivf_centroid_bytes(layout));
		float	   *z = palloc(sizeof(float) * layout->padded_dim);

		gv_ivf_read_centroid(&check->ix, entry->centroid_blkno, entry->centroid_slot, half);
		gv_kernels->f16_to_f32(half, z, layout->padded_dim);
		for (int i = 0; i < layout->padded_dim; i++)
		{
			if (!isfinite(z[i]))
			{
				report_problem(check, entry->centroid_blkno, entry->centroid_slot, NULL,
							   "centroid is not of numbers");
				break;
			}
		}
		pfree(half);
		pfree(z);
	}
}

/* Look at all lists */
static void
look_at_lists(Check *check)
{
	check->n_rows = 0;
	for (uint32 list = 0; list < check->ix.meta.n_lists; list++)
	{
		uint64		n_rows = check->n_rows;
		GvIvfListData entry;

		check->n_walks = 0;
		if (!RecoveryInProgress())
			gv_ivf_lock_list(check->ix.rel, list, ShareLock);
		while (read_entry(check, list, &entry))
		{
			if (check->is_first_look)
				check_centroid(check, &entry);
			if (follow_list(check, list, &entry))
				break;
			/* forget what was seen of it */
			check->n_rows = n_rows;
		}
		if (!RecoveryInProgress())
			gv_ivf_unlock_list(check->ix.rel, list, ShareLock);
		if (check->has_damage)
			return;
	}
}

static int
compare_rows(const void *a, const void *b)
{
	const IndexedRow *x = a;
	const IndexedRow *y = b;
	int			order = ItemPointerCompare((ItemPointer) &x->tid, (ItemPointer) &y->tid);

	return order != 0 ? order : (int) x->is_second - (int) y->is_second;
}

/* Is a code the one of a point beside a centroid, but for signs of next to nothing? */
static bool
code_is_right(const uint8 *code, const uint8 *computed, const float *z, const float *p,
			  const GvIvfLayout *layout)
{
	float		norm2 = gv_kernels->l2_squared_f32(z, p, layout->padded_dim);
	float		least = SIGN_TOLERANCE * (sqrtf(norm2 / layout->padded_dim) + 1e-3f);

	for (int i = 0; i < layout->code_dims; i++)
	{
		int			differ = ((code[i / 8] ^ computed[i / 8]) >> (i % 8)) & 1;

		if (differ && fabsf(z[i] - p[i]) > least)
			return false;
	}
	return true;
}

/* Are factors those that were computed anew, as far as float16 tells? */
static bool
factors_are_right(const GvIvfFactors *a, const GvIvfFactors *b)
{
	GvHalf		half[6] = {a->add, a->rescale, a->error, b->add, b->rescale, b->error};
	float		f[6];
	float		size = 0;

	gv_kernels->f16_to_f32(half, f, 6);
	for (int i = 0; i < 3; i++)
	{
		if (isinf(f[i]) && f[i] == f[i + 3])
			continue;
		size = Max(fabsf(f[i]), 1e-3f);
		if (!(fabsf(f[i] - f[i + 3]) <= FACTOR_TOLERANCE * size))
			return false;
	}
	return true;
}

/* What the index has of a row, and what it should have */
static const char *
compare_row(Check *check, const IndexedRow *row, Datum value, const GvAmFilterRow *filters)
{
	GvIvfIndex *ix = &check->ix;
	const GvIvfLayout *layout = &ix->layout;
	PGAlignedBlock copy;
	GvIvfRowsPage rows = gv_ivf_page_rows((Page) copy.data);
	GvIvfListData entry;
	GvAmFilterRow stored_filters;
	GvIvfRow	stored = {.filters = &stored_filters};
	GvIvfPlace	place = {InvalidBlockNumber, 0};
	GvIvfPoint	point = {palloc(sizeof(float) * layout->padded_dim)};
	uint8	   *codes = palloc0(layout->lanes * Max(layout->row_code_bytes, 1));
	uint8	   *code = codes + row->item % layout->lanes * layout->row_code_bytes;
	int			first = row->item / layout->lanes * layout->lanes;
	const char *elements = gv_ivf_value_elements(ix->opclass, value);
	float	   *p = NULL;
	ItemPointerData found;
	char	   *block;

	if (!copy_page(check, row->blkno, (Page) copy.data) ||
		!gv_ivf_page_is((Page) copy.data, GV_IVF_PAGE_ROWS) || rows->list != row->list ||
		row->item >= rows->n_rows)
		return NULL;			/* written anew meanwhile */
	block = gv_ivf_block(layout, rows, row->item / layout->lanes);
	found = gv_ivf_plain_tid(&gv_ivf_block_tids(block)[row->item % layout->lanes]);
	if (!ItemPointerEquals(&found, (ItemPointer) &row->tid))
		return NULL;
	gv_ivf_get_row(layout, block, row->item % layout->lanes, &stored, &place);
	gv_ivf_block_rows(layout, block, Min(rows->n_rows - first, layout->lanes), codes);

	if (!gv_am_filter_rows_equal(&ix->filters, &stored_filters, filters))
		return "row's filter columns are not as the table has them";
	if (!gv_ivf_has_codes(layout))
		return memcmp(code, elements, layout->row_code_bytes) == 0 ? NULL :
			"row's bits are not as the table has them";
	gv_ivf_make_point(ix, check->rotation, check->origin, value, false, &point);
	if (point.rotated.has_direction != (row->list != GV_IVF_LOOSE_LIST))
		return point.rotated.has_direction ?
			"row is among those without direction, and its vector has one" :
			"row is not among those without direction, and its vector has none";
	if (point.rotated.has_direction && read_entry(check, row->list, &entry))
	{
		GvHalf	   *half = palloc(gv_ivf_centroid_bytes(layout));
		uint8	   *computed = palloc(layout->padded_dim / 8);
		GvIvfFactors factors;

		p = palloc(sizeof(float) * layout->padded_dim);
		gv_ivf_read_centroid(ix, entry.centroid_blkno, entry.centroid_slot, half);
		gv_kernels->f16_to_f32(half, p, layout->padded_dim);
		if (gv_ivf_has_product(layout))
		{
			if (!gv_ivf_product_is_right(&check->codebook, layout, check->rotation, point.z, p,
										 point.rotated.key_bias, code, &factors))
				return "row's code is not the one of its vector";
		}
		else
		{
			gv_ivf_encode(point.z, p, layout->padded_dim, layout->code_dims,
						  point.rotated.key_bias, computed, &factors);
			if (!code_is_right(code, computed, point.z, p, layout))
				return "row's code is not the one of its vector";
		}
		if (!factors_are_right(&stored.factors, &factors))
			return "row's factors are not those of its vector";
	}
	if (gv_ivf_keeps_values(layout))
	{
		char	   *kept = palloc(layout->value_bytes);

		if (!gv_ivf_read_value(ix, row->list, rows->generation, place.blkno, place.slot, kept))
			return NULL;
		if (gv_ivf_keeps_vectors(layout))
			return memcmp(kept, elements, layout->value_bytes) == 0 ? NULL :
				"row's vector is not as the table has it";
		if (p != NULL && !gv_ivf_fine_is_right(layout, kept, code, point.z, p,
											   point.rotated.key_bias))
			return "row's fine code is not the one of its vector";
	}
	return NULL;
}

/* Called for each row of the table, by its place in indexes */
static void
check_row(Relation index, ItemPointer tid, Datum *values, bool *isnull, bool tuple_is_alive,
		  void *arg)
{
	Check	   *check = arg;
	IndexedRow	key = {.tid = *tid};
	IndexedRow *row;
	IndexedRow *second;
	GvAmFilterRow filters;
	const char *problem = NULL;
	MemoryContext old_context;

	CHECK_FOR_INTERRUPTS();
	row = check->n_rows == 0 ? NULL :
		bsearch(&key, check->rows, check->n_rows, sizeof(IndexedRow), compare_rows);
	if (isnull[0])
	{
		if (row != NULL)
			report_problem(check, row->blkno, row->item, tid,
						   "row is in the index, and its vector is null");
		return;
	}
	if (row == NULL)
	{
		report_problem(check, InvalidBlockNumber, -1, tid, "row is not in the index");
		return;
	}

	old_context = MemoryContextSwitchTo(check->item_context);
	gv_am_filter_row(&check->ix.filters, values + 1, isnull + 1, &filters);
	{
		Datum		value = PointerGetDatum(PG_DETOAST_DATUM(values[0]));

		if (gv_am_value_dim(check->ix.opclass, value) != check->ix.meta.dim)
			problem = "row's vector does not have the dimensions of the index";
		else
			problem = compare_row(check, row, value, &filters);
		second = row + 1;
		if (problem == NULL && second < check->rows + check->n_rows && second->is_second &&
			ItemPointerEquals(&second->tid, tid))
		{
			problem = compare_row(check, second, value, &filters);
			row = second;
		}
	}
	MemoryContextSwitchTo(old_context);
	if (problem)
		report_problem(check, row->blkno, row->item, tid, problem);
	MemoryContextReset(check->item_context);
}

/* Compare a part of the table with the index */
static void
check_part(Check *check, Snapshot snapshot, BlockNumber first, BlockNumber n_blocks)
{

	check->first_block = first;
	check->end_block = first + n_blocks;
	look_at_lists(check);
	if (check->has_damage)
		return;
	if (check->n_rows > 0)
		gv_am_sort(check->rows, check->n_rows, sizeof(IndexedRow), compare_rows);
	for (uint64 i = 1; i < check->n_rows; i++)
	{
		if (compare_rows(&check->rows[i], &check->rows[i - 1]) == 0)
			report_problem(check, check->rows[i].blkno, check->rows[i].item,
						   &check->rows[i].tid, "row is in the index more than once");
	}

	gv_am_inspect_rows(check->heap, check->ix.rel, snapshot, first, n_blocks, check_row, check);
}

/* Compare the table with the index; snapshot: taken before the index was looked at */
static void
check_heap(Check *check, Snapshot snapshot)
{
	BlockNumber n_blocks = RelationGetNumberOfBlocks(check->heap);
	uint64		n_parts = check->n_rows * sizeof(IndexedRow) /
		((uint64) maintenance_work_mem * 1024) + 1;
	BlockNumber per_part = (BlockNumber) (n_blocks / n_parts + 1);

	gv_am_inspect_may_compare(check->ix.rel, snapshot);
	check->is_first_look = false;
	check->max_rows = 1024;
	check->rows = MemoryContextAllocHuge(CurrentMemoryContext,
										 check->max_rows * sizeof(IndexedRow));
	for (BlockNumber first = 0; first < n_blocks && !check->has_damage; first += per_part)
		check_part(check, snapshot, first, Min(per_part, n_blocks - first));

	/* rows that lie where the table has no pages */
	check->first_block = n_blocks;
	check->end_block = InvalidBlockNumber;
	if (!check->has_damage)
		look_at_lists(check);
	n_blocks = RelationGetNumberOfBlocks(check->heap);
	for (uint64 i = 0; i < check->n_rows && !check->has_damage; i++)
	{
		if (ItemPointerGetBlockNumber(&check->rows[i].tid) >= n_blocks)
			report_problem(check, check->rows[i].blkno, check->rows[i].item,
						   &check->rows[i].tid, "row lies beyond the end of the table");
	}
}

/*
 * gv_ivf_check
 *		Verify an index, and if heap is not NULL compare it with its table.
 */
void
gv_ivf_check(Relation index, Relation heap, GvAmReportProblem report, void *arg)
{
	Check	   *check = palloc0(sizeof(Check));
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf check",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = CurrentMemoryContext;
	Snapshot	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	GvIvfCache *cache;
	int			dims;

	if (!RecoveryInProgress())
		LockPage(index, GV_IVF_TRAIN_LOCK, ShareLock);
	GV_TEST_POINT("ivf-check-begun");
	gv_ivf_open(&check->ix, index);
	check->heap = heap;
	check->report = report;
	check->report_arg = arg;
	check->is_first_look = true;
	check->strategy = GetAccessStrategy(BAS_BULKREAD);
	check->item_context = AllocSetContextCreate(context, "ivf check item",
												ALLOCSET_DEFAULT_SIZES);
	look_at_lists(check);
	if (!check->has_damage && heap != NULL)
	{
		MemoryContextSwitchTo(context);
		dims = check->ix.layout.padded_dim;
		cache = gv_ivf_cache(&check->ix);
		check->rotation = palloc(sizeof(float) * gv_rotation_table_size(dims));
		memcpy(check->rotation, cache->rotation, sizeof(float) * gv_rotation_table_size(dims));
		check->origin = palloc(sizeof(float) * dims);
		memcpy(check->origin, cache->origin, sizeof(float) * dims);
		gv_ivf_codebook_read(&check->ix, &check->codebook,
							 MemoryContextAllocHuge(context,
													gv_ivf_codebook_room(&check->ix.layout)));
		MemoryContextSwitchTo(old_context);
		check_heap(check, snapshot);
		if (check->rows)
			pfree(check->rows);
	}
	if (!RecoveryInProgress())
		UnlockPage(index, GV_IVF_TRAIN_LOCK, ShareLock);
	UnregisterSnapshot(snapshot);
	FreeAccessStrategy(check->strategy);
	MemoryContextDelete(context);
	pfree(check);
}
