/* ---- hybrid search: ranked lists made one ---- */

-- Not STRICT: what may be NULL is NULL by default, a leg without query is left out
CREATE FUNCTION gigavec.hybrid_search(relation regclass, query_text text, query_vector vector, k integer DEFAULT 10,
		text_index regclass DEFAULT NULL, vector_index regclass DEFAULT NULL,
		fusion text DEFAULT 'minmax', weights double precision[] DEFAULT '{0.5,0.5}', rrf_k integer DEFAULT 60,
		candidates integer DEFAULT NULL, filter text DEFAULT NULL, filter_values text[] DEFAULT NULL,
		min_text_score double precision DEFAULT NULL, max_distance double precision DEFAULT NULL,
		vector_column name DEFAULT NULL, metric text DEFAULT NULL,
		OUT in_table regclass, OUT tid tid, OUT score double precision,
		OUT text_rank integer, OUT text_score double precision, OUT text_part double precision,
		OUT vector_rank integer, OUT vector_distance double precision, OUT vector_part double precision)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'gv_hybrid_search' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10 COST 10000;
COMMENT ON FUNCTION gigavec.hybrid_search(regclass, text, vector, integer, regclass, regclass, text, double precision[], integer, integer, text, text[], double precision, double precision, name, text)
	IS 'rows that a text and a vector find together, and what each contributes to their scores';

CREATE FUNCTION gigavec.hybrid_plan(relation regclass, query_text text, query_vector vector, k integer DEFAULT 10,
		text_index regclass DEFAULT NULL, vector_index regclass DEFAULT NULL,
		fusion text DEFAULT 'minmax', weights double precision[] DEFAULT '{0.5,0.5}', rrf_k integer DEFAULT 60,
		candidates integer DEFAULT NULL, filter text DEFAULT NULL, filter_values text[] DEFAULT NULL,
		min_text_score double precision DEFAULT NULL, max_distance double precision DEFAULT NULL,
		vector_column name DEFAULT NULL, metric text DEFAULT NULL, execute boolean DEFAULT false,
		OUT leg text, OUT line text)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'gv_hybrid_plan' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10 COST 10000;
COMMENT ON FUNCTION gigavec.hybrid_plan(regclass, text, vector, integer, regclass, regclass, text, double precision[], integer, integer, text, text[], double precision, double precision, name, text, boolean)
	IS 'SQL and plan of each leg of such a search';

CREATE FUNCTION gigavec.fuse(ids anyarray, scores double precision[], legs integer[],
		fusion text DEFAULT 'minmax', weights double precision[] DEFAULT NULL, rrf_k integer DEFAULT 60,
		ascending boolean[] DEFAULT NULL,
		OUT id anyelement, OUT score double precision, OUT ranks integer[], OUT raw_scores double precision[],
		OUT parts double precision[])
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'gv_hybrid_fuse_lists' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 100 COST 1000;
COMMENT ON FUNCTION gigavec.fuse(anyarray, double precision[], integer[], text, double precision[], integer, boolean[])
	IS 'one ranked list of any number of them';

CREATE FUNCTION gigavec.tune_fusion(relation regclass, queries text, judgments text, key name, k integer DEFAULT 10,
		text_index regclass DEFAULT NULL, vector_index regclass DEFAULT NULL, candidates integer DEFAULT 100,
		filter text DEFAULT NULL, filter_values text[] DEFAULT NULL,
		vector_column name DEFAULT NULL, metric text DEFAULT NULL,
		OUT fusion text, OUT weights double precision[], OUT rrf_k integer,
		OUT ndcg double precision, OUT standard_error double precision, OUT queries_judged integer)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'gv_hybrid_tune' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100 COST 1000000;
COMMENT ON FUNCTION gigavec.tune_fusion(regclass, text, text, name, integer, regclass, regclass, integer, text, text[], name, text)
	IS 'methods and weights of hybrid_search, the best for judged queries first';
