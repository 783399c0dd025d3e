--
-- What roles may do with indexes of each access method and with hybrid search
--
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS "Odd; ""schema" CASCADE;
DROP ROLE IF EXISTS gigavec_owner, gigavec_reader, gigavec_nobody;
RESET client_min_messages;
CREATE ROLE gigavec_owner;
CREATE ROLE gigavec_reader;
CREATE ROLE gigavec_nobody;
CREATE SCHEMA "Odd; ""schema" AUTHORIZATION gigavec_owner;
GRANT USAGE ON SCHEMA "Odd; ""schema" TO PUBLIC;

-- a plain user makes them, with names that need quotes
SET ROLE gigavec_owner;
SET search_path = "Odd; ""schema", public;
CREATE TABLE "the 'table'" (id integer PRIMARY KEY, "v, w" vector(3), "the ""text""" text, owner name);
INSERT INTO "the 'table'" SELECT i, array_to_vector(ARRAY[i, i % 7, i % 11], 3, false), 'word' || i % 5 || ' secret' || i,
	CASE WHEN i % 2 = 0 THEN 'gigavec_reader' ELSE 'gigavec_owner' END FROM generate_series(1, 200) i;
CREATE INDEX "h""; DROP" ON "the 'table'" USING hnsw ("v, w" vector_l2_ops);
CREATE INDEX "f""; DROP" ON "the 'table'" USING ivfflat ("v, w" vector_ip_ops) WITH (lists = 3);
CREATE INDEX "p""; DROP" ON "the 'table'" USING ivfpq ("v, w" vector_cosine_ops) WITH (lists = 3);
CREATE INDEX "k""; DROP" ON "the 'table'" USING kdtree ("v, w" vector_l1_ops);
CREATE INDEX "t""; DROP" ON "the 'table'" USING bm25 ("the ""text""") WITH (text_config = 'simple');
GRANT SELECT ON "the 'table'" TO gigavec_reader;
SELECT bool_and((SELECT count(*) FROM gigavec.check(i)) = 0), bool_and((SELECT count(*) FROM gigavec.stats(i)) > 3)
	FROM (SELECT format('%I."%s""; DROP"', 'Odd; "schema', name)::regclass AS i FROM unnest('{h,f,p,k,t}'::text[]) name) x;
SELECT recall > .9 FROM gigavec.recall('"f""; DROP"', store => true);
SELECT gigavec.merge('"t""; DROP"');
SELECT id FROM gigavec.hybrid_search('"the ''table''"', 'secret17', '[17,3,6]', 1, vector_index => '"h""; DROP"') JOIN "the 'table'" t ON t.ctid = tid;

-- what each role gets of each function: an answer, or an error
CREATE FUNCTION attempt(role name, sql text) RETURNS text LANGUAGE plpgsql SET search_path = "Odd; ""schema", public AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE sql INTO result;
	RESET ROLE;
	RETURN coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
	RESET ROLE;
	RETURN SQLERRM;
END $$;
RESET ROLE;
CREATE TABLE attempts (n integer, sql text);
INSERT INTO attempts (SELECT row_number() OVER (), sql FROM unnest(ARRAY[
	$$SELECT count(*) FROM gigavec.check('"f""; DROP"')$$,
	$$SELECT count(*) FROM gigavec.check('"p""; DROP"')$$,
	$$SELECT count(*) FROM gigavec.check('"k""; DROP"')$$,
	$$SELECT count(*) FROM gigavec.check('"t""; DROP"')$$,
	$$SELECT count(*) > 3 FROM gigavec.stats('"f""; DROP"')$$,
	$$SELECT count(*) > 3 FROM gigavec.stats('"p""; DROP"')$$,
	$$SELECT count(*) > 3 FROM gigavec.stats('"k""; DROP"')$$,
	$$SELECT count(*) > 3 FROM gigavec.stats('"t""; DROP"')$$,
	$$SELECT recall > .9 FROM gigavec.recall('"f""; DROP"')$$,
	$$SELECT recall > .9 FROM gigavec.recall('"p""; DROP"', store => true)$$,
	$$SELECT gigavec.merge('"t""; DROP"')$$,
	$$SELECT index_rows > 0 FROM gigavec.estimate('"the ''table''"', 'v, w', 'kdtree')$$,
	-- a query that names an index learns how many documents have a word
	$$SELECT round(('secret17'::text <@> to_bm25query('secret17', '"t""; DROP"'))::numeric, 3)$$,
	$$SELECT 'secret17'::text @@@ to_bm25query('secret17', '"t""; DROP"')$$,
	$$SELECT df FROM gigavec.explain_score('secret17', to_bm25query('secret17', '"t""; DROP"')) WHERE part = 'secret17'$$,
	$$SELECT 'secret17'::text <@> gigavec.bm25_bind('secret17', to_bm25query('', '"t""; DROP"'))$$,
	$$SELECT 'secret17'::text <@> gigavec.bm25_bind('secret17'::text, ''::bm25query)$$,
	$$SELECT gigavec.snippet('a secret17', to_bm25query('secret17', '"t""; DROP"'), 'simple')$$,
	$$SELECT id FROM "the 'table'" ORDER BY "the ""text""" <@> 'secret18' LIMIT 1$$,
	$$SELECT vector_distance FROM gigavec.hybrid_search('"the ''table''"', 'secret18', '[18,4,7]', 1, vector_index => '"h""; DROP"')$$,
	$$SELECT vector_distance FROM gigavec.hybrid_search('"the ''table''"', NULL, '[18,4,7]', 1, vector_index => '"k""; DROP"')$$,
	$$SELECT count(*) > 3 FROM gigavec.hybrid_plan('"the ''table''"', 'secret18', '[18,4,7]', vector_index => '"h""; DROP"')$$,
	$$SELECT id FROM "the 'table'" ORDER BY "v, w" <#> '[1,2,3]' LIMIT 1$$,
	$$SELECT id FROM "the 'table'" ORDER BY "v, w" <=> '[18,4,7]' LIMIT 1$$,
	$$SELECT id FROM "the 'table'" ORDER BY "v, w" <+> '[18,4,7]' LIMIT 1$$,
	$$SELECT count(*) FROM "the 'table'" WHERE "v, w" <+> '[18,4,7]' < 1000$$,
	$$SELECT count(*) > 3 FROM gigavec.advise('"the ''table''"', 'v, w')$$
	]) sql);
