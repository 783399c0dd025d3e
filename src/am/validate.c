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
#include "catalog/pg_amproc.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "am/filter.h"
#include "am/opclass.h"
#include "am/validate.h"
#include "base/compat.h"

/* Report what is wrong with an operator class */
static void
report_invalid(Oid am, const char *name, const char *what)
{
	ereport(INFO,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("operator class \"%s\" of access method %s %s", name,
					get_am_name(am), what)));
}

/*
 * gv_am_validate
 *		amvalidate: of a vector, one ordering operator, and the function that
 *		describes the operator class; of a filter column, operators to search
 *		by, and the function that says how its values are kept.
 */
bool
gv_am_validate(Oid opclass_oid)
{
	HeapTuple	tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclass_oid));
	Form_pg_opclass form;
	CatCList   *operators;
	CatCList   *functions;
	bool		is_vector = false;
	bool		is_filter = false;
	bool		has_order = false;
	bool		has_search = false;
	bool		result = true;
	const char *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator class %u", opclass_oid);
	form = (Form_pg_opclass) GETSTRUCT(tuple);
	name = NameStr(form->opcname);
	operators = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(form->opcfamily));
	functions = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(form->opcfamily));

	for (int i = 0; i < functions->n_members; i++)
	{
		Form_pg_amproc proc = (Form_pg_amproc) GETSTRUCT(&functions->members[i]->tuple);

		if ((proc->amprocnum != GV_AM_OPCLASS_PROC && proc->amprocnum != GV_AM_FILTER_PROC) ||
			!check_amproc_signature(proc->amproc, INTERNALOID, true, 1, 1, INTERNALOID))
		{
			report_invalid(form->opcmethod, name, "contains an invalid support function");
			result = false;
		}
		else if (proc->amprocnum == GV_AM_OPCLASS_PROC)
			is_vector = true;
		else if (proc->amproclefttype == form->opcintype)
			is_filter = true;
	}
	for (int i = 0; i < operators->n_members; i++)
	{
		Form_pg_amop op = (Form_pg_amop) GETSTRUCT(&operators->members[i]->tuple);

		if (op->amoppurpose == AMOP_ORDER)
			has_order = true;
		else if (((op->amopstrategy == GV_AM_OPCLASS_WITHIN &&
				   op->amoprighttype == FLOAT8ARRAYOID) ||
				  (op->amopstrategy == GV_AM_OPCLASS_IN_BOX &&
				   op->amoprighttype == get_array_type(op->amoplefttype))) &&
				 check_amop_signature(op->amopopr, BOOLOID, op->amoplefttype,
									  op->amoprighttype))
			continue;
		else if (op->amopstrategy < 1 || op->amopstrategy > GV_AM_FILTER_STRATEGIES ||
				 !check_amop_signature(op->amopopr, BOOLOID, op->amoplefttype,
									   op->amoprighttype))
		{
			report_invalid(form->opcmethod, name, "contains an invalid operator");
			result = false;
		}
		else if (op->amoplefttype == form->opcintype)
			has_search = true;
	}
	if (is_vector && has_search)
	{
		report_invalid(form->opcmethod, name, "contains an operator that does not order");
		result = false;
	}
	if (is_vector == is_filter || (is_vector && !has_order) ||
		(is_filter && (!has_search || has_order)))
	{
		report_invalid(form->opcmethod, name, "is incomplete");
		result = false;
	}

	ReleaseCatCacheList(functions);
	ReleaseCatCacheList(operators);
	ReleaseSysCache(tuple);
	return result;
}
