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
-- no index is looked for where the column is one of the query around only: it is named
SELECT id, (SELECT d.body @@@ 'own3') FROM docs d WHERE id < 4 ORDER BY id;
SELECT id, (SELECT d.body @@@ to_bm25query('own3', 'docs_body')) AS matches FROM docs d WHERE id < 4 ORDER BY id;

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

SET client_min_messages = warning;
DROP SCHEMA bm25_plans CASCADE;
