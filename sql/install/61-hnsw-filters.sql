/* ---- hnsw: operator classes of filter columns ---- */

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

CREATE OPERATOR FAMILY @extschema@.integer_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.integer_ops USING hnsw IS 'filter columns of integers';
CREATE OPERATOR CLASS @extschema@.int2_ops DEFAULT FOR TYPE pg_catalog.int2 USING hnsw FAMILY @extschema@.integer_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.int2, pg_catalog.int2),
	OPERATOR 2 pg_catalog.<= (pg_catalog.int2, pg_catalog.int2),
	OPERATOR 3 pg_catalog.= (pg_catalog.int2, pg_catalog.int2),
	OPERATOR 4 pg_catalog.>= (pg_catalog.int2, pg_catalog.int2),
	OPERATOR 5 pg_catalog.> (pg_catalog.int2, pg_catalog.int2),
	OPERATOR 1 pg_catalog.< (pg_catalog.int2, pg_catalog.int4),
	OPERATOR 2 pg_catalog.<= (pg_catalog.int2, pg_catalog.int4),
	OPERATOR 3 pg_catalog.= (pg_catalog.int2, pg_catalog.int4),
	OPERATOR 4 pg_catalog.>= (pg_catalog.int2, pg_catalog.int4),
	OPERATOR 5 pg_catalog.> (pg_catalog.int2, pg_catalog.int4),
	OPERATOR 1 pg_catalog.< (pg_catalog.int2, pg_catalog.int8),
	OPERATOR 2 pg_catalog.<= (pg_catalog.int2, pg_catalog.int8),
	OPERATOR 3 pg_catalog.= (pg_catalog.int2, pg_catalog.int8),
	OPERATOR 4 pg_catalog.>= (pg_catalog.int2, pg_catalog.int8),
	OPERATOR 5 pg_catalog.> (pg_catalog.int2, pg_catalog.int8),
	FUNCTION 2 gigavec.filter_int2(internal);
COMMENT ON OPERATOR CLASS @extschema@.int2_ops USING hnsw IS 'filter column of int2';
CREATE OPERATOR CLASS @extschema@.int4_ops DEFAULT FOR TYPE pg_catalog.int4 USING hnsw FAMILY @extschema@.integer_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.int4, pg_catalog.int4),
	OPERATOR 2 pg_catalog.<= (pg_catalog.int4, pg_catalog.int4),
	OPERATOR 3 pg_catalog.= (pg_catalog.int4, pg_catalog.int4),
	OPERATOR 4 pg_catalog.>= (pg_catalog.int4, pg_catalog.int4),
	OPERATOR 5 pg_catalog.> (pg_catalog.int4, pg_catalog.int4),
	OPERATOR 1 pg_catalog.< (pg_catalog.int4, pg_catalog.int2),
	OPERATOR 2 pg_catalog.<= (pg_catalog.int4, pg_catalog.int2),
	OPERATOR 3 pg_catalog.= (pg_catalog.int4, pg_catalog.int2),
	OPERATOR 4 pg_catalog.>= (pg_catalog.int4, pg_catalog.int2),
	OPERATOR 5 pg_catalog.> (pg_catalog.int4, pg_catalog.int2),
	OPERATOR 1 pg_catalog.< (pg_catalog.int4, pg_catalog.int8),
	OPERATOR 2 pg_catalog.<= (pg_catalog.int4, pg_catalog.int8),
	OPERATOR 3 pg_catalog.= (pg_catalog.int4, pg_catalog.int8),
	OPERATOR 4 pg_catalog.>= (pg_catalog.int4, pg_catalog.int8),
	OPERATOR 5 pg_catalog.> (pg_catalog.int4, pg_catalog.int8),
	FUNCTION 2 gigavec.filter_int4(internal);
