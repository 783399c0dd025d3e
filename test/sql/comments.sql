--
-- Every object of the extension has a comment
--
-- Operator families that CREATE OPERATOR CLASS made by itself have the name
-- of the class, which has the comment; so have array types that of the type.
SELECT pg_describe_object(d.classid, d.objid, 0) AS without_comment
FROM pg_depend AS d
WHERE d.refclassid = 'pg_extension'::regclass
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'gigavec')
	AND d.deptype = 'e'
	AND obj_description(d.objid, d.classid::regclass::name) IS NULL
	AND NOT EXISTS (
		SELECT FROM pg_type AS t
		WHERE d.classid = 'pg_type'::regclass AND t.typarray = d.objid)
	AND NOT EXISTS (
		SELECT FROM pg_opfamily AS f
			JOIN pg_opclass AS c ON c.opcfamily = f.oid AND c.opcname = f.opfname
		WHERE d.classid = 'pg_opfamily'::regclass AND f.oid = d.objid)
ORDER BY 1;

-- objects were looked at
SELECT count(*) > 100 AS many
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'gigavec');

-- functions state that they are safe in parallel queries, or why not is in
-- this list
SELECT p.oid::regprocedure AS not_parallel_safe
FROM pg_depend AS d
	JOIN pg_proc AS p ON p.oid = d.objid
WHERE d.classid = 'pg_proc'::regclass
	AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'gigavec')
	AND p.proparallel <> 's' AND p.prorettype <> 'index_am_handler'::regtype
ORDER BY p.oid::regprocedure::text COLLATE "C";
