#----------------------------------------------------------------------
#
# bm25 races: sessions meet where it matters, each time in the same order.
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

# Rows have 40 words, so that 2,000 of them are in some dozens of pages
$node->safe_psql('postgres', q{
	CREATE FUNCTION words(i bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
		$$SELECT 'all own' || i || string_agg(' w' || (pg_catalog.hashint8extended(i, j) & 255), '') FROM generate_series(1, 40) j$$;
});

# A table with two segments, and rows in lanes
sub make_table
{
	my ($n) = @_;

	$node->safe_psql('postgres', qq{
		SET client_min_messages = warning;
		DROP TABLE IF EXISTS items;
		CREATE TABLE items (id int, body text);
		INSERT INTO items SELECT i, words(i) FROM generate_series(1, $n) i;
		CREATE INDEX items_body ON items USING bm25 (body) WITH (text_config = 'simple');
		INSERT INTO items SELECT i, words(i) FROM generate_series($n + 1, $n + 100) i;
		VACUUM items;
		INSERT INTO items SELECT i, words(i) FROM generate_series($n + 101, $n + 120) i});
	return;
}

# The index has the table's rows, found by a word of all and by their own
sub check_index
{
	my ($name) = @_;

	is_sound($node, 'items_body', $name);
	is($node->safe_psql('postgres', qq{
		$BY_INDEX
		SELECT count(*) - (SELECT count(*) FROM items WHERE body ~ '\\mall\\M'), count(*) - count(DISTINCT id)
		FROM (SELECT id FROM items ORDER BY body <\@> 'all' OFFSET 0) s;
		SELECT count(*) FROM (SELECT i.id, (SELECT id FROM items o ORDER BY o.body <\@> ('own' || i.id) LIMIT 1) AS found
			FROM items i WHERE i.body ~ '\\mall\\M' ORDER BY i.id DESC LIMIT 100) x WHERE found IS DISTINCT FROM id}), "0|0\n0", "$name: it has all rows");
	return;
}

# Everything is merged, twice, so that other content takes the pages that the
# first merge has freed
my $merge_all = q{
	INSERT INTO items SELECT i, 'none' || i || repeat(' other' || i, 5) FROM generate_series(100001, 102000) i;
	SELECT gigavec.merge('items_body');
	INSERT INTO items SELECT i, 'none' || i || repeat(' another' || i, 5) FROM generate_series(110001, 112000) i;
	SELECT gigavec.merge('items_body');
	INSERT INTO items SELECT i, 'none' || i || repeat(' third' || i, 5) FROM generate_series(120001, 120300) i};

# A search is about to read a segment, or the lanes, and they are merged and their
# pages used again.  Guard: the owner's id on each page, and beginning anew.
for my $query (
	[ 'a word', q{SELECT id FROM items ORDER BY body <@> 'all' OFFSET 0} ],
	[ 'two words', q{SELECT id FROM items ORDER BY body <@> 'all w7' OFFSET 0} ],
	[ 'a required word', q{SELECT id FROM items ORDER BY body <@> '+all w7' OFFSET 0} ])
{
	my ($what, $sql) = @$query;

	for my $point ('bm25-search-segment', 'bm25-search-segment:2', 'bm25-search-lanes')
	{
		my $name = "$what, merges at $point";

		make_table(600);
		my $scan = stop_at($node, $point, "SET client_min_messages = warning; $BY_INDEX DROP TABLE IF EXISTS found; CREATE TABLE found AS $sql");
		$node->safe_psql('postgres', $merge_all);
		is(go_on($scan), '', "$name: the scan goes on");
		is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT id) FROM found'), '720|720',
			"$name: it finds all rows that it must, each once");
	}
	check_index($what);
}

# The same for rows that match, without an order.
{
	my $name = 'a match, merges';

	make_table(600);
	my $cursor = $node->background_psql('postgres');
	$cursor->query_safe("$BY_INDEX BEGIN; DECLARE c CURSOR FOR SELECT id FROM items WHERE body \@\@\@ 'all'; MOVE 1 FROM c");
	$node->safe_psql('postgres', $merge_all);
	like($cursor->query_safe("\\set QUIET off\nMOVE ALL FROM c;"), qr/MOVE 719$/m, "$name: a cursor finds all rows");
	$cursor->quit;
	check_index($name);
}

