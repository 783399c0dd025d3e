#----------------------------------------------------------------------
#
# kdtree: the answers of a sequential scan, bit by bit.
#
# On each real set of few dimensions, at scales .01, 1 and 100, with equal rows
# and after half of the rows were deleted and others inserted, by every
# distance.  The lists of distances must not differ for any query: neither in
# order, nor in a tie, nor in a digit.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my @sets = ([ 'geonames-2d', 2 ], [ 'geonames-3d', 3 ], [ 'colors-rgb-3d', 3 ], [ 'bsds-pixels-5d', 5 ]);
my %distances = ('<->' => 'l2', '<+>' => 'l1', '<*>' => 'linf', '<=>' => 'cosine');

# rows of a set, and queries of a combination of set, scale and distance: the
# set's own, rows of the table, and points between and beside both
my $n_rows = $LONG ? undef : 4000;
my $n_queries = $LONG ? 10000 : 1000;

my $node = new_server('exact', "shared_buffers = 256MB\nfsync = off\n");

$node->safe_psql('postgres', q{
	CREATE TABLE sets (id int, v vector);
	CREATE TABLE questions (id int, v vector);
	CREATE FUNCTION scaled(v vector, scale real) RETURNS vector LANGUAGE sql IMMUTABLE AS
		'SELECT v * array_fill(scale, ARRAY[vector_dims(v)])::vector';
});

# The distances that queries get, an array each
sub lists
{
	my ($settings, $table, $distance, $k, $name) = @_;

	return qq{
		$settings
		CREATE TABLE $name AS SELECT q.id, ARRAY(SELECT v $distance q.v FROM items ORDER BY v $distance q.v LIMIT $k) AS list
		FROM $table q;};
}

sub compare
{
	my ($distance, $k, $name) = @_;
	my $explained = $node->safe_psql('postgres', "$BY_INDEX EXPLAIN (COSTS off)
		SELECT ARRAY(SELECT v $distance q.v FROM items ORDER BY v $distance q.v LIMIT $k) FROM q");

	like($explained, qr/Index Scan using items_kd/, "$name: by the index");
	is( $node->safe_psql('postgres', 'DROP TABLE IF EXISTS by_index, by_table;'
			  . lists($BY_INDEX, 'q', $distance, $k, 'by_index')
			  . 'RESET ALL;'
			  . lists($BY_TABLE, 'q', $distance, $k, 'by_table')
			  . 'SELECT count(*), count(*) FILTER (WHERE i.list IS DISTINCT FROM t.list)'
			  . ' FROM by_index i FULL JOIN by_table t USING (id)'),
		"$n_queries|0", "$name: $n_queries queries, none differs");
	return;
}

my $n_done = 0;
for my $set (@sets)
{
	my ($name, $dim) = @$set;
	my $folder = data_folder($name);

  SKIP:
	{
		skip("no data set $name", 1) if !defined $folder;
		$node->safe_psql('postgres', 'TRUNCATE sets, questions');
		# all over the file: neighbors in it are alike
		copy_vectors($node, "$folder/base.npy", 'sets', 0);
		copy_vectors($node, "$folder/query.npy", 'questions', 0);
		for my $scale (0.01, 1, 100)
		{
			my $limit = defined $n_rows ? "LIMIT $n_rows" : '';
			my $i = 0;

			for my $distance (sort keys %distances)
			{
				# every scale begins with another type, so that each meets each
				my $type = ($i++ + ($scale == 1)) % 2 ? 'halfvec' : 'vector';
				my $label = "$name, scale $scale, $type $distance";

				# float16 ends at 65504
				$type = 'vector' if $name ne 'geonames-3d' && $scale == 100;
				$node->safe_psql('postgres', qq{
					DROP TABLE IF EXISTS items, q;
					CREATE TABLE items (id int, v $type($dim));
					CREATE TABLE q AS SELECT row_number() OVER () AS id, v::$type AS v FROM (
						(SELECT scaled(v, $scale) AS v FROM questions)
						UNION ALL (SELECT scaled(a.v, $scale) FROM sets a WHERE a.id % 7 = 3)
						UNION ALL (SELECT scaled(a.v, $scale * 1.001) FROM sets a WHERE a.id % 7 = 4)) x LIMIT $n_queries;
					INSERT INTO q SELECT 1000000 + i, v FROM q, generate_series(1, $n_queries) i
						LIMIT $n_queries - (SELECT count(*) FROM q);
					INSERT INTO items SELECT id, scaled(v, $scale)::$type FROM (SELECT * FROM sets ORDER BY hashint4(id) $limit) s;
					INSERT INTO items SELECT -id, v FROM items WHERE id % 10 = 0;
					CREATE INDEX items_kd ON items USING kdtree (v ${type}_$distances{$distance}_ops);
				});
				# a fresh index, at one scale only for time's sake; then churn
				compare($distance, 10, "$label, fresh") if $scale == 1;
				$node->safe_psql('postgres', qq{
					CREATE TABLE gone AS SELECT * FROM items WHERE abs(id) % 2 = 0;
					DELETE FROM items WHERE abs(id) % 2 = 0;
					VACUUM items;
					INSERT INTO items SELECT id + 10000000, v FROM gone;
					INSERT INTO items SELECT id, v FROM gone WHERE id % 30 = 0;
					DROP TABLE gone;
				});
				compare($distance, 10, "$label, churned");
				is_sound($node, 'items_kd', $label);
				$n_done++;
			}
		}
		is_complete($node, 'items', q{v <=> (SELECT v FROM q WHERE id = 1)}, $name, 0);
	}
}
ok($n_done == 12 * @sets || grep({ !defined data_folder($_->[0]) } @sets), "$n_done combinations");

done_testing();
