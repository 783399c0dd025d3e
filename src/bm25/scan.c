/*-------------------------------------------------------------------------
 *
 * scan.c
 *		Index scans: rows by their scores, rows that match, bitmaps.
 *
 * A ordered scan searches for as many rows as the query's LIMIT says, and when
 * these are used up for more, below the last one; weights stay as they were when
 * the scan began, so scores do.  A search that a merge overtakes begins anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relscan.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "am/fetch.h"
#include "am/limit.h"
#include "base/compat.h"
#include "bm25/bm25.h"
#include "bm25/corpus.h"
#include "bm25/delta.h"
#include "bm25/fetch.h"
#include "bm25/search.h"

/* Strategies of the operator classes */
#define STRATEGY_MATCH 1
#define STRATEGY_ORDER 2

/* Rows that are searched for first when the query has no LIMIT, and how more they get */
#define FIRST_K 100
#define K_GROWTH 4
#define MAX_K (INT64CONST(1) << 40)

typedef struct Bm25Scan
{
	MemoryContext context;		/* of the query; reset by a rescan */
	MemoryContext search_context;	/* of one search */
	GvBm25Reader *reader;		/* NULL: the scan has not begun */
	GvBm25Weighed *order;		/* NULL: no order */
	int			n_conditions;
	GvBm25Weighed **conditions; /* of the keys, but for one that says what order does */
	GvAmFilter *filter;			/* NULL: all rows pass */
	bool		is_empty;		/* nothing can match: a NULL, or no word */
	bool		recheck;
	bool		is_found;		/* the reader knows the order's lexemes */
	BlockNumber n_heap_blocks;	/* that the table has at least */
	bool		has_fetch;
	GvBm25Fetch fetch;

	/* rows found, and what was returned of them */
	GvBm25Search search;
	uint64		next;
	bool		is_complete;	/* there are no more than these */
} Bm25Scan;

/*
 * gv_bm25_begin_scan
 *		ambeginscan
 */
IndexScanDesc
gv_bm25_begin_scan(Relation index, int n_keys, int n_order_bys)
{
	IndexScanDesc scan = RelationGetIndexScan(index, n_keys, n_order_bys);
	Bm25Scan   *state = palloc0(sizeof(Bm25Scan));

	state->context = AllocSetContextCreate(CurrentMemoryContext, "bm25 scan",
										   ALLOCSET_DEFAULT_SIZES);
	state->search_context = AllocSetContextCreate(CurrentMemoryContext, "bm25 search",
												  ALLOCSET_DEFAULT_SIZES);
	if (n_order_bys > 0)
	{
		scan->xs_orderbyvals = palloc0(sizeof(Datum) * n_order_bys);
		scan->xs_orderbynulls = palloc0(sizeof(bool) * n_order_bys);
	}
	scan->opaque = state;
	return scan;
}

/* Forget the query */
static void
reset_scan(Bm25Scan *state)
{
	if (state->has_fetch)
		gv_bm25_fetch_end(&state->fetch);
	state->has_fetch = false;
	MemoryContextReset(state->search_context);
	MemoryContextReset(state->context);
	state->reader = NULL;
	state->order = NULL;
	state->n_conditions = 0;
	state->filter = NULL;
	state->is_empty = false;
	state->recheck = false;
	state->is_found = false;
	memset(&state->search, 0, sizeof(state->search));
	state->next = 0;
	state->is_complete = false;
}

/*
 * gv_bm25_rescan
 *		amrescan
 */
void
gv_bm25_rescan(IndexScanDesc scan, ScanKey keys, int n_keys, ScanKey order_bys, int n_order_bys)
{
	reset_scan(scan->opaque);
	if (keys && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
	if (order_bys && scan->numberOfOrderBys > 0)
	{
		Bm25Scan  *state = scan->opaque;

		memmove(scan->orderByData, order_bys, scan->numberOfOrderBys * sizeof(ScanKeyData));
		state->search.k = gv_am_limit_of(order_bys);
	}
}

/* The query of a key, in the current memory context */
static GvBm25Query
query_of_key(const ScanKeyData *key)
{
	text	   *string;

	if (key->sk_subtype != TEXTOID)
		return gv_bm25_query_from_datum(key->sk_argument);
	string = DatumGetTextPP(key->sk_argument);
	return gv_bm25_query_from_text(VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string), InvalidOid);
}

