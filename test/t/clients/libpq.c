/*-------------------------------------------------------------------------
 *
 * libpq.c
 *		Vectors by libpq in binary form: parameters, results, COPY.
 *
 * Connects by PGHOST and its like.  Prints a line "ok" or "not ok" for each
 * thing it looks at; the exit status is 0 if all are ok.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIM 5
#define ROWS 300
#define VECTOR_BYTES (4 + 4 * DIM)
#define QUERY "SELECT id FROM by_libpq ORDER BY v <-> $1 LIMIT 3"

static PGconn *conn;
static int	failures = 0;

static void
look(int good, const char *what)
{
	printf("%s - %s\n", good ? "ok" : "not ok", what);
	if (!good)
	{
		failures++;
		fprintf(stderr, "%s", PQerrorMessage(conn));
	}
}

static char *
put_int16(char *to, int value)
{
	uint16_t	net = htons((uint16_t) value);

	memcpy(to, &net, sizeof(net));
	return to + sizeof(net);
}

static char *
put_int32(char *to, uint32_t value)
{
	uint32_t	net = htonl(value);

	memcpy(to, &net, sizeof(net));
	return to + sizeof(net);
}

/* Element j of vector i */
static float
element(int i, int j)
{
	return (float) ((i * (j + 3)) % 101) / 8 + (float) i / 1024;
}

/*
 * Write vector i as the server sends and receives it: int16 dimensions, int16
 * zero, then each element as a float4
 */
static char *
put_vector(char *to, int i, int dim)
{
	int			j;

	to = put_int16(to, dim);
	to = put_int16(to, 0);
	for (j = 0; j < dim; j++)
	{
		float		value = element(i, j);
		uint32_t	bits;

		memcpy(&bits, &value, sizeof(bits));
		to = put_int32(to, bits);
	}
	return to;
}

/* Run a statement with one binary vector as parameter, results in binary */
static PGresult *
run(const char *statement, int i, int dim)
{
	char		vector[4 + 4 * 64];
	const char *values[1] = {vector};
	int			length = (int) (put_vector(vector, i, dim) - vector);
	int			format = 1;

	return PQexecParams(conn, statement, 1, NULL, values, &length, &format, 1);
}

static void
fill_table(void)
{
	static const char head[] = "PGCOPY\n\377\r\n\0";
	char		buffer[64 + VECTOR_BYTES];
	char	   *end;
	int			i;
	PGresult   *result;

	PQclear(PQexec(conn, "CREATE TEMP TABLE by_libpq (id int4, v vector(5))"));
	result = PQexec(conn, "COPY by_libpq FROM STDIN WITH (FORMAT binary)");
	look(PQresultStatus(result) == PGRES_COPY_IN, "COPY begins");
	PQclear(result);
	memcpy(buffer, head, 11);
	end = put_int32(put_int32(buffer + 11, 0), 0);
	PQputCopyData(conn, buffer, (int) (end - buffer));
	for (i = 1; i <= ROWS; i++)
	{
		end = put_int16(buffer, 2);
		end = put_int32(put_int32(end, 4), (uint32_t) i);
		end = put_vector(put_int32(end, VECTOR_BYTES), i, DIM);
		PQputCopyData(conn, buffer, (int) (end - buffer));
	}
	end = put_int16(buffer, -1);
	PQputCopyData(conn, buffer, (int) (end - buffer));
	PQputCopyEnd(conn, NULL);
	result = PQgetResult(conn);
	look(PQresultStatus(result) == PGRES_COMMAND_OK && strcmp(PQcmdTuples(result), "300") == 0,
		 "COPY FROM in binary form");
	PQclear(result);
	PQclear(PQgetResult(conn));
}

/* Whether each row of a result has the vector of its number, and all are there */
static int
has_all_vectors(const PGresult *result)
{
	int			row;

	if (PQntuples(result) != ROWS)
		return 0;
	for (row = 0; row < ROWS; row++)
	{
		char		expected[VECTOR_BYTES];

		put_vector(expected, row + 1, DIM);
		if (PQgetlength(result, row, 0) != VECTOR_BYTES ||
			memcmp(PQgetvalue(result, row, 0), expected, VECTOR_BYTES) != 0)
			return 0;
	}
	return 1;
}

/* Whether the vectors nearest to each of some rows begin with the row */
static int
finds_itself(const char *statement)
{
	int			i;

	for (i = 1; i <= ROWS; i += 7)
	{
		PGresult   *result = run(statement, i, DIM);
		uint32_t	id = 0;
		int			good = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 3;

		if (good)
		{
			memcpy(&id, PQgetvalue(result, 0, 0), sizeof(id));
			good = ntohl(id) == (uint32_t) i;
		}
		PQclear(result);
		if (!good)
			return 0;
	}
	return 1;
}

int
main(void)
{
	PGresult   *result;
	char		vector[VECTOR_BYTES] = {0};
	const char *values[1] = {vector};
	int			length,
				format = 1;

	conn = PQconnectdb("");
	if (PQstatus(conn) != CONNECTION_OK)
	{
		fprintf(stderr, "%s", PQerrorMessage(conn));
		return 2;
	}
	fill_table();

	result = PQexecParams(conn, "SELECT v FROM by_libpq ORDER BY id", 0, NULL, NULL, NULL, NULL, 1);
	look(has_all_vectors(result), "results in binary form, to the last bit");
	PQclear(result);

	look(finds_itself(QUERY), "the type of a parameter is found by the operator");
	PQclear(PQexec(conn, "CREATE INDEX ON by_libpq USING hnsw (v vector_l2_ops); SET enable_seqscan = off"));
	look(finds_itself(QUERY), "and by the index");

	result = run("SELECT $1::vector <-> '[1,2]'", 1, 3);
	look(PQresultStatus(result) == PGRES_FATAL_ERROR &&
		 strcmp(PQresultErrorField(result, PG_DIAG_SQLSTATE), "22000") == 0,
		 "different numbers of dimensions are an error");
	PQclear(result);

	/* too short, too long, a reserved field that is set, NaN */
	for (length = 0; length < VECTOR_BYTES; length += 3)
	{
		put_vector(vector, 1, DIM);
		result = PQexecParams(conn, "SELECT $1::vector", 1, NULL, values, &length, &format, 1);
		if (PQresultStatus(result) != PGRES_FATAL_ERROR)
			look(0, "a vector cut short is an error");
		PQclear(result);
	}
	length = VECTOR_BYTES;
	put_int16(vector + 2, 1);
	result = PQexecParams(conn, "SELECT $1::vector", 1, NULL, values, &length, &format, 1);
	look(PQresultStatus(result) == PGRES_FATAL_ERROR, "a reserved field that is set is an error");
	PQclear(result);
	put_vector(vector, 1, DIM);
	put_int32(vector + 4, 0x7fc00000);
	result = PQexecParams(conn, "SELECT $1::vector", 1, NULL, values, &length, &format, 1);
	look(PQresultStatus(result) == PGRES_FATAL_ERROR, "NaN is an error");
	PQclear(result);
	look(finds_itself(QUERY), "errors leave the connection as it was");

	PQfinish(conn);
	return failures > 0;
}
