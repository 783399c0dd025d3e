--
-- hnsw: duplicates by the thousand, one row, nothing but nulls or zeros, and
-- the largest and smallest elements
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/hnsw.sql'
\set ECHO none
\i :helpers
\set ECHO all

-- every type and operator class, on tables of each kind: as many rows by the
-- index as there are, in the same order of distances, and a sound index
CREATE TABLE hnsw_test.kinds (type text, operator text, class text);
INSERT INTO hnsw_test.kinds SELECT t || '(3)', o, t || '_' || c || '_ops'
	FROM unnest(ARRAY['vector', 'halfvec', 'sparsevec']) t, (VALUES ('<->', 'l2'), ('<#>', 'ip'), ('<=>', 'cosine'), ('<+>', 'l1')) x (o, c);
INSERT INTO hnsw_test.kinds VALUES ('bit(3)', '<~>', 'bit_hamming_ops'), ('bit(3)', '<%>', 'bit_jaccard_ops');

-- fill is a query for one column of type text, in the form of a vector; build
-- says whether the index is built before or after the rows come
CREATE FUNCTION hnsw_test.try(fill text, question text, before boolean)
RETURNS TABLE (type text, operator text, rows bigint, returned integer, same boolean, problems bigint)
LANGUAGE plpgsql SET client_min_messages = warning SET hnsw.ef_search = 200 AS $$
DECLARE
	k record;
	cast_text text;
	q text;
	by_index float8[];
	by_table float8[];
BEGIN
	FOR k IN SELECT * FROM hnsw_test.kinds x ORDER BY x.type, x.operator LOOP
		cast_text := CASE WHEN k.type LIKE 'bit%' THEN 'binary_quantize(t::vector)::bit(3)' WHEN k.type LIKE 'sparse%' THEN 't::vector::sparsevec' ELSE 't::' || k.type END;
		DROP TABLE IF EXISTS hnsw_test.tried;
		EXECUTE format('CREATE TABLE hnsw_test.tried (id serial, v %s)', k.type);
		IF before THEN
			EXECUTE format('CREATE INDEX tried_v ON hnsw_test.tried USING hnsw (v %s)', k.class);
		END IF;
		EXECUTE format('INSERT INTO hnsw_test.tried (v) SELECT %s FROM (%s) x (t)', cast_text, fill);
		IF NOT before THEN
			EXECUTE format('CREATE INDEX tried_v ON hnsw_test.tried USING hnsw (v %s)', k.class);
		END IF;
		EXECUTE format('SELECT (%s)::text FROM (SELECT %L::text) x (t)', cast_text, question) INTO q;
		by_index := hnsw_test.nearest('hnsw_test.tried', k.operator, q, 100000, true);
		by_table := hnsw_test.nearest('hnsw_test.tried', k.operator, q, 100000, false);
		type := k.type;
		operator := k.operator;
		SELECT count(*) FROM hnsw_test.tried INTO rows;
		returned := coalesce(cardinality(by_index), 0);
		same := by_index IS NOT DISTINCT FROM by_table OR hnsw_test.same(by_index, by_table);
		SELECT count(*) FROM gigavec.check('hnsw_test.tried_v') INTO problems;
		RETURN NEXT;
	END LOOP;
