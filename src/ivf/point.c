/*-------------------------------------------------------------------------
 *
 * point.c
 *		From a value of the column to the point that lists know.
 *
 * As am/point.c says; the bits of a bit column become elements of 0 and 1, so
 * that squared distances are Hamming distances.  What is taken off is the center
 * with its rotation undone, before values are rotated: rows that lie far away from
 * zero beside each other would lose by rounding what tells them apart.
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
 * rotation, origin: as in the cache
 * value: detoasted, of the index's dimensions
 * point: its z has room; written
 */
void
gv_ivf_make_point(const GvIvfIndex *index, const float *rotation, const float *origin,
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
	}
	else
		gv_am_scale_value(index->opclass, index->meta.dim, padded_dim,
						  index->meta.inverse_unit != 0 ? index->meta.inverse_unit : 1.0f,
						  index->meta.max_norm, value, is_query, z, &point->rotated);
	for (int i = 0; i < padded_dim; i++)
		z[i] -= origin[i];
	gv_rotation_apply(rotation, padded_dim, z);
}

/*
 * gv_ivf_find_origin
 *		Undo the rotation of a center.
 *
 * center: float[padded_dim], as the index keeps it
 * origin: float[padded_dim], written
 *
 * It is another center, by rounding, and the one that counts: all who make points
 * take it from here.
 */
void
gv_ivf_find_origin(const GvIvfLayout *layout, const float *rotation, const float *center,
				   float *origin)
{
	memcpy(origin, center, sizeof(float) * layout->padded_dim);
	gv_rotation_undo(rotation, layout->padded_dim, origin);
}
