#----------------------------------------------------------------------
#
# 070_hybrid.pl
#		Hybrid search on judged collections: what fusion gains, and what
#		tune_fusion says of it.
#
# nDCG is computed here from the lists that hybrid_search returns.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use Cwd qw(abs_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $source = abs_path($ENV{GIGAVEC_SOURCE} // '../..');
my $data = $ENV{GIGAVEC_DATA} // "$source/../shared/data";

plan skip_all => "there is no $data/text/scifact" unless -d "$data/text/scifact";

my $node = PostgreSQL::Test::Cluster->new('hybrid');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION gigavec');

# The mean over the judged queries of nDCG of the first ten rows
sub ndcg
{
	my ($judgments, $fusion, $weights) = @_;
	my %rows;
	foreach my $line (split /\n/, $node->safe_psql('postgres', qq(
		SELECT q.id, d.id FROM query q, gigavec.hybrid_search('document', q.body, q.v, 10, fusion => '$fusion',
				weights => '$weights', metric => 'cosine', candidates => 100) WITH ORDINALITY s (in_table, tid, score, tr, ts, tp, vr, vd, vp, n)
			JOIN document d ON d.ctid = s.tid ORDER BY q.id, s.n)))
	{
		my ($query, $document) = split /\|/, $line;
		push @{ $rows{$query} }, $document;
	}
	my ($sum, $n) = (0, 0);
	foreach my $query (keys %$judgments)
	{
		my $grades = $judgments->{$query};
		my @best = sort { $b <=> $a } values %$grades;
		my ($gain, $ideal) = (0, 0);
		next unless $best[0] > 0;
		foreach my $i (0 .. 9)
		{
			my $document = ($rows{$query} // [])->[$i];
			$gain += ($grades->{$document} // 0) / (log($i + 2) / log(2)) if defined $document;
			$ideal += ($best[$i] // 0) / (log($i + 2) / log(2));
		}
		$sum += $gain / $ideal;
		$n++;
	}
	return $sum / $n;
}

foreach my $set ('scifact', 'cranfield')
{
	my $folder = "$data/text/$set";
	$node->safe_psql('postgres', qq(
		DROP TABLE IF EXISTS document, query, judgment, raw, v;
		CREATE TABLE document (id text PRIMARY KEY, title text, body text, v vector(256));
		CREATE TABLE v (id text PRIMARY KEY, v vector(256));
		\\copy document (id, title, body) FROM '$folder/corpus.tsv'
		\\copy v FROM '$folder/lsi256.docs.tsv'
		UPDATE document SET v = v.v, body = title || ' ' || body FROM v WHERE v.id = document.id;
		CREATE TABLE raw (j jsonb);
		\\copy raw FROM '$folder/queries.jsonl' (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')
		TRUNCATE v;
		\\copy v FROM '$folder/lsi256.queries.tsv'
		CREATE TABLE query AS SELECT j->>'_id' AS id, j->>'text' AS body, v FROM raw JOIN v ON v.id = j->>'_id';
		CREATE TABLE judgment (query text, document text, grade integer);
		\\copy judgment FROM '$folder/qrels.tsv'
		CREATE INDEX ON document USING bm25 (body) WITH (text_config = 'english');
		ANALYZE document;));
	my %judgments;
	foreach my $line (split /\n/, $node->safe_psql('postgres', 'SELECT * FROM judgment'))
	{
		my ($query, $document, $grade) = split /\|/, $line;
		$judgments{$query}{$document} = $grade > 0 ? $grade : 0;
	}

	my %by_hand;
	my %grid = (minmax => [ 0, 0.2, 0.3, 0.5, 0.7, 1 ], rrf => [ 0.3, 0.5 ], linear => [0.5]);
	foreach my $fusion (sort keys %grid)
	{
		foreach my $weight (@{ $grid{$fusion} })
		{
			my $weights = '{' . sprintf('%.12g', 1 - $weight) . ",$weight}";
			$by_hand{"$fusion $weights"} = ndcg(\%judgments, $fusion, $weights);
		}
	}
	my ($best) = sort { $by_hand{$b} <=> $by_hand{$a} } keys %by_hand;
	my $text = $by_hand{'minmax {1,0}'};
	note sprintf('%s: text %.4f, vector %.4f, minmax .3 %.4f, rrf %.4f, best by hand %s %.4f', $set, $text,
		$by_hand{'minmax {0,1}'}, $by_hand{'minmax {0.7,0.3}'}, $by_hand{'rrf {0.5,0.5}'}, $best, $by_hand{$best});
	cmp_ok($by_hand{'minmax {0.7,0.3}'}, '>=', $text, "$set: min-max with weight .3 of the vector is not below the text alone");

	my %tuned;
	my @settings = split /\n/, $node->safe_psql('postgres', q(
		SELECT fusion || ' ' || weights::text, ndcg FROM gigavec.tune_fusion('document', 'SELECT id, body, v FROM query', 'TABLE judgment', 'id', metric => 'cosine')
		WHERE rrf_k IS NULL OR rrf_k = 60));
	my $tuned_best = (split /\|/, $settings[0])[1];
	%tuned = map { split /\|/ } @settings;
	cmp_ok($tuned_best, '>=', $by_hand{$best} - 1e-9, "$set: tune_fusion finds a setting as good as the best by hand");
	is(scalar(grep { !defined $tuned{$_} || abs($tuned{$_} - $by_hand{$_}) > 1e-9 } keys %by_hand),
		0, "$set: and says of each what was measured by hand");
}

$node->stop;
done_testing();
