/*-------------------------------------------------------------------------
 *
 * explain.c
 *		gigavec.explain_score and gigavec.merge.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

#include "am/inspect.h"
#include "am/upkeep.h"
#include "base/compat.h"
#include "bm25/bm25.h"
#include "bm25/corpus.h"
#include "bm25/delta.h"
#include "bm25/merge.h"

GV_FUNCTION(gv_bm25_explain_score);
GV_FUNCTION(gv_bm25_explain_array_score);
GV_FUNCTION(gv_bm25_explain_tsvector_score);
GV_FUNCTION(gv_bm25_merge_index);

/* Columns of gigavec.explain_score */
enum
{
	COLUMN_PART,
	COLUMN_TF,
	COLUMN_DF,
	COLUMN_IDF,
	COLUMN_BOOST,
	COLUMN_LENGTH,
	COLUMN_FACTOR,
	COLUMN_SCORE,
	N_COLUMNS
};

/* What a leaf was in the query */
static char *
name_leaf(const GvBm25Node *node, const GvBm25Fields *fields)
{
	int			skipped = node->field > 0;	/* bytes of lexemes */
	StringInfoData name;

	initStringInfo(&name);
	if (node->field > 0)
		appendStringInfo(&name, "%s:", fields->name[node->field - 1]);
	if (node->kind == GV_BM25_PHRASE)
	{
		appendStringInfoChar(&name, '"');
		for (int i = 0; i < node->n_terms; i++)
			appendStringInfo(&name, "%s%.*s", i > 0 ? " " : "",
							 (int) node->terms[i].len - skipped, node->terms[i].lexeme + skipped);
		appendStringInfoChar(&name, '"');
	}
	else
		appendBinaryStringInfo(&name, node->lexeme + skipped, (int) node->len - skipped);
	if (node->kind == GV_BM25_PREFIX)
		appendStringInfoChar(&name, '*');
	if (node->kind == GV_BM25_FUZZY)
		appendStringInfo(&name, "~%d", node->edits);
	return name.data;
}

/* The df that a leaf counts with; a phrase has none */
static uint64
df_of(const GvBm25Weighed *weighed, const GvBm25Leaf *leaf)
{
	uint64		df = 0;

	for (int i = 0; i < leaf->n_lexemes; i++)
		df = Max(df, weighed->lexemes.lexeme[leaf->lexemes[i]].df);
	return df;
}

/* Return a row for each leaf that the document has, in the order in which they are added */
static void
put_leaves(ReturnSetInfo *result, const GvBm25Weighed *weighed, const GvBm25Fields *fields,
		   const GvBm25Document *document)
{
	float	   *tf = palloc(Max(weighed->n_leaves, 1) * sizeof(float));
	float		factors[GV_BM25_FACTORS];

	gv_bm25_count_leaves(weighed, document, tf);
	gv_bm25_factors(weighed, document, factors);
	for (int i = 0; i < weighed->n_leaves; i++)
	{
		const GvBm25Leaf *leaf = &weighed->leaves[i];
		uint32		length = leaf->field > 0 ? document->field_length[leaf->field - 1] :
			document->length;
		float		factor;
		Datum		values[N_COLUMNS];
		bool		nulls[N_COLUMNS] = {false};

		if (tf[i] <= 0)
			continue;
		factor = factors[leaf->field];
		values[COLUMN_PART] = CStringGetTextDatum(name_leaf(leaf->node, fields));
		values[COLUMN_TF] = Float8GetDatum((double) tf[i]);
		values[COLUMN_DF] = Int64GetDatum((int64) df_of(weighed, leaf));
		nulls[COLUMN_DF] = leaf->node->kind == GV_BM25_PHRASE;
		values[COLUMN_IDF] = Float8GetDatum((double) leaf->idf);
		values[COLUMN_BOOST] = Float8GetDatum((double) leaf->node->weight);
		values[COLUMN_LENGTH] = Int64GetDatum((int64) length);
		values[COLUMN_FACTOR] = Float8GetDatum((double) factor);
		values[COLUMN_SCORE] = Float8GetDatum((double) gv_bm25_score(leaf->weight, tf[i], factor));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/* Explain the score of a document, of type text, text[] or tsvector */
static Datum
explain_score(FunctionCallInfo fcinfo, Oid type)
{
	GvBm25Query query = PG_GETARG_BM25QUERY(1);
	GvBm25Corpus *corpus;
	GvBm25Tokenizer *tokenizer;
	GvBm25QueryTree *tree;
	GvBm25Weighed *weighed;

	InitMaterializedSRF(fcinfo, 0);
	if (!OidIsValid(query->index))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("query does not name an index"),
				 errhint("Name the index: to_bm25query('...', 'index_name').")));
	gv_bm25_check_access(query);
	corpus = gv_bm25_corpus_open(query->index);
	tokenizer = gv_bm25_tokenizer_of(&corpus->readers[0]->index, CurrentMemoryContext,
									 GV_BM25_TOKENS_POSITIONS);
	tree = gv_bm25_query_resolve(query, tokenizer);
	weighed = gv_bm25_corpus_weigh(corpus, tree);
	gv_bm25_corpus_close(corpus);
	put_leaves((ReturnSetInfo *) fcinfo->resultinfo, weighed, gv_bm25_tokenizer_fields(tokenizer),
			   gv_bm25_tokenize_value(tokenizer, type, PG_GETARG_DATUM(0)));
	gv_bm25_tokenizer_free(tokenizer);
	return (Datum) 0;
}

