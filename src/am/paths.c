/*-------------------------------------------------------------------------
 *
 * paths.c
 *		Paths that PostgreSQL does not think of, or should not.
 *
 * An index scan can be ordered by distance and have conditions on filter
 * columns.  Some forms of them some versions of PostgreSQL never plan: before 18
 * column = a OR column = b, which is column = ANY (array); before 17
 * that, too, and column IN (...), beside an order, which in a btree
 * index such a condition on a column after the first would spoil; and before 16
 * a boolean column by itself, unless the operator class is a built-in one.  So
 * each ordered scan of an index of ours is replaced by one with these: later
 * versions leave no choice either, and a scan that knows its conditions reads on
 * in vain for no row.
 *
 * A bitmap scan is made of an ordered index scan too, by its conditions and without
 * its order.  Where the query is in the order, none is left that the index could
 * answer, so such a bitmap scan is removed.
 *
 * Since 18 a bitmap scan forgets that the index scan below it is disabled, so that
 * it beats a sequential scan that the user has disabled.  An index of ours that
 * cannot answer, as one asked for all rows, disables its scan, so it is removed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"

#include "am/paths.h"
#include "am/plan.h"
#include "base/compat.h"

static set_rel_pathlist_hook_type previous_hook = NULL;

#if GV_BASE_LACKS_ORDERED_PATHS

/* The filter column, from 0, that column op ANY (array) is about; -1 if none */
static int
match_any(PlannerInfo *root, IndexOptInfo *index, RestrictInfo *info)
{
	ScalarArrayOpExpr *any = (ScalarArrayOpExpr *) info->clause;
	Node	   *left;
	Node	   *right;

	if (!IsA(any, ScalarArrayOpExpr) || !any->useOr)
		return -1;
	left = linitial(any->args);
	right = lsecond(any->args);
	if (!bms_is_empty(pull_varnos(root, right)) || contain_volatile_functions(right))
		return -1;
	for (int column = 1; column < index->nkeycolumns; column++)
	{
		if (match_index_to_operand(left, column, index) &&
			(!OidIsValid(index->indexcollations[column]) ||
			 index->indexcollations[column] == any->inputcollid) &&
			op_in_opfamily(any->opno, index->opfamily[column]))
			return column;
	}
	return -1;
}

/*
 * The filter column, from 0, that a boolean column is; -1 if none.
 *
 * *condition: set to "column = true" or "column = false"
 */
static int
match_boolean(PlannerInfo *root, IndexOptInfo *index, RestrictInfo *info,
			  RestrictInfo **condition)
{
	Node	   *operand = (Node *) info->clause;
	bool		value = true;

	if (is_notclause(operand))
	{
		operand = (Node *) get_notclausearg((Expr *) operand);
		value = false;
	}
	else if (IsA(operand, BooleanTest) &&
			 (((BooleanTest *) operand)->booltesttype == IS_TRUE ||
			  ((BooleanTest *) operand)->booltesttype == IS_FALSE))
	{
		value = ((BooleanTest *) operand)->booltesttype == IS_TRUE;
		operand = (Node *) ((BooleanTest *) operand)->arg;
	}
	for (int column = 1; column < index->nkeycolumns; column++)
	{
		if (!match_index_to_operand(operand, column, index) ||
			!op_in_opfamily(BooleanEqualOperator, index->opfamily[column]))
			continue;
		*condition = make_simple_restrictinfo(root,
											  make_opclause(BooleanEqualOperator, BOOLOID, false,
															(Expr *) operand,
															(Expr *) makeBoolConst(value, false),
															InvalidOid, InvalidOid));
		return column;
	}
	return -1;
}

/*
 * The filter column, from 0, that column = a OR column = b OR ... is about; -1 if
 * none.
 *
 * *condition: set to "column = ANY (ARRAY[a, b, ...])"
 */
static int
match_or(PlannerInfo *root, IndexOptInfo *index, RestrictInfo *info, RestrictInfo **condition)
{
	BoolExpr   *either = (BoolExpr *) info->clause;
	OpExpr	   *first;
	Oid			type;
	ArrayExpr  *array;
	ScalarArrayOpExpr *any;
	ListCell   *cell;

	if (!is_orclause(either) || !IsA(linitial(either->args), OpExpr) ||
		list_length(((OpExpr *) linitial(either->args))->args) != 2)
		return -1;
	first = linitial(either->args);
	type = exprType(lsecond(first->args));
	array = makeNode(ArrayExpr);
	array->array_typeid = get_array_type(type);
	array->element_typeid = type;
	array->location = -1;
	if (!OidIsValid(array->array_typeid))
		return -1;				/* there are no arrays of arrays */
	foreach(cell, either->args)
	{
		OpExpr	   *arm = lfirst(cell);

		if (!IsA(arm, OpExpr) || arm->opno != first->opno ||
			arm->inputcollid != first->inputcollid ||
			!equal(linitial(arm->args), linitial(first->args)) ||
			exprType(lsecond(arm->args)) != type)
			return -1;
		array->elements = lappend(array->elements, lsecond(arm->args));
		array->array_collid = exprCollation(lsecond(arm->args));
	}

	any = makeNode(ScalarArrayOpExpr);
	any->opno = first->opno;
	any->opfuncid = first->opfuncid;
	any->useOr = true;
	any->inputcollid = first->inputcollid;
	any->args = list_make2(linitial(first->args), eval_const_expressions(root, (Node *) array));
	any->location = -1;
	*condition = make_simple_restrictinfo(root, (Expr *) any);
	return match_any(root, index, *condition);
}

