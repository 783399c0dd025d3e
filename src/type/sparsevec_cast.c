/*-------------------------------------------------------------------------
 *
 * sparsevec_cast.c
 *		Casts to and from type sparsevec.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "distance/distance.h"
#include "type/halfvec.h"
#include "type/sparsevec.h"
#include "type/vector.h"

GV_FUNCTION(gv_type_sparsevec);
GV_FUNCTION(gv_type_vector_to_sparsevec);
GV_FUNCTION(gv_type_halfvec_to_sparsevec);
GV_FUNCTION(gv_type_sparsevec_to_vector);
GV_FUNCTION(gv_type_sparsevec_to_halfvec);
GV_FUNCTION(gv_type_array_to_sparsevec);

/* Elements of an array converted between two checks for interrupts */
#define ARRAY_BATCH 1024

/*
 * sparsevec(sparsevec, integer, boolean) returns sparsevec
 *
 * Checks the type modifier.
 */
Datum
gv_type_sparsevec(PG_FUNCTION_ARGS)
{
	GvSparsevec *v = GV_GETARG_SPARSEVEC(0);

	(void) gv_type_check_sparsevec_dim(v->dim, PG_GETARG_INT32(1), NULL);
	PG_RETURN_POINTER(v);
}

/*
 * Make a sparsevec of the elements of x that are not zero.
 *
 * x: float32[dim]
 */
static GvSparsevec *
make_from_floats(const float *x, int dim)
{
	GvSparsevec *result;
	float	   *values;
	int			nnz = 0;
	int			n = 0;

	for (int i = 0; i < dim; i++)
		nnz += (x[i] != 0);
	/* a dense type has no more dimensions than a sparsevec has elements */
	Assert(nnz <= GV_SPARSEVEC_MAX_NNZ);

	result = gv_type_new_sparsevec(dim, nnz);
	values = gv_sparsevec_values(result);
	for (int i = 0; i < dim; i++)
	{
		if (x[i] == 0)
			continue;
		result->indices[n] = i;
		values[n] = x[i];
		n++;
	}
	return result;
}

/*
 * vector_to_sparsevec(vector, integer, boolean) returns sparsevec
 */
Datum
gv_type_vector_to_sparsevec(PG_FUNCTION_ARGS)
{
	GvVector   *v = GV_GETARG_VECTOR(0);

	(void) gv_type_check_sparsevec_dim(v->dim, PG_GETARG_INT32(1), NULL);
	PG_RETURN_POINTER(make_from_floats(v->x, v->dim));
}

/*
 * halfvec_to_sparsevec(halfvec, integer, boolean) returns sparsevec
 */
Datum
gv_type_halfvec_to_sparsevec(PG_FUNCTION_ARGS)
{
	GvHalfvec  *v = GV_GETARG_HALFVEC(0);
	GvSparsevec *result;
	float	   *x;

	(void) gv_type_check_sparsevec_dim(v->dim, PG_GETARG_INT32(1), NULL);
	x = (float *) palloc(sizeof(float) * v->dim);
	gv_kernels->f16_to_f32(v->x, x, v->dim);
	result = make_from_floats(x, v->dim);
	pfree(x);
	PG_RETURN_POINTER(result);
}

/*
 * Check that a sparsevec can become a value of a dense type.
 */
static void
check_dense_dim(const GvSparsevec *v, const char *type, int max_dim, int32 typmod)
{
	(void) gv_type_check_dim(v->dim, type, max_dim, NULL);
	(void) gv_type_check_typmod(typmod, v->dim, type, NULL);

	/* indices ascend, so the ends bound them; nothing but damage breaks this */
	if (v->nnz > 0 &&
		(v->indices[0] < 0 || v->indices[v->nnz - 1] >= v->dim))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("sparsevec index out of bounds")));
}

/*
 * sparsevec_to_vector(sparsevec, integer, boolean) returns vector
 */
Datum
gv_type_sparsevec_to_vector(PG_FUNCTION_ARGS)
{
	GvSparsevec *v = GV_GETARG_SPARSEVEC(0);
	const float *values = gv_sparsevec_const_values(v);
	GvVector   *result;

	check_dense_dim(v, "vector", GV_VECTOR_MAX_DIM, PG_GETARG_INT32(1));
	result = gv_type_new_vector(v->dim);
	for (int i = 0; i < v->nnz; i++)
		result->x[v->indices[i]] = values[i];
	PG_RETURN_POINTER(result);
}

/*
 * sparsevec_to_halfvec(sparsevec, integer, boolean) returns halfvec
 */
