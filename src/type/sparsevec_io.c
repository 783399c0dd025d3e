/*-------------------------------------------------------------------------
 *
 * sparsevec_io.c
 *		Text and binary form of type sparsevec.
 *
 * Text: {index:value,...}/dimensions with indices from 1, in any order.
 * Elements with value zero are accepted and dropped.  White space may stand
 * between any two parts.
 *
 * Binary, all big-endian: int32 dim, int32 nnz, int32 zero, int32 index[nnz]
 * from 0 and ascending, float4 value[nnz], none of them zero.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "type/parse.h"
#include "type/sparsevec.h"

GV_FUNCTION(gv_type_sparsevec_in);
GV_FUNCTION(gv_type_sparsevec_out);
GV_FUNCTION(gv_type_sparsevec_recv);
GV_FUNCTION(gv_type_sparsevec_send);
GV_FUNCTION(gv_type_sparsevec_typmod_in);

/* Longest text of one int32, sign included */
#define INT32_TEXT_LEN 11

static const char *const missing_value =
"An index must be followed by \":\" and a value.";
static const char *const missing_dim =
"The elements must be followed by \"/\" and the number of dimensions.";

/* An element read from text */
typedef struct TextElement
{
	int32		index;			/* 0-based; out of bounds if the text said so */
	float		value;			/* not zero */
} TextElement;

/* What the text of a sparsevec says */
typedef struct TextReader
{
	const char *text;			/* the whole text, for messages */
	const char *cursor;			/* first character not yet read */
	struct Node *escontext;		/* where to save an error, or NULL to raise it */
	TextElement *elements;		/* TextElement[nnz], in the order of the text */
	int			nnz;			/* number of non-zero elements read */
	bool		ascending;		/* are the elements in order so far? */
	int32		dim;			/* number after the slash */
} TextReader;

/*
 * Report malformed text.  The detail is a full sentence.
 */
static bool
report_syntax(TextReader *reader, const char *detail)
{
	ereturn(reader->escontext, false,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s: \"%s\"", "sparsevec",
					gv_type_make_excerpt(reader->text, strlen(reader->text))),
			 errdetail_internal("%s", detail)));
}

/*
 * Skip white space and then the given character, if it is there.
 */
static bool
skip_char(TextReader *reader, char c)
{
	reader->cursor = gv_type_skip_space(reader->cursor);
	if (*reader->cursor != c)
		return false;
	reader->cursor++;
	return true;
}

/*
 * Read one "index:value".
 */
static bool
read_element(TextReader *reader)
{
	TextElement *element = &reader->elements[reader->nnz];
	const char *start;
	int32		index;
	float		value;

	reader->cursor = gv_type_skip_space(reader->cursor);
	if (gv_type_parse_int(&reader->cursor, &index) != GV_PARSE_OK)
		return report_syntax(reader, "An element must start with its index.");
	if (!skip_char(reader, ':'))
		return report_syntax(reader, missing_value);

	reader->cursor = gv_type_skip_space(reader->cursor);
	start = reader->cursor;
	switch (gv_type_parse_float(&reader->cursor, &value))
	{
		case GV_PARSE_OK:
			break;
		case GV_PARSE_SYNTAX:
			return report_syntax(reader, missing_value);
		case GV_PARSE_RANGE:
			ereturn(reader->escontext, false,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("\"%s\" is out of range for type %s",
							gv_type_make_excerpt(start, reader->cursor - start), "sparsevec")));
	}
	if (!gv_type_check_sparsevec_element(index, value, reader->escontext))
		return false;
	if (value == 0)
		return true;

	element->index = index > 0 ? index - 1 : -1;
	element->value = value;
	if (reader->nnz > 0 && element->index <= element[-1].index)
		reader->ascending = false;
	reader->nnz++;
	return true;
}

/*
 * Read the text into the reader's fields.  The numbers are valid in themselves
 * then, but not yet checked against each other.
 */
