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
				  . q{ OR EXISTS (SELECT FROM pg_stat_activity WHERE state <> 'active' AND query LIKE 'VACUUM%')}),
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

# VACUUM has counted the pages, and an insert adds one whose nodes link to nodes
# that VACUUM frees.  Guard: VACUUM counts again after it has marked.
for my $kind (@kinds)
{
	my ($opclass, $operator) = @$kind;
	my $name = "new pages while VACUUM marks, $opclass";

	make_table($opclass);
	$node->safe_psql('postgres', 'DELETE FROM items WHERE id BETWEEN 1001 AND 1020');
	my $vacuum = stop_at($node, 'hnsw-vacuum-begun', 'VACUUM items');
	$node->safe_psql('postgres', 'INSERT INTO items SELECT 2000 + i, far(5000 + i) FROM generate_series(1, 60) i');
	is(go_on($vacuum), '', "$name: VACUUM goes on");
	$node->safe_psql('postgres', 'INSERT INTO items SELECT 2200 + i, point(2000 + i, 24) FROM generate_series(1, 20) i');
	check_index($name, $operator);
}

# VACUUM has decided on a node's new links, and the node gets another row and
# links before it writes them.  Guard: it changes the page as it is then.
for my $kind (@kinds)
{
	my ($opclass, $operator) = @$kind;
	my $name = "a node changes while VACUUM repairs it, $opclass";

	make_table($opclass);
	$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 5 = 0');
	my $vacuum = stop_at($node, 'hnsw-vacuum-repairing', 'VACUUM items');
	$node->safe_psql('postgres', q{
		INSERT INTO items SELECT 10000 + id, v FROM items;
		INSERT INTO items SELECT 20000 + id, v FROM items WHERE id < 10000;
		INSERT INTO items SELECT 30000 + i, point(i, 24, 9) FROM generate_series(1, 60) i});
	is(go_on($vacuum), '', "$name: VACUUM goes on");
	check_index($name, $operator);
}

# The same with a node that has room, where the new links are the only ones to
# their nodes.
for my $kind (@kinds)
{
	my ($opclass, $operator) = @$kind;
	my $name = "a node gets links while VACUUM repairs it, $opclass";

	make_table($opclass);
	$node->safe_psql('postgres', qq{
		TRUNCATE items;
		INSERT INTO items SELECT i, far(20 * i) FROM generate_series(1, 2) i;
		DELETE FROM items WHERE id = 2});
	my $vacuum = stop_at($node, 'hnsw-vacuum-repairing', 'VACUUM items');
	$node->safe_psql('postgres', 'INSERT INTO items SELECT i, far(20 * i) FROM generate_series(3, 5) i');
	is(go_on($vacuum), '', "$name: VACUUM goes on");
	finds_all($name, $operator);
	check_index($name, $operator);
}

# An insert has found a node with its vector, and VACUUM takes the node's last
# row.  Guard: the node's state is looked at again under the lock of its page.
for my $kind (@kinds)
{
	my ($opclass, $operator) = @$kind;
	my $name = "VACUUM takes the rows of an equal vector, $opclass";

	make_table($opclass);
	$node->safe_psql('postgres', 'DELETE FROM items WHERE id BETWEEN 1001 AND 1020');
	my $insert = stop_at($node, 'hnsw-insert-searched', 'INSERT INTO items VALUES (2001, far(5))');
	my $vacuum = begin_sql($node, 'VACUUM items');
	$node->poll_query_until('postgres', sprintf($waits, 'tuple')) || die 'VACUUM does not wait';
	is(go_on($insert), '', "$name: the insert goes on");
	is(end_sql($vacuum), '', "$name: VACUUM goes on");
	check_index($name, $operator);
}

