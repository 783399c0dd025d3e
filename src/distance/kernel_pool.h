/*-------------------------------------------------------------------------
 *
 * kernel_pool.h
 *		Template of the kernel for pools of candidates, for kernel files without
 *		a form of their own.
 *
 * No include guard: a kernel file includes it once.
 *
 *-------------------------------------------------------------------------
 */
#include "base/pool.h"

static int
pool_insert_new(GvPool *pool, float key, uint32_t id)
{
	return gv_pool_insert_new(pool, key, id);
}
