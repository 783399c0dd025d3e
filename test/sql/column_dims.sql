--
-- a column loses its dimensions, and gets them back: the index keeps those it was built with
--
SET client_min_messages = warning;
CREATE TABLE dims_items (id integer, v vector(3));
INSERT INTO dims_items SELECT i, ARRAY[i, i % 7, i % 5] FROM generate_series(1, 300) i;
CREATE FUNCTION dims_try(what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	EXECUTE what;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' ', SQLSTATE, SQLERRM || '.', detail);
END $$;
CREATE FUNCTION dims_run(method text) RETURNS TABLE (what text, outcome text) LANGUAGE plpgsql AS $$
BEGIN
	ALTER TABLE dims_items ALTER v TYPE vector(3);
	EXECUTE format('CREATE INDEX dims_v ON dims_items USING %s (v vector_l2_ops)', method);
	ALTER TABLE dims_items ALTER v TYPE vector;
	SET LOCAL enable_seqscan = off;
	FOREACH what IN ARRAY ARRAY[
		'INSERT INTO dims_items VALUES (1000, ''[1,2,3]'')',
		'INSERT INTO dims_items VALUES (1001, ''[1,2]'')',
		'SELECT id FROM dims_items ORDER BY v <-> ''[1,2]'' LIMIT 1',
		'REINDEX INDEX dims_v',
		'TRUNCATE dims_items',
		'CREATE INDEX dims_more ON dims_items USING ' || method || ' (v vector_l2_ops)',
		'ALTER TABLE dims_items ALTER v TYPE vector(4)',
		'ALTER TABLE dims_items ALTER v TYPE vector(3)',
		'REINDEX INDEX dims_v']
	LOOP
		outcome := dims_try(what);
		RETURN NEXT;
	END LOOP;
	what := 'problems, rows';
	outcome := concat_ws(', ', (SELECT count(*) FROM gigavec.check('dims_v')), (SELECT count(*) FROM dims_items));
	RETURN NEXT;
	DELETE FROM dims_items WHERE id > 300;
	DROP INDEX dims_v;
END $$;
SELECT method, r.* FROM unnest('{hnsw,ivfflat,ivfpq,kdtree}'::text[]) method, dims_run(method) r;

-- a query vector of other dimensions: what a search by an index says and what one without it says
CREATE TABLE dims_types (v vector(3), h halfvec(3), s sparsevec(3), b bit(3));
INSERT INTO dims_types SELECT v, v, v::vector, i::bit(3) FROM (SELECT i, ARRAY[i, 1, i % 7] AS v FROM generate_series(1, 100) i) x;
CREATE INDEX ON dims_types USING hnsw (v vector_l2_ops);
CREATE INDEX ON dims_types USING hnsw (h halfvec_l2_ops);
CREATE INDEX ON dims_types USING hnsw (s sparsevec_l2_ops);
CREATE INDEX ON dims_types USING hnsw (b bit_hamming_ops);
CREATE FUNCTION dims_order(key text, by_index boolean) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('enable_seqscan', (NOT by_index)::text, true), set_config('enable_indexscan', by_index::text, true);
	RETURN dims_try('SELECT v FROM dims_types ORDER BY ' || key || ' LIMIT 1');
END $$;
SELECT key, dims_order(key, true), dims_order(key, true) = dims_order(key, false) AS same
FROM unnest(ARRAY['v <-> ''[1,2]''', 'h <-> ''[1,2,3,4]''', 's <-> ''{1:1}/2''', 'b <~> B''10''', 'b <~> B''101''']) key;
DROP TABLE dims_types;
DROP FUNCTION dims_order, dims_run, dims_try;
DROP TABLE dims_items;
