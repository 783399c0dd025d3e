#----------------------------------------------------------------------
#
# Builds of ivfflat and ivfpq: the same index, to the byte, whatever the number of
# workers; all rows are in it; builds that are stopped leave nothing behind.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $n = $LONG ? 200_000 : 6_000;
my $node = new_server('ivf_build', q{
	fsync = off
	shared_buffers = 64MB
	min_parallel_table_scan_size = 0
	max_parallel_workers = 8
	max_worker_processes = 12
	log_min_messages = warning
});

# a share of the rows are alike, some have no direction, some no vector; long ones are stored out of line
$node->safe_psql('postgres', qq{
	CREATE EXTENSION pageinspect;
	ALTER DATABASE postgres SET ivfflat.probes = 30000;
	ALTER DATABASE postgres SET ivfpq.probes = 30000;
	CREATE UNLOGGED TABLE items (id int, v vector(24), b bit(40), tenant int, name text);
	INSERT INTO items SELECT i, CASE WHEN i % 50 = 0 THEN NULL WHEN i % 70 = 0 THEN array_fill(0, ARRAY[24])::vector
			WHEN i % 10 = 0 THEN point(i % 400, 24) ELSE point(i, 24) END,
		('x' || md5(i::text))::bit(40), i % 100, 'name ' || i % 30 FROM generate_series(1, $n) i;
	DELETE FROM items WHERE id % 9 = 0;
	CREATE UNLOGGED TABLE long (id int, v vector(2000));
	INSERT INTO long SELECT i, point(i, 2000) FROM generate_series(1, 120) i;
	INSERT INTO long SELECT l.id + 120 * j, l.v * array_fill(1 + j / 10.0, ARRAY[2000])::vector FROM long l, generate_series(1, 9) j;
	CREATE UNLOGGED TABLE wide AS SELECT i AS id, point(i, 200)::vector(200) AS v FROM generate_series(1, 400) i;
	CREATE UNLOGGED TABLE few AS SELECT * FROM items LIMIT 20;
	CREATE UNLOGGED TABLE none AS TABLE items WITH NO DATA;
});
watch_leftovers($node, '^items');

# bounds are those of all but a few rows in a thousand, so the order is not looked at here
sub has_all_rows
{
	my ($table, $distance, $name) = @_;

	return is($node->safe_psql('postgres', qq{$BY_INDEX
			SELECT count(*) - (SELECT count($1) FROM $table), count(*) - count(DISTINCT ctid) FROM (SELECT ctid FROM $table ORDER BY $distance OFFSET 0) s}),
		'0|0', "$name: all rows once") if $distance =~ /^(\w+)/;
}

sub with_workers
{
	my ($workers, $memory) = @_;

	return qq{
		SET client_min_messages = warning;
		ALTER TABLE items SET (parallel_workers = $workers);
		ALTER TABLE long SET (parallel_workers = $workers);
		ALTER TABLE wide SET (parallel_workers = $workers);
		SET maintenance_work_mem = '$memory';
		SET max_parallel_maintenance_workers = $workers;};
}

for my $kind (
	[ 'items', 'ivfpq (v vector_l2_ops, tenant)', 'v <-> (SELECT point(77, 24))' ],
	[ 'items', 'ivfpq (v vector_cosine_ops) WITH (seed = 5)', 'v <=> (SELECT point(77, 24))' ],
	[ 'items', 'ivfpq (v vector_ip_ops) WITH (quantizer = pq, opq = on)', 'v <#> (SELECT point(77, 24))' ],
	[ 'items', 'ivfflat (v vector_ip_ops, name, tenant)', 'v <#> (SELECT point(77, 24))' ],
	[ 'items', 'ivfflat (b bit_hamming_ops) WITH (lists = 40, init = random)', q{b <~> B'1010101010101010101010101010101010101010'} ],
	[ 'items', 'ivfflat ((v::halfvec(24)) halfvec_l2_ops) WHERE id % 2 = 0', undef ],
	[ 'wide', 'ivfpq (v vector_l2_ops) WITH (lists = 8, quantizer = pq, bits = 8, m = 3, opq = on)', 'v <-> (SELECT point(7, 200))' ],
	[ 'long', 'ivfflat (v) WITH (lists = 8)', 'v <-> (SELECT point(7, 2000))' ])
{
	my ($table, $index, $distance) = @$kind;

	for my $memory ($index =~ /l2/ ? ('64MB', '1MB') : '64MB')
	{
		my $first;

		for my $workers ($memory eq '1MB' ? (0, 2) : (0, 3))
		{
			my $name = "$index, $workers workers, $memory";

			$node->safe_psql('postgres', with_workers($workers, $memory) . "CREATE INDEX items_new ON $table USING $index");
			my $digest = digest($node, 'items_new');
			$first //= $digest;
			is($digest, $first, "$name: the same index");
			if ($workers > 1)
			{
				is_sound($node, 'items_new', $name);
				has_all_rows($table, $distance, $name) if $distance;
			}
			$node->safe_psql('postgres', 'DROP INDEX items_new');
		}
	}
}

