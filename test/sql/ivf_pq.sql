--
-- ivfpq: codes of a product quantizer
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
CREATE INDEX pq_l2 ON hnsw_test.items USING ivfpq (v vector_l2_ops) WITH (quantizer = pq, opq = on);
CREATE INDEX pq_ip ON hnsw_test.items USING ivfpq (v vector_ip_ops, n) WITH (quantizer = pq, m = 13, bits = 8, lists = 20);
CREATE INDEX pq_cosine ON hnsw_test.items USING ivfpq ((v::halfvec(12)) halfvec_cosine_ops, (n % 3)) WITH (quantizer = pq, m = 5, bits = 4);
CREATE VIEW hnsw_test.state AS SELECT i, (SELECT count(*) FROM gigavec.check(('hnsw_test.' || i)::regclass)) AS problems,
		max(value) FILTER (WHERE name = 'rows') AS rows, max(value) FILTER (WHERE name = 'rows_null_norm') AS loose, max(value) FILTER (WHERE name = 'lists') > 10 AS lists,
		max(value) FILTER (WHERE name = 'trainings') AS trainings, max(value) FILTER (WHERE name = 'code_parts') AS parts,
		max(value) FILTER (WHERE name = 'pages_codebook') AS codebook
	FROM unnest('{pq_l2,pq_ip,pq_cosine}'::text[]) x (i), gigavec.stats(('hnsw_test.' || i)::regclass)
	GROUP BY i ORDER BY i;
