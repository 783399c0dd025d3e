/*-------------------------------------------------------------------------
 *
 * pq.h
 *		Product quantizer: a number of 4 or 8 bits for each part of a vector.
 *
 * The dimensions fall into m parts, part j those from j * dim / m on; each has
 * a codebook of 16 or 256 entries.  Let y be the entries of row x's residual
 * from its centroid c, and e = x - c - y what they leave.  Then
 *
 *		|q - c - y|^2 = |q - c|^2 + add - 2 <q, y>,  add = |y|^2 + 2 <c, y>
 *
 * and <q, y> is a sum of m numbers from one table for the whole query,
 * whatever the list.  That is the distance of what the code has, though: for q
 * near x it is too large by |e|^2.  With r = x - c, and as for the codes of
 * rabitq.h,
 *
 *		|q - x|^2  ~  |q - c|^2 + add + rescale * <q, y>
 *		rescale = -2 |r|^2 / <r, y>,  add = |r|^2 - rescale * <c, y>
 *
 * which is exact for q in the direction of r, and else off by
 *
 *		2 |q - c| |r| sqrt(1 - cos^2) / cos,  cos = <r, y> / (|r| |y|)
 *
 * times a number of deviation 1 / sqrt(dim - 1), were all directions alike.
 * They are not: a code loses most where rows, and so neighbors, differ most.
 * By how much is measured.
 *
 * Source: Jegou, Douze, Schmid, TPAMI 33(1), 2011.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_QUANT_PQ_H
#define GV_QUANT_PQ_H

#include <stddef.h>
#include <stdint.h>

#include "quant/cluster.h"
#include "quant/rabitq.h"

/* Rows a sample should have, in all; more are not looked at */
#define GV_PQ_SAMPLE_ROWS(bits) ((bits) == 4 ? 32768u : 65536u)

/* What a codebook is for */
typedef struct GvPqShape
{
	int32_t		dim;
	int32_t		m;				/* parts, 1 to dim */
	int32_t		bits;			/* 4 or 8 */
} GvPqShape;

/*
 * A codebook ready for use: one block of memory without pointers, as GvNearest.
 */
typedef struct GvPq
{
	GvPqShape	shape;
	int32_t		n_entries;		/* 16 or 256 */
	/* offsets from the start of this struct, in bytes */
	uint64_t	panels;			/* part by part float[n_entries / 16][dim of part][16] */
	uint64_t	half;			/* float[m][n_entries]: half the squared norms */
} GvPq;

/* The factors of one code; error: how far below an estimate its bound lies, by |q - c| */
typedef struct GvPqFactors
{
	float		add;
	float		rescale;
	float		error;
} GvPqFactors;

/* The first dimension of a part; that of part m is dim */
static inline int
gv_pq_part_start(const GvPqShape *shape, int part)
{
	return (int) ((int64_t) part * shape->dim / shape->m);
}

/* Floats of a codebook as it is trained and kept: part by part [entries][dim of part] */
static inline size_t
gv_pq_codebook_size(const GvPqShape *shape)
{
	return (size_t) shape->dim << shape->bits;
}

/* Bytes of a code by itself */
static inline size_t
gv_pq_code_bytes(const GvPqShape *shape)
{
	return ((size_t) shape->m * shape->bits + 7) / 8;
}

/* FastScan groups of codes of 4 bits: a multiple of 4 */
static inline int
gv_pq_groups(const GvPqShape *shape)
{
	return (shape->m + 3) / 4 * 4;
}

extern size_t gv_pq_train_scratch_size(const GvPqShape *shape, uint32_t n_rows);
extern void gv_pq_train_part(const GvPqShape *shape, const GvClusterRows *rows, int part,
							 uint64_t seed, float *codebook, void *scratch);
extern size_t gv_pq_size(const GvPqShape *shape);
extern void gv_pq_prepare(GvPq *pq, const GvPqShape *shape, const float *codebook);
extern void gv_pq_encode(const GvPq *pq, const float *x, uint8_t *numbers);
extern void gv_pq_decode(const GvPq *pq, const uint8_t *numbers, float *y);
extern void gv_pq_pack(const GvPqShape *shape, const uint8_t *numbers, uint8_t *code);
extern void gv_pq_unpack(const GvPqShape *shape, const uint8_t *code, uint8_t *numbers);
extern double gv_pq_error_unit(double n2, double ry, double yy, int dim);
extern GvPqFactors gv_pq_find_factors(float n2, const float *r, const float *c, const float *y,
									  int dim, float deviations);
extern void gv_pq_make_table(const GvPq *pq, const float *q, float *table);
extern void gv_pq_sum_tables(const GvPqShape *shape, const float *table, const uint8_t *codes,
							 int n, float *sums);
extern void gv_pq_prepare_query(GvRabitqQuery *query, const GvPqShape *shape,
								const float *table);

#endif							/* GV_QUANT_PQ_H */
