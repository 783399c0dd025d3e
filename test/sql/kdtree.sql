--
-- kdtree: exact order by every distance, changes of rows, kinds of tables
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/kdtree.sql'
\set ECHO none
\i :helpers
\set ECHO all

SELECT amname, amtype FROM pg_am WHERE amname = 'kdtree';
SELECT opcname, opcintype::regtype, opcdefault FROM pg_opclass JOIN pg_am a ON a.oid = opcmethod WHERE amname = 'kdtree' ORDER BY 1, 2::text;
SELECT opcname, opcintype::regtype FROM pg_opclass o JOIN pg_am a ON a.oid = opcmethod WHERE amname = 'kdtree' AND NOT amvalidate(o.oid);

-- plans
CREATE TABLE kdtree_test.items (id integer PRIMARY KEY, v vector(3), n integer);
INSERT INTO kdtree_test.items SELECT i, kdtree_test.vec(i, 3), i % 100 FROM generate_series(1, 3000) i;
CREATE INDEX items_v ON kdtree_test.items USING kdtree (v);
ANALYZE kdtree_test.items;
EXPLAIN (COSTS OFF) SELECT id FROM kdtree_test.items ORDER BY v <-> '[1,2,3]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM kdtree_test.items ORDER BY v <-> '[1,2,3]' DESC LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM kdtree_test.items ORDER BY v <+> '[1,2,3]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT count(*) FROM kdtree_test.items;
-- the index is a hundredth of the table, and lacks a row
CREATE TABLE kdtree_test.filled (v vector(3), filler text);
INSERT INTO kdtree_test.filled SELECT kdtree_test.vec(i, 3), repeat('x', 1500) FROM generate_series(1, 500) i;
INSERT INTO kdtree_test.filled VALUES (NULL, '');
CREATE INDEX ON kdtree_test.filled USING kdtree (v);
VACUUM ANALYZE kdtree_test.filled;
EXPLAIN (COSTS OFF) SELECT count(*) FROM kdtree_test.filled;
SELECT count(*) FROM kdtree_test.filled;
SET enable_seqscan = off;
SELECT count(*) FROM kdtree_test.filled;
RESET enable_seqscan;
SELECT * FROM kdtree_test.compare('kdtree_test.items', '<->', 'kdtree_test.items_v');

-- a distance that nobody reads is not computed, in a join neither; one that is read is
CREATE FUNCTION kdtree_test.computes_distance(query text) RETURNS boolean LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
	line text;
	found boolean := false;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || query LOOP
		found := found OR line ~ 'Output:.*[.]v <->';
	END LOOP;
	RETURN found;
END $$;
SELECT kdtree_test.computes_distance('SELECT x.id FROM kdtree_test.items a, LATERAL (SELECT id FROM kdtree_test.items b ORDER BY b.v <-> a.v LIMIT 3) x') AS unread,
	kdtree_test.computes_distance('SELECT x.id, d FROM kdtree_test.items a, LATERAL (SELECT id, b.v <-> a.v AS d FROM kdtree_test.items b ORDER BY b.v <-> a.v LIMIT 3) x') AS read,
	kdtree_test.computes_distance('SELECT x.id FROM kdtree_test.items a, LATERAL (SELECT id FROM kdtree_test.items b ORDER BY b.v <-> a.v FETCH FIRST 3 ROWS WITH TIES) x') AS ties;

-- every distance, type, scale; d where leaves and sums of kernels change their shape
CREATE FUNCTION kdtree_test.try_all(type text, dim integer, scale real, n integer) RETURNS TABLE (operator text, queries bigint, differ bigint, differ_all bigint, problems bigint)
LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
	op text;
	class text;
BEGIN
	EXECUTE format('CREATE TABLE kdtree_test.t (id integer, v %s(%s))', type, dim);
	-- part built, part inserted; and every row of vectors without direction
	EXECUTE format('INSERT INTO kdtree_test.t SELECT i, kdtree_test.vec(i, %1$s, %2$s)::vector::%3$s FROM generate_series(1, %4$s) i', dim, scale, type, n);
	EXECUTE format('INSERT INTO kdtree_test.t SELECT -i, array_fill(0, ARRAY[%s])::%s FROM generate_series(1, 3) i', dim, type);
	FOR op, class IN VALUES ('<->', 'l2'), ('<+>', 'l1'), ('<*>', 'linf'), ('<=>', 'cosine') LOOP
		EXECUTE format('CREATE INDEX t_v ON kdtree_test.t USING kdtree (v %s_%s_ops) WITH (fillfactor = 50)', type, class);
		EXECUTE format('INSERT INTO kdtree_test.t SELECT i + 100000, kdtree_test.vec(i + 3, %1$s, %2$s)::vector::%3$s FROM generate_series(1, %4$s) i', dim, scale, type, n);
		RETURN QUERY SELECT op, * FROM kdtree_test.compare('kdtree_test.t', op, 'kdtree_test.t_v');
		DELETE FROM kdtree_test.t WHERE id > 100000;
		DROP INDEX kdtree_test.t_v;
	END LOOP;
	DROP TABLE kdtree_test.t;