/* The conditions of a relation that a path could have beside its own */
static List *
find_clauses(PlannerInfo *root, RelOptInfo *rel, IndexPath *path)
{
	List	   *found = NIL;
	ListCell   *cell;
	ListCell   *other;

	foreach(cell, rel->baserestrictinfo)
	{
		RestrictInfo *info = lfirst_node(RestrictInfo, cell);
		RestrictInfo *condition = info;
		bool		is_there = false;
		int			column;
		IndexClause *clause;

		foreach(other, path->indexclauses)
			is_there |= lfirst_node(IndexClause, other)->rinfo == info;
		if (is_there || info->pseudoconstant || !restriction_is_securely_promotable(info, rel))
			continue;
		column = match_any(root, path->indexinfo, info);
		if (column < 0)
			column = match_or(root, path->indexinfo, info, &condition);
		if (column < 0)
			column = match_boolean(root, path->indexinfo, info, &condition);
		if (column < 0)
			continue;
		clause = makeNode(IndexClause);
		clause->rinfo = info;
		clause->indexquals = list_make1(condition);
		clause->lossy = false;
		clause->indexcol = column;
		clause->indexcols = NIL;
		found = lappend(found, clause);
	}
	return found;
}

static void
add_ordered_paths(PlannerInfo *root, RelOptInfo *rel)
{
	List	   *added = NIL;
	List	   *replaced = NIL;
	ListCell   *cell;

	foreach(cell, rel->pathlist)
	{
		IndexPath  *path = lfirst(cell);
		List	   *clauses;

		if (!IsA(path, IndexPath) || path->indexorderbys == NIL ||
			!bms_equal(PATH_REQ_OUTER(&path->path), rel->lateral_relids) ||
			path->indexinfo->nkeycolumns < 2 || !gv_am_plan_is_ours(path->indexinfo->indexoid))
			continue;
		clauses = find_clauses(root, rel, path);
		if (clauses == NIL)
			continue;
		replaced = lappend(replaced, path);
		added = lappend(added,
						create_index_path(root, path->indexinfo,
										  list_concat_copy(path->indexclauses, clauses),
										  path->indexorderbys, path->indexorderbycols,
										  path->path.pathkeys, path->indexscandir, false,
										  rel->lateral_relids, 1.0, false));
	}
	foreach(cell, replaced)
		rel->pathlist = list_delete_ptr(rel->pathlist, lfirst(cell));
	foreach(cell, added)
		add_path(rel, lfirst(cell));
}

#endif							/* GV_BASE_LACKS_ORDERED_PATHS */

/* Has a path of an index of ours, below a bitmap scan, nothing to search for? */
static bool
lacks_query(const IndexPath *path)
{
	ListCell   *cell;

#if GV_BASE_LOSES_DISABLED_PATHS
	if (path->path.disabled_nodes >= GV_DISABLED_NODES)
		return true;
#endif
	if (path->indexorderbys == NIL)
		return false;
	foreach(cell, path->indexclauses)
	{
		if (lfirst_node(IndexClause, cell)->indexcol == 0)
			return false;
	}
	return true;
}

/* Is a path a bitmap scan of an index of ours that cannot answer? */
static bool
is_unusable(const Path *path)
{
	List	   *below = NIL;
	ListCell   *cell;

	if (IsA(path, IndexPath))
		return lacks_query((const IndexPath *) path) &&
			gv_am_plan_is_ours(((const IndexPath *) path)->indexinfo->indexoid);
	if (IsA(path, BitmapHeapPath))
		below = list_make1(((const BitmapHeapPath *) path)->bitmapqual);
	else if (IsA(path, BitmapAndPath))
		below = ((const BitmapAndPath *) path)->bitmapquals;
	else if (IsA(path, BitmapOrPath))
		below = ((const BitmapOrPath *) path)->bitmapquals;
	foreach(cell, below)
	{
		if (is_unusable(lfirst(cell)))
			return true;
	}
	return false;
}

/* Remove the unusable of paths; true if there were any */
static bool
remove_unusable(List **paths)
{
	ListCell   *cell;
	bool		found = false;

	foreach(cell, *paths)
	{
		if (IsA(lfirst(cell), BitmapHeapPath) && is_unusable(lfirst(cell)))
		{
			*paths = foreach_delete_current(*paths, cell);
			found = true;
		}
	}
	return found;
}

static void
set_rel_paths(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	if (previous_hook)
		previous_hook(root, rel, rti, rte);
#if GV_BASE_LACKS_ORDERED_PATHS
	add_ordered_paths(root, rel);
#endif
	remove_unusable(&rel->partial_pathlist);
	/* a sequential scan may have given way */
	if (remove_unusable(&rel->pathlist))
		add_path(rel, create_seqscan_path(root, rel, rel->lateral_relids, 0));
}

/*
 * gv_am_paths_init
 *		Set the hook; called once.
 */
void
gv_am_paths_init(void)
{
	previous_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = set_rel_paths;
}
