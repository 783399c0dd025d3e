--
-- What the planner thinks that distances cost
--
CREATE SCHEMA costs_test;
CREATE FUNCTION costs_test.total(query text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN plan->0->'Plan'->>'Total Cost';
END $$;
-- one distance for each row, beside a scan without
CREATE FUNCTION costs_test.distances(table_name text, distance text) RETURNS float8 LANGUAGE sql AS
	$$ SELECT costs_test.total(format('SELECT max(%s) FROM costs_test.%s', distance, table_name)) - costs_test.total(format('SELECT max(id) FROM costs_test.%s', table_name)) $$;
CREATE TABLE costs_test.short (id integer, v vector(8), h halfvec(8), s sparsevec(1000), b bit(64));
CREATE TABLE costs_test.long (id integer, v vector(600), h halfvec(1200), s sparsevec(1000), b bit(16000));
CREATE TABLE costs_test.inline (id integer, v vector(600));
ALTER TABLE costs_test.inline ALTER v SET STORAGE PLAIN;
ALTER TABLE costs_test.long ALTER b SET STORAGE EXTERNAL;
INSERT INTO costs_test.short SELECT i, array_fill(i, ARRAY[8])::vector, array_fill(1, ARRAY[8])::halfvec, '{1:1}/1000', repeat('1', 64)::bit(64) FROM generate_series(1, 2000) i;
INSERT INTO costs_test.long SELECT i, (SELECT array_agg(hashint4(i * 600 + j) % 100) FROM generate_series(1, 600) j)::vector,
	array_fill(1, ARRAY[1200])::halfvec, '{1:1}/1000', repeat('1', 16000)::bit(16000) FROM generate_series(1, 2000) i;
INSERT INTO costs_test.inline SELECT id, v FROM costs_test.long;
ANALYZE costs_test.short, costs_test.long, costs_test.inline;

-- longer values cost more, those out of line far more
SELECT type, long > 5 * short AS long_more
FROM unnest(ARRAY['v <-> array_fill(0, ARRAY[8])::vector|v <-> array_fill(0, ARRAY[600])::vector', 'v <=> v|v <=> v', 'v <#> v|v <#> v', 'v <+> v|v <+> v', 'h <-> h|h <-> h', 'b <~> b|b <~> b', 'b <%> b|b <%> b', 'l2_distance(v, v)|l2_distance(v, v)']) AS type,
	costs_test.distances('short', split_part(type, '|', 1)) AS short, costs_test.distances('long', split_part(type, '|', 2)) AS long;
SELECT out_of_line > 5 * inline AS out_of_line_more, inline > 2 * short AS inline_more
FROM costs_test.distances('short', 'v <-> v') AS short, costs_test.distances('inline', 'v <-> v') AS inline, costs_test.distances('long', 'v <-> v') AS out_of_line;
-- the type modifier of sparsevec does not tell the length
SELECT long BETWEEN 0.5 * short AND 2 * short AS the_same
FROM costs_test.distances('short', 's <-> s') AS short, costs_test.distances('long', 's <-> s') AS long;
-- without a column, without statistics, of a subquery, of a partition, in a join
SELECT costs_test.total($$SELECT '[1,2]'::vector <-> '[1,3]'$$) < 1 AS cheap;
CREATE TABLE costs_test.bare (id integer, v vector(2000), w vector);
SELECT costs_test.distances('bare', 'v <-> v') > 5 * costs_test.distances('bare', 'w <-> w') AS expected_to_be_long;
SELECT costs_test.total('SELECT max(d) FROM (SELECT v <-> v AS d FROM costs_test.long OFFSET 0) x') > costs_test.total('SELECT max(d) FROM (SELECT id AS d FROM costs_test.long OFFSET 0) x') + 1000 AS subquery;
CREATE TABLE costs_test.parent (id integer, v vector(600)) PARTITION BY RANGE (id);
CREATE TABLE costs_test.part PARTITION OF costs_test.parent FOR VALUES FROM (0) TO (10000);
INSERT INTO costs_test.parent SELECT id, v FROM costs_test.long;
ANALYZE costs_test.parent;
SELECT costs_test.distances('parent', 'v <-> v') > 5 * costs_test.distances('short', 'v <-> v') AS partitioned;
SELECT costs_test.total('SELECT a.id FROM costs_test.long a JOIN costs_test.short b ON a.id = b.id ORDER BY a.v <-> a.v') > costs_test.total('SELECT a.id FROM costs_test.long a JOIN costs_test.short b ON a.id = b.id ORDER BY a.id') + 1000 AS joined;

-- so an index delivers the first hundred of those that pass, though a btree would find them
CREATE INDEX long_v ON costs_test.long USING hnsw (v vector_l2_ops, id);
CREATE INDEX long_id ON costs_test.long (id);
CREATE FUNCTION costs_test.scan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'Scan' THEN
			RETURN substr(line, strpos(line, '>') + 3);
		END IF;
	END LOOP;
END $$;
SELECT low, high, costs_test.scan(format('SELECT id FROM costs_test.long WHERE id BETWEEN %s AND %s ORDER BY v <-> array_fill(0, ARRAY[600])::vector LIMIT 100', low, high))
FROM (VALUES (100, 1000), (100, 101)) AS x (low, high);
-- pages of filters are read here and there, as those of the table are: for few rows of many a btree does
CREATE TABLE costs_test.filtered (tenant integer, part integer, at timestamptz, amount float8, name text, other text, v vector(8));
INSERT INTO costs_test.filtered SELECT hashint4(i) & 1023, hashint4(i + 1) & 127, timestamptz 'epoch' + i * interval '1 hour', i, 'name' || i, 'other' || i,
	(SELECT array_agg(hashint4(i * 8 + j) % 100) FROM generate_series(1, 8) j)::vector FROM generate_series(1, 20000) i;
CREATE INDEX filtered_v ON costs_test.filtered USING hnsw (v vector_l2_ops, tenant, part, at, amount, name, other);
CREATE INDEX filtered_tenant ON costs_test.filtered (tenant);
CREATE INDEX filtered_part ON costs_test.filtered (part);
ANALYZE costs_test.filtered;
SELECT condition, costs_test.scan(format('SELECT tenant FROM costs_test.filtered WHERE %s ORDER BY v <-> array_fill(0, ARRAY[8])::vector LIMIT 10', condition))
FROM unnest(ARRAY['tenant IN (5, 7)', 'part IN (5, 7)', 'part > 7']) AS condition;
-- a generic plan does not know how many rows a range outside the index lets pass, and must not seem
-- better than the plans that do; conditions of the index cost about the same in any case
CREATE TABLE costs_test.priced AS SELECT i AS id, i * 7919 % 10000 AS price, ARRAY[sin(i), cos(i * 3), sin(i * 7)]::vector(3) AS v FROM generate_series(1, 10000) i;
CREATE INDEX priced_v ON costs_test.priced USING hnsw (v vector_l2_ops);
CREATE INDEX priced_price ON costs_test.priced (price);
ANALYZE costs_test.priced;
PREPARE priced (integer) AS SELECT id FROM costs_test.priced WHERE price < $1 ORDER BY v <-> '[1,0,0]' LIMIT 10;
SELECT high, costs_test.scan(format('SELECT id FROM costs_test.priced WHERE price < %s ORDER BY v <-> %L LIMIT 10', high, '[1,0,0]')) FROM unnest(ARRAY[20, 9000]) AS high;
SELECT 'CREATE TEMPORARY TABLE found AS EXECUTE priced(20)', 'DROP TABLE found' FROM generate_series(1, 8) \gexec
SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE name = 'priced';
CREATE INDEX priced_v_price ON costs_test.priced USING hnsw (v vector_l2_ops, price);
DROP INDEX costs_test.priced_v;
DEALLOCATE priced;
PREPARE priced (integer) AS SELECT id FROM costs_test.priced WHERE price < $1 ORDER BY v <-> '[1,0,0]' LIMIT 10;
SELECT 'CREATE TEMPORARY TABLE found AS EXECUTE priced(20)', 'DROP TABLE found' FROM generate_series(1, 8) \gexec
SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE name = 'priced';
DEALLOCATE priced;
SET client_min_messages = warning;
DROP SCHEMA costs_test CASCADE;
