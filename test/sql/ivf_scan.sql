--
-- ivfflat and ivfpq: scans, filter columns, settings, options, errors
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/hnsw.sql'
\set ECHO none
\i :helpers
\set ECHO all

CREATE TABLE hnsw_test.items (id integer PRIMARY KEY, v vector(8), n integer, kind text);
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 8), nullif(i % 100, 50), 'kind ' || i % 3 FROM generate_series(1, 4000) i;
CREATE INDEX flat ON hnsw_test.items USING ivfflat (v vector_l2_ops, n) WITH (lists = 40);
CREATE INDEX pq ON hnsw_test.items USING ivfpq (v vector_ip_ops, kind, n) WITH (lists = 40);
ANALYZE hnsw_test.items;
-- calibrations are nobody's searches
SELECT FROM pg_stat_force_next_flush();
SELECT indexrelname, idx_scan FROM pg_stat_user_indexes WHERE schemaname = 'hnsw_test' ORDER BY 1;
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,4,3,2]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_test.items WHERE n = 7 ORDER BY v <-> '[1,2,3,4,5,4,3,2]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT count(*) FROM hnsw_test.items;

SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;
-- LIMIT k returns k rows, and all where there are fewer, under any filter
SELECT f AS filter, k, (SELECT count(*) FROM hnsw_test.items WHERE CASE f WHEN 'none' THEN true WHEN 'half' THEN n % 2 = 0 WHEN 'hundredth' THEN n + 0 = 7 WHEN 'few' THEN id IN (3, 700, 1999) ELSE id < 0 END) AS matching,
	(SELECT count(*) FROM (SELECT id FROM hnsw_test.items WHERE CASE f WHEN 'none' THEN true WHEN 'half' THEN n % 2 = 0 WHEN 'hundredth' THEN n + 0 = 7 WHEN 'few' THEN id IN (3, 700, 1999) ELSE id < 0 END
		ORDER BY v <-> '[1,2,3,4,5,4,3,2]' LIMIT k) x) AS found
