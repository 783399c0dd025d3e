--
-- kdtree: rows within a distance, WHERE v <-> query < radius
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/kdtree.sql'
\set ECHO none
\i :helpers
\set ECHO all

CREATE TABLE kdtree_test.items (id integer, v vector(3), h halfvec(3));
INSERT INTO kdtree_test.items SELECT i, x, x::halfvec FROM (SELECT i, kdtree_test.vec(i, 3)::vector AS x FROM generate_series(1, 4000) i) s;
INSERT INTO kdtree_test.items SELECT -i, '[0,0,0]', '[0,0,0]' FROM generate_series(1, 5) i;
INSERT INTO kdtree_test.items VALUES (0, NULL, NULL);
CREATE INDEX items_l2 ON kdtree_test.items USING kdtree (v);
CREATE INDEX items_l1 ON kdtree_test.items USING kdtree (h halfvec_l1_ops);
CREATE INDEX items_linf ON kdtree_test.items USING kdtree (v vector_linf_ops);
CREATE INDEX items_cosine ON kdtree_test.items USING kdtree (v vector_cosine_ops);
ANALYZE kdtree_test.items;

-- a bitmap, or in order; both ways round, an expression that is known when the scan begins
EXPLAIN (COSTS OFF) SELECT id FROM kdtree_test.items WHERE v <-> '[1,2,3]' < 0.5;
EXPLAIN (COSTS OFF) SELECT id FROM kdtree_test.items WHERE 0.5 >= '[1,2,3]'::vector <-> v ORDER BY v <-> '[1,2,3]';
SET plan_cache_mode = force_generic_plan;
PREPARE p (vector, float8) AS SELECT count(*) FROM kdtree_test.items WHERE v <*> $1 <= $2 + 1;
EXPLAIN (COSTS OFF) EXECUTE p ('[1,2,3]', 1);
EXECUTE p ('[1,2,3]', 1);
EXECUTE p ('[1,2,3]', NULL);
EXECUTE p (NULL, 1);
RESET plan_cache_mode;
-- not known then, not of this operator, not less
EXPLAIN (COSTS OFF) SELECT id FROM kdtree_test.items WHERE v <-> '[1,2,3]' < random();
EXPLAIN (COSTS OFF) SELECT id FROM kdtree_test.items WHERE v <+> '[1,2,3]' < 0.5;
EXPLAIN (COSTS OFF) SELECT id FROM kdtree_test.items WHERE v <-> '[1,2,3]' > 0.5;

-- rows of a sequential scan, of a bitmap scan and of an ordered scan
CREATE FUNCTION kdtree_test.within(condition text, by_what text) RETURNS integer[]
LANGUAGE plpgsql AS $$
DECLARE
	result integer[];
	statement text := 'SELECT id FROM kdtree_test.items WHERE ' || condition;
	plan text;
BEGIN
	PERFORM set_config('enable_seqscan', (by_what = 'table')::text, true), set_config('enable_indexscan', (by_what = 'order')::text, true),
		set_config('enable_bitmapscan', (by_what = 'bitmap')::text, true), set_config('enable_sort', (by_what <> 'order')::text, true);
	IF by_what = 'order' THEN
		statement := statement || ' ORDER BY ' || regexp_replace(condition, '<=? [^ ]*$', '');
	END IF;
	EXECUTE 'EXPLAIN (COSTS OFF, FORMAT json) ' || statement INTO plan;
	IF plan !~ (CASE by_what WHEN 'table' THEN '"Seq Scan"' WHEN 'bitmap' THEN '"Bitmap Index Scan"' ELSE '"Order By"' END) OR
		by_what <> 'table' AND plan !~ '"Index Cond"' THEN
		RAISE 'not the plan that is compared: %', plan;
	END IF;
	EXECUTE 'SELECT array_agg(id ORDER BY id) FROM (' || statement || ' OFFSET 0) s' INTO result;
	RETURN result;
END $$;
SELECT d, count(*), count(*) FILTER (WHERE kdtree_test.within(c, 'bitmap') IS DISTINCT FROM kdtree_test.within(c, 'table')) AS bitmap_differs,
	count(*) FILTER (WHERE kdtree_test.within(c, 'order') IS DISTINCT FROM kdtree_test.within(c, 'table')) AS order_differs,
	max(cardinality(kdtree_test.within(c, 'table'))) AS most
FROM unnest(ARRAY['v <-> %L', 'h <+> %L', 'v <*> %L', 'v <=> %L']) d, unnest(ARRAY['<', '<=']) o,
	unnest(ARRAY['-1', '0', '1e-30', '0.001', '0.5', '1', '2.5', '1e30', '''NaN''', '''Infinity''', 'NULL::float8']) r,
	unnest(ARRAY['[1,2,3]', '[-4.5,0.01,2]', '[0,0,0]']) q, LATERAL (VALUES (format(d, q) || ' ' || o || ' ' || r)) x (c)
WHERE r <> 'NULL::float8'
GROUP BY d ORDER BY d;

