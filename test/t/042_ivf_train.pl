#----------------------------------------------------------------------
#
# Training of ivfflat and ivfpq indexes that are in use: rows come and go while
# it is under way, scans go on, it is cancelled and its session ends.
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

my $node = new_server('train', "fsync = off\nshared_buffers = 32MB\nlog_min_messages = warning\n");

# Indexes that were created on few rows; searches read all lists
sub make_table
{
	$node->safe_psql('postgres', q{
		ALTER DATABASE postgres SET ivfflat.probes = 1000;
		ALTER DATABASE postgres SET ivfpq.probes = 1000;
		SET client_min_messages = warning;
		DROP TABLE IF EXISTS items;
		CREATE TABLE items (id int, v vector(24));
		CREATE INDEX items_flat ON items USING ivfflat (v vector_l2_ops) WITH (lists = 20);
		CREATE INDEX items_pq ON items USING ivfpq (v vector_cosine_ops, id) WITH (lists = 20);
		INSERT INTO items SELECT i, point(i, 24) FROM generate_series(1, 1500) i});
	return;
}

sub check_indexes
{
	my ($name, $lists) = @_;

	for my $index ('items_flat', 'items_pq')
	{
		is_sound($node, $index, $name);
		is($node->safe_psql('postgres', "SELECT value FROM gigavec.stats('$index') WHERE name = 'lists'"),
			$lists, "$name: lists of $index") if $lists;
	}
	is_complete($node, 'items', 'v <-> (SELECT point(7, 24))', "$name, flat");
	is_complete($node, 'items', 'v <=> (SELECT point(7, 24))', "$name, pq");
	return;
}

my $train = q{SELECT gigavec.train('items_flat'), gigavec.train('items_pq')};

# rows come, go and change while lists are sampled, and when they are written
for my $point ('ivf-renew-trained', 'ivf-renew-written', 'ivf-renew-written:2')
{
	make_table();
	my $stopped = stop_at($node, $point, $train);

	$node->safe_psql('postgres', q{
		INSERT INTO items SELECT i, point(i, 24) FROM generate_series(2001, 2800) i;
		UPDATE items SET v = point(id + 5000, 24) WHERE id % 10 = 0;
		DELETE FROM items WHERE id % 7 = 0});
	unlike(go_on($stopped), qr/ERROR/, "$point: trains");
	check_indexes("$point, trained", 20);
	$node->safe_psql('postgres', 'VACUUM items');
	check_indexes("$point, vacuumed", 20);
}

# an insert waits while the new lists take the place of the old, and finds them
make_table();
{
	my $stopped = stop_at($node, 'ivf-renew-locked', $train);
	my $insert = begin_sql($node, 'INSERT INTO items SELECT i, point(i, 24) FROM generate_series(3001, 3100) i');

	ok($node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'page' AND NOT granted}),
		'an insert waits');
	is($node->safe_psql('postgres', "$BY_INDEX SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> (SELECT point(3, 24))) x"),
		1500, 'and a search does not');
	unlike(go_on($stopped), qr/ERROR/, 'trains');
	unlike(end_sql($insert), qr/ERROR/, 'inserts');
	check_indexes('after an insert that waited', 20);
}

