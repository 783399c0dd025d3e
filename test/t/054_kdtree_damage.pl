#----------------------------------------------------------------------
#
# kdtree: damaged pages; no statement crashes or hangs, and check finds the damage.
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
	SET client_min_messages = warning;
	CREATE TABLE items (id int, v vector(3), w vector(24), name text);
	INSERT INTO items SELECT i, point(i % 700, 3), point(i, 24), 'name ' || i % 20 FROM generate_series(1, 1500) i;
	INSERT INTO items SELECT 10000 + i, '[0,0,0]', array_fill(0, ARRAY[24])::vector FROM generate_series(1, 30) i;
	CREATE INDEX items_cosine ON items USING kdtree (v vector_cosine_ops) WITH (fillfactor = 10);
	CREATE INDEX items_l2 ON items USING kdtree (v, id, name) WITH (fillfactor = 10);
	CREATE INDEX items_linf ON items USING kdtree (w vector_linf_ops) WITH (fillfactor = 50);
	INSERT INTO items SELECT i, point(i, 3), point(i, 24), 'name ' || i % 20 FROM generate_series(2001, 2500) i;
	DELETE FROM items WHERE id % 20 = 7;
	VACUUM items;
});

my %orders = (items_cosine => 'v <=> point(7, 3)', items_l2 => 'v <-> point(7, 3)', items_linf => 'w <*> point(7, 24)');
my $box = 'ARRAY[array_fill(0, ARRAY[3])::vector, array_fill(2, ARRAY[3])::vector]';

survive_damages($node,
	trials => $n_trials,
	tables => { map { $_ => 'items' } keys %orders },
	orders => \%orders,
	exact => sub { my ($table, $order) = @_; "$BY_TABLE SELECT count(*), count(DISTINCT ctid) FROM (SELECT ctid FROM $table ORDER BY $order) s" },
	is_complete => sub { my ($index, $table, $order, $name) = @_; is_complete($node, $table, $order, $name) },
	statements => sub {
		my ($index, $table, $order) = @_;

		return (
			"SELECT count(*) FROM gigavec.check('$index')",
			"SELECT count(*) FROM gigavec.stats('$index')",
			"$BY_INDEX SELECT count(*) FROM (SELECT id FROM $table ORDER BY $order LIMIT 10) s",
			"$BY_INDEX SELECT count(*), count(DISTINCT ctid) FROM (SELECT ctid FROM $table ORDER BY $order) s",
			"$BY_INDEX SELECT count(*) FROM (SELECT id FROM $table WHERE id BETWEEN 100 AND 300 AND name = 'name 3' ORDER BY $order LIMIT 10) s",
			"SET enable_seqscan = off; SELECT count(*) FROM $table WHERE $order < 0.5",
			$index eq 'items_l2' ? "SET enable_seqscan = off; SELECT count(*) FROM $table WHERE v <\@ $box AND id > 100" : 'SELECT 1',
			"INSERT INTO $table SELECT * FROM $table ORDER BY id LIMIT 400",
			"INSERT INTO items SELECT 20000 + i, point(i, 3, 5), point(i, 24, 5) FROM generate_series(1, 300) i",
			"UPDATE $table SET id = id + 1 WHERE id % 10 = 3",
			"DELETE FROM $table WHERE id % 11 = 4 OR id >= 20000",
			"VACUUM (INDEX_CLEANUP on) $table",
			"SELECT count(*) FROM gigavec.check('$index')");
	});

# A metapage of another version, or of another access method
my ($version) = slurp_file("$ENV{GIGAVEC_SOURCE}/src/kdtree/page.h") =~ /^#define GV_KDTREE_VERSION (\d+)$/m;
survive_metapages($node, 'items_l2',
	cases => [
		[ 28, pack('v', 77), 'version', qr/ERROR:  0A000: index "items_l2" has version 77, this library reads version $version\n(.*\n)*HINT:  Rebuild the index with REINDEX\./ ],
		[ 24, 'XYZW', 'magic', qr/ERROR:  XX002: index "items_l2" contains a damaged page at block 0\n(.*\n)*HINT:  Rebuild the index with REINDEX\./ ],
		[ 36, pack('V', 2), 'number of dimensions', qr/ERROR:  XX002: .*block 0\n.*DETAIL:  The metapage is of a column with other dimensions/ ],
		[ 56, pack('C', 9), 'kind of filter', qr/ERROR:  XX002: .*block 0\n.*DETAIL:  The metapage is of other filter columns/ ],
	],
	statements => [ "$BY_INDEX SELECT id FROM items ORDER BY v <-> point(7, 3) LIMIT 1",
		'INSERT INTO items VALUES (1, point(1, 3))', 'DELETE FROM items WHERE id = 3; VACUUM (INDEX_CLEANUP on) items' ],
	clean_up => 'VACUUM items');

$node->stop;
done_testing();
