--
-- ivfflat and ivfpq: rows between lists that are kept in two of them
--
SET client_min_messages = warning;
CREATE TABLE spill (id int PRIMARY KEY, v vector(12), n int);
INSERT INTO spill SELECT i, (SELECT array_agg(sin(i * (j + 1) * 0.37) * 3 + (hashint4(i * 31 + j) % 1000) / 1000.0) FROM generate_series(1, 12) j)::vector, i % 7
FROM generate_series(1, 3000) i;
INSERT INTO spill SELECT 3000 + i, array_fill(0, ARRAY[12])::vector, i FROM generate_series(1, 5) i;
CREATE INDEX spill_flat ON spill USING ivfflat (v vector_l2_ops) WITH (lists = 40, spill = on);
CREATE INDEX spill_pq ON spill USING ivfpq (v vector_cosine_ops, n) WITH (lists = 40, spill);
CREATE INDEX spill_planes ON spill USING ivfpq (v vector_ip_ops) WITH (lists = 40, bits = 4, spill = on);
CREATE INDEX spill_bits ON spill USING ivfflat ((binary_quantize(v)::bit(12)) bit_hamming_ops) WITH (lists = 40, spill = on);
CREATE VIEW spill_state AS SELECT i, (SELECT count(*) FROM gigavec.check(i::regclass)) AS problems,
		max(value) FILTER (WHERE name = 'rows') AS rows,
		max(value) FILTER (WHERE name = 'rows_second') BETWEEN 100 AND 3200 AS are_twice,
		max(value) FILTER (WHERE name = 'trainings') AS trainings
	FROM unnest('{spill_flat,spill_pq,spill_planes,spill_bits}'::text[]) i, gigavec.stats(i::regclass) GROUP BY i ORDER BY i;
TABLE spill_state;

