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
#include "port/atomics.h"
#include "storage/dsm.h"
#include "storage/spin.h"
#include "utils/rel.h"

#include "am/parallel.h"
#include "ivf/index.h"
#include "ivf/nearest.h"
#include "ivf/product.h"
#include "ivf/write.h"
#include "quant/kmeans.h"

/* Phases shown by pg_stat_progress_create_index; 1 is PostgreSQL's own */
#define GV_IVF_PHASE_SAMPLE 2
#define GV_IVF_PHASE_TRAIN 3
#define GV_IVF_PHASE_ROTATION 4
#define GV_IVF_PHASE_CODEBOOK 5
#define GV_IVF_PHASE_LOAD 6
#define GV_IVF_PHASE_WRITE 7
#define GV_IVF_PHASE_CALIBRATE 8

/* The part of maintenance_work_mem that the sample may take */
#define GV_IVF_SAMPLE_FRACTION 2

/* A process's way of turning rows into what lists keep */
typedef struct GvIvfLoader
{
	GvIvfIndex *index;
	const float *rotation;
	const float *origin;
	GvIvfNearest nearest;
	GvIvfPoint	point;
	float	   *centroid;		/* float[padded_dim] */
	float	   *second_centroid;	/* the same of lists that may be the second, or NULL */
	Datum		value;			/* of the row */
	uint32		first;			/* its list, and the square of the distance */
	float		distance2;
	GvIvfCodebook codebook;
	GvIvfProductScratch product;
	char	   *fine;			/* of the row, or NULL */
	void	   *fine_scratch;
	GvIvfRow	row;
} GvIvfLoader;

/* What all processes of a build do; GvAmWork */
enum
{
	GV_IVF_JOB_TRAIN = 1,		/* a part of a step of k-means */
	GV_IVF_JOB_RESIDUALS,		/* of a slice of the sample */
	GV_IVF_JOB_ROTATION,		/* a part of a step of a rotation's training */
	GV_IVF_JOB_TURN,			/* a slice of the sample by that rotation */
	GV_IVF_JOB_CODEBOOK,		/* that of a part */
	GV_IVF_JOB_LOAD				/* a part: a share of the table, to a tape of the sort */
};

/* Large areas of shared memory, which come and go */
typedef enum GvIvfArea
{
	GV_IVF_AREA_SAMPLE,			/* float[n][padded_dim], then k-means, while lists are trained */
	GV_IVF_AREA_LISTS,			/* what training finds: center, codebook, centroids */
	GV_IVF_AREA_ROTATION,		/* of a codebook, while it is trained */
	GV_IVF_N_AREAS
} GvIvfArea;

/* What the processes of a build share; the shared sort lies behind it */
typedef struct GvIvfBuildShared
{
	int			n_processes;
	GvIvfMetaPageData meta;
	dsm_handle	area[GV_IVF_N_AREAS];
	Size		kmeans_offset;	/* in the area of the sample */
	uint32		n_lists;		/* see GvIvfTraining */
	bool		is_trained;
	uint32		n_coded;		/* rows of the sample that codebooks are trained of */
	int			n_slices;		/* see GvOpqTask */
	pg_atomic_uint64 n_rows;	/* loaded so far */
	slock_t		mutex;			/* of heap_tuples */
	double		heap_tuples;
} GvIvfBuildShared;

/* The leader's view of the processes of a build */
typedef struct GvIvfTeam
{
	GvAmParallel parallel;
	GvIvfBuildShared *shared;
	int			n_processes;
	bool		is_started;
	dsm_segment *area[GV_IVF_N_AREAS];
} GvIvfTeam;

/* A process's view of k-means */
typedef struct GvIvfTrainer
{
	const float *rows;			/* float[n][dims], less the center */
	const float *center;
	int			dims;
	float		radius;			/* length of the points; 0 if lengths differ */
	GvClusterFloats floats;
	GvClusterRows fetch;
	GvKmeans	kmeans;
	void	   *scratch;
} GvIvfTrainer;

