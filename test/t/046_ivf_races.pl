#----------------------------------------------------------------------
#
# ivf races: sessions meet where it matters, each time in the same order.
#
# A test here must fail when what guards the race is taken out; the comment
# before it says what that is.
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

# Lists of several pages, of which half of the rows are gone: VACUUM writes them
# anew, or without free pages makes them shorter.  Searches read all lists.
sub make_table
{
	my ($n, $method, $lists) = (@_, 'ivfflat', 2);

	$node->safe_psql('postgres', qq{
		ALTER DATABASE postgres SET ivfflat.probes = 1000;
		ALTER DATABASE postgres SET ivfpq.probes = 1000;
		SET client_min_messages = warning;
		DROP TABLE IF EXISTS items, found;
		CREATE TABLE items (id int, v vector(40));
		INSERT INTO items SELECT i, point(i, 40) FROM generate_series(1, $n) i;
		CREATE INDEX items_v ON items USING $method (v vector_l2_ops) WITH (lists = $lists);
		DELETE FROM items WHERE id % 2 = 0});
	return;
}

# The same, with pages free for the longest list
sub make_table_with_room
{
	make_table(10);
	$node->safe_psql('postgres', q{
		TRUNCATE items;
		INSERT INTO items SELECT i, point(i, 40) FROM generate_series(1, 2900) i});
	$node->safe_psql('postgres', $_) for 'REINDEX INDEX items_v', 'DELETE FROM items WHERE id > 1500', 'VACUUM items',
	  'DELETE FROM items WHERE id % 2 = 0';
	return;
}

sub check_index
{
	my ($name) = @_;

	is_sound($node, 'items_v', $name);
	is($node->safe_psql('postgres', qq{
		$BY_INDEX
		SELECT count(*) - (SELECT count(*) FROM items), count(*) - count(DISTINCT id)
		FROM (SELECT id FROM items ORDER BY v <-> (SELECT point(7, 40)) OFFSET 0) s}), '0|0', "$name: it has all rows");
	return;
}

# Does a session wait for a lock of the index's pages, or is it done?  Before it
# begins, no session has such a statement.
sub waits_or_is_done
{
	my ($what, $name) = @_;

	return ok($node->poll_query_until('postgres', qq{
			SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'page' AND NOT granted AND relation = 'items_v'::regclass)
				OR EXISTS (SELECT FROM pg_stat_activity WHERE state <> 'active' AND query LIKE '$what%')}),
		$name);
}

my $insert = 'INSERT INTO items SELECT i, point(i, 40) FROM generate_series(5001, 5001) i';
my $more = 'INSERT INTO items SELECT i, point(i, 40) FROM generate_series(6001, 6800) i';

# An insert has chosen its list, and VACUUM writes that anew.  Guard: the insert
# reads the list's entry when it has its lock.
{
	my $name = 'a list is written anew before an insert locks it';

	make_table(1500);
	my $stopped = stop_at($node, 'ivf-insert-chosen', $insert);
	$node->safe_psql('postgres', "VACUUM items; $more");
	is(go_on($stopped), '', "$name: the insert goes on");
	check_index($name);
}

# An insert is about to add to the list's last page.  Guard: the list's lock,
# which the insert shares.
{
	my $name = 'VACUUM comes to a list that an insert adds to';

	make_table(1500);
	my $stopped = stop_at($node, 'ivf-insert-locked', $insert);
	my $vacuum = begin_sql($node, 'VACUUM items');
	waits_or_is_done('VACUUM', "$name: VACUUM waits, or is done");
	is(go_on($stopped), '', "$name: the insert goes on");
	is(end_sql($vacuum), '', "$name: VACUUM goes on");
	check_index($name);
}

# VACUUM has written a list anew, and its entry is that of the old pages still.
# Guard: the list's lock, which VACUUM has for itself.
for my $count (1, 2)
{
	my $name = "an insert comes to list $count that VACUUM writes anew";

	make_table_with_room();
	my $vacuum = stop_at($node, "ivf-vacuum-swap:$count", 'VACUUM items');
	my $session = begin_sql($node, $more);
	waits_or_is_done('INSERT', "$name: the insert waits, or is done");
	is(go_on($vacuum), '', "$name: VACUUM goes on");
	is(end_sql($session), '', "$name: the insert goes on");
	check_index($name);
}

# A search is about to read a page of a list, which is written anew, and once more,
# on the pages that it had at first.  Guard: list and generation of each page.
sub write_anew
{
	$node->safe_psql('postgres', $_) for 'VACUUM items', "BEGIN; $more; ROLLBACK", 'VACUUM items', $more;
	return;
}

for my $kind ([ 'ivfflat', 2, 1, 2, 5 ], [ 'ivfpq', 1, 1, 2, 3 ])
{
	my ($method, $lists, @pages) = @$kind;

	for my $page (@pages)
	{
		my $name = "lists of $method are written anew before a search reads page $page";

		make_table(1500, $method, $lists);
		my $scan = stop_at($node, "ivf-search-page:$page",
			"$BY_INDEX CREATE TABLE found AS SELECT id FROM items ORDER BY v <-> (SELECT point(7, 40)) OFFSET 0");
		write_anew();
		is(go_on($scan), '', "$name: the search goes on");
		is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT id), max(id) FROM found'), '750|750|1499',
			"$name: it finds all rows that it must, each once");
	}
	check_index("lists of $method were written anew");
}

