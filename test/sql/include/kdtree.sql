--
-- What the tests of kdtree share; included with ECHO off
--
SET client_min_messages = warning;
SET jit = off;
DROP SCHEMA IF EXISTS kdtree_test CASCADE;
CREATE SCHEMA kdtree_test;

-- The i-th of the vectors that the tests index: elements -5 .. 5, times a scale; one in nine equals another
CREATE FUNCTION kdtree_test.vec(i integer, dim integer, scale real DEFAULT 1) RETURNS real[]
LANGUAGE sql IMMUTABLE AS $$
	SELECT pg_catalog.array_agg(((n::bigint * 7919 + j * 104729 + (n::bigint * n) % 997 * j * 31) % 1001 / 100.0 - 5) * scale ORDER BY j)::real[]
	FROM pg_catalog.generate_series(1, dim) j, (SELECT CASE WHEN i % 9 = 0 THEN i % 54 ELSE i END) x (n)
$$;

-- Does a query run by an index scan?
CREATE FUNCTION kdtree_test.uses_index(query text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line LIKE '%Index Scan%' THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END $$;

-- Distances of the k rows nearest to a query, in the order they come
CREATE FUNCTION kdtree_test.nearest(relation regclass, operator text, query text, k integer, by_index boolean) RETURNS float8[]
LANGUAGE plpgsql AS $$
DECLARE
	result float8[];
	statement text := format('SELECT v %1$s %2$L AS d FROM %3$s WHERE v IS NOT NULL ORDER BY v %1$s %2$L LIMIT %4$s', operator, query, relation, k);
BEGIN
	PERFORM set_config('enable_seqscan', (NOT by_index)::text, true), set_config('enable_sort', (NOT by_index)::text, true),
		set_config('enable_indexscan', by_index::text, true);
	IF kdtree_test.uses_index(statement) <> by_index THEN
		RAISE 'not the plan that is compared: %', statement;
	END IF;
	EXECUTE format('SELECT array_agg(d ORDER BY n) FROM (SELECT row_number() OVER () AS n, d FROM (%s) x) y', statement) INTO result;
	PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_sort', 'on', true), set_config('enable_indexscan', 'on', true);
	RETURN result;
END $$;

-- Queries, how many of them have other distances than a sequential scan, in
-- any bit, for the k nearest and for all rows, and what is wrong with the index
CREATE FUNCTION kdtree_test.compare(relation regclass, operator text, index regclass, k integer DEFAULT 10)
RETURNS TABLE (queries bigint, differ bigint, differ_all bigint, problems bigint)
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT count(*), count(*) FILTER (WHERE kdtree_test.nearest(%1$L, %2$L, q, %4$s, true) IS DISTINCT FROM kdtree_test.nearest(%1$L, %2$L, q, %4$s, false)),'
		' count(*) FILTER (WHERE kdtree_test.nearest(%1$L, %2$L, q, 100000, true) IS DISTINCT FROM kdtree_test.nearest(%1$L, %2$L, q, 100000, false)),'
		' (SELECT count(*) FROM gigavec.check(%3$L)) FROM ((SELECT v::text AS q FROM %1$s WHERE v IS NOT NULL ORDER BY id LIMIT 12)'
		' UNION ALL (SELECT (v + v)::text FROM %1$s WHERE v IS NOT NULL AND id %% 7 = 0 ORDER BY id LIMIT 12)) x',
		relation, operator, index, k);
END $$;

-- What a statement raises
CREATE FUNCTION kdtree_test.raised(statement text) RETURNS TABLE (what text, is text)
LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN QUERY VALUES ('nothing', NULL::text);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	-- from 17 on, an index is created with a search_path that lacks public
	RETURN QUERY SELECT * FROM (VALUES ('sqlstate', SQLSTATE), ('message', pg_catalog.replace(SQLERRM, 'public.', '')), ('detail', detail), ('hint', hint)) x (a, b) WHERE b <> '';
END $$;
RESET client_min_messages;
