/*-------------------------------------------------------------------------
 *
 * filter.c
 *		Filter columns: from values to words.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "catalog/pg_collation.h"
#include "commands/defrem.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "am/filter.h"
#include "am/opclass.h"
#include "base/compat.h"
#include "base/random.h"

/* Bits that an element of an array sets in the signature */
#define SIGNATURE_BITS 3

/* Each operator class has a function that says how its words are made */
#define DEFINE_FILTER(name, kind) \
	PGDLLEXPORT PG_FUNCTION_INFO_V1(gv_am_filter_##name); \
	Datum \
	gv_am_filter_##name(PG_FUNCTION_ARGS) \
	{ \
		static const int result = kind; \
		PG_RETURN_POINTER(&result); \
	} \
	extern Datum gv_am_filter_##name(PG_FUNCTION_ARGS)

DEFINE_FILTER(bool, GV_AM_FILTER_BOOL);
DEFINE_FILTER(int2, GV_AM_FILTER_INT2);
DEFINE_FILTER(int4, GV_AM_FILTER_INT4);
DEFINE_FILTER(int8, GV_AM_FILTER_INT8);
DEFINE_FILTER(float4, GV_AM_FILTER_FLOAT4);
DEFINE_FILTER(float8, GV_AM_FILTER_FLOAT8);
DEFINE_FILTER(uuid, GV_AM_FILTER_UUID);
DEFINE_FILTER(enum, GV_AM_FILTER_ENUM);
DEFINE_FILTER(text, GV_AM_FILTER_TEXT);
DEFINE_FILTER(array, GV_AM_FILTER_ARRAY);

/*
 * gv_am_is_filter
 *		Is a column of an index, from 1, a filter column by its operator class?
 */
bool
gv_am_is_filter(Relation index, int attno)
{
	return OidIsValid(index_getprocid(index, attno, GV_AM_FILTER_PROC));
}

/*
 * gv_am_filter_check_columns
 *		Raise an error unless the first column of an index is a vector and the
 *		others are filter columns.
 */
void
gv_am_filter_check_columns(Relation index)
{
	TupleDesc	desc = RelationGetDescr(index);

	if (gv_am_is_filter(index, 1))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("first column of %s index \"%s\" is not a vector",
						get_am_name(index->rd_rel->relam), RelationGetRelationName(index)),
				 errdetail("Column \"%s\" can only be a filter column.",
						   NameStr(TupleDescAttr(desc, 0)->attname)),
				 errhint("Name the vector first and filter columns after it.")));
	for (int i = 1; i < desc->natts; i++)
	{
		if (!gv_am_is_filter(index, i + 1))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("%s index \"%s\" cannot have more than one vector",
							get_am_name(index->rd_rel->relam), RelationGetRelationName(index)),
					 errdetail("Column \"%s\" has an operator class of vectors.",
							   NameStr(TupleDescAttr(desc, i)->attname)),
					 errhint("Create an index for each vector.")));
	}
}

/*
 * gv_am_filter_columns
 *		Describe the filter columns of an index.
 *
 * columns: written
 *
 * Raises an error if a column's values cannot be made into words.
 */
void
gv_am_filter_columns(GvAmFilterColumns *columns, Relation index)
{
	TupleDesc	desc = RelationGetDescr(index);

	columns->n = desc->natts - 1;
	columns->packed_size = 0;
	if (columns->n == 0)
		return;

	columns->packed_size = sizeof(uint32);
	for (int i = 0; i < columns->n; i++)
	{
		GvAmFilterColumn *column = &columns->column[i];
		FmgrInfo   *proc = index_getprocinfo(index, i + 2, GV_AM_FILTER_PROC);

		column->kind = *(const int *)
			DatumGetPointer(FunctionCall1(proc, PointerGetDatum(NULL)));
		column->type = TupleDescAttr(desc, i + 1)->atttypid;
		column->collation = index->rd_indcollation[i + 1];

		/*
		 * Under C, words order as the texts do.  Of another collation that is C
		 * by its locale nothing is assumed: words must not depend on the server's
		 * version or locale.
		 */
		if (column->kind == GV_AM_FILTER_TEXT && column->collation == C_COLLATION_OID)
			column->kind = GV_AM_FILTER_TEXT_C;
		if (column->kind == GV_AM_FILTER_ARRAY)
		{
			Oid			element = get_base_element_type(column->type);

			TypeCacheEntry *type = lookup_type_cache(element, TYPECACHE_HASH_EXTENDED_PROC);

			if (!OidIsValid(type->hash_extended_proc))
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("column \"%s\" of type %s cannot be a filter column",
								NameStr(TupleDescAttr(desc, i + 1)->attname),
								format_type_be(column->type)),
						 errdetail("Values of type %s have no hash function.",
								   format_type_be(element))));
		}
		column->width = gv_am_filter_width(column->kind);
		column->offset = columns->packed_size;
		columns->packed_size += column->width;
	}
}

