--
-- What the tests of hnsw share; included with ECHO off
--
SET client_min_messages = warning;
-- what enable_sort = off makes look dear is not worth compiling
SET jit = off;
DROP SCHEMA IF EXISTS hnsw_test CASCADE;
CREATE SCHEMA hnsw_test;

-- The i-th of the vectors that the tests index: elements -5 .. 5 in steps of .01
CREATE FUNCTION hnsw_test.vec(i integer, dim integer) RETURNS real[]
LANGUAGE sql IMMUTABLE AS $$
	SELECT pg_catalog.array_agg(((i::bigint * 7919 + j * 104729 + (i::bigint * i) % 997 * j * 31) % 1001) / 100.0 - 5 ORDER BY j)::real[]
	FROM pg_catalog.generate_series(1, dim) j
$$;

-- Distances of the k rows nearest to a query, in the order they come
CREATE FUNCTION hnsw_test.nearest(relation regclass, operator text, query text, k integer, by_index boolean) RETURNS float8[]
LANGUAGE plpgsql AS $$
DECLARE
	result float8[];
BEGIN
	PERFORM set_config('enable_seqscan', (NOT by_index)::text, true), set_config('enable_sort', (NOT by_index)::text, true),
		set_config('enable_indexscan', by_index::text, true);
	EXECUTE format('SELECT array_agg(d ORDER BY n) FROM (SELECT row_number() OVER () AS n, d FROM (SELECT v %1$s %2$L AS d FROM %3$s WHERE v IS NOT NULL ORDER BY v %1$s %2$L LIMIT %4$s) x) y',
		operator, query, relation, k) INTO result;
	PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_sort', 'on', true), set_config('enable_indexscan', 'on', true);
	RETURN result;
END $$;

-- Queries, how many have the k nearest right and in order, how many find all
-- rows, and what is wrong with the index.  The k nearest come from a search
-- that keeps many more candidates than that.
CREATE FUNCTION hnsw_test.compare(relation regclass, operator text, index regclass, k integer DEFAULT 10)
RETURNS TABLE (queries bigint, exact bigint, complete bigint, problems bigint)
LANGUAGE plpgsql SET hnsw.ef_search = 10000 AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT count(*), count(*) FILTER (WHERE hnsw_test.same(hnsw_test.nearest(%1$L, %2$L, q, %4$s, true), hnsw_test.nearest(%1$L, %2$L, q, %4$s, false))),'
		' count(*) FILTER (WHERE hnsw_test.same(hnsw_test.sorted(hnsw_test.nearest(%1$L, %2$L, q, 100000, true)), hnsw_test.nearest(%1$L, %2$L, q, 100000, false))),'
		' (SELECT count(*) FROM gigavec.check(%3$L)) FROM (SELECT v::text AS q FROM %1$s WHERE v IS NOT NULL ORDER BY id LIMIT 20) x',
		relation, operator, index, k);
END $$;

-- The same distances, as exactly as an index computes them
CREATE FUNCTION hnsw_test.same(a float8[], b float8[]) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
	SELECT pg_catalog.cardinality(a) = pg_catalog.cardinality(b) AND
		NOT EXISTS (SELECT FROM unnest(a, b) u (x, y) WHERE pg_catalog.abs(x - y) > 1e-5 * (1 + pg_catalog.abs(y)))
$$;

CREATE FUNCTION hnsw_test.sorted(x float8[]) RETURNS float8[]
LANGUAGE sql IMMUTABLE AS $$ SELECT pg_catalog.array_agg(e ORDER BY e) FROM pg_catalog.unnest(x) e $$;

-- Does a query run by an index scan?
CREATE FUNCTION hnsw_test.uses_index(query text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line LIKE '%Index Scan using%' THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END $$;

-- What a statement raises
CREATE FUNCTION hnsw_test.raised(statement text) RETURNS TABLE (what text, is text)
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