Datum
gv_type_sparsevec_to_halfvec(PG_FUNCTION_ARGS)
{
	GvSparsevec *v = GV_GETARG_SPARSEVEC(0);
	const float *values = gv_sparsevec_const_values(v);
	GvHalfvec  *result;
	GvHalf	   *halves;

	check_dense_dim(v, "halfvec", GV_HALFVEC_MAX_DIM, PG_GETARG_INT32(1));
	result = gv_type_new_halfvec(v->dim);
	halves = (GvHalf *) palloc(sizeof(GvHalf) * Max(v->nnz, 1));
	gv_kernels->f32_to_f16(values, halves, v->nnz);
	for (int i = 0; i < v->nnz; i++)
	{
		/* exponent bits all set: the value was finite, so it overflowed */
		if ((halves[i] & 0x7C00) == 0x7C00)
			(void) gv_type_refuse_range(values[i], "halfvec", NULL);
		result->x[v->indices[i]] = halves[i];
	}
	pfree(halves);
	PG_RETURN_POINTER(result);
}

/*
 * Where array_to_sparsevec stands in an array of numerics.
 */
typedef struct NumericReader
{
	char	   *next;			/* the next element */
	MemoryContext scratch;		/* reset after each batch */
} NumericReader;

/*
 * Convert the next n numerics of an array.
 *
 * out: float32[n], written
 *
 * Raises ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE for what a float32 cannot hold.
 */
static void
read_numerics(NumericReader *reader, float *out, int n)
{
	MemoryContext caller = MemoryContextSwitchTo(reader->scratch);

	for (int i = 0; i < n; i++)
	{
		reader->next = (char *) att_align_pointer(reader->next, TYPALIGN_INT, -1, reader->next);
		out[i] = DatumGetFloat4(DirectFunctionCall1(numeric_float4,
													PointerGetDatum(reader->next)));
		reader->next += VARSIZE_ANY(reader->next);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextReset(reader->scratch);
}

/*
 * Read elements first to first + n - 1 of an array without nulls as float32.
 * What does not fit becomes infinite, except for numerics, where it is an
 * error as in the cast to real.
 *
 * out: float32[n], written
 */
static void
read_array(ArrayType *array, NumericReader *numerics, int first, int n, float *out)
{
	char	   *data = ARR_DATA_PTR(array);

	switch (ARR_ELEMTYPE(array))
	{
		case INT4OID:
			for (int i = 0; i < n; i++)
				out[i] = (float) ((int32 *) data)[first + i];
			break;
		case FLOAT4OID:
			memcpy(out, data + sizeof(float) * first, sizeof(float) * n);
			break;
		case FLOAT8OID:
			for (int i = 0; i < n; i++)
				out[i] = (float) ((double *) data)[first + i];
			break;
		case NUMERICOID:
			read_numerics(numerics, out, n);
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("cannot convert an array of type %s to type %s",
							format_type_be(ARR_ELEMTYPE(array)), "sparsevec")));
	}
}

/*
 * array_to_sparsevec(array, integer, boolean) returns sparsevec
 *
 * The array is read in batches, so memory depends on the number of non-zero
 * elements and not on its length.
 */
Datum
gv_type_array_to_sparsevec(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int			dim = gv_type_check_array(array, "sparsevec", GV_SPARSEVEC_MAX_DIM);
	int			capacity = Min(dim, GV_SPARSEVEC_MAX_NNZ);
	NumericReader numerics = {ARR_DATA_PTR(array), NULL};
	int32	   *indices;
	float	   *values;
	int			nnz = 0;
	GvSparsevec *result;

	(void) gv_type_check_typmod(PG_GETARG_INT32(1), dim, "sparsevec", NULL);

	if (ARR_ELEMTYPE(array) == NUMERICOID)
		numerics.scratch = AllocSetContextCreate(CurrentMemoryContext,
												 "sparsevec numerics",
												 ALLOCSET_SMALL_SIZES);
	indices = (int32 *) palloc(sizeof(int32) * capacity);
	values = (float *) palloc(sizeof(float) * capacity);
	for (int first = 0; first < dim; first += ARRAY_BATCH)
	{
		float		batch[ARRAY_BATCH];
		int			n = Min(dim - first, ARRAY_BATCH);

		CHECK_FOR_INTERRUPTS();
		read_array(array, &numerics, first, n, batch);
		for (int i = 0; i < n; i++)
		{
			if (batch[i] == 0)
				continue;
			if (nnz >= GV_SPARSEVEC_MAX_NNZ)
				gv_type_refuse_sparsevec_nnz();
			indices[nnz] = first + i;
			values[nnz] = batch[i];
			nnz++;
		}
	}
	for (int i = 0; i < nnz; i++)
		(void) gv_type_check_sparsevec_element(indices[i] + 1, values[i], NULL);

	result = gv_type_new_sparsevec(dim, nnz);
	memcpy(result->indices, indices, sizeof(int32) * nnz);
	memcpy(gv_sparsevec_values(result), values, sizeof(float) * nnz);
	pfree(indices);
	pfree(values);
	if (numerics.scratch != NULL)
		MemoryContextDelete(numerics.scratch);
	PG_RETURN_POINTER(result);
}
