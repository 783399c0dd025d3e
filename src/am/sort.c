/*-------------------------------------------------------------------------
 *
 * sort.c
 *		Sorting that can be interrupted.
 *
 * PostgreSQL's own sort, made once more with checks for interrupts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "am/sort.h"

#define ST_SORT sort_items
#define ST_ELEMENT_TYPE_VOID
#define ST_COMPARE_RUNTIME_POINTER
#define ST_COMPARE_ARG_TYPE void
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DECLARE
#define ST_DEFINE
#include "lib/sort_template.h"

typedef struct Comparison
{
	int			(*compare) (const void *a, const void *b);
} Comparison;

static int
compare_items(const void *a, const void *b, void *arg)
{
	return ((const Comparison *) arg)->compare(a, b);
}

/*
 * gv_am_sort
 *		qsort() that can be interrupted.
 */
void
gv_am_sort(void *data, size_t n, size_t size, int (*compare) (const void *, const void *))
{
	Comparison	comparison = {compare};

	sort_items(data, n, size, compare_items, &comparison);
}

/*
 * gv_am_sort_arg
 *		qsort_arg() that can be interrupted.
 */
void
gv_am_sort_arg(void *data, size_t n, size_t size, qsort_arg_comparator compare, void *arg)
{
	sort_items(data, n, size, compare, arg);
}
