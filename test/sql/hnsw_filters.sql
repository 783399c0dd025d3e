--
-- hnsw: filter columns
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/hnsw.sql'
\set ECHO none
\i :helpers

-- Do the index and the table give the same rows under a condition, in the
-- same order of distance, and is the condition the index's?  Where all rows
-- come the last may be out of order.
CREATE FUNCTION hnsw_test.filtered(condition text, k integer DEFAULT 20) RETURNS TABLE (rows bigint, same boolean, in_index boolean)
LANGUAGE plpgsql AS $$
DECLARE
	query text := format('SELECT array_agg(d ORDER BY n) AS d, array_agg(id ORDER BY id) AS ids, count(*) AS rows FROM (SELECT row_number() OVER () AS n, d, id FROM '
		'(SELECT v <-> ''[0,0,0,0]'' AS d, id FROM hnsw_test.items WHERE v IS NOT NULL AND (%s) ORDER BY v <-> ''[0,0,0,0]'' LIMIT %s) x) y', condition, k);
	line text;
	by_index record;
	by_table record;
BEGIN
	PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true), set_config('enable_indexscan', 'on', true);
	in_index := true;
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		in_index := in_index AND line NOT LIKE '% Filter: %' AND line NOT LIKE '%Seq Scan%';
	END LOOP;
	EXECUTE query INTO by_index;
	PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_sort', 'on', true), set_config('enable_indexscan', 'off', true);
	EXECUTE query INTO by_table;
	PERFORM set_config('enable_indexscan', 'on', true);
	rows := by_index.rows;
	same := by_index.rows = by_table.rows AND (by_table.rows = 0 OR hnsw_test.same(CASE WHEN by_table.rows < k THEN hnsw_test.sorted(by_index.d) ELSE by_index.d END, by_table.d)) AND (by_table.rows = k OR by_index.ids IS NOT DISTINCT FROM by_table.ids);
	RETURN NEXT;
END $$;
-- a plan, with what differs between versions made equal: the order of conditions, and marks
CREATE FUNCTION hnsw_test.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	conditions text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		conditions := substring(line FROM 'Index Cond: \((\(.*\))\)$');
		IF conditions IS NOT NULL THEN
			line := '  Index Cond: ' || (SELECT string_agg(c, ' AND ' ORDER BY c COLLATE "C") FROM regexp_split_to_table(conditions, ' AND ') c);
		END IF;
		CONTINUE WHEN line LIKE '%Disabled: true';
		RETURN NEXT line;
	END LOOP;
END $$;
\set ECHO all

-- what is refused
CREATE TABLE hnsw_test.items (id integer, v vector(4), w vector(4), n numeric, p point, points point[]);
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (id)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (id, v vector_l2_ops)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (v vector_l2_ops, w vector_l2_ops)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (v vector_l2_ops, n)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (v vector_l2_ops, p)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (v vector_l2_ops, points)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (v vector_l2_ops, id) INCLUDE (n)');
SELECT * FROM hnsw_test.raised('CREATE INDEX ON hnsw_test.items USING hnsw (v vector_l2_ops, ' || (SELECT string_agg('id', ', ') FROM generate_series(1, 32)) || ')');
SELECT * FROM hnsw_test.raised('CREATE UNLOGGED TABLE hnsw_test.unlogged (v vector(4), id integer, EXCLUDE USING hnsw (id WITH =))');
DROP TABLE hnsw_test.items;

