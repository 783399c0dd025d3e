/*-------------------------------------------------------------------------
 *
 * fusion.c
 *		Making one ranked list of several.
 *
 * README.md has the formulas and the rules.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "am/sort.h"
#include "hybrid/fusion.h"

const char *const gv_hybrid_method_names[GV_HYBRID_N_METHODS] = {
	"minmax", "rrf", "dbsf", "linear", "max"
};

/* Standard deviations from the mean to either end of the scale, in dbsf */
#define DBSF_DEVIATIONS 3

/*
 * gv_hybrid_find_method
 *		The method of a name; raises an error if there is none.
 */
GvHybridMethod
gv_hybrid_find_method(const char *name)
{
	for (int i = 0; i < GV_HYBRID_N_METHODS; i++)
	{
		if (strcmp(name, gv_hybrid_method_names[i]) == 0)
			return (GvHybridMethod) i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for \"fusion\": \"%s\"", name),
			 errhint("Available values: minmax, rrf, dbsf, linear, max.")));
}

/*
 * gv_hybrid_check_weight
 *		Raise an error unless a leg can have the weight.
 */
void
gv_hybrid_check_weight(double weight)
{
	if (!isfinite(weight) || weight < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"weights\" must be finite and not negative")));
}

/*
 * gv_hybrid_check_rrf_k
 *		Raise an error unless ranks can be counted from there.
 */
void
gv_hybrid_check_rrf_k(int rrf_k)
{
	if (rrf_k < 0 || rrf_k > GV_HYBRID_MAX_RRF_K)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must be between %d and %d", "rrf_k", 0, GV_HYBRID_MAX_RRF_K),
				 errdetail("\"%s\" is %d.", "rrf_k", rrf_k)));
}

