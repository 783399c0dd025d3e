/*-------------------------------------------------------------------------
 *
 * cases.h
 *		The kinds of cases.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_FUZZ_CASES_H
#define GV_FUZZ_CASES_H

#include "server.h"

/* Kinds of cases */
typedef struct Kind
{
	const char *name;
	int			share;			/* of a thousand cases */
	Verdict		(*run) (PGconn *conn);
	/* of a hundred cases, at least so many are accepted, and so many refused */
	int			min_accepted;
	int			min_refused;
	/* counts, kept by the main program */
	long		cases;
	long		accepted;
	long		refused;
} Kind;

extern Kind cases_kinds[];
extern const int cases_n_kinds;

extern void cases_prepare(PGconn *conn);
extern bool cases_check_rows(PGconn *conn);
extern bool cases_check_memory(const char *database);

#endif							/* GV_FUZZ_CASES_H */
