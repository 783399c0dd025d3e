/*-------------------------------------------------------------------------
 *
 * input.c
 *		Hostile input: values in text and binary form, and damage to them.
 *
 *-------------------------------------------------------------------------
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"

/* No input grows beyond this many bytes by damage */
#define MAX_DAMAGED (1 << 18)

/* What is likely to meet a limit or a special case in text */
static const char *const tokens[] = {
	"0", "-0", "1", "-1", "+1", "2", "3", "00000000000000000001", "0.5", ".5", "5.", ".", "-", "+",
	"1e", "1e+", "e1", "1e5", "1E-5", "1e38", "4e38", "-4e38", "3.4028235e38", "3.40282357e38",
	"1e-45", "1e-46", "7e-46", "1.17549435e-38", "1e308", "1e309", "1e400", "1e-400",
	"1e2147483647", "1e2147483648", "1e-99999999999999999999", "65504", "65519", "65520", "-65520",
	"6e-8", "2.9e-8", "16777217", "0.1000000000000000055511151231257827",
	"123456789012345678901234567890123456789", "nan", "NaN", "-nan", "nan(1)", "inf", "-inf",
	"Infinity", "infinity", "0x1p3", "0x", "0x1p-200", "1_000", "1,5", "NULL", "null", "\"1\"",
	"16000", "16001", "64000", "1000000000", "1000000001", "2147483647", "2147483648",
	"-2147483648", "-2147483649", "4294967296", "9223372036854775807", "9223372036854775808",
	"18446744073709551616", "[", "]", "{", "}", "{}", "[]", "/", ":", ",", ";", "(", ")", "[1]",
	"{1:1}/3", "{}/3", "[1,2,3]", "101", "x1f", "b", " ", "\t", "\n", "\v", "\f", "\r", "\\",
	"'", "\"", "$1", "%s%n", "--", "/*", "\xc3\xa4", "\xe2\x88\x9e", "\xf0\x9f\x98\x80", "\xc2\xa0",
	"\xff", "\xc3"
};

/* What is likely to meet a limit or a special case in 32 bits */
static const uint32_t words[] = {
	0, 1, 2, 3, 4, 7, 8, 15, 16, 127, 128, 255, 256, 15999, 16000, 16001, 32767, 32768, 65535,
	65536, 64000, 64001, 999999999, 1000000000, 1000000001, 0x7fffffff, 0x80000000, 0xfffffffe,
	0xffffffff, 0x3f800000, 0xbf800000, 0x7f7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001,
	0x00800000, 0x00000001, 0x80000001, 0x7bff7bff, 0x7c007c00, 0x7e007e00, 0x00010000, 0x40000000
};

/* Relations of all kinds, and none; cases.c makes those that begin with fuzz */
static const char *const relations[] = {
	"fuzz_indexed", "fuzz_index", "fuzz_index", "fuzz_index", "fuzz_btree", "fuzz_view",
	"fuzz_vector", "fuzz_sequence", "fuzz_partitioned", "fuzz_partitioned_index", "0", "4294967295",
	"pg_catalog.pg_class", "pg_catalog.pg_class_oid_index", "pg_catalog.pg_stats", "no_relation"
};

static uint64_t state = 1;

#define LENGTH(array) ((uint32_t) (sizeof(array) / sizeof((array)[0])))

/*
 * Start the random numbers of a case.
 */
void
random_seed(uint64_t seed, uint64_t number)
{
	state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ (number + 1) * UINT64_C(0xbf58476d1ce4e5b9);
	if (state == 0)
		state = 1;
	for (int i = 0; i < 4; i++)
		(void) random_bits();
}

/*
 * The next 64 random bits.
 *
 * Source: Vigna, ACM TOMS 42(4), 2016, xorshift64*.
 */
uint64_t
random_bits(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * UINT64_C(0x2545f4914f6cdd1d);
}

/*
 * A random number from 0 to n - 1.
 */
