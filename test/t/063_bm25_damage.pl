#----------------------------------------------------------------------
#
# bm25: damaged pages; no statement crashes or hangs, and check finds the damage.
#
# As 009_damage does for hnsw: each statement must succeed or fail with an error
# that names index or file, of class XX001 or XX002; REINDEX repairs.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

# another start by GIGAVEC_SEED
my $n_trials = $LONG ? 500 : 20;
my $block_size = 8192;
my $node = new_server('damage', "fsync = off\nfull_page_writes = off\nstatement_timeout = '60s'\nrestart_after_crash = on\n");

# some segments, rows that are in none, one of them longer than a page
$node->safe_psql('postgres', q{
	CREATE FUNCTION words(i bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
		$$SELECT 'all own' || i || string_agg(' w' || (pg_catalog.hashint8extended(i, j) & 511), '') FROM generate_series(1, 50) j$$;
	CREATE TABLE items (id int, body text);
	INSERT INTO items SELECT i, words(i) FROM generate_series(1, 1500) i;
	CREATE INDEX items_byte ON items USING bm25 (body) WITH (text_config = 'simple');
	CREATE INDEX items_exact ON items USING bm25 (body) WITH (text_config = 'simple', length = exact);
	INSERT INTO items SELECT i, words(i) FROM generate_series(1501, 1700) i;
	DELETE FROM items WHERE id % 20 = 7;
	VACUUM items;
	INSERT INTO items SELECT i, words(i) FROM generate_series(1701, 1800) i;
	INSERT INTO items SELECT 1900, string_agg(words(i), ' ') FROM generate_series(1, 60) i;
});

disable_checksums($node);

my %tables = (items_byte => 'items', items_exact => 'items');
my $order = "body <\@> to_bm25query('all w7 w8', '%s')";
my %orders = map { $_ => sprintf($order, $_) } keys %tables;
my @indexes = sort keys %tables;

# A generator of numbers of our own, so that all runs are alike
my $seed = $ENV{GIGAVEC_SEED} // 12345;
sub pick
{
	my ($below) = @_;

	$seed = ($seed * 1103515245 + 12345) % 2147483648;
	return int($seed / 65536) % $below;
}

sub damage
{
	my ($path, $kind) = @_;
	my $size = -s $path;
	my $n = $size / $block_size;
	my ($page, $other);
	my $block = $kind =~ /metapage/ ? 0 : 1 + pick($n - 1);

	open(my $file, '+<:raw', $path) || die "could not open $path: $!";
	my $read = sub { seek($file, $_[0] * $block_size, 0); read($file, my $p, $block_size) == $block_size || die; return $p };
	my $write = sub { seek($file, $_[0] * $block_size, 0); print $file $_[1] };

	$page = $read->($block);
	if ($kind =~ /bits/)
	{
		my $n_bits = (1, 8, 64)[ pick(3) ];

		for (1 .. $n_bits)
		{
			# most of what matters comes first in a page
			my $offset = pick(3) ? pick(400) : pick($block_size);
			substr($page, $offset, 1) ^= chr(1 << pick(8));
		}
		$write->($block, $page);
	}
	elsif ($kind =~ /zeroed/)
	{
		$write->($block, "\0" x $block_size);
	}
	elsif ($kind =~ /noise/)
	{
		# the header stays, so that the page looks like one
		substr($page, 24, 2000) = join('', map { chr(pick(256)) } 1 .. 2000);
		$write->($block, $page);
	}
	elsif ($kind =~ /swapped/)
	{
		my $with = 1 + pick($n - 1);

		$other = $read->($with);
		$write->($with, $page);
		$write->($block, $other);
	}
	elsif ($kind =~ /foreign/)
	{
		open(my $heap, '<:raw', $node->data_dir . '/' . $node->{heap_path}) || die "no heap: $!";
		read($heap, $other, $block_size);
		$write->($block, $other);
	}
	elsif ($kind =~ /truncated/)
	{
		truncate($file, $block_size * (1 + int($n / 2))) || die "could not truncate: $!";
	}
	close($file) || die "could not write $path: $!";
	return $block;
}

my @kinds = ('bits', 'zeroed', 'noise', 'swapped', 'truncated', 'bits', 'foreign', 'noise', 'metapage bits', 'bits', 'metapage zeroed', 'metapage foreign');
my %path = map { $_ => $node->safe_psql('postgres', "SELECT pg_relation_filepath('$_')") } @indexes;
$node->{heap_path} = $node->safe_psql('postgres', "SELECT pg_relation_filepath('items')");
$node->safe_psql('postgres', 'CHECKPOINT');
$node->stop;

my $n_found = 0;
for my $trial (1 .. $n_trials)
{
	my $index = $indexes[ $trial % @indexes ];
	my $kind = $kinds[ $trial % @kinds ];
	my $table = $tables{$index};
	my $order = $orders{$index};
	my $block = damage($node->data_dir . "/$path{$index}", $kind);
	my $name = "trial $trial, $index, $kind, block $block";
	my ($out, $err, $differs);

	$node->start;

	my $exact = $node->safe_psql('postgres', "SELECT count(*), count(DISTINCT ctid) FROM $table");
	my $found = '';
	my $statement = 0;
	for my $sql (
		"SELECT count(*) FROM gigavec.check('$index')",
		"SELECT count(*) FROM gigavec.stats('$index')",
		"$BY_INDEX SELECT count(*) FROM (SELECT id FROM $table ORDER BY $order LIMIT 10) s",
		"$BY_INDEX SELECT count(*), count(DISTINCT ctid) FROM (SELECT ctid FROM $table ORDER BY $order) s",
		"SET enable_seqscan = off; SELECT count(*) FROM items WHERE body \@\@\@ to_bm25query('+w7 w1*', '$index')",
		"$BY_INDEX SELECT count(*) FROM (SELECT id FROM $table ORDER BY body <\@> to_bm25query('\"w7 w8\" w9~1', '$index') LIMIT 10) s",
		"INSERT INTO items SELECT 20000 + i, words(i + 5000) FROM generate_series(1, 400) i",
		"UPDATE $table SET body = words(id + 1) WHERE id % 10 = 3",
		"DELETE FROM $table WHERE id % 11 = 4 OR id >= 20000",
		"VACUUM (INDEX_CLEANUP on) $table",
		"SELECT count(*) FROM gigavec.check('$index')")
	{
		my $rc = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql", stdout => \$out, stderr => \$err, timeout => 120);

		$statement++;
		ok($rc == 0 || ($rc == 3 && $err =~ /ERROR:  XX00[12]: /) ||
				($kind =~ /metapage/ && $err =~ /ERROR:  0A000: index "$index" has version/),
			"$name: statement $statement succeeds or says that data are damaged") || diag("rc $rc\n$sql\n$err");
		like($err, qr/"$index"|\Q$path{$index}\E/, "$name: statement $statement names the index") if $rc != 0;
		$found = ($rc != 0 || $out ne '0') ? 'yes' : 'no' if $statement == 1;
		$differs = 1 if $statement == 4 && ($rc != 0 || $out ne $exact);
	}
	$n_found++ if $found eq 'yes';
	ok(!$differs || $found eq 'yes', "$name: check finds what changes answers");
	note("$name: check found " . $found . ', answers ' . ($differs ? 'differ' : 'do not differ'));

	$node->safe_psql('postgres', "REINDEX INDEX $index");
	is_sound($node, $index, "$name, REINDEX");
	is($node->safe_psql('postgres', "$BY_INDEX SELECT count(DISTINCT ctid) FROM (SELECT ctid FROM $table ORDER BY $order) s"),
		$node->safe_psql('postgres', "SELECT count(*) FROM $table"), "$name, REINDEX: all rows are found");
	ok(!$node->log_contains('terminated by signal'), "$name: no process crashed") || BAIL_OUT('crash');

	$path{$index} = $node->safe_psql('postgres', "SELECT pg_relation_filepath('$index')");
	$node->safe_psql('postgres', 'CHECKPOINT');
	$node->stop;
}
cmp_ok($n_found, '>=', $n_trials * 0.7, "check found $n_found of $n_trials damages");

# A metapage of another version, or of another access method
my ($out, $err);
my $index = 'items_byte';
for my $case ([ 28, pack('V', 77), 'version', qr/ERROR:  0A000: index "items_byte" has version 77, this library reads version 1\n(.*\n)*HINT:  Rebuild the index with REINDEX\./ ],
	[ 24, 'XYZW', 'magic', qr/ERROR:  XX002: index "items_byte" contains a damaged page at block 0\n(.*\n)*HINT:  Rebuild the index with REINDEX\./ ])
{
	my ($offset, $bytes, $what, $message) = @$case;

	open(my $file, '+<:raw', $node->data_dir . "/$path{$index}") || die "could not open it: $!";
	seek($file, $offset, 0);
	print $file $bytes;
	close($file);
	$node->start;
	for my $sql ("$BY_INDEX SELECT id FROM items ORDER BY $orders{$index} LIMIT 1",
		"INSERT INTO items VALUES (1, words(1))", 'DELETE FROM items WHERE id = 3; VACUUM (INDEX_CLEANUP on) items')
	{
		$node->psql('postgres', "\\set VERBOSITY verbose\n$sql", stdout => \$out, stderr => \$err);
		like($err, $message, "metapage with another $what: " . substr($sql, -40));
	}
	$node->safe_psql('postgres', "REINDEX INDEX $index; DROP TABLE IF EXISTS nothing; VACUUM items");
	is_sound($node, $index, "REINDEX after another $what");
	$path{$index} = $node->safe_psql('postgres', "SELECT pg_relation_filepath('$index')");
	$node->safe_psql('postgres', 'CHECKPOINT');
	$node->stop;
}

done_testing();
