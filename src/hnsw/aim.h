/*-------------------------------------------------------------------------
 *
 * aim.h
 *		From the recall that is asked for to ef.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_AIM_H
#define GV_HNSW_AIM_H

#include "postgres.h"

#include "hnsw/search.h"

/* A sweep reads the pages in order, so it is cheaper once this part is searched */
#define GV_HNSW_SWEEP_FRACTION 8

/* The ef that the searches of a calibration begin with */
#define GV_HNSW_CALIBRATION_FIRST_EF 256

/* What a scan aims at */
typedef struct GvHnswAim
{
	double		target;			/* recall; 0: ef is fixed, the rest is unused */
	int			n_rows;			/* that the first search is for */
	int			k;				/* nodes that the present ef is for */
	int			bucket;			/* difficulty of the query */
	int			least_ef;		/* whatever the calibration says */
	double		growth;			/* of ef, for what has come since the calibration */
} GvHnswAim;

extern int	gv_hnsw_aim_begin(GvHnswAim *aim, const GvHnswIndex *index, int64 limit,
							  bool be_plain);
extern int	gv_hnsw_aim_narrow(GvHnswAim *aim, const GvHnswMetaPageData *meta,
							   GvHnswSearch *search, int ef);
extern int	gv_hnsw_aim_widen(GvHnswAim *aim, const GvHnswMetaPageData *meta,
							  const GvHnswSearch *search, int ef);
extern int	gv_hnsw_aim_ef(const GvHnswAim *aim, const GvHnswMetaPageData *meta,
						   int64 n_rows);
extern int	gv_hnsw_aim_raise(GvHnswAim *aim, const GvHnswMetaPageData *meta, int ef);
extern int	gv_hnsw_aim_mean_ef(const GvHnswMetaPageData *meta, double target);
extern int	gv_hnsw_aim_linking_ef(const GvHnswIndex *index);
extern double gv_hnsw_aim_rows_now(const GvHnswMetaPageData *meta, Relation rel);
extern double gv_hnsw_aim_growth(const GvHnswMetaPageData *meta, Relation rel,
								 double target);
extern uint16 gv_hnsw_aim_count_places(const GvHnswIndex *index, double n_rows);
extern int	gv_hnsw_aim_planned_ef(Relation index, double n_rows);
extern double gv_hnsw_aim_largest_ef(double n_nodes);
extern bool gv_hnsw_aim_needs_sweep(const GvHnswAim *aim, const GvHnswIndex *index, int ef);

#endif							/* GV_HNSW_AIM_H */
