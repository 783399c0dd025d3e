#----------------------------------------------------------------------
#
# A dump of a database with pgvector, restored as docs/migrating.md says: with
# another name of the extension, and unchanged where make install-vector put
# ours under pgvector's name.
#
# test/data/pgvector_dump.sql is what pg_dump wrote of such a database, made
# with pgvector 0.8.6: all types, both access methods, an expression, a view, a
# function and a constraint.  pg_textsearch_dump.sql is the same for
# pg_textsearch 1.5.0-dev and PostgreSQL 17, without the lines that psql and
# servers before 17 do not know.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $source = $ENV{GIGAVEC_SOURCE};
my $node = PostgreSQL::Test::Cluster->new('migrating');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\n");
$node->start;

# the command of the page, between its pg_dump and its psql
my ($command) = slurp_file("$source/docs/migrating.md") =~ /pg_dump old \| (sed '.*?') \| psql new/s;
ok($command, 'the page has a command');
my $dump = $node->basedir . '/dump.sql';
system_or_bail('sh', '-c', "$command <'$source/test/data/pgvector_dump.sql' >'$dump'");
unlike(slurp_file($dump), qr/^(CREATE|COMMENT ON) EXTENSION (IF NOT EXISTS )?vector\b/m, 'it leaves nothing of the other extension');


# Restore a dump into a new database, and look at what is there
sub restores
{
	my ($name, $file) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $file, '-d', $node->connstr($name) ], "$name: the dump is restored");
	is($node->safe_psql($name, 'SELECT count(*), count(embedding) FROM items'), '41|40', "$name: all rows");
	is($node->safe_psql($name, q{SELECT string_agg(relname || ' ' || amname, ', ' ORDER BY relname)
			FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE relkind = 'i' AND amname <> 'btree'}),
		'items_bits hnsw, items_cosine hnsw, items_l2 hnsw, items_lists ivfflat, items_part hnsw, items_sparse hnsw', "$name: all indexes");
	is($node->safe_psql($name, q{SELECT reloptions FROM pg_class WHERE relname = 'items_l2'}), '{m=8,ef_construction=40}', "$name: options are kept");
	is($node->safe_psql($name, q{SELECT count(*) FROM pg_class c, gigavec.check(c.oid) WHERE relkind = 'i' AND relam IN (SELECT oid FROM pg_am WHERE amname IN ('hnsw', 'ivfflat'))}),
		'0', "$name: all are sound");

	# what pgvector answered
	is($node->safe_psql($name, q{SELECT count(*), round(sum(distance)::numeric, 9) FROM nearest}), '5|15.013171711', "$name: the view");
	is($node->safe_psql($name, 'SELECT public.mean()'), '[20.5,3,4.825]', "$name: the function");
	for my $plan ($BY_INDEX, $BY_TABLE)
	{
		is($node->safe_psql($name, "$plan SELECT string_agg(id::text, ' ' ORDER BY id) FROM (SELECT id FROM items ORDER BY embedding <-> '[17,3,6]' LIMIT 3) s"),
			'16 17 18', "$name: the nearest rows");
	}
	for my $distance (q{embedding <-> '[1,2,3]'}, q{half <=> '[1,2,3]'}, q{sparse <#> '{1:1,2:5}/5'}, q{bits <~> B'10101010'}, q{embedding <#> '[3,2,1]'})
	{
		my $query = "SELECT string_agg(d::text, ' ') FROM (SELECT $distance AS d FROM items ORDER BY $distance LIMIT 10) s";

		is($node->safe_psql($name, $BY_INDEX . wide_enough() . $query), $node->safe_psql($name, "$BY_TABLE $query"), "$name: by index and by table: $distance");
	}
}

# Dump a database and restore that
sub restores_again
{
	my ($name) = @_;
	my $file = $node->basedir . "/$name.sql";
	my $rows = 'SELECT md5(string_agg(items::text, chr(10) ORDER BY id)) FROM items';

	$node->command_ok([ 'pg_dump', '-f', $file, '-d', $node->connstr($name) ], "$name: pg_dump");
	$node->safe_psql('postgres', "CREATE DATABASE ${name}_again");
	$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $file, '-d', $node->connstr("${name}_again") ], "$name: restored again");
	is($node->safe_psql("${name}_again", $rows), $node->safe_psql($name, $rows), "$name: the same rows");
	return "${name}_again";
}

