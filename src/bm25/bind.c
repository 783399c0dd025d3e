/*-------------------------------------------------------------------------
 *
 * bind.c
 *		Finding the index of "column <@> 'words'" while a query is planned.
 *
 * The operators' functions have a support function that the planner asks to
 * simplify a call.  It looks for a bm25 index on the left side and puts a query
 * that names it in the place of the right side, so that the score is the same in
 * an index scan, in the target list and in a sequential scan.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "bm25/bm25.h"
#include "bm25/query.h"

GV_FUNCTION(gv_bm25_operator_support);
GV_FUNCTION(gv_bm25_bind_query);
GV_FUNCTION(gv_bm25_bind_text);

/* What a call is to be made of */
typedef struct Target
{
	Oid			index;
	int			n_indexes;		/* that the expression has */
	Oid			operator_oid;	/* with a bm25query on its right side */
} Target;

/* What is known of an expression's index */
typedef enum Found
{
	FOUND_NONE,
	FOUND_NO_TEXT,				/* its values are null, or those of another part of a query */
	FOUND_INDEX
} Found;

/* A query, and the one around it */
typedef struct Level
{
	Query	   *query;
	const struct Level *parent; /* NULL: there is none */
} Level;

/* What an index is looked for */
typedef struct Search
{
	PlannerInfo *root;			/* for values of parameters */
	const FuncExpr *call;
	Oid			query_type;
	List	   *known;			/* of Known: columns of WITH queries, looked at once each */
} Search;

/* What was found of a column of a WITH query */
typedef struct Known
{
	const CommonTableExpr *cte;
	AttrNumber	column;
	Found		found;
	Target		target;
} Known;

/* An expression as it is without the joins that may make its columns null */
static Node *
without_joins(Node *node, void *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, PlaceHolderVar))
		return without_joins((Node *) ((PlaceHolderVar *) node)->phexpr, context);
	if (IsA(node, Var))
	{
		Var		   *var = copyObject((Var *) node);

		gv_base_forget_joins(var);
		return (Node *) var;
	}
	return expression_tree_mutator(node, without_joins, context);
}

/* Is an expression the first column of an index? */
static bool
is_first_column(Relation index, Node *expr, int varno)
{
	AttrNumber	attnum = index->rd_index->indkey.values[0];
	List	   *expressions;
	Node	   *indexed;
	bool		result;

	while (expr && IsA(expr, RelabelType))
		expr = (Node *) ((RelabelType *) expr)->arg;
	if (attnum != 0)
		return IsA(expr, Var) && ((Var *) expr)->varattno == attnum;
	expressions = RelationGetIndexExpressions(index);
	if (expressions == NIL)
		return false;
	indexed = linitial(expressions);
	while (indexed && IsA(indexed, RelabelType))
		indexed = (Node *) ((RelabelType *) indexed)->arg;
	if (varno != 1)
		ChangeVarNodes(indexed, 1, varno, 0);
	result = equal(indexed, expr);
	list_free(expressions);
	return result;
}

/* The operator for a bm25query that does the same as a function; InvalidOid if none */
static Oid
find_operator(Relation index, Oid function, Oid query_type)
{
	for (int strategy = 1; strategy <= 2; strategy++)
	{
		for (int i = 0; i < 2; i++)
		{
			Oid			operator_oid = get_opfamily_member(index->rd_opfamily[0],
														   index->rd_opcintype[0],
														   i == 0 ? TEXTOID : query_type, strategy);

			if (OidIsValid(operator_oid) && get_opcode(operator_oid) == function)
				return get_opfamily_member(index->rd_opfamily[0], index->rd_opcintype[0],
										   query_type, strategy);
		}
	}
	return InvalidOid;
}

/* Is a table one of those joined? */
static bool
has_table(Node *join, int varno)
{
	ListCell   *cell;

	check_stack_depth();
	if (IsA(join, RangeTblRef))
		return ((RangeTblRef *) join)->rtindex == varno;
	if (IsA(join, JoinExpr))
		return has_table(((JoinExpr *) join)->larg, varno) ||
			has_table(((JoinExpr *) join)->rarg, varno);
	foreach(cell, castNode(FromExpr, join)->fromlist)
	{
		if (has_table(lfirst(cell), varno))
			return true;
	}
	return false;
}

