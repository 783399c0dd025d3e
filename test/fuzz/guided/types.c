/*
 * types.c
 *		Text and binary forms of vector, halfvec and sparsevec.
 *
 * The first byte says which type and which form, the next two give the type
 * modifier.  A value that is accepted must be the same after its text form and
 * after its binary form.
 */
#include "postgres.h"

#include "shim.h"

typedef struct Type
{
	PGFunction	in;
	PGFunction	out;
	PGFunction	recv;
	PGFunction	send;
} Type;

#define DECLARE_TYPE(name) \
	extern Datum name ## _in(PG_FUNCTION_ARGS); \
	extern Datum name ## _out(PG_FUNCTION_ARGS); \
	extern Datum name ## _recv(PG_FUNCTION_ARGS); \
	extern Datum name ## _send(PG_FUNCTION_ARGS)

DECLARE_TYPE(gv_type_vector);
DECLARE_TYPE(gv_type_halfvec);
DECLARE_TYPE(gv_type_sparsevec);

static const Type types[] = {
	{gv_type_vector_in, gv_type_vector_out, gv_type_vector_recv, gv_type_vector_send},
	{gv_type_halfvec_in, gv_type_halfvec_out, gv_type_halfvec_recv, gv_type_halfvec_send},
	{gv_type_sparsevec_in, gv_type_sparsevec_out, gv_type_sparsevec_recv,
	gv_type_sparsevec_send},
};

typedef struct Input
{
	const Type *type;
	bool		is_binary;
	int32		typmod;
	char	   *bytes;
	int			len;
	Datum		value;
} Input;

static Datum
receive(const Type *type, char *bytes, int len, int32 typmod)
{
	StringInfoData message = {.data = bytes,.len = len,.maxlen = len};
	Datum		result = gv_fuzz_call(type->recv, PointerGetDatum(&message), (Datum) 0,
									  Int32GetDatum(typmod));

	/* as the server does */
	if (message.cursor != len)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("bytes are left")));
	return result;
}

static void
read_value(void *arg)
{
	Input	   *input = arg;

	if (input->is_binary)
		input->value = receive(input->type, input->bytes, input->len, input->typmod);
	else
		input->value = gv_fuzz_call(input->type->in, CStringGetDatum(input->bytes), (Datum) 0,
									Int32GetDatum(input->typmod));
}

static void
compare(Datum a, Datum b, const char *form)
{
	if (VARSIZE(DatumGetPointer(a)) != VARSIZE(DatumGetPointer(b)) ||
		memcmp(DatumGetPointer(a), DatumGetPointer(b), VARSIZE(DatumGetPointer(a))) != 0)
		gv_fuzz_fail("the value is another after its %s form", form);
}

static void
write_value(void *arg)
{
	Input	   *input = arg;
	Datum		text = gv_fuzz_call(input->type->out, input->value, (Datum) 0, (Datum) 0);
	bytea	   *bytes = DatumGetByteaPP(gv_fuzz_call(input->type->send, input->value,
													 (Datum) 0, (Datum) 0));
	int			len = VARSIZE(bytes) - VARHDRSZ;
	char	   *copy = palloc(Max(len, 1));

	memcpy(copy, VARDATA(bytes), len);
	compare(input->value, receive(input->type, copy, len, input->typmod), "binary");
	compare(input->value,
			gv_fuzz_call(input->type->in, text, (Datum) 0, Int32GetDatum(input->typmod)), "text");
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	GvFuzzBytes bytes = {data, data + size};
	uint32		choice = gv_fuzz_take(&bytes, 1);
	int32		typmod = (int32) gv_fuzz_take(&bytes, 2);
	Input		input = {0};

	input.type = &types[choice % lengthof(types)];
	input.is_binary = choice / lengthof(types) % 2 == 1;
	input.typmod = typmod == 0 ? -1 : typmod;
	if (input.is_binary)
	{
		input.len = (int) (bytes.end - bytes.at);
		input.bytes = palloc(Max(input.len, 1));
		if (input.len > 0)
			memcpy(input.bytes, bytes.at, input.len);
	}
	else
		input.bytes = gv_fuzz_take_text(&bytes);
	if (gv_fuzz_try(read_value, &input) && !gv_fuzz_try(write_value, &input))
		gv_fuzz_fail("what was accepted is refused");
	gv_fuzz_finish();
	return 0;
}