# VACUUM is at the further rows of a vector, all of them dead, when another
# comes.  Guard: the lock of the node's page.
for my $kind (@kinds)
{
	my ($opclass, $operator) = @$kind;
	my $name = "a row comes to a vector whose rows VACUUM takes, $opclass";

	make_table($opclass);
	$node->safe_psql('postgres', q{
		INSERT INTO items SELECT 2000 + i, far(0) FROM generate_series(1, 30) i;
		DELETE FROM items WHERE id > 2000});
	my $vacuum = stop_at($node, 'hnsw-vacuum-chunk', 'VACUUM items');
	my $insert = begin_sql($node, 'INSERT INTO items VALUES (3001, far(0))');
	ok($node->poll_query_until('postgres',
			q{SELECT coalesce(bool_or(state <> 'active' OR wait_event_type = 'LWLock'), false)
			FROM pg_stat_activity WHERE query LIKE 'INSERT%(3001%'}),
		"$name: the insert waits, or is done");
	is(go_on($vacuum), '', "$name: VACUUM goes on");
	is(end_sql($insert), '', "$name: the insert goes on");
	check_index($name, $operator);
}

# Two inserts are about to begin the list of rows without direction.  Guard:
# the list's beginning is compared with the one that was seen.
{
	my $name = 'two begin the list of rows without direction';

	make_table('vector_cosine_ops');
	my $insert = stop_at($node, 'hnsw-insert-null-norm', 'INSERT INTO items VALUES (2001, array_fill(0, ARRAY[24])::vector)');
	$node->safe_psql('postgres', 'INSERT INTO items VALUES (2002, array_fill(0, ARRAY[24])::vector)');
	is(go_on($insert), '', "$name: the insert goes on");
	check_index($name, '<=>');
}

# Searches by the graph alone find each row
sub finds_all
{
	my ($name, $operator) = @_;

	is($node->safe_psql('postgres', qq{
			$BY_INDEX
			SET hnsw.iterative_scan = off;
			SET hnsw.ef_search = 400;
			SELECT string_agg(id::text, ' ' ORDER BY id) FROM items o
			WHERE NOT EXISTS (SELECT FROM (SELECT id FROM items i ORDER BY i.v $operator o.v LIMIT 3) s WHERE s.id = o.id)}),
		'', "$name: each row is found by the graph");
	return;
}

# Two inserts see an empty index, and each is the only way to its node.  Guard:
# the generation of the entry table, and another search for nodes to link to.
for my $kind (@kinds)
{
	my ($opclass, $operator) = @$kind;
	my $name = "two first rows, $opclass";

	make_table($opclass);
	$node->safe_psql('postgres', 'TRUNCATE items');
	my $insert = stop_at($node, 'hnsw-entry-chosen', 'INSERT INTO items VALUES (1, far(1))');
	$node->safe_psql('postgres', 'INSERT INTO items VALUES (2, far(2))');
	is(go_on($insert), '', "$name: the insert goes on");
	finds_all($name, $operator);
	check_index($name, $operator);
}

# All nodes are about to be freed when new ones come
for my $kind (@kinds)
{
	my ($opclass, $operator) = @$kind;
	my $name = "rows come when all others go, $opclass";

	make_table($opclass);
	$node->safe_psql('postgres', 'DELETE FROM items');
	my $vacuum = stop_at($node, 'hnsw-vacuum-waited', 'VACUUM items');
	$node->safe_psql('postgres', 'INSERT INTO items SELECT 2000 + i, point(i, 24, 9) FROM generate_series(1, 100) i');
	finds_all("$name, before VACUUM goes on", $operator);
	is(go_on($vacuum), '', "$name: VACUUM goes on");
	finds_all($name, $operator);
	check_index($name, $operator);
}

# A session keeps the entry table, and all its nodes go.  Guard: the generation
# of the entry table.
for my $kind (@kinds)
{
	my ($opclass, $operator) = @$kind;
	my $name = "entries of the past, $opclass";
	my $session = $node->background_psql('postgres');
	my $query = "SELECT count(*) FROM (SELECT id FROM items ORDER BY v $operator far(1) LIMIT 5) s";

	make_table($opclass);
	$session->query_safe("$BY_INDEX SET hnsw.iterative_scan = off");
	is($session->query_safe($query), 5, "$name: a query");
	$node->safe_psql('postgres', $_) for 'DELETE FROM items', 'VACUUM items',
	  'INSERT INTO items SELECT 2000 + i, point(i, 24, 9) FROM generate_series(1, 5) i';
	is($session->query_safe($query), 5, "$name: the same query");
	$session->quit;
}

