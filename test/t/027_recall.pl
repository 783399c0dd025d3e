#----------------------------------------------------------------------
#
# Recall as the setting: queries find the part of the nearest rows that was
# asked for; the calibration outlives crashes, is on a standby, and follows the
# rows.
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

my $node = new_server('recall', "fsync = off\nmax_wal_size = 4GB\nautovacuum = off\n", allows_streaming => 1);

# one page is made that of an older version below
disable_checksums($node);

# What scans of an index know of the recall that they reach
sub calibration
{
	my ($server, $index) = @_;

	return $server->safe_psql('postgres',
		"SELECT string_agg(value::text, ' ' ORDER BY name) FROM gigavec.stats('$index') WHERE name LIKE 'calibrat%'");
}

# Real data: what is asked for is found, by queries that are no rows, and costs
# little more than the ef which, of all, finds it; the first set is large enough to be
# linked in groups
for my $set ([ 'sift-bsds-200k', 128, 21000 ], [ 'mnist-784', 784, 4000 ])
{
	my ($name, $dim, $n_rows) = @$set;

  SKIP:
	{
		my $folder = data_folder($name);
		my %costs;

		skip "no data set $name", 14 if !defined $folder;
		$node->safe_psql('postgres', qq{
			DROP TABLE IF EXISTS real, questions;
			CREATE TABLE real (id int, v vector($dim));
			CREATE TABLE questions (id int, q vector($dim))});
		copy_vectors($node, "$folder/base.npy", 'real', 0, $n_rows);
		copy_vectors($node, "$folder/query.npy", 'questions', 0, 300);
		$node->safe_psql('postgres', 'CREATE INDEX real_l2 ON real USING hnsw (v vector_l2_ops)');
		make_truth($node, 'real', 'questions', 'v <-> q.q', 10);
		for my $ef (map { int(10 * 1.3**$_) } 0 .. 12)
		{
			$costs{$ef} = recall($node, 'real', 'questions', 'v <-> q.q', 10, ef_for($ef, '<->'));
		}
		for my $target (0.9, 0.95, 0.99)
		{
			my $found = recall($node, 'real', 'questions', 'v <-> q.q', 10, "0; SET gigavec.target_recall = $target");
			my ($least) = grep { $costs{$_} >= $target } sort { $a <=> $b } keys %costs;
			my $queries = 'ARRAY(SELECT q FROM questions ORDER BY id)';
			my ($recall, $ef) = split(/\|/, $node->safe_psql('postgres',
					"SELECT recall, ef FROM gigavec.recall('real_l2', 10, $queries, $target)"));
			my ($of_rows, $error) = split(/\|/, $node->safe_psql('postgres',
					"SELECT recall, standard_error FROM gigavec.recall('real_l2', 10, 300, $target)"));

			cmp_ok($found, '>=', $target - 0.01, "$name, recall $target: found");
			cmp_ok(abs($recall - $found), '<', 0.0005, "$name, recall $target: gigavec.recall says so");
			cmp_ok($ef, '<', 2 * $least, "$name, recall $target: ef is not much more than $least");
			cmp_ok($of_rows, '>=', $target - 0.01 - $error, "$name, recall $target: of rows");
		}

		# queries unlike the rows: their own calibration finds what is asked for
		$node->safe_psql('postgres', qq{
			CREATE TABLE strange AS SELECT id, (SELECT array_agg(255 - e)::vector FROM unnest(q::real[]) e) AS q FROM questions;
			SELECT gigavec.recall('real_l2', 10, ARRAY(SELECT q FROM strange WHERE id < 200), store => true)});
		make_truth($node, 'real', 'strange', 'v <-> q.q', 10);
		cmp_ok(recall($node, 'real', 'strange', 'v <-> q.q', 10, '0'), '>=', 0.93, "$name: strange queries");
		is_sound($node, 'real_l2', $name);
		$node->safe_psql('postgres', 'DROP TABLE strange, real, questions');
	}
}

# Little work where little is enough
$node->safe_psql('postgres', q{
	CREATE TABLE few AS SELECT i AS id, point(i, 3)::vector(3) AS v FROM generate_series(1, 4000) i;
	CREATE TABLE questions AS SELECT i AS id, point(i + 50000, 3) AS q FROM generate_series(1, 200) i;
	CREATE INDEX few_l2 ON few USING hnsw (v vector_l2_ops)});
