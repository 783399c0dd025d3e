--
-- hnsw on vector: build, search, insert, delete, by every operator class
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/hnsw.sql'
\set ECHO none
\i :helpers
\set ECHO all

CREATE TABLE hnsw_test.items (id integer PRIMARY KEY, v vector(12));
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 12) FROM generate_series(1, 600) i;

-- each operator class: build, then inserts, updates and deletes
CREATE INDEX items_l2 ON hnsw_test.items USING hnsw (v vector_l2_ops);
CREATE INDEX items_ip ON hnsw_test.items USING hnsw (v vector_ip_ops);
CREATE INDEX items_cosine ON hnsw_test.items USING hnsw (v vector_cosine_ops);
CREATE INDEX items_l1 ON hnsw_test.items USING hnsw (v vector_l1_ops);
SELECT hnsw_test.uses_index('SELECT id FROM hnsw_test.items ORDER BY v <-> ' || quote_literal(hnsw_test.vec(5, 12)::vector) || ' LIMIT 3');

SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;

INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 12) FROM generate_series(601, 800) i;
INSERT INTO hnsw_test.items SELECT i, NULL FROM generate_series(801, 810) i;
-- longer than all at build: the inner product takes them in as well
INSERT INTO hnsw_test.items SELECT i, (hnsw_test.vec(i, 12)::vector * array_fill(3, ARRAY[12])::vector) FROM generate_series(811, 815) i;
UPDATE hnsw_test.items SET v = hnsw_test.vec(id + 1000, 12) WHERE id % 7 = 0 AND id <= 800;
DELETE FROM hnsw_test.items WHERE id % 5 = 1;
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;

VACUUM hnsw_test.items;
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;

-- slots are used again
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 12) FROM generate_series(2001, 2200) i;
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;

-- all rows deleted, and others put in
DELETE FROM hnsw_test.items;
VACUUM hnsw_test.items;
SELECT hnsw_test.nearest('hnsw_test.items', '<->', hnsw_test.vec(3, 12)::vector::text, 5, true);
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 12) FROM generate_series(1, 300) i;
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
TRUNCATE hnsw_test.items;
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 12) FROM generate_series(1, 30) i;
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
DROP TABLE hnsw_test.items;

