/*-------------------------------------------------------------------------
 *
 * range.c
 *		Rows within a distance: WHERE v <-> query < radius.
 *
 * PostgreSQL looks for an index only where the column itself is an operand, so
 * such a condition is found here, and the scan gets one that tells as much: the
 * column is in a ball.  It is lossy, the condition itself is looked at for
 * each row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "parser/parse_func.h"
#include "utils/array.h"
#include "utils/float.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "am/opclass.h"
#include "base/compat.h"
#include "kdtree/kdtree.h"
#include "kdtree/range.h"
#include "type/halfvec.h"
#include "type/vector.h"

static set_rel_pathlist_hook_type previous_hook = NULL;

/* --- balls: float8[], the radius, then the elements of the center ---------- */

static Datum
make_ball(const float *center, int dim, float8 radius)
{
	Datum	   *elements = palloc(sizeof(Datum) * (dim + 1));

	elements[0] = Float8GetDatum(radius);
	for (int i = 0; i < dim; i++)
		elements[i + 1] = Float8GetDatum(center[i]);
	return PointerGetDatum(construct_array(elements, dim + 1, FLOAT8OID, sizeof(float8),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

GV_FUNCTION(gv_kdtree_ball_vector);
GV_FUNCTION(gv_kdtree_ball_halfvec);

/*
 * gv_kdtree_ball_vector, gv_kdtree_ball_halfvec
 *		gigavec.ball(center, radius)
 */
Datum
gv_kdtree_ball_vector(PG_FUNCTION_ARGS)
{
	GvVector   *center = GV_GETARG_VECTOR(0);

	return make_ball(center->x, center->dim, PG_GETARG_FLOAT8(1));
}

Datum
gv_kdtree_ball_halfvec(PG_FUNCTION_ARGS)
{
	GvHalfvec  *center = GV_GETARG_HALFVEC(0);
	float	   *x = palloc(sizeof(float) * center->dim);

	gv_kernels->f16_to_f32(center->x, x, center->dim);
	return make_ball(x, center->dim, PG_GETARG_FLOAT8(1));
}

/*
 * gv_kdtree_read_ball
 *		Take a ball apart.
 *
 * center: float[GV_KDTREE_MAX_DIM], written; NULL if it is not wanted
 *
 * Returns the dimensions.  Raises an error if it is no ball of at most that many.
 */
int
gv_kdtree_read_ball(Datum value, float8 *radius, float *center)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	int			n = ARR_NDIM(array) == 1 ? ARR_DIMS(array)[0] - 1 : 0;
	float8	   *elements = (float8 *) ARR_DATA_PTR(array);

	if (n < 1 || n > GV_KDTREE_MAX_DIM || ARR_HASNULL(array) ||
		ARR_ELEMTYPE(array) != FLOAT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("array is not a ball"),
				 errdetail("A ball has a radius and the 1 to %d elements of its center.",
						   GV_KDTREE_MAX_DIM),
				 errhint("Make it with gigavec.ball(center, radius).")));
	*radius = elements[0];
	for (int i = 0; i < n; i++)
	{
		if (isnan(elements[i + 1]))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("array is not a ball"),
					 errdetail("Element %d of its center is NaN.", i + 1)));
		if (center != NULL)
			center[i] = (float) elements[i + 1];
	}
	return n;
}

/* Is the distance from a ball's center, by an operator's function, within the radius? */
static bool
is_within(FunctionCallInfo fcinfo, PGFunction distance, bool is_half)
{
	float		center[GV_KDTREE_MAX_DIM];
	float8		radius;
	int			dim = gv_kdtree_read_ball(PG_GETARG_DATUM(1), &radius, center);
	Datum		value;

	if (is_half)
	{
		GvHalfvec  *v = gv_type_new_halfvec(dim);

		gv_kernels->f32_to_f16(center, v->x, dim);
		value = PointerGetDatum(v);
	}
	else
	{
		GvVector   *v = gv_type_new_vector(dim);

		memcpy(v->x, center, sizeof(float) * dim);
		value = PointerGetDatum(v);
	}
	/* as PostgreSQL compares: NaN is greater than all */
	return float8_le(DatumGetFloat8(DirectFunctionCall2(distance, PG_GETARG_DATUM(0), value)),
					 radius);
}

