/*-------------------------------------------------------------------------
 *
 * bigram.c
 *		Which characters belong to scripts without blanks between words.
 *
 * Thai, Lao, Myanmar and Khmer, the Chinese characters, the Japanese
 * syllabaries and Bopomofo; Korean too, which sets blanks, but between groups
 * of words and particles.  Punctuation of these scripts separates: a parser
 * takes it for letters in some locales.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "bm25/bigram.h"

typedef struct Range
{
	uint32		first;
	uint32		last;
} Range;

/* Ascending; from the blocks of the Unicode standard */
static const Range ranges[] = {
	{0x0E01, 0x0E3A},			/* Thai letters and marks */
	{0x0E40, 0x0E4E},
	{0x0E81, 0x0ECE},			/* Lao */
	{0x1000, 0x1049},			/* Myanmar letters, marks, digits */
	{0x1050, 0x109F},
	{0x1100, 0x11FF},			/* Hangul Jamo */
	{0x1780, 0x17D3},			/* Khmer letters and marks */
	{0x3005, 0x3007},			/* repetition mark, zero */
	{0x3041, 0x3096},			/* Hiragana */
	{0x3099, 0x309A},
	{0x309D, 0x309F},
	{0x30A1, 0x30FA},			/* Katakana */
	{0x30FC, 0x30FF},
	{0x3105, 0x318E},			/* Bopomofo, Hangul letters */
	{0x31A0, 0x31BF},
	{0x31F0, 0x31FF},
	{0x3400, 0x4DBF},			/* Chinese characters */
	{0x4E00, 0x9FFF},
	{0xA960, 0xA97C},			/* Hangul */
	{0xA9E0, 0xA9FE},			/* Myanmar */
	{0xAA60, 0xAA7F},
	{0xAC00, 0xD7FB},			/* Hangul syllables */
	{0xF900, 0xFAD9},			/* Chinese characters of other standards */
	{0xFF66, 0xFFDC},			/* half-width Katakana and Hangul */
	{0x1AFF0, 0x1B16F},			/* rare Katakana and Hiragana */
	{0x20000, 0x3FFFF},			/* rare Chinese characters */
};

static const Range separators[] = {
	{0x0E4F, 0x0E4F},			/* Thai */
	{0x0E5A, 0x0E5B},
	{0x104A, 0x104F},			/* Myanmar */
	{0x17D4, 0x17DA},			/* Khmer */
	{0x3000, 0x3004},			/* Chinese and Japanese */
	{0x3008, 0x303F},
	{0x30FB, 0x30FB},
	{0xFE30, 0xFE4F},
	{0xFF01, 0xFF0F},			/* full-width forms of ASCII */
	{0xFF1A, 0xFF20},
	{0xFF3B, 0xFF40},
	{0xFF5B, 0xFF65},
};

/* First byte of the smallest of these characters in UTF-8 */
#define FIRST_BYTE 0xE0

static bool
is_in(const Range *table, int n, uint32 codepoint)
{
	int			low = 0;
	int			high = n - 1;

	while (low <= high)
	{
		int			middle = (low + high) / 2;

		if (codepoint < table[middle].first)
			high = middle - 1;
		else if (codepoint > table[middle].last)
			low = middle + 1;
		else
			return true;
	}
	return false;
}

/*
 * gv_bm25_is_unspaced
 *		Does a character belong to a script without blanks between words?
 */
bool
gv_bm25_is_unspaced(uint32 codepoint)
{
	return is_in(ranges, lengthof(ranges), codepoint);
}

/* The kind of a character of valid UTF-8 */
static GvBm25RunKind
classify(const unsigned char *s)
{
	uint32		codepoint;

	if (*s < FIRST_BYTE)
		return GV_BM25_RUN_SPACED;
	codepoint = utf8_to_unicode(s);
	if (gv_bm25_is_unspaced(codepoint))
		return GV_BM25_RUN_UNSPACED;
	return is_in(separators, lengthof(separators), codepoint) ?
		GV_BM25_RUN_SEPARATOR : GV_BM25_RUN_SPACED;
}

/*
 * gv_bm25_find_run
 *		Bytes of the run of characters of one kind that a text begins with.
 *
 * text: valid UTF-8, length > 0
 */
Size
gv_bm25_find_run(const char *text, Size length, GvBm25RunKind *kind)
{
	const unsigned char *s = (const unsigned char *) text;
	Size		i = 0;

	*kind = classify(s);
	while (i < length && classify(s + i) == *kind)
		i += pg_utf_mblen(s + i);
	return Min(i, length);
}
