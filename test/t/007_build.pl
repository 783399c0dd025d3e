#----------------------------------------------------------------------
#
# Builds with any number of workers and in little memory.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $node = new_server('build', q{
	fsync = off
	shared_buffers = 64MB
	max_worker_processes = 12
	max_parallel_workers = 8
	max_parallel_maintenance_workers = 4
	min_parallel_table_scan_size = 0
}, extra => [ '--wal-segsize=1' ]);

$node->safe_psql('postgres', q{
	CREATE EXTENSION pageinspect;
	CREATE TABLE items (id int, v vector(32)) WITH (parallel_workers = 8);
	INSERT INTO items SELECT i, CASE WHEN i % 50 = 0 THEN NULL WHEN i % 10 = 0 THEN point(i % 400, 32) ELSE point(i, 32) END
		FROM generate_series(1, 6000) i;
	UPDATE items SET v = array_fill(0, ARRAY[32])::vector WHERE id % 500 = 1;
	CREATE TABLE questions AS SELECT i AS id, point(1000000 + i, 32) AS q FROM generate_series(1, 50) i;
	CREATE TABLE level (id int, v vector(32));
	INSERT INTO level SELECT id, v - array_fill(1.5, ARRAY[32])::vector FROM items;
	CREATE TABLE level_questions AS SELECT id, q - array_fill(1.5, ARRAY[32])::vector AS q FROM questions;
	CREATE TABLE hot (id int, v vector(32)) WITH (parallel_workers = 3, fillfactor = 50);
	INSERT INTO hot SELECT i, point(i, 32) FROM generate_series(1, 3000) i;
	UPDATE hot SET id = id + 1;
	DELETE FROM hot WHERE id % 9 = 0;
});

# the same pages whatever the number of workers, the same seed, the same rows
my %kinds = ('v vector_l2_ops' => 'v <-> q.q', 'v vector_l1_ops' => 'v <+> q.q', 'v vector_cosine_ops' => 'v <=> q.q',
	'v vector_ip_ops' => 'v <#> q.q', '(v::halfvec(32)) halfvec_l2_ops' => 'v::halfvec(32) <-> q.q::halfvec(32)');
for my $kind (sort keys %kinds)
{
	my ($first, $answers);

	for my $workers ($LONG ? 0 .. 8 : $kind eq 'v vector_l2_ops' ? (0 .. 3, 5, 8) : (0 .. 3))
	{
		$node->safe_psql('postgres', qq{
			SET max_parallel_maintenance_workers = $workers;
			CREATE INDEX items_v ON items USING hnsw ($kind)});
		my $digest = digest($node, 'items_v');
		my $list = top_lists($node, 'items', 'questions', $kinds{$kind}, 10);

		$first //= $digest;
		$answers //= $list;
		is($digest, $first, "$kind, $workers workers: the same pages");
		is($list, $answers, "$kind, $workers workers: the same answers");
		is_sound($node, 'items_v', "$kind, $workers workers") if $workers % 2 == 0;
		if ($workers == 3)
		{
			$node->safe_psql('postgres', 'REINDEX INDEX items_v');
			is(digest($node, 'items_v'), $first, "$kind: the same pages after REINDEX");
			$node->safe_psql('postgres', 'REINDEX INDEX CONCURRENTLY items_v');
			is(top_lists($node, 'items', 'questions', $kinds{$kind}, 10), $answers,
				"$kind: the same answers after REINDEX CONCURRENTLY");
			$node->safe_psql('postgres', 'ALTER INDEX items_v SET (seed = 77); REINDEX INDEX items_v');
			isnt(digest($node, 'items_v'), $first, "$kind: other pages with another seed");
		}
		$node->safe_psql('postgres', 'DROP INDEX items_v');
	}
}

