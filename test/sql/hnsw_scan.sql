--
-- hnsw: scans: order, LIMIT, filters, cursors, settings
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/hnsw.sql'
\set ECHO none
\i :helpers
\set ECHO all

CREATE TABLE hnsw_test.items (id integer PRIMARY KEY, v vector(8), n integer, kind text);
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 8), i % 100, 'kind ' || i % 3 FROM generate_series(1, 2000) i;
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v vector_l2_ops);
ANALYZE hnsw_test.items;
CREATE INDEX items_n ON hnsw_test.items (n);
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<->', 'hnsw_test.items_v');

-- plans
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,4,3,2]' LIMIT 10;
-- not this order, not this operator, no limit
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,4,3,2]' DESC LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_test.items ORDER BY v <=> '[1,2,3,4,5,4,3,2]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT count(*) FROM hnsw_test.items;
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_test.items WHERE v = '[1,2,3,4,5,4,3,2]';

SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;

-- LIMIT k returns k rows, and all where there are fewer, under any filter
SELECT f AS filter, k, (SELECT count(*) FROM hnsw_test.items WHERE CASE f WHEN 'none' THEN true WHEN 'half' THEN n % 2 = 0 WHEN 'hundredth' THEN n + 0 = 7 WHEN 'few' THEN id IN (3, 700, 1999) ELSE id < 0 END) AS matching,
	(SELECT count(*) FROM (SELECT id FROM hnsw_test.items WHERE CASE f WHEN 'none' THEN true WHEN 'half' THEN n % 2 = 0 WHEN 'hundredth' THEN n + 0 = 7 WHEN 'few' THEN id IN (3, 700, 1999) ELSE id < 0 END
		ORDER BY v <-> '[1,2,3,4,5,4,3,2]' LIMIT k) x) AS found
FROM (VALUES ('none'), ('half'), ('hundredth'), ('few'), ('nothing')) f (f), (VALUES (1), (10), (1000), (100000)) k (k);
-- in ascending order, and no row twice
SELECT bool_and(d >= before), count(DISTINCT id) FROM (SELECT id, d, coalesce(lag(d) OVER (), 0) AS before FROM (SELECT id, v <-> '[1,2,3,4,5,4,3,2]' AS d FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,4,3,2]' LIMIT 500) x) y;
-- the nearest that pass a filter
SELECT count(*) FROM (SELECT id FROM hnsw_test.items WHERE n + 0 = 7 ORDER BY v <-> '[1,2,3,4,5,4,3,2]' LIMIT 5) x
	JOIN (SELECT id FROM (SELECT * FROM hnsw_test.items WHERE n + 0 = 7 OFFSET 0) y ORDER BY v <-> '[1,2,3,4,5,4,3,2]' LIMIT 5) y USING (id);
-- OFFSET
SELECT count(*) FROM (SELECT id FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,4,3,2]' LIMIT 10 OFFSET 1995) x;

-- many rows take a sweep of all, which comes first if LIMIT tells so: they are the nearest, in order
SET hnsw.ef_search = 10;
SELECT count(*), bool_and(d >= before) AS in_order, max(d) = (SELECT d FROM (SELECT v <-> '[1,2,3,4,5,4,3,2]' AS d FROM hnsw_test.items OFFSET 0) y ORDER BY d OFFSET 1199 LIMIT 1) AS nearest
FROM (SELECT d, coalesce(lag(d) OVER (), 0) AS before FROM (SELECT v <-> '[1,2,3,4,5,4,3,2]' AS d FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,4,3,2]' LIMIT 1200) x) y;
SELECT swept > 1000 AS swept FROM gigavec.last_scan();
RESET hnsw.ef_search;

-- iterative scans
SET hnsw.iterative_scan = off;
SET hnsw.ef_search = 20;
SELECT count(*) BETWEEN 1 AND 100 AS ends_early FROM (SELECT id FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,4,3,2]') x;
SET hnsw.iterative_scan = relaxed_order;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,4,3,2]') x;
SET hnsw.iterative_scan = strict_order;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,4,3,2]') x;
SET hnsw.max_scan_tuples = 1;
SELECT count(*) BETWEEN 1 AND 100 AS ends_early FROM (SELECT id FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,4,3,2]') x;
RESET hnsw.max_scan_tuples;
SET work_mem = '64kB';
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,4,3,2]') x;
SET hnsw.scan_mem_multiplier = 4;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,4,3,2]') x;
RESET hnsw.scan_mem_multiplier;
RESET work_mem;
RESET hnsw.iterative_scan;
RESET hnsw.ef_search;

