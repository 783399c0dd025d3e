--
-- halfvec: text, binary form, type modifier, storage
--
\pset null (null)

-- What a statement raises: SQLSTATE, message, detail, hint
CREATE FUNCTION pg_temp.raised(statement text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
		hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLSTATE, message, nullif(detail, ''), nullif(hint, ''));
END $$;

--
-- Text
--
SELECT input, input::halfvec AS value
FROM (VALUES
	('[1,2,3]'),
	('[0]'),
	('[-0,0]'),
	-- white space
	(E' \t[ 1 ,\n2\r,\x0B3\f] '),
	-- forms of numbers
	('[+1,-.5,2.,1e3,1.5E-3,0x1p-3,00.10]'),
	('[1.23456789012345678901234567890]'),
	('[00000000000000000000000000000000000001]'),
	('[0.00000000000000000000000000000000000000000000000000000000000000012e64]'),
	-- too small is zero
	('[1e-46,-1e-46,1e-999999999999]'),
	-- ends of the range
	('[65504,-65504,65519,0.000061035156,0.00000006]'),
	-- rounded to 11 bits, ties to even
	('[2049,2051,4098,4102,0.1,3.14159265]')) v(input);

SELECT left(input, 30) AS input, pg_temp.raised(format('SELECT %L::halfvec', input))
FROM (VALUES
	(''), (' '), ('1,2,3'), ('(1,2)'), ('{1,2}'), ('['), ('[ '), ('[,'), ('[]'), (' [ ] '), ('[,]'),
	('[1'), ('[1,'), ('[1,2,3'), ('[1,]'), ('[1,,3]'), ('[1, ,3]'), ('[1 2]'), ('[1;2]'),
	('[1a]'), ('[a]'), ('[1,hello]'), ('[-]'), ('[+]'), ('[.]'), ('[-.]'), ('[e1]'), ('[1e]'), ('[1e+]'),
	('[--1]'), ('[- 1]'), ('[1.2.3]'), ('[0x]'), ('[1,2]3'), ('[1,2]]'), ('[1,2] x'), ('[[1]]'), ('null'),
	-- the message shows only the beginning
	('[' || repeat('1,', 40) || 'x]'),
	-- not finite, out of range
	('[NaN]'), ('[1,nan(1),2]'), ('[-NaN]'), ('[1,Infinity]'), ('[-infinity,1]'), ('[inf]'), ('[1,2,iNf]'),
	('[65520]'), ('[1,-65520,2]'), ('[4e38]'), ('[1e999999999999]'), ('[65519.99999999]'),
	-- too many
	('[' || repeat('1,', 16000) || '1]')) t(input);

SELECT vector_dims(('[' || repeat('1,', 15999) || '1]')::halfvec);

-- Every finite half comes back from its text: all of them but the zeros, by
-- sign, exponent and mantissa
SELECT count(*) AS halves, count(DISTINCT v::text) AS texts,
	count(*) FILTER (WHERE (v::real[])[1] IS DISTINCT FROM number OR (v::text::halfvec::real[])[1] IS DISTINCT FROM number) AS wrong
FROM (SELECT (sign * (CASE WHEN e = 0 THEN m * 2::float8 ^ -24 ELSE (1024 + m) * 2::float8 ^ (e - 25) END))::real AS number
	FROM (VALUES (1), (-1)) s(sign), generate_series(0, 30) e, generate_series(0, 1023) m WHERE e + m > 0) n,
	LATERAL (SELECT ARRAY[number]::halfvec AS v) h;

-- The middle between two halves goes to the one with the even mantissa, and
-- what is beside the middle to the nearer
SELECT count(*) AS middles,
	count(*) FILTER (WHERE (ARRAY[middle]::halfvec::real[])[1] IS DISTINCT FROM CASE WHEN m % 2 = 0 THEN low ELSE high END) AS wrong,
	count(*) FILTER (WHERE (ARRAY[middle * 0.9999999]::halfvec::real[])[1] IS DISTINCT FROM low) AS wrong_below,
	count(*) FILTER (WHERE (ARRAY[middle * 1.0000002]::halfvec::real[])[1] IS DISTINCT FROM high) AS wrong_above
FROM (SELECT m, ((1024 + m) * unit)::real AS low, ((1025 + m) * unit)::real AS high, ((1024.5 + m) * unit)::float8 AS middle
	FROM generate_series(-24, 5) e, generate_series(0, 1022) m, LATERAL (SELECT 2::float8 ^ e AS unit) u) n;