static bool
read_text(TextReader *reader)
{
	if (!skip_char(reader, '{'))
		return report_syntax(reader, "A sparsevec must start with \"{\".");
	if (!skip_char(reader, '}'))
	{
		do
		{
			if (!read_element(reader))
				return false;
		} while (skip_char(reader, ','));
		if (!skip_char(reader, '}'))
			return report_syntax(reader, "Elements must be separated by \",\" and end with \"}\".");
	}
	reader->cursor = gv_type_skip_space(reader->cursor);
	if (!skip_char(reader, '/'))
		return report_syntax(reader, missing_dim);
	reader->cursor = gv_type_skip_space(reader->cursor);
	if (gv_type_parse_int(&reader->cursor, &reader->dim) != GV_PARSE_OK)
		return report_syntax(reader, missing_dim);
	reader->cursor = gv_type_skip_space(reader->cursor);
	if (*reader->cursor != '\0')
		return report_syntax(reader, "There is text after the number of dimensions.");
	return true;
}

/*
 * Sort elements by index, by merging runs of doubling length: no input takes
 * more than n log n steps, which qsort() does not promise.
 */
static void
sort_elements(TextElement *elements, int n)
{
	TextElement *from = elements;
	TextElement *spare = (TextElement *) palloc(sizeof(TextElement) * Max(n, 1));
	TextElement *to = spare;

	for (int width = 1; width < n; width *= 2)
	{
		TextElement *swap;

		for (int start = 0; start < n; start += 2 * width)
		{
			int			middle = Min(start + width, n);
			int			end = Min(start + 2 * width, n);
			int			left = start;
			int			right = middle;

			for (int i = start; i < end; i++)
			{
				if (left < middle &&
					(right >= end || from[left].index <= from[right].index))
					to[i] = from[left++];
				else
					to[i] = from[right++];
			}
		}
		swap = from;
		from = to;
		to = swap;
	}
	if (from != elements)
		memcpy(elements, from, sizeof(TextElement) * n);
	pfree(spare);
}

/*
 * sparsevec_in(cstring, oid, integer) returns sparsevec
 */
Datum
gv_type_sparsevec_in(PG_FUNCTION_ARGS)
{
	char	   *text = PG_GETARG_CSTRING(0);
	int32		typmod = PG_GETARG_INT32(2);
	TextReader	reader = {.text = text, .cursor = text, .escontext = fcinfo->context,
	.ascending = true};
	int			capacity = 1;
	GvSparsevec *result;
	float	   *values;

	/* commas bound the number of elements, zeros included */
	for (const char *p = strchr(text, ','); p != NULL; p = strchr(p + 1, ','))
		capacity++;
	if (capacity > GV_SPARSEVEC_MAX_NNZ)
		ereturn(reader.escontext, (Datum) 0,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s cannot have more than %d non-zero elements",
						"sparsevec", GV_SPARSEVEC_MAX_NNZ)));
	reader.elements = (TextElement *) palloc(sizeof(TextElement) * capacity);

	if (!read_text(&reader) ||
		!gv_type_check_sparsevec_dim(reader.dim, typmod, reader.escontext))
		PG_RETURN_NULL();
	if (!reader.ascending)
		sort_elements(reader.elements, reader.nnz);

	/* in order, the first and the last bound all the others */
	if (reader.nnz > 0 &&
		(reader.elements[0].index < 0 ||
		 reader.elements[reader.nnz - 1].index >= reader.dim))
		ereturn(reader.escontext, (Datum) 0,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("sparsevec index out of bounds"),
				 errdetail("Indices must be from 1 to %d, the number of dimensions.", reader.dim)));

	result = gv_type_new_sparsevec(reader.dim, reader.nnz);
	values = gv_sparsevec_values(result);
	for (int i = 0; i < reader.nnz; i++)
	{
		result->indices[i] = reader.elements[i].index;
		values[i] = reader.elements[i].value;
		if (i > 0 && result->indices[i] == result->indices[i - 1])
			ereturn(reader.escontext, (Datum) 0,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("sparsevec indices must not contain duplicates"),
					 errdetail("Index %d is given more than once.", result->indices[i] + 1)));
	}
	pfree(reader.elements);
	PG_RETURN_POINTER(result);
}

/*
 * sparsevec_out(sparsevec) returns cstring
 */
