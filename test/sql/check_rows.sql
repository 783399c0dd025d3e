--
-- gigavec.check compares an index with its table: each problem of a row is told
--
SET client_min_messages = warning;
CREATE SCHEMA check_rows;
SET search_path = check_rows, public;
CREATE TABLE items (id int, v vector(3), n int, body text, filler text);
ALTER TABLE items ALTER filler SET STORAGE PLAIN;
INSERT INTO items SELECT i, ARRAY[i, i % 7, 1], i, 'all own' || i || ' w' || i % 3 FROM generate_series(1, 30) i;
INSERT INTO items VALUES (31, '[0,0,0]', 31, 'all own31');
CREATE INDEX items_hnsw ON items USING hnsw (v vector_l2_ops, n);
CREATE INDEX items_exact ON items USING hnsw (v vector_l1_ops);
CREATE INDEX items_cosine ON items USING hnsw (v vector_cosine_ops);
CREATE INDEX items_flat ON items USING ivfflat (v vector_l2_ops, n) WITH (lists = 2);
CREATE INDEX items_pq ON items USING ivfpq (v vector_cosine_ops) WITH (lists = 2);
CREATE INDEX items_kd ON items USING kdtree (v vector_l2_ops, n);
CREATE INDEX items_words ON items USING bm25 (body, n) WITH (text_config = 'simple');

-- an index that is not ready sees nothing of what happens to the table; VACUUM takes it for none
CREATE PROCEDURE set_ready(ready boolean) LANGUAGE sql AS $$
	UPDATE pg_index SET indisready = ready WHERE indrelid = 'items'::regclass;
	UPDATE pg_class SET relhasindex = true WHERE oid = 'items'::regclass
$$;
-- problems of all indexes since the last look, by the id that the row has now
CREATE FUNCTION look(OUT index name, OUT problem text, OUT n bigint, OUT ids text) RETURNS SETOF record LANGUAGE sql AS $$
	SELECT relname, problem, count(*), string_agg(DISTINCT coalesce(i.id::text, '-'), ' ')
	FROM pg_class c, gigavec.check(c.oid) LEFT JOIN items i ON i.ctid = row_tid
	WHERE relnamespace = 'check_rows'::regnamespace AND relkind = 'i' AND relname LIKE 'items_%'
	GROUP BY 1, 2 ORDER BY relname COLLATE "C", problem COLLATE "C"
$$;
SELECT * FROM look();

-- rows that the indexes lack
CALL set_ready(false);
INSERT INTO items VALUES (40, '[40,0,0]', 40, 'all own40'), (41, '[0,0,0]', 41, ''), (42, NULL, 42, NULL);
CALL set_ready(true);
SELECT * FROM look();
DELETE FROM items WHERE id >= 40;
VACUUM items;
SELECT * FROM look();

-- places of rows that others have taken: with all else, without a vector or words, with other filters
CALL set_ready(false);
DELETE FROM items WHERE id = 5;
VACUUM items;
INSERT INTO items VALUES (50, '[50,1,2]', 50, 'all own50');
DELETE FROM items WHERE id = 6;
VACUUM items;
INSERT INTO items VALUES (60, NULL, 6, NULL);
DELETE FROM items WHERE id = 7;
VACUUM items;
INSERT INTO items SELECT 70, '[7,0,1]', 70, 'all own7 w1';
DELETE FROM items WHERE id = 8;
VACUUM items;
INSERT INTO items VALUES (80, '[0,0,0]', 8, '!');
DELETE FROM items WHERE id = 31;
VACUUM items;
INSERT INTO items VALUES (31, '[31,0,0]', 31, 'all own31');
CALL set_ready(true);
SELECT * FROM look();
REINDEX TABLE items;
SELECT * FROM look();

-- a row that is there twice, since the first was never taken away
CALL set_ready(false);
DELETE FROM items WHERE id = 9;
VACUUM items;
CALL set_ready(true);
INSERT INTO items VALUES (90, '[9,2,1]', 9, 'all own9 w0');
SELECT * FROM look();
REINDEX TABLE items;

-- rows beyond the end of the table
INSERT INTO items SELECT 100 + i, ARRAY[i, i, i], i, 'far', repeat('x', 3000) FROM generate_series(1, 4) i;
CALL set_ready(false);
DELETE FROM items WHERE id > 100;
VACUUM items;
SELECT pg_relation_size('items') / current_setting('block_size')::int AS pages;
CALL set_ready(true);
SELECT * FROM look();
-- and a search that comes to one says so
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;
CREATE FUNCTION search(index name, distance text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE (SELECT 'DROP INDEX ' || string_agg(indexrelid::regclass::text, ', ') FROM pg_index
		WHERE indrelid = 'items'::regclass AND indexrelid <> index::regclass);
	EXECUTE format('SELECT count(*) FROM (SELECT id FROM items ORDER BY %s LIMIT 50) s', distance) INTO n;
	RAISE '% rows', n;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || regexp_replace(SQLERRM, 'block \d+', 'block N');
END $$;
SELECT search(index, distance) FROM (VALUES ('items_hnsw', $$v <-> '[2,2,2]'$$), ('items_exact', $$v <+> '[2,2,2]'$$),
	('items_cosine', $$v <=> '[2,2,2]'$$), ('items_flat', $$v <-> '[2,2,2]'$$), ('items_pq', $$v <=> '[2,2,2]'$$),
	('items_kd', $$v <-> '[2,2,2]'$$), ('items_words', $$body <@> 'far'$$)) x (index, distance);

DROP SCHEMA check_rows CASCADE;
