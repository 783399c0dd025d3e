--
-- kdtree: filter columns, boxes
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/kdtree.sql'
\set ECHO none
\i :helpers
\set ECHO all

CREATE TYPE kdtree_test.mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE kdtree_test.items (id integer, v vector(3), h halfvec(3), n integer, s smallint, b bigint, f float4, g float8,
	yes boolean, day date, at timestamp, atz timestamptz, u uuid, m kdtree_test.mood, t text, c text COLLATE "C", tags integer[]);
CREATE FUNCTION kdtree_test.fill(first integer, last integer) RETURNS void
LANGUAGE sql AS $$
	INSERT INTO kdtree_test.items SELECT i, x, x::halfvec, CASE WHEN i % 11 > 0 THEN i % 100 END, CASE WHEN i % 7 > 0 THEN i % 9 END, i::bigint << 20,
		i / 3.0, -i / 7.0, i % 3 = 0, date '2020-01-01' + i % 500, timestamp '2020-01-01' + i * interval '1 hour', timestamptz '2020-01-01 UTC' + i * interval '1 hour',
		md5(i::text)::uuid, (ARRAY['sad', 'ok', 'happy'])[1 + i % 3]::kdtree_test.mood, 'name ' || i % 50, 'c' || i % 70,
		CASE WHEN i % 5 > 0 THEN ARRAY[i % 7, 10 + i % 31] END
	FROM (SELECT i, CASE WHEN i % 97 > 0 THEN kdtree_test.vec(i, 3)::vector END AS x FROM generate_series(first, last) i) y
$$;
SELECT kdtree_test.fill(1, 2500);
CREATE INDEX items_l2 ON kdtree_test.items USING kdtree (v, n, s, b, f, g, yes, day, at, atz, u, m, t, c, tags);
CREATE INDEX items_cosine ON kdtree_test.items USING kdtree (h halfvec_cosine_ops, n, yes, tags) WITH (fillfactor = 10);
-- splits carry the words along
SELECT kdtree_test.fill(2501, 5000);
ANALYZE kdtree_test.items;
SELECT count(*) FROM gigavec.check('kdtree_test.items_l2');
SELECT count(*) FROM gigavec.check('kdtree_test.items_cosine');

-- one sequence of distances by the table and by the index, with the conditions in the index
CREATE FUNCTION kdtree_test.filtered(condition text, distance text, by_what text) RETURNS float8[]
LANGUAGE plpgsql AS $$
DECLARE
	result float8[];
	statement text := format('SELECT %2$s AS d FROM kdtree_test.items WHERE %3$s IS NOT NULL AND %1$s ORDER BY %2$s', condition, distance, left(distance, 1));
	plan text;
BEGIN
	PERFORM set_config('enable_seqscan', (by_what = 'table')::text, true), set_config('enable_indexscan', (by_what = 'order')::text, true),
		set_config('enable_bitmapscan', (by_what = 'bitmap')::text, true), set_config('enable_sort', (by_what <> 'order')::text, true);
	EXECUTE 'EXPLAIN (COSTS OFF, FORMAT json) ' || statement INTO plan;
	IF plan !~ (CASE by_what WHEN 'table' THEN '"Seq Scan"' WHEN 'bitmap' THEN '"Bitmap Index Scan"' ELSE '"Order By"' END) OR
		by_what <> 'table' AND (plan !~ '"Index Cond"' OR plan ~ '"Filter"' AND condition !~ '<->') THEN
		RAISE 'not the plan that is compared: %', plan;
	END IF;
	EXECUTE 'SELECT array_agg(d ORDER BY i) FROM (SELECT d, row_number() OVER () AS i FROM (' || statement || ') r) s' INTO result;
	RETURN result;
END $$;
CREATE TEMP TABLE conditions (c text);
INSERT INTO conditions VALUES ('n = 5'), ('n < 10'), ('n IS NULL'), ('n IS NOT NULL AND s = 3'), ('n IN (3, 5, 900)'), ('n BETWEEN 20 AND 30 AND s >= 4'),
	('n > 1000'), ('n = (SELECT NULL::integer)'), ('n = ANY (''{}''::integer[])'), ('b > 3000000000'), ('f < 100'), ('g >= -30'), ('yes'), ('NOT yes AND n < 50'), ('day = ''2020-03-01'''),
	('at > ''2020-03-01'''), ('atz <= ''2020-02-01 12:00 UTC'''), ('u = ''c4ca4238-a0b9-2382-0dcc-509a6f75849b'''), ('m = ''ok'''), ('t = ''name 7'''), ('t IN (''name 1'', ''name 2'') AND m = ''sad'''),
	('c >= ''c2'' AND c < ''c4'''), ('tags @> ''{3}'''), ('tags && ''{3,4}'' AND yes'), ('tags IS NULL');
