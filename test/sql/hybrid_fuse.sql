--
-- gigavec.fuse: one list of several
--
\set VERBOSITY terse
-- three legs; ties by id; rows that a leg lacks
SELECT * FROM gigavec.fuse(ARRAY['a', 'b', 'c', 'b', 'd', 'a', 'd'], ARRAY[1, 2, 3, 9, .5, 4, 8], ARRAY[1, 1, 1, 2, 2, 3, 3]);
CREATE FUNCTION fused(fusion text, weights float8[] DEFAULT '{0.3,0.7}', rrf_k integer DEFAULT 60) RETURNS TABLE (id integer, score float8, ranks integer[], parts float8[]) LANGUAGE sql AS $$
	SELECT id, score, ranks, parts FROM gigavec.fuse(ARRAY[1, 2, 3, 4, 3, 4, 5], ARRAY[10, 8, 5, 2, .1, .4, .2], ARRAY[1, 1, 1, 1, 2, 2, 2], $1, $2, $3, ARRAY[false, true])
$$;
SELECT * FROM fused('minmax');
SELECT id, round(score::numeric, 12) AS score, ranks FROM fused('rrf');
SELECT * FROM fused('rrf', rrf_k => 0, weights => '{1,1}');
SELECT id, round(score::numeric, 12) AS score, ranks FROM fused('dbsf');
SELECT * FROM fused('max');
SELECT * FROM gigavec.fuse(ARRAY[1, 2, 2], ARRAY[10, 8, 3], ARRAY[1, 1, 2], 'linear', '{0.5,2}');

-- each method by its formula
WITH leg AS (SELECT id, raw, leg, good, row_number() OVER (PARTITION BY leg ORDER BY good DESC, id) AS rank,
		max(good) OVER w AS max, min(good) OVER w AS min, avg(good) OVER w AS mean, stddev_pop(good) OVER w AS sd
	FROM (SELECT i % 97 AS id, leg, raw, CASE leg WHEN 2 THEN -raw ELSE raw END AS good
		FROM (SELECT i, 1 + i % 3 AS leg, ((i * 7919) % 1009) / 10.0::float8 AS raw FROM generate_series(1, 150) i) x) y
	WINDOW w AS (PARTITION BY leg)),
all_legs AS (SELECT array_agg(id) AS ids, array_agg(raw) AS raws, array_agg(leg) AS legs FROM leg),
parts AS (SELECT fusion, id, leg, ('{0.2,1.5,0.8}'::float8[])[leg] * CASE fusion WHEN 'minmax' THEN (good - min) / (max - min) WHEN 'rrf' THEN 1.0 / (60 + rank)
		WHEN 'dbsf' THEN greatest((good - mean) / (6 * sd) + .5, 0) END AS part
	FROM leg, unnest(ARRAY['minmax', 'rrf', 'dbsf']) fusion),
expected AS (SELECT fusion, id, sum(part) AS score FROM parts GROUP BY 1, 2)
SELECT fusion, count(*), max(abs(f.score - e.score)) < 1e-12 AS scores, bool_and(f.score = (SELECT sum(p ORDER BY n) FROM unnest(f.parts) WITH ORDINALITY u (p, n))) AS sums
FROM expected e FULL JOIN LATERAL (SELECT fusion, f.* FROM all_legs, unnest(ARRAY['minmax', 'rrf', 'dbsf']) fusion, gigavec.fuse(ids, raws, legs, fusion, '{0.2,1.5,0.8}', 60, '{f,t,f}') f) f USING (fusion, id)
GROUP BY fusion ORDER BY fusion;

