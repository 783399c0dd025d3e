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
 * query: its table has room for uint8[code_dims / 4][16]; all fields written
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
		uint8_t    *entry = query->table + g * GV_FASTSCAN_GROUP_BYTES;
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
 * nibbles: uint8[code_dims / 4], written: four signs each, lowest bit first
 */
GvRabitqFactors
gv_rabitq_encode(const float *x, const float *p, float weight, int dims, int code_dims,
				 uint8_t *nibbles)
{
	GvRabitqFactors factors;
	float		sums[3];
	float		ratio;

	gv_kernels->sign_code(x, p, weight, dims, code_dims, nibbles, sums);
	ratio = sums[1] > 0 ? sums[0] / sums[1] : 0.0f;
	factors.rescale = -2.0f * ratio;
	factors.add = sums[0] + 2.0f * ratio * sums[2];
	return factors;
}

/*
 * gv_rabitq_put_lane
 *		Write a code into one lane of a FastScan block.
 *
 * block: uint8[code_dims / 4][16]
 * nibbles: uint8[code_dims / 4]
 */
void
gv_rabitq_put_lane(uint8_t *block, int lane, const uint8_t *nibbles, int code_dims)
{
	int			shift = (lane & 16) ? 4 : 0;
	uint8_t		keep = (uint8_t) (0xF0 >> shift);

	block += lane & 15;
	for (int g = 0; g < code_dims / 4; g++)
	{
		uint8_t    *byte = block + g * GV_FASTSCAN_GROUP_BYTES;

		*byte = (uint8_t) ((*byte & keep) | (nibbles[g] << shift));
	}
}

/* Groups that are written together, as many as a group has bytes */
#define GROUPS_AT_ONCE GV_FASTSCAN_GROUP_BYTES
#define SQUARE_BYTES (GROUPS_AT_ONCE * GV_FASTSCAN_GROUP_BYTES)

/*
 * Exchange rows and columns of bytes: each step interleaves both halves, which
 * moves the bits of a byte's number left by one; compilers turn that into vectors.
 */
static void
transpose_square(uint8_t *square)
{
	uint8_t		other[SQUARE_BYTES];

	for (int step = 0; step < 2; step++)
	{
		for (int i = 0; i < SQUARE_BYTES / 2; i++)
		{
			other[2 * i] = square[i];
			other[2 * i + 1] = square[SQUARE_BYTES / 2 + i];
		}
		for (int i = 0; i < SQUARE_BYTES / 2; i++)
		{
			square[2 * i] = other[i];
			square[2 * i + 1] = other[SQUARE_BYTES / 2 + i];
		}
	}
}

/*
 * gv_rabitq_put_lanes
 *		Write the first n lanes of a FastScan block, the others as zero.
 *
 * block: uint8[code_dims / 4][16]
 * nibbles: uint8[n][code_dims / 4]
 */
void
gv_rabitq_put_lanes(uint8_t *block, const uint8_t *nibbles, int n, int code_dims)
{
	int			n_groups = code_dims / GV_RABITQ_GROUP_DIMS;

	for (int first = 0; first < n_groups; first += GROUPS_AT_ONCE)
	{
		int			now = n_groups - first < GROUPS_AT_ONCE ? n_groups - first : GROUPS_AT_ONCE;
		uint8_t		square[SQUARE_BYTES] = {0};

		for (int lane = 0; lane < n; lane++)
		{
			uint8_t		code[GROUPS_AT_ONCE] = {0};
			uint8_t    *row = square + (lane & 15) * GROUPS_AT_ONCE;
			int			factor = (lane & 16) ? 16 : 1;

			if (now == GROUPS_AT_ONCE)
				memcpy(code, nibbles + (size_t) lane * n_groups + first, GROUPS_AT_ONCE);
			else
				memcpy(code, nibbles + (size_t) lane * n_groups + first, now);
			for (int g = 0; g < GROUPS_AT_ONCE; g++)
				row[g] = (uint8_t) (row[g] | code[g] * factor);
		}
		transpose_square(square);
		memcpy(block + (size_t) first * GV_FASTSCAN_GROUP_BYTES, square,
			   (size_t) now * GV_FASTSCAN_GROUP_BYTES);
	}
}

/*
 * gv_rabitq_get_lane
 *		Read the code of one lane of a FastScan block.
 *
 * nibbles: uint8[code_dims / 4], written
 */
void
gv_rabitq_get_lane(const uint8_t *block, int lane, uint8_t *nibbles, int code_dims)
{
	int			shift = (lane & 16) ? 4 : 0;

	block += lane & 15;
	for (int g = 0; g < code_dims / 4; g++)
		nibbles[g] = (block[g * GV_FASTSCAN_GROUP_BYTES] >> shift) & 0x0F;
}

/*
 * gv_rabitq_copy_lane
 *		Copy a code from one lane of a FastScan block to another.
 */
void
gv_rabitq_copy_lane(uint8_t *block, int to, int from, int code_dims)
{
	int			from_shift = (from & 16) ? 4 : 0;
	int			to_shift = (to & 16) ? 4 : 0;
	uint8_t		keep = (uint8_t) (0xF0 >> to_shift);

	for (int g = 0; g < code_dims / 4; g++)
	{
		uint8_t    *group = block + g * GV_FASTSCAN_GROUP_BYTES;
		uint8_t		nibble = (group[from & 15] >> from_shift) & 0x0F;

		group[to & 15] = (uint8_t) ((group[to & 15] & keep) | (nibble << to_shift));
	}
}