Datum
gv_type_sparsevec_out(PG_FUNCTION_ARGS)
{
	GvSparsevec *v = GV_GETARG_SPARSEVEC(0);
	const float *values = gv_sparsevec_const_values(v);
	char	   *text;
	char	   *p;

	/* an element needs ',' and ':' besides, the whole '{', '}', '/' and 0 */
	text = (char *) palloc((Size) v->nnz * (INT32_TEXT_LEN + FLOAT_SHORTEST_DECIMAL_LEN + 2) +
						   INT32_TEXT_LEN + 4);
	p = text;
	*p++ = '{';
	for (int i = 0; i < v->nnz; i++)
	{
		if (i > 0)
			*p++ = ',';
		p += pg_ltoa(v->indices[i] + 1, p);
		*p++ = ':';
		p += float_to_shortest_decimal_bufn(values[i], p);
	}
	*p++ = '}';
	*p++ = '/';
	p += pg_ltoa(v->dim, p);
	*p = '\0';

	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_CSTRING(text);
}

/*
 * Check what a binary message says before its elements, and that there are as
 * many as it says, before anything is allocated for them.
 */
static void
check_message_header(StringInfo message, int32 dim, int32 nnz, int32 unused)
{
	if (nnz < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("sparsevec cannot have a negative number of non-zero elements")));
	if (nnz > GV_SPARSEVEC_MAX_NNZ)
		gv_type_refuse_sparsevec_nnz();
	if (nnz > dim)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("sparsevec cannot have more non-zero elements than dimensions")));
	if (unused != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected unused bytes of sparsevec to be zero, not %d", unused)));
	if (message->len - message->cursor < nnz * (int) (sizeof(int32) + sizeof(float)))
		ereport(ERROR,
				(errcode(ERRCODE_PROTOCOL_VIOLATION),
				 errmsg("insufficient data left in message")));
}

/*
 * sparsevec_recv(internal, oid, integer) returns sparsevec
 */
Datum
gv_type_sparsevec_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int32		typmod = PG_GETARG_INT32(2);
	int32		dim = (int32) pq_getmsgint(message, sizeof(int32));
	int32		nnz = (int32) pq_getmsgint(message, sizeof(int32));
	int32		unused = (int32) pq_getmsgint(message, sizeof(int32));
	int32		previous = -1;
	GvSparsevec *result;
	float	   *values;

	(void) gv_type_check_sparsevec_dim(dim, typmod, NULL);
	check_message_header(message, dim, nnz, unused);
	result = gv_type_new_sparsevec(dim, nnz);
	values = gv_sparsevec_values(result);
	for (int i = 0; i < nnz; i++)
	{
		int32		index = (int32) pq_getmsgint(message, sizeof(int32));

		if (index < 0 || index >= dim)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("sparsevec index out of bounds"),
					 errdetail("Indices must be from 0 to %d in binary form.", dim - 1)));
		if (index < previous)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("sparsevec indices must be in ascending order")));
		if (index == previous)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("sparsevec indices must not contain duplicates"),
					 errdetail("Index %d is given more than once.", index + 1)));
		result->indices[i] = index;
		previous = index;
	}
	for (int i = 0; i < nnz; i++)
	{
		values[i] = pq_getmsgfloat4(message);
		(void) gv_type_check_sparsevec_element(result->indices[i] + 1, values[i], NULL);
		if (values[i] == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("binary form of sparsevec cannot contain zero values")));
	}
	PG_RETURN_POINTER(result);
}

/*
 * sparsevec_send(sparsevec) returns bytea
 */
Datum
gv_type_sparsevec_send(PG_FUNCTION_ARGS)
{
	GvSparsevec *v = GV_GETARG_SPARSEVEC(0);
	const float *values = gv_sparsevec_const_values(v);
	StringInfoData message;

	pq_begintypsend(&message);
	enlargeStringInfo(&message, (int) gv_sparsevec_size(v->nnz));
	pq_sendint32(&message, v->dim);
	pq_sendint32(&message, v->nnz);
	pq_sendint32(&message, v->unused);
	for (int i = 0; i < v->nnz; i++)
		pq_sendint32(&message, v->indices[i]);
	for (int i = 0; i < v->nnz; i++)
		pq_sendfloat4(&message, values[i]);

	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/*
 * sparsevec_typmod_in(cstring[]) returns integer
 */
Datum
gv_type_sparsevec_typmod_in(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);

	PG_RETURN_INT32(gv_type_read_dense_typmod(array, "sparsevec", GV_SPARSEVEC_MAX_DIM));
}
