/*-------------------------------------------------------------------------
 *
 * legs.c
 *		The two searches of a hybrid search as SQL.
 *
 * Each is a plain SELECT by the caller, so his privileges, row-level security
 * and settings hold.  All that we name in it is qualified; only the filter, and
 * expressions of indexes, are read by the caller's search_path.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_index.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "parser/parse_param.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "am/extension.h"
#include "am/inspect.h"
#include "am/testpoint.h"
#include "base/compat.h"
#include "hybrid/legs.h"

/* Types of vectors, by name in the extension's schema */
static const char *const vector_types[] = {"vector", "halfvec", "sparsevec"};

/* Operators by the name of what they compute */
static const struct
{
	const char *metric;
	const char *operator;
}			metrics[] = {
	{"l2", "<->"},
	{"ip", "<#>"},
	{"cosine", "<=>"},
	{"l1", "<+>"},
};

/* An index that a leg could use */
typedef struct Candidate
{
	int			leg;			/* -1: none */
	Oid			type;			/* what is compared with the column */
	Oid			operator;
} Candidate;

/* The schema of the extension, where its types and operators are */
static Oid
find_extension_schema(void)
{
	Oid			schema;
	char	   *version;

	if (!gv_am_find_extension(&schema, &version))
		elog(ERROR, "extension \"gigavec\" does not exist");
	return schema;
}

static bool
is_vector_type(const GvHybridTarget *target, Oid type)
{
	for (int i = 0; i < lengthof(vector_types); i++)
	{
		if (type == GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
									CStringGetDatum(vector_types[i]),
									ObjectIdGetDatum(target->schema)))
			return true;
	}
	return false;
}

/* The operator by which a family orders a type, by distance from another type */
static Oid
find_ordering(Oid family, Oid left, Oid right)
{
	CatCList   *list = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(family));
	Oid			found = InvalidOid;

	for (int i = 0; i < list->n_members; i++)
	{
		Form_pg_amop form = (Form_pg_amop) GETSTRUCT(&list->members[i]->tuple);

		if (form->amoppurpose == AMOP_ORDER && form->amoplefttype == left &&
			form->amoprighttype == right)
			found = form->amopopr;
	}
	ReleaseSysCacheList(list);
	return found;
}

static bool
is_text_index(Relation index)
{
	return strcmp(get_am_name(index->rd_rel->relam), "bm25") == 0;
}

/*
 * Must a query name the index?  Not if it is the only one: then the planner
 * finds it, and row-level security, under which nobody may name one, is no
 * obstacle.
 */
static bool
needs_name(Oid relation)
{
	Relation	heap = table_open(relation, AccessShareLock);
	List	   *indexes = RelationGetIndexList(heap);
	ListCell   *cell;
	int			n = 0;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		n += is_text_index(index);
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	table_close(heap, AccessShareLock);
	return n > 1;
}

/* What an index could do */
static Candidate
look_at_index(const GvHybridTarget *target, Relation index)
{
	Candidate	candidate = {-1, InvalidOid, InvalidOid};
	Oid			type = index->rd_opcintype[0];

	if (is_text_index(index))
	{
		candidate.leg = GV_HYBRID_TEXT;
		candidate.type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
										 CStringGetDatum("bm25query"),
										 ObjectIdGetDatum(target->schema));
	}
	else if (is_vector_type(target, type))
	{
		candidate.leg = GV_HYBRID_VECTOR;
		candidate.type = type;
	}
	if (candidate.leg >= 0)
		candidate.operator = find_ordering(index->rd_opfamily[0], type, candidate.type);
	if (!OidIsValid(candidate.operator))
		candidate.leg = -1;
	return candidate;
}

/* SQL of a column */
static char *
make_column(Oid relation, const char *name)
{
	return psprintf("%s.%s", quote_identifier(get_rel_name(relation)), quote_identifier(name));
}

