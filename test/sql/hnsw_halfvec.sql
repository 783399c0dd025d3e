--
-- hnsw on halfvec: build, search, insert, delete, by every operator class
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/hnsw.sql'
\set ECHO none
\i :helpers
\set ECHO all

CREATE TABLE hnsw_test.items (id integer PRIMARY KEY, v halfvec(20));
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 20) FROM generate_series(1, 500) i;
INSERT INTO hnsw_test.items VALUES (1001, NULL), (1002, NULL);
CREATE INDEX items_l2 ON hnsw_test.items USING hnsw (v halfvec_l2_ops);
CREATE INDEX items_ip ON hnsw_test.items USING hnsw (v halfvec_ip_ops);
CREATE INDEX items_cosine ON hnsw_test.items USING hnsw (v halfvec_cosine_ops);
CREATE INDEX items_l1 ON hnsw_test.items USING hnsw (v halfvec_l1_ops);
SELECT hnsw_test.uses_index('SELECT id FROM hnsw_test.items ORDER BY v <-> (SELECT v FROM hnsw_test.items WHERE id = 7) LIMIT 3');
SELECT hnsw_test.uses_index('SELECT id FROM hnsw_test.items ORDER BY v <#> (SELECT v FROM hnsw_test.items WHERE id = 7) LIMIT 3');
SELECT hnsw_test.uses_index('SELECT id FROM hnsw_test.items ORDER BY v <=> (SELECT v FROM hnsw_test.items WHERE id = 7) LIMIT 3');
SELECT hnsw_test.uses_index('SELECT id FROM hnsw_test.items ORDER BY v <+> (SELECT v FROM hnsw_test.items WHERE id = 7) LIMIT 3');
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;

INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 20) FROM generate_series(501, 700) i;
UPDATE hnsw_test.items SET v = hnsw_test.vec(id + 3000, 20) WHERE id % 7 = 0 AND id <= 700;
DELETE FROM hnsw_test.items WHERE id % 5 = 1;
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
VACUUM hnsw_test.items;
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 20) FROM generate_series(2001, 2100) i;
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
REINDEX TABLE hnsw_test.items;
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
-- one vector many times
INSERT INTO hnsw_test.items SELECT i, (SELECT v FROM hnsw_test.items WHERE id = 2) FROM generate_series(3001, 3200) i;
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
DELETE FROM hnsw_test.items WHERE id BETWEEN 3001 AND 3150;
VACUUM hnsw_test.items;
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
DROP TABLE hnsw_test.items;

-- an index that was empty when it was built
CREATE TABLE hnsw_test.items (id integer, v halfvec(20));
CREATE INDEX items_l2 ON hnsw_test.items USING hnsw (v halfvec_l2_ops);
CREATE INDEX items_ip ON hnsw_test.items USING hnsw (v halfvec_ip_ops);
CREATE INDEX items_cosine ON hnsw_test.items USING hnsw (v halfvec_cosine_ops);
CREATE INDEX items_l1 ON hnsw_test.items USING hnsw (v halfvec_l1_ops);
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 20) FROM generate_series(1, 150) i;
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
DROP TABLE hnsw_test.items;

-- an expression: vectors indexed by half of their precision
CREATE TABLE hnsw_test.items (id integer, v vector(3));
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 3) FROM generate_series(1, 300) i;
CREATE INDEX items_half ON hnsw_test.items USING hnsw ((v::halfvec(3)) halfvec_l2_ops);
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_test.items ORDER BY v::halfvec(3) <-> '[1,2,3]' LIMIT 5;
SELECT array_agg(d) = (SELECT array_agg(d) FROM (SELECT v::halfvec(3) <-> '[1,2,3]' FROM hnsw_test.items ORDER BY 1 LIMIT 5) x (d)) AS exact
FROM (SELECT v::halfvec(3) <-> '[1,2,3]' FROM hnsw_test.items ORDER BY v::halfvec(3) <-> '[1,2,3]' LIMIT 5) x (d);
RESET enable_seqscan;
UPDATE hnsw_test.items SET v = hnsw_test.vec(id + 500, 3) WHERE id % 3 = 0;
VACUUM hnsw_test.items;
SELECT * FROM gigavec.check('hnsw_test.items_half');
-- a value that the smaller type cannot hold
INSERT INTO hnsw_test.items VALUES (1, '[70000,1,1]');
DROP TABLE hnsw_test.items;

-- many dimensions, and the largest elements
CREATE TABLE hnsw_test.items (id integer, v halfvec(16000), w halfvec(3));
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 16000), ARRAY[65504, -65504, i * 100] FROM generate_series(1, 30) i;
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v halfvec_cosine_ops);
CREATE INDEX items_v_l1 ON hnsw_test.items USING hnsw (v halfvec_l1_ops);
CREATE INDEX items_w ON hnsw_test.items USING hnsw (w halfvec_ip_ops);
SELECT i, (SELECT count(*) FROM gigavec.check(('hnsw_test.' || i)::regclass)) AS problems FROM (VALUES ('items_v'), ('items_v_l1'), ('items_w')) x (i);
SET enable_seqscan = off;
SELECT id FROM hnsw_test.items ORDER BY v <=> hnsw_test.vec(21, 16000)::halfvec LIMIT 1;
SELECT id FROM hnsw_test.items ORDER BY w <#> '[0,0,1]' LIMIT 3;
RESET enable_seqscan;
DROP TABLE hnsw_test.items;

SET client_min_messages = warning;
DROP SCHEMA hnsw_test CASCADE;
