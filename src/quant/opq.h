/*-------------------------------------------------------------------------
 *
 * opq.h
 *		The rotation after which a product quantizer loses least.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_QUANT_OPQ_H
#define GV_QUANT_OPQ_H

#include <stddef.h>
#include <stdint.h>

#include "quant/cluster.h"
#include "quant/pq.h"

/* Slices that the rows may be divided into */
#define GV_OPQ_MAX_SLICES 8

/*
 * A process's view of a training.  That falls into steps, and each of these into
 * parts that may be done in any order, by any number of processes.
 */
typedef struct GvOpqTask
{
	GvPqShape	shape;
	const GvClusterRows *rows;	/* residuals, in random order, finite */
	int			n_slices;		/* 1 to GV_OPQ_MAX_SLICES; matters to the last digits */
	void	   *shared;			/* gv_opq_shared_size bytes, aligned to 64 bytes */
	void	   *scratch;		/* gv_opq_scratch_size bytes, the same */
	/* have gv_opq_work called for each part, and wait for that; NULL: by this process alone */
	void		(*run) (void *run_arg, uint32_t n_parts);
	void	   *run_arg;
} GvOpqTask;

extern size_t gv_opq_shared_size(const GvPqShape *shape, int n_slices);
extern size_t gv_opq_scratch_size(const GvPqShape *shape, uint32_t n_rows);
extern void gv_opq_train(const GvOpqTask *task, uint64_t seed, float *rotation);
extern void gv_opq_work(const GvOpqTask *task, uint32_t part);

extern size_t gv_opq_size(int dim);
extern void gv_opq_prepare(float *panels, const float *rotation, int dim);
extern void gv_opq_apply(const float *panels, int dim, const float *x, float *y);

#endif							/* GV_QUANT_OPQ_H */
