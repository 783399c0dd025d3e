--
-- ivfflat and ivfpq: training when the rows have come, by function and VACUUM
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/hnsw.sql'
\set ECHO none
\i :helpers
\set ECHO all
SET client_min_messages = warning;
-- all lists: exact
SET ivfflat.probes = 32768;
SET ivfpq.probes = 32768;

-- indexes come first, rows later
CREATE TABLE hnsw_test.items (id integer PRIMARY KEY, v vector(12), n integer);
CREATE INDEX flat_l2 ON hnsw_test.items USING ivfflat (v vector_l2_ops, n);
CREATE INDEX flat_ip ON hnsw_test.items USING ivfflat (v vector_ip_ops);
CREATE INDEX flat_cosine ON hnsw_test.items USING ivfflat (v vector_cosine_ops) WITH (lists = 25);
CREATE INDEX pq_l2 ON hnsw_test.items USING ivfpq (v vector_l2_ops);
CREATE INDEX pq_ip ON hnsw_test.items USING ivfpq (v vector_ip_ops, n, (n % 3));
CREATE INDEX pq_cosine ON hnsw_test.items USING ivfpq ((v::halfvec(12)) halfvec_cosine_ops);
CREATE INDEX bits ON hnsw_test.items USING ivfflat ((binary_quantize(v)::bit(12)) bit_hamming_ops);
CREATE INDEX part ON hnsw_test.items USING ivfpq ((v::vector(12)) vector_l2_ops) WHERE n < 5;
CREATE VIEW hnsw_test.state AS SELECT i, (SELECT count(*) FROM gigavec.check(('hnsw_test.' || i)::regclass)) AS problems,
		max(value) FILTER (WHERE name = 'rows') AS rows, max(value) FILTER (WHERE name = 'lists') > 5 AS divided,
		max(value) FILTER (WHERE name = 'trainings') AS trainings, max(value) FILTER (WHERE name = 'rows_null_norm') AS loose
	FROM unnest('{flat_l2,flat_ip,flat_cosine,pq_l2,pq_ip,pq_cosine,bits,part}'::text[]) x (i), gigavec.stats(('hnsw_test.' || i)::regclass)
	GROUP BY i ORDER BY i;
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 12), i % 10 FROM generate_series(1, 600) i;
-- too few rows but for the index that has its number of lists
VACUUM hnsw_test.items;
SELECT * FROM hnsw_test.state;
SET client_min_messages = notice;
SELECT gigavec.train('hnsw_test.flat_l2');
SET client_min_messages = warning;
INSERT INTO hnsw_test.items SELECT i, CASE WHEN i % 100 > 0 THEN hnsw_test.vec(i, 12)::vector WHEN i % 200 > 0 THEN array_fill(0, ARRAY[12])::vector END, i % 10 FROM generate_series(601, 2400) i;
UPDATE hnsw_test.items SET n = n + 1 WHERE id % 9 = 0;
DELETE FROM hnsw_test.items WHERE id % 7 = 0;
SELECT gigavec.train('hnsw_test.flat_l2');
VACUUM hnsw_test.items;
SELECT * FROM hnsw_test.state;
SELECT op, c.* FROM (VALUES ('<->', 'flat_l2'), ('<#>', 'flat_ip'), ('<=>', 'flat_cosine')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
-- rows go on coming and going
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 12), i % 10 FROM generate_series(3001, 3200) i;
DELETE FROM hnsw_test.items WHERE id % 5 = 0;
VACUUM hnsw_test.items;
SELECT * FROM hnsw_test.state;
DROP INDEX hnsw_test.flat_l2, hnsw_test.flat_ip, hnsw_test.flat_cosine;
SELECT op, c.* FROM (VALUES ('<->', 'pq_l2'), ('<#>', 'pq_ip')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
DROP VIEW hnsw_test.state;

-- what is found by the filter columns stays the same
SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(*), bool_and(n = 3) FROM (SELECT n FROM hnsw_test.items WHERE n = 3 AND n % 3 = 0 ORDER BY v <#> '[1,2,3,4,5,6,6,5,4,3,2,1]' LIMIT 10000) x;
SELECT count(*) FROM hnsw_test.items WHERE n = 3 AND v IS NOT NULL;
RESET enable_seqscan;
RESET enable_sort;

-- as many lists as are asked for now; a calibration of their own
SET ivfpq.probes = 0;
ALTER INDEX hnsw_test.part SET (lists = 7);
SELECT gigavec.train('hnsw_test.part');
SELECT name, value FROM gigavec.stats('hnsw_test.part') WHERE name IN ('lists', 'trainings', 'calibrated_rows') OR name = 'rows_at_build' ORDER BY name;
SELECT recall >= 0.9 AS reached FROM gigavec.recall('hnsw_test.part', queries => 50);
SELECT count(*) FROM gigavec.check('hnsw_test.part');
DROP TABLE hnsw_test.items;

-- a table that has grown many times gets more lists, one that has shrunk fewer
CREATE TABLE hnsw_test.items (id integer PRIMARY KEY, v vector(4));
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 4) FROM generate_series(1, 1500) i;
CREATE INDEX flat ON hnsw_test.items USING ivfflat (v vector_l2_ops);
CREATE VIEW hnsw_test.state AS SELECT max(value) FILTER (WHERE name = 'lists') > 5 AS divided,
		max(value) FILTER (WHERE name = 'trainings') AS trainings,
		max(value) FILTER (WHERE name = 'longest_list') <= 3 * max(value) FILTER (WHERE name = 'mean_list') AS balanced
	FROM gigavec.stats('hnsw_test.flat');
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 4) FROM generate_series(1501, 2500) i;
VACUUM hnsw_test.items;
TABLE hnsw_test.state;
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 4) FROM generate_series(2501, 6000) i;
VACUUM hnsw_test.items;
TABLE hnsw_test.state;
DELETE FROM hnsw_test.items WHERE id > 1100;
VACUUM hnsw_test.items;
DELETE FROM hnsw_test.items WHERE id > 1050;
VACUUM hnsw_test.items;
TABLE hnsw_test.state;
SELECT count(*) FROM gigavec.check('hnsw_test.flat');
DROP VIEW hnsw_test.state;
DROP TABLE hnsw_test.items;