/*
 * Which sides of a join have conditions that hold for rows of a table, or for all
 * that it returns if the table is none of them?
 *
 * *conditions: the join's own, if these do, too
 */
static List *
sides_of(JoinExpr *join, int varno, Node **conditions)
{
	Node	   *side = NULL;

	*conditions = join->quals;
	switch (join->jointype)
	{
		case JOIN_INNER:
		case JOIN_SEMI:
			return list_make2(join->larg, join->rarg);
		case JOIN_LEFT:
		case JOIN_ANTI:
			if (has_table(join->rarg, varno))
				return list_make1(join->rarg);
			side = join->larg;
			break;
		case JOIN_RIGHT:
			if (has_table(join->larg, varno))
				return list_make1(join->larg);
			side = join->rarg;
			break;
		default:
			if (has_table(join->larg, varno))
				side = join->larg;
			else if (has_table(join->rarg, varno))
				side = join->rarg;
			break;
	}
	*conditions = NULL;
	return side != NULL ? list_make1(side) : NIL;
}

/*
 * The conditions that rows of a table meet where a query's joins make use of them.
 *
 * The nulls that an outer join has instead need not meet them.
 */
static List *
collect_conditions(Node *join, int varno)
{
	List	   *items = NIL;
	Node	   *conditions = NULL;
	List	   *result = NIL;
	ListCell   *cell;

	check_stack_depth();
	if (IsA(join, FromExpr))
	{
		items = ((FromExpr *) join)->fromlist;
		conditions = ((FromExpr *) join)->quals;
	}
	else if (IsA(join, JoinExpr))
		items = sides_of((JoinExpr *) join, varno, &conditions);
	foreach(cell, items)
		result = list_concat(result, collect_conditions(lfirst(cell), varno));
	/* the planner may have made a list of them */
	if (conditions != NULL && IsA(conditions, List))
		result = list_concat(result, list_copy((List *) conditions));
	else if (conditions != NULL)
		result = lappend(result, conditions);
	return result;
}

/*
 * Does a query look at rows only that meet the predicate of an index?
 *
 * root: its planner's, for values of parameters
 */
static bool
implies_predicate(PlannerInfo *root, Query *query, Relation index, int varno)
{
	List	   *predicate = RelationGetIndexPredicate(index);
	List	   *conditions = collect_conditions((Node *) query->jointree, varno);
	PlannerInfo plain = *root;

	/* in a query without tables nothing is bound: else this would call itself */
	plain.parse = makeNode(Query);
	conditions = (List *) without_joins((Node *) conditions, NULL);
	conditions = (List *) eval_const_expressions(&plain, (Node *) make_ands_explicit(conditions));
	conditions = make_ands_implicit(canonicalize_qual((Expr *) conditions, false));
	if (varno != 1)
		ChangeVarNodes((Node *) predicate, 1, varno, 0);
	return predicate_implied_by(predicate, conditions, false);
}

/* How well does an index fit that has the expression?  More is better. */
static int
fitness_of(PlannerInfo *root, Query *query, Relation index, int varno)
{
	if (heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL))
		return 3;
	return implies_predicate(root, query, index, varno) ? 2 : 1;
}

/*
 * Find an index on an expression of a table of a query.
 *
 * One without a predicate is preferred, then one whose predicate the query's
 * conditions imply, then the oldest.
 */
static bool
find_index(const Search *search, Query *query, Node *expr, int varno, Target *target)
{
	Relation	table = table_open(rt_fetch(varno, query->rtable)->relid, NoLock);
	List	   *indexes = RelationGetIndexList(table);
	int			best = 0;
	ListCell   *cell;

	memset(target, 0, sizeof(*target));
	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);
		Oid			operator_oid = InvalidOid;

		if (index->rd_indam->ambuild == gv_bm25_build && index->rd_index->indisvalid &&
			is_first_column(index, expr, varno))
			operator_oid = find_operator(index, search->call->funcid, search->query_type);
		if (OidIsValid(operator_oid))
		{
			int			fitness = fitness_of(search->root, query, index, varno);

			target->n_indexes++;
			if (fitness > best)
			{
				target->index = lfirst_oid(cell);
				target->operator_oid = operator_oid;
				best = fitness;
			}
		}
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	table_close(table, NoLock);
	return OidIsValid(target->index);
}