/* Raise an error if a query is for an index that cannot answer for this one */
static void
check_index(IndexScanDesc scan, GvBm25Query query)
{
	Oid			own = RelationGetRelid(scan->indexRelation);

	if (!OidIsValid(query->index) || query->index == own)
		return;
	gv_bm25_check_access(query);
	if (!gv_bm25_is_partition_of(own, query->index))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("index \"%s\" cannot be searched with a query for another index",
						RelationGetRelationName(scan->indexRelation)),
				 errhint("Name this index in the query, or no index.")));
}

/* Weigh the query of the order */
static void
begin_order(IndexScanDesc scan, GvBm25Tokenizer *tokenizer)
{
	Bm25Scan   *state = scan->opaque;
	GvBm25Query query = query_of_key(&scan->orderByData[0]);
	GvBm25QueryTree *tree = gv_bm25_query_resolve(query, tokenizer);

	check_index(scan, query);
	if (OidIsValid(query->index) && query->index != RelationGetRelid(scan->indexRelation))
		state->order = gv_bm25_weigh_for(query, tree);
	else
	{
		GvBm25Corpus own = {1, &scan->indexRelation, &state->reader};

		state->order = gv_bm25_corpus_weigh(&own, tree);
		state->is_found = scan->numberOfKeys == 0;
	}
	if (state->order->n_leaves == 0)
		state->is_empty = true;
	if (state->order->tree->needs_positions &&
		!gv_bm25_knows_phrases(&state->reader->index, state->order))
	{
		gv_bm25_fetch_init(&state->fetch, scan);
		state->has_fetch = true;
		state->fetch.weighed = state->order;
		state->fetch.tokenizer = gv_bm25_tokenizer_of(&state->reader->index, state->context,
													  GV_BM25_TOKENS_POSITIONS);
	}
}

/* Do two keys ask the same? */
static bool
same_query(const ScanKeyData *a, const ScanKeyData *b)
{
	GvBm25Query x = query_of_key(a);
	GvBm25Query y = query_of_key(b);

	return VARSIZE(x) == VARSIZE(y) && x->syntax == y->syntax &&
		memcmp(x->text, y->text, VARSIZE(x) - offsetof(GvBm25QueryData, text)) == 0;
}

/* Take a key with a query that rows must match */
static void
add_condition(IndexScanDesc scan, const ScanKeyData *key, GvBm25Tokenizer *tokenizer)
{
	Bm25Scan   *state = scan->opaque;
	GvBm25Query query = query_of_key(key);
	GvBm25Corpus *corpus;
	GvBm25Weighed *condition;

	check_index(scan, query);
	/* an ordered scan returns what matches its own query, phrases included */
	if (scan->numberOfOrderBys > 0 && same_query(key, &scan->orderByData[0]))
		return;
	corpus = gv_bm25_corpus_open(RelationGetRelid(scan->indexRelation));
	condition = gv_bm25_corpus_weigh(corpus, gv_bm25_query_resolve(query, tokenizer));
	gv_bm25_corpus_close(corpus);
	if (condition->n_leaves == 0)
		state->is_empty = true;
	if (condition->tree->needs_positions &&
		!gv_bm25_knows_phrases(&state->reader->index, condition))
		state->recheck = true;
	state->conditions[state->n_conditions++] = condition;
}

/* Does a key ask for a match of the text, not for a value or a null? */
static bool
is_condition(const ScanKeyData *key)
{
	return key->sk_attno == 1 && !(key->sk_flags & (SK_SEARCHNULL | SK_SEARCHNOTNULL));
}

/* Compile the keys that are about filter columns, or nulls */
static void
begin_filter(IndexScanDesc scan)
{
	Bm25Scan   *state = scan->opaque;
	ScanKey		keys = palloc(Max(scan->numberOfKeys, 1) * sizeof(ScanKeyData));
	int			n = 0;

	for (int i = 0; i < scan->numberOfKeys; i++)
	{
		if (!is_condition(&scan->keyData[i]))
			keys[n++] = scan->keyData[i];
	}
	state->filter = gv_am_filter_compile(&state->reader->index.filters, keys, n);
	if (state->filter != NULL)
	{
		state->is_empty |= state->filter->never;
		state->recheck |= state->filter->recheck;
	}
}

