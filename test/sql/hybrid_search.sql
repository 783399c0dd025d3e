--
-- gigavec.hybrid_search and gigavec.hybrid_plan
--
\set VERBOSITY terse
CREATE SCHEMA hybrid_test;
SET search_path = hybrid_test, public;
-- EXPLAIN would tell of it
SET jit = off;
CREATE TABLE items (id integer PRIMARY KEY, tenant integer, body text, v vector(2), h halfvec(2));
INSERT INTO items SELECT i, i % 3, '', ARRAY[i, 0]::vector, ARRAY[i, 0]::halfvec FROM generate_series(1, 400) i;
INSERT INTO items VALUES (401, 0, '', NULL, NULL);
-- what a search finds, with the rows' ids
CREATE FUNCTION found(text, vector, k integer DEFAULT 3) RETURNS TABLE (id integer, score float8, vector_rank integer, vector_distance float8, vector_part float8) LANGUAGE sql STABLE AS $$
	SELECT i.id, s.score, s.vector_rank, s.vector_distance, s.vector_part FROM gigavec.hybrid_search('items', $1, $2, $3, vector_column => 'v', metric => 'l2', candidates => 5) s JOIN items i ON i.ctid = s.tid ORDER BY s.score DESC, s.tid
$$;

-- without index: the column sorted exactly; without text: the vector alone
SELECT * FROM found(NULL, '[100,0]', 5);
SELECT count(*) FROM gigavec.hybrid_search('items', NULL, '[1,0]', 1000, candidates => 100000, vector_column => 'v', metric => 'l2');
SELECT count(*) FROM gigavec.hybrid_search('items', NULL, NULL);
SELECT metric, min(vector_distance), min(vector_part), max(vector_part) FROM unnest(ARRAY['l2', 'ip', 'cosine', 'l1']) metric, gigavec.hybrid_search('items', NULL, '[3,0]', 4, vector_column => 'v', metric => metric, fusion => 'linear') GROUP BY metric ORDER BY metric;
-- a cosine of a zero vector is none
SELECT count(*) FROM gigavec.hybrid_search('items', NULL, '[0,0]', vector_column => 'v');

-- candidates do not depend on k: neither do scores
SELECT k, array_agg(score = s10) FROM generate_series(1, 10, 3) k, LATERAL (SELECT tid, score FROM gigavec.hybrid_search('items', NULL, '[50,0]', k, vector_column => 'v', metric => 'l2')) a
	JOIN LATERAL (SELECT tid, score AS s10 FROM gigavec.hybrid_search('items', NULL, '[50,0]', 10, vector_column => 'v', metric => 'l2')) b USING (tid) GROUP BY k ORDER BY k;
-- ties by tid: rows 49 and 51 are equally far
SELECT array_agg(tid ORDER BY n) = array_agg(tid ORDER BY vector_distance, tid) FROM gigavec.hybrid_search('items', NULL, '[50,0]', 9, vector_column => 'v', metric => 'l2') WITH ORDINALITY x (in_table, tid, score, tr, ts, tp, vr, vector_distance, vp, n);

