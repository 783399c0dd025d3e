/* ---- access method bm25 ---- */

CREATE FUNCTION gigavec.bm25_handler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME', 'gv_bm25_handler' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION gigavec.bm25_handler(internal) IS 'handler of the access method bm25';

CREATE ACCESS METHOD bm25 TYPE INDEX HANDLER gigavec.bm25_handler;
COMMENT ON ACCESS METHOD bm25 IS 'index for full-text search with scores';

/* ---- bm25: operators ---- */

CREATE FUNCTION gigavec.bm25_operator_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_bm25_operator_support' LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.bm25_operator_support(internal) IS 'support function of the operators <@> and @@@: finds their index';

CREATE FUNCTION gigavec.bm25_bind(query bm25query, template bm25query) RETURNS bm25query
	AS 'MODULE_PATHNAME', 'gv_bm25_bind_query' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.bm25_bind(bm25query, bm25query) IS 'query with the index that the planner has found; called by plans only';

CREATE FUNCTION gigavec.bm25_bind(query text, template bm25query) RETURNS bm25query
	AS 'MODULE_PATHNAME', 'gv_bm25_bind_text' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.bm25_bind(text, bm25query) IS 'query with the index that the planner has found; called by plans only';

CREATE FUNCTION bm25_distance(text, bm25query) RETURNS float8
	AS 'MODULE_PATHNAME', 'gv_bm25_text_distance' LANGUAGE C STABLE STRICT PARALLEL SAFE
	COST 10000 SUPPORT gigavec.bm25_operator_support;
COMMENT ON FUNCTION bm25_distance(text, bm25query) IS 'negative BM25 score of a text for a query';

CREATE FUNCTION bm25_distance(text, text) RETURNS float8
	AS 'MODULE_PATHNAME', 'gv_bm25_text_distance_text' LANGUAGE C STABLE STRICT PARALLEL SAFE
	COST 10000 SUPPORT gigavec.bm25_operator_support;
COMMENT ON FUNCTION bm25_distance(text, text) IS 'negative BM25 score of a text for a query';

CREATE FUNCTION bm25_distance(text[], bm25query) RETURNS float8
	AS 'MODULE_PATHNAME', 'gv_bm25_array_distance' LANGUAGE C STABLE STRICT PARALLEL SAFE
	COST 10000 SUPPORT gigavec.bm25_operator_support;
COMMENT ON FUNCTION bm25_distance(text[], bm25query) IS 'negative BM25 score of texts that are one document';

CREATE FUNCTION bm25_distance(text[], text) RETURNS float8
	AS 'MODULE_PATHNAME', 'gv_bm25_array_distance_text' LANGUAGE C STABLE STRICT PARALLEL SAFE
	COST 10000 SUPPORT gigavec.bm25_operator_support;
COMMENT ON FUNCTION bm25_distance(text[], text) IS 'negative BM25 score of texts that are one document';

CREATE FUNCTION bm25_distance(tsvector, bm25query) RETURNS float8
	AS 'MODULE_PATHNAME', 'gv_bm25_tsvector_distance' LANGUAGE C STABLE STRICT PARALLEL SAFE
	COST 1000 SUPPORT gigavec.bm25_operator_support;
COMMENT ON FUNCTION bm25_distance(tsvector, bm25query) IS 'negative BM25 score of a tsvector for a query';

CREATE FUNCTION bm25_distance(tsvector, text) RETURNS float8
	AS 'MODULE_PATHNAME', 'gv_bm25_tsvector_distance_text' LANGUAGE C STABLE STRICT PARALLEL SAFE
	COST 1000 SUPPORT gigavec.bm25_operator_support;
COMMENT ON FUNCTION bm25_distance(tsvector, text) IS 'negative BM25 score of a tsvector for a query';

CREATE FUNCTION bm25_match(text, bm25query) RETURNS boolean
	AS 'MODULE_PATHNAME', 'gv_bm25_text_match' LANGUAGE C STABLE STRICT PARALLEL SAFE
	COST 1000 SUPPORT gigavec.bm25_operator_support;
COMMENT ON FUNCTION bm25_match(text, bm25query) IS 'does a text match a query?';