-- an index's own ef_search, and a session's
ALTER INDEX hnsw_test.items_v SET (ef_search = 1000);
SET hnsw.iterative_scan = off;
SELECT count(*) > 40 AS own FROM (SELECT id FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,4,3,2]') x;
SET hnsw.ef_search = 3;
SELECT count(*) < 30 AS of_session FROM (SELECT id FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,4,3,2]') x;
RESET hnsw.ef_search;
RESET hnsw.iterative_scan;
ALTER INDEX hnsw_test.items_v RESET (ef_search);

-- cursors
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM hnsw_test.items ORDER BY v <-> hnsw_test.vec(77, 8)::vector;
FETCH 1 FROM c;
MOVE 100 FROM c;
-- rows that are deleted meanwhile stay visible to the cursor
DELETE FROM hnsw_test.items WHERE id > 1000;
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 8), i % 100 FROM generate_series(3001, 3100) i;
MOVE ALL FROM c;
FETCH 1 FROM c;
SELECT * FROM hnsw_test.raised('FETCH BACKWARD 1 FROM c');
ROLLBACK;
BEGIN;
DECLARE s SCROLL CURSOR FOR SELECT id FROM hnsw_test.items ORDER BY v <-> hnsw_test.vec(77, 8)::vector LIMIT 3;
FETCH 1 FROM s;
MOVE 1 FROM s;
MOVE BACKWARD ALL FROM s;
FETCH 1 FROM s;
COMMIT;

-- the query vector may come from anywhere
PREPARE nearest (vector, integer) AS SELECT id FROM hnsw_test.items ORDER BY v <-> $1 LIMIT $2;
EXECUTE nearest (hnsw_test.vec(5, 8)::vector, 1);
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE nearest (hnsw_test.vec(6, 8)::vector, 1);
EXECUTE nearest (hnsw_test.vec(6, 8)::vector, 1);
RESET plan_cache_mode;
SELECT q.id, n.id FROM (SELECT id, v FROM hnsw_test.items WHERE id IN (11, 12, 13)) q, LATERAL (SELECT id FROM hnsw_test.items ORDER BY v <-> q.v LIMIT 1) n ORDER BY 1;
SELECT (SELECT id FROM hnsw_test.items ORDER BY v <-> hnsw_test.vec(i, 8)::vector LIMIT 1) FROM generate_series(21, 23) i;
-- none: every row, in no order
SELECT count(*) FROM (SELECT id FROM hnsw_test.items ORDER BY v <-> NULL::vector) x;
SELECT count(*) FROM (SELECT id FROM hnsw_test.items ORDER BY v <-> (SELECT NULL::vector) LIMIT 10) x;

-- a query vector of other dimensions
SELECT * FROM hnsw_test.raised('SELECT id FROM hnsw_test.items ORDER BY v <-> ''[1,2,3]'' LIMIT 1');
SELECT * FROM hnsw_test.raised('SELECT id FROM hnsw_test.items ORDER BY v <-> ''[1,2,3,4,5,6,7,8,9]'' LIMIT 1');
SELECT * FROM hnsw_test.raised('INSERT INTO hnsw_test.items VALUES (-1, ''[1,2,3]'')');

-- joins, groups, locks, updates
SELECT count(*) FROM (SELECT i.id FROM hnsw_test.items i JOIN generate_series(1, 500) g ON g = i.id ORDER BY i.v <-> '[1,2,3,4,5,4,3,2]' LIMIT 700) x;
BEGIN;
SELECT count(*) FROM (SELECT id FROM hnsw_test.items ORDER BY v <-> hnsw_test.vec(5, 8)::vector LIMIT 3 FOR UPDATE) x;
ROLLBACK;
UPDATE hnsw_test.items SET kind = 'nearest' WHERE id IN (SELECT id FROM hnsw_test.items ORDER BY v <-> hnsw_test.vec(5, 8)::vector LIMIT 3);
SELECT count(*) FROM hnsw_test.items WHERE kind = 'nearest';

-- row-level security
CREATE ROLE hnsw_test_reader;
GRANT USAGE ON SCHEMA hnsw_test TO hnsw_test_reader;
GRANT SELECT ON hnsw_test.items TO hnsw_test_reader;
ALTER TABLE hnsw_test.items ENABLE ROW LEVEL SECURITY;
CREATE POLICY part ON hnsw_test.items USING (n = 7);
SET ROLE hnsw_test_reader;
SELECT count(*), min(n), max(n) FROM (SELECT n FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,4,3,2]' LIMIT 1000) x;
SELECT * FROM hnsw_test.raised('SELECT * FROM gigavec.check(''hnsw_test.items_v'')');
RESET ROLE;
ALTER TABLE hnsw_test.items DISABLE ROW LEVEL SECURITY;

