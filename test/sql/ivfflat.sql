--
-- ivfflat and ivfpq: build, search, insert, delete, by every operator class
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/hnsw.sql'
\set ECHO none
\i :helpers
\set ECHO all
-- all lists: exact
SET ivfflat.probes = 32768;
SET ivfpq.probes = 32768;

CREATE TABLE hnsw_test.items (id integer PRIMARY KEY, v vector(12));
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 12) FROM generate_series(1, 600) i;
CREATE VIEW hnsw_test.sound AS SELECT i::text AS index, op, c.*
	FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;

-- each operator class of each access method: build, then inserts, updates and deletes
CREATE INDEX items_l2 ON hnsw_test.items USING ivfflat (v) WITH (lists = 20);
CREATE INDEX items_ip ON hnsw_test.items USING ivfflat (v vector_ip_ops) WITH (lists = 20);
CREATE INDEX items_cosine ON hnsw_test.items USING ivfflat (v vector_cosine_ops) WITH (lists = 20);
SELECT * FROM hnsw_test.sound;
SELECT name, value FROM gigavec.stats('hnsw_test.items_l2') WHERE name IN ('rows', 'lists', 'lists_empty', 'rows_at_build');

INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 12) FROM generate_series(601, 800) i;
INSERT INTO hnsw_test.items SELECT i, NULL FROM generate_series(801, 810) i;
-- longer than all at build, and without direction
INSERT INTO hnsw_test.items SELECT i, (hnsw_test.vec(i, 12)::vector * array_fill(3, ARRAY[12])::vector) FROM generate_series(811, 815) i;
UPDATE hnsw_test.items SET v = hnsw_test.vec(id + 1000, 12) WHERE id % 7 = 0 AND id <= 800;
DELETE FROM hnsw_test.items WHERE id % 5 = 1;
SELECT * FROM hnsw_test.sound;
VACUUM hnsw_test.items;
SELECT * FROM hnsw_test.sound;
SELECT name, value FROM gigavec.stats('hnsw_test.items_l2') WHERE name IN ('rows', 'rows_dead');

-- pages are used again
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 12) FROM generate_series(2001, 2200) i;
SELECT * FROM hnsw_test.sound;

-- all rows deleted, and others put in
DELETE FROM hnsw_test.items;
VACUUM hnsw_test.items;
SELECT hnsw_test.nearest('hnsw_test.items', '<->', hnsw_test.vec(3, 12)::vector::text, 5, true);
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 12) FROM generate_series(1, 300) i;
SELECT * FROM hnsw_test.sound;
TRUNCATE hnsw_test.items;
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 12) FROM generate_series(1, 30) i;
SELECT * FROM hnsw_test.sound;

-- the same with codes
DROP INDEX hnsw_test.items_l2, hnsw_test.items_ip, hnsw_test.items_cosine;
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 12) FROM generate_series(31, 1200) i;
CREATE INDEX items_l2 ON hnsw_test.items USING ivfpq (v vector_l2_ops) WITH (lists = 20);
CREATE INDEX items_ip ON hnsw_test.items USING ivfpq (v vector_ip_ops) WITH (lists = 20, init = random, seed = 3);
CREATE INDEX items_cosine ON hnsw_test.items USING ivfpq (v vector_cosine_ops) WITH (lists = 20);
SELECT * FROM hnsw_test.sound;
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 12) FROM generate_series(1201, 1400) i;
INSERT INTO hnsw_test.items VALUES (1401, array_fill(0, ARRAY[12])::vector);
UPDATE hnsw_test.items SET v = hnsw_test.vec(id + 3000, 12) WHERE id % 7 = 0;
DELETE FROM hnsw_test.items WHERE id % 3 = 1 AND id <> 1401;
SELECT * FROM hnsw_test.sound;
VACUUM hnsw_test.items;
SELECT * FROM hnsw_test.sound;
SELECT name, value FROM gigavec.stats('hnsw_test.items_cosine') WHERE name IN ('rows', 'rows_null_norm', 'lists', 'pages_vectors');
REINDEX TABLE hnsw_test.items;
SELECT * FROM hnsw_test.sound;
DROP VIEW hnsw_test.sound;
DROP TABLE hnsw_test.items;

