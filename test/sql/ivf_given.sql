--
-- gigavec.train with centroids that are given
--
SET client_min_messages = warning;
CREATE TABLE given (id int, v vector(8), b bit(8));
INSERT INTO given SELECT i, (SELECT array_agg(sin(i * 7 + i * j) + CASE WHEN j <= i % 4 THEN 9 ELSE 0 END) FROM generate_series(1, 8) j)::vector, (i * 37)::bit(8)
FROM generate_series(1, 900) i;
CREATE TABLE centers AS SELECT g, (SELECT array_agg(CASE WHEN j <= g THEN 9 ELSE 0 END + 0.1) FROM generate_series(1, 8) j)::vector AS c FROM generate_series(0, 3) g;
CREATE INDEX given_l2 ON given USING ivfflat (v vector_l2_ops);
CREATE INDEX given_cosine ON given USING ivfpq (v vector_cosine_ops);
CREATE INDEX given_ip ON given USING ivfpq (v vector_ip_ops);
CREATE INDEX given_bit ON given USING ivfflat (b bit_hamming_ops);

SELECT gigavec.train(i, centroids => ARRAY(SELECT c FROM centers ORDER BY g)) FROM unnest('{given_l2,given_cosine,given_ip}'::regclass[]) i;
SELECT gigavec.train('given_bit', ARRAY['[1,1,1,1,0,0,0,0]', '[0,0,0,0,0.5,1,1,1]', '[0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5]']::vector[]);
SELECT i, gigavec.check(i) FROM unnest('{given_l2,given_cosine,given_ip,given_bit}'::regclass[]) i;

-- the rows are where they should be: of four clusters, one a list
SET enable_seqscan = off;
SET enable_sort = off;
SET ivfflat.iterative_scan = off;
SET ivfpq.iterative_scan = off;
SET ivfflat.probes = 1;
SET ivfpq.probes = 1;
SELECT g, count(*), bool_and(id % 4 = g) AS own
FROM centers, LATERAL (SELECT id FROM given ORDER BY v <-> c OFFSET 0) s GROUP BY g ORDER BY g;
SELECT value FROM gigavec.stats('given_l2') WHERE name = 'lists';
SET ivfpq.probes = 4;
SELECT g, count(*), count(DISTINCT id) FROM centers, LATERAL (SELECT id FROM given ORDER BY v <=> c OFFSET 0) s GROUP BY g ORDER BY g;
SELECT g, count(*), count(DISTINCT id) FROM centers, LATERAL (SELECT id FROM given ORDER BY v <#> c OFFSET 0) s GROUP BY g ORDER BY g;
SET ivfflat.probes = 3;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM given ORDER BY b <~> B'11110000' OFFSET 0) s;
RESET enable_seqscan;
RESET enable_sort;

-- rows come later, lists stay
INSERT INTO given SELECT 1000 + id, v, b FROM given WHERE id <= 100;
VACUUM given;
SELECT i, gigavec.check(i) FROM unnest('{given_l2,given_cosine,given_ip,given_bit}'::regclass[]) i;
SELECT value FROM gigavec.stats('given_l2') WHERE name = 'lists';

-- REINDEX finds lists of its own
REINDEX TABLE given;
SELECT value > 4 AS own FROM gigavec.stats('given_l2') WHERE name = 'lists';

-- none, and centroids that cannot be
SELECT gigavec.train('given_l2', NULL);
SELECT gigavec.train('given_l2', '{}');
SELECT gigavec.train('given_l2', '{"[1,2]"}');
SELECT gigavec.train('given_l2', '{"[1,2,3,4,5,6,7,8]",NULL}');
SELECT gigavec.train('given_l2', '{"[1,2,3,4,5,6,7,8]","[1,2,3,4,5,6,7,7]","[1,2,3,4,5,6,7,8]"}');
SELECT gigavec.train('given_l2', '{"[1,2,3,4,5,6,7,1e30]"}');
SELECT gigavec.train('given_cosine', '{"[1,2,3,4,5,6,7,8]","[2,4,6,8,10,12,14,16]"}');
SELECT gigavec.train('given_cosine', '{"[0,0,0,0,0,0,0,0]"}');
SELECT gigavec.train('given_l2', ARRAY(SELECT ARRAY[i,0,0,0,0,0,0,0]::vector FROM generate_series(1, 32769) i));
CREATE INDEX given_hnsw ON given USING hnsw (v vector_l2_ops);
SELECT gigavec.train('given_hnsw', '{"[1,2,3,4,5,6,7,8]"}');
SELECT i, gigavec.check(i) FROM unnest('{given_l2,given_cosine,given_ip,given_bit}'::regclass[]) i;

-- a single one is a list
SELECT gigavec.train('given_l2', '{"[1,2,3,4,5,6,7,8]"}');
SELECT gigavec.check('given_l2');

-- an empty index has nothing to divide
CREATE TABLE given_none (v vector(8));
CREATE INDEX given_none_v ON given_none USING ivfpq (v vector_l2_ops);
RESET client_min_messages;
SELECT gigavec.train('given_none_v', '{"[1,2,3,4,5,6,7,8]"}');

-- for the owner only
CREATE ROLE given_role;
SET ROLE given_role;
SELECT gigavec.train('given_l2', '{"[1,2,3,4,5,6,7,8]"}');
RESET ROLE;
DROP ROLE given_role;
DROP TABLE given, centers, given_none;
