#----------------------------------------------------------------------
#
# How much memory builds, scans and sessions take.
#
# Of a process counts what it has of its own, and of shared memory what is not
# the server's buffers, which are few here.  The system tells, where it has
# /proc.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use IPC::Run;
use List::Util qw(max min sum0);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

use lib 't';
use GigavecTest;

plan skip_all => 'this system does not tell how much memory a process has' if !-r '/proc/self/status';
plan skip_all => 'the sanitizers take memory of their own' if $ENV{GIGAVEC_SANITIZE};

my $node = new_server('memory', q{
	fsync = off
	shared_buffers = 2MB
	max_parallel_maintenance_workers = 2
	min_parallel_table_scan_size = 0
	jit = off
});
my $n = $LONG ? 80_000 : 8000;
my $n_wide = 100;

# wide: in memory some 3.4 kB a row, or 6
$node->safe_psql('postgres', qq{
	CREATE TABLE items (id int, v vector(32)) WITH (parallel_workers = 2);
	INSERT INTO items SELECT i, point(i, 32) FROM generate_series(1, $n) i;
	CREATE TABLE wide (id int, v vector(1500)) WITH (parallel_workers = 2);
	WITH parts AS (SELECT i, point(i, 1500) AS v FROM generate_series(0, $n_wide - 1) i)
	INSERT INTO wide SELECT 1 + a.i + $n_wide * b.i, a.v + b.v FROM parts a, parts b;
	CREATE TABLE sparse (id int, s sparsevec(5000));
	INSERT INTO sparse SELECT i, (SELECT '{' || string_agg(j || ':' || noise(i, j, 1) + 0.5, ',') || '}/5000'
		FROM generate_series(1 + i % 17, 5000, 17 * (1 + i % 9)) j)::sparsevec FROM generate_series(1, 2000) i;
	CREATE TABLE low (id int, v vector(3)) WITH (parallel_workers = 2);
	INSERT INTO low SELECT i, ARRAY[i % 317, i % 1009, i / 100] FROM generate_series(1, 30 * $n) i;
	CREATE TABLE questions AS SELECT i AS id, point(1000000 + i, 32) AS q FROM generate_series(1, 1000) i;
	CREATE TABLE told (id int, body text) WITH (parallel_workers = 2);
	INSERT INTO told SELECT i, (SELECT string_agg('w' || trunc(2000 * noise(i, j, 3) * noise(i, j, 4))::int, ' ') || ' own' || i FROM generate_series(1, 100) j)
	FROM generate_series(1, $n) i;
	CREATE TABLE few_told AS SELECT * FROM told WHERE id <= 100;
	CREATE INDEX told_words ON few_told USING bm25 (body);
});
$n_wide *= $n_wide;

# kB of a process, by kind
sub memory_of
{
	my ($pid) = @_;

	open(my $file, '<', "/proc/$pid/status") || return {};
	return { map { /^(VmHWM|VmRSS|RssAnon):\s+(\d+) kB/ ? ($1 => $2) : () } <$file> };
}

