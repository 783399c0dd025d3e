--
-- gigavec.advise: which index a column should have, and why
--
CREATE TABLE advised (id int PRIMARY KEY, tenant int, "Day of" date, v vector(32), p vector(3), h halfvec(8), far vector(2000),
	s sparsevec(1000), b bit(64), body text, tags text[], free vector, missing vector(3));
ALTER TABLE advised ALTER far SET STORAGE EXTERNAL;
-- v is everywhere in 32 dimensions, h on a curve
INSERT INTO advised (id, tenant, v, p, h, s, b, body, tags)
	SELECT i, i % 7,
		(SELECT array_agg(hashint4(i * 100 + j) / 2147483648.0) FROM generate_series(1, 32) j)::vector,
		ARRAY[hashint4(i), hashint4(-i), 7]::vector,
		(SELECT array_agg(i * j / 100.0) FROM generate_series(1, 8) j)::halfvec,
		('{' || i % 1000 + 1 || ':' || i || '}/1000')::sparsevec, i::bit(64), 'text ' || i, ARRAY['a', i::text]
	FROM generate_series(1, 6000) i;
ANALYZE advised;
SET effective_cache_size = '4GB';
SET maintenance_work_mem = '256MB';
SET max_parallel_maintenance_workers = 0;

SELECT rank, method, options, statement FROM gigavec.advise('advised', 'v');
-- what it takes is what gigavec.estimate says
SELECT a.method, a.options FROM gigavec.advise('advised', 'v') a,
	gigavec.estimate('advised', 'v', coalesce(method, 'hnsw'), options) e
WHERE method IS NOT NULL AND (a.size, a.memory) IS DISTINCT FROM (e.size, e.memory);
SELECT count(*) AS foretold FROM gigavec.advise('advised', 'v') WHERE size > 0 AND memory > 0 AND seconds > 0;

-- few dimensions, and many that are few in effect
SELECT method, reason ~ 'this column has 3, in effect [12]\.' AS right_dimension FROM gigavec.advise('advised', 'p') WHERE rank = 1;
SELECT method, reason ~ 'this column has 8, in effect [0-4]\.' AS right_dimension FROM gigavec.advise('advised', 'h') WHERE rank = 1;
SELECT method, rank > 1 AS later, reason ~ 'this column has 32, in effect [12]\d\.' AS right_dimension
FROM gigavec.advise('advised', 'v') WHERE method = 'kdtree';
-- neighbors of a grid are at equal distances
CREATE TABLE advised_grid AS SELECT ARRAY[i % 100 / 10.0, i / 100 / 10.0]::vector(2) AS v FROM generate_series(0, 9999) i;
SELECT method, reason ~ 'this column has 2, in effect [12]\.' AS right_dimension FROM gigavec.advise('advised_grid', 'v') WHERE rank = 1;
DROP TABLE advised_grid;
-- other types
SELECT rank, method, options, statement FROM gigavec.advise('advised', 's');
SELECT rank, method, options, statement FROM gigavec.advise('advised', 'b');
SELECT * FROM gigavec.advise('advised', 'body');
SELECT rank, method, statement FROM gigavec.advise('advised', 'tags');
-- another operator class: what does not have it is left out
SELECT rank, method, options, statement FROM gigavec.advise('advised', 'v', 'vector_ip_ops');
SELECT rank, method, options, statement FROM gigavec.advise('advised', 'v', opclass => 'vector_l1_ops');

-- few rows need no index
CREATE TABLE advised_few AS SELECT * FROM advised LIMIT 500;
SELECT rank, method, reason FROM gigavec.advise('advised_few', 'v') LIMIT 2;
SELECT rank, method FROM gigavec.advise('advised_few', 'v', expected_rows => 1000000) LIMIT 1;
-- values that are stored apart take longer to read
UPDATE advised_few SET far = (SELECT array_agg(hashint4(id * 3000 + j) / 2147483648.0) FROM generate_series(1, 2000) j)::vector;
VACUUM FULL ANALYZE advised_few;
SELECT rank, method, statement FROM gigavec.advise('advised_few', 'far') LIMIT 1;

