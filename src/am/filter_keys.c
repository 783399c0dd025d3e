/*-------------------------------------------------------------------------
 *
 * filter_keys.c
 *		Filter columns: conditions of a scan as tests of words.
 *
 * Everything that may look at the catalogs or call functions is done when the
 * conditions are compiled; the tests take words only, so that they can be done
 * under a lock on a page.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/stratnum.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "port/pg_bitutils.h"
#include "port/pg_bswap.h"
#include "utils/array.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "am/filter.h"
#include "base/compare.h"
#include "base/compat.h"

/* So many values compared with 64 words side by side are faster than word by word */
#define SHORT_LIST 8

/* A constant among the words of a column */
typedef struct Bound
{
	int64		word;
	int			rest;			/* the constant is below (-1), at (0), or above (1) the word */
} Bound;

/* A float8 among the words of float4 */
static Bound
bound_of_float8(const GvAmFilterColumn *column, float8 x)
{
	float4		rounded = (float4) x;
	Bound		bound;

	bound.word = gv_am_filter_word(column, Float4GetDatum(rounded));
	bound.rest = isnan(x) || (float8) rounded == x ? 0 : ((float8) rounded < x ? 1 : -1);
	return bound;
}

/* A constant of another integer type among the words of a column */
static Bound
bound_of_integer(const GvAmFilterColumn *column, int64 x)
{
	int64		largest = column->width == sizeof(int64) ? PG_INT64_MAX :
		((int64) 1 << (8 * column->width - 1)) - 1;
	Bound		bound = {x, 0};

	if (x > largest)
	{
		bound.word = largest;
		bound.rest = 1;
	}
	else if (x < -largest - 1)
	{
		bound.word = -largest - 1;
		bound.rest = -1;
	}
	return bound;
}

/* Find the place of a constant of a type that an operator of the class takes */
static Bound
bound_of(const GvAmFilterColumn *column, Oid type, Datum value)
{
	Bound		bound = {0, 0};

	if (type == FLOAT8OID && column->kind == GV_AM_FILTER_FLOAT4)
		return bound_of_float8(column, DatumGetFloat8(value));
	if (type == FLOAT4OID && column->kind == GV_AM_FILTER_FLOAT8)
		value = Float8GetDatum((float8) DatumGetFloat4(value));
	else if (type == INT2OID)
		return bound_of_integer(column, DatumGetInt16(value));
	else if (type == INT4OID)
		return bound_of_integer(column, DatumGetInt32(value));
	else if (type == INT8OID)
		return bound_of_integer(column, DatumGetInt64(value));
	bound.word = gv_am_filter_word(column, value);
	return bound;
}

/* The words that may be of a value that an operator finds; false if none may */
static bool
range_of(const GvAmFilterColumn *column, StrategyNumber strategy, Bound bound,
		 int64 *low, int64 *high)
{
	bool		below = strategy == BTLessStrategyNumber ||
		strategy == BTLessEqualStrategyNumber;
	bool		above = strategy == BTGreaterStrategyNumber ||
		strategy == BTGreaterEqualStrategyNumber;

	*low = PG_INT64_MIN;
	*high = PG_INT64_MAX;
	if (!below && !above)
	{
		*low = *high = bound.word;
		return bound.rest == 0;
	}

	/* of a text only the prefix orders */
	if (column->kind == GV_AM_FILTER_TEXT_C)
	{
		if (below)
			*high = bound.word | PG_UINT32_MAX;
		else
			*low = bound.word & ~(int64) PG_UINT32_MAX;
		return true;
	}
	/* a prefix may be the constant's and its value less or greater */
	if (column->kind == GV_AM_FILTER_UUID)
		bound.rest = below ? 1 : -1;

	if (below)
	{
		*high = bound.word;
		if (bound.rest < 0 || (bound.rest == 0 && strategy == BTLessStrategyNumber))
		{
			if (bound.word == PG_INT64_MIN)
				return false;
			(*high)--;
		}
	}
	else
	{
		*low = bound.word;
		if (bound.rest > 0 || (bound.rest == 0 && strategy == BTGreaterStrategyNumber))
		{
			if (bound.word == PG_INT64_MAX)
				return false;
			(*low)++;
		}
	}
	return true;
}

static void
finish_list(GvAmFilter *filter, GvAmFilterKey *key)
{
	int			n = 0;

	key->test = GV_AM_FILTER_IN_LIST;
	if (key->n_list == 0)
	{
		filter->never = true;
		return;
	}
	qsort(key->list, key->n_list, sizeof(int64), gv_base_compare_int64);
	for (int i = 0; i < key->n_list; i++)
	{
		if (n == 0 || key->list[i] != key->list[n - 1])
			key->list[n++] = key->list[i];
	}
	key->n_list = n;
	key->low = key->list[0];
	key->high = key->list[n - 1];
	if (n == 1)
		key->test = GV_AM_FILTER_IN_RANGE;
}

