/*-------------------------------------------------------------------------
 *
 * recall.h
 *		Recall as the setting: from trials to the ef that reaches a recall.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_RECALL_H
#define GV_AM_RECALL_H

#include "postgres.h"

#include "am/page.h"

/* The largest of the numbers of rows that are calibrated */
#define GV_AM_RECALL_MAX_K 100

/* Instead of an ef: the neighbor was not found */
#define GV_AM_RECALL_NOT_FOUND PG_UINT16_MAX

/* Limits of the setting */
#define GV_AM_RECALL_MIN_TARGET 0.5
#define GV_AM_RECALL_MAX_TARGET 0.999
#define GV_AM_RECALL_DEFAULT_TARGET 0.95

/* What the search for one query vector has told */
typedef struct GvAmTrial
{
	int			n_true;			/* true neighbors that were searched for */
	int			max_k;			/* it tells nothing of more rows than this */
	bool		is_moved;		/* the query vector was a row, and was moved */
	float		difficulty;		/* by the first that were found: the larger, the more ef */
	float		last_difficulty;	/* by all that were found */
	/* for each number of rows: true neighbors no farther than the last of them */
	int			n_as_near[GV_AM_RECALL_N_KS];
	/* by rank: the least ef that finds the neighbor */
	uint16		needed[GV_AM_RECALL_MAX_K];
} GvAmTrial;

/* The setting, and whether it was set for the session, role or database */
extern double gv_am_target_recall;
extern bool gv_am_target_recall_is_set;

extern const double gv_am_recall_level[GV_AM_RECALL_N_LEVELS];
extern const int gv_am_recall_k[GV_AM_RECALL_N_KS];

extern void gv_am_recall_init(void);
extern void gv_am_recall_begin_trial(GvAmTrial *trial, const float *key, int n, int max_k);
extern bool gv_am_recall_note(GvAmTrial *trial, const float *key, int n, float found_key,
							  int needed);
extern void gv_am_recall_fit(const GvAmTrial *trials, int n_trials, int n_buckets,
							 int least_ef, GvAmRecallTable *table);
extern double gv_am_recall_ef(const GvAmRecallTable *table, double target, int k,
							  int bucket);
extern int	gv_am_recall_bucket(const GvAmRecallTable *table, float difficulty);
extern double gv_am_recall_strangeness(const GvAmRecallTable *table, float difficulty);
extern bool gv_am_recall_is_valid(const GvAmRecallTable *table);

#endif							/* GV_AM_RECALL_H */
