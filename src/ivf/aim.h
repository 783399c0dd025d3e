/*-------------------------------------------------------------------------
 *
 * aim.h
 *		From the recall that is asked for to the number of lists.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_IVF_AIM_H
#define GV_IVF_AIM_H

#include "postgres.h"

#include "ivf/index.h"

extern int	gv_ivf_aim_probes(const GvIvfMetaPageData *meta, double target, int k);
extern int	gv_ivf_aim_share(Relation rel, const GvIvfMetaPageData *meta, int probes);
extern double gv_ivf_aim_planned_part(Relation rel, double n_rows, double *n_lists);

#endif							/* GV_IVF_AIM_H */
