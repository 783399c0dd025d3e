/*-------------------------------------------------------------------------
 *
 * estimate.c
 *		What building an index would take.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "kdtree/build.h"
#include "kdtree/kdtree.h"
#include "kdtree/options.h"

/*
 * Seconds of a row in memory, by itself and for each dimension, and of each time
 * that it is written to a file and read again; measured with a million rows of 2
 * to 8 dimensions on one processor of an AMD Zen 5.
 */
#define SECONDS_OF_ROW 0.37e-6
#define SECONDS_OF_ELEMENT 0.025e-6
#define SECONDS_OF_DIVISION 0.13e-6

/*
 * gv_kdtree_estimate
 *		Foretell what building an index takes.
 *
 * column: its name, for messages
 * options: storage parameters as the catalog has them, or 0
 *
 * Raises an error if there are too many dimensions.
 */
void
gv_kdtree_estimate(const GvAmOpclass *opclass, const char *column, int dim, double n_rows,
				   Datum options, GvAmEstimate *estimate)
{
	GvKdtreeIndex ix = {0};
	GvKdtreeRows rows = {0};
	bytea	   *parsed = gv_kdtree_reloptions(options, true);
	int			fill = gv_kdtree_options_fill_factor(parsed);
	int			leaf_fill;
	int			inner_fill;
	double		pages;
	double		in_memory;
	int			divisions = 0;

	gv_kdtree_check_dim(column, dim);
	gv_kdtree_set_layout(&ix, opclass, dim);
	gv_kdtree_rows_init(&rows, &ix);
	estimate->rows = n_rows;
	estimate->memory = n_rows * rows.record_size * sizeof(float);
	in_memory = maintenance_work_mem * 1024.0 / (rows.record_size * sizeof(float));
	for (estimate->parts = 1;
		 estimate->parts < n_rows / in_memory && estimate->parts <= INT_MAX / 2;
		 estimate->parts *= 2)
		divisions++;

	leaf_fill = Max(1, ix.leaf_capacity * fill / 100);
	inner_fill = Max(2, ix.inner_capacity * fill / 100);
	(void) gv_kdtree_build_height(n_rows, leaf_fill, &inner_fill);
	pages = ceil(n_rows / leaf_fill);
	estimate->bytes = 2 + pages;
	while (pages > 1)
	{
		pages = ceil(pages / inner_fill);
		estimate->bytes += pages > 1 ? pages : 0;
	}
	estimate->bytes *= BLCKSZ;
	estimate->seconds = n_rows *
		(SECONDS_OF_ROW + SECONDS_OF_ELEMENT * dim + SECONDS_OF_DIVISION * divisions);
}

/*
 * gv_kdtree_takes_dim
 *		Does an index take so many dimensions?
 */
bool
gv_kdtree_takes_dim(int dim)
{
	return dim <= GV_KDTREE_MAX_DIM;
}