uint32_t
random_below(uint32_t n)
{
	return (uint32_t) ((random_bits() >> 32) * n >> 32);
}

/*
 * True in so many cases of a hundred.
 */
bool
random_chance(uint32_t percent)
{
	return random_below(100) < percent;
}

/*
 * Make room for so many bytes in all.
 */
static void
reserve(Input *in, size_t len)
{
	if (len + 1 <= in->room)
		return;
	in->room = (len + 1) * 2;
	in->data = realloc(in->data, in->room);
	if (in->data == NULL)
	{
		fprintf(stderr, "out of memory\n");
		exit(2);
	}
}

/*
 * Make the input empty.
 */
void
input_clear(Input *in)
{
	reserve(in, 0);
	in->len = 0;
	in->data[0] = '\0';
}

/*
 * Append bytes.
 */
void
input_add(Input *in, const void *data, size_t len)
{
	reserve(in, in->len + len);
	memcpy(in->data + in->len, data, len);
	in->len += len;
	in->data[in->len] = '\0';
}

/*
 * Append text.
 */
void
input_print(Input *in, const char *format,...)
{
	char		buffer[512];
	va_list		args;
	int			len;

	va_start(args, format);
	len = vsnprintf(buffer, sizeof(buffer), format, args);
	va_end(args);
	if (len >= (int) sizeof(buffer))
		len = (int) sizeof(buffer) - 1;
	input_add(in, buffer, (size_t) len);
}

/*
 * Append a number in one of many forms.
 */
static void
add_number(Input *in)
{
	double		x = (double) (int64_t) random_bits() / 9223372036854775808.0;

	switch (random_below(8))
	{
		case 0:
			input_print(in, "%d", (int) random_below(7) - 3);
			break;
		case 1:
			input_print(in, "%.*f", (int) random_below(20), x * 10);
			break;
		case 2:
			input_print(in, "%.17g", x);
			break;
		case 3:
			input_print(in, "%.*e", (int) random_below(12), x);
			break;
		case 4:
			input_print(in, "%.9g", x * 60000);
			break;
		case 5:
			input_print(in, " %.3f ", x);
			break;
		case 6:
			input_print(in, "%de%d", (int) random_below(1000), (int) random_below(9) - 6);
			break;
		default:
			input_print(in, "%.8g", x);
			break;
	}
}

/*
 * Append a value of a sparse vector.
 */
static void
add_sparse_text(Input *in, int dim)
{
	int			index = 0;
	int			n = 0;

	input_print(in, "{");
	while (index < dim && n < 64)
	{
		index += 1 + (int) random_below(dim > 64 ? (uint32_t) dim / 32 : 2);
		if (index > dim)
			break;
		input_print(in, "%s%d:", n > 0 ? "," : "", index);
		add_number(in);
		n++;
	}
	input_print(in, "}/%d", dim);
}

/*
 * A value in text form, valid nearly always.
 *
 * dim: number of dimensions, or of bits or elements
 */
void
input_text(Input *in, InputType type, int dim)
{
	const char *brackets = (type == INPUT_ARRAY) ? "{}" : "[]";

	input_clear(in);
	switch (type)
	{
		case INPUT_VECTOR:
		case INPUT_HALFVEC:
		case INPUT_ARRAY:
			input_print(in, "%c", brackets[0]);
			for (int i = 0; i < dim; i++)
			{
				if (i > 0)
					input_print(in, ",");
				if (type == INPUT_ARRAY)
					input_print(in, "%d", (int) random_below(9) - 4);
				else
					add_number(in);
			}
			input_print(in, "%c", brackets[1]);
			break;
		case INPUT_SPARSEVEC:
			add_sparse_text(in, random_chance(10) ? 1 + (int) random_below(1000000000) : dim);
			break;
		case INPUT_BIT:
		case INPUT_VARBIT:
			for (int i = 0; i < dim; i++)
				input_print(in, "%d", (int) random_below(2));
			break;
		case INPUT_INTEGER:
			if (random_chance(50))
				input_print(in, "%d", (int) random_below(8) - 2);
			else
				input_print(in, "%d", (int32_t) words[random_below(LENGTH(words))]);
			break;
		case INPUT_BOOLEAN:
			input_print(in, "%s", random_chance(50) ? "t" : "f");
			break;
		case INPUT_RELATION:
			input_print(in, "%s", relations[random_below(LENGTH(relations))]);
			break;
		case INPUT_QUERY:		/* a plain one */
		case INPUT_WORD:
			input_print(in, "%s", tokens[random_below(LENGTH(tokens))]);
			break;
	}
}