/* Let a leg use an index */
static void
take_index(GvHybridTarget *target, Relation index, const Candidate *candidate)
{
	int			leg = candidate->leg;
	Oid			index_oid = RelationGetRelid(index);
	AttrNumber	attnum = index->rd_index->indkey.values[0];
	Datum		predicate;
	bool		isnull;

	target->indexes[leg] = index_oid;
	target->types[leg] = candidate->type;
	target->operators[leg] = candidate->operator;
	if (attnum != 0)
		target->expressions[leg] = make_column(target->relation,
											   get_attname(target->relation, attnum, false));
	else
	{
		Datum		definition = DirectFunctionCall3(pg_get_indexdef_ext,
													 ObjectIdGetDatum(index_oid),
													 Int32GetDatum(1), BoolGetDatum(false));

		target->expressions[leg] = psprintf("(%s)", TextDatumGetCString(definition));
	}
	predicate = SysCacheGetAttr(INDEXRELID, index->rd_indextuple, Anum_pg_index_indpred, &isnull);
	if (!isnull)
	{
		predicate = DirectFunctionCall2(pg_get_expr, predicate,
										ObjectIdGetDatum(target->relation));
		target->predicates[leg] = TextDatumGetCString(predicate);
	}
}

/* Take the index that the caller named for a leg */
static void
take_named_index(GvHybridTarget *target, int leg, Oid index_oid)
{
	Relation	index = gv_am_inspect_open(index_oid, AccessShareLock);
	const char *name = RelationGetRelationName(index);
	Candidate	candidate;

	gv_am_inspect_require_index(index_oid);
	if (index->rd_index->indrelid != target->relation)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("index \"%s\" is not one of table \"%s\"", name,
						get_rel_name(target->relation))));
	candidate = look_at_index(target, index);
	if (candidate.leg != leg)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 leg == GV_HYBRID_TEXT ?
				 errmsg("index \"%s\" is not a bm25 index", name) :
				 errmsg("index \"%s\" does not order vectors by distance", name)));
	take_index(target, index, &candidate);
	relation_close(index, AccessShareLock);
}

/* Take the only index that does for a leg; false if there is none */
static bool
take_only_index(GvHybridTarget *target, int leg, const char *vector_column)
{
	Relation	heap = table_open(target->relation, AccessShareLock);
	List	   *indexes = RelationGetIndexList(heap);
	ListCell   *cell;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);
		Candidate	candidate = look_at_index(target, index);
		AttrNumber	attnum = index->rd_index->indkey.values[0];

		/* a partial index is used only when it is named: it makes rows vanish */
		if (candidate.leg == leg && index->rd_index->indisvalid &&
			heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL) &&
			(leg == GV_HYBRID_TEXT || vector_column == NULL ||
			 (attnum != 0 &&
			  strcmp(vector_column, get_attname(target->relation, attnum, false)) == 0)))
		{
			if (OidIsValid(target->indexes[leg]))
				ereport(ERROR,
						(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
						 errmsg("table \"%s\" has several indexes that could be searched",
								RelationGetRelationName(heap)),
						 errdetail("Two of them are \"%s\" and \"%s\".",
								   get_rel_name(target->indexes[leg]),
								   RelationGetRelationName(index)),
						 errhint("Name one in \"%s\".",
								 leg == GV_HYBRID_TEXT ? "text_index" : "vector_index")));
			take_index(target, index, &candidate);
		}
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	table_close(heap, AccessShareLock);
	return OidIsValid(target->indexes[leg]);
}

/* The operator for a metric between vectors of a type */
static Oid
find_metric(const GvHybridTarget *target, const char *metric, Oid type)
{
	for (int i = 0; i < lengthof(metrics); i++)
	{
		List	   *name;

		if (strcmp(metric, metrics[i].metric) != 0)
			continue;
		name = list_make2(makeString(get_namespace_name(target->schema)),
						  makeString(pstrdup(metrics[i].operator)));
		return OpernameGetOprid(name, type, type);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for \"metric\": \"%s\"", metric),
			 errhint("Available values: l2, ip, cosine, l1.")));
}

