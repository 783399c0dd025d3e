/*-------------------------------------------------------------------------
 *
 * validate.c
 *		Check the definition of operator classes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/syscache.h"

#include "am/validate.h"
#include "bm25/bm25.h"

/* Strategies: @@@ and <@> */
#define N_STRATEGIES 2

/*
 * gv_bm25_validate
 *		amvalidate: of text, an array of it or tsvector, one operator that searches and one
 *		that orders.  Operator classes with a support function are of filter columns.
 */
bool
gv_bm25_validate(Oid opclass_oid)
{
	HeapTuple	tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclass_oid));
	Form_pg_opclass form;
	CatCList   *operators;
	CatCList   *functions;
	bool		has_search = false;
	bool		has_order = false;
	bool		result = true;
	const char *problem = NULL;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator class %u", opclass_oid);
	form = (Form_pg_opclass) GETSTRUCT(tuple);
	functions = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(form->opcfamily));
	result = functions->n_members == 0;
	ReleaseSysCacheList(functions);
	if (!result)
	{
		ReleaseSysCache(tuple);
		return gv_am_validate(opclass_oid);
	}
	operators = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(form->opcfamily));
	for (int i = 0; i < operators->n_members; i++)
	{
		Form_pg_amop op = (Form_pg_amop) GETSTRUCT(&operators->members[i]->tuple);
		bool		orders = op->amoppurpose == AMOP_ORDER;

		if (op->amopstrategy < 1 || op->amopstrategy > N_STRATEGIES ||
			orders != (op->amopstrategy == N_STRATEGIES) ||
			!check_amop_signature(op->amopopr, orders ? FLOAT8OID : BOOLOID, op->amoplefttype,
								  op->amoprighttype))
			problem = "contains an invalid operator";
		else if (op->amoplefttype == form->opcintype)
		{
			has_order |= orders;
			has_search |= !orders;
		}
	}
	if (problem == NULL && (!has_search || !has_order))
		problem = "is incomplete";
	if (problem == NULL && form->opcintype != TEXTOID && form->opcintype != TEXTARRAYOID &&
		form->opcintype != TSVECTOROID)
		problem = "is of a type that is no text";
	if (problem != NULL)
	{
		ereport(INFO,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("operator class \"%s\" of access method bm25 %s",
						NameStr(form->opcname), problem)));
		result = false;
	}
	ReleaseCatCacheList(operators);
	ReleaseSysCache(tuple);
	return result;
}
