--
-- VACUUM that removes nothing: indexes that have fewer rows than their table
--
CREATE SCHEMA vacuum_partial;
CREATE TABLE vacuum_partial.items (id integer, part integer, v vector(4), sparse vector(4)) WITH (autovacuum_enabled = off);
INSERT INTO vacuum_partial.items SELECT i, i % 10, ARRAY[sin(i), cos(i * 1.7), sin(i * 0.3), cos(i * 0.77)]::vector,
	CASE WHEN i % 10 = 0 THEN ARRAY[cos(i), sin(i * 1.7), cos(i * 0.3), sin(i * 0.77)]::vector END
FROM generate_series(1, 20000) i;
CREATE INDEX part_flat ON vacuum_partial.items USING ivfflat (v vector_l2_ops) WHERE part = 3;
CREATE INDEX part_hnsw ON vacuum_partial.items USING hnsw (v vector_l2_ops) WHERE part = 3;
CREATE INDEX part_kdtree ON vacuum_partial.items USING kdtree (v vector_l2_ops) WHERE part = 3;
CREATE INDEX sparse_flat ON vacuum_partial.items USING ivfflat (sparse vector_l2_ops);
CREATE INDEX sparse_pq ON vacuum_partial.items USING ivfpq (sparse vector_l2_ops) WITH (spill = on);
CREATE VIEW vacuum_partial.state AS SELECT i, c.reltuples, s.value AS rows, t.value AS trainings, r.value AS calibrated_rows
FROM unnest('{part_flat,part_hnsw,part_kdtree,sparse_flat,sparse_pq}'::text[]) WITH ORDINALITY x (i, place)
	JOIN pg_class c ON c.oid = ('vacuum_partial.' || i)::regclass
	LEFT JOIN LATERAL gigavec.stats(c.oid) s ON s.name = 'rows'
	LEFT JOIN LATERAL gigavec.stats(c.oid) t ON t.name = 'trainings'
	LEFT JOIN LATERAL gigavec.stats(c.oid) r ON r.name = 'calibrated_rows'
ORDER BY place;
SELECT * FROM vacuum_partial.state;

-- nothing has changed: no lists are trained, nothing is measured, and the planner knows what it knew
VACUUM vacuum_partial.items;
SELECT i, CASE WHEN i LIKE 'part%' THEN reltuples END AS reltuples, rows, trainings, calibrated_rows FROM vacuum_partial.state;
VACUUM vacuum_partial.items;
SELECT i, CASE WHEN i LIKE 'part%' THEN reltuples END AS reltuples, rows, trainings, calibrated_rows FROM vacuum_partial.state;

-- half of the rows of the indexes are new: lists are trained
INSERT INTO vacuum_partial.items SELECT i, 3, ARRAY[sin(i), cos(i * 1.7), sin(i * 0.3), cos(i * 0.77)]::vector,
	ARRAY[cos(i), sin(i * 1.7), cos(i * 0.3), sin(i * 0.77)]::vector
FROM generate_series(20001, 22500) i;
VACUUM vacuum_partial.items;
SELECT i, rows, trainings, calibrated_rows FROM vacuum_partial.state WHERE i LIKE '%flat' OR i LIKE '%pq';

-- an index that inserts have filled is calibrated for the first time, by its own rows
CREATE INDEX late_hnsw ON vacuum_partial.items USING hnsw (v vector_l2_ops) WHERE part = 77;
INSERT INTO vacuum_partial.items SELECT i, 77, ARRAY[sin(i), cos(i * 1.7), sin(i * 0.3), cos(i % 600 * 0.77)]::vector
FROM generate_series(30001, 31000) i;
INSERT INTO vacuum_partial.items SELECT i, 77, '[1,2,3,4]' FROM generate_series(31001, 31100) i;
SELECT name, value FROM gigavec.stats('vacuum_partial.late_hnsw') WHERE name IN ('rows', 'calibrated_rows');
VACUUM vacuum_partial.items;
SELECT name, value FROM gigavec.stats('vacuum_partial.late_hnsw') WHERE name IN ('rows', 'calibrated_rows');

SET client_min_messages = warning;
DROP SCHEMA vacuum_partial CASCADE;
