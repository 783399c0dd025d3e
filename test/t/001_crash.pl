#----------------------------------------------------------------------
#
# Crashes while rows are written, read and vacuumed.
#
# Each writer works through a list of steps that its number decides on, and
# says after each that the server has confirmed it.  After a crash the table
# must look as after the steps confirmed, or as after one more: the one under
# way may have been committed.  The indexes must hold just the table's rows.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $n_writers = 3;
my $n_steps = 2000;
my $n_scripts = 0;
my @ways = ('kill the server', 'kill a backend', 'immediate', 'kill the server', 'kill a backend');
@ways = (@ways[0 .. 2]) x 200 if $LONG;

my $node = new_server('crash', "shared_buffers = 4MB\nwal_consistency_checking = 'all'\nrestart_after_crash = on\n");

$node->safe_psql('postgres', q{
	CREATE TABLE items (id int PRIMARY KEY, v vector(24), version int);
	CREATE INDEX items_l2 ON items USING hnsw (v vector_l2_ops, version, (id % 5));
	CREATE INDEX items_l1 ON items USING hnsw (v vector_l1_ops) WITH (m = 8, ef_construction = 32);
	CREATE INDEX items_cosine ON items USING hnsw ((CASE WHEN id % 7 = 0 THEN v - v ELSE v END::vector(24)) vector_cosine_ops);
	SET client_min_messages = warning;
	CREATE INDEX items_linf ON items USING kdtree (v vector_linf_ops);
	-- lists that the first VACUUM trains, and later ones split; each search reads all of them
	ALTER DATABASE postgres SET ivfflat.probes = 1000;
	ALTER DATABASE postgres SET ivfpq.probes = 1000;
	CREATE INDEX items_flat ON items USING ivfflat (v vector_ip_ops, version) WITH (lists = 12);
	CREATE INDEX items_pq ON items USING ivfpq ((v::halfvec(24)) halfvec_l2_ops) WITH (lists = 8);
	CREATE FUNCTION words(id int, version int) RETURNS text LANGUAGE sql IMMUTABLE AS
		$$SELECT concat_ws(' ', 'all', 'own' || id, 'v' || version, 'a' || id % 7, 'b' || id % 300)$$;
	CREATE INDEX items_words ON items USING bm25 (words(id, version), version) WITH (text_config = 'simple');
	CREATE TABLE questions AS SELECT i AS id, point(1000000 + i, 24) AS q FROM generate_series(1, 20) i;
	CREATE SEQUENCE done;
});

# The steps of a writer: (SQL, change of the expected state)
sub steps_of
{
	my ($base) = @_;
	my @steps;

	for my $i (1 .. $n_steps)
	{
		my $id = $base + $i;
		my $old = $base + int($i / 2);
		my $kind = $i % 6;

		if ($kind == 0)
		{
			push @steps, [ "UPDATE items SET v = point(id, 24, $i), version = $i WHERE id = $old",
				sub { $_[0]{$old} = $i if exists $_[0]{$old} } ];
		}
		elsif ($kind == 1)
		{
			push @steps, [ "DELETE FROM items WHERE id = $old", sub { delete $_[0]{$old} } ];
		}
		elsif ($kind == 2)
		{
			push @steps, [ "BEGIN; INSERT INTO items VALUES ($id, point($id, 24), 0); ROLLBACK", sub { } ];
		}
		elsif ($kind == 3)
		{
			# both rows or none; equal vectors, so they share a node
			my $other = $id + $n_steps;

			push @steps, [ "BEGIN; INSERT INTO items VALUES ($id, point($id, 24), 0);"
				  . "INSERT INTO items VALUES ($other, point($id, 24), 0); COMMIT",
				sub { $_[0]{$id} = 0; $_[0]{$other} = 0 } ];
		}
		else
		{
			push @steps, [ "INSERT INTO items VALUES ($id, point($id, 24), 0)", sub { $_[0]{$id} = 0 } ];
		}
	}
	return @steps;
}

