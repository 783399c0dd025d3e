/*-------------------------------------------------------------------------
 *
 * recall.c
 *		Recall as the setting: from trials to the ef that reaches a recall.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "utils/guc.h"

#include "am/recall.h"
#include "base/compare.h"
#include "base/compat.h"

/* ef grows by this factor from one step of the fit to the next, at least by 1 */
#define STEP_FACTOR 1.08

#define MAX_STEPS 128
#define MAX_EF 4096

/*
 * The mean recall of the trials, less so many standard errors, must reach the
 * level: so it does in five of six cases whatever the sample.  How far queries
 * are moved is a guess, so that of those need not be as sure.
 */
#define STANDARD_ERRORS 1.0
#define MOVED_STANDARD_ERRORS 0.5

/*
 * That certainty costs no more than so many times what the mean takes: where
 * few trials find little, a little more recall takes many times the ef.
 */
#define CERTAINTY_PRICE 1.2

/*
 * No bucket's queries find less than the level by more than this; the second,
 * where trials were moved: of which buckets queries will be is not known
 */
#define BUCKET_SLACK 0.02
#define MIXED_BUCKET_SLACK 0.01

/*
 * A query is strange that is farther from rows than the last bucket's easiest.
 * ef grows with a power of how much farther, in squared distances, and so much
 * at most.  Where rows themselves are spread as widely, the power is such that
 * only this part of them comes to more than that factor.  See hnsw/MEASUREMENTS.md.
 */
#define STRANGE_EXPONENT 2.0
#define STRANGE_MAX_FACTOR 4.0
#define TAIL_PART 0.05
#define TAIL_FACTOR 1.5

const double gv_am_recall_level[GV_AM_RECALL_N_LEVELS] = {
	.80, .85, .90, .925, .95, .97, .98, .99, .995, .999
};

const int	gv_am_recall_k[GV_AM_RECALL_N_KS] = {1, 10, 100};

double		gv_am_target_recall = GV_AM_RECALL_DEFAULT_TARGET;

/* Was the target set for the session, role or database? */
bool		gv_am_target_recall_is_set = false;

/* Trials of a kind */
typedef struct Kind
{
	int			n;
	/* of a bucket at a step: sums of recalls and of their squares */
	double		sum[GV_AM_RECALL_MAX_BUCKETS][MAX_STEPS];
	double		sum2[GV_AM_RECALL_MAX_BUCKETS][MAX_STEPS];
} Kind;

/* The fit for one number of rows asked for */
typedef struct Fit
{
	const GvAmTrial *trials;
	int			n_trials;
	int			which_k;
	int			k;
	int			n_buckets;
	int			least_ef;		/* of a search that has found its bucket */
	int			n_in[GV_AM_RECALL_MAX_BUCKETS]; /* trials that tell of k rows */
	int			n_steps;
	int			ef[MAX_STEPS];
	/* of the trials of a bucket at a step: sums of recalls and of the ef they come to */
	double		sum[GV_AM_RECALL_MAX_BUCKETS][MAX_STEPS];
	double		cost[GV_AM_RECALL_MAX_BUCKETS][MAX_STEPS];
	Kind		kind[2];		/* rows as they are, and those moved */
	int			step[GV_AM_RECALL_MAX_BUCKETS]; /* where the fit is */
} Fit;

static bool
check_target(double *newval, void **extra, GucSource source)
{
	GucSource  *place = gv_base_guc_malloc(sizeof(GucSource));

	if (place == NULL)
		return false;
	*place = source;
	*extra = place;
	return true;
}

static void
assign_target(double newval, void *extra)
{
	gv_am_target_recall_is_set = extra != NULL && *(GucSource *) extra >= PGC_S_DATABASE;
}

/*
 * gv_am_recall_init
 *		Define the setting; called once.
 */
void
gv_am_recall_init(void)
{
	DefineCustomRealVariable("gigavec.target_recall",
							 "Sets the part of the nearest rows that an index scan should find.",
							 "Scans do as much work as that takes for the ten nearest rows, by "
							 "what was measured when the index was built or vacuumed. "
							 "A value set for the session, role or database overrides the index's own.",
							 &gv_am_target_recall, GV_AM_RECALL_DEFAULT_TARGET,
							 GV_AM_RECALL_MIN_TARGET, GV_AM_RECALL_MAX_TARGET,
							 PGC_USERSET, 0, check_target, assign_target, NULL);
}

