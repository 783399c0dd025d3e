/* ---- what would be in the way ---- */

DO LANGUAGE plpgsql $prerequisites$
DECLARE
	found_name pg_catalog.text;
	owner_name pg_catalog.text;
BEGIN
	SELECT a.amname::pg_catalog.text, e.extname::pg_catalog.text
		INTO found_name, owner_name
		FROM pg_catalog.pg_am a
		LEFT JOIN pg_catalog.pg_depend d
			ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_am'::pg_catalog.regclass
			AND d.objid OPERATOR(pg_catalog.=) a.oid
			AND d.deptype OPERATOR(pg_catalog.=) 'e'::pg_catalog."char"
		LEFT JOIN pg_catalog.pg_extension e
			ON e.oid OPERATOR(pg_catalog.=) d.refobjid
		WHERE a.amname OPERATOR(pg_catalog.=) ANY ('{hnsw,ivfflat,ivfpq,kdtree,bm25}'::pg_catalog.name[])
		ORDER BY a.amname
		LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING
			ERRCODE = 'duplicate_object',
			MESSAGE = pg_catalog.format('access method "%s" already exists', found_name),
			DETAIL = CASE WHEN owner_name IS NULL
				THEN 'The extension "gigavec" creates an access method of the same name.'
				ELSE pg_catalog.format('It belongs to the extension "%s"; gigavec creates an access method of the same name.', owner_name)
				END,
			HINT = 'Names of access methods are unique in a database: drop what is there, or create gigavec in another database.';
	END IF;

	SELECT t.typname::pg_catalog.text
		INTO found_name
		FROM pg_catalog.pg_type t
		WHERE t.typnamespace OPERATOR(pg_catalog.=) '@extschema@'::pg_catalog.regnamespace
		AND t.typname OPERATOR(pg_catalog.=) ANY ('{vector,halfvec,sparsevec}'::pg_catalog.name[])
		ORDER BY t.typname
		LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING
			ERRCODE = 'duplicate_object',
			MESSAGE = pg_catalog.format('type "%s" already exists in the schema of the extension', found_name),
			DETAIL = 'The extension "gigavec" creates a type of the same name in the schema "@extschema@".',
			HINT = 'Drop or rename the type or the table of that name, or create gigavec in another schema: CREATE EXTENSION gigavec SCHEMA name.';
	END IF;
END;
$prerequisites$;
