/*-------------------------------------------------------------------------
 *
 * recall.c
 *		Recall as the setting: from trials to the ef that reaches a recall.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/guc.h"

#include "am/recall.h"
#include "base/compat.h"

/* ef grows by this factor from one step of the fit to the next, at least by 1 */
#define STEP_FACTOR 1.08

#define MAX_STEPS 128
#define MAX_EF 4096

/*
 * The mean recall of the trials, less so many standard errors, must reach the
 * level: so it does in five of six cases whatever the sample.
 */
#define STANDARD_ERRORS 1.0

/*
 * At these levels: where a quarter more ef leaves a third of what is missed, or
 * less, that quarter is taken.  On a curve so steep one ef less than needed
 * loses more than a standard error.
 */
#define STEEP_FROM_LEVEL 0.95
#define STEEP_TO_LEVEL 0.98
#define STEEP_EF_FACTOR 1.25
#define STEEP_MISSED_PART 0.33

/*
 * A query is strange that is farther from rows than nearly all rows are from
 * others: by this part of what the last bound is above the first, in logarithms,
 * so that few rows are where some lie far away.  From there on it takes so much
 * more ef for that way, and so much at most.
 */
#define STRANGE_PART 0.5
#define STRANGE_SLOPE 2.4
#define STRANGE_MAX_FACTOR 4.0

const double gv_am_recall_level[GV_AM_RECALL_N_LEVELS] = {
	.80, .85, .90, .925, .95, .97, .98, .99, .995, .999
};

const int	gv_am_recall_k[GV_AM_RECALL_N_KS] = {1, 10, 100};

double		gv_am_target_recall = GV_AM_RECALL_DEFAULT_TARGET;

/* Was the target set for the session, role or database? */
bool		gv_am_target_recall_is_set = false;

/* The fit for one number of rows asked for */
typedef struct Fit
{
	const GvAmTrial *trials;
	int			n_trials;
	int			n_counted;		/* that tell of k rows */
	int			k;
	int			n_buckets;
	int			least_ef;		/* of a search that has found its bucket */
	int			n_in[GV_AM_RECALL_MAX_BUCKETS];
	int			n_steps;
	int			ef[MAX_STEPS];
	/* of the trials of a bucket at a step: sums of recalls and of their squares */
	double		sum[GV_AM_RECALL_MAX_BUCKETS][MAX_STEPS];
	double		sum2[GV_AM_RECALL_MAX_BUCKETS][MAX_STEPS];
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
 *		Return by how much ef must be larger for a query that is more difficult
 *		than the rows by which an index was calibrated.
 */
double
gv_am_recall_strangeness(const GvAmRecallTable *table, float difficulty)
{
	float		first = table->bound[0];
	float		last;
	double		way;
	double		beyond;

	if (table->n_buckets < 3)
		return 1;
	last = table->bound[table->n_buckets - 2];
	if (!(first > 0) || !(last > first) || !(difficulty > last))
		return 1;
	way = log((double) last / first);
	beyond = log((double) difficulty / last) - STRANGE_PART * way;
	if (!(beyond > 0))
		return 1;
	return Min(1 + STRANGE_SLOPE * beyond / way, STRANGE_MAX_FACTOR);
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
		int			k = Min(fit->k, trial->n_true);

		if (trial->max_k < fit->k)
			continue;
		fit->n_counted++;
		fit->n_in[bucket]++;
		for (int s = 0; s < fit->n_steps; s++)
		{
			int			n = 0;
			double		recall;

			for (int j = 0; j < k; j++)
				n += trial->needed[j] <= fit->ef[s];
			recall = k > 0 ? (double) n / k : 1;
			fit->sum[bucket][s] += recall;
			fit->sum2[bucket][s] += recall * recall;
		}
	}
}

/*
 * The mean recall with such steps, less what it may be too high by chance
 *
 * mean: written unless NULL
 */
