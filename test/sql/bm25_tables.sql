--
-- bm25: kinds of tables, columns and indexes; options; who may see what
--
CREATE SCHEMA bm25_tables;
SET search_path = bm25_tables, public;
SET enable_seqscan = off;

-- options
CREATE TABLE t (id integer, body text, tags text[], short varchar(40));
INSERT INTO t VALUES (1, 'The quick brown foxes', '{red,"green apples"}', 'brown'), (2, 'A lazy dog', '{blue,NULL}', 'dog'),
	(3, '', '{}', ''), (4, NULL, NULL, NULL), (5, 'brown dogs and brown foxes', '{"red apples",red}', 'brown dog');
CREATE INDEX ON t USING bm25 (body) WITH (text_config = 'nosuch');
CREATE INDEX ON t USING bm25 (body) WITH (k1 = -1);
CREATE INDEX ON t USING bm25 (body) WITH (b = 2);
CREATE INDEX ON t USING bm25 (body) WITH (length = short);
CREATE INDEX ON t USING bm25 (body) WITH (cjk = words);
CREATE INDEX ON t USING bm25 (body) WITH (nosuch = 1);
CREATE INDEX ON t USING bm25 (id);
CREATE INDEX ON t USING bm25 (body, short);
CREATE INDEX ON t USING bm25 (body) INCLUDE (id);
CREATE UNIQUE INDEX ON t USING bm25 (body);

-- without an index
SELECT id FROM t ORDER BY body <@> 'fox' LIMIT 1;
SELECT id FROM t WHERE body @@@ 'fox';
SELECT 'foxes' <@> to_bm25query('fox', 'nosuch');
SELECT 'foxes' <@> to_bm25query('fox', 't');

-- text, varchar, text[], an expression, a part of the rows
CREATE INDEX t_body ON t USING bm25 (body) WITH (text_config = 'english');
CREATE INDEX t_short ON t USING bm25 (short) WITH (text_config = 'simple');
CREATE INDEX t_tags ON t USING bm25 (tags) WITH (text_config = 'english');
CREATE INDEX t_both ON t USING bm25 ((coalesce(short, '') || ' ' || coalesce(body, ''))) WITH (text_config = 'english', length = exact);
SELECT id, body <@> 'fox' AS d FROM t ORDER BY body <@> 'fox' LIMIT 10;
SELECT id, short <@> 'brown dog' AS d FROM t ORDER BY short <@> 'brown dog' LIMIT 10;
SELECT id, tags <@> 'apple' AS d FROM t ORDER BY tags <@> 'apple' LIMIT 10;
SELECT id FROM t WHERE tags @@@ '"red apple"' ORDER BY id;
SELECT id FROM t ORDER BY (coalesce(short, '') || ' ' || coalesce(body, '')) <@> 'dogs' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM t ORDER BY (coalesce(short, '') || ' ' || coalesce(body, '')) <@> 'dogs' LIMIT 10;
SELECT 'brown foxes' <@> to_bm25query('fox', 't_body') AS d, 'brown foxes' @@@ to_bm25query('+fox +dog', 't_body') AS m;
SELECT id FROM t ORDER BY body <@> to_bm25query('fox', 't_body') LIMIT 10;
SELECT id FROM t ORDER BY body <@> to_bm25query('fox', 't_short') LIMIT 10;
SELECT id FROM t WHERE body @@@ 'fox & brown'::tsquery ORDER BY id;
CREATE INDEX t_part ON t USING bm25 (body) WITH (text_config = 'simple') WHERE id > 2;
EXPLAIN (COSTS OFF) SELECT id FROM t WHERE id > 2 ORDER BY body <@> 'brown' LIMIT 10;
SELECT id FROM t WHERE id > 2 ORDER BY body <@> to_bm25query('foxes', 't_part') LIMIT 10;
SELECT i.indexrelid::regclass, c.* FROM pg_index i, gigavec.check(i.indexrelid) c WHERE indrelid = 't'::regclass;
-- a view, a subquery, a join
CREATE VIEW v AS SELECT id AS number, body AS content FROM t;
SELECT number FROM v ORDER BY content <@> 'fox' LIMIT 2;
SELECT id, body <@> 'fox' AS d FROM (SELECT * FROM t ORDER BY id LIMIT 2) x ORDER BY id;
SELECT a.id, b.id FROM t a JOIN t b ON a.id < b.id WHERE a.body @@@ 'fox' AND b.body @@@ 'dog' ORDER BY 1, 2;
SELECT id FROM t WHERE body @@@ 'fox' OR id = 2 ORDER BY id;
SELECT count(*) FROM t WHERE NOT body @@@ 'fox';
REINDEX INDEX CONCURRENTLY t_body;
SELECT id FROM t ORDER BY body <@> 'fox' LIMIT 10;
ALTER TABLE t ALTER COLUMN short TYPE text;
SELECT id FROM t ORDER BY short <@> 'dog' LIMIT 10;
TRUNCATE t;
SELECT id FROM t ORDER BY body <@> 'fox' LIMIT 10;
INSERT INTO t VALUES (7, 'fox');
SELECT id FROM t ORDER BY body <@> 'fox' LIMIT 10;
VACUUM FULL t;
CLUSTER t USING t_body;
SELECT id FROM t ORDER BY body <@> 'fox' LIMIT 10;

