/*-------------------------------------------------------------------------
 *
 * check_heap.c
 *		Verifying an index: its rows, against each other and against its table.
 *
 * The rows that the index has are sorted by their places, within
 * maintenance_work_mem, and then read along with the table, block by block.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "bm25/check.h"
#include "bm25/filter.h"
#include "bm25/positions.h"

/* Columns of a sorted row */
enum
{
	COLUMN_KEY,
	COLUMN_BLOCK,
	COLUMN_LENGTH,
	COLUMN_FILTERS,
	COLUMN_SUM,
	N_COLUMNS
};

typedef struct HeapCheck
{
	GvBm25Check *check;
	GvBm25Tokenizer *tokenizer;
	Oid			type;
	MemoryContext row_context;
	TupleTableSlot *slot;		/* of the row that was taken last */
	bool		has_next;
	GvBm25CheckedRow next;		/* the first that is not in rows */
	BlockNumber block;			/* of the table, whose rows are in rows */
	GvBm25CheckedRow *rows;		/* GvBm25CheckedRow[n], by tid */
	int			n;
	int			size;
} HeapCheck;

/* A number in the order of tids, and of sources of a tid */
static int64
key_of_row(const GvBm25CheckedRow *row)
{
	uint64		key = (uint64) ItemPointerGetBlockNumberNoCheck(&row->tid) << 32 |
		(uint64) ItemPointerGetOffsetNumberNoCheck(&row->tid) << 16 | row->source;

	return (int64) (key ^ UINT64CONST(0x8000000000000000));
}

static void
set_row_key(GvBm25CheckedRow *row, int64 key)
{
	uint64		bits = (uint64) key ^ UINT64CONST(0x8000000000000000);

	ItemPointerSet(&row->tid, (BlockNumber) (bits >> 32), (OffsetNumber) (bits >> 16));
	row->source = (uint16) bits;
}

/*
 * gv_bm25_check_begin_rows
 *		Prepare to take rows, in the current memory context.
 */
void
gv_bm25_check_begin_rows(GvBm25Check *check)
{
	AttrNumber	columns[] = {COLUMN_KEY + 1};
	Oid			operators[] = {Int8LessOperator};
	Oid			collations[] = {InvalidOid};
	bool		nulls_first[] = {false};
	TupleDesc	desc = CreateTemplateTupleDesc(N_COLUMNS);

	TupleDescInitEntry(desc, COLUMN_KEY + 1, "key", INT8OID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_BLOCK + 1, "block", INT4OID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_LENGTH + 1, "length", INT4OID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_FILTERS + 1, "filters", INT4OID, -1, 0);
	TupleDescInitEntry(desc, COLUMN_SUM + 1, "sum", INT8OID, -1, 0);
	check->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	check->rows = tuplesort_begin_heap(desc, lengthof(columns), columns, operators, collations,
									   nulls_first, (int) (gv_bm25_check_memory() / 1024), NULL,
									   TUPLESORT_NONE);
}

/*
 * gv_bm25_check_put_row
 *		Add a row that the index has.
 */
void
gv_bm25_check_put_row(GvBm25Check *check, const GvBm25CheckedRow *row)
{
	TupleTableSlot *slot = check->slot;

	ExecClearTuple(slot);
	slot->tts_values[COLUMN_KEY] = Int64GetDatum(key_of_row(row));
	slot->tts_values[COLUMN_BLOCK] = Int32GetDatum((int32) row->block);
	slot->tts_values[COLUMN_LENGTH] = Int32GetDatum((int32) row->length);
	slot->tts_values[COLUMN_FILTERS] = Int32GetDatum((int32) row->filters);
	slot->tts_values[COLUMN_SUM] = Int64GetDatum((int64) row->sum);
	memset(slot->tts_isnull, 0, sizeof(bool) * N_COLUMNS);
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(check->rows, slot);
}

/*
 * gv_bm25_check_end_rows
 *		Forget the rows, if there are any.
 */
void
gv_bm25_check_end_rows(GvBm25Check *check)
{
	if (check->rows == NULL)
		return;
	tuplesort_end(check->rows);
	ExecDropSingleTupleTableSlot(check->slot);
	check->rows = NULL;
}

/* Take the next row; the index must not have two at its place */
static void
take_next(HeapCheck *state)
{
	bool		had_row = state->has_next;
	ItemPointerData last = state->next.tid;
	TupleTableSlot *slot = state->slot;

	CHECK_FOR_INTERRUPTS();
	state->has_next = tuplesort_gettupleslot(state->check->rows, true, false, slot, NULL);
	if (!state->has_next)
		return;
	slot_getallattrs(slot);
	set_row_key(&state->next, DatumGetInt64(slot->tts_values[COLUMN_KEY]));
	state->next.block = (BlockNumber) DatumGetInt32(slot->tts_values[COLUMN_BLOCK]);
	state->next.length = (uint32) DatumGetInt32(slot->tts_values[COLUMN_LENGTH]);
	state->next.filters = (uint32) DatumGetInt32(slot->tts_values[COLUMN_FILTERS]);
	state->next.sum = (uint64) DatumGetInt64(slot->tts_values[COLUMN_SUM]);
	if (had_row && ItemPointerEquals(&last, &state->next.tid))
		gv_bm25_check_report(state->check, state->next.block, &last,
							 "The index has the row twice.");
}

