/*-------------------------------------------------------------------------
 *
 * config.c
 *		Text search configurations by name, and whether one has changed.
 *
 * An index keeps the name of its configuration, for objects that initdb makes
 * have other numbers after pg_upgrade.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_ts_config.h"
#include "catalog/pg_ts_dict.h"
#include "catalog/pg_ts_parser.h"
#include "catalog/pg_ts_template.h"
#include "tsearch/ts_cache.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "bm25/tokens.h"

/*
 * gv_bm25_config_default
 *		The configuration of the setting default_text_search_config.
 *
 * Raises an error if there is none of that name.
 */
Oid
gv_bm25_config_default(void)
{
	return getTSCurrentConfig(true);
}

/*
 * gv_bm25_config_from_name
 *		The configuration of a name, with or without schema, with or without
 *		double quotes; InvalidOid if missing_ok and there is none.
 */
Oid
gv_bm25_config_from_name(const char *name, bool missing_ok)
{
	List	   *names = gv_base_name_to_list(name);

	return get_ts_config_oid(names, missing_ok);
}

/*
 * gv_bm25_config_name
 *		The name of a configuration with its schema, quoted where needed; NULL if
 *		there is no such configuration.
 */
char *
gv_bm25_config_name(Oid config)
{
	HeapTuple	tuple = SearchSysCache1(TSCONFIGOID, ObjectIdGetDatum(config));
	Form_pg_ts_config form;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	form = (Form_pg_ts_config) GETSTRUCT(tuple);
	name = quote_qualified_identifier(get_namespace_name(form->cfgnamespace),
									  NameStr(form->cfgname));
	ReleaseSysCache(tuple);
	return name;
}

/* Append a name with its schema */
static void
append_name(StringInfo buf, Oid schema, const char *name)
{
	char	   *schema_name = get_namespace_name(schema);

	appendStringInfo(buf, "%s;", quote_qualified_identifier(schema_name, name));
}

/* Append the name of a function with its schema */
static void
append_function(StringInfo buf, Oid function)
{
	char	   *name = OidIsValid(function) ? get_func_name(function) : NULL;

	if (name)
		append_name(buf, get_func_namespace(function), name);
}

static void
append_parser(StringInfo buf, Oid parser)
{
	HeapTuple	tuple = SearchSysCache1(TSPARSEROID, ObjectIdGetDatum(parser));
	Form_pg_ts_parser form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for text search parser %u", parser);
	form = (Form_pg_ts_parser) GETSTRUCT(tuple);
	append_name(buf, form->prsnamespace, NameStr(form->prsname));
	append_function(buf, form->prsstart);
	append_function(buf, form->prstoken);
	ReleaseSysCache(tuple);
}

static void
append_dictionary(StringInfo buf, Oid dictionary)
{
	HeapTuple	tuple = SearchSysCache1(TSDICTOID, ObjectIdGetDatum(dictionary));
	HeapTuple	template;
	Form_pg_ts_dict form;
	Datum		options;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for text search dictionary %u", dictionary);
	form = (Form_pg_ts_dict) GETSTRUCT(tuple);
	append_name(buf, form->dictnamespace, NameStr(form->dictname));
	template = SearchSysCache1(TSTEMPLATEOID, ObjectIdGetDatum(form->dicttemplate));
	if (!HeapTupleIsValid(template))
		elog(ERROR, "cache lookup failed for text search template %u", form->dicttemplate);
	append_function(buf, ((Form_pg_ts_template) GETSTRUCT(template))->tmplinit);
	append_function(buf, ((Form_pg_ts_template) GETSTRUCT(template))->tmpllexize);
	ReleaseSysCache(template);
	options = SysCacheGetAttr(TSDICTOID, tuple, Anum_pg_ts_dict_dictinitoption, &isnull);
	if (!isnull)
		appendStringInfoString(buf, TextDatumGetCString(options));
	appendStringInfoChar(buf, ';');
	ReleaseSysCache(tuple);
}

/*
 * gv_bm25_config_fingerprint
 *		A hash of what makes lexemes of a text: the parser, the dictionaries of
 *		each type of token, their templates and options.
 *
 * What the files of dictionaries hold does not count, nor the versions of
 * PostgreSQL and of the locale.
 */
uint64
gv_bm25_config_fingerprint(Oid config)
{
	TSConfigCacheEntry *entry = lookup_ts_config_cache(config);
	StringInfoData buf;
	uint64		hash;

	initStringInfo(&buf);
	append_parser(&buf, entry->prsId);
	for (int type = 0; type < entry->lenmap; type++)
	{
		if (entry->map[type].len == 0)
			continue;
		appendStringInfo(&buf, "%d:", type);
		for (int i = 0; i < entry->map[type].len; i++)
			append_dictionary(&buf, entry->map[type].dictIds[i]);
	}
	hash = hash_bytes_extended((const unsigned char *) buf.data, buf.len, 0);
	pfree(buf.data);
	return hash;
}
