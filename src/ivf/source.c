/*-------------------------------------------------------------------------
 *
 * source.c
 *		The rows of lists in use, with their vectors.
 *
 * Tids, filter columns and kept vectors are read from the index, other vectors
 * from the table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "am/fetch.h"
#include "base/compat.h"
#include "ivf/build.h"
#include "ivf/source.h"

/*
 * gv_ivf_source_begin
 *		Prepare to read rows, in the current memory context.
 *
 * index_info: stays as long as the source is used
 */
void
gv_ivf_source_begin(GvIvfSource *source, GvIvfIndex *index, Relation heap, IndexInfo *index_info)
{
	memset(source, 0, sizeof(*source));
	source->index = index;
	source->heap = heap;
	source->index_info = index_info;
	source->slot = table_slot_create(heap, NULL);
	source->estate = CreateExecutorState();
	GetPerTupleExprContext(source->estate)->ecxt_scantuple = source->slot;
	source->fetch = table_index_fetch_begin(heap);
	/* versions that nobody can see any more may lack what is stored out of line */
	InitNonVacuumableSnapshot(source->snapshot, GlobalVisTestFor(heap));
	source->row_context = AllocSetContextCreate(CurrentMemoryContext, "ivf source row",
												ALLOCSET_DEFAULT_SIZES);
	source->value = gv_am_zero_value(index->opclass, index->meta.dim);
}

/*
 * gv_ivf_source_end
 *		End reading.
 */
void
gv_ivf_source_end(GvIvfSource *source)
{
	table_index_fetch_end(source->fetch);
	ExecDropSingleTupleTableSlot(source->slot);
	FreeExecutorState(source->estate);
	/* expressions were prepared for that state */
	source->index_info->ii_ExpressionsState = NIL;
	MemoryContextDelete(source->row_context);
}

/*
 * Fetch the vector of a row from the table, in the current memory context.
 * Returns false if nobody can see the row any more.
 */
static bool
fetch_value(GvIvfSource *source, ItemPointerData tid, Datum *value)
{
	bool		call_again = false;
	bool		all_dead = false;
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];

	gv_am_check_tid_of(&source->n_heap_blocks, source->index->rel, source->heap, &tid);
	if (!table_index_fetch_tuple(source->fetch, &tid, &source->snapshot, source->slot,
								 &call_again, &all_dead))
		return false;
	ResetPerTupleExprContext(source->estate);
	FormIndexDatum(source->index_info, source->slot, source->estate, values, nulls);
	if (nulls[0])
		return false;
	*value = PointerGetDatum(PG_DETOAST_DATUM_COPY(values[0]));
	gv_am_check_dim(source->index->opclass, *value, source->index->meta.dim);
	ExecClearTuple(source->slot);
	return true;
}

/* The vector of a row; false if nobody can see the row any more */
static bool
read_value(GvIvfSource *source, GvIvfRowsPage rows, const GvIvfRow *row, const GvIvfPlace *place,
		   Datum *value)
{
	GvIvfIndex *ix = source->index;
	const GvIvfLayout *layout = &ix->layout;
	char	   *elements;

	if (gv_ivf_has_codes(layout) && !gv_ivf_keeps_vectors(layout))
		return fetch_value(source, gv_ivf_plain_tid(&row->tid), value);
	*value = source->value;
	elements = (char *) gv_ivf_value_elements(ix->opclass, *value);
	if (!gv_ivf_keeps_vectors(layout))
		memcpy(elements, row->code, layout->row_code_bytes);
	else if (!gv_ivf_read_value(ix, rows->list, rows->generation, place->blkno, place->slot,
								elements))
		gv_ivf_report_corruption(ix->rel, place->blkno, "The vector of a row is not there.");
	return true;
}

/* Hand over a row of a page, if it is there */
static void
take_row(GvIvfSource *source, GvIvfRowsPage rows, int i, uint8 *codes, GvIvfTakeRow take,
		 void *arg)
{
	const GvIvfLayout *layout = &source->index->layout;
	char	   *block = gv_ivf_block(layout, rows, i / layout->lanes);
	int			lane = i % layout->lanes;
	GvAmFilterRow filters;
	GvIvfPlace	place = {InvalidBlockNumber, 0};
	GvIvfRow	row = {.filters = &filters, .code = codes + lane * layout->row_code_bytes};
	Datum		value;

	if (!ItemPointerIsValid(&gv_ivf_block_tids(block)[lane]) ||
		(source->skips_seconds && gv_ivf_is_second(&gv_ivf_block_tids(block)[lane])))
		return;
	gv_ivf_get_row(layout, block, lane, &row, &place);
	if (read_value(source, rows, &row, &place, &value))
		take(arg, rows->list, &row, value);
}

/*
 * gv_ivf_source_page
 *		Hand over the rows of a page of a list, but for the first n_done; returns
 *		the next page.
 *
 * n_rows: that the page has, written
 *
 * The caller keeps others from writing the list anew.
 */
BlockNumber
gv_ivf_source_page(GvIvfSource *source, uint32 list, uint32 generation, BlockNumber blkno,
				   int n_done, int *n_rows, GvIvfTakeRow take, void *arg)
{
	GvIvfIndex *ix = source->index;
	const GvIvfLayout *layout = &ix->layout;
	PGAlignedBlock copy;
	GvIvfRowsPage rows = gv_ivf_page_rows((Page) copy.data);
	uint8	   *codes = palloc(layout->lanes * Max(layout->row_code_bytes, 1));
	Buffer		buf;

	gv_base_vacuum_delay();
	gv_am_check_block(ix->rel, blkno);
	buf = ReadBuffer(ix->rel, blkno);
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	memcpy(&copy, BufferGetPage(buf), BLCKSZ);
	UnlockReleaseBuffer(buf);
	if (!gv_ivf_page_is((Page) copy.data, GV_IVF_PAGE_ROWS) || rows->list != list ||
		rows->generation != generation || rows->n_rows > layout->rows_per_page)
		gv_ivf_report_corruption(ix->rel, blkno, "It is not a page of its list.");
	for (int i = n_done; i < rows->n_rows; i++)
	{
		MemoryContext old_context;

		CHECK_FOR_INTERRUPTS();
		if (!gv_ivf_has_codes(layout) && (i == n_done || i % layout->lanes == 0))
			gv_ivf_block_rows(layout, gv_ivf_block(layout, rows, i / layout->lanes),
							  Min(rows->n_rows - i / layout->lanes * layout->lanes,
								  layout->lanes), codes);
		old_context = MemoryContextSwitchTo(source->row_context);
		take_row(source, rows, i, codes, take, arg);
		MemoryContextSwitchTo(old_context);
		MemoryContextReset(source->row_context);
	}
	*n_rows = rows->n_rows;
	pfree(codes);
	return rows->next;
}