/*
 * gv_am_recall_bucket
 *		Return the bucket of a query, from 0.
 */
int
gv_am_recall_bucket(const GvAmRecallTable *table, float difficulty)
{
	int			bucket = 0;

	while (bucket < table->n_buckets - 1 && difficulty >= table->bound[bucket])
		bucket++;
	return bucket;
}

/*
 * gv_am_recall_strangeness
 *		Return by how much ef must be larger for a query that is so far from rows.
 *
 * difficulty: by all that a search has found, not by the first
 */
double
gv_am_recall_strangeness(const GvAmRecallTable *table, float difficulty)
{
	int			n = table->n_buckets;
	float		last = n < 2 || n >= GV_AM_RECALL_MAX_BUCKETS ? 0 : table->bound[n - 2];
	double		exponent = STRANGE_EXPONENT;

	if (!(last > 0) || !(difficulty > last))
		return 1;
	if (table->bound[n - 1] > last)
		exponent = Min(exponent, log(TAIL_FACTOR) / log((double) table->bound[n - 1] / last));
	return Min(pow((double) difficulty / last, exponent), STRANGE_MAX_FACTOR);
}

/* Keys that are equal may be computed with other last bits */
static inline float
slack_of(float key)
{
	return fabsf(key) * FLT_EPSILON * 64;
}

/*
 * gv_am_recall_begin_trial
 *		Begin a trial: nothing is found.
 *
 * key: float[n], of the true neighbors, nearest first; n: GV_AM_RECALL_MAX_K at most
 * max_k: so many are searched for
 */
void
gv_am_recall_begin_trial(GvAmTrial *trial, const float *key, int n, int max_k)
{
	memset(trial, 0, sizeof(*trial));
	trial->n_true = Min(n, max_k);
	trial->max_k = max_k;
	for (int i = 0; i < GV_AM_RECALL_N_KS; i++)
	{
		int			k = Min(gv_am_recall_k[i], n);

		while (k > 0 && k < n && key[k] <= key[k - 1] + slack_of(key[k - 1]))
			k++;
		trial->n_as_near[i] = k;
	}
	for (int i = 0; i < GV_AM_RECALL_MAX_K; i++)
		trial->needed[i] = GV_AM_RECALL_NOT_FOUND;
}

/* How many of the k nearest, or of those as near, an ef finds */
static int
count_found(const GvAmTrial *trial, int which_k, double ef)
{
	int			k = Min(gv_am_recall_k[which_k], trial->n_true);
	int			n = 0;

	for (int j = 0; j < trial->n_as_near[which_k] && n < k; j++)
		n += trial->needed[j] <= ef;
	return n;
}

/*
 * gv_am_recall_note
 *		Note a row that was found; returns whether there is more to be found.
 *
 * key, n: of the true neighbors
 * found_key: of the row, the same as theirs if it is one
 * needed: the least ef that finds it
 *
 * Rows as far as each other stand for each other, so it takes the first place of
 * its key that is free.
 */
bool
gv_am_recall_note(GvAmTrial *trial, const float *key, int n, float found_key, int needed)
{
	float		slack = slack_of(found_key);

	if (n == 0 || found_key > key[n - 1] + slack)
		return n > 0;
	for (int j = 0; j < n && key[j] <= found_key + slack; j++)
	{
		if (key[j] >= found_key - slack && trial->needed[j] == GV_AM_RECALL_NOT_FOUND)
		{
			trial->needed[j] = (uint16) Min(needed, GV_AM_RECALL_NOT_FOUND - 1);
			break;
		}
	}
	for (int i = 0; i < GV_AM_RECALL_N_KS && gv_am_recall_k[i] <= trial->max_k; i++)
	{
		if (count_found(trial, i, GV_AM_RECALL_NOT_FOUND - 1) <
			Min(gv_am_recall_k[i], trial->n_true))
			return true;
	}
	return false;
}

/* The recall that a trial comes to with an ef */
static double
recall_with(const GvAmTrial *trial, int which_k, double ef)
{
	int			k = Min(gv_am_recall_k[which_k], trial->n_true);

	return k > 0 ? (double) count_found(trial, which_k, ef) / k : 1;
}