static Found find_target(Search *search, const Level *level, Node *expr, Target *target);
static Found find_of_column(Search *search, const Level *level, Query *query,
							AttrNumber column, Target *target);

/* The index of a column of all parts of a UNION, INTERSECT or EXCEPT, if it is the same */
static Found
find_of_parts(Search *search, const Level *level, Node *parts, AttrNumber column,
			  Target *target)
{
	Target		right;
	Found		found;
	Found		found_right;

	check_stack_depth();
	if (IsA(parts, RangeTblRef))
	{
		RangeTblEntry *entry = rt_fetch(((RangeTblRef *) parts)->rtindex, level->query->rtable);

		if (entry->rtekind != RTE_SUBQUERY)
			return FOUND_NONE;
		return find_of_column(search, level, entry->subquery, column, target);
	}
	if (!IsA(parts, SetOperationStmt))
		return FOUND_NONE;
	found = find_of_parts(search, level, ((SetOperationStmt *) parts)->larg, column, target);
	if (found == FOUND_NONE)
		return FOUND_NONE;
	found_right = find_of_parts(search, level, ((SetOperationStmt *) parts)->rarg, column, &right);
	if (found == FOUND_NO_TEXT)
		*target = right;
	if (found == FOUND_NO_TEXT || found_right == FOUND_NONE)
		return found_right;
	return found_right == FOUND_NO_TEXT || target->index == right.index ? FOUND_INDEX : FOUND_NONE;
}

/* The index of a column of a query within the one of a level */
static Found
find_of_column(Search *search, const Level *level, Query *query, AttrNumber column,
			   Target *target)
{
	Level		inner = {query, level};
	TargetEntry *entry;

	check_stack_depth();
	if (query->setOperations != NULL)
		return find_of_parts(search, &inner, query->setOperations, column, target);
	entry = get_tle_by_resno(query->commandType == CMD_SELECT ? query->targetList :
							 query->returningList, column);
	if (entry == NULL || entry->resjunk)
		return FOUND_NONE;
	return find_target(search, &inner, (Node *) entry->expr, target);
}

/*
 * The index of a column of a query of a WITH clause.
 *
 * One may be named by several others, these by several again, and so on: it is
 * looked at the first time only.
 */
static Found
find_of_cte(Search *search, const Level *level, const RangeTblEntry *entry,
			AttrNumber column, Target *target)
{
	const CommonTableExpr *cte = NULL;
	Known	   *known;
	ListCell   *cell;

	/* what a query adds to itself comes from its other part */
	if (entry->self_reference)
		return FOUND_NO_TEXT;
	for (Index i = 0; i < entry->ctelevelsup && level != NULL; i++)
		level = level->parent;
	if (level == NULL)
		return FOUND_NONE;
	foreach(cell, level->query->cteList)
	{
		if (strcmp(lfirst_node(CommonTableExpr, cell)->ctename, entry->ctename) == 0)
			cte = lfirst_node(CommonTableExpr, cell);
	}
	if (cte == NULL || !IsA(cte->ctequery, Query))
		return FOUND_NONE;
	foreach(cell, search->known)
	{
		known = lfirst(cell);
		if (known->cte == cte && known->column == column)
		{
			*target = known->target;
			return known->found;
		}
	}
	known = palloc0(sizeof(Known));
	known->cte = cte;
	known->column = column;
	known->found = find_of_column(search, level, (Query *) cte->ctequery, column, &known->target);
	search->known = lappend(search->known, known);
	*target = known->target;
	return known->found;
}

/* What a column of a join, or of groups, stands for; NULL if it is of neither */
static Node *
find_alias(const RangeTblEntry *entry, AttrNumber column)
{
	if (entry->rtekind == RTE_JOIN)
		return column > list_length(entry->joinaliasvars) ? NULL :
			list_nth(entry->joinaliasvars, column - 1);
	return gv_base_group_expr(entry, column);
}

/*
 * Find the index of an expression in the query of a level.
 *
 * Its columns are of one table, in that query or in one around it, or in queries
 * within, to which a column leads.
 */
