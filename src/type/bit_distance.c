/*-------------------------------------------------------------------------
 *
 * bit_distance.c
 *		Distances between values of PostgreSQL's type bit.
 *
 * The bits that fill up the last byte of a value are zero, so kernels may work
 * on whole bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/varbit.h"

#include "base/compat.h"
#include "distance/distance.h"

GV_FUNCTION(gv_type_bit_hamming_distance);
GV_FUNCTION(gv_type_bit_jaccard_distance);

/*
 * Check that two bit strings have the same length.
 */
static inline void
check_lengths(VarBit *a, VarBit *b)
{
	if (unlikely(VARBITLEN(a) != VARBITLEN(b)))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different bit lengths %d and %d", VARBITLEN(a), VARBITLEN(b))));
}

/*
 * hamming_distance(bit, bit) returns double precision
 *
 * The number of bits that differ.
 */
Datum
gv_type_bit_hamming_distance(PG_FUNCTION_ARGS)
{
	VarBit	   *a = PG_GETARG_VARBIT_P(0);
	VarBit	   *b = PG_GETARG_VARBIT_P(1);
	uint64		result;

	check_lengths(a, b);
	result = gv_kernels->hamming(VARBITS(a), VARBITS(b), (int) VARBITBYTES(a));
	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	PG_RETURN_FLOAT8((double) result);
}

/*
 * jaccard_distance(bit, bit) returns double precision
 *
 * One minus the share of the bits set in either that are set in both; 1 if no
 * bit is set in both, also when none is set at all.
 */
Datum
gv_type_bit_jaccard_distance(PG_FUNCTION_ARGS)
{
	VarBit	   *a = PG_GETARG_VARBIT_P(0);
	VarBit	   *b = PG_GETARG_VARBIT_P(1);
	uint64		counts[3];
	double		result = 1;

	check_lengths(a, b);
	gv_kernels->jaccard(VARBITS(a), VARBITS(b), (int) VARBITBYTES(a), counts);
	if (counts[0] > 0)
		result = 1 - (double) counts[0] / (double) (counts[1] + counts[2] - counts[0]);
	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	PG_RETURN_FLOAT8(result);
}
