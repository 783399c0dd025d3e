#----------------------------------------------------------------------
#
# bm25: nDCG@10 on collections with judgments, against the reference.
#
# The reference (text/ref_bm25.tsv of the data) is an implementation of BM25 of
# its own with PostgreSQL's text search configurations.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use Cwd;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $folder = ($ENV{GIGAVEC_DATA} // '../shared/data') . '/text';
plan skip_all => "no texts in $folder" if !-f "$folder/scifact/corpus.tsv";

# collection, judged queries, nDCG@10 at least: lengths of one byte, exact lengths
my @sets = ([ 'scifact', 300, .688, .689 ], [ 'cranfield', 225, .524, .525 ]);
my $node = new_server('quality', "fsync = off\n");

# Copy the lines that a function makes of a file's into a table
sub copy_lines
{
	my ($table, $file, $make) = @_;
	my $copy = $node->basedir . "/$table.tsv";

	append_to_file($copy, join('', map { "$_\n" } map { $make->($_) } split(/\n/, slurp_file($file))));
	$node->safe_psql('postgres', "COPY $table FROM '$copy'");
	return;
}

for my $set (@sets)
{
	my ($name, $n_queries, $with_bytes, $exact) = @$set;

	$node->safe_psql('postgres', qq{
		CREATE TABLE ${name} (id text, title text, content text);
		COPY ${name} FROM '} . Cwd::abs_path("$folder/$name/corpus.tsv") . qq{';
		ALTER TABLE ${name} ADD body text GENERATED ALWAYS AS (coalesce(title, '') || ' ' || coalesce(content, '')) STORED;
		CREATE TABLE ${name}_queries (id text, query text);
		CREATE TABLE ${name}_qrels (query text, id text, grade float8);
	});
	copy_lines("${name}_qrels", "$folder/$name/qrels.tsv", sub { $_[0] =~ /^\S+\t\S+\t[\d.]+$/ ? $_[0] : () });
	$node->safe_psql('postgres', qq{
		CREATE TABLE ${name}_lines (line jsonb);
		COPY ${name}_lines FROM '} . Cwd::abs_path("$folder/$name/queries.jsonl") . qq{' (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02');
		INSERT INTO ${name}_queries SELECT coalesce(line ->> '_id', line ->> 'id'), line ->> 'text' FROM ${name}_lines
			WHERE coalesce(line ->> '_id', line ->> 'id') IN (SELECT query FROM ${name}_qrels);
	});
	for my $length ('byte', 'exact')
	{
		my ($n, $ndcg) = split(/\|/, $node->safe_psql('postgres', qq{
			DROP INDEX IF EXISTS ${name}_body;
			CREATE INDEX ${name}_body ON $name USING bm25 (body) WITH (text_config = 'english', length = $length);
			$BY_INDEX
			SELECT count(*), round(avg(dcg / ideal)::numeric, 4)
			FROM (SELECT (SELECT coalesce(sum(grade / ln(place + 1) * ln(2)), 0)
					FROM (SELECT id, row_number() OVER () AS place
						FROM (SELECT id FROM $name ORDER BY body <\@> plainto_bm25query(q.query) LIMIT 10) s) f
						JOIN ${name}_qrels r ON r.query = q.id AND r.id = f.id) AS dcg,
				(SELECT sum(grade / ln(place + 1) * ln(2))
					FROM (SELECT grade, row_number() OVER (ORDER BY grade DESC) AS place
						FROM ${name}_qrels r WHERE r.query = q.id) g WHERE place <= 10) AS ideal
				FROM ${name}_queries q) x WHERE ideal > 0}));
		my $floor = $length eq 'byte' ? $with_bytes : $exact;

		is($n, $n_queries, "$name, $length: queries");
		cmp_ok($ndcg, '>=', $floor, "$name, $length: nDCG\@10 is $ndcg");
	}
	is_sound($node, "${name}_body", $name);
}
$node->stop;

done_testing();