make_truth($node, 'few', 'questions', 'v <-> q.q', 10);
cmp_ok(recall($node, 'few', 'questions', 'v <-> q.q', 10, '0'), '>=', 0.94, 'three dimensions: recall by default');
cmp_ok($node->safe_psql('postgres', q{SELECT max(value) FROM gigavec.stats('few_l2') WHERE name ~ 'calibrated_ef_9[05]'}),
	'<', 30, 'three dimensions: at little cost');
$node->safe_psql('postgres', 'DROP TABLE few, questions');

# Little work is told apart: of what the first nodes expanded take, each has its own, and
# a search that needs less than tells the difficulty does no more.  Queries farther from
# rows than rows are from each other get more without being told.
for my $set (
	[ 'corel1000-clip-512', 512, 'v <=> q.q', 'cosine', 10000, 0.9, 0.8, 14 ],
	[ 'bigann-10k', 128, 'v <-> q.q', 'l2', 10000, 0.9, 0.89, 50 ],
	# rows lie so unevenly that many are farther from others than most are
	[ 'colors-rgb-3d', 3, 'v <-> q.q', 'l2', 10000, 0.9, 0.87, 24 ],
	# users and items: queries are of another kind than rows; some have little to do
	# with any item, and are swept for at last
	[ 'gowalla-als-64-ip', 64, 'v <#> q.q', 'ip', 10000, 0.9, 0.885, 220 ],
	[ 'gowalla-als-64-ip', 64, 'v <#> q.q', 'ip', 5000, 0.99, 0.98, 1000 ],
	# half of the users have less to do with any of these items than items with each other
	[ 'gowalla-als-64-ip', 64, 'v <#> q.q', 'ip', 5000, 0.95, 0.94, 400 ],
	# a few queries find little whatever ef is, six of these: to be surer of the others has
	# its price
	[ 'geonames-3d', 3, 'v <-> q.q', 'l2', 200000, 0.95, 0.89, 115 ])
{
	my ($name, $dim, $distance, $metric, $n_rows, $target, $least, $most) = @$set;

  SKIP:
	{
		my $folder = data_folder($name);

		skip "no data set $name", 2 if !defined $folder;
		$node->safe_psql('postgres', qq{
			CREATE TABLE real (id int, v vector($dim));
			CREATE TABLE questions (id int, q vector($dim))});
		copy_vectors($node, "$folder/base.npy", 'real', 0, $n_rows);
		if (-e "$folder/query.npy")
		{
			copy_vectors($node, "$folder/query.npy", 'questions', 0, $metric eq 'ip' ? 500 : 100);
		}
		else
		{
			$node->safe_psql('postgres', q{
				INSERT INTO questions SELECT (id / 9)::int, v FROM real WHERE id % 9 = 0;
				DELETE FROM real WHERE id % 9 = 0});
		}
		$node->safe_psql('postgres', "CREATE INDEX real_i ON real USING hnsw (v vector_${metric}_ops)");
		make_truth($node, 'real', 'questions', $distance, 10);
		cmp_ok(recall($node, 'real', 'questions', $distance, 10, "0; SET gigavec.target_recall = $target"), '>=', $least, "$name: found");
		cmp_ok($node->safe_psql('postgres', "SELECT ef FROM gigavec.recall('real_i', 10, ARRAY(SELECT q FROM questions ORDER BY id), $target)"),
			'<', $most, "$name: at little cost");
		$node->safe_psql('postgres', 'DROP TABLE real, questions');
	}
}

# Where many rows are as far as each other, any of them will do
$node->safe_psql('postgres', q{
	CREATE TABLE bits AS SELECT i AS id, (SELECT string_agg((abs(hashint8(i * 1000 + b)) % 100 <
		30 + 40 * (abs(hashint8(i % 20 * 777 + b)) % 2))::int::text, '' ORDER BY b)
		FROM generate_series(1, 64) b)::bit(64) AS v FROM generate_series(1::bigint, 4000) i;
	CREATE INDEX bits_hamming ON bits USING hnsw (v bit_hamming_ops)});
