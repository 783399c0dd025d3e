--
-- bm25: documents that are left out change no result, to the last bit
--
CREATE SCHEMA bm25_pruning;
SET search_path = bm25_pruning, public;

-- several windows of documents, words from very frequent to rare
CREATE FUNCTION random_part(n bigint, seed bigint) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
	'SELECT (hashint8extended(n, seed) & 1048575) / 1048576.0';
CREATE FUNCTION random_word(n bigint, seed bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
	$$SELECT 'w' || floor(exp(random_part(n, seed) * ln(2000)))::integer$$;
CREATE TABLE many (id integer, part integer, body text) WITH (autovacuum_enabled = off);
CREATE FUNCTION fill(first integer, last integer) RETURNS void LANGUAGE sql AS
	$$INSERT INTO many SELECT i, i * 7919 % 100, (SELECT string_agg(random_word(i * 1000 + j, 1), ' ')
		FROM generate_series(1, 1 + floor(exp(random_part(i, 2) * ln(40)))::integer) j) FROM generate_series(first, last) i$$;
SELECT fill(1, 13000);
CREATE INDEX many_byte ON many USING bm25 (body) WITH (text_config = 'simple');
CREATE INDEX many_exact ON many USING bm25 (body, part) WITH (text_config = 'simple', length = exact);
ANALYZE many;
SET enable_seqscan = off;
SET enable_bitmapscan = off;

-- the best rows for a query, with all bits of their scores
CREATE FUNCTION best(query text, index text, k integer, below integer, pruning text) RETURNS text LANGUAGE plpgsql
	SET extra_float_digits = 3 AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('bm25.pruning', pruning, true);
	IF below < 100 THEN
		SELECT string_agg(x.id || ':' || x.d::text, ' ' ORDER BY x.d, x.place) INTO result
			FROM (SELECT id, ctid AS place, body <@> to_bm25query(query, index) AS d FROM many
				WHERE part < below ORDER BY body <@> to_bm25query(query, index) LIMIT k) x;
	ELSE
		SELECT string_agg(x.id || ':' || x.d::text, ' ' ORDER BY x.d, x.place) INTO result
			FROM (SELECT id, ctid AS place, body <@> to_bm25query(query, index) AS d FROM many
				ORDER BY body <@> to_bm25query(query, index) LIMIT k) x;
	END IF;
	RETURN result;
END $$;
CREATE FUNCTION compare(form text, n integer, indexes text) RETURNS TABLE (index text, below integer, queries bigint, same bigint, "with rows" bigint)
	LANGUAGE sql AS $$
	SELECT i, b, count(*), count(*) FILTER (WHERE a IS NOT DISTINCT FROM o), count(*) FILTER (WHERE a <> '')
	FROM (VALUES ('many_byte', 100), ('many_exact', 100), ('many_exact', 30)) v (i, b), generate_series(1, n) q,
		LATERAL (SELECT format(form, VARIADIC ARRAY(SELECT random_word(q * 10 + j, 3) FROM generate_series(1, 8) j)) AS query,
			(ARRAY[1, 7, 10, 64, 65, 200])[1 + q % 6] AS k) x,
		LATERAL best(query, i, k, b, 'on') a, LATERAL best(query, i, k, b, 'off') o
	WHERE i ~ indexes GROUP BY i, b ORDER BY i, b DESC $$;
CREATE FUNCTION compare_all(indexes text) RETURNS TABLE (form text, index text, below integer, queries bigint, same bigint, "with rows" bigint)
	LANGUAGE sql AS $$
	SELECT f, c.* FROM unnest(ARRAY['%s', '%s %s', '%1$s^3 %s^0.5', '%s %s %s', '%s %s %s %s %s %s %s %s',
			'+%s %s', '+%s +%s %s', '%s -%s', '+%s %s -%s^2 %s', '(%s %s) +(%s %s)', '(%s %s %s %s)~2',
			'(+%s -%s) (%s +(%s %s))', '%s -(+%s -%s)', '%s* %s', '+%s* %s^9 -%s', '%s~1 %s', '"%s %s" %s^4', '+%s "%s %s"~3',
			'-"%s %s" %s']) WITH ORDINALITY f (f, o),
		LATERAL compare(f, CASE WHEN o <= 5 THEN 12 ELSE 6 END, indexes) c ORDER BY o, index, below DESC $$;
SELECT * FROM compare_all('.');

-- removed rows, several segments, rows in no segment
DELETE FROM many WHERE id % 5 = 2;
SELECT fill(13001, 14500);
VACUUM many;
SELECT fill(14501, 14600);
SELECT name, value > 1 AS several FROM gigavec.stats('many_byte') WHERE name IN ('segments', 'dead_rows', 'new_rows') ORDER BY name;
SELECT form, queries, same FROM compare_all('many_byte');

-- words of fields, whose blocks are bounded by the lengths of the fields: these are longer than the rows on average
CREATE INDEX many_fields ON many USING bm25 ((ARRAY['w1 w' || part, CASE WHEN id % 10 = 0 THEN repeat(body || ' ', 8) END, body]), part) WITH (text_config = 'simple', fields = 'label,long');
SELECT fill(14601, 14700);
CREATE FUNCTION best_of_fields(query text, k integer, below integer, pruning text) RETURNS text LANGUAGE plpgsql SET extra_float_digits = 3 AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('bm25.pruning', pruning, true);
	SELECT string_agg(x.id || ':' || x.d::text, ' ' ORDER BY x.d, x.place) INTO result
		FROM (SELECT id, ctid AS place, ARRAY['w1 w' || part, CASE WHEN id % 10 = 0 THEN repeat(body || ' ', 8) END, body] <@> query AS d FROM many
			WHERE part < below ORDER BY ARRAY['w1 w' || part, CASE WHEN id % 10 = 0 THEN repeat(body || ' ', 8) END, body] <@> query LIMIT k) x;
	RETURN result;
END $$;
SELECT form, count(*) AS queries, count(*) FILTER (WHERE best_of_fields(query, k, below, 'on') IS NOT DISTINCT FROM best_of_fields(query, k, below, 'off')) AS same
	FROM unnest('{long:%s,long:%s long:%s,long:%s %s label:%s,+long:%s long:%s,+label:w1 long:%s,long:(%s %s %s)~2 %s,long:%s* -label:%s,"long:\"%s %s\" long:%s"}'::text[])
		WITH ORDINALITY f (form, n), generate_series(1, 6) q,
		LATERAL (SELECT format(form, VARIADIC ARRAY(SELECT random_word(q * 10 + j, 4) FROM generate_series(1, 4) j)) AS query,
			(ARRAY[1, 10, 65])[1 + q % 3] AS k, CASE WHEN q % 2 = 0 THEN 1000 ELSE 30 END AS below) x
	GROUP BY form, n ORDER BY n;
SELECT * FROM gigavec.check('many_fields');

SET client_min_messages = warning;
DROP SCHEMA bm25_pruning CASCADE;