# A scan is at the further rows of a vector when VACUUM frees them, and others
# take their places.  Guard: the owner of a chunk of rows.
for my $kind (@kinds)
{
	my ($opclass, $operator) = @$kind;
	my $name = "rows of a vector go while a scan is at them, $opclass";
	my $session = $node->background_psql('postgres');

	make_table($opclass);
	$node->safe_psql('postgres', q{
		INSERT INTO items SELECT 2000 + i, far(0) FROM generate_series(1, 60) i;
		INSERT INTO items SELECT 3000 + i, far(-1) FROM generate_series(1, 60) i;
		DELETE FROM items WHERE id BETWEEN 2001 AND 2060});
	$session->query_safe("$BY_INDEX BEGIN; DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v $operator far(0)");
	# a row is returned only after the dead ones, so stop on the way to it
	$session->query_safe("LOAD 'gigavec'; SET gigavec.test_point = 'hnsw-scan-chunk:wait:3'");
	my $holder = $node->background_psql('postgres');
	$holder->query_safe("SELECT pg_advisory_lock(hashtext('hnsw-scan-chunk'))");
	$session->query_until(qr/begun/, "\\echo begun\nFETCH ALL FROM c;\n");
	$node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted})
	  || die 'no scan';
	$node->safe_psql('postgres', $_) for 'VACUUM items',
	  'INSERT INTO items SELECT 4000 + i, far(-1) FROM generate_series(1, 200) i';
	$holder->quit;
	my $rows = $session->query('SELECT 0') =~ s/begun//r;
	my %seen;
	$seen{$_}++ for grep { $_ } split(/\s+/, $rows);
	is(join(' ', grep { $seen{$_} > 1 } sort keys %seen), '', "$name: none twice");
	is(scalar(keys %seen), 290, "$name: all rows");
	$session->quit;
	check_index($name, $operator);
}

# Rows come and go at each stage of a build that lets them.  Guard: its pass over
# the new index tells of each row there, also those beyond the first of a vector.
my @builds = ('REINDEX INDEX CONCURRENTLY items_v',
	'CREATE INDEX CONCURRENTLY items_v ON items USING hnsw (v vector_cosine_ops)');
