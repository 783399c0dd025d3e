/*-------------------------------------------------------------------------
 *
 * kernels_dispatch.c
 *		The choice of a level.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "distance/distance.h"
#include "kernels.h"
#include "unit.h"

/*
 * What the compiler's run-time library thinks is the best level.
 */
static GvSimdLevel
builtin_level(void)
{
#if defined(__x86_64__)
	__builtin_cpu_init();
	/* the library knows no name for F16C: every CPU with AVX2 has it */
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
		!__builtin_cpu_supports("popcnt"))
		return GV_SIMD_SCALAR;
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
		__builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni") &&
		__builtin_cpu_supports("avx512vpopcntdq"))
		return GV_SIMD_AVX512;
	return GV_SIMD_AVX2;
#elif defined(__aarch64__)
	return GV_SIMD_NEON;
#else
	return GV_SIMD_SCALAR;
#endif
}

/*
 * Whether every kernel of a table is there: its members after the name are
 * function pointers and nothing else.
 */
static bool
table_is_full(const GvKernels *kernels)
{
	void		(*kernel) (void);
	size_t		at;

	for (at = offsetof(GvKernels, l2_squared_f32); at < sizeof(GvKernels); at += sizeof(kernel))
	{
		memcpy(&kernel, (const char *) kernels + at, sizeof(kernel));
		if (kernel == NULL)
			return false;
	}
	return true;
}

void
gv_unit_test_dispatch(const char *expected)
{
	static const char *const names[] = {"scalar", "avx2", "avx512", "neon"};
	GvSimdLevel best;
	int			level;

	gv_unit_begin("dispatch: the scalar table is in use before gv_distance_init");
	if (gv_kernels == NULL || gv_kernels->level != GV_SIMD_SCALAR)
		gv_unit_fail("another table is in use");
	gv_unit_end();

	gv_distance_init();
	best = gv_distance_best_level();

	gv_unit_begin("dispatch: gv_distance_init chooses the best level");
	if (gv_kernels->level != best)
		gv_unit_fail("level %d is in use, the best is %d", gv_kernels->level, best);
	if (best != builtin_level())
		gv_unit_fail("the best level is %d, the compiler's library says %d", best, builtin_level());
	gv_unit_end();

	if (expected != NULL)
	{
		gv_unit_begin("dispatch: the best level here is %s", expected);
		if (strcmp(gv_kernels->name, expected) != 0)
			gv_unit_fail("it is %s", gv_kernels->name);
		gv_unit_end();
	}

	gv_unit_begin("dispatch: levels that are supported can be set, others not");
	for (level = -1; level <= 5; level++)
	{
		const GvKernels *before = gv_kernels;
		bool		supported = gv_distance_level_supported((GvSimdLevel) level);
		bool		set = gv_distance_set_level((GvSimdLevel) level);

		if (set != supported)
			gv_unit_fail("level %d: supported %d, but set %d", level, supported, set);
		if (set && gv_kernels->level != (GvSimdLevel) level)
			gv_unit_fail("level %d set, but %d in use", level, gv_kernels->level);
		if (!set && gv_kernels != before)
			gv_unit_fail("level %d not set, but the table changed", level);
		if ((gv_distance_kernels((GvSimdLevel) level) != NULL) != supported)
			gv_unit_fail("level %d: table and support disagree", level);
	}
	if (!gv_distance_level_supported(GV_SIMD_SCALAR) || !gv_distance_level_supported(best))
		gv_unit_fail("the scalar or the best level is not supported");
	gv_unit_end();

	gv_unit_begin("dispatch: every table is full and has its name");
	for (level = GV_SIMD_SCALAR; level <= GV_SIMD_NEON; level++)
	{
		const GvKernels *kernels = gv_distance_kernels((GvSimdLevel) level);

		if (kernels == NULL)
			continue;
		if (!table_is_full(kernels))
			gv_unit_fail("level %d lacks a kernel", level);
		if (strcmp(kernels->name, names[level]) != 0)
			gv_unit_fail("level %d is called %s", level, kernels->name);
	}
	gv_unit_end();

	gv_unit_begin("dispatch: gv_distance_init undoes a forced level");
	gv_distance_set_level(GV_SIMD_SCALAR);
	gv_distance_init();
	if (gv_kernels->level != best)
		gv_unit_fail("level %d is in use, the best is %d", gv_kernels->level, best);
	gv_unit_end();
}
