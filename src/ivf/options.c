/*-------------------------------------------------------------------------
 *
 * options.c
 *		Settings and storage parameters of ivfflat and ivfpq indexes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "access/reloptions.h"
#include "utils/guc.h"

#include "am/recall.h"
#include "base/compat.h"
#include "ivf/ivf.h"
#include "ivf/options.h"
#include "quant/extra.h"

struct GvIvfOptions
{
	int32		vl_len_;		/* varlena header */
	int			lists;			/* 0: chosen by the number of rows */
	int			probes;			/* 0: as the setting says */
	int			seed;
	double		target_recall;	/* 0: as the setting says */
	int			init;			/* GvIvfInit */
	bool		spill;
	/* of ivfpq only */
	int			quantizer;		/* GvIvfQuantizer */
	int			bits;			/* 0: the quantizer's default */
	int			m;				/* 0: chosen by the number of dimensions */
	bool		opq;
};

/* Storage parameters that ivfpq alone has; the last ones */
#define N_PQ_ONLY 4

static GvIvfSettings flat_settings;
static GvIvfSettings pq_settings;

static relopt_kind flat_options;
static relopt_kind pq_options;

static const struct config_enum_entry iterative_scan_values[] = {
	{"off", GV_IVF_ITERATIVE_OFF, false},
	{"relaxed_order", GV_IVF_ITERATIVE_RELAXED, false},
	{NULL, 0, false}
};

static relopt_enum_elt_def init_values[] = {
	{"data", GV_IVF_INIT_DATA},
	{"random", GV_IVF_INIT_RANDOM},
	{NULL, 0}
};

static relopt_enum_elt_def quantizer_values[] = {
	{"rabitq", GV_IVF_QUANTIZER_RABITQ},
	{"sq8", GV_IVF_QUANTIZER_SQ8},
	{"pq", GV_IVF_QUANTIZER_PQ},
	{NULL, 0}
};

/* Remember where a value comes from; an index's own yields to some places only */
static bool
check_probes(int *newval, void **extra, GucSource source)
{
	GucSource  *place = gv_base_guc_malloc(sizeof(GucSource));

	if (place == NULL)
		return false;
	*place = source;
	*extra = place;
	return true;
}

static void
assign_flat_probes(int newval, void *extra)
{
	flat_settings.probes_is_set = extra != NULL && *(GucSource *) extra >= PGC_S_DATABASE;
}

static void
assign_pq_probes(int newval, void *extra)
{
	pq_settings.probes_is_set = extra != NULL && *(GucSource *) extra >= PGC_S_DATABASE;
}

