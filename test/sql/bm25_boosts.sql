--
-- bm25: several columns as one document, of which some count more often
--
CREATE SCHEMA bm25_boosts;
SET search_path = bm25_boosts, public;
CREATE TABLE bad (body text, tags text[]);
CREATE INDEX ON bad USING bm25 (body) WITH (boosts = '2,1');
CREATE INDEX ON bad USING bm25 (tags) WITH (boosts = '2,x');
CREATE INDEX ON bad USING bm25 (tags) WITH (boosts = '');
CREATE INDEX ON bad USING bm25 (tags) WITH (boosts = '2,0');
CREATE INDEX ON bad USING bm25 (tags) WITH (boosts = '101');
CREATE INDEX ON bad USING bm25 (tags) WITH (boosts = '1,2,');
CREATE INDEX ON bad USING bm25 (tags) WITH (boosts = '1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1');
CREATE INDEX bad_tags ON bad USING bm25 (tags) WITH (boosts = ' 3 , 1');
ALTER INDEX bad_tags SET (boosts = '5,-1');
DROP TABLE bad;

-- the same as texts in which the title stands three times; gaps between texts are no words
CREATE TABLE article (id int, title text, body text, year int);
CREATE FUNCTION random_words(seed int, n int, range int) RETURNS text LANGUAGE sql IMMUTABLE AS
	$$SELECT string_agg('w' || ((hashint8extended(seed * 1000 + j, 1) & 65535) % range), ' ') FROM generate_series(1, n) j$$;
CREATE FUNCTION add_articles(a int, b int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO article SELECT i, CASE WHEN i % 10 > 0 THEN random_words(i, 1 + i % 5, 60) END,
		CASE WHEN i % 17 > 0 THEN random_words(-i, 5 + i % 31, 250) END, i % 20 FROM generate_series(a, b) i $$;
SELECT add_articles(1, 2000);
CREATE INDEX article_boosted ON article USING bm25 ((ARRAY[title, body]), year) WITH (text_config = 'simple', boosts = '3');
CREATE INDEX article_repeated ON article USING bm25 ((ARRAY[title, title, title, body]), year) WITH (text_config = 'simple');
CREATE INDEX article_twice ON article USING bm25 ((ARRAY[body, title])) WITH (text_config = 'simple', boosts = '1, 2');
ANALYZE article;

CREATE FUNCTION answer(texts text, query text, condition text) RETURNS text LANGUAGE plpgsql SET enable_seqscan = off SET extra_float_digits = 3 AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT string_agg(id || '':'' || d, '' '' ORDER BY n) FROM (SELECT id, d, row_number() OVER () AS n FROM
		(SELECT id, %1$s <@> %2$L AS d FROM article WHERE %3$s ORDER BY %1$s <@> %2$L LIMIT 50) s) x', texts, query, condition) INTO result;
	RETURN coalesce(result, '');
END $$;
CREATE VIEW comparison AS SELECT query,
		answer('ARRAY[title, body]', query, 'true') = answer('ARRAY[title, title, title, body]', query, 'true') AS as_repeated,
		answer('ARRAY[title, body]', query, 'year < 3') = answer('ARRAY[title, title, title, body]', query, 'year < 3') AS filtered,
		answer('ARRAY[title, body]', query, 'true') <> answer('ARRAY[body, title]', query, 'true') AS others_differ,
		answer('ARRAY[title, body]', query, 'true') <> '' AS found
	FROM unnest('{w1,"w1 w2 w3 w200","+w5 w6","w7 -w8","\"w1 w2\" w3","\"w3 w4\"~4",w11*,w555~1}'::text[]) query;
EXPLAIN (COSTS OFF) SELECT id FROM article WHERE year = 3 ORDER BY ARRAY[title, body] <@> 'w1 w2' LIMIT 5;
TABLE comparison;
SELECT add_articles(2001, 2100);
TABLE comparison;
SELECT * FROM gigavec.check('article_boosted');
SELECT gigavec.merge('article_boosted'), gigavec.merge('article_repeated');
TABLE comparison;
-- a change waits for REINDEX
ALTER INDEX article_boosted SET (boosts = '1,2');
SELECT count(*) FILTER (WHERE as_repeated) AS as_repeated, count(*) FROM comparison;
INSERT INTO article VALUES (3000, 'w1', 'w2', 1);
SELECT * FROM gigavec.check('article_boosted');
REINDEX INDEX article_boosted;
SELECT count(*) FILTER (WHERE as_repeated) < count(*) AS differs FROM comparison;
SELECT * FROM gigavec.check('article_boosted');

SET client_min_messages = warning;
DROP SCHEMA bm25_boosts CASCADE;
