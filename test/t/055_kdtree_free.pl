#----------------------------------------------------------------------
#
# kdtree where the rows move along: leaves that became empty are used again, so
# that an index stays as large as its rows are, here and on a standby.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $rounds = $LONG ? 60 : 8;
my $primary = new_server('primary', q{
	fsync = off
	wal_consistency_checking = 'all'
	max_wal_size = 1GB
	shared_buffers = 16MB
}, allows_streaming => 1);

$primary->safe_psql('postgres', q{
	CREATE EXTENSION pageinspect;
	CREATE TABLE items (id int, v vector(8), n int);
	CREATE INDEX items_v ON items USING kdtree (v, n);
	CREATE TABLE questions AS SELECT i AS id, (point(i, 8) + array_fill(700, ARRAY[8])::vector)::vector(8) AS q FROM generate_series(1, 12) i;
});
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

# rows of a round are beside those of the one before
sub wave
{
	my ($round) = @_;

	$primary->safe_psql('postgres', qq{
		INSERT INTO items SELECT $round * 10000 + i, point(i, 8) + array_fill($round * 100, ARRAY[8])::vector, i % 10 FROM generate_series(1, 4000) i;
		DELETE FROM items WHERE id < $round * 10000});
	$primary->safe_psql('postgres', 'VACUUM items');
	return;
}

sub stat_of
{
	my ($server, $name) = @_;

	return $server->safe_psql('postgres', "SELECT value FROM gigavec.stats('items_v') WHERE name = '$name'");
}

my $begin = $primary->lsn('insert');
my $largest = 0;
for my $round (1 .. $rounds)
{
	wave($round);
	$largest = stat_of($primary, 'pages') if $round == 4;
	is_sound($primary, 'items_v', "round $round");
	cmp_ok(stat_of($primary, 'pages_free'), '>=', 10, "round $round: leaves are freed") if $round > 1;
}
cmp_ok(stat_of($primary, 'pages'), '<=', 1.25 * $largest, 'the index does not grow with the rounds');
is_complete($primary, 'items', 'v <-> (SELECT q FROM questions WHERE id = 3)', 'at the end', 0);

$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
# queries on a standby that could come to a page as it was are told of its new use
my ($records) = run_command([ 'pg_waldump', '--rmgr=Gist', '-p', $primary->data_dir . '/pg_wal', '-s', $begin, '-e', $primary->lsn('insert') ]);
like($records, qr/PAGE_REUSE/, 'the log says that pages are used again');
is_sound($standby, 'items_v', 'standby');
is(top_lists($standby, 'items', 'questions', 'v <-> q.q', 10), top_lists($primary, 'items', 'questions', 'v <-> q.q', 10), 'the same answers on the standby');
is(pages($standby, 'items_v'), pages($primary, 'items_v'), 'the same pages on the standby');

# promoted, it goes on
$standby->promote;
$standby->safe_psql('postgres', 'INSERT INTO items SELECT 1000000 + i, point(i, 8), i FROM generate_series(1, 3000) i');
is_sound($standby, 'items_v', 'promoted');
is_complete($standby, 'items', 'v <-> (SELECT q FROM questions WHERE id = 3)', 'promoted', 0);

$standby->stop;
$primary->stop;
done_testing();
