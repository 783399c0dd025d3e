#----------------------------------------------------------------------
#
# Conditions on filter columns as applications write them: several columns,
# lists, ranges of time, arrays, OR, conditions beside those of the index,
# generic plans, partitions, joins.
#
# Truth is the same query by the table.  Whatever the planner chooses, as many
# rows come as there are, in order, and they are the right ones but for a few.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $n = 20000;

# rows that 16 dimensions tell apart, but codes of 16 bits hardly do
my $ef = ef_for(120, '<->');
my $tenants = 200;
my $node = new_server('filter_queries', "fsync = off\nmax_wal_size = 4GB\n");
my $columns = 'id int, v vector(16), tenant int, created timestamptz, tags text[], score float8, active boolean';

$node->safe_psql('postgres', qq{
	CREATE TABLE items ($columns);
	INSERT INTO items SELECT i, point(i, 16), (hashint4(i) & 2147483647) % $tenants, timestamptz '2024-01-01 UTC' + (hashint4(i + 1) & 1023) * interval '1 day',
		ARRAY['tag ' || (hashint4(i + 2) & 31), 'tag ' || (hashint4(i + 3) & 31)], (hashint4(i + 4) & 1023) / 1024.0, (hashint4(i + 5) & 1) = 1
		FROM generate_series(1, $n) i;
	CREATE TABLE parted ($columns) PARTITION BY HASH (id);
	CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 3, REMAINDER 0);
	CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 3, REMAINDER 1);
	CREATE TABLE parted_2 PARTITION OF parted FOR VALUES WITH (MODULUS 3, REMAINDER 2);
	INSERT INTO parted SELECT * FROM items;
	CREATE INDEX items_v ON items USING hnsw (v vector_l2_ops, tenant, created, tags, score, active);
	CREATE INDEX parted_v ON parted USING hnsw (v vector_l2_ops, tenant, created, tags, score, active);
	CREATE INDEX items_tenant ON items (tenant);
	CREATE TABLE questions AS SELECT i AS id, point(1000000 + i, 16) AS q, (i * 7) % $tenants AS tenant,
		timestamptz '2024-01-01 UTC' + i * interval '20 day' AS since FROM generate_series(1, 10) i;
	VACUUM ANALYZE;
});

# t: the table; q: the question's row
my %conditions = (
	'one tenant' => 't.tenant = q.tenant',
	'two columns' => 't.tenant < 50 AND t.score < 0.3',
	'three columns' => q{t.tenant < 100 AND t.created >= q.since AND t.tags && ARRAY['tag 3', 'tag 17']},
	'five columns' => q{t.tenant < 100 AND t.created >= q.since AND t.tags && ARRAY['tag 3', 'tag 17', 'tag 5'] AND t.score BETWEEN 0.1 AND 0.9 AND t.active},
	'a list' => 't.tenant IN (3, 50, 77, 191)',
	'a list of all kinds' => 't.tenant = ANY (ARRAY[q.tenant, q.tenant + 1, NULL])',
	'a range of time' => q{t.created >= q.since AND t.created < q.since + interval '30 days'},
	'an open range of time' => 't.created > q.since',
	'tags of either' => q{t.tags && ARRAY['tag 3', 'tag 17']},
	'tags of both' => q{t.tags @> ARRAY['tag 3', 'tag 17']},
	'either, of one column' => '(t.tenant = 3 OR t.tenant = 50)',
	'either, of two columns' => '(t.tenant = 3 OR t.score > 0.95)',
	'either, of a column that is not in the index' => '(t.tenant < 20 OR t.id < 100)',
	'beside another condition' => 't.tenant < 20 AND t.id % 2 = 0',
	'beside a hard one' => 't.active AND t.id % 31 = 0',
	'not' => 't.active AND NOT t.tenant = 5 AND t.tenant <> 6',
	'of text that nothing has' => q{t.tags && ARRAY['nothing']},
	'that contradict' => 't.tenant = 5 AND t.tenant = 6',
	'null' => 't.tenant IS NULL',
	'all' => 't.tenant >= 0',
);

