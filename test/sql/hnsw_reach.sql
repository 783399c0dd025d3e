--
-- hnsw: waves of deletions leave a way to every node
--
-- Points around 20 centers, and so few links a node that hardly any leads from one
-- center to another: it takes entries of the table at each.
--
CREATE SCHEMA hnsw_reach;
SET search_path = hnsw_reach, public;
CREATE FUNCTION noise(i int, j int) RETURNS float8 LANGUAGE sql IMMUTABLE AS
	'SELECT (hashint4extended(i, j) & 65535) / 65536.0';
CREATE FUNCTION point(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS
	'SELECT array_agg(2 * noise(i % 20, j) + noise(i, 100 + j) ORDER BY j)::vector FROM generate_series(1, 16) j';
CREATE TABLE items (id int, v vector(16));
INSERT INTO items SELECT i, point(i) FROM generate_series(1, 500) i;
CREATE INDEX items_m4 ON items USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 32);
CREATE INDEX items_m2 ON items USING hnsw (v vector_l2_ops) WITH (m = 2, ef_construction = 8);
CREATE INDEX items_l1 ON items USING hnsw (v vector_l1_ops) WITH (m = 4, ef_construction = 32);
-- numbers vary with the processor
CREATE FUNCTION counts(entries int, OUT index text, OUT nodes float8, OUT has_entries bool, OUT are_reached bool)
RETURNS SETOF record LANGUAGE sql AS $$
	SELECT i, max(value) FILTER (WHERE name = 'nodes_live'), max(value) FILTER (WHERE name = 'entries') >= entries,
		max(value) FILTER (WHERE name = 'nodes_not_reached') <= 2
	FROM unnest(ARRAY['items_m4', 'items_m2', 'items_l1']) AS i, gigavec.stats(i::regclass) GROUP BY i
$$;

-- each wave takes a third of the rows; after VACUUM as many others come
\set ECHO none
SELECT s FROM generate_series(1, 10) r, LATERAL (VALUES
	(1, format('DELETE FROM items WHERE id %% 5 = %s OR id %% 7 = %s', r % 5, r % 7)),
	(2, 'VACUUM (INDEX_CLEANUP on) items'),
	(3, format('INSERT INTO items SELECT %s + i, point(%1$s + i) FROM generate_series(1, 500 - (SELECT count(*)::int FROM items)) i', 1000 * r))) w(n, s)
	ORDER BY r, n \gexec
\set ECHO all
DELETE FROM items WHERE id % 7 = 0;
VACUUM (INDEX_CLEANUP on) items;
SELECT * FROM counts(30);

-- rows that do not find themselves: a few at most
SET enable_seqscan = off;
SET hnsw.iterative_scan = off;
SELECT count(*) <= 4 FROM items q WHERE NOT EXISTS
	(SELECT FROM (SELECT i.id FROM items i ORDER BY i.v <-> q.v LIMIT 10) s WHERE s.id = q.id);
RESET enable_seqscan;
RESET hnsw.iterative_scan;

-- a table that was nearly emptied has entries again as it fills
DELETE FROM items WHERE id % 40 <> 3;
VACUUM (INDEX_CLEANUP on) items;
SELECT * FROM counts(13);
INSERT INTO items SELECT 1000000 + i, point(1000000 + i) FROM generate_series(1, 500) i;
SELECT index, has_entries FROM counts(24);
DELETE FROM items WHERE id < 1000000;
VACUUM (INDEX_CLEANUP on) items;
SELECT * FROM counts(30);

-- Places that are near each other, seen from the middle, are told apart by entries' vectors, not by codes of
-- three dimensions: 150 of 30 points, in six regions
CREATE TABLE near (id int, v vector(3));
INSERT INTO near
SELECT row_number() OVER (), ARRAY[
		CASE region % 3 WHEN 0 THEN far ELSE 0 END + .1 * sin(place) + .001 * sin(7 * i),
		CASE region % 3 WHEN 1 THEN far ELSE 0 END + .1 * sin(2.4 * place) + .001 * sin(11 * i),
		CASE region % 3 WHEN 2 THEN far ELSE 0 END + .1 * sin(3.9 * place) + .001 * sin(13 * i)]::vector
FROM generate_series(0, 5) region, generate_series(1, 25) place, generate_series(1, 30) i,
	LATERAL (SELECT CASE WHEN region < 3 THEN 1 ELSE -1 END AS far) f;
CREATE INDEX near_v ON near USING hnsw (v vector_l2_ops);
SET enable_seqscan = off;
SET hnsw.ef_search = 40;
SELECT count(*) AS lost FROM near q
WHERE id % 10 = 0 AND NOT EXISTS (SELECT FROM (SELECT id FROM near ORDER BY v <-> q.v LIMIT 3) n WHERE n.id = q.id);
RESET enable_seqscan;
RESET hnsw.ef_search;

SET client_min_messages = warning;
DROP SCHEMA hnsw_reach CASCADE;
