--
-- hnsw: recall as the setting, its calibration, gigavec.recall
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/hnsw.sql'
\set ECHO none
\i :helpers
\set ECHO all

-- What scans know of the recall that they reach
CREATE FUNCTION hnsw_test.calibration(index regclass) RETURNS text
LANGUAGE sql AS $$
	SELECT string_agg(value::text, ' ' ORDER BY name) FROM gigavec.stats(index) WHERE name IN ('calibration', 'calibrated_rows')
$$;

CREATE TABLE hnsw_test.items AS SELECT i AS id, hnsw_test.vec(i, 12)::vector(12) AS v FROM generate_series(1, 3000) i;
ALTER TABLE hnsw_test.items ALTER v TYPE vector(12);
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v vector_l2_ops);
SELECT hnsw_test.calibration('hnsw_test.items_v');
SELECT array_agg(value ORDER BY name) = array_agg(value ORDER BY value) AS rise, min(value) >= 10 AS suffice
FROM gigavec.stats('hnsw_test.items_v') WHERE name LIKE 'calibrated_ef%';
SELECT value BETWEEN 257 AND 512 FROM gigavec.stats('hnsw_test.items_v') WHERE name = 'calibrated_queries';

-- the recall asked for is the recall found: rows as queries, and queries of one's own; for
-- .99 some of them read all nodes instead of expanding so many
SELECT target, queries_run, recall >= target - .02 AS reached, target_recall = target AS told, ef >= 10 AS has_ef, expansions >= ef * .9 OR target > .95 AS expands, milliseconds > 0 AS takes_time, qps > 0 AS has_rate
FROM unnest(ARRAY[.8, .9, .95, .99]) target, LATERAL gigavec.recall('hnsw_test.items_v', 10, 300, target);
SELECT target, k, queries_run, recall >= target - .03 AS reached
FROM unnest(ARRAY[.9, .99]) target, unnest(ARRAY[1, 10]) k,
	LATERAL gigavec.recall('hnsw_test.items_v', k, ARRAY(SELECT hnsw_test.vec(i, 12)::vector FROM generate_series(100001, 100200) i), target);

-- it is a fraction of the rows asked for, without noise of sums in the last digits
SELECT bool_and(recall = round(recall * n * 10) / (n * 10)) AS is_fraction
FROM generate_series(20, 60) n, LATERAL gigavec.recall('hnsw_test.items_v', 10, n, .8);

-- a recall costs what it says: less for less
SELECT a.expansions < b.expansions AND b.expansions < c.expansions AS rises
FROM gigavec.recall('hnsw_test.items_v', 10, 200, .8) a, gigavec.recall('hnsw_test.items_v', 10, 200, .95) b, gigavec.recall('hnsw_test.items_v', 10, 200, .995) c;

-- LIMIT tells how many rows are wanted, also as a parameter, with OFFSET, below a subquery; else a scan begins with ten
CREATE FUNCTION hnsw_test.last_ef(query text, VARIADIC numbers integer[] DEFAULT '{}') RETURNS bigint
LANGUAGE plpgsql SET enable_seqscan = off SET enable_sort = off AS $$
BEGIN
	EXECUTE replace(query, 'nearest', 'FROM hnsw_test.items ORDER BY v <-> ''[1,2,3,4,5,0,-1,-2,-3,-4,-5,0]''') USING numbers[1], numbers[2];
	RETURN (SELECT ef FROM gigavec.last_scan());
END $$;
SELECT one <= ten AS one, ten < hundred AS hundred, ten < thousand AS thousand, parameter = hundred AS parameter, with_offset = hundred AS with_offset,
	subquery = hundred AS subquery, locked = hundred AS locked, no_limit > ten AS no_limit
FROM (SELECT hnsw_test.last_ef('SELECT id nearest LIMIT 1') AS one, hnsw_test.last_ef('SELECT id nearest LIMIT 10') AS ten,
	hnsw_test.last_ef('SELECT id nearest LIMIT 100') AS hundred, hnsw_test.last_ef('SELECT id nearest LIMIT 1000') AS thousand,
	hnsw_test.last_ef('SELECT id nearest LIMIT $1', 100) AS parameter, hnsw_test.last_ef('SELECT id nearest LIMIT $1 OFFSET $2', 60, 40) AS with_offset,
	hnsw_test.last_ef('SELECT max(id) FROM (SELECT id, random() nearest LIMIT 100) x') AS subquery, hnsw_test.last_ef('SELECT id nearest LIMIT 100 FOR UPDATE') AS locked,
	hnsw_test.last_ef('SELECT count(*) FROM (SELECT id nearest OFFSET 0) x') AS no_limit) x;

