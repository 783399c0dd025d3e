/*-------------------------------------------------------------------------
 *
 * options.c
 *		Settings and storage parameters of bm25 indexes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "access/reloptions.h"
#include "utils/guc.h"

#include "base/compat.h"
#include "bm25/options.h"
#include "bm25/page.h"

/* What the length of a document is kept as */
typedef enum LengthOption
{
	LENGTH_BYTE,
	LENGTH_EXACT
} LengthOption;

/* How words of scripts without spaces are made */
typedef enum CjkOption
{
	CJK_OFF,
	CJK_BIGRAM
} CjkOption;

struct GvBm25Options
{
	int32		vl_len_;		/* varlena header */
	int			text_config;	/* offset of the name; 0: there is none */
	double		k1;
	double		b;
	int			length;			/* LengthOption */
	int			cjk;			/* CjkOption */
	int			boosts;			/* offset of the list; 0: there is none */
	int			fields;			/* likewise */
	bool		positions;
};

bool		gv_bm25_pruning;

static relopt_kind relation_options;

static relopt_enum_elt_def length_values[] = {
	{"byte", LENGTH_BYTE},
	{"exact", LENGTH_EXACT},
	{NULL, 0}
};

static relopt_enum_elt_def cjk_values[] = {
	{"off", CJK_OFF},
	{"bigram", CJK_BIGRAM},
	{NULL, 0}
};

/* Read a list of boosts; boosts: uint8[GV_BM25_MAX_BOOSTS], written, 0 after the last */
static void
parse_boosts(const char *list, uint8 *boosts)
{
	const char *in = list;
	int			n = 0;

	memset(boosts, 0, GV_BM25_MAX_BOOSTS);
	for (;;)
	{
		char	   *end;
		long		value = strtol(in, &end, 10);

		while (isspace((unsigned char) *end))
			end++;
		if (end == in || value < 1 || value > GV_BM25_MAX_TIMES || (*end != ',' && *end != '\0') ||
			n == GV_BM25_MAX_BOOSTS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid value for \"boosts\": \"%s\"", list),
					 errdetail("It is a list of at most %d whole numbers from 1 to %d, separated "
							   "by commas.", GV_BM25_MAX_BOOSTS, GV_BM25_MAX_TIMES)));
		boosts[n++] = (uint8) value;
		if (*end == '\0')
			break;
		in = end + 1;
	}
}

static void
check_boosts(const char *list)
{
	uint8		boosts[GV_BM25_MAX_BOOSTS];

	if (list != NULL)
		parse_boosts(list, boosts);
}

static bool
is_name_character(char c)
{
	return isalnum((unsigned char) c) || c == '_' || IS_HIGHBIT_SET(c);
}

/* Read a list of names of fields; fields: written */
static void
parse_fields(const char *list, GvBm25Fields *fields)
{
	const char *in = list;

	memset(fields, 0, sizeof(*fields));
	for (;;)
	{
		const char *start;
		Size		len;
		bool		is_new = true;

		while (isspace((unsigned char) *in))
			in++;
		for (start = in; is_name_character(*in); in++)
			;
		len = in - start;
		while (isspace((unsigned char) *in))
			in++;
		for (uint32 i = 0; i < fields->n; i++)
			is_new &= strlen(fields->name[i]) != len || memcmp(fields->name[i], start, len) != 0;
		if (len == 0 || len >= GV_BM25_FIELD_NAME_SIZE || !is_new ||
			(*in != ',' && *in != '\0') || fields->n == GV_BM25_MAX_FIELDS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid value for \"fields\": \"%s\"", list),
					 errdetail("It is a list of at most %d different names of letters, digits and "
							   "underscores, separated by commas, each of at most %d bytes.",
							   GV_BM25_MAX_FIELDS, GV_BM25_FIELD_NAME_SIZE - 1)));
		memcpy(fields->name[fields->n++], start, len);
		if (*in++ == '\0')
			break;
	}
}

static void
check_fields(const char *list)
{
	GvBm25Fields fields;

	if (list != NULL)
		parse_fields(list, &fields);
}

/*
 * gv_bm25_define_settings
 *		Define the settings bm25.* and the storage parameters; called once.
 */
