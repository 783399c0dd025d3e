#----------------------------------------------------------------------
#
# A dump of a database with pgvector, restored as docs/migrating.md says.
#
# test/data/pgvector_dump.sql is what pg_dump wrote of such a database, made
# with pgvector 0.8.6: all types, both access methods, an expression, a view, a
# function and a constraint.
#
#----------------------------------------------------------------------
use strict;
use warnings;

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

$node->safe_psql('postgres', 'CREATE DATABASE new');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('new') ], 'the dump is restored');
is($node->safe_psql('new', 'SELECT count(*), count(embedding) FROM items'), '41|40', 'all rows');
is($node->safe_psql('new', q{SELECT string_agg(relname || ' ' || amname, ', ' ORDER BY relname)
		FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE relkind = 'i' AND amname <> 'btree'}),
	'items_bits hnsw, items_cosine hnsw, items_l2 hnsw, items_lists ivfflat, items_part hnsw, items_sparse hnsw', 'all indexes');
is($node->safe_psql('new', q{SELECT reloptions FROM pg_class WHERE relname = 'items_l2'}), '{m=8,ef_construction=40}', 'options are kept');
is($node->safe_psql('new', q{SELECT count(*) FROM pg_class c, gigavec.check(c.oid) WHERE relkind = 'i' AND relam IN (SELECT oid FROM pg_am WHERE amname IN ('hnsw', 'ivfflat'))}),
	'0', 'all are sound');

# what pgvector answered
is($node->safe_psql('new', q{SELECT count(*), round(sum(distance)::numeric, 9) FROM nearest}), '5|15.013171711', 'the view');
is($node->safe_psql('new', 'SELECT public.mean()'), '[20.5,3,4.825]', 'the function');
for my $plan ($BY_INDEX, $BY_TABLE)
{
	is($node->safe_psql('new', "$plan SELECT string_agg(id::text, ' ' ORDER BY id) FROM (SELECT id FROM items ORDER BY embedding <-> '[17,3,6]' LIMIT 3) s"),
		'16 17 18', 'the nearest rows');
}
for my $distance (q{embedding <-> '[1,2,3]'}, q{half <=> '[1,2,3]'}, q{sparse <#> '{1:1,2:5}/5'}, q{bits <~> B'10101010'}, q{embedding <#> '[3,2,1]'})
{
	my $query = "SELECT string_agg(d::text, ' ') FROM (SELECT $distance AS d FROM items ORDER BY $distance LIMIT 10) s";

	is($node->safe_psql('new', $BY_INDEX . wide_enough() . $query), $node->safe_psql('new', "$BY_TABLE $query"), "by index and by table: $distance");
}

# and once more, as ours
$node->command_ok([ 'pg_dump', '-f', "$dump.2", '-d', $node->connstr('new') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE again');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.2", '-d', $node->connstr('again') ], 'restored again');
is($node->safe_psql('again', 'SELECT md5(string_agg(items::text, chr(10) ORDER BY id)) FROM items'),
	$node->safe_psql('new', 'SELECT md5(string_agg(items::text, chr(10) ORDER BY id)) FROM items'), 'the same rows');

$node->stop;
done_testing();
