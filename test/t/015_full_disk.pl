#----------------------------------------------------------------------
#
# A full disk, at several levels: builds, INSERT and VACUUM end with an error or
# succeed, and the indexes are equal to their tables during and after.
#
# A limit on the size of files is a disk that is full at that point.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

# where the files end, in parts of the size that the indexes would have
my @levels = $LONG ? (0.45, 0.55, 0.65, 0.8, 0.95, 1.2) : (0.65);
my $options = '(m = 48, ef_construction = 96)';

# shared memory has the limit, too, so there are parallel workers only where the
# server has set some aside
my $node = new_server('full_disk', q{
	fsync = off
	shared_buffers = 32MB
	max_parallel_maintenance_workers = 0
	min_parallel_index_scan_size = 0
	min_dynamic_shared_memory = 32MB
}, extra => ['--wal-segsize=1']);

# Indexes that a REINDEX makes larger
$node->safe_psql('postgres', qq{
	CREATE TABLE items (id int, v vector(32));
	INSERT INTO items SELECT i, point(i, 32) FROM generate_series(1, 1800) i;
	CREATE TABLE template AS TABLE items;
	-- words of no other row, so that an index is larger than the table
	CREATE FUNCTION words(i int) RETURNS text LANGUAGE sql IMMUTABLE AS
		'SELECT string_agg(''x'' || i::bigint * 1000 + j, '' '') FROM generate_series(1, 200) j';
	CREATE TABLE told (id int);
	CREATE INDEX told_words ON told USING bm25 (words(id)) WITH (text_config = 'simple');
	CREATE TABLE low AS SELECT i AS id, point(i, 2)::vector(2) AS v FROM generate_series(1, 15000) i;
	-- vectors that the table does not have: an index is larger, and ends first
	CREATE FUNCTION place(i bigint) RETURNS vector LANGUAGE sql IMMUTABLE AS
		'SELECT (array_fill((i * 7919 % 10007)::real, ARRAY[16]) || array_fill((i * 104729 % 10009)::real, ARRAY[16]))::public.vector';
	CREATE TABLE placed_kdtree (id int);
	CREATE INDEX placed_kdtree_v ON placed_kdtree USING kdtree ((place(id)::vector(32)) vector_l2_ops);
	CREATE TABLE placed_ivfflat AS SELECT i AS id FROM generate_series(1, 500) i;
	CREATE INDEX placed_ivfflat_v ON placed_ivfflat USING ivfflat ((place(id)::vector(32)) vector_l2_ops) WITH (lists = 20);
	CREATE TABLE placed_ivfpq AS SELECT i AS id FROM generate_series(1, 500) i;
	CREATE INDEX placed_ivfpq_v ON placed_ivfpq USING ivfpq ((place(id)::vector(32)) vector_l2_ops) WITH (lists = 20);
	CREATE INDEX items_l2 ON items USING hnsw (v vector_l2_ops);
	CREATE INDEX items_cosine ON items USING hnsw (v vector_cosine_ops);
	ALTER INDEX items_l2 SET (m = 48, ef_construction = 96);
	ALTER INDEX items_cosine SET (m = 48, ef_construction = 96);
	CREATE TABLE grown (id int, v vector(32));
	CREATE INDEX grown_l2 ON grown USING hnsw (v vector_l2_ops) WITH $options;
	CREATE INDEX grown_l1 ON grown USING hnsw (v vector_l1_ops) WITH $options});
$node->safe_psql('postgres', "CREATE INDEX template_l2 ON template USING hnsw (v vector_l2_ops) WITH $options");
my $size = $node->safe_psql('postgres', q{SELECT pg_relation_size('template_l2')});
$node->safe_psql('postgres', 'DROP INDEX template_l2; CHECKPOINT');
my $largest = $node->safe_psql('postgres', 'SELECT max(pg_relation_size(oid)) FROM pg_class');
cmp_ok($largest, '<', $levels[0] * $size, 'files are smaller than the limits');

my $failures = 0;

