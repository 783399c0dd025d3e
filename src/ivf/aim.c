/*-------------------------------------------------------------------------
 *
 * aim.c
 *		From the recall that is asked for to the number of lists.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "am/recall.h"
#include "ivf/aim.h"
#include "ivf/options.h"

/* Without a calibration: this many times the root of the number of lists, for .8 */
#define RULE_FACTOR 1.0
#define RULE_EXPONENT 0.5

/* The number of lists that pgvector makes where none is given */
#define USUAL_LISTS 100

/*
 * gv_ivf_aim_probes
 *		Return how many lists reach a recall for the k nearest rows.
 *
 * Without a calibration a rule must do, on the safe side for most data.
 */
int
gv_ivf_aim_probes(const GvIvfMetaPageData *meta, double target, int k)
{
	int			n_lists = meta->n_lists - GV_IVF_FIRST_LIST;
	double		probes;

	if (meta->calibration.n_buckets > 0)
		probes = gv_am_recall_ef(&meta->calibration, target, k, 0);
	else
		probes = RULE_FACTOR * sqrt(n_lists) * pow(0.2 / (1 - target), RULE_EXPONENT);
	return (int) Max(Min(ceil(probes), n_lists), 1);
}

/*
 * gv_ivf_aim_share
 *		Return how many lists a number of probes stands for.
 *
 * An ivfflat index made without "lists" has 100 with pgvector.  What was set
 * for such a one is to read as many rows of an index that chose its own number:
 * a probe is a hundredth of the lists, and one list at least.
 */
int
gv_ivf_aim_share(Relation rel, const GvIvfMetaPageData *meta, int probes)
{
	int			n_lists = meta->n_lists - GV_IVF_FIRST_LIST;

	if (!gv_ivf_is_flat(rel) || n_lists <= USUAL_LISTS ||
		gv_ivf_options_lists((GvIvfOptions *) rel->rd_options) > 0)
		return probes;
	return (int) Max(Min(ceil((double) probes * n_lists / USUAL_LISTS), GV_IVF_MAX_LISTS), probes);
}

/*
 * gv_ivf_aim_planned_part
 *		Return which part of the lists a scan for so many rows will read first.
 *
 * n_lists: their number is written
 *
 * Planning goes on if the metapage is damaged: the index may not be used.
 */
double
gv_ivf_aim_planned_part(Relation rel, double n_rows, double *n_lists)
{
	GvIvfMetaPageData meta;
	double		target;
	int			probes;

	*n_lists = 1;
	if (!gv_ivf_peek_meta(rel, &meta))
		return 1;
	*n_lists = meta.n_lists - GV_IVF_FIRST_LIST;
	probes = gv_ivf_option_probes(rel, &target);
	if (probes == 0)
		probes = gv_ivf_aim_probes(&meta, target, (int) Max(Min(n_rows, 1000), 1));
	else
		probes = gv_ivf_aim_share(rel, &meta, probes);
	return Min(probes / *n_lists, 1);
}
