#----------------------------------------------------------------------
#
# hnsw: damaged pages; no statement crashes or hangs, and check finds the damage.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecDamage;
use GigavecTest;

# another start by GIGAVEC_SEED, some indexes only by GIGAVEC_INDEXES
my $n_trials = $LONG ? 500 : 20;
my $node = damage_server(q{
	CREATE TABLE items (id int, v vector(24));
	INSERT INTO items SELECT i, CASE WHEN i % 5 = 0 THEN point(i % 40, 24) ELSE point(i, 24) END FROM generate_series(1, 800) i;
	INSERT INTO items SELECT 10000 + i, array_fill(0, ARRAY[24])::vector FROM generate_series(1, 30) i;
	CREATE TABLE long (id int, s sparsevec(3000));
	INSERT INTO long SELECT i, (SELECT '{' || string_agg(DISTINCT j || ':' || noise(i, j, 1) + 0.5, ',') || '}/3000'
		FROM generate_series(1 + i % 3, CASE WHEN i % 9 = 0 THEN 2990 ELSE 60 END, 1 + i % 5) j)::sparsevec FROM generate_series(1, 200) i;
	CREATE INDEX items_cosine ON items USING hnsw (v vector_cosine_ops);
	CREATE INDEX items_l2 ON items USING hnsw (v vector_l2_ops, id);
	CREATE INDEX items_l1 ON items USING hnsw (v vector_l1_ops) WITH (m = 8, ef_construction = 32);
	CREATE INDEX long_l2 ON long USING hnsw (s sparsevec_l2_ops) WITH (m = 8, ef_construction = 32);
	CREATE INDEX long_ip ON long USING hnsw (s sparsevec_ip_ops) WITH (m = 8, ef_construction = 32);
	CREATE TABLE listed AS TABLE items;
	CREATE INDEX listed_flat ON listed USING ivfflat (v vector_l2_ops, id) WITH (lists = 12);
	CREATE INDEX listed_pq ON listed USING ivfpq (v vector_ip_ops) WITH (lists = 12);
	-- all lists: in order
	ALTER DATABASE postgres SET ivfflat.probes = 100;
	ALTER DATABASE postgres SET ivfpq.probes = 100;
});

