#----------------------------------------------------------------------
#
# Out of memory at each allocation of a statement.
#
# A malloc that fails on request is put before the C library's.  A statement is
# run over and over; each time the next of its calls of malloc fails, until all
# have.  The statement must end with the error for that, or succeed; no process
# dies, and the index is sound.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use Fcntl;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $library = "$PostgreSQL::Test::Utils::tmp_check/failing_malloc.so";
my $source = "$ENV{GIGAVEC_SOURCE}/test/t/failing_malloc.c";
my $order_file = "$PostgreSQL::Test::Utils::tmp_check/order";

plan skip_all => 'the sanitizers bring their own malloc' if $ENV{GIGAVEC_SANITIZE};
plan skip_all => 'no library can be put before the C library here'
  if system_log($ENV{CC} // 'gcc', '-shared', '-fPIC', '-O', '-o', $library, $source, '-ldl') != 0;

append_to_file($order_file, pack('l4', 0, 0, 0, 0));
local $ENV{GIGAVEC_MALLOC} = $order_file;

my $node;
{
	local $ENV{LD_PRELOAD} = $library;

	# statements are not logged with their errors, since that takes memory, too
	$node = new_server('memory', q{
		fsync = off
		restart_after_crash = off
		log_min_error_statement = panic
		min_parallel_table_scan_size = 0
		max_parallel_maintenance_workers = 2
		jit = off
	});
}

$node->safe_psql('postgres', q{
	CREATE TABLE items (id int PRIMARY KEY, v vector(24)) WITH (parallel_workers = 2);
	INSERT INTO items SELECT i, CASE WHEN i % 5 = 0 THEN point(i % 40, 24) ELSE point(i, 24) END FROM generate_series(1, 400) i;
	CREATE INDEX items_l2 ON items USING hnsw (v vector_l2_ops);
	CREATE INDEX items_l1 ON items USING hnsw (v vector_l1_ops) WITH (m = 8, ef_construction = 32);
	CREATE INDEX items_cosine ON items USING hnsw ((v::halfvec(24)) halfvec_cosine_ops);
	CREATE INDEX items_kd ON items USING kdtree (v, id) WITH (fillfactor = 50);
	CREATE INDEX items_ip ON items USING ivfflat (v vector_ip_ops) WITH (lists = 12);
	CREATE TABLE long (id int, s sparsevec(3000), v vector(3000));
	INSERT INTO long SELECT i, (SELECT '{' || string_agg(j || ':' || noise(i, j, 1) + 0.5, ',') || '}/3000'
		FROM generate_series(1 + i % 3, 2990, 1 + i % 5) j)::sparsevec, point(i, 3000) FROM generate_series(1, 30) i;
	CREATE INDEX long_s ON long USING hnsw (s sparsevec_l2_ops) WITH (m = 8, ef_construction = 32);
	CREATE INDEX long_v ON long USING hnsw (v vector_l1_ops) WITH (m = 8, ef_construction = 32);
	CREATE TABLE texts AS SELECT point(1, 3000)::text AS v, (SELECT s::text FROM long WHERE id = 5) AS s;
	CREATE TABLE questions AS SELECT i AS id, point(1000000 + i, 24) AS q FROM generate_series(1, 3) i;
});

my $session = $node->background_psql('postgres', on_error_stop => 0, timeout => $LONG ? 100000 : 1000);
my $pid = $session->query_safe('SELECT pg_backend_pid()');
$session->query_safe('\set VERBOSITY sqlstate');
$session->query_safe("$BY_INDEX SET client_min_messages = error");

sub give_order
{
	my @order = @_;

	sysopen(my $file, $order_file, O_RDWR) || die "could not open $order_file: $!";
	syswrite($file, pack('l4', @order)) == 16 || die "could not write $order_file: $!";
	close($file);
	return;
}

sub calls_failed
{
	return (unpack('l4', slurp_file($order_file)))[3];
}

# Run a statement with each of its allocations failing.
#
# failures: how many calls fail in a row
# step: 1 tries each of its calls, and is what it is if not told but where all calls from one on fail: what
#   follows the first failure is much the same for neighbors
# before, after: what puts things in order for the next time
sub fail_everywhere
{
	my ($name, $sql, %option) = @_;
	my $failures = $option{failures} // 1;
	my $step = $option{step} // ($failures > 1 && !$LONG ? 3 : 1);
	my ($n, $n_errors, $wrong) = (0, 0, '');

	# what is cached is not allocated
	$session->query($option{before}) if $option{before};
	$session->query($sql);
	$session->query($option{after}) if $option{after};
	for ($n = 0; $n < 5000; $n += $step)
	{
		$session->query($option{before}) if $option{before};
		$session->{stderr} = '';
		give_order($pid, $n, $failures, 0);
		$session->query($sql);
		my $failed = calls_failed();
		give_order(0, 0, 0, 0);
		my $error = $session->{stderr};

		$session->{stderr} = '';
		$n_errors++ if $error ne '';
		$wrong .= "call $n: $error" if $error !~ /^(\S*\s*ERROR:  53200\s*)*$/;
		$session->query($option{after}) if $option{after};
		last if $failed == 0 || $wrong ne '';
	}
	is($wrong, '', "$name, $failures at a time: out of memory is all that is said");
	cmp_ok($n_errors, '>=', $option{min_errors} // 1, "$name: fails for lack of memory ($n calls of malloc, $n_errors errors)");
	is($session->query_safe('SELECT 1'), 1, "$name: the session goes on");
	return;
}

for my $failures ($LONG ? (1, 2, 3, 5, 1000) : (1, 1000))
{
	my %option = (failures => $failures);

	fail_everywhere('input', 'SELECT vector_dims(v::vector), s::sparsevec FROM texts', %option);
	fail_everywhere('casts', 'SELECT v::vector::halfvec::vector::float4[], v::vector::sparsevec FROM texts', %option);
	fail_everywhere('aggregates', 'SELECT avg(v), sum(v), avg(v::halfvec) FROM long', %option);
	fail_everywhere('scan', 'SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> (SELECT q FROM questions WHERE id = 1) LIMIT 20) s', %option);
	fail_everywhere('scan to the end', 'SELECT count(*) FROM (SELECT id FROM items ORDER BY v <+> (SELECT q FROM questions WHERE id = 1)) s', %option);
	fail_everywhere('scan of an expression', 'SELECT id FROM items ORDER BY v::halfvec(24) <=> (SELECT q::halfvec FROM questions WHERE id = 2) LIMIT 3', %option);
	fail_everywhere('scan of long values', 'SELECT id FROM long ORDER BY s <-> (SELECT s FROM long WHERE id = 9 OFFSET 0) LIMIT 3', %option);
	fail_everywhere('box', "SELECT count(*) FROM items WHERE v <@ ARRAY[array_fill(0, ARRAY[24])::vector, array_fill(2, ARRAY[24])::vector] AND id < 100", %option);
	fail_everywhere('insert', 'INSERT INTO items SELECT 1 + max(id), point(max(id), 24) FROM items', %option);
	fail_everywhere('insert of the same', 'INSERT INTO items SELECT 1 + max(id), point(5, 24) FROM items', %option);
	fail_everywhere('insert of long values', 'INSERT INTO long SELECT 1 + max(id), (array_agg(s))[1], avg(v) FROM long', %option);
	fail_everywhere('check', q{SELECT count(*) FROM gigavec.check('items_l2')}, %option);
	fail_everywhere('statistics', q{SELECT count(*) FROM gigavec.stats('items_l1')}, %option);
	# many calls, all in the same few places
	fail_everywhere('vacuum', 'VACUUM items', %option, step => $LONG ? 1 : $failures > 1 ? 17 : 4,
		before => 'DELETE FROM items WHERE id IN (SELECT id FROM items ORDER BY id LIMIT 5); INSERT INTO items SELECT m + i, point(m + i, 24) FROM (SELECT max(id) AS m FROM items) s, generate_series(1, 5) i');
	fail_everywhere('vacuum of long values', 'VACUUM long', %option,
		before => 'DELETE FROM long WHERE id IN (SELECT id FROM long ORDER BY id LIMIT 1); INSERT INTO long SELECT 1 + max(id), min(s), point(max(id), 3000) FROM long');
	for my $kind ('v vector_l2_ops', 'v vector_l1_ops')
	{
		for my $workers (0, 2)
		{
			# each try measures the recall of what it built
			fail_everywhere("build, $kind, $workers workers", "CREATE INDEX items_new ON items USING hnsw ($kind)", %option,
				step => $LONG ? 1 : 4,
				before => "SET max_parallel_maintenance_workers = $workers", after => 'DROP INDEX IF EXISTS items_new');
		}
	}
	fail_everywhere("build of kdtree, $_ workers", 'CREATE INDEX items_new ON items USING kdtree (v, id)', %option,
		step => $LONG ? 1 : 11,
		before => "SET max_parallel_maintenance_workers = $_", after => 'DROP INDEX IF EXISTS items_new') for 0, 2;
	fail_everywhere("build of ivfpq, $_ workers", 'CREATE INDEX items_new ON items USING ivfpq (v vector_l2_ops, id) WITH (lists = 20)', %option,
		step => $LONG ? 1 : 23,
		before => "SET max_parallel_maintenance_workers = $_", after => 'DROP INDEX IF EXISTS items_new') for 0, 2;
	fail_everywhere('scan of lists', 'SELECT count(*) FROM (SELECT id FROM items ORDER BY v <#> (SELECT q FROM questions WHERE id = 1) LIMIT 20) s', %option);
	fail_everywhere('training', q{SELECT gigavec.train('items_ip')}, %option, step => $LONG ? 1 : 23,
		before => 'SELECT pg_current_xact_id()');
	fail_everywhere('build in little memory', 'CREATE INDEX long_new ON long USING hnsw (v vector_l1_ops)', %option,
		before => q{SET maintenance_work_mem = '1MB'}, after => 'RESET maintenance_work_mem; DROP INDEX IF EXISTS long_new');
	fail_everywhere('reindex concurrently', 'REINDEX INDEX CONCURRENTLY items_cosine', %option,
		after => 'DROP INDEX IF EXISTS items_cosine_ccnew, items_cosine_ccold') if $LONG;
}
is_sound($node, $_, 'after all') for qw(items_l2 items_l1 items_cosine items_kd items_ip long_s long_v);
is_complete($node, 'items', "v $_ (SELECT q FROM questions WHERE id = 2)", "after all, $_", 0.05) for '<->', '<+>';
is_complete($node, 'long', 'v <+> (SELECT v FROM long WHERE id = 2)', 'after all, long values', 0.05);
ok(!$node->log_contains('terminated by signal|PANIC'), 'no process died');
$node->safe_psql('postgres', 'VACUUM items; VACUUM long');
is_sound($node, $_, 'after all, vacuumed') for qw(items_l2 items_l1 items_cosine items_kd items_ip long_s long_v);

# A VACUUM that does not come to its end leaves dead nodes: they must not take
# the places of live ones, neither in an answer nor among neighbors
my %classes = ('<->' => 'vector_l2_ops', '<+>' => 'vector_l1_ops');
$session->query_safe("$BY_INDEX SET hnsw.iterative_scan = off");
for my $operator ('<->', '<+>')
{
	my $name = "many dead nodes, $operator";
	my ($dead, $wait) = (0, 0);

	$session->query_safe(qq{
		DROP TABLE IF EXISTS queue;
		CREATE TABLE queue (id int, v vector(24));
		INSERT INTO queue SELECT i, point(i, 24) FROM generate_series(1, 1500) i;
		CREATE INDEX queue_v ON queue USING hnsw (v $classes{$operator});
		DELETE FROM queue WHERE id <= 1300});
	# the first pass of VACUUM takes little memory, the second much
	for (; $dead != 1300 && $wait < 500; $wait++)
	{
		give_order($pid, $wait, 1000, 0);
		$session->query('VACUUM queue');
		give_order(0, 0, 0, 0);
		$session->{stderr} = '';
		$dead = $session->query_safe(q{SELECT value FROM gigavec.stats('queue_v') WHERE name = 'nodes_dead'});
	}
	is($dead, 1300, "$name: left by a VACUUM that failed");
	is($session->query_safe("SELECT count(*) FROM questions q, LATERAL (SELECT id FROM queue ORDER BY v $operator q.q LIMIT 10) s"),
		30, "$name: answers are full");
	$session->query_safe('INSERT INTO queue SELECT i, point(i, 24) FROM generate_series(2001, 2200) i; SET hnsw.ef_search = 1000');
	# some lose all links to them to new rows; VACUUM would see to those
	cmp_ok($session->query_safe("SELECT min(n) FROM (SELECT (SELECT count(*) FROM (SELECT id FROM queue ORDER BY v $operator q.q) s) AS n FROM questions q) t"),
		'>=', 320, "$name: the graph leads to nearly all rows");
	$session->query_safe('RESET hnsw.ef_search; VACUUM queue');
	is_complete($node, 'queue', "v $operator (SELECT q FROM questions WHERE id = 2)", "$name, vacuumed");
	is_sound($node, 'queue_v', "$name, vacuumed");
}

# bm25: queries of all kinds, rows for lanes, segments made of them
$session->query_safe(q{
	CREATE FUNCTION words(i bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
		$$SELECT 'all own' || i || string_agg(' w' || (pg_catalog.hashint8extended(i, j) & 255), '') FROM generate_series(1, 30) j$$;
	CREATE TABLE told AS SELECT i AS id, words(i) AS body FROM generate_series(1, 300) i;
	CREATE INDEX told_body ON told USING bm25 (body, id) WITH (text_config = 'simple');
	INSERT INTO told SELECT i, words(i) FROM generate_series(301, 330) i});
for my $failures ($LONG ? (1, 2, 3, 5, 1000) : (1, 1000))
{
	my %option = (failures => $failures);
	my $add = 'INSERT INTO told SELECT m + i, words(m + i) FROM (SELECT max(id) AS m FROM told) s, generate_series(1, 5) i';

	fail_everywhere('words', q{SELECT count(*) FROM (SELECT id FROM told ORDER BY body <@> 'w1 w2 w3' LIMIT 5) s}, %option);
	fail_everywhere('a query of words', q{SELECT count(*) FROM (SELECT id FROM told WHERE id > 5 ORDER BY body <@> '+all -w9 "w1 w2"~9 w3* w44~1 (w5 w6 w7)~2' LIMIT 5) s}, %option);
	fail_everywhere('match of words', q{SELECT count(*) FROM told WHERE body @@@ 'w1 w7'}, %option);
	fail_everywhere('insert of words', $add, %option);
	fail_everywhere('merge of words', q{SELECT gigavec.merge('told_body')}, %option, step => $LONG ? 1 : 5, before => $add);
	fail_everywhere('vacuum of words', 'VACUUM told', %option, step => $LONG ? 1 : 5,
		before => "DELETE FROM told WHERE id IN (SELECT id FROM told ORDER BY id LIMIT 5); $add");
	fail_everywhere('build of words', 'CREATE INDEX told_new ON told USING bm25 (body)', %option, step => $LONG ? 1 : 7,
		after => 'DROP INDEX IF EXISTS told_new');
	fail_everywhere('check of words', q{SELECT count(*) FROM gigavec.check('told_body')}, %option, step => $LONG ? 1 : 5);
}
is_sound($node, 'told_body', 'after all');
is($node->safe_psql('postgres', "$BY_INDEX SELECT count(*) - (SELECT count(*) FROM told), count(*) - count(DISTINCT id) FROM (SELECT id FROM told ORDER BY body <\@> 'all') s"),
	'0|0', 'after all: the index has all rows');
ok(!$node->log_contains('terminated by signal|PANIC'), 'no process died of words');
$session->quit;

$node->stop;
done_testing();
