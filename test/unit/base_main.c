/*-------------------------------------------------------------------------
 *
 * base_main.c
 *		Test the structures of src/base.
 *
 * base [--label TEXT]
 *
 *-------------------------------------------------------------------------
 */
#include "base.h"
#include "unit.h"

int
main(int argc, char **argv)
{
	gv_unit_read_label(argc, argv);
	gv_unit_test_pool();
	return gv_unit_finish();
}
