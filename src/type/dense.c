/*-------------------------------------------------------------------------
 *
 * dense.c
 *		What the dense types, vector and halfvec, share.
 *
 * Everything here works on float32 arrays.  Where an error can be caused by
 * the text of a value, the function takes an error-saving context and reports
 * by its result that the error was saved there.
 *
 * Messages, though not their details, have pgvector's words: its clients and
 * their tests look for them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"

#include "base/compat.h"
#include "type/dense.h"
#include "type/parse.h"

/* Bytes of the input that a message shows */
#define EXCERPT_LENGTH 64

/* The exponent bits of a float32; all of them set mean infinity or NaN */
#define EXPONENT_BITS 0x7F800000

/*
 * gv_type_make_excerpt
 *		The start of a text for a message, with "..." when there is more.
 *
 * length: bytes of str to consider
 */
char *
gv_type_make_excerpt(const char *str, size_t length)
{
	int			shown;

	if (length <= EXCERPT_LENGTH)
		return pnstrdup(str, length);
	shown = pg_mbcliplen(str, EXCERPT_LENGTH + 4, EXCERPT_LENGTH);
	return psprintf("%.*s...", shown, str);
}

/*
 * Report text that is not a list of numbers.
 */
static int
refuse_text(const char *str, const char *type, int dim, bool is_number,
			struct Node *escontext)
{
	char	   *excerpt = gv_type_make_excerpt(str, strlen(str));

	if (is_number)
		ereturn(escontext, 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%s\"", type, excerpt),
				 errdetail("Element %d is not followed by \",\" or \"]\".", dim)));
	ereturn(escontext, 0,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s: \"%s\"", type, excerpt),
			 errdetail("Element %d is not a number.", dim + 1)));
}

/*
 * gv_type_parse_dense
 *		Read the text form of a dense value, such as "[1,2.5,-3e-5]".
 *
 * x: float32[max_dim], written: the elements
 *
 * White space may surround every bracket, number and comma.  Returns the
 * number of dimensions, or 0 when an error was saved in escontext.
 * Errors: 22P02 no such list, 22003 element out of range, 22000 no element, or
 * NaN or infinity, 54000 more than max_dim elements.
 */
int
gv_type_parse_dense(const char *str, const char *type, int max_dim, float *x,
					struct Node *escontext)
{
	const char *p = gv_type_skip_space(str);
	int			dim = 0;

	if (*p != '[')
		ereturn(escontext, 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%s\"",
						type, gv_type_make_excerpt(str, strlen(str))),
				 errdetail("The first character is not \"[\"."),
				 errhint("Write the numbers in brackets, such as \"[1,2,3]\".")));
	p = gv_type_skip_space(p + 1);
	if (*p == ']')
	{
		gv_type_check_dim(0, type, max_dim, escontext);
		return 0;
	}

	for (;;)
	{
		const char *start;
		GvTypeParse result;

		if (unlikely(dim == max_dim))
		{
			gv_type_check_dim(max_dim + 1, type, max_dim, escontext);
			return 0;
		}

		p = gv_type_skip_space(p);
		start = p;
		result = gv_type_parse_float(&p, &x[dim]);
		if (unlikely(result == GV_PARSE_SYNTAX))
			return refuse_text(str, type, dim, false, escontext);
		/* what is too small for a float32 is zero */
		if (unlikely(result == GV_PARSE_RANGE && isinf(x[dim])))
			ereturn(escontext, 0,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("\"%s\" is out of range for type %s",
							gv_type_make_excerpt(start, p - start), type)));
		dim++;

		if (unlikely(*p != ',' && *p != ']'))
		{
			p = gv_type_skip_space(p);
			if (*p != ',' && *p != ']')
				return refuse_text(str, type, dim, true, escontext);
		}
		if (*p++ == ']')
			break;
	}

	p = gv_type_skip_space(p);
	if (unlikely(*p != '\0'))
		ereturn(escontext, 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%s\"",
						type, gv_type_make_excerpt(str, strlen(str))),
				 errdetail("There is more text after \"]\".")));

	if (!gv_type_check_finite(x, dim, type, escontext))
		return 0;
	return dim;
}

/*
 * gv_type_print_dense
 *		Write the text form of a dense value.
 *
 * Each element gets the fewest digits that read back as the same float32.
 * The result is palloc'd.
 */
char *
gv_type_print_dense(const float *x, int dim)
{
	/* the length of a number includes its terminator: room for the comma */
	char	   *result = palloc((Size) dim * FLOAT_SHORTEST_DECIMAL_LEN + 3);
	char	   *p = result;
	int			i;

	*p++ = '[';
	for (i = 0; i < dim; i++)
	{
		if (i > 0)
			*p++ = ',';
		p += float_to_shortest_decimal_bufn(x[i], p);
	}
	*p++ = ']';
	*p = '\0';
	return result;
}

