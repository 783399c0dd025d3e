--
-- bm25: words of one of several columns
--
CREATE SCHEMA bm25_fields;
SET search_path = bm25_fields, public;
CREATE TABLE bad (body text, tags text[], n int);
CREATE INDEX ON bad USING bm25 (body) WITH (fields = 'title');
CREATE INDEX ON bad USING bm25 (tags) WITH (fields = '');
CREATE INDEX ON bad USING bm25 (tags) WITH (fields = 'title,');
CREATE INDEX ON bad USING bm25 (tags) WITH (fields = 'title,body,title');
CREATE INDEX ON bad USING bm25 (tags) WITH (fields = 'a b');
CREATE INDEX ON bad USING bm25 (tags) WITH (fields = 'a:b');
CREATE INDEX ON bad USING bm25 (tags) WITH (fields = 'a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q');
CREATE INDEX ON bad USING bm25 (tags) WITH (fields = 'a234567890123456789012345678901234567890123456789012345678901234');
CREATE INDEX ON bad USING bm25 (tags, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n) WITH (fields = 'a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p');
CREATE INDEX bad_tags ON bad USING bm25 (tags, n) WITH (fields = ' title ,body_2,a2345678901234567890123456789012345678901234567890123456789012');
DROP TABLE bad;

-- a word of a field scores as in an index of the field alone
CREATE TABLE article (id int, title text, body text, year int);
CREATE FUNCTION random_words(seed int, n int, range int) RETURNS text LANGUAGE sql IMMUTABLE AS
	$$SELECT string_agg('w' || ((hashint8extended(seed * 1000 + j, 1) & 65535) % range), ' ') FROM generate_series(1, n) j$$;