END $$;
CREATE FUNCTION hnsw_test.texts(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE query; END $$;
-- what differs from what it should be, of all kinds
CREATE FUNCTION hnsw_test.wrong(fill text, question text)
RETURNS TABLE (before boolean, type text, operator text, rows bigint, returned integer, same boolean, problems bigint)
LANGUAGE sql AS $$
	SELECT b, t.* FROM (VALUES (false), (true)) x (b), hnsw_test.try(fill, question, b) t
	WHERE t.returned <> (SELECT count(y) FROM hnsw_test.texts(fill) y) OR NOT t.same OR t.problems > 0
$$;

-- nothing, one row, nulls, zeros, one vector again and again
SELECT * FROM hnsw_test.wrong('SELECT NULL::text WHERE false', '[1,2,3]');
SELECT * FROM hnsw_test.wrong('SELECT ''[1,2,3]''', '[1,2,3]');
SELECT * FROM hnsw_test.wrong('SELECT ''[0,0,0]''', '[1,2,3]');
SELECT * FROM hnsw_test.wrong('SELECT NULL::text FROM generate_series(1, 50)', '[1,2,3]');
SELECT * FROM hnsw_test.wrong('SELECT ''[0,0,0]'' FROM generate_series(1, 500)', '[1,2,3]');
SELECT * FROM hnsw_test.wrong('SELECT ''[0,0,0]'' FROM generate_series(1, 500)', '[0,0,0]');
SELECT * FROM hnsw_test.wrong('SELECT ''[1,2,3]'' FROM generate_series(1, 1000)', '[3,-2,1]');
SELECT * FROM hnsw_test.try('SELECT ''[1,2,3]'' FROM generate_series(1, 10000)', '[3,-2,1]', false) WHERE returned <> 10000 OR NOT same OR problems > 0;
SELECT * FROM hnsw_test.wrong('SELECT CASE WHEN i % 3 = 0 THEN ''[1,2,3]'' WHEN i % 3 = 1 THEN NULL ELSE ''[0,0,0]'' END FROM generate_series(1, 600) i', '[3,-2,1]');
-- two vectors that differ in the last bit, or in the sign of zero
SELECT * FROM hnsw_test.wrong('SELECT CASE WHEN i % 2 = 0 THEN ''[1,2,3]'' ELSE ''[1,2,3.0000002]'' END FROM generate_series(1, 100) i', '[3,-2,1]');
SELECT * FROM hnsw_test.wrong('SELECT CASE WHEN i % 2 = 0 THEN ''[0,2,3]'' ELSE ''[-0,2,3]'' END FROM generate_series(1, 100) i', '[3,-2,1]');
DROP TABLE hnsw_test.tried;

-- elements at the limits of float32: distances overflow, and are Infinity; an
-- inner product may be of either sign then, or no number, and that comes last
CREATE TABLE hnsw_test.limits (id serial, v vector(3));
INSERT INTO hnsw_test.limits (v) SELECT format('[%s,%s,%s]', a, b, c)::vector
	FROM unnest(ARRAY['3.4028235e38', '-3.4028235e38', '1.1754944e-38', '-1e-45', '0', '1']) a, unnest(ARRAY['3.4028235e38', '1e-45', '-1e19', '0']) b, unnest(ARRAY['0', '1e-40', '1e19']) c;
CREATE FUNCTION hnsw_test.limits(class text, operator text, question text) RETURNS TABLE (rows bigint, returned integer, ascending boolean, problems bigint)
LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
	d float8[];
BEGIN
	DROP INDEX IF EXISTS hnsw_test.limits_v;
	EXECUTE format('CREATE INDEX limits_v ON hnsw_test.limits USING hnsw (v %s)', class);
	INSERT INTO hnsw_test.limits (v) SELECT v FROM hnsw_test.limits WHERE id <= 72;
	d := hnsw_test.nearest('hnsw_test.limits', operator, question, 100000, true);
	SELECT count(*) FROM hnsw_test.limits INTO rows;
	returned := cardinality(d);
	SELECT bool_and(a <= b + 1e-6 * abs(b) OR b IS NULL OR b = 'NaN') FROM (SELECT x AS a, lead(x) OVER (ORDER BY n) AS b FROM unnest(d) WITH ORDINALITY u (x, n)) s INTO ascending;
	SELECT count(*) FROM gigavec.check('hnsw_test.limits_v') INTO problems;
	DELETE FROM hnsw_test.limits WHERE id > 72;
	RETURN NEXT;
END $$;
SELECT c, q, rows, returned, ascending, problems FROM (VALUES ('<->', 'l2'), ('<#>', 'ip'), ('<=>', 'cosine'), ('<+>', 'l1')) x (o, c),
	unnest(ARRAY['[1,2,3]', '[3.4028235e38,3.4028235e38,-3.4028235e38]', '[1e-45,0,0]', '[0,0,0]']) q,
	LATERAL (SELECT * FROM hnsw_test.limits('vector_' || c || '_ops', o, q) OFFSET 0) l ORDER BY 1, 2;

-- an index that knew one small row, then rows and query vectors that are 1e18 times as long
CREATE TABLE hnsw_test.risen (v vector(8));
INSERT INTO hnsw_test.risen VALUES ('[1,2,3,4,5,6,7,8]');
CREATE INDEX risen_v ON hnsw_test.risen USING hnsw (v vector_l2_ops);
INSERT INTO hnsw_test.risen SELECT (SELECT array_agg(sin(i * j + j * j) * 1e18) FROM generate_series(1, 8) j)::vector FROM generate_series(1, 200) i;
SELECT q, by_index IS NOT DISTINCT FROM by_table OR hnsw_test.same(by_index, by_table) AS same
FROM unnest(ARRAY['[1,2,3,-1,-2,0,1,1]', '[1e18,2e18,0,-1e18,1e18,1e18,0,0]', '[3e17,2e17,1e18,-1e18,1e18,1e18,0,0]']) q,
	LATERAL (SELECT hnsw_test.nearest('hnsw_test.risen', '<->', q, 1000, true), hnsw_test.nearest('hnsw_test.risen', '<->', q, 1000, false) OFFSET 0) n (by_index, by_table);

-- an index that knew one large row, then rows down to the smallest: their points are denormal,
-- and squares of what lies between them are none
CREATE TABLE hnsw_test.fallen (v vector(33));
CREATE INDEX fallen_l2 ON hnsw_test.fallen USING hnsw (v vector_l2_ops);
CREATE INDEX fallen_ip ON hnsw_test.fallen USING hnsw (v vector_ip_ops) WITH (m = 4);
INSERT INTO hnsw_test.fallen SELECT array_fill(3e38::real, ARRAY[33])::vector;
INSERT INTO hnsw_test.fallen SELECT (SELECT array_agg(sin(i * j + j * j) * 10.0 ^ (18 - i % 10 * 6)) FROM generate_series(1, 33) j)::vector FROM generate_series(1, 200) i;
INSERT INTO hnsw_test.fallen SELECT (SELECT array_agg(sin(i * j + j * j) * 10.0 ^ (-4 - i % 4)) FROM generate_series(1, 33) j)::vector FROM generate_series(201, 400) i;
SELECT i, (SELECT count(*) FROM gigavec.check(('hnsw_test.' || i)::regclass)) AS problems FROM unnest(ARRAY['fallen_l2', 'fallen_ip']) i;
SELECT o, e, by_index IS NOT DISTINCT FROM by_table OR hnsw_test.same(by_index, by_table) AS same
FROM unnest(ARRAY['<->', '<#>']) o, unnest(ARRAY['1e-40', '1', '-1e12', '1e30']) e,
	LATERAL (SELECT array_fill(e::real, ARRAY[33])::vector::text) q (q),
	LATERAL (SELECT hnsw_test.nearest('hnsw_test.fallen', o, q, 1000, true), hnsw_test.nearest('hnsw_test.fallen', o, q, 1000, false) OFFSET 0) n (by_index, by_table);

-- inner products in exact order beside a vector many times as long, by lists, too
CREATE TABLE hnsw_test.lengths (v vector(8));
INSERT INTO hnsw_test.lengths SELECT hnsw_test.vec(i, 8) FROM generate_series(1, 500) i;
INSERT INTO hnsw_test.lengths VALUES ('[1e9,0,0,0,0,0,0,0]');
CREATE FUNCTION hnsw_test.in_order(method text) RETURNS boolean
LANGUAGE plpgsql SET client_min_messages = warning SET hnsw.ef_search = 1000 AS $$
DECLARE
	result boolean;
BEGIN
	EXECUTE format('CREATE INDEX lengths_v ON hnsw_test.lengths USING %s (v vector_ip_ops)', method);
	result := hnsw_test.same(hnsw_test.nearest('hnsw_test.lengths', '<#>', '[1,2,3,-1,-2,0,1,1]', 1000, true),
		hnsw_test.nearest('hnsw_test.lengths', '<#>', '[1,2,3,-1,-2,0,1,1]', 1000, false));
	DROP INDEX hnsw_test.lengths_v;
	RETURN result;
END $$;
SELECT m AS method, hnsw_test.in_order(m) FROM unnest(ARRAY['hnsw', 'ivfflat', 'ivfpq']) m;

-- a few rows far away, on a line with all others: their only links have given way to shorter ones
CREATE TABLE hnsw_test.outliers (id integer, v vector(33));
INSERT INTO hnsw_test.outliers
	SELECT i, array_fill((CASE WHEN i % 100 = 0 THEN i / 100 ELSE i * 7919 % 6000 / 6000.0 END)::real, ARRAY[33])
	FROM generate_series(1, 1500) i;
CREATE INDEX outliers_v ON hnsw_test.outliers USING hnsw (v vector_l2_ops);
SELECT value AS nodes_not_reached FROM gigavec.stats('hnsw_test.outliers_v') WHERE name = 'nodes_not_reached';
SELECT count(*) FROM gigavec.check('hnsw_test.outliers_v');

-- rows far from zero, all near each other: rotating them loses a part that tells which is nearer
CREATE TABLE hnsw_test.distant (id integer, v vector(100));
INSERT INTO hnsw_test.distant SELECT i, (SELECT array_agg(10000 + x / 10.0) FROM unnest(hnsw_test.vec(i, 100)::real[]) x)::vector(100) FROM generate_series(1, 3000) i;
CREATE INDEX distant_v ON hnsw_test.distant USING hnsw (v vector_l2_ops);
SET enable_seqscan = off;
SELECT count(*) AS rows, count(*) FILTER (WHERE distance < before) AS after_farther
FROM (SELECT *, lag(distance) OVER (PARTITION BY query ORDER BY number) AS before
	FROM (SELECT q.id AS query, l.distance, row_number() OVER () AS number FROM hnsw_test.distant q,
			LATERAL (SELECT r.v <-> q.v AS distance FROM hnsw_test.distant r ORDER BY r.v <-> q.v LIMIT 100) l WHERE q.id <= 40) x) y;
RESET enable_seqscan;

SET client_min_messages = warning;
DROP SCHEMA hnsw_test CASCADE;
