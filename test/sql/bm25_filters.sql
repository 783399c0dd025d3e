--
-- bm25: filter columns
--
CREATE SCHEMA bm25_filters;
SET search_path = bm25_filters, public;

-- what can be one, and where
CREATE TABLE bad (body text, title text, tags text[], place point, n int);
CREATE INDEX ON bad USING bm25 (n, body);
CREATE INDEX ON bad USING bm25 (body, title);
CREATE INDEX ON bad USING bm25 (body, tags);
CREATE INDEX ON bad USING bm25 (body, place);
CREATE INDEX ON bad USING bm25 (body, n DESC);
CREATE INDEX bad_index ON bad USING bm25 (body, title text_filter_ops, tags array_ops, n);
SELECT opcname, amvalidate(c.oid) FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod WHERE amname = 'bm25' ORDER BY 1;
DROP TABLE bad;

-- words, and a value of each type, by a row's number; some of all are null
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE FUNCTION dice(n bigint, seed bigint, sides int) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
	'SELECT ((hashint8extended(n, seed) & 1048575) % sides)::int';
CREATE FUNCTION words(n bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
	$$SELECT CASE WHEN n % 97 = 0 THEN NULL WHEN n % 89 = 0 THEN ' ... ' ELSE
		(SELECT string_agg('w' || floor(exp(dice(n * 1000 + i, 1, 10000) / 10000.0 * ln(1000)))::int, ' ')
		 FROM generate_series(1, 1 + dice(n, 2, 60)) i) END$$;
CREATE TABLE items (id bigint, tenant int, small smallint, big bigint, price real, weight float8, flag bool,
	day date, made timestamptz, code uuid, feeling mood, name text, sort text COLLATE "C", tags int[], labels text[], body text)
	WITH (autovacuum_enabled = off);
CREATE FUNCTION add_items(a bigint, b bigint) RETURNS void LANGUAGE sql AS $$
	INSERT INTO items SELECT i, nullif(dice(i, 3, 100), 99), dice(i, 4, 7), dice(i, 5, 1000)::bigint << 33, dice(i, 6, 50) / 8.0::real,
		nullif(dice(i, 7, 40), 0) / 3.0, dice(i, 8, 5) = 0, '2026-01-01'::date + dice(i, 9, 90), '2026-01-01'::timestamptz + i * interval '1 min',
		md5((dice(i, 10, 30))::text)::uuid, (enum_range(NULL::mood))[dice(i, 11, 4)], 'name' || dice(i, 12, 20), 'prefix' || dice(i, 13, 300),
		CASE WHEN i % 13 > 0 THEN ARRAY[dice(i, 14, 20), dice(i, 15, 20), nullif(i % 5, 1)] END, ARRAY['a' || dice(i, 16, 9), 'b'], words(i)
	FROM generate_series(a, b) i $$;
SELECT add_items(1, 5000);
CREATE INDEX items_body ON items USING bm25 (body, tenant, small, big, price, weight, flag, day, made, code, feeling, name text_filter_ops,
	sort text_filter_ops, tags, labels array_ops) WITH (text_config = 'simple');
ANALYZE items;
SELECT * FROM gigavec.check('items_body');
SELECT name, value FROM gigavec.stats('items_body') WHERE name IN ('rows', 'filter_columns');

-- conditions are the index's
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE tenant = 5 AND price < 3 AND body @@@ '+w1' ORDER BY body <@> 'w1 w2' LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE tags && '{3}' AND name IS NULL ORDER BY body <@> 'w1 w2' LIMIT 5;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE tenant IN (5, 6) ORDER BY body <@> 'w1 w2' LIMIT 5;
-- but it cannot answer them alone: rows without words are not in it
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		-- said since 18
		CONTINUE WHEN line LIKE '%Disabled: true';
		RETURN NEXT line;
	END LOOP;
END $$;
SELECT plan_of('SELECT count(*) FROM items WHERE tenant = 5');
SELECT count(*) FROM items WHERE tenant = 5 AND body IS NULL;
SELECT count(*) = (SELECT count(*) FROM items WHERE tenant = 5) FROM items WHERE tenant = 5 OR tenant = 5 AND body @@@ 'w1';
SELECT count(*) FROM items WHERE tenant = 5 AND body IS NULL AND body @@@ 'w1';
SELECT count(*) FROM items WHERE tenant = 5 AND body IS NOT NULL AND body @@@ 'w1';
-- nor without the order
SET enable_indexscan = off;
SET enable_seqscan = on;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE tenant = 5 ORDER BY body <@> 'w1 w2' LIMIT 5;
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE tenant = 5 AND body @@@ 'w1' ORDER BY body <@> 'w1 w2' LIMIT 5;
RESET enable_indexscan;
RESET enable_seqscan;

-- What a query with a condition returns, by index, and by ranking all rows and leaving out those that do not pass
CREATE FUNCTION answer(query text, condition text, k int, way text) RETURNS text LANGUAGE plpgsql SET extra_float_digits = 3 AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('enable_seqscan', CASE way WHEN 'table' THEN 'on' ELSE 'off' END, true),
		set_config('enable_indexscan', CASE way WHEN 'table' THEN 'off' WHEN 'bitmap' THEN 'off' ELSE 'on' END, true),
		set_config('enable_bitmapscan', CASE way WHEN 'bitmap' THEN 'on' ELSE 'off' END, true),
		set_config('bm25.pruning', CASE way WHEN 'all' THEN 'off' ELSE 'on' END, true);
	EXECUTE format('SELECT string_agg(x.id || '':'' || x.d, '' '' ORDER BY x.n) FROM (SELECT id, d, row_number() OVER () AS n FROM
			(SELECT id, body <@> %1$L AS d FROM items WHERE (%2$s) %3$s ORDER BY body <@> %1$L %4$s LIMIT %5$s) s) x', query, condition,
		CASE WHEN way IN ('table', 'bitmap') THEN format('AND body @@@ %L', query) END, CASE WHEN way IN ('table', 'bitmap') THEN ', ctid' END, k)
		INTO result;
	RETURN coalesce(result, '');