# A psql that reads the script and is stopped by the crash
sub start_psql
{
	my ($script) = @_;
	my %psql = (out => '', err => '');
	my $file = $node->basedir . '/script' . ++$n_scripts . '.sql';

	append_to_file($file, $script);
	$psql{run} = IPC::Run::start(
		[ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-f', $file, '-d', $node->connstr('postgres') ],
		'>', \$psql{out}, '2>', \$psql{err});
	return \%psql;
}

sub state_after
{
	my ($steps, $n) = @_;
	my %state;

	$steps->[$_][1]->(\%state) for 0 .. $n - 1;
	return join(' ', map { "$_:$state{$_}" } sort { $a <=> $b } keys %state);
}

# The index of texts has each row of the table once, with a word of its own
sub has_words
{
	my ($table, $text, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	return is($node->safe_psql('postgres', qq{
			$BY_INDEX
			SELECT count(*) - (SELECT count(*) FROM $table), count(*) - count(DISTINCT id) FROM (SELECT id FROM $table ORDER BY $text <\@> 'all' OFFSET 0) s;
			SELECT count(*) FROM (SELECT id FROM $table ORDER BY id DESC LIMIT 200) t, LATERAL (SELECT array_agg(f.id) AS found FROM
				(SELECT id FROM $table ORDER BY $text <\@> ('own' || t.id) LIMIT 3) f) s WHERE found IS DISTINCT FROM ARRAY[t.id]}),
		"0|0\n0", "$name: all rows once, by their words");
}

sub check_indexes
{
	my ($name) = @_;

	is_sound($node, $_, $name) for qw(items_l2 items_l1 items_cosine items_linf items_flat items_pq items_words);
	is_complete($node, 'items', "v <-> '" . $node->safe_psql('postgres', 'SELECT point(5, 24)') . "'",
		"$name, L2");
	is_complete($node, 'items', "v <+> '" . $node->safe_psql('postgres', 'SELECT point(6, 24)') . "'",
		"$name, L1");
	is_complete($node, 'items', "v <*> '" . $node->safe_psql('postgres', 'SELECT point(8, 24)') . "'",
		"$name, kdtree", 0);
	is_complete($node, 'items', "v <#> '" . $node->safe_psql('postgres', 'SELECT point(9, 24)') . "'",
		"$name, ivfflat");
	is_whole($node, 'items', "v::halfvec(24) <-> '" . $node->safe_psql('postgres', 'SELECT point(4, 24)') . "'::halfvec",
		"$name, ivfpq");
	has_words('items', 'words(id, version)', "$name, bm25");
	is_complete($node, 'items', "(CASE WHEN id % 7 = 0 THEN v - v ELSE v END::vector(24)) <=> '"
		  . $node->safe_psql('postgres', 'SELECT point(7, 24)') . "'", "$name, cosine");
	return;
}

my $cycle = 0;
for my $way (@ways)
{
	my $name = 'crash ' . ++$cycle . " ($way)";
	my (@writers, @steps, @others);

	for my $w (0 .. $n_writers - 1)
	{
		my $base = ($cycle * $n_writers + $w) * 10 * $n_steps;
		my @own = steps_of($base);

		push @steps, \@own;
		push @writers, start_psql(join('', map { "$own[$_][0];\n\\echo step $_\n" } 0 .. $#own));
	}
	push @others, start_psql("VACUUM items;\nCHECKPOINT;\n" x 500);
	push @others, start_psql("$BY_INDEX\n" . join('',
			map { 'SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> '
				  . "(SELECT q FROM questions WHERE id = " . (1 + $_ % 20) . ") LIMIT 100) s;\n" } 1 .. 5000));

	# let each writer come some way, another one each time
	for my $w (0 .. $n_writers - 1)
	{
		my $target = 60 + (37 * $cycle + 11 * $w) % 600;

		$writers[$w]{run}->pump until $writers[$w]{out} =~ /step $target\n/ || !$writers[$w]{run}->pumpable;
	}
	if ($way eq 'kill the server')
	{
		$node->kill9;
		start_again($node);
	}
	elsif ($way eq 'kill a backend')
	{
		# whoever writes or reads, or is about to; never all processes
		my $pid = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity
			WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
			ORDER BY query LIKE 'INSERT%' OR query LIKE 'VACUUM%' DESC, pid LIMIT 1});

		die 'nobody is there' if !$pid;
		kill 'KILL', $pid;
		# the others must be gone before the server starts again
		for my $psql (@writers, @others)
		{
			$psql->{run}->pump while $psql->{run}->pumpable;
		}
		$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') || die 'no recovery';
	}
	else
	{
		$node->stop('immediate');
		$node->start;
	}
	for my $psql (@writers, @others)
	{
		eval { $psql->{run}->finish };
	}

	for my $w (0 .. $n_writers - 1)
	{
		my $base = ($cycle * $n_writers + $w) * 10 * $n_steps;
		my $confirmed = () = $writers[$w]{out} =~ /^step/mg;
		my $now = $node->safe_psql('postgres', "$BY_TABLE
			SELECT string_agg(id || ':' || version, ' ' ORDER BY id) FROM items
			WHERE id BETWEEN $base AND $base + 9 * $n_steps");

		unlike($writers[$w]{err}, qr/ERROR|PANIC/, "$name: writer $w had no error");
		ok($now eq state_after($steps[$w], $confirmed) || $now eq state_after($steps[$w], $confirmed + 1),
			"$name: writer $w finds what was confirmed ($confirmed steps)");
	}
	unlike($_->{err}, qr/ERROR|PANIC/, "$name: VACUUM and queries had no error") for @others;
	check_indexes($name);
	$node->safe_psql('postgres', 'DELETE FROM items WHERE id < ' . ($cycle - 20) * $n_writers * 10 * $n_steps) if $cycle % 10 == 0;
}
# what the processor did for it, however busy the machine is
my @recoveries;
my $log = slurp_file($node->logfile);
push @recoveries, $1 + $2 while $log =~ /redo done at .* user: ([\d.]+) s, system: ([\d.]+) s,/g;
my ($slowest) = sort { $b <=> $a } @recoveries;
cmp_ok(scalar(@recoveries), '>=', @ways / 2, 'recoveries are logged');
cmp_ok($slowest, '<', 2, "the slowest of " . scalar(@recoveries) . " recoveries took $slowest s");

# an idle server: the same answers before and after
my %answers;
my $distance = 'v <-> q.q';
my $l1_distance = 'v <+> q.q';
$node->safe_psql('postgres', 'VACUUM items');
flush_log($node);
my $before = top_lists($node, 'items', 'questions', $distance, 10);
my $before_l1 = top_lists($node, 'items', 'questions', $l1_distance, 10);
$node->stop('immediate');
$node->start;
is(top_lists($node, 'items', 'questions', $distance, 10), $before, 'the same answers after a crash of an idle server');
is(top_lists($node, 'items', 'questions', $l1_distance, 10), $before_l1, 'the same answers of the other index');

# right after CREATE INDEX
my %distances = (
	fresh_l2 => "v <-> '" . $node->safe_psql('postgres', 'SELECT point(3, 24)') . "'",
	fresh_l1 => "v <+> '" . $node->safe_psql('postgres', 'SELECT point(3, 24)') . "'",
	fresh_linf => "v <*> '" . $node->safe_psql('postgres', 'SELECT point(3, 24)') . "'",
	fresh_flat => "v <#> '" . $node->safe_psql('postgres', 'SELECT point(3, 24)') . "'",
	fresh_pq => "v::halfvec(24) <-> '" . $node->safe_psql('postgres', 'SELECT point(3, 24)') . "'::halfvec");
$node->safe_psql('postgres', q{
	SET client_min_messages = warning;
	CREATE TABLE fresh AS SELECT i AS id, point(i, 24) AS v FROM generate_series(1, 1500) i;
	ALTER TABLE fresh ALTER v TYPE vector(24);
	CREATE INDEX fresh_l2 ON fresh USING hnsw (v vector_l2_ops);
	CREATE INDEX fresh_l1 ON fresh USING hnsw (v vector_l1_ops);
	CREATE INDEX fresh_linf ON fresh USING kdtree (v vector_linf_ops);
	CREATE INDEX fresh_flat ON fresh USING ivfflat (v vector_ip_ops) WITH (lists = 12);
	CREATE INDEX fresh_pq ON fresh USING ivfpq ((v::halfvec(24)) halfvec_l2_ops) WITH (lists = 8);
	CREATE INDEX fresh_words ON fresh USING bm25 (words(id, 1)) WITH (text_config = 'simple');
});
$node->stop('immediate');
$node->start;

sub check_fresh
{
	my ($index, $name) = @_;

	is_sound($node, $index, $name);
	if ($index eq 'fresh_words')
	{
		has_words('fresh', 'words(id, 1)', $name);
	}
	elsif ($index eq 'fresh_pq')
	{
		is_whole($node, 'fresh', $distances{$index}, "$name, $index");
	}
	else
	{
		is_complete($node, 'fresh', $distances{$index}, "$name, $index");
	}
	return;
}
check_fresh($_, 'crash after CREATE INDEX') for sort('fresh_words', keys %distances);

# during REINDEX CONCURRENTLY, which a transaction keeps from coming to its end
for my $index (qw(fresh_l2 fresh_linf fresh_flat fresh_pq fresh_words))
{
	my $holder = $node->background_psql('postgres');
	$holder->query_safe('BEGIN; INSERT INTO fresh VALUES (2000, point(2000, 24))');
	my $reindex = start_psql("REINDEX INDEX CONCURRENTLY $index;\n");
	$node->poll_query_until('postgres',
		q{SELECT count(*) = 1 FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting for writers%'})
	  || die 'REINDEX did not begin';
	$node->kill9;
	start_again($node);
	eval { $reindex->{run}->finish };
	eval { $holder->quit };
	check_fresh($index, 'crash during REINDEX CONCURRENTLY');
	$node->safe_psql('postgres', "DROP INDEX ${index}_ccnew; REINDEX INDEX CONCURRENTLY $index");
	check_fresh($index, 'REINDEX CONCURRENTLY after that');
}

# all of it recovers, and vacuum and inserts go on
$node->safe_psql('postgres', q{
	DELETE FROM items WHERE id % 3 = 0;
	VACUUM items;
	INSERT INTO items SELECT -i, point(i, 24, 99), 0 FROM generate_series(1, 300) i;
});
check_indexes('after all');
$node->stop;

done_testing();
