/*-------------------------------------------------------------------------
 *
 * renew.h
 *		Writing lists of an index that is in use anew: all of them, or some.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_IVF_RENEW_H
#define GV_IVF_RENEW_H

#include "postgres.h"

#include "storage/bufmgr.h"
#include "utils/rel.h"

#include "ivf/nearest.h"
#include "ivf/write.h"

/* A set of lists that has some of those in use as they are, and some anew */
typedef struct GvIvfPlan
{
	uint32		n_lists;		/* of the new set */
	GvIvfListData *lists;		/* [n_lists]: those that stay; of those written, the centroid */
	GvHalf	   *centroids;		/* float16[n_lists][padded_dim] */
	bool	   *is_brought;		/* [lists in use]: their rows are brought over */
	uint32	   *number;			/* [training.n_lists] of lists that are written, ascending */
	GvIvfTraining training;		/* of those */
	double		n_rows;			/* of those */
	GvIvfNearest *nearest;		/* of the lists in use */
} GvIvfPlan;

/* renew.c */
extern void gv_ivf_maintain(Relation rel, double n_rows, bool is_guess,
							BufferAccessStrategy strategy);

/* balance.c */
extern bool gv_ivf_plan_balance(GvIvfPlan *plan, GvIvfIndex *index, Relation heap,
								double n_rows);

#endif							/* GV_IVF_RENEW_H */