END $$;
CREATE FUNCTION conditions(n bigint) RETURNS text[] LANGUAGE sql AS $$SELECT ARRAY[
	'tenant = ' || dice(n, 20, 100), 'tenant < ' || dice(n, 21, 100), 'tenant IS NULL', 'tenant IN (' || dice(n, 22, 50) || ', 7, 9, NULL)',
	'tenant BETWEEN ' || dice(n, 23, 50) || ' AND 60', 'tenant > 1000', 'tenant = 5000000000', 'small >= ' || dice(n, 24, 9),
	'small = 3::bigint', 'big <= ' || (dice(n, 25, 1000)::bigint << 33), 'price < ' || dice(n, 26, 50) / 8.0, 'price = 1.5::float8',
	'weight > ' || dice(n, 27, 40) / 3.0, 'weight IS NULL', 'weight = ''NaN''', 'flag', 'NOT flag', 'flag IS TRUE',
	format('day = %L', '2026-01-01'::date + dice(n, 28, 90)), 'day < ''2026-01-20''',
	format('made BETWEEN %L AND %L', '2026-01-01'::timestamptz + dice(n, 29, 5000) * interval '1 min', '2026-01-04'),
	format('code = %L', md5(dice(n, 30, 30)::text)), format('code > %L', md5(dice(n, 31, 30)::text)), 'feeling = ''ok''', 'feeling > ''sad''',
	'feeling IS NOT NULL', format('name = %L', 'name' || dice(n, 32, 20)), 'name < ''name15''', format('sort = %L', 'prefix' || dice(n, 33, 300)),
	format('sort >= %L', 'prefix' || dice(n, 34, 300)), format('tags && ARRAY[%s, 4]', dice(n, 35, 20)), format('tags @> ARRAY[%s]', dice(n, 36, 20)),
	'tags @> ''{}''', 'tags IS NULL', format('labels @> ARRAY[%L, ''b'']', 'a' || dice(n, 37, 9)), 'tenant = NULL', 'id % 3 = 0']$$;
CREATE FUNCTION condition(n bigint) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(c[1 + dice(n * 10 + i, 40, array_length(c, 1))], ' AND ') FROM conditions(n) c, generate_series(1, 1 + dice(n, 41, 3)) i $$;
CREATE FUNCTION query(n bigint) RETURNS text LANGUAGE sql AS $$
	SELECT format((ARRAY['%s', '%s %s', '%s %s %s %s', '+%s %s', '%s -%s', '"%s %s" %s', 'w%s*', '(%s %s %s)~2'])[1 + dice(n, 50, 8)],
		'w' || dice(n, 51, 30), 'w' || dice(n, 52, 300), 'w' || dice(n, 53, 10), 'w' || dice(n, 54, 800)) $$;
CREATE FUNCTION compare(a bigint, b bigint) RETURNS TABLE (queries bigint, as_table bigint, as_bitmap bigint, unpruned bigint, with_rows bool)
	LANGUAGE sql AS $$
	SELECT count(*), count(*) FILTER (WHERE by_index = by_table), count(*) FILTER (WHERE by_index = by_bitmap),
		count(*) FILTER (WHERE by_index = by_all), count(*) FILTER (WHERE by_index <> '') > count(*) / 4
	FROM (SELECT answer(q, c, k, 'index') AS by_index, answer(q, c, k, 'table') AS by_table, answer(q, c, k, 'bitmap') AS by_bitmap,
			answer(q, c, k, 'all') AS by_all
		FROM (SELECT query(i) AS q, condition(i) AS c, (ARRAY[1, 10, 10000])[1 + i % 3] AS k FROM generate_series(a, b) i OFFSET 0) x OFFSET 0) y $$;
SELECT * FROM compare(1, 50);
-- each condition by itself
SELECT count(*) AS conditions, count(*) FILTER (WHERE answer('w1 w3', c, 20, 'index') = answer('w1 w3', c, 20, 'table')) AS as_table
FROM unnest(conditions(1)) c;