# Nor does the order matter in which rows are loaded: a scan of a large table starts where the last one was.  Small integers
# have many equal distances, among which the numbers of rows decide.
$node->safe_psql('postgres', q{
	CREATE TABLE ties (id int, v vector(8), filler text) WITH (parallel_workers = 0);
	ALTER TABLE ties ALTER filler SET STORAGE PLAIN;
	INSERT INTO ties SELECT i, (SELECT array_agg(floor(4 * noise(i, j, 3)) - 1)::vector FROM generate_series(1, 8) j), repeat('x', 7000)
		FROM generate_series(1, 3000) i});
for my $kind ('v vector_l2_ops', 'v vector_ip_ops', 'v vector_l1_ops')
{
	my @digests;

	for my $first (0, 1000, 2000)
	{
		# which leaves its place to the next scan
		$node->safe_psql('postgres', "SELECT count(*) FROM (SELECT FROM ties LIMIT $first) s") for 1 .. 3;
		$node->safe_psql('postgres', 'SET synchronize_seqscans = ' . ($first > 0 ? 'on' : 'off')
			. "; CREATE INDEX ties_v ON ties USING hnsw ($kind)");
		push @digests, digest($node, 'ties_v');
		$node->safe_psql('postgres', 'DROP INDEX ties_v');
	}
	is($digests[$_], $digests[0], "$kind: the same pages, rows loaded in another order ($_)") for 1, 2;
}
$node->safe_psql('postgres', 'DROP TABLE ties');

# workers do take part, and HOT chains are indexed by their roots
for my $workers (0, 3)
{
	my (undef, undef, $err) = $node->psql('postgres', qq{
		SET max_parallel_maintenance_workers = $workers;
		DROP INDEX IF EXISTS hot_v;
		SET client_min_messages = debug1;
		CREATE INDEX hot_v ON hot USING hnsw (v vector_l2_ops)}, on_error_die => 1);
	is($err =~ /DEBUG:  using (\d+) parallel workers/ ? $1 : 0, $workers, "$workers workers build");
	is_complete($node, 'hot', "v <-> '" . $node->safe_psql('postgres', 'SELECT point(17, 32)') . "'", "updated rows, $workers workers");
	is_sound($node, 'hot_v', "updated rows, $workers workers");
}

# Little memory: the build succeeds, says so, and answers.  It is made of shards, which give the same pages for any number
# of workers, and nearly the recall of a build in memory.
for my $kind ('v vector_l2_ops', 'v vector_cosine_ops', 'v vector_ip_ops', 'v vector_l1_ops')
{
	my $enough;

	make_truth($node, 'items', 'questions', $kinds{$kind}, 10);
	for my $memory ('16MB', '1MB', '2MB')
	{
		my $first;

		for my $workers (0, 2)
		{
			my ($out, $err);
			my $name = "$kind, maintenance_work_mem = $memory, $workers workers";

			$node->psql('postgres', qq{
				SET maintenance_work_mem = '$memory';
				SET max_parallel_maintenance_workers = $workers;
				CREATE INDEX items_v ON items USING hnsw ($kind)}, stdout => \$out, stderr => \$err);
			if ($memory eq '16MB')
			{
				is($err, '', "$name: no notice");
			}
			else
			{
				like($err, qr/NOTICE:  hnsw graph no longer fits into maintenance_work_mem and is built in \d+ parts/, "$name: notice");
			}

			my $recall = recall($node, 'items', 'questions', $kinds{$kind}, 10, ef_for(40, $kinds{$kind}));
			$enough //= $recall;
			# by inner product graphs with different seeds differ by more: see below
			cmp_ok($recall, '>=', $enough - 0.03, "$name: recall with 40 candidates is near that with enough memory, $enough")
			  if $kind !~ /ip/;
			cmp_ok(recall($node, 'items', 'questions', $kinds{$kind}, 10, 200), '>=', 0.95, "$name: recall");
			is_sound($node, 'items_v', $name);
			is_complete($node, 'items', $kinds{$kind} =~ s/q\.q/"'" . $node->safe_psql('postgres', 'SELECT point(17, 32)') . "'"/er,
				$name, 0.05);
			$node->safe_psql('postgres', 'DROP INDEX items_v');
		}

		next if $memory eq '16MB';
		for my $workers (0, 1, 3)
		{
			$node->safe_psql('postgres', qq{
				SET client_min_messages = warning;
				SET maintenance_work_mem = '$memory';
				SET max_parallel_maintenance_workers = $workers;
				CREATE INDEX items_v ON items USING hnsw ($kind)});
			$first //= digest($node, 'items_v');
			is(digest($node, 'items_v'), $first, "$kind, maintenance_work_mem = $memory, $workers workers: the same pages");
			$node->safe_psql('postgres', 'DROP INDEX items_v');
		}
	}
}