/* Labels of an enum by an operator that asks for their order */
static void
list_labels(GvAmFilter *filter, const GvAmFilterColumn *column, ScanKey scan_key,
			const Datum *values, int n_values, GvAmFilterKey *key)
{
	CatCList   *labels = SearchSysCacheList1(ENUMTYPOIDNAME,
											 ObjectIdGetDatum(getBaseType(column->type)));

	key->list = palloc(sizeof(int64) * (labels->n_members + 1));
	for (int i = 0; i < labels->n_members; i++)
	{
		Oid			label = ((Form_pg_enum) GETSTRUCT(&labels->members[i]->tuple))->oid;

		for (int v = 0; v < n_values; v++)
		{
			if (DatumGetBool(FunctionCall2Coll(&scan_key->sk_func, scan_key->sk_collation,
											   ObjectIdGetDatum(label), values[v])))
			{
				key->list[key->n_list++] =
					gv_am_filter_word(column, ObjectIdGetDatum(label));
				break;
			}
		}
	}
	ReleaseCatCacheList(labels);
	finish_list(filter, key);
}

/* An operator of arrays */
static void
compile_array(GvAmFilter *filter, const GvAmFilterColumn *column, ScanKey scan_key,
			  GvAmFilterKey *key)
{
	bool		has_nulls;
	int			n = gv_am_filter_array_words(column->collation, scan_key->sk_argument,
											 &key->list, &has_nulls);

	key->test = GV_AM_FILTER_HAS_ANY;
	key->n_list = n;
	if (scan_key->sk_strategy == GV_AM_FILTER_CONTAINS)
	{
		/* a null is contained in no array, nothing in each */
		if (has_nulls)
			filter->never = true;
		for (int i = 1; i < n; i++)
			key->list[0] |= key->list[i];
		key->n_list = 1;
		if (n == 0)
			key->test = GV_AM_FILTER_IS_NOT_NULL;
	}
	else if (n == 0)
		filter->never = true;
}

/* An operator with one constant or more, of which one must do */
static void
compile_values(GvAmFilter *filter, const GvAmFilterColumn *column, ScanKey scan_key,
			   Oid type, const Datum *values, int n_values, GvAmFilterKey *key)
{
	StrategyNumber strategy = scan_key->sk_strategy;

	if (n_values == 0)
	{
		filter->never = true;
		return;
	}
	if (column->kind == GV_AM_FILTER_ENUM && strategy != BTEqualStrategyNumber)
	{
		list_labels(filter, column, scan_key, values, n_values, key);
		return;
	}
	if (column->kind == GV_AM_FILTER_TEXT && strategy != BTEqualStrategyNumber)
	{
		/* hashes have no order: left to the recheck */
		key->test = GV_AM_FILTER_IS_NOT_NULL;
		return;
	}

	key->list = palloc(sizeof(int64) * n_values);
	key->low = PG_INT64_MAX;
	key->high = PG_INT64_MIN;
	for (int i = 0; i < n_values; i++)
	{
		int64		low;
		int64		high;

		if (!range_of(column, strategy, bound_of(column, type, values[i]), &low, &high))
			continue;
		key->list[key->n_list++] = low;
		key->low = Min(key->low, low);
		key->high = Max(key->high, high);
	}
	if (strategy == BTEqualStrategyNumber)
		finish_list(filter, key);
	else
	{
		key->test = GV_AM_FILTER_IN_RANGE;
		if (key->low > key->high)
			filter->never = true;
	}
}

/* col op ANY (array) */
static void
compile_any(GvAmFilter *filter, const GvAmFilterColumn *column, ScanKey scan_key,
			GvAmFilterKey *key)
{
	ArrayType  *array = DatumGetArrayTypeP(scan_key->sk_argument);
	Oid			type = ARR_ELEMTYPE(array);
	int16		length;
	bool		by_value;
	char		align;
	Datum	   *values;
	bool	   *nulls;
	int			n;
	int			n_values = 0;

	get_typlenbyvalalign(type, &length, &by_value, &align);
	deconstruct_array(array, type, length, by_value, align, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (!nulls[i])
			values[n_values++] = values[i];
	}
	compile_values(filter, column, scan_key, scan_key->sk_subtype, values, n_values, key);
}

