--
-- gigavec.simd, gigavec.version, gigavec.check, gigavec.stats
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/hnsw.sql'
\set ECHO none
\i :helpers
\set ECHO all

-- kernels
SELECT gigavec.simd() IN ('scalar', 'avx2', 'avx512', 'neon');
SHOW gigavec.simd;
SET gigavec.simd = scalar;
SELECT gigavec.simd(), '[1,2,3]'::vector <-> '[4,5,6]';
SET gigavec.simd = auto;
SELECT gigavec.simd() <> '' AS chosen;
SELECT * FROM hnsw_test.raised('SET gigavec.simd = sse');
-- an instruction set of another processor
SELECT what, regexp_replace(r.is, '"(neon|avx2|avx512|scalar)"', '"..."', 'g') FROM hnsw_test.raised('SET gigavec.simd = ' || CASE WHEN gigavec.simd() = 'neon' THEN 'avx2' ELSE 'neon' END) r;
SELECT * FROM hnsw_test.raised('SET gigavec.kernel = scalar');
-- a level forced for one function only
CREATE FUNCTION hnsw_test.scalar_level() RETURNS text LANGUAGE sql SET gigavec.simd = scalar AS 'SELECT gigavec.simd()';
SELECT hnsw_test.scalar_level(), gigavec.simd() = (SELECT gigavec.simd());

-- versions agree with each other and with the catalog
SELECT library = catalog AS same, catalog = extversion AS known FROM gigavec.version(), pg_extension WHERE extname = 'gigavec';

CREATE TABLE hnsw_test.items (id integer PRIMARY KEY, v vector(3)) WITH (autovacuum_enabled = off);
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 3) FROM generate_series(1, 300) i;
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v vector_l2_ops);
CREATE VIEW hnsw_test.view AS SELECT 1;

-- objects that are no hnsw index
SELECT o, what, r.is FROM (VALUES ('hnsw_test.items'), ('hnsw_test.items_pkey'), ('hnsw_test.view'), ('pg_class')) x (o),
	hnsw_test.raised(format('SELECT * FROM gigavec.check(%L)', o)) r WHERE what IN ('sqlstate', 'message');
SELECT o, what, r.is FROM (VALUES ('hnsw_test.items'), ('hnsw_test.items_pkey')) x (o),
	hnsw_test.raised(format('SELECT * FROM gigavec.stats(%L)', o)) r WHERE what IN ('sqlstate', 'message');
SELECT * FROM hnsw_test.raised('SELECT * FROM gigavec.check(0)');
SELECT * FROM hnsw_test.raised('SELECT * FROM gigavec.check(''nothing'')');
SELECT count(*) FROM gigavec.check(NULL);
SELECT count(*) FROM gigavec.stats(NULL);

-- both ways of a check; names of arguments
SELECT count(*) FROM gigavec.check('hnsw_test.items_v', false);
SELECT count(*) FROM gigavec.check(index => 'hnsw_test.items_v', heap => true);
SELECT name, value FROM gigavec.stats(index => 'hnsw_test.items_v') WHERE name IN ('format_version', 'rows', 'nodes_live', 'nodes_dead', 'nodes_not_linked', 'links_to_free', 'pages_damaged', 'dimensions', 'm', 'ef_construction');
SELECT count(*) FROM gigavec.stats('hnsw_test.items_v') WHERE description IS NULL OR value < 0;
SELECT s.value = pg_relation_size('hnsw_test.items_v') FROM gigavec.stats('hnsw_test.items_v') s WHERE name = 'bytes';

-- deleted rows are counted until VACUUM, and are no problem
DELETE FROM hnsw_test.items WHERE id <= 100;
SELECT count(*) FROM gigavec.check('hnsw_test.items_v');
SELECT name, value FROM gigavec.stats('hnsw_test.items_v') WHERE name IN ('rows', 'nodes_live', 'slots_free') AND (name <> 'slots_free' OR value > 0);
VACUUM hnsw_test.items;
SELECT name, value > 100 AS over_100 FROM gigavec.stats('hnsw_test.items_v') WHERE name IN ('rows', 'nodes_live', 'slots_free');
SELECT count(*) FROM gigavec.check('hnsw_test.items_v');

-- rows that the index does not have, and an index that a failure left behind
BEGIN;
UPDATE pg_index SET indisready = false WHERE indexrelid = 'hnsw_test.items_v'::regclass;
INSERT INTO hnsw_test.items VALUES (1000, '[1,2,3]'), (1001, NULL);
UPDATE hnsw_test.items SET v = '[3,2,1]' WHERE id = 200;
SELECT block, item, i.id, problem FROM gigavec.check('hnsw_test.items_v') JOIN hnsw_test.items i ON i.ctid = row_tid ORDER BY i.id;
SELECT count(*) FROM gigavec.check('hnsw_test.items_v', heap => false);
UPDATE pg_index SET indisvalid = false, indisready = true WHERE indexrelid = 'hnsw_test.items_v'::regclass;
SELECT * FROM hnsw_test.raised('SELECT * FROM gigavec.check(''hnsw_test.items_v'')');
SELECT count(*) FROM gigavec.check('hnsw_test.items_v', heap => false);
ROLLBACK;

