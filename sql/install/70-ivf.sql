/* ---- access methods ivfflat and ivfpq ---- */

CREATE FUNCTION gigavec.ivfflat_handler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME', 'gv_ivfflat_handler' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION gigavec.ivfflat_handler(internal) IS 'handler of the access method ivfflat';

CREATE ACCESS METHOD ivfflat TYPE INDEX HANDLER gigavec.ivfflat_handler;
COMMENT ON ACCESS METHOD ivfflat IS 'inverted lists of vectors for nearest neighbors';

CREATE FUNCTION gigavec.ivfpq_handler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME', 'gv_ivfpq_handler' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION gigavec.ivfpq_handler(internal) IS 'handler of the access method ivfpq';

CREATE ACCESS METHOD ivfpq TYPE INDEX HANDLER gigavec.ivfpq_handler;
COMMENT ON ACCESS METHOD ivfpq IS 'inverted lists of codes for nearest neighbors';

/* ---- ivfflat: operator classes of vector ---- */

CREATE OPERATOR FAMILY @extschema@.vector_l2_ops USING ivfflat;
COMMENT ON OPERATOR FAMILY @extschema@.vector_l2_ops USING ivfflat IS 'vector by Euclidean distance';
CREATE OPERATOR CLASS @extschema@.vector_l2_ops DEFAULT FOR TYPE @extschema@.vector USING ivfflat AS
	OPERATOR 1 @extschema@.<-> (@extschema@.vector, @extschema@.vector) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_vector_l2(internal);
COMMENT ON OPERATOR CLASS @extschema@.vector_l2_ops USING ivfflat IS 'vector by Euclidean distance';

CREATE OPERATOR FAMILY @extschema@.vector_ip_ops USING ivfflat;
COMMENT ON OPERATOR FAMILY @extschema@.vector_ip_ops USING ivfflat IS 'vector by negative inner product';
CREATE OPERATOR CLASS @extschema@.vector_ip_ops FOR TYPE @extschema@.vector USING ivfflat AS
	OPERATOR 1 @extschema@.<#> (@extschema@.vector, @extschema@.vector) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_vector_ip(internal);
COMMENT ON OPERATOR CLASS @extschema@.vector_ip_ops USING ivfflat IS 'vector by negative inner product';

CREATE OPERATOR FAMILY @extschema@.vector_cosine_ops USING ivfflat;
COMMENT ON OPERATOR FAMILY @extschema@.vector_cosine_ops USING ivfflat IS 'vector by cosine distance';
CREATE OPERATOR CLASS @extschema@.vector_cosine_ops FOR TYPE @extschema@.vector USING ivfflat AS
	OPERATOR 1 @extschema@.<=> (@extschema@.vector, @extschema@.vector) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_vector_cosine(internal);
COMMENT ON OPERATOR CLASS @extschema@.vector_cosine_ops USING ivfflat IS 'vector by cosine distance';

/* ---- ivfflat: operator classes of halfvec ---- */

CREATE OPERATOR FAMILY @extschema@.halfvec_l2_ops USING ivfflat;
COMMENT ON OPERATOR FAMILY @extschema@.halfvec_l2_ops USING ivfflat IS 'halfvec by Euclidean distance';
CREATE OPERATOR CLASS @extschema@.halfvec_l2_ops FOR TYPE @extschema@.halfvec USING ivfflat AS
	OPERATOR 1 @extschema@.<-> (@extschema@.halfvec, @extschema@.halfvec) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_halfvec_l2(internal);
COMMENT ON OPERATOR CLASS @extschema@.halfvec_l2_ops USING ivfflat IS 'halfvec by Euclidean distance';

CREATE OPERATOR FAMILY @extschema@.halfvec_ip_ops USING ivfflat;
COMMENT ON OPERATOR FAMILY @extschema@.halfvec_ip_ops USING ivfflat IS 'halfvec by negative inner product';
CREATE OPERATOR CLASS @extschema@.halfvec_ip_ops FOR TYPE @extschema@.halfvec USING ivfflat AS
	OPERATOR 1 @extschema@.<#> (@extschema@.halfvec, @extschema@.halfvec) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_halfvec_ip(internal);
COMMENT ON OPERATOR CLASS @extschema@.halfvec_ip_ops USING ivfflat IS 'halfvec by negative inner product';

CREATE OPERATOR FAMILY @extschema@.halfvec_cosine_ops USING ivfflat;
COMMENT ON OPERATOR FAMILY @extschema@.halfvec_cosine_ops USING ivfflat IS 'halfvec by cosine distance';
CREATE OPERATOR CLASS @extschema@.halfvec_cosine_ops FOR TYPE @extschema@.halfvec USING ivfflat AS
	OPERATOR 1 @extschema@.<=> (@extschema@.halfvec, @extschema@.halfvec) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_halfvec_cosine(internal);