FROM (VALUES ('none'), ('half'), ('hundredth'), ('few'), ('nothing')) f (f), (VALUES (1), (10), (1000), (100000)) k (k);
SELECT count(DISTINCT id) FROM (SELECT id FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,4,3,2]') x;
SELECT count(DISTINCT id) FROM (SELECT id FROM hnsw_test.items ORDER BY v <#> '[1,2,3,4,5,4,3,2]' LIMIT 3000) x;

-- filter columns: as many rows as match, and the right ones
SELECT count(*), count(*) FILTER (WHERE n = 7) FROM (SELECT n FROM hnsw_test.items WHERE n = 7 ORDER BY v <-> '[1,2,3,4,5,4,3,2]' LIMIT 100) x;
SELECT count(*), min(n), max(n) FROM (SELECT n FROM hnsw_test.items WHERE n BETWEEN 10 AND 12 ORDER BY v <-> '[1,2,3,4,5,4,3,2]') x;
SELECT count(*) FROM (SELECT n FROM hnsw_test.items WHERE n IS NULL ORDER BY v <-> '[1,2,3,4,5,4,3,2]' LIMIT 1000) x;
SELECT count(*) FROM (SELECT n FROM hnsw_test.items WHERE n = ANY ('{1,2,2000}') ORDER BY v <-> '[1,2,3,4,5,4,3,2]' LIMIT 1000) x;
SELECT count(*) FROM (SELECT n FROM hnsw_test.items WHERE n = 1 AND n = 2 ORDER BY v <-> '[1,2,3,4,5,4,3,2]' LIMIT 1000) x;
SELECT count(*), min(kind), max(kind) FROM (SELECT kind FROM hnsw_test.items WHERE kind = 'kind 1' AND n < 20 ORDER BY v <#> '[1,2,3,4,5,4,3,2]' LIMIT 1000) x;
UPDATE hnsw_test.items SET n = 1000 WHERE n = 7;
DELETE FROM hnsw_test.items WHERE id % 2 = 0;
VACUUM hnsw_test.items;
SELECT count(*) FROM (SELECT n FROM hnsw_test.items WHERE n = 7 ORDER BY v <-> '[1,2,3,4,5,4,3,2]' LIMIT 1000) x;
SELECT count(*) FROM (SELECT n FROM hnsw_test.items WHERE n = 1000 ORDER BY v <-> '[1,2,3,4,5,4,3,2]' LIMIT 1000) x;
SELECT i, count(c.problem) FROM (VALUES ('flat'), ('pq')) x (i) LEFT JOIN LATERAL gigavec.check(('hnsw_test.' || i)::regclass) c ON true GROUP BY i ORDER BY i;

-- a scan ends with the lists that it reads first, or after so many
SET ivfflat.probes = 1;
SET ivfflat.iterative_scan = off;
SELECT count(*) BETWEEN 1 AND 300 FROM (SELECT id FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,4,3,2]') x;
SET ivfflat.iterative_scan = relaxed_order;
SELECT count(*) FROM (SELECT id FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,4,3,2]') x;
SET ivfflat.max_probes = 3;
SELECT count(*) BETWEEN 1 AND 900 FROM (SELECT id FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,4,3,2]') x;
RESET ivfflat.max_probes;
SET ivfflat.probes = 0;

-- cursors, LATERAL, prepared statements
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,4,3,2]';
MOVE 1000 IN c;
DELETE FROM hnsw_test.items WHERE id > 3000;
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 8) FROM generate_series(5001, 5100) i;
MOVE ALL IN c;
ROLLBACK;
SELECT count(*) FROM generate_series(1, 20) i, LATERAL (SELECT id FROM hnsw_test.items ORDER BY v <-> hnsw_test.vec(i, 8)::vector LIMIT 7) x;
PREPARE p (vector, integer) AS SELECT count(*) FROM (SELECT id FROM hnsw_test.items WHERE n = $2 ORDER BY v <-> $1 LIMIT 5) x;
SET plan_cache_mode = force_generic_plan;
EXECUTE p ('[1,2,3,4,5,4,3,2]', 1);
EXECUTE p ('[1,2,3,4,5,4,3,2]', -1);
RESET plan_cache_mode;
DEALLOCATE p;
DROP TABLE hnsw_test.items;
RESET enable_seqscan;
RESET enable_sort;
RESET enable_bitmapscan;

-- a recall as the setting, calibrated
CREATE TABLE hnsw_test.items (id integer PRIMARY KEY, v vector(8));
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 8) FROM generate_series(1, 5000) i;
CREATE INDEX flat ON hnsw_test.items USING ivfflat (v vector_l2_ops) WITH (lists = 50, target_recall = 0.99);
SELECT name, value FROM gigavec.stats('hnsw_test.flat') WHERE name IN ('lists', 'calibrated_rows');
SELECT avg((SELECT count(*) FROM unnest(hnsw_test.nearest('hnsw_test.items', '<->', q, 10, true)) d WHERE d <= t[10] + 1e-6)) >= 9.7 AS reached
	FROM (SELECT q, hnsw_test.nearest('hnsw_test.items', '<->', q, 10, false) AS t FROM (SELECT hnsw_test.vec(i, 8)::vector::text AS q FROM generate_series(6001, 6050) i) x) y;