# Run a statement; it succeeds or finds the disk full.  Returns true on success.
sub try_sql
{
	my ($name, $sql) = @_;
	my ($out, $err) = ('', '');
	my $status = $node->psql('postgres', "\\set VERBOSITY verbose\nSET client_min_messages = warning;\n$sql", stdout => \$out, stderr => \$err);

	if ($status == 0)
	{
		is($err, '', "$name: succeeds");
		return 1;
	}
	# a page of which a part has a place is one that finds the disk full
	like($err, qr/ERROR:  (53100: could not (extend|write)|\w+: could not (extend|write)[^\n]*File too large)/, "$name: fails");
	unlike($err, qr/PANIC|server closed|connection to server was lost/, "$name: and nothing else");
	$failures++;
	return 0;
}

# VACUUM of lists comes to its end, by so many workers; it may say what it leaves to
# the next.  Returns that.
sub vacuum_lists
{
	my ($name, $table, $workers) = @_;
	my ($out, $err) = ('', '');

	$name .= ", $workers workers";
	# the second one finds no buffer that the first has left as one that is being read
	is($node->psql('postgres', "SET client_min_messages = warning;\nSET max_parallel_maintenance_workers = $workers;\n" .
			"VACUUM (PARALLEL $workers) $table;\n" x 2,
			stdout => \$out, stderr => \$err), 0, "$name: comes to its end");
	is($err =~ s/^.*WARNING:  could not (train the|split and merge|write) lists of index "\w+".*\nDETAIL:  .*could not (extend|write) .*\n?(HINT:.*\n?)?(CONTEXT:.*\n?)*//mgr, '',
		"$name: and says why it leaves something");
	$failures++ if $err ne '';
	return $err;
}

# The indexes of a table are sound and have its rows
sub check_table
{
	my ($name, $table, %operators) = @_;

	for my $index (sort keys %operators)
	{
		is_sound($node, $index, $name);
		is_complete($node, $table, "v $operators{$index} (SELECT point(5, 32))", "$name, $index", 0.05);
	}
	return;
}

# Each row is found by its own words
sub check_words
{
	my ($name) = @_;

	is_sound($node, 'told_words', $name);
	is($node->safe_psql('postgres', qq{$BY_INDEX
			SELECT count(*) FROM told t WHERE ARRAY(SELECT id FROM told ORDER BY words(id) <\@> ('x' || t.id::bigint * 1000 + 7) LIMIT 3)::int[] <> ARRAY[t.id]}),
		0, "$name: words are found");
	return;
}

# A search to the end returns each row once
sub check_places
{
	my ($name, $method) = @_;

	is_sound($node, "placed_${method}_v", $name);
	is($node->safe_psql('postgres', qq{$BY_INDEX SET ivfflat.probes = 1000; SET ivfpq.probes = 1000;
			SELECT count(*) - (SELECT count(*) FROM placed_$method), count(*) - count(DISTINCT id)
			FROM (SELECT id FROM placed_$method ORDER BY place(id)::vector(32) <-> (SELECT place(7)) OFFSET 0) s}),
		'0|0', "$name: all rows once");
	return;
}

my %of_items = ('items_l2' => '<->', 'items_cosine' => '<=>');
my %of_grown = ('grown_l2' => '<->', 'grown_l1' => '<+>');

