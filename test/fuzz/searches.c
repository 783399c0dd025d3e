/*-------------------------------------------------------------------------
 *
 * searches.c
 *		Searches with hostile queries, by indexes of every access method.
 *
 * Queries of texts are those of the file corpus/queries, one a line, or made
 * of their parts, most of them damaged.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "searches.h"

/* A search with one parameter */
typedef struct Search
{
	const char *name;
	const char *sql;
	InputType	input;
	bool		write;			/* to be rolled back */
} Search;

#define TEXT "'Vector search: a machine learns of \"vectors\", b c d; 東京都 検索 the end'"

static const Search searches[] = {
	{"search_ranked",
		"SELECT * FROM fuzz_texts ORDER BY body <@> $1::text LIMIT 5",
	INPUT_QUERY, false},
	{"search_bound",
		"SELECT id FROM fuzz_texts ORDER BY body <@> $1::bm25query LIMIT 500",
	INPUT_QUERY, false},
	{"search_matching",
		"SELECT count(*) FROM fuzz_texts WHERE body @@@ $1::text",
	INPUT_QUERY, false},
	{"search_strict",
		"SELECT count(*) FROM fuzz_texts WHERE body @@@ strict_bm25query($1)",
	INPUT_QUERY, false},
	{"search_plain",
		"SELECT id FROM fuzz_texts ORDER BY body <@> plainto_bm25query($1) LIMIT 3",
	INPUT_QUERY, false},
	{"search_tree",
		"SELECT gigavec.query_tree($1::bm25query, 'english', 'bigram')",
	INPUT_QUERY, false},
	{"search_snippet", "SELECT gigavec.snippet(" TEXT ", $1::bm25query)", INPUT_QUERY, false},
	{"search_explain",
		"SELECT * FROM gigavec.explain_score(" TEXT ", to_bm25query($1, 'fuzz_texts_body'))",
	INPUT_QUERY, false},
	{"search_lexemes",
		"SELECT * FROM gigavec.lexemes($1::text, 'english', 'bigram')",
	INPUT_QUERY, false},
	{"search_hybrid",
		"SELECT * FROM gigavec.hybrid_search('fuzz_texts', $1, '[1,2,3]', 5)",
	INPUT_QUERY, false},
	{"search_filter",
		"SELECT * FROM gigavec.hybrid_search('fuzz_texts', 'vector', '[1,2,3]', 5, filter => 'body <> $1', filter_values => ARRAY[$1])",
	INPUT_QUERY, false},
	{"write_text", "INSERT INTO fuzz_texts VALUES (-1, $1, '[1,2,3]')", INPUT_QUERY, true},
	{"search_l2",
		"SELECT id FROM fuzz_vectors ORDER BY v <-> $1::vector LIMIT 5",
	INPUT_VECTOR, false},
	{"search_ip",
		"SELECT id FROM fuzz_vectors ORDER BY v <#> $1::vector LIMIT 5",
	INPUT_VECTOR, false},
	{"search_cosine",
		"SELECT id FROM fuzz_vectors ORDER BY v <=> $1::vector LIMIT 5",
	INPUT_VECTOR, false},
	{"search_l1",
		"SELECT id FROM fuzz_vectors ORDER BY v <+> $1::vector LIMIT 5",
	INPUT_VECTOR, false},
	{"search_near",
		"SELECT count(*) FROM fuzz_vectors WHERE v <+> '[1,2,3]' < $1::float8",
	INPUT_WORD, false},
	{"search_filtered",
		"SELECT id FROM fuzz_vectors WHERE id < $1::int ORDER BY v <-> '[1,2,3]' LIMIT 5",
	INPUT_INTEGER, false},
	{"write_vector", "INSERT INTO fuzz_vectors VALUES (-1, $1::vector)", INPUT_VECTOR, true}
};

#define N_SEARCHES ((int) (sizeof(searches) / sizeof(searches[0])))

/* The lines of the corpus */
static char **corpus;
static uint32_t n_corpus;

static Input input;

/*
 * Read the corpus.
 */
static void
read_corpus(void)
{
	FILE	   *file = fopen(FUZZ_CORPUS "/queries", "r");
	char		line[1024];

	if (file == NULL)
	{
		perror(FUZZ_CORPUS "/queries");
		exit(2);
	}
	while (fgets(line, sizeof(line), file) != NULL)
	{
		line[strcspn(line, "\n")] = '\0';
		corpus = realloc(corpus, (n_corpus + 1) * sizeof(char *));
		if (corpus == NULL)
			exit(2);
		corpus[n_corpus++] = strdup(line);
	}
	fclose(file);
}

