/*-------------------------------------------------------------------------
 *
 * extension.c
 *		Our own row of pg_extension.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "am/extension.h"

/*
 * What the extension may be called: "vector" is what make install-vector
 * installs.  A database that has both has the objects under the first.
 */
static const char *const extension_names[] = {"gigavec", "vector"};

/* The version of ours that a version of the extension "vector" stands for */
static char *
translate_version(const char *version)
{
	int			number;

	if (sscanf(version, "0.8.%d", &number) != 1)
		return pstrdup(version);
	return psprintf("%d.%d.%d", number / 10000, number / 100 % 100, number % 100);
}

/*
 * gv_am_find_extension
 *		Find the schema of the extension, where its types and operators are, and
 *		the version of its objects; false if it was not created.
 *
 * version: NULL if there is none
 */
bool
gv_am_find_extension(Oid *schema, char **version)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	bool		found = false;

	*schema = InvalidOid;
	*version = NULL;
	for (int i = 0; i < lengthof(extension_names) && !found; i++)
	{
		ScanKeyData key;
		SysScanDesc scan;
		HeapTuple	tuple;

		ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
					CStringGetDatum(extension_names[i]));
		scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
		tuple = systable_getnext(scan);
		found = HeapTupleIsValid(tuple);
		if (found)
		{
			bool		isnull;
			Datum		value = heap_getattr(tuple, Anum_pg_extension_extversion,
											 RelationGetDescr(rel), &isnull);

			*schema = ((Form_pg_extension) GETSTRUCT(tuple))->extnamespace;
			if (!isnull)
				*version = i == 0 ? TextDatumGetCString(value) :
					translate_version(TextDatumGetCString(value));
		}
		systable_endscan(scan);
	}
	table_close(rel, AccessShareLock);
	return found;
}