# The same for values of different sizes, bits, values that continue on other pages, equal ones, and filter columns
$node->safe_psql('postgres', q{
	CREATE TABLE others (id int, n int, s sparsevec(40), b bit(256), w vector(2500)) WITH (parallel_workers = 8);
	INSERT INTO others SELECT i, i % 10, CASE WHEN i % 40 > 0 THEN (
			SELECT array_agg(CASE WHEN noise(i, j::int, 5) < 0.2 + 0.1 * (i % 6) THEN e ELSE 0 END ORDER BY j)::vector::sparsevec
			FROM unnest(point(i, 40)::float4[]) WITH ORDINALITY p (e, j)) END,
		CASE WHEN i % 30 > 0 THEN binary_quantize(point(CASE WHEN i % 20 = 0 THEN i % 400 ELSE i END, 256) - array_fill(1.5, ARRAY[256])::vector)::bit(256) END,
		CASE WHEN i % 6 = 0 THEN point(i, 2500) END
		FROM generate_series(1, 5000) i;
	CREATE TABLE other_questions AS SELECT i AS id, point(1000000 + i, 40)::sparsevec AS s,
		binary_quantize(point(1000000 + i, 256) - array_fill(1.5, ARRAY[256])::vector)::bit(256) AS b, point(1000000 + i, 2500) AS w
		FROM generate_series(1, 50) i;
});
my %of_others = ('s sparsevec_ip_ops, n' => 's <#> q.s', 's sparsevec_l2_ops' => 's <-> q.s', 'b bit_hamming_ops' => 'b <~> q.b',
	'b bit_jaccard_ops, n' => 'b <%> q.b', 'w vector_l1_ops' => 'w <+> q.w');
for my $kind (sort keys %of_others)
{
	my $distance = $of_others{$kind};
	my ($column) = $kind =~ /^(\w)/;
	my $point = $node->safe_psql('postgres', "SELECT $column FROM other_questions WHERE id = 1");
	my ($enough, %first);

	make_truth($node, 'others', 'other_questions', $distance, 10);
	# with 2 MB shards are large enough for rows to be linked in groups
	for my $build ([ '64MB', 0 ], [ '1MB', 0 ], [ '1MB', 1 ], [ '1MB', 3 ], [ '2MB', 0 ], [ '2MB', 1 ], [ '2MB', 3 ])
	{
		my ($memory, $workers) = @$build;
		my ($out, $err);
		my $name = "$kind, maintenance_work_mem = $memory, $workers workers";

		$node->psql('postgres', qq{
			SET maintenance_work_mem = '$memory';
			SET max_parallel_maintenance_workers = $workers;
			CREATE INDEX others_i ON others USING hnsw ($kind)}, stdout => \$out, stderr => \$err);
		like($err, $memory eq '64MB' ? qr/^$/ : $kind =~ /^w/ ? qr/maintenance_work_mem after \d+ rows/ : qr/ and is built in \d+ parts/,
			"$name: notice");
		if ($memory ne '64MB' && $kind !~ /^w/)
		{
			$first{$memory} //= digest($node, 'others_i');
			is(digest($node, 'others_i'), $first{$memory}, "$name: the same pages");
		}
		if ($workers == 0)
		{
			my $recall = recall($node, 'others', 'other_questions', $distance, 10, ef_for(40, $distance));

			$enough //= $recall;
			cmp_ok($recall, '>=', $enough - 0.03, "$name: recall with 40 candidates is near that with enough memory, $enough");
			cmp_ok(recall($node, 'others', 'other_questions', $distance, 10, 200), '>=', 0.95, "$name: recall");
			is_sound($node, 'others_i', $name);
			is_complete($node, 'others', $distance =~ s/q\.\w/'$point'/r, $name, 0.05);
			is_complete($node, '(SELECT *, tableoid, ctid FROM others WHERE n = 3) o', $distance =~ s/q\.\w/'$point'/r, "$name, n = 3", 0.05)
			  if $kind =~ /, n/;
		}
		$node->safe_psql('postgres', 'DROP INDEX others_i');
	}
}