COMMENT ON OPERATOR CLASS @extschema@.halfvec_cosine_ops USING ivfflat IS 'halfvec by cosine distance';

/* ---- ivfpq: operator classes of vector ---- */

CREATE OPERATOR FAMILY @extschema@.vector_l2_ops USING ivfpq;
COMMENT ON OPERATOR FAMILY @extschema@.vector_l2_ops USING ivfpq IS 'vector by Euclidean distance';
CREATE OPERATOR CLASS @extschema@.vector_l2_ops FOR TYPE @extschema@.vector USING ivfpq AS
	OPERATOR 1 @extschema@.<-> (@extschema@.vector, @extschema@.vector) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_vector_l2(internal);
COMMENT ON OPERATOR CLASS @extschema@.vector_l2_ops USING ivfpq IS 'vector by Euclidean distance';

CREATE OPERATOR FAMILY @extschema@.vector_ip_ops USING ivfpq;
COMMENT ON OPERATOR FAMILY @extschema@.vector_ip_ops USING ivfpq IS 'vector by negative inner product';
CREATE OPERATOR CLASS @extschema@.vector_ip_ops FOR TYPE @extschema@.vector USING ivfpq AS
	OPERATOR 1 @extschema@.<#> (@extschema@.vector, @extschema@.vector) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_vector_ip(internal);
COMMENT ON OPERATOR CLASS @extschema@.vector_ip_ops USING ivfpq IS 'vector by negative inner product';

CREATE OPERATOR FAMILY @extschema@.vector_cosine_ops USING ivfpq;
COMMENT ON OPERATOR FAMILY @extschema@.vector_cosine_ops USING ivfpq IS 'vector by cosine distance';
CREATE OPERATOR CLASS @extschema@.vector_cosine_ops FOR TYPE @extschema@.vector USING ivfpq AS
	OPERATOR 1 @extschema@.<=> (@extschema@.vector, @extschema@.vector) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_vector_cosine(internal);
COMMENT ON OPERATOR CLASS @extschema@.vector_cosine_ops USING ivfpq IS 'vector by cosine distance';

/* ---- ivfpq: operator classes of halfvec ---- */

CREATE OPERATOR FAMILY @extschema@.halfvec_l2_ops USING ivfpq;
COMMENT ON OPERATOR FAMILY @extschema@.halfvec_l2_ops USING ivfpq IS 'halfvec by Euclidean distance';
CREATE OPERATOR CLASS @extschema@.halfvec_l2_ops FOR TYPE @extschema@.halfvec USING ivfpq AS
	OPERATOR 1 @extschema@.<-> (@extschema@.halfvec, @extschema@.halfvec) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_halfvec_l2(internal);
COMMENT ON OPERATOR CLASS @extschema@.halfvec_l2_ops USING ivfpq IS 'halfvec by Euclidean distance';

CREATE OPERATOR FAMILY @extschema@.halfvec_ip_ops USING ivfpq;
COMMENT ON OPERATOR FAMILY @extschema@.halfvec_ip_ops USING ivfpq IS 'halfvec by negative inner product';
CREATE OPERATOR CLASS @extschema@.halfvec_ip_ops FOR TYPE @extschema@.halfvec USING ivfpq AS
	OPERATOR 1 @extschema@.<#> (@extschema@.halfvec, @extschema@.halfvec) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_halfvec_ip(internal);
COMMENT ON OPERATOR CLASS @extschema@.halfvec_ip_ops USING ivfpq IS 'halfvec by negative inner product';

CREATE OPERATOR FAMILY @extschema@.halfvec_cosine_ops USING ivfpq;
COMMENT ON OPERATOR FAMILY @extschema@.halfvec_cosine_ops USING ivfpq IS 'halfvec by cosine distance';
CREATE OPERATOR CLASS @extschema@.halfvec_cosine_ops FOR TYPE @extschema@.halfvec USING ivfpq AS
	OPERATOR 1 @extschema@.<=> (@extschema@.halfvec, @extschema@.halfvec) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_halfvec_cosine(internal);
COMMENT ON OPERATOR CLASS @extschema@.halfvec_cosine_ops USING ivfpq IS 'halfvec by cosine distance';

/* ---- ivfflat: operator class of bit ---- */

CREATE OPERATOR FAMILY @extschema@.bit_hamming_ops USING ivfflat;
COMMENT ON OPERATOR FAMILY @extschema@.bit_hamming_ops USING ivfflat IS 'bit by Hamming distance';
CREATE OPERATOR CLASS @extschema@.bit_hamming_ops FOR TYPE bit USING ivfflat AS
	OPERATOR 1 @extschema@.<~> (bit, bit) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_bit_hamming(internal);
COMMENT ON OPERATOR CLASS @extschema@.bit_hamming_ops USING ivfflat IS 'bit by Hamming distance';
