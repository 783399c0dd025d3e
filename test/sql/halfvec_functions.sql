--
-- halfvec: distances, properties, parts, arithmetic
--
-- What a statement raises: SQLSTATE and message
CREATE FUNCTION pg_temp.raised(statement text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' | ' || SQLERRM;
END $$;

--
-- Distances
--
SELECT a, b, a <-> b AS l2, a <#> b AS negative_ip, round((a <=> b)::numeric, 6) AS cosine, a <+> b AS l1, a <*> b AS linf
FROM (VALUES
	('[0,0]'::halfvec, '[3,4]'::halfvec),
	('[1,2]', '[2,4]'),
	('[1,1]', '[-1,-1]'),
	('[1,0]', '[0,2]'),
	('[0,0]', '[0,0]'),
	('[-5]', '[7]'),
	('[1,2,3,4,5,6,7,8,9]', '[9,8,7,6,5,4,3,2,1]'),
	('[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]', '[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,-17]'),
	-- the ends of the range
	('[65504]', '[-65504]'),
	('[65504,65504]', '[65504,65504]'),
	('[0.00000006]', '[0.00000006]'),
	('[0.00000006,0]', '[65504,0]')) t(a, b);

SELECT l2_distance(a, b), inner_product(a, b), cosine_distance(a, b), l1_distance(a, b), linf_distance(a, b),
	halfvec_l2_squared_distance(a, b), halfvec_negative_inner_product(a, b), halfvec_spherical_distance(a, b)
FROM (VALUES ('[1,0,0]'::halfvec, '[0,1,0]'::halfvec), ('[1,0,0]', '[-1,0,0]'), ('[2,0,0]', '[2,0,0]')) t(a, b);

-- The cosine stays within 0 and 2 whatever rounding does
SELECT count(*) AS pairs, count(*) FILTER (WHERE d BETWEEN 0 AND 1e-6 AND e BETWEEN 2 - 1e-6 AND 2) AS within
FROM (SELECT v <=> v AS d, v <=> (v * array_fill(-1, ARRAY[vector_dims(v)])::halfvec) AS e
	FROM (SELECT array_agg(0.1 + (i * j) % 97 / 7.0)::halfvec AS v FROM generate_series(1, 60) i, generate_series(1, i) j GROUP BY i) t) d;

-- All lengths from 1 to 200 agree with the same sums in SQL, all exact
SELECT count(*) AS lengths,
	count(*) FILTER (WHERE halfvec_l2_squared_distance(a, b) = l2) AS l2, count(*) FILTER (WHERE inner_product(a, b) = ip) AS ip,
	count(*) FILTER (WHERE l1_distance(a, b) = l1) AS l1, count(*) FILTER (WHERE linf_distance(a, b) = linf) AS linf,
	count(*) FILTER (WHERE abs(cosine_distance(a, b) - (1 - ip / sqrt(aa * bb))) < 1e-6) AS cosine
FROM (SELECT n, array_agg(x)::halfvec AS a, array_agg(y)::halfvec AS b, sum((x - y) ^ 2) AS l2, sum(x * y) AS ip, sum(abs(x - y)) AS l1,
		max(abs(x - y)) AS linf, sum(x * x)::float8 AS aa, sum(y * y)::float8 AS bb
	FROM generate_series(1, 200) n, generate_series(1, n) j, LATERAL (SELECT j * 7 % 11 - 5 AS x, j * 5 % 13 - 6 AS y) xy GROUP BY n) t;

SELECT f, pg_temp.raised(format($$SELECT %s('[1,2]'::halfvec, '[3]'::halfvec)$$, f))
FROM (VALUES ('l2_distance'), ('inner_product'), ('cosine_distance'), ('l1_distance'), ('linf_distance'), ('halfvec_l2_squared_distance'),
	('halfvec_negative_inner_product'), ('halfvec_spherical_distance'), ('halfvec_add'), ('halfvec_sub'), ('halfvec_mul')) t(f);
SELECT '[1,2]'::halfvec <-> NULL, l2_distance(NULL, '[1]'::halfvec), vector_dims(NULL::halfvec);

-- Operators know their commutators
SELECT o.oprname, c.oprname AS commutator, o.oprcode::regproc
FROM pg_operator o LEFT JOIN pg_operator c ON c.oid = o.oprcom
WHERE o.oprleft = 'halfvec'::regtype AND o.oprresult = 'float8'::regtype ORDER BY o.oprname;

--
-- Properties and parts
--
SELECT v, vector_dims(v), l2_norm(v), l2_normalize(v), binary_quantize(v)
FROM (VALUES ('[3,4]'::halfvec), ('[0,0]'), ('[0,0.1]'), ('[65504]'), ('[1,0,-1]'), ('[-0]'),
	('[0.00000006]'),
	('[1,2,3,-4,5,6,-7,8,1,-2,-3,4,5,-6,7,8,-1,2,3]')) t(v);
SELECT binary_quantize('[1,-1,2]'::halfvec)::bit(3), pg_typeof(binary_quantize('[1]'::halfvec)), length(binary_quantize(array_fill(1, ARRAY[16000])::halfvec));

SELECT start, count, subvector('[1,2,3,4,5]'::halfvec, start, count)
FROM (VALUES (1, 3), (3, 2), (1, 5), (5, 1), (-1, 3), (0, 2), (3, 9), (3, 2147483647), (-2147483644, 2147483647)) t(start, count);
SELECT start, count, pg_temp.raised(format($$SELECT subvector('[1,2,3,4,5]'::halfvec, %s, %s)$$, start, count))
FROM (VALUES (1, 0), (3, -1), (6, 1), (-1, 2), (2147483647, 10), (-2147483647, 5), (1, -2147483647), (2147483647, 2147483647)) t(start, count);

--
-- Arithmetic
--
SELECT a + b AS sum, a - b AS difference, a * b AS product, a || b AS both
FROM (VALUES ('[1,2,3]'::halfvec, '[4,5,-6]'::halfvec), ('[0]', '[-0]')) t(a, b);
SELECT pg_temp.raised($$SELECT '[65504]'::halfvec + '[65504]'$$);
SELECT pg_temp.raised($$SELECT '[1,-65504]'::halfvec - '[1,65504]'$$);
SELECT pg_temp.raised($$SELECT '[65504]'::halfvec * '[65504]'$$);
SELECT pg_temp.raised($$SELECT '[1,0.001]'::halfvec * '[1,-0.00001]'$$);
SELECT '[0,65504]'::halfvec * '[65504,0]' AS no_underflow;
SELECT vector_dims(array_fill(1, ARRAY[8000])::halfvec || array_fill(1, ARRAY[8000])::halfvec);
SELECT pg_temp.raised($$SELECT array_fill(1, ARRAY[8001])::halfvec || array_fill(1, ARRAY[8000])::halfvec$$);
SELECT pg_temp.raised($$SELECT array_fill(1, ARRAY[16000])::halfvec || array_fill(1, ARRAY[16000])::halfvec$$);

-- Sums and products are the exact ones, rounded once
SELECT count(*) AS pairs, count(*) FILTER (WHERE x + y IS DISTINCT FROM ARRAY[a + b]::halfvec OR x - y IS DISTINCT FROM ARRAY[a - b]::halfvec
	OR x * y IS DISTINCT FROM ARRAY[a * b]::halfvec) AS wrong
FROM (SELECT ((ARRAY[i / 7.0]::halfvec)::real[])[1]::float8 AS a, ((ARRAY[j / 1.3]::halfvec)::real[])[1]::float8 AS b
		FROM generate_series(-50, 50) i, generate_series(-50, 50) j) t,
	LATERAL (SELECT ARRAY[a]::halfvec AS x, ARRAY[b]::halfvec AS y) v;