COMMENT ON OPERATOR CLASS @extschema@.int4_ops USING hnsw IS 'filter column of int4';
CREATE OPERATOR CLASS @extschema@.int8_ops DEFAULT FOR TYPE pg_catalog.int8 USING hnsw FAMILY @extschema@.integer_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.int8, pg_catalog.int8),
	OPERATOR 2 pg_catalog.<= (pg_catalog.int8, pg_catalog.int8),
	OPERATOR 3 pg_catalog.= (pg_catalog.int8, pg_catalog.int8),
	OPERATOR 4 pg_catalog.>= (pg_catalog.int8, pg_catalog.int8),
	OPERATOR 5 pg_catalog.> (pg_catalog.int8, pg_catalog.int8),
	OPERATOR 1 pg_catalog.< (pg_catalog.int8, pg_catalog.int2),
	OPERATOR 2 pg_catalog.<= (pg_catalog.int8, pg_catalog.int2),
	OPERATOR 3 pg_catalog.= (pg_catalog.int8, pg_catalog.int2),
	OPERATOR 4 pg_catalog.>= (pg_catalog.int8, pg_catalog.int2),
	OPERATOR 5 pg_catalog.> (pg_catalog.int8, pg_catalog.int2),
	OPERATOR 1 pg_catalog.< (pg_catalog.int8, pg_catalog.int4),
	OPERATOR 2 pg_catalog.<= (pg_catalog.int8, pg_catalog.int4),
	OPERATOR 3 pg_catalog.= (pg_catalog.int8, pg_catalog.int4),
	OPERATOR 4 pg_catalog.>= (pg_catalog.int8, pg_catalog.int4),
	OPERATOR 5 pg_catalog.> (pg_catalog.int8, pg_catalog.int4),
	FUNCTION 2 gigavec.filter_int8(internal);
COMMENT ON OPERATOR CLASS @extschema@.int8_ops USING hnsw IS 'filter column of int8';

CREATE OPERATOR FAMILY @extschema@.float_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.float_ops USING hnsw IS 'filter columns of floating-point numbers';
CREATE OPERATOR CLASS @extschema@.float4_ops DEFAULT FOR TYPE pg_catalog.float4 USING hnsw FAMILY @extschema@.float_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.float4, pg_catalog.float4),
	OPERATOR 2 pg_catalog.<= (pg_catalog.float4, pg_catalog.float4),
	OPERATOR 3 pg_catalog.= (pg_catalog.float4, pg_catalog.float4),
	OPERATOR 4 pg_catalog.>= (pg_catalog.float4, pg_catalog.float4),
	OPERATOR 5 pg_catalog.> (pg_catalog.float4, pg_catalog.float4),
	OPERATOR 1 pg_catalog.< (pg_catalog.float4, pg_catalog.float8),
	OPERATOR 2 pg_catalog.<= (pg_catalog.float4, pg_catalog.float8),
	OPERATOR 3 pg_catalog.= (pg_catalog.float4, pg_catalog.float8),
	OPERATOR 4 pg_catalog.>= (pg_catalog.float4, pg_catalog.float8),
	OPERATOR 5 pg_catalog.> (pg_catalog.float4, pg_catalog.float8),
	FUNCTION 2 gigavec.filter_float4(internal);
COMMENT ON OPERATOR CLASS @extschema@.float4_ops USING hnsw IS 'filter column of float4';
CREATE OPERATOR CLASS @extschema@.float8_ops DEFAULT FOR TYPE pg_catalog.float8 USING hnsw FAMILY @extschema@.float_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.float8, pg_catalog.float8),
	OPERATOR 2 pg_catalog.<= (pg_catalog.float8, pg_catalog.float8),
	OPERATOR 3 pg_catalog.= (pg_catalog.float8, pg_catalog.float8),
	OPERATOR 4 pg_catalog.>= (pg_catalog.float8, pg_catalog.float8),
	OPERATOR 5 pg_catalog.> (pg_catalog.float8, pg_catalog.float8),
	OPERATOR 1 pg_catalog.< (pg_catalog.float8, pg_catalog.float4),
	OPERATOR 2 pg_catalog.<= (pg_catalog.float8, pg_catalog.float4),
	OPERATOR 3 pg_catalog.= (pg_catalog.float8, pg_catalog.float4),
	OPERATOR 4 pg_catalog.>= (pg_catalog.float8, pg_catalog.float4),
	OPERATOR 5 pg_catalog.> (pg_catalog.float8, pg_catalog.float4),
	FUNCTION 2 gigavec.filter_float8(internal);
