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
