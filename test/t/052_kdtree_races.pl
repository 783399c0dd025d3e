#----------------------------------------------------------------------
#
# kdtree races: sessions meet where it matters, each time in the same order.
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

# With 40 dimensions 49 points fill a leaf and 25 children an inner page.
# Rows far away are in leaves of their own.
sub make_table
{
	my ($n) = @_;

	$node->safe_psql('postgres', qq{
		SET client_min_messages = warning;
		DROP TABLE IF EXISTS items;
		CREATE TABLE items (id int, v vector(40));
		INSERT INTO items SELECT i, point(i, 40) FROM generate_series(1, $n) i;
		CREATE INDEX items_v ON items USING kdtree (v) WITH (fillfactor = 100)});
	return;
}

sub check_index
{
	my ($name) = @_;

	is_sound($node, 'items_v', $name);
	is_complete($node, 'items', 'v <-> (SELECT point(1000007, 40))', $name, 0);
	return;
}

my $more = 'INSERT INTO items SELECT 10000 + i, point(i, 40, 3) FROM generate_series(1, 400) i';

# A scan has read the root, and the leaves are split before it reads them.
# Guard: the link to the right.
for my $page (2, 4, 8)
{
	my $name = "leaves are split before a scan reads page $page";

	make_table(600);
	my $scan = stop_at($node, "kdtree-scan-page:$page",
		"$BY_INDEX CREATE TABLE found_$page AS SELECT id FROM items ORDER BY v <-> (SELECT point(1000007, 40)) OFFSET 0");
	$node->safe_psql('postgres', $more);
	is(go_on($scan), '', "$name: the scan goes on");
	is($node->safe_psql('postgres', "SELECT count(*), count(DISTINCT id) FROM found_$page"), '600|600',
		"$name: it finds all rows that it must, each once");
	check_index($name);
}

# The same where the root is a leaf and grows, and where inner pages are split.
# Guard: the level of the root is not remembered; stamps are inherited.
for my $n (40, 1200)
{
	my $name = "the tree grows above $n rows while a scan is under way";

	make_table($n);
	my $scan = stop_at($node, 'kdtree-scan-page:2',
		"$BY_INDEX SET work_mem = '64kB'; CREATE TABLE grown_$n AS SELECT id FROM items ORDER BY v <-> (SELECT point(1000007, 40)) OFFSET 0")
	  if $n > 49;
	my $cursor = $node->background_psql('postgres');
	$cursor->query_safe("$BY_INDEX BEGIN; DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> (SELECT point(1000007, 40)); MOVE 1 FROM c");
	$node->safe_psql('postgres', $more . ' CROSS JOIN generate_series(1, 4)');
	like($cursor->query_safe("\\set QUIET off\nMOVE ALL FROM c;"), qr/MOVE @{[$n - 1]}$/m, "$name: a cursor finds all rows");
	$cursor->quit;
	is($node->safe_psql('postgres', "SELECT value > 1 FROM gigavec.stats('items_v') WHERE name = 'levels'"), 't', "$name: it grew");
	if ($scan)
	{
		is(go_on($scan), '', "$name: the scan goes on");
		is($node->safe_psql('postgres', "SELECT count(*), count(DISTINCT id) FROM grown_$n"), "$n|$n", "$name: it finds all rows");
	}
	check_index($name);
}

# An insert has chosen a leaf, and enlarged its box, before the leaf is split.
# Guard: it looks whether the page was split since the parent was read.
{
	my $name = 'a leaf is split before an insert reads it';

	make_table(600);
	for my $i (1 .. 3)
	{
		# the root is read twice, for the box must grow
		my $insert = stop_at($node, 'kdtree-insert-page:3', "INSERT INTO items VALUES (20000, point($i, 40) * array_fill(1.5, ARRAY[40])::vector)");
		# of the same cluster, so that just this leaf is split, and has room then
		$node->safe_psql('postgres', "INSERT INTO items SELECT 10000 + j, point($i + 20 * j, 40, 3) FROM generate_series(1, 30) j");
		is(go_on($insert), '', "$name: the insert goes on");
		check_index("$name, $i");
	}
}

# VACUUM has read some leaves, and points of others move to new pages.
# Guard: VACUUM goes on to the pages that are new when it comes to the end.
for my $block (1, 5)
{
	my $name = "points move to new pages before VACUUM reads block $block";

	make_table(600);
	$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 3 > 0');
	my $vacuum = stop_at($node, "kdtree-vacuum-block:$block", 'VACUUM items');
	$node->safe_psql('postgres', $more);
	is(go_on($vacuum), '', "$name: VACUUM goes on");
	is($node->safe_psql('postgres', "SELECT value - (SELECT count(*) FROM items) FROM gigavec.stats('items_v') WHERE name = 'rows'"),
		'0', "$name: the dead are gone");
	check_index($name);
}

