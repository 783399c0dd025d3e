/*-------------------------------------------------------------------------
 *
 * server.c
 *		Run statements and judge what the server makes of them.
 *
 *-------------------------------------------------------------------------
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server.h"

/* Bytes of a parameter that a message shows */
#define SHOWN_BYTES 200

const char *server_case = "";

/*
 * Connect to a database; the rest comes from the environment.  Ends the
 * program if that cannot be done.
 */
PGconn *
server_connect(const char *database)
{
	const char *keywords[] = {"dbname", "application_name", "client_encoding", NULL};
	const char *values[] = {database, "fuzz", "UTF8", NULL};
	PGconn	   *conn = PQconnectdbParams(keywords, values, 0);

	if (PQstatus(conn) != CONNECTION_OK)
	{
		fprintf(stderr, "not ok - connection: %s", PQerrorMessage(conn));
		exit(2);
	}
	return conn;
}

/*
 * Run a statement of our own, which must succeed.
 */
void
server_must(PGconn *conn, const char *sql)
{
	PGresult   *result = PQexec(conn, sql);

	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
	{
		fprintf(stderr, "not ok - %s: %s", sql, PQerrorMessage(conn));
		exit(2);
	}
	PQclear(result);
}

/*
 * The first value of the result of a query, malloc'd; empty if there is none.
 */
char *
server_ask(PGconn *conn, const char *sql)
{
	PGresult   *result = PQexec(conn, sql);
	char	   *value;

	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0)
		value = strdup(PQgetvalue(result, 0, 0));
	else
		value = strdup("");
	PQclear(result);
	return value;
}

/*
 * Print what went wrong, and the statement with its parameters.
 */
void
server_complain(const Statement *statement, const char *format,...)
{
	va_list		args;

	printf("# %s: ", server_case);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n#   %s\n", statement->sql);
	for (int i = 0; i < statement->nparams; i++)
	{
		const char *value = statement->values[i];
		int			len;

		if (value == NULL)
		{
			printf("#   $%d: null\n", i + 1);
			continue;
		}
		len = statement->formats[i] ? statement->lengths[i] : (int) strlen(value);
		printf("#   $%d, %d bytes: ", i + 1, len);
		for (int k = 0; k < len && k < SHOWN_BYTES; k++)
		{
			if (statement->formats[i])
				printf("%02x", (unsigned char) value[k]);
			else if (isprint((unsigned char) value[k]))
				putchar(value[k]);
			else
				printf("\\x%02x", (unsigned char) value[k]);
		}
		printf("%s\n", len > SHOWN_BYTES ? "..." : "");
	}
	fflush(stdout);
}

/*
 * Run a statement.
 */
PGresult *
server_run(PGconn *conn, const Statement *statement)
{
	if (statement->name != NULL)
		return PQexecPrepared(conn, statement->name, statement->nparams, statement->values,
							  statement->lengths, statement->formats, statement->result_format);
	return PQexecParams(conn, statement->sql, statement->nparams, NULL, statement->values,
						statement->lengths, statement->formats, statement->result_format);
}

/*
 * Judge a result: a value or an ordinary error is fine.  A lost connection, an
 * internal error, a lack of memory or a timeout is not.
 */
Verdict
server_judge_result(PGconn *conn, const Statement *statement, PGresult *result)
{
	const char *code;

	switch (PQresultStatus(result))
	{
		case PGRES_TUPLES_OK:
		case PGRES_COMMAND_OK:
			return VERDICT_ACCEPTED;
		default:
			break;
	}
	code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	if (code == NULL || PQstatus(conn) != CONNECTION_OK)
	{
		server_complain(statement, "connection lost: %s", PQerrorMessage(conn));
		return VERDICT_FAILED;
	}
	if (strncmp(code, "XX", 2) == 0 || strncmp(code, "53", 2) == 0 ||
		strncmp(code, "57", 2) == 0 || strncmp(code, "58", 2) == 0)
	{
		server_complain(statement, "%s %s", code,
						PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
		return VERDICT_FAILED;
	}
	return VERDICT_REFUSED;
}

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/*
 * Run a statement and judge it.
 *
 * result: written, the caller clears it
 *
 * A statement that took too long is run again before it is blamed, since the
 * machine may have been busy.
 */
Verdict
server_judge(PGconn *conn, const Statement *statement, PGresult **result)
{
	Verdict		verdict = VERDICT_FAILED;

	*result = NULL;
	for (int attempt = 0; attempt < 3; attempt++)
	{
		double		start = now_ms();
		double		took;

		PQclear(*result);
		*result = server_run(conn, statement);
		took = now_ms() - start;
		verdict = server_judge_result(conn, statement, *result);
		if (took <= SERVER_MAX_MS || verdict == VERDICT_FAILED)
			return verdict;
		if (attempt == 2)
			server_complain(statement, "took %.0f ms three times", took);
	}
	return VERDICT_FAILED;
}