DELETE FROM hnsw_test.items WHERE id > 3000;
VACUUM hnsw_test.items;
SELECT name, value FROM gigavec.stats('hnsw_test.flat') WHERE name IN ('lists', 'calibrated_rows');
SELECT queries_run, recall >= 0.95 AS reached, target_recall, ef BETWEEN 1 AND 50 AS probes FROM gigavec.recall('hnsw_test.flat', queries => 50);
SELECT queries_run, recall >= 0.9 AS reached, target_recall FROM gigavec.recall('hnsw_test.flat', queries => 50, k => 1, target => 0.95, store => true);
SELECT queries_run, recall >= 0.9 AS reached FROM gigavec.recall('hnsw_test.flat', 10, queries => (SELECT array_agg(v) FROM (SELECT v FROM hnsw_test.items ORDER BY id LIMIT 20) x), store => true);
SELECT what, r.is FROM hnsw_test.raised('SELECT gigavec.recall(''hnsw_test.flat'', 10, queries => ARRAY[''[1,2,3,4,5,6,7,8]'']::vector[], store => true)') r;
SELECT what, r.is FROM hnsw_test.raised('SELECT gigavec.recall(''hnsw_test.flat'', 10, queries => ARRAY[''[1]'']::vector[])') r;
SELECT count(*) FROM gigavec.check('hnsw_test.flat');
DROP TABLE hnsw_test.items;

-- expressions, partial indexes, unlogged and temporary tables, partitions
CREATE UNLOGGED TABLE hnsw_test.items (id integer PRIMARY KEY, v vector, n integer);
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 4 + i % 2), i FROM generate_series(1, 200) i;
CREATE INDEX flat ON hnsw_test.items USING ivfflat ((v::vector(4)) vector_l2_ops) WHERE n % 2 = 0;
CREATE INDEX pq ON hnsw_test.items USING ivfpq ((v::halfvec(5)) halfvec_l2_ops) WHERE n % 2 = 1;
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 4 + i % 2), i FROM generate_series(201, 300) i;
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM hnsw_test.items WHERE n % 2 = 0 ORDER BY v::vector(4) <-> '[1,2,3,4]' LIMIT 1000) x;
SELECT count(*) FROM (SELECT id FROM hnsw_test.items WHERE n % 2 = 1 ORDER BY v::halfvec(5) <-> '[1,2,3,4,5]' LIMIT 1000) x;
SELECT count(*) FROM gigavec.check('hnsw_test.flat');
SELECT count(*) FROM gigavec.check('hnsw_test.pq');
DROP TABLE hnsw_test.items;
CREATE TEMP TABLE temporary_items (v vector(3));
CREATE INDEX ON temporary_items USING ivfflat (v vector_l2_ops) WITH (lists = 3);
INSERT INTO temporary_items SELECT hnsw_test.vec(i, 3) FROM generate_series(1, 300) i;
REINDEX TABLE temporary_items;
DELETE FROM temporary_items;
VACUUM temporary_items;
INSERT INTO temporary_items SELECT hnsw_test.vec(i, 3) FROM generate_series(1, 100) i;
SELECT count(*) FROM (SELECT FROM temporary_items ORDER BY v <-> '[1,2,3]' LIMIT 1000) x;
DROP TABLE temporary_items;
CREATE TABLE hnsw_test.items (id integer, v vector(3)) PARTITION BY RANGE (id);
CREATE TABLE hnsw_test.items_1 PARTITION OF hnsw_test.items FOR VALUES FROM (0) TO (100);
CREATE TABLE hnsw_test.items_2 PARTITION OF hnsw_test.items FOR VALUES FROM (100) TO (1000);
CREATE INDEX ON hnsw_test.items USING ivfpq (v vector_l2_ops);
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 3) FROM generate_series(1, 300) i;
SELECT count(*), bool_and(d >= before) FROM (SELECT d, coalesce(lag(d) OVER (), 0) AS before FROM (SELECT v <-> '[1,2,3]' AS d FROM hnsw_test.items ORDER BY v <-> '[1,2,3]' LIMIT 200) x) y;
DROP TABLE hnsw_test.items;
RESET enable_seqscan;