# scans that have begun read the lists before, and VACUUM leaves them
make_table();
{
	my $scan = $node->background_psql('postgres');
	my @got;

	$scan->query_safe("$BY_INDEX BEGIN; SET ivfflat.probes = 1; SET ivfpq.probes = 1;"
		  . 'DECLARE f CURSOR FOR SELECT id FROM items ORDER BY v <-> (SELECT point(3, 24));'
		  . 'DECLARE p CURSOR FOR SELECT id FROM items ORDER BY v <=> (SELECT point(3, 24))');
	push(@got, $scan->query_safe('FETCH 10 IN f'), $scan->query_safe('FETCH 10 IN p'));
	$node->safe_psql('postgres', $train);
	my ($rc, $out, $err) = $node->psql('postgres', $train);
	like($err, qr/cannot train index "items_flat" now/, 'no other training while lists before are read');
	$node->safe_psql('postgres', 'DELETE FROM items WHERE id <= 500; VACUUM items;'
		  . 'INSERT INTO items SELECT i, point(i, 24) FROM generate_series(4001, 4600) i');
	push(@got, $scan->query_safe('FETCH ALL IN f'), $scan->query_safe('FETCH ALL IN p'));
	$scan->query_safe('COMMIT');
	my %times;
	$times{$_}++ for split(/\s+/, join("\n", @got));
	is(scalar(keys %times), 1500, 'scans that began before return all rows of their snapshot');
	is(scalar(grep { $_ != 2 } values %times), 0, 'and each once');
	$scan->quit;
	is($node->safe_psql('postgres', q{SELECT value > 0 FROM gigavec.stats('items_flat') WHERE name = 'pages_retired'}),
		't', 'VACUUM has left the lists before');
	$node->safe_psql('postgres', 'INSERT INTO items VALUES (9000, point(9000, 24))');
	$node->safe_psql('postgres', 'VACUUM items');
	is($node->safe_psql('postgres', q{SELECT sum(value) FROM unnest('{items_flat,items_pq}'::regclass[]) i, gigavec.stats(i) WHERE name = 'pages_retired'}),
		0, 'and frees them when the scans have ended');
	my $size = $node->safe_psql('postgres', q{SELECT pg_relation_size('items_flat')});
	$node->safe_psql('postgres', $train);
	cmp_ok($node->safe_psql('postgres', q{SELECT pg_relation_size('items_flat')}), '<=', 1.3 * $size, 'their pages are used again');
	# without any other transaction meanwhile
	(undef, undef, $err) = $node->psql('postgres', $train);
	is($err, '', 'the next training finds nobody to read them');
	check_indexes('after scans', 20);
}

# one that is cancelled or ends leaves the index as it was
for my $point ('ivf-renew-trained', 'ivf-renew-written', 'ivf-renew-publish')
{
	for my $function ('pg_cancel_backend', 'pg_terminate_backend')
	{
		make_table() if $function eq 'pg_cancel_backend';
		my $stopped = stop_at($node, $point, $train);

		$node->safe_psql('postgres', qq{SELECT $function(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted});
		like(go_on($stopped), qr/canceling statement|terminating connection/, "$point: $function ends it");
		# a session that was terminated may tell so before it lets go of its locks
		ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_locks WHERE relation IN ('items_flat'::regclass, 'items_pq'::regclass)}),
			"$point, $function: no locks are left");
		$node->safe_psql('postgres', 'INSERT INTO items SELECT i, point(i, 24) FROM generate_series(5001, 5010) i');
		check_indexes("$point, $function", 1);
	}
	# what it wrote does not matter to the next
	$node->safe_psql('postgres', 'VACUUM items');
	check_indexes("$point, vacuumed", 20);
}

# VACUUM that comes to it while somebody checks the index leaves it to the next
make_table();
{
	my $check = stop_at($node, 'ivf-check-begun', q{SELECT count(*) FROM gigavec.check('items_flat')});

	$node->safe_psql('postgres', 'VACUUM items');
	is($node->safe_psql('postgres', q{SELECT value FROM gigavec.stats('items_flat') WHERE name = 'lists'}), 1,
		'VACUUM does not wait for a check');
	unlike(go_on($check), qr/ERROR/, 'checks');
	$node->safe_psql('postgres', 'VACUUM items');
	check_indexes('after the next VACUUM', 20);
}

# autovacuum trains with the memory that is its own, where it has a setting
$node->safe_psql('postgres', q{
	CREATE TABLE many (id int, v vector(24));
	CREATE INDEX many_flat ON many USING ivfflat (v vector_l2_ops) WITH (lists = 20);
	INSERT INTO many SELECT i, point(i, 24) FROM generate_series(1, 20000) i});
my $offset = -s $node->logfile;

$node->append_conf('postgresql.conf', q{
	maintenance_work_mem = 256MB
	autovacuum_work_mem = 1MB
	log_temp_files = 0
	autovacuum_naptime = 1s
	autovacuum = on
});
$node->reload;
ok($node->poll_query_until('postgres', q{SELECT value = 20 FROM gigavec.stats('many_flat') WHERE name = 'lists'}),
	'autovacuum trains');
like(slurp_file($node->logfile, $offset), qr/temporary file: path/, 'rows that do not fit into autovacuum_work_mem are sorted in files');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|XX00|refcount leak/, 'nothing else in the log');
$node->stop;

done_testing();
