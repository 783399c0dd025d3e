/*-------------------------------------------------------------------------
 *
 * options.c
 *		Settings and storage parameters of bm25 indexes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/reloptions.h"
#include "utils/guc.h"

#include "base/compat.h"
#include "bm25/options.h"

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
