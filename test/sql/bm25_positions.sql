--
-- bm25: stored positions change no answer, to the last bit
--
CREATE SCHEMA bm25_positions;
SET search_path = bm25_positions, public;
CREATE TABLE bad (body text);
CREATE INDEX ON bad USING bm25 (body) WITH (positions = maybe);
CREATE INDEX bad_body ON bad USING bm25 (body) WITH (text_config = 'simple', positions = on);
SELECT * FROM bad WHERE body @@@ '"a b"' ORDER BY body <@> '"a b"' LIMIT 3;
INSERT INTO bad VALUES (NULL), (''), ('a b'), ('b a');
SELECT * FROM bad WHERE body @@@ '"a b"' ORDER BY body <@> '"a b"' LIMIT 3;
DROP TABLE bad;

-- texts of a few different words, some of them longer than a page, some of one word
CREATE FUNCTION random_words(seed int, n int, range int) RETURNS text LANGUAGE sql IMMUTABLE AS
	$$SELECT string_agg('w' || ((hashint8extended(seed * 10000 + j, 1) & 65535) % range), ' ') FROM generate_series(1, n) j$$;
CREATE TABLE article (id int, title text, body text, year int);
CREATE FUNCTION add_articles(a int, b int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO article SELECT i, CASE WHEN i % 10 > 0 THEN random_words(i, 1 + i % 5, 8) END,
		CASE WHEN i % 501 = 17 THEN random_words(i, 4000, 300) WHEN i % 23 > 0 THEN random_words(-i, 1 + i % 31, 12) || ' r' || i / 40 END,
		i % 20 FROM generate_series(a, b) i $$;
SELECT add_articles(1, 1100);
CREATE FUNCTION vector_of(body text) RETURNS tsvector LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN length(body) % 7 = 0 THEN strip(to_tsvector('simple', body)) ELSE to_tsvector('simple', body) END $$;
-- each text is indexed twice, with positions and without
CREATE INDEX body_with ON article USING bm25 (body, year) WITH (text_config = 'simple', positions = on);
CREATE INDEX body_without ON article USING bm25 ((body || ''), year) WITH (text_config = 'simple');
CREATE INDEX exact_with ON article USING bm25 ((body || ' ')) WITH (text_config = 'simple', positions = true, length = exact);
CREATE INDEX exact_without ON article USING bm25 ((' ' || body)) WITH (text_config = 'simple', positions = off, length = exact);
CREATE INDEX array_with ON article USING bm25 ((ARRAY[title, body]), year) WITH (text_config = 'simple', boosts = '3', fields = 'title,body', positions = on);
CREATE INDEX array_without ON article USING bm25 ((ARRAY[title, body, NULL]), year) WITH (text_config = 'simple', boosts = '3', fields = 'title,body');
CREATE INDEX vector_with ON article USING bm25 ((vector_of(body))) WITH (text_config = 'simple', positions = on);
CREATE INDEX vector_without ON article USING bm25 ((vector_of(body || ''))) WITH (text_config = 'simple');
ANALYZE article;

CREATE FUNCTION ranked(texts text, query text, condition text) RETURNS text LANGUAGE plpgsql SET enable_seqscan = off SET enable_bitmapscan = off SET extra_float_digits = 3 AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT string_agg(id || '':'' || d, '' '' ORDER BY n) FROM (SELECT id, d, row_number() OVER () AS n FROM
		(SELECT id, %1$s <@> %2$s AS d FROM article WHERE %3$s ORDER BY %1$s <@> %2$s LIMIT 25) s) x', texts, query, condition) INTO result;
	RETURN coalesce(result, '');
END $$;
CREATE FUNCTION matched(texts text, query text, condition text) RETURNS text LANGUAGE plpgsql SET enable_seqscan = off SET enable_indexscan = off AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT string_agg(id::text, '' '' ORDER BY id) FROM article WHERE %1$s @@@ %2$s AND %3$s', texts, query, condition) INTO result;
	RETURN coalesce(result, '');
END $$;
CREATE TABLE pair (name text, a text, b text, condition text);
INSERT INTO pair VALUES ('text', 'body', '(body || '''')', 'year < 12'), ('exact', '(body || '' '')', '('' '' || body)', 'true'),
	('array', 'ARRAY[title, body]', 'ARRAY[title, body, NULL]', 'year < 15'), ('tsvector', 'vector_of(body)', 'vector_of(body || '''')', 'true');
-- forms of queries, of each some with random words
CREATE TABLE query (n int, form text, query text);
INSERT INTO query SELECT n, f, quote_literal(format(f, VARIADIC ARRAY(SELECT 'w' || (hashint8extended(n * 100 + j, 5) & 1023) % 12 FROM generate_series(1, 6) j))) || '::bm25query'
	FROM unnest(ARRAY['"%s %s"', '"%s %s %s"', '"%s %s"~2', '"%s %s %s"~9', '"%1$s %1$s"', '"%1$s %2$s %1$s"', '%s -"%s %s"', '+%s "%s %s"~3^2.5',
			'"%s %s" "%s %s" -%s', '+(%s -"%s %s") "%s %s"', '"r7 %s"~20', '"%s w77 w78"~999'])
		WITH ORDINALITY f (f, o), LATERAL (SELECT o * 10 + k AS n FROM generate_series(1, 2) k) x;
INSERT INTO query VALUES (1, 'tsquery', quote_literal('w1 <-> (w2 | w3)') || '::tsquery::bm25query'), (2, 'prefix', quote_literal('w4 <-> w1:*') || '::tsquery::bm25query'),
	(3, 'far', quote_literal('w4 <3> w1 <-> w2') || '::tsquery::bm25query');
CREATE VIEW comparison AS SELECT name, form, min(n) AS n, count(*) AS queries,
		count(*) FILTER (WHERE ranked(a, query, condition) = ranked(b, query, condition)) AS ranked,
		count(*) FILTER (WHERE matched(a, query, condition) = matched(b, query, condition)) AS matched,
		count(*) FILTER (WHERE matched(a, query, condition) <> '') AS found
	FROM pair, query GROUP BY name, form;
SELECT name, form, queries, ranked, matched, found FROM comparison ORDER BY name, n;
SELECT name, sum(queries) = sum(ranked) AND sum(queries) = sum(matched) AS same FROM
	(SELECT name, count(*) AS queries, count(*) FILTER (WHERE ranked(a, query, condition) = ranked(b, query, condition)) AS ranked,
		count(*) FILTER (WHERE matched(a, query, 'true') = matched(b, query, 'true')) AS matched
	FROM (VALUES ('array', 'ARRAY[title, body]', 'ARRAY[title, body, NULL]', 'true')) v (name, a, b, condition),
		unnest('{"title:\"w1 w2\"","+title:\"w1 w2\" w3","title:(\"w1 w2\"~3 -\"w3 w4\")","w1 -title:\"w2 w3\"","body:\"w1 w2 w3\"~4 title:w1"}'::text[]) f,
		LATERAL (SELECT quote_literal(f) || '::bm25query' AS query) q GROUP BY name) s GROUP BY name;

-- rows in no segment, one of them long; of several segments, after removals
CREATE VIEW differences AS SELECT name, query FROM pair, query
	WHERE n % 20 < 2 AND (ranked(a, query, condition) <> ranked(b, query, condition) OR matched(a, query, condition) <> matched(b, query, condition));
SELECT add_articles(1101, 1120);
DELETE FROM article WHERE id % 7 = 3;
TABLE differences;
VACUUM article;
SELECT add_articles(1121, 1250);
TABLE differences;
SELECT c.* FROM unnest('{body_with,exact_with,array_with,vector_with}'::regclass[]) i, gigavec.check(i) c;
SELECT gigavec.merge(indexrelid) FROM pg_index WHERE indrelid = 'article'::regclass;
TABLE differences;
SELECT c.* FROM unnest('{body_with,exact_with,array_with,vector_with}'::regclass[]) i, gigavec.check(i) c;

-- a build in little memory, through files, makes the same index
SET maintenance_work_mem = '1MB';
REINDEX TABLE article;
RESET maintenance_work_mem;
TABLE differences;
SELECT c.* FROM unnest('{body_with,exact_with,array_with,vector_with}'::regclass[]) i, gigavec.check(i) c;
SELECT i, name, value > 0 AS some FROM unnest('{body_with,body_without}'::text[]) i, gigavec.stats(i::regclass) WHERE name LIKE 'position%' ORDER BY i, name;

-- a phrase that is longer than the index answers alone
SELECT md5(ranked(a, q, 'true')) = md5(ranked(b, q, 'true')) AS same, ranked(a, q, 'true') <> '' AS found
	FROM pair, (SELECT '''"' || (SELECT string_agg(w, ' ') FROM unnest(string_to_array(random_words(518, 300, 300), ' ')) w) || '"''::bm25query' AS q) s WHERE name = 'text';

-- the option counts when the index is built
ALTER INDEX body_with SET (positions = off);
SELECT value FROM gigavec.stats('body_with') WHERE name = 'positions';
REINDEX INDEX body_with;
SELECT value FROM gigavec.stats('body_with') WHERE name = 'positions';
TABLE differences;

SET client_min_messages = warning;
DROP SCHEMA bm25_positions CASCADE;
