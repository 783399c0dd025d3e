/*-------------------------------------------------------------------------
 *
 * survey.c
 *		What a column holds, found by looking at some of its rows.
 *
 * Rows are read by a query of the caller's own, so with his privileges and, where
 * row-level security is in force, those rows that he may see.  Its cost is bounded:
 * some pages of the table, some of their values.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "optimizer/plancat.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "base/compare.h"
#include "base/compat.h"
#include "survey.h"

/* Pages of the table that are read, chosen at random */
#define SAMPLED_PAGES 200

/* Values looked at, and the bytes that they may have */
#define SAMPLED_VALUES 1000
#define SAMPLED_BYTES (16 * 1024 * 1024)

/* With fewer the number of dimensions in effect would be a guess */
#define LEAST_FOR_DIMENSION 50

/* The tables without partitions that a table consists of, and their rows */
static List *
list_leaves(Relation heap)
{
	List	   *oids = list_make1_oid(RelationGetRelid(heap));
	List	   *leaves = NIL;
	ListCell   *cell;

	if (heap->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		oids = find_all_inheritors(RelationGetRelid(heap), AccessShareLock, NULL);
	foreach(cell, oids)
	{
		Relation	rel = table_open(lfirst_oid(cell), NoLock);
		GvSurveyLeaf *leaf;
		double		all_visible;

		/* an index on a partitioned table passes over foreign tables */
		if (rel->rd_rel->relkind == RELKIND_RELATION || rel->rd_rel->relkind == RELKIND_MATVIEW)
		{
			leaf = palloc(sizeof(GvSurveyLeaf));
			leaf->oid = RelationGetRelid(rel);
			leaf->n_rows = -1;
			leaf->n_pages = RelationGetNumberOfBlocks(rel);
			if (rel->rd_rel->reltuples >= 0 || leaf->n_pages == 0)
				estimate_rel_size(rel, NULL, &leaf->n_pages, &leaf->n_rows, &all_visible);
			/* which takes a table without pages for one that will have some */
			leaf->n_pages = RelationGetNumberOfBlocks(rel);
			if (leaf->n_pages == 0)
				leaf->n_rows = 0;
			leaves = lappend(leaves, leaf);
		}
		table_close(rel, NoLock);
	}
	return leaves;
}

/* How many of the values are different */
static int
count_distinct(const Datum *values, int n)
{
	uint64	   *hashes = palloc(sizeof(uint64) * Max(n, 1));
	int			n_distinct = 0;

	for (int i = 0; i < n; i++)
		hashes[i] = gv_am_value_hash(values[i]);
	qsort(hashes, n, sizeof(uint64), gv_base_compare_uint64);
	for (int i = 0; i < n; i++)
	{
		if (i == 0 || hashes[i] != hashes[i - 1])
			n_distinct++;
	}
	pfree(hashes);
	return n_distinct;
}

/*
 * The number of dimensions in effect: how fast the number of rows within a distance
 * grows with the distance.  The maximum likelihood estimate from the ratio of
 * each row's second distance to its first, equal rows left out.
 * Source: Facco, d'Errico, Rodriguez, Laio, Scientific Reports 7:12140, 2017.
 */
static double
measure_dimension(const GvAmOpclass *opclass, const Datum *values, int n)
{
	GvAmOpclass by_l2 = {opclass->element, GV_AM_METRIC_L2};
	double		sum = 0;
	int			n_counted = 0;

	for (int i = 0; i < n; i++)
	{
		float		nearest = INFINITY;
		float		second = INFINITY;

		CHECK_FOR_INTERRUPTS();
		for (int j = 0; j < n; j++)
		{
			float		key = gv_am_exact_key(&by_l2, values[i], values[j]);

			/* not the row itself, nor one like it, nor NaN */
			if (!(key > 0))
				continue;
			if (key < nearest)
			{
				second = nearest;
				nearest = key;
			}
			else if (key < second)
				second = key;
		}
		if (isinf(second))
			continue;
		/* of squares */
		sum += log((double) second / nearest) / 2;
		n_counted++;
	}
	return n_counted >= LEAST_FOR_DIMENSION && sum > 0 ? n_counted / sum : 0;
}

/* The rows of the sampled pages, in SPI_tuptable; returns the part of the pages that was read */
static double
run_sample(Relation heap, AttrNumber attnum, double n_pages)
{
	double		part = Min(SAMPLED_PAGES / Max(n_pages, 1), 1);
	char	   *sql;

	sql = psprintf("SELECT %s FROM %s%s TABLESAMPLE pg_catalog.system (%.9g) REPEATABLE (1)",
				   quote_identifier(get_attname(RelationGetRelid(heap), attnum, false)),
				   heap->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ? "" : "ONLY ",
				   quote_qualified_identifier(get_namespace_name(RelationGetNamespace(heap)),
											  RelationGetRelationName(heap)),
				   part * 100);
	if (SPI_execute(sql, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read a sample: %s", SPI_result_code_string(SPI_result));
	return part;
}

/* Look at some values of the sample */
static void
look_at_values(const GvAmOpclass *opclass, bool with_dimension, uint64 n_values, GvSurvey *survey)
{
	uint64		n = Min(n_values, SAMPLED_VALUES);
	Datum	   *values = palloc(sizeof(Datum) * Max(n, 1));
	uint64		n_seen = 0;
	uint64		n_apart = 0;
	double		bytes = 0;

	for (uint64 i = 0; i < SPI_processed && bytes < SAMPLED_BYTES; i++)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		CHECK_FOR_INTERRUPTS();
		/* spread over the sample: these are what the i-th of n falls on */
		if (isnull || survey->n_sampled >= n || n_seen++ * n / n_values < survey->n_sampled)
			continue;
		if (VARATT_IS_EXTERNAL(DatumGetPointer(value)))
			n_apart++;
		values[survey->n_sampled] = PointerGetDatum(PG_DETOAST_DATUM(value));
		bytes += VARSIZE(DatumGetPointer(values[survey->n_sampled]));
		survey->n_sampled++;
	}
	if (survey->n_sampled == 0)
		return;
	survey->value_bytes = bytes / survey->n_sampled;
	survey->is_apart = n_apart * 2 > survey->n_sampled;
	survey->n_distinct = count_distinct(values, survey->n_sampled);
	if (with_dimension)
		survey->dimension = measure_dimension(opclass, values, survey->n_sampled);
}

/* A column of the row that a query gave, as a number */
static double
get_number(int column)
{
	bool		isnull;
	Datum		value;

	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);
	return isnull ? 0 : DatumGetFloat8(value);
}

/* What the cumulative statistics say of changes and searches */
static void
count_changes(GvSurvey *survey, double n_rows)
{
	Datum	   *oids = palloc(sizeof(Datum) * Max(list_length(survey->leaves), 1));
	Oid			types[1] = {OIDARRAYOID};
	Datum		values[1];
	double		n_inserted;

	for (int i = 0; i < list_length(survey->leaves); i++)
		oids[i] = ObjectIdGetDatum(((GvSurveyLeaf *) list_nth(survey->leaves, i))->oid);
	values[0] = PointerGetDatum(construct_array(oids, list_length(survey->leaves), OIDOID,
												sizeof(Oid), true, TYPALIGN_INT));
	if (SPI_execute_with_args("SELECT pg_catalog.sum(n_tup_ins)::pg_catalog.float8,"
							  " pg_catalog.sum(n_tup_upd OPERATOR(pg_catalog.-) n_tup_hot_upd)"
							  "::pg_catalog.float8,"
							  " pg_catalog.sum(seq_scan)::pg_catalog.float8,"
							  " pg_catalog.sum(idx_scan)::pg_catalog.float8"
							  " FROM pg_catalog.pg_stat_all_tables"
							  " WHERE relid OPERATOR(pg_catalog.=) ANY ($1)",
							  1, types, values, NULL, true, 0) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not read statistics: %s", SPI_result_code_string(SPI_result));
	/* rows that are there may have been loaded before there was an index */
	n_inserted = Max(get_number(1) - n_rows, 0);
	survey->n_changes = n_inserted + get_number(2);
	survey->n_searches = get_number(3) + get_number(4);
}

/*
 * gv_survey_column
 *		Look at a column of a table that the caller has opened.
 *
 * opclass: whose element type the column has; NULL: text
 * with_dimension: measure the number of dimensions in effect
 */
void
gv_survey_column(Relation heap, AttrNumber attnum, const GvAmOpclass *opclass,
				 bool with_dimension, GvSurvey *survey)
{
	double		n_pages = 0;
	double		n_known = 0;
	double		per_page = 0;
	double		read;
	uint64		n_values = 0;
	ListCell   *cell;

	memset(survey, 0, sizeof(GvSurvey));
	survey->leaves = list_leaves(heap);
	foreach(cell, survey->leaves)
		n_pages += ((GvSurveyLeaf *) lfirst(cell))->n_pages;
	if (n_pages == 0)
		return;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	read = run_sample(heap, attnum, n_pages);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;

		(void) SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);
		if (!isnull)
			n_values++;
	}
	per_page = SPI_processed / (n_pages * read);
	foreach(cell, survey->leaves)
	{
		GvSurveyLeaf *leaf = lfirst(cell);

		if (leaf->n_rows < 0)
			leaf->n_rows = rint(leaf->n_pages * per_page);
		n_known += leaf->n_rows;
		if (SPI_processed > 0)
			leaf->n_rows *= (double) n_values / SPI_processed;
		survey->n_rows += leaf->n_rows;
	}
	look_at_values(opclass, with_dimension, n_values, survey);
	count_changes(survey, n_known);
	SPI_finish();
}
