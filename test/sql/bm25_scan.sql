--
-- bm25: scores, order, matches; insert, delete, VACUUM
--
CREATE SCHEMA bm25_test;
SET search_path = bm25_test, public;

-- the example of the documentation
CREATE TABLE docs (id integer PRIMARY KEY, body text);
INSERT INTO docs VALUES (1, 'Machine learning for vector databases'), (2, 'Neural networks and deep learning'),
	(3, 'Vector similarity search algorithms');
CREATE INDEX docs_body ON docs USING bm25 (body) WITH (text_config = 'simple');
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM docs ORDER BY body <@> 'vector search' LIMIT 10;
SELECT id, body <@> 'vector search' AS distance FROM docs ORDER BY body <@> 'vector search' LIMIT 10;
SET enable_seqscan = on;
SET enable_indexscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM docs ORDER BY body <@> 'vector search' LIMIT 10;
SELECT id, body <@> 'vector search' AS distance FROM docs ORDER BY body <@> 'vector search', id;
RESET enable_indexscan;

-- a function of a document's number: words by Zipf's law, some documents empty or missing
CREATE FUNCTION random_part(n bigint, seed bigint) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
	'SELECT (hashint8extended(n, seed) & 1048575) / 1048576.0';
CREATE FUNCTION random_word(n bigint, seed bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
	$$SELECT 'w' || floor(exp(random_part(n, seed) * ln(3000)))::integer$$;
CREATE FUNCTION random_text(n bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
	$$SELECT CASE WHEN n % 97 = 0 THEN NULL WHEN n % 89 = 0 THEN ' ... ' ELSE
		(SELECT string_agg(random_word(n * 1000 + i, 1), ' ')
		 FROM generate_series(1, 1 + floor(exp(random_part(n, 2) * ln(120)))::integer) i) END$$;
CREATE FUNCTION random_query(n bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
	$$SELECT string_agg(random_word(n * 1000 + i, 3), ' ') FROM generate_series(1, 1 + n % 8) i$$;

-- BM25 as Lucene computes it, in float4, from the texts alone
CREATE FUNCTION lucene_norm(length integer) RETURNS integer LANGUAGE sql IMMUTABLE AS
	$$SELECT CASE WHEN length < 32 THEN length ELSE 24 + ((length - 24) >> s << s) END
	  FROM (SELECT greatest(0, floor(log(2, greatest(length - 24, 1)::numeric + 0.5))::integer - 3)) x (s)$$;
CREATE FUNCTION lucene_scores(query text) RETURNS TABLE (id integer, score float4) LANGUAGE plpgsql AS $$
DECLARE
	n float8 := (SELECT count(*) FROM lengths);
	average float4 := (SELECT (sum(length)::float8 / count(*))::float4 FROM lengths);
BEGIN
	RETURN QUERY
	WITH asked AS (SELECT word, count(*)::float4 AS qtf FROM regexp_split_to_table(query, ' ') word GROUP BY word),
	weights AS (SELECT a.word, (qtf * ln(1 + (n - df + 0.5) / (df + 0.5))::float4)::float4 AS w
		FROM asked a, LATERAL (SELECT count(*)::float8 AS df FROM postings p WHERE p.word = a.word) d WHERE df > 0),
	parts AS (SELECT p.id, w.word, w.w, (w - w / (1::float4 + tf *
			(1::float4 / (1.2::float4 * ((1::float4 - 0.75::float4) + 0.75::float4 * norm / average)))))::float4 AS part
		FROM weights w JOIN postings p USING (word))
	SELECT p.id, sum(part ORDER BY w DESC, word COLLATE "C") FROM parts p GROUP BY p.id;
END $$;

CREATE TABLE texts (id integer, n integer, body text);
INSERT INTO texts SELECT i, i % 100, random_text(i) FROM generate_series(1, 3000) i;
CREATE INDEX texts_body ON texts USING bm25 (body) WITH (text_config = 'simple');
ANALYZE texts;
CREATE TABLE words_of AS
	SELECT id, word, count(*) AS tf FROM texts, regexp_split_to_table(body, ' ') word WHERE word LIKE 'w%' GROUP BY id, word;
CREATE TABLE lengths AS SELECT id, sum(tf)::integer AS length, lucene_norm(sum(tf)::integer)::float4 AS norm FROM words_of GROUP BY id;
CREATE TABLE postings AS SELECT id, word, tf::float4, norm FROM words_of JOIN lengths USING (id);
CREATE INDEX ON postings (word);
ANALYZE postings;
SELECT * FROM gigavec.check('texts_body');

-- What an index scan returns for a query, as text, the scores to the last bit
CREATE FUNCTION by_index(query text, k bigint) RETURNS text LANGUAGE plpgsql
	SET enable_seqscan = off SET enable_bitmapscan = off SET extra_float_digits = 3 AS $$
DECLARE
	result text;
BEGIN
	SELECT string_agg(x.id || ':' || x.d::text, ' ' ORDER BY x.d, x.place) INTO result
		FROM (SELECT id, ctid AS place, body <@> query AS d FROM texts ORDER BY body <@> query LIMIT k) x;
	RETURN coalesce(result, '');
END $$;
CREATE FUNCTION by_table(query text, k bigint) RETURNS text LANGUAGE plpgsql
	SET enable_indexscan = off SET enable_bitmapscan = off SET extra_float_digits = 3 AS $$
DECLARE
	result text;
BEGIN
	SELECT string_agg(x.id || ':' || x.d::text, ' ' ORDER BY x.d, x.place) INTO result
		FROM (SELECT id, ctid AS place, body <@> query AS d FROM texts WHERE body <@> query < 0
			ORDER BY body <@> query, ctid LIMIT k) x;
	RETURN coalesce(result, '');
END $$;
CREATE FUNCTION by_formula(query text, k bigint) RETURNS text LANGUAGE sql SET extra_float_digits = 3 AS $$
	SELECT coalesce(string_agg(id || ':' || (-score::float8)::text, ' ' ORDER BY score DESC, place), '')
	FROM (SELECT s.id, s.score, t.ctid AS place FROM lucene_scores(query) s JOIN texts t USING (id)
		ORDER BY score DESC, t.ctid LIMIT k) x $$;

-- the index's scores are those of the formula, and those of the operator
SELECT count(*) AS queries, count(*) FILTER (WHERE by_index(q, 10) = by_formula(q, 10)) AS as_formula,
	count(*) FILTER (WHERE by_index(q, 10) = by_table(q, 10)) AS as_operator,
	sum(length(by_index(q, 10))) > 1000 AS some
FROM (SELECT random_query(i) AS q FROM generate_series(1, 8) i) x;
-- and the same without leaving out documents, to the last bit, for any LIMIT
CREATE FUNCTION without_pruning(query text, k bigint) RETURNS text LANGUAGE sql SET bm25.pruning = off AS
	'SELECT by_index(query, k)';
SELECT k, count(*) AS queries, count(*) FILTER (WHERE by_index(q, k) = without_pruning(q, k)) AS same
FROM (SELECT random_query(i) AS q FROM generate_series(1, 100) i) x, (VALUES (1), (10), (100), (100000)) l (k)
GROUP BY k ORDER BY k;

-- new rows and new words are found at once, removed ones are not
INSERT INTO texts SELECT i, i % 100, random_text(i) FROM generate_series(3001, 4500) i;
INSERT INTO texts VALUES (10001, 1, 'zebra w1'), (10002, 1, 'zebra zebra w2');
SET enable_seqscan = off;
SELECT id FROM texts ORDER BY body <@> 'zebra' LIMIT 10;
BEGIN;
INSERT INTO texts VALUES (10003, 1, 'zebra gnu');
SELECT id FROM texts ORDER BY body <@> 'gnu' LIMIT 10;
ROLLBACK;
SELECT id FROM texts ORDER BY body <@> 'gnu' LIMIT 10;
SELECT * FROM gigavec.check('texts_body');
SELECT count(*) AS queries, count(*) FILTER (WHERE by_index(q, 20) = without_pruning(q, 20)) AS same,
	count(*) FILTER (WHERE by_index(q, 20) = by_table(q, 20)) AS as_operator
FROM (SELECT random_query(i) AS q FROM generate_series(1, 8) i) x;
DELETE FROM texts WHERE id % 3 = 0;
UPDATE texts SET body = body || ' changed' WHERE id % 7 = 1;
SELECT count(*) FROM texts WHERE body @@@ 'changed';
VACUUM texts;
SELECT * FROM gigavec.check('texts_body');
SELECT name, value FROM gigavec.stats('texts_body') WHERE name IN ('rows', 'dead_rows', 'new_rows');
SELECT count(*) AS queries, count(*) FILTER (WHERE by_index(q, 20) = without_pruning(q, 20)) AS same,
	count(*) FILTER (WHERE by_index(q, 20) = by_table(q, 20)) AS as_operator
FROM (SELECT random_query(i) AS q FROM generate_series(1, 8) i) x;
-- a fresh index gives the same
REINDEX INDEX texts_body;
SELECT count(*) AS queries, count(*) FILTER (WHERE by_index(q, 20) = by_table(q, 20)) AS as_operator
FROM (SELECT random_query(i) AS q FROM generate_series(1, 8) i) x;

-- matches by index, by bitmap and by table
CREATE FUNCTION matches(query text, way text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('enable_seqscan', CASE way WHEN 'table' THEN 'on' ELSE 'off' END, true),
		set_config('enable_indexscan', CASE way WHEN 'index' THEN 'on' ELSE 'off' END, true),
		set_config('enable_bitmapscan', CASE way WHEN 'bitmap' THEN 'on' ELSE 'off' END, true);
	SELECT count(*) || ' ' || coalesce(sum(hashint4(id)::bigint), 0) INTO result FROM texts WHERE body @@@ query;
	RETURN result;
END $$;
SELECT q AS query, split_part(matches(q, 'table'), ' ', 1) AS rows,
	matches(q, 'index') = matches(q, 'table') AS by_index, matches(q, 'bitmap') = matches(q, 'table') AS by_bitmap
FROM unnest('{w700,"w5 w700","+w5 +w9","+w5 -w9",w29*,wx7*,"\"w1 w2\"","w3 \"w1 w2\"~3","-\"w1 w2\" w5","(w3 w4 w5 w6)~3",w777~,nothing,-w1,""}'::text[]) q;
SET enable_bitmapscan = on;
SET enable_indexscan = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM texts WHERE body @@@ 'w700';
RESET enable_indexscan;
RESET enable_bitmapscan;
-- scores of queries that are more than words
SELECT count(*) AS queries, count(*) FILTER (WHERE by_index(q, 15) = by_table(q, 15)) AS as_operator,
	count(*) FILTER (WHERE by_index(q, 15) <> '') AS with_rows
FROM unnest('{+w5 w9,w5 -w9,w29*,"\"w1 w2\"","w3 \"w1 w2\"~3","-\"w1 w2\" w5","(w3 w4 w5 w6)~3","w777~","w3^2 w5","+w1 (+w5 w9) w700"}'::text[]) q;

-- with a condition, and with one that leaves few rows
SELECT count(*), bool_and(body @@@ '+w3') FROM (SELECT * FROM texts WHERE body @@@ '+w3' ORDER BY body <@> 'w1 w2' LIMIT 20) x;
SELECT f AS filter, k, (SELECT count(*) FROM texts WHERE body @@@ 'w1 w2 w3' AND CASE f WHEN 'tenth' THEN n % 10 = 1 WHEN 'hundredth' THEN n = 1 ELSE n < 0 END) AS matching,
	(SELECT count(*) FROM (SELECT id FROM texts WHERE CASE f WHEN 'tenth' THEN n % 10 = 1 WHEN 'hundredth' THEN n = 1 ELSE n < 0 END
		ORDER BY body <@> 'w1 w2 w3' LIMIT k) x) AS found
FROM (VALUES ('tenth'), ('hundredth'), ('nothing')) f (f), (VALUES (5), (1000), (100000)) k (k);

-- cursors, parameters, LATERAL, NULL
BEGIN;
DECLARE c CURSOR FOR SELECT id, body <@> 'w1 w2' AS d FROM texts ORDER BY body <@> 'w1 w2';
FETCH 2 FROM c;
MOVE 300 FROM c;
FETCH 2 FROM c;
COMMIT;
PREPARE p (text) AS SELECT id FROM texts ORDER BY body <@> $1 LIMIT 2;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE p ('zebra');
EXECUTE p ('zebra');
EXECUTE p (NULL);
RESET plan_cache_mode;
SELECT q, id FROM (VALUES ('zebra'), ('w700'), (NULL)) v (q), LATERAL (SELECT id FROM texts ORDER BY body <@> q LIMIT 1) x ORDER BY q;
SELECT count(*) FROM (SELECT id FROM texts ORDER BY body <@> NULL::text LIMIT 3) x;
SELECT count(*) FROM texts WHERE body @@@ NULL::text;
SELECT count(*) FROM (SELECT id FROM texts ORDER BY body <@> 'w1' DESC LIMIT 3) x;
RESET enable_seqscan;

-- k1 and b can be changed
ALTER INDEX texts_body SET (k1 = 0.9, b = 0.4);
SELECT count(*) AS queries, count(*) FILTER (WHERE by_index(q, 20) = without_pruning(q, 20)) AS same,
	count(*) FILTER (WHERE by_index(q, 20) = by_table(q, 20)) AS as_operator
FROM (SELECT random_query(i) AS q FROM generate_series(1, 8) i) x;
ALTER INDEX texts_body RESET (k1, b);
-- exact lengths
CREATE INDEX texts_exact ON texts USING bm25 (body) WITH (text_config = 'simple', length = exact);
DROP INDEX texts_body;
SELECT count(*) AS queries, count(*) FILTER (WHERE by_index(q, 20) = without_pruning(q, 20)) AS same,
	count(*) FILTER (WHERE by_index(q, 20) = by_table(q, 20)) AS as_operator
FROM (SELECT random_query(i) AS q FROM generate_series(1, 8) i) x;
SELECT * FROM gigavec.check('texts_exact');
-- little memory: temporary files
SET maintenance_work_mem = '1MB';
REINDEX INDEX texts_exact;
RESET maintenance_work_mem;
SELECT * FROM gigavec.check('texts_exact');

SET client_min_messages = warning;
DROP SCHEMA bm25_test CASCADE;