COMMENT ON OPERATOR CLASS @extschema@.float8_ops USING hnsw IS 'filter column of float8';

CREATE OPERATOR FAMILY @extschema@.bool_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.bool_ops USING hnsw IS 'filter columns of bool';
CREATE OPERATOR CLASS @extschema@.bool_ops DEFAULT FOR TYPE pg_catalog.bool USING hnsw FAMILY @extschema@.bool_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.bool, pg_catalog.bool),
	OPERATOR 2 pg_catalog.<= (pg_catalog.bool, pg_catalog.bool),
	OPERATOR 3 pg_catalog.= (pg_catalog.bool, pg_catalog.bool),
	OPERATOR 4 pg_catalog.>= (pg_catalog.bool, pg_catalog.bool),
	OPERATOR 5 pg_catalog.> (pg_catalog.bool, pg_catalog.bool),
	FUNCTION 2 gigavec.filter_bool(internal);
COMMENT ON OPERATOR CLASS @extschema@.bool_ops USING hnsw IS 'filter column of bool';

CREATE OPERATOR FAMILY @extschema@.date_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.date_ops USING hnsw IS 'filter columns of date';
CREATE OPERATOR CLASS @extschema@.date_ops DEFAULT FOR TYPE pg_catalog.date USING hnsw FAMILY @extschema@.date_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.date, pg_catalog.date),
	OPERATOR 2 pg_catalog.<= (pg_catalog.date, pg_catalog.date),
	OPERATOR 3 pg_catalog.= (pg_catalog.date, pg_catalog.date),
	OPERATOR 4 pg_catalog.>= (pg_catalog.date, pg_catalog.date),
	OPERATOR 5 pg_catalog.> (pg_catalog.date, pg_catalog.date),
	FUNCTION 2 gigavec.filter_int4(internal);
COMMENT ON OPERATOR CLASS @extschema@.date_ops USING hnsw IS 'filter column of date';

CREATE OPERATOR FAMILY @extschema@.timestamp_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.timestamp_ops USING hnsw IS 'filter columns of timestamp';
CREATE OPERATOR CLASS @extschema@.timestamp_ops DEFAULT FOR TYPE pg_catalog.timestamp USING hnsw FAMILY @extschema@.timestamp_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.timestamp, pg_catalog.timestamp),
	OPERATOR 2 pg_catalog.<= (pg_catalog.timestamp, pg_catalog.timestamp),
	OPERATOR 3 pg_catalog.= (pg_catalog.timestamp, pg_catalog.timestamp),
	OPERATOR 4 pg_catalog.>= (pg_catalog.timestamp, pg_catalog.timestamp),
	OPERATOR 5 pg_catalog.> (pg_catalog.timestamp, pg_catalog.timestamp),
	FUNCTION 2 gigavec.filter_int8(internal);
COMMENT ON OPERATOR CLASS @extschema@.timestamp_ops USING hnsw IS 'filter column of timestamp';

CREATE OPERATOR FAMILY @extschema@.timestamptz_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.timestamptz_ops USING hnsw IS 'filter columns of timestamptz';
CREATE OPERATOR CLASS @extschema@.timestamptz_ops DEFAULT FOR TYPE pg_catalog.timestamptz USING hnsw FAMILY @extschema@.timestamptz_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.timestamptz, pg_catalog.timestamptz),
	OPERATOR 2 pg_catalog.<= (pg_catalog.timestamptz, pg_catalog.timestamptz),
	OPERATOR 3 pg_catalog.= (pg_catalog.timestamptz, pg_catalog.timestamptz),
	OPERATOR 4 pg_catalog.>= (pg_catalog.timestamptz, pg_catalog.timestamptz),
	OPERATOR 5 pg_catalog.> (pg_catalog.timestamptz, pg_catalog.timestamptz),
	FUNCTION 2 gigavec.filter_int8(internal);
