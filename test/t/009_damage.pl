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
});

my %orders = (items_cosine => 'v <=> point(7, 24)', items_l2 => 'v <-> point(7, 24)', items_l1 => 'v <+> point(7, 24)',
	long_l2 => "s <-> (SELECT '{1:1,5:2}/3000'::sparsevec)", long_ip => "s <#> (SELECT '{1:1,5:2}/3000'::sparsevec)");

survive_damages($node,
	trials => $n_trials,
	tables => { map { $_ => /(\w+)_/ } keys %orders },
	orders => \%orders,
	exact => sub { my ($table, $order) = @_; "$BY_TABLE SELECT count(*), count(DISTINCT ctid) FROM (SELECT ctid FROM $table ORDER BY $order) s" },
	is_complete => sub { my ($index, $table, $order, $name) = @_; is_complete($node, $table, $order, $name, 0.05) },
	statements => sub {
		my ($index, $table, $order) = @_;

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

# A metapage of another version, or of another access method: page header of
# 24 bytes, magic, version
my ($version) = slurp_file("$ENV{GIGAVEC_SOURCE}/src/hnsw/page.h") =~ /^#define GV_HNSW_VERSION (\d+)$/m;
my $next = $version + 1;
survive_metapages($node, 'items_l2',
	cases => [
	[ 28, pack('v', $next), 'version', qr/ERROR:  0A000: index "items_l2" has version $next, this library reads version $version\n(.*\n)*HINT:  Rebuild the index with REINDEX\./ ],
		[ 24, 'XYZW', 'magic', qr/ERROR:  XX002: index "items_l2" contains a damaged page at block 0\n(.*\n)*HINT:  Rebuild the index with REINDEX\./ ],
		[ 36, pack('V', 99), 'dimensions', qr/ERROR:  XX002: / ],
		[ 56, pack('v', 9), 'kind of vectors', qr/ERROR:  XX002: .*block 0\n.*DETAIL:  The node layout is not valid/ ],
		[ 76, pack('v', 0), 'number of nodes', qr/ERROR:  XX002: .*block 0\n.*DETAIL:  The node layout is not valid/ ],
	],
	statements => [ "$BY_INDEX SELECT id FROM items ORDER BY v <-> point(7, 24) LIMIT 1",
		'INSERT INTO items VALUES (1, point(1, 24))', 'DELETE FROM items WHERE id = 3; VACUUM (INDEX_CLEANUP on) items' ],
	clean_up => 'VACUUM items');

# The page of tids to fill next is one of nodes, whose lock an insert holds
$node->safe_psql('postgres', 'CREATE TABLE few AS SELECT i AS id, point(i, 24)::vector(24) AS v FROM generate_series(1, 3) i; CREATE INDEX few_v ON few USING hnsw (v vector_l2_ops); CHECKPOINT');
my $few = slurp_file($node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('few_v')"));
my ($nodes) = grep { unpack('v', substr($few, $_ * 8192 + 8184, 2)) == 2 } 1 .. length($few) / 8192 - 1;
survive_metapages($node, 'few_v',
	cases => [ [ 96, pack('V', $nodes), 'page of tids', qr/ERROR:  XX002: .*block $nodes\n.*DETAIL:  It is not a page of tids/ ] ],
	statements => [ 'INSERT INTO few SELECT few.* FROM few, generate_series(1, 3)' ],
	clean_up => 'VACUUM few');

$node->stop;
done_testing();