cmp_ok($node->safe_psql('postgres', "SELECT recall FROM gigavec.recall('bits_hamming', 10, 500, .9)"), '>=', 0.89, 'equal distances: found');
cmp_ok($node->safe_psql('postgres', "SELECT value FROM gigavec.stats('bits_hamming') WHERE name = 'calibrated_ef_99'"),
	'<', 65, 'equal distances: at little cost');
$node->safe_psql('postgres', 'DROP TABLE bits');

# Rows that are left out are as hard to find the neighbors of as queries that were never
# there, though their neighbors reach each other by way of them
SKIP:
{
	my $folder = data_folder('hiv-morgan-1024bit');

	skip 'no data set hiv-morgan-1024bit', 2 if !defined $folder;
	for my $set ([ 'base', 'real', 'v' ], [ 'query', 'questions', 'q' ])
	{
		my ($file, $table, $column) = @$set;

		$node->safe_psql('postgres', "CREATE TABLE bytes (id int, b vector(128))");
		copy_vectors($node, "$folder/$file.npy", 'bytes', 0);
		$node->safe_psql('postgres', qq{
			CREATE TABLE $table AS SELECT id, (SELECT string_agg(e::int::bit(8)::text, '' ORDER BY n)
				FROM unnest(b::real[]) WITH ORDINALITY u (e, n))::bit(1024) AS $column FROM bytes;
			DROP TABLE bytes});
	}
	$node->safe_psql('postgres', 'CREATE INDEX real_jaccard ON real USING hnsw (v bit_jaccard_ops)');
	my ($recall, $ef) = split(/\|/, $node->safe_psql('postgres',
			"SELECT recall, ef FROM gigavec.recall('real_jaccard', 10, ARRAY(SELECT q FROM questions ORDER BY id), .95)"));
	cmp_ok($recall, '>=', 0.94, 'bits by Jaccard distance: found');
	cmp_ok($ef, '<', 25, 'bits by Jaccard distance: at little cost');
	$node->safe_psql('postgres', 'DROP TABLE real, questions');
}

# Five rows a vector: ten rows are two nodes
SKIP:
{
	my $folder = data_folder('sift-bsds-200k');

	skip 'no data set sift-bsds-200k', 2 if !defined $folder;
	$node->safe_psql('postgres', q{
		CREATE TABLE real (id int, v vector(128));
		CREATE TABLE questions (id int, q vector(128))});
	copy_vectors($node, "$folder/base.npy", 'real', 0, 3000);
	copy_vectors($node, "$folder/query.npy", 'questions', 0, 200);
	$node->safe_psql('postgres', q{
		INSERT INTO real SELECT id + 3000 * i, v FROM real, generate_series(1, 4) i;
		CREATE INDEX real_l2 ON real USING hnsw (v vector_l2_ops)});
	make_truth($node, 'real', 'questions', 'v <-> q.q', 10);
	cmp_ok(recall($node, 'real', 'questions', 'v <-> q.q', 10, '0; SET gigavec.target_recall = 0.9'), '>=', 0.89, 'five rows a vector: found');
	cmp_ok($node->safe_psql('postgres', q{SELECT expansions FROM gigavec.recall('real_l2', 10, ARRAY(SELECT q FROM questions ORDER BY id), .9)}),
		'<', 14, 'five rows a vector: at little cost');
	$node->safe_psql('postgres', 'DROP TABLE real, questions');
}

