--
-- sparsevec: text, binary form, type modifier, order
--
\pset null (null)

-- What a statement raises: SQLSTATE, message, detail
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

--
-- Text
--
SELECT input, input::sparsevec AS value
FROM (VALUES
	('{1:0.5,3:2}/5'),
	('{}/1'),
	('{}/1000000000'),
	('{1000000000:-1}/1000000000'),
	-- in any order
	('{5:5,1:1,4:4,2:2,3:3}/6'),
	('{3:3,2:2,1:1}/3'),
	-- zeros are dropped, wherever they are
	('{1:0,2:-0,3:0.0e5}/3'),
	('{7:0,1:1,1:0}/3'),
	-- white space
	(E' \t{ 1 : 1.5 ,\n 3\r:\x0B3.5\f} / 5 '),
	('{ } / 2'),
	-- forms of numbers
	('{+1:+1,02:-.5,3:2.,4:1e3,5:1.5E-3,6:0x1p-3}/+6'),
	('{1:1.23456789012345678901234567890}/1'),
	('{1:0.00000000000000000000000000000000000000000012}/1'),
	('{1:3.4028235e38,2:-3.4028235e38,3:1e-45,4:1.17549435e-38}/4'),
	-- in the middle between two floats, ties to even
	('{1:16777217,2:16777219,3:16777217.0000001}/3'),
	('{1:100000000000000000000000000000000000000}/1')) v(input);

SELECT input, pg_temp.raised(format('SELECT %L::sparsevec', input))
FROM (VALUES
	(''), (' '), ('1'), ('[1,2]'), ('{'), ('{ '), ('{:'), ('{,'), ('{}'),
	('{}/'), ('{} 5'), ('{}/a'), ('{}/1a'), ('{}/1 1'), ('{}/1.5'), ('{}/-'), ('{:}/1'), ('{,}/1'),
	('{1}/1'), ('{1,}/1'), ('{:1}/1'), ('{1:}/1'), ('{1a:1}/1'), ('{1:1a}/1'),
	('{1:1,}/1'), ('{1:1;2:2}/2'), ('{1:1 2:2}/2'), ('{1.5:1}/2'), ('{1:.}/1'),
	('{1:-}/1'), ('{1:1e}/1'), ('{1:e1}/1'), ('{1:1,2:hello}/2'), ('{1:1}/1}'),
	-- not finite, out of range
	('{2:NaN}/2'), ('{2:Infinity}/2'), ('{2:-inf}/2'),
	('{1:4e38}/1'), ('{1:-4e38}/1'), ('{1:1e-46}/1'), ('{1:1e999999999999}/1'),
	('{1:1e-999999999999}/1'),
	-- indices
	('{0:1}/1'), ('{-1:1}/1'), ('{2:1}/1'), ('{2147483647:1}/1'), ('{2147483648:1}/1'),
	('{-2147483649:1}/1'), ('{99999999999999999999:1}/1'),
	('{1:1,1:1}/2'), ('{3:1,2:1,3:2}/4'),
	-- dimensions
	('{}/0'), ('{}/-1'), ('{}/1000000001'), ('{}/2147483648'), ('{}/-2147483649'),
	('{}/9223372036854775808')) v(input);

-- as many elements as there may be, in the worst order
SELECT length(v::text), v = w
FROM (SELECT ('{' || string_agg(i || ':' || i, ',' ORDER BY i) || '}/16000')::sparsevec AS v,
	('{' || string_agg(i || ':' || i, ',' ORDER BY i % 7 DESC, i DESC) || '}/16000')::sparsevec AS w
	FROM generate_series(1, 16000) i) t;
SELECT pg_temp.raised(format('SELECT %L::sparsevec',
	'{' || string_agg(i || ':1', ',') || '}/20000'))
FROM generate_series(1, 16001) i;

-- a value stays what it is through text
SELECT count(*) FILTER (WHERE v::text::sparsevec IS DISTINCT FROM v) AS changed
FROM (SELECT format('{%s:%s,%s:%s}/2000', i, exp(i % 80) / 3, i + 999, -exp(-(i % 80)) * 7)::sparsevec AS v
	FROM generate_series(1, 1000) i) t;

-- a message shows the start of a long text
SELECT pg_temp.raised(format('SELECT %L::sparsevec', '{' || repeat('1:1,', 1000) || '}/5'));
SELECT pg_temp.raised(format('SELECT %L::sparsevec', '{1:' || repeat('1', 1000) || '}/5'));

