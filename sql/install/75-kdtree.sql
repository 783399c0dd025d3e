/* ---- access method kdtree ---- */

CREATE FUNCTION gigavec.kdtree_handler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME', 'gv_kdtree_handler' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION gigavec.kdtree_handler(internal) IS 'handler of the access method kdtree';

CREATE ACCESS METHOD kdtree TYPE INDEX HANDLER gigavec.kdtree_handler;
COMMENT ON ACCESS METHOD kdtree IS 'tree for exact nearest neighbors in few dimensions';

CREATE FUNCTION gigavec.opclass_vector_linf(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_opclass_vector_linf' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.opclass_vector_linf(internal) IS 'operator classes: vector, L-infinity distance';

CREATE FUNCTION gigavec.opclass_halfvec_linf(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'gv_am_opclass_halfvec_linf' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.opclass_halfvec_linf(internal) IS 'operator classes: halfvec, L-infinity distance';

/* ---- kdtree: rows within a distance ---- */

CREATE FUNCTION gigavec.ball(@extschema@.vector, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'gv_kdtree_ball_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.ball(@extschema@.vector, float8) IS 'all that is within a distance of a center, for the operators @<->, @<+>, @<*> and @<=>';

CREATE FUNCTION gigavec.within_l2(@extschema@.vector, float8[]) RETURNS boolean
	AS 'MODULE_PATHNAME', 'gv_kdtree_within_vector_l2' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.within_l2(@extschema@.vector, float8[]) IS 'implementation of the operator @<->';
CREATE OPERATOR gigavec.@<-> (
	LEFTARG = @extschema@.vector, RIGHTARG = float8[], FUNCTION = gigavec.within_l2,
	RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR gigavec.@<-> (@extschema@.vector, float8[]) IS 'within a ball by Euclidean distance';

CREATE FUNCTION gigavec.within_cosine(@extschema@.vector, float8[]) RETURNS boolean
	AS 'MODULE_PATHNAME', 'gv_kdtree_within_vector_cosine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.within_cosine(@extschema@.vector, float8[]) IS 'implementation of the operator @<=>';
CREATE OPERATOR gigavec.@<=> (
	LEFTARG = @extschema@.vector, RIGHTARG = float8[], FUNCTION = gigavec.within_cosine,
	RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR gigavec.@<=> (@extschema@.vector, float8[]) IS 'within a ball by cosine distance';

CREATE FUNCTION gigavec.within_l1(@extschema@.vector, float8[]) RETURNS boolean
	AS 'MODULE_PATHNAME', 'gv_kdtree_within_vector_l1' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.within_l1(@extschema@.vector, float8[]) IS 'implementation of the operator @<+>';
CREATE OPERATOR gigavec.@<+> (
	LEFTARG = @extschema@.vector, RIGHTARG = float8[], FUNCTION = gigavec.within_l1,
	RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR gigavec.@<+> (@extschema@.vector, float8[]) IS 'within a ball by taxicab distance';

CREATE FUNCTION gigavec.within_linf(@extschema@.vector, float8[]) RETURNS boolean
	AS 'MODULE_PATHNAME', 'gv_kdtree_within_vector_linf' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.within_linf(@extschema@.vector, float8[]) IS 'implementation of the operator @<*>';
CREATE OPERATOR gigavec.@<*> (
	LEFTARG = @extschema@.vector, RIGHTARG = float8[], FUNCTION = gigavec.within_linf,
	RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR gigavec.@<*> (@extschema@.vector, float8[]) IS 'within a ball by L-infinity distance';

CREATE FUNCTION gigavec.ball(@extschema@.halfvec, float8) RETURNS float8[]
	AS 'MODULE_PATHNAME', 'gv_kdtree_ball_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.ball(@extschema@.halfvec, float8) IS 'all that is within a distance of a center, for the operators @<->, @<+>, @<*> and @<=>';

CREATE FUNCTION gigavec.within_l2(@extschema@.halfvec, float8[]) RETURNS boolean
	AS 'MODULE_PATHNAME', 'gv_kdtree_within_halfvec_l2' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.within_l2(@extschema@.halfvec, float8[]) IS 'implementation of the operator @<->';
CREATE OPERATOR gigavec.@<-> (
	LEFTARG = @extschema@.halfvec, RIGHTARG = float8[], FUNCTION = gigavec.within_l2,
	RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR gigavec.@<-> (@extschema@.halfvec, float8[]) IS 'within a ball by Euclidean distance';

CREATE FUNCTION gigavec.within_cosine(@extschema@.halfvec, float8[]) RETURNS boolean
	AS 'MODULE_PATHNAME', 'gv_kdtree_within_halfvec_cosine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.within_cosine(@extschema@.halfvec, float8[]) IS 'implementation of the operator @<=>';
CREATE OPERATOR gigavec.@<=> (
	LEFTARG = @extschema@.halfvec, RIGHTARG = float8[], FUNCTION = gigavec.within_cosine,
	RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR gigavec.@<=> (@extschema@.halfvec, float8[]) IS 'within a ball by cosine distance';

CREATE FUNCTION gigavec.within_l1(@extschema@.halfvec, float8[]) RETURNS boolean
	AS 'MODULE_PATHNAME', 'gv_kdtree_within_halfvec_l1' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.within_l1(@extschema@.halfvec, float8[]) IS 'implementation of the operator @<+>';
CREATE OPERATOR gigavec.@<+> (
	LEFTARG = @extschema@.halfvec, RIGHTARG = float8[], FUNCTION = gigavec.within_l1,
	RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR gigavec.@<+> (@extschema@.halfvec, float8[]) IS 'within a ball by taxicab distance';

CREATE FUNCTION gigavec.within_linf(@extschema@.halfvec, float8[]) RETURNS boolean
	AS 'MODULE_PATHNAME', 'gv_kdtree_within_halfvec_linf' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.within_linf(@extschema@.halfvec, float8[]) IS 'implementation of the operator @<*>';
CREATE OPERATOR gigavec.@<*> (
	LEFTARG = @extschema@.halfvec, RIGHTARG = float8[], FUNCTION = gigavec.within_linf,
	RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR gigavec.@<*> (@extschema@.halfvec, float8[]) IS 'within a ball by L-infinity distance';

/* ---- kdtree: rows within a box ---- */

CREATE FUNCTION gigavec.in_box(@extschema@.vector, @extschema@.vector[]) RETURNS boolean
	AS 'MODULE_PATHNAME', 'gv_kdtree_in_box_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.in_box(@extschema@.vector, @extschema@.vector[]) IS 'implementation of the operator <@';
CREATE OPERATOR @extschema@.<@ (
	LEFTARG = @extschema@.vector, RIGHTARG = @extschema@.vector[], FUNCTION = gigavec.in_box,
	RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @extschema@.<@ (@extschema@.vector, @extschema@.vector[]) IS 'within a box, given by its least and its greatest elements';

CREATE FUNCTION gigavec.in_box(@extschema@.halfvec, @extschema@.halfvec[]) RETURNS boolean
	AS 'MODULE_PATHNAME', 'gv_kdtree_in_box_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.in_box(@extschema@.halfvec, @extschema@.halfvec[]) IS 'implementation of the operator <@';
CREATE OPERATOR @extschema@.<@ (
	LEFTARG = @extschema@.halfvec, RIGHTARG = @extschema@.halfvec[], FUNCTION = gigavec.in_box,
	RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR @extschema@.<@ (@extschema@.halfvec, @extschema@.halfvec[]) IS 'within a box, given by its least and its greatest elements';

/* ---- kdtree: operator classes of vector ---- */

CREATE OPERATOR FAMILY @extschema@.vector_l2_ops USING kdtree;
COMMENT ON OPERATOR FAMILY @extschema@.vector_l2_ops USING kdtree IS 'vector by Euclidean distance';
CREATE OPERATOR CLASS @extschema@.vector_l2_ops DEFAULT FOR TYPE @extschema@.vector USING kdtree AS
	OPERATOR 1 @extschema@.<-> (@extschema@.vector, @extschema@.vector) FOR ORDER BY pg_catalog.float_ops,
	OPERATOR 8 gigavec.@<-> (@extschema@.vector, float8[]),
	OPERATOR 9 @extschema@.<@ (@extschema@.vector, @extschema@.vector[]),
	FUNCTION 1 gigavec.opclass_vector_l2(internal);
COMMENT ON OPERATOR CLASS @extschema@.vector_l2_ops USING kdtree IS 'vector by Euclidean distance';

CREATE OPERATOR FAMILY @extschema@.vector_cosine_ops USING kdtree;
COMMENT ON OPERATOR FAMILY @extschema@.vector_cosine_ops USING kdtree IS 'vector by cosine distance';
CREATE OPERATOR CLASS @extschema@.vector_cosine_ops FOR TYPE @extschema@.vector USING kdtree AS
	OPERATOR 1 @extschema@.<=> (@extschema@.vector, @extschema@.vector) FOR ORDER BY pg_catalog.float_ops,
	OPERATOR 8 gigavec.@<=> (@extschema@.vector, float8[]),
	FUNCTION 1 gigavec.opclass_vector_cosine(internal);
COMMENT ON OPERATOR CLASS @extschema@.vector_cosine_ops USING kdtree IS 'vector by cosine distance';

CREATE OPERATOR FAMILY @extschema@.vector_l1_ops USING kdtree;
COMMENT ON OPERATOR FAMILY @extschema@.vector_l1_ops USING kdtree IS 'vector by taxicab distance';
CREATE OPERATOR CLASS @extschema@.vector_l1_ops FOR TYPE @extschema@.vector USING kdtree AS
	OPERATOR 1 @extschema@.<+> (@extschema@.vector, @extschema@.vector) FOR ORDER BY pg_catalog.float_ops,
	OPERATOR 8 gigavec.@<+> (@extschema@.vector, float8[]),
	OPERATOR 9 @extschema@.<@ (@extschema@.vector, @extschema@.vector[]),
	FUNCTION 1 gigavec.opclass_vector_l1(internal);
COMMENT ON OPERATOR CLASS @extschema@.vector_l1_ops USING kdtree IS 'vector by taxicab distance';

CREATE OPERATOR FAMILY @extschema@.vector_linf_ops USING kdtree;
COMMENT ON OPERATOR FAMILY @extschema@.vector_linf_ops USING kdtree IS 'vector by L-infinity distance';
CREATE OPERATOR CLASS @extschema@.vector_linf_ops FOR TYPE @extschema@.vector USING kdtree AS
	OPERATOR 1 @extschema@.<*> (@extschema@.vector, @extschema@.vector) FOR ORDER BY pg_catalog.float_ops,
	OPERATOR 8 gigavec.@<*> (@extschema@.vector, float8[]),
	OPERATOR 9 @extschema@.<@ (@extschema@.vector, @extschema@.vector[]),
	FUNCTION 1 gigavec.opclass_vector_linf(internal);
COMMENT ON OPERATOR CLASS @extschema@.vector_linf_ops USING kdtree IS 'vector by L-infinity distance';

/* ---- kdtree: operator classes of halfvec ---- */

CREATE OPERATOR FAMILY @extschema@.halfvec_l2_ops USING kdtree;
COMMENT ON OPERATOR FAMILY @extschema@.halfvec_l2_ops USING kdtree IS 'halfvec by Euclidean distance';
CREATE OPERATOR CLASS @extschema@.halfvec_l2_ops DEFAULT FOR TYPE @extschema@.halfvec USING kdtree AS
	OPERATOR 1 @extschema@.<-> (@extschema@.halfvec, @extschema@.halfvec) FOR ORDER BY pg_catalog.float_ops,
	OPERATOR 8 gigavec.@<-> (@extschema@.halfvec, float8[]),
	OPERATOR 9 @extschema@.<@ (@extschema@.halfvec, @extschema@.halfvec[]),
	FUNCTION 1 gigavec.opclass_halfvec_l2(internal);
COMMENT ON OPERATOR CLASS @extschema@.halfvec_l2_ops USING kdtree IS 'halfvec by Euclidean distance';

CREATE OPERATOR FAMILY @extschema@.halfvec_cosine_ops USING kdtree;
COMMENT ON OPERATOR FAMILY @extschema@.halfvec_cosine_ops USING kdtree IS 'halfvec by cosine distance';
CREATE OPERATOR CLASS @extschema@.halfvec_cosine_ops FOR TYPE @extschema@.halfvec USING kdtree AS
	OPERATOR 1 @extschema@.<=> (@extschema@.halfvec, @extschema@.halfvec) FOR ORDER BY pg_catalog.float_ops,
	OPERATOR 8 gigavec.@<=> (@extschema@.halfvec, float8[]),
	FUNCTION 1 gigavec.opclass_halfvec_cosine(internal);
COMMENT ON OPERATOR CLASS @extschema@.halfvec_cosine_ops USING kdtree IS 'halfvec by cosine distance';

CREATE OPERATOR FAMILY @extschema@.halfvec_l1_ops USING kdtree;
COMMENT ON OPERATOR FAMILY @extschema@.halfvec_l1_ops USING kdtree IS 'halfvec by taxicab distance';
CREATE OPERATOR CLASS @extschema@.halfvec_l1_ops FOR TYPE @extschema@.halfvec USING kdtree AS
	OPERATOR 1 @extschema@.<+> (@extschema@.halfvec, @extschema@.halfvec) FOR ORDER BY pg_catalog.float_ops,
	OPERATOR 8 gigavec.@<+> (@extschema@.halfvec, float8[]),
	OPERATOR 9 @extschema@.<@ (@extschema@.halfvec, @extschema@.halfvec[]),
	FUNCTION 1 gigavec.opclass_halfvec_l1(internal);
COMMENT ON OPERATOR CLASS @extschema@.halfvec_l1_ops USING kdtree IS 'halfvec by taxicab distance';

CREATE OPERATOR FAMILY @extschema@.halfvec_linf_ops USING kdtree;
COMMENT ON OPERATOR FAMILY @extschema@.halfvec_linf_ops USING kdtree IS 'halfvec by L-infinity distance';
CREATE OPERATOR CLASS @extschema@.halfvec_linf_ops FOR TYPE @extschema@.halfvec USING kdtree AS
	OPERATOR 1 @extschema@.<*> (@extschema@.halfvec, @extschema@.halfvec) FOR ORDER BY pg_catalog.float_ops,
	OPERATOR 8 gigavec.@<*> (@extschema@.halfvec, float8[]),
	OPERATOR 9 @extschema@.<@ (@extschema@.halfvec, @extschema@.halfvec[]),
	FUNCTION 1 gigavec.opclass_halfvec_linf(internal);
COMMENT ON OPERATOR CLASS @extschema@.halfvec_linf_ops USING kdtree IS 'halfvec by L-infinity distance';
