--
-- vector: text, binary form, type modifier, storage
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
SELECT input, input::vector AS value
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
	('[3.4028235e38,-3.4028235e38,1.17549435e-38,1e-45]'),
	-- the middle between two floats goes to the even one, all else to the nearer
	('[16777217,16777219,16777217.0000001,16777216.9999999,33554434.99999999999999999999999999]'),
	('[3.4028235677973362e38,0.1,0.30000001192092896,7.0064923216240853e-46,7.0064923216240854e-46]')) v(input);

SELECT left(input, 30) AS input, pg_temp.raised(format('SELECT %L::vector', input))
FROM (VALUES
	(''), (' '), ('1,2,3'), ('(1,2)'), ('{1,2}'), ('['), ('[ '), ('[,'), ('[]'), (' [ ] '), ('[,]'),
	('[1'), ('[1,'), ('[1,2,3'), ('[1,]'), ('[1,,3]'), ('[1, ,3]'), ('[1 2]'), ('[1;2]'),
	('[1a]'), ('[a]'), ('[1,hello]'), ('[-]'), ('[+]'), ('[.]'), ('[-.]'), ('[e1]'), ('[1e]'), ('[1e+]'),
	('[--1]'), ('[- 1]'), ('[1.2.3]'), ('[0x]'), ('[1,2]3'), ('[1,2]]'), ('[1,2] x'), ('[[1]]'), ('null'),
	-- the message shows only the beginning
	('[' || repeat('1,', 40) || 'x]'),
	-- not finite, out of range
	('[NaN]'), ('[1,nan(1),2]'), ('[-NaN]'), ('[1,Infinity]'), ('[-infinity,1]'), ('[inf]'), ('[1,2,iNf]'),
	('[4e38]'), ('[1,-4e38,2]'), ('[1e999999999999]'), ('[3.4028235677973367e38]'),
	-- too many
	('[' || repeat('1,', 16000) || '1]')) t(input);

SELECT vector_dims(('[' || repeat('1,', 15999) || '1]')::vector);

-- A number is read as the nearest float, like the type real reads it: numbers
-- of all lengths, many of them at or beside the middle between two floats
SELECT count(*) AS numbers, count(*) FILTER (WHERE (('[' || number || ']')::vector::real[])[1] IS DISTINCT FROM number::real) AS wrong
FROM (
	SELECT (CASE WHEN i % 2 = 0 THEN '-' ELSE '' END) || left(digits, i % 19 + 1) ||
		(CASE WHEN i % 3 = 0 THEN '' ELSE '.' || right(digits, i % 23) END) ||
		(CASE WHEN i % 5 = 0 THEN '' ELSE 'e' || (i % 45 - 30) END) AS number
	FROM generate_series(1, 20000) i, LATERAL (SELECT ((abs(hashint8extended(i, 1)::numeric) + 1) * 1e19 + abs(hashint8extended(i, 2)::numeric))::text AS digits) d
	UNION ALL
	SELECT ((((1 << 24) + i % 40 * 419430 + i)::numeric + (i % 2) + delta) * power)::text AS number
	FROM generate_series(1, 500) i, (VALUES (0), (1e-20), (-1e-20), (1e-8), (-1e-8), (3e-9), (-3e-9), (1)) d(delta),
		(VALUES (1), (2), (1024), (0.5), (0.0009765625)) p(power)
) numbers(number);

-- and every float comes back from its text
SELECT count(*) FILTER (WHERE back IS DISTINCT FROM number) AS wrong
FROM (SELECT (2::float8 ^ (i % 277 - 149) * (1 + (abs(hashint4(i)) % 8388608) / 8388608.0))::real AS number
	FROM generate_series(1, 20000) i) n,
	LATERAL (SELECT ((ARRAY[number]::vector)::text::vector::real[])[1] AS back) b;

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
FROM (VALUES ('[1,2]', 'vector'), ('[1,2]', 'vector(2)'), ('[1,2]', 'vector(3)'), ('1,2', 'vector'), ('[]', 'vector'), ('[1,x]', 'vector'), ('[1,2', 'vector'),
	('[1]2', 'vector'), ('[NaN]', 'vector'), ('[inf]', 'vector'), ('[4e38]', 'vector'), ('[1,65520]', 'vector'), ('[' || repeat('1,', 16000) || '1]', 'vector')) t(input, type);

