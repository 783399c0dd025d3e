/* ---- pgvector would be in the way, and so would a second gigavec ---- */

DO LANGUAGE plpgsql $pgvector$
DECLARE
	vector_oid pg_catalog.oid;
BEGIN
	SELECT oid
		INTO vector_oid
		FROM pg_catalog.pg_extension
		WHERE extname OPERATOR(pg_catalog.=) 'vector'::pg_catalog.name;
	IF NOT FOUND THEN
		RETURN;
	END IF;

	PERFORM FROM pg_catalog.pg_depend
		WHERE classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass
		AND objid OPERATOR(pg_catalog.=) pg_catalog.to_regnamespace('gigavec')::pg_catalog.oid
		AND refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
		AND refobjid OPERATOR(pg_catalog.=) vector_oid
		AND deptype OPERATOR(pg_catalog.=) 'e'::pg_catalog."char";
	IF FOUND THEN
		RAISE EXCEPTION USING
			ERRCODE = 'duplicate_object',
			MESSAGE = 'gigavec is already in this database, under the name of "vector"',
			DETAIL = 'The extension "vector" of this database comes from "make install-vector" of gigavec and has the same objects.',
			HINT = 'Use what is there, or restore a dump in a database where "gigavec" was created.';
	END IF;

	RAISE EXCEPTION USING
		ERRCODE = 'object_not_in_prerequisite_state',
		MESSAGE = 'extension "gigavec" cannot be created in a database that has the extension "vector"',
		DETAIL = 'Both provide the types vector, halfvec and sparsevec and the access methods hnsw and ivfflat.',
		HINT = 'Create gigavec in another database and restore a dump of this one there, or drop the extension "vector" first.';
END;
$pgvector$;
