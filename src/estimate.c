/*-------------------------------------------------------------------------
 *
 * estimate.c
 *		gigavec.estimate: what building an index would take.
 *
 * Nothing is read of the table but what the planner knows of it.  Whoever may
 * read the column may ask.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_am.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_statistic.h"
#include "commands/defrem.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "optimizer/plancat.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "am/inspect.h"
#include "am/opclass.h"
#include "base/compat.h"
#include "estimate.h"
#include "hnsw/hnsw.h"
#include "ivf/ivf.h"
#include "kdtree/kdtree.h"

GV_FUNCTION(gv_estimate_build);

/* Columns of the result */
enum
{
	COLUMN_ROWS,
	COLUMN_MEMORY,
	COLUMN_PARTS,
	COLUMN_SIZE,
	COLUMN_SECONDS,
	N_COLUMNS
};

/*
 * gv_estimate_open_table
 *		Open a table of which the caller may read a column; returns the column's
 *		number.
 *
 * with_partitions: may the table be a partitioned one?
 */
AttrNumber
gv_estimate_open_table(Oid heap_oid, const char *column, bool with_partitions, Relation *heap)
{
	AttrNumber	attnum;
	char		kind;

	*heap = gv_am_inspect_open(heap_oid, AccessShareLock);
	kind = (*heap)->rd_rel->relkind;
	if (kind != RELKIND_RELATION && kind != RELKIND_MATVIEW &&
		!(with_partitions && kind == RELKIND_PARTITIONED_TABLE))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table or materialized view",
						RelationGetRelationName(*heap))));
	attnum = get_attnum(heap_oid, column);
	if (attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist", column,
						RelationGetRelationName(*heap))));
	if (pg_class_aclcheck(heap_oid, GetUserId(), ACL_SELECT) != ACLCHECK_OK &&
		pg_attribute_aclcheck(heap_oid, attnum, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, RelationGetRelationName(*heap));
	return attnum;
}

/*
 * gv_estimate_find_opclass
 *		The description of an operator class; NULL if there is none.
 *
 * name: of the class, or NULL: the first for the type
 * found: set to the class
 */
const GvAmOpclass *
gv_estimate_find_opclass(Oid am_oid, Oid type, const char *name, Oid *found)
{
	Relation	rel = table_open(OperatorClassRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			family = InvalidOid;

	*found = InvalidOid;
	ScanKeyInit(&key, Anum_pg_opclass_opcmethod, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(am_oid));
	scan = systable_beginscan(rel, OpclassAmNameNspIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_opclass form = (Form_pg_opclass) GETSTRUCT(tuple);

		/* classes of filter columns have no description */
		if (form->opcintype != type ||
			!OidIsValid(get_opfamily_proc(form->opcfamily, type, type, GV_AM_OPCLASS_PROC)) ||
			(name ? strcmp(NameStr(form->opcname), name) != 0 :
			 OidIsValid(*found) && *found < form->oid))
			continue;
		*found = form->oid;
		family = form->opcfamily;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);

	if (!OidIsValid(family))
		return NULL;
	return (const GvAmOpclass *)
		DatumGetPointer(OidFunctionCall1(get_opfamily_proc(family, type, type,
														   GV_AM_OPCLASS_PROC), (Datum) 0));
}

/* A list of strings is in order */
static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/*
 * The names of the operator classes for a type, or NULL if there are none.
 *
 * am_oid: of an access method, or InvalidOid: of all that estimates are made for
 */
static char *
list_opclasses(Oid am_oid, Oid type)
{
	Relation	rel = table_open(OperatorClassRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	StringInfoData text;
	List	   *names = NIL;
	ListCell   *cell;
	const char *last = NULL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_opclass form = (Form_pg_opclass) GETSTRUCT(tuple);

		/* as above */
		if (form->opcintype == type &&
			(OidIsValid(am_oid) ? form->opcmethod == am_oid :
			 gv_estimate_is_method(get_am_name(form->opcmethod))) &&
			OidIsValid(get_opfamily_proc(form->opcfamily, type, type, GV_AM_OPCLASS_PROC)))
			names = lappend(names, pstrdup(NameStr(form->opcname)));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);

	list_sort(names, compare_names);
	initStringInfo(&text);
	foreach(cell, names)
	{
		if (last == NULL || strcmp(last, lfirst(cell)) != 0)
			appendStringInfo(&text, "%s%s", last ? ", " : "", (char *) lfirst(cell));
		last = lfirst(cell);
	}
	return last ? text.data : NULL;
}

/*
 * gv_estimate_refuse_opclass
 *		Raise the error that there is no such operator class for the type, or none.
 *
 * am_oid: of the access method that was asked for, or InvalidOid
 */
void
gv_estimate_refuse_opclass(Oid am_oid, const char *name, const char *column, Oid type)
{
	if (name)
	{
		const char *names = list_opclasses(am_oid, type);

		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("operator class \"%s\" for type %s does not exist", name,
						format_type_be(type)),
				 names ? errhint("Operator classes for this type are: %s.", names) : 0));
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" has type %s, which cannot be indexed by this access method",
					column, format_type_be(type))));
}

