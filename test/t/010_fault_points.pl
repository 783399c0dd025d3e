#----------------------------------------------------------------------
#
# A process dies, or fails, at each step that is written to the log.
#
# The points are read from the source: before and after each record, and those
# declared.  For each there is work that comes to it.  The process is killed
# there, the server recovers, and then the table must have what was confirmed
# and nothing else, the indexes just the table's rows, and searches must find
# them as in fresh indexes.  Then the same work is stopped there by an error,
# after which nothing may be left behind.
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

# table, operator, dimensions, index
my @searches = (
	[ 'items', '<->', 24, 'items_l2' ],
	[ 'items', '<=>', 24, 'items_cosine' ],
	[ 'wide', '<->', 128, 'wide_l2' ],
	[ 'long', '<+>', 3000, 'long_l1' ],
	[ 'long', '<->', 3000, 'long_flat' ],
	[ 'listed', '<->', 24, 'listed_flat' ],
	[ 'listed', '<=>', 24, 'listed_pq' ],
);

my $node = new_server('points', q{
	fsync = off
	shared_buffers = 16MB
	restart_after_crash = on
	max_parallel_maintenance_workers = 0
	bgwriter_lru_maxpages = 0
	checkpoint_timeout = 1h
});

# With a small m nodes are full, and new ones force their way in.  The mirrors
# have no indexes of ours; they get what was confirmed.
$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_buffercache;
	CREATE TABLE items (id int PRIMARY KEY, v vector(24));
	INSERT INTO items SELECT i, point(i, 24) FROM generate_series(1, 700) i;
	INSERT INTO items SELECT i, point(i % 3, 24) FROM generate_series(701, 760) i;
	INSERT INTO items SELECT i, array_fill(0, ARRAY[24])::vector FROM generate_series(761, 800) i;
	CREATE INDEX items_l2 ON items USING hnsw (v vector_l2_ops, (id % 5)) WITH (m = 4, ef_construction = 32);
	CREATE INDEX items_cosine ON items USING hnsw (v vector_cosine_ops);
	CREATE TABLE wide (id int PRIMARY KEY, v vector(128));
	INSERT INTO wide SELECT i, point(i, 128) FROM generate_series(1, 200) i;
	CREATE INDEX wide_l2 ON wide USING hnsw (v vector_l2_ops) WITH (m = 2, ef_construction = 8);
	CREATE TABLE long (id int PRIMARY KEY, v vector(3000));
	ALTER TABLE long ALTER v SET STORAGE EXTERNAL;
	INSERT INTO long SELECT i, point(i, 3000) FROM generate_series(1, 30) i;
	CREATE INDEX long_l1 ON long USING hnsw (v vector_l1_ops) WITH (m = 2, ef_construction = 8);
	CREATE INDEX long_flat ON long USING ivfflat (v) WITH (lists = 3);
	CREATE TABLE listed (id int PRIMARY KEY, v vector(24));
	INSERT INTO listed SELECT i, CASE WHEN i % 20 = 0 THEN array_fill(0, ARRAY[24])::vector ELSE point(i, 24) END FROM generate_series(1, 800) i;
	CREATE INDEX listed_flat ON listed USING ivfflat (v vector_l2_ops, (id % 5)) WITH (lists = 8);
	CREATE INDEX listed_pq ON listed USING ivfpq (v vector_cosine_ops) WITH (lists = 3, bits = 3, spill = on);
	CREATE TABLE big AS SELECT i AS id, point(i, 128)::vector(128) AS v FROM generate_series(1, 3000) i;
	CREATE INDEX big_l2 ON big USING hnsw (v vector_l2_ops) WITH (m = 2, ef_construction = 8);
	CREATE INDEX big_l1 ON big USING hnsw (v vector_l1_ops) WITH (m = 2, ef_construction = 8);
	CREATE TABLE items_mirror AS TABLE items;
	CREATE TABLE wide_mirror AS TABLE wide;
	CREATE TABLE long_mirror AS TABLE long;
	CREATE TABLE listed_mirror AS TABLE listed;
	CREATE TABLE questions AS SELECT i AS id, point(1000000 + i, 24) AS q FROM generate_series(1, 40) i;
	CREATE VIEW ours AS SELECT c.oid, c.relname, i.indisvalid FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
		WHERE c.relam = ANY (SELECT oid FROM pg_am WHERE amname IN ('hnsw', 'ivfflat', 'ivfpq'));
	CREATE VIEW problems AS SELECT relname || ': ' || p AS problem FROM ours, gigavec.check(oid::regclass) p LIMIT 20;
	CREATE VIEW differences AS
		SELECT 'items' AS name, id FROM items FULL JOIN items_mirror USING (id) WHERE items IS NULL OR items_mirror IS NULL
		UNION ALL
		SELECT 'wide', id FROM wide FULL JOIN wide_mirror USING (id) WHERE wide IS NULL OR wide_mirror IS NULL
		UNION ALL
		SELECT 'long', id FROM long FULL JOIN long_mirror USING (id) WHERE long IS NULL OR long_mirror IS NULL
		UNION ALL
		SELECT 'listed', id FROM listed FULL JOIN listed_mirror USING (id) WHERE listed IS NULL OR listed_mirror IS NULL;
	CREATE VIEW leftovers AS
		SELECT 'pin of block ' || relblocknumber AS what FROM pg_buffercache WHERE pinning_backends > 0
			AND relfilenode IN (SELECT pg_relation_filenode(oid) FROM ours)
		UNION ALL
		SELECT mode || ' on ' || relation::regclass FROM pg_locks WHERE relation IN (SELECT oid FROM ours);
	CREATE FUNCTION hits(int[], int[]) RETURNS numeric LANGUAGE sql IMMUTABLE AS
		'SELECT count(*) / 10.0 FROM unnest($1) x WHERE x = ANY ($2)';
	CREATE PROCEDURE drop_invalid() LANGUAGE plpgsql AS $$
		DECLARE
			name text;
		BEGIN
			FOR name IN SELECT relname FROM ours WHERE NOT indisvalid LOOP
				EXECUTE 'DROP INDEX ' || name;
			END LOOP;
		END $$;
});

