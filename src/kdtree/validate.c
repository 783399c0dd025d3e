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
#include "utils/catcache.h"
#include "utils/syscache.h"

#include "am/opclass.h"
#include "kdtree/kdtree.h"

/* Report what is wrong with an operator class */
static void
report_invalid(const char *name, const char *what)
{
	ereport(INFO,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("operator class \"%s\" of access method kdtree %s", name, what)));
}

/*
 * gv_kdtree_validate
 *		amvalidate: one ordering operator, and the function that describes the
 *		operator class.
 */
bool
gv_kdtree_validate(Oid opclass_oid)
{
	HeapTuple	tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclass_oid));
	Form_pg_opclass form;
	CatCList   *operators;
	CatCList   *functions;
	bool		has_order = false;
	bool		has_function = false;
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

		if (proc->amprocnum == GV_AM_OPCLASS_PROC &&
			check_amproc_signature(proc->amproc, INTERNALOID, true, 1, 1, INTERNALOID))
			has_function = true;
		else
		{
			report_invalid(name, "contains an invalid support function");
			result = false;
		}
	}
	for (int i = 0; i < operators->n_members; i++)
	{
		Form_pg_amop op = (Form_pg_amop) GETSTRUCT(&operators->members[i]->tuple);

		if (op->amoppurpose == AMOP_ORDER)
			has_order = true;
		else
		{
			report_invalid(name, "contains an operator that does not order");
			result = false;
		}
	}
	if (!has_order || !has_function)
	{
		report_invalid(name, "is incomplete");
		result = false;
	}

	ReleaseCatCacheList(functions);
	ReleaseCatCacheList(operators);
	ReleaseSysCache(tuple);
	return result;
}