-- all types
CREATE TYPE hnsw_test.size AS ENUM ('small', 'large');
ALTER TYPE hnsw_test.size ADD VALUE 'medium' BEFORE 'large';
CREATE DOMAIN hnsw_test.percent AS integer CHECK (VALUE BETWEEN 0 AND 100);
CREATE TABLE hnsw_test.items (id integer, v vector(4), b boolean, i2 smallint, i4 integer, i8 bigint, f4 real, f8 double precision,
	d date, ts timestamp, tz timestamptz, u uuid, e hnsw_test.size, t text, c text COLLATE "C", vc varchar(20), ia integer[], ta text[], pc hnsw_test.percent);
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 4), i % 3 = 0, i % 100 - 50, i % 100 - 50, (i % 100 - 50) * 10000000000, (i % 100) / 8.0 - 5, (i % 100) / 7.0 - 5,
	date '2024-01-01' + i % 100, timestamp '2024-01-01' + i % 100 * interval '1 hour', timestamptz '2024-01-01 UTC' + i % 100 * interval '1 min',
	md5((i % 100)::text)::uuid, (ARRAY['small', 'medium', 'large'])[i % 3 + 1]::hnsw_test.size, 'text ' || i % 100, 'text ' || i % 100, 'x' || i % 50,
	ARRAY[i % 10, 100 + i % 7, 200 + i % 3], CASE WHEN i % 20 = 0 THEN '{}' ELSE ARRAY['a' || i % 10, NULL, 'b' || i % 7] END, i % 100
FROM generate_series(1, 2000) i;
-- nulls, special numbers, extremes
INSERT INTO hnsw_test.items (id, v) SELECT i, hnsw_test.vec(i, 4) FROM generate_series(2001, 2050) i;
INSERT INTO hnsw_test.items (id, v, i2, i4, i8, f4, f8, d, ts, tz) VALUES
	(3001, '[1,2,3,4]', -32768, -2147483648, -9223372036854775808, '-inf', '-inf', '-infinity', '-infinity', '-infinity'),
	(3002, '[1,2,3,5]', 32767, 2147483647, 9223372036854775807, 'inf', 'inf', 'infinity', 'infinity', 'infinity'),
	(3003, '[1,2,3,6]', 0, 0, 0, 'nan', 'nan', NULL, NULL, NULL), (3004, '[1,2,3,7]', 0, 0, 0, '-0', '-0', NULL, NULL, NULL);
INSERT INTO hnsw_test.items (id, i4) VALUES (3005, 7);
SET client_min_messages = warning;
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v vector_l2_ops, b, i2, i4, i8, f4, f8, d, ts, tz, u, e, t, c, vc, ia, ta, pc);
SELECT * FROM gigavec.check('hnsw_test.items_v');
SELECT name, value FROM gigavec.stats('hnsw_test.items_v') WHERE name IN ('format_version', 'filter_columns', 'rows');

