/* ---- filter columns: functions of operator classes ---- */

CREATE FUNCTION gigavec.filter_bool(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_filter_bool' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.filter_bool(internal) IS 'operator classes: filter columns of bool';

CREATE FUNCTION gigavec.filter_int2(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_filter_int2' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.filter_int2(internal) IS 'operator classes: filter columns of 2-byte integers';

CREATE FUNCTION gigavec.filter_int4(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_filter_int4' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.filter_int4(internal) IS 'operator classes: filter columns of 4-byte integers';

CREATE FUNCTION gigavec.filter_int8(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_filter_int8' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.filter_int8(internal) IS 'operator classes: filter columns of 8-byte integers';

CREATE FUNCTION gigavec.filter_float4(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_filter_float4' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.filter_float4(internal) IS 'operator classes: filter columns of real';

CREATE FUNCTION gigavec.filter_float8(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_filter_float8' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.filter_float8(internal) IS 'operator classes: filter columns of double precision';

CREATE FUNCTION gigavec.filter_uuid(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_filter_uuid' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.filter_uuid(internal) IS 'operator classes: filter columns of uuid';

CREATE FUNCTION gigavec.filter_enum(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_filter_enum' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.filter_enum(internal) IS 'operator classes: filter columns of enums';

CREATE FUNCTION gigavec.filter_text(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_filter_text' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.filter_text(internal) IS 'operator classes: filter columns of text';

CREATE FUNCTION gigavec.filter_array(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_filter_array' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.filter_array(internal) IS 'operator classes: filter columns of arrays';
