/*-------------------------------------------------------------------------
 *
 * kernels_fastscan.c
 *		The FastScan kernels against the sums written out.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "distance/distance.h"
#include "kernels.h"
#include "unit.h"

/* One block and what its estimates are made of */
typedef struct Block
{
	int			n_groups;
	uint8_t    *codes;
	uint8_t    *table;
	GvHalf	   *add;
	GvHalf	   *rescale;
	float		base;
	float		scale;
	float		mul;
	float		bias;
} Block;

/*
 * A block that fills its memory to guard pages.
 *
 * extreme: the table holds only 255, the worst for narrow sums
 */
static void
make_block(Block *block, int n_groups, bool extreme)
{
	size_t		size = (size_t) n_groups * GV_FASTSCAN_GROUP_BYTES;
	size_t		i;

	block->n_groups = n_groups;
	block->codes = gv_unit_at_end(0, size);
	block->table = gv_unit_at_end(1, size);
	for (i = 0; i < size; i++)
	{
		block->codes[i] = (uint8_t) gv_unit_random();
		block->table[i] = extreme ? 255 : (uint8_t) gv_unit_random();
	}
	block->add = gv_unit_at_end(2, GV_FASTSCAN_LANES * sizeof(GvHalf));
	block->rescale = gv_unit_at_end(3, GV_FASTSCAN_LANES * sizeof(GvHalf));
	for (i = 0; i < GV_FASTSCAN_LANES; i++)
	{
		block->add[i] = gv_unit_half_nearest(gv_unit_normal());
		block->rescale[i] = gv_unit_half_nearest(0.01 * gv_unit_normal());
	}
	block->base = (float) gv_unit_normal();
	block->scale = (float) gv_unit_normal();
	block->mul = (float) gv_unit_uniform();
	block->bias = (float) (-100 * gv_unit_uniform());
}

static void
expected_sums(const Block *block, uint32_t *sums)
{
	int			lane;
	int			group;

	for (lane = 0; lane < GV_FASTSCAN_LANES; lane++)
	{
		sums[lane] = 0;
		for (group = 0; group < block->n_groups; group++)
		{
			int			in_square = group % 8;
			int			first = group - in_square;
			int			lane_bytes = first + 8 <= block->n_groups ? 4 : 2;
			int			byte = block->codes[16 * first + lane_bytes * lane + in_square / 2];
			int			table = first + lane_bytes * (in_square % 2) + in_square / 2;
			int			number = in_square % 2 == 0 ? byte & 15 : byte >> 4;

			sums[lane] += block->table[16 * table + number];
			if (gv_fastscan_table_place(group, block->n_groups) != table)
				gv_unit_fail("%d groups: table of group %d is not number %d", block->n_groups,
							 group, table);
		}
	}
}

static void
check_block(const GvKernels *kernels, const Block *block)
{
	uint32_t	expected[GV_FASTSCAN_LANES];
	uint32_t   *sums = gv_unit_at_end(4, GV_FASTSCAN_LANES * sizeof(uint32_t));
	float	   *estimates = gv_unit_at_end(5, GV_FASTSCAN_LANES * sizeof(float));
	int			lane;

	expected_sums(block, expected);
	memset(sums, 0xee, GV_FASTSCAN_LANES * sizeof(uint32_t));
	kernels->fastscan(block->codes, block->table, block->n_groups, sums);
	kernels->fastscan_estimate(block->codes, block->table, block->n_groups,
							   block->add, block->rescale, block->base, block->scale,
							   block->mul, block->bias, estimates);
	for (lane = 0; lane < GV_FASTSCAN_LANES; lane++)
	{
		/* each operation rounded by itself, whatever the compiler would fuse */
		volatile float product = block->mul * (float) expected[lane];
		volatile float inner = product + block->bias;
		volatile float scaled = (float) gv_unit_half_value(block->rescale[lane]) * inner;
		volatile float sum = (float) gv_unit_half_value(block->add[lane]) + scaled;
		volatile float distance = block->scale * sum;
		volatile float estimate = block->base + distance;

		if (sums[lane] != expected[lane])
			gv_unit_fail("%d groups, lane %d: sum %u, not %u", block->n_groups, lane,
						 sums[lane], expected[lane]);
		if (memcmp(&estimates[lane], (const void *) &estimate, sizeof(float)) != 0)
			gv_unit_fail("%d groups, lane %d: estimate %a, not %a", block->n_groups, lane,
						 estimates[lane], estimate);
	}
}

/*
 * gv_unit_test_fastscan
 *		Sums exact, estimates to the last bit, nothing read beyond the block.
 */
void
gv_unit_test_fastscan(const GvKernels *kernels)
{
	static const int many[] = {1028, 2048, 4096, 5000, GV_FASTSCAN_MAX_GROUPS};
	Block		block;
	int			n_groups;
	int			i;

	gv_unit_seed(6);
	gv_unit_begin("%s fastscan, fastscan_estimate: 0 to 1024 groups", kernels->name);
	for (n_groups = 0; n_groups <= 1024; n_groups += 4)
	{
		make_block(&block, n_groups, false);
		check_block(kernels, &block);
	}
	gv_unit_end();

	gv_unit_begin("%s fastscan, fastscan_estimate: to %d groups, to table entries of 255",
				  kernels->name, GV_FASTSCAN_MAX_GROUPS);
	for (n_groups = 4; n_groups <= 1024; n_groups += 4)
	{
		make_block(&block, n_groups, true);
		check_block(kernels, &block);
	}
	for (i = 0; i < (int) (sizeof(many) / sizeof(many[0])); i++)
	{
		make_block(&block, many[i], false);
		check_block(kernels, &block);
		make_block(&block, many[i], true);
		check_block(kernels, &block);
	}
	gv_unit_end();

	gv_unit_begin("%s fastscan, fastscan_estimate: unaligned", kernels->name);
	for (i = 0; i < 64; i++)
	{
		Block		moved;
		size_t		size;

		make_block(&block, 24, false);
		moved = block;
		size = (size_t) block.n_groups * GV_FASTSCAN_GROUP_BYTES;
		moved.codes = gv_unit_at_start(6, size, i);
		moved.table = gv_unit_at_start(7, size, 63 - i);
		memcpy(moved.codes, block.codes, size);
		memcpy(moved.table, block.table, size);
		check_block(kernels, &moved);
	}
	gv_unit_end();
}
