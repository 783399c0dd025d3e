/*-------------------------------------------------------------------------
 *
 * codec.c
 *		Blocks of packed numbers, lengths as bytes, bounding pairs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "bm25/codec.h"

/* Lengths below this are their own norms: 255 less the norm of 2^31 - 1 */
#define FREE_NORMS 24

/*
 * gv_bm25_pack
 *		Pack GV_BM25_BLOCK numbers of so many bits, 0..32, each.
 *
 * out: GV_BM25_PACKED_SIZE(bits) bytes
 */
void
gv_bm25_pack(const uint32 *numbers, int bits, uint8 *out)
{
	uint64		word[4] = {0};
	int			n_bits = 0;

	for (int row = 0; row < GV_BM25_BLOCK / 4; row++)
	{
		for (int lane = 0; lane < 4; lane++)
			word[lane] |= (uint64) numbers[row * 4 + lane] << n_bits;
		n_bits += bits;
		if (n_bits >= 32)
		{
			for (int lane = 0; lane < 4; lane++)
			{
				uint32		low = (uint32) word[lane];

				memcpy(out, &low, sizeof(low));
				out += sizeof(low);
				word[lane] >>= 32;
			}
			n_bits -= 32;
		}
	}
}

/* The same for a number of bits that the compiler knows */
static inline __attribute__((always_inline)) void
unpack_bits(const uint8 *in, const int bits, uint32 *numbers)
{
	const uint32 mask = bits == 32 ? PG_UINT32_MAX : (1U << bits) - 1;

#pragma GCC unroll 32
	for (int row = 0; row < GV_BM25_BLOCK / 4; row++)
	{
		const int	bit = row * bits;
		const int	shift = bit % 32;
		const uint8 *place = in + bit / 32 * 4 * sizeof(uint32);
		uint32		low[4];
		uint32		high[4];

		memcpy(low, place, sizeof(low));
		if (shift + bits > 32)
		{
			memcpy(high, place + sizeof(low), sizeof(high));
			for (int lane = 0; lane < 4; lane++)
				numbers[row * 4 + lane] =
					(low[lane] >> shift | high[lane] << (32 - shift)) & mask;
		}
		else
		{
			for (int lane = 0; lane < 4; lane++)
				numbers[row * 4 + lane] = (low[lane] >> shift) & mask;
		}
	}
}

#define UNPACK_CASE(n) case n: unpack_bits(in, n, numbers); break

/*
 * gv_bm25_unpack
 *		Take the numbers out that gv_bm25_pack has put in.
 *
 * numbers: uint32[GV_BM25_BLOCK], written
 */
void
gv_bm25_unpack(const uint8 *in, int bits, uint32 *numbers)
{
	switch (bits)
	{
		case 0:
			memset(numbers, 0, GV_BM25_BLOCK * sizeof(uint32));
			break;
			UNPACK_CASE(1);
			UNPACK_CASE(2);
			UNPACK_CASE(3);
			UNPACK_CASE(4);
			UNPACK_CASE(5);
			UNPACK_CASE(6);
			UNPACK_CASE(7);
			UNPACK_CASE(8);
			UNPACK_CASE(9);
			UNPACK_CASE(10);
			UNPACK_CASE(11);
			UNPACK_CASE(12);
			UNPACK_CASE(13);
			UNPACK_CASE(14);
			UNPACK_CASE(15);
			UNPACK_CASE(16);
		default:
			for (int i = 0; i < GV_BM25_BLOCK; i++)
				numbers[i] = gv_bm25_packed_number(in, bits, i);
			break;
	}
}

/* A number as a float of 4 bits mantissa and 4 bits exponent, rounded down */
static uint32
small_float(uint32 number)
{
	int			shift;

	if (number < 8)
		return number;
	shift = pg_leftmost_one_pos32(number) - 3;
	return (number >> shift & 7) | (uint32) (shift + 1) << 3;
}

/*
 * gv_bm25_norm_of_length
 *		The byte that stands for a length, below 2^31.
 *
 * Longer documents never have smaller norms.  Source: Lucene's
 * SmallFloat.intToByte4.
 */
uint8
gv_bm25_norm_of_length(uint32 length)
{
	if (length < FREE_NORMS)
		return (uint8) length;
	return (uint8) (FREE_NORMS + small_float(Min(length, PG_INT32_MAX) - FREE_NORMS));
}

/*
 * gv_bm25_length_of_norm
 *		The least length that a byte stands for.
 */
uint32
gv_bm25_length_of_norm(uint8 norm)
{
	uint32		number;
	int			shift;

	if (norm < FREE_NORMS)
		return norm;
	number = norm - FREE_NORMS;
	shift = (int) (number >> 3) - 1;
	if (shift < 0)
		return FREE_NORMS + number;
	return FREE_NORMS + (((number & 7) | 8) << shift);
}

/* Leave out one pair: that whose going loosens the bounds least */
static void
drop_pair(GvBm25Pairs *pairs)
{
	int			best = 0;
	uint32		best_loss = PG_UINT32_MAX;

	/* pair i gives its norm to pair i + 1, which has more of tf and of norm */
	for (int i = 0; i + 1 < pairs->n; i++)
	{
		uint32		loss = (uint32) (pairs->norm[i + 1] - pairs->norm[i]) *
			(pairs->tf[i + 1] + 1) / (pairs->tf[i] + 1);

		if (loss < best_loss)
		{
			best = i;
			best_loss = loss;
		}
	}
	pairs->norm[best + 1] = pairs->norm[best];
	memmove(&pairs->tf[best], &pairs->tf[best + 1], pairs->n - best - 1);
	memmove(&pairs->norm[best], &pairs->norm[best + 1], pairs->n - best - 1);
	pairs->n--;
}

/*
 * gv_bm25_pairs_add
 *		Let pairs bound a further posting.
 *
 * They ascend in both numbers, and each posting added has no more of tf and no
 * less of norm than one of them.
 */
void
gv_bm25_pairs_add(GvBm25Pairs *pairs, uint32 tf, uint8 norm)
{
	uint8		capped = (uint8) Min(tf, GV_BM25_PAIR_MAX_TF);
	int			n = 0;

	for (int i = 0; i < pairs->n; i++)
	{
		if (pairs->tf[i] >= capped && pairs->norm[i] <= norm)
			return;
	}
	for (int i = 0; i < pairs->n; i++)
	{
		if (pairs->tf[i] <= capped && pairs->norm[i] >= norm)
			continue;
		pairs->tf[n] = pairs->tf[i];
		pairs->norm[n++] = pairs->norm[i];
	}
	pairs->n = n;
	if (n == GV_BM25_PAIRS)
	{
		drop_pair(pairs);
		n = pairs->n;
		/* the pair that gave way may now bound this one */
		for (int i = 0; i < n; i++)
		{
			if (pairs->tf[i] >= capped && pairs->norm[i] <= norm)
				return;
		}
	}
	while (n > 0 && pairs->tf[n - 1] > capped)
	{
		pairs->tf[n] = pairs->tf[n - 1];
		pairs->norm[n] = pairs->norm[n - 1];
		n--;
	}
	pairs->tf[n] = capped;
	pairs->norm[n] = norm;
	pairs->n++;
}
