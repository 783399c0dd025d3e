-- Writes reference.md from the catalog and the comments of the extension's
-- objects: docs/make-reference runs it, test/t/031_reference.pl compares.
\pset tuples_only on
\pset format unaligned
\pset pager off
SET search_path = pg_catalog, public;
SELECT FROM gigavec.version();  -- loads the library and its settings

CREATE TEMPORARY VIEW member AS
	SELECT classid, objid FROM pg_depend
	WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'gigavec');

-- Functions that other objects are made of, and nobody calls by name
CREATE TEMPORARY VIEW part AS
	SELECT unnest(ARRAY[typinput, typoutput, typreceive, typsend, typmodin, typmodout]) AS oid FROM pg_type
	UNION SELECT unnest(ARRAY[aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn]) FROM pg_aggregate
	UNION SELECT oprcode FROM pg_operator
	UNION SELECT unnest(ARRAY[oprrest, oprjoin]) FROM pg_operator
	UNION SELECT amproc FROM pg_amproc
	UNION SELECT amhandler FROM pg_am
	UNION SELECT castfunc FROM pg_cast
	UNION SELECT prosupport FROM pg_proc;

CREATE TEMPORARY VIEW called AS
	SELECT p.oid, p.prokind, n.nspname, p.proname,
		format('%s%s(%s)', CASE WHEN n.nspname = 'gigavec' THEN 'gigavec.' END, p.proname,
			(SELECT string_agg(a, ', ' ORDER BY o)
			 FROM unnest(string_to_array(pg_get_function_arguments(p.oid), ', ')) WITH ORDINALITY AS args (a, o)
			 WHERE a NOT LIKE 'OUT %')) AS signature,
		pg_get_function_result(p.oid) AS result,
		obj_description(p.oid, 'pg_proc') AS comment
	FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		JOIN member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
	WHERE 'internal'::regtype <> ALL (p.proargtypes) AND 'cstring'::regtype <> ALL (p.proargtypes)
		AND p.prorettype NOT IN ('internal'::regtype, 'index_am_handler'::regtype);

-- A cell of a table: no line breaks, no bars that end it
CREATE FUNCTION pg_temp.cell(text) RETURNS text LANGUAGE sql
	RETURN replace(replace($1, E'\n', ' '), '|', '\|');

\qecho '# SQL reference'
\qecho ''
\qecho 'Written by `docs/make-reference` from the comments in the catalog, which'
\qecho '`\\dx+ gigavec`, `\\df+`, `\\do+` and `\\dAc+` show in psql as well. Functions that'
\qecho 'other objects are made of are left out.'
\qecho ''
\qecho '## Types'
\qecho ''
\qecho '| type | what |'
\qecho '| --- | --- |'
SELECT format('| `%s` | %s |', t.typname, pg_temp.cell(obj_description(t.oid, 'pg_type')))
FROM pg_type t JOIN member m ON m.classid = 'pg_type'::regclass AND m.objid = t.oid
WHERE t.typelem = 0 OR t.typsubscript::text <> 'array_subscript_handler'
ORDER BY t.typname COLLATE "C";

\qecho ''
\qecho '## Operators'
\qecho ''
\qecho '| operator | gives | what |'
\qecho '| --- | --- | --- |'
SELECT format('| `%s%s %s` | %s | %s |', CASE WHEN oprleft <> 0 THEN oprleft::regtype || ' ' END, pg_temp.cell(oprname), oprright::regtype,
	oprresult::regtype, pg_temp.cell(obj_description(o.oid, 'pg_operator')))
FROM pg_operator o JOIN member m ON m.classid = 'pg_operator'::regclass AND m.objid = o.oid
ORDER BY oprname COLLATE "C", oprleft::regtype::text COLLATE "C", oprright::regtype::text COLLATE "C";

