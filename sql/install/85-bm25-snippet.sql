/* ---- bm25: snippets ---- */

CREATE FUNCTION gigavec.snippet(document text, query bm25query, config regconfig DEFAULT pg_catalog.get_current_ts_config(),
		start_mark text DEFAULT '<b>', stop_mark text DEFAULT '</b>', max_words integer DEFAULT 30,
		max_fragments integer DEFAULT 2, delimiter text DEFAULT ' ... ', escape boolean DEFAULT true) RETURNS text
	AS 'MODULE_PATHNAME', 'gv_bm25_show_snippet' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION gigavec.snippet(text, bm25query, regconfig, text, text, integer, integer, text, boolean)
	IS 'parts of a text with the words of a query marked; by the configuration of the index that the query names, else config';
