/*-------------------------------------------------------------------------
 *
 * point.c
 *		From a value of the column to the point that lists know.
 *
 * As am/point.c says; the bits of a bit column become elements of 0 and 1, so
 * that squared distances are Hamming distances.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/varbit.h"

#include "ivf/index.h"
#include "quant/rotation.h"

static void
bits_to_floats(Datum value, int dim, float *z)
{
	const bits8 *bits = VARBITS(DatumGetPointer(value));

	for (int i = 0; i < dim; i++)
		z[i] = (bits[i / 8] >> (7 - i % 8)) & 1 ? 1.0f : 0.0f;
}

/*
 * gv_ivf_make_point
 *		Compute the point of a value.
 *
 * rotation, center: as in the cache; center may be NULL: zero
 * value: detoasted, of the index's dimensions
 * point: its z has room; written
 */
void
gv_ivf_make_point(const GvIvfIndex *index, const float *rotation, const float *center,
				  Datum value, bool is_query, GvIvfPoint *point)
{
	int			padded_dim = index->layout.padded_dim;
	float	   *z = point->z;

	if (index->opclass->element == GV_AM_ELEMENT_BIT)
	{
		memset(&point->rotated, 0, sizeof(point->rotated));
		point->rotated.has_direction = true;
		point->rotated.scale = 1;
		memset(z + index->meta.dim, 0, sizeof(float) * (padded_dim - index->meta.dim));
		bits_to_floats(value, index->meta.dim, z);
		gv_rotation_apply(rotation, padded_dim, z);
	}
	else
		gv_am_rotate_value(index->opclass, index->meta.dim, padded_dim, rotation,
						   index->meta.inverse_unit != 0 ? index->meta.inverse_unit : 1.0f,
						   index->meta.max_norm, value, is_query, z, &point->rotated);
	if (center != NULL)
	{
		for (int i = 0; i < padded_dim; i++)
			z[i] -= center[i];
	}
}
