--
-- hnsw on sparsevec: build, search, insert, delete, by every operator class
--
\getenv abs_srcdir PG_ABS_SRCDIR
\set helpers :abs_srcdir '/sql/include/hnsw.sql'
\set ECHO none
\i :helpers
\set ECHO all

CREATE TABLE hnsw_test.items (id integer PRIMARY KEY, v sparsevec(40));
INSERT INTO hnsw_test.items SELECT i, ('{' || (SELECT string_agg(CASE WHEN (j * 31 + (i) * 17) % 5 = 0 THEN j || ':' || e END, ',') FROM unnest(hnsw_test.vec(i, 40)) WITH ORDINALITY u (e, j)) || '}/40')::sparsevec FROM generate_series(1, 500) i;
INSERT INTO hnsw_test.items VALUES (1001, NULL), (1002, NULL);
CREATE INDEX items_l2 ON hnsw_test.items USING hnsw (v sparsevec_l2_ops);
CREATE INDEX items_ip ON hnsw_test.items USING hnsw (v sparsevec_ip_ops);
CREATE INDEX items_cosine ON hnsw_test.items USING hnsw (v sparsevec_cosine_ops);
CREATE INDEX items_l1 ON hnsw_test.items USING hnsw (v sparsevec_l1_ops);
SELECT hnsw_test.uses_index('SELECT id FROM hnsw_test.items ORDER BY v <-> (SELECT v FROM hnsw_test.items WHERE id = 7) LIMIT 3');
SELECT hnsw_test.uses_index('SELECT id FROM hnsw_test.items ORDER BY v <#> (SELECT v FROM hnsw_test.items WHERE id = 7) LIMIT 3');
SELECT hnsw_test.uses_index('SELECT id FROM hnsw_test.items ORDER BY v <=> (SELECT v FROM hnsw_test.items WHERE id = 7) LIMIT 3');
SELECT hnsw_test.uses_index('SELECT id FROM hnsw_test.items ORDER BY v <+> (SELECT v FROM hnsw_test.items WHERE id = 7) LIMIT 3');
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;

INSERT INTO hnsw_test.items SELECT i, ('{' || (SELECT string_agg(CASE WHEN (j * 31 + (i) * 17) % 5 = 0 THEN j || ':' || e END, ',') FROM unnest(hnsw_test.vec(i, 40)) WITH ORDINALITY u (e, j)) || '}/40')::sparsevec FROM generate_series(501, 700) i;
UPDATE hnsw_test.items SET v = ('{' || (SELECT string_agg(CASE WHEN (j * 31 + (id + 3000) * 17) % 5 = 0 THEN j || ':' || e END, ',') FROM unnest(hnsw_test.vec(id + 3000, 40)) WITH ORDINALITY u (e, j)) || '}/40')::sparsevec WHERE id % 7 = 0 AND id <= 700;
DELETE FROM hnsw_test.items WHERE id % 5 = 1;
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
VACUUM hnsw_test.items;
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
INSERT INTO hnsw_test.items SELECT i, ('{' || (SELECT string_agg(CASE WHEN (j * 31 + (i) * 17) % 5 = 0 THEN j || ':' || e END, ',') FROM unnest(hnsw_test.vec(i, 40)) WITH ORDINALITY u (e, j)) || '}/40')::sparsevec FROM generate_series(2001, 2100) i;
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
REINDEX TABLE hnsw_test.items;
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
-- one vector many times
INSERT INTO hnsw_test.items SELECT i, (SELECT v FROM hnsw_test.items WHERE id = 2) FROM generate_series(3001, 3200) i;
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
DELETE FROM hnsw_test.items WHERE id BETWEEN 3001 AND 3150;
VACUUM hnsw_test.items;
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
DROP TABLE hnsw_test.items;

-- an index that was empty when it was built
CREATE TABLE hnsw_test.items (id integer, v sparsevec(40));
CREATE INDEX items_l2 ON hnsw_test.items USING hnsw (v sparsevec_l2_ops);
CREATE INDEX items_ip ON hnsw_test.items USING hnsw (v sparsevec_ip_ops);
CREATE INDEX items_cosine ON hnsw_test.items USING hnsw (v sparsevec_cosine_ops);
CREATE INDEX items_l1 ON hnsw_test.items USING hnsw (v sparsevec_l1_ops);
INSERT INTO hnsw_test.items SELECT i, ('{' || (SELECT string_agg(CASE WHEN (j * 31 + (i) * 17) % 5 = 0 THEN j || ':' || e END, ',') FROM unnest(hnsw_test.vec(i, 40)) WITH ORDINALITY u (e, j)) || '}/40')::sparsevec FROM generate_series(1, 150) i;
SELECT op, c.* FROM (VALUES ('<->', 'items_l2'), ('<#>', 'items_ip'), ('<=>', 'items_cosine'), ('<+>', 'items_l1')) x (op, i),
	hnsw_test.compare('hnsw_test.items', op, ('hnsw_test.' || i)::regclass) c;
DROP TABLE hnsw_test.items;

-- values longer than a page, next to empty ones
CREATE TABLE hnsw_test.items (id integer, v sparsevec(100000));
INSERT INTO hnsw_test.items
	SELECT i, ('{' || (SELECT string_agg(j * i || ':' || j % 7 + 1, ',') FROM generate_series(1, CASE WHEN i % 3 = 0 THEN 4000 ELSE i END) j) || '}/100000')::sparsevec
	FROM generate_series(1, 25) i;
