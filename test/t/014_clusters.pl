#----------------------------------------------------------------------
#
# Recall while rows of clusters are deleted, vacuumed away and filled in again.
#
# Points around centers in the unit cube: well apart, overlapping, and without
# centers.  Half of the rows go: at random, a region, the oldest, whole
# clusters; then as many others come.  At every step the index must find as
# much as a fresh one on the same rows, also for queries unlike the data, lead to
# every row, and not grow; and VACUUM must not take long.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $dim = 24;
my $n_clusters = 20;
my $n = $LONG ? 20000 : 1500;
my $n_questions = $LONG ? 200 : 100;
my @seeds = $LONG ? (1 .. 3) : (1);
my $ef;

# operator class, operator
my @kinds = $LONG ? ([ 'vector_l2_ops', '<->' ], [ 'vector_l1_ops', '<+>' ]) : ([ 'vector_l2_ops', '<->' ]);

# standard deviation around the centers; undef: uniform.  And hnsw.ef_search,
# such that a fresh index finds .95 but not all.
my %spreads = (
	'apart' => [ 0.15, $LONG ? 160 : 44 ],
	'overlapping' => [ 0.3, $LONG ? 240 : 40 ],
	'uniform' => [ undef, $LONG ? 200 : 80 ],
);

# what to delete, half of the rows: what, where the short form does it, which
my @deletions = (
	[ 'at random', 'apart uniform', 'id IN (SELECT id FROM items ORDER BY noise(id, 1, 1) LIMIT (SELECT count(*) / 2 FROM items))' ],
	[ 'a region', 'apart uniform', 'id IN (SELECT id FROM items ORDER BY v OPERATOR (public.%s) (SELECT q FROM questions WHERE id = 7) LIMIT (SELECT count(*) / 2 FROM items))' ],
	[ 'the oldest', 'overlapping', 'id IN (SELECT id FROM items ORDER BY id LIMIT (SELECT count(*) / 2 FROM items))' ],
	[ 'whole clusters', 'apart overlapping', 'cluster < ' . $n_clusters / 2 ],
);

my $node = new_server('clusters', "shared_buffers = 64MB\nmaintenance_work_mem = 256MB\nfsync = off\n");
my @centers;

sub gauss
{
	return sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand());
}

# A point of a cluster
sub make_point
{
	my ($cluster, $spread) = @_;

	return map { defined $spread ? $centers[$cluster][$_] + $spread * gauss() : rand() } 0 .. $dim - 1;
}

# Fill a table (id, cluster, v) with rows of some clusters
sub add_rows
{
	my ($table, $first, $count, $spread, @clusters) = @_;
	my $path = $node->basedir . "/$table.copy";
	my @rows = map {
		my $cluster = $clusters[ rand(@clusters) ];
		join("\t", $_, $cluster, '[' . join(',', map { sprintf('%.6f', $_) } make_point($cluster, $spread)) . ']') . "\n"
	} $first .. $first + $count - 1;

	append_to_file($path, join('', @rows));
	$node->safe_psql('postgres', "\\copy $table FROM '$path'");
	unlink($path);
	return;
}

# Recall among questions like the data, and unlike it
sub recalls
{
	my ($table, $distance) = @_;

	return map { recall($node, "$table t", $_, $distance, 10, ef_for($ef, $distance)) } 'questions', 'strange';
}