END $$;
SELECT t, d, s, x.* FROM (VALUES ('vector', 2, 1), ('vector', 3, .01), ('vector', 5, 100), ('halfvec', 2, 100), ('halfvec', 3, 1), ('halfvec', 8, .01)) p (t, d, s),
	kdtree_test.try_all(t, d, s::real, 1500) x;
SELECT t, d, x.* FROM (VALUES ('vector', 1), ('vector', 12), ('vector', 17), ('vector', 33), ('vector', 64), ('halfvec', 1), ('halfvec', 40), ('halfvec', 64)) p (t, d),
	kdtree_test.try_all(t, d, 1, 300) x;

-- deletes and updates, before and after VACUUM
DELETE FROM kdtree_test.items WHERE id % 2 = 0;
SELECT * FROM kdtree_test.compare('kdtree_test.items', '<->', 'kdtree_test.items_v');
VACUUM kdtree_test.items;
SELECT * FROM kdtree_test.compare('kdtree_test.items', '<->', 'kdtree_test.items_v');
UPDATE kdtree_test.items SET v = kdtree_test.vec(id + 50000, 3) WHERE id % 3 = 0;
INSERT INTO kdtree_test.items SELECT i, kdtree_test.vec(i, 3) FROM generate_series(4001, 6000) i;
SELECT * FROM kdtree_test.compare('kdtree_test.items', '<->', 'kdtree_test.items_v');
VACUUM kdtree_test.items;
SELECT * FROM kdtree_test.compare('kdtree_test.items', '<->', 'kdtree_test.items_v');
DELETE FROM kdtree_test.items;
VACUUM kdtree_test.items;
SELECT count(*) FROM gigavec.check('kdtree_test.items_v');
SET enable_seqscan = off;
SELECT id FROM kdtree_test.items ORDER BY v <-> '[1,2,3]' LIMIT 10;
INSERT INTO kdtree_test.items VALUES (1, '[3,2,1]'), (2, NULL), (3, '[0,0,0]');
SELECT id FROM kdtree_test.items ORDER BY v <-> '[1,2,3]' LIMIT 10;
RESET enable_seqscan;
SELECT * FROM gigavec.check('kdtree_test.items_v');

-- one vector many times, splits of equal points, sorted input
CREATE TABLE kdtree_test.same (id serial, v vector(2));
CREATE INDEX same_v ON kdtree_test.same USING kdtree (v);
INSERT INTO kdtree_test.same (v) SELECT '[1,2]' FROM generate_series(1, 5000);
INSERT INTO kdtree_test.same (v) SELECT ARRAY[i, 0] FROM generate_series(1, 5000) i;
SELECT * FROM kdtree_test.compare('kdtree_test.same', '<->', 'kdtree_test.same_v', 100);
REINDEX INDEX kdtree_test.same_v;
SELECT * FROM kdtree_test.compare('kdtree_test.same', '<->', 'kdtree_test.same_v', 100);

-- extremes of float32: squares that vanish and overflow
CREATE TABLE kdtree_test.wide (id serial, v vector(2));
INSERT INTO kdtree_test.wide (v) SELECT ARRAY[a * s, b * t]::real[] FROM unnest(ARRAY[1e-45, 1e-38, 1e-20, 1, 1e19, 1e30, 1.6e38]::real[]) s, unnest(ARRAY[1e-45, 1e-20, 1, 1.6e38]::real[]) t, generate_series(-1, 1) a, generate_series(-1, 1) b;
CREATE INDEX wide_v ON kdtree_test.wide USING kdtree (v);
SELECT * FROM kdtree_test.compare('kdtree_test.wide', '<->', 'kdtree_test.wide_v', 60);
DROP INDEX kdtree_test.wide_v;
CREATE INDEX wide_v ON kdtree_test.wide USING kdtree (v vector_cosine_ops);
SELECT * FROM kdtree_test.compare('kdtree_test.wide', '<=>', 'kdtree_test.wide_v', 60);
DROP INDEX kdtree_test.wide_v;
CREATE INDEX wide_v ON kdtree_test.wide USING kdtree (v vector_l1_ops);
INSERT INTO kdtree_test.wide (v) SELECT v FROM kdtree_test.wide, generate_series(1, 3);
SELECT * FROM kdtree_test.compare('kdtree_test.wide', '<+>', 'kdtree_test.wide_v', 60);

