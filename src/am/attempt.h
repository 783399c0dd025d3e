/*-------------------------------------------------------------------------
 *
 * attempt.h
 *		Work that may fail without the statement that does it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_ATTEMPT_H
#define GV_AM_ATTEMPT_H

#include "postgres.h"

typedef bool (*GvAmForgives) (const ErrorData *error);

extern bool gv_am_forgives_all(const ErrorData *error);
extern bool gv_am_forgives_shortage(const ErrorData *error);
extern bool gv_am_attempt(void (*work) (void *arg), void *arg, GvAmForgives forgives,
						  const char *failure);

#endif							/* GV_AM_ATTEMPT_H */
