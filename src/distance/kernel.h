/*-------------------------------------------------------------------------
 *
 * kernel.h
 *		What the kernel files share; nobody outside src/distance includes it.
 *
 * A kernel file for another instruction set than the one the package is built
 * for runs only after dispatch.c has seen the CPU support it.  Hence whatever
 * is included there must be static inline: a shared copy of a function could
 * be the one that was compiled with AVX.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_DISTANCE_KERNEL_H
#define GV_DISTANCE_KERNEL_H

#include <stdint.h>
#include <string.h>

#include "distance/distance.h"

/* The instruction sets beyond the scalar one that this build can hold */
#if defined(__x86_64__)
#define GV_DISTANCE_HAVE_X86 1
#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)
#define GV_DISTANCE_HAVE_NEON 1
#endif

/* The templates take functions as arguments: all must end up in one loop */
#define GV_DISTANCE_INLINE static inline __attribute__((always_inline))

/* The rare way, kept out of the registers and the stack frame of the usual one */
#define GV_DISTANCE_RARE static __attribute__((noinline))

/*
 * A number of which the compiler knows nothing, so that it does not unroll the
 * loops that it bounds to their end, into kilobytes of code.
 */
GV_DISTANCE_INLINE int
opaque(int n)
{
	__asm__("" : "+r" (n));
	return n;
}

extern const GvKernels gv_distance_table_scalar;

#ifdef GV_DISTANCE_HAVE_X86
extern const GvKernels gv_distance_table_avx2;
extern const GvKernels gv_distance_table_avx512;
#endif

#ifdef GV_DISTANCE_HAVE_NEON
extern const GvKernels gv_distance_table_neon;
#endif

#if defined(GV_DISTANCE_HAVE_X86) || defined(GV_DISTANCE_HAVE_NEON)

GV_DISTANCE_INLINE uint64_t
read_u64(const uint8_t *p)
{
	uint64_t	word;

	memcpy(&word, p, sizeof(word));
	return word;
}

GV_DISTANCE_INLINE uint64_t
read_u32(const uint8_t *p)
{
	uint32_t	word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/*
 * Read n bytes, 1 to 15, into a 16-byte register image filled up with zeros,
 * touching no other byte.  For little-endian machines.
 */
GV_DISTANCE_INLINE void
read_partial(const void *src, int n, uint64_t words[2])
{
	const uint8_t *p = (const uint8_t *) src;

	words[1] = 0;
	if (n >= 8)
	{
		words[0] = read_u64(p);
		/* in two steps, for a shift by 64 is undefined */
		words[1] = read_u64(p + n - 8) >> (4 * (16 - n)) >> (4 * (16 - n));
	}
	else if (n >= 4)
		words[0] = read_u32(p) | read_u32(p + n - 4) << (8 * (n - 4));
	else
		words[0] = (uint64_t) p[0] | (uint64_t) p[n / 2] << (8 * (n / 2)) |
			(uint64_t) p[n - 1] << (8 * (n - 1));
}

#endif

#endif							/* GV_DISTANCE_KERNEL_H */
