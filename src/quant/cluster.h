/*-------------------------------------------------------------------------
 *
 * cluster.h
 *		k-means of some rows in one process.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_QUANT_CLUSTER_H
#define GV_QUANT_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where rows come from.  They are fetched one by one, several times each, so
 * that the caller may keep them in any form.
 */
typedef struct GvClusterRows
{
	int			dim;
	uint32_t	n;
	/* write row i as float[dim], finite; shown to all processes alike */
	void		(*fetch) (const void *arg, uint32_t i, float *x);
	const void *arg;
	/* called every few milliseconds, and may not return; NULL for none */
	void		(*check) (void *check_arg);
	void	   *check_arg;
} GvClusterRows;

/* What to do with rows */
typedef struct GvClusterTask
{
	const GvClusterRows *rows;
	const uint32_t *row;		/* the numbers of the rows in hand; NULL: 0..n - 1 */
	uint32_t	n;				/* rows in hand */
	uint32_t	k;				/* centroids wanted */
	int			n_rounds;
	bool		is_spherical;	/* centroids have norm 1, as the rows should */
	bool		start_random;	/* start anywhere among the rows, not at rows */
	uint64_t	seed;
	float	   *centroids;		/* float[k][dim], written */
	uint32_t   *assigned;		/* uint32[n], room to work in */
	float	   *distance;		/* float[n], room to work in */
} GvClusterTask;

extern size_t gv_cluster_scratch_size(int dim, uint32_t max_k);
extern uint32_t gv_cluster_rows(const GvClusterTask *task, void *scratch);
extern void gv_cluster_fetch_floats(const void *arg, uint32_t i, float *x);

/* The arg of gv_cluster_fetch_floats */
typedef struct GvClusterFloats
{
	const float *rows;			/* float[n][dim] */
	int			dim;
} GvClusterFloats;

#endif							/* GV_QUANT_CLUSTER_H */
