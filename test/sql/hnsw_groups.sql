--
-- hnsw: builds of exact values that are linked in groups
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/hnsw.sql'
\set ECHO none
\i :helpers
\set ECHO all

-- Fixed numbers
CREATE FUNCTION hnsw_test.number(a integer, b integer) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT abs(hashint8extended(a::bigint * 100000 + b, 7)) $$;
-- A sparsevec of n elements or two more, near to others of its topic
CREATE FUNCTION hnsw_test.sparse(i integer, n integer) RETURNS sparsevec(20000)
LANGUAGE sql IMMUTABLE AS $$
	SELECT ('{' || string_agg(x || ':' || v, ',') || '}/20000')::sparsevec
	FROM (SELECT DISTINCT ON (x) x, .1 + hnsw_test.number(i, j) % 100 / 50.0 AS v
		FROM generate_series(1, n + i % 3) j,
			LATERAL (SELECT 1 + CASE WHEN j % 4 = 0 THEN hnsw_test.number(i, j + 5000) % 20000 ELSE hnsw_test.number(i % 40, j + (hnsw_test.number(i, j) % 3)::integer) % 20000 END AS x) y ORDER BY x) z
$$;
-- Likewise of 203 bits
CREATE FUNCTION hnsw_test.bits(i integer) RETURNS bit(203)
LANGUAGE sql IMMUTABLE AS $$
	SELECT string_agg((CASE WHEN hnsw_test.number(i, j) % 5 = 0 THEN hnsw_test.number(i, j + 1000) ELSE hnsw_test.number(i % 60, j) END % 3 / 2)::text, '' ORDER BY j)::bit(203)
	FROM generate_series(1, 203) j
$$;
-- The part of the ten nearest that are found at ef, and whether the index is sound
CREATE FUNCTION hnsw_test.found(operator text, enough float8) RETURNS TABLE (recall text, is_sound boolean)
LANGUAGE plpgsql SET hnsw.ef_search = 60 AS $$
DECLARE found float8; truth float8[]; asked record; n integer := 0;
BEGIN
	FOR asked IN SELECT v::text AS v FROM hnsw_test.items WHERE id % 67 = 0 ORDER BY id LOOP
		truth := hnsw_test.nearest('hnsw_test.items', operator, asked.v, 10, false);
		n := n + (SELECT count(*) FROM unnest(hnsw_test.nearest('hnsw_test.items', operator, asked.v, 10, true)) d WHERE d <= truth[10] + 1e-5);
	END LOOP;
	found := n / 10.0 / (SELECT count(*) FROM hnsw_test.items WHERE id % 67 = 0);
	RETURN QUERY SELECT CASE WHEN found >= enough THEN 'enough' ELSE found::text END,
		NOT EXISTS (SELECT FROM gigavec.check('hnsw_test.items_v'));
END $$;

-- bits, whose number is no multiple of 32
CREATE TABLE hnsw_test.items (id integer, v bit(203));
INSERT INTO hnsw_test.items SELECT i, hnsw_test.bits(i) FROM generate_series(1, 2700) i;
INSERT INTO hnsw_test.items VALUES (2701, repeat('0', 203)::bit(203));
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v bit_hamming_ops);
SELECT * FROM hnsw_test.found('<~>', .95);
DROP INDEX hnsw_test.items_v;
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v bit_jaccard_ops);
SELECT * FROM hnsw_test.found('<%>', .95);
DROP TABLE hnsw_test.items;

-- sparsevec by each distance, also without any elements
CREATE TABLE hnsw_test.items (id integer, v sparsevec(20000));
INSERT INTO hnsw_test.items SELECT i, hnsw_test.sparse(i, 20) FROM generate_series(1, 2700) i;
INSERT INTO hnsw_test.items VALUES (2701, '{}/20000');
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v sparsevec_ip_ops);
SELECT * FROM hnsw_test.found('<#>', .8);
DROP INDEX hnsw_test.items_v;
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v sparsevec_cosine_ops);
SELECT * FROM hnsw_test.found('<=>', .9);
DROP INDEX hnsw_test.items_v;
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v sparsevec_l2_ops);
SELECT * FROM hnsw_test.found('<->', .9);
DROP INDEX hnsw_test.items_v;
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v sparsevec_l1_ops);
SELECT * FROM hnsw_test.found('<+>', .8);
DROP TABLE hnsw_test.items;

-- some of too many elements for a group
CREATE TABLE hnsw_test.items (id integer, v sparsevec(20000));
INSERT INTO hnsw_test.items SELECT i, hnsw_test.sparse(i, CASE WHEN i % 40 = 7 THEN 1500 ELSE 15 END) FROM generate_series(1, 2100) i;
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v sparsevec_cosine_ops);
SELECT * FROM hnsw_test.found('<=>', .9);
DROP TABLE hnsw_test.items;

SET client_min_messages = warning;
DROP SCHEMA hnsw_test CASCADE;
