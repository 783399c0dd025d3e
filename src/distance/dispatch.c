/*-------------------------------------------------------------------------
 *
 * dispatch.c
 *		Choice of the kernels by what the CPU and the operating system support.
 *
 * This file is compiled for the ABI baseline and reads only the addresses of
 * the tables of the other kernel files before it knows that the CPU can run
 * them.
 *
 *-------------------------------------------------------------------------
 */
#include <stddef.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "distance/distance.h"
#include "distance/kernel.h"

const GvKernels *gv_kernels = &gv_distance_table_scalar;

#ifdef GV_DISTANCE_HAVE_X86

/* CPUID leaf 1 */
#define ECX1_FMA (1u << 12)
#define ECX1_POPCNT (1u << 23)
#define ECX1_OSXSAVE (1u << 27)
#define ECX1_AVX (1u << 28)
#define ECX1_F16C (1u << 29)

/* CPUID leaf 7, subleaf 0 */
#define EBX7_AVX2 (1u << 5)
#define EBX7_AVX512F (1u << 16)
#define EBX7_AVX512DQ (1u << 17)
#define EBX7_AVX512BW (1u << 30)
#define EBX7_AVX512VL (1u << 31)
#define ECX7_AVX512VBMI (1u << 1)
#define ECX7_AVX512VNNI (1u << 11)
#define ECX7_AVX512VPOPCNTDQ (1u << 14)

/* Extended control register 0: the registers the operating system saves */
#define XCR0_AVX 0x06			/* xmm, ymm */
#define XCR0_AVX512 0xe6		/* and k, the upper halves of zmm, zmm16 to 31 */

/*
 * Read extended control register 0.  By its bytes, because the instruction
 * has an intrinsic only where -mxsave is given.
 */
static uint64_t
read_xcr0(void)
{
	uint32_t	low;
	uint32_t	high;

	__asm__ volatile (".byte 0x0f, 0x01, 0xd0" : "=a" (low), "=d" (high) : "c" (0));
	return (uint64_t) high << 32 | low;
}

static GvSimdLevel
detect_level(void)
{
	const uint32_t need1 = ECX1_FMA | ECX1_POPCNT | ECX1_OSXSAVE | ECX1_AVX | ECX1_F16C;
	const uint32_t need512b = EBX7_AVX512F | EBX7_AVX512DQ | EBX7_AVX512BW | EBX7_AVX512VL;
	const uint32_t need512c = ECX7_AVX512VBMI | ECX7_AVX512VNNI | ECX7_AVX512VPOPCNTDQ;
	uint32_t	eax;
	uint32_t	ebx;
	uint32_t	ecx;
	uint32_t	edx;
	uint64_t	xcr0;

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || (ecx & need1) != need1)
		return GV_SIMD_SCALAR;
	xcr0 = read_xcr0();			/* allowed, for OSXSAVE is set */
	if ((xcr0 & XCR0_AVX) != XCR0_AVX)
		return GV_SIMD_SCALAR;
	if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || !(ebx & EBX7_AVX2))
		return GV_SIMD_SCALAR;
	if ((xcr0 & XCR0_AVX512) != XCR0_AVX512 ||
		(ebx & need512b) != need512b || (ecx & need512c) != need512c)
		return GV_SIMD_AVX2;
	return GV_SIMD_AVX512;
}

#else

/* NEON is part of the ABI baseline where the build has it */
static GvSimdLevel
detect_level(void)
{
#ifdef GV_DISTANCE_HAVE_NEON
	return GV_SIMD_NEON;
#else
	return GV_SIMD_SCALAR;
#endif
}

#endif

/*
 * gv_distance_init
 *		Choose the best kernels that this machine supports.
 *
 * Call it once, before threads; calling it again undoes a forced level.
 */
void
gv_distance_init(void)
{
	gv_kernels = gv_distance_kernels(gv_distance_best_level());
}

/*
 * gv_distance_best_level
 *		The highest level that this machine and this build support.
 *
 * CPUID is slow under a hypervisor (tens of microseconds), so it is asked once.
 */
GvSimdLevel
gv_distance_best_level(void)
{
	static bool detected = false;
	static GvSimdLevel level = GV_SIMD_SCALAR;

	if (!detected)
	{
		level = detect_level();
		detected = true;
	}
	return level;
}

/*
 * gv_distance_level_supported
 *		Whether the kernels of a level can run here.
 */
bool
gv_distance_level_supported(GvSimdLevel level)
{
	return gv_distance_kernels(level) != NULL;
}

/*
 * gv_distance_kernels
 *		The table of one level; NULL if it cannot run here.
 */
const GvKernels *
gv_distance_kernels(GvSimdLevel level)
{
	switch (level)
	{
		case GV_SIMD_SCALAR:
			return &gv_distance_table_scalar;
#ifdef GV_DISTANCE_HAVE_X86
		case GV_SIMD_AVX2:
			if (gv_distance_best_level() >= GV_SIMD_AVX2)
				return &gv_distance_table_avx2;
			break;
		case GV_SIMD_AVX512:
			if (gv_distance_best_level() >= GV_SIMD_AVX512)
				return &gv_distance_table_avx512;
			break;
#endif
#ifdef GV_DISTANCE_HAVE_NEON
		case GV_SIMD_NEON:
			return &gv_distance_table_neon;
#endif
		default:
			break;
	}
	return NULL;
}

/*
 * gv_distance_set_level
 *		Use the kernels of a level from now on.
 *
 * Returns false, and changes nothing, if that level cannot run here.
 */
bool
gv_distance_set_level(GvSimdLevel level)
{
	const GvKernels *kernels = gv_distance_kernels(level);

	if (kernels == NULL)
		return false;
	gv_kernels = kernels;
	return true;
}
