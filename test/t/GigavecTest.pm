#----------------------------------------------------------------------
#
# GigavecTest.pm
#		What the TAP tests share: servers, vectors, truth, recall.
#
# Truth is always a sequential scan of the table.  Generated vectors are a
# function of their number, so that every run sees the same.
#
#----------------------------------------------------------------------
package GigavecTest;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

our @EXPORT = qw(
  $BY_INDEX $BY_TABLE $LONG
  %EVERY new_server prepare_database make_everything wide_enough start_again disable_checksums
  is_sound is_complete is_whole top_lists make_truth recall ef_for run_beside
  watch_leftovers is_tidy end_timeout run_time seconds_for
  data_folder copy_vectors pages digest flush_log
);

# Settings under which a query ordered by distance uses the index
our $BY_INDEX = 'SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off;';

# and under which it does not
our $BY_TABLE = 'SET enable_indexscan = off; SET enable_bitmapscan = off;';

# The indexes that make_everything makes, of every access method, with the
# distances that they order by
our %EVERY = (
	items_l2 => 'v <-> q.q',
	items_l1 => 'v <+> q.q',
	items_cosine => 'h <=> q.q::halfvec',
	items_jaccard => 'b <%> binary_quantize(q.q - center())',
	items_sparse => 's <#> q.q::sparsevec',
	items_flat => 'v <=> q.q',
	items_pq => 'h <-> q.q::halfvec',
	items_kd => 'subvector(v, 1, 3)::vector(3) <-> subvector(q.q, 1, 3)',
	items_text => q{body <@> (q.words)});

# Is the long form of the tests asked for?
our $LONG = $ENV{GIGAVEC_LONG} ? 1 : 0;

