/*-------------------------------------------------------------------------
 *
 * sparsevec.h
 *		The type sparsevec: float32 elements, of which few are not zero.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_TYPE_SPARSEVEC_H
#define GV_TYPE_SPARSEVEC_H

#include "postgres.h"

#include "fmgr.h"

#include "base/compat.h"
#include "type/dense.h"

#define GV_SPARSEVEC_MAX_DIM 1000000000
#define GV_SPARSEVEC_MAX_NNZ 16000

typedef struct GvSparsevec
{
	int32		vl_len_;		/* varlena header */
	int32		dim;			/* number of dimensions, 1..GV_SPARSEVEC_MAX_DIM */
	int32		nnz;			/* number of non-zero elements, 0..GV_SPARSEVEC_MAX_NNZ */
	int32		unused;			/* zero */
	int32		indices[FLEXIBLE_ARRAY_MEMBER]; /* int32[nnz], 0-based, ascending */
	/* float32[nnz] values follow, none of them zero */
} GvSparsevec;

static inline Size
gv_sparsevec_size(int nnz)
{
	return offsetof(GvSparsevec, indices) +
		(Size) nnz * (sizeof(int32) + sizeof(float));
}

static inline float *
gv_sparsevec_values(GvSparsevec *v)
{
	return (float *) (v->indices + v->nnz);
}

static inline const float *
gv_sparsevec_const_values(const GvSparsevec *v)
{
	return (const float *) (v->indices + v->nnz);
}

static inline GvSparsevec *
gv_datum_get_sparsevec(Datum d)
{
	return (GvSparsevec *) PG_DETOAST_DATUM(d);
}

#define GV_GETARG_SPARSEVEC(n) gv_datum_get_sparsevec(PG_GETARG_DATUM(n))

extern GvSparsevec *gv_type_new_sparsevec(int dim, int nnz);

extern bool gv_type_check_sparsevec_dim(int32 dim, int32 typmod,
										struct Node *escontext);
extern bool gv_type_check_sparsevec_element(int32 index, float value,
											struct Node *escontext);
extern void gv_type_refuse_sparsevec_nnz(void);

/*
 * Distances of two vectors of equal dim; the caller has checked that.  Sums are
 * float32 and taken in the order of the indices; overflow gives infinity.
 */
extern float gv_type_compute_sparsevec_l2_squared(const GvSparsevec *a, const GvSparsevec *b);
extern float gv_type_compute_sparsevec_inner_product(const GvSparsevec *a, const GvSparsevec *b);
extern float gv_type_compute_sparsevec_l1(const GvSparsevec *a, const GvSparsevec *b);
extern double gv_type_compute_sparsevec_cosine(const GvSparsevec *a, const GvSparsevec *b);
extern double gv_type_compute_sparsevec_norm(const GvSparsevec *v);

extern int	gv_type_compare_sparsevec(const GvSparsevec *a, const GvSparsevec *b);

#endif							/* GV_TYPE_SPARSEVEC_H */