SELECT condition, f.* FROM unnest(ARRAY[
	'b', 'NOT b', 'b = true', 'b = false', 'b > false', 'b IS NULL', 'b IS NOT NULL',
	'i2 = 7', 'i2 < -40', 'i2 <= -40', 'i2 >= 40', 'i2 > 40', 'i2 = 7::smallint', 'i2 < 7::bigint', 'i2 < 100000', 'i2 > 100000', 'i2 = 100000', 'i2 >= -100000', 'i2 < -100000',
	'i4 = 7', 'i4 < -40', 'i4 <= -2147483648', 'i4 < -2147483648', 'i4 >= 40', 'i4 > 40', 'i4 = 7::smallint', 'i4 = 7::bigint', 'i4 > 3000000000', 'i4 <= 3000000000',
	'i4 BETWEEN 5 AND 9', 'i4 > 9 AND i4 < 5', 'i4 IN (1, 2, 3, 1)', 'i4 IN (1, NULL)', 'i4 = ANY (''{}'')', 'i4 = ANY (NULL::int[])', 'i4 = NULL', 'i4 < ANY (''{-40,-45}'')', 'i4 >= ANY (''{40,45}'')', 'i4 IS NULL',
	'i8 = 70000000000', 'i8 < -400000000000', 'i8 <= -9223372036854775808', 'i8 < -9223372036854775808', 'i8 >= 400000000000', 'i8 > 9223372036854775807', 'i8 >= 9223372036854775807', 'i8 = 0', 'i8 > 0::smallint', 'i8 IN (0, 70000000000)',
	'f4 = -4.5', 'f4 = 0.1::float8', 'f4 < -4.5', 'f4 < -4.4::float8', 'f4 <= -4.4::float8', 'f4 > 6.9::float8', 'f4 >= 6.9::float8', 'f4 = 0', 'f4 = ''nan''', 'f4 > ''inf''', 'f4 >= 1e300::float8', 'f4 > 1e300::float8', 'f4 < ''-inf''', 'f4 <= ''-inf''',
	'f8 = 0', 'f8 < -4.5', 'f8 <= -4.5', 'f8 > 8::real', 'f8 >= 8', 'f8 = ''nan''', 'f8 < ''nan''', 'f8 IN (0, -5)',
	'd = ''2024-02-01''', 'd < ''2024-01-05''', 'd <= ''-infinity''', 'd >= ''2024-04-05''', 'd > ''2024-04-05''', 'd IN (''2024-02-01'', ''2024-02-02'')', 'd IS NULL',
	'ts = ''2024-01-02''', 'ts < ''2024-01-01 05:00''', 'ts >= ''2024-01-04 20:00''', 'tz = ''2024-01-01 00:10 UTC''', 'tz < ''2024-01-01 00:05 UTC''', 'tz > ''2024-01-01 01:30 UTC''', 'tz = ''infinity''',
	'u = md5(''7'')::uuid', 'u < ''10000000-0000-0000-0000-000000000000''', 'u <= md5(''7'')::uuid', 'u >= ''f0000000-0000-0000-0000-000000000000''', 'u > md5(''7'')::uuid', 'u IN (md5(''7'')::uuid, md5(''8'')::uuid)', 'u IS NULL',
	'e = ''medium''', 'e < ''medium''', 'e <= ''medium''', 'e >= ''medium''', 'e > ''medium''', 'e < ''small''', 'e IN (''small'', ''large'')', 'e IS NULL',
	't = ''text 7''', 't < ''text 2''', 't >= ''text 9''', 't IN (''text 7'', ''text 8'', ''nothing'')', 't = ''nothing''', 't IS NULL',
	'c = ''text 7''', 'c < ''text 2''', 'c <= ''text 2''', 'c >= ''text 9''', 'c > ''text 9''', 'c < ''tex''', 'c > ''tex''', 'c IN (''text 7'', ''text 8'')',
	'vc = ''x7''', 'vc IN (''x7'', ''x8'')',
	'ia @> ''{3}''', 'ia @> ''{3,103}''', 'ia @> ''{3,4}''', 'ia @> ''{}''', 'ia @> ''{3,NULL}''', 'ia && ''{3,4}''', 'ia && ''{}''', 'ia && ''{NULL}''', 'ia && ''{999}''', 'ia IS NULL',
	'ta @> ''{a3}''', 'ta @> ''{a3,b3}''', 'ta && ''{a3,b3}''', 'ta @> ''{}''',
	'pc = 7', 'pc > 90',
	'v IS NOT NULL', 'i4 = 7 AND b AND e = ''small''', 'i4 = 7 AND t = ''text 57'' AND ia @> ''{7}'' AND d IS NOT NULL',
	'i4 = 7 OR i4 = 8', 'i4 = 7 OR i4 = -7 OR i4 = 7000', 'i4 = 7 OR i4 = NULL', 'i4 < -40 OR i4 < -45', 'i4 = 7 OR i4 > 40', 'i4 = 7 OR i4 = 8::bigint', 'i4 = 7 OR i2 = 7',
	'u = md5(''7'')::uuid OR u = md5(''8'')::uuid', 't = ''text 7'' OR t = ''text 8''', 'c = ''text 7'' OR c = ''text 8''', 'vc = ''x7'' OR vc = ''x8''', 'pc = 7 OR pc = 8', '(i4 = 7 OR i4 = 8) AND b', 'i4 = 7 OR i4 = 8 AND b',
	'ia && ''{3}'' OR ia && ''{4}''', 'ta @> ''{a3}'' OR ta @> ''{b4}''', 'ia = ''{3,103}'' OR ia = ''{4,104}''',
	'i4 = 7 AND id % 2 = 0', 'i4 = 7 OR id = 9', 'id < 0']) WITH ORDINALITY x (condition, n), hnsw_test.filtered(condition) f ORDER BY n;