<<<<<<< HEAD
my %orders = (items_cosine => 'v <=> point(7, 24)', items_l2 => 'v <-> point(7, 24)', items_l1 => 'v <+> point(7, 24)',
=======
disable_checksums($node);

my %tables = (listed_flat => 'listed', listed_pq => 'listed', items_linf => 'items', items_kd => 'items', items_cosine => 'items', items_l2 => 'items', items_l1 => 'items', long_l2 => 'long', long_ip => 'long');
my %orders = (listed_flat => 'v <-> point(7, 24)', listed_pq => 'v <#> point(7, 24)',
	items_linf => 'v <*> point(7, 24)', items_kd => 'subvector(v, 1, 3)::vector(3) <=> point(7, 3)',
	items_cosine => 'v <=> point(7, 24)', items_l2 => 'v <-> point(7, 24)', items_l1 => 'v <+> point(7, 24)',
>>>>>>> 3c65c45 (ivf: no wait on pages that a damaged index names twice; plan with a damaged metapage)
	long_l2 => "s <-> (SELECT '{1:1,5:2}/3000'::sparsevec)", long_ip => "s <#> (SELECT '{1:1,5:2}/3000'::sparsevec)");

survive_damages($node,
	trials => $n_trials,
	tables => { map { $_ => /(\w+)_/ } keys %orders },
	orders => \%orders,
	exact => sub { my ($table, $order) = @_; "$BY_TABLE SELECT count(*), count(DISTINCT ctid) FROM (SELECT ctid FROM $table ORDER BY $order) s" },
	is_complete => sub { my ($index, $table, $order, $name) = @_; is_complete($node, $table, $order, $name, 0.05) },
	statements => sub {
		my ($index, $table, $order) = @_;

<<<<<<< HEAD
		return (
			"SELECT count(*) FROM gigavec.check('$index')",
			"SELECT count(*) FROM gigavec.stats('$index')",
			"$BY_INDEX SELECT count(*) FROM (SELECT id FROM $table ORDER BY $order LIMIT 10) s",
			"$BY_INDEX SELECT count(*), count(DISTINCT ctid) FROM (SELECT ctid FROM $table ORDER BY $order) s",
			"$BY_INDEX SET hnsw.ef_search = 500; SELECT count(*) FROM (SELECT id FROM $table WHERE id % 90 = 0 ORDER BY $order LIMIT 10) s",
			"$BY_INDEX SELECT count(*) FROM (SELECT id FROM $table WHERE id BETWEEN 100 AND 300 ORDER BY $order LIMIT 10) s",
			"INSERT INTO $table SELECT * FROM $table ORDER BY id LIMIT 40",
			$table eq 'items' ? 'INSERT INTO items SELECT 20000 + i, point(i, 24, 5) FROM generate_series(1, 40) i'
				: "INSERT INTO long SELECT 20000 + i, ('{1:' || i || ',7:3}/3000')::sparsevec FROM generate_series(1, 40) i",
			"UPDATE $table SET id = id + 1 WHERE id % 10 = 3",
			"DELETE FROM $table WHERE id % 11 = 4 OR id >= 20000",
			"VACUUM (INDEX_CLEANUP on) $table",
			"SELECT count(*) FROM gigavec.check('$index')");
	});
=======
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
	my $index = $tried[ $trial % @tried ];
	my $kind = $kinds[ $trial % @kinds ];
	my $table = $tables{$index};
	my $order = $orders{$index};
	my $block = damage($node->data_dir . "/$path{$index}", $kind);
	my $name = "trial $trial, $index, $kind, block $block";
	my ($out, $err, $differs);

	$node->start;

	my $exact = $node->safe_psql('postgres', "$BY_TABLE SELECT count(*), count(DISTINCT ctid) FROM (SELECT ctid FROM $table ORDER BY $order) s");
	my $found = '';
	my $statement = 0;
	for my $sql (
		"SELECT count(*) FROM gigavec.check('$index')",
		"SELECT count(*) FROM gigavec.stats('$index')",
		"$BY_INDEX SELECT count(*) FROM (SELECT id FROM $table ORDER BY $order LIMIT 10) s",
		"$BY_INDEX SELECT count(*), count(DISTINCT ctid) FROM (SELECT ctid FROM $table ORDER BY $order) s",
		"$BY_INDEX SET hnsw.ef_search = 500; SELECT count(*) FROM (SELECT id FROM $table WHERE id % 90 = 0 ORDER BY $order LIMIT 10) s",
		"$BY_INDEX SELECT count(*) FROM (SELECT id FROM $table WHERE id BETWEEN 100 AND 300 ORDER BY $order LIMIT 10) s",
		"INSERT INTO $table SELECT * FROM $table ORDER BY id LIMIT 40",
		$table ne 'long' ? "INSERT INTO $table SELECT 20000 + i, point(i, 24, 5) FROM generate_series(1, 40) i"
			: "INSERT INTO long SELECT 20000 + i, ('{1:' || i || ',7:3}/3000')::sparsevec FROM generate_series(1, 40) i",
		"UPDATE $table SET id = id + 1 WHERE id % 10 = 3",
		$table eq 'listed' ? "SELECT gigavec.train('$index') > 1" : 'SELECT',
		"DELETE FROM $table WHERE id % 11 = 4 OR id >= 20000",
		"VACUUM (INDEX_CLEANUP on) $table",
		"SELECT count(*) FROM gigavec.check('$index')")
	{
		my $rc = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql", stdout => \$out, stderr => \$err, timeout => 120);

		$statement++;
		ok($rc == 0 || ($rc == 3 && $err =~ /ERROR:  XX00[12]: /),
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
	is_complete($node, $table, $order, "$name, REINDEX", 0.05);
	ok(!$node->log_contains('terminated by signal'), "$name: no process crashed") || BAIL_OUT('crash');

	$path{$index} = $node->safe_psql('postgres', "SELECT pg_relation_filepath('$index')");
	$node->safe_psql('postgres', 'CHECKPOINT');
	$node->stop;
}
cmp_ok($n_found, '>=', $n_trials * 0.7, "check found $n_found of $n_trials damages");
>>>>>>> 3c65c45 (ivf: no wait on pages that a damaged index names twice; plan with a damaged metapage)

# A list whose rows' page is that of their vectors, too: an insert that has locked
# it must not wait for it.  The kind of a page comes 8 bytes before its end, the
# page of vectors 36 bytes from its start.
{
	my $file_path = $node->data_dir . "/$path{listed_flat}";
	my ($out, $err);

	open(my $file, '+<:raw', $file_path) || die "could not open $file_path: $!";
	for my $block (1 .. (-s $file_path) / $block_size - 1)
	{
		seek($file, ($block + 1) * $block_size - 8, 0);
		read($file, my $kind, 2) == 2 || die;
		next if unpack('v', $kind) != 5;
		seek($file, $block * $block_size + 36, 0);
		print $file pack('V', $block);
	}
	close($file);
	$node->start;
	is($node->psql('postgres', "\\set VERBOSITY verbose\nINSERT INTO listed SELECT 30000 + i, point(i, 24) FROM generate_series(1, 40) i",
			stdout => \$out, stderr => \$err, timeout => 120), 3, 'an insert into a damaged list ends');
	like($err, qr/ERROR:  XX002: index "listed_flat" contains a damaged page/, 'with an error');
	$node->safe_psql('postgres', 'REINDEX INDEX listed_flat');
	is_sound($node, 'listed_flat', 'REINDEX after pages of rows that are pages of vectors');
	$path{listed_flat} = $node->safe_psql('postgres', "SELECT pg_relation_filepath('listed_flat')");
	$node->safe_psql('postgres', 'CHECKPOINT');
	$node->stop;
}

# A metapage of another version, or of another access method: page header of
# 24 bytes, magic, version
my ($version) = slurp_file("$ENV{GIGAVEC_SOURCE}/src/hnsw/page.h") =~ /^#define GV_HNSW_VERSION (\d+)$/m;
my $next = $version + 1;
survive_metapages($node, 'items_l2',
	cases => [
	[ 28, pack('v', $next), 'version', qr/ERROR:  0A000: index "items_l2" has version $next, this library reads versions 1 to $version\n(.*\n)*HINT:  Rebuild the index with REINDEX\./ ],
		[ 24, 'XYZW', 'magic', qr/ERROR:  XX002: index "items_l2" contains a damaged page at block 0\n(.*\n)*HINT:  Rebuild the index with REINDEX\./ ],
		[ 36, pack('V', 99), 'dimensions', qr/ERROR:  XX002: / ],
		[ 56, pack('v', 9), 'kind of vectors', qr/ERROR:  XX002: .*block 0\n.*DETAIL:  The node layout is not valid/ ],
		[ 76, pack('v', 0), 'number of nodes', qr/ERROR:  XX002: .*block 0\n.*DETAIL:  The node layout is not valid/ ],
	],
	statements => [ "$BY_INDEX SELECT id FROM items ORDER BY v <-> point(7, 24) LIMIT 1",
		'INSERT INTO items VALUES (1, point(1, 24))', 'DELETE FROM items WHERE id = 3; VACUUM (INDEX_CLEANUP on) items' ],
	clean_up => 'VACUUM items');

$node->stop;
done_testing();
