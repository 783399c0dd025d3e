/* ---- type bm25query: what one asks of a bm25 index ---- */

CREATE TYPE bm25query;

CREATE FUNCTION bm25query_in(cstring) RETURNS bm25query
	AS 'MODULE_PATHNAME', 'gv_bm25_query_in' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bm25query_in(cstring) IS 'read the text form of bm25query';

CREATE FUNCTION bm25query_out(bm25query) RETURNS cstring
	AS 'MODULE_PATHNAME', 'gv_bm25_query_out' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bm25query_out(bm25query) IS 'write the text form of bm25query';

CREATE FUNCTION bm25query_recv(internal) RETURNS bm25query
	AS 'MODULE_PATHNAME', 'gv_bm25_query_recv' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bm25query_recv(internal) IS 'read the binary form of bm25query';

CREATE FUNCTION bm25query_send(bm25query) RETURNS bytea
	AS 'MODULE_PATHNAME', 'gv_bm25_query_send' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bm25query_send(bm25query) IS 'write the binary form of bm25query';

CREATE TYPE bm25query (
	INPUT = bm25query_in,
	OUTPUT = bm25query_out,
	RECEIVE = bm25query_recv,
	SEND = bm25query_send,
	STORAGE = extended
);
COMMENT ON TYPE bm25query IS 'query for full-text search with scores, maybe of a named index';

CREATE FUNCTION to_bm25query(query text) RETURNS bm25query
	AS 'MODULE_PATHNAME', 'gv_bm25_query_make' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION to_bm25query(text) IS 'query in the query language, of which every text is one';

CREATE FUNCTION to_bm25query(query text, index_name text) RETURNS bm25query
	AS 'MODULE_PATHNAME', 'gv_bm25_query_make_for_index' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION to_bm25query(text, text) IS 'query in the query language for an index';

CREATE FUNCTION plainto_bm25query(query text, index_name text DEFAULT NULL) RETURNS bm25query
	AS 'MODULE_PATHNAME', 'gv_bm25_query_make_plain' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION plainto_bm25query(text, text) IS 'query of words only, whatever operators they look like';

CREATE FUNCTION strict_bm25query(query text, index_name text DEFAULT NULL) RETURNS bm25query
	AS 'MODULE_PATHNAME', 'gv_bm25_query_make_strict' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION strict_bm25query(text, text) IS 'query in the query language, whose syntax errors are raised';

CREATE FUNCTION bm25query(tsquery) RETURNS bm25query
	AS 'MODULE_PATHNAME', 'gv_bm25_query_make_tsquery' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bm25query(tsquery) IS 'convert tsquery to bm25query';

CREATE CAST (text AS bm25query) WITH FUNCTION to_bm25query(text) AS ASSIGNMENT;
COMMENT ON CAST (text AS bm25query) IS 'query in the query language';
CREATE CAST (tsquery AS bm25query) WITH FUNCTION bm25query(tsquery) AS IMPLICIT;
COMMENT ON CAST (tsquery AS bm25query) IS 'query of lexemes';

CREATE FUNCTION bm25query_eq(bm25query, bm25query) RETURNS boolean
	AS 'MODULE_PATHNAME', 'gv_bm25_query_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bm25query_eq(bm25query, bm25query) IS 'the same query for the same index';

CREATE FUNCTION bm25query_ne(bm25query, bm25query) RETURNS boolean
	AS 'MODULE_PATHNAME', 'gv_bm25_query_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bm25query_ne(bm25query, bm25query) IS 'not the same query for the same index';

CREATE OPERATOR = (LEFTARG = bm25query, RIGHTARG = bm25query, FUNCTION = bm25query_eq,
	COMMUTATOR = =, NEGATOR = <>, RESTRICT = eqsel, JOIN = eqjoinsel);
COMMENT ON OPERATOR = (bm25query, bm25query) IS 'the same query for the same index';
CREATE OPERATOR <> (LEFTARG = bm25query, RIGHTARG = bm25query, FUNCTION = bm25query_ne,
	COMMUTATOR = <>, NEGATOR = =, RESTRICT = neqsel, JOIN = neqjoinsel);
COMMENT ON OPERATOR <> (bm25query, bm25query) IS 'not the same query for the same index';

CREATE FUNCTION gigavec.lexemes(document text, config regconfig DEFAULT pg_catalog.get_current_ts_config(),
		cjk text DEFAULT 'none', OUT lexeme text, OUT positions integer[])
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'gv_bm25_show_lexemes' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.lexemes(text, regconfig, text) IS 'what a text becomes in a bm25 index: its lexemes, and where they stand';

CREATE FUNCTION gigavec.lexemes(document text[], config regconfig DEFAULT pg_catalog.get_current_ts_config(),
		cjk text DEFAULT 'none', OUT lexeme text, OUT positions integer[])
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'gv_bm25_show_lexemes_of_array' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.lexemes(text[], regconfig, text) IS 'the same of several texts that are one document';

CREATE FUNCTION gigavec.query_tree(query bm25query, config regconfig DEFAULT pg_catalog.get_current_ts_config(),
		cjk text DEFAULT 'none') RETURNS text
	AS 'MODULE_PATHNAME', 'gv_bm25_show_query' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.query_tree(bm25query, regconfig, text) IS 'what a query becomes: its lexemes, and how a bm25 index combines them';