-- to the last row
SELECT condition, f.* FROM unnest(ARRAY['i4 = 7', 'i4 > -40', 'b', 't >= ''text 5''', 'ia && ''{3,4}''', 'e IS NULL', 'true']) WITH ORDINALITY x (condition, n), hnsw_test.filtered(condition, 5000) f ORDER BY n;

-- plans: the condition, its recheck, none without an order
SET enable_seqscan = off;
SELECT * FROM hnsw_test.plan($$SELECT id FROM hnsw_test.items WHERE i4 = 7 AND b AND t = 'text 7' ORDER BY v <-> '[0,0,0,0]' LIMIT 3$$);
SELECT * FROM hnsw_test.plan($$SELECT id FROM hnsw_test.items WHERE i4 IN (7, 8) AND ta && '{a3}' AND id > 5 ORDER BY v <-> '[0,0,0,0]' LIMIT 3$$);
SELECT * FROM hnsw_test.plan($$SELECT id FROM hnsw_test.items WHERE (i4 = 7 OR i4 = 8) AND b ORDER BY v <-> '[0,0,0,0]' LIMIT 3$$);
SELECT * FROM hnsw_test.plan($$SELECT id FROM hnsw_test.items WHERE i4 = 7$$);
-- conditions of the index are the index's though most rows pass them
SELECT * FROM hnsw_test.plan($$SELECT id FROM hnsw_test.items WHERE NOT b ORDER BY v <-> '[0,0,0,0]' LIMIT 3$$);
SELECT * FROM hnsw_test.plan($$SELECT id FROM hnsw_test.items WHERE e IN ('small', 'medium') ORDER BY v <-> '[0,0,0,0]' LIMIT 3$$);
RESET enable_seqscan;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM hnsw_test.items i JOIN generate_series(1, 3) n ON n = i.i4;
SELECT count(*) FROM hnsw_test.items i JOIN generate_series(1, 3) n ON n = i.i4;
RESET enable_hashjoin;
RESET enable_mergejoin;

-- parameters, in generic plans too, and rescans
SET enable_seqscan = off;
SET enable_sort = off;
SET plan_cache_mode = force_generic_plan;
PREPARE by_key(integer, vector) AS SELECT count(*), min(i4), max(i4) FROM (SELECT i4 FROM hnsw_test.items WHERE i4 = $1 ORDER BY v <-> $2 LIMIT 10) x;
EXECUTE by_key(7, '[0,0,0,0]');
EXECUTE by_key(8, '[1,2,3,4]');
EXECUTE by_key(NULL, '[1,2,3,4]');
EXECUTE by_key(1000, '[1,2,3,4]');
PREPARE by_list(integer[], vector) AS SELECT count(*), min(i4), max(i4) FROM (SELECT i4 FROM hnsw_test.items WHERE i4 = ANY ($1) ORDER BY v <-> $2 LIMIT 100) x;
EXPLAIN (COSTS OFF) EXECUTE by_list('{7,8}', '[0,0,0,0]');
EXECUTE by_list('{7,8}', '[0,0,0,0]');
EXECUTE by_list('{NULL,9}', '[0,0,0,0]');
EXECUTE by_list(NULL, '[0,0,0,0]');
PREPARE by_either(integer, integer, vector) AS SELECT count(*), min(i4), max(i4) FROM (SELECT i4 FROM hnsw_test.items WHERE i4 = $1 OR i4 = $2 ORDER BY v <-> $3 LIMIT 100) x;
EXPLAIN (COSTS OFF) EXECUTE by_either(7, 8, '[0,0,0,0]');
EXECUTE by_either(7, 8, '[0,0,0,0]');
EXECUTE by_either(7, NULL, '[0,0,0,0]');
RESET plan_cache_mode;
SELECT n, (SELECT array_agg(i4) FROM (SELECT i4 FROM hnsw_test.items WHERE i4 = n AND b ORDER BY v <-> '[0,0,0,0]' LIMIT 4) x) FROM generate_series(-2, 2) n;
RESET enable_seqscan;
RESET enable_sort;

