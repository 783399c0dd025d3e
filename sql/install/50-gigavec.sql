/* ---- schema gigavec: functions for operating ---- */

CREATE SCHEMA gigavec;
COMMENT ON SCHEMA gigavec IS 'functions for operating and searching with gigavec';
GRANT USAGE ON SCHEMA gigavec TO PUBLIC;

CREATE FUNCTION gigavec.simd() RETURNS text
	AS 'MODULE_PATHNAME', 'gv_show_simd' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.simd() IS 'instruction set that computes distances: scalar, avx2, avx512 or neon';

CREATE FUNCTION gigavec.version(OUT library text, OUT catalog text) RETURNS record
	AS 'MODULE_PATHNAME', 'gv_show_version' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.version() IS 'version of the library, and of the objects in the catalog';

-- Both need SELECT on the index's table; their code checks that
CREATE FUNCTION gigavec.check(index regclass, heap boolean DEFAULT true,
		OUT block bigint, OUT item integer, OUT row_tid tid, OUT problem text)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'gv_check_index' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION gigavec.check(regclass, boolean) IS 'verify an index, and with heap the index against its table: one row a problem, none when sound';

CREATE FUNCTION gigavec.stats(index regclass, OUT name text, OUT value numeric, OUT description text)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'gv_show_index_stats' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION gigavec.stats(regclass) IS 'what an index holds, and what it costs: rows, nodes, pages, bytes a row, options';

CREATE FUNCTION gigavec.last_scan(OUT index regclass, OUT target double precision, OUT ef bigint,
		OUT expansions bigint, OUT swept bigint, OUT reranked bigint, OUT returned bigint)
	RETURNS record
	AS 'MODULE_PATHNAME', 'gv_show_last_scan' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION gigavec.last_scan() IS 'what the index scan that ended last in this session did: ef, nodes expanded and swept, rows fetched for their exact distances';

-- Needs SELECT on the index's table, and with store the index; the code checks that.  Not STRICT: target may be NULL
CREATE FUNCTION gigavec.recall(index regclass, k integer DEFAULT 10, queries integer DEFAULT 100,
		target double precision DEFAULT NULL, store boolean DEFAULT false,
		OUT queries_run integer, OUT recall double precision, OUT standard_error double precision,
		OUT target_recall double precision, OUT ef double precision, OUT expansions double precision,
		OUT reranked double precision, OUT milliseconds double precision, OUT qps double precision)
	RETURNS record
	AS 'MODULE_PATHNAME', 'gv_recall_of_rows' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION gigavec.recall(regclass, integer, integer, double precision, boolean) IS 'part of the k nearest rows that an index finds, and the time it takes, with rows of the table as queries; with store as the calibration from now on';

CREATE FUNCTION gigavec.recall(index regclass, k integer, queries anyarray,
		target double precision DEFAULT NULL, store boolean DEFAULT false,
		OUT queries_run integer, OUT recall double precision, OUT standard_error double precision,
		OUT target_recall double precision, OUT ef double precision, OUT expansions double precision,
		OUT reranked double precision, OUT milliseconds double precision, OUT qps double precision)
	RETURNS record
	AS 'MODULE_PATHNAME', 'gv_recall_of_queries' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION gigavec.recall(regclass, integer, anyarray, double precision, boolean) IS 'the same with an array of query vectors';

-- For the index's owner; its code checks that
CREATE FUNCTION gigavec.train(index regclass) RETURNS integer
	AS 'MODULE_PATHNAME', 'gv_train_index' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION gigavec.train(regclass) IS 'divide the rows of an ivfflat or ivfpq index into lists anew, while others use it; returns the number of lists';

CREATE FUNCTION gigavec.train(index regclass, centroids vector[]) RETURNS integer
	AS 'MODULE_PATHNAME', 'gv_train_index' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION gigavec.train(regclass, vector[]) IS 'divide the rows of an ivfflat or ivfpq index into lists around the given centroids; returns the number of lists';

-- Needs SELECT on the column; its code checks that.  Not STRICT: options and opclass may be NULL
CREATE FUNCTION gigavec.estimate(relation regclass, column_name name, method name DEFAULT 'hnsw',
		options text[] DEFAULT NULL, opclass name DEFAULT NULL,
		OUT index_rows bigint, OUT memory bigint, OUT parts integer, OUT size bigint, OUT seconds double precision)
	RETURNS record
	AS 'MODULE_PATHNAME', 'gv_estimate_build' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION gigavec.estimate(regclass, name, name, text[], name) IS 'what CREATE INDEX would take: maintenance_work_mem for a build in one part, parts and seconds with the present setting, size of the index';

-- Needs SELECT on the column; its code checks that.  Not STRICT: opclass and expected_rows may be NULL
CREATE FUNCTION gigavec.advise(relation regclass, column_name name, opclass name DEFAULT NULL,
		expected_rows bigint DEFAULT NULL,
		OUT rank integer, OUT method name, OUT options text[], OUT statement text,
		OUT size bigint, OUT memory bigint, OUT seconds double precision, OUT reason text)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'gv_advise_index' LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 7;
COMMENT ON FUNCTION gigavec.advise(regclass, name, name, bigint) IS 'which index a column should have, the best first, with the statement that creates it, what it takes and the reason; no method: no index';
