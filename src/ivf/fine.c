/*-------------------------------------------------------------------------
 *
 * fine.c
 *		Fine codes: what tells more of a row than its one-bit code.
 *
 * In planes: the bits after the signs, as quant/extra.h says.  The plane of the
 * signs is the one-bit code, whose product with the query is known when the fine
 * code is looked at.  In bytes: quant/sq8.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "ivf/code.h"
#include "ivf/fine.h"

/* float32 sums of distances are off by such a part of what was added up, and more */
#define SUM_ROUNDING 2e-6f

/* A fine code's factors and sums may differ by so much where another CPU made them */
#define FACTOR_TOLERANCE 1e-4

/*
 * gv_ivf_fine_encode
 *		Make the fine code of point z beside centroid p.
 *
 * key_bias: added to all squared distances of the row
 * fine: char[gv_ivf_fine_bytes(layout)], aligned to 4 bytes, written
 * scratch: gv_ivf_fine_scratch_bytes(layout), aligned to 4 bytes
 */
void
gv_ivf_fine_encode(const GvIvfLayout *layout, const float *z, const float *p, float key_bias,
				   char *fine, void *scratch)
{
	if (layout->row_kind == GV_IVF_ROWS_PLANES)
	{
		GvIvfPlaneFactors *factors = (GvIvfPlaneFactors *) fine;
		uint8	   *planes = (uint8 *) scratch + layout->code_dims * sizeof(float);

		*factors = gv_extra_encode(z, p, layout->padded_dim, layout->code_dims,
								   layout->extra_bits, planes, scratch);
		factors->add += key_bias;
		memcpy(factors + 1, planes, gv_extra_bytes(layout->code_dims, layout->extra_bits));
	}
	else
	{
		GvIvfByteFactors *factors = (GvIvfByteFactors *) fine;
		int8	   *code = (int8 *) (factors + 1);
		double		product = 0;

		factors->sq8 = gv_sq8_encode(z, p, layout->padded_dim, code);
		for (int i = 0; i < layout->padded_dim; i++)
			product += (double) p[i] * code[i];
		factors->add = (float) (2 * factors->sq8.scale * product);
		factors->key_bias = key_bias;
	}
}

/*
 * gv_ivf_fine_prepare
 *		Prepare for estimates.
 *
 * z: float[padded_dim], stays where it is
 * query: its table for one-bit codes
 */
void
gv_ivf_fine_prepare(GvIvfFineQuery *fine_query, const GvIvfLayout *layout, const float *z,
					const GvRabitqQuery *query)
{
	fine_query->z = z;
	fine_query->norm2 = gv_kernels->inner_product_f32(z, z, layout->padded_dim);
	fine_query->sum = gv_extra_query_sum(z, layout->code_dims);
	/* an entry of the table is rounded to a whole number of mul */
	fine_query->sign_error = query->mul * sqrtf(query->n_groups / 12.0f);
}

/* A bound below the squared distance that planes tell */
static float
lower_of_planes(const GvIvfLayout *layout, const GvIvfFineQuery *query, const char *fine,
				float base, float sign_product)
{
	const GvIvfPlaneFactors *factors = (const GvIvfPlaneFactors *) fine;
	float		estimate = gv_extra_estimate_after(query->z, query->sum,
												   (const uint8 *) (factors + 1),
												   layout->extra_bits, layout->code_dims,
												   factors, base, sign_product);
	float		by_code = factors->error * sqrtf(base);
	float		by_table = factors->rescale * (1 << layout->extra_bits) * 0.5f *
		query->sign_error;

	return estimate - gv_ivf_error_deviations(layout->padded_dim) *
		sqrtf(by_code * by_code + by_table * by_table) -
		SUM_ROUNDING * (base + fabsf(factors->add) + fabsf(estimate));
}

/* A bound below the squared distance that bytes tell */
static float
lower_of_bytes(const GvIvfLayout *layout, const GvIvfFineQuery *query, const char *fine,
			   float base)
{
	const GvIvfByteFactors *factors = (const GvIvfByteFactors *) fine;
	float		from_origin = gv_kernels->l2_squared_f32_i8(query->z, (const int8 *) (factors + 1),
															factors->sq8.scale,
															layout->padded_dim);
	float		rounding = SUM_ROUNDING + gv_sq8_rounding(layout->padded_dim);
	/* |q - (p + scale code)|^2 from |q - scale code|^2 */
	float		estimate = base + (from_origin - query->norm2) + factors->add -
		rounding * (base + from_origin + query->norm2 + fabsf(factors->add));
	float		least = estimate > 0 ? sqrtf(estimate) - factors->sq8.error : 0;

	return (least > 0 ? least * least : 0) + factors->key_bias;
}

/*
 * gv_ivf_fine_lower
 *		A bound below a row's squared distance.
 *
 * base: squared distance of query and centroid
 * sign_product: of the query and the signs of the one-bit code, by the query's table
 *
 * Returns minus infinity if the code does not tell.
 */
