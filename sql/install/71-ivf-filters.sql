/* ---- ivfflat: operator classes of filter columns ---- */

CREATE OPERATOR FAMILY @extschema@.integer_ops USING ivfflat;
COMMENT ON OPERATOR FAMILY @extschema@.integer_ops USING ivfflat IS 'filter columns of integers';
CREATE OPERATOR CLASS @extschema@.int2_ops DEFAULT FOR TYPE pg_catalog.int2 USING ivfflat FAMILY @extschema@.integer_ops AS
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
COMMENT ON OPERATOR CLASS @extschema@.int2_ops USING ivfflat IS 'filter column of int2';
CREATE OPERATOR CLASS @extschema@.int4_ops DEFAULT FOR TYPE pg_catalog.int4 USING ivfflat FAMILY @extschema@.integer_ops AS
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
COMMENT ON OPERATOR CLASS @extschema@.int4_ops USING ivfflat IS 'filter column of int4';
CREATE OPERATOR CLASS @extschema@.int8_ops DEFAULT FOR TYPE pg_catalog.int8 USING ivfflat FAMILY @extschema@.integer_ops AS
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
COMMENT ON OPERATOR CLASS @extschema@.int8_ops USING ivfflat IS 'filter column of int8';

CREATE OPERATOR FAMILY @extschema@.float_ops USING ivfflat;
COMMENT ON OPERATOR FAMILY @extschema@.float_ops USING ivfflat IS 'filter columns of floating-point numbers';
CREATE OPERATOR CLASS @extschema@.float4_ops DEFAULT FOR TYPE pg_catalog.float4 USING ivfflat FAMILY @extschema@.float_ops AS
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
COMMENT ON OPERATOR CLASS @extschema@.float4_ops USING ivfflat IS 'filter column of float4';
CREATE OPERATOR CLASS @extschema@.float8_ops DEFAULT FOR TYPE pg_catalog.float8 USING ivfflat FAMILY @extschema@.float_ops AS
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
COMMENT ON OPERATOR CLASS @extschema@.float8_ops USING ivfflat IS 'filter column of float8';

CREATE OPERATOR FAMILY @extschema@.bool_ops USING ivfflat;
COMMENT ON OPERATOR FAMILY @extschema@.bool_ops USING ivfflat IS 'filter columns of bool';
CREATE OPERATOR CLASS @extschema@.bool_ops DEFAULT FOR TYPE pg_catalog.bool USING ivfflat FAMILY @extschema@.bool_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.bool, pg_catalog.bool),
	OPERATOR 2 pg_catalog.<= (pg_catalog.bool, pg_catalog.bool),
	OPERATOR 3 pg_catalog.= (pg_catalog.bool, pg_catalog.bool),
	OPERATOR 4 pg_catalog.>= (pg_catalog.bool, pg_catalog.bool),
	OPERATOR 5 pg_catalog.> (pg_catalog.bool, pg_catalog.bool),
	FUNCTION 2 gigavec.filter_bool(internal);
COMMENT ON OPERATOR CLASS @extschema@.bool_ops USING ivfflat IS 'filter column of bool';

CREATE OPERATOR FAMILY @extschema@.date_ops USING ivfflat;
COMMENT ON OPERATOR FAMILY @extschema@.date_ops USING ivfflat IS 'filter columns of date';
CREATE OPERATOR CLASS @extschema@.date_ops DEFAULT FOR TYPE pg_catalog.date USING ivfflat FAMILY @extschema@.date_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.date, pg_catalog.date),
	OPERATOR 2 pg_catalog.<= (pg_catalog.date, pg_catalog.date),
	OPERATOR 3 pg_catalog.= (pg_catalog.date, pg_catalog.date),
	OPERATOR 4 pg_catalog.>= (pg_catalog.date, pg_catalog.date),
	OPERATOR 5 pg_catalog.> (pg_catalog.date, pg_catalog.date),
	FUNCTION 2 gigavec.filter_int4(internal);
COMMENT ON OPERATOR CLASS @extschema@.date_ops USING ivfflat IS 'filter column of date';

