#----------------------------------------------------------------------
#
# Finer codes of ivfpq on real data: what is found stays, few rows of the table
# are looked at, and the index is as small as it should be.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $node = new_server('codes', "fsync = off\nmax_wal_size = 4GB\nautovacuum = off\n");

# options, the most bytes a row at 128 and 768 dimensions, the most rows of the
# table a query beside those with one bit
my @codes = (
	[ '', 50, 200, 1 ],
	[ ', bits = 4', 130, 512, 0.25 ],
	[ ', quantizer = sq8', 210, 1050, 0.25 ],
	[ ', quantizer = pq', 46, 190, 6 ],
	[ ', quantizer = pq, bits = 8, m = 64', 130, 320, 2 ]);

for my $set ([ 'sift-bsds-200k', 128, 8000, 'l2', '<->' ], [ 'imdb-lsa-768', 768, 4000, 'cosine', '<=>' ])
{
	my ($name, $dim, $n_rows, $metric, $operator) = @$set;

  SKIP:
	{
		my $folder = data_folder($name);
		my ($found_by_bit, $reranked_by_bit);

		skip "no data set $name", 4 * @codes + 1 if !defined $folder;
		$node->safe_psql('postgres', qq{
			DROP TABLE IF EXISTS real, questions;
			CREATE TABLE real (id int, v vector($dim));
			CREATE TABLE questions (id int, q vector($dim))});
		copy_vectors($node, "$folder/base.npy", 'real', 0, $n_rows);
		copy_vectors($node, "$folder/query.npy", 'questions', 0, 100);
		make_truth($node, 'real', 'questions', "v $operator q.q", 10);
		for my $code (@codes)
		{
			my ($options, $bytes_128, $bytes_768, $part) = @$code;
			my $what = $name . ($options || ', bits = 1');
			my ($found, $reranked);

			$node->safe_psql('postgres', qq{
				DROP INDEX IF EXISTS real_v;
				CREATE INDEX real_v ON real USING ivfpq (v vector_${metric}_ops) WITH (lists = 20$options)});
			$found = recall($node, 'real', 'questions', "v $operator q.q", 10, '10; SET ivfpq.probes = 10');
			$reranked = $node->safe_psql('postgres',
				"SET ivfpq.probes = 10; SELECT reranked FROM gigavec.recall('real_v', 10, ARRAY(SELECT q FROM questions))");
			$found_by_bit //= $found;
			$reranked_by_bit //= $reranked;
			cmp_ok($found, '>=', $found_by_bit - 0.003, "$what: found");
			cmp_ok($reranked, '<=', $reranked_by_bit * $part + 10, "$what: rows looked at");
			cmp_ok($node->safe_psql('postgres', "SELECT value FROM gigavec.stats('real_v') WHERE name = 'bytes_per_row'"),
				'<=', $dim == 128 ? $bytes_128 : $bytes_768, "$what: bytes a row");
			is_sound($node, 'real_v', $what);
		}
		cmp_ok($found_by_bit, '>=', 0.8, "$name: found by one bit");
	}
}

$node->stop;
done_testing();