/* Begin with the query of the scan's keys */
static void
begin_query(IndexScanDesc scan)
{
	Bm25Scan   *state = scan->opaque;
	MemoryContext old = MemoryContextSwitchTo(state->context);
	GvBm25Tokenizer *tokenizer;
	bool		has_query = scan->numberOfOrderBys > 0;

	state->reader = gv_bm25_reader_open(scan->indexRelation);
	for (int i = 0; i < scan->numberOfKeys; i++)
	{
		const ScanKeyData *key = &scan->keyData[i];

		if (!is_condition(key))
			continue;
		has_query = true;
		state->is_empty |= (key->sk_flags & SK_ISNULL) != 0;
		/* the planner does not bind such a query to the index, nor choose the scan */
		if (key->sk_flags & SK_SEARCHARRAY)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("bm25 indexes cannot search for one of several queries"),
					 errhint("Put the words of all queries into one.")));
	}
	/* the index does not have rows without words */
	if (!has_query)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot scan bm25 index \"%s\" without a query",
						RelationGetRelationName(scan->indexRelation))));
	begin_filter(scan);
	for (int i = 0; i < scan->numberOfOrderBys; i++)
		state->is_empty |= (scan->orderByData[i].sk_flags & SK_ISNULL) != 0;
	if (!state->is_empty)
	{
		tokenizer = gv_bm25_tokenizer_of(&state->reader->index, state->context, 0);
		if (scan->numberOfOrderBys > 0)
			begin_order(scan, tokenizer);
		state->conditions = palloc(Max(scan->numberOfKeys, 1) * sizeof(GvBm25Weighed *));
		for (int i = 0; i < scan->numberOfKeys; i++)
		{
			if (is_condition(&scan->keyData[i]))
				add_condition(scan, &scan->keyData[i], tokenizer);
		}
		gv_bm25_tokenizer_free(tokenizer);
	}
	pgstat_count_index_scan(scan->indexRelation);
	gv_base_count_search(scan);
	MemoryContextSwitchTo(old);
}

/* For each segment a bit for each document that meets all conditions */
static uint8 **
match_conditions(Bm25Scan *state)
{
	GvBm25Reader *reader = state->reader;
	uint8	  **result = palloc0(Max(reader->n_segments, 1) * sizeof(uint8 *));

	for (int i = 0; i < state->n_conditions; i++)
	{
		gv_bm25_reader_find(reader, &state->conditions[i]->lexemes, false);
		for (int which = 0; which < reader->n_segments; which++)
		{
			Size		n_bytes = ((Size) reader->segments[which].head.n_docs + 7) / 8;
			uint8	   *bits = gv_bm25_match_segment(reader, which, state->conditions[i]);

			if (result[which] == NULL)
			{
				result[which] = bits;
				continue;
			}
			for (Size j = 0; j < n_bytes; j++)
				result[which][j] &= bits[j];
			pfree(bits);
		}
	}
	return result;
}

/* Which rows may be returned; false: all may */
static bool
begin_allowed(Bm25Scan *state, GvBm25Allowed *allowed)
{
	GvBm25Reader *reader = state->reader;
	uint8	  **matches;

	if (state->n_conditions == 0 && state->filter == NULL)
		return false;
	matches = match_conditions(state);
	allowed->filter = state->filter;
	allowed->conditions = state->conditions;
	allowed->n_conditions = state->n_conditions;
	allowed->lookups = palloc(Max(state->n_conditions, 1) * sizeof(GvBm25Lookup));
	for (int i = 0; i < state->n_conditions; i++)
		gv_bm25_lookup_begin(&allowed->lookups[i], &state->conditions[i]->lexemes);
	allowed->masks = palloc(Max(reader->n_segments, 1) * sizeof(GvBm25Mask));
	for (int which = 0; which < reader->n_segments; which++)
		gv_bm25_mask_begin(&allowed->masks[which], &reader->segments[which], state->filter,
						   matches[which]);
	return true;
}

