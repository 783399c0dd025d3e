--
-- Type bm25query: the query language, and what queries become
--
CREATE SCHEMA bm25_query;
SET search_path = bm25_query, public;
CREATE TABLE "Some Table" (body text);
CREATE INDEX "An, ""Index}" ON "Some Table" (body);

CREATE FUNCTION tree(query text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT gigavec.query_tree(to_bm25query(query), 'english') $$;
CREATE FUNCTION simple_tree(query text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT gigavec.query_tree(to_bm25query(query), 'simple') $$;
CREATE FUNCTION complaint(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	PERFORM strict_bm25query(query);
	RETURN NULL;
EXCEPTION WHEN syntax_error THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN detail;
END $$;

-- words; each time that one is there counts
SELECT tree('Databases and the database search');
SELECT tree('the of and'), tree(''), tree('  ');
-- operators
SELECT query, tree(query), complaint(query) FROM unnest(ARRAY[
	'+databases -searching engines', '"vector databases"', '"vector databases"~3', '"vector databases"^2.5', '"vector databases"~3^2', '"databases"', '"the"',
	'"the vector of databases"', 'databas*', 'databases*', 'the*', 'X*', 'serch~', 'serch~1', 'serch~2^3', 'search^0.5', 'te*^2',
	'(vector search databases)~2', '(the vector search databases)~4', '+(vector search) -(old "new things")', '(a (b (c x)))^2', '(vector^2 search)^3',
	'+foo-bar', '-foo-bar', 'foo-bar', '"foo-bar baz"', 'foo-ba*', '+the', '-the', '-vector', '+(-vector)', '(vector -search) engine', '+vector^2 +vector']) query;
-- what is no operator is text
SELECT query, simple_tree(query), complaint(query) FROM unnest(ARRAY[
	'C++ and C--', 'stabilizing +1 nucleosomes', 'at -5 or -.5', '+"5"', 'a - b + c', 'x -- y', '5" disk', 'say "hello', 'f(x) = (y', 'g) h', 'a * b', 'x*y', '**', '~', '^', 'a~3', 'a~1x', 'b^', 'b^0', 'b^1e9', 'b^9999999',
	'(a b)x', '(a b)~', '"a b"c', '"a b"~1001', ':-)', '()', '""', '+""', '-( )', '+', '-', '"', '(((', ')))', '((a) b', 'f((a) b)', '{a}', '{plain', '-+a', '+-a', 'a&b|!c', '<b>x</b>', '%s\n']) query;
SELECT simple_tree(repeat('(', 100) || 'a' || repeat(')', 100)), complaint(repeat('(', 100) || 'a' || repeat(')', 100));
SELECT length(simple_tree(repeat('a"(b) ', 10000)));
SELECT length(simple_tree((SELECT string_agg('w' || i % 1000, ' ') FROM generate_series(1, 20000) i)));
SELECT strict_bm25query('größer "nicht zu');
SELECT strict_bm25query(repeat('x', 1000) || ' (');

-- words only
SELECT gigavec.query_tree(plainto_bm25query('+a -b "c d" e*'), 'simple'), plainto_bm25query('+a -b');
SELECT plainto_bm25query(NULL), strict_bm25query(NULL), to_bm25query(NULL);
-- lexemes
SELECT query, gigavec.query_tree(query, 'english') FROM unnest(ARRAY['a & b & !c', 'a | b | c', 'a:*', 'a <-> b <2> c', 'a <-> (b <-> c)', '(a | b:*) <-> c',
	'databases', '''two words''']::tsquery[]) query;
SELECT gigavec.query_tree('!a'::tsquery, 'english');
SELECT gigavec.query_tree('a | !b'::tsquery, 'english');
SELECT gigavec.query_tree('a:AB & b'::tsquery, 'english');
SELECT gigavec.query_tree('a <0> b'::tsquery, 'english');
SELECT gigavec.query_tree('(a & b) <-> c'::tsquery, 'english');
SELECT gigavec.query_tree('(a | b <-> d) <-> c'::tsquery, 'english');

-- scripts without blanks
SELECT gigavec.query_tree('数据库 +向量 "向量数据" 库 库*', 'simple', 'bigram');
SET default_text_search_config = 'pg_catalog.english';
SELECT gigavec.query_tree('数据库', 'simple', 'none'), gigavec.query_tree('a');

-- text form, with and without an index
SELECT to_bm25query('a b'), to_bm25query('a b', '"An, ""Index}"'), plainto_bm25query('a', '"An, ""Index}"'), strict_bm25query('"a b"', '"An, ""Index}"');
SELECT query, query::text::bm25query = query AS by_cast, bm25query_in(bm25query_out(query)) = query AS by_input
FROM unnest(ARRAY[to_bm25query('a b'), to_bm25query('a', '"An, ""Index}"'), plainto_bm25query('+a'), plainto_bm25query('{tsquery} a', '"An, ""Index}"'), 'a & b:*'::tsquery,
	to_bm25query('{plain} x'), to_bm25query('{index=nothing} x'), to_bm25query('{'), to_bm25query(''), to_bm25query('{}')]) query ORDER BY query::text COLLATE "C";
SELECT '{} {plain} x'::bm25query, '{}x'::bm25query, '{index=a,} b'::bm25query, '{tsquery,index=a}'::bm25query, '{index=pg_class_oid_index}'::bm25query;
SELECT '{index=nothing} a'::bm25query;
SELECT '{tsquery} a b'::bm25query;
SELECT to_bm25query('a', 'bm25_query."Some Table"');
SELECT to_bm25query('a', 'nothing');
SELECT to_bm25query('a', 'not a name');
SET search_path = pg_catalog;
SELECT public.to_bm25query('a b', 'bm25_query."An, ""Index}"');
SET search_path = bm25_query, public;
CREATE TABLE queries (id integer, q bm25query);
INSERT INTO queries VALUES (1, to_bm25query('x', '"An, ""Index}"')), (2, 'x y'::text), (3, 'x & y'::tsquery), (4, repeat('word ', 10000)::text);
SELECT id, left(q::text, 50), length(q::text) FROM queries ORDER BY id;
SELECT a.id, b.id FROM queries a JOIN queries b ON a.q = b.q AND a.id <> b.id OR a.q <> b.q AND a.id = b.id;
DROP INDEX "An, ""Index}";
SELECT regexp_replace(q::text, '\d+', 'N'), q = q::text::bm25query FROM queries WHERE id = 1;
SELECT to_bm25query(repeat('x', 1048577));

-- binary form
SELECT bm25query_send('a'), bm25query_send('{plain} +a');
CREATE TABLE received (q bm25query);
CREATE FUNCTION receive(data bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	file bytea := '\x5047434f50590aff0d0a000000000000000000'::bytea || '\x0001' || int4send(length(data)) || data || '\xffff';
	octal text := (SELECT string_agg('\' || to_char((get_byte(file, i) / 64) * 100 + (get_byte(file, i) / 8 % 8) * 10 + get_byte(file, i) % 8, 'FM000'), '' ORDER BY i)
		FROM generate_series(0, length(file) - 1) i);
	result text;
BEGIN
	EXECUTE format('COPY received FROM PROGRAM %L (FORMAT binary)', 'printf ''' || octal || '''');
	DELETE FROM received RETURNING q::text INTO result;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT data, receive(data) FROM (VALUES ('\x01'::bytea), ('\x0161'), ('\x'), ('\x0261'), ('\x6162'), ('\x01ff'), ('\x016100'), ('\x01' || '{tsquery} a b'::bytea), ('\x01' || '{index=nothing} a'::bytea)) v (data);
SELECT count(*) FROM queries WHERE receive(bm25query_send(q)) IS DISTINCT FROM q::text AND id < 4;

SET client_min_messages = warning;
DROP SCHEMA bm25_query CASCADE;
