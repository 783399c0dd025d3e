/*-------------------------------------------------------------------------
 *
 * dense_math.h
 *		Arithmetic on values of one dense type.
 *
 * Included once by vector.c and once by halfvec.c; see dense.h for what they
 * define first.
 *
 *-------------------------------------------------------------------------
 */

/*
 * Refuse a result that has left the range of the element type: 22003.
 */
static void
check_overflow(const DENSE_STRUCT *value)
{
	if (unlikely(has_infinity(value)))
		float_overflow_error();
}

/*
 * Number of dimensions.
 */
GV_FUNCTION(DENSE_FUNCTION(dims));
Datum
DENSE_FUNCTION(dims) (PG_FUNCTION_ARGS)
{
	DENSE_STRUCT *value = DENSE_GETARG(0);

	PG_RETURN_INT32(value->dim);
}

/*
 * Euclidean norm.
 */
GV_FUNCTION(DENSE_FUNCTION(norm));
Datum
DENSE_FUNCTION(norm) (PG_FUNCTION_ARGS)
{
	DENSE_STRUCT *value = DENSE_GETARG(0);

	PG_RETURN_FLOAT8(sqrt(gv_type_sum_squares(dense_floats(value), value->dim)));
}

/*
 * The value scaled to length 1; a value of length 0 stays as it is.
 */
GV_FUNCTION(DENSE_FUNCTION(l2_normalize));
Datum
DENSE_FUNCTION(l2_normalize) (PG_FUNCTION_ARGS)
{
	DENSE_STRUCT *value = DENSE_GETARG(0);
	const float *x = dense_floats(value);
	double		norm = sqrt(gv_type_sum_squares(x, value->dim));
	DENSE_STRUCT *result = DENSE_NEW(value->dim);
	float	   *r = dense_room(result);
	int			i;

	if (norm > 0)
	{
		for (i = 0; i < value->dim; i++)
			r[i] = (float) ((double) x[i] / norm);
		dense_store(r, result);
		check_overflow(result);
	}
	PG_RETURN_POINTER(result);
}

/*
 * Sum and difference by element.
 */
#define DENSE_BY_ELEMENT(name, operator) \
GV_FUNCTION(DENSE_FUNCTION(name)); \
Datum \
DENSE_FUNCTION(name) (PG_FUNCTION_ARGS) \
{ \
	DENSE_STRUCT *a; \
	DENSE_STRUCT *b; \
	DENSE_STRUCT *result; \
	const float *x; \
	const float *y; \
	float	   *r; \
 \
	get_operands(fcinfo, &a, &b); \
	x = dense_floats(a); \
	y = dense_floats(b); \
	result = DENSE_NEW(a->dim); \
	r = dense_room(result); \
	for (int i = 0; i < a->dim; i++) \
		r[i] = x[i] operator y[i]; \
	dense_store(r, result); \
	check_overflow(result); \
	PG_RETURN_POINTER(result); \
}

DENSE_BY_ELEMENT(add, +)
DENSE_BY_ELEMENT(sub, -)

/*
 * Product by element.  A product that becomes zero only by rounding is an
 * error, as in PostgreSQL's own multiplication.
 */
GV_FUNCTION(DENSE_FUNCTION(mul));
Datum
DENSE_FUNCTION(mul) (PG_FUNCTION_ARGS)
{
	DENSE_STRUCT *a;
	DENSE_STRUCT *b;
	DENSE_STRUCT *result;
	const float *x;
	const float *y;
	float	   *r;
	DENSE_FLAG	underflow = 0;
	int			i;

	get_operands(fcinfo, &a, &b);
	x = dense_floats(a);
	y = dense_floats(b);
	result = DENSE_NEW(a->dim);
	r = dense_room(result);
	for (i = 0; i < a->dim; i++)
		r[i] = x[i] * y[i];
	dense_store(r, result);
	check_overflow(result);
	for (i = 0; i < a->dim; i++)
	{
		bool		exact = dense_is_zero(a->x[i]) || dense_is_zero(b->x[i]);

		underflow |= dense_is_zero(result->x[i]) && !exact ? 1 : 0;
	}
	if (unlikely(underflow != 0))
		float_underflow_error();
	PG_RETURN_POINTER(result);
}

/*
 * The elements of the first value, then those of the second.
 */
GV_FUNCTION(DENSE_FUNCTION(concat));
Datum
DENSE_FUNCTION(concat) (PG_FUNCTION_ARGS)
{
	DENSE_STRUCT *a = DENSE_GETARG(0);
	DENSE_STRUCT *b = DENSE_GETARG(1);
	int			dim = (int) a->dim + (int) b->dim;
	DENSE_STRUCT *result;

	gv_type_check_dim(dim, DENSE_TYPE, DENSE_MAX_DIM, NULL);
	result = DENSE_NEW(dim);
	memcpy(result->x, a->x, sizeof(DENSE_ELEMENT) * a->dim);
	memcpy(result->x + a->dim, b->x, sizeof(DENSE_ELEMENT) * b->dim);
	PG_RETURN_POINTER(result);
}

/*
 * One bit for each element: 1 when it is above zero.
 */
GV_FUNCTION(DENSE_FUNCTION(binary_quantize));
Datum
DENSE_FUNCTION(binary_quantize) (PG_FUNCTION_ARGS)
{
	DENSE_STRUCT *value = DENSE_GETARG(0);
	const float *x = dense_floats(value);
	int			size = VARBITTOTALLEN(value->dim);
	VarBit	   *result = palloc0(size);
	bits8	   *bits;
	int			i;

	SET_VARSIZE(result, size);
	VARBITLEN(result) = value->dim;
	bits = VARBITS(result);
	for (i = 0; i < value->dim; i++)
		bits[i / BITS_PER_BYTE] |= (bits8) ((x[i] > 0) << (7 - i % BITS_PER_BYTE));
	PG_RETURN_VARBIT_P(result);
}

/*
 * Elements start to start + count - 1, counted from 1, as far as there are
 * such elements; at least one is needed.
 */
GV_FUNCTION(DENSE_FUNCTION(subvector));
Datum
DENSE_FUNCTION(subvector) (PG_FUNCTION_ARGS)
{
	DENSE_STRUCT *value = DENSE_GETARG(0);
	int64		first = PG_GETARG_INT32(1);
	int64		count = PG_GETARG_INT32(2);
	int64		end = Min(first + count, (int64) value->dim + 1);
	DENSE_STRUCT *result;
	int			dim;

	first = Max(first, 1);
	dim = count < 1 || end <= first ? 0 : (int) (end - first);
	gv_type_check_dim(dim, DENSE_TYPE, DENSE_MAX_DIM, NULL);
	result = DENSE_NEW(dim);
	memcpy(result->x, value->x + (first - 1), sizeof(DENSE_ELEMENT) * dim);
	PG_RETURN_POINTER(result);
}
