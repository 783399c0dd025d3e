/*-------------------------------------------------------------------------
 *
 * sparsevec_panel.h
 *		Inner products of sixteen sparsevecs with many others.
 *
 * For each index that one of them has, the values of all sixteen lie side by
 * side; a hash table tells where.  So an element of another vector is looked up
 * once for all of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_TYPE_SPARSEVEC_PANEL_H
#define GV_TYPE_SPARSEVEC_PANEL_H

#include "postgres.h"

#include "distance/distance.h"
#include "type/sparsevec_probe.h"

/* The most elements of all vectors together: half a megabyte of values */
#define GV_SPARSE_PANEL_MAX_ELEMENTS 8192

/* The columns of a bucket's indices, as in GvSparseBucket */
typedef struct GvSparseColumns
{
	GvSparseLanes tag;			/* index plus one; zero: empty */
	GvSparseLanes column;		/* number of the column plus one */
} GvSparseColumns;

typedef struct GvSparsePanel
{
	MemoryContext context;
	char	   *area;			/* in which all lies, aligned */
	Size		area_size;
	GvSparseColumns *bucket;	/* GvSparseColumns[2^bits] */
	float	   *columns;		/* float[n_columns][GV_PANEL_ROWS] */
	int			bits;
	uint32		n_columns;
} GvSparsePanel;

extern void gv_sparse_panel_init(GvSparsePanel *panel, MemoryContext context);
extern bool gv_sparse_panel_fill(GvSparsePanel *panel, const GvSparsevec *const *vectors, int n);
extern void gv_sparse_panel_products(const GvSparsePanel *panel, const GvSparsevec *other,
									 double *products);

#endif							/* GV_TYPE_SPARSEVEC_PANEL_H */
