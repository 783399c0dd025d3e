#----------------------------------------------------------------------
#
# kdtree: a process dies, or fails, at each step that is written to the log.
#
# As 010_fault_points does for hnsw: the table must have what was confirmed and
# nothing else, and the index just the table's rows, in order.  With 64
# dimensions 31 points fill a leaf and 15 children an inner page, so that some
# hundreds of rows split pages of every kind.
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

my $node = new_server('points', q{
	fsync = off
	wal_consistency_checking = 'all'
	shared_buffers = 16MB
	restart_after_crash = on
	bgwriter_lru_maxpages = 0
	checkpoint_timeout = 1h
});

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_buffercache;
	SET client_min_messages = warning;
	CREATE TABLE items (id int PRIMARY KEY, v vector(64));
	INSERT INTO items SELECT i, point(i, 64) FROM generate_series(1, 300) i;
	CREATE INDEX items_kd ON items USING kdtree (v);
	CREATE TABLE items_mirror AS TABLE items;
	CREATE VIEW differences AS SELECT id FROM items FULL JOIN items_mirror m USING (id) WHERE items IS NULL OR m IS NULL;
	CREATE VIEW leftovers AS
		SELECT 'pin of block ' || relblocknumber AS what FROM pg_buffercache WHERE pinning_backends > 0
			AND relfilenode = pg_relation_filenode('items_kd')
		UNION ALL
		SELECT mode || ' on ' || relation::regclass FROM pg_locks WHERE relation = 'items_kd'::regclass;
});

# Lists of statements, given the round
my %works = (
	insert => sub {
		my ($base) = 10000 * (1 + $_[0]);

		return ('INSERT INTO items SELECT i, point(i, 64, 5) FROM generate_series(' . $base . ', ' . ($base + 599) . ') i',
			map { "INSERT INTO items VALUES ($base + 1000 + $_, point($base + $_ % 7, 64))" } 1 .. 12);
	},
	vacuum => sub {
		my ($round) = @_;

		# rows far from all others, so that leaves become empty
		return ("INSERT INTO items SELECT -1000 * ($round + 1) - i, point(i, 64) + array_fill(1000, ARRAY[64])::vector FROM generate_series(1, 150) i",
			"DELETE FROM items WHERE id < 0 OR id % 3 = $round % 3", 'VACUUM items',
			# that looks at pages which nothing leads to
			"DO \$\$BEGIN PERFORM gigavec.check('items_kd'); END\$\$");
	},
	create => sub {
		return ('DROP TABLE IF EXISTS other, passing',
			'CREATE TABLE other (v vector(64))',
			'CREATE INDEX other_kd ON other USING kdtree (v)',
			'CREATE UNLOGGED TABLE passing (v vector(64))',
			'CREATE INDEX passing_kd ON passing USING kdtree (v)',
			'INSERT INTO passing SELECT v FROM items LIMIT 50',
			'REINDEX INDEX items_kd',
			# rows that do not fit into memory: an empty tree that grows up to the split of the root
			'TRUNCATE other', 'INSERT INTO other SELECT point(i, 64) FROM generate_series(1, 600) i');
	},
	scan => sub {
		return ("DO \$\$BEGIN PERFORM gigavec.check('items_kd'); END\$\$", $BY_INDEX,
			'DO $$BEGIN PERFORM id FROM items ORDER BY v <-> point(7, 64); END$$');
	},
);

sub check_all
{
	my ($name) = @_;

	is($node->safe_psql('postgres', qq{
		TABLE differences;
		SELECT * FROM gigavec.check('items_kd') LIMIT 10;
		$BY_INDEX
		SELECT count(*) - (SELECT count(*) FROM items), count(*) - count(DISTINCT id), count(*) FILTER (WHERE d < before)
		FROM (SELECT id, d, lag(d) OVER (ORDER BY n) AS before
			FROM (SELECT id, d, row_number() OVER () AS n
				FROM (SELECT id, v <-> point(1000007, 64) AS d FROM items ORDER BY v <-> point(1000007, 64) OFFSET 0) r) s) t}),
		'0|0|0', "$name: the index has what was confirmed");
	return;
}

# or the tree would only grow
sub renew
{
	my ($work, $round) = @_;

	$node->safe_psql('postgres', 'TRUNCATE items; INSERT INTO items SELECT i, point(i, 64) FROM generate_series(1, 300) i;'
		  . 'TRUNCATE items_mirror; INSERT INTO items_mirror TABLE items') if $round % 5 == 0;
	return;
}

visit_points(
	node => $node,
	folders => 'kdtree',
	tables => 'items',
	works => \%works,
	prepare => \&renew,
	check => \&check_all);
$node->stop;

done_testing();
