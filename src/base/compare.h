/*-------------------------------------------------------------------------
 *
 * compare.h
 *		Comparators of numbers, for qsort() and bsearch().
 *
 * One for each type: gv_base_compare_float and so on.  NaN equals everything,
 * so an array to sort must have none.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BASE_COMPARE_H
#define GV_BASE_COMPARE_H

#include "postgres.h"

#define DEFINE_COMPARATOR(type) \
static inline int \
gv_base_compare_##type(const void *a, const void *b) \
{ \
	type		x = *(const type *) a; \
	type		y = *(const type *) b; \
 \
	return (x > y) - (x < y); \
}

DEFINE_COMPARATOR(float)
DEFINE_COMPARATOR(double)
DEFINE_COMPARATOR(uint32)
DEFINE_COMPARATOR(int64)
DEFINE_COMPARATOR(uint64)

#undef DEFINE_COMPARATOR

#endif							/* GV_BASE_COMPARE_H */