-- an index that was empty when it was built
CREATE TABLE hnsw_test.empty (id integer, v vector(3));
CREATE INDEX empty_l2 ON hnsw_test.empty USING hnsw (v vector_l2_ops);
CREATE INDEX empty_cosine ON hnsw_test.empty USING hnsw (v vector_cosine_ops);
CREATE INDEX empty_ip ON hnsw_test.empty USING hnsw (v vector_ip_ops);
CREATE INDEX empty_l1 ON hnsw_test.empty USING hnsw (v vector_l1_ops);
SELECT hnsw_test.nearest('hnsw_test.empty', op, '[1,2,3]', 5, true) FROM (VALUES ('<->'), ('<#>'), ('<=>'), ('<+>')) x (op);
INSERT INTO hnsw_test.empty SELECT i, hnsw_test.vec(i, 3) FROM generate_series(1, 200) i;
SELECT op, c.* FROM (VALUES ('<->', 'empty_l2'), ('<#>', 'empty_ip'), ('<=>', 'empty_cosine'), ('<+>', 'empty_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.empty', op, ('hnsw_test.' || i)::regclass) c;

-- nothing but nulls
DELETE FROM hnsw_test.empty;
INSERT INTO hnsw_test.empty VALUES (1, NULL), (2, NULL);
REINDEX TABLE hnsw_test.empty;
SELECT count(*) FROM gigavec.check('hnsw_test.empty_l2');
SELECT name, value FROM gigavec.stats('hnsw_test.empty_l2') WHERE name IN ('rows', 'nodes_live', 'entries', 'pages');
DROP TABLE hnsw_test.empty;

-- one vector a thousand times, among others
CREATE TABLE hnsw_test.same (id integer, v vector(4));
INSERT INTO hnsw_test.same SELECT i, CASE WHEN i % 2 = 0 THEN '[1,2,3,4]' ELSE hnsw_test.vec(i, 4)::vector END FROM generate_series(1, 2000) i;
CREATE INDEX same_l2 ON hnsw_test.same USING hnsw (v vector_l2_ops);
CREATE INDEX same_l1 ON hnsw_test.same USING hnsw (v vector_l1_ops);
SELECT name, value FROM gigavec.stats('hnsw_test.same_l2') WHERE name IN ('rows', 'pages_rows');
SELECT op, c.* FROM (VALUES ('<->', 'same_l2'), ('<+>', 'same_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.same', op, ('hnsw_test.' || i)::regclass) c;
INSERT INTO hnsw_test.same SELECT i, '[1,2,3,4]' FROM generate_series(2001, 2100) i;
DELETE FROM hnsw_test.same WHERE id % 3 = 0;
VACUUM hnsw_test.same;
SELECT op, c.* FROM (VALUES ('<->', 'same_l2'), ('<+>', 'same_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.same', op, ('hnsw_test.' || i)::regclass) c;
DELETE FROM hnsw_test.same WHERE v = '[1,2,3,4]';
VACUUM hnsw_test.same;
SELECT op, c.* FROM (VALUES ('<->', 'same_l2'), ('<+>', 'same_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.same', op, ('hnsw_test.' || i)::regclass) c;
INSERT INTO hnsw_test.same SELECT i, '[1,2,3,4]' FROM generate_series(3001, 3100) i;
SELECT op, c.* FROM (VALUES ('<->', 'same_l2'), ('<+>', 'same_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.same', op, ('hnsw_test.' || i)::regclass) c;
DROP TABLE hnsw_test.same;

-- zero vectors have no direction: by cosine distance they come last
CREATE TABLE hnsw_test.zero (id integer, v vector(3));
INSERT INTO hnsw_test.zero SELECT i, CASE WHEN i % 4 = 0 THEN '[0,0,0]' ELSE hnsw_test.vec(i, 3)::vector END FROM generate_series(1, 100) i;
CREATE INDEX zero_cosine ON hnsw_test.zero USING hnsw (v vector_cosine_ops);
INSERT INTO hnsw_test.zero SELECT i, '[0,0,0]' FROM generate_series(101, 140) i;
SELECT name, value FROM gigavec.stats('hnsw_test.zero_cosine') WHERE name IN ('rows', 'rows_without_direction');
SELECT d[1:5] = e[1:5] AS exact, cardinality(d), d[76] FROM hnsw_test.nearest('hnsw_test.zero', '<=>', '[1,2,3]', 1000, true) d,
	hnsw_test.nearest('hnsw_test.zero', '<=>', '[1,2,3]', 1000, false) e;
SELECT cardinality(hnsw_test.nearest('hnsw_test.zero', '<=>', '[0,0,0]', 1000, true));
DELETE FROM hnsw_test.zero WHERE id % 8 = 0;
VACUUM hnsw_test.zero;
SELECT name, value FROM gigavec.stats('hnsw_test.zero_cosine') WHERE name IN ('rows', 'rows_without_direction');
SELECT cardinality(hnsw_test.nearest('hnsw_test.zero', '<=>', '[1,2,3]', 1000, true));
SELECT * FROM gigavec.check('hnsw_test.zero_cosine');
-- nothing but zero vectors
DELETE FROM hnsw_test.zero WHERE v <> '[0,0,0]';
REINDEX INDEX hnsw_test.zero_cosine;
SELECT cardinality(hnsw_test.nearest('hnsw_test.zero', '<=>', '[1,2,3]', 1000, true)) = (SELECT count(*) FROM hnsw_test.zero);
SELECT * FROM gigavec.check('hnsw_test.zero_cosine');
-- the other metrics take them as they are
CREATE INDEX zero_l2 ON hnsw_test.zero USING hnsw (v vector_l2_ops);
SELECT DISTINCT unnest(hnsw_test.nearest('hnsw_test.zero', '<->', '[3,4,0]', 1000, true));
DROP TABLE hnsw_test.zero;

-- one dimension, and many
CREATE TABLE hnsw_test.dims (id integer, v vector(1), w vector(2000), x vector(16000));
INSERT INTO hnsw_test.dims SELECT i, hnsw_test.vec(i, 1), hnsw_test.vec(i, 2000), hnsw_test.vec(i, 16000) FROM generate_series(1, 40) i;
CREATE INDEX dims_1 ON hnsw_test.dims USING hnsw (v vector_l2_ops);
CREATE INDEX dims_1_ip ON hnsw_test.dims USING hnsw (v vector_ip_ops);
CREATE INDEX dims_2000 ON hnsw_test.dims USING hnsw (w vector_cosine_ops);
CREATE INDEX dims_16000 ON hnsw_test.dims USING hnsw (x vector_l2_ops);
CREATE INDEX dims_16000_ip ON hnsw_test.dims USING hnsw (x vector_ip_ops);
CREATE INDEX dims_16000_l1 ON hnsw_test.dims USING hnsw (x vector_l1_ops);
INSERT INTO hnsw_test.dims SELECT i, hnsw_test.vec(i, 1), hnsw_test.vec(i, 2000), hnsw_test.vec(i, 16000) FROM generate_series(41, 60) i;
SELECT op, c.* FROM (VALUES ('<->', 'dims_1'), ('<#>', 'dims_1_ip')) x (op, i),
	hnsw_test.compare('hnsw_test.dims', op, ('hnsw_test.' || i)::regclass) c;
SELECT i, (SELECT count(*) FROM gigavec.check(('hnsw_test.' || i)::regclass)) AS problems FROM (VALUES ('dims_2000'), ('dims_16000'), ('dims_16000_ip'), ('dims_16000_l1')) x (i);
SET enable_seqscan = off;
SELECT id FROM hnsw_test.dims ORDER BY w <=> hnsw_test.vec(17, 2000)::vector LIMIT 1;
SELECT id FROM hnsw_test.dims ORDER BY x <-> hnsw_test.vec(50, 16000)::vector LIMIT 1;
SELECT id FROM hnsw_test.dims ORDER BY x <+> hnsw_test.vec(50, 16000)::vector LIMIT 1;
SELECT count(*) FROM (SELECT id FROM hnsw_test.dims ORDER BY x <#> hnsw_test.vec(50, 16000)::vector) s;
RESET enable_seqscan;
DELETE FROM hnsw_test.dims WHERE id % 2 = 0;
VACUUM hnsw_test.dims;
SELECT i, (SELECT count(*) FROM gigavec.check(('hnsw_test.' || i)::regclass)) AS problems FROM (VALUES ('dims_2000'), ('dims_16000'), ('dims_16000_ip'), ('dims_16000_l1')) x (i);
DROP TABLE hnsw_test.dims;

-- elements of any size: huge, tiny, denormal, and all in one table
CREATE TABLE hnsw_test.sizes (id integer, v vector(3));
INSERT INTO hnsw_test.sizes SELECT i, array_to_vector(ARRAY(SELECT x * 10.0::real ^ (i % 7 * 10 - 30) FROM unnest(hnsw_test.vec(i, 3)) x)::real[], 3, false) FROM generate_series(1, 140) i;
INSERT INTO hnsw_test.sizes VALUES (141, '[3e38,-3e38,3e38]'), (142, '[1e-45,0,1e-45]'), (143, '[-3e38,3e38,3e38]'), (144, '[0,0,0]');
CREATE INDEX sizes_l2 ON hnsw_test.sizes USING hnsw (v vector_l2_ops);
CREATE INDEX sizes_cosine ON hnsw_test.sizes USING hnsw (v vector_cosine_ops);
CREATE INDEX sizes_ip ON hnsw_test.sizes USING hnsw (v vector_ip_ops);
SELECT i, (SELECT count(*) FROM gigavec.check(('hnsw_test.' || i)::regclass)) AS problems FROM (VALUES ('sizes_l2'), ('sizes_cosine'), ('sizes_ip')) x (i);
SELECT op, cardinality(hnsw_test.nearest('hnsw_test.sizes', op, '[1,2,3]', 1000, true)) FROM (VALUES ('<->'), ('<=>'), ('<#>')) x (op);
INSERT INTO hnsw_test.sizes SELECT id + 1000, v FROM hnsw_test.sizes;
SELECT i, (SELECT count(*) FROM gigavec.check(('hnsw_test.' || i)::regclass)) AS problems FROM (VALUES ('sizes_l2'), ('sizes_cosine'), ('sizes_ip')) x (i);
SELECT op, cardinality(hnsw_test.nearest('hnsw_test.sizes', op, '[1,2,3]', 1000, true)) FROM (VALUES ('<->'), ('<=>'), ('<#>')) x (op);
DROP TABLE hnsw_test.sizes;

SET client_min_messages = warning;
DROP SCHEMA hnsw_test CASCADE;
