/*-------------------------------------------------------------------------
 *
 * opclass.h
 *		What an operator class says of its column: element type and metric.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_OPCLASS_H
#define GV_AM_OPCLASS_H

#include "postgres.h"

#include <math.h>

#include "utils/rel.h"

/* The number of the support function that describes the operator class */
#define GV_AM_OPCLASS_PROC 1

/* The strategy of the operator "in a ball", if the access method has it */
#define GV_AM_OPCLASS_WITHIN 8

/* Likewise of the operator "in a box" */
#define GV_AM_OPCLASS_IN_BOX 9

/* Stored in metapages: never renumber */
typedef enum GvAmMetric
{
	GV_AM_METRIC_L2 = 1,
	GV_AM_METRIC_INNER_PRODUCT,
	GV_AM_METRIC_COSINE,
	GV_AM_METRIC_L1,
	GV_AM_METRIC_HAMMING,
	GV_AM_METRIC_JACCARD,
	GV_AM_METRIC_LINF
} GvAmMetric;

/* Stored in metapages: never renumber */
typedef enum GvAmElement
{
	GV_AM_ELEMENT_FLOAT = 1,	/* vector */
	GV_AM_ELEMENT_HALF,			/* halfvec */
	GV_AM_ELEMENT_SPARSE,		/* sparsevec */
	GV_AM_ELEMENT_BIT			/* bit */
} GvAmElement;

typedef struct GvAmOpclass
{
	GvAmElement element;
	GvAmMetric	metric;
} GvAmOpclass;

/*
 * 1 - cosine; infinity if a vector has no direction, so that it comes last:
 * NaN would, but with the wrong sign it comes first
 */
static inline double
gv_am_cosine_key(double similarity)
{
	if (isnan(similarity))
		return INFINITY;
	if (similarity > 1)
		similarity = 1;
	else if (similarity < -1)
		similarity = -1;
	return 1 - similarity;
}

extern const GvAmOpclass *gv_am_opclass(Relation index);
extern int	gv_am_value_dim(const GvAmOpclass *opclass, Datum value);
extern int	gv_am_max_dim(const GvAmOpclass *opclass);
extern void gv_am_value_to_floats(const GvAmOpclass *opclass, Datum value, float *out);
extern double gv_am_exact_key(const GvAmOpclass *opclass, Datum a, Datum b);
extern uint64 gv_am_value_hash(Datum value);
extern bool gv_am_values_equal(Datum a, Datum b);
extern Datum gv_am_zero_value(const GvAmOpclass *opclass, int dim);
extern int	gv_am_column_dim(Relation index);
extern void gv_am_check_dim(const GvAmOpclass *opclass, Datum value, int dim);
extern void gv_am_check_query_dim(const GvAmOpclass *opclass, int query_dim, int dim);

#endif							/* GV_AM_OPCLASS_H */
