--
-- bm25: values of type tsvector, so that each row may have a text search configuration of its own
--
CREATE SCHEMA bm25_tsvector;
SET search_path = bm25_tsvector, public;
CREATE TABLE bad (body tsvector);
CREATE INDEX ON bad USING bm25 (body) WITH (boosts = '2');
CREATE INDEX ON bad USING bm25 (body) WITH (fields = 'title');
CREATE INDEX ON bad USING bm25 (body) WITH (cjk = bigram);
CREATE INDEX ON bad USING bm25 (body, body);
DROP TABLE bad;

-- the same scores as of the text that the tsvector was made of
CREATE TABLE article (id int, body text, year int, words tsvector GENERATED ALWAYS AS (to_tsvector('english', body)) STORED);
CREATE FUNCTION add_articles(a int, b int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO article SELECT i, CASE WHEN i % 17 > 0 THEN (SELECT string_agg(CASE WHEN j % 6 = 0 THEN 'the ' ELSE '' END
		|| CASE hash & 3 WHEN 0 THEN 'searching-engine' ELSE 'word' || (hash >> 2) % 40 END, ' ')
		FROM (SELECT j, hashint8extended(i * 1000 + j, 1) & 65535 AS hash FROM generate_series(1, 5 + i % 31) j) s) END, i % 20 FROM generate_series(a, b) i $$;
SELECT add_articles(1, 600);
CREATE INDEX article_words ON article USING bm25 (words, year) WITH (text_config = 'english');
CREATE INDEX article_body ON article USING bm25 (body, year) WITH (text_config = 'english');
ANALYZE article;
CREATE FUNCTION answer(document text, query text, condition text DEFAULT 'true') RETURNS text LANGUAGE plpgsql SET enable_seqscan = off SET extra_float_digits = 3 AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT string_agg(id || '':'' || d, '' '' ORDER BY n) FROM (SELECT id, d, row_number() OVER () AS n FROM
		(SELECT id, %1$s <@> %2$s AS d FROM article WHERE %3$s ORDER BY %1$s <@> %2$s LIMIT 20) s) x', document, query, condition) INTO result;
	RETURN coalesce(result, '');
END $$;
CREATE FUNCTION computed(document text, query text) RETURNS text LANGUAGE plpgsql SET enable_indexscan = off SET enable_bitmapscan = off SET extra_float_digits = 3 AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT string_agg(id || '':'' || d, '' '' ORDER BY n) FROM (SELECT id, d, row_number() OVER () AS n FROM
		(SELECT id, %1$s <@> %2$s AS d FROM article WHERE %1$s @@@ %2$s::bm25query ORDER BY 2, ctid LIMIT 20) s) x', document, query) INTO result;
	RETURN coalesce(result, '');
END $$;
CREATE VIEW comparison AS SELECT query, answer('words', query) = answer('body', query) AS as_text,
		answer('words', query, 'year < 3') = answer('body', query, 'year < 3') AS filtered,
		answer('words', query) = computed('words', query) AS computed, answer('words', query) <> '' AS found
	FROM unnest(ARRAY['''word1''', '''words1 the engines''', '''+word5 word6 -word7''', '''"searching the word7" word2''', '''"word3 word4"~5''', '''word1*''', '''wrd3~1''',
		'''search-engine''', 'plainto_bm25query(''(word5''', 'to_tsquery(''english'', ''word1 & (word2 | word3)'')', 'to_tsquery(''english'', ''engine <2> word4'')', '''nothing'''])
		WITH ORDINALITY t (written, n), LATERAL (SELECT CASE WHEN written ~ '^plain' THEN written || ')' WHEN written ~ '^to' THEN written || '::bm25query' ELSE written END) q (query);
EXPLAIN (COSTS OFF) SELECT id FROM article WHERE year = 3 ORDER BY words <@> 'word1' LIMIT 5;
TABLE comparison;
SELECT add_articles(601, 650);
DELETE FROM article WHERE id % 7 = 3;
TABLE comparison;
VACUUM article;
SELECT add_articles(651, 1000);
TABLE comparison;
SELECT * FROM gigavec.check('article_words');
SELECT gigavec.merge('article_words'), gigavec.merge('article_body');
TABLE comparison;
SELECT * FROM gigavec.check('article_words');
-- beside core's operators
SELECT count(*) FILTER (WHERE words @@ to_tsquery('english', 'word1 & !word2')) = count(*) FILTER (WHERE words @@@ to_tsquery('english', 'word1 & !word2')::bm25query) AS same,
	bool_and(words @@@ 'word1 <-> !word2'::tsquery = words @@ 'word1 <-> !word2'::tsquery) AS core FROM article;
SELECT part, tf, length, round(score::numeric, 4) AS score FROM gigavec.explain_score(to_tsvector('english', 'the word1 and word2, a word1'), to_bm25query('word1 "word2 a word1"', 'article_words'));

-- configurations by row
CREATE TABLE note (id int, lang regconfig, body text);
INSERT INTO note VALUES (1, 'english', 'Houses and gardens'), (2, 'german', 'Häuser und Gärten'), (3, 'simple', 'Houses und Häuser'), (4, 'german', 'Das Haus im Garten'),
	(5, 'english', 'A house'), (6, NULL, 'house'), (7, 'english', NULL), (8, 'german', 'die der das'), (9, 'german', 'Houses');
CREATE INDEX note_body ON note USING bm25 (to_tsvector(lang, body)) WITH (text_config = 'english');
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM note ORDER BY to_tsvector(lang, body) <@> 'houses' LIMIT 5;
SELECT id, lang FROM note ORDER BY to_tsvector(lang, body) <@> 'houses' LIMIT 5;
SELECT id, lang FROM note ORDER BY to_tsvector(lang, body) <@> to_tsquery('german', 'Häuser') LIMIT 5;
SELECT id, lang FROM note ORDER BY to_tsvector(lang, body) <@> to_tsquery('simple', 'Häuser | Houses') LIMIT 5;
-- each row by the words of its own language
SELECT id, lang FROM note WHERE to_tsvector(lang, body) @@@ (to_tsquery('german', 'Häuser') || to_tsquery('english', 'houses'))::bm25query ORDER BY id;
SELECT id FROM note WHERE to_tsvector(lang, body) @@@ '+house -garden' ORDER BY id;
SELECT name, value FROM gigavec.stats('note_body') WHERE name IN ('rows', 'config_changed');
SELECT * FROM gigavec.check('note_body');

-- without positions, with weights, with more positions than are kept, long and odd lexemes
CREATE TABLE odd (id int, words tsvector);
INSERT INTO odd VALUES (1, 'a b c'), (2, 'a:1A b:2B c:2,5'), (3, ''), (4, NULL), (5, 'b a:7'), (6, strip(to_tsvector('simple', 'a b'))), (7, to_tsvector('simple', repeat('a ', 400))),
	(8, (quote_literal(repeat('x', 2046)) || ' a:16383 b:16383')::tsvector), (9, to_tsvector('simple', 'b c') || to_tsvector('simple', 'a b'));
CREATE INDEX odd_words ON odd USING bm25 (words) WITH (text_config = 'simple', length = exact);
INSERT INTO odd SELECT id + 100, words FROM odd;
SELECT * FROM gigavec.check('odd_words');
SELECT id, (SELECT string_agg(part || ':' || tf || '/' || length, ' ') FROM gigavec.explain_score(words, to_bm25query('a b "a b" "c a"', 'odd_words'))) FROM odd WHERE words @@@ 'a' ORDER BY id;
SELECT id FROM odd WHERE words @@@ '"a b"' ORDER BY id;
SELECT id FROM odd WHERE words @@@ repeat('x', 2046) ORDER BY id;
SELECT count(*), count(DISTINCT d) FROM (SELECT id, words <@> 'a b' AS d FROM odd ORDER BY words <@> 'a b') s;

SET client_min_messages = warning;
DROP SCHEMA bm25_tsvector CASCADE;
