#----------------------------------------------------------------------
#
# Random queries by sqlsmith: no crash, no internal error.
#
# sqlsmith takes tables, types, functions and operators as it finds them in the
# catalogs.  To have it speak of gigavec most of the time, it finds a list of
# functions of our own, and the operators on other types are gone from the
# database, which serves nothing else.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

plan skip_all => 'sqlsmith is not installed' if !grep { -x "$_/sqlsmith" } split(/:/, $ENV{PATH});

my $n_runs = $LONG ? 100 : 2;
my $n_queries = $LONG ? 2000 : 1000;

my $node = new_server('smith', q{
	fsync = off
	restart_after_crash = off
	log_error_verbosity = verbose
	log_line_prefix = '%p %e '
	lock_timeout = '5s'
	temp_file_limit = '1GB'
	max_parallel_workers_per_gather = 2
	jit = off
});

$node->safe_psql('postgres', q{
	CREATE ROLE smith LOGIN;
	CREATE SCHEMA smith;
	CREATE SCHEMA things;
	SET search_path = public, things;

	CREATE TABLE things.items (id int PRIMARY KEY, v vector(8), h halfvec(8), s sparsevec(8), b bit(8), f float4[], n int, body text);
	INSERT INTO things.items SELECT i, p, p, p, binary_quantize(p - array_fill(1.5, ARRAY[8])::vector)::bit(8), p::float4[], i % 10, 'all w' || i % 7 || ' x' || i % 11
		FROM (SELECT i, point(i, 8) AS p FROM generate_series(1, 300) i) t;
	INSERT INTO things.items SELECT i FROM generate_series(301, 310) i;
	CREATE TABLE things.mixed (id int, v vector, h halfvec, s sparsevec, b varbit);
	INSERT INTO things.mixed VALUES (1, '[1]', '[1]', '{1:1}/1', '1'), (2, '[1,2]', '[1,2]', '{1:1}/2', '10'),
		(3, '[1,2,3,4,5,6,7,8]', '[1,2,3,4,5,6,7,8]', '{1:1,8:-5}/8', '10101010'), (4, '[3e38,-3e38]', '[65504,0]', '{}/3', ''),
		(5, '[0,0,0,0,0,0,0,0]', '[0,0,0,0,0,0,0,0]', '{}/8', '00000000'), (6, NULL, NULL, NULL, NULL);
	CREATE TABLE things.parts (id int, v vector(8), n int) PARTITION BY LIST (n);
	CREATE TABLE things.parts_0 PARTITION OF things.parts FOR VALUES IN (0, 1, 2);
	CREATE TABLE things.parts_1 PARTITION OF things.parts DEFAULT;
	INSERT INTO things.parts SELECT id, v, n FROM things.items;
	CREATE INDEX items_l2 ON things.items USING hnsw (v vector_l2_ops);
	CREATE INDEX items_l1 ON things.items USING hnsw (v vector_l1_ops) WITH (m = 4);
	CREATE INDEX items_ip ON things.items USING hnsw (v vector_ip_ops);
	CREATE INDEX items_cosine ON things.items USING hnsw (h halfvec_cosine_ops);
	CREATE INDEX items_sparse ON things.items USING hnsw (s sparsevec_l2_ops);
	CREATE INDEX items_bit ON things.items USING hnsw (b bit_jaccard_ops);
	CREATE INDEX items_expression ON things.items USING hnsw ((v::halfvec(8)) halfvec_l2_ops) WHERE n > 3;
	CREATE INDEX items_lists ON things.items USING ivfflat (v vector_cosine_ops, n) WITH (lists = 4);
	CREATE INDEX items_codes ON things.items USING ivfpq (h halfvec_l2_ops) WITH (lists = 4, bits = 5);
	CREATE INDEX items_exact ON things.items USING kdtree (v vector_linf_ops);
	CREATE INDEX items_body ON things.items USING bm25 (body) WITH (text_config = 'simple');
	CREATE INDEX items_v ON things.items (v);
	CREATE INDEX parts_l2 ON things.parts USING hnsw (v vector_l2_ops);

	-- sqlsmith does not order by itself
	CREATE VIEW things.near AS SELECT * FROM things.items ORDER BY v <-> '[1,2,3,4,5,4,3,2]' LIMIT 20;
	CREATE VIEW things.near_cosine AS SELECT * FROM things.items WHERE n < 4 ORDER BY h <=> '[1,2,3,4,5,4,3,2]' LIMIT 20;
	CREATE VIEW things.near_ip AS SELECT id, v, n FROM things.items ORDER BY v <#> '[1,2,3,4,5,4,3,2]' LIMIT 5 OFFSET 3;
	CREATE VIEW things.near_expression AS SELECT id, s, f FROM things.items WHERE n > 3 ORDER BY v::halfvec(8) <-> '[1,2,3,4,5,4,3,2]';
	CREATE VIEW things.near_sparse AS SELECT id, s, b FROM things.items ORDER BY s <-> '{1:1,5:2}/8' LIMIT 100;
	CREATE VIEW things.near_bit AS SELECT id, b, h FROM things.items ORDER BY b <%> B'10101010' LIMIT 10;
	CREATE VIEW things.near_lists AS SELECT * FROM things.items ORDER BY v <=> '[1,2,3,4,5,4,3,2]' LIMIT 10;
	CREATE VIEW things.near_codes AS SELECT id, v, h, n FROM things.items ORDER BY h <-> '[1,2,3,4,5,4,3,2]' LIMIT 10;
	CREATE VIEW things.near_exact AS SELECT id, v, b FROM things.items ORDER BY v <*> '[1,2,3,4,5,4,3,2]' LIMIT 10;
	CREATE VIEW things.near_text AS SELECT id, v, body, body <@> 'w1 x2' AS d FROM things.items ORDER BY body <@> 'w1 x2' LIMIT 10;
	CREATE VIEW things.matching AS SELECT id, h, s, body FROM things.items WHERE body @@@ '+w3 -x4';
	CREATE VIEW things.near_parts AS SELECT id, v, v <-> '[1,2,3,4,5,4,3,2]' AS d FROM things.parts ORDER BY 3;
	CREATE VIEW things.pairs AS SELECT a.id, a.v, b.id AS other, b.b
		FROM things.items a, LATERAL (SELECT * FROM things.items c ORDER BY c.v <+> a.v LIMIT 3) b WHERE a.n = 5;
	CREATE FUNCTION things.nearest(vector) RETURNS int LANGUAGE sql STABLE AS 'SELECT id FROM things.items ORDER BY v <#> $1 LIMIT 1';
	CREATE FUNCTION things.nearest(text) RETURNS int LANGUAGE sql STABLE AS 'SELECT id FROM things.items ORDER BY body <@> $1 LIMIT 1';
	CREATE FUNCTION things.nearest(sparsevec) RETURNS int LANGUAGE sql STABLE AS 'SELECT id FROM things.items ORDER BY s <-> $1 LIMIT 1';
	CREATE FUNCTION things.nearest(bit, int) RETURNS int LANGUAGE sql STABLE AS 'SELECT id FROM things.items WHERE n = $2 ORDER BY b <%> $1 LIMIT 1';
	CREATE FUNCTION things.nearest(halfvec) RETURNS int LANGUAGE sql STABLE AS 'SELECT id FROM things.items WHERE n > 3 ORDER BY v::halfvec(8) <-> $1 LIMIT 1';
	GRANT USAGE ON SCHEMA things, smith TO smith;
	GRANT ALL ON ALL TABLES IN SCHEMA things TO smith;
	ANALYZE;

	-- the types we care for; others that the catalogs are queried with
	CREATE VIEW smith.types AS SELECT t.oid FROM pg_type t, pg_depend d
		WHERE d.objid IN (t.oid, t.typelem) AND d.classid = 'pg_type'::regclass AND d.deptype = 'e'
		UNION SELECT oid FROM pg_type WHERE typname IN ('bool', 'int4', 'int8', 'float4', 'float8', 'text', 'bit', 'varbit', '_int4', '_float4', '_float8');
	CREATE VIEW smith.needed AS SELECT oid FROM smith.types
		UNION SELECT oid FROM pg_type WHERE typname IN ('oid', 'name', 'char', 'int2', 'xid', 'oidvector', 'int2vector', 'aclitem', 'anyarray', 'record');
	-- not a view, which would be among the tables to query
	CREATE MATERIALIZED VIEW smith.pg_proc AS
		SELECT oid, proname, pronamespace, prorettype, proargtypes, proretset, prokind FROM pg_catalog.pg_proc p
		WHERE EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
				WHERE d.objid = p.oid AND d.deptype = 'e' AND extname = 'gigavec')
			OR pronamespace = 'things'::regnamespace
			OR (proname IN ('abs', 'round', 'length', 'array_agg', 'count', 'max', 'min', 'sum', 'avg', 'array_length', 'bit', 'set_bit', 'get_bit', 'bit_count', 'array_append', 'row_number')
				AND prorettype IN (SELECT oid FROM smith.types)
				AND NOT EXISTS (SELECT FROM unnest(proargtypes) a WHERE a NOT IN (SELECT oid FROM smith.types)));
	GRANT SELECT ON smith.pg_proc TO smith;
	ALTER ROLE smith SET search_path = smith, pg_catalog, public;
	ALTER ROLE smith SET enable_seqscan = off;
	ALTER ROLE smith SET enable_sort = off;
	SET allow_system_table_mods = on;
	DELETE FROM pg_operator WHERE NOT (oprleft IN (SELECT oid FROM smith.needed)
		AND oprright IN (SELECT oid FROM smith.needed) AND oprresult IN (SELECT oid FROM smith.needed));
});