-- iterative_scan = off and a limit of rows
SET hnsw.iterative_scan = off;
SELECT * FROM hnsw_test.filtered('i4 = 7');
SET hnsw.iterative_scan = relaxed_order;
SELECT * FROM hnsw_test.filtered('i4 = 7');
RESET hnsw.iterative_scan;

-- rows of one vector with other values; written one by one, changed, deleted
INSERT INTO hnsw_test.items (id, v, i4, t) SELECT 4000 + i, '[0,0,0,0]', 1000 + i % 5, 'same' FROM generate_series(1, 50) i;
INSERT INTO hnsw_test.items (id, v, i4, t) SELECT 4100 + i, '[0,0,0,1]', 2000, 'same' FROM generate_series(1, 50) i;
SELECT condition, f.* FROM unnest(ARRAY['i4 = 1001', 'i4 = 1004', 'i4 IN (1000, 1003)', 'i4 = 2000', 'i4 > 1000', 't = ''same''']) WITH ORDINALITY x (condition, n), hnsw_test.filtered(condition) f ORDER BY n;
SELECT * FROM gigavec.check('hnsw_test.items_v');
UPDATE hnsw_test.items SET i4 = 3000 WHERE id IN (4001, 4101);
DELETE FROM hnsw_test.items WHERE id BETWEEN 4002 AND 4040 OR id % 3 = 0;
SELECT condition, f.* FROM unnest(ARRAY['i4 = 1001', 'i4 = 2000', 'i4 = 3000', 'i4 = 7', 'b']) WITH ORDINALITY x (condition, n), hnsw_test.filtered(condition) f ORDER BY n;
VACUUM hnsw_test.items;
SELECT * FROM gigavec.check('hnsw_test.items_v');
INSERT INTO hnsw_test.items (id, v, i4, t) SELECT 5000 + i, hnsw_test.vec(i, 4), i % 100, 'again' FROM generate_series(1, 1000) i;
SELECT condition, f.* FROM unnest(ARRAY['i4 = 1001', 'i4 = 2000', 'i4 = 3000', 'i4 = 7', 't = ''again''', 'b']) WITH ORDINALITY x (condition, n), hnsw_test.filtered(condition) f ORDER BY n;
SELECT * FROM gigavec.check('hnsw_test.items_v');
REINDEX INDEX hnsw_test.items_v;
SELECT condition, f.* FROM unnest(ARRAY['i4 = 1001', 'i4 = 2000', 'i4 = 3000', 'i4 = 7', 't = ''again''', 'b']) WITH ORDINALITY x (condition, n), hnsw_test.filtered(condition) f ORDER BY n;
SELECT * FROM gigavec.check('hnsw_test.items_v');
DROP TABLE hnsw_test.items;