/* Define the settings of one access method; probe: what one may stand for, or NULL */
static void
define_settings(GvIvfSettings *settings, const char *name, const char *probe,
				GucIntAssignHook assign_probes)
{
	DefineCustomIntVariable(psprintf("%s.probes", name),
							"Sets the number of lists that a search reads.",
							psprintf("More lists give a higher recall and take longer. "
									 "With 0 a search reads as many as \"gigavec.target_recall\" needs. "
									 "A value set for the session, role or database overrides the index's own.%s%s",
									 probe ? " " : "", probe ? probe : ""),
							&settings->probes, 0, 0, GV_IVF_MAX_LISTS,
							PGC_USERSET, 0, check_probes, assign_probes, NULL);
	DefineCustomEnumVariable(psprintf("%s.iterative_scan", name),
							 "Sets whether a scan goes on to further lists.",
							 "With \"off\" a scan ends when the lists that a search reads are spent.",
							 &settings->iterative_scan, GV_IVF_ITERATIVE_RELAXED,
							 iterative_scan_values, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable(psprintf("%s.max_probes", name),
							"Sets the number of lists after which a scan does not go on to further ones.",
							probe,
							&settings->max_probes, GV_IVF_MAX_LISTS, 1, GV_IVF_MAX_LISTS,
							PGC_USERSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved(name);
}

/* Define the storage parameters of one access method */
static relopt_kind
define_options(void)
{
	relopt_kind kind = add_reloption_kind();

	add_int_reloption(kind, "lists", "Number of lists; 0: chosen by the number of rows",
					  0, 0, GV_IVF_MAX_LISTS, AccessExclusiveLock);
	add_int_reloption(kind, "probes", "Default of the setting \"probes\" for this index",
					  0, 0, GV_IVF_MAX_LISTS, ShareUpdateExclusiveLock);
	add_real_reloption(kind, "target_recall",
					   "Default of the setting \"gigavec.target_recall\" for this index",
					   -1, GV_AM_RECALL_MIN_TARGET, GV_AM_RECALL_MAX_TARGET,
					   ShareUpdateExclusiveLock);
	add_int_reloption(kind, "seed", "Seed of the random numbers used by a build",
					  1, 0, INT_MAX, AccessExclusiveLock);
	add_enum_reloption(kind, "init", "Where training begins: at rows or anywhere among them",
					   init_values, GV_IVF_INIT_DATA,
					   "Valid values are \"data\" and \"random\".", AccessExclusiveLock);
	add_bool_reloption(kind, "spill", "Whether rows between lists are kept in two of them",
					   false, AccessExclusiveLock);
	return kind;
}

/*
 * gv_ivf_define_settings
 *		Define settings and storage parameters; called once.
 */
void
gv_ivf_define_settings(void)
{
	flat_options = define_options();
	pq_options = define_options();
	add_enum_reloption(pq_options, "quantizer", "What the index keeps of a row's vector",
					   quantizer_values, GV_IVF_QUANTIZER_RABITQ,
					   "Valid values are \"rabitq\", \"sq8\" and \"pq\".", AccessExclusiveLock);
	add_int_reloption(pq_options, "bits",
					  "Bits a dimension of the quantizer \"rabitq\", or a part of \"pq\"",
					  0, 1, GV_EXTRA_MAX_BITS + 1, AccessExclusiveLock);
	add_int_reloption(pq_options, "m",
					  "Parts of a vector of the quantizer \"pq\"; 0: chosen by the dimensions",
					  0, 0, PG_UINT16_MAX, AccessExclusiveLock);
	add_bool_reloption(pq_options, "opq", "Whether the quantizer \"pq\" learns a rotation",
					   false, AccessExclusiveLock);
	define_settings(&flat_settings, "ivfflat",
					"For an index made without \"lists\", one stands for a hundredth of its lists.",
					assign_flat_probes);
	define_settings(&pq_settings, "ivfpq", NULL, assign_pq_probes);
}

static bytea *
parse_options(Datum reloptions, bool validate, relopt_kind kind)
{
	/* the last ones of ivfpq only */
	static const relopt_parse_elt elements[] = {
		{"lists", RELOPT_TYPE_INT, offsetof(GvIvfOptions, lists)},
		{"probes", RELOPT_TYPE_INT, offsetof(GvIvfOptions, probes)},
		{"seed", RELOPT_TYPE_INT, offsetof(GvIvfOptions, seed)},
		{"target_recall", RELOPT_TYPE_REAL, offsetof(GvIvfOptions, target_recall)},
		{"init", RELOPT_TYPE_ENUM, offsetof(GvIvfOptions, init)},
		{"spill", RELOPT_TYPE_BOOL, offsetof(GvIvfOptions, spill)},
		{"quantizer", RELOPT_TYPE_ENUM, offsetof(GvIvfOptions, quantizer)},
		{"bits", RELOPT_TYPE_INT, offsetof(GvIvfOptions, bits)},
		{"m", RELOPT_TYPE_INT, offsetof(GvIvfOptions, m)},
		{"opq", RELOPT_TYPE_BOOL, offsetof(GvIvfOptions, opq)},
	};

	int			n = lengthof(elements) - (kind == flat_options ? N_PQ_ONLY : 0);

	return (bytea *) build_reloptions(reloptions, validate, kind, sizeof(GvIvfOptions),
									  elements, n);
}

/* Raise an error if there are parameters that are not for the quantizer */
static void
check_quantizer(const GvIvfOptions *options)
{
	if (options->bits > 0 && options->quantizer == GV_IVF_QUANTIZER_SQ8)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("storage parameter \"bits\" is not for quantizer \"sq8\""),
				 errdetail("It keeps a byte for each dimension."),
				 errhint("Leave \"bits\" out, or use another quantizer.")));
	if (options->bits > 0 && options->bits != 4 && options->bits != 8 &&
		options->quantizer == GV_IVF_QUANTIZER_PQ)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("storage parameter \"bits\" must be 4 or 8 for quantizer \"pq\""),
				 errdetail("It is of the number that each part of a vector becomes.")));
	if ((options->m > 0 || options->opq) && options->quantizer != GV_IVF_QUANTIZER_PQ)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("storage parameter \"%s\" is for quantizer \"pq\" only",
						options->m > 0 ? "m" : "opq")));
}

