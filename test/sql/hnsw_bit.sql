--
-- hnsw on bit: build, search, insert, delete, by every operator class
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/hnsw.sql'
\set ECHO none
\i :helpers
\set ECHO all

CREATE TABLE hnsw_test.items (id integer PRIMARY KEY, v bit(48));
INSERT INTO hnsw_test.items SELECT i, (SELECT string_agg(CASE WHEN e > 0 THEN '1' ELSE '0' END, '' ORDER BY j) FROM unnest(hnsw_test.vec(i, 48)) WITH ORDINALITY u (e, j))::bit(48) FROM generate_series(1, 500) i;
INSERT INTO hnsw_test.items VALUES (1001, NULL), (1002, NULL);
CREATE INDEX items_hamming ON hnsw_test.items USING hnsw (v bit_hamming_ops);
CREATE INDEX items_jaccard ON hnsw_test.items USING hnsw (v bit_jaccard_ops);
SELECT hnsw_test.uses_index('SELECT id FROM hnsw_test.items ORDER BY v <~> (SELECT v FROM hnsw_test.items WHERE id = 7) LIMIT 3');
SELECT hnsw_test.uses_index('SELECT id FROM hnsw_test.items ORDER BY v <%> (SELECT v FROM hnsw_test.items WHERE id = 7) LIMIT 3');
SELECT op, c.* FROM (VALUES ('<~>', 'items_hamming'), ('<%>', 'items_jaccard')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;

INSERT INTO hnsw_test.items SELECT i, (SELECT string_agg(CASE WHEN e > 0 THEN '1' ELSE '0' END, '' ORDER BY j) FROM unnest(hnsw_test.vec(i, 48)) WITH ORDINALITY u (e, j))::bit(48) FROM generate_series(501, 700) i;
UPDATE hnsw_test.items SET v = (SELECT string_agg(CASE WHEN e > 0 THEN '1' ELSE '0' END, '' ORDER BY j) FROM unnest(hnsw_test.vec(id + 3000, 48)) WITH ORDINALITY u (e, j))::bit(48) WHERE id % 7 = 0 AND id <= 700;
DELETE FROM hnsw_test.items WHERE id % 5 = 1;
SELECT op, c.* FROM (VALUES ('<~>', 'items_hamming'), ('<%>', 'items_jaccard')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
VACUUM hnsw_test.items;
SELECT op, c.* FROM (VALUES ('<~>', 'items_hamming'), ('<%>', 'items_jaccard')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
INSERT INTO hnsw_test.items SELECT i, (SELECT string_agg(CASE WHEN e > 0 THEN '1' ELSE '0' END, '' ORDER BY j) FROM unnest(hnsw_test.vec(i, 48)) WITH ORDINALITY u (e, j))::bit(48) FROM generate_series(2001, 2100) i;
SELECT op, c.* FROM (VALUES ('<~>', 'items_hamming'), ('<%>', 'items_jaccard')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
REINDEX TABLE hnsw_test.items;
SELECT op, c.* FROM (VALUES ('<~>', 'items_hamming'), ('<%>', 'items_jaccard')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
-- one vector many times
INSERT INTO hnsw_test.items SELECT i, (SELECT v FROM hnsw_test.items WHERE id = 2) FROM generate_series(3001, 3200) i;
SELECT op, c.* FROM (VALUES ('<~>', 'items_hamming'), ('<%>', 'items_jaccard')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
DELETE FROM hnsw_test.items WHERE id BETWEEN 3001 AND 3150;
VACUUM hnsw_test.items;
SELECT op, c.* FROM (VALUES ('<~>', 'items_hamming'), ('<%>', 'items_jaccard')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
DROP TABLE hnsw_test.items;

-- an index that was empty when it was built
CREATE TABLE hnsw_test.items (id integer, v bit(48));
CREATE INDEX items_hamming ON hnsw_test.items USING hnsw (v bit_hamming_ops);
CREATE INDEX items_jaccard ON hnsw_test.items USING hnsw (v bit_jaccard_ops);
INSERT INTO hnsw_test.items SELECT i, (SELECT string_agg(CASE WHEN e > 0 THEN '1' ELSE '0' END, '' ORDER BY j) FROM unnest(hnsw_test.vec(i, 48)) WITH ORDINALITY u (e, j))::bit(48) FROM generate_series(1, 150) i;
SELECT op, c.* FROM (VALUES ('<~>', 'items_hamming'), ('<%>', 'items_jaccard')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
DROP TABLE hnsw_test.items;

-- an expression: vectors indexed by their signs, then put in order exactly
CREATE TABLE hnsw_test.items (id integer, v vector(24));
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 24) FROM generate_series(1, 400) i;
CREATE INDEX items_sign ON hnsw_test.items USING hnsw ((binary_quantize(v)::bit(24)) bit_hamming_ops);
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM hnsw_test.items ORDER BY binary_quantize(v)::bit(24) <~> binary_quantize(hnsw_test.vec(9, 24)::vector)::bit(24) LIMIT 5;
SELECT id FROM (SELECT * FROM hnsw_test.items ORDER BY binary_quantize(v)::bit(24) <~> binary_quantize(hnsw_test.vec(9, 24)::vector)::bit(24) LIMIT 20) x
	ORDER BY v <-> hnsw_test.vec(9, 24)::vector LIMIT 1;
RESET enable_seqscan;
SELECT * FROM gigavec.check('hnsw_test.items_sign');
DROP TABLE hnsw_test.items;

-- the most dimensions, and one
CREATE TABLE hnsw_test.items (id integer, v bit(64000), w bit(1));
INSERT INTO hnsw_test.items SELECT i, (repeat('1', i * 500) || repeat('0', 64000 - i * 500))::bit(64000), (i % 2)::text::bit(1) FROM generate_series(1, 40) i;
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v bit_jaccard_ops);
CREATE INDEX items_w ON hnsw_test.items USING hnsw (w bit_hamming_ops);
INSERT INTO hnsw_test.items SELECT i, (repeat('1', i * 500) || repeat('0', 64000 - i * 500))::bit(64000), (i % 2)::text::bit(1) FROM generate_series(41, 60) i;
SELECT i, (SELECT count(*) FROM gigavec.check(('hnsw_test.' || i)::regclass)) AS problems FROM (VALUES ('items_v'), ('items_w')) x (i);
SET enable_seqscan = off;
SELECT id FROM hnsw_test.items ORDER BY v <%> (repeat('1', 10500) || repeat('0', 53500))::bit(64000) LIMIT 3;
SELECT count(*) FILTER (WHERE w = B'1') FROM (SELECT w FROM hnsw_test.items ORDER BY w <~> B'1' LIMIT 30) x;
RESET enable_seqscan;
DROP TABLE hnsw_test.items;

SET client_min_messages = warning;
DROP SCHEMA hnsw_test CASCADE;
