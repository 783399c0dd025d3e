/*
 * filters.c
 *		Filter columns: words of values, and conditions as tests of words.
 *
 * An input gives a column's kind, rows and conditions.  A row for which the
 * conditions hold must pass; one that passes must be one of those unless a
 * recheck is announced; and the tests of one row and of many must agree.
 */
#include "postgres.h"

#include <math.h>

#include "access/stratnum.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/uuid.h"

#include "am/filter.h"
#include "shim.h"

#define MAX_ROWS 128
#define MAX_KEYS 4
#define MAX_ELEMENTS 5

/* A value as conditions understand it, beside its datum */
typedef struct Value
{
	Oid			type;
	Datum		datum;
	int64		number;
	float8		real;
	const char *bytes;
	int			len;
} Value;

typedef struct Condition
{
	StrategyNumber strategy;	/* 0: IS [NOT] NULL */
	bool		is_null;
	int			n;				/* constants, of which one must do */
	Value		constant[MAX_ELEMENTS];
} Condition;

typedef struct Input
{
	GvFuzzBytes bytes;
	GvAmFilterColumns columns;
	int			n_rows;
	Value		row[MAX_ROWS];
	bool		is_null[MAX_ROWS];
	int			n_keys;
	Condition	condition[MAX_KEYS];
	ScanKeyData key[MAX_KEYS];
} Input;

/* The constants of the array that is looked at */
typedef struct Array
{
	ArrayType	head;
	Condition  *condition;
} Array;

void
deconstruct_array(ArrayType *array, Oid type, int length, bool by_value, char align,
				  Datum **elements, bool **nulls, int *n)
{
	Condition  *condition = ((Array *) array)->condition;

	*n = condition->n;
	*elements = palloc(sizeof(Datum) * (*n + 1));
	*nulls = palloc0(sizeof(bool) * (*n + 1));
	for (int i = 0; i < *n; i++)
		(*elements)[i] = condition->constant[i].datum;
}

void
get_typlenbyvalalign(Oid type, int16 *length, bool *by_value, char *align)
{
	*length = 0;
	*by_value = false;
	*align = 0;
}

static void
take_value(Input *input, Oid type, Value *value)
{
	GvFuzzBytes *bytes = &input->bytes;
	uint64		bits = gv_fuzz_take(bytes, 1);

	memset(value, 0, sizeof(*value));
	value->type = type;
	/* one byte: a small number; or eight */
	if (bits < 0xC0)
		bits = (uint64) (int64) (int8) (bits - 0x60);
	else
	{
		bits = gv_fuzz_take(bytes, 4);
		bits |= (uint64) gv_fuzz_take(bytes, 4) << 32;
	}
	value->number = (int64) bits;
	switch (type)
	{
		case BOOLOID:
			value->number = bits & 1;
			value->datum = BoolGetDatum(value->number);
			break;
		case INT2OID:
			value->number = (int16) bits;
			value->datum = Int16GetDatum((int16) bits);
			break;
		case INT4OID:
			value->number = (int32) bits;
			value->datum = Int32GetDatum((int32) bits);
			break;
		case INT8OID:
			value->datum = Int64GetDatum((int64) bits);
			break;
		case FLOAT4OID:
			{
				uint32		low = (uint32) bits;
				float4		x = (float4) (int64) bits;

				if (bits >> 32 != 0 && bits >> 32 != PG_UINT32_MAX)
					memcpy(&x, &low, sizeof(x));
				value->real = x;
				value->datum = Float4GetDatum(x);
			}
			break;
		case FLOAT8OID:
			{
				float8		x = (float8) (int64) bits;

				if (bits >> 32 != 0 && bits >> 32 != PG_UINT32_MAX)
					memcpy(&x, &bits, sizeof(x));
				value->real = x;
				value->datum = Float8GetDatum(x);
			}
			break;
		case UUIDOID:
			{
				pg_uuid_t  *uuid = palloc0(sizeof(pg_uuid_t));

				memcpy(uuid->data + bits % 9, &bits, sizeof(bits) - 1);
				value->bytes = (char *) uuid->data;
				value->len = UUID_LEN;
				value->datum = PointerGetDatum(uuid);
			}
			break;
		default:
			{
				int			len = (int) (bits % 12);
				char	   *piece = palloc0(VARHDRSZ + len);

				SET_VARSIZE(piece, VARHDRSZ + len);
				for (int i = 0; i < len; i++)
					VARDATA(piece)[i] = (char) Max(gv_fuzz_take(bytes, 1), 1);
				value->bytes = VARDATA(piece);
				value->len = len;
				value->datum = PointerGetDatum(piece);
			}
	}
}

/* As btree compares them */
static int
compare_values(const Value *a, const Value *b)
{
	int			result;

	switch (a->type)
	{
		case FLOAT4OID:
		case FLOAT8OID:
			if (isnan(a->real) || isnan(b->real))
				return isnan(a->real) - isnan(b->real);
			return a->real < b->real ? -1 : a->real > b->real;
		case UUIDOID:
		case TEXTOID:
			result = memcmp(a->bytes, b->bytes, Min(a->len, b->len));
			return result != 0 ? result : a->len - b->len;
		default:
			return a->number < b->number ? -1 : a->number > b->number;
	}
}

static bool
holds(const Condition *condition, const Value *row, bool is_null)
{
	if (condition->strategy == 0)
		return is_null == condition->is_null;
	for (int i = 0; i < condition->n && !is_null; i++)
	{
		int			order = compare_values(row, &condition->constant[i]);
		bool		found[] = {false, order < 0, order <= 0, order == 0, order >= 0, order > 0};

		if (found[condition->strategy])
			return true;
	}
	return false;
}

