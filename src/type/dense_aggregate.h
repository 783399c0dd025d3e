/*-------------------------------------------------------------------------
 *
 * dense_aggregate.h
 *		The average of values of one dense type.
 *
 * Included once by vector.c and once by halfvec.c; see dense.h for what they
 * define first, and gv_type_open_state for the state.  The sum needs nothing
 * of its own: addition is its transition function.
 *
 *-------------------------------------------------------------------------
 */

/*
 * A state that may be changed: an aggregate's own, or else a copy.
 */
static ArrayType *
own_state(FunctionCallInfo fcinfo, ArrayType *state)
{
	ArrayType  *copy;

	if (AggCheckCallContext(fcinfo, NULL))
		return state;
	copy = palloc(VARSIZE(state));
	memcpy(copy, state, VARSIZE(state));
	return copy;
}

/*
 * Transition function: add a value to a state.
 */
GV_FUNCTION(DENSE_FUNCTION(accum));
Datum
DENSE_FUNCTION(accum) (PG_FUNCTION_ARGS)
{
	ArrayType  *state = PG_GETARG_ARRAYTYPE_P(0);
	DENSE_STRUCT *value = DENSE_GETARG(1);
	const float *x = dense_floats(value);
	float8	   *sums;
	int			dim;
	int			i;

	sums = gv_type_open_state(state, DENSE_TYPE, DENSE_MAX_DIM, &dim);
	if (dim == 0)
	{
		float8		count = sums[0];

		dim = value->dim;
		state = gv_type_new_state(dim);
		sums = (float8 *) ARR_DATA_PTR(state);
		sums[0] = count;
	}
	else
	{
		gv_type_check_state_dim(dim, value->dim);
		state = own_state(fcinfo, state);
		sums = (float8 *) ARR_DATA_PTR(state);
	}

	sums[0] += 1;
	for (i = 0; i < dim; i++)
		sums[1 + i] += (double) x[i];
	gv_type_check_sums(sums + 1, dim);
	PG_RETURN_ARRAYTYPE_P(state);
}

/*
 * Combine function: add a state to another one.
 */
GV_FUNCTION(DENSE_FUNCTION(combine));
Datum
DENSE_FUNCTION(combine) (PG_FUNCTION_ARGS)
{
	ArrayType  *state1 = PG_GETARG_ARRAYTYPE_P(0);
	ArrayType  *state2 = PG_GETARG_ARRAYTYPE_P(1);
	float8	   *sums1;
	float8	   *sums2;
	float8		count;
	int			dim1;
	int			dim2;
	int			i;

	sums1 = gv_type_open_state(state1, DENSE_TYPE, DENSE_MAX_DIM, &dim1);
	sums2 = gv_type_open_state(state2, DENSE_TYPE, DENSE_MAX_DIM, &dim2);
	count = sums1[0] + sums2[0];
	if (dim1 == 0 && dim2 > 0)
	{
		state1 = gv_type_new_state(dim2);
		dim1 = dim2;
	}
	else
		state1 = own_state(fcinfo, state1);
	sums1 = (float8 *) ARR_DATA_PTR(state1);

	if (dim2 > 0)
	{
		gv_type_check_state_dim(dim1, dim2);
		for (i = 1; i <= dim1; i++)
			sums1[i] += sums2[i];
	}
	sums1[0] = count;
	gv_type_check_sums(sums1 + 1, dim1);
	PG_RETURN_ARRAYTYPE_P(state1);
}

/*
 * Final function: the average, NULL when there was no value.
 */
GV_FUNCTION(DENSE_FUNCTION(avg));
Datum
DENSE_FUNCTION(avg) (PG_FUNCTION_ARGS)
{
	ArrayType  *state = PG_GETARG_ARRAYTYPE_P(0);
	float		x[DENSE_MAX_DIM];
	float8	   *sums;
	int			dim;
	int			i;

	sums = gv_type_open_state(state, DENSE_TYPE, DENSE_MAX_DIM, &dim);
	if (sums[0] == 0)
		PG_RETURN_NULL();

	gv_type_check_dim(dim, DENSE_TYPE, DENSE_MAX_DIM, NULL);
	for (i = 0; i < dim; i++)
		x[i] = (float) (sums[1 + i] / sums[0]);
	gv_type_check_finite(x, dim, DENSE_TYPE, NULL);
	PG_RETURN_POINTER(make_value(x, dim, NULL));
}
