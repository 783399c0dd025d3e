/*-------------------------------------------------------------------------
 *
 * corpus.c
 *		The indexes whose documents a score counts: one, or all partitions'.
 *
 * A query of a partitioned table is scored with the documents of all its
 * partitions, so that scores compare.  What was counted there is kept until the
 * statement ends, for each partition's scan asks for it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"

#include "am/inspect.h"
#include "base/compat.h"
#include "bm25/bm25.h"
#include "bm25/corpus.h"

/* What was counted last for a query of a partitioned index */
typedef struct KnownCounts
{
	Oid			index;
	TimestampTz statement;		/* when it was: the statement */
	CommandId	command;		/* and its command */
	Oid			first;			/* index of a partition */
	GvBm25Query query;
	GvBm25Counts counts;
} KnownCounts;

/* Valid if counts.df is not NULL */
static KnownCounts known;

/* Open an index of bm25 to read it */
static Relation
open_index(Oid index)
{
	Relation	rel = gv_am_inspect_open_index(index, AccessShareLock);

	if (rel->rd_indam->ambuild != gv_bm25_build)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("index \"%s\" is not a bm25 index", RelationGetRelationName(rel))));
	if (RELATION_IS_OTHER_TEMP(rel))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot read temporary index \"%s\" of another session",
						RelationGetRelationName(rel))));
	return rel;
}

/* Open an index and take it into a corpus */
static void
add_index(GvBm25Corpus *corpus, Oid index)
{
	corpus->rels[corpus->n] = open_index(index);
	corpus->readers[corpus->n] = gv_bm25_reader_open(corpus->rels[corpus->n]);
	corpus->n++;
}

/*
 * gv_bm25_corpus_open
 *		Open an index, or the indexes of all partitions, in the current memory
 *		context.
 */
GvBm25Corpus *
gv_bm25_corpus_open(Oid index)
{
	GvBm25Corpus *corpus = palloc0(sizeof(GvBm25Corpus));
	char		kind = get_rel_relkind(index);
	List	   *all;
	ListCell   *cell;

	gv_am_inspect_require_index(index);
	all = kind == RELKIND_INDEX ? list_make1_oid(index) :
		find_all_inheritors(index, AccessShareLock, NULL);
	corpus->rels = palloc(list_length(all) * sizeof(Relation));
	corpus->readers = palloc(list_length(all) * sizeof(GvBm25Reader *));
	foreach(cell, all)
	{
		if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_INDEX)
			add_index(corpus, lfirst_oid(cell));
	}
	if (corpus->n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" has no partitions", gv_am_inspect_name(index))));
	return corpus;
}

/* Close the indexes; memory is the context's */
void
gv_bm25_corpus_close(GvBm25Corpus *corpus)
{
	for (int i = 0; i < corpus->n; i++)
	{
		MemoryContextDelete(corpus->readers[i]->context);
		index_close(corpus->rels[i], AccessShareLock);
	}
}

/*
 * gv_bm25_corpus_weigh
 *		Find out what the words of a query are worth, in the current memory
 *		context.
 *
 * tree: lives as long as the result
 */
GvBm25Weighed *
gv_bm25_corpus_weigh(GvBm25Corpus *corpus, GvBm25QueryTree *tree)
{
	MemoryContext context = CurrentMemoryContext;
	GvBm25Weighed *weighed;
	sigjmp_buf	overtaken;

	/* merges end at some time, so this does */
	if (sigsetjmp(overtaken, 0) != 0)
	{
		MemoryContextSwitchTo(context);
		CHECK_FOR_INTERRUPTS();
	}
	for (int i = 0; i < corpus->n; i++)
	{
		corpus->readers[i]->index.overtaken = &overtaken;
		gv_bm25_reader_refresh(corpus->readers[i]);
	}
	weighed = gv_bm25_weigh(corpus->readers, corpus->n, tree, corpus->rels[0]);
	for (int i = 0; i < corpus->n; i++)
		corpus->readers[i]->index.overtaken = NULL;
	return weighed;
}