-- the filter, its parameters, its cutoff
SELECT array_agg(id ORDER BY id) FROM gigavec.hybrid_search('items', NULL, '[50,0]', 4, vector_column => 'v', metric => 'l2', filter => 'tenant = $1 AND items.id BETWEEN $2 AND 60 -- and so on', filter_values => '{1,40}') JOIN items ON tid = items.ctid;
SELECT array_agg(id ORDER BY id) FROM gigavec.hybrid_search('items', NULL, '[50,0]', 4, vector_column => 'v', metric => 'l2', filter => 'tenant = ANY ($1) AND $2::text IS NULL', filter_values => ARRAY['{1,2}', NULL]) JOIN items ON tid = items.ctid;
SELECT max(vector_distance), count(*) FROM gigavec.hybrid_search('items', NULL, '[50,0]', 50, max_distance => 4.5, vector_column => 'v', metric => 'l2');
SELECT count(*) FROM gigavec.hybrid_search('items', NULL, '[50,0]', filter => 'false', vector_column => 'v');
SELECT count(*) FROM gigavec.hybrid_search('items', NULL, '[50,0]', filter => 'tenant = 1) OR (true', vector_column => 'v');
SELECT count(*) FROM gigavec.hybrid_search('items', NULL, '[50,0]', filter => 'true LIMIT 1', vector_column => 'v');
SELECT count(*) FROM gigavec.hybrid_search('items', NULL, '[50,0]', filter => 'true FROM pg_class', vector_column => 'v');
SELECT count(*) FROM gigavec.hybrid_search('items', NULL, '[50,0]', filter => 'true; DROP TABLE items', vector_column => 'v');
-- it is shown where in the filter the error is
\set VERBOSITY default
SELECT count(*) FROM gigavec.hybrid_search('items', NULL, '[50,0]', filter => 'tenant = ', vector_column => 'v');
\set VERBOSITY terse
SELECT count(*) FROM gigavec.hybrid_search('items', NULL, '[50,0]', filter => '', vector_column => 'v');
SELECT count(*) FROM gigavec.hybrid_search('items', NULL, '[50,0]', filter => 'tenant = $2', filter_values => '{1}', vector_column => 'v');
SELECT count(*) FROM gigavec.hybrid_search('items', NULL, '[50,0]', filter => 'tenant = $1', filter_values => '{one}', vector_column => 'v');
SELECT count(*) FROM gigavec.hybrid_search('items', NULL, '[50,0]', filter => 'nothing = 1', vector_column => 'v');