-- which setting counts: the session's, then the index's, then the server's; ef before recall
CREATE FUNCTION hnsw_test.aim() RETURNS TABLE (aim text)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_sort = off AS $$
BEGIN
	PERFORM id FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,0,-1,-2,-3,-4,-5,0]' LIMIT 10;
	RETURN QUERY SELECT coalesce('recall ' || target, 'ef ' || ef) FROM gigavec.last_scan() WHERE index = 'hnsw_test.items_v'::regclass;
END $$;
SELECT * FROM hnsw_test.aim();
ALTER INDEX hnsw_test.items_v SET (target_recall = 0.9);
SELECT * FROM hnsw_test.aim();
ALTER INDEX hnsw_test.items_v SET (ef_search = 60);
SELECT * FROM hnsw_test.aim();
SET gigavec.target_recall = 0.97;
SELECT * FROM hnsw_test.aim();
SET hnsw.ef_search = 25;
SELECT * FROM hnsw_test.aim();
SET hnsw.ef_search = 0;
SELECT * FROM hnsw_test.aim();
RESET gigavec.target_recall;
SELECT * FROM hnsw_test.aim();
RESET hnsw.ef_search;
SELECT * FROM hnsw_test.aim();
ALTER INDEX hnsw_test.items_v RESET (ef_search, target_recall);
SELECT * FROM hnsw_test.aim();
SELECT * FROM hnsw_test.raised('ALTER INDEX hnsw_test.items_v SET (target_recall = 0.4)');
SELECT * FROM hnsw_test.raised('ALTER INDEX hnsw_test.items_v SET (target_recall = 1)');
SELECT * FROM hnsw_test.raised('SET gigavec.target_recall = ''NaN''');

-- more rows than the first search is for, and all rows
SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE d < before) FROM (SELECT id, d, lag(d) OVER () AS before FROM (SELECT id, v <-> '[1,2,3,4,5,0,-1,-2,-3,-4,-5,0]' AS d FROM hnsw_test.items ORDER BY d LIMIT 500) x) y;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,0,-1,-2,-3,-4,-5,0]' OFFSET 0) x;
-- as many as pgvector returns by default when a scan does not go on
SET hnsw.iterative_scan = off;
SELECT count(*) = 40 FROM (SELECT id FROM hnsw_test.items ORDER BY v <-> '[1,2,3,4,5,0,-1,-2,-3,-4,-5,0]' LIMIT 40) x;
RESET hnsw.iterative_scan;
RESET enable_seqscan;
RESET enable_sort;

-- VACUUM calibrates again when the number of rows has changed by a fifth
DELETE FROM hnsw_test.items WHERE id <= 300;
VACUUM hnsw_test.items;
SELECT hnsw_test.calibration('hnsw_test.items_v');
DELETE FROM hnsw_test.items WHERE id <= 700;
VACUUM hnsw_test.items;
SELECT hnsw_test.calibration('hnsw_test.items_v');
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 12) FROM generate_series(3001, 3400) i;
VACUUM hnsw_test.items;
SELECT hnsw_test.calibration('hnsw_test.items_v');
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 12) FROM generate_series(3401, 3900) i;
VACUUM hnsw_test.items;
SELECT hnsw_test.calibration('hnsw_test.items_v');
SELECT * FROM gigavec.check('hnsw_test.items_v');

