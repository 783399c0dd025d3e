/*-------------------------------------------------------------------------
 *
 * dense_access.h
 *		Get and make values of one dense type.
 *
 * Included once by vector.c and once by halfvec.c, before the others; see
 * dense.h for what they define first.
 *
 *-------------------------------------------------------------------------
 */

/*
 * Put float32 elements into a new value.  Returns NULL when the error was
 * saved in escontext.  Errors: 22003 element out of range.
 */
static DENSE_STRUCT *
make_value(const float *x, int dim, struct Node *escontext)
{
	DENSE_STRUCT *result = DENSE_NEW(dim);
	bool		found = false;
	int			i;

	dense_store(x, result);
	for (i = 0; i < dim; i++)
		found |= dense_is_inf(result->x[i]);
	if (unlikely(found))
	{
		for (i = 0; i < dim - 1 && !dense_is_inf(result->x[i]);)
			i++;
		gv_type_refuse_range(x[i], DENSE_TYPE, escontext);
		return NULL;
	}
	return result;
}

/*
 * Get two values of the same number of dimensions.
 */
static inline void
get_operands(FunctionCallInfo fcinfo, DENSE_STRUCT **a, DENSE_STRUCT **b)
{
	*a = DENSE_GETARG(0);
	*b = DENSE_GETARG(1);
	gv_type_check_same_dims((*a)->dim, (*b)->dim, DENSE_TYPE);
}