CREATE FUNCTION add_articles(a int, b int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO article SELECT i, CASE WHEN i % 10 > 0 THEN random_words(i, 1 + i % 5, 60) END,
		CASE WHEN i % 17 > 0 THEN random_words(-i, 5 + i % 31, 250) END, i % 20 FROM generate_series(a, b) i $$;
SELECT add_articles(1, 900);
CREATE INDEX article_fields ON article USING bm25 ((ARRAY[title, body]), year) WITH (text_config = 'simple', boosts = '3', fields = 'title, body');
CREATE INDEX article_plain ON article USING bm25 ((ARRAY[title, body, NULL])) WITH (text_config = 'simple', boosts = '3');
CREATE INDEX article_exact ON article USING bm25 ((ARRAY[NULL, title])) WITH (text_config = 'simple', fields = 'body,title', length = exact);
CREATE INDEX article_title ON article USING bm25 (title) WITH (text_config = 'simple');
CREATE INDEX article_title_exact ON article USING bm25 ((title || '')) WITH (text_config = 'simple', length = exact);
CREATE INDEX article_body ON article USING bm25 (body, year) WITH (text_config = 'simple');
ANALYZE article;

CREATE FUNCTION answer(texts text, query text, condition text DEFAULT 'true') RETURNS text LANGUAGE plpgsql SET enable_seqscan = off SET extra_float_digits = 3 AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT string_agg(id || '':'' || d, '' '' ORDER BY n) FROM (SELECT id, d, row_number() OVER () AS n FROM
		(SELECT id, %1$s <@> %2$L AS d FROM article WHERE %3$s ORDER BY %1$s <@> %2$L LIMIT 20) s) x', texts, query, condition) INTO result;
	RETURN coalesce(result, '');
END $$;
-- the same without the index
CREATE FUNCTION computed(texts text, query text) RETURNS text LANGUAGE plpgsql SET enable_indexscan = off SET enable_bitmapscan = off SET extra_float_digits = 3 AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT string_agg(id || '':'' || d, '' '' ORDER BY n) FROM (SELECT id, d, row_number() OVER () AS n FROM
		(SELECT id, %1$s <@> %2$L AS d FROM article WHERE %1$s @@@ %2$L ORDER BY 2, ctid LIMIT 20) s) x', texts, query) INTO result;
	RETURN coalesce(result, '');
END $$;
-- queries of the title: how they are written for fields, and for the title alone.  Beside other parts
-- words that need not be there are added in another order by the index of the title, so there is one of
-- them at most
CREATE TABLE query (of_field text, alone text);
INSERT INTO query SELECT replace(w, '@', 'title:'), replace(w, '@', '') FROM unnest('{@w1,@w1 @w7 @w12 @w31,"@\"w1 w2\"","+@w5 @w6","+@w5 -@w6",
	"@\"w3 w4\"~4^2 +@w3","+@w1* @w7^3",@w555~1,"+@w5~2 +@w11*","@(+w1 -(w2 w3))","@(w1 w2 w3 w4)~2","+@\"w1 w2\"~3",@w99}'::text[]) w;
CREATE VIEW comparison AS SELECT of_field,
		answer('ARRAY[title, body]', of_field) = answer('title', alone) AS byte,
		answer('ARRAY[NULL, title]', of_field) = answer('(title || '''')', alone) AS exact,
		answer('ARRAY[title, body]', replace(of_field, 'title:', 'body:')) = answer('body', alone) AS body,
		answer('ARRAY[title, body]', replace(of_field, 'title:', 'body:'), 'year < 3') = answer('body', alone, 'year < 3') AS filtered,
		answer('ARRAY[title, body]', alone) = answer('ARRAY[title, body, NULL]', alone) AS others,
		answer('ARRAY[title, body]', of_field) = computed('ARRAY[title, body]', of_field) AS computed,
		answer('ARRAY[title, body]', of_field) <> '' AS found
	FROM query;
EXPLAIN (COSTS OFF) SELECT id FROM article WHERE year = 3 ORDER BY ARRAY[title, body] <@> 'title:w1 w2' LIMIT 5;
TABLE comparison;
-- rows in lanes, of several segments, and after removals
SELECT add_articles(901, 1000);
DELETE FROM article WHERE id % 7 = 3;
TABLE comparison;
VACUUM article;
SELECT add_articles(1001, 1400);
TABLE comparison;
SELECT * FROM gigavec.check('article_fields') UNION ALL SELECT * FROM gigavec.check('article_exact');
SELECT gigavec.merge(indexrelid) FROM pg_index WHERE indrelid = 'article'::regclass;
TABLE comparison;
SELECT * FROM gigavec.check('article_fields') UNION ALL SELECT * FROM gigavec.check('article_exact');
SELECT name, value FROM gigavec.stats('article_fields') WHERE name IN ('rows', 'filter_columns', 'fields');

-- several fields together, and boosts of the query
CREATE VIEW mixed AS SELECT query, answer('ARRAY[title, body]', query) = computed('ARRAY[title, body]', query) AS same,
		answer('ARRAY[title, body]', query) <> '' AS found,
		(SELECT count(*) FROM article WHERE ARRAY[title, body] @@@ query) AS matches
	FROM unnest('{title:w1 body:w1,+title:w1 +body:w2,"+title:w1 w3 w4","title:(w1 w2)^3 body:(w1 w2)","title:(w1 body:w2)","title:(+w1 +body:w2)",
		"+title:w1 -body:\"w1 w2\"","w1 w2 title:w3","(title:w1 body:w7 w9)~2","+title:\"w1 w2\"~5 body:w30*",-title:w1}'::text[]) query;
TABLE mixed;
SELECT count(*) FILTER (WHERE title ~ '\mw1\M'), count(*) FILTER (WHERE title ~ '\mw1\M' AND body ~ '\mw2\M') FROM article;

-- whatever is no field's name with a word, phrase or group is text
SELECT query, count(*) > 0 AS found, bool_and(ARRAY[title, body] <@> query = ARRAY[title, body] <@> plainto_bm25query(query)) AS is_text
	FROM article, unnest('{w1: w2,note:w1,title: w1,(title:) w1,w1 title:,Title:w1,http://w1/title:w2 w1,xtitle:w1,title :w1,"w3,title:w1",:title:w1,
		"note:\"w1 w2\"",title::,title:}'::text[]) query WHERE ARRAY[title, body] @@@ plainto_bm25query(query) GROUP BY query ORDER BY query COLLATE "C";
SELECT query, answer('ARRAY[title, body]', query) = answer('ARRAY[title, body]', words) AS same
	FROM (VALUES ('title:w1:w2', 'title:(w1 w2)'), ('title:title:w1', 'title:(title w1)'), ('title:-5', 'title:(-5)'), ('title:+w1', 'title:w1'),
		('title:(w1', 'title:w1'), ('title:"w1', 'title:w1'), ('title:(w1 title:w2 w3)', 'title:(w1 w2 w3)')) t (query, words);
SELECT ARRAY['w1'] @@@ plainto_bm25query('title:w1', 'article_fields') AS plain_is_words, ARRAY['w1'] @@@ to_bm25query('title:w1', 'article_fields') AS title,
	ARRAY['w2', 'w1'] @@@ to_bm25query('title:w1', 'article_fields') AS body_only, 'w1' @@@ to_bm25query('title:w1', 'article_fields') AS text,
	ARRAY['w1'] @@@ to_bm25query('+title:w1', 'article_plain') AS no_field;
SELECT strict_bm25query('title:"w1 w2" +title:(w1 body:w2)~1', 'article_fields');
SELECT strict_bm25query('title:"w1 w2"');
SELECT strict_bm25query('title: w1', 'article_fields');
SELECT strict_bm25query('note:"w1 w2"', 'article_fields');
-- lexemes cannot be forged
SELECT ARRAY['w1'] @@@ to_bm25query(E'\x01w1 \x01w1* \x01*', 'article_fields') AS words, ARRAY[E'\x01w5', 'x'] @@@ to_bm25query('title:w5', 'article_fields') AS title;
SELECT count(*) FROM article WHERE ARRAY[title, body] @@@ E'''\x01w1'''::tsquery;
SELECT count(*) > 0 AS found FROM article WHERE ARRAY[title, body] @@@ 'w1'::tsquery;

-- long words, an empty field, words of many letters
INSERT INTO article VALUES (5000, repeat('x', 2046) || ' ' || repeat('y', 2045), '', 1);
SELECT count(*) FILTER (WHERE ARRAY[title, body] @@@ repeat('x', 2046)) AS x, count(*) FILTER (WHERE ARRAY[title, body] @@@ ('title:' || repeat('x', 2046))) AS too_long,
	count(*) FILTER (WHERE ARRAY[title, body] @@@ ('title:' || repeat('y', 2045))) AS y FROM article WHERE id = 5000;
SELECT * FROM gigavec.check('article_fields');

-- what a score is made of
SELECT part, tf, df, boost, length, round(score::numeric, 4) AS score
	FROM gigavec.explain_score(ARRAY['w1 w2 w1', 'w2 w3'], to_bm25query('title:w1 body:w2 w2 title:"w1 w2"^2 title:w1* body:w33~1', 'article_fields'));
SELECT count(*), bool_and(abs((SELECT sum(score) FROM gigavec.explain_score(ARRAY[title, body], to_bm25query('title:w1 w2 body:w3', 'article_fields')))
	+ (ARRAY[title, body] <@> 'title:w1 w2 body:w3')) < 1e-6) AS same FROM article WHERE ARRAY[title, body] @@@ 'title:w1 w2 body:w3';
SELECT gigavec.snippet('A w1 with w2 and w3', to_bm25query('title:w1 body:"w2 x" title:w44~1', 'article_fields'));

-- a change waits for REINDEX
ALTER INDEX article_fields SET (fields = 'heading');
SELECT count(*) FILTER (WHERE byte), count(*) FROM comparison;
INSERT INTO article VALUES (3000, 'w1', 'w2', 1);
SELECT * FROM gigavec.check('article_fields');
REINDEX INDEX article_fields;
SELECT answer('ARRAY[title, body]', 'heading:w1') = answer('title', 'w1') AS heading, answer('ARRAY[title, body]', 'body:w1') = answer('ARRAY[title, body]', 'body w1') AS is_text;
SELECT * FROM gigavec.check('article_fields');

-- partitions, and pairs of characters
CREATE TABLE parted (id int, title text, body text) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (300);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (300) TO (9000);
INSERT INTO parted SELECT id, title, body FROM article WHERE id < 3000;
CREATE INDEX parted_fields ON parted USING bm25 ((ARRAY[title, body])) WITH (text_config = 'simple', fields = 'title', cjk = bigram);
CREATE TABLE unparted AS TABLE parted;
CREATE INDEX unparted_fields ON unparted USING bm25 ((ARRAY[title, body])) WITH (text_config = 'simple', fields = 'title', cjk = bigram);
INSERT INTO parted VALUES (8000, '東京都', '大阪'), (8001, '大阪', '東京都');
INSERT INTO unparted VALUES (8000, '東京都', '大阪'), (8001, '大阪', '東京都');
SET enable_seqscan = off;
SELECT query, (SELECT array_agg(s) FROM (SELECT id, ARRAY[title, body] <@> query FROM parted WHERE ARRAY[title, body] @@@ query ORDER BY ARRAY[title, body] <@> query, id LIMIT 20) s) =
	(SELECT array_agg(s) FROM (SELECT id, ARRAY[title, body] <@> query FROM unparted WHERE ARRAY[title, body] @@@ query ORDER BY ARRAY[title, body] <@> query, id LIMIT 20) s) AS same,
	(SELECT string_agg(id::text, ' ') FROM (SELECT id FROM parted WHERE ARRAY[title, body] @@@ query ORDER BY ARRAY[title, body] <@> query, id LIMIT 2) s) AS ids
	FROM unnest('{title:w1,+title:w2* w1,title:東京,title:東,東,title:w555~1,"title:\"東京都\" 大阪"}'::text[]) query;
RESET enable_seqscan;

SET client_min_messages = warning;
DROP SCHEMA bm25_fields CASCADE;