static Found
find_target(Search *search, const Level *level, Node *expr, Target *target)
{
	List	   *vars = NIL;
	int			varno = 0;
	RangeTblEntry *entry;
	AttrNumber	column;
	ListCell   *cell;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	expr = without_joins(expr, NULL);
	while (expr && IsA(expr, RelabelType))
		expr = (Node *) ((RelabelType *) expr)->arg;
	if (expr == NULL || (IsA(expr, Const) && ((Const *) expr)->constisnull))
		return FOUND_NO_TEXT;
	for (int up = 0; level != NULL; up++, level = level->parent)
	{
		if ((vars = pull_vars_of_level(expr, up)) != NIL)
		{
			/*
			 * If there are columns of further levels as well it is no index's.  Queries
			 * within the expression are not ours, so they must not be changed.
			 */
			expr = copyObject(expr);
			IncrementVarSublevelsUp(expr, -up, up);
			break;
		}
	}
	foreach(cell, vars)
	{
		Var		   *var = lfirst(cell);

		if (!IsA(var, Var) || (varno != 0 && var->varno != varno))
			return FOUND_NONE;
		varno = var->varno;
	}
	if (varno <= 0 || varno > list_length(level->query->rtable))
		return FOUND_NONE;
	entry = rt_fetch(varno, level->query->rtable);
	if (entry->rtekind == RTE_RELATION)
		return find_index(search, level->query, expr, varno, target) ? FOUND_INDEX : FOUND_NONE;
	if (!IsA(expr, Var) || ((Var *) expr)->varattno <= 0)
		return FOUND_NONE;
	column = ((Var *) expr)->varattno;
	if (entry->rtekind == RTE_SUBQUERY)
		return find_of_column(search, level, entry->subquery, column, target);
	if (entry->rtekind == RTE_CTE)
		return find_of_cte(search, level, entry, column, target);
	expr = find_alias(entry, column);
	return expr == NULL ? FOUND_NONE : find_target(search, level, expr, target);
}

/* The query that a planner is at, and those around it */
static Level *
levels_of(PlannerInfo *root)
{
	Level	   *level = palloc(sizeof(Level));

	level->query = root->parse;
	level->parent = root->parent_root == NULL ? NULL : levels_of(root->parent_root);
	return level;
}

/* A query that names an index as the planner's */
static GvBm25Query
bind_query(GvBm25Query query, Oid index)
{
	GvBm25Query result = palloc(VARSIZE(query));

	memcpy(result, query, VARSIZE(query));
	result->index = index;
	result->bound = GV_BM25_BOUND;
	return result;
}

static Const *
make_query_const(Oid query_type, GvBm25Query query)
{
	return makeConst(query_type, -1, InvalidOid, -1, PointerGetDatum(query), false, false);
}

/*
 * Which index does a query name that has no value yet?
 *
 * make_query: namespace of the functions that make queries
 * *is_open: set to true if only the query's value will tell
 */
static Oid
find_named(Node *arg, Oid make_query, bool *is_open)
{
	const char *function;
	List	   *args;

	*is_open = false;
	if (exprType(arg) == TEXTOID)
		return InvalidOid;
	*is_open = true;
	if (!IsA(arg, FuncExpr) || get_func_namespace(((FuncExpr *) arg)->funcid) != make_query)
		return InvalidOid;

	function = get_func_name(((FuncExpr *) arg)->funcid);
	args = ((FuncExpr *) arg)->args;
	if (list_length(args) == 1)
		*is_open = false;
	else if (list_length(args) == 2 && IsA(lsecond(args), Const) &&
			 exprType(lsecond(args)) == TEXTOID &&
			 (strcmp(function, "to_bm25query") == 0 ||
			  strcmp(function, "plainto_bm25query") == 0 ||
			  strcmp(function, "strict_bm25query") == 0))
	{
		Const	   *name = lsecond_node(Const, args);

		*is_open = false;
		if (!name->constisnull)
			return gv_bm25_query_index(TextDatumGetCString(name->constvalue));
	}
	return InvalidOid;
}

