/*-------------------------------------------------------------------------
 *
 * options.c
 *		Settings and storage parameters of hnsw indexes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "access/reloptions.h"
#include "utils/guc.h"

#include "am/recall.h"
#include "base/compat.h"
#include "hnsw/options.h"

struct GvHnswOptions
{
	int32		vl_len_;		/* varlena header */
	int			m;
	int			ef_construction;
	int			ef_search;		/* 0: as the setting says */
	int			seed;
	double		target_recall;	/* 0: as the setting says */
	int			storage;		/* GvHnswStorage */
};

int			gv_hnsw_ef_search;
int			gv_hnsw_iterative_scan;
int			gv_hnsw_max_scan_tuples;
double		gv_hnsw_scan_mem_multiplier;

static relopt_kind relation_options;

/* Was hnsw.ef_search set for the session, role or database? */
static bool ef_search_is_set = false;

static const struct config_enum_entry iterative_scan_values[] = {
	{"off", GV_HNSW_ITERATIVE_OFF, false},
	{"relaxed_order", GV_HNSW_ITERATIVE_RELAXED, false},
	{"strict_order", GV_HNSW_ITERATIVE_STRICT, false},
	{NULL, 0, false}
};

/* Remember where a value comes from; an index's own yields to some places only */
static bool
check_ef_search(int *newval, void **extra, GucSource source)
{
	GucSource  *place = gv_base_guc_malloc(sizeof(GucSource));

	if (place == NULL)
		return false;
	*place = source;
	*extra = place;
	return true;
}

static void
assign_ef_search(int newval, void *extra)
{
	ef_search_is_set = extra != NULL && *(GucSource *) extra >= PGC_S_DATABASE;
}

static relopt_enum_elt_def storage_values[] = {
	{"fast", GV_HNSW_STORAGE_FAST},
	{"compact", GV_HNSW_STORAGE_COMPACT},
	{NULL, 0}
};

/*
 * gv_hnsw_define_settings
 *		Define the settings hnsw.* and the storage parameters; called once.
 */
void
gv_hnsw_define_settings(void)
{
	relation_options = add_reloption_kind();
	add_int_reloption(relation_options, "m",
					  "Number of neighbors of a node is twice this",
					  GV_HNSW_DEFAULT_M, GV_HNSW_MIN_M, GV_HNSW_MAX_M,
					  AccessExclusiveLock);
	add_int_reloption(relation_options, "ef_construction",
					  "Number of candidates considered for the neighbors of a node",
					  GV_HNSW_DEFAULT_EF_CONSTRUCTION, GV_HNSW_MIN_EF_CONSTRUCTION,
					  GV_HNSW_MAX_EF_CONSTRUCTION, AccessExclusiveLock);
	add_int_reloption(relation_options, "ef_search",
					  "Default of the setting \"hnsw.ef_search\" for this index",
					  0, 0, GV_HNSW_MAX_EF_SEARCH, ShareUpdateExclusiveLock);
	add_real_reloption(relation_options, "target_recall",
					   "Default of the setting \"gigavec.target_recall\" for this index",
					   -1, GV_AM_RECALL_MIN_TARGET, GV_AM_RECALL_MAX_TARGET,
					   ShareUpdateExclusiveLock);
	add_int_reloption(relation_options, "seed",
					  "Seed of the random numbers used by a build",
					  1, 0, INT_MAX, AccessExclusiveLock);

	add_enum_reloption(relation_options, "storage",
					   "Whether nodes are made for fast searches or for a small index",
					   storage_values, GV_HNSW_STORAGE_FAST,
					   "Valid values are \"fast\" and \"compact\".",
					   AccessExclusiveLock);

	DefineCustomIntVariable("hnsw.ef_search",
							"Sets the number of candidates that a search of an hnsw index keeps.",
							"More candidates give a higher recall and take longer. "
							"Where the index knows distances by codes only, a search keeps some more, so that it finds as much. "
							"With 0 a search keeps as many as \"gigavec.target_recall\" needs. "
							"A value set for the session, role or database overrides the index's own.",
							&gv_hnsw_ef_search, 0, 0,
							GV_HNSW_MAX_EF_SEARCH, PGC_USERSET, 0, check_ef_search,
							assign_ef_search, NULL);
	DefineCustomEnumVariable("hnsw.iterative_scan",
							 "Sets how a scan goes on when its first candidates are used up.",
							 "With \"off\" a scan ends then, and a filter can leave fewer rows than asked for.",
							 &gv_hnsw_iterative_scan, GV_HNSW_ITERATIVE_STRICT,
							 iterative_scan_values, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("hnsw.max_scan_tuples",
							"Sets the number of rows after which a scan of an hnsw index ends.",
							"The default sets no limit, so that a filter never leaves too few rows.",
							&gv_hnsw_max_scan_tuples, INT_MAX, 1, INT_MAX,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable("hnsw.scan_mem_multiplier",
							 "Sets the multiple of \"work_mem\" that a scan of an hnsw index may use.",
							 NULL, &gv_hnsw_scan_mem_multiplier, 1, 1, 1000,
							 PGC_USERSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("hnsw");
}

/*
 * gv_hnsw_reloptions
 *		Parse the storage parameters of an index.
 */
bytea *
gv_hnsw_reloptions(Datum reloptions, bool validate)
{
	static const relopt_parse_elt elements[] = {
		{"m", RELOPT_TYPE_INT, offsetof(GvHnswOptions, m)},
		{"ef_construction", RELOPT_TYPE_INT, offsetof(GvHnswOptions, ef_construction)},
		{"ef_search", RELOPT_TYPE_INT, offsetof(GvHnswOptions, ef_search)},
		{"seed", RELOPT_TYPE_INT, offsetof(GvHnswOptions, seed)},
		{"storage", RELOPT_TYPE_ENUM, offsetof(GvHnswOptions, storage)},
		{"target_recall", RELOPT_TYPE_REAL, offsetof(GvHnswOptions, target_recall)},
	};

	return (bytea *) build_reloptions(reloptions, validate, relation_options,
									  sizeof(GvHnswOptions), elements, lengthof(elements));
}

int
gv_hnsw_options_m(const GvHnswOptions *options)
{
	return options ? options->m : GV_HNSW_DEFAULT_M;
}

int
gv_hnsw_options_ef_construction(const GvHnswOptions *options)
{
	return options ? options->ef_construction : GV_HNSW_DEFAULT_EF_CONSTRUCTION;
}

uint64
gv_hnsw_options_seed(const GvHnswOptions *options)
{
	return options ? options->seed : 1;
}

GvHnswStorage
gv_hnsw_options_storage(const GvHnswOptions *options)
{
	return options ? (GvHnswStorage) options->storage : GV_HNSW_STORAGE_FAST;
}

/*
 * gv_hnsw_option_ef_search
 *		Return the number of candidates for a scan of an index, or 0 and the
 *		recall that they must reach.
 *
 * What was set for the session, role or database, else the index's own, else
 * what the server's configuration says; in each of them a number of candidates
 * comes before a recall.
 */
int
gv_hnsw_option_ef_search(Relation index, double *target)
{
	GvHnswOptions *options = (GvHnswOptions *) index->rd_options;

	*target = gv_am_target_recall;
	if (options && options->target_recall > 0 && !gv_am_target_recall_is_set)
		*target = options->target_recall;

	if (ef_search_is_set)
		return gv_hnsw_ef_search;
	if (gv_am_target_recall_is_set)
		return 0;
	if (options && (options->ef_search > 0 || options->target_recall > 0))
		return options->ef_search;
	return gv_hnsw_ef_search;
}
