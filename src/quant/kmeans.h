/*-------------------------------------------------------------------------
 *
 * kmeans.h
 *		Training of many balanced centroids from a sample.
 *
 * A training is a row of steps, each of which falls into parts that may be
 * done in any order, by any number of processes:
 *
 *		gv_kmeans_begin(shared, &options, n_rows);
 *		each process: gv_kmeans_attach(&kmeans, shared, &rows, scratch);
 *		while ((n_parts = gv_kmeans_next(&kmeans)) > 0)		one process
 *			for (part = 0; part < n_parts; part++)			any process
 *				gv_kmeans_work(&kmeans, part);
 *
 * with a barrier before and after the parts of each step.  The outcome depends
 * on the rows, their order and the options, not on who did what; a CPU without
 * fused multiplication and addition may come to another.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_QUANT_KMEANS_H
#define GV_QUANT_KMEANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quant/cluster.h"
#include "quant/nearest.h"

/* Rows a sample should have for each centroid */
#define GV_KMEANS_SAMPLE_ROWS 64

typedef struct GvKmeansOptions
{
	int32_t		dim;
	uint32_t	n_centroids;	/* wanted */
	uint64_t	seed;
	bool		is_spherical;	/* centroids have norm 1, as the rows should */
	bool		start_random;	/* start at random points, not at rows */
} GvKmeansOptions;

/* What the processes of a training share; its arrays lie behind it */
typedef struct GvKmeansShared
{
	GvKmeansOptions options;
	uint32_t	n_rows;
	int32_t		step;			/* what the parts do now */
	int32_t		n_parts;
	int32_t		round;			/* of all rows and centroids */
	uint32_t	n_cells;		/* coarse centroids */
	uint32_t	n_centroids;	/* now, at most those wanted */
	/* by the last assignment */
	uint32_t	longest;		/* rows of the longest list with different rows */
	double		mean;			/* rows of such a list */
	double		mean_square;	/* mean of the square distances */
	/* offsets from the start of this struct, in bytes */
	uint64_t	centroids;		/* float[wanted][dim] */
	uint64_t	cells;			/* float[cells][dim] */
	uint64_t	nearest;		/* GvNearest */
	uint64_t	assigned;		/* uint32[n_rows] */
	uint64_t	distance;		/* float[n_rows] */
	uint64_t	order;			/* uint32[n_rows]: rows, list by list */
	uint64_t	start;			/* uint32[wanted + 1]: of lists in it */
	uint64_t	first;			/* uint32[wanted + 1]: see kmeans.c */
	uint64_t	mark;			/* uint8[wanted]: see kmeans.c */
	uint64_t	given;			/* uint8[wanted]: 1 for those given away */
	uint64_t	slot;			/* uint32[wanted]: centroids that are free */
} GvKmeansShared;

/* A process's view of a training */
typedef struct GvKmeans
{
	GvKmeansShared *shared;
	const GvClusterRows *rows;
	void	   *scratch;
} GvKmeans;

extern size_t gv_kmeans_shared_size(const GvKmeansOptions *options, uint32_t n_rows);
extern size_t gv_kmeans_scratch_size(const GvKmeansOptions *options);
extern void gv_kmeans_begin(GvKmeansShared *shared, const GvKmeansOptions *options,
							uint32_t n_rows);
extern void gv_kmeans_attach(GvKmeans *kmeans, GvKmeansShared *shared,
							 const GvClusterRows *rows, void *scratch);
extern int	gv_kmeans_next(GvKmeans *kmeans);
extern void gv_kmeans_work(GvKmeans *kmeans, int part);
extern double gv_kmeans_progress(const GvKmeansShared *shared);

/* The centroids of a training that has ended: float[n_centroids][dim] */
static inline float *
gv_kmeans_centroids(GvKmeansShared *shared)
{
	return (float *) ((char *) shared + shared->centroids);
}

#endif							/* GV_QUANT_KMEANS_H */