-- Errors in text are soft where PostgreSQL has soft errors (16 and newer), so
-- that nothing is raised here
CREATE FUNCTION pg_temp.is_valid(input text, type text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
	result boolean;
BEGIN
	IF current_setting('server_version_num')::integer < 160000 THEN
		RETURN pg_temp.raised(format('SELECT %L::%s', input, type)) = 'nothing';
	END IF;
	EXECUTE 'SELECT pg_input_is_valid($1, $2)' INTO result USING input, type;
	RETURN result;
END $$;
SELECT left(input, 30) AS input, type, pg_temp.is_valid(input, type)
FROM (VALUES ('[1,2]', 'halfvec'), ('[1,2]', 'halfvec(2)'), ('[1,2]', 'halfvec(3)'), ('1,2', 'halfvec'), ('[]', 'halfvec'), ('[1,x]', 'halfvec'), ('[1,2', 'halfvec'),
	('[1]2', 'halfvec'), ('[NaN]', 'halfvec'), ('[inf]', 'halfvec'), ('[4e38]', 'halfvec'), ('[1,65520]', 'halfvec'), ('[' || repeat('1,', 16000) || '1]', 'halfvec')) t(input, type);

--
-- Type modifier
--
SELECT '[1,2,3]'::halfvec(3), format_type('halfvec'::regtype, 3), format_type('halfvec'::regtype, -1);
SELECT type, pg_temp.raised(format('SELECT NULL::%s', type))
FROM (VALUES ('halfvec(1)'), ('halfvec(16000)'), ('halfvec(0)'), ('halfvec(-1)'), ('halfvec(16001)'), ('halfvec(99999999999)'),
	('halfvec(3,2)'), ('halfvec()'), ('halfvec(a)'), ('halfvec(''a'')'), ('halfvec(1.5)'), ('halfvec(NULL)')) t(type);
SELECT pg_temp.raised($$SELECT '[1,2,3]'::halfvec(2)$$);
SELECT pg_temp.raised($$SELECT halfvec_in('[1,2,3]', 0, 2)$$);
SELECT pg_temp.raised($$SELECT halfvec('[1,2,3]', 4, true)$$);
CREATE TEMP TABLE typed (v halfvec(3));
INSERT INTO typed VALUES ('[1,2,3]'), (NULL);
SELECT pg_temp.raised($$INSERT INTO typed VALUES ('[1,2]')$$);
SELECT pg_temp.raised($$INSERT INTO typed SELECT '[1,2,3,4]'::halfvec$$);
SELECT pg_temp.raised($$INSERT INTO typed SELECT ARRAY[1,2]$$);
SELECT pg_temp.raised($$ALTER TABLE typed ALTER v TYPE halfvec(4)$$);
ALTER TABLE typed ALTER v TYPE halfvec;
INSERT INTO typed VALUES ('[1,2]');
SELECT * FROM typed;

-- Arrays of the type, and the default
SELECT '{"[1,2,3]","[4,5]"}'::halfvec[], ('{"[1,2,3]","[4,5]"}'::halfvec[])[2];
CREATE TEMP TABLE defaults (i integer, v halfvec(2) DEFAULT '[1,2]');
INSERT INTO defaults VALUES (1);
SELECT * FROM defaults;

--
-- Binary form
--
SELECT halfvec_send('[1,-2,0.5]'), halfvec_send('[0]');

-- What becomes of a binary value: COPY receives it from a program that
-- prints the octal numbers of its bytes
CREATE FUNCTION pg_temp.octal(data bytea) RETURNS text
LANGUAGE sql AS $$
	SELECT string_agg('\' || (b / 64) || (b / 8 % 8) || (b % 8), '' ORDER BY i)
	FROM (SELECT i, get_byte(data, i) AS b FROM generate_series(0, length(data) - 1) i) t
$$;
CREATE TEMP TABLE received (v halfvec);
CREATE TEMP TABLE received_2 (v halfvec(2));
CREATE FUNCTION pg_temp.receive(data bytea, target text DEFAULT 'received') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	file bytea := '\x5047434f50590aff0d0a000000000000000000'::bytea || '\x0001' ||
		int4send(length(data)) || data || '\xffff';
	message text := pg_temp.raised(format('COPY %I FROM PROGRAM %L (FORMAT binary)',
		target, 'printf ''' || pg_temp.octal(file) || ''''));
BEGIN
	EXECUTE format('SELECT coalesce(string_agg(v::text, '' ''), $1) FROM %I', target) INTO message USING message;
	EXECUTE format('DELETE FROM %I', target);
	RETURN message;
END $$;

SELECT what, pg_temp.receive(data) FROM (VALUES
	('two dimensions', '\x00020000 3c00 c000'::bytea),
	('extremes', '\x00040000 7bff fbff 0001 8000'),
	('empty', '\x'),
	('header cut', '\x000200'),
	('no element', '\x00020000'),
	('element cut', '\x00020000 3c00 c0'),
	('too long', '\x00010000 3c00 00'),
	('no dimension', '\x00000000'),
	('too many dimensions', '\x3e810000'),
	('negative dimensions', '\xffff0000'),
	('reserved field', '\x00010001 3c00'),
	('NaN', '\x00020000 3c00 7e00'),
	('infinity', '\x00020000 7c00 3c00'),
	('negative infinity', '\x00010000 fc00')) t(what, data);

SELECT pg_temp.receive('\x00020000 3c00 c000', 'received_2'), pg_temp.receive('\x00030000 3c00 c000 3c00', 'received_2');

-- What is sent comes back
SELECT count(*) AS rows, count(*) FILTER (WHERE pg_temp.receive(halfvec_send(v)) = v::text) AS equal
FROM (SELECT array_agg(j * 1.1 ^ i / -3 ^ (j % 2))::halfvec AS v FROM generate_series(1, 50) i, generate_series(1, i) j GROUP BY i) t;

-- Storage: external, and values that fill more than a page
SELECT typlen, typbyval, typalign, typstorage, typcategory FROM pg_type WHERE oid = 'halfvec'::regtype;
CREATE TEMP TABLE stored (i integer, v halfvec);
INSERT INTO stored SELECT n, array_agg(j)::halfvec FROM (VALUES (1), (10), (30), (31), (59), (60), (61), (500), (1000), (2000)) s(n), generate_series(1, n) j GROUP BY n;
SELECT i, vector_dims(v), pg_column_size(v) AS size, v::real[] = (SELECT array_agg(j::real) FROM generate_series(1, i) j) AS equal FROM stored ORDER BY i;