-- a calibration by queries stays until REINDEX
SELECT queries_run, recall >= .95 AS reached FROM gigavec.recall('hnsw_test.items_v', 10, ARRAY(SELECT hnsw_test.vec(i, 12)::vector FROM generate_series(100001, 100200) i), .97, store => true);
SELECT hnsw_test.calibration('hnsw_test.items_v');
SELECT value FROM gigavec.stats('hnsw_test.items_v') WHERE name = 'calibrated_queries';
DELETE FROM hnsw_test.items WHERE id % 2 = 0;
VACUUM hnsw_test.items;
SELECT hnsw_test.calibration('hnsw_test.items_v');
SELECT * FROM gigavec.check('hnsw_test.items_v');
REINDEX INDEX hnsw_test.items_v;
SELECT hnsw_test.calibration('hnsw_test.items_v');
-- one by rows
SELECT queries_run, recall >= .9 AS reached FROM gigavec.recall('hnsw_test.items_v', 10, 50, store => true);
SELECT hnsw_test.calibration('hnsw_test.items_v');
SELECT value FROM gigavec.stats('hnsw_test.items_v') WHERE name = 'calibrated_queries';

-- filled after it was made: by a rule until VACUUM
CREATE TABLE hnsw_test.filled (id integer, v vector(12));
CREATE INDEX filled_v ON hnsw_test.filled USING hnsw (v vector_l2_ops);
SELECT hnsw_test.calibration('hnsw_test.filled_v');
SELECT * FROM hnsw_test.raised('SELECT gigavec.recall(''hnsw_test.filled_v'')');
INSERT INTO hnsw_test.filled SELECT i, hnsw_test.vec(i, 12) FROM generate_series(1, 1000) i;
SELECT hnsw_test.calibration('hnsw_test.filled_v');
SELECT recall > .9 AS finds, target_recall FROM gigavec.recall('hnsw_test.filled_v');
VACUUM hnsw_test.filled;
SELECT hnsw_test.calibration('hnsw_test.filled_v');
SELECT recall > .9 AS finds, target_recall FROM gigavec.recall('hnsw_test.filled_v');
-- too few rows for a calibration, none at all
TRUNCATE hnsw_test.filled;
SELECT hnsw_test.calibration('hnsw_test.filled_v');
VACUUM hnsw_test.filled;
INSERT INTO hnsw_test.filled SELECT i, hnsw_test.vec(i, 12) FROM generate_series(1, 5) i;
VACUUM hnsw_test.filled;
REINDEX INDEX hnsw_test.filled_v;
SELECT hnsw_test.calibration('hnsw_test.filled_v');
SELECT queries_run, recall FROM gigavec.recall('hnsw_test.filled_v', 10);
SELECT * FROM hnsw_test.raised('SELECT gigavec.recall(''hnsw_test.filled_v'', store => true)');
INSERT INTO hnsw_test.filled SELECT i, NULL FROM generate_series(6, 1000) i;
INSERT INTO hnsw_test.filled SELECT i, '[1,1,1,1,1,1,1,1,1,1,1,1]' FROM generate_series(6, 1000) i;
VACUUM hnsw_test.filled;
REINDEX INDEX hnsw_test.filled_v;
SELECT hnsw_test.calibration('hnsw_test.filled_v');
SELECT recall FROM gigavec.recall('hnsw_test.filled_v', 10);

-- all kinds of indexes
CREATE TABLE hnsw_test.kinds AS SELECT i AS id, i % 3 AS part, v::vector(12) AS v, v::vector::halfvec(12) AS h, v::vector::sparsevec(12) AS s,
	(SELECT string_agg(CASE WHEN e > 0 THEN '1' ELSE '0' END, '') FROM unnest(v || hnsw_test.vec(i + 7, 52)) e)::bit(64) AS b
FROM (SELECT i, hnsw_test.vec(i, 12) AS v FROM generate_series(1, 1200) i) x;
ALTER TABLE hnsw_test.kinds ALTER v TYPE vector(12), ALTER h TYPE halfvec(12), ALTER s TYPE sparsevec(12);
CREATE FUNCTION hnsw_test.try_kind(columns text, relation text DEFAULT 'hnsw_test.kinds', condition text DEFAULT '') RETURNS TABLE (calibrated numeric, reached boolean, problems bigint)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE INDEX kinds_i ON %s USING hnsw (%s) %s', relation, columns, condition);
	RETURN QUERY EXECUTE format('SELECT (SELECT value FROM gigavec.stats(%1$L) WHERE name = ''calibration''), recall >= .9, (SELECT count(*) FROM gigavec.check(%1$L)) FROM gigavec.recall(%1$L, 10, 60)',
		(SELECT oid::regclass FROM pg_class WHERE relname = 'kinds_i'));
	EXECUTE format('DROP INDEX %s', (SELECT oid::regclass FROM pg_class WHERE relname = 'kinds_i'));
