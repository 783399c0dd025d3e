/*-------------------------------------------------------------------------
 *
 * search.h
 *		Fusing what the two legs of a hybrid search found.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HYBRID_SEARCH_H
#define GV_HYBRID_SEARCH_H

#include "postgres.h"

#include "fmgr.h"

#include "hybrid/legs.h"

/* Limit of k and of candidates */
#define GV_HYBRID_MAX_CANDIDATES 1000000

/* What both legs found for a query, with the rows numbered */
typedef struct GvHybridLists
{
	int			n_rows;
	int			n_found[GV_HYBRID_N_LEGS];
	GvHybridFound *found[GV_HYBRID_N_LEGS];
	int		   *rows[GV_HYBRID_N_LEGS]; /* number of each row found; in the order of
										 * partitions and tids */
} GvHybridLists;

extern void gv_hybrid_number_rows(GvHybridLists *lists);
extern void gv_hybrid_make_legs(const GvHybridTarget *target, const GvHybridLists *lists,
								GvHybridMethod method, const double *weights, GvHybridLeg *legs);
extern char *gv_hybrid_get_text(FunctionCallInfo fcinfo, int arg);
extern char *gv_hybrid_get_name(FunctionCallInfo fcinfo, int arg);
extern Oid	gv_hybrid_get_oid(FunctionCallInfo fcinfo, int arg);
extern int	gv_hybrid_check_number(const char *name, int value, int max);

#endif							/* GV_HYBRID_SEARCH_H */
