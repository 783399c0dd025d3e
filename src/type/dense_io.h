/*-------------------------------------------------------------------------
 *
 * dense_io.h
 *		Text, binary and array forms of one dense type.
 *
 * Included once by vector.c and once by halfvec.c; see dense.h for what they
 * define first.
 *
 *-------------------------------------------------------------------------
 */

/*
 * Text to value.
 */
GV_FUNCTION(DENSE_FUNCTION(in));
Datum
DENSE_FUNCTION(in) (PG_FUNCTION_ARGS)
{
	char	   *str = PG_GETARG_CSTRING(0);
	int32		typmod = PG_GETARG_INT32(2);
	struct Node *escontext = fcinfo->context;
	float		x[DENSE_MAX_DIM];
	int			dim;
	DENSE_STRUCT *result;

	dim = gv_type_parse_dense(str, DENSE_TYPE, DENSE_MAX_DIM, x, escontext);
	if (dim == 0 || !gv_type_check_typmod(typmod, dim, DENSE_TYPE, escontext))
		PG_RETURN_NULL();
	result = make_value(x, dim, escontext);
	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(result);
}

/*
 * Value to text.
 */
GV_FUNCTION(DENSE_FUNCTION(out));
Datum
DENSE_FUNCTION(out) (PG_FUNCTION_ARGS)
{
	DENSE_STRUCT *value = DENSE_GETARG(0);

	PG_RETURN_CSTRING(gv_type_print_dense(dense_floats(value), value->dim));
}

/*
 * Modifiers to type modifier.
 */
GV_FUNCTION(DENSE_FUNCTION(typmod_in));
Datum
DENSE_FUNCTION(typmod_in) (PG_FUNCTION_ARGS)
{
	ArrayType  *modifiers = PG_GETARG_ARRAYTYPE_P(0);

	PG_RETURN_INT32(gv_type_read_dense_typmod(modifiers, DENSE_TYPE,
											  DENSE_MAX_DIM));
}

/*
 * Binary form to value: int16 dim, int16 zero, the elements, all big-endian.
 */
GV_FUNCTION(DENSE_FUNCTION(recv));
Datum
DENSE_FUNCTION(recv) (PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int32		typmod = PG_GETARG_INT32(2);
	DENSE_STRUCT *result;
	const char *raw;
	int			dim;
	int			unused;
	int			i;

	dim = (int16) pq_getmsgint(buf, sizeof(int16));
	unused = (int) pq_getmsgint(buf, sizeof(int16));

	gv_type_check_dim(dim, DENSE_TYPE, DENSE_MAX_DIM, NULL);
	gv_type_check_typmod(typmod, dim, DENSE_TYPE, NULL);
	if (unused != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("invalid binary form of type %s", DENSE_TYPE),
				 errdetail("The reserved field is %d instead of 0.", unused)));

	raw = pq_getmsgbytes(buf, dim * (int) sizeof(DENSE_ELEMENT));
	result = DENSE_NEW(dim);
	for (i = 0; i < dim; i++)
		result->x[i] = dense_receive(raw + i * sizeof(DENSE_ELEMENT));
	gv_type_check_finite(dense_floats(result), dim, DENSE_TYPE, NULL);
	PG_RETURN_POINTER(result);
}

/*
 * Value to binary form.
 */
GV_FUNCTION(DENSE_FUNCTION(send));
Datum
DENSE_FUNCTION(send) (PG_FUNCTION_ARGS)
{
	DENSE_STRUCT *value = DENSE_GETARG(0);
	StringInfoData buf;
	int			i;

	pq_begintypsend(&buf);
	enlargeStringInfo(&buf, 2 * sizeof(int16) + value->dim * sizeof(DENSE_ELEMENT));
	pq_writeint16(&buf, (uint16) value->dim);
	pq_writeint16(&buf, 0);
	for (i = 0; i < value->dim; i++)
		dense_send(&buf, value->x[i]);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/*
 * Value to value of the same type: checks the type modifier.
 */
GV_FUNCTION(DENSE_FUNCTION(cast));
Datum
DENSE_FUNCTION(cast) (PG_FUNCTION_ARGS)
{
	DENSE_STRUCT *value = DENSE_GETARG(0);

	gv_type_check_typmod(PG_GETARG_INT32(1), value->dim, DENSE_TYPE, NULL);
	PG_RETURN_POINTER(value);
}

/*
 * Array of numbers to value.
 */
GV_FUNCTION(DENSE_FUNCTION(from_array));
Datum
DENSE_FUNCTION(from_array) (PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int			dim = gv_type_check_array(array, DENSE_TYPE, DENSE_MAX_DIM);
	float		x[DENSE_MAX_DIM];

	gv_type_check_typmod(PG_GETARG_INT32(1), dim, DENSE_TYPE, NULL);
	gv_type_read_array(array, x, dim, DENSE_TYPE);
	PG_RETURN_POINTER(make_value(x, dim, NULL));
}

/*
 * Value to real[].
 */
GV_FUNCTION(DENSE_FUNCTION(to_float4));
Datum
DENSE_FUNCTION(to_float4) (PG_FUNCTION_ARGS)
{
	DENSE_STRUCT *value = DENSE_GETARG(0);
	ArrayType  *result = gv_type_new_float4_array(value->dim);

	memcpy(ARR_DATA_PTR(result), dense_floats(value), sizeof(float) * value->dim);
	PG_RETURN_ARRAYTYPE_P(result);
}