for my $case (map { my $stage = $_; map { [ $stage, $_ ] } @builds } 'hnsw-build-loaded', 'hnsw-build-done', 'hnsw-vacuum-begun')
{
	my ($stage, $build) = @$case;
	my $name = 'rows come at ' . $stage . ' of ' . ($build =~ /^(\w+ INDEX CONCURRENTLY|\w+ INDEX \w+)/)[0];

	make_table('vector_cosine_ops');
	$node->safe_psql('postgres', 'INSERT INTO items VALUES (1900, array_fill(0, ARRAY[24])::vector)');
	$node->safe_psql('postgres', 'DROP INDEX items_v') if $build =~ /^CREATE/;
	my $reindex = stop_at($node, $stage, $build);
	my $insert = q{INSERT INTO items SELECT 2000 + i, far(2) FROM generate_series(1, 30) i;
		INSERT INTO items SELECT 3000 + i, array_fill(0, ARRAY[24])::vector FROM generate_series(1, 30) i;
		INSERT INTO items SELECT 4000 + i, far(6000 + i) FROM generate_series(1, 30) i;
		DELETE FROM items WHERE id % 10 = 1; UPDATE items SET v = far(id) WHERE id % 10 = 2};
	if ($stage eq 'hnsw-build-done')
	{
		# the new index gets these when it waits for a transaction
		my $holder = $node->background_psql('postgres');

		$holder->query_safe('BEGIN; DELETE FROM items WHERE id = 100');
		eval { $reindex->{holder}->quit };
		$node->poll_query_until('postgres',
			q{SELECT count(*) = 1 FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting for writers before validation'})
		  || die 'the build does not wait';
		$node->safe_psql('postgres', $insert);
		$holder->query_safe('COMMIT');
		$holder->quit;
	}
	else
	{
		$node->safe_psql('postgres', $insert);
	}
	is(go_on($reindex), '', "$name: the build goes on");
	check_index($name, '<=>');
}

# A cursor is at its place while rows go and others take their slots, again and
# again, with and without a condition on a filter column.  Guards: a scan keeps
# rows, not places, and VACUUM moves no row.
for my $kind (@kinds)
{
	my ($opclass, $operator) = @$kind;

	for my $where ('', 'WHERE id % 7 = 3')
	{
		my $name = "slots change hands between the batches of a scan, $opclass $where";
		my $session = $node->background_psql('postgres');
		my $query = "SELECT id FROM items $where ORDER BY v $operator (SELECT far(7))";
		my @ids;

		$node->safe_psql('postgres', qq{
			DROP TABLE IF EXISTS items;
			CREATE TABLE items (id int, v vector(24));
			INSERT INTO items SELECT i, point(i % 400, 24) + CASE WHEN i < 60 THEN array_fill(99, ARRAY[24])::vector ELSE array_fill(0, ARRAY[24])::vector END
			FROM generate_series(1, 600) i;
			CREATE INDEX items_v ON items USING hnsw (v $opclass, (id % 7)) WITH (m = 8, ef_construction = 40);
			DELETE FROM items WHERE id % 2 = 0});
		$session->query_safe("$BY_INDEX SET hnsw.ef_search = 10; BEGIN; DECLARE c CURSOR FOR $query");
		for my $round (1 .. 4)
		{
			push(@ids, split(/\s+/, $session->query_safe('FETCH 12 FROM c')));
			$node->safe_psql('postgres', $_)
			  for "DELETE FROM items WHERE id % 3 = $round % 3",
			  'VACUUM items',
			  # near the query and elsewhere, some equal to others
			  "INSERT INTO items SELECT 1000 * $round + i, far(7) + array_fill(i % 50, ARRAY[24])::vector FROM generate_series(1, 60) i",
			  "INSERT INTO items SELECT 1000 * $round + 100 + i, point(i, 24) FROM generate_series(1, 60) i",
			  "DELETE FROM items WHERE id BETWEEN 1000 * $round AND 1000 * $round + 90",
			  'VACUUM items';
		}
		push(@ids, split(/\s+/, $session->query_safe('FETCH ALL FROM c')));
		is(join(' ', sort { $a <=> $b } @ids),
			join(' ', grep { $_ % 2 == 1 && ($where eq '' || $_ % 7 == 3) } 1 .. 600),
			"$name: the rows that were there when it began, each once");
		$session->query_safe('COMMIT');
		$session->quit;
		$node->safe_psql('postgres', 'VACUUM items');
		cmp_ok($node->safe_psql('postgres', q{SELECT value FROM gigavec.stats('items_v') WHERE name = 'nodes_live'}),
			'<', 500, "$name: rows went");
		check_index($name, $operator);
	}
}

# A scan is at the further rows of a vector when VACUUM takes some in the middle
# of the list.  Guard: a chunk stays in its list though it is empty.
for my $kind (@kinds)
{
	my ($opclass, $operator) = @$kind;
	my $name = "rows in the middle of a list go while a scan is at it, $opclass";

	make_table($opclass);
	$node->safe_psql('postgres', q{
		INSERT INTO items SELECT 2000 + i, far(0) FROM generate_series(1, 60) i;
		INSERT INTO items SELECT 3000 + i, far(-1) FROM generate_series(1, 60) i;
		DELETE FROM items WHERE id BETWEEN 2010 AND 2050});
	my $session = $node->background_psql('postgres');
	$session->query_safe("$BY_INDEX BEGIN; DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v $operator far(0)");
	my @ids = split(/\s+/, $session->query_safe('FETCH 4 FROM c'));
	$node->safe_psql('postgres', $_) for 'VACUUM items',
	  'INSERT INTO items SELECT 4000 + i, far(-1) FROM generate_series(1, 200) i';
	push(@ids, split(/\s+/, $session->query_safe('FETCH ALL FROM c')));
	is(join(' ', sort { $a <=> $b } @ids),
		join(' ', 1 .. 200, 1001 .. 1030, 2001 .. 2009, 2051 .. 2060, 3001 .. 3060),
		"$name: each row once");
	$session->quit;
	check_index($name, $operator);
}

# An insert has found a node with its vector, which gets more rows and a list of
# them meanwhile.  Guard: the list's beginning is read under the lock.
for my $kind (@kinds)
{
	my ($opclass, $operator) = @$kind;
	my $name = "a list of rows begins before a row comes to it, $opclass";

	make_table($opclass);
	my $insert = stop_at($node, 'hnsw-insert-searched', 'INSERT INTO items VALUES (2001, far(5))');
	$node->safe_psql('postgres', 'INSERT INTO items SELECT 3000 + i, far(5) FROM generate_series(1, 30) i');
	is(go_on($insert), '', "$name: the insert goes on");
	check_index($name, $operator);
}

# An insert has decided on a link of a node, and another insert takes the place,
# in a node with room and in a full one.  Guard: the place is looked for under
# the lock.
for my $kind (@kinds)
{
	my ($opclass, $operator) = @$kind;

	for my $case ([ 1, 1 ], [ 5, 4 ])
	{
		my ($n, $n_more) = @$case;
		my $name = "two link to the same node, $opclass, rows there: $n";

		$node->safe_psql('postgres', qq{
			DROP TABLE IF EXISTS items;
			CREATE TABLE items (id int, v vector(24));
			CREATE INDEX items_v ON items USING hnsw (v $opclass) WITH (m = 2, ef_construction = 8);
			INSERT INTO items SELECT i, point(20 * i, 24) FROM generate_series(1, $n) i});
		my $insert = stop_at($node, 'hnsw-link', 'INSERT INTO items VALUES (11, point(200, 24))');
		$node->safe_psql('postgres', 'INSERT INTO items SELECT 11 + i, point(200 + 20 * i, 24) FROM generate_series(1, ' . "$n_more) i");
		is(go_on($insert), '', "$name: the insert goes on");
		finds_all($name, $operator);
		check_index($name, $operator);
	}
}

# Two inserts choose the unit of an empty index.  Guard: the first one's stays.
{
	my $name = 'two choose the unit';

	make_table('vector_l2_ops');
	$node->safe_psql('postgres', 'TRUNCATE items');
	my $insert = stop_at($node, 'hnsw-insert-unit', 'INSERT INTO items VALUES (1, far(1) * array_fill(1000, ARRAY[24])::vector)');
	$node->safe_psql('postgres', 'INSERT INTO items SELECT i, far(i) FROM generate_series(2, 40) i');
	is(go_on($insert), '', "$name: the insert goes on");
	finds_all($name, '<->');
	check_index($name, '<->');
}

# VACUUM is about to empty the only entry when inserts replace it.  Guard: the
# entry is looked at again under the lock.
for my $kind (@kinds)
{
	my ($opclass, $operator) = @$kind;
	my $name = "VACUUM and an insert at one entry, $opclass";

	$node->safe_psql('postgres', qq{
		DROP TABLE IF EXISTS items;
		CREATE TABLE items (id int, v vector(1100));
		INSERT INTO items SELECT i, point(i, 1100) FROM generate_series(1, 4) i;
		CREATE INDEX items_v ON items USING hnsw (v $opclass);
		DELETE FROM items});
	my $vacuum = stop_at($node, 'hnsw-vacuum-entry', 'VACUUM items');
	$node->safe_psql('postgres', 'INSERT INTO items SELECT i, point(i, 1100) FROM generate_series(11, 13) i');
	is(go_on($vacuum), '', "$name: VACUUM goes on");
	finds_all($name, $operator);
	is_sound($node, 'items_v', $name);
}

# The entry table grows by a page while it is read: by a scan, which must not
# take the new page for one that does not exist, and by an insert.
{
	my $name = 'a new page of entries';
	my $wave = q{(SELECT array_agg(sin(%s * j)) FROM generate_series(1, 1100) j)::vector};
	my $rows = 'INSERT INTO items SELECT i, ' . sprintf($wave, 'i') . ' FROM generate_series(%d, %d) i';
	my $query = "$BY_INDEX SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> " . sprintf($wave, 7) . ' LIMIT 5) s';

	$node->safe_psql('postgres', 'DROP TABLE IF EXISTS items; CREATE TABLE items (id int, v vector(1100));'
		  . sprintf($rows, 1, 500)
		  . ';CREATE INDEX items_v ON items USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 16)');
	my $entries = q{SELECT value FROM gigavec.stats('items_v') WHERE name = 'entries'};
	is($node->safe_psql('postgres', $entries), 32, "$name: a page is full");
	# the first page read is that of the center
	my $scan = stop_at($node, 'hnsw-chain:2', $query);
	my $insert = stop_at($node, 'hnsw-entry-page', sprintf($rows, 501, 600));
	$node->safe_psql('postgres', sprintf($rows, 601, 700));
	cmp_ok($node->safe_psql('postgres', $entries), '>', 32, "$name: there are more");
	is(go_on($scan), '', "$name: the scan goes on");
	is(go_on($insert), '', "$name: the insert goes on");
	is_sound($node, 'items_v', $name);
}

# A check has read some pages, and all change before it reads the others.  Guard:
# what pages disagree on is looked at again.
for my $kind (@kinds)
{
	my ($opclass, $operator) = @$kind;
	my $name = "changes beside a check, $opclass";

	make_table($opclass);
	$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 3 = 0');
	my $check = stop_at($node, 'hnsw-check-page:4', q{DO $$ BEGIN
		IF EXISTS (SELECT FROM gigavec.check('items_v')) THEN RAISE EXCEPTION 'a false alarm'; END IF; END $$});
	$node->safe_psql('postgres', $_) for 'VACUUM items',
	  'INSERT INTO items SELECT 2000 + i, far(i / 20) FROM generate_series(1, 300) i',
	  'INSERT INTO items SELECT 3000 + i, point(i, 24, 9) FROM generate_series(1, 200) i';
	is(go_on($check), '', "$name: no false alarm");
	check_index($name, $operator);
}

# The index is dropped while a cursor is at it.  Guard: PostgreSQL's locks; what
# a backend remembers of the index must not outlive it.
for my $how ('DROP INDEX items_v', 'DROP INDEX CONCURRENTLY items_v', 'REINDEX INDEX CONCURRENTLY items_v')
{
	my $name = "$how beside a cursor";
	my $session = $node->background_psql('postgres', on_error_stop => 0);

	make_table('vector_l2_ops');
	$session->query_safe("$BY_INDEX SET hnsw.ef_search = 10; BEGIN; DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> far(7)");
	my @ids = split(/\s+/, $session->query_safe('FETCH 8 FROM c'));
	like($session->query("SAVEPOINT s; DROP INDEX items_v; ROLLBACK TO s"), qr/^$/, "$name: in its session");
	like($session->{stderr}, qr/cannot DROP INDEX "items_v" because it is being used by active queries in this session/,
		"$name: an error in its session");
	$session->{stderr} = '';
	my $drop = begin_sql($node, $how);
	$node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'})
	  || die "$how does not wait";
	push(@ids, split(/\s+/, $session->query_safe('FETCH 100 FROM c')));
	push(@ids, split(/\s+/, $session->query_safe('FETCH ALL FROM c')));
	is(join(' ', sort { $a <=> $b } @ids), join(' ', 1 .. 200, 1001 .. 1030), "$name: each row once");
	$session->query_safe('COMMIT');
	is(end_sql($drop), '', "$name: goes on");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relname LIKE 'items_v%'}),
		$how =~ /DROP/ ? 0 : 1, "$name: done");
	# the same session, a new index
	$node->safe_psql('postgres', 'CREATE INDEX items_v ON items USING hnsw (v vector_l2_ops)') if $how =~ /DROP/;
	is($session->query_safe('SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> far(7) LIMIT 500) s'), 230,
		"$name: the session finds all by the new index");
	$session->quit;
}

