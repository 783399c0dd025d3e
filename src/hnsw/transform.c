/*-------------------------------------------------------------------------
 *
 * transform.c
 *		From a value of the column to the point that the graph knows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "hnsw/index.h"

/*
 * gv_hnsw_transform
 *		Return the point of a value, in the current memory context.
 *
 * value: detoasted, of the index's dimensions
 * rotated: written
 */
float *
gv_hnsw_transform(GvHnswIndex *index, const GvHnswCache *cache, Datum value,
				  bool is_query, GvAmRotated *rotated)
{
	int			padded_dim = index->layout.padded_dim;
	float	   *z = palloc(sizeof(float) * padded_dim);

	gv_am_rotate_value(index->opclass, index->meta.dim, padded_dim, cache->rotation,
				   cache->inverse_unit != 0 ? cache->inverse_unit : 1.0f,
				   index->meta.max_norm, value, is_query, z, rotated);
	for (int i = 0; i < padded_dim; i++)
		z[i] -= cache->center[i];
	return z;
}
