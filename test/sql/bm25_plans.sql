--
-- bm25: operators in queries within queries
--
CREATE SCHEMA bm25_plans;
SET search_path = bm25_plans, public;
CREATE TABLE docs (id integer PRIMARY KEY, body text);
INSERT INTO docs SELECT i, 'all w' || i % 5 || ' own' || i FROM generate_series(1, 20) i;
CREATE INDEX docs_body ON docs USING bm25 (body) WITH (text_config = 'simple');
CREATE TABLE asked (word text);
INSERT INTO asked VALUES ('own3'), ('own7'), ('nothing');

-- columns of the query around on the left, on the right, and on both sides
SELECT id FROM docs d WHERE EXISTS (SELECT FROM asked WHERE d.body @@@ word) ORDER BY id;
SELECT word, (SELECT id FROM docs WHERE body @@@ word) FROM asked ORDER BY word;
SELECT id, (SELECT count(*) FROM asked WHERE d.body || ' ' || word @@@ to_bm25query('+own3 +own7', 'docs_body')) AS n
	FROM docs d WHERE id IN (3, 7, 8) ORDER BY id;
SELECT word, id FROM asked, LATERAL (SELECT id FROM docs ORDER BY body <@> word LIMIT 1) d WHERE word LIKE 'own%' ORDER BY word;
-- the column of a query around this one, anywhere, has its index
SELECT id, (SELECT d.body @@@ 'own3') FROM docs d WHERE id < 4 ORDER BY id;
SELECT id, (SELECT d.body @@@ to_bm25query('own3', 'docs_body')) AS matches FROM docs d WHERE id < 4 ORDER BY id;
SELECT id FROM docs d WHERE id = 1 OR EXISTS (SELECT FROM asked WHERE d.body @@@ word) ORDER BY id;
SELECT id, (SELECT string_agg(word || ' ' || (SELECT (d.body <@> word < 0)::text), ', ' ORDER BY word) FROM asked WHERE word <> '') FROM docs d WHERE id = 7;
SELECT id FROM (SELECT id, body FROM docs OFFSET 0) d WHERE id = 1 OR EXISTS (SELECT FROM asked a WHERE d.body @@@ a.word) ORDER BY id;
SELECT word FROM asked WHERE word = 'nothing' OR EXISTS (SELECT FROM docs d WHERE id = 7 AND EXISTS (SELECT FROM docs e WHERE d.body @@@ word AND e.id = d.id)) ORDER BY word;
-- nor does looking for it change the expression, whatever subqueries that has
SELECT id, (SELECT (SELECT d.body) <@> to_bm25query('own3', 'docs_body') < 0) AS found FROM docs d WHERE id < 4 ORDER BY id;
SELECT id, (SELECT count(*) FROM asked a WHERE (SELECT d.body || ' x') @@@ to_bm25query(word, 'docs_body')) AS n FROM docs d WHERE id IN (3, 4) ORDER BY id;
SELECT id, (SELECT count(*) FROM asked a WHERE (SELECT max(d.body || e.word) FROM asked e) @@@ to_bm25query('w3', 'docs_body')) AS n FROM docs d WHERE id IN (3, 4) ORDER BY id;