\qecho ''
\qecho '## Functions'
\qecho ''
\qecho '| function | gives | what |'
\qecho '| --- | --- | --- |'
SELECT format('| `%s` | %s | %s |', pg_temp.cell(signature), pg_temp.cell(result), pg_temp.cell(comment))
FROM called
WHERE prokind = 'f' AND nspname <> 'gigavec'
	AND (proname !~ '^(vector|halfvec|sparsevec|bm25query)_' OR oid NOT IN (SELECT oid FROM part WHERE oid IS NOT NULL))
	AND proname NOT IN (SELECT typname FROM pg_type)
	AND NOT EXISTS (SELECT FROM pg_cast WHERE castfunc = called.oid)
ORDER BY signature COLLATE "C";

\qecho ''
\qecho '## Aggregates'
\qecho ''
\qecho '| aggregate | gives | what |'
\qecho '| --- | --- | --- |'
SELECT format('| `%s` | %s | %s |', pg_temp.cell(signature), pg_temp.cell(result), pg_temp.cell(comment))
FROM called WHERE prokind = 'a' ORDER BY signature COLLATE "C";

\qecho ''
\qecho '## Functions for operating and searching: schema gigavec'
\qecho ''
SELECT format(E'### `%s`\n\n%s.\n\nReturns %s.\n', signature, upper(left(comment, 1)) || substr(comment, 2),
	coalesce(
		CASE WHEN p.proargmodes IS NOT NULL THEN
			CASE WHEN p.proretset THEN 'rows of ' ELSE '' END ||
			(SELECT string_agg(format('`%s` %s', p.proargnames[i], format_type(p.proallargtypes[i], NULL)), ', ' ORDER BY i)
			 FROM generate_subscripts(p.proallargtypes, 1) i WHERE p.proargmodes[i] IN ('o', 't')) END,
		result))
FROM called JOIN pg_proc p USING (oid) WHERE called.prokind = 'f' AND nspname = 'gigavec' ORDER BY signature COLLATE "C";

\qecho '## Casts'
\qecho ''
\qecho '| from | to | applied |'
\qecho '| --- | --- | --- |'
SELECT format('| %s | %s | %s |', castsource::regtype, casttarget::regtype,
	CASE castcontext WHEN 'i' THEN 'by itself' WHEN 'a' THEN 'in assignments' ELSE 'when asked for' END)
FROM pg_cast c JOIN member m ON m.classid = 'pg_cast'::regclass AND m.objid = c.oid
WHERE castsource <> casttarget
ORDER BY castsource::regtype::text COLLATE "C", casttarget::regtype::text COLLATE "C";

\qecho ''
\qecho '## Operator classes'
SELECT format(E'\n### %s\n\n%s.\n\n| class | type | what |\n| --- | --- | --- |\n%s', amname,
	upper(left(obj_description(a.oid, 'pg_am'), 1)) || substr(obj_description(a.oid, 'pg_am'), 2),
	(SELECT string_agg(format('| %s | %s%s | %s |', opcname, opcintype::regtype, CASE WHEN opcdefault THEN ', default' END,
							  pg_temp.cell(obj_description(c.oid, 'pg_opclass'))), E'\n' ORDER BY opcname COLLATE "C")
	 FROM pg_opclass c JOIN member m ON m.classid = 'pg_opclass'::regclass AND m.objid = c.oid
	 WHERE c.opcmethod = a.oid))
FROM pg_am a
WHERE a.oid IN (SELECT opcmethod FROM pg_opclass c JOIN member m ON m.classid = 'pg_opclass'::regclass AND m.objid = c.oid)
	AND a.oid IN (SELECT objid FROM member WHERE classid = 'pg_am'::regclass)
ORDER BY amname COLLATE "C";

\qecho ''
\qecho '## Settings'
\qecho ''
\qecho '| setting | default | range | what |'
\qecho '| --- | --- | --- | --- |'
SELECT format('| `%s` | %s%s | %s | %s |', name, CASE WHEN boot_val = '' THEN '(empty)' ELSE boot_val END, ' ' || unit,
	coalesce(array_to_string(enumvals, ', '), min_val || ' to ' || max_val, vartype),
	pg_temp.cell(concat_ws(' ', short_desc, extra_desc)))
FROM pg_settings
WHERE name ~ '^(gigavec|hnsw|ivfflat|ivfpq|kdtree|bm25)\.' AND name <> 'gigavec.test_point'
ORDER BY name COLLATE "C";