SELECT c, cardinality(kdtree_test.filtered(c, 'v <-> ''[1,2,3]''', 'table')) AS rows FROM conditions
WHERE kdtree_test.filtered(c, 'v <-> ''[1,2,3]''', 'order') IS NOT DISTINCT FROM kdtree_test.filtered(c, 'v <-> ''[1,2,3]''', 'table');
SELECT c, cardinality(kdtree_test.filtered(c, 'h <=> ''[1,2,3]''', 'table')) AS rows FROM conditions
WHERE c !~ '\m(s|b|f|g|day|at|atz|u|m|t|c)\M' AND
	kdtree_test.filtered(c, 'h <=> ''[1,2,3]''', 'order') IS NOT DISTINCT FROM kdtree_test.filtered(c, 'h <=> ''[1,2,3]''', 'table');

-- boxes: their corners belong to them; none, one without room, one around all; with filters, balls, and one more box
INSERT INTO conditions VALUES ('v <@ ''{"[-5,-5,-5]","[0,5,5]"}'''), ('v <@ ''{"[0,0,0]","[0,0,0]"}'''), ('v <@ ''{"[1,1,1]","[0,2,2]"}'''), ('v <@ ''{"[-9,-9,-9]","[9,9,9]"}'''),
	('v <@ ''{"[-5,-5,-5]","[0,5,5]"}'' AND n = 7'), ('v <@ ''{"[-5,-5,-5]","[0,5,5]"}'' AND v <@ ''{"[-1,-1,-1]","[3,3,3]"}'''), ('v <@ (SELECT NULL::vector[])'), ('v <@ (SELECT ARRAY[''[0,0,0]'', NULL]::vector[])'),
	('v <@ ARRAY[''[-5.55,-1,-1]'', ''[1,2.71,1]'']::vector[] AND tags @> ''{12}'''), ('v <@ (SELECT ARRAY[''[0,0,0]'', ''[3,3,3]'']::vector[])'),
	('v <-> ''[1,2,3]'' <= 2 AND n < 50'), ('v <@ ''{"[0,0,0]","[9,9,9]"}'' AND v <-> ''[1,2,3]'' < 2.5 AND t = ''name 7''');
UPDATE kdtree_test.items SET v = '[0,0,0]' WHERE id % 500 = 1;
SELECT c, cardinality(kdtree_test.filtered(c, 'v <-> ''[1,2,3]''', 'table')) AS rows FROM conditions
WHERE c ~ 'v <' AND kdtree_test.filtered(c, 'v <-> ''[1,2,3]''', 'order') IS NOT DISTINCT FROM kdtree_test.filtered(c, 'v <-> ''[1,2,3]''', 'table')
	AND kdtree_test.filtered(c, 'v <-> ''[1,2,3]''', 'bitmap') IS NOT DISTINCT FROM kdtree_test.filtered(c, 'v <-> ''[1,2,3]''', 'table');
-- a ball is looked at again by the executor, a box is not
CREATE INDEX items_h ON kdtree_test.items USING kdtree (h halfvec_l1_ops);
ANALYZE kdtree_test.items;
EXPLAIN (COSTS OFF) SELECT id FROM kdtree_test.items WHERE v <@ '{"[0,0,0]","[1,1,1]"}' AND n = 7 AND v <-> '[1,1,1]' < 0.5;
EXPLAIN (COSTS OFF) SELECT id FROM kdtree_test.items WHERE h <@ '{"[0,0,0]","[1,1,1]"}' ORDER BY h <+> '[1,1,1]' LIMIT 10;
SELECT count(*), count(*) FILTER (WHERE h <@ '{"[0,0,0]","[2,2,2]"}') FROM (SELECT h FROM kdtree_test.items WHERE h <@ '{"[0,0,0]","[2,2,2]"}' ORDER BY h <+> '[1,1,1]' OFFSET 0) s;
SELECT count(*) FROM kdtree_test.items WHERE (h <@ '{"[0,0,0]","[2,2,2]"}') IS TRUE;
-- a search for each row of another table
SELECT count(*), sum(c) FROM (SELECT v AS q FROM kdtree_test.items WHERE id < 40 AND v IS NOT NULL) a,
	LATERAL (SELECT count(*) AS c FROM kdtree_test.items WHERE v <@ ARRAY[q - '[1,1,1]', q + '[1,1,1]']) b;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SELECT count(*), sum(c) FROM (SELECT v AS q FROM kdtree_test.items WHERE id < 40 AND v IS NOT NULL) a,
	LATERAL (SELECT count(*) AS c FROM kdtree_test.items WHERE v <@ ARRAY[q - '[1,1,1]', q + '[1,1,1]']) b;