-- rows leave in order, though bounds by codes are wrong now and then
CREATE TABLE hnsw_test.sorted AS SELECT i AS id, ARRAY(SELECT sin(i * j * 0.7) + cos(i::float8 * i + j * j) FROM generate_series(1, 100) j)::vector(100) AS v FROM generate_series(1, 3000) i;
CREATE INDEX ON hnsw_test.sorted USING ivfflat (v vector_l2_ops);
CREATE INDEX ON hnsw_test.sorted USING ivfpq (v vector_ip_ops);
CREATE INDEX ON hnsw_test.sorted USING ivfpq (v vector_cosine_ops) WITH (quantizer = pq);
ANALYZE hnsw_test.sorted;
WITH found AS (
	SELECT op, k, hnsw_test.nearest('hnsw_test.sorted', op, v::text, k, true) AS d
	FROM (VALUES ('<->'), ('<#>'), ('<=>')) o (op), (VALUES (10), (100), (1000)) k (k), hnsw_test.sorted WHERE id <= 60)
SELECT op, k, sum(cardinality(d)), count(*) FILTER (WHERE d <> hnsw_test.sorted(d)) AS not_in_order FROM found GROUP BY op, k ORDER BY op, k;
DROP TABLE hnsw_test.sorted;

-- options, settings, columns
CREATE TABLE hnsw_test.items (id integer, v vector(3), u vector, b bit varying(3), s sparsevec(3));
SELECT o, what, r.is FROM (VALUES ('lists = -1'), ('lists = 32769'), ('init = plus'), ('m = 3'), ('target_recall = 2'), ('probes = 32769')) x (o),
	hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING ivfflat (v vector_l2_ops) WITH (' || o || ')') r;
SELECT s, what, r.is FROM (VALUES ('ivfflat.probes = -1'), ('ivfflat.probes = 32769'), ('ivfpq.probes = 32769'), ('ivfflat.iterative_scan = strict_order'), ('ivfflat.max_probes = 0'), ('ivfpq.max_probes = 32769'), ('ivfflat.nothing = 1')) x (s),
	hnsw_test.raised('SET ' || s) r;
SHOW ivfflat.probes;
SHOW ivfflat.iterative_scan;
SHOW ivfflat.max_probes;
SELECT c, what, r.is FROM (VALUES ('v'), ('u vector_l2_ops'), ('id, v vector_l2_ops'), ('v vector_l2_ops, u vector_l2_ops'), ('v vector_l1_ops'), ('s'), ('id')) x (c),
	hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING ivfpq (' || c || ')') r;
SELECT what, r.is FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING ivfflat (v) INCLUDE (id)') r;
SELECT what, r.is FROM hnsw_test.raised('CREATE UNIQUE INDEX ON hnsw_test.items USING ivfflat (v)') r;
CREATE INDEX items_v ON hnsw_test.items USING ivfflat (v);
SET enable_seqscan = off;
SELECT what, r.is FROM hnsw_test.raised('SELECT id FROM hnsw_test.items ORDER BY v <-> ''[1,2]''') r;
SELECT count(*) FROM hnsw_test.items;
SELECT opcname, amvalidate(c.oid) FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod WHERE amname IN ('ivfflat', 'ivfpq') AND NOT amvalidate(c.oid);
RESET enable_seqscan;

SET client_min_messages = warning;
-- rows of an order without LIMIT leave in order, but for some whose bounds are wrong by far
CREATE TABLE hnsw_test.ordered (id integer, v vector(100));
INSERT INTO hnsw_test.ordered SELECT i, hnsw_test.vec(i, 100) FROM generate_series(1, 2000) i;
CREATE INDEX ordered_v ON hnsw_test.ordered USING ivfpq (v vector_l2_ops) WITH (lists = 10, bits = 2, probes = 10);
SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(*), count(*) FILTER (WHERE d < before) <= 20 AS in_order
	FROM generate_series(2001, 2020) q, CAST(hnsw_test.vec(q, 100) AS vector) w,
		LATERAL (SELECT d, lag(d) OVER (ORDER BY n) AS before
			FROM (SELECT row_number() OVER () AS n, d FROM (SELECT v <-> w AS d FROM hnsw_test.ordered ORDER BY v <-> w OFFSET 0) x) y) z;
RESET enable_seqscan;
RESET enable_sort;
DROP TABLE hnsw_test.ordered;