-- a scan counts in the statistics, and EXPLAIN ANALYZE shows its pages
SELECT hnsw_test.uses_index('SELECT id FROM hnsw_test.items ORDER BY v <-> ''[1,2,3,4,5,4,3,2]'' LIMIT 3');
CREATE FUNCTION hnsw_test.explained(query text) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT json) ' || query INTO plan;
	RETURN plan -> 0 -> 'Plan' -> 'Plans' -> 0;
END $$;
SELECT p ->> 'Node Type' AS node, p ->> 'Actual Rows' ~ '^3' AS three_rows, (p ->> 'Shared Hit Blocks')::int > 0 AS pages,
	coalesce((p ->> 'Index Searches')::int, 1) AS searches
FROM hnsw_test.explained('SELECT id FROM hnsw_test.items ORDER BY v <-> ''[1,2,3,4,5,4,3,2]'' LIMIT 3') p;
SELECT FROM pg_stat_force_next_flush();
SELECT idx_scan > 10 AS many_scans FROM pg_stat_user_indexes WHERE indexrelid = 'hnsw_test.items_v'::regclass;
SELECT * FROM gigavec.check('hnsw_test.items_v');
DROP TABLE hnsw_test.items;

-- few rows come in order, however little a search looks at
CREATE TABLE hnsw_test.few (v vector(2));
INSERT INTO hnsw_test.few SELECT ARRAY[i % 7, i % 11]::vector FROM generate_series(1, 70) i;
CREATE INDEX ON hnsw_test.few USING hnsw (v vector_l2_ops);
SET hnsw.ef_search = 1;
SET enable_sort = off;
SELECT count(*), bool_and(distance >= before) AS in_order
FROM (SELECT distance, lag(distance, 1, 0) OVER () AS before FROM (SELECT v <-> '[2,9]' AS distance FROM hnsw_test.few ORDER BY 1 OFFSET 0) x) y;
RESET enable_sort;
RESET hnsw.ef_search;

-- the order is that of the operator, to its last bit
CREATE TABLE hnsw_test.sorted AS SELECT i AS id, ARRAY(SELECT sin(i * j * 0.7) + cos(i::float8 * i + j * j) FROM generate_series(1, 40) j)::vector(40) AS v FROM generate_series(1, 3000) i;
CREATE INDEX ON hnsw_test.sorted USING hnsw (v vector_cosine_ops);
WITH found AS (SELECT hnsw_test.nearest('hnsw_test.sorted', '<=>', v::text, 1000, true) AS d FROM hnsw_test.sorted WHERE id <= 60)
SELECT sum(cardinality(d)), count(*) FILTER (WHERE d <> hnsw_test.sorted(d)) AS not_in_order FROM found;
DROP TABLE hnsw_test.sorted;
-- where its distances are hardly more than what they are rounded by, too
CREATE TABLE hnsw_test.sorted AS SELECT i AS id, ARRAY(SELECT 1000 + sin(i * j * 0.7) + cos(i::float8 * i + j * j) FROM generate_series(1, 40) j)::vector(40) AS v FROM generate_series(1, 1000) i;
CREATE INDEX ON hnsw_test.sorted USING hnsw (v vector_cosine_ops);
WITH found AS (SELECT hnsw_test.nearest('hnsw_test.sorted', '<=>', v::text, 300, true) AS d FROM hnsw_test.sorted WHERE id <= 30)
SELECT sum(cardinality(d)), count(*) FILTER (WHERE d <> hnsw_test.sorted(d)) AS not_in_order FROM found;
DROP TABLE hnsw_test.sorted;

-- a distance that rows must be within: all of them come, in order, and a scan ends with the last
CREATE TABLE hnsw_test.near AS SELECT i AS id, i % 3 AS kind, ARRAY(SELECT sin(i * j * 0.7) + cos(i::float8 * i + j * j) FROM generate_series(1, 40) j)::vector(40) AS v FROM generate_series(1, 3000) i;
CREATE FUNCTION hnsw_test.within(condition text, operator text, k integer, q vector, r float8, by_index boolean, fetched OUT bigint, ids OUT integer[])
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('enable_seqscan', (NOT by_index)::text, true), set_config('enable_sort', (NOT by_index)::text, true), set_config('enable_indexscan', by_index::text, true);
	EXECUTE format('SELECT array_agg(id ORDER BY n) FROM (SELECT row_number() OVER () AS n, id FROM (SELECT id FROM hnsw_test.near WHERE ' || condition || ' ORDER BY v %1$s %2$L LIMIT %4$s) x) y', operator, q::text, r, k) INTO ids;
	PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_sort', 'on', true), set_config('enable_indexscan', 'on', true);
	fetched := (SELECT returned FROM gigavec.last_scan());