/*
 * gv_am_describe_columns
 *		Describe the columns of an index to be, and return the dimensions of its
 *		vectors.
 *
 * opclass, filters: written
 *
 * Raises an error if the columns do not allow an index.
 */
int
gv_am_describe_columns(Relation index, const GvAmOpclass **opclass, GvAmFilterColumns *filters)
{
	int			dim;

	gv_am_filter_check_columns(index);
	*opclass = gv_am_opclass(index);
	dim = gv_am_column_dim(index);
	gv_am_filter_columns(filters, index);
	if (dim > gv_am_max_dim(*opclass))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("column cannot have more than %d dimensions for %s index",
						gv_am_max_dim(*opclass), get_am_name(index->rd_rel->relam)),
				 errdetail("The column of index \"%s\" has %d dimensions.",
						   RelationGetRelationName(index), dim)));
	return dim;
}

/*
 * gv_am_filter_kinds_are
 *		Are the filter columns of the kinds that a metapage has noted?
 *
 * kind: uint8[INDEX_MAX_KEYS]
 */
bool
gv_am_filter_kinds_are(const GvAmFilterColumns *columns, const uint8 *kind)
{
	for (int i = 0; i < INDEX_MAX_KEYS; i++)
	{
		if (kind[i] != (i < columns->n ? columns->column[i].kind : GV_AM_FILTER_NONE))
			return false;
	}
	return true;
}

/* Bits of a number in the order of the numbers; NaN is the largest */
static int64
word_of_float8(float8 x)
{
	int64		bits;

	if (isnan(x))
		return PG_INT64_MAX;
	if (x == 0)
		return 0;				/* negative zero, too */
	memcpy(&bits, &x, sizeof(bits));
	return bits < 0 ? bits ^ PG_INT64_MAX : bits;
}

static int32
word_of_float4(float4 x)
{
	int32		bits;

	if (isnan(x))
		return PG_INT32_MAX;
	if (x == 0)
		return 0;
	memcpy(&bits, &x, sizeof(bits));
	return bits < 0 ? bits ^ PG_INT32_MAX : bits;
}

/* The first n bytes as a number that orders as they do, the rest taken as 0 */
static uint64
prefix_of(const unsigned char *bytes, int n_bytes, int n)
{
	uint64		prefix = 0;

	for (int i = 0; i < n; i++)
		prefix = prefix << 8 | (i < n_bytes ? bytes[i] : 0);
	return prefix;
}

static int64
word_of_text(const GvAmFilterColumn *column, Datum value)
{
	struct varlena *text = PG_DETOAST_DATUM_PACKED(value);
	unsigned char *bytes = (unsigned char *) VARDATA_ANY(text);
	int			n_bytes = VARSIZE_ANY_EXHDR(text);
	uint64		word;

	if (column->kind == GV_AM_FILTER_TEXT_C)
		word = (prefix_of(bytes, n_bytes, 4) << 32 | hash_bytes(bytes, n_bytes)) ^
			((uint64) 1 << 63);
	else						/* knows collations under which different texts are equal */
		word = DatumGetUInt64(DirectFunctionCall2Coll(hashtextextended, column->collation,
													  PointerGetDatum(text), Int64GetDatum(0)));
	if ((Pointer) text != DatumGetPointer(value))
		pfree(text);
	return (int64) word;
}

/*
 * gv_am_filter_array_words
 *		Return the signatures of an array's elements, one for each.
 *
 * words: set to palloc'd memory
 * has_nulls: set if elements are null; these have no signature, as no array
 * operator finds them
 */
int
gv_am_filter_array_words(Oid collation, Datum value, int64 **words, bool *has_nulls)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	TypeCacheEntry *type = lookup_type_cache(ARR_ELEMTYPE(array),
											 TYPECACHE_HASH_EXTENDED_PROC_FINFO);
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	int			n_words = 0;

	deconstruct_array(array, ARR_ELEMTYPE(array), type->typlen, type->typbyval,
					  type->typalign, &elements, &nulls, &n);
	*words = palloc(sizeof(int64) * (n + 1));
	*has_nulls = false;
	for (int i = 0; i < n; i++)
	{
		uint64		hash;
		uint64		word = 0;

		if (nulls[i])
		{
			*has_nulls = true;
			continue;
		}
		hash = gv_random_mix(DatumGetUInt64(FunctionCall2Coll(&type->hash_extended_proc_finfo,
															  collation, elements[i],
															  Int64GetDatum(0))));
		for (int bit = 0; bit < SIGNATURE_BITS; bit++)
			word |= (uint64) 1 << ((hash >> (8 * bit)) & 63);
		(*words)[n_words++] = (int64) word;
	}
	pfree(elements);
	pfree(nulls);
	if ((Pointer) array != DatumGetPointer(value))
		pfree(array);
	return n_words;
}