-- a text longer than a page, and one with more than 255 of a word
INSERT INTO t SELECT 8, string_agg('word' || i || ' fox', ' ') FROM generate_series(1, 5000) i;
INSERT INTO t SELECT 9, repeat('fox ', 100000);
SELECT id FROM t ORDER BY body <@> 'word77 fox' LIMIT 10;
SELECT * FROM gigavec.check('t_body');
VACUUM t;
SELECT id FROM t ORDER BY body <@> 'word77 fox' LIMIT 10;
SELECT * FROM gigavec.check('t_body');

-- parts of a score add up to it; all becomes one segment
SELECT part, tf, df, round(idf::numeric, 4) AS idf, boost, length, round(score::numeric, 4) AS score
	FROM gigavec.explain_score('fox word77 fox dogs', to_bm25query('fox^2 word77* "fox word77" cat dg~1', 't_body'));
SELECT id, abs((SELECT sum(score) FROM gigavec.explain_score(body, to_bm25query('word77 fox', 't_body'))) + (body <@> 'word77 fox')) < 1e-6 AS same FROM t ORDER BY id;
SELECT * FROM gigavec.explain_score('fox', 'fox');
INSERT INTO t VALUES (10, 'fox again');
SELECT gigavec.merge('t_body');
SELECT name, value FROM gigavec.stats('t_body') WHERE name IN ('segments', 'rows', 'new_rows');
SELECT * FROM gigavec.check('t_body');
SELECT gigavec.merge('t');
SELECT gigavec.merge(4294967295);
BEGIN READ ONLY;
SELECT gigavec.merge('t_body');
ROLLBACK;
-- long rows become segments soon, and their pages are used again: 24 KB of each of 240
CREATE TABLE long_rows (id int, body text);
CREATE INDEX long_rows_body ON long_rows USING bm25 (body) WITH (text_config = 'simple');
INSERT INTO long_rows SELECT i, (SELECT string_agg('w' || i::bigint * 7919 * j % 16381, ' ') FROM generate_series(1, 1800) j) FROM generate_series(1, 240) i;
SELECT max(value::int) FILTER (WHERE name = 'rows') AS rows, max(value::int) FILTER (WHERE name = 'new_rows') < 32 AS few_new,
	max(value::int) FILTER (WHERE name = 'pages') < 480 AS few_pages FROM gigavec.stats('long_rows_body');
SELECT * FROM gigavec.check('long_rows_body');
DROP TABLE long_rows;
-- pages of lanes are used again: all rows have been in lanes of 1.5 MB together
CREATE TABLE grown (id integer, body text);
CREATE INDEX grown_body ON grown USING bm25 (body) WITH (text_config = 'simple');
INSERT INTO grown SELECT i, (SELECT string_agg('w' || hashint8extended(i, j) % 1000, ' ') FROM generate_series(1, 60) j) FROM generate_series(1, 2000) i;
SELECT value < 120 AS small FROM gigavec.stats('grown_body') WHERE name = 'pages';
SELECT * FROM gigavec.check('grown_body');
-- the mean length of rows stays what it is, however many have been replaced: lengths that are
-- rounded to a byte are not taken from it
CREATE TABLE turned (id integer, body text);
CREATE INDEX turned_byte ON turned USING bm25 (body) WITH (text_config = 'simple');
CREATE INDEX turned_exact ON turned USING bm25 (body) WITH (text_config = 'simple', length = exact);
CREATE INDEX turned_fields ON turned USING bm25 ((ARRAY[body, id::text])) WITH (text_config = 'simple', fields = 'body', positions = on);
CREATE INDEX turned_twice ON turned USING bm25 ((to_tsvector('simple', body) || to_tsvector('simple', ''))) WITH (text_config = 'simple');
INSERT INTO turned SELECT i, repeat('all ', 50 + i % 13) || 'own' || i FROM generate_series(1, 200) i;
CREATE PROCEDURE turn(n integer) LANGUAGE plpgsql AS $$
BEGIN
	FOR part IN 0 .. 3 LOOP
		UPDATE turned SET body = repeat('all ', 50 + (id + n) % 13) || 'own' || id WHERE id % 4 = part AND id > 1;
	END LOOP;
