--
-- CREATE EXTENSION refuses a database where its names are taken, and then
-- leaves nothing behind
--
SELECT current_database() AS regression_database \gset
CREATE DATABASE gigavec_prerequisites;
\c gigavec_prerequisites

-- What a statement raises: SQLSTATE, message, detail, hint
CREATE FUNCTION raised(statement text) RETURNS TABLE (what text, is text)
LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN QUERY VALUES ('nothing', NULL::text);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN QUERY VALUES ('sqlstate', SQLSTATE), ('message', SQLERRM), ('detail', detail), ('hint', hint);
END $$;

-- pgvector, as far as its entry in the catalog goes
BEGIN;
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
	SELECT 1, 'vector', r.oid, 'public'::regnamespace, true, '0.8.0' FROM pg_roles r WHERE rolname = current_user;
SELECT * FROM raised('CREATE EXTENSION gigavec');
ROLLBACK;

-- an access method of nobody, and one of an extension
BEGIN;
CREATE ACCESS METHOD hnsw TYPE INDEX HANDLER bthandler;
SELECT * FROM raised('CREATE EXTENSION gigavec');
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
	SELECT 1, 'other', r.oid, 'public'::regnamespace, true, '1' FROM pg_roles r WHERE rolname = current_user;
INSERT INTO pg_depend SELECT 'pg_am'::regclass, oid, 0, 'pg_extension'::regclass, 1, 0, 'e' FROM pg_am WHERE amname = 'hnsw';
SELECT * FROM raised('CREATE EXTENSION gigavec');
ROLLBACK;

-- a type, and a table, whose row type has its name
BEGIN;
CREATE TYPE halfvec AS ENUM ('a');
SELECT * FROM raised('CREATE EXTENSION gigavec');
ROLLBACK;
BEGIN;
CREATE TABLE vector (a integer);
SELECT * FROM raised('CREATE EXTENSION gigavec');
-- in another schema it is not in the way
CREATE SCHEMA "other One";
SELECT * FROM raised('CREATE EXTENSION gigavec SCHEMA "other One"');
SELECT '[1,2]'::"other One".vector OPERATOR("other One".<->) '[1,3]';
ROLLBACK;

SELECT count(*) FROM pg_extension WHERE extname = 'gigavec';
CREATE EXTENSION gigavec;

-- every object of the extension has a comment
SELECT pg_describe_object(classid, objid, 0) AS uncommented
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'gigavec') AND deptype = 'e'
	AND NOT (classid = 'pg_type'::regclass AND objid IN (SELECT typarray FROM pg_type))
	AND obj_description(objid, classid::regclass::name) IS NULL
ORDER BY pg_describe_object(classid, objid, 0) COLLATE "C";

DROP EXTENSION gigavec;
SELECT count(*) FROM pg_type WHERE typname IN ('vector', 'halfvec', '_vector', '_halfvec');
\c :regression_database
DROP DATABASE gigavec_prerequisites;
