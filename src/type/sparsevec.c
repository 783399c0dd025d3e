/*-------------------------------------------------------------------------
 *
 * sparsevec.c
 *		Make, check, compare and normalize values of type sparsevec.
 *
 * A sparsevec orders as the dense vector it stands for: element by element
 * from the first, absent elements counting as zero, then by the number of
 * dimensions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/float.h"

#include "base/compat.h"
#include "type/sparsevec.h"

GV_FUNCTION(gv_type_sparsevec_lt);
GV_FUNCTION(gv_type_sparsevec_le);
GV_FUNCTION(gv_type_sparsevec_eq);
GV_FUNCTION(gv_type_sparsevec_ne);
GV_FUNCTION(gv_type_sparsevec_ge);
GV_FUNCTION(gv_type_sparsevec_gt);
GV_FUNCTION(gv_type_sparsevec_cmp);
GV_FUNCTION(gv_type_sparsevec_l2_norm);
GV_FUNCTION(gv_type_sparsevec_l2_normalize);

/*
 * gv_type_new_sparsevec
 *		Allocate a sparsevec with nnz elements, all bytes of them zero.
 *
 * dim: 1..GV_SPARSEVEC_MAX_DIM
 * nnz: 0..GV_SPARSEVEC_MAX_NNZ
 *
 * The caller has checked both, and fills in the indices and values.  The
 * memory belongs to the current context.
 */
GvSparsevec *
gv_type_new_sparsevec(int dim, int nnz)
{
	Size		size = gv_sparsevec_size(nnz);
	GvSparsevec *result = (GvSparsevec *) palloc0(size);

	Assert(dim >= 1 && dim <= GV_SPARSEVEC_MAX_DIM);
	Assert(nnz >= 0 && nnz <= GV_SPARSEVEC_MAX_NNZ);
	SET_VARSIZE(result, size);
	result->dim = dim;
	result->nnz = nnz;
	return result;
}

/*
 * gv_type_check_sparsevec_dim
 *		Check a number of dimensions against the limits and a type modifier.
 *
 * typmod: the number of dimensions asked for, or -1 for any
 *
 * Errors: 22000 fewer than one or not what typmod asks for, 54000 too many.
 * Returns false when the error was saved in escontext.
 */
bool
gv_type_check_sparsevec_dim(int32 dim, int32 typmod, struct Node *escontext)
{
	return gv_type_check_dim(dim, "sparsevec", GV_SPARSEVEC_MAX_DIM, escontext) &&
		gv_type_check_typmod(typmod, dim, "sparsevec", escontext);
}

/*
 * gv_type_check_sparsevec_element
 *		Check that an element is finite.
 *
 * index: as text has it, from 1; may be any number that a text gives
 *
 * Errors: 22000.  Returns false when the error was saved in escontext.
 */
bool
gv_type_check_sparsevec_element(int32 index, float value, struct Node *escontext)
{
	if (unlikely(isnan(value)))
		ereturn(escontext, false,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("NaN not allowed in %s", "sparsevec"),
				 errdetail("The element with index %d is NaN.", index)));
	if (unlikely(isinf(value)))
		ereturn(escontext, false,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("infinite value not allowed in %s", "sparsevec"),
				 errdetail("The element with index %d is infinite.", index)));
	return true;
}

/*
 * gv_type_refuse_sparsevec_nnz
 *		Report more non-zero elements than a sparsevec can have.
 *
 * Errors: 54000.
 */
void
gv_type_refuse_sparsevec_nnz(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("%s cannot have more than %d non-zero elements",
					"sparsevec", GV_SPARSEVEC_MAX_NNZ)));
}

/*
 * gv_type_compare_sparsevec
 *		Compare two sparsevecs of any dimensions: -1, 0 or 1.
 */
