/*-------------------------------------------------------------------------
 *
 * node.c
 *		Writing nodes: own vector, neighbors and their codes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "hnsw/node.h"
#include "hnsw/points.h"
#include "quant/rabitq.h"

/* Factors are kept below this in units of edge_scale; float16 ends at 65504 */
#define MAX_FACTOR 16384.0f

/* float16 keeps full precision between these magnitudes */
#define MAX_HALF_ELEMENT 32768.0f
#define MIN_HALF_ELEMENT (1.0f / 64)

/* Added to and taken from a float, this leaves the nearest integer, even if two are */
#define TO_INTEGER 12582912.0f

/* Integers of 12 bits whose low bits lie together */
#define INT12_AT_ONCE 32

/* The power of two that brings x into 1 .. 2 times max */
static float
scale_down(float x, float max)
{
	int			exponent;

	frexpf(x / max, &exponent);
	return ldexpf(1.0f, exponent);
}

/*
 * Write n numbers as 12-bit integers of a scale, as l2_squared_f32_i12 takes them.
 *
 * By 32, in loops that compilers turn into vectors.  Returns the squared norm of
 * what rounding took.
 */
static double
put_int12(uint8 *own, const float *z, int n, float scale)
{
	double		errors[INT12_AT_ONCE / 2] = {0};
	double		error = 0;

	for (int first = 0; first < n; first += INT12_AT_ONCE)
	{
		int			now = Min(n - first, INT12_AT_ONCE);
		uint8	   *rest = own + n + first / 2;
		float		x[INT12_AT_ONCE] = {0};
		int			value[INT12_AT_ONCE];

		memcpy(x, z + first, sizeof(float) * now);
		for (int i = 0; i < INT12_AT_ONCE; i++)
			value[i] = (int) ((x[i] / scale + TO_INTEGER) - TO_INTEGER);
		for (int i = 0; i < now; i++)
			own[first + i] = (uint8) (int8) (value[i] >> 4);
		for (int i = 0; i < INT12_AT_ONCE / 2; i++)
		{
			int			other = i + INT12_AT_ONCE / 2;
			double		e = (double) x[i] - (double) value[i] * scale;
			double		f = (double) x[other] - (double) value[other] * scale;

			rest[i] = (uint8) ((value[i] & 15) | (value[other] & 15) << 4);
			errors[i] += e * e + f * f;
		}
	}
	for (int i = 0; i < INT12_AT_ONCE / 2; i++)
		error += errors[i];
	return error;
}

/*
 * gv_hnsw_node_set_own
 *		Write a node's own vector.
 *
 * z: float[n_dims], rotated; n_dims >= own_dims
 *
 * own_error becomes the norm of what the own vector lacks of z; infinity if
 * it lacks dimensions.
 */
void
gv_hnsw_node_set_own(const GvHnswLayout *layout, GvHnswNode node, const float *z,
					 int n_dims, float key_bias)
{
	int			dims = layout->own_dims;
	float		largest = gv_hnsw_point_largest(z, dims);
	double		error = 0;

	node->u.key_bias = key_bias;
	if (layout->own_kind == GV_HNSW_OWN_HALF)
	{
		GvHalf	   *own = gv_hnsw_node_own(layout, node);
		float		scaled[64];
		float		back[64];

		node->own_scale = 1;
		if (largest > MAX_HALF_ELEMENT || (largest > 0 && largest < MIN_HALF_ELEMENT))
			node->own_scale = scale_down(largest, 1.0f);
		for (int base = 0; base < dims; base += 64)
		{
			int			n = Min(64, dims - base);

			for (int i = 0; i < n; i++)
				scaled[i] = z[base + i] / node->own_scale;
			gv_kernels->f32_to_f16(scaled, own + base, n);
			gv_kernels->f16_to_f32(own + base, back, n);
			for (int i = 0; i < n; i++)
			{
				double		e = (double) z[base + i] - (double) back[i] * node->own_scale;

				error += e * e;
			}
		}
	}
	else if (layout->own_kind == GV_HNSW_OWN_INT12)
	{
		uint8	   *own = gv_hnsw_node_own(layout, node);

		node->own_scale = largest > 0 ? Max(largest / 2047.0f, FLT_MIN) : 1.0f;
		error = put_int12(own, z, dims, node->own_scale);
	}
	else
	{
		int8	   *own = gv_hnsw_node_own(layout, node);

		node->own_scale = largest > 0 ? Max(largest / 127.0f, FLT_MIN) : 1.0f;
		for (int i = 0; i < dims; i++)
		{
			double		e;

			own[i] = (int8) lrintf(z[i] / node->own_scale);
			e = (double) z[i] - (double) own[i] * node->own_scale;
			error += e * e;
		}
	}

	node->own_norm2 = 0;
	{
		float	   *back = palloc(sizeof(float) * dims);

		gv_hnsw_node_get_own(layout, node, back);
		node->own_norm2 = gv_kernels->inner_product_f32(back, back, dims);
		pfree(back);
	}
	node->center_weight = 0.5f;
	node->own_error = (float) sqrt(error);
	if (n_dims > dims || largest >= 1e14f)
		node->own_error = INFINITY;
}