INSERT INTO hnsw_test.items SELECT i, CASE WHEN i % 200 > 0 THEN hnsw_test.vec(i, 12)::vector WHEN i % 400 > 0 THEN array_fill(0, ARRAY[12])::vector END, i % 10 FROM generate_series(1, 1500) i;
SELECT * FROM hnsw_test.state;
SELECT op, c.* FROM (VALUES ('<->', 'pq_l2')) x (op, i), hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
VACUUM hnsw_test.items;
SELECT * FROM hnsw_test.state;
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 12)::vector * array_fill(3, ARRAY[12])::vector, i % 10 FROM generate_series(2001, 2020) i;
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(7, 12), i % 10 FROM generate_series(3001, 3200) i;
UPDATE hnsw_test.items SET n = n + 1 WHERE id % 9 = 0;
DELETE FROM hnsw_test.items WHERE id % 3 = 0;
VACUUM hnsw_test.items;
SELECT * FROM hnsw_test.state;
SELECT gigavec.train('hnsw_test.pq_l2') > 1, gigavec.train('hnsw_test.pq_ip');
-- the codebook before is freed
VACUUM hnsw_test.items;
SELECT * FROM hnsw_test.state;
SELECT gigavec.train('hnsw_test.pq_ip', ARRAY(SELECT v FROM hnsw_test.items WHERE id <= 8 AND v IS NOT NULL ORDER BY id));
SELECT op, c.* FROM (VALUES ('<->', 'pq_l2'), ('<#>', 'pq_ip')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
DROP INDEX hnsw_test.pq_l2, hnsw_test.pq_ip, hnsw_test.pq_cosine;
CREATE INDEX pq_cosine ON hnsw_test.items USING ivfpq (v vector_cosine_ops, n) WITH (quantizer = pq, m = 12, bits = 8, opq = on, lists = 20);
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<=>', 'hnsw_test.pq_cosine');
SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(*), bool_and(n = 3) FROM (SELECT n FROM hnsw_test.items WHERE n = 3 ORDER BY v <=> '[1,2,3,4,5,6,6,5,4,3,2,1]' LIMIT 10000) x;
SELECT count(*) FROM hnsw_test.items WHERE n = 3 AND v IS NOT NULL;
RESET enable_seqscan;
RESET enable_sort;
REINDEX INDEX CONCURRENTLY hnsw_test.pq_cosine;
SELECT count(*) FROM gigavec.check('hnsw_test.pq_cosine');
DROP TABLE hnsw_test.items CASCADE;

-- rows far from all centroids, next to nothing, and much; rows that are all the same; of one dimension
CREATE TABLE hnsw_test.items (id integer PRIMARY KEY, v vector(3));
INSERT INTO hnsw_test.items SELECT i, (hnsw_test.vec(i, 3)::vector * array_fill(CASE i % 4 WHEN 0 THEN 1e-30 WHEN 1 THEN 1e15 ELSE 1 END, ARRAY[3])::vector) FROM generate_series(1, 400) i;
CREATE INDEX pq ON hnsw_test.items USING ivfpq (v vector_l2_ops) WITH (quantizer = pq, m = 3, opq = on, lists = 5);
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<->', 'hnsw_test.pq');
DROP INDEX hnsw_test.pq;
CREATE INDEX pq ON hnsw_test.items USING ivfpq (v vector_ip_ops) WITH (quantizer = pq, bits = 8, lists = 5);
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<#>', 'hnsw_test.pq');
UPDATE hnsw_test.items SET v = '[1,2,3]';
REINDEX INDEX hnsw_test.pq;
SELECT * FROM hnsw_test.compare('hnsw_test.items', '<#>', 'hnsw_test.pq');
DROP TABLE hnsw_test.items;
CREATE TEMP TABLE temporary_items (v vector(1));
CREATE INDEX temporary_pq ON temporary_items USING ivfpq (v vector_l2_ops) WITH (quantizer = pq, lists = 4, opq = on);
INSERT INTO temporary_items SELECT ARRAY[i]::vector FROM generate_series(1, 300) i;
SELECT gigavec.train('temporary_pq');
INSERT INTO temporary_items SELECT ARRAY[i]::vector FROM generate_series(301, 320) i;
SET enable_seqscan = off;
SELECT array_agg(v) FROM (SELECT v FROM temporary_items ORDER BY v <-> '[310.2]' LIMIT 3) x;
SELECT count(*) FROM gigavec.check('temporary_pq');
RESET enable_seqscan;

-- options that do not fit; what an index was built with holds until REINDEX
SELECT o, what, r.is FROM (VALUES ('quantizer = pq, bits = 5'), ('m = 4'), ('opq = on, quantizer = sq8'), ('quantizer = pq, m = -1'), ('quantizer = pq, m = 2'), ('quantizer = pq, opq = 3')) x (o),
	hnsw_test.raised('CREATE INDEX ON temporary_items USING ivfpq (v vector_l2_ops) WITH (' || o || ')') r;
SELECT o, what, r.is FROM (VALUES ('m = 4'), ('opq = on')) x (o),
	hnsw_test.raised('CREATE INDEX ON temporary_items USING ivfflat (v vector_l2_ops) WITH (' || o || ')') r;
ALTER INDEX temporary_pq SET (quantizer = rabitq, opq = off);
SELECT value FROM gigavec.stats('temporary_pq') WHERE name = 'code_parts';
REINDEX INDEX temporary_pq;
SELECT value FROM gigavec.stats('temporary_pq') WHERE name = 'code_parts';
DROP TABLE temporary_items;
CREATE TEMP TABLE long_items (v halfvec(3000), a integer, b integer);
SELECT o, what, r.is FROM (VALUES ('quantizer = pq, opq = on'), ('quantizer = pq, m = 3001, bits = 8'), ('quantizer = pq, m = 600')) x (o),
	hnsw_test.raised('CREATE INDEX ON long_items USING ivfpq (v halfvec_l2_ops, a, b) WITH (' || o || ')') r;
-- few rows a block, and a page
INSERT INTO long_items SELECT hnsw_test.vec(i, 3000)::vector::halfvec, i, i FROM generate_series(1, 60) i;
CREATE INDEX long_pq ON long_items USING ivfpq (v halfvec_l2_ops, a, b) WITH (quantizer = pq, m = 3000, bits = 8, lists = 3);
SELECT value FROM gigavec.stats('long_pq') WHERE name = 'rows_per_page';
SET enable_seqscan = off;
SELECT array_agg(a) FROM (SELECT a FROM long_items WHERE b BETWEEN 10 AND 40 ORDER BY v <-> hnsw_test.vec(17, 3000)::vector::halfvec LIMIT 1) x;
RESET enable_seqscan;
SELECT count(*) FROM gigavec.check('long_pq');
DROP TABLE long_items;

-- bounds count the rounding of factors near zero: what is left of rows beside their centroids is small
CREATE TABLE line AS SELECT i AS id, ARRAY[(hashint4(i) & 65535) / 65536.0 + (hashint4(i + 77777) & 65535) / 65536.0 / 65536]::vector(1) AS v FROM generate_series(1, 6000) i;
CREATE INDEX line_v ON line USING ivfpq (v vector_l2_ops) WITH (lists = 93, quantizer = pq, probes = 93);
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT v FROM line ORDER BY v <-> '[0.5]' LIMIT 10;
SELECT count(*) AS rows, count(*) FILTER (WHERE d < before) AS too_late
FROM (SELECT d, lag(d) OVER (PARTITION BY q ORDER BY n) AS before
	FROM generate_series(1, 200) q, LATERAL (SELECT v <-> ARRAY[q / 200.0]::vector AS d, row_number() OVER () AS n
		FROM (SELECT v FROM line ORDER BY v <-> ARRAY[q / 200.0]::vector LIMIT 10) x) s) t;
-- bounds are those of queries, which by inner product are not as rows are
CREATE TABLE flat_items AS
SELECT i AS id, (SELECT array_agg((SELECT sum((hashint4(i * 7 + r) % 1000) * (hashint4(100000 + j * 7 + r) % 1000) / 1e6) FROM generate_series(1, 4) r))
	FROM generate_series(1, 120) j)::vector(120) AS v
FROM generate_series(1, 1200) i;
CREATE INDEX flat_v ON flat_items USING ivfpq (v vector_ip_ops) WITH (lists = 12, quantizer = pq, m = 24, bits = 8, probes = 12);
SELECT count(*) AS rows, count(*) FILTER (WHERE d < before) <= 4 AS few_too_late
FROM (SELECT d, lag(d) OVER (PARTITION BY q ORDER BY n) AS before
	FROM generate_series(1, 100) q, LATERAL (SELECT v <#> (SELECT v FROM flat_items WHERE id = q) AS d, row_number() OVER () AS n
		FROM (SELECT v FROM flat_items ORDER BY v <#> (SELECT v FROM flat_items WHERE id = q) LIMIT 10) x) s) t;
RESET enable_seqscan;
DROP TABLE line, flat_items;

DROP SCHEMA hnsw_test CASCADE;