# An index made on an empty table calibrates itself as rows come; neither another
# insert nor an error in it stops one
{
	my $folder = data_folder('sift-bsds-200k');

	$node->safe_psql('postgres', q{
		CREATE TABLE grown (id int, v vector(16));
		CREATE INDEX grown_l2 ON grown USING hnsw (v vector_l2_ops)});
	my $stopped = stop_at($node, 'hnsw-calibrating', q{INSERT INTO grown SELECT i, point(i, 16) FROM generate_series(1, 5500) i});

	is($node->safe_psql('postgres', q{
		SET lock_timeout = '60s';
		INSERT INTO grown SELECT i, point(i, 16) FROM generate_series(5501, 6500) i;
		SELECT value FROM gigavec.stats('grown_l2') WHERE name = 'calibration'}), 0, 'one insert calibrates, others go on');
	is(go_on($stopped), '', 'it goes on');
	like(calibration($node, 'grown_l2'), qr/ [45]\d\d\d 1$/, 'the index is calibrated');
	is_sound($node, 'grown_l2', 'calibrated by an insert');

	$node->safe_psql('postgres', 'TRUNCATE grown');
	my ($rc, $out, $err) = $node->psql('postgres', q{
		LOAD 'gigavec';
		SET gigavec.test_point = 'hnsw-calibrating:error';
		INSERT INTO grown SELECT i, point(i, 16) FROM generate_series(1, 6500) i;
		RESET gigavec.test_point;
		SELECT count(*) FROM grown});
	like($err, qr/WARNING:  could not calibrate index "grown_l2"\nDETAIL:  .*hnsw-calibrating/m, 'an error is a warning');
	is($out, 6500, 'all rows are there');
	like(calibration($node, 'grown_l2'), qr/ [456]\d\d\d 1$/, 'the next try succeeds');
	is_sound($node, 'grown_l2', 'calibrated after an error');

	$node->safe_psql('postgres', 'TRUNCATE grown');
	$stopped = stop_at($node, 'hnsw-calibrating', q{INSERT INTO grown SELECT i, point(i, 16) FROM generate_series(1, 6500) i});
	$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'INSERT INTO grown%'});
	like(go_on($stopped), qr/canceling statement due to user request/, 'who cancels an insert ends it');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM grown'), 0, 'no row is there');
	$node->safe_psql('postgres', 'DROP TABLE grown');

  SKIP:
	{
		skip 'no data set sift-bsds-200k', 4 if !defined $folder;
		$node->safe_psql('postgres', q{
			CREATE TABLE grown (id int, v vector(128));
			CREATE INDEX grown_l2 ON grown USING hnsw (v vector_l2_ops);
			CREATE TABLE questions (id int, q vector(128))});
		copy_vectors($node, "$folder/base.npy", 'grown', 0, 8000);
		copy_vectors($node, "$folder/query.npy", 'questions', 0, 300);
		make_truth($node, 'grown', 'questions', 'v <-> q.q', 10);
		for my $target (0.9, 0.95, 0.99)
		{
			cmp_ok(recall($node, 'grown', 'questions', 'v <-> q.q', 10, "0; SET gigavec.target_recall = $target"),
				'>=', $target - 0.01, "inserted rows, recall $target: found");
		}
		cmp_ok($node->safe_psql('postgres', q{SELECT value FROM gigavec.stats('grown_l2') WHERE name = 'calibrated_ef_95'}),
			'<', 80, 'at less cost than without a calibration');
		$node->safe_psql('postgres', 'DROP TABLE grown, questions');
	}
}

