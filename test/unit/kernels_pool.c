/*-------------------------------------------------------------------------
 *
 * kernels_pool.c
 *		The kernel that inserts into pools, beside the plain form, which
 *		base_pool.c tests.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "base/pool.h"
#include "kernels.h"
#include "unit.h"

#define MAX_CAPACITY 300

/* Make room for a pool, to the last number that may be written */
static GvPool
make_pool(int slot, int capacity)
{
	size_t		room = (capacity + GV_POOL_STEP) / GV_POOL_STEP * GV_POOL_STEP;
	GvPool		pool = {gv_unit_at_end(slot, room * sizeof(uint64_t)), 0, capacity, 0};

	for (size_t i = 0; i < room; i++)
		pool.element[i] = gv_unit_random() << 32 ^ gv_unit_random();
	return pool;
}

static bool
same_pools(const GvPool *a, const GvPool *b)
{
	return a->n == b->n && a->cursor == b->cursor &&
		memcmp(a->element, b->element, a->n * sizeof(uint64_t)) == 0;
}

/*
 * Insert into two pools, expand and remove in both.
 *
 * n_keys: number of different keys, or 0 for as many as there are
 */
static void
run_both(const GvKernels *kernels, int capacity, int n_keys)
{
	GvPool		pool = make_pool(0, capacity);
	GvPool		plain = make_pool(1, capacity);

	for (int op = 0; op < 4000; op++)
	{
		bool		fills = op / 500 % 2 == 0;

		if (gv_unit_random() % 8 < (fills ? 7 : 2))
		{
			float		key = n_keys == 0 ? (float) gv_unit_normal() :
				(float) ((int) (gv_unit_random() % n_keys) - n_keys / 3);
			uint32_t	id = (uint32_t) gv_unit_random() % (n_keys == 0 ? UINT32_MAX : 50);
			int			expected = gv_pool_insert_new(&plain, key, id);
			int			place = kernels->pool_insert_new(&pool, key, id);

			if (place != expected)
				gv_unit_fail("capacity %d: place %d, not %d", capacity, place, expected);
		}
		else
		{
			bool		any = gv_pool_advance(&pool);

			if (any != gv_pool_advance(&plain))
				gv_unit_fail("capacity %d: candidates are left in one of two", capacity);
			if (!any)
				continue;
			if (gv_unit_random() % 2)
			{
				pool.element[pool.cursor] |= GV_POOL_EXPANDED;
				plain.element[plain.cursor] |= GV_POOL_EXPANDED;
			}
			else
			{
				gv_pool_remove(&pool);
				gv_pool_remove(&plain);
			}
		}
		if (!same_pools(&pool, &plain))
		{
			gv_unit_fail("capacity %d, %d keys, operation %d: pools differ", capacity, n_keys, op);
			return;
		}
	}
}

/*
 * gv_unit_test_pool_kernel
 *		Pools of many sizes, keys that are often the same, never, or between.
 */
void
gv_unit_test_pool_kernel(const GvKernels *kernels)
{
	static const int n_keys[] = {0, 1, 3, 20, 1000};

	gv_unit_seed(14);
	gv_unit_begin("%s pool_insert_new: the same pools as by the plain form, capacity 1 to %d, "
				  "before a guard page", kernels->name, MAX_CAPACITY);
	for (int capacity = 1; capacity <= MAX_CAPACITY; capacity += capacity < 24 ? 1 : 23)
	{
		for (int i = 0; i < (int) (sizeof(n_keys) / sizeof(n_keys[0])); i++)
			run_both(kernels, capacity, n_keys[i]);
	}
	gv_unit_end();
}