static void
take_condition(Input *input, Oid column_type, Condition *condition, ScanKey key)
{
	uint32		flags = gv_fuzz_take(&input->bytes, 1);
	static const Oid integers[] = {INT2OID, INT4OID, INT8OID};
	Oid			type = column_type;
	Array	   *array;

	memset(key, 0, sizeof(*key));
	key->sk_attno = 2;
	condition->strategy = flags % 6;
	condition->is_null = flags & 64;
	condition->n = 1;
	if (condition->strategy == 0)
	{
		key->sk_flags = SK_ISNULL | (condition->is_null ? SK_SEARCHNULL : SK_SEARCHNOTNULL);
		return;
	}
	/* the operator may be one of two types */
	if (column_type == INT2OID || column_type == INT4OID || column_type == INT8OID)
		type = integers[flags / 6 % 3];
	else if ((column_type == FLOAT4OID || column_type == FLOAT8OID) && flags & 64)
		type = column_type == FLOAT4OID ? FLOAT8OID : FLOAT4OID;
	if (flags >= 128)
		condition->n = gv_fuzz_take(&input->bytes, 1) % (MAX_ELEMENTS + 1);
	for (int i = 0; i < condition->n; i++)
		take_value(input, type, &condition->constant[i]);
	key->sk_strategy = condition->strategy;
	key->sk_subtype = type;
	if (flags < 128)
		key->sk_argument = condition->constant[0].datum;
	else
	{
		array = palloc0(sizeof(Array));
		SET_VARSIZE(array, sizeof(Array));
		array->head.elemtype = type;
		array->condition = condition;
		key->sk_flags = SK_SEARCHARRAY;
		key->sk_argument = PointerGetDatum(array);
	}
}

/* Whether a row passes must be what is so */
static void
judge(const Input *input, const GvAmFilter *filter, int row, bool passes, const char *by)
{
	bool		is_so = true;

	for (int i = 0; i < input->n_keys; i++)
		is_so &= holds(&input->condition[i], &input->row[row], input->is_null[row]);
	if (is_so && !passes)
		gv_fuzz_fail("row %d is lost by %s", row, by);
	if (passes && !is_so && !(filter && filter->recheck))
		gv_fuzz_fail("row %d passes by %s", row, by);
}

static void
test_rows(void *arg)
{
	Input	   *input = arg;
	GvAmFilterColumn *column = &input->columns.column[0];
	GvAmFilter *filter = gv_am_filter_compile(&input->columns, input->key, input->n_keys);
	uint64	   *words = palloc0(sizeof(uint64) * MAX_ROWS);
	uint64		nulls[MAX_ROWS / 64] = {0};
	uint64		passing[MAX_ROWS / 64];

	memset(passing, -1, sizeof(passing));
	for (int i = 0; i < input->n_rows; i++)
	{
		GvAmFilterRow row;
		GvAmFilterRow unpacked = {0};
		char	   *packed = palloc(input->columns.packed_size);

		gv_am_filter_row(&input->columns, &input->row[i].datum, &input->is_null[i], &row);
		gv_am_filter_pack(&input->columns, &row, packed);
		gv_am_filter_unpack(&input->columns, packed, &unpacked);
		if (!gv_am_filter_rows_equal(&input->columns, &row, &unpacked))
			gv_fuzz_fail("row %d is another when it was packed", i);
		judge(input, filter, i, filter == NULL || gv_am_filter_passes(filter, &row), "itself");
		if (input->is_null[i])
			nulls[i / 64] |= UINT64CONST(1) << (i % 64);
		gv_am_filter_put_word((char *) words + i * column->width, column->width, row.word[0]);
	}
	if (filter == NULL || filter->never)
		return;
	for (int i = 0; i < filter->n_keys; i++)
		gv_am_filter_test_words(&filter->key[i], column->width, words, nulls, input->n_rows,
								passing);
	for (int i = 0; i < input->n_rows; i++)
		judge(input, filter, i, (passing[i / 64] >> (i % 64)) & 1, "its words");
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	static const struct
	{
		GvAmFilterKind kind;
		Oid			type;
	}			kinds[] = {
		{GV_AM_FILTER_BOOL, BOOLOID}, {GV_AM_FILTER_INT2, INT2OID}, {GV_AM_FILTER_INT4, INT4OID},
		{GV_AM_FILTER_INT8, INT8OID}, {GV_AM_FILTER_FLOAT4, FLOAT4OID},
		{GV_AM_FILTER_FLOAT8, FLOAT8OID}, {GV_AM_FILTER_UUID, UUIDOID},
		{GV_AM_FILTER_TEXT_C, TEXTOID}
	};
	Input	   *input = palloc0(sizeof(Input));
	GvAmFilterColumn *column = &input->columns.column[0];
	uint32		choice;

	input->bytes = (GvFuzzBytes) {data, data + size};
	choice = gv_fuzz_take(&input->bytes, 1);
	column->kind = kinds[choice % lengthof(kinds)].kind;
	column->type = kinds[choice % lengthof(kinds)].type;
	column->width = gv_am_filter_width(column->kind);
	column->offset = sizeof(uint32);
	column->collation = C_COLLATION_OID;
	input->columns.n = 1;
	input->columns.packed_size = sizeof(uint32) + column->width;
	input->n_keys = 1 + choice / lengthof(kinds) % MAX_KEYS;
	for (int i = 0; i < input->n_keys; i++)
		take_condition(input, column->type, &input->condition[i], &input->key[i]);
	while (input->bytes.at < input->bytes.end && input->n_rows < MAX_ROWS)
	{
		input->is_null[input->n_rows] = *input->bytes.at == 0xFF;
		take_value(input, column->type, &input->row[input->n_rows++]);
	}
	gv_fuzz_try(test_rows, input);
	gv_fuzz_finish();
	return 0;
}
