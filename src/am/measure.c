/*-------------------------------------------------------------------------
 *
 * measure.c
 *		Measuring the recall and the time of an index, for gigavec.recall.
 *
 * The queries run as index scans, the way the executor runs them, and what
 * they return is compared with all rows of the table that the snapshot sees.
 * A row that serves as query vector is left out: in a graph its node would lead
 * straight to its neighbors.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/relscan.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "am/measure.h"
#include "base/compat.h"
#include "base/idset.h"
#include "base/random.h"

/* Places looked at for each row wanted, for they may be empty or not visible */
#define TRIES_PER_ROW 64

/* Keys computed from equal vectors may differ by so much of their size */
#define KEY_TOLERANCE 1e-6

/* A query vector and the keys of its true neighbors */
typedef struct Question
{
	Datum		value;
	uint64		place;			/* of its row in the index; 0: it is none */
	ItemPointerData tid;		/* of that row, which is left out */
	int			n_true;
	float	   *true_key;		/* float[k], nearest first */
} Question;

typedef struct Measure
{
	const GvAmMeasured *of;
	Relation	index;
	Relation	heap;
	Snapshot	snapshot;
	int			k;
	Question   *question;
	int			n_questions;
	IndexInfo  *index_info;
	EState	   *estate;
	ExprState  *predicate;		/* of a partial index, or NULL */
	TupleTableSlot *slot;
	MemoryContext row_context;	/* reset for each row */
} Measure;

/*
 * The indexed vector of the row in the slot, in the row's context.  Returns
 * false if the row is not in the index.
 */
static bool
get_value(Measure *measure, TupleTableSlot *slot, Datum *value)
{
	ExprContext *context = GetPerTupleExprContext(measure->estate);
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];

	context->ecxt_scantuple = slot;
	if (measure->predicate && !ExecQual(measure->predicate, context))
		return false;
	FormIndexDatum(measure->index_info, slot, measure->estate, values, nulls);
	if (nulls[0])
		return false;
	*value = PointerGetDatum(PG_DETOAST_DATUM(values[0]));
	return gv_am_value_dim(measure->of->opclass, *value) == measure->of->dim;
}

static void
prepare_rows(Measure *measure)
{
	measure->index_info = BuildIndexInfo(measure->index);
	measure->estate = CreateExecutorState();
	measure->predicate = ExecPrepareQual(measure->index_info->ii_Predicate, measure->estate);
	measure->slot = table_slot_create(measure->heap, NULL);
	measure->row_context = AllocSetContextCreate(CurrentMemoryContext, "measure row",
												 ALLOCSET_DEFAULT_SIZES);
}

static void
end_row(Measure *measure, MemoryContext old_context)
{
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(measure->row_context);
	ResetPerTupleExprContext(measure->estate);
}

/* Choose rows at random as query vectors */
static void
choose_rows(Measure *measure, int n_wanted)
{
	const GvAmMeasured *of = measure->of;
	/* not those that a calibration takes */
	GvRandom	random = {gv_random_mix(of->seed + 1)};
	IndexFetchTableData *fetch = table_index_fetch_begin(measure->heap);
	GvIdset		known;

	gv_idset_init(&known, CurrentMemoryContext, 1024);
	measure->question = palloc0(sizeof(Question) * n_wanted);
	for (int64 i = 0; i < (int64) n_wanted * TRIES_PER_ROW &&
		 measure->n_questions < n_wanted; i++)
	{
		Question   *question = &measure->question[measure->n_questions];
		uint32		place = gv_random_below(&random, (uint32) Min(of->n_places, PG_UINT32_MAX));
		ItemPointerData tid;
		MemoryContext old_context;
		bool		call_again = false;
		Datum		value;

		CHECK_FOR_INTERRUPTS();
		if (place == 0 || !gv_idset_add(&known, place) ||
			!of->find_row(of->arg, place, &tid) ||
			ItemPointerGetBlockNumber(&tid) >= RelationGetNumberOfBlocks(measure->heap) ||
			!table_index_fetch_tuple(fetch, &tid, measure->snapshot, measure->slot,
									 &call_again, NULL))
			continue;
		old_context = MemoryContextSwitchTo(measure->row_context);
		if (get_value(measure, measure->slot, &value))
		{
			Size		size = VARSIZE(DatumGetPointer(value));
			char	   *copy = MemoryContextAlloc(old_context, size);

			memcpy(copy, DatumGetPointer(value), size);
			question->value = PointerGetDatum(copy);
			question->place = place;
			question->tid = measure->slot->tts_tid;
			measure->n_questions++;
		}
		end_row(measure, old_context);
		ExecClearTuple(measure->slot);
	}
	table_index_fetch_end(fetch);
}

/* Keep the k least keys of each query vector, in order */
static void
offer(Measure *measure, Question *question, float key)
{
	int			i;

	if (question->n_true < measure->k)
		i = question->n_true++;
	else if (key < question->true_key[measure->k - 1])
		i = measure->k - 1;
	else
		return;
	for (; i > 0 && question->true_key[i - 1] > key; i--)
		question->true_key[i] = question->true_key[i - 1];
	question->true_key[i] = key;
}

