/*-------------------------------------------------------------------------
 *
 * fine.h
 *		Fine codes: what tells more of a row than its one-bit code.
 *
 * They lie on pages of their own, as vectors do, and are read for the rows
 * whose one-bit codes do not rule them out.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_IVF_FINE_H
#define GV_IVF_FINE_H

#include "postgres.h"

#include "ivf/layout.h"
#include "quant/extra.h"
#include "quant/rabitq.h"
#include "quant/sq8.h"

/* The head of a fine code of bytes; int8[padded_dim] follow */
typedef struct GvIvfByteFactors
{
	GvSq8Factors sq8;
	float		add;			/* 2 scale <p, code>, with p the centroid */
	float		key_bias;		/* added to all squared distances of the row */
} GvIvfByteFactors;

/* The head of a fine code in planes; those of further bits follow */
typedef GvExtraFactors GvIvfPlaneFactors;

/* What estimates need of a query */
typedef struct GvIvfFineQuery
{
	const float *z;				/* float[padded_dim] */
	float		norm2;			/* its square */
	float		sum;			/* of the elements in codes */
	float		sign_error;		/* deviation of products with signs by the query's table */
} GvIvfFineQuery;

/* Bytes of a fine code */
static inline int
gv_ivf_fine_bytes(const GvIvfLayout *layout)
{
	if (layout->row_kind == GV_IVF_ROWS_PLANES)
		return sizeof(GvIvfPlaneFactors) + gv_extra_bytes(layout->code_dims, layout->extra_bits);
	return sizeof(GvIvfByteFactors) + layout->padded_dim;
}

/* Bytes of memory that gv_ivf_fine_encode needs */
static inline Size
gv_ivf_fine_scratch_bytes(const GvIvfLayout *layout)
{
	return layout->code_dims * sizeof(float) +
		gv_extra_bytes(layout->code_dims, layout->extra_bits + 1);
}

extern void gv_ivf_fine_encode(const GvIvfLayout *layout, const float *z, const float *p,
							   float key_bias, char *fine, void *scratch);
extern void gv_ivf_fine_prepare(GvIvfFineQuery *fine_query, const GvIvfLayout *layout,
								const float *z, const GvRabitqQuery *query);
extern float gv_ivf_fine_lower(const GvIvfLayout *layout, const GvIvfFineQuery *query,
							   const char *fine, float base, float sign_product);
extern bool gv_ivf_fine_is_number(const GvIvfLayout *layout, const char *fine);
extern bool gv_ivf_fine_is_right(const GvIvfLayout *layout, const char *fine, const uint8 *signs,
								 const float *z, const float *p, float key_bias);

#endif							/* GV_IVF_FINE_H */