float
gv_ivf_fine_lower(const GvIvfLayout *layout, const GvIvfFineQuery *query, const char *fine,
				  float base, float sign_product)
{
	float		lower = layout->row_kind == GV_IVF_ROWS_PLANES ?
		lower_of_planes(layout, query, fine, base, sign_product) :
		lower_of_bytes(layout, query, fine, base);

	return isnan(lower) ? -INFINITY : lower;
}

/*
 * gv_ivf_fine_is_number
 *		Are the factors of a fine code numbers that it can have?
 */
bool
gv_ivf_fine_is_number(const GvIvfLayout *layout, const char *fine)
{
	if (layout->row_kind == GV_IVF_ROWS_PLANES)
	{
		const GvIvfPlaneFactors *factors = (const GvIvfPlaneFactors *) fine;

		return isfinite(factors->add) && isfinite(factors->rescale) && factors->error >= 0;
	}
	else
	{
		const GvIvfByteFactors *factors = (const GvIvfByteFactors *) fine;

		return isfinite(factors->sq8.scale) && factors->sq8.error >= 0 &&
			isfinite(factors->add) && isfinite(factors->key_bias);
	}
}

static bool
is_near(double a, double b, double size)
{
	return fabs(a - b) <= FACTOR_TOLERANCE * (fabs(size) + 1e-30);
}

/* Do planes and their factors tell where a point is? */
static bool
planes_are_right(const GvIvfLayout *layout, const char *fine, const uint8 *signs, const float *z,
				 const float *p, float key_bias)
{
	const GvIvfPlaneFactors *factors = (const GvIvfPlaneFactors *) fine;
	const uint8 *planes = (const uint8 *) (factors + 1);
	double		half = (1 << layout->extra_bits) - 0.5;
	double		n2 = 0;
	double		xy = 0;
	double		py = 0;
	double		yy = 0;

	for (int i = 0; i < layout->padded_dim; i++)
	{
		double		e = (double) z[i] - p[i];
		int			u = 0;

		n2 += e * e;
		if (i >= layout->code_dims)
			continue;
		for (int b = 0; b < layout->extra_bits; b++)
			u |= (planes[b * (layout->code_dims / 8) + i / 8] >> (i % 8) & 1) << b;
		u |= (signs[i / 8] >> (i % 8) & 1) << layout->extra_bits;
		xy += e * (u - half);
		py += p[i] * (u - half);
		yy += (u - half) * (u - half);
	}
	if (isinf(factors->error))
		return factors->rescale == 0;
	if (!(xy > 0))
		return n2 <= FACTOR_TOLERANCE * (fabs(factors->add) + 1e-30) || factors->rescale == 0;
	return is_near(factors->rescale, -2 * n2 / xy, factors->rescale) &&
		is_near(factors->add, n2 + 2 * n2 / xy * py + key_bias,
				n2 + fabs(2 * n2 / xy * py) + fabs(key_bias)) &&
		is_near((double) factors->error * factors->error,
				4 * n2 * (n2 * yy / (xy * xy) - 1) / Max(layout->padded_dim - 1, 1), 4 * n2);
}

/* Do bytes and their factors? */
static bool
bytes_are_right(const GvIvfLayout *layout, const char *fine, const float *z, const float *p,
				float key_bias)
{
	const GvIvfByteFactors *factors = (const GvIvfByteFactors *) fine;
	const int8 *code = (const int8 *) (factors + 1);
	double		error2 = 0;
	double		product = 0;
	double		size = 0;

	if (isinf(factors->sq8.error))
		return true;
	for (int i = 0; i < layout->padded_dim; i++)
	{
		double		e = (double) z[i] - p[i] - (double) factors->sq8.scale * code[i];

		error2 += e * e;
		product += (double) p[i] * code[i];
		size += fabs((double) p[i] * code[i]);
	}
	return sqrt(error2) <= factors->sq8.error * (1 + FACTOR_TOLERANCE) +
		FACTOR_TOLERANCE * factors->sq8.scale &&
		is_near(factors->add, 2 * factors->sq8.scale * product, 2 * factors->sq8.scale * size) &&
		is_near(factors->key_bias, key_bias, key_bias);
}

/*
 * gv_ivf_fine_is_right
 *		Is a fine code one of point z beside centroid p, but for rounding?
 *
 * signs: uint8[code_dims / 8], the one-bit code
 *
 * Codes of other steps are right as well, if their factors are theirs.
 */
bool
gv_ivf_fine_is_right(const GvIvfLayout *layout, const char *fine, const uint8 *signs,
					 const float *z, const float *p, float key_bias)
{
	if (layout->row_kind == GV_IVF_ROWS_PLANES)
		return planes_are_right(layout, fine, signs, z, p, key_bias);
	return bytes_are_right(layout, fine, z, p, key_bias);
}
