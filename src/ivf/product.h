/*-------------------------------------------------------------------------
 *
 * product.h
 *		Codes of a product quantizer, and bounds by them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_IVF_PRODUCT_H
#define GV_IVF_PRODUCT_H

#include "postgres.h"

#include "ivf/code.h"
#include "ivf/index.h"
#include "quant/pq.h"

/* A point and its centroid as the product quantizer sees them, and its code: room to work in */
typedef struct GvIvfProductScratch
{
	float	   *z;				/* float[padded_dim] */
	float	   *p;				/* float[padded_dim] */
	float	   *turned;			/* float[2][gv_ivf_turned_dim], or NULL */
	float	   *y;				/* float[pq.dim] */
	uint8	   *numbers;		/* uint8[pq.m] */
} GvIvfProductScratch;

/* What estimates need of a query */
typedef struct GvIvfProductQuery
{
	float	   *table;			/* float[m][entries]; NULL: nothing is known of rows but lengths */
	float		table_error;	/* what FastScan's table may be off by */
} GvIvfProductQuery;

/* Floats of a rotated point */
static inline int
gv_ivf_turned_dim(const GvIvfLayout *layout)
{
	return TYPEALIGN(GV_PRODUCTS_PANEL, layout->pq.dim);
}

extern Size gv_ivf_codebook_bytes(const GvIvfLayout *layout);
extern Size gv_ivf_codebook_room(const GvIvfLayout *layout);
extern bool gv_ivf_codebook_prepare(GvIvfCodebook *codebook, const GvIvfLayout *layout,
									const char *bytes, char *room);
extern char *gv_ivf_codebook_copy(GvIvfIndex *index);
extern void gv_ivf_codebook_read(GvIvfIndex *index, GvIvfCodebook *codebook, char *room);
extern void gv_ivf_product_scratch_init(GvIvfProductScratch *scratch, const GvIvfLayout *layout);
extern void gv_ivf_product_encode(const GvIvfCodebook *codebook, const GvIvfLayout *layout,
								  const float *rotation, const float *z, const float *p,
								  float key_bias, GvIvfProductScratch *scratch, uint8 *code,
								  GvIvfFactors *factors);
extern bool gv_ivf_product_is_right(const GvIvfCodebook *codebook, const GvIvfLayout *layout,
									const float *rotation, const float *z, const float *p,
									float key_bias, const uint8 *code, GvIvfFactors *factors);
extern void gv_ivf_product_prepare(GvIvfProductQuery *product, GvRabitqQuery *query,
								   const GvIvfCodebook *codebook, const GvIvfLayout *layout,
								   const float *rotation, const float *z);
extern void gv_ivf_product_estimate(const GvIvfLayout *layout, const GvIvfProductQuery *product,
									const GvRabitqQuery *query, const uint8 *codes, int n,
									const GvHalf *add, const GvHalf *rescale,
									const GvHalf *error, float base, GvIvfEstimates *out);

#endif							/* GV_IVF_PRODUCT_H */
