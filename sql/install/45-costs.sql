--
-- 45-costs.sql: what the planner should think that distances cost
--

CREATE FUNCTION distance_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_type_distance_support'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION distance_support(internal) IS 'planner support of distances: what one costs';

ALTER FUNCTION l2_distance(vector, vector) SUPPORT distance_support;
ALTER FUNCTION vector_negative_inner_product(vector, vector) SUPPORT distance_support;
ALTER FUNCTION cosine_distance(vector, vector) SUPPORT distance_support;
ALTER FUNCTION l1_distance(vector, vector) SUPPORT distance_support;
ALTER FUNCTION linf_distance(vector, vector) SUPPORT distance_support;
ALTER FUNCTION inner_product(vector, vector) SUPPORT distance_support;
ALTER FUNCTION l2_distance(halfvec, halfvec) SUPPORT distance_support;
ALTER FUNCTION halfvec_negative_inner_product(halfvec, halfvec) SUPPORT distance_support;
ALTER FUNCTION cosine_distance(halfvec, halfvec) SUPPORT distance_support;
ALTER FUNCTION l1_distance(halfvec, halfvec) SUPPORT distance_support;
ALTER FUNCTION linf_distance(halfvec, halfvec) SUPPORT distance_support;
ALTER FUNCTION inner_product(halfvec, halfvec) SUPPORT distance_support;
ALTER FUNCTION l2_distance(sparsevec, sparsevec) SUPPORT distance_support;
ALTER FUNCTION sparsevec_negative_inner_product(sparsevec, sparsevec) SUPPORT distance_support;
ALTER FUNCTION cosine_distance(sparsevec, sparsevec) SUPPORT distance_support;
ALTER FUNCTION l1_distance(sparsevec, sparsevec) SUPPORT distance_support;
ALTER FUNCTION inner_product(sparsevec, sparsevec) SUPPORT distance_support;
ALTER FUNCTION hamming_distance(bit, bit) SUPPORT distance_support;
ALTER FUNCTION jaccard_distance(bit, bit) SUPPORT distance_support;
