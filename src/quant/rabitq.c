/*-------------------------------------------------------------------------
 *
 * rabitq.c
 *		One-bit codes of neighbors, centred on their node, in FastScan blocks.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "quant/rabitq.h"

/*
 * gv_rabitq_prepare_query
 *		Fill the FastScan table of a query.
 *
 * query: its table has room for uint8[code_dims / 4][16], in the order of
 * gv_fastscan_table_place; all fields written
 * q: float[code_dims], rotated
 *
 * An entry is the sum of four elements with the signs of its number, less the
 * group's smallest sum, in units of mul.  A query so small that mul would be no
 * normal number, whose reciprocal may be infinite, counts as zero.
 */
void
gv_rabitq_prepare_query(GvRabitqQuery *query, const float *q, int code_dims)
{
	int			n_groups = code_dims / GV_RABITQ_GROUP_DIMS;
	float		range = 0;
	float		bias = 0;
	float		inverse;

	/* a group spans -total .. total, total being its sum of magnitudes */
	for (int g = 0; g < n_groups; g++)
	{
		const float *e = q + g * 4;
		float		total = fabsf(e[0]) + fabsf(e[1]) + fabsf(e[2]) + fabsf(e[3]);

		bias -= total;
		if (total > range)
			range = total;
	}

	query->n_groups = n_groups;
	query->mul = range * (2.0f / 255.0f);
	query->bias = bias;
	if (query->mul < FLT_MIN)
		query->mul = query->bias = 0;
	inverse = query->mul > 0 ? 1.0f / query->mul : 0.0f;

	for (int g = 0; g < n_groups; g++)
	{
		const float *e = q + g * 4;
		uint8_t    *entry = query->table +
			gv_fastscan_table_place(g, n_groups) * GV_FASTSCAN_GROUP_BYTES;
		float		low = (fabsf(e[0]) + fabsf(e[1]) + fabsf(e[2]) + fabsf(e[3])) * inverse + 0.5f;
		float		a = e[0] * inverse;
		float		b = e[1] * inverse;
		float		c = e[2] * inverse;
		float		d = e[3] * inverse;
		float		pairs[4] = {-a - b, a - b, b - a, a + b};
		float		rest[4] = {low - c - d, low + c - d, low + d - c, low + c + d};

		for (int i = 0; i < 16; i++)
			entry[i] = (uint8_t) (int) (pairs[i & 3] + rest[i >> 2]);
	}
}

/*
 * gv_rabitq_encode
 *		Compute the code and factors of neighbor x beside center weight * p.
 *
 * x, p: float[dims], rotated
 * dims: dimensions of x and p, at least code_dims
 * code: uint8[code_dims / 8], written: eight signs each, lowest bit first
 */
GvRabitqFactors
gv_rabitq_encode(const float *x, const float *p, float weight, int dims, int code_dims,
				 uint8_t *code)
{
	GvRabitqFactors factors;
	float		sums[3];
	float		ratio;

	gv_kernels->sign_code(x, p, weight, dims, code_dims, code, sums);
	ratio = sums[1] > 0 ? sums[0] / sums[1] : 0.0f;
	factors.rescale = -2.0f * ratio;
	factors.add = sums[0] + 2.0f * ratio * sums[2];
	return factors;
}

/* Bytes of a lane that lie together; of four groups left over, half as many */
#define LANE_BYTES (GV_FASTSCAN_SQUARE_BYTES / GV_FASTSCAN_LANES)

/*
 * gv_rabitq_put_lane
 *		Write a code into one lane of a FastScan block.
 *
 * block: uint8[gv_rabitq_block_bytes(code_dims)]
 * code: uint8[code_dims / 8]
 */
void
gv_rabitq_put_lane(uint8_t *block, int lane, const uint8_t *code, int code_dims)
{
	int			n_bytes = code_dims / 8;
	int			i;

	for (i = 0; i + LANE_BYTES <= n_bytes; i += LANE_BYTES)
		memcpy(block + i * GV_FASTSCAN_LANES + lane * LANE_BYTES, code + i, LANE_BYTES);
	if (i < n_bytes)
		memcpy(block + i * GV_FASTSCAN_LANES + lane * (LANE_BYTES / 2), code + i, LANE_BYTES / 2);
}

/*
 * gv_rabitq_put_lanes
 *		Write the first n lanes of a FastScan block, the others as zero.
 *
 * block: uint8[gv_rabitq_block_bytes(code_dims)]
 * codes: uint8[n][code_dims / 8]
 */
void
gv_rabitq_put_lanes(uint8_t *block, const uint8_t *codes, int n, int code_dims)
{
	memset(block, 0, gv_rabitq_block_bytes(code_dims));
	for (int lane = 0; lane < n; lane++)
		gv_rabitq_put_lane(block, lane, codes + (size_t) lane * (code_dims / 8), code_dims);
}

/*
 * gv_rabitq_get_lane
 *		Read the code of one lane of a FastScan block.
 *
 * code: uint8[code_dims / 8], written
 */
void
gv_rabitq_get_lane(const uint8_t *block, int lane, uint8_t *code, int code_dims)
{
	int			n_bytes = code_dims / 8;
	int			i;

	for (i = 0; i + LANE_BYTES <= n_bytes; i += LANE_BYTES)
		memcpy(code + i, block + i * GV_FASTSCAN_LANES + lane * LANE_BYTES, LANE_BYTES);
	if (i < n_bytes)
		memcpy(code + i, block + i * GV_FASTSCAN_LANES + lane * (LANE_BYTES / 2), LANE_BYTES / 2);
}