RESET enable_indexscan;
RESET enable_bitmapscan;

-- rows without a vector are not in the index, so these do not use it
SET enable_seqscan = off;
SELECT count(*) FROM kdtree_test.items WHERE n = 5;
SELECT count(*) FROM kdtree_test.items WHERE n = 5 AND v IS NULL;
SELECT count(*) FROM kdtree_test.items WHERE v IS NULL;
SELECT count(*) FROM (SELECT id FROM kdtree_test.items WHERE v IS NULL ORDER BY v <-> '[1,2,3]') s;
RESET enable_seqscan;

-- many conditions, one plan for all values; cursors
SET plan_cache_mode = force_generic_plan;
PREPARE p (vector, integer, text, integer) AS SELECT array_agg(id) FROM (SELECT id FROM kdtree_test.items WHERE n = $2 AND t = $3 ORDER BY v <-> $1, id LIMIT $4) s;
EXECUTE p ('[1,2,3]', 7, 'name 7', 3);
EXECUTE p ('[1,2,3]', 7, NULL, 3);
RESET plan_cache_mode;

-- rows that change, VACUUM, REINDEX
DELETE FROM kdtree_test.items WHERE id % 4 = 0;
UPDATE kdtree_test.items SET n = 5, tags = '{3}' WHERE id % 10 = 3;
VACUUM kdtree_test.items;
SELECT kdtree_test.fill(6001, 7000);
SELECT c FROM conditions WHERE kdtree_test.filtered(c, 'v <-> ''[1,2,3]''', 'order') IS DISTINCT FROM kdtree_test.filtered(c, 'v <-> ''[1,2,3]''', 'table');
REINDEX TABLE kdtree_test.items;
SELECT c FROM conditions WHERE kdtree_test.filtered(c, 'v <-> ''[1,2,3]''', 'order') IS DISTINCT FROM kdtree_test.filtered(c, 'v <-> ''[1,2,3]''', 'table');
SELECT count(*) FROM gigavec.check('kdtree_test.items_l2');
SELECT count(*) FROM gigavec.check('kdtree_test.items_cosine');

-- what cannot be
SELECT * FROM kdtree_test.raised('CREATE INDEX ON kdtree_test.items USING kdtree (n, v)');
SELECT * FROM kdtree_test.raised('CREATE INDEX ON kdtree_test.items USING kdtree (v, h)');
SELECT * FROM kdtree_test.raised('CREATE INDEX ON kdtree_test.items USING kdtree (n)');
SELECT * FROM kdtree_test.raised('SELECT ''[1,2]''::vector <@ ''{"[1,2]"}''');
SELECT * FROM kdtree_test.raised('SELECT ''[1,2]''::vector <@ ''{}''');
SELECT '[1,2]'::vector <@ '{"[1,2]",NULL}' AS unknown;
SELECT * FROM kdtree_test.raised('SELECT ''[1,2]''::vector <@ ''{{"[1,2]"},{"[1,2]"}}''');
SELECT * FROM kdtree_test.raised('SELECT ''[1,2]''::vector <@ ''{"[1,2]","[1,2,3]"}''');
SELECT * FROM kdtree_test.raised('SELECT ''[1,2]''::halfvec <@ ''{"[1,2,3]","[1,2,3]"}''');
SELECT * FROM kdtree_test.raised('SELECT array_fill(1, ARRAY[65])::vector <@ ARRAY[array_fill(1, ARRAY[65])::vector, array_fill(1, ARRAY[65])::vector]');
SET enable_seqscan = off;
SELECT * FROM kdtree_test.raised('SELECT id FROM kdtree_test.items WHERE v <@ ''{"[1,2]","[1,2]"}''');
RESET enable_seqscan;

-- without a LIMIT rows without a vector come last, and a bitmap of the filter would lack them
CREATE TABLE kdtree_test.some (id int, v vector(3), t int);
INSERT INTO kdtree_test.some SELECT i, ARRAY[i % 17, i % 23, i % 29]::vector, i % 100 FROM generate_series(1, 20000) i;
INSERT INTO kdtree_test.some VALUES (0, NULL, 5);
CREATE INDEX ON kdtree_test.some USING kdtree (v, t);
VACUUM ANALYZE kdtree_test.some;
SELECT count(*), count(*) FILTER (WHERE d IS NULL) AS nulls FROM (SELECT v <-> '[1,2,3]' AS d FROM kdtree_test.some WHERE t = 5 ORDER BY v <-> '[1,2,3]' OFFSET 0) x;

SET client_min_messages = warning;
DROP SCHEMA kdtree_test CASCADE;
