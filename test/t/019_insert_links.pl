#----------------------------------------------------------------------
#
# Rows that are inserted are linked as well as those of a build.
#
# Real vectors that are hard to tell apart, so that an insert searches more
# widely than a build with ef_construction candidates.  It chooses neighbors
# among all that it has found: an index of which half was inserted finds more
# than a fresh one of the same rows, on average over three values of ef and
# either half, recall@10 by .004 or more; with neighbors of the best
# ef_construction only by less than .001.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my ($set, $dim, $n, $n_questions) = ('imdb-lsa-768', 768, 4000, 1000);
my @efs = (30, 60, 120);
my $folder = data_folder($set);

plan skip_all => 'no real vectors in ' . ($ENV{GIGAVEC_DATA} // '../shared/data') if !$folder;

my $node = new_server('links', "shared_buffers = 128MB\nmaintenance_work_mem = 256MB\nfsync = off\nmax_wal_size = 2GB\n");
my $distance = 't.v <=> q.q';
my $options = 'USING hnsw (v vector_cosine_ops) WITH (m = 16, ef_construction = 32)';

$node->safe_psql('postgres', qq{
	CREATE TABLE fresh (id int, v vector($dim));
	CREATE TABLE questions (id int, q vector($dim))});
copy_vectors($node, "$folder/base.npy", 'fresh', 0, $n);
copy_vectors($node, "$folder/query.npy", 'questions', 0, $n_questions);
make_truth($node, 'fresh t', 'questions', $distance, 10);
$node->safe_psql('postgres', "CREATE INDEX ON fresh $options");

sub recalls
{
	my ($table) = @_;

	return map { recall($node, "$table t", 'questions', $distance, 10, ef_for($_, $distance)) } @efs;
}

my @fresh = recalls('fresh');
my $gain = 0;

note("fresh: @fresh");
for my $half (0, 1)
{
	$node->safe_psql('postgres', qq{
		DROP TABLE IF EXISTS items;
		CREATE TABLE items AS SELECT * FROM fresh WHERE id % 2 = $half ORDER BY id;
		ALTER TABLE items ALTER v TYPE vector($dim);
		CREATE INDEX items_v ON items $options;
		INSERT INTO items SELECT * FROM fresh WHERE id % 2 <> $half ORDER BY id});
	my @recalls = recalls('items');

	note("rows of half $half built, the others inserted: @recalls");
	$gain += ($recalls[$_] - $fresh[$_]) / (2 * @efs) for 0 .. $#efs;
	is_sound($node, 'items_v', "half $half");
}
cmp_ok($gain, '>=', 0.004, 'rows that were inserted have neighbors of all that were found');

$node->stop;
done_testing();