/*
 * gv_hnsw_node_key
 *		Return the squared distance of a point and a node's own vector.
 *
 * Without the node's key_bias.
 */
float
gv_hnsw_node_key(const GvHnswLayout *layout, GvHnswNode node, const float *z)
{
	void	   *own = gv_hnsw_node_own(layout, node);
	float		key;

	if (layout->own_kind == GV_HNSW_OWN_HALF)
		key = gv_kernels->l2_squared_f32_f16(z, own, node->own_scale, layout->own_dims);
	else if (layout->own_kind == GV_HNSW_OWN_INT12)
		key = gv_kernels->l2_squared_f32_i12(z, own, node->own_scale, layout->own_dims);
	else
		key = gv_kernels->l2_squared_f32_i8(z, own, node->own_scale, layout->own_dims);
	if (layout->own_dims < layout->padded_dim)
		key *= (float) layout->padded_dim / layout->own_dims;
	return key;
}

/*
 * gv_hnsw_node_choose_center
 *		Choose where the codes of a node's neighbors are centred.
 *
 * mean_product: mean of the neighbors' inner products with the own vector
 *
 * The multiple of the own vector from which the neighbors' squared distances
 * are least: all of it where neighbors are near, less where they are as far
 * as any node.  Called before the first neighbor is written.
 */
void
gv_hnsw_node_choose_center(const GvHnswLayout *layout, GvHnswNode node,
						   double mean_product)
{
	double		weight = node->own_norm2 > 0 ? mean_product / node->own_norm2 : 0;

	Assert(node->n_neighbors == 0);
	node->center_weight = (float) Max(Min(weight, 1.0), 0.0);
}

/*
 * gv_hnsw_node_get_own
 *		Decode a node's own vector.
 *
 * z: float[own_dims], written
 */
void
gv_hnsw_node_get_own(const GvHnswLayout *layout, GvHnswNode node, float *z)
{
	void	   *own = gv_hnsw_node_own(layout, node);

	if (layout->own_kind == GV_HNSW_OWN_HALF)
		gv_kernels->f16_to_f32(own, z, layout->own_dims);
	else if (layout->own_kind == GV_HNSW_OWN_INT12)
	{
		gv_kernels->i12_to_f32(own, (uint8 *) own + layout->own_dims, node->own_scale, z,
							   layout->own_dims);
		return;
	}
	else
	{
		for (int i = 0; i < layout->own_dims; i++)
			z[i] = ((int8 *) own)[i];
	}
	if (node->own_scale != 1.0f)
	{
		for (int i = 0; i < layout->own_dims; i++)
			z[i] *= node->own_scale;
	}
}

static inline void
put_factor(GvHalf *place, float factor)
{
	factor = Max(Min(factor, 65504.0f), -65504.0f);
	gv_kernels->f32_to_f16(&factor, place, 1);
}

static inline float
get_factor(const GvHalf *place)
{
	float		factor;

	gv_kernels->f16_to_f32(place, &factor, 1);
	return factor;
}

/* Bring edge_scale to where a new factor fits, rewriting the old ones */
static void
fit_edge_scale(float *edge_scale, GvHalf *add, GvHalf *rescale, int n, float magnitude)
{
	float		scale;

	if (*edge_scale > 0 && magnitude <= *edge_scale * MAX_FACTOR)
		return;
	scale = Max(1.0f, scale_down(magnitude, MAX_FACTOR / 2));
	for (int i = 0; i < n; i++)
	{
		put_factor(&add[i], get_factor(&add[i]) * (*edge_scale / scale));
		{
			GvHalf		mark = rescale[i] & 1;

			put_factor(&rescale[i], get_factor(&rescale[i]) * (*edge_scale / scale));
			rescale[i] = (GvHalf) ((rescale[i] & ~1) | mark);
		}
	}
	*edge_scale = scale;
}

/*
 * gv_hnsw_node_put_lane
 *		Write one neighbor of a node, whose code is made already; its link is
 *		marked as one that does not only fill.
 *
 * lane: 0..n_neighbors; n_neighbors is raised if it is the next
 * factors: with the neighbor's key_bias in the addend
 * code: uint8[code_dims / 8]; NULL if the caller writes the codes of all lanes
 */
