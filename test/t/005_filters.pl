#----------------------------------------------------------------------
#
# Queries of every shape return as many rows as there are, the nearest first.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use List::Util qw(min);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $n = 4000;
my $node = new_server('filters', "fsync = off\nmax_locks_per_transaction = 128\n");

$node->safe_psql('postgres', qq{
	CREATE TABLE items (id int PRIMARY KEY, v vector(16), pick int, cluster int, owner text);
	INSERT INTO items SELECT i, point(i, 16), hashint4(i) & 1023, i % 20, 'user' || i % 3
		FROM generate_series(1, $n) i;
	CREATE INDEX items_l2 ON items USING hnsw (v vector_l2_ops);
	CREATE INDEX items_l1 ON items USING hnsw (v vector_l1_ops);
	CREATE TABLE questions AS SELECT i AS id, point(1000000 + i, 16) AS q FROM generate_series(1, 10) i;
	CREATE TABLE nothing (id int, v vector(16));
	CREATE INDEX nothing_l2 ON nothing USING hnsw (v vector_l2_ops);
	ANALYZE;
});
my $use = "$BY_INDEX SET enable_hashjoin = off; SET enable_mergejoin = off;";

# One query, which has a LIMIT: the number of rows, and that distances do not fall
sub is_answered
{
	my ($sql, $expected, $name, $settings) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	return is($node->safe_psql('postgres', ($settings // $use) . qq{
			SELECT count(*), count(*) FILTER (WHERE d < previous)
			FROM (SELECT d, lag(d) OVER () AS previous FROM ($sql) s) t}),
		"$expected|0", $name);
}

# LIMIT under WHERE, for both kinds of node
my %filters = (
	'all' => 'true',
	'a half' => 'pick < 512',
	'a tenth' => 'pick < 102',
	'a hundredth' => 'pick < 10',
	'a thousandth' => 'pick < 1',
	'none' => 'pick < 0',
	'the nearest cluster' => 'cluster = 4',
	'a far cluster' => 'cluster = 15',
	'all but the nearest' => 'v <-> (SELECT q FROM questions WHERE id = 4) > 2.5',
);
for my $operator ('<->', '<+>')
{
	my $distance = "v $operator (SELECT q FROM questions WHERE id = 4)";

	for my $filter (sort keys %filters)
	{
		my $matching = $node->safe_psql('postgres', "SELECT count(*) FROM items WHERE $filters{$filter}");

		for my $k ($operator eq '<->' ? (1, 10, 1000) : (10))
		{
			for my $order ($operator eq '<->' && $k == 10 ? ('strict_order', 'relaxed_order') : ('strict_order'))
			{
				my $query = "SELECT $distance AS d FROM items WHERE $filters{$filter} ORDER BY $distance LIMIT $k";

				if ($order eq 'strict_order' && $k <= 10)
				{
					is_answered($query, min($k, $matching), "$operator, $filter, LIMIT $k: rows in order");
				}
				is($node->safe_psql('postgres', "$use SET hnsw.iterative_scan = $order; SELECT count(*) FROM ($query) s"),
					min($k, $matching), "$operator, $filter, LIMIT $k, $order: number of rows");
			}
		}
	}
}
like($node->safe_psql('postgres', "$use EXPLAIN (COSTS off) SELECT id FROM items WHERE pick < 10 "
	  . 'ORDER BY v <-> (SELECT q FROM questions WHERE id = 4) LIMIT 10'),
	qr/Index Scan using items_l2/, 'these queries use the index');

# without iteration a scan may end early, and says nothing wrong
cmp_ok($node->safe_psql('postgres', "$use SET hnsw.iterative_scan = off; SELECT count(*) FROM (SELECT id FROM items "
	  . 'WHERE pick < 1 ORDER BY v <-> (SELECT q FROM questions WHERE id = 4) LIMIT 10) s'),
	'<', 4, 'iterative_scan = off: fewer rows');

# what the filtered answers are: at selectivity .01 the exact ten
my $filtered = 'SELECT string_agg(id::text, $$ $$ ORDER BY d) FROM (SELECT i.id, v <-> q.q AS d FROM items i, questions q '
  . 'WHERE q.id = %d AND pick < 10 ORDER BY v <-> q.q LIMIT 10) s';
my $found = 0;
for my $question (1 .. 10)
{
	my $sql = sprintf($filtered, $question);
	my %exact = map { $_ => 1 } split(/ /, $node->safe_psql('postgres', "$BY_TABLE $sql"));

	$found += grep { $exact{$_} } split(/ /, $node->safe_psql('postgres', "$use $sql"));
}
cmp_ok($found, '>=', 95, "filter of selectivity .01: recall of 10 nearest is at least .95 ($found of 100)");

# OFFSET, LATERAL, joins, NOT IN, CTE, cursors, prepared statements
my $question = '(SELECT q FROM questions WHERE id = 2)';
is_answered("SELECT v <-> $question AS d FROM items ORDER BY 1 LIMIT 50 OFFSET 100", 50, 'OFFSET', "$use SET hnsw.ef_search = 400;");
is_answered("SELECT v <-> $question AS d FROM items ORDER BY 1 LIMIT 10 OFFSET 3995", 5, 'OFFSET near the end', "$use SET hnsw.ef_search = 2000;");
is($node->safe_psql('postgres', "$use SELECT count(*), min(n), max(n) FROM (SELECT q.id, count(*) AS n FROM questions q, "
	  . 'LATERAL (SELECT id FROM items WHERE pick < 102 ORDER BY v <-> q.q LIMIT 7) s GROUP BY q.id) t'),
	'10|7|7', 'LATERAL');
is($node->safe_psql('postgres', "$use SELECT count(*) FROM (SELECT i.id FROM items i JOIN questions o ON o.id = i.cluster "
	  . "ORDER BY i.v <-> $question LIMIT 25) s"), 25, 'join');