/* Compile a condition; false if it always holds */
static bool
compile_key(const GvAmFilterColumns *columns, GvAmFilter *filter, ScanKey scan_key,
			GvAmFilterKey *key)
{
	const GvAmFilterColumn *column;

	memset(key, 0, sizeof(*key));
	/* the index has no rows without a vector */
	if (scan_key->sk_attno == 1)
	{
		if (scan_key->sk_flags & SK_SEARCHNULL)
			filter->never = true;
		return false;
	}

	key->column = scan_key->sk_attno - 2;
	column = &columns->column[key->column];
	if (scan_key->sk_flags & (SK_SEARCHNULL | SK_SEARCHNOTNULL))
	{
		key->test = scan_key->sk_flags & SK_SEARCHNULL ? GV_AM_FILTER_IS_NULL :
			GV_AM_FILTER_IS_NOT_NULL;
		return true;
	}
	/* the operators are strict */
	if (scan_key->sk_flags & SK_ISNULL)
	{
		filter->never = true;
		return false;
	}

	if (column->kind == GV_AM_FILTER_UUID || column->kind == GV_AM_FILTER_TEXT ||
		column->kind == GV_AM_FILTER_TEXT_C || column->kind == GV_AM_FILTER_ARRAY)
		filter->recheck = true;
	if (column->kind == GV_AM_FILTER_ARRAY)
		compile_array(filter, column, scan_key, key);
	else if (scan_key->sk_flags & SK_SEARCHARRAY)
		compile_any(filter, column, scan_key, key);
	else
		compile_values(filter, column, scan_key, OidIsValid(scan_key->sk_subtype) ?
					   scan_key->sk_subtype : column->type, &scan_key->sk_argument, 1, key);
	return true;
}

/* Narrow a range of the same column instead of adding another; false if there is none */
static bool
merge_range(GvAmFilter *filter, const GvAmFilterKey *key)
{
	if (key->test != GV_AM_FILTER_IN_RANGE)
		return false;
	for (int i = 0; i < filter->n_keys; i++)
	{
		GvAmFilterKey *other = &filter->key[i];

		if (other->test != GV_AM_FILTER_IN_RANGE || other->column != key->column)
			continue;
		other->low = Max(other->low, key->low);
		other->high = Min(other->high, key->high);
		if (other->low > other->high)
			filter->never = true;
		return true;
	}
	return false;
}

/*
 * gv_am_filter_compile
 *		Compile the conditions of a scan, in the current memory context.
 *
 * Returns NULL if each row passes.
 */
GvAmFilter *
gv_am_filter_compile(const GvAmFilterColumns *columns, ScanKey keys, int n_keys)
{
	GvAmFilter *filter;

	if (n_keys == 0)
		return NULL;
	filter = palloc0(sizeof(GvAmFilter));
	filter->key = palloc(sizeof(GvAmFilterKey) * n_keys);
	for (int i = 0; i < n_keys; i++)
	{
		GvAmFilterKey *key = &filter->key[filter->n_keys];

		if (compile_key(columns, filter, &keys[i], key) && !merge_range(filter, key))
			filter->n_keys++;
	}
	return filter->n_keys > 0 || filter->never ? filter : NULL;
}

/* Is a word in a sorted list? */
static inline bool
list_has(const int64 *list, int n, int64 word)
{
	int			low = 0;

	while (n > 1)
	{
		int			half = n / 2;

		low += list[low + half] <= word ? half : 0;
		n -= half;
	}
	return list[low] == word;
}

static inline bool
has_any(const int64 *list, int n, int64 word)
{
	for (int i = 0; i < n; i++)
	{
		if ((word & list[i]) == list[i])
			return true;
	}
	return false;
}

/*
 * gv_am_filter_passes
 *		Do all conditions hold for a row, as far as its words tell?
 */
bool
gv_am_filter_passes(const GvAmFilter *filter, const GvAmFilterRow *row)
{
	for (int i = 0; i < filter->n_keys; i++)
	{
		const GvAmFilterKey *key = &filter->key[i];
		bool		is_null = (row->nulls >> key->column) & 1;
		int64		word = row->word[key->column];
		bool		passes = false;

		if (is_null != (key->test == GV_AM_FILTER_IS_NULL))
			return false;
		switch (key->test)
		{
			case GV_AM_FILTER_IS_NULL:
			case GV_AM_FILTER_IS_NOT_NULL:
				passes = true;
				break;
			case GV_AM_FILTER_IN_RANGE:
				passes = word >= key->low && word <= key->high;
				break;
			case GV_AM_FILTER_IN_LIST:
				passes = list_has(key->list, key->n_list, word);
				break;
			case GV_AM_FILTER_HAS_ANY:
				passes = has_any(key->list, key->n_list, word);
				break;
		}
		if (!passes)
			return false;
	}
	return !filter->never;
}

/* The bits of 64 bytes, each 0 or 1 */
static inline uint64
bits_of_bytes(const uint8 *bytes)
{
	uint64		bits = 0;

	for (int i = 0; i < 8; i++)
	{
		uint64		eight;

		memcpy(&eight, bytes + 8 * i, 8);
#ifdef WORDS_BIGENDIAN
		eight = pg_bswap64(eight);
#endif
		bits |= ((eight * UINT64CONST(0x0102040810204080)) >> 56) << (8 * i);
	}
	return bits;
}