-- halfvec
CREATE TABLE hnsw_test.items (id integer PRIMARY KEY, v halfvec(12));
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 12)::vector FROM generate_series(1, 400) i;
CREATE INDEX flat_l2 ON hnsw_test.items USING ivfflat (v halfvec_l2_ops) WITH (lists = 10);
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<->', 'hnsw_test.flat_l2');
DROP INDEX hnsw_test.flat_l2;
CREATE INDEX flat_ip ON hnsw_test.items USING ivfflat (v halfvec_ip_ops) WITH (lists = 10);
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<#>', 'hnsw_test.flat_ip');
CREATE INDEX flat_cosine ON hnsw_test.items USING ivfflat (v halfvec_cosine_ops) WITH (lists = 10);
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<=>', 'hnsw_test.flat_cosine');
DROP INDEX hnsw_test.flat_ip, hnsw_test.flat_cosine;
CREATE INDEX pq_l2 ON hnsw_test.items USING ivfpq (v halfvec_l2_ops) WITH (lists = 10);
CREATE INDEX pq_ip ON hnsw_test.items USING ivfpq (v halfvec_ip_ops) WITH (lists = 10);
CREATE INDEX pq_cosine ON hnsw_test.items USING ivfpq (v halfvec_cosine_ops) WITH (lists = 10);
SELECT op, c.* FROM (VALUES ('<->', 'pq_l2'), ('<#>', 'pq_ip'), ('<=>', 'pq_cosine')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
DROP TABLE hnsw_test.items;

-- bit
CREATE TABLE hnsw_test.items (id integer PRIMARY KEY, v bit(77));
INSERT INTO hnsw_test.items SELECT i, ((i * 7919)::bit(32)::text || (i * 104729)::bit(32)::text || (i * 31)::bit(13)::text)::bit(77) FROM generate_series(1, 400) i;
CREATE INDEX items_v ON hnsw_test.items USING ivfflat (v bit_hamming_ops) WITH (lists = 10);
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<~>', 'hnsw_test.items_v');
DELETE FROM hnsw_test.items WHERE id % 2 = 0;
VACUUM hnsw_test.items;
INSERT INTO hnsw_test.items VALUES (1000, ~ repeat('10', 38)::bit(77));
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<~>', 'hnsw_test.items_v');
DROP TABLE hnsw_test.items;

-- vectors and codes of more than a page, bits of nearly one
CREATE TABLE hnsw_test.items (id integer PRIMARY KEY, v vector(5000));
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 5000) FROM generate_series(1, 20) i;
CREATE INDEX flat ON hnsw_test.items USING ivfflat (v vector_l2_ops) WITH (lists = 2);
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 5000) FROM generate_series(21, 40) i;
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<->', 'hnsw_test.flat');
DELETE FROM hnsw_test.items WHERE id % 2 = 0;
VACUUM hnsw_test.items;
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 5000) FROM generate_series(41, 45) i;
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<->', 'hnsw_test.flat');
DROP INDEX hnsw_test.flat;
CREATE INDEX pq ON hnsw_test.items USING ivfpq (v vector_cosine_ops) WITH (lists = 2);
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<=>', 'hnsw_test.pq');
DROP TABLE hnsw_test.items;
CREATE TABLE hnsw_test.items (id integer PRIMARY KEY, v bit(64000));
INSERT INTO hnsw_test.items SELECT i, (repeat('1', i) || repeat('0', 64000 - i))::bit(64000) FROM generate_series(1, 12) i;
CREATE INDEX items_v ON hnsw_test.items USING ivfflat (v bit_hamming_ops);
SELECT array_agg(id) FROM (SELECT id FROM hnsw_test.items ORDER BY v <~> 0::bit(64000) LIMIT 3) x;
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<~>', 'hnsw_test.items_v');
DROP TABLE hnsw_test.items;

