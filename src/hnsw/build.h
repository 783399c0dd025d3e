/*-------------------------------------------------------------------------
 *
 * build.h
 *		Building an index: shared state of the processes that build it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_BUILD_H
#define GV_HNSW_BUILD_H

#include "postgres.h"

#include "access/tableam.h"
#include "nodes/execnodes.h"
#include "port/atomics.h"
#include "storage/spin.h"

#include "am/parallel.h"
#include "hnsw/graph.h"
#include "hnsw/index.h"

/* Phases, as pg_stat_progress_create_index shows them; 1 is "initializing" */
#define GV_HNSW_PHASE_LOAD 2
#define GV_HNSW_PHASE_LINK 3
#define GV_HNSW_PHASE_WRITE 4
#define GV_HNSW_PHASE_INSERT 5
#define GV_HNSW_PHASE_DIVIDE 6
#define GV_HNSW_PHASE_CALIBRATE 7

/* Fewer rows than this are linked faster by one process */
#define GV_HNSW_MIN_PARALLEL_ROWS 5000

typedef enum GvHnswJobKind
{
	GV_HNSW_JOB_LOAD = 1,		/* what nobody has read of the table; processes i */
	GV_HNSW_JOB_CHOOSE_CELL,	/* of rows i */
	GV_HNSW_JOB_ORDER_CELL,		/* rows of cells i */
	GV_HNSW_JOB_LINK,			/* rows order[first + i] */
	GV_HNSW_JOB_LINK_GROUP,		/* the i-th GV_HNSW_GROUP rows from order[first] on */
	GV_HNSW_JOB_LINK_BACK,		/* rows targets[i] */
	GV_HNSW_JOB_ENCODE,			/* rows order[first + i], for the file of a shard */
	GV_HNSW_JOB_WRITE,			/* pages of nodes first + i */
	GV_HNSW_JOB_FIND_TRUTH,		/* blocks: see calibrate.c */
	GV_HNSW_JOB_TRY_QUERY		/* query vectors i */
} GvHnswJobKind;

/* State shared by the processes of a build */
typedef struct GvHnswBuildShared
{
	/* fixed before workers start */
	GvHnswMetaPageData meta;	/* geometry: written between load and link */
	uint64		capacity;		/* rows that the arrays take */
	uint64		values_capacity;	/* exact: bytes */
	uint32		max_batch;
	bool		in_shards;
	uint32		shard;			/* the one in the arrays, counted from 1 */

	/* load */
	pg_atomic_uint64 n_rows;
	pg_atomic_uint64 values_used;
	pg_atomic_uint32 overflowed;	/* some rows did not fit */
	slock_t		mutex;			/* of reltuples */
	double		reltuples;

	/* the current job */
	uint32		job_first;
	uint32		job_items;

	uint32		n_order;
	uint32		n_alone;		/* the first of the order are linked one by one, the others
								 * in groups */
	uint32		n_nodes;
} GvHnswBuildShared;

typedef struct GvHnswShards GvHnswShards;

/* A process's view of a build */
typedef struct GvHnswBuild
{
	Relation	heap;
	Relation	index;
	IndexInfo  *index_info;
	GvHnswIndex ix;				/* layout and operator class; meta is shared->meta */
	GvHnswBuildShared *shared;
	GvHnswGraph graph;
	GvHnswGraphWorker worker;

	char	   *area;			/* the memory of all arrays */
	Size		area_size;

	/* arrays beside the graph's, in the same memory */
	GvHnswEdge *edges;			/* of a batch */
	uint32	   *targets;		/* of a batch */
	uint32	   *node_row;		/* rows that are nodes, by node number */
	uint32	   *row_id;			/* id of the row's node */
	uint32	   *same_next;		/* next row of the same vector, or GV_HNSW_NO_ROW */
	uint32	   *tid_chunk;		/* first chunk of further tids */

	char	   *filters;		/* packed words of the filter columns, by row */

	float	   *rotation;
	float	   *point;			/* float[padded_dim], for one row */
	float	   *decoded;		/* the same */
	uint8	   *codes;			/* of a block of lanes */
	float	   *sampled_center; /* float[padded_dim], in the leader */
	double		expected_rows;
	double		value_bytes;	/* of a value, on average */
	uint32		null_row;		/* first row without direction, or GV_HNSW_NO_ROW */
	float	   *center;			/* float[dims], in the arrays' memory: for loading */
	MemoryContext row_context;
	GvHnswShards *shards;		/* NULL if all rows are in memory at once */
	char	   *node_image;		/* room for a node */
	bool		is_calibrated;
	struct GvHnswCalibration *calibration;	/* of all processes, or NULL */
	GvAmParallel *parallel;		/* NULL in a worker, and if there is none */
	ParallelTableScanDesc scan; /* of the table, by several processes */
	GvHnswJobKind job_kind;		/* of the job that this process, the leader, has begun */
	uint32		shard;			/* for which this process has placed the arrays */
	ItemPointerData *loaded;	/* sorted tids of the rows in memory */
	uint64		n_loaded;
	double		n_tuples;		/* indexed by this process */
} GvHnswBuild;

