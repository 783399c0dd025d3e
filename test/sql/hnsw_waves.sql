--
-- hnsw: what is left after most rows were deleted is found, and can be added to
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/hnsw.sql'
\set ECHO none
\i :helpers
\set ECHO all

-- three rows, put in last and far from all others, are left when those are
-- deleted: mostly no entry of the table, and no neighbor of one, is alive
CREATE TABLE hnsw_test.items (id integer, v vector(12));
CREATE INDEX items_l2 ON hnsw_test.items USING hnsw (v vector_l2_ops);
CREATE INDEX items_l1 ON hnsw_test.items USING hnsw (v vector_l1_ops);
CREATE PROCEDURE hnsw_test.leave_three(i integer)
LANGUAGE sql AS $$
	TRUNCATE hnsw_test.items;
	INSERT INTO hnsw_test.items SELECT j, hnsw_test.vec(j, 12) FROM generate_series(1, 300) j;
	INSERT INTO hnsw_test.items SELECT 1000 + j, hnsw_test.vec(i, 12)::vector * array_fill(1000 + j, ARRAY[12])::vector FROM generate_series(1, 3) j;
	DELETE FROM hnsw_test.items WHERE id <= 300;
$$;
-- without iteration a scan returns what the graph leads to
CREATE FUNCTION hnsw_test.found(operator text) RETURNS bigint
LANGUAGE plpgsql SET enable_seqscan = off SET enable_sort = off SET hnsw.iterative_scan = off SET hnsw.ef_search = 1000 AS $$
DECLARE
	result bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM (SELECT id FROM hnsw_test.items ORDER BY v %s hnsw_test.vec(1, 12)::vector) x', operator) INTO result;
	RETURN result;
END $$;
SELECT format('CALL hnsw_test.leave_three(%s)', i), 'VACUUM hnsw_test.items',
	'SELECT hnsw_test.found(''<->''), hnsw_test.found(''<+>'')' FROM generate_series(1, 10) i \gexec
-- and new rows are linked to them
INSERT INTO hnsw_test.items SELECT i, hnsw_test.vec(i, 12) FROM generate_series(2001, 2100) i;
SELECT hnsw_test.found('<->'), hnsw_test.found('<+>');
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;

-- rows of one vector that come and go: the list of them does not grow for ever
TRUNCATE hnsw_test.items;
INSERT INTO hnsw_test.items SELECT i, '[1,2,3,4,5,6,7,8,9,10,11,12]' FROM generate_series(1, 3000) i;
SELECT i, value FROM (VALUES ('items_l2'), ('items_l1')) x (i), gigavec.stats(('hnsw_test.' || i)::regclass) WHERE name = 'pages_rows';
SELECT format('DELETE FROM hnsw_test.items WHERE id <= %s', i * 300), 'VACUUM hnsw_test.items',
	format('INSERT INTO hnsw_test.items SELECT i, ''[1,2,3,4,5,6,7,8,9,10,11,12]'' FROM generate_series(%s, %s) i', 3000 + i * 300 - 299, 3000 + i * 300)
	FROM generate_series(1, 30) i \gexec
SELECT i, value FROM (VALUES ('items_l2'), ('items_l1')) x (i), gigavec.stats(('hnsw_test.' || i)::regclass) WHERE name = 'pages_rows';
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;

SET client_min_messages = warning;
DROP SCHEMA hnsw_test CASCADE;