-- empty when they were built
CREATE TABLE hnsw_test.empty (id integer, v vector(3));
CREATE INDEX empty_l2 ON hnsw_test.empty USING ivfflat (v vector_l2_ops);
CREATE INDEX empty_cosine ON hnsw_test.empty USING ivfpq (v vector_cosine_ops);
CREATE INDEX empty_ip ON hnsw_test.empty USING ivfpq (v vector_ip_ops);
SELECT hnsw_test.nearest('hnsw_test.empty', op, '[1,2,3]', 5, true) FROM (VALUES ('<->'), ('<#>'), ('<=>')) x (op);
INSERT INTO hnsw_test.empty VALUES (1, '[1,2,3]'), (2, NULL), (3, '[0,0,0]'), (4, '[-1,-2,-3]'), (5, '[1000000,0,1]'), (6, '[1e-30,1e-30,0]'), (7, '[1e15,-1e15,1e15]');
SELECT op, c.* FROM (VALUES ('<->', 'empty_l2'), ('<#>', 'empty_ip'), ('<=>', 'empty_cosine')) x (op, i),
	hnsw_test.compare('hnsw_test.empty', op, ('hnsw_test.' || i)::regclass) c;
SET enable_seqscan = off;
SET enable_sort = off;
-- without direction last; a null query has no order
SELECT id FROM hnsw_test.empty ORDER BY v <=> '[1,2,3]';
SELECT count(*) FROM (SELECT id FROM hnsw_test.empty ORDER BY v <-> NULL) x;
SELECT count(*) FROM (SELECT id FROM hnsw_test.empty ORDER BY v <-> (SELECT NULL::vector)) x;
RESET enable_seqscan;
RESET enable_sort;
-- equal vectors
INSERT INTO hnsw_test.empty SELECT 100 + i, '[7,7,7]' FROM generate_series(1, 1000) i;
SELECT cardinality(hnsw_test.nearest('hnsw_test.empty', op, '[7,7,7]', 5000, true)) FROM (VALUES ('<->'), ('<#>'), ('<=>')) x (op);
REINDEX TABLE hnsw_test.empty;
SELECT cardinality(hnsw_test.nearest('hnsw_test.empty', op, '[7,7,7]', 5000, true)) FROM (VALUES ('<->'), ('<#>'), ('<=>')) x (op);
SELECT count(*) FROM gigavec.check('hnsw_test.empty_l2');
DROP TABLE hnsw_test.empty;

-- where the number of lists was left to pgvector's default, probes are hundredths of what was chosen
RESET ivfpq.probes;
CREATE TABLE hnsw_test.shares (id integer, v vector(12));
INSERT INTO hnsw_test.shares SELECT i, hnsw_test.vec(i, 12) FROM generate_series(1, 10000) i;
CREATE INDEX shares_l2 ON hnsw_test.shares USING ivfflat (v vector_l2_ops);
CREATE FUNCTION hnsw_test.read(probes integer, max_probes integer, scan text) RETURNS integer LANGUAGE plpgsql
SET enable_seqscan = off SET enable_sort = off AS $$
BEGIN
	PERFORM set_config(s, v, true) FROM (VALUES ('ivfflat.probes', probes::text), ('ivfflat.max_probes', max_probes::text), ('ivfflat.iterative_scan', scan)) x (s, v);
	RETURN (SELECT count(*) FROM (SELECT id FROM hnsw_test.shares ORDER BY v <-> '[1,2,3,4,5,4,3,2,1,0,1,2]' OFFSET 0) x);
END $$;
SELECT (SELECT value > 120 FROM gigavec.stats('hnsw_test.shares_l2') WHERE name = 'lists') AS lists,
	hnsw_test.read(1, 32768, 'off') BETWEEN 50 AND 300 AS one, hnsw_test.read(50, 32768, 'off') BETWEEN 4000 AND 6000 AS half,
	hnsw_test.read(100, 32768, 'off') AS all_at_once, hnsw_test.read(1, 50, 'relaxed_order') BETWEEN 4000 AND 6000 AS up_to_half, hnsw_test.read(1, 100, 'relaxed_order') AS up_to_all;
-- lists that are asked for are counted one by one, and one list needs no dividing
DROP INDEX hnsw_test.shares_l2;
CREATE INDEX shares_l2 ON hnsw_test.shares USING ivfflat (v vector_l2_ops) WITH (lists = 200);
SELECT hnsw_test.read(100, 32768, 'off') BETWEEN 4000 AND 6000 AS half, hnsw_test.read(200, 32768, 'off') AS all;
DROP INDEX hnsw_test.shares_l2;
TRUNCATE hnsw_test.shares;
SET client_min_messages = notice;
CREATE INDEX shares_l2 ON hnsw_test.shares USING ivfflat (v vector_l2_ops) WITH (lists = 1);