-- columns of queries that are put together, of queries with names, of groups and of joins: what all parts of them lead to
CREATE TABLE others (id integer, body text);
INSERT INTO others SELECT i, 'other own' || i FROM generate_series(1, 20) i;
CREATE INDEX others_body ON others USING bm25 (body) WITH (text_config = 'simple');
CREATE FUNCTION answer(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT string_agg(s::text, '' '' ORDER BY s) FROM (%s) s', query) INTO result;
	RETURN result;
END $$;
SELECT source,
	answer('SELECT body <@> ''own3 own7'' FROM ' || source) = answer('SELECT body <@> to_bm25query(''own3 own7'', ''docs_body'') FROM ' || source) AS scores,
	answer('SELECT body FROM ' || source || ' WHERE body @@@ ''own3 own7''') AS matches
FROM unnest(ARRAY['(SELECT body FROM docs WHERE id < 5 UNION ALL SELECT body FROM docs WHERE id > 6) x',
	'(SELECT id, body FROM docs WHERE id < 5 UNION SELECT id, body FROM docs WHERE id > 6 ORDER BY id) x',
	'(SELECT body FROM docs INTERSECT (SELECT body FROM docs EXCEPT SELECT body FROM docs WHERE id = 3)) x',
	'(SELECT body FROM docs UNION ALL SELECT NULL) x',
	'(WITH w AS MATERIALIZED (SELECT body FROM docs) SELECT a.body FROM w a JOIN w b USING (body)) x',
	'(WITH w AS MATERIALIZED (SELECT body FROM docs) SELECT body FROM (SELECT body FROM w OFFSET 0) x) x',
	'(WITH RECURSIVE w AS (SELECT id, body FROM docs WHERE id = 1 UNION ALL SELECT d.id, d.body FROM docs d, w WHERE d.id = w.id + 1) SELECT body FROM w) x',
	'(SELECT body FROM docs GROUP BY body OFFSET 0) x',
	'(SELECT j.body FROM (docs d JOIN asked a ON a.word <> ''nothing'') AS j OFFSET 0) x',
	'(SELECT body FROM docs d LEFT JOIN (SELECT body, 1 AS one FROM docs OFFSET 0) e USING (body) OFFSET 0) x']) source;
WITH w AS MATERIALIZED (SELECT id, body FROM docs) SELECT id FROM w WHERE id = 1 OR EXISTS (SELECT FROM asked WHERE w.body @@@ word) ORDER BY id;
WITH w AS (UPDATE others SET body = body || ' changed' WHERE id < 4 RETURNING id, body) SELECT id FROM w WHERE body @@@ 'own3 own1' ORDER BY id;
SELECT id FROM (SELECT * FROM docs UNION ALL SELECT * FROM others) x WHERE body @@@ 'own3' ORDER BY id;
-- parts with several indexes, or with none, have none together
SELECT id FROM (SELECT * FROM docs UNION ALL SELECT * FROM others) x ORDER BY body <@> 'own3' LIMIT 1;
WITH w AS MATERIALIZED (SELECT body FROM docs UNION ALL SELECT word FROM asked) SELECT * FROM w WHERE body @@@ 'own3';
WITH w AS MATERIALIZED (SELECT word AS body FROM asked UNION ALL SELECT body FROM docs) SELECT * FROM w WHERE body @@@ 'own3';
WITH w AS MATERIALIZED (SELECT NULL::text AS body UNION ALL SELECT NULL) SELECT (SELECT w.body || 'x' @@@ 'own3') FROM w;
-- each of many is looked at once, though the next names it twice
SELECT 'WITH w0 AS MATERIALIZED (SELECT id, body FROM docs)' ||
	string_agg(format(', w%s AS MATERIALIZED (SELECT * FROM w%s UNION ALL SELECT * FROM w%2$s WHERE id < 0)', i, i - 1), '' ORDER BY i) ||
	' SELECT id FROM w40 WHERE body @@@ ''own3''' AS query FROM generate_series(1, 40) i \gset
:query;
WITH w AS MATERIALIZED (SELECT coalesce(body, 'own3') AS body FROM docs) SELECT * FROM w WHERE body @@@ 'own3';
DROP TABLE others;

-- none is looked for with an array on the right
SELECT id FROM docs WHERE body @@@ ANY ('{own3,own7}'::text[]) ORDER BY id;
SELECT id FROM docs WHERE body @@@ ANY (ARRAY[to_bm25query('own3', 'docs_body'), to_bm25query('own7', 'docs_body')]) ORDER BY id;

-- columns, and expressions that are indexed, which an outer join may make null
CREATE INDEX docs_long ON docs USING bm25 ((body || ' more words')) WITH (text_config = 'simple');
SELECT word, id, body <@> 'own3' < 0 AS by_column, (body || ' more words') <@> 'own3' < 0 AS by_expression
	FROM asked LEFT JOIN docs ON body = 'all w3 ' || word ORDER BY word;
SELECT word, id, longer <@> 'more own3' < -1 AS by_expression, longer @@@ 'own3' AS matches
	FROM asked LEFT JOIN (SELECT id, body, body || ' more words' AS longer FROM docs) d ON body = 'all w3 ' || word ORDER BY word;
SELECT word, d.* FROM asked LEFT JOIN (SELECT id, body || ' more words' AS longer FROM docs) d ON longer @@@ word AND longer @@@ '+more -own7' ORDER BY word;
DROP INDEX docs_long;

-- an index scan returns what matches, a sort all rows; with the condition both return the same
CREATE FUNCTION rows_of(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT count(*) || '' '' || count(*) FILTER (WHERE d = 0) || '' '' || string_agg(id || '':'' || round(d::numeric, 4), '' '' ORDER BY d, id) FILTER (WHERE d < 0)
		FROM (SELECT id, body <@> ''own3 own7'' AS d FROM docs %s ORDER BY body <@> ''own3 own7'' LIMIT 10) s', condition) INTO result;
	RETURN result;
END $$;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM docs WHERE body @@@ 'own3 own7' ORDER BY body <@> 'own3 own7' LIMIT 10;
SELECT condition, rows_of(condition) FROM unnest('{"",WHERE body @@@ ''own3 own7'',WHERE body <@> ''own3 own7'' < 0}'::text[]) condition;
RESET enable_seqscan;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SELECT condition, rows_of(condition) FROM unnest('{"",WHERE body @@@ ''own3 own7'',WHERE body <@> ''own3 own7'' < 0}'::text[]) condition;
RESET enable_indexscan;
RESET enable_bitmapscan;

-- with several indexes the one that is named answers, whenever its name, and the query, become known
CREATE TABLE two (id integer, part integer, body text);
INSERT INTO two SELECT i, i % 10, 'word w' || i % 100 FROM generate_series(1, 2000) i;
CREATE INDEX two_a ON two USING bm25 (body) WITH (text_config = 'simple');
CREATE INDEX two_b ON two USING bm25 (body, part) WITH (text_config = 'simple');
ANALYZE two;
SET plan_cache_mode = force_generic_plan;
PREPARE words (text) AS SELECT id FROM two WHERE part < 5 ORDER BY body <@> plainto_bm25query($1, 'two_b') LIMIT 1;
EXPLAIN (COSTS OFF) EXECUTE words('w3');
EXECUTE words('w3');
PREPARE matching (text) AS SELECT count(*) FROM two WHERE body @@@ strict_bm25query($1, 'bm25_plans.two_b');
EXPLAIN (COSTS OFF) EXECUTE matching('w3');
EXECUTE matching('w3');
PREPARE named (text, text) AS SELECT count(*) FROM two WHERE body @@@ to_bm25query($1, $2);
EXPLAIN (COSTS OFF) EXECUTE named('w3', 'two_a');
EXECUTE named('w3', 'two_a');
EXECUTE named('w3', 'two_b');
PREPARE given (bm25query) AS SELECT count(*) FROM two WHERE body @@@ $1;
EXECUTE given('w3');
EXECUTE given(to_bm25query('w3', 'two_a'));
EXECUTE given(to_bm25query('w3', 'two_b'));
SET plan_cache_mode = force_custom_plan;
EXPLAIN (COSTS OFF) EXECUTE named('w3', 'two_b');
EXECUTE named('w3', 'two_a');
EXECUTE named('w3', 'two_b');
EXECUTE given(to_bm25query('w3', 'two_b'));
RESET plan_cache_mode;
SELECT word, id FROM (VALUES ('w3'), ('w4')) v (word),
	LATERAL (SELECT id FROM two ORDER BY body <@> plainto_bm25query(word, 'two_b') LIMIT 1) t ORDER BY word;
-- by the value of a column, or of a subquery
SELECT name, id FROM (VALUES ('two_a'), ('two_b')) v (name),
	LATERAL (SELECT id FROM two ORDER BY body <@> to_bm25query('w3', name) LIMIT 1) t ORDER BY name;
SELECT query, id FROM (VALUES ('{index=two_a} w3'::bm25query), ('{index=two_b} w4'), ('w5')) v (query),
	LATERAL (SELECT id FROM two WHERE body @@@ query AND id < 100) t ORDER BY id;
SELECT name, count(*) FROM (VALUES ('two_a'), ('two_b')) v (name), two WHERE body @@@ to_bm25query('w3', (SELECT name)) GROUP BY name ORDER BY name;
SELECT count(*) FROM two WHERE body @@@ (SELECT to_bm25query('w3', 'two_b'));
SELECT count(*) FROM two WHERE body @@@ plainto_bm25query('w3', (SELECT 'two_b'));
CREATE FUNCTION nearest(words text) RETURNS SETOF integer LANGUAGE plpgsql AS $$BEGIN
	RETURN QUERY SELECT id FROM two WHERE part < 5 ORDER BY body <@> to_bm25query(words, 'two_b') LIMIT 1;
END$$;
SELECT nearest('w' || i) FROM generate_series(1, 8) i;
DEALLOCATE ALL;

-- of several partial indexes that one counts whose rows are asked for, in any plan
CREATE TABLE letters (id integer, lang text, body text);
INSERT INTO letters VALUES (1, 'en', 'houses in the wood'), (2, 'en', 'a tree'), (3, 'de', 'Häuser im Wald'), (4, 'de', 'ein Baum, ein Haus'),
	(5, 'fr', 'maisons');
CREATE INDEX letters_en ON letters USING bm25 (body) WITH (text_config = 'english') WHERE lang = 'en';
CREATE INDEX letters_de ON letters USING bm25 (body) WITH (text_config = 'german') WHERE lang = 'de';
CREATE INDEX letters_rest ON letters USING bm25 (body) WITH (text_config = 'simple') WHERE lang NOT IN ('en', 'de');
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM letters WHERE lang = 'de' ORDER BY body <@> 'Haus' LIMIT 3;
SELECT id FROM letters WHERE lang = 'de' ORDER BY body <@> 'Haus' LIMIT 3;
SELECT id FROM letters WHERE lang = 'en' AND body @@@ 'house' ORDER BY body <@> 'house';
SELECT id FROM letters WHERE id > 0 AND (lang = 'fr' AND id < 9) ORDER BY body <@> 'maisons' LIMIT 3;
-- in a subquery, in a join, with a parameter whose value is known
SELECT id FROM (SELECT * FROM letters WHERE lang = 'de' OFFSET 0) l WHERE body @@@ 'Haus' ORDER BY id;
SELECT id FROM asked JOIN (letters JOIN (VALUES (3), (4)) v (n) ON id = n AND lang = 'de') ON word = 'own3' WHERE body @@@ 'Häuser Baum' ORDER BY id;
-- where rows of the table are joined to others, or to none
SELECT id, body <@> 'Haus' < 0 AS found FROM letters WHERE lang = 'de' AND id IN (SELECT n FROM generate_series(1, 9) n) ORDER BY id;
SELECT id, body <@> 'Haus' < 0 AS found FROM letters WHERE lang = 'de' AND EXISTS (SELECT FROM generate_series(1, 9) n WHERE n = id) ORDER BY id;
SELECT id, body <@> 'Haus' < 0 AS found FROM letters WHERE lang = 'de' AND NOT EXISTS (SELECT FROM asked WHERE word = body) ORDER BY id;
SELECT n FROM generate_series(1, 5) n WHERE EXISTS (SELECT FROM letters WHERE id = n AND lang = 'de' AND body @@@ 'Haus') ORDER BY n;
SELECT n FROM generate_series(1, 5) n WHERE NOT EXISTS (SELECT FROM letters WHERE id = n AND lang = 'de' AND body @@@ 'Haus') ORDER BY n;
SELECT n, body <@> 'Haus' < 0 AS found FROM generate_series(2, 5) n LEFT JOIN letters ON id = n AND lang = 'de' ORDER BY n;
SELECT n, body <@> 'Haus' < 0 AS found FROM letters RIGHT JOIN generate_series(2, 5) n ON id = n AND lang = 'de' ORDER BY n;
SELECT n, body <@> 'Haus' < 0 AS found FROM letters RIGHT JOIN generate_series(2, 5) n ON id = n WHERE lang = 'de' ORDER BY n;
SELECT n, body <@> 'Haus' < 0 AS found FROM (letters JOIN asked ON lang = 'de' AND word = 'own3') FULL JOIN generate_series(2, 5) n ON id = n ORDER BY n;
SELECT id, body <@> 'Haus' < 0 AS found FROM (letters JOIN asked a ON lang = 'de' AND a.word = 'own3') LEFT JOIN asked b ON b.word = body ORDER BY id;
-- rows that are there though they do not meet the condition: the oldest index
SELECT id, body <@> 'Haus' < 0 AS found FROM letters LEFT JOIN asked ON lang = 'de' ORDER BY id, word LIMIT 1 OFFSET 2;
SELECT id, body <@> 'Haus' < 0 AS found FROM letters FULL JOIN asked ON id = length(word) AND lang = 'de' WHERE id = 3;
PREPARE by_language (text, text) AS SELECT id FROM letters WHERE lang = $1 ORDER BY body <@> $2 LIMIT 1;
SET plan_cache_mode = force_custom_plan;
EXPLAIN (COSTS OFF) EXECUTE by_language('de', 'Baum');
EXECUTE by_language('de', 'Häusern');
EXECUTE by_language('en', 'trees');
RESET plan_cache_mode;
DEALLOCATE by_language;
UPDATE letters SET id = id + 10 WHERE lang = 'de' AND body @@@ 'Haus' RETURNING id;
-- an index of all rows comes before them
CREATE INDEX letters_all ON letters USING bm25 (body) WITH (text_config = 'simple');
EXPLAIN (COSTS OFF) SELECT id FROM letters WHERE lang = 'de' ORDER BY body <@> 'Haus' LIMIT 3;
RESET enable_seqscan;

SET client_min_messages = warning;
DROP SCHEMA bm25_plans CASCADE;
