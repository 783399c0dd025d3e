#----------------------------------------------------------------------
#
# kdtree: a process dies, or fails, at each step that is written to the log.
#
# As 010_fault_points does for hnsw: the table must have what was confirmed and
# nothing else, and the index just the table's rows, in order.  With 64
# dimensions 31 points fill a leaf and 15 children an inner page, so that some
# hundreds of rows split pages of every kind.
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

my $wanted = $ENV{GIGAVEC_POINTS} // '.';
my $n_rounds = $LONG ? 20 : 1;

my $node = new_server('points', q{
	fsync = off
	wal_consistency_checking = 'all'
	shared_buffers = 16MB
	restart_after_crash = on
	bgwriter_lru_maxpages = 0
	checkpoint_timeout = 1h
});

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_buffercache;
	SET client_min_messages = warning;
	CREATE TABLE items (id int PRIMARY KEY, v vector(64));
	INSERT INTO items SELECT i, point(i, 64) FROM generate_series(1, 300) i;
	CREATE INDEX items_kd ON items USING kdtree (v);
	CREATE TABLE mirror AS TABLE items;
	CREATE VIEW differences AS SELECT id FROM items FULL JOIN mirror USING (id) WHERE items IS NULL OR mirror IS NULL;
	CREATE VIEW leftovers AS
		SELECT 'pin of block ' || relblocknumber AS what FROM pg_buffercache WHERE pinning_backends > 0
			AND relfilenode = pg_relation_filenode('items_kd')
		UNION ALL
		SELECT mode || ' on ' || relation::regclass FROM pg_locks WHERE relation = 'items_kd'::regclass;
});

# Lists of statements, given the round
my %works = (
	insert => sub {
		my ($base) = 10000 * (1 + $_[0]);

		return ('INSERT INTO items SELECT i, point(i, 64, 5) FROM generate_series(' . $base . ', ' . ($base + 599) . ') i',
			map { "INSERT INTO items VALUES ($base + 1000 + $_, point($base + $_ % 7, 64))" } 1 .. 12);
	},
	vacuum => sub {
		my ($round) = @_;

		# rows far from all others, so that leaves become empty
		return ("INSERT INTO items SELECT -1000 * ($round + 1) - i, point(i, 64) + array_fill(1000, ARRAY[64])::vector FROM generate_series(1, 150) i",
			"DELETE FROM items WHERE id < 0 OR id % 3 = $round % 3", 'VACUUM items');
	},
	create => sub {
		return ('DROP TABLE IF EXISTS other, passing',
			'CREATE TABLE other (v vector(64))',
			'CREATE INDEX other_kd ON other USING kdtree (v)',
			'CREATE UNLOGGED TABLE passing (v vector(64))',
			'CREATE INDEX passing_kd ON passing USING kdtree (v)',
			'INSERT INTO passing SELECT v FROM items LIMIT 50',
			'REINDEX INDEX items_kd',
			# rows that do not fit into memory: an empty tree that grows up to the split of the root
			'TRUNCATE other', 'INSERT INTO other SELECT point(i, 64) FROM generate_series(1, 600) i');
	},
	scan => sub {
		return ("DO \$\$BEGIN PERFORM gigavec.check('items_kd'); END\$\$", $BY_INDEX,
			'DO $$BEGIN PERFORM id FROM items ORDER BY v <-> point(7, 64); END$$');
	},
);

my $died = qr/server closed the connection unexpectedly|connection to server was lost/;