CREATE OPERATOR FAMILY @extschema@.timestamp_ops USING ivfflat;
COMMENT ON OPERATOR FAMILY @extschema@.timestamp_ops USING ivfflat IS 'filter columns of timestamp';
CREATE OPERATOR CLASS @extschema@.timestamp_ops DEFAULT FOR TYPE pg_catalog.timestamp USING ivfflat FAMILY @extschema@.timestamp_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.timestamp, pg_catalog.timestamp),
	OPERATOR 2 pg_catalog.<= (pg_catalog.timestamp, pg_catalog.timestamp),
	OPERATOR 3 pg_catalog.= (pg_catalog.timestamp, pg_catalog.timestamp),
	OPERATOR 4 pg_catalog.>= (pg_catalog.timestamp, pg_catalog.timestamp),
	OPERATOR 5 pg_catalog.> (pg_catalog.timestamp, pg_catalog.timestamp),
	FUNCTION 2 gigavec.filter_int8(internal);
COMMENT ON OPERATOR CLASS @extschema@.timestamp_ops USING ivfflat IS 'filter column of timestamp';

CREATE OPERATOR FAMILY @extschema@.timestamptz_ops USING ivfflat;
COMMENT ON OPERATOR FAMILY @extschema@.timestamptz_ops USING ivfflat IS 'filter columns of timestamptz';
CREATE OPERATOR CLASS @extschema@.timestamptz_ops DEFAULT FOR TYPE pg_catalog.timestamptz USING ivfflat FAMILY @extschema@.timestamptz_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.timestamptz, pg_catalog.timestamptz),
	OPERATOR 2 pg_catalog.<= (pg_catalog.timestamptz, pg_catalog.timestamptz),
	OPERATOR 3 pg_catalog.= (pg_catalog.timestamptz, pg_catalog.timestamptz),
	OPERATOR 4 pg_catalog.>= (pg_catalog.timestamptz, pg_catalog.timestamptz),
	OPERATOR 5 pg_catalog.> (pg_catalog.timestamptz, pg_catalog.timestamptz),
	FUNCTION 2 gigavec.filter_int8(internal);
COMMENT ON OPERATOR CLASS @extschema@.timestamptz_ops USING ivfflat IS 'filter column of timestamptz';

CREATE OPERATOR FAMILY @extschema@.uuid_ops USING ivfflat;
COMMENT ON OPERATOR FAMILY @extschema@.uuid_ops USING ivfflat IS 'filter columns of uuid';
CREATE OPERATOR CLASS @extschema@.uuid_ops DEFAULT FOR TYPE pg_catalog.uuid USING ivfflat FAMILY @extschema@.uuid_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.uuid, pg_catalog.uuid),
	OPERATOR 2 pg_catalog.<= (pg_catalog.uuid, pg_catalog.uuid),
	OPERATOR 3 pg_catalog.= (pg_catalog.uuid, pg_catalog.uuid),
	OPERATOR 4 pg_catalog.>= (pg_catalog.uuid, pg_catalog.uuid),
	OPERATOR 5 pg_catalog.> (pg_catalog.uuid, pg_catalog.uuid),
	FUNCTION 2 gigavec.filter_uuid(internal);
COMMENT ON OPERATOR CLASS @extschema@.uuid_ops USING ivfflat IS 'filter column of uuid';

CREATE OPERATOR FAMILY @extschema@.enum_ops USING ivfflat;
COMMENT ON OPERATOR FAMILY @extschema@.enum_ops USING ivfflat IS 'filter columns of enum';
CREATE OPERATOR CLASS @extschema@.enum_ops DEFAULT FOR TYPE pg_catalog.anyenum USING ivfflat FAMILY @extschema@.enum_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.anyenum, pg_catalog.anyenum),
	OPERATOR 2 pg_catalog.<= (pg_catalog.anyenum, pg_catalog.anyenum),
	OPERATOR 3 pg_catalog.= (pg_catalog.anyenum, pg_catalog.anyenum),
	OPERATOR 4 pg_catalog.>= (pg_catalog.anyenum, pg_catalog.anyenum),
	OPERATOR 5 pg_catalog.> (pg_catalog.anyenum, pg_catalog.anyenum),
	FUNCTION 2 gigavec.filter_enum(internal);