-- vectors and centroids longer than a page; tables that are unlogged, temporary
CREATE UNLOGGED TABLE hnsw_test.items (id integer PRIMARY KEY, v vector(5000));
CREATE INDEX flat ON hnsw_test.items USING ivfflat (v vector_l2_ops) WITH (lists = 3);
CREATE INDEX pq ON hnsw_test.items USING ivfpq (v vector_l2_ops) WITH (lists = 3);
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 5000) FROM generate_series(1, 30) i;
SELECT gigavec.train('hnsw_test.flat'), gigavec.train('hnsw_test.pq');
SELECT count(*) FROM gigavec.check('hnsw_test.pq');
DROP INDEX hnsw_test.pq;
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<->', 'hnsw_test.flat');
DROP TABLE hnsw_test.items;
CREATE TEMP TABLE temporary_items (v vector(3));
CREATE INDEX temporary_flat ON temporary_items USING ivfflat (v vector_l2_ops) WITH (lists = 3);
INSERT INTO temporary_items SELECT hnsw_test.vec(i, 3) FROM generate_series(1, 300) i;
SELECT gigavec.train('temporary_flat');
SELECT count(*) FROM gigavec.check('temporary_flat');
DROP TABLE temporary_items;
-- one that is emptied at each commit, and its indexes built, says no more of it
CREATE TEMP TABLE temporary_items (v vector(3)) ON COMMIT DELETE ROWS;
SET client_min_messages = notice;
CREATE INDEX temporary_flat ON temporary_items USING ivfflat (v vector_l2_ops);
INSERT INTO temporary_items VALUES ('[1,2,3]');
SET client_min_messages = warning;
DROP TABLE temporary_items;

-- what cannot be trained
CREATE TABLE hnsw_test.items (id integer PRIMARY KEY, v vector(3));
CREATE INDEX graph ON hnsw_test.items USING hnsw (v vector_l2_ops);
CREATE INDEX flat ON hnsw_test.items USING ivfflat (v);
SELECT gigavec.train(NULL);
SELECT i, what, r.is FROM (VALUES ('hnsw_test.items'), ('hnsw_test.graph'), ('hnsw_test.items_pkey')) x (i),
	hnsw_test.raised('SELECT gigavec.train(''' || i || ''')') r;
CREATE ROLE ivf_stranger;
GRANT USAGE ON SCHEMA hnsw_test TO ivf_stranger;
GRANT SELECT ON hnsw_test.items TO ivf_stranger;
SET ROLE ivf_stranger;
SELECT gigavec.train('hnsw_test.flat');
RESET ROLE;
BEGIN READ ONLY;
SELECT gigavec.train('hnsw_test.flat');
ROLLBACK;
DROP SCHEMA hnsw_test CASCADE;
DROP ROLE ivf_stranger;