# Create and start a server with the extension.  install_path is that of another
# PostgreSQL; other words are for PostgreSQL::Test::Cluster's init.
sub new_server
{
	my ($name, $conf, %init) = @_;
	my $path = delete $init{install_path};
	my $node = PostgreSQL::Test::Cluster->new($name, $path ? (install_path => $path) : ());

	$node->init(%init);
	$node->append_conf('postgresql.conf', "autovacuum = off\njit = off\n" . ($conf // ''));
	# a standby may be behind when a crash lets the log before it go
	$node->append_conf('postgresql.conf', 'wal_keep_size = 1GB') if $init{allows_streaming};
	$node->start;
	prepare_database($node);
	return $node;
}

# Create the extension and the functions that make vectors.
# point(i, dim, seed): near one of 20 centers, which i alone decides on.
sub prepare_database
{
	my ($node, $dbname) = @_;

	$node->safe_psql($dbname // 'postgres', q{
		CREATE EXTENSION gigavec;
		CREATE FUNCTION noise(i bigint, j int, seed bigint) RETURNS float4
			LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
			'SELECT ((pg_catalog.hashint8extended(i * 1024 + j, seed) & 65535) / 65536.0)::float4';
		CREATE FUNCTION point(i bigint, dim int, seed bigint DEFAULT 0) RETURNS vector
			LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
			'SELECT array_agg(2 * noise(i % 20, j, 7) + noise(i, j, seed))::vector
			 FROM generate_series(1, dim) j';
	});
	return;
}

# Make the table "items" with the indexes of %EVERY, "questions", and the
# function fill(first, last, seed) that adds rows
sub make_everything
{
	my ($node) = @_;

	$node->safe_psql('postgres', q{
		CREATE FUNCTION center() RETURNS vector LANGUAGE sql IMMUTABLE AS
			$$SELECT array_fill(1.5, ARRAY[24])::public.vector$$;
		CREATE TABLE items (id int PRIMARY KEY, v vector(24), h halfvec(24), b bit(24), s sparsevec(24), body text);
		CREATE FUNCTION fill(first int, last int, seed int) RETURNS void LANGUAGE sql AS
			$$INSERT INTO items SELECT i, p, p, binary_quantize(p - center())::bit(24), p,
				concat_ws(' ', 'all', 'own' || i, 'a' || i % 7, 'b' || i % 11, 'c' || i % 13, 'c' || i % 3)
			  FROM (SELECT i, point(i, 24, seed) AS p FROM generate_series(first, last) i) t$$;
		SELECT fill(1, 400, 1);
		CREATE INDEX items_l2 ON items USING hnsw (v vector_l2_ops, (id % 5)) WITH (m = 12, ef_construction = 40, ef_search = 70);
		CREATE INDEX items_l1 ON items USING hnsw (v vector_l1_ops);
		CREATE INDEX items_cosine ON items USING hnsw (h halfvec_cosine_ops);
		CREATE INDEX items_jaccard ON items USING hnsw (b bit_jaccard_ops);
		CREATE INDEX items_sparse ON items USING hnsw (s sparsevec_ip_ops);
		CREATE INDEX items_flat ON items USING ivfflat (v vector_cosine_ops, (id % 5)) WITH (lists = 6);
		CREATE INDEX items_pq ON items USING ivfpq (h halfvec_l2_ops) WITH (lists = 4);
		CREATE INDEX items_kd ON items USING kdtree ((subvector(v, 1, 3)::vector(3)) vector_l2_ops);
		CREATE INDEX items_text ON items USING bm25 (body) WITH (text_config = 'simple');
		DELETE FROM items WHERE id % 5 = 0;
		VACUUM items;
		SELECT fill(1001, 1200, 2);
		CREATE TABLE questions AS SELECT i AS id, point(1000000 + i, 24) AS q, 'a' || i % 7 || ' c' || i % 13 AS words
			FROM generate_series(1, 12) i;
	});
	return;
}

# Settings under which every index finds the nearest of so few rows
sub wide_enough
{
	return 'SET hnsw.ef_search = 1000; SET ivfflat.probes = 10; SET ivfpq.probes = 10;';
}

# Let pages be changed in files: from PostgreSQL 18 on a new server has checksums
sub disable_checksums
{
	my ($node) = @_;

	return if $node->safe_psql('postgres', 'SHOW data_checksums') eq 'off';
	$node->stop;
	system_or_bail('pg_checksums', '--disable', '-D', $node->data_dir);
	$node->start;
	return;
}

# Start a server whose processes may not all have ended yet
sub start_again
{
	my ($node) = @_;
	my $pid = (split(/\n/, slurp_file($node->data_dir . '/postmaster.pid')))[0];

	for (my $i = 0; $i < 10 * $PostgreSQL::Test::Utils::timeout_default; $i++)
	{
		if (!kill(0, $pid))
		{
			return if $node->start(fail_ok => 1);
			$node->stop('immediate', fail_ok => 1);
		}
		usleep(100_000);
	}
	die 'the server does not start';
}

# gigavec.check finds nothing
sub is_sound
{
	my ($node, $index, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	return is($node->safe_psql('postgres', "SELECT * FROM gigavec.check('$index') LIMIT 20"),
		'', "$name: check of $index finds nothing");
}

# The pages of an index, but for what primary and standby may differ in; needs
# the extension pageinspect
sub pages
{
	my ($node, $index) = @_;

	# bytes 0 to 7: LSN, 8 and 9: checksum, 10: flags
	return $node->safe_psql('postgres', qq{
		SELECT n, md5(substr(page, 12)), get_byte(page, 10) & 252
		FROM (SELECT n, get_raw_page('$index', n) AS page
			FROM generate_series(0, pg_relation_size('$index') / current_setting('block_size')::int - 1) AS n) s
		ORDER BY n});
}

# All pages of an index as a short text, but for what the log writes into their
# headers; needs the extension pageinspect.  The file would not do: a checkpoint
# does not write the pages of an unlogged table.
sub digest
{
	my ($node, $index) = @_;

	return $node->safe_psql('postgres', qq{
		SELECT count(*) || ' pages: ' || md5(string_agg(md5(substr(get_raw_page('$index', n), 12)), '' ORDER BY n))
		FROM generate_series(0, pg_relation_size('$index') / current_setting('block_size')::int - 1) AS n});
}

# What was done so far outlives a crash: a statement that changes no row, such as
# VACUUM, does not wait until its log is on disk
sub flush_log
{
	my ($node) = @_;

	$node->safe_psql('postgres', q{SELECT pg_logical_emit_message(true, 'gigavec', 'all before this')});
	return;
}

# A scan to the end by the index returns each row of the table once, in the
# order of distances.  Rows that the graph did not lead to in time come at the
# end, in order among themselves; they must be few.  The last digits of float32
# do not count: the operator and the index may differ there.
#
# distance: an expression, e.g. "v <-> '[1,2]'"
# few_part: the part of the rows that may come late, by default .005
sub is_complete
{
	my ($node, $table, $distance, $name, $few_part) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $rows = $node->safe_psql('postgres',
		"$BY_TABLE SELECT count(*) FROM $table WHERE ($distance) IS NOT NULL");
	my $few = 2 + int($rows * ($few_part // 0.005));

	like($node->safe_psql('postgres',
			"$BY_INDEX EXPLAIN (COSTS off) SELECT ctid FROM $table ORDER BY $distance"),
		qr/Index Scan using/, "$name: uses an index");
	return is($node->safe_psql('postgres', qq{
			$BY_INDEX
			SELECT count(*), count(DISTINCT row_place), count(*) FILTER (WHERE d < previous - 1e-6 * abs(previous)) <= 1,
				count(*) FILTER (WHERE d < farthest - 1e-6 * abs(farthest)) <= $few
			FROM (SELECT row_place, d, lag(d) OVER (ORDER BY n) AS previous, max(d) OVER (ORDER BY n) AS farthest
				FROM (SELECT row_place, d, row_number() OVER () AS n
					FROM (SELECT tableoid::text || ctid::text AS row_place, $distance AS d
						FROM $table ORDER BY $distance OFFSET 0) r) s) t}),
		"$rows|$rows|t|t", "$name: all $rows rows once and in order");
}

# A scan to the end by the index returns each row of the table once, in whatever
# order: the bounds of codes are those of all but a few rows in a thousand
sub is_whole
{
	my ($node, $table, $distance, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	return is($node->safe_psql('postgres', qq{
			$BY_INDEX
			SELECT count(*) - (SELECT count(*) FROM $table WHERE ($distance) IS NOT NULL), count(*) - count(DISTINCT ctid)
			FROM (SELECT ctid FROM $table ORDER BY $distance OFFSET 0) s}),
		'0|0', "$name: all rows once");
}

# The answers of an index to questions, as text: a line a question.
#
# table: has a column id; questions: a table with id and q
# distance: an expression of columns of the table and q
sub top_lists
{
	my ($node, $table, $questions, $distance, $k) = @_;

	return $node->safe_psql('postgres', qq{
		$BY_INDEX
		SELECT q.id, (SELECT string_agg(s.id || ':' || s.d, ' ' ORDER BY s.n)
			FROM (SELECT r.*, row_number() OVER () AS n
				FROM (SELECT id, $distance AS d FROM $table ORDER BY $distance LIMIT $k) r) s)
		FROM $questions q ORDER BY q.id});
}

# Fill the table "truth" with the distance of the k-th nearest row
sub make_truth
{
	my ($node, $table, $questions, $distance, $k) = @_;

	$node->safe_psql('postgres', qq{
		$BY_TABLE
		CREATE TABLE IF NOT EXISTS truth (id int, kth float8, n int);
		TRUNCATE truth;
		INSERT INTO truth SELECT q.id, s.kth, s.n
		FROM $questions q, LATERAL (SELECT max(d) AS kth, count(*) AS n
			FROM (SELECT $distance AS d FROM $table ORDER BY $distance LIMIT $k) r) s});
	return;
}

# hnsw.ef_search for so many candidates: a search by codes takes ten times the
# root of it more
sub ef_for
{
	my ($n, $distance) = @_;

	return $distance =~ /<[+~%]>|^s / ? $n : int((sqrt(25 + $n) - 5)**2 + 0.5);
}

# The part of the true k nearest that the index returns; rows at the same
# distance count alike.  Call make_truth before.
sub recall
{
	my ($node, $table, $questions, $distance, $k, $ef) = @_;

	return $node->safe_psql('postgres', qq{
		$BY_INDEX
		SET hnsw.ef_search = $ef;
		SELECT round(avg(least(s.n::float8 / t.n, 1))::numeric, 4)
		FROM $questions q JOIN truth t USING (id),
			LATERAL (SELECT count(*) AS n
				FROM (SELECT $distance AS d FROM $table ORDER BY $distance LIMIT $k) r
				WHERE r.d <= t.kth + abs(t.kth) * 1e-6) s});
}

# The folder of a set of real vectors; nothing if it is absent
sub data_folder
{
	my ($set) = @_;
	my $folder = ($ENV{GIGAVEC_DATA} // '../shared/data') . "/vectors/$set";

	return -f "$folder/base.npy" ? $folder : undef;
}

# All float16 numbers
my @halves;

sub make_halves
{
	for my $bits (0 .. 0xFFFF)
	{
		my ($exponent, $mantissa) = (($bits >> 10) & 31, $bits & 1023);
		my $size = $exponent > 0 ? (1 + $mantissa / 1024) * 2**($exponent - 15) : $mantissa * 2**-24;

		$halves[$bits] = sprintf('%.9g', $bits & 0x8000 ? -$size : $size);
	}
	return;
}

# Copy rows of a .npy file of uint8, uint16, float16 or float32 into a table (id, vector)
sub copy_vectors
{
	my ($node, $file, $table, $first, $n) = @_;
	my ($fh, $out, $row, $size, $template);
	my $path = $node->basedir . "/$table.copy";

	open($fh, '<:raw', $file) || die "could not open $file: $!";
	read($fh, my $head, 10) == 10 || die "$file is too short";
	read($fh, my $description, unpack('v', substr($head, 8, 2)));
	$description =~ /'descr': '([|<])(u1|u2|f2|f4)'.*'shape': \((\d+), (\d+)\)/
	  || die "$file is of a kind not expected: $description";
	my ($kind, $n_rows, $dim) = ($2, $3, $4);
	($size, $template) = $kind eq 'u1' ? ($dim, 'C*') : $kind =~ /2/ ? ($dim * 2, 'v*') : ($dim * 4, 'f<*');
	make_halves() if $kind eq 'f2' && !@halves;
	$n = $n_rows - $first if !defined $n || $n > $n_rows - $first;
	seek($fh, $first * $size, 1);

	open($out, '>', $path) || die "could not create $path: $!";
	for my $i ($first .. $first + $n - 1)
	{
		read($fh, $row, $size) == $size || die "$file ends early";
		my @elements = unpack($template, $row);

		@elements = @halves[@elements] if $kind eq 'f2';
		print $out "$i\t[" . join(',', @elements) . "]\n";
	}
	close($out) || die "could not write $path: $!";
	close($fh);
	$node->safe_psql('postgres', "\\copy $table FROM '$path'");
	unlink($path);
	return $n;
}

# Run sessions beside each other, each of which repeats its statements, for so
# many seconds and until $is_done says so; then end them all.
#
# No session may report an error but those of two writers who meet at a row.
# Returns what each has printed.
sub run_beside
{
	my ($node, $seconds, $is_done, @scripts) = @_;
	my $start = time;
	my $n = 0;
	my @sessions;

	for my $sql (@scripts)
	{
		my %session = (out => '', err => '');
		my $file = $node->basedir . '/repeat' . ++$n . '.sql';

		append_to_file($file, $sql x 20000);
		$session{run} = IPC::Run::start([ 'psql', '-XqAt', '-f', $file, '-d', $node->connstr('postgres') ], '>', \$session{out}, '2>', \$session{err});
		push @sessions, \%session;
	}
	while (time - $start < $seconds || !$is_done->())
	{
		last if time - $start > $seconds + $PostgreSQL::Test::Utils::timeout_default;
		usleep(500_000);
		for (@sessions)
		{
			# one that has ended is reported below
			eval { $_->{run}->pump_nb };
		}
	}
	note(sprintf('%d sessions for %.1f s', scalar @sessions, time - $start));
	$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()});
	for my $session (@sessions)
	{
		eval { $session->{run}->finish };
		my @errors = grep { !/terminating connection|server closed|connection to server|abnormally|before or while|could not serialize|deadlock detected/ }
		  grep { /ERROR|FATAL|PANIC|WARNING/ } split(/\n/, $session->{err});
		is(join("\n", @errors), '', 'no errors');
	}
	unlink($node->basedir . "/repeat$_.sql") for 1 .. $n;
	return map { $_->{out} } @sessions;
}

# Make the view "leftovers": files of no relation, locks on tables and indexes
# whose names match a pattern, temporary files, workers
sub watch_leftovers
{
	my ($node, $pattern) = @_;

	$node->safe_psql('postgres', qq{
		CREATE VIEW leftovers AS
			SELECT 'file ' || name AS what
			FROM pg_ls_dir('base/' || (SELECT oid FROM pg_database WHERE datname = current_database())) AS name
			WHERE name ~ '^[0-9]+' AND NOT EXISTS (SELECT FROM pg_class
				WHERE pg_relation_filenode(oid) = substring(name FROM '^[0-9]+')::oid)
			UNION ALL
			SELECT 'lock on ' || relation::regclass FROM pg_locks
			WHERE relation IN (SELECT oid FROM pg_class WHERE relname ~ '$pattern') AND pid <> pg_backend_pid()
			UNION ALL
			SELECT 'temporary file ' || name FROM pg_ls_tmpdir()
			UNION ALL
			SELECT 'worker ' || pid FROM pg_stat_activity WHERE backend_type = 'parallel worker'});
	return;
}

# Milliseconds that a process has run, where the system tells
sub run_time
{
	my ($pid) = @_;

	open(my $file, '<', "/proc/$pid/schedstat") || return 0;
	return (split(/ /, <$file>))[0] / 1e6;
}

# Seconds that the processor works for a statement, however busy the machine is;
# where the system does not tell, those that it takes
sub seconds_for
{
	my ($node, $sql) = @_;
	my $session = $node->background_psql('postgres');
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	my ($start, $before) = (time, run_time($pid));

	$session->query_safe($sql);
	my ($took, $worked) = (time - $start, (run_time($pid) - $before) / 1000);
	$session->quit;
	return $worked > 0 ? $worked : $took;
}

# End the statement_timeout of a session, which on a busy machine may come before
# that is done
sub end_timeout
{
	my ($session) = @_;

	for (1 .. 1000)
	{
		$session->query('RESET statement_timeout');
		last if $session->query('SHOW statement_timeout') eq '0';
	}
	$session->{stderr} = '';
	return;
}

# Nothing is left of work that was stopped
sub is_tidy
{
	my ($node, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	# a worker may take a moment to end, and a session that was terminated, too
	$node->safe_psql('postgres', 'CHECKPOINT');
	return ok($node->poll_query_until('postgres', q{SELECT coalesce(string_agg(what, ', '), '') FROM leftovers}, ''),
		"$name: no files, locks or workers are left");
}

1;
