/*-------------------------------------------------------------------------
 *
 * cases.c
 *		The kinds of cases.
 *
 * A case makes one input, damages it most of the time, and gives it to the
 * server.  An input that is accepted must stay what it is: through text and
 * binary form it comes back the same.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "searches.h"

/* A type of values under test */
typedef struct TypeInfo
{
	const char *name;
	InputType	input;
	const char *statement;		/* prepared: returns its parameter */
	bool		exact;			/* are accepted binary values sent back as they came? */
} TypeInfo;

static const TypeInfo types[] = {
	{"vector", INPUT_VECTOR, "echo_vector", true},
	{"halfvec", INPUT_HALFVEC, "echo_halfvec", true},
	{"sparsevec", INPUT_SPARSEVEC, "echo_sparsevec", true},
	{"bit", INPUT_BIT, "echo_bit", false},
	{"varbit", INPUT_VARBIT, "echo_varbit", false},
	{"bm25query", INPUT_QUERY, "echo_bm25query", false}
};

/* A type of arrays that casts start from */
typedef struct ArrayInfo
{
	const char *name;
	unsigned int element_type;	/* OID where binary input is made, else 0 */
} ArrayInfo;

static const ArrayInfo arrays[] = {
	{"int4", 23}, {"float4", 700}, {"float8", 701}, {"numeric", 0}
};

/* A function that SQL can call */
typedef struct FunctionInfo
{
	char		name[24];		/* of the prepared statement */
	char	   *sql;
	int			nargs;
	InputType	args[SERVER_MAX_PARAMS];
} FunctionInfo;

static FunctionInfo *functions;
static int	n_functions;

/* Names of the settings of the extension */
static char **settings;
static int	n_settings;

/* Access methods with an index on the table fuzz_indexed */
static char **methods;
static int	n_methods;

/* The functions that SQL can call, with the types of their arguments */
static const char functions_query[] =
"SELECT p.oid::regproc, pg_catalog.array_to_string(ARRAY("
"  SELECT pg_catalog.format_type(a.type, NULL)"
"  FROM unnest(p.proargtypes) WITH ORDINALITY a(type, n) ORDER BY n), ';')"
" FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_depend d ON d.objid = p.oid"
" JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid"
" WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.deptype = 'e'"
"  AND d.refclassid = 'pg_catalog.pg_extension'::regclass"
"  AND e.extname = 'gigavec' AND p.prokind IN ('f', 'a')"
"  AND NOT 'internal'::regtype = ANY (p.proargtypes)"
"  AND p.prorettype NOT IN ('internal'::regtype, 'index_am_handler'::regtype)"
" ORDER BY p.oid::regprocedure::text COLLATE \"C\"";

#define N_TYPES ((int) (sizeof(types) / sizeof(types[0])))
#define N_ARRAYS ((int) (sizeof(arrays) / sizeof(arrays[0])))

/* Types with typmod, and casts from arrays: not bit and varbit */
#define N_OWN_TYPES 3

static Input input;
static Input second;

/*
 * A value of a type in text form, valid nearly always.
 */
static void
make_text(Input *in, InputType type, int dim)
{
	if (type == INPUT_QUERY)
		searches_make_query(in);
	else
		input_text(in, type, dim);
}

/*
 * A value of a type in binary form, valid; a query not always.
 */
static void
make_binary(Input *in, InputType type, int dim)
{
	if (type == INPUT_QUERY)
	{
		static Input query;

		/* the version, then the text */
		searches_make_query(&query);
		input_clear(in);
		input_add(in, "\1", 1);
		input_add(in, query.data, query.len);
	}
	else
		input_binary(in, type, dim);
}

/*
 * The usual number of dimensions is small; now and then one is at a limit.
 */
static int
choose_dim(void)
{
	if (random_chance(1))
		return 15990 + (int) random_below(20);
	return 1 + (int) random_below(random_chance(5) ? 300 : 6);
}

/*
 * Give a value of a type to the server and take it back.
 */
static Verdict
echo(PGconn *conn, const TypeInfo *type, const char *value, int length, int format,
	 PGresult **result)
{
	Statement	statement = {
		.name = type->statement, .sql = type->statement, .nparams = 1,
		.values = {value}, .lengths = {length}, .formats = {format}, .result_format = !format
	};

	return server_judge(conn, &statement, result);
}

/*
 * Give an input to the server, and check that what it makes of it is stable:
 * in -> a -> b -> c, alternating between text and binary form, with a = c.
 */