# Rows with other values of a filter column come to a node whose rows VACUUM
# takes: of the last one before, and of the first of two.  Guard: the node is
# looked at again under the lock, and its words are read there.
for my $n (1, 2)
{
	my $name = "VACUUM and an insert at a node with filters, rows there: $n";

	$node->safe_psql('postgres', qq{
		DROP TABLE IF EXISTS items;
		CREATE TABLE items (id int, v vector(24), kind int);
		INSERT INTO items SELECT i, point(i, 24), i % 2 FROM generate_series(1, 200) i;
		INSERT INTO items SELECT 200 + i, far(5), 1 FROM generate_series(1, $n) i;
		CREATE INDEX items_v ON items USING hnsw (v vector_l2_ops, kind);
		DELETE FROM items WHERE id = 201});
	my $insert = stop_at($node, 'hnsw-insert-searched', 'INSERT INTO items VALUES (301, far(5), 7)');
	my $vacuum = begin_sql($node, 'VACUUM items');
	$node->poll_query_until('postgres', sprintf($waits, 'tuple')
		  . q{ OR EXISTS (SELECT FROM pg_stat_activity WHERE state <> 'active' AND query LIKE 'VACUUM%')})
	  || die 'VACUUM goes on and on';
	is(go_on($insert), '', "$name: the insert goes on");
	is(end_sql($vacuum), '', "$name: VACUUM goes on");
	is($node->safe_psql('postgres', "$BY_INDEX SELECT id FROM items WHERE kind = 7 ORDER BY v <-> far(5)"), 301,
		"$name: the row is found by its filter column");
	my $others = q{SELECT string_agg(id::text, ' ') FROM (SELECT id FROM items WHERE kind = 1 ORDER BY v <-> far(5) LIMIT 5) s};
	is($node->safe_psql('postgres', "$BY_INDEX $others"), $node->safe_psql('postgres', "$BY_TABLE $others"),
		"$name: and the others by theirs");
	check_index($name, '<->');
}

