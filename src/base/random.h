/*-------------------------------------------------------------------------
 *
 * random.h
 *		Reproducible pseudo-random numbers: splitmix64.
 *
 * The stream depends on nothing but the seed, so a build with the same seed
 * gives the same index on every machine.
 * Source: Steele, Lea, Flood, OOPSLA 2014.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BASE_RANDOM_H
#define GV_BASE_RANDOM_H

#include <stdint.h>

typedef struct GvRandom
{
	uint64_t	state;
} GvRandom;

/* The splitmix64 finalizer: a bijection of 64-bit numbers */
static inline uint64_t
gv_random_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline uint64_t
gv_random_next(GvRandom *r)
{
	r->state += UINT64_C(0x9e3779b97f4a7c15);
	return gv_random_mix(r->state);
}

/* Uniform in 0..n-1, n > 0; the bias is below n / 2^32 */
static inline uint32_t
gv_random_below(GvRandom *r, uint32_t n)
{
	return (uint32_t) (((gv_random_next(r) >> 32) * (uint64_t) n) >> 32);
}

#endif							/* GV_BASE_RANDOM_H */
