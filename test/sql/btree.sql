--
-- Comparison, sorting and btree indexes of vector and halfvec
--
\pset null (null)

-- Elements first, then lengths; both zeros are equal
SELECT a, b, a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt, vector_cmp(a, b) AS cmp
FROM (VALUES ('[1,2]'::vector, '[1,2]'::vector), ('[1,2]', '[1,3]'), ('[2]', '[1,3]'), ('[1]', '[1,0]'), ('[1,0]', '[1]'), ('[0]', '[-0]'),
	('[-1]', '[1]'), ('[-1]', '[-2]'), ('[1e-45]', '[0]')) t(a, b);
SELECT a, b, a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt, halfvec_cmp(a, b) AS cmp
FROM (VALUES ('[1,2]'::halfvec, '[1,2]'::halfvec), ('[1,2]', '[1,3]'), ('[2]', '[1,3]'), ('[1]', '[1,0]'), ('[1,0]', '[1]'), ('[0]', '[-0]'),
	('[-1]', '[1]'), ('[-1]', '[-2]'), ('[0.00000006]', '[0]'), ('[65504]', '[-65504]')) t(a, b);

-- Operators know their commutators, negators and estimators
SELECT format_type(o.oprleft, NULL) AS type, o.oprname, c.oprname AS commutator, n.oprname AS negator, o.oprrest, o.oprjoin
FROM pg_operator o JOIN pg_operator c ON c.oid = o.oprcom JOIN pg_operator n ON n.oid = o.oprnegate
WHERE o.oprleft IN ('vector'::regtype, 'halfvec'::regtype) ORDER BY format_type(o.oprleft, NULL) COLLATE "C", o.oprname;
SELECT opcname, opcdefault, opcintype::regtype, amname FROM pg_opclass JOIN pg_am a ON a.oid = opcmethod
WHERE opcname IN ('vector_ops', 'halfvec_ops') ORDER BY opcname COLLATE "C";

CREATE TABLE btree_rows (i integer, v vector, h halfvec);
INSERT INTO btree_rows SELECT i, ARRAY[i * 37 % 100, i % 5]::vector, ARRAY[i * 37 % 100 - 50, i % 5]::halfvec FROM generate_series(1, 300) i;
INSERT INTO btree_rows VALUES (301, NULL, NULL), (302, '[5]', '[5]'), (303, '[5,1,1]', '[5,1,1]');
CREATE INDEX btree_rows_v ON btree_rows (v);
CREATE INDEX btree_rows_h ON btree_rows (h);
ANALYZE btree_rows;
SET enable_seqscan = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT v FROM btree_rows ORDER BY v LIMIT 5;
SELECT v FROM btree_rows ORDER BY v LIMIT 5;
SELECT h FROM btree_rows ORDER BY h DESC NULLS LAST LIMIT 5;
EXPLAIN (COSTS OFF) SELECT count(*) FROM btree_rows WHERE v = '[5,0]';
SELECT count(*) FROM btree_rows WHERE v = '[5,0]';
SELECT v FROM btree_rows WHERE v >= '[5]' AND v < '[5,2]' ORDER BY v;
SELECT h FROM btree_rows WHERE h > '[5]' AND h <= '[5,2]' ORDER BY h;
RESET enable_seqscan;
RESET enable_sort;

-- The index and the heap agree, and so do sorting, hashing apart, and merging
SELECT count(*) FROM (SELECT DISTINCT v FROM btree_rows) t;
SELECT count(*) FROM (SELECT v FROM btree_rows GROUP BY v HAVING count(*) > 1) t;
SET enable_nestloop = off;
SELECT count(*) FROM btree_rows a JOIN btree_rows b ON a.v = b.v;
RESET enable_nestloop;
SELECT min(i), max(i) FROM (SELECT i, lag(v) OVER w <= v AS sorted FROM btree_rows WHERE v IS NOT NULL WINDOW w AS (ORDER BY v)) t WHERE NOT sorted;
CREATE UNIQUE INDEX btree_rows_vi ON btree_rows (v, i);
\set VERBOSITY sqlstate
CREATE UNIQUE INDEX ON btree_rows (v);
\set VERBOSITY default
DROP TABLE btree_rows;