# A worker of a build meets a row that was updated while a transaction may still need its old version: the index must not
# serve that.  It is the worker that says so, for the leader has not begun to read, and the last block is not in its sample.
{
	my $old = $node->background_psql('postgres');

	$node->safe_psql('postgres', q{
		CREATE TABLE chain (id int, v vector(8)) WITH (parallel_workers = 1, fillfactor = 10);
		INSERT INTO chain SELECT i, point(i, 8) FROM generate_series(1, 3000) i});
	$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM chain');
	$node->safe_psql('postgres', 'UPDATE chain SET v = point(5000, 8) WHERE id = 3000');
	my $stopped = stop_at($node, 'hnsw-build-begun', 'CREATE INDEX chain_v ON chain USING hnsw (v vector_l2_ops)');
	$node->poll_query_until('postgres', q{
		SELECT count(*) > 0 FROM pg_stat_activity
		WHERE backend_type = 'parallel worker' AND wait_event = 'ParallelCreateIndexScan'})
	  || die 'no worker has read the table';
	is(go_on($stopped), '', 'the build goes on');
	is($node->safe_psql('postgres', q{SELECT indcheckxmin FROM pg_index WHERE indexrelid = 'chain_v'::regclass}),
		't', 'old transactions do not use the index');
	$old->query_safe('COMMIT');
	$old->quit;
	is_sound($node, 'chain_v', 'built by a worker');
	$node->safe_psql('postgres', 'DROP TABLE chain');
}

