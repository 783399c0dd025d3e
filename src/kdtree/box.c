/*-------------------------------------------------------------------------
 *
 * box.c
 *		Rows within a box: WHERE v <@ ARRAY[low, high].
 *
 * A box is an array of two vectors, its corners of the least and the greatest
 * elements; they belong to it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/array.h"

#include "base/compat.h"
#include "kdtree/box.h"
#include "type/halfvec.h"
#include "type/vector.h"

/* Type and metric do not matter here beyond the form of elements */
static const GvAmOpclass vector_class = {GV_AM_ELEMENT_FLOAT, GV_AM_METRIC_L2};
static const GvAmOpclass halfvec_class = {GV_AM_ELEMENT_HALF, GV_AM_METRIC_L2};

/*
 * gv_kdtree_read_box
 *		Take a box apart.
 *
 * value: an array of the operator class's type
 * box: the first elements written, as many as there are dimensions
 *
 * Returns the dimensions, 0 if a corner is null: nothing is known of what is in
 * the box.  Raises an error if it is no box of at most GV_KDTREE_MAX_DIM of them.
 */
int
gv_kdtree_read_box(const GvAmOpclass *opclass, Datum value, GvKdtreeBox *box)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	Datum	   *corners;
	bool	   *nulls;
	Datum		corner[2];
	int			n = 0;
	int			dim;

	if (ARR_NDIM(array) == 1)
		deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT, &corners, &nulls,
						  &n);
	if (n != 2)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("array is not a box"),
				 errdetail("A box has two vectors, its least and its greatest elements.")));
	if (nulls[0] || nulls[1])
		return 0;
	for (int i = 0; i < 2; i++)
		corner[i] = PointerGetDatum(PG_DETOAST_DATUM(corners[i]));
	dim = gv_am_value_dim(opclass, corner[0]);
	gv_am_check_dim(opclass, corner[1], dim);
	if (dim > GV_KDTREE_MAX_DIM)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a box cannot have more than %d dimensions", GV_KDTREE_MAX_DIM),
				 errdetail("The box has %d dimensions.", dim)));
	gv_am_value_to_floats(opclass, corner[0], box->low);
	gv_am_value_to_floats(opclass, corner[1], box->high);
	return dim;
}

static Datum
is_in_box(FunctionCallInfo fcinfo, const GvAmOpclass *opclass, Datum value)
{
	float		x[GV_KDTREE_MAX_DIM];
	GvKdtreeBox box;
	int			dim = gv_kdtree_read_box(opclass, PG_GETARG_DATUM(1), &box);

	if (dim == 0)
		PG_RETURN_NULL();
	gv_am_check_dim(opclass, value, dim);
	gv_am_value_to_floats(opclass, value, x);
	PG_RETURN_BOOL(gv_kdtree_box_has_point(&box, x, dim));
}

GV_FUNCTION(gv_kdtree_in_box_vector);
GV_FUNCTION(gv_kdtree_in_box_halfvec);

/*
 * gv_kdtree_in_box_vector, gv_kdtree_in_box_halfvec
 *		The operator <@ of a vector and a box.
 */
Datum
gv_kdtree_in_box_vector(PG_FUNCTION_ARGS)
{
	return is_in_box(fcinfo, &vector_class, PointerGetDatum(GV_GETARG_VECTOR(0)));
}

Datum
gv_kdtree_in_box_halfvec(PG_FUNCTION_ARGS)
{
	return is_in_box(fcinfo, &halfvec_class, PointerGetDatum(GV_GETARG_HALFVEC(0)));
}