-- each row once: all of them, and of few lists
CREATE VIEW spill_scans AS
SELECT 1 AS n, count(*), count(DISTINCT id) AS ids FROM (SELECT id FROM spill ORDER BY v <-> (SELECT v FROM spill WHERE id = 1) OFFSET 0) x
UNION ALL
SELECT 2, count(*), count(DISTINCT id) FROM (SELECT id FROM spill ORDER BY v <=> (SELECT v FROM spill WHERE id = 2) OFFSET 0) x
UNION ALL
SELECT 3, count(*), count(DISTINCT id) FROM (SELECT id FROM spill ORDER BY v <#> (SELECT v FROM spill WHERE id = 3) OFFSET 0) x
UNION ALL
SELECT 4, count(*), count(DISTINCT id) FROM (SELECT id FROM spill ORDER BY binary_quantize(v)::bit(12) <~> B'101010101010' OFFSET 0) x
UNION ALL
SELECT 5, count(*), count(DISTINCT id) FROM (SELECT id FROM spill WHERE n = 3 ORDER BY v <=> (SELECT v FROM spill WHERE id = 5) OFFSET 0) x
UNION ALL
SELECT 6, count(*), count(DISTINCT id) FROM (SELECT id FROM spill ORDER BY v <=> array_fill(0, ARRAY[12])::vector OFFSET 0) x;
SET enable_seqscan = off;
SET enable_sort = off;
EXPLAIN (COSTS off) SELECT id FROM spill ORDER BY v <=> '[1,2,3,4,5,6,7,8,9,10,11,12]';
SELECT n, count, ids FROM spill_scans ORDER BY n;
SET ivfflat.probes = 5;
SET ivfpq.probes = 5;
SET ivfflat.iterative_scan = off;
SET ivfpq.iterative_scan = off;
SELECT n, count = ids AS once, count BETWEEN 1 AND 2500 AS few FROM spill_scans ORDER BY n;
RESET ivfflat.iterative_scan;
RESET ivfpq.iterative_scan;
-- the ten nearest, but for the chance that bounds are wrong
SET ivfflat.probes = 1000;
SET ivfpq.probes = 1000;
CREATE FUNCTION spill_common(a int[], b int[]) RETURNS bool LANGUAGE sql AS 'SELECT count(*) >= 9 FROM unnest($1) x WHERE x = ANY ($2)';
SELECT spill_common(array(SELECT id FROM spill ORDER BY v <-> q.v LIMIT 10), array(SELECT id FROM spill ORDER BY (v <-> q.v) + 0, id LIMIT 10)) AS l2,
	spill_common(array(SELECT id FROM spill WHERE id <= 3000 ORDER BY v <=> q.v LIMIT 10), array(SELECT id FROM spill WHERE id <= 3000 ORDER BY (v <=> q.v) + 0, id LIMIT 10)) AS cosine,
	spill_common(array(SELECT id FROM spill ORDER BY v <#> q.v LIMIT 10), array(SELECT id FROM spill ORDER BY (v <#> q.v) + 0, id LIMIT 10)) AS ip
FROM spill q WHERE id IN (17, 400) ORDER BY id;
DROP FUNCTION spill_common;
RESET ivfflat.probes;
RESET ivfpq.probes;

-- a cursor, rows that change, and VACUUM
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM spill ORDER BY v <-> '[1,2,3,4,5,6,7,8,9,10,11,12]';
MOVE 1000 IN c;
INSERT INTO spill SELECT 4000 + id, v, n FROM spill WHERE id <= 300;
MOVE ALL IN c;
COMMIT;
UPDATE spill SET v = v * array_fill(2, ARRAY[12])::vector WHERE id % 10 = 0;
DELETE FROM spill WHERE id % 3 = 0;
TABLE spill_state;
VACUUM spill;
TABLE spill_state;
SELECT count(*) FROM spill WHERE v IS NOT NULL;
SELECT n, count, ids FROM spill_scans ORDER BY n;
-- a cluster that has come: lists are split
INSERT INTO spill SELECT 6000 + i, (SELECT array_agg(5 + sin(i * (j + 1) * 0.41) * 0.5) FROM generate_series(1, 12) j)::vector, i % 7 FROM generate_series(1, 600) i;
VACUUM spill;
TABLE spill_state;
SELECT n, count = ids AS once FROM spill_scans ORDER BY n;
SELECT value > 0 AS split FROM gigavec.stats('spill_pq') WHERE name = 'balancings';
SELECT recall > 0.85 AS reached FROM gigavec.recall('spill_pq', queries => 50);

-- the option holds when the lists are trained, or the index is built
SELECT txid_current() > 0;
VACUUM spill;
ALTER INDEX spill_flat SET (spill = off);
SELECT gigavec.train('spill_flat') > 1;
SELECT value FROM gigavec.stats('spill_flat') WHERE name = 'rows_second';
SELECT gigavec.check('spill_flat');
ALTER INDEX spill_flat RESET (spill);
REINDEX INDEX spill_flat;
REINDEX INDEX spill_pq;
TABLE spill_state;
SELECT with_spill.size > 1.1 * without.size AS larger
FROM gigavec.estimate('spill', 'v', 'ivfpq', '{spill=on,lists=4}') with_spill, gigavec.estimate('spill', 'v', 'ivfpq', '{lists=4}') without;
CREATE INDEX spill_wrong ON spill USING ivfflat (v) WITH (spill = perhaps);
CREATE INDEX spill_wrong ON spill USING hnsw (v vector_l2_ops) WITH (spill = on);

-- too few rows for lists
CREATE TEMP TABLE spill_few (v vector(3));
CREATE INDEX spill_few_v ON spill_few USING ivfpq (v vector_l2_ops) WITH (spill = on);
INSERT INTO spill_few SELECT ARRAY[i, i, i]::vector FROM generate_series(1, 50) i;
SELECT count(*) FROM (SELECT v FROM spill_few ORDER BY v <-> '[1,2,3]' OFFSET 0) x;
SELECT value FROM gigavec.stats('spill_few_v') WHERE name = 'rows_second';
DROP TABLE spill_few;
DROP VIEW spill_state, spill_scans;
DROP TABLE spill;