/* Order the rows by a column without index: the one named, or the only one */
static void
take_column(GvHybridTarget *target, const char *vector_column, const char *metric)
{
	Relation	heap = table_open(target->relation, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(heap);
	int			n_found = 0;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || !is_vector_type(target, att->atttypid) ||
			(vector_column && strcmp(vector_column, NameStr(att->attname)) != 0))
			continue;
		target->expressions[GV_HYBRID_VECTOR] = make_column(target->relation,
															NameStr(att->attname));
		target->types[GV_HYBRID_VECTOR] = att->atttypid;
		target->operators[GV_HYBRID_VECTOR] = find_metric(target, metric, att->atttypid);
		n_found++;
	}
	if (n_found == 0 && vector_column != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table \"%s\" has no column \"%s\" of vectors",
						RelationGetRelationName(heap), vector_column)));
	if (n_found != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 n_found == 0 ?
				 errmsg("table \"%s\" has no column of vectors", RelationGetRelationName(heap)) :
				 errmsg("table \"%s\" has several columns of vectors",
						RelationGetRelationName(heap)),
				 errhint("Name a column in \"%s\", or an index in \"%s\".",
						 "vector_column", "vector_index")));
	table_close(heap, AccessShareLock);
}

/* What the name of an operator says of its distances */
static GvHybridDistance
find_distance(Oid operator)
{
	char	   *name = get_opname(operator);

	if (strcmp(name, "<#>") == 0)
		return GV_HYBRID_INNER_PRODUCT;
	if (strcmp(name, "<=>") == 0)
		return GV_HYBRID_COSINE;
	return GV_HYBRID_METRIC;
}

/*
 * gv_hybrid_find_target
 *		Find out what the legs search; the relation is set.
 *
 * Indexes and the column may be named, or not (InvalidOid, NULL).  The lock of
 * the table stays until the transaction ends, as of any query: the SQL is made of
 * names, and neither they nor indexes go away until it has run.
 *
 * wanted: bool[GV_HYBRID_N_LEGS], what is not wanted need not be there
 */
void
gv_hybrid_find_target(GvHybridTarget *target, Oid text_index, Oid vector_index,
					  const char *vector_column, const char *metric, const bool *wanted)
{
	Relation	relation = gv_am_inspect_open(target->relation, AccessShareLock);
	char		kind = relation->rd_rel->relkind;

	target->schema = find_extension_schema();
	if (kind != RELKIND_RELATION && kind != RELKIND_MATVIEW && kind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table or materialized view",
						get_rel_name(target->relation))));
	if (wanted[GV_HYBRID_TEXT])
	{
		if (OidIsValid(text_index))
			take_named_index(target, GV_HYBRID_TEXT, text_index);
		else if (!take_only_index(target, GV_HYBRID_TEXT, NULL))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("table \"%s\" has no bm25 index", get_rel_name(target->relation)),
					 errhint("Create one with CREATE INDEX ... USING bm25, or name a partial one in \"text_index\".")));
		target->names_text_index = needs_name(target->relation);
	}
	if (wanted[GV_HYBRID_VECTOR])
	{
		if (OidIsValid(vector_index))
			take_named_index(target, GV_HYBRID_VECTOR, vector_index);
		else if (metric != NULL || !take_only_index(target, GV_HYBRID_VECTOR, vector_column))
			take_column(target, vector_column, metric ? metric : "cosine");
		target->distance = find_distance(target->operators[GV_HYBRID_VECTOR]);
	}
	relation_close(relation, NoLock);
	GV_TEST_POINT("hybrid-target");
}

/* Find the largest number of a parameter; nodes of other kinds are walked through */
static bool
find_parameters(Node *node, void *arg)
{
	int		   *largest = arg;

	if (node == NULL)
		return false;
	if (IsA(node, ParamRef))
	{
		*largest = Max(*largest, ((ParamRef *) node)->number);
		return false;
	}
	return raw_expression_tree_walker(node, find_parameters, arg);
}

/* An error in a filter is at a place of the filter, not of the query it is in */
static void
place_error(void *arg)
{
	int			position = geterrposition();

	if (position <= 0)
		return;
	errposition(0);
	internalerrposition(position);
	internalerrquery(arg);
}