# The members of an extension
sub members
{
	my ($name, $extension) = @_;

	return $node->safe_psql($name, qq{
		SELECT pg_describe_object(classid, objid, 0), obj_description(objid, classid::regclass::name) FROM pg_depend
		WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
			AND refobjid = (SELECT oid FROM pg_extension WHERE extname = '$extension')
		ORDER BY 1, 2});
}

restores('renamed', $dump);
restores_again('renamed');

# the dump as it is
restores('unchanged', "$source/test/data/pgvector_dump.sql");
is($node->safe_psql(restores_again('unchanged'), 'SELECT string_agg(extname, \' \' ORDER BY extname) FROM pg_extension'),
	'plpgsql vector', 'under the name of pgvector alone');
is(members('unchanged', 'vector'), members('renamed', 'gigavec'), 'the same objects under both names');
like($node->safe_psql('unchanged', q{SELECT extversion FROM pg_extension WHERE extname = 'vector'}), qr/^0\.8\.[1-9]\d\d+$/, 'a version that has all of pgvector 0.8');
is($node->safe_psql('unchanged', 'SELECT catalog = library FROM gigavec.version()'), 't', 'library and catalog agree');
is($node->safe_psql('unchanged', q{SELECT i.id FROM gigavec.hybrid_search('items', NULL, '[17,3,6]', k => 1, vector_index => 'items_l2') s JOIN items i ON i.ctid = s.tid}),
	'17', 'functions of ours find their types');
$node->safe_psql('unchanged', 'CREATE EXTENSION IF NOT EXISTS vector; ALTER EXTENSION vector UPDATE');
my ($rc, $out, $err) = $node->psql('unchanged', 'CREATE EXTENSION gigavec');
like($err, qr/ERROR:  gigavec is already in this database, under the name of "vector"\nDETAIL:  .*\nHINT:  Use what is there/, 'not a second time');
$node->safe_psql('unchanged', q{
	DROP EXTENSION vector CASCADE;
	CREATE SCHEMA extensions;
	CREATE EXTENSION vector SCHEMA extensions;
	CREATE TABLE again (v extensions.vector(2));
	CREATE INDEX ON again USING hnsw (v extensions.vector_l2_ops);
	SELECT v OPERATOR(extensions.<->) '[1,2]' FROM again});

# what is in the way is told as of the other name
$node->safe_psql('postgres', 'CREATE DATABASE occupied');
($rc, $out, $err) = $node->psql('occupied', 'CREATE TYPE halfvec; CREATE EXTENSION vector');
like($err, qr/ERROR:  type "halfvec" already exists in the schema of the extension\nDETAIL:  .*\nHINT:  .*CREATE EXTENSION vector SCHEMA name\./, 'a type in the way');

# where gigavec is, the other name stands for it
$node->safe_psql('postgres', q{CREATE ROLE owner LOGIN; CREATE DATABASE beside OWNER owner});
$node->safe_psql('beside', 'SET ROLE owner; CREATE EXTENSION gigavec; CREATE TABLE items (id int, v vector(2)); CREATE EXTENSION IF NOT EXISTS vector');
($rc, $out, $err) = $node->psql('beside', 'DROP EXTENSION gigavec');
like($err, qr/cannot drop extension gigavec because other objects depend on it\nDETAIL:  .*extension vector depends on/s, 'it does not outlive gigavec');
restores_again('beside');
$node->safe_psql('beside', q{SET ROLE owner; DROP EXTENSION vector; INSERT INTO items VALUES (1, '[1,2]')});
($rc, $out, $err) = $node->psql('beside', 'CREATE SCHEMA extensions; CREATE EXTENSION vector SCHEMA extensions');
like($err, qr/^psql:<stdin>:1: WARNING:  the types of extension "vector" are in schema public\n/, 'another schema');
is($rc, 0, 'which is no error');