# The last point of a page is read by VACUUM, then the root is split.
# Guard: the same.
{
	my $name = 'the root moves before VACUUM reads it';

	make_table(40);
	$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 3 > 0');
	my $vacuum = stop_at($node, 'kdtree-vacuum-begun', 'VACUUM items');
	$node->safe_psql('postgres', $more);
	is(go_on($vacuum), '', "$name: VACUUM goes on");
	is($node->safe_psql('postgres', "SELECT value - (SELECT count(*) FROM items) FROM gigavec.stats('items_v') WHERE name = 'rows'"),
		'0', "$name: the dead are gone");
	check_index($name);
}

# Rows far from all others, so in leaves of their own, which are dead to all
my $far = 'array_fill(1000, ARRAY[40])::vector';
sub make_dead
{
	$node->safe_psql('postgres', qq{
		INSERT INTO items SELECT 5000 + i, point(i, 40) + $far FROM generate_series(1, 300) i;
		DELETE FROM items WHERE id > 5000});
	return;
}

# VACUUM frees leaves that a scan, or an insert, is about to read.  Guards: a free page is like an
# empty leaf, for an insert a reason to begin again; VACUUM frees no leaf that
# got a point.
for my $page (2, 4)
{
	my $name = "leaves are freed before page $page is read";

	make_table(600);
	make_dead();
	# what VACUUM does first needs that nobody sees the rows: the scan begins after
	my $scan = stop_at($node, "kdtree-scan-page:$page",
		"$BY_INDEX CREATE TABLE freed_$page AS SELECT id FROM items ORDER BY v <-> (SELECT point(1000007, 40)) OFFSET 0");
	my $insert = stop_at($node, 'kdtree-insert-page:2', 'INSERT INTO items VALUES (20000, point(27, 40) + ' . $far . ')');
	$node->safe_psql('postgres', 'VACUUM items');
	cmp_ok($node->safe_psql('postgres', "SELECT value FROM gigavec.stats('items_v') WHERE name = 'pages_free'"), '>=', 1, "$name: some are free");
	is(go_on($scan), '', "$name: the scan goes on");
	is($node->safe_psql('postgres', "SELECT count(*), count(DISTINCT id) FROM freed_$page"), '600|600', "$name: it finds all rows");
	is(go_on($insert), '', "$name: the insert goes on");
	check_index($name);
}
{
	my $name = 'leaves get points before VACUUM frees them';

	make_table(600);
	make_dead();
	my $vacuum = stop_at($node, 'kdtree-free-parent', 'VACUUM items');
	$node->safe_psql('postgres', "INSERT INTO items SELECT 30000 + i, point(i, 40) + $far FROM generate_series(1, 100) i");
	is(go_on($vacuum), '', "$name: VACUUM goes on");
	check_index($name);
}

# A snapshot as old as a leaf that was freed.  Guard: the page is not used again
# as long as there is one.
{
	my $name = 'a cursor is older than free pages';

	make_table(600);
	make_dead();
	my $cursor = $node->background_psql('postgres');
	$cursor->query_safe("$BY_INDEX BEGIN ISOLATION LEVEL REPEATABLE READ; DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> (SELECT point(1000007, 40)); MOVE 1 FROM c");
	for my $i (1 .. 3)
	{
		$node->safe_psql('postgres', "VACUUM items; $more; DELETE FROM items WHERE id > 10000 AND id % 20 = $i");
	}
	like($cursor->query_safe("\\set QUIET off\nMOVE ALL FROM c;"), qr/MOVE 599$/m, "$name: it finds all rows");
	$cursor->query_safe('COMMIT');
	$cursor->quit;
	$node->safe_psql('postgres', 'VACUUM items');
	check_index($name);
}

# Two inserts find the same leaf full.  Guard: the lock of splits.
{
	my $name = 'two inserts split a leaf';

	make_table(600);
	my $first = stop_at($node, 'kdtree-split', $more);
	my $second = begin_sql($node, $more =~ s/10000/30000/r);
	ok($node->poll_query_until('postgres',
			q{SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'page' AND NOT granted AND relation = 'items_v'::regclass}),
		"$name: the second waits");
	is(go_on($first), '', "$name: the first goes on");
	is(end_sql($second), '', "$name: the second goes on");
	check_index($name);
}

# A check has walked the tree, and pages are split before it compares them.
# Guard: it begins anew when a page is no longer where it was.
{
	my $name = 'pages are split during a check';

	make_table(600);
	my $check = stop_at($node, 'kdtree-check-walked', "CREATE TABLE problems AS SELECT * FROM gigavec.check('items_v')");
	$node->safe_psql('postgres', $more . ' CROSS JOIN generate_series(1, 4)');
	is(go_on($check), '', "$name: the check goes on");
	is($node->safe_psql('postgres', 'TABLE problems'), '', "$name: it finds nothing");
	check_index($name);
}
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|refcount leak|XX000/, 'nothing else in the log');
$node->stop;

done_testing();