/*
 * gv_type_read_dense_typmod
 *		Turn the modifiers of a type, such as (3), into a type modifier.
 *
 * Errors: 22023 when there is not one modifier between 1 and max_dim.
 */
int32
gv_type_read_dense_typmod(ArrayType *modifiers, const char *type, int max_dim)
{
	int32	   *values;
	int			n;

	values = ArrayGetIntegerTypmods(modifiers, &n);
	if (n != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid type modifier"),
				 errdetail("Type %s takes one modifier, the number of dimensions; there are %d.", type, n),
				 errhint("Write %s(3) for three dimensions.", type)));
	if (values[0] < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("dimensions for type %s must be at least 1", type),
				 errdetail("The type modifier is %d.", values[0])));
	if (values[0] > max_dim)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("dimensions for type %s cannot exceed %d", type, max_dim),
				 errdetail("The type modifier is %d.", values[0])));
	return values[0];
}

/*
 * gv_type_check_dim
 *		Check that a number of dimensions is from 1 to max_dim.
 *
 * Errors: 22000 below, 54000 above.  Returns false when the error was saved in
 * escontext.
 */
bool
gv_type_check_dim(int dim, const char *type, int max_dim, struct Node *escontext)
{
	if (unlikely(dim < 1))
		ereturn(escontext, false,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("%s must have at least 1 dimension", type)));
	if (unlikely(dim > max_dim))
		ereturn(escontext, false,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s cannot have more than %d dimensions", type, max_dim)));
	return true;
}

/*
 * gv_type_refuse_typmod
 *		Report a number of dimensions that the type modifier does not allow.
 */
bool
gv_type_refuse_typmod(int32 typmod, int dim, const char *type,
					  struct Node *escontext)
{
	ereturn(escontext, false,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("expected %d dimensions, not %d", typmod, dim),
			 errdetail("The value is for type %s(%d).", type, typmod)));
}

/*
 * gv_type_refuse_different_dims
 *		Report two values that cannot be computed with together.
 */
void
gv_type_refuse_different_dims(int dim1, int dim2, const char *type)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("different %s dimensions %d and %d", type, dim1, dim2)));
}

/*
 * gv_type_check_state_dim
 *		Check that a value, or another state, has a state's number of dimensions.
 */
void
gv_type_check_state_dim(int state_dim, int dim)
{
	if (unlikely(state_dim != dim))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected %d dimensions, not %d", state_dim, dim),
				 errdetail("The values of an average must have the same number of dimensions.")));
}

/*
 * gv_type_check_finite
 *		Check that no element is NaN or infinite.
 *
 * Errors: 22000.  Returns false when the error was saved in escontext.
 */
bool
gv_type_check_finite(const float *x, int dim, const char *type,
					 struct Node *escontext)
{
	uint32		found = 0;
	int			i;

	for (i = 0; i < dim; i++)
	{
		uint32		bits;

		memcpy(&bits, &x[i], sizeof(bits));
		found |= ((bits & EXPONENT_BITS) == EXPONENT_BITS);
	}
	if (likely(!found))
		return true;

	for (i = 0; i < dim - 1; i++)
		if (isnan(x[i]) || isinf(x[i]))
			break;
	if (isnan(x[i]))
		ereturn(escontext, false,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("NaN not allowed in %s", type),
				 errdetail("Element %d is NaN.", i + 1)));
	ereturn(escontext, false,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("infinite value not allowed in %s", type),
			 errdetail("Element %d is infinite.", i + 1)));
}

/*
 * gv_type_refuse_range
 *		Report an element that is too large for the type.
 *
 * Errors: 22003.  Returns false when the error was saved in escontext.
 */
bool
gv_type_refuse_range(float value, const char *type, struct Node *escontext)
{
	char		text[FLOAT_SHORTEST_DECIMAL_LEN];

	float_to_shortest_decimal_buf(value, text);
	ereturn(escontext, false,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("\"%s\" is out of range for type %s", text, type)));
}

/*
 * gv_type_check_array
 *		Check an array that is to become a dense value.
 *
 * Returns the number of its elements.  Errors: 22000 more than one dimension
 * or no element, 22004 nulls, 54000 more than max_dim elements.
 */
int
gv_type_check_array(ArrayType *array, const char *type, int max_dim)
{
	int			dim;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("array must be 1-D"),
				 errdetail("An array of %d dimensions cannot become a value of type %s.",
						   ARR_NDIM(array), type)));
	if (ARR_HASNULL(array) && array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("array must not contain nulls"),
				 errdetail("A value of type %s has no null elements.", type)));
	dim = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	gv_type_check_dim(dim, type, max_dim, NULL);
	return dim;
}

/*
 * gv_type_read_array
 *		Copy an array of integer, real, double precision or numeric.
 *
 * x: float32[dim], written; dim is what gv_type_check_array returned
 *
 * Errors: 22000 for an element that is NaN or infinite, a double out of the
 * range of float32, or another element type; 22003 for a numeric out of it.
 */