static Verdict
check_echo(PGconn *conn, const TypeInfo *type, const Input *in, int format)
{
	PGresult   *results[3] = {NULL, NULL, NULL};
	const char *value = in->data;
	int			length = (int) in->len;
	Verdict		verdict = VERDICT_ACCEPTED;
	Statement	shown = {
		.sql = type->statement, .nparams = 1, .values = {in->data},
		.lengths = {(int) in->len}, .formats = {format}
	};

	for (int i = 0; i < 3 && verdict == VERDICT_ACCEPTED; i++)
	{
		verdict = echo(conn, type, value, length, (i & 1) ? !format : format, &results[i]);
		if (verdict == VERDICT_REFUSED && i > 0)
		{
			server_complain(&shown, "accepted, but its %s form is refused: %s",
							((i & 1) ^ format) ? "binary" : "text",
							PQresultErrorMessage(results[i]));
			verdict = VERDICT_FAILED;
		}
		if (verdict == VERDICT_ACCEPTED)
		{
			value = PQgetvalue(results[i], 0, 0);
			length = PQgetlength(results[i], 0, 0);
		}
	}
	if (verdict == VERDICT_ACCEPTED &&
		(length != PQgetlength(results[0], 0, 0) ||
		 memcmp(value, PQgetvalue(results[0], 0, 0), (size_t) length) != 0))
	{
		server_complain(&shown, "comes back changed: \"%.200s\", then \"%.200s\"",
						PQgetvalue(results[0], 0, 0), value);
		verdict = VERDICT_FAILED;
	}
	if (verdict == VERDICT_ACCEPTED && format == 1 && type->exact &&
		(PQgetlength(results[1], 0, 0) != (int) in->len ||
		 memcmp(PQgetvalue(results[1], 0, 0), in->data, in->len) != 0))
	{
		server_complain(&shown, "binary form comes back changed");
		verdict = VERDICT_FAILED;
	}
	for (int i = 0; i < 3; i++)
		PQclear(results[i]);
	return verdict;
}

/*
 * Text that goes to the input function of a type.
 */
static Verdict
run_text(PGconn *conn)
{
	const TypeInfo *type = &types[random_below(N_TYPES)];

	make_text(&input, random_chance(2) ? types[random_below(N_TYPES)].input : type->input,
			  choose_dim());
	if (random_chance(75))
		damage_text(&input);
	return check_echo(conn, type, &input, 0);
}

/*
 * Bytes that go to the receive function of a type.
 */
static Verdict
run_binary(PGconn *conn)
{
	const TypeInfo *type = &types[random_below(N_TYPES)];

	make_binary(&input, random_chance(2) ? types[random_below(N_TYPES)].input : type->input,
				choose_dim());
	if (random_chance(75))
		damage_binary(&input);
	return check_echo(conn, type, &input, 1);
}

/*
 * Arrays cast to a type.
 */
static Verdict
run_array(PGconn *conn)
{
	const TypeInfo *type = &types[random_below(N_OWN_TYPES)];
	const ArrayInfo *array = &arrays[random_below(N_ARRAYS)];
	char		name[64];
	char		sql[128];
	bool		binary = array->element_type != 0 && random_chance(40);
	Statement	statement = {.name = name, .sql = sql, .nparams = 1};
	PGresult   *result;
	Verdict		verdict;

	snprintf(name, sizeof(name), "array_%s_%s", array->name, type->name);
	snprintf(sql, sizeof(sql), "SELECT $1::%s[]::%s", array->name, type->name);
	if (binary)
	{
		input_array_binary(&input, array->element_type);
		if (random_chance(70))
			damage_binary(&input);
	}
	else
	{
		input_text(&input, INPUT_ARRAY, choose_dim());
		if (random_chance(60))
			damage_text(&input);
	}
	statement.values[0] = input.data;
	statement.lengths[0] = (int) input.len;
	statement.formats[0] = binary;
	verdict = server_judge(conn, &statement, &result);
	if (verdict == VERDICT_ACCEPTED)
	{
		input_clear(&second);
		input_add(&second, PQgetvalue(result, 0, 0), (size_t) PQgetlength(result, 0, 0));
		if (check_echo(conn, type, &second, 0) != VERDICT_ACCEPTED)
		{
			server_complain(&statement, "the result of the cast is not a valid value");
			verdict = VERDICT_FAILED;
		}
	}
	PQclear(result);
	return verdict;
}

/*
 * Functions called with arguments that nobody else would give them.
 */
