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
DROP FUNCTION dims_run, dims_try;
DROP TABLE dims_items;
