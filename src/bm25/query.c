/*-------------------------------------------------------------------------
 *
 * query.c
 *		The type bm25query in SQL.
 *
 * Text: the query as the user wrote it.  Before it stands a header in braces if
 * an index is named, or if it is not in the query language:
 *
 *		{index=public.docs_body_idx} words of the "query language"
 *		{plain} words without operators
 *		{index=public.docs_body_idx,tsquery} 'lexem' & 'queri'
 *
 * and {} if it begins as a header does.  Binary: int8 1, then the text.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "am/inspect.h"
#include "base/compat.h"
#include "bm25/corpus.h"
#include "bm25/query_parse.h"

GV_FUNCTION(gv_bm25_query_in);
GV_FUNCTION(gv_bm25_query_out);
GV_FUNCTION(gv_bm25_query_recv);
GV_FUNCTION(gv_bm25_query_send);
GV_FUNCTION(gv_bm25_query_make);
GV_FUNCTION(gv_bm25_query_make_for_index);
GV_FUNCTION(gv_bm25_query_make_plain);
GV_FUNCTION(gv_bm25_query_make_strict);
GV_FUNCTION(gv_bm25_query_make_tsquery);
GV_FUNCTION(gv_bm25_query_eq);
GV_FUNCTION(gv_bm25_query_ne);

/* Version of the binary form */
#define BINARY_VERSION 1

/* Make a value */
static GvBm25Query
make_query(const char *text, Size length, Oid index, GvBm25QuerySyntax syntax)
{
	Size		size = offsetof(GvBm25QueryData, text) + length;
	GvBm25Query query;

	if (length > GV_BM25_MAX_QUERY)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("bm25query cannot have more than %d bytes", GV_BM25_MAX_QUERY),
				 errdetail("The query has %zu bytes.", length)));
	query = palloc0(size);
	SET_VARSIZE(query, size);
	query->index = index;
	query->version = GV_BM25_QUERY_VERSION;
	query->syntax = syntax;
	memcpy(query->text, text, length);
	return query;
}

/*
 * gv_bm25_query_from_text
 *		Make a value of a text in the query language.
 *
 * index: or InvalidOid.  Raises an error only if the text is too long.
 */
GvBm25Query
gv_bm25_query_from_text(const char *text, Size length, Oid index)
{
	return make_query(text, length, index, GV_BM25_SYNTAX_WORDS);
}

/*
 * gv_bm25_query_from_datum
 *		The value of a datum, which may be compressed or short.
 *
 * Raises an error if it is none, for which only a damaged page can be the
 * reason.
 */
GvBm25Query
gv_bm25_query_from_datum(Datum value)
{
	GvBm25Query query = (GvBm25Query) PG_DETOAST_DATUM(value);

	if (VARSIZE(query) < offsetof(GvBm25QueryData, text) ||
		VARSIZE(query) > offsetof(GvBm25QueryData, text) + GV_BM25_MAX_QUERY ||
		query->version != GV_BM25_QUERY_VERSION || query->syntax > GV_BM25_SYNTAX_TSQUERY)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("value of type bm25query is damaged")));
	return query;
}

/*
 * gv_bm25_query_index
 *		The index of a name, which may have a schema and quotes, or of a number.
 */
Oid
gv_bm25_query_index(const char *name)
{
	Oid			index = DatumGetObjectId(DirectFunctionCall1(regclassin, CStringGetDatum(name)));

	/* one that was dropped since a value was written has a number only */
	if (get_rel_relkind(index) != '\0')
		gv_am_inspect_require_index(index);
	return index;
}

/* Where the braces close that a text begins with; NULL if they do not */
static const char *
find_header_end(const char *text)
{
	bool		quoted = false;

	if (*text != '{')
		return NULL;
	for (const char *at = text + 1; *at; at++)
	{
		if (*at == '"')
			quoted = !quoted;
		else if (*at == '}' && !quoted)
			return at;
	}
	return NULL;
}

/*
 * Read a header.  Returns the text after it, or the text itself if it has none,
 * and then changes nothing.
 */