static Verdict
run_call(PGconn *conn)
{
	FunctionInfo *function = &functions[random_below((uint32_t) n_functions)];
	Input		args[SERVER_MAX_PARAMS];
	Statement	statement = {.name = function->name, .sql = function->sql};
	PGresult   *result;
	Verdict		verdict;
	int			dim = 1 + (int) random_below(4);

	memset(args, 0, sizeof(args));
	statement.nparams = function->nargs;
	for (int i = 0; i < function->nargs; i++)
	{
		make_text(&args[i], function->args[i], random_chance(90) ? dim : choose_dim());
		if (random_chance(15))
			damage_text(&args[i]);
		statement.values[i] = random_chance(3) ? NULL : args[i].data;
	}
	verdict = server_judge(conn, &statement, &result);
	PQclear(result);
	for (int i = 0; i < function->nargs; i++)
		free(args[i].data);
	return verdict;
}

/*
 * Streams of COPY in binary form.
 */
static Verdict
run_copy(PGconn *conn)
{
	static const char header[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0";
	static const char row[] = "\0\1";
	static const char end[] = "\377\377";
	const TypeInfo *type = &types[random_below(N_TYPES)];
	char		sql[128];
	Statement	statement = {.sql = sql, .nparams = 1, .formats = {1}};
	PGresult   *result;
	Verdict		verdict;

	input_clear(&second);
	input_add(&second, header, 19);
	for (uint32_t n = random_below(4); n > 0; n--)
	{
		char		length[4];

		make_binary(&input, type->input, choose_dim());
		if (random_chance(25))
			damage_binary(&input);
		for (int i = 0; i < 4; i++)
			length[i] = (char) (input.len >> (24 - 8 * i) & 0xff);
		input_add(&second, row, 2);
		input_add(&second, length, 4);
		input_add(&second, input.data, input.len);
	}
	input_add(&second, end, 2);
	if (random_chance(20))
		damage_binary(&second);

	snprintf(sql, sizeof(sql), "COPY fuzz_%s FROM STDIN (FORMAT binary)", type->name);
	statement.values[0] = second.data;
	statement.lengths[0] = (int) second.len;
	result = PQexec(conn, sql);
	if (PQresultStatus(result) == PGRES_COPY_IN)
	{
		PQclear(result);
		PQputCopyData(conn, second.data, (int) second.len);
		PQputCopyEnd(conn, NULL);
		result = PQgetResult(conn);
	}
	verdict = server_judge_result(conn, &statement, result);
	while (result != NULL)
	{
		PQclear(result);
		result = PQgetResult(conn);
	}
	return verdict;
}

/*
 * Type modifiers.
 */
static Verdict
run_typmod(PGconn *conn)
{
	const TypeInfo *type = &types[random_below(N_OWN_TYPES)];
	char		name[64];
	Statement	statement = {.name = name, .nparams = 1};
	PGresult   *result;
	Verdict		verdict;

	snprintf(name, sizeof(name), "typmod_%s", type->name);
	statement.sql = name;
	input_clear(&second);
	input_text(&input, INPUT_INTEGER, 0);
	input_print(&second, "{%s}", input.data);
	if (random_chance(40))
		damage_text(&second);
	statement.values[0] = second.data;
	verdict = server_judge(conn, &statement, &result);
	if (verdict == VERDICT_ACCEPTED && !PQgetisnull(result, 0, 0) &&
		strcmp(PQgetvalue(result, 0, 0), "t") != 0)
	{
		server_complain(&statement, "accepted a type modifier out of range");
		verdict = VERDICT_FAILED;
	}
	PQclear(result);
	return verdict;
}

/*
 * Values of settings, and of the options of an index.
 */
static Verdict
run_option(PGconn *conn)
{
	static const char *const options[] = {
		"m", "ef_construction", "ef_search", "target_recall", "seed", "storage", "lists", "probes",
		"init", "spill", "fillfactor", "text_config", "k1", "b", "length", "cjk"
	};
	Statement	statement = {.nparams = 0};
	PGresult   *result;
	Verdict		verdict;

	input_text(&input, random_chance(50) ? INPUT_INTEGER : INPUT_WORD, 0);
	if (random_chance(30))
		damage_text(&input);
	if (n_methods == 0 || (n_settings > 0 && random_chance(80)))
	{
		statement.name = "set_config";
		statement.sql = "SELECT pg_catalog.set_config($1, $2, true)";
		statement.nparams = 2;
		statement.values[0] = "gigavec.none";
		if (n_settings > 0)
			statement.values[0] = settings[random_below((uint32_t) n_settings)];
		statement.values[1] = input.data;
		verdict = server_judge(conn, &statement, &result);
	}
	else
	{
		char	   *value = PQescapeLiteral(conn, input.data, input.len);

		input_clear(&second);
		input_print(&second, "CREATE INDEX ON fuzz_indexed USING %s WITH (%s = ",
					methods[random_below((uint32_t) n_methods)],
					options[random_below(sizeof(options) / sizeof(options[0]))]);
		/* text that is not in the encoding cannot be a literal */
		if (value == NULL)
			return VERDICT_REFUSED;
		input_add(&second, value, strlen(value));
		input_print(&second, ")");
		PQfreemem(value);
		statement.sql = second.data;
		server_must(conn, "BEGIN");
		verdict = server_judge(conn, &statement, &result);
		if (verdict != VERDICT_FAILED)
			server_must(conn, "ROLLBACK");
	}
	PQclear(result);
	return verdict;
}

Kind		cases_kinds[] = {
	{"text input", 320, run_text, 15, 15, 0, 0, 0},
	{"binary input", 270, run_binary, 15, 15, 0, 0, 0},
	{"casts from arrays", 100, run_array, 15, 15, 0, 0, 0},
	{"function calls", 150, run_call, 15, 5, 0, 0, 0},
	{"searches", 80, searches_run, 15, 5, 0, 0, 0},
	{"COPY in binary form", 30, run_copy, 15, 15, 0, 0, 0},
	{"type modifiers", 30, run_typmod, 5, 15, 0, 0, 0},
	{"settings and options", 20, run_option, 0, 5, 0, 0, 0}
};
const int	cases_n_kinds = sizeof(cases_kinds) / sizeof(cases_kinds[0]);

/*
 * The kind of input for an argument, from the name of its type.
 */
static InputType
choose_input(const char *type)
{
	if (strstr(type, "[]") != NULL)
		return INPUT_ARRAY;
	for (int i = 0; i < N_TYPES; i++)
		if (strcmp(type, types[i].name) == 0)
			return types[i].input;
	if (strcmp(type, "bit varying") == 0)
		return INPUT_VARBIT;
	if (strcmp(type, "integer") == 0 || strcmp(type, "bigint") == 0 || strcmp(type, "oid") == 0 ||
		strcmp(type, "double precision") == 0 || strcmp(type, "real") == 0)
		return INPUT_INTEGER;
	if (strcmp(type, "boolean") == 0)
		return INPUT_BOOLEAN;
	if (strcmp(type, "regclass") == 0)
		return INPUT_RELATION;
	return INPUT_WORD;
}

/*
 * Prepare a call of each function and aggregate of the extension that SQL can
 * call.
 */
static void
prepare_calls(PGconn *conn)
{
	PGresult   *list = PQexec(conn, functions_query);
	int			n = PQntuples(list);

	functions = calloc((size_t) (n > 0 ? n : 1), sizeof(FunctionInfo));
	for (int i = 0; i < n; i++)
	{
		FunctionInfo *function = &functions[n_functions];
		char	   *arguments = strdup(PQgetvalue(list, i, 1));
		Input		sql = {0};
		PGresult   *result;

		function->nargs = 0;
		snprintf(function->name, sizeof(function->name), "call_%d", i);
		input_print(&sql, "SELECT %s(", PQgetvalue(list, i, 0));
		for (char *type = strtok(arguments, ";"); type != NULL; type = strtok(NULL, ";"))
		{
			int			arg = function->nargs;

			if (arg >= SERVER_MAX_PARAMS)
				break;
			/* text cannot be cast to cstring; its output is one */
			input_print(&sql, strcmp(type, "cstring") == 0 ? "%stextout($%d::text)" : "%s$%d::%s",
						arg > 0 ? ", " : "", arg + 1, type);
			function->args[arg] = choose_input(type);
			function->nargs++;
		}
		input_print(&sql, ")");
		result = PQprepare(conn, function->name, sql.data, 0, NULL);
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
		{
			fprintf(stderr, "not ok - %s: %s", sql.data, PQresultErrorMessage(result));
			exit(2);
		}
		PQclear(result);
		function->sql = sql.data;
		n_functions++;
		free(arguments);
	}
	PQclear(list);
	printf("# %d functions are called\n", n_functions);
}

/*
 * The first column of a query, as an array of strings.
 */
static char **
list_names(PGconn *conn, const char *sql, int *n)
{
	PGresult   *result = PQexec(conn, sql);
	char	  **names;

	*n = PQntuples(result);
	names = calloc((size_t) *n + 1, sizeof(char *));
	for (int i = 0; i < *n; i++)
		names[i] = strdup(PQgetvalue(result, i, 0));
	PQclear(result);
	return names;
}

/*
 * Prepare the statements and tables of all kinds.
 */
void
cases_prepare(PGconn *conn)
{
	char		sql[256];

	for (int i = 0; i < N_TYPES; i++)
	{
		snprintf(sql, sizeof(sql), "PREPARE %s(%s) AS SELECT $1",
				 types[i].statement, types[i].name);
		server_must(conn, sql);
		snprintf(sql, sizeof(sql), "CREATE TABLE fuzz_%s (v %s)", types[i].name,
				 types[i].input == INPUT_BIT ? "bit(5)" : types[i].name);
		server_must(conn, sql);
	}
	for (int i = 0; i < N_OWN_TYPES; i++)
	{
		for (int k = 0; k < N_ARRAYS; k++)
		{
			snprintf(sql, sizeof(sql), "PREPARE array_%s_%s(%s[]) AS SELECT $1::%s",
					 arrays[k].name, types[i].name, arrays[k].name, types[i].name);
			server_must(conn, sql);
		}
		snprintf(sql, sizeof(sql),
				 "PREPARE typmod_%s(text) AS SELECT %s_typmod_in($1::cstring[]) BETWEEN 1 AND %d",
				 types[i].name, types[i].name,
				 types[i].input == INPUT_SPARSEVEC ? 1000000000 : 16000);
		server_must(conn, sql);
	}
	server_must(conn,
				"PREPARE set_config(text, text) AS SELECT pg_catalog.set_config($1, $2, true)");
	server_must(conn, "CREATE TABLE fuzz_indexed (v vector(3))");
	server_must(conn, "INSERT INTO fuzz_indexed VALUES ('[1,2,3]')");
	server_must(conn, "CREATE INDEX fuzz_btree ON fuzz_indexed (v)");
	server_must(conn, "CREATE VIEW fuzz_view AS SELECT v FROM fuzz_indexed");
	server_must(conn, "CREATE SEQUENCE fuzz_sequence");
	server_must(conn, "CREATE TABLE fuzz_partitioned (v vector(3)) PARTITION BY LIST (v)");
	settings = list_names(conn,
						  "SELECT name FROM pg_catalog.pg_settings"
						  " WHERE name ~ '^(gigavec|hnsw|ivfflat|ivfpq|bm25|kdtree)[.]' ORDER BY name",
						  &n_settings);
	methods = list_names(conn,
						 "SELECT DISTINCT CASE c.opcname WHEN 'text_ops' THEN 'bm25 ((v::text))'"
						 "  ELSE m.amname || ' (v vector_l2_ops)' END FROM pg_catalog.pg_am m"
						 " JOIN pg_catalog.pg_opclass c ON c.opcmethod = m.oid"
						 " WHERE c.opcname = 'vector_l2_ops' OR (c.opcname, m.amname) = ('text_ops', 'bm25') ORDER BY 1 DESC",
						 &n_methods);
	if (n_methods > 0)
	{
		snprintf(sql, sizeof(sql),
				 "CREATE INDEX fuzz_index ON fuzz_indexed USING %s", methods[0]);
		server_must(conn, sql);
		snprintf(sql, sizeof(sql),
				 "CREATE INDEX fuzz_partitioned_index ON fuzz_partitioned"
				 " USING %s", methods[0]);
		server_must(conn, sql);
	}
	printf("# %d settings, %d access methods\n", n_settings, n_methods);
	if (n_settings == 0 && n_methods == 0)
		cases_kinds[cases_n_kinds - 1].min_refused = 0;
	searches_prepare(conn);
	prepare_calls(conn);
}

/*
 * Check what COPY has put into the tables.
 */
bool
cases_check_rows(PGconn *conn)
{
	bool		sound = true;

	for (int i = 0; i < N_OWN_TYPES; i++)
	{
		char		sql[256];
		char	   *wrong;

		snprintf(sql, sizeof(sql),
				 "SELECT count(*) FROM fuzz_%s WHERE v::text::%s IS DISTINCT FROM v",
				 types[i].name, types[i].name);
		wrong = server_ask(conn, sql);
		if (strcmp(wrong, "0") != 0)
			sound = false;
		free(wrong);
	}
	return sound;
}