-- more than memory holds
SELECT rank, method, options, CASE WHEN method = 'hnsw' THEN regexp_replace(reason, '\d+', 'N', 'g') END AS reason
FROM gigavec.advise('advised', 'v', expected_rows => 100000000);
SET maintenance_work_mem = '1MB';
SELECT rank, method, options FROM gigavec.advise('advised', 'v', expected_rows => 1000000000000) LIMIT 2;
SET maintenance_work_mem = '256MB';
SELECT set_config('effective_cache_size', (sum(size) / 2 / 8192)::int::text, false) <> '' AS between
FROM gigavec.advise('advised', 'v') WHERE method = 'hnsw';
SELECT rank, method, options FROM gigavec.advise('advised', 'v');
RESET effective_cache_size;
SET maintenance_work_mem = '1MB';
SELECT reason LIKE '%With maintenance_work_mem of % it is built at once%' AS tells FROM gigavec.advise('advised', 'v') WHERE method = 'hnsw' AND options IS NULL;
SELECT reason LIKE '%With maintenance_work_mem of % it is built at once%' AS tells FROM gigavec.advise('advised', 's') WHERE rank = 1;
RESET maintenance_work_mem;

-- conditions that searches may have, equal values, an index that is there
CREATE INDEX ON advised (tenant, id);
CREATE INDEX ON advised ("Day of");
SELECT reason FROM gigavec.advise('advised', 'v') WHERE rank = 1;
CREATE INDEX "An index" ON advised USING hnsw (v vector_l2_ops);
UPDATE advised SET v = (SELECT v FROM advised WHERE id = 1);
SELECT reason FROM gigavec.advise('advised', 'v') WHERE rank = 1;

-- rows that come and go
CREATE TABLE advised_busy (v vector(32));
INSERT INTO advised_busy SELECT (SELECT array_agg(hashint4(i * 100 + j) / 2147483648.0) FROM generate_series(1, 32) j)::vector FROM generate_series(1, 6000) i;
INSERT INTO advised_busy TABLE advised_busy;
DELETE FROM advised_busy WHERE ctid IN (SELECT max(ctid) FROM advised_busy GROUP BY v);
INSERT INTO advised_busy TABLE advised_busy;
DELETE FROM advised_busy WHERE ctid IN (SELECT max(ctid) FROM advised_busy GROUP BY v);
INSERT INTO advised_busy TABLE advised_busy;
DELETE FROM advised_busy WHERE ctid IN (SELECT max(ctid) FROM advised_busy GROUP BY v);
VACUUM ANALYZE advised_busy;
SELECT pg_stat_force_next_flush();
SELECT rank, method, options, reason LIKE 'Rows change more often than they are searched for%' AS tells FROM gigavec.advise('advised_busy', 'v');

-- no rows, none that are not null, none counted
CREATE TABLE advised_empty (v vector(32), p vector(2), body text);
SELECT rank, method, options, reason FROM gigavec.advise('advised_empty', 'v');
SELECT rank, method FROM gigavec.advise('advised_empty', 'p') LIMIT 1;
SELECT rank, method, reason FROM gigavec.advise('advised_empty', 'body');
SELECT rank, method, reason LIKE '%The column is empty%' AS tells FROM gigavec.advise('advised', 'missing') LIMIT 1;
INSERT INTO advised_empty (v) SELECT v FROM advised_busy LIMIT 3000;
SELECT reason FROM gigavec.advise('advised_empty', 'v') WHERE method IS NULL;

-- partitions
CREATE TABLE advised_parts (id int, v vector(32), note text) PARTITION BY RANGE (id);
CREATE TABLE advised_parts_1 PARTITION OF advised_parts FOR VALUES FROM (0) TO (3000);
CREATE TABLE advised_parts_2 (note text, v vector(32), id int);
ALTER TABLE advised_parts ATTACH PARTITION advised_parts_2 FOR VALUES FROM (3000) TO (100000);
SELECT rank, method, statement FROM gigavec.advise('advised_parts', 'v') LIMIT 1;
SELECT size > 10000000 AS has_size FROM gigavec.advise('advised_parts', 'v', expected_rows => 100000) LIMIT 1;
INSERT INTO advised_parts SELECT row_number() OVER (), v FROM advised_busy;
SELECT rank, method, statement FROM gigavec.advise('advised_parts', 'v') LIMIT 1;
SELECT reason FROM gigavec.advise('advised_parts', 'v') WHERE method IS NULL;
SELECT a.size = b.size + c.size AS right_size
FROM gigavec.advise('advised_parts', 'v') a, gigavec.advise('advised_parts_1', 'v') b, gigavec.advise('advised_parts_2', 'v') c
WHERE a.rank = 1 AND b.rank = 1 AND c.rank = 1;

-- none, and many
CREATE TABLE advised_hollow (id bigint, v vector(32)) PARTITION BY HASH (id);
SELECT rank, method, size FROM gigavec.advise('advised_hollow', 'v', expected_rows => 1000) LIMIT 1;
DO $$
BEGIN
	FOR i IN 0..19 LOOP
		EXECUTE format('CREATE TABLE advised_many_%s PARTITION OF advised_hollow FOR VALUES WITH (MODULUS 20, REMAINDER %s)', i, i);
	END LOOP;
