/*-------------------------------------------------------------------------
 *
 * sort.c
 *		Rows sorted by their lists.
 *
 * So the pages of a list lie together, each is written once, and the index is
 * the same whoever has brought its rows, and in which order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tupdesc.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "ivf/write.h"

/* Columns of a sorted row */
enum
{
	COLUMN_LIST,
	COLUMN_TID,
	COLUMN_IMAGE,
	N_COLUMNS
};

/*
 * gv_ivf_sort_image_bytes
 *		Size of a row's image: factors, filter columns, code, value.
 */
Size
gv_ivf_sort_image_bytes(const GvIvfIndex *index)
{
	const GvIvfLayout *layout = &index->layout;

	return sizeof(GvIvfFactors) + index->filters.packed_size + layout->row_code_bytes +
		(gv_ivf_keeps_values(layout) ? layout->value_bytes : 0);
}

/*
 * gv_ivf_sort_begin
 *		Prepare to sort rows, in the current memory context.
 *
 * coordinate: of a sort that processes share, or NULL
 */
void
gv_ivf_sort_begin(GvIvfSort *sort, GvIvfIndex *index, int work_kilobytes,
				  SortCoordinate coordinate)
{
	AttrNumber	columns[] = {COLUMN_LIST + 1, COLUMN_TID + 1};
	Oid			operators[] = {Int4LessOperator, TIDLessOperator};
	Oid			collations[] = {InvalidOid, InvalidOid};
	bool		nulls_first[] = {false, false};

	sort->index = index;
	sort->desc = CreateTemplateTupleDesc(N_COLUMNS);
	TupleDescInitEntry(sort->desc, COLUMN_LIST + 1, "list", INT4OID, -1, 0);
	TupleDescInitEntry(sort->desc, COLUMN_TID + 1, "tid", TIDOID, -1, 0);
	TupleDescInitEntry(sort->desc, COLUMN_IMAGE + 1, "image", BYTEAOID, -1, 0);
	sort->in = MakeSingleTupleTableSlot(sort->desc, &TTSOpsVirtual);
	sort->out = MakeSingleTupleTableSlot(sort->desc, &TTSOpsMinimalTuple);
	sort->image = palloc0(VARHDRSZ + gv_ivf_sort_image_bytes(index));
	SET_VARSIZE(sort->image, VARHDRSZ + gv_ivf_sort_image_bytes(index));
	sort->state = tuplesort_begin_heap(sort->desc, lengthof(columns), columns, operators,
									   collations, nulls_first, work_kilobytes, coordinate,
									   TUPLESORT_NONE);
}

/*
 * gv_ivf_sort_put
 *		Add a row of a list.
 */
void
gv_ivf_sort_put(GvIvfSort *sort, uint32 list, const GvIvfRow *row)
{
	const GvIvfLayout *layout = &sort->index->layout;
	TupleTableSlot *slot = sort->in;
	ItemPointerData tid = row->tid;
	char	   *next = VARDATA(sort->image);

	memcpy(next, &row->factors, sizeof(GvIvfFactors));
	next += sizeof(GvIvfFactors);
	gv_am_filter_pack(&sort->index->filters, row->filters, next);
	next += sort->index->filters.packed_size;
	memcpy(next, row->code, layout->row_code_bytes);
	next += layout->row_code_bytes;
	if (gv_ivf_keeps_values(layout))
		memcpy(next, row->value, layout->value_bytes);

	ExecClearTuple(slot);
	slot->tts_values[COLUMN_LIST] = Int32GetDatum((int32) list);
	slot->tts_values[COLUMN_TID] = PointerGetDatum(&tid);
	slot->tts_values[COLUMN_IMAGE] = PointerGetDatum(sort->image);
	memset(slot->tts_isnull, 0, sizeof(bool) * N_COLUMNS);
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(sort->state, slot);
}

/*
 * gv_ivf_sort_perform
 *		Sort the rows that this process has added.
 */
void
gv_ivf_sort_perform(GvIvfSort *sort)
{
	tuplesort_performsort(sort->state);
}

/* Take the next row; its parts stay until the one after it is taken */
static bool
next_row(GvIvfSort *sort, uint32 *list, GvIvfRow *row)
{
	const GvIvfLayout *layout = &sort->index->layout;
	char	   *next;

	if (!tuplesort_gettupleslot(sort->state, true, false, sort->out, NULL))
		return false;
	slot_getallattrs(sort->out);
	*list = (uint32) DatumGetInt32(sort->out->tts_values[COLUMN_LIST]);
	row->tid = *(ItemPointer) DatumGetPointer(sort->out->tts_values[COLUMN_TID]);
	next = VARDATA_ANY(DatumGetPointer(sort->out->tts_values[COLUMN_IMAGE]));
	memcpy(&row->factors, next, sizeof(GvIvfFactors));
	next += sizeof(GvIvfFactors);
	gv_am_filter_unpack(&sort->index->filters, next, &sort->filters);
	row->filters = &sort->filters;
	next += sort->index->filters.packed_size;
	row->code = (uint8 *) next;
	row->value = next + layout->row_code_bytes;
	return true;
}

/*
 * gv_ivf_sort_write
 *		Write lists, on pages of a generation.
 *
 * number: of n_lists lists, ascending; NULL: the first n_lists
 * lists: GvIvfListData by number; tell the pages on return
 */
void
gv_ivf_sort_write(GvIvfSort *sort, GvIvfWriter *writer, uint32 n_lists, const uint32 *number,
				  uint32 generation, GvIvfListData *lists)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "ivf list writer",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	GvIvfRow	row = {.value = NULL};
	uint32		list = 0;
	bool		is_left = next_row(sort, &list, &row);

	for (uint32 i = 0; i < n_lists; i++)
	{
		uint32		written = number ? number[i] : i;

		gv_ivf_writer_begin(writer, written, generation);
		while (is_left && list == written)
		{
			CHECK_FOR_INTERRUPTS();
			gv_ivf_writer_put(writer, &row);
			is_left = next_row(sort, &list, &row);
		}
		gv_ivf_writer_end(writer, &lists[written]);
		MemoryContextReset(context);
	}
	if (is_left)
		elog(ERROR, "row of list %u, of %u lists", list, n_lists);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
}

/*
 * gv_ivf_sort_end
 *		End a sort.
 */
void
gv_ivf_sort_end(GvIvfSort *sort)
{
	tuplesort_end(sort->state);
	ExecDropSingleTupleTableSlot(sort->in);
	ExecDropSingleTupleTableSlot(sort->out);
}
