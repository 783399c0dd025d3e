/*-------------------------------------------------------------------------
 *
 * point.c
 *		From a value of the column to the point that an index of codes knows.
 *
 * A point is z = rotation(x) * inverse_unit - center; taking off the center is
 * the caller's.  Squared distances of points are the sort keys of all metrics
 * with codes:
 *	- l2: distances times inverse_unit;
 *	- cosine: x is divided by its norm first, so a key is twice the cosine
 *	  distance;
 *	- inner product: x gets one more element, sqrt(max_norm^2 - |x|^2), and
 *	  queries a zero there, so a key is a constant less twice the inner
 *	  product.  A row longer than max_norm gets a zero too, and the missing
 *	  part as a bias of its key.  The length of a query does not change its
 *	  order, so it is made that of a row, where codes estimate best.
 * Source of the latter: Bachrach et al., RecSys 2014.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "common/hashfn.h"

#include "am/point.h"
#include "quant/rotation.h"

static double
squared_norm(const float *x, int n)
{
	double		sum = 0;

	/* in double: elements may be tiny or huge */
	for (int i = 0; i < n; i++)
		sum += (double) x[i] * x[i];
	return sum;
}

/*
 * gv_am_choose_unit
 *		Return the power of two next to 1 / norm, the unit for such vectors.
 */
float
gv_am_choose_unit(double norm)
{
	int			exponent;

	if (!(norm > 0) || isinf(norm))
		return 1.0f;
	frexp(norm, &exponent);
	exponent = Max(Min(exponent, 120), -120);
	return ldexpf(1.0f, 1 - exponent);
}

/*
 * gv_am_unit_of
 *		Return the unit for vectors like one, detoasted: the first of an index.
 */
float
gv_am_unit_of(const GvAmOpclass *opclass, Datum value)
{
	int			dim = gv_am_value_dim(opclass, value);
	float	   *x;
	float		unit;

	/* only the direction counts */
	if (opclass->metric == GV_AM_METRIC_COSINE)
		return 1;
	x = palloc(sizeof(float) * dim);
	gv_am_value_to_floats(opclass, value, x);
	unit = gv_am_choose_unit(sqrt(squared_norm(x, dim)));
	pfree(x);
	return unit;
}

/*
 * gv_am_key_bias
 *		Return the bias of the key of a row that is longer than the longest norm.
 *
 * missing: the square of the latter less that of norm, which is the row's
 *
 * Norms are kept in float: the bias of a row that is longer is not known.
 */
float
gv_am_key_bias(double missing, float inverse_unit, double norm)
{
	if (norm >= FLT_MAX)
		return -GV_AM_MAX_BIAS;
	return (float) Max(missing * inverse_unit * inverse_unit, -GV_AM_MAX_BIAS);
}

/*
 * gv_am_scale_value
 *		Give a value its unit, before it is rotated and the center is taken off.
 *
 * max_norm, is_query: for the inner product; a negative max_norm leaves the
 * additional element zero, as for a query
 * z: float[padded_dim], written
 * rotated: written
 */
void
gv_am_scale_value(const GvAmOpclass *opclass, int dim, int padded_dim, float inverse_unit,
				  float max_norm, Datum value, bool is_query, float *z,
				  GvAmRotated *rotated)
{
	float		scale = inverse_unit;

	memset(rotated, 0, sizeof(*rotated));
	rotated->has_direction = true;
	memset(z + dim, 0, sizeof(float) * (padded_dim - dim));
	gv_am_value_to_floats(opclass, value, z);

	if (opclass->metric == GV_AM_METRIC_COSINE)
	{
		double		norm2 = squared_norm(z, dim);
		double		inverse_norm;

		if (norm2 == 0)
		{
			rotated->has_direction = false;
			memset(z, 0, sizeof(float) * dim);
			return;
		}
		inverse_norm = 1.0 / sqrt(norm2);
		for (int i = 0; i < dim; i++)
			z[i] = (float) (z[i] * inverse_norm);
		scale = 1;
	}
	rotated->scale = 1;
	if (opclass->metric == GV_AM_METRIC_INNER_PRODUCT && is_query)
	{
		double		norm2 = squared_norm(z, dim);

		rotated->norm2 = norm2;
		if (norm2 > 0 && !isinf(norm2))
		{
			rotated->scale = 1.0 / (sqrt(norm2) * inverse_unit);
			for (int i = 0; i < dim; i++)
				z[i] = (float) (z[i] * rotated->scale);
		}
	}
	rotated->hash = hash_bytes_extended((unsigned char *) z, sizeof(float) * dim, 0);

	if (opclass->metric == GV_AM_METRIC_INNER_PRODUCT && !is_query)
	{
		rotated->norm2 = squared_norm(z, dim);
		if (max_norm >= 0)
		{
			double		missing = (double) max_norm * max_norm - rotated->norm2;

			if (missing > 0)
				z[dim] = (float) sqrt(missing);
			else
				rotated->key_bias = gv_am_key_bias(missing, inverse_unit, sqrt(rotated->norm2));
		}
	}

	for (int i = 0; i < padded_dim; i++)
	{
		float		e = z[i] * scale;

		z[i] = Max(Min(e, GV_AM_MAX_ELEMENT), -GV_AM_MAX_ELEMENT);
	}
}

/*
 * gv_am_rotate_value
 *		The same, and rotate it.
 */
void
gv_am_rotate_value(const GvAmOpclass *opclass, int dim, int padded_dim,
				   const float *rotation, float inverse_unit, float max_norm,
				   Datum value, bool is_query, float *z, GvAmRotated *rotated)
{
	gv_am_scale_value(opclass, dim, padded_dim, inverse_unit, max_norm, value, is_query, z,
					  rotated);
	if (rotated->has_direction)
		gv_rotation_apply(rotation, padded_dim, z);
}
