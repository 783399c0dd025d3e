/*-------------------------------------------------------------------------
 *
 * fusion.h
 *		Making one ranked list of several.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HYBRID_FUSION_H
#define GV_HYBRID_FUSION_H

#include "postgres.h"

typedef enum GvHybridMethod
{
	GV_HYBRID_MINMAX,
	GV_HYBRID_RRF,
	GV_HYBRID_DBSF,
	GV_HYBRID_LINEAR,
	GV_HYBRID_MAX
} GvHybridMethod;

#define GV_HYBRID_N_METHODS (GV_HYBRID_MAX + 1)

/* Limits of the arguments */
#define GV_HYBRID_MAX_LEGS 64
#define GV_HYBRID_MAX_RRF_K 1000000

#define GV_HYBRID_DEFAULT_RRF_K 60

/* A row that a leg found */
typedef struct GvHybridHit
{
	int			row;			/* numbers go up in the order that decides ties */
	int			rank;			/* from 1 */
	double		raw;			/* what the leg says of it, finite */
	double		good;			/* what is fused of that, finite; larger is better */
	double		part;			/* what it contributes to the score */
} GvHybridHit;

/* A ranked list */
typedef struct GvHybridLeg
{
	double		weight;			/* finite, >= 0 */
	int			n_hits;
	GvHybridHit *hits;			/* GvHybridHit[n_hits], by rank; a row once */
} GvHybridLeg;

/* A row of the fused list */
typedef struct GvHybridRow
{
	int			row;
	double		score;			/* sum of the parts, in the order of the legs */
	GvHybridHit **hits;			/* GvHybridHit *[n_legs], NULL where it is missing */
} GvHybridRow;

extern const char *const gv_hybrid_method_names[GV_HYBRID_N_METHODS];

extern GvHybridMethod gv_hybrid_find_method(const char *name);
extern void gv_hybrid_check_weight(double weight);
extern void gv_hybrid_check_rrf_k(int rrf_k);
extern void gv_hybrid_rank(GvHybridLeg *leg);
extern void gv_hybrid_weigh(GvHybridLeg *legs, int n_legs, int n_rows, GvHybridMethod method,
							int rrf_k);
extern int	gv_hybrid_fuse(GvHybridLeg *legs, int n_legs, int n_rows, GvHybridRow **result);

#endif							/* GV_HYBRID_FUSION_H */
