/*-------------------------------------------------------------------------
 *
 * build.h
 *		Building an index.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_IVF_BUILD_H
#define GV_IVF_BUILD_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "utils/rel.h"

#include "ivf/index.h"
#include "ivf/nearest.h"
#include "ivf/write.h"

/* Phases shown by pg_stat_progress_create_index; 1 is PostgreSQL's own */
#define GV_IVF_PHASE_SAMPLE 2
#define GV_IVF_PHASE_TRAIN 3
#define GV_IVF_PHASE_LOAD 4
#define GV_IVF_PHASE_WRITE 5
#define GV_IVF_PHASE_CALIBRATE 6

/* A process's way of turning rows into what lists keep */
typedef struct GvIvfLoader
{
	GvIvfIndex *index;
	const float *rotation;
	const float *center;
	GvIvfNearest nearest;
	GvIvfPoint	point;
	float	   *centroid;		/* float[padded_dim] */
	uint8	   *nibbles;
	GvIvfRow	row;
} GvIvfLoader;

/* load.c */
extern void gv_ivf_loader_init(GvIvfLoader *loader, GvIvfIndex *index, const float *rotation,
							   const float *center, const GvIvfRoot *root);
extern const char *gv_ivf_value_elements(const GvAmOpclass *opclass, Datum value);
extern uint32 gv_ivf_loader_take(GvIvfLoader *loader, Datum value, const GvAmFilterRow *filters,
								 ItemPointer tid);

/* train.c */
extern void gv_ivf_train(GvIvfIndex *index, Relation heap, IndexInfo *index_info,
						 const float *rotation, GvIvfTraining *training);
extern int64 gv_ivf_choose_lists(Relation index, double n_rows);
extern void gv_ivf_report_phase(const GvIvfTraining *training, int64 phase);

#endif							/* GV_IVF_BUILD_H */