/* All signatures of an array's elements together; an empty array has 0 */
static int64
word_of_array(const GvAmFilterColumn *column, Datum value)
{
	int64	   *words;
	bool		has_nulls;
	int			n = gv_am_filter_array_words(column->collation, value, &words, &has_nulls);
	int64		word = 0;

	for (int i = 0; i < n; i++)
		word |= words[i];
	pfree(words);
	return word;
}

/*
 * gv_am_filter_word
 *		Return the word of a value, which has the column's type.
 */
int64
gv_am_filter_word(const GvAmFilterColumn *column, Datum value)
{
	switch ((GvAmFilterKind) column->kind)
	{
		case GV_AM_FILTER_BOOL:
			return DatumGetBool(value);
		case GV_AM_FILTER_INT2:
			return DatumGetInt16(value);
		case GV_AM_FILTER_INT4:
			return DatumGetInt32(value);
		case GV_AM_FILTER_INT8:
			return DatumGetInt64(value);
		case GV_AM_FILTER_FLOAT4:
			return word_of_float4(DatumGetFloat4(value));
		case GV_AM_FILTER_FLOAT8:
			return word_of_float8(DatumGetFloat8(value));
		case GV_AM_FILTER_UUID:
			return (int64) (prefix_of(DatumGetUUIDP(value)->data, UUID_LEN, 8) ^
							((uint64) 1 << 63));
		case GV_AM_FILTER_ENUM:
			return (int32) DatumGetObjectId(value);
		case GV_AM_FILTER_TEXT:
		case GV_AM_FILTER_TEXT_C:
			return word_of_text(column, value);
		case GV_AM_FILTER_ARRAY:
			return word_of_array(column, value);
		case GV_AM_FILTER_NONE:
			break;
	}
	elog(ERROR, "unrecognized kind of filter column: %d", column->kind);
	return 0;
}

/*
 * gv_am_filter_row
 *		Make the words of a row.
 *
 * values, nulls: of the index's columns after the first
 * row: written
 */
void
gv_am_filter_row(const GvAmFilterColumns *columns, const Datum *values,
				 const bool *nulls, GvAmFilterRow *row)
{
	row->nulls = 0;
	for (int i = 0; i < columns->n; i++)
	{
		if (nulls[i])
			row->nulls |= (uint32) 1 << i;
		row->word[i] = nulls[i] ? 0 : gv_am_filter_word(&columns->column[i], values[i]);
	}
}

/*
 * gv_am_filter_put_word, gv_am_filter_get_word
 *		Write and read a word of so many bytes.
 */
void
gv_am_filter_put_word(void *place, int width, int64 word)
{
	int32		word4 = (int32) word;
	int16		word2 = (int16) word;
	int8		word1 = (int8) word;

	switch (width)
	{
		case 8:
			memcpy(place, &word, 8);
			break;
		case 4:
			memcpy(place, &word4, 4);
			break;
		case 2:
			memcpy(place, &word2, 2);
			break;
		default:
			memcpy(place, &word1, 1);
	}
}

int64
gv_am_filter_get_word(const void *place, int width)
{
	int64		word;
	int32		word4;
	int16		word2;

	switch (width)
	{
		case 8:
			memcpy(&word, place, 8);
			return word;
		case 4:
			memcpy(&word4, place, 4);
			return word4;
		case 2:
			memcpy(&word2, place, 2);
			return word2;
		default:
			return *(const int8 *) place;
	}
}

/*
 * gv_am_filter_pack, gv_am_filter_unpack
 *		Write a row's words one after another, and read them back.
 *
 * packed: char[packed_size], not aligned; equal rows are equal byte by byte
 */
void
gv_am_filter_pack(const GvAmFilterColumns *columns, const GvAmFilterRow *row,
				  char *packed)
{
	memcpy(packed, &row->nulls, sizeof(uint32));
	for (int i = 0; i < columns->n; i++)
		gv_am_filter_put_word(packed + columns->column[i].offset,
							  columns->column[i].width, row->word[i]);
}

void
gv_am_filter_unpack(const GvAmFilterColumns *columns, const char *packed,
					GvAmFilterRow *row)
{
	memcpy(&row->nulls, packed, sizeof(uint32));
	for (int i = 0; i < columns->n; i++)
		row->word[i] = gv_am_filter_get_word(packed + columns->column[i].offset,
											 columns->column[i].width);
}

/*
 * gv_am_filter_rows_equal
 *		Do two rows have the same words?
 */
bool
gv_am_filter_rows_equal(const GvAmFilterColumns *columns, const GvAmFilterRow *a,
						const GvAmFilterRow *b)
{
	return a->nulls == b->nulls &&
		memcmp(a->word, b->word, sizeof(int64) * columns->n) == 0;
}
