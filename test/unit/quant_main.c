/*-------------------------------------------------------------------------
 *
 * quant_main.c
 *		Test rotation and codes at every level that this machine supports.
 *
 * quant [--label TEXT]
 *
 *-------------------------------------------------------------------------
 */
#include "distance/distance.h"
#include "quant.h"
#include "unit.h"

int
main(int argc, char **argv)
{
	int			level;

	gv_unit_read_label(argc, argv);
	gv_distance_init();
	for (level = GV_SIMD_SCALAR; level <= GV_SIMD_NEON; level++)
	{
		if (!gv_distance_set_level((GvSimdLevel) level))
			continue;
		gv_unit_test_rotation();
		gv_unit_test_rabitq();
		gv_unit_test_extra();
	}
	/* plain C: the same at every level, but for what rotates the points */
	gv_distance_set_level(gv_distance_best_level());
	gv_unit_test_rabitq_error();
	/* minutes where a processor is emulated, as a label says; their kernels are tested there */
	if (gv_unit_label[0] == '\0')
	{
		gv_unit_test_kmeans();
		gv_unit_test_pq();
	}
	return gv_unit_finish();
}