CREATE FUNCTION bm25_match(text, text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'gv_bm25_text_match_text' LANGUAGE C STABLE STRICT PARALLEL SAFE
	COST 1000 SUPPORT gigavec.bm25_operator_support;
COMMENT ON FUNCTION bm25_match(text, text) IS 'does a text match a query?';

CREATE FUNCTION bm25_match(text[], bm25query) RETURNS boolean
	AS 'MODULE_PATHNAME', 'gv_bm25_array_match' LANGUAGE C STABLE STRICT PARALLEL SAFE
	COST 1000 SUPPORT gigavec.bm25_operator_support;
COMMENT ON FUNCTION bm25_match(text[], bm25query) IS 'do texts that are one document match a query?';

CREATE FUNCTION bm25_match(text[], text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'gv_bm25_array_match_text' LANGUAGE C STABLE STRICT PARALLEL SAFE
	COST 1000 SUPPORT gigavec.bm25_operator_support;
COMMENT ON FUNCTION bm25_match(text[], text) IS 'do texts that are one document match a query?';

CREATE FUNCTION bm25_match(tsvector, bm25query) RETURNS boolean
	AS 'MODULE_PATHNAME', 'gv_bm25_tsvector_match' LANGUAGE C STABLE STRICT PARALLEL SAFE
	COST 100 SUPPORT gigavec.bm25_operator_support;
COMMENT ON FUNCTION bm25_match(tsvector, bm25query) IS 'does a tsvector match a query?';

CREATE FUNCTION bm25_match(tsvector, text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'gv_bm25_tsvector_match_text' LANGUAGE C STABLE STRICT PARALLEL SAFE
	COST 100 SUPPORT gigavec.bm25_operator_support;
COMMENT ON FUNCTION bm25_match(tsvector, text) IS 'does a tsvector match a query?';

CREATE OPERATOR <@> (LEFTARG = text, RIGHTARG = bm25query, FUNCTION = bm25_distance);
COMMENT ON OPERATOR <@> (text, bm25query) IS 'negative BM25 score';
CREATE OPERATOR <@> (LEFTARG = text, RIGHTARG = text, FUNCTION = bm25_distance);
COMMENT ON OPERATOR <@> (text, text) IS 'negative BM25 score';
CREATE OPERATOR <@> (LEFTARG = text[], RIGHTARG = bm25query, FUNCTION = bm25_distance);
COMMENT ON OPERATOR <@> (text[], bm25query) IS 'negative BM25 score';
CREATE OPERATOR <@> (LEFTARG = text[], RIGHTARG = text, FUNCTION = bm25_distance);
COMMENT ON OPERATOR <@> (text[], text) IS 'negative BM25 score';
CREATE OPERATOR <@> (LEFTARG = tsvector, RIGHTARG = bm25query, FUNCTION = bm25_distance);
COMMENT ON OPERATOR <@> (tsvector, bm25query) IS 'negative BM25 score';
CREATE OPERATOR <@> (LEFTARG = tsvector, RIGHTARG = text, FUNCTION = bm25_distance);
COMMENT ON OPERATOR <@> (tsvector, text) IS 'negative BM25 score';

CREATE OPERATOR @@@ (LEFTARG = text, RIGHTARG = bm25query, FUNCTION = bm25_match,
	RESTRICT = matchingsel, JOIN = matchingjoinsel);
COMMENT ON OPERATOR @@@ (text, bm25query) IS 'matches query';
CREATE OPERATOR @@@ (LEFTARG = text, RIGHTARG = text, FUNCTION = bm25_match,
	RESTRICT = matchingsel, JOIN = matchingjoinsel);
COMMENT ON OPERATOR @@@ (text, text) IS 'matches query';
CREATE OPERATOR @@@ (LEFTARG = text[], RIGHTARG = bm25query, FUNCTION = bm25_match,
	RESTRICT = matchingsel, JOIN = matchingjoinsel);
COMMENT ON OPERATOR @@@ (text[], bm25query) IS 'matches query';
CREATE OPERATOR @@@ (LEFTARG = text[], RIGHTARG = text, FUNCTION = bm25_match,
	RESTRICT = matchingsel, JOIN = matchingjoinsel);
COMMENT ON OPERATOR @@@ (text[], text) IS 'matches query';
CREATE OPERATOR @@@ (LEFTARG = tsvector, RIGHTARG = bm25query, FUNCTION = bm25_match,
	RESTRICT = matchingsel, JOIN = matchingjoinsel);
COMMENT ON OPERATOR @@@ (tsvector, bm25query) IS 'matches query';
CREATE OPERATOR @@@ (LEFTARG = tsvector, RIGHTARG = text, FUNCTION = bm25_match,
	RESTRICT = matchingsel, JOIN = matchingjoinsel);
COMMENT ON OPERATOR @@@ (tsvector, text) IS 'matches query';

/* ---- bm25: operator classes ---- */

CREATE OPERATOR FAMILY @extschema@.text_ops USING bm25;
COMMENT ON OPERATOR FAMILY @extschema@.text_ops USING bm25 IS 'texts by BM25 score';
CREATE OPERATOR CLASS @extschema@.text_ops DEFAULT FOR TYPE pg_catalog.text USING bm25 FAMILY @extschema@.text_ops AS
	OPERATOR 1 @extschema@.@@@ (pg_catalog.text, pg_catalog.text),
	OPERATOR 1 @extschema@.@@@ (pg_catalog.text, @extschema@.bm25query),
	OPERATOR 2 @extschema@.<@> (pg_catalog.text, pg_catalog.text) FOR ORDER BY pg_catalog.float_ops,
	OPERATOR 2 @extschema@.<@> (pg_catalog.text, @extschema@.bm25query) FOR ORDER BY pg_catalog.float_ops;
COMMENT ON OPERATOR CLASS @extschema@.text_ops USING bm25 IS 'text by BM25 score';

CREATE OPERATOR FAMILY @extschema@.text_array_ops USING bm25;
COMMENT ON OPERATOR FAMILY @extschema@.text_array_ops USING bm25 IS 'arrays of text by BM25 score';
CREATE OPERATOR CLASS @extschema@.text_array_ops DEFAULT FOR TYPE pg_catalog._text USING bm25 FAMILY @extschema@.text_array_ops AS
	OPERATOR 1 @extschema@.@@@ (pg_catalog._text, pg_catalog.text),
	OPERATOR 1 @extschema@.@@@ (pg_catalog._text, @extschema@.bm25query),
	OPERATOR 2 @extschema@.<@> (pg_catalog._text, pg_catalog.text) FOR ORDER BY pg_catalog.float_ops,
	OPERATOR 2 @extschema@.<@> (pg_catalog._text, @extschema@.bm25query) FOR ORDER BY pg_catalog.float_ops;
COMMENT ON OPERATOR CLASS @extschema@.text_array_ops USING bm25 IS 'array of text, as one document, by BM25 score';

CREATE OPERATOR FAMILY @extschema@.tsvector_ops USING bm25;
COMMENT ON OPERATOR FAMILY @extschema@.tsvector_ops USING bm25 IS 'tsvectors by BM25 score';
CREATE OPERATOR CLASS @extschema@.tsvector_ops DEFAULT FOR TYPE pg_catalog.tsvector USING bm25 FAMILY @extschema@.tsvector_ops AS
	OPERATOR 1 @extschema@.@@@ (pg_catalog.tsvector, pg_catalog.text),
	OPERATOR 1 @extschema@.@@@ (pg_catalog.tsvector, @extschema@.bm25query),
	OPERATOR 2 @extschema@.<@> (pg_catalog.tsvector, pg_catalog.text) FOR ORDER BY pg_catalog.float_ops,
	OPERATOR 2 @extschema@.<@> (pg_catalog.tsvector, @extschema@.bm25query) FOR ORDER BY pg_catalog.float_ops;
COMMENT ON OPERATOR CLASS @extschema@.tsvector_ops USING bm25 IS 'tsvector by BM25 score';

/* ---- bm25: functions for operating ---- */

CREATE FUNCTION gigavec.explain_score(document text, query bm25query, OUT part text, OUT tf float8, OUT df bigint,
		OUT idf float8, OUT boost float8, OUT length bigint, OUT factor float8, OUT score float8)
	RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'gv_bm25_explain_score' LANGUAGE C STABLE STRICT PARALLEL SAFE;
CREATE FUNCTION gigavec.explain_score(document text[], query bm25query, OUT part text, OUT tf float8, OUT df bigint,
		OUT idf float8, OUT boost float8, OUT length bigint, OUT factor float8, OUT score float8) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'gv_bm25_explain_array_score' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.explain_score(text[], bm25query) IS 'what each part of a query adds to the BM25 score of texts that are one document';
CREATE FUNCTION gigavec.explain_score(document tsvector, query bm25query, OUT part text, OUT tf float8, OUT df bigint,
		OUT idf float8, OUT boost float8, OUT length bigint, OUT factor float8, OUT score float8) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'gv_bm25_explain_tsvector_score' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.explain_score(tsvector, bm25query) IS 'what each part of a query adds to the BM25 score of a tsvector';
COMMENT ON FUNCTION gigavec.explain_score(text, bm25query) IS 'what each part of a query adds to the BM25 score of a text: boost * idf * (1 - 1 / (1 + tf * factor))';

-- Needs the index's owner; its code checks that
CREATE FUNCTION gigavec.merge(index regclass) RETURNS void
	AS 'MODULE_PATHNAME', 'gv_bm25_merge_index' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION gigavec.merge(regclass) IS 'make one segment of all segments and new rows of a bm25 index';
