/*-------------------------------------------------------------------------
 *
 * sparsevec_probe.c
 *		Distances of one sparsevec to many.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "type/sparsevec_probe.h"

/* Buckets for each element, a power of two in all; and times that at most */
#define BUCKETS_PER_ELEMENT 1.5
#define MAX_DOUBLINGS 1
#define MIN_BITS 4

/* Two buckets are a cache line */
#define BUCKET_ALIGN 64

/* Multipliers that are tried before the table is doubled; one nearly always will do */
#define TRIES 2

static inline uint32
bucket_of(const GvSparseProbe *probe, uint32 index)
{
	return (index * probe->multiplier) >> (32 - probe->bits);
}

/* Put all elements into the table; false if one finds its bucket full */
static bool
fill_table(GvSparseProbe *probe)
{
	const GvSparsevec *vector = probe->vector;
	const float *values = gv_sparsevec_const_values(vector);

	memset(probe->bucket, 0, sizeof(GvSparseBucket) << probe->bits);
	for (int i = 0; i < vector->nnz; i++)
	{
		GvSparseBucket *bucket = &probe->bucket[bucket_of(probe, vector->indices[i])];
		int			place = 0;

		while (place < GV_SPARSE_BUCKET && bucket->tag[place] != 0)
			place++;
		if (place == GV_SPARSE_BUCKET)
			return false;
		bucket->tag[place] = (uint32) vector->indices[i] + 1;
		memcpy((char *) &bucket->value_bits + place * sizeof(float), &values[i], sizeof(float));
	}
	return true;
}

/*
 * gv_sparse_probe_init
 *		Prepare a probe; its memory comes from a context.
 */
void
gv_sparse_probe_init(GvSparseProbe *probe, MemoryContext context)
{
	memset(probe, 0, sizeof(GvSparseProbe));
	probe->context = context;
}

/*
 * gv_sparse_probe_set
 *		Let the probe be that of a vector, which has to stay where it is.
 */
void
gv_sparse_probe_set(GvSparseProbe *probe, const GvSparsevec *vector)
{
	const float *values = gv_sparsevec_const_values(vector);
	int			bits = MIN_BITS;

	probe->vector = vector;
	probe->norm2 = 0;
	probe->norm1 = 0;
	for (int i = 0; i < vector->nnz; i++)
	{
		probe->norm2 += (double) values[i] * values[i];
		probe->norm1 += fabs((double) values[i]);
	}

	while ((1 << bits) < BUCKETS_PER_ELEMENT * vector->nnz)
		bits++;
	probe->multiplier = 0x9E3779B1u;
	for (probe->bits = bits; probe->bits <= bits + MAX_DOUBLINGS; probe->bits++)
	{
		if (probe->bits > probe->max_bits)
		{
			if (probe->area)
				pfree(probe->area);
			probe->area = NULL;
			probe->area = MemoryContextAlloc(probe->context, BUCKET_ALIGN +
											 (sizeof(GvSparseBucket) << probe->bits));
			probe->bucket = (GvSparseBucket *) TYPEALIGN(BUCKET_ALIGN, probe->area);
			probe->max_bits = probe->bits;
		}
		for (int i = 0; i < TRIES; i++)
		{
			if (fill_table(probe))
				return;
			/* any odd number that has little to do with the one before */
			probe->multiplier = probe->multiplier * 0x2C1B3C6Du | 1;
		}
	}
	probe->bits = 0;
}

/* The value of the vector at an index: at most one tag is equal */
static inline float
look_up(const GvSparseProbe *probe, uint32 index)
{
	const GvSparseBucket *bucket = &probe->bucket[bucket_of(probe, index)];
	GvSparseLanes found = (GvSparseLanes) (bucket->tag == index + 1) & bucket->value_bits;
	union
	{
		uint32		bits;
		float		value;
	}			value;

	value.bits = (found[0] | found[1]) | (found[2] | found[3]);
	return value.value;
}

/*
 * gv_sparse_probe_l2_squared, gv_sparse_probe_inner_product, gv_sparse_probe_l1
 *		Distances of a probe's vector to another.
 *
 * Sums are float64, so that what is taken off again loses nothing to speak of.
 */
double
gv_sparse_probe_l2_squared(const GvSparseProbe *probe, const GvSparsevec *other)
{
	const float *values = gv_sparsevec_const_values(other);
	double		sum = 0;
	double		met = 0;		/* what of norm2 the other has indices of */

	if (probe->bits == 0)
		return gv_type_compute_sparsevec_l2_squared(probe->vector, other);
	for (int i = 0; i < other->nnz; i++)
	{
		double		value = look_up(probe, other->indices[i]);

		sum += (value - values[i]) * (value - values[i]);
		met += value * value;
	}
	return sum + Max(probe->norm2 - met, 0);
}

double
gv_sparse_probe_inner_product(const GvSparseProbe *probe, const GvSparsevec *other)
{
	const float *values = gv_sparsevec_const_values(other);
	double		sum = 0;

	if (probe->bits == 0)
		return gv_type_compute_sparsevec_inner_product(probe->vector, other);
	for (int i = 0; i < other->nnz; i++)
		sum += (double) look_up(probe, other->indices[i]) * values[i];
	return sum;
}

double
gv_sparse_probe_l1(const GvSparseProbe *probe, const GvSparsevec *other)
{
	const float *values = gv_sparsevec_const_values(other);
	double		sum = 0;
	double		met = 0;

	if (probe->bits == 0)
		return gv_type_compute_sparsevec_l1(probe->vector, other);
	for (int i = 0; i < other->nnz; i++)
	{
		double		value = look_up(probe, other->indices[i]);

		sum += fabs(value - values[i]);
		met += fabs(value);
	}
	return sum + Max(probe->norm1 - met, 0);
}

/*
 * gv_sparse_probe_cosine
 *		Cosine of the angle between a probe's vector and another; NaN if one of
 *		them is zero.
 */
double
gv_sparse_probe_cosine(const GvSparseProbe *probe, const GvSparsevec *other)
{
	const float *values = gv_sparsevec_const_values(other);
	double		sum = 0;
	double		norm2 = 0;

	if (probe->bits == 0)
		return 1 - gv_type_compute_sparsevec_cosine(probe->vector, other);
	for (int i = 0; i < other->nnz; i++)
	{
		sum += (double) look_up(probe, other->indices[i]) * values[i];
		norm2 += (double) values[i] * values[i];
	}
	return sum / sqrt(probe->norm2 * norm2);
}
