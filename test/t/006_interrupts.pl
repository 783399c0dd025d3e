#----------------------------------------------------------------------
#
# Cancelled and terminated work leaves nothing behind.
#
# Each kind of work is stopped by statement_timeout at several points, by a
# cancel and by the end of its session.  Then there must be no files and no
# locks of it, and indexes must be sound.  How long a stop took is printed; the
# bound is generous, since the machine may be busy.  What counts is how long the
# process itself went on.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use lib 't';
use GigavecTest;

my $patience = $ENV{GIGAVEC_SANITIZE} ? 30 : 5;
# what a process may run after it was told to stop
my $most_ms = $ENV{GIGAVEC_SANITIZE} ? 3000 : 100;
my $node = new_server('interrupts', q{
	fsync = off
	shared_buffers = 64MB
	min_parallel_table_scan_size = 0
	max_parallel_maintenance_workers = 2
	log_min_messages = warning
});

$node->safe_psql('postgres', q{
	CREATE TABLE items (id int, v vector(64));
	INSERT INTO items SELECT i, point(i, 64) FROM generate_series(1, 8000) i;
	CREATE TABLE few (id int, v vector(24));
	CREATE INDEX few_l2 ON few USING hnsw (v vector_l2_ops);
	CREATE INDEX few_l1 ON few USING hnsw (v vector_l1_ops);
	INSERT INTO few SELECT i, point(i, 24) FROM generate_series(1, 3000) i;
	CREATE TABLE source AS SELECT i AS id, point(i, 24, 1) AS v FROM generate_series(10001, 16000) i;
});
watch_leftovers($node, '^(items|few|moved)');

sub nothing_is_left
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	return is_tidy($node, $name);
}

# Stop a statement in all ways; when it is to be cancelled: a query that is
# true while it works
sub stop_everywhere
{
	my ($name, $settings, $sql, $is_working) = @_;

	# by timeout, in one session, which goes on after it
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $stopped = 0;
	$session->query_safe($settings);
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	for my $ms (1, 4, 15, 40, 100, 250)
	{
		my $start = time;

		$session->query("SET statement_timeout = $ms");
		my $before = run_time($pid);
		$session->query($sql);
		my $ran = run_time($pid) - $before;
		cmp_ok(time - $start - $ms / 1000, '<', $patience, "$name: timeout of $ms ms");
		cmp_ok($ran, '<=', $ms + $most_ms, sprintf('%s: timeout of %d ms, the process ran %.1f ms', $name, $ms, $ran));
		$stopped++ if $session->{stderr} =~ /canceling statement due to statement timeout/;
		unlike($session->{stderr}, qr/ERROR:(?!  canceling statement due to statement timeout)/, "$name: no other error");
		$session->{stderr} = '';
		end_timeout($session);
		$session->query('DROP INDEX IF EXISTS items_new, few_l2_ccnew');
		$session->{stderr} = '';
	}
	is($session->query_safe('SELECT 1'), 1, "$name: the session goes on");
	cmp_ok($stopped, '>=', 1, "$name: some timeouts came in time ($stopped)");
	nothing_is_left($name);

	# by request
	for my $how ('pg_cancel_backend', 'pg_terminate_backend')
	{
		my ($out, $err, $start) = ('', '');
		my $run = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres') . " application_name=victim",
			'-c', $settings, '-c', $sql ], '>', \$out, '2>', \$err);

		# it may be done before anybody looks
		my $seen = '';
		while ($seen ne 't' && $run->pumpable)
		{
			# or between two looks
			eval { $run->pump_nb };
			$seen = $node->safe_psql('postgres',
				"SELECT count(*) > 0 FROM pg_stat_activity a WHERE application_name = 'victim' AND ($is_working)");
		}
		if ($seen ne 't')
		{
			$run->finish;
			note("$name: done before $how");
		}
		else
		{
			$node->safe_psql('postgres', "SELECT $how(pid) FROM pg_stat_activity WHERE application_name = 'victim' AND backend_type = 'client backend'");
			$start = time;
			$run->finish;
			note(sprintf('%s, %s: stopped after %.0f ms', $name, $how, 1000 * (time - $start)));
			cmp_ok(time - $start, '<', $patience, "$name, $how: stops");
			like($err, qr/^$|canceling statement due to user request|terminating connection due to administrator command/,
				"$name, $how: reason");
		}
		$session->query('DROP INDEX IF EXISTS items_new, few_l2_ccnew');
		$session->{stderr} = '';
		nothing_is_left("$name, $how");
	}
	$session->quit;
	return;
}

my $building = "EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.pid = a.pid AND p.phase LIKE 'building index%%' AND %s)";

