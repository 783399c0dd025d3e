/*-------------------------------------------------------------------------
 *
 * server.h
 *		Run statements and judge what the server makes of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_FUZZ_SERVER_H
#define GV_FUZZ_SERVER_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "input.h"

/* The longest that a statement may take, in milliseconds */
#define SERVER_MAX_MS 1000

#define SERVER_MAX_PARAMS 8

/* What became of an input */
typedef enum Verdict
{
	VERDICT_ACCEPTED,
	VERDICT_REFUSED,			/* an error that a user can cause */
	VERDICT_FAILED				/* anything else; said why */
} Verdict;

/* A statement with its parameters */
typedef struct Statement
{
	const char *name;			/* of a prepared statement, or NULL */
	const char *sql;			/* its text, for messages, or to run when not prepared */
	int			nparams;
	const char *values[SERVER_MAX_PARAMS];
	int			lengths[SERVER_MAX_PARAMS];
	int			formats[SERVER_MAX_PARAMS]; /* 0 text, 1 binary */
	int			result_format;
} Statement;

/* Set while a case runs, for messages */
extern const char *server_case;

extern PGconn *server_connect(const char *database);
extern void server_must(PGconn *conn, const char *sql);
extern char *server_ask(PGconn *conn, const char *sql);
extern PGresult *server_run(PGconn *conn, const Statement *statement);
extern Verdict server_judge(PGconn *conn, const Statement *statement, PGresult **result);
extern Verdict server_judge_result(PGconn *conn, const Statement *statement, PGresult *result);
extern void server_complain(const Statement *statement, const char *format,...)
			__attribute__((format(printf, 2, 3)));

#endif							/* GV_FUZZ_SERVER_H */
