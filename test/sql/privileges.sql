--
-- What roles may do: plain users, row-level security, SECURITY DEFINER, hostile
-- search_path, names that need quotes
--
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS "Odd; ""schema" CASCADE;
DROP SCHEMA IF EXISTS evil CASCADE;
DROP ROLE IF EXISTS gigavec_owner, gigavec_reader, gigavec_nobody;
RESET client_min_messages;
CREATE ROLE gigavec_owner;
CREATE ROLE gigavec_reader;
CREATE ROLE gigavec_nobody;
CREATE SCHEMA "Odd; ""schema" AUTHORIZATION gigavec_owner;
GRANT USAGE ON SCHEMA "Odd; ""schema" TO PUBLIC;

-- a plain user makes tables, indexes, and looks into them
SET ROLE gigavec_owner;
CREATE TABLE "Odd; ""schema"."the 'table'" (id integer, "v, w" vector(3), owner name);
INSERT INTO "Odd; ""schema"."the 'table'" SELECT i, array_to_vector(ARRAY[i, i % 7, i % 11], 3, false), CASE WHEN i % 2 = 0 THEN 'gigavec_reader' ELSE 'gigavec_owner' END FROM generate_series(1, 200) i;
CREATE INDEX "the ""index""; DROP" ON "Odd; ""schema"."the 'table'" USING hnsw ("v, w" vector_l2_ops);
CREATE INDEX "the ""index"" of an expression" ON "Odd; ""schema"."the 'table'" USING hnsw (("v, w"::halfvec(3)) halfvec_l2_ops);
SELECT count(*) FROM gigavec.check('"Odd; ""schema"."the ""index""; DROP"');
SELECT count(*) FROM gigavec.check('"Odd; ""schema"."the ""index"" of an expression"');
SELECT value FROM gigavec.stats('"Odd; ""schema"."the ""index""; DROP"') WHERE name = 'rows';
-- messages quote names as they are
INSERT INTO "Odd; ""schema"."the 'table'" ("v, w") VALUES ('[1,2]');
SELECT * FROM gigavec.check('"Odd; ""schema"."the ''table''"');
CREATE INDEX "o'clock" ON "Odd; ""schema"."the 'table'" USING hnsw ("v, w" vector_l2_ops) WITH (m = 0);
ALTER TABLE "Odd; ""schema"."the 'table'" ADD COLUMN "no ""dimensions""" vector;
CREATE INDEX "o""clock" ON "Odd; ""schema"."the 'table'" USING hnsw ("no ""dimensions""" vector_l2_ops);
GRANT SELECT ON "Odd; ""schema"."the 'table'" TO gigavec_reader;

-- who may read the table may verify the index, others not
SET ROLE gigavec_nobody;
SELECT count(*) FROM gigavec.check('"Odd; ""schema"."the ""index""; DROP"');
SELECT count(*) FROM gigavec.stats('"Odd; ""schema"."the ""index""; DROP"');
SELECT recall FROM gigavec.recall('"Odd; ""schema"."the ""index""; DROP"');
SELECT id FROM "Odd; ""schema"."the 'table'" ORDER BY "v, w" <-> '[1,2,3]' LIMIT 1;
SET ROLE gigavec_reader;
SELECT count(*) FROM gigavec.check('"Odd; ""schema"."the ""index""; DROP"');
SELECT count(*) > 10 FROM gigavec.stats('"Odd; ""schema"."the ""index""; DROP"');
SELECT recall > .9 FROM gigavec.recall('"Odd; ""schema"."the ""index""; DROP"');
SELECT recall > .9 FROM gigavec.recall('"Odd; ""schema"."the ""index""; DROP"', store => true);
-- only some columns
RESET ROLE;
REVOKE SELECT ON "Odd; ""schema"."the 'table'" FROM gigavec_reader;
GRANT SELECT (id) ON "Odd; ""schema"."the 'table'" TO gigavec_reader;
SET ROLE gigavec_reader;
SELECT count(*) FROM gigavec.check('"Odd; ""schema"."the ""index""; DROP"');
SELECT id FROM "Odd; ""schema"."the 'table'" ORDER BY "v, w" <-> '[1,2,3]' LIMIT 1;
RESET ROLE;
GRANT SELECT ON "Odd; ""schema"."the 'table'" TO gigavec_reader;

