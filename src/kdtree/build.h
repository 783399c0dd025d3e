/*-------------------------------------------------------------------------
 *
 * build.h
 *		Rows on their way into a new index.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_KDTREE_BUILD_H
#define GV_KDTREE_BUILD_H

#include "access/parallel.h"
#include "nodes/execnodes.h"
#include "port/atomics.h"
#include "storage/buffile.h"
#include "storage/condition_variable.h"
#include "storage/sharedfileset.h"
#include "storage/spin.h"

#include "kdtree/index.h"

/* Phases of a build, for pg_stat_progress_create_index */
#define GV_KDTREE_PHASE_LOAD 2
#define GV_KDTREE_PHASE_WRITE 3

/* Rows between looks for an interrupt */
#define GV_KDTREE_ROWS_PER_INTERRUPT 4096

/*
 * Rows in memory, one record each: float32 x[dim]; by cosine float32 place[dim];
 * then the tid; then the words of filter columns, packed.  A record is a
 * multiple of 4 bytes.
 */
typedef struct GvKdtreeRows
{
	int			dim;
	int			place_offset;	/* in floats */
	int			tid_offset;		/* in floats */
	int			filter_offset;	/* in floats */
	bool		has_filters;
	int			record_size;	/* in floats */
	float	   *data;
	uint64		n;
	uint64		max;
} GvKdtreeRows;

/* Rows in a file, and their box */
typedef struct GvKdtreeTape
{
	const GvKdtreeRows *rows;	/* how records are laid out */
	FileSet    *fileset;		/* shared with other processes; NULL: it is not */
	uint32		number;			/* of the file in the set */
	BufFile    *file;			/* NULL: not open */
	uint64		n;
	GvKdtreeBox box;
} GvKdtreeTape;

/* Children of a page, which some rows become */
typedef struct GvKdtreePart
{
	uint64		n;				/* rows */
	int			n_children;
	int			inner_fill;		/* children of an inner page below, at most */
	int			level;			/* of the children */
	BlockNumber first_block;	/* they and the pages below follow each other from here */
} GvKdtreePart;

typedef struct GvKdtreeBuildShared GvKdtreeBuildShared;

typedef struct GvKdtreeBuild
{
	GvKdtreeIndex ix;
	GvKdtreeRows rows;			/* in memory */
	GvKdtreeTape tape;			/* those that were too many */
	uint64		max_rows;		/* that fit into memory */
	int			leaf_fill;		/* points of a leaf */
	int			inner_fill;		/* children of an inner page, at most */
	uint64		n_written;		/* points on pages, by this process */
	MemoryContext row_context;	/* reset for each row */
	uint64	   *order;			/* uint64[leaf_capacity] */
	float	   *row;			/* one record */
	GvKdtreeBuildShared *shared;	/* or NULL: this process is alone */
	bool		reports;		/* progress */
} GvKdtreeBuild;

static inline float *
gv_kdtree_row(const GvKdtreeRows *rows, uint64 i)
{
	return rows->data + i * rows->record_size;
}

/* A row's tid as a number that orders as tids do */
static inline uint64
gv_kdtree_row_tid(const GvKdtreeRows *rows, const float *row)
{
	ItemPointerData tid;

	memcpy(&tid, row + rows->tid_offset, sizeof(tid));
	return (uint64) ItemPointerGetBlockNumberNoCheck(&tid) << 16 |
		ItemPointerGetOffsetNumberNoCheck(&tid);
}

/* A place between rows: by a column, then by tid, so that no two rows are equal */
typedef struct GvKdtreePivot
{
	float		key;
	uint64		tid;
} GvKdtreePivot;

static inline bool
gv_kdtree_row_is_before(const GvKdtreeRows *rows, int column, const float *row,
						const GvKdtreePivot *pivot)
{
	return row[column] < pivot->key ||
		(row[column] == pivot->key && gv_kdtree_row_tid(rows, row) < pivot->tid);
}

static inline bool
gv_kdtree_row_is_after(const GvKdtreeRows *rows, int column, const float *row,
					   const GvKdtreePivot *pivot)
{
	return row[column] > pivot->key ||
		(row[column] == pivot->key && gv_kdtree_row_tid(rows, row) > pivot->tid);
}

/* build_divide.c */
extern void gv_kdtree_rows_init(GvKdtreeRows *rows, const GvKdtreeIndex *ix);
extern void gv_kdtree_rows_select(const GvKdtreeRows *rows, int column, uint64 first, uint64 n,
								  uint64 n_left);
extern void gv_kdtree_rows_divide(const GvKdtreeRows *rows, uint64 first, uint64 n,
								  uint64 n_left);

/* build_tape.c */
extern void gv_kdtree_tape_create(GvKdtreeTape *tape, const GvKdtreeRows *rows,
								  FileSet *fileset, uint32 number);
extern void gv_kdtree_tape_write(GvKdtreeTape *tape, const float *row);
extern void gv_kdtree_tape_finish(GvKdtreeTape *tape);
extern void gv_kdtree_tape_open(GvKdtreeTape *tape, const GvKdtreeRows *rows,
								FileSet *fileset, uint32 number);
extern void gv_kdtree_tape_read(GvKdtreeTape *tape, float *row);
extern void gv_kdtree_tape_close(GvKdtreeTape *tape);
extern void gv_kdtree_tapes_divide(GvKdtreeTape *tapes, int n_tapes, uint64 n_left,
								   uint64 max_rows, GvKdtreeTape *left,
								   GvKdtreeTape *right);

/* build_tree.c */
extern int	gv_kdtree_build_height(double n, int leaf_fill, int *inner_fill);
extern void gv_kdtree_build_plan(const GvKdtreeBuild *build, uint64 n, GvKdtreePart *root);
extern bool gv_kdtree_build_descend(const GvKdtreeBuild *build, GvKdtreePart *part);
extern void gv_kdtree_build_halve(const GvKdtreeBuild *build, const GvKdtreePart *part,
								  GvKdtreePart *left, GvKdtreePart *right);
extern void gv_kdtree_build_extend(GvKdtreeBuild *build, const GvKdtreePart *root);
extern void gv_kdtree_build_rows(GvKdtreeBuild *build, const GvKdtreePart *part);
extern void gv_kdtree_build_tapes(GvKdtreeBuild *build, GvKdtreeTape *tapes, int n_tapes,
								  GvKdtreePart part);
extern void gv_kdtree_build_finish(GvKdtreeBuild *build, const GvKdtreePart *root);

/* build_parallel.c */
extern bool gv_kdtree_build_in_parallel(GvKdtreeBuild *build, Relation heap,
										IndexInfo *index_info, int n_workers,
										IndexBuildResult *result);
extern void gv_kdtree_build_count(GvKdtreeBuild *build, uint64 n);

/* build.c */
extern void gv_kdtree_build_init(GvKdtreeBuild *build, Relation index, int n_processes);
extern double gv_kdtree_build_load(GvKdtreeBuild *build, Relation heap, IndexInfo *index_info,
								   TableScanDesc scan, bool progress);

#endif							/* GV_KDTREE_BUILD_H */
