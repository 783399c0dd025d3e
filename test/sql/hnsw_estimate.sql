--
-- gigavec.estimate: what building an index would take
--
CREATE TABLE planned (id int, v vector(48), h halfvec(3000), s sparsevec(1000), b bit(64), free vector, t text);
ALTER TABLE planned ALTER v SET STORAGE PLAIN;
INSERT INTO planned (id, v) SELECT i, array_agg(sin(i * 7 + j * i))::vector FROM generate_series(1, 4000) i, generate_series(1, 48) j GROUP BY i;
INSERT INTO planned (id) SELECT i FROM generate_series(1, 1000) i;
ANALYZE planned;
SET max_parallel_maintenance_workers = 0;

SELECT index_rows, parts, seconds > 0 AS takes_time FROM gigavec.estimate('planned', 'v');

-- the size is that of the index
CREATE INDEX planned_v ON planned USING hnsw (v vector_l2_ops);
SELECT abs(size - pg_relation_size('planned_v')) <= 2 * 8192 AS right_size FROM gigavec.estimate('planned', 'v');
DROP INDEX planned_v;
CREATE INDEX planned_v ON planned USING hnsw (v vector_l2_ops) WITH (m = 40);
SELECT abs(size - pg_relation_size('planned_v')) <= 2 * 8192 AS right_size FROM gigavec.estimate('planned', 'v', 'hnsw', '{m=40}');
DROP INDEX planned_v;
CREATE INDEX planned_v ON planned USING hnsw (v vector_l1_ops);
SELECT abs(size - pg_relation_size('planned_v')) <= pg_relation_size('planned_v') / 20 AS right_size
	FROM gigavec.estimate('planned', 'v', opclass => 'vector_l1_ops');
DROP INDEX planned_v;

-- the memory is what a build in one part needs
DO $$
DECLARE
	needed bigint;
	ops name;
BEGIN
	FOREACH ops IN ARRAY '{vector_l2_ops,vector_l1_ops}'::name[] LOOP
		SELECT memory INTO needed FROM gigavec.estimate('planned', 'v', opclass => ops);
		EXECUTE format('SET maintenance_work_mem = %L', ceil(needed * 1.02 / 1024) || 'kB');
		RAISE NOTICE '%, with a little more: % part', ops, (SELECT parts FROM gigavec.estimate('planned', 'v', opclass => ops));
		EXECUTE format('CREATE INDEX planned_v ON planned USING hnsw (v %s)', ops);
		DROP INDEX planned_v;
		EXECUTE format('SET maintenance_work_mem = %L', floor(needed * 0.9 / 1024) || 'kB');
		RAISE NOTICE '%, with less: % parts', ops, (SELECT parts FROM gigavec.estimate('planned', 'v', opclass => ops));
		EXECUTE format('CREATE INDEX planned_v ON planned USING hnsw (v %s)', ops);
		DROP INDEX planned_v;
	END LOOP;
END $$;
RESET maintenance_work_mem;

-- of which too few fit for parts
SET maintenance_work_mem = '1MB';
SELECT parts > 1 AS parts FROM gigavec.estimate('planned', 'v', opclass => 'vector_l1_ops');
SELECT parts IS NULL AS one_by_one FROM gigavec.estimate('planned', 'v', opclass => 'vector_l1_ops', options => '{m=100,ef_construction=200}');
RESET maintenance_work_mem;

-- larger options take more
SELECT b.memory > a.memory AS memory, b.size > a.size AS size, c.seconds > a.seconds * 1.5 AS seconds
FROM gigavec.estimate('planned', 'v') a, gigavec.estimate('planned', 'v', options => '{m=40}') b,
	gigavec.estimate('planned', 'v', options => '{ef_construction=1000}') c;

-- other types, an empty table
CREATE TABLE planned_types AS SELECT i AS id, array_fill(i, ARRAY[3000])::halfvec(3000) AS h, ('{1:' || i || '}/1000')::sparsevec(1000) AS s, i::bit(64) AS b
	FROM generate_series(1, 500) i;
ANALYZE planned_types;
SELECT c, index_rows, parts, size > 500 * 100 AS has_size FROM unnest('{h,s,b}'::name[]) c, gigavec.estimate('planned_types', c);
CREATE TABLE planned_empty (v vector(3));
ANALYZE planned_empty;
SELECT index_rows IS NOT NULL AS answers FROM gigavec.estimate('planned_empty', 'v');
SELECT gigavec.estimate(NULL, 'v') IS NULL AS null_for_null;

-- what cannot be
SELECT gigavec.estimate('planned', 'missing');
SELECT gigavec.estimate('planned', 't');
SELECT gigavec.estimate('planned', 'free');
SELECT gigavec.estimate('planned', 'v', 'btree');
SELECT gigavec.estimate('planned', 'v', 'missing');
SELECT gigavec.estimate('planned', 'v', opclass => 'halfvec_l2_ops');
SELECT gigavec.estimate('planned', 'v', options => '{m=1}');
SELECT gigavec.estimate('planned', 'v', options => '{m=40,ef_construction=50}');
SELECT gigavec.estimate('planned', 'v', options => '{lists=3}');
SELECT gigavec.estimate('pg_indexes', 'indexname');
SELECT gigavec.estimate(4294967295, 'v');

-- for whoever may read the column
CREATE ROLE planner_role;
GRANT SELECT (v) ON planned TO planner_role;
SET ROLE planner_role;
SELECT index_rows FROM gigavec.estimate('planned', 'v');
SELECT index_rows FROM gigavec.estimate('planned', 'h');
RESET ROLE;

DROP TABLE planned, planned_types, planned_empty;
DROP ROLE planner_role;