COMMENT ON OPERATOR CLASS @extschema@.timestamptz_ops USING hnsw IS 'filter column of timestamptz';

CREATE OPERATOR FAMILY @extschema@.uuid_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.uuid_ops USING hnsw IS 'filter columns of uuid';
CREATE OPERATOR CLASS @extschema@.uuid_ops DEFAULT FOR TYPE pg_catalog.uuid USING hnsw FAMILY @extschema@.uuid_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.uuid, pg_catalog.uuid),
	OPERATOR 2 pg_catalog.<= (pg_catalog.uuid, pg_catalog.uuid),
	OPERATOR 3 pg_catalog.= (pg_catalog.uuid, pg_catalog.uuid),
	OPERATOR 4 pg_catalog.>= (pg_catalog.uuid, pg_catalog.uuid),
	OPERATOR 5 pg_catalog.> (pg_catalog.uuid, pg_catalog.uuid),
	FUNCTION 2 gigavec.filter_uuid(internal);
COMMENT ON OPERATOR CLASS @extschema@.uuid_ops USING hnsw IS 'filter column of uuid';

CREATE OPERATOR FAMILY @extschema@.enum_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.enum_ops USING hnsw IS 'filter columns of enum';
CREATE OPERATOR CLASS @extschema@.enum_ops DEFAULT FOR TYPE pg_catalog.anyenum USING hnsw FAMILY @extschema@.enum_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.anyenum, pg_catalog.anyenum),
	OPERATOR 2 pg_catalog.<= (pg_catalog.anyenum, pg_catalog.anyenum),
	OPERATOR 3 pg_catalog.= (pg_catalog.anyenum, pg_catalog.anyenum),
	OPERATOR 4 pg_catalog.>= (pg_catalog.anyenum, pg_catalog.anyenum),
	OPERATOR 5 pg_catalog.> (pg_catalog.anyenum, pg_catalog.anyenum),
	FUNCTION 2 gigavec.filter_enum(internal);
COMMENT ON OPERATOR CLASS @extschema@.enum_ops USING hnsw IS 'filter column of enum';

CREATE OPERATOR FAMILY @extschema@.text_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.text_ops USING hnsw IS 'filter columns of text';
CREATE OPERATOR CLASS @extschema@.text_ops DEFAULT FOR TYPE pg_catalog.text USING hnsw FAMILY @extschema@.text_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.text, pg_catalog.text),
	OPERATOR 2 pg_catalog.<= (pg_catalog.text, pg_catalog.text),
	OPERATOR 3 pg_catalog.= (pg_catalog.text, pg_catalog.text),
	OPERATOR 4 pg_catalog.>= (pg_catalog.text, pg_catalog.text),
	OPERATOR 5 pg_catalog.> (pg_catalog.text, pg_catalog.text),
	FUNCTION 2 gigavec.filter_text(internal);
COMMENT ON OPERATOR CLASS @extschema@.text_ops USING hnsw IS 'filter column of text';

CREATE OPERATOR FAMILY @extschema@.array_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.array_ops USING hnsw IS 'filter columns of arrays';
CREATE OPERATOR CLASS @extschema@.array_ops DEFAULT FOR TYPE pg_catalog.anyarray USING hnsw FAMILY @extschema@.array_ops AS
	OPERATOR 6 pg_catalog.&& (pg_catalog.anyarray, pg_catalog.anyarray),
	OPERATOR 7 pg_catalog.@> (pg_catalog.anyarray, pg_catalog.anyarray),
	FUNCTION 2 gigavec.filter_array(internal);
COMMENT ON OPERATOR CLASS @extschema@.array_ops USING hnsw IS 'filter column of arrays';
