--
-- hnsw: what CREATE INDEX takes and refuses, options, kinds of tables
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/hnsw.sql'
\set ECHO none
\i :helpers
\set ECHO all

-- operator classes, their operators and functions are valid; those of filter columns are defaults
SELECT count(*), count(*) FILTER (WHERE amvalidate(oid)) AS valid, count(*) FILTER (WHERE opcdefault) AS defaults
FROM pg_opclass WHERE opcmethod = (SELECT oid FROM pg_am WHERE amname = 'hnsw');
SELECT property, pg_indexam_has_property(a.oid, property) AS has
FROM pg_am a, unnest(ARRAY['can_order', 'can_unique', 'can_multi_col', 'can_exclude', 'can_include']) p (property)
WHERE amname = 'hnsw' ORDER BY property;

CREATE TABLE hnsw_test.items (id integer, v vector(3), w vector, n integer, s sparsevec, b varbit);
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 3), '[1,2]', i, '{1:1}/3', '101' FROM generate_series(1, 50) i;

-- refused
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (v)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (w vector_l2_ops)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (s sparsevec_l2_ops)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (n)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (v halfvec_l2_ops)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (v vector_l2_ops) INCLUDE (n)');
SELECT * FROM hnsw_test.raised('CREATE UNIQUE INDEX ON hnsw_test.items USING hnsw (v vector_l2_ops)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (v vector_l2_ops DESC)');
SELECT * FROM hnsw_test.raised('ALTER TABLE hnsw_test.items ADD EXCLUDE USING hnsw (v vector_l2_ops WITH =)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (v vector_l2_ops) WITH (m = 1)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (v vector_l2_ops) WITH (m = 101)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (v vector_l2_ops) WITH (ef_construction = 3)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (v vector_l2_ops) WITH (ef_construction = 1001)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (v vector_l2_ops) WITH (ef_search = -1)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (v vector_l2_ops) WITH (ef_search = 10001)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (v vector_l2_ops) WITH (seed = -1)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (v vector_l2_ops) WITH (storage = tiny)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (v vector_l2_ops) WITH (lists = 10)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (v vector_l2_ops) WITH (m = many)');
CREATE TABLE hnsw_test.large (s sparsevec(1000000000));
CREATE INDEX ON hnsw_test.large USING hnsw (s sparsevec_l2_ops);
CREATE TABLE hnsw_test.bits (b bit(64001));
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.bits USING hnsw (b bit_hamming_ops)');
DROP TABLE hnsw_test.large, hnsw_test.bits;
-- nothing is left behind
SELECT count(*) FROM pg_index WHERE indrelid = 'hnsw_test.items'::regclass;

-- options at build
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v vector_l2_ops) WITH (m = 2, ef_construction = 4, seed = 7);
SELECT name, value FROM gigavec.stats('hnsw_test.items_v') WHERE name IN ('m', 'ef_construction', 'seed', 'degree', 'dimensions') ORDER BY name;
SELECT * FROM gigavec.check('hnsw_test.items_v');
DROP INDEX hnsw_test.items_v;
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v vector_l2_ops) WITH (m = 100, ef_construction = 1000);
SELECT name, value FROM gigavec.stats('hnsw_test.items_v') WHERE name IN ('m', 'ef_construction', 'seed', 'dimensions') ORDER BY name;
SELECT * FROM gigavec.check('hnsw_test.items_v');
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 3) FROM generate_series(51, 150) i;
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<->', 'hnsw_test.items_v');

-- a small index has more nodes on a page, and answers and changes as others do
CREATE TABLE hnsw_test.wide (id integer, v vector(128));
INSERT INTO hnsw_test.wide SELECT i, hnsw_test.vec(i, 128) FROM generate_series(1, 400) i;
CREATE INDEX wide_fast ON hnsw_test.wide USING hnsw (v vector_l2_ops) WITH (storage = fast);
CREATE INDEX wide_compact ON hnsw_test.wide USING hnsw (v vector_l2_ops) WITH (storage = compact);
SELECT name, f.value AS fast, c.value AS compact
FROM gigavec.stats('hnsw_test.wide_fast') f JOIN gigavec.stats('hnsw_test.wide_compact') c USING (name)
WHERE name IN ('nodes_per_page', 'vector_bits', 'vector_dimensions', 'code_dimensions') ORDER BY name;
SELECT pg_relation_size('hnsw_test.wide_compact') < 0.85 * pg_relation_size('hnsw_test.wide_fast') AS smaller;
DROP INDEX hnsw_test.wide_fast;
SELECT * FROM hnsw_test.compare('hnsw_test.wide', '<->', 'hnsw_test.wide_compact');
DELETE FROM hnsw_test.wide WHERE id % 3 = 0;
VACUUM hnsw_test.wide;
INSERT INTO hnsw_test.wide SELECT i, hnsw_test.vec(i, 128) FROM generate_series(401, 500) i;
SELECT * FROM hnsw_test.compare('hnsw_test.wide', '<->', 'hnsw_test.wide_compact');
SELECT * FROM gigavec.check('hnsw_test.wide_compact');
-- where it would put no more nodes on a page, it is as any other
CREATE TABLE hnsw_test.long (v vector(3072));
CREATE INDEX long_v ON hnsw_test.long USING hnsw (v vector_l2_ops) WITH (storage = compact);
SELECT name, value FROM gigavec.stats('hnsw_test.long_v') WHERE name IN ('nodes_per_page', 'vector_bits', 'code_dimensions') ORDER BY name;
DROP TABLE hnsw_test.wide, hnsw_test.long;