void
gv_bm25_define_settings(void)
{
	relation_options = add_reloption_kind();
	add_string_reloption(relation_options, "text_config",
						 "Text search configuration that makes words of texts",
						 NULL, NULL, AccessExclusiveLock);
	add_real_reloption(relation_options, "k1",
					   "How much further occurrences of a word in a document count",
					   GV_BM25_DEFAULT_K1, 0, 1000, ShareUpdateExclusiveLock);
	add_real_reloption(relation_options, "b",
					   "How much the length of a document counts",
					   GV_BM25_DEFAULT_B, 0, 1, ShareUpdateExclusiveLock);
	add_enum_reloption(relation_options, "length",
					   "Whether lengths of documents are rounded to one byte",
					   length_values, LENGTH_BYTE,
					   "Valid values are \"byte\" and \"exact\".",
					   AccessExclusiveLock);
	add_enum_reloption(relation_options, "cjk",
					   "How words of scripts without spaces are made",
					   cjk_values, CJK_OFF,
					   "Valid values are \"off\" and \"bigram\".",
					   AccessExclusiveLock);

	add_bool_reloption(relation_options, "positions",
					   "Whether the index keeps where words stand, for phrases",
					   false, AccessExclusiveLock);
	add_string_reloption(relation_options, "boosts",
						 "How many times each element of an array counts",
						 NULL, check_boosts, AccessExclusiveLock);
	add_string_reloption(relation_options, "fields",
						 "Names by which queries ask for words of the elements of an array",
						 NULL, check_fields, AccessExclusiveLock);

	DefineCustomBoolVariable("bm25.pruning",
							 "Leaves out documents that cannot be among the best.",
							 "The result is the same without, only slower.",
							 &gv_bm25_pruning, true, PGC_USERSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("bm25");
}

/*
 * gv_bm25_reloptions
 *		Parse the storage parameters of an index.
 */
bytea *
gv_bm25_reloptions(Datum reloptions, bool validate)
{
	static const relopt_parse_elt elements[] = {
		{"text_config", RELOPT_TYPE_STRING, offsetof(GvBm25Options, text_config)},
		{"k1", RELOPT_TYPE_REAL, offsetof(GvBm25Options, k1)},
		{"b", RELOPT_TYPE_REAL, offsetof(GvBm25Options, b)},
		{"length", RELOPT_TYPE_ENUM, offsetof(GvBm25Options, length)},
		{"cjk", RELOPT_TYPE_ENUM, offsetof(GvBm25Options, cjk)},
		{"boosts", RELOPT_TYPE_STRING, offsetof(GvBm25Options, boosts)},
		{"fields", RELOPT_TYPE_STRING, offsetof(GvBm25Options, fields)},
		{"positions", RELOPT_TYPE_BOOL, offsetof(GvBm25Options, positions)},
	};

	return (bytea *) build_reloptions(reloptions, validate, relation_options,
									  sizeof(GvBm25Options), elements, lengthof(elements));
}

/* The name as the user wrote it, or NULL */
const char *
gv_bm25_options_text_config(const GvBm25Options *options)
{
	if (options == NULL || options->text_config == 0)
		return NULL;
	return (const char *) options + options->text_config;
}

/* How often each element of an array counts; boosts: see parse_boosts */
void
gv_bm25_options_boosts(const GvBm25Options *options, uint8 *boosts)
{
	memset(boosts, 0, GV_BM25_MAX_BOOSTS);
	if (options != NULL && options->boosts != 0)
		parse_boosts((const char *) options + options->boosts, boosts);
}

/* The names of the first elements of an array; fields: written */
void
gv_bm25_options_fields(const GvBm25Options *options, GvBm25Fields *fields)
{
	memset(fields, 0, sizeof(*fields));
	if (options != NULL && options->fields != 0)
		parse_fields((const char *) options + options->fields, fields);
}

double
gv_bm25_options_k1(const GvBm25Options *options)
{
	return options ? options->k1 : GV_BM25_DEFAULT_K1;
}

double
gv_bm25_options_b(const GvBm25Options *options)
{
	return options ? options->b : GV_BM25_DEFAULT_B;
}

bool
gv_bm25_options_exact_length(const GvBm25Options *options)
{
	return options && options->length == LENGTH_EXACT;
}

bool
gv_bm25_options_cjk_bigram(const GvBm25Options *options)
{
	return options && options->cjk == CJK_BIGRAM;
}

bool
gv_bm25_options_positions(const GvBm25Options *options)
{
	return options && options->positions;
}