# Rows that came, rows there are, right ones, rows out of order; of all questions
sub compare
{
	my ($table, $condition, $k, $settings) = @_;
	my $query = qq{SELECT q.id AS question, s.* FROM questions q, LATERAL (SELECT row_number() OVER () AS n, r.* FROM (
		SELECT t.id, t.v <-> q.q AS d FROM $table t WHERE $condition ORDER BY t.v <-> q.q LIMIT $k) r) s};

	return split(/\|/, $node->safe_psql('postgres', qq{
		$BY_TABLE
		CREATE TEMP TABLE truth AS $query;
		RESET enable_indexscan; RESET enable_bitmapscan;
		SET hnsw.ef_search = $ef;
		$settings
		CREATE TEMP TABLE answer AS $query;
		SELECT (SELECT count(*) FROM answer), (SELECT count(*) FROM truth),
			(SELECT count(*) FROM truth t JOIN answer a USING (question, id)),
			(SELECT count(*) FROM (SELECT d, lag(d) OVER (PARTITION BY question ORDER BY n) AS before FROM answer) x WHERE d < before)}));
}

sub is_answered
{
	my ($table, $condition, $k, $settings, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($came, $there, $right, $disorder) = compare($table, $condition, $k, $settings);

	is("$came rows, $disorder out of order", "$there rows, 0 out of order", "$name: all rows in order");
	cmp_ok($right, '>=', 0.9 * $there, "$name: $right of $there are the right ones");
	return;
}

# whatever the planner chooses; by the index; of partitions
for my $name (sort keys %conditions)
{
	is_answered('items', $conditions{$name}, 10, '', $name);
	is_answered('items', $conditions{$name}, 100, $BY_INDEX, "$name, LIMIT 100 by the index");
	is_answered('parted', $conditions{$name}, 10, $BY_INDEX, "$name, of partitions");
}

# a parameter of a join is a condition of the index
like($node->safe_psql('postgres', qq{$BY_INDEX EXPLAIN (COSTS off) SELECT * FROM questions q,
		LATERAL (SELECT id FROM items t WHERE t.tenant = q.tenant AND t.created > q.since ORDER BY t.v <-> q.q LIMIT 10) s}),
	qr/Index Cond: \(\(tenant = q.tenant\) AND \(created > q.since\)\)/, 'conditions of the index in a join');
like($node->safe_psql('postgres', qq{$BY_INDEX EXPLAIN (COSTS off) SELECT id FROM parted t
		WHERE tenant = 5 AND active ORDER BY v <-> array_fill(1, ARRAY[16])::vector LIMIT 10}),
	qr/Merge Append.*(?:Index Cond: .*tenant = 5.*){3}/s, 'conditions of the indexes of partitions');

# generic plans, whose parameters are known at the start of the scan only
my $statements = join('', map {
		my $tenant = $_ * 13;
		"SELECT string_agg(id::text, ' ' ORDER BY d) FROM (SELECT id, v <-> q AS d FROM (SELECT q FROM questions WHERE id = 1) a, LATERAL (SELECT id, v FROM items WHERE tenant = $tenant AND score < 0.5) b ORDER BY d LIMIT 10) s;"
	} (1 .. 5));
my $by_table = $node->safe_psql('postgres', "$BY_TABLE $statements");
for my $mode ('force_generic_plan', 'force_custom_plan', 'auto')
{
	my $executions = join('', map { 'EXECUTE find(' . $_ * 13 . ', 0.5);' } (1 .. 5));

	is($node->safe_psql('postgres', qq{
		SET plan_cache_mode = $mode; $BY_INDEX
		PREPARE find(int, float8) AS SELECT string_agg(id::text, ' ' ORDER BY n) FROM (
			SELECT id, row_number() OVER () AS n FROM (SELECT id FROM items WHERE tenant = \$1 AND score < \$2 ORDER BY v <-> (SELECT q FROM questions WHERE id = 1) LIMIT 10) r) s;
		$executions}), $by_table, "prepared, $mode");
}

# each tenant has its rows, all of them
my $last = $tenants - 1;
is($node->safe_psql('postgres', qq{
	$BY_INDEX
	SELECT count(*), min(n), min(right_ones) FROM generate_series(0, $last) AS g (tenant),
		LATERAL (SELECT count(*) AS n, count(*) FILTER (WHERE t.tenant = g.tenant) AS right_ones FROM (
			SELECT i.tenant FROM items i WHERE i.tenant = g.tenant ORDER BY v <-> (SELECT q FROM questions WHERE id = 1) LIMIT 10) t) s}),
	"$tenants|10|10", 'ten rows of each tenant');
is($node->safe_psql('postgres', qq{
	$BY_INDEX
	SELECT count(*), count(DISTINCT id) FROM generate_series(0, $last) AS g (tenant),
		LATERAL (SELECT id FROM items i WHERE i.tenant = g.tenant ORDER BY v <-> (SELECT q FROM questions WHERE id = 1)) t}),
	"$n|$n", 'all rows of all tenants, once');

done_testing();
