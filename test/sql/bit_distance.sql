--
-- bit: Hamming and Jaccard distance
--
CREATE FUNCTION pg_temp.raised(statement text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' | ' || SQLERRM;
END $$;

SELECT a, b, a <~> b AS hamming, a <%> b AS jaccard
FROM (VALUES (B'', B''), (B'0', B'0'), (B'1', B'0'), (B'1111', B'1111'), (B'1111', B'1110'),
	(B'1111', B'1100'), (B'1111', B'0000'), (B'1100', B'1000'),
	(B'10101010101010101010', B'01010101010101010101'),
	(B'111', '000'::varbit(4))) t(a, b);
SELECT hamming_distance('111', '100'), jaccard_distance('1111', '1000'),
	hamming_distance(NULL, B'1'), B'1' <%> NULL;

SELECT pg_temp.raised($$SELECT B'111' <~> B'11'$$), pg_temp.raised($$SELECT B'111' <%> B'1111'$$);
SELECT pg_temp.raised($$SELECT hamming_distance('111', '0000'::varbit(4))$$),
	pg_temp.raised($$SELECT jaccard_distance('', '0')$$);

-- against counts of single bits, at every length up to 600
SELECT count(*),
	count(*) FILTER (WHERE (a <~> b) <> differ) AS hamming_wrong,
	count(*) FILTER (WHERE (a <%> b) <> CASE WHEN shared = 0 THEN 1 ELSE 1 - shared / either END) AS jaccard_wrong,
	count(*) FILTER (WHERE (a <~> b) <> (b <~> a) OR (a <%> b) <> (b <%> a)) AS asymmetric
FROM (SELECT string_agg(x::text, '' ORDER BY i)::varbit AS a, string_agg(y::text, '' ORDER BY i)::varbit AS b,
		count(*) FILTER (WHERE x <> y) AS differ,
		count(*) FILTER (WHERE x = 1 AND y = 1)::float8 AS shared,
		count(*) FILTER (WHERE x = 1 OR y = 1)::float8 AS either
	FROM (SELECT n, i, ((i * 7919 + n * 31) % 13 % 2) AS x, ((i * 104729 + n * 17) % 11 % 3 % 2) AS y
		FROM generate_series(1, 600) n, generate_series(1, n) i) e
	GROUP BY n) t;

-- a long value, out of line
CREATE TEMP TABLE bits (v bit varying);
INSERT INTO bits SELECT repeat('10', 500000)::varbit;
SELECT v <~> ~v AS hamming, v <%> ~v AS jaccard, v <~> v AS same FROM bits;

SELECT oprname, oprcode, (SELECT c.oprname FROM pg_operator c WHERE c.oid = o.oprcom) AS commutator,
	obj_description(oid, 'pg_operator')
FROM pg_operator o WHERE oprcode::text ~ 'hamming_distance|jaccard_distance' ORDER BY oprname COLLATE "C";
