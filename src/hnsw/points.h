/*-------------------------------------------------------------------------
 *
 * points.h
 *		Points in memory while an index is built: fixed-point numbers in two
 *		planes.
 *
 * An element is scale * (high * 2^rest_bits + rest).  Linking looks at the
 * high plane alone, one byte an element, taking the rest for its mean; nodes
 * and codes are made from both.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_POINTS_H
#define GV_HNSW_POINTS_H

#include "postgres.h"

#include "hnsw/layout.h"

/* What belongs to a point beside its planes */
typedef struct GvHnswPointHead
{
	float		scale;			/* unit of the elements; 0: there is no direction */
	float		error;			/* norm of what rounding took */
	/* of the high plane, the rest taken for its mean */
	float		norm2;			/* squared norm */
	float		bias;			/* what a product of high bytes lacks, see points.c */
} GvHnswPointHead;

/* Arrays of points */
typedef struct GvHnswPoints
{
	int			dims;
	int			rest_bits;		/* 8, 4 or 0 */
	int			rest_bytes;		/* of one point */
	GvHnswPointHead *head;		/* of each point */
	int8	   *high;			/* int8[][dims] */
	uint8	   *rest;			/* uint8[][rest_bytes] */
} GvHnswPoints;

/* Points whose keys with a panel are computed at once, at most */
#define GV_HNSW_PANEL_OTHERS 16

/* Bytes of a panel of points */
#define GV_HNSW_PANEL_SIZE(dims) (TYPEALIGN(4, (Size) (dims)) * GV_PANEL_ROWS)

/* Planes begin where the processor's cache lines do, if there are as many dimensions */
#define GV_HNSW_POINT_ALIGN 64

/* Bytes of n points' heads and high planes */
#define GV_HNSW_POINTS_SIZE(n, dims) \
	(TYPEALIGN(GV_HNSW_POINT_ALIGN, (Size) (n) * sizeof(GvHnswPointHead)) + \
	 (Size) (n) * (dims) + GV_HNSW_POINT_ALIGN)

static inline GvHnswPointHead *
gv_hnsw_point_head(const GvHnswPoints *points, uint32 i)
{
	return points->head + i;
}

static inline int8 *
gv_hnsw_point_high(const GvHnswPoints *points, uint32 i)
{
	return points->high + (Size) i * points->dims;
}

static inline uint8 *
gv_hnsw_point_rest(const GvHnswPoints *points, uint32 i)
{
	return points->rest + (Size) i * points->rest_bytes;
}

/* A high byte's unit */
static inline float
gv_hnsw_point_unit(const GvHnswPoints *points, uint32 i)
{
	return gv_hnsw_point_head(points, i)->scale * (float) (1 << points->rest_bits);
}

/* Ask for a point's memory, all of it, before it is decoded */
static inline void
gv_hnsw_point_prefetch(const GvHnswPoints *points, uint32 i)
{
	const char *high = (const char *) gv_hnsw_point_high(points, i);
	const char *rest = (const char *) gv_hnsw_point_rest(points, i);

	for (int b = 0; b < points->dims; b += 64)
		__builtin_prefetch(high + b);
	for (int b = 0; b < points->rest_bytes; b += 64)
		__builtin_prefetch(rest + b);
}

extern void gv_hnsw_points_keys(const GvHnswPoints *points, uint32 a, const uint32 *b, int n,
								float *keys);
extern void gv_hnsw_points_fill_panel(const GvHnswPoints *points, const uint32 *rows, int n,
									  GvPanelI8 *panel);
extern void gv_hnsw_points_panel_keys(const GvHnswPoints *points, const GvPanelI8 *panel,
									  const uint32 *others, int n, float *keys, uint16 *near);
extern void gv_hnsw_points_place(GvHnswPoints *points, char *area, Size n);
extern void gv_hnsw_points_init(GvHnswPoints *points, const GvHnswLayout *layout);
extern float gv_hnsw_point_largest(const float *z, int dims);
extern void gv_hnsw_point_encode(const GvHnswPoints *points, uint32 i, const float *z);
extern void gv_hnsw_point_decode(const GvHnswPoints *points, uint32 i, float *z);
extern bool gv_hnsw_points_equal(const GvHnswPoints *points, uint32 a, uint32 b);

#endif							/* GV_HNSW_POINTS_H */
