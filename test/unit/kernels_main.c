/*-------------------------------------------------------------------------
 *
 * kernels_main.c
 *		Test the distance kernels at every level that this machine supports.
 *
 * kernels [--expect LEVEL] [--label TEXT]
 *
 *	--expect	name of the level that must be found to be the best
 *	--label		put before every line
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>

#include "kernels.h"
#include "unit.h"

int
main(int argc, char **argv)
{
	const char *expected = NULL;
	int			level;
	int			i;

	for (i = 1; i + 1 < argc; i += 2)
	{
		if (strcmp(argv[i], "--expect") == 0)
			expected = argv[i + 1];
		else if (strcmp(argv[i], "--label") == 0)
			gv_unit_label = argv[i + 1];
		else
			break;
	}
	if (i < argc)
	{
		fprintf(stderr, "usage: %s [--expect LEVEL] [--label TEXT]\n", argv[0]);
		return 2;
	}

	/* first of all, for it looks at what holds before gv_distance_init */
	gv_unit_test_dispatch(expected);

	for (level = GV_SIMD_SCALAR; level <= GV_SIMD_NEON; level++)
	{
		if (!gv_distance_set_level((GvSimdLevel) level))
			continue;
		gv_unit_test_dense(gv_kernels);
		gv_unit_test_special(gv_kernels);
		gv_unit_test_integer(gv_kernels);
		gv_unit_test_columns(gv_kernels);
		gv_unit_test_int12(gv_kernels);
		gv_unit_test_convert(gv_kernels);
		gv_unit_test_fastscan(gv_kernels);
		gv_unit_test_hadamard(gv_kernels);
		gv_unit_test_products(gv_kernels);
		gv_unit_test_planes(gv_kernels);
		gv_unit_test_pool_kernel(gv_kernels);
	}
	return gv_unit_finish();
}