void
gv_hnsw_node_put_lane(const GvHnswLayout *layout, GvHnswNode node, int lane, uint32 id,
					  const GvRabitqFactors *factors, const uint8 *code)
{
	GvHalf	   *add = gv_hnsw_node_add(layout, node);
	GvHalf	   *rescale = gv_hnsw_node_rescale(layout, node);

	Assert(lane <= node->n_neighbors && lane < layout->degree);

	gv_hnsw_node_neighbors(layout, node)[lane] = id;
	fit_edge_scale(&node->edge_scale, add, rescale, node->n_neighbors,
				   Max(fabsf(factors->add), fabsf(factors->rescale)));
	put_factor(&add[lane], factors->add / node->edge_scale);
	put_factor(&rescale[lane], factors->rescale / node->edge_scale);
	gv_hnsw_node_mark_lane(layout, node, lane, false);
	if (code != NULL)
		gv_rabitq_put_lane(gv_hnsw_node_codes(layout, node, lane / GV_FASTSCAN_LANES),
						   lane % GV_FASTSCAN_LANES, code, layout->code_dims);
	if (lane == node->n_neighbors)
		node->n_neighbors++;
}

/*
 * gv_hnsw_node_set_lane
 *		Write one neighbor of a node.
 *
 * lane: 0..n_neighbors; n_neighbors is raised if it is the next
 * p: float[own_dims], the node's own vector decoded; unused without codes
 * point: the neighbor's; unused without codes
 */
void
gv_hnsw_node_set_lane(const GvHnswLayout *layout, GvHnswNode node, int lane, uint32 id,
					  const float *p, const GvHnswPoint *point)
{
	Assert(lane <= node->n_neighbors && lane < layout->degree);

	if (gv_hnsw_layout_has_codes(layout))
	{
		uint8		code[GV_HNSW_MAX_CODE_BYTES];
		GvRabitqFactors factors;

		factors = gv_rabitq_encode(point->z, p, node->center_weight, layout->own_dims,
								   layout->code_dims, code);
		factors.add += point->key_bias;
		gv_hnsw_node_put_lane(layout, node, lane, id, &factors, code);
		return;
	}
	gv_hnsw_node_neighbors(layout, node)[lane] = id;
	if (lane == node->n_neighbors)
		node->n_neighbors++;
}

/*
 * gv_hnsw_node_remove_lane
 *		Remove one neighbor; the last one takes its lane.
 */
void
gv_hnsw_node_remove_lane(const GvHnswLayout *layout, GvHnswNode node, int lane)
{
	int			last = --node->n_neighbors;
	uint32	   *neighbors = gv_hnsw_node_neighbors(layout, node);
	uint8		code[GV_HNSW_MAX_CODE_BYTES];

	Assert(lane <= last);
	neighbors[lane] = neighbors[last];
	neighbors[last] = 0;
	if (!gv_hnsw_layout_has_codes(layout) || lane == last)
		return;

	gv_hnsw_node_add(layout, node)[lane] = gv_hnsw_node_add(layout, node)[last];
	gv_hnsw_node_rescale(layout, node)[lane] = gv_hnsw_node_rescale(layout, node)[last];
	gv_rabitq_get_lane(gv_hnsw_node_codes(layout, node, last / GV_FASTSCAN_LANES),
					   last % GV_FASTSCAN_LANES, code, layout->code_dims);
	gv_rabitq_put_lane(gv_hnsw_node_codes(layout, node, lane / GV_FASTSCAN_LANES),
					   lane % GV_FASTSCAN_LANES, code, layout->code_dims);
}

/*
 * gv_hnsw_node_find_lane
 *		Return the lane of a neighbor, or -1.
 */
int
gv_hnsw_node_find_lane(const GvHnswLayout *layout, GvHnswNode node, uint32 id)
{
	uint32	   *neighbors = gv_hnsw_node_neighbors(layout, node);

	for (int lane = 0; lane < node->n_neighbors; lane++)
	{
		if (neighbors[lane] == id)
			return lane;
	}
	return -1;
}

/*
 * gv_hnsw_entry_set_lane
 *		Write one lane of an entry block.
 *
 * point: unused without codes
 */
void
gv_hnsw_entry_set_lane(const GvHnswLayout *layout, GvHnswEntryBlock block, int lane,
					   uint32 id, const GvHnswPoint *point)
{
	block->node[lane] = id;
	if (gv_hnsw_layout_has_codes(layout))
	{
		uint8		code[GV_HNSW_MAX_CODE_BYTES];
		GvRabitqFactors factors;

		/* centred on zero, whatever the vector given for it */
		factors = gv_rabitq_encode(point->z, point->z, 0, layout->own_dims,
								   layout->code_dims, code);
		factors.add += point->key_bias;
		fit_edge_scale(&block->edge_scale, block->add, block->rescale, GV_FASTSCAN_LANES,
					   Max(fabsf(factors.add), fabsf(factors.rescale)));
		put_factor(&block->add[lane], factors.add / block->edge_scale);
		put_factor(&block->rescale[lane], factors.rescale / block->edge_scale);
		gv_rabitq_put_lane(gv_hnsw_entry_codes(block), lane, code, layout->code_dims);
	}
}