/* Take the rows of a block of the table, which is none before the last one */
static void
take_block(HeapCheck *state, BlockNumber block)
{
	if (state->block == block)
		return;
	Assert(!BlockNumberIsValid(state->block) || state->block < block);
	state->block = block;
	state->n = 0;
	while (state->has_next && ItemPointerGetBlockNumberNoCheck(&state->next.tid) <= block)
	{
		/* of two the last one */
		if (state->n > 0 && ItemPointerEquals(&state->rows[state->n - 1].tid, &state->next.tid))
			state->n--;
		if (state->n == state->size)
		{
			state->size *= 2;
			state->rows = repalloc(state->rows, state->size * sizeof(GvBm25CheckedRow));
		}
		if (ItemPointerGetBlockNumberNoCheck(&state->next.tid) == block)
			state->rows[state->n++] = state->next;
		take_next(state);
	}
}

/* What the index has of a row, or NULL */
static const GvBm25CheckedRow *
find_row(HeapCheck *state, ItemPointer tid)
{
	int			low = 0;
	int			high;

	take_block(state, ItemPointerGetBlockNumber(tid));
	high = state->n;
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (ItemPointerCompare(&state->rows[middle].tid, tid) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == state->n || !ItemPointerEquals(&state->rows[low].tid, tid))
		return NULL;
	return &state->rows[low];
}

/* Compare a row of the table, which has words, with what the index has of it */
static void
compare_row(HeapCheck *state, const GvBm25CheckedRow *known, const GvBm25Document *document,
			Datum *values, bool *isnull)
{
	GvBm25Check *check = state->check;
	const GvBm25Index *index = &check->index;
	GvBm25Bytes positions = {0};
	uint32		length = document->length;
	uint64		sum = 0;
	const char *problem = NULL;

	for (int i = 0; i < document->n_terms; i++)
	{
		positions.n = 0;
		if (gv_bm25_has_positions(index))
			gv_bm25_append_positions(&positions, &document->terms[i]);
		sum += gv_bm25_check_hash((uint32) document->terms[i].hash, document->terms[i].tf,
								  positions.bytes, positions.n);
	}
	if (!(index->meta.flags & GV_BM25_FLAG_EXACT_LENGTH))
		length = gv_bm25_length_of_norm(gv_bm25_norm_of_length(length));
	if (sum != known->sum)
		problem = gv_bm25_has_positions(index) ?
			"The index has other words of the row, or in other places, than the table." :
			"The index has other words of the row than the table.";
	else if (length != known->length)
		problem = "The index has another length of the row than the table.";
	else if (known->filters !=
			 gv_bm25_check_hash_filters(check, gv_bm25_pack_filters(index, document, values,
																	isnull)))
		problem = index->n_filters > 0 ?
			"The index has other values of filter columns than the table." :
			"The index has other lengths of fields than the table.";
	if (problem != NULL)
		gv_bm25_check_report(check, InvalidBlockNumber, &known->tid, problem);
}

/* Called for each row of the table, by its place in indexes */
static void
check_row(Relation rel, ItemPointer tid, Datum *values, bool *isnull, bool is_alive, void *arg)
{
	HeapCheck  *state = arg;
	const GvBm25CheckedRow *known = find_row(state, tid);
	const GvBm25Document *document;
	MemoryContext old;
	const char *problem = NULL;

	if (isnull[0])
	{
		if (known != NULL)
			gv_bm25_check_report(state->check, InvalidBlockNumber, tid,
								 "The index has the row, and its text is null.");
		return;
	}
	old = MemoryContextSwitchTo(state->row_context);
	document = gv_bm25_tokenize_value(state->tokenizer, state->type, values[0]);
	if (document->length == 0 && known != NULL)
		problem = "The index has the row, and its text has no words.";
	else if (document->length > 0 && known == NULL)
		problem = "The index does not have the row.";
	else if (document->length > 0)
		compare_row(state, known, document, values, isnull);
	if (problem != NULL)
		gv_bm25_check_report(state->check, InvalidBlockNumber, tid, problem);
	MemoryContextSwitchTo(old);
	MemoryContextReset(state->row_context);
}

/*
 * gv_bm25_check_heap
 *		Check that the index has no row twice, and if heap is not NULL that it has
 *		the table's rows, and has them right.
 *
 * snapshot: registered, taken before the index was read; what it sees must be there
 */
void
gv_bm25_check_heap(GvBm25Check *check, Relation heap, Snapshot snapshot)
{
	HeapCheck	state = {.check = check,.block = InvalidBlockNumber,.size = MaxHeapTuplesPerPage};
	BlockNumber n_blocks = InvalidBlockNumber;

	tuplesort_performsort(check->rows);
	state.slot = MakeSingleTupleTableSlot(check->slot->tts_tupleDescriptor, &TTSOpsMinimalTuple);
	state.rows = palloc(state.size * sizeof(GvBm25CheckedRow));
	take_next(&state);
	if (heap != NULL)
	{
		state.type = check->index.rel->rd_opcintype[0];
		state.tokenizer = gv_bm25_tokenizer_of(&check->index, CurrentMemoryContext,
											   gv_bm25_document_flags(&check->index));
		state.row_context = AllocSetContextCreate(CurrentMemoryContext, "bm25 row",
												  ALLOCSET_DEFAULT_SIZES);
		gv_am_inspect_rows(heap, check->index.rel, snapshot, 0, RelationGetNumberOfBlocks(heap),
						   check_row, &state);
		/* nobody truncates the table meanwhile, which takes a lock that our caller's keeps off */
		n_blocks = RelationGetNumberOfBlocks(heap);
	}
	while (state.has_next)
	{
		if (ItemPointerGetBlockNumberNoCheck(&state.next.tid) >= n_blocks)
			gv_bm25_check_report(check, InvalidBlockNumber, &state.next.tid,
								 "The row lies beyond the end of the table.");
		take_next(&state);
	}
	ExecDropSingleTupleTableSlot(state.slot);
}
