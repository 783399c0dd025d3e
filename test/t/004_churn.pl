#----------------------------------------------------------------------
#
# Recall while rows are deleted, vacuumed away and filled in again.
#
# Real vectors.  Half of the rows go: at random, a region, the oldest; then
# others come.  At every step the recall of ten nearest neighbors must be .95
# or more and within .02 of a fresh index on the same rows, every row must find
# itself, a scan to the end must return all rows, and the index must not grow.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

# set, operator class, operator, dimensions, rows, queries, hnsw.ef_search, rows
# that may come late in a scan to the end
my @sets = (
	[ 'bigann-10k', 'vector_l2_ops', '<->', 128, 4000, 100, 200, 0.01 ],
	[ 'sift-bsds-200k', 'vector_l2_ops', '<->', 128, 4000, 100, 200, 0.01 ],
	[ 'minilm-words-384', 'vector_cosine_ops', '<=>', 384, 900, 100, 200, 0.01 ],
	# rows hard to tell apart, and an ef that is just enough
	[ 'imdb-lsa-768', 'vector_cosine_ops', '<=>', 768, 4000, 300, 160, 0.03 ],
);

# without codes, on part of the first set
push @sets, [ 'bigann-10k', 'vector_l1_ops', '<+>', 128, 1500, 50, 200, 0.01 ];

# what to delete: half of the rows
my %deletions = (
	'at random' => 'noise(id, 1, 1) < 0.5',
	'a region' => 'id IN (SELECT id FROM items ORDER BY v OPERATOR (public.%s) (SELECT q FROM questions WHERE id = 7) LIMIT (SELECT count(*) / 2 FROM items))',
	'the oldest' => 'id IN (SELECT id FROM items ORDER BY id LIMIT (SELECT count(*) / 2 FROM items))',
);

my @present = grep { data_folder($_->[0]) } @sets;
plan skip_all => 'no real vectors in ' . ($ENV{GIGAVEC_DATA} // '../shared/data') if !@present;

my $node = new_server('churn', "shared_buffers = 64MB\nmaintenance_work_mem = 256MB\nfsync = off\n");

for my $set (@present)
{
	my ($name, $opclass, $operator, $dim, $n, $n_questions, $ef, $late) = @$set;
	my $folder = data_folder($name);
	my $distance = "t.v $operator q.q";
	my $next = $n;

	$node->safe_psql('postgres', qq{
		DROP TABLE IF EXISTS items, fresh, more, questions;
		CREATE TABLE items (id int, v vector($dim));
		CREATE TABLE more (id int, v vector($dim));
		CREATE TABLE questions (id int, q vector($dim))});
	copy_vectors($node, "$folder/base.npy", 'items', 0, $n);
	copy_vectors($node, "$folder/query.npy", 'questions', 0, $n_questions);
	$node->safe_psql('postgres', "CREATE INDEX items_v ON items USING hnsw (v $opclass)");

	my $step = sub {
		my ($what) = @_;
		my $label = "$name, $opclass, $what";

		$node->safe_psql('postgres', qq{
			DROP TABLE IF EXISTS fresh;
			CREATE TABLE fresh AS SELECT * FROM items;
			ALTER TABLE fresh ALTER v TYPE vector($dim);
			CREATE INDEX fresh_v ON fresh USING hnsw (v $opclass);
			ANALYZE items});
		make_truth($node, 'items t', 'questions', $distance, 10);
		my $recall = recall($node, 'items t', 'questions', $distance, 10, ef_for($ef, $distance));
		my $fresh = recall($node, 'fresh t', 'questions', $distance, 10, ef_for($ef, $distance));
		note("$label: recall $recall, fresh $fresh");
		cmp_ok($recall, '>=', 0.95, "$label: recall");
		cmp_ok($recall, '>=', $fresh - 0.02, "$label: recall of a fresh index");
		is_sound($node, 'items_v', $label);

		# rows find themselves
		my $found = $node->safe_psql('postgres', qq{
			$BY_INDEX
			SET hnsw.ef_search = @{[ ef_for($ef, $operator) ]};
			SELECT round(avg((EXISTS (SELECT FROM (SELECT t.id FROM items t
				ORDER BY t.v $operator q.v LIMIT 10) s WHERE s.id = q.id))::int), 4)
			FROM (SELECT * FROM items WHERE id % 4 = 1) q});
		cmp_ok($found, '>=', 0.995, "$label: rows find themselves");
		is_complete($node, 'items', "v $operator '" . $node->safe_psql('postgres',
				'SELECT q FROM questions WHERE id = 3') . "'", $label, $late);
		return;
	};

	$step->('fresh');
	for my $how ('at random', 'a region', 'the oldest')
	{
		$node->safe_psql('postgres', "$BY_TABLE DELETE FROM items WHERE " . sprintf($deletions{$how}, $operator));
		$node->safe_psql('postgres', 'VACUUM items');
		$step->("half deleted, $how");

		# as many new rows
		my $n_gone = $n - $node->safe_psql('postgres', 'SELECT count(*) FROM items');
		$node->safe_psql('postgres', 'TRUNCATE more');
		copy_vectors($node, "$folder/base.npy", 'more', $next, $n_gone);
		$node->safe_psql('postgres', 'INSERT INTO items SELECT * FROM more');
		$next += $n_gone;
		$step->("filled in after half was deleted, $how");

		my $sizes = $node->safe_psql('postgres',
			q{SELECT pg_relation_size('items_v') <= 1.1 * pg_relation_size('fresh_v') + 5 * 8192,
				pg_relation_size('items_v'), pg_relation_size('fresh_v')});
		like($sizes, qr/^t/, "$name, $opclass: the index has not grown ($sizes)");
	}
}

$node->stop;
done_testing();
