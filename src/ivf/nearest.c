/*-------------------------------------------------------------------------
 *
 * nearest.c
 *		The lists nearest to a point, one after the other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "ivf/code.h"
#include "ivf/nearest.h"

/* Of the query's length, for the rounding of its table */
#define TABLE_ROUNDING 0.01f

/*
 * gv_ivf_nearest_init
 *		Prepare to find lists, in the current memory context.
 *
 * root: its arrays stay where they are as long as this is used
 */
void
gv_ivf_nearest_init(GvIvfNearest *nearest, GvIvfIndex *index, const GvIvfRoot *root)
{
	nearest->index = index;
	nearest->root = *root;
	nearest->heap = palloc(sizeof(GvIvfNear) * (root->n_lists + 1));
	nearest->query.table = palloc(root->code_dims / GV_RABITQ_GROUP_DIMS *
								  GV_FASTSCAN_GROUP_BYTES);
	nearest->centroid = palloc(gv_ivf_centroid_bytes(&index->layout));
}

/*
 * gv_ivf_nearest_end
 *		Free what this took.
 */
void
gv_ivf_nearest_end(GvIvfNearest *nearest)
{
	pfree(nearest->heap);
	pfree(nearest->query.table);
	pfree(nearest->centroid);
}

/* Put what is at a place of the heap where it belongs below */
static inline void
sift_down(GvIvfNear *heap, uint32 n, uint32 i)
{
	GvIvfNear	item = heap[i];

	for (;;)
	{
		uint32		child = 2 * i + 1;

		if (child >= n)
			break;
		if (child + 1 < n && heap[child + 1].lower < heap[child].lower)
			child++;
		if (heap[child].lower >= item.lower)
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = item;
}

/*
 * gv_ivf_nearest_begin
 *		Estimate the distances of all lists to a point.
 *
 * z: float[padded_dim], stays where it is
 * n_wanted: 1, to have the nearest list only; else all
 */
void
gv_ivf_nearest_begin(GvIvfNearest *nearest, const float *z, uint32 n_wanted)
{
	const GvIvfRoot *root = &nearest->root;
	Size		block_bytes = gv_rabitq_block_bytes(root->code_dims);
	float		norm2 = gv_kernels->inner_product_f32(z, z, root->code_dims);
	float		least_upper = INFINITY;

	nearest->z = z;
	nearest->norm = sqrtf(norm2);
	gv_rabitq_prepare_query(&nearest->query, z, root->code_dims);
	nearest->n = 0;
	for (uint32 first = 0; first < root->n_lists; first += GV_FASTSCAN_LANES)
	{
		uint32		end = Min(root->n_lists, first + GV_FASTSCAN_LANES);
		GvIvfEstimates estimates;

		gv_ivf_estimate(&nearest->query, root->codes + first / GV_FASTSCAN_LANES * block_bytes,
						root->add + first, root->rescale + first, root->error + first, norm2,
						nearest->norm * (1 + TABLE_ROUNDING) + 1e-20f, &estimates);
		for (uint32 list = Max(first, GV_IVF_FIRST_LIST); list < end; list++)
		{
			float		lower = estimates.lower[list - first];
			GvIvfNear  *near;

			if (n_wanted == 1)
			{
				float		upper = 2 * estimates.estimate[list - first] - lower;

				if (lower > least_upper)
					continue;
				if (upper < least_upper)
					least_upper = upper;
			}
			near = &nearest->heap[nearest->n++];
			near->lower = isnan(lower) ? -INFINITY : lower;
			near->list = list;
			near->is_exact = false;
		}
	}
	if (n_wanted == 1)
	{
		uint32		n = 0;

		for (uint32 i = 0; i < nearest->n; i++)
		{
			if (nearest->heap[i].lower <= least_upper)
				nearest->heap[n++] = nearest->heap[i];
		}
		nearest->n = n;
	}
	for (uint32 i = nearest->n / 2; i > 0; i--)
		sift_down(nearest->heap, nearest->n, i - 1);
}

/*
 * gv_ivf_nearest_centroid
 *		Return a list's centroid, float16[padded_dim], valid until the next call.
 */
const GvHalf *
gv_ivf_nearest_centroid(GvIvfNearest *nearest, uint32 list)
{
	const GvIvfRoot *root = &nearest->root;

	if (root->centroids)
		return root->centroids + (Size) list * nearest->index->layout.padded_dim;
	gv_ivf_read_centroid(nearest->index, root->centroid_blkno[list],
						 root->centroid_slot[list], nearest->centroid);
	return nearest->centroid;
}

/*
 * gv_ivf_nearest_next
 *		Find the next list; false if there are no more.
 *
 * distance2: of its centroid, squared
 */
bool
gv_ivf_nearest_next(GvIvfNearest *nearest, uint32 *list, float *distance2)
{
	while (nearest->n > 0)
	{
		GvIvfNear  *top = &nearest->heap[0];

		if (top->is_exact)
		{
			*list = top->list;
			*distance2 = top->lower;
			*top = nearest->heap[--nearest->n];
			sift_down(nearest->heap, nearest->n, 0);
			return true;
		}
		top->lower = gv_kernels->l2_squared_f32_f16(nearest->z,
													gv_ivf_nearest_centroid(nearest, top->list),
													1.0f, nearest->root.code_dims);
		top->is_exact = true;
		if (isnan(top->lower))
			top->lower = INFINITY;
		sift_down(nearest->heap, nearest->n, 0);
	}
	return false;
}
