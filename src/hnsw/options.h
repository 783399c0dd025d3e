/*-------------------------------------------------------------------------
 *
 * options.h
 *		Settings and storage parameters of hnsw indexes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_OPTIONS_H
#define GV_HNSW_OPTIONS_H

#include "postgres.h"

#include "utils/rel.h"

#define GV_HNSW_DEFAULT_M 16
#define GV_HNSW_MIN_M 2
#define GV_HNSW_MAX_M 100
#define GV_HNSW_DEFAULT_EF_CONSTRUCTION 100
#define GV_HNSW_MIN_EF_CONSTRUCTION 4
#define GV_HNSW_MAX_EF_CONSTRUCTION 1000
#define GV_HNSW_MAX_EF_SEARCH 10000

typedef enum GvHnswIterativeScan
{
	GV_HNSW_ITERATIVE_OFF,
	GV_HNSW_ITERATIVE_RELAXED,
	GV_HNSW_ITERATIVE_STRICT
} GvHnswIterativeScan;

/* The size of nodes */
typedef enum GvHnswStorage
{
	GV_HNSW_STORAGE_FAST,
	GV_HNSW_STORAGE_COMPACT
} GvHnswStorage;

/* Storage parameters of an index; NULL stands for the defaults */
typedef struct GvHnswOptions GvHnswOptions;

extern int	gv_hnsw_ef_search;
extern int	gv_hnsw_iterative_scan;
extern int	gv_hnsw_max_scan_tuples;
extern double gv_hnsw_scan_mem_multiplier;

extern void gv_hnsw_define_settings(void);
extern bytea *gv_hnsw_reloptions(Datum reloptions, bool validate);
extern int	gv_hnsw_options_m(const GvHnswOptions *options);
extern int	gv_hnsw_options_ef_construction(const GvHnswOptions *options);
extern GvHnswStorage gv_hnsw_options_storage(const GvHnswOptions *options);
extern int	gv_hnsw_option_ef_search(Relation index, double *target);
extern uint64 gv_hnsw_options_seed(const GvHnswOptions *options);

#endif							/* GV_HNSW_OPTIONS_H */