-- by indexes: the only one, a named one, of an expression, partial ones when named
CREATE INDEX items_v ON items USING hnsw (v vector_l2_ops);
CREATE FUNCTION plan_of(VARIADIC text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE format('SELECT line FROM gigavec.hybrid_plan(''items'', NULL, ''[50,0]'' %s)', array_to_string($1, '')) LOOP
		CONTINUE WHEN line LIKE '%Disabled: true';
		RETURN NEXT regexp_replace(line, '  \(cost=.*', '');
	END LOOP;
END $$;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT * FROM plan_of(', filter => ''tenant = $1'', filter_values => ''{1}''');
SELECT count(*), min(vector_distance) FROM gigavec.hybrid_search('items', NULL, '[50,0]');
-- exactly, although there is an index
SELECT * FROM plan_of(', vector_column => ''v'', metric => ''l2''');
CREATE INDEX items_h ON items USING hnsw (h halfvec_cosine_ops) WHERE tenant = 1;
CREATE INDEX items_e ON items USING hnsw ((h::vector(2)) vector_ip_ops);
SELECT count(*) FROM gigavec.hybrid_search('items', NULL, '[50,0]');
SELECT count(*), min(vector_distance) FROM gigavec.hybrid_search('items', NULL, '[50,0]', vector_column => 'v');
SELECT * FROM plan_of(', vector_index => ''items_h''');
SELECT * FROM plan_of(', vector_index => ''items_e'', fusion => ''linear''');
SELECT max(vector_part), min(vector_distance) FROM gigavec.hybrid_search('items', NULL, '[50,0]', vector_index => 'items_e', fusion => 'linear');
SELECT count(*) > 3 FROM gigavec.hybrid_plan('items', NULL, '[50,0]', vector_index => 'items_v', execute => true) WHERE line ~ 'actual|Buffers';
RESET enable_seqscan;
RESET enable_sort;

-- in a plan of its own: joins, prepared statements, many queries
PREPARE nearest(vector, integer) AS SELECT id FROM gigavec.hybrid_search('items', NULL, $1, $2, vector_index => 'items_v') JOIN items ON items.ctid = tid ORDER BY score DESC, tid;
EXECUTE nearest('[10,0]', 2);
EXECUTE nearest('[20,0]', 1);
SELECT count(*), sum(s.id) FROM generate_series(1, 50) i, LATERAL (SELECT id FROM gigavec.hybrid_search('items', NULL, ARRAY[i, 0]::vector, 1, vector_index => 'items_v') JOIN items ON items.ctid = tid) s;
-- partitions
CREATE TABLE parts (id integer, v vector(2)) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (50);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (50) TO (100);
INSERT INTO parts SELECT i, ARRAY[i, 0]::vector FROM generate_series(0, 99) i;
CREATE INDEX ON parts USING hnsw (v vector_l2_ops);
SELECT in_table, id FROM gigavec.hybrid_search('parts', NULL, '[49.6,0]', 4) JOIN parts ON parts.ctid = tid AND parts.tableoid = in_table ORDER BY score DESC, in_table, tid;

-- text and vector
CREATE TABLE docs (id integer PRIMARY KEY, tenant integer, body text, v vector(2));
INSERT INTO docs SELECT i, i % 4, repeat('apple ', 1 + i % 5) || repeat('pear ', i % 3) || 'word' || i % 10 || repeat(' filler', i % 7), ARRAY[i, 0]::vector FROM generate_series(1, 300) i;
CREATE INDEX docs_body ON docs USING bm25 (body) WITH (text_config = 'simple');
CREATE INDEX docs_v ON docs USING hnsw (v vector_l2_ops);
CREATE VIEW hybrid AS SELECT d.id, d.tenant, q, f AS fusion, s.* FROM unnest(ARRAY['minmax', 'rrf', 'dbsf', 'linear', 'max']) f, unnest(ARRAY['apple word3', 'pear -word4', '"apple pear" word1', 'absent', '', 'the']) q,
	LATERAL gigavec.hybrid_search('docs', q, '[150,0]', 50, fusion => f, weights => '{0.3,0.7}', candidates => 60) s JOIN docs d ON d.ctid = s.tid;
-- the score is the sum of the parts; a missing leg gives 0; ranks go from 1; each leg's raw values are those of the operators
SELECT fusion, count(*), bool_and(score = text_part + vector_part) AS sums, bool_and((text_rank IS NULL) = (text_score IS NULL) AND (text_rank IS NOT NULL OR text_part = 0)) AS texts,
	bool_and((vector_rank IS NULL) = (vector_distance IS NULL) AND (vector_rank IS NOT NULL OR vector_part = 0)) AS vectors, min(text_rank), min(vector_rank) FROM hybrid GROUP BY fusion ORDER BY fusion;
SELECT bool_and(h.text_score IS NULL OR h.text_score = -(d.body <@> to_bm25query(h.q, 'docs_body'))) AS text_scores, bool_and(h.vector_distance IS NULL OR h.vector_distance = (d.v <-> '[150,0]')) AS distances,
	count(*) FILTER (WHERE text_rank IS NULL) > 0 AND count(*) FILTER (WHERE vector_rank IS NULL) > 0 AS some_missing FROM hybrid h JOIN docs d USING (id);
-- an empty leg, or one without query or weight: as the other alone
SELECT q, count(*), count(text_rank), bool_and(score = vector_part) FROM hybrid WHERE fusion = 'minmax' AND q IN ('absent', '', 'the') GROUP BY q ORDER BY q;
SELECT count(*), count(vector_rank), bool_and(score = text_part) FROM gigavec.hybrid_search('docs', 'apple', NULL);
SELECT count(*), count(vector_rank), bool_and(score = text_part) FROM gigavec.hybrid_search('docs', 'apple', '[1,0]', weights => '{1,0}');
SELECT count(*), count(text_rank), bool_and(score = vector_part) FROM gigavec.hybrid_search('docs', 'apple', '[1,0]', weights => '{0,1}');
-- a cutoff takes rows from its own leg only
SELECT min(text_score) >= 0.25 AS cut, count(text_rank) BETWEEN 1 AND 99 AS texts, count(vector_rank) FROM gigavec.hybrid_search('docs', 'pear', '[150,0]', 300, min_text_score => 0.25, candidates => 300);
SELECT max(vector_distance) <= 2 AS cut, count(vector_rank), count(*) FROM gigavec.hybrid_search('docs', 'pear', '[150,0]', 100, max_distance => 2, candidates => 100);
SELECT count(vector_rank) AS vectors, count(text_rank) > 0 AS texts FROM gigavec.hybrid_search('docs', 'pear', '[150,0]', 100, max_distance => -1, candidates => 100);
-- the filter is for both legs
SELECT bool_and(d.tenant = 2), count(text_rank) > 10, count(vector_rank) > 10 FROM gigavec.hybrid_search('docs', 'apple', '[150,0]', 100, filter => 'tenant = $1', filter_values => '{2}') s JOIN docs d ON d.ctid = s.tid;
-- candidates do not depend on k
SELECT bool_and(a.score = b.score) FROM gigavec.hybrid_search('docs', 'apple pear', '[150,0]', 3) a JOIN gigavec.hybrid_search('docs', 'apple pear', '[150,0]', 10) b USING (tid);
-- ties by tid: the same text and the same vector
INSERT INTO docs SELECT i, 9, 'same text', '[1000,0]' FROM generate_series(1001, 1020) i;
SELECT array_agg(d.id ORDER BY n) FROM gigavec.hybrid_search('docs', 'same', '[1000,0]', 5) WITH ORDINALITY s (in_table, tid, score, tr, ts, tp, vr, vd, vp, n) JOIN docs d ON d.ctid = s.tid;
-- the plans; by sorting the same scores
SET enable_seqscan = off;
SET enable_sort = off;
SELECT leg, regexp_replace(line, '  \(cost=.*', '') FROM gigavec.hybrid_plan('docs', 'apple', '[1,0]', filter => 'tenant = 1');
CREATE TEMP TABLE by_index AS SELECT id, text_rank, text_score, text_part FROM gigavec.hybrid_search('docs', 'apple pear', NULL, 30, candidates => 1000) JOIN docs ON docs.ctid = tid;
RESET enable_seqscan;
RESET enable_sort;
SET enable_indexscan = off;
CREATE TEMP TABLE by_sort AS SELECT id, text_rank, text_score, text_part FROM gigavec.hybrid_search('docs', 'apple pear', NULL, 30, candidates => 1000) JOIN docs ON docs.ctid = tid;
RESET enable_indexscan;
SELECT count(*) FROM (TABLE by_index EXCEPT TABLE by_sort) x;
-- several indexes, a partial one: both legs then find what it holds
CREATE INDEX docs_partial ON docs USING bm25 (body) WITH (text_config = 'simple') WHERE tenant = 1;
SELECT count(*) FROM gigavec.hybrid_search('docs', 'apple', '[1,0]', text_index => 'docs_body');
SELECT bool_and(tenant = 1), count(text_rank) > 0, count(vector_rank) > 0 FROM gigavec.hybrid_search('docs', 'apple', '[1,0]', text_index => 'docs_partial') JOIN docs d ON d.ctid = tid;
DROP INDEX docs_partial;

-- an array of texts, an expression
CREATE TABLE pages (id integer, pages text[], other text, v vector(2));
INSERT INTO pages SELECT i, ARRAY['page ' || i, 'more'], 'Word' || i, ARRAY[i, 0]::vector FROM generate_series(1, 20) i;
CREATE INDEX pages_array ON pages USING bm25 (pages) WITH (text_config = 'simple');
CREATE INDEX pages_lower ON pages USING bm25 (lower(other)) WITH (text_config = 'simple');
SELECT id, text_rank FROM gigavec.hybrid_search('pages', 'page 7', '[9,0]', 2, text_index => 'pages_array') JOIN pages ON pages.ctid = tid ORDER BY score DESC;
SELECT id, text_rank FROM gigavec.hybrid_search('pages', 'word7', NULL, 2, text_index => 'pages_lower') JOIN pages ON pages.ctid = tid ORDER BY score DESC;
SELECT id, text_rank FROM gigavec.hybrid_search('pages', 'word7', NULL, 2) JOIN pages ON pages.ctid = tid ORDER BY score DESC;

-- tuning: the best first, as good as any of the settings tried by hand
CREATE TABLE judged (query integer, document integer, grade integer);
INSERT INTO judged SELECT i, i * 30 + j, 3 - j FROM generate_series(1, 8) i, generate_series(0, 2) j;
CREATE FUNCTION ndcg(fusion text, weights float8[], rrf_k integer) RETURNS float8 LANGUAGE sql AS $$
	SELECT avg(dcg / ideal) FROM (SELECT i, sum(coalesce(grade, 0) / log(2, n + 1)::float8) AS dcg, (3 + 2 / log(2, 3) + 0.5)::float8 AS ideal
		FROM generate_series(1, 8) i CROSS JOIN LATERAL gigavec.hybrid_search('docs', 'apple pear word' || i, ARRAY[i * 30 + 5, 0]::vector, 10, fusion => $1, weights => $2, rrf_k => coalesce($3, 60), candidates => 50)
			WITH ORDINALITY s (in_table, tid, score, tr, ts, tp, vr, vd, vp, n) JOIN docs d ON d.ctid = s.tid LEFT JOIN judged j ON j.query = i AND j.document = d.id GROUP BY i) x
$$;
CREATE TEMP TABLE tuned AS SELECT * FROM gigavec.tune_fusion('docs', 'SELECT i, ''apple pear word'' || i, ARRAY[i * 30 + 5, 0]::vector FROM generate_series(1, 9) i', 'TABLE judged', 'id', candidates => 50);
SELECT count(*), count(DISTINCT fusion), min(queries_judged), max(queries_judged), max(ndcg) <= 1 AS at_most_1 FROM tuned;
SELECT count(*) FROM tuned WHERE weights::text ~ '\d{6}';
SELECT bool_and(abs(ndcg - ndcg(fusion, weights, rrf_k)) < 1e-9) FROM (SELECT * FROM tuned ORDER BY fusion, weights, rrf_k) t;
SELECT ndcg = (SELECT max(ndcg) FROM tuned) AS best_first FROM gigavec.tune_fusion('docs', 'SELECT i, ''apple pear word'' || i, ARRAY[i * 30 + 5, 0]::vector FROM generate_series(1, 9) i', 'TABLE judged', 'id', candidates => 50) LIMIT 1;
SELECT * FROM gigavec.tune_fusion('docs', 'SELECT 1, ''a'', NULL', 'SELECT 2, 1, 1', 'id');
SELECT * FROM gigavec.tune_fusion('docs', 'SELECT 1, ''a''', 'SELECT 2, 1, 1', 'id');
SELECT * FROM gigavec.tune_fusion('docs', 'SELECT 1, ''a'', NULL', 'SELECT 1, 1, 1', 'nothing');
SELECT * FROM gigavec.tune_fusion('docs', 'SELECT 1, ''a'', NULL', NULL, 'id');
SELECT * FROM gigavec.tune_fusion('docs', 'SELECT 1, ''a'', NULL', 'DELETE FROM judged', 'id');

-- what cannot be
SELECT * FROM gigavec.hybrid_search('items', 'word', '[1,0]', vector_column => 'v');
SELECT * FROM gigavec.hybrid_search(NULL, NULL, '[1,0]');
SELECT * FROM gigavec.hybrid_search(0, NULL, '[1,0]');
SELECT * FROM gigavec.hybrid_search('items_v', NULL, '[1,0]');
SELECT * FROM gigavec.hybrid_search('items', NULL, '[1,0]', 0);
SELECT * FROM gigavec.hybrid_search('items', NULL, '[1,0]', 5, candidates => 4);
SELECT * FROM gigavec.hybrid_search('items', NULL, '[1,0]', candidates => 1000001);
SELECT * FROM gigavec.hybrid_search('items', NULL, '[1,0]', fusion => 'sum');
SELECT * FROM gigavec.hybrid_search('items', NULL, '[1,0]', weights => '{1}');
SELECT * FROM gigavec.hybrid_search('items', NULL, '[1,0]', weights => '{{1,2}}');
SELECT * FROM gigavec.hybrid_search('items', NULL, '[1,0]', weights => '{0,0}');
SELECT * FROM gigavec.hybrid_search('items', NULL, '[1,0]', weights => '{1,Infinity}');
SELECT * FROM gigavec.hybrid_search('items', NULL, '[1,0]', rrf_k => 1000001);
SELECT * FROM gigavec.hybrid_search('items', NULL, '[1,0]', vector_index => 'items_pkey');
SELECT * FROM gigavec.hybrid_search('items', NULL, '[1,0]', vector_index => 'items');
SELECT * FROM gigavec.hybrid_search('items', NULL, '[1,0]', vector_index => 1);
SELECT * FROM gigavec.hybrid_search('items', 'x', '[1,0]', text_index => 'items_v');
SELECT * FROM gigavec.hybrid_search('parts', NULL, '[1,0]', vector_index => 'items_v');
SELECT * FROM gigavec.hybrid_search('items', NULL, '[1,0]', vector_column => 'body');
SELECT * FROM gigavec.hybrid_search('items', NULL, '[1,0]', vector_column => 'v', metric => 'hamming');
SELECT * FROM gigavec.hybrid_search('items', NULL, '[1,0]', metric => 'l2');
SELECT * FROM gigavec.hybrid_search('items', NULL, '[1,0,0]', vector_column => 'v');
SELECT * FROM gigavec.hybrid_search('pg_class', NULL, '[1,0,0]');

-- the caller's privileges and rows, whoever owns the function's objects
CREATE ROLE hybrid_test_reader;
GRANT USAGE ON SCHEMA hybrid_test TO hybrid_test_reader;
SET ROLE hybrid_test_reader;
SELECT count(*) FROM gigavec.hybrid_search('items', NULL, '[1,0]', vector_index => 'items_v');
SELECT count(*) FROM gigavec.hybrid_plan('items', NULL, '[1,0]', vector_index => 'items_v');
RESET ROLE;
GRANT SELECT ON items TO hybrid_test_reader;
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON items USING (tenant = 2);
SET ROLE hybrid_test_reader;
SELECT count(*), min(tenant), max(tenant) FROM gigavec.hybrid_search('items', NULL, '[1,0]', 200, vector_index => 'items_v') JOIN items ON items.ctid = tid;
-- the text as well, though nobody may name an index under row-level security
RESET ROLE;
GRANT SELECT ON docs TO hybrid_test_reader;
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON docs USING (tenant = 3);
SET ROLE hybrid_test_reader;
SELECT count(*) > 10, count(text_rank) > 10, min(tenant), max(tenant) FROM gigavec.hybrid_search('docs', 'apple', '[1,0]', 50) JOIN docs ON docs.ctid = tid;
RESET ROLE;
-- names that need quotes, objects of the same names that come first
CREATE SCHEMA evil;
CREATE FUNCTION evil.l2_distance(vector, vector) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE OPERATOR evil.<-> (LEFTARG = vector, RIGHTARG = vector, FUNCTION = evil.l2_distance);
CREATE FUNCTION evil.to_bm25query(text, text) RETURNS bm25query LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE DOMAIN evil.vector AS text;
CREATE TABLE evil."It's; a ""Table" ("The 'v" vector(2), "$1" integer);
INSERT INTO evil."It's; a ""Table" VALUES ('[1,2]', 5), ('[3,4]', 6);
CREATE INDEX "odd ""index" ON evil."It's; a ""Table" USING hnsw ("The 'v" vector_l2_ops);
SET search_path = evil, pg_catalog, public;
SELECT vector_distance, vector_part FROM gigavec.hybrid_search('"It''s; a ""Table"', NULL, '[1,2]', vector_index => '"odd ""index"', filter => '"$1" < $1', filter_values => '{6}');
SELECT leg, line FROM gigavec.hybrid_plan('"It''s; a ""Table"', NULL, '[1,2]') LIMIT 1;
ALTER TABLE "It's; a ""Table" ADD "a; ""text" text DEFAULT 'some words';
CREATE INDEX "text 'index" ON "It's; a ""Table" USING bm25 ("a; ""text") WITH (text_config = 'simple');
CREATE INDEX "text ""index" ON "It's; a ""Table" USING bm25 ("a; ""text") WITH (text_config = 'simple');
SELECT text_rank, vector_rank FROM gigavec.hybrid_search('"It''s; a ""Table"', 'words', '[1,2]', text_index => '"text ''index"');
RESET search_path;

SET client_min_messages = warning;
DROP SCHEMA hybrid_test CASCADE;
DROP SCHEMA evil CASCADE;
DROP ROLE hybrid_test_reader;