for my $workers (0, 2)
{
	my $settings = "SET max_parallel_maintenance_workers = $workers";

	stop_everywhere("CREATE INDEX with $workers workers", $settings,
		'CREATE INDEX items_new ON items USING hnsw (v vector_l2_ops)', sprintf($building, 'tuples_done > 500'));
	stop_everywhere("CREATE INDEX without codes, $workers workers", $settings,
		'CREATE INDEX items_new ON items USING hnsw (v vector_l1_ops)', sprintf($building, 'tuples_done > 50'));
}
for my $phase ('loading vectors', 'dividing vectors', 'linking nodes', 'writing pages', 'calibrating recall')
{
	my $workers = $phase =~ /ing nodes|ing pages/ ? 2 : 0;

	stop_everywhere("CREATE INDEX in little memory, $phase",
		"SET maintenance_work_mem = '1MB'; SET max_parallel_maintenance_workers = $workers; SET client_min_messages = warning",
		'CREATE INDEX items_new ON items USING hnsw (v vector_l2_ops)', sprintf($building, "p.phase LIKE '%%$phase'"));
}
for my $phase ('dividing vectors', 'linking nodes', 'writing pages')
{
	stop_everywhere("CREATE INDEX without codes in little memory, $phase",
		q{SET maintenance_work_mem = '1MB'; SET client_min_messages = warning},
		'CREATE INDEX items_new ON items USING hnsw (v vector_l1_ops)', sprintf($building, "p.phase LIKE '%%$phase'"));
}

# kdtree: in memory, through files, in parallel
$node->safe_psql('postgres', q{
	CREATE TABLE items_low (id int, v vector(4), n int);
	INSERT INTO items_low SELECT i, point(i % 1000, 4) + ARRAY[i, i * 7 % 1000, 0, 0]::vector, i FROM generate_series(1, 150000) i});
for my $workers (0, 2)
{
	for my $phase ('loading vectors', 'dividing and writing')
	{
		stop_everywhere("CREATE INDEX USING kdtree, $workers workers, $phase",
			"SET maintenance_work_mem = '1MB'; SET max_parallel_maintenance_workers = $workers",
			'CREATE INDEX items_new ON items_low USING kdtree (v, n)', sprintf($building, "p.phase LIKE '%%$phase'"));
	}
}

# ivf: training and loading, with many lists, so that both take long
for my $workers (0, 2)
{
	for my $phase ('performing k-means', 'assigning rows to lists')
	{
		my $method = $phase =~ /means/ ? 'ivfflat' : 'ivfpq';

		stop_everywhere("CREATE INDEX USING $method, $workers workers, $phase", "SET max_parallel_maintenance_workers = $workers",
			"CREATE INDEX items_new ON items USING $method (v vector_l2_ops) WITH (lists = 2000)", sprintf($building, "p.phase LIKE '%%$phase'"));
	}
}
# a product quantizer: its rotation and codebooks, and rows' codes
for my $kind (
	[ 0, 'training rotation', 'm = 8, opq = on' ], [ 2, 'training rotation', 'm = 8, opq = on' ],
	[ 2, 'training codebooks', 'm = 4, bits = 8' ], [ 0, 'assigning rows to lists', 'm = 16' ])
{
	my ($workers, $phase, $options) = @$kind;

	stop_everywhere("CREATE INDEX with quantizer = pq, $workers workers, $phase", "SET max_parallel_maintenance_workers = $workers",
		"CREATE INDEX items_new ON items USING ivfpq (v vector_l2_ops) WITH (lists = 30, quantizer = pq, $options)",
		sprintf($building, "p.phase LIKE '%%$phase'"));
}
$node->safe_psql('postgres', q{CREATE INDEX items_pq ON items USING ivfpq (v vector_l2_ops) WITH (lists = 1500)});
stop_everywhere('gigavec.train', '', q{SELECT gigavec.train('items_pq')}, 'state = $$active$$ AND query LIKE $$%train%$$');
is_sound($node, 'items_pq', 'stopped training');
$node->safe_psql('postgres', 'DROP INDEX items_pq');

# VACUUM that splits and merges lists: a third of the rows have gone, as many have come to few places
$node->safe_psql('postgres', q{
	CREATE TABLE moved AS TABLE items;
	CREATE INDEX moved_pq ON moved USING ivfpq (v vector_l2_ops) WITH (lists = 100, quantizer = pq, m = 32, opq = on);
	DELETE FROM moved WHERE id % 3 = 0;
	INSERT INTO moved SELECT 10000 + i, point(20 * i + i % 3, 64) FROM generate_series(1, 2600) i});
stop_everywhere('VACUUM of lists', "SET vacuum_cost_delay = '1ms'; SET vacuum_cost_limit = 10", 'VACUUM moved',
	'state = $$active$$ AND query LIKE $$VACUUM%$$');
is_sound($node, 'moved_pq', 'stopped VACUUM of lists');
$node->safe_psql('postgres', 'VACUUM moved');
is_sound($node, 'moved_pq', 'VACUUM of lists at last');
cmp_ok($node->safe_psql('postgres', q{SELECT value FROM gigavec.stats('moved_pq') WHERE name = 'balancings'}), '>', 0, 'lists were balanced');
$node->safe_psql('postgres', 'DROP TABLE moved');

