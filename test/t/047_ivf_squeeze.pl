#----------------------------------------------------------------------
#
# VACUUM frees pages of lists of ivfflat and ivfpq indexes without taking one:
# the index does not grow, has its rows at each step, and searches that are
# under way find all of them, each once.
#
# A test of a race must fail when what guards against it is taken out; the
# comment before it says what that is.
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

my $node = new_server('squeeze', q{
	fsync = off
	shared_buffers = 32MB
	log_min_messages = warning
	autovacuum = off
	restart_after_crash = on
	max_parallel_maintenance_workers = 0
});

# name, columns of the index, its method and options; all have lists of several pages
my @kinds = (
	[ 'codes', 'ivfpq (v vector_l2_ops, id)', 40, 'lists = 2' ],
	[ 'fine codes', 'ivfpq (v vector_cosine_ops)', 40, 'lists = 2, bits = 4' ],
	[ 'bytes', 'ivfpq (v vector_l2_ops)', 40, 'lists = 2, quantizer = sq8' ],
	[ 'product', 'ivfpq (v vector_l2_ops)', 40, 'lists = 2, quantizer = pq, m = 40' ],
	[ 'two lists for a row', 'ivfflat (v vector_l2_ops)', 40, 'lists = 3, spill = on' ],
	[ 'vectors', 'ivfflat (v vector_l2_ops, id)', 40, 'lists = 2' ],
	[ 'halfvec', 'ivfflat ((v::halfvec(40)) halfvec_l2_ops)', 40, 'lists = 2' ],
	[ 'bits', 'ivfflat ((binary_quantize(v)::bit(40)) bit_hamming_ops)', 40, 'lists = 2' ],
	[ 'a vector a page', 'ivfflat (v vector_l2_ops)', 1200, 'lists = 2' ],
	[ 'a vector of two pages', 'ivfflat (v vector_l2_ops)', 3000, 'lists = 2' ],
);

# rows: 5 of 8 will be gone
sub make_table
{
	my ($kind, $n) = @_;
	my ($name, $columns, $dim, $options) = @$kind;

	$node->safe_psql('postgres', qq{
		ALTER DATABASE postgres SET ivfflat.probes = 1000;
		ALTER DATABASE postgres SET ivfpq.probes = 1000;
		SET client_min_messages = warning;
		DROP TABLE IF EXISTS items, found;
		CREATE TABLE items (id int, v vector($dim));
		INSERT INTO items SELECT i, point(i, $dim) FROM generate_series(1, $n) i;
		CREATE INDEX items_v ON items USING $columns WITH ($options)});
	return;
}

sub operator
{
	my ($kind) = @_;
	my ($columns, $dim) = @$kind[ 1, 2 ];

	return "v <=> (SELECT point(7, $dim))" if $columns =~ /cosine/;
	return "v::halfvec($dim) <-> (SELECT point(7, $dim)::halfvec($dim))" if $columns =~ /halfvec/;
	return "binary_quantize(v)::bit($dim) <~> (SELECT binary_quantize(point(7, $dim))::bit($dim))" if $columns =~ /bit/;
	return "v <-> (SELECT point(7, $dim))";
}

sub check_index
{
	my ($kind, $name) = @_;
	my $order = operator($kind);

	is_sound($node, 'items_v', $name);
	is($node->safe_psql('postgres', qq{
		$BY_INDEX
		SELECT count(*) - (SELECT count(*) FROM items), count(*) - count(DISTINCT id)
		FROM (SELECT id FROM items ORDER BY $order OFFSET 0) s}), '0|0', "$name: it has all rows, each once");
	return;
}

sub index_size
{
	return $node->safe_psql('postgres', q{SELECT pg_relation_size('items_v')});
}

sub free_pages
{
	return $node->safe_psql('postgres', q{SELECT value FROM gigavec.stats('items_v') WHERE name = 'pages_free'});
}

my $delete = 'DELETE FROM items WHERE id % 8 < 5';
my $insert = 'INSERT INTO items SELECT i, point(i, dim) FROM generate_series(%d, %d) i';

sub insert_rows
{
	my ($kind, $from, $to) = @_;

	return sprintf($insert =~ s/dim/$kind->[2]/r, $from, $to);
}

sub rows_of
{
	my ($kind) = @_;

	return $kind->[2] > 100 ? 120 : 4000;
}