# Processes of the server that work for another
sub parallel_workers
{
	my $server = (split(/\n/, slurp_file($node->data_dir . '/postmaster.pid')))[0];

	open(my $file, '<', "/proc/$server/task/$server/children") || return ();
	my @found;
	for my $pid (split(/ /, <$file> // ''))
	{
		open(my $title, '<', "/proc/$pid/cmdline") || next;
		push @found, $pid if (<$title> // '') =~ /parallel worker/;
	}
	return @found;
}

# What a session remembers after it has done a bit of everything
my $warm_up = q{
	SET client_min_messages = warning;
	CREATE TEMPORARY TABLE warm (v vector(3), s sparsevec(3));
	INSERT INTO warm VALUES ('[1,2,3]', '{1:1}/3');
	CREATE INDEX ON warm USING hnsw (v vector_l2_ops);
	CREATE INDEX ON warm USING hnsw (s sparsevec_l2_ops);
	CREATE INDEX ON warm USING kdtree (v);
	CREATE INDEX ON warm USING ivfflat (v);
	CREATE INDEX ON warm USING bm25 ((v::text));
	SELECT v FROM warm ORDER BY v <-> '[1,2,3]' LIMIT 1 \g /dev/null
	SELECT v FROM warm ORDER BY s <-> '{}/3' LIMIT 1 \g /dev/null
};
my $memory = q{pg_read_file('/proc/self/status')};
my $peak = qq{substring($memory FROM 'VmHWM:\\s*(\\d+)')};
my $present = qq{substring($memory FROM 'VmRSS:\\s*(\\d+)')};

# A build takes at most a quarter more than the setting, and 8 MB
sub is_frugal_build
{
	my ($table, $kind, $where, $mb, $workers, $method) = @_;
	$method //= 'hnsw';
	my $name = "$method, $kind, $where, maintenance_work_mem = ${mb}MB, $workers workers";
	my ($out, $err) = ('', '');
	my $file = $node->basedir . '/build.sql';
	my %own;

	unlink($file);
	append_to_file($file, qq{
		$warm_up
		SET maintenance_work_mem = '${mb}MB';
		SET max_parallel_maintenance_workers = $workers;
		SELECT $present;
		CREATE INDEX new ON $table USING $method ($kind) WHERE $where;
		SELECT $peak;
		DROP INDEX new});
	my $run = IPC::Run::start([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-f', $file, '-d', $node->connstr('postgres') ],
		'>', \$out, '2>', \$err);
	while ($run->pumpable)
	{
		# workers are gone when the build has ended
		$own{$_} = max($own{$_} // 0, memory_of($_)->{RssAnon} // 0) for parallel_workers();
		usleep(500);
		# it may have ended since
		eval { $run->pump_nb };
	}
	$run->finish;
	is($err, '', "$name: is built");

	# a worker has some memory, whatever it does
	my ($before, $after) = split(/\n/, $out);
	my $workers_own = sum0(map { max(0, $_ - 3500) } values %own);
	my $taken = $after - $before + $workers_own;
	cmp_ok($taken, '<=', 1.25 * 1024 * $mb + 8192,
		"$name: takes $taken kB, $workers_own kB of it in " . scalar(keys %own) . ' workers');
	return scalar(keys %own);
}

my ($n_parallel, $n_parallel_ivf, $n_parallel_bm25) = (0, 0, 0);
for my $mb (1, 4, 16, 64)
{
	for my $workers (0, 2)
	{
		# what exceeds the memory is partly left out, since it takes longer
		my $few = $LONG ? $n : min($n, 4000 * $mb);
		my $few_wide = $LONG ? $n_wide : min($n_wide, 5000 + 600 * $mb);

		$n_parallel += is_frugal_build('items', 'v vector_l2_ops', "id <= $few", $mb, $workers);
		$n_parallel += is_frugal_build('items', 'v vector_l1_ops', "id <= $few", $mb, $workers);
		is_frugal_build('wide', 'v vector_cosine_ops', "id <= $few_wide", $mb, $workers);
		is_frugal_build('wide', 'v vector_l1_ops', 'id <= ' . ($LONG ? $n_wide : 1500), $mb, $workers);
		is_frugal_build('sparse', 's sparsevec_l2_ops', 'true', $mb, $workers);
		is_frugal_build('low', 'v, id', 'true', $mb, $workers, 'kdtree');
		$n_parallel_ivf += is_frugal_build('items', 'v vector_l2_ops, id', 'true', $mb, $workers, 'ivfpq');
		$n_parallel_ivf += is_frugal_build('wide', 'v vector_ip_ops', "id <= $few_wide", $mb, $workers, 'ivfflat');
		$n_parallel_bm25 += is_frugal_build('told', 'body', 'true', $mb, $workers, 'bm25');
		is_frugal_build('wide', '(v::halfvec(1500)) halfvec_ip_ops', "id <= $n_wide", $mb, $workers) if $LONG;
	}
}
cmp_ok($n_parallel, '>', 0, "there were workers ($n_parallel)");
cmp_ok($n_parallel_ivf, '>', 0, "there were workers of ivf ($n_parallel_ivf)");
cmp_ok($n_parallel_bm25, '>', 0, "there were workers of bm25 ($n_parallel_bm25)");

# Scans to the end in little memory
$node->safe_psql('postgres', qq{
	SET maintenance_work_mem = '1GB';
	CREATE TABLE many (id int, v vector(8));
	INSERT INTO many SELECT i, point(i, 8) FROM generate_series(1, 4 * $n) i;
	CREATE INDEX many_l2 ON many USING hnsw (v vector_l2_ops) WITH (m = 8);
	CREATE INDEX many_l1 ON many USING hnsw (v vector_l1_ops) WITH (m = 8, ef_construction = 32);
});
for my $operator ('<->', '<+>')
{
	for my $order ('strict_order', 'relaxed_order')
	{
		my $query = "SELECT count(*) FROM (SELECT id FROM many ORDER BY v $operator '[1,2,3,4,5,4,3,2]' LIMIT %s) s";
		my ($before, $all, $after) = split(/\n/, $node->safe_psql('postgres',
				"$warm_up $BY_INDEX SET work_mem = '64kB'; SET hnsw.iterative_scan = $order;"
			  . sprintf("SELECT nullif(($query), 20);", 20) . "SELECT $present;" . sprintf("$query;", 'ALL') . "SELECT $peak"
			) =~ s/^\n//r);

		is($all, 4 * $n, "scan, $operator, $order: all rows");
		cmp_ok($after - $before, '<=', 1.25 * 64 + 8192, "scan, $operator, $order: takes " . ($after - $before) . ' kB');
	}
}

# by the other access methods, each in order
$node->safe_psql('postgres', q{
	CREATE INDEX many_linf ON many USING kdtree (v vector_linf_ops);
	CREATE INDEX many_ip ON many USING ivfflat (v vector_ip_ops);
	CREATE INDEX many_pq ON many USING ivfpq ((v::halfvec(8)) halfvec_l2_ops);
});
for my $distance (q{v <*> '[1,2,3,4,5,4,3,2]'}, q{v <#> '[1,2,3,4,5,4,3,2]'}, q{v::halfvec(8) <-> '[1,2,3,4,5,4,3,2]'})
{
	my $query = "SELECT count(*) FROM (SELECT id FROM many ORDER BY $distance LIMIT %s) s";
	my ($before, $all, $after) = split(/\n/, $node->safe_psql('postgres',
			"$warm_up $BY_INDEX SET work_mem = '64kB';"
		  . sprintf("SELECT nullif(($query), 20);", 20) . "SELECT $present;" . sprintf("$query;", 'ALL') . "SELECT $peak"
		) =~ s/^\n//r);

	is($all, 4 * $n, "scan, $distance: all rows");
	cmp_ok($after - $before, '<=', 1.25 * 64 + 8192, "scan, $distance: takes " . ($after - $before) . ' kB');
}

# A check, of texts of few words, for of these a session keeps up to 8 MB
$node->safe_psql('postgres', q{
	CREATE INDEX low_words ON low USING bm25 ((v::text), id) WITH (text_config = 'simple');
	CREATE INDEX low_places ON low USING bm25 ((ARRAY[(id % 1000)::text, v::text])) WITH (text_config = 'simple', fields = 'id, v', positions = on)});
for my $index ('low_words', 'low_places')
{
	my ($before, $problems, $after) = split(/\n/, $node->safe_psql('postgres',
			"$warm_up SELECT gigavec.check('told_words') \\g /dev/null\nSET maintenance_work_mem = '1MB'; SELECT $present;"
		  . "SELECT count(*) FROM gigavec.check('$index'); SELECT $peak") =~ s/^\n//r);

	is($problems, 0, "check, $index: is sound");
	cmp_ok($after - $before, '<=', 1.25 * 1024 + 8192, "check, $index: takes " . ($after - $before) . ' kB');
}

# Sessions do not grow
my $times = $LONG ? 1_000_000 : 100_000;
$node->safe_psql('postgres', q{
	CREATE TABLE few AS SELECT i AS id, p::vector(32) AS v, p::halfvec(32) AS h, p::sparsevec(32) AS s, binary_quantize(p - array_fill(1.5, ARRAY[32])::vector)::bit(32) AS b
		FROM (SELECT i, point(i, 32) AS p FROM generate_series(1, 300) i) t;
	CREATE INDEX few_l2 ON few USING hnsw (v vector_l2_ops);
	CREATE INDEX few_l1 ON few USING hnsw (v vector_l1_ops);
	CREATE INDEX few_ip ON few USING hnsw (h halfvec_ip_ops);
	CREATE INDEX few_sparse ON few USING hnsw (s sparsevec_cosine_ops);
	CREATE INDEX few_bit ON few USING hnsw (b bit_hamming_ops);
	CREATE INDEX few_expression ON few USING hnsw ((v::halfvec(32)) halfvec_l2_ops);
	CREATE INDEX few_linf ON few USING kdtree (v vector_linf_ops, id);
	CREATE INDEX few_flat ON few USING ivfflat (v vector_ip_ops, id) WITH (lists = 10);
	CREATE INDEX few_pq ON few USING ivfpq (h halfvec_cosine_ops) WITH (lists = 4);
	CREATE FUNCTION grown(old bigint) RETURNS bigint LANGUAGE sql AS
		$$SELECT substring(pg_read_file('/proc/self/status') FROM 'RssAnon:\s*(\d+)')::bigint - old$$;
});

# sql: with the number of times, %d; what it prints is the growth inside a query,
# grown(:old)
sub does_not_grow
{
	my ($name, $times, $sql) = @_;
	my $kb = max(split(/\n/, $node->safe_psql('postgres', "$BY_INDEX SET jit = off;\n\\set old 0\n"
			  . sprintf($sql, max(2, $times / 20)) . " \\g /dev/null\nSELECT grown(0) AS old \\gset\n"
			  . sprintf($sql, $times) . ";\nSELECT grown(:old)")));

	return cmp_ok($kb, '<', 1024, "$name, $times times: the session grows by $kb kB");
}

for my $distance ('v <-> q.q', 'v <+> q.q', 'h <#> q.q::halfvec', 's <=> q.q::sparsevec', 'b <~> binary_quantize(q.q)::bit(32)', 'v::halfvec(32) <-> q.q::halfvec',
	'v <*> q.q', 'v <#> q.q', 'h <=> q.q::halfvec')
{
	does_not_grow("1000 rescans, $distance", $distance =~ /^v <->/ ? $times / 1000 : $times / 5000, 'SELECT grown(:old) + 0 * count(s.id) FROM generate_series(1, %d) g, questions q, '
		  . "LATERAL (SELECT id FROM few ORDER BY $distance LIMIT 1) s");
}
does_not_grow('query', $times, q{DO $$BEGIN FOR i IN 1 .. %d LOOP PERFORM id FROM few ORDER BY v <-> '[} . join(',', 1 .. 32) . q{]' LIMIT 3; END LOOP; END$$});
does_not_grow("query, $_", $times / 5, "DO \$\$BEGIN FOR i IN 1 .. %d LOOP PERFORM id FROM few WHERE id > 7 ORDER BY v $_ '[" . join(',', 1 .. 32) . "]' LIMIT 3; END LOOP; END\$\$")
  for '<*>', '<#>';
does_not_grow('box', $times / 5, 'DO $$BEGIN FOR i IN 1 .. %d LOOP PERFORM id FROM few WHERE v <*> array_fill(1, ARRAY[32])::vector < 0.8; END LOOP; END$$');
does_not_grow('query, planned anew', $times / 20, q{DO $$BEGIN FOR i IN 1 .. %d LOOP EXECUTE 'SELECT id FROM few ORDER BY v <-> $1 LIMIT 3' USING point(i, 32); END LOOP; END$$});
does_not_grow('insert', $times / 100, 'BEGIN; INSERT INTO few SELECT 1000 + i, point(i, 32), point(i, 32), point(i, 32) FROM generate_series(1, %d) i; ROLLBACK; VACUUM few');
does_not_grow('check', $times / 1000, q{DO $$BEGIN FOR i IN 1 .. %d LOOP PERFORM gigavec.check(name), gigavec.stats(name) FROM unnest('{few_l2,few_l1,few_linf,few_flat,few_pq}'::regclass[]) x (name); END LOOP; END$$});
does_not_grow('build', $times / 2000, q{DO $$BEGIN FOR i IN 1 .. %d LOOP REINDEX INDEX few_l2; REINDEX INDEX few_l1; REINDEX INDEX few_linf; REINDEX INDEX few_flat; REINDEX INDEX few_pq; END LOOP; END$$});

# bm25, with rows in a segment and in none, a filter, phrases looked up in texts and in the index
$node->safe_psql('postgres', q{
	CREATE TABLE texts AS SELECT i AS id, (SELECT string_agg('w' || trunc(30 * noise(i, j, 7) + 15)::int, ' ') FROM generate_series(1, 12) j) AS body FROM generate_series(1, 300) i;
	CREATE INDEX texts_body ON texts USING bm25 (body, id) WITH (text_config = 'simple');
	CREATE INDEX texts_positions ON texts USING bm25 ((body || '')) WITH (text_config = 'simple', positions = on);
	INSERT INTO texts SELECT 1000 + id, body FROM texts WHERE id <= 20;
	ANALYZE texts;
	CREATE TABLE words AS SELECT format('"w%s w%s" w%s', i % 30, i / 30, i % 7) AS query FROM generate_series(1, 1000) i;
});
my $times_bm25 = $LONG ? 100_000 : 6000;
for my $case (
	[ 'body', 'w3', '' ], [ 'body', 'w3 w4 w5', '' ], [ 'body', 'w3 w4', 'WHERE id < 60' ], [ 'body', '+w3 (w4 w5)^2 -w1* w22~1', '' ],
	[ 'body', '"w3 w4"~5 w2', '' ], [ "(body || '')", '"w3 w4"~5 w2', '' ], [ "(body || '')", 'w2', q{WHERE (body || '') @@@ '"w3 w4"~5'} ])
{
	my ($text, $query, $where) = @$case;
	my $sql = "FROM texts $where ORDER BY $text <\@> '$query' LIMIT 3";

	does_not_grow("bm25, query of $text for $query $where", $times_bm25, "DO \$\$BEGIN FOR i IN 1 .. %d LOOP PERFORM id $sql; END LOOP; END\$\$");
}
for my $text ('body', "(body || '')")
{
	does_not_grow("bm25, 1000 rescans of $text", $times_bm25 / 1000,
		"SELECT grown(:old) + 0 * count(s.id) FROM generate_series(1, %d) g, words q, LATERAL (SELECT id FROM texts ORDER BY $text <\@> q.query LIMIT 1) s");
}
does_not_grow('bm25, insert', $times / 1000, q{BEGIN; INSERT INTO texts SELECT 2000 + i, 'w1 w2 w' || i FROM generate_series(1, %d) i; ROLLBACK; VACUUM texts});
does_not_grow('bm25, check', $times / 1000, q{DO $$BEGIN FOR i IN 1 .. %d LOOP PERFORM gigavec.check('texts_positions'), gigavec.stats('texts_body'); END LOOP; END$$});

$node->stop;
done_testing();
