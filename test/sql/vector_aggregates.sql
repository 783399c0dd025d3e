--
-- Aggregates over vector and halfvec
--
\pset null (null)

-- What a statement raises: SQLSTATE, message, hint
CREATE FUNCTION pg_temp.raised(statement text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(hint, ''));
END $$;

CREATE TEMP TABLE t (g integer, v vector, h halfvec);
INSERT INTO t VALUES (1, '[1,2,3]', '[1,2,3]'), (1, '[3,5,7]', '[3,5,7]'), (1, NULL, NULL),
	(2, '[1]', '[1]'), (2, '[2]', '[2]'), (2, '[4]', '[4]'), (3, NULL, NULL);

SELECT g, avg(v), sum(v), avg(h), sum(h), pg_typeof(avg(v)), pg_typeof(avg(h)) FROM t GROUP BY g ORDER BY g;
SELECT avg(v), sum(v), avg(h), sum(h) FROM t WHERE false;
SELECT avg(v) FILTER (WHERE g = 9), sum(v) FILTER (WHERE g = 9), avg(h) FILTER (WHERE g = 9), sum(h) FILTER (WHERE g = 1) FROM t;
SELECT avg(DISTINCT v) FROM (VALUES ('[1]'::vector), ('[1]'), ('[4]')) d(v);

-- Over a window, moving and not; the state is not shared between rows
SELECT v, avg(v) OVER (ORDER BY v) AS so_far, avg(v) OVER (ORDER BY v ROWS 1 PRECEDING) AS moving, sum(v) OVER (ORDER BY v ROWS 1 PRECEDING) AS moving_sum
FROM t WHERE g = 2 ORDER BY v;
SELECT g, v, avg(v) OVER w, avg(h) OVER w FROM t WHERE g < 3 WINDOW w AS (PARTITION BY g) ORDER BY g, v;

-- Sums that leave the range of the type: an average need not
SELECT avg(v) FROM (VALUES ('[3e38]'::vector), ('[3e38]')) d(v);
SELECT avg(h) FROM (VALUES ('[65504]'::halfvec), ('[65504]')) d(h);
SELECT pg_temp.raised($$SELECT sum(v) FROM (VALUES ('[3e38]'::vector), ('[3e38]')) d(v)$$);
SELECT pg_temp.raised($$SELECT sum(h) FROM (VALUES ('[65504]'::halfvec), ('[65504]')) d(h)$$);
SELECT pg_temp.raised($$SELECT avg(v) FROM t$$);
SELECT pg_temp.raised($$SELECT sum(v) FROM t$$);
SELECT pg_temp.raised($$SELECT avg(h) FROM t$$);
SELECT pg_temp.raised($$SELECT sum(h) FROM t$$);

--
-- Parallel and partial aggregates agree with the plain ones
--
CREATE TABLE agg_rows AS SELECT i, i % 3 AS g, ARRAY[i, -i, i % 7]::vector(3) AS v, ARRAY[i % 100, 1, i % 7]::halfvec(3) AS h
FROM generate_series(1, 3000) i;
ANALYZE agg_rows;
SELECT avg(v), avg(h), sum(v) FROM agg_rows;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT avg(v), avg(h), sum(v) FROM agg_rows;
SELECT avg(v), avg(h), sum(v) FROM agg_rows;
SELECT g, avg(v), sum(v) FROM agg_rows GROUP BY g ORDER BY g;
-- most workers see no row
SELECT avg(v), avg(h), sum(v) FROM agg_rows WHERE i < 3;
SELECT avg(v), avg(h), sum(v) FROM agg_rows WHERE i < 0;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
DROP TABLE agg_rows;

--
-- The functions of the aggregates, called by hand
--
SELECT vector_accum('{0}', '[1,2,3]'), vector_accum('{2,1,1,1}', '[1,2,3]'), vector_accum('{0,0,0,0}', '[1,2,3]');
SELECT vector_combine('{1,2}', '{3,4}'), vector_combine('{0}', '{3,4}'), vector_combine('{3,4}', '{0}'), vector_combine('{0}', '{0}');
SELECT vector_avg('{2,2,4,6}'), vector_avg('{0}'), vector_avg('{0,1}'), vector_avg('{-2,4}');
SELECT halfvec_accum('{0}', '[1,2,3]'), halfvec_accum('{2,1,1,1}', '[1,2,3]'), halfvec_combine('{1,2}', '{3,4}'),
	halfvec_combine('{0}', '{0}'), halfvec_avg('{2,2,4,6}'), halfvec_avg('{0}');

-- The arguments stay as they are, also when they come from a table
CREATE TEMP TABLE states (s float8[]);
INSERT INTO states VALUES ('{1,10,20}');
SELECT vector_accum(s, '[1,2]'), vector_combine(s, s), vector_avg(s), s FROM states;
SELECT s FROM states;

SELECT call, pg_temp.raised('SELECT ' || call)
FROM (SELECT format(f, bad) AS call
	FROM (VALUES ('{}'), ('{{0}}'), ('{{1,2},{3,4}}'), ('{NULL}'), ('{NULL,2}'), ('{1,NULL}')) b(bad),
		(VALUES (1, 'vector_accum(''%s'', ''[1]'')'), (2, 'vector_combine(''%s'', ''{0}'')'), (3, 'vector_combine(''{0}'', ''%s'')'), (4, 'vector_avg(''%s'')'),
			(5, 'halfvec_accum(''%s'', ''[1]'')'), (6, 'halfvec_combine(''%s'', ''{0}'')'), (7, 'halfvec_avg(''%s'')')) f(i, f)
	ORDER BY i, bad COLLATE "C") c;
SELECT call, pg_temp.raised('SELECT ' || call)
FROM (VALUES
	('vector_accum(''{1,1}'', ''[1,2]'')'), ('halfvec_accum(''{1,1}'', ''[1,2]'')'),
	('vector_combine(''{1,2}'', ''{3,4,5}'')'), ('halfvec_combine(''{1,2}'', ''{3,4,5}'')'),
	('vector_avg(''{1}'')'), ('halfvec_avg(''{1}'')'),
	('vector_avg(''{NaN,1}'')'), ('vector_avg(''{1,NaN}'')'), ('vector_avg(''{1,Infinity}'')'), ('vector_avg(''{1,1e300}'')'), ('vector_avg(''{1e-300,1}'')'),
	('halfvec_avg(''{1,65520}'')'), ('halfvec_avg(''{1,NaN}'')'), ('halfvec_avg(''{1,1e300}'')'),
	('vector_accum(''{1,Infinity}'', ''[1]'')'), ('vector_combine(''{1,1.7e308}'', ''{1,1.7e308}'')'), ('halfvec_combine(''{1,1.7e308}'', ''{1,1.7e308}'')'),
	('vector_avg(array_fill(1::float8, ARRAY[16002]))'), ('vector_accum(array_fill(1::float8, ARRAY[16002]), ''[1]'')'),
	('vector_combine(''{0}'', array_fill(1::float8, ARRAY[16002]))'), ('vector_combine(array_fill(1::float8, ARRAY[16002]), ''{0}'')'),
	('halfvec_avg(array_fill(1::float8, ARRAY[16002]))')) t(call);
SELECT vector_avg(NULL), vector_accum(NULL, '[1]'), vector_combine('{0}', NULL);