/* Each operator @<->, @<+>, @<*>, @<=> has a function of its own */
#define DEFINE_WITHIN(type, metric, is_half) \
	extern Datum gv_type_##type##_##metric##_distance(PG_FUNCTION_ARGS); \
	GV_FUNCTION(gv_kdtree_within_##type##_##metric); \
	Datum \
	gv_kdtree_within_##type##_##metric(PG_FUNCTION_ARGS) \
	{ \
		PG_RETURN_BOOL(is_within(fcinfo, gv_type_##type##_##metric##_distance, is_half)); \
	} \
	extern Datum gv_kdtree_within_##type##_##metric(PG_FUNCTION_ARGS)

DEFINE_WITHIN(vector, l2, false);
DEFINE_WITHIN(vector, l1, false);
DEFINE_WITHIN(vector, linf, false);
DEFINE_WITHIN(vector, cosine, false);
DEFINE_WITHIN(halfvec, l2, true);
DEFINE_WITHIN(halfvec, l1, true);
DEFINE_WITHIN(halfvec, linf, true);
DEFINE_WITHIN(halfvec, cosine, true);

/* --- planning -------------------------------------------------------------- */

/* Is an expression the same for the whole scan? */
static bool
is_constant(PlannerInfo *root, Node *node)
{
	return bms_is_empty(pull_varnos(root, node)) && !contain_volatile_functions(node);
}

/*
 * The index's condition for "distance < radius"; NULL if a condition is not of
 * that form.
 */
static IndexClause *
match_range(PlannerInfo *root, IndexOptInfo *index, RestrictInfo *info)
{
	OpExpr	   *compare = (OpExpr *) info->clause;
	OpExpr	   *distance;
	Node	   *radius;
	Node	   *center;
	Oid			within;
	Oid			ball;
	Oid			ball_types[2];
	Node	   *argument;
	IndexClause *clause;

	if (!IsA(compare, OpExpr) || list_length(compare->args) != 2)
		return NULL;
	set_opfuncid(compare);
	if (compare->opfuncid == F_FLOAT8LT || compare->opfuncid == F_FLOAT8LE)
	{
		distance = linitial(compare->args);
		radius = lsecond(compare->args);
	}
	else if (compare->opfuncid == F_FLOAT8GT || compare->opfuncid == F_FLOAT8GE)
	{
		distance = lsecond(compare->args);
		radius = linitial(compare->args);
	}
	else
		return NULL;
	if (!IsA(distance, OpExpr) || list_length(distance->args) != 2 ||
		!OidIsValid(get_op_opfamily_sortfamily(distance->opno, index->opfamily[0])) ||
		!is_constant(root, radius))
		return NULL;

	/* the distance is the same both ways */
	if (match_index_to_operand(linitial(distance->args), 0, index))
		center = lsecond(distance->args);
	else if (match_index_to_operand(lsecond(distance->args), 0, index))
		center = linitial(distance->args);
	else
		return NULL;
	if (!is_constant(root, center))
		return NULL;
	argument = center == lsecond(distance->args) ? linitial(distance->args) :
		lsecond(distance->args);

	within = get_opfamily_member(index->opfamily[0], index->opcintype[0], FLOAT8ARRAYOID,
								 GV_AM_OPCLASS_WITHIN);
	ball_types[0] = index->opcintype[0];
	ball_types[1] = FLOAT8OID;
	ball = LookupFuncName(list_make2(makeString("gigavec"), makeString("ball")), 2, ball_types,
						  true);
	if (!OidIsValid(within) || !OidIsValid(ball) || exprType(center) != index->opcintype[0])
		return NULL;
	center = (Node *) makeFuncExpr(ball, FLOAT8ARRAYOID, list_make2(center, radius), InvalidOid,
								   InvalidOid, COERCE_EXPLICIT_CALL);
	center = eval_const_expressions(root, center);

	clause = makeNode(IndexClause);
	clause->rinfo = info;
	clause->indexquals =
		list_make1(make_simple_restrictinfo(root,
											make_opclause(within, BOOLOID, false,
														  (Expr *) copyObject(argument),
														  (Expr *) center,
														  InvalidOid, InvalidOid)));
	clause->lossy = true;
	clause->indexcol = 0;
	return clause;
}

/*
 * The index's condition for a box, or of a filter column; NULL if a condition is
 * neither.  PostgreSQL itself finds these, but not beside those found here.
 */
static IndexClause *
match_other(PlannerInfo *root, IndexOptInfo *index, RestrictInfo *info)
{
	OpExpr	   *op = (OpExpr *) info->clause;
	IndexClause *clause;

	if (!IsA(op, OpExpr) || list_length(op->args) != 2 || !is_constant(root, lsecond(op->args)))
		return NULL;
	for (int column = 0; column < index->nkeycolumns; column++)
	{
		if (!match_index_to_operand(linitial(op->args), column, index) ||
			!op_in_opfamily(op->opno, index->opfamily[column]) ||
			(OidIsValid(index->indexcollations[column]) &&
			 index->indexcollations[column] != op->inputcollid))
			continue;
		clause = makeNode(IndexClause);
		clause->rinfo = info;
		clause->indexquals = list_make1(info);
		clause->lossy = false;
		clause->indexcol = column;
		return clause;
	}
	return NULL;
}

/*
 * Add what an index can do with conditions of the relation.
 *
 * As with all of its paths, columns of other relations that its target list needs
 * (lateral_relids) must be there before it is scanned.
 */
static void
add_index_paths(PlannerInfo *root, RelOptInfo *rel, IndexOptInfo *index)
{
	List	   *clauses = NIL;
	List	   *others = NIL;
	List	   *ordered = NIL;
	ListCell   *cell;
	IndexPath  *path;

	foreach(cell, rel->baserestrictinfo)
	{
		RestrictInfo *info = lfirst_node(RestrictInfo, cell);
		IndexClause *clause;

		if (info->pseudoconstant || !restriction_is_securely_promotable(info, rel))
			continue;
		clause = match_range(root, index, info);
		if (clause)
			clauses = lappend(clauses, clause);
		clause = match_other(root, index, info);
		if (clause)
			others = lappend(others, clause);
	}
	if (clauses == NIL)
		return;

	foreach(cell, rel->pathlist)
	{
		IndexPath  *other = lfirst(cell);

		if (IsA(other, IndexPath) && other->indexinfo == index && other->indexorderbys != NIL &&
			bms_equal(PATH_REQ_OUTER(&other->path), rel->lateral_relids))
			ordered = lappend(ordered, other);
	}
	foreach(cell, ordered)
	{
		IndexPath  *other = lfirst(cell);

		/* a scan that knows where to end is always better */
		rel->pathlist = list_delete_ptr(rel->pathlist, other);
		add_path(rel, (Path *)
				 create_index_path(root, index,
								   list_concat_copy(other->indexclauses, clauses),
								   other->indexorderbys, other->indexorderbycols,
								   other->path.pathkeys, other->indexscandir, false,
								   rel->lateral_relids, 1.0, false));
	}
	path = create_index_path(root, index, list_concat(clauses, others), NIL, NIL, NIL,
							 ForwardScanDirection, false, rel->lateral_relids, 1.0, false);
	add_path(rel, (Path *) path);
	add_path(rel, (Path *) create_bitmap_heap_path(root, rel, (Path *) path,
												   rel->lateral_relids, 1.0, 0));
}

static void
add_range_paths(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	ListCell   *cell;

	if (previous_hook)
		previous_hook(root, rel, rti, rte);
	if (rte->rtekind != RTE_RELATION || rel->baserestrictinfo == NIL)
		return;
	foreach(cell, rel->indexlist)
	{
		IndexOptInfo *index = lfirst_node(IndexOptInfo, cell);

		if (index->amcostestimate == gv_kdtree_cost_estimate &&
			(index->indpred == NIL || index->predOK))
			add_index_paths(root, rel, index);
	}
}

/*
 * gv_kdtree_range_init
 *		Set the hook; called once.
 */
void
gv_kdtree_range_init(void)
{
	previous_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = add_range_paths;
}
