/*-------------------------------------------------------------------------
 *
 * parse.h
 *		Read the numbers in the text form of the types.
 *
 * The float reader agrees with strtof() to the last bit.  It computes in
 * double, which settles nearly every input without a library call, and leaves
 * to strtof() what it cannot settle: results too near the middle between two
 * floats, denormals, overflow, hexadecimal, "inf" and "nan".  The server runs
 * with LC_NUMERIC = C, so no path depends on a locale.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_TYPE_PARSE_H
#define GV_TYPE_PARSE_H

#include "postgres.h"

#include <errno.h>
#include <float.h>
#include <math.h>

/* What became of an attempt to read a number */
typedef enum GvTypeParse
{
	GV_PARSE_OK = 0,
	GV_PARSE_SYNTAX,			/* no number here; the cursor has not moved */
	GV_PARSE_RANGE				/* too large or too small; the cursor is after it */
} GvTypeParse;

/* Largest power of ten in the table of gv_type_parse_float */
#define GV_PARSE_MAX_POWER 64

/*
 * Units in the last place of double that separate a result from the middle
 * between two floats before it is trusted.  The mantissa, the power of ten and
 * the operation are each rounded once, by up to 2^-53 of the value, and digits
 * after the 19th are dropped, less than 2^-59 of it.  The unit is at least
 * 2^-53 of the value, so the error is below 3.1 units.
 */
#define GV_PARSE_GUARD 4

static inline bool
gv_type_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline const char *
gv_type_skip_space(const char *p)
{
	while (gv_type_is_space(*p))
		p++;
	return p;
}

static inline bool
gv_type_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * gv_type_parse_int
 *		Read a decimal integer with an optional sign.
 *
 * cursor: moved past the number
 * value: the number, or the nearest end of the int32 range
 */
static inline GvTypeParse
gv_type_parse_int(const char **cursor, int32 *value)
{
	const char *p = *cursor;
	bool		negative = (*p == '-');
	int64		result = 0;

	if (*p == '-' || *p == '+')
		p++;
	if (!gv_type_is_digit(*p))
		return GV_PARSE_SYNTAX;
	for (; gv_type_is_digit(*p); p++)
	{
		result = result * 10 + (*p - '0');
		if (result > PG_INT32_MAX)
			result = (int64) PG_INT32_MAX + 1;
	}
	if (negative)
		*value = (int32) -result;
	else
		*value = (int32) Min(result, PG_INT32_MAX);
	*cursor = p;
	return GV_PARSE_OK;
}

/*
 * gv_type_parse_float_slowly
 *		Read a float with strtof().
 */
static inline GvTypeParse
gv_type_parse_float_slowly(const char **cursor, float *value)
{
	char	   *end;

	errno = 0;
	*value = strtof(*cursor, &end);
	if (end == *cursor)
		return GV_PARSE_SYNTAX;
	*cursor = end;
	/* a denormal may set ERANGE too, and is as good as any other number */
	if (errno == ERANGE && (*value == 0 || isinf(*value)))
		return GV_PARSE_RANGE;
	return GV_PARSE_OK;
}

/*
 * gv_type_reread_digits
 *		Read a number of more than 19 digits, the sign already skipped.
 *
 * exponent: written: that of the result in powers of ten
 *
 * Returns the first 19 digits that are not leading zeros.
 */
static inline uint64
gv_type_reread_digits(const char *p, int64 *exponent)
{
	uint64		mantissa = 0;
	int			kept = 0;

	*exponent = 0;
	for (; gv_type_is_digit(*p); p++)
	{
		if (kept < 19)
		{
			mantissa = mantissa * 10 + (uint64) (*p - '0');
			kept += (mantissa != 0);
		}
		else
			(*exponent)++;
	}
	if (*p++ == '.')
	{
		for (; gv_type_is_digit(*p) && kept < 19; p++)
		{
			mantissa = mantissa * 10 + (uint64) (*p - '0');
			kept += (mantissa != 0);
			(*exponent)--;
		}
	}
	return mantissa;
}

/*
 * gv_type_parse_float
 *		Read a float in any form that strtof() takes.
 *
 * cursor: at the first character of the number, white space already skipped;
 * moved past the number
 * value: the float nearest to the number, ties to even; may be infinite or NaN
 * when the text says so
 */
static inline GvTypeParse
gv_type_parse_float(const char **cursor, float *value)
{
	static const double powers[GV_PARSE_MAX_POWER + 1] = {
		1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
		1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22, 1e23,
		1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30, 1e31, 1e32, 1e33, 1e34,
		1e35, 1e36, 1e37, 1e38, 1e39, 1e40, 1e41, 1e42, 1e43, 1e44, 1e45,
		1e46, 1e47, 1e48, 1e49, 1e50, 1e51, 1e52, 1e53, 1e54, 1e55, 1e56,
		1e57, 1e58, 1e59, 1e60, 1e61, 1e62, 1e63, 1e64
	};
	const char *p = *cursor;
	const char *first;
	bool		negative = (*p == '-');
	uint64		mantissa = 0;
	uint64		bits;
	int64		digits;
	int64		exponent = 0;
	int			low;
	double		result;

	if (*p == '-' || *p == '+')
		p++;
	first = p;
	for (; gv_type_is_digit(*p); p++)
		mantissa = mantissa * 10 + (uint64) (*p - '0');
	digits = p - first;
	if (*p == '.')
	{
		const char *fraction = ++p;

		for (; gv_type_is_digit(*p); p++)
			mantissa = mantissa * 10 + (uint64) (*p - '0');
		exponent = fraction - p;
		digits -= exponent;
		if (digits == 0)
			return GV_PARSE_SYNTAX;
	}
	if (digits == 0 || ((*p == 'x' || *p == 'X') && p == first + 1 && *first == '0'))
		return gv_type_parse_float_slowly(cursor, value);
	if (unlikely(digits > 19))
		mantissa = gv_type_reread_digits(first, &exponent);
	if (*p == 'e' || *p == 'E')
	{
		const char *q = p + 1;
		bool		minus = (*q == '-');

		if (*q == '-' || *q == '+')
			q++;
		if (gv_type_is_digit(*q))
		{
			int64		e = 0;

			for (; gv_type_is_digit(*q); q++)
				e = Min(e * 10 + (*q - '0'), PG_INT32_MAX);
			exponent += minus ? -e : e;
			p = q;
		}
	}

	if (mantissa == 0)
	{
		*value = negative ? -0.0f : 0.0f;
		*cursor = p;
		return GV_PARSE_OK;
	}
	if (exponent < -GV_PARSE_MAX_POWER || exponent > GV_PARSE_MAX_POWER)
		return gv_type_parse_float_slowly(cursor, value);
	if (exponent < 0)
		result = (double) mantissa / powers[-exponent];
	else
		result = (double) mantissa * powers[exponent];
	if (result < 2 * (double) FLT_MIN || result > (double) FLT_MAX)
		return gv_type_parse_float_slowly(cursor, value);

	/* a float keeps 24 of 53 bits: the middle is a one and 28 zeros */
	memcpy(&bits, &result, sizeof(bits));
	low = (int) (bits & 0x1FFFFFFF);
	if (low >= 0x10000000 - GV_PARSE_GUARD && low <= 0x10000000 + GV_PARSE_GUARD)
		return gv_type_parse_float_slowly(cursor, value);

	*value = (float) (negative ? -result : result);
	*cursor = p;
	return GV_PARSE_OK;
}

#endif							/* GV_TYPE_PARSE_H */