/* Is what was counted last of a partitioned index, in this statement? */
static bool
is_known(Oid index)
{
	return known.counts.df != NULL && known.index == index &&
		known.statement == GetCurrentStatementStartTimestamp() &&
		known.command == GetCurrentCommandId(false);
}

/* Keep what was counted for a query of a partitioned index */
static void
keep_counts(GvBm25Query query, const GvBm25Weighed *weighed, Oid first)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	uint64	   *df;

	if (known.counts.df != NULL)
	{
		pfree(known.counts.df);
		known.counts.df = NULL;
		pfree(known.query);
	}
	df = palloc(Max(weighed->lexemes.n, 1) * sizeof(uint64));
	for (int i = 0; i < weighed->lexemes.n; i++)
		df[i] = weighed->lexemes.lexeme[i].df;
	known.query = palloc(VARSIZE(query));
	memcpy(known.query, query, VARSIZE(query));
	known.index = query->index;
	known.statement = GetCurrentStatementStartTimestamp();
	known.command = GetCurrentCommandId(false);
	known.first = first;
	known.counts.n_docs = weighed->n_docs;
	known.counts.average_length = weighed->average_length;
	memcpy(known.counts.field, weighed->field, sizeof(known.counts.field));
	known.counts.exact = weighed->exact;
	known.counts.k1 = weighed->k1;
	known.counts.b = weighed->b;
	known.counts.n = weighed->lexemes.n;
	known.counts.df = df;
	MemoryContextSwitchTo(old);
}

/*
 * gv_bm25_weigh_for
 *		Find out what the words of a query are worth in the index it names, in the
 *		current memory context.
 */
GvBm25Weighed *
gv_bm25_weigh_for(GvBm25Query query, GvBm25QueryTree *tree)
{
	bool		may_keep = get_rel_relkind(query->index) == RELKIND_PARTITIONED_INDEX &&
		!gv_bm25_has_expansion(tree->root);
	GvBm25Corpus *corpus;
	GvBm25Weighed *weighed;

	if (may_keep && is_known(query->index) && VARSIZE(known.query) == VARSIZE(query) &&
		memcmp(known.query, query, VARSIZE(query)) == 0)
		return gv_bm25_weigh_counted(tree, &known.counts);
	corpus = gv_bm25_corpus_open(query->index);
	weighed = gv_bm25_corpus_weigh(corpus, tree);
	if (may_keep)
		keep_counts(query, weighed, RelationGetRelid(corpus->rels[0]));
	gv_bm25_corpus_close(corpus);
	return weighed;
}

/*
 * gv_bm25_open_first
 *		Open an index, or that of a partition; all have the same options.
 */
Relation
gv_bm25_open_first(Oid index)
{
	GvBm25Corpus *corpus;
	Oid			first;

	if (get_rel_relkind(index) == RELKIND_INDEX)
		return open_index(index);
	if (is_known(index))
		return open_index(known.first);
	corpus = gv_bm25_corpus_open(index);
	first = RelationGetRelid(corpus->rels[0]);
	gv_bm25_corpus_close(corpus);
	return open_index(first);
}

/*
 * gv_bm25_check_access
 *		Raise an error if the user may not learn of an index he has named.
 *
 * Scores tell how many documents have a word.  An index that the planner has
 * named is of a table that the query reads, whose permissions are checked there.
 */
void
gv_bm25_check_access(GvBm25Query query)
{
	Oid			table;

	if (query->bound)
		return;
	table = IndexGetRelation(query->index, true);
	if (!OidIsValid(table))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("index with OID %u does not exist", query->index)));
	if (pg_class_aclcheck(table, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, gv_am_inspect_name(table));
	if (check_enable_rls(table, InvalidOid, true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table %s", gv_am_inspect_name(table)),
				 errdetail("Row-level security is in force for the table.")));
}

/* Is an index a partition, at any depth, of another? */
bool
gv_bm25_is_partition_of(Oid index, Oid ancestor)
{
	return get_rel_relispartition(index) &&
		list_member_oid(get_partition_ancestors(index), ancestor);
}
