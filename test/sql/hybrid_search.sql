--
-- gigavec.hybrid_search and gigavec.hybrid_plan
--
\set VERBOSITY terse
CREATE SCHEMA hybrid_test;
SET search_path = hybrid_test, public;
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
		RETURN NEXT regexp_replace(line, '  \(cost=.*', '');
	END LOOP;
END $$;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT * FROM plan_of(', filter => ''tenant = $1'', filter_values => ''{1}''');
SELECT count(*), min(vector_distance) FROM gigavec.hybrid_search('items', NULL, '[50,0]');
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
RESET search_path;

SET client_min_messages = warning;
DROP SCHEMA hybrid_test CASCADE;
DROP SCHEMA evil CASCADE;
DROP ROLE hybrid_test_reader;
