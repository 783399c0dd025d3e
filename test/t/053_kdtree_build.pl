#----------------------------------------------------------------------
#
# Builds of kdtree: the same index, to the byte, whatever the memory, the number
# of workers and the order of the rows, and the same answers as the table.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $n = $LONG ? 2_000_000 : 120_000;
my $node = new_server('kdtree_build', q{
	fsync = off
	shared_buffers = 64MB
	min_parallel_table_scan_size = 0
	max_parallel_workers = 4
});

# real numbers, few different ones, one in ten rows all alike
$node->safe_psql('postgres', qq{
	CREATE EXTENSION pageinspect;
	CREATE UNLOGGED TABLE items (id int, v vector(3), h halfvec(5), tenant int, name text);
	INSERT INTO items SELECT i, CASE WHEN i % 10 > 0 THEN ARRAY[noise(i, 1, 1), noise(i, 2, 1), (noise(i, 3, 1) * 8)::int] ELSE '{0.5,0.5,3}' END,
		ARRAY[i % 7, i % 11, i % 13, 1, noise(i, 4, 1)], i % 100, 'name ' || i % 30 FROM generate_series(1, $n) i;
	INSERT INTO items VALUES (0, NULL, NULL, 1, 'none');
	CREATE TABLE few AS SELECT * FROM items LIMIT 20;
	CREATE UNLOGGED TABLE none AS TABLE items WITH NO DATA;
});

my %indexes = (
	'v, tenant' => 'v <-> (SELECT v FROM items WHERE id = 77)',
	'v vector_linf_ops' => 'v <*> (SELECT v FROM items WHERE id = 77)',
	'h halfvec_cosine_ops, name, tenant' => 'h <=> (SELECT h FROM items WHERE id = 77)',
);
for my $columns (sort keys %indexes)
{
	my $first;

	for my $setting ('64MB 0', '1MB 0', '1MB 1', '256MB 2', '2MB 3')
	{
		my ($memory, $workers) = split(/ /, $setting);
		my $name = "$columns, $memory, $workers workers";

		$node->safe_psql('postgres', qq{
			ALTER TABLE items SET (parallel_workers = $workers);
			SET maintenance_work_mem = '$memory';
			SET max_parallel_maintenance_workers = $workers;
			CREATE INDEX items_new ON items USING kdtree ($columns) WITH (fillfactor = 70)});
		my $digest = digest($node, 'items_new');
		$first //= $digest;
		is($digest, $first, "$name: the same index");
		if ($setting eq '64MB 0' || $setting eq '2MB 3')
		{
			is_sound($node, 'items_new', $name);
			is_complete($node, 'items', $indexes{$columns}, $name);
		}
		$node->safe_psql('postgres', 'DROP INDEX items_new');
	}
}

# the rows in another order: other tids, so other leaves' order, but the same form
$node->safe_psql('postgres', q{CREATE INDEX items_v ON items USING kdtree (v)});
my $form = q{SELECT string_agg(name || ' ' || value, ', ') FROM gigavec.stats('%s') WHERE name ~ 'pages|levels|rows'};
my $before = $node->safe_psql('postgres', sprintf($form, 'items_v'));
$node->safe_psql('postgres', q{
	CREATE UNLOGGED TABLE turned WITH (parallel_workers = 2) AS SELECT * FROM items ORDER BY id DESC;
	SET maintenance_work_mem = '1MB';
	CREATE INDEX turned_v ON turned USING kdtree (v)});
is($node->safe_psql('postgres', sprintf($form, 'turned_v')), $before, 'rows turned round: a tree of the same form');
is_sound($node, 'turned_v', 'rows turned round');

# concurrently, with few rows and none
$node->safe_psql('postgres', q{
	ALTER TABLE few SET (parallel_workers = 2);
	ALTER TABLE none SET (parallel_workers = 2);
	SET maintenance_work_mem = '1MB';
	CREATE INDEX few_v ON few USING kdtree (v, tenant);
	CREATE INDEX none_v ON none USING kdtree (v, tenant);
	INSERT INTO none SELECT * FROM items LIMIT 2000;
	REINDEX INDEX CONCURRENTLY turned_v;
	REINDEX TABLE CONCURRENTLY few});
is_sound($node, $_, 'concurrently') for qw(few_v none_v turned_v);
is_complete($node, $_, 'v <-> (SELECT v FROM items WHERE id = 77)', "concurrently, $_") for qw(few none turned);
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_ls_tmpdir()'), 0, 'no temporary files are left');

# what is said of the progress
my $session = $node->background_psql('postgres');
my $reports = 0;
my %phases;
$session->query_safe(q{SET maintenance_work_mem = '1MB'; SET max_parallel_maintenance_workers = 0});
$session->query_until(qr/begun/, "\\echo begun\nCREATE INDEX items_slow ON items USING kdtree (v);\n\\echo done\n");
while ($node->safe_psql('postgres', q{SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('items_slow')}) eq '0')
{
	for (split(/\n/, $node->safe_psql('postgres', q{SELECT phase, tuples_done <= tuples_total AND tuples_total <= (SELECT count(*) FROM items) FROM pg_stat_progress_create_index})))
	{
		my ($phase, $is_true) = split(/\|/);

		$phases{$phase}++;
		$reports++ if $is_true eq 't';
		is($is_true, 't', "progress: $phase") if $is_true ne 't';
	}
}
$session->quit;
note("phases seen: " . join(', ', sort keys %phases) . ", $reports reports");
is_sound($node, 'items_slow', 'progress');

$node->stop;
done_testing();