# Likewise, but only one of two lists far apart is written anew, and inserts put rows
# of the other, which is of the same generation, onto its pages.  Guard: the list of
# each page.
{
	my $name = 'pages of a list go to another before a search reads them';
	my $point = 'point(i, 40) + array_fill(100 * (i % 2), ARRAY[40])::vector';

	make_table(10);
	$node->safe_psql('postgres', qq{
		DROP INDEX items_v;
		TRUNCATE items;
		INSERT INTO items SELECT i, $point FROM generate_series(1, 1500) i;
		CREATE INDEX items_v ON items USING ivfpq (v vector_l2_ops) WITH (lists = 2);
		DELETE FROM items WHERE id % 4 = 0});
	my $scan = stop_at($node, 'ivf-search-page:1',
		"$BY_INDEX CREATE TABLE found AS SELECT id FROM items ORDER BY v <-> (SELECT point(8, 40)) OFFSET 0");
	$node->safe_psql('postgres', $_) for 'VACUUM items', "INSERT INTO items SELECT i, $point FROM generate_series(5001, 9001, 2) i";
	is(go_on($scan), '', "$name: the search goes on");
	is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT id), max(id) FROM found'), '1125|1125|1499',
		"$name: it finds all rows that it must, each once");
	check_index($name);
}

# A search has read a list, not yet the vectors of its rows, which others' take the
# place of.  Guard: list and generation of pages of vectors.
{
	my $name = 'lists are written anew before a search reads their vectors';

	make_table(1500);
	my $cursor = $node->background_psql('postgres');
	$cursor->query_safe("$BY_INDEX BEGIN; DECLARE c CURSOR FOR SELECT id, v <-> (SELECT point(7, 40)) AS d "
		  . 'FROM items ORDER BY v <-> (SELECT point(7, 40)); FETCH 1 FROM c');
	write_anew();
	my @rows = map { [ split(/\|/) ] } split(/\n/, $cursor->query_safe('FETCH ALL FROM c'));
	$cursor->quit;
	is(scalar(@rows), 749, "$name: it finds all rows that it must");
	# bounds that order rows are those of nearly all
	cmp_ok(scalar(grep { $rows[$_][1] < $rows[ $_ - 1 ][1] } 1 .. $#rows), '<=', 10, "$name: in order");
	check_index($name);
}

# An insert has chosen a list of the set that training replaces.  Guard: the set's
# lock, which the insert shares.
for my $point ('ivf-insert-chosen', 'ivf-insert-locked')
{
	my $name = "lists are trained anew while an insert is at $point";

	make_table(1500);
	my $stopped = stop_at($node, $point, $insert);
	my $train = begin_sql($node, q{SELECT gigavec.train('items_v')});
	waits_or_is_done('SELECT gigavec.train', "$name: training waits, or is done");
	is(go_on($stopped), '', "$name: the insert goes on");
	is(end_sql($train), '', "$name: training goes on");
	check_index($name);
}

# A search has read the metapage, not yet a list.  Guard: the set before stays as
# long as there are snapshots from before the change.
for my $page (1, 4)
{
	my $name = "lists are trained anew before a search reads page $page";

	make_table(1500);
	my $scan = stop_at($node, "ivf-search-page:$page",
		"$BY_INDEX CREATE TABLE found AS SELECT id FROM items ORDER BY v <-> (SELECT point(7, 40)) OFFSET 0");
	$node->safe_psql('postgres', qq{
		SELECT gigavec.train('items_v');
		VACUUM items;
		$more;
		VACUUM items;
		INSERT INTO items SELECT i, point(i, 40) FROM generate_series(8001, 8600) i});
	is(go_on($scan), '', "$name: the search goes on");
	is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT id), max(id) FROM found'), '750|750|1499',
		"$name: it finds all rows that it must, each once");
	$node->safe_psql('postgres', 'VACUUM items');
	check_index($name);
}

# Two sessions insert the first rows, of very different lengths.  Guard: who comes
# second takes the unit that is there by then.
{
	my $name = 'two first inserts';

	make_table(10);
	$node->safe_psql('postgres', 'TRUNCATE items');
	my $stopped = stop_at($node, 'ivf-insert-unit',
		'INSERT INTO items SELECT 1, point(1, 40) * array_fill(.001, ARRAY[40])::vector');
	$node->safe_psql('postgres', 'INSERT INTO items SELECT i, point(i, 40) * array_fill(1000, ARRAY[40])::vector FROM generate_series(2, 50) i');
	is(go_on($stopped), '', "$name: the first goes on");
	$node->safe_psql('postgres', 'INSERT INTO items SELECT i, point(i, 40) FROM generate_series(51, 100) i');
	check_index($name);
}

# A VACUUM that fails again and again, each time with a list written, takes the pages that the
# one before has left.  Guarded by freeing them before lists are written.
{
	make_table_with_room();
	my @sizes;
	for my $i (1 .. 4)
	{
		$node->psql('postgres', q{SET gigavec.test_point = 'ivf-vacuum-swap:error'; VACUUM items});
		push @sizes, $node->safe_psql('postgres', q{SELECT pg_relation_size('items_v')});
	}
	is($sizes[3], $sizes[1], "VACUUM that fails: the index does not grow (@sizes)");
	$node->safe_psql('postgres', 'VACUUM items');
	check_index('VACUUM that fails');
}

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|XX00|refcount leak/, 'nothing else in the log');
$node->stop;

done_testing();
