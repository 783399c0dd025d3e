/*-------------------------------------------------------------------------
 *
 * sparsevec_distance.c
 *		Distances between values of type sparsevec.
 *
 * Two sorted lists of indices are merged.  Which list advances is as good as
 * random, so a branch on it would be mispredicted every other step: each step
 * takes the values by selection and advances the positions by comparison.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "distance/distance.h"
#include "type/sparsevec.h"

GV_FUNCTION(gv_type_sparsevec_l2_distance);
GV_FUNCTION(gv_type_sparsevec_l2_squared_distance);
GV_FUNCTION(gv_type_sparsevec_inner_product);
GV_FUNCTION(gv_type_sparsevec_negative_inner_product);
GV_FUNCTION(gv_type_sparsevec_cosine_distance);
GV_FUNCTION(gv_type_sparsevec_l1_distance);

/*
 * Squared norms between which no product of two elements that matters to the
 * cosine can overflow or lose bits as a denormal.
 */
#define MIN_SQUARE 1e-18f
#define MAX_SQUARE 1e36f

/* The bits of a float where condition holds, else zero */
static inline float
select_value(float value, bool condition)
{
	union
	{
		float		f;
		uint32		u;
	}			v;

	v.f = value;
	v.u &= -(uint32) condition;
	return v.f;
}

/*
 * gv_type_compute_sparsevec_l2_squared
 *		Squared L2 distance.
 */
float
gv_type_compute_sparsevec_l2_squared(const GvSparsevec *a, const GvSparsevec *b)
{
	const float *avalues = gv_sparsevec_const_values(a);
	const float *bvalues = gv_sparsevec_const_values(b);
	int			i = 0;
	int			j = 0;
	float		sum = 0;

	while (i < a->nnz && j < b->nnz)
	{
		bool		take_a = (a->indices[i] <= b->indices[j]);
		bool		take_b = (b->indices[j] <= a->indices[i]);
		float		diff = select_value(avalues[i], take_a) -
			select_value(bvalues[j], take_b);

		sum += diff * diff;
		i += take_a;
		j += take_b;
	}
	for (; i < a->nnz; i++)
		sum += avalues[i] * avalues[i];
	for (; j < b->nnz; j++)
		sum += bvalues[j] * bvalues[j];
	return sum;
}

/*
 * gv_type_compute_sparsevec_inner_product
 *		Inner product.
 */
float
gv_type_compute_sparsevec_inner_product(const GvSparsevec *a, const GvSparsevec *b)
{
	const float *avalues = gv_sparsevec_const_values(a);
	const float *bvalues = gv_sparsevec_const_values(b);
	int			i = 0;
	int			j = 0;
	float		sum = 0;

	while (i < a->nnz && j < b->nnz)
	{
		bool		take_a = (a->indices[i] <= b->indices[j]);
		bool		take_b = (b->indices[j] <= a->indices[i]);

		sum += select_value(avalues[i] * bvalues[j], take_a & take_b);
		i += take_a;
		j += take_b;
	}
	return sum;
}

/*
 * gv_type_compute_sparsevec_l1
 *		L1 distance.
 */
float
gv_type_compute_sparsevec_l1(const GvSparsevec *a, const GvSparsevec *b)
{
	const float *avalues = gv_sparsevec_const_values(a);
	const float *bvalues = gv_sparsevec_const_values(b);
	int			i = 0;
	int			j = 0;
	float		sum = 0;

	while (i < a->nnz && j < b->nnz)
	{
		bool		take_a = (a->indices[i] <= b->indices[j]);
		bool		take_b = (b->indices[j] <= a->indices[i]);

		sum += fabsf(select_value(avalues[i], take_a) -
					 select_value(bvalues[j], take_b));
		i += take_a;
		j += take_b;
	}
	for (; i < a->nnz; i++)
		sum += fabsf(avalues[i]);
	for (; j < b->nnz; j++)
		sum += fabsf(bvalues[j]);
	return sum;
}

/*
 * Cosine of the angle between two vectors, in double; NaN if one of them is
 * zero.
 */