/* Sum up the trials of all buckets at all steps */
static void
sum_trials(Fit *fit, const GvAmRecallTable *table)
{
	double		ef = fit->k;

	fit->n_steps = 0;
	for (; fit->n_steps < MAX_STEPS; ef = Max(ef + 1, ef * STEP_FACTOR))
	{
		fit->ef[fit->n_steps++] = (int) Min(ef, MAX_EF);
		if (ef >= MAX_EF)
			break;
	}
	for (int i = 0; i < fit->n_trials; i++)
	{
		const GvAmTrial *trial = &fit->trials[i];
		int			bucket = gv_am_recall_bucket(table, trial->difficulty);
		Kind	   *kind = &fit->kind[trial->is_moved];
		double		factor = gv_am_recall_strangeness(table, trial->last_difficulty);

		if (trial->max_k < fit->k)
			continue;
		kind->n++;
		fit->n_in[bucket]++;
		for (int s = 0; s < fit->n_steps; s++)
		{
			double		recall = recall_with(trial, fit->which_k, fit->ef[s] * factor);

			fit->cost[bucket][s] += fit->ef[s] * factor;
			fit->sum[bucket][s] += recall;
			kind->sum[bucket][s] += recall;
			kind->sum2[bucket][s] += recall * recall;
		}
	}
}

/*
 * The mean recall with such steps, less what it may be too high by chance, of
 * rows as they are or of those moved, whichever is less
 *
 * least_mean: written: the same, chance left out
 */
static double
lower_bound(const Fit *fit, const int step[GV_AM_RECALL_MAX_BUCKETS], double *least_mean)
{
	double		least = 1;

	*least_mean = 1;
	for (int i = 0; i < lengthof(fit->kind); i++)
	{
		const Kind *kind = &fit->kind[i];
		double		mean = 0;
		double		variance = 0;

		if (kind->n == 0)
			continue;
		for (int b = 0; b < fit->n_buckets; b++)
		{
			mean += kind->sum[b][step[b]] / kind->n;
			variance += kind->sum2[b][step[b]] / kind->n;
		}
		variance = Max(variance - mean * mean, 0) / Max(kind->n - 1, 1);
		least = Min(least, mean - sqrt(variance) *
					(i == 0 ? STANDARD_ERRORS : MOVED_STANDARD_ERRORS));
		*least_mean = Min(*least_mean, mean);
	}
	return least;
}

/* What the trials cost with such steps */
static double
sum_cost(const Fit *fit, const int step[GV_AM_RECALL_MAX_BUCKETS])
{
	double		cost = 0;

	for (int b = 0; b < fit->n_buckets; b++)
		cost += fit->cost[b][step[b]];
	return cost;
}

/*
 * Has the fit reached a level, as surely as can be had for the price?
 *
 * mean_cost: 0 at first; written when the mean has reached it
 */
static bool
has_reached(const Fit *fit, double level, double *mean_cost)
{
	double		mean;

	if (lower_bound(fit, fit->step, &mean) >= level)
		return true;
	if (mean < level)
		return false;
	if (*mean_cost == 0)
		*mean_cost = sum_cost(fit, fit->step);
	return sum_cost(fit, fit->step) >= *mean_cost * CERTAINTY_PRICE;
}

/*
 * The bucket and the step in it that bring most recall for their cost; false
 * if nothing brings any.
 */
static bool
best_move(const Fit *fit, int *bucket, int *step)
{
	double		best = 0;

	for (int b = 0; b < fit->n_buckets; b++)
	{
		int			now = fit->step[b];

		for (int s = now + 1; s < fit->n_steps && fit->n_in[b] > 0; s++)
		{
			double		gain = (fit->sum[b][s] - fit->sum[b][now]) /
				(fit->cost[b][s] - fit->cost[b][now]);

			if (gain > best)
			{
				best = gain;
				*bucket = b;
				*step = s;
			}
		}
	}
	return best > 0;
}

/* The first step, from one on, with such an ef, or the last */
static int
find_step(const Fit *fit, int step, double ef)
{
	while (step < fit->n_steps - 1 && fit->ef[step] < ef)
		step++;
	return step;
}

/*
 * Take one ef for all buckets where that finds as much and costs no more: a
 * search need not find out its bucket then.
 *
 * level: the least that must be found
 */
static void
take_one(const Fit *fit, double level, int step[GV_AM_RECALL_MAX_BUCKETS])
{
	double		cost = sum_cost(fit, step);
	double		mean;

	for (int s = 0; s < fit->n_steps; s++)
	{
		int			all[GV_AM_RECALL_MAX_BUCKETS];
		double		cost_of_all = 0;

		for (int b = 0; b < fit->n_buckets; b++)
		{
			all[b] = s;
			cost_of_all += fit->cost[b][s];
		}
		if (cost_of_all > cost)
			break;
		if (lower_bound(fit, all, &mean) >= level)
		{
			memcpy(step, all, sizeof(all));
			break;
		}
	}
}

