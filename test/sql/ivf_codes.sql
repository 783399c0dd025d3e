--
-- ivfpq: codes of more bits, and of bytes
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/hnsw.sql'
\set ECHO none
\i :helpers
\set ECHO all
SET client_min_messages = warning;
-- all lists: exact
SET ivfpq.probes = 32768;

-- every metric, before training and after, rows that come and go
CREATE TABLE hnsw_test.items (id integer PRIMARY KEY, v vector(12), n integer);
CREATE INDEX planes_l2 ON hnsw_test.items USING ivfpq (v vector_l2_ops) WITH (bits = 4);
CREATE INDEX planes_ip ON hnsw_test.items USING ivfpq (v vector_ip_ops, n) WITH (bits = 8, lists = 20);
CREATE INDEX planes_cosine ON hnsw_test.items USING ivfpq (v vector_cosine_ops) WITH (quantizer = rabitq, bits = 2);
CREATE INDEX bytes_l2 ON hnsw_test.items USING ivfpq (v vector_l2_ops, (n % 3)) WITH (quantizer = sq8, lists = 20);
CREATE INDEX bytes_ip ON hnsw_test.items USING ivfpq (v vector_ip_ops) WITH (quantizer = sq8);
CREATE INDEX bytes_cosine ON hnsw_test.items USING ivfpq ((v::halfvec(12)) halfvec_cosine_ops) WITH (quantizer = sq8);
CREATE VIEW hnsw_test.state AS SELECT i, (SELECT count(*) FROM gigavec.check(('hnsw_test.' || i)::regclass)) AS problems,
		max(value) FILTER (WHERE name = 'rows') AS rows, max(value) FILTER (WHERE name = 'rows_null_norm') AS loose, max(value) FILTER (WHERE name = 'lists') > 5 AS divided,
		max(value) FILTER (WHERE name = 'trainings') AS trainings, max(value) FILTER (WHERE name = 'fine_code_bytes') AS fine
	FROM unnest('{planes_l2,planes_ip,planes_cosine,bytes_l2,bytes_ip,bytes_cosine}'::text[]) x (i), gigavec.stats(('hnsw_test.' || i)::regclass)
	GROUP BY i ORDER BY i;
