--
-- From text to lexemes: gigavec.lexemes
--
\set VERBOSITY terse
CREATE SCHEMA bm25_tokens;
SET search_path = bm25_tokens, public;

-- lexemes and positions that to_tsvector does not have, or the other way round
CREATE FUNCTION differences(document text, config regconfig) RETURNS bigint LANGUAGE sql STABLE AS $$
	SELECT count(*) FROM (SELECT lexeme, positions FROM gigavec.lexemes(document, config)) a
	FULL JOIN (SELECT lexeme, positions::integer[] FROM unnest(to_tsvector(config, document))) b USING (lexeme, positions)
	WHERE a IS NULL OR b IS NULL
$$;

SELECT * FROM gigavec.lexemes('The quick brown foxes, which jumped over the foxes'' dogs', 'english') ORDER BY positions;
SELECT * FROM gigavec.lexemes('foo-bar http://example.com/path?q=1 me@example.com 1.5e3 -7 <b>bold</b> &amp; v1.2', 'simple') ORDER BY positions;
SELECT count(*) FROM gigavec.lexemes('', 'simple');
SELECT count(*) FROM gigavec.lexemes('the of and', 'english');
SELECT count(*) FROM gigavec.lexemes(NULL::text);

-- as to_tsvector on real texts
SELECT count(*) > 1000 AS many, sum(differences(description, 'english')) FROM pg_description;
SELECT sum(differences(description, 'simple')) FROM pg_description;
SELECT cfgname, differences('Größe naïve ÉTÉ l''été dell''arte 日本語 हिन्दी русские слова', oid) FROM pg_ts_config WHERE differences('Größe naïve ÉTÉ l''été dell''arte 日本語 हिन्दी русские слова', oid) <> 0;

-- dictionaries that know several words, several variants of a word, synonyms, filters
CREATE TEXT SEARCH DICTIONARY many_words (TEMPLATE = thesaurus, DictFile = thesaurus_sample, Dictionary = english_stem);
CREATE TEXT SEARCH DICTIONARY variants (TEMPLATE = ispell, DictFile = ispell_sample, AffFile = ispell_sample);
CREATE TEXT SEARCH DICTIONARY synonyms (TEMPLATE = synonym, Synonyms = synonym_sample);
CREATE TEXT SEARCH CONFIGURATION many (COPY = english);
ALTER TEXT SEARCH CONFIGURATION many ALTER MAPPING FOR asciiword, word, asciihword, hword_asciipart WITH synonyms, many_words, variants, english_stem;
SELECT * FROM gigavec.lexemes('one two three and supernovae stars, supernovae seen', 'many') ORDER BY positions, lexeme;
SELECT * FROM gigavec.lexemes('footballklubber booking bookings postgres indices', 'many') ORDER BY positions, lexeme;
SELECT text, differences(text, 'many') FROM unnest(ARRAY['one two three', 'one two', 'one', 'one two four', 'supernovae stars', 'supernovae',
	'the supernovae stars of one two three supernovae', 'booking footballklubber sky skies', 'postgres indices', 'supernovae-stars one-two']) text;

-- a document's length counts a position once, and the parts that variants share once
SELECT count(DISTINCT p) AS length, count(*) AS lexemes FROM gigavec.lexemes('footballklubber', 'many'), unnest(positions) p;

-- no limits: positions, frequencies, size, lexemes of a document
SELECT lexeme, array_length(positions, 1), positions[20000] FROM gigavec.lexemes(repeat('a b ', 20000), 'simple');
SELECT count(*), sum(array_length(positions, 1)), max(positions[1]) FROM gigavec.lexemes((SELECT string_agg('word' || i, ' ') FROM generate_series(1, 200000) i), 'simple');
-- pieces end between words
SELECT lexeme, array_length(positions, 1) FROM gigavec.lexemes(repeat('wordlonger ', 300000), 'simple');
SELECT count(*), min(length(lexeme)), max(length(lexeme)) FROM gigavec.lexemes(repeat('é', 2000000), 'simple');
-- words too long for to_tsvector are left out here too
SELECT lexeme, positions FROM gigavec.lexemes('a ' || repeat('x', 2047) || ' b ' || repeat('y', 2046) || ' c', 'simple') WHERE length(lexeme) = 1;

-- several texts
SELECT * FROM gigavec.lexemes(ARRAY['a b', NULL, '', 'b c'], 'simple') ORDER BY positions;
SELECT count(*) FROM gigavec.lexemes('{}'::text[], 'simple');
SELECT * FROM gigavec.lexemes(ARRAY[['a b'], ['c d']], 'simple') ORDER BY positions;

-- scripts without blanks
SELECT * FROM gigavec.lexemes('向量数据库 vector 検索エンジン。库', 'simple', 'bigram') ORDER BY positions;
SELECT * FROM gigavec.lexemes('ฐานข้อมูล 𠀀𠀁 한국어 x', 'simple', 'bigram') ORDER BY positions;
SELECT count(*) FROM gigavec.lexemes('向量数据库', 'simple');
SELECT count(*), sum(array_length(positions, 1)) FROM gigavec.lexemes(repeat('向量数', 100000), 'simple', 'bigram');

SELECT gigavec.lexemes('a', 'simple', 'trigram');
SELECT gigavec.lexemes('a', 1::regconfig);

SET client_min_messages = warning;
DROP SCHEMA bm25_tokens CASCADE;
