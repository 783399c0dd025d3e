/*-------------------------------------------------------------------------
 *
 * rotation.h
 *		Fast pseudo-random rotation of vectors.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_QUANT_ROTATION_H
#define GV_QUANT_ROTATION_H

#include <stdint.h>

/* Rotated vectors have a multiple of this many dimensions */
#define GV_ROTATION_ALIGN 16

/* Rounds of sign flips and Hadamard transforms */
#define GV_ROTATION_ROUNDS 4

static inline int
gv_rotation_padded_dim(int dim)
{
	return (dim + GV_ROTATION_ALIGN - 1) / GV_ROTATION_ALIGN * GV_ROTATION_ALIGN;
}

/* Number of floats that gv_rotation_init writes */
static inline int
gv_rotation_table_size(int padded_dim)
{
	return GV_ROTATION_ROUNDS * padded_dim;
}

extern void gv_rotation_init(float *table, int padded_dim, uint64_t seed);
extern void gv_rotation_apply(const float *table, int padded_dim, float *x);
extern void gv_rotation_undo(const float *table, int padded_dim, float *x);

#endif							/* GV_QUANT_ROTATION_H */
