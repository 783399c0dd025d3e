/*-------------------------------------------------------------------------
 *
 * dense_distance.h
 *		Distances between values of one dense type.
 *
 * Included once by vector.c and once by halfvec.c; see dense.h for what they
 * define first.  All functions raise 22000 when the numbers of dimensions
 * differ.  The sums are those of the kernels, in float32, and become infinite
 * beyond its range.
 *
 *-------------------------------------------------------------------------
 */

/*
 * Euclidean distance.
 */
GV_FUNCTION(DENSE_FUNCTION(l2_distance));
Datum
DENSE_FUNCTION(l2_distance) (PG_FUNCTION_ARGS)
{
	DENSE_STRUCT *a;
	DENSE_STRUCT *b;

	get_operands(fcinfo, &a, &b);
	PG_RETURN_FLOAT8(sqrt((double) DENSE_KERNEL(l2_squared) (a->x, b->x, a->dim)));
}

/*
 * Square of the Euclidean distance.
 */
GV_FUNCTION(DENSE_FUNCTION(l2_squared_distance));
Datum
DENSE_FUNCTION(l2_squared_distance) (PG_FUNCTION_ARGS)
{
	DENSE_STRUCT *a;
	DENSE_STRUCT *b;

	get_operands(fcinfo, &a, &b);
	PG_RETURN_FLOAT8((double) DENSE_KERNEL(l2_squared) (a->x, b->x, a->dim));
}

/*
 * Inner product.
 */
GV_FUNCTION(DENSE_FUNCTION(inner_product));
Datum
DENSE_FUNCTION(inner_product) (PG_FUNCTION_ARGS)
{
	DENSE_STRUCT *a;
	DENSE_STRUCT *b;

	get_operands(fcinfo, &a, &b);
	PG_RETURN_FLOAT8((double) DENSE_KERNEL(inner_product) (a->x, b->x, a->dim));
}

/*
 * Negative inner product: smaller is nearer.  Zero has no sign.
 */
GV_FUNCTION(DENSE_FUNCTION(negative_inner_product));
Datum
DENSE_FUNCTION(negative_inner_product) (PG_FUNCTION_ARGS)
{
	DENSE_STRUCT *a;
	DENSE_STRUCT *b;

	get_operands(fcinfo, &a, &b);
	PG_RETURN_FLOAT8(0 - (double) DENSE_KERNEL(inner_product) (a->x, b->x, a->dim));
}

/*
 * Cosine distance: 1 - cosine, from 0 to 2; NaN when a norm is zero.
 */
GV_FUNCTION(DENSE_FUNCTION(cosine_distance));
Datum
DENSE_FUNCTION(cosine_distance) (PG_FUNCTION_ARGS)
{
	DENSE_STRUCT *a;
	DENSE_STRUCT *b;
	float		sums[3];
	double		similarity;

	get_operands(fcinfo, &a, &b);
	DENSE_KERNEL(cosine) (a->x, b->x, a->dim, sums);
	if (likely(gv_type_sums_in_range(sums)))
		similarity = gv_type_cosine_from_sums(sums);
	else
		similarity = gv_type_cosine_similarity(dense_floats(a), dense_floats(b),
											   a->dim);
	PG_RETURN_FLOAT8(gv_type_distance_from_cosine(similarity));
}

/*
 * Angle between two values of length 1, as a part of the half circle: 0 to 1.
 */
GV_FUNCTION(DENSE_FUNCTION(spherical_distance));
Datum
DENSE_FUNCTION(spherical_distance) (PG_FUNCTION_ARGS)
{
	DENSE_STRUCT *a;
	DENSE_STRUCT *b;
	double		product;

	get_operands(fcinfo, &a, &b);
	product = (double) DENSE_KERNEL(inner_product) (a->x, b->x, a->dim);
	if (product > 1)
		product = 1;
	else if (product < -1)
		product = -1;
	PG_RETURN_FLOAT8(acos(product) / M_PI);
}

/*
 * Taxicab distance.
 */
GV_FUNCTION(DENSE_FUNCTION(l1_distance));
Datum
DENSE_FUNCTION(l1_distance) (PG_FUNCTION_ARGS)
{
	DENSE_STRUCT *a;
	DENSE_STRUCT *b;

	get_operands(fcinfo, &a, &b);
	PG_RETURN_FLOAT8((double) DENSE_KERNEL(l1) (a->x, b->x, a->dim));
}

/*
 * Largest difference in one dimension.
 */
GV_FUNCTION(DENSE_FUNCTION(linf_distance));
Datum
DENSE_FUNCTION(linf_distance) (PG_FUNCTION_ARGS)
{
	DENSE_STRUCT *a;
	DENSE_STRUCT *b;

	get_operands(fcinfo, &a, &b);
	PG_RETURN_FLOAT8((double) DENSE_KERNEL(linf) (a->x, b->x, a->dim));
}
