/*-------------------------------------------------------------------------
 *
 * sparsevec_probe.h
 *		Distances of one sparsevec to many.
 *
 * Its elements go into a hash table without chains, where those of another
 * vector are looked up: a step for each element, where a merge of both lists
 * has one for each element of either, with a hardly predictable branch.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_TYPE_SPARSEVEC_PROBE_H
#define GV_TYPE_SPARSEVEC_PROBE_H

#include "postgres.h"

#include "type/sparsevec.h"

/* Places for elements of the same hash, compared side by side */
#define GV_SPARSE_BUCKET 4

typedef uint32 GvSparseLanes __attribute__((vector_size(GV_SPARSE_BUCKET * sizeof(uint32))));

typedef struct GvSparseBucket
{
	GvSparseLanes tag;			/* index plus one; zero: empty */
	GvSparseLanes value_bits;	/* of floats */
} GvSparseBucket;

typedef struct GvSparseProbe
{
	const GvSparsevec *vector;
	MemoryContext context;		/* of the table */
	char	   *area;			/* in which the table lies, aligned */
	GvSparseBucket *bucket;		/* GvSparseBucket[2^max_bits] */
	int			max_bits;
	int			bits;			/* 2^bits buckets are in use; 0: no table, some element found
								 * no place */
	uint32		multiplier;		/* of the hash */
	double		norm2;			/* of the vector: sum of squares */
	double		norm1;			/* sum of magnitudes */
} GvSparseProbe;

extern void gv_sparse_probe_init(GvSparseProbe *probe, MemoryContext context);
extern void gv_sparse_probe_set(GvSparseProbe *probe, const GvSparsevec *vector);
extern double gv_sparse_probe_l2_squared(const GvSparseProbe *probe, const GvSparsevec *other);
extern double gv_sparse_probe_inner_product(const GvSparseProbe *probe, const GvSparsevec *other);
extern double gv_sparse_probe_l1(const GvSparseProbe *probe, const GvSparsevec *other);
extern double gv_sparse_probe_cosine(const GvSparseProbe *probe, const GvSparsevec *other);

#endif							/* GV_TYPE_SPARSEVEC_PROBE_H */