# Work that comes to the points: lists of statements, given the round.  Ids are
# 1000 a round; what VACUUM takes away comes again before.  Of lists it takes so
# little that they are trained in some rounds, split and merged in others.
my %works = (
	insert => sub {
		my ($base) = 1000 * (1 + $_[0]);

		return (
			(map { "INSERT INTO items VALUES ($base + $_, point($base + $_, 24))" } 1 .. 12),
			"INSERT INTO items VALUES ($base + 20, point($base, 24) * array_fill(50, ARRAY[24])::vector)",
			(map { "INSERT INTO items VALUES ($base + 30 + $_, point($base + 7, 24))" } 1 .. 14),
			(map { "INSERT INTO items VALUES ($base + 50 + $_, point($_, 24))" } 1 .. 3),
			(map { "INSERT INTO items VALUES ($base + 60 + $_, array_fill(0, ARRAY[24])::vector)" } 1 .. 13),
			(map { "INSERT INTO wide VALUES ($base + $_, point($base + $_, 128))" } 1 .. 12),
			(map { "INSERT INTO long VALUES ($base + $_, point($base + $_, 3000))" } 1 .. 3),
			(map { "INSERT INTO listed SELECT $base + $_ * 100 + i, point($base + $_ * 100 + i, 24) FROM generate_series(1, 40) i" } 1 .. 8));
	},
	vacuum => sub {
		my ($round) = @_;

		return ("DELETE FROM items WHERE id % 9 = $round % 9 OR id > 1000 AND (id % 1000 = 7 OR id % 1000 BETWEEN 30 AND 45)",
			"DELETE FROM wide WHERE id % 7 = $round % 7",
			"DELETE FROM long WHERE id % 3 = $round % 3",
			"DELETE FROM listed WHERE id % 7 = $round % 7",
			'VACUUM items', 'VACUUM wide', 'VACUUM long', 'VACUUM listed');
	},
	train => sub {
		my ($base) = 1000 * (1 + $_[0]);
		my @train = map { "DO \$\$BEGIN PERFORM gigavec.train('$_'); END\$\$" } 'listed_flat', 'listed_pq', 'long_flat';

		return ("INSERT INTO listed SELECT $base + 950 + i, point($base + i, 24) FROM generate_series(1, 20) i",
			@train, "INSERT INTO long VALUES ($base + 950, point($base + 950, 3000))", @train,
			"INSERT INTO listed SELECT $base + 980 + i, point($base + i, 24) FROM generate_series(1, 10) i");
	},
	create => sub {
		return ('DROP TABLE IF EXISTS other, passing',
			'CREATE TABLE other (v vector(24))',
			'CREATE INDEX other_l2 ON other USING hnsw (v vector_l2_ops)',
			'INSERT INTO other SELECT point(1, 24)',
			'CREATE UNLOGGED TABLE passing (v vector(24))',
			'CREATE INDEX passing_l2 ON passing USING hnsw (v vector_l2_ops)',
			'INSERT INTO passing SELECT v FROM items LIMIT 50',
			'CREATE INDEX other_flat ON other USING ivfflat (v)',
			'CREATE INDEX passing_pq ON passing USING ivfpq (v vector_l2_ops)',
			'TRUNCATE other',
			'INSERT INTO other SELECT point(2, 24)');
	},
	squeeze => sub {
		return ('DROP TABLE IF EXISTS narrow',
			'CREATE TABLE narrow AS SELECT i AS id, point(i, 24)::vector(24) AS v FROM generate_series(1, 1500) i',
			'CREATE INDEX narrow_flat ON narrow USING ivfflat (v) WITH (lists = 1)',
			# without free pages, then with some
			'DELETE FROM narrow WHERE id % 2 = 0', 'VACUUM narrow',
			'DELETE FROM narrow WHERE id % 3 = 0', 'VACUUM narrow');
	},
	reindex => sub {
		return ('REINDEX INDEX items_l2', 'REINDEX INDEX CONCURRENTLY items_cosine', 'REINDEX INDEX long_l1',
			'REINDEX INDEX listed_flat', 'REINDEX INDEX CONCURRENTLY listed_pq',
			q{SET maintenance_work_mem = '1MB'}, 'REINDEX INDEX big_l2', 'REINDEX INDEX big_l1');
	},
	scan => sub {
		return ("DO \$\$BEGIN PERFORM gigavec.check('items_l2'), gigavec.check('listed_pq'); END\$\$", $BY_INDEX, map { "DO \$\$BEGIN PERFORM id FROM $_->[0] ORDER BY v $_->[1] point(7, $_->[2]); END\$\$" } @searches);
	},
);

