/*-------------------------------------------------------------------------
 *
 * memory.c
 *		How much memory long hostile input takes in the server.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"

/* Bytes of each input */
#define INPUT_BYTES (4 << 20)

/* The most that an input may take: a factor, and what a session needs anyway */
#define MEMORY_FACTOR 10
#define MEMORY_BASE_KB (8 << 10)

/* Pieces of which the inputs consist, after a start that leads into a loop */
static const char *const pieces[][2] = {
	{"[", "1,"}, {"[", "0"}, {"[", "123456789"}, {"[1.", "5"}, {"[1e", "9"}, {"[", " "},
	{"[1,2", "]"}, {"", "["}, {"[", ","}, {"[nan(", "a"}, {"[0x", "f"}, {"[", "1e-45,"},
	{"{", "1:1,"}, {"{1:", "1"}, {"{", ",1"}, {"{", " "}, {"{", "0:0,"}, {"{}/", "1"}, {"", "{"},
	{"{", "1000000000:1e38,"}, {"", "1"}, {"x", "f"}
};

#define N_PIECES ((int) (sizeof(pieces) / sizeof(pieces[0])))

/*
 * The most memory that the backend has used so far, in kB; 0 if the system
 * does not tell.
 */
static long
peak_kb(PGconn *conn)
{
	char	   *value = server_ask(conn,
								   "SELECT substring(pg_catalog.pg_read_file('/proc/self/status')"
								   " FROM 'VmHWM:\\s*(\\d+)')");
	long		kb = atol(value);

	free(value);
	return kb;
}

/*
 * Give inputs of some megabytes to each type, each to a backend of its own,
 * and check how much memory it took.
 */
bool
cases_check_memory(const char *database)
{
	static const char *const types[] = {"vector", "halfvec", "sparsevec"};
	static Input in;
	bool		sound = true;
	long		worst = 0;

	for (int type = 0; type < 3; type++)
	{
		for (int piece = 0; piece < N_PIECES; piece++)
		{
			PGconn	   *conn = server_connect(database);
			char		sql[64];
			Statement	statement = {.sql = sql, .nparams = 1};
			PGresult   *result;
			long		before;
			long		grown;

			snprintf(sql, sizeof(sql), "SELECT $1::%s IS NULL", types[type]);
			server_must(conn, "SET log_min_messages = panic");
			statement.values[0] = "[1]";
			(void) server_judge(conn, &statement, &result);
			PQclear(result);

			input_clear(&in);
			input_print(&in, "%s", pieces[piece][0]);
			while (in.len < INPUT_BYTES)
				input_add(&in, pieces[piece][1], strlen(pieces[piece][1]));
			statement.values[0] = in.data;
			before = peak_kb(conn);
			if (server_judge(conn, &statement, &result) == VERDICT_FAILED)
				sound = false;
			PQclear(result);
			grown = peak_kb(conn) - before;
			if (grown > worst)
				worst = grown;
			if (before > 0 && grown > MEMORY_FACTOR * (INPUT_BYTES >> 10) + MEMORY_BASE_KB)
			{
				server_complain(&statement, "took %ld kB", grown);
				sound = false;
			}
			if (before <= 0)
			{
				printf("# memory is not checked: the server does not tell its use\n");
				type = 3;
				piece = N_PIECES;
			}
			PQfinish(conn);
		}
	}
	printf("# %d kB of input took %ld kB of memory at most\n", INPUT_BYTES >> 10, worst);
	return sound;
}