# crashes and a standby
$node->safe_psql('postgres', q{
	CREATE TABLE items (id int PRIMARY KEY, v vector(24));
	INSERT INTO items SELECT i, point(i, 24) FROM generate_series(1, 2000) i;
	CREATE INDEX items_l2 ON items USING hnsw (v vector_l2_ops);
	CREATE INDEX items_l1 ON items USING hnsw (v vector_l1_ops);
	CREATE UNLOGGED TABLE passing (v vector(24));
	INSERT INTO passing SELECT v FROM items;
	CREATE INDEX passing_l2 ON passing USING hnsw (v vector_l2_ops);
});
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('recall_standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
for my $index ('items_l2', 'items_l1')
{
	my $at_build = calibration($node, $index);

	like($at_build, qr/ 2000 1$/, "$index: the build calibrates");
	is(calibration($standby, $index), $at_build, "$index: the standby knows");
}
like(calibration($node, 'passing_l2'), qr/ 2000 1$/, 'the index is unlogged');

$node->safe_psql('postgres', 'INSERT INTO items SELECT i, point(i, 24) FROM generate_series(2001, 2300) i; VACUUM items');
like(calibration($node, 'items_l2'), qr/ 2000 1$/, 'VACUUM after few inserts leaves the calibration');
$node->safe_psql('postgres', 'INSERT INTO items SELECT i, point(i, 24) FROM generate_series(2301, 2600) i; VACUUM items');
# VACUUM knows the number of rows about
like(calibration($node, $_), qr/ 2[56]\d\d 1$/, "$_: VACUUM after many calibrates") for ('items_l2', 'items_l1');
flush_log($node);
$node->stop('immediate');
$node->start;
like(calibration($node, $_), qr/ 2[56]\d\d 1$/, "$_: the calibration outlives a crash") for ('items_l2', 'items_l1');
like(calibration($node, 'passing_l2'), qr/ 0 0 0$/, 'that of an unlogged index does not');
is($node->safe_psql('postgres', "INSERT INTO passing SELECT v FROM items LIMIT 300; VACUUM passing; SELECT value FROM gigavec.stats('passing_l2') WHERE name = 'calibration'"),
	1, 'VACUUM makes another');
$node->wait_for_catchup($standby);
is(calibration($standby, $_), calibration($node, $_), "$_: the standby has that of VACUUM") for ('items_l2', 'items_l1');

# a standby measures, and keeps nothing
my ($rc, $out, $err) = $standby->psql('postgres', "SELECT recall > .9 FROM gigavec.recall('items_l2')");
is($out, 't', 'gigavec.recall on a standby');
($rc, $out, $err) = $standby->psql('postgres', "SELECT gigavec.recall('items_l2', store => true)");
like($err, qr/cannot execute gigavec\.recall\(\) (in a read-only transaction|during recovery)/, 'it does not store there');
$standby->stop;

# progress of a build; a VACUUM that is cut off while it calibrates
my $progress = q{SELECT phase || ' ' || (tuples_total > 0) || ' ' || (tuples_done <= tuples_total) || ' ' || blocks_total FROM pg_stat_progress_create_index};
my $stopped = stop_at($node, 'hnsw-calibrating', 'REINDEX INDEX items_l2');
is($node->safe_psql('postgres', $progress), 'building index: calibrating recall true true 0', 'the phase and what of it is done, not of the scan before');
is(go_on($stopped), '', 'REINDEX goes on');

$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 2 = 0');
$stopped = stop_at($node, 'hnsw-calibrating', 'VACUUM items');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'VACUUM items%'});
go_on($stopped);
is_sound($node, $_, 'VACUUM cut off') for ('items_l2', 'items_l1');
$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 100 = 1; VACUUM items');
like(calibration($node, $_), qr/ 1274 1$/, "$_: the next VACUUM calibrates") for ('items_l2', 'items_l1');

# an ef that is another by a bit: check finds it, searches go on
{
	my $path = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('items_l2')");

	$node->stop;
	open(my $file, '+<:raw', $path) || die "could not open $path: $!";
	read($file, my $page, 8192) == 8192 || die;
	my $place = unpack('v', substr($page, 12, 2)) - 480 + 2 * 8 * 14;
	substr($page, $place, 2) = pack('v', unpack('v', substr($page, $place, 2)) ^ 1);
	seek($file, 0, 0);
	print $file $page;
	close($file);
	$node->start;
	is($node->safe_psql('postgres', "SELECT block, problem FROM gigavec.check('items_l2')"),
		'0|calibration in the metapage is not valid', 'check finds a damaged calibration');
	is($node->safe_psql('postgres', "$BY_INDEX SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> point(1000000, 24) LIMIT 10) x"),
		10, 'searches go on');
	$node->safe_psql('postgres', 'REINDEX INDEX items_l2');
	is_sound($node, 'items_l2', 'built again');
}

# while others insert and search
my $writer = begin_sql($node, 'INSERT INTO items SELECT i, point(i, 24) FROM generate_series(10001, 11000) i');
$node->safe_psql('postgres', q{
	VACUUM items;
	SELECT gigavec.recall('items_l2', 10, 100, .99, true);
	SELECT gigavec.recall('items_l1', 10, 100, .99, true)});
is(end_sql($writer), '', 'rows inserted meanwhile');
is_sound($node, $_, 'rows inserted meanwhile') for ('items_l2', 'items_l1');

$node->stop;
done_testing();