-- Errors in text are soft where PostgreSQL has soft errors (16 and newer): then
-- nothing is raised here
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
FROM (VALUES ('{1:1}/2', 'sparsevec'), ('{1:1}/2', 'sparsevec(2)'), ('{1:1}/2', 'sparsevec(3)'),
	('1:1', 'sparsevec'), ('{1:1', 'sparsevec'), ('{1:x}/2', 'sparsevec'), ('{x:1}/2', 'sparsevec'),
	('{1:1}', 'sparsevec'), ('{1:1}/', 'sparsevec'), ('{1:1}/2x', 'sparsevec'),
	('{1:nan}/2', 'sparsevec'), ('{1:inf}/2', 'sparsevec'), ('{1:4e38}/2', 'sparsevec'),
	('{1:1,1:2}/2', 'sparsevec'), ('{3:1}/2', 'sparsevec'), ('{0:1}/2', 'sparsevec'),
	('{}/0', 'sparsevec'), ('{}/1000000001', 'sparsevec'),
	('{' || repeat('1:0,', 16000) || '1:0}/2', 'sparsevec')) t(input, type);

--
-- Type modifier
--
SELECT '{1:1}/3'::sparsevec(3), '{}/1000000000'::sparsevec(1000000000);
SELECT input, pg_temp.raised(format('SELECT %s', input))
FROM (VALUES
	($$'{1:1}/3'::sparsevec(2)$$),
	($$('{1:1}/3'::sparsevec)::sparsevec(4)$$),
	($$'{}/3'::sparsevec(3, 2)$$),
	($$'{}/3'::sparsevec('a')$$),
	($$'{}/3'::sparsevec(0)$$),
	($$'{}/3'::sparsevec(-1)$$),
	($$'{}/3'::sparsevec(1000000001)$$),
	($$'{}/3'::sparsevec(99999999999)$$),
	($$sparsevec('{}/3'::sparsevec, 5, true)$$),
	($$sparsevec('{}/3'::sparsevec, -2, true)$$),
	($$sparsevec_in('{}/3', 0, 5)$$),
	($$sparsevec_in('{}/3', 0, -2)$$),
	($$sparsevec_typmod_in('{}')$$),
	($$sparsevec_typmod_in('{NULL}')$$),
	($$sparsevec_typmod_in('{{1},{2}}')$$)) v(input);
SELECT format_type('sparsevec'::regtype, 3), sparsevec('{1:1}/3'::sparsevec, -1, false);

CREATE TEMP TABLE typed (v sparsevec(3));
INSERT INTO typed VALUES ('{1:1}/3');
SELECT pg_temp.raised($$INSERT INTO typed VALUES ('{1:1}/4')$$);
SELECT pg_temp.raised($$INSERT INTO typed SELECT '{1:1}/4'::sparsevec$$);

--
-- Binary form
--
SELECT sparsevec_send('{1:1,3:-2}/5'), sparsevec_send('{}/7');