-- without codes, beyond maintenance_work_mem, an empty index, 31 filter columns
CREATE TABLE hnsw_test.items (id integer, v vector(4), a integer, t text);
CREATE INDEX items_l1 ON hnsw_test.items USING hnsw (v vector_l1_ops, a, t);
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v vector_l2_ops, a, t);
SELECT * FROM hnsw_test.filtered('a = 7');
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 4), i % 100, 't' || i % 10 FROM generate_series(1, 1500) i;
SELECT * FROM hnsw_test.filtered('a = 7');
SET enable_seqscan = off;
SELECT count(*), min(a), max(a) FROM (SELECT a FROM hnsw_test.items WHERE a = 7 AND t = 't7' ORDER BY v <+> '[0,0,0,0]' LIMIT 12) x;
SELECT count(*), min(a), max(a) FROM (SELECT a FROM hnsw_test.items WHERE a < 70 ORDER BY v <+> '[0,0,0,0]' LIMIT 1000) x;
RESET enable_seqscan;
SELECT count(*) FROM gigavec.check('hnsw_test.items_l1');
DELETE FROM hnsw_test.items WHERE id % 2 = 0;
VACUUM hnsw_test.items;
SELECT count(*) FROM gigavec.check('hnsw_test.items_l1');
DROP INDEX hnsw_test.items_v;
SET maintenance_work_mem = '1MB';
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 4), i % 100, 't' || i % 10 FROM generate_series(2001, 8000) i;
CREATE INDEX items_v ON hnsw_test.items USING hnsw (v vector_l2_ops, a, t);
RESET maintenance_work_mem;
SELECT count(*) FROM gigavec.check('hnsw_test.items_v');
SELECT * FROM hnsw_test.filtered('a = 7');
DROP INDEX hnsw_test.items_v;
DROP INDEX hnsw_test.items_l1;
SELECT format('CREATE INDEX items_v ON hnsw_test.items USING hnsw (v vector_l2_ops, %s)', (SELECT string_agg('(a::bigint + ' || i || ')', ', ') FROM generate_series(1, 31) i)) AS many
\gexec
SELECT count(*) FROM gigavec.check('hnsw_test.items_v');
SELECT * FROM hnsw_test.filtered('a::bigint + 31 = 38');
DROP INDEX hnsw_test.items_v;
-- zero vectors by cosine have no node, and so no filter columns
INSERT INTO hnsw_test.items SELECT 9000 + i, '[0,0,0,0]', i % 4, 'zero' FROM generate_series(1, 20) i;
CREATE INDEX items_c ON hnsw_test.items USING hnsw (v vector_cosine_ops, a, t);
SELECT count(*) FROM gigavec.check('hnsw_test.items_c');
SET enable_seqscan = off;
SELECT count(*), min(a), max(a) FROM (SELECT a FROM hnsw_test.items WHERE a = 3 AND t = 'zero' ORDER BY v <=> '[1,0,0,0]' LIMIT 12) x;
RESET enable_seqscan;
DROP TABLE hnsw_test.items;

-- values of several pages: what VACUUM frees is not taken for a page of filters, which may
-- be empty still
CREATE FUNCTION hnsw_test.long_vec(i bigint) RETURNS vector
LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg(((i * j * 7919 + j) % 1009)::real ORDER BY j)::vector FROM generate_series(1, 4000) j
$$;
CREATE TABLE hnsw_test.items (id integer, a integer, v vector(4000));
INSERT INTO hnsw_test.items SELECT i, i % 7, hnsw_test.long_vec(i) FROM generate_series(1, 150) i;
CREATE INDEX items_l1 ON hnsw_test.items USING hnsw (v vector_l1_ops, a);
DELETE FROM hnsw_test.items WHERE id % 3 = 0;
VACUUM hnsw_test.items;
INSERT INTO hnsw_test.items SELECT i, i % 7, hnsw_test.long_vec(i) FROM generate_series(151, 250) i;
DELETE FROM hnsw_test.items WHERE id % 3 = 1;
VACUUM hnsw_test.items;
INSERT INTO hnsw_test.items SELECT i, i % 7, hnsw_test.long_vec(i) FROM generate_series(251, 350) i;
SELECT * FROM gigavec.check('hnsw_test.items_l1');
SELECT count(*) FROM hnsw_test.items;
DROP TABLE hnsw_test.items;

SET client_min_messages = warning;
DROP SCHEMA hnsw_test CASCADE;
