/*-------------------------------------------------------------------------
 *
 * sort.h
 *		Sorting that can be interrupted.
 *
 * qsort() of a million rows takes some tenths of a second, during which nobody
 * can cancel.  These take the same arguments as qsort() and qsort_arg().
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_SORT_H
#define GV_AM_SORT_H

#include "postgres.h"

extern void gv_am_sort(void *data, size_t n, size_t size,
					   int (*compare) (const void *, const void *));
extern void gv_am_sort_arg(void *data, size_t n, size_t size,
						   qsort_arg_comparator compare, void *arg);

#endif							/* GV_AM_SORT_H */