INSERT INTO hnsw_test.items SELECT i, CASE WHEN i % 200 > 0 THEN hnsw_test.vec(i, 12)::vector WHEN i % 400 > 0 THEN array_fill(0, ARRAY[12])::vector END, i % 10 FROM generate_series(1, 1500) i;
SELECT * FROM hnsw_test.state;
VACUUM hnsw_test.items;
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 12)::vector * array_fill(3, ARRAY[12])::vector, i % 10 FROM generate_series(2001, 2020) i;
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(7, 12), i % 10 FROM generate_series(3001, 3200) i;
UPDATE hnsw_test.items SET n = n + 1 WHERE id % 9 = 0;
DELETE FROM hnsw_test.items WHERE id % 3 = 0;
VACUUM hnsw_test.items;
SELECT * FROM hnsw_test.state;
SELECT gigavec.train('hnsw_test.planes_l2') > 1, gigavec.train('hnsw_test.bytes_l2');
SELECT * FROM hnsw_test.state;
DROP INDEX hnsw_test.bytes_l2, hnsw_test.bytes_ip, hnsw_test.bytes_cosine;
SELECT op, c.* FROM (VALUES ('<->', 'planes_l2'), ('<#>', 'planes_ip'), ('<=>', 'planes_cosine')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
DROP INDEX hnsw_test.planes_l2, hnsw_test.planes_ip, hnsw_test.planes_cosine;
CREATE INDEX bytes_l2 ON hnsw_test.items USING ivfpq (v vector_l2_ops) WITH (quantizer = sq8, lists = 20);
CREATE INDEX bytes_ip ON hnsw_test.items USING ivfpq (v vector_ip_ops, n) WITH (quantizer = sq8, lists = 20);
CREATE INDEX bytes_cosine ON hnsw_test.items USING ivfpq (v vector_cosine_ops) WITH (quantizer = sq8);
SELECT op, c.* FROM (VALUES ('<->', 'bytes_l2'), ('<#>', 'bytes_ip'), ('<=>', 'bytes_cosine')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(*), bool_and(n = 3) FROM (SELECT n FROM hnsw_test.items WHERE n = 3 ORDER BY v <#> '[1,2,3,4,5,6,6,5,4,3,2,1]' LIMIT 10000) x;
SELECT count(*) FROM hnsw_test.items WHERE n = 3 AND v IS NOT NULL;
RESET enable_seqscan;
RESET enable_sort;
DROP TABLE hnsw_test.items CASCADE;

-- finer codes: fewer rows of the table are looked at
CREATE TABLE hnsw_test.items (id integer PRIMARY KEY, v vector(96));
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 96) FROM generate_series(1, 2000) i;
CREATE INDEX bits_1 ON hnsw_test.items USING ivfpq (v vector_l2_ops) WITH (lists = 10);
CREATE INDEX bits_2 ON hnsw_test.items USING ivfpq (v vector_l2_ops) WITH (lists = 10, bits = 2);
CREATE INDEX bits_4 ON hnsw_test.items USING ivfpq (v vector_l2_ops) WITH (lists = 10, bits = 4);
CREATE INDEX bits_8 ON hnsw_test.items USING ivfpq (v vector_l2_ops) WITH (lists = 10, bits = 8);
CREATE INDEX bytes ON hnsw_test.items USING ivfpq (v vector_l2_ops) WITH (lists = 10, quantizer = sq8);
CREATE TABLE hnsw_test.measured AS SELECT i, recall, reranked FROM unnest('{bits_1,bits_2,bits_4,bits_8,bytes}'::text[]) x (i),
	gigavec.recall(('hnsw_test.' || i)::regclass, k => 10, queries => 50, target => 0.99);
SELECT i, recall >= 0.99 AS found, reranked / (SELECT reranked FROM hnsw_test.measured WHERE i = 'bits_1') < part AS spared
	FROM hnsw_test.measured JOIN (VALUES ('bits_1', 1.01), ('bits_2', 0.4), ('bits_4', 0.2), ('bits_8', 0.16), ('bytes', 0.16)) x (i, part) USING (i) ORDER BY i;
DROP TABLE hnsw_test.items, hnsw_test.measured;

-- longer than a page; next to nothing, and much; of one dimension
CREATE UNLOGGED TABLE hnsw_test.items (id integer PRIMARY KEY, v vector(9000));
CREATE INDEX planes ON hnsw_test.items USING ivfpq (v vector_l2_ops) WITH (bits = 8, lists = 3);
CREATE INDEX bytes ON hnsw_test.items USING ivfpq (v vector_cosine_ops) WITH (quantizer = sq8, lists = 3);
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 9000) FROM generate_series(1, 20) i;
SELECT gigavec.train('hnsw_test.planes'), gigavec.train('hnsw_test.bytes');
DELETE FROM hnsw_test.items WHERE id % 2 = 0;
VACUUM hnsw_test.items;
-- one-bit codes of 1,904 dimensions of these: in which order rows come is not for sure
SELECT complete, problems FROM hnsw_test.compare('hnsw_test.items', '<->', 'hnsw_test.planes');
DROP INDEX hnsw_test.planes;
SELECT complete, problems FROM hnsw_test.compare('hnsw_test.items', '<=>', 'hnsw_test.bytes');
DROP TABLE hnsw_test.items;
CREATE TABLE hnsw_test.items (id integer PRIMARY KEY, v vector(3));
INSERT INTO hnsw_test.items SELECT i, (hnsw_test.vec(i, 3)::vector * array_fill(CASE i % 4 WHEN 0 THEN 1e-30 WHEN 1 THEN 1e15 ELSE 1 END, ARRAY[3])::vector) FROM generate_series(1, 400) i;
CREATE INDEX planes ON hnsw_test.items USING ivfpq (v vector_l2_ops) WITH (bits = 5, lists = 5);
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<->', 'hnsw_test.planes');
DROP INDEX hnsw_test.planes;
CREATE INDEX bytes ON hnsw_test.items USING ivfpq (v vector_ip_ops) WITH (quantizer = sq8, lists = 5);
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<#>', 'hnsw_test.bytes');
DROP TABLE hnsw_test.items;
CREATE TEMP TABLE temporary_items (v vector(1));
CREATE INDEX temporary_bits ON temporary_items USING ivfpq (v vector_l2_ops) WITH (bits = 3);
INSERT INTO temporary_items SELECT ARRAY[i]::vector FROM generate_series(1, 300) i;
SET enable_seqscan = off;
SELECT array_agg(v) FROM (SELECT v FROM temporary_items ORDER BY v <-> '[7]' LIMIT 3) x;
SELECT count(*) FROM gigavec.check('temporary_bits');
RESET enable_seqscan;

-- rows beside each other, far away from zero: looked at as those around zero are
CREATE TABLE hnsw_test.items (id integer PRIMARY KEY, v vector(96), far vector(96));
INSERT INTO hnsw_test.items SELECT i, v, v + array_fill(10000, ARRAY[96])::vector FROM generate_series(1, 2000) i, CAST(hnsw_test.vec(i, 96) AS vector) v;
CREATE INDEX near ON hnsw_test.items USING ivfpq (v vector_l2_ops) WITH (lists = 10);
CREATE INDEX far ON hnsw_test.items USING ivfpq (far vector_l2_ops) WITH (lists = 10);
CREATE INDEX near_product ON hnsw_test.items USING ivfpq (v vector_l2_ops) WITH (lists = 10, quantizer = pq);
CREATE INDEX far_product ON hnsw_test.items USING ivfpq (far vector_l2_ops) WITH (lists = 10, quantizer = pq);
SELECT far, f.recall > .98 AS found, f.reranked < 1.1 * n.reranked AS few, (SELECT count(*) FROM gigavec.check(far)) AS problems
	FROM (VALUES ('hnsw_test.near'::regclass, 'hnsw_test.far'::regclass), ('hnsw_test.near_product', 'hnsw_test.far_product')) x (near, far),
		gigavec.recall(near, 10, 100) n, gigavec.recall(far, 10, 100) f;
DROP TABLE hnsw_test.items;

-- options that do not fit; what an index was built with holds until REINDEX
SELECT o, what, r.is FROM (VALUES ('bits = 0'), ('bits = 9'), ('quantizer = sq4'), ('quantizer = sq8, bits = 4')) x (o),
	hnsw_test.raised('CREATE INDEX ON temporary_items USING ivfpq (v vector_l2_ops) WITH (' || o || ')') r;
SELECT o, what, r.is FROM (VALUES ('bits = 4'), ('quantizer = rabitq')) x (o),
	hnsw_test.raised('CREATE INDEX ON temporary_items USING ivfflat (v vector_l2_ops) WITH (' || o || ')') r;
ALTER INDEX temporary_bits SET (bits = 8);
SELECT what, r.is FROM hnsw_test.raised('ALTER INDEX temporary_bits SET (quantizer = sq8)') r;
INSERT INTO temporary_items SELECT ARRAY[i]::vector FROM generate_series(301, 330) i;
SELECT value FROM gigavec.stats('temporary_bits') WHERE name = 'fine_code_bytes';
REINDEX INDEX temporary_bits;
SELECT value FROM gigavec.stats('temporary_bits') WHERE name = 'fine_code_bytes';
SELECT count(*) FROM gigavec.check('temporary_bits');
DROP TABLE temporary_items;

DROP SCHEMA hnsw_test CASCADE;