GRANT SELECT ON attempts TO PUBLIC;
ALTER FUNCTION attempt(name, text) OWNER TO CURRENT_USER;
\set VERBOSITY terse
SELECT n, attempt('gigavec_nobody', sql) FROM attempts ORDER BY n;
SELECT n, attempt('gigavec_reader', sql) FROM attempts ORDER BY n;

-- only a column that is not indexed, then under row-level security
REVOKE SELECT ON "the 'table'" FROM gigavec_reader;
GRANT SELECT (id) ON "the 'table'" TO gigavec_reader;
SELECT n, attempt('gigavec_reader', sql) FROM attempts ORDER BY n;
GRANT SELECT ON "the 'table'" TO gigavec_reader;
ALTER TABLE "the 'table'" ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON "the 'table'" USING (owner = current_user);
SET enable_seqscan = off;
SELECT n, attempt('gigavec_reader', sql) FROM attempts ORDER BY n;
-- rows of others are found by no index
SET ROLE gigavec_reader;
SELECT count(*), min(owner), max(owner) FROM (SELECT owner FROM "the 'table'" ORDER BY "v, w" <#> '[1,2,3]' LIMIT 150) x;
SELECT count(*), min(owner), max(owner) FROM (SELECT owner FROM "the 'table'" ORDER BY "v, w" <=> '[1,2,3]' LIMIT 150) x;
SELECT count(*), min(owner), max(owner) FROM (SELECT owner FROM "the 'table'" ORDER BY "v, w" <+> '[1,2,3]' LIMIT 150) x;
SELECT count(*), min(owner), max(owner) FROM "the 'table'" WHERE "v, w" <+> '[1,2,3]' < 1000;
SELECT count(*), min(owner), max(owner) FROM "the 'table'" WHERE "the ""text""" @@@ 'word1 word2';
SELECT count(*), min(owner), max(owner) FROM (SELECT owner FROM "the 'table'" ORDER BY "the ""text""" <@> 'word1 word2' LIMIT 150) x;
SELECT count(*), min(owner), max(owner) FROM gigavec.hybrid_search('"the ''table''"', 'word1 word2', '[1,2,3]', 100, vector_index => '"h""; DROP"')
	JOIN "the 'table'" t ON t.ctid = tid;
-- an operator of his own that tells what it sees is not asked before the policy
CREATE FUNCTION pg_temp.tell(text, text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'saw %', $1; RETURN true; END $$;
CREATE OPERATOR pg_temp.=@= (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_temp.tell);
SELECT id FROM "the 'table'" WHERE "the ""text""" OPERATOR(pg_temp.=@=) '' AND id < 5 ORDER BY "the ""text""" <@> 'word3' LIMIT 1;
-- nor is a filter of hybrid search, which is SQL of the caller's
SELECT text_rank FROM gigavec.hybrid_search('"the ''table''"', 'word3', NULL, 1, filter => '"the ""text""" OPERATOR(pg_temp.=@=) '''' AND id < 10');
SELECT text_rank FROM gigavec.hybrid_search('"the ''table''"', 'word3', NULL, 1, filter => 'true) UNION SELECT 1, NULL, NULL, NULL --');
SELECT text_rank FROM gigavec.hybrid_search('"the ''table''"', 'word3', NULL, 1, filter => 'true; DROP TABLE attempts');
RESET ROLE;
RESET enable_seqscan;

-- what a reader may not do with the index of another
SET ROLE gigavec_reader;
DROP INDEX "k""; DROP";
ALTER INDEX "f""; DROP" SET (probes = 1);
RESET ROLE;

-- nor score with it: an index that a function named when the query was planned, and no more when it runs, is not the planner's choice
SET ROLE gigavec_nobody;
SET search_path = pg_temp, "Odd; ""schema", public;
CREATE TEMP TABLE mine (id integer, body text);
INSERT INTO mine VALUES (1, 'a secret17'), (2, 'word1');
CREATE INDEX mine_body ON mine USING bm25 (body) WITH (text_config = 'simple');
CREATE FUNCTION pg_temp.named() RETURNS text STABLE LANGUAGE sql AS $$SELECT nullif(current_setting('my.index'), '')$$;
SET plan_cache_mode = force_generic_plan;
PREPARE scores (text) AS SELECT id, body <@> plainto_bm25query($1, pg_temp.named()) = body <@> 'secret17' AS by_own_index FROM mine;
SET my.index = '"t""; DROP"';
EXPLAIN (COSTS OFF) EXECUTE scores('secret17');
EXECUTE scores('secret17');
SET my.index = '';
EXECUTE scores('secret17');
SET my.index = 'mine_body';
EXECUTE scores('secret17');
DEALLOCATE scores;
RESET plan_cache_mode;
RESET search_path;
RESET ROLE;

-- objects of the same names that come first in the search_path are not ours
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE FUNCTION evil.bm25_bind(text, bm25query) RETURNS bm25query LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE FUNCTION evil.to_bm25query(text, text) RETURNS bm25query LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE FUNCTION evil.to_bm25query(text) RETURNS bm25query LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE FUNCTION evil.distance(text, bm25query) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE FUNCTION evil.distance(vector, vector) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE FUNCTION evil.plus(float8, integer) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE FUNCTION evil.less(float8, float8) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil'; END $$;
CREATE OPERATOR evil.<@> (LEFTARG = text, RIGHTARG = bm25query, FUNCTION = evil.distance);
CREATE OPERATOR evil.<-> (LEFTARG = vector, RIGHTARG = vector, FUNCTION = evil.distance);
CREATE OPERATOR evil.+ (LEFTARG = float8, RIGHTARG = integer, FUNCTION = evil.plus);
CREATE OPERATOR evil.< (LEFTARG = float8, RIGHTARG = float8, FUNCTION = evil.less);
CREATE DOMAIN evil.vector AS integer;
CREATE DOMAIN evil.text AS integer;
CREATE TABLE evil."the 'table'" (id integer);
SET search_path = evil, pg_catalog, public;
SELECT text_rank, vector_distance FROM gigavec.hybrid_search('"Odd; ""schema"."the ''table''"', 'secret18', '[18,4,7]', 1, vector_index => '"Odd; ""schema"."h""; DROP"');
SELECT count(*) > 0 FROM gigavec.hybrid_plan('"Odd; ""schema"."the ''table''"', 'secret18', '[18,4,7]', vector_index => '"Odd; ""schema"."h""; DROP"');
SELECT ndcg FROM gigavec.tune_fusion('"Odd; ""schema"."the ''table''"', $$SELECT 1 AS id, 'secret18'::pg_catalog.text AS query_text, '[18,4,7]'::public.vector AS query_vector$$,
	'SELECT 1 AS query, 18 AS document, 1 AS grade', 'id', vector_index => '"Odd; ""schema"."h""; DROP"') LIMIT 1;
SELECT count(*) FROM (VALUES ('f'), ('k'), ('t')) x (name), gigavec.check(pg_catalog.format('%I."%s""; DROP"', 'Odd; "schema', name)::pg_catalog.regclass);
SELECT recall > .9 FROM gigavec.recall('"Odd; ""schema"."p""; DROP"');
REINDEX TABLE "Odd; ""schema"."the 'table'";
VACUUM "Odd; ""schema"."the 'table'";
RESET search_path;

SET client_min_messages = warning;
DROP SCHEMA evil CASCADE;
DROP SCHEMA "Odd; ""schema" CASCADE;
DROP OWNED BY gigavec_owner, gigavec_reader, gigavec_nobody;
DROP ROLE gigavec_owner, gigavec_reader, gigavec_nobody;