/* The packed words of a row's filter columns */
static inline char *
gv_hnsw_build_filters(const GvHnswBuild *build, uint64 row)
{
	return build->filters + row * build->ix.filters.packed_size;
}

/* The place of a node without codes, which come one after the other */
typedef struct GvHnswItemPlace
{
	uint32		page_number;
	int			slot;			/* -1: no node has come yet */
	Size		used;			/* bytes of the page */
} GvHnswItemPlace;

/* Writes nodes without codes to their pages, which exist */
typedef struct GvHnswItemWriter
{
	GvHnswBuild *build;
	Buffer		buf;			/* locked page, or invalid */
} GvHnswItemWriter;

/* Where the next chunk of tids goes */
typedef struct GvHnswChunkWriter
{
	GvHnswBuild *build;
	Buffer		buf;			/* locked page with room, or invalid */
	int			slot;
	GvHnswTidChunk chunk;		/* the last one, or NULL */
} GvHnswChunkWriter;

/* build.c */
extern void gv_hnsw_build_init_graph(GvHnswBuild *build);
extern int	gv_hnsw_compare_rows(const void *a, const void *b);

/* build_load.c */
extern Size gv_hnsw_build_place_arrays(GvHnswBuild *build, char *area);
extern void gv_hnsw_build_choose_geometry(GvHnswBuild *build);
extern bool gv_hnsw_build_plan_memory(GvHnswBuild *build);
extern Size gv_hnsw_build_memory(GvHnswBuild *build, uint64 n_rows);
extern bool gv_hnsw_build_may_shard(const GvHnswBuild *build);
extern void gv_hnsw_build_plan_shards(GvHnswBuild *build, GvHnswShards *shards, uint64 n_rows,
									  double value_bytes, Size largest);
extern void gv_hnsw_build_size_arrays(GvHnswBuild *build, uint64 n_rows, Size value_bytes);
extern double gv_hnsw_build_load(GvHnswBuild *build, TableScanDesc scan, bool progress);
extern void gv_hnsw_build_finish_rows(GvHnswBuild *build);
extern void gv_hnsw_build_choose_shard_order(GvHnswBuild *build, uint32 n);

/* build_order.c */
extern void gv_hnsw_build_order_rows(GvHnswBuild *build, uint32 first, uint32 n);
extern void gv_hnsw_build_choose_cell(GvHnswBuild *build, uint32 i);
extern void gv_hnsw_build_order_cell(GvHnswBuild *build, uint32 first, uint32 i);

/* build_write.c */
extern void gv_hnsw_build_write_node_page(GvHnswBuild *build, uint32 page_number);
extern BlockNumber gv_hnsw_build_count_blocks(const GvHnswBuild *build);
extern Size gv_hnsw_build_item_size(const GvHnswLayout *layout, Size value_size, Size *rest);
extern void gv_hnsw_build_place_item(const GvHnswLayout *layout, GvHnswItemPlace *place,
									 Size value_size);
extern void gv_hnsw_build_put_item(GvHnswItemWriter *writer, GvHnswNode node, uint32 id,
								   const char *value);
extern void gv_hnsw_build_finish_items(GvHnswItemWriter *writer);
extern void gv_hnsw_build_extend(GvHnswBuild *build, BlockNumber n_blocks);
extern void gv_hnsw_build_write_index(GvHnswBuild *build);
extern Buffer gv_hnsw_build_append_page(GvHnswBuild *build, GvHnswPageKind kind);
extern float gv_hnsw_build_key_bias(const GvHnswBuild *build, float norm);
extern BlockNumber gv_hnsw_build_block(const GvHnswBuild *build, uint32 page_number);
extern uint32 gv_hnsw_build_node_id(const GvHnswBuild *build, uint32 number);
extern void gv_hnsw_build_write_tid(GvHnswChunkWriter *writer, uint32 *first, uint32 owner,
									ItemPointer tid);
extern void gv_hnsw_build_finish_tids(GvHnswChunkWriter *writer);
extern void gv_hnsw_build_write_center(GvHnswBuild *build);
extern char *gv_hnsw_build_entry_blocks(GvHnswBuild *build, uint32 *n_entries);
extern void gv_hnsw_build_write_entry_pages(GvHnswBuild *build, const char *blocks,
											uint32 n_entries);
extern void gv_hnsw_build_write_meta(GvHnswBuild *build);

extern void gv_hnsw_build_begin_job(GvHnswBuild *build, GvHnswJobKind kind, uint32 first,
									uint32 n_items);
extern void gv_hnsw_build_end_job(GvHnswBuild *build);
extern void gv_hnsw_build_run_job(GvHnswBuild *build, GvHnswJobKind kind, uint32 first,
								  uint32 n_items);

#endif							/* GV_HNSW_BUILD_H */