static const char *
read_header(const char *text, Oid *index, GvBm25QuerySyntax *syntax)
{
	const char *end = find_header_end(text);
	GvBm25QuerySyntax found = GV_BM25_SYNTAX_WORDS;
	char	   *header;
	char	   *name = NULL;
	char	   *word;

	if (end == NULL)
		return text;
	word = header = pnstrdup(text + 1, end - text - 1);
	if (strncmp(header, "index=", strlen("index=")) == 0)
	{
		bool		quoted = false;

		name = header + strlen("index=");
		for (word = name; *word && (quoted || *word != ','); word++)
			quoted ^= *word == '"';
		if (*word == ',')
		{
			*word++ = '\0';
			if (*word == '\0')
				return text;
		}
	}
	if (strcmp(word, "plain") == 0)
		found = GV_BM25_SYNTAX_PLAIN;
	else if (strcmp(word, "tsquery") == 0)
		found = GV_BM25_SYNTAX_TSQUERY;
	else if (*word != '\0')
		return text;
	if (name != NULL)
		*index = gv_bm25_query_index(name);
	*syntax = found;
	return end[1] == ' ' ? end + 2 : end + 1;
}

/* Read the text form */
static GvBm25Query
read_query(const char *text)
{
	Oid			index = InvalidOid;
	GvBm25QuerySyntax syntax = GV_BM25_SYNTAX_WORDS;

	text = read_header(text, &index, &syntax);
	/* raises an error for what is no tsquery */
	if (syntax == GV_BM25_SYNTAX_TSQUERY)
		(void) DirectFunctionCall1(tsqueryin, CStringGetDatum(text));
	return make_query(text, strlen(text), index, syntax);
}

/* Write the text form */
static char *
write_query(GvBm25Query query)
{
	Size		length = VARSIZE(query) - offsetof(GvBm25QueryData, text);
	StringInfoData buf;

	initStringInfo(&buf);
	if (OidIsValid(query->index))
		appendStringInfo(&buf, "index=%s",
						 DatumGetCString(DirectFunctionCall1(regclassout,
															 ObjectIdGetDatum(query->index))));
	if (query->syntax != GV_BM25_SYNTAX_WORDS)
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? "," : "",
						 query->syntax == GV_BM25_SYNTAX_PLAIN ? "plain" : "tsquery");
	if (buf.len > 0 || (length > 0 && query->text[0] == '{'))
	{
		char	   *header = buf.data;

		initStringInfo(&buf);
		appendStringInfo(&buf, "{%s} ", header);
	}
	appendBinaryStringInfo(&buf, query->text, length);
	return buf.data;
}

/*
 * gv_bm25_query_in
 *		Read the text form of bm25query.
 */
Datum
gv_bm25_query_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(read_query(PG_GETARG_CSTRING(0)));
}

/*
 * gv_bm25_query_out
 *		Write the text form of bm25query.
 */
Datum
gv_bm25_query_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(write_query(PG_GETARG_BM25QUERY(0)));
}

/*
 * gv_bm25_query_recv
 *		Read the binary form of bm25query.
 */
Datum
gv_bm25_query_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			version = pq_getmsgbyte(buf);
	int			n_bytes;

	if (version != BINARY_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unsupported version number %d of type bm25query", version)));
	PG_RETURN_POINTER(read_query(pq_getmsgtext(buf, buf->len - buf->cursor, &n_bytes)));
}

/*
 * gv_bm25_query_send
 *		Write the binary form of bm25query.
 */
Datum
gv_bm25_query_send(PG_FUNCTION_ARGS)
{
	char	   *text = write_query(PG_GETARG_BM25QUERY(0));
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, BINARY_VERSION);
	pq_sendtext(&buf, text, strlen(text));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/*
 * gv_bm25_query_make
 *		to_bm25query(text): in the query language, of which every text is a query.
 */
Datum
gv_bm25_query_make(PG_FUNCTION_ARGS)
{
	text	   *query = PG_GETARG_TEXT_PP(0);

	PG_RETURN_POINTER(gv_bm25_query_from_text(VARDATA_ANY(query), VARSIZE_ANY_EXHDR(query),
											  InvalidOid));
}