# the end of a worker ends the build
{
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c',
		'CREATE INDEX items_new ON items USING hnsw (v vector_l1_ops)' ], '>', \$out, '2>', \$err);

	$node->poll_query_until('postgres', q{SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity WHERE backend_type = 'parallel worker'})
	  || die 'no worker came';
	$run->finish;
	like($err, qr/terminating background worker "parallel worker" due to administrator command/, 'a worker terminated: the build fails');
	nothing_is_left('a worker terminated');
}

# writes, vacuum, scans
stop_everywhere('INSERT', '', 'INSERT INTO few SELECT * FROM source', 'state = $$active$$');
is_sound($node, $_, 'stopped INSERT') for qw(few_l2 few_l1);

my $question = $node->safe_psql('postgres', 'SELECT point(1000000, 24)');
for my $operator ('<->', '<+>')
{
	stop_everywhere("scan, $operator", "$BY_INDEX", "SELECT sum(s.d) FROM source q, "
		  . "LATERAL (SELECT v $operator q.v AS d FROM few WHERE id % 500 = 1 ORDER BY v $operator q.v LIMIT 6) s",
		'state = $$active$$ AND query LIKE $$%LATERAL%$$');
}

$node->safe_psql('postgres', 'DELETE FROM few WHERE id % 2 = 0');
stop_everywhere('VACUUM', "SET vacuum_cost_delay = '1ms'; SET vacuum_cost_limit = 30", 'VACUUM few',
	'state = $$active$$ AND query LIKE $$VACUUM%$$');
is_sound($node, $_, 'stopped VACUUM') for qw(few_l2 few_l1);
$node->safe_psql('postgres', 'INSERT INTO few SELECT * FROM source LIMIT 1000; DELETE FROM few WHERE id % 3 = 0; VACUUM few');
is_sound($node, $_, 'VACUUM at last') for qw(few_l2 few_l1);
is_complete($node, 'few', "v $_ '$question'", "VACUUM at last, $_", 0.05) for '<->', '<+>';

# the same by the other access methods, each with a table of its own
for my $case (
	[ 'kdtree', 'kdtree (v, id) WITH (fillfactor = 20)', '<->' ],
	[ 'ivfflat', 'ivfflat (v vector_ip_ops, id) WITH (lists = 60)', '<#>' ],
	[ 'ivfpq', 'ivfpq (v vector_l2_ops) WITH (lists = 60)', '<->' ])
{
	my ($method, $kind, $operator) = @$case;

	$node->safe_psql('postgres', qq{
		SET client_min_messages = warning;
		DROP TABLE IF EXISTS few_more;
		CREATE TABLE few_more AS SELECT i AS id, point(i, 24) AS v FROM generate_series(1, 8000) i;
		ALTER TABLE few_more ALTER v TYPE vector(24);
		CREATE INDEX few_more_v ON few_more USING $kind});
	# rows of each place several times: 6,000 take too little time to be stopped
	stop_everywhere("$method, INSERT", '', 'INSERT INTO few_more SELECT s.id, s.v FROM source s, generate_series(1, 12)',
		'state = $$active$$ AND query LIKE $$INSERT%$$');
	is_sound($node, 'few_more_v', "$method, stopped INSERT");
	stop_everywhere("$method, scan", "$BY_INDEX SET ivfflat.probes = 60; SET ivfpq.probes = 60;", "SELECT sum(s.d) FROM source q, "
		  . "LATERAL (SELECT v $operator q.v AS d FROM few_more WHERE id % 500 = 1 ORDER BY v $operator q.v LIMIT 6) s",
		'state = $$active$$ AND query LIKE $$%LATERAL%$$');
	$node->safe_psql('postgres', 'DELETE FROM few_more WHERE id % 2 = 0');
	stop_everywhere("$method, VACUUM", "SET vacuum_cost_delay = '1ms'; SET vacuum_cost_limit = 5", 'VACUUM few_more',
		'state = $$active$$ AND query LIKE $$VACUUM%$$');
	is_sound($node, 'few_more_v', "$method, stopped VACUUM");
	$node->safe_psql('postgres', 'VACUUM few_more');
	is_sound($node, 'few_more_v', "$method, VACUUM at last");
	is_whole($node, 'few_more', "v $operator '$question'", "$method, VACUUM at last");
}

stop_everywhere('REINDEX CONCURRENTLY', '', 'REINDEX INDEX CONCURRENTLY few_l2',
	'state = $$active$$ AND query LIKE $$REINDEX%$$');
is_sound($node, 'few_l2', 'stopped REINDEX CONCURRENTLY');
is_complete($node, 'few', "v <-> '$question'", 'stopped REINDEX CONCURRENTLY', 0.05);

$node->stop;
done_testing();
