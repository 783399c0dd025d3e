/*-------------------------------------------------------------------------
 *
 * build.h
 *		Rows on their way into a new index.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_KDTREE_BUILD_H
#define GV_KDTREE_BUILD_H

#include "kdtree/index.h"

/* Phases of a build, for pg_stat_progress_create_index */
#define GV_KDTREE_PHASE_LOAD 2
#define GV_KDTREE_PHASE_WRITE 3
#define GV_KDTREE_PHASE_INSERT 4

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

static inline float *
gv_kdtree_row(const GvKdtreeRows *rows, uint64 i)
{
	return rows->data + i * rows->record_size;
}

/* build_divide.c */
extern void gv_kdtree_rows_init(GvKdtreeRows *rows, const GvKdtreeIndex *ix);
extern void gv_kdtree_rows_box(const GvKdtreeRows *rows, uint64 first, uint64 n,
							   GvKdtreeBox *box);
extern void gv_kdtree_rows_divide(const GvKdtreeRows *rows, uint64 first, uint64 n,
								  uint64 n_left);

#endif							/* GV_KDTREE_BUILD_H */
