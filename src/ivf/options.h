/*-------------------------------------------------------------------------
 *
 * options.h
 *		Settings and storage parameters of ivfflat and ivfpq indexes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_IVF_OPTIONS_H
#define GV_IVF_OPTIONS_H

#include "postgres.h"

#include "utils/rel.h"

#define GV_IVF_MAX_LISTS 32768

/* Learning a rotation takes time by the cube of the dimensions */
#define GV_IVF_MAX_OPQ_DIM 2000

typedef enum GvIvfIterativeScan
{
	GV_IVF_ITERATIVE_OFF,
	GV_IVF_ITERATIVE_RELAXED
} GvIvfIterativeScan;

/* Where the centroids of a build begin */
typedef enum GvIvfInit
{
	GV_IVF_INIT_DATA,			/* at rows */
	GV_IVF_INIT_RANDOM			/* anywhere among them */
} GvIvfInit;

/* How ivfpq keeps what it knows of rows */
typedef enum GvIvfQuantizer
{
	GV_IVF_QUANTIZER_RABITQ,	/* one bit a dimension, or more */
	GV_IVF_QUANTIZER_SQ8,		/* one bit, and a byte */
	GV_IVF_QUANTIZER_PQ			/* a number for each of some parts */
} GvIvfQuantizer;

/* The settings of one of the access methods */
typedef struct GvIvfSettings
{
	int			probes;			/* 0: as many as the recall needs */
	bool		probes_is_set;	/* for the session, role or database */
	int			iterative_scan; /* GvIvfIterativeScan */
	int			max_probes;
} GvIvfSettings;

/* Storage parameters of an index; NULL stands for the defaults */
typedef struct GvIvfOptions GvIvfOptions;

extern void gv_ivf_define_settings(void);
extern bool gv_ivf_is_flat(Relation index);
extern const GvIvfSettings *gv_ivf_settings(Relation index);
extern bytea *gv_ivfflat_reloptions(Datum reloptions, bool validate);
extern bytea *gv_ivfpq_reloptions(Datum reloptions, bool validate);
extern int	gv_ivf_options_lists(const GvIvfOptions *options);
extern uint64 gv_ivf_options_seed(const GvIvfOptions *options);
extern GvIvfInit gv_ivf_options_init(const GvIvfOptions *options);
extern bool gv_ivf_options_spill(const GvIvfOptions *options);
extern GvIvfQuantizer gv_ivf_options_quantizer(const GvIvfOptions *options);
extern int	gv_ivf_options_bits(const GvIvfOptions *options);
extern int	gv_ivf_options_parts(const GvIvfOptions *options);
extern bool gv_ivf_options_opq(const GvIvfOptions *options);
extern int	gv_ivf_option_probes(Relation index, double *target);

#endif							/* GV_IVF_OPTIONS_H */