/*
 * Append an integer in network byte order.
 */
static void
add_int(Input *in, uint32_t value, int bytes)
{
	for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
	{
		char		byte = (char) (value >> shift & 0xff);

		input_add(in, &byte, 1);
	}
}

/*
 * Append a float32, not zero, in network byte order.
 */
static void
add_float(Input *in)
{
	float		x = ((float) random_below(2001) - 1000.5f) / 128;
	uint32_t	bits;

	memcpy(&bits, &x, sizeof(bits));
	add_int(in, bits, 4);
}

/*
 * A value in binary form, valid.
 *
 * dim: number of dimensions, or of bits
 */
void
input_binary(Input *in, InputType type, int dim)
{
	int			nnz = (int) random_below((uint32_t) dim + 1);

	input_clear(in);
	switch (type)
	{
		case INPUT_VECTOR:
			add_int(in, (uint32_t) dim, 2);
			add_int(in, 0, 2);
			for (int i = 0; i < dim; i++)
				add_float(in);
			break;
		case INPUT_HALFVEC:
			add_int(in, (uint32_t) dim, 2);
			add_int(in, 0, 2);
			for (int i = 0; i < dim; i++)
				add_int(in, random_below(0x7c00) | random_below(2) << 15, 2);
			break;
		case INPUT_SPARSEVEC:
			add_int(in, (uint32_t) dim, 4);
			add_int(in, (uint32_t) nnz, 4);
			add_int(in, 0, 4);
			for (int i = 0; i < nnz; i++)
				add_int(in, (uint32_t) i, 4);
			for (int i = 0; i < nnz; i++)
				add_float(in);
			break;
		default:
			add_int(in, (uint32_t) dim, 4);
			for (int i = 0; i < dim; i += 8)
				add_int(in, random_below(256), 1);
			break;
	}
}

/*
 * A one-dimensional array of numbers in binary form, valid.
 *
 * element_type: OID of integer, real or double precision
 */
void
input_array_binary(Input *in, uint32_t element_type)
{
	int			n = 1 + (int) random_below(8);

	input_clear(in);
	add_int(in, 1, 4);
	add_int(in, 0, 4);
	add_int(in, element_type, 4);
	add_int(in, (uint32_t) n, 4);
	add_int(in, 1, 4);
	for (int i = 0; i < n; i++)
	{
		if (element_type == 701)	/* double precision */
		{
			double		x = ((double) random_below(2001) - 1000) / 128;
			uint64_t	bits;

			memcpy(&bits, &x, sizeof(bits));
			add_int(in, 8, 4);
			add_int(in, (uint32_t) (bits >> 32), 4);
			add_int(in, (uint32_t) bits, 4);
		}
		else
		{
			add_int(in, 4, 4);
			if (element_type == 700)	/* real */
				add_float(in);
			else
				add_int(in, random_below(9), 4);
		}
	}
}

/*
 * Replace len bytes at pos by others.
 */