/*
 * A query: a line of the corpus, or parts of several.
 */
void
searches_make_query(Input *in)
{
	uint32_t	n = random_chance(60) ? 1 : 1 + random_below(6);

	input_clear(in);
	for (uint32_t i = 0; i < n; i++)
	{
		const char *line = corpus[random_below(n_corpus)];
		size_t		len = strlen(line);

		if (n > 1 && len > 0)
		{
			size_t		start = random_below((uint32_t) len);

			line += start;
			len = 1 + random_below((uint32_t) (len - start));
		}
		input_add(in, line, len);
		if (i + 1 < n && random_chance(80))
			input_add(in, " ", 1);
	}
}

/*
 * Searches, and rows that are written.
 */
Verdict
searches_run(PGconn *conn)
{
	const Search *search = &searches[random_below(N_SEARCHES)];
	Statement	statement = {.name = search->name, .sql = search->sql, .nparams = 1};
	PGresult   *result;
	Verdict		verdict;

	if (search->input == INPUT_QUERY)
		searches_make_query(&input);
	else
		input_text(&input, search->input, 3);
	if (random_chance(40))
		damage_text(&input);
	statement.values[0] = input.data;
	if (search->write)
		server_must(conn, "BEGIN");
	verdict = server_judge(conn, &statement, &result);
	if (search->write && verdict != VERDICT_FAILED)
		server_must(conn, random_chance(30) ? "COMMIT" : "ROLLBACK");
	PQclear(result);
	return verdict;
}

/*
 * Make what is searched, and prepare the statements.
 */
void
searches_prepare(PGconn *conn)
{
	read_corpus();
	server_must(conn, "CREATE TABLE fuzz_texts (id int, body text, v vector(3))");
	server_must(conn,
				"INSERT INTO fuzz_texts SELECT i, CASE WHEN i % 50 = 0 THEN NULL ELSE"
				" concat_ws(' ', 'vector search', 'w' || i % 7, 'x' || i % 31, chr(97 + i % 26), repeat('a ', i % 5)) END,"
				" ARRAY[i, i % 7, 1]::vector FROM generate_series(1, 400) i");
	server_must(conn,
				"CREATE INDEX fuzz_texts_body ON fuzz_texts USING bm25 (body) WITH (text_config = 'english', cjk = 'bigram')");
	server_must(conn, "CREATE INDEX fuzz_texts_v ON fuzz_texts USING kdtree (v)");
	server_must(conn, "CREATE TABLE fuzz_vectors (id int, v vector(3))");
	server_must(conn,
				"INSERT INTO fuzz_vectors SELECT i, CASE WHEN i % 50 = 0 THEN NULL WHEN i % 49 = 0 THEN '[0,0,0]'"
				" WHEN i % 47 = 0 THEN '[3.4e38,-3.4e38,1e-45]' ELSE ARRAY[i, i % 7, i % 11]::vector END"
				" FROM generate_series(1, 400) i");
	server_must(conn, "CREATE INDEX ON fuzz_vectors USING hnsw (v vector_l2_ops, id)");
	server_must(conn, "CREATE INDEX ON fuzz_vectors USING ivfflat (v vector_ip_ops) WITH (lists = 4)");
	server_must(conn, "CREATE INDEX ON fuzz_vectors USING ivfpq (v vector_cosine_ops) WITH (lists = 4, quantizer = sq8)");
	server_must(conn, "CREATE INDEX ON fuzz_vectors USING kdtree (v vector_l1_ops)");
	server_must(conn, "SET enable_seqscan = off");
	server_must(conn, "SET enable_sort = off");
	for (int i = 0; i < N_SEARCHES; i++)
	{
		PGresult   *result = PQprepare(conn, searches[i].name, searches[i].sql, 0, NULL);

		if (PQresultStatus(result) != PGRES_COMMAND_OK)
		{
			fprintf(stderr, "not ok - %s: %s", searches[i].sql, PQresultErrorMessage(result));
			exit(2);
		}
		PQclear(result);
	}
}

/*
 * Are the indexes that were searched and written sound?
 */
bool
searches_check(PGconn *conn)
{
	char	   *problems = server_ask(conn,
									  "SELECT coalesce(pg_catalog.string_agg(i.indexrelid::regclass || ': ' || p::text, '; '), '')"
									  " FROM pg_catalog.pg_index i, gigavec.check(i.indexrelid) p"
									  " WHERE i.indrelid IN ('fuzz_texts'::regclass, 'fuzz_vectors'::regclass)");
	bool		sound = *problems == '\0';

	if (!sound)
		printf("# %.1000s\n", problems);
	free(problems);
	return sound;
}
