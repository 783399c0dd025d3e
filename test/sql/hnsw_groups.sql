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
-- Builds an index: is enough of the ten nearest found at ef, and is the index sound?
CREATE FUNCTION hnsw_test.build(opclass name, operator text, enough float8) RETURNS TABLE (recall text, is_sound boolean)
LANGUAGE plpgsql SET hnsw.ef_search = 60 AS $$
DECLARE found float8; truth float8[]; asked record; n integer := 0;
BEGIN
	EXECUTE format('CREATE INDEX items_v ON hnsw_test.items USING hnsw (v %I)', opclass);
	FOR asked IN SELECT v::text AS v FROM hnsw_test.items WHERE id % 67 = 0 ORDER BY id LOOP
		truth := hnsw_test.nearest('hnsw_test.items', operator, asked.v, 10, false);
		n := n + (SELECT count(*) FROM unnest(hnsw_test.nearest('hnsw_test.items', operator, asked.v, 10, true)) d WHERE d <= truth[10] + 1e-5);
	END LOOP;
	found := n / 10.0 / (SELECT count(*) FROM hnsw_test.items WHERE id % 67 = 0);
	recall := CASE WHEN found >= enough THEN 'enough' ELSE found::text END;
	is_sound := NOT EXISTS (SELECT FROM gigavec.check('hnsw_test.items_v'));
	DROP INDEX hnsw_test.items_v;
	RETURN NEXT;
END $$;

-- bits, whose number is no multiple of 32
CREATE TABLE hnsw_test.items (id integer, v bit(203));
INSERT INTO hnsw_test.items SELECT i, hnsw_test.bits(i) FROM generate_series(1, 2700) i;
INSERT INTO hnsw_test.items VALUES (2701, repeat('0', 203)::bit(203));
SELECT opclass, b.* FROM (VALUES ('bit_hamming_ops', '<~>', .95), ('bit_jaccard_ops', '<%>', .95)) c(opclass, operator, enough),
	hnsw_test.build(opclass, operator, enough) b;
DROP TABLE hnsw_test.items;

-- sparsevec by each distance, also without any elements
CREATE TABLE hnsw_test.items (id integer, v sparsevec(20000));
INSERT INTO hnsw_test.items SELECT i, hnsw_test.sparse(i, 20) FROM generate_series(1, 2700) i;
INSERT INTO hnsw_test.items VALUES (2701, '{}/20000');
SELECT opclass, b.* FROM (VALUES ('sparsevec_ip_ops', '<#>', .8), ('sparsevec_cosine_ops', '<=>', .9),
	('sparsevec_l2_ops', '<->', .9), ('sparsevec_l1_ops', '<+>', .8)) c(opclass, operator, enough),
	hnsw_test.build(opclass, operator, enough) b;
DROP TABLE hnsw_test.items;

-- some of too many elements for a group
CREATE TABLE hnsw_test.items (id integer, v sparsevec(20000));
INSERT INTO hnsw_test.items SELECT i, hnsw_test.sparse(i, CASE WHEN i % 40 = 7 THEN 1500 ELSE 15 END) FROM generate_series(1, 2100) i;
SELECT * FROM hnsw_test.build('sparsevec_cosine_ops', '<=>', .9);
DROP TABLE hnsw_test.items;

SET client_min_messages = warning;
DROP SCHEMA hnsw_test CASCADE;
