#----------------------------------------------------------------------
#
# GigavecPoints.pm
#		Stopping, failing and killing the server at points in the code.
#
# A test that uses this module runs on a build with assertions, which has the
# setting gigavec.test_point; see src/am/testpoint.c.  The points are those
# that the code declares by GV_TEST_POINT, and the places before and after each
# record of the log, gv_xlog_finish.
#
#----------------------------------------------------------------------
package GigavecPoints;

use strict;
use warnings;

use Exporter 'import';
use File::Find;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use GigavecTest;

our @EXPORT = qw(
  visit_points stop_at go_on begin_sql end_sql
);

# The points of the source below a folder, with what declares them
sub declared_points
{
	my ($folder) = @_;
	my %points;

	find(
		{
			wanted => sub {
				my ($place) = m{([^/]+/[^/]+\.c)$};
				my $n = 0;

				return if !defined $place || !-f;
				for my $line (split(/\n/, slurp_file($_)))
				{
					$n++;
					$points{$1} = $place if $line =~ /GV_TEST_POINT\("([^"]+)"\)/;
					next if $line !~ /\bgv_xlog_finish\(/;
					$points{"$_ $place:$n"} = $place for 'before', 'after';
				}
			},
			no_chdir => 1
		},
		"$ENV{GIGAVEC_SOURCE}/$folder");
	return %points;
}

my $died = qr/server closed the connection unexpectedly|connection to server was lost/;

# Do work with a setting of test points, in a session that goes on after errors,
# and in the mirrors what was confirmed; returns the complaints, and what the
# session has left behind
sub do_work
{
	my ($visit, $name, $setting) = @_;
	my ($node, $tables) = @$visit{ 'node', 'tables' };
	my $round = $visit->{round}++;
	my ($out, $err, $n) = ('', '', 0);

	$visit->{prepare}->($name, $round);
	my @statements = $visit->{works}{$name}->($round);
	my $offset = -s $node->logfile;
	$node->psql('postgres', join('', "LOAD 'gigavec';\nSET client_min_messages = warning;\n",
			"SET gigavec.test_point = '$setting';\n",
			(map { "$_;\n\\if :ERROR\n\\else\n\\echo done " . $n++ . "\n\\endif\n" } @statements),
			# the checkpointer pins a page for as long as it writes it
			'DO $$BEGIN FOR i IN 1 .. 50 LOOP EXIT WHEN NOT EXISTS (SELECT FROM leftovers); PERFORM pg_sleep(.1); END LOOP; END$$;',
			"\nTABLE leftovers"),
		stdout => \$out, stderr => \$err, on_error_stop => 0);
	$node->wait_for_log(qr/all server processes terminated.*database system is ready to accept connections/s, $offset)
	  if $err =~ $died;
	my @done = map { s/(INTO|FROM) ($tables)\b/$1 $2_mirror/r } grep { /INTO ($tables)\b|DELETE/ } @statements[ $out =~ /^done (\d+)$/mg ];
	$node->safe_psql('postgres', join(';', @done)) if @done;
	$out =~ s/^done \d+$//mg;
	return ($err, $out =~ s/^\s+|\s+$//gr);
}

# Have something happen at a point; returns a name for it, complaints, and what
# is left behind.  Once round it happens when the point is reached first, then
# at some other time.
sub happen
{
	my ($visit, $action, $point, $i) = @_;
	my %times = %{ $visit->{reached}{$point} };
	my ($name) = sort { $times{$b} <=> $times{$a} || $a cmp $b } keys %times;
	my $count = $i == 1 ? 1 : 1 + int(rand($times{$name} / 2));
	my ($err, $left) = ('', '');

	# the work of some rounds may not come there
	for (my $try = 1; $try <= 5 && $err eq ''; $try++)
	{
		($err, $left) = do_work($visit, $name, "$point:$action:$count");
	}
	return ("$name, $action, $point, $count", $err, $left);
}

# Do works that come to all points of some folders; then die and fail at each
# point.  In the long form, at twenty moments instead of the first one.
#
# node: the server; its view "leftovers" tells what a session has left behind
# folders: regular expression of the folders of src/ whose points these are
# tables: regular expression of the tables; TABLE_mirror gets what was confirmed
# works: names of works with functions from a round to a list of statements
# prepare: called with a work's name and the round, before
# check: called with a name for what was done, looks whether all is well
# search: the same, once no more is to be found missing: all is vacuumed
sub visit_points
{
	my (%visit) = (round => 0, prepare => sub { }, search => sub { }, @_);
	my ($node, $check, $search) = @visit{ 'node', 'check', 'search' };
	my $vacuum = 'VACUUM (INDEX_CLEANUP on) ' . join(', ', split(/\|/, $visit{tables}));
	my %declared = declared_points('src');
	my @points = grep { $declared{$_} =~ m{^(?:$visit{folders})/} } sort keys %declared;
	# to die and fail at some points only, for a closer look
	my $wanted = $ENV{GIGAVEC_POINTS} // '.';
	my @rounds = (1 .. ($LONG ? 20 : 1));
	my %reached;

	# which work comes to which points, and how often?
	for my $name (sort keys %{ $visit{works} })
	{
		my $offset = -s $node->logfile;
		my ($err, $left) = do_work(\%visit, $name, '*:log');

		is($err, '', "work $name: no error");
		is($left, '', "work $name: nothing is left");
		my $log = slurp_file($node->logfile, $offset);
		$reached{$1}{$name}++ while $log =~ /reached test point "([^"]+)"/g;
	}
	for my $point (@points)
	{
		ok($reached{$point}, "$point is reached");
		note("$point: $_ $reached{$point}{$_} times") for sort keys %{ $reached{$point} };
	}
	ok($declared{$_}, "$_ is a point that the source declares") for sort keys %reached;
	$check->('all work done once');
	$search->('all work done once');
	$visit{reached} = \%reached;
	@points = grep { /$wanted/ && $reached{$_} } @points;

	# Die at each.  What is before a record is after another, so once round
	# it is enough to die after each.
	srand(1);
	for my $i (@rounds)
	{
		for my $point (grep { $i > 1 || !/^before/ } @points)
		{
			my ($name, $err) = happen(\%visit, 'crash', $point, $i);

			like($err, $died, "$name: dies");
			$check->($name);
			$node->safe_psql('postgres', $vacuum);
			$check->("$name, vacuumed");
			$search->("$name, vacuumed");
		}
	}

	# fail at each
	for my $i (@rounds)
	{
		for my $point (@points)
		{
			my ($name, $err, $left) = happen(\%visit, 'error', $point, $i);

			like($err, qr/ERROR:  stopped at test point "\Q$point\E"/, "$name: fails");
			is(() = $err =~ /ERROR|WARNING/g, 1, "$name: no other complaint");
			is($left, '', "$name: nothing is left");
			$check->($name);
		}
	}
	$node->safe_psql('postgres', $vacuum);
	$check->('after errors, vacuumed');
	$search->('after errors, vacuumed');
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP|refcount leak|XX000/, 'nothing else in the log');
	return;
}