# concurrently, with few rows and none
$node->safe_psql('postgres', q{
	SET client_min_messages = warning;
	ALTER TABLE items SET (parallel_workers = 2);
	ALTER TABLE few SET (parallel_workers = 2);
	ALTER TABLE none SET (parallel_workers = 2);
	CREATE INDEX few_v ON few USING ivfflat (v, tenant);
	CREATE INDEX none_v ON none USING ivfpq (v vector_l2_ops, tenant);
	INSERT INTO none SELECT * FROM items LIMIT 2000;
	REINDEX TABLE CONCURRENTLY few;
	REINDEX INDEX none_v;
	CREATE INDEX CONCURRENTLY items_v ON items USING ivfpq (v vector_l2_ops)});
is_sound($node, $_, 'concurrently') for qw(few_v none_v items_v);
has_all_rows($_, 'v <-> (SELECT point(77, 24))', "concurrently, $_") for qw(few none items);
$node->safe_psql('postgres', 'DROP INDEX items_v');

# a row that cannot be indexed ends all processes
$node->safe_psql('postgres', q{
	CREATE TABLE bad (id int, v vector) WITH (parallel_workers = 2);
	INSERT INTO bad SELECT i, point(i, 24) FROM generate_series(1, 3000) i;
	INSERT INTO bad VALUES (0, '[1]')});
my ($rc, $out, $err) = $node->psql('postgres', 'CREATE INDEX items_bad ON bad USING ivfpq ((v::vector(24)) vector_l2_ops)');
like($err, qr/ERROR:  expected 24 dimensions, not 1/, 'a row of other dimensions');

# Stopped by timeouts, in one session; those that come in time count
my $session = $node->background_psql('postgres', on_error_stop => 0);
my $stopped = 0;
$session->query_safe(with_workers(2, '64MB'));
for my $ms (5, 20, 60, 120, 200)
{
	for my $method ('ivfflat', 'ivfpq')
	{
		$session->query("SET statement_timeout = $ms");
		$session->query("CREATE INDEX items_new ON items USING $method (v vector_l2_ops)");
		$stopped++ if $session->{stderr} =~ /canceling statement due to statement timeout/;
		unlike($session->{stderr}, qr/ERROR:(?!  canceling statement due to statement timeout)/, "$method, $ms ms: no other error");
		$session->{stderr} = '';
		end_timeout($session);
		$session->query('DROP INDEX IF EXISTS items_new');
		$session->{stderr} = '';
	}
}
is($session->query_safe('SELECT 1'), 1, 'the session goes on');
cmp_ok($stopped, '>=', 2, "some timeouts came in time ($stopped)");

# A worker that is terminated ends the build
$session->query_until(qr/begun/, "\\echo begun\nCREATE INDEX items_new ON items USING ivfpq (v vector_l2_ops);\n\\echo done\n");
my $ended = 0;
while (!$ended && $node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relname = 'items_new'}) eq '0')
{
	$ended = $node->safe_psql('postgres', q{SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'parallel worker'});
}
$session->query('SELECT 1');
$session->{stderr} = '';
is($session->query_safe('SELECT 1'), 1, "the session goes on after $ended workers were terminated");
$session->query('DROP INDEX IF EXISTS items_new');
$session->quit;
is_tidy($node, 'builds that were stopped');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|XX000|still referenced/, 'nothing else in the log');

$node->stop;
done_testing();