/* Compare all rows of the table with all query vectors */
static void
find_truth(Measure *measure)
{
	TableScanDesc scan;

	for (int i = 0; i < measure->n_questions; i++)
		measure->question[i].true_key = palloc(sizeof(float) * measure->k);
	scan = table_beginscan(measure->heap, measure->snapshot, 0, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, measure->slot))
	{
		MemoryContext old_context = MemoryContextSwitchTo(measure->row_context);
		Datum		value;

		CHECK_FOR_INTERRUPTS();
		if (get_value(measure, measure->slot, &value))
		{
			for (int i = 0; i < measure->n_questions; i++)
			{
				Question   *question = &measure->question[i];

				if (question->place != 0 &&
					ItemPointerEquals(&question->tid, &measure->slot->tts_tid))
					continue;
				offer(measure, question,
					  gv_am_exact_key(measure->of->opclass, question->value, value));
			}
		}
		end_row(measure, old_context);
	}
	table_endscan(scan);
	ExecClearTuple(measure->slot);
}

/*
 * Run one query; returns how many of k rows it finds, by the part of its true
 * neighbors, of which there may be fewer, or, if not counting, takes the time.
 */
static double
run_query(Measure *measure, IndexScanDesc scan, const Question *question, bool count,
		  instr_time *time)
{
	ScanKeyData order_by;
	ItemPointerData tid = question->tid;
	instr_time	start;
	int			n_found = 0;
	float		bound = question->true_key[question->n_true - 1];

	bound += fabsf(bound) * (float) KEY_TOLERANCE;
	ScanKeyEntryInitialize(&order_by, 0, 1, 1, InvalidOid, InvalidOid, InvalidOid,
						   question->value);
	INSTR_TIME_SET_CURRENT(start);
	index_rescan(scan, NULL, 0, &order_by, 1);
	measure->of->expect(scan, measure->k, question->place, &tid, !count);
	for (int i = 0; i < measure->k; i++)
	{
		MemoryContext old_context;
		Datum		value;

		CHECK_FOR_INTERRUPTS();
		if (!index_getnext_slot(scan, ForwardScanDirection, measure->slot))
			break;
		if (!count)
			continue;
		old_context = MemoryContextSwitchTo(measure->row_context);
		if (get_value(measure, measure->slot, &value) &&
			gv_am_exact_key(measure->of->opclass, question->value, value) <= bound)
			n_found++;
		end_row(measure, old_context);
	}
	if (!count)
	{
		INSTR_TIME_SET_CURRENT(*time);
		INSTR_TIME_SUBTRACT(*time, start);
	}
	ExecClearTuple(measure->slot);
	return (double) Min(n_found, question->n_true) * measure->k / question->n_true;
}

/* Run all queries, first for what they find, then for the time they take */
static void
run_queries(Measure *measure, GvAmRecall *result)
{
	IndexScanDesc scan = gv_base_index_beginscan(measure->heap, measure->index,
												 measure->snapshot, 0, 1);
	double		n = measure->n_questions;
	double		k = measure->k;
	double		sum = 0;
	double		sum2 = 0;

	for (int i = 0; i < measure->n_questions; i++)
	{
		GvAmScanCounts counts;
		double		n_found = run_query(measure, scan, &measure->question[i], true, NULL);

		sum += n_found;
		sum2 += n_found * n_found;
		measure->of->count_scan(scan, &counts);
		result->target = counts.target;
		result->ef += counts.ef;
		result->expansions += counts.expansions;
		result->reranked += counts.reranked;
	}
	for (int i = 0; i < measure->n_questions; i++)
	{
		instr_time	time;

		(void) run_query(measure, scan, &measure->question[i], false, &time);
		result->milliseconds += INSTR_TIME_GET_MILLISEC(time);
	}
	index_endscan(scan);
	/* sums first: a third added three times is not one */
	result->ef /= n;
	result->expansions /= n;
	result->reranked /= n;
	result->milliseconds /= n;
	result->n_queries = measure->n_questions;
	result->recall = sum / (k * n);
	result->error = n > 1 ?
		sqrt(Max(sum2 / n - (sum / n) * (sum / n), 0) / (n - 1)) / k : 0;
}

/*
 * gv_am_measure
 *		Measure the recall and the time of an index.
 *
 * of: what the access method says of the index
 * values: Datum[n_queries], detoasted query vectors; NULL: n_queries rows
 * k: rows that a query asks for
 * result: written, in units of one query
 *
 * What is visible is the caller's affair: it has seen to it that he may read
 * all rows, and that the functions of the index run as they should.
 */
void
gv_am_measure(const GvAmMeasured *of, Relation index, Relation heap, const Datum *values,
			  int n_queries, int k, GvAmRecall *result)
{
	Measure    *measure = palloc0(sizeof(Measure));

	memset(result, 0, sizeof(*result));
	measure->of = of;
	measure->index = index;
	measure->heap = heap;
	measure->snapshot = GetActiveSnapshot();
	measure->k = k;
	prepare_rows(measure);
	if (values)
	{
		measure->question = palloc0(sizeof(Question) * n_queries);
		for (int i = 0; i < n_queries; i++)
		{
			gv_am_check_dim(measure->of->opclass, values[i], measure->of->dim);
			measure->question[measure->n_questions++].value = values[i];
		}
	}
	else
		choose_rows(measure, n_queries);
	find_truth(measure);
	if (measure->n_questions == 0 || measure->question[0].n_true == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" has too few rows to measure its recall",
						RelationGetRelationName(index))));
	run_queries(measure, result);

	ExecDropSingleTupleTableSlot(measure->slot);
	FreeExecutorState(measure->estate);
	MemoryContextDelete(measure->row_context);
}