# Run statements in a session of their own, which stops at a point; returns the
# session.
#
# point: its name, or NAME:COUNT to stop when it is reached so many times
# setting: what else happens to the session, for example NAME:crash
sub stop_at
{
	my ($node, $where, $sql, $setting) = @_;
	my ($point, $count) = split(/:/, $where);
	my $holder = $node->background_psql('postgres');
	my $psql;

	$holder->query_safe("SELECT pg_advisory_lock(hashtext('$point'))");
	$psql = begin_sql($node, $sql, join(',', "$point:wait:" . ($count // 1), $setting ? $setting : ()));
	$node->poll_query_until('postgres', qq{
		SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
			AND objid = (hashtext('$point')::bigint & 4294967295)::oid})
	  || die "nobody came to $point";
	return { psql => $psql, holder => $holder, point => $point };
}

# Let a session go on, and wait until its statements are done or the server
# has died; returns what they complained about
sub go_on
{
	my ($stopped) = @_;
	my ($psql, $holder) = @$stopped{ 'psql', 'holder' };

	# its end lets go of the lock
	eval { $holder->{run}->finish };
	return end_sql($psql);
}

# Run statements in a session of their own, without waiting for it
sub begin_sql
{
	my ($node, $sql, $setting) = @_;
	my $psql = $node->background_psql('postgres', on_error_stop => 0);

	$psql->query_safe("LOAD 'gigavec'; SET gigavec.test_point = '$setting'") if $setting;
	$psql->query_until(qr/begun/, "\\echo begun\n$sql;\n");
	return $psql;
}

# Wait for the end of such a session; returns what it complained about
sub end_sql
{
	my ($psql) = @_;

	# the end of its input is the end of the session, if it still lives
	eval { $psql->{run}->finish };
	return $psql->{stderr};
}

1;