-- row-level security: neither rows nor what an index holds of them
ALTER TABLE "Odd; ""schema"."the 'table'" ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON "Odd; ""schema"."the 'table'" USING (owner = current_user);
SET enable_seqscan = off;
SET enable_sort = off;
SET ROLE gigavec_reader;
SELECT count(*), min(owner), max(owner) FROM (SELECT * FROM "Odd; ""schema"."the 'table'" ORDER BY "v, w" <-> '[1,2,3]' LIMIT 150) x;
SELECT count(*) FROM gigavec.check('"Odd; ""schema"."the ""index""; DROP"');
SELECT count(*) FROM gigavec.stats('"Odd; ""schema"."the ""index""; DROP"');
SELECT recall FROM gigavec.recall('"Odd; ""schema"."the ""index""; DROP"', 10, ARRAY['[1,2,3]'::vector]);
-- an operator of his own that tells what it sees is not asked before the policy
CREATE FUNCTION pg_temp.tell(vector, vector) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'saw %', $1; RETURN true; END $$;
CREATE OPERATOR pg_temp.=@= (LEFTARG = vector, RIGHTARG = vector, FUNCTION = pg_temp.tell);
SELECT id FROM "Odd; ""schema"."the 'table'" WHERE "v, w" OPERATOR(pg_temp.=@=) '[1,2,3]' AND id < 4 ORDER BY "v, w" <-> '[1,2,3]' LIMIT 2;
-- nor does an error of a distance tell of others' rows
SELECT count(*) FROM (SELECT id FROM "Odd; ""schema"."the 'table'" ORDER BY "v, w" <-> '[1,2]' LIMIT 1) x;
RESET ROLE;
-- no function of ours claims to be leakproof
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid WHERE extname = 'gigavec' AND proleakproof;
-- or runs as somebody else
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid WHERE extname = 'gigavec' AND prosecdef;

-- SECURITY DEFINER: the definer's rights and rows
CREATE FUNCTION "Odd; ""schema".nearest(q vector) RETURNS SETOF integer LANGUAGE sql STABLE SECURITY DEFINER SET search_path = "Odd; ""schema", public
	AS 'SELECT id FROM "the ''table''" WHERE id < 5 ORDER BY "v, w" <-> q LIMIT 3';
ALTER FUNCTION "Odd; ""schema".nearest(vector) OWNER TO gigavec_owner;
SET ROLE gigavec_nobody;
SELECT * FROM "Odd; ""schema".nearest('[1,2,3]') ORDER BY 1;
RESET ROLE;

-- objects of the same names that come first in the search_path are not ours
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE FUNCTION evil.l2_distance(vector, vector) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE FUNCTION evil.vector_dims(vector) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE FUNCTION evil.vector(vector, integer, boolean) RETURNS vector LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE FUNCTION evil.int4eq(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE OPERATOR evil.<-> (LEFTARG = vector, RIGHTARG = vector, FUNCTION = evil.l2_distance);
CREATE OPERATOR evil.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = evil.int4eq);
CREATE TABLE evil.pg_class (oid oid);
SET search_path = evil, pg_catalog, public;
SELECT count(*) FROM gigavec.check('"Odd; ""schema"."the ""index""; DROP"');
SELECT count(*) > 10 FROM gigavec.stats('"Odd; ""schema"."the ""index"" of an expression"');
REINDEX TABLE "Odd; ""schema"."the 'table'";
VACUUM "Odd; ""schema"."the 'table'";
INSERT INTO "Odd; ""schema"."the 'table'" (id, "v, w") VALUES (500, '[1,2,3]');
SELECT avg("v, w"), sum("v, w") FROM "Odd; ""schema"."the 'table'" WHERE id < 3;
SELECT '[1,2,3]'::vector(3)::halfvec(3)::vector + '[1,1,1]', '[3,1,2]'::vector < '[3,1,3]', ARRAY[1,2,3]::vector;
SELECT count(*) FROM (SELECT id FROM "Odd; ""schema"."the 'table'" ORDER BY "v, w" OPERATOR(public.<->) '[1,2,3]' LIMIT 150) x;
RESET search_path;

SET client_min_messages = warning;
DROP SCHEMA "Odd; ""schema" CASCADE;
DROP SCHEMA evil CASCADE;
DROP OWNED BY gigavec_owner, gigavec_reader, gigavec_nobody;
DROP ROLE gigavec_owner, gigavec_reader, gigavec_nobody;