END $$;
CREATE TABLE hnsw_test.radii (op text, k integer, id integer, q vector, r float8);
INSERT INTO hnsw_test.radii SELECT op, k, q.id, q.v, (hnsw_test.nearest('hnsw_test.near', op, q.v::text, k, false))[k] FROM (VALUES ('<->'), ('<#>'), ('<=>')) o (op), (VALUES (1), (5), (12)) k (k), hnsw_test.near q WHERE q.id <= 6;
CREATE INDEX near_l2 ON hnsw_test.near USING hnsw (v vector_l2_ops, kind);
CREATE INDEX near_ip ON hnsw_test.near USING hnsw (v vector_ip_ops);
CREATE INDEX near_cosine ON hnsw_test.near USING hnsw (v vector_cosine_ops);
SELECT op, condition, count(*), count(*) FILTER (WHERE i.ids IS DISTINCT FROM t.ids) AS differ, max(i.fetched - coalesce(cardinality(i.ids), 0)) <= 3 AS ends
FROM (VALUES ('v %1$s %2$L <= %3$L'), ('%3$L >= v %1$s %2$L'), ('v %1$s %2$L < %3$L'), ('1 - (v %1$s %2$L) >= 1 - %3$L::float8'), ('v %1$s %2$L < -1e9'), ('kind = 2 AND v %1$s %2$L <= %3$L')) c (condition),
	hnsw_test.radii, hnsw_test.within(condition, op, 30, q, r, true) i, hnsw_test.within(condition, op, 30, q, r, false) t
WHERE op = '<->' OR condition NOT LIKE 'kind%'
GROUP BY op, condition ORDER BY op COLLATE "C", condition COLLATE "C";
-- parameters, and what is not known when a query starts
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off;
SELECT q FROM hnsw_test.radii WHERE op = '<->' AND k = 5 AND id = 3 \gset
PREPARE near (vector, float8) AS SELECT id FROM hnsw_test.near WHERE v <-> $1 < $2 ORDER BY v <-> $1 LIMIT 10;
EXECUTE near(:'q', .1);
SELECT returned FROM gigavec.last_scan();
SELECT count(*) FROM hnsw_test.radii x, LATERAL (SELECT id FROM hnsw_test.near WHERE v <-> q <= r ORDER BY v <-> q LIMIT 30) y WHERE op = '<->';
SET hnsw.max_scan_tuples = 100;
EXECUTE near(:'q', .1);
RESET hnsw.max_scan_tuples;
SET hnsw.iterative_scan = off;
EXECUTE near(:'q', .1);
RESET hnsw.iterative_scan;
RESET enable_seqscan;
RESET plan_cache_mode;
DEALLOCATE near;
-- rows without direction: their distance is NaN, which no number is greater than
CREATE TABLE hnsw_test.zeros AS SELECT id, (CASE WHEN id % 500 > 0 THEN v ELSE array_fill(0, ARRAY[40])::vector END)::sparsevec(40) AS v FROM hnsw_test.near;
CREATE INDEX ON hnsw_test.zeros USING hnsw (v sparsevec_cosine_ops);
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM hnsw_test.zeros WHERE 1 - (v <=> '{1:1}/40') > .99 ORDER BY v <=> '{1:1}/40' LIMIT 10) x;
RESET enable_seqscan;
DROP TABLE hnsw_test.zeros;
DROP TABLE hnsw_test.near, hnsw_test.radii;
-- a row lies within nothing of itself, whatever its node's own vector lacks
CREATE TABLE hnsw_test.own (v vector(5));
CREATE INDEX own_fast ON hnsw_test.own USING hnsw (v vector_l2_ops);
INSERT INTO hnsw_test.own SELECT ARRAY(SELECT sin(i * j * 0.7) FROM generate_series(1, 5) j) FROM generate_series(1, 50) i;
SET enable_seqscan = off;
SELECT count(*) FROM hnsw_test.own a, LATERAL (SELECT FROM hnsw_test.own b WHERE b.v <-> a.v <= 0 ORDER BY b.v <-> a.v LIMIT 1) x;
TRUNCATE hnsw_test.own;
DROP INDEX hnsw_test.own_fast;
CREATE INDEX own_compact ON hnsw_test.own USING hnsw (v vector_l2_ops) WITH (storage = compact);
INSERT INTO hnsw_test.own SELECT ARRAY(SELECT sin(i * j * 0.7) FROM generate_series(1, 5) j) FROM generate_series(1, 50) i;
SELECT count(*) FROM hnsw_test.own a, LATERAL (SELECT FROM hnsw_test.own b WHERE b.v <-> a.v <= 0 ORDER BY b.v <-> a.v LIMIT 1) x;
RESET enable_seqscan;
DROP TABLE hnsw_test.own;

SET client_min_messages = warning;
DROP SCHEMA hnsw_test CASCADE;
DROP ROLE hnsw_test_reader;
