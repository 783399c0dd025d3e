/*-------------------------------------------------------------------------
 *
 * nearest.h
 *		The nearest of many centroids, for many rows at once.
 *
 * Centroids lie in groups around centers of their own.  A row is compared with
 * the centers, then with the centroids of the nearest groups.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_QUANT_NEAREST_H
#define GV_QUANT_NEAREST_H

#include <stddef.h>
#include <stdint.h>

#include "quant/cluster.h"

/* Up to this many centroids are in one group: all are compared */
#define GV_NEAREST_MAX_FLAT 256

/* Groups a row is compared with, unless the caller wants others */
#define GV_NEAREST_PROBES 8

/* Of a query's or a row's numbers: none */
#define GV_NEAREST_NONE UINT32_MAX

/*
 * Prepared centroids, one block of memory without pointers: it may be copied,
 * and lie in memory that processes share.
 */
typedef struct GvNearest
{
	uint64_t	size;			/* bytes of the whole */
	uint32_t	n;				/* centroids */
	int32_t		dim;
	uint32_t	n_groups;		/* at least 1 */
	uint32_t	n_panels;		/* of all groups; a panel is in one group only */
	float		scale;			/* see panels.h */
	int32_t		unused;
	/* offsets from the start of this struct, in bytes */
	uint64_t	origin;			/* float[dim] */
	uint64_t	centers;		/* float[center panels][dim][16] */
	uint64_t	center_half;	/* float[16 * center panels] */
	uint64_t	first;			/* uint32[n_groups + 1]: first panels of groups */
	uint64_t	panels;			/* float[n_panels][dim][16] */
	uint64_t	half;			/* float[16 * n_panels] */
	uint64_t	number;			/* uint32[16 * n_panels]: which centroid, or none */
} GvNearest;

extern size_t gv_nearest_size(int dim, uint32_t max_n);
extern size_t gv_nearest_build_size(int dim, uint32_t max_n);
extern void gv_nearest_build(GvNearest *nearest, const float *centroids, uint32_t n, int dim,
							 void *scratch);

extern int	gv_nearest_batch(int dim);
extern size_t gv_nearest_scratch_size(int dim, uint32_t max_n);

/* What to look for */
typedef struct GvNearestTask
{
	const float *rows;			/* float[n][dim] */
	int			n;				/* at most gv_nearest_batch(dim) */
	int			n_probes;		/* groups to look into; 0: the usual number */
	uint32_t   *first;			/* uint32[n], written: the nearest centroid */
	float	   *distance;		/* float[n], written: squares of its distance */
	uint32_t   *second;			/* uint32[n], written, or NULL */
	float		second_weight;	/* see gv_nearest_find */
} GvNearestTask;

extern void gv_nearest_find(const GvNearest *nearest, const GvNearestTask *task, void *scratch);

#endif							/* GV_QUANT_NEAREST_H */
