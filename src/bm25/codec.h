/*-------------------------------------------------------------------------
 *
 * codec.h
 *		Numbers as bytes: varints, blocks of 128 packed numbers, norms, pairs.
 *
 * Blocks are packed in four lanes of 32-bit words: number i lies in lane i % 4,
 * so that four of them are taken out by one instruction on any machine with
 * vectors of 16 bytes.
 *
 * Positions of a lexeme in a document are as many varints as its tf: the first
 * position plus one, then each less the one before.  A lexeme of a tsvector without
 * positions has a zero.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_CODEC_H
#define GV_BM25_CODEC_H

#include "postgres.h"

#include "port/pg_bitutils.h"

#include "bm25/page.h"

/* The longest varint of 32 bits */
#define GV_BM25_MAX_VARINT 5

/* Bytes of a packed block */
#define GV_BM25_PACKED_SIZE(bits) ((bits) * (GV_BM25_BLOCK / 8))

/* Pairs of term frequency and norm, none of which is as good as another */
typedef struct GvBm25Pairs
{
	int			n;
	uint8		tf[GV_BM25_PAIRS];
	uint8		norm[GV_BM25_PAIRS];
} GvBm25Pairs;

static inline uint8 *
gv_bm25_put_varint(uint8 *out, uint32 value)
{
	while (value >= 0x80)
	{
		*out++ = (uint8) (value | 0x80);
		value >>= 7;
	}
	*out++ = (uint8) value;
	return out;
}

/*
 * gv_bm25_get_varint
 *		Read a number; NULL if it does not end before a place, or is too long.
 */
static inline const uint8 *
gv_bm25_get_varint(const uint8 *in, const uint8 *end, uint32 *value)
{
	uint32		result;
	int			shift = 7;

	if (unlikely(in >= end))
		return NULL;
	result = *in++;
	if (likely(result < 0x80))
	{
		*value = result;
		return in;
	}
	result &= 0x7F;
	for (;;)
	{
		uint32		byte;

		if (unlikely(in >= end || shift > 28))
			return NULL;
		byte = *in++;
		result |= (byte & 0x7F) << shift;
		if (byte < 0x80)
			break;
		shift += 7;
	}
	*value = result;
	return in;
}

/* Bits of a number, 0 for 0 */
static inline int
gv_bm25_bits_of(uint32 value)
{
	return value == 0 ? 0 : pg_leftmost_one_pos32(value) + 1;
}

/* Write ascending positions; NULL: there are none, and n is 1 */
static inline uint8 *
gv_bm25_put_positions(uint8 *out, const uint32 *positions, uint32 n)
{
	if (positions == NULL)
	{
		*out++ = 0;
		return out;
	}
	out = gv_bm25_put_varint(out, positions[0] + 1);
	for (uint32 i = 1; i < n; i++)
		out = gv_bm25_put_varint(out, positions[i] - positions[i - 1]);
	return out;
}

/* The end of so many varints; NULL if it is not before a place */
static inline const uint8 *
gv_bm25_skip_varints(const uint8 *in, const uint8 *end, uint64 n)
{
	while (n > 0 && in < end)
		n -= *in++ < 0x80;
	return n > 0 ? NULL : in;
}

/* Number i of a packed block */
static inline uint32
gv_bm25_packed_number(const uint8 *in, int bits, int i)
{
	int			bit = i / 4 * bits;
	int			word = bit / 32;
	int			shift = bit % 32;
	uint32		low;
	uint32		high = 0;

	if (bits == 0)
		return 0;
	memcpy(&low, in + (word * 4 + i % 4) * sizeof(uint32), sizeof(uint32));
	if (shift + bits > 32)
		memcpy(&high, in + ((word + 1) * 4 + i % 4) * sizeof(uint32), sizeof(uint32));
	return (uint32) (((((uint64) high) << 32 | low) >> shift) & (PG_UINT64_MAX >> (64 - bits)));
}

/* codec.c */
extern void gv_bm25_pack(const uint32 *numbers, int bits, uint8 *out);
extern void gv_bm25_unpack(const uint8 *in, int bits, uint32 *numbers);
extern uint8 gv_bm25_norm_of_length(uint32 length);
extern uint32 gv_bm25_length_of_norm(uint8 norm);
extern void gv_bm25_pairs_add(GvBm25Pairs *pairs, uint32 tf, uint8 norm);

#endif							/* GV_BM25_CODEC_H */
