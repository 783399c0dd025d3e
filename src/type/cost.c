/*-------------------------------------------------------------------------
 *
 * cost.c
 *		What the planner should think that a distance costs.
 *
 * A distance takes as long as its values are long, and far longer where they
 * are stored out of line, which the default storage does from about 500
 * dimensions on: then each row costs a search of the TOAST table's index.  A
 * planner that does not know this prefers to read and sort ten thousand rows
 * over asking an index for the nearest ten.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/compat.h"

/* Bytes of two values that are compared in the time of a simple operator */
#define BYTES_OF_OPERATOR 160

/* Operators' time that finding the parts of a value takes, beside reading them */
#define OPERATORS_OF_TOAST 100

/* Bytes of a value whose length nobody knows */
#define UNKNOWN_BYTES 2000

GV_FUNCTION(gv_type_distance_support);

/* The length of a value as its type modifier tells, or 0 */
static double
bytes_of_typmod(Oid type, int32 typmod)
{
	HeapTuple	tuple;
	double		element = 0;

	if (typmod <= 0)
		return 0;
	if (type == BITOID)
		return typmod / 8.0;
	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	if (!HeapTupleIsValid(tuple))
		return 0;
	/* that of sparsevec does not tell the length */
	if (strcmp(NameStr(((Form_pg_type) GETSTRUCT(tuple))->typname), "vector") == 0)
		element = sizeof(float);
	else if (strcmp(NameStr(((Form_pg_type) GETSTRUCT(tuple))->typname), "halfvec") == 0)
		element = sizeof(float) / 2;
	ReleaseSysCache(tuple);
	return typmod * element;
}

/*
 * The cost of reading a column's value, and its length.
 *
 * bytes: set to what one row's value has, decompressed
 */
static Cost
cost_of_column(PlannerInfo *root, Var *var, double *bytes)
{
	RangeTblEntry *rte;
	HeapTuple	tuple;
	char		storage;
	int32		width;

	*bytes = bytes_of_typmod(var->vartype, var->vartypmod);
	if (root == NULL || var->varlevelsup != 0 || IS_SPECIAL_VARNO(var->varno) ||
		var->varno < 1 || var->varno >= root->simple_rel_array_size || var->varattno < 1)
		return 0;
	rte = root->simple_rte_array[var->varno];
	if (rte == NULL || rte->rtekind != RTE_RELATION)
		return 0;
	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(rte->relid),
							Int16GetDatum(var->varattno));
	if (!HeapTupleIsValid(tuple))
		return 0;
	storage = ((Form_pg_attribute) GETSTRUCT(tuple))->attstorage;
	ReleaseSysCache(tuple);

	/* a value out of line counts in the statistics with its pointer */
	width = get_attavgwidth(rte->relid, var->varattno);
	if ((width > 0 && width != TOAST_POINTER_SIZE) ||
		(*bytes > 0 && *bytes <= TOAST_POINTER_SIZE))
	{
		*bytes = Max(*bytes, width);
		return 0;
	}
	if (*bytes == 0)
		*bytes = UNKNOWN_BYTES;
	if (storage == TYPSTORAGE_PLAIN || (width == 0 && *bytes < TOAST_TUPLE_TARGET))
		return 0;
	return OPERATORS_OF_TOAST * cpu_operator_cost + *bytes / BLCKSZ * random_page_cost +
		(*bytes / TOAST_MAX_CHUNK_SIZE + 1) * (cpu_tuple_cost + cpu_index_tuple_cost);
}

/*
 * gv_type_distance_support
 *		Support function of distances: tell the planner what one costs.
 */
Datum
gv_type_distance_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	SupportRequestCost *cost;
	List	   *args = NIL;
	ListCell   *cell;
	double		longest = 0;

	if (!IsA(request, SupportRequestCost))
		PG_RETURN_POINTER(NULL);
	cost = (SupportRequestCost *) request;
	if (cost->node == NULL)
		PG_RETURN_POINTER(NULL);
	if (IsA(cost->node, OpExpr))
		args = ((OpExpr *) cost->node)->args;
	else if (IsA(cost->node, FuncExpr))
		args = ((FuncExpr *) cost->node)->args;

	cost->startup = 0;
	cost->per_tuple = cpu_operator_cost;
	foreach(cell, args)
	{
		Node	   *arg = strip_implicit_coercions(lfirst(cell));
		double		bytes = 0;

		if (IsA(arg, Var))
			cost->per_tuple += cost_of_column(cost->root, (Var *) arg, &bytes);
		else
			bytes = bytes_of_typmod(exprType(arg), exprTypmod(arg));
		longest = Max(longest, bytes);
	}
	cost->per_tuple += longest / BYTES_OF_OPERATOR * cpu_operator_cost;
	PG_RETURN_POINTER(cost);
}