/*
 * gv_estimate_check_dim
 *		Refuse a column that has no dimensions, or more than an index takes.
 */
void
gv_estimate_check_dim(const GvAmOpclass *opclass, const char *method, const char *column, int dim)
{
	if (dim < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" does not have dimensions", column),
				 errhint("Give the column's type a number of dimensions, as in vector(384).")));
	if (dim > gv_am_max_dim(opclass))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("column cannot have more than %d dimensions for %s index",
						gv_am_max_dim(opclass), method),
				 errdetail("Column \"%s\" has %d dimensions.", column, dim)));
}

/*
 * gv_estimate_is_method, gv_estimate_method
 *		Can a build by an access method be foretold?  Foretell it.
 *
 * options: storage parameters as the catalog has them, or 0
 */
bool
gv_estimate_is_method(const char *method)
{
	return strcmp(method, "hnsw") == 0 || strcmp(method, "ivfflat") == 0 ||
		strcmp(method, "ivfpq") == 0 || strcmp(method, "kdtree") == 0;
}

void
gv_estimate_method(const char *method, const GvAmOpclass *opclass, const GvEstimateColumn *column,
				   Datum options, GvAmEstimate *estimate)
{
	if (strcmp(method, "kdtree") == 0)
		gv_kdtree_estimate(opclass, column->name, column->dim, column->n_rows, options, estimate);
	else if (strcmp(method, "hnsw") == 0)
		gv_hnsw_estimate(opclass, column->dim, column->n_rows, column->value_bytes, options,
						 estimate);
	else
		gv_ivf_estimate_build(opclass, strcmp(method, "ivfflat") == 0, column->dim,
							  column->n_rows, options, estimate);
}

/*
 * The rows of a table whose column is not NULL; *value_bytes: the size of its
 * values, 0 if that is not known
 */
static double
count_rows(Relation heap, AttrNumber attnum, int32 *value_bytes)
{
	BlockNumber pages;
	double		tuples;
	double		all_visible;
	HeapTuple	tuple;

	estimate_rel_size(heap, NULL, &pages, &tuples, &all_visible);
	*value_bytes = get_attavgwidth(RelationGetRelid(heap), attnum);
	tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(RelationGetRelid(heap)),
							Int16GetDatum(attnum), BoolGetDatum(false));
	if (HeapTupleIsValid(tuple))
	{
		tuples *= 1 - ((Form_pg_statistic) GETSTRUCT(tuple))->stanullfrac;
		ReleaseSysCache(tuple);
	}
	return tuples;
}

/*
 * gv_estimate_build
 *		gigavec.estimate(relation, column_name, method, options, opclass)
 */
Datum
gv_estimate_build(PG_FUNCTION_ARGS)
{
	GvEstimateColumn column = {0};
	const char *method;
	const char *name;
	Form_pg_attribute attribute;
	Relation	heap;
	AttrNumber	attnum;
	Oid			am_oid;
	Oid			opclass_oid;
	const GvAmOpclass *opclass;
	GvAmEstimate estimate;
	TupleDesc	desc;
	int32		value_bytes;
	int32		dim;
	Oid			type;
	Datum		values[N_COLUMNS];
	bool		nulls[N_COLUMNS] = {false};

	for (int i = 0; i < 3; i++)
	{
		if (PG_ARGISNULL(i))
			PG_RETURN_NULL();
	}
	column.name = NameStr(*PG_GETARG_NAME(1));
	method = NameStr(*PG_GETARG_NAME(2));
	name = PG_ARGISNULL(4) ? NULL : NameStr(*PG_GETARG_NAME(4));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	attnum = gv_estimate_open_table(PG_GETARG_OID(0), column.name, false, &heap);
	am_oid = get_index_am_oid(method, false);
	if (!gv_estimate_is_method(method))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot estimate indexes of access method \"%s\"", method)));
	attribute = TupleDescAttr(RelationGetDescr(heap), attnum - 1);
	dim = attribute->atttypmod;
	type = getBaseTypeAndTypmod(attribute->atttypid, &dim);
	opclass = gv_estimate_find_opclass(am_oid, type, name, &opclass_oid);
	if (opclass == NULL)
		gv_estimate_refuse_opclass(am_oid, name, column.name, type);
	gv_estimate_check_dim(opclass, method, column.name, dim);

	column.dim = dim;
	column.n_rows = count_rows(heap, attnum, &value_bytes);
	column.value_bytes = value_bytes > 0 ? value_bytes :
		get_typavgwidth(type, dim);
	gv_estimate_method(method, opclass, &column, PG_ARGISNULL(3) ? (Datum) 0 : PG_GETARG_DATUM(3),
					   &estimate);
	table_close(heap, AccessShareLock);

	values[COLUMN_ROWS] = Int64GetDatum((int64) estimate.rows);
	values[COLUMN_MEMORY] = Int64GetDatum((int64) estimate.memory);
	values[COLUMN_PARTS] = Int32GetDatum(estimate.parts);
	nulls[COLUMN_PARTS] = estimate.parts == 0;
	values[COLUMN_SIZE] = Int64GetDatum((int64) estimate.bytes);
	values[COLUMN_SECONDS] = Float8GetDatum(estimate.seconds);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
