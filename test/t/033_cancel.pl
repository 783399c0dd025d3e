#----------------------------------------------------------------------
#
# A cancel is noticed soon, wherever work is when it comes.
#
# At one point after another, of all that work comes to, a session is told that
# it was cancelled, as the signal for it does.  The blocks that it reads until it
# notices are counted, no time is measured: no loop over pages goes on without a
# look.  006_interrupts measures the time.
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

# what a build writes to the log at once
my $most_blocks = 40;
my $node = new_server('cancel', q{
	fsync = off
	shared_buffers = 128MB
	max_wal_size = 2GB
	max_parallel_maintenance_workers = 0
	log_min_messages = error
});

# Lists, leaves and chains of many more pages than that: rows of wide vectors,
# made of few parts, for ivf and hnsw; many low ones for kdtree; many words for bm25
$node->safe_psql('postgres', q{
	CREATE TABLE parts AS SELECT i, point(i, 900) AS v FROM generate_series(1, 70) i;
	CREATE TABLE wide (id int, v vector(900));
	INSERT INTO wide SELECT 70 * a.i + b.i, a.v - b.v FROM parts a, parts b;
	CREATE TABLE low (id int, v vector(3));
	INSERT INTO low SELECT i, ARRAY[noise(i, 1, 1), noise(i, 2, 1), noise(i, 3, 1)] FROM generate_series(1, 20000) i;
	CREATE TABLE same (id int, v vector(3));
	INSERT INTO same SELECT i, CASE WHEN i % 2 = 0 THEN '[1, 2, 3]' ELSE '[0, 0, 0]' END::vector FROM generate_series(1, 24000) i;
	CREATE FUNCTION words(i bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
		$$SELECT 'all own' || i || string_agg(' w' || (pg_catalog.hashint8extended(i, j) & 4095), '') FROM generate_series(1, 40) j$$;
	CREATE TABLE told AS SELECT i AS id, words(i) AS body FROM generate_series(1, 6000) i;
});

# table, index, what it is made of, what a scan orders by, a new row
my %indexes = (
	ivfflat => [ 'wide', '(v vector_l2_ops) WITH (lists = 2)', 'v <-> (SELECT v FROM parts WHERE i = 7)', 'i, (SELECT v FROM parts WHERE parts.i = 1 + g.i % 70)' ],
	ivfpq => [ 'wide', '(v vector_cosine_ops) WITH (lists = 2, bits = 4)', 'v <=> (SELECT v FROM parts WHERE i = 7)', 'i, (SELECT v FROM parts WHERE parts.i = 1 + g.i % 70)' ],
	hnsw => [ 'wide', '(v vector_l2_ops) WITH (m = 4, ef_construction = 16)', 'v <-> (SELECT v FROM parts WHERE i = 7)', 'i, (SELECT v FROM parts WHERE parts.i = 1 + g.i % 70)' ],
	kdtree => [ 'low', '(v) WITH (fillfactor = 30)', q{v <-> '[0.5,0.5,0.5]'}, 'i, ARRAY[noise(i, 1, 2), noise(i, 2, 2), noise(i, 3, 2)]::vector' ],
	bm25 => [ 'told', q{(body) WITH (text_config = 'simple')}, q{body <@> 'all w7 w8'}, 'i, words(i)' ]);

for my $method (sort keys %indexes)
{
	my ($table, $definition, $order, $row) = @{ $indexes{$method} };
	my $index = "${table}_$method";
	my $create = "CREATE INDEX $index ON $table USING $method $definition";

	$node->safe_psql('postgres', $create);
	my %works = (
		scan => "SELECT count(*) FROM (SELECT id FROM $table ORDER BY $order OFFSET 0) s",
		check => "SELECT count(*) FROM gigavec.check('$index')",
		insert => "INSERT INTO $table SELECT $row FROM generate_series(100001, 100400) g (i)",
		vacuum => "VACUUM (INDEX_CLEANUP on) $table",
		build => $create =~ s/$index/new_$index/r);

	$works{train} = "SELECT gigavec.train('$index')" if $method =~ /^ivf/;
	$works{merge} = "SELECT gigavec.merge('$index')" if $method eq 'bm25';
	for my $work (sort keys %works)
	{
		my ($n_noticed, $worst) = (0, 0);
		my @far;

		# rows that are gone, and others in their places, so that there is something to do
		$node->safe_psql('postgres', "DELETE FROM $table WHERE id % 3 = 0; INSERT INTO $table SELECT $row FROM generate_series(200001, 200900) g (i)")
		  if $work =~ /vacuum|train|merge/;
		for my $count (1 .. 6, 9, 14, 25, 50, 120, 400)
		{
			my ($out, $err) = ('', '');

			$node->psql('postgres', "LOAD 'gigavec'; $BY_INDEX SET gigavec.test_point = '*:cancel:$count';\n$works{$work};\n"
				  . "RESET gigavec.test_point;\nDROP INDEX IF EXISTS new_$index", stdout => \$out, stderr => \$err, on_error_stop => 0);
			my ($blocks) = $err =~ /NOTICE:  read (\d+) blocks after a cancel/;

			unlike($err, qr/ERROR:(?!  canceling statement due to user request)/, "$method, $work, point $count: no other error");
			# the work has no more points
			last if !defined $blocks;
			$n_noticed++ if $err =~ /canceling statement/;
			$worst = $blocks if $blocks > $worst;
			push @far, "at point $count after $blocks blocks" if $blocks > $most_blocks;
		}
		is(join(', ', @far), '', "$method, $work: a cancel is noticed");
		cmp_ok($n_noticed, '>=', 1, "$method, $work: some came in time ($n_noticed), the last noticed after $worst blocks");
	}
	is_sound($node, $index, "$method, cancelled");
	$node->safe_psql('postgres', "VACUUM $table");
	is_sound($node, $index, "$method, vacuumed");
	$node->safe_psql('postgres', "DROP INDEX $index; DELETE FROM $table WHERE id > 100000");
}

# Thousands of rows of one vector, and of none, are in chains of pages, which VACUUM
# goes through and frees without a lock
$node->safe_psql('postgres', 'CREATE INDEX same_hnsw ON same USING hnsw (v vector_cosine_ops)');
for my $case ([ 'hnsw-vacuum-chunk', 'id % 3 = 0', 4, 1, 2, 5, 20, 100 ],
	[ 'hnsw-vacuum-node', 'id > 0', $most_blocks, 1 ], [ 'hnsw-vacuum-free', 'id > 0', 4, 1, 2, 5 ])
{
	my ($point, $condition, $most, @counts) = @$case;

	$node->safe_psql('postgres', "DELETE FROM same WHERE $condition");
	for my $count (@counts)
	{
		my ($out, $err) = ('', '');

		$node->psql('postgres', "LOAD 'gigavec'; SET gigavec.test_point = '$point:cancel:$count';\nVACUUM same",
			stdout => \$out, stderr => \$err);
		my ($blocks) = $err =~ /NOTICE:  read (\d+) blocks after a cancel/;
		like($err, qr/canceling statement due to user request/, "rows of one vector, $point $count: VACUUM is cancelled");
		cmp_ok($blocks // 1e9, '<=', $most, 'soon');
		is_sound($node, 'same_hnsw', 'rows of one vector');
	}
	$node->safe_psql('postgres', 'VACUUM same') if $point ne 'hnsw-vacuum-node';
	is_sound($node, 'same_hnsw', 'rows of one vector, vacuumed');
}
# though it was cancelled, no page was lost; rows without direction keep theirs
is($node->safe_psql('postgres', q{
		CREATE TEMP TABLE pages AS SELECT name, value FROM gigavec.stats('same_hnsw');
		INSERT INTO same SELECT i, '[1, 2, 3]' FROM generate_series(1, 12000) i;
		SELECT s.name, s.value - p.value FROM gigavec.stats('same_hnsw') s JOIN pages p USING (name) WHERE name = 'pages'}),
	'pages|0', 'the pages are used again');

# Nor are pages that nothing leads to any more looked at in one go
my $err = '';

$node->safe_psql('postgres', 'CREATE INDEX low_kdtree ON low USING kdtree (v) WITH (fillfactor = 30); DELETE FROM low; VACUUM low');
$node->psql('postgres', "LOAD 'gigavec'; SET gigavec.test_point = 'kdtree-check-block:cancel';\nSELECT * FROM gigavec.check('low_kdtree')",
	stderr => \$err);
like($err, qr/canceling statement due to user request/, 'kdtree, free pages: a check is cancelled');
cmp_ok(($err =~ /NOTICE:  read (\d+) blocks after a cancel/)[0] // 1e9, '<=', 4, 'soon');

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|refcount leak|XX000/, 'nothing else in the log');
$node->stop;
done_testing();