sub try_out
{
	my ($spread_name, $opclass, $operator, $seed) = @_;
	my $spread = $spreads{$spread_name}[0];
	my $name = "$spread_name, $opclass, seed $seed";
	my $distance = "t.v $operator q.q";
	my $next = $n + 1;
	my @all = (0 .. $n_clusters - 1);

	$ef = $spreads{$spread_name}[1];
	srand($seed);
	@centers = map { [ map { rand() } 1 .. $dim ] } @all;
	$node->safe_psql('postgres', qq{
		DROP TABLE IF EXISTS items, rows, fresh, questions, strange;
		CREATE TABLE items (id int, cluster int, v vector($dim));
		CREATE TABLE rows (id int, cluster int, v vector($dim));
		CREATE TABLE questions (id int, cluster int, q vector($dim));
		CREATE TABLE strange (id int, cluster int, q vector($dim))});
	add_rows('items', 1, $n, $spread, @all);
	add_rows('questions', 1, $n_questions, $spread, @all);
	# far off, on the other side of the cube's corners
	add_rows('strange', $n_questions + 1, $n_questions, 1.5, @all) if defined $spread;
	add_rows('strange', $n_questions + 1, $n_questions, undef, @all) if !defined $spread;
	$node->safe_psql('postgres', 'UPDATE strange SET q = q * array_fill(2, ARRAY[' . $dim . "])::vector;
		CREATE INDEX items_v ON items USING hnsw (v $opclass)");

	my $step = sub {
		my ($what) = @_;
		my $label = "$name, $what";

		$node->safe_psql('postgres', qq{
			DROP TABLE IF EXISTS fresh;
			CREATE TABLE fresh AS SELECT * FROM items;
			ALTER TABLE fresh ALTER v TYPE vector($dim);
			CREATE INDEX fresh_v ON fresh USING hnsw (v $opclass)});
		make_truth($node, 'items t', '(TABLE questions UNION ALL TABLE strange)', $distance, 10);
		my @recall = recalls('items', $distance);
		my @fresh = recalls('fresh', $distance);
		note("$label: recall @recall, fresh @fresh");
		cmp_ok($recall[0], '>=', 0.95, "$label: recall");
		cmp_ok($recall[0], '>=', $fresh[0] - 0.02, "$label: recall of a fresh index");
		cmp_ok($recall[1], '>=', $fresh[1] - 0.05, "$label: recall of queries unlike the data");
		is_sound($node, 'items_v', $label);

		# the graph alone: no sweep of the pages
		my $found = $node->safe_psql('postgres', qq{
			$BY_INDEX
			SET hnsw.ef_search = @{[ ef_for($ef, $operator) ]};
			SET hnsw.iterative_scan = off;
			SELECT round(avg((EXISTS (SELECT FROM (SELECT t.id FROM items t
				ORDER BY t.v $operator q.v LIMIT 10) s WHERE s.id = q.id))::int), 4)
			FROM (SELECT * FROM items WHERE id % 4 = 1) q});
		cmp_ok($found, '>=', 0.995, "$label: rows find themselves");
		is_complete($node, 'items', "v $operator '" . $node->safe_psql('postgres',
				'SELECT q FROM questions WHERE id = 3') . "'", $label, 0.05);
		return;
	};

	$step->('fresh');
	for my $deletion (@deletions)
	{
		my ($how, $where, $which) = @$deletion;

		next if !$LONG && $where !~ /$spread_name/;
		$node->safe_psql('postgres', "$BY_TABLE DELETE FROM items WHERE " . sprintf($which, $operator));
		my $seconds = seconds_for($node, 'VACUUM items');
		$step->("half deleted, $how");

		# as many new rows, in the clusters that are gone if they are
		my $n_gone = $n - $node->safe_psql('postgres', 'SELECT count(*) FROM items');
		$node->safe_psql('postgres', 'TRUNCATE rows');
		add_rows('rows', $next, $n_gone, $spread, $how eq 'whole clusters' ? 0 .. $n_clusters / 2 - 1 : @all);
		$next += $n_gone;
		my $insert_seconds = seconds_for($node, 'INSERT INTO items TABLE rows');
		cmp_ok($seconds, '<=', 2 * $insert_seconds + 0.1,
			sprintf('%s, %s: VACUUM took %.2f s, inserts %.2f s', $name, $how, $seconds, $insert_seconds));
		$step->("filled in after half was deleted, $how");

		my $sizes = $node->safe_psql('postgres',
			q{SELECT pg_relation_size('items_v') <= 1.1 * pg_relation_size('fresh_v') + 5 * 8192,
				pg_relation_size('items_v'), pg_relation_size('fresh_v')});
		like($sizes, qr/^t/, "$name: the index has not grown ($sizes)");
	}
	return;
}

for my $kind (@kinds)
{
	for my $seed (@seeds)
	{
		try_out($_, @$kind, $seed) for sort keys %spreads;
	}
}

$node->stop;
done_testing();