# Of each kind of rows: the index does not grow, has free pages, and takes rows
for my $kind (@kinds)
{
	my ($name, $n) = ($kind->[0], rows_of($kind));

	make_table($kind, $n);
	my $size = index_size();
	is(free_pages(), 0, "$name: there are no free pages");
	$node->safe_psql('postgres', $_) for $delete, 'VACUUM items';
	# a split of lists may take them
	cmp_ok(free_pages() + (index_size() - $size) / 8192, '>=', $kind->[0] eq 'bits' ? 0 : 1, "$name: there are free pages");
	check_index($kind, $name);
	cmp_ok(index_size(), '<=', $size, "$name: the index does not grow")
	  if $kind->[1] !~ /halfvec|bit_/;
	$node->safe_psql('postgres', insert_rows($kind, 10001, 10000 + $n / 3));
	check_index($kind, "$name, more rows");
	$node->safe_psql('postgres', $_) for 'DELETE FROM items WHERE id % 3 = 0', 'VACUUM items', insert_rows($kind, 20001, 20000 + $n / 5);
	check_index($kind, "$name, once more");
}

# Some of a list's rows are gone, and no two pages of it fit one: it is written
# anew all the same, where the disk has room
{
	my $name = 'a third is gone';
	my $kind = $kinds[0];

	make_table($kind, 4000);
	$node->safe_psql('postgres', $_) for 'DELETE FROM items WHERE id % 3 = 0', 'VACUUM items';
	is($node->safe_psql('postgres', q{SELECT value FROM gigavec.stats('items_v') WHERE name = 'rows_dead'}), 0, "$name: no places are lost");
	check_index($kind, $name);
}

# A search is about to read a page of a list whose rows go to the page before; then
# inserts fill pages of the same list.  Guards: the page is a free one, and not used
# for this list again.
for my $kind (@kinds[ 0, 4, 5, 7 ])
{
	my $order = operator($kind);

	for my $page (1, 2, 3, 4, 6)
	{
		my $name = "$kind->[0]: pages are put together before a search reads page $page";

		make_table($kind, 4000);
		$node->safe_psql('postgres', $delete);
		my $n = $node->safe_psql('postgres', 'SELECT count(*) FROM items');
		my $scan = stop_at($node, "ivf-search-page:$page",
			"$BY_INDEX CREATE TABLE found AS SELECT id FROM items ORDER BY $order OFFSET 0");
		$node->safe_psql('postgres', $_) for 'VACUUM items', insert_rows($kind, 10001, 12000), 'VACUUM items';
		is(go_on($scan), '', "$name: the search goes on");
		is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE id > 10000) FROM found'),
			"$n|$n|0", "$name: it finds all rows that it must, each once");
	}
}