sub work
{
	my ($level) = @_;
	my %builds = (
		'CREATE INDEX' => ['CREATE INDEX template_new ON template USING hnsw (v vector_l2_ops) WITH ' . $options],
		'CREATE INDEX in little memory' => ["SET maintenance_work_mem = '1MB'",
			'CREATE INDEX template_new ON template USING hnsw (v vector_l2_ops) WITH ' . $options],
		'CREATE INDEX without codes in little memory' => ["SET maintenance_work_mem = '1600kB'",
			'CREATE INDEX template_new ON template USING hnsw (v vector_l1_ops) WITH ' . $options],
		'CREATE INDEX CONCURRENTLY' => ['CREATE INDEX CONCURRENTLY template_new ON template USING hnsw (v vector_l1_ops) WITH ' . $options],
	);

	# in memory and through files, of other words than those that a table has
	$builds{'CREATE INDEX USING bm25'} = ['CREATE INDEX template_new ON template USING bm25 (words(id))'];
	$builds{'CREATE INDEX USING bm25 in little memory'} = [ "SET maintenance_work_mem = '1MB'",
		'CREATE INDEX template_new ON template USING bm25 (words(id))' ];

	# files for rows and then pages
	$builds{'CREATE INDEX USING kdtree'} = [ "SET maintenance_work_mem = '1MB'",
		'CREATE INDEX template_new ON low USING kdtree (v, id) WITH (fillfactor = 10)' ];

	# a sort, then two pages a list
	$builds{'CREATE INDEX USING ivfflat'} = [ "SET maintenance_work_mem = '1MB'",
		'CREATE INDEX template_new ON low USING ivfflat (v, id) WITH (lists = 400)' ];

	for my $build (sort keys %builds)
	{
		my $name = "level $level, $build";
		my $done = try_sql($name, join(";\n", @{ $builds{$build} }) . ";\n");

		is_sound($node, 'template_new', $name) if $done;
		is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
				WHERE relname = 'template_new' AND indisvalid}), $done, "$name: a valid index, or none");
		$node->safe_psql('postgres', 'DROP INDEX IF EXISTS template_new');
	}

	# the smaller ones stay, for the next level
	for my $how ('REINDEX INDEX items_l2', 'REINDEX INDEX CONCURRENTLY items_cosine')
	{
		my $name = "level $level, $how";
		my $done = try_sql($name, $how);
		my ($index) = $how =~ /(\w+)$/;

		check_table($name, 'items', %of_items);
		$node->safe_psql('postgres', 'DROP INDEX IF EXISTS items_cosine_ccnew');
		$node->safe_psql('postgres', "ALTER INDEX $index SET (m = 16, ef_construction = 64); REINDEX INDEX $index;
			ALTER INDEX $index SET (m = 48, ef_construction = 96)") if $done;
	}

	# lists trained anew have no room beside those in use, which stay
	$node->safe_psql('postgres', q{
		SET client_min_messages = warning;
		CREATE TABLE listed (id int, v vector(32));
		CREATE INDEX listed_pq ON listed USING ivfpq (v vector_l2_ops) WITH (lists = 300);
		CREATE INDEX listed_id ON listed (id);
		INSERT INTO listed TABLE template});
	for my $workers (0, 1)
	{
		my $said = vacuum_lists("level $level, training by VACUUM", 'listed', $workers);
		like($said, qr/could not train the lists of index "listed_pq"/, "level $level, training by VACUUM, $workers workers: is left to the next") if $level < 0.9;
		is_sound($node, 'listed_pq', "level $level, training by VACUUM, $workers workers");
	}
	# where VACUUM has trained, the lists before are in use until a transaction after it ends
	$node->safe_psql('postgres', 'SELECT pg_current_xact_id()');
	try_sql("level $level, training", q{SELECT gigavec.train('listed_pq') \\g /dev/null});
	is_sound($node, 'listed_pq', "level $level, training");
	is($node->safe_psql('postgres', "$BY_INDEX SET ivfpq.probes = 1000; SELECT count(*) FROM (SELECT id FROM listed ORDER BY v <-> (SELECT point(5, 32))) s"),
		1800, "level $level, training: all rows");
	$node->safe_psql('postgres', 'DROP TABLE listed');

	# rows come until there is no room
	my $name = "level $level, INSERT";
	my $n = $node->safe_psql('postgres', 'SELECT coalesce(max(id), 0) FROM grown');
	for (my $i = 0; $i < 10; $i++)
	{
		last if !try_sql($name, sprintf('INSERT INTO grown SELECT i, point(i, 32) FROM generate_series(%d, %d) i', $n + 1, $n + 300));
		$n += 300;
	}
	check_table($name, 'grown', %of_grown);

	$name = "level $level, VACUUM";
	$node->safe_psql('postgres', 'DELETE FROM grown WHERE id % 3 = 0');
	try_sql($name, 'VACUUM grown');
	check_table($name, 'grown', %of_grown);
	ok(try_sql("$name, INSERT", "INSERT INTO grown SELECT i, point(i, 32) FROM generate_series($n + 1000, $n + 1020) i"),
		"$name: there is room after it");

	# the same by the other access methods
	for my $method ('kdtree', 'ivfflat', 'ivfpq')
	{
		my ($before, $last) = ($failures, 0);

		$name = "level $level, $method";
		for my $i (1 .. 300)
		{
			$last = 1000 * $i;
			last if !try_sql("$name, INSERT", "INSERT INTO placed_$method SELECT i FROM generate_series($last, $last + 999) i");
		}
		cmp_ok($failures, '>', $before, "$name: the disk was full");
		check_places("$name, INSERT", $method);
		$node->safe_psql('postgres', "DELETE FROM placed_$method WHERE id % 3 = 0");
		if ($method eq 'kdtree')
		{
			try_sql("$name, VACUUM", 'VACUUM placed_kdtree');
		}
		else
		{
			$node->safe_psql('postgres', "CREATE INDEX placed_${method}_id ON placed_$method (id)");
			vacuum_lists("$name, VACUUM", "placed_$method", 1);
			$node->safe_psql('postgres', "DROP INDEX placed_${method}_id");
		}
		check_places("$name, VACUUM", $method);
		my $has_room = try_sql("$name, VACUUM, INSERT", "INSERT INTO placed_$method SELECT i FROM generate_series($last + 1, $last + 20) i");
		ok($has_room, "$name: there is room after it");
		check_places("$name, VACUUM, INSERT", $method);
	}

	# rows with words, until neither they nor a merge have room
	for my $i (1 .. 40)
	{
		last if !try_sql("level $level, INSERT of words", sprintf('INSERT INTO told SELECT i FROM generate_series(%d, %d) i', $i * 100, $i * 100 + 99));
	}
	check_words("level $level, INSERT of words");
	try_sql("level $level, merge", q{SELECT gigavec.merge('told_words') \\g /dev/null});
	check_words("level $level, merge");
	$node->safe_psql('postgres', 'DELETE FROM told WHERE id % 3 = 0');
	try_sql("level $level, VACUUM of words", 'VACUUM told');
	check_words("level $level, VACUUM of words");
	return;
}