# Do work with a setting of test points; returns complaints, and what is left behind
sub do_work
{
	my ($work, $round, $setting) = @_;
	my @statements = $works{$work}->($round);
	my ($out, $err, $n) = ('', '', 0);
	my $offset = -s $node->logfile;

	$node->psql('postgres', join('', "LOAD 'gigavec';\nSET client_min_messages = warning;\n",
			"SET gigavec.test_point = '$setting';\n",
			(map { "$_;\n\\if :ERROR\n\\else\n\\echo done " . $n++ . "\n\\endif\n" } @statements),
			'TABLE leftovers'),
		stdout => \$out, stderr => \$err, on_error_stop => 0);
	$node->wait_for_log(qr/all server processes terminated.*database system is ready to accept connections/s, $offset)
	  if $err =~ $died;
	my @done = map { s/(INTO|FROM) items\b/$1 mirror/r } grep { /INTO items\b|DELETE/ } @statements[ $out =~ /^done (\d+)$/mg ];
	$node->safe_psql('postgres', join(';', @done)) if @done;
	$out =~ s/^done \d+$//mg;
	return ($err, $out =~ s/^\s+|\s+$//gr);
}

sub check_all
{
	my ($name) = @_;

	is($node->safe_psql('postgres', qq{
		TABLE differences;
		SELECT * FROM gigavec.check('items_kd') LIMIT 10;
		$BY_INDEX
		SELECT count(*) - (SELECT count(*) FROM items), count(*) - count(DISTINCT id), count(*) FILTER (WHERE d < before)
		FROM (SELECT id, d, lag(d) OVER (ORDER BY n) AS before
			FROM (SELECT id, d, row_number() OVER () AS n
				FROM (SELECT id, v <-> point(1000007, 64) AS d FROM items ORDER BY v <-> point(1000007, 64) OFFSET 0) r) s) t}),
		'0|0|0', "$name: the index has what was confirmed");
	return;
}

my %points = declared_points('src/kdtree');
my $round = 0;
my %reached;

for my $work (sort keys %works)
{
	my $offset = -s $node->logfile;
	my ($err, $left) = do_work($work, $round++, '*:log');

	is($err, '', "work $work: no error");
	is($left, '', "work $work: nothing is left");
	my $log = slurp_file($node->logfile, $offset);
	while ($log =~ /reached test point "([^"]+)"/g)
	{
		$reached{$1}{$work}++ if $points{$1};
	}
}
ok($reached{$_}, "$_ is reached") for sort keys %points;
check_all('all work done once');

# Have something happen at a point; once round when it is reached first
sub happen
{
	my ($action, $point, $i) = @_;
	my %times = %{ $reached{$point} };
	my ($work) = sort { $times{$b} <=> $times{$a} || $a cmp $b } keys %times;
	my $count = $i == 1 ? 1 : 1 + int(rand($times{$work} / 2));
	my ($err, $left) = ('', '');

	for (my $try = 1; $try <= 5 && $err eq ''; $try++)
	{
		# or the tree would only grow
		$node->safe_psql('postgres', 'TRUNCATE items; INSERT INTO items SELECT i, point(i, 64) FROM generate_series(1, 300) i;'
			  . 'TRUNCATE mirror; INSERT INTO mirror TABLE items') if $round % 5 == 0;
		($err, $left) = do_work($work, $round++, "$point:$action:$count");
	}
	return ("$work, $action, $point, $count", $err, $left);
}

# Die at each point; what is before a record is after another
srand(1);
for my $i (1 .. $n_rounds)
{
	for my $point (grep { /$wanted/ && ($i > 1 || !/^before/) } sort keys %reached)
	{
		my ($name, $err) = happen('crash', $point, $i);

		like($err, $died, "$name: dies");
		check_all($name);
		$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP on) items');
		check_all("$name, vacuumed");
	}
}

# Fail at each point
for my $i (1 .. $n_rounds)
{
	for my $point (grep { /$wanted/ } sort keys %reached)
	{
		my ($name, $err, $left) = happen('error', $point, $i);

		like($err, qr/ERROR:  stopped at test point "\Q$point\E"/, "$name: fails");
		is(() = $err =~ /ERROR|WARNING/g, 1, "$name: no other complaint");
		is($left, '', "$name: nothing is left");
		check_all($name);
	}
}
$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP on) items');
check_all('after errors, vacuumed');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|refcount leak|XX000/, 'nothing else in the log');
$node->stop;

done_testing();