END $$;
INSERT INTO advised_hollow SELECT row_number() OVER (), v FROM advised_busy;
SELECT b.method, b.size / a.size::float8 BETWEEN 0.5 AND 2 AS right_size, b.memory < a.memory AS less_memory
FROM gigavec.advise('advised_busy', 'v') a JOIN gigavec.advise('advised_hollow', 'v') b USING (method, options)
WHERE a.options IS NOT NULL ORDER BY 1;

-- every statement is one that works
CREATE SCHEMA "Advised; ""here""";
CREATE TABLE "Advised; ""here"""."o'clock" AS SELECT id, v AS "v, w", h, b, s, body FROM advised LIMIT 1200;
CREATE DOMAIN advised_text AS text;
CREATE DOMAIN advised_vector AS vector(3);
ALTER TABLE "Advised; ""here"""."o'clock" ADD d advised_text, ADD e advised_vector;
SET client_min_messages = warning;
DO $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT a.* FROM unnest('{"v, w",h,b,s,body,d,e}'::name[]) c, gigavec.advise('"Advised; ""here"""."o''clock"', c) a WHERE method IS NOT NULL LOOP
		EXECUTE r.statement;
	END LOOP;
END $$;
RESET client_min_messages;
SELECT am.amname, count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam
WHERE i.indrelid = '"Advised; ""here"""."o''clock"'::regclass GROUP BY 1 ORDER BY 1;
INSERT INTO "Advised; ""here"""."o'clock" (id, e) VALUES (-1, '[1,2,3]');
SELECT count(c.problem) FROM pg_index i, gigavec.check(i.indexrelid) c WHERE i.indrelid = '"Advised; ""here"""."o''clock"'::regclass;
SELECT index_rows > 0 AS foretold FROM gigavec.estimate('"Advised; ""here"""."o''clock"', 'e', 'kdtree');
-- the class with its schema where search_path does not have it
SET search_path = pg_catalog;
SELECT statement FROM gigavec.advise('public.advised', 'v') WHERE method = 'hnsw' AND options IS NULL;
RESET search_path;

-- what cannot be
SELECT gigavec.advise('advised', 'nothing');
SELECT gigavec.advise('advised', 'ctid');
SELECT gigavec.advise('advised', 'id');
SELECT gigavec.advise('advised', 'free');
CREATE DOMAIN advised_integer AS integer;
ALTER TABLE advised ADD d advised_integer;
SELECT gigavec.advise('advised', 'd');
SELECT gigavec.advise('advised', 'v', 'halfvec_l2_ops');
SELECT gigavec.advise('advised', 'body', 'text_ops');
SELECT gigavec.advise('advised', 'v', expected_rows => -1);
SELECT gigavec.advise('advised', 'v', expected_rows => 1000000000001);
SELECT gigavec.advise('pg_indexes', 'indexname');
SELECT gigavec.advise('advised_pkey', 'id');
SELECT gigavec.advise(4294967295, 'v');
SELECT count(*) FROM gigavec.advise(NULL, 'v');
SELECT count(*) FROM gigavec.advise('advised', NULL);

-- for whoever may read the column, of the rows that he may see
CREATE ROLE advised_role;
GRANT SELECT (v, s) ON advised TO advised_role;
SET ROLE advised_role;
SELECT method FROM gigavec.advise('advised', 'v') LIMIT 1;
SELECT method FROM gigavec.advise('advised', 'h');
RESET ROLE;
GRANT SELECT ON advised_few TO advised_role;
ALTER TABLE advised_few ENABLE ROW LEVEL SECURITY;
UPDATE advised_few SET p = '[1,2,3]' WHERE id % 5 > 0;
VACUUM ANALYZE advised_few;
CREATE POLICY some_rows ON advised_few USING (id % 5 > 0);
SELECT reason LIKE '%values looked at are distinct%' AS tells FROM gigavec.advise('advised_few', 'p') WHERE rank = 1;
SET ROLE advised_role;
SELECT substring(reason FROM 'Only .* of') AS seen FROM gigavec.advise('advised_few', 'p') WHERE rank = 1;
RESET ROLE;

DROP TABLE advised, advised_few, advised_busy, advised_empty, advised_parts, advised_hollow;
SET client_min_messages = warning;
DROP SCHEMA "Advised; ""here""" CASCADE;
DROP DOMAIN advised_text, advised_vector, advised_integer;
DROP ROLE advised_role;
