/*-------------------------------------------------------------------------
 *
 * load.c
 *		From a row of the table to what its list keeps of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/varbit.h"

#include "ivf/build.h"
#include "ivf/fine.h"
#include "ivf/product.h"
#include "type/halfvec.h"
#include "type/vector.h"

/*
 * gv_ivf_loader_init
 *		Prepare to take rows, in the current memory context.
 */
void
gv_ivf_loader_init(GvIvfLoader *loader, GvIvfIndex *index, const float *rotation,
				   const float *center, const GvIvfRoot *root)
{
	const GvIvfLayout *layout = &index->layout;

	loader->index = index;
	loader->rotation = rotation;
	loader->center = center;
	gv_ivf_nearest_init(&loader->nearest, index, root);
	loader->point.z = palloc(sizeof(float) * layout->padded_dim);
	loader->centroid = palloc(sizeof(float) * layout->padded_dim);
	loader->nibbles = palloc(layout->padded_dim);
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
	const GvIvfLayout *layout = &index->layout;
	GvIvfRow   *row = &loader->row;
	uint32		list = GV_IVF_LOOSE_LIST;
	float		distance2;

	row->tid = *tid;
	row->filters = filters;
	gv_ivf_make_point(index, loader->rotation, loader->center, value, false, &loader->point);
	if (loader->point.rotated.has_direction)
	{
		gv_ivf_nearest_begin(&loader->nearest, loader->point.z, 1);
		if (!gv_ivf_nearest_next(&loader->nearest, &list, &distance2))
			elog(ERROR, "index \"%s\" has no lists", RelationGetRelationName(index->rel));
	}
	row->value = loader->fine ? loader->fine : gv_ivf_value_elements(index->opclass, value);
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
		{
			gv_ivf_encode(loader->point.z, loader->centroid, layout->padded_dim,
						  layout->code_dims, loader->point.rotated.key_bias, loader->nibbles,
						  &row->factors);
			gv_ivf_pack_nibbles(loader->nibbles, layout->code_dims, row->code);
		}
		if (loader->fine)
			gv_ivf_fine_encode(layout, loader->point.z, loader->centroid,
							   loader->point.rotated.key_bias, loader->fine,
							   loader->fine_scratch);
	}
	return list;
}
