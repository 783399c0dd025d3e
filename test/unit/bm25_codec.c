/*-------------------------------------------------------------------------
 *
 * bm25_codec.c
 *		Numbers of bm25 indexes as bytes: what is read is what was written, bounds
 *		are bounds.
 *
 * Compiled with PostgreSQL's headers, and linked with nothing of PostgreSQL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "bm25/codec.h"
#include "unit.h"

#include "bm25/codec.c"

/* Numbers of so many bits */
static uint32
random_bits(int bits)
{
	return bits == 0 ? 0 : (uint32) gv_unit_random() >> (32 - bits);
}

/*
 * Varints of all lengths come back, and one that is cut off, or too long, is
 * refused.
 */
static void
test_varints(void)
{
	gv_unit_begin("bm25 codec: varints");
	for (int i = 0; i < 100000; i++)
	{
		uint32		value = random_bits(i % 33);
		uint8		bytes[GV_BM25_MAX_VARINT];
		uint8	   *end;
		uint32		found = ~value;

		if (i % 1000 < 40)
			value = UINT64CONST(1) << (i % 40 / 8 * 7) << (i % 2) >> 1;
		end = gv_bm25_put_varint(bytes, value);
		if (end - bytes > GV_BM25_MAX_VARINT || gv_bm25_get_varint(bytes, end, &found) != end ||
			found != value)
			gv_unit_fail("%u comes back as %u", value, found);
		for (const uint8 *cut = bytes; cut < end; cut++)
		{
			if (gv_bm25_get_varint(bytes, cut, &found) != NULL)
				gv_unit_fail("%u is read of %d bytes", value, (int) (cut - bytes));
		}
	}
	for (int n = 6; n < 12; n++)
	{
		uint8		bytes[12];
		uint32		found;

		memset(bytes, 0x80, sizeof(bytes));
		bytes[n - 1] = 0;
		if (gv_bm25_get_varint(bytes, bytes + n, &found) != NULL)
			gv_unit_fail("%d bytes are read as a number", n);
	}
	gv_unit_end();
}

/* Blocks of numbers of 0 to 32 bits come back, in all and one by one */
static void
test_blocks(void)
{
	gv_unit_begin("bm25 codec: packed blocks, 0 to 32 bits");
	for (int bits = 0; bits <= 32; bits++)
	{
		uint8	   *packed = gv_unit_at_end(0, Max(GV_BM25_PACKED_SIZE(bits), 1));

		for (int round = 0; round < 20; round++)
		{
			uint32		numbers[GV_BM25_BLOCK];
			uint32		found[GV_BM25_BLOCK];

			for (int i = 0; i < GV_BM25_BLOCK; i++)
				numbers[i] = round == 0 ? random_bits(bits) | (bits ? 1U << (bits - 1) : 0) :
					round == 1 && bits > 0 ? PG_UINT32_MAX >> (32 - bits) : random_bits(bits);
			gv_bm25_pack(numbers, bits, packed);
			gv_bm25_unpack(packed, bits, found);
			for (int i = 0; i < GV_BM25_BLOCK; i++)
			{
				if (found[i] != numbers[i] || gv_bm25_packed_number(packed, bits, i) != numbers[i])
					gv_unit_fail("%d bits, number %d: %u comes back as %u and %u", bits, i,
								 numbers[i], found[i], gv_bm25_packed_number(packed, bits, i));
			}
		}
	}
	for (int i = 0; i < 64; i++)
	{
		uint32		value = random_bits(i % 33);
		int			bits = gv_bm25_bits_of(value);

		if ((bits < 32 && value >> bits != 0) || (bits > 0 && value >> (bits - 1) == 0))
			gv_unit_fail("%u is said to have %d bits", value, bits);
	}
	gv_unit_end();
}

/* Norms are those of Lucene, ascend, and stand for no more than the length */
static void
test_norms(void)
{
	uint32		before = 0;

	gv_unit_begin("bm25 codec: lengths as bytes");
	for (int norm = 0; norm < 256; norm++)
	{
		uint32		length = gv_bm25_length_of_norm(norm);

		if (gv_bm25_norm_of_length(length) != norm)
			gv_unit_fail("norm %d stands for %u, whose norm is %d", norm, length,
						 gv_bm25_norm_of_length(length));
		if (norm > 0 && (length <= before || gv_bm25_norm_of_length(length - 1) != norm - 1))
			gv_unit_fail("norm %d does not begin at %u", norm, length);
		before = length;
	}
	/* SmallFloat.byte4ToInt((byte) 255) */
	if (before != 2013265944 || gv_bm25_norm_of_length(PG_UINT32_MAX) != 255)
		gv_unit_fail("the largest norm stands for %u", before);
	for (uint32 length = 0; length < 40; length++)
	{
		if (gv_bm25_length_of_norm(gv_bm25_norm_of_length(length)) != length)
			gv_unit_fail("length %u is not exact", length);
	}
	gv_unit_end();
}

/* Each posting has no more of tf and no less of norm than a pair that bounds it */
static void
test_pairs(void)
{
	gv_unit_begin("bm25 codec: bounding pairs");
	for (int round = 0; round < 20000; round++)
	{
		GvBm25Pairs pairs = {0};
		uint32		tf[GV_BM25_BLOCK];
		uint8		norm[GV_BM25_BLOCK];
		int			n = 1 + (int) (gv_unit_random() % GV_BM25_BLOCK);
		int			tf_bits = 1 + (int) (gv_unit_random() % 10);
		int			norm_bits = (int) (gv_unit_random() % 9);

		for (int i = 0; i < n; i++)
		{
			tf[i] = 1 + random_bits(tf_bits);
			norm[i] = (uint8) random_bits(norm_bits);
			/* more of both: the pairs are many */
			if (round % 2 == 0)
				norm[i] = (uint8) Min(255, tf[i] / 2 + norm[i] / 8);
			gv_bm25_pairs_add(&pairs, tf[i], norm[i]);
		}
		if (pairs.n < 1 || pairs.n > GV_BM25_PAIRS)
			gv_unit_fail("there are %d pairs", pairs.n);
		for (int j = 1; j < pairs.n; j++)
		{
			if (pairs.tf[j] <= pairs.tf[j - 1] || pairs.norm[j] <= pairs.norm[j - 1])
				gv_unit_fail("pairs do not ascend");
		}
		for (int i = 0; i < n; i++)
		{
			bool		is_bounded = false;

			for (int j = 0; j < pairs.n; j++)
				is_bounded |= (pairs.tf[j] == GV_BM25_PAIR_MAX_TF || tf[i] <= pairs.tf[j]) &&
					norm[i] >= pairs.norm[j];
			if (!is_bounded)
				gv_unit_fail("tf %u, norm %d has no bound", tf[i], norm[i]);
		}
	}
	gv_unit_end();
}

int
main(int argc, char **argv)
{
	gv_unit_read_label(argc, argv);
	gv_unit_seed(1);
	test_varints();
	test_blocks();
	test_norms();
	test_pairs();
	return gv_unit_finish();
}