-- one that was never built: it has no pages
CREATE TABLE hnsw_test.unbuilt AS SELECT i AS id, '[1,2,3]'::vector(3) AS v, 'words' AS body FROM generate_series(1, 10) i;
CREATE INDEX CONCURRENTLY unbuilt_v ON hnsw_test.unbuilt USING hnsw ((ARRAY[1, 2, 1 / (id - 5)]::vector(3)) vector_l2_ops);
CREATE INDEX CONCURRENTLY unbuilt_body ON hnsw_test.unbuilt USING bm25 ((body || 1 / (id - 5))) WITH (text_config = 'simple');
SELECT * FROM hnsw_test.raised('SELECT * FROM gigavec.stats(''hnsw_test.unbuilt_v'')');
SELECT * FROM hnsw_test.raised('SELECT * FROM gigavec.check(''hnsw_test.unbuilt_body'', heap => false)');
SELECT * FROM hnsw_test.raised('SELECT gigavec.merge(''hnsw_test.unbuilt_body'')');
SELECT * FROM hnsw_test.raised('SELECT ''words'' <@> to_bm25query(''words'', ''hnsw_test.unbuilt_body'')');
DROP TABLE hnsw_test.unbuilt;

-- the table's rows in parts: little memory
SET maintenance_work_mem = '1MB';
INSERT INTO hnsw_test.items SELECT i, '[1,2,3]' FROM generate_series(10001, 110000) i;
SELECT count(*) FROM gigavec.check('hnsw_test.items_v');
RESET maintenance_work_mem;
TRUNCATE hnsw_test.items;
SELECT count(*) FROM gigavec.check('hnsw_test.items_v');
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 3) FROM generate_series(1, 300) i;

-- who may
CREATE ROLE hnsw_test_nobody;
GRANT USAGE ON SCHEMA hnsw_test TO hnsw_test_nobody;
SET ROLE hnsw_test_nobody;
SELECT gigavec.simd() <> '', (SELECT count(*) FROM gigavec.version());
SELECT * FROM hnsw_test.raised('SELECT * FROM gigavec.check(''hnsw_test.items_v'')');
SELECT * FROM hnsw_test.raised('SELECT * FROM gigavec.stats(''hnsw_test.items_v'')');
RESET ROLE;
GRANT SELECT ON hnsw_test.items TO hnsw_test_nobody;
SET ROLE hnsw_test_nobody;
SELECT count(*) FROM gigavec.check('hnsw_test.items_v');
SELECT count(*) > 10 FROM gigavec.stats('hnsw_test.items_v');
RESET ROLE;

-- an index's functions run with the rights of the table's owner, not of whoever checks
CREATE FUNCTION hnsw_test.leak(v vector) RETURNS vector(3) LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF current_setting('hnsw_test.checking', true) = 'yes' THEN
		RAISE NOTICE 'run by %', current_user;
	END IF;
	RETURN v;
END $$;
SET ROLE hnsw_test_nobody;
CREATE TEMPORARY TABLE trap (id integer, v vector(3));
INSERT INTO trap VALUES (1, '[1,2,3]');
RESET ROLE;
GRANT EXECUTE ON FUNCTION hnsw_test.leak TO hnsw_test_nobody;
SET ROLE hnsw_test_nobody;
CREATE INDEX trap_v ON trap USING hnsw ((hnsw_test.leak(v)::vector(3)) vector_l2_ops);
RESET ROLE;
SET hnsw_test.checking = 'yes';
SELECT count(*) FROM gigavec.check('trap_v');
RESET hnsw_test.checking;
DROP TABLE trap;

-- names that need quotes, and a hostile search_path
CREATE SCHEMA "Some ""Schema";
CREATE TABLE "Some ""Schema"."A Table" (v vector(2));
INSERT INTO "Some ""Schema"."A Table" VALUES ('[1,2]');
CREATE INDEX "An Index" ON "Some ""Schema"."A Table" USING hnsw (v vector_l2_ops);
SELECT count(*) FROM gigavec.check('"Some ""Schema"."An Index"');
SET search_path = pg_temp;
SELECT count(*) FROM gigavec.check('"Some ""Schema"."An Index"');
SELECT count(*) > 10 FROM gigavec.stats('"Some ""Schema"."An Index"');
RESET search_path;
DROP TABLE "Some ""Schema"."A Table";
DROP SCHEMA "Some ""Schema";

DROP TABLE hnsw_test.items CASCADE;
REVOKE ALL ON SCHEMA hnsw_test FROM hnsw_test_nobody;
SET client_min_messages = warning;
DROP SCHEMA hnsw_test CASCADE;
DROP ROLE hnsw_test_nobody;