/*
 * The first step, from one on, at which a bucket finds not much less than a
 * level; that one if there is none
 */
static int
sufficient_step(const Fit *fit, int bucket, double level, int step)
{
	double		slack = fit->kind[1].n > 0 ? MIXED_BUCKET_SLACK : BUCKET_SLACK;

	for (int s = step; s < fit->n_steps; s++)
	{
		if (fit->sum[bucket][s] >= (level - slack) * fit->n_in[bucket])
			return s;
	}
	return step;
}

/*
 * Go on to a level by the best moves.
 *
 * bucket: written: of the last move
 * from, to: of that move, which ends where it is enough; not written without a move
 *
 * Returns false if nothing brings more: all steps are the last then.
 */
static bool
climb(Fit *fit, double level, int *bucket, int *from, int *to)
{
	double		mean_cost = 0;
	int			step = 0;

	while (!has_reached(fit, level, &mean_cost))
	{
		if (!best_move(fit, bucket, &step))
		{
			/* but for chance it is reached */
			if (mean_cost > 0)
				return true;
			for (int b = 0; b < fit->n_buckets; b++)
				fit->step[b] = fit->n_steps - 1;
			return false;
		}
		*from = fit->step[*bucket];
		*to = step;
		while (fit->step[*bucket] < step)
		{
			fit->step[*bucket]++;
			if (has_reached(fit, level, &mean_cost))
				break;
		}
	}
	return true;
}

/* Fit one number of rows: from level to level by the best moves */
static void
fit_k(Fit *fit, const GvAmRecallTable *table,
	  uint16 ef[GV_AM_RECALL_N_LEVELS][GV_AM_RECALL_MAX_BUCKETS])
{
	bool		is_last = false;
	int			bucket = 0;
	int			from = 0;

	sum_trials(fit, table);
	for (int b = 0; b < fit->n_buckets && fit->n_buckets > 1; b++)
		fit->step[b] = find_step(fit, 0, fit->least_ef);
	for (int level = 0; level < GV_AM_RECALL_N_LEVELS; level++)
	{
		double		recall = gv_am_recall_level[level];
		int			chosen[GV_AM_RECALL_MAX_BUCKETS] = {0};
		double		mean_cost = 0;
		double		mean;
		int			to;

		from = sufficient_step(fit, bucket, recall, from);
		for (int b = 0; b < fit->n_buckets; b++)
			fit->step[b] = sufficient_step(fit, b, recall, fit->step[b]);
		to = fit->step[bucket];
		is_last = is_last || !climb(fit, recall, &bucket, &from, &to);
		if (is_last)
			to = fit->step[bucket];

		/* the last move, of a level before, may have been longer than needed */
		for (int s = from; s < to && fit->step[bucket] == to && !is_last; s++)
		{
			fit->step[bucket] = s;
			if (has_reached(fit, recall, &mean_cost))
				break;
			fit->step[bucket] = to;
		}
		memcpy(chosen, fit->step, sizeof(chosen));
		take_one(fit, is_last ? recall : Min(recall, lower_bound(fit, chosen, &mean)), chosen);
		for (int b = 0; b < fit->n_buckets; b++)
		{
			ef[level][b] = (uint16) fit->ef[chosen[b]];
			if (level > 0)
				ef[level][b] = Max(ef[level][b], ef[level - 1][b]);
		}
		fit->step[bucket] = to;
	}
}

/*
 * The difficulty that one in a few rows exceeds, by all that was found
 *
 * difficulties: float[n_trials], room for them
 */
static float
find_tail(const GvAmTrial *trials, int n_trials, float *difficulties)
{
	int			n = 0;

	for (int i = 0; i < n_trials; i++)
	{
		if (!trials[i].is_moved)
			difficulties[n++] = trials[i].last_difficulty;
	}
	if (n == 0)
		return 0;
	qsort(difficulties, n, sizeof(float), gv_base_compare_float);
	return difficulties[(int) (n * (1 - TAIL_PART))];
}

/*
 * gv_am_recall_fit
 *		Find the ef with which trials reach each level of recall.
 *
 * n_buckets: so many classes of about equal size are told apart
 * least_ef: what a search that is told apart costs, whatever its class
 * table: written
 */
