/*-------------------------------------------------------------------------
 *
 * filter.h
 *		Filter columns: values as words of fixed width, conditions on them.
 *
 * A filter column's value is kept as a signed integer of 1 to 8 bytes, its
 * word.  Words of numbers and times order as the values do and tell all of
 * them.  Words of longer values are lossy: a prefix, a hash, or the signature
 * of an array, so that a row found by them must be looked at again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_FILTER_H
#define GV_AM_FILTER_H

#include "postgres.h"

#include "access/skey.h"
#include "pg_config_manual.h"
#include "utils/rel.h"

#include "am/opclass.h"

/* The number of the support function of filter columns' operator classes */
#define GV_AM_FILTER_PROC 2

/* An index has one column more, its vector */
#define GV_AM_MAX_FILTERS (INDEX_MAX_KEYS - 1)

/* How words are made of values.  Stored in metapages: never renumber. */
typedef enum GvAmFilterKind
{
	GV_AM_FILTER_NONE = 0,
	GV_AM_FILTER_BOOL,			/* 0 or 1 */
	GV_AM_FILTER_INT2,
	GV_AM_FILTER_INT4,			/* date, too */
	GV_AM_FILTER_INT8,			/* timestamp, timestamptz, too */
	GV_AM_FILTER_FLOAT4,		/* bits in the order of the numbers */
	GV_AM_FILTER_FLOAT8,
	GV_AM_FILTER_UUID,			/* the first 8 bytes; lossy */
	GV_AM_FILTER_ENUM,			/* the label's OID: equality only */
	GV_AM_FILTER_TEXT,			/* hash; lossy, equality only */
	GV_AM_FILTER_TEXT_C,		/* first 4 bytes, hash in the others; lossy */
	GV_AM_FILTER_ARRAY			/* signature of the elements; lossy */
} GvAmFilterKind;

#define GV_AM_FILTER_LAST GV_AM_FILTER_ARRAY

/* Strategies of the operators, as btree numbers its own */
#define GV_AM_FILTER_OVERLAPS 6
#define GV_AM_FILTER_CONTAINS 7
#define GV_AM_FILTER_STRATEGIES 7

typedef struct GvAmFilterColumn
{
	uint8		kind;			/* GvAmFilterKind */
	uint8		width;			/* bytes of a word: 1, 2, 4 or 8 */
	uint16		offset;			/* of the word in a packed row */
	Oid			type;
	Oid			collation;
} GvAmFilterColumn;

/* The filter columns of an index, in their order */
typedef struct GvAmFilterColumns
{
	int			n;
	int			packed_size;	/* bytes of a packed row: nulls, words */
	GvAmFilterColumn column[GV_AM_MAX_FILTERS];
} GvAmFilterColumns;

/* The words of a row */
typedef struct GvAmFilterRow
{
	uint32		nulls;			/* bit i: column i is null, its word 0 */
	int64		word[GV_AM_MAX_FILTERS];
} GvAmFilterRow;

/* What a condition asks of a word */
typedef enum GvAmFilterTest
{
	GV_AM_FILTER_IS_NULL,
	GV_AM_FILTER_IS_NOT_NULL,
	GV_AM_FILTER_IN_RANGE,		/* low <= word <= high */
	GV_AM_FILTER_IN_LIST,		/* one of the list, which is sorted */
	GV_AM_FILTER_HAS_ANY		/* all bits of one of the list */
} GvAmFilterTest;

typedef struct GvAmFilterKey
{
	GvAmFilterTest test;
	int			column;			/* from 0 */
	int64		low;
	int64		high;
	int64	   *list;
	int			n_list;
} GvAmFilterKey;

/* The conditions of a scan, all of which must hold */
typedef struct GvAmFilter
{
	bool		never;			/* no row can pass */
	bool		recheck;		/* a row that passes need not match */
	int			n_keys;
	GvAmFilterKey *key;
} GvAmFilter;

/* The bytes of a kind's words */
static inline int
gv_am_filter_width(GvAmFilterKind kind)
{
	switch (kind)
	{
		case GV_AM_FILTER_BOOL:
			return sizeof(int8);
		case GV_AM_FILTER_INT2:
			return sizeof(int16);
		case GV_AM_FILTER_INT4:
		case GV_AM_FILTER_FLOAT4:
		case GV_AM_FILTER_ENUM:
			return sizeof(int32);
		case GV_AM_FILTER_INT8:
		case GV_AM_FILTER_FLOAT8:
		case GV_AM_FILTER_UUID:
		case GV_AM_FILTER_TEXT:
		case GV_AM_FILTER_TEXT_C:
		case GV_AM_FILTER_ARRAY:
			return sizeof(int64);
		case GV_AM_FILTER_NONE:
			break;
	}
	return 0;
}

/* filter.c */
extern bool gv_am_is_filter(Relation index, int attno);
extern void gv_am_filter_check_columns(Relation index);
extern void gv_am_filter_columns(GvAmFilterColumns *columns, Relation index);
extern int	gv_am_describe_columns(Relation index, const GvAmOpclass **opclass,
								   GvAmFilterColumns *filters);
extern bool gv_am_filter_kinds_are(const GvAmFilterColumns *columns, const uint8 *kind);
extern int64 gv_am_filter_word(const GvAmFilterColumn *column, Datum value);
extern void gv_am_filter_row(const GvAmFilterColumns *columns, const Datum *values,
							 const bool *nulls, GvAmFilterRow *row);
extern void gv_am_filter_pack(const GvAmFilterColumns *columns, const GvAmFilterRow *row,
							  char *packed);
extern void gv_am_filter_unpack(const GvAmFilterColumns *columns, const char *packed,
								GvAmFilterRow *row);
extern void gv_am_filter_put_word(void *place, int width, int64 word);
extern int64 gv_am_filter_get_word(const void *place, int width);
extern bool gv_am_filter_rows_equal(const GvAmFilterColumns *columns,
									const GvAmFilterRow *a, const GvAmFilterRow *b);
extern int	gv_am_filter_array_words(Oid collation, Datum value, int64 **words,
									 bool *has_nulls);

/* filter_keys.c */
extern GvAmFilter *gv_am_filter_compile(const GvAmFilterColumns *columns,
										ScanKey keys, int n_keys);
extern bool gv_am_filter_passes(const GvAmFilter *filter, const GvAmFilterRow *row);
extern void gv_am_filter_test_words(const GvAmFilterKey *key, int width, const void *words,
									const uint64 *nulls, int n, uint64 *passing);

#endif							/* GV_AM_FILTER_H */
