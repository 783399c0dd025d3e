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

SET client_min_messages = warning;
DROP SCHEMA bm25_plans CASCADE;