COMMENT ON OPERATOR CLASS @extschema@.enum_ops USING ivfflat IS 'filter column of enum';

CREATE OPERATOR FAMILY @extschema@.text_ops USING ivfflat;
COMMENT ON OPERATOR FAMILY @extschema@.text_ops USING ivfflat IS 'filter columns of text';
CREATE OPERATOR CLASS @extschema@.text_ops DEFAULT FOR TYPE pg_catalog.text USING ivfflat FAMILY @extschema@.text_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.text, pg_catalog.text),
	OPERATOR 2 pg_catalog.<= (pg_catalog.text, pg_catalog.text),
	OPERATOR 3 pg_catalog.= (pg_catalog.text, pg_catalog.text),
	OPERATOR 4 pg_catalog.>= (pg_catalog.text, pg_catalog.text),
	OPERATOR 5 pg_catalog.> (pg_catalog.text, pg_catalog.text),
	FUNCTION 2 gigavec.filter_text(internal);
COMMENT ON OPERATOR CLASS @extschema@.text_ops USING ivfflat IS 'filter column of text';

CREATE OPERATOR FAMILY @extschema@.array_ops USING ivfflat;
COMMENT ON OPERATOR FAMILY @extschema@.array_ops USING ivfflat IS 'filter columns of arrays';
CREATE OPERATOR CLASS @extschema@.array_ops DEFAULT FOR TYPE pg_catalog.anyarray USING ivfflat FAMILY @extschema@.array_ops AS
	OPERATOR 6 pg_catalog.&& (pg_catalog.anyarray, pg_catalog.anyarray),
	OPERATOR 7 pg_catalog.@> (pg_catalog.anyarray, pg_catalog.anyarray),
	FUNCTION 2 gigavec.filter_array(internal);
COMMENT ON OPERATOR CLASS @extschema@.array_ops USING ivfflat IS 'filter column of arrays';

/* ---- ivfpq: operator classes of filter columns ---- */

CREATE OPERATOR FAMILY @extschema@.integer_ops USING ivfpq;
COMMENT ON OPERATOR FAMILY @extschema@.integer_ops USING ivfpq IS 'filter columns of integers';
CREATE OPERATOR CLASS @extschema@.int2_ops DEFAULT FOR TYPE pg_catalog.int2 USING ivfpq FAMILY @extschema@.integer_ops AS
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
COMMENT ON OPERATOR CLASS @extschema@.int2_ops USING ivfpq IS 'filter column of int2';
CREATE OPERATOR CLASS @extschema@.int4_ops DEFAULT FOR TYPE pg_catalog.int4 USING ivfpq FAMILY @extschema@.integer_ops AS
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
COMMENT ON OPERATOR CLASS @extschema@.int4_ops USING ivfpq IS 'filter column of int4';
CREATE OPERATOR CLASS @extschema@.int8_ops DEFAULT FOR TYPE pg_catalog.int8 USING ivfpq FAMILY @extschema@.integer_ops AS
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
COMMENT ON OPERATOR CLASS @extschema@.int8_ops USING ivfpq IS 'filter column of int8';

CREATE OPERATOR FAMILY @extschema@.float_ops USING ivfpq;
COMMENT ON OPERATOR FAMILY @extschema@.float_ops USING ivfpq IS 'filter columns of floating-point numbers';
CREATE OPERATOR CLASS @extschema@.float4_ops DEFAULT FOR TYPE pg_catalog.float4 USING ivfpq FAMILY @extschema@.float_ops AS
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
COMMENT ON OPERATOR CLASS @extschema@.float4_ops USING ivfpq IS 'filter column of float4';
CREATE OPERATOR CLASS @extschema@.float8_ops DEFAULT FOR TYPE pg_catalog.float8 USING ivfpq FAMILY @extschema@.float_ops AS
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
COMMENT ON OPERATOR CLASS @extschema@.float8_ops USING ivfpq IS 'filter column of float8';