static double
compute_similarity_in_double(const GvSparsevec *a, const GvSparsevec *b)
{
	const float *avalues = gv_sparsevec_const_values(a);
	const float *bvalues = gv_sparsevec_const_values(b);
	int			i = 0;
	int			j = 0;
	double		sum = 0;

	while (i < a->nnz && j < b->nnz)
	{
		if (a->indices[i] < b->indices[j])
			i++;
		else if (a->indices[i] > b->indices[j])
			j++;
		else
			sum += (double) avalues[i++] * (double) bvalues[j++];
	}
	return sum / (gv_type_compute_sparsevec_norm(a) * gv_type_compute_sparsevec_norm(b));
}

/*
 * gv_type_compute_sparsevec_cosine
 *		Cosine distance, 0..2; NaN if a vector is zero.
 */
double
gv_type_compute_sparsevec_cosine(const GvSparsevec *a, const GvSparsevec *b)
{
	const float *avalues = gv_sparsevec_const_values(a);
	const float *bvalues = gv_sparsevec_const_values(b);
	float		asquare = gv_kernels->inner_product_f32(avalues, avalues, a->nnz);
	float		bsquare = gv_kernels->inner_product_f32(bvalues, bvalues, b->nnz);
	double		similarity;

	/* where a square left the range of normal float32, the product may have too */
	if (likely(asquare >= MIN_SQUARE && asquare <= MAX_SQUARE &&
			   bsquare >= MIN_SQUARE && bsquare <= MAX_SQUARE))
		similarity = gv_type_compute_sparsevec_inner_product(a, b) /
			sqrt((double) asquare * (double) bsquare);
	else
		similarity = compute_similarity_in_double(a, b);

	/* rounding may leave the range; NaN passes both comparisons */
	if (similarity > 1)
		similarity = 1;
	else if (similarity < -1)
		similarity = -1;
	return 1 - similarity;
}

/*
 * Apply a distance to the two arguments of a function, and free what was
 * detoasted.
 */
static inline double
apply_distance(FunctionCallInfo fcinfo,
			   float (*distance) (const GvSparsevec *a, const GvSparsevec *b))
{
	GvSparsevec *a = GV_GETARG_SPARSEVEC(0);
	GvSparsevec *b = GV_GETARG_SPARSEVEC(1);
	double		result;

	gv_type_check_same_dims(a->dim, b->dim, "sparsevec");
	result = distance(a, b);
	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return result;
}

/*
 * l2_distance(sparsevec, sparsevec) returns double precision
 */
Datum
gv_type_sparsevec_l2_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(sqrt(apply_distance(fcinfo, gv_type_compute_sparsevec_l2_squared)));
}

/*
 * sparsevec_l2_squared_distance(sparsevec, sparsevec) returns double precision
 */
Datum
gv_type_sparsevec_l2_squared_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(apply_distance(fcinfo, gv_type_compute_sparsevec_l2_squared));
}

/*
 * inner_product(sparsevec, sparsevec) returns double precision
 */
Datum
gv_type_sparsevec_inner_product(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(apply_distance(fcinfo, gv_type_compute_sparsevec_inner_product));
}

/*
 * sparsevec_negative_inner_product(sparsevec, sparsevec) returns double precision
 */
Datum
gv_type_sparsevec_negative_inner_product(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(-apply_distance(fcinfo, gv_type_compute_sparsevec_inner_product));
}

/*
 * l1_distance(sparsevec, sparsevec) returns double precision
 */
Datum
gv_type_sparsevec_l1_distance(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8(apply_distance(fcinfo, gv_type_compute_sparsevec_l1));
}

/*
 * cosine_distance(sparsevec, sparsevec) returns double precision
 */
Datum
gv_type_sparsevec_cosine_distance(PG_FUNCTION_ARGS)
{
	GvSparsevec *a = GV_GETARG_SPARSEVEC(0);
	GvSparsevec *b = GV_GETARG_SPARSEVEC(1);
	double		result;

	gv_type_check_same_dims(a->dim, b->dim, "sparsevec");
	result = gv_type_compute_sparsevec_cosine(a, b);
	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	PG_RETURN_FLOAT8(result);
}