-- scans: cursors, rescans, a null query, none at all, row limits and offsets
INSERT INTO kdtree_test.items SELECT i, kdtree_test.vec(i, 3), i % 100 FROM generate_series(10, 3000) i;
ANALYZE kdtree_test.items;
SET enable_seqscan = off;
SET enable_sort = off;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM kdtree_test.items ORDER BY v <-> '[1,2,3]';
FETCH 2 FROM c;
-- rows that go and come meanwhile change nothing for the cursor
DELETE FROM kdtree_test.items WHERE id > 1000;
INSERT INTO kdtree_test.items SELECT i, kdtree_test.vec(i, 3) FROM generate_series(3001, 6000) i;
MOVE ALL FROM c;
ROLLBACK;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM kdtree_test.items ORDER BY v <-> NULL) x;
SELECT count(*) FROM (SELECT id FROM kdtree_test.items ORDER BY v <-> '[1,2,3]' LIMIT 10 OFFSET 2990) x;
SELECT count(*), sum(d)::numeric(10, 4) FROM (SELECT id, v AS q FROM kdtree_test.items WHERE id % 100 = 0) a,
	LATERAL (SELECT v <-> q AS d FROM kdtree_test.items b ORDER BY v <-> q LIMIT 3) x;
-- conditions beside the order
SELECT count(*) FROM (SELECT id FROM kdtree_test.items WHERE n = 7 ORDER BY v <-> '[1,2,3]' LIMIT 25) x;
PREPARE p (vector, integer) AS SELECT count(*) FROM (SELECT id FROM kdtree_test.items ORDER BY v <-> $1 LIMIT $2) x;
SET plan_cache_mode = force_generic_plan;
EXECUTE p ('[1,2,3]', 7);
EXECUTE p ('[1,2,3]', 700);
RESET plan_cache_mode;
SELECT * FROM kdtree_test.raised('SELECT id FROM kdtree_test.items ORDER BY v <-> ''[1,2]''');
RESET enable_sort;
RESET enable_seqscan;

-- partial and expression indexes, partitions, unlogged and temporary tables
CREATE INDEX ON kdtree_test.items USING kdtree ((v::halfvec(3)) halfvec_linf_ops) WHERE n < 50;
EXPLAIN (COSTS OFF) SELECT id FROM kdtree_test.items WHERE n < 50 ORDER BY v::halfvec(3) <*> '[1,2,3]' LIMIT 5;
CREATE TABLE kdtree_test.parts (id integer, v vector(2)) PARTITION BY HASH (id);
CREATE TABLE kdtree_test.part0 PARTITION OF kdtree_test.parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE kdtree_test.part1 PARTITION OF kdtree_test.parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX ON kdtree_test.parts USING kdtree (v);
INSERT INTO kdtree_test.parts SELECT i, kdtree_test.vec(i, 2) FROM generate_series(1, 2000) i;
SELECT count(*) FROM gigavec.check('kdtree_test.part0_v_idx');
SELECT count(*) FROM (SELECT * FROM kdtree_test.parts ORDER BY v <-> '[1,1]' LIMIT 30) x;
CREATE UNLOGGED TABLE kdtree_test.unlogged (id serial, v vector(2));
CREATE INDEX unlogged_v ON kdtree_test.unlogged USING kdtree (v);
INSERT INTO kdtree_test.unlogged (v) SELECT kdtree_test.vec(i, 2) FROM generate_series(1, 2000) i;
SELECT * FROM kdtree_test.compare('kdtree_test.unlogged', '<->', 'kdtree_test.unlogged_v');
CREATE TEMP TABLE kdtree_temp (id serial, v vector(2));
CREATE INDEX kdtree_temp_v ON kdtree_temp USING kdtree (v);
INSERT INTO kdtree_temp (v) SELECT kdtree_test.vec(i, 2) FROM generate_series(1, 2000) i;
SELECT * FROM kdtree_test.compare('kdtree_temp', '<->', 'kdtree_temp_v');
REINDEX INDEX CONCURRENTLY kdtree_test.items_v;
SELECT * FROM gigavec.check('kdtree_test.items_v');
TRUNCATE kdtree_test.items;
SELECT * FROM gigavec.check('kdtree_test.items_v');