SET client_min_messages = warning;
-- a directory of several pages, and a center of two
CREATE TABLE hnsw_test.chained (id integer, v vector(8), w vector(3000));
INSERT INTO hnsw_test.chained SELECT i, hnsw_test.vec(i, 8), CASE WHEN i <= 40 THEN hnsw_test.vec(i, 3000)::vector END FROM generate_series(1, 3000) i;
CREATE INDEX chained_v ON hnsw_test.chained USING ivfflat (v vector_l2_ops) WITH (lists = 800, probes = 800);
CREATE INDEX chained_w ON hnsw_test.chained USING ivfflat (w vector_l2_ops) WITH (lists = 3, probes = 3);
CREATE VIEW hnsw_test.chains AS SELECT * FROM
	(SELECT count(*) > 340 AS lists FROM gigavec.stats('hnsw_test.chained_v') s, generate_series(1, s.value) WHERE s.name = 'lists') a,
	(SELECT count(*) - (SELECT count(*) FROM hnsw_test.chained) AS lost_by_all, count(*) - count(DISTINCT id) AS doubled
		FROM (SELECT id FROM hnsw_test.chained ORDER BY v <-> '[1,2,3,4,5,4,3,2]' OFFSET 0) x) b,
	(SELECT count(*) AS lost FROM hnsw_test.chained c WHERE id % 37 = 1
		AND id <> (SELECT id FROM hnsw_test.chained ORDER BY v <-> c.v LIMIT 1)) c,
	(SELECT count(*) AS lost_long FROM hnsw_test.chained c
		WHERE w IS NOT NULL AND id <> (SELECT id FROM hnsw_test.chained ORDER BY w <-> c.w LIMIT 1)) d,
	(SELECT count(*) AS problems FROM (VALUES ('chained_v'), ('chained_w')) i (i), gigavec.check(('hnsw_test.' || i)::regclass)) e;
SET enable_seqscan = off;
SET enable_sort = off;
TABLE hnsw_test.chains;
INSERT INTO hnsw_test.chained SELECT 3000 + id, v * array_fill(1.01, ARRAY[8])::vector FROM hnsw_test.chained WHERE id <= 500;
DELETE FROM hnsw_test.chained WHERE id % 2 = 0;
VACUUM hnsw_test.chained;
TABLE hnsw_test.chains;
RESET enable_seqscan;
RESET enable_sort;
DROP VIEW hnsw_test.chains;
DROP TABLE hnsw_test.chained;

-- few rows, in one list: ivfflat has the nearest for sure, in order
CREATE TABLE hnsw_test.few (id integer, v vector(200));
INSERT INTO hnsw_test.few SELECT i, hnsw_test.vec(i, 200) FROM generate_series(1, 300) i;
CREATE INDEX few_l2 ON hnsw_test.few USING ivfflat (v);
CREATE INDEX few_cosine ON hnsw_test.few USING ivfflat (v vector_cosine_ops) WITH (lists = 1);
SELECT operator, count(*), count(*) FILTER (WHERE hnsw_test.same(hnsw_test.nearest('hnsw_test.few', operator, q, 10, true), hnsw_test.nearest('hnsw_test.few', operator, q, 10, false))) AS exact
FROM generate_series(1001, 1250) i, CAST(hnsw_test.vec(i, 200)::vector AS text) q, unnest('{<->,<=>}'::text[]) operator GROUP BY 1 ORDER BY 1;
DROP TABLE hnsw_test.few;

-- a list without rows has no page of vectors, though no page was free for writing it anew
CREATE TEMP TABLE emptied (id integer, v vector(3));
INSERT INTO emptied SELECT i, hnsw_test.vec(i, 3) FROM generate_series(1, 100) i;
CREATE INDEX emptied_v ON emptied USING ivfflat (v) WITH (lists = 1);
DELETE FROM emptied;
VACUUM emptied;
SELECT name, value FROM gigavec.stats('emptied_v') WHERE name IN ('rows_dead', 'pages_rows', 'pages_vectors', 'pages_free');
INSERT INTO emptied SELECT i, hnsw_test.vec(i, 3) FROM generate_series(1, 100) i;
SELECT * FROM gigavec.check('emptied_v');
SELECT name, value FROM gigavec.stats('emptied_v') WHERE name IN ('rows', 'pages_rows', 'pages_vectors');
DROP TABLE emptied;

DROP SCHEMA hnsw_test CASCADE;
