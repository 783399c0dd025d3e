#----------------------------------------------------------------------
#
# Races: sessions meet where it matters, each time in the same order.
#
# Each race has something that guards it.  A test here must fail when that is
# taken out; the comment before it says what it is.
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

my $node = new_server('races', q{
	fsync = off
	shared_buffers = 32MB
	log_min_messages = warning
});

# an operator class with codes, and one without
my @kinds = ([ 'vector_l2_ops', '<->' ], [ 'vector_l1_ops', '<+>' ]);

# A table: rows 1 to 200 in clusters, rows 1001 to 1030 far away from them
sub make_table
{
	my ($opclass) = @_;

	$node->safe_psql('postgres', qq{
		DROP TABLE IF EXISTS items;
		CREATE TABLE items (id int, v vector(24));
		INSERT INTO items SELECT i, point(i, 24) FROM generate_series(1, 200) i;
		CREATE INDEX items_v ON items USING hnsw (v $opclass) WITH (m = 8, ef_construction = 40);
		INSERT INTO items SELECT 1000 + i, far(i) FROM generate_series(1, 30) i});
	return;
}

$node->safe_psql('postgres', q{
	CREATE FUNCTION far(i bigint) RETURNS vector LANGUAGE sql IMMUTABLE AS
		'SELECT point(i, 24) + array_fill(100, ARRAY[24])::vector'});

# Is a session waiting for a lock of a kind, on the index?
my $waits = q{SELECT count(*) > 0 FROM pg_locks WHERE locktype = '%s' AND NOT granted AND relation = 'items_v'::regclass};

# The index is sound, and scans return all rows
sub check_index
{
	my ($name, $operator) = @_;

	is_sound($node, 'items_v', $name);
	is_complete($node, 'items', "v $operator (SELECT far(7))", $name, 0.05);
	return;
}

# An insert has chosen neighbors, and VACUUM frees them before it links to
# them.  Guard: the lock of nodes, see write.h.
for my $kind (@kinds)
{
	my ($opclass, $operator) = @$kind;

	for my $how ('', 'hnsw-insert-written:error')
	{
		my $name = "VACUUM frees the neighbors of a new node, $opclass" . ($how ? ', which fails' : '');

		make_table($opclass);
		$node->safe_psql('postgres', 'DELETE FROM items WHERE id BETWEEN 1001 AND 1020');
		my $insert = stop_at($node, 'hnsw-insert-searched', 'INSERT INTO items VALUES (2001, far(5000))', $how);
		my $vacuum = begin_sql($node, 'VACUUM items', 'hnsw-vacuum-freed:log');
		ok($node->poll_query_until('postgres', sprintf($waits, 'tuple')
				  . q{ OR NOT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'VACUUM%')}),
			"$name: VACUUM waits, or is done");
		# if it did not wait, these take the places it freed
		$node->safe_psql('postgres', 'INSERT INTO items SELECT 2100 + i, point(2000 + i, 24) FROM generate_series(1, 20) i')
		  if $node->safe_psql('postgres', sprintf($waits, 'tuple')) eq 'f';
		like(go_on($insert), $how ? qr/ERROR:  stopped at test point/ : qr/^$/, "$name: the insert goes on");
		is(end_sql($vacuum), '', "$name: VACUUM goes on");
		$node->safe_psql('postgres', 'INSERT INTO items SELECT 2200 + i, point(2000 + i, 24) FROM generate_series(1, 20) i');
		check_index($name, $operator);
	}
}

$node->stop;
done_testing();