/* Order of a leg: the best first; ties by row */
static int
compare_hits(const void *a, const void *b)
{
	const GvHybridHit *x = a;
	const GvHybridHit *y = b;

	if (x->good != y->good)
		return x->good > y->good ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

/*
 * gv_hybrid_rank
 *		Put a leg in order and number its ranks.
 */
void
gv_hybrid_rank(GvHybridLeg *leg)
{
	gv_am_sort(leg->hits, leg->n_hits, sizeof(GvHybridHit), compare_hits);
	for (int i = 0; i < leg->n_hits; i++)
		leg->hits[i].rank = i + 1;
}

/* Parts of 0 for the worst of a leg to 1 for the best; all 1 if they are equal */
static void
scale_by_extremes(GvHybridLeg *leg)
{
	/* halves, so that no difference is too large */
	double		max = leg->n_hits > 0 ? leg->hits[0].good / 2 : 0;
	double		min = leg->n_hits > 0 ? leg->hits[leg->n_hits - 1].good / 2 : 0;

	for (int i = 0; i < leg->n_hits; i++)
		leg->hits[i].part = max > min ? (leg->hits[i].good / 2 - min) / (max - min) : 1;
}

/* Parts by distance from the mean, in standard deviations; all 1 if they are equal */
static void
scale_by_deviation(GvHybridLeg *leg)
{
	double		largest = 0;
	double		mean = 0;
	double		variance = 0;
	double		width;

	/* of the largest, so that no square is too large */
	for (int i = 0; i < leg->n_hits; i++)
		largest = Max(largest, fabs(leg->hits[i].good));
	if (largest == 0)
		largest = 1;
	for (int i = 0; i < leg->n_hits; i++)
		mean += leg->hits[i].good / largest / leg->n_hits;
	for (int i = 0; i < leg->n_hits; i++)
	{
		double		deviation = leg->hits[i].good / largest - mean;

		variance += deviation * deviation / leg->n_hits;
	}
	width = 2 * DBSF_DEVIATIONS * sqrt(variance);
	for (int i = 0; i < leg->n_hits; i++)
	{
		GvHybridHit *hit = &leg->hits[i];

		/* the mean of equal numbers need not be one of them */
		if (leg->hits[0].good == leg->hits[leg->n_hits - 1].good || width == 0)
			hit->part = 1;
		else
			hit->part = Max((hit->good / largest - mean) / width + .5, 0);
	}
}

/* Of each row leave the largest part; of equal ones the first leg's */
static void
leave_largest(GvHybridLeg *legs, int n_legs, int n_rows)
{
	GvHybridHit **best = palloc0(sizeof(GvHybridHit *) * Max(n_rows, 1));

	for (int i = 0; i < n_legs; i++)
	{
		for (int j = 0; j < legs[i].n_hits; j++)
		{
			GvHybridHit *hit = &legs[i].hits[j];
			GvHybridHit **other = &best[hit->row];

			if (*other == NULL)
				*other = hit;
			else if (hit->part > (*other)->part)
			{
				(*other)->part = 0;
				*other = hit;
			}
			else
				hit->part = 0;
		}
	}
	pfree(best);
}

/*
 * gv_hybrid_weigh
 *		Compute what each hit contributes to the score of its row.
 *
 * legs: ranked; rows are numbered from 0 to n_rows - 1
 */
void
gv_hybrid_weigh(GvHybridLeg *legs, int n_legs, int n_rows, GvHybridMethod method, int rrf_k)
{
	for (int i = 0; i < n_legs; i++)
	{
		GvHybridLeg *leg = &legs[i];

		switch (method)
		{
			case GV_HYBRID_MINMAX:
			case GV_HYBRID_MAX:
				scale_by_extremes(leg);
				break;
			case GV_HYBRID_DBSF:
				scale_by_deviation(leg);
				break;
			case GV_HYBRID_RRF:
				for (int j = 0; j < leg->n_hits; j++)
					leg->hits[j].part = 1.0 / ((double) rrf_k + leg->hits[j].rank);
				break;
			case GV_HYBRID_LINEAR:
				for (int j = 0; j < leg->n_hits; j++)
					leg->hits[j].part = leg->hits[j].good;
				break;
		}
		for (int j = 0; j < leg->n_hits; j++)
			leg->hits[j].part *= leg->weight;
	}
	if (method == GV_HYBRID_MAX)
		leave_largest(legs, n_legs, n_rows);
}

/* Order of the result: the best first; ties by row */
static int
compare_rows(const void *a, const void *b)
{
	const GvHybridRow *x = a;
	const GvHybridRow *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

/*
 * gv_hybrid_fuse
 *		Add up the parts of each row and sort the rows; returns how many there are.
 *
 * legs: weighed.  The result is in the current memory context.
 */
int
gv_hybrid_fuse(GvHybridLeg *legs, int n_legs, int n_rows, GvHybridRow **result)
{
	GvHybridRow *rows = palloc0(sizeof(GvHybridRow) * Max(n_rows, 1));
	GvHybridHit **hits = palloc0(sizeof(GvHybridHit *) * Max(n_rows, 1) * n_legs);
	int			n = 0;

	for (int i = 0; i < n_rows; i++)
	{
		rows[i].row = i;
		rows[i].hits = &hits[(Size) i * n_legs];
	}
	for (int i = 0; i < n_legs; i++)
	{
		for (int j = 0; j < legs[i].n_hits; j++)
		{
			GvHybridRow *row = &rows[legs[i].hits[j].row];

			row->hits[i] = &legs[i].hits[j];
			row->score += legs[i].hits[j].part;
		}
		CHECK_FOR_INTERRUPTS();
	}
	/* rows that no leg has */
	for (int i = 0; i < n_rows; i++)
	{
		bool		found = false;

		for (int j = 0; j < n_legs && !found; j++)
			found = rows[i].hits[j] != NULL;
		if (found)
			rows[n++] = rows[i];
	}
	gv_am_sort(rows, n, sizeof(GvHybridRow), compare_rows);
	*result = rows;
	return n;
}
