/*-------------------------------------------------------------------------
 *
 * load.c
 *		From a row of the table to what its list keeps of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/varbit.h"

#include "ivf/build.h"
#include "ivf/fine.h"
#include "ivf/product.h"
#include "type/halfvec.h"
#include "type/vector.h"

/*
 * A second list is one of so many that come after the nearest, the square of
 * whose distance is so many times the nearest's at most; w of the loss.
 */
#define SECOND_CHOICES 8
#define SECOND_FARTHER 1.4f
#define SECOND_WEIGHT 3.0f

/*
 * gv_ivf_loader_init
 *		Prepare to take rows, in the current memory context.
 *
 * rotation, origin: as in the cache; stay where they are
 */
void
gv_ivf_loader_init(GvIvfLoader *loader, GvIvfIndex *index, const float *rotation,
				   const float *origin, const GvIvfRoot *root)
{
	const GvIvfLayout *layout = &index->layout;

	loader->index = index;
	loader->rotation = rotation;
	loader->origin = origin;
	gv_ivf_nearest_init(&loader->nearest, index, root);
	loader->point.z = palloc(sizeof(float) * layout->padded_dim);
	loader->centroid = palloc(sizeof(float) * layout->padded_dim);
	loader->second_centroid = index->meta.spills ?
		palloc(sizeof(float) * layout->padded_dim) : NULL;
	memset(&loader->row, 0, sizeof(loader->row));
	loader->row.code = palloc0(Max(layout->row_code_bytes, 1));
	loader->codebook = root->codebook;
	if (gv_ivf_has_product(layout))
		gv_ivf_product_scratch_init(&loader->product, layout);
	loader->fine = NULL;
	if (gv_ivf_has_fine_codes(layout))
	{
		loader->fine = palloc(layout->value_bytes);
		loader->fine_scratch = palloc(gv_ivf_fine_scratch_bytes(layout));
	}
}

/*
 * gv_ivf_value_elements
 *		Return the elements of a value, as slots keep them.
 */
const char *
gv_ivf_value_elements(const GvAmOpclass *opclass, Datum value)
{
	switch (opclass->element)
	{
		case GV_AM_ELEMENT_FLOAT:
			return (const char *) ((GvVector *) DatumGetPointer(value))->x;
		case GV_AM_ELEMENT_HALF:
			return (const char *) ((GvHalfvec *) DatumGetPointer(value))->x;
		case GV_AM_ELEMENT_BIT:
			return (const char *) VARBITS(DatumGetPointer(value));
		default:
			elog(ERROR, "unrecognized element type: %d", (int) opclass->element);
			return NULL;
	}
}

/* Make loader->row what a list keeps of the row */
static void
encode(GvIvfLoader *loader, uint32 list)
{
	GvIvfIndex *index = loader->index;
	const GvIvfLayout *layout = &index->layout;
	GvIvfRow   *row = &loader->row;

	row->value = loader->fine ? loader->fine :
		gv_ivf_value_elements(index->opclass, loader->value);
	if (!gv_ivf_has_codes(layout))
		memcpy(row->code, row->value, layout->row_code_bytes);
	else if (list == GV_IVF_LOOSE_LIST)
	{
		memset(row->code, 0, layout->row_code_bytes);
		memset(&row->factors, 0, sizeof(row->factors));
		if (loader->fine)
			memset(loader->fine, 0, layout->value_bytes);
	}
	else
	{
		gv_kernels->f16_to_f32(gv_ivf_nearest_centroid(&loader->nearest, list),
							   loader->centroid, layout->padded_dim);
		if (gv_ivf_has_product(layout))
			gv_ivf_product_encode(&loader->codebook, layout, loader->rotation, loader->point.z,
								  loader->centroid, loader->point.rotated.key_bias,
								  &loader->product, row->code, &row->factors);
		else
			gv_ivf_encode(loader->point.z, loader->centroid, layout->padded_dim,
						  layout->code_dims, loader->point.rotated.key_bias, row->code,
						  &row->factors);
		if (loader->fine)
			gv_ivf_fine_encode(layout, loader->point.z, loader->centroid,
							   loader->point.rotated.key_bias, loader->fine,
							   loader->fine_scratch);
	}
}

/*
 * gv_ivf_loader_take
 *		Make loader->row of a row; returns the list that it belongs to.
 *
 * value: the vector, detoasted, of the index's dimensions; stays as long as the
 * row is in use
 * filters: words of the filter columns; stay as long, too
 */
uint32
gv_ivf_loader_take(GvIvfLoader *loader, Datum value, const GvAmFilterRow *filters,
				   ItemPointer tid)
{
	GvIvfIndex *index = loader->index;
	uint32		list = GV_IVF_LOOSE_LIST;
	float		distance2;

	loader->row.tid = *tid;
	loader->row.filters = filters;
	loader->value = value;
	gv_ivf_make_point(index, loader->rotation, loader->origin, value, false, &loader->point);
	if (loader->point.rotated.has_direction)
	{
		gv_ivf_nearest_begin(&loader->nearest, loader->point.z,
							 loader->second_centroid ? 1 + SECOND_CHOICES : 1);
		if (!gv_ivf_nearest_next(&loader->nearest, &list, &distance2))
			elog(ERROR, "index \"%s\" has no lists", RelationGetRelationName(index->rel));
		loader->distance2 = distance2;
	}
	loader->first = list;
	encode(loader, list);
	return list;
}

/*
 * gv_ivf_loader_take_again
 *		Make loader->row, which was taken, one for its second list.
 *
 * A query that misses the first list is likely to lie where the row's
 * residual points; the second list is one whose residual points elsewhere.  With
 * r the first and s the second, it is that of the least |s|^2 + w <r, s>^2 / |r|^2.
 * Source: Sun, Simcha, Dopson, Guo, Kumar, NeurIPS 2023 (SOAR).
 *
 * Returns false if the row is in one list only.
 */
bool
gv_ivf_loader_take_again(GvIvfLoader *loader, uint32 *list)
{
	int			dims = loader->index->layout.padded_dim;
	const float *z = loader->point.z;
	float	   *c = loader->second_centroid;
	float		best_loss = INFINITY;
	uint32		next;
	float		distance2;

	if (c == NULL || !loader->point.rotated.has_direction)
		return false;
	/* where there are no codes, nobody has read it yet */
	gv_kernels->f16_to_f32(gv_ivf_nearest_centroid(&loader->nearest, loader->first),
						   loader->centroid, dims);
	for (int i = 0; i < SECOND_CHOICES &&
		 gv_ivf_nearest_next(&loader->nearest, &next, &distance2); i++)
	{
		float		product = 0;
		float		loss;

		if (!(distance2 <= SECOND_FARTHER * loader->distance2))
			break;
		gv_kernels->f16_to_f32(gv_ivf_nearest_centroid(&loader->nearest, next), c, dims);
		for (int d = 0; d < dims; d++)
			product += (z[d] - loader->centroid[d]) * (z[d] - c[d]);
		loss = distance2 + SECOND_WEIGHT * product * product / loader->distance2;
		if (loss < best_loss)
		{
			best_loss = loss;
			*list = next;
		}
	}
	if (isinf(best_loss))
		return false;
	encode(loader, *list);
	loader->row.tid.ip_posid |= GV_IVF_SECOND;
	return true;
}