END $$;
SELECT columns, t.* FROM unnest(ARRAY['v vector_l2_ops', 'v vector_ip_ops', 'v vector_cosine_ops', 'v vector_l1_ops', 'h halfvec_l2_ops', 'h halfvec_cosine_ops', 'h halfvec_l1_ops',
	's sparsevec_l2_ops', 's sparsevec_ip_ops', 's sparsevec_cosine_ops', 's sparsevec_l1_ops', 'b bit_hamming_ops', 'b bit_jaccard_ops',
	'(v::halfvec(12)) halfvec_l2_ops', 'v vector_l2_ops, part, id']) columns, LATERAL hnsw_test.try_kind(columns) t;
SELECT * FROM hnsw_test.try_kind('v vector_l2_ops', condition => 'WHERE part = 1');
CREATE TEMP TABLE kinds_temp AS SELECT * FROM hnsw_test.kinds;
SELECT * FROM hnsw_test.try_kind('v vector_l2_ops', 'kinds_temp');
ALTER TABLE hnsw_test.kinds SET UNLOGGED;
SELECT * FROM hnsw_test.try_kind('v vector_l2_ops');
SET maintenance_work_mem = '1MB';
SELECT * FROM hnsw_test.try_kind('v vector_l2_ops');
SELECT * FROM hnsw_test.try_kind('v vector_l1_ops');
RESET maintenance_work_mem;

-- the truth is what the snapshot sees
BEGIN;
DELETE FROM hnsw_test.items WHERE id % 5 <> 0;
SELECT recall >= .9 AS reached FROM gigavec.recall('hnsw_test.items_v', 10, 50);
ROLLBACK;

-- rows that came since the calibration have scans look at more; places that others have left do not
CREATE TABLE hnsw_test.grown (id int, v vector(40));
SELECT setseed(.5) IS NULL AS seeded;
INSERT INTO hnsw_test.grown SELECT i, (SELECT array_agg(sqrt(-2 * ln(1 - random())) * cos(6.2831853 * random())) FROM generate_series(1, 40) WHERE i > 0)::vector
FROM generate_series(1, 3500) i;
CREATE TABLE hnsw_test.rest AS SELECT * FROM hnsw_test.grown WHERE id > 500;
DELETE FROM hnsw_test.grown WHERE id > 500;
VACUUM hnsw_test.grown;
CREATE INDEX grown_v ON hnsw_test.grown USING hnsw (v vector_l2_ops);
SELECT value FROM gigavec.stats('hnsw_test.grown_v') WHERE name = 'ef_growth';
INSERT INTO hnsw_test.grown TABLE hnsw_test.rest;
SELECT value > 1.5 AS has_grown FROM gigavec.stats('hnsw_test.grown_v') WHERE name = 'ef_growth';
SELECT target, recall >= target - .05 AS reached FROM unnest(ARRAY[.9, .95]) target, LATERAL gigavec.recall('hnsw_test.grown_v', 10, 200, target);
SELECT count(*) FROM gigavec.check('hnsw_test.grown_v');
DELETE FROM hnsw_test.grown WHERE id % 5 <> 0;
VACUUM hnsw_test.grown;
SELECT hnsw_test.calibration('hnsw_test.grown_v'), value FROM gigavec.stats('hnsw_test.grown_v') WHERE name = 'ef_growth';

