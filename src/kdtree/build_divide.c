/*-------------------------------------------------------------------------
 *
 * build_divide.c
 *		Dividing rows in memory at a median.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "kdtree/build.h"

/* Below this, sorting by insertion is quickest */
#define SMALL_RANGE 12

/*
 * gv_kdtree_rows_init
 *		Set the layout of rows of an index.
 */
void
gv_kdtree_rows_init(GvKdtreeRows *rows, const GvKdtreeIndex *ix)
{
	rows->dim = ix->dim;
	rows->place_offset = ix->opclass->metric == GV_AM_METRIC_COSINE ? ix->dim : 0;
	rows->tid_offset = rows->place_offset + ix->dim;
	rows->filter_offset = rows->tid_offset + 2;
	rows->has_filters = ix->filters.n > 0;
	rows->record_size = rows->filter_offset +
		(ix->filters.packed_size + sizeof(float) - 1) / sizeof(float);
}

/* The dimension where a range of rows is widest */
static int
find_widest(const GvKdtreeRows *rows, uint64 first, uint64 n)
{
	GvKdtreeBox box;

	gv_kdtree_box_init(&box, rows->dim);
	for (uint64 i = 0; i < n; i++)
	{
		if (i % GV_KDTREE_ROWS_PER_INTERRUPT == 0)
			CHECK_FOR_INTERRUPTS();
		gv_kdtree_box_add_point(&box, gv_kdtree_row(rows, first + i) + rows->place_offset,
								rows->dim);
	}
	return gv_kdtree_box_widest(&box, rows->dim);
}

static inline void
swap_rows(const GvKdtreeRows *rows, float *a, float *b)
{
	for (int i = 0; i < rows->record_size; i++)
	{
		uint32		word;
		uint32		other;

		memcpy(&word, a + i, sizeof(word));
		memcpy(&other, b + i, sizeof(other));
		memcpy(a + i, &other, sizeof(other));
		memcpy(b + i, &word, sizeof(word));
	}
}

/* Sort a short range by a column */
static void
sort_range(const GvKdtreeRows *rows, int column, int64 low, int64 high)
{
	for (int64 i = low + 1; i <= high; i++)
	{
		for (int64 j = i; j > low; j--)
		{
			float	   *a = gv_kdtree_row(rows, j - 1);
			float	   *b = gv_kdtree_row(rows, j);

			if (a[column] < b[column] ||
				(a[column] == b[column] &&
				 gv_kdtree_row_tid(rows, a) < gv_kdtree_row_tid(rows, b)))
				break;
			swap_rows(rows, a, b);
		}
	}
}

/*
 * Put the k-th row of a range, by a column and then by tid, into its place,
 * lesser ones before and greater ones behind it.
 *
 * Source: Floyd, Rivest, CACM 18(3), 1975, algorithm 489.
 */
static void
select_row(const GvKdtreeRows *rows, int column, int64 low, int64 high, int64 k)
{
	while (high > low)
	{
		int64		i = low;
		int64		j = high;
		GvKdtreePivot pivot;
		uint32		n_swaps = 0;

		if (high - low < SMALL_RANGE)
		{
			sort_range(rows, column, low, high);
			return;
		}
		if (high - low > 600)
		{
			double		n = high - low + 1;
			double		m = k - low + 1;
			double		z = log(n);
			double		s = 0.5 * exp(2 * z / 3);
			double		sd = 0.5 * sqrt(z * s * (n - s) / n) * (m < n / 2 ? -1 : 1);
			int64		from = (int64) (k - m * s / n + sd);
			int64		to = (int64) (k + (n - m) * s / n + sd);

			select_row(rows, column, Max(low, from), Min(high, to), k);
		}
		pivot.key = gv_kdtree_row(rows, k)[column];
		pivot.tid = gv_kdtree_row_tid(rows, gv_kdtree_row(rows, k));
		while (i <= j)
		{
			while (gv_kdtree_row_is_before(rows, column, gv_kdtree_row(rows, i), &pivot))
				i++;
			while (gv_kdtree_row_is_after(rows, column, gv_kdtree_row(rows, j), &pivot))
				j--;
			if (++n_swaps % GV_KDTREE_ROWS_PER_INTERRUPT == 0)
				CHECK_FOR_INTERRUPTS();
			if (i <= j)
			{
				swap_rows(rows, gv_kdtree_row(rows, i), gv_kdtree_row(rows, j));
				i++;
				j--;
			}
		}
		if (j < k)
			low = i;
		if (k < i)
			high = j;
	}
}

/*
 * gv_kdtree_rows_select
 *		Put the n_left rows of a range that are least by a column, and of equal
 *		ones by tid, before the others.
 *
 * column: in floats, from the start of a row
 */
void
gv_kdtree_rows_select(const GvKdtreeRows *rows, int column, uint64 first, uint64 n,
					  uint64 n_left)
{
	if (n_left > 0 && n_left < n)
		select_row(rows, column, first, first + n - 1, first + n_left);
}

/*
 * gv_kdtree_rows_divide
 *		Divide a range of rows where it is widest: n_left rows go first.
 *
 * Which these are does not depend on the order of the rows before.
 */
void
gv_kdtree_rows_divide(const GvKdtreeRows *rows, uint64 first, uint64 n, uint64 n_left)
{
	if (n_left > 0 && n_left < n)
		gv_kdtree_rows_select(rows, rows->place_offset + find_widest(rows, first, n), first, n,
							  n_left);
}
