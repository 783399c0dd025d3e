/*-------------------------------------------------------------------------
 *
 * rabitq.h
 *		One-bit codes of neighbors, centred on their node, in FastScan blocks.
 *
 * Let x be a neighbor, rotated, and p the center of the node's codes: the
 * node's own vector times a weight.  The code of x is the sign s of the first
 * code_dims elements of x - p.  With n2 = |x - p|^2 and
 * l1 = sum |x - p| over those elements,
 *
 *		<q - p, x - p>  ~  n2 / l1 * <q - p, s>
 *
 * has no bias over rotations, and an error of order 1 / sqrt(code_dims)
 * times |q - p| |x - p|.  Hence
 *
 *		|q - x|^2  ~  |q - p|^2 + add + rescale * <q, s>
 *		add = n2 + 2 n2 / l1 <p, s>,  rescale = -2 n2 / l1
 *
 * <q, s> comes from one table for the whole query, whatever the node.
 * Source: Gao, Long, SIGMOD 2024 (RaBitQ); Gou, Gao, Xu, Long, SIGMOD 2025
 * (codes centred on the node).
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_QUANT_RABITQ_H
#define GV_QUANT_RABITQ_H

#include "distance/distance.h"

/* Codes have a multiple of this many dimensions: four FastScan groups */
#define GV_RABITQ_ALIGN 16

/* Dimensions of one FastScan group */
#define GV_RABITQ_GROUP_DIMS 4

/* A query prepared for FastScan */
typedef struct GvRabitqQuery
{
	int			n_groups;		/* code dimensions / 4 */
	float		mul;			/* <q, s> ~ mul * sum + bias */
	float		bias;
	uint8_t    *table;			/* uint8[n_groups][16] */
} GvRabitqQuery;

/* The factors of one code */
typedef struct GvRabitqFactors
{
	float		add;
	float		rescale;
} GvRabitqFactors;

/* Bytes of the codes of one block of 32 lanes */
static inline int
gv_rabitq_block_bytes(int code_dims)
{
	return code_dims / GV_RABITQ_GROUP_DIMS * GV_FASTSCAN_GROUP_BYTES;
}

extern void gv_rabitq_prepare_query(GvRabitqQuery *query, const float *q, int code_dims);
extern GvRabitqFactors gv_rabitq_encode(const float *x, const float *p, float weight,
										int dims, int code_dims, uint8_t *code);
extern void gv_rabitq_put_lane(uint8_t *block, int lane, const uint8_t *code,
							   int code_dims);
extern void gv_rabitq_put_lanes(uint8_t *block, const uint8_t *codes, int n,
								int code_dims);
extern void gv_rabitq_get_lane(const uint8_t *block, int lane, uint8_t *code,
							   int code_dims);

#endif							/* GV_QUANT_RABITQ_H */