SKIP:
{
	for my $level (@levels)
	{
		# in units of 1024 bytes; no whole number of pages
		my $limit = int($level * $size / 8192) * 8 + 5;

		$node->stop;
		skip 'the shell cannot limit the size of files', 1
		  if system('bash', '-c', "ulimit -S -f $limit") != 0;
		system_or_bail('bash', '-c', "ulimit -S -f $limit; exec pg_ctl -w -D \"\$0\" -l \"\$1\" start", $node->data_dir, $node->logfile);
		$node->_update_pid(1);
		my $before = $failures;
		work($level);
		cmp_ok($failures - $before, '>=', $level < 1 ? 5 : 1, "level $level: the disk was full");

		$node->stop;
		$node->start;
		check_table("level $level, room again", 'items', %of_items);
		check_table("level $level, room again", 'grown', %of_grown);
		check_words("level $level, room again");
		for my $method ('kdtree', 'ivfflat', 'ivfpq')
		{
			check_places("level $level, room again, $method", $method);
			$node->safe_psql('postgres', "VACUUM placed_$method");
			check_places("level $level, vacuumed, $method", $method);
			$node->safe_psql('postgres', "TRUNCATE placed_$method");
		}
		$node->safe_psql('postgres', q{SELECT gigavec.merge('told_words'); VACUUM told});
		check_words("level $level, merged at last");
		$node->safe_psql('postgres', 'TRUNCATE told');
		$node->safe_psql('postgres', 'TRUNCATE grown; CHECKPOINT');
	}
	ok(!$node->log_contains('PANIC'), 'no PANIC');
}

$node->stop;
done_testing();