-- a radius that is a row's distance, to the last bit
SELECT count(*), count(*) FILTER (WHERE kdtree_test.within(c || '<= ' || r, 'bitmap') IS DISTINCT FROM kdtree_test.within(c || '<= ' || r, 'table')) AS le_differs,
	count(*) FILTER (WHERE kdtree_test.within(c || '< ' || r, 'bitmap') IS DISTINCT FROM kdtree_test.within(c || '< ' || r, 'table')) AS lt_differs,
	count(*) FILTER (WHERE kdtree_test.within(c || '< ' || r, 'table') IS DISTINCT FROM kdtree_test.within(c || '<= ' || r, 'table')) AS le_is_not_lt
FROM (SELECT 'v <-> ''[1,2,3]'' ' AS c, v <-> '[1,2,3]' AS r FROM kdtree_test.items WHERE id BETWEEN 1 AND 30) x;

-- several at once, one without an order, LIMIT
SELECT count(*) FROM kdtree_test.items WHERE v <-> '[1,2,3]' < 2 AND v <-> '[2,2,3]' < 2 AND v <*> '[1,1,1]' < 3;
SELECT count(*) FROM kdtree_test.items WHERE (v <-> '[1,2,3]') + 0 < 2 AND (v <-> '[2,2,3]') + 0 < 2 AND (v <*> '[1,1,1]') + 0 < 3;
SELECT count(*) FROM (SELECT id FROM kdtree_test.items WHERE v <-> '[1,2,3]' < 1.5 ORDER BY v <-> '[1,2,3]' LIMIT 7) s;
SELECT count(*) FROM (SELECT id FROM kdtree_test.items WHERE v <-> '[1,2,3]' < 1.5 ORDER BY v <-> '[2,2,3]') s;
-- of a subquery that returns what another table has, which must be read before
CREATE TABLE kdtree_test.others (id integer, other integer);
INSERT INTO kdtree_test.others SELECT i, 1000 + i FROM generate_series(1, 4000) i;
ANALYZE kdtree_test.others;
SELECT count(*), count(s.id), sum(other - s.same) AS differs FROM kdtree_test.others o
	LEFT JOIN LATERAL (SELECT i.id, o.other + 0 AS same FROM kdtree_test.items i WHERE i.v <-> '[1,2,3]' < 1.5) s ON s.id = o.id;
SELECT count(*), count(s.id), sum(other - s.same) AS differs FROM kdtree_test.others o
	LEFT JOIN LATERAL (SELECT i.id, o.other + 0 AS same FROM kdtree_test.items i WHERE (i.v <-> '[1,2,3]') + 0 < 1.5) s ON s.id = o.id;
SELECT count(*), sum(other - same) AS differs FROM (SELECT s.* FROM kdtree_test.others o
	LEFT JOIN LATERAL (SELECT i.v, o.other, o.other + 0 AS same FROM kdtree_test.items i WHERE i.v <-> '[1,2,3]' < 1.5) s ON true
	WHERE o.id < 4 ORDER BY s.v <-> '[1,2,3]' OFFSET 0) x;
DELETE FROM kdtree_test.items WHERE v <-> '[1,2,3]' < 0.5;
SELECT count(*) FROM kdtree_test.items WHERE v <-> '[1,2,3]' < 0.5;

-- the operators that stand for it, and what is no ball
SELECT gigavec.ball('[1,2]'::vector, 3), gigavec.ball('[1,2]'::halfvec, 'NaN');
SELECT v OPERATOR(gigavec.@<->) gigavec.ball(v, 0), v OPERATOR(gigavec.@<->) gigavec.ball('[3,4]'::vector, 4.9), v OPERATOR(gigavec.@<+>) gigavec.ball('[3,4]'::vector, 7), v OPERATOR(gigavec.@<*>) gigavec.ball('[3,4]'::vector, 3.9)
FROM (VALUES ('[0,0]'::vector)) x (v);
SELECT * FROM kdtree_test.raised('SELECT ''[1,2]''::vector OPERATOR(gigavec.@<->) ''{1}''::float8[]');
SELECT * FROM kdtree_test.raised('SELECT ''[1,2]''::vector OPERATOR(gigavec.@<->) ''{1,NULL,2}''::float8[]');
SELECT * FROM kdtree_test.raised('SELECT ''[1,2]''::vector OPERATOR(gigavec.@<->) ''{1,2,NaN}''::float8[]');
SELECT * FROM kdtree_test.raised('SELECT ''[1,2]''::vector OPERATOR(gigavec.@<->) ''{{1,2},{1,2}}''::float8[]');
SELECT * FROM kdtree_test.raised('SELECT ''[1,2]''::vector OPERATOR(gigavec.@<=>) gigavec.ball(''[1,2,3]''::vector, 1)');
SET enable_seqscan = off;
SELECT * FROM kdtree_test.raised('SELECT id FROM kdtree_test.items WHERE v OPERATOR(gigavec.@<->) gigavec.ball(''[1,2]''::vector, 1)');
SELECT * FROM kdtree_test.raised('SELECT id FROM kdtree_test.items WHERE v <-> ''[1,2]'' < 1');

SET client_min_messages = warning;
DROP SCHEMA kdtree_test CASCADE;