CREATE OPERATOR FAMILY @extschema@.bool_ops USING ivfpq;
COMMENT ON OPERATOR FAMILY @extschema@.bool_ops USING ivfpq IS 'filter columns of bool';
CREATE OPERATOR CLASS @extschema@.bool_ops DEFAULT FOR TYPE pg_catalog.bool USING ivfpq FAMILY @extschema@.bool_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.bool, pg_catalog.bool),
	OPERATOR 2 pg_catalog.<= (pg_catalog.bool, pg_catalog.bool),
	OPERATOR 3 pg_catalog.= (pg_catalog.bool, pg_catalog.bool),
	OPERATOR 4 pg_catalog.>= (pg_catalog.bool, pg_catalog.bool),
	OPERATOR 5 pg_catalog.> (pg_catalog.bool, pg_catalog.bool),
	FUNCTION 2 gigavec.filter_bool(internal);
COMMENT ON OPERATOR CLASS @extschema@.bool_ops USING ivfpq IS 'filter column of bool';

CREATE OPERATOR FAMILY @extschema@.date_ops USING ivfpq;
COMMENT ON OPERATOR FAMILY @extschema@.date_ops USING ivfpq IS 'filter columns of date';
CREATE OPERATOR CLASS @extschema@.date_ops DEFAULT FOR TYPE pg_catalog.date USING ivfpq FAMILY @extschema@.date_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.date, pg_catalog.date),
	OPERATOR 2 pg_catalog.<= (pg_catalog.date, pg_catalog.date),
	OPERATOR 3 pg_catalog.= (pg_catalog.date, pg_catalog.date),
	OPERATOR 4 pg_catalog.>= (pg_catalog.date, pg_catalog.date),
	OPERATOR 5 pg_catalog.> (pg_catalog.date, pg_catalog.date),
	FUNCTION 2 gigavec.filter_int4(internal);
COMMENT ON OPERATOR CLASS @extschema@.date_ops USING ivfpq IS 'filter column of date';

CREATE OPERATOR FAMILY @extschema@.timestamp_ops USING ivfpq;
COMMENT ON OPERATOR FAMILY @extschema@.timestamp_ops USING ivfpq IS 'filter columns of timestamp';
CREATE OPERATOR CLASS @extschema@.timestamp_ops DEFAULT FOR TYPE pg_catalog.timestamp USING ivfpq FAMILY @extschema@.timestamp_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.timestamp, pg_catalog.timestamp),
	OPERATOR 2 pg_catalog.<= (pg_catalog.timestamp, pg_catalog.timestamp),
	OPERATOR 3 pg_catalog.= (pg_catalog.timestamp, pg_catalog.timestamp),
	OPERATOR 4 pg_catalog.>= (pg_catalog.timestamp, pg_catalog.timestamp),
	OPERATOR 5 pg_catalog.> (pg_catalog.timestamp, pg_catalog.timestamp),
	FUNCTION 2 gigavec.filter_int8(internal);
COMMENT ON OPERATOR CLASS @extschema@.timestamp_ops USING ivfpq IS 'filter column of timestamp';

CREATE OPERATOR FAMILY @extschema@.timestamptz_ops USING ivfpq;
COMMENT ON OPERATOR FAMILY @extschema@.timestamptz_ops USING ivfpq IS 'filter columns of timestamptz';
CREATE OPERATOR CLASS @extschema@.timestamptz_ops DEFAULT FOR TYPE pg_catalog.timestamptz USING ivfpq FAMILY @extschema@.timestamptz_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.timestamptz, pg_catalog.timestamptz),
	OPERATOR 2 pg_catalog.<= (pg_catalog.timestamptz, pg_catalog.timestamptz),
	OPERATOR 3 pg_catalog.= (pg_catalog.timestamptz, pg_catalog.timestamptz),
	OPERATOR 4 pg_catalog.>= (pg_catalog.timestamptz, pg_catalog.timestamptz),
	OPERATOR 5 pg_catalog.> (pg_catalog.timestamptz, pg_catalog.timestamptz),
	FUNCTION 2 gigavec.filter_int8(internal);
