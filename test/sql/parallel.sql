--
-- Parallel query: functions say what they are, and give the same in workers
--
-- those that are not safe
SELECT p.oid::regprocedure, proparallel FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid WHERE extname = 'gigavec' AND proparallel <> 's' ORDER BY p.oid::regprocedure::text COLLATE "C";
-- aggregates that cannot be combined
SELECT a.aggfnoid::regprocedure FROM pg_aggregate a JOIN pg_depend d ON d.objid = a.aggfnoid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid WHERE extname = 'gigavec' AND aggcombinefn = 0;

CREATE TABLE parallel_items (id integer, v vector(8), h halfvec(8), s sparsevec(8), b bit(8)) WITH (parallel_workers = 2);
INSERT INTO parallel_items SELECT i, p, p, p, binary_quantize(p)::bit(8)
	FROM (SELECT i, array_to_vector(ARRAY(SELECT ((i * 7919 + j * 104729 + i * i % 997 * j) % 1001 - 500) / 4.0 FROM generate_series(1, 8) j)::real[], 8, false) AS p FROM generate_series(1, 3000) i) x;
INSERT INTO parallel_items SELECT i FROM generate_series(3001, 3100) i;
ANALYZE parallel_items;

-- each query alone, then with workers: the same.  Not sum(halfvec), which rounds
-- to half precision at each step, in the order that rows come in
CREATE TABLE parallel_queries (id serial, query text);
INSERT INTO parallel_queries (query) SELECT format('SELECT md5(string_agg(x::text, '' '' ORDER BY x::text)) FROM (SELECT %s AS x FROM parallel_items) y', e) FROM unnest(ARRAY[
	'v <-> ''[1,2,3,4,5,6,7,8]''', 'v <#> ''[1,2,3,4,5,6,7,8]''', 'v <=> ''[1,2,3,4,5,6,7,8]''', 'v <+> ''[1,2,3,4,5,6,7,8]''',
	'h <-> ''[1,2,3,4,5,6,7,8]''', 'h <#> ''[1,2,3,4,5,6,7,8]''', 'h <=> ''[1,2,3,4,5,6,7,8]''', 'h <+> ''[1,2,3,4,5,6,7,8]''',
	's <-> ''{1:1,8:2}/8''', 's <#> ''{1:1,8:2}/8''', 's <=> ''{1:1,8:2}/8''', 's <+> ''{1:1,8:2}/8''', 'b <~> B''10101010''', 'b <%> B''10101010''',
	'v + v', 'v - v', 'v * v', 'v || v', 'h + h', 'h - h', 'h * h', 'h || h', 'l2_normalize(v)', 'l2_normalize(h)', 'l2_normalize(s)',
	'vector_norm(v)', 'vector_dims(v)', 'l2_norm(h)', 'l2_norm(s)', 'subvector(v, 2, 3)', 'binary_quantize(v)', 'binary_quantize(h)',
	'v::halfvec', 'h::vector', 'v::sparsevec', 's::vector', 'v::real[]', 'v::real[]::vector', 'v = v', 'v < ''[1,2,3,4,5,6,7,8]''', 'h > ''[1,2,3,4,5,6,7,8]''', 's >= ''{1:1}/8''',
	'v::text::vector', 'h::text::halfvec', 's::text::sparsevec', 'vector_send(v)', 'halfvec_send(h)', 'sparsevec_send(s)']) e;
INSERT INTO parallel_queries (query) VALUES
	('SELECT avg(v), sum(v), avg(h), count(v) FROM parallel_items'),
	('SELECT min(id), max(id), avg(v) FROM parallel_items GROUP BY b ORDER BY b LIMIT 1'),
	('SELECT string_agg(id::text, '' '') FROM (SELECT id FROM parallel_items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'', id LIMIT 50) x'),
	('SELECT string_agg(id::text, '' '') FROM (SELECT id FROM parallel_items ORDER BY s <+> ''{1:1,8:2}/8'', id LIMIT 50) x'),
	('SELECT string_agg(id::text, '' '') FROM (SELECT id FROM parallel_items ORDER BY v DESC NULLS LAST, id LIMIT 50) x'),
	('SELECT count(*) FROM parallel_items WHERE v <-> ''[1,2,3,4,5,6,7,8]'' < 200 AND b <~> B''10101010'' < 4'),
	('SELECT count(*), sum(a.id) FROM parallel_items a JOIN parallel_items c ON a.v = c.v AND a.h = c.h');

CREATE FUNCTION run_parallel_queries(workers integer) RETURNS TABLE (id integer, answer text, planned boolean)
LANGUAGE plpgsql AS $$
DECLARE
	q record;
	line text;
BEGIN
	PERFORM set_config('max_parallel_workers_per_gather', workers::text, true), set_config('parallel_setup_cost', '0', true),
		set_config('parallel_tuple_cost', '0', true), set_config('min_parallel_table_scan_size', '0', true), set_config('parallel_leader_participation', 'off', true);
	FOR q IN SELECT * FROM parallel_queries x ORDER BY x.id LOOP
		id := q.id;
		planned := false;
		FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || q.query LOOP
			planned := planned OR line LIKE '%Workers Planned: %';
		END LOOP;
		EXECUTE 'SELECT (x.*)::text FROM (' || q.query || ') x' INTO answer;
		RETURN NEXT;
	END LOOP;
END $$;
SELECT q.id, q.query FROM run_parallel_queries(0) a JOIN run_parallel_queries(2) p USING (id) JOIN parallel_queries q USING (id)
	WHERE a.answer IS DISTINCT FROM p.answer OR a.answer IS NULL OR a.planned OR NOT p.planned;

-- beside an index scan
CREATE INDEX ON parallel_items USING hnsw (v vector_l2_ops);
SET enable_seqscan = off;
SET enable_sort = off;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM parallel_items ORDER BY v <-> '[1,2,3,4,5,6,7,8]') x;

-- checks beside a scan that could be parallel: they look at the latest rows
CREATE INDEX ON parallel_items USING kdtree (v);
RESET enable_seqscan;
RESET enable_sort;
SELECT count(*), count(p) FROM (SELECT DISTINCT indexrelid FROM parallel_items, pg_index WHERE indrelid = 'parallel_items'::regclass) i
	LEFT JOIN LATERAL gigavec.check(indexrelid) p ON true;

SET client_min_messages = warning;
DROP FUNCTION run_parallel_queries(integer);
DROP TABLE parallel_items, parallel_queries;