/* Prepare to begin a search anew */
static void
begin_search(Bm25Scan *state)
{
	MemoryContextReset(state->search_context);
	MemoryContextSwitchTo(state->search_context);
	CHECK_FOR_INTERRUPTS();
	if (!state->is_found)
		gv_bm25_reader_refresh(state->reader);
}

/* Search for k more rows */
static void
search_ordered(Bm25Scan *state)
{
	MemoryContext old = CurrentMemoryContext;
	GvBm25Search *search = &state->search;
	GvBm25Allowed allowed;
	sigjmp_buf	overtaken;

	(void) sigsetjmp(overtaken, 0);
	state->reader->index.overtaken = &overtaken;
	begin_search(state);
	search->allowed = begin_allowed(state, &allowed) ? &allowed : NULL;
	if (!state->is_found)
		gv_bm25_reader_find(state->reader, &state->order->lexemes, false);
	/* a search that begins anew, or the next one, reads what is there then */
	state->is_found = false;
	search->reader = state->reader;
	search->weighed = state->order;
	search->read_row = state->has_fetch ? gv_bm25_fetch_count : NULL;
	search->row_arg = &state->fetch;
	gv_bm25_search(search);
	state->reader->index.overtaken = NULL;
	search->allowed = NULL;
	state->next = 0;
	state->is_complete = search->n_hits < search->k;
	MemoryContextSwitchTo(old);
}

/* Find the next rows in the order of scores; false if there are none */
static bool
search_further(Bm25Scan *state)
{
	GvBm25Search *search = &state->search;

	if (state->is_empty || state->is_complete)
		return false;
	if (search->hits != NULL)
	{
		search->bound = search->hits[search->n_hits - 1];
		search->bound.segment = -1;
		search->has_bound = true;
		search->k = Min(search->k * K_GROWTH, MAX_K);
	}
	else if (search->k == 0)
		search->k = FIRST_K;
	search_ordered(state);
	return search->n_hits > 0;
}

/* Called with the rows that match */
typedef void (*TakeRow) (void *arg, ItemPointer tid);

/* Find the rows of a segment that match; dead: bits of all documents, or NULL */
static void
match_segment(const GvBm25Segment *segment, GvBm25Mask *mask, const uint8 *dead, TakeRow take,
			  void *arg)
{
	uint32		n_docs = segment->head.n_docs;
	ItemPointerData tids[GV_BM25_TID_GROUP];

	for (uint32 doc = gv_bm25_mask_next(mask, 0); doc < n_docs;
		 doc = gv_bm25_mask_next(mask, doc))
	{
		uint32		first = doc;
		uint32		n = Min(GV_BM25_TID_GROUP, n_docs - first);

		CHECK_FOR_INTERRUPTS();
		gv_bm25_read_tids(segment, first, n, tids);
		for (; doc < first + n; doc++)
		{
			if (gv_bm25_mask_has(mask, doc) && !(dead && (dead[doc / 8] >> doc % 8 & 1)))
				take(arg, &tids[doc - first]);
		}
	}
}

/* Find all rows that match, without order */
static void
match_all(Bm25Scan *state, TakeRow take, void *arg)
{
	GvBm25DeltaScan *delta = palloc(sizeof(GvBm25DeltaScan));
	GvBm25Allowed allowed;

	(void) begin_allowed(state, &allowed);
	for (int which = 0; which < state->reader->n_segments; which++)
	{
		const GvBm25Segment *segment = &state->reader->segments[which];
		uint8	   *dead = NULL;

		if (segment->entry.n_dead > 0)
		{
			dead = MemoryContextAllocHuge(CurrentMemoryContext,
										  ((Size) segment->head.n_docs + 7) / 8);
			gv_bm25_read_dead(segment, 0, segment->head.n_docs, dead);
		}
		match_segment(segment, &allowed.masks[which], dead, take, arg);
		if (dead)
			pfree(dead);
	}

	gv_bm25_delta_begin(delta, &state->reader->index);
	while (gv_bm25_delta_next(delta))
	{
		if (!(delta->row->flags & GV_BM25_ROW_DEAD) && gv_bm25_allows_row(&allowed, delta))
			take(arg, &delta->row->tid);
	}
	pfree(delta);
}