/* The right side of the new call; NULL if the old one may stay */
static Node *
bind_argument(Node *arg, Oid query_type, Oid make_query, const Target *target)
{
	Oid			argument_types[2];
	Oid			bind_function;
	GvBm25Query template;
	Oid			named;
	bool		is_open;

	if (IsA(arg, Const))
	{
		Const	   *value = (Const *) arg;
		GvBm25Query query;

		if (value->constisnull)
			return NULL;
		if (value->consttype == TEXTOID)
		{
			text	   *string = DatumGetTextPP(value->constvalue);

			query = gv_bm25_query_from_text(VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string),
											InvalidOid);
		}
		else
			query = gv_bm25_query_from_datum(value->constvalue);
		if (OidIsValid(query->index))
			return NULL;
		return (Node *) make_query_const(query_type, bind_query(query, target->index));
	}

	argument_types[0] = exprType(arg);
	argument_types[1] = query_type;
	bind_function = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
									CStringGetDatum("bm25_bind"),
									PointerGetDatum(buildoidvector(argument_types, 2)),
									ObjectIdGetDatum(get_namespace_oid("gigavec", false)));
	if (!OidIsValid(bind_function) ||
		(IsA(arg, FuncExpr) && get_func_namespace(((FuncExpr *) arg)->funcid) ==
		 get_func_namespace(bind_function) &&
		 strcmp(get_func_name(((FuncExpr *) arg)->funcid), "bm25_bind") == 0))
		return NULL;
	/*
	 * The planner is to choose the index that is named, or none while nobody knows.
	 * A query that names one is not bound to it: the user may have no right to it.
	 */
	named = find_named(arg, make_query, &is_open);
	template = gv_bm25_query_from_text("", 0, named);
	if (!OidIsValid(named))
	{
		template = bind_query(template, target->index);
		if (is_open && target->n_indexes > 1)
			template->bound = GV_BM25_BOUND_OPEN;
	}
	return (Node *) makeFuncExpr(bind_function, query_type,
								 list_make2(arg, make_query_const(query_type, template)),
								 InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
}

/*
 * gv_bm25_operator_support
 *		The support function of the operators' functions.
 */
Datum
gv_bm25_operator_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	FuncExpr   *call;
	PlannerInfo *root;
	Node	   *left;
	Node	   *right;
	Oid			query_type;
	Search		search;
	Target		target;
	Expr	   *result;

	if (!IsA(request, SupportRequestSimplify))
		PG_RETURN_POINTER(NULL);
	root = ((SupportRequestSimplify *) request)->root;
	call = ((SupportRequestSimplify *) request)->fcall;
	if (root == NULL || list_length(call->args) != 2)
		PG_RETURN_POINTER(NULL);
	left = linitial(call->args);
	right = lsecond(call->args);
	query_type = exprType(right);
	if (query_type == TEXTOID)
		query_type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("bm25query"),
									 ObjectIdGetDatum(get_func_namespace(call->funcid)));
	search.root = root;
	search.call = call;
	search.query_type = query_type;
	search.known = NIL;
	if (!OidIsValid(query_type) ||
		find_target(&search, levels_of(root), left, &target) != FOUND_INDEX)
		PG_RETURN_POINTER(NULL);
	right = bind_argument(right, query_type, get_func_namespace(call->funcid), &target);
	if (right == NULL)
		PG_RETURN_POINTER(NULL);
	result = make_opclause(target.operator_oid, call->funcresulttype, false, (Expr *) left,
						   (Expr *) right, InvalidOid, call->inputcollid);
	set_opfuncid((OpExpr *) result);
	PG_RETURN_POINTER(result);
}

/* The query with the index that a template has from the planner */
static Datum
bind_to(GvBm25Query query, GvBm25Query template)
{
	if (OidIsValid(query->index))
		PG_RETURN_POINTER(query);
	if (!template->bound)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("index of a query can be bound by the planner only"),
				 errhint("Use to_bm25query('...', 'index_name').")));
	PG_RETURN_POINTER(bind_query(query, template->index));
}

/*
 * gv_bm25_bind_query
 *		gigavec.bm25_bind(bm25query, bm25query): into calls whose query is not known
 *		when they are planned
 */
Datum
gv_bm25_bind_query(PG_FUNCTION_ARGS)
{
	return bind_to(PG_GETARG_BM25QUERY(0), PG_GETARG_BM25QUERY(1));
}

/*
 * gv_bm25_bind_text
 *		gigavec.bm25_bind(text, bm25query)
 */
Datum
gv_bm25_bind_text(PG_FUNCTION_ARGS)
{
	text	   *string = PG_GETARG_TEXT_PP(0);

	return bind_to(gv_bm25_query_from_text(VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string),
										   InvalidOid), PG_GETARG_BM25QUERY(1));
}
