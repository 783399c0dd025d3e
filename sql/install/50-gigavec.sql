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
	AS 'MODULE_PATHNAME', 'gv_check_index' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION gigavec.check(regclass, boolean) IS 'verify an index, and with heap the index against its table: one row a problem, none when sound';

CREATE FUNCTION gigavec.stats(index regclass, OUT name text, OUT value numeric, OUT description text)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'gv_show_index_stats' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION gigavec.stats(regclass) IS 'what an index holds, and what it costs: rows, nodes, pages, bytes a row, options';

-- Needs SELECT on the column; its code checks that.  Not STRICT: options and opclass may be NULL
CREATE FUNCTION gigavec.estimate(relation regclass, column_name name, method name DEFAULT 'hnsw',
		options text[] DEFAULT NULL, opclass name DEFAULT NULL,
		OUT index_rows bigint, OUT memory bigint, OUT parts integer, OUT size bigint, OUT seconds double precision)
	RETURNS record
	AS 'MODULE_PATHNAME', 'gv_estimate_build' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION gigavec.estimate(regclass, name, name, text[], name) IS 'what CREATE INDEX would take: maintenance_work_mem for a build in one part, parts and seconds with the present setting, size of the index';