# a dump of a database with pg_textsearch, and what it answered
($command) = slurp_file("$source/docs/migrating-textsearch.md") =~ /pg_dump old \| (sed '.*?') \| psql new/s;
$dump = $node->basedir . '/textsearch.sql';
system_or_bail('sh', '-c', "$command <'$source/test/data/pg_textsearch_dump.sql' >'$dump'");
$node->safe_psql('postgres', 'CREATE DATABASE textsearch');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('textsearch') ], 'a dump of pg_textsearch is restored');
is($node->safe_psql('textsearch', q{SELECT count(*) FROM pg_class c, gigavec.check(c.oid) WHERE relkind = 'i' AND relam = (SELECT oid FROM pg_am WHERE amname = 'bm25')}),
	'0', 'all indexes are sound');
is($node->safe_psql('textsearch', 'SELECT id, round(2.2 * distance::numeric, 5) FROM best'), "8|-1.56383\n1|-1.48745\n2|-1.41218", 'a view: the same scores, but for a factor');
is($node->safe_psql('textsearch', q{SELECT about('search graph')}), "1\n3\n8", 'a function');
for my $plan ($BY_INDEX, $BY_TABLE)
{
	is($node->safe_psql('textsearch', qq{$plan SELECT id FROM note WHERE lang = 'de' ORDER BY body <@> to_bm25query('suchen', 'note_german') LIMIT 2}), "5\n6", 'a partial index');
	is($node->safe_psql('textsearch', qq{$plan SELECT id, round(2.2 * (parts <@> to_bm25query('graph neighbors', 'note_parts'))::numeric, 5)
			FROM note ORDER BY parts <@> to_bm25query('graph neighbors', 'note_parts') LIMIT 3}), "1|-1.93127\n6|-1.46225\n4|-0.96563", 'an array');
	is($node->safe_psql('textsearch', qq{$plan SELECT id, round(2.5 * (lower(title) <@> 'graphs')::numeric, 5) FROM note ORDER BY lower(title) <@> 'graphs' LIMIT 1}),
		'1|-1.79176', 'an expression, with k1 and b');
	is($node->safe_psql('textsearch', qq{$plan SELECT body FROM post WHERE year = 2026 ORDER BY body <@> 'lists' LIMIT 2}), "lists and lists\na year of lists", 'a partition');
}

# make install-vector leaves pgvector's files alone, uninstall-vector too
my $root = PostgreSQL::Test::Utils::tempdir();
my ($lib, $share) = map { "$root/" . `$ENV{GIGAVEC_PG_CONFIG} --$_` =~ s/\n//r } qw(pkglibdir sharedir);
my @make = ('make', '-s', '-C', $source, '-o', 'install', "PG_CONFIG=$ENV{GIGAVEC_PG_CONFIG}", "DESTDIR=$root");
make_path($lib, "$share/extension");
delete local @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};
append_to_file("$share/extension/vector.control", "module_pathname = '\$libdir/vector'\n");
command_fails_like([ @make, 'install-vector' ], qr/pgvector is installed here/, "pgvector's control file is in the way");
command_ok([ @make, 'uninstall-vector' ], 'nothing to remove');
ok(-e "$share/extension/vector.control", 'and nothing removed');
unlink("$share/extension/vector.control");
command_ok([ @make, 'install-vector' ], 'make install-vector');
command_ok([ @make, 'install-vector' ], 'once more');
append_to_file("$lib/vector.so", '');
command_fails_like([ @make, 'install-vector' ], qr/pgvector is installed here/, "pgvector's library is in the way");
command_ok([ @make, 'uninstall-vector' ], 'make uninstall-vector');
is_deeply([ glob("$share/extension/*") ], [], 'it leaves nothing');
unlink("$lib/vector.so");
command_ok([ @make, 'install-vector' ], 'and again');
command_ok([ @make, 'uninstall' ], 'make uninstall');
is_deeply([ glob("$share/extension/*") ], [], 'it leaves nothing of the other name');

$node->stop;
done_testing();