/* A process's view of the training of a codebook; see codebook.c */
typedef struct GvIvfCoder GvIvfCoder;

/* A process's view of a build */
typedef struct GvIvfBuild
{
	GvIvfIndex	ix;
	Relation	heap;
	IndexInfo  *index_info;
	float	   *rotation;
	GvIvfTraining training;
	GvIvfRoot	root;
	GvIvfListData *lists;		/* the directory, of who writes it */
	GvIvfLoader loader;
	GvIvfSort	sort;
	MemoryContext row_context;
	pg_atomic_uint64 *n_rows;	/* of all processes */
	bool		reports;		/* progress */
	uint64		n_reported;		/* in units of reports */
} GvIvfBuild;

/* build.c */
extern void gv_ivf_build_begin(GvIvfBuild *build, Relation heap, Relation index,
							   IndexInfo *index_info);
extern void gv_ivf_build_begin_load(GvIvfBuild *build, pg_atomic_uint64 *n_rows);
extern double gv_ivf_build_load(GvIvfBuild *build, TableScanDesc scan, int work_kilobytes,
								SortCoordinate coordinate);

/* build_parallel.c */
extern GvIvfTeam *gv_ivf_team_begin(Relation heap, Relation index, IndexInfo *index_info);
extern char *gv_ivf_team_area(GvIvfTeam *team, GvIvfArea area, Size size);
extern void gv_ivf_team_free_area(GvIvfTeam *team, GvIvfArea area);
extern GvAmParallel *gv_ivf_team_start(GvIvfTeam *team, const GvIvfIndex *index);
extern void gv_ivf_team_show(GvIvfTeam *team, const GvIvfTraining *training);
extern double gv_ivf_team_load(GvIvfTeam *team, GvIvfBuild *build);
extern void gv_ivf_team_end(GvIvfTeam *team, IndexInfo *index_info);

/* load.c */
extern void gv_ivf_loader_init(GvIvfLoader *loader, GvIvfIndex *index, const float *rotation,
							   const float *origin, const GvIvfRoot *root);
extern const char *gv_ivf_value_elements(const GvAmOpclass *opclass, Datum value);
extern bool gv_ivf_loader_take_again(GvIvfLoader *loader, uint32 *list);
extern uint32 gv_ivf_loader_take(GvIvfLoader *loader, Datum value, const GvAmFilterRow *filters,
								 ItemPointer tid);

/* train.c */
extern void gv_ivf_train(GvIvfIndex *index, Relation heap, IndexInfo *index_info,
						 const float *rotation, GvIvfTeam *team, GvIvfTraining *training);
extern void gv_ivf_trainer_init(GvIvfTrainer *trainer, const GvIvfIndex *index,
								const float *rows, const float *center,
								GvKmeansShared *shared);
extern void gv_ivf_trainer_end(GvIvfTrainer *trainer);
extern int64 gv_ivf_choose_lists(const GvIvfLayout *layout, const GvIvfOptions *options,
								 double n_rows);
extern int64 gv_ivf_sample_rows(const GvIvfLayout *layout, int64 lists);
extern Size gv_ivf_sample_bytes(const GvIvfLayout *layout);
extern float gv_ivf_point_length(const GvIvfMetaPageData *meta);
extern void gv_ivf_report_phase(const GvIvfTraining *training, int64 phase);

/* codebook.c */
extern void gv_ivf_codebook_train(const GvIvfIndex *index, const float *rotation, float *rows,
								  uint32 n_rows, GvIvfTeam *team, GvIvfTraining *training);
extern int	gv_ivf_count_rotation_slices(const GvIvfLayout *layout);
extern GvIvfCoder *gv_ivf_coder_begin(const GvIvfIndex *index, const float *rotation,
									  const GvIvfTraining *training, float *rows, uint32 n);
extern void gv_ivf_coder_share(GvIvfCoder *coder, int n_slices, char *area);
extern void gv_ivf_coder_work(void *arg, int kind, uint32 part);
extern void gv_ivf_coder_end(GvIvfCoder *coder);

#endif							/* GV_IVF_BUILD_H */