/*
 * gv_bm25_query_make_for_index
 *		to_bm25query(text, text): likewise, for the index of a name.
 */
Datum
gv_bm25_query_make_for_index(PG_FUNCTION_ARGS)
{
	text	   *query = PG_GETARG_TEXT_PP(0);
	Oid			index = gv_bm25_query_index(text_to_cstring(PG_GETARG_TEXT_PP(1)));

	PG_RETURN_POINTER(gv_bm25_query_from_text(VARDATA_ANY(query), VARSIZE_ANY_EXHDR(query),
											  index));
}

/*
 * gv_bm25_query_make_plain
 *		plainto_bm25query(text, regclass): words only; the index may be NULL.
 */
Datum
gv_bm25_query_make_plain(PG_FUNCTION_ARGS)
{
	text	   *query;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	query = PG_GETARG_TEXT_PP(0);
	PG_RETURN_POINTER(make_query(VARDATA_ANY(query), VARSIZE_ANY_EXHDR(query),
								 PG_ARGISNULL(1) ? InvalidOid :
								 gv_bm25_query_index(text_to_cstring(PG_GETARG_TEXT_PP(1))),
								 GV_BM25_SYNTAX_PLAIN));
}

/* The fields of an index, none of one of another kind */
static void
read_fields(Oid index_oid, GvBm25Fields *fields)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(index_oid));
	Oid			method = InvalidOid;
	GvBm25Index index;
	Relation	rel;

	memset(fields, 0, sizeof(*fields));
	if (HeapTupleIsValid(tuple))
	{
		method = ((Form_pg_class) GETSTRUCT(tuple))->relam;
		ReleaseSysCache(tuple);
	}
	if (!OidIsValid(method) || method != get_index_am_oid("bm25", true))
		return;
	rel = gv_bm25_open_first(index_oid);
	gv_bm25_open(&index, rel);
	*fields = index.meta.fields;
	index_close(rel, AccessShareLock);
}

/*
 * gv_bm25_query_make_strict
 *		strict_bm25query(text, text): in the query language, whose errors are
 *		raised; the index may be NULL, then no name is a field's.
 */
Datum
gv_bm25_query_make_strict(PG_FUNCTION_ARGS)
{
	text	   *query;
	GvBm25Query result;
	GvBm25Fields fields;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	query = PG_GETARG_TEXT_PP(0);
	result = gv_bm25_query_from_text(VARDATA_ANY(query), VARSIZE_ANY_EXHDR(query),
									 PG_ARGISNULL(1) ? InvalidOid :
									 gv_bm25_query_index(text_to_cstring(PG_GETARG_TEXT_PP(1))));
	read_fields(result->index, &fields);
	(void) gv_bm25_query_parse(VARDATA_ANY(query), VARSIZE_ANY_EXHDR(query), &fields, true);
	PG_RETURN_POINTER(result);
}

/*
 * gv_bm25_query_make_tsquery
 *		The cast from tsquery.
 */
Datum
gv_bm25_query_make_tsquery(PG_FUNCTION_ARGS)
{
	char	   *text = DatumGetCString(DirectFunctionCall1(tsqueryout, PG_GETARG_DATUM(0)));

	PG_RETURN_POINTER(make_query(text, strlen(text), InvalidOid, GV_BM25_SYNTAX_TSQUERY));
}

/* Are both the same query for the same index? */
static bool
same_query(FunctionCallInfo fcinfo)
{
	GvBm25Query a = PG_GETARG_BM25QUERY(0);
	GvBm25Query b = PG_GETARG_BM25QUERY(1);

	return VARSIZE(a) == VARSIZE(b) && a->index == b->index && a->syntax == b->syntax &&
		memcmp(a->text, b->text, VARSIZE(a) - offsetof(GvBm25QueryData, text)) == 0;
}

/*
 * gv_bm25_query_eq
 *		Operator =
 */
Datum
gv_bm25_query_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(same_query(fcinfo));
}

/*
 * gv_bm25_query_ne
 *		Operator <>
 */
Datum
gv_bm25_query_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!same_query(fcinfo));
}