# A search has read the lists, not yet the vectors, which move; the pages where they
# were go to inserts.  Guards: as above.
for my $kind (@kinds[ 1, 2, 5, 8, 9 ])
{
	my ($name, $n) = ("$kind->[0]: vectors move before a search reads them", rows_of($kind));
	my $order = operator($kind);

	make_table($kind, $n);
	$node->safe_psql('postgres', $delete);
	my $cursor = $node->background_psql('postgres');
	$cursor->query_safe("$BY_INDEX BEGIN; DECLARE c CURSOR FOR SELECT id, $order AS d FROM items ORDER BY $order; FETCH 1 FROM c");
	$node->safe_psql('postgres', $_) for 'VACUUM items', insert_rows($kind, 10001, 10000 + $n / 2), 'VACUUM items';
	my @rows = map { [ split(/\|/) ] } split(/\n/, $cursor->query_safe('FETCH ALL FROM c'));
	$cursor->quit;
	is(scalar(@rows), $n / 8 * 3 - 1, "$name: it finds all rows that it must");
	# bounds that order rows are those of nearly all
	cmp_ok(scalar(grep { $rows[$_][1] < $rows[ $_ - 1 ][1] } 1 .. $#rows), '<=', @rows / 50, "$name: in order");
	check_index($kind, $name);
}

# It dies, or fails, at a step
for my $kind (@kinds[ 0, 1, 5, 8, 9 ])
{
	for my $point ('ivf-squeeze-page:1', 'ivf-squeeze-page:2', 'ivf-squeeze-page:4', 'ivf-squeeze-vectors:1', 'ivf-squeeze-vectors:3', 'ivf-squeeze-moved:1')
	{
		my ($where, $count) = $point =~ /^(.*):(\d+)$/;
		my $n = rows_of($kind);

		# long vectors do not move, codes have none, and lists of few rows have one page of them
		next if $where =~ /vectors/ && $kind->[2] > 100;
		next if $where =~ /vectors|moved/ && $kind->[0] eq 'codes';
		next if $where =~ /page/ && $count > 1 && $kind->[2] > 100;
		for my $action ('crash', 'error')
		{
			my $name = "$kind->[0], $point: $action";
			my $offset = -s $node->logfile;
			my ($out, $err);

			make_table($kind, $n);
			$node->safe_psql('postgres', $delete);
			$node->psql('postgres', "LOAD 'gigavec'; SET gigavec.test_point = '$where:$action:$count'; VACUUM items", stdout => \$out, stderr => \$err);
			like($err, $action eq 'crash' ? qr/server closed the connection|connection to server was lost/ : qr/stopped at test point/, $name);
			$node->wait_for_log(qr/all server processes terminated.*database system is ready to accept connections/s, $offset) if $action eq 'crash';
			check_index($kind, $name);
			$node->safe_psql('postgres', $_) for insert_rows($kind, 10001, 10000 + $n / 4), 'DELETE FROM items WHERE id % 8 = 5', 'VACUUM items';
			check_index($kind, "$name, vacuumed");
		}
	}
}

# More pages of vectors than maintenance_work_mem has room for are dealt with one
# part after another
for my $kind ([ 'two vectors a page', 2000, 24_000 ], [ 'a vector of two pages', 4200, 12_000 ])
{
	my ($name, $dim, $n) = ("many pages, $kind->[0]", @$kind[ 1, 2 ]);
	my $place = "place(id, $dim)::halfvec($dim)";
	my $order = "$place <-> (SELECT place(0, $dim)::halfvec($dim))";
	my $ways = "$BY_INDEX SET ivfflat.probes = 1000; SET work_mem = '64MB'";
	my ($out, $err);

	$node->safe_psql('postgres', qq{
		CREATE OR REPLACE FUNCTION place(i int, dim int) RETURNS vector LANGUAGE sql IMMUTABLE AS
			'SELECT (array_fill((i / 64)::real, ARRAY[dim - 1]) || (i % 64)::real)::public.vector';
		SET client_min_messages = warning;
		DROP TABLE IF EXISTS wide;
		CREATE TABLE wide AS SELECT i AS id FROM generate_series(1, $n) i;
		CREATE INDEX wide_v ON wide USING ivfflat (($place) halfvec_l2_ops) WITH (lists = 1);
		DELETE FROM wide WHERE id % 8 < 5});
	my $size = $node->safe_psql('postgres', q{SELECT pg_relation_size('wide_v')});
	my $cursor = $node->background_psql('postgres');
	$cursor->query_safe("$ways; BEGIN; DECLARE c CURSOR FOR SELECT id FROM wide ORDER BY $order; FETCH 1 FROM c");

	$node->psql('postgres', "LOAD 'gigavec'; SET maintenance_work_mem = '1MB'; SET gigavec.test_point = 'ivf-squeeze-window:error:2'; VACUUM wide",
		stderr => \$err);
	like($err, qr/stopped at test point/, "$name: there is a second part");
	is_sound($node, 'wide_v', "$name: error");
	$node->safe_psql('postgres', "SET maintenance_work_mem = '1MB'; VACUUM wide");
	is_sound($node, 'wide_v', $name);
	cmp_ok($node->safe_psql('postgres', q{SELECT value FROM gigavec.stats('wide_v') WHERE name = 'pages_free'}) * 8192, '>', 0.4 * $size, "$name: pages are free");
	is($node->safe_psql('postgres', q{SELECT pg_relation_size('wide_v')}), $size, "$name: the index does not grow");
	my @rows = split(/\n/, $cursor->query_safe('FETCH ALL FROM c'));
	$cursor->quit;
	is(scalar(@rows), $n / 8 * 3 - 1, "$name: a search that was under way finds all rows that it must");
	is(scalar(keys %{ { map { $_ => 1 } @rows } }), $n / 8 * 3 - 1, "$name: each once");
	$node->safe_psql('postgres', "INSERT INTO wide SELECT generate_series(1, $n, 2); VACUUM wide");
	is_sound($node, 'wide_v', "$name, more rows");
	is($node->safe_psql('postgres', "$ways; SELECT count(*) - (SELECT count(*) FROM wide) FROM (SELECT id FROM wide ORDER BY $order OFFSET 0) s"),
		0, "$name: all rows");
}

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|XX00|refcount leak/, 'nothing else in the log');
$node->stop;

done_testing();
