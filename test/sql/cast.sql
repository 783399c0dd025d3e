--
-- Casts between vector, halfvec and arrays
--
\pset null (null)

-- What a statement raises: SQLSTATE, message, detail, hint
CREATE FUNCTION pg_temp.raised(statement text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(detail, ''), nullif(hint, ''));
END $$;

-- How far each cast goes by itself: i implicit, a assignment
SELECT format_type(castsource, NULL) AS source, format_type(casttarget, NULL) AS target, castcontext, castfunc::regproc
FROM pg_cast
WHERE castsource IN ('vector'::regtype, 'halfvec'::regtype) AND casttarget <> 'sparsevec'::regtype
	OR casttarget IN ('vector'::regtype, 'halfvec'::regtype) AND castsource <> 'sparsevec'::regtype
ORDER BY format_type(castsource, NULL) COLLATE "C", format_type(casttarget, NULL) COLLATE "C";

--
-- Arrays to both types
--
SELECT '{1,-2,16777217,2147483647}'::integer[]::vector AS vector, '{1,-2,2049}'::integer[]::halfvec AS halfvec
UNION ALL SELECT '{1.5,-0,1e-45,3.4028235e38}'::real[]::vector, '{1.5,-0,1e-45,65519}'::real[]::halfvec
UNION ALL SELECT '{1.5,0.1,1e-300,16777217}'::float8[]::vector, '{1.5,0.1,1e-300,2049}'::float8[]::halfvec
UNION ALL SELECT '{1.5,0.1,16777217.00000000000001}'::numeric[]::vector, '{1.5,0.1}'::numeric[]::halfvec;
-- a slice, other lower bounds, an array without a null bitmap left over
SELECT ('{1,2,3,4}'::integer[])[2:3]::vector, '[5:7]={1,2,3}'::real[]::vector, array_remove('{1,NULL,2}'::real[], NULL)::vector,
	('{1,NULL,2}'::float8[])[1:1]::vector, '{1,2}'::integer[]::vector(2), array_fill(0.5::float8, ARRAY[16000])::vector = array_fill(0.5::real, ARRAY[16000])::vector AS equal;

SELECT call, pg_temp.raised('SELECT ' || call)
FROM (VALUES
	('''{}''::real[]::vector'), ('''{}''::integer[]::halfvec'),
	('''{{1,2},{3,4}}''::real[]::vector'), ('''{{1}}''::numeric[]::halfvec'),
	('''{1,NULL}''::integer[]::vector'), ('''{NULL}''::numeric[]::halfvec'),
	('''{NaN}''::real[]::vector'), ('''{1,NaN}''::float8[]::vector'), ('''{NaN}''::numeric[]::vector'), ('''{NaN}''::real[]::halfvec'),
	('''{Infinity}''::real[]::vector'), ('''{1,-Infinity}''::float8[]::vector'), ('''{Infinity}''::numeric[]::vector'), ('''{-Infinity}''::real[]::halfvec'),
	('''{1e39}''::float8[]::vector'), ('''{1e39}''::numeric[]::vector'), ('''{1e39}''::float8[]::halfvec'),
	('''{65520}''::integer[]::halfvec'), ('''{1,65520}''::real[]::halfvec'), ('''{-65520}''::float8[]::halfvec'), ('''{65520}''::numeric[]::halfvec'),
	('''{1,2,3}''::integer[]::vector(2)'), ('''{1,2,3}''::real[]::halfvec(2)'),
	('array_fill(1, ARRAY[16001])::vector'), ('array_fill(1, ARRAY[16001])::halfvec'),
	('''{1}''::text[]::vector'), ('''{1}''::bigint[]::vector'), ('1::vector'), ('''{1}''::bigint[]::halfvec')) t(call);

--
-- Both types to arrays, and to each other
--
SELECT '[1,0.1,-3e38]'::vector::real[], '[1,0.1,-65504]'::halfvec::real[], array_dims('[1,2,3]'::vector::real[]);
SELECT '[1,0.1,65519]'::vector::halfvec, '[1,0.1,65504]'::halfvec::vector, '[1,2]'::vector::halfvec(2), '[1,2]'::halfvec::vector(2),
	'[1e-30]'::vector::halfvec;
SELECT call, pg_temp.raised('SELECT ' || call)
FROM (VALUES ('''[1,65520]''::vector::halfvec'), ('''[-1e38]''::vector::halfvec'), ('''[1,2]''::vector::halfvec(3)'), ('''[1,2]''::halfvec::vector(3)')) t(call);

-- Implicit and assignment casts at work
CREATE TEMP TABLE both_types (v vector(2), h halfvec(2), a real[]);
INSERT INTO both_types SELECT ARRAY[1, 2], ARRAY[1.5, 2.5], '[3,4]'::vector;
INSERT INTO both_types SELECT '[1,2]'::halfvec, '[1,2]'::vector, '[3,4]'::halfvec;
INSERT INTO both_types VALUES (ARRAY[1.5::real, 2], ARRAY[1::float8, 2], NULL);
SELECT * FROM both_types;
SELECT v <-> h, h <-> v FROM both_types;
CREATE FUNCTION pg_temp.second(real[]) RETURNS real LANGUAGE sql AS 'SELECT $1[2]';
CREATE FUNCTION pg_temp.norm(halfvec) RETURNS float8 LANGUAGE sql AS 'SELECT l2_norm($1)';
SELECT pg_temp.second('[1,2]'::vector), pg_temp.norm('[3,4]'::vector);
SELECT split_part(pg_temp.raised($$SELECT pg_temp.second('[1,2]'::halfvec)$$), ' | ', 1);
SELECT split_part(pg_temp.raised($$SELECT ARRAY[1, 2] <-> '[1,2]'::vector$$), ' | ', 1);
SELECT avg(a::vector) FROM both_types;