# Bring the tables to the size they had, with some rows of an equal vector, all of
# which VACUUM takes away
sub refill
{
	my ($base) = 1000 * (1 + $_[0]);
	my @sizes = ([ 'items', 800, 24 ], [ 'wide', 200, 128 ], [ 'long', 30, 3000 ], [ 'listed', 800, 24 ]);

	$node->safe_psql('postgres', "INSERT INTO $_ SELECT $base + 30 + i, point($base + 7, 24) FROM generate_series(1, 14) i")
	  for 'items', 'items_mirror';
	for my $size (@sizes)
	{
		my ($table, $n, $dim) = @$size;

		$node->safe_psql('postgres', qq{
			CREATE TEMP TABLE more AS SELECT $base + 200 + i AS id,
				CASE WHEN i % 12 = 0 THEN array_fill(0, ARRAY[$dim])::vector ELSE point($base + 200 + i, $dim) END AS v
			FROM generate_series(1, $n - (SELECT count(*) FROM $table)) i;
			INSERT INTO $table TABLE more;
			INSERT INTO ${table}_mirror TABLE more});
	}
	return;
}

# The tables have what was confirmed, the indexes are sound, and scans to the end
# return each row of the table once
sub check_all
{
	my ($name) = @_;
	my $scan = "SELECT '%s %s', count(*) - (SELECT count(*) FROM %1\$s), count(*) - count(DISTINCT id)"
	  . ' FROM (SELECT id FROM %1$s ORDER BY v %2$s (SELECT point(1000007, %3$d)) OFFSET 0) s;';

	is($node->safe_psql('postgres', join("\n", 'CALL drop_invalid();', 'TABLE differences;', 'TABLE problems;', $BY_INDEX,
				map { sprintf($scan, @$_) } @searches)),
		join("\n", map { "$_->[0] $_->[1]|0|0" } @searches), "$name: the indexes have what was confirmed");
	return;
}

# Searches find as much as in fresh indexes
sub check_recall
{
	my ($name) = @_;
	my @recalls = split(/\n/, $node->safe_psql('postgres', q{
		CREATE TEMP TABLE fresh (id int, v vector(24));
		INSERT INTO fresh TABLE items;
		CREATE INDEX fresh_l2 ON fresh USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 32);
		CREATE INDEX fresh_cosine ON fresh USING hnsw (v vector_cosine_ops);
		} . join('', map { qq{
			CREATE TEMP TABLE truth AS SELECT q.id, array(SELECT t.id FROM fresh t ORDER BY (t.v $_ q) + 0, id LIMIT 10) AS ids FROM questions q;
			$BY_INDEX
			SET hnsw.iterative_scan = off;
			SELECT '$_', round(avg(hits(ids, array(SELECT t.id FROM items t ORDER BY t.v $_ q LIMIT 10))), 4),
				round(avg(hits(ids, array(SELECT t.id FROM fresh t ORDER BY t.v $_ q LIMIT 10))), 4)
			FROM questions q JOIN truth USING (id);
			RESET ALL;
			DROP TABLE truth;} } '<->', '<=>')));

	for (@recalls)
	{
		my ($operator, $recall, $fresh) = split(/\|/);

		note("$name: recall by $operator $recall, fresh $fresh");
		# with m = 4 both queries at one of the 20 centers may miss their neighborhood
		cmp_ok($recall, '>=', $fresh - 0.06, "$name: recall by $operator");
	}
	return;
}

# the other access methods have tests of their own; 066 comes to the point of hybrid
visit_points(
	node => $node,
	folders => '(?!kdtree|bm25|hybrid)\w+',
	tables => 'items|wide|long|listed',
	works => \%works,
	prepare => sub { refill($_[1]) if $_[0] eq 'vacuum' },
	check => \&check_all,
	search => \&check_recall);
$node->stop;

done_testing();