my @indexes = split(/\n/, $node->safe_psql('postgres',
		q{SELECT c.oid::regclass FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE amname IN ('hnsw', 'ivfflat', 'ivfpq', 'kdtree', 'bm25') AND relkind = 'i'}));
my $n_all = 0;
for my $seed (1 .. $n_runs)
{
	my ($out, $err) = ('', '');
	my $run = IPC::Run::run([ 'sqlsmith', '--target=' . $node->connstr('postgres') . ' user=smith', "--max-queries=$n_queries",
		"--seed=$seed", '--exclude-catalog', '--dump-all-queries' ], '>', \$out, '2>', \$err);

	my $n = () = $out =~ /;$/mg;
	$n_all += $n;
	ok($run, "seed $seed: sqlsmith came to its end") || diag($err);
	cmp_ok($n, '>=', $n_queries, "seed $seed: $n queries");
	ok(!$node->log_contains('terminated by signal|PANIC'), "seed $seed: no crash") || BAIL_OUT('crash');
}

my %errors;
my $internal = '';
for my $line (split(/\n/, slurp_file($node->logfile)))
{
	$errors{$1}++ if $line =~ /^\d+ \w{5} (?:ERROR|FATAL):  (\w{5}):/;
	# operators were deleted above, and PostgreSQL itself may want one of them
	next if $line =~ /^\d+ XX000 (?:ERROR:  XX000: cache lookup failed for function 0|LOCATION:  object_aclmask_ext,)/;
	$internal .= "$line\n" if $line =~ /^\d+ XX\w{3} (?:ERROR|FATAL|LOCATION|WARNING):/;
}
is($internal, '', 'no internal error, no damage');
my $n_errors = 0;
$n_errors += $_ for values %errors;
note("errors by class: " . join(', ', map { "$_: $errors{$_}" } sort keys %errors));
cmp_ok($n_errors, '<', 0.5 * $n_all, "most of $n_all queries succeed: $n_errors errors");
for my $index (@indexes)
{
	# sqlsmith does not wait until its session has told what it did
	ok($node->poll_query_until('postgres', "SELECT pg_stat_get_numscans('$index'::regclass) > 0"), "$index is used");
	is_sound($node, $index, 'after all');
}
$node->safe_psql('postgres', 'VACUUM');
is_sound($node, $_, 'vacuumed') for @indexes;

$node->stop;
done_testing();