-- refused
SELECT * FROM hnsw_test.raised('SELECT gigavec.recall(''hnsw_test.items_v'', 0)');
SELECT * FROM hnsw_test.raised('SELECT gigavec.recall(''hnsw_test.items_v'', 10001)');
SELECT * FROM hnsw_test.raised('SELECT gigavec.recall(''hnsw_test.items_v'', 10, 0)');
SELECT * FROM hnsw_test.raised('SELECT gigavec.recall(''hnsw_test.items_v'', 10, 10001)');
SELECT * FROM hnsw_test.raised('SELECT gigavec.recall(''hnsw_test.items_v'', target => 1.5)');
SELECT * FROM hnsw_test.raised('SELECT gigavec.recall(''hnsw_test.items_v'', target => ''NaN'')');
SELECT * FROM hnsw_test.raised('SELECT gigavec.recall(''hnsw_test.items_v'', 10, ARRAY[''[1,2]''::vector])');
SELECT * FROM hnsw_test.raised('SELECT gigavec.recall(''hnsw_test.items_v'', 10, ARRAY[''[1,2]''::vector], store => true)');
SELECT * FROM hnsw_test.raised('SELECT gigavec.recall(''hnsw_test.items_v'', 10, ARRAY[NULL]::vector[])');
SELECT * FROM hnsw_test.raised('SELECT gigavec.recall(''hnsw_test.items_v'', 10, ARRAY[]::vector[])');
SELECT * FROM hnsw_test.raised('SELECT gigavec.recall(''hnsw_test.items_v'', 10, ARRAY[1.5])');
SELECT * FROM hnsw_test.raised('SELECT gigavec.recall(''hnsw_test.items_v'', 10, ARRAY[hnsw_test.vec(1, 12)::halfvec])');
SELECT * FROM hnsw_test.raised('SELECT gigavec.recall(''hnsw_test.items_v'', 10, ARRAY[hnsw_test.vec(1, 12)::vector], store => true)');
SELECT * FROM hnsw_test.raised('SELECT gigavec.recall(''hnsw_test.items'')');
SELECT * FROM hnsw_test.raised('SELECT gigavec.recall(''pg_class_oid_index'')');
SELECT * FROM hnsw_test.raised('SELECT gigavec.recall(0)');
SELECT gigavec.recall(NULL) IS NULL AS of_nothing, gigavec.recall('hnsw_test.items_v', NULL) IS NULL AS of_none;
BEGIN READ ONLY;
SELECT * FROM hnsw_test.raised('SELECT gigavec.recall(''hnsw_test.items_v'', store => true)');
ROLLBACK;
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'hnsw_test.items_v'::regclass;
SELECT * FROM hnsw_test.raised('SELECT gigavec.recall(''hnsw_test.items_v'')');

-- a recall that no search of a calibration reached, among few nodes, takes a sweep: all are found, and it costs what a search of an eighth of them does
CREATE TABLE hnsw_test.hard (id int, v vector(64));
INSERT INTO hnsw_test.hard SELECT i, hnsw_test.vec(i * 31 + i % 7, 64)::vector FROM generate_series(1, 800) i;
CREATE INDEX hard_v ON hnsw_test.hard USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 8, target_recall = 0.999);
SELECT max(value) AS largest_ef FROM gigavec.stats('hnsw_test.hard_v') WHERE name LIKE 'calibrated_ef%';
SELECT recall, expansions FROM gigavec.recall('hnsw_test.hard_v', 10, 50);
CREATE FUNCTION hnsw_test.first_cost(query text) RETURNS float8
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN (plan->0->'Plan'->>'Startup Cost')::float8 / (plan->0->'Plan'->>'Total Cost')::float8;
END $$;
SELECT hnsw_test.first_cost($$SELECT id FROM hnsw_test.hard ORDER BY v <-> hnsw_test.vec(5, 64)::vector$$) < .4 AS some;

-- an ef that was set finds as much as so many candidates with known distances: codes need more of them
CREATE TABLE hnsw_test.low AS SELECT i AS id, hnsw_test.vec(i * 31 + i % 7, 3)::vector(3) AS v FROM generate_series(1, 5000) i;
ALTER TABLE hnsw_test.low ALTER v TYPE vector(3);
CREATE INDEX low_l2 ON hnsw_test.low USING hnsw (v vector_l2_ops);
CREATE INDEX low_l1 ON hnsw_test.low USING hnsw (v vector_l1_ops);
SET hnsw.ef_search = 10;
SELECT recall >= .98 AS found, ef FROM gigavec.recall('hnsw_test.low_l2', 10, 200);
SELECT recall >= .95 AS found, ef FROM gigavec.recall('hnsw_test.low_l1', 10, 200);
RESET hnsw.ef_search;
DROP TABLE hnsw_test.low;

SET client_min_messages = warning;
DROP SCHEMA hnsw_test CASCADE;
