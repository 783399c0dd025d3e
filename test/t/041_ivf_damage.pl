#----------------------------------------------------------------------
#
# ivfflat and ivfpq: damaged pages; no statement crashes or hangs, and check finds the damage.
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
my $n_trials = $LONG ? 300 : 20;
my $node = damage_server(q{
	CREATE TABLE items (id int, v vector(24));
	INSERT INTO items SELECT i, CASE WHEN i % 5 = 0 THEN point(i % 40, 24) ELSE point(i, 24) END FROM generate_series(1, 1500) i;
	INSERT INTO items SELECT 10000 + i, array_fill(0, ARRAY[24])::vector FROM generate_series(1, 30) i;
	SET client_min_messages = warning;
	CREATE INDEX items_flat ON items USING ivfflat (v vector_l2_ops) WITH (lists = 20);
	CREATE INDEX items_cosine ON items USING ivfpq (v vector_cosine_ops, id) WITH (lists = 20);
	CREATE INDEX items_planes ON items USING ivfpq (v vector_ip_ops) WITH (lists = 20, bits = 4);
	CREATE INDEX items_pq ON items USING ivfpq ((v::halfvec(24)) halfvec_l2_ops) WITH (lists = 20, quantizer = pq, bits = 8, opq = on);
	CREATE INDEX items_bit ON items USING ivfflat ((binary_quantize(v - array_fill(1.5, ARRAY[24])::vector)::bit(24)) bit_hamming_ops) WITH (lists = 10);
	INSERT INTO items SELECT i, point(i, 24) FROM generate_series(2001, 2300) i;
	DELETE FROM items WHERE id % 20 = 7;
	VACUUM items;
});

my %orders = (items_flat => 'v <-> point(7, 24)', items_cosine => 'v <=> point(7, 24)', items_planes => 'v <#> point(7, 24)', items_pq => 'v::halfvec(24) <-> point(7, 24)::halfvec(24)',
	items_bit => 'binary_quantize(v - array_fill(1.5, ARRAY[24])::vector)::bit(24) <~> binary_quantize(point(7, 24) - array_fill(1.5, ARRAY[24])::vector)::bit(24)');

survive_damages($node,
	trials => $n_trials,
	tables => { map { $_ => 'items' } keys %orders },
	orders => \%orders,
	exact => sub { "SELECT count(*), count(DISTINCT ctid) FROM $_[0]" },
	statements => sub {
		my ($index, $table, $order) = @_;

		return (
			"SELECT count(*) FROM gigavec.check('$index')",
			"SELECT count(*) FROM gigavec.stats('$index')",
			"$BY_INDEX SELECT count(*) FROM (SELECT id FROM $table ORDER BY $order LIMIT 10) s",
			"$BY_INDEX SELECT count(*), count(DISTINCT ctid) FROM (SELECT ctid FROM $table ORDER BY $order) s",
			"$BY_INDEX SELECT count(*) FROM (SELECT id FROM $table WHERE id BETWEEN 100 AND 300 ORDER BY $order LIMIT 10) s",
			"INSERT INTO $table SELECT * FROM $table ORDER BY id LIMIT 200",
			"INSERT INTO items SELECT 20000 + i, point(i, 24, 5) FROM generate_series(1, 200) i",
			"UPDATE $table SET id = id + 1 WHERE id % 10 = 3",
			"SELECT gigavec.train('$index') > 1",
			"DELETE FROM $table WHERE id % 11 = 4 OR id >= 20000",
			"VACUUM (INDEX_CLEANUP on) $table",
			"SELECT count(*) FROM gigavec.check('$index')");
	});

# A list whose pages of rows are said to be those of their vectors, too: an insert
# that has locked one must not wait for it.  The kind of a page comes 8 bytes
# before its end, the page of vectors 36 bytes from its start.
{
	my $block_size = 8192;
	my $path = $node->data_dir . '/' . $node->safe_psql('postgres', "CHECKPOINT; SELECT pg_relation_filepath('items_flat')");
	my ($n, $out, $err) = (0);

	$node->stop;
	open(my $file, '+<:raw', $path) || die "could not open $path: $!";
	for my $block (1 .. (-s $path) / $block_size - 1)
	{
		seek($file, ($block + 1) * $block_size - 8, 0);
		read($file, my $kind, 2) == 2 || die;
		next if unpack('v', $kind) != 5;
		seek($file, $block * $block_size + 36, 0);
		print $file pack('V', $block);
		$n++;
	}
	close($file);
	cmp_ok($n, '>=', 20, 'pages of rows are damaged');
	$node->start;
	is($node->psql('postgres', "\\set VERBOSITY verbose\nINSERT INTO items SELECT 30000 + i, point(i, 24) FROM generate_series(1, 40) i",
			stdout => \$out, stderr => \$err, timeout => 120), 3, 'an insert into a damaged list ends');
	like($err, qr/ERROR:  XX002: index "items_flat" contains a damaged page/, 'with an error');
	$node->safe_psql('postgres', 'REINDEX INDEX items_flat');
	is_sound($node, 'items_flat', 'REINDEX after such pages');
}

# A metapage of another version, or of another access method
survive_metapages($node, 'items_flat',
	cases => [
		[ 28, pack('v', 77), 'version', qr/ERROR:  0A000: index "items_flat" has version 77, .*\n(.*\n)*HINT:  Rebuild the index with REINDEX\./ ],
		[ 24, 'XYZW', 'magic', qr/ERROR:  XX002: index "items_flat" contains a damaged page at block 0\n(.*\n)*HINT:  Rebuild the index with REINDEX\./ ],
	],
	statements => [ "$BY_INDEX SELECT id FROM items ORDER BY v <-> point(7, 24) LIMIT 1",
		'INSERT INTO items VALUES (1, point(1, 24))', 'DELETE FROM items WHERE id = 3; VACUUM (INDEX_CLEANUP on) items' ],
	clean_up => 'VACUUM items');

$node->stop;
done_testing();