/* Parse a filter */
static List *
parse_filter(const char *filter)
{
	ErrorContextCallback context = {error_context_stack, place_error, unconstify(char *, filter)};
	List	   *parsed;

	error_context_stack = &context;
	parsed = raw_parser(filter, RAW_PARSE_PLPGSQL_EXPR);
	error_context_stack = context.previous;
	return parsed;
}

/*
 * gv_hybrid_set_filter
 *		Take the filter of both legs, and the values of its parameters.
 *
 * It must be one expression: it goes into parentheses, which it must not close.
 */
void
gv_hybrid_set_filter(GvHybridTarget *target, const char *filter, ArrayType *values)
{
	Datum	   *elements;
	bool	   *nulls;
	List	   *parsed;
	SelectStmt *select;
	int			largest = 0;

	if (values)
	{
		deconstruct_array(values, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls,
						  &target->n_values);
		target->values = palloc0(sizeof(char *) * Max(target->n_values, 1));
		for (int i = 0; i < target->n_values; i++)
		{
			if (!nulls[i])
				target->values[i] = TextDatumGetCString(elements[i]);
		}
	}
	if (filter == NULL)
		return;
	parsed = parse_filter(filter);
	select = linitial_node(SelectStmt, list_make1(linitial_node(RawStmt, parsed)->stmt));
	if (list_length(select->targetList) != 1 || select->distinctClause || select->fromClause ||
		select->whereClause || select->groupClause || select->havingClause ||
		select->windowClause || select->sortClause || select->limitOffset ||
		select->limitCount || select->lockingClause || select->op != SETOP_NONE ||
		linitial_node(ResTarget, select->targetList)->name != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("\"filter\" must be one expression"),
				 errdetail("It is: %s", filter)));
	(void) find_parameters((Node *) select, &largest);
	if (largest > target->n_values)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_PARAMETER),
				 errmsg("\"filter\" has a parameter $%d, \"filter_values\" has %d elements",
						largest, target->n_values)));
	target->filter = pstrdup(filter);
}

/* The name of a relation, with its schema */
static char *
qualify(Oid relation)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
									  get_rel_name(relation));
}

/*
 * gv_hybrid_leg_sql
 *		The SELECT of a leg: partition, tid, distance, and the key if there is one.
 *
 * The parameter after those of the filter is the query.
 * key: name of a column, or NULL
 * with_distance: else it is NULL, and only the order tells of it
 */
char *
gv_hybrid_leg_sql(const GvHybridTarget *target, int leg, const char *key, bool with_distance)
{
	const char *relation = quote_identifier(get_rel_name(target->relation));
	const char *extension = quote_identifier(get_namespace_name(target->schema));
	Oid			operator = target->operators[leg];
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form;
	const char *before = " WHERE ";
	StringInfoData order;
	StringInfoData sql;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	initStringInfo(&order);
	appendStringInfo(&order, "%s OPERATOR(%s.%s) ", target->expressions[leg],
					 quote_identifier(get_namespace_name(form->oprnamespace)),
					 NameStr(form->oprname));
	ReleaseSysCache(tuple);
	if (leg == GV_HYBRID_TEXT)
		appendStringInfo(&order, "%s.to_bm25query($%d%s%s)", extension, target->n_values + 1,
						 target->names_text_index ? ", " : "",
						 target->names_text_index ?
						 quote_literal_cstr(qualify(target->indexes[leg])) : "");
	else
		appendStringInfo(&order, "$%d::%s", target->n_values + 1,
						 format_type_extended(target->types[leg], -1, FORMAT_TYPE_FORCE_QUALIFY));
	/* exactly, so in no order that an index has */
	if (!OidIsValid(target->indexes[leg]))
		appendStringInfoString(&order, " OPERATOR(pg_catalog.+) 0");
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s.tableoid, %s.ctid, %s", relation, relation,
					 with_distance ? order.data : "NULL::pg_catalog.float8");
	appendStringInfoString(&sql, " AS distance");
	if (key)
		appendStringInfo(&sql, ", %s.%s::pg_catalog.text", relation, quote_identifier(key));
	appendStringInfo(&sql, " FROM %s", qualify(target->relation));
	/* what one leg cannot find the other is not to find either */
	for (int i = 0; i < GV_HYBRID_N_LEGS; i++)
	{
		if (target->predicates[i] == NULL)
			continue;
		appendStringInfo(&sql, "%s(%s)", before, target->predicates[i]);
		before = " AND ";
	}
	/* the end of the line ends a comment in it */
	if (target->filter)
		appendStringInfo(&sql, "%s(%s\n)", before, target->filter);
	appendStringInfo(&sql, " ORDER BY %s LIMIT %d", order.data, target->candidates);
	return sql.data;
}

