--
-- sparsevec: distances and norms
--
CREATE FUNCTION pg_temp.raised(statement text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' | ' || SQLERRM;
END $$;

SELECT a, b, a <-> b AS l2, a <#> b AS negative_ip, round((a <=> b)::numeric, 6) AS cosine, a <+> b AS l1
FROM (VALUES
	('{}/2'::sparsevec, '{}/2'::sparsevec),
	('{}/2', '{1:3,2:4}/2'),
	('{1:3,2:4}/2', '{}/2'),
	('{1:3}/2', '{2:4}/2'),
	('{2:4}/2', '{1:3}/2'),
	('{1:1,2:2}/2', '{1:2,2:4}/2'),
	('{1:1,2:1}/2', '{1:-1,2:-1}/2'),
	('{1:1,2:1}/2', '{1:1.5,2:1.5}/2'),
	('{1:1,3:3,5:5}/5', '{2:4,3:6,4:8}/5'),
	('{1:1,3:3,5:5,7:7,9:9}/9', '{2:2,4:4,6:6,8:8}/9'),
	('{1000000000:3}/1000000000', '{999999999:4,1000000000:3}/1000000000'),
	-- where float32 overflows or underflows
	('{1:3e38}/1', '{1:-3e38}/1'),
	('{1:3e38,2:3e38}/2', '{1:3e38}/2'),
	('{1:1e-30,2:1e-30}/2', '{1:1e-30}/2'),
	('{1:1e-45}/2', '{1:1e-45}/2')) t(a, b);

SELECT l2_distance(a, b), inner_product(a, b), cosine_distance(a, b), l1_distance(a, b),
	sparsevec_l2_squared_distance(a, b), sparsevec_negative_inner_product(a, b)
FROM (VALUES ('{1:1,3:2}/4'::sparsevec, '{3:-1,4:2}/4'::sparsevec)) t(a, b);

SELECT v, l2_norm(v), l2_normalize(v)
FROM (VALUES ('{}/2'::sparsevec), ('{1:3,2:4}/2'), ('{2:0.1}/2'), ('{1:3e38}/1'),
	('{1:1e-45}/1'), ('{1:3e38,2:1e-37}/2'), ('{2:3e37,4:3e-37,6:4e37,8:4e-37}/9')) t(v);

SELECT pg_temp.raised(format($$SELECT %s('{1:1}/2'::sparsevec, '{1:1}/3'::sparsevec)$$, f))
FROM (VALUES ('l2_distance'), ('inner_product'), ('cosine_distance'), ('l1_distance'),
	('sparsevec_l2_squared_distance'), ('sparsevec_negative_inner_product')) t(f);

SELECT l2_distance(NULL::sparsevec, '{}/1'), '{}/1'::sparsevec <=> NULL;

-- against the dense sums, computed in double precision from the definition
CREATE TEMP TABLE pairs AS
SELECT n, a::real[]::sparsevec AS a, b::real[]::sparsevec AS b, l2, ip, l1, aa, bb
FROM (SELECT n, array_agg(x ORDER BY i) AS a, array_agg(y ORDER BY i) AS b,
		sqrt(sum((x - y) ^ 2)) AS l2, sum(x * y) AS ip, sum(abs(x - y)) AS l1,
		sum(x * x) AS aa, sum(y * y) AS bb
	FROM (SELECT n, i,
			CASE WHEN i * n * 7919 % (1 + n % 5) = 0 THEN (i * 37 + n * 11) % 201 - 100 ELSE 0 END::float8 AS x,
			CASE WHEN i * n * 104729 % (1 + n % 7) = 1 % (1 + n % 7) THEN (i * 53 + n * 29) % 151 - 75 ELSE 0 END::float8 AS y
		FROM generate_series(1, 200) n, generate_series(1, 1 + n % 60) i) e
	GROUP BY n) t;
SELECT count(*),
	count(*) FILTER (WHERE NOT abs((a <-> b) - l2) <= 1e-5 * l2) AS l2_wrong,
	count(*) FILTER (WHERE (a <#> b) <> -ip) AS ip_wrong,
	count(*) FILTER (WHERE (a <+> b) <> l1) AS l1_wrong,
	count(*) FILTER (WHERE CASE WHEN aa * bb = 0 THEN (a <=> b) <> 'NaN'
		ELSE abs((a <=> b) - (1 - ip / sqrt(aa * bb))) > 1e-6 END) AS cosine_wrong,
	count(*) FILTER (WHERE abs(l2_norm(a) - sqrt(aa)) > 1e-12 * sqrt(aa)) AS norm_wrong,
	count(*) FILTER (WHERE (a <-> b) <> (b <-> a) OR (a <#> b) <> (b <#> a) OR (a <+> b) <> (b <+> a)
		OR (a <=> b) <> (b <=> a)) AS asymmetric,
	count(*) FILTER (WHERE aa * bb = 0) AS zero_norms
FROM pairs;

SELECT oprname, oprcode, (SELECT c.oprname FROM pg_operator c WHERE c.oid = o.oprcom) AS commutator,
	obj_description(oid, 'pg_operator')
FROM pg_operator o WHERE oprleft = 'sparsevec'::regtype ORDER BY oprname COLLATE "C";
