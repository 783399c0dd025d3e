/* ---- access method hnsw ---- */

CREATE FUNCTION gigavec.hnsw_handler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME', 'gv_hnsw_handler' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION gigavec.hnsw_handler(internal) IS 'handler of the access method hnsw';

CREATE ACCESS METHOD hnsw TYPE INDEX HANDLER gigavec.hnsw_handler;
COMMENT ON ACCESS METHOD hnsw IS 'graph index for nearest neighbors';

/* ---- hnsw: operator classes of vector ---- */

CREATE FUNCTION gigavec.opclass_vector_l2(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_opclass_vector_l2' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.opclass_vector_l2(internal) IS 'operator classes: vector, Euclidean distance';

CREATE OPERATOR FAMILY @extschema@.vector_l2_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.vector_l2_ops USING hnsw IS 'vector by Euclidean distance';
CREATE OPERATOR CLASS @extschema@.vector_l2_ops FOR TYPE @extschema@.vector USING hnsw AS
	OPERATOR 1 @extschema@.<-> (@extschema@.vector, @extschema@.vector) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_vector_l2(internal);
COMMENT ON OPERATOR CLASS @extschema@.vector_l2_ops USING hnsw IS 'vector by Euclidean distance';

CREATE FUNCTION gigavec.opclass_vector_ip(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_opclass_vector_ip' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.opclass_vector_ip(internal) IS 'operator classes: vector, negative inner product';

CREATE OPERATOR FAMILY @extschema@.vector_ip_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.vector_ip_ops USING hnsw IS 'vector by negative inner product';
CREATE OPERATOR CLASS @extschema@.vector_ip_ops FOR TYPE @extschema@.vector USING hnsw AS
	OPERATOR 1 @extschema@.<#> (@extschema@.vector, @extschema@.vector) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_vector_ip(internal);
COMMENT ON OPERATOR CLASS @extschema@.vector_ip_ops USING hnsw IS 'vector by negative inner product';

CREATE FUNCTION gigavec.opclass_vector_cosine(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_opclass_vector_cosine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.opclass_vector_cosine(internal) IS 'operator classes: vector, cosine distance';

CREATE OPERATOR FAMILY @extschema@.vector_cosine_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.vector_cosine_ops USING hnsw IS 'vector by cosine distance';
CREATE OPERATOR CLASS @extschema@.vector_cosine_ops FOR TYPE @extschema@.vector USING hnsw AS
	OPERATOR 1 @extschema@.<=> (@extschema@.vector, @extschema@.vector) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_vector_cosine(internal);
COMMENT ON OPERATOR CLASS @extschema@.vector_cosine_ops USING hnsw IS 'vector by cosine distance';

CREATE FUNCTION gigavec.opclass_vector_l1(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_opclass_vector_l1' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.opclass_vector_l1(internal) IS 'operator classes: vector, taxicab distance';

CREATE OPERATOR FAMILY @extschema@.vector_l1_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.vector_l1_ops USING hnsw IS 'vector by taxicab distance';
CREATE OPERATOR CLASS @extschema@.vector_l1_ops FOR TYPE @extschema@.vector USING hnsw AS
	OPERATOR 1 @extschema@.<+> (@extschema@.vector, @extschema@.vector) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_vector_l1(internal);
COMMENT ON OPERATOR CLASS @extschema@.vector_l1_ops USING hnsw IS 'vector by taxicab distance';

/* ---- hnsw: operator classes of halfvec ---- */

CREATE FUNCTION gigavec.opclass_halfvec_l2(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_opclass_halfvec_l2' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.opclass_halfvec_l2(internal) IS 'operator classes: halfvec, Euclidean distance';

CREATE OPERATOR FAMILY @extschema@.halfvec_l2_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.halfvec_l2_ops USING hnsw IS 'halfvec by Euclidean distance';
CREATE OPERATOR CLASS @extschema@.halfvec_l2_ops FOR TYPE @extschema@.halfvec USING hnsw AS
	OPERATOR 1 @extschema@.<-> (@extschema@.halfvec, @extschema@.halfvec) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_halfvec_l2(internal);
COMMENT ON OPERATOR CLASS @extschema@.halfvec_l2_ops USING hnsw IS 'halfvec by Euclidean distance';

CREATE FUNCTION gigavec.opclass_halfvec_ip(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_opclass_halfvec_ip' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.opclass_halfvec_ip(internal) IS 'operator classes: halfvec, negative inner product';

CREATE OPERATOR FAMILY @extschema@.halfvec_ip_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.halfvec_ip_ops USING hnsw IS 'halfvec by negative inner product';
CREATE OPERATOR CLASS @extschema@.halfvec_ip_ops FOR TYPE @extschema@.halfvec USING hnsw AS
	OPERATOR 1 @extschema@.<#> (@extschema@.halfvec, @extschema@.halfvec) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_halfvec_ip(internal);
COMMENT ON OPERATOR CLASS @extschema@.halfvec_ip_ops USING hnsw IS 'halfvec by negative inner product';

CREATE FUNCTION gigavec.opclass_halfvec_cosine(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_opclass_halfvec_cosine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.opclass_halfvec_cosine(internal) IS 'operator classes: halfvec, cosine distance';

CREATE OPERATOR FAMILY @extschema@.halfvec_cosine_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.halfvec_cosine_ops USING hnsw IS 'halfvec by cosine distance';
CREATE OPERATOR CLASS @extschema@.halfvec_cosine_ops FOR TYPE @extschema@.halfvec USING hnsw AS
	OPERATOR 1 @extschema@.<=> (@extschema@.halfvec, @extschema@.halfvec) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_halfvec_cosine(internal);
COMMENT ON OPERATOR CLASS @extschema@.halfvec_cosine_ops USING hnsw IS 'halfvec by cosine distance';

CREATE FUNCTION gigavec.opclass_halfvec_l1(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_opclass_halfvec_l1' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.opclass_halfvec_l1(internal) IS 'operator classes: halfvec, taxicab distance';

CREATE OPERATOR FAMILY @extschema@.halfvec_l1_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.halfvec_l1_ops USING hnsw IS 'halfvec by taxicab distance';
CREATE OPERATOR CLASS @extschema@.halfvec_l1_ops FOR TYPE @extschema@.halfvec USING hnsw AS
	OPERATOR 1 @extschema@.<+> (@extschema@.halfvec, @extschema@.halfvec) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_halfvec_l1(internal);
COMMENT ON OPERATOR CLASS @extschema@.halfvec_l1_ops USING hnsw IS 'halfvec by taxicab distance';

/* ---- hnsw: operator classes of sparsevec ---- */

CREATE FUNCTION gigavec.opclass_sparsevec_l2(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_opclass_sparsevec_l2' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.opclass_sparsevec_l2(internal) IS 'operator classes: sparsevec, Euclidean distance';

CREATE OPERATOR FAMILY @extschema@.sparsevec_l2_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.sparsevec_l2_ops USING hnsw IS 'sparsevec by Euclidean distance';
CREATE OPERATOR CLASS @extschema@.sparsevec_l2_ops FOR TYPE @extschema@.sparsevec USING hnsw AS
	OPERATOR 1 @extschema@.<-> (@extschema@.sparsevec, @extschema@.sparsevec) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_sparsevec_l2(internal);
COMMENT ON OPERATOR CLASS @extschema@.sparsevec_l2_ops USING hnsw IS 'sparsevec by Euclidean distance';

CREATE FUNCTION gigavec.opclass_sparsevec_ip(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_opclass_sparsevec_ip' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.opclass_sparsevec_ip(internal) IS 'operator classes: sparsevec, negative inner product';

CREATE OPERATOR FAMILY @extschema@.sparsevec_ip_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.sparsevec_ip_ops USING hnsw IS 'sparsevec by negative inner product';
CREATE OPERATOR CLASS @extschema@.sparsevec_ip_ops FOR TYPE @extschema@.sparsevec USING hnsw AS
	OPERATOR 1 @extschema@.<#> (@extschema@.sparsevec, @extschema@.sparsevec) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_sparsevec_ip(internal);
COMMENT ON OPERATOR CLASS @extschema@.sparsevec_ip_ops USING hnsw IS 'sparsevec by negative inner product';

CREATE FUNCTION gigavec.opclass_sparsevec_cosine(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_opclass_sparsevec_cosine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.opclass_sparsevec_cosine(internal) IS 'operator classes: sparsevec, cosine distance';

CREATE OPERATOR FAMILY @extschema@.sparsevec_cosine_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.sparsevec_cosine_ops USING hnsw IS 'sparsevec by cosine distance';
CREATE OPERATOR CLASS @extschema@.sparsevec_cosine_ops FOR TYPE @extschema@.sparsevec USING hnsw AS
	OPERATOR 1 @extschema@.<=> (@extschema@.sparsevec, @extschema@.sparsevec) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_sparsevec_cosine(internal);
COMMENT ON OPERATOR CLASS @extschema@.sparsevec_cosine_ops USING hnsw IS 'sparsevec by cosine distance';

CREATE FUNCTION gigavec.opclass_sparsevec_l1(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_opclass_sparsevec_l1' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.opclass_sparsevec_l1(internal) IS 'operator classes: sparsevec, taxicab distance';

CREATE OPERATOR FAMILY @extschema@.sparsevec_l1_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.sparsevec_l1_ops USING hnsw IS 'sparsevec by taxicab distance';
CREATE OPERATOR CLASS @extschema@.sparsevec_l1_ops FOR TYPE @extschema@.sparsevec USING hnsw AS
	OPERATOR 1 @extschema@.<+> (@extschema@.sparsevec, @extschema@.sparsevec) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_sparsevec_l1(internal);
COMMENT ON OPERATOR CLASS @extschema@.sparsevec_l1_ops USING hnsw IS 'sparsevec by taxicab distance';

/* ---- hnsw: operator classes of bit ---- */

CREATE FUNCTION gigavec.opclass_bit_hamming(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_opclass_bit_hamming' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.opclass_bit_hamming(internal) IS 'operator classes: bit, Hamming distance';

CREATE OPERATOR FAMILY @extschema@.bit_hamming_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.bit_hamming_ops USING hnsw IS 'bit by Hamming distance';
CREATE OPERATOR CLASS @extschema@.bit_hamming_ops FOR TYPE bit USING hnsw AS
	OPERATOR 1 @extschema@.<~> (bit, bit) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_bit_hamming(internal);
COMMENT ON OPERATOR CLASS @extschema@.bit_hamming_ops USING hnsw IS 'bit by Hamming distance';

CREATE FUNCTION gigavec.opclass_bit_jaccard(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_opclass_bit_jaccard' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.opclass_bit_jaccard(internal) IS 'operator classes: bit, Jaccard distance';

CREATE OPERATOR FAMILY @extschema@.bit_jaccard_ops USING hnsw;
COMMENT ON OPERATOR FAMILY @extschema@.bit_jaccard_ops USING hnsw IS 'bit by Jaccard distance';
CREATE OPERATOR CLASS @extschema@.bit_jaccard_ops FOR TYPE bit USING hnsw AS
	OPERATOR 1 @extschema@.<%> (bit, bit) FOR ORDER BY pg_catalog.float_ops,
	FUNCTION 1 gigavec.opclass_bit_jaccard(internal);
COMMENT ON OPERATOR CLASS @extschema@.bit_jaccard_ops USING hnsw IS 'bit by Jaccard distance';
