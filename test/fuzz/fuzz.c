/*-------------------------------------------------------------------------
 *
 * fuzz.c
 *		Give hostile input to a server with gigavec.
 *
 * See README.md.  The cases follow from a seed and their number alone.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cases.h"
#include "searches.h"

#define DATABASE "gigavec_fuzz"

/* After so many failures there is nothing more to learn */
#define MAX_FAILURES 100

static void
usage(void)
{
	fprintf(stderr,
			"usage: fuzz [-n cases] [-s seed] [-c case]\n"
			"  -n  how many cases, 100000 by default\n"
			"  -s  another seed makes other cases, 1 by default\n"
			"  -c  run this case only\n");
	exit(2);
}

/*
 * Choose the kind of a case.
 */
static Kind *
choose_kind(void)
{
	int			x = (int) random_below(1000);

	for (int i = 0; i < cases_n_kinds; i++)
	{
		x -= cases_kinds[i].share;
		if (x < 0)
			return &cases_kinds[i];
	}
	return &cases_kinds[0];
}

/*
 * Connect to a new database with the extension.
 */
static PGconn *
create_database(void)
{
	PGconn	   *conn = server_connect(NULL);

	server_must(conn, "SET client_min_messages = warning");
	server_must(conn, "DROP DATABASE IF EXISTS " DATABASE " WITH (FORCE)");
	server_must(conn, "CREATE DATABASE " DATABASE " TEMPLATE template0 ENCODING 'UTF8'");
	PQfinish(conn);

	conn = server_connect(DATABASE);
	server_must(conn, "SET client_min_messages = error");
	server_must(conn, "CREATE EXTENSION gigavec");
	/* settings exist from here on */
	server_must(conn, "LOAD '$libdir/gigavec'");
	/* the errors are what is wanted: they need not fill the log */
	server_must(conn, "SET log_min_messages = panic");
	server_must(conn, "SET statement_timeout = '20s'");
	cases_prepare(conn);
	return conn;
}

/*
 * Report on a kind of cases; false if it did not try what it should.
 */
static bool
report_kind(const Kind *kind)
{
	long		failed = kind->cases - kind->accepted - kind->refused;
	bool		telling = kind->accepted * 100 >= kind->cases * kind->min_accepted &&
		kind->refused * 100 >= kind->cases * kind->min_refused;

	printf("%s - %s: %ld cases, %ld accepted, %ld refused%s\n",
		   failed == 0 && telling ? "ok" : "not ok", kind->name, kind->cases, kind->accepted,
		   kind->refused, telling ? "" : ", too few of one of them");
	return telling;
}

/*
 * Report on a check; returns how many failed.
 */
static long
report_check(bool sound, const char *name)
{
	printf("%s - %s\n", sound ? "ok" : "not ok", name);
	return !sound;
}

int
main(int argc, char **argv)
{
	long		n_cases = 100000;
	long		only = -1;
	uint64_t	seed = 1;
	long		passed = 0;
	long		failed = 0;
	char		name[64];
	PGconn	   *conn;
	time_t		start = time(NULL);
	int			option;

	while ((option = getopt(argc, argv, "n:s:c:")) != -1)
	{
		if (option == 'n')
			n_cases = atol(optarg);
		else if (option == 's')
			seed = strtoull(optarg, NULL, 10);
		else if (option == 'c')
			only = atol(optarg);
		else
			usage();
	}
	if (optind < argc || n_cases < 1)
		usage();

	server_case = name;
	conn = create_database();
	for (long i = only >= 0 ? only : 0; i < (only >= 0 ? only + 1 : n_cases); i++)
	{
		Kind	   *kind;
		Verdict		verdict;

		random_seed(seed, (uint64_t) i);
		kind = choose_kind();
		snprintf(name, sizeof(name), "case %ld, %s", i, kind->name);
		verdict = kind->run(conn);
		kind->cases++;
		kind->accepted += (verdict == VERDICT_ACCEPTED);
		kind->refused += (verdict == VERDICT_REFUSED);
		passed += (verdict != VERDICT_FAILED);
		failed += (verdict == VERDICT_FAILED);
		if (PQstatus(conn) != CONNECTION_OK || failed >= MAX_FAILURES)
		{
			printf("# stopped after case %ld\n", i);
			break;
		}
		if (i > 0 && i % 1000000 == 0)
			printf("# %ld cases after %ld s\n", i, (long) (time(NULL) - start));
		fflush(stdout);
	}

	for (int i = 0; i < cases_n_kinds; i++)
	{
		bool		telling = report_kind(&cases_kinds[i]);

		/* few cases need not show everything */
		if (!telling && cases_kinds[i].cases >= 500)
			failed++;
	}
	if (PQstatus(conn) == CONNECTION_OK && only < 0)
	{
		long		wrong = report_check(cases_check_rows(conn), "rows that COPY put in are valid");

		wrong += report_check(searches_check(conn),
							  "indexes that were searched and written are sound");
		snprintf(name, sizeof(name), "long input");
		wrong += report_check(cases_check_memory(DATABASE),
							  "long input takes little memory and time");
		failed += wrong;
		passed += 3 - wrong;
		PQfinish(conn);
		conn = server_connect(NULL);
		server_must(conn, "DROP DATABASE " DATABASE " WITH (FORCE)");
	}
	PQfinish(conn);
	printf("# took %ld s\n", (long) (time(NULL) - start));
	printf("%ld passed, %ld failed\n", passed, failed);
	return failed > 0;
}