-- where rows have copies, the recall is reached for queries that have none, too
CREATE TABLE hnsw_test.copies (id integer, v vector(16));
INSERT INTO hnsw_test.copies SELECT i, v FROM generate_series(1, 1000) i, CAST(hnsw_test.vec(i, 16) AS vector) v, generate_series(1, 10);
CREATE INDEX copies_v ON hnsw_test.copies USING ivfflat (v vector_l2_ops) WITH (lists = 50);
SELECT recall >= .94 AS reached, ef <= 5 AS few
	FROM gigavec.recall('hnsw_test.copies_v', 10, queries => (SELECT array_agg(hnsw_test.vec(i, 16)::vector) FROM generate_series(5001, 5200) i));
TRUNCATE hnsw_test.copies;
INSERT INTO hnsw_test.copies SELECT i, hnsw_test.vec(i % 3, 16) FROM generate_series(1, 4000) i;
REINDEX INDEX hnsw_test.copies_v;
SELECT recall, ef <= 5 AS few FROM gigavec.recall('hnsw_test.copies_v', 10, 20);
DROP TABLE hnsw_test.copies;

-- inner products beyond float32 leave in the operator's order: infinities and what is no number
CREATE TABLE hnsw_test.beyond (id integer, v vector(8));
INSERT INTO hnsw_test.beyond SELECT i, hnsw_test.vec(i, 8)::vector * array_fill(size, ARRAY[8])::vector FROM generate_series(1, 200) i, unnest(ARRAY[1e17, 1e19, 1e20]::real[]) size;
SET enable_seqscan = off;
SET enable_sort = off;
CREATE FUNCTION hnsw_test.order_beyond() RETURNS TABLE (rows bigint, wrong bigint, has_least boolean, has_greatest boolean, has_nan boolean, differ boolean) LANGUAGE sql AS $$
	SELECT count(*), count(*) FILTER (WHERE d < before), bool_or(d = '-Infinity'), bool_or(d = 'Infinity'), bool_or(d = 'NaN'), count(DISTINCT d) > 100
	FROM (SELECT d, lag(d) OVER (ORDER BY n) AS before
		FROM (SELECT row_number() OVER () AS n, d
			FROM (SELECT v <#> w AS d FROM hnsw_test.beyond, CAST(ARRAY[2e18,-1e19,6e18,1e19,-9e18,3e18,-2e18,8e18] AS vector) w
				ORDER BY v <#> '[2e18,-1e19,6e18,1e19,-9e18,3e18,-2e18,8e18]' LIMIT 600) x) y) z
$$;
CREATE INDEX beyond_v ON hnsw_test.beyond USING ivfflat (v vector_ip_ops);
SELECT * FROM hnsw_test.order_beyond();
DROP INDEX hnsw_test.beyond_v;
CREATE INDEX beyond_v ON hnsw_test.beyond USING ivfpq (v vector_ip_ops);
SELECT * FROM hnsw_test.order_beyond();
DROP INDEX hnsw_test.beyond_v;
CREATE INDEX beyond_v ON hnsw_test.beyond USING ivfpq (v vector_ip_ops) WITH (quantizer = sq8);
SELECT * FROM hnsw_test.order_beyond();
-- and so do those of rows whose lengths differ by far
TRUNCATE hnsw_test.beyond;
INSERT INTO hnsw_test.beyond SELECT i, hnsw_test.vec(i, 8)::vector * array_fill(size, ARRAY[8])::vector FROM generate_series(1, 200) i, unnest(ARRAY[1e15, 1e-3, 1e-18]::real[]) size;
REINDEX INDEX hnsw_test.beyond_v;
SELECT * FROM hnsw_test.order_beyond();
DROP INDEX hnsw_test.beyond_v;
CREATE INDEX beyond_v ON hnsw_test.beyond USING ivfflat (v vector_ip_ops);
SELECT * FROM hnsw_test.order_beyond();
RESET enable_seqscan;
RESET enable_sort;

DROP SCHEMA hnsw_test CASCADE;
