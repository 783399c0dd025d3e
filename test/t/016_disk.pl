#----------------------------------------------------------------------
#
# Indexes larger than shared_buffers.
#
# A search that meets blocks which are not in a buffer asks the system for
# those that it will probably read next; one that finds all blocks where they
# were does not, nor one told so by effective_io_concurrency = 0.  Answers never
# depend on it.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecPoints;
use GigavecTest;

my $node = new_server('disk', q{
	fsync = off
	shared_buffers = 1MB
	max_wal_size = 1GB
});

my $n = 3000;
my @searches = ([ 'vector_l2_ops', '<->' ], [ 'vector_l1_ops', '<+>' ]);

$node->safe_psql('postgres', qq{
	CREATE TABLE items (id int, v vector(64));
	INSERT INTO items SELECT i, point(i, 64) FROM generate_series(1, $n) i;
	CREATE TABLE questions AS SELECT i AS id, point(1000000 + i, 64) AS q FROM generate_series(1, 30) i});
$node->safe_psql('postgres', "CREATE INDEX items_$_ ON items USING hnsw (v $searches[$_][0])") for 0 .. $#searches;

# A table of a quarter of shared_buffers and more would be read through a few of
# them; smaller ones, read again and again, take the place of all other blocks
my $others = 10;
for my $other (map { "other$_" } 1 .. $others)
{
	$node->safe_psql('postgres', qq{
		CREATE TABLE $other (x text) WITH (autovacuum_enabled = off);
		ALTER TABLE $other ALTER x SET STORAGE PLAIN;
		INSERT INTO $other SELECT repeat('x', 7000) FROM generate_series(1, 24)});
}
my $read_others = join "\n", ('SELECT ' . join(', ', map { "(SELECT count(*) FROM other$_)" } 1 .. $others) . ';') x 10;

# The answers to all questions
sub answers
{
	my ($operator, $setting) = @_;

	return $node->safe_psql('postgres', qq{
		$BY_INDEX SET effective_io_concurrency = $setting;
		SELECT id, (SELECT string_agg(t.id::text, ' ') FROM (SELECT t.id FROM items t ORDER BY v $operator q LIMIT 10) t)
		FROM questions ORDER BY id});
}

my %alone = map { $_->[1] => answers($_->[1], 0) } @searches;

for my $search (@searches)
{
	is(answers($search->[1], $_), $alone{ $search->[1] }, "$search->[1]: the same answers with effective_io_concurrency $_")
	  for 1, 16, 1000;
}

# Does a session ask ahead in its last statement?
sub asks
{
	my (@statements) = @_;
	my $last = pop @statements;
	my ($code, $out, $err) = $node->psql('postgres',
		join("\n", $BY_INDEX, @statements, "SET gigavec.test_point = 'am-ask-for-block:error';", $last));

	die $err if $code != 0 && $err !~ /test point/;
	return $code != 0 ? 1 : 0;
}

for my $search (@searches)
{
	my $query = "SELECT id FROM items ORDER BY v $search->[1] (SELECT q FROM questions WHERE id = 7) LIMIT 10;";

	ok(asks('SET effective_io_concurrency = 1;', $query), "$search->[1]: a new session asks ahead");
	ok(!asks('SET effective_io_concurrency = 0;', $query), "$search->[1]: not without effective_io_concurrency");
	ok(asks(($query) x 20, $read_others, $query), "$search->[1]: a session whose blocks went away asks ahead");
}

# with room for all, nothing is asked for once the blocks are known
$node->append_conf('postgresql.conf', 'shared_buffers = 64MB');
$node->restart;
for my $search (@searches)
{
	my $query = "SELECT id FROM items ORDER BY v $search->[1] (SELECT q FROM questions WHERE id = 7) LIMIT 10;";

	is(answers($search->[1], 16), $alone{ $search->[1] }, "$search->[1]: the same answers from memory");
	ok(!asks(($query) x 20, $query), "$search->[1]: a session that knows the blocks does not ask");
}

# temporary tables have buffers of their own
is($node->safe_psql('postgres', qq{
		SET temp_buffers = '800kB';
		$BY_INDEX
		CREATE TEMP TABLE own (LIKE items);
		INSERT INTO own TABLE items;
		CREATE INDEX ON own USING hnsw (v vector_l2_ops);
		SELECT count(*) FROM (SELECT id FROM own ORDER BY v <-> (SELECT q FROM questions WHERE id = 7)) s}),
	$n, 'a temporary table');

is_sound($node, "items_$_", 'at the end') for 0 .. $#searches;
$node->stop;

done_testing();
