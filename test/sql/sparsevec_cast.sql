--
-- sparsevec: casts
--
CREATE FUNCTION pg_temp.raised(statement text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
BEGIN
	EXECUTE statement;
	RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' | ', SQLSTATE, message, nullif(detail, ''));
END $$;

-- from arrays
SELECT ARRAY[1,0,2,0,3,0]::sparsevec, ARRAY[1,0,2,0,3,0]::real[]::sparsevec,
	ARRAY[1,0,2,0,3,0]::double precision[]::sparsevec, ARRAY[1,0,2,0,3,0]::numeric[]::sparsevec;
SELECT '{1,0,2}'::real[]::sparsevec(3), '{0,0}'::integer[]::sparsevec,
	'[-3:-1]={1,0,2147483647}'::integer[]::sparsevec,
	'{1e-46,-1e-46,1e-40,0.1}'::double precision[]::sparsevec,
	'{0.1,-0.000,12345678901234567890.5,1e-45}'::numeric[]::sparsevec;

-- by assignment
CREATE TEMP TABLE assigned (v sparsevec(3));
INSERT INTO assigned VALUES (ARRAY[1,0,2]), (ARRAY[0.5,0,2]), ('[0,1,0]'::vector), ('[0,0,1]'::halfvec);
SELECT v FROM assigned;

SELECT input, pg_temp.raised('SELECT ' || input) FROM (VALUES
	($$'{1,0,2}'::real[]::sparsevec(2)$$),
	($$'{1,NULL}'::integer[]::sparsevec$$),
	($$'{1,NULL}'::numeric[]::sparsevec$$),
	($$'{NaN}'::real[]::sparsevec$$),
	($$'{0,NaN}'::double precision[]::sparsevec$$),
	($$'{1,NaN}'::numeric[]::sparsevec$$),
	($$'{Infinity}'::real[]::sparsevec$$),
	($$'{-Infinity}'::double precision[]::sparsevec$$),
	($$'{0,4e38}'::double precision[]::sparsevec$$),
	($$'{4e38}'::numeric[]::sparsevec$$),
	($$'{}'::real[]::sparsevec$$),
	($$'{}'::numeric[]::sparsevec$$),
	($$'{{1,2},{3,4}}'::real[]::sparsevec$$),
	($$array_fill(1, ARRAY[16001])::sparsevec$$),
	($$array_fill(1::numeric, ARRAY[20000])::sparsevec$$),
	($$array_fill('NaN'::float8, ARRAY[16001])::sparsevec$$),
	($$array_to_sparsevec('{1}'::integer[], 0, false)$$),
	($$array_to_sparsevec('{1}'::numeric[], -2, true)$$)) v(input);

-- the limit counts elements that are not zero, at any length
SELECT l2_norm(array_fill(1, ARRAY[16000])::sparsevec) ^ 2 AS elements,
	(array_fill(0, ARRAY[100000]) || 7)::sparsevec,
	(array_fill(0.0, ARRAY[100000]) || 0.5)::sparsevec;

-- all element types agree, at lengths around a batch
SELECT count(*), count(*) FILTER (WHERE i::sparsevec IS DISTINCT FROM i::real[]::sparsevec
	OR i::sparsevec IS DISTINCT FROM i::float8[]::sparsevec
	OR i::sparsevec IS DISTINCT FROM i::numeric[]::sparsevec
	OR l2_norm(i::sparsevec) ^ 2 NOT BETWEEN squares - 0.001 AND squares + 0.001) AS wrong
FROM (SELECT array_agg(x ORDER BY k) AS i, sum(x * x) AS squares
	FROM (SELECT n, k, CASE WHEN k % 3 = 0 OR k = n THEN k % 11 - 5 ELSE 0 END AS x
		FROM unnest(ARRAY[1, 2, 3, 1023, 1024, 1025, 2047, 2048, 2049, 5000]) n, generate_series(1, n) k) e
	GROUP BY n) t;

-- dense types
SELECT '[0,1.5,0,3.5,0]'::vector::sparsevec, '[0,1.5,0,3.5,0]'::halfvec::sparsevec(5),
	'[0,0]'::vector::sparsevec, '[-0,0]'::halfvec::sparsevec;
SELECT '{2:1.5,4:3.5}/5'::sparsevec::vector, '{2:1.5,4:3.5}/5'::sparsevec::halfvec(5),
	'{}/3'::sparsevec::vector(3), '{1:65504,2:1e-9,3:-65519}/3'::sparsevec::halfvec;
SELECT input, pg_temp.raised('SELECT ' || input) FROM (VALUES
	($$'[0,1.5]'::vector::sparsevec(3)$$),
	($$'[0,1.5]'::halfvec::sparsevec(3)$$),
	($$'{2:1.5}/5'::sparsevec::vector(4)$$),
	($$'{2:1.5}/5'::sparsevec::halfvec(4)$$),
	($$'{}/16001'::sparsevec::vector$$),
	($$'{}/16001'::sparsevec::halfvec$$),
	($$'{}/1000000000'::sparsevec::vector$$),
	($$'{1:65520}/2'::sparsevec::halfvec$$),
	($$'{1:1,2:-1e38}/2'::sparsevec::halfvec$$),
	($$sparsevec_to_vector('{}/3'::sparsevec, -2, false)$$),
	($$sparsevec_to_halfvec('{}/3'::sparsevec, 0, false)$$),
	($$vector_to_sparsevec('[1]'::vector, 2000000000, false)$$),
	($$halfvec_to_sparsevec('[1]'::halfvec, -5, false)$$)) v(input);

-- there and back
SELECT count(*) FILTER (WHERE v::sparsevec::vector IS DISTINCT FROM v OR
	v::halfvec::sparsevec::halfvec IS DISTINCT FROM v::halfvec OR
	(v::sparsevec <-> w::sparsevec) - (v <-> w) NOT BETWEEN -1e-4 AND 1e-4) AS wrong
FROM (SELECT array_agg(CASE WHEN k % 4 = n % 4 THEN k * n % 97 ELSE 0 END ORDER BY k)::vector AS v,
		array_agg(CASE WHEN k % 3 = n % 3 THEN k * n % 89 ELSE 0 END ORDER BY k)::vector AS w
	FROM generate_series(1, 50) n, generate_series(1, 100) k GROUP BY n) t;

-- implicit casts find the functions of sparsevec
SELECT '{1:3,2:4}/2'::sparsevec <-> '[0,0]'::vector::sparsevec AS distance;