void
gv_type_read_array(ArrayType *array, float *x, int dim, const char *type)
{
	const char *data = ARR_DATA_PTR(array);
	int			i;

	switch (ARR_ELEMTYPE(array))
	{
		case INT4OID:
			for (i = 0; i < dim; i++)
				x[i] = (float) ((const int32 *) data)[i];
			break;
		case FLOAT4OID:
			memcpy(x, data, sizeof(float) * dim);
			break;
		case FLOAT8OID:
			for (i = 0; i < dim; i++)
			{
				float8		element = ((const float8 *) data)[i];

				x[i] = (float) element;
				if (unlikely(isinf(x[i]) && !isinf(element)))
					ereport(ERROR,
							(errcode(ERRCODE_DATA_EXCEPTION),
							 errmsg("infinite value not allowed in %s", type),
							 errdetail("\"%g\" is out of range for type real.", element)));
			}
			break;
		case NUMERICOID:
			{
				Datum	   *elements;
				int			n;

				deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT,
								  &elements, NULL, &n);
				for (i = 0; i < dim; i++)
					x[i] = DatumGetFloat4(DirectFunctionCall1(numeric_float4,
															  elements[i]));
				pfree(elements);
				break;
			}
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("cannot convert an array of type %s to type %s",
							format_type_be(ARR_ELEMTYPE(array)), type)));
	}
	gv_type_check_finite(x, dim, type, NULL);
}

/*
 * A new array of fixed-width elements, all zero.
 */
static ArrayType *
new_array(int n, Oid element_type, Size width)
{
	Size		size = ARR_OVERHEAD_NONULLS(1) + width * n;
	ArrayType  *array = palloc0(size);

	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = element_type;
	ARR_DIMS(array)[0] = n;
	ARR_LBOUND(array)[0] = 1;
	return array;
}

/*
 * gv_type_new_float4_array
 *		A new real[] of dim elements, all zero.
 */
ArrayType *
gv_type_new_float4_array(int dim)
{
	return new_array(dim, FLOAT4OID, sizeof(float4));
}

/*
 * gv_type_sum_squares
 *		Sum of the squares, in double; no float32 input can overflow it.
 */
double
gv_type_sum_squares(const float *x, int dim)
{
	double		sums[4] = {0, 0, 0, 0};
	int			i;

	for (i = 0; i + 4 <= dim; i += 4)
	{
		sums[0] += (double) x[i] * (double) x[i];
		sums[1] += (double) x[i + 1] * (double) x[i + 1];
		sums[2] += (double) x[i + 2] * (double) x[i + 2];
		sums[3] += (double) x[i + 3] * (double) x[i + 3];
	}
	for (; i < dim; i++)
		sums[0] += (double) x[i] * (double) x[i];
	return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/*
 * gv_type_cosine_similarity
 *		Cosine of the angle between two values, in double.
 *
 * For values whose sums left the range of float32.  NaN when a norm is zero.
 */
double
gv_type_cosine_similarity(const float *a, const float *b, int dim)
{
	double		product = 0;
	int			i;

	for (i = 0; i < dim; i++)
		product += (double) a[i] * (double) b[i];
	return product / sqrt(gv_type_sum_squares(a, dim) * gv_type_sum_squares(b, dim));
}

/*
 * gv_type_open_state
 *		Check the state of an average, and find its numbers.
 *
 * A state is float8[1 + dim]: the number of values, then the sum of each
 * dimension; dim is 0 before the first value.  States can come from anyone who
 * calls the functions of the aggregate directly.
 *
 * dim: written
 *
 * Errors: 22000 no such array, 54000 more than max_dim dimensions.
 */
float8 *
gv_type_open_state(ArrayType *state, const char *type, int max_dim, int *dim)
{
	if (ARR_NDIM(state) != 1 || ARR_DIMS(state)[0] < 1 ||
		ARR_HASNULL(state) || ARR_ELEMTYPE(state) != FLOAT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("aggregate state for %s must be one-dimensional and without nulls",
						type),
				 errhint("This function is meant to be called by the aggregate only.")));
	*dim = ARR_DIMS(state)[0] - 1;
	if (*dim > 0)
		gv_type_check_dim(*dim, type, max_dim, NULL);
	return (float8 *) ARR_DATA_PTR(state);
}

/*
 * gv_type_new_state
 *		A new state of an average, all zero.
 */
ArrayType *
gv_type_new_state(int dim)
{
	return new_array(dim + 1, FLOAT8OID, sizeof(float8));
}

/*
 * gv_type_check_sums
 *		Check that no sum of a state has overflowed.
 *
 * Errors: 22003.
 */
void
gv_type_check_sums(const float8 *sums, int dim)
{
	bool		found = false;
	int			i;

	for (i = 0; i < dim; i++)
		found |= isinf(sums[i]);
	if (unlikely(found))
		float_overflow_error();
}