-- new rows
SELECT add_items(5001, 5700);
SELECT value > 0 AS new_rows FROM gigavec.stats('items_body') WHERE name = 'new_rows';
SELECT * FROM gigavec.check('items_body');
SELECT * FROM compare(101, 120);
-- changed and removed ones
UPDATE items SET tenant = 5 WHERE id % 11 = 0;
DELETE FROM items WHERE id % 7 = 0;
SELECT * FROM compare(141, 150);
VACUUM items;
SELECT * FROM gigavec.check('items_body');
SELECT * FROM compare(161, 170);
SELECT gigavec.merge('items_body');
SELECT * FROM gigavec.check('items_body');
SELECT * FROM compare(181, 190);
-- a build whose documents do not fit into memory
SET maintenance_work_mem = '1MB';
REINDEX INDEX items_body;
RESET maintenance_work_mem;
SELECT * FROM gigavec.check('items_body');
SELECT * FROM compare(201, 210);
-- exact lengths
ALTER INDEX items_body SET (length = exact);
REINDEX INDEX items_body;
SELECT * FROM compare(221, 225);

-- a filter that few rows pass still returns as many rows as are asked for, where as many match
SET enable_seqscan = off;
SELECT count(*) FROM (SELECT id FROM items WHERE tenant = 5 ORDER BY body <@> 'w1 w2 w3' LIMIT 20) x;
-- values that are known later, and of another table
PREPARE by_tenant (int, text) AS SELECT id FROM items WHERE tenant = $1 AND small = ANY ('{1,2}') ORDER BY body <@> $2 LIMIT 3;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE by_tenant(5, 'w1');
EXECUTE by_tenant(5, 'w1');
EXECUTE by_tenant(NULL, 'w1');
RESET plan_cache_mode;
SELECT t.n, x.id FROM (VALUES (5), (6), (NULL)) t (n), LATERAL (SELECT id FROM items WHERE tenant = t.n ORDER BY body <@> 'w1' LIMIT 2) x;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM items WHERE tenant = 5 ORDER BY body <@> 'w1';
FETCH 2 FROM c;
MOVE ALL FROM c;
FETCH 2 FROM c;
ROLLBACK;
-- hybrid search hands its filter on
SELECT leg, btrim(line) AS line FROM gigavec.hybrid_plan('items', 'w1 w2', NULL, filter => 'tenant = $1', filter_values => ARRAY['5'])
WHERE line LIKE '%Index Cond%';
SELECT count(*), bool_and(tenant = 5) FROM gigavec.hybrid_search('items', 'w1 w2', NULL, k => 20, filter => 'tenant = $1', filter_values => ARRAY['5']) s
	JOIN items i ON i.ctid = s.tid;
RESET enable_seqscan;

-- an empty table, an expression, a partial index, a temporary table
CREATE TEMP TABLE small (id int, owner name, body text);
CREATE INDEX small_body ON small USING bm25 (body, lower(owner::text) text_filter_ops, (id % 10)) WHERE id > 0;
SET enable_seqscan = off;
SELECT id FROM small WHERE id > 0 AND id % 10 = 3 ORDER BY body <@> 'word' LIMIT 5;
INSERT INTO small SELECT i, 'Owner' || i % 3, 'word number ' || i FROM generate_series(1, 50) i;
EXPLAIN (COSTS OFF) SELECT id FROM small WHERE id > 0 AND id % 10 = 3 AND lower(owner::text) = 'owner1' ORDER BY body <@> 'word' LIMIT 5;
SELECT id FROM small WHERE id > 0 AND id % 10 = 3 AND lower(owner::text) = 'owner1' ORDER BY body <@> 'word' LIMIT 5;
SELECT * FROM gigavec.check('small_body');
RESET enable_seqscan;

-- no bitmap scan is made of an ordered one whose query is in the order only
CREATE TABLE unordered (id int, part int, body text) WITH (autovacuum_enabled = off);
CREATE INDEX unordered_body ON unordered USING bm25 (body, part);
CREATE INDEX unordered_partial ON unordered USING bm25 (body) WHERE part = 1;
INSERT INTO unordered SELECT i, i % 3, 'word number ' || i FROM generate_series(1, 90) i;
SET enable_indexscan = off;
SELECT id FROM unordered WHERE part = 1 ORDER BY body <@> to_bm25query('number 31', 'unordered_partial') LIMIT 1;
SELECT id FROM unordered WHERE part = 2 ORDER BY body <@> to_bm25query('number 32', 'unordered_body') LIMIT 1;
SET enable_seqscan = off;
SELECT id FROM unordered WHERE part = 1 ORDER BY body <@> to_bm25query('number 31', 'unordered_partial') LIMIT 1;
SELECT id FROM unordered WHERE part = 2 AND body @@@ to_bm25query('32', 'unordered_body')
ORDER BY body <@> to_bm25query('number 32', 'unordered_body') LIMIT 1;
RESET enable_seqscan;
RESET enable_indexscan;

SET client_min_messages = warning;
DROP SCHEMA bm25_filters CASCADE;