static void
splice(Input *in, size_t pos, size_t len, const void *data, size_t data_len)
{
	char	   *copy;

	if (in->len - len + data_len > MAX_DAMAGED)
		return;
	/* the data may be a part of the input itself */
	copy = malloc(data_len + 1);
	if (copy == NULL)
		exit(2);
	memcpy(copy, data, data_len);
	reserve(in, in->len - len + data_len);
	memmove(in->data + pos + data_len, in->data + pos + len, in->len - pos - len);
	memcpy(in->data + pos, copy, data_len);
	in->len = in->len - len + data_len;
	in->data[in->len] = '\0';
	free(copy);
}

/*
 * Choose a part of the input: pos and len are written.
 */
static void
choose_part(Input *in, size_t *pos, size_t *len)
{
	size_t		rest;

	*pos = random_below((uint32_t) in->len + 1);
	rest = in->len - *pos;
	*len = random_below((uint32_t) (rest < 12 || random_chance(10) ? rest : 12) + 1);
}

/*
 * Damage that suits text and binary input alike.
 */
static void
damage_any(Input *in)
{
	size_t		pos;
	size_t		len;
	size_t		other;
	uint32_t	n;

	choose_part(in, &pos, &len);
	switch (random_below(4))
	{
		case 0:					/* remove */
			splice(in, pos, len, "", 0);
			break;
		case 1:					/* repeat, now and then very often */
			n = random_chance(5) ? random_below(2000) : 1 + random_below(4);
			for (; n > 0; n--)
				splice(in, pos, 0, in->data + pos, len);
			break;
		case 2:					/* copy elsewhere */
			other = random_below((uint32_t) in->len + 1);
			splice(in, other, 0, in->data + pos, len);
			break;
		default:				/* cut off */
			if (random_chance(30))
				splice(in, pos, in->len - pos, "", 0);
			break;
	}
}

/*
 * Damage a text in one to five places.
 */
void
damage_text(Input *in)
{
	for (uint32_t n = 1 + random_below(random_chance(70) ? 1 : 5); n > 0; n--)
	{
		const char *token = tokens[random_below(LENGTH(tokens))];
		size_t		pos = random_below((uint32_t) in->len + 1);
		size_t		end = pos;
		char		byte;

		switch (random_below(6))
		{
			case 0:				/* insert a token */
				splice(in, pos, 0, token, strlen(token));
				break;
			case 1:				/* replace a number by a token */
				while (pos < in->len && strchr("0123456789+-.e", in->data[pos]) == NULL)
					pos++;
				for (end = pos; end < in->len && strchr("0123456789+-.e", in->data[end]) != NULL;)
					end++;
				splice(in, pos, end - pos, token, strlen(token));
				break;
			case 2:				/* replace a byte, by one of the text or any */
				byte = in->len > 0 && random_chance(90) ?
					in->data[random_below((uint32_t) in->len)] : (char) (1 + random_below(127));
				if (pos < in->len)
					in->data[pos] = byte;
				break;
			default:
				damage_any(in);
				break;
		}
	}
}

/*
 * Damage a binary value in one to five places.
 */
void
damage_binary(Input *in)
{
	for (uint32_t n = 1 + random_below(random_chance(70) ? 1 : 5); n > 0; n--)
	{
		uint32_t	word = words[random_below(LENGTH(words))];
		char		bytes[4];
		size_t		width = random_chance(50) ? 2 : 4;
		size_t		pos = 0;

		for (size_t i = 0; i < width; i++)
			bytes[i] = (char) (word >> 8 * (width - 1 - i) & 0xff);
		/* the first words are the ones with a meaning */
		if (in->len > 24 && random_chance(60))
			pos = random_below(24 / (uint32_t) width) * width;
		else if (in->len >= width)
			pos = random_below((uint32_t) (in->len / width)) * width;
		switch (random_below(4))
		{
			case 0:				/* set a word */
			case 1:
				if (pos + width <= in->len)
					memcpy(in->data + pos, bytes, width);
				break;
			case 2:				/* change a bit */
				if (pos < in->len)
					in->data[pos] ^= (char) (1 << random_below(8));
				break;
			default:
				damage_any(in);
				break;
		}
	}
}