/*
 * gv_ivfflat_reloptions, gv_ivfpq_reloptions
 *		Parse the storage parameters of an index.
 */
bytea *
gv_ivfflat_reloptions(Datum reloptions, bool validate)
{
	return parse_options(reloptions, validate, flat_options);
}

bytea *
gv_ivfpq_reloptions(Datum reloptions, bool validate)
{
	GvIvfOptions *options = (GvIvfOptions *) parse_options(reloptions, validate, pq_options);

	if (validate && options)
		check_quantizer(options);
	return (bytea *) options;
}

int
gv_ivf_options_lists(const GvIvfOptions *options)
{
	return options ? options->lists : 0;
}

uint64
gv_ivf_options_seed(const GvIvfOptions *options)
{
	return options ? options->seed : 1;
}

GvIvfInit
gv_ivf_options_init(const GvIvfOptions *options)
{
	return options ? (GvIvfInit) options->init : GV_IVF_INIT_DATA;
}

bool
gv_ivf_options_spill(const GvIvfOptions *options)
{
	return options ? options->spill : false;
}

GvIvfQuantizer
gv_ivf_options_quantizer(const GvIvfOptions *options)
{
	return options ? (GvIvfQuantizer) options->quantizer : GV_IVF_QUANTIZER_RABITQ;
}

int
gv_ivf_options_bits(const GvIvfOptions *options)
{
	if (options && options->bits > 0)
		return options->bits;
	return gv_ivf_options_quantizer(options) == GV_IVF_QUANTIZER_PQ ? 4 : 1;
}

int
gv_ivf_options_parts(const GvIvfOptions *options)
{
	return options ? options->m : 0;
}

bool
gv_ivf_options_opq(const GvIvfOptions *options)
{
	return options && options->opq;
}

/*
 * gv_ivf_is_flat
 *		Is an index, or one to be, of ivfflat?  Its options are told by a parser of
 *		their own.
 */
bool
gv_ivf_is_flat(Relation index)
{
	return index->rd_indam->amoptions == gv_ivfflat_reloptions;
}

/*
 * gv_ivf_settings
 *		Return the settings that are for an index's access method.
 */
const GvIvfSettings *
gv_ivf_settings(Relation index)
{
	return gv_ivf_is_flat(index) ? &flat_settings : &pq_settings;
}

/*
 * gv_ivf_option_probes
 *		Return how many lists a scan reads, or 0 and the recall that it must reach.
 *
 * What was set for the session, role or database, else the index's own, else
 * what the server's configuration says; in each of them a number of lists comes
 * before a recall.
 */
int
gv_ivf_option_probes(Relation index, double *target)
{
	const GvIvfSettings *settings = gv_ivf_settings(index);
	GvIvfOptions *options = (GvIvfOptions *) index->rd_options;

	*target = gv_am_target_recall;
	if (options && options->target_recall > 0 && !gv_am_target_recall_is_set)
		*target = options->target_recall;

	if (settings->probes_is_set)
		return settings->probes;
	if (gv_am_target_recall_is_set)
		return 0;
	if (options && (options->probes > 0 || options->target_recall > 0))
		return options->probes;
	return settings->probes;
}