COMMENT ON OPERATOR CLASS @extschema@.timestamptz_ops USING ivfpq IS 'filter column of timestamptz';

CREATE OPERATOR FAMILY @extschema@.uuid_ops USING ivfpq;
COMMENT ON OPERATOR FAMILY @extschema@.uuid_ops USING ivfpq IS 'filter columns of uuid';
CREATE OPERATOR CLASS @extschema@.uuid_ops DEFAULT FOR TYPE pg_catalog.uuid USING ivfpq FAMILY @extschema@.uuid_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.uuid, pg_catalog.uuid),
	OPERATOR 2 pg_catalog.<= (pg_catalog.uuid, pg_catalog.uuid),
	OPERATOR 3 pg_catalog.= (pg_catalog.uuid, pg_catalog.uuid),
	OPERATOR 4 pg_catalog.>= (pg_catalog.uuid, pg_catalog.uuid),
	OPERATOR 5 pg_catalog.> (pg_catalog.uuid, pg_catalog.uuid),
	FUNCTION 2 gigavec.filter_uuid(internal);
COMMENT ON OPERATOR CLASS @extschema@.uuid_ops USING ivfpq IS 'filter column of uuid';

CREATE OPERATOR FAMILY @extschema@.enum_ops USING ivfpq;
COMMENT ON OPERATOR FAMILY @extschema@.enum_ops USING ivfpq IS 'filter columns of enum';
CREATE OPERATOR CLASS @extschema@.enum_ops DEFAULT FOR TYPE pg_catalog.anyenum USING ivfpq FAMILY @extschema@.enum_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.anyenum, pg_catalog.anyenum),
	OPERATOR 2 pg_catalog.<= (pg_catalog.anyenum, pg_catalog.anyenum),
	OPERATOR 3 pg_catalog.= (pg_catalog.anyenum, pg_catalog.anyenum),
	OPERATOR 4 pg_catalog.>= (pg_catalog.anyenum, pg_catalog.anyenum),
	OPERATOR 5 pg_catalog.> (pg_catalog.anyenum, pg_catalog.anyenum),
	FUNCTION 2 gigavec.filter_enum(internal);
COMMENT ON OPERATOR CLASS @extschema@.enum_ops USING ivfpq IS 'filter column of enum';

CREATE OPERATOR FAMILY @extschema@.text_ops USING ivfpq;
COMMENT ON OPERATOR FAMILY @extschema@.text_ops USING ivfpq IS 'filter columns of text';
CREATE OPERATOR CLASS @extschema@.text_ops DEFAULT FOR TYPE pg_catalog.text USING ivfpq FAMILY @extschema@.text_ops AS
	OPERATOR 1 pg_catalog.< (pg_catalog.text, pg_catalog.text),
	OPERATOR 2 pg_catalog.<= (pg_catalog.text, pg_catalog.text),
	OPERATOR 3 pg_catalog.= (pg_catalog.text, pg_catalog.text),
	OPERATOR 4 pg_catalog.>= (pg_catalog.text, pg_catalog.text),
	OPERATOR 5 pg_catalog.> (pg_catalog.text, pg_catalog.text),
	FUNCTION 2 gigavec.filter_text(internal);
COMMENT ON OPERATOR CLASS @extschema@.text_ops USING ivfpq IS 'filter column of text';

CREATE OPERATOR FAMILY @extschema@.array_ops USING ivfpq;
COMMENT ON OPERATOR FAMILY @extschema@.array_ops USING ivfpq IS 'filter columns of arrays';
CREATE OPERATOR CLASS @extschema@.array_ops DEFAULT FOR TYPE pg_catalog.anyarray USING ivfpq FAMILY @extschema@.array_ops AS
	OPERATOR 6 pg_catalog.&& (pg_catalog.anyarray, pg_catalog.anyarray),
	OPERATOR 7 pg_catalog.@> (pg_catalog.anyarray, pg_catalog.anyarray),
	FUNCTION 2 gigavec.filter_array(internal);
COMMENT ON OPERATOR CLASS @extschema@.array_ops USING ivfpq IS 'filter column of arrays';