INSERT INTO hnsw_test.items VALUES (100, '{}/100000'), (101, '{}/100000');
CREATE INDEX items_l2 ON hnsw_test.items USING hnsw (v sparsevec_l2_ops);
CREATE INDEX items_ip ON hnsw_test.items USING hnsw (v sparsevec_ip_ops);
CREATE INDEX items_cosine ON hnsw_test.items USING hnsw (v sparsevec_cosine_ops);
CREATE INDEX items_l1 ON hnsw_test.items USING hnsw (v sparsevec_l1_ops);
INSERT INTO hnsw_test.items
	SELECT i, ('{' || (SELECT string_agg(j * (i - 60) || ':' || j % 5 + 1, ',') FROM generate_series(1, CASE WHEN i % 3 = 0 THEN 5000 ELSE i END) j) || '}/100000')::sparsevec
	FROM generate_series(61, 75) i;
SELECT value > 10 FROM gigavec.stats('hnsw_test.items_l2') WHERE name = 'pages_values';
SELECT i, (SELECT count(*) FROM gigavec.check(('hnsw_test.items_' || i)::regclass)) AS problems FROM (VALUES ('l2'), ('ip'), ('cosine'), ('l1')) x (i);
SELECT op, hnsw_test.nearest('hnsw_test.items', op, '{1:1,5:2,3000:4}/100000', 10, true) = hnsw_test.nearest('hnsw_test.items', op, '{1:1,5:2,3000:4}/100000', 10, false) AS exact,
	cardinality(hnsw_test.nearest('hnsw_test.items', op, '{1:1,5:2,3000:4}/100000', 1000, true))
FROM (VALUES ('<->'), ('<#>'), ('<=>'), ('<+>')) x (op);
DELETE FROM hnsw_test.items WHERE id % 2 = 1;
VACUUM hnsw_test.items;
SELECT i, (SELECT count(*) FROM gigavec.check(('hnsw_test.items_' || i)::regclass)) AS problems FROM (VALUES ('l2'), ('ip'), ('cosine'), ('l1')) x (i);
SELECT op, hnsw_test.nearest('hnsw_test.items', op, '{1:1,5:2,3000:4}/100000', 10, true) = hnsw_test.nearest('hnsw_test.items', op, '{1:1,5:2,3000:4}/100000', 10, false) AS exact,
	cardinality(hnsw_test.nearest('hnsw_test.items', op, '{1:1,5:2,3000:4}/100000', 1000, true))
FROM (VALUES ('<->'), ('<#>'), ('<=>'), ('<+>')) x (op);
-- freed pages are used again
INSERT INTO hnsw_test.items
	SELECT i, ('{' || (SELECT string_agg(j * (i - 60) || ':' || j % 3 + 1, ',') FROM generate_series(1, 5000) j) || '}/100000')::sparsevec
	FROM generate_series(61, 64) i;
SELECT i, (SELECT count(*) FROM gigavec.check(('hnsw_test.items_' || i)::regclass)) AS problems FROM (VALUES ('l2'), ('ip'), ('cosine'), ('l1')) x (i);
DROP TABLE hnsw_test.items;

-- elements whose indices are anywhere, close together, or a power of two apart: all rows in the exact order
CREATE TABLE hnsw_test.items (id integer, v sparsevec(1000000000));
INSERT INTO hnsw_test.items
	SELECT i, ('{' || (SELECT string_agg(k || ':' || x, ',') FROM (
		SELECT DISTINCT ON (k) k, (j * 7 + i) % 11 - 5.5 AS x FROM (
			SELECT j, CASE i % 3 WHEN 0 THEN j % 400 + 1
				WHEN 1 THEN (j % 900)::bigint << 20
				ELSE (j::bigint * 7919 * (i % 5 + 1)) % 1000000000 END + 1 AS k
			FROM generate_series(1, 10 + i * 3) j) y
		ORDER BY k) z) || '}/1000000000')::sparsevec
	FROM generate_series(1, 300) i;
CREATE INDEX items_l2 ON hnsw_test.items USING hnsw (v sparsevec_l2_ops);
CREATE INDEX items_ip ON hnsw_test.items USING hnsw (v sparsevec_ip_ops);
CREATE INDEX items_cosine ON hnsw_test.items USING hnsw (v sparsevec_cosine_ops);
CREATE INDEX items_l1 ON hnsw_test.items USING hnsw (v sparsevec_l1_ops);
SELECT op, bool_and(hnsw_test.same(hnsw_test.nearest('hnsw_test.items', op, q.v::text, 300, true),
	hnsw_test.nearest('hnsw_test.items', op, q.v::text, 300, false))) AS exact
FROM (VALUES ('<->'), ('<#>'), ('<=>'), ('<+>')) x (op), hnsw_test.items q WHERE q.id IN (3, 100, 200, 299)
GROUP BY op ORDER BY op;
SELECT i, (SELECT count(*) FROM gigavec.check(('hnsw_test.items_' || i)::regclass)) AS problems FROM (VALUES ('l2'), ('ip'), ('cosine'), ('l1')) x (i);
DROP TABLE hnsw_test.items;

SET client_min_messages = warning;
DROP SCHEMA hnsw_test CASCADE;