-- little memory
INSERT INTO kdtree_test.items SELECT i, kdtree_test.vec(i, 3) FROM generate_series(1, 60000) i;
SET maintenance_work_mem = '1MB';
REINDEX INDEX kdtree_test.items_v;
RESET maintenance_work_mem;
SELECT * FROM kdtree_test.compare('kdtree_test.items', '<->', 'kdtree_test.items_v');
SELECT name FROM gigavec.stats('kdtree_test.items_v');
SELECT name, value FROM gigavec.stats('kdtree_test.items_v') WHERE name IN ('dimensions', 'rows', 'levels', 'leaf_capacity', 'inner_capacity', 'fillfactor', 'pages_damaged');

-- beside an hnsw index: in few dimensions this, in many the other
CREATE TABLE kdtree_test.both (v3 vector(3), v32 vector(32));
INSERT INTO kdtree_test.both SELECT kdtree_test.vec(i, 3), kdtree_test.vec(i, 32) FROM generate_series(1, 10000) i;
SET client_min_messages = warning;
CREATE INDEX both_hnsw3 ON kdtree_test.both USING hnsw (v3 vector_l2_ops) WITH (m = 4, ef_construction = 16);
CREATE INDEX both_kdtree3 ON kdtree_test.both USING kdtree (v3);
CREATE INDEX both_hnsw32 ON kdtree_test.both USING hnsw (v32 vector_l2_ops) WITH (m = 4, ef_construction = 16);
CREATE INDEX both_kdtree32 ON kdtree_test.both USING kdtree (v32);
RESET client_min_messages;
ANALYZE kdtree_test.both;
EXPLAIN (COSTS OFF) SELECT FROM kdtree_test.both ORDER BY v3 <-> '[1,2,3]' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT FROM kdtree_test.both ORDER BY v32 <-> kdtree_test.vec(1, 32)::vector LIMIT 10;

-- what a build would take
SELECT index_rows, parts, abs(size - pg_relation_size('kdtree_test.both_kdtree3')) <= 3 * 8192 AS right_size, memory, seconds > 0 AS takes_time
FROM gigavec.estimate('kdtree_test.both', 'v3', 'kdtree');
SELECT b.size > 1.7 * a.size AS larger, c.memory AS of_cosine FROM gigavec.estimate('kdtree_test.both', 'v3', 'kdtree') a, gigavec.estimate('kdtree_test.both', 'v3', 'kdtree', '{fillfactor=45}') b,
	gigavec.estimate('kdtree_test.both', 'v3', 'kdtree', opclass => 'vector_cosine_ops') c;
SET maintenance_work_mem = '1MB';
SELECT parts FROM gigavec.estimate('kdtree_test.both', 'v32', 'kdtree');
RESET maintenance_work_mem;
SELECT * FROM kdtree_test.raised('SELECT gigavec.estimate(''kdtree_test.both'', ''v3'', ''kdtree'', ''{lists=3}'')');

-- options and limits
CREATE TABLE kdtree_test.large (v12 vector(12), v13 vector(13), v64 halfvec(64), v65 vector(65), v vector, s sparsevec(3));
CREATE INDEX ON kdtree_test.large USING kdtree (v12);
CREATE INDEX ON kdtree_test.large USING kdtree (v13);
CREATE INDEX ON kdtree_test.large USING kdtree (v64);
SELECT * FROM kdtree_test.raised('CREATE INDEX ON kdtree_test.large USING kdtree (v65)');
SELECT * FROM kdtree_test.raised('SELECT gigavec.estimate(''kdtree_test.large'', ''v65'', ''kdtree'')');
SELECT * FROM kdtree_test.raised('CREATE INDEX ON kdtree_test.large USING kdtree (v)');
SELECT * FROM kdtree_test.raised('CREATE INDEX ON kdtree_test.large USING kdtree (s)');
SELECT * FROM kdtree_test.raised('CREATE INDEX ON kdtree_test.large USING kdtree (v12 vector_ip_ops)');
SELECT * FROM kdtree_test.raised('CREATE UNIQUE INDEX ON kdtree_test.large USING kdtree (v12)');
SELECT * FROM kdtree_test.raised('CREATE INDEX ON kdtree_test.large USING kdtree (v12) WITH (fillfactor = 9)');
SELECT * FROM kdtree_test.raised('CREATE INDEX ON kdtree_test.large USING kdtree (v12) WITH (lists = 9)');
SELECT * FROM kdtree_test.raised('SELECT gigavec.recall(''kdtree_test.items_v'')');

SET client_min_messages = warning;
DROP SCHEMA kdtree_test CASCADE;