END $$;
CALL turn(1); VACUUM turned; CALL turn(2); VACUUM turned; CALL turn(3); VACUUM turned; CALL turn(4); VACUUM turned;
CALL turn(5); VACUUM turned; CALL turn(6); VACUUM turned; CALL turn(7); VACUUM turned; CALL turn(8); VACUUM turned;
SELECT count(gigavec.merge(index)) FROM unnest('{turned_byte,turned_exact,turned_fields,turned_twice}'::regclass[]) index;
SELECT index, max(value) FILTER (WHERE name = 'rows') AS rows, max(value) FILTER (WHERE name = 'dead_rows') AS dead_rows,
	round(max(value) FILTER (WHERE name = 'average_length')::numeric, 2) AS average_length
FROM unnest('{turned_byte,turned_exact,turned_fields,turned_twice}'::regclass[]) index, gigavec.stats(index) GROUP BY 1 ORDER BY 1;
SELECT round(avg(array_length(string_to_array(body, ' '), 1)), 2) AS average_length FROM turned;
DROP TABLE turned;
-- temporary and unlogged tables
CREATE TEMP TABLE passing AS SELECT i AS id, 'word' || i % 7 || ' text' AS body FROM generate_series(1, 100) i;
CREATE INDEX ON passing USING bm25 (body);
INSERT INTO passing VALUES (101, 'word8 word8');
SELECT id FROM passing ORDER BY body <@> 'word8 word3' LIMIT 2;
CREATE UNLOGGED TABLE unlogged AS SELECT * FROM passing;
CREATE INDEX ON unlogged USING bm25 (body);
SELECT id FROM unlogged ORDER BY body <@> 'word8 word3' LIMIT 2;

-- partitions are scored with the words of all
CREATE TABLE whole (id integer, body text);
INSERT INTO whole SELECT i, CASE WHEN i % 10 = 0 THEN 'rare word' ELSE 'common word' END || repeat(' more', i % 5) FROM generate_series(1, 100) i;
CREATE TABLE parts (id integer, body text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (15);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (15) TO (1000);
INSERT INTO parts TABLE whole;
CREATE INDEX whole_body ON whole USING bm25 (body) WITH (text_config = 'simple');
CREATE INDEX parts_body ON parts USING bm25 (body) WITH (text_config = 'simple');
EXPLAIN (COSTS OFF) SELECT id FROM parts ORDER BY body <@> 'rare more' LIMIT 10;
SELECT count(*), bool_and(x = y) FROM (SELECT id, body <@> 'rare more' AS x FROM parts ORDER BY body <@> 'rare more' LIMIT 30) p
	JOIN (SELECT id, body <@> 'rare more' AS y FROM whole) w USING (id);
SELECT count(*), bool_and(p.x = w.x AND p.y = w.y) FROM (SELECT id, body <@> 'rare more' AS x, body <@> 'common' AS y FROM parts) p
	JOIN (SELECT id, body <@> 'rare more' AS x, body <@> 'common' AS y FROM whole) w USING (id);
SELECT id FROM parts_1 ORDER BY body <@> 'rare more' LIMIT 2;
-- and one of them, if the query names the index of all
SELECT count(*), bool_and(x = y) FROM (SELECT id, body <@> to_bm25query('rare more', 'parts_body') AS x FROM parts_1
	ORDER BY body <@> to_bm25query('rare more', 'parts_body') LIMIT 10) p
	JOIN (SELECT id, body <@> 'rare more' AS y FROM whole) w USING (id);
SELECT count(*), bool_and(x = y) FROM (SELECT id, body <@> 'rare more' AS x FROM parts_1 ORDER BY body <@> 'rare more' LIMIT 10) p
	JOIN (SELECT id, body <@> 'rare more' AS y FROM whole) w USING (id);
SELECT count(*) FROM parts WHERE body @@@ 'rare';

-- who may not read the table learns nothing of its words
CREATE ROLE bm25_reader;
GRANT USAGE ON SCHEMA bm25_tables TO bm25_reader;
CREATE VIEW allowed AS SELECT id, body FROM whole WHERE id < 50;
GRANT SELECT ON allowed TO bm25_reader;
SET ROLE bm25_reader;
SELECT 'rare' <@> to_bm25query('rare', 'bm25_tables.whole_body');
SELECT 'rare' @@@ to_bm25query('rare', 'bm25_tables.whole_body');
SELECT id FROM allowed ORDER BY body <@> 'rare' LIMIT 2;
SELECT gigavec.bm25_bind('rare'::text, to_bm25query('', 'bm25_tables.whole_body'));
SELECT count(*) FROM gigavec.stats('bm25_tables.whole_body');
SELECT gigavec.merge('bm25_tables.whole_body');
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA bm25_tables CASCADE;
DROP ROLE bm25_reader;