int
gv_type_compare_sparsevec(const GvSparsevec *a, const GvSparsevec *b)
{
	const float *avalues = gv_sparsevec_const_values(a);
	const float *bvalues = gv_sparsevec_const_values(b);
	int			common = Min(a->nnz, b->nnz);

	for (int i = 0; i < common; i++)
	{
		int32		aindex = a->indices[i];
		int32		bindex = b->indices[i];

		/*
		 * The smaller index meets a zero of the other vector, which is long
		 * enough to have one there, since it has an element further on.
		 */
		if (aindex < bindex)
			return avalues[i] < 0 ? -1 : 1;
		if (aindex > bindex)
			return bvalues[i] < 0 ? 1 : -1;
		if (avalues[i] != bvalues[i])
			return avalues[i] < bvalues[i] ? -1 : 1;
	}

	if (common < b->nnz && b->indices[common] < a->dim)
		return bvalues[common] < 0 ? 1 : -1;
	if (common < a->nnz && a->indices[common] < b->dim)
		return avalues[common] < 0 ? -1 : 1;

	if (a->dim != b->dim)
		return a->dim < b->dim ? -1 : 1;
	return 0;
}

/*
 * Compare the two arguments of a function and free what was detoasted: btree
 * calls comparison functions without resetting memory between the calls.
 */
static int
compare_arguments(FunctionCallInfo fcinfo)
{
	GvSparsevec *a = GV_GETARG_SPARSEVEC(0);
	GvSparsevec *b = GV_GETARG_SPARSEVEC(1);
	int			result = gv_type_compare_sparsevec(a, b);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return result;
}

/*
 * sparsevec_lt(sparsevec, sparsevec) returns bool
 */
Datum
gv_type_sparsevec_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) < 0);
}

/*
 * sparsevec_le(sparsevec, sparsevec) returns bool
 */
Datum
gv_type_sparsevec_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) <= 0);
}

/*
 * sparsevec_eq(sparsevec, sparsevec) returns bool
 */
Datum
gv_type_sparsevec_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) == 0);
}

/*
 * sparsevec_ne(sparsevec, sparsevec) returns bool
 */
Datum
gv_type_sparsevec_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) != 0);
}

/*
 * sparsevec_ge(sparsevec, sparsevec) returns bool
 */
Datum
gv_type_sparsevec_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) >= 0);
}

/*
 * sparsevec_gt(sparsevec, sparsevec) returns bool
 */
Datum
gv_type_sparsevec_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare_arguments(fcinfo) > 0);
}

/*
 * sparsevec_cmp(sparsevec, sparsevec) returns integer
 */
Datum
gv_type_sparsevec_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare_arguments(fcinfo));
}

/*
 * gv_type_compute_sparsevec_norm
 *		Euclidean norm, summed in double so that no float32 can overflow it.
 */
double
gv_type_compute_sparsevec_norm(const GvSparsevec *v)
{
	return sqrt(gv_type_sum_squares(gv_sparsevec_const_values(v), v->nnz));
}

/*
 * l2_norm(sparsevec) returns double precision
 */
Datum
gv_type_sparsevec_l2_norm(PG_FUNCTION_ARGS)
{
	GvSparsevec *v = GV_GETARG_SPARSEVEC(0);
	double		norm = gv_type_compute_sparsevec_norm(v);

	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_FLOAT8(norm);
}

/*
 * l2_normalize(sparsevec) returns sparsevec
 *
 * Elements that become too small for a float32 are dropped, as no element may
 * be zero.  A vector without elements stays as it is.
 */
Datum
gv_type_sparsevec_l2_normalize(PG_FUNCTION_ARGS)
{
	GvSparsevec *v = GV_GETARG_SPARSEVEC(0);
	const float *values = gv_sparsevec_const_values(v);
	double		norm = gv_type_compute_sparsevec_norm(v);
	GvSparsevec *result;
	float	   *result_values;
	int			nnz = 0;
	int			n = 0;

	for (int i = 0; i < v->nnz; i++)
		nnz += ((float) (values[i] / norm) != 0);

	result = gv_type_new_sparsevec(v->dim, nnz);
	result_values = gv_sparsevec_values(result);
	for (int i = 0; i < v->nnz; i++)
	{
		float		value = (float) (values[i] / norm);

		if (value == 0)
			continue;
		/* a quotient is at most 1, up to rounding */
		if (unlikely(!isfinite(value)))
			float_overflow_error();
		result->indices[n] = v->indices[i];
		result_values[n] = value;
		n++;
	}

	PG_FREE_IF_COPY(v, 0);
	PG_RETURN_POINTER(result);
}