# By inner product all of these questions want the same few long rows, and recall with 40 candidates and one seed is .78 to
# .95, in memory as in shards.  Around the origin each wants rows of its own; means over seeds tell a loss from luck.
make_truth($node, 'level', 'level_questions', 'v <#> q.q', 10);
{
	my %mean;

	for my $memory ('16MB', '1MB', '2MB')
	{
		for my $seed (1 .. 6)
		{
			$node->safe_psql('postgres', qq{
				SET client_min_messages = warning;
				SET maintenance_work_mem = '$memory';
				CREATE INDEX level_v ON level USING hnsw (v vector_ip_ops) WITH (seed = $seed)});
			$mean{$memory} += recall($node, 'level', 'level_questions', 'v <#> q.q', 10, ef_for(40, '<#>')) / 6;
			$node->safe_psql('postgres', 'DROP INDEX level_v');
		}
		cmp_ok($mean{$memory}, '>=', $mean{'16MB'} - 0.03,
			"inner product, maintenance_work_mem = $memory: mean recall $mean{$memory} is near that with enough memory, $mean{'16MB'}");
	}
}

# Memory stays within the setting: anonymous memory of the one process that builds
SKIP:
{
	skip 'memory is read from /proc', 1 if !-r '/proc/self/status';
	skip 'the sanitizers take memory of their own', 1 if $ENV{GIGAVEC_SANITIZE};
	$node->safe_psql('postgres', q{
		CREATE TABLE wide (id int, v vector(256));
		ALTER TABLE wide ALTER v SET STORAGE PLAIN;
		INSERT INTO wide SELECT i, point(i, 256) FROM generate_series(1, 12000) i;
		CREATE INDEX ON wide (id)});
	for my $memory (2, 4, 8)
	{
		my $session = $node->background_psql('postgres');
		my $pid = $session->query_safe('SELECT pg_backend_pid()');
		my $anonymous = sub {
			open(my $status, '<', "/proc/$pid/status") || return 0;
			return join('', <$status>) =~ /^RssAnon:\s+(\d+) kB/m ? $1 / 1024 : 0;
		};

		# what any index needs, and what is shared once it has been touched
		$session->query_safe('SET client_min_messages = warning; SET max_parallel_maintenance_workers = 0; REINDEX INDEX wide_id_idx');
		my $before = $anonymous->();
		my $peak = 0;
		my $builder = fork // die "could not fork: $!";
		if ($builder == 0)
		{
			# the child looks until it is told to stop
			my $stop = 0;
			local $SIG{TERM} = sub { $stop = 1 };
			while (!$stop)
			{
				my $now = $anonymous->();
				$peak = $now if $now > $peak;
				select(undef, undef, undef, 0.005);
			}
			append_to_file($node->basedir . "/peak_$memory", $peak);
			POSIX::_exit(0);
		}
		$session->query_safe("SET maintenance_work_mem = '${memory}MB'; CREATE INDEX wide_v ON wide USING hnsw (v vector_l2_ops)");
		kill 'TERM', $builder;
		waitpid $builder, 0;
		$session->query_safe('DROP INDEX wide_v');
		$session->quit;
		$peak = slurp_file($node->basedir . "/peak_$memory") - $before;
		cmp_ok($peak, '<=', 1.25 * $memory + 8, sprintf('maintenance_work_mem = %d MB: a build takes %.1f MB', $memory, $peak));
	}
	$node->safe_psql('postgres', 'DROP TABLE wide');
}

$node->stop;
done_testing();