/*
 * Which of 64 words are in a range?  Mark those that are a value, or have all of
 * its bits.  Written so that compilers vectorize it.
 */
#define DEFINE_TESTS(type) \
static uint64 \
in_range_##type(const type *words, type low, type high) \
{ \
	uint8		bytes[64]; \
 \
	for (int i = 0; i < 64; i++) \
		bytes[i] = (words[i] >= low) & (words[i] <= high); \
	return bits_of_bytes(bytes); \
} \
 \
static void \
mark_##type(const type *words, type value, type mask, uint8 *bytes) \
{ \
	for (int i = 0; i < 64; i++) \
		bytes[i] |= (words[i] & mask) == value; \
}

DEFINE_TESTS(int8)
DEFINE_TESTS(int16)
DEFINE_TESTS(int32)
DEFINE_TESTS(int64)

/* The same for a width; the bounds may lie beyond what the words can be */
static uint64
in_range(const GvAmFilterKey *key, int width, const char *words)
{
	int64		largest = width == 8 ? PG_INT64_MAX : ((int64) 1 << (8 * width - 1)) - 1;
	int64		low = Max(key->low, -largest - 1);
	int64		high = Min(key->high, largest);

	if (low > high)
		return 0;
	switch (width)
	{
		case 8:
			return in_range_int64((const int64 *) words, low, high);
		case 4:
			return in_range_int32((const int32 *) words, (int32) low, (int32) high);
		case 2:
			return in_range_int16((const int16 *) words, (int16) low, (int16) high);
		default:
			return in_range_int8((const int8 *) words, (int8) low, (int8) high);
	}
}

/* Which of 64 words are one of a short list, or have all bits of one? */
static uint64
in_short_list(const GvAmFilterKey *key, int width, const char *words)
{
	uint8		bytes[64] = {0};

	for (int i = 0; i < key->n_list; i++)
	{
		int64		value = key->list[i];
		int64		mask = key->test == GV_AM_FILTER_HAS_ANY ? value : -1;

		switch (width)
		{
			case 8:
				mark_int64((const int64 *) words, value, mask, bytes);
				break;
			case 4:
				mark_int32((const int32 *) words, (int32) value, (int32) mask, bytes);
				break;
			case 2:
				mark_int16((const int16 *) words, (int16) value, (int16) mask, bytes);
				break;
			default:
				mark_int8((const int8 *) words, (int8) value, (int8) mask, bytes);
				break;
		}
	}
	return bits_of_bytes(bytes);
}

/* Which of 64 words pass, of those whose bits are set?  One by one */
static uint64
test_each(const GvAmFilterKey *key, int width, const char *words, uint64 bits)
{
	for (uint64 left = bits; left != 0; left &= left - 1)
	{
		int			bit = pg_rightmost_one_pos64(left);
		int64		word = gv_am_filter_get_word(words + (Size) bit * width, width);
		bool		passes;

		if (key->test == GV_AM_FILTER_IN_RANGE)
			passes = word >= key->low && word <= key->high;
		else if (key->test == GV_AM_FILTER_IN_LIST)
			passes = list_has(key->list, key->n_list, word);
		else
			passes = has_any(key->list, key->n_list, word);
		if (!passes)
			bits &= ~((uint64) 1 << bit);
	}
	return bits;
}

/*
 * gv_am_filter_test_words
 *		Test the words of many rows.
 *
 * words: of width bytes, n of them, aligned to 8 bytes
 * nulls: a bit for each
 * passing: a bit for each; cleared where the condition does not hold
 */
void
gv_am_filter_test_words(const GvAmFilterKey *key, int width, const void *words,
						const uint64 *nulls, int n, uint64 *passing)
{
	bool		has_range = key->test == GV_AM_FILTER_IN_RANGE ||
		key->test == GV_AM_FILTER_IN_LIST;
	bool		has_list = key->test == GV_AM_FILTER_IN_LIST ||
		key->test == GV_AM_FILTER_HAS_ANY;
	bool		is_short = has_list && key->n_list <= SHORT_LIST;

	for (int i = 0; i < n; i += 64)
	{
		const char *here = (const char *) words + (Size) i * width;
		bool		is_whole = i + 64 <= n;
		uint64		bits = passing[i / 64];

		bits &= key->test == GV_AM_FILTER_IS_NULL ? nulls[i / 64] : ~nulls[i / 64];
		if (bits != 0 && is_whole && has_range)
			bits &= in_range(key, width, here);
		if (bits != 0 && is_whole && is_short)
			bits &= in_short_list(key, width, here);
		else if (has_list || (has_range && !is_whole))
			bits = test_each(key, width, here, bits);
		passing[i / 64] = bits;
	}
}