static double
lower_bound(const Fit *fit, const int step[GV_AM_RECALL_MAX_BUCKETS], double *mean)
{
	double		n = Max(fit->n_counted, 1);
	double		sum = 0;
	double		sum2 = 0;
	double		variance;

	for (int b = 0; b < fit->n_buckets; b++)
	{
		sum += fit->sum[b][step[b]];
		sum2 += fit->sum2[b][step[b]];
	}
	if (mean != NULL)
		*mean = sum / n;
	variance = Max(sum2 / n - (sum / n) * (sum / n), 0) / Max(n - 1, 1);
	return sum / n - STANDARD_ERRORS * sqrt(variance);
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
				((double) (fit->ef[s] - fit->ef[now]) * fit->n_in[b]);

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
 * Take one ef for all buckets where that costs no more: a search need not find
 * out its bucket then.
 */
static void
take_one(const Fit *fit, double level, int step[GV_AM_RECALL_MAX_BUCKETS])
{
	int			all[GV_AM_RECALL_MAX_BUCKETS];
	double		cost = 0;

	for (int b = 0; b < fit->n_buckets; b++)
		cost += (double) fit->n_in[b] * fit->ef[step[b]];
	for (int s = 0; s < fit->n_steps && (double) fit->n_counted * fit->ef[s] <= cost; s++)
	{
		for (int b = 0; b < fit->n_buckets; b++)
			all[b] = s;
		if (lower_bound(fit, all, NULL) >= level)
		{
			memcpy(step, all, sizeof(all));
			break;
		}
	}
}

/* Take more where the curve is steep */
static void
take_more(const Fit *fit, int step[GV_AM_RECALL_MAX_BUCKETS])
{
	int			more[GV_AM_RECALL_MAX_BUCKETS];
	double		mean;
	double		mean_of_more;

	for (int b = 0; b < fit->n_buckets; b++)
		more[b] = find_step(fit, step[b], fit->ef[step[b]] * STEEP_EF_FACTOR);
	(void) lower_bound(fit, step, &mean);
	(void) lower_bound(fit, more, &mean_of_more);
	if (mean < 1 && 1 - mean_of_more <= STEEP_MISSED_PART * (1 - mean))
		memcpy(step, more, sizeof(more));
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
		int			chosen[GV_AM_RECALL_MAX_BUCKETS] = {0};
		int			to;

		while (!is_last && lower_bound(fit, fit->step, NULL) < gv_am_recall_level[level])
		{
			int			step = 0;

			if (best_move(fit, &bucket, &step))
			{
				from = fit->step[bucket];
				fit->step[bucket] = step;
				continue;
			}
			is_last = true;
			for (int b = 0; b < fit->n_buckets; b++)
				fit->step[b] = fit->n_steps - 1;
		}

		/* the last move may have been longer than needed */
		to = fit->step[bucket];
		for (int s = from; s < to && !is_last; s++)
		{
			fit->step[bucket] = s;
			if (lower_bound(fit, fit->step, NULL) >= gv_am_recall_level[level])
				break;
			fit->step[bucket] = to;
		}
		memcpy(chosen, fit->step, sizeof(chosen));
		take_one(fit, gv_am_recall_level[level], chosen);
		if (gv_am_recall_level[level] >= STEEP_FROM_LEVEL &&
			gv_am_recall_level[level] <= STEEP_TO_LEVEL && !is_last)
			take_more(fit, chosen);
		for (int b = 0; b < fit->n_buckets; b++)
		{
			ef[level][b] = (uint16) fit->ef[chosen[b]];
			if (level > 0)
				ef[level][b] = Max(ef[level][b], ef[level - 1][b]);
		}
		fit->step[bucket] = to;
	}
}

static int
compare_difficulties(const void *a, const void *b)
{
	float		x = *(const float *) a;
	float		y = *(const float *) b;

	return x < y ? -1 : (x > y ? 1 : 0);
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
	qsort(difficulties, n_trials, sizeof(float), compare_difficulties);
	for (int b = 1; b < n_buckets; b++)
		table->bound[b - 1] = difficulties[(Size) n_trials * b / n_buckets];
	pfree(difficulties);

	for (int i = 0; i < GV_AM_RECALL_N_KS; i++)
	{
		Fit		   *fit = palloc0(sizeof(Fit));

		fit->trials = trials;
		fit->n_trials = n_trials;
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
