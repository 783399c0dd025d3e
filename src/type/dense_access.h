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
 * Whether an element is infinite.  The flag is as wide as an element, which
 * lets the compiler use vector instructions.
 */
static inline bool
has_infinity(const DENSE_STRUCT *value)
{
	DENSE_FLAG	found = 0;
	int			i;

	for (i = 0; i < value->dim; i++)
		found |= dense_is_inf(value->x[i]) ? 1 : 0;
	return found != 0;
}

/*
 * Put float32 elements into a new value.  Returns NULL when the error was
 * saved in escontext.  Errors: 22003 element out of range.
 */
static DENSE_STRUCT *
make_value(const float *x, int dim, struct Node *escontext)
{
	DENSE_STRUCT *result = DENSE_NEW(dim);

	dense_store(x, result);
	if (unlikely(has_infinity(result)))
	{
		int			i = 0;

		while (i < dim - 1 && !dense_is_inf(result->x[i]))
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