-- options of an index that is there
ALTER INDEX hnsw_test.items_v SET (ef_search = 200);
SELECT reloptions FROM pg_class WHERE oid = 'hnsw_test.items_v'::regclass;
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<->', 'hnsw_test.items_v');
ALTER INDEX hnsw_test.items_v RESET (ef_search);
-- these take effect when it is built again
ALTER INDEX hnsw_test.items_v SET (m = 8);
SELECT value FROM gigavec.stats('hnsw_test.items_v') WHERE name = 'm';
REINDEX INDEX hnsw_test.items_v;
SELECT value FROM gigavec.stats('hnsw_test.items_v') WHERE name = 'm';
SELECT * FROM hnsw_test.raised('ALTER INDEX hnsw_test.items_v SET (m = 0)');
SELECT * FROM hnsw_test.raised('ALTER INDEX hnsw_test.items_v SET (ef_search = 100000)');

-- the same seed gives the same index
CREATE INDEX items_1 ON hnsw_test.items USING hnsw (v vector_l2_ops) WITH (seed = 5);
CREATE TABLE hnsw_test.before AS SELECT name, value FROM gigavec.stats('hnsw_test.items_1');
REINDEX INDEX hnsw_test.items_1;
SELECT * FROM gigavec.stats('hnsw_test.items_1') s WHERE NOT EXISTS (SELECT FROM hnsw_test.before b WHERE b.name = s.name AND b.value = s.value);
DROP INDEX hnsw_test.items_1;

-- settings
SHOW hnsw.ef_search;
SHOW hnsw.iterative_scan;
SHOW hnsw.max_scan_tuples;
SHOW hnsw.scan_mem_multiplier;
SELECT * FROM hnsw_test.raised('SET hnsw.ef_search = -1');
SHOW gigavec.target_recall;
SELECT * FROM hnsw_test.raised('SET gigavec.target_recall = 0.49');
SELECT * FROM hnsw_test.raised('SET gigavec.target_recall = 1');
SELECT * FROM hnsw_test.raised('SET hnsw.ef_search = 10001');
SELECT * FROM hnsw_test.raised('SET hnsw.iterative_scan = on');
SELECT * FROM hnsw_test.raised('SET hnsw.max_scan_tuples = 0');
SELECT * FROM hnsw_test.raised('SET hnsw.scan_mem_multiplier = 0.5');
SELECT * FROM hnsw_test.raised('SET hnsw.scan_mem_multiplier = 1001');
SELECT * FROM hnsw_test.raised('SET hnsw.ef = 10');

-- an index's own ef_search yields to the session's, be it the default
CREATE TABLE hnsw_test.many AS SELECT i, hnsw_test.vec(i, 8) AS v FROM generate_series(1, 5000) i;
ALTER TABLE hnsw_test.many ALTER v TYPE vector(8);
CREATE INDEX ON hnsw_test.many USING hnsw (v vector_l2_ops) WITH (ef_search = 400);
SET hnsw.iterative_scan = off;
SET enable_seqscan = off;
SELECT count(*) = 300 AS as_index_says FROM (SELECT FROM hnsw_test.many ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 300) q;
SET hnsw.ef_search = 40;
SELECT count(*) BETWEEN 30 AND 299 AS as_session_says FROM (SELECT FROM hnsw_test.many ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 300) q;
RESET hnsw.ef_search;
SELECT count(*) = 300 AS as_index_says FROM (SELECT FROM hnsw_test.many ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 300) q;
RESET enable_seqscan;
RESET hnsw.iterative_scan;
DROP TABLE hnsw_test.many;

-- while others write
CREATE INDEX CONCURRENTLY items_c ON hnsw_test.items USING hnsw (v vector_cosine_ops);
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<=>', 'hnsw_test.items_c');
REINDEX INDEX CONCURRENTLY hnsw_test.items_c;
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<=>', 'hnsw_test.items_c');
DROP INDEX CONCURRENTLY hnsw_test.items_c;

-- HOT updates leave the index alone; others bring a new row into it
UPDATE hnsw_test.items SET n = n + 1;
VACUUM hnsw_test.items;
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<->', 'hnsw_test.items_v');

