/*-------------------------------------------------------------------------
 *
 * show.c
 *		gigavec.lexemes and gigavec.query_tree: what texts and queries become.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "base/compat.h"
#include "bm25/query.h"

GV_FUNCTION(gv_bm25_show_lexemes);
GV_FUNCTION(gv_bm25_show_lexemes_of_array);
GV_FUNCTION(gv_bm25_show_query);

/* Arguments of all of them after the first */
enum
{
	ARG_CONFIG = 1,
	ARG_CJK
};

/* The tokenizer that the arguments ask for */
static GvBm25Tokenizer *
make_tokenizer(FunctionCallInfo fcinfo, int flags)
{
	char	   *cjk = text_to_cstring(PG_GETARG_TEXT_PP(ARG_CJK));

	if (strcmp(cjk, "bigram") == 0)
		flags |= GV_BM25_TOKENS_CJK_BIGRAM;
	else if (strcmp(cjk, "none") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for \"cjk\": \"%s\"", cjk),
				 errhint("Available values: none, bigram.")));
	return gv_bm25_tokenizer_create(CurrentMemoryContext, PG_GETARG_OID(ARG_CONFIG), flags);
}

/* The positions of a lexeme as an array */
static Datum
make_positions(const GvBm25Term *term)
{
	Datum	   *values = palloc_extended(sizeof(Datum) * term->tf, MCXT_ALLOC_HUGE);
	ArrayType  *array;

	for (uint32 i = 0; i < term->tf; i++)
		values[i] = Int32GetDatum((int32) term->positions[i]);
	array = construct_array(values, (int) term->tf, INT4OID, sizeof(int32), true, TYPALIGN_INT);
	pfree(values);
	return PointerGetDatum(array);
}

/* Return the lexemes of the document at hand */
static void
return_lexemes(FunctionCallInfo fcinfo, GvBm25Tokenizer *tokenizer)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const GvBm25Document *document = gv_bm25_tokenizer_finish(tokenizer);
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "bm25 row",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(row);

	for (int i = 0; i < document->n_terms; i++)
	{
		const GvBm25Term *term = &document->terms[i];
		Datum		values[2];
		bool		nulls[2] = {false, false};

		CHECK_FOR_INTERRUPTS();
		values[0] = PointerGetDatum(cstring_to_text_with_len(term->lexeme, (int) term->len));
		values[1] = make_positions(term);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		MemoryContextReset(row);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row);
	gv_bm25_tokenizer_free(tokenizer);
}

/*
 * gv_bm25_show_lexemes
 *		gigavec.lexemes(document text, config, cjk)
 */
Datum
gv_bm25_show_lexemes(PG_FUNCTION_ARGS)
{
	text	   *document = PG_GETARG_TEXT_PP(0);
	GvBm25Tokenizer *tokenizer = make_tokenizer(fcinfo, GV_BM25_TOKENS_POSITIONS);

	InitMaterializedSRF(fcinfo, 0);
	gv_bm25_tokenizer_begin(tokenizer);
	gv_bm25_tokenizer_add(tokenizer, VARDATA_ANY(document), VARSIZE_ANY_EXHDR(document));
	return_lexemes(fcinfo, tokenizer);
	return (Datum) 0;
}

/*
 * gv_bm25_show_lexemes_of_array
 *		gigavec.lexemes(document text[], config, cjk)
 */
Datum
gv_bm25_show_lexemes_of_array(PG_FUNCTION_ARGS)
{
	ArrayType  *document = PG_GETARG_ARRAYTYPE_P(0);
	GvBm25Tokenizer *tokenizer = make_tokenizer(fcinfo, GV_BM25_TOKENS_POSITIONS);

	InitMaterializedSRF(fcinfo, 0);
	gv_bm25_tokenizer_begin(tokenizer);
	gv_bm25_tokenizer_add_array(tokenizer, document);
	return_lexemes(fcinfo, tokenizer);
	return (Datum) 0;
}

/* Write a lexeme in quotes */
static void
write_lexeme(StringInfo buf, const char *lexeme, uint32 len)
{
	appendStringInfoChar(buf, '\'');
	for (uint32 i = 0; i < len; i++)
	{
		if (lexeme[i] == '\'' || lexeme[i] == '\\')
			appendStringInfoChar(buf, lexeme[i]);
		appendStringInfoChar(buf, lexeme[i]);
	}
	appendStringInfoChar(buf, '\'');
}

/* Write the lexemes of a phrase; blanks where any word may stand are numbers */
static void
write_phrase(StringInfo buf, const GvBm25Node *node)
{
	for (int i = 0; i < node->n_terms; i++)
	{
		const GvBm25PhraseTerm *term = &node->terms[i];
		uint32		distance = i > 0 ? term->offset - node->terms[i - 1].offset : 0;

		if (i > 0 && distance == 0)
			appendStringInfoChar(buf, '|');
		else if (distance > 1)
			appendStringInfo(buf, " <%u> ", distance);
		else if (i > 0)
			appendStringInfoChar(buf, ' ');
		write_lexeme(buf, term->lexeme, term->len);
		if (term->partial)
			appendStringInfoChar(buf, '*');
	}
}

static void
write_node(StringInfo buf, const GvBm25Node *node)
{
	check_stack_depth();
	if (node->occur != GV_BM25_OPTIONAL)
		appendStringInfoChar(buf, node->occur == GV_BM25_REQUIRED ? '+' : '-');
	switch (node->kind)
	{
		case GV_BM25_TERM:
		case GV_BM25_PREFIX:
		case GV_BM25_FUZZY:
			write_lexeme(buf, node->lexeme, node->len);
			if (node->kind == GV_BM25_PREFIX)
				appendStringInfoChar(buf, '*');
			if (node->kind == GV_BM25_FUZZY)
				appendStringInfo(buf, "~%d", node->edits);
			break;
		case GV_BM25_PHRASE:
			appendStringInfoChar(buf, '"');
			write_phrase(buf, node);
			appendStringInfoChar(buf, '"');
			if (node->slop > 0)
				appendStringInfo(buf, "~%d", node->slop);
			break;
		case GV_BM25_GROUP:
			appendStringInfoChar(buf, '(');
			for (int i = 0; i < node->n_children; i++)
			{
				if (i > 0)
					appendStringInfoChar(buf, ' ');
				write_node(buf, node->children[i]);
			}
			appendStringInfoChar(buf, ')');
			if (node->min_match > 1)
				appendStringInfo(buf, "~%d", node->min_match);
			break;
	}
	if (node->kind != GV_BM25_GROUP && node->weight != 1)
		appendStringInfo(buf, "^%g", node->weight);
}

/*
 * gv_bm25_show_query
 *		gigavec.query_tree(query, config, cjk)
 */
Datum
gv_bm25_show_query(PG_FUNCTION_ARGS)
{
	GvBm25Query query = PG_GETARG_BM25QUERY(0);
	GvBm25Tokenizer *tokenizer = make_tokenizer(fcinfo, 0);
	StringInfoData buf;

	initStringInfo(&buf);
	write_node(&buf, gv_bm25_query_resolve(query, tokenizer)->root);
	gv_bm25_tokenizer_free(tokenizer);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(buf.data, buf.len));
}