-- What becomes of a binary value: COPY receives it from a program that
-- prints the octal numbers of its bytes
CREATE FUNCTION pg_temp.octal(data bytea) RETURNS text
LANGUAGE sql AS $$
	SELECT string_agg('\' || lpad((b / 64)::text || (b / 8 % 8)::text || (b % 8)::text, 3, '0'), '' ORDER BY i)
	FROM (SELECT i, get_byte(data, i) AS b FROM generate_series(0, length(data) - 1) i) t
$$;
CREATE TEMP TABLE received (v sparsevec);
CREATE FUNCTION pg_temp.receive(data bytea) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	file bytea := '\x5047434f50590aff0d0a000000000000000000'::bytea || '\x0001' ||
		int4send(length(data)) || data || '\xffff';
	message text := pg_temp.raised(format('COPY received FROM PROGRAM %L (FORMAT binary)',
		'printf ''' || pg_temp.octal(file) || ''''));
BEGIN
	SELECT coalesce(string_agg(v::text, ' '), message) INTO message FROM received;
	DELETE FROM received;
	RETURN message;
END $$;

SELECT what, pg_temp.receive(data) FROM (VALUES
	('two elements', '\x0000000500000002000000000000000000000002 3f800000c0000000'::bytea),
	('no element', '\x000000070000000000000000'),
	('largest', '\x3b9aca000000000100000000 3b9ac9ff 7f7fffff'),
	('denormal', '\x000000010000000100000000 00000000 00000001'),
	('empty', '\x'),
	('header cut', '\x0000000500000002'),
	('index cut', '\x000000050000000200000000000000000000'),
	('values cut', '\x000000050000000200000000000000000000000200'),
	('too long', '\x00000007000000000000000000'),
	('no dimension', '\x000000000000000000000000'),
	('negative dimensions', '\xffffffff0000000000000000'),
	('too many dimensions', '\x3b9aca010000000000000000'),
	('negative nnz', '\x00000005ffffffff00000000'),
	('smallest nnz', '\x000000058000000000000000'),
	('nnz over the limit', '\x3b9aca0000003e8100000000'),
	('largest nnz', '\x3b9aca007fffffff00000000'),
	('nnz over dimensions', '\x000000010000000200000000 00000000000000013f8000003f800000'),
	('unused not zero', '\x000000050000000000000001'),
	('index negative', '\x000000050000000100000000 ffffffff3f800000'),
	('index too large', '\x000000050000000100000000 000000053f800000'),
	('descending', '\x000000050000000200000000 00000002000000013f8000003f800000'),
	('duplicate', '\x000000050000000200000000 00000002000000023f8000003f800000'),
	('zero', '\x000000050000000100000000 0000000000000000'),
	('negative zero', '\x000000050000000100000000 0000000080000000'),
	('NaN', '\x000000050000000100000000 000000007fc00000'),
	('infinity', '\x000000050000000100000000 000000007f800000'),
	('negative infinity', '\x000000050000000100000000 00000000ff800000')) v(what, data);
SELECT what, pg_temp.receive(sparsevec_send(v)) = v::text AS same
FROM (VALUES ('round trip', '{1:1.25,4:-3e-20,9:1e38}/9'::sparsevec)) t(what, v);

--
-- Order: element by element as a dense vector, then by dimensions
--
SELECT v FROM (VALUES ('{1:1}/3'::sparsevec), ('{}/3'), ('{3:-1}/3'), ('{1:1,3:2}/3'), ('{}/2'),
	('{2:1}/2'), ('{1:1,2:-5}/4'), ('{1:-1}/3'), ('{3:1}/3'), ('{1:1}/2'), ('{2:1}/3'),
	('{2:-1}/2'), ('{1000000000:1}/1000000000'), ('{}/1000000000')) t(v) ORDER BY v;
SELECT sparsevec_cmp(a, b), sparsevec_cmp(b, a), sparsevec_cmp(a, a)
FROM (VALUES ('{1:1}/2'::sparsevec, '{1:1}/3'::sparsevec)) t(a, b);

-- all operators agree with the dense order
SELECT count(*), count(*) FILTER (WHERE
	(s1 < s2) IS DISTINCT FROM (d1 < d2) OR (s1 <= s2) IS DISTINCT FROM (d1 <= d2) OR
	(s1 = s2) IS DISTINCT FROM (d1 = d2) OR (s1 <> s2) IS DISTINCT FROM (d1 <> d2) OR
	(s1 >= s2) IS DISTINCT FROM (d1 >= d2) OR (s1 > s2) IS DISTINCT FROM (d1 > d2)) AS wrong
FROM (SELECT d1, d2, d1::real[]::sparsevec AS s1, d2::real[]::sparsevec AS s2
	FROM (SELECT array_agg((i / 3 ^ j)::integer % 3 - 1 ORDER BY j) AS d1
		FROM generate_series(0, 119) i, generate_series(0, i % 4) j GROUP BY i) a,
		(SELECT array_agg((i / 3 ^ j)::integer % 3 - 1 ORDER BY j) AS d2
		FROM generate_series(0, 119) i, generate_series(0, i % 4) j GROUP BY i) b) t;

CREATE TEMP TABLE ordered (v sparsevec);
INSERT INTO ordered VALUES ('{}/3'), ('{1:1,2:2,3:3}/3'), ('{1:1,2:1,3:1}/3'), (NULL), ('{}/3');
CREATE INDEX ON ordered (v);
ANALYZE ordered;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT v FROM ordered WHERE v = '{1:1,2:2,3:3}/3';
SELECT v FROM ordered WHERE v = '{1:1,2:2,3:3}/3';
SELECT v FROM ordered ORDER BY v;
SELECT v FROM ordered WHERE v < '{1:1,2:1,3:1}/3' ORDER BY v DESC;
RESET enable_seqscan;
SELECT v, count(*) FROM ordered GROUP BY v ORDER BY v;
SELECT DISTINCT v FROM ordered ORDER BY v;

-- values out of line, uncompressed
CREATE TEMP TABLE large (id integer, v sparsevec);
INSERT INTO large SELECT n, ('{' || string_agg(i || ':' || (i + n), ',') || '}/16000')::sparsevec
FROM generate_series(1, 3) n, generate_series(1, 16000) i GROUP BY n;
SELECT attstorage FROM pg_attribute WHERE attrelid = 'large'::regclass AND attname = 'v';
SELECT id, pg_column_size(v), v < lag(v) OVER (ORDER BY id) AS smaller,
	v <-> lag(v) OVER (ORDER BY id) AS distance
FROM large ORDER BY id;

-- marks and comments
SELECT count(*) FILTER (WHERE obj_description(oid, 'pg_proc') IS NULL) AS without_comment,
	count(*) FILTER (WHERE provolatile <> 'i' OR proparallel <> 's' OR NOT proisstrict) AS other_marks
FROM pg_proc WHERE prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')
	AND prosrc ~ '^gv_type_.*(sparsevec|bit_)';
SELECT castsource::regtype, casttarget::regtype, castcontext
FROM pg_cast WHERE 'sparsevec'::regtype IN (castsource, casttarget)
ORDER BY castsource::regtype::text COLLATE "C", casttarget::regtype::text COLLATE "C";