-- equal values become 1, one row as well, in each method that has a scale
SELECT fusion, array_agg(score ORDER BY id) AS scores FROM unnest(ARRAY['minmax', 'dbsf', 'max']) fusion, gigavec.fuse(ARRAY[1, 2, 3], ARRAY[.1, .1, .1], ARRAY[1, 1, 1], fusion) GROUP BY fusion ORDER BY fusion;
SELECT fusion, array_agg(score ORDER BY id) AS scores FROM unnest(ARRAY['minmax', 'dbsf', 'max']) fusion, gigavec.fuse(ARRAY[1], ARRAY[-5], ARRAY[1], fusion) GROUP BY fusion ORDER BY fusion;
-- extremes of float8
SELECT fusion, array_agg(score ORDER BY id) AS scores FROM unnest(ARRAY['minmax', 'dbsf', 'max']) fusion, gigavec.fuse(ARRAY[1, 2, 3], ARRAY[1.7e308, 0, -1.7e308], ARRAY[1, 1, 1], fusion) GROUP BY fusion ORDER BY fusion;
-- a row twice in a leg: the better; NULL and what is no number: not there
SELECT * FROM gigavec.fuse(ARRAY[1, 1, 2, 3, 4, NULL], ARRAY[1, 5, 3, NULL, 'NaN', 7]::float8[], ARRAY[1, 1, 1, 1, 1, 1]);
SELECT * FROM gigavec.fuse(ARRAY[1, 2], ARRAY['Infinity', 3]::float8[], ARRAY[1, 1]);
-- legs without weight, without rows; nothing at all
SELECT * FROM gigavec.fuse(ARRAY[1, 2], ARRAY[1, 2], ARRAY[1, 3], 'rrf', ARRAY[0, 1, 1, 1]);
SELECT * FROM gigavec.fuse('{}'::integer[], '{}', '{}');
SELECT * FROM gigavec.fuse(NULL::integer[], NULL, NULL);
-- ids of other types
SELECT id, score FROM gigavec.fuse(ARRAY['(0,2)', '(0,1)']::tid[], ARRAY[1, 1], ARRAY[1, 1]);
SELECT id, score FROM gigavec.fuse(ARRAY['b', 'a', 'B'] COLLATE "C", ARRAY[1, 1, 1], ARRAY[1, 1, 1]);
SELECT id, score FROM gigavec.fuse(ARRAY[ROW(2, 'x'), ROW(1, 'y')], ARRAY[1, 1], ARRAY[1, 1]);
-- many rows
SELECT count(*), sum(score) FROM gigavec.fuse((SELECT array_agg(i) FROM generate_series(1, 200000) i), (SELECT array_agg(0.0 * i) FROM generate_series(1, 200000) i), (SELECT array_agg(1 + i % 2) FROM generate_series(1, 200000) i), 'minmax');

SELECT * FROM gigavec.fuse(ARRAY[1], ARRAY[1], ARRAY[1], 'sum');
SELECT * FROM gigavec.fuse(ARRAY[1], ARRAY[1, 2], ARRAY[1]);
SELECT * FROM gigavec.fuse(ARRAY[1], ARRAY[1], ARRAY[0]);
SELECT * FROM gigavec.fuse(ARRAY[1], ARRAY[1], ARRAY[65]);
SELECT * FROM gigavec.fuse(ARRAY[1], ARRAY[1], ARRAY[NULL]::integer[]);
SELECT * FROM gigavec.fuse(ARRAY[1], ARRAY[1], ARRAY[2], weights => '{1}');
SELECT * FROM gigavec.fuse(ARRAY[1], ARRAY[1], ARRAY[2], ascending => '{t}');
SELECT * FROM gigavec.fuse(ARRAY[1], ARRAY[1], ARRAY[2], weights => '{{1,2}}');
SELECT * FROM gigavec.fuse(ARRAY[ARRAY[1, 2]], ARRAY[1, 1], ARRAY[1, 1]);
SELECT * FROM gigavec.fuse(ARRAY[1], ARRAY[1], ARRAY[1], weights => '{-1}');
SELECT * FROM gigavec.fuse(ARRAY[1], ARRAY[1], ARRAY[1], weights => '{NaN}');
SELECT * FROM gigavec.fuse(ARRAY[1], ARRAY[1], ARRAY[1], rrf_k => -1);
SELECT * FROM gigavec.fuse(ARRAY[1], ARRAY[1], ARRAY[1], 'linear', ascending => '{t}');
SELECT * FROM gigavec.fuse(ARRAY['<a/>']::xml[], ARRAY[1], ARRAY[1]);
DROP FUNCTION fused;