-- rewritten tables
VACUUM FULL hnsw_test.items;
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<->', 'hnsw_test.items_v');
ALTER TABLE hnsw_test.items ALTER v TYPE halfvec(3);
ALTER TABLE hnsw_test.items ALTER v TYPE vector(4) USING '[1,2,3,4]'::vector;
DROP INDEX hnsw_test.items_v;
ALTER TABLE hnsw_test.items ALTER v TYPE halfvec(3) USING hnsw_test.vec(id, 3)::halfvec;
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v halfvec_l2_ops);
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<->', 'hnsw_test.items_v');
-- a column that loses its dimensions keeps its index
ALTER TABLE hnsw_test.items ALTER v TYPE halfvec;
SELECT * FROM gigavec.check('hnsw_test.items_v');
DROP TABLE hnsw_test.items;

-- rolled back
CREATE TABLE hnsw_test.items (id integer, v vector(3));
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v vector_l2_ops);
BEGIN;
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 3) FROM generate_series(1, 100) i;
ROLLBACK;
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 3) FROM generate_series(50, 150) i;
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<->', 'hnsw_test.items_v');
VACUUM hnsw_test.items;
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<->', 'hnsw_test.items_v');
BEGIN;
DROP INDEX hnsw_test.items_v;
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v vector_ip_ops);
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<#>', 'hnsw_test.items_v');
ROLLBACK;
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<->', 'hnsw_test.items_v');
DROP TABLE hnsw_test.items;

-- unlogged and temporary tables
CREATE UNLOGGED TABLE hnsw_test.items (id integer, v vector(3));
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v vector_l2_ops);
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 3) FROM generate_series(1, 200) i;
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<->', 'hnsw_test.items_v');
DELETE FROM hnsw_test.items WHERE id % 3 = 0;
VACUUM hnsw_test.items;
REINDEX TABLE hnsw_test.items;
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<->', 'hnsw_test.items_v');
ALTER TABLE hnsw_test.items SET LOGGED;
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<->', 'hnsw_test.items_v');
DROP TABLE hnsw_test.items;
CREATE TEMPORARY TABLE temporary_items (id integer, v vector(3));
INSERT INTO temporary_items SELECT i, hnsw_test.vec(i, 3) FROM generate_series(1, 200) i;
CREATE INDEX temporary_v ON temporary_items USING hnsw (v vector_l2_ops);
INSERT INTO temporary_items SELECT i, hnsw_test.vec(i, 3) FROM generate_series(201, 300) i;
DELETE FROM temporary_items WHERE id % 3 = 0;
VACUUM temporary_items;
SELECT * FROM hnsw_test.compare('temporary_items', '<->', 'temporary_v');
DROP TABLE temporary_items;

-- parts of a table, and tables of parts
CREATE TABLE hnsw_test.items (id integer, v vector(3));
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 3) FROM generate_series(1, 200) i;
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v vector_l2_ops) WHERE id % 2 = 0;
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 3) FROM generate_series(201, 250) i;
SELECT value FROM gigavec.stats('hnsw_test.items_v') WHERE name = 'rows';
SELECT * FROM gigavec.check('hnsw_test.items_v');
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_test.items WHERE id % 2 = 0 ORDER BY v <-> '[1,2,3]' LIMIT 3;
SELECT count(*), bool_and(id % 2 = 0) FROM (SELECT id FROM hnsw_test.items WHERE id % 2 = 0 ORDER BY v <-> '[1,2,3]' LIMIT 1000) x;
RESET enable_seqscan;
UPDATE hnsw_test.items SET id = id + 1 WHERE id % 10 = 0;
SELECT * FROM gigavec.check('hnsw_test.items_v');
DROP TABLE hnsw_test.items;

CREATE TABLE hnsw_test.items (id integer, v vector(3)) PARTITION BY RANGE (id);
SELECT count(*) FROM (SELECT hnsw_test.raised(format('CREATE TABLE hnsw_test.items_%s PARTITION OF hnsw_test.items FOR VALUES FROM (%s) TO (%s)', i, i * 100, i * 100 + 100)) FROM generate_series(0, 11) i) x;
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 3) FROM generate_series(0, 1199) i;
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v vector_l2_ops);
SET enable_seqscan = off;
SET enable_sort = off;
-- many scans at once, each going on again and again
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM hnsw_test.items ORDER BY v <-> '[1,2,3]' LIMIT 10000) x;
SELECT bool_and(d >= before), count(DISTINCT id) FROM (SELECT id, d, coalesce(lag(d) OVER (), 0) AS before FROM (SELECT id, v <-> '[1,2,3]' AS d FROM hnsw_test.items ORDER BY v <-> '[1,2,3]' LIMIT 600) x) y;
RESET enable_seqscan;
RESET enable_sort;
SELECT count(*) FROM pg_class c, gigavec.check(c.oid) WHERE relnamespace = 'hnsw_test'::regnamespace AND relkind = 'i';
SELECT * FROM hnsw_test.raised('SELECT * FROM gigavec.check(''hnsw_test.items_v'')');
DROP TABLE hnsw_test.items;

SET client_min_messages = warning;
DROP SCHEMA hnsw_test CASCADE;
