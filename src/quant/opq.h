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

extern size_t gv_opq_train_scratch_size(const GvPqShape *shape);
extern void gv_opq_train(const GvPqShape *shape, const GvClusterRows *rows, uint64_t seed,
						 float *rotation, void *scratch);

extern size_t gv_opq_size(int dim);
extern void gv_opq_prepare(float *panels, const float *rotation, int dim);
extern void gv_opq_apply(const float *panels, int dim, const float *x, float *y);

#endif							/* GV_QUANT_OPQ_H */
