--
-- bm25: what lanes and segments answer is the same, for queries and rows of few and of many words
--
CREATE SCHEMA bm25_lanes;
SET search_path = bm25_lanes, public;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET extra_float_digits = 3;

CREATE FUNCTION words(n integer, seed integer, kinds integer) RETURNS text LANGUAGE sql IMMUTABLE AS
	$$SELECT string_agg('w' || (hashint8extended(i, seed) & 1048575) % kinds, ' ' ORDER BY i) FROM generate_series(1, n) i$$;
CREATE TABLE rows (id integer, part integer, body text);
CREATE INDEX rows_plain ON rows USING bm25 (body, part) WITH (text_config = 'simple');
CREATE INDEX rows_positions ON rows USING bm25 (body) WITH (text_config = 'simple', positions = on);

-- of 1 to 8 words, of hundreds, and of more than a page
INSERT INTO rows SELECT i, i % 5, words(1 + i % 8, i, 1000) FROM generate_series(1, 400) i;
INSERT INTO rows SELECT i, i % 5, words(500, i, 1000) FROM generate_series(401, 408) i;
INSERT INTO rows SELECT i, i % 5, words(2500, i, 5000) FROM generate_series(409, 411) i;
INSERT INTO rows VALUES (412, 1, 'only here'), (413, 1, repeat('w1 ', 300)), (414, 2, repeat('long', 100) || ' w1');
SELECT value FROM gigavec.stats('rows_plain') WHERE name = 'new_rows';
SELECT value FROM gigavec.stats('rows_positions') WHERE name = 'new_rows';

-- Rows in the order in which a scan returns them, and their scores as the operator computes them of
-- the texts; with another query or a filter, too.  is_sorted: that is the order of these scores.
CREATE TABLE asked (n integer, query bm25query, other text);
INSERT INTO asked SELECT n, plainto_bm25query(words(words_of, n, 1200)), words(1 + n % 20, -n, 1000)
FROM (SELECT n, (ARRAY[1, 2, 3, 12, 60, 300, 2000])[1 + n % 7] AS words_of FROM generate_series(1, 21) n) x;
INSERT INTO asked VALUES (31, 'only here', 'here'), (32, 'nosuch', 'w1'), (33, to_tsquery('simple', 'w1 | w2 | w1'), 'w2*'),
	(34, 'w1^2 w2 w3 w1', '+w1 +w2'), (35, '+w1 w2* -w3', 'w1'), (36, '"w1 w1 w1"', 'w1'), (37, 'w2~1 (w3 w4 w5)~2', '-w6 w7'),
	(38, to_tsquery('simple', repeat('long', 100)), 'w1');
CREATE FUNCTION answers(index text, OUT n integer, OUT way text, OUT answer text, OUT is_sorted boolean) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	a asked;
	d text;
BEGIN
	FOR a IN SELECT * FROM asked ORDER BY asked.n LOOP
		n := a.n;
		d := format('body <@> to_bm25query(%L, %L)', a.query, index);
		FOREACH way IN ARRAY ARRAY['true', format('body @@@ to_bm25query(%L, %L)', a.other, index), 'part < 2'] LOOP
			EXECUTE format('SELECT string_agg(id || '':'' || d, '' ''),
				string_agg(id || '':'' || d, '' '') IS NOT DISTINCT FROM string_agg(id || '':'' || d, '' '' ORDER BY d, ctid) FROM
				(SELECT id, ctid, %s AS d FROM rows WHERE %s ORDER BY %1$s LIMIT 100000) x', d, way) INTO answer, is_sorted;
			way := left(way, 6);
			RETURN NEXT;
		END LOOP;
	END LOOP;
END $$;
CREATE TABLE before AS
	SELECT 'rows_plain' AS index, * FROM answers('rows_plain') UNION ALL SELECT 'rows_positions', * FROM answers('rows_positions');
SELECT index, way, count(*), count(answer), sum(length(answer)) > 1000 AS some, bool_and(is_sorted) AS is_sorted FROM before GROUP BY 1, 2 ORDER BY 1, 2;

-- as segments
VACUUM rows;
SELECT value FROM gigavec.stats('rows_plain') WHERE name = 'new_rows';
SELECT b.index, way, count(*), count(*) FILTER (WHERE b.answer IS NOT DISTINCT FROM a.answer) AS same, bool_and(a.is_sorted) AS is_sorted
FROM before b JOIN (SELECT 'rows_plain' AS index, * FROM answers('rows_plain')
	UNION ALL SELECT 'rows_positions', * FROM answers('rows_positions')) a USING (index, n, way) GROUP BY 1, 2 ORDER BY 1, 2;

DROP TABLE asked, before, rows;
DROP FUNCTION answers, words;
DROP SCHEMA bm25_lanes;