is($node->safe_psql('postgres', "$use SELECT count(*) FROM (SELECT id FROM items WHERE id NOT IN (SELECT id FROM items "
	  . "ORDER BY v <-> $question LIMIT 20) ORDER BY v <-> $question LIMIT 20) s"), 20, 'NOT IN the nearest');
is($node->safe_psql('postgres', "$use WITH nearest AS MATERIALIZED (SELECT id, v <-> $question AS d FROM items ORDER BY 2 LIMIT 100) "
	  . 'SELECT count(*) FROM (SELECT * FROM nearest WHERE d < 1e9 ORDER BY d LIMIT 30) s'), 30, 'WITH');
is($node->safe_psql('postgres', "$use BEGIN; DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> $question; "
	  . 'MOVE 3990 FROM c; FETCH 3 FROM c; FETCH 20 FROM c; FETCH 5 FROM c; CLOSE c; COMMIT') =~ tr/\n// + 1,
	10, 'cursor to the end and beyond');
is($node->safe_psql('postgres', "$use BEGIN; DECLARE c SCROLL CURSOR FOR SELECT id FROM items ORDER BY v <-> $question; "
	  . 'FETCH 2 FROM c; FETCH BACKWARD 1 FROM c; FETCH LAST FROM c; FETCH FIRST FROM c; COMMIT') =~ tr/\n// + 1,
	5, 'scrollable cursor');
is($node->safe_psql('postgres', "$use SET plan_cache_mode = force_generic_plan; "
	  . 'PREPARE nearest(vector, int, int) AS SELECT count(*) FROM (SELECT id FROM items WHERE pick < $2 ORDER BY v <-> $1 LIMIT $3) s; '
	  . join('', map { "EXECUTE nearest(point($_, 16), 102, $_);" } 1 .. 8)),
	join("\n", 1 .. 8), 'prepared statement with a generic plan');
is($node->safe_psql('postgres', "$use SELECT count(*) FROM (SELECT id FROM nothing ORDER BY v <-> $question LIMIT 10) s"), 0,
	'empty table');
is($node->safe_psql('postgres', "$use SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> NULL LIMIT 10) s"), 10,
	'distance to NULL');

# the answers of LATERAL rescans are those of single queries
my $single = join("\n", map {
		$node->safe_psql('postgres', "$use SELECT string_agg(id::text, ' ') FROM (SELECT id FROM items ORDER BY v <-> "
			  . "(SELECT q FROM questions WHERE id = $_) LIMIT 10) s") } 1 .. 10);
is($node->safe_psql('postgres', "$use SELECT (SELECT string_agg(id::text, ' ') FROM (SELECT id FROM items "
	  . 'ORDER BY v <-> q.q LIMIT 10) s) FROM questions q ORDER BY q.id'), $single, 'rescans give the answers of single queries');

# partitions: many indexes in one query, each read on after the others were
$node->safe_psql('postgres', qq{
	CREATE TABLE parts (id int, v vector(16), part int) PARTITION BY LIST (part);
	DO \$\$BEGIN
		FOR i IN 0..29 LOOP EXECUTE format('CREATE TABLE part%s PARTITION OF parts FOR VALUES IN (%s)', i, i); END LOOP;
	END\$\$;
	INSERT INTO parts SELECT id, v, id % 30 FROM items;
	CREATE INDEX parts_l2 ON parts USING hnsw (v vector_l2_ops);
	CREATE INDEX parts_l1 ON parts USING hnsw (v vector_l1_ops);
	ANALYZE parts;
});
for my $operator ('<->', '<+>')
{
	my $distance = "v $operator '" . $node->safe_psql('postgres', 'SELECT q FROM questions WHERE id = 5') . "'";

	is_complete($node, 'parts', $distance, "30 partitions, $operator");
	is_answered("SELECT $distance AS d FROM parts WHERE id % 97 = 0 ORDER BY $distance LIMIT 30", 30,
		"30 partitions with a filter, $operator", "$use SET hnsw.ef_search = 200;");
	like($node->safe_psql('postgres', "$use EXPLAIN (COSTS off) SELECT id FROM parts WHERE part = 3 ORDER BY $distance LIMIT 3"),
		qr/^Limit\n +-> +Index Scan using part3_v_idx/, "one partition of 30, $operator");
}

# row-level security: a user gets k rows of his own
$node->safe_psql('postgres', q{
	CREATE ROLE user1;
	GRANT SELECT ON items, questions TO user1;
	ALTER TABLE items ENABLE ROW LEVEL SECURITY;
	CREATE POLICY own ON items USING (owner = current_user AND pick < 51);
});
my $own = $node->safe_psql('postgres', q{SELECT count(*) FROM items WHERE owner = 'user1' AND pick < 51});
is($node->safe_psql('postgres', "SET ROLE user1; $use SELECT count(*), count(DISTINCT owner), min(owner) "
	  . "FROM (SELECT owner FROM items ORDER BY v <-> $question LIMIT 10) s"), '10|1|user1', 'row-level security');
is($node->safe_psql('postgres', "SET ROLE user1; $use SELECT count(*) FROM (SELECT owner FROM items ORDER BY v <-> $question LIMIT 1000) s"),
	$own, 'row-level security: all there are');

# scans with little memory forget what they need not and still find all
is($node->safe_psql('postgres', "$use SET work_mem = '64kB'; SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM items ORDER BY v <-> $question) s"),
	"$n|$n", 'a scan to the end with work_mem = 64kB');
is($node->safe_psql('postgres', "$use SET work_mem = '64kB'; SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM items ORDER BY v <+> $question) s"),
	"$n|$n", 'the same without codes');

$node->stop;
done_testing();
