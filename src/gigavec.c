/*-------------------------------------------------------------------------
 *
 * gigavec.c
 *		Load the library: module magic, settings, choice of kernels.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

#include "base/compat.h"
#include "distance/distance.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	gv_distance_init();
}