/* The types of parameters, as far as they are known, then as the parser finds them */
typedef struct Parameters
{
	Oid		   *types;
	int			n;
} Parameters;

static void
set_up_parameters(ParseState *pstate, void *arg)
{
	Parameters *parameters = arg;

	setup_parse_variable_parameters(pstate, &parameters->types, &parameters->n);
}

/* Prepare SQL with the parameters of a leg, and their values; see gv_hybrid_run_leg */
static SPIPlanPtr
prepare_leg(const GvHybridTarget *target, const char *sql, Datum query, Oid query_type,
			ParamListInfo *values)
{
	SPIPrepareOptions prepare = {0};
	Parameters	parameters;
	ParamListInfo list;
	SPIPlanPtr	plan;

	parameters.n = target->n_values + 1;
	parameters.types = palloc0(sizeof(Oid) * parameters.n);
	parameters.types[target->n_values] = query_type;
	prepare.parserSetup = set_up_parameters;
	prepare.parserSetupArg = &parameters;
	plan = SPI_prepare_extended(sql, &prepare);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare_extended failed: %s", SPI_result_code_string(SPI_result));

	list = makeParamList(target->n_values + 1);
	for (int i = 0; i <= target->n_values; i++)
	{
		ParamExternData *param = &list->params[i];
		Oid			input;
		Oid			io_param;

		param->pflags = PARAM_FLAG_CONST;
		param->ptype = parameters.types[i];
		if (i == target->n_values)
		{
			param->value = query;
			param->isnull = false;
			continue;
		}
		if (!OidIsValid(param->ptype) || param->ptype == UNKNOWNOID)
			param->ptype = TEXTOID;
		getTypeInputInfo(param->ptype, &input, &io_param);
		param->isnull = target->values[i] == NULL;
		param->value = OidInputFunctionCall(input, target->values[i], io_param, -1);
	}
	*values = list;
	return plan;
}

/*
 * gv_hybrid_run_leg
 *		Run SQL with the parameters of a leg; the result is in SPI_tuptable.
 *
 * query: the last parameter, of type query_type
 */
void
gv_hybrid_run_leg(const GvHybridTarget *target, const char *sql, Datum query, Oid query_type,
				  bool read_only)
{
	SPIExecuteOptions execute = {0};
	SPIPlanPtr	plan = prepare_leg(target, sql, query, query_type, &execute.params);

	execute.read_only = read_only;
	if (SPI_execute_plan_extended(plan, &execute) < 0)
		elog(ERROR, "SPI_execute_plan_extended failed: %s", SPI_result_code_string(SPI_result));
	SPI_freeplan(plan);
}

/* Take a row of a leg; false if it is none, see gv_hybrid_search_leg */
static bool
take_row(int leg, HeapTuple tuple, TupleDesc desc, double distance, GvHybridFound *row)
{
	bool		isnull;

	if (!isfinite(distance) || (leg == GV_HYBRID_TEXT && distance >= 0))
		return false;
	row->raw = leg == GV_HYBRID_TEXT ? -distance : distance;
	row->relation = DatumGetObjectId(SPI_getbinval(tuple, desc, 1, &isnull));
	row->tid = *(ItemPointer) DatumGetPointer(SPI_getbinval(tuple, desc, 2, &isnull));
	row->key = NULL;
	if (desc->natts > 3)
	{
		char	   *key = SPI_getvalue(tuple, desc, 4);

		if (key)
			row->key = strcpy(SPI_palloc(strlen(key) + 1), key);
	}
	return true;
}

/*
 * The scan of an index whose rows a plan returns as they come, with the
 * distances that they are ordered by; NULL if the plan is another.
 */