--
-- Type modifier
--
SELECT '[1,2,3]'::vector(3), format_type('vector'::regtype, 3), format_type('vector'::regtype, -1);
SELECT type, pg_temp.raised(format('SELECT NULL::%s', type))
FROM (VALUES ('vector(1)'), ('vector(16000)'), ('vector(0)'), ('vector(-1)'), ('vector(16001)'), ('vector(99999999999)'),
	('vector(3,2)'), ('vector()'), ('vector(a)'), ('vector(''a'')'), ('vector(1.5)'), ('vector(NULL)')) t(type);
SELECT pg_temp.raised($$SELECT '[1,2,3]'::vector(2)$$);
SELECT pg_temp.raised($$SELECT vector_in('[1,2,3]', 0, 2)$$);
SELECT pg_temp.raised($$SELECT vector('[1,2,3]', 4, true)$$);
CREATE TEMP TABLE typed (v vector(3));
INSERT INTO typed VALUES ('[1,2,3]'), (NULL);
SELECT pg_temp.raised($$INSERT INTO typed VALUES ('[1,2]')$$);
SELECT pg_temp.raised($$INSERT INTO typed SELECT '[1,2,3,4]'::vector$$);
SELECT pg_temp.raised($$INSERT INTO typed SELECT ARRAY[1,2]$$);
SELECT pg_temp.raised($$ALTER TABLE typed ALTER v TYPE vector(4)$$);
ALTER TABLE typed ALTER v TYPE vector;
INSERT INTO typed VALUES ('[1,2]');
SELECT * FROM typed;

-- Arrays of the type, and the default
SELECT '{"[1,2,3]","[4,5]"}'::vector[], ('{"[1,2,3]","[4,5]"}'::vector[])[2];
CREATE TEMP TABLE defaults (i integer, v vector(2) DEFAULT '[1,2]');
INSERT INTO defaults VALUES (1);
SELECT * FROM defaults;

--
-- Binary form
--
SELECT vector_send('[1,-2,0.5]'), vector_send('[0]');

-- What becomes of a binary value: COPY receives it from a program that
-- prints the octal numbers of its bytes
CREATE FUNCTION pg_temp.octal(data bytea) RETURNS text
LANGUAGE sql AS $$
	SELECT string_agg('\' || (b / 64) || (b / 8 % 8) || (b % 8), '' ORDER BY i)
	FROM (SELECT i, get_byte(data, i) AS b FROM generate_series(0, length(data) - 1) i) t
$$;
CREATE TEMP TABLE received (v vector);
CREATE TEMP TABLE received_2 (v vector(2));
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
	('two dimensions', '\x00020000 3f800000 c0000000'::bytea),
	('extremes', '\x00040000 7f7fffff ff7fffff 00000001 80000000'),
	('empty', '\x'),
	('header cut', '\x000200'),
	('no element', '\x00020000'),
	('element cut', '\x00020000 3f800000 c00000'),
	('too long', '\x00010000 3f800000 00'),
	('no dimension', '\x00000000'),
	('too many dimensions', '\x3e810000'),
	('negative dimensions', '\xffff0000'),
	('reserved field', '\x00010001 3f800000'),
	('NaN', '\x00020000 3f800000 7fc00000'),
	('infinity', '\x00020000 7f800000 3f800000'),
	('negative infinity', '\x00010000 ff800000')) t(what, data);

SELECT pg_temp.receive('\x00020000 3f800000 c0000000', 'received_2'), pg_temp.receive('\x00030000 3f800000 c0000000 3f800000', 'received_2');

-- What is sent comes back
SELECT count(*) AS rows, count(*) FILTER (WHERE pg_temp.receive(vector_send(v)) = v::text) AS equal
FROM (SELECT array_agg(j * 1.1 ^ i / -3 ^ (j % 2))::vector AS v FROM generate_series(1, 50) i, generate_series(1, i) j GROUP BY i) t;

-- Storage: external, and values that fill more than a page
SELECT typlen, typbyval, typalign, typstorage, typcategory FROM pg_type WHERE oid = 'vector'::regtype;
CREATE TEMP TABLE stored (i integer, v vector);
INSERT INTO stored SELECT n, array_agg(j)::vector FROM (VALUES (1), (10), (30), (31), (59), (60), (61), (500), (1000), (2000)) s(n), generate_series(1, n) j GROUP BY n;
SELECT i, vector_dims(v), pg_column_size(v) AS size, v::real[] = (SELECT array_agg(j::real) FROM generate_series(1, i) j) AS equal FROM stored ORDER BY i;