/*
 * gv_bm25_explain_score
 *		gigavec.explain_score(document text, query)
 */
Datum
gv_bm25_explain_score(PG_FUNCTION_ARGS)
{
	return explain_score(fcinfo, TEXTOID);
}

/*
 * gv_bm25_explain_array_score
 *		gigavec.explain_score(document text[], query)
 */
Datum
gv_bm25_explain_array_score(PG_FUNCTION_ARGS)
{
	return explain_score(fcinfo, TEXTARRAYOID);
}

/*
 * gv_bm25_explain_tsvector_score
 *		gigavec.explain_score(document tsvector, query)
 */
Datum
gv_bm25_explain_tsvector_score(PG_FUNCTION_ARGS)
{
	return explain_score(fcinfo, TSVECTOROID);
}

/*
 * gv_bm25_merge_index
 *		gigavec.merge(index): make one segment of all
 */
Datum
gv_bm25_merge_index(PG_FUNCTION_ARGS)
{
	Oid			index_oid = PG_GETARG_OID(0);
	Oid			heap_oid;
	int			which[GV_BM25_MAX_SEGMENTS];
	GvBm25Removal removal;
	GvBm25Index index;
	Relation	heap;
	Relation	rel;

	PreventCommandIfReadOnly("gigavec.merge()");
	PreventCommandDuringRecovery("gigavec.merge()");
	heap_oid = gv_am_inspect_table_of(index_oid);
	if (!gv_base_owns_relation(index_oid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_INDEX, gv_am_inspect_name(index_oid));
	/* as VACUUM, beside readers and writers */
	gv_am_upkeep_lock(heap_oid, "gigavec.merge()");
	heap = gv_am_inspect_open_table(index_oid, AccessShareLock);
	rel = gv_am_inspect_open_index(index_oid, RowExclusiveLock);
	if (rel->rd_indam->ambuild != gv_bm25_build)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("index \"%s\" is not a bm25 index", RelationGetRelationName(rel))));
	if (RELATION_IS_OTHER_TEMP(rel))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot write temporary index \"%s\" of another session",
						RelationGetRelationName(rel))));

	gv_bm25_lock_merge(rel);
	gv_bm25_open(&index, rel);
	if (index.meta.n_segments < GV_BM25_MAX_SEGMENTS)
		gv_bm25_flush(&index);
	if (index.meta.n_segments > 1 ||
		(index.meta.n_segments == 1 && index.meta.segment[0].n_dead > 0))
	{
		for (int i = 0; i < index.meta.n_segments; i++)
			which[i] = i;
		memset(&removal, 0, sizeof(removal));
		gv_bm25_merge_segments(&index, which, index.meta.n_segments, NULL, &removal);
	}
	gv_bm25_unlock_merge(rel);
	index_close(rel, RowExclusiveLock);
	table_close(heap, AccessShareLock);
	PG_RETURN_VOID();
}
