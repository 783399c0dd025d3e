/*-------------------------------------------------------------------------
 *
 * searches.h
 *		Searches with hostile queries, by indexes of every access method.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_FUZZ_SEARCHES_H
#define GV_FUZZ_SEARCHES_H

#include "server.h"

extern void searches_prepare(PGconn *conn);
extern void searches_make_query(Input *in);
extern Verdict searches_run(PGconn *conn);
extern bool searches_check(PGconn *conn);

#endif							/* GV_FUZZ_SEARCHES_H */