# an insert of a vector that is there, with other words, cut off wherever it writes: the row
# that is there passes no filter that is not its own
$node->safe_psql('postgres', q{
	CREATE TABLE same (a int, v vector(4));
	INSERT INTO same VALUES (1, '[1,2,3,4]');
	CREATE INDEX same_v ON same USING hnsw (v vector_l2_ops, a)});
for my $n (1 .. 20)
{
	my ($rc, $out, $err) = $node->psql('postgres',
		"LOAD 'gigavec'; SET gigavec.test_point = '*:error:$n'; INSERT INTO same VALUES (2, '[1,2,3,4]')");

	is($node->safe_psql('postgres', "$BY_INDEX SELECT count(*) FROM (SELECT a FROM same WHERE a = 2 ORDER BY v <-> '[1,2,3,4]' LIMIT 10) s"),
		$rc == 0 ? 1 : 0, "an insert cut off at point $n");
	last if $rc == 0;
}
is_sound($node, 'same_v', 'inserts cut off');
is($node->safe_psql('postgres', "$BY_INDEX SELECT count(*) FROM (SELECT a FROM same WHERE a IN (1, 2) ORDER BY v <-> '[1,2,3,4]' LIMIT 10) s"), 2, 'an insert that was not');

$node->stop;
done_testing();
