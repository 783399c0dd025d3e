#----------------------------------------------------------------------
#
# Places that VACUUM has freed are used again.
#
# Half of the rows go, VACUUM comes, as many others follow: the index must not
# grow, whatever its nodes look like, and even if a crash loses the free space
# map, which is not logged.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $node = new_server('space', "fsync = off\nshared_buffers = 32MB\n");

# type, operator class, rows, value of the i-th row
my @tables = (
	[ 'with codes', 'vector(24)', 'vector_l2_ops', 400, 'point(%s, 24)' ],
	[ 'one node a page', 'vector(1500)', 'vector_cosine_ops', 40, 'point(%s, 1500)' ],
	[ 'exact', 'vector(24)', 'vector_l1_ops', 400, 'point(%s, 24)' ],
	[ 'exact, a page each', 'vector(1950)', 'vector_l1_ops', 40, 'point(%s, 1950)' ],
	[ 'exact, longer than a page', 'vector(3000)', 'vector_l1_ops', 30, 'point(%s, 3000)' ],
	[ 'exact, of many lengths', 'sparsevec(2000)', 'sparsevec_l2_ops', 60,
		q{(SELECT ('{' || string_agg(j * 3 || ':' || 1 + noise(%1$s, j, 5), ',') || '}/2000') FROM generate_series(1, 1 + (%1$s * 37 %% 600)::int) j)::sparsevec(2000)} ],
	[ 'bits', 'bit(64)', 'bit_hamming_ops', 400, '(hashint8extended(%s, 1))::bit(64)' ],
);

for my $table (@tables)
{
	my ($name, $type, $opclass, $n, $value) = @$table;
	my $insert = "INSERT INTO items SELECT i, " . sprintf($value, 'i') . ' FROM generate_series(%d, %d) i';
	my ($size, $first);

	$node->safe_psql('postgres', qq{
		DROP TABLE IF EXISTS items;
		CREATE TABLE items (id int, v $type);
		CREATE INDEX items_v ON items USING hnsw (v $opclass) WITH (m = 4, ef_construction = 16);
		} . sprintf($insert, 1, $n));
	$size = $first = $node->safe_psql('postgres', q{SELECT pg_relation_size('items_v') / 8192});
	for my $round (1 .. 6)
	{
		# whole groups of equal vectors
		$node->safe_psql('postgres', "DELETE FROM items WHERE id / 30 % 2 = $round % 2; VACUUM items");
		if ($round == 3)
		{
			$node->stop('immediate');
			$node->start;
			$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 7 = 1; VACUUM items');
		}
		$node->safe_psql('postgres', sprintf($insert, 30 * 1000 * $round + ($round % 2) * 30,
				30 * 1000 * $round + ($round % 2) * 30 + $n - 1 - $node->safe_psql('postgres', 'SELECT count(*) FROM items')));
		$size = $node->safe_psql('postgres', q{SELECT pg_relation_size('items_v') / 8192});
		note("$name, round $round: $size pages");
	}
	cmp_ok($size, '<=', 1.1 * $first + 3, "$name: $first pages at first, $size after six rounds");
	is_sound($node, 'items_v', $name);
}

# Rows beyond the first of a vector have pages of their own
my @sizes;

$node->safe_psql('postgres', q{
	DROP TABLE items;
	CREATE TABLE items (id int, v vector(24));
	CREATE INDEX items_v ON items USING hnsw (v vector_l2_ops)});
for my $round (1 .. 6)
{
	push @sizes, $node->safe_psql('postgres', qq{
		INSERT INTO items SELECT i, point($round * 10 + i % 3, 24) FROM generate_series(1, 12000) i;
		DELETE FROM items;
		VACUUM items;
		SELECT pg_relation_size('items_v') / 8192});
}
cmp_ok($sizes[-1], '<=', $sizes[0] + 3, "three vectors in 12,000 rows each time: pages @sizes");
is_sound($node, 'items_v', 'many rows of a vector');
$node->stop;

done_testing();