/* A list of rows as hits */
static void
take_hit(void *arg, ItemPointer tid)
{
	GvBm25Search *search = arg;

	if (search->n_hits == search->size)
	{
		search->size = Max(1024, search->size * 2);
		search->hits = search->hits == NULL ? palloc(search->size * sizeof(GvBm25Hit)) :
			repalloc_huge(search->hits, search->size * sizeof(GvBm25Hit));
	}
	memset(&search->hits[search->n_hits], 0, sizeof(GvBm25Hit));
	search->hits[search->n_hits++].tid = *tid;
}

/* Find all rows that match, for a scan without an order */
static void
search_unordered(Bm25Scan *state)
{
	MemoryContext old = CurrentMemoryContext;
	sigjmp_buf	overtaken;

	(void) sigsetjmp(overtaken, 0);
	state->reader->index.overtaken = &overtaken;
	begin_search(state);
	state->search.n_hits = 0;
	state->search.size = 0;
	state->search.hits = NULL;
	match_all(state, take_hit, &state->search);
	state->reader->index.overtaken = NULL;
	state->next = 0;
	state->is_complete = true;
	MemoryContextSwitchTo(old);
}

/*
 * gv_bm25_get_tuple
 *		amgettuple
 */
bool
gv_bm25_get_tuple(IndexScanDesc scan, ScanDirection direction)
{
	Bm25Scan   *state = scan->opaque;

	Assert(ScanDirectionIsForward(direction));
	if (state->reader == NULL)
	{
		/* places of removed rows may be those of others by now */
		if (!IsMVCCSnapshot(scan->xs_snapshot))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("bm25 indexes can be scanned with an MVCC snapshot only")));
		begin_query(scan);
		if (scan->numberOfOrderBys == 0 && !state->is_empty)
			search_unordered(state);
	}
	if (state->is_empty)
		return false;
	while (state->next >= state->search.n_hits)
	{
		if (scan->numberOfOrderBys == 0 || !search_further(state))
			return false;
	}
	if (scan->numberOfOrderBys > 0)
	{
		scan->xs_orderbyvals[0] = Float8GetDatum(-(double) state->search.hits[state->next].score);
		scan->xs_orderbynulls[0] = false;
	}
	scan->xs_heaptid = state->search.hits[state->next++].tid;
	gv_am_check_tid(&state->n_heap_blocks, scan, &scan->xs_heaptid);
	scan->xs_recheck = state->recheck;
	scan->xs_recheckorderby = false;
	return true;
}

/* What a bitmap scan hands to its rows */
typedef struct BitmapTarget
{
	TIDBitmap  *bitmap;
	bool		recheck;
	int64		n;
} BitmapTarget;

static void
take_tid(void *arg, ItemPointer tid)
{
	BitmapTarget *target = arg;

	tbm_add_tuples(target->bitmap, tid, 1, target->recheck);
	target->n++;
}

/*
 * gv_bm25_get_bitmap
 *		amgetbitmap
 *
 * Rows that were added before a merge overtook the search are added again, which
 * changes nothing.
 */
int64
gv_bm25_get_bitmap(IndexScanDesc scan, TIDBitmap *bitmap)
{
	Bm25Scan   *state = scan->opaque;
	MemoryContext old = CurrentMemoryContext;
	BitmapTarget target = {bitmap, false, 0};
	sigjmp_buf	overtaken;

	begin_query(scan);
	if (state->is_empty)
		return 0;
	(void) sigsetjmp(overtaken, 0);
	state->reader->index.overtaken = &overtaken;
	begin_search(state);
	target.recheck = state->recheck;
	target.n = 0;
	match_all(state, take_tid, &target);
	state->reader->index.overtaken = NULL;
	MemoryContextSwitchTo(old);
	return target.n;
}

/*
 * gv_bm25_end_scan
 *		amendscan
 */
void
gv_bm25_end_scan(IndexScanDesc scan)
{
	Bm25Scan   *state = scan->opaque;

	reset_scan(state);
	MemoryContextDelete(state->search_context);
	MemoryContextDelete(state->context);
	pfree(state);
}
