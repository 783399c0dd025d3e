/*-------------------------------------------------------------------------
 *
 * gigavec.c
 *		Load the library: module magic, settings, choice of kernels.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "am/explain.h"
#include "am/extension.h"
#include "am/limit.h"
#include "am/paths.h"
#include "am/plan.h"
#include "am/recall.h"
#include "am/testpoint.h"
#include "base/compat.h"
#include "bm25/bm25.h"
#include "distance/distance.h"
#include "hnsw/hnsw.h"
#include "ivf/ivf.h"
#include "kdtree/kdtree.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

GV_FUNCTION(gv_show_simd);
GV_FUNCTION(gv_show_version);

/* The value of gigavec.simd that is no level */
#define SIMD_AUTO (-1)

static int	simd = SIMD_AUTO;

static const struct config_enum_entry simd_values[] = {
	{"auto", SIMD_AUTO, false},
	{"scalar", GV_SIMD_SCALAR, false},
	{"avx2", GV_SIMD_AVX2, false},
	{"avx512", GV_SIMD_AVX512, false},
	{"neon", GV_SIMD_NEON, false},
	{NULL, 0, false}
};

/* Refuse kernels that cannot run here */
static bool
check_simd(int *newval, void **extra, GucSource source)
{
	const char *best = gv_distance_kernels(gv_distance_best_level())->name;

	if (*newval == SIMD_AUTO || gv_distance_level_supported((GvSimdLevel) *newval))
		return true;
	GUC_check_errcode(ERRCODE_FEATURE_NOT_SUPPORTED);
	GUC_check_errdetail("This machine or this build lacks its instructions; the best that it has is \"%s\".",
						best);
	GUC_check_errhint("Set \"gigavec.simd\" to \"auto\".");
	return false;
}

static void
assign_simd(int newval, void *extra)
{
	(void) gv_distance_set_level(newval == SIMD_AUTO ? gv_distance_best_level() :
								 (GvSimdLevel) newval);
}

void
_PG_init(void)
{
	gv_distance_init();
	DefineCustomEnumVariable("gigavec.simd",
							 "Sets the instruction set that computes distances.",
							 "With \"auto\" it is the best that this machine has.",
							 &simd, SIMD_AUTO, simd_values, PGC_USERSET, 0,
							 check_simd, assign_simd, NULL);
	gv_am_plan_init();
	gv_am_limit_init();
	gv_am_explain_init();
	gv_am_testpoint_init();
	gv_am_paths_init();
	gv_am_recall_init();
	gv_hnsw_init();
	gv_ivf_init();
	gv_kdtree_init();
	gv_bm25_init();
	MarkGUCPrefixReserved("gigavec");
}

/*
 * gv_show_simd
 *		gigavec.simd(): the instruction set in use.
 */
Datum
gv_show_simd(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(gv_kernels->name));
}

/*
 * gv_show_version
 *		gigavec.version(): versions of the library and of the catalog objects.
 */
Datum
gv_show_version(PG_FUNCTION_ARGS)
{
	TupleDesc	tupdesc;
	Datum		values[2] = {0};
	bool		nulls[2] = {false, false};
	Oid			schema;
	char	   *catalog;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE ||
		tupdesc->natts != lengthof(values))
		elog(ERROR, "return type must be a row of %d columns", (int) lengthof(values));
	tupdesc = BlessTupleDesc(tupdesc);
	/* what CREATE or ALTER EXTENSION left */
	(void) gv_am_find_extension(&schema, &catalog);
	values[0] = CStringGetTextDatum(GV_VERSION);
	if (catalog)
		values[1] = CStringGetTextDatum(catalog);
	else
		nulls[1] = true;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls)));
}
