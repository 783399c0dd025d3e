/*
 * options.c
 *		Storage parameters of bm25 that are texts of a form of their own.
 *
 * What is refused as an option cannot be read, what is accepted can, and keeps
 * to its limits.
 */
#include "postgres.h"

#include "access/reloptions.h"
#include "mb/pg_wchar.h"
#include "utils/guc.h"

#include "bm25/options.h"
#include "bm25/page.h"
#include "shim.h"

/* The parameters that are texts, as they are declared */
#define MAX_TEXTS 8
static struct
{
	const char *name;
	validate_string_relopt validate;
}			texts[MAX_TEXTS];
static int	n_texts;

/* What is given for which */
static const char *chosen;
static const char *value;

relopt_kind
add_reloption_kind(void)
{
	return RELOPT_KIND_LAST_DEFAULT << 1;
}

void
add_string_reloption(bits32 kinds, const char *name, const char *desc, const char *default_value,
					 validate_string_relopt validate, LOCKMODE mode)
{
	if (n_texts == MAX_TEXTS)
		gv_fuzz_fail("more texts than this program has room for");
	texts[n_texts].name = name;
	texts[n_texts++].validate = validate;
}

/* The others are PostgreSQL's to parse */

void
add_bool_reloption(bits32 kinds, const char *name, const char *desc, bool default_value,
				   LOCKMODE mode)
{
}

void
add_int_reloption(bits32 kinds, const char *name, const char *desc, int default_value, int least,
				  int most, LOCKMODE mode)
{
}

void
add_real_reloption(bits32 kinds, const char *name, const char *desc, double default_value,
				   double least, double most, LOCKMODE mode)
{
}

void
add_enum_reloption(bits32 kinds, const char *name, const char *desc, relopt_enum_elt_def *members,
				   int default_value, const char *detail, LOCKMODE mode)
{
}

void
DefineCustomBoolVariable(const char *name, const char *short_desc, const char *long_desc,
						 bool *variable, bool boot, GucContext guc_context, int flags,
						 GucBoolCheckHook check, GucBoolAssignHook assign, GucShowHook show)
{
}

void
DefineCustomIntVariable(const char *name, const char *short_desc, const char *long_desc,
						int *variable, int boot, int least, int most, GucContext guc_context,
						int flags, GucIntCheckHook check, GucIntAssignHook assign,
						GucShowHook show)
{
}

void
DefineCustomRealVariable(const char *name, const char *short_desc, const char *long_desc,
						 double *variable, double boot, double least, double most,
						 GucContext guc_context, int flags, GucRealCheckHook check,
						 GucRealAssignHook assign, GucShowHook show)
{
}

void
MarkGUCPrefixReserved(const char *prefix)
{
}

/* As the server does with one option of a text */
void *
build_reloptions(Datum reloptions, bool validate, relopt_kind kind, Size size,
				 const relopt_parse_elt *elements, int n_elements)
{
	char	   *result = palloc0(size + strlen(value) + 1);

	for (int i = 0; validate && i < n_texts; i++)
	{
		if (texts[i].validate && strcmp(texts[i].name, chosen) == 0)
			texts[i].validate(value);
	}
	for (int i = 0; i < n_elements; i++)
	{
		if (strcmp(elements[i].optname, chosen) == 0)
			*(int *) (result + elements[i].offset) = (int) size;
	}
	strcpy(result + size, value);
	return result;
}

static void
validate_option(void *arg)
{
	(void) gv_bm25_reloptions((Datum) 0, true);
}

static void
read_option(void *arg)
{
	const GvBm25Options *options = (const GvBm25Options *) gv_bm25_reloptions((Datum) 0, false);
	uint8		boosts[GV_BM25_MAX_BOOSTS];
	GvBm25Fields fields;
	bool		has_ended = false;

	gv_bm25_options_boosts(options, boosts);
	for (int i = 0; i < GV_BM25_MAX_BOOSTS; i++)
	{
		if (boosts[i] > GV_BM25_MAX_TIMES || (has_ended && boosts[i] != 0))
			gv_fuzz_fail("a boost is %d", boosts[i]);
		has_ended = boosts[i] == 0;
	}
	gv_bm25_options_fields(options, &fields);
	if (fields.n > GV_BM25_MAX_FIELDS)
		gv_fuzz_fail("%u fields", fields.n);
	for (uint32 i = 0; i < fields.n; i++)
	{
		const char *name = fields.name[i];
		int			len = strnlen(name, GV_BM25_FIELD_NAME_SIZE);

		if (len == 0 || len == GV_BM25_FIELD_NAME_SIZE ||
			pg_encoding_verifymbstr(PG_UTF8, name, len) != len)
			gv_fuzz_fail("the name of field %u is none", i);
	}
	if (strcmp(chosen, "text_config") == 0 &&
		strcmp(gv_bm25_options_text_config(options), value) != 0)
		gv_fuzz_fail("a name is another");
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	static const char *const names[] = {"boosts", "fields", "text_config"};
	GvFuzzBytes bytes = {data, data + size};
	bool		is_accepted;

	if (n_texts == 0)
		gv_bm25_define_settings();
	chosen = names[gv_fuzz_take(&bytes, 1) % lengthof(names)];
	value = gv_fuzz_take_text(&bytes);
	is_accepted = gv_fuzz_try(validate_option, NULL);
	if (gv_fuzz_try(read_option, NULL) != is_accepted)
		gv_fuzz_fail("\"%s\" as %s is judged in two ways", value, chosen);
	gv_fuzz_finish();
	return 0;
}