static IndexScanState *
find_ordered_scan(PlanState *state)
{
	if (state && IsA(state, LimitState))
		state = outerPlanState(state);
	if (state && IsA(state, IndexScanState) &&
		((IndexScanState *) state)->iss_NumOrderByKeys == 1)
		return (IndexScanState *) state;
	return NULL;
}

/*
 * Run the leg of the text, and take the scores from the scan of the index: to
 * compute them from the rows takes much longer than to find them.  Returns -1
 * if the plan is none that allows it.
 */
static int
search_ordered(const GvHybridTarget *target, const char *sql, Datum query, Oid query_type,
			   GvHybridFound **found)
{
	ParamListInfo values;
	SPIPlanPtr	plan = prepare_leg(target, sql, query, query_type, &values);
	Portal		portal = SPI_cursor_open_with_paramlist(NULL, plan, values, true);
	IndexScanState *scan = find_ordered_scan(portal->queryDesc->planstate);
	int			n = scan ? 0 : -1;

	if (scan)
		*found = SPI_palloc(sizeof(GvHybridFound) * target->candidates);
	while (scan)
	{
		IndexScanDesc desc;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, 1);
		if (SPI_processed == 0)
			break;
		desc = scan->iss_ScanDesc;
		if (desc->xs_recheckorderby || desc->xs_orderbyvals == NULL || desc->xs_orderbynulls[0])
			n = -1;
		else if (take_row(GV_HYBRID_TEXT, SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
						  DatumGetFloat8(desc->xs_orderbyvals[0]), &(*found)[n]))
			n++;
		SPI_freetuptable(SPI_tuptable);
		if (n < 0)
			break;
	}
	SPI_cursor_close(portal);
	SPI_freeplan(plan);
	return n;
}

/*
 * gv_hybrid_search_leg
 *		Run a leg; returns how many rows it found, in the caller's memory context
 *		of before SPI_connect.
 *
 * key: name of a column whose value is wanted, or NULL
 * query: of type query_type
 *
 * Rows that the text does not match, and rows without vector, or without a
 * distance that is a finite number, are none.
 */
int
gv_hybrid_search_leg(const GvHybridTarget *target, int leg, const char *key, Datum query,
					 Oid query_type, GvHybridFound **found)
{
	uint64		n_rows;
	int			n = 0;
	TupleDesc	desc;

	if (leg == GV_HYBRID_TEXT)
	{
		n = search_ordered(target, gv_hybrid_leg_sql(target, leg, key, false), query, query_type,
						   found);
		if (n >= 0)
			return n;
		n = 0;
	}
	gv_hybrid_run_leg(target, gv_hybrid_leg_sql(target, leg, key, true), query, query_type, true);
	n_rows = SPI_processed;
	desc = SPI_tuptable->tupdesc;
	if (SPI_gettypeid(desc, 3) != FLOAT8OID)
		elog(ERROR, "distance of a leg is not of type double precision");
	*found = SPI_palloc(sizeof(GvHybridFound) * Max(n_rows, 1));
	for (uint64 i = 0; i < n_rows; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		bool		isnull;
		double		distance = DatumGetFloat8(SPI_getbinval(tuple, desc, 3, &isnull));

		CHECK_FOR_INTERRUPTS();
		if (!isnull && take_row(leg, tuple, desc, distance, &(*found)[n]))
			n++;
	}
	SPI_freetuptable(SPI_tuptable);
	return n;
}

/*
 * gv_hybrid_goodness
 *		What is fused of what a leg says of a row.
 *
 * Linear fusion adds up similarities: of distances that have none of their own,
 * 1 / (1 + distance).
 */
double
gv_hybrid_goodness(const GvHybridTarget *target, int leg, double raw, GvHybridMethod method)
{
	if (leg == GV_HYBRID_TEXT)
		return raw;
	if (method != GV_HYBRID_LINEAR)
		return -raw;
	switch (target->distance)
	{
		case GV_HYBRID_INNER_PRODUCT:
			return -raw;
		case GV_HYBRID_COSINE:
			return 1 - raw;
		default:
			return 1 / (1 + raw);
	}
}
