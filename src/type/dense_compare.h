/*-------------------------------------------------------------------------
 *
 * dense_compare.h
 *		Order of the values of one dense type.
 *
 * Included once by vector.c and once by halfvec.c; see dense.h for what they
 * define first.  The order is that of arrays: the first element that differs
 * decides, and a value that begins another one comes before it.
 *
 *-------------------------------------------------------------------------
 */

/*
 * -1, 0 or 1, as argument 0 is less than, equal to or greater than argument 1.
 */
static int
compare_arguments(FunctionCallInfo fcinfo)
{
	DENSE_STRUCT *a = DENSE_GETARG(0);
	DENSE_STRUCT *b = DENSE_GETARG(1);
	int			dim = Min(a->dim, b->dim);
	int			i;

	for (i = 0; i < dim; i++)
	{
		int			order = dense_compare(a->x[i], b->x[i]);

		if (order != 0)
			return order;
	}
	return (a->dim > b->dim) - (a->dim < b->dim);
}

GV_FUNCTION(DENSE_FUNCTION(lt));
Datum
DENSE_FUNCTION(lt) (PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) < 0);
}

GV_FUNCTION(DENSE_FUNCTION(le));
Datum
DENSE_FUNCTION(le) (PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) <= 0);
}

GV_FUNCTION(DENSE_FUNCTION(eq));
Datum
DENSE_FUNCTION(eq) (PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) == 0);
}

GV_FUNCTION(DENSE_FUNCTION(ne));
Datum
DENSE_FUNCTION(ne) (PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) != 0);
}

GV_FUNCTION(DENSE_FUNCTION(ge));
Datum
DENSE_FUNCTION(ge) (PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) >= 0);
}

GV_FUNCTION(DENSE_FUNCTION(gt));
Datum
DENSE_FUNCTION(gt) (PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) > 0);
}

GV_FUNCTION(DENSE_FUNCTION(cmp));
Datum
DENSE_FUNCTION(cmp) (PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare_arguments(fcinfo));
}
