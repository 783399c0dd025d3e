/*-------------------------------------------------------------------------
 *
 * opclass.c
 *		What an operator class says of its column: element type and metric.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/genam.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/lsyscache.h"
#include "utils/varbit.h"

#include "am/opclass.h"
#include "am/probe.h"
#include "base/compat.h"
#include "distance/distance.h"
#include "type/dense.h"
#include "type/halfvec.h"
#include "type/sparsevec.h"
#include "type/vector.h"

#define GV_BIT_MAX_DIM 64000

/* Each operator class has a function of its own that returns its description */
#define DEFINE_OPCLASS(name, element_, metric_) \
	PGDLLEXPORT PG_FUNCTION_INFO_V1(gv_am_opclass_##name); \
	Datum \
	gv_am_opclass_##name(PG_FUNCTION_ARGS) \
	{ \
		static const GvAmOpclass opclass = {element_, metric_}; \
		PG_RETURN_POINTER(&opclass); \
	} \
	extern Datum gv_am_opclass_##name(PG_FUNCTION_ARGS)

DEFINE_OPCLASS(vector_l2, GV_AM_ELEMENT_FLOAT, GV_AM_METRIC_L2);
DEFINE_OPCLASS(vector_ip, GV_AM_ELEMENT_FLOAT, GV_AM_METRIC_INNER_PRODUCT);
DEFINE_OPCLASS(vector_cosine, GV_AM_ELEMENT_FLOAT, GV_AM_METRIC_COSINE);
DEFINE_OPCLASS(vector_l1, GV_AM_ELEMENT_FLOAT, GV_AM_METRIC_L1);
DEFINE_OPCLASS(vector_linf, GV_AM_ELEMENT_FLOAT, GV_AM_METRIC_LINF);
DEFINE_OPCLASS(halfvec_l2, GV_AM_ELEMENT_HALF, GV_AM_METRIC_L2);
DEFINE_OPCLASS(halfvec_ip, GV_AM_ELEMENT_HALF, GV_AM_METRIC_INNER_PRODUCT);
DEFINE_OPCLASS(halfvec_cosine, GV_AM_ELEMENT_HALF, GV_AM_METRIC_COSINE);
DEFINE_OPCLASS(halfvec_l1, GV_AM_ELEMENT_HALF, GV_AM_METRIC_L1);
DEFINE_OPCLASS(halfvec_linf, GV_AM_ELEMENT_HALF, GV_AM_METRIC_LINF);
DEFINE_OPCLASS(sparsevec_l2, GV_AM_ELEMENT_SPARSE, GV_AM_METRIC_L2);
DEFINE_OPCLASS(sparsevec_ip, GV_AM_ELEMENT_SPARSE, GV_AM_METRIC_INNER_PRODUCT);
DEFINE_OPCLASS(sparsevec_cosine, GV_AM_ELEMENT_SPARSE, GV_AM_METRIC_COSINE);
DEFINE_OPCLASS(sparsevec_l1, GV_AM_ELEMENT_SPARSE, GV_AM_METRIC_L1);
DEFINE_OPCLASS(bit_hamming, GV_AM_ELEMENT_BIT, GV_AM_METRIC_HAMMING);
DEFINE_OPCLASS(bit_jaccard, GV_AM_ELEMENT_BIT, GV_AM_METRIC_JACCARD);

/*
 * gv_am_opclass
 *		Return the description of the operator class of an index's first column.
 */
const GvAmOpclass *
gv_am_opclass(Relation index)
{
	FmgrInfo   *proc = index_getprocinfo(index, 1, GV_AM_OPCLASS_PROC);

	return (const GvAmOpclass *)
		DatumGetPointer(FunctionCall1(proc, PointerGetDatum(NULL)));
}

/*
 * gv_am_value_dim
 *		Return the number of dimensions of a value (bits for bit).
 *
 * value: detoasted
 */
int
gv_am_value_dim(const GvAmOpclass *opclass, Datum value)
{
	switch (opclass->element)
	{
		case GV_AM_ELEMENT_FLOAT:
			return ((GvVector *) DatumGetPointer(value))->dim;
		case GV_AM_ELEMENT_HALF:
			return ((GvHalfvec *) DatumGetPointer(value))->dim;
		case GV_AM_ELEMENT_SPARSE:
			return ((GvSparsevec *) DatumGetPointer(value))->dim;
		case GV_AM_ELEMENT_BIT:
			return VARBITLEN((VarBit *) DatumGetPointer(value));
	}
	elog(ERROR, "unrecognized element type: %d", (int) opclass->element);
	return 0;
}

/*
 * gv_am_max_dim
 *		Return the most dimensions an index takes.
 */
int
gv_am_max_dim(const GvAmOpclass *opclass)
{
	switch (opclass->element)
	{
		case GV_AM_ELEMENT_FLOAT:
			return GV_VECTOR_MAX_DIM;
		case GV_AM_ELEMENT_HALF:
			return GV_HALFVEC_MAX_DIM;
		case GV_AM_ELEMENT_SPARSE:
			return GV_SPARSEVEC_MAX_DIM;
		case GV_AM_ELEMENT_BIT:
			return GV_BIT_MAX_DIM;
	}
	elog(ERROR, "unrecognized element type: %d", (int) opclass->element);
	return 0;
}

/*
 * gv_am_value_to_floats
 *		Widen a dense value to float32.
 *
 * value: detoasted vector or halfvec
 * out: float[dim of value], written
 */
void
gv_am_value_to_floats(const GvAmOpclass *opclass, Datum value, float *out)
{
	if (opclass->element == GV_AM_ELEMENT_FLOAT)
	{
		GvVector   *v = (GvVector *) DatumGetPointer(value);

		memcpy(out, v->x, sizeof(float) * v->dim);
	}
	else
	{
		GvHalfvec  *v = (GvHalfvec *) DatumGetPointer(value);

		Assert(opclass->element == GV_AM_ELEMENT_HALF);
		gv_kernels->f16_to_f32(v->x, out, v->dim);
	}
}

/* 1 - cosine from the three sums */
static inline double
cosine_from_sums(double ab, double aa, double bb)
{
	return gv_am_cosine_key(ab / sqrt(aa * bb));
}

/* Has a sum of squares lost nothing to the range of float32? */
static inline bool
is_in_range(float sum)
{
	return sum >= 1e-30f && sum <= FLT_MAX;
}

static double
float_key(GvAmMetric metric, const GvVector *a, const GvVector *b)
{
	float		sums[3];

	switch (metric)
	{
		case GV_AM_METRIC_L2:
			return gv_kernels->l2_squared_f32(a->x, b->x, a->dim);
		case GV_AM_METRIC_INNER_PRODUCT:
			return -gv_kernels->inner_product_f32(a->x, b->x, a->dim);
		case GV_AM_METRIC_COSINE:
			gv_kernels->cosine_f32(a->x, b->x, a->dim, sums);
			if (unlikely(!is_in_range(sums[1]) || !is_in_range(sums[2])))
				return gv_am_cosine_key(gv_type_cosine_similarity(a->x, b->x, a->dim));
			return cosine_from_sums(sums[0], sums[1], sums[2]);
		case GV_AM_METRIC_LINF:
			return gv_kernels->linf_f32(a->x, b->x, a->dim);
		default:
			return gv_kernels->l1_f32(a->x, b->x, a->dim);
	}
}

static double
half_key(GvAmMetric metric, const GvHalfvec *a, const GvHalfvec *b)
{
	float		sums[3];

	switch (metric)
	{
		case GV_AM_METRIC_L2:
			return gv_kernels->l2_squared_f16(a->x, b->x, a->dim);
		case GV_AM_METRIC_INNER_PRODUCT:
			return -gv_kernels->inner_product_f16(a->x, b->x, a->dim);
		case GV_AM_METRIC_COSINE:
			gv_kernels->cosine_f16(a->x, b->x, a->dim, sums);
			return cosine_from_sums(sums[0], sums[1], sums[2]);
		case GV_AM_METRIC_LINF:
			return gv_kernels->linf_f16(a->x, b->x, a->dim);
		default:
			return gv_kernels->l1_f16(a->x, b->x, a->dim);
	}
}

static double
sparse_key(GvAmMetric metric, const GvSparsevec *a, const GvSparsevec *b)
{
	switch (metric)
	{
		case GV_AM_METRIC_L2:
			return gv_type_compute_sparsevec_l2_squared(a, b);
		case GV_AM_METRIC_INNER_PRODUCT:
			return -gv_type_compute_sparsevec_inner_product(a, b);
		case GV_AM_METRIC_COSINE:
			return gv_am_cosine_key(1 - gv_type_compute_sparsevec_cosine(a, b));
		default:
			return gv_type_compute_sparsevec_l1(a, b);
	}
}

static double
bit_key(GvAmMetric metric, VarBit *a, VarBit *b)
{
	uint64_t	counts[3];
	uint64_t	either;

	if (metric == GV_AM_METRIC_HAMMING)
		return (double) gv_kernels->hamming(VARBITS(a), VARBITS(b), VARBITBYTES(a));

	gv_kernels->jaccard(VARBITS(a), VARBITS(b), VARBITBYTES(a), counts);
	either = counts[1] + counts[2] - counts[0];
	return counts[0] == 0 ? 1.0 : 1.0 - (double) counts[0] / (double) either;
}

/*
 * gv_am_exact_key
 *		Return the sort key of two values: smaller is nearer.
 *
 * a, b: detoasted, of the same dimensions
 *
 * Squared L2, negative inner product, 1 - cosine, L1, L-infinity, Hamming or
 * Jaccard distance, by the metric; as precise as what the operator returns, so
 * that an order by one is an order by the other.
 */
double
gv_am_exact_key(const GvAmOpclass *opclass, Datum a, Datum b)
{
	void	   *pa = DatumGetPointer(a);
	void	   *pb = DatumGetPointer(b);

	switch (opclass->element)
	{
		case GV_AM_ELEMENT_FLOAT:
			return float_key(opclass->metric, pa, pb);
		case GV_AM_ELEMENT_HALF:
			return half_key(opclass->metric, pa, pb);
		case GV_AM_ELEMENT_SPARSE:
			return sparse_key(opclass->metric, pa, pb);
		case GV_AM_ELEMENT_BIT:
			return bit_key(opclass->metric, pa, pb);
	}
	elog(ERROR, "unrecognized element type: %d", (int) opclass->element);
	return 0;
}

/*
 * gv_am_probe_init
 *		Prepare a probe: the keys of one value and many others.
 *
 * context: of the memory that it needs
 */
void
gv_am_probe_init(GvAmProbe *probe, const GvAmOpclass *opclass, MemoryContext context)
{
	probe->opclass = opclass;
	probe->value = (Datum) 0;
	probe->last = (Datum) 0;
	gv_sparse_probe_init(&probe->sparse, context);
}

/*
 * gv_am_probe_forget
 *		Let a probe be that of no value: those it knows may change.
 */
void
gv_am_probe_forget(GvAmProbe *probe)
{
	probe->value = (Datum) 0;
	probe->last = (Datum) 0;
}

/*
 * gv_am_probe_set
 *		Let a probe be that of a value.
 *
 * value: detoasted, has to stay where it is
 */
void
gv_am_probe_set(GvAmProbe *probe, Datum value)
{
	probe->value = value;
	if (probe->opclass->element == GV_AM_ELEMENT_SPARSE)
		gv_sparse_probe_set(&probe->sparse, (GvSparsevec *) DatumGetPointer(value));
}

/*
 * gv_am_probe_key
 *		Return the sort key of a probe's value and another, as gv_am_exact_key.
 *
 * Rounding may differ from that.
 */
float
gv_am_probe_key(const GvAmProbe *probe, Datum other)
{
	const GvSparsevec *vector = (GvSparsevec *) DatumGetPointer(other);

	if (probe->opclass->element != GV_AM_ELEMENT_SPARSE)
		return (float) gv_am_exact_key(probe->opclass, probe->value, other);
	switch (probe->opclass->metric)
	{
		case GV_AM_METRIC_L2:
			return (float) gv_sparse_probe_l2_squared(&probe->sparse, vector);
		case GV_AM_METRIC_INNER_PRODUCT:
			return (float) -gv_sparse_probe_inner_product(&probe->sparse, vector);
		case GV_AM_METRIC_COSINE:
			return (float) gv_am_cosine_key(gv_sparse_probe_cosine(&probe->sparse, vector));
		default:
			return (float) gv_sparse_probe_l1(&probe->sparse, vector);
	}
}

/*
 * gv_am_probe_pair_key
 *		Return the sort key of two values; those that are the first of a pair
 *		again and again make it cheap.
 *
 * a: has to stay where it is
 */
float
gv_am_probe_pair_key(GvAmProbe *probe, Datum a, Datum b)
{
	if (probe->opclass->element != GV_AM_ELEMENT_SPARSE || a != probe->last)
	{
		probe->last = a;
		return (float) gv_am_exact_key(probe->opclass, a, b);
	}
	if (probe->value != a)
		gv_am_probe_set(probe, a);
	return gv_am_probe_key(probe, b);
}

/*
 * gv_am_value_hash, gv_am_values_equal
 *		Hash and compare detoasted values byte by byte.
 */
uint64
gv_am_value_hash(Datum value)
{
	struct varlena *v = (struct varlena *) DatumGetPointer(value);

	return hash_bytes_extended((unsigned char *) VARDATA(v), VARSIZE(v) - VARHDRSZ, 0);
}

bool
gv_am_values_equal(Datum a, Datum b)
{
	return VARSIZE(DatumGetPointer(a)) == VARSIZE(DatumGetPointer(b)) &&
		memcmp(VARDATA(DatumGetPointer(a)), VARDATA(DatumGetPointer(b)),
			   VARSIZE(DatumGetPointer(a)) - VARHDRSZ) == 0;
}

/*
 * gv_am_zero_value
 *		Return the zero of a column's type, in the current memory context.
 */
Datum
gv_am_zero_value(const GvAmOpclass *opclass, int dim)
{
	switch (opclass->element)
	{
		case GV_AM_ELEMENT_FLOAT:
			return PointerGetDatum(gv_type_new_vector(dim));
		case GV_AM_ELEMENT_HALF:
			return PointerGetDatum(gv_type_new_halfvec(dim));
		case GV_AM_ELEMENT_SPARSE:
			return PointerGetDatum(gv_type_new_sparsevec(dim, 0));
		case GV_AM_ELEMENT_BIT:
			{
				VarBit	   *bits = palloc0(VARBITTOTALLEN(dim));

				SET_VARSIZE(bits, VARBITTOTALLEN(dim));
				VARBITLEN(bits) = dim;
				return PointerGetDatum(bits);
			}
	}
	elog(ERROR, "unrecognized element type: %d", (int) opclass->element);
	return 0;
}

/*
 * gv_am_column_dim
 *		Return the dimensions of an index's first column.
 *
 * Raises an error if the column has no fixed dimensions.
 */
int
gv_am_column_dim(Relation index)
{
	Form_pg_attribute column = TupleDescAttr(index->rd_att, 0);
	int32		typmod = column->atttypmod;

	/* a domain's are in the catalog */
	(void) getBaseTypeAndTypmod(column->atttypid, &typmod);
	if (typmod < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column does not have dimensions"),
				 errdetail("It is the first column of index \"%s\".",
						   RelationGetRelationName(index)),
				 errhint("Give the column's type a number of dimensions, as in vector(384), or index an expression with a cast to such a type.")));
	return typmod;
}

/*
 * gv_am_check_dim
 *		Raise an error if a value does not have the index's dimensions.
 */
void
gv_am_check_dim(const GvAmOpclass *opclass, Datum value, int dim)
{
	int			value_dim = gv_am_value_dim(opclass, value);

	if (value_dim != dim)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected %d dimensions, not %d", dim, value_dim)));
}

/*
 * gv_am_check_query_dim
 *		Raise an error if a query vector does not have the index's dimensions.
 *
 * The message is that of the distance operator, which a search without the
 * index would raise.
 */
void
gv_am_check_query_dim(const GvAmOpclass *opclass, int query_dim, int dim)
{
	static const char *const types[] = {
		[GV_AM_ELEMENT_FLOAT] = "vector",
		[GV_AM_ELEMENT_HALF] = "halfvec",
		[GV_AM_ELEMENT_SPARSE] = "sparsevec"
	};

	if (query_dim == dim)
		return;
	if (opclass->element == GV_AM_ELEMENT_BIT)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different bit lengths %d and %d", dim, query_dim)));
	gv_type_refuse_different_dims(dim, query_dim, types[opclass->element]);
}