void
gv_am_recall_fit(const GvAmTrial *trials, int n_trials, int n_buckets, int least_ef,
				 GvAmRecallTable *table)
{
	float	   *difficulties = palloc(sizeof(float) * Max(n_trials, 1));

	memset(table, 0, sizeof(*table));
	if (n_trials == 0)
		return;
	table->n_buckets = n_buckets;
	table->n_trials = n_trials;
	for (int i = 0; i < n_trials; i++)
		difficulties[i] = trials[i].difficulty;
	qsort(difficulties, n_trials, sizeof(float), gv_base_compare_float);
	for (int b = 1; b < n_buckets; b++)
		table->bound[b - 1] = difficulties[(Size) n_trials * b / n_buckets];
	if (n_buckets > 1 && n_buckets < GV_AM_RECALL_MAX_BUCKETS)
		table->bound[n_buckets - 1] = find_tail(trials, n_trials, difficulties);
	pfree(difficulties);

	for (int i = 0; i < GV_AM_RECALL_N_KS; i++)
	{
		Fit		   *fit = palloc0(sizeof(Fit));

		fit->trials = trials;
		fit->n_trials = n_trials;
		fit->which_k = i;
		fit->k = gv_am_recall_k[i];
		fit->n_buckets = n_buckets;
		fit->least_ef = least_ef;
		fit_k(fit, table, table->ef[i]);
		pfree(fit);
	}
}

/*
 * Where a recall lies among the levels: between one and the next, the part of
 * the way that log (1 - recall) has gone.
 */
static void
place_target(double target, int *level, double *part)
{
	static double last_target = -1;
	static int	last_level;
	static double last_part;

	if (target != last_target)
	{
		const double *levels = gv_am_recall_level;
		int			i = 0;

		while (i < GV_AM_RECALL_N_LEVELS - 2 && target >= levels[i + 1])
			i++;
		last_part = log((1 - levels[i]) / (1 - target)) /
			log((1 - levels[i]) / (1 - levels[i + 1]));
		last_part = Max(Min(last_part, 1), 0);
		last_level = i;
		last_target = target;
	}
	*level = last_level;
	*part = last_part;
}

/*
 * gv_am_recall_ef
 *		Return the ef that reaches a recall for the k nearest rows.
 *
 * bucket: of the query
 *
 * Between numbers of rows ef is linear in log k; beyond the last it grows with
 * them.
 */
double
gv_am_recall_ef(const GvAmRecallTable *table, double target, int k, int bucket)
{
	double		ef[GV_AM_RECALL_N_KS];
	int			level;
	double		part;
	int			i = 0;

	place_target(target, &level, &part);
	for (int j = 0; j < GV_AM_RECALL_N_KS; j++)
	{
		double		low = table->ef[j][level][bucket];

		ef[j] = low + part * (table->ef[j][level + 1][bucket] - low);
		if (k == gv_am_recall_k[j])
			return ef[j];
	}
	if (k > GV_AM_RECALL_MAX_K)
		return ef[GV_AM_RECALL_N_KS - 1] * k / GV_AM_RECALL_MAX_K;
	while (i < GV_AM_RECALL_N_KS - 2 && k >= gv_am_recall_k[i + 1])
		i++;
	part = log((double) k / gv_am_recall_k[i]) /
		log((double) gv_am_recall_k[i + 1] / gv_am_recall_k[i]);
	return ef[i] + part * (ef[i + 1] - ef[i]);
}

/*
 * gv_am_recall_is_valid
 *		Is a table of a metapage one that a fit has written, or none?
 */
bool
gv_am_recall_is_valid(const GvAmRecallTable *table)
{
	if (table->n_buckets > GV_AM_RECALL_MAX_BUCKETS ||
		(table->n_buckets == 0) != (table->n_trials == 0))
		return false;
	for (int b = 1; b < table->n_buckets - 1; b++)
	{
		if (!(table->bound[b - 1] <= table->bound[b]))
			return false;
	}
	for (int i = 0; i < GV_AM_RECALL_N_KS; i++)
	{
		for (int level = 0; level < GV_AM_RECALL_N_LEVELS; level++)
		{
			for (int b = 0; b < GV_AM_RECALL_MAX_BUCKETS; b++)
			{
				int			ef = table->ef[i][level][b];

				if (b >= table->n_buckets ? ef != 0 :
					ef < gv_am_recall_k[i] || ef > MAX_EF ||
					(level > 0 && ef < table->ef[i][level - 1][b]))
					return false;
			}
		}
	}
	return true;
}