# An insert has chosen its lane, which becomes a segment, and is used again.
# Guard: an insert looks whether the page is still its lane's.
for my $more ('', $merge_all)
{
	my $name = 'an insert, its lane is merged' . ($more ? ' and used again' : '');

	make_table(600);
	for my $i (1 .. 2)
	{
		# the first row begins the lane, if there is none
		my $insert = stop_at($node, 'bm25-insert-lane:2', "INSERT INTO items SELECT 50000 + $i, words(50000 + $i); "
			  . "INSERT INTO items SELECT 60000 + $i, words(60000 + $i)");
		$node->safe_psql('postgres', $more || q{SELECT gigavec.merge('items_body')});
		is(go_on($insert), '', "$name: the insert goes on");
	}
	check_index($name);
}

# VACUUM has looked at the lanes, or a segment, and inserts make segments that it
# has not looked at, of those that it has and others.  Guard: it goes on until
# there is none.
for my $point ('bm25-vacuum-between', 'bm25-vacuum-between:2')
{
	my $name = "VACUUM, merges at $point";

	make_table(600);
	$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 3 > 0');
	my $vacuum = stop_at($node, $point, 'VACUUM items');
	$node->safe_psql('postgres', "INSERT INTO items SELECT i, words(i) FROM generate_series(200001 + $_ * 1000, 200900 + $_ * 1000) i")
	  for 1 .. 8;
	is(go_on($vacuum), '', "$name: VACUUM goes on");
	is($node->safe_psql('postgres', q{SELECT reltuples - (SELECT count(*) FROM items) FROM pg_class WHERE relname = 'items_body'}), '0',
		"$name: it counts each row once");
	is($node->safe_psql('postgres', q{SELECT gigavec.merge('items_body');
			SELECT value - (SELECT count(*) FROM items) FROM gigavec.stats('items_body') WHERE name = 'rows'}), "\n0",
		"$name: the dead are gone");
	# their places serve others
	$node->safe_psql('postgres', 'INSERT INTO items SELECT i, words(i) FROM generate_series(300001, 300300) i');
	check_index($name);
}

# A long row's pages are written, nothing leads to them, and VACUUM looks for lost
# pages.  Guards: the lock of long rows, and the seal of lanes that become a segment.
{
	my $name = 'a long row, VACUUM looks for lost pages';

	make_table(600);
	my $insert = stop_at($node, 'bm25-long-row',
		q{INSERT INTO items SELECT 50001, 'own50001 all ' || string_agg('long' || i, ' ') FROM generate_series(1, 3000) i});
	my $vacuum = begin_sql($node, 'VACUUM (INDEX_CLEANUP on) items; INSERT INTO items SELECT i, words(i) FROM generate_series(60001, 60300) i');
	ok($node->poll_query_until('postgres',
			q{SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'page' AND NOT granted AND relation = 'items_body'::regclass}),
		"$name: VACUUM waits");
	is(go_on($insert), '', "$name: the insert goes on");
	is(end_sql($vacuum), '', "$name: VACUUM goes on");
	is($node->safe_psql('postgres', qq{$BY_INDEX SELECT id FROM items ORDER BY body <\@> 'long2999' LIMIT 2}), '50001', "$name: the row is found");
	check_index($name);
}

# An insert has written a segment, and others fill lanes and want to write more.
# Guard: the merge lock.
{
	my $name = 'an insert while another writes a segment';

	make_table(600);
	my $first = stop_at($node, 'bm25-publish', 'INSERT INTO items SELECT i, words(i) FROM generate_series(50001, 51000) i');
	my $second = begin_sql($node, 'VACUUM items');
	ok($node->poll_query_until('postgres',
			q{SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'page' AND NOT granted AND relation = 'items_body'::regclass}),
		"$name: VACUUM waits");
	# who inserts does not
	$node->safe_psql('postgres', 'INSERT INTO items SELECT i, words(i) FROM generate_series(60001, 62000) i');
	is(go_on($first), '', "$name: the first goes on");
	is(end_sql($second), '', "$name: VACUUM goes on");
	check_index($name);
}
# A hybrid search knows what it will search by names, and others rename and drop.
# Guard: the lock of the table stays.
for my $change ('DROP INDEX items_body', 'ALTER TABLE items RENAME TO others', 'DROP TABLE items')
{
	my $name = "a hybrid search, then $change";

	make_table(100);
	$node->safe_psql('postgres', q{CREATE INDEX items_lower ON items USING bm25 ((lower(body))) WITH (text_config = 'simple')});
	my $search = stop_at($node, 'hybrid-target',
		q{SELECT count(*) FROM gigavec.hybrid_search('items', 'all', NULL::vector, text_index => 'items_body')});
	my ($rc, $out, $err) = $node->psql('postgres', "SET lock_timeout = '100ms'; $change");
	like($err, qr/canceling statement due to lock timeout/, "$name: which waits");
	is(go_on($search), '', "$name: the search goes on");
}
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|refcount leak|XX000/, 'nothing else in the log');
$node->stop;

done_testing();
