/*-------------------------------------------------------------------------
 *
 * build_order.c
 *		Rows in memory in an order that follows their neighborhoods.
 *
 * So pages hold neighbors, and rows linked one after the other look at the
 * same points.  Cells are divided by the nearest of some pivots, which are put
 * into a chain first, again and again until the rows themselves form a chain.
 * A step works on one cell and depends on nothing else, so the order is the
 * same for any number of processes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "hnsw/build.h"

/* Pivots of a cell; of all rows, these make the jobs of the processes */
#define MAX_PIVOTS 16
#define FIRST_PIVOTS 64

/* Rows of a cell that is put into a chain */
#define CHAIN_ROWS 24

/* Cells of cells of cells: only equal rows are still together then */
#define MAX_DEPTH 16

/* Put rows into a chain: after each the nearest of the rest, from the first on */
static void
chain_rows(GvHnswBuild *build, uint32 *rows, int n)
{
	float		keys[FIRST_PIVOTS];

	Assert(n <= FIRST_PIVOTS);
	for (int i = 0; i + 2 < n; i++)
	{
		int			nearest = 0;
		uint32		row = rows[i + 1];

		gv_hnsw_graph_keys(&build->worker, rows[i], rows + i + 1, n - i - 1, keys);
		for (int j = 1; j < n - i - 1; j++)
		{
			if (keys[j] < keys[nearest])
				nearest = j;
		}
		rows[i + 1] = rows[i + 1 + nearest];
		rows[i + 1 + nearest] = row;
	}
}

/* Choose the pivots of a cell */
static void
choose_pivots(GvHnswBuild *build, const uint32 *rows, uint32 n, uint32 *pivots, int n_pivots)
{
	for (int i = 0; i < n_pivots; i++)
		pivots[i] = rows[((uint64) (2 * i + 1) * n) / (2 * n_pivots)];
	chain_rows(build, pivots, n_pivots);
}

/* The nearest of some pivots */
static uint32
nearest_pivot(GvHnswBuild *build, uint32 row, const uint32 *pivots, int n_pivots)
{
	float		keys[FIRST_PIVOTS];
	int			nearest = 0;

	gv_hnsw_graph_keys(&build->worker, row, pivots, n_pivots, keys);
	for (int i = 1; i < n_pivots; i++)
	{
		if (keys[i] < keys[nearest])
			nearest = i;
	}
	return nearest;
}

/*
 * Sort rows by their cells, which are in the graph's incoming; rows of a cell stay
 * in order.
 *
 * starts: uint32[n_cells + 1], written: first of each cell, and the end
 */
static void
sort_by_cell(GvHnswBuild *build, uint32 first, uint32 n, uint32 *starts, int n_cells)
{
	uint32	   *rows = build->graph.order + first;
	uint32	   *cell = build->graph.incoming;
	uint32	   *sorted = (uint32 *) build->graph.link_keys + first; /* not in use yet */
	uint32		next[FIRST_PIVOTS];

	memset(starts, 0, sizeof(uint32) * (n_cells + 1));
	for (uint32 i = 0; i < n; i++)
		starts[cell[rows[i]] + 1]++;
	for (int c = 0; c < n_cells; c++)
	{
		starts[c + 1] += starts[c];
		next[c] = starts[c];
	}
	for (uint32 i = 0; i < n; i++)
		sorted[next[cell[rows[i]]]++] = rows[i];
	memcpy(rows, sorted, n * sizeof(uint32));
}

/* Put the rows of a cell, [first, first + n) of the order, into theirs */
static void
order_cell(GvHnswBuild *build, uint32 first, uint32 n, int depth)
{
	uint32	   *rows = build->graph.order + first;
	uint32		pivots[MAX_PIVOTS];
	uint32		starts[MAX_PIVOTS + 1];
	int			n_pivots;

	CHECK_FOR_INTERRUPTS();
	if (n <= CHAIN_ROWS)
	{
		chain_rows(build, rows, n);
		return;
	}
	if (depth == MAX_DEPTH)
		return;
	n_pivots = Min(MAX_PIVOTS, n / (CHAIN_ROWS / 2));
	choose_pivots(build, rows, n, pivots, n_pivots);
	for (uint32 i = 0; i < n; i++)
	{
		build->graph.incoming[rows[i]] = nearest_pivot(build, rows[i], pivots, n_pivots);
		if (i % 256 == 0)
			CHECK_FOR_INTERRUPTS();
	}
	sort_by_cell(build, first, n, starts, n_pivots);
	for (int c = 0; c < n_pivots; c++)
		order_cell(build, first + starts[c], starts[c + 1] - starts[c], depth + 1);
}

/*
 * gv_hnsw_build_choose_cell
 *		Find the cell of one row: part of a job.
 */
void
gv_hnsw_build_choose_cell(GvHnswBuild *build, uint32 i)
{
	CHECK_FOR_INTERRUPTS();
	build->graph.incoming[i] = nearest_pivot(build, i, build->targets,
											 Min(FIRST_PIVOTS, build->shared->n_order));
}

/*
 * gv_hnsw_build_order_cell
 *		Order the rows of one cell: part of a job.
 *
 * first: of all rows that are put into their order
 */
void
gv_hnsw_build_order_cell(GvHnswBuild *build, uint32 first, uint32 i)
{
	uint32	   *starts = build->targets + FIRST_PIVOTS;

	order_cell(build, first + starts[i], starts[i + 1] - starts[i], 0);
}

/*
 * gv_hnsw_build_order_rows
 *		Put n rows, from the first on, into their order: places of the graph's order.
 *
 * Several arrays that linking uses serve for that before.
 */
void
gv_hnsw_build_order_rows(GvHnswBuild *build, uint32 first, uint32 n)
{
	uint32	   *pivots = build->targets;
	uint32	   *starts = build->targets + FIRST_PIVOTS;
	int			n_pivots = Min(n, FIRST_PIVOTS);

	for (uint32 row = first; row < first + n; row++)
		build->graph.order[row] = row;
	if (n < 2)
		return;
	build->shared->n_order = n;
	choose_pivots(build, build->graph.order + first, n, pivots, n_pivots);
	gv_hnsw_build_run_job(build, GV_HNSW_JOB_CHOOSE_CELL, first, n);
	sort_by_cell(build, first, n, starts, n_pivots);
	gv_hnsw_build_run_job(build, GV_HNSW_JOB_ORDER_CELL, first, n_pivots);
}
