--
-- gigavec.snippet
--
\set VERBOSITY terse
CREATE FUNCTION marked(document text, query text, max_words integer DEFAULT 10, max_fragments integer DEFAULT 1) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT gigavec.snippet(document, to_bm25query(query), 'english', '[', ']', max_words, max_fragments, ' ... ', false)
$$;
\set doc 'The quick brown fox jumped over the lazy dog. Databases store vectors; a vector database searches them, and full-text search finds words. Nothing else matters here, as one would say, (but foxes) do.'
SELECT gigavec.snippet(:'doc', 'vector database', 'english');
SELECT marked(:'doc', 'fox'), marked(:'doc', 'search', 6), marked(:'doc', 'search', 1), marked(:'doc', 'search', 1000);
-- the window with most of the different words, then others; what is excluded is not marked
SELECT marked(:'doc', 'fox vector search', 8, 1), marked(:'doc', 'fox vector search', 8, 3);
SELECT marked(:'doc', '+fox -vector', 100, 3);
SELECT marked(:'doc', '"vector database" sear* dgo~1', 100), marked(:'doc', 'full-text', 5), marked(:'doc', 'databases & vector');
-- marks beside words stay, parts of words that overlap are marked once
SELECT marked(:'doc', 'foxes', 3), marked('a well-known (text-search) thing', 'text-search known', 20);
-- nothing found, nothing there
SELECT marked(:'doc', 'absent', 5), marked(:'doc', '', 5), marked('', 'x'), marked('...', 'x'), marked('the of', 'the');
SELECT gigavec.snippet(NULL, 'x'), gigavec.snippet('x', NULL);
-- text that is markup is not
SELECT gigavec.snippet('<script>alert("fox" & ''dog'')</script> fox', 'fox', 'english', max_words => 20);
SELECT gigavec.snippet('fox < dog', 'fox', 'english', start_mark => '<em class="hit">', stop_mark => '</em>');
SELECT gigavec.snippet('AT&T: "fox > dog", isn''t it?', 'fox dog', 'english', max_words => 20), gigavec.snippet('AT&T: "fox > dog", isn''t it?', 'fox dog', 'english', max_words => 20, escape => false);
-- the configuration of the index that the query names
CREATE TABLE snippets (body text, pages text[]);
INSERT INTO snippets VALUES ('running foxes run', '{"running foxes run"}');
CREATE INDEX snippets_simple ON snippets USING bm25 (body) WITH (text_config = 'simple');
CREATE INDEX snippets_english ON snippets USING bm25 (body) WITH (text_config = 'english');
SELECT gigavec.snippet(body, to_bm25query('run fox', 'snippets_simple')), gigavec.snippet(body, to_bm25query('run fox', 'snippets_english'), 'simple') FROM snippets;
CREATE INDEX snippets_cjk ON snippets USING bm25 (body) WITH (text_config = 'simple', cjk = 'bigram');
SELECT gigavec.snippet('向量数据库很快,检索也快', to_bm25query('数据库', 'snippets_cjk'));
SELECT gigavec.snippet('a', to_bm25query('a', 'pg_class_oid_index'));
-- long texts
SELECT gigavec.snippet(repeat('word ', 100000) || 'needle ' || repeat('word ', 100000), 'needle', 'simple', max_words => 5);
SELECT length(gigavec.snippet(repeat('word ', 2000000), 'word', 'simple', max_words => 10, max_fragments => 100)) BETWEEN 5000 AND 13000;
-- many words in a query
SELECT length(gigavec.snippet((SELECT string_agg('w' || i, ' ') FROM generate_series(1, 300000) i), (SELECT string_agg('w' || i * 3, ' ') FROM generate_series(1, 100000) i)::text::bm25query, 'simple', max_words => 5));

SELECT gigavec.snippet('a', 'b', max_words => 0);
SELECT gigavec.snippet('a', 'b', max_fragments => 101);
SELECT gigavec.snippet('a', 'b', 0);
DROP FUNCTION marked;
DROP TABLE snippets;
